//! Keeps an OSC sequence that never ends from filling the memory: the parser keeps all of it until it is over. And colours of more
//! digits than there are from the parser, which computes with them beyond the width of a number.

use std::borrow::Cow;

/// Bytes of one OSC sequence that are kept; what comes behind them until its end is dropped. Titles, links and texts for the clipboard
/// are shorter.
const KEPT: usize = 256 * 1024;

/// Bytes that are kept of a parameter where colours are set or asked for. No colour has more: `rgb:ffff/ffff/ffff`, or a name. From
/// `#` and 51 digits on a shift in vte 0.15 overflows.
const KEPT_OF_A_COLOUR: usize = 40;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Follows a stream that comes in any pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::session) enum LongCommand {
    #[default]
    Outside,
    /// Behind an escape, which ends whatever was before it, and what a terminal takes or passes over without leaving it: controls, DEL,
    /// and what is no ASCII.
    Escape,
    Inside(Position),
}

/// How far an OSC sequence has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::session) struct Position {
    /// Bytes of it that were kept.
    bytes: usize,
    /// Those of the parameter that it is in.
    of_parameter: usize,
    /// Whether its number begins with a 1 or a 4: the only ones of these that the parser knows are of colours (4, 10, 11 and 12). Not known
    /// before it has begun: the parser passes over control characters.
    of_colours: Option<bool>,
}

impl Position {
    /// How many bytes of a piece are kept: of a whole parameter with the semicolon before it, or of a part.
    fn takes(&mut self, piece: &[u8]) -> usize {
        let begins = || piece.iter().find(|byte| **byte >= b' ');
        self.of_colours = self
            .of_colours
            .or_else(|| begins().map(|byte| matches!(byte, b'1' | b'4')));
        if piece[0] == b';' {
            self.of_parameter = 0;
        }
        let most = if self.of_colours == Some(true) {
            KEPT_OF_A_COLOUR + 1
        } else {
            KEPT
        };
        let room = (KEPT - self.bytes).min(most.saturating_sub(self.of_parameter));
        let kept = room.min(piece.len());
        self.bytes += kept;
        self.of_parameter += kept;
        kept
    }
}

impl LongCommand {
    /// What of these bytes goes to the parser.
    pub(in crate::session) fn kept<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut kept: Option<Vec<u8>> = None;
        // What is before it is in `kept`, or dropped.
        let mut from = 0;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match *self {
                Self::Outside => match rest.iter().position(|byte| *byte == ESC) {
                    Some(escape) => {
                        at += escape + 1;
                        *self = Self::Escape;
                    }
                    None => break,
                },
                Self::Escape => {
                    at += 1;
                    *self = match rest[0] {
                        b']' => Self::Inside(Position::default()),
                        CAN | SUB | 0x20..=0x7e => Self::Outside,
                        _ => Self::Escape,
                    };
                }
                Self::Inside(ref mut position) => match rest[0] {
                    ESC => *self = Self::Outside, // looked at again
                    BEL | CAN | SUB => {
                        at += 1;
                        *self = Self::Outside;
                    }
                    _ => {
                        let next = rest[1..]
                            .iter()
                            .position(|byte| matches!(*byte, b';' | BEL | CAN | SUB | ESC));
                        let piece = &rest[..next.map_or(rest.len(), |next| 1 + next)];
                        let room = position.takes(piece);
                        if room < piece.len() {
                            kept.get_or_insert_default().extend_from_slice(&bytes[from..at + room]);
                            from = at + piece.len();
                        }
                        at += piece.len();
                    }
                },
            }
        }
        match kept {
            None => Cow::Borrowed(bytes),
            Some(mut kept) => {
                kept.extend_from_slice(&bytes[from..]);
                Cow::Owned(kept)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alacritty_terminal::vte::{Parser, Perform};

    use super::*;

    /// What is kept of a stream that comes in pieces of this length.
    fn kept(stream: &str, pieces: usize) -> Vec<u8> {
        let mut command = LongCommand::default();
        let pieces = stream.as_bytes().chunks(pieces);
        pieces.flat_map(|piece| command.kept(piece).into_owned()).collect()
    }

    #[test]
    fn what_is_too_long_is_cut_in_any_pieces() {
        let long = "x".repeat(KEPT + 1000);
        let stream = format!("a\x1b]0;{long}\x07b\x1b]2;t\x1b\\c\x1b(]{long}\x1b\x1b]52;{long}\x1b[mz");
        let (title, clip) = (&long[..KEPT - 2], &long[..KEPT - 3]);
        let expected = format!("a\x1b]0;{title}\x07b\x1b]2;t\x1b\\c\x1b(]{long}\x1b\x1b]52;{clip}\x1b[mz");
        for pieces in [1, 2, 3, 1000, 70_000, stream.len()] {
            let kept = kept(&stream, pieces);
            assert!(kept == expected.as_bytes(), "in pieces of {pieces}");
        }
    }

    #[test]
    fn colours_are_cut_and_nothing_else_of_them() {
        let digits = "0".repeat(1000);
        let name = &digits[..KEPT_OF_A_COLOUR - 1];
        let stream =
            format!("\x1b]4;1;#{digits};2;?;300;{digits}?\x07\x1b]\0\x011\x002;#{digits}\x1b\\\x1b]8;;{digits}\x07");
        let expected =
            format!("\x1b]4;1;#{name};2;?;300;{name}0\x07\x1b]\0\x011\x002;#{name}\x1b\\\x1b]8;;{digits}\x07");
        for pieces in [1, 7, stream.len()] {
            let kept = kept(&stream, pieces);
            assert_eq!(String::from_utf8_lossy(&kept), expected, "in pieces of {pieces}");
        }
    }

    /// What the parser keeps of a command is found out by the parser: whatever comes between the escape and the bracket.
    #[test]
    fn no_introducer_lets_a_longer_one_through() {
        #[derive(Default)]
        struct Longest(usize);
        impl Perform for Longest {
            fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
                self.0 = self.0.max(params.iter().map(|param| param.len()).sum());
            }
        }
        for between in 0..=0xff {
            for more in [&b""[..], b"\0", b"\x7f\x1b", "é".as_bytes()] {
                let mut stream = [b"\x1b", &[between][..], more, b"]0;"].concat();
                stream.resize(stream.len() + KEPT + 1000, b'x');
                stream.push(BEL);
                let mut longest = Longest::default();
                let kept = LongCommand::default().kept(&stream).into_owned();
                Parser::new().advance(&mut longest, &kept);
                assert!(longest.0 <= KEPT, "{between:#x} {more:?}");
            }
        }
    }
}
