//! The redactor as a whole: the cases B, by what proves them.
//!
//! | case | what is printed | test |
//! |---|---|---|
//! | B01 | a value cut at every byte | [`every_cut_in_two_and_three`], [`properties::however_it_is_cut_the_output_is_the_same`] |
//! | B02 | one byte at a time, with pauses | [`at_most_three_characters_when_the_output_pauses`], [`properties::with_pauses_anywhere_at_most_three_characters_show`] |
//! | B03 | something between every two bytes, at every cut | [`anything_between_any_two_bytes_however_it_is_cut`] |
//! | B04 | over the margin, at every width | [`the_same_width_where_the_screen_is_addressed`]; `it::masking`: `masked_at_every_width_…`, `masked_while_readline_edits_it` |
//! | B05 | base64 at every shift | [`base64_at_every_shift_and_wrapped`] |
//! | B06 | encoded and quoted | [`every_encoding_of_a_wild_value`]; `it::masking::what_programs_make_of_a_value` |
//! | B07 | a key of several lines | [`lines_of_a_key`] |
//! | B08 | values of 1 to 7 characters | [`short_values`]; the warning: `secret::tests` |
//! | B09 | values that overlap | [`overlapping_values_are_masked_as_one`], [`properties::no_form_survives`] |
//! | B10 | 1,000 values in 8 encodings, 100 MB | `tests/bench/redact.rs` |
//! | B11 | other Unicode forms | [`unicode_forms`] |
//! | B12 | values that look like patterns or masks | [`literal_values_and_masks_that_cannot_match`] |
//! | B18 | scrollback, the other screen, other widths | `it::masking::masked_at_every_width_…`, `it::terminal::masked_in_the_pane` |
//! | B19 | in titles, links, the clipboard, images | [`values_outside_of_the_grid_do_not_leave`], [`long_strings`]; `it::isolation` |
//! | B20 | far apart | [`holding_is_bounded`] |
//! | B21 | before a question | [`a_question_to_the_terminal_is_not_held`]; `it::masking::half_a_value_before_a_question_…` |
//! | B22 | half a value, then the end | [`plain_lines`]; `it::masking::half_a_value_at_the_end_is_masked` |
//! | B26 | bytes that are no text | [`bytes_that_are_no_text`], [`properties::output_without_values_is_unchanged`] |
//! | B30 | no value at all | [`properties::output_without_values_is_unchanged`]; `it::identity` |

mod properties;

