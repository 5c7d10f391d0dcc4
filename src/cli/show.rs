//! `hallpass show ROLE`: the detail pane as text. References only, never a value.

use clap::Args;

use jiff::Timestamp;

use super::{Frame, json, say, table};
use crate::check::{Checked, Checker, Kept};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::reference::Pin;
use crate::domain::role::{Field, LEASED, Role, Source};
use crate::domain::status::{FieldStatus, RoleStatus};
use crate::launch;

/// Show where a role's fields come from
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass show prod-postgres\n  hallpass show prod-postgres --json")]
pub(super) struct Show {
    /// The role's name
    role: String,
}

pub(super) fn run(show: &Show, frame: &Frame) -> Result<u8, Problem> {
    let role = launch::find_role(&frame.config, &show.role)?;
    let checked = last_check(role, frame);
    if frame.json {
        let mut document = json::role(role);
        document["checked"] = serde_json::json!(checked.as_ref().map(json::checked));
        say(&json::document(document));
        return Ok(0);
    }
    let facts: Vec<(&str, String)> = [
        ("Connector", role.connector.clone()),
        ("Resource", role.resource.clone()),
        ("Environment", role.env.clone()),
        ("Description", role.description.clone()),
        ("Owner", role.owner.clone()),
        ("Safer", role.safer.clone()),
        ("Tags", tags(role)),
        ("Command", Some(launch::preview(&frame.config, role))),
        ("Lease", role.is_leased().then(|| LEASED.to_owned())),
        ("Exposure", Some(exposure(role).to_owned())),
        ("Record", Some(role.policy.record_words())),
        ("Limits", role.policy.limit_words()),
        ("Defined", Some(role.at.to_string())),
        ("Checked", Some(check_words(role, checked.as_ref()))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    say(&printable(&role.name));
    for (name, value) in facts {
        say(&format!("  {name:<12} {}", printable(&value)));
    }
    if role.fields.is_empty() {
        return Ok(0);
    }
    say("");
    let status = checked.as_ref().map(|checked| &checked.status);
    let known = |field: &Field| status?.fields.iter().find(|known| known.name == field.name);
    let rows: Vec<Vec<String>> = role.fields.iter().map(|field| row(field, known(field))).collect();
    let heading = [
        "FIELD",
        "SOURCE",
        "VIA",
        "VERSION",
        "CHANGED",
        "EXPIRES",
        "REFERENCE OR VALUE",
    ];
    // A column that says nothing of any field is left out.
    let told: Vec<usize> = (0..heading.len())
        .filter(|&column| rows.iter().any(|row| row[column] != "-"))
        .collect();
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| told.iter().map(|&column| row[column].clone()).collect())
        .collect();
    let heading: Vec<&str> = told.iter().map(|&column| heading[column]).collect();
    say(&table::render(&heading, &rows));
    Ok(0)
}

/// What the last check of the command line found, if it is still about these files.
fn last_check(role: &Role, frame: &Frame) -> Option<Checked<RoleStatus>> {
    let checker = Checker {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
    };
    Kept::read(checker).role(&role.name, Timestamp::MIN)
}

fn check_words(role: &Role, checked: Option<&Checked<RoleStatus>>) -> String {
    let Some(Checked { status, at }) = checked else {
        return format!("not since the files were changed: hallpass check {}", role.name);
    };
    let code = status
        .reason()
        .map_or_else(String::new, |problem| format!(" {}", problem.code.id));
    format!("{}{code}, {}", status.state.word(), at.strftime("%Y-%m-%d %H:%M UTC"))
}

fn tags(role: &Role) -> Option<String> {
    let tags: Vec<String> = role.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!tags.is_empty()).then(|| tags.join(" "))
}

fn exposure(role: &Role) -> &'static str {
    match json::exposure(role) {
        "env" => "env: masked on the screen; a determined person inside the session can still read it",
        "token" => "token: made for the session and no longer of use after it",
        other => other,
    }
}

/// The version that the role holds on to.
fn pinned(field: &Field) -> Option<String> {
    let references = field.source.references();
    Some(match references.first()?.id.pin.as_ref()? {
        Pin::Version(version) => format!("{version} (pinned)"),
        Pin::Stage(stage) => format!("{stage} (stage)"),
    })
}

fn row(field: &Field, known: Option<&FieldStatus>) -> Vec<String> {
    let source = match field.source.references().first() {
        Some(reference) => reference.id.provider.clone(),
        None => field.source.word().to_owned(),
    };
    let text = match &field.source {
        _ if field.masked && !field.source.is_secret() => "(plain text in the role file)".to_owned(),
        Source::Plain(text) => text.clone(),
        Source::Secret(reference) => reference.text.clone(),
        Source::From { secret, keys, .. } => format!("{secret}#{}", keys.join("|")),
        Source::Template { text, .. } if !field.source.is_secret() => format!("template {text}"),
        Source::Template { parts, .. } => {
            let parts: Vec<String> = parts
                .iter()
                .flat_map(|part| {
                    let references = part.source.references().into_iter();
                    references.map(move |reference| format!("{} = {reference}", part.name))
                })
                .collect();
            format!("template of {}", parts.join(", "))
        }
        Source::RdsIam(token) => format!("15-minute login token for {}", token.user),
    };
    let day = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%d").to_string());
    let none = || "-".to_owned();
    let version = pinned(field).or_else(|| known?.version.clone()).unwrap_or_else(none);
    let changed = day(known.and_then(|known| known.rotated_at)).unwrap_or_else(none);
    let expires = day(known.and_then(|known| known.expires)).unwrap_or_else(none);
    [
        field.name.as_str(),
        &source,
        field.via.word(),
        &version,
        &changed,
        &expires,
        &text,
    ]
    .map(printable)
    .to_vec()
}
