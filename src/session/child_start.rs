//! The child's first step, taken in the new process by hallpass itself (`hallpass --start-child`) before it becomes the program: what
//! `std::process::Command` cannot do without `unsafe`, and what must not be seen in arguments.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString, c_int};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine as _;
use rustix::process::{Resource, Rlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

use super::parcel::{self, Order, Step};
use crate::domain::secret::FILES_VARIABLE;

/// The argument that `main` looks for before anything else.
pub const ARGUMENT: &str = "--start-child";

/// Becomes the program that the parent names on the socket that is standard input. Returns only if that fails; the parent has been told then.
pub fn child_start() -> ExitCode {
    let Ok(mut socket) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map(UnixStream::from) else {
        return ExitCode::from(125);
    };
    // Without an order there is no parent that could be told: somebody typed the argument.
    let Ok(order) = Order::receive(&mut socket) else {
        return ExitCode::from(125);
    };
    let (step, error) = become_program(order);
    parcel::report(&mut socket, step, &error);
    ExitCode::from(125)
}

/// Executes the program, or says what stopped it.
fn become_program(order: Order) -> (Step, io::Error) {
    if let Err(error) = prepare(&order) {
        return (Step::Prepare, error);
    }
    if order.terminal
        && let Err(error) = take_terminal()
    {
        return (Step::Terminal, error);
    }
    let Order { mut args, mut env, .. } = order;
    // Open until the program runs, and inherited by it.
    let files = match place_files(&mut env, order.files.as_deref()) {
        Ok(files) => files,
        Err(error) => return (Step::Files, error),
    };
    for text in args.iter_mut().chain(env.iter_mut().map(|(_, value)| value)) {
        files.fill_in(text);
    }
    if let Err(error) = std::env::set_current_dir(&order.cwd) {
        return (Step::Folder, error);
    }
    (
        Step::Program,
        execute(&order.program, order.name, args, &env.into_iter().collect()),
    )
}

/// Becomes the program; answers why not. Not by `execvp`, as the standard library does: that hands what the system cannot execute to a
/// shell.
fn execute(program: &Path, name: OsString, args: Vec<OsString>, env: &BTreeMap<OsString, OsString>) -> io::Error {
    // Rust ignores it, and what is ignored stays ignored by the program; with a handler it goes back to its default.
    if let Err(error) = signal_hook::flag::register(SIGPIPE, Arc::default()) {
        return error;
    }
    let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let variable = |(name, value): (&OsString, &OsString)| text(&[name.as_os_str(), value].join(OsStr::new("=")));
    let words: io::Result<Vec<CString>> = std::iter::once(name).chain(args).map(|word| text(&word)).collect();
    let env: io::Result<Vec<CString>> = env.iter().map(variable).collect();
    let executed = text(program.as_os_str()).and_then(|program| {
        let (words, env) = (words?, env?);
        nix::unistd::execve(&program, &words, &env).map_err(io::Error::from)
    });
    match executed {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn prepare(order: &Order) -> io::Result<()> {
    die_with_parent(order.parent)?;
    // Its memory holds the secrets: no core file.
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    let [input, output, errors] = &order.stdio;
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(errors)?;
    Ok(())
}

/// A child that outlives hallpass would be an orphan with secrets that nobody watches: when hallpass is killed, so is the child,
/// even one that ignores every hang-up.
#[cfg(target_os = "linux")]
fn die_with_parent(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    check_parent(parent)
}

/// Elsewhere the terminal's hang-up has to do.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(parent: u32) -> io::Result<()> {
    check_parent(parent)
}

/// The parent may have died before the signal was set.
fn check_parent(parent: u32) -> io::Result<()> {
    let now = rustix::process::getppid().map(rustix::process::Pid::as_raw_pid);
    if now.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::NotConnected.into())
    }
}

/// What a program on a terminal of its own expects to obey, whatever hallpass was told to ignore (`nohup`, a job in the background).
const OBEYED: &[c_int] = &[SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU];

/// Makes standard input the controlling terminal of a session of its own.
fn take_terminal() -> io::Result<()> {
    for signal in OBEYED {
        // An ignored signal stays ignored by the program that is executed; one with a handler goes back to its default.
        signal_hook::flag::register(*signal, Arc::default())?;
    }
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    Ok(())
}

