//! What a child switched on at the terminal and has not switched off: a program that is killed leaves the mouse, the alternate screen
//! or an invisible cursor behind.

use std::collections::BTreeSet;

use alacritty_terminal::vte::{Params, Parser, Perform};

use super::emulator::long_command::LongCommand;

/// Private modes that a person notices, off by nature.
const MODES: &[u16] = &[
    1, 9, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026,
];
/// The one that is on by nature: the cursor is shown.
const CURSOR: u16 = 25;

#[derive(Default)]
pub(super) struct Leftovers {
    /// Goes before the parser, which would keep a command that never ends.
    long_command: LongCommand,
    parser: Parser,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    on: BTreeSet<u16>,
    cursor_hidden: bool,
    keypad: bool,
    /// The kitty keyboard flags that were pushed and not popped.
    keyboard_flags: Vec<u16>,
    /// Colours and the like.
    styled: bool,
    #[cfg(test)]
    longest_command: usize,
}

impl Leftovers {
    /// Takes what is shown.
    pub(super) fn watch(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.seen, &self.long_command.kept(bytes));
    }

    /// The sequences that undo what is left; empty after a program that tidied up.
    pub(super) fn switch_off(&self) -> Vec<u8> {
        let seen = &self.seen;
        let mut off = String::new();
        if !seen.keyboard_flags.is_empty() {
            off.push_str(&format!("\x1b[<{}u", seen.keyboard_flags.len()));
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

    /// The sequences that bring back what [`Leftovers::switch_off`] undid, but for colours: for a terminal that was given away for a while.
    pub(super) fn switch_on(&self) -> Vec<u8> {
        let seen = &self.seen;
        let mut on = String::new();
        for mode in &seen.on {
            on.push_str(&format!("\x1b[?{mode}h"));
        }
        for flags in &seen.keyboard_flags {
            on.push_str(&format!("\x1b[>{flags}u"));
        }
        for (was, redo) in [(seen.keypad, "\x1b="), (seen.cursor_hidden, "\x1b[?25l")] {
            if was {
                on.push_str(redo);
            }
        }
        on.into_bytes()
    }
}

impl Perform for Seen {
    #[cfg(test)]
    fn osc_dispatch(&mut self, params: &[&[u8]], _bell: bool) {
        self.longest_command = params.iter().map(|param| param.len()).sum();
    }

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
            // No terminal keeps more of them.
            ('u', [b'>']) if self.keyboard_flags.len() < 64 => self.keyboard_flags.push(first(0)),
            ('u', [b'<']) => {
                let left = self.keyboard_flags.len().saturating_sub(first(1).max(1).into());
                self.keyboard_flags.truncate(left);
            }
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
    fn what_was_on_can_be_brought_back() {
        let mut leftovers = Leftovers::default();
        leftovers.watch(b"\x1b[?1049;2004h\x1b[?25l\x1b=\x1b[>1u\x1b[>5u\x1b[31mx");
        assert_eq!(
            leftovers.switch_on(),
            b"\x1b[?1049h\x1b[?2004h\x1b[>1u\x1b[>5u\x1b=\x1b[?25l"
        );
        assert_eq!(Leftovers::default().switch_on(), b"");
    }

    #[test]
    fn a_command_without_end_is_not_kept() {
        let mut leftovers = Leftovers::default();
        leftovers.watch(b"\x1b]0;");
        for _ in 0..64 {
            leftovers.watch(&[b'x'; 1 << 14]);
        }
        leftovers.watch(b"\x07\x1b[?25l");
        let longest = leftovers.seen.longest_command;
        assert!((1 << 14..1 << 19).contains(&longest), "{longest}");
        assert_eq!(leftovers.switch_off(), b"\x1b[?25h");
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
