//! What follows the end of a session: `[session] on_exit`.

use super::*;

const ROLE: &str = "[roles.prod-postgres]\nenv = \"dev\"\ncommand = [\"sh\"]\n\
                    [roles.stage-redis]\nenv = \"dev\"\ncommand = [\"sh\"]\n";

fn fixture(setting: &str) -> Fixture {
    let config = format!("[session]\non_exit = \"{setting}\"\n");
    let mut fixture = Fixture::with(&[("config.toml", &config), ("roles.toml", ROLE)], 100, 30);
    open_many(&mut fixture, 2);
    fixture
}

#[test]
fn stay_keeps_the_last_screen() {
    let mut fixture = fixture("stay");
    fixture.ended(2, 3);
    assert_eq!(fixture.model.screen, Screen::Session);
    assert!(fixture.picture().contains("line of 1"));
}

#[test]
fn return_goes_back_to_the_roles_and_says_how_it_ended() {
    let mut fixture = fixture("return");
    fixture.ended(1, 0);
    assert_eq!(
        (fixture.model.screen, fixture.model.sessions.tabs.len()),
        (Screen::Session, 1)
    );
    assert!(
        fixture.picture().contains("line of 1"),
        "the one in front stays in front"
    );
    fixture.ended(2, 3);
    assert_eq!(fixture.model.screen, Screen::Roles);
    assert!(fixture.last_row().contains("stage-redis: exited 3 after 11m32s"));
    assert_eq!(fixture.model.exit, None);
}

#[test]
fn quit_leaves_with_the_last_session_and_its_code() {
    let mut fixture = fixture("quit");
    fixture.ended(1, 3);
    assert_eq!(fixture.model.exit, None, "another one is live");
    fixture.ended(2, 4);
    assert_eq!(fixture.model.exit, Some(4));
}

/// Else it would take keys and not be seen.
#[test]
fn a_question_about_a_session_goes_with_it() {
    for setting in ["return", "stay"] {
        for paste in [false, true] {
            let mut fixture = fixture(setting);
            if paste {
                fixture.send(Message::Paste("x".repeat(6000)));
            } else {
                fixture.press(r"ctrl-\ x");
            }
            assert!(fixture.model.dialog.is_some());
            fixture.ended(2, 0);
            assert!(fixture.model.dialog.is_none(), "{setting} {paste}");
        }
    }
}
