//! Reads any asciicast (v1, v2, v3), event by event, whoever made it: what is wrong in one is clamped or passed over, and counted.
//!
//! Formats: <https://docs.asciinema.org/manual/asciicast/v1/>, <https://docs.asciinema.org/manual/asciicast/v2/> and
//! <https://docs.asciinema.org/manual/asciicast/v3/>. A v1 file is one JSON document, so it is read whole; the others line by line.

mod v1;

use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use super::cast::{Event, Header, Kind, Origin, Size};
use super::seal::DAMAGED;
use crate::domain::catalogue;
use crate::domain::problem::{Location, Problem};
use crate::domain::shell;

/// A recording that cannot be read, with the cause that fits what the system says.
pub(super) fn unreadable(name: impl fmt::Display, error: &io::Error) -> Problem {
    let what = format!("{name} cannot be read: {}", error.kind());
    let cause = match error.kind() {
        io::ErrorKind::NotFound => "it was removed or renamed",
        io::ErrorKind::IsADirectory => "this is a folder; a recording is a file in it",
        io::ErrorKind::PermissionDenied => "it belongs to somebody else, or its mode keeps it from being read",
        _ => "the disk, or what it is reached by, fails",
    };
    Problem::new(&catalogue::REC_READ, what).causes(vec![cause.to_owned()])
}

/// Bytes of one line that are read; the rest of a longer one is passed over.
pub(super) const MOST_LINE: u64 = 64 << 20;
/// Bytes of a v1 document that are read.
const MOST_DOCUMENT: u64 = 256 << 20;
/// Times beyond this are taken for it: ten years.
const MOST_TIME: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Where a header does not say it.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// A recording that is being read. The header is read at once, events as they are asked for.
pub struct Reader {
    header: Header,
    source: Source,
    /// Since the beginning, of the event before.
    time: Duration,
    /// Times count from the event before.
    relative: bool,
    lines: Lines,
    unread: Unread,
}

enum Source {
    Lines,
    Events(std::vec::IntoIter<Event>),
}

/// What of a file is no event and was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    pub lines: usize,
    /// The number of the first of them, from 1.
    pub first: usize,
    /// The last line of the file is one of them: it was torn off while it was written.
    pub torn: bool,
    /// Sealed lines that could not be opened, each a batch of events.
    pub sealed: usize,
}

impl Unread {
    /// What a person should know of it; none if all was read.
    pub fn words(self) -> Option<String> {
        let first = self.first;
        let sealed = match self.sealed {
            0 => None,
            1 => Some("a sealed batch of the recording is damaged, what it held is missing".to_owned()),
            count => Some(format!(
                "{count} sealed batches of the recording are damaged, what they held is missing"
            )),
        };
        let lines = match self.lines {
            0 => None,
            1 if self.torn => Some(format!(
                "the recording is torn off in line {first}: it plays up to there"
            )),
            1 => Some(format!("line {first} of the recording is no event, it was passed over")),
            lines => Some(format!(
                "{lines} lines of the recording are no events, they were passed over; the first is line {first}"
            )),
        };
        match (sealed, lines) {
            (Some(sealed), Some(lines)) => Some(format!("{sealed}; {lines}")),
            (sealed, lines) => sealed.or(lines),
        }
    }
}

