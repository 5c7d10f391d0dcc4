//! The filter words of lists (`env:prod type:postgres !tag:legacy orders`), and the order in which roles match.
//!
//! An [`Index`] is made once a list and asked at every key: it parses the text into a [`Filter`], ranks what matches, and says which
//! characters of a name to highlight.

mod entry;
mod query;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use nucleo_matcher::{Config, Matcher};

use crate::domain::catalogue::Code;
use crate::domain::policy::Record;
use crate::domain::problem::Problem;
use crate::domain::role::{Role, Source};
use crate::domain::suggest;
use entry::{Entry, fold, prepare};
pub use query::quoted;
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

/// The words of the grammar for `status:`. None is a mistake, also before something has it.
pub const STATUS_WORDS: &[&str] = &["ok", "warn", "fail", "stale", "checking", "unknown", "expiring"];
/// The same for `is:`.
pub const IS_WORDS: &[&str] = &["fav", "recent", "readonly", "recorded", "confirm", "live", "invalid"];

/// One entry of a list, as far as filters see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    pub name: String,
    pub resource: Option<String>,
    pub description: Option<String>,
    pub env: Option<String>,
    /// What `type:` sees: the connector, or the program of a command.
    pub connector: Option<String>,
    pub tags: Vec<(String, String)>,
    pub providers: Vec<String>,
    pub host: Option<String>,
    pub owner: Option<String>,
    pub access: Option<String>,
    /// What `status:` sees; none in a list that knows of no checks.
    pub status: Option<&'static str>,
    /// What `is:` sees.
    pub marks: Vec<&'static str>,
}

impl From<&Role> for Subject {
    fn from(role: &Role) -> Self {
        let providers: BTreeSet<&str> = role.providers().collect();
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
            connector: Some(role.kind().to_owned()),
            tags: role
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            providers: providers.into_iter().map(str::to_owned).collect(),
            host,
            owner: role.owner.clone(),
            access: role.access_mode.clone(),
            status: None,
            marks: [
                (role.access_mode.as_deref() == Some("read-only"), "readonly"),
                (role.policy.record != Record::Off, "recorded"),
            ]
            .into_iter()
            .filter_map(|(is, mark)| is.then_some(mark))
            .collect(),
        }
    }
}

/// A text that cannot be used as a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FilterError {
    /// Whether the filter is none, or only chooses nothing.
    pub code: &'static Code,
    /// One sentence.
    pub what: String,
    /// Terms that may have been meant, best first, as they would be typed.
    pub similar: Vec<String>,
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        Self::new(error.code, error.what).similar(error.similar)
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

/// The values that the list's entries have, folded and sorted; `tag` holds keys and `key=value`.
struct Vocabulary(Vec<(Field, Vec<String>)>);

impl Vocabulary {
    fn new(entries: &[Entry]) -> Self {
        // A list that knows of no checks says so.
        let lives = entries.iter().any(|entry| entry.subject.status.is_some());
        let values = |field: &Field| {
            let fixed = match field {
                Field::Status if lives => STATUS_WORDS,
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

    /// What `status:` sees of one entry from now on.
    pub fn set_status(&mut self, index: usize, status: &'static str) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.subject.status = Some(status);
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

#[cfg(test)]
mod tests;
