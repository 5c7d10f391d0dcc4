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

/// What `[defaults]`, an environment and a role say alike.
const KEYS: [Key; 8] = [
    Key::later(
        "confirm",
        Takes::OneOf(&["none", "enter", "yes", "type-name"]),
        "\"type-name\"",
    ),
    Key::later("require_reason", Takes::Switch, "true"),
    Key::now("record", Takes::SwitchOr(REQUIRED), "true"),
    Key::now("record_input", Takes::Switch, "false"),
    Key::now("keep", Takes::DurationOr(FOREVER), "\"90d\""),
    Key::now("idle_timeout", Takes::DurationOr(NONE), "\"15m\""),
    Key::now("max_duration", Takes::DurationOr(NONE), "\"4h\""),
    Key::now("clipboard", Takes::OneOf(&["allow", "ask", "deny"]), "\"deny\""),
];

/// These keys and those of a policy.
pub(super) const fn with_policy<const OWN: usize, const ALL: usize>(own: [Key; OWN]) -> [Key; ALL] {
    assert!(OWN + KEYS.len() == ALL, "the length of the list");
    let mut all = [KEYS[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < OWN { own[at] } else { KEYS[at - OWN] };
        at += 1;
    }
    all
}

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
