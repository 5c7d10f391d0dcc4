//! A title that a child set, made safe to draw in our own frame.

use unicode_width::UnicodeWidthChar as _;

/// Columns of a title that are kept.
const WIDTH: usize = 80;

/// The title without control characters, invisible characters and those that turn the writing direction; none if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut width = 0;
    for c in text.chars() {
        match c.width() {
            Some(columns) if columns > 0 && !turns_direction(c) => {
                width += columns;
                if width > WIDTH {
                    break;
                }
                kept.push(c);
            }
            _ => {}
        }
    }
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

pub(super) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_visible_text_is_left() {
        assert_eq!(
            clean("psql\u{1b}]0;x\u{7}\n\u{202e}db\u{9b}").as_deref(),
            Some("psql]0;xdb")
        );
        assert_eq!(clean("\n\u{1b}\u{200b}"), None);
        assert_eq!(clean(&"x".repeat(500)).map(|title| title.len()), Some(80));
        assert_eq!(
            clean(&"字".repeat(500)).map(|title| title.chars().count()),
            Some(40),
            "wide characters"
        );
    }
}
