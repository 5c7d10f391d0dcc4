//! Lines that have scrolled far off the screen, kept as text and wrapped anew when they are looked at: a twentieth of what they take as cells.
//! Knows nothing of the engine.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;

use super::CellStyle;

#[derive(Clone)]
pub(super) struct Scrollback {
    /// The oldest first.
    lines: VecDeque<Line>,
    columns: usize,
    /// Rows of all lines that were dropped.
    dropped: usize,
    bytes: usize,
    /// The line that comes in, row by row.
    text: String,
    looks: Vec<Look>,
}

/// One line, however many rows it takes.
#[derive(Clone)]
struct Line {
    text: Box<str>,
    /// Empty if nothing about the line is special.
    looks: Box<[Look]>,
    /// Rows of this line and all before it, dropped ones too.
    end: usize,
    ascii: bool,
    /// The next line is a part of this one, which was too long.
    goes_on: bool,
}

/// How the text looks up to a byte.
#[derive(Clone, Copy)]
struct Look {
    until: u32,
    style: CellStyle,
    concealed: bool,
}

/// What the allocator adds to the two parts of a line, about.
const ALLOCATIONS: usize = 32;

impl Line {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(&*self.looks) + ALLOCATIONS
    }

    fn rows(&self, columns: usize) -> usize {
        if self.ascii {
            return self.text.len().div_ceil(columns).max(1);
        }
        let (mut rows, mut used) = (1, 0);
        for (_, width) in glyphs(&self.text) {
            used += width;
            if used > columns {
                rows += 1;
                used = width;
            }
        }
        rows
    }

    /// The first byte of a row, and the one after its last.
    fn row(&self, row: usize, columns: usize) -> (usize, usize) {
        if self.ascii {
            let start = (row * columns).min(self.text.len());
            return (start, (start + columns).min(self.text.len()));
        }
        let (mut at, mut used, mut start, mut byte) = (0, 0, 0, 0);
        for (glyph, width) in glyphs(&self.text) {
            used += width;
            if used > columns {
                if at == row {
                    return (start, byte);
                }
                at += 1;
                used = width;
                start = byte;
            }
            byte += glyph.len();
        }
        (start, byte)
    }
}

/// Whether a character is drawn over the one before it. The two sound marks of half width take a column of their own in terminals, though
/// they extend a grapheme.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0) && !is_sound_mark(c)
}

pub(super) fn is_sound_mark(c: char) -> bool {
    matches!(c, '\u{ff9e}' | '\u{ff9f}')
}

/// What one cell, or two for a wide character, shows, and its columns: a character and the marks on it.
fn glyphs(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let marks = rest[first.len_utf8()..].find(|c: char| !is_mark(c));
        let (glyph, after) = rest.split_at(marks.map_or(rest.len(), |at| first.len_utf8() + at));
        rest = after;
        Some((glyph, first.width().unwrap_or(1).clamp(1, 2)))
    })
}

impl Scrollback {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            columns,
            dropped: 0,
            bytes: 0,
            text: String::new(),
            looks: Vec::new(),
        }
    }

    /// Rows that it holds, at the width of now.
    pub(super) fn rows(&self) -> usize {
        self.end() - self.dropped
    }

    /// Rows that ever came in, at the width of now.
    pub(super) fn end(&self) -> usize {
        self.lines.back().map_or(self.dropped, |line| line.end)
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a piece of the line that comes in: whole glyphs of one look.
    pub(super) fn put(&mut self, text: &str, style: CellStyle, concealed: bool) {
        self.text.push_str(text);
        let until = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        match self.looks.last_mut() {
            Some(look) if (look.style, look.concealed) == (style, concealed) => look.until = until,
            _ => self.looks.push(Look {
                until,
                style,
                concealed,
            }),
        }
    }

    /// The line that comes in has ended, if there is one.
    pub(super) fn end_pending(&mut self) {
        if !self.text.is_empty() {
            self.end_line(false);
        }
    }

    /// The line that comes in has ended, or has to, although it goes on.
    pub(super) fn end_line(&mut self, goes_on: bool) {
        let plain = |look: &Look| look.style == CellStyle::default() && !look.concealed;
        if self.looks.iter().all(plain) {
            self.looks.clear();
        }
        self.add(Line {
            text: self.text.as_str().into(),
            looks: self.looks.as_slice().into(),
            end: 0,
            ascii: self.text.is_ascii(),
            goes_on,
        });
        self.text.clear();
        self.looks.clear();
    }

    /// A whole line of ASCII with nothing special about it, while no other line comes in.
    pub(super) fn keep_plain(&mut self, text: &str) {
        self.add(Line {
            text: text.into(),
            looks: Box::default(),
            end: 0,
            ascii: true,
            goes_on: false,
        });
    }

    fn add(&mut self, mut line: Line) {
        line.end = self.end() + line.rows(self.columns);
        self.bytes += line.bytes();
        self.lines.push_back(line);
    }

    /// Wraps all lines to another width.
    pub(super) fn resize(&mut self, columns: usize) {
        self.columns = columns;
        let mut end = self.dropped;
        for line in &mut self.lines {
            end += line.rows(columns);
            line.end = end;
        }
    }

    /// Drops the oldest lines until no more than these rows and bytes are left.
    pub(super) fn trim(&mut self, rows: usize, bytes: usize) {
        while self.rows() > rows || self.bytes > bytes {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.bytes();
            self.dropped = line.end;
        }
    }

    pub(super) fn clear(&mut self) {
        self.trim(0, 0);
        self.lines.shrink_to_fit();
    }

    /// The line of a row, and which of the line's rows it is.
    fn line_of(&self, row: usize) -> Option<(&Line, usize)> {
        let row = self.dropped + row;
        let at = self.lines.partition_point(|line| line.end <= row);
        let before = at.checked_sub(1).map_or(self.dropped, |at| self.lines[at].end);
        Some((self.lines.get(at)?, row - before))
    }

    /// Visits every glyph of a row: column, text, look, whether it is concealed.
    pub(super) fn visit(&self, row: usize, visit: &mut dyn FnMut(u16, &str, CellStyle, bool)) {
        let mut column = 0;
        if let Some((line, row)) = self.line_of(row) {
            let (start, end) = line.row(row, self.columns);
            let mut byte = start;
            let mut look = line.looks.partition_point(|look| look.until as usize <= start);
            for (glyph, width) in glyphs(&line.text[start..end]) {
                let (style, concealed) = match line.looks.get(look) {
                    Some(look) => (look.style, look.concealed),
                    None => (CellStyle::default(), false),
                };
                visit(short(column), glyph, style, concealed);
                column += width;
                byte += glyph.len();
                look += usize::from(line.looks.get(look).is_some_and(|look| look.until as usize <= byte));
            }
        }
    }

    /// Where a row's line goes on in the next row: how many of its columns hold text.
    pub(super) fn wraps_after(&self, row: usize) -> Option<u16> {
        let (line, row) = self.line_of(row)?;
        let (start, end) = line.row(row, self.columns);
        let wraps = end < line.text.len() || line.goes_on;
        wraps.then(|| short(glyphs(&line.text[start..end]).map(|(_, width)| width).sum()))
    }
}

