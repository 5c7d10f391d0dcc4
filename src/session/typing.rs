//! Tells what somebody types from what a terminal says by itself: answers to a program's questions, whether its window has the focus, where
//! the mouse passes. Only the first keeps a session from being idle.

use alacritty_terminal::vte::{Params, Parser, Perform};

/// Bytes of an answer at most. What goes on for longer is none: somebody typed its beginning.
const LONGEST: usize = 256;

/// Reads what comes from the terminal, in any pieces.
#[derive(Default)]
pub(super) struct Typing {
    parser: Parser,
    seen: Seen,
    /// Bytes of a sequence whose end has not come.
    unfinished: usize,
}

#[derive(Default)]
struct Seen {
    typed: bool,
    /// A sequence came to its end, or a character.
    ended: bool,
}

impl Typing {
    /// Whether these bytes hold something typed. A sequence counts with its last byte. The escape key, and a key with Alt, are told by
    /// standing alone: they begin nothing, though they look like it.
    pub(super) fn is_in(&mut self, bytes: &[u8]) -> bool {
        // But `ESC \`, the end of an answer that came in pieces.
        if let [0x1b] | [0x1b, ..=0x5b | 0x5d..] = bytes {
            *self = Self::default();
            return true;
        }
        self.seen = Seen::default();
        self.parser.advance(&mut self.seen, bytes);
        self.unfinished = if self.seen.ended {
            0
        } else {
            self.unfinished + bytes.len()
        };
        if self.unfinished > LONGEST {
            // The parser would keep everything that is typed from here on.
            *self = Self::default();
            return true;
        }
        self.seen.typed
    }
}

impl Perform for Seen {
    fn print(&mut self, _: char) {
        (self.typed, self.ended) = (true, true);
    }

    fn execute(&mut self, _: u8) {
        (self.typed, self.ended) = (true, true);
    }

    fn unhook(&mut self) {
        self.ended = true;
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.ended = true;
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        // Only the end of an answer that is a string.
        self.typed |= byte != b'\\';
        self.ended = true;
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
        self.ended = true;
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

    /// Escape and Alt begin what looks like an answer: everything behind them is typed nevertheless.
    #[test]
    fn a_key_that_looks_like_a_beginning_is_typed_and_so_is_what_follows() {
        for introducer in *b"]PX^_[O" {
            for reads in [&[&[0x1b], &[introducer][..]][..], &[&[0x1b, introducer]]] {
                let mut typing = Typing::default();
                for read in reads {
                    assert!(typing.is_in(read), "{}", read.escape_ascii());
                }
                for key in b"drop table t;\r" {
                    assert!(typing.is_in(&[*key]), "{} behind it", key.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_string_without_an_end_hides_little() {
        for start in [b"\x1b]11;", b"\x1bP1$r", b"\x1b_Gi=", b"\x1b[1;1"] {
            let mut typing = Typing::default();
            assert!(!typing.is_in(start));
            let hidden = (0..2 * LONGEST).filter(|_| !typing.is_in(b"1")).count();
            assert!(hidden < LONGEST, "{hidden} behind {}", start.escape_ascii());
        }
    }
}
