//! The screens that list something: what has the focus, which hints are true, what is cut first, and what is too small.

use super::fixture::Fixture;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::session::SessionEvent;
use crate::ui::message::Message;
use crate::ui::model::{Pane, Screen};

fn second_row(fixture: &Fixture) -> String {
    fixture.picture().lines().nth(1).unwrap().to_owned()
}

#[test]
fn the_smallest_list_shows_its_filter_and_how_many_it_hides() {
    let mut fixture = Fixture::checked(40, 10);
    assert!(second_row(&fixture).starts_with("/filter"), "{}", second_row(&fixture));
    fixture.press(r#"/ "orders""#);
    let row = second_row(&fixture);
    assert!(row.starts_with("/orders") && row.ends_with("2/6"), "{row}");
    fixture.press("enter");
    assert_eq!(second_row(&fixture), row);
    fixture.press("G");
    let picture = fixture.picture();
    assert_eq!(
        picture.lines().filter(|line| line.starts_with('▌')).count(),
        1,
        "{picture}"
    );
}

#[test]
fn on_the_first_run_there_is_nothing_to_filter_and_no_problem_to_show() {
    let mut fixture = Fixture::with(&[], 80, 24);
    fixture.press("2 /");
    assert_eq!(
        (fixture.model.screen, fixture.model.roles.editing),
        (Screen::Roles, false)
    );
    assert!(fixture.last_row().contains("no role yet"), "{}", fixture.last_row());
    fixture.press("enter");
    assert!(fixture.model.dialog.is_none());
    // The files may go while somebody types.
    let mut fixture = Fixture::checked(80, 24);
    fixture.press(r#"/ "abc""#);
    let config = super::fixture::config(&[]);
    fixture.send(Message::Reloaded { config });
    fixture.press("enter");
    assert!(fixture.model.dialog.is_none() && fixture.model.roles.filter.text.is_empty());
}

#[test]
fn a_safer_role_that_is_not_there_can_do_nothing() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "prod-postgres" enter"#);
    let picture = fixture.picture();
    assert!(picture.contains("prod-postgres-replica can do less"), "{picture}");
    let roles = "[roles.a]\nenv = \"dev\"\ncommand = [\"sh\"]\nsafer = \"zzz\"\n";
    let picture = Fixture::with(&[("roles.toml", roles)], 100, 30).picture();
    assert!(picture.contains("Safer      zzz (there is no such role)"), "{picture}");
}

#[test]
fn only_the_roles_have_two_panes() {
    let mut fixture = Fixture::checked(100, 30);
    for screen in ["2", "3"] {
        fixture.press(screen);
        for key in ["tab", "l", "h"] {
            fixture.press(key);
            assert_eq!(fixture.model.roles.focus, Pane::List);
            assert!(fixture.last_row().contains("not bound"), "{}", fixture.last_row());
        }
    }
    fixture.press("1 l");
    assert_eq!(
        (fixture.model.roles.focus, fixture.model.roles.wide),
        (Pane::Detail, false)
    );
    fixture.press("l");
    assert!(fixture.model.roles.wide);
    fixture.press("tab");
    assert_eq!(
        (fixture.model.roles.focus, fixture.model.roles.wide),
        (Pane::List, false)
    );
}

#[test]
fn a_detail_that_has_the_focus_names_its_role_and_q_goes_back_to_the_list() {
    for size in [(40, 10), (60, 15), (80, 24), (100, 30), (300, 80)] {
        let mut fixture = Fixture::checked(size.0, size.1);
        fixture.press(r#"/ "replica" enter"#);
        assert!(fixture.last_row().ends_with("q quit"));
        fixture.press("tab");
        let picture = fixture.picture();
        assert!(picture.contains("prod-postgres-replica"), "{picture}");
        assert!(fixture.last_row().ends_with("q back"), "{}", fixture.last_row());
        assert!(!fixture.last_row().contains("Tab detail"), "{}", fixture.last_row());
        fixture.press("q");
        assert_eq!((fixture.model.roles.focus, fixture.model.exit), (Pane::List, None));
        fixture.press("q");
        assert_eq!(fixture.model.exit, Some(0));
    }
}

const LONG: &str = "prod-eu-west-1-orders-primary";

fn long_names(size: (u16, u16)) -> Fixture {
    let roles = format!(
        "[roles.{LONG}]\nenv = \"prod\"\nconnector = \"postgres\"\naccess_mode = \"read-only\"\nfields.PGHOST = \"h\"\n\
         [roles.short]\nenv = \"stage\"\ncommand = [\"sh\"]\n"
    );
    let bad = "[roles.bad]\nenv = \"stage\"\ncommand = [\"sh\"]\nfields.A = \"_vaultkv3:secret/x:password\"\n";
    Fixture::with(&[("roles.toml", &roles), ("roles.d/bad.toml", bad)], size.0, size.1)
}

#[test]
fn a_name_is_the_last_that_is_cut() {
    for size in [(40, 10), (60, 15), (80, 24), (100, 30), (120, 40), (300, 80)] {
        let picture = long_names(size).picture();
        assert!(picture.contains(&format!("{LONG} ")), "{size:?}\n{picture}");
        assert!(!picture.contains("STAGE✗"), "{size:?}\n{picture}");
    }
    let picture = long_names((100, 30)).picture();
    assert!(
        picture.contains(&format!("{LONG}  ")) || picture.contains("PROD RO"),
        "{picture}"
    );
    for size in [(80, 24), (120, 40), (300, 80)] {
        assert!(long_names(size).picture().contains("✗ invalid"));
    }
}

#[test]
fn wide_windows_say_why_a_role_fails() {
    for size in [(80, 24), (120, 40), (180, 50), (300, 80)] {
        let mut fixture = Fixture::checked(size.0, size.1);
        for check in fixture.model.roles.checks.values_mut() {
            if let crate::ui::model::Check::Done(known) = check {
                known.status.problem = Some(Problem::new(
                    &catalogue::ENV_UNSET,
                    "the environment variable API_KEY is not set",
                ));
                known.status.state = crate::domain::status::State::Fail;
            }
        }
        assert!(fixture.picture().contains("✗ unset"), "{}", fixture.picture());
    }
}

#[test]
fn a_filter_is_seen_where_it_is_typed_and_keeps_off_the_count() {
    let long = "env:prod_type:postgres_tag:team=payments_provider:vault_status:fail_!legacy_orders_primary_x";
    for columns in [60, 80, 100] {
        let mut fixture = Fixture::checked(columns, 30);
        fixture.press(&format!(r#"/ "{long}""#));
        let row = second_row(&fixture);
        assert!(row.contains("primary x  "), "{row}");
        assert!(row.contains('…'), "{row}");
        fixture.press("home");
        assert!(
            second_row(&fixture)
                .trim_start_matches([' ', '/'])
                .starts_with("env:prod")
        );
        fixture.press("enter");
    }
}

#[test]
fn where_nothing_can_be_shown_no_key_acts_unseen() {
    let mut fixture = Fixture::checked(33, 8);
    assert!(
        fixture.picture().contains("Too small: 33x8, need 40x10"),
        "{}",
        fixture.picture()
    );
    fixture.press("enter o C e y : ? / x");
    assert!(fixture.effects.is_empty() && fixture.model.dialog.is_none() && !fixture.model.roles.editing);
    fixture.press("q");
    assert_eq!(fixture.model.exit, Some(0));
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ r");
    fixture.send(Message::Resize { columns: 33, rows: 8 });
    for key in ["enter", "esc"] {
        assert!(
            fixture.picture().contains("Enter shows the session"),
            "{}",
            fixture.picture()
        );
        fixture.press(key);
        assert_eq!(fixture.model.screen, Screen::Session);
        fixture.press(r"ctrl-\ r");
    }
    fixture.press("q");
    assert!(
        fixture.picture().contains("Quit with 1 session"),
        "{}",
        fixture.picture()
    );
    let narrow = Fixture::checked(20, 8).picture();
    assert!(
        narrow.contains("Too small: 20x8\n") && narrow.contains("need 40x10"),
        "{narrow}"
    );
}

#[test]
fn the_first_run_says_what_to_do_at_every_size() {
    for (columns, rows) in [(60, 15), (80, 24), (100, 30)] {
        let picture = Fixture::with(&[], columns, rows).picture();
        for part in ["roles.toml", "hallpass demo", "R reads the files"] {
            assert!(picture.contains(part), "{part}\n{picture}");
        }
        assert_eq!(picture.contains("connector ="), rows > 15, "{picture}");
    }
}

#[test]
fn a_live_session_that_is_opened_again_goes_on_and_that_is_said() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ R");
    fixture.started("$ ");
    assert!(
        fixture.last_row().contains("dev-orders goes on in tab 1"),
        "{}",
        fixture.last_row()
    );
    assert_eq!(fixture.model.sessions.live(), 2);
}

#[test]
fn another_size_is_no_news() {
    let mut fixture = Fixture::checked(100, 30);
    let first = fixture.open("dev-orders");
    fixture.press(r#"ctrl-\ : "connect_dev-shell" enter"#);
    fixture.started("$ ");
    fixture.send(Message::Resize { columns: 90, rows: 30 });
    fixture.later(100);
    let output = |fixture: &mut Fixture| {
        let event = SessionEvent::Output;
        fixture.send(Message::Session { tab: first, event });
        fixture.picture().lines().next().unwrap().contains(" !")
    };
    assert!(!output(&mut fixture));
    fixture.later(1_000);
    assert!(output(&mut fixture));
}

#[test]
fn what_is_shown_about_a_session_goes_on_with_it() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ i");
    assert!(fixture.picture().contains("0s ago"));
    fixture.later(63_000);
    fixture.send(Message::Tick);
    assert!(fixture.picture().contains("1m03s ago"), "{}", fixture.picture());
}

#[test]
fn questions_at_the_smallest_list_size_keep_their_rows_whole() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("prod-postgres-replica");
    fixture.press(r"ctrl-\ r q");
    fixture.send(Message::Resize { columns: 40, rows: 10 });
    assert!(fixture.picture().contains("open for 0s"), "{}", fixture.picture());
}
