//! `alacritty_terminal` made to behave like xterm where it departs from it, to answer queries in fixed forms only, and to keep
//! nothing that a hostile stream could grow.

use std::cmp::{max, min};
use std::sync::{Arc, Mutex, PoisonError};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, KeyboardModes, KeyboardModesApplyBehavior,
    LineClearMode, Mode, ModifyOtherKeys, NamedMode, NamedPrivateMode, PrivateMode, StandardCharset,
    TabulationClearMode,
};
use unicode_width::UnicodeWidthChar as _;

use super::keyboard::{Apply, Keyboard};
use super::{Size, clipboard, title};

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
    pub(super) answers: Answers,
    pub(super) title: Option<String>,
    pub(super) bell: bool,
    /// What the child wants on the clipboard.
    pub(super) clipboard: Option<String>,
    titles: Vec<Option<String>>,
    /// First and last line of the scrolling region; the library keeps its own to itself.
    pub(super) margins: (i32, i32),
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
    pub(super) fn new(size: Size, scrollback_lines: usize) -> Self {
        let answers = Answers::default();
        let term = Term::new(configuration(scrollback_lines), &Cells(size), answers.clone());
        Self {
            term,
            answers,
            title: None,
            bell: false,
            clipboard: None,
            titles: Vec::new(),
            margins: (0, i32::from(size.rows) - 1),
            saved_origin: [false; 2],
            charset: CharsetIndex::G0,
            printed: None,
            keyboard: Keyboard::default(),
            mouse_presses: false,
        }
    }

    pub(super) fn resize(&mut self, size: Size, scrollback_lines: usize) {
        self.term.resize(Cells(size));
        self.keep_lines(scrollback_lines);
        self.margins = (0, i32::from(size.rows) - 1);
    }

    pub(super) fn keep_lines(&mut self, scrollback_lines: usize) {
        self.term.set_options(configuration(scrollback_lines));
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

    fn last_line(&self) -> i32 {
        self.term.screen_lines() as i32 - 1
    }

    /// Moves the cursor to a line of the screen, whatever the origin mode says.
    fn set_line(&mut self, line: i32) {
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

    /// ?47 and ?1047: the other screen with the same cursor.
    fn show_screen(&mut self, alternate: bool) {
        if self.on(TermMode::ALT_SCREEN) == alternate {
            return;
        }
        let cursor = self.term.grid().cursor.clone();
        self.term.swap_alt();
        self.term.grid_mut().cursor = cursor;
    }

    /// The mouse's modes exclude each other.
    fn mouse_is_unwanted(&mut self) {
        for mode in MOUSE {
            self.term.unset_private_mode(mode.into());
        }
    }

    /// DECSTR.
    pub(super) fn soft_reset(&mut self) {
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
        ..Config::default()
    }
}

fn clamp_count(lines: usize) -> i32 {
    i32::try_from(lines).unwrap_or(i32::MAX)
}

/// Methods that the library does right.
macro_rules! as_the_library_does {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $name(&mut self $(, $argument: $kind)*) { self.term.$name($($argument),*); })*
    };
}

// Not delegated, so without effect: reading the clipboard, colours and their queries, hyperlinks, the size in pixels.
impl Handler for Adapter {
    as_the_library_does! {
        set_cursor_style(style: Option<CursorStyle>);
        set_cursor_shape(shape: CursorShape);
        goto(line: i32, column: usize);
        goto_line(line: i32);
        move_forward(columns: usize);
        move_backward(columns: usize);
        put_tab(count: u16);
        backspace();
        carriage_return();
        substitute();
        newline();
        set_horizontal_tabstop();
        scroll_up(lines: usize);
        scroll_down(lines: usize);
        insert_blank_lines(lines: usize);
        delete_lines(lines: usize);
        move_backward_tabs(count: u16);
        move_forward_tabs(count: u16);
        clear_screen(mode: ClearMode);
        clear_tabs(mode: TabulationClearMode);
        set_tabs(interval: u16);
        reverse_index();
        terminal_attribute(attribute: Attr);
        set_mode(mode: Mode);
        unset_mode(mode: Mode);
        report_mode(mode: Mode);
        set_keypad_application_mode();
        unset_keypad_application_mode();
        configure_charset(index: CharsetIndex, charset: StandardCharset);
        text_area_size_chars();
        report_private_mode(mode: PrivateMode);
    }

    fn input(&mut self, c: char) {
        self.printed = Some(c);
        if !c.is_ascii() && c.width() == Some(0) && self.marks_under_cursor() >= MARKS_PER_CELL {
            return;
        }
        self.term.input(c);
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    fn goto_col(&mut self, column: usize) {
        let column = min(column, self.term.columns() - 1);
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.column = Column(column);
        cursor.input_needs_wrap = false;
    }

    fn move_up(&mut self, lines: usize) {
        self.set_line(self.line_above(lines));
    }

    fn move_down(&mut self, lines: usize) {
        self.set_line(self.line_below(lines));
    }

    fn move_up_and_cr(&mut self, lines: usize) {
        self.move_up(lines);
        self.term.carriage_return();
    }

    fn move_down_and_cr(&mut self, lines: usize) {
        self.move_down(lines);
        self.term.carriage_return();
    }

    fn linefeed(&mut self) {
        self.term.linefeed();
        if self.on(TermMode::LINE_FEED_NEW_LINE) {
            self.term.carriage_return();
        }
    }

    fn bell(&mut self) {
        self.bell = true;
    }

    fn insert_blank(&mut self, count: usize) {
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.term.columns() - count);
        self.term.insert_blank(count);
    }

