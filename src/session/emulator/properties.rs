//! The screen by what holds for every stream.

use proptest::prelude::*;

use super::tests::emulator;
use super::*;

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let sequence = (
        prop::sample::select(vec!["", "?", ">", "=", "<", "!", "$", " "]),
        prop::collection::vec(
            prop_oneof![
                0u32..12,
                Just(47),
                Just(1047),
                Just(1048),
                Just(1049),
                Just(2026),
                Just(70000)
            ],
            0..3,
        ),
        prop::sample::select(("@ABCDEFGHIJKLMPSTXZ`abcdefghlmnprstuq").chars().collect::<Vec<_>>()),
    )
        .prop_map(|(mark, numbers, last)| {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            format!("\x1b[{mark}{}{last}", numbers.join(";")).into_bytes()
        });
    let text = prop::sample::select(vec![
        "a",
        "字",
        "e\u{301}",
        "\r\n",
        "a\r\nb\r\nc\r\n\r\nd\te\r\n字\r\nf\x08\r\n\r\ng\r\nh\r\ni\r\nj\r\n",
        "\t",
        "\u{8}",
        "\x1b7",
        "\x1b8",
        "\x1bM",
        "\x1b#8",
        "\x1bc",
        "\x1b(0",
        "👨\u{200d}👩",
        "\u{200b}",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![sequence, text, prop::collection::vec(any::<u8>(), 0..6)]
}

/// More of them than a small screen shows.
fn plain_lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![8 => "[a-z ]{0,20}", 1 => "[ -~]{0,90}", 1 => " {0,60}"];
    prop::collection::vec(line, 15..60).prop_map(|lines| (lines.join("\r\n") + "\r\n").into_bytes())
}

/// All lines: text, and whether each goes on in the next.
fn lines(emulator: &Emulator) -> Vec<(String, bool)> {
    let line = |at| {
        let mut text = String::new();
        emulator.visit_line(at, false, &mut String::new(), &mut |_, glyph, _| text.push_str(glyph));
        (
            text.trim_end_matches(' ').to_owned(),
            emulator.wraps_after(at).is_some(),
        )
    };
    let mut lines: Vec<(String, bool)> = (0..emulator.line_count()).map(line).collect();
    for at in 1..lines.len() {
        // Nothing goes on in an empty line.
        lines[at - 1].1 &= !lines[at].0.is_empty();
    }
    lines
}

fn words(emulator: &Emulator) -> String {
    let lines = lines(emulator).into_iter().map(|(text, _)| text);
    lines.collect::<String>().replace(' ', "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_stream_makes_it_panic(pieces in prop::collection::vec(piece(), 0..60), columns in 0u16..30, rows in 0u16..12) {
        let mut emulator = emulator(columns, rows);
        for piece in &pieces {
            emulator.feed(piece);
            if piece.len() == 3 {
                emulator.resize(Size { columns: u16::from(piece[0]), rows: u16::from(piece[1]) });
            }
            emulator.visit(&mut |_, _, _, _| {});
            emulator.take_replies();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_kept_as_text_is_what_the_cells_said(
        pieces in prop::collection::vec(piece(), 0..80), columns in 2u16..12, rows in 1u16..6
    ) {
        let size = Size { columns, rows };
        let mut as_text = Emulator::new(size, 5000);
        as_text.adapter.hold_as_cells(4);
        let mut as_cells = Emulator::new(size, 5000);
        as_cells.adapter.hold_as_cells(4000);
        // A repeated character would fill more lines than are kept, and whole lines are dropped.
        for piece in pieces.iter().filter(|piece| !piece.ends_with(b"b")) {
            as_text.feed(piece);
            as_cells.feed(piece);
        }
        assert!(lines(&as_text) == lines(&as_cells), "{:?}", lines(&as_text).into_iter().zip(lines(&as_cells)).enumerate().find(|(_, (a, b))| a != b));
    }

    #[test]
    fn lines_that_only_pass_are_what_drawing_them_says(
        pieces in prop::collection::vec(prop_oneof![3 => piece(), 1 => plain_lines()], 0..20), columns in 2u16..40, rows in 1u16..6, back in 0i32..9
    ) {
        let size = Size { columns, rows };
        let (mut at_once, mut drawn) = (Emulator::new(size, 5000), Emulator::new(size, 5000));
        for emulator in [&mut at_once, &mut drawn] {
            emulator.adapter.hold_as_cells(4);
        }
        for piece in pieces.iter().filter(|piece| !piece.ends_with(b"b")) {
            at_once.feed(piece);
            piece.iter().for_each(|byte| drawn.feed(&[*byte]));
            assert_eq!(at_once.take_replies(), drawn.take_replies());
            assert_eq!((at_once.cursor(), at_once.modes()), (drawn.cursor(), drawn.modes()));
            assert!(lines(&at_once) == lines(&drawn), "{piece:?}: {:?}", lines(&at_once).into_iter().zip(lines(&drawn)).enumerate().find(|(_, (a, b))| a != b));
            at_once.scroll(back);
            drawn.scroll(back);
            assert_eq!((at_once.scrolled(), at_once.row_text(0)), (drawn.scrolled(), drawn.row_text(0)));
        }
    }

    #[test]
    fn nothing_is_lost_by_a_resize(
        texts in prop::collection::vec("[a-z字é]{0,30}", 0..80), columns in 2u16..12, rows in 1u16..6, later in 2u16..12
    ) {
        let mut emulator = Emulator::new(Size { columns, rows }, 5000);
        emulator.adapter.hold_as_cells(32);
        for text in &texts {
            emulator.feed(format!("{text}\r\n").as_bytes());
        }
        for columns in [later, columns] {
            emulator.resize(Size { columns, rows });
            assert_eq!(words(&emulator), texts.concat(), "at {columns} columns");
        }
    }
}
