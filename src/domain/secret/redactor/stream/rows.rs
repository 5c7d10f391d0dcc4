//! Parts of a value at the edges of rows. What goes through a text backwards draws the second row of a wrapped value before the first
//! (`less`), or something else between them (`--More--`): then the whole value is on the screen and never in the stream.
//!
//! So a part is masked, too, that is at least two fifths of its value and 8 bytes long, where it is a value's beginning and ends at the
//! end of a row, or a value's end and begins one. Of two rows one at least holds such a part. A row ends at a line feed and where the
//! cursor is moved. Only values as they are written are looked for in this way, and only where they are not many.

use zeroize::Zeroizing;

use super::super::automaton::Machine;
use super::super::control::canonical;
use super::Stream;

/// A shorter part is that of many an innocent word.
const LEAST: usize = 8;
/// Longer values are texts of their own, whose words are found in others.
const LONGEST: usize = 512;
/// More values than a role has; where there are more, each row would wait for too much.
const VALUES: usize = 64;

/// The values of which parts are looked for.
#[derive(Default)]
pub(in super::super) struct Wholes(Vec<Whole>);

/// A value in two pieces of random bytes, which together make it: it stays as long as the session, and whoever looks through the memory
/// shall not find it there.
struct Whole(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

impl Whole {
    /// None if the system gives no random bytes.
    fn new(value: &[u8]) -> Option<Self> {
        let mut random = Zeroizing::new(vec![0; value.len()]);
        getrandom::fill(&mut random).ok()?;
        let other = value.iter().zip(random.iter()).map(|(byte, random)| byte ^ random);
        let other = Zeroizing::new(other.collect());
        Some(Self(random, other))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        Some(self.0.get(at)? ^ self.1.get(at)?)
    }
}

impl Wholes {
    pub(in super::super) fn of<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let lines = values
            .into_iter()
            .flat_map(|value| value.split(|byte| matches!(byte, b'\n' | b'\r')));
        let mut wholes: Vec<_> = lines
            .map(canonical)
            .filter(|whole| (LEAST + 1..=LONGEST).contains(&whole.len()))
            .collect();
        wholes.sort_unstable_by(|a, b| a.as_slice().cmp(b.as_slice()));
        wholes.dedup();
        if wholes.len() > VALUES {
            wholes.clear();
        }
        Self(wholes.iter().filter_map(|whole| Whole::new(whole)).collect())
    }
}

/// How long a part of a value of this length must be.
fn least(length: usize) -> usize {
    (length * 2).div_ceil(5).max(LEAST)
}

/// What is known of the row that the stream is in.
#[derive(Default)]
pub(super) struct Row {
    /// Text bytes, by their numbers, that were a value's beginning at the end of the row before, and may still go on to be all of it.
    beginning: Option<(usize, usize)>,
    /// Nothing was printed since the row began.
    is_new: bool,
    /// The number of its first text byte.
    from: usize,
    /// The values that the whole row so far is a part of: which, and how much of it is before the next byte.
    within: Vec<(usize, usize)>,
}

impl Row {
    /// Whether the next text byte matters.
    #[inline(always)]
    pub(super) fn waits(&self) -> bool {
        self.is_new || !self.within.is_empty() || self.beginning.is_some()
    }

    /// The first text byte that may still become a part at the beginning of the row.
    pub(super) fn pending(&self) -> Option<usize> {
        (!self.within.is_empty()).then_some(self.from)
    }

    /// Nothing of it can be masked any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Stream {
    /// A row has ended and another one begins.
    pub(super) fn next_row(&mut self, machine: &Machine) {
        if !self.is_screen || machine.wholes().0.is_empty() {
            return;
        }
        let beginning = self.beginning_here(machine);
        self.row.beginning = beginning.or(self.row.beginning);
        self.row.is_new = true;
        self.row.within.clear();
    }

    /// The last text bytes, if they are a large enough beginning of a value.
    fn beginning_here(&self, machine: &Machine) -> Option<(usize, usize)> {
        let pending = machine.pending(self.state);
        if pending < LEAST {
            return None;
        }
        let from = self.text - pending;
        // What has left is known to have begun some value as well.
        let held = from.max(self.floor);
        let begins = |whole: &Whole| {
            let mut same = (held..self.text).map(|at| self.byte_of(at) == whole.byte(at - from));
            (least(whole.len())..whole.len()).contains(&pending) && same.all(|same| same)
        };
        machine.wholes().0.iter().any(begins).then_some((from, self.text))
    }

    /// Takes one text byte, which the text itself has taken already.
    #[cold]
    #[inline(never)]
    pub(super) fn follow_row(&mut self, machine: &Machine, byte: u8) {
        let wholes = &machine.wholes().0;
        if self.row.is_new {
            self.row.is_new = false;
            self.row.from = self.text - 1;
            for (index, whole) in wholes.iter().enumerate() {
                // Its beginning is found by the automaton, with all that follows.
                let latest = whole.len() - least(whole.len());
                let at = (1..=latest).filter(|at| whole.byte(*at) == Some(byte));
                self.row.within.extend(at.map(|at| (index, at + 1)));
            }
        } else {
            self.row.within.retain_mut(|(index, at)| {
                let goes_on = wholes[*index].byte(*at) == Some(byte);
                *at += 1;
                goes_on
            });
        }
        if self.row.within.iter().any(|(index, at)| wholes[*index].len() == *at) {
            self.mask(self.row.from, self.text);
        }
        let pending = self.text - machine.pending(self.state);
        if let Some((from, to)) = self.row.beginning.filter(|(from, _)| pending > *from) {
            self.mask(from, to);
            self.row.beginning = None;
        }
    }
}
