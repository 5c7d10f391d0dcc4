//! A stream of UTF-8 that comes in any pieces, given on in whole characters.

use std::borrow::Cow;

/// Keeps the beginning of a character back until its end has come. Bytes that are no UTF-8 go through.
#[derive(Default)]
pub struct Characters {
    partial: Vec<u8>,
}

impl Characters {
    /// What of the stream is whole with these bytes.
    pub fn whole<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.partial.is_empty() {
            let (whole, partial) = bytes.split_at(bytes.len() - unfinished(bytes));
            self.partial.extend_from_slice(partial);
            return Cow::Borrowed(whole);
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        self.partial = joined.split_off(joined.len() - unfinished(&joined));
        Cow::Owned(joined)
    }

    /// No character is under way.
    pub fn is_between(&self) -> bool {
        self.partial.is_empty()
    }

    /// What will never be finished: the stream has ended.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    for (i, &byte) in bytes.iter().enumerate().skip(tail).rev() {
        let length = match byte {
            0b1100_0010..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0100 => 4,
            0b1000_0000..=0b1011_1111 => continue,
            _ => return 0,
        };
        let here = bytes.len() - i;
        return if here < length { here } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_whole_and_nothing_is_lost() {
        let stream = "a é 字 👨\u{200d}👩 \u{0}z".as_bytes();
        let broken = [stream, b"\xff\xc3(\xe5\xad\xf0\x9f\x91"].concat();
        for (bytes, valid) in [(stream, true), (broken.as_slice(), false)] {
            for pieces in 1..=bytes.len() {
                let mut characters = Characters::default();
                let mut given = Vec::new();
                for piece in bytes.chunks(pieces) {
                    let whole = characters.whole(piece);
                    assert!(!valid || std::str::from_utf8(&whole).is_ok(), "in pieces of {pieces}");
                    given.extend_from_slice(&whole);
                }
                assert_eq!(characters.is_between(), valid);
                given.extend(characters.rest());
                assert!(given == bytes, "in pieces of {pieces}");
            }
        }
    }
}
