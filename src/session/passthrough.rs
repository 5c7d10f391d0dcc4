//! A child on the current terminal (`connect`): bytes go through in both directions, redacted on the way out, without anything of our own.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::termios::isatty;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use zeroize::Zeroize as _;

use super::Ending;
use super::emulator::Size;
use super::leftovers::Leftovers;
use super::lifetime::{self, Lifetime};
use super::limits::Watch;
use super::osc52::ClipboardFilter;
use super::output::{DRAIN, IDLE};
use super::outside::{self, RawMode, Resizes};
use super::pipe::{Stream, write_all, writing_end};
use super::pty::{self, Pty, Read};
use super::signals::Signals;
use super::start::{self, system_problem};
use super::tap::{Tap, Typed};
use super::turns::Typist;
use super::typing::Typing;
use crate::domain::catalogue;
use crate::domain::plan::LaunchPlan;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::recording::Recorder;

/// Bytes read at once: small enough for a key to be passed on between two of them.
const READ: usize = 16 * 1024;
/// Bytes for a terminal that could not be opened once more: written at once where it says that it takes some.
const WRITE: usize = 256;
/// How long a terminal is waited for before it is given back for a while.
const PATIENCE: Duration = Duration::from_millis(200);
/// Bytes for the child that wait at most before the keyboard is no longer read.
const AHEAD: usize = 64 * 1024;

/// Runs the child of the plan on the terminal that is standard input and output, to its end.
///
/// Where standard error is no terminal, the child's errors go there, redacted, and not to the terminal.
///
/// `connected` is called when the child has been started, before anything that it prints.
///
/// What the child prints goes into the recording as it goes to the terminal. One that fails is said on standard error, and ends the session
/// where it is required; the recorder knows why.
///
/// A terminal that takes nothing is waited for, with the child; a signal to end is obeyed nevertheless.
///
/// The terminal is put back as it was on every way out, and what the child switched on and left on is switched off.
///
/// # Errors
/// `E-TTY-REQUIRED`, and as [`super::Session::start`].
pub fn connect(
    plan: LaunchPlan,
    starter: &Path,
    recorder: Option<&Recorder>,
    connected: impl FnOnce(),
) -> Result<Ending, Problem> {
    if !isatty(rustix::stdio::stdin()) || !isatty(rustix::stdio::stdout()) {
        return Err(Problem::new(&catalogue::TTY_REQUIRED, "connecting needs a terminal"));
    }
    let failed = |error: io::Error| system_problem("the terminal cannot be passed on", &error);
    let redactor = plan.env.redactor();
    let clipboard = (!plan.sets_clipboard).then(ClipboardFilter::default);
    let keyboard = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(|error| failed(error.into()))?;
    let signals = [SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT];
    let signals = Signals::new(&signals).map_err(failed)?;
    let watch = Watch::new(plan.limits);
    let terminal = writing_end(rustix::stdio::stdout()).map_err(failed)?;
    let never_blocks = rustix::fs::fcntl_getfl(&terminal).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK));
    let (size, now) = (outside::size(), Instant::now());
    let (pty, mut stdio) = Pty::open(size)?;
    let errors = if isatty(rustix::stdio::stderr()) {
        None
    } else {
        let (errors, child_errors) = io::pipe().map_err(failed)?;
        stdio[2] = child_errors.into();
        let (redactor, filters) = (plan.env.redactor(), !plan.sets_clipboard);
        let stderr = rustix::stdio::stderr();
        Some(Stream::new(Some(errors.into()), stderr, redactor, recorder, filters).map_err(failed)?)
    };
    let typed = Typed::new(recorder, || plan.env.redactor(), &pty.end);
    let started = start::start(plan, stdio, true, starter)?;
    let lifetime = Lifetime::new(started, Some(Arc::clone(&pty.end))).map_err(failed)?;
    let ended = lifetime::waiting_thread(&lifetime).map_err(failed)?;
    connected();
    let watched = watch.start(&lifetime);
    let mut bridge = Bridge {
        end: Arc::clone(&pty.end),
        pty,
        lifetime,
        watch,
        typist: Typist::new(),
        typing: Typing::default(),
        keyboard: Some(keyboard),
        to_child: VecDeque::new(),
        redactor,
        tap: Tap::new(recorder),
        typed,
        clipboard,
        printed: Instant::now(),
        idle: IDLE,
        clear: Vec::with_capacity(READ),
        terminal,
        never_blocks,
        shown: Vec::with_capacity(READ),
        written: 0,
        errors,
        told_to_end: false,
        leftovers: Leftovers::default(),
        screen_is_gone: false,
        signals,
        raw: RawMode::default(),
        size,
        resizes: Resizes::new(now),
    };
    if let Err(error) = watched.and_then(|()| bridge.take_terminal().map(drop)) {
        bridge.lifetime.hang_up(Signal::HUP);
        return Err(failed(error));
    }
    if let Some(recorder) = recorder {
        recorder.connected();
    }
    bridge.run(&ended);
    bridge.finish()
}

