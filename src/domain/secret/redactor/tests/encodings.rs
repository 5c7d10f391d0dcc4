//! A value in other spellings: encoded, quoted, in other Unicode forms, wrapped over lines.

use super::*;

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
