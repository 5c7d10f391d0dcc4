//! Keeps an OSC sequence that never ends from filling the memory: the parser keeps all of it until it is over.

use std::borrow::Cow;

/// Bytes of one OSC sequence that are kept; what comes behind them until its end is dropped. Titles, links and texts for the clipboard
/// are shorter.
const KEPT: usize = 256 * 1024;

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
    /// In an OSC sequence, behind so many of its bytes.
    Inside(usize),
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
                        b']' => Self::Inside(0),
                        CAN | SUB | 0x20..=0x7e => Self::Outside,
                        _ => Self::Escape,
                    };
                }
                Self::Inside(before) => {
                    let end = rest.iter().position(|byte| matches!(*byte, BEL | CAN | SUB | ESC));
                    let length = end.unwrap_or(rest.len());
                    let room = KEPT.saturating_sub(before).min(length);
                    if room < length {
                        kept.get_or_insert_default().extend_from_slice(&bytes[from..at + room]);
                        from = at + length;
                    }
                    at += length;
                    *self = match end.map(|end| rest[end]) {
                        None => Self::Inside(KEPT.min(before + length)),
                        Some(ESC) => Self::Outside, // looked at again
                        Some(_) => {
                            at += 1;
                            Self::Outside
                        }
                    };
                }
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

    #[test]
    fn what_is_too_long_is_cut_in_any_pieces() {
        let long = "x".repeat(KEPT + 1000);
        let stream = format!("a\x1b]0;{long}\x07b\x1b]2;t\x1b\\c\x1b(]{long}\x1b\x1b]52;{long}\x1b[mz");
        let (title, clip) = (&long[..KEPT - 2], &long[..KEPT - 3]);
        let expected = format!("a\x1b]0;{title}\x07b\x1b]2;t\x1b\\c\x1b(]{long}\x1b\x1b]52;{clip}\x1b[mz");
        for pieces in [1, 2, 3, 1000, 70_000, stream.len()] {
            let mut command = LongCommand::default();
            let kept: Vec<u8> = stream
                .as_bytes()
                .chunks(pieces)
                .flat_map(|piece| command.kept(piece).into_owned())
                .collect();
            assert!(kept == expected.as_bytes(), "in pieces of {pieces}");
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
