//! The control sequences that hallpass sends to the terminal outside, as data: whatever else reaches it there came from somewhere else.

/// What is sent and what for. `#` stands for numbers with `;` and `:` between them, `*` for a text without control characters.
pub const SEQUENCES: &[(&str, &str)] = &[
    ("\x1b[#;#H", "the next cell that is drawn"),
    ("\x1b[#m", "its look"),
    ("\x1b[?25#", "the cursor hidden or shown"),
    ("\x1b[# q", "the cursor's shape"),
    ("\x1b[2J", "the screen cleared"),
    ("\x1b[J", "the screen cleared from its first cell on, at another size"),
    ("\x1b[?2026#", "a picture begins or ends: it is shown at once"),
    ("\x1b[?1049#", "the alternate screen"),
    ("\x1b[?1000#", "the mouse: buttons"),
    ("\x1b[?1002#", "the mouse: dragging"),
    ("\x1b[?1003#", "the mouse: moving"),
    ("\x1b[?1006#", "the mouse: how it is written"),
    ("\x1b[?1015#", "the mouse: how it is written, of old"),
    ("\x1b[?1004#", "focus"),
    ("\x1b[?2004#", "a paste is marked"),
    ("\x1b[>5u", "keys told apart: these flags, no others"),
    ("\x1b[<1u", "and no more"),
    ("\x1b[22;0t", "the window's title put aside"),
    ("\x1b[23;0t", "and taken again"),
    ("\x1b]0;*\x07", "the window's title: ours"),
];

/// One thing that reached the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// A control sequence, whole.
    Sequence(&'a str),
    /// A control character by itself.
    Control(char),
}

/// Everything in these bytes that hallpass does not send: sequences that are on no list, control characters, what is no text.
pub fn strange(bytes: &[u8]) -> Vec<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return vec![format!("no text at byte {}", error.valid_up_to())],
    };
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Text(_) => None,
            // The terminal is given back, or a line is printed before it is taken.
            Piece::Control('\r' | '\n') => None,
            Piece::Control(control) => Some(format!("{control:?}")),
            Piece::Sequence(sequence) => {
                let known = SEQUENCES.iter().any(|(pattern, _)| fits(sequence, pattern));
                (!known).then(|| format!("{sequence:?}"))
            }
        })
        .collect()
}

/// The titles among these bytes.
pub fn titles(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let title = |piece: &Piece<'_>| match piece {
        Piece::Sequence(sequence) => sequence.strip_prefix("\x1b]0;").map(str::to_owned),
        _ => None,
    };
    pieces(&text).iter().filter_map(title).collect()
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\x1b' => sequence_length(rest),
            first if first.is_control() => first.len_utf8(),
            _ => rest.find(char::is_control).unwrap_or(rest.len()),
        };
        let (head, tail) = rest.split_at(length);
        pieces.push(match first {
            '\x1b' => Piece::Sequence(head),
            first if first.is_control() => Piece::Control(first),
            _ => Piece::Text(head),
        });
        rest = tail;
    }
    pieces
}

/// How long the sequence is that stands at the beginning: up to its last byte, or up to whatever cannot be a part of it.
fn sequence_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'[') => {
            let inside = bytes[2..].iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            let last = usize::from(bytes.get(2 + inside).is_some_and(|byte| matches!(byte, 0x40..=0x7e)));
            2 + inside + last
        }
        Some(b']' | b'P' | b'_' | b'^' | b'X') => {
            let end = text[2..].find(['\x07', '\x1b', '\x18', '\x1a']).map(|at| at + 2);
            match end {
                Some(at) if bytes[at] == b'\x07' => at + 1,
                Some(at) => at,
                None => text.len(),
            }
        }
        Some(byte) if byte.is_ascii() => 2,
        _ => 1,
    }
}

fn fits(sequence: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return sequence.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let of_run = |c: char| match first {
        // A mode ends in the letter that turns it on or off.
        '#' => c.is_ascii_digit() || matches!(c, ';' | ':') || (rest.is_empty() && matches!(c, 'h' | 'l')),
        '*' => !c.is_control(),
        _ => false,
    };
    if matches!(first, '#' | '*') {
        // A run is as long as what comes behind it allows.
        let longest = sequence.find(|c| !of_run(c)).unwrap_or(sequence.len());
        return (0..=longest)
            .rev()
            .any(|length| sequence.is_char_boundary(length) && fits(&sequence[length..], rest));
    }
    sequence
        .strip_prefix(first)
        .is_some_and(|sequence| fits(sequence, rest))
}

#[test]
fn what_does_not_belong_is_found() {
    let fine = "\x1b[?1049h\x1b[3;4Hab漢\x1b[38;2;1;2;3;4:3m\x1b]0;PROD pg\x07\x1b[?25l\r\n";
    assert_eq!(strange(fine.as_bytes()), Vec::<String>::new());
    assert_eq!(titles(fine.as_bytes()), ["PROD pg\x07"]);
    for planted in [
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]0;title\x1b\\",
        "\x1b]2;title\x07",
        "\x1bPq#0\x1b\\",
        "\x1b_Ga=T\x1b\\",
        "\x1b[6n",
        "\x1b[21t",
        "\x1b[?1049$p",
        "\x1b[>1u",
        "\x1b[3;4",
        "\x1bc",
        "\x1b",
        "\u{9b}31m",
        "\x07",
        "\x08",
    ] {
        let found = strange(format!("a{planted}漢").as_bytes());
        assert!(!found.is_empty(), "not found: {planted:?}");
    }
    assert_eq!(strange(b"a\x9b1mb").len(), 1);
}
