//! A value as source text: quoted and escaped for shells, SQL, C and its kin, Rust, Python, Go.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Text;
use super::web::push_hex;

pub(super) fn replaced(value: &[u8], special: &[u8], replacement: &[u8]) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * replacement.len()));
    for byte in value {
        if special == [*byte] {
            text.extend_from_slice(replacement);
        } else {
            text.push(*byte);
        }
    }
    text
}

pub(super) fn escaped(value: &[u8], special: &[u8], escape: u8) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for byte in value {
        if special.contains(byte) || (escape == b'`' && *byte == b'`') {
            text.push(escape);
        }
        text.push(*byte);
    }
    text
}

/// `printf %q`: a backslash before whatever the shell would take as its own.
pub(super) fn shell_backslashes(value: &[u8]) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for (index, byte) in value.iter().enumerate() {
        let special = match byte {
            b'#' | b'~' => index == 0,
            b'%' | b'+' | b'-' | b'.' | b'/' | b':' | b'=' | b'@' | b'_' => false,
            _ => !byte.is_ascii_alphanumeric() && byte.is_ascii(),
        };
        if special {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}

/// How bytes that are no printable ASCII are written in C-like text.
#[derive(Clone, Copy)]
pub(super) enum ByteStyle {
    Raw,
    Hex { upper: bool },
    Octal,
}

pub(super) const BYTE_STYLES: &[ByteStyle] = &[
    ByteStyle::Raw,
    ByteStyle::Hex { upper: false },
    ByteStyle::Hex { upper: true },
    ByteStyle::Octal,
];

/// Text as C, Go, Python and `$'…'` write it: backslashes and these quotes escaped, control characters by letter.
pub(super) fn c_escaped(value: &[u8], style: ByteStyle, quotes: &[u8]) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 4));
    for &byte in value {
        let letter = match byte {
            0x07 => b'a',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'\\' => b'\\',
            _ if quotes.contains(&byte) => byte,
            _ => 0,
        };
        if letter != 0 {
            text.extend_from_slice(&[b'\\', letter]);
            continue;
        }
        match style {
            _ if matches!(byte, 0x20..=0x7e) => text.push(byte),
            ByteStyle::Raw if byte >= 0x80 => text.push(byte),
            ByteStyle::Hex { upper } => {
                text.extend_from_slice(b"\\x");
                push_hex(&mut text, byte, upper);
            }
            ByteStyle::Raw | ByteStyle::Octal => {
                text.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
            }
        }
    }
    text
}

/// `cat -v`: `^A`, `M-C`.
pub(super) fn caret(value: &[u8]) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 4));
    for &byte in value {
        if byte >= 0x80 {
            text.extend_from_slice(b"M-");
        }
        match byte & 0x7f {
            _ if matches!(byte, b'\n' | b'\t') => text.push(byte),
            low @ 0..=0x1f => text.extend_from_slice(&[b'^', low + 0x40]),
            0x7f => text.extend_from_slice(b"^?"),
            low => text.push(low),
        }
    }
    text
}

/// How non-ASCII letters are written in source text.
#[derive(Clone, Copy)]
pub(super) enum Rest {
    Raw,
    /// Rust: `\u{e9}`.
    Braces,
    /// Python, Go `%+q`: `\xe9` (or `\u00e9`), `\u20ac`, `\U0001f600`; whether the short one is used.
    Code(bool),
}

pub(super) fn source_escaped(value: &str, rest: Rest, quote: char) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 10));
    for character in value.chars() {
        let code = u32::from(character);
        // Writing to a string cannot fail.
        let _ = match (character, rest) {
            ('\\', _) => write!(text, "\\\\"),
            ('\n', _) => write!(text, "\\n"),
            ('\r', _) => write!(text, "\\r"),
            ('\t', _) => write!(text, "\\t"),
            (_, _) if character == quote => write!(text, "\\{quote}"),
            (' '..='~', _) => write!(text, "{character}"),
            ('\u{80}'.., Rest::Raw) => write!(text, "{character}"),
            (_, Rest::Braces) => write!(text, "\\u{{{code:x}}}"),
            (..='\u{7f}', _) => write!(text, "\\x{code:02x}"),
            (..='\u{ff}', Rest::Code(true)) => write!(text, "\\x{code:02x}"),
            (..='\u{ffff}', _) => write!(text, "\\u{code:04x}"),
            _ => write!(text, "\\U{code:08x}"),
        };
    }
    text
}
