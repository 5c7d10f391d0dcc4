//! A pseudo-terminal: made, read, written, resized.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::emulator::Size;
use super::start::{on_spawner_thread, system_problem};
use crate::domain::problem::Problem;

/// Bytes for the child that wait at most: a child that does not read must not fill our memory.
const QUEUE_LIMIT: usize = 4 << 20;

/// Our end of a pseudo-terminal.
pub(super) struct Pty {
    /// For the size alone. Its writer is never taken: dropping that sends a newline and an end of file, which would execute a half-typed line.
    sizes: Box<dyn MasterPty + Send>,
    /// For reading and writing, which never block.
    pub(super) end: Arc<OwnedFd>,
}

impl Pty {
    /// A new pseudo-terminal, and the child's end three times over: input, output, errors.
    pub(super) fn open(size: Size) -> Result<(Self, [OwnedFd; 3]), Problem> {
        on_spawner_thread(move || Self::open_pair(size))?
            .map_err(|error| system_problem("there is no terminal for the child", &error))
    }

    fn open_pair(size: Size) -> io::Result<(Self, [OwnedFd; 3])> {
        let no_terminal = || io::Error::from_raw_os_error(Errno::NXIO.raw_os_error());
        let pair = native_pty_system()
            .openpty(in_cells(size))
            .map_err(|error| error.downcast().unwrap_or_else(|_| why_none()))?;
        let end = pair.master.as_raw_fd().ok_or_else(no_terminal)?;
        let end: OwnedFd = filedescriptor::FileDescriptor::dup(&end)
            .and_then(|end| end.as_file())
            .map_err(|_| why_none())?
            .into();
        fcntl_setfl(&end, fcntl_getfl(&end)? | OFlags::NONBLOCK)?;
        let name = pair.master.tty_name().ok_or_else(no_terminal)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let child: File = rustix::fs::open(&name, flags, rustix::fs::Mode::empty())?.into();
        let stdio = [child.try_clone()?.into(), child.try_clone()?.into(), child.into()];
        let pty = Self {
            sizes: pair.master,
            end: Arc::new(end),
        };
        Ok((pty, stdio))
    }

    /// The kernel tells the child.
    pub(super) fn resize(&self, size: Size) {
        // A child that has just ended has no size.
        let _ = self.sizes.resize(in_cells(size));
    }
}

/// The library says in words alone why it has no terminal: the system is asked again.
fn why_none() -> io::Error {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let ours = rustix::pty::openpt(flags).and_then(|end| {
        rustix::pty::unlockpt(&end)?;
        let name = rustix::pty::ptsname(&end, Vec::new())?;
        let child = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty())?;
        // As many descriptors as the library needs at once.
        let copies = [
            rustix::io::dup(&end)?,
            rustix::io::dup(&child)?,
            rustix::io::dup(&child)?,
        ];
        Ok((end, child, copies))
    });
    ours.err().unwrap_or(Errno::NXIO).into()
}

