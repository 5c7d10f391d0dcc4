//! What a child switched on at the terminal and has not switched off: a program that is killed leaves the mouse, the alternate screen
//! or an invisible cursor behind.

use std::collections::BTreeSet;

use alacritty_terminal::vte::{Params, Parser, Perform};

use super::emulator::long_command::LongCommand;

/// Private modes that a person notices, off by nature.
const MODES: &[u16] = &[
    1, 5, 9, 45, 47, 66, 67, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004, 2026, 2031, 2048,
];
/// Those that are on by nature, or that nobody misses: lines wrap, keys repeat, the cursor is shown, the wheel moves in a pager, Alt is
/// sent.
const ON: &[u16] = &[7, 8, 25, 1007, 1036];
/// Lines are counted from the margin: to switch it off moves the cursor.
const ORIGIN: u16 = 6;
/// What restores the colours that OSC 4 sets; those that OSC 10 to 19 set are restored by a number that is higher by 100.
const PALETTE: u16 = 104;

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
    off: BTreeSet<u16>,
    keypad: bool,
    /// The kitty keyboard flags that were pushed and not popped, and those that were set without that.
    keyboard_flags: Vec<u16>,
    set_flags: u16,
    /// xterm's level of modifyOtherKeys.
    modify_other_keys: u16,
    /// Colours and the like.
    styled: bool,
    /// Not all lines scroll.
    margins: bool,
    inserts: bool,
    origin: bool,
    /// The keyboard is locked.
    locked: bool,
    /// A line feed returns, too.
    returns: bool,
    /// The commands (OSC) that restore the colours that were changed.
    colours: BTreeSet<u16>,
    /// Letters are drawn as lines.
    line_drawing: bool,
    cursor_shape: bool,
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
        if seen.origin {
            // The place of the cursor is lost with it. The screen's end is where a program leaves it; the main screen restores its own.
            off.push_str("\x1b[?6l\x1b[999H");
        }
        for mode in &seen.on {
            off.push_str(&format!("\x1b[?{mode}l"));
        }
        for (left, undo) in [
            (seen.set_flags != 0, "\x1b[=0u"),
            (seen.modify_other_keys != 0, "\x1b[>4m"),
            (seen.keypad, "\x1b>"),
            // To set them moves the cursor.
            (seen.margins, "\x1b7\x1b[r\x1b8"),
            (seen.inserts, "\x1b[4l"),
            (seen.locked, "\x1b[2l"),
            (seen.returns, "\x1b[20l"),
            (seen.line_drawing, "\x1b(B\x0f"),
            (seen.cursor_shape, "\x1b[0 q"),
            (seen.styled, "\x1b[m"),
        ] {
            if left {
                off.push_str(undo);
            }
        }
        for mode in &seen.off {
            off.push_str(&format!("\x1b[?{mode}h"));
        }
        for command in &seen.colours {
            off.push_str(&format!("\x1b]{command}\x1b\\"));
        }
        off.into_bytes()
    }

    /// The sequences that bring back what [`Leftovers::switch_off`] undid, but for how text and colours look and where it scrolls: for a
    /// terminal that was given away for a while, and whose program draws anew.
    pub(super) fn switch_on(&self) -> Vec<u8> {
        let seen = &self.seen;
        let mut on = String::new();
        for mode in &seen.on {
            on.push_str(&format!("\x1b[?{mode}h"));
        }
        for flags in &seen.keyboard_flags {
            on.push_str(&format!("\x1b[>{flags}u"));
        }
        if seen.set_flags != 0 {
            on.push_str(&format!("\x1b[={}u", seen.set_flags));
        }
        if seen.modify_other_keys != 0 {
            on.push_str(&format!("\x1b[>4;{}m", seen.modify_other_keys));
        }
        if seen.keypad {
            on.push_str("\x1b=");
        }
        for mode in &seen.off {
            on.push_str(&format!("\x1b[?{mode}l"));
        }
        on.into_bytes()
    }
}

