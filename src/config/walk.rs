//! Walks parsed TOML by declared keys: unknown ones, wrong types and keys that are not in force yet are reported on the way.

use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::NotInForce;
use super::duration;
use super::report::{Place, Scope};
use super::source::{SourceFile, shown};
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::{Location, Problem};
use crate::domain::suggest;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    Text,
    Switch,
    /// True, false, or this word.
    SwitchOr(&'static str),
    /// A whole number within these bounds.
    Number(i64, i64),
    Texts,
    /// A table of texts.
    TextMap,
    /// A table of whole numbers within these bounds.
    NumberMap(i64, i64),
    /// A length of time: `15m`, `4h`, `5s`.
    Duration,
    /// A length of time of at least a second, or this word.
    DurationOr(&'static str),
    /// How long one answer of a server may take: `500ms`, `5s`, `1m`.
    Limit,
    OneOf(&'static [&'static str]),
    /// One of these words, or one of these numbers.
    Choice(&'static [&'static str]),
    /// A text, or `{ secret = "…" }` of another provider.
    Credential,
    /// A table of these keys.
    Table(&'static [Key]),
    /// Looked at by the code that reads it.
    Anything,
    /// Nothing: the key stands in `config.toml` only.
    NotHere,
}

/// A server that takes longer to answer is not waited for.
const LONGEST_LIMIT: Duration = Duration::from_secs(600);

/// A key that may stand in a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    /// A valid value, as TOML.
    pub(super) example: &'static str,
    /// Whether it has an effect yet.
    pub(super) in_force: bool,
}

impl Key {
    pub(super) const fn now(name: &'static str, takes: Takes, example: &'static str) -> Self {
        Self {
            name,
            takes,
            example,
            in_force: true,
        }
    }

    /// A key that is accepted and has no effect yet.
    pub(super) const fn later(name: &'static str, takes: Takes, example: &'static str) -> Self {
        Self {
            name,
            takes,
            example,
            in_force: false,
        }
    }
}

/// One entry of a table: its key, its value, and the words for it.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) name: &'a str,
    key_span: Range<usize>,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    /// The path of the table that it stands in.
    parent: Rc<str>,
}

impl<'a> Entry<'a> {
    /// `roles.prod.confirm`
    pub(super) fn path(&self) -> String {
        let name = shown(self.name);
        if self.parent.is_empty() {
            name
        } else {
            format!("{}.{name}", self.parent)
        }
    }

    pub(super) fn key_place(&self) -> Place<'a> {
        Place {
            file: self.file,
            span: self.key_span.clone(),
        }
    }

    pub(super) fn place(&self) -> Place<'a> {
        Place {
            file: self.file,
            span: self.value.span(),
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.get_ref().as_str()
    }

    /// The texts of a list with their places.
    pub(super) fn texts(&self) -> Vec<(&'a str, Place<'a>)> {
        let values: &[Spanned<DeValue<'a>>] = self.value.get_ref().as_array().map_or(&[][..], |list| &list[..]);
        let texts = values
            .iter()
            .filter_map(|value| Some((value.get_ref().as_str()?, value.span())));
        texts
            .map(|(text, span)| (text, Place { file: self.file, span }))
            .collect()
    }

    /// The entries of a table whose keys are names.
    pub(super) fn members(&self) -> Vec<Entry<'a>> {
        self.value
            .get_ref()
            .as_table()
            .map(|table| entries(self.file, table, &self.path().into()))
            .unwrap_or_default()
    }

    /// The tables of a list of tables.
    pub(super) fn elements(&self) -> Vec<Entry<'a>> {
        let values: &[Spanned<DeValue<'a>>] = self.value.get_ref().as_array().map_or(&[][..], |list| &list[..]);
        let element = |value: &'a Spanned<DeValue<'a>>| Entry {
            file: self.file,
            name: self.name,
            key_span: value.span(),
            value,
            parent: self.parent.clone(),
        };
        values.iter().map(element).collect()
    }

    /// The members of a table; anything else is a problem.
    pub(super) fn members_or_problem(&self, scope: &Scope<'_>, what: &str) -> Vec<Entry<'a>> {
        if !self.value.get_ref().is_table() {
            self.file.hide(self.value);
            let message = format!(
                "`{}` takes {what}, and here is {}",
                shown(self.name),
                noun(self.value.get_ref())
            );
            scope.problem(&self.place(), Problem::new(&catalogue::CONFIG_TYPE, message));
        }
        self.members()
    }
}

