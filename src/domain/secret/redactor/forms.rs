//! The forms in which a value may be printed. The list is part of the module's documentation.

use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::control::canonical;

/// Shorter values would mask half of everything.
const MASKED_FROM: usize = 4;
/// Shorter values are masked as whole tokens only; shorter lines of a longer value are not masked by themselves.
const MASKED_ANYWHERE_FROM: usize = 8;
/// Longer texts get the usual forms only, so that a key file does not cost a hundred megabytes.
const EVERY_FORM_UP_TO: usize = 512;
/// Longer texts are looked for in overlapping parts: a value need not fit into what is held back.
const PART: usize = 1024;
const OVERLAP: usize = 8;

/// One text to look for.
pub(super) struct Form {
    /// Canonical: without blanks, control characters and control sequences.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// Only between non-word neighbours.
    pub(super) whole_token: bool,
}

type Text = Zeroizing<Vec<u8>>;

/// Whether a value is long enough to be masked.
pub(super) fn can_mask(value: &[u8]) -> bool {
    characters(&canonical(value)) >= MASKED_FROM
}

/// All forms of one value; none if the value is too short to be masked.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let length = characters(&canonical(value));
    if length < MASKED_FROM {
        return Vec::new();
    }
    let short = length < MASKED_ANYWHERE_FROM;
    let mut forms: Vec<Form> = Vec::new();
    let mut add = |text: &[u8], whole_token: bool| {
        let text = canonical(text);
        if characters(&text) >= MASKED_FROM {
            forms.push(Form { text, whole_token });
        }
    };
    for source in sources(value) {
        written(&source, &mut |text| add(text, short));
        encoded(&source, &mut |text| add(text, false));
    }
    // Where the same text counts anywhere, asking for neighbours is idle: that one is sorted first and stays.
    forms.sort_unstable_by(|a, b| (&*a.text, a.whole_token).cmp(&(&*b.text, b.whole_token)));
    forms.dedup_by(|a, b| a.text == b.text);
    forms
}

/// Characters, or bytes where it is no text.
fn characters(text: &[u8]) -> usize {
    std::str::from_utf8(text).map_or(text.len(), |text| text.chars().count())
}

/// The value and what of it stands for it: without surrounding blanks, each long line, each part of what is very long, and all of
/// these in the other Unicode normal forms.
fn sources(value: &[u8]) -> Vec<Text> {
    let mut plain: Vec<Text> = Vec::new();
    let lines = value.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| characters(&canonical(line)) >= MASKED_ANYWHERE_FROM);
    for text in [value, value.trim_ascii()].into_iter().chain(lines) {
        if text.len() <= 2 * PART {
            plain.push(Zeroizing::new(text.to_vec()));
            continue;
        }
        for start in (0..text.len() - OVERLAP).step_by(PART - OVERLAP) {
            plain.push(Zeroizing::new(text[start..text.len().min(start + PART)].to_vec()));
        }
    }
    let mut all = Vec::new();
    for source in plain {
        if let Ok(text) = std::str::from_utf8(&source) {
            all.push(collected(text.nfc()));
            all.push(collected(text.nfd()));
            all.push(collected(text.nfkc()));
        }
        all.push(source);
    }
    all.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
    all.dedup();
    all
}

fn collected(characters: impl Iterator<Item = char> + Clone) -> Text {
    let size = characters.clone().map(char::len_utf8).sum();
    // As large as it gets: a text that grows leaves unwiped copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    for character in characters {
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text
}

/// The forms in which the value's own letters stay readable.
fn written(source: &[u8], add: &mut dyn FnMut(&[u8])) {
    add(source);
    for style in PERCENT_STYLES {
        add(&percent(source, *style, false));
        add(&percent(source, *style, true));
    }
    // Quotes doubled: SQL, PowerShell, CSV. Backslashes and single quotes of a shell.
    for (special, replacement) in [
        (&b"'"[..], &b"''"[..]),
        (b"\"", b"\"\""),
        (b"'", b"'\\''"),
        (b"'", b"'\"'\"'"),
        (b"'", b"\\'"),
        (b"\"", b"\\\""),
        (b"\\", b"\\\\"),
        (b"%", b"%%"),
    ] {
        add(&replaced(source, special, replacement));
    }
    let backslashes = replaced(source, b"\\", b"\\\\");
    add(&replaced(&backslashes, b"'", b"''"));
    add(&replaced(&backslashes, b"\"", b"\"\""));
    add(&escaped(source, b"\\`$\"", b'\\'));
    add(&escaped(source, b"\\`$\"!", b'\\'));
    add(&escaped(source, b"\\'", b'\\'));
    add(&escaped(source, b"`$\"", b'`'));
    add(&shell_backslashes(source));
    for style in BYTE_STYLES {
        // The last but one is of Perl, the last of `ls -b`.
        for quotes in [&b""[..], b"'", b"\"", b"'\"", b"?\"", b"'\"?", b"\"$@", b" "] {
            add(&c_escaped(source, *style, quotes));
        }
    }
    add(&caret(source));
    let Ok(text) = std::str::from_utf8(source) else { return };
    for style in JSON_STYLES {
        let once = json(text, *style);
        add(once.as_bytes());
        add(json(&once, *style).as_bytes());
    }
    for rest in [Rest::Raw, Rest::Braces, Rest::Code(false), Rest::Code(true)] {
        for quote in ['\'', '"'] {
            add(source_escaped(text, rest, quote).as_bytes());
        }
    }
    for style in XML_STYLES {
        add(xml(text, *style).as_bytes());
    }
    add(&collected(text.chars().map(full_width)));
}

