//! What each sequence does: the methods of the library, and those in which it departs from xterm.

use std::cmp::min;

use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::Column;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, KeyboardModes, KeyboardModesApplyBehavior,
    LineClearMode, Mode, ModifyOtherKeys, NamedPrivateMode, PrivateMode, StandardCharset, TabulationClearMode,
};

use super::{Adapter, MARKS_PER_CELL, MOUSE, TITLES_KEPT, clamp_count};
use crate::session::emulator::keyboard::{Apply, Keyboard};
use crate::session::emulator::scrollback::{is_mark, is_sound_mark};
use crate::session::emulator::{clipboard, title};

/// Methods that the library does right.
macro_rules! as_the_library_does {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $name(&mut self $(, $argument: $kind)*) { self.term.$name($($argument),*); })*
    };
}

/// Those of them that write cells or move the cursor to where it writes them.
macro_rules! as_the_library_does_anywhere {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $name(&mut self $(, $argument: $kind)*) { self.touched.anywhere(); self.term.$name($($argument),*); })*
    };
}

// Not delegated, so without effect: reading the clipboard, colours and their queries, hyperlinks, the size in pixels.
impl Handler for Adapter {
    as_the_library_does! {
        set_cursor_style(style: Option<CursorStyle>);
        set_cursor_shape(shape: CursorShape);
        put_tab(count: u16);
        substitute();
        set_horizontal_tabstop();
        clear_tabs(mode: TabulationClearMode);
        set_tabs(interval: u16);
        terminal_attribute(attribute: Attr);
        report_mode(mode: Mode);
        set_keypad_application_mode();
        unset_keypad_application_mode();
        configure_charset(index: CharsetIndex, charset: StandardCharset);
        text_area_size_chars();
        report_private_mode(mode: PrivateMode);
    }

    as_the_library_does_anywhere! {
        goto(line: i32, column: usize);
        goto_line(line: i32);
        move_forward(columns: usize);
        move_backward(columns: usize);
        scroll_down(lines: usize);
        insert_blank_lines(lines: usize);
        delete_lines(lines: usize);
        move_backward_tabs(count: u16);
        move_forward_tabs(count: u16);
        reverse_index();
        set_mode(mode: Mode);
        unset_mode(mode: Mode);
    }

    fn backspace(&mut self) {
        self.touched.up_to(self.cursor_column());
        self.term.backspace();
    }

    fn carriage_return(&mut self) {
        self.touched.up_to(self.cursor_column());
        self.term.carriage_return();
    }

    fn input(&mut self, c: char) {
        // It would turn the rows of whoever draws them, the frame with them.
        if !c.is_ascii() && title::turns_direction(c) {
            return;
        }
        self.printed = Some(c);
        if is_mark(c) && self.marks_under_cursor() >= MARKS_PER_CELL {
            return;
        }
        if self.term.grid().cursor.input_needs_wrap || !c.is_ascii() {
            self.touched.up_to(self.cursor_column());
            self.make_room();
        }
        if is_sound_mark(c) {
            // The library takes it for a mark over the character before.
            self.term.input(' ');
            let cursor = &self.term.grid().cursor;
            let (line, column) = (cursor.point.line, cursor.point.column);
            let column = if cursor.input_needs_wrap { column } else { column - 1 };
            self.term.grid_mut()[line][column].c = c;
            return;
        }
        self.term.input(c);
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    fn goto_col(&mut self, column: usize) {
        self.touched.anywhere();
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

    fn newline(&mut self) {
        self.before_line();
        self.term.newline();
    }

    fn scroll_up(&mut self, lines: usize) {
        self.touched.anywhere();
        self.make_room();
        self.term.scroll_up(lines);
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        self.touched.anywhere();
        self.make_room();
        if matches!(mode, ClearMode::Saved) && !self.on(TermMode::ALT_SCREEN) {
            self.scrollback.clear();
        }
        self.term.clear_screen(mode);
    }

    fn linefeed(&mut self) {
        self.before_line();
        self.term.linefeed();
        if self.on(TermMode::LINE_FEED_NEW_LINE) {
            self.term.carriage_return();
        }
    }

    fn bell(&mut self) {
        self.bell = true;
    }

    fn insert_blank(&mut self, count: usize) {
        self.touched.anywhere();
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.term.columns() - count);
        self.term.insert_blank(count);
    }

    fn erase_chars(&mut self, count: usize) {
        self.touched.anywhere();
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.cursor_column() + count);
        self.term.erase_chars(count);
    }

    fn delete_chars(&mut self, count: usize) {
        self.touched.anywhere();
        let count = min(count, self.term.columns() - self.cursor_column());
        self.part_wide(self.cursor_column());
        self.part_wide(self.cursor_column() + count);
        self.term.delete_chars(count);
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        self.touched.anywhere();
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
        self.touched.anywhere();
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
        self.touched.anywhere();
        self.term.reset_state();
        self.scrollback.clear();
        self.full_margins();
        self.charset = CharsetIndex::G0;
        self.column_mode = false;
        self.saved_main = None;
        self.saved_origin = [false; 2];
        self.keyboard = Keyboard::default();
        self.mouse_presses = false;
        self.title = None;
        self.titles.clear();
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        self.touched.anywhere();
        let rows = self.term.screen_lines();
        let bottom = min(bottom.unwrap_or(rows), rows);
        if top >= bottom {
            return;
        }
        self.margins = (clamp_count(top) - 1, clamp_count(bottom) - 1);
        self.term.set_scrolling_region(top, Some(bottom));
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.touched.anywhere();
        match mode {
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => self.change_columns(),
            PrivateMode::Unknown(40) => self.column_mode = true,
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
        self.touched.anywhere();
        match mode {
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => self.change_columns(),
            PrivateMode::Unknown(40) => self.column_mode = false,
            PrivateMode::Unknown(47 | 1047) => self.show_screen(false),
            PrivateMode::Unknown(9) => self.mouse_presses = false,
            PrivateMode::Unknown(1048) => self.restore_cursor_position(),
            mode => {
                if mode == NamedPrivateMode::SwapScreenAndSetRestoreCursor.into() {
                    self.saved_main = None;
                }
                self.term.unset_private_mode(mode);
            }
        }
        if matches!(mode, PrivateMode::Named(NamedPrivateMode::Origin)) {
            self.term.goto(0, 0);
        }
    }

    fn decaln(&mut self) {
        self.touched.anywhere();
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
