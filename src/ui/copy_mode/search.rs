//! Search in copy mode: as one types, in both directions, around the ends.

use super::{CopyMode, Place};
use crate::session::emulator::text::{Found, MOST_FOUND, Pattern, Row};
use crate::ui::input::Input;

/// What was searched.
#[derive(Default)]
pub struct Search {
    pub text: String,
    /// Towards the newest line.
    pub forward: bool,
    found: Vec<Found>,
}

/// The line in which one types what to search.
pub struct Prompt {
    pub input: Input,
    pub forward: bool,
    /// Where the search begins, and goes back to when it is given up.
    pub(super) from: Place,
    pub(super) top: usize,
    before: Option<Search>,
}

impl CopyMode {
    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    /// Opens the line for the search. What was found before stays if nothing is typed.
    pub fn ask(&mut self, forward: bool) {
        self.prompt = Some(Prompt {
            input: Input::default(),
            forward,
            from: self.cursor,
            top: self.top,
            before: self.search.take(),
        });
    }

    /// Changes what is typed, and shows the first place where it is.
    pub fn type_search(&mut self, change: impl FnOnce(&mut Input)) {
        let Some(prompt) = &mut self.prompt else { return };
        let before = prompt.input.text.clone();
        change(&mut prompt.input);
        if prompt.input.text == before {
            return;
        }
        let (text, forward, from, top) = (prompt.input.text.clone(), prompt.forward, prompt.from, prompt.top);
        (self.cursor, self.top) = (from, top);
        self.search = Pattern::new(&text).map(|pattern| Search {
            text,
            forward,
            found: self.text.find(&pattern),
        });
        // What begins at the cursor itself is what one sees and types.
        let search = self.search.as_ref();
        let here = search.is_some_and(|search| search.found.iter().any(|found| place(found) == from));
        if !here {
            self.go_found(true);
        }
        self.keep_in_view();
    }

    /// Ends the typing. True if something was searched.
    pub fn accept(&mut self) -> bool {
        let Some(prompt) = self.prompt.take() else { return false };
        self.keep_in_view();
        if prompt.input.text.is_empty() {
            self.search = prompt.before.map(|search| Search {
                forward: prompt.forward,
                ..search
            });
            return self.go_found(true).is_some();
        }
        true
    }

    /// Gives the search up: everything as it was before.
    pub fn give_up(&mut self) {
        if let Some(prompt) = self.prompt.take() {
            (self.cursor, self.top, self.search) = (prompt.from, prompt.top, prompt.before);
            self.column = self.column_of(self.cursor);
            self.keep_in_view();
        }
    }

    pub fn search(&self) -> Option<&Search> {
        self.search.as_ref()
    }

    /// Goes to the next place that was found, in the direction of the search or against it. Whether that took it around an end; none if
    /// there is nothing to go to.
    pub fn go_found(&mut self, along: bool) -> Option<bool> {
        let search = self.search.as_ref()?;
        let (first, last) = (search.found.first()?, search.found.last()?);
        let forward = search.forward == along;
        let next = if forward {
            let after = search.found.partition_point(|found| place(found) <= self.cursor);
            search.found.get(after)
        } else {
            let before = search.found.partition_point(|found| place(found) < self.cursor);
            before.checked_sub(1).and_then(|at| search.found.get(at))
        };
        let to = place(next.unwrap_or(if forward { first } else { last }));
        let around = next.is_none();
        self.jump(to);
        Some(around)
    }

    /// `2 of 3`, `nothing found`: about the last search.
    pub fn count(&self) -> Option<String> {
        let search = self.search.as_ref()?;
        let all = match search.found.len() {
            0 => return Some("nothing found".to_owned()),
            MOST_FOUND => format!("{MOST_FOUND}+"),
            count => count.to_string(),
        };
        let here = search.found.binary_search_by_key(&self.cursor, place);
        Some(here.map_or(format!("{all} found"), |at| format!("{} of {all}", at + 1)))
    }

    /// What was found in a row: its glyphs, and whether the cursor is on it.
    pub fn found_in(&self, row: &Row) -> impl Iterator<Item = (std::ops::Range<usize>, bool)> {
        let found = self.search.as_ref().map_or(&[][..], |search| &search.found);
        let first = found.partition_point(|found| (found.line, found.end) <= (row.line, row.start));
        let (line, end, cursor) = (row.line, row.end, self.cursor);
        found[first..]
            .iter()
            .take_while(move |found| found.line == line && found.start < end)
            .map(move |found| (found.start..found.end, place(found) == cursor))
    }
}

fn place(found: &Found) -> Place {
    Place {
        line: found.line,
        glyph: found.start,
    }
}