impl Reader {
    /// Reads the header. `name` is what problems call the file.
    ///
    /// # Errors
    /// `E-REC-FORMAT`: this is no asciicast; `E-REC-READ`: it cannot be read.
    pub fn open(source: impl BufRead + Send + 'static, name: &str) -> Result<Self, Problem> {
        let mut lines = Lines::new(Box::new(source));
        let bad = |line: usize, what: String| {
            let look = format!("head -c 200 {}", shell::quoted(name));
            let expected = "(the first line of an asciicast is a JSON object with \"version\")";
            Problem::new(&catalogue::REC_FORMAT, what)
                .at(Location {
                    file: name.into(),
                    line,
                    column: 1,
                })
                .fixes(vec![format!("{look}   {expected}")])
        };
        let unreadable = |error| unreadable(name, &error);
        let first = loop {
            match lines.next().map_err(unreadable)? {
                None => return Err(bad(1, format!("{name} is empty"))),
                Some(line) if line.trim().is_empty() || line.starts_with('#') => {}
                Some(line) => break line.trim_end().to_owned(),
            }
            // What has no line break may have no end either.
            if lines.is_cut {
                return Err(bad(lines.number, format!("a line of {name} has no end")));
            }
        };
        let at = lines.number;
        if !first.trim_start().starts_with('{') {
            return Err(bad(
                at,
                format!("{name} does not begin with the header of an asciicast"),
            ));
        }
        let header: Value = match serde_json::from_str(&first) {
            Ok(header) => header,
            // A v1 document may stand on any number of lines.
            Err(error) if error.is_eof() => return Self::document(lines, &first, &bad),
            Err(error) => {
                let what = format!("the header of {name} is not JSON");
                return Err(bad(at, what).note(format!("at column {}", error.column())));
            }
        };
        let relative = match header.get("version").and_then(Value::as_u64) {
            Some(1) => return Self::document(lines, &first, &bad),
            Some(2) => false,
            Some(3) => true,
            Some(version) => return Err(bad(at, format!("{name} is an asciicast of version {version}"))),
            None => return Err(bad(at, format!("the header of {name} names no version"))),
        };
        Ok(Self {
            header: read_header(&header),
            source: Source::Lines,
            time: Duration::ZERO,
            relative,
            lines,
            unread: Unread::default(),
        })
    }

    /// The rest of the file belongs to a v1 document.
    fn document(mut lines: Lines, first: &str, bad: &dyn Fn(usize, String) -> Problem) -> Result<Self, Problem> {
        let mut text = first.as_bytes().to_vec();
        if !lines.is_cut {
            text.push(b'\n');
        }
        let read = (&mut lines.source).take(MOST_DOCUMENT).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let document = v1::parse(&text).map_err(|what| bad(lines.number, what))?;
        let unread = if document.torn || read.is_err() {
            Unread {
                lines: 1,
                first: text.lines().count(),
                torn: true,
                sealed: 0,
            }
        } else {
            Unread::default()
        };
        Ok(Self {
            header: document.header,
            source: Source::Events(document.events.into_iter()),
            time: Duration::ZERO,
            relative: false,
            lines,
            unread,
        })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What was passed over so far.
    pub fn unread(&self) -> Unread {
        self.unread
    }

    fn next_line_event(&mut self) -> Option<Event> {
        loop {
            let line = match self.lines.next() {
                Ok(line) => line?,
                Err(_) => {
                    self.pass_over(true);
                    return None;
                }
            };
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                self.unread.sealed += usize::from(text == DAMAGED);
                continue;
            }
            match parse_event(text) {
                Parsed::Event(time, kind) => {
                    self.time = advance(self.time, time, self.relative);
                    return Some(Event { time: self.time, kind });
                }
                // Codes of the future take their time nevertheless.
                Parsed::Unknown(time) => self.time = advance(self.time, time, self.relative),
                Parsed::Broken => {
                    let torn = !self.lines.ended_in_newline && !self.lines.is_cut;
                    self.pass_over(torn);
                }
            }
        }
    }

    fn pass_over(&mut self, torn: bool) {
        if self.unread.lines == 0 {
            self.unread.first = self.lines.number;
        }
        self.unread.lines += 1;
        self.unread.torn |= torn;
    }
}

impl Iterator for Reader {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        match &mut self.source {
            Source::Events(events) => events.next(),
            Source::Lines => self.next_line_event(),
        }
    }
}

/// Lines of a bounded length.
struct Lines {
    source: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    text: String,
    /// Of the line that was read last, from 1.
    number: usize,
    ended_in_newline: bool,
    /// The line that was read last is longer than what was read of it; its rest is next.
    is_cut: bool,
}

impl Lines {
    fn new(source: Box<dyn BufRead + Send>) -> Self {
        Self {
            source,
            line: Vec::new(),
            text: String::new(),
            number: 0,
            ended_in_newline: true,
            is_cut: false,
        }
    }