fn short(column: usize) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Color;
    use super::*;

    fn kept(columns: usize, lines: &[&str]) -> Scrollback {
        let mut scrollback = Scrollback::new(columns);
        for line in lines {
            scrollback.put(line, CellStyle::default(), false);
            scrollback.end_line(false);
        }
        scrollback
    }

    fn rows(scrollback: &Scrollback) -> Vec<String> {
        let text = |row| {
            let mut text = String::new();
            scrollback.visit(row, &mut |_, glyph, _, _| text.push_str(glyph));
            text.trim_end().to_owned()
        };
        (0..scrollback.rows()).map(text).collect()
    }

    #[test]
    fn lines_are_wrapped_to_any_width() {
        let mut scrollback = kept(4, &["", "abcdefgh", "ab字字x", "e\u{301}e\u{301}字e\u{301}"]);
        assert_eq!(
            rows(&scrollback),
            ["", "abcd", "efgh", "ab字", "字x", "e\u{301}e\u{301}字", "e\u{301}"]
        );
        assert_eq!(
            (0..7).map(|row| scrollback.wraps_after(row)).collect::<Vec<_>>(),
            [None, Some(4), None, Some(4), None, Some(4), None]
        );
        scrollback.resize(3);
        assert_eq!(scrollback.rows(), 9);
        assert_eq!(rows(&scrollback)[4..7], ["ab", "字", "字x"].map(String::from)[..]);
    }

    #[test]
    fn a_wide_character_that_finds_no_room_leaves_a_column() {
        let scrollback = kept(3, &["a字字b"]);
        assert_eq!(rows(&scrollback), ["a字", "字b"]);
        let scrollback = kept(4, &["a字字b"]);
        assert_eq!(rows(&scrollback), ["a字", "字b"]);
        assert_eq!(scrollback.wraps_after(0), Some(3));
    }

    #[test]
    fn the_oldest_lines_go_first_and_rows_are_counted_on() {
        let mut scrollback = kept(4, &["abcdefgh", "one", "two", "three"]);
        assert_eq!((scrollback.rows(), scrollback.end()), (6, 6));
        scrollback.trim(5, usize::MAX);
        assert_eq!(rows(&scrollback), ["one", "two", "thre", "e"], "a line goes as a whole");
        assert_eq!(scrollback.end(), 6);
        scrollback.trim(9, 0);
        assert_eq!((scrollback.rows(), scrollback.end(), scrollback.bytes), (0, 6, 0));
    }

    #[test]
    fn looks_stay_where_they_were() {
        let red = CellStyle {
            foreground: Color::Indexed(1),
            ..CellStyle::default()
        };
        let mut scrollback = Scrollback::new(4);
        scrollback.put("ab", CellStyle::default(), false);
        scrollback.put("字c", red, false);
        scrollback.put("d", red, true);
        scrollback.end_line(false);
        let mut seen = Vec::new();
        for row in 0..scrollback.rows() {
            scrollback.visit(row, &mut |column, glyph, style, concealed| {
                seen.push((row, column, glyph.to_owned(), style == red, concealed));
            });
        }
        let expected = [
            (0, 0, "a", false, false),
            (0, 1, "b", false, false),
            (0, 2, "字", true, false),
            (1, 0, "c", true, false),
            (1, 1, "d", true, true),
        ];
        assert_eq!(seen, expected.map(|(r, c, g, s, h)| (r, c, g.to_owned(), s, h)));
    }
}
