//! Fitting words into columns: widths are those of the terminal, not of bytes or characters.

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::domain::printable::printable;

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    // Nearly all is of this kind, and lists of thousands are measured for every picture.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.len();
    }
    text.width()
}

/// The text cut to at most `columns`, with `…` where something is missing at the end. Control characters become blanks.
pub fn cut(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let mut out = take(&text, columns.saturating_sub(1));
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The text cut to at most `columns`, with `…` at its start: the end of a path says more than its beginning.
pub fn cut_start(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let mut used = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        from = at;
    }
    if columns == 0 {
        return String::new();
    }
    format!("…{}", &text[from..])
}

/// The path cut to at most `columns`: whole folders go from its start as long as that leaves its end.
pub fn cut_path(path: &str, columns: usize) -> String {
    let cut = cut_start(path, columns);
    let end = cut.strip_prefix('…').filter(|_| path != cut);
    match end.and_then(|end| end.find('/').map(|at| &end[at..])) {
        Some(whole) if whole.len() > 1 => format!("…{whole}"),
        _ => cut,
    }
}

/// The text in exactly `columns`: cut, or padded with blanks.
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(out.width());
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// The text broken into lines of at most `columns`, at blanks where there are any. Line breaks in the text stay.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        // What is indented stays so, and its further lines with it: the mark below a line of a file shows a column.
        let words = paragraph.trim_start_matches(' ');
        let indent = " ".repeat((paragraph.len() - words.len()).min(columns.saturating_sub(2) / 2));
        lines.extend(
            wrap_words(words, columns - indent.len())
                .into_iter()
                .map(|line| indent.clone() + &line),
        );
    }
    lines
}

fn wrap_words(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = printable(word);
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= columns {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(&word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while word.width() > columns {
            let head = take(&word, columns);
            if head.is_empty() {
                break;
            }
            word.drain(..head.len());
            lines.push(head);
        }
        line = word;
    }
    lines.push(line);
    lines
}

fn take(text: &str, columns: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

/// `9s`, `11m32s`, `3h05m`, `2d`.
pub fn duration(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..172_800 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d", s / 86_400),
    }
}

/// The same in one unit: `47m`, for columns.
pub fn brief(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..172_800 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A clock that counts: `0:12`, `15:00`, `3:41:08`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// Whole seconds from one moment to another.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_where_it_says() {
        assert_eq!(cut("prod-postgres", 8), "prod-po…");
        assert_eq!(cut_start("secret/databases/prod#password", 15), "…/prod#password");
        assert_eq!(cut_path("secret/databases/prod#password", 20), "…/prod#password");
        assert_eq!(cut_path("secret/databases#password", 14), "…ases#password");
        assert_eq!(cut_path("a/b", 14), "a/b");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(duration(692), "11m32s");
        assert_eq!(fit("a\u{202e}b\x1b", 5), "a·b· ", "nothing that steers the terminal");
    }

    #[test]
    fn what_is_indented_stays_so() {
        assert_eq!(
            wrap("a\n   | one two\n\n  |  ^", 10),
            ["a", "   | one", "   two", "", "  |  ^"]
        );
    }

    proptest! {
        #[test]
        fn never_wider_than_asked(text in " {0,9}\\PC{0,40}", columns in 0usize..50) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
            prop_assert!(width(&cut_start(&text, columns)) <= columns);
            prop_assert_eq!(width(&fit(&text, columns)), columns);
            if columns >= 2 {
                for line in wrap(&text, columns) {
                    prop_assert!(width(&line) <= columns);
                }
            }
        }
    }
}
