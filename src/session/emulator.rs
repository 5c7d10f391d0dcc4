//! The screen of a child: what its output has drawn. Knows no process, no window and no ratatui.

mod adapter;
mod boundary;
#[cfg(test)]
mod cases;
mod cells;
mod clipboard;
pub mod keyboard;
mod keyframe;
pub(super) mod long_command;
mod passing;
mod scrollback;
#[cfg(test)]
mod streams;
pub mod text;
mod title;
mod touched;

use std::time::Instant;

use alacritty_terminal::grid::{Dimensions as _, Row};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{self, Processor};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::characters::Characters;
use adapter::Adapter;
use boundary::Boundary;
pub use keyframe::Keyframe;
use long_command::LongCommand;

/// Size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

impl Size {
    /// The nearest size that a terminal can have. Below two columns no wide character fits and reflowing never ends.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            columns: self.columns.clamp(2, 1000),
            rows: self.rows.clamp(1, 500),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    #[default]
    Default,
    /// One of the 256 of the palette; 0 to 15 are the terminal's own.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// How one cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellStyle {
    pub foreground: Color,
    pub background: Color,
    pub underline_color: Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reverse: bool,
    pub strike: bool,
}

/// How the cursor looks (DECSCUSR); none is the terminal's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorLook {
    pub shape: CursorShape,
    pub blinking: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorShape {
    Block,
    Underline,
    Bar,
}

/// What the child asked of the terminal that changes how keys and the mouse are sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    pub application_cursor: bool,
    pub application_keypad: bool,
    pub bracketed_paste: bool,
    pub focus_events: bool,
    pub alternate_screen: bool,
    /// Presses of the mouse are wanted, and more unless [`Modes::mouse_presses`].
    pub mouse: bool,
    /// Nothing but presses is wanted, without modifiers (?9).
    pub mouse_presses: bool,
    /// The mouse's way is wanted while a button is down (?1002).
    pub mouse_drag: bool,
    /// The mouse's way is wanted always (?1003).
    pub mouse_motion: bool,
    pub sgr_mouse: bool,
    pub utf8_mouse: bool,
    /// On the alternate screen the wheel is to send arrow keys (?1007).
    pub alternate_scroll: bool,
    /// The kitty keyboard flags in force, see [`keyboard`]; 0 for none.
    pub kitty_flags: u8,
    /// xterm's level, 0 to 2.
    pub modify_other_keys: u8,
}

/// Most bytes that one session's scrollback takes.
const MOST_SCROLLBACK_BYTES: usize = 96 << 20;

/// A terminal without a window.
pub struct Emulator {
    adapter: Adapter,
    parser: Processor,
    soft_reset: SoftReset,
    long_command: LongCommand,
    boundary: Boundary,
    /// Given a character in pieces, the parser loses what stands behind it (`é é`).
    characters: Characters,
    /// Lines that the view is scrolled back.
    scrolled: usize,
}

/// Finds DECSTR in a stream that comes in any pieces.
#[derive(Default)]
struct SoftReset {
    matched: usize,
}

impl SoftReset {
    const SEQUENCE: &[u8] = b"\x1b[!p";

    /// The end of the first one in these bytes.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.matched == 0 {
                // Most bytes are no escape: pass over them fast.
                at += bytes[at..].iter().position(|byte| *byte == Self::SEQUENCE[0])?;
            }
            if bytes[at] == Self::SEQUENCE[self.matched] {
                self.matched += 1;
                at += 1;
                if self.matched == Self::SEQUENCE.len() {
                    self.matched = 0;
                    return Some(at);
                }
            } else if self.matched == 0 {
                at += 1;
            } else {
                // Looked at again: it may begin another one.
                self.matched = 0;
            }
        }
        None
    }
}

impl Emulator {
    /// What a child's `TERM` says while it draws here.
    pub const TERM: &'static str = "xterm-256color";

