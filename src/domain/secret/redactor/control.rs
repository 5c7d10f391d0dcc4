//! Control characters and sequences: where one begins and ends, and what it does to the text around it.
//!
//! The boundaries are those of the emulator's own parser, so that both always agree on what is printed and what is not: control
//! characters inside a sequence belong to it, an escape character begins a new one, CAN and SUB abort, bytes from 0x80 on never begin
//! or end a sequence. Those from 0x80 to 0x9f, in UTF-8 or by themselves, are control characters that do nothing.

pub(super) const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;
const STRING_TERMINATOR: u8 = 0x9c;

/// The byte prints something.
pub(super) const TEXT: u8 = 1;
/// The byte is part of a word: an ASCII letter, a digit or `_`. Others count as no word, so that a short value beside one is masked.
pub(super) const WORD: u8 = 2;

/// What each byte is in plain text. Blanks, control characters and DEL are neither.
pub(super) const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0x21;
    while byte < 256 {
        if byte != 0x7f {
            class[byte] = TEXT;
        }
        if (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_' {
            class[byte] |= WORD;
        }
        byte += 1;
    }
    class
};

/// The byte that C1 control characters begin with in UTF-8; others do, too.
pub(super) const C1_LEAD: u8 = 0xc2;

/// Whether [`CLASS`] does not tell what the byte is: that depends on its neighbours, see [`class_at`].
#[inline(always)]
pub(super) fn is_doubtful(byte: u8) -> bool {
    matches!(byte, 0x80..=0x9f | C1_LEAD)
}

/// As [`CLASS`] for the byte at this place, by its neighbours: up to three before it and one behind it.
pub(super) fn class_at(text: &[u8], at: usize) -> u8 {
    let byte = text[at];
    let is_text = match byte {
        C1_LEAD => !text.get(at + 1).is_some_and(|next| matches!(next, 0x80..=0x9f)),
        0x80..=0x9f => continues_character(&text[at.saturating_sub(3)..at], byte),
        _ => return CLASS[usize::from(byte)],
    };
    if is_text { TEXT } else { 0 }
}

/// Whether the byte is part of a UTF-8 character that begins among these bytes before it, and no C1 control character.
fn continues_character(before: &[u8], byte: u8) -> bool {
    if before.last() == Some(&C1_LEAD) {
        return false;
    }
    (0..before.len()).any(|from| {
        let mut character = [0; 4];
        let length = before.len() - from;
        character[..length].copy_from_slice(&before[from..]);
        character[length] = byte;
        match std::str::from_utf8(&character[..=length]) {
            Ok(_) => true,
            // So far it is one.
            Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
        }
    })
}

/// The sequences that carry a text of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringKind {
    /// Titles, links, the clipboard.
    Command,
    /// Images, terminal queries; before that, what says which.
    DeviceHead(Head),
    Device,
    /// APC, PM, SOS; a device control string whose head is none.
    Other,
}

/// How far the head of a device control string has come: parameters, intermediate characters, then the character that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Start,
    Parameters,
    Intermediates,
}

impl StringKind {
    /// Whether the byte ends such a string and belongs to it. An escape character ends it too, and begins the next sequence.
    pub(super) fn ends_with(self, byte: u8) -> bool {
        match byte {
            CANCEL | SUBSTITUTE => true,
            BELL => self == Self::Command,
            STRING_TERMINATOR => self == Self::Device,
            _ => false,
        }
    }

    /// What the string is behind a byte that does not end it.
    pub(super) fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::DeviceHead(_), 0x40..=0x7e) => Self::Device,
            (Self::DeviceHead(Head::Start), 0x30..=0x3f) => Self::DeviceHead(Head::Parameters),
            (Self::DeviceHead(Head::Start | Head::Parameters), 0x20..=0x2f) => Self::DeviceHead(Head::Intermediates),
            (Self::DeviceHead(Head::Parameters), 0x3c..=0x3f)
            | (Self::DeviceHead(Head::Intermediates), 0x30..=0x3f) => Self::Other,
            _ => self,
        }
    }
}

/// What the bytes that come next belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parser {
    Ground,
    Escape,
    EscapeIntermediate,
    Csi,
    String(StringKind),
}

/// What one byte of a control sequence does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Inside,
    /// The sequence is complete (or aborted) with this byte.
    Last,
    /// The byte is an escape character: whatever was before it ended before it.
    Begin,
}