/// All entries of a table.
pub(super) fn entries<'a>(file: &'a SourceFile, table: &'a DeTable<'a>, path: &Rc<str>) -> Vec<Entry<'a>> {
    table.iter().map(|(key, value)| entry(file, key, value, path)).collect()
}

fn entry<'a>(
    file: &'a SourceFile,
    key: &'a Spanned<toml::de::DeString<'a>>,
    value: &'a Spanned<DeValue<'a>>,
    parent: &Rc<str>,
) -> Entry<'a> {
    let name: &str = key.get_ref();
    Entry {
        file,
        name,
        key_span: key.span(),
        value,
        parent: parent.clone(),
    }
}

/// A table whose keys are declared. Opening it reports unknown keys, wrong types and keys that are not in force.
pub(super) struct Table<'a> {
    file: &'a SourceFile,
    entries: &'a DeTable<'a>,
    path: Rc<str>,
}

impl<'a> Table<'a> {
    /// Opens the table in an entry; `what` is what messages call it: `role "prod"`.
    pub(super) fn open(scope: &Scope<'_>, at: &Entry<'a>, what: &str, keys: &[Key]) -> Option<Self> {
        let DeValue::Table(table) = at.value.get_ref() else {
            at.file.hide(at.value);
            let message = format!("{what} is a table, and here is {}", noun(at.value.get_ref()));
            scope.problem(&at.place(), Problem::new(&catalogue::CONFIG_TYPE, message));
            return None;
        };
        Some(Self::of(scope, at.file, table, &at.path(), what, keys))
    }

    pub(super) fn of(
        scope: &Scope<'_>,
        file: &'a SourceFile,
        entries: &'a DeTable<'a>,
        path: &str,
        what: &str,
        keys: &[Key],
    ) -> Self {
        let table = Self {
            file,
            entries,
            path: path.into(),
        };
        for entry in table.all() {
            check_entry(scope, &entry, what, keys);
        }
        table
    }

    pub(super) fn all(&self) -> Vec<Entry<'a>> {
        entries(self.file, self.entries, &self.path)
    }

    pub(super) fn get(&self, name: &str) -> Option<Entry<'a>> {
        let (key, value) = self.entries.get_key_value(name)?;
        Some(entry(self.file, key, value, &self.path))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text().map(str::to_owned)
    }

    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.get(name)?.value.get_ref().as_bool()
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        number(self.get(name)?.value.get_ref())
    }

    /// A list of texts; none if the key is not there.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let entry = self.get(name)?;
        entry.value.get_ref().as_array()?;
        Some(entry.texts().into_iter().map(|(text, _)| text.to_owned()).collect())
    }

    /// The texts of a table.
    pub(super) fn text_map(&self, name: &str) -> Vec<(String, String)> {
        let members = self.get(name).map(|entry| entry.members()).unwrap_or_default();
        let text = |entry: Entry<'a>| Some((entry.name.to_owned(), entry.text()?.to_owned()));
        members.into_iter().filter_map(text).collect()
    }
}

