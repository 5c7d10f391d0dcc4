//! The text of a session as a person reads it, scrollback included: what the terminal wrapped is one line again. A copy that stands still
//! while the emulator goes on. Knows nothing of the engine.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use unicode_width::UnicodeWidthStr as _;

use super::{CellStyle, Emulator};

/// Most places that a search remembers.
pub const MOST_FOUND: usize = 100_000;

/// All lines at one moment, the oldest first.
#[derive(Default)]
pub struct Text {
    lines: Vec<Line>,
    /// Columns of the terminal that the text was taken from.
    columns: usize,
}

/// One line, made of glyphs: what one cell, or two for a wide character, shows. Glyphs are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: String,
    /// First byte and columns of every glyph; empty as long as each is one byte in one column.
    glyphs: Vec<(u32, u8)>,
    /// The glyphs at which the look changes. Before the first one it is the default.
    looks: Vec<(u32, CellStyle)>,
    /// The glyphs at which the terminal had wrapped it.
    wraps: Vec<u32>,
}

/// A row of a line that is wrapped to a width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub line: usize,
    pub start: usize,
    /// The glyph after the last one.
    pub end: usize,
}

/// Where a search has found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub line: usize,
    pub start: usize,
    /// The glyph after the last one.
    pub end: usize,
}

impl Emulator {
    /// Everything that the scrollback and the screen show; the alternate screen has no scrollback. What is concealed shows as blanks.
    pub fn text(&self) -> Text {
        let mut lines = Vec::new();
        let mut line = Line::default();
        let mut cell = String::new();
        for at in 0..self.line_count() {
            let wrapped = self.wraps_after(at);
            let columns = wrapped.unwrap_or(u16::MAX);
            self.visit_line(at, true, &mut cell, &mut |column, text, style| {
                if column < columns {
                    line.push(text, style);
                }
            });
            if wrapped.is_some() {
                line.wraps.push(short(line.len()));
            } else {
                line.trim();
                lines.push(std::mem::take(&mut line));
            }
        }
        // The last row may be full, and what follows has not come yet.
        if !line.wraps.is_empty() {
            line.wraps.pop();
            line.trim();
            lines.push(line);
        }
        Text {
            lines,
            columns: self.size().columns.into(),
        }
    }
}

impl Text {
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The line's text from one glyph up to another. A line that is not there is empty.
    pub fn line(&self, at: usize) -> &Line {
        static NONE: Line = Line {
            text: String::new(),
            glyphs: Vec::new(),
            looks: Vec::new(),
            wraps: Vec::new(),
        };
        self.lines.get(at).unwrap_or(&NONE)
    }

    /// The rows of a terminal of this width. At the width that the text was taken at they are those of the terminal.
    pub fn rows(&self, columns: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            let mut start = 0;
            let ends: Vec<usize> = if columns == self.columns {
                line.wraps.iter().map(|end| (*end as usize).min(line.len())).collect()
            } else {
                line.wrapped_to(columns)
            };
            for end in ends {
                rows.push(Row { line: at, start, end });
                start = end;
            }
            rows.push(Row {
                line: at,
                start,
                end: line.len(),
            });
        }
        rows
    }

    /// Where the pattern is, in order; at most [`MOST_FOUND`] places.
    pub fn find(&self, pattern: &Pattern) -> Vec<Found> {
        let places = self.lines.iter().enumerate().flat_map(|(at, line)| {
            pattern.0.find_iter(&line.text).map(move |found| Found {
                line: at,
                start: line.glyph_at(found.start()),
                end: line.glyph_at(found.end() - 1) + 1,
            })
        });
        places.take(MOST_FOUND).collect()
    }
}

