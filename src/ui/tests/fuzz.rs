//! Any size, any keys, any order of answers: nothing panics, nothing is drawn outside.

use proptest::prelude::*;

use super::fixture::{Fixture, denied};
use crate::ui::effects::Effect;
use crate::ui::message::Message;

const KEYS: &[&str] = &[
    "j",
    "k",
    "g",
    "G",
    "h",
    "l",
    "/",
    "n",
    "N",
    "tab",
    "enter",
    "esc",
    "q",
    "?",
    ":",
    "1",
    "2",
    "3",
    "s",
    "S",
    "i",
    "c",
    "C",
    "o",
    "y",
    "ctrl-d",
    "ctrl-u",
    "ctrl-c",
    "ctrl-l",
    "pgdn",
    "pgup",
    "backspace",
    "R",
    "x",
    "r",
    "z",
    "p",
    r"ctrl-\",
    r"\",
    "d",
    "e",
    "v",
    "t",
    "left",
    "right",
    "up",
    "down",
    "home",
    "end",
    "f1",
    "é",
    "日",
    "ctrl-w",
    "m",
    "E",
];

#[derive(Debug, Clone)]
enum Step {
    Key(usize),
    Resize(u16, u16),
    Started,
    Failed,
    Ended(i32),
    Later(i64),
    Click(u16, u16),
    Wheel(u16, u16, bool),
    Paste(String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..KEYS.len()).prop_map(Step::Key),
        2 => (1u16..=300, 1u16..=80).prop_map(|(c, r)| Step::Resize(c, r)),
        2 => (1u16..=24, 1u16..=12).prop_map(|(c, r)| Step::Resize(c, r)),
        2 => Just(Step::Started),
        1 => Just(Step::Failed),
        1 => (0i32..140).prop_map(Step::Ended),
        1 => (0i64..400_000).prop_map(Step::Later),
        1 => (0u16..300, 0u16..80).prop_map(|(c, r)| Step::Click(c, r)),
        1 => (0u16..300, 0u16..80, any::<bool>()).prop_map(|(c, r, up)| Step::Wheel(c, r, up)),
        1 => "\\PC{0,12}".prop_map(Step::Paste),
        1 => "(\\PC{0,3}[\r\n]){1,12}".prop_map(Step::Paste),
    ]
}

