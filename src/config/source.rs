//! One configuration file: where a byte of it stands, and which of its lines may be shown.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::printable::printable;
use crate::domain::problem::{Location, Snippet};

/// A file that was read. Its place among the files of the run orders the problems.
pub(super) struct SourceFile {
    pub(super) index: usize,
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    is_toml: Cell<bool>,
    /// Values that may hold a secret: where they begin and end.
    hidden: RefCell<BTreeMap<usize, usize>>,
}

impl SourceFile {
    pub(super) fn new(index: usize, path: PathBuf, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            index,
            path,
            text,
            lines,
            is_toml: Cell::new(false),
            hidden: RefCell::default(),
        }
    }

    /// Remembers that the whole file is TOML, and which values may hold a secret by the names of their keys.
    pub(super) fn hide_secrets(&self, root: &DeTable<'_>) {
        let mut hidden = Vec::new();
        collect_hidden(root, false, &mut hidden);
        let ranges = hidden.into_iter().map(|range| (range.start, range.end));
        self.hidden.borrow_mut().extend(ranges);
        self.is_toml.set(true);
    }

    /// Hides everything in a value: nothing says what it is.
    pub(super) fn hide(&self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.values().for_each(|value| self.hide(value)),
            DeValue::Array(values) => values.iter().for_each(|value| self.hide(value)),
            _ => {
                let span = value.span();
                self.hidden.borrow_mut().insert(span.start, span.end);
            }
        }
    }

    /// Where the first value in the line begins that may hold a secret; one of several lines begins before it.
    fn first_hidden(&self, line: &Range<usize>) -> Option<usize> {
        let hidden = self.hidden.borrow();
        let around = hidden.range(..=line.start).next_back();
        let around = around.filter(|(_, end)| **end > line.start);
        around
            .or_else(|| hidden.range(line.clone()).next())
            .map(|(start, _)| *start)
    }

    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line_range(&self, index: usize) -> Range<usize> {
        let start = self.lines.get(index).copied().unwrap_or(0);
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    pub(super) fn location(&self, offset: usize) -> Location {
        let index = self.line_index(offset);
        let line = self.line_range(index);
        let before = self.text.get(line.start..offset).unwrap_or_default();
        Location {
            file: self.path.clone(),
            line: index + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The line of the span, cut before anything that may hold a secret; none where nothing of it may be shown.
    pub(super) fn snippet(&self, span: &Range<usize>) -> Option<Snippet> {
        let line = self.line_range(self.line_index(span.start));
        let unparsed = || unparsed_cut(&self.text[line.clone()]).map(|at| line.start + at);
        let by_line = (!self.is_toml.get()).then(unparsed).flatten();
        let cut = self.first_hidden(&line).into_iter().chain(by_line).min();
        let shown_end = cut.unwrap_or(line.end);
        if shown_end <= line.start {
            return None;
        }
        let mut text = printable(self.text.get(line.start..shown_end)?.trim_end_matches('\r'));
        if cut.is_some() {
            text.push('…');
        }
        let last = text.chars().count();
        let column = self.text.get(line.start..span.start)?.chars().count();
        // A place behind the cut is shown at the dots, which needs the location to say so too: the snippet is left out instead.
        if cut.is_some_and(|cut| span.start > cut) || column > last {
            return None;
        }
        let end = span.end.min(shown_end).max(span.start);
        let width = self.text.get(span.start..end).map_or(1, |t| t.chars().count()).max(1);
        Some(Snippet { line: text, width })
    }

    /// Where the first `[roles.NAME…]` header of this role begins.
    pub(super) fn first_role_header(&self, role: &str) -> Option<usize> {
        let begins = |line: &Range<usize>| role_of_header(&self.text[line.clone()]).is_some_and(|name| name == role);
        (0..self.lines.len())
            .map(|index| self.line_range(index))
            .find(begins)
            .map(|line| line.start)
    }

    /// The name in the nearest `[roles.NAME…]` header at or above the offset.
    pub(super) fn role_header_above(&self, offset: usize) -> Option<String> {
        let last = self.line_index(offset);
        let header = (0..=last)
            .rev()
            .map(|index| &self.text[self.line_range(index)])
            .find(|line| line.trim_start().starts_with('['))?;
        role_of_header(header)
    }
}

/// The role that a header is about, whatever its quotes and blanks: `[roles."db.prod".fields]`; none for any other line.
fn role_of_header(line: &str) -> Option<String> {
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let root = DeTable::parse(line).ok()?;
    let roles = root.get_ref().get("roles")?.get_ref().as_table()?;
    roles.keys().next().map(|name| name.get_ref().to_string())
}

/// Keys whose value is shown even where the file is no valid TOML.
const HARMLESS_KEYS: &[&str] = &[
    "color",
    "connector",
    "description",
    "env",
    "extends",
    "kind",
    "label",
    "mode",
    "owner",
    "prefix",
    "prefix2",
    "resource",
    "safer",
    "theme",
    "title",
    "version",
];

/// Where a line of a file that is no valid TOML is cut. Shown are headers, keys, and the value of one harmless key; never what only may be
/// a value: the line can be the middle of a text whose quote is missing.
fn unparsed_cut(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('[') {
        return line.find(['=', '"', '\'', '#']);
    }
    let Some(at) = line.find('=') else { return Some(0) };
    let key = line[..at].trim();
    if !key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    {
        return Some(0);
    }
    let value = &line[at + 1..];
    let harmless = HARMLESS_KEYS.contains(&key) && !value.contains(['{', '=', '@']);
    (!harmless).then_some(at + 1)
}

/// A name from a file as a message quotes it: nothing that a terminal would obey, and not endless.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 60;
    let text = printable(name);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// Words in a key's name that say its value may be a secret.
const SECRET_WORDS: &[&str] = &["pass", "pwd", "secret", "token", "auth", "key", "cred", "jwt"];

/// Keys whose values may be one although their names do not say so.
const SECRET_KEYS: &[&str] = &["literal", "default", "command", "args"];

/// Keys of a field's table whose values never hold a secret.
const OPEN_KEYS: &[&str] = &["via", "version", "stage", "trim", "optional", "lifetime"];

fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.contains(&key.as_str()) || SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Whether a field's name says that its value is a secret, for a warning about one that is typed into a role file.
pub(super) fn names_a_secret(field: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "_PWD",
        "_SECRET",
        "_TOKEN",
        "API_KEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
    ];
    ENDINGS.iter().any(|ending| field.ends_with(ending))
}

fn collect_hidden(table: &DeTable<'_>, inside: bool, hidden: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let open = inside && OPEN_KEYS.contains(&name);
        if let DeValue::Table(members) = value.get_ref() {
            // The name of a role or provider says nothing about what stands in its table.
            collect_hidden(members, inside || name == "fields", hidden);
            continue;
        }
        let shouted = name.len() > 1 && name.chars().all(|c| !c.is_ascii_lowercase());
        let hide = !open && (inside || shouted || looks_secret(name));
        collect_value(value.get_ref(), &value.span(), hide, hidden);
    }
}

fn collect_value(value: &DeValue<'_>, span: &Range<usize>, hide: bool, hidden: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => collect_hidden(table, hide, hidden),
        DeValue::Array(values) => {
            for value in values {
                collect_value(value.get_ref(), &value.span(), hide, hidden);
            }
        }
        DeValue::String(text) if hide || (text.contains("://") && text.contains('@')) => hidden.push(span.clone()),
        _ if hide => hidden.push(span.clone()),
        _ => {}
    }
}
