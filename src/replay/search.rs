//! Search in what a recording showed: the text is looked for on the screen as a person would have seen it, not in the bytes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::recording::Recording;
use super::screen::Screen;
use crate::session::emulator::Emulator;

/// What stands for less than this is not looked at, unless nothing else comes.
const GLANCE: Duration = Duration::from_millis(100);
/// Bytes of output after which the screen is looked at in any case.
const MUCH: usize = 2 << 10;
/// Places that are remembered.
const MOST_FOUND: usize = 10_000;

/// A text that is looked for. Without a capital letter, case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    exact: bool,
}

/// A text on a screen: where it begins, and how many columns it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub row: u16,
    pub column: u16,
    pub columns: u16,
}

impl Query {
    /// None of nothing.
    pub fn new(text: &str) -> Option<Self> {
        let exact = text.chars().any(char::is_uppercase);
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
            exact,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a line of text holds it.
    pub fn is_in(&self, line: &str) -> bool {
        if self.exact {
            line.contains(&self.text)
        } else {
            line.to_lowercase().contains(&self.text)
        }
    }

    /// Where it stands on a screen, from the top.
    pub fn places(&self, emulator: &Emulator) -> Vec<Place> {
        let mut places = Vec::new();
        self.look(emulator, &mut |place, _| places.push(place));
        places
    }

    /// Visits every place with the text of its row up to the end of what was found.
    fn look(&self, emulator: &Emulator, found: &mut dyn FnMut(Place, &str)) {
        let mut row = Row::default();
        emulator.visit(&mut |column, y, text, _| {
            if y != row.y {
                row.find(self, found);
                row.begin(y);
            }
            row.push(column, text, self.exact);
        });
        row.find(self, found);
    }
}

/// The text of one row, with the column of each of its bytes.
#[derive(Default)]
struct Row {
    y: u16,
    text: String,
    columns: Vec<u16>,
}

impl Row {
    fn begin(&mut self, y: u16) {
        self.y = y;
        self.text.clear();
        self.columns.clear();
    }

    fn push(&mut self, column: u16, cell: &str, exact: bool) {
        if exact {
            self.text.push_str(cell);
        } else {
            self.text.extend(cell.chars().flat_map(char::to_lowercase));
        }
        self.columns.resize(self.text.len(), column);
    }

    fn find(&self, query: &Query, found: &mut dyn FnMut(Place, &str)) {
        for (at, text) in self.text.match_indices(&query.text) {
            let end = at + text.len();
            let (Some(&column), Some(&last)) = (self.columns.get(at), self.columns.get(end - 1)) else {
                continue;
            };
            let next = self.columns[end..].iter().find(|next| **next > last).copied();
            let place = Place {
                row: self.y,
                column,
                columns: next.unwrap_or(last + 1) - column,
            };
            found(place, &self.text[..end]);
        }
    }
}

/// The times at which the text appeared, in order; none if it was told to stop.
///
/// It has appeared where a row holds it that did not a glance before: a row is known by its text up to the end of what was found, so
/// one that scrolls, or that is typed on, is the same.
pub fn find(recording: &Recording, query: &Query, stop: &AtomicBool) -> Option<Vec<Duration>> {
    let mut screen = Screen::new(recording);
    let mut found = Vec::new();
    let mut shown = HashMap::new();
    let mut looked = (Duration::ZERO, 0);
    while let Some(time) = screen.step(recording) {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let next = recording.event(screen.next()).map(|event| event.time);
        let glance = next.is_none_or(|next| next.saturating_sub(looked.0) >= GLANCE && next > time);
        if !glance && screen.fed() - looked.1 < MUCH {
            continue;
        }
        looked = (time, screen.fed());
        let mut now: HashMap<String, usize> = HashMap::new();
        query.look(screen.emulator(), &mut |_, text| {
            *now.entry(text.to_owned()).or_default() += 1;
        });
        if now
            .iter()
            .any(|(text, count)| shown.get(text).is_none_or(|before| before < count))
        {
            found.push(time);
            if found.len() >= MOST_FOUND {
                break;
            }
        }
        shown = now;
    }
    Some(found)
}
