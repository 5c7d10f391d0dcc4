//! Files as other programs and hostile people write them, each with what must come of it.

use super::*;

/// The events as `time code data`, and what was passed over.
fn read(bytes: &[u8]) -> Result<(Header, Vec<String>, Unread), Problem> {
    let mut reader = Reader::open(io::Cursor::new(bytes.to_vec()), "x.cast")?;
    let events = (&mut reader)
        .map(|event| {
            let time = event.time.as_secs_f64();
            match event.kind {
                Kind::Output(text) => format!("{time} o {text}"),
                Kind::Input(text) => format!("{time} i {text}"),
                Kind::Mark(text) => format!("{time} m {text}"),
                Kind::Resize(size) => format!("{time} r {}x{}", size.columns, size.rows),
                Kind::Exit(code) => format!("{time} x {code}"),
            }
        })
        .collect();
    Ok((reader.header().clone(), events, reader.unread()))
}

fn events(text: &str) -> Vec<String> {
    read(text.as_bytes()).unwrap().1
}

const V2: &str = "{\"version\": 2, \"width\": 98, \"height\": 26}\n";
const V3: &str = "{\"version\":3,\"term\":{\"cols\":98,\"rows\":26}}\n";

#[test]
fn v1_is_read_however_it_is_laid_out() {
    let text = r#"{"version": 1, "width": 80, "height": 24, "duration": 1.5, "command": "/bin/zsh", "title": "", "env": {"TERM": "xterm"}, "stdout": [[0.25, "a"], [1, "b\u001b[0m"]]}"#;
    let pretty = text.replace(", ", ",\n  ").replace('{', "{\n");
    for text in [text, &pretty, &format!("{text}\n"), &format!("\u{feff}{text}")] {
        let (header, events, unread) = read(text.as_bytes()).unwrap();
        assert_eq!(header.size, Size { columns: 80, rows: 24 });
        assert_eq!((header.term.as_deref(), header.title), (Some("xterm"), None));
        assert_eq!(events, ["0.25 o a", "1.25 o b\u{1b}[0m"]);
        assert_eq!(unread, Unread::default());
    }
    // Torn off anywhere, what was there before is played.
    let mut most = 0;
    for end in text.find("stdout").unwrap()..text.len() {
        let (_, events, unread) = read(&text.as_bytes()[..end]).unwrap();
        assert!(unread.torn, "{end}");
        assert!(events.len() >= most);
        most = events.len();
    }
    assert_eq!(most, 2);
}

#[test]
fn v2_counts_from_the_beginning_and_v3_from_the_event_before() {
    let lines = "[0.5,\"o\",\"a\"]\n[1.5, \"o\", \"b\"]\n[2.0,\"x\",\"3\"]\n";
    assert_eq!(events(&format!("{V2}{lines}")), ["0.5 o a", "1.5 o b", "2 x 3"]);
    assert_eq!(events(&format!("{V3}{lines}")), ["0.5 o a", "2 o b", "4 x 3"]);
}

#[test]
fn the_header_says_what_it_knows() {
    let text = r#"{"version":3,"term":{"cols":100,"rows":50,"type":"xterm-256color","version":"x 1.0","theme":{"fg":"black"}},"timestamp":1700000000,"idle_time_limit":2.5,"command":"zsh","title":"Demo","env":{"SHELL":"/bin/zsh"},"tags":["a"],"hallpass":{"session":"01JD8","role":"prod-postgres","env":"prod"}}"#;
    let (header, ..) = read(text.as_bytes()).unwrap();
    assert_eq!(header.size, Size { columns: 100, rows: 50 });
    assert_eq!(header.timestamp, Some(1_700_000_000));
    assert_eq!(header.idle_time_limit, Some(Duration::from_millis(2500)));
    assert_eq!(header.title.as_deref(), Some("Demo"));
    assert_eq!(header.term.as_deref(), Some("xterm-256color"));
    let origin = header.origin.unwrap();
    assert_eq!(
        (origin.session.as_str(), origin.role.as_str()),
        ("01JD8", "prod-postgres")
    );
}

