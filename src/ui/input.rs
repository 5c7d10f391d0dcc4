//! One line of text that a person edits: the filter, the palette.

use crossterm::event::KeyCode;

use crate::ui::keymap::Chord;

/// Text and cursor; the cursor counts characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    pub text: String,
    pub cursor: usize,
}

impl Input {
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            cursor: text.chars().count(),
        }
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
    }

    pub fn insert(&mut self, text: &str) {
        // A pasted line break would otherwise end up inside a filter that nobody can see.
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let at = self.byte(self.cursor);
        self.text.insert_str(at, &clean);
        self.cursor += clean.chars().count();
    }

    /// Takes an editing key; false for any other key.
    pub fn key(&mut self, key: Chord) -> bool {
        match (key.ctrl, key.alt, key.code) {
            (false, false, KeyCode::Char(c)) => self.insert(c.encode_utf8(&mut [0; 4])),
            (false, false, KeyCode::Backspace) | (true, false, KeyCode::Char('h')) => {
                self.remove(self.cursor.saturating_sub(1), self.cursor);
            }
            (false, false, KeyCode::Delete) => self.remove(self.cursor, self.cursor + 1),
            (true, false, KeyCode::Char('u')) => self.remove(0, self.cursor),
            (true, false, KeyCode::Char('k')) => self.remove(self.cursor, usize::MAX),
            (true, false, KeyCode::Char('w')) | (true | false, true, KeyCode::Backspace) => {
                self.remove(self.word_start(), self.cursor);
            }
            (false, false, KeyCode::Left) | (true, false, KeyCode::Char('b')) => {
                self.cursor = self.cursor.saturating_sub(1);
            }
            (false, false, KeyCode::Right) | (true, false, KeyCode::Char('f')) => {
                self.cursor = (self.cursor + 1).min(self.length());
            }
            (false, false, KeyCode::Home) | (true, false, KeyCode::Char('a')) => self.cursor = 0,
            (false, false, KeyCode::End) | (true, false, KeyCode::Char('e')) => self.cursor = self.length(),
            _ => return false,
        }
        true
    }

    fn length(&self) -> usize {
        self.text.chars().count()
    }

    fn byte(&self, character: usize) -> usize {
        self.text
            .char_indices()
            .nth(character)
            .map_or(self.text.len(), |(at, _)| at)
    }

    fn remove(&mut self, from: usize, to: usize) {
        let (start, end) = (self.byte(from), self.byte(to));
        self.text.replace_range(start..end.max(start), "");
        self.cursor = from.min(self.length());
    }

    fn word_start(&self) -> usize {
        let before: Vec<char> = self.text.chars().take(self.cursor).collect();
        let end = before.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
        before[..end].iter().rposition(|c| *c == ' ').map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, keys: &[&str]) {
        for key in keys {
            assert!(input.key(Chord::parse(key).unwrap()), "{key}");
        }
    }

    #[test]
    fn edits_like_a_shell_does() {
        let mut input = Input::new("env:prod pgé");
        press(&mut input, &["ctrl-w"]);
        assert_eq!(input.text, "env:prod ");
        press(&mut input, &["ctrl-w", "é", "x", "left", "backspace"]);
        assert_eq!(input.text, "x");
        press(&mut input, &["delete", "delete", "ctrl-u", "ctrl-k"]);
        assert_eq!(input, Input::default());
        input.insert("a\nb");
        assert_eq!(input.text, "a b");
        assert!(!input.key(Chord::parse("enter").unwrap()));
    }
}
