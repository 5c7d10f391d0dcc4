//! Finds, reads and layers the TOML files. Every error has file, line, column; one broken file or role does not take the others down.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::connector::Connector;
use crate::domain::problem::{Location, Problem};
use crate::domain::reference::ProviderNames;
use crate::domain::role::Role;
use crate::providers::ProviderConfig;

/// Where everything of hallpass lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    pub config: PathBuf,
    /// The local store.
    pub data: PathBuf,
    /// Logs, recordings, the audit log.
    pub state: PathBuf,
    pub cache: PathBuf,
    /// Sockets and files that live as long as a session; 0700.
    pub runtime: PathBuf,
}

/// `[environments.NAME]`: how an environment is shown and guarded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// The word in lists and frames; the name in capitals if not given.
    pub label: Option<String>,
    /// A colour's name.
    pub color: Option<String>,
}

/// `[ui]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UiSettings {
    pub theme: Option<String>,
    /// ASCII symbols only.
    pub ascii: bool,
    pub mouse: bool,
}

/// `[session]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// The prefix key as written: `ctrl-\`, `ctrl-b`, or a preset's name (`tmux`, `screen`, `zellij`, `telnet`).
    pub prefix: String,
    /// Lines of scrollback a session.
    pub scrollback: usize,
}

/// `[connect] mode`: what `hallpass connect` does without `--tui`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectMode {
    #[default]
    Plain,
    Tui,
}

/// A key that is accepted and has no effect yet: `hallpass config check` says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotInForce {
    /// `environments.prod.confirm`
    pub key: String,
    pub at: Location,
}

/// A role that has a problem: it is listed, and cannot be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenRole {
    pub name: String,
    pub env: Option<String>,
    pub connector: Option<String>,
    pub at: Location,
    /// Index into [`Config::problems`] of the first of its problems.
    pub problem: usize,
}

/// Everything the files say.
pub struct Config {
    pub folders: Folders,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    pub roles: Vec<Role>,
    pub broken: Vec<BrokenRole>,
    /// All problems of the run, in the files' order.
    pub problems: Vec<Problem>,
    /// Remarks that stop nothing: a role named prod without env.
    pub warnings: Vec<String>,
    pub not_in_force: Vec<NotInForce>,
    /// Configured providers and the default ones, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    pub names: ProviderNames,
    pub environments: BTreeMap<String, Environment>,
    pub connectors: BTreeMap<String, Connector>,
    pub ui: UiSettings,
    pub session: SessionSettings,
    pub connect: ConnectMode,
}

pub struct FolderChoice {
    pub config: Option<PathBuf>,
    pub data: Option<PathBuf>,
    pub state: Option<PathBuf>,
}
impl Folders {
    pub fn find(
        _c: &FolderChoice,
        _env: &BTreeMap<String, std::ffi::OsString>,
        _home: Option<&std::path::Path>,
    ) -> Result<Self, Problem> {
        let p = PathBuf::from("/nonexistent");
        Ok(Self {
            config: p.clone(),
            data: p.clone(),
            state: p.clone(),
            cache: p.clone(),
            runtime: p,
        })
    }
}
pub fn load(folders: Folders, _p: Option<&str>, _w: &crate::providers::World) -> Config {
    Config {
        folders,
        files: vec![],
        roles: vec![],
        broken: vec![],
        problems: vec![],
        warnings: vec![],
        not_in_force: vec![],
        providers: BTreeMap::new(),
        names: ProviderNames::default(),
        environments: BTreeMap::new(),
        connectors: BTreeMap::new(),
        ui: UiSettings::default(),
        session: SessionSettings {
            prefix: String::new(),
            scrollback: 1,
        },
        connect: ConnectMode::Plain,
    }
}
