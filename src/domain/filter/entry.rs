//! One entry of a list, prepared: what its fields hold, where a word stands in its name.

use nucleo_matcher::{Matcher, Utf32String};

use super::query::{Atom, Shape, Term};
use super::{Class, Field, Filter, Subject};

pub(super) struct Entry {
    pub(super) subject: Subject,
    folded: String,
    pub(super) characters: Utf32String,
    /// Which characters the name has at all, to pass over most entries without a closer look.
    mask: u64,
    elsewhere: String,
    elsewhere_folded: String,
}

impl Entry {
    pub(super) fn new(subject: Subject) -> Self {
        let mut elsewhere = String::new();
        let mut add = |text: &str| {
            elsewhere.push_str(text);
            elsewhere.push('\n');
        };
        let texts = [
            &subject.resource,
            &subject.description,
            &subject.env,
            &subject.connector,
            &subject.host,
            &subject.owner,
        ];
        texts.into_iter().flatten().for_each(|text| add(text));
        subject
            .tags
            .iter()
            .for_each(|(key, value)| add(&format!("{key}={value}")));
        subject.providers.iter().for_each(|name| add(name));
        let folded = fold(&subject.name);
        Self {
            characters: characters(&subject.name),
            mask: mask(&folded),
            elsewhere_folded: fold(&elsewhere),
            elsewhere,
            folded,
            subject,
        }
    }

    pub(super) fn each_value(&self, field: Field, visit: &mut dyn FnMut(&str)) {
        let subject = &self.subject;
        let one = |value: &Option<String>, visit: &mut dyn FnMut(&str)| value.iter().for_each(|value| visit(value));
        match field {
            Field::Env => one(&subject.env, visit),
            Field::Type => one(&subject.connector, visit),
            Field::Host => one(&subject.host, visit),
            Field::Owner => one(&subject.owner, visit),
            Field::Access => one(&subject.access, visit),
            Field::Name => visit(&subject.name),
            Field::Provider => subject.providers.iter().for_each(|name| visit(name)),
            Field::Status => subject.status.iter().for_each(|status| visit(status)),
            Field::Is => subject.marks.iter().for_each(|mark| visit(mark)),
            Field::Tag => {
                for (key, value) in &subject.tags {
                    visit(key);
                    visit(&format!("{key}={value}"));
                }
            }
        }
    }

    /// Fields and excluded words; the other words are ranked.
    pub(super) fn passes(&self, term: &Term) -> bool {
        match term {
            Term::Field {
                negative,
                field,
                values,
            } => {
                let part = matches!(field, Field::Name | Field::Host);
                let mut found = false;
                self.each_value(*field, &mut |value| {
                    let value = fold(value);
                    found |= values
                        .iter()
                        .any(|wanted| if part { value.contains(wanted) } else { value == *wanted });
                });
                found != *negative
            }
            Term::Word {
                negative: true,
                alternatives,
            } => !alternatives
                .iter()
                .any(|atom| self.span(atom).is_some() || (atom.shape == Shape::Substring && self.elsewhere(atom))),
            Term::Word { .. } => true,
        }
    }

    pub(super) fn name(&self, atom: &Atom) -> &str {
        if atom.cased { &self.subject.name } else { &self.folded }
    }

    pub(super) fn elsewhere(&self, atom: &Atom) -> bool {
        let text = if atom.cased {
            &self.elsewhere
        } else {
            &self.elsewhere_folded
        };
        text.contains(&atom.text)
    }

    /// Where the word stands in the name as a whole (in bytes), at its best place, and what kind of place that is.
    pub(super) fn span(&self, atom: &Atom) -> Option<(usize, Class)> {
        let name = self.name(atom);
        let text = atom.text.as_str();
        let class = |start: usize| {
            if start == 0 {
                return if name.len() == text.len() {
                    Class::Exact
                } else {
                    Class::Prefix
                };
            }
            let before = name.get(..start).and_then(|before| before.chars().next_back());
            if before.is_some_and(char::is_alphanumeric) {
                Class::Contiguous
            } else {
                Class::WordStart
            }
        };
        let start = match atom.shape {
            Shape::Exact => (name == text).then_some(0),
            Shape::Prefix => name.starts_with(text).then_some(0),
            Shape::Suffix => name.ends_with(text).then(|| name.len() - text.len()),
            Shape::Fuzzy | Shape::Substring => {
                let places = name.match_indices(text).map(|(start, _)| start);
                return places
                    .map(|start| (start, class(start)))
                    .min_by_key(|(start, class)| (*class, *start));
            }
        };
        start.map(|start| (start, class(start)))
    }

    pub(super) fn best(&self, needle: &Needle<'_>, matcher: &mut Matcher) -> Option<(Class, u16)> {
        let atom = needle.atom;
        let letters = self.mask & needle.mask == needle.mask;
        if letters && let Some((_, class)) = self.span(atom) {
            return Some((class, 0));
        }
        if matches!(atom.shape, Shape::Fuzzy | Shape::Substring) && self.elsewhere(atom) {
            return Some((Class::Elsewhere, 0));
        }
        if atom.shape != Shape::Fuzzy || !letters {
            return None;
        }
        matcher.config.ignore_case = !atom.cased;
        let score = matcher.fuzzy_match(self.characters.slice(..), needle.characters.slice(..))?;
        Some((Class::Fuzzy, score))
    }
}

/// A word ready to be compared.
pub(super) struct Needle<'a> {
    pub(super) atom: &'a Atom,
    pub(super) characters: Utf32String,
    mask: u64,
}

pub(super) fn prepare(filter: &Filter) -> Vec<Vec<Needle<'_>>> {
    let needle = |atom| Needle {
        atom,
        characters: characters(&atom.text),
        mask: mask(&atom.text),
    };
    filter
        .words()
        .map(|alternatives| alternatives.iter().map(needle).collect())
        .collect()
}

/// Lower case, one character for each.
pub(super) fn fold(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// One entry a `char`, so that places in it are places in the name.
fn characters(text: &str) -> Utf32String {
    if text.is_ascii() {
        Utf32String::Ascii(text.into())
    } else {
        Utf32String::Unicode(text.chars().collect())
    }
}

/// A bit for each ASCII letter and digit, case aside. What else there is, is left to the closer look.
fn mask(text: &str) -> u64 {
    text.bytes().fold(0, |mask, byte| match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => mask | 1 << (letter - b'a'),
        digit @ b'0'..=b'9' => mask | 1 << (digit - b'0' + 26),
        _ => mask,
    })
}
