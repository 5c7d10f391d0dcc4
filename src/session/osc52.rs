//! Takes requests to the clipboard, to set it and to read it, out of output that goes straight to a terminal: OSC 52, kitty's OSC 5522, and
//! what iTerm2 calls `Copy` and `CopyToClipboard` in its OSC 1337.
//!
//! Formats: <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, <https://sw.kovidgoyal.net/kitty/clipboard/>,
//! <https://iterm2.com/documentation-escape-codes.html>.

/// Bytes of the beginning of a command that are held back; a longer beginning is nobody's.
const MOST_HELD: usize = 64;
/// The numbers of commands that are requests whatever they say.
const REQUESTS: [u32; 2] = [52, 5522];
/// Those of iTerm2, of which one is old, that are requests if they begin with [`COPY`].
const ITERM: [u32; 2] = [1337, 50];
const COPY: &[u8] = b"copy";

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After the first byte of U+0080 to U+009F as UTF-8, which are control characters, too.
    Control,
    /// The same behind an escape.
    EscapeControl,
    /// In the number of an operating system command, which is so far.
    Number(u32),
    /// In the first word of one of iTerm2, so many of whose letters are those of [`COPY`].
    Word(usize),
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
    /// Within a device control string, by which tmux and screen are told to pass something on to the terminal they run in: what ends a
    /// request there may end the string, too.
    device: bool,
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
        *self = Self::default();
    }

    fn take(&mut self, byte: u8, kept: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Request, 0x1b) => self.state = State::RequestEscape,
            (State::Request, 0xc2) => self.state = State::RequestControl,
            (State::RequestEscape, b'\\') if self.device => {
                kept.extend(b"\x1b\\");
                self.device = false;
                self.state = State::Text;
            }
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
            (State::Text, _) => kept.push(byte),
            // As tmux wants it within a string. Elsewhere only the last one counts.
            (State::Escape, 0x1b) => self.hold(byte, State::Escape),
            (State::Escape, b']') | (State::Control | State::EscapeControl, 0x9d) => self.hold(byte, State::Number(0)),
            // Terminals obey or ignore these, and are behind the escape or in the command as before.
            (
                State::Escape | State::Number(_) | State::Word(_),
                0x00..=0x06 | 0x08..=0x17 | 0x19 | 0x1c..=0x1f | 0x7f,
            ) => self.hold(byte, self.state),
            (State::Escape, 0xc2) => self.hold(byte, State::EscapeControl),
            // Behind an escape the bell rings, and some pass over what is no ASCII.
            (State::Escape, 0x07 | 0x80..) | (State::EscapeControl, 0x80..) => self.hold(byte, State::Escape),
            (State::EscapeControl, _) => {
                self.state = State::Escape;
                self.take(byte, kept);
            }
            (State::Number(number), b'0'..=b'9') => {
                let number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                self.hold(byte, State::Number(number));
            }
            (State::Number(number), b';') if REQUESTS.contains(&number) => self.begin_request(),
            (State::Number(number), b';') if ITERM.contains(&number) => self.hold(byte, State::Word(0)),
            (State::Word(letters), _) if COPY.get(letters) == Some(&byte.to_ascii_lowercase()) => {
                if letters + 1 == COPY.len() {
                    self.begin_request();
                } else {
                    self.hold(byte, State::Word(letters + 1));
                }
            }
            _ => {
                match byte {
                    b'P' if self.state == State::Escape => self.device = true,
                    b'\\' if self.state == State::Escape => self.device = false,
                    _ => {}
                }
                kept.append(&mut self.held);
                self.state = State::Text;
                self.take(byte, kept);
            }
        }
    }

    fn begin_request(&mut self) {
        self.held.clear();
        self.state = State::Request;
    }

    /// Keeps a byte back. One too many: behind an escape it means nothing and goes, a command of so long a beginning goes as a whole.
    fn hold(&mut self, byte: u8, state: State) {
        if self.held.len() < MOST_HELD {
            self.held.push(byte);
            self.state = state;
        } else if matches!(state, State::Escape | State::EscapeControl) {
            self.state = state;
        } else {
            self.begin_request();
        }
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
            // Passed on by tmux, and by screen: the string around it has its end.
            (b"\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\B", b"\x1bPtmux;\x1b\\B"),
            (
                b"\x1bPtmux;\x1b\x1b]52;c;aGk=\x1b\x1b\\\x1b\\B",
                b"\x1bPtmux;\x1b\x1b\\\x1b\\B",
            ),
            (b"\x1bP\x1b]52;c;aGk=\x1b\\B", b"\x1bP\x1b\\B"),
            (
                b"\x1b]2;title\x07\x1b]520;c;x\x07\x1b]5;2;x\x07",
                b"\x1b]2;title\x07\x1b]520;c;x\x07\x1b]5;2;x\x07",
            ),
            (
                "\u{201d}é\u{1b}[0m ü]52;c;".as_bytes(),
                "\u{201d}é\u{1b}[0m ü]52;c;".as_bytes(),
            ),
            (b"end\x1b]5", b"end\x1b]5"),
            // Controls on the way change nothing for a terminal.
            (b"a\x1b\0]52;c;aGk=\x07b", b"ab"),
            (b"a\x1b\x07]52;c;aGk=\x07b", b"ab"),
            (b"a\x1b]5\x002\r;c;aGk=\x07b", b"ab"),
            (b"a\x1b\x7f\xc3\xa9]\n52;c;aGk=\x07b", b"ab"),
            (b"a\x1b\xc2\x9d52;c;aGk=\x07b", b"ab"),
            (b"a\x1b\xc2\xa9]52;c;aGk=\x07b", b"ab"),
            (b"a\x1b\xc2]52;c;aGk=\x07b", b"ab"),
            // The other ways to a clipboard.
            (b"a\x1b]5522;type=write\x1b\\b", b"ab"),
            (b"a\x1b]1337;Copy=:aGk=\x07b", b"ab"),
            (b"a\x1b]1337;C\0opyToClipboard=rule\x07b", b"ab"),
            (b"a\x1b]50;CopyToClipboard=\x07b", b"ab"),
            (
                b"\x1b]1337;CurrentDir=/\x07\x1b]50;Courier\x07\x1b]1337;EndCopy\x07",
                b"\x1b]1337;CurrentDir=/\x07\x1b]50;Courier\x07\x1b]1337;EndCopy\x07",
            ),
            (b"\x1b\r\n\x1b[m\x1b\x07x", b"\x1b\r\n\x1b[m\x1b\x07x"),
            (b"a\x1b]52;c;never ended", b"a"),
        ];
        for (output, expected) in cases {
            for pieces in [1, 2, 3, 1000] {
                let got = filtered(output, pieces);
                assert_eq!(&got, expected, "{} in {pieces}", output.escape_ascii());
            }
        }
    }

    /// However long a beginning is made, nothing of it goes by.
    #[test]
    fn a_long_beginning_hides_no_request() {
        for filler in [b'0', 0, 0x7f] {
            for place in [1, 2, 3] {
                let mut output = b"\x1b]52;c;aGk=\x07b".to_vec();
                output.splice(place..place, std::iter::repeat_n(filler, 1000));
                let shown = filtered(&output, 7);
                assert!(
                    !shown.windows(4).any(|four| four == b"aGk=") || place == 1 && filler == b'0',
                    "{filler} {place}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_changed(output in proptest::collection::vec(
            prop_oneof![Just(b'\x1b'), Just(b']'), Just(b'0'), Just(b'5'), Just(b';'), Just(0xc2), Just(0x9d), any::<u8>()], 0..200
        ), pieces in 1usize..9) {
            // Without a 2 and a p there is no request.
            let output: Vec<u8> = output.into_iter().filter(|byte| !b"2pP".contains(byte)).collect();
            prop_assert_eq!(filtered(&output, pieces), output);
        }
    }
}
