//! The redactor as a whole: the cases B, by what proves them.
//!
//! | case | what is printed | test |
//! |---|---|---|
//! | B01 | a value cut at every byte | [`every_cut_in_two_and_three`], [`properties::however_it_is_cut_the_output_is_the_same`] |
//! | B02 | one byte at a time, with pauses | [`holding::at_most_three_characters_when_the_output_pauses`], [`properties::with_pauses_anywhere_at_most_three_characters_show`] |
//! | B03 | something between every two bytes, at every cut | [`anything_between_any_two_bytes_however_it_is_cut`] |
//! | B04 | over the margin, at every width | [`the_same_width_where_the_screen_is_addressed`], [`rows`]; `it::masking`: `masked_at_every_width_…`, `masked_while_readline_edits_it` |
//! | B05 | base64 at every shift | [`encodings::base64_at_every_shift_and_wrapped`] |
//! | B06 | encoded and quoted | [`encodings::every_encoding_of_a_wild_value`]; `it::masking::what_programs_make_of_a_value` |
//! | B07 | a key of several lines | [`encodings::lines_of_a_key`] |
//! | B08 | values of 1 to 7 characters | [`short_values`]; the warning: `secret::tests` |
//! | B09 | values that overlap | [`overlapping_values_are_masked_as_one`], [`properties::no_form_survives`] |
//! | B10 | 1,000 values in 8 encodings, 100 MB | `tests/bench/redact.rs` |
//! | B11 | other Unicode forms | [`encodings::unicode_forms`] |
//! | B12 | values that look like patterns or masks | [`literal_values_and_masks_that_cannot_match`] |
//! | B18 | scrollback, the other screen, other widths | `it::masking::masked_at_every_width_…`, `it::terminal::masked_in_the_pane` |
//! | B19 | in titles, links, the clipboard, images | [`holding::values_outside_of_the_grid_do_not_leave`], [`holding::long_strings`]; `it::isolation` |
//! | B20 | far apart | [`holding::holding_is_bounded`] |
//! | B21 | before a question | [`holding::a_question_to_the_terminal_is_not_held`]; `it::masking::half_a_value_before_a_question_…` |
//! | B22 | half a value, then the end | [`plain_lines`]; `it::masking::half_a_value_at_the_end_is_masked` |
//! | B26 | bytes that are no text | [`bytes_that_are_no_text`], [`properties::output_without_values_is_unchanged`] |
//! | B30 | no value at all | [`properties::output_without_values_is_unchanged`]; `it::identity` |

mod encodings;
mod holding;
mod properties;
mod rows;

use super::Redactor;
use super::control::canonical;
use super::forms::forms;
use super::stream::SHOWN;

const MASK: &str = "••••••••";

fn redactor(values: &[&str]) -> Redactor {
    Redactor::new(values.iter().map(|value| value.as_bytes()))
}

fn redact_bytes(redactor: &mut Redactor, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        redactor.push(piece, &mut out);
    }
    redactor.finish(&mut out);
    out
}

fn redact(values: &[&str], input: &str) -> String {
    let out = redact_bytes(&mut redactor(values), &[input.as_bytes()]);
    String::from_utf8(out).expect("text stays text")
}

/// A random canary without words in it.
const CANARY: &str = "Zq8vR3mXw7Lk2NpT";
/// One with everything that encodings treat in a special way.
const WILD: &str = "q7\"W\\x%é'/&<K>z$9~`!";

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// No form of the value is printed by the output.
fn assert_hidden(value: &str, out: &[u8]) {
    let printed = canonical(out);
    for form in forms(value.as_bytes()) {
        assert!(
            !contains(&printed, &form.text),
            "{:?} is printed",
            String::from_utf8_lossy(&form.text)
        );
    }
}

/// A small generator, so that a failing case is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("small")
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

#[test]
fn plain_lines() {
    let mask = |input: &str| redact(&["hunter22secret"], input);
    assert_eq!(mask("a hunter22secret b"), "a •••••••• b");
    assert_eq!(mask("hunter22secret\r\n"), "••••••••\r\n");
    assert_eq!(mask("hunter22secrethunter22secret"), MASK);
    assert_eq!(mask("hunter22secret hunter22secret"), format!("{MASK} {MASK}"));
    assert_eq!(mask("hunter22secre"), MASK, "the stream ends inside");
    assert_eq!(mask("hun"), "hun");
    assert_eq!(mask("hunter22secrex"), "hunter22secrex");
    assert_eq!(mask("hunter2hunter22secret"), format!("hunter2{MASK}"));
}

#[test]
fn blanks_of_a_value_do_not_tell_its_words() {
    assert_eq!(
        redact(&["correct horse battery"], "[correct horse battery]"),
        format!("[{MASK}]")
    );
    assert_eq!(
        redact(&["correct horse battery"], "[correct  horse\r\n   battery]"),
        format!("[{MASK}\r\n{MASK}]")
    );
}