    fn erase_chars(&mut self, count: usize) {
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.cursor_column() + count);
        self.term.erase_chars(count);
    }

    fn delete_chars(&mut self, count: usize) {
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.cursor_column() + count);
        self.term.delete_chars(count);
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        match mode {
            LineClearMode::Right => self.part_wide(self.cursor_column()),
            LineClearMode::Left => self.part_wide(self.cursor_column() + 1),
            LineClearMode::All => {}
        }
        self.term.clear_line(mode);
    }

    fn save_cursor_position(&mut self) {
        self.saved_origin[self.screen()] = self.on(TermMode::ORIGIN);
        self.term.save_cursor_position();
    }

    fn restore_cursor_position(&mut self) {
        // Either homes the cursor, so before the cursor is restored.
        let origin = PrivateMode::Named(NamedPrivateMode::Origin);
        if self.saved_origin[self.screen()] {
            self.term.set_private_mode(origin);
        } else {
            self.term.unset_private_mode(origin);
        }
        self.term.restore_cursor_position();
    }

    fn reset_state(&mut self) {
        self.term.reset_state();
        self.full_margins();
        self.charset = CharsetIndex::G0;
        self.saved_origin = [false; 2];
        self.keyboard = Keyboard::default();
        self.mouse_presses = false;
        self.title = None;
        self.titles.clear();
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.term.screen_lines();
        let bottom = min(bottom.unwrap_or(rows), rows);
        if top >= bottom {
            return;
        }
        self.margins = (clamp_count(top) - 1, clamp_count(bottom) - 1);
        self.term.set_scrolling_region(top, Some(bottom));
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            // 132 columns: the pane's size is not the child's to choose.
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Unknown(47 | 1047) => self.show_screen(true),
            PrivateMode::Unknown(9) => {
                self.mouse_is_unwanted();
                self.mouse_presses = true;
            }
            PrivateMode::Unknown(1048) => self.save_cursor_position(),
            mode => {
                self.mouse_presses &= !MOUSE.into_iter().any(|mouse| mode == mouse.into());
                self.term.set_private_mode(mode);
            }
        }
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {}
            PrivateMode::Unknown(47 | 1047) => self.show_screen(false),
            PrivateMode::Unknown(9) => self.mouse_presses = false,
            PrivateMode::Unknown(1048) => self.restore_cursor_position(),
            mode => self.term.unset_private_mode(mode),
        }
        if matches!(mode, PrivateMode::Named(NamedPrivateMode::Origin)) {
            self.term.goto(0, 0);
        }
    }

    fn decaln(&mut self) {
        self.term.decaln();
        self.full_margins();
        self.term.set_scrolling_region(1, None);
    }

    fn identify_terminal(&mut self, intermediate: Option<char>) {
        match intermediate {
            None => self.answers.push("\x1b[?6c"),
            Some('>') => self.answers.push("\x1b[>0;10;1c"),
            Some(_) => {}
        }
    }

    fn device_status(&mut self, query: usize) {
        match query {
            5 => self.answers.push("\x1b[0n"),
            6 => {
                let top = if self.on(TermMode::ORIGIN) { self.margins.0 } else { 0 };
                let (line, column) = (self.cursor_line() - top + 1, self.cursor_column() + 1);
                self.answers.push(&format!("\x1b[{line};{column}R"));
            }
            _ => {}
        }
    }

    fn clipboard_store(&mut self, _which: u8, coded: &[u8]) {
        self.clipboard = clipboard::decode(coded).or(self.clipboard.take());
    }

    fn set_title(&mut self, text: Option<String>) {
        self.title = text.as_deref().and_then(title::clean);
    }

    fn push_title(&mut self) {
        if self.titles.len() < TITLES_KEPT {
            self.titles.push(self.title.clone());
        }
    }

    fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.title = title;
        }
    }

    fn push_keyboard_mode(&mut self, mode: KeyboardModes) {
        self.keyboard.push(self.screen(), mode.bits());
    }

    fn pop_keyboard_modes(&mut self, count: u16) {
        self.keyboard.pop(self.screen(), count);
    }

    fn set_keyboard_mode(&mut self, mode: KeyboardModes, behaviour: KeyboardModesApplyBehavior) {
        let how = match behaviour {
            KeyboardModesApplyBehavior::Replace => Apply::Replace,
            KeyboardModesApplyBehavior::Union => Apply::Add,
            KeyboardModesApplyBehavior::Difference => Apply::Remove,
        };
        self.keyboard.set(self.screen(), mode.bits(), how);
    }

    fn report_keyboard_mode(&mut self) {
        self.answers.push(&self.keyboard.answer(self.screen()));
    }

    fn set_modify_other_keys(&mut self, mode: ModifyOtherKeys) {
        self.keyboard.modify_other_keys = mode as u8;
    }

    fn report_modify_other_keys(&mut self) {
        self.answers.push(&self.keyboard.answer_modify_other_keys());
    }
}

/// The text of a cell as ratatui must see it: as wide as the cell, whatever marks are piled on it.
pub(super) fn cell_text(cell: &Cell, wide: bool, out: &mut String) {
    out.clear();
    // A tab leaves itself in its first cell.
    if cell.c.is_control() {
        out.push(' ');
        return;
    }
    out.push(cell.c);
    let Some(marks) = cell.zerowidth() else { return };
    let bare = out.len();
    out.extend(marks);
    let width = if wide { 2 } else { 1 };
    if unicode_width::UnicodeWidthStr::width(out.as_str()) != width {
        out.truncate(bare);
    }
}
