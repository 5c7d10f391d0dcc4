//! Several values in one text: connection URIs, and the option files that some clients read.
//!
//! `{name}` is a part, encoded as the text's kind asks for; `{name:raw}` is the part as it is; `{{` and `}}` are braces.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::SecretValue;

/// How a part is written into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Percent-encoded: everything but letters, digits and `-._~`.
    Percent,
    /// For the option file of a MySQL or MariaDB client (`key="{part}"`, the quotes in the text): quotes, backslashes and line ends escaped.
    OptionFile,
}

/// Why a text is not a template, or cannot be filled. Holds names, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template names `{0}`, which is not given")]
    UnknownPart(String),
    #[error("the template has an opening brace without a closing one; `{{{{` is a brace itself")]
    Unclosed,
    #[error("the template has a closing brace without an opening one; `}}}}` is a brace itself")]
    Unopened,
    #[error("the template has `{{}}` without a name")]
    Unnamed,
    #[error("the template asks for `{0}`; a part is {{name}} or {{name:raw}}")]
    UnknownForm(String),
    #[error("the part `{0}` holds a NUL byte, which an option file cannot carry")]
    NulByte(String),
    #[error("a line of the option file is longer than the 4094 bytes that its client reads")]
    LineTooLong,
}

/// One named part of a template.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    Plain(&'a str),
    Secret(&'a SecretValue),
}

impl Part<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(text) => text.as_bytes(),
            Self::Secret(value) => value.expose(),
        }
    }
}

/// A template's text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<'a> {
    pieces: Vec<Piece<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Part { name: &'a str, raw: bool },
}

impl<'a> Template<'a> {
    pub fn parse(text: &'a str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            let brace = tail.get(..1).unwrap_or_default();
            let behind = tail.get(1..).unwrap_or_default();
            pieces.push(Piece::Text(before));
            rest = if let Some(behind) = behind.strip_prefix(brace) {
                pieces.push(Piece::Text(brace));
                behind
            } else if brace == "}" {
                return Err(TemplateError::Unopened);
            } else {
                let (inside, behind) = behind.split_once('}').ok_or(TemplateError::Unclosed)?;
                pieces.push(part(inside)?);
                behind
            };
        }
        pieces.push(Piece::Text(rest));
        Ok(Self { pieces })
    }

    /// The names of its parts, in order, each as often as it stands there.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Part { name, .. } => Some(*name),
            Piece::Text(_) => None,
        })
    }

    /// Whether this part stands somewhere in it as it is.
    pub fn takes_raw(&self, wanted: &str) -> bool {
        let raw = |piece: &Piece<'_>| matches!(piece, Piece::Part { name, raw: true } if *name == wanted);
        self.pieces.iter().any(raw)
    }
}

fn part(inside: &str) -> Result<Piece<'_>, TemplateError> {
    if inside.contains('{') {
        return Err(TemplateError::Unclosed);
    }
    let (name, raw) = match inside.split_once(':') {
        None => (inside, false),
        Some((name, "raw")) => (name, true),
        Some(_) => return Err(TemplateError::UnknownForm(inside.to_owned())),
    };
    if name.is_empty() {
        return Err(TemplateError::Unnamed);
    }
    Ok(Piece::Part { name, raw })
}

impl SecretValue {
    /// Fills the parts of a template's text.
    pub fn render(text: &str, parts: &[(&str, Part<'_>)], encoding: Encoding) -> Result<Self, TemplateError> {
        let template = Template::parse(text)?;
        let find = |wanted: &str| {
            let found = parts.iter().find(|(name, _)| *name == wanted);
            found
                .map(|(_, part)| part.bytes())
                .ok_or_else(|| TemplateError::UnknownPart(wanted.to_owned()))
        };
        // No encoding takes more than three bytes for one: the buffer never grows and leaves no unwiped copy behind.
        let mut size = 0;
        for piece in &template.pieces {
            size += match piece {
                Piece::Text(text) => text.len(),
                Piece::Part { name, .. } => find(name)?.len() * 3,
            };
        }
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Part { name, raw } => {
                    let value = find(name)?;
                    if encoding == Encoding::OptionFile && value.contains(&0) {
                        return Err(TemplateError::NulByte((*name).to_owned()));
                    }
                    match encoding {
                        _ if *raw => out.extend_from_slice(value),
                        Encoding::Percent => percent(value, &mut out),
                        Encoding::OptionFile => option_file(value, &mut out),
                    }
                }
            }
        }
        // The client would read the rest of a longer line as another option.
        if encoding == Encoding::OptionFile && out.split(|byte| *byte == b'\n').any(|line| line.len() > OPTION_LINE) {
            return Err(TemplateError::LineTooLong);
        }
        Ok(Self::from_bytes(std::mem::take(&mut *out)))
    }
}

