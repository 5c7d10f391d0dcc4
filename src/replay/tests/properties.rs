//! What holds for any recording.

use proptest::prelude::*;

use super::*;

fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "a",
        "字",
        "e\u{301}",
        "\r\n",
        "\t",
        "\u{8}",
        "\x1b7",
        "\x1b8",
        "\x1bM",
        "\x1bD",
        "\x1bE",
        "\x1bH",
        "\x1b#8",
        "\x1bc",
        "\x1b(0",
        "\x1b(B",
        "\x0e",
        "\x0f",
        "\x1b)0",
        "\x1b[2;3r",
        "\x1b[r",
        "\x1b[?6h",
        "\x1b[?6l",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b[4h",
        "\x1b[4l",
        "\x1b[20h",
        "\x1b[?25l",
        "\x1b[!p",
        "\x1b[3b",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[?47h",
        "\x1b[?47l",
        "\x1b[3g",
        "\x1b[I",
        "\x1b[Z",
        "\x1b[31;7m",
        "\x1b[m",
        "\x1b[2J",
        "\x1b[H",
        "\x1b[3;4H",
        "\x1b[?2026h",
        "\x1b[?2026l",
        "\x1b]0;t",
        "\x07",
        "\x1b[",
        "1;",
        "m",
        "\x1b",
        "\\",
        "long text that wraps around",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,9}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A keyframe goes on as the emulator that it was taken of, whatever comes.
    #[test]
    fn a_keyframe_carries_everything(before in prop::collection::vec(piece(), 0..60), after in prop::collection::vec(piece(), 0..60)) {
        let mut one = Emulator::new(crate::session::emulator::Size { columns: 12, rows: 4 }, 0);
        let text = before.concat();
        one.feed(text.as_bytes());
        if let Some(keyframe) = one.keyframe() {
            let mut two = Emulator::from_keyframe(&keyframe);
            prop_assert!(drawn(&one) == drawn(&two));
            for piece in after {
                one.feed(piece.as_bytes());
                two.feed(piece.as_bytes());
                prop_assert_eq!(drawn(&one), drawn(&two));
            }
        }
    }

    #[test]
    fn any_recording_plays_and_seeks_and_is_searched(
        events in prop::collection::vec((0.0..5.0_f64, prop::sample::select(vec!["o", "o", "o", "o", "i", "m", "r", "x", "?"]), piece()), 0..40),
        seeks in prop::collection::vec(0.0..120.0_f64, 0..12),
        columns in 0_u16..30, rows in 0_u16..12,
    ) {
        let mut time = 0.0;
        let mut lines = Vec::new();
        for (n, (pause, code, text)) in events.iter().enumerate() {
            time += pause;
            let size = format!("{}x{}", n % 40, text.len());
            lines.push(other(time, code, if *code == "r" { &size } else { text }));
        }
        let recording = recording(columns, rows, &lines);
        let mut player = player(&recording);
        player.toggle();
        for to in seeks {
            player.seek(seconds(to));
            prop_assert_eq!(drawn(player.emulator()), played_through(&recording, player.position()));
            player.elapse(seconds(to / 100.0));
            prop_assert!(player.position() <= player.length());
        }
        let query = search::Query::new("a").unwrap();
        prop_assert!(search::find(&recording, &query, &GO).is_some());
        let mut transcript = Transcript::new(recording.size());
        for (_, _, text) in &events {
            transcript.take(&crate::recording::cast::Kind::Output(text.clone()));
        }
        for line in transcript.finish() {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}
