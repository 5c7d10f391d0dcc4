//! The stream itself: how its text is scanned for values. Control sequences are in `sequence.rs`; what is masked, held back and let go is
//! in `release.rs`.
//!
//! Every decision depends on the bytes alone and never on how they were cut into pieces; only [`Stream::idle`] depends on time.

mod overwritten;
mod release;
mod rows;
mod sequence;

use std::collections::VecDeque;

use aho_corasick::automaton::StateID;
use zeroize::{Zeroize as _, Zeroizing};

use super::automaton::Machine;
use super::control::{C1_LEAD, CLASS, ESCAPE, Parser, StringKind, TEXT, WORD, class_at, is_doubtful};
use super::mask::{Mask, Style};
use overwritten::Reading;
use rows::Row;
pub(super) use rows::Wholes;

/// How much may be held back.
pub(super) const HOLD: usize = 8 * 1024;
/// Input is taken in pieces of this size, so that the buffer never grows.
const PIECE: usize = 4 * 1024;
/// For so many of the last text bytes it is known where they are: for all that the buffer can hold.
const PLACES: usize = 16 * 1024;
/// So many leading bytes of a value may be shown, so that typing does not wait for what comes next.
pub(super) const SHOWN: usize = 3;
const ENQUIRY: u8 = 0x05;
/// So many bytes tell whether the one behind them goes on with a character.
const BEFORE: usize = 3;
/// Stands for a dropped control sequence. It prints nothing and ends whatever unfinished sequence stands before it, so what follows
/// can never be taken for a part of that.
const NOTHING: &[u8] = b"\x1b\\";

/// A masked stretch of the buffer that has not left yet.
struct Region {
    start: usize,
    end: usize,
    /// The number of the text byte after it.
    text_end: usize,
    style: Style,
    /// It is one with the mask before it.
    continued: bool,
}

/// What the scanner is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Plain text or an ordinary control sequence: see the parser.
    Ordinary,
    /// A string that became too long to be kept until it ends: its content is searched like text.
    LongString(StringKind),
    /// A string that is too long and holds a value: nothing of it leaves.
    Dropping(StringKind),
}

pub(super) struct Stream {
    mask: Mask,
    /// What was fed and has not left: at most what is held back and one piece.
    buffer: Zeroizing<Vec<u8>>,
    /// The number of the buffer's first byte in the stream, in [`PLACE_BITS`] bits.
    base: u32,
    /// Everything before it has left.
    sent: usize,
    /// Everything before it is scanned.
    cursor: usize,
    /// The last bytes that have left the buffer.
    before: [u8; BEFORE],
    place: Place,
    parser: Parser,
    /// Where the unfinished control sequence begins; meaningful while there is one.
    sequence: usize,
    /// The unfinished control sequence was so long that its beginning has left.
    overlong: bool,
    state: StateID,
    /// The state before the last character, or the same where there is none to write over.
    previous: StateID,
    /// The text with characters written over.
    readings: Vec<Reading>,
    row: Row,
    /// The state of the text around a long string.
    outer: StateID,
    /// How many text bytes the automaton has seen.
    text: usize,
    /// Text bytes before this number have left.
    floor: usize,
    /// Text bytes before this number were let go or masked before it was known what they become; nothing can change that.
    passed: usize,
    /// For each of the last text bytes its place in the stream and two flags: it follows no word byte, the screen is addressed there.
    places: Vec<u32>,
    /// A short value that counts if no word byte follows: its first text byte and the one after its last.
    token: Option<(usize, usize)>,
    /// The last printed byte was part of a word.
    after_word: bool,
    /// Something was printed in this line.
    line_used: bool,
    /// The cursor was moved in this line.
    line_addressed: bool,
    /// The text is for a screen, where a mask of another width than its value can shift what stands beside it.
    pub(super) is_screen: bool,
    alternate_screen: bool,
    regions: VecDeque<Region>,
    /// The style of the mask that left last, if nothing left after it.
    run: Option<Style>,
    pub(super) masked: u64,
    /// No more bytes than this are held back; then what is held is decided.
    hold: usize,
}

const PLACE_BITS: u32 = 30;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
const AFTER_NO_WORD: u32 = 1;
const ADDRESSED: u32 = 2;

