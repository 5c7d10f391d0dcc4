//! Redactor and emulator together: whatever a child prints, however it is cut, whatever its values are and however often the pane
//! changes its size.
//!
//! The input: columns, rows, which values; then, if the values are the input's own, up to two of them (a length and so many bytes
//! each); then what the child prints. There 0xff begins an order: see [`Order`] and [`read`].

use std::cell::RefCell;
use std::collections::HashMap;

use alacritty_terminal::vte::{self, Perform};
use hallpass::domain::secret::{ChildEnv, Redactor, SecretValue};
use hallpass::session::emulator::{Emulator, Size};

/// Values that are known to be awkward: beginnings and ends of each other, short ones, one with everything that is quoted.
const VALUES: &[&[&str]] = &[
    &["Zq8vR3mXw7Lk2NpT"],
    &["abcdefghij", "efghijklmn", "abcd", "cdef", "défgh"],
    &["aaaaaaaa", "aaaaaaaaaaaaaaaaaaaa", "aaaa"],
    &["q7\"W\\x%é'/&<K>z$9~`!", "••••••••", "x y z w v u t s"],
    &["line number one\nline number two\nthree", "0101"],
];
const LONGEST_VALUE: usize = 24;
/// One choice of values in so many is the input's own.
const OWN_VALUES_EVERY: u8 = 64;
/// So many redactors are kept: to make one costs more than all else, and what an input becomes next has often the same values.
const REDACTORS: usize = 1024;

type Values = Vec<Vec<u8>>;

thread_local! {
    /// The redactors by their values. They go on from input to input, as with a child that prints for days.
    static KEPT: RefCell<HashMap<Values, Redactor>> = RefCell::default();
}

enum Order {
    /// The child's output is cut here: what was before it is read by itself.
    Cut,
    /// The child pauses.
    Pause,
    Resize(u16, u16),
    Scroll(i32),
}

pub fn run(data: &[u8]) {
    let [columns, rows, choice, rest @ ..] = data else {
        return;
    };
    let size = Size {
        columns: u16::from(*columns) % 100,
        rows: u16::from(*rows) % 32,
    };
    // Lines that scroll off cost ten times as much as all else.
    let scrollback = if *rows < 224 { 0 } else { 50 };
    let (values, rest) = if choice % OWN_VALUES_EVERY == OWN_VALUES_EVERY - 1 {
        own_values(rest)
    } else {
        let values = VALUES[usize::from(*choice) % VALUES.len()];
        (values.iter().map(|value| value.as_bytes().to_vec()).collect(), rest)
    };
    KEPT.with_borrow_mut(|kept| {
        if kept.len() == REDACTORS && !kept.contains_key(&values) {
            kept.clear();
        }
        let redactor = kept.entry(values.clone()).or_insert_with_key(|values| redactor(values));
        show(redactor, &values, Emulator::new(size, scrollback), rest);
    });
}

/// Shows what a child with these values prints, once in one piece, once as the orders say, and looks at both.
fn show(redactor: &mut Redactor, values: &[Vec<u8>], mut emulator: Emulator, input: &[u8]) {
    let (output, orders) = read(input, values);
    let mut whole = Vec::new();
    redactor.push(&output, &mut whole);
    redactor.finish(&mut whole);
    assert_hidden(values, &whole);

    let mut shown = Vec::new();
    let mut clear = Vec::new();
    let mut paused = false;
    let mut from = 0;
    for (at, order) in orders {
        redactor.push(&output[from..at], &mut clear);
        from = at;
        if matches!(order, Order::Pause) {
            paused = true;
            redactor.idle(&mut clear);
            assert!(!redactor.holds(), "a pause releases once");
        }
        emulator.feed(&clear);
        shown.append(&mut clear);
        match order {
            Order::Resize(columns, rows) => {
                emulator.resize(Size { columns, rows });
                look_at(&mut emulator);
            }
            Order::Scroll(lines) => emulator.scroll(lines),
            Order::Pause => emulator.show_update(),
            Order::Cut => {}
        }
    }
    redactor.push(&output[from..], &mut clear);
    redactor.finish(&mut clear);
    emulator.feed(&clear);
    shown.append(&mut clear);
    emulator.show_update();
    look_at(&mut emulator);
    if paused {
        assert_hidden(values, &shown);
    } else {
        assert!(shown == whole, "another cut, another output");
    }
}

/// Up to two values, and what of the input comes behind them.
fn own_values(mut input: &[u8]) -> (Values, &[u8]) {
    let mut values = Values::new();
    for _ in 0..2 {
        let Some((length, rest)) = input.split_first() else {
            break;
        };
        let (value, rest) = rest.split_at((usize::from(*length) % LONGEST_VALUE).min(rest.len()));
        values.push(value.to_vec());
        input = rest;
    }
    (values, input)
}

