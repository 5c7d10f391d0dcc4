//! The filter words of lists (`env:prod type:postgres !tag:legacy orders`), and the order in which roles match.
//!
//! An [`Index`] is made once a list and asked at every key: it parses the text into a [`Filter`], ranks what matches, and says which
//! characters of a name to highlight.

mod query;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use nucleo_matcher::{Config, Matcher, Utf32String};

use crate::domain::problem::Problem;
use crate::domain::role::{Role, Source};
use crate::domain::{catalogue, suggest};
use query::{Atom, Shape, Term};

/// What a filter can say something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Env,
    Type,
    Tag,
    Provider,
    Name,
    Host,
    Owner,
    Status,
    Access,
    Is,
}

impl Field {
    pub const ALL: &[Self] = &[
        Self::Env,
        Self::Type,
        Self::Tag,
        Self::Provider,
        Self::Name,
        Self::Host,
        Self::Owner,
        Self::Status,
        Self::Access,
        Self::Is,
    ];

    /// Every word that stands before a colon.
    const WORDS: &[(&str, Self)] = &[
        ("env", Self::Env),
        ("e", Self::Env),
        ("type", Self::Type),
        ("t", Self::Type),
        ("tag", Self::Tag),
        ("provider", Self::Provider),
        ("name", Self::Name),
        ("host", Self::Host),
        ("owner", Self::Owner),
        ("status", Self::Status),
        ("access", Self::Access),
        ("is", Self::Is),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(word, _)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, field)| *field)
    }
}

/// The words that `status:` knows.
pub const STATUS_WORDS: &[&str] = &["ok", "warn", "fail", "stale", "checking", "unknown", "expiring"];
/// The words that `is:` knows.
pub const IS_WORDS: &[&str] = &["fav", "recent", "readonly", "recorded", "confirm", "live", "invalid"];

/// One entry of a list, as far as filters see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    pub name: String,
    pub resource: Option<String>,
    pub description: Option<String>,
    pub env: Option<String>,
    pub connector: Option<String>,
    pub tags: Vec<(String, String)>,
    pub providers: Vec<String>,
    pub host: Option<String>,
    pub owner: Option<String>,
    pub access: Option<String>,
}

impl From<&Role> for Subject {
    fn from(role: &Role) -> Self {
        let references = role.fields.iter().flat_map(|field| field.source.references());
        let providers: BTreeSet<&str> = references.map(|reference| reference.id.provider.as_str()).collect();
        let host = role.fields.iter().find_map(|field| match &field.source {
            Source::Plain(text)
                if ["HOST", "SERVER", "DESTINATION"]
                    .iter()
                    .any(|end| field.name.ends_with(end)) =>
            {
                Some(text.clone())
            }
            _ => None,
        });
        Self {
            name: role.name.clone(),
            resource: role.resource.clone(),
            description: role.description.clone(),
            env: role.env.clone(),
            connector: role.connector.clone(),
            tags: role
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            providers: providers.into_iter().map(str::to_owned).collect(),
            host,
            owner: role.owner.clone(),
            access: role.access_mode.clone(),
        }
    }
}

/// A text that cannot be used as a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FilterError {
    /// One sentence.
    pub what: String,
    /// Terms that may have been meant, best first, as they would be typed.
    pub similar: Vec<String>,
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        Self::new(&catalogue::FILTER, error.what).similar(error.similar)
    }
}

/// A parsed filter; belongs to the [`Index`] that parsed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

impl Filter {
    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    fn words(&self) -> impl Iterator<Item = &[Atom]> {
        self.terms.iter().filter_map(|term| match term {
            Term::Word {
                negative: false,
                alternatives,
            } => Some(alternatives.as_slice()),
            _ => None,
        })
    }
}

/// How well a name matches, best first; the score decides only within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Exact,
    Prefix,
    WordStart,
    Contiguous,
    /// Not in the name, but as a whole in another text: host, tag, description …
    Elsewhere,
    /// The letters in this order, with others in between.
    Fuzzy,
}

/// One entry that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Its place in the list that the index was made from.
    pub index: usize,
    /// None if the filter has no words.
    pub class: Option<Class>,
    pub score: u32,
}

/// A list prepared for filtering.
pub struct Index {
    entries: Vec<Entry>,
    vocabulary: Vocabulary,
    matcher: Matcher,
}

struct Entry {
    subject: Subject,
    folded: String,
    characters: Utf32String,
    /// Which characters the name has at all, to pass over most entries without a closer look.
    mask: u64,
    elsewhere: String,
    elsewhere_folded: String,
    status: &'static str,
    marks: Vec<&'static str>,
}

/// The values that the list's entries have, folded and sorted; `tag` holds keys and `key=value`.
struct Vocabulary(Vec<(Field, Vec<String>)>);

impl Vocabulary {
    fn new(entries: &[Entry]) -> Self {
        let values = |field: &Field| {
            let fixed = match field {
                Field::Status => STATUS_WORDS,
                Field::Is => IS_WORDS,
                _ => &[],
            };
            let mut values: BTreeSet<String> = fixed.iter().map(|word| (*word).to_owned()).collect();
            entries
                .iter()
                .for_each(|entry| entry.each_value(*field, &mut |value| _ = values.insert(fold(value))));
            (*field, values.into_iter().collect())
        };
        Self(Field::ALL.iter().map(values).collect())
    }

    fn values(&self, field: Field) -> &[String] {
        self.0
            .iter()
            .find(|(known, _)| *known == field)
            .map_or(&[], |(_, values)| values)
    }
}

