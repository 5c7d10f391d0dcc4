//! A session's thread: reads what the child prints, hides its secrets, draws it, tells whoever shows it.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::Signal;
use zeroize::Zeroize as _;

use super::emulator::Emulator;
use super::lifetime::Lifetime;
use super::pty::{self, Outgoing, Pty, Read};
use super::tap::{Tap, Typed};
use super::turns::Typist;
use super::{Session, SessionEvent};
use crate::domain::secret::Redactor;

/// Silence after which the redactor lets go of what is no secret yet, in general: see [`Typist::idle`].
pub(super) const IDLE: Duration = Duration::from_millis(8);
/// Time to read what is left once the child has ended: somebody it left behind may hold its terminal open for ever.
pub(super) const DRAIN: Duration = Duration::from_millis(200);
/// Least time between two notices of new output.
const NOTICE: Duration = Duration::from_millis(8);
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// Plain text that keeps coming is drawn in pieces of so much, or so long after the last one: in a large piece most lines only pass by.
const TOGETHER: usize = 64 * 1024;
const TOGETHER_TIME: Duration = Duration::from_millis(2);
/// Bytes with escapes in them that are drawn while the screen is locked, and the time that may take: a few bytes can ask for a lot of work.
const SLICE: usize = 16 * 1024;
const SLICE_TIME: Duration = Duration::from_millis(4);
const ENQUIRY: u8 = 0x05;
const ESCAPE: u8 = 0x1b;

pub(super) struct Reader {
    emulator: Arc<Mutex<Emulator>>,
    lifetime: Arc<Lifetime>,
    outgoing: Arc<Outgoing>,
    pty: Arc<Mutex<Option<Pty>>>,
    end: Arc<OwnedFd>,
    /// Readable once the child has ended.
    ended: OwnedFd,
    redactor: Redactor,
    tap: Tap,
    typed: Arc<Mutex<Option<Typed>>>,
    typist: Typist,
    notify: Arc<dyn Fn(SessionEvent) + Send + Sync>,
    /// When the child last printed something, and when that was last drawn.
    printed: Instant,
    drawn: Instant,
    /// Silence after which the redactor lets go of what is no secret yet.
    idle: Duration,
    /// When the last notice was sent, and whether something was drawn since.
    noticed: Instant,
    unnoticed: bool,
    slice: usize,
}

impl Reader {
    pub(super) fn new(
        session: &Session,
        end: Arc<OwnedFd>,
        ended: OwnedFd,
        redactor: Redactor,
        notify: Arc<dyn Fn(SessionEvent) + Send + Sync>,
    ) -> Self {
        let now = Instant::now();
        Self {
            emulator: Arc::clone(&session.emulator),
            lifetime: Arc::clone(&session.lifetime),
            outgoing: Arc::clone(&session.outgoing),
            pty: Arc::clone(&session.pty),
            end,
            ended,
            redactor,
            tap: Tap::new(session.recorder.as_ref()),
            typed: Arc::clone(&session.typed),
            typist: session.typist,
            notify,
            printed: now,
            drawn: now,
            idle: IDLE,
            noticed: now.checked_sub(NOTICE).unwrap_or(now),
            unnoticed: false,
            slice: SLICE,
        }
    }

