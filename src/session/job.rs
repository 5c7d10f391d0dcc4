//! Stopping hallpass itself, as Ctrl-Z stops a program in a shell.

use rustix::process::{
    Pid, Signal, getpgid, getpgrp, getpid, getppid, getsid, kill_current_process_group, kill_process,
};

/// What stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Everything in front, as the key does elsewhere.
    Job,
    /// We alone, as somebody told us.
    Process,
}

impl Stop {
    /// Returns when we are continued. Not by TSTP, which we listen to.
    pub fn stop(self) {
        // Nothing can keep a process from stopping itself.
        let _ = match self {
            Self::Job => kill_current_process_group(Signal::STOP),
            Self::Process => kill_process(getpid(), Signal::STOP),
        };
    }
}

/// Whether a shell with jobs waits for ours: the system calls a job without one orphaned, and would not let the key stop it either. It would
/// stop for ever.
pub fn somebody_continues_us() -> bool {
    let (Ok(session), group) = (getsid(None), getpgrp()) else {
        return false;
    };
    let mut parent = getppid();
    while let Some(pid) = parent {
        if getsid(Some(pid)) != Ok(session) {
            return false;
        }
        if getpgid(Some(pid)) != Ok(group) {
            return true;
        }
        parent = parent_of(pid);
    }
    false
}

#[cfg(target_os = "linux")]
fn parent_of(pid: Pid) -> Option<Pid> {
    // `PID (NAME) STATE PARENT …`; a name may hold anything.
    let stat = std::fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let word = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
    word.parse().ok().and_then(Pid::from_raw)
}

/// Elsewhere a script between the shell and us is not looked behind.
#[cfg(not(target_os = "linux"))]
fn parent_of(_: Pid) -> Option<Pid> {
    None
}