impl Index {
    pub fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let entries: Vec<Entry> = subjects.into_iter().map(Entry::new).collect();
        let mut config = Config::DEFAULT;
        config.prefer_prefix = true;
        Self {
            vocabulary: Vocabulary::new(&entries),
            entries,
            matcher: Matcher::new(config),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn subject(&self, index: usize) -> Option<&Subject> {
        self.entries.get(index).map(|entry| &entry.subject)
    }

    /// What `status:` sees of one entry; `unknown` at first.
    pub fn set_status(&mut self, index: usize, status: &'static str) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.status = status;
        }
    }

    /// What `is:` sees of one entry.
    pub fn set_marks(&mut self, index: usize, marks: Vec<&'static str>) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.marks = marks;
        }
    }

    /// The values that a field has in this list, for completion.
    pub fn values(&self, field: Field) -> &[String] {
        self.vocabulary.values(field)
    }

    /// # Errors
    /// A field that does not exist, or a value that no entry has. A term that is still being typed (`env:`) is no error.
    pub fn parse(&self, text: &str) -> Result<Filter, FilterError> {
        query::parse(text, &self.vocabulary).map(|terms| Filter { terms })
    }

    /// What matches. With words: class first, then score, then the shorter name, then the name; without: the list's own order.
    pub fn rank(&mut self, filter: &Filter) -> Vec<Match> {
        let needles = prepare(filter);
        let mut found = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if !filter.terms.iter().all(|term| entry.passes(term)) {
                continue;
            }
            let mut total = Some(Match {
                index,
                class: None,
                score: 0,
            });
            for word in &needles {
                let best = word
                    .iter()
                    .filter_map(|needle| entry.best(needle, &mut self.matcher))
                    .min_by_key(|m| (m.0, Reverse(m.1)));
                total = total.zip(best).map(|(sum, (class, score))| Match {
                    index,
                    class: sum.class.max(Some(class)),
                    score: sum.score + u32::from(score),
                });
                if total.is_none() {
                    break;
                }
            }
            found.extend(total);
        }
        if !needles.is_empty() {
            let name = |m: &Match| {
                self.entries
                    .get(m.index)
                    .map(|entry| (entry.subject.name.len(), entry.subject.name.as_str()))
            };
            found.sort_by(|a, b| {
                let key = |m: &Match| (m.class, Reverse(m.score));
                key(a).cmp(&key(b)).then_with(|| name(a).cmp(&name(b)))
            });
        }
        found
    }

    /// Which characters of an entry's name the filter's words matched, sorted; counted in `char`s.
    pub fn highlight(&mut self, filter: &Filter, index: usize) -> Vec<usize> {
        let Some(entry) = self.entries.get(index) else {
            return Vec::new();
        };
        let mut indices = BTreeSet::new();
        for needle in prepare(filter).iter().flatten() {
            match entry.span(needle.atom) {
                Some((start, _)) => {
                    let begin = entry.name(needle.atom).get(..start).unwrap_or_default().chars().count();
                    indices.extend(begin..begin + needle.atom.text.chars().count());
                }
                None if needle.atom.shape == Shape::Fuzzy && !entry.elsewhere(needle.atom) => {
                    let mut found = Vec::new();
                    self.matcher.config.ignore_case = !needle.atom.cased;
                    if self
                        .matcher
                        .fuzzy_indices(entry.characters.slice(..), needle.characters.slice(..), &mut found)
                        .is_some()
                    {
                        indices.extend(found.into_iter().map(|at| at as usize));
                    }
                }
                None => {}
            }
        }
        indices.into_iter().collect()
    }

    /// Names that may have been meant by a filter that matches nothing.
    pub fn suggest(&self, filter: &Filter) -> Vec<String> {
        let names = || self.entries.iter().map(|entry| entry.subject.name.as_str());
        filter
            .words()
            .flatten()
            .map(|atom| suggest::nearest(&atom.text, names()))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }
}

/// A word ready to be compared.
struct Needle<'a> {
    atom: &'a Atom,
    characters: Utf32String,
    mask: u64,
}

fn prepare(filter: &Filter) -> Vec<Vec<Needle<'_>>> {
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

impl Entry {
    fn new(subject: Subject) -> Self {
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
            status: "unknown",
            marks: Vec::new(),
        }
    }

    fn each_value(&self, field: Field, visit: &mut dyn FnMut(&str)) {
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
            Field::Status => visit(self.status),
            Field::Is => self.marks.iter().for_each(|mark| visit(mark)),
            Field::Tag => {
                for (key, value) in &subject.tags {
                    visit(key);
                    visit(&format!("{key}={value}"));
                }
            }
        }
    }

    /// Fields and excluded words; the other words are ranked.
    fn passes(&self, term: &Term) -> bool {
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

    fn name(&self, atom: &Atom) -> &str {
        if atom.cased { &self.subject.name } else { &self.folded }
    }

    fn elsewhere(&self, atom: &Atom) -> bool {
        let text = if atom.cased {
            &self.elsewhere
        } else {
            &self.elsewhere_folded
        };
        text.contains(&atom.text)
    }

    /// Where the word stands in the name as a whole (in bytes), at its best place, and what kind of place that is.
    fn span(&self, atom: &Atom) -> Option<(usize, Class)> {
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

    fn best(&self, needle: &Needle<'_>, matcher: &mut Matcher) -> Option<(Class, u16)> {
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

/// Lower case, one character for each.
fn fold(text: &str) -> String {
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

#[cfg(test)]
mod tests;