#[test]
fn hostile_times_are_clamped() {
    let most = MOST_TIME.as_secs();
    for (version, told, expected) in [
        (V2, "1e19", most),
        (V2, "1e999", most),
        (V2, "Infinity", most),
        (V2, "inf", most),
        (V2, "-5", 1),
        (V2, "-Infinity", 1),
        (V2, "NaN", 1),
        (V2, "0", 1),
        (V3, "1e19", most),
        (V3, "NaN", 1),
        (V3, "-5", 1),
    ] {
        let text = format!("{version}[1,\"o\",\"a\"]\n[{told},\"o\",\"b\"]\n[1,\"o\",\"c\"]\n");
        let all = events(&text);
        assert_eq!(all[1], format!("{expected} o b"), "{told}");
        assert_eq!(all.len(), 3);
    }
    let v1 = r#"{"version":1,"width":80,"height":24,"stdout":[[-1,"a"],[1e19,"b"],[1e19,"c"]]}"#;
    assert_eq!(
        events(v1),
        ["0 o a".to_owned(), format!("{most} o b"), format!("{most} o c")]
    );
}

#[test]
fn hostile_sizes_are_those_that_can_be_written_down() {
    for (width, height, expected) in [
        ("1000000", "1000000", (65535, 65535)),
        ("0", "-3", (80, 24)),
        ("1e300", "2.9", (65535, 2)),
        ("null", "\"x\"", (80, 24)),
    ] {
        let text = format!("{{\"version\":2,\"width\":{width},\"height\":{height}}}\n");
        let size = read(text.as_bytes()).unwrap().0.size;
        assert_eq!((size.columns, size.rows), expected, "{width}x{height}");
    }
    let text = format!("{V2}[0,\"r\",\"1000000x1000000\"]\n[0,\"r\",\"0x0\"]\n[0,\"r\",\"x\"]\n[0,\"r\",\"120x40\"]\n");
    assert_eq!(events(&text), ["0 r 65535x65535", "0 r 120x40"]);
}

