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
#[cfg(test)]
mod properties;
mod scrollback;
mod soft_reset;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tests;
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
use soft_reset::SoftReset;

/// Size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

impl Size {
    /// The largest size that is kept and drawn: a terminal can be told to be of any.
    pub const MOST: Self = Self {
        columns: 1000,
        rows: 500,
    };

    /// The nearest size that a terminal can have. Below two columns no wide character fits and reflowing never ends.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            columns: self.columns.clamp(2, Self::MOST.columns),
            rows: self.rows.clamp(1, Self::MOST.rows),
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
