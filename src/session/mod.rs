//! A child process and everything around it: how it starts, its PTY, the emulator that keeps its screen, the keys it gets, how it ends.

pub mod emulator;
pub mod keys;
pub mod passthrough;
pub mod pipe;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use emulator::{Emulator, Size};

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The exit code of the contract: the child's own, or 128+n.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub ran: Duration,
    /// How many values were masked in its output.
    pub masked: u64,
}

/// What a session tells whoever shows it. Sent from its threads; coalesced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The emulator's content changed.
    Output,
    Ended(Ending),
}

/// A child on a PTY, its output redacted into an emulator by threads of its own. Dropping it hangs the child up.
pub struct Session {
    emulator: Arc<Mutex<Emulator>>,
}

impl Session {
    /// Starts the child of the plan. `starter` is the program whose `--start-child` takes the child's first step: hallpass itself.
    pub fn start(
        _plan: LaunchPlan,
        _size: Size,
        _scrollback: usize,
        _starter: &Path,
        _notify: Box<dyn Fn(SessionEvent) + Send + Sync>,
    ) -> Result<Self, Problem> {
        unimplemented!("session")
    }

    /// The screen. Lock it briefly: the parser needs it.
    pub fn emulator(&self) -> Arc<Mutex<Emulator>> {
        Arc::clone(&self.emulator)
    }

    /// Bytes for the child. Never blocks.
    pub fn send(&self, _bytes: &[u8]) {}

    pub fn resize(&self, _size: Size) {}

    /// Ends the child: HUP, 3 s, TERM, 3 s, KILL, to its whole process group. Returns at once.
    pub fn hang_up(&self) {}
}
