//! A recording of ours read again: what is sealed opened, and written as v2 or v3 for other players.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use super::cast::{Encoder, Event, Format, Header, Kind, Origin, Size};
use super::seal::{Identities, SEALED};
use super::store::Entry;
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// The text of a recording, sealed or not: the lines of an asciicast.
///
/// # Errors
/// `E-REC-READ`; `E-REC-SEALED`: it is sealed and there is no identity; `E-REC-IDENTITY`: none of them is a recipient's.
pub fn source(entry: &Entry, identities: Option<Identities>) -> Result<Box<dyn BufRead + Send>, Problem> {
    let name = entry.path.display();
    let unreadable =
        |error: io::Error| Problem::new(&catalogue::REC_READ, format!("{name} cannot be read: {}", error.kind()));
    let file = BufReader::new(File::open(&entry.path).map_err(unreadable)?);
    if !entry.sealed {
        return Ok(Box::new(file));
    }
    let Some(identities) = identities else {
        return Err(Problem::new(&catalogue::REC_SEALED, format!("{name} is sealed")));
    };
    let mut opened = Opened {
        lines: file,
        identities,
        text: Vec::new(),
        read: 0,
        sealed: 0,
        closed: 0,
    };
    // The header is in the clear; what follows it shows whose the identity is.
    let mut header = Vec::new();
    opened.read_until(b'\n', &mut header).map_err(unreadable)?;
    opened.fill_buf().map_err(unreadable)?;
    if opened.sealed > 0 && opened.sealed == opened.closed {
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

/// Writes a recording of ours, up to where it is torn. The facts of hallpass in its header stay.
///
/// # Errors
/// Of reading, of writing, and `InvalidData` where the header is none of ours.
pub fn export(mut source: impl BufRead, format: Format, mut to: impl Write) -> io::Result<()> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    let header = header(&line).ok_or(io::ErrorKind::InvalidData)?;
    let mut encoder = Encoder::new(format);
    to.write_all(encoder.header(&header).as_bytes())?;
    let mut time = Duration::ZERO;
    let mut lines = String::new();
    loop {
        line.clear();
        let read = source.read_line(&mut line);
        // A torn line is the end, also where it is cut inside a character.
        if !read.is_ok_and(|count| count > 0) || !line.ends_with('\n') {
            return to.flush();
        }
        let Some(event) = event(&line, &mut time) else { continue };
        encoder.event(&event, &mut lines);
        to.write_all(lines.as_bytes())?;
        lines.clear();
    }
}

fn header(line: &str) -> Option<Header> {
    let header: serde_json::Value = serde_json::from_str(line).ok()?;
    let term = header.get("term")?;
    let cells = |name| u16::try_from(term.get(name)?.as_u64()?).ok();
    let text = |value: Option<&serde_json::Value>| value?.as_str().map(str::to_owned);
    let origin: Origin = serde_json::from_value(header.get("hallpass")?.clone()).ok()?;
    Some(Header {
        size: Size {
            columns: cells("cols")?,
            rows: cells("rows")?,
        },
        timestamp: header.get("timestamp").and_then(serde_json::Value::as_i64),
        title: text(header.get("title")),
        term: text(term.get("type")),
        idle_time_limit: None,
        origin: Some(origin),
    })
}

fn event(line: &str, time: &mut Duration) -> Option<Event> {
    let (interval, code, data): (f64, String, String) = serde_json::from_str(line).ok()?;
    *time += Duration::try_from_secs_f64(interval).ok()?;
    let kind = match code.as_str() {
        "o" => Kind::Output(data),
        "i" => Kind::Input(data),
        "m" => Kind::Mark(data),
        "x" => Kind::Exit(data.parse().ok()?),
        "r" => {
            let (columns, rows) = data.split_once('x')?;
            Kind::Resize(Size {
                columns: columns.parse().ok()?,
                rows: rows.parse().ok()?,
            })
        }
        _ => return None,
    };
    Some(Event { time: *time, kind })
}