#[test]
fn overlapping_values_are_masked_as_one() {
    let mask = |values: &[&str], input: &str| redact(values, input);
    let (a, b) = ("abcdefghij", "ghijklmnop");
    assert_eq!(mask(&[a, b], "<abcdefghijklmnop>"), format!("<{MASK}>"));
    assert_eq!(mask(&[a, b], "<abcdefghij>"), format!("<{MASK}>"));
    assert_eq!(mask(&[a, b], "<ghijklmnop>"), format!("<{MASK}>"));
    assert_eq!(mask(&[a, b], "<abcdefghijkl>"), format!("<{MASK}kl>"));
    assert_eq!(
        mask(&["abcdefghij", "abcdefghijklmn"], "<abcdefghijklmn>"),
        format!("<{MASK}>")
    );
    assert_eq!(
        mask(&["abcdefghij", "abcdefghijklmn"], "<abcdefghijkl>"),
        format!("<{MASK}kl>")
    );
    assert_eq!(
        mask(&["abcdefghijklmn", "ghijklmn"], "<abcdefghijklmn>"),
        format!("<{MASK}>")
    );
    assert_eq!(
        mask(&["abcdefghijklmn", "ghijklmn"], "<bcdefghijklmn>"),
        format!("<bcdef{MASK}>")
    );
    assert_eq!(
        mask(&["abcdefghijklmnop", "efghijkl"], "<abcdefghijklmnop>"),
        format!("<{MASK}>")
    );
    assert_eq!(
        mask(&["abcdefghijklmnop", "efghijkl"], "<abcdefghijklmn>"),
        format!("<abcd{MASK}mn>")
    );
    // The first three are short: whole tokens only.
    assert_eq!(mask(&["abcdef", "cdefgh"], "<abcdefgh>"), "<abcdefgh>");
    assert_eq!(
        mask(&["abcdef", "cdefgh"], "<abcdef> <cdefgh>"),
        format!("<{MASK}> <{MASK}>")
    );
}

#[test]
fn counts_masks() {
    let mut redactor = redactor(&["abcdefghij", "efghijklmn"]);
    redact_bytes(&mut redactor, &[b"abcdefghijklmn abcdefghij \x1b]0;efghijklmn\x07"]);
    assert_eq!(redactor.masked(), 3);
}

#[test]
fn short_values() {
    for value in ["", "a", "ab", "abc", " a b c "] {
        let mut redactor = redactor(&[value, CANARY]);
        assert_eq!(redactor.unmasked(), [0]);
        assert_eq!(redact_bytes(&mut redactor, &[b"a ab abc abcd"]), b"a ab abc abcd");
    }
    let mask = |input: &str| redact(&["node"], input);
    assert_eq!(mask("node"), MASK);
    assert_eq!(mask("a node."), format!("a {MASK}."));
    assert_eq!(mask("PW=node\r\n"), format!("PW={MASK}\r\n"));
    assert_eq!(mask("\x1b[31mnode\x1b[0m\r\n"), format!("\x1b[31m{MASK}\x1b[0m\r\n"));
    assert_eq!(
        mask("nodes anode node_modules \"nodejs\" node1"),
        "nodes anode node_modules \"nodejs\" node1"
    );
    assert_eq!(mask("no\x1b[1mde\x1b[0ms"), "no\x1b[1mde\x1b[0ms");
    assert_eq!(mask("\x1b[Ks\x1b[1mnode"), "\x1b[Ks\x1b[1mnode");
    assert_eq!(mask("x\x1b[5Cnode\x1b[5Cx"), "x\x1b[5C••••\x1b[5Cx");
    assert_eq!(mask("node@node:node"), format!("{MASK}@{MASK}:{MASK}"));
    assert_eq!(
        redact(&["1234567"], "12345678 1234567 01234567"),
        format!("12345678 {MASK} 01234567")
    );
    // Encodings of short values are no words of a language: they count anywhere.
    assert_eq!(redact(&["node"], "bm9kZQ=="), format!("{MASK}Q=="));
}

#[test]
fn literal_values_and_masks_that_cannot_match() {
    for value in [
        ".*.*",
        "$^$^",
        "\\E\\Q",
        "[REDACTED]",
        "****",
        "********",
        "••••",
        MASK,
        "•*█■#x•*█■#x",
        "[a-z]+(x|y)",
    ] {
        let out = redact(&[value, CANARY], &format!("<{value}> {CANARY} <{value}> <{value}>"));
        assert_hidden(value, out.as_bytes());
        assert_hidden(CANARY, out.as_bytes());
        assert!(out.starts_with('<') && out.ends_with('>'), "{out}");
        let again = redact(&[value, CANARY], &out);
        assert_eq!(again, out, "a mask is not masked");
    }
}

