//! Signals that hallpass gets, as something that can be waited for together with other input.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// From its making to its end these signals do nothing by themselves.
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// Readable when a signal has come.
    pub(super) ready: OwnedFd,
}

impl Signals {
    pub(super) fn new(signals: &[c_int]) -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        let ready = reader.as_fd().try_clone_to_owned()?;
        let delivery = SignalDelivery::with_pipe(reader, writer, SignalOnly, signals)?;
        Ok(Self { delivery, ready })
    }

    /// Those that have come since the last call.
    pub(super) fn take(&mut self) -> Vec<c_int> {
        self.delivery.pending().collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.delivery.handle().close();
    }
}
