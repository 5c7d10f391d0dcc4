//! A child without a terminal (`exec`): our standard input is its own, what it prints is redacted and passed on at once.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use zeroize::Zeroize as _;

use super::lifetime::{self, Lifetime};
use super::limits::Watch;
use super::osc52::ClipboardFilter;
use super::output::{DRAIN, IDLE};
use super::signals::Signals;
use super::start::{self, reason, system_problem};
use super::tap::Tap;
use super::{Ending, pty};
use crate::domain::catalogue;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::recording::Recorder;

/// What a pipe holds at most.
const READ: usize = 64 * 1024;
/// What a pipe takes without blocking once it says that it takes anything (`PIPE_BUF`; a page on Linux).
const WRITE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Runs the child of the plan to its end. Standard output carries the child's bytes and nothing else.
///
/// `connected` is called when the child has been started, before anything that it prints.
///
/// Recorded is what a person sees: what goes to a terminal. A recording that is required is one of everything, wherever it goes: data that
/// leaves through a file is what whoever requires it wants to know of.
///
/// An interrupt typed at the terminal reaches the child by itself, and hallpass waits for what it makes of it. TERM and HUP are passed on;
/// a child that stays is killed 6 s later.
///
/// # Errors
/// As [`super::Session::start`].
pub fn run(
    plan: LaunchPlan,
    starter: &Path,
    recorder: Option<&Recorder>,
    connected: impl FnOnce(),
) -> Result<Ending, Problem> {
    let failed = |error: io::Error| system_problem("no pipes for the child", &error);
    let redactors = [plan.env.redactor(), plan.env.redactor()];
    let (output, child_output) = io::pipe().map_err(failed)?;
    let (errors, child_errors) = if is_one_file(rustix::stdio::stdout(), rustix::stdio::stderr()) {
        // `> log 2>&1`: one pipe keeps the order of what the child prints.
        (None, child_output.try_clone().map_err(failed)?)
    } else {
        let (errors, child_errors) = io::pipe().map_err(failed)?;
        (Some(errors.into()), child_errors)
    };
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(|error| failed(error.into()))?;
    let keyboard = knows_idleness()
        .then(|| input.try_clone())
        .transpose()
        .map_err(failed)?;
    // Before the child is there: from its first moment on an interrupt is its business.
    let mut signals = Signals::new(&[SIGINT, SIGQUIT, SIGTERM, SIGHUP]).map_err(failed)?;
    let stdio = [input, child_output.into(), child_errors.into()];
    let watch = Watch::of_reader(plan.limits, keyboard);
    let filters = !plan.sets_clipboard;
    let started = start::start(plan, stdio, false, starter)?;
    let lifetime = Lifetime::new(started, None).map_err(failed)?;
    let ended = lifetime::waiting_thread(&lifetime).map_err(failed)?;
    connected();
    if let Err(error) = watch.start(&lifetime) {
        lifetime.hang_up(Signal::HUP);
        return Err(failed(error));
    }
    if let Some(recorder) = recorder {
        recorder.connected();
    }
    let [output_redactor, errors_redactor] = redactors;
    let mut streams = [
        Stream::new(
            Some(output.into()),
            rustix::stdio::stdout(),
            output_redactor,
            recorder,
            filters,
        )
        .map_err(failed)?,
        Stream::new(errors, rustix::stdio::stderr(), errors_redactor, recorder, filters).map_err(failed)?,
    ];
    pass_on(&mut streams, &lifetime, &ended, &mut signals);
    let masked = streams.iter().map(|stream| stream.redactor.masked()).sum();
    let mut ending = lifetime
        .ending(masked)
        .ok_or_else(|| system_problem("the child cannot be waited for", &Errno::CHILD.into()))?;
    ending.unwritten = streams.iter().find_map(Stream::unwritten);
    for stream in &mut streams {
        stream.tap.close();
    }
    if let Some(recorder) = recorder {
        recorder.finish(ending.code);
    }
    Ok(ending)
}

/// Whether a limit on idleness can be in force where the child's input is our own: a terminal says when it was read.
pub fn knows_idleness() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
}

fn is_one_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let file = |descriptor| {
        let status = rustix::fs::fstat(descriptor).ok()?;
        Some((status.st_dev, status.st_ino))
    };
    file(one).is_some() && file(one) == file(other)
}

