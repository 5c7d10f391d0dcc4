//! The forms in which a value may be printed. The list is part of the module's documentation.

mod bytes;
mod quoted;
mod web;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::control::canonical;
use quoted::{BYTE_STYLES, Rest, c_escaped, caret, escaped, replaced, shell_backslashes, source_escaped};
use web::{JSON_STYLES, PERCENT_STYLES, XML_STYLES, character_references, json, percent, xml};

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
        bytes::encoded(&source, &mut |text| add(text, false));
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
    add(character_references(text).as_bytes());
    add(&collected(text.chars().map(full_width)));
}

/// The wide twin of an ASCII character, as East Asian input methods print it.
fn full_width(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xfee0).unwrap_or(character),
        other => other,
    }
}