pub(super) fn check_entry(scope: &Scope<'_>, entry: &Entry<'_>, what: &str, keys: &[Key]) {
    let Some(key) = keys.iter().find(|key| key.name == entry.name) else {
        // It may be a credential whose key is misspelt.
        entry.file.hide(entry.value);
        scope.problem(
            &entry.key_place(),
            unknown_key(entry.name, what, keys.iter().map(|key| key.name)),
        );
        return;
    };
    if matches!(key.takes, Takes::NotHere) {
        entry.file.hide(entry.value);
        let message = format!("`{}` stands in config.toml, not in {what}", key.name);
        scope.problem(
            &entry.key_place(),
            Problem::new(&catalogue::CONFIG_UNKNOWN_KEY, message),
        );
        return;
    }
    check_type(scope, entry, what, key);
    if !key.in_force && !scope.muted {
        scope.report.not_in_force.borrow_mut().push(NotInForce {
            key: entry.path(),
            at: entry.key_place().location(),
        });
    }
}

/// A key that nothing knows, with the nearest one behind the underline.
pub(super) fn unknown_key<'k>(name: &str, what: &str, known: impl Iterator<Item = &'k str> + Clone) -> Problem {
    let message = format!("unknown key `{}` in {what}", shown(name));
    let problem = Problem::new(&catalogue::CONFIG_UNKNOWN_KEY, message);
    match suggest::nearest(name, known).as_slice() {
        [] => problem,
        [nearest, ..] => problem.note(format!("did you mean `{nearest}`?")),
    }
}

fn check_type(scope: &Scope<'_>, entry: &Entry<'_>, what: &str, key: &Key) {
    let value = entry.value.get_ref();
    if let Takes::Table(keys) = key.takes
        && value.is_table()
    {
        Table::open(scope, entry, &format!("`{}` of {what}", key.name), keys);
        return;
    }
    let Err(expected) = fits(key.takes, value) else {
        return;
    };
    let place = wrong_place(entry, key.takes);
    let here = match value {
        DeValue::Array(_) | DeValue::Table(_) if place.span != entry.value.span() => "something else in it".to_owned(),
        other => match key.takes {
            Takes::OneOf(_) | Takes::Duration | Takes::DurationOr(_) | Takes::Limit | Takes::SwitchOr(_)
                if other.is_str() =>
            {
                "another text".to_owned()
            }
            Takes::Choice(_) | Takes::Number(..) if other.is_integer() => "another number".to_owned(),
            _ => noun(other),
        },
    };
    let message = format!("`{}` in {what} takes {expected}, and here is {here}", key.name);
    let problem = Problem::new(&catalogue::CONFIG_TYPE, message)
        .fixes(vec![format!("write it like this: {} = {}", key.name, key.example)]);
    scope.problem(&place, problem);
}

/// The element of a list that is wrong, else the whole value.
fn wrong_place<'a>(entry: &Entry<'a>, takes: Takes) -> Place<'a> {
    let wrong = match (takes, entry.value.get_ref()) {
        (Takes::Texts, DeValue::Array(values)) => values.iter().find(|value| !value.get_ref().is_str()),
        (Takes::TextMap, DeValue::Table(table)) => table.values().find(|value| !value.get_ref().is_str()),
        _ => None,
    };
    Place {
        file: entry.file,
        span: wrong.map_or_else(|| entry.value.span(), Spanned::span),
    }
}

