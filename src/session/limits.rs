//! Ends a child whose session has reached a limit of its policy, whatever those who show it are busy with.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::lifetime::Lifetime;
use crate::domain::limits::Limits;

/// How long the clocks are not looked at, at most: the one that threads wait by stands still while the machine sleeps.
const LOOK: Duration = Duration::from_secs(10);
/// Systems keep the time at which a terminal was last read in steps of this: who could measure it finely could tell keys apart.
const STEP: Duration = Duration::from_secs(8);

/// The limits of one session. Kept by whoever passes keys on.
pub(super) struct Watch {
    limits: Limits,
    started: (Instant, SystemTime),
    /// When a key was last typed, in milliseconds after the start.
    typed: AtomicU64,
    /// The terminal that the child reads by itself, if it does.
    keyboard: Option<File>,
}

impl Watch {
    /// The session begins now; nobody watches yet.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            started: (Instant::now(), SystemTime::now()),
            typed: AtomicU64::new(0),
            keyboard: None,
        })
    }

    /// The same for a child whose keys nobody passes on: it reads this terminal by itself, as `w` knows its idleness. Where it reads none,
    /// who types nothing cannot be told from who cannot type: it is never idle.
    pub(super) fn of_reader(limits: Limits, keyboard: Option<OwnedFd>) -> Arc<Self> {
        Arc::new(Self {
            limits: Limits {
                idle: limits.idle.filter(|_| keyboard.is_some()),
                ..limits
            },
            started: (Instant::now(), SystemTime::now()),
            typed: AtomicU64::new(0),
            keyboard: keyboard.map(File::from),
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

    /// How long nothing was typed in a session that has run so long.
    fn idle(&self, ran: Duration) -> Duration {
        let idle = ran.saturating_sub(Duration::from_millis(self.typed.load(Ordering::Relaxed)));
        idle.min(self.keyboard.as_ref().map_or(Duration::MAX, unread))
    }

    fn run(&self, lifetime: &Arc<Lifetime>) {
        loop {
            let ran = self.ran();
            match self.limits.next(ran, self.idle(ran)) {
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

/// How long nothing was read from a terminal; up to [`STEP`] less than it was, never more. One that does not say it was never read.
fn unread(terminal: &File) -> Duration {
    let read = terminal.metadata().and_then(|metadata| metadata.accessed());
    let Ok(read) = read else { return Duration::MAX };
    let latest = read.checked_add(STEP);
    // In the future where the clock was set back: it was read just now, for all that is known.
    latest.map_or(Duration::ZERO, |latest| {
        SystemTime::now().duration_since(latest).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::io::Read as _;

    use super::super::emulator::Size;
    use super::super::pty::Pty;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// `connect … | tee`: the child reads the terminal, and we see no key.
    #[test]
    fn what_a_child_reads_from_its_terminal_was_typed() {
        let (pty, [child, _, _]) = Pty::open(Size { columns: 80, rows: 24 }).unwrap();
        let mut keyboard = File::from(child.try_clone().unwrap());
        let an_hour_ago = SystemTime::now() - HOUR;
        keyboard.set_times(FileTimes::new().set_accessed(an_hour_ago)).unwrap();
        let limits = Limits {
            idle: Some(HOUR),
            longest: None,
        };
        let watch = Watch::of_reader(limits, Some(child));
        let idle = watch.idle(2 * HOUR);
        assert!(idle <= HOUR && idle > HOUR - 2 * STEP, "{idle:?}");
        assert!(watch.idle(STEP) == STEP, "not idle for longer than it runs");
        rustix::io::write(&*pty.end, b"x\n").unwrap();
        assert_eq!(keyboard.read(&mut [0; 9]).unwrap(), 2);
        assert!(watch.idle(2 * HOUR) < STEP, "{:?}", watch.idle(2 * HOUR));
        assert_eq!(Watch::of_reader(limits, None).limits.idle, None);
    }
}