/// Everything between the terminal and the child.
struct Bridge {
    pty: Pty,
    end: Arc<OwnedFd>,
    lifetime: Arc<Lifetime>,
    watch: Arc<Watch>,
    typist: Typist,
    typing: Typing,
    /// None once it has ended.
    keyboard: Option<OwnedFd>,
    to_child: VecDeque<u8>,
    redactor: Redactor,
    tap: Tap,
    typed: Option<Typed>,
    /// None if the child may set the clipboard.
    clipboard: Option<ClipboardFilter>,
    printed: Instant,
    /// Silence after which the redactor lets go of what is no secret yet.
    idle: Duration,
    /// What the redactor has let through.
    clear: Vec<u8>,
    /// Standard output, and whether writing to it never blocks.
    terminal: OwnedFd,
    never_blocks: bool,
    /// What is to be written to it, from `written` on. While there is something, nothing of the child is read: it waits as it would without
    /// us.
    shown: Vec<u8>,
    written: usize,
    /// The child's errors, where they do not go to the terminal.
    errors: Option<Stream>,
    /// Somebody wants us to end, or nobody is there: the terminal is not waited for any more.
    told_to_end: bool,
    leftovers: Leftovers,
    screen_is_gone: bool,
    signals: Signals,
    raw: RawMode,
    /// What the child was told last.
    size: Size,
    resizes: Resizes,
}

impl Bridge {
    /// Until the child has ended and what it printed is passed on. Only `wait` waits: a signal is obeyed at once, also while the terminal
    /// takes nothing.
    fn run(&mut self, ended: &OwnedFd) {
        let mut buffer = vec![0; READ];
        let mut drain_until: Option<Instant> = None;
        let mut all_read = false;
        loop {
            let has_room = self.tap.has_room() && !self.has_more_to_show();
            let reads = has_room && !all_read;
            let [signalled, typed, has_ended, errors] = self.wait(ended, reads, drain_until);
            if signalled {
                self.take_signals();
            }
            if self.resizes.is_time(Instant::now()) {
                self.resize();
            }
            if typed && !self.take_keys(&mut buffer) {
                self.keyboard = None;
                self.end();
            }
            self.send_keys();
            self.told_to_end |= self.lifetime.limit().is_some();
            let held_up = drain_until.is_some() && !has_room && !self.told_to_end;
            if has_ended && drain_until.is_none() {
                self.errors.iter_mut().for_each(Stream::begin_to_drain);
                drain_until = Some(Instant::now() + DRAIN);
            } else if held_up {
                drain_until = Some(Instant::now() + DRAIN);
            }
            match if reads {
                pty::read(&*self.end, &mut buffer)
            } else {
                Read::Nothing
            } {
                Read::Bytes(count) => {
                    self.printed = Instant::now();
                    self.idle = self.typist.idle(count);
                    self.redactor.push(&buffer[..count], &mut self.clear);
                    buffer[..count].zeroize();
                }
                Read::Nothing => {}
                Read::End if drain_until.is_some() => all_read = true,
                Read::End => {
                    let soon = Instant::now() + Duration::from_millis(50);
                    pty::wait_for([(ended, PollFlags::IN)], Some(soon));
                }
            }
            if self.redactor.holds() && self.printed.elapsed() >= self.idle {
                self.redactor.idle(&mut self.clear);
                self.printed = Instant::now();
            }
            self.show();
            self.watch_recording();
            let drained = drain_until.is_some_and(|until| Instant::now() >= until);
            all_read |= drained;
            if let Some(stream) = &mut self.errors {
                stream.step(errors);
                if drained {
                    stream.end_if_drained();
                }
            }
            // Who takes its time is waited for, unless somebody wants us to end.
            let all_shown = !self.has_more_to_show() && self.errors.as_ref().is_none_or(Stream::is_done);
            if drain_until.is_some() && all_read && (all_shown || drained && self.told_to_end) {
                return;
            }
        }
    }

