//! `hallpass show ROLE`: the detail pane as text. References only, never a value.

use clap::Args;

use super::{Frame, json, say, table};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::role::{Field, Role, Source};
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
    if frame.json {
        say(&json::document(json::role(role)));
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
        ("Exposure", Some(exposure(role).to_owned())),
        ("Defined", Some(role.at.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    say(&printable(&role.name));
    for (name, value) in facts {
        say(&format!("  {name:<12} {}", printable(&value)));
    }
    say("");
    let rows: Vec<Vec<String>> = role.fields.iter().map(row).collect();
    say(&table::render(&["FIELD", "SOURCE", "VIA", "REFERENCE OR VALUE"], &rows));
    Ok(0)
}

fn tags(role: &Role) -> Option<String> {
    let tags: Vec<String> = role.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!tags.is_empty()).then(|| tags.join(" "))
}

fn exposure(role: &Role) -> &'static str {
    match json::exposure(role) {
        "env" => "env: masked on the screen; a determined person inside the session can still read it",
        other => other,
    }
}

fn row(field: &Field) -> Vec<String> {
    let source = match field.source.references().first() {
        Some(reference) => reference.id.provider.clone(),
        None => field.source.word().to_owned(),
    };
    let text = match &field.source {
        Source::Plain(_) if field.masked => "(plain text in the role file)".to_owned(),
        Source::Plain(text) => text.clone(),
        Source::Secret(reference) => reference.text.clone(),
        Source::From { secret, keys, .. } => format!("{secret}#{}", keys.join("|")),
        Source::Template { parts, .. } => {
            let parts: Vec<String> = parts
                .iter()
                .flat_map(|(name, part)| part.references().into_iter().map(move |r| format!("{name} = {r}")))
                .collect();
            format!("template of {}", parts.join(", "))
        }
        Source::RdsIam(token) => format!("15-minute login token for {}", token.user),
    };
    [field.name.as_str(), &source, field.via.word(), &text]
        .map(printable)
        .to_vec()
}
