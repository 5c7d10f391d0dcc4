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
