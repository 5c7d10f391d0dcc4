//! Keys, mouse, pastes and focus changes as the bytes that a plain terminal would send, following the child's modes.

mod kitty;
pub mod layout;
mod mouse;
mod other_keys;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use super::emulator::Modes;
use super::emulator::keyboard::{ALL_KEYS, DISAMBIGUATE};
pub use mouse::encode_mouse;

/// The bytes for an event of the terminal; none if the child is not to learn of it. The mouse's place is that in the child's screen, from 0.
pub fn encode(event: &Event, modes: Modes) -> Vec<u8> {
    match event {
        Event::Key(key) => encode_key(*key, modes),
        Event::Mouse(mouse) => encode_mouse(*mouse, modes),
        Event::Paste(text) => encode_paste(text, modes),
        Event::FocusGained if modes.focus_events => b"\x1b[I".to_vec(),
        Event::FocusLost if modes.focus_events => b"\x1b[O".to_vec(),
        Event::FocusGained | Event::FocusLost | Event::Resize(..) => Vec::new(),
    }
}

/// The bytes of a key that was pressed or repeats; none for a release.
pub fn encode_key(key: KeyEvent, modes: Modes) -> Vec<u8> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if modes.kitty_flags & (DISAMBIGUATE | ALL_KEYS) != 0 {
        if let Some(sequence) = kitty::encode(key, modes.kitty_flags) {
            return sequence.into_bytes();
        }
    } else if let Some(sequence) = other_keys::encode(key, modes.modify_other_keys) {
        return sequence.into_bytes();
    }
    let modifiers = key.modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
    let keypad = modes.application_keypad && key.state.contains(KeyEventState::KEYPAD);
    if keypad && let Some(last) = keypad_final(key.code) {
        return format!("\x1bO{last}").into_bytes();
    }
    if let Some(sequence) = function(key.code, modifiers, modes) {
        return sequence.into_bytes();
    }
    text(key.code, modifiers)
}

/// Keys that send a character, or one of the control characters.
fn text(code: KeyCode, modifiers: KeyModifiers) -> Vec<u8> {
    let control = modifiers.contains(KeyModifiers::CONTROL);
    let mut bytes = Vec::new();
    if modifiers.contains(KeyModifiers::ALT) {
        bytes.push(0x1b);
    }
    match code {
        KeyCode::Char(c) if control => {
            let key = layout::latin(c).unwrap_or(c);
            match control_byte(key) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // A terminal that tells keys apart names the key; what it writes is meant.
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) && c.is_lowercase() => {
            bytes.extend(c.to_uppercase().to_string().bytes());
        }
        KeyCode::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        KeyCode::Enter => bytes.push(b'\r'),
        KeyCode::Tab => bytes.push(b'\t'),
        KeyCode::BackTab => bytes.extend_from_slice(b"\x1b[Z"),
        KeyCode::Esc => bytes.push(0x1b),
        KeyCode::Backspace if control => bytes.push(0x08),
        KeyCode::Backspace => bytes.push(0x7f),
        KeyCode::Null => bytes.push(0),
        _ => bytes.clear(),
    }
    bytes
}

/// What Ctrl makes of a character; none if a terminal sends the character itself.
fn control_byte(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' | 'A'..='Z' => (c as u8) & 0x1f,
        '@' | ' ' | '2' | '`' => 0x00,
        '[' | '3' | '{' => 0x1b,
        '\\' | '4' | '|' => 0x1c,
        ']' | '5' | '}' => 0x1d,
        '^' | '6' | '~' => 0x1e,
        '_' | '7' | '/' => 0x1f,
        '8' | '?' => 0x7f,
        _ => return None,
    })
}

/// 1 and one bit a modifier, as xterm counts them.
fn modifier_number(modifiers: KeyModifiers) -> u8 {
    1 + u8::from(modifiers.contains(KeyModifiers::SHIFT))
        + 2 * u8::from(modifiers.contains(KeyModifiers::ALT))
        + 4 * u8::from(modifiers.contains(KeyModifiers::CONTROL))
}