use super::Redactor;
use super::control::canonical;
use super::forms::forms;

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
fn every_encoding_of_a_wild_value() {
    let escaped_twice = serde_json::to_string(&serde_json::to_string(WILD).expect("json")).expect("json");
    let debug = format!("{WILD:?}");
    let prints = [
        WILD.to_owned(),
        escaped_twice,
        debug,
        WILD.escape_unicode().to_string().replace("u{e9}", "xe9").to_string(),
        serde_json::to_string(WILD).expect("json"),
        r#"{"a":"q7\"W\\x%\u00e9'\/&<K>z$9~`!"}"#.to_owned(),
        r#"{"a":"q7\"W\\x%\u00E9'/&<K>z$9~`!"}"#.to_owned(),
        r#"{"a":"q7\"W\\x%é'/\u0026\u003cK\u003ez$9~`!"}"#.to_owned(),
        "q7%22W%5Cx%25%C3%A9%27%2F%26%3CK%3Ez%249~%60%21".to_owned(),
        "q7%22W%5cx%25%c3%a9%27%2f%26%3cK%3ez%249~%60%21".to_owned(),
        "q7%22W%5Cx%25%C3%A9'%2F%26%3CK%3Ez%249~%60!".to_owned(),
        "'q7\"W\\x%é'\\''/&<K>z$9~`!'".to_owned(),
        "'q7\"W\\x%é'\"'\"'/&<K>z$9~`!'".to_owned(),
        "\"q7\\\"W\\\\x%é'/&<K>z\\$9~\\`!\"".to_owned(),
        "q7\\\"W\\\\x%é\\'/\\&\\<K\\>z\\$9~\\`\\!".to_owned(),
        "$'q7\"W\\\\x%\\303\\251\\'/&<K>z$9~`!'".to_owned(),
        "'q7\"W\\x%é''/&<K>z$9~`!'".to_owned(),
        "\"q7`\"W\\x%é'/&<K>z`$9~``!\"".to_owned(),
        "<p>q7\"W\\x%é'/&amp;&lt;K&gt;z$9~`!</p>".to_owned(),
        "<p a=\"q7&quot;W\\x%é&#39;/&amp;&lt;K&gt;z$9~`!\">".to_owned(),
        "<p a=\"q7&#34;W\\x%é&#39;/&amp;&lt;K&gt;z$9~`!\">".to_owned(),
        "<p>q7\"W\\x%&#233;'/&amp;&lt;K&gt;z$9~`!</p>".to_owned(),
        "b'q7\"W\\\\x%\\xc3\\xa9\\'/&<K>z$9~`!'".to_owned(),
        "\"q7\\\"W\\\\x%\\u00e9'/&<K>z$9~`!\"".to_owned(),
        "\"q7\\\"W\\\\x%\\303\\251'/&<K>z$9~`!\"".to_owned(),
        "q7\"W\\x%M-CM-)'/&<K>z$9~`!".to_owned(),
        "q7\"W\\x%e\u{301}'/&<K>z$9~`!".to_owned(),
        WILD.bytes().map(|byte| format!("{byte:02x}")).collect::<String>(),
        WILD.bytes()
            .map(|byte| format!("{byte:02X}"))
            .collect::<Vec<_>>()
            .join(":"),
        WILD.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .join(" "),
        WILD.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>(),
        WILD.bytes()
            .map(|byte| format!("0x{byte:02x}"))
            .collect::<Vec<_>>()
            .join(", "),
        format!("{:?}", WILD.as_bytes()),
        format!("{:?}", WILD.as_bytes()).replace(", ", " "),
    ];
    // What a leak would show: four characters of the value or of its coded bytes in a row at the place where they are.
    for print in prints.iter().filter(|print| !print.contains("\\u{71}")) {
        let out = redact(&[WILD], print);
        assert!(out.contains('•'), "not masked: {print}");
        let left: String = out.chars().filter(|character| character.is_alphanumeric()).collect();
        assert!(left.len() <= 12, "{print} left {out}");
        assert!(!out.contains("K>z") && !out.contains("Kz"), "{print} left {out}");
    }
}

#[test]
fn base64_at_every_shift_and_wrapped() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let secret = format!("{CANARY}{WILD}{CANARY}");
    let mut redactor = redactor(&[&secret]);
    for before in ["", "x", "xx", "xxx", "user:"] {
        for after in ["", "\n", "y", "yy", "\nmore of it"] {
            let plain = format!("{before}{secret}{after}");
            for coded in [STANDARD.encode(&plain), URL_SAFE.encode(&plain)] {
                let wrapped = |width| {
                    let lines = coded.as_bytes().chunks(width).map(String::from_utf8_lossy);
                    lines.collect::<Vec<_>>().join("\r\n")
                };
                for print in [wrapped(20), wrapped(64), wrapped(76), coded.clone()] {
                    let out = String::from_utf8(redact_bytes(&mut redactor, &[print.as_bytes()])).expect("text");
                    assert_hidden(&secret, out.as_bytes());
                    let left = out.chars().filter(char::is_ascii_alphanumeric).count();
                    let around = (before.len() + after.len()).div_ceil(3) * 4 + 6;
                    assert!(left <= around, "{left} characters are left of {print}: {out}");
                }
            }
        }
    }
}

/// What of a value's base64 can be read off the screen: the characters at its ends that depend on its neighbours.
#[test]
fn few_bits_are_left_of_base64() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut most = 0;
    for before in 0..3 {
        for after in 0..3 {
            let plain = format!("{}{CANARY}{}", "x".repeat(before), "y".repeat(after));
            let out = redact(&[CANARY], &STANDARD.encode(&plain));
            // Of each character that is left, the bits that come from the value.
            let (head, tail) = out.split_once('•').expect("masked");
            let tail = tail.trim_start_matches('•').trim_end_matches('=');
            let bits = (head.len() * 6).saturating_sub(before * 8) + (tail.len() * 6).saturating_sub(after * 8);
            most = most.max(bits);
        }
    }
    assert!(most <= 20, "{most} bits");
}

