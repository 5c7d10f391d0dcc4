//! Takes requests to the clipboard (OSC 52), to set it and to read it, out of output that goes straight to a terminal.

/// Digits and zeros before them that may stand for a number; more are nobody's.
const MOST_HELD: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After the first byte of U+0080 to U+009F as UTF-8, which are control characters, too.
    Control,
    /// In the number of an operating system command.
    Number,
    /// In a request to the clipboard.
    Request,
    RequestEscape,
    RequestControl,
}

/// Works on a stream that comes in any pieces. What may be the beginning of a request is held back.
#[derive(Default)]
pub(super) struct ClipboardFilter {
    state: State,
    held: Vec<u8>,
}

impl ClipboardFilter {
    /// Takes all requests out of these bytes.
    pub(super) fn take_out(&mut self, bytes: &mut Vec<u8>) {
        if self.state == State::Text && !bytes.iter().any(|byte| matches!(byte, 0x1b | 0xc2)) {
            return;
        }
        let mut kept = Vec::with_capacity(bytes.len() + self.held.len());
        for byte in bytes.iter() {
            self.take(*byte, &mut kept);
        }
        *bytes = kept;
    }

    /// The output has ended: what was held back is no request any more.
    pub(super) fn finish(&mut self, bytes: &mut Vec<u8>) {
        bytes.append(&mut self.held);
        self.state = State::Text;
    }

    fn take(&mut self, byte: u8, kept: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Request, 0x1b) => self.state = State::RequestEscape,
            (State::Request, 0xc2) => self.state = State::RequestControl,
            (State::Request, 0x07 | 0x18 | 0x1a) | (State::RequestEscape, b'\\') | (State::RequestControl, 0x9c) => {
                self.state = State::Text;
            }
            (State::Request, _) => {}
            (State::RequestControl, _) => {
                self.state = State::Request;
                self.take(byte, kept);
            }
            (State::RequestEscape, _) => {
                // Every escape ends a string, and may begin another one.
                self.hold(0x1b, State::Escape);
                self.take(byte, kept);
            }
            (State::Text, 0x1b) => self.hold(byte, State::Escape),
            (State::Text, 0xc2) => self.hold(byte, State::Control),
            (State::Escape, b']') | (State::Control, 0x9d) => self.hold(byte, State::Number),
            (State::Number, b'0'..=b'9') if self.held.len() < MOST_HELD => self.held.push(byte),
            (State::Number, b'0'..=b'9') => {}
            (State::Number, b';') if self.is_clipboard() => {
                self.held.clear();
                self.state = State::Request;
            }
            (State::Text, _) => kept.push(byte),
            _ => {
                kept.append(&mut self.held);
                self.state = State::Text;
                self.take(byte, kept);
            }
        }
    }

    fn hold(&mut self, byte: u8, state: State) {
        self.held.push(byte);
        self.state = state;
    }

    fn is_clipboard(&self) -> bool {
        let digits: Vec<u8> = self.held.iter().copied().filter(u8::is_ascii_digit).collect();
        digits.iter().skip_while(|digit| **digit == b'0').eq(b"52")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filtered(output: &[u8], pieces: usize) -> Vec<u8> {
        let mut filter = ClipboardFilter::default();
        let mut all = Vec::new();
        for piece in output.chunks(pieces.max(1)) {
            let mut bytes = piece.to_vec();
            filter.take_out(&mut bytes);
            all.extend(bytes);
        }
        filter.finish(&mut all);
        all
    }

    #[test]
    fn requests_are_taken_out_however_they_are_written() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"a\x1b]52;c;aGk=\x07b", b"ab"),
            (b"a\x1b]52;c;?\x1b\\b", b"ab"),
            (b"a\xc2\x9d52;c;aGk=\xc2\x9cb", b"ab"),
            (b"a\x1b]0052;;aGk=\x18b", b"ab"),
            (b"a\x1b]52;c;aGk=\x1b[31mb", b"a\x1b[31mb"),
            (b"a\x1b]52;c;x\x1b]52;c;y\x07b", b"ab"),
            (b"\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\", b"\x1bPtmux;\x1b\x1b\\"),
            (
                b"\x1b]2;title\x07\x1b]520;c;x\x07\x1b]5;2;x\x07",
                b"\x1b]2;title\x07\x1b]520;c;x\x07\x1b]5;2;x\x07",
            ),
            (
                "\u{201d}é\u{1b}[0m ü]52;c;".as_bytes(),
                "\u{201d}é\u{1b}[0m ü]52;c;".as_bytes(),
            ),
            (b"end\x1b]5", b"end\x1b]5"),
            (b"a\x1b]52;c;never ended", b"a"),
        ];
        for (output, expected) in cases {
            for pieces in [1, 2, 3, 1000] {
                let got = filtered(output, pieces);
                assert_eq!(&got, expected, "{} in {pieces}", output.escape_ascii());
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_changed(output in proptest::collection::vec(
            prop_oneof![Just(b'\x1b'), Just(b']'), Just(b'0'), Just(b'5'), Just(b';'), Just(0xc2), Just(0x9d), any::<u8>()], 0..200
        ), pieces in 1usize..9) {
            // Without a 2 there is no request.
            let output: Vec<u8> = output.into_iter().filter(|byte| *byte != b'2').collect();
            prop_assert_eq!(filtered(&output, pieces), output);
        }
    }
}