    pub fn new(size: Size, scrollback_lines: usize) -> Self {
        let size = size.clamped();
        Self {
            adapter: Adapter::new(size, scrollback_lines, MOST_SCROLLBACK_BYTES),
            parser: Processor::new(),
            soft_reset: SoftReset::default(),
            long_command: LongCommand::default(),
            boundary: Boundary::default(),
            characters: Characters::default(),
            scrolled: 0,
        }
    }

    /// Keeps no more than this many bytes of scrollback from now on; the oldest lines go first.
    pub fn limit_scrollback(&mut self, bytes: usize) {
        self.adapter.limit_bytes(bytes.min(MOST_SCROLLBACK_BYTES));
        self.scrolled = self.scrolled.min(self.scrollback());
    }

    pub fn size(&self) -> Size {
        Size {
            columns: u16::try_from(self.adapter.term.columns()).unwrap_or(u16::MAX),
            rows: u16::try_from(self.adapter.term.screen_lines()).unwrap_or(u16::MAX),
        }
    }

    /// Takes (already redacted) output of the child.
    pub fn feed(&mut self, bytes: &[u8]) {
        let before = self.adapter.rows_ever();
        let mut rest = bytes;
        if self.stands_between()
            && let Some(passing) = self.adapter.passing(bytes)
        {
            self.parse(&bytes[..passing.start]);
            self.adapter.pass(&bytes[passing.clone()]);
            rest = &bytes[passing.end..];
        }
        self.parse(rest);
        self.settle(before);
    }

    /// No escape sequence is under way: what comes next is none's rest.
    pub fn is_between_sequences(&self) -> bool {
        self.boundary.is_between()
    }

    /// The parser keeps nothing of what it was given.
    fn stands_between(&self) -> bool {
        self.is_between_sequences() && self.characters.is_between() && self.update_due().is_none()
    }

    fn parse(&mut self, bytes: &[u8]) {
        self.boundary.feed(bytes);
        let bytes = self.characters.whole(bytes);
        let bytes = self.long_command.kept(&bytes);
        let mut rest = &*bytes;
        // The parser does not know DECSTR, so it is looked for here. No string can hide it: an escape ends every one.
        while let Some(end) = self.soft_reset.find(rest) {
            self.parser.advance(&mut self.adapter, &rest[..end]);
            self.adapter.soft_reset();
            rest = &rest[end..];
        }
        self.parser.advance(&mut self.adapter, rest);
    }

    /// A view that is scrolled back stays where it is while lines come in below.
    fn settle(&mut self, rows_before: usize) {
        self.adapter.trim();
        if self.scrolled > 0 {
            let new = self.adapter.rows_ever().saturating_sub(rows_before);
            self.scrolled = (self.scrolled + new).min(self.scrollback());
        }
    }

    /// When a synchronized update (?2026) that the child began must be shown although it has not ended. Call [`Emulator::show_update`] then,
    /// or the screen stands still.
    pub fn update_due(&self) -> Option<Instant> {
        self.parser.sync_timeout().sync_timeout()
    }

    /// Ends a synchronized update.
    pub fn show_update(&mut self) {
        if self.update_due().is_some() {
            let before = self.adapter.rows_ever();
            self.parser.stop_sync(&mut self.adapter);
            self.settle(before);
        }
    }