#[test]
fn unicode_forms() {
    let value = "Gefäß-ﬁnal-Å-가-漢字";
    for (form, print) in [
        ("NFC", "Gef\u{e4}ß-ﬁnal-\u{c5}-\u{ac00}-漢字"),
        ("NFD", "Gefa\u{308}ß-ﬁnal-A\u{30a}-\u{1100}\u{1161}-漢字"),
        ("NFKC", "Gef\u{e4}ß-final-\u{c5}-\u{ac00}-漢字"),
    ] {
        assert_eq!(redact(&[value], &format!("<{print}>")), format!("<{MASK}>"), "{form}");
    }
    let wide: String = CANARY
        .chars()
        .map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("a wide letter"))
        .collect();
    assert_eq!(
        redact(&[CANARY], &format!("<{wide}>")),
        format!("<{MASK}>"),
        "full width"
    );
    assert_eq!(
        redact(&[&wide], &format!("<{CANARY}>")),
        format!("<{MASK}>"),
        "and the other way round"
    );
}

#[test]
fn lines_of_a_key() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nshort\n-----END PRIVATE KEY-----\n";
    let lines: Vec<&str> = key.lines().collect();
    for print in [
        key.to_owned(),
        key.replace('\n', "\r\n"),
        key.replace('\n', "\r\r\n"),
        key.replace('\n', " "),
        key.replace('\n', "\n    "),
        key.replace('\n', "$\n"),
        key.replace('\n', "\\n"),
        lines[1].to_owned(),
        format!("{}\n{}", lines[2], lines[1]),
    ] {
        let out = redact(&[key], &print);
        for line in lines.iter().filter(|line| line.len() >= 8) {
            assert!(!out.contains(line), "{out}");
        }
        assert!(out.contains(MASK), "{out}");
    }
    let out = redact(&[key], &key.replace('\n', "\r\n"));
    assert_eq!(
        out,
        format!("{MASK}\r\n").repeat(5),
        "one mask a line, and the lines stay"
    );
}

#[test]
fn at_most_three_characters_when_the_output_pauses() {
    let mut redactor = redactor(&[CANARY]);
    let mut out = Vec::new();
    for byte in CANARY.bytes() {
        redactor.push(&[byte], &mut out);
        if redactor.holds() {
            redactor.idle(&mut out);
            assert!(!redactor.holds(), "a pause releases once");
        }
        assert!(
            out.len() <= 3 || out.starts_with("Zq8•".as_bytes()),
            "{}",
            String::from_utf8_lossy(&out)
        );
    }
    redactor.push(b"\r\n", &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        format!("Zq8{}\r\n", "•".repeat(CANARY.len() - 3))
    );
    // What turns out to be no value is released in full.
    out.clear();
    for byte in b"Zq8vR3?" {
        redactor.push(&[*byte], &mut out);
        redactor.idle(&mut out);
    }
    assert_eq!(out, b"Zq8vR3?");
}

#[test]
fn a_pause_never_cuts_a_character() {
    let mut redactor = redactor(&["ééééé漢字"]);
    let mut out = Vec::new();
    redactor.push("éééé".as_bytes(), &mut out);
    redactor.idle(&mut out);
    assert_eq!(out, "é".as_bytes());
}

#[test]
fn ordinary_text_is_not_held() {
    let mut redactor = redactor(&[CANARY, WILD]);
    for key in [
        "l",
        "s",
        " ",
        "-",
        "\r\n",
        "\x1b[31m",
        "\x1b[K",
        "漢",
        "y",
        "\x08 \x08",
        "\t",
    ] {
        let mut out = Vec::new();
        redactor.push(key.as_bytes(), &mut out);
        assert_eq!(out, key.as_bytes());
        assert!(!redactor.holds());
    }
}

#[test]
fn a_question_to_the_terminal_is_not_held() {
    for question in [
        "\x1b[6n",
        "\x1b[c",
        "\x1b[>c",
        "\x1b[?2026$p",
        "\x1b]11;?\x07",
        "\x1b]11;?\x1b\\",
        "\x1bP$qm\x1b\\",
        "\x05",
        "\x1b[?1049h",
        "\x1b[?u",
    ] {
        let mut redactor = redactor(&[CANARY]);
        let mut out = Vec::new();
        redactor.push(format!("{}{question}", &CANARY[..8]).as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            format!("{MASK}{question}"),
            "half a value is masked"
        );
        redactor.push(format!("{} x", &CANARY[8..]).as_bytes(), &mut out);
        let text = String::from_utf8(out).expect("text");
        assert_hidden(CANARY, text.as_bytes());
        assert!(!text.contains(&CANARY[8..12]) && text.ends_with(" x"), "{text:?}");
        let mut out = Vec::new();
        redactor.push(format!("{}{question}", &CANARY[..3]).as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), format!("{}{question}", &CANARY[..3]));
    }
}