    /// The next line, without a byte order mark at the beginning of the file.
    fn next(&mut self) -> io::Result<Option<&str>> {
        if std::mem::take(&mut self.is_cut) {
            self.source.skip_until(b'\n')?;
        }
        self.line.clear();
        let read = (&mut self.source).take(MOST_LINE).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.ended_in_newline = self.line.ends_with(b"\n");
        self.is_cut = !self.ended_in_newline && read as u64 == MOST_LINE;
        self.text = String::from_utf8_lossy(&self.line).into_owned();
        let text = if self.number == 1 {
            self.text.trim_start_matches('\u{feff}')
        } else {
            &self.text
        };
        Ok(Some(text))
    }
}

enum Parsed {
    Event(f64, Kind),
    Unknown(f64),
    Broken,
}

/// Code and data: `["o", "text"]`. Whatever else stands behind them is left to the future.
struct Tail(String, Value);

impl<'de> Deserialize<'de> for Tail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Tail;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code and its data")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tail, A::Error> {
                let missing = |at| Error::invalid_length(at, &self);
                let code = list.next_element()?.ok_or_else(|| missing(1))?;
                let data = list.next_element()?.ok_or_else(|| missing(2))?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Tail(code, data))
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

fn parse_event(line: &str) -> Parsed {
    // The time is read by itself: NaN and Infinity, which some writers put there, are no JSON.
    let Some((time, tail)) = line.strip_prefix('[').and_then(|rest| rest.split_once(',')) else {
        return Parsed::Broken;
    };
    let Ok(time) = time.trim().parse::<f64>() else {
        return Parsed::Broken;
    };
    match serde_json::from_str::<Tail>(&format!("[{tail}")) {
        Ok(Tail(code, data)) => parse_kind(&code, data).map_or(Parsed::Unknown(time), |kind| Parsed::Event(time, kind)),
        Err(_) => Parsed::Broken,
    }
}

/// None for a code, or data, that no version knows.
fn parse_kind(code: &str, data: Value) -> Option<Kind> {
    let text = match data {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null => String::new(),
        _ => return None,
    };
    Some(match code {
        "o" => Kind::Output(text),
        "i" => Kind::Input(text),
        "m" => Kind::Mark(text),
        "r" => {
            let (columns, rows) = text.trim().split_once(['x', 'X'])?;
            Kind::Resize(Size {
                columns: cells(columns.trim().parse::<f64>().ok()?)?,
                rows: cells(rows.trim().parse::<f64>().ok()?)?,
            })
        }
        "x" => Kind::Exit(text.trim().parse::<i64>().ok()?.try_into().ok()?),
        _ => return None,
    })
}

/// The time of an event after the one before: never back, never past what can be shown.
fn advance(before: Duration, told: f64, relative: bool) -> Duration {
    let told = if told.is_nan() {
        0.0
    } else {
        told.clamp(0.0, MOST_TIME.as_secs_f64())
    };
    let told = Duration::from_secs_f64(told);
    if relative {
        before.saturating_add(told).min(MOST_TIME)
    } else {
        told.max(before)
    }
}

/// A number of columns or rows, the nearest one that can be written down; none if it is none at all.
fn cells(number: f64) -> Option<u16> {
    (number >= 1.0).then(|| number.min(f64::from(u16::MAX)) as u16)
}

fn read_header(header: &Value) -> Header {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).and_then(cells);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let term = header.get("term");
    let size = Size {
        columns: number(term.and_then(|term| term.get("cols")).or_else(|| header.get("width")))
            .unwrap_or(USUAL_SIZE.columns),
        rows: number(term.and_then(|term| term.get("rows")).or_else(|| header.get("height")))
            .unwrap_or(USUAL_SIZE.rows),
    };
    let limit = header.get("idle_time_limit").and_then(Value::as_f64);
    Header {
        size,
        timestamp: header
            .get("timestamp")
            .and_then(|at| at.as_i64().or_else(|| Some(at.as_f64()? as i64))),
        title: text(header.get("title")).filter(|title| !title.trim().is_empty()),
        term: text(
            term.and_then(|term| term.get("type"))
                .or_else(|| header.get("env").and_then(|env| env.get("TERM"))),
        ),
        idle_time_limit: limit
            .filter(|limit| *limit > 0.0)
            .map(|limit| advance(Duration::ZERO, limit, true)),
        origin: header.get("hallpass").and_then(|ours| Origin::deserialize(ours).ok()),
    }
}

#[cfg(test)]
mod tests;