    /// What the terminal answers to the child's queries since the last call.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.adapter.answers.take()
    }

    /// Takes a new size, the nearest one that is possible. The text of the main screen is wrapped anew.
    pub fn resize(&mut self, size: Size) {
        let size = size.clamped();
        if size != self.size() {
            self.adapter.resize(size);
            self.scrolled = self.scrolled.min(self.scrollback());
        }
    }

    /// Column and row of the cursor, from 0; none while hidden or scrolled away.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        if !self.adapter.term.mode().contains(TermMode::SHOW_CURSOR) {
            return None;
        }
        self.cursor_place()
    }

    /// How the child wants its cursor to look.
    pub fn cursor_look(&self) -> Option<CursorLook> {
        let style = self.adapter.term.cursor_style();
        let shape = match style.shape {
            ansi::CursorShape::Block => CursorShape::Block,
            ansi::CursorShape::Underline => CursorShape::Underline,
            ansi::CursorShape::Beam => CursorShape::Bar,
            // No stream asks for these: the first is how the adapter says that none was asked for.
            ansi::CursorShape::HollowBlock | ansi::CursorShape::Hidden => return None,
        };
        Some(CursorLook {
            shape,
            blinking: style.blinking,
        })
    }

    /// The cursor's place in the view, shown or not.
    fn cursor_place(&self) -> Option<(u16, u16)> {
        let point = self.adapter.term.grid().cursor.point;
        let row = usize::try_from(point.line.0).ok()? + self.scrolled();
        if row >= self.adapter.term.screen_lines() {
            return None;
        }
        Some((u16::try_from(point.column.0).ok()?, u16::try_from(row).ok()?))
    }

    pub fn modes(&self) -> Modes {
        let mode = self.adapter.term.mode();
        Modes {
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            application_keypad: mode.contains(TermMode::APP_KEYPAD),
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            focus_events: mode.contains(TermMode::FOCUS_IN_OUT),
            alternate_screen: mode.contains(TermMode::ALT_SCREEN),
            mouse: mode.intersects(TermMode::MOUSE_MODE) || self.adapter.mouse_presses,
            mouse_presses: self.adapter.mouse_presses,
            mouse_drag: mode.contains(TermMode::MOUSE_DRAG),
            mouse_motion: mode.contains(TermMode::MOUSE_MOTION),
            sgr_mouse: mode.contains(TermMode::SGR_MOUSE),
            utf8_mouse: mode.contains(TermMode::UTF8_MOUSE),
            alternate_scroll: mode.contains(TermMode::ALTERNATE_SCROLL),
            kitty_flags: self.adapter.keyboard_flags(),
            modify_other_keys: self.adapter.keyboard.modify_other_keys,
        }
    }

    /// The title the child set, without control characters, at most 80 columns.
    pub fn title(&self) -> Option<&str> {
        self.adapter.title.as_deref()
    }

    /// Whether the bell rang since the last call.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.adapter.bell)
    }

    /// The newest text that the child wants on the clipboard since the last call.
    pub fn take_clipboard(&mut self) -> Option<String> {
        self.adapter.clipboard.take()
    }

    /// Scrolls the view into the scrollback by this many lines (positive is back in time), clamped.
    pub fn scroll(&mut self, lines: i32) {
        let distance = usize::try_from(lines.unsigned_abs()).unwrap_or(usize::MAX);
        let scrolled = if lines < 0 {
            self.scrolled.saturating_sub(distance)
        } else {
            self.scrolled.saturating_add(distance)
        };
        self.scrolled = scrolled.min(self.scrollback());
    }

    /// How many lines the view is scrolled back; 0 is live.
    pub fn scrolled(&self) -> usize {
        self.scrolled
    }

    /// How many lines the scrollback holds; the alternate screen has none.
    pub fn scrollback(&self) -> usize {
        self.adapter.rows_kept() + self.adapter.term.history_size()
    }

    /// Visits every visible cell that is not the second half of a wide character, nor a blank of the usual look at the end of a row:
    /// column, row, its text (one grapheme), its look.
    pub fn visit(&self, cell: &mut dyn FnMut(u16, u16, &str, CellStyle)) {
        let mut text = String::new();
        for row in 0..self.size().rows {
            self.visit_row(row, true, &mut text, cell);
        }
    }

    fn visit_row(&self, row: u16, conceal: bool, text: &mut String, visit: &mut dyn FnMut(u16, u16, &str, CellStyle)) {
        if row < self.size().rows {
            let line = self.scrollback() - self.scrolled() + usize::from(row);
            self.visit_line(line, conceal, text, &mut |column, text, style| {
                visit(column, row, text, style);
            });
        }
    }

    /// Lines of the scrollback and the screen together.
    fn line_count(&self) -> usize {
        self.scrollback() + usize::from(self.size().rows)
    }

    /// Where a line, 0 being the oldest one, goes on in the next one: how many of its columns hold text, all but one that a wide character
    /// found no room in.
    fn wraps_after(&self, line: usize) -> Option<u16> {
        match self.place(line) {
            Place::Kept(row) => self.adapter.scrollback.wraps_after(row),
            Place::Grid(row) => cells::wraps_after(row).map(|columns| u16::try_from(columns).unwrap_or(u16::MAX)),
        }
    }

    /// Visits a line, 0 being the oldest one of the scrollback, but no blanks of the usual look at its end.
    fn visit_line(&self, line: usize, conceal: bool, text: &mut String, visit: &mut dyn FnMut(u16, &str, CellStyle)) {
        let mut visit = |column: u16, text: &str, style: CellStyle, concealed: bool| {
            if concealed && conceal {
                for half in 0..u16::try_from(text.width()).unwrap_or(1) {
                    visit(column + half, " ", style);
                }
            } else {
                visit(column, text, style);
            }
        };
        match self.place(line) {
            Place::Kept(row) => self.adapter.scrollback.visit(row, &mut visit),
            Place::Grid(row) if cells::wraps_after(row).is_some() => cells::visit(&row[..], text, &mut visit),
            Place::Grid(row) => cells::visit(cells::shown(row), text, &mut visit),
        }
    }

    fn place(&self, line: usize) -> Place<'_> {
        let kept = self.adapter.rows_kept();
        if line < kept {
            return Place::Kept(line);
        }
        let history = self.adapter.term.history_size();
        let line = i32::try_from(line - kept).unwrap_or(i32::MAX) - i32::try_from(history).unwrap_or(0);
        Place::Grid(&self.adapter.term.grid()[Line(line)])
    }

    /// Whether a visible row was wrapped: its text goes on in the next one.
    pub fn row_wraps(&self, row: u16) -> bool {
        let line = self.scrollback() - self.scrolled() + usize::from(row);
        row < self.size().rows && self.wraps_after(line).is_some()
    }

    /// The text of a visible row without trailing blanks, concealed text too.
    pub fn row_text(&self, row: u16) -> String {
        let mut text = String::new();
        self.visit_row(row, false, &mut String::new(), &mut |_, _, cell, _| text.push_str(cell));
        text.truncate(text.trim_end_matches(' ').len());
        text
    }
}