/// Arrows, editing and function keys.
fn function(code: KeyCode, modifiers: KeyModifiers, modes: Modes) -> Option<String> {
    let number = modifier_number(modifiers);
    if let Some(last) = cursor_final(code) {
        return Some(match (number, modes.application_cursor) {
            (1, true) => format!("\x1bO{last}"),
            (1, false) => format!("\x1b[{last}"),
            _ => format!("\x1b[1;{number}{last}"),
        });
    }
    if let KeyCode::F(n @ 1..=4) = code {
        let last = char::from(b'O' + n);
        return Some(match number {
            1 => format!("\x1bO{last}"),
            _ => format!("\x1b[1;{number}{last}"),
        });
    }
    let tilde = tilde_number(code)?;
    Some(match number {
        1 => format!("\x1b[{tilde}~"),
        _ => format!("\x1b[{tilde};{number}~"),
    })
}

fn cursor_final(code: KeyCode) -> Option<char> {
    Some(match code {
        KeyCode::Up => 'A',
        KeyCode::Down => 'B',
        KeyCode::Right => 'C',
        KeyCode::Left => 'D',
        KeyCode::KeypadBegin => 'E',
        KeyCode::End => 'F',
        KeyCode::Home => 'H',
        _ => return None,
    })
}

fn tilde_number(code: KeyCode) -> Option<u8> {
    Some(match code {
        KeyCode::Insert => 2,
        KeyCode::Delete => 3,
        KeyCode::PageUp => 5,
        KeyCode::PageDown => 6,
        KeyCode::F(n @ 5..=20) => [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34][usize::from(n - 5)],
        _ => return None,
    })
}

/// The keypad's keys in application mode (DECKPAM).
fn keypad_final(code: KeyCode) -> Option<char> {
    Some(match code {
        KeyCode::Char(c @ '0'..='9') => char::from(b'p' + (c as u8 - b'0')),
        KeyCode::Char('*') => 'j',
        KeyCode::Char('+') => 'k',
        KeyCode::Char(',') => 'l',
        KeyCode::Char('-') => 'm',
        KeyCode::Char('.') => 'n',
        KeyCode::Char('/') => 'o',
        KeyCode::Char('=') => 'X',
        KeyCode::Enter => 'M',
        _ => return None,
    })
}