impl Line {
    fn push(&mut self, glyph: &str, look: CellStyle) {
        let at = short(self.len());
        if self.looks.last().map_or(CellStyle::default(), |(_, look)| *look) != look {
            self.looks.push((at, look));
        }
        if glyph.len() != 1 && self.glyphs.is_empty() {
            self.glyphs.extend((0..at).map(|byte| (byte, 1)));
        }
        if glyph.len() != 1 || !self.glyphs.is_empty() {
            let columns = u8::try_from(glyph.width().clamp(1, 2)).unwrap_or(1);
            self.glyphs.push((short(self.text.len()), columns));
        }
        self.text.push_str(glyph);
    }

    /// Takes the blanks at its end away that nobody can see.
    fn trim(&mut self) {
        let plain_from = match self.looks.last() {
            Some((at, look)) if *look == CellStyle::default() => *at as usize,
            Some(_) => return self.text.shrink_to_fit(),
            None => 0,
        };
        let blank_from = self.text.trim_end_matches(' ').len();
        let kept = self.len().min(plain_from.max(self.glyph_at(blank_from)));
        self.text.truncate(self.byte(kept));
        self.glyphs.truncate(kept);
        self.text.shrink_to_fit();
    }

    /// How many glyphs it has.
    pub fn len(&self) -> usize {
        if self.glyphs.is_empty() {
            self.text.len()
        } else {
            self.glyphs.len()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What these glyphs say; what lies beyond the end is left out.
    pub fn slice(&self, glyphs: Range<usize>) -> &str {
        let (start, end) = (self.byte(glyphs.start), self.byte(glyphs.end));
        self.text.get(start..end.max(start)).unwrap_or_default()
    }

    /// The columns of a glyph: 1 or 2.
    pub fn columns(&self, glyph: usize) -> usize {
        self.glyphs.get(glyph).map_or(1, |(_, columns)| (*columns).into())
    }

    pub fn look(&self, glyph: usize) -> CellStyle {
        let after = self.looks.partition_point(|(at, _)| *at as usize <= glyph);
        match after.checked_sub(1).and_then(|at| self.looks.get(at)) {
            Some((_, look)) => *look,
            None => CellStyle::default(),
        }
    }

    /// The first byte of a glyph; the text's end for one that is not there.
    fn byte(&self, glyph: usize) -> usize {
        if self.glyphs.is_empty() {
            return glyph.min(self.text.len());
        }
        self.glyphs
            .get(glyph)
            .map_or(self.text.len(), |(byte, _)| *byte as usize)
    }

    /// The glyph that holds a byte.
    fn glyph_at(&self, byte: usize) -> usize {
        if self.glyphs.is_empty() || byte >= self.text.len() {
            return if byte >= self.text.len() { self.len() } else { byte };
        }
        self.glyphs
            .partition_point(|(first, _)| *first as usize <= byte)
            .saturating_sub(1)
    }

    /// The glyphs at which a terminal of this width wraps it.
    fn wrapped_to(&self, columns: usize) -> Vec<usize> {
        let columns = columns.max(2);
        if self.glyphs.is_empty() {
            return (1..self.text.len().div_ceil(columns).max(1))
                .map(|row| row * columns)
                .collect();
        }
        let mut ends = Vec::new();
        let mut used = 0;
        for glyph in 0..self.len() {
            used += self.columns(glyph);
            if used > columns {
                ends.push(glyph);
                used = self.columns(glyph);
            }
        }
        ends
    }
}

/// What is looked for: a plain text. Upper case counts only if there is some in it.
pub struct Pattern(Regex);

impl Pattern {
    /// None for an empty text, and for one that is longer than anybody looks for.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        RegexBuilder::new(&regex::escape(text))
            .case_insensitive(!text.chars().any(char::is_uppercase))
            .build()
            .ok()
            .map(Self)
    }
}

fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Size;
    use super::*;

    fn text_of(columns: u16, rows: u16, output: &str) -> Text {
        let mut emulator = Emulator::new(Size { columns, rows }, 1000);
        emulator.feed(output.as_bytes());
        emulator.text()
    }

    fn words(text: &Text) -> Vec<&str> {
        text.lines().iter().map(|line| line.slice(0..usize::MAX)).collect()
    }

