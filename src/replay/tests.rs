//! Recordings made here, played; what a seek shows is held against playing through to the same time.

mod properties;
mod text;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::recording::read::Reader;
use crate::session::emulator::{CellStyle, Emulator};

static GO: AtomicBool = AtomicBool::new(false);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A recording of these events, given as JSON: `[1, "o", "text"]`.
fn recording(columns: u16, rows: u16, events: &[String]) -> Arc<Recording> {
    let header = format!("{{\"version\":2,\"width\":{columns},\"height\":{rows}}}\n");
    let text = header + &events.join("\n");
    let reader = Reader::open(std::io::Cursor::new(text), "x.cast").unwrap();
    Arc::new(Recording::load(reader))
}

fn output(at: f64, text: &str) -> String {
    serde_json::json!([at, "o", text]).to_string()
}

fn other(at: f64, code: &str, text: &str) -> String {
    serde_json::json!([at, code, text]).to_string()
}

fn player(recording: &Arc<Recording>) -> Player {
    let keyframes = Keyframes::make(recording, &GO).unwrap();
    Player::new(Arc::clone(recording), keyframes)
}

/// Everything that is drawn of a screen, and where its cursor stands.
type Drawn = (Vec<(u16, u16, String, CellStyle)>, Option<(u16, u16)>);

fn drawn(emulator: &Emulator) -> Drawn {
    let mut cells = Vec::new();
    emulator.visit(&mut |x, y, text, style| cells.push((x, y, text.to_owned(), style)));
    (cells, emulator.cursor())
}

fn rows(player: &Player) -> Vec<String> {
    let emulator = player.emulator();
    (0..emulator.size().rows).map(|row| emulator.row_text(row)).collect()
}

/// The same time, reached from the beginning with no keyframe.
fn played_through(recording: &Arc<Recording>, to: Duration) -> Drawn {
    let mut screen = Screen::new(recording);
    screen.advance(recording, to);
    drawn(screen.emulator())
}

fn count_to_five() -> Arc<Recording> {
    let events: Vec<String> = (1..=5).map(|n| output(f64::from(n), &format!("{n} "))).collect();
    recording(20, 3, &events)
}

#[test]
fn plays_pauses_and_ends() {
    let mut player = player(&count_to_five());
    assert_eq!((rows(&player)[0].as_str(), player.wake()), ("", None));
    player.elapse(seconds(9.0));
    assert_eq!(player.position(), Duration::ZERO, "it is paused");
    player.toggle();
    player.elapse(seconds(2.5));
    assert_eq!(rows(&player)[0], "1 2");
    assert!(player.wake().unwrap() <= Duration::from_millis(250));
    player.toggle();
    player.elapse(seconds(9.0));
    assert_eq!(rows(&player)[0], "1 2");
    player.toggle();
    player.elapse(seconds(9.0));
    assert_eq!((rows(&player)[0].as_str(), player.is_playing()), ("1 2 3 4 5", false));
    player.toggle();
    assert_eq!(
        (player.position(), player.is_playing()),
        (Duration::ZERO, true),
        "again"
    );
}

#[test]
fn speed_is_kept_between_a_quarter_and_sixteen() {
    let mut player = player(&count_to_five());
    player.toggle();
    for (asked, got) in [
        (4.0, 4.0),
        (99.0, 16.0),
        (0.0, 0.25),
        (-1.0, 0.25),
        (f64::NAN, 0.25),
        (2.0, 2.0),
    ] {
        player.set_speed(asked);
        assert!((player.speed() - got).abs() < f64::EPSILON, "{asked}");
    }
    player.elapse(seconds(1.5));
    assert_eq!(player.position(), seconds(3.0));
}