impl Parser {
    /// Takes a byte that is not plain text: the first one is an escape character.
    pub(super) fn step(&mut self, byte: u8) -> Step {
        if byte == ESCAPE {
            *self = Self::Escape;
            return Step::Begin;
        }
        let done = match *self {
            Self::String(kind) => {
                *self = Self::String(kind.after(byte));
                kind.ends_with(byte)
            }
            _ if matches!(byte, CANCEL | SUBSTITUTE) => true,
            Self::Ground => true,
            Self::Escape => match byte {
                0x20..=0x2f => {
                    *self = Self::EscapeIntermediate;
                    false
                }
                b'[' => {
                    *self = Self::Csi;
                    false
                }
                b']' => {
                    *self = Self::String(StringKind::Command);
                    false
                }
                b'P' => {
                    *self = Self::String(StringKind::DeviceHead(Head::Start));
                    false
                }
                b'X' | b'^' | b'_' => {
                    *self = Self::String(StringKind::Other);
                    false
                }
                _ => matches!(byte, 0x30..=0x7e),
            },
            Self::EscapeIntermediate => matches!(byte, 0x30..=0x7e),
            Self::Csi => matches!(byte, 0x40..=0x7e),
        };
        if done {
            *self = Self::Ground;
            Step::Last
        } else {
            Step::Inside
        }
    }
}

/// What a complete control sequence means for the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Colours, modes, titles, erasing: the text goes on where it was.
    None,
    /// The cursor is moved or cells are shifted: the screen is addressed.
    Moves,
    /// The terminal will answer and the child may wait for it.
    Asks,
    /// The alternate screen is entered or left.
    Screen { alternate: bool },
}

/// The effect of a complete sequence, from its escape character to its last byte.
pub(super) fn effect(sequence: &[u8]) -> Effect {
    match sequence {
        [_, b'[', parameters @ .., last] => csi_effect(parameters, *last),
        [_, b'D' | b'E' | b'M' | b'7' | b'8'] => Effect::Moves,
        [_, b'Z'] => Effect::Asks,
        [_, b'c'] => Effect::Screen { alternate: false },
        // OSC 4;1;? and 10;? to 19;?, 52;c;?; DECRQSS and XTGETTCAP; kitty's image protocol.
        [_, b']', payload @ ..] if payload.contains(&b'?') => Effect::Asks,
        [_, b'P', b'$' | b'+', b'q', ..] | [_, b'_', b'G', ..] => Effect::Asks,
        _ => Effect::None,
    }
}

fn csi_effect(parameters: &[u8], last: u8) -> Effect {
    match last {
        b'n' | b'c' | b'x' | b't' => Effect::Asks,
        b'p' if parameters.contains(&b'$') => Effect::Asks,
        b'q' if parameters.starts_with(b">") => Effect::Asks,
        b'u' if parameters.starts_with(b"?") => Effect::Asks,
        b'h' | b'l' if parameters.starts_with(b"?") => {
            let screen = parameters[1..]
                .split(|byte| *byte == b';')
                .any(|mode| matches!(mode, b"47" | b"1047" | b"1049"));
            if screen {
                Effect::Screen {
                    alternate: last == b'h',
                }
            } else {
                Effect::None
            }
        }
        b'm' | b'h' | b'l' | b'K' | b'J' | b'q' | b'p' | b'g' | b'i' => Effect::None,
        b'@'..=b'~' => Effect::Moves,
        // It was aborted.
        _ => Effect::None,
    }
}

/// One part of a piece of output that begins in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A byte that prints.
    Text(u8),
    /// A blank or a control character.
    Control(u8),
    /// A control sequence, whole or cut off at the end.
    Sequence,
}

/// Takes output apart; each part with its place.
pub(super) fn parts(output: &[u8]) -> impl Iterator<Item = (std::ops::Range<usize>, Part)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at;
        let first = *output.get(from)?;
        at += 1;
        if first != ESCAPE {
            let part = if class_at(output, from) & TEXT == 0 {
                Part::Control(first)
            } else {
                Part::Text(first)
            };
            return Some((from..at, part));
        }
        let mut parser = Parser::Escape;
        while let Some(&byte) = output.get(at) {
            match parser.step(byte) {
                Step::Begin => break,
                Step::Inside => at += 1,
                Step::Last => {
                    at += 1;
                    break;
                }
            }
        }
        Some((from..at, Part::Sequence))
    })
}

/// What of the output is printed and not blank: the text that is compared.
pub(super) fn canonical(output: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(output.len()));
    for (_, part) in parts(output) {
        if let Part::Text(byte) = part {
            text.push(byte);
        }
    }
    text
}

