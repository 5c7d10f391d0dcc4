//! Every motion, selections of every shape, searches, and a pane that changes its size.

use super::{CopyMode, Motion, Place, Shape};
use crate::session::emulator::{Emulator, Size};

/// Copy mode over what this output has drawn.
fn copy_mode(columns: u16, rows: u16, output: &str) -> CopyMode {
    let mut emulator = Emulator::new(Size { columns, rows }, 20_000);
    emulator.feed(output.as_bytes());
    CopyMode::new(&emulator)
}

fn numbered(count: usize) -> String {
    let lines: Vec<String> = (1..=count).map(|line| format!("line {line}")).collect();
    lines.join("\r\n")
}

fn at(copy: &CopyMode) -> (usize, usize) {
    (copy.cursor.line, copy.cursor.glyph)
}

/// Where the cursor is after each of these motions, one after the other.
#[track_caller]
fn goes(copy: &mut CopyMode, steps: &[(Motion, (usize, usize))]) {
    for (i, (motion, place)) in steps.iter().enumerate() {
        copy.go(*motion);
        assert_eq!(at(copy), *place, "step {i}: {motion:?}");
    }
}

fn place(line: usize, glyph: usize) -> Place {
    Place { line, glyph }
}

#[test]
fn it_begins_where_the_program_stands() {
    let copy = copy_mode(20, 4, "one\r\ntwo$ ");
    assert_eq!(
        copy.cursor_cell(),
        (3, 1),
        "on the last glyph: the blank behind it is no text"
    );
    assert_eq!(copy.back(), (0, 0));
    let copy = copy_mode(20, 4, &numbered(10));
    assert_eq!(copy.cursor_cell(), (6, 3));
    assert_eq!(copy.back(), (0, 6));
}

#[test]
fn it_begins_with_the_view_as_it_is_scrolled() {
    let mut emulator = Emulator::new(Size { columns: 20, rows: 4 }, 100);
    emulator.feed(numbered(30).as_bytes());
    emulator.scroll(10);
    let copy = CopyMode::new(&emulator);
    assert_eq!(copy.back(), (10, 26));
    assert_eq!(copy.visible_text(), "line 17\nline 18\nline 19\nline 20");
    assert_eq!(copy.cursor_cell().1, 3);
}

#[test]
fn left_right_and_the_ends_of_a_line_stay_in_it() {
    let mut copy = copy_mode(10, 5, "  ab cd\r\nnext");
    copy.put_cursor(place(0, 0));
    goes(
        &mut copy,
        &[
            (Motion::Left, (0, 0)),
            (Motion::Right, (0, 1)),
            (Motion::LineText, (0, 2)),
            (Motion::LineEnd, (0, 6)),
            (Motion::Right, (0, 6)),
            (Motion::Left, (0, 5)),
            (Motion::LineStart, (0, 0)),
        ],
    );
}

#[test]
fn lines_are_whole_and_rows_are_those_of_the_pane() {
    let mut copy = copy_mode(10, 6, "abcdefghijklmno\r\nxy\r\nabcdefgh");
    copy.put_cursor(place(0, 3));
    goes(
        &mut copy,
        &[
            (Motion::Down, (0, 13)),
            (Motion::Down, (1, 1)),
            (Motion::Down, (2, 3)),
            (Motion::Up, (1, 1)),
            (Motion::Up, (0, 13)),
            (Motion::LineEnd, (0, 14)),
            (Motion::Down, (1, 1)),
            (Motion::Down, (2, 7)),
            (Motion::Up, (1, 1)),
            (Motion::LineStart, (1, 0)),
            (Motion::Up, (0, 10)),
            (Motion::LineStart, (0, 0)),
        ],
    );
}

#[test]
fn words_are_letters_or_signs_and_end_with_their_line() {
    let mut copy = copy_mode(30, 6, "select a_b, 字字(x)\r\n\r\n   from t;");
    copy.put_cursor(place(0, 0));
    let stops = [
        (0, 7),
        (0, 10),
        (0, 12),
        (0, 14),
        (0, 15),
        (0, 16),
        (2, 3),
        (2, 8),
        (2, 9),
    ];
    for stop in stops {
        goes(&mut copy, &[(Motion::Word, stop)]);
    }
    goes(&mut copy, &[(Motion::Word, (2, 9))]);
    for stop in stops[..8].iter().rev() {
        goes(&mut copy, &[(Motion::WordBack, *stop)]);
    }
    goes(
        &mut copy,
        &[
            (Motion::WordBack, (0, 0)),
            (Motion::WordBack, (0, 0)),
            (Motion::WordEnd, (0, 5)),
            (Motion::WordEnd, (0, 9)),
            (Motion::WordEnd, (0, 10)),
            (Motion::WordEnd, (0, 13)),
        ],
    );
}

