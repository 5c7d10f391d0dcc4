//! Keys as the kitty protocol sends them: <https://sw.kovidgoyal.net/kitty/keyboard-protocol/>.

use crossterm::event::{KeyCode, KeyEvent, KeyEventState, KeyModifiers, MediaKeyCode};

use crate::session::emulator::keyboard::{ALL_KEYS, ALTERNATE_KEYS, ASSOCIATED_TEXT};

/// The sequence for a key; none for one that is sent as text, or as it always was.
pub(super) fn encode(key: KeyEvent, flags: u8) -> Option<String> {
    let all = flags & ALL_KEYS != 0;
    let number = modifier_number(key.modifiers);
    if let KeyCode::Char(c) = key.code
        && !(all && key.state.contains(KeyEventState::KEYPAD))
    {
        return character(c, key.modifiers, flags);
    }
    // What keys on a keypad write is text unless all keys are wanted; the others are told from their twins.
    if key.state.contains(KeyEventState::KEYPAD)
        && let Some(code) = keypad(key.code)
    {
        return Some(with_modifiers(code, number, 'u'));
    }
    let (code, last, number) = match key.code {
        KeyCode::Esc => (27, 'u', number),
        KeyCode::Enter if all || number > 1 => (13, 'u', number),
        KeyCode::Tab if all || number > 1 => (9, 'u', number),
        KeyCode::BackTab => (9, 'u', modifier_number(key.modifiers | KeyModifiers::SHIFT)),
        KeyCode::Backspace if all || number > 1 => (127, 'u', number),
        other => {
            let (code, last) = functional(other)?;
            (code, last, number)
        }
    };
    Some(with_modifiers(code, number, last))
}

/// A key that writes a character.
fn character(c: char, modifiers: KeyModifiers, flags: u8) -> Option<String> {
    let all = flags & ALL_KEYS != 0;
    let writes = !modifiers.intersects(
        KeyModifiers::ALT | KeyModifiers::CONTROL | KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META,
    );
    if writes && !all {
        return None;
    }
    let c = if modifiers.contains(KeyModifiers::CONTROL) {
        named(c)
    } else {
        c
    };
    let plain = c.to_lowercase().next().unwrap_or(c);
    // A capital letter says that Shift is down, whether the terminal around us says so or not.
    let shift = modifiers.contains(KeyModifiers::SHIFT) || plain != c;
    let number = modifier_number(if shift {
        modifiers | KeyModifiers::SHIFT
    } else {
        modifiers
    });
    let shifted = if plain == c && shift {
        c.to_uppercase().next().unwrap_or(c)
    } else {
        c
    };
    let mut sequence = format!("\x1b[{}", u32::from(plain));
    if flags & ALTERNATE_KEYS != 0 && shifted != plain {
        sequence.push_str(&format!(":{}", u32::from(shifted)));
    }
    let text = (all && writes && flags & ASSOCIATED_TEXT != 0).then(|| u32::from(shifted));
    match (number, text) {
        (1, None) => {}
        (number, None) => sequence.push_str(&format!(";{number}")),
        (1, Some(text)) => sequence.push_str(&format!(";;{text}")),
        (number, Some(text)) => sequence.push_str(&format!(";{number};{text}")),
    }
    sequence.push('u');
    Some(sequence)
}

/// Terminals send one byte for `Ctrl-\` and `Ctrl-4`, and crossterm names it the second way; people mean the first.
pub(super) fn named(c: char) -> char {
    match c {
        '4' => '\\',
        '5' => ']',
        '6' => '^',
        '7' => '_',
        c => c,
    }
}

fn with_modifiers(code: u16, number: u8, last: char) -> String {
    match (code, number) {
        (1, 1) => format!("\x1b[{last}"),
        (code, 1) => format!("\x1b[{code}{last}"),
        (code, number) => format!("\x1b[{code};{number}{last}"),
    }
}