/// The clients read lines into 4096 bytes, newline and NUL included.
const OPTION_LINE: usize = 4094;

/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn percent(value: &[u8], out: &mut Vec<u8>) {
    for piece in percent_encode(value, RESERVED) {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Between double quotes a backslash begins an escape, and `#` begins no comment.
fn option_file(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'"' => out.extend_from_slice(br#"\""#),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(text: &str, parts: &[(&str, &str)], encoding: Encoding) -> Result<String, TemplateError> {
        let values: Vec<SecretValue> = parts
            .iter()
            .map(|(_, v)| SecretValue::from_text((*v).to_owned()))
            .collect();
        let parts: Vec<_> = parts
            .iter()
            .zip(&values)
            .map(|((n, _), v)| (*n, Part::Secret(v)))
            .collect();
        SecretValue::render(text, &parts, encoding).map(|v| String::from_utf8(v.expose().to_vec()).unwrap())
    }

    #[test]
    fn parts_are_percent_encoded_unless_raw() {
        let parts = [("user", "a b"), ("password", "p@ss/w:rd%é~")];
        let text = "mongodb://{user}:{password}@db/{password:raw}?{{x}}";
        assert_eq!(
            fill(text, &parts, Encoding::Percent).unwrap(),
            "mongodb://a%20b:p%40ss%2Fw%3Ard%25%C3%A9~@db/p@ss/w:rd%é~?{x}"
        );
    }

    #[test]
    fn braces_in_a_value_are_not_read_again() {
        assert_eq!(
            fill("{a:raw}{b}", &[("a", "{b}"), ("b", "x")], Encoding::Percent).unwrap(),
            "{b}x"
        );
    }

    #[test]
    fn a_text_that_is_no_template_says_why() {
        let fail = |text| fill(text, &[("a", "x")], Encoding::Percent).unwrap_err();
        assert_eq!(fail("{a"), TemplateError::Unclosed);
        assert_eq!(fail("{a{a}"), TemplateError::Unclosed);
        assert_eq!(fail("a}"), TemplateError::Unopened);
        assert_eq!(fail("{}"), TemplateError::Unnamed);
        assert_eq!(fail("{:raw}"), TemplateError::Unnamed);
        assert_eq!(fail("{a:hex}"), TemplateError::UnknownForm("a:hex".into()));
        assert_eq!(fail("{b}"), TemplateError::UnknownPart("b".into()));
        assert!(TemplateError::Unclosed.to_string().contains("`{{`"));
    }

    #[test]
    fn names_come_in_order() {
        assert_eq!(
            Template::parse("{a}{{b}}{c:raw}{a}")
                .unwrap()
                .names()
                .collect::<Vec<_>>(),
            ["a", "c", "a"]
        );
    }

    #[test]
    fn an_option_file_never_splits_a_value() {
        let text = "[client]\npassword=\"{p}\"\n";
        let file = |value: &str| fill(text, &[("p", value)], Encoding::OptionFile);
        assert_eq!(
            file("a\"b\\c'd#e\nf\tg ").unwrap(),
            "[client]\npassword=\"a\\\"b\\\\c'd#e\\nf\\tg \"\n"
        );
        assert_eq!(file("a\0b"), Err(TemplateError::NulByte("p".into())));
        assert!(file(&"x".repeat(4083)).is_ok());
        assert_eq!(file(&"x".repeat(4084)), Err(TemplateError::LineTooLong));
        assert_eq!(file(&"\"".repeat(2042)), Err(TemplateError::LineTooLong));
    }

    /// How `my_print_defaults` of MariaDB 10.11 and MySQL 8 reads a quoted value; checked against a client in tests/it/option_file.rs.
    fn read_option(line: &str) -> String {
        let inside = line.strip_prefix("password=\"").unwrap().strip_suffix('"').unwrap();
        let mut out = String::new();
        let mut chars = inside.chars();
        while let Some(c) = chars.next() {
            out.push(match c {
                '\\' => match chars.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    's' => ' ',
                    other => other,
                },
                other => other,
            });
        }
        out
    }

    proptest! {
        #[test]
        fn percent_encoding_reads_back(value in "\\PC*|[%{}/@: \\n]*") {
            let text = fill("{p}", &[("p", &value)], Encoding::Percent).unwrap();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(percent_encoding::percent_decode_str(&text).decode_utf8().unwrap(), value);
        }

        #[test]
        fn option_files_read_back(value in "[\\PC\\n\\r\\t\"'\\\\# ]{0,80}") {
            let text = fill("password=\"{p}\"", &[("p", &value)], Encoding::OptionFile).unwrap();
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(read_option(&text), value);
        }

        #[test]
        fn any_text_parses_or_says_why(text in "[{}a:raw]{0,12}") {
            let _ = Template::parse(&text);
        }
    }
}
