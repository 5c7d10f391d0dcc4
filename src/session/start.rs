//! Starts a child by way of its first step (`child_start.rs`), the same way on a terminal and on pipes.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use rustix::io::Errno;

use super::parcel::{Parcel, Step, await_start};
use super::{child_start, guard};
use crate::domain::catalogue;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::shell;

/// A program takes its place within this time, or something is wrong with hallpass itself.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A child that runs its program.
pub(super) struct Started {
    pub(super) child: Child,
    /// Holds the child's files where the system has none in memory; removed with this.
    pub(super) files: Option<tempfile::TempDir>,
}

/// Starts the program of the plan on these descriptors for standard input, output and errors; `terminal` makes the first one its
/// controlling terminal. The plan's environment is gone when this returns.
pub(super) fn start(plan: LaunchPlan, stdio: [OwnedFd; 3], terminal: bool, starter: &Path) -> Result<Started, Problem> {
    check(&plan)?;
    let starter = starter.to_path_buf();
    on_spawner_thread(move || spawn(plan, &stdio, terminal, &starter))?
}

/// What can be known before a process is made.
fn check(plan: &LaunchPlan) -> Result<(), Problem> {
    let program = plan.program.display();
    if !plan.program.is_absolute() {
        return Err(Problem::new(
            &catalogue::CLIENT_START,
            format!("`{program}` is not an absolute path"),
        ));
    }
    let found = std::fs::metadata(&plan.program).map_err(|error| program_problem(&plan.program, &error))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(program_problem(&plan.program, &Errno::ACCESS.into()));
    }
    if !plan.cwd.is_dir() {
        return Err(folder_problem(&plan.cwd));
    }
    Ok(())
}

fn spawn(plan: LaunchPlan, stdio: &[OwnedFd; 3], terminal: bool, starter: &Path) -> Result<Started, Problem> {
    let LaunchPlan {
        session_id,
        program,
        name,
        args,
        cwd,
        env,
        ..
    } = plan;
    let failed = |error: io::Error| start_problem(&program, &cwd, Step::Prepare, &error);
    let files = folder_for_files().map_err(failed)?;
    let (mut socket, theirs) = UnixStream::pair().map_err(failed)?;
    socket.set_read_timeout(Some(START_LIMIT)).map_err(failed)?;
    socket.set_write_timeout(Some(START_LIMIT)).map_err(failed)?;
    let mut child = Command::new(starter)
        .arg(child_start::ARGUMENT)
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // Before there is anything to guard.
    let guarded = guard::add(starter, child.id(), terminal, &session_id);
    let mut parcel = Parcel::new(
        terminal,
        &program,
        &name,
        &args,
        &cwd,
        files.as_ref().map(tempfile::TempDir::path),
    );
    env.inject(&mut parcel);
    let sent = guarded.and_then(|()| parcel.send(&mut socket, stdio));
    // Wiped before anything else happens.
    drop(parcel);
    let problem = match sent.and_then(|()| await_start(&mut socket)) {
        Ok(None) => return Ok(Started { child, files }),
        Ok(Some((step, error))) => start_problem(&program, &cwd, step, &error),
        Err(error) => failed(error),
    };
    // It has ended already, or is of no use.
    guard::remove(child.id(), guard::End::Forced);
    let _ = child.kill();
    let _ = child.wait();
    Err(problem)
}

#[cfg(target_os = "linux")]
fn folder_for_files() -> io::Result<Option<tempfile::TempDir>> {
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
fn folder_for_files() -> io::Result<Option<tempfile::TempDir>> {
    // Readable by its owner alone.
    tempfile::Builder::new().prefix("hallpass-").tempdir().map(Some)
}

fn start_problem(program: &Path, cwd: &Path, step: Step, error: &io::Error) -> Problem {
    match step {
        Step::Folder => folder_problem(cwd),
        Step::Program => program_problem(program, error),
        Step::Prepare | Step::Terminal | Step::Files => {
            let what = format!("no process for `{}` could be made", program.display());
            let problem = Problem::new(&catalogue::CLIENT_START, what);
            with_limit(problem.cause(format!("{}: {}", work(step), reason(error))), error)
        }
    }
}

fn work(step: Step) -> &'static str {
    match step {
        Step::Terminal => "giving it its terminal",
        Step::Files => "making its files",
        _ => "starting it",
    }
}

