//! What is selected in copy mode, and the text that is copied of it.

use std::ops::Range;

use super::{CopyMode, Place};
use crate::session::emulator::text::Row;

/// What a selection takes of what lies between its two ends, both of which belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Characters,
    /// Whole lines, wrapped or not.
    Lines,
    /// A rectangle of the rows as they are in the pane.
    Block,
}

/// A selection ends at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    pub shape: Shape,
    pub from: Place,
}

impl CopyMode {
    pub fn selection(&self) -> Option<Selection> {
        self.selection
    }

    /// Begins a selection at the cursor; one of another shape becomes of this shape, one of the same ends.
    pub fn select(&mut self, shape: Shape) {
        self.selection = match self.selection {
            Some(selection) if selection.shape == shape => None,
            Some(selection) => Some(Selection { shape, ..selection }),
            None => Some(Selection {
                shape,
                from: self.cursor,
            }),
        };
    }

    pub fn unselect(&mut self) {
        self.selection = None;
    }

    /// Goes to the other end of the selection.
    pub fn swap_ends(&mut self) {
        if let Some(selection) = &mut self.selection {
            let to = std::mem::replace(&mut selection.from, self.cursor);
            self.jump(to);
        }
    }

    /// Begins a selection at a cell of the pane, as a mouse does: beyond the end of a line nothing but its end is taken.
    pub fn select_from(&mut self, column: u16, row: u16) {
        let (shape, from) = (Shape::Characters, self.at_cell(column, row));
        self.selection = Some(Selection { shape, from });
    }

    /// The selection now ends at that cell.
    pub fn select_to(&mut self, column: u16, row: u16) {
        self.cursor = self.at_cell(column, row);
        self.column = self.column_of(self.cursor);
    }

    pub fn select_word(&mut self, at: Place) {
        let (from, to) = self.word_around(at);
        let shape = Shape::Characters;
        self.selection = Some(Selection { shape, from });
        self.cursor = to;
    }

    pub fn select_line(&mut self, at: Place) {
        let shape = Shape::Lines;
        self.selection = Some(Selection { shape, from: at });
        self.cursor = at;
        self.keep_in_text();
    }

    /// Puts the cursor there, with nothing selected.
    pub fn put_cursor(&mut self, at: Place) {
        self.selection = None;
        self.jump(at);
    }

    /// The glyphs of a row that are selected. One behind its last glyph: its end is, too.
    pub fn selected_in(&self, row: &Row) -> Option<Range<usize>> {
        let selection = self.selection?;
        let (first, last) = ends(selection.from, self.cursor);
        let range = match selection.shape {
            Shape::Lines if !(first.line..=last.line).contains(&row.line) => return None,
            Shape::Lines => row.start..row.end + 1,
            Shape::Characters => {
                if row.line < first.line || row.line > last.line {
                    return None;
                }
                let start = if row.line == first.line {
                    first.glyph.max(row.start)
                } else {
                    row.start
                };
                let end = if row.line == last.line {
                    last.glyph + 1
                } else {
                    usize::MAX
                };
                start..end.min(row.end + 1)
            }
            Shape::Block => {
                let (rows, columns) = self.block(selection.from);
                let at = self.row_of(Place {
                    line: row.line,
                    glyph: row.start,
                });
                if !rows.contains(&at) {
                    return None;
                }
                self.between(row, columns)
            }
        };
        (range.start < range.end).then_some(range)
    }

    /// The selected text: lines joined as they were before they were wrapped, without the blanks at their ends.
    pub fn selected(&self) -> Option<String> {
        let selection = self.selection?;
        let (first, last) = ends(selection.from, self.cursor);
        let lines: Vec<&str> = match selection.shape {
            Shape::Block => {
                let (rows, columns) = self.block(selection.from);
                let rows = self.rows.get(rows.start..rows.end.min(self.rows.len()))?;
                rows.iter()
                    .map(|row| self.text.line(row.line).slice(self.between(row, columns.clone())))
                    .collect()
            }
            Shape::Lines => (first.line..=last.line)
                .map(|line| self.text.line(line).slice(0..usize::MAX))
                .collect(),
            Shape::Characters => (first.line..=last.line)
                .map(|line| {
                    let start = if line == first.line { first.glyph } else { 0 };
                    let end = if line == last.line { last.glyph + 1 } else { usize::MAX };
                    self.text.line(line).slice(start..end)
                })
                .collect(),
        };
        let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end_matches(' ')).collect();
        Some(trimmed.join("\n"))
    }

    /// The text in view, its rows joined where they were wrapped, without the blanks at their ends.
    pub fn visible_text(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for row in self.view() {
            let part = self.text.line(row.line).slice(row.start..row.end);
            if last.is_some_and(|line| line != row.line) {
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
            text.push_str(part);
            last = Some(row.line);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Rows and columns of the rectangle between a place and the cursor.
    fn block(&self, from: Place) -> (Range<usize>, Range<usize>) {
        let (a, b) = (self.row_of(from), self.row_of(self.cursor));
        // The cursor may stand in a shorter row than the one whose column it keeps to.
        let (x, y) = (self.column_of(from), self.column_of(self.cursor));
        (a.min(b)..a.max(b) + 1, x.min(y)..x.max(y) + 1)
    }

    /// The glyphs of a row that have a part in these columns.
    fn between(&self, row: &Row, columns: Range<usize>) -> Range<usize> {
        let line = self.text.line(row.line);
        let (mut start, mut end, mut at) = (row.end, row.start, 0);
        for glyph in row.start..row.end {
            let next = at + line.columns(glyph);
            if at < columns.end && next > columns.start {
                start = start.min(glyph);
                end = glyph + 1;
            }
            at = next;
        }
        start..end.max(start)
    }
}

fn ends(a: Place, b: Place) -> (Place, Place) {
    (a.min(b), a.max(b))
}
