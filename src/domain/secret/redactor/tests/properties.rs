//! What holds for any output: however it is cut, whatever stands between, wherever it pauses.

use proptest::prelude::*;

use super::super::forms::forms;
use super::super::{HOLD, Redactor};
use super::{CANARY, Random, WILD, canonical, contains, redact, redact_bytes, redactor};

/// Output made of what is likely to confuse: values, parts of values, control sequences, parts of those, long runs.
fn confusing(random: &mut Random, values: &[&str], parts: usize) -> Vec<u8> {
    let mut output = Vec::new();
    for _ in 0..parts {
        match random.below(14) {
            0 | 1 => output.extend_from_slice(random.pick(values).as_bytes()),
            2 | 3 => {
                let value = random.pick(values).as_bytes();
                let from = random.below(value.len());
                let to = from + random.below(value.len() - from + 1);
                output.extend_from_slice(&value[from..to]);
            }
            4 => output.extend_from_slice(
                random
                    .pick(&[
                        "\x1b[1m",
                        "\x1b[K",
                        "\x1b[5;5H",
                        "\x1b[6n",
                        "\x1b[?1049h",
                        "\x1b[?1049l",
                        "\x1b(B",
                        "\x1bc",
                    ])
                    .as_bytes(),
            ),
            5 => output.extend_from_slice(
                random
                    .pick(&[
                        "\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x18", "\x07", "\x1b[3", "\u{9c}",
                    ])
                    .as_bytes(),
            ),
            6 => output.extend_from_slice(
                random
                    .pick(&[" ", "\n", "\r\n", "\r", "\t", "\x08", "\x05", "\0"])
                    .as_bytes(),
            ),
            7 => output.extend_from_slice(
                random
                    .pick(&["a", "x", "_", ".", "é", "漢", "字", "\u{85}", "£", "e\u{301}", "0"])
                    .as_bytes(),
            ),
            8 => output.push(u8::try_from(random.below(256)).expect("a byte")),
            9 => output.extend(std::iter::repeat_n(random.pick(b" a1\n"), random.below(120))),
            10 => {
                output.extend_from_slice(random.pick(&["\x1b]0;", "\x1bPq", "\x1b_", "\x1b]52;c;"]).as_bytes());
                output.extend_from_slice(random.pick(values).as_bytes());
                output.extend_from_slice(random.pick(&["\x07", "\x1b\\", "\x18", ""]).as_bytes());
            }
            _ => {
                let value = random.pick(values).as_bytes();
                let at = random.below(value.len());
                output.extend_from_slice(&value[..at]);
                output.extend_from_slice(
                    random
                        .pick(&[
                            "\x1b[31m",
                            "\r\n",
                            " \r",
                            "\x1b[K",
                            "\x1b]0;t\x07",
                            "\x08",
                            "x\x08",
                            "v\x1b[2;1H",
                            "Q\r",
                        ])
                        .as_bytes(),
                );
                output.extend_from_slice(&value[at..]);
            }
        }
    }
    output
}

const VALUE_SETS: &[&[&str]] = &[
    &[CANARY],
    &[CANARY, "Lk2NpTZq8vR3mXw7Lk", "NpTZq8"],
    &["aaaaaaaa", "aaaaaaaaaaaaaaaaaaaa", "aaaa"],
    &["abcdefghij", "efghijklmn", "abcd", "cdef", "défgh"],
    &[WILD, "••••••••", "x y z w v u t s"],
    &["line number one\nline number two\nthree", "0101"],
];

#[test]
fn however_it_is_cut_the_output_is_the_same() {
    let mut random = Random(0x5eed);
    for (index, values) in VALUE_SETS.iter().enumerate() {
        for hold in [40, 200, HOLD] {
            let mut whole = Redactor::holding(values.iter().map(|value| value.as_bytes()), hold);
            let mut cut = Redactor::holding(values.iter().map(|value| value.as_bytes()), hold);
            for case in 0..5_000 {
                let parts = 1 + random.below(12);
                let input = confusing(&mut random, values, parts);
                let expected = redact_bytes(&mut whole, &[&input]);
                let mut out = Vec::new();
                let mut rest = input.as_slice();
                while !rest.is_empty() {
                    let limit = random.pick(&[1, 3, 20, 400]);
                    let (head, tail) = rest.split_at((1 + random.below(limit)).min(rest.len()));
                    cut.push(head, &mut out);
                    rest = tail;
                }
                cut.finish(&mut out);
                assert_eq!(
                    String::from_utf8_lossy(&out),
                    String::from_utf8_lossy(&expected),
                    "set {index}, hold {hold}, case {case}: {:?}",
                    String::from_utf8_lossy(&input)
                );
                assert_eq!(whole.masked(), cut.masked(), "set {index}, hold {hold}, case {case}");
            }
        }
    }
}

#[test]
fn no_form_survives() {
    let mut random = Random(0xfeed);
    for values in VALUE_SETS {
        let mut redactor = redactor(values);
        let all: Vec<_> = values
            .iter()
            .flat_map(|value| forms(value.as_bytes()))
            .filter(|form| !form.whole_token)
            .collect();
        for _ in 0..1000 {
            let input = confusing(&mut random, values, 10);
            // The same parser reads the output, so a question in it would hide what it decided on.
            let out = redact_bytes(&mut redactor, &[&input]);
            let printed = canonical(&out);
            for form in &all {
                assert!(
                    !contains(&printed, &form.text),
                    "{:?} in {:?}",
                    String::from_utf8_lossy(&form.text),
                    String::from_utf8_lossy(&input)
                );
            }
        }
    }
}

#[test]
fn with_pauses_anywhere_at_most_three_characters_show() {
    let mut random = Random(0xd1ce);
    let mut redactor = redactor(&[CANARY]);
    for _ in 0..4000 {
        let mut input = Vec::new();
        for _ in 0..4 {
            let at = random.below(CANARY.len());
            input.extend_from_slice(&CANARY.as_bytes()[..at]);
            input.extend_from_slice(
                random
                    .pick(&["", "\x1b[1m", "\r\n", "\x1b[6n", "\x1b]0;t\x07"])
                    .as_bytes(),
            );
            input.extend_from_slice(&CANARY.as_bytes()[at..]);
            input.extend_from_slice(random.pick(&[" ", ".", "\r\n", "\x1b[H"]).as_bytes());
        }
        let mut out = Vec::new();
        for byte in &input {
            redactor.push(&[*byte], &mut out);
            if random.below(3) == 0 {
                redactor.idle(&mut out);
            }
        }
        redactor.finish(&mut out);
        let printed = canonical(&out);
        for window in CANARY.as_bytes().windows(4) {
            assert!(!contains(&printed, window), "{}", String::from_utf8_lossy(&out));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn output_without_values_is_unchanged(input in proptest::collection::vec(any::<u8>(), 0..600), cut in 0_usize..600) {
        let mut redactor = redactor(&[CANARY, "a value that does not occur"]);
        let (head, tail) = input.split_at(cut.min(input.len()));
        prop_assert_eq!(redact_bytes(&mut redactor, &[head, tail]), input);
    }

}

proptest! {
    // Each case makes its own automaton.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_value_is_hidden(value in "\\PC{8,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
        let printed = canonical(value.as_bytes());
        prop_assume!(String::from_utf8_lossy(&printed).chars().count() >= 8);
        let out = redact(&[&value], &format!("{before}{value}{after}"));
        prop_assert!(!contains(&canonical(out.as_bytes()), &printed));
    }
}
