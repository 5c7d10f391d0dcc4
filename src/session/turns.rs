//! Who types goes first: while somebody types, sessions that print and are not typed into take a rest after every read, so that neither keys
//! nor their echo wait for the processor; and what must be an echo is not held back for long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::output::IDLE;

/// So long after a key the next one is expected.
const TYPING: Duration = Duration::from_millis(50);
/// How long after a read the next one has to wait then: some 8 MB a second go on.
const REST: Duration = Duration::from_millis(6);
/// What is read at once and is no longer than this, while somebody types, is taken for the echo of a key; a value that is printed
/// otherwise shows no more of itself by it than after any silence.
const ECHO: usize = 3;
/// As [`IDLE`], after an echo.
const IDLE_ECHO: Duration = Duration::from_millis(2);

/// When a key was pressed, and for whom.
static LAST: Mutex<Option<(Instant, Typist)>> = Mutex::new(None);

/// Whom keys are for: a session, or ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typist(u64);

impl Typist {
    /// hallpass itself.
    pub const OURSELVES: Self = Self(0);

    /// Another session.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// A key was pressed for it.
    pub fn typed(self) {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), self));
    }

    /// The silence after which the redactor lets go of what is no secret yet, so many bytes having been read last.
    pub(super) fn idle(self, read: usize) -> Duration {
        let last = *LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let types = last.is_some_and(|(at, who)| who == self && at.elapsed() < TYPING);
        if types && read <= ECHO { IDLE_ECHO } else { IDLE }
    }

    /// How long it should rest, having printed, because somebody types elsewhere.
    pub(super) fn rest(self) -> Option<Duration> {
        let last = *LAST.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(at, who)| *who != self && at.elapsed() < TYPING)
            .map(|_| REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: what it looks at is one for the whole process.
    #[test]
    fn only_others_rest_and_not_for_long() {
        let (one, other) = (Typist::new(), Typist::new());
        one.typed();
        assert_eq!((one.rest(), other.rest()), (None, Some(REST)));
        assert_eq!((one.idle(1), one.idle(4), other.idle(1)), (IDLE_ECHO, IDLE, IDLE));
        std::thread::sleep(TYPING);
        assert_eq!((other.rest(), one.idle(1)), (None, IDLE));
    }
}
