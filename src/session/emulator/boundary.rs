//! Whether a stream stands between two escape sequences, where it may be parted.

/// Follows a stream. When in doubt it says that a sequence goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Boundary(State);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    /// After ESC, or after an intermediate byte that follows it.
    Escape,
    /// After `ESC [`.
    Control,
    /// In an OSC, which BEL ends too.
    Command,
    /// In a DCS, SOS, PM or APC.
    String,
}

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

impl Boundary {
    /// Takes what comes next. Where characters end is not followed.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            if self.0 == State::Between {
                // Most of it is no escape: pass over that fast.
                match rest.iter().position(|byte| *byte == ESC) {
                    Some(at) => rest = &rest[at..],
                    None => return,
                }
            }
            let Some((byte, tail)) = rest.split_first() else { return };
            self.0 = self.0.after(*byte);
            rest = tail;
        }
    }

    /// No sequence is under way.
    pub(super) fn is_between(self) -> bool {
        self.0 == State::Between
    }
}

impl State {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (_, ESC) => Self::Escape,
            (_, CAN | SUB) | (Self::Command, BEL) | (Self::Control, 0x40..=0x7e) => Self::Between,
            (Self::Escape, b'[') => Self::Control,
            (Self::Escape, b']') => Self::Command,
            (Self::Escape, b'P' | b'X' | b'^' | b'_') => Self::String,
            (Self::Escape, 0x30..=0x7e) => Self::Between,
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_a_sequence_ends() {
        let between = |text: &str| {
            let mut boundary = Boundary::default();
            boundary.feed(text.as_bytes());
            boundary.is_between()
        };
        for whole in [
            "",
            "a",
            "\x1b[31m",
            "\x1b(0",
            "\x1b]0;x\x07",
            "\x1b]0;x\x1b\\",
            "\x1bPq\x1b\\",
            "\x1b7",
            "\x1b[3\x18",
            "\x1b[\x1b[m",
        ] {
            assert!(between(whole), "{whole:?}");
        }
        for torn in [
            "\x1b",
            "\x1b[",
            "\x1b[31;",
            "\x1b(",
            "\x1b]0;x",
            "\x1b]0;x\x1b",
            "\x1bPq\x07",
            "\x1b_字",
            "\x1b[é",
        ] {
            assert!(!between(torn), "{torn:?}");
        }
    }
}