    /// Waits until there is something to do: whether a signal, a key, the child's end or something about its errors is it.
    fn wait(&self, ended: &OwnedFd, reads: bool, drain_until: Option<Instant>) -> [bool; 4] {
        let shows = self.has_more_to_show();
        let idle = (self.redactor.holds() && !shows).then(|| self.printed + self.idle);
        let recording = self.tap.due(self.tap.has_room());
        let errors_due = self.errors.as_ref().and_then(Stream::due);
        let drain = drain_until.filter(|until| Instant::now() < *until);
        let due = [idle, recording, errors_due, drain, self.resizes.due]
            .into_iter()
            .flatten()
            .min();
        let mut child = PollFlags::empty();
        child.set(PollFlags::IN, reads);
        child.set(PollFlags::OUT, !self.to_child.is_empty());
        // What is not to be waited for is replaced by what is waited for anyway.
        let signals = (&self.signals.ready, PollFlags::IN);
        let keyboard = self.keyboard.as_ref().filter(|_| self.to_child.len() < AHEAD);
        let errors = self.errors.as_ref().and_then(Stream::awaited);
        let sources = [
            keyboard.map_or(signals, |keyboard| (keyboard, PollFlags::IN)),
            signals,
            if drain_until.is_some() {
                signals
            } else {
                (ended, PollFlags::IN)
            },
            if child.is_empty() { signals } else { (&*self.end, child) },
            if shows {
                (&self.terminal, PollFlags::OUT)
            } else {
                signals
            },
            errors.unwrap_or(signals),
        ];
        let [typed, signalled, has_ended, _, _, about_errors] = pty::wait_for(sources, due);
        [
            signalled,
            typed && keyboard.is_some(),
            has_ended && drain_until.is_none() && self.lifetime.has_ended(),
            about_errors && errors.is_some(),
        ]
    }

    fn finish(mut self) -> Result<Ending, Problem> {
        self.redactor.finish(&mut self.clear);
        if let Some(mut clipboard) = self.clipboard.take() {
            clipboard.take_out(&mut self.clear);
            clipboard.finish(&mut self.clear);
        }
        self.show();
        let off = self.leftovers.switch_off();
        self.shown.extend(off);
        self.write();
        while self.has_more_to_show() && !self.told_to_end {
            let sources = [(&self.terminal, PollFlags::OUT), (&self.signals.ready, PollFlags::IN)];
            pty::wait_for(sources, None);
            self.take_signals();
            self.write();
        }
        let errors = self.errors.as_ref().map_or(0, |errors| errors.redactor.masked());
        let mut ending = self
            .lifetime
            .ending(self.redactor.masked() + errors)
            .ok_or_else(|| system_problem("the child cannot be waited for", &Errno::CHILD.into()))?;
        ending.unwritten = self.errors.as_ref().and_then(Stream::unwritten);
        self.typed = None;
        if let Some(errors) = &mut self.errors {
            errors.tap.close();
        }
        self.tap.finish(ending.code);
        Ok(ending)
    }