#[test]
fn pages_move_the_view_and_the_cursor_with_it() {
    let mut copy = copy_mode(20, 10, &numbered(100));
    assert_eq!(at(&copy), (99, 7));
    copy.go(Motion::PageUp);
    assert_eq!((at(&copy), copy.back()), ((91, 6), (8, 90)));
    copy.go(Motion::HalfPageUp);
    assert_eq!((at(&copy), copy.back()), ((86, 6), (13, 90)));
    copy.go(Motion::HalfPageDown);
    copy.go(Motion::PageDown);
    assert_eq!((at(&copy), copy.back()), ((99, 7), (0, 90)), "the column is kept");
    copy.go(Motion::Top);
    assert_eq!((at(&copy), copy.back()), ((0, 0), (90, 90)));
    copy.go(Motion::HalfPageUp);
    assert_eq!(at(&copy), (0, 0));
    copy.go(Motion::ViewBottom);
    assert_eq!(at(&copy), (9, 0));
    copy.go(Motion::ViewMiddle);
    assert_eq!(at(&copy), (5, 0));
    copy.go(Motion::ViewTop);
    assert_eq!(at(&copy), (0, 0));
    copy.go(Motion::Bottom);
    assert_eq!((at(&copy), copy.back()), ((99, 0), (0, 90)));
    copy.scroll(-30);
    assert_eq!((at(&copy), copy.back()), ((69, 0), (30, 90)), "the cursor comes along");
    copy.scroll(1000);
    assert_eq!(copy.back(), (0, 90));
}

#[test]
fn an_empty_screen_has_one_place() {
    let mut copy = copy_mode(10, 3, "");
    for motion in [
        Motion::Word,
        Motion::WordBack,
        Motion::WordEnd,
        Motion::Left,
        Motion::Right,
        Motion::LineText,
        Motion::LineEnd,
        Motion::PageUp,
        Motion::Top,
    ] {
        copy.go(motion);
        assert_eq!(at(&copy), (0, 0), "{motion:?}");
    }
    copy.go(Motion::Bottom);
    assert_eq!(at(&copy), (2, 0));
    copy.select(Shape::Characters);
    assert_eq!(copy.selected().as_deref(), Some(""));
}

#[test]
fn characters_are_copied_with_wrapped_lines_joined_and_blanks_cut() {
    let mut copy = copy_mode(10, 6, "one two three four\r\nfive\x1b[41m   \x1b[0m\r\nsix");
    copy.put_cursor(place(0, 4));
    copy.select(Shape::Characters);
    copy.go(Motion::Down);
    copy.go(Motion::Down);
    assert_eq!(copy.selected().as_deref(), Some("two three four\nfive"));
    copy.go(Motion::Down);
    assert_eq!(copy.selected().as_deref(), Some("two three four\nfive\nsix"));
    copy.swap_ends();
    assert_eq!(at(&copy), (0, 4));
    copy.go(Motion::Left);
    assert_eq!(copy.selected().as_deref(), Some(" two three four\nfive\nsix"));
    copy.select(Shape::Lines);
    assert_eq!(copy.selected().as_deref(), Some("one two three four\nfive\nsix"));
    copy.select(Shape::Lines);
    assert_eq!(copy.selected(), None);
}

#[test]
fn a_block_takes_columns_of_rows() {
    let mut copy = copy_mode(12, 6, "ab字def\r\nx\r\n0123456789\r\nlast");
    copy.put_cursor(place(0, 1));
    copy.select(Shape::Block);
    copy.jump(place(2, 3));
    assert_eq!(copy.selected().as_deref(), Some("b字\n\n123"));
    let rows: Vec<_> = copy.view().iter().map(|row| copy.selected_in(row)).collect();
    assert_eq!(rows[..4], [Some(1..3), None, Some(1..4), None]);
}

#[test]
fn the_mouse_takes_a_words_and_lines_and_no_more_than_it_passes() {
    let mut copy = copy_mode(30, 4, "see /etc/hosts:12, \"ok\"\r\nb\r\nc");
    copy.select_word(copy.at_cell(8, 0));
    assert_eq!(copy.selected().as_deref(), Some("/etc/hosts:12"));
    copy.select_word(copy.at_cell(21, 0));
    assert_eq!(copy.selected().as_deref(), Some("ok"));
    copy.select_line(copy.at_cell(25, 0));
    assert_eq!(copy.selected().as_deref(), Some("see /etc/hosts:12, \"ok\""));
    // From behind the end of one line to the first cell of the next one but one.
    copy.select_from(28, 0);
    copy.select_to(0, 2);
    assert_eq!(copy.selected().as_deref(), Some("\nb\nc"));
}

