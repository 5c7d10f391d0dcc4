//! What hallpass itself does in a session: this very program in a tab of its own. Nothing secret passes through the plan: what comes of a
//! login, the provider itself keeps.

use std::ffi::OsString;
use std::path::Path;

use super::session_id;
use crate::config::Config;
use crate::domain::limits::Limits;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::ChildEnv;
use crate::providers::World;

/// A command of hallpass that is run in a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// `provider login NAME`: a login that needs a person.
    Login(String),
    /// `doctor NAME`, or about the whole machine.
    Doctor(Option<String>),
}

impl Errand {
    /// The provider that it is about.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Login(provider) => Some(provider),
            Self::Doctor(provider) => provider.as_deref(),
        }
    }

    fn words(&self) -> Vec<&str> {
        match self {
            Self::Login(provider) => vec!["provider", "login", provider],
            Self::Doctor(provider) => ["doctor"].into_iter().chain(provider.as_deref()).collect(),
        }
    }

    /// The name of its session.
    pub fn title(&self) -> String {
        let words = self.words();
        words.strip_prefix(&["provider"]).unwrap_or(&words).join(" ")
    }
}

/// The errand with the folders and the environment of this run; `hallpass` is the program itself, `terminal` what the child is told its
/// terminal is.
///
/// # Errors
/// The system gives no random numbers.
pub fn errand(
    config: &Config,
    world: &World,
    errand: &Errand,
    hallpass: &Path,
    terminal: &str,
) -> Result<LaunchPlan, Problem> {
    let folders = [
        ("--config-dir", &config.folders.config),
        ("--data-dir", &config.folders.data),
        ("--state-dir", &config.folders.state),
    ];
    let mut args: Vec<OsString> = errand.words().into_iter().map(OsString::from).collect();
    for (flag, folder) in folders {
        args.extend([flag.into(), folder.into()]);
    }
    // It is ourselves: it needs whatever the providers read here.
    let mut env = ChildEnv::new();
    for (name, value) in world.env.iter() {
        env.insert_plain(name, value.clone());
    }
    env.insert_plain("TERM", terminal);
    env.insert_plain("COLORTERM", "truecolor");
    Ok(LaunchPlan {
        session_id: session_id()?,
        role: errand.provider().unwrap_or("hallpass").to_owned(),
        program: hallpass.to_owned(),
        name: "hallpass".into(),
        args,
        cwd: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        env,
        limits: Limits::default(),
        secrets: Vec::new(),
        leases: Vec::new(),
        sets_clipboard: false,
        warnings: Vec::new(),
    })
}
