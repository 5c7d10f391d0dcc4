//! What a child's first step is told, and what it answers. It travels over a socket and not by arguments or an environment: those of
//! `std::process::Command` stay behind in our memory, and the kernel limits their size.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use zeroize::Zeroizing;

use crate::domain::secret::EnvTarget;

/// Pieces before the arguments, see [`Parcel::new`].
const HEAD: usize = 7;

/// The sender's side: pieces, each with its length before it, each wiped when it is dropped.
pub(super) struct Parcel {
    pieces: Vec<Zeroizing<Vec<u8>>>,
}

impl Parcel {
    pub(super) fn new(
        terminal: bool,
        program: &Path,
        name: &OsStr,
        args: &[OsString],
        cwd: &Path,
        files: Option<&Path>,
    ) -> Self {
        let mut parcel = Self { pieces: Vec::new() };
        let parent = std::process::id().to_string();
        parcel.push(parent.as_bytes());
        parcel.push(if terminal { b"terminal" } else { b"pipes" });
        parcel.push(program.as_os_str().as_bytes());
        parcel.push(name.as_bytes());
        parcel.push(cwd.as_os_str().as_bytes());
        parcel.push(files.map_or(&b""[..], |folder| folder.as_os_str().as_bytes()));
        parcel.push(args.len().to_string().as_bytes());
        for arg in args {
            parcel.push(arg.as_bytes());
        }
        parcel
    }

    fn push(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        // Made in its full size at once: growing would leave copies behind.
        let mut piece = Zeroizing::new(Vec::with_capacity(length.len() + bytes.len()));
        piece.extend_from_slice(&length);
        piece.extend_from_slice(bytes);
        self.pieces.push(piece);
    }

    /// Sends everything and ends the stream.
    pub(super) fn send(&self, socket: &mut UnixStream, stdio: &[OwnedFd; 3]) -> io::Result<()> {
        let borrowed: [BorrowedFd<'_>; 3] = [stdio[0].as_fd(), stdio[1].as_fd(), stdio[2].as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&borrowed));
        rustix::net::sendmsg(&*socket, &[IoSlice::new(b"+")], &mut control, SendFlags::empty())?;
        for piece in &self.pieces {
            socket.write_all(piece)?;
        }
        socket.shutdown(Shutdown::Write)
    }
}

impl EnvTarget for Parcel {
    fn set(&mut self, name: &OsStr, value: &OsStr) {
        self.push(name.as_bytes());
        self.push(value.as_bytes());
    }
}

/// The receiver's side.
pub(super) struct Order {
    pub(super) stdio: [OwnedFd; 3],
    pub(super) parent: u32,
    pub(super) terminal: bool,
    pub(super) program: PathBuf,
    pub(super) name: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) cwd: PathBuf,
    /// Where files are made on systems that have none in memory.
    pub(super) files: Option<PathBuf>,
    pub(super) env: Vec<(OsString, OsString)>,
}

impl Order {
    pub(super) fn receive(socket: &mut UnixStream) -> io::Result<Self> {
        let stdio = receive_descriptors(socket)?;
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes)?;
        let pieces = split(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        Self::read(stdio, &pieces).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn read(stdio: [OwnedFd; 3], pieces: &[&[u8]]) -> Option<Self> {
        let [parent, kind, program, name, cwd, files, count] = *pieces.get(..HEAD)?.first_chunk::<HEAD>()?;
        let (args, env) = pieces[HEAD..].split_at_checked(number(count)?)?;
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some(Self {
            stdio,
            parent: number(parent)?,
            terminal: kind == b"terminal",
            program: text(program).into(),
            name: text(name),
            args: args.iter().map(|arg| text(arg)).collect(),
            cwd: text(cwd).into(),
            files: (!files.is_empty()).then(|| text(files).into()),
            env: env.chunks_exact(2).map(|pair| (text(pair[0]), text(pair[1]))).collect(),
        })
    }
}

fn receive_descriptors(socket: &UnixStream) -> io::Result<[OwnedFd; 3]> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::empty(),
    )?;
    let mut received = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    for descriptor in &received {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    received.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

fn split(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (piece, after) = after.split_at_checked(length)?;
        pieces.push(piece);
        rest = after;
    }
    Some(pieces)
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The step at which a start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Prepare = 1,
    Terminal = 2,
    Files = 3,
    Folder = 4,
    Program = 5,
}

const STEPS: [Step; 5] = [Step::Prepare, Step::Terminal, Step::Files, Step::Folder, Step::Program];

/// Tells the parent that there will be no child. That there is one is told by silence: executing the program closes the socket.
pub(super) fn report(socket: &mut UnixStream, step: Step, error: &io::Error) {
    let mut answer = vec![step as u8];
    answer.extend_from_slice(&error.raw_os_error().unwrap_or(0).to_le_bytes());
    // A parent that is gone needs no answer.
    let _ = socket.write_all(&answer);
}

/// Waits until the program runs, or says at which step it failed with which error of the system.
pub(super) fn await_start(socket: &mut UnixStream) -> io::Result<Option<(Step, io::Error)>> {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let Some((step, error)) = answer.split_first() else {
        return Ok(None);
    };
    let step = STEPS
        .into_iter()
        .find(|known| *known as u8 == *step)
        .ok_or(io::ErrorKind::InvalidData)?;
    let error = error.first_chunk::<4>().map_or(0, |bytes| i32::from_le_bytes(*bytes));
    Ok(Some((step, io::Error::from_raw_os_error(error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let args = [
            OsString::from("-c"),
            OsString::new(),
            OsString::from_vec(b"caf\xe9".to_vec()),
        ];
        let mut parcel = Parcel::new(
            true,
            Path::new("/bin/sh"),
            OsStr::new("sh"),
            &args,
            Path::new("/"),
            None,
        );
        parcel.set(OsStr::new("NAME"), OsStr::from_bytes(b"\xff\n="));
        parcel.set(OsStr::new("EMPTY"), OsStr::new(""));
        parcel.send(&mut ours, &[null(), null(), null()]).unwrap();
        let order = Order::receive(&mut theirs).unwrap();
        assert_eq!(order.parent, std::process::id());
        assert!(order.terminal);
        assert_eq!(
            (order.program.as_path(), order.name.as_os_str()),
            (Path::new("/bin/sh"), OsStr::new("sh"))
        );
        assert_eq!(order.args, args);
        assert_eq!(order.files, None);
        assert_eq!(order.env[0], ("NAME".into(), OsString::from_vec(b"\xff\n=".to_vec())));
        assert_eq!(order.env[1], ("EMPTY".into(), OsString::new()));

        report(&mut theirs, Step::Folder, &io::Error::from_raw_os_error(2));
        drop(theirs);
        let (step, error) = await_start(&mut ours).unwrap().unwrap();
        assert_eq!((step, error.raw_os_error()), (Step::Folder, Some(2)));
    }

    #[test]
    fn a_torn_message_is_refused() {
        assert!(split(&[9, 0, 0, 0, 1]).is_none());
        assert!(split(&[1, 0]).is_none());
    }
}
