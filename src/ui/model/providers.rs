//! The providers screen.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::Model;
use super::again::look_again;
use crate::domain::problem::Problem;
use crate::domain::status::{ProviderStatus, State};
use crate::launch::Request;

/// One provider as its screen shows it.
pub struct ProviderRow {
    pub name: String,
    pub kind: &'static str,
    pub title: &'static str,
    /// A person can log in to it.
    pub logs_in: bool,
    /// Roles that refer to it.
    pub roles: Vec<String>,
    pub status: Option<ProviderStatus>,
    pub checked: Option<Timestamp>,
    /// Since when the state is what it is, and for how many probes.
    pub since: Option<(Timestamp, u32)>,
    /// The probe that runs, with its start.
    pub running: Option<(u64, Timestamp)>,
    /// When the last probes were answered, and their milliseconds: none for a failed one. The newest last.
    pub history: VecDeque<(Timestamp, Option<u64>)>,
}

impl ProviderRow {
    pub fn state(&self) -> Option<State> {
        self.status.as_ref().map(|status| status.state)
    }

    /// When it is to be probed again; none while a probe runs, or as long as that needs a person.
    pub fn due(&self) -> Option<Timestamp> {
        let failures = match (self.state(), self.since) {
            (Some(State::Fail), Some((_, times))) => times,
            _ => 0,
        };
        let problem = self.status.as_ref().and_then(|status| status.problem.as_ref());
        match (self.running, self.checked) {
            (Some(_), _) => None,
            (None, None) => Some(Timestamp::MIN),
            (None, Some(at)) => look_again(at, failures, problem),
        }
    }
}

#[derive(Default)]
pub struct Providers {
    pub rows: Vec<ProviderRow>,
    pub selected: usize,
    pub top: usize,
}

impl Model {
    /// The provider for which a launch failed: one that a problem sends to its login, else that of the field that was not resolved.
    /// Of several, one that a person can log in to.
    pub fn blamed(&self, request: &Request, problems: &[Problem]) -> Option<&ProviderRow> {
        let row = |name: &str| self.providers.rows.iter().find(|row| row.name == name);
        if let Some(errand) = &request.errand {
            return row(errand.provider()?);
        }
        let role = self.role(&request.role);
        let sent_to = |fix: &String| {
            let words = fix.strip_prefix("hallpass provider login ")?;
            row(words.split_whitespace().next()?)
        };
        let of = |problem: &Problem| {
            let (_, name) = problem.facts.iter().find(|(fact, _)| *fact == "Field")?;
            let field = role?.fields.iter().find(|field| field.name == *name)?;
            row(field.source.providers().first()?)
        };
        let blamed: Vec<&ProviderRow> = problems
            .iter()
            .filter_map(|problem| problem.fixes.iter().find_map(sent_to).or_else(|| of(problem)))
            .collect();
        let logs_in = blamed.iter().find(|row| row.logs_in);
        logs_in.or_else(|| blamed.first()).copied()
    }
}
