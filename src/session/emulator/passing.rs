//! Lines of plain text that come in faster than anybody can see them: of a great piece of output only the last lines are drawn, and what
//! would have scrolled by goes to the scrollback as the text that it is. A tenth of what drawing it costs.

use std::ops::Range;

use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::StandardCharset;

use super::adapter::Adapter;

impl Adapter {
    /// Which of these bytes are lines that would only pass by; none if that cannot be said or is not worth it. The bytes before them fill
    /// the screen with lines, those behind them fill it again, and more. The parser must stand between two characters and two sequences.
    pub(super) fn passing(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let rows = self.term.screen_lines();
        // A screen that grows takes lines back, but only those that are cells.
        let drawn = rows + self.lines_as_cells / 2;
        // No line is shorter than its end.
        if bytes.len() < 2 * (rows + drawn) || !self.prints_plainly() {
            return None;
        }
        passing(bytes, self.term.columns(), rows, drawn)
    }

    /// Whether a line of letters does nothing but to add itself at the end of the main screen, and to the scrollback.
    fn prints_plainly(&self) -> bool {
        let modes = self.term.mode();
        let cursor = &self.term.grid().cursor;
        self.keeps_as_text()
            && modes.contains(TermMode::LINE_WRAP)
            && !modes.intersects(TermMode::ALT_SCREEN | TermMode::INSERT)
            && self.margins == (0, self.last_line())
            && cursor.charsets[self.charset] == StandardCharset::Ascii
            && cursor.template == Cell::default()
    }

    /// Takes what [`Adapter::passing`] has found, the bytes before it having been parsed.
    pub(super) fn pass(&mut self, lines: &[u8]) {
        // What is on the screen is older than what passes: all rows but the last one, on which the cursor waits.
        let rows = self.last_line();
        let grid = self.term.grid_mut();
        grid.scroll_up(&(Line(0)..Line(rows + 1)), usize::try_from(rows).unwrap_or(0));
        grid.cursor.point.line = Line(0);
        while self.term.history_size() > 0 && self.move_lines(0) {}
        for line in whole_lines(lines) {
            self.scrollback.keep_plain(text(line));
        }
    }
}

/// As [`Adapter::passing`], for a screen of this size; so many rows at the end are to be drawn.
fn passing(bytes: &[u8], columns: usize, rows: usize, drawn: usize) -> Option<Range<usize>> {
    let mut plain = 0;
    let mut start = None;
    for (count, line) in whole_lines(bytes).enumerate() {
        // The cursor is on the last row after so many lines, wherever it was, and nothing is to the right of it.
        if count == rows {
            start = Some(plain);
        }
        // In the first lines there is no telling what they are written over, but they are drawn.
        if !is_plain(line, columns) {
            break;
        }
        plain += line.len();
    }
    let start = start?;
    let mut left = drawn;
    let mut end = plain;
    while left > 0 && end > start {
        let line_start = bytes[start..end - 1].iter().rposition(|byte| *byte == b'\n');
        let line_start = line_start.map_or(start, |at| start + at + 1);
        left = left.saturating_sub(text(&bytes[line_start..end]).len().div_ceil(columns).max(1));
        end = line_start;
    }
    (left == 0 && end > start).then_some(start..end)
}

/// Lines with their ends.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
}

/// Whether a line is nothing but printable ASCII, and as many rows as its text without the blanks at its end.
fn is_plain(line: &[u8], columns: usize) -> bool {
    let Some(printed) = line.strip_suffix(b"\r\n") else {
        return false;
    };
    // Without a way out in between, so that many bytes are looked at at once.
    let ascii = printed.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    ascii && (printed.len() <= columns || printed.last() != Some(&b' '))
}

/// What is kept of a plain line: blanks at its end are as if they were not there.
fn text(line: &[u8]) -> &str {
    let printed = line.strip_suffix(b"\r\n").unwrap_or(line);
    std::str::from_utf8(printed).unwrap_or_default().trim_end_matches(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_between_two_full_screens() {
        let lines: String = (0..10).map(|n| format!("line {n}\r\n")).collect();
        let found = |bytes: &str, columns, rows| {
            passing(bytes.as_bytes(), columns, rows, rows).map(|range| bytes[range].to_owned())
        };
        assert_eq!(
            found(&lines, 80, 3).as_deref(),
            Some("line 3\r\nline 4\r\nline 5\r\nline 6\r\n")
        );
        assert_eq!(
            found(&format!("{lines}more"), 80, 4).as_deref(),
            Some("line 4\r\nline 5\r\n")
        );
        // Of wrapped lines fewer fill a screen.
        assert_eq!(
            found(&lines, 4, 4).as_deref(),
            Some("line 4\r\nline 5\r\nline 6\r\nline 7\r\n")
        );
        assert_eq!(found(&lines, 80, 5), None);
        // What is not plain ends it.
        for odd in ["\tx\r\n", "é\r\n", "a\rb\r\n", "bare\n", "\x1b[m\r\n", "\x07\r\n"] {
            assert_eq!(
                found(&format!("{lines}{odd}{lines}"), 80, 3),
                found(&lines, 80, 3),
                "{odd:?}"
            );
        }
        assert_eq!(found(&format!("{}\r\n{lines}", "x   "), 3, 1), None);
    }
}
