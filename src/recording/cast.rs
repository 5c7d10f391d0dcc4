//! Asciicast, the format of asciinema: a line of JSON with the facts of a recording, then a line an event. Written as v3, or as v2 for older
//! players.
//!
//! Formats: <https://docs.asciinema.org/manual/asciicast/v3/> and <https://docs.asciinema.org/manual/asciicast/v2/>. They differ in the
//! header's size, in times (v3 counts from the event before, v2 from the beginning), and in the end's exit code, which v2 does not know.

use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

/// The version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    V2,
    #[default]
    V3,
}

/// A terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// The first line of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    pub size: Size,
    /// When it began, in seconds since 1970.
    pub timestamp: Option<i64>,
    pub title: Option<String>,
    /// The terminal's type, as `TERM` names it.
    pub term: Option<String>,
    /// The longest pause that a player should make.
    pub idle_time_limit: Option<Duration>,
    /// None where another program recorded it.
    pub origin: Option<Origin>,
}

/// Our own block in the header: `"hallpass": {…}`. Neither a command line nor an environment ever stands in a header of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The id of the session, `HALLPASS_SESSION_ID` of its child.
    pub session: String,
    pub role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// How many seconds after its end it is kept; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_s: Option<u64>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Since the beginning of the recording. Never less than that of the event before.
    pub time: Duration,
    pub kind: Kind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `o`: printed.
    Output(String),
    /// `i`: typed.
    Input(String),
    /// `r`
    Resize(Size),
    /// `m`: a place with a name.
    Mark(String),
    /// `x`: the code the program ended with.
    Exit(i32),
}

/// Writes a file, line by line; each line ends in a newline.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    /// The time of the event before, in microseconds: what is rounded off one interval is in the next.
    last: u128,
}

impl Encoder {
    pub fn new(format: Format) -> Self {
        Self { format, last: 0 }
    }

    pub fn header(&self, header: &Header) -> String {
        let Size { columns, rows } = header.size;
        // The version comes first, where people and programs look for it.
        let mut members: Vec<String> = Vec::new();
        let mut put = |name: &str, value: Option<serde_json::Value>| {
            members.extend(value.map(|value| format!("\"{name}\": {value}")));
        };
        match self.format {
            Format::V2 => {
                put("version", Some(json!(2)));
                put("width", Some(json!(columns)));
                put("height", Some(json!(rows)));
            }
            Format::V3 => {
                put("version", Some(json!(3)));
                let mut term = json!({ "cols": columns, "rows": rows });
                if let Some(kind) = &header.term {
                    term["type"] = json!(kind);
                }
                put("term", Some(term));
            }
        }
        put("timestamp", header.timestamp.map(|at| json!(at)));
        put("title", header.title.as_ref().map(|title| json!(title)));
        put(
            "idle_time_limit",
            header.idle_time_limit.map(|limit| json!(limit.as_secs_f64())),
        );
        put("hallpass", header.origin.as_ref().map(|origin| json!(origin)));
        format!("{{{}}}\n", members.join(", "))
    }

    /// Adds the line of an event. An exit in v2, which has no such event, is a mark of the same meaning: `exit 3`.
    pub fn event(&mut self, event: &Event, lines: &mut Vec<u8>) {
        let (code, data) = match &event.kind {
            Kind::Output(text) => ('o', Cow::from(text)),
            Kind::Input(text) => ('i', text.into()),
            Kind::Resize(size) => ('r', format!("{}x{}", size.columns, size.rows).into()),
            Kind::Mark(name) => ('m', name.into()),
            Kind::Exit(code) if self.format == Format::V2 => ('m', format!("exit {code}").into()),
            Kind::Exit(code) => ('x', code.to_string().into()),
        };
        let now = event.time.as_micros().max(self.last);
        let told = match self.format {
            Format::V2 => now,
            Format::V3 => now - self.last,
        };
        self.last = now;
        let (seconds, micros) = (told / 1_000_000, told % 1_000_000);
        // Neither a text nor writing into memory can fail.
        let _ = write!(lines, "[{seconds}.{micros:06}, \"{code}\", ");
        let _ = serde_json::to_writer(&mut *lines, data.as_ref());
        lines.extend_from_slice(b"]\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            size: Size { columns: 98, rows: 26 },
            timestamp: Some(1_700_000_000),
            title: Some("PROD prod-postgres".to_owned()),
            term: Some("xterm-256color".to_owned()),
            idle_time_limit: None,
            origin: Some(Origin {
                session: "01JD8Z4Q".to_owned(),
                role: "prod-postgres".to_owned(),
                env: Some("prod".to_owned()),
                keep_s: Some(7_776_000),
            }),
        }
    }

    fn events() -> Vec<Event> {
        let at = |us, kind| Event {
            time: Duration::from_micros(us),
            kind,
        };
        vec![
            at(0, Kind::Mark("connected".to_owned())),
            at(333_333, Kind::Output("\u{1b}[1mé\r\n\"".to_owned())),
            at(1_333_334, Kind::Input("q".to_owned())),
            at(61_000_000, Kind::Resize(Size { columns: 120, rows: 40 })),
            // A clock that goes back does not.
            at(60_000_000, Kind::Exit(3)),
        ]
    }

    fn file(format: Format) -> String {
        let mut encoder = Encoder::new(format);
        let mut lines = encoder.header(&header()).into_bytes();
        for event in events() {
            encoder.event(&event, &mut lines);
        }
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn v3_counts_from_the_event_before() {
        insta::assert_snapshot!(file(Format::V3), @r#"
        {"version": 3, "term": {"cols":98,"rows":26,"type":"xterm-256color"}, "timestamp": 1700000000, "title": "PROD prod-postgres", "hallpass": {"env":"prod","keep_s":7776000,"role":"prod-postgres","session":"01JD8Z4Q"}}
        [0.000000, "m", "connected"]
        [0.333333, "o", "\u001b[1mé\r\n\""]
        [1.000001, "i", "q"]
        [59.666666, "r", "120x40"]
        [0.000000, "x", "3"]
        "#);
    }

    #[test]
    fn v2_counts_from_the_beginning() {
        insta::assert_snapshot!(file(Format::V2), @r#"
        {"version": 2, "width": 98, "height": 26, "timestamp": 1700000000, "title": "PROD prod-postgres", "hallpass": {"env":"prod","keep_s":7776000,"role":"prod-postgres","session":"01JD8Z4Q"}}
        [0.000000, "m", "connected"]
        [0.333333, "o", "\u001b[1mé\r\n\""]
        [1.333334, "i", "q"]
        [61.000000, "r", "120x40"]
        [61.000000, "m", "exit 3"]
        "#);
    }

    #[test]
    fn no_interval_is_lost_to_rounding() {
        let mut encoder = Encoder::new(Format::V3);
        let mut sum = 0.0;
        for nanos in (0..10_000).map(|i| i * 333_333_333) {
            let mut line = Vec::new();
            let event = Event {
                time: Duration::from_nanos(nanos),
                kind: Kind::Output(String::new()),
            };
            encoder.event(&event, &mut line);
            sum += serde_json::from_slice::<(f64, String, String)>(&line).unwrap().0;
        }
        assert!((sum - 3_332.999_996_667).abs() < 0.000_01, "{sum}");
    }
}