impl Stream {
    /// `hold` is [`HOLD`], or less for a test of what happens beyond it.
    pub(super) fn new(mask: Mask, start: StateID, hold: usize) -> Self {
        Self {
            mask,
            buffer: Zeroizing::new(Vec::with_capacity(HOLD + PIECE + NOTHING.len() + 1)),
            base: 0,
            sent: 0,
            cursor: 0,
            before: [0; BEFORE],
            place: Place::Ordinary,
            parser: Parser::Ground,
            sequence: 0,
            overlong: false,
            state: start,
            previous: start,
            readings: Vec::new(),
            row: Row::default(),
            outer: start,
            text: 0,
            floor: 0,
            passed: 0,
            places: vec![0; PLACES],
            token: None,
            after_word: false,
            line_used: false,
            line_addressed: false,
            is_screen: true,
            alternate_screen: false,
            regions: VecDeque::new(),
            run: None,
            masked: 0,
            hold: hold.min(HOLD),
        }
    }

    /// Another one that masks as this one does, with nothing fed yet.
    pub(super) fn again(&self, start: StateID) -> Self {
        Self {
            is_screen: self.is_screen,
            ..Self::new(self.mask, start, self.hold)
        }
    }

    pub(super) fn push(&mut self, machine: &Machine, input: &[u8], out: &mut Vec<u8>) {
        for piece in input.chunks(PIECE) {
            self.buffer.extend_from_slice(piece);
            self.scan(machine, out);
            let (first, limit) = self.decided(machine);
            self.emit(limit, out);
            self.floor = self.floor.max(first);
            self.compact();
        }
    }

    pub(super) fn holds(&self, machine: &Machine) -> bool {
        self.idle_limit(machine).1 > self.sent
    }

    pub(super) fn idle(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        loop {
            let (first, limit) = self.idle_limit(machine);
            self.emit(limit, out);
            self.floor = self.floor.max(first);
            self.passed = self.passed.max(first);
            // What stands behind a mask that has left may go as well.
            if !self.holds(machine) {
                break;
            }
        }
        self.compact();
    }

    pub(super) fn finish(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        if let Some(&cut_off) = self.buffer.get(self.cursor) {
            self.cursor += 1;
            self.take(machine, self.cursor - 1, cut_off, TEXT);
        }
        self.decide(machine, out);
        if self.in_sequence() && matches!(self.parser, Parser::String(_)) {
            self.end_string(machine, self.cursor);
        }
        self.emit(self.buffer.len(), out);
        self.compact();
        self.before = [0; BEFORE];
        self.parser = Parser::Ground;
        self.place = Place::Ordinary;
        self.state = machine.start();
        self.read_on();
        self.after_word = false;
        self.line_used = false;
        self.line_addressed = false;
        self.alternate_screen = false;
        self.run = None;
    }

    fn scan(&mut self, machine: &Machine, out: &mut Vec<u8>) {
        while self.cursor < self.buffer.len() {
            let (_, limit) = self.decided(machine);
            let held = self.cursor - limit;
            if held >= self.hold {
                self.overflow(machine, out);
                continue;
            }
            // Not further than what is held can grow: so it is decided at the same byte however the input is cut.
            let end = self.buffer.len().min(self.cursor + (self.hold - held));
            match self.place {
                Place::Ordinary if self.parser == Parser::Ground => {
                    if !self.scan_text(machine, end, out) {
                        return;
                    }
                }
                Place::Ordinary => self.scan_sequence(machine, end, out),
                Place::LongString(kind) => self.scan_long_string(machine, kind, end, out),
                Place::Dropping(kind) => self.drop_string(kind),
            }
        }
    }

    /// Plain text up to the next control sequence. Returns false if it waits for what comes behind the buffer's last byte.
    fn scan_text(&mut self, machine: &Machine, end: usize, out: &mut Vec<u8>) -> bool {
        let start = machine.start();
        let mut at = self.cursor;
        while at < end {
            let byte = self.buffer[at];
            if self.is_at_rest(start) && machine.is_idle_byte(byte) {
                self.previous = start;
                let rest = &self.buffer[at + 1..end];
                at += 1 + rest
                    .iter()
                    .position(|byte| !machine.is_idle_byte(*byte))
                    .unwrap_or(rest.len());
                self.after_word = CLASS[usize::from(self.buffer[at - 1])] & WORD != 0;
                self.line_used = true;
                continue;
            }
            if byte == ESCAPE {
                self.begin_sequence(at);
                self.cursor = at + 1;
                return true;
            }
            if byte == C1_LEAD && at + 1 == self.buffer.len() {
                self.cursor = at;
                return false;
            }
            self.cursor = at + 1;
            if self.take(machine, at, byte, self.class(at)) {
                self.decide(machine, out);
            }
            at += 1;
        }
        self.cursor = at;
        true
    }

