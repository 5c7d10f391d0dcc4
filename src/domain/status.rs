//! What a check found out: of a provider, a field, a role.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;

/// The verdict on anything that was checked. The order is that of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not looked at: an earlier step failed, or there is nothing to look at.
    Skipped,
    Ok,
    Warn,
    Fail,
}

impl State {
    /// The word of the JSON contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// One rung of the ladder config → dns → tcp → tls → login → read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub name: &'static str,
    pub state: State,
    pub ms: Option<u64>,
}

/// How a provider is right now.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderStatus {
    /// Its name from the configuration, or that of its kind.
    pub name: String,
    /// The word of its kind: `vault`, `local` …
    pub kind: &'static str,
    /// Where it is, as a person would say it: an URL, a file, "environment".
    pub endpoint: String,
    /// How we are logged in, in words: "token, policies default, dba".
    pub auth: Option<String>,
    pub state: State,
    pub problem: Option<Problem>,
    /// Milliseconds of the whole ladder.
    pub latency_ms: Option<u64>,
    /// When the login ends; none if it does not, or is not known.
    pub expires: Option<Timestamp>,
    pub stages: Vec<Stage>,
}

impl ProviderStatus {
    /// A provider of which nothing but its place is known, and nothing bad.
    pub fn new(name: &str, kind: &'static str, endpoint: String) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            endpoint,
            auth: None,
            state: State::Ok,
            problem: None,
            latency_ms: None,
            expires: None,
            stages: Vec::new(),
        }
    }
}

/// Whether one field of a role can be resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldStatus {
    pub name: String,
    pub state: State,
    pub problem: Option<Problem>,
    /// A remark on a value that works but will surprise: it ends in a newline, it is empty, it is too short to be masked, it was not
    /// rotated for long, it ends soon.
    pub warning: Option<String>,
    /// The key of the secret that fills it, where the names of the keys are known.
    pub key: Option<String>,
    /// The version that the provider would give now.
    pub version: Option<String>,
    /// When that version was written.
    pub rotated_at: Option<Timestamp>,
    /// When the provider itself says that the secret ends.
    pub expires: Option<Timestamp>,
    pub latency_ms: Option<u64>,
}

/// Whether a role can be opened: the worst of its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleStatus {
    pub name: String,
    pub state: State,
    /// What stops the role itself rather than one of its fields: the client is not installed.
    pub problem: Option<Problem>,
    /// The provider that most of its secrets come from.
    pub provider: Option<String>,
    pub latency_ms: Option<u64>,
    pub fields: Vec<FieldStatus>,
    /// The version of each of its secrets that a launch would get now, where the provider says it.
    pub versions: BTreeMap<SecretId, String>,
}

impl RoleStatus {
    /// The problem that explains the state: a field that cannot be resolved goes before a client that is not installed.
    pub fn reason(&self) -> Option<&Problem> {
        let of_fields = self.fields.iter().find_map(|field| field.problem.as_ref());
        of_fields.or(self.problem.as_ref())
    }
}
