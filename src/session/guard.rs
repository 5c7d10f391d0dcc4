//! A process of hallpass that outlives it for a moment (`hallpass --guard`): when hallpass is gone, however that came about, it kills what
//! the sessions that still ran leave behind. A child's own death with its parent (`child_start.rs`) does not reach what the child started.
//!
//! It knows the sessions from lines on its standard input, which ends when hallpass does: `+ PID KIND ID` when one begins (`terminal` or
//! `pipes`, and the session's id), `- PID` when it has ended, `x PID` when it was ended and nothing of it may stay.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead as _, PipeWriter, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// The argument that `main` looks for before anything else.
pub const ARGUMENT: &str = "--guard";

/// The variable of a child's environment that says which session it is of; what it starts inherits it.
#[cfg(target_os = "linux")]
const MARK: &str = "HALLPASS_SESSION_ID=";
/// How long processes are looked for, and the time between two looks.
const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// What is forked while we look is seen by the next look.
const LOOKS_WITHOUT_FINDING: u32 = 3;

/// The guard of this process, and what it was told.
struct Guard {
    to_guard: Option<PipeWriter>,
    /// Each running session, by the pid of its child.
    sessions: BTreeMap<u32, Guarded>,
}

static GUARD: Mutex<Guard> = Mutex::new(Guard {
    to_guard: None,
    sessions: BTreeMap::new(),
});

/// Puts a session under guard. To be called on the thread that starts all processes: the first call starts the guard.
pub(super) fn add(starter: &Path, child: u32, terminal: bool, session_id: &str) -> io::Result<()> {
    let session = Guarded {
        terminal,
        id: session_id.to_owned(),
    };
    let line = session.line(child);
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    guard.sessions.insert(child, session);
    if let Some(to_guard) = &mut guard.to_guard
        && to_guard.write_all(line.as_bytes()).is_ok()
    {
        return Ok(());
    }
    // There is none yet, or somebody killed it.
    match start(starter, &guard.sessions) {
        Ok(to_guard) => {
            guard.to_guard = Some(to_guard);
            Ok(())
        }
        Err(error) => {
            guard.sessions.remove(&child);
            Err(error)
        }
    }
}

fn start(starter: &Path, sessions: &BTreeMap<u32, Guarded>) -> io::Result<PipeWriter> {
    let (from_us, mut to_guard) = io::pipe()?;
    Command::new(starter)
        .arg(ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(from_us)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    for (child, session) in sessions {
        to_guard.write_all(session.line(*child).as_bytes())?;
    }
    Ok(to_guard)
}

/// How a session has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself: what it left running in the background is its user's business.
    Itself,
    /// By us. What is left of it is killed: by the guard, or here where somebody killed that.
    Forced,
}

/// Takes a session that has ended from under guard. To be called before its child is waited for: its pid may be another's afterwards.
pub(super) fn remove(child: u32, how: End) {
    let order = if how == End::Forced { 'x' } else { '-' };
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(session) = guard.sessions.remove(&child) else {
        return;
    };
    let told = |to_guard: &mut PipeWriter| to_guard.write_all(format!("{order} {child}\n").as_bytes()).is_ok();
    let is_told = guard.to_guard.as_mut().is_some_and(told);
    drop(guard);
    // A guard that is gone needs to know nothing, and the next session starts another; but nobody waits for that one.
    if !is_told
        && how == End::Forced
        && let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw)
    {
        end(&HashMap::from([(pid, session)]));
    }
}

/// What `hallpass --guard` does: listens until hallpass is gone, then ends the sessions that still ran.
pub fn watch() -> ExitCode {
    // Out of the terminal's reach, which ends with hallpass. Fails only for who typed the argument.
    let _ = rustix::process::setsid();
    let mut sessions = HashMap::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["+", pid, kind, id] => {
                if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                    let terminal = kind == "terminal";
                    sessions.insert(
                        pid,
                        Guarded {
                            terminal,
                            id: id.to_owned(),
                        },
                    );
                }
            }
            [order @ ("-" | "x"), pid] => {
                let session = pid.parse().ok().and_then(Pid::from_raw);
                let session = session.and_then(|pid| sessions.remove_entry(&pid));
                if let Some(session) = session.filter(|_| order == "x") {
                    end(&HashMap::from([session]));
                }
            }
            _ => {}
        }
    }
    if !sessions.is_empty() {
        end(&sessions);
    }
    ExitCode::SUCCESS
}

/// A session that runs. On a terminal its child leads a session in the system's sense, too.
struct Guarded {
    id: String,
    terminal: bool,
}

impl Guarded {
    /// What a guard is told of it.
    fn line(&self, child: u32) -> String {
        let kind = if self.terminal { "terminal" } else { "pipes" };
        format!("+ {child} {kind} {}\n", self.id)
    }
}

fn end(sessions: &HashMap<Pid, Guarded>) {
    let until = Instant::now() + LIMIT;
    let mut without = 0;
    while without < LOOKS_WITHOUT_FINDING && Instant::now() < until {
        let found = left(sessions);
        without = if found.is_empty() { without + 1 } else { 0 };
        for pid in found {
            // Who is gone already needs no signal.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The processes of these sessions that live: on their terminals, or with their environment, wherever they have gone.
#[cfg(target_os = "linux")]
fn left(sessions: &HashMap<Pid, Guarded>) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    pids.filter(|pid| is_of(*pid, sessions)).collect()
}

#[cfg(target_os = "linux")]
fn is_of(pid: Pid, sessions: &HashMap<Pid, Guarded>) -> bool {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    // `PID (NAME) STATE PARENT GROUP SESSION …`; a name may hold anything.
    let Ok(stat) = std::fs::read(format!("{folder}/stat")) else {
        return false;
    };
    let stat = String::from_utf8_lossy(&stat);
    let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let state = words.next().unwrap_or_default();
    if matches!(state, "Z" | "X") {
        return false;
    }
    let leader = words.nth(2).and_then(|word| word.parse().ok()).and_then(Pid::from_raw);
    if leader.is_some_and(|leader| sessions.get(&leader).is_some_and(|session| session.terminal)) {
        return true;
    }
    let environment = std::fs::read(format!("{folder}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.strip_prefix(MARK.as_bytes()))
        .any(|id| sessions.values().any(|session| session.id.as_bytes() == id))
}

/// Elsewhere the groups of the children have to do, once.
#[cfg(not(target_os = "linux"))]
fn left(sessions: &HashMap<Pid, Guarded>) -> Vec<Pid> {
    for (pid, _) in sessions.iter().filter(|(_, session)| session.terminal) {
        let _ = rustix::process::kill_process_group(*pid, Signal::KILL);
    }
    Vec::new()
}
