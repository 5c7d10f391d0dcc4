//! The automaton that finds every form of every value in one pass, stepped by hand, one printed byte at a time.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, MatchKind};

use super::control::{CLASS, TEXT, WORD, class_at, is_doubtful};
use super::forms::Form;
use super::stream::Wholes;

/// An automaton and what is known about its states.
///
/// The compact representation: a full table is hardly faster here, and takes ten times as long to build.
pub(super) struct Machine {
    automaton: NFA,
    start: StateID,
    /// Number of low bits that are zero in every state's number.
    shift: u32,
    /// For each state how many of the last printed bytes could still become more than they are: the length of the longest ending that
    /// a form begins with and goes on after. In 16 bits, which is far more than is ever held back: this is as long as the automaton.
    pending: Vec<u16>,
    /// For each form whether it is only masked between non-word neighbours.
    whole_token: Vec<bool>,
    /// The bytes that may be passed without a look while nothing is pending: printed bytes that no form starts with, and the space.
    idle_bytes: [bool; 256],
    /// The values of which parts count, too.
    wholes: Wholes,
}

impl Machine {
    /// Errs if the forms are too large for any automaton.
    pub(super) fn new(forms: &[Form]) -> Result<Self, BuildError> {
        // No prefilter: it would keep a copy of the forms in one piece, for as long as the session lasts.
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .dense_depth(3)
            .build(forms.iter().map(|form| form.text.as_slice()))?;
        let start = automaton.start_state(Anchored::No).unwrap_or_default();
        let (pending, shift) = pending_lengths(&automaton, start, forms);
        let mut idle_bytes = [false; 256];
        for byte in 0..=255_u8 {
            let printed = (CLASS[usize::from(byte)] & TEXT != 0 && !is_doubtful(byte)) || byte == b' ';
            idle_bytes[usize::from(byte)] = printed && automaton.next_state(Anchored::No, start, byte) == start;
        }
        Ok(Self {
            automaton,
            start,
            shift,
            pending,
            whole_token: forms.iter().map(|form| form.whole_token).collect(),
            idle_bytes,
            wholes: Wholes::default(),
        })
    }

    /// Parts of these values count, too.
    pub(super) fn with_parts_of(self, wholes: Wholes) -> Self {
        Self { wholes, ..self }
    }

    pub(super) fn wholes(&self) -> &Wholes {
        &self.wholes
    }

    #[inline(always)]
    pub(super) fn start(&self) -> StateID {
        self.start
    }

    #[inline(always)]
    pub(super) fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    #[inline(always)]
    pub(super) fn is_match(&self, state: StateID) -> bool {
        self.automaton.is_match(state)
    }

    #[inline(always)]
    pub(super) fn is_idle_byte(&self, byte: u8) -> bool {
        self.idle_bytes[usize::from(byte)]
    }

    /// How many of the last printed bytes could still become (more of) a value.
    pub(super) fn pending(&self, state: StateID) -> usize {
        self.pending
            .get(state.as_usize() >> self.shift)
            .map_or(0, |length| usize::from(*length))
    }

    /// As [`Machine::matches`], also where none ends.
    pub(super) fn matches_in(&self, state: StateID) -> impl Iterator<Item = (usize, bool)> + '_ {
        let state = self.is_match(state).then_some(state);
        state.into_iter().flat_map(|state| self.matches(state))
    }

    /// The forms that end in this state: their length, and whether they count only as a whole token.
    pub(super) fn matches(&self, state: StateID) -> impl Iterator<Item = (usize, bool)> + '_ {
        (0..self.automaton.match_len(state)).map(move |index| {
            let form = self.automaton.match_pattern(state, index);
            (self.automaton.pattern_len(form), self.whole_token[form.as_usize()])
        })
    }

    /// Whether a text that stands alone, such as a window title, holds a value.
    pub(super) fn occurs_in(&self, text: &[u8]) -> bool {
        let mut state = self.start;
        let mut after_word = false;
        // For each printed byte whether it follows a word byte.
        let mut joined = Vec::with_capacity(text.len());
        let mut token_ended = false;
        for (at, &byte) in text.iter().enumerate() {
            let class = class_at(text, at);
            if token_ended && class & WORD == 0 {
                return true;
            }
            token_ended = false;
            if class & TEXT != 0 {
                joined.push(after_word);
                state = self.next(state, byte);
                if self.is_match(state) {
                    for (length, whole_token) in self.matches(state) {
                        if !whole_token {
                            return true;
                        }
                        token_ended |= !joined[joined.len() - length];
                    }
                }
            }
            after_word = class & WORD != 0;
        }
        token_ended
    }
}

/// For each state the number of bytes that could still become more, and the shift that makes an index of a state's number.
///
/// Each state stands for one beginning of a form, and reading that beginning leads to it. If the form goes on, all of it is pending;
/// else what is pending in the state that the same text without its first byte leads to: the longest ending that begins a form.
fn pending_lengths(automaton: &NFA, start: StateID, forms: &[Form]) -> (Vec<u16>, u32) {
    let next = |state: StateID, byte: &u8| automaton.next_state(Anchored::No, state, *byte);
    let mut bits = start.as_usize();
    let mut last = bits;
    for form in forms {
        let mut state = start;
        for byte in form.text.iter() {
            state = next(state, byte);
            bits |= state.as_usize();
            last = last.max(state.as_usize());
        }
    }
    let shift = if bits == 0 { 0 } else { bits.trailing_zeros() };
    let mut pending = vec![0; (last >> shift) + 1];
    for form in forms {
        let mut state = start;
        for (length, byte) in form.text.iter().enumerate() {
            if length > 0 {
                pending[state.as_usize() >> shift] = u16::try_from(length).unwrap_or(u16::MAX);
            }
            state = next(state, byte);
        }
    }
    // Shorter forms first: where the longest ending is a whole form itself, that one is known by then.
    let mut by_length: Vec<&Form> = forms.iter().collect();
    by_length.sort_by_key(|form| form.text.len());
    for form in by_length {
        let whole = form.text.iter().fold(start, next);
        if pending[whole.as_usize() >> shift] == 0 {
            let ending = form.text.iter().skip(1).fold(start, next);
            pending[whole.as_usize() >> shift] = pending[ending.as_usize() >> shift];
        }
    }
    (pending, shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pending() {
        let forms: Vec<Form> = ["abcdef", "cdefgh", "abcd", "efab", "xyabcdef"]
            .into_iter()
            .map(|text| Form {
                text: zeroize::Zeroizing::new(text.as_bytes().to_vec()),
                whole_token: false,
            })
            .collect();
        let machine = Machine::new(&forms).expect("a small automaton");
        let pending = |text: &str| {
            let state = text
                .bytes()
                .fold(machine.start(), |state, byte| machine.next(state, byte));
            machine.pending(state)
        };
        for (text, length) in [
            ("", 0),
            ("q", 0),
            ("a", 1),
            ("abc", 3),
            ("abcd", 4),      // abcdef
            ("abcdef", 4),    // cdefgh
            ("xyabcdef", 4),  // cdefgh
            ("xyabcdefg", 5), // cdefgh
            ("cdefgh", 0),
            ("efab", 2), // abcd
            ("efabq", 0),
        ] {
            assert_eq!(pending(text), length, "{text}");
        }
    }
}