#[test]
fn long_pauses_are_cut_to_the_limit() {
    let recording = recording(
        20,
        3,
        &[
            output(1.0, "a"),
            output(101.0, "b"),
            output(102.0, "c"),
            other(202.0, "x", "0"),
        ],
    );
    assert_eq!(recording.idle_over(seconds(2.0)), seconds(98.0 + 98.0));
    let mut player = player(&recording);
    player.toggle();
    player.elapse(seconds(2.9));
    assert_eq!(player.position(), seconds(2.9));
    player.elapse(seconds(0.2));
    assert_eq!((rows(&player)[0].as_str(), player.position()), ("ab", seconds(101.1)));
    player.elapse(seconds(0.9));
    assert_eq!(rows(&player)[0], "abc");
    player.elapse(seconds(2.1));
    assert_eq!((player.position(), player.is_playing()), (seconds(202.0), false));

    player.seek(seconds(1.0));
    player.toggle_idle();
    player.toggle();
    player.elapse(seconds(50.0));
    assert_eq!(player.position(), seconds(51.0));
    player.toggle_idle();
    player.elapse(seconds(0.5));
    assert_eq!(
        player.position(),
        seconds(101.5),
        "in the middle of a pause it is over at once"
    );
}

#[test]
fn seeks_by_frames_marks_and_parts() {
    let recording = recording(
        20,
        3,
        &[
            output(1.0, "a"),
            other(1.0, "m", "connected"),
            output(3.0, "b"),
            output(3.0, "c"),
            other(5.0, "r", "30x4"),
            output(9.0, "d"),
            other(10.0, "x", "3"),
        ],
    );
    assert_eq!((recording.exit, recording.length), (Some(3), seconds(10.0)));
    let mut player = player(&recording);
    let mut frames = Vec::new();
    for _ in 0..6 {
        player.frame(true);
        frames.push(player.position().as_secs());
    }
    assert_eq!(frames, [1, 3, 5, 9, 10, 10]);
    frames.clear();
    for _ in 0..6 {
        player.frame(false);
        frames.push(player.position().as_secs());
    }
    assert_eq!(frames, [9, 5, 3, 1, 0, 0]);

    assert_eq!(player.to_mark(true).unwrap().name, "connected");
    assert_eq!(player.to_mark(true).unwrap().name, "resize 30x4");
    assert_eq!(player.emulator().size().columns, 30);
    assert_eq!(player.to_mark(true), None);
    assert_eq!(player.to_mark(false).unwrap().name, "connected");
    assert_eq!(player.to_mark(false), None);
    assert_eq!(player.emulator().size().columns, 20);
    player.seek_part(0.5);
    assert_eq!(player.position(), seconds(5.0));
    player.seek_by(-30);
    assert_eq!(player.position(), Duration::ZERO);
    player.seek_by(i64::MAX);
    assert_eq!(player.position(), seconds(10.0));
    player.seek_by(i64::MIN);
    assert_eq!(player.position(), Duration::ZERO);
}

#[test]
fn an_empty_recording_is_played_too() {
    let recording = recording(0, 0, &[]);
    let mut player = player(&recording);
    player.toggle();
    player.elapse(seconds(1.0));
    player.frame(true);
    player.frame(false);
    player.seek_part(0.5);
    assert_eq!(
        (player.position(), player.is_playing(), player.to_mark(true)),
        (Duration::ZERO, false, None)
    );
    assert_eq!(
        search::find(&recording, &search::Query::new("x").unwrap(), &GO),
        Some(Vec::new())
    );
}

#[test]
fn nothing_of_a_recording_gets_an_answer_or_a_title() {
    let recording = recording(
        20,
        3,
        &[output(
            1.0,
            "\x1b[6n\x1b[c\x1b]52;c;?\x07\x1b]52;c;cm0=\x07\x1b]2;title\x07\x07ok",
        )],
    );
    let mut player = player(&recording);
    player.seek(seconds(1.0));
    assert_eq!(rows(&player)[0], "ok");
    assert_eq!(player.emulator().cursor(), Some((2, 0)));
}

#[test]
fn a_synchronized_update_that_hangs_is_shown_in_the_recordings_time() {
    let recording = recording(20, 3, &[output(1.0, "\x1b[?2026hlate"), output(9.0, "!")]);
    let mut player = player(&recording);
    player.seek(seconds(1.1));
    assert_eq!(rows(&player)[0], "");
    player.seek(seconds(1.2));
    assert_eq!(rows(&player)[0], "late");
    player.seek(seconds(1.1));
    assert_eq!(rows(&player)[0], "");
    player.seek(seconds(9.0));
    assert_eq!(rows(&player)[0], "late!");
}

