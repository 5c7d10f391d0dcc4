//! Values that must never be seen, and the search for them: in all their forms, in files, processes and what reached a terminal.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use unicode_normalization::UnicodeNormalization;

/// A random value with quotes, a backslash, a percent sign and a letter beyond ASCII.
pub struct Canary {
    value: String,
    forms: Vec<(String, Vec<u8>)>,
}

/// Where a form of a canary was found. Shows no value.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: String,
    pub form: String,
}

impl Canary {
    pub fn new() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).unwrap();
        let letters: String = bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        Self::of(format!(
            "K{}\"{}\\{}%é'{}",
            &letters[..4],
            &letters[4..8],
            &letters[8..12],
            &letters[12..]
        ))
    }

    pub fn of(value: String) -> Self {
        let forms = forms(&value);
        Self { value, forms }
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    /// Every form that stands in these bytes, as they are or without control sequences and line breaks.
    pub fn in_bytes(&self, place: &str, bytes: &[u8]) -> Vec<Finding> {
        let printed = printed_text(bytes);
        let holds = |needle: &[u8]| contains(bytes, needle) || contains(&printed, needle);
        self.forms
            .iter()
            .filter(|(_, needle)| holds(needle))
            .map(|(form, _)| Finding {
                place: place.into(),
                form: form.clone(),
            })
            .collect()
    }

    /// Every file below the folder, names and contents.
    pub fn in_files(&self, folder: &Path) -> Vec<Finding> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let place = path.display().to_string();
            found.extend(self.in_bytes(&format!("name of {place}"), entry.file_name().as_encoded_bytes()));
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => found.extend(self.in_files(&path)),
                Ok(kind) if kind.is_file() => found.extend(self.in_bytes(&place, &fs::read(&path).unwrap_or_default())),
                _ => {} // sockets, links: what they lead to is looked at where it lies
            }
        }
        found
    }

    /// The argument list of every process.
    pub fn in_arguments(&self) -> Vec<Finding> {
        self.in_processes("cmdline", |_| true)
    }

    /// The environment of every process but the ones with these names (the children that the value is meant for).
    pub fn in_environments(&self, except: impl Fn(&str) -> bool) -> Vec<Finding> {
        self.in_processes("environ", |name| !except(name))
    }

    fn in_processes(&self, file: &str, wanted: impl Fn(&str) -> bool) -> Vec<Finding> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let folder = entry.path();
            let is_process = entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            let Ok(name) = fs::read_to_string(folder.join("comm")) else {
                continue;
            };
            if is_process && wanted(name.trim_end()) {
                let bytes = fs::read(folder.join(file)).unwrap_or_default();
                found.extend(self.in_bytes(&format!("{file} of {}", name.trim_end()), &bytes));
            }
        }
        found
    }
}

/// The value in every coding that the redactor promises to know. Written apart from the redactor on purpose.
fn forms(value: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        ("plain".to_owned(), bytes.to_vec()),
        ("decomposed".to_owned(), value.nfd().collect::<String>().into_bytes()),
        (
            "hex".to_owned(),
            bytes
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
                .into_bytes(),
        ),
        (
            "HEX".to_owned(),
            bytes
                .iter()
                .map(|b| format!("{b:02X}"))
                .collect::<String>()
                .into_bytes(),
        ),
        ("json".to_owned(), {
            let quoted = serde_json::to_string(value).unwrap();
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        }),
        ("shell".to_owned(), value.replace('\'', "'\\''").into_bytes()),
        (
            "percent".to_owned(),
            percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
                .into_bytes(),
        ),
    ];
    for (name, alphabet) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
        let engine = GeneralPurpose::new(&alphabet, NO_PAD);
        for shift in 0..3 {
            let text = engine.encode([&vec![0; shift][..], bytes].concat());
            // The first and last characters depend on the neighbours too.
            let first = (shift * 8).div_ceil(6);
            let last = (shift + bytes.len()) * 8 / 6;
            forms.push((
                format!("{name} at shift {shift}"),
                text.as_bytes()[first..last].to_vec(),
            ));
        }
    }
    forms
}

/// What the bytes show on a screen, run together: no control sequences, no line breaks.
fn printed_text(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (0x1b, [b'[', parameters @ ..]) => {
                let end = parameters
                    .iter()
                    .position(|b| (0x40..=0x7e).contains(b))
                    .map_or(parameters.len(), |at| at + 1);
                rest = &parameters[end..];
            }
            (0x1b, [_, behind @ ..]) => rest = behind,
            (0x00..=0x1f | 0x7f, _) => {}
            _ => text.push(*first),
        }
    }
    text
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr(haystack, needle[0]).any(|at| haystack[at..].starts_with(needle))
}

fn memchr(haystack: &[u8], byte: u8) -> impl Iterator<Item = usize> {
    haystack
        .iter()
        .enumerate()
        .filter(move |(_, b)| **b == byte)
        .map(|(at, _)| at)
}

mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn one() -> Canary {
        Canary::new()
    }

    #[test]
    fn a_planted_leak_is_found_in_a_file_in_every_form() {
        let canary = one();
        for (form, bytes) in &canary.forms {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("deep")).unwrap();
            fs::write(folder.path().join("deep/log"), [b"x".as_slice(), bytes, b"y"].concat()).unwrap();
            assert!(
                canary.in_files(folder.path()).iter().any(|found| found.form == *form),
                "{form}"
            );
        }
    }

    #[test]
    fn a_planted_leak_is_found_between_colours_and_line_breaks() {
        let canary = one();
        let (head, tail) = canary.value().split_at(5);
        let shown = format!("\x1b[31m{head}\x1b[0m\r\n\x1b]0;t\x07{tail}");
        assert!(
            canary
                .in_bytes("screen", shown.replace("\x1b]0;t\x07", "").as_bytes())
                .iter()
                .any(|found| found.form == "plain")
        );
        assert_eq!(canary.in_bytes("screen", b"nothing of it"), []);
    }

    #[test]
    fn a_planted_leak_is_found_in_arguments_and_environments() {
        let canary = one();
        let mut leaky = Command::new("sh")
            .args(["-c", "read line", canary.value()])
            .env("PLANTED", canary.value())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        crate::sandbox::eventually("the planted leak is found", || {
            let found = |all: Vec<Finding>| {
                all.iter()
                    .any(|one| one.form == "plain" && one.place.ends_with("of sh"))
            };
            found(canary.in_arguments()) && found(canary.in_environments(|_| false))
        });
        assert_eq!(canary.in_environments(|name| name == "sh"), []);
        drop(leaky.stdin.take());
        crate::sandbox::wait(&mut leaky);
    }
}