/// The forms in which the value's own letters are gone.
fn encoded(source: &[u8], add: &mut dyn FnMut(&[u8])) {
    for shift in 0..3 {
        add(&base64_inner(&STANDARD_NO_PAD, source, shift));
        add(&base64_inner(&URL_SAFE_NO_PAD, source, shift));
    }
    let each = |format: &dyn Fn(u8) -> String, separator: &str| -> Text {
        let mut text = Zeroizing::new(String::with_capacity(source.len() * 6));
        for (index, byte) in source.iter().enumerate() {
            if index > 0 {
                text.push_str(separator);
            }
            text.push_str(&Zeroizing::new(format(*byte)));
        }
        Zeroizing::new(text.as_bytes().to_vec())
    };
    let lower = |byte: u8| format!("{byte:02x}");
    let upper = |byte: u8| format!("{byte:02X}");
    add(&each(&lower, ""));
    add(&each(&upper, ""));
    if source.len() > EVERY_FORM_UP_TO {
        return;
    }
    for separator in [":", "-", ",", "%", "\\x", ",0x"] {
        add(&each(&lower, separator));
        add(&each(&upper, separator));
    }
    add(&each(&|byte| format!("{byte:03o}"), "\\"));
    add(&each(&|byte| format!("{byte:03o}"), ""));
    add(&each(&|byte| byte.to_string(), ","));
    if source.len() >= MASKED_ANYWHERE_FROM {
        add(&each(&|byte| byte.to_string(), ""));
    }
}

/// What of the base64 of a longer text depends on the value alone, when the value begins at this place of a group of three bytes.
fn base64_inner(engine: &impl base64::Engine, value: &[u8], shift: usize) -> Text {
    let mut padded = Zeroizing::new(vec![0; shift]);
    padded.extend_from_slice(value);
    let mut text = Zeroizing::new(String::with_capacity(padded.len() * 4 / 3 + 4));
    engine.encode_string(padded.as_slice(), &mut text);
    // A character holds 6 bits: the first ones hold bits from before the value, the last one from after it.
    let from = (shift * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    Zeroizing::new(text.as_bytes().get(from..to).unwrap_or_default().to_vec())
}

/// Which bytes besides letters and digits stand for themselves in percent-encoded text; and whether a blank is a plus.
const PERCENT_STYLES: &[(&[u8], bool)] = &[
    (b"-._~", false),
    (b"-._~", true),
    (b"-._~/", false),
    (b"-._~!'()*", false),
    (b"-._~!'()*;,/?:@&=+$#", false),
    (b"-._~!'()*;,/?:@&=+$#%[]", false),
    (b"-._~!$&'()*+,;=", false),
    (b"-._~!$&'()*+,;=:@", false),
    (b"*-._", true),
    (b"", false),
];

fn percent(value: &[u8], (kept, plus): (&[u8], bool), upper: bool) -> Text {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            text.push(byte);
        } else if plus && byte == b' ' {
            text.push(b'+');
        } else {
            text.push(b'%');
            push_hex(&mut text, byte, upper);
        }
    }
    text
}

fn push_hex(text: &mut Vec<u8>, byte: u8, upper: bool) {
    for digit in [byte >> 4, byte & 15] {
        text.push(match digit {
            0..=9 => b'0' + digit,
            _ if upper => b'A' + digit - 10,
            _ => b'a' + digit - 10,
        });
    }
}