fn in_cells(size: Size) -> PtySize {
    let size = size.clamped();
    PtySize {
        rows: size.rows,
        cols: size.columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// What a read that never blocks came back with.
pub(super) enum Read {
    Bytes(usize),
    Nothing,
    End,
}

/// Reads what is there, up to the buffer's length. A pseudo-terminal whose other end nobody holds says so with an error.
pub(super) fn read(end: impl AsFd, buffer: &mut [u8]) -> Read {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(&end, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if filled == 0 => return Read::Nothing,
            Err(_) => break,
        }
    }
    if filled == 0 { Read::End } else { Read::Bytes(filled) }
}

/// Waits until one of the descriptors is ready, at most until `until`; which are. Interrupted or failed waits look like none.
pub(super) fn wait_for<const N: usize>(sources: [(&OwnedFd, PollFlags); N], until: Option<Instant>) -> [bool; N] {
    let mut polled = sources.map(|(source, flags)| PollFd::new(source, flags));
    let timeout = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    if poll(&mut polled, timeout.as_ref()).is_err() {
        return [false; N];
    }
    polled.map(|source| !source.revents().is_empty())
}

/// Bytes on their way to the child. What its terminal takes is written at once, what is left by a thread of its own: neither a key nor a
/// reply ever waits for the child.
pub(super) struct Outgoing {
    state: Mutex<OutgoingState>,
    changed: Condvar,
}

struct OutgoingState {
    bytes: VecDeque<u8>,
    /// The thread is at some that are in the queue no more.
    writing: bool,
    /// None once it is closed.
    end: Option<Arc<OwnedFd>>,
}

impl Outgoing {
    /// To this end of the terminal, which never blocks.
    pub(super) fn new(end: &Arc<OwnedFd>) -> Self {
        Self {
            state: Mutex::new(OutgoingState {
                bytes: VecDeque::new(),
                writing: false,
                end: Some(Arc::clone(end)),
            }),
            changed: Condvar::new(),
        }
    }

    /// Puts bytes into the queue; all or, where the child has not read for long, none.
    pub(super) fn push(&self, bytes: &[u8]) {
        self.push_after(bytes, || {});
    }

    /// The same after something was done about them, which nobody does about bytes that are not taken; false if they were too many.
    pub(super) fn push_after(&self, bytes: &[u8], first: impl FnOnce()) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(end) = &state.end else { return true };
        if state.bytes.len() + bytes.len() > QUEUE_LIMIT {
            return false;
        }
        first();
        let mut rest = bytes;
        if state.bytes.is_empty()
            && !state.writing
            && let Ok(count) = rustix::io::write(end, rest)
        {
            rest = &rest[count..];
        }
        if !rest.is_empty() {
            state.bytes.extend(rest);
            drop(state);
            self.changed.notify_one();
        }
        true
    }

    /// Ends the writing thread; what is not written yet is dropped.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).end = None;
        self.changed.notify_one();
    }

    /// The next bytes, once there are some; none after the end.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writing = false;
        let mut state = self
            .changed
            .wait_while(state, |state| state.bytes.is_empty() && state.end.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        state.end.as_ref()?;
        state.writing = true;
        let count = state.bytes.len().min(4096);
        Some(state.bytes.drain(..count).collect())
    }

    fn is_closed(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end.is_none()
    }

    /// Writes until the end of the session.
    pub(super) fn run(&self, end: &OwnedFd) {
        while let Some(bytes) = self.next() {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() && !self.is_closed() {
                match rustix::io::write(end, rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => {
                        let soon = Instant::now() + Duration::from_millis(100);
                        wait_for([(end, PollFlags::OUT)], Some(soon));
                    }
                    Err(_) => return,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something to write to that never blocks, and its other end.
    fn outgoing() -> (Outgoing, OwnedFd) {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        for end in [&reader, &writer] {
            fcntl_setfl(end, fcntl_getfl(end).unwrap() | OFlags::NONBLOCK).unwrap();
        }
        (Outgoing::new(&Arc::new(writer)), reader)
    }

    #[test]
    fn what_is_too_much_is_refused_as_a_whole_and_not_recorded() {
        let (outgoing, _reader) = outgoing();
        let mut recorded = Vec::new();
        let mut push = |length: usize| outgoing.push_after(&vec![b'x'; length], || recorded.push(length));
        assert!(!push(QUEUE_LIMIT + 1) && push(QUEUE_LIMIT) && !push(QUEUE_LIMIT) && push(1));
        outgoing.close();
        assert!(outgoing.push_after(b"x", || panic!("nobody reads it any more")));
        assert_eq!(recorded, [QUEUE_LIMIT, 1]);
    }

    #[test]
    fn what_is_recorded_is_not_on_its_way_yet() {
        let (outgoing, reader) = outgoing();
        let mut buffer = [0; 8];
        let mut early = true;
        outgoing.push_after(b"pw", || early = !matches!(read(&reader, &mut buffer), Read::Nothing));
        assert!(!early, "the child can have read it before it is looked at");
        assert!(matches!(read(&reader, &mut buffer), Read::Bytes(2)));
    }
}
