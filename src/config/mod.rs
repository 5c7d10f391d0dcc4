//! Finds, reads and layers the TOML files. Every error has file, line, column; one broken file or role does not take the others down.
//!
//! [`load`] never fails: what is wrong is in [`Config::problems`], and everything that is not touched by it works.

mod assembly;
mod connectors;
mod dangerous;
mod discover;
mod duration;
mod fields;
mod folders;
mod load;
mod policy;
mod provider_keys;
mod provider_settings;
mod report;
mod roles;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod trust;
mod walk;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::domain::connector::Connector;
use crate::domain::filter::Subject;
use crate::domain::policy::RecordingSettings;
use crate::domain::problem::{Location, Problem};
use crate::domain::reference::ProviderNames;
use crate::domain::role::Role;
use crate::providers::ProviderConfig;

pub use duration::parse as parse_duration;
pub use folders::{FolderFlags, Folders};
pub use load::load;
pub use provider_keys::{auth_keys, keys_of};
pub use settings::settings_keys;
pub use walk::expand_home;

/// What [`load`] goes by; tests give their own world.
#[derive(Clone)]
pub struct LoadOptions {
    pub flags: FolderFlags,
    /// `--profile`: the files of `[profiles.NAME]` instead of the usual ones.
    pub profile: Option<String>,
    /// The environment of hallpass. No `Debug`: it may hold credentials.
    pub env: BTreeMap<String, OsString>,
    pub home: Option<PathBuf>,
    /// The folder whose files lie below the person's own.
    pub system_dir: PathBuf,
}

impl LoadOptions {
    /// By what the configuration folder was named: the flag, or the variable.
    fn named_folder(&self) -> Option<&'static str> {
        if self.flags.config.is_some() {
            return Some("--config-dir");
        }
        let variable = self.env.get(folders::CONFIG_VARIABLE);
        variable
            .filter(|value| !value.is_empty())
            .map(|_| folders::CONFIG_VARIABLE)
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UiSettings {
    /// ASCII symbols only.
    pub ascii: bool,
    pub mouse: bool,
    /// Whose keys copy mode has where vi and emacs do not agree.
    pub copy_keys: CopyKeys,
    /// The program, with its arguments, that gets what is copied on its standard input; empty for the usual ways.
    pub clipboard: Vec<String>,
    pub hints: Hints,
}

/// `[ui] copy_keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyKeys {
    #[default]
    Vi,
    Emacs,
}

/// `[ui] hints`: how much a session's last row says about the prefix key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hints {
    /// In words, until the key was used a few times.
    #[default]
    Full,
    /// The key alone.
    Short,
    Off,
}

impl Default for UiSettings {
    fn default() -> Self {
        Self {
            ascii: false,
            mouse: true,
            copy_keys: CopyKeys::default(),
            clipboard: Vec::new(),
            hints: Hints::default(),
        }
    }
}

/// `[session]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// The prefix key, as [`crate::domain::prefix::parse`] gives it.
    pub prefix: String,
    /// A second one.
    pub prefix2: Option<String>,
    /// Lines of scrollback a session.
    pub scrollback: usize,
    pub on_exit: OnExit,
    /// Whether a paste of several lines asks in every environment, not in production alone.
    pub ask_every_paste: bool,
}

/// `[session] on_exit`: what the TUI does when a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExit {
    /// Its last screen stays.
    #[default]
    Stay,
    /// Back to the roles.
    Return,
    /// Back to the roles; with the last session hallpass ends as well.
    Quit,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            prefix: "ctrl-\\".to_owned(),
            prefix2: None,
            scrollback: 10_000,
            on_exit: OnExit::default(),
            ask_every_paste: false,
        }
    }
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

impl From<&BrokenRole> for Subject {
    fn from(role: &BrokenRole) -> Self {
        Self {
            name: role.name.clone(),
            env: role.env.clone(),
            connector: role.connector.clone(),
            marks: vec!["invalid"],
            ..Self::default()
        }
    }
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
    pub recordings: RecordingSettings,
}
