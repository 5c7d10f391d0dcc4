//! What this machine offers hallpass, and what stands in its way: clients, folders, network, memory, terminal. Looks and changes nothing.

mod bus;
mod clients;
mod folders;
mod host;
mod network;
mod terminal;

use std::path::{Path, PathBuf};

use crate::check::Checker;
use crate::config::Config;
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::domain::shell;
use crate::domain::status::State;
use crate::domain::suggest::nearest;
use crate::providers::{Providers, World};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// `clients`, `folders`, `network` …
    pub area: &'static str,
    pub name: String,
    /// Skipped: there is nothing to be said for or against it.
    pub state: State,
    pub what: String,
    /// Why it matters; none where all is well.
    pub why: Option<String>,
    /// What to type or do, best first.
    pub fixes: Vec<String>,
    pub code: Option<&'static Code>,
}

impl Finding {
    fn new(area: &'static str, name: impl Into<String>, state: State, what: impl Into<String>) -> Self {
        Self {
            area,
            name: name.into(),
            state,
            what: what.into(),
            why: None,
            fixes: Vec::new(),
            code: None,
        }
    }

    fn ok(area: &'static str, name: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(area, name, State::Ok, what)
    }

    fn warn(area: &'static str, name: impl Into<String>, what: impl Into<String>, why: &str) -> Self {
        Self::new(area, name, State::Warn, what).why(why)
    }

    fn why(mut self, why: &str) -> Self {
        self.why = Some(why.to_owned());
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }
}

/// What is looked at.
#[derive(Clone)]
pub struct Doctor<'a> {
    pub config: &'a Config,
    pub providers: &'a Providers,
    pub world: &'a World,
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// Whether servers may be asked.
    pub online: bool,
    /// Where the system's own files lie: `/`.
    pub root: PathBuf,
    /// Whether hallpass stands in a terminal.
    pub terminal: bool,
}

impl Doctor<'_> {
    /// Looks at everything, or at what has this name: a provider, a connector or a client's program.
    ///
    /// # Errors
    /// Nothing has this name.
    pub async fn examine(&self, about: Option<&str>) -> Result<Vec<Finding>, Problem> {
        let Some(name) = about else {
            let (clients, network) = futures::join!(clients::all(self), network::all(self));
            let parts = [
                clients,
                folders::all(self),
                network,
                host::all(self),
                terminal::all(self),
            ];
            return Ok(parts.concat());
        };
        // One that no role uses yet is what somebody sets up.
        if self.config.names.kind_of(name).is_some() {
            let mut found = vec![self.probe(name).await];
            found.extend(network::of(self, name).await);
            return Ok(found);
        }
        let found = clients::named(self, name).await;
        if found.is_empty() {
            let mut known = self.remote_and_other_providers();
            known.extend(clients::names(self));
            let what = format!("`{name}` is no provider, connector or client that hallpass knows");
            let similar = nearest(name, known.iter().map(String::as_str));
            return Err(Problem::new(&catalogue::USAGE, what)
                .similar(similar)
                .fixes(vec!["hallpass doctor".to_owned()]));
        }
        Ok(found)
    }

    /// The providers that are configured, set up by the environment, or used by a role.
    fn remote_and_other_providers(&self) -> Vec<String> {
        let fields = self.config.roles.iter().flat_map(|role| &role.fields);
        let references = fields.flat_map(|field| field.source.references());
        self.providers
            .names(references.map(|reference| reference.id.provider.as_str()))
    }

    async fn probe(&self, name: &str) -> Finding {
        let checker = Checker {
            config: self.config,
            providers: self.providers,
            world: self.world,
        };
        let status = checker.provider(name).await;
        let rungs: Vec<String> = status
            .stages
            .iter()
            .map(|stage| format!("{} {}", stage.name, stage.state.word()))
            .collect();
        let mut found = Finding::new("providers", name, status.state, status.endpoint);
        if !rungs.is_empty() {
            found.what = format!("{}: {}", found.what, rungs.join(", "));
        }
        if let Some(problem) = status.problem {
            found.code = Some(problem.code);
            found.why = Some(problem.what);
            found.fixes = problem.fixes;
        }
        found
    }

    /// A file of the system as text; none if it is not there or cannot be read.
    fn system_file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path.trim_start_matches('/'))).ok()
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    shell::quoted(&path.display().to_string())
}