/// The files that the plan gives the program, made and open.
#[derive(Default)]
struct Files {
    /// By what a mark has between `{file:` and `}`.
    paths: BTreeMap<String, OsString>,
    open: Vec<OwnedFd>,
}

/// Takes [`FILES_VARIABLE`] out of the environment and makes its files.
fn place_files(env: &mut Vec<(OsString, OsString)>, folder: Option<&Path>) -> io::Result<Files> {
    let Some(at) = env.iter().position(|(name, _)| name == FILES_VARIABLE) else {
        return Ok(Files::default());
    };
    let (_, packed) = env.swap_remove(at);
    let mut files = Files::default();
    for line in packed
        .as_bytes()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let (mark, name, content) = unpack(line).ok_or(io::ErrorKind::InvalidData)?;
        let path = files.make(name, &content, folder)?;
        files.paths.insert(mark.to_owned(), path);
    }
    Ok(files)
}

/// A line of [`FILES_VARIABLE`]: what the file's mark holds, its name, its content.
fn unpack(line: &[u8]) -> Option<(&str, &str, Vec<u8>)> {
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let mark = std::str::from_utf8(&line[..colon]).ok()?;
    let (_, name) = mark.split_once(':')?;
    let content = base64::engine::general_purpose::STANDARD
        .decode(&line[colon + 1..])
        .ok()?;
    Some((mark, name, content))
}

impl Files {
    /// Makes one file and answers the path under which the program opens it: in memory, or in `folder` where the system has no such files.
    fn make(&mut self, name: &str, content: &[u8], folder: Option<&Path>) -> io::Result<OsString> {
        if let Some(folder) = folder {
            let path = folder.join(name);
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(&path)?.write_all(content)?;
            return Ok(path.into_os_string());
        }
        let mut file = std::fs::File::from(anonymous_file(name)?);
        file.write_all(content)?;
        // Opening this path opens the file anew from its beginning, as often as the program likes.
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        self.open.push(file.into());
        Ok(path.into())
    }

    /// Puts the paths where their marks stand.
    fn fill_in(&self, text: &mut OsString) {
        for (mark, path) in &self.paths {
            let mark = format!("{{file:{mark}}}");
            *text = replace(text, mark.as_bytes(), path);
        }
    }
}

/// A file without a name. Not closed by executing the program; mode 0600 because clients refuse option and password files that others could read.
#[cfg(target_os = "linux")]
fn anonymous_file(name: &str) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::empty())?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o600))?;
    Ok(file)
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file(_name: &str) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

fn replace(text: &OsStr, mark: &[u8], with: &OsStr) -> OsString {
    let mut replaced = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(with.as_bytes());
        rest = &rest[at + mark.len()..];
    }
    replaced.extend_from_slice(rest);
    OsString::from_vec(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<(OsString, OsString)> {
        vec![
            ("A".into(), "a".into()),
            // "hunter22\n"
            (FILES_VARIABLE.into(), "5e55:options:aHVudGVyMjIK\n5e55:empty:\n".into()),
        ]
    }

    #[test]
    fn files_leave_the_environment_and_can_be_read_under_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let anywhere = if cfg!(target_os = "linux") {
            vec![None, Some(folder.path())]
        } else {
            vec![Some(folder.path())]
        };
        for place in anywhere {
            let mut env = packed();
            let files = place_files(&mut env, place).unwrap();
            assert_eq!(env, [("A".into(), "a".into())]);
            let mut argument = OsString::from("--file={file:5e55:options};{file:5e55:options};{file:options}");
            files.fill_in(&mut argument);
            let argument = argument.into_string().unwrap();
            let path = argument.strip_prefix("--file=").unwrap().split(';').next().unwrap();
            for _ in 0..2 {
                assert_eq!(std::fs::read_to_string(path).unwrap(), "hunter22\n");
            }
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
            assert!(argument.ends_with(";{file:options}"), "a text of the person's own");
        }
    }

    #[test]
    fn nothing_is_made_of_a_broken_list() {
        let mut env = vec![(FILES_VARIABLE.into(), "options=x\n".into())];
        assert!(place_files(&mut env, None).is_err());
    }
}
