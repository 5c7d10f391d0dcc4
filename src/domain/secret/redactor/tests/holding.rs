//! What is held back, how long, and what of long strings leaves.

use super::*;

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
