//! xterm's modifyOtherKeys: keys with modifiers that the old encoding cannot tell apart, as `CSI 27 ; MODIFIERS ; CHARACTER ~`.
//!
//! <https://invisible-island.net/xterm/modified-keys-us-pc105.html>; where that leaves room, as tmux does it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::kitty::named;
use super::modifier_number;

/// The sequence for a key at this level; none for one that is sent as it always was.
pub(super) fn encode(key: KeyEvent, level: u8) -> Option<String> {
    let mut modifiers = key.modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
    let c = match key.code {
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => named(c),
        KeyCode::Char(c) => c,
        KeyCode::Enter => '\r',
        KeyCode::Tab => '\t',
        KeyCode::BackTab => {
            modifiers |= KeyModifiers::SHIFT;
            '\t'
        }
        KeyCode::Esc => '\x1b',
        KeyCode::Backspace => '\x7f',
        _ => return None,
    };
    if modifiers.is_empty() || level == 0 || level == 1 && is_well_known(c, modifiers) {
        return None;
    }
    // Shift makes another character of a key that writes one, which is sent as such.
    if modifiers == KeyModifiers::SHIFT && !c.is_control() && c != ' ' {
        return None;
    }
    Some(format!("\x1b[27;{};{}~", modifier_number(modifiers), u32::from(c)))
}

/// What the old encoding has always sent in a way that programs know.
fn is_well_known(c: char, modifiers: KeyModifiers) -> bool {
    if !modifiers.contains(KeyModifiers::CONTROL) {
        // Alt is an escape before the key; Shift-Tab and what Shift makes of a character are known.
        return modifiers.contains(KeyModifiers::ALT) || matches!(c, '\t' | '\x1b' | '\x7f') || !c.is_control();
    }
    matches!(c, ' ' | '/' | '2'..='8' | '@'..='\x7f')
}
