//! Which program opens a role: found once, as an absolute path, before anything else is done.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::catalogue;
use crate::domain::connector::Connector;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::providers::World;

/// The program and the words of the command behind it.
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// As it is written.
    pub(super) name: OsString,
    /// The words of the role's own `command` behind the program; empty for a connector's.
    pub(super) words: Vec<String>,
}

/// Finds the program of the request's command, of the role's own command, or of its connector, in this order. `cwd` is the folder that it
/// will run in.
pub(super) fn find(
    role: &Role,
    connector: Option<&Connector>,
    command: Option<&[OsString]>,
    cwd: &Path,
    world: &World,
) -> Result<Program, Problem> {
    let no_program = || Problem::new(&catalogue::USAGE, "the command names no program");
    let not_there = |name: &OsStr| missing(&[name.to_string_lossy().into_owned()], role, None);
    if let Some(words) = command {
        let name = words.first().filter(|name| !name.is_empty()).ok_or_else(no_program)?;
        // What a person types is meant from where they stand, what a role says from where its program runs.
        let path = search(name, world)?.ok_or_else(|| not_there(name))?;
        return Ok(Program {
            path,
            name: name.clone(),
            words: Vec::new(),
        });
    }
    if let Some(words) = &role.command {
        let (name, rest) = words
            .split_first()
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(no_program)?;
        let found = if name.contains('/') {
            search_in(cwd, OsStr::new(name))
        } else {
            search(name, world)
        };
        let path = found?.ok_or_else(|| not_there(OsStr::new(name)))?;
        return Ok(Program {
            path,
            name: name.into(),
            words: rest.to_vec(),
        });
    }
    let Some(connector) = connector else {
        return Err(Problem::new(
            &catalogue::CONFIG_MISSING_KEY,
            format!("role `{}` has no command to run", role.name),
        )
        .at(role.at.clone())
        .fix("add connector = \"…\" or command = [\"…\"] to the role"));
    };
    if let Some(missing) = &connector.not_built {
        let what = format!(
            "the connector {} of role `{}` is not built yet",
            connector.name, role.name
        );
        let problem = Problem::new(&catalogue::CONNECTOR_NOT_BUILT, what);
        return Err(problem.cause(format!("it waits for {missing}")).at(role.at.clone()));
    }
    for name in &connector.programs {
        // `$SHELL`: what our own variable holds, if it is there.
        let name = match name.strip_prefix('$') {
            Some(variable) => match world.text(variable) {
                Some(program) => program.to_owned(),
                None => continue,
            },
            None => name.clone(),
        };
        if let Some(path) = search(&name, world)? {
            return Ok(Program {
                path,
                name: name.into(),
                words: Vec::new(),
            });
        }
    }
    Err(missing(&connector.programs, role, Some(connector)))
}

/// Looks a name up on PATH. Empty and relative entries of PATH are passed over: the folder hallpass stands in is nobody's promise.
/// A name with a slash is taken as a path. None if there is no such file; a problem if there is one that cannot be executed.
pub(crate) fn search(name: impl AsRef<OsStr>, world: &World) -> Result<Option<PathBuf>, Problem> {
    let name = name.as_ref();
    if name.as_encoded_bytes().contains(&b'/') {
        return search_in(Path::new(""), name);
    }
    let path = world
        .env
        .get("PATH")
        .map_or_else(|| OsStr::new("/usr/bin:/bin"), |path| path.as_os_str());
    let mut unusable = None;
    for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
        let file = folder.join(name);
        match executable(&file) {
            Some(true) => return Ok(Some(file)),
            Some(false) => unusable = unusable.or(Some(file)),
            None => {}
        }
    }
    unusable.map_or(Ok(None), |file| Err(not_executable(&file)))
}

/// The same for a name with a slash, below a folder.
fn search_in(folder: &Path, name: &OsStr) -> Result<Option<PathBuf>, Problem> {
    let path = folder.join(name);
    let path = std::path::absolute(&path).unwrap_or(path);
    match executable(&path) {
        Some(true) => Ok(Some(path)),
        Some(false) => Err(not_executable(&path)),
        None => Ok(None),
    }
}

/// Whether the file may be executed by us; none if there is no file.
fn executable(path: &Path) -> Option<bool> {
    let metadata = std::fs::metadata(path).ok()?;
    let runnable = metadata.is_file()
        && metadata.permissions().mode() & 0o111 != 0
        && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    Some(runnable)
}

fn not_executable(path: &Path) -> Problem {
    Problem::new(
        &catalogue::CLIENT_NOT_EXECUTABLE,
        format!("{} cannot be executed", path.display()),
    )
}

fn missing(names: &[String], role: &Role, connector: Option<&Connector>) -> Problem {
    let what = format!(
        "`{}` is not installed, which opens role `{}`",
        names.join("` or `"),
        role.name
    );
    let mut problem = Problem::new(&catalogue::CLIENT_MISSING, what).at(role.at.clone());
    if let Some(connector) = connector {
        problem.fixes = connector
            .packages
            .iter()
            .map(|(system, package)| install(system, package))
            .collect();
    }
    problem
}

/// The command that installs a package, by system.
pub(crate) fn install(system: &str, package: &str) -> String {
    match system {
        "debian" => format!("apt install {package}"),
        "fedora" => format!("dnf install {package}"),
        "alpine" => format!("apk add {package}"),
        "arch" => format!("pacman -S {package}"),
        "brew" => format!("brew install {package}"),
        _ => format!("{system}: {package}"),
    }
}
