//! One key press: how it is written in files and hints, whatever name the terminal has for it.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::domain::prefix;
use crate::session::keys::layout;

/// A key press as the keymap compares it: Shift counts only where the character does not show it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl Chord {
    /// The chord of a key press. Terminals send the byte of `Ctrl-\` for `Ctrl-4` too, and crossterm names it the second way:
    /// those and their like are folded into the names that people use. With Ctrl a key counts by its place, whatever script is typed.
    pub fn of(key: KeyEvent) -> Self {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let mut shift = key.modifiers.contains(KeyModifiers::SHIFT);
        let code = match key.code {
            KeyCode::Char('4') if ctrl => KeyCode::Char('\\'),
            KeyCode::Char('5') if ctrl => KeyCode::Char(']'),
            KeyCode::Char('6') if ctrl => KeyCode::Char('^'),
            KeyCode::Char('7' | '/') if ctrl => KeyCode::Char('_'),
            KeyCode::Char('@') if ctrl => KeyCode::Char(' '),
            KeyCode::Char(c) if ctrl => KeyCode::Char(layout::latin(c).unwrap_or(c).to_ascii_lowercase()),
            KeyCode::BackTab => {
                shift = true;
                KeyCode::Tab
            }
            code => code,
        };
        if matches!(code, KeyCode::Char(_)) {
            shift = false;
        }
        Self {
            code,
            ctrl,
            alt: key.modifiers.contains(KeyModifiers::ALT),
            shift,
        }
    }

    /// Reads `ctrl-\`, `shift-tab`, `f1`, `G` …; none for what is not a key.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = text;
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-").or_else(|| rest.strip_prefix("C-")) {
                (ctrl, rest) = (true, tail);
            } else if let Some(tail) = rest.strip_prefix("alt-") {
                (alt, rest) = (true, tail);
            } else if let Some(tail) = rest.strip_prefix("shift-") {
                (shift, rest) = (true, tail);
            } else {
                break;
            }
        }
        let mut letters = rest.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(c), None) => KeyCode::Char(if ctrl { c.to_ascii_lowercase() } else { c }),
            _ => match rest {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "space" => KeyCode::Char(' '),
                "up" => KeyCode::Up,
                "down" => KeyCode::Down,
                "left" => KeyCode::Left,
                "right" => KeyCode::Right,
                "home" => KeyCode::Home,
                "end" => KeyCode::End,
                "pgup" => KeyCode::PageUp,
                "pgdn" => KeyCode::PageDown,
                "backspace" => KeyCode::Backspace,
                "delete" => KeyCode::Delete,
                _ => KeyCode::F(rest.strip_prefix('f')?.parse().ok().filter(|n| (1..=24).contains(n))?),
            },
        };
        Some(Self { code, ctrl, alt, shift })
    }

    /// The prefix key that `[session] prefix` names: a key, or the preset of another program.
    pub fn parse_prefix(text: &str) -> Option<Self> {
        Self::parse(&prefix::parse(text).ok()?)
    }

    /// `^\\`: as those know it who need no more.
    pub fn short(&self) -> String {
        match self.code {
            KeyCode::Char(c) if self.ctrl && !self.alt => format!("^{c}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Chord {
    /// `Ctrl-\`, `Enter`, `Shift-Tab`: as hints and help write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        if self.shift {
            f.write_str("Shift-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::Enter => f.write_str("Enter"),
            KeyCode::Esc => f.write_str("Esc"),
            KeyCode::Tab => f.write_str("Tab"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::Home => f.write_str("Home"),
            KeyCode::End => f.write_str("End"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Backspace => f.write_str("Backspace"),
            KeyCode::Delete => f.write_str("Del"),
            KeyCode::F(n) => write!(f, "F{n}"),
            _ => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_found_however_the_terminal_names_it() {
        let prefix = Chord::parse_prefix("ctrl-\\").unwrap();
        let named = KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::CONTROL);
        let byte_1c = KeyEvent::new(KeyCode::Char('4'), KeyModifiers::CONTROL);
        assert_eq!(Chord::of(named), prefix);
        assert_eq!(Chord::of(byte_1c), prefix);
        assert_ne!(
            Chord::of(KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::NONE)),
            prefix
        );
        assert_eq!(prefix.to_string(), "Ctrl-\\");
        let telnet = KeyEvent::new(KeyCode::Char('5'), KeyModifiers::CONTROL);
        assert_eq!(Chord::of(telnet), Chord::parse_prefix("telnet").unwrap());
        assert_eq!(Chord::parse_prefix("no-such-key"), None);
    }
}
