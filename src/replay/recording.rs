//! A recording in memory: its header, everything it printed as one text, and what happened when.

use std::fmt;
use std::time::Duration;

use crate::recording::cast::{self, Header, Kind};
use crate::recording::read::{Reader, Unread};
use crate::session::emulator::Size;

/// Bytes of output that are kept; what comes after is not played.
const MOST_OUTPUT: usize = 1 << 30;
/// Events that are kept.
const MOST_EVENTS: usize = 20_000_000;
/// Cells that resizes may have moved: each moves a whole screen, and in a file it is a few bytes.
const MOST_RESIZED: usize = 500_000_000;
/// Marks that are kept, those of resizes with them.
const MOST_MARKS: usize = 10_000;
/// A pause shorter than this is none that could be cut.
const LEAST_IDLE: Duration = Duration::from_millis(50);
/// What a longer pause is cut to, where nothing says it.
const USUAL_IDLE: Duration = Duration::from_secs(2);

pub struct Recording {
    pub header: Header,
    /// Resizes as well, each with a name that says so.
    pub marks: Vec<Mark>,
    /// The time of its last event.
    pub length: Duration,
    /// What the program ended with.
    pub exit: Option<i32>,
    pub unread: Unread,
    /// It is longer than what is kept of it.
    pub cut: bool,
    /// It has more marks than are kept.
    marks_cut: bool,
    /// Cells that its resizes move.
    resized: usize,
    output: String,
    events: Vec<Event>,
}

/// A place in time with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub time: Duration,
    pub name: String,
}

/// What changes the screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) time: Duration,
    pub(super) change: Change,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// Output up to this byte.
    Output(usize),
    Resize(Size),
}

/// Without what it shows: a debug print goes anywhere.
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("length", &self.length)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Reads all of it, as far as it is readable.
    pub fn load(mut reader: Reader) -> Self {
        let mut this = Self {
            header: reader.header().clone(),
            marks: Vec::new(),
            length: Duration::ZERO,
            exit: None,
            unread: Unread::default(),
            cut: false,
            marks_cut: false,
            resized: 0,
            output: String::new(),
            events: Vec::new(),
        };
        for event in &mut reader {
            let much = this.output.len() >= MOST_OUTPUT || this.resized >= MOST_RESIZED;
            if much || this.events.len() >= MOST_EVENTS {
                this.cut = true;
                break;
            }
            this.take(event);
        }
        this.unread = reader.unread();
        this
    }

    fn take(&mut self, event: cast::Event) {
        let time = event.time;
        self.length = time;
        let change = match event.kind {
            Kind::Output(text) => {
                self.output.push_str(&text);
                Change::Output(self.output.len())
            }
            Kind::Resize(size) => {
                let size = cells(size);
                let name = format!("resize {}x{}", size.columns, size.rows);
                self.mark(time, name);
                self.resized += usize::from(size.columns) * usize::from(size.rows);
                Change::Resize(size)
            }
            Kind::Mark(name) => return self.mark(time, name),
            Kind::Exit(code) => return self.exit = Some(code),
            // What was typed shows only as the terminal echoed it.
            Kind::Input(_) => return,
        };
        self.events.push(Event { time, change });
    }

    fn mark(&mut self, time: Duration, name: String) {
        if self.marks.len() < MOST_MARKS {
            self.marks.push(Mark { time, name });
        } else {
            self.marks_cut = true;
        }
    }

    /// The size it begins with, as far as a terminal can have it.
    pub fn size(&self) -> Size {
        cells(self.header.size)
    }

    /// What a longer pause is cut to: the recording's own limit, else two seconds.
    pub fn idle_limit(&self) -> Duration {
        self.header.idle_time_limit.unwrap_or(USUAL_IDLE).max(LEAST_IDLE)
    }

    /// What of it could not be read, for a person; none if all of it was.
    pub fn remark(&self) -> Option<String> {
        if self.cut {
            return Some("the recording is longer than what can be played: its end is missing".to_owned());
        }
        let marks = self
            .marks_cut
            .then(|| format!("the recording has more than {MOST_MARKS} marks and resizes: later ones are not marked"));
        self.unread.words().or(marks)
    }

    pub(super) fn event(&self, at: usize) -> Option<Event> {
        self.events.get(at).copied()
    }

    pub(super) fn output(&self, from: usize, to: usize) -> &str {
        self.output.get(from..to).unwrap_or_default()
    }

    /// How many events there are up to this time, with it.
    pub(super) fn events_until(&self, time: Duration) -> usize {
        self.events.partition_point(|event| event.time <= time)
    }

    /// The time of the event before the one at this place; the beginning if there is none.
    pub(super) fn time_before(&self, at: usize) -> Duration {
        at.checked_sub(1)
            .and_then(|at| self.events.get(at))
            .map_or(Duration::ZERO, |event| event.time)
    }

    /// The time of the event at this place; the end if there is none.
    pub(super) fn time_of(&self, at: usize) -> Duration {
        self.events.get(at).map_or(self.length, |event| event.time)
    }

    /// How much is left out when pauses are cut to this.
    pub fn idle_over(&self, limit: Duration) -> Duration {
        let pauses = (0..=self.events.len()).map(|at| self.time_of(at).saturating_sub(self.time_before(at)));
        pauses.map(|pause| pause.saturating_sub(limit)).sum()
    }
}

fn cells(size: cast::Size) -> Size {
    Size {
        columns: size.columns,
        rows: size.rows,
    }
    .clamped()
}
