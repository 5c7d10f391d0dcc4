//! A recording read again: what is sealed opened, and written as v2 or v3 for other players.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use super::cast::{Encoder, Format};
use super::read::{MOST_LINE, Reader, Unread, unreadable};
use super::seal::{Closed, DAMAGED, Identities, SEALED};
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
    let unreadable = |error| unreadable(&name, &error);
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
        damaged: 0,
        locked: 0,
        opened: false,
        foreign: false,
    };
    // The first events show whose the identity is.
    opened.fill_buf().map_err(unreadable)?;
    if opened.foreign {
        let what = format!("{name} is sealed for somebody else");
        return Err(Problem::new(&catalogue::REC_IDENTITY, what));
    }
    Ok(Box::new(io::Cursor::new(header).chain(opened)))
}

/// Sealed lines opened on the way; one that is torn or damaged becomes a line that says so.
struct Opened<R> {
    lines: R,
    identities: Identities,
    text: Vec<u8>,
    /// How much of `text` is read.
    read: usize,
    /// Damaged lines that are still to be said.
    damaged: usize,
    /// So many of them are for somebody else, or damaged where they say for whom they are.
    locked: usize,
    /// A line was opened, so others are damaged if they are not.
    opened: bool,
    /// All that there is is for somebody else.
    foreign: bool,
}

impl<R: BufRead> Opened<R> {
    /// The next line that says something; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let read = self.read_line()?;
            if !self.text.starts_with(SEALED.as_bytes()) {
                // How it ended stands behind what is sealed.
                if !self.opened && self.locked > 0 && self.locked == self.damaged {
                    (self.foreign, self.text) = (true, Vec::new());
                    return Ok(false);
                }
                self.say_damaged();
                return Ok(read || !self.text.is_empty());
            }
            match self.identities.open(&String::from_utf8_lossy(&self.text)) {
                Ok(events) => {
                    self.opened = true;
                    self.text = events.into_bytes();
                    self.say_damaged();
                    if !self.text.is_empty() {
                        return Ok(true);
                    }
                }
                Err(why) => {
                    self.damaged += 1;
                    self.locked += usize::from(matches!(why, Closed::NoKey));
                }
            }
        }
    }

    /// What is longer than a line of a recording can be is cut, and so damaged; false at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        (self.read, self.text) = (0, Vec::new());
        let read = (&mut self.lines).take(MOST_LINE).read_until(b'\n', &mut self.text)?;
        if read as u64 == MOST_LINE && !self.text.ends_with(b"\n") {
            self.lines.skip_until(b'\n')?;
            self.text.push(b'\n');
        }
        Ok(read > 0)
    }

    /// Puts the damaged lines before what comes after them.
    fn say_damaged(&mut self) {
        let lines = format!("{DAMAGED}\n").repeat(std::mem::take(&mut self.damaged));
        self.text.splice(..0, lines.into_bytes());
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

/// Writes a recording in a format that other players know, as far as it can be read; what of it could not be. The facts of hallpass in a
/// header of ours stay.
///
/// # Errors
/// Of writing.
pub fn export(mut recording: Reader, format: Format, mut to: impl Write) -> io::Result<Unread> {
    let mut encoder = Encoder::new(format);
    to.write_all(encoder.header(recording.header()).as_bytes())?;
    let mut line = Vec::new();
    for event in &mut recording {
        encoder.event(&event, &mut line);
        to.write_all(&line)?;
        line.clear();
    }
    to.flush()?;
    Ok(recording.unread())
}
