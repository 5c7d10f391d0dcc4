//! Masks known values in a stream of terminal output.
//!
//! # What is compared
//!
//! Printed text and not raw bytes: control sequences, control characters and blanks are skipped, in the values as in the output. So a
//! change of colour, a wrapped line, indentation or `base64 -w76` between any two bytes of a value changes nothing. Where the cursor
//! is moved, the text is also compared without the character before that: what comes next may be written over it (vim wraps so).
//!
//! Where a value is wrapped and its rows come in another order (`less` going backwards) or with something between them (`--More--`), a
//! part of it is masked that is at least two fifths of it and 8 bytes long, at the edge of its row; see `stream/rows.rs`.
//!
//! # The forms of a value
//!
//! Each value, each of its lines of 8 and more characters, and each 1 KiB part of a very long one is looked for:
//!
//! - as it is, without surrounding blanks, in the Unicode forms NFC, NFD and NFKC, and in full-width letters;
//! - in base64 at each of its three shifts, in the standard and the URL alphabet, without the characters that depend on neighbours;
//! - in hexadecimal, lower and upper case: bare, with blanks, `:`, `-`, `,`, as `\x70\x61`, `%70%61` and `0x70,0x61`;
//!   in octal (`\160\141`, `160 141`) and decimal (`112, 97`, `[112 97]`) bytes;
//! - percent-encoded, lower and upper case, with the usual sets of characters that stay as they are (RFC 3986 and its parts,
//!   `encodeURI`, `encodeURIComponent`, forms with `+`, everything but letters and digits);
//! - in JSON: `\"`, `\/`, `\u00e9`, with and without non-ASCII letters, HTML-safe (`\u003c`), and JSON inside of JSON;
//! - quoted for a shell: `'\''`, `'"'"'`, double quotes, `printf %q`, `$'…'`; for PowerShell, SQL and CSV (doubled quotes, backticks);
//! - in XML and HTML: the five named entities and the decimal and hexadecimal ones;
//! - as source text: C, Go, Python, Rust escapes (`\xc3\xa9`, `\303\251`, `\u00e9`, `\u{e9}`); as `cat -v` writes it.
//!
//! A text of more than 512 bytes is looked for without the separated and decimal bytes.
//!
//! # What is not masked
//!
//! - Values under 4 characters ([`Redactor::unmasked`] tells which). Values of 4 to 7 characters are masked as whole tokens only.
//! - Other transformations: `rev`, xor, compression, encryption, hashes, base32, UTF-16 in base64, two encodings on top of each other
//!   but for JSON, `hexdump` and `od` where a value spans lines or bytes are swapped, upper and lower case changed.
//! - A part of a value, such as what `cut -c1-20` leaves; up to 3 leading characters when the output pauses inside a value.
//! - A value that is put together on the screen in another order than it is read: written backwards, inserted character by character
//!   (readline does so where text is typed before a value that reaches the margin), in pieces between other text (`less -N`, the
//!   windows of vim beside each other, psql's `wrapped`),
//!   over two or more other letters at once, with the repeat sequence (`CSI b`), with characters without a width between its own, with
//!   control sequences that begin with one C1 character (U+009B), which the emulator does not know and some terminals do.
//! - Up to 20 bits of a value at the ends of its base64 form.
//!
//! Masking is for accidents. Whoever wants to see the value of an environment variable of their own process can.
//!
//! # What leaves when
//!
//! Text leaves as soon as it can no longer become a value. What could is held: until the next bytes decide, or until
//! [`Redactor::idle`] lets its first 3 characters go, or until the stream ends, the screen is switched, the terminal is asked something
//! or 8 KiB are held, and then it is masked if it is longer than 3 characters. Control sequences leave whole; one that carries a value
//! to the terminal outside of the grid (a title, a link, the clipboard) is dropped. Without a value in it the output is unchanged to
//! the byte, and however the input is cut, the output is the same.
//!
//! The mask is `••••••••`, or another character where that one occurs in a value. It is as wide as what it hides where the screen is
//! addressed, and where leading characters of the value are shown already: there a different width would shift everything else.

