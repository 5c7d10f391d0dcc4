//! Where the cursor of copy mode can go.

use super::{CopyMode, Place};

/// One movement. Rows are those of the pane, lines those of the text: what is wrapped is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Left,
    Right,
    Up,
    Down,
    /// To the first letter of the next word.
    Word,
    WordBack,
    WordEnd,
    LineStart,
    /// To the first glyph of the line that is no blank.
    LineText,
    LineEnd,
    Top,
    Bottom,
    ViewTop,
    ViewMiddle,
    ViewBottom,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
}

/// A word is a run of one of these.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Blank,
    Letters,
    Signs,
}

impl CopyMode {
    pub fn go(&mut self, motion: Motion) {
        let page = isize::from(self.size.rows.cast_signed());
        match motion {
            Motion::Up => return self.go_rows(-1),
            Motion::Down => return self.go_rows(1),
            Motion::HalfPageUp => return self.go_page(-(page / 2).max(1)),
            Motion::HalfPageDown => return self.go_page((page / 2).max(1)),
            // Two rows of the last page stay in sight.
            Motion::PageUp => return self.go_page(-(page - 2).max(1)),
            Motion::PageDown => return self.go_page((page - 2).max(1)),
            Motion::Left => self.cursor.glyph = self.cursor.glyph.saturating_sub(1),
            Motion::Right => self.cursor.glyph = (self.cursor.glyph + 1).min(self.last_glyph(self.cursor.line)),
            Motion::Word => self.cursor = self.next_word(self.cursor),
            Motion::WordBack => self.cursor = self.word_before(self.cursor),
            Motion::WordEnd => self.cursor = self.word_end(self.cursor),
            Motion::LineStart => self.cursor.glyph = 0,
            Motion::LineText => self.cursor.glyph = self.first_text(self.cursor.line),
            Motion::LineEnd => self.cursor.glyph = self.last_glyph(self.cursor.line),
            Motion::Top => self.cursor = Place::default(),
            Motion::Bottom => self.cursor = self.in_row(self.last_row(), 0, false),
            Motion::ViewTop => self.cursor = self.in_row(self.top, 0, false),
            Motion::ViewMiddle => self.cursor = self.in_row(self.top + self.view().len() / 2, 0, false),
            Motion::ViewBottom => {
                self.cursor = self.in_row((self.top + self.view().len()).saturating_sub(1), 0, false);
            }
        }
        self.column = if motion == Motion::LineEnd {
            usize::MAX
        } else {
            self.column_of(self.cursor)
        };
        self.keep_in_view();
    }

    fn go_rows(&mut self, rows: isize) {
        let row = self
            .row_of(self.cursor)
            .saturating_add_signed(rows)
            .min(self.last_row());
        self.cursor = self.in_row(row, self.column, false);
        self.keep_in_view();
    }

    /// The view and the cursor in it go together; where the view is at its end, the cursor goes alone.
    fn go_page(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows).min(self.last_top());
        self.go_rows(rows);
    }

    fn last_glyph(&self, line: usize) -> usize {
        self.text.line(line).len().saturating_sub(1)
    }

    fn first_text(&self, line: usize) -> usize {
        let glyphs = 0..self.text.line(line).len();
        let mut places = glyphs.map(|glyph| Place { line, glyph });
        places
            .find(|place| self.class(*place) != Class::Blank)
            .map_or(0, |place| place.glyph)
    }

    fn class(&self, place: Place) -> Class {
        match self
            .text
            .line(place.line)
            .slice(place.glyph..place.glyph + 1)
            .chars()
            .next()
        {
            Some(c) if c.is_alphanumeric() || c == '_' => Class::Letters,
            Some(c) if !c.is_whitespace() => Class::Signs,
            _ => Class::Blank,
        }
    }

    /// The glyph after this one, with the next line's first one after the last.
    fn after(&self, place: Place) -> Option<Place> {
        if place.glyph < self.last_glyph(place.line) {
            return Some(Place {
                glyph: place.glyph + 1,
                ..place
            });
        }
        let line = place.line + 1;
        (line < self.text.lines().len()).then_some(Place { line, glyph: 0 })
    }

    fn before(&self, place: Place) -> Option<Place> {
        if let Some(glyph) = place.glyph.checked_sub(1) {
            return Some(Place { glyph, ..place });
        }
        let line = place.line.checked_sub(1)?;
        let glyph = self.last_glyph(line);
        Some(Place { line, glyph })
    }

    /// Whether two glyphs that follow each other belong to one word.
    fn one_word(&self, a: Place, b: Place) -> bool {
        a.line == b.line && self.class(a) == self.class(b) && self.class(a) != Class::Blank
    }

    fn next_word(&self, from: Place) -> Place {
        let mut last = from;
        let mut same = true;
        while let Some(next) = self.after(last) {
            same = same && self.one_word(last, next);
            last = next;
            if !same && self.class(next) != Class::Blank {
                return next;
            }
        }
        // There is none: to the end of this one, not into the empty rows below the last prompt.
        self.word_end(from)
    }

    /// The end of the word after this place.
    fn word_end(&self, from: Place) -> Place {
        let mut at = from;
        while let Some(next) = self.after(at) {
            at = next;
            if self.class(at) != Class::Blank {
                while let Some(next) = self.after(at).filter(|next| self.one_word(at, *next)) {
                    at = next;
                }
                return at;
            }
        }
        from
    }

    fn word_before(&self, from: Place) -> Place {
        let mut at = from;
        while let Some(before) = self.before(at) {
            at = before;
            if self.class(at) != Class::Blank {
                return self.word_start(at);
            }
        }
        Place::default()
    }

    fn word_start(&self, mut at: Place) -> Place {
        while let Some(before) = self.before(at).filter(|before| self.one_word(*before, at)) {
            at = before;
        }
        at
    }

    /// The first and the last glyph of what a double click takes: a word as a shell knows it. A path, a host with its port and a number
    /// stay whole.
    pub(super) fn word_around(&self, place: Place) -> (Place, Place) {
        let line = self.text.line(place.line);
        let at = place.glyph.min(self.last_glyph(place.line));
        let part = |glyph: usize| {
            let c = line.slice(glyph..glyph + 1).chars().next();
            c.is_some_and(|c| c.is_alphanumeric() || "_-./:@%+~#=&?$•".contains(c))
        };
        let (mut start, mut end) = (at, at);
        if part(at) {
            while start > 0 && part(start - 1) {
                start -= 1;
            }
            while part(end + 1) {
                end += 1;
            }
        }
        let on = |glyph| Place { glyph, ..place };
        (on(start), on(end))
    }
}
