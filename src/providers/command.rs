//! Runs the login helper of another vendor (a kubeconfig's exec plugin, `az`) for what it prints: without our terminal, within a time
//! limit, with a cap on its output, and never longer than we wait for it.
//!
//! `std::process` cannot start a session without `unsafe`, and nobody but a process of ours can see on every system that hallpass is
//! gone: so the helper is started and watched by hallpass itself (`hallpass --start-helper`), which `main` hands to [`watch`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin};
use zeroize::Zeroizing;

/// The argument that `main` looks for before anything else. Behind it: the program and its arguments.
pub const ARGUMENT: &str = "--start-helper";

/// How much of the errors is kept.
const ERRORS_CAP: usize = 64 * 1024;
/// How long the output of a helper that has ended is still read: a process that it left in the background may hold it open for ever.
const GRACE: Duration = Duration::from_millis(200);

/// What a helper left. No `Debug`: both outputs may hold tokens.
pub(super) struct Output {
    /// The exit code; 128+n for a signal. 126 where the file is no program.
    pub(super) code: i32,
    pub(super) stdout: Zeroizing<Vec<u8>>,
    /// The first 64 KiB. To be searched for known words, never shown: it may hold tokens and control sequences.
    #[cfg_attr(not(feature = "azure"), allow(dead_code))]
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// Why there is no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such program on the PATH of its environment.
    Missing,
    /// It is not executable.
    NotExecutable,
    /// The system made no process of it.
    NotStarted,
    Timeout,
    /// It printed more than the cap.
    TooLarge,
}

/// Runs a program with exactly this environment and no input, in a session of its own, which has no terminal. A name without a slash is
/// looked up on `PATH` of `env`. Dropping the future kills the program and what it started.
pub(super) async fn run(
    program: &str,
    args: &[String],
    env: &BTreeMap<String, OsString>,
    limit: Duration,
    cap: usize,
) -> Result<Output, Failure> {
    let program = find(program, env)?;
    let ourselves = std::env::current_exe().map_err(|_| Failure::NotStarted)?;
    let mut command = tokio::process::Command::new(ourselves);
    command
        .arg(ARGUMENT)
        .arg(program)
        .args(args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| Failure::NotStarted)?;
    let mut group = Group {
        _wanted: child.stdin.take(),
        child,
    };
    tokio::time::timeout(limit, group.finish(cap))
        .await
        .unwrap_or(Err(Failure::Timeout))
}

/// The program as an absolute path. Empty and relative entries of PATH are passed over: the folder hallpass stands in is nobody's promise.
fn find(program: &str, env: &BTreeMap<String, OsString>) -> Result<PathBuf, Failure> {
    let executable = |path: &Path| {
        let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = std::path::absolute(program).map_err(|_| Failure::Missing)?;
        return match executable(&path) {
            Some(true) => Ok(path),
            Some(false) => Err(Failure::NotExecutable),
            None => Err(Failure::Missing),
        };
    }
    let folders = env.get("PATH").map(std::env::split_paths).into_iter().flatten();
    let mut failure = Failure::Missing;
    for path in folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
    {
        match executable(&path) {
            Some(true) => return Ok(path),
            Some(false) => failure = Failure::NotExecutable,
            None => {}
        }
    }
    Err(failure)
}

/// The process that watches a running helper, the leader of a process group that ends with it when nobody waits any more.
struct Group {
    child: Child,
    /// As long as this is open, the output is wanted: it is closed when hallpass ends, however that happens.
    _wanted: Option<ChildStdin>,
}

impl Group {
    async fn finish(&mut self, cap: usize) -> Result<Output, Failure> {
        let (Some(stdout), Some(stderr)) = (self.child.stdout.take(), self.child.stderr.take()) else {
            return Err(Failure::NotStarted);
        };
        let (mut output, mut errors) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
        let status = {
            let reading = async {
                let errors = async {
                    let rest = read(stderr, ERRORS_CAP, &mut errors).await;
                    // A full pipe would stop the helper.
                    if let Some(mut rest) = rest {
                        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
                    }
                    Ok(())
                };
                let output = async {
                    match read(stdout, cap, &mut output).await {
                        Some(_) => Err(Failure::TooLarge),
                        None => Ok(()),
                    }
                };
                futures::try_join!(output, errors)
            };
            tokio::pin!(reading);
            tokio::select! {
                read = &mut reading => {
                    read?;
                    self.child.wait().await
                }
                status = self.child.wait() => {
                    if let Ok(read) = tokio::time::timeout(GRACE, &mut reading).await {
                        read?;
                    }
                    status
                }
            }
        };
        Ok(Output {
            code: code(status.map_err(|_| Failure::NotStarted)?),
            stdout: output,
            stderr: errors,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // None once it was waited for: its number may be another's by then.
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        if let Some(group) = Pid::from_raw(id) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        // It may not have got as far as leading a group.
        let _ = self.child.start_kill();
    }
}

/// Reads to the end, or gives the rest back when there is more than `cap`.
async fn read<R: AsyncRead + Unpin>(from: R, cap: usize, into: &mut Vec<u8>) -> Option<R> {
    let mut limited = from.take(cap as u64 + 1);
    // An error ends the output like its end does: what is there will have to do.
    let _ = limited.read_to_end(into).await;
    let more = into.len() > cap;
    into.truncate(cap);
    more.then(|| limited.into_inner())
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// Runs the helper in a session of its own and answers with its exit code; kills it, and all that it started, when standard input ends.
/// What `hallpass --start-helper` does.
pub fn watch(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let refused = ExitCode::from(126);
    // A new session has no terminal: /dev/tty cannot be opened, whoever asks for a password there gets an error.
    let (Some(program), Ok(group)) = (words.next(), rustix::process::setsid()) else {
        return refused;
    };
    let child = std::process::Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return refused };
    std::thread::spawn(move || {
        // Nobody writes there: it ends when nobody wants the output any more.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    });
    child.wait().map_or(refused, |status| {
        ExitCode::from(u8::try_from(code(status)).unwrap_or(u8::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_of_the_given_environment() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (runs, text) = (place("runs", 0o755), place("text", 0o644));
        let path = format!("relative::{}", folder.path().display());
        let env = BTreeMap::from([("PATH".to_owned(), path.into())]);
        assert_eq!(find("runs", &env), Ok(runs.clone()));
        assert_eq!(find("text", &env), Err(Failure::NotExecutable));
        assert_eq!(find("none", &env), Err(Failure::Missing));
        assert_eq!(find("runs", &BTreeMap::new()), Err(Failure::Missing));
        assert_eq!(find(runs.to_str().unwrap(), &BTreeMap::new()), Ok(runs));
        assert_eq!(
            find(text.to_str().unwrap(), &BTreeMap::new()),
            Err(Failure::NotExecutable)
        );
        assert_eq!(find("/nonexistent/x", &BTreeMap::new()), Err(Failure::Missing));
    }

    #[test]
    fn output_is_read_up_to_the_cap() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |text: &'static str, cap| {
            let mut into = Vec::new();
            let more = runtime.block_on(read(text.as_bytes(), cap, &mut into)).is_some();
            (String::from_utf8(into).unwrap(), more)
        };
        assert_eq!(read("token", 5), ("token".to_owned(), false));
        assert_eq!(read("token", 4), ("toke".to_owned(), true));
        assert_eq!(read("", 4), (String::new(), false));
    }
}
