//! The screen of a recording at a time, and the keyframes that bring one there fast.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::recording::{Change, Recording};
use crate::session::emulator::{Emulator, Keyframe, Size};

/// A synchronized update that has not ended after this long is shown, as a terminal does.
const UPDATE_PATIENCE: Duration = Duration::from_millis(150);
/// Work between two keyframes, to begin with: bytes of output, and cells that a resize moves.
const APART: usize = 256 << 10;
/// Bytes of memory that all keyframes may take; past them every other one goes.
const MOST_BYTES: usize = 64 << 20;

/// An emulator that is fed with the events of one recording, in order.
pub struct Screen {
    emulator: Emulator,
    /// The place of the next event, and the byte where its output begins.
    next: usize,
    from: usize,
    /// What was done so far, as [`APART`] measures it.
    work: usize,
    /// The synchronized update under way: since when in the recording, and what the emulator tells it by.
    update: Option<(Duration, Instant)>,
}

impl Screen {
    /// Before the first event.
    pub fn new(recording: &Recording) -> Self {
        Self {
            // Nothing scrolls back here: one goes back in time instead.
            emulator: Emulator::new(recording.size(), 0),
            next: 0,
            from: 0,
            work: 0,
            update: None,
        }
    }

    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Its text, row by row, without the empty rows at its end.
    pub fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = (0..self.emulator.size().rows)
            .map(|row| self.emulator.row_text(row))
            .collect();
        let last = rows.iter().rposition(|row| !row.is_empty());
        rows.truncate(last.map_or(0, |last| last + 1));
        rows
    }

    /// How many events it has taken.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// How many bytes of output it has taken.
    pub(super) fn fed(&self) -> usize {
        self.from
    }

    /// Takes everything up to this time, with it. Time only goes on here.
    pub fn advance(&mut self, recording: &Recording, to: Duration) {
        while recording.event(self.next).is_some_and(|event| event.time <= to) {
            self.step(recording);
        }
        self.show_late_update(to);
    }

    /// Takes one event; its time, none after the last one.
    pub(super) fn step(&mut self, recording: &Recording) -> Option<Duration> {
        let event = recording.event(self.next)?;
        self.show_late_update(event.time);
        match event.change {
            Change::Output(end) => {
                let text = recording.output(self.from, end);
                self.emulator.feed(text.as_bytes());
                self.work += text.len();
                self.from = end;
                // Nobody is there who could be answered.
                self.emulator.take_replies();
            }
            Change::Resize(size) => {
                let cells = |size: Size| usize::from(size.columns) * usize::from(size.rows);
                self.work += cells(size).max(cells(self.emulator.size()));
                self.emulator.resize(size);
            }
        }
        self.next += 1;
        self.update = match (self.emulator.update_due(), self.update) {
            (Some(due), Some((_, same))) if due == same => self.update,
            (due, _) => due.map(|due| (event.time, due)),
        };
        Some(event.time)
    }

    fn show_late_update(&mut self, now: Duration) {
        if self
            .update
            .is_some_and(|(since, _)| now.saturating_sub(since) >= UPDATE_PATIENCE)
        {
            self.emulator.show_update();
            self.update = None;
        }
    }

    /// When a synchronized update that hangs will be shown.
    pub(super) fn update_due(&self) -> Option<Duration> {
        self.update.map(|(since, _)| since + UPDATE_PATIENCE)
    }
}

/// Screens of a recording, a certain amount of work apart.
pub struct Keyframes {
    frames: Vec<Frame>,
}

struct Frame {
    next: usize,
    from: usize,
    keyframe: Keyframe,
}

impl Keyframes {
    /// Plays the whole recording once. None if it was told to stop.
    pub fn make(recording: &Recording, stop: &AtomicBool) -> Option<Self> {
        let mut frames: Vec<Frame> = Vec::new();
        let (mut apart, mut bytes, mut last) = (APART, 0, 0);
        let mut screen = Screen::new(recording);
        while screen.step(recording).is_some() {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            if screen.work - last < apart {
                continue;
            }
            let Some(keyframe) = screen.emulator.keyframe() else {
                continue;
            };
            bytes += keyframe.bytes();
            last = screen.work;
            frames.push(Frame {
                next: screen.next,
                from: screen.from,
                keyframe,
            });
            while bytes > MOST_BYTES && !frames.is_empty() {
                let mut at = 0;
                frames.retain(|_| {
                    at += 1;
                    at % 2 == 0
                });
                apart *= 2;
                bytes = frames.iter().map(|frame| frame.keyframe.bytes()).sum();
            }
        }
        Some(Self { frames })
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The place of the last one at or before this place.
    pub(super) fn before(&self, place: usize) -> usize {
        self.at_or_before(place).map_or(0, |frame| frame.next)
    }

    fn at_or_before(&self, place: usize) -> Option<&Frame> {
        let after = self.frames.partition_point(|frame| frame.next <= place);
        self.frames.get(after.checked_sub(1)?)
    }

    /// A screen that has taken some of the events before this place.
    pub(super) fn screen(&self, recording: &Recording, place: usize) -> Screen {
        match self.at_or_before(place) {
            None => Screen::new(recording),
            Some(frame) => Screen {
                emulator: Emulator::from_keyframe(&frame.keyframe),
                next: frame.next,
                from: frame.from,
                work: 0,
                update: None,
            },
        }
    }
}
