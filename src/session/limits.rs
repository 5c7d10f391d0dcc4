//! Ends a child whose session has reached a limit of its policy, whatever those who show it are busy with.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::lifetime::Lifetime;
use crate::domain::limits::Limits;

/// How long the clocks are not looked at, at most: the one that threads wait by stands still while the machine sleeps.
const LOOK: Duration = Duration::from_secs(10);

/// The limits of one session. Kept by whoever passes keys on.
pub(super) struct Watch {
    limits: Limits,
    started: (Instant, SystemTime),
    /// When a key was last typed, in milliseconds after the start.
    typed: AtomicU64,
}

impl Watch {
    /// The session begins now; nobody watches yet.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            started: (Instant::now(), SystemTime::now()),
            typed: AtomicU64::new(0),
        })
    }

    /// Watches on a thread of its own until the child has ended; no thread where there is no limit.
    pub(super) fn start(self: &Arc<Self>, lifetime: &Arc<Lifetime>) -> io::Result<()> {
        if self.limits == Limits::default() {
            return Ok(());
        }
        let (this, lifetime) = (Arc::clone(self), Arc::clone(lifetime));
        super::thread("limits", move || this.run(&lifetime))
    }

    /// A key was typed: the idle time begins anew.
    pub(super) fn typed(&self) {
        let now = u64::try_from(self.ran().as_millis()).unwrap_or(u64::MAX);
        self.typed.store(now, Ordering::Relaxed);
    }

    /// How long it has run, by the clock that says more: one stands still while the machine sleeps, the other can be set back.
    fn ran(&self) -> Duration {
        let (instant, wall) = self.started;
        instant.elapsed().max(wall.elapsed().unwrap_or_default())
    }

    fn run(&self, lifetime: &Arc<Lifetime>) {
        loop {
            let ran = self.ran();
            let idle = ran.saturating_sub(Duration::from_millis(self.typed.load(Ordering::Relaxed)));
            match self.limits.next(ran, idle) {
                None => return,
                Some((limit, left)) if left.is_zero() => return lifetime.reach(limit),
                Some((_, left)) => {
                    if lifetime.ends_within(left.min(LOOK)) {
                        return;
                    }
                }
            }
        }
    }
}