/// A long recording of all that a keyframe has to carry, so that many are made.
fn long() -> Arc<Recording> {
    let mut events = Vec::new();
    for n in 0..800 {
        let state = match n % 8 {
            0 => "\x1b[2;5r\x1b[?6h",
            1 => "\x1b(0\x1b)B\x0elqk",
            2 => "\x1b[?1049h\x1b[2J\x1b[3;3Hfull",
            3 => "\x1b[3g\x1b[1;4H\x1bH\x1b[1;9H\x1bH\x1b[1;1H",
            4 => "\x1b[?1049l\x1b[r\x1b[?6l\x0f\x1b(B",
            5 => "\x1b7\x1b[31m\x1b[4h",
            6 => "\x1b8\x1b[?7l\x1b[?25l",
            _ => "\x1b[4l\x1b[?7h\x1b[?25h\x1b[20h\n\x1b[20l\t|\t|",
        };
        let text = format!("{state}{}{n}\x1b[3b", "some output of a line\r\n".repeat(150));
        events.push(output(f64::from(n), &text));
    }
    recording(30, 8, &events)
}

#[test]
fn a_seek_shows_what_playing_through_shows() {
    let recording = long();
    let keyframes = Keyframes::make(&recording, &GO).unwrap();
    assert!(keyframes.len() >= 5, "{}", keyframes.len());
    let mut player = Player::new(Arc::clone(&recording), keyframes);
    // At and around every kind of state; then both ways, in any order.
    let times: Vec<Duration> = (0..40_u64).map(|step| seconds((step * 19) as f64 + 0.5)).collect();
    let mut screen = Screen::new(&recording);
    let played: Vec<Drawn> = times
        .iter()
        .map(|to| {
            screen.advance(&recording, *to);
            drawn(screen.emulator())
        })
        .collect();
    for step in 0..80 {
        let at = step * 23 % 40;
        player.seek(times[at]);
        assert!(drawn(player.emulator()) == played[at], "{:?}", times[at]);
    }
}

#[test]
fn keyframes_can_be_told_to_stop() {
    assert!(Keyframes::make(&long(), &AtomicBool::new(true)).is_none());
}

/// Resizes without any output: a few bytes in the file, a whole screen to move each.
fn resizes(count: usize, (columns, rows): (u16, u16)) -> Arc<Recording> {
    let size = |at: usize| format!("{}x{rows}", usize::from(columns) - at % 2);
    let events: Vec<String> = (0..count).map(|at| other(0.0, "r", &size(at))).collect();
    recording(columns, rows, &events)
}

#[test]
fn resizes_are_work_as_well() {
    let stopped = AtomicBool::new(true);
    let recording = resizes(40, (200, 100));
    assert!(Keyframes::make(&recording, &stopped).is_none());
    let keyframes = Keyframes::make(&recording, &GO).unwrap();
    assert!((2..=4).contains(&keyframes.len()), "{}", keyframes.len());
}

/// They would turn the rows of the terminal that we draw on.
#[test]
fn characters_that_turn_the_writing_reach_no_terminal() {
    let recording = recording(20, 4, &[output(0.0, "a\u{202e}b\u{2066}c\u{2069}\u{200f}d\r\n")]);
    let mut player = player(&recording);
    player.seek(seconds(1.0));
    assert_eq!(rows(&player)[0], "abcd");
    assert_eq!(Transcript::of(&recording, &GO).unwrap(), ["abcd"]);
}

#[test]
fn a_recording_of_endless_resizes_is_cut_and_its_marks_are_limited() {
    let many = resizes(90_000, (1000, 500));
    assert!(many.cut, "a minute of work in two megabytes");
    assert!(many.remark().unwrap().contains("its end is missing"));
    let small = resizes(20_000, (3, 1));
    assert_eq!((small.cut, small.marks.len()), (false, 10_000));
    assert!(small.remark().unwrap().contains("marks"));
}
