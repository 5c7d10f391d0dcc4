//! Tells what somebody types from what a terminal says by itself: answers to a program's questions, whether its window has the focus, where
//! the mouse passes. Only the first keeps a session from being idle.

use alacritty_terminal::vte::{Params, Parser, Perform};

/// Reads what comes from the terminal, in any pieces.
#[derive(Default)]
pub(super) struct Typing {
    parser: Parser,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    typed: bool,
}

impl Typing {
    /// Whether these bytes hold something typed. A sequence counts with its last byte; the escape key by itself is told by standing alone.
    pub(super) fn is_in(&mut self, bytes: &[u8]) -> bool {
        self.seen.typed = bytes == b"\x1b";
        self.parser.advance(&mut self.seen, bytes);
        self.seen.typed
    }
}

impl Perform for Seen {
    fn print(&mut self, _: char) {
        self.typed = true;
    }

    fn execute(&mut self, _: u8) {
        self.typed = true;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        // Only the end of an answer that is a string.
        self.typed |= byte != b'\\';
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let first = params.iter().next().map_or(0, |param| param[0]);
        let says_itself = match (action, intermediates) {
            // The cursor's place; F3 with modifiers is `1;2R` to `1;16R`.
            ('R', []) => params.len() > 1 && first != 1,
            ('R', [b'?']) | ('c', [b'?' | b'>' | b'=']) | ('n' | 'u', [b'?']) | ('n' | 't', []) | ('y', _) => true,
            // The focus came, or went.
            ('I' | 'O', []) => true,
            // The mouse passes over it with no button down.
            ('M' | 'm', [b'<']) => first & 0b10_0011 == 0b10_0011,
            _ => false,
        };
        self.typed |= !says_itself;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_says_by_itself_is_not_typed() {
        let said: &[&[u8]] = &[
            b"\x1b[12;40R",
            b"\x1b[?62;22c",
            b"\x1b[>0;276;0c",
            b"\x1b[0n",
            b"\x1b[?2004;2$y",
            b"\x1b[8;24;80t",
            b"\x1b[?1u",
            b"\x1b]11;rgb:0000/0000/0000\x1b\\",
            b"\x1b]11;rgb:0000/0000/0000\x07",
            b"\x1bP1$r0m\x1b\\",
            b"\x1b[I\x1b[O",
            b"\x1b[<35;10;10M",
        ];
        let typed: &[&[u8]] = &[
            b"a",
            b"\r",
            b"\x1b",
            b"\x1b[A",
            b"\x1bOP",
            b"\x1b[1;2R",
            b"\x1b[97;5u",
            b"\x1b[200~x\x1b[201~",
            b"\x1b[<0;10;10M",
            b"\x1b[<64;10;10M",
            b"\x1b[12;40Rx",
        ];
        for (cases, expected) in [(said, false), (typed, true)] {
            for case in cases {
                assert_eq!(Typing::default().is_in(case), expected, "{}", case.escape_ascii());
            }
        }
    }

    #[test]
    fn an_answer_in_pieces_is_one() {
        let mut typing = Typing::default();
        assert!(!typing.is_in(b"\x1b[12;"));
        assert!(!typing.is_in(b"40R\x1b]11;rgb:00"));
        assert!(!typing.is_in(b"00/0000/0000\x1b\\"));
        assert!(typing.is_in(b"q"));
    }
}