/// Whether a value is what a key takes; else what that would be.
fn fits(takes: Takes, value: &DeValue<'_>) -> Result<(), String> {
    let (right, expected) = match takes {
        Takes::Anything | Takes::NotHere => (true, String::new()),
        Takes::Text => (value.is_str(), "a text in quotes".to_owned()),
        Takes::Switch => (value.is_bool(), "true or false".to_owned()),
        Takes::SwitchOr(word) => (
            value.is_bool() || value.as_str() == Some(word),
            format!("true, false or \"{word}\""),
        ),
        Takes::Number(low, high) if low == high => (within(value, low, high), format!("the number {low}")),
        Takes::Number(low, high) => (within(value, low, high), format!("a whole number from {low} to {high}")),
        Takes::Texts => (
            value
                .as_array()
                .is_some_and(|list| list.iter().all(|v| v.get_ref().is_str())),
            "a list of texts".to_owned(),
        ),
        Takes::TextMap => (
            value
                .as_table()
                .is_some_and(|table| table.values().all(|v| v.get_ref().is_str())),
            "a table of texts".to_owned(),
        ),
        Takes::NumberMap(low, high) => (
            value
                .as_table()
                .is_some_and(|table| table.values().all(|v| within(v.get_ref(), low, high))),
            format!("a table of whole numbers from {low} to {high}"),
        ),
        Takes::Duration => (
            value.as_str().is_some_and(|text| duration::parse(text).is_some()),
            "a length of time, a number and one of ms, s, m, h, d".to_owned(),
        ),
        Takes::DurationOr(word) => (
            value
                .as_str()
                .is_some_and(|text| text == word || duration::parse(text) >= Some(Duration::from_secs(1))),
            format!("a length of time of one second or more, a number and one of s, m, h, d, w, or \"{word}\""),
        ),
        Takes::Limit => (
            value
                .as_str()
                .and_then(duration::parse)
                .is_some_and(|limit| !limit.is_zero() && limit <= LONGEST_LIMIT),
            "a time limit such as \"5s\" or \"500ms\", of 10 minutes at most".to_owned(),
        ),
        Takes::OneOf(words) => (value.as_str().is_some_and(|text| words.contains(&text)), one_of(words)),
        Takes::Choice(words) => {
            let text = value
                .as_str()
                .map(str::to_owned)
                .or_else(|| number(value).map(|n| n.to_string()));
            (text.is_some_and(|text| words.contains(&text.as_str())), one_of(words))
        }
        Takes::Credential => (
            value.is_str() || value.as_table().is_some_and(is_secret_table),
            "a text in quotes or { secret = \"…\" }".to_owned(),
        ),
        Takes::Table(_) => (value.is_table(), "a table".to_owned()),
    };
    if right { Ok(()) } else { Err(expected) }
}

fn is_secret_table(table: &DeTable<'_>) -> bool {
    table.len() == 1 && table.get("secret").is_some_and(|value| value.get_ref().is_str())
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}

fn within(value: &DeValue<'_>, low: i64, high: i64) -> bool {
    number(value).is_some_and(|number| (low..=high).contains(&number))
}

pub(super) fn number(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// What a value is, with its article.
pub(super) fn noun(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(_) => "a whole number".to_owned(),
        DeValue::Float(_) => "a number with a point".to_owned(),
        DeValue::Boolean(_) => "true or false".to_owned(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A name of a role, connector, environment, provider: it stands in file names, arguments and references.
pub(super) fn check_name(scope: &Scope<'_>, entry: &Entry<'_>, noun: &str) -> bool {
    const LONGEST: usize = 100;
    let name = entry.name;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= LONGEST && name.chars().all(allowed) {
        return true;
    }
    entry.file.hide(entry.value);
    let message = format!("`{}` cannot be the name of a {noun}", shown(name));
    let rule = format!(
        "a name is letters, digits and . _ - @ +, begins with a letter or digit, and is at most {LONGEST} long"
    );
    let code: &'static Code = &catalogue::CONFIG_NAME;
    scope.problem(&entry.key_place(), Problem::new(code, message).causes(vec![rule]));
    false
}

/// Both places of a name that is declared twice.
pub(super) fn duplicate(scope: &Scope<'_>, noun: &str, name: &str, second: &Place<'_>, first: &Location) {
    let message = format!("the {noun} `{}` is declared twice", shown(name));
    let problem = Problem::new(&catalogue::CONFIG_DUPLICATE, message).note(format!("first declared at {first}"));
    scope.problem(second, problem);
}

/// A name that nothing declares, with the nearest ones that something does.
pub(super) fn unknown_name<'k>(what: String, name: &str, known: impl IntoIterator<Item = &'k str>) -> Problem {
    Problem::new(&catalogue::CONFIG_UNKNOWN_NAME, what).similar(suggest::nearest(name, known))
}

/// Paths and texts of a config that are `~`, or have `~/` in front.
pub fn expand_home(text: &str, home: Option<&std::path::Path>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    }
}