impl Perform for Seen {
    fn osc_dispatch(&mut self, params: &[&[u8]], _bell: bool) {
        #[cfg(test)]
        {
            self.longest_command = params.iter().map(|param| param.len()).sum();
        }
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u16>().ok();
        let Some((command, rest)) = params.split_first() else {
            return;
        };
        match number(command) {
            // Pairs of a number and a colour.
            Some(4)
                if rest
                    .chunks(2)
                    .any(|pair| pair.get(1).is_some_and(|colour| *colour != b"?")) =>
            {
                self.colours.insert(PALETTE);
            }
            // Colours, the first for this command and each other for the next one.
            Some(first @ 10..=19) => {
                let set = (first..=19).zip(rest).filter(|(_, colour)| **colour != b"?");
                self.colours.extend(set.map(|(command, _)| command + 100));
            }
            Some(PALETTE) if rest.iter().any(|number| !number.is_empty()) => {}
            Some(command @ (PALETTE | 110..=119)) => {
                self.colours.remove(&command);
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignored: bool, action: char) {
        if ignored {
            return;
        }
        let number = |at: usize, default: u16| params.iter().nth(at).map_or(default, |param| param[0]);
        match (action, intermediates) {
            ('h' | 'l', [b'?']) => {
                for mode in params.iter().map(|param| param[0]) {
                    self.switch(mode, action == 'h');
                }
            }
            // No terminal keeps more of them.
            ('u', [b'>']) if self.keyboard_flags.len() < 64 => self.keyboard_flags.push(number(0, 0)),
            ('u', [b'<']) => {
                let left = self.keyboard_flags.len().saturating_sub(number(0, 1).max(1).into());
                self.keyboard_flags.truncate(left);
            }
            ('u', [b'=']) => {
                let flags = number(0, 0);
                self.set_flags = match number(1, 1) {
                    2 => self.set_flags | flags,
                    3 => self.set_flags & !flags,
                    _ => flags,
                };
            }
            ('m', [b'>']) if number(0, 0) == 4 => self.modify_other_keys = number(1, 0),
            ('n', [b'>']) if number(0, 0) == 4 => self.modify_other_keys = 0,
            // Not all that ends in a 0 is a reset: `38;5;0`.
            ('m', []) => self.styled = params.len() > 1 || number(0, 0) != 0,
            ('r', []) => self.margins = number(0, 0) > 1 || number(1, 0) > 0,
            ('h' | 'l', []) => {
                for mode in params.iter().map(|param| param[0]) {
                    match mode {
                        2 => self.locked = action == 'h',
                        4 => self.inserts = action == 'h',
                        20 => self.returns = action == 'h',
                        _ => {}
                    }
                }
            }
            ('q', [b' ']) => self.cursor_shape = number(0, 0) != 0,
            ('p', [b'!']) => {
                (self.margins, self.inserts, self.line_drawing, self.styled) = (false, false, false, false);
                (self.origin, self.locked) = (false, false);
            }
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignored: bool, byte: u8) {
        match (byte, intermediates) {
            (b'=', []) => self.keypad = true,
            (b'>', []) => self.keypad = false,
            (b'c', []) => *self = Self::default(),
            (set, [b'(']) => self.line_drawing = set != b'B',
            _ => {}
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x0e => self.line_drawing = true,
            0x0f => self.line_drawing = false,
            _ => {}
        }
    }
}

impl Seen {
    fn switch(&mut self, mode: u16, on: bool) {
        if mode == ORIGIN {
            self.origin = on;
        }
        let (left, by_nature) = if ON.contains(&mode) {
            (&mut self.off, true)
        } else if MODES.contains(&mode) {
            (&mut self.on, false)
        } else {
            return;
        };
        if on == by_nature {
            left.remove(&mode);
        } else {
            left.insert(mode);
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

    /// What vim, less and dialogs leave behind when they are killed.
    #[test]
    fn each_thing_that_is_left_on_is_switched_off() {
        let cases = [
            ("\x1b[38;2;255;0;0mx", "\x1b[m"),
            ("\x1b[38;5;0mx", "\x1b[m"),
            ("\x1b[31mx\x1b[m", ""),
            ("\x1b[>4;2m", "\x1b[>4m"),
            ("\x1b[>4;2m\x1b[>4;0m", ""),
            ("\x1b[=5u", "\x1b[=0u"),
            ("\x1b[?7l\x1b[?5h", "\x1b[?5l\x1b[?7h"),
            ("\x1b[2;5r", "\x1b7\x1b[r\x1b8"),
            ("\x1b[2;5r\x1b[r", ""),
            ("\x1b[4h", "\x1b[4l"),
            ("\x1b(0qqq", "\x1b(B\x0f"),
            ("\x1b)0\x0eqqq\x0f", ""),
            ("\x1b[5 q", "\x1b[0 q"),
            ("\x1b[4h\x1b(0\x1b[1m\x1b[!p", ""),
            ("\x1b[?6h", "\x1b[?6l\x1b[999H"),
            ("\x1b[?1049;6h", "\x1b[?6l\x1b[999H\x1b[?1049l"),
            ("\x1b[?6h\x1b[?6l", ""),
            ("\x1b[2;20h", "\x1b[2l\x1b[20l"),
            ("\x1b[2;20h\x1b[20;2l", ""),
            ("\x1b[?45;66;67;69h", "\x1b[?45l\x1b[?66l\x1b[?67l\x1b[?69l"),
            ("\x1b[?8;1007;1036l", "\x1b[?8h\x1b[?1007h\x1b[?1036h"),
            ("\x1b]4;1;#ff0000\x07", "\x1b]104\x1b\\"),
            ("\x1b]4;1;?\x07\x1b]10;?\x07", ""),
            ("\x1b]4;1;red\x07\x1b]104;1\x07", "\x1b]104\x1b\\"),
            ("\x1b]4;1;red\x07\x1b]104\x07", ""),
            ("\x1b]10;red;?;blue\x1b\\", "\x1b]110\x1b\\\x1b]112\x1b\\"),
            ("\x1b]11;red\x1b\\\x1b]111\x1b\\", ""),
        ];
        for (printed, undone) in cases {
            assert_eq!(left_by(printed.as_bytes()), undone, "{}", printed.escape_debug());
        }
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
            left_by(b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[1;31mx\x1b[0m\x1b[<u\x1b[?25h\x1b[?1049l\r\n\x1b[?7l\x1b[?7h"),
            ""
        );
        assert_eq!(left_by(b"\x1b[?1000h\x1bc"), "");
    }
}
