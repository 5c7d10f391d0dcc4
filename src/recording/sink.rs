//! The file of one recording: lines are appended whole or not at all, up to a size, sealed where recipients are given.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use super::cast::{Encoder, Event, Format, Header, Kind};
use super::seal::Recipients;
use crate::domain::catalogue::{self, Code};

/// Why a batch was not written.
pub(super) type Refused = (&'static Code, Option<io::Error>);

/// A locked file, opened for appending.
pub(super) struct Sink {
    file: File,
    path: PathBuf,
    encoder: Encoder,
    recipients: Option<Recipients>,
    size: u64,
    most: u64,
}

impl Sink {
    /// Writes the header into a new file. `most` is the largest size of the file in bytes.
    pub(super) fn create(
        file: File,
        path: PathBuf,
        header: &Header,
        recipients: Option<Recipients>,
        most: u64,
    ) -> Result<Self, Refused> {
        let mut sink = Self {
            file,
            path,
            encoder: Encoder::new(Format::V3),
            recipients,
            size: 0,
            most,
        };
        let line = sink.encoder.header(header);
        sink.append(line.as_bytes())?;
        Ok(sink)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.recipients.is_some()
    }

    /// All of the events, or none.
    pub(super) fn write<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<(), Refused> {
        let mut text = Vec::new();
        // How it ended is no more of a secret than that it was.
        let mut exit = Vec::new();
        for event in events {
            let is_exit = matches!(event.kind, Kind::Exit(_));
            self.encoder.event(event, if is_exit { &mut exit } else { &mut text });
        }
        if let Some(recipients) = self.recipients.as_ref().filter(|_| !text.is_empty()) {
            text = recipients.seal(&text).map_err(refused)?.into_bytes();
        }
        text.extend_from_slice(&exit);
        if self.size + text.len() as u64 > self.most {
            return Err((&catalogue::REC_SIZE, None));
        }
        self.append(&text)
    }

    /// What a full disk took of it is taken back: the next line must not stand behind a half one.
    fn append(&mut self, text: &[u8]) -> Result<(), Refused> {
        match self.file.write_all(text).and_then(|()| self.is_there()) {
            Ok(()) => {
                self.size += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Where that fails, too, the recording is torn and plays up to there.
                let _ = self.file.set_len(self.size);
                Err(refused(error))
            }
        }
    }

    /// A file that somebody removes takes what is written as before, and nobody will ever read it.
    fn is_there(&self) -> io::Result<()> {
        match self.file.metadata()?.nlink() {
            0 => Err(Errno::NOENT.into()),
            _ => Ok(()),
        }
    }

    /// On the disk, also for a machine that loses its power.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Nothing more is written, and the recording itself says why, if that can be said.
    pub(super) fn give_up(&mut self, why: &str) {
        self.most = u64::MAX;
        let mark = Event {
            time: Duration::ZERO, // as the last one
            kind: Kind::Mark(format!("recording ended: {why}")),
        };
        let _ = self.write([&mark]);
        let _ = self.finish();
    }

    pub(super) fn remove(&self) {
        // Still locked: nobody reads it in between. What cannot be removed is a recording without an end.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn refused(error: io::Error) -> Refused {
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
    let code = match Errno::from_io_error(&error) {
        Some(errno) if full.contains(&errno) => &catalogue::REC_DISK,
        _ => &catalogue::REC_WRITE,
    };
    (code, Some(error))
}
