//! The guard before a paste of several lines.

use super::*;
use crate::ui::tests::fixture::PASSWORD;

const LINES: &str = "delete from payments\nwhere id = 3;\n";

fn asked(fixture: &Fixture) -> bool {
    matches!(fixture.model.dialog, Some(Dialog::Paste { .. }))
}

fn paste(fixture: &mut Fixture, text: &str) {
    fixture.send(Message::Paste(text.to_owned()));
}

#[test]
fn question() {
    snapshots_at(SIZES, "paste", |fixture| {
        open_many(fixture, 1);
        let text: String = (1..=40).map(|n| format!("update t set n = {n};\r\n")).collect();
        paste(fixture, &text);
    });
}

#[test]
fn lines_into_production_ask_and_enter_pastes_nothing() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    paste(&mut fixture, LINES);
    assert!(asked(&fixture) && fixture.picture().contains("delete from payments"));
    fixture.later(300);
    fixture.press("enter");
    assert!(!asked(&fixture));
    assert_eq!(sent(&mut fixture), b"");
    paste(&mut fixture, LINES);
    fixture.later(300);
    fixture.press("right enter");
    assert_eq!(sent(&mut fixture), b"delete from payments\rwhere id = 3;\r");
}

#[test]
fn keys_that_were_typed_ahead_answer_nothing() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    paste(&mut fixture, LINES);
    fixture.press(r#"right enter P "ls" enter esc"#);
    assert!(asked(&fixture), "they were meant for the program");
    assert_eq!(sent(&mut fixture), b"");
    fixture.later(300);
    fixture.press("P");
    assert!(!asked(&fixture) && !sent(&mut fixture).is_empty());
}

#[test]
fn a_leading_line_break_counts_and_one_line_does_not_ask() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    paste(&mut fixture, "select 1;");
    assert!(!asked(&fixture));
    paste(&mut fixture, "\nselect 1;");
    assert!(asked(&fixture));
}

#[test]
fn the_question_shows_no_value_of_the_session() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    let text = format!("alter role x\npassword '{PASSWORD}';\n");
    paste(&mut fixture, &text);
    let picture = fixture.picture();
    assert!(
        picture.contains("alter role x") && picture.contains("password '••••"),
        "{picture}"
    );
    assert!(!picture.contains(PASSWORD), "{picture}");
    fixture.later(300);
    fixture.press("P");
    assert_eq!(
        sent(&mut fixture),
        text.replace('\n', "\r").as_bytes(),
        "the program gets it as it is"
    );
}

#[test]
fn what_a_paste_does_is_said_of_this_paste() {
    for (text, words) in [
        ("a\nb".to_owned(), "each line break as an Enter"),
        ("a\x0f".to_owned(), "control characters as keys"),
        ("x".repeat(5_001), "no line break in it"),
    ] {
        let mut fixture = Fixture::checked(100, 30);
        open_many(&mut fixture, 1);
        paste(&mut fixture, &text);
        assert!(fixture.picture().contains(words), "{words}");
    }
}

/// Readline's Ctrl-o runs the line as Enter does.
#[test]
fn control_characters_into_production_ask() {
    for text in ["rm -r x\x0f", "\x1bx", "\x03"] {
        let mut fixture = Fixture::checked(100, 30);
        open_many(&mut fixture, 1);
        paste(&mut fixture, text);
        assert!(asked(&fixture), "{text:?}");
    }
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    paste(&mut fixture, "a\tb");
    assert!(!asked(&fixture));
}

#[test]
fn a_program_that_brackets_pastes_is_asked_for_only_when_they_are_big() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    output(&mut fixture, 1, b"\x1b[?2004h");
    paste(&mut fixture, LINES);
    assert!(!asked(&fixture));
    assert!(sent(&mut fixture).starts_with(b"\x1b[200~delete"));
    paste(&mut fixture, &"x".repeat(5_001));
    assert!(asked(&fixture));
}

#[test]
fn elsewhere_only_what_is_big_asks_unless_all_environments_are_guarded() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#": "connect_dev-orders" enter"#);
    fixture.started("$ ");
    paste(&mut fixture, LINES);
    assert!(!asked(&fixture));
    paste(&mut fixture, &"x".repeat(5_001));
    assert!(asked(&fixture));
    let role = "[roles.prod-postgres]\nenv = \"dev\"\ncommand = [\"sh\"]\n";
    let config = "[session]\nconfirm_paste = \"all\"\n";
    let mut fixture = Fixture::with(&[("config.toml", config), ("roles.toml", role)], 100, 30);
    open_many(&mut fixture, 1);
    paste(&mut fixture, LINES);
    assert!(asked(&fixture));
}