fn redactor(values: &[Vec<u8>]) -> Redactor {
    let mut env = ChildEnv::new();
    for (number, value) in values.iter().enumerate() {
        env.insert_secret(&format!("VALUE_{number}"), SecretValue::from_bytes(value.clone()), true);
    }
    env.redactor()
}

/// What the child prints, and at which places what happens.
fn read(input: &[u8], values: &[Vec<u8>]) -> (Vec<u8>, Vec<(usize, Order)>) {
    let mut output = Vec::new();
    let mut orders = Vec::new();
    let mut bytes = input.iter().copied();
    let value = |number: u8| values.get(usize::from(number) % values.len().max(1));
    while let Some(byte) = bytes.next() {
        if byte != 0xff {
            output.push(byte);
            continue;
        }
        let at = output.len();
        let mut argument = || bytes.next().unwrap_or_default();
        match argument() {
            b'c' => orders.push((at, Order::Cut)),
            b'p' => orders.push((at, Order::Pause)),
            b'r' => orders.push((
                at,
                Order::Resize(u16::from(argument()) % 100, u16::from(argument()) % 32),
            )),
            // The largest there is costs more than all else: it comes rarely.
            b'R' if argument() == b'!' => orders.push((at, Order::Resize(u16::MAX, u16::from(argument())))),
            b's' => orders.push((at, Order::Scroll(i32::from(argument()) - 128))),
            // A value, its beginning, its rest: random bytes would never hit one.
            b'v' => output.extend(value(argument()).into_iter().flatten()),
            b'b' => {
                let (number, length) = (argument(), usize::from(argument()));
                output.extend(value(number).into_iter().flatten().take(length));
            }
            b'e' => {
                let (number, length) = (argument(), usize::from(argument()));
                output.extend(value(number).into_iter().flatten().skip(length));
            }
            // Runs, and rarely, for they cost much, longer ones than what is held back.
            b'n' => {
                let (byte, count) = (argument(), usize::from(argument()));
                output.extend(std::iter::repeat_n(byte, if count < 240 { count } else { count * 64 }));
            }
            other => output.extend([0xff, other]),
        }
    }
    (output, orders)
}

/// What the emulator's own parser says is printed, without blanks.
#[derive(Default)]
struct Printed(String);

impl Perform for Printed {
    fn print(&mut self, character: char) {
        // It prints DEL, which no terminal does.
        if character != ' ' && character != '\x7f' {
            self.0.push(character);
        }
    }
}

/// None of the values that are masked anywhere is printed as it is.
fn assert_hidden(values: &[Vec<u8>], shown: &[u8]) {
    let mut printed = Printed::default();
    vte::Parser::new().advance(&mut printed, shown);
    for value in values {
        let plain = value.iter().all(u8::is_ascii_graphic);
        let Ok(value) = std::str::from_utf8(value) else {
            continue;
        };
        assert!(
            !plain || value.len() < 8 || !printed.0.contains(value),
            "{value:?} is printed by {:?}",
            String::from_utf8_lossy(shown)
        );
    }
}

/// Every cell is inside and holds something that can be drawn; what the child is told is of a fixed form.
fn look_at(emulator: &mut Emulator) {
    let size = emulator.size();
    assert_eq!(size, size.clamped());
    emulator.visit(&mut |column, row, text, _| {
        assert!(
            column < size.columns && row < size.rows,
            "a cell outside: {column} {row}"
        );
        assert!(
            !text.is_empty() && !text.contains(char::is_control),
            "a cell holds {text:?}"
        );
    });
    if let Some((column, row)) = emulator.cursor() {
        assert!(column < size.columns && row < size.rows, "the cursor is outside");
    }
    if let Some(title) = emulator.title() {
        assert!(
            !title.contains(char::is_control) && title.chars().count() <= 80,
            "{title:?}"
        );
    }
    let replies = emulator.take_replies();
    for reply in replies.split(|byte| *byte == 0x1b).skip(1) {
        let fixed = match reply {
            // What is granted of modifyOtherKeys.
            [b'[', b'>', b'4', b';', level, b'm'] => level.is_ascii_digit(),
            [b'[', numbers @ .., b'n' | b'R' | b'c' | b'y' | b't' | b'u'] => {
                numbers.iter().all(|byte| b"0123456789;?>$".contains(byte))
            }
            _ => false,
        };
        assert!(
            fixed,
            "an answer of no fixed form: {:?}",
            String::from_utf8_lossy(reply)
        );
    }
    assert!(replies.first().is_none_or(|byte| *byte == 0x1b));
}