mod automaton;
mod control;
mod forms;
mod mask;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use automaton::Machine;
use mask::Mask;
use stream::{HOLD, Stream, Wholes};

/// Hides the values of one environment in the output of one child. See the module for what it promises.
pub struct Redactor {
    work: Work,
    unmasked: Vec<usize>,
}

enum Work {
    /// There is nothing to hide.
    Pass,
    Hide {
        machine: Arc<Machine>,
        stream: Box<Stream>,
    },
    /// The values are too large to be looked for: nothing may be shown.
    Withhold,
}

/// Whether a value is long enough to be masked.
pub(super) fn can_mask(value: &[u8]) -> bool {
    forms::can_mask(value)
}

impl Redactor {
    /// A redactor for these values. Only this folder can make one: `ChildEnv::redactor`.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self::holding(values, HOLD)
    }

    /// Another one for the same values, at the beginning of a stream of its own.
    #[must_use]
    pub fn again(&self) -> Self {
        let work = match &self.work {
            Work::Pass => Work::Pass,
            Work::Hide { machine, stream } => Work::Hide {
                machine: Arc::clone(machine),
                stream: Box::new(stream.again(machine.start())),
            },
            Work::Withhold => Work::Withhold,
        };
        Self {
            work,
            unmasked: self.unmasked.clone(),
        }
    }

    /// For what is typed instead: no mask there needs the width of its value, or tells it.
    pub fn of_typing(mut self) -> Self {
        if let Work::Hide { stream, .. } = &mut self.work {
            stream.is_screen = false;
        }
        self
    }

    fn holding<'a>(values: impl IntoIterator<Item = &'a [u8]>, hold: usize) -> Self {
        let mut forms = Vec::new();
        let mut unmasked = Vec::new();
        let values: Vec<&[u8]> = values.into_iter().collect();
        for (index, value) in values.iter().copied().enumerate() {
            let of_value = forms::forms(value);
            if of_value.is_empty() {
                unmasked.push(index);
            }
            forms.extend(of_value);
        }
        let work = if forms.is_empty() {
            Work::Pass
        } else {
            match Machine::new(&forms) {
                Ok(machine) => {
                    let stream = Box::new(Stream::new(Mask::avoiding(&forms), machine.start(), hold));
                    Work::Hide {
                        machine: Arc::new(machine.with_parts_of(Wholes::of(values))),
                        stream,
                    }
                }
                Err(_) => Work::Withhold,
            }
        };
        Self { work, unmasked }
    }

    /// Feeds what the child printed; appends to `out` what may be shown now.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &mut self.work {
            Work::Pass => out.extend_from_slice(input),
            Work::Hide { machine, stream } => {
                out.reserve(input.len());
                stream.push(machine, input, out);
            }
            Work::Withhold => {}
        }
    }

    /// Whether something is held back that [`Redactor::idle`] would partly release.
    pub fn holds(&self) -> bool {
        match &self.work {
            Work::Hide { machine, stream } => stream.holds(machine),
            Work::Pass | Work::Withhold => false,
        }
    }

    /// Call after 8 ms without input: releases at most 3 characters of what could still become a value.
    pub fn idle(&mut self, out: &mut Vec<u8>) {
        if let Work::Hide { machine, stream } = &mut self.work {
            stream.idle(machine, out);
        }
    }

    /// Call at the end of the stream: decides on what is held.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Work::Hide { machine, stream } = &mut self.work {
            stream.finish(machine, out);
        }
    }

    /// How many values were masked so far.
    pub fn masked(&self) -> u64 {
        match &self.work {
            Work::Hide { stream, .. } => stream.masked,
            Work::Pass | Work::Withhold => 0,
        }
    }

    /// Which of the values it was made with, counted from 0, are too short to be masked.
    pub fn unmasked(&self) -> &[usize] {
        &self.unmasked
    }
}