fn replaced(value: &[u8], special: &[u8], replacement: &[u8]) -> Text {
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

fn escaped(value: &[u8], special: &[u8], escape: u8) -> Text {
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
fn shell_backslashes(value: &[u8]) -> Text {
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
enum ByteStyle {
    Raw,
    Hex { upper: bool },
    Octal,
}

const BYTE_STYLES: &[ByteStyle] = &[
    ByteStyle::Raw,
    ByteStyle::Hex { upper: false },
    ByteStyle::Hex { upper: true },
    ByteStyle::Octal,
];

/// Text as C, Go, Python and `$'…'` write it: backslashes and these quotes escaped, control characters by letter.
fn c_escaped(value: &[u8], style: ByteStyle, quotes: &[u8]) -> Text {
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
fn caret(value: &[u8]) -> Text {
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

/// How JSON is written: what happens to non-ASCII letters and `/`, and which ASCII characters are written as `\u00XX` beside control
/// characters; the case of the digits.
#[derive(Clone, Copy)]
struct JsonStyle {
    ascii: bool,
    slash: bool,
    html: &'static str,
    upper: bool,
}

const JSON_STYLES: &[JsonStyle] = &{
    const fn style(ascii: bool, slash: bool, html: &'static str, upper: bool) -> JsonStyle {
        JsonStyle {
            ascii,
            slash,
            html,
            upper,
        }
    }
    [
        style(false, false, "", false),
        style(false, true, "", false),
        style(true, false, "", false),
        style(true, false, "", true),
        style(true, true, "", false),
        style(false, false, "<>&", false),
        style(false, false, "<>&", true),
        style(true, false, "<>&'+\"", false),
        style(true, false, "<>&'+\"`", true),
    ]
};

fn json(value: &str, style: JsonStyle) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 6));
    for character in value.chars() {
        let short = match character {
            _ if style.html.contains(character) => None,
            '"' => Some('"'),
            '\\' => Some('\\'),
            '/' if style.slash => Some('/'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        if let Some(short) = short {
            text.push('\\');
            text.push(short);
        } else if character < ' ' || style.html.contains(character) || (style.ascii && !character.is_ascii()) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = if style.upper {
                    write!(text, "\\u{unit:04X}")
                } else {
                    write!(text, "\\u{unit:04x}")
                };
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// How non-ASCII letters are written in source text.
#[derive(Clone, Copy)]
enum Rest {
    Raw,
    /// Rust: `\u{e9}`.
    Braces,
    /// Python, Go `%+q`: `\xe9` (or `\u00e9`), `\u20ac`, `\U0001f600`; whether the short one is used.
    Code(bool),
}

fn source_escaped(value: &str, rest: Rest, quote: char) -> Zeroizing<String> {
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

/// How `<`, `>`, `"`, `'` and non-ASCII letters are written in XML and HTML; `&` is always `&amp;`.
#[derive(Clone, Copy)]
struct XmlStyle {
    /// In a comment or an attribute `>` may stay.
    more: &'static str,
    double: &'static str,
    single: &'static str,
    /// 0: as they are; 10: `&#233;`; 16: `&#xE9;`; 17: `&#xe9;`.
    radix: u8,
}

const XML_STYLES: &[XmlStyle] = &{
    const fn style(more: &'static str, double: &'static str, single: &'static str, radix: u8) -> XmlStyle {
        XmlStyle {
            more,
            double,
            single,
            radix,
        }
    }
    [
        style("&gt;", "\"", "'", 0),
        style(">", "\"", "'", 0),
        style("&gt;", "&quot;", "'", 0),
        style(">", "&quot;", "'", 0),
        style("&gt;", "\"", "&apos;", 0),
        style("&gt;", "&quot;", "&apos;", 0),
        style("&gt;", "&quot;", "&#39;", 0),
        style("&gt;", "&quot;", "&#039;", 0),
        style("&gt;", "&quot;", "&#x27;", 0),
        style("&gt;", "&#34;", "&#39;", 0),
        style("&gt;", "\"", "'", 10),
        style("&gt;", "&quot;", "&apos;", 10),
        style("&gt;", "&quot;", "&#39;", 10),
        style("&gt;", "\"", "'", 16),
        style("&gt;", "&quot;", "&apos;", 16),
        style("&gt;", "&quot;", "&#x27;", 17),
    ]
};

fn xml(value: &str, style: XmlStyle) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 8));
    for character in value.chars() {
        let code = u32::from(character);
        // Writing to a string cannot fail.
        let _ = match character {
            '&' => write!(text, "&amp;"),
            '<' => write!(text, "&lt;"),
            '>' => write!(text, "{}", style.more),
            '"' => write!(text, "{}", style.double),
            '\'' => write!(text, "{}", style.single),
            '\u{80}'.. if style.radix == 10 => write!(text, "&#{code};"),
            '\u{80}'.. if style.radix == 16 => write!(text, "&#x{code:X};"),
            '\u{80}'.. if style.radix == 17 => write!(text, "&#x{code:x};"),
            _ => write!(text, "{character}"),
        };
    }
    text
}

/// The wide twin of an ASCII character, as East Asian input methods print it.
fn full_width(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xfee0).unwrap_or(character),
        other => other,
    }
}
