//! Control sequences in the stream: they leave whole or not at all, and what they carry past the grid is searched for values.

use super::super::automaton::Machine;
use super::super::control::{CLASS, ESCAPE, Effect, Parser, Step, StringKind, effect};
use super::{NOTHING, Place, Stream};

impl Stream {
    /// An escape begins a control sequence, which leaves whole or not at all.
    pub(super) fn begin_sequence(&mut self, at: usize) {
        self.sequence = at;
        self.overlong = false;
        self.parser.step(ESCAPE);
    }

    /// The inside of a control sequence.
    pub(super) fn scan_sequence(&mut self, machine: &Machine, end: usize, out: &mut Vec<u8>) {
        let mut at = self.cursor;
        while at < end {
            let before = self.parser;
            match self.parser.step(self.buffer[at]) {
                Step::Inside => at += 1,
                Step::Begin => {
                    self.cursor = at;
                    if matches!(before, Parser::String(_)) {
                        self.parser = before;
                        self.end_string(machine, at);
                        let kept = self.cursor;
                        self.complete(machine, self.sequence, kept, out);
                        self.parser = Parser::Escape;
                    }
                    self.sequence = self.cursor;
                    self.overlong = false;
                    self.cursor += 1;
                    // The buffer may have become shorter than `end`.
                    return;
                }
                Step::Last => {
                    self.cursor = at + 1;
                    if matches!(before, Parser::String(_)) {
                        self.end_string(machine, at);
                    }
                    self.complete(machine, self.sequence, self.cursor, out);
                    return;
                }
            }
        }
        self.cursor = at;
    }

    /// A string is complete up to the cursor, its content up to `end`: it goes if a value is in it.
    pub(super) fn end_string(&mut self, machine: &Machine, end: usize) {
        let content = self.buffer.get(self.sequence + 2..end).unwrap_or_default();
        if machine.occurs_in(content) {
            self.masked += 1;
            self.cut(self.sequence, self.cursor);
        }
    }

    /// Puts [`NOTHING`] in the place of a stretch that ends at the cursor.
    fn cut(&mut self, start: usize, end: usize) {
        self.buffer.splice(start..end, NOTHING.iter().copied());
        self.cursor = start + NOTHING.len();
    }

    /// A control sequence is complete.
    fn complete(&mut self, machine: &Machine, start: usize, end: usize, out: &mut Vec<u8>) {
        if self.overlong {
            return;
        }
        match effect(&self.buffer[start..end]) {
            Effect::None => {}
            Effect::Moves => {
                self.end_token(true);
                self.after_word = false;
                self.line_addressed = true;
                self.moved(machine);
                self.next_row(machine);
            }
            Effect::Asks => self.decide(machine, out),
            Effect::Screen { alternate } => {
                self.decide(machine, out);
                self.read_on();
                self.alternate_screen = alternate;
                self.line_addressed = false;
                self.after_word = false;
            }
        }
    }

    /// As much is held as may be: decides on the text; if it is a control sequence that is so long, lets it go piece by piece.
    pub(super) fn overflow(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        self.decide(machine, out);
        if !self.in_sequence() || self.cursor - self.sequence < self.hold {
            return;
        }
        let Parser::String(kind) = self.parser else {
            self.emit(self.cursor, out);
            self.sequence = self.cursor;
            self.overlong = true;
            return;
        };
        self.parser = Parser::Ground;
        if machine.occurs_in(&self.buffer[self.sequence + 2..self.cursor]) {
            self.masked += 1;
            self.cut(self.sequence, self.cursor);
            self.place = Place::Dropping(kind);
        } else {
            self.place = Place::LongString(kind);
            self.outer = std::mem::replace(&mut self.state, machine.start());
            self.read_on();
            self.row.forget();
            self.after_word = false;
            self.cursor = self.sequence + 2;
        }
    }

    pub(super) fn scan_long_string(&mut self, machine: &Machine, mut kind: StringKind, end: usize, out: &mut Vec<u8>) {
        let mut at = self.cursor;
        while at < end {
            let byte = self.buffer[at];
            if byte == ESCAPE || kind.ends_with(byte) {
                self.cursor = at;
                self.decide(machine, out);
                self.state = self.outer;
                self.read_on();
                self.after_word = false;
                self.place = Place::Ordinary;
                if byte == ESCAPE {
                    self.begin_sequence(at);
                }
                self.cursor = at + 1;
                return;
            }
            kind = kind.after(byte);
            self.place = Place::LongString(kind);
            at += 1;
            self.cursor = at;
            self.take(machine, at - 1, byte, CLASS[usize::from(byte)]);
        }
    }

    pub(super) fn drop_string(&mut self, mut kind: StringKind) {
        let rest = &self.buffer[self.cursor..];
        let end = rest.iter().position(|byte| {
            let is_end = *byte == ESCAPE || kind.ends_with(*byte);
            kind = kind.after(*byte);
            is_end
        });
        let drop_to = match end {
            None => {
                self.place = Place::Dropping(kind);
                rest.len()
            }
            Some(at) => {
                self.place = Place::Ordinary;
                if rest[at] == ESCAPE { at } else { at + 1 }
            }
        };
        self.buffer.drain(self.cursor..self.cursor + drop_to);
    }
}