/// Where a line is kept.
enum Place<'a> {
    /// In the scrollback, as text: its row there.
    Kept(usize),
    Grid(&'a Row<Cell>),
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn emulator(columns: u16, rows: u16) -> Emulator {
        Emulator::new(Size { columns, rows }, 100)
    }

    fn fed(bytes: &[u8]) -> Emulator {
        let mut emulator = emulator(20, 4);
        emulator.feed(bytes);
        emulator
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
    fn a_soft_reset_is_found_in_any_pieces() {
        let stream = b"\x1b[4l\x1b\x1b[!p\x1b[!\x1b[!pend";
        for pieces in 1..stream.len() {
            let mut search = SoftReset::default();
            let mut found = 0;
            for piece in stream.chunks(pieces) {
                let mut rest = piece;
                while let Some(end) = search.find(rest) {
                    found += 1;
                    rest = &rest[end..];
                }
            }
            assert_eq!(found, 2, "{pieces}");
        }
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

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_stream_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..60), columns in 0u16..30, rows in 0u16..12) {
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

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
        #[test]
        fn what_is_kept_as_text_is_what_the_cells_said(
            pieces in proptest::collection::vec(piece(), 0..80), columns in 2u16..12, rows in 1u16..6
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
            pieces in proptest::collection::vec(proptest::prop_oneof![3 => piece(), 1 => plain_lines()], 0..20), columns in 2u16..40, rows in 1u16..6, back in 0i32..9
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
            texts in proptest::collection::vec("[a-z字é]{0,30}", 0..80), columns in 2u16..12, rows in 1u16..6, later in 2u16..12
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

    /// More of them than a small screen shows.
    fn plain_lines() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        let line = prop_oneof![8 => "[a-z ]{0,20}", 1 => "[ -~]{0,90}", 1 => " {0,60}"];
        proptest::collection::vec(line, 15..60).prop_map(|lines| (lines.join("\r\n") + "\r\n").into_bytes())
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

    fn piece() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
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
}