/// 1 and one bit a modifier. The locks are left out: a program that cares for them asks for event types, which are not granted.
fn modifier_number(modifiers: KeyModifiers) -> u8 {
    1 + [
        KeyModifiers::SHIFT,
        KeyModifiers::ALT,
        KeyModifiers::CONTROL,
        KeyModifiers::SUPER,
        KeyModifiers::HYPER,
        KeyModifiers::META,
    ]
    .into_iter()
    .enumerate()
    .filter(|(_, modifier)| modifiers.contains(*modifier))
    .map(|(bit, _)| 1 << bit)
    .sum::<u8>()
}

/// Keys that write nothing: their number and the letter that ends the sequence.
fn functional(code: KeyCode) -> Option<(u16, char)> {
    Some(match code {
        KeyCode::Up => (1, 'A'),
        KeyCode::Down => (1, 'B'),
        KeyCode::Right => (1, 'C'),
        KeyCode::Left => (1, 'D'),
        KeyCode::KeypadBegin => (1, 'E'),
        KeyCode::End => (1, 'F'),
        KeyCode::Home => (1, 'H'),
        KeyCode::Insert => (2, '~'),
        KeyCode::Delete => (3, '~'),
        KeyCode::PageUp => (5, '~'),
        KeyCode::PageDown => (6, '~'),
        KeyCode::F(1) => (1, 'P'),
        KeyCode::F(2) => (1, 'Q'),
        // Its old letter would make it look like the answer to a query for the cursor.
        KeyCode::F(3) => (13, '~'),
        KeyCode::F(4) => (1, 'S'),
        KeyCode::F(n @ 5..=12) => ([15, 17, 18, 19, 20, 21, 23, 24][usize::from(n - 5)], '~'),
        KeyCode::F(n @ 13..=35) => (57376 + u16::from(n - 13), 'u'),
        KeyCode::CapsLock => (57358, 'u'),
        KeyCode::ScrollLock => (57359, 'u'),
        KeyCode::NumLock => (57360, 'u'),
        KeyCode::PrintScreen => (57361, 'u'),
        KeyCode::Pause => (57362, 'u'),
        KeyCode::Menu => (57363, 'u'),
        KeyCode::Media(media) => (media_number(media), 'u'),
        _ => return None,
    })
}

fn media_number(media: MediaKeyCode) -> u16 {
    match media {
        MediaKeyCode::Play => 57428,
        MediaKeyCode::Pause => 57429,
        MediaKeyCode::PlayPause => 57430,
        MediaKeyCode::Reverse => 57431,
        MediaKeyCode::Stop => 57432,
        MediaKeyCode::FastForward => 57433,
        MediaKeyCode::Rewind => 57434,
        MediaKeyCode::TrackNext => 57435,
        MediaKeyCode::TrackPrevious => 57436,
        MediaKeyCode::Record => 57437,
        MediaKeyCode::LowerVolume => 57438,
        MediaKeyCode::RaiseVolume => 57439,
        MediaKeyCode::MuteVolume => 57440,
    }
}

/// The keypad's keys, which have twins elsewhere.
fn keypad(code: KeyCode) -> Option<u16> {
    Some(match code {
        KeyCode::Char(c @ '0'..='9') => 57399 + u16::from(c as u8 - b'0'),
        KeyCode::Char('.') => 57409,
        KeyCode::Char('/') => 57410,
        KeyCode::Char('*') => 57411,
        KeyCode::Char('-') => 57412,
        KeyCode::Char('+') => 57413,
        KeyCode::Enter => 57414,
        KeyCode::Char('=') => 57415,
        KeyCode::Char(',') => 57416,
        KeyCode::Left => 57417,
        KeyCode::Right => 57418,
        KeyCode::Up => 57419,
        KeyCode::Down => 57420,
        KeyCode::PageUp => 57421,
        KeyCode::PageDown => 57422,
        KeyCode::Home => 57423,
        KeyCode::End => 57424,
        KeyCode::Insert => 57425,
        KeyCode::Delete => 57426,
        _ => return None,
    })
}