/// Until the child has ended and what it printed is passed on. Only `wait_for` waits: a signal is obeyed at once, also while nobody takes
/// what the child prints.
fn pass_on(streams: &mut [Stream; 2], lifetime: &std::sync::Arc<Lifetime>, ended: &OwnedFd, signals: &mut Signals) {
    // Its own bytes are all in the pipes when it has ended. Whoever it left behind may hold them open for ever.
    let mut drain_until: Option<Instant> = None;
    let mut told_to_end = false;
    loop {
        let drained = drain_until.is_some_and(|until| Instant::now() >= until);
        for stream in streams.iter_mut().filter(|_| drained) {
            stream.end_if_drained();
        }
        // As in any pipeline a reader that takes its time is waited for, unless somebody wants us to end.
        if drain_until.is_some() && streams.iter().all(Stream::is_done) || drained && told_to_end {
            return;
        }
        let due = streams.iter().filter_map(Stream::due);
        let due = due.chain(drain_until.filter(|_| !drained)).min();
        // What is not to be waited for is replaced by what is waited for anyway.
        let signalled = (&signals.ready, PollFlags::IN);
        let sources = [
            streams[0].awaited().unwrap_or(signalled),
            streams[1].awaited().unwrap_or(signalled),
            signalled,
            if drain_until.is_some() {
                signalled
            } else {
                (ended, PollFlags::IN)
            },
        ];
        let ready = pty::wait_for(sources, due);
        for signal in signals.take() {
            told_to_end |= end_on(signal, lifetime);
        }
        told_to_end |= lifetime.limit().is_some();
        if ready[3] && drain_until.is_none() && lifetime.has_ended() {
            drain_until = Some(Instant::now() + DRAIN);
            for stream in streams.iter_mut() {
                stream.begin_to_drain();
            }
        }
        for (stream, ready) in streams.iter_mut().zip(ready) {
            stream.step(ready);
            told_to_end |= end_unrecorded(stream, lifetime);
        }
    }
}

/// TERM and HUP are meant for the whole command: true. INT and QUIT come from the terminal, which has sent them to the child as well.
fn end_on(signal: c_int, lifetime: &std::sync::Arc<Lifetime>) -> bool {
    let signal = match signal {
        SIGTERM => Signal::TERM,
        SIGHUP => Signal::HUP,
        _ => return false,
    };
    lifetime.hang_up(signal);
    true
}

/// A recording that fails is said at the end; one that is required ends the child now: true.
fn end_unrecorded(stream: &mut Stream, lifetime: &std::sync::Arc<Lifetime>) -> bool {
    let Some((_, true)) = stream.tap.failure() else {
        return false;
    };
    lifetime.hang_up(Signal::TERM);
    true
}

/// One way from the child to us.
pub(super) struct Stream {
    /// None once it has ended, or nobody takes what comes of it.
    source: Option<OwnedFd>,
    sink: OwnedFd,
    /// Our own descriptor that this is: 1 or 2.
    number: i32,
    /// Why the sink takes no more, unless nobody is there.
    refused: Option<Errno>,
    pub(super) redactor: Redactor,
    pub(super) tap: Tap,
    /// None where it sets no clipboard, or may.
    clipboard: Option<ClipboardFilter>,
    printed: Instant,
    buffer: Vec<u8>,
    /// What is to be written, from `written` on.
    clear: Vec<u8>,
    written: usize,
    /// Bytes in the pipe, once the child has ended, that are its own.
    own: u64,
    /// Whether the redactor has let go of everything.
    finished: bool,
}

impl Stream {
    /// `filters`: what would set the clipboard of a terminal is taken out.
    pub(super) fn new(
        source: Option<OwnedFd>,
        sink: BorrowedFd<'_>,
        redactor: Redactor,
        recorder: Option<&Recorder>,
        filters: bool,
    ) -> io::Result<Self> {
        let shown = rustix::termios::isatty(sink);
        let recorder = recorder.filter(|recorder| recorder.is_required() || shown);
        if let Some(source) = &source {
            let flags = rustix::fs::fcntl_getfl(source)? | OFlags::NONBLOCK;
            rustix::fs::fcntl_setfl(source, flags)?;
        }
        Ok(Self {
            source,
            sink: writing_end(sink)?,
            number: sink.as_raw_fd(),
            refused: None,
            redactor,
            tap: Tap::of_pipe(recorder),
            clipboard: (shown && filters).then(ClipboardFilter::default),
            printed: Instant::now(),
            buffer: vec![0; READ],
            clear: Vec::with_capacity(READ),
            written: 0,
            own: 0,
            finished: false,
        })
    }

    /// What of the child's output is lost because the sink takes no more.
    pub(super) fn unwritten(&self) -> Option<Box<Problem>> {
        let reason = reason(&self.refused?.into());
        let name = if self.number == 2 {
            "standard error"
        } else {
            "standard output"
        };
        let what = format!("{name} takes no more: what the command printed is cut off there");
        let causes = vec![format!("the system said: {reason}")];
        let problem = Problem::new(&catalogue::IO, what).causes(causes);
        Some(Box::new(
            problem.fixes(vec!["df -h   (which disks are full)".to_owned()]),
        ))
    }

    pub(super) fn has_more_to_write(&self) -> bool {
        self.written < self.clear.len()
    }

    /// Everything is read and written.
    pub(super) fn is_done(&self) -> bool {
        self.finished && !self.has_more_to_write()
    }

    /// What has to be ready for the next step. Nothing is read while something waits to be written: the child waits as it would without us.
    pub(super) fn awaited(&self) -> Option<(&OwnedFd, PollFlags)> {
        if self.has_more_to_write() {
            return Some((&self.sink, PollFlags::OUT));
        }
        let source = self.source.as_ref().filter(|_| self.tap.has_room());
        source.map(|source| (source, PollFlags::IN))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let recording = self.tap.due(self.tap.has_room());
        self.idle_due().into_iter().chain(recording).min()
    }

