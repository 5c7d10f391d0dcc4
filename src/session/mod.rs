//! A child process and everything around it: how it starts, its PTY, the emulator that keeps its screen, the keys it gets, how it ends.

#[cfg(feature = "net")]
pub mod browser;
pub mod child_start;
pub mod clipboard;
mod died;
pub mod editor;
pub mod emulator;
pub mod guard;
pub mod harden;
pub mod job;
pub mod keys;
mod leftovers;
mod lifetime;
mod limits;
mod osc52;
mod output;
pub mod outside;
mod parcel;
pub mod passthrough;
pub mod pipe;
mod pty;
mod signals;
mod start;
mod tap;
pub mod turns;
mod typing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::limits::Limit;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::recording::Recorder;
use died::Died;
use emulator::{Emulator, Size};
use lifetime::Lifetime;
pub use lifetime::wait_for_children;
use limits::Watch;
use pty::{Outgoing, Pty};
use rustix::process::Signal;
use start::system_problem;
use tap::{Typed, cells};
use turns::Typist;

/// How a child ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// The exit code of the contract: the child's own, or 128+n.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub ran: Duration,
    /// How many values were masked in its output.
    pub masked: u64,
    /// The limit of its session that has ended it.
    pub limit: Option<Limit>,
    /// Why not everything that it printed was passed on, where that went into a file or a device that takes no more. That nobody reads any
    /// more is no such reason.
    pub unwritten: Option<Box<Problem>>,
}

/// What a session tells whoever shows it. Sent from its threads; coalesced.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// The emulator's content changed.
    Output,
    /// Nothing is recorded any more; `ends` says whether the session must end therefore.
    Unrecorded {
        problem: Box<Problem>,
        ends: bool,
    },
    Ended(Ending),
}

/// Who is told what a session does. Called from a thread of the session; it should not block.
pub type Notify = Box<dyn Fn(SessionEvent) + Send + Sync>;

/// A child on a PTY, its output redacted into an emulator by threads of its own. Dropping it hangs the child up.
pub struct Session {
    emulator: Arc<Mutex<Emulator>>,
    lifetime: Arc<Lifetime>,
    watch: Arc<Watch>,
    typist: Typist,
    redactor: Arc<Redactor>,
    outgoing: Arc<Outgoing>,
    recorder: Option<Recorder>,
    /// Until the child has ended.
    typed: Arc<Mutex<Option<Typed>>>,
    /// Given up by the session's thread when the child has ended.
    pty: Arc<Mutex<Option<Pty>>>,
}

impl Session {
    /// [`Session::start_recorded`] without a recording.
    ///
    /// # Errors
    /// As there.
    pub fn start(
        plan: LaunchPlan,
        size: Size,
        scrollback: usize,
        starter: &Path,
        notify: Notify,
    ) -> Result<Self, Problem> {
        Self::start_recorded(plan, size, scrollback, starter, None, notify)
    }

    /// Starts the child of the plan. What it prints goes into the recording as it goes to the screen; where that is required, the session ends
    /// when nothing can be recorded any more. `starter` is the program whose `--start-child` takes the child's first step: hallpass itself.
    ///
    /// # Errors
    /// `E-CLIENT-MISSING`, `E-CLIENT-NOT-EXECUTABLE`, `E-CLIENT-START`, `E-REF-TOO-LARGE`: the program does not run.
    pub fn start_recorded(
        plan: LaunchPlan,
        size: Size,
        scrollback: usize,
        starter: &Path,
        recorder: Option<Recorder>,
        notify: Notify,
    ) -> Result<Self, Problem> {
        let size = size.clamped();
        let redactor = plan.env.redactor();
        let limits = plan.limits;
        let (pty, stdio) = Pty::open(size)?;
        let end = Arc::clone(&pty.end);
        let typed = Typed::new(recorder.as_ref(), || plan.env.redactor(), &end);
        let started = start::start(plan, stdio, true, starter)?;
        let no_thread = |error| system_problem("no thread for the session", &error);
        let lifetime = Lifetime::new(started, Some(Arc::clone(&end))).map_err(no_thread)?;
        let session = Self {
            emulator: Arc::new(Mutex::new(Emulator::new(size, scrollback))),
            watch: Watch::new(limits),
            typist: Typist::new(),
            redactor: Arc::new(redactor.again()),
            lifetime,
            outgoing: Arc::new(Outgoing::new(&end)),
            recorder,
            typed: Arc::new(Mutex::new(typed)),
            pty: Arc::new(Mutex::new(Some(pty))),
        };
        if let Some(recorder) = &session.recorder {
            recorder.connected();
        }
        // From here on the session hangs the child up if it is dropped.
        let ended = lifetime::waiting_thread(&session.lifetime).map_err(no_thread)?;
        let outgoing = Arc::clone(&session.outgoing);
        let writing_end = Arc::clone(&end);
        thread("writer", move || outgoing.run(&writing_end)).map_err(no_thread)?;
        session.watch.start(&session.lifetime).map_err(no_thread)?;
        let notify: Arc<dyn Fn(SessionEvent) + Send + Sync> = notify.into();
        let died = Died::new(&session, Arc::clone(&notify));
        let reader = output::Reader::new(&session, end, ended, redactor, notify);
        let work = move || {
            if catch_unwind(AssertUnwindSafe(|| reader.run())).is_err() {
                died.end();
            }
        };
        thread("reader", work).map_err(no_thread)?;
        Ok(session)
    }

    /// The screen. Lock it briefly: the parser needs it.
    pub fn emulator(&self) -> Arc<Mutex<Emulator>> {
        Arc::clone(&self.emulator)
    }

    /// What hides the session's values in other text than the child's: to be taken again for each.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }

    /// Bytes for the child. Never blocks. A child that reads nothing gets no more than 4 MiB ahead: false if these were too many, and none
    /// of them was taken.
    pub fn send(&self, bytes: &[u8]) -> bool {
        self.outgoing.push_after(bytes, || {
            // Before the child can have read them: what it makes of a password, it may show by then.
            if let Some(typed) = &mut *self.typed.lock().unwrap_or_else(PoisonError::into_inner) {
                typed.push(bytes);
            }
        })
    }

    /// A person has typed what was sent: the session is not idle.
    pub fn typed(&self) {
        self.watch.typed();
        self.typist.typed();
    }

    /// Gives the screen and the child a new size, the nearest one that is possible.
    pub fn resize(&self, size: Size) {
        let size = size.clamped();
        let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
        if emulator.size() == size {
            return;
        }
        emulator.resize(size);
        drop(emulator);
        if let Some(recorder) = &self.recorder {
            recorder.resize(cells(size));
        }
        if let Some(pty) = &*self.pty.lock().unwrap_or_else(PoisonError::into_inner) {
            pty.resize(size);
        }
    }

    /// Keeps no more than this many bytes of scrollback from now on.
    pub fn limit_scrollback(&self, bytes: usize) {
        let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
        emulator.limit_scrollback(bytes);
    }

    /// Ends the child: HUP, 3 s, TERM, 3 s, KILL, to its whole process group. Returns at once.
    pub fn hang_up(&self) {
        self.lifetime.hang_up(Signal::HUP);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hang_up();
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
