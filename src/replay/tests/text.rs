//! What is found in a recording, and its plain text.

use super::*;

#[test]
fn a_text_is_found_when_it_appears_on_the_screen() {
    let recording = recording(
        40,
        4,
        &[
            output(1.0, "orders=> "),
            output(2.0, "u"),
            output(2.2, "p"),
            output(2.4, "da"),
            output(2.6, "te refunds;"),
            output(3.0, "\r\nUPDATE 1\r\norders=> "),
            // Drawn piece by piece, out of order and in colours.
            output(5.0, "\x1b[Hxx\x1b[1;5Hte\x1b[1;1H\x1b[32mup\x1b[31mda"),
            output(9.0, "\x1b[2J\x1b[H"),
            output(11.0, "update"),
        ],
    );
    let find = |text: &str| -> Vec<f64> {
        let query = search::Query::new(text).unwrap();
        let found = search::find(&recording, &query, &GO).unwrap();
        found.iter().map(Duration::as_secs_f64).collect()
    };
    assert_eq!(find("update"), [2.6, 3.0, 5.0, 11.0]);
    assert_eq!(find("UPDATE"), [3.0], "a capital letter means it");
    assert_eq!(find("nowhere"), Vec::<f64>::new());
    assert_eq!(search::Query::new(""), None);
    let query = search::Query::new("update").unwrap();
    assert_eq!(search::find(&recording, &query, &AtomicBool::new(true)), None);

    let mut player = player(&recording);
    player.seek(seconds(3.0));
    let places = query.places(player.emulator());
    assert_eq!(places.len(), 2);
    assert_eq!((places[0].row, places[0].column, places[0].columns), (0, 9, 6));
}

#[test]
fn a_text_that_rushed_past_is_found_and_wide_characters_are_counted() {
    let flood: String = (0..500).map(|n| format!("line 字{n}\r\n")).collect();
    let recording = recording(40, 4, &[output(1.0, "x"), output(2.0, &flood), output(2.01, "end")]);
    let query = search::Query::new("字499").unwrap();
    assert_eq!(search::find(&recording, &query, &GO).unwrap().len(), 1);
    let mut player = player(&recording);
    player.seek(seconds(2.0));
    let places = query.places(player.emulator());
    assert_eq!((places[0].column, places[0].columns), (5, 5));
}

fn transcript(columns: u16, rows: u16, pieces: &[&str]) -> Vec<String> {
    let mut transcript = Transcript::new(crate::session::emulator::Size { columns, rows });
    let mut lines = Vec::new();
    for piece in pieces {
        transcript.take(&crate::recording::cast::Kind::Output((*piece).to_owned()));
        lines.extend(transcript.lines());
    }
    lines.extend(transcript.finish());
    lines
}

#[test]
fn a_transcript_has_every_line_once_and_whole() {
    let long: String = (0..3000)
        .map(|n| format!("\x1b[3{}mline {n}\x1b[m\r\n", n % 8))
        .collect();
    let lines = transcript(20, 5, &[&long[..20_001], &long[20_001..]]);
    assert_eq!(lines.len(), 3000);
    assert_eq!((lines[0].as_str(), lines[2999].as_str()), ("line 0", "line 2999"));

    let wrapped = "x".repeat(95);
    assert_eq!(
        transcript(20, 3, &[&wrapped, "\r\nb"]),
        [wrapped.clone(), "b".to_owned()]
    );
    let huge = "y".repeat(300_000);
    assert_eq!(transcript(20, 3, &[&huge, "\r\nb"]), [huge.clone(), "b".to_owned()]);
}

#[test]
fn a_transcript_keeps_what_was_cleared_and_leaves_full_screen_programs_out() {
    let pieces = [
        "one\r\n\x1b[H\x1b[2J\x1b[3Jtwo\r\n",
        "\x1b[?1049h\x1b[Hvim\x1b[?1049l",
        "three\r\n\x1bcfour\r\n\r\n",
    ];
    assert_eq!(transcript(20, 3, &pieces), ["one", "two", "three", "four"]);
    assert_eq!(transcript(20, 3, &["a\r\n\x1b[?1049hvim"]), ["a"], "torn off in it");
    for clear in ["\x1b[H\x1b[J", "\x1b[H\x1b[0J", "\x1b[H\x1b[2J"] {
        let pieces = ["one\r\n$ clear\r\n", clear, "$ two\r\n"];
        assert_eq!(transcript(20, 5, &pieces), ["one", "$ clear", "$ two"], "{clear:?}");
    }
    let update: String = (0..11_000).map(|n| format!("{n}\r\n")).collect();
    let lines = transcript(20, 3, &[&format!("\x1b[?2026h{update}\x1b[?2026l")]);
    assert_eq!(lines.len(), 11_000, "one update of more lines than are kept");
    assert_eq!(transcript(20, 3, &["a\x1b[", "31mb\x1b]0;ti", "tle\x07c"]), ["abc"]);
    assert_eq!(transcript(20, 3, &[]), Vec::<String>::new());
}
