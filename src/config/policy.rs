//! The keys of a session's policy, alike in `[defaults]`, `[environments.NAME]`, templates and roles.

use std::collections::BTreeMap;
use std::time::Duration;

use super::duration;
use super::report::{ProblemId, Scope};
use super::walk::{Key, Table, Takes};
use crate::domain::policy::{Clipboard, PolicyLayer, Record};

/// The word that takes a limit of a farther layer away.
const NONE: &str = "none";
/// The same for the time that recordings are kept.
const FOREVER: &str = "forever";
const REQUIRED: &str = "required";

pub(super) const RECORD: Key = Key::now("record", Takes::SwitchOr(REQUIRED), "true");
pub(super) const RECORD_INPUT: Key = Key::now("record_input", Takes::Switch, "false");
pub(super) const KEEP: Key = Key::now("keep", Takes::DurationOr(FOREVER), "\"90d\"");
pub(super) const IDLE_TIMEOUT: Key = Key::now("idle_timeout", Takes::DurationOr(NONE), "\"15m\"");
pub(super) const MAX_DURATION: Key = Key::now("max_duration", Takes::DurationOr(NONE), "\"4h\"");

pub(super) const CLIPBOARD: Key = Key::now("clipboard", Takes::OneOf(&["allow", "ask", "deny"]), "\"deny\"");

/// What the layers beside the roles say, and what is wrong with them: a role whose policy cannot be read is not opened.
#[derive(Default)]
pub(super) struct Policies {
    defaults: Said,
    environments: BTreeMap<String, Said>,
}

#[derive(Default)]
struct Said {
    layer: PolicyLayer,
    problems: Vec<ProblemId>,
}

impl Said {
    /// A later file wins key by key.
    fn add(&mut self, table: &Table<'_>, problems: Vec<ProblemId>) {
        let (new, old) = (layer(table), self.layer);
        self.layer = PolicyLayer {
            record: new.record.or(old.record),
            record_input: new.record_input.or(old.record_input),
            keep: new.keep.or(old.keep),
            idle_timeout: new.idle_timeout.or(old.idle_timeout),
            max_duration: new.max_duration.or(old.max_duration),
            clipboard: new.clipboard.or(old.clipboard),
        };
        self.problems.extend(problems);
    }
}

impl Policies {
    pub(super) fn add_defaults(&mut self, table: &Table<'_>, problems: Vec<ProblemId>) {
        self.defaults.add(table, problems);
    }

    /// Problems of every role.
    pub(super) fn add_problems(&mut self, problems: Vec<ProblemId>) {
        self.defaults.problems.extend(problems);
    }

    pub(super) fn add_environment(&mut self, name: &str, table: &Table<'_>, problems: Vec<ProblemId>) {
        self.environments
            .entry(name.to_owned())
            .or_default()
            .add(table, problems);
    }

    /// The layers behind a role of this environment, nearest first; their problems become the role's.
    pub(super) fn behind(&self, environment: Option<&str>, scope: &Scope<'_>) -> Vec<PolicyLayer> {
        let environment = environment.and_then(|name| self.environments.get(name));
        let said = environment.into_iter().chain([&self.defaults]);
        said.map(|said| {
            scope.adopt(&said.problems);
            said.layer
        })
        .collect()
    }
}

/// What one table says.
pub(super) fn layer(table: &Table<'_>) -> PolicyLayer {
    let limit = |name, none: &str| -> Option<Option<Duration>> {
        let text = table.text(name)?;
        if text == none {
            return Some(None);
        }
        duration::parse(&text).map(Some)
    };
    PolicyLayer {
        record: table
            .switch("record")
            .map(|on| if on { Record::On } else { Record::Off })
            .or_else(|| (table.text("record")? == REQUIRED).then_some(Record::Required)),
        record_input: table.switch("record_input"),
        keep: limit("keep", FOREVER),
        idle_timeout: limit("idle_timeout", NONE),
        max_duration: limit("max_duration", NONE),
        clipboard: match table.text("clipboard").as_deref() {
            Some("allow") => Some(Clipboard::Allow),
            Some("ask") => Some(Clipboard::Ask),
            Some("deny") => Some(Clipboard::Deny),
            _ => None,
        },
    }
}
