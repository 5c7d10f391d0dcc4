//! Which rows the filter leaves in the list, in which order, and what is emphasised in them. The grammar is `domain::filter`'s.

use std::cmp::Ordering;

use crate::domain::filter::{Field, Filter, Index, Subject};
use crate::domain::status::State;
use crate::ui::model::{Check, Model, RoleRow, RowOf, Sort};

/// The index of the rows, as they come from the configuration.
pub fn index(model: &Model, rows: &[RoleRow]) -> Index {
    let subjects = rows.iter().map(|row| match row.of {
        RowOf::Role(i) => match model.config.roles.get(i) {
            Some(role) => {
                let mut subject = Subject::from(role);
                subject.status = Some("unknown");
                subject
            }
            None => Subject::default(),
        },
        RowOf::Broken(i) => Subject {
            status: Some("fail"),
            ..model.config.broken.get(i).map(Subject::from).unwrap_or_default()
        },
    });
    Index::new(subjects)
}

/// Applies filter and order again. The role called `keep` stays selected if it is still there.
pub fn refilter(model: &mut Model, keep: Option<&str>) {
    refresh_status(model);
    let roles = &mut model.roles;
    let text = roles.filter.text.trim().to_owned();
    roles.filter_error = None;
    roles.suggestion = None;
    roles.parsed = Filter::default();
    let mut shown: Vec<usize> = match parse(&roles.index, &text, roles.editing) {
        Ok(filter) => {
            roles.parsed = filter;
            let found = roles.index.rank(&roles.parsed);
            let ranked = found.first().is_some_and(|found| found.class.is_some());
            let mut shown: Vec<usize> = found.into_iter().map(|found| found.index).collect();
            if !ranked {
                sort(&mut shown, roles.sort, &roles.rows, &roles.checks);
            }
            if shown.is_empty() {
                roles.suggestion = roles.index.suggest(&roles.parsed).into_iter().next();
            }
            shown
        }
        Err((what, suggestion)) => {
            roles.filter_error = Some(what);
            roles.suggestion = suggestion;
            Vec::new()
        }
    };
    if roles.reverse {
        shown.reverse();
    }
    let kept = keep.and_then(|name| shown.iter().position(|i| roles.rows[*i].name == name));
    roles.selected = kept.unwrap_or(0);
    roles.shown = shown;
    roles.detail_scroll = 0;
    model.roles.suggested = match model.roles.suggestion.clone() {
        Some(suggestion) => count(model, &suggestion),
        None => 0,
    };
}

/// Reads the filter. While it is typed, the beginning of a value stands for every value that begins so.
fn parse(index: &Index, text: &str, typing: bool) -> Result<Filter, (String, Option<String>)> {
    let error = match index.parse(text) {
        Ok(filter) => return Ok(filter),
        Err(error) => error,
    };
    if typing
        && let Some(longer) = completed(index, text)
        && let Ok(filter) = index.parse(&longer)
    {
        return Ok(filter);
    }
    let wrong = text.split(' ').find(|term| index.parse(term).is_err());
    let suggestion = error.similar.first().map(|similar| match wrong {
        Some(wrong) => text.replacen(wrong, similar, 1),
        None => similar.clone(),
    });
    Err((error.what, suggestion))
}

fn completed(index: &Index, text: &str) -> Option<String> {
    let (before, last) = text
        .rsplit_once(' ')
        .map_or(("", text), |(before, last)| (before, last));
    let (word, begun) = last.trim_start_matches('!').split_once(':')?;
    let field = Field::ALL.iter().find(|field| field.word() == word)?;
    let begun = begun.to_lowercase();
    let values: Vec<&str> = index
        .values(*field)
        .iter()
        .map(String::as_str)
        .filter(|value| value.starts_with(&begun) && !value.contains(' '))
        .collect();
    let bang = if last.starts_with('!') { "!" } else { "" };
    (!values.is_empty()).then(|| format!("{before} {bang}{word}:{}", values.join(",")))
}

/// `status:` sees what is known now.
fn refresh_status(model: &mut Model) {
    let roles = &mut model.roles;
    for (i, row) in roles.rows.iter().enumerate() {
        if let Some(check) = roles.checks.get(&row.name) {
            let word = match check {
                Check::Running { .. } => "checking",
                Check::Done(known) => match known.status.state {
                    State::Ok => "ok",
                    State::Warn => "warn",
                    State::Fail => "fail",
                    State::Skipped => "unknown",
                },
            };
            roles.index.set_status(i, word);
        }
    }
}

fn sort(shown: &mut [usize], order: Sort, rows: &[RoleRow], checks: &std::collections::HashMap<String, Check>) {
    shown.sort_by(|a, b| {
        let (a, b) = (&rows[*a], &rows[*b]);
        let first = match order {
            Sort::Name => Ordering::Equal,
            Sort::Env => b.prod.cmp(&a.prod).then_with(|| a.env.cmp(&b.env)),
            Sort::Status => gravity(b, checks).cmp(&gravity(a, checks)),
        };
        first.then_with(|| a.name.cmp(&b.name))
    });
}

fn gravity(row: &RoleRow, checks: &std::collections::HashMap<String, Check>) -> u8 {
    match checks.get(&row.name) {
        _ if matches!(row.of, RowOf::Broken(_)) => 5,
        Some(Check::Done(known)) => match known.status.state {
            State::Fail => 4,
            State::Warn => 3,
            State::Ok => 1,
            State::Skipped => 0,
        },
        Some(Check::Running { .. }) => 2,
        None => 0,
    }
}

/// Which characters of the visible names the filter matched. Only for what is on the screen: a list may be long.
pub fn highlight(model: &mut Model, height: usize) {
    let roles = &mut model.roles;
    roles.hits.clear();
    if roles.parsed.is_empty() {
        return;
    }
    for row in roles.shown.iter().skip(roles.top).take(height) {
        let hits = roles.index.highlight(&roles.parsed, *row);
        roles.hits.insert(*row, hits);
    }
}

/// How many roles another filter would leave.
fn count(model: &mut Model, text: &str) -> usize {
    match model.roles.index.parse(text) {
        Ok(filter) => model.roles.index.rank(&filter).len(),
        Err(_) => 0,
    }
}

/// Whether the word before a colon is one of the filter's.
pub fn knows_field(word: &str) -> bool {
    matches!(word, "e" | "t") || Field::ALL.iter().any(|field| field.word() == word)
}
