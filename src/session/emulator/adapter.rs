//! `alacritty_terminal` made to behave like xterm where it departs from it, to answer queries in fixed forms only, and to keep
//! nothing that a hostile stream could grow.

mod handler;

use std::cmp::{max, min};
use std::sync::{Arc, Mutex, PoisonError};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::{Cursor, Dimensions as _};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, Color, CursorShape, CursorStyle, Handler as _, Mode, NamedColor, NamedMode,
    NamedPrivateMode, StandardCharset,
};

use super::keyboard::Keyboard;
use super::scrollback::Scrollback;
use super::touched::Touched;
use super::{Size, cells};

/// Lines above the screen that the engine holds as cells; past them the older half is moved to the scrollback.
const LINES_AS_CELLS: usize = 256;
/// What the engine is told to keep where the scrollback does it: wrapped anew, few long lines become many.
const LINES_UNLIMITED: usize = 200_000;

/// Marks over one cell; a stream can pile up any number of them.
const MARKS_PER_CELL: usize = 8;
/// Titles that a child may put aside.
const TITLES_KEPT: usize = 8;

/// The ways of following the mouse that the library knows.
const MOUSE: [NamedPrivateMode; 3] = [
    NamedPrivateMode::ReportMouseClicks,
    NamedPrivateMode::ReportCellMouseMotion,
    NamedPrivateMode::ReportAllMouseMotion,
];

/// What the library has to say while it parses: the answers to queries. Everything else it could ask of us (the clipboard, colours, a
/// title) is ignored.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Vec<u8>>>);

impl Answers {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, text: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(text.as_bytes());
    }
}

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        if let Event::PtyWrite(text) = event {
            self.push(&text);
        }
    }
}

pub(super) struct Adapter {
    pub(super) term: Term<Answers>,
    /// The older lines of the main screen.
    pub(super) scrollback: Scrollback,
    /// [`LINES_AS_CELLS`], but in a test.
    pub(super) lines_as_cells: usize,
    pub(super) most_lines: usize,
    pub(super) most_bytes: usize,
    pub(super) answers: Answers,
    pub(super) title: Option<String>,
    pub(super) bell: bool,
    /// What the child wants on the clipboard.
    pub(super) clipboard: Option<String>,
    titles: Vec<Option<String>>,
    /// First and last line of the scrolling region; the library keeps its own to itself.
    pub(super) margins: (i32, i32),
    touched: Touched,
    /// ?40: DECCOLM has an effect.
    pub(super) column_mode: bool,
    /// What DECSC saved on the main screen, while the alternate one is shown by ?47 or ?1047: the library puts another in its place.
    pub(super) saved_main: Option<Cursor<Cell>>,
    /// DECOM as DECSC saved it, of the main and of the alternate screen.
    pub(super) saved_origin: [bool; 2],
    /// The character set that is in use, and the last character that was printed; the library and its parser keep theirs to themselves.
    pub(super) charset: CharsetIndex,
    pub(super) printed: Option<char>,
    /// Our own: the library forgets what was set without a push.
    pub(super) keyboard: Keyboard,
    /// Presses of the mouse alone are wanted (?9), which the library does not know.
    pub(super) mouse_presses: bool,
}

/// The library's way of taking a size.
struct Cells(Size);

impl alacritty_terminal::grid::Dimensions for Cells {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }
    fn screen_lines(&self) -> usize {
        usize::from(self.0.rows)
    }
    fn columns(&self) -> usize {
        usize::from(self.0.columns)
    }
}

impl Adapter {
    pub(super) fn new(size: Size, most_lines: usize, most_bytes: usize) -> Self {
        let answers = Answers::default();
        let mut adapter = Self {
            term: Term::new(configuration(0), &Cells(size), answers.clone()),
            scrollback: Scrollback::new(size.columns.into()),
            lines_as_cells: LINES_AS_CELLS,
            most_lines,
            most_bytes,
            answers,
            title: None,
            bell: false,
            clipboard: None,
            titles: Vec::new(),
            margins: (0, i32::from(size.rows) - 1),
            touched: Touched::default(),
            column_mode: false,
            saved_main: None,
            saved_origin: [false; 2],
            charset: CharsetIndex::G0,
            printed: None,
            keyboard: Keyboard::default(),
            mouse_presses: false,
        };
        adapter.apply_limits();
        adapter
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.touched.anywhere();
        self.term.resize(Cells(size));
        self.scrollback.resize(size.columns.into());
        self.margins = (0, i32::from(size.rows) - 1);
        self.apply_limits();
    }

    pub(super) fn limit_bytes(&mut self, most_bytes: usize) {
        if most_bytes != self.most_bytes {
            self.most_bytes = most_bytes;
            self.apply_limits();
        }
    }