fn play(fixture: &mut Fixture, step: &Step) {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mouse = |kind, column, row| {
        Message::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    match step {
        Step::Key(i) => fixture.press(KEYS[*i]),
        Step::Resize(columns, rows) => fixture.send(Message::Resize {
            columns: *columns,
            rows: *rows,
        }),
        Step::Started => {
            if fixture
                .effects
                .iter()
                .any(|effect| matches!(effect, Effect::Launch { .. }))
            {
                fixture.started("日本語\u{1b}[31mred\u{1b}[0m ✗ é\r\n$ ");
            }
        }
        Step::Failed => {
            let generation = fixture.model.generation;
            fixture.send(Message::OpenFailed {
                generation,
                problems: vec![denied(), denied()],
            });
        }
        Step::Ended(code) => {
            if let Some(tab) = fixture.model.sessions.tabs.first().map(|tab| tab.id) {
                fixture.ended(tab, *code);
            }
        }
        Step::Later(ms) => {
            fixture.later(*ms);
            fixture.send(Message::Tick);
        }
        Step::Click(column, row) => fixture.send(mouse(MouseEventKind::Down(MouseButton::Left), *column, *row)),
        Step::Wheel(column, row, true) => fixture.send(mouse(MouseEventKind::ScrollUp, *column, *row)),
        Step::Wheel(column, row, false) => fixture.send(mouse(MouseEventKind::ScrollDown, *column, *row)),
        Step::Paste(text) => fixture.send(Message::Paste(text.clone())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics(columns in 1u16..=300, rows in 1u16..=80, steps in prop::collection::vec(step(), 1..60)) {
        let mut fixture = Fixture::checked(columns, rows);
        for step in &steps {
            play(&mut fixture, step);
            fixture.picture();
        }
    }
}

#[test]
fn every_small_size_draws_every_screen() {
    for keys in ["j", "tab", "2", "3", "?", ":", r#"/ "zzzz""#] {
        let mut fixture = Fixture::checked(100, 30);
        fixture.press(keys);
        for columns in (1..=64).step_by(3) {
            for rows in 1..=26 {
                fixture.send(Message::Resize { columns, rows });
                fixture.picture();
            }
        }
    }
}

/// Brings something over the session in front.
type Open<'a> = &'a dyn Fn(&mut Fixture);

/// Everything that can lie over a session, at every small height: nothing panics, and a question keeps its answers as long as there is a
/// row inside of it.
#[test]
fn every_small_size_draws_what_lies_over_a_session() {
    let over: &[(&str, Open, Option<&str>)] = &[
        ("menu", &|fixture| fixture.press(r"ctrl-\"), None),
        ("quit", &asked_to_quit, Some("Stay")),
        ("close", &|fixture| fixture.press(r"ctrl-\ x"), Some("Keep it")),
        (
            "paste",
            &|fixture| fixture.send(Message::Paste("select 1;\n".repeat(9))),
            Some("Do not paste"),
        ),
        ("failure", &failed_over_it, None),
        ("copy mode", &|fixture| fixture.press(r#"ctrl-\ / "sel""#), None),
    ];
    for (name, open, answer) in over {
        let mut fixture = Fixture::checked(100, 30);
        fixture.press(r#": "connect_prod-postgres" enter"#);
        fixture.started("select 1;\r\n$ ");
        open(&mut fixture);
        for columns in [1, 2, 7, 40, 64] {
            for rows in 1..=26 {
                fixture.send(Message::Resize { columns, rows });
                let picture = fixture.picture();
                let kept = answer.is_none_or(|answer| columns < 40 || rows < 3 || picture.contains(answer));
                assert!(kept, "{name} at {columns}x{rows} has no answers:\n{picture}");
            }
        }
    }
}

fn asked_to_quit(fixture: &mut Fixture) {
    fixture.model.dialog = Some(crate::ui::model::Dialog::Quit { leave: false });
}

fn failed_over_it(fixture: &mut Fixture) {
    let request = crate::launch::Request {
        role: "prod-postgres".to_owned(),
        ..Default::default()
    };
    fixture.model.dialog = Some(crate::ui::model::Dialog::Failure {
        request,
        problems: vec![denied()],
        scroll: 0,
    });
}

#[test]
fn quitting_and_pasting_say_how_much_is_not_shown() {
    let mut fixture = Fixture::checked(80, 24);
    for leave in ["", r"ctrl-\ r", r"ctrl-\ r", r"ctrl-\ r"] {
        fixture.press(leave);
        fixture.press(r#": "connect_prod-postgres" enter"#);
        fixture.started("$ ");
    }
    asked_to_quit(&mut fixture);
    for (rows, words) in [(9, "… and 3 more"), (10, "… and 2 more"), (8, "… and 4 more"), (7, "")] {
        fixture.send(Message::Resize { columns: 80, rows: 24 });
        fixture.send(Message::Resize { columns: 80, rows });
        let picture = fixture.picture();
        assert!(
            picture.contains(words) && (!words.is_empty() || !picture.contains("more")),
            "{rows}:\n{picture}"
        );
    }
    let mut fixture = Fixture::checked(80, 24);
    fixture.press(r#": "connect_prod-postgres" enter"#);
    fixture.started("$ ");
    fixture.send(Message::Paste("select 1;\n".repeat(5)));
    fixture.send(Message::Resize { columns: 80, rows: 10 });
    assert!(fixture.picture().contains("… 3 more"), "{}", fixture.picture());
}