    /// Until the child has ended and everything it printed is drawn.
    pub(super) fn run(mut self) {
        let mut buffer = vec![0; READ];
        let mut clear = Vec::with_capacity(READ);
        let mut drain_until: Option<Instant> = None;
        loop {
            let has_room = self.tap.has_room();
            let waits = (!clear.is_empty()).then(|| self.drawn + TOGETHER_TIME);
            let due = [self.due(), waits, self.tap.due(has_room), drain_until];
            let due = due.into_iter().flatten().min();
            let (printed, over) = ((&*self.end, PollFlags::IN), (&self.ended, PollFlags::IN));
            let ended = match (drain_until.is_some(), has_room) {
                (false, true) => pty::wait_for([printed, over], due)[1],
                (false, false) => pty::wait_for([over], due)[0],
                (true, true) => {
                    pty::wait_for([printed], due);
                    true
                }
                (true, false) => {
                    pty::wait_for([], due);
                    true
                }
            };
            if ended && (drain_until.is_none() || !has_room) {
                drain_until = Some(Instant::now() + DRAIN);
            }
            match if has_room {
                pty::read(&*self.end, &mut buffer)
            } else {
                Read::Nothing
            } {
                Read::Bytes(count) => {
                    self.printed = Instant::now();
                    self.idle = self.typist.idle(count);
                    self.redactor.push(&buffer[..count], &mut clear);
                    buffer[..count].zeroize();
                    if let Some(rest) = self.typist.rest() {
                        std::thread::sleep(rest);
                    }
                }
                Read::Nothing => {}
                Read::End if drain_until.is_some() => break,
                // Everybody has let go of the terminal, yet the child lives and may take it again.
                Read::End => {
                    let soon = Instant::now() + Duration::from_millis(50);
                    pty::wait_for([(&self.ended, PollFlags::IN)], Some(soon));
                }
            }
            self.let_time_pass(&mut clear);
            if self.is_time_to_draw(&clear) {
                self.draw(&mut clear);
            }
            self.watch_recording();
            if drain_until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        self.finish(clear);
    }

    /// When something must happen although the child is silent.
    fn due(&self) -> Option<Instant> {
        let idle = self.redactor.holds().then(|| self.printed + self.idle);
        let notice = self.unnoticed.then(|| self.noticed + NOTICE);
        let update = self
            .emulator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update_due();
        [idle, notice, update].into_iter().flatten().min()
    }

    /// What may be a question is drawn at once: the child may wait for the answer.
    fn is_time_to_draw(&self, clear: &[u8]) -> bool {
        let asks = |byte: &u8| matches!(*byte, ENQUIRY | ESCAPE);
        clear.len() >= TOGETHER || self.drawn.elapsed() >= TOGETHER_TIME || clear.iter().any(asks)
    }

    fn let_time_pass(&mut self, clear: &mut Vec<u8>) {
        let now = Instant::now();
        if self.redactor.holds() && now >= self.printed + self.idle {
            self.redactor.idle(clear);
            // What it still holds is due again after as long.
            self.printed = now;
        }
        let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
        if emulator.update_due().is_some_and(|due| now >= due) {
            emulator.show_update();
            self.unnoticed = true;
            // The child may have asked something inside of it, and print nothing until it is told.
            let replies = emulator.take_replies();
            if !replies.is_empty() {
                self.outgoing.push(&replies);
            }
        }
        drop(emulator);
        if self.unnoticed && now >= self.noticed + NOTICE {
            self.notice();
        }
    }

    /// A recording that fails is said, and ends a session that must have one.
    fn watch_recording(&mut self) {
        if let Some((problem, ends)) = self.tap.failure() {
            let problem = Box::new(problem);
            (self.notify)(SessionEvent::Unrecorded { problem, ends });
            if ends {
                self.lifetime.hang_up(Signal::HUP);
            }
        }
    }

    fn notice(&mut self) {
        self.unnoticed = false;
        self.noticed = Instant::now();
        (self.notify)(SessionEvent::Output);
    }

    /// Draws and empties `clear`, letting others at the screen in between.
    fn draw(&mut self, clear: &mut Vec<u8>) {
        self.tap.output(clear);
        let mut rest = clear.as_slice();
        while !rest.is_empty() {
            let plain = &rest[..rest.len().min(TOGETHER)];
            let most = if plain.contains(&ESCAPE) { self.slice } else { TOGETHER };
            let (slice, after) = rest.split_at(rest.len().min(most));
            rest = after;
            let began = Instant::now();
            let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
            emulator.feed(slice);
            let replies = emulator.take_replies();
            drop(emulator);
            if !replies.is_empty() {
                self.outgoing.push(&replies);
            }
            self.unnoticed = true;
            let took = began.elapsed();
            if took > SLICE_TIME {
                self.slice = (self.slice / 2).max(64);
            } else if slice.len() == self.slice && took < SLICE_TIME / 4 {
                self.slice = (self.slice * 2).min(SLICE);
            }
            if !rest.is_empty() {
                // A lock that is taken again at once starves whoever waits for it.
                std::thread::sleep(Duration::from_micros(20));
            }
        }
        if !clear.is_empty() {
            self.drawn = Instant::now();
            clear.clear();
        }
        if self.unnoticed && self.noticed.elapsed() >= NOTICE {
            self.notice();
        }
    }

    fn finish(mut self, mut clear: Vec<u8>) {
        self.redactor.finish(&mut clear);
        self.draw(&mut clear);
        self.emulator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .show_update();
        self.outgoing.close();
        *self.pty.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if self.unnoticed {
            self.notice();
        }
        drop(self.typed.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(ending) = self.lifetime.ending(self.redactor.masked()) {
            if let Some(problem) = self.tap.finish(ending.code) {
                let problem = Box::new(problem);
                (self.notify)(SessionEvent::Unrecorded { problem, ends: false });
            }
            (self.notify)(SessionEvent::Ended(ending));
        }
    }
}
