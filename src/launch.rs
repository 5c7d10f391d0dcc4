//! The verb *launch*: a role's references resolved, all at once, into a [`LaunchPlan`] that a session can start.
//!
//! Nothing is kept for the next launch, nothing is started if anything failed, and all that failed is told together in the role
//! file's order.

mod arguments;
mod environment;
mod errand;
mod preview;
mod program;
mod recording;
mod resolve;
mod token;

pub(crate) use environment::unfit;
pub use errand::{Errand, errand};
pub use preview::preview;
pub(crate) use program::{install, search};
pub use recording::{Recording, record};
pub(crate) use resolve::{explain, in_role, is_absent, none_of, not_built_of};
pub(crate) use token::database_login;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Config, expand_home};
use crate::domain::catalogue;
use crate::domain::limits::Limits;
use crate::domain::plan::LaunchPlan;
use crate::domain::policy::Clipboard;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::domain::suggest::nearest;
use crate::providers::{LOCKED_STORE, Providers, World};

/// What a person asked to be opened.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub role: String,
    /// Replaces the connector's or the role's own command (`exec ROLE -- CMD…`); its words are taken as they are.
    pub command: Option<Vec<OsString>>,
    /// Words behind the client's own arguments (`connect ROLE -- …`).
    pub extra: Vec<OsString>,
    /// What the child is told its terminal is; none keeps `TERM` as it is outside.
    pub terminal: Option<&'static str>,
    /// How long everything that the launch waits for may take together; [`DEADLINE`] unless said.
    pub timeout: Option<Duration>,
    /// What hallpass itself is to do, in place of a role to open.
    pub errand: Option<Errand>,
    /// The session's id, where something of the session was there before it was resolved; a new one if not given.
    pub session: Option<String>,
    /// The person wants no recording (`--no-record`).
    pub unrecorded: bool,
}

impl Request {
    /// What hallpass itself does; its session is named like this in the list of sessions.
    pub fn errand(errand: Errand) -> Self {
        Self {
            role: errand.title(),
            errand: Some(errand),
            ..Self::default()
        }
    }
}

/// The time for everything that a launch waits for.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Finds the role; a problem with the nearest names if there is none, or with the role's own problem if it is broken.
pub fn find_role<'a>(config: &'a Config, name: &str) -> Result<&'a Role, Problem> {
    if let Some(role) = config.roles.iter().find(|role| role.name == name) {
        return Ok(role);
    }
    if let Some(broken) = config.broken.iter().find(|broken| broken.name == name)
        && let Some(problem) = config.problems.get(broken.problem)
    {
        return Err(problem.clone());
    }
    let known = config.roles.iter().map(|role| role.name.as_str());
    let problem = Problem::new(&catalogue::CONFIG_UNKNOWN_ROLE, format!("no role is called `{name}`"))
        .similar(nearest(name, known));
    // It may be one that was not read: what is wrong in no line concerns whole files, as a profile that nothing declares does.
    let whole = config.problems.iter().filter(|problem| problem.at.is_none());
    Err(whole.fold(problem, |problem, of| problem.cause(of.what.clone())))
}

/// Resolves the role into a plan, or says everything that stands in the way.
pub async fn resolve(
    config: &Config,
    providers: &Providers,
    world: &World,
    request: &Request,
) -> Result<LaunchPlan, Vec<Problem>> {
    let role = find_role(config, &request.role).map_err(|problem| vec![problem])?;
    let connector = role.connector.as_ref().and_then(|name| config.connectors.get(name));

    // Everything that needs no provider comes first: a missing client is known before a secret is read.
    let cwd = working_folder(role, world).map_err(|problem| vec![problem])?;
    let command = request.command.as_deref();
    let program = program::find(role, connector, command, &cwd, world).map_err(|problem| vec![problem])?;

    let limit = request.timeout.unwrap_or(DEADLINE);
    let deadline = tokio::time::Instant::now() + limit;
    let (values, leases) = resolve::fields(role, providers, deadline, limit).await?;
    let session_id = match &request.session {
        Some(id) => id.clone(),
        None => session_id().map_err(|problem| vec![problem])?,
    };
    let mut built = environment::build(role, config, world, request, &session_id, values)?;
    token::add(role, connector, providers, deadline, limit, &mut built).await?;
    let limits = Limits::of(&role.policy, request.command.is_none());
    environment::say_until_when(&mut built, limits.longest);
    let args = match &request.command {
        Some(words) => words.iter().skip(1).cloned().collect(),
        None => {
            let words =
                arguments::expand(role, connector, &mut built.env, &program.words).map_err(|problem| vec![problem])?;
            let words = words.into_iter().map(OsString::from);
            words.chain(request.extra.iter().cloned()).collect()
        }
    };
    Ok(LaunchPlan {
        session_id,
        role: role.name.clone(),
        program: program.path,
        name: program.name,
        args,
        cwd,
        env: built.env,
        limits,
        secrets: built.secrets,
        warnings: built
            .warnings
            .into_iter()
            .chain(leases.iter().filter_map(|held| held.warning.clone()))
            .collect(),
        sets_clipboard: role.policy.clipboard == Some(Clipboard::Allow),
        leases,
    })
}

/// The local stores that wait for a passphrase, where nothing else stands in the way: those of the role, and those that hold the
/// credential of a provider.
pub fn locked_stores(problems: &[Problem]) -> Vec<&str> {
    if !problems.iter().all(|problem| problem.code == &catalogue::LOCAL_LOCKED) {
        return Vec::new();
    }
    let facts = problems.iter().flat_map(|problem| &problem.facts);
    let stores = facts.filter(|(fact, _)| *fact == LOCKED_STORE);
    stores.map(|(_, name)| name.as_str()).collect()
}

/// Looks for the program that would open the role, for a check; one whose fields are there for `exec` alone has none.
///
/// # Errors
/// The problem that the launch would have.
pub fn find_client(config: &Config, role: &Role, world: &World) -> Result<(), Problem> {
    let connector = role.connector.as_ref().and_then(|name| config.connectors.get(name));
    let cwd = working_folder(role, world)?;
    if role.has_client() {
        program::find(role, connector, None, &cwd, world)?;
    }
    Ok(())
}

fn working_folder(role: &Role, world: &World) -> Result<PathBuf, Problem> {
    let folder = match &role.cwd {
        // One that was removed has no path: a folder that is there must not take its place.
        None => std::env::current_dir().unwrap_or_default(),
        Some(text) => expand_home(text, world.home.as_deref()),
    };
    if folder.is_dir() {
        return Ok(folder);
    }
    let (what, cause) = match &role.cwd {
        Some(_) => (
            format!("cwd of role `{}` names no folder: {}", role.name, folder.display()),
            "a typo, or the folder is not on this machine",
        ),
        None => (
            "the working folder is not there any more".to_owned(),
            "it was removed or renamed since the shell went there",
        ),
    };
    let fix = match &role.cwd {
        Some(_) => "correct cwd in the role, or make the folder",
        None => "start hallpass in another folder",
    };
    Err(Problem::new(&catalogue::CLIENT_START, what)
        .at(role.at.clone())
        .causes(vec![cause.to_owned()])
        .fixes(vec![fix.to_owned()]))
}

/// 16 hexadecimal characters: unique enough to tell sessions apart, short enough for a frame.
///
/// # Errors
/// `E-IO`: the system gives no random numbers.
pub fn session_id() -> Result<String, Problem> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes)
        .map_err(|_| Problem::new(&catalogue::IO, "the system gave no random numbers for a session id"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