#[test]
fn the_same_width_where_the_screen_is_addressed() {
    let mask = |input: &str| redact(&["geheim été 漢字漢字"], input);
    assert_eq!(mask("geheim été 漢字漢字|"), format!("{MASK}|"));
    assert_eq!(mask("\x1b[5;5Hgeheim été 漢字漢字|"), "\x1b[5;5H•••••• ••• ••••••••|");
    assert_eq!(
        mask("\x1b[?1049hgeheim été 漢字漢字|"),
        "\x1b[?1049h•••••• ••• ••••••••|"
    );
    assert_eq!(
        mask("\x1b[?1049h\x1b[?1049l\r\ngeheim été 漢字漢字|"),
        format!("\x1b[?1049h\x1b[?1049l\r\n{MASK}|")
    );
    assert_eq!(
        mask("a\x1b[5Cb\r\ngeheim été 漢字漢字|"),
        format!("a\x1b[5Cb\r\n{MASK}|")
    );
    // What bash prints before each command's output is no addressing; a line that is written over is.
    assert_eq!(
        mask("$ x\r\n\x1b[?2004l\rgeheim été 漢字漢字|"),
        format!("$ x\r\n\x1b[?2004l\r{MASK}|")
    );
    assert_eq!(mask("10%\rgeheim été 漢字漢字|"), "10%\r•••••• ••• ••••••••|");
    // A wrap at the margin, as readline makes it.
    assert_eq!(mask("$ geheim é \rté 漢字漢字|"), "$ •••••• • \r•• ••••••••|");
}

#[test]
fn control_sequences_inside_stay_whole() {
    assert_eq!(
        redact(&[CANARY], "Zq8v\x1b[1;31mR3mXw7\x1b(BLk2NpT\x1b[0m."),
        format!("{MASK}\x1b[1;31m\x1b(B\x1b[0m.")
    );
    assert_eq!(
        redact(&[CANARY], "Zq8v\x1b[3\x1b[1mR3mXw7Lk2NpT"),
        format!("{MASK}\x1b[3\x1b[1m")
    );
}

#[test]
fn anything_between_any_two_bytes_however_it_is_cut() {
    let between = [
        "\x1b[31m",
        "\x1b[0;1;38;5;196m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x/\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b(B",
        "\r\n",
        " \r",
        "\x1b[K",
        "\n    ",
        "\r\r\n",
        "\x1b[10;5H",
        "\x0e",
        "\u{85}",
        "\x1b_x\x1b\\",
        " ",
    ];
    let mut redactor = redactor(&[CANARY]);
    for separator in between {
        for at in 1..CANARY.len() {
            let input = format!("a={}{separator}{};", &CANARY[..at], &CANARY[at..]);
            let whole = redact_bytes(&mut redactor, &[input.as_bytes()]);
            assert_hidden(CANARY, &whole);
            let text = String::from_utf8(whole.clone()).expect("text");
            assert!(
                text.starts_with("a=•") && text.ends_with(';') && !text.contains(&CANARY[..3]),
                "{text:?}"
            );
            for cut in 0..=input.len() {
                let (head, tail) = input.as_bytes().split_at(cut);
                assert_eq!(
                    redact_bytes(&mut redactor, &[head, tail]),
                    whole,
                    "{input:?} cut at {cut}"
                );
            }
        }
        let everywhere: Vec<String> = CANARY
            .chars()
            .map(|character| format!("{character}{separator}"))
            .collect();
        let out = redact_bytes(&mut redactor, &[everywhere.concat().as_bytes()]);
        assert_hidden(CANARY, &out);
    }
}

