//! A child without a terminal (`exec`): our standard input is its own, what it prints is redacted and passed on at once.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::lifetime::{self, Lifetime};
use super::output::{DRAIN, IDLE};
use super::signals::Signals;
use super::start::{self, system_problem};
use super::{Ending, pty};
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;

/// What a pipe holds at most.
const READ: usize = 64 * 1024;

/// Runs the child of the plan to its end. Standard output carries the child's bytes and nothing else.
///
/// An interrupt typed at the terminal reaches the child by itself, and hallpass waits for what it makes of it. TERM and HUP are passed on;
/// a child that stays is killed 6 s later.
///
/// # Errors
/// As [`super::Session::start`].
pub fn run(plan: LaunchPlan, starter: &Path) -> Result<Ending, Problem> {
    let failed = |error: io::Error| system_problem("no pipes for the child", &error);
    let redactors = [plan.env.redactor(), plan.env.redactor()];
    let (output, child_output) = io::pipe().map_err(failed)?;
    let (errors, child_errors) = io::pipe().map_err(failed)?;
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(|error| failed(error.into()))?;
    // Before the child is there: from its first moment on an interrupt is its business.
    let mut signals = Signals::new(&[SIGINT, SIGQUIT, SIGTERM, SIGHUP]).map_err(failed)?;
    let stdio = [input, child_output.into(), child_errors.into()];
    let started = start::start(plan, stdio, false, starter)?;
    let lifetime = Lifetime::new(started, None).map_err(failed)?;
    let ended = lifetime::waiting_thread(&lifetime).map_err(failed)?;

    let [output_redactor, errors_redactor] = redactors;
    let mut streams = [
        Stream::new(output.into(), rustix::stdio::stdout(), output_redactor).map_err(failed)?,
        Stream::new(errors.into(), rustix::stdio::stderr(), errors_redactor).map_err(failed)?,
    ];
    pass_on(&mut streams, &lifetime, &ended, &mut signals);
    for stream in &mut streams {
        stream.finish();
    }
    let masked = streams.iter().map(|stream| stream.redactor.masked()).sum();
    lifetime
        .ending(masked)
        .ok_or_else(|| system_problem("the child cannot be waited for", &Errno::CHILD.into()))
}

/// Until the child has ended and what it printed is passed on.
fn pass_on(streams: &mut [Stream; 2], lifetime: &std::sync::Arc<Lifetime>, ended: &OwnedFd, signals: &mut Signals) {
    // Its own bytes are all in the pipes when it has ended. Whoever it left behind may hold them open for ever.
    let mut drain_until: Option<Instant> = None;
    loop {
        let due = streams.iter().filter_map(Stream::due).chain(drain_until).min();
        // A closed pipe would be ready for ever: wait for something else in its place.
        let sources = [
            (streams[0].source.as_ref().unwrap_or(&signals.ready), PollFlags::IN),
            (streams[1].source.as_ref().unwrap_or(&signals.ready), PollFlags::IN),
            (&signals.ready, PollFlags::IN),
            (
                if drain_until.is_some() { &signals.ready } else { ended },
                PollFlags::IN,
            ),
        ];
        let has_ended = pty::wait_for(sources, due)[3] && drain_until.is_none();
        for signal in signals.take() {
            end_on(signal, lifetime);
        }
        if has_ended && lifetime.has_ended() {
            drain_until = Some(Instant::now() + DRAIN);
            for stream in streams.iter_mut() {
                stream.drain();
            }
        }
        for stream in streams.iter_mut() {
            stream.step();
        }
        let all_read = streams.iter().all(|stream| stream.source.is_none());
        if drain_until.is_some_and(|until| all_read || Instant::now() >= until) {
            return;
        }
    }
}

/// TERM and HUP are meant for the whole command. INT and QUIT come from the terminal, which has sent them to the child as well.
fn end_on(signal: c_int, lifetime: &std::sync::Arc<Lifetime>) {
    match signal {
        SIGTERM => lifetime.hang_up(Signal::TERM),
        SIGHUP => lifetime.hang_up(Signal::HUP),
        _ => {}
    }
}

/// One way from the child to us.
struct Stream {
    /// None once it has ended, or nobody takes what comes of it.
    source: Option<OwnedFd>,
    sink: BorrowedFd<'static>,
    redactor: Redactor,
    printed: Instant,
    buffer: Vec<u8>,
    clear: Vec<u8>,
}

impl Stream {
    fn new(source: OwnedFd, sink: BorrowedFd<'static>, redactor: Redactor) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&source)? | rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&source, flags)?;
        Ok(Self {
            source: Some(source),
            sink,
            redactor,
            printed: Instant::now(),
            buffer: vec![0; READ],
            clear: Vec::with_capacity(READ),
        })
    }

    fn due(&self) -> Option<Instant> {
        self.redactor.holds().then(|| self.printed + IDLE)
    }

    /// Passes on what is there.
    fn step(&mut self) {
        let now = Instant::now();
        match self
            .source
            .as_ref()
            .map(|source| pty::read(source.as_fd(), &mut self.buffer))
        {
            Some(pty::Read::Bytes(count)) => {
                self.printed = now;
                self.redactor.push(&self.buffer[..count], &mut self.clear);
            }
            Some(pty::Read::End) => self.source = None,
            Some(pty::Read::Nothing) | None => {}
        }
        if self.redactor.holds() && now >= self.printed + IDLE {
            self.redactor.idle(&mut self.clear);
            self.printed = now;
        }
        self.write();
    }

    /// Passes on all that the pipe holds now, however long that takes.
    fn drain(&mut self) {
        let mut left = self
            .source
            .as_ref()
            .and_then(|source| rustix::io::ioctl_fionread(source).ok())
            .unwrap_or(0);
        while let Some(source) = &self.source
            && left > 0
        {
            match pty::read(source.as_fd(), &mut self.buffer) {
                pty::Read::Bytes(count) => {
                    left = left.saturating_sub(count as u64);
                    self.redactor.push(&self.buffer[..count], &mut self.clear);
                    self.write();
                }
                pty::Read::Nothing => return,
                pty::Read::End => self.source = None,
            }
        }
    }

    fn finish(&mut self) {
        self.redactor.finish(&mut self.clear);
        self.write();
    }

    /// Writes and empties `clear`. Where nobody reads any more, the child's pipe is closed too, so that it ends as in any pipeline.
    fn write(&mut self) {
        if write_all(self.sink, &self.clear).is_err() {
            self.source = None;
        }
        self.clear.clear();
    }
}

/// Writes everything, also to a descriptor that somebody made non-blocking.
pub(super) fn write_all(sink: BorrowedFd<'_>, bytes: &[u8]) -> rustix::io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(sink, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut polled = [rustix::event::PollFd::from_borrowed_fd(sink, PollFlags::OUT)];
                // Whatever it says, writing says it again.
                let _ = rustix::event::poll(&mut polled, None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
