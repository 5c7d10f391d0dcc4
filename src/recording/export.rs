//! A recording read again: what is sealed opened, and written as v2 or v3 for other players.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use super::cast::{Encoder, Format};
use super::read::Reader;
use super::seal::{Identities, SEALED};
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// A longer first line is no header of ours.
const MAX_HEADER: u64 = 64 << 10;

/// The text of a recording, whoever made it: its lines as they are, sealed ones opened.
///
/// # Errors
/// `E-REC-READ`; `E-REC-SEALED`: it is sealed and there is no identity; `E-REC-IDENTITY`: none of them is a recipient's.
pub fn source(file: &Path, identities: Option<Identities>) -> Result<Box<dyn BufRead + Send>, Problem> {
    let name = file.display();
    let unreadable =
        |error: io::Error| Problem::new(&catalogue::REC_READ, format!("{name} cannot be read: {}", error.kind()));
    let mut lines = BufReader::new(File::open(file).map_err(unreadable)?);
    let mut header = Vec::new();
    let read = (&mut lines).take(MAX_HEADER).read_until(b'\n', &mut header);
    read.map_err(unreadable)?;
    if !lines.fill_buf().map_err(unreadable)?.starts_with(SEALED.as_bytes()) {
        // A pipe is read once only.
        return Ok(Box::new(io::Cursor::new(header).chain(lines)));
    }
    let Some(identities) = identities else {
        return Err(Problem::new(&catalogue::REC_SEALED, format!("{name} is sealed")));
    };
    let mut opened = Opened {
        lines,
        identities,
        text: Vec::new(),
        read: 0,
        sealed: 0,
        closed: 0,
    };
    // The first events show whose the identity is.
    opened.fill_buf().map_err(unreadable)?;
    if opened.sealed == opened.closed {
        let what = format!("{name} is sealed for somebody else");
        return Err(Problem::new(&catalogue::REC_IDENTITY, what));
    }
    Ok(Box::new(io::Cursor::new(header).chain(opened)))
}

/// Sealed lines opened on the way; one that is torn or damaged is passed over.
struct Opened<R> {
    lines: R,
    identities: Identities,
    text: Vec<u8>,
    /// How much of `text` is read.
    read: usize,
    /// Sealed lines, and those of them that stay closed.
    sealed: usize,
    closed: usize,
}

impl<R: BufRead> Opened<R> {
    /// The next line that says something; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            (self.read, self.text) = (0, Vec::new());
            if self.lines.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(false);
            }
            if !self.text.starts_with(SEALED.as_bytes()) {
                return Ok(true);
            }
            self.sealed += 1;
            match self.identities.open(&String::from_utf8_lossy(&self.text)) {
                Some(events) if !events.is_empty() => {
                    self.text = events.into_bytes();
                    return Ok(true);
                }
                Some(_) => {}
                None => {
                    self.closed += 1;
                    if self.closed == self.sealed {
                        // No key fits the first: they will fit none.
                        return Ok(false);
                    }
                }
            }
        }
    }
}

impl<R: BufRead> Read for Opened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let known = self.fill_buf()?;
        let count = known.len().min(buffer.len());
        buffer[..count].copy_from_slice(&known[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Opened<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read >= self.text.len() && !self.next()? {
            return Ok(&[]);
        }
        Ok(&self.text[self.read..])
    }

    fn consume(&mut self, count: usize) {
        self.read += count;
    }
}

/// Writes a recording in a format that other players know, up to where it is torn. The facts of hallpass in a header of ours stay.
///
/// # Errors
/// Of writing.
pub fn export(recording: Reader, format: Format, mut to: impl Write) -> io::Result<()> {
    let mut encoder = Encoder::new(format);
    to.write_all(encoder.header(recording.header()).as_bytes())?;
    let mut line = Vec::new();
    for event in recording {
        encoder.event(&event, &mut line);
        to.write_all(&line)?;
        line.clear();
    }
    to.flush()
}