#[test]
fn holding_is_bounded() {
    for filler in [" ", "\n", "\x1b[1m", "\0"] {
        let mut redactor = redactor(&[CANARY]);
        let mut out = Vec::new();
        let mut fed = 0;
        let input = [&CANARY[..8], &filler.repeat(100_000 / filler.len()), &CANARY[8..], "."].concat();
        for piece in input.as_bytes().chunks(777) {
            redactor.push(piece, &mut out);
            fed += piece.len();
            assert!(fed < 20_000 || fed < out.len() + 10_000);
        }
        assert_hidden(CANARY, &out);
        let text = String::from_utf8(out).expect("text");
        assert!(
            !text.contains(&CANARY[8..12]) && text.ends_with('.'),
            "the second half is masked too"
        );
    }
}

#[test]
fn values_outside_of_the_grid_do_not_leave() {
    for (before, after) in [
        ("\x1b]0;me: ", "\x07"),
        ("\x1b]2;", "\x1b\\"),
        ("\x1b]8;;http://h/?p=", "\x1b\\"),
        ("\x1b]52;c;", "\x07"),
        ("\x1bPq", "\x1b\\"),
        ("\x1b_G", "\x1b\\"),
        ("\x1b^", "\x1b\\"),
        ("\x1bX", "\x1b\\"),
        ("\x1b]0;", "\x18"),
    ] {
        let input = format!("a{before}{CANARY}{after}b");
        let out = redact(&[CANARY], &input);
        assert!(!out.contains(CANARY) && !out.contains(&before[1..]), "{out:?}");
        assert_eq!(*canonical(out.as_bytes()), *b"ab");
        let clean = format!("a{before}nothing{after}b");
        assert_eq!(redact(&[CANARY], &clean), clean);
        // Cut off at the end of the stream.
        let out = redact(&[CANARY], &format!("a{before}{CANARY}"));
        assert!(!out.contains(CANARY), "{out:?}");
    }
    // The clipboard is base64.
    let out = redact(&[CANARY], "\x1b]52;c;WnE4dlIzbVh3N0xrMk5wVA==\x07");
    assert_eq!(out, "\x1b\\");
    // What was before a dropped sequence and what comes after it do not become one.
    let out = redact(&[CANARY], &format!("\x1b[3\x1b]0;{CANARY}\x071mx"));
    assert_eq!(*canonical(out.as_bytes()), *b"1mx");
}

#[test]
fn long_strings() {
    let filler = "0123456789".repeat(3000);
    let clean = format!("a\x1bPq{filler}\x1b\\b");
    assert_eq!(redact(&[CANARY], &clean), clean);
    let late = format!("a\x1bPq{filler}{CANARY}{filler}\x1b\\b");
    let out = redact(&[CANARY], &late);
    assert!(!out.contains(CANARY) && out.len() > 60_000 && out.ends_with("\x1b\\b"));
    let early = format!("a\x1bPq{CANARY}{filler}\x1b\\b");
    assert_eq!(redact(&[CANARY], &early), "a\x1b\\\x1b\\b");
    let around = format!("{}\x1bPq{filler}\x1b\\{}.", &CANARY[..8], &CANARY[8..]);
    let out = redact(&[CANARY], &around);
    assert!(!out.contains(&CANARY[..4]) && !out.contains(&CANARY[8..12]), "{out}");
    // Without an end the memory stays bounded and what follows CAN is text again.
    let mut redactor = redactor(&[CANARY]);
    let mut out = Vec::new();
    redactor.push(b"\x1b]0;", &mut out);
    for _ in 0..1000 {
        redactor.push(&[b'x'; 1000], &mut out);
    }
    redactor.push(format!("\x18{CANARY}").as_bytes(), &mut out);
    redactor.finish(&mut out);
    assert!(out.len() > 1_000_000 && out.ends_with(MASK.as_bytes()));
    // A control sequence without an end.
    let endless = format!("\x1b[{}mx", "1;".repeat(20_000));
    assert_eq!(redact(&[CANARY], &endless), endless);
}

#[test]
fn very_long_values() {
    let mut random = Random(7);
    let value: String = (0..12_000)
        .map(|_| char::from(random.pick(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")))
        .collect();
    let out = redact(&[&value], &format!("<{value}>"));
    assert!(
        out.starts_with("<•") && out.ends_with("•>") && out.len() < 10_000,
        "{} bytes left",
        out.len()
    );
    assert!(!out.bytes().any(|byte| byte.is_ascii_alphanumeric()));
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
