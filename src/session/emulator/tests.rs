//! The screen by examples.

use alacritty_terminal::term::cell::Cell;

use super::*;

pub(super) fn emulator(columns: u16, rows: u16) -> Emulator {
    Emulator::new(Size { columns, rows }, 100)
}

fn fed(bytes: &[u8]) -> Emulator {
    let mut emulator = emulator(20, 4);
    emulator.feed(bytes);
    emulator
}

#[test]
fn a_smaller_share_drops_the_oldest_lines() {
    let mut emulator = Emulator::new(Size { columns: 80, rows: 5 }, 10_000);
    for line in 0..2000 {
        emulator.feed(format!("line {line}\r\n").as_bytes());
    }
    assert_eq!(emulator.scrollback(), 1996);
    for line in 2000..20_000 {
        emulator.feed(format!("line {line}\r\n").as_bytes());
    }
    assert_eq!(emulator.scrollback(), 10_000);
    emulator.limit_scrollback(800_000);
    let left = emulator.scrollback();
    assert!((2000..9000).contains(&left), "{left}");
    emulator.scroll(99_999);
    assert_eq!(emulator.row_text(0), format!("line {}", 19_996 - left));
    emulator.limit_scrollback(100 * 80 * size_of::<Cell>());
    assert_eq!((emulator.scrollback(), emulator.scrolled()), (100, 100));
    emulator.limit_scrollback(usize::MAX);
    emulator.feed(&b"more\r\n".repeat(20_000));
    assert_eq!(emulator.scrollback(), 10_000);
}

#[test]
fn draws_text_with_its_look() {
    let emulator = fed(b"\x1b[1;31;44mred\x1b[0m plain\x1b[38;2;1;2;3mrgb");
    let mut seen = Vec::new();
    emulator.visit(&mut |column, row, text, style| {
        if row == 0 && text != " " {
            seen.push((column, text.to_owned(), style));
        }
    });
    assert_eq!(seen[0].1, "r");
    assert_eq!(
        (seen[0].2.foreground, seen[0].2.background, seen[0].2.bold),
        (Color::Indexed(1), Color::Indexed(4), true)
    );
    assert_eq!(seen[3].2, CellStyle::default());
    assert_eq!(seen[8].2.foreground, Color::Rgb(1, 2, 3));
    assert_eq!(emulator.row_text(0), "red plainrgb");
}

#[test]
fn every_cell_is_as_wide_as_ratatui_will_draw_it() {
    let emulator = fed("❤\u{fe0f}|字|e\u{301}|👨\u{200d}👩\u{200d}👧|a\tb".as_bytes());
    let mut expected = 0;
    emulator.visit(&mut |column, row, text, _| {
        if row == 0 {
            assert_eq!(column, expected, "{text:?}");
            expected += u16::try_from(unicode_width::UnicodeWidthStr::width(text)).unwrap();
        }
    });
    assert_eq!(expected, 17, "all but the blanks behind the last letter");
    assert!(emulator.row_text(0).starts_with("❤|字|e\u{301}|"));
}

#[test]
fn the_cursor_looks_as_the_child_asked_until_it_resets_it() {
    let look = |shape, blinking| Some(CursorLook { shape, blinking });
    let mut emulator = fed(b"");
    let cases: [(&[u8], _); 6] = [
        (b"", None),
        (b"\x1b[5 q", look(CursorShape::Bar, true)),
        (b"\x1b[4 q", look(CursorShape::Underline, false)),
        (b"\x1b[2 q", look(CursorShape::Block, false)),
        (b"\x1b[0 q", None),
        (b"\x1b[6 q\x1bc", None),
    ];
    for (bytes, expected) in cases {
        emulator.feed(bytes);
        assert_eq!(emulator.cursor_look(), expected, "{bytes:?}");
    }
}

#[test]
fn another_number_of_columns_clears_the_screen_where_it_is_allowed() {
    let mut emulator = fed(b"one\x1b[2;3r\x1b[?3h");
    assert_eq!(emulator.row_text(0), "one");
    emulator.feed(b"\x1b[?40h\x1b[?3lA\x1b[4;1HB\nC");
    assert_eq!(
        (emulator.row_text(0).as_str(), emulator.row_text(3).as_str()),
        ("", " C")
    );
    assert_eq!(emulator.size().columns, 20);
}

#[test]
fn each_screen_has_a_saved_cursor_of_its_own() {
    for mode in [47, 1047] {
        let mut emulator = emulator(20, 4);
        emulator.feed(format!("\x1b[3;5H\x1b7\x1b[1;1H\x1b[?{mode}h\x1b[2;7H\x1b7\x1b[4;4H").as_bytes());
        emulator.feed(format!("\x1b8\x1b[6n\x1b[4;4H\x1b[?{mode}l\x1b[6n\x1b8\x1b[6n").as_bytes());
        assert_eq!(emulator.take_replies(), b"\x1b[2;7R\x1b[4;4R\x1b[3;5R", "{mode}");
    }
}

