//! Values that are wrapped, and whose rows are printed in another order than they are read.

use super::{CANARY, MASK, Random, redact, redact_bytes, redactor};

const BEFORE: &str = "DATABASE_URL=postgres://app:";
const AFTER: &str = "@db1.internal:5432/orders";

/// The value's rows, as a program writes them that goes through the text in one of these ways.
fn written(cut: usize) -> [(&'static str, String); 4] {
    let (first, second) = CANARY.split_at(cut);
    [
        (
            "less, backwards",
            format!("\x1b[H\x1bM{second}{AFTER}\x1b[12;1H\x1b[K:\x1b[H\x1bM{BEFORE}{first}\x1b[12;1H\x1b[K:"),
        ),
        (
            "less, forwards",
            format!("\r\x1b[K{BEFORE}{first}\r\n:\r\x1b[K{second}{AFTER}\r\n:"),
        ),
        (
            "more",
            format!("{BEFORE}{first}\n\x1b[7m--More--\x1b[27m\r\x1b[K{second}{AFTER}\n\x1b[7m--More--\x1b[27m"),
        ),
        (
            "rows from the last to the first",
            format!("\x1b[5;1H{second}{AFTER}\x1b[4;1H{BEFORE}{first}\x1b[3;1Hx"),
        ),
    ]
}

#[test]
fn of_a_value_on_two_rows_less_than_half_shows_in_whatever_order_they_are_written() {
    for cut in 1..CANARY.len() {
        let (first, second) = CANARY.split_at(cut);
        for (way, output) in written(cut) {
            let shown = redact(&[CANARY], &output);
            let left: usize = [first, second]
                .iter()
                .filter(|part| {
                    shown.contains(&format!("{BEFORE}{part}\u{1b}")) || shown.contains(&format!("{part}{AFTER}"))
                })
                .map(|part| part.len())
                .sum();
            assert!(left < CANARY.len() / 2, "{way}, cut at {cut}: {}", shown.escape_debug());
            let larger = if cut * 2 >= CANARY.len() { first } else { second };
            assert!(!shown.contains(larger), "{way}, cut at {cut}: {}", shown.escape_debug());
            assert!(shown.contains(AFTER) && shown.contains(BEFORE), "{way}, cut at {cut}");
        }
    }
}

#[test]
fn however_rows_are_cut_the_output_is_the_same() {
    let mut random = Random(0x0_5eed);
    for cut in 1..CANARY.len() {
        for (way, output) in written(cut) {
            let whole = redact(&[CANARY], &output);
            for _ in 0..20 {
                let at = random.below(output.len());
                let pieces = output.as_bytes().split_at(at);
                let cut_up = redact_bytes(&mut redactor(&[CANARY]), &[pieces.0, pieces.1]);
                assert_eq!(String::from_utf8_lossy(&cut_up), whole, "{way}");
            }
        }
    }
}

#[test]
fn a_value_that_is_written_in_its_order_is_masked_whole() {
    let (first, second) = CANARY.split_at(9);
    let shown = redact(&[CANARY], &format!("a={first}\n{second} b\n"));
    assert_eq!(shown, format!("a={MASK}\n{MASK} b\n"));
}

#[test]
fn small_parts_and_parts_inside_of_a_row_are_left_as_they_are() {
    for output in [
        "Zq8vR3m\nx\x1b[HpT\n".to_owned(),
        format!("\x1b[H.{}\x1b[K", &CANARY[8..]),
        format!("{} goes on\n", &CANARY[..8]),
        format!("\x1b[H{} goes on", &CANARY[2..14]),
    ] {
        assert_eq!(redact(&[CANARY], &output), output);
    }
}
