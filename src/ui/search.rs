//! Which rows the filter leaves in the list, and in which order.

use crate::domain::status::State;
use crate::domain::suggest::nearest;
use crate::ui::model::{Check, Model, RoleRow, RowOf, Sort};

/// A row that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Index into `Roles::rows`.
    pub row: usize,
    /// How well; smaller is better.
    rank: (u8, usize),
}

const FIELDS: &[&str] = &["env", "type", "name", "provider", "tag", "owner", "status", "access"];

/// Applies filter and order again. The role called `keep` stays selected if it is still there.
pub fn refilter(model: &mut Model, keep: Option<&str>) {
    let query = model.roles.filter.text.clone();
    let terms: Vec<&str> = query.split_whitespace().collect();
    model.roles.filter_error = None;
    model.roles.suggestion = None;
    let mut shown: Vec<Match> = Vec::new();
    for (i, row) in model.roles.rows.iter().enumerate() {
        let mut rank = (0, 0);
        let matches = terms.iter().all(|term| match term_rank(model, row, term) {
            Some(r) => {
                rank = rank.max(r);
                true
            }
            None => false,
        });
        if matches {
            shown.push(Match { row: i, rank });
        }
    }
    let roles = &model.roles;
    let words = terms.iter().any(|term| !term.contains(':'));
    shown.sort_by(|a, b| {
        let (x, y) = (&roles.rows[a.row], &roles.rows[b.row]);
        let by_rank = if words { a.rank.cmp(&b.rank) } else { std::cmp::Ordering::Equal };
        let sorted = match roles.sort {
            Sort::Name => std::cmp::Ordering::Equal,
            Sort::Env => y.prod.cmp(&x.prod).then_with(|| x.env.cmp(&y.env)),
            Sort::Status => gravity(roles.checks.get(&y.name)).cmp(&gravity(roles.checks.get(&x.name))),
        };
        let sorted = sorted.then_with(|| x.name.cmp(&y.name));
        by_rank.then(if roles.reverse { sorted.reverse() } else { sorted })
    });
    if shown.is_empty() {
        model.roles.suggestion = suggestion(model, &terms);
    }
    let roles = &mut model.roles;
    let kept = keep.and_then(|name| shown.iter().position(|m| roles.rows[m.row].name == name));
    roles.selected = kept.unwrap_or(0);
    roles.shown = shown;
    roles.detail_scroll = 0;
}

fn gravity(check: Option<&Check>) -> u8 {
    match check {
        Some(Check::Done { status, .. }) => match status.state {
            State::Fail => 4,
            State::Warn => 3,
            State::Ok => 1,
            State::Skipped => 0,
        },
        Some(Check::Running { .. }) => 2,
        None => 0,
    }
}

fn term_rank(model: &Model, row: &RoleRow, term: &str) -> Option<(u8, usize)> {
    if let Some(rest) = term.strip_prefix('!') {
        return term_rank(model, row, rest).is_none().then_some((0, 0));
    }
    if let Some((field, values)) = term.split_once(':') {
        return values
            .split(',')
            .any(|value| field_matches(model, row, field, &value.to_lowercase()))
            .then_some((0, 0));
    }
    word_rank(&row.name.to_lowercase(), &term.to_lowercase())
}

fn field_matches(model: &Model, row: &RoleRow, field: &str, value: &str) -> bool {
    let role = match row.of {
        RowOf::Role(i) => model.config.roles.get(i),
        RowOf::Broken(_) => None,
    };
    match field {
        "env" | "e" => row.env.as_deref() == Some(value),
        "type" | "t" => row.kind == alias(value),
        "name" => row.name.contains(value),
        "owner" => role.and_then(|r| r.owner.as_deref()) == Some(value),
        "access" => role.and_then(|r| r.access_mode.as_deref()) == Some(value),
        "tag" => role.is_some_and(|r| match value.split_once('=') {
            Some((k, v)) => r.tags.get(k).is_some_and(|t| t == v),
            None => r.tags.contains_key(value),
        }),
        "provider" => role.is_some_and(|r| {
            r.fields.iter().flat_map(|f| f.source.references()).any(|reference| reference.id.provider == value)
        }),
        "status" => match model.roles.checks.get(&row.name) {
            Some(Check::Done { status, .. }) => status.state.word() == value,
            Some(Check::Running { .. }) => value == "checking",
            None => value == "unknown",
        },
        _ => false,
    }
}

fn alias(value: &str) -> &str {
    match value {
        "pg" => "postgres",
        "my" => "mysql",
        other => other,
    }
}

/// Exact name, prefix, start of a word, contiguous, scattered letters: one class never overtakes a better one.
fn word_rank(name: &str, word: &str) -> Option<(u8, usize)> {
    if name == word {
        return Some((0, 0));
    }
    if name.starts_with(word) {
        return Some((1, name.len()));
    }
    if let Some(at) = name.find(word) {
        let starts = name[..at].ends_with(['-', '_', '.', '/']);
        return Some((if starts { 2 } else { 3 }, at));
    }
    let hits = scattered(name, word)?;
    let span = hits.last()? - hits.first()?;
    Some((4, span))
}

fn scattered(name: &str, word: &str) -> Option<Vec<usize>> {
    let mut hits = Vec::new();
    let mut letters = name.chars().enumerate();
    for wanted in word.chars() {
        hits.push(letters.find(|(_, c)| *c == wanted)?.0);
    }
    Some(hits)
}

/// The characters of a name that the filter matched, for emphasis; computed for visible rows alone.
pub fn hits(filter: &str, name: &str) -> Vec<usize> {
    let name = name.to_lowercase();
    let mut hits = Vec::new();
    for word in filter.split_whitespace().filter(|w| !w.contains(':') && !w.starts_with('!')) {
        let word = word.to_lowercase();
        if let Some(at) = name.find(&word) {
            let start = name[..at].chars().count();
            hits.extend(start..start + word.chars().count());
        } else {
            hits.extend(scattered(&name, &word).unwrap_or_default());
        }
    }
    hits
}

/// The filter that may have been meant when nothing matches.
fn suggestion(model: &Model, terms: &[&str]) -> Option<String> {
    let replace = |i: usize, with: String| {
        let mut words: Vec<String> = terms.iter().map(|t| (*t).to_owned()).collect();
        words[i] = with;
        Some(words.join(" "))
    };
    for (i, term) in terms.iter().enumerate() {
        if let Some((field, value)) = term.split_once(':') {
            if !FIELDS.contains(&field) {
                let near = nearest(field, FIELDS.iter().copied());
                return near.first().and_then(|f| replace(i, format!("{f}:{value}")));
            }
            let rows = &model.roles.rows;
            let known: Vec<&str> = match field {
                "env" => rows.iter().filter_map(|r| r.env.as_deref()).collect(),
                "type" => rows.iter().map(|r| r.kind.as_str()).collect(),
                "provider" => model.providers.rows.iter().map(|r| r.name.as_str()).collect(),
                _ => Vec::new(),
            };
            if !known.contains(&value)
                && let Some(near) = nearest(value, known).first()
            {
                return replace(i, format!("{field}:{near}"));
            }
        }
    }
    let last = terms.last()?;
    let near = nearest(last, model.roles.rows.iter().map(|r| r.name.as_str()));
    near.first().and_then(|name| replace(terms.len() - 1, name.clone()))
}