#[test]
fn half_a_wide_character_is_a_blank() {
    let emulator = fed("字字\x1b[1;2Hx".as_bytes());
    assert_eq!(emulator.row_text(0), " x字");
    let emulator = fed("ab字字\x1b[1;4H\x1b[1X".as_bytes());
    assert_eq!(emulator.row_text(0), "ab  字");
}

#[test]
fn queries_get_fixed_answers_and_never_the_childs_own_text() {
    let mut emulator = fed(b"\x1b]2;title\x07\x1b]52;c;cm0gLXJm\x07ab");
    emulator.feed(b"\x1b[5n\x1b[6n\x1b[c");
    assert_eq!(emulator.take_replies(), b"\x1b[0n\x1b[1;3R\x1b[?6c");
    emulator.feed(b"\x1b[21t\x1b]52;c;?\x07\x1b]10;?\x07\x1b]4;1;?\x07\x1bP$qm\x1b\\\x1b[>q\x05\x1b[14t");
    assert_eq!(emulator.take_replies(), b"");
    assert_eq!(emulator.title(), Some("title"));
}

#[test]
fn a_synchronized_update_that_never_ends_can_be_shown() {
    let mut emulator = fed(b"\x1b[?2026hlate");
    assert_eq!(emulator.row_text(0), "");
    assert!(emulator.update_due().is_some());
    emulator.show_update();
    assert_eq!(emulator.row_text(0), "late");
    assert!(emulator.update_due().is_none());
}

#[test]
fn the_scrollback_is_seen_by_scrolling() {
    let mut emulator = emulator(20, 2);
    emulator.feed(b"one\r\ntwo\r\nthree\r\nfour");
    assert_eq!((emulator.scrollback(), emulator.row_text(0).as_str()), (2, "three"));
    emulator.scroll(99);
    assert_eq!((emulator.scrolled(), emulator.row_text(0).as_str()), (2, "one"));
    assert_eq!(emulator.cursor(), None);
    emulator.scroll(-99);
    assert_eq!((emulator.scrolled(), emulator.cursor()), (0, Some((4, 1))));
}

#[test]
fn any_size_is_survived() {
    let mut emulator = emulator(0, 0);
    assert_eq!(emulator.size(), Size { columns: 2, rows: 1 });
    for (columns, rows) in [(65535, 1), (1, 65535), (0, 0), (80, 24), (2, 500), (1000, 1)] {
        emulator.resize(Size { columns, rows });
        emulator.feed("字abc\x1b[99999;99999H字\x1b[2147483647X\x1b[65535b\x1b[9999999S".as_bytes());
        emulator.visit(&mut |_, _, _, _| {});
    }
    assert_eq!(emulator.size(), Size { columns: 1000, rows: 1 });
}

#[test]
fn what_a_stream_piles_up_is_bounded() {
    let mut emulator = emulator(20, 4);
    for _ in 0..5000 {
        emulator.feed("a\u{301}\x1b[>1u\x1b[22t".as_bytes());
        emulator.feed("\u{301}".repeat(20).as_bytes());
    }
    assert!(emulator.row_text(0).chars().count() <= 20 * 9);
    assert_eq!(emulator.modes().kitty_flags, 1);
    emulator.feed(b"\x1b[<9999u");
    assert_eq!(emulator.modes().kitty_flags, 0);
}

#[test]
fn a_character_in_pieces_takes_nothing_with_it() {
    for text in ["é é", "éxé", "aé字é x", "\u{80} é", "é\x1b[2Cé", "\u{9f}a\u{9f}"] {
        let bytes = text.as_bytes();
        let mut whole = emulator(20, 2);
        whole.feed(bytes);
        for cut in 1..bytes.len() {
            let mut pieces = emulator(20, 2);
            pieces.feed(&bytes[..cut]);
            pieces.feed(&bytes[cut..]);
            assert_eq!(pieces.row_text(0), whole.row_text(0), "{text:?} cut at {cut}");
        }
    }
}

#[test]
fn a_view_that_is_scrolled_back_stands_still_while_lines_come_in() {
    let mut emulator = emulator(20, 2);
    emulator.adapter.hold_as_cells(8);
    for line in 0..50 {
        emulator.feed(format!("line {line}\r\n").as_bytes());
    }
    emulator.scroll(30);
    let seen = emulator.row_text(0);
    for line in 50..90 {
        emulator.feed(format!("line {line}\r\n").as_bytes());
        assert_eq!(emulator.row_text(0), seen);
    }
    emulator.feed(b"\x1b[?1049h");
    assert_eq!((emulator.scrollback(), emulator.scrolled()), (0, 0));
    emulator.feed(b"\x1b[?1049l\x1b[3J");
    assert_eq!((emulator.scrollback(), emulator.row_text(0).as_str()), (0, "line 89"));
}
