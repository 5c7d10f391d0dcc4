//! `hallpass list [QUERY]`: the roles that can be opened.

use clap::Args;
use serde_json::json;

use super::{Frame, json, say, table};
use crate::config::BrokenRole;
use crate::domain::filter::{Index, Subject};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::role::Role;

/// List the roles
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass list\n  hallpass list 'env:prod type:postgres'\n  hallpass list --format plain      names only"
)]
pub(super) struct List {
    /// Filter words: env:prod type:postgres !tag:legacy orders (hallpass help filters)
    query: Vec<String>,
    /// How the list looks
    #[arg(long, value_enum, default_value = "table", env = "HALLPASS_FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Plain,
    Json,
}

pub(super) fn run(list: &List, frame: &Frame) -> Result<u8, Problem> {
    let (roles, broken) = chosen(&list.query, frame)?;
    if frame.json || list.format == Format::Json {
        say(&json::document(json!({
            "roles": roles.iter().map(|role| json::role(role)).collect::<Vec<_>>(),
            "broken": broken.iter().map(|role| json::broken(role, &frame.config)).collect::<Vec<_>>(),
            "problems": json::problems(&frame.config),
        })));
    } else if list.format == Format::Plain {
        roles.iter().for_each(|role| say(&printable(&role.name)));
    } else if roles.is_empty() && broken.is_empty() {
        super::note(&none(&list.query, frame));
    } else {
        let rows: Vec<Vec<String>> = roles
            .iter()
            .map(|role| row(role))
            .chain(broken.iter().map(|role| broken_row(role, frame)))
            .collect();
        say(&table::render(
            &["NAME", "TYPE", "ENV", "PROVIDERS", "DESCRIPTION"],
            &rows,
        ));
    }
    frame.mention_problems();
    if frame.config.roles.is_empty() && frame.code_of_nothing() != 0 {
        return Ok(frame.code_of_nothing());
    }
    // Names alone are those of roles that can be opened.
    let nothing = roles.is_empty() && (broken.is_empty() || list.format == Format::Plain);
    Ok(u8::from(nothing && !list.query.is_empty()))
}

/// Why the list is empty.
fn none(query: &[String], frame: &Frame) -> String {
    if !query.is_empty() {
        let matching = format!("no role matches `{}`", printable(&query.join(" ")));
        let all = frame.config.roles.len() + frame.config.broken.len();
        return format!("{matching}: hallpass list shows all {all}");
    }
    frame.no_roles().to_owned()
}

/// The roles that the filter words choose, and those of them that cannot be opened, best match first; all of them, in the files' order,
/// without words.
pub(super) fn chosen<'a>(query: &[String], frame: &'a Frame) -> Result<(Vec<&'a Role>, Vec<&'a BrokenRole>), Problem> {
    let (roles, broken) = (&frame.config.roles, &frame.config.broken);
    // Of no roles nothing can be said that a filter would go by.
    if query.is_empty() || roles.is_empty() && broken.is_empty() {
        return Ok((roles.iter().collect(), broken.iter().collect()));
    }
    let subjects = roles.iter().map(Subject::from);
    let mut index = Index::new(subjects.chain(broken.iter().map(Subject::from)));
    let filter = index.parse(&query.join(" "))?;
    let found = index.rank(&filter);
    let places = || found.iter().map(|found| found.index);
    Ok((
        places().filter_map(|place| roles.get(place)).collect(),
        places()
            .filter_map(|place| broken.get(place.checked_sub(roles.len())?))
            .collect(),
    ))
}

/// A role that cannot be opened, with the code of what is wrong with it.
fn broken_row(role: &BrokenRole, frame: &Frame) -> Vec<String> {
    let problem = frame.config.problems.get(role.problem);
    [
        role.name.as_str(),
        role.connector.as_deref().unwrap_or("-"),
        role.env.as_deref().unwrap_or("-"),
        "-",
        &format!("invalid: {}", problem.map_or("", |problem| problem.code.id)),
    ]
    .map(printable)
    .to_vec()
}

fn row(role: &Role) -> Vec<String> {
    let mut providers: Vec<&str> = Vec::new();
    for provider in role.providers() {
        if !providers.contains(&provider) {
            providers.push(provider);
        }
    }
    let providers = if providers.is_empty() {
        "-".to_owned()
    } else {
        providers.join(",")
    };
    [
        role.name.as_str(),
        role.kind(),
        role.env.as_deref().unwrap_or("-"),
        &providers,
        role.description.as_deref().unwrap_or(""),
    ]
    .map(printable)
    .to_vec()
}
