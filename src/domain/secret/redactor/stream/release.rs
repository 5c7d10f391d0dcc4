//! What of the stream is masked, what is still held back, and what leaves.

use super::super::automaton::Machine;
use super::super::control::{Parser, addresses_screen};
use super::super::mask::Style;
use super::{ADDRESSED, PLACE_MASK, PLACES, Region, SHOWN, Stream};

impl Stream {
    /// Whether the short value before it is a whole token is known now.
    pub(super) fn end_token(&mut self, whole: bool) {
        if let Some((from, to)) = self.token.take()
            && whole
        {
            self.mask(from, to);
        }
    }

    /// Masks these text bytes, as far as they have not left.
    pub(super) fn mask(&mut self, from: usize, to: usize) {
        if to <= self.floor {
            return;
        }
        let shown = from < self.passed;
        let from = from.max(self.passed);
        let mut start = self.place_of(from);
        let end = self.place_of(to - 1) + 1;
        // A longer one takes the place of those inside it. None of them can have left: this one's beginning was held.
        while self
            .regions
            .back()
            .is_some_and(|last| last.start >= start && last.end <= end)
        {
            if self.regions.pop_back().is_some_and(|inner| !inner.continued) {
                self.masked -= 1;
            }
        }
        let before = match self.regions.back() {
            Some(last) => (start <= last.end).then_some(last.style),
            None => self.run.filter(|_| start == self.sent),
        };
        if let Some(last) = self.regions.back() {
            start = start.max(last.end);
        }
        if start >= end {
            return;
        }
        let style = before.unwrap_or_else(|| {
            let addressed = self.places[from % PLACES] & ADDRESSED != 0;
            if shown || addressed || addresses_screen(&self.buffer[start..end]) {
                Style::SameWidth
            } else {
                Style::Fixed
            }
        });
        if before.is_none() {
            self.masked += 1;
        }
        self.regions.push_back(Region {
            start,
            end,
            text_end: to,
            style,
            continued: before.is_some(),
        });
    }

    pub(super) fn in_sequence(&self) -> bool {
        self.parser != Parser::Ground
    }

    /// The place of a text byte in the buffer; the buffer's beginning if it has left.
    fn place_of(&self, text: usize) -> usize {
        if text < self.floor {
            return self.sent;
        }
        ((self.places[text % PLACES] >> 2).wrapping_sub(self.base) & PLACE_MASK) as usize
    }

    /// A text byte that is held; none if it has left.
    pub(super) fn byte_of(&self, text: usize) -> Option<u8> {
        (text >= self.floor).then(|| self.buffer.get(self.place_of(text)).copied())?
    }

    /// The first text byte that could still become a part of a value.
    pub(super) fn first_pending(&self, machine: &Machine) -> usize {
        self.first_at_rest(machine).min(self.first_before_last(machine))
    }

    /// The same where nothing more is said for a while: then the last character stays as it is.
    fn first_at_rest(&self, machine: &Machine) -> usize {
        let first = self.text.saturating_sub(machine.pending(self.state));
        let first = first.min(self.first_in_readings(machine));
        let first = self.row.pending().map_or(first, |from| first.min(from));
        self.token.map_or(first, |(from, _)| first.min(from))
    }

    /// What is decided: up to which text byte, and up to which place in the buffer.
    pub(super) fn decided(&self, machine: &Machine) -> (usize, usize) {
        let first = self.first_pending(machine);
        (first, self.limit(first))
    }

    fn limit(&self, first: usize) -> usize {
        let first = first.max(self.passed);
        let mut limit = if first < self.text {
            self.place_of(first)
        } else {
            self.cursor
        };
        if self.in_sequence() {
            limit = limit.min(self.sequence);
        }
        limit = limit.max(self.sent);
        // What is masked is decided, whatever it becomes a part of.
        let after = self.regions.partition_point(|region| region.start < limit);
        match after.checked_sub(1).and_then(|index| self.regions.get(index)) {
            Some(region) => limit.max(region.end),
            None => limit,
        }
    }

    /// What may leave after a pause: a few leading bytes of what could become a value, in whole characters.
    pub(super) fn idle_limit(&self, machine: &Machine) -> (usize, usize) {
        let pending = self.first_at_rest(machine);
        let mut first = (pending + SHOWN).max(self.floor).min(self.text);
        while first > pending.max(self.floor)
            && first < self.text
            && self
                .buffer
                .get(self.place_of(first))
                .is_some_and(|byte| matches!(byte, 0x80..=0xbf))
        {
            first -= 1;
        }
        (first, self.limit(first))
    }

    /// Decides now on what is held: what is longer than what may be shown of a value is masked.
    pub(super) fn decide(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        self.end_token(true);
        let pending = machine.pending(self.state);
        if pending > SHOWN {
            self.mask(self.text.saturating_sub(pending), self.text);
        }
        self.decide_readings(machine);
        self.row.forget();
        let limit = if self.in_sequence() { self.sequence } else { self.cursor };
        self.emit(limit, out);
        self.floor = self.text;
        self.passed = self.text;
    }

    pub(super) fn emit(&mut self, limit: usize, out: &mut Vec<u8>) {
        while let Some(region) = self.regions.pop_front() {
            if region.start >= limit {
                self.regions.push_front(region);
                break;
            }
            self.emit_plain(region.start, out);
            let masked = &self.buffer[region.start..region.end];
            self.mask.render(masked, region.style, region.continued, out);
            self.run = Some(region.style);
            self.sent = region.end;
            self.floor = self.floor.max(region.text_end);
        }
        self.emit_plain(limit, out);
    }

    fn emit_plain(&mut self, to: usize, out: &mut Vec<u8>) {
        if self.sent < to {
            out.extend_from_slice(&self.buffer[self.sent..to]);
            self.sent = to;
            self.run = None;
        }
    }
}