    /// Lines that the limits allow as cells.
    fn most_as_cells(&self) -> usize {
        self.most_lines
            .min(self.most_bytes / (self.term.columns() * size_of::<Cell>()))
    }

    #[cfg(test)]
    pub(super) fn hold_as_cells(&mut self, lines: usize) {
        self.lines_as_cells = lines;
        self.apply_limits();
    }

    fn apply_limits(&mut self) {
        let most = if self.keeps_as_text() {
            LINES_UNLIMITED
        } else {
            self.most_as_cells()
        };
        self.term.set_options(configuration(most));
        while self.make_room() {}
        self.trim();
    }

    /// To be called before a line is fed.
    fn before_line(&mut self) {
        self.touched.up_to(self.cursor_column());
        // A row that comes in coloured, and letters that push others to the right, reach to the end.
        let plain = self.term.grid().cursor.template.bg == Color::Named(NamedColor::Background);
        if !plain || self.on(TermMode::INSERT) {
            self.touched.anywhere();
        }
        self.touched.line(self.rows_ever());
        self.make_room();
    }

    /// Whether older lines are kept as text.
    pub(super) fn keeps_as_text(&self) -> bool {
        self.most_as_cells() > self.lines_as_cells
    }

    /// Moves the older half of the engine's history to the scrollback, if it is long; says whether it did. To be asked before a line is added.
    fn make_room(&mut self) -> bool {
        self.term.history_size() >= self.lines_as_cells
            && self.keeps_as_text()
            && self.move_lines(self.lines_as_cells / 2)
    }

    /// Moves all of the engine's history, which is not empty, to the scrollback but about this many lines.
    #[cold]
    pub(super) fn move_lines(&mut self, left: usize) -> bool {
        let history = self.term.history_size();
        let most = max(history - left, 1);
        let rows = history + self.term.screen_lines();
        let blank_from = self.touched.blank_from(self.rows_ever(), rows);
        let blank_from = blank_from.filter(|column| *column < self.term.columns());
        let grid = self.term.grid_mut();
        let row = |at: usize| Line(clamp_count(at) - clamp_count(history));
        // Whole lines, or the next size would break one at this place; one that is longer than all there is room for is broken.
        let mut counts = (1..=most).rev();
        let whole = counts.find(|count| blank_from.is_some() || cells::wraps_after(&grid[row(count - 1)]).is_none());
        let count = whole.unwrap_or(most);
        let mut work = Vec::new();
        for at in 0..count {
            let (cells, next) = (&grid[row(at)], &grid[row(at + 1)]);
            if let Some(column) = blank_from {
                cells::keep_whole(&cells[..Column(column)], &mut self.scrollback, &mut work);
            } else {
                cells::keep(cells, next, &mut self.scrollback, &mut work);
            }
        }
        if whole.is_none() {
            self.scrollback.end_line(true);
        }
        // The engine takes a thousand rows when it needs one; they are given back here, once.
        grid.truncate();
        grid.update_history(history - count);
        grid.update_history(LINES_UNLIMITED);
        true
    }

    /// Drops what is beyond the limits.
    pub(super) fn trim(&mut self) {
        let history = self.term.history_size();
        let as_cells = history * self.term.columns() * size_of::<Cell>();
        if self.keeps_as_text() {
            let (lines, bytes) = (self.most_lines, self.most_bytes);
            self.scrollback
                .trim(lines.saturating_sub(history), bytes.saturating_sub(as_cells));
        } else {
            self.scrollback.clear();
        }
    }

    /// Rows of the scrollback above the engine's own; the alternate screen has none.
    pub(super) fn rows_kept(&self) -> usize {
        if self.on(TermMode::ALT_SCREEN) {
            0
        } else {
            self.scrollback.rows()
        }
    }

    /// Rows that ever left the screen at its top, at the width of now.
    pub(super) fn rows_ever(&self) -> usize {
        self.scrollback.end() + self.term.history_size()
    }

    fn on(&self, mode: TermMode) -> bool {
        self.term.mode().contains(mode)
    }

    /// Index of the screen that is shown into what is kept for each.
    fn screen(&self) -> usize {
        usize::from(self.on(TermMode::ALT_SCREEN))
    }

    pub(super) fn keyboard_flags(&self) -> u8 {
        self.keyboard.flags(self.screen())
    }

    fn cursor_line(&self) -> i32 {
        self.term.grid().cursor.point.line.0
    }

    fn cursor_column(&self) -> usize {
        self.term.grid().cursor.point.column.0
    }

