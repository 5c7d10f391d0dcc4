//! Recorded streams of real programs (`tests/fixtures/streams`, made by `tests/emulation/run record`), fed in pieces of several sizes: the
//! screen must be the one that tmux makes of the same bytes.

use serde::Deserialize;

use super::{Emulator, Size};

#[derive(Deserialize)]
struct Recording {
    columns: u16,
    rows: u16,
    stream: String,
    frames: Vec<Frame>,
}

/// What the screen is after so many bytes.
#[derive(Deserialize)]
struct Frame {
    at: usize,
    /// Row and column.
    cursor: (u16, u16),
    visible: bool,
    text: Vec<String>,
}

/// The programs; a file that is not here is an error.
const PROGRAMS: &[(&str, &str)] = &[
    ("bash", include_str!("../../../tests/fixtures/streams/bash.json")),
    ("htop", include_str!("../../../tests/fixtures/streams/htop.json")),
    ("less", include_str!("../../../tests/fixtures/streams/less.json")),
    ("mc", include_str!("../../../tests/fixtures/streams/mc.json")),
    (
        "more-colour",
        include_str!("../../../tests/fixtures/streams/more-colour.json"),
    ),
    ("mysql", include_str!("../../../tests/fixtures/streams/mysql.json")),
    ("psql", include_str!("../../../tests/fixtures/streams/psql.json")),
    (
        "redis-cli",
        include_str!("../../../tests/fixtures/streams/redis-cli.json"),
    ),
    ("ssh", include_str!("../../../tests/fixtures/streams/ssh.json")),
    ("tmux", include_str!("../../../tests/fixtures/streams/tmux.json")),
    ("vim", include_str!("../../../tests/fixtures/streams/vim.json")),
];

/// What differs from the frame; nothing if it is the same.
fn difference(emulator: &Emulator, frame: &Frame) -> Option<String> {
    let rows = (0..emulator.size().rows).map(|row| emulator.row_text(row));
    for (row, (ours, expected)) in rows.zip(&frame.text).enumerate() {
        if ours != *expected {
            return Some(format!("row {row} is {ours:?}, not {expected:?}"));
        }
    }
    let (column, row) = emulator.cursor_place()?;
    let (ours, visible) = ((row, column), emulator.cursor().is_some());
    ((ours, visible) != (frame.cursor, frame.visible)).then(|| {
        format!(
            "the cursor is at {ours:?}, shown {visible}; not {:?}, {}",
            frame.cursor, frame.visible
        )
    })
}

#[test]
fn real_programs_look_as_they_do_in_tmux() {
    let mut wrong = Vec::new();
    for (name, json) in PROGRAMS {
        let recording: Recording = serde_json::from_str(json).unwrap();
        assert!(recording.frames.len() > 2, "{name}");
        for piece in [1, 7, 64, 4096, usize::MAX] {
            let size = Size {
                columns: recording.columns,
                rows: recording.rows,
            };
            let mut emulator = Emulator::new(size, 1000);
            let mut at = 0;
            for frame in &recording.frames {
                for bytes in recording.stream.as_bytes()[at..frame.at].chunks(piece) {
                    emulator.feed(bytes);
                }
                at = frame.at;
                if let Some(what) = difference(&emulator, frame) {
                    wrong.push(format!("{name} after {at} bytes, in pieces of {piece}: {what}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
