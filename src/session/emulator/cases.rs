//! Micro cases as data (`tests/fixtures/terminal_cases.json`): what goes in, in hexadecimal, and the screen it must give.

use serde::Deserialize;

use super::{Emulator, Size};

/// Cases that are known to fail, and why. One that passes must leave the list.
const KNOWN: &[(&str, &str)] = &[];

#[derive(Deserialize)]
struct Case {
    id: String,
    cols: u16,
    rows: u16,
    steps: Vec<Step>,
    expect: Expect,
    #[serde(default)]
    informational: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Input(Word, String),
    Resize(Word, u16, u16),
}

/// The first word of a step; the rest says the same.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    In,
    Resize,
}

#[derive(Deserialize)]
struct Expect {
    text: Vec<String>,
    /// Row and column.
    cursor: (u16, u16),
    visible: bool,
    #[serde(default)]
    replies: Option<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// What is wrong with a case; nothing if it passes.
fn run(case: &Case) -> Option<String> {
    let mut emulator = Emulator::new(
        Size {
            columns: case.cols,
            rows: case.rows,
        },
        1000,
    );
    for step in &case.steps {
        match step {
            Step::Input(Word::In, hex) => emulator.feed(&bytes(hex)),
            Step::Resize(Word::Resize, columns, rows) => emulator.resize(Size {
                columns: *columns,
                rows: *rows,
            }),
            Step::Input(..) | Step::Resize(..) => panic!("{}: a step of no known kind", case.id),
        }
    }
    let rows = emulator.size().rows;
    let text: Vec<String> = (0..rows).map(|row| emulator.row_text(row)).collect();
    let expected: Vec<&str> = case.expect.text.iter().map(|row| row.trim_end_matches(' ')).collect();
    if text != expected {
        return Some(format!("text {text:?}, expected {expected:?}"));
    }
    let (column, row) = emulator.cursor_place().unwrap();
    if (row, column) != case.expect.cursor || emulator.cursor().is_some() != case.expect.visible {
        return Some(format!(
            "cursor {:?} shown {}, expected {:?}",
            (row, column),
            emulator.cursor().is_some(),
            case.expect.cursor
        ));
    }
    let replies = emulator.take_replies();
    if case.expect.replies.as_ref().is_some_and(|hex| bytes(hex) != replies) {
        return Some(format!("replied {:?}", String::from_utf8_lossy(&replies)));
    }
    None
}

#[test]
fn the_screen_is_what_the_case_expects() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/fixtures/terminal_cases.json")).unwrap();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| !case.informational) {
        let known = KNOWN.iter().any(|(id, _)| *id == case.id);
        match (run(case), known) {
            (Some(what), false) => wrong.push(format!("{}: {what}", case.id)),
            (None, true) => wrong.push(format!("{}: passes, take it off the list", case.id)),
            _ => {}
        }
    }
    for (id, _) in KNOWN {
        assert!(cases.iter().any(|case| case.id == *id), "no case {id}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