/// As vim shows a line that is longer than the pane: the last character of a row again, and over it what comes next.
#[test]
fn a_character_that_is_written_over_does_not_hide_a_value() {
    let mut redactor = redactor(&[CANARY]);
    let masked = |count: usize| "•".repeat(count);
    for back in ["\x1b[5;1H", "\x08", "\x1b[D", "\r", "\x1b[m\x1b[5;1H"] {
        for at in 1..CANARY.len() {
            let (head, tail) = CANARY.split_at(at);
            // So few may show, and are not held; the last of them again would be the first of a value.
            let over = if at > SHOWN { [&head[at - 1..], "Q"] } else { ["Q"; 2] };
            for over in over {
                let input = format!("a={head}{over}{back}{tail};");
                let whole = redact_bytes(&mut redactor, &[input.as_bytes()]);
                let shown = if at > SHOWN {
                    masked(at + 1)
                } else {
                    format!("{head}{over}")
                };
                let expected = format!("a={shown}{back}{};", masked(tail.len()));
                assert_eq!(String::from_utf8_lossy(&whole), expected, "{input:?}");
                for cut in 0..=input.len() {
                    let (before, behind) = input.as_bytes().split_at(cut);
                    assert_eq!(
                        redact_bytes(&mut redactor, &[before, behind]),
                        whole,
                        "{input:?} cut at {cut}"
                    );
                }
            }
        }
    }
    // Over three rows, underlined and bold as on a line printer.
    let rows = format!(
        "{}8\x1b[2;1H{}7\x1b[3;1H{};",
        &CANARY[..5],
        &CANARY[5..10],
        &CANARY[10..]
    );
    let out = redact_bytes(&mut redactor, &[rows.as_bytes()]);
    assert_eq!(String::from_utf8_lossy(&out), "••••••\x1b[2;1H••••••\x1b[3;1H••••••;");
    for under in [Some('_'), None] {
        let input: String = CANARY
            .chars()
            .map(|c| format!("{}\x08{c}", under.unwrap_or(c)))
            .collect();
        let out = redact_bytes(&mut redactor, &[input.as_bytes()]);
        let plain = canonical(&out)
            .iter()
            .filter(|byte| byte.is_ascii_alphanumeric())
            .count();
        assert!(plain <= 2 * SHOWN, "{}", String::from_utf8_lossy(&out));
    }
}

#[test]
fn a_line_end_writes_nothing_over() {
    let input = format!(
        "{}Q\r\n{}Q\n{}Q {}",
        &CANARY[..9],
        &CANARY[9..],
        &CANARY[..9],
        &CANARY[9..]
    );
    assert_eq!(redact(&[CANARY], &input), input);
}

#[test]
fn every_cut_in_two_and_three() {
    let input = format!("x {CANARY} \x1b[1m{WILD}\x1b[0m bm9k {CANARY}{CANARY}\r\n\x1b]0;{CANARY}\x07.");
    let mut redactor = redactor(&[CANARY, WILD, "node"]);
    let whole = redact_bytes(&mut redactor, &[input.as_bytes()]);
    assert_hidden(CANARY, &whole);
    for first in 0..=input.len() {
        for second in (first..=input.len()).step_by(3) {
            let bytes = input.as_bytes();
            assert_eq!(
                redact_bytes(
                    &mut redactor,
                    &[&bytes[..first], &bytes[first..second], &bytes[second..]]
                ),
                whole
            );
        }
    }
}

#[test]
fn bytes_that_are_no_text() {
    let mut redactor = Redactor::new([b"\xff\xfe\x90binary\xc3".as_slice(), CANARY.as_bytes()]);
    assert_eq!(
        redact_bytes(&mut redactor, &[b"a\xff\xfe\x90binary\xc3b"]),
        format!("a{MASK}b").as_bytes()
    );
    let out = redact_bytes(&mut redactor, &[b"\xff\xc3", CANARY.as_bytes(), b"\xf0\x9f\n\xe2"]);
    assert_eq!(out, [b"\xff\xc3", MASK.as_bytes(), b"\xf0\x9f\n\xe2"].concat());
}

/// C1 control characters print nothing, in UTF-8 or as single bytes; bytes of the same numbers inside of other characters do.
#[test]
fn control_characters_beyond_ascii() {
    let value = "£Geld-字é";
    let mut redactor = redactor(&[value, CANARY]);
    let [pound, rest] = ["£", "Geld-字é"].map(str::as_bytes);
    for between in [&b"\x85"[..], b"\xc2\x85", b"\x9b", b"\x80\x9f\xc2\x9c"] {
        let input = [b"a", pound, between, rest, b"b \x97", CANARY.as_bytes(), b"\xc2\x97"].concat();
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let out = redact_bytes(&mut redactor, &[head, tail]);
            assert_eq!(
                out,
                [b"a", MASK.as_bytes(), b"b \x97", MASK.as_bytes(), b"\xc2\x97"].concat(),
                "{between:x?} cut at {cut}"
            );
        }
    }
    // The first byte of what may be a control character waits for the second, and for nothing else.
    let mut out = Vec::new();
    redactor.push(b"x\xc2", &mut out);
    assert_eq!((out.as_slice(), redactor.holds()), (&b"x"[..], false));
    redactor.push(b"\xa3y", &mut out);
    assert_eq!(out, "x£y".as_bytes());
    out.clear();
    redactor.push(b"\xc2", &mut out);
    redactor.finish(&mut out);
    assert_eq!(out, b"\xc2");
}

#[test]
fn without_values_everything_passes_at_once() {
    let mut redactor = redactor(&["abc", ""]);
    let mut out = Vec::new();
    redactor.push(b"abc\x1b[3", &mut out);
    assert_eq!(out, b"abc\x1b[3");
    assert!(!redactor.holds());
}
