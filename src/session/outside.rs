//! The terminal that `connect` stands in while a child has it: its modes, its size, and whether we are in front of it.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcdrain, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};

use super::emulator::Size;
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// Least time between two sizes that a child is told: a window that is dragged has hundreds a second, and each is drawn anew and recorded.
const BETWEEN_SIZES: Duration = Duration::from_millis(50);

/// In the background stops us, as any program that wants to set the terminal, until a shell brings us to the front. To be called before a
/// secret is read.
///
/// # Errors
/// `E-TTY-REQUIRED`: there is no shell that could.
pub fn wait_for_the_front() -> Result<(), Problem> {
    loop {
        // Of all that needs the front this alone changes nothing.
        match tcdrain(rustix::stdio::stdin()) {
            Err(Errno::INTR) => {}
            Err(Errno::IO) => {
                let what = "hallpass is in the background of its terminal, and no shell can bring it to the front";
                return Err(Problem::new(&catalogue::TTY_REQUIRED, what));
            }
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}

/// Whether the terminal is ours to set. Who sets it from the background is stopped.
pub(super) fn in_front() -> bool {
    // One that is not ours to begin with stops nobody.
    tcgetpgrp(rustix::stdio::stdin()).map_or(true, |group| group == getpgrp())
}

/// Stops us as the system would for setting the terminal, with what was started together with us. It returns at once where nobody can
/// continue us, or the signal is ignored.
pub(super) fn stop_in_the_background() {
    let _ = kill_process_group(getpgrp(), Signal::TTOU);
}

/// The size of the terminal; one that does not know it is taken for the classic one.
pub(super) fn size() -> Size {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col,
            rows: size.ws_row,
        },
        _ => Size { columns: 80, rows: 24 },
    }
}

/// When the child is told the terminal's size: at once, and while it keeps changing now and then.
pub(super) struct Resizes {
    told: Instant,
    /// When it is to be told again.
    pub(super) due: Option<Instant>,
}

impl Resizes {
    /// The child was told at this time.
    pub(super) fn new(told: Instant) -> Self {
        Self { told, due: None }
    }

    /// The terminal has another size.
    pub(super) fn want(&mut self) {
        self.due.get_or_insert(self.told + BETWEEN_SIZES);
    }

    /// Whether the child is to be told now.
    pub(super) fn is_time(&mut self, now: Instant) -> bool {
        let is_time = self.due.take_if(|due| now >= *due).is_some();
        if is_time {
            self.told = now;
        }
        is_time
    }
}

/// The terminal's raw mode, left when this is dropped: at the end, and when a panic unwinds.
#[derive(Default)]
pub(super) struct RawMode {
    /// As it was before; none until it was entered.
    before: Option<Termios>,
}

impl RawMode {
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let before = match &self.before {
            Some(before) => before.clone(),
            None => tcgetattr(rustix::stdio::stdin())?,
        };
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw)?;
        self.before = Some(before);
        Ok(())
    }

    /// In the background it is somebody else's terminal by now.
    pub(super) fn leave(&self) {
        if let Some(before) = self.before.as_ref().filter(|_| in_front()) {
            // A terminal that is gone has no modes.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_dragged_tells_its_size_now_and_then() {
        let began = Instant::now();
        let mut resizes = Resizes::new(began);
        let mut told = 0;
        for ms in 1000..2200 {
            let now = began + Duration::from_millis(ms);
            if ms < 2000 {
                resizes.want();
                resizes.want();
            }
            told += usize::from(resizes.is_time(now));
            assert!(ms > 1000 || told == 1, "the first one at once");
        }
        assert!((15..=25).contains(&told), "{told}");
        assert_eq!(resizes.due, None, "the last one, too");
    }
}