#[test]
fn search_goes_both_ways_around_the_ends_and_counts() {
    let mut copy = copy_mode(20, 4, &format!("{}\r\nError here\r\nend", numbered(20)));
    let type_text = |copy: &mut CopyMode, text: &str| copy.type_search(|input| input.insert(text));
    let start = at(&copy);
    copy.ask(false);
    type_text(&mut copy, "line 1");
    assert_eq!((at(&copy), copy.count().as_deref()), ((18, 0), Some("11 of 11")));
    copy.type_search(|input| input.insert("9x"));
    assert_eq!((at(&copy), copy.count().as_deref()), (start, Some("nothing found")));
    copy.give_up();
    assert_eq!((at(&copy), copy.count()), (start, None));
    copy.ask(true);
    type_text(&mut copy, "error");
    assert!(copy.accept());
    assert_eq!((at(&copy), copy.count().as_deref()), ((20, 0), Some("1 of 1")));
    assert_eq!(copy.go_found(true), Some(true));
    copy.ask(true);
    type_text(&mut copy, "line 2");
    copy.accept();
    assert_eq!(at(&copy), (1, 0), "around the end");
    assert_eq!(copy.go_found(true), Some(false));
    assert_eq!((at(&copy), copy.count().as_deref()), ((19, 0), Some("2 of 2")));
    assert_eq!(copy.go_found(true), Some(true));
    assert_eq!(copy.go_found(false), Some(true));
    copy.go(Motion::Up);
    assert_eq!(copy.count().as_deref(), Some("2 found"));
    copy.ask(false);
    copy.accept();
    assert_eq!(
        at(&copy),
        (1, 0),
        "an empty search goes on with the last one, in the new direction"
    );
    assert_eq!(copy.go_found(true), Some(true));
    let row = copy.view().iter().find(|row| row.line == 19).copied().unwrap();
    assert_eq!(copy.found_in(&row).collect::<Vec<_>>(), [(0..6, true)]);
}

#[test]
fn what_is_found_over_a_wrap_shows_in_both_rows() {
    let copy = &mut copy_mode(10, 4, "abcdefghneedle");
    copy.ask(false);
    copy.type_search(|input| input.insert("needle"));
    let rows: Vec<_> = copy.view().iter().map(|row| copy.found_in(row).count()).collect();
    assert_eq!(rows, [1, 1, 0, 0]);
    assert_eq!(copy.cursor_cell(), (8, 0));
}

#[test]
fn another_size_wraps_anew_and_keeps_what_one_was_looking_at() {
    let mut copy = copy_mode(20, 6, &format!("{}\r\n{}", numbered(50), "x".repeat(100)));
    copy.put_cursor(place(30, 2));
    copy.select(Shape::Characters);
    copy.go(Motion::Down);
    for (columns, rows) in [(7, 3), (2, 1), (200, 50), (20, 6)] {
        copy.resize(Size { columns, rows });
        assert_eq!(at(&copy), (31, 2));
        let (x, y) = copy.cursor_cell();
        assert!(x < columns && y < rows, "{columns}x{rows}: {x},{y}");
        assert!(copy.view().iter().any(|row| row.line == 31));
        assert_eq!(copy.selected().as_deref(), Some("ne 31\nlin"));
    }
}

#[test]
fn ten_thousand_lines_are_read_and_searched() {
    let copy = &mut copy_mode(200, 50, &numbered(10_050));
    assert_eq!(copy.back(), (0, 10_000));
    copy.ask(false);
    copy.type_search(|input| input.insert("LINE 10"));
    assert_eq!(copy.count().as_deref(), Some("nothing found"));
    copy.give_up();
    copy.ask(false);
    copy.type_search(|input| input.insert("line 1"));
    assert_eq!(copy.count().as_deref(), Some("1162 of 1162"));
}

#[test]
fn a_search_that_finds_nothing_in_a_pane_that_grew_keeps_the_view_in_the_text() {
    let mut copy = copy_mode(20, 4, &numbered(10));
    copy.ask(false);
    copy.resize(Size { columns: 20, rows: 8 });
    copy.type_search(|input| input.insert("nowhere"));
    assert_eq!(copy.back(), (0, 2));
    copy.accept();
    assert_eq!(copy.back(), (0, 2));
    copy.ask(false);
    copy.resize(Size { columns: 3, rows: 4 });
    copy.type_search(|input| input.insert("nowhere"));
    let (back, most) = copy.back();
    assert!(back <= most && copy.cursor_cell().1 < 4, "{back} {most}");
    copy.resize(Size { columns: 20, rows: 30 });
    copy.give_up();
    assert_eq!(copy.back(), (0, 0));
}
