//! Copy mode: a session's text standing still, a cursor that moves over it, what is selected and what is searched. Knows no keys, draws
//! nothing, copies nothing.

mod motion;
mod search;
mod select;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use ratatui::layout::Position;

use crate::session::emulator::text::{Row, Text};
use crate::session::emulator::{Emulator, Size};

pub use motion::Motion;
pub use search::{Prompt, Search};
pub use select::{Selection, Shape};

/// A place in the text: a line, and a glyph of it. The glyph after the last one is the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub line: usize,
    pub glyph: usize,
}

/// A button of the mouse that was pressed over a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    /// Where on our screen, and when.
    pub at: Position,
    pub when: Timestamp,
    /// 1 for a click, 2 for a double one, 3 for a triple one.
    pub clicks: u8,
    /// It is still down.
    pub held: bool,
    /// It was moved while it was down.
    pub dragged: bool,
}

pub struct CopyMode {
    text: Text,
    /// The text wrapped to the pane.
    rows: Vec<Row>,
    size: Size,
    /// The first row in view.
    top: usize,
    cursor: Place,
    /// The column that up and down keep to.
    column: usize,
    selection: Option<Selection>,
    search: Option<Search>,
    prompt: Option<Prompt>,
    /// Opened by the mouse, for one selection: the first key ends it.
    pub by_mouse: bool,
    /// The program has printed more since.
    pub behind: bool,
}

impl CopyMode {
    /// The view as it is, the cursor where the program's own stands (or in the last row, where it is out of view).
    pub fn new(emulator: &Emulator) -> Self {
        let size = emulator.size();
        let text = emulator.text();
        let rows = text.rows(size.columns.into());
        let top = rows.len().saturating_sub(usize::from(size.rows) + emulator.scrolled());
        let mut this = Self {
            text,
            rows,
            size,
            top,
            cursor: Place::default(),
            column: 0,
            selection: None,
            search: None,
            prompt: None,
            by_mouse: false,
            behind: false,
        };
        let (column, row) = emulator.cursor().unwrap_or((0, size.rows - 1));
        this.cursor = this.at_cell(column, row);
        this.keep_in_text();
        this.column = this.column_of(this.cursor);
        this
    }

    /// The pane has another size: the text is wrapped anew, the cursor stays on what it was on and about where it was.
    pub fn resize(&mut self, size: Size) {
        let size = size.clamped();
        if size == self.size {
            return;
        }
        let above = |this: &Self, place, top| this.row_of(place).saturating_sub(top);
        let cursor = above(self, self.cursor, self.top);
        let asked = self
            .prompt
            .as_ref()
            .map(|prompt| (prompt.from, above(self, prompt.from, prompt.top)));
        self.rows = self.text.rows(size.columns.into());
        self.size = size;
        let last = usize::from(size.rows) - 1;
        let top = |this: &Self, place, above: usize| this.row_of(place).saturating_sub(above.min(last));
        self.top = top(self, self.cursor, cursor);
        // Where a search goes back to is in the text as it is wrapped now.
        let asked = asked.map(|(from, above)| top(self, from, above).min(self.last_top()));
        if let (Some(prompt), Some(asked)) = (&mut self.prompt, asked) {
            prompt.top = asked;
        }
        self.column = self.column_of(self.cursor);
        self.keep_in_view();
    }

    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The rows in view, as many as there are.
    pub fn view(&self) -> &[Row] {
        let end = (self.top + usize::from(self.size.rows)).min(self.rows.len());
        &self.rows[self.top.min(end)..end]
    }

    /// How many rows the view is back from the newest one, and how many it could be.
    pub fn back(&self) -> (usize, usize) {
        let most = self.last_top();
        (most - self.top, most)
    }

    /// Column and row of the cursor in the pane.
    pub fn cursor_cell(&self) -> (u16, u16) {
        let row = self.row_of(self.cursor).saturating_sub(self.top);
        let column = self.column_of(self.cursor).min(usize::from(self.size.columns) - 1);
        (short(column), short(row))
    }

    /// The place that a cell of the pane shows; the end of its line where there is nothing.
    pub fn at_cell(&self, column: u16, row: u16) -> Place {
        let row = (self.top + usize::from(row)).min(self.rows.len().saturating_sub(1));
        self.in_row(row, column.into(), true)
    }

    /// Moves the view by rows, back in time if negative; the cursor comes along as far as it must.
    pub fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows).min(self.last_top());
        let row = self.row_of(self.cursor);
        let last = self.top + usize::from(self.size.rows) - 1;
        if row < self.top || row > last {
            self.cursor = self.in_row(row.clamp(self.top, last.min(self.last_row())), self.column, false);
        }
    }

    fn last_row(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    /// The first row in view when the newest one is at the bottom.
    fn last_top(&self) -> usize {
        self.rows.len().saturating_sub(self.size.rows.into())
    }

    fn row_of(&self, place: Place) -> usize {
        let after = self
            .rows
            .partition_point(|row| (row.line, row.start) <= (place.line, place.glyph));
        after.saturating_sub(1)
    }

    /// The column of a place in its row.
    fn column_of(&self, place: Place) -> usize {
        let Some(row) = self.rows.get(self.row_of(place)) else {
            return 0;
        };
        let line = self.text.line(row.line);
        (row.start..place.glyph.min(row.end))
            .map(|glyph| line.columns(glyph))
            .sum()
    }

    /// The place at a column of a row: its last glyph where the row is shorter, or the place behind that one.
    fn in_row(&self, row: usize, column: usize, behind: bool) -> Place {
        let Some(row) = self.rows.get(row) else {
            return Place::default();
        };
        let line = self.text.line(row.line);
        let mut end = 0;
        let at = (row.start..row.end).find(|glyph| {
            end += line.columns(*glyph);
            end > column
        });
        let last = if behind { row.end } else { row.end.saturating_sub(1) };
        Place {
            line: row.line,
            glyph: at.unwrap_or(last.max(row.start)),
        }
    }

    /// The cursor stands on a glyph, wherever there is one.
    fn keep_in_text(&mut self) {
        let row = self.row_of(self.cursor);
        if let Some(row) = self.rows.get(row) {
            self.cursor.glyph = self.cursor.glyph.min(row.end.saturating_sub(1).max(row.start));
        }
    }

    fn keep_in_view(&mut self) {
        let row = self.row_of(self.cursor);
        let height = usize::from(self.size.rows);
        self.top = self.top.min(row).max((row + 1).saturating_sub(height));
        self.top = self.top.min(self.last_top());
    }

    /// Goes to a place; one that is out of view comes into its middle.
    fn jump(&mut self, place: Place) {
        self.cursor = place;
        self.keep_in_text();
        self.column = self.column_of(self.cursor);
        let row = self.row_of(self.cursor);
        if !(self.top..self.top + usize::from(self.size.rows)).contains(&row) {
            self.top = row.saturating_sub(usize::from(self.size.rows) / 2);
        }
        self.keep_in_view();
    }
}

fn short(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