#[test]
fn what_no_version_knows_is_passed_over_and_takes_its_time() {
    let text = format!(
        "# made by hand\n{V3}\r\n# a comment\r\n[1,\"q\",{{\"a\":[1]}}]\r\n[1,\"o\",\"a\"]\r\n\r\n[1,\"m\",\"\"]\r\n[1,\"i\",\"x\", 7, null]\r\n[1,\"o\",[1]]\r\n[1,\"x\",null]\r\n[1,\"x\",2]"
    );
    let (_, events, unread) = read(text.as_bytes()).unwrap();
    assert_eq!(events, ["2 o a", "3 m ", "4 i x", "7 x 2"]);
    assert_eq!(unread, Unread::default());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header() {
    assert_eq!(events(&format!("\u{feff}{V2}[1,\"o\",\"a\"]\n")), ["1 o a"]);
}

#[test]
fn a_torn_file_is_read_up_to_the_tear() {
    let whole = format!("{V2}[1,\"o\",\"a\"]\n[2,\"o\",\"bé\"]\n");
    let second = whole.find("[2").unwrap();
    for end in second + 1..whole.len() - 2 {
        let (_, events, unread) = read(&whole.as_bytes()[..end]).unwrap();
        assert_eq!(events, ["1 o a"], "{end}");
        assert_eq!(
            unread,
            Unread {
                lines: 1,
                first: 3,
                torn: true,
                ..Unread::default()
            },
            "{end}"
        );
    }
    // Only its newline is missing.
    assert_eq!(events(whole.trim_end()).len(), 2);
}

#[test]
fn lines_that_are_no_events_are_counted() {
    let text = format!(
        "{V2}garbage\n[1,\"o\",\"a\"]\n[,]\n[1,\"o\",\"\\ud800\"]\n\0\0\0\n[\"x\",\"o\",\"b\"]\n[2,\"o\",\"c\"]\n"
    );
    let (_, events, unread) = read(text.as_bytes()).unwrap();
    assert_eq!(events, ["1 o a", "2 o c"]);
    assert_eq!(
        unread,
        Unread {
            lines: 5,
            first: 2,
            torn: false,
            ..Unread::default()
        }
    );
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let mut bytes = V2.as_bytes().to_vec();
    bytes.extend(b"[1,\"o\",\"a\xff\xfeb\"]\n");
    assert_eq!(read(&bytes).unwrap().1, ["1 o a\u{fffd}\u{fffd}b"]);
}

#[test]
fn a_line_without_an_end_is_passed_over() {
    let long = usize::try_from(MOST_LINE).unwrap() + 1000;
    let text = format!("{V2}[1,\"o\",\"{}\"]\n[2,\"o\",\"b\"]\n", "x".repeat(long));
    let (_, events, unread) = read(text.as_bytes()).unwrap();
    assert_eq!(events, ["2 o b"]);
    assert_eq!(
        unread,
        Unread {
            lines: 1,
            first: 2,
            torn: false,
            ..Unread::default()
        }
    );
}

#[test]
fn no_events_are_no_problem() {
    for text in [
        V2,
        V3,
        V2.trim_end(),
        r#"{"version":1,"stdout":[]}"#,
        r#"{"version":1}"#,
    ] {
        assert_eq!(events(text), Vec::<String>::new());
    }
}

#[test]
fn what_is_no_asciicast_says_so_with_its_line() {
    for (text, line, words) in [
        ("", 1, "is empty"),
        ("\n\n\n", 1, "is empty"),
        ("# only\n# comments\n", 1, "is empty"),
        ("hello\n", 1, "does not begin with the header"),
        ("\n\n[1,\"o\",\"a\"]\n", 3, "does not begin with the header"),
        ("\x1f\u{8b}\u{8}\0", 1, "does not begin with the header"),
        ("{\"width\":80}\n", 1, "names no version"),
        ("{\"version\":\"two\"}\n", 1, "names no version"),
        ("{\"version\":4}\n", 1, "of version 4"),
        ("{version:2}\n", 1, "is not JSON"),
        ("{\n \"a\": 1\n}\n", 1, "names no version"),
        ("{\"version\":2,\n\"width\":80}\n", 1, "on one line"),
    ] {
        let problem = read(text.as_bytes()).unwrap_err();
        assert_eq!(problem.code.id, "E-REC-FORMAT");
        assert_eq!(problem.at.as_ref().unwrap().line, line, "{text:?}");
        assert!(problem.to_string().contains(words), "{text:?}: {problem}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), version in 0..4) {
        let header = ["", V2, V3, "{\"version\":1,\"stdout\":["][version as usize];
        let _ = read(&[header.as_bytes(), &bytes].concat());
    }

    #[test]
    fn nothing_made_of_its_own_pieces_makes_it_panic(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "[", "]", "{", "}", "\"", ",", "1e19", "-1", "NaN", "\"o\"", "\"r\"", "\"x\"", "\"9x9\"", "\"\\u0000\"", "\\", "\n", "\r\n", "#", "null", " ", "\"version\":1", "\"stdout\":",
    ]), 0..40)) {
        let text = pieces.concat();
        let _ = read(format!("{V2}{text}").as_bytes());
        let _ = read(format!("{{{text}").as_bytes());
    }
}

#[test]
fn a_file_without_a_line_is_none() {
    for byte in [0, b' ', b'x'] {
        let endless = io::BufReader::new(io::repeat(byte));
        let problem = Reader::open(endless, "/dev/zero").err().unwrap();
        assert_eq!(problem.code.id, "E-REC-FORMAT", "{problem}");
    }
}