fn folder_problem(cwd: &Path) -> Problem {
    Problem::new(
        &catalogue::CLIENT_START,
        format!("the working folder `{}` cannot be entered", cwd.display()),
    )
    .causes(vec!["the folder is missing, or may not be entered".to_owned()])
    .fixes(vec![
        "correct cwd in the role, or start hallpass in another folder".to_owned(),
    ])
}

fn program_problem(program: &Path, error: &io::Error) -> Problem {
    let name = program.display();
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if program.exists() => Problem::new(
            &catalogue::CLIENT_NOT_EXECUTABLE,
            format!("`{name}` cannot be executed"),
        )
        .cause("the interpreter that its first line names, or its loader, is missing"),
        Some(Errno::NOENT | Errno::NOTDIR) => Problem::new(&catalogue::CLIENT_MISSING, format!("there is no `{name}`")),
        Some(Errno::NOEXEC) => Problem::new(
            &catalogue::CLIENT_NOT_EXECUTABLE,
            format!("`{name}` cannot be executed"),
        )
        .causes(vec![
            "it is a program for another kind of machine".to_owned(),
            "it is a script whose first line does not say what runs it".to_owned(),
        ])
        .fixes(vec![
            format!("file {}", shell::quoted(&name.to_string())),
            "begin the script with a line like #!/bin/sh".to_owned(),
        ]),
        Some(Errno::ACCESS | Errno::PERM | Errno::ISDIR) => Problem::new(
            &catalogue::CLIENT_NOT_EXECUTABLE,
            format!("`{name}` cannot be executed"),
        ),
        Some(Errno::TOOBIG) => Problem::new(
            &catalogue::REF_TOO_LARGE,
            format!("the environment and arguments of `{name}` are larger than the system allows"),
        ),
        _ => Problem::new(&catalogue::CLIENT_START, format!("`{name}` could not be started"))
            .cause(format!("the system said: {}", reason(error))),
    }
}

/// The system's words for an error of the system; those of a library could hold anything.
pub(super) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) if number != 0 => io::Error::from_raw_os_error(number).to_string(),
        _ if error.kind() == io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => "the first step of the child failed".to_owned(),
    }
}

/// A problem with the system rather than with the plan: no terminal, no pipe, no thread.
pub(super) fn system_problem(what: &str, error: &io::Error) -> Problem {
    with_limit(
        Problem::new(&catalogue::CLIENT_START, what).cause(format!("the system said: {}", reason(error))),
        error,
    )
}

/// Adds which limit of the system was reached, where the error says so.
fn with_limit(problem: Problem, error: &io::Error) -> Problem {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => problem
            .cause("hallpass has as many files open as it may")
            .fix("close a session, or allow more before hallpass starts: ulimit -n 4096"),
        Some(Errno::NFILE) => problem.cause("the system has as many files open as it can (sysctl fs.file-max)"),
        Some(Errno::NOSPC) => problem
            .cause("as many terminals are open as the system allows (sysctl kernel.pty.max)")
            .fix("close a terminal or a session"),
        Some(Errno::AGAIN | Errno::NOMEM) => problem
            .cause("there are as many processes or threads as you may have, or the memory is used up")
            .fix("close a session, or end something else: ulimit -u says how many processes you may have"),
        _ => problem,
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs one start on the thread that makes all children. The signal that ends a child with its parent is bound to the thread that made
/// it, so that thread must live as long as the program; and where one thread alone makes processes and terminals, no process inherits the
/// terminal of another (portable-pty marks its descriptors only after they are open).
pub(super) fn on_spawner_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    static SPAWNER: OnceLock<Mutex<Option<mpsc::Sender<Job>>>> = OnceLock::new();
    let mut spawner = SPAWNER
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let jobs = match &*spawner {
        Some(jobs) => jobs.clone(),
        None => {
            let (jobs, work) = mpsc::channel::<Job>();
            std::thread::Builder::new()
                .name("spawner".to_owned())
                .spawn(move || work.into_iter().for_each(|job| job()))
                .map_err(|error| system_problem("no thread to start a process from", &error))?;
            spawner.insert(jobs).clone()
        }
    };
    drop(spawner);
    let (done, answer) = mpsc::sync_channel(1);
    let job: Job = Box::new(move || {
        // Nobody takes the answer only if the asking thread has died.
        let _ = done.send(work());
    });
    let gone = || Problem::new(&catalogue::CLIENT_START, "the thread that starts processes has died");
    jobs.send(job).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())
}