    /// Whether only a byte that may begin a value matters next.
    #[inline(always)]
    fn is_at_rest(&self, start: StateID) -> bool {
        self.state == start && self.token.is_none() && self.readings.is_empty() && !self.row.waits()
    }

    /// What the byte at this place of the buffer is in plain text.
    #[inline(always)]
    fn class(&self, at: usize) -> u8 {
        let byte = self.buffer[at];
        if !is_doubtful(byte) {
            return CLASS[usize::from(byte)];
        }
        if at >= BEFORE {
            return class_at(&self.buffer, at);
        }
        let mut around = [0; 2 * BEFORE + 1];
        around[..BEFORE].copy_from_slice(&self.before);
        let known = self.buffer.len().min(BEFORE + 1);
        around[BEFORE..BEFORE + known].copy_from_slice(&self.buffer[..known]);
        class_at(&around, at + BEFORE)
    }

    /// Takes one byte outside of control sequences, of this class. Returns whether the terminal is asked something by it.
    #[inline(always)]
    fn take(&mut self, machine: &Machine, at: usize, byte: u8, class: u8) -> bool {
        if self.token.is_some() {
            self.end_token(class & WORD == 0);
        }
        if class & TEXT != 0 {
            let place = self.base.wrapping_add(at as u32) << 2;
            let addressed = self.is_screen && (self.line_addressed || self.alternate_screen);
            let flags = (u32::from(!self.after_word) * AFTER_NO_WORD) | (u32::from(addressed) * ADDRESSED);
            self.places[self.text % PLACES] = place | flags;
            self.text += 1;
            self.line_used = true;
            self.after_word = class & WORD != 0;
            self.previous = self.state;
            self.state = machine.next(self.state, byte);
            if machine.is_match(self.state) {
                self.found(machine);
            }
            if !self.readings.is_empty() {
                self.follow(machine, byte);
            }
            if self.row.waits() {
                self.follow_row(machine, byte);
            }
            return false;
        }
        self.after_word = false;
        match byte {
            b' ' => {
                self.line_used = true;
                self.stay();
            }
            b'\n' => {
                (self.line_used, self.line_addressed) = (false, false);
                self.read_on();
                self.next_row(machine);
            }
            // A return before a line end is part of it: then the line feed takes this back. In an empty line it does nothing: shells
            // print one before each command's output.
            b'\r' => {
                self.line_addressed |= self.line_used;
                self.moved(machine);
                self.next_row(machine);
            }
            0x08 | 0x0b | 0x0c => {
                self.line_addressed = true;
                self.moved(machine);
            }
            _ => {}
        }
        byte == ENQUIRY
    }

    /// A form ended at the last text byte.
    #[cold]
    #[inline(never)]
    fn found(&mut self, machine: &Machine) {
        let mut longest = 0;
        let mut token = 0;
        for (length, whole_token) in machine.matches(self.state) {
            if !whole_token {
                longest = longest.max(length);
            } else if self.places[(self.text - length) % PLACES] & AFTER_NO_WORD != 0 {
                token = token.max(length);
            }
        }
        if token > 0 {
            self.token = Some((self.text - token, self.text));
        }
        if longest > 0 {
            self.mask(self.text - longest, self.text);
        }
    }

    /// Takes what has left out of the buffer and wipes it.
    fn compact(&mut self) {
        let sent = self.sent;
        if sent == 0 {
            return;
        }
        for byte in &self.buffer[sent.saturating_sub(BEFORE)..sent] {
            self.before = [self.before[1], self.before[2], *byte];
        }
        let kept = self.buffer.len() - sent;
        self.buffer.copy_within(sent.., 0);
        self.buffer[kept..].zeroize();
        self.buffer.truncate(kept);
        self.base = self.base.wrapping_add(sent as u32) & PLACE_MASK;
        self.cursor -= sent;
        self.sequence = self.sequence.saturating_sub(sent);
        for region in &mut self.regions {
            region.start -= sent;
            region.end -= sent;
        }
        self.sent = 0;
    }
}
