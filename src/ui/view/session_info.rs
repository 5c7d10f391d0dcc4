//! What `prefix i` shows of a session: what it is, when it ends, which secrets were read for it.

use super::lease;
use super::session::NEWER;
use super::sessions::ending_words;
use crate::domain::reference::Kind;
use crate::ui::model::{Check, Model, Tab, TabState};
use crate::ui::text;

/// What `prefix i` shows.
pub fn info(model: &Model, tab: &Tab) -> Vec<String> {
    let mut lines = vec![
        format!("Role       {}", tab.role),
        format!("Session    {}", tab.session_id),
        format!("Program    {}", tab.program),
        format!(
            "Started    {} ago",
            text::duration(text::seconds_between(tab.started, model.now))
        ),
        format!("Size       {}x{}", tab.size.columns, tab.size.rows),
    ];
    if !tab.label.is_empty() {
        lines.push(format!("Env        {}", tab.label));
    }
    if !tab.access.is_empty() {
        lines.push(format!("Access     {}", tab.access));
    }
    if let Some(words) = tab.recorded.words() {
        lines.push(format!("Recording  {words}"));
    }
    let limits: Vec<String> = tab
        .left(model.now)
        .map(|(limit, left)| match tab.state {
            TabState::Live => format!("{limit} ({} left)", text::clock(left.as_secs())),
            TabState::Ended(_) => limit.to_string(),
        })
        .collect();
    if !limits.is_empty() {
        lines.push(format!("Limits     {}", limits.join(", ")));
    }
    if let TabState::Ended(_) = tab.state {
        lines.push(format!("Ended      {}", ending_words(tab)));
    }
    lines.push(String::new());
    lines.push("Secrets that were read for it (values are never shown or stored)".to_owned());
    let widest = tab
        .secrets
        .iter()
        .map(|used| text::width(&used.field))
        .max()
        .unwrap_or(0);
    let known = model.roles.checks.get(&tab.role).and_then(Check::known);
    let outdated = tab.outdated(known);
    for used in &tab.secrets {
        let version = used.version.as_ref().map_or_else(String::new, |v| format!("  v{v}"));
        let source = match &used.reference {
            Some(reference) => reference.text.as_str(),
            None => "a login token",
        };
        let until = used.expires.map_or_else(String::new, |at| {
            let at = at.to_zoned(model.zone.clone()).strftime("%H:%M:%S");
            match &used.reference {
                None => format!("  for new logins until {at}"),
                // It is renewed: how long it is good for stands with its lease.
                Some(reference) if reference.id.kind == Kind::VaultDb => String::new(),
                Some(_) => format!("  ends at {at}"),
            }
        });
        lines.push(format!(
            "  {}  {source}{version}  {} ms{until}",
            text::fit(&used.field, widest),
            used.took.as_millis()
        ));
        if let Some((_, now)) = outdated.iter().find(|(old, _)| *old == used) {
            lines.push(format!("  {}  {NEWER}: v{now}", text::fit("", widest)));
        }
    }
    if !outdated.is_empty() {
        lines.push("  R opens the session again with what is there now, once it has ended".to_owned());
    }
    if tab.secrets.is_empty() {
        lines.push("  none".to_owned());
    }
    let leases = lease::lines(model, tab);
    if !leases.is_empty() {
        lines.push(String::new());
        lines.push("Credentials that were made for it".to_owned());
        lines.extend(leases.into_iter().map(|line| format!("  {line}")));
    }
    for warning in &tab.warnings {
        lines.push(format!("! {warning}"));
    }
    lines
}