    fn row_words<'a>(text: &'a Text, rows: &[Row]) -> Vec<&'a str> {
        rows.iter()
            .map(|row| text.line(row.line).slice(row.start..row.end))
            .collect()
    }

    #[test]
    fn wrapped_rows_are_one_line_and_scrollback_comes_first() {
        let text = text_of(10, 3, "first\r\nabcdefghijklmnopqrstuvwxyz\r\nlast  ");
        assert_eq!(words(&text), ["first", "abcdefghijklmnopqrstuvwxyz", "last"]);
        let rows = text.rows(10);
        assert_eq!(
            row_words(&text, &rows),
            ["first", "abcdefghij", "klmnopqrst", "uvwxyz", "last"]
        );
        let rows = text.rows(20);
        assert_eq!(
            row_words(&text, &rows),
            ["first", "abcdefghijklmnopqrst", "uvwxyz", "last"]
        );
    }

    #[test]
    fn a_line_that_ends_at_the_edge_is_one_row() {
        let text = text_of(5, 3, "abcde\r\nfghij");
        assert_eq!(words(&text), ["abcde", "fghij", ""]);
        assert_eq!(text.rows(5).len(), 3);
        assert_eq!(row_words(&text, &text.rows(2)), ["ab", "cd", "e", "fg", "hi", "j", ""]);
    }

    #[test]
    fn wide_characters_keep_their_columns_and_leave_no_blank_at_the_edge() {
        let text = text_of(5, 3, "ab字字字x e\u{301}");
        assert_eq!(words(&text), ["ab字字字x e\u{301}"]);
        let line = text.line(0);
        assert_eq!(line.len(), 8);
        assert_eq!((line.columns(1), line.columns(2), line.columns(7)), (1, 2, 1));
        assert_eq!(line.slice(7..8), "e\u{301}");
        for width in [5, 4] {
            let rows = text.rows(width);
            assert_eq!(
                row_words(&text, &rows[..3]),
                if width == 5 {
                    ["ab字", "字字x", " e\u{301}"]
                } else {
                    ["ab字", "字字", "x e\u{301}"]
                }
            );
        }
    }

    #[test]
    fn looks_and_coloured_blanks_stay_and_concealed_text_does_not() {
        let text = text_of(
            20,
            2,
            "a\x1b[31mred\x1b[0m \x1b[41m  \x1b[0m   \r\n\x1b[8mhidden\x1b[0m!",
        );
        let line = text.line(0);
        assert_eq!(line.slice(0..99), "ared   ");
        assert_eq!(line.look(0), CellStyle::default());
        assert_eq!(line.look(1).foreground, super::super::Color::Indexed(1));
        assert_eq!(line.look(6).background, super::super::Color::Indexed(1));
        assert_eq!(text.line(1).slice(0..99), "      !");
        assert_eq!(text.line(99).len(), 0);
    }

    #[test]
    fn the_alternate_screen_has_nothing_but_itself() {
        let text = text_of(20, 2, "one\r\ntwo\r\nthree\x1b[?1049h\x1b[Hfull");
        assert_eq!(words(&text), ["full", ""]);
    }

    #[test]
    fn search_is_over_joined_lines_and_case_counts_where_it_is_typed() {
        let text = text_of(6, 4, "an error and Error\r\nÜbung übung 字x");
        let found = |pattern: &str| {
            let found = text.find(&Pattern::new(pattern).unwrap());
            found.iter().map(|f| (f.line, f.start, f.end)).collect::<Vec<_>>()
        };
        assert_eq!(found("error"), [(0, 3, 8), (0, 13, 18)], "over the wrap");
        assert_eq!(found("Error"), [(0, 13, 18)]);
        assert_eq!(found("übung"), [(1, 0, 5), (1, 6, 11)]);
        assert_eq!(found("字X"), []);
        assert_eq!(found("字x"), [(1, 12, 14)]);
        assert_eq!(found("r."), [], "a plain text");
        assert!(Pattern::new("").is_none());
    }
}
