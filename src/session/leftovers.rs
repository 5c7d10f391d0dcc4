//! What a child switched on at the terminal and has not switched off: a program that is killed leaves the mouse, the alternate screen
//! or an invisible cursor behind.

use std::collections::BTreeSet;

use alacritty_terminal::vte::{Params, Parser, Perform};

/// Private modes that a person notices, off by nature.
const MODES: &[u16] = &[
    1, 9, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026,
];
/// The one that is on by nature: the cursor is shown.
const CURSOR: u16 = 25;

#[derive(Default)]
pub(super) struct Leftovers {
    parser: Parser,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    on: BTreeSet<u16>,
    cursor_hidden: bool,
    keypad: bool,
    /// The kitty keyboard modes that were pushed and not popped.
    keyboard_modes: u16,
    /// Colours and the like.
    styled: bool,
}

impl Leftovers {
    /// Takes what is shown.
    pub(super) fn watch(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.seen, bytes);
    }

    /// The sequences that undo what is left; empty after a program that tidied up.
    pub(super) fn switch_off(&self) -> Vec<u8> {
        let seen = &self.seen;
        let mut off = String::new();
        if seen.keyboard_modes > 0 {
            off.push_str(&format!("\x1b[<{}u", seen.keyboard_modes));
        }
        for mode in &seen.on {
            off.push_str(&format!("\x1b[?{mode}l"));
        }
        for (left, undo) in [
            (seen.keypad, "\x1b>"),
            (seen.styled, "\x1b[m"),
            (seen.cursor_hidden, "\x1b[?25h"),
        ] {
            if left {
                off.push_str(undo);
            }
        }
        off.into_bytes()
    }
}

impl Perform for Seen {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignored: bool, action: char) {
        if ignored {
            return;
        }
        let first = |default: u16| params.iter().next().map_or(default, |param| param[0]);
        match (action, intermediates) {
            ('h' | 'l', [b'?']) => {
                for mode in params.iter().map(|param| param[0]) {
                    self.switch(mode, action == 'h');
                }
            }
            ('u', [b'>']) => self.keyboard_modes = self.keyboard_modes.saturating_add(1),
            ('u', [b'<']) => self.keyboard_modes = self.keyboard_modes.saturating_sub(first(1).max(1)),
            ('m', []) => self.styled = params.iter().last().is_some_and(|param| param[0] != 0),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignored: bool, byte: u8) {
        match (byte, intermediates) {
            (b'=', []) => self.keypad = true,
            (b'>', []) => self.keypad = false,
            (b'c', []) => *self = Self::default(),
            _ => {}
        }
    }
}

impl Seen {
    fn switch(&mut self, mode: u16, on: bool) {
        if mode == CURSOR {
            self.cursor_hidden = !on;
        } else if MODES.contains(&mode) {
            if on {
                self.on.insert(mode);
            } else {
                self.on.remove(&mode);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_by(bytes: &[u8]) -> String {
        let mut leftovers = Leftovers::default();
        for byte in bytes {
            leftovers.watch(&[*byte]);
        }
        String::from_utf8(leftovers.switch_off()).unwrap()
    }

    #[test]
    fn what_was_left_on_is_switched_off() {
        assert_eq!(
            left_by(b"\x1b[?1049;2004h\x1b[?25l\x1b=\x1b[>1u\x1b[31mx"),
            "\x1b[<1u\x1b[?1049l\x1b[?2004l\x1b>\x1b[m\x1b[?25h"
        );
    }

    #[test]
    fn a_tidy_program_leaves_nothing() {
        assert_eq!(
            left_by(b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[1;31mx\x1b[0m\x1b[<u\x1b[?25h\x1b[?1049l\r\n\x1b[?7l"),
            ""
        );
        assert_eq!(left_by(b"\x1b[?1000h\x1bc"), "");
    }
}
