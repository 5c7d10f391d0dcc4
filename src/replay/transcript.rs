//! What a recording printed, as plain text: the lines that the terminal showed, with what it had wrapped made whole again. What was drawn on
//! the alternate screen (editors, pagers) is not in it, as it is not in a terminal's scrollback.

use std::sync::atomic::{AtomicBool, Ordering};

use super::recording::{Change, Recording};
use crate::recording::cast::Kind;
use crate::session::emulator::{Emulator, Size};

/// Lines of scrollback in which a piece of output is gathered.
const SCROLLBACK: usize = 10_000;
/// Line breaks, and rows' worth of bytes, after which the gathered lines are taken out.
const MOST_BREAKS: usize = 256;
const MOST_ROWS: usize = 2_000;
/// Sequences before which lines are taken out, and what they do.
const CLEARING: &[(&str, Clears)] = &[
    ("\x1b[3J", Clears::Scrollback),
    ("\x1bc", Clears::Screen),
    // `clear` as screen's, tmux's and Linux' terminals want it. What erases a whole screen by CSI 2 J leaves it in the scrollback.
    ("\x1b[H\x1b[J", Clears::Screen),
    ("\x1b[H\x1b[0J", Clears::Screen),
    ("\x1b[?2026h", Clears::Nothing),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clears {
    Scrollback,
    /// All that is on the screen, too.
    Screen,
    /// Passed over: within a synchronized update nothing could be taken out, and its lines may be more than are kept.
    Nothing,
}

/// Takes a recording's events and gives its lines.
pub struct Transcript {
    emulator: Emulator,
    /// A size that it has not taken yet: of several without output between them only the last is seen, and each costs a screen.
    size: Option<Size>,
    lines: Vec<String>,
    /// A line whose wrapped rest is still to come.
    line: String,
}

impl Transcript {
    pub fn new(size: Size) -> Self {
        Self {
            emulator: Emulator::new(size, SCROLLBACK),
            size: None,
            lines: Vec::new(),
            line: String::new(),
        }
    }

    /// All lines of a recording in memory. None if it was told to stop.
    pub fn of(recording: &Recording, stop: &AtomicBool) -> Option<Vec<String>> {
        let mut this = Self::new(recording.size());
        let (mut place, mut from) = (0, 0);
        while let Some(event) = recording.event(place) {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            match event.change {
                Change::Output(end) => {
                    this.feed(recording.output(from, end));
                    from = end;
                }
                Change::Resize(size) => this.size = Some(size),
            }
            place += 1;
        }
        Some(this.finish())
    }

    /// Takes one event.
    pub fn take(&mut self, kind: &Kind) {
        match kind {
            Kind::Output(text) => self.feed(text),
            Kind::Resize(size) => {
                self.size = Some(Size {
                    columns: size.columns,
                    rows: size.rows,
                });
            }
            Kind::Input(_) | Kind::Mark(_) | Kind::Exit(_) => {}
        }
    }

    /// The lines that are complete since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The lines that are left, those on the screen with them.
    pub fn finish(mut self) -> Vec<String> {
        self.settle();
        self.emulator.show_update();
        self.emulator.feed(b"\x18\x1b[?1049l\x1b[?47l");
        self.gather();
        self.gather_screen();
        self.lines
    }

    fn settle(&mut self) {
        if let Some(size) = self.size.take() {
            self.emulator.resize(size);
        }
    }

    fn feed(&mut self, text: &str) {
        self.settle();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, clears) = piece(rest, usize::from(self.emulator.size().columns) * MOST_ROWS);
            self.emulator.feed(piece.as_bytes());
            self.emulator.take_replies();
            rest = &rest[piece.len()..];
            if self.emulator.is_between_sequences() {
                self.gather();
                if clears.is_some_and(|(_, clears)| clears == Clears::Screen) && !self.emulator.modes().alternate_screen
                {
                    self.gather_screen();
                }
            }
            if let Some((sequence, clears)) = clears {
                if clears != Clears::Nothing {
                    self.emulator.feed(sequence.as_bytes());
                }
                rest = &rest[sequence.len()..];
            }
        }
    }

    /// Takes out what has scrolled off the screen.
    fn gather(&mut self) {
        let rows = usize::from(self.emulator.size().rows);
        let mut left = self.emulator.scrollback();
        if left == 0 || self.emulator.update_due().is_some() {
            return;
        }
        while left > 0 {
            let back = self.emulator.scrolled();
            self.emulator
                .scroll(i32::try_from(left).unwrap_or(i32::MAX) - i32::try_from(back).unwrap_or(0));
            for row in 0..left.min(rows) {
                self.push_row(u16::try_from(row).unwrap_or(u16::MAX));
            }
            left = left.saturating_sub(rows);
        }
        self.emulator.scroll(i32::MIN + 1);
        self.emulator.feed(b"\x1b[3J");
    }

    fn gather_screen(&mut self) {
        let before = self.lines.len();
        for row in 0..self.emulator.size().rows {
            self.push_row(row);
        }
        if !self.line.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
        // The empty part of a screen is no lines.
        let text = self.lines[before..].iter().rposition(|line| !line.is_empty());
        self.lines.truncate(before + text.map_or(0, |last| last + 1));
    }

    fn push_row(&mut self, row: u16) {
        self.line.push_str(&self.emulator.row_text(row));
        if !self.emulator.row_wraps(row) {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }
}

/// The first part of a text that can be taken at once, and the sequence behind it if that is one of [`CLEARING`].
fn piece(text: &str, most: usize) -> (&str, Option<(&'static str, Clears)>) {
    let mut breaks = 0;
    for (at, byte) in text.bytes().enumerate() {
        let rest = &text.as_bytes()[at..];
        let clears = CLEARING
            .iter()
            .find(|(sequence, _)| byte == 0x1b && rest.starts_with(sequence.as_bytes()));
        if let Some(clears) = clears {
            return (&text[..at], Some(*clears));
        }
        breaks += usize::from(byte == b'\n');
        if (breaks >= MOST_BREAKS || at >= most) && text.is_char_boundary(at + 1) {
            return (&text[..=at], None);
        }
    }
    (text, None)
}