/// Whether the cursor is moved by anything but plain line ends.
pub(super) fn addresses_screen(output: &[u8]) -> bool {
    let mut returned = false;
    for (place, part) in parts(output) {
        match part {
            Part::Control(b'\n') => returned = false,
            Part::Control(b'\r') => returned = true,
            Part::Control(0x08 | 0x0b | 0x0c) => return true,
            Part::Sequence if effect(&output[place]) == Effect::Moves => return true,
            Part::Text(_) if returned => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_end_where_the_emulator_ends_them() {
        let shape = |output: &[u8]| -> Vec<String> {
            parts(output)
                .map(|(place, part)| match part {
                    Part::Text(byte) => format!("text {}", byte as char),
                    Part::Control(byte) => format!("control {byte}"),
                    Part::Sequence => format!("sequence {}", place.len()),
                })
                .collect()
        };
        assert_eq!(shape(b"\x1b[31mx"), ["sequence 5", "text x"]);
        assert_eq!(shape(b"\x1b]0;title\x07x"), ["sequence 10", "text x"]);
        assert_eq!(shape(b"\x1bPq\x07x\x1b\\x"), ["sequence 5", "sequence 2", "text x"]);
        // The byte ends a device control string, but not its head, nor one whose head is none.
        assert_eq!(shape(b"\x1bP1$r\x9cx"), ["sequence 6", "text x"]);
        for head in [&b"\x1bP"[..], b"\x1bP1;", b"\x1bP1$", b"\x1bP1<q", b"\x1bP$1q"] {
            let output = [head, b"\x9cx\x1b\\x"].concat();
            assert_eq!(
                shape(&output),
                [
                    format!("sequence {}", head.len() + 2),
                    "sequence 2".into(),
                    "text x".into()
                ]
            );
        }
        assert_eq!(shape(b"\x1b(Bx\ny"), ["sequence 3", "text x", "control 10", "text y"]);
        assert_eq!(shape(b"\x1b[3\x1b[1mx"), ["sequence 3", "sequence 4", "text x"]);
        assert_eq!(shape(b"\x1b[3\x18x"), ["sequence 4", "text x"]);
        assert_eq!(shape(b"\x1b[3\nmx"), ["sequence 5", "text x"]);
    }

    #[test]
    fn effects() {
        assert_eq!(effect(b"\x1b[1;31m"), Effect::None);
        assert_eq!(effect(b"\x1b[K"), Effect::None);
        assert_eq!(effect(b"\x1b[10;20H"), Effect::Moves);
        assert_eq!(effect(b"\x1b[6n"), Effect::Asks);
        assert_eq!(effect(b"\x1b[?2026$p"), Effect::Asks);
        assert_eq!(effect(b"\x1b]11;?\x07"), Effect::Asks);
        assert_eq!(effect(b"\x1b]0;title\x07"), Effect::None);
        assert_eq!(effect(b"\x1b[?25;1049h"), Effect::Screen { alternate: true });
        assert_eq!(effect(b"\x1b[?2004h"), Effect::None);
        assert_eq!(effect(b"\x1bc"), Effect::Screen { alternate: false });
    }

    /// What the emulator's parser prints.
    #[derive(Default)]
    struct Printed(String);

    impl alacritty_terminal::vte::Perform for Printed {
        fn print(&mut self, character: char) {
            if character != ' ' {
                self.0.push(character);
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

        #[test]
        fn the_emulator_prints_the_same(pieces in proptest::collection::vec("[ -~]{1,3}|[\x00-\x1f\x7f]|\x1b[\\[\\]PX^_(#]|\x1b\\\\|\x1bP[0-9;:<=?]{0,3}[ -/]{0,2}[0-?q-s]?\u{9c}?|\x1b\\[[0-9;?$]{0,5}[@-~]|\x1b\\][a-z;0-9]{0,5}\x07|[éß漢字\u{301}\u{80}-\u{9f}\u{e080}-\u{e09f}]", 0..30)) {
            // A private character stands for a byte that is no UTF-8.
            let mut output = Vec::new();
            for character in pieces.concat().chars() {
                match u32::from(character) {
                    code @ 0xe080..=0xe09f => output.push((code & 0xff) as u8),
                    _ => output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            let mut printed = Printed::default();
            alacritty_terminal::vte::Parser::new().advance(&mut printed, &output);
            let text = canonical(&output);
            // It prints DEL in plain text, which no terminal does.
            printed.0.retain(|character| character != '\x7f');
            proptest::prop_assert_eq!(String::from_utf8_lossy(&text), printed.0);
        }
    }
}
