//! What is done for a session whose thread has died: nobody reads its child any more, so the child is ended, and the screen says why.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::emulator::Emulator;
use super::lifetime::Lifetime;
use super::pty::{Outgoing, Pty};
use super::tap::Typed;
use super::{Session, SessionEvent};
use crate::recording::Recorder;

const WORDS: &str = "hallpass failed over what this program printed, and has ended it.\r\nWhat it had shown is lost here; \
                     a recording of it goes up to there.";

/// What such a session leaves behind.
pub(super) struct Died {
    emulator: Arc<Mutex<Emulator>>,
    lifetime: Arc<Lifetime>,
    outgoing: Arc<Outgoing>,
    pty: Arc<Mutex<Option<Pty>>>,
    typed: Arc<Mutex<Option<Typed>>>,
    recorder: Option<Recorder>,
    notify: Arc<dyn Fn(SessionEvent) + Send + Sync>,
}

impl Died {
    pub(super) fn new(session: &Session, notify: Arc<dyn Fn(SessionEvent) + Send + Sync>) -> Self {
        Self {
            emulator: Arc::clone(&session.emulator),
            lifetime: Arc::clone(&session.lifetime),
            outgoing: Arc::clone(&session.outgoing),
            pty: Arc::clone(&session.pty),
            typed: Arc::clone(&session.typed),
            recorder: session.recorder.clone(),
            notify,
        }
    }

    /// Ends the child, and the session with it.
    pub(super) fn end(self) {
        self.lifetime.hang_up(Signal::HUP);
        self.outgoing.close();
        let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
        // What it was in the middle of may not be drawable.
        *emulator = Emulator::new(emulator.size(), 0);
        emulator.feed(WORDS.as_bytes());
        drop(emulator);
        // The ladder of signals ends every child.
        while !self.lifetime.ends_within(Duration::from_secs(1)) {}
        *self.pty.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(self.typed.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(ending) = self.lifetime.ending(0) {
            if let Some(recorder) = &self.recorder {
                recorder.finish(ending.code);
            }
            (self.notify)(SessionEvent::Ended(ending));
        }
    }
}
