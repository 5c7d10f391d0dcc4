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
        let path = found?.ok_or_else(|| missing(std::slice::from_ref(name), role, None))?;
        return Ok(Program {
            path,
            name: name.into(),
            words: rest.to_vec(),
        });
    }
    let Some(connector) = connector else {
        let what = format!("role `{}` has neither a connector nor a command to open", role.name);
        return Err(Problem::new(&catalogue::CONFIG_MISSING_KEY, what)
            .at(role.at.clone())
            .fixes(vec![
                format!(
                    "run any command with its fields: hallpass exec {} -- COMMAND",
                    role.name
                ),
                "or add to the role, in the file: connector = \"NAME\", or command = [\"PROGRAM\"]".to_owned(),
            ]));
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
    let shown = path.display();
    let problem = |what| Problem::new(&catalogue::CLIENT_NOT_EXECUTABLE, what);
    if path.is_dir() {
        return problem(format!("{shown} is a folder, and no program"))
            .causes(Vec::new())
            .fixes(vec!["name a program in it".to_owned()]);
    }
    problem(format!("{shown} cannot be executed"))
}

/// What a person typed is no program.
fn not_there(name: &OsStr) -> Problem {
    let name = name.to_string_lossy();
    let problem = |what| Problem::new(&catalogue::CLIENT_MISSING, what);
    if name.contains('/') {
        return problem(format!("there is no program `{name}`"))
            .causes(vec!["a typo in the path".to_owned()])
            .fixes(vec!["correct the path in the command".to_owned()]);
    }
    problem(format!("no program on PATH is called `{name}`"))
        .causes(vec![
            "a typo".to_owned(),
            "it is not installed, or not on PATH".to_owned(),
        ])
        .fixes(vec![
            "correct the command, install the program, or correct PATH".to_owned(),
        ])
}

fn missing(names: &[String], role: &Role, connector: Option<&Connector>) -> Problem {
    let what = format!(
        "`{}` is not installed, which opens role `{}`",
        names.join("` or `"),
        role.name
    );
    let mut problem = Problem::new(&catalogue::CLIENT_MISSING, what).at(role.at.clone());
    if let [name] = names
        && name.contains('/')
    {
        problem.what = format!("there is no program `{name}`, which opens role `{}`", role.name);
        problem.causes = vec!["a typo in the path, or the program is not on this machine".to_owned()];
        problem.fixes = vec!["correct the role's command, or install the program there".to_owned()];
    }
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