    /// Reads the keyboard; false at its end.
    fn take_keys(&mut self, buffer: &mut [u8]) -> bool {
        let Some(keyboard) = &self.keyboard else { return true };
        match rustix::io::read(keyboard, &mut *buffer) {
            Ok(0) => false,
            Ok(count) => {
                if self.typing.is_in(&buffer[..count]) {
                    self.watch.typed();
                }
                self.typist.typed();
                if let Some(typed) = &mut self.typed {
                    typed.push(&buffer[..count]);
                }
                self.to_child.extend(&buffer[..count]);
                buffer[..count].zeroize();
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    fn send_keys(&mut self) {
        while !self.to_child.is_empty() {
            let (first, _) = self.to_child.as_slices();
            match rustix::io::write(&*self.end, first) {
                Ok(count) => drop(self.to_child.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // Nobody is there to read them.
                Err(_) => self.to_child.clear(),
            }
        }
    }

    fn show(&mut self) {
        if let Some(clipboard) = &mut self.clipboard {
            clipboard.take_out(&mut self.clear);
        }
        self.tap.output(&self.clear);
        self.leftovers.watch(&self.clear);
        self.shown.append(&mut self.clear);
        self.write();
    }

    fn has_more_to_show(&self) -> bool {
        self.written < self.shown.len()
    }

    /// Writes what the terminal takes now.
    fn write(&mut self) {
        while self.has_more_to_show() && !self.screen_is_gone {
            let mut piece = &self.shown[self.written..];
            if !self.never_blocks {
                let takes = pty::wait_for([(&self.terminal, PollFlags::OUT)], Some(Instant::now()));
                if takes == [false] {
                    return;
                }
                piece = &piece[..piece.len().min(WRITE)];
            }
            match rustix::io::write(&self.terminal, piece) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.screen_is_gone = true;
                    self.end();
                }
            }
        }
        self.shown.clear();
        self.written = 0;
    }

    /// Hangs the child up; its end is ours.
    fn end(&mut self) {
        self.told_to_end = true;
        self.lifetime.hang_up(Signal::HUP);
    }

    /// A recording that fails is said at once, in one line, and ends a session that must have one.
    fn watch_recording(&mut self) {
        let Some((problem, is_required)) = self.tap.failure() else {
            return;
        };
        let line = format!("\r\nhallpass: {}: {}\r\n", problem.code.id, printable(&problem.what));
        if self.errors.is_none() {
            self.shown.extend(line.as_bytes());
            self.write();
        } else {
            // Who has no standard error finds it in what is said at the end.
            let _ = write_all(rustix::stdio::stderr(), line.as_bytes());
        }
        if is_required {
            self.lifetime.hang_up(Signal::HUP);
        }
    }

    fn resize(&mut self) {
        let size = outside::size();
        if size != self.size {
            self.size = size;
            self.tap.resize(size);
            self.pty.resize(size);
        }
    }

    /// Gives the terminal back as it was and stops. The child does not stop: once its terminal is full it waits for us.
    fn suspend(&mut self) {
        let off = self.leftovers.switch_off();
        self.shown.extend(off);
        self.write();
        let until = Instant::now() + PATIENCE;
        while self.has_more_to_show() && Instant::now() < until {
            pty::wait_for([(&self.terminal, PollFlags::OUT)], Some(until));
            self.write();
        }
        self.raw.leave();
        // Stops here until somebody continues us.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
    }

    /// Puts the terminal into raw mode. In the background this stops us until we are in front or told to end; whether the terminal is ours.
    fn take_terminal(&mut self) -> io::Result<bool> {
        while !outside::in_front() {
            if self.told_to_end {
                // To read it from the background stops us as well.
                self.keyboard = None;
                return Ok(false);
            }
            outside::stop_in_the_background();
            let came = self.signals.take();
            for signal in came.iter().filter(|signal| **signal != SIGCONT) {
                self.take_signal(*signal);
            }
            if !came.contains(&SIGCONT) {
                // It did not stop us: the system knows why, and says so.
                break;
            }
        }
        self.raw.enter().map(|()| true)
    }

    /// Takes the terminal again, with what the child had switched on, and has it drawn anew.
    fn resume(&mut self) {
        // A terminal that is gone is noticed when it is read.
        if self.take_terminal().is_ok_and(|ours| !ours) {
            return;
        }
        let on = self.leftovers.switch_on();
        self.shown.extend(on);
        self.write();
        self.resize();
        if let Ok(group) = rustix::termios::tcgetpgrp(&*self.end) {
            // The size may be what it was, of which the kernel tells nobody.
            let _ = rustix::process::kill_process_group(group, Signal::WINCH);
        }
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            self.take_signal(signal);
        }
    }

    fn take_signal(&mut self, signal: c_int) {
        match signal {
            SIGWINCH => self.resizes.want(),
            // Not from the keyboard, which sends the key itself to the child: somebody wants us to end.
            SIGTERM | SIGHUP | SIGINT | SIGQUIT => self.end(),
            SIGTSTP => self.suspend(),
            SIGCONT => self.resume(),
            _ => {}
        }
    }
}