    /// When the redactor lets go of what is no secret yet.
    fn idle_due(&self) -> Option<Instant> {
        let waits = self.redactor.holds() && !self.finished && !self.has_more_to_write();
        waits.then(|| self.printed + IDLE)
    }

    /// Writes or reads a piece, whichever is awaited.
    pub(super) fn step(&mut self, ready: bool) {
        if self.has_more_to_write() {
            if ready {
                self.write();
            }
        } else if ready {
            self.read();
        }
        if self.idle_due().is_some_and(|due| Instant::now() >= due) {
            self.redactor.idle(&mut self.clear);
            self.let_through();
            self.printed = Instant::now();
        }
        if self.source.is_none() && !self.finished {
            let waiting = std::mem::take(&mut self.clear);
            self.redactor.finish(&mut self.clear);
            self.let_through();
            if let Some(clipboard) = &mut self.clipboard {
                clipboard.finish(&mut self.clear);
            }
            self.clear.splice(..0, waiting);
            self.finished = true;
        }
    }

    fn read(&mut self) {
        let Some(source) = &self.source else { return };
        match pty::read(source, &mut self.buffer) {
            pty::Read::Bytes(count) => {
                self.printed = Instant::now();
                self.own = self.own.saturating_sub(count as u64);
                self.redactor.push(&self.buffer[..count], &mut self.clear);
                self.buffer[..count].zeroize();
                self.let_through();
            }
            pty::Read::End => self.source = None,
            pty::Read::Nothing => {}
        }
    }

    /// All of `clear` is new.
    fn let_through(&mut self) {
        if let Some(clipboard) = &mut self.clipboard {
            clipboard.take_out(&mut self.clear);
        }
        self.tap.output(&self.clear);
    }

    /// Where nobody reads any more, the child's pipe is closed too, so that it ends as in any pipeline.
    fn write(&mut self) {
        let piece = &self.clear[self.written..];
        match rustix::io::write(&self.sink, &piece[..piece.len().min(WRITE)]) {
            Ok(count) => self.written += count,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                // Of a terminal that is gone hallpass is told in another way.
                self.refused =
                    Some(error).filter(|error| *error != Errno::PIPE && !rustix::termios::isatty(&self.sink));
                self.source = None;
                self.written = self.clear.len();
            }
        }
        if !self.has_more_to_write() {
            self.clear.clear();
            self.written = 0;
        }
    }

    /// The child has ended: what the pipe holds now is its own, and is passed on however long that takes.
    pub(super) fn begin_to_drain(&mut self) {
        let held = self
            .source
            .as_ref()
            .and_then(|source| rustix::io::ioctl_fionread(source).ok());
        self.own = held.unwrap_or(0);
    }

    /// Whoever else holds the pipe open has had its time.
    pub(super) fn end_if_drained(&mut self) {
        if self.own == 0 {
            self.source = None;
        }
        self.step(false);
    }
}

/// A descriptor of our own for what is written to one of ours. A terminal is opened once more where that is possible: writing to it never
/// blocks then, and whoever shares ours with us does not notice.
pub(super) fn writing_end(sink: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    if rustix::termios::isatty(sink) {
        let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let name = format!("/proc/self/fd/{}", sink.as_raw_fd());
        if let Ok(opened) = rustix::fs::open(name, flags, rustix::fs::Mode::empty()) {
            return Ok(opened);
        }
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(sink, 3)?)
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::super::emulator::Size;
    use super::*;
    use crate::domain::secret::ChildEnv;

    /// What of this output reaches a terminal.
    fn shown(output: &[u8], filters: bool) -> String {
        let (pty, [sink, _, _]) = pty::Pty::open(Size { columns: 80, rows: 24 }).unwrap();
        let (source, mut child) = io::pipe().unwrap();
        io::Write::write_all(&mut child, output).unwrap();
        drop(child);
        let redactor = ChildEnv::new().redactor();
        let mut stream = Stream::new(Some(source.into()), sink.as_fd(), redactor, None, filters).unwrap();
        let (mut shown, mut buffer) = (Vec::new(), [0; 256]);
        while !stream.is_done() {
            stream.step(true);
        }
        while !shown.ends_with(b"\n") {
            if let pty::Read::Bytes(count) = pty::read(&*pty.end, &mut buffer) {
                shown.extend(&buffer[..count]);
            }
        }
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_command_that_prints_to_a_terminal_sets_no_clipboard() {
        assert_eq!(shown(b"a\x1b]52;c;aGk=\x07b\n", true), "ab\r\n");
        assert_eq!(shown(b"a\x1b]52;c;aGk=\x07b\n", false), "a\x1b]52;c;aGk=\x07b\r\n");
        assert_eq!(shown(b"\x1b]5\n", true), "\x1b]5\r\n", "what never became a request");
    }
}