/// A pasted text. Where the child knows pastes it is bracketed, and cannot hold the mark that ends it; elsewhere its lines end as Enter does.
pub fn encode_paste(text: &str, modes: Modes) -> Vec<u8> {
    if !modes.bracketed_paste {
        return text.replace("\r\n", "\r").replace('\n', "\r").into_bytes();
    }
    let mut inner = text.to_owned();
    // Taking one mark out can join what stood around it to another.
    while inner.contains("\x1b[201~") || inner.contains("\u{9b}201~") {
        inner = inner.replace("\x1b[201~", "").replace("\u{9b}201~", "");
    }
    format!("\x1b[200~{inner}\x1b[201~").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    fn key(code: KeyCode, modifiers: KeyModifiers, modes: Modes) -> String {
        String::from_utf8(encode_key(KeyEvent::new(code, modifiers), modes)).unwrap()
    }

    #[test]
    fn keys_are_sent_as_a_plain_terminal_sends_them() {
        let table: &[(KeyCode, KeyModifiers, &str)] = &[
            (KeyCode::Char('a'), NONE, "a"),
            (KeyCode::Char('A'), SHIFT, "A"),
            (KeyCode::Char('ж'), NONE, "ж"),
            (KeyCode::Char('ж'), CONTROL, "ж"),
            (KeyCode::Char('с'), CONTROL, "\x03"),
            (KeyCode::Char('a'), ALT | SHIFT, "\x1bA"),
            (KeyCode::Char('a'), ALT, "\x1ba"),
            (KeyCode::Char('a'), CONTROL, "\x01"),
            (KeyCode::Char('z'), CONTROL, "\x1a"),
            (KeyCode::Char('C'), CONTROL, "\x03"),
            (KeyCode::Char('c'), CONTROL | ALT, "\x1b\x03"),
            (KeyCode::Char(' '), CONTROL, "\0"),
            (KeyCode::Char('['), CONTROL, "\x1b"),
            (KeyCode::Char('\\'), CONTROL, "\x1c"),
            (KeyCode::Char('4'), CONTROL, "\x1c"),
            (KeyCode::Char(']'), CONTROL, "\x1d"),
            (KeyCode::Char('^'), CONTROL, "\x1e"),
            (KeyCode::Char('_'), CONTROL, "\x1f"),
            (KeyCode::Enter, NONE, "\r"),
            (KeyCode::Enter, ALT, "\x1b\r"),
            (KeyCode::Tab, NONE, "\t"),
            (KeyCode::BackTab, SHIFT, "\x1b[Z"),
            (KeyCode::Esc, NONE, "\x1b"),
            (KeyCode::Backspace, NONE, "\x7f"),
            (KeyCode::Backspace, CONTROL, "\x08"),
            (KeyCode::Backspace, ALT, "\x1b\x7f"),
            (KeyCode::Up, NONE, "\x1b[A"),
            (KeyCode::Left, CONTROL, "\x1b[1;5D"),
            (KeyCode::Right, ALT | SHIFT, "\x1b[1;4C"),
            (KeyCode::Home, NONE, "\x1b[H"),
            (KeyCode::End, SHIFT, "\x1b[1;2F"),
            (KeyCode::Insert, NONE, "\x1b[2~"),
            (KeyCode::Delete, CONTROL, "\x1b[3;5~"),
            (KeyCode::PageUp, NONE, "\x1b[5~"),
            (KeyCode::PageDown, SHIFT, "\x1b[6;2~"),
            (KeyCode::F(1), NONE, "\x1bOP"),
            (KeyCode::F(4), NONE, "\x1bOS"),
            (KeyCode::F(1), CONTROL, "\x1b[1;5P"),
            (KeyCode::F(5), NONE, "\x1b[15~"),
            (KeyCode::F(6), NONE, "\x1b[17~"),
            (KeyCode::F(10), NONE, "\x1b[21~"),
            (KeyCode::F(11), NONE, "\x1b[23~"),
            (KeyCode::F(12), SHIFT, "\x1b[24;2~"),
            (KeyCode::F(21), NONE, ""),
            (KeyCode::CapsLock, NONE, ""),
        ];
        for (code, modifiers, bytes) in table {
            assert_eq!(
                key(*code, *modifiers, Modes::default()),
                *bytes,
                "{code:?} {modifiers:?}"
            );
        }
    }

    #[test]
    fn the_childs_modes_change_the_keys() {
        let application = Modes {
            application_cursor: true,
            ..Modes::default()
        };
        assert_eq!(key(KeyCode::Up, NONE, application), "\x1bOA");
        assert_eq!(key(KeyCode::Home, NONE, application), "\x1bOH");
        assert_eq!(key(KeyCode::Up, CONTROL, application), "\x1b[1;5A");
        assert_eq!(key(KeyCode::Delete, NONE, application), "\x1b[3~");

        let keypad = Modes {
            application_keypad: true,
            ..Modes::default()
        };
        let five =
            KeyEvent::new_with_kind_and_state(KeyCode::Char('5'), NONE, KeyEventKind::Press, KeyEventState::KEYPAD);
        assert_eq!(encode_key(five, keypad), b"\x1bOu");
        assert_eq!(encode_key(five, Modes::default()), b"5");
        assert_eq!(key(KeyCode::Char('5'), NONE, keypad), "5");
    }

    /// Keys under the kitty protocol: with flag 1, with 1 and 4, with all that are granted.
    #[test]
    fn the_kitty_protocol_tells_keys_apart() {
        let table: &[(KeyCode, KeyModifiers, [&str; 3])] = &[
            (KeyCode::Char('a'), NONE, ["a", "a", "\x1b[97;;97u"]),
            (KeyCode::Char('A'), SHIFT, ["A", "A", "\x1b[97:65;2;65u"]),
            (KeyCode::Char('i'), CONTROL, ["\x1b[105;5u"; 3]),
            (
                KeyCode::Char('A'),
                ALT | SHIFT,
                ["\x1b[97;4u", "\x1b[97:65;4u", "\x1b[97:65;4u"],
            ),
            (KeyCode::Char('4'), CONTROL, ["\x1b[92;5u"; 3]),
            (KeyCode::Char('с'), CONTROL, ["\x1b[1089;5u"; 3]),
            (KeyCode::Char(' '), CONTROL, ["\x1b[32;5u"; 3]),
            (KeyCode::Esc, NONE, ["\x1b[27u"; 3]),
            (KeyCode::Enter, NONE, ["\r", "\r", "\x1b[13u"]),
            (KeyCode::Enter, SHIFT, ["\x1b[13;2u"; 3]),
            (KeyCode::Tab, NONE, ["\t", "\t", "\x1b[9u"]),
            (KeyCode::BackTab, SHIFT, ["\x1b[9;2u"; 3]),
            (KeyCode::Backspace, NONE, ["\x7f", "\x7f", "\x1b[127u"]),
            (KeyCode::Backspace, CONTROL, ["\x1b[127;5u"; 3]),
            (KeyCode::Up, NONE, ["\x1b[A"; 3]),
            (KeyCode::Up, KeyModifiers::SUPER, ["\x1b[1;9A"; 3]),
            (KeyCode::F(1), NONE, ["\x1b[P"; 3]),
            (KeyCode::F(3), CONTROL, ["\x1b[13;5~"; 3]),
            (KeyCode::F(12), NONE, ["\x1b[24~"; 3]),
            (KeyCode::F(13), NONE, ["\x1b[57376u"; 3]),
            (KeyCode::Delete, ALT, ["\x1b[3;3~"; 3]),
        ];
        for (code, modifiers, sent) in table {
            for (flags, expected) in [1, 5, 29].into_iter().zip(sent) {
                let modes = Modes {
                    kitty_flags: flags,
                    application_cursor: true,
                    ..Modes::default()
                };
                assert_eq!(
                    key(*code, *modifiers, modes),
                    *expected,
                    "{code:?} {modifiers:?} {flags}"
                );
            }
        }
    }

    /// modifyOtherKeys: level 1, level 2.
    #[test]
    fn other_keys_are_modified() {
        let table: &[(KeyCode, KeyModifiers, [&str; 2])] = &[
            (KeyCode::Char('a'), NONE, ["a"; 2]),
            (KeyCode::Char('A'), SHIFT, ["A"; 2]),
            (KeyCode::Char('a'), CONTROL, ["\x01", "\x1b[27;5;97~"]),
            (KeyCode::Char('4'), CONTROL, ["\x1c", "\x1b[27;5;92~"]),
            (KeyCode::Char('1'), CONTROL, ["\x1b[27;5;49~"; 2]),
            (KeyCode::Char('a'), ALT, ["\x1ba", "\x1b[27;3;97~"]),
            (KeyCode::Enter, NONE, ["\r"; 2]),
            (KeyCode::Enter, SHIFT, ["\x1b[27;2;13~"; 2]),
            (KeyCode::Enter, CONTROL, ["\x1b[27;5;13~"; 2]),
            (KeyCode::Tab, CONTROL, ["\x1b[27;5;9~"; 2]),
            (KeyCode::BackTab, SHIFT, ["\x1b[Z", "\x1b[27;2;9~"]),
            (KeyCode::Esc, NONE, ["\x1b"; 2]),
            (KeyCode::Up, CONTROL, ["\x1b[1;5A"; 2]),
        ];
        for (code, modifiers, sent) in table {
            for (level, expected) in [1, 2].into_iter().zip(sent) {
                let modes = Modes {
                    modify_other_keys: level,
                    ..Modes::default()
                };
                assert_eq!(
                    key(*code, *modifiers, modes),
                    *expected,
                    "{code:?} {modifiers:?} {level}"
                );
            }
        }
    }

    #[test]
    fn a_release_is_not_sent() {
        let release = KeyEvent::new_with_kind(KeyCode::Char('a'), NONE, KeyEventKind::Release);
        assert_eq!(encode_key(release, Modes::default()), b"");
    }

    #[test]
    fn a_paste_cannot_end_itself() {
        let bracketed = Modes {
            bracketed_paste: true,
            ..Modes::default()
        };
        assert_eq!(
            encode_paste("a\x1b[2\x1b[201~01~rm\r\n", bracketed),
            b"\x1b[200~arm\r\n\x1b[201~"
        );
        assert_eq!(encode_paste("a\r\nb\nc", Modes::default()), b"a\rb\rc");
    }

    #[test]
    fn focus_is_told_only_to_who_asked() {
        let focus = Modes {
            focus_events: true,
            ..Modes::default()
        };
        assert_eq!(encode(&Event::FocusGained, focus), b"\x1b[I");
        assert_eq!(encode(&Event::FocusLost, Modes::default()), b"");
    }
}