    pub(super) fn last_line(&self) -> i32 {
        self.term.screen_lines() as i32 - 1
    }

    /// Moves the cursor to a line of the screen, whatever the origin mode says.
    fn set_line(&mut self, line: i32) {
        self.touched.anywhere();
        let line = line.clamp(0, self.last_line());
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.line = Line(line);
        cursor.input_needs_wrap = false;
    }

    fn line_above(&self, lines: usize) -> i32 {
        let line = self.cursor_line();
        let limit = if line >= self.margins.0 { self.margins.0 } else { 0 };
        max(line.saturating_sub(clamp_count(lines)), limit)
    }

    fn line_below(&self, lines: usize) -> i32 {
        let line = self.cursor_line();
        let limit = if line <= self.margins.1 {
            self.margins.1
        } else {
            self.last_line()
        };
        min(line.saturating_add(clamp_count(lines)), limit)
    }

    fn full_margins(&mut self) {
        self.margins = (0, self.last_line());
    }

    /// Blanks a wide character of the cursor's line whose halves an edit at this column would part.
    fn part_wide(&mut self, column: usize) {
        if column == 0 || column >= self.term.columns() {
            return;
        }
        let line = Line(self.cursor_line());
        let row = &mut self.term.grid_mut()[line];
        let spacer = &mut row[Column(column)];
        if spacer.flags.contains(Flags::WIDE_CHAR_SPACER) {
            spacer.flags.remove(Flags::WIDE_CHAR_SPACER);
            row[Column(column - 1)].clear_wide();
        }
    }

    /// DECCOLM, to 80 or to 132 columns: the pane's size is not the child's to choose, so what is left of it is the clean screen, and that
    /// only where ?40 allows it, as in xterm.
    fn change_columns(&mut self) {
        if self.column_mode {
            self.full_margins();
            self.term.set_scrolling_region(1, None);
            self.clear_screen(ClearMode::All);
            self.term.goto(0, 0);
        }
    }

    /// ?47 and ?1047: the other screen with the same cursor.
    fn show_screen(&mut self, alternate: bool) {
        self.touched.anywhere();
        if self.on(TermMode::ALT_SCREEN) == alternate {
            return;
        }
        let cursor = self.term.grid().cursor.clone();
        let saved = self.term.grid().saved_cursor.clone();
        self.term.swap_alt();
        let grid = self.term.grid_mut();
        grid.cursor = cursor;
        if alternate {
            self.saved_main = Some(saved);
        } else if let Some(saved) = self.saved_main.take() {
            grid.saved_cursor = saved;
        }
    }

    /// The mouse's modes exclude each other.
    fn mouse_is_unwanted(&mut self) {
        for mode in MOUSE {
            self.term.unset_private_mode(mode.into());
        }
    }

    /// DECSTR.
    pub(super) fn soft_reset(&mut self) {
        self.touched.anywhere();
        let cursor = self.term.grid().cursor.point;
        for mode in [NamedPrivateMode::CursorKeys, NamedPrivateMode::Origin] {
            self.term.unset_private_mode(mode.into());
        }
        self.term.set_private_mode(NamedPrivateMode::ShowCursor.into());
        self.term.unset_mode(Mode::Named(NamedMode::Insert));
        self.term.unset_keypad_application_mode();
        self.term.terminal_attribute(Attr::Reset);
        self.full_margins();
        self.term.set_scrolling_region(1, None);
        for index in [CharsetIndex::G0, CharsetIndex::G1, CharsetIndex::G2, CharsetIndex::G3] {
            self.term.configure_charset(index, StandardCharset::Ascii);
        }
        self.set_active_charset(CharsetIndex::G0);
        // What DECRC restores from now on is the home position.
        self.term.goto(0, 0);
        self.save_cursor_position();
        self.term.grid_mut().cursor.point = cursor;
    }

    fn marks_under_cursor(&self) -> usize {
        let cursor = &self.term.grid().cursor;
        let mut column = cursor.point.column.0;
        if !cursor.input_needs_wrap {
            column = column.saturating_sub(1);
        }
        let row = &self.term.grid()[cursor.point.line];
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        row[Column(column)].zerowidth().map_or(0, <[char]>::len)
    }
}

fn configuration(scrollback_lines: usize) -> Config {
    Config {
        scrolling_history: scrollback_lines,
        osc52: Osc52::Disabled,
        // Not to be asked for by a stream, so it says that none was.
        default_cursor_style: CursorStyle {
            shape: CursorShape::HollowBlock,
            blinking: false,
        },
        ..Config::default()
    }
}

fn clamp_count(lines: usize) -> i32 {
    i32::try_from(lines).unwrap_or(i32::MAX)
}
