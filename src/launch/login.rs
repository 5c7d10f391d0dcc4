//! A provider's login that needs a person, as a session: this very program in a tab of its own. Nothing secret passes through the plan:
//! what comes of the login, the provider itself keeps.

use std::ffi::OsString;
use std::path::Path;

use super::session_id;
use crate::config::Config;
use crate::domain::limits::Limits;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::ChildEnv;
use crate::providers::World;

/// `hallpass provider login NAME` with the folders and the environment of this run; `hallpass` is the program itself, `terminal` what the
/// child is told its terminal is.
///
/// # Errors
/// The system gives no random numbers.
pub fn login(
    config: &Config,
    world: &World,
    provider: &str,
    hallpass: &Path,
    terminal: &str,
) -> Result<LaunchPlan, Problem> {
    let folders = [
        ("--config-dir", &config.folders.config),
        ("--data-dir", &config.folders.data),
        ("--state-dir", &config.folders.state),
    ];
    let mut args = ["provider", "login", provider].map(OsString::from).to_vec();
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
        role: provider.to_owned(),
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
