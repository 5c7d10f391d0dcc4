//! What stands on the screen instead of a value.

use unicode_width::UnicodeWidthChar as _;

use super::control::{Part, parts};
use super::forms::Form;

/// How many characters a mask of fixed width has.
const WIDTH: usize = 8;

/// How wide a mask is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// [`WIDTH`] characters a line, so that the length stays hidden; blanks inside the value are gone, line ends stay.
    Fixed,
    /// As wide as what it hides, so that everything around it stays in its column.
    SameWidth,
}

/// The character that masks are made of.
#[derive(Clone, Copy)]
pub(super) struct Mask {
    character: char,
}

impl Mask {
    /// A character that occurs in no form, so that a mask can never be taken for a value or a part of one.
    pub(super) fn avoiding(forms: &[Form]) -> Self {
        let clashes = |character: char| {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            forms.iter().any(|form| {
                if std::str::from_utf8(&form.text).is_ok() {
                    form.text.windows(bytes.len()).any(|window| window == bytes)
                } else {
                    // No text: it could begin or end inside the character.
                    bytes.iter().any(|byte| form.text.contains(byte))
                }
            })
        };
        // All are one column wide.
        let choice = "•*█■#x"
            .chars()
            .chain('\u{2500}'..='\u{257f}')
            .find(|character| !clashes(*character));
        Self {
            character: choice.unwrap_or('•'),
        }
    }

    fn write(&self, count: usize, out: &mut Vec<u8>) {
        let mut bytes = [0; 4];
        let bytes = self.character.encode_utf8(&mut bytes).as_bytes();
        for _ in 0..count {
            out.extend_from_slice(bytes);
        }
    }

    /// Writes a masked stretch of output, which begins and ends in plain text. Control sequences stay as they are. `continued`: the
    /// mask before it is part of the same one.
    pub(super) fn render(&self, masked: &[u8], style: Style, continued: bool, out: &mut Vec<u8>) {
        let mut first = !continued;
        for (place, part) in parts(masked) {
            match (part, style) {
                (Part::Text(_), Style::Fixed) => {
                    if std::mem::take(&mut first) {
                        self.write(WIDTH, out);
                    }
                }
                (Part::Text(_), Style::SameWidth) => {
                    let mut width = width_at(&masked[place.start..]);
                    // A mask that nobody sees would join what stands beside it.
                    if std::mem::take(&mut first) {
                        width = width.max(1);
                    }
                    self.write(width, out);
                }
                (Part::Control(b' ' | b'\t'), Style::Fixed) | (Part::Control(0x80..), _) => {}
                (Part::Control(byte), _) => {
                    first |= byte == b'\n';
                    out.push(byte);
                }
                (Part::Sequence, _) => out.extend_from_slice(&masked[place]),
            }
        }
    }
}

/// The columns of the character that begins here; 0 inside of one.
fn width_at(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0x80..=0xbf) => return 0,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..) => 4,
        _ => return 1,
    };
    let character = text
        .get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next());
    character.map_or(1, |character| character.width().unwrap_or(0))
}
