//! What stands on the screen where the cursor went back or elsewhere after a character: the next text may have taken its place.
//!
//! vim writes the last character of a row once more at the beginning of the next, to tell the terminal that the row goes on there, and
//! then moves the cursor to write over it. So after each movement the text is followed twice, with the character before it and without.

use aho_corasick::automaton::StateID;

use super::super::automaton::Machine;
use super::{AFTER_NO_WORD, PLACES, SHOWN, Stream};

/// So many readings are followed beside the text itself; more come of output that is made for it.
const READINGS: usize = 4;

/// The text without some of its characters.
pub(super) struct Reading {
    state: StateID,
    /// The state before the last character, or the same where there is none to write over.
    previous: StateID,
    /// The numbers of the text bytes that are left out, ascending; those that matter still.
    left_out: Vec<usize>,
    /// Text bytes before this number had been decided on when it began.
    from: usize,
}

impl Reading {
    /// The first of the last text bytes in it, so many of them up to `end`.
    fn first_of(&self, end: usize, length: usize) -> usize {
        let mut first = end.saturating_sub(length);
        for left_out in self.left_out.iter().rev().filter(|number| **number < end) {
            if *left_out < first {
                break;
            }
            first = first.saturating_sub(1);
        }
        first.max(self.from)
    }

    /// Whether much of a value stands before its last character.
    fn is_long_before_last(&self, machine: &Machine) -> bool {
        self.previous != self.state && machine.pending(self.previous) > SHOWN
    }

    /// Whether it may yet find what the text itself does not.
    fn goes_on(&self, machine: &Machine, of_text: StateID) -> bool {
        let may_go_on = self.state != of_text && machine.pending(self.state) > 0;
        may_go_on || self.previous != self.state && machine.pending(self.previous) > 0
    }
}

impl Stream {
    /// The cursor was moved: the character before may be written over.
    pub(super) fn moved(&mut self, machine: &Machine) {
        if self.previous != self.state || !self.readings.is_empty() {
            self.fork(machine);
        }
        self.stay();
    }

    #[cold]
    fn fork(&mut self, machine: &Machine) {
        let from = self.first_pending(machine);
        let last = self.text - 1;
        let without_last = |state: StateID, left_out: &[usize], from: usize| {
            let mut reading = Reading {
                state,
                previous: state,
                left_out: left_out.to_vec(),
                from,
            };
            reading.left_out.push(last);
            let first = reading.first_of(self.text, machine.pending(state));
            reading.left_out.retain(|number| *number >= first);
            reading
        };
        let forked: Vec<Reading> = (self.previous != self.state)
            .then(|| without_last(self.previous, &[], from))
            .into_iter()
            .chain(
                self.readings
                    .iter()
                    .filter(|reading| reading.previous != reading.state)
                    .map(|reading| without_last(reading.previous, &reading.left_out, reading.from)),
            )
            .collect();
        for reading in forked {
            let is_new = self.readings.iter().all(|other| other.state != reading.state);
            if is_new && self.readings.len() < READINGS && reading.goes_on(machine, self.state) {
                self.readings.push(reading);
            }
        }
    }

    /// What comes next stands behind the last character, not over it.
    pub(super) fn stay(&mut self) {
        self.previous = self.state;
        for reading in &mut self.readings {
            reading.previous = reading.state;
        }
    }

    /// Nothing that was printed is written over.
    pub(super) fn read_on(&mut self) {
        self.previous = self.state;
        self.readings.clear();
    }

    /// Takes one text byte, which the text itself has taken already.
    #[cold]
    #[inline(never)]
    pub(super) fn follow(&mut self, machine: &Machine, byte: u8) {
        let mut readings = std::mem::take(&mut self.readings);
        for reading in &mut readings {
            reading.previous = reading.state;
            reading.state = machine.next(reading.state, byte);
            for (length, whole_token) in machine.matches_in(reading.state) {
                let first = reading.first_of(self.text, length);
                if !whole_token {
                    self.mask(first, self.text);
                } else if self.places[first % PLACES] & AFTER_NO_WORD != 0 {
                    self.token = Some((first, self.text));
                }
            }
        }
        readings.retain(|reading| reading.goes_on(machine, self.state));
        self.readings = readings;
    }

    /// The first text byte that could still become a part of a value with a character written over.
    pub(super) fn first_in_readings(&self, machine: &Machine) -> usize {
        let readings = self.readings.iter();
        let firsts = readings.map(|reading| reading.first_of(self.text, machine.pending(reading.state)));
        firsts.fold(self.text, usize::min)
    }

    /// The first that could if the last character is written over by what comes next. A few characters of a value may show: for them
    /// nothing is held.
    pub(super) fn first_before_last(&self, machine: &Machine) -> usize {
        let before = machine.pending(self.previous);
        let first = if before > SHOWN && self.previous != self.state {
            self.text - 1 - before
        } else {
            self.text
        };
        let readings = self
            .readings
            .iter()
            .filter(|reading| reading.is_long_before_last(machine));
        let firsts = readings.map(|reading| reading.first_of(self.text - 1, machine.pending(reading.previous)));
        firsts.fold(first, usize::min)
    }

    /// Masks what readings have found of values so far, where the text itself must be decided on.
    pub(super) fn decide_readings(&mut self, machine: &Machine) {
        for reading in std::mem::take(&mut self.readings) {
            let pending = machine.pending(reading.state);
            if pending > SHOWN {
                self.mask(reading.first_of(self.text, pending), self.text);
            }
            self.readings.push(reading);
        }
    }
}
