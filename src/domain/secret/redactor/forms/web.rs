//! A value as the formats of the web write it: percent-encoded, JSON, XML and HTML.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Text;

/// Which bytes besides letters and digits stand for themselves in percent-encoded text; and whether a blank is a plus.
pub(super) const PERCENT_STYLES: &[(&[u8], bool)] = &[
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

pub(super) fn percent(value: &[u8], (kept, plus): (&[u8], bool), upper: bool) -> Text {
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

pub(super) fn push_hex(text: &mut Vec<u8>, byte: u8, upper: bool) {
    for digit in [byte >> 4, byte & 15] {
        text.push(match digit {
            0..=9 => b'0' + digit,
            _ if upper => b'A' + digit - 10,
            _ => b'a' + digit - 10,
        });
    }
}

/// How JSON is written: what happens to non-ASCII letters and `/`, and which ASCII characters are written as `\u00XX` beside control
/// characters; the case of the digits.
#[derive(Clone, Copy)]
pub(super) struct JsonStyle {
    ascii: bool,
    slash: bool,
    html: &'static str,
    upper: bool,
}

pub(super) const JSON_STYLES: &[JsonStyle] = &{
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

pub(super) fn json(value: &str, style: JsonStyle) -> Zeroizing<String> {
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

/// How `<`, `>`, `"`, `'` and non-ASCII letters are written in XML and HTML; `&` is always `&amp;`.
#[derive(Clone, Copy)]
pub(super) struct XmlStyle {
    /// In a comment or an attribute `>` may stay.
    more: &'static str,
    double: &'static str,
    single: &'static str,
    /// 0: as they are; 10: `&#233;`; 16: `&#xE9;`; 17: `&#xe9;`.
    radix: u8,
}

pub(super) const XML_STYLES: &[XmlStyle] = &{
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

pub(super) fn xml(value: &str, style: XmlStyle) -> Zeroizing<String> {
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

/// Text in which only what is not ASCII is written by number, as encoders do that are told to write ASCII.
pub(super) fn character_references(value: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 5));
    for character in value.chars() {
        // Writing to a string cannot fail.
        let _ = match character {
            '\u{80}'.. => write!(text, "&#{};", u32::from(character)),
            _ => write!(text, "{character}"),
        };
    }
    text
}
