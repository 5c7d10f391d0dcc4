//! The life of a child that runs: waiting for its end, and bringing the end about.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::start::Started;
use super::{Ending, guard};
use crate::domain::limits::Limit;

/// Time a child has to end on a signal before the next, harder one.
const GRACE: Duration = Duration::from_secs(3);

/// A running child. Shared by whoever waits for it and whoever ends it.
pub(super) struct Lifetime {
    pid: Pid,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
    /// On a terminal the child leads a group of its own; on pipes it stays in ours.
    own_group: bool,
}

struct State {
    /// Its pid is ours to signal only while this has not been waited for.
    child: Started,
    ended: Option<(ExitStatus, Duration)>,
    hanging_up: bool,
    /// The limit of the session that has brought the end about.
    limit: Option<Limit>,
    /// The PTY's other end, until the child has ended.
    terminal: Option<Arc<OwnedFd>>,
    /// The terminal's foreground group when the hang-up began: a pager, say.
    foreground: Option<Pid>,
}

impl Lifetime {
    pub(super) fn new(child: Started, terminal: Option<Arc<OwnedFd>>) -> io::Result<Arc<Self>> {
        let pid = i32::try_from(child.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(io::ErrorKind::InvalidData)?;
        running().add();
        Ok(Arc::new(Self {
            pid,
            started: Instant::now(),
            own_group: terminal.is_some(),
            state: Mutex::new(State {
                child,
                ended: None,
                hanging_up: false,
                limit: None,
                terminal,
                foreground: None,
            }),
            changed: Condvar::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the child has ended. One thread calls this.
    pub(super) fn wait(&self) {
        // First without taking the pid away, so that nobody signals a stranger that got it.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while rustix::process::waitid(WaitId::Pid(self.pid), ended).is_err_and(|error| error == rustix::io::Errno::INTR)
        {
        }
        let mut state = self.lock();
        let ran = self.started.elapsed();
        let end = if state.hanging_up {
            // Whoever it left behind in its groups ignored what ended it.
            self.signal(&state, Signal::KILL);
            guard::End::Forced
        } else {
            guard::End::Itself
        };
        guard::remove(state.child.child.id(), end);
        let status = state.child.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        state.child.files = None;
        state.terminal = None;
        state.ended = Some((status, ran));
        drop(state);
        self.changed.notify_all();
        running().remove();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended.is_some()
    }

    fn kill(&self) {
        self.signal(&self.lock(), Signal::KILL);
    }

    /// Waits for the child's end, at most this long; whether it has ended.
    pub(super) fn ends_within(&self, time: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| state.ended.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.ended.is_some()
    }

    /// Hangs the child up because its session has reached this limit.
    pub(super) fn reach(self: &Arc<Self>, limit: Limit) {
        let mut state = self.lock();
        if !state.hanging_up && state.ended.is_none() {
            state.limit = Some(limit);
        }
        drop(state);
        self.hang_up(Signal::HUP);
    }

    /// The limit that has brought the end about, or does so now.
    pub(super) fn limit(&self) -> Option<Limit> {
        self.lock().limit
    }

    /// How it ended; none while it runs.
    pub(super) fn ending(&self, masked: u64) -> Option<Ending> {
        let state = self.lock();
        state.ended.map(|(status, ran)| Ending {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            signal: status.signal(),
            ran,
            masked,
            limit: state.limit,
            unwritten: None,
        })
    }

    /// Begins to end the child and returns at once: HUP (or `first`), 3 s, TERM, 3 s, KILL. A second call changes nothing.
    pub(super) fn hang_up(self: &Arc<Self>, first: Signal) {
        let mut state = self.lock();
        if state.hanging_up || state.ended.is_some() {
            return;
        }
        state.hanging_up = true;
        state.foreground = state
            .terminal
            .as_ref()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        drop(state);
        let this = Arc::clone(self);
        let ladder = move || {
            for signal in [first, Signal::TERM, Signal::KILL] {
                if this.ends_on(signal) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("hang-up".to_owned());
        if thread.spawn(ladder).is_err() {
            // No thread, no grace.
            self.signal(&self.lock(), Signal::KILL);
        }
    }

    /// Sends a signal and gives the child time to end.
    fn ends_on(&self, signal: Signal) -> bool {
        let state = self.lock();
        if state.ended.is_some() {
            return true;
        }
        self.signal(&state, signal);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, GRACE, |state| state.ended.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.ended.is_some()
    }

    /// Signals the child's group and the terminal's foreground group; a child on pipes alone, its group is ours. What is stopped is woken up,
    /// or it would never see the signal.
    fn signal(&self, state: &State, signal: Signal) {
        for signal in [signal, Signal::CONT] {
            // Who is gone already needs no signal.
            if self.own_group {
                let _ = rustix::process::kill_process_group(self.pid, signal);
                if let Some(group) = state.foreground.filter(|group| *group != self.pid) {
                    let _ = rustix::process::kill_process_group(group, signal);
                }
            } else {
                let _ = rustix::process::kill_process(self.pid, signal);
            }
        }
    }
}

/// Waits for the child on a thread of its own; what is returned becomes readable when it has ended.
pub(super) fn waiting_thread(lifetime: &Arc<Lifetime>) -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    let waiting = Arc::clone(lifetime);
    let thread = std::thread::Builder::new().name("waiter".to_owned()).spawn(move || {
        waiting.wait();
        drop(writer);
    });
    if let Err(error) = thread {
        // Nobody would ever wait for it: end it here.
        lifetime.kill();
        lifetime.wait();
        return Err(error);
    }
    Ok(reader.into())
}

/// How many children run.
#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    fewer: Condvar,
}

impl Running {
    fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn remove(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        self.fewer.notify_all();
    }
}

fn running() -> &'static Running {
    static RUNNING: Running = Running {
        count: Mutex::new(0),
        fewer: Condvar::new(),
    };
    &RUNNING
}

/// Waits until every child has ended, at most this long; whether they all have. For the way out of the program: a child that still runs
/// when hallpass ends is killed without grace.
pub fn wait_for_children(limit: Duration) -> bool {
    let running = running();
    let count = running.count.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, _) = running
        .fewer
        .wait_timeout_while(count, limit, |count| *count > 0)
        .unwrap_or_else(PoisonError::into_inner);
    *count == 0
}
