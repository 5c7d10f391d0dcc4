//! Finds DECSTR, which the parser does not know.

/// Finds DECSTR in a stream that comes in any pieces.
#[derive(Default)]
pub(super) struct SoftReset {
    matched: usize,
}

impl SoftReset {
    const SEQUENCE: &[u8] = b"\x1b[!p";

    /// The end of the first one in these bytes.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.matched == 0 {
                // Most bytes are no escape: pass over them fast.
                at += bytes[at..].iter().position(|byte| *byte == Self::SEQUENCE[0])?;
            }
            if bytes[at] == Self::SEQUENCE[self.matched] {
                self.matched += 1;
                at += 1;
                if self.matched == Self::SEQUENCE.len() {
                    self.matched = 0;
                    return Some(at);
                }
            } else if self.matched == 0 {
                at += 1;
            } else {
                // Looked at again: it may begin another one.
                self.matched = 0;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_reset_is_found_in_any_pieces() {
        let stream = b"\x1b[4l\x1b\x1b[!p\x1b[!\x1b[!pend";
        for pieces in 1..stream.len() {
            let mut search = SoftReset::default();
            let mut found = 0;
            for piece in stream.chunks(pieces) {
                let mut rest = piece;
                while let Some(end) = search.find(rest) {
                    found += 1;
                    rest = &rest[end..];
                }
            }
            assert_eq!(found, 2, "{pieces}");
        }
    }
}
