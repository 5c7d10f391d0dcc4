//! The player: its pictures at several sizes, its keys, and what it must never do with a recording.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::fixture::Fixture;
use crate::recording::read::Reader;
use crate::replay::{Keyframes, Player, Recording, Start, Transcript, search};
use crate::ui::effects::Effect;
use crate::ui::message::Message;
use crate::ui::recorded::Recorded;
use crate::ui::update;

const SIZES: &[(u16, u16)] = &[(60, 15), (80, 24), (100, 30), (300, 80)];

/// Half of an hour with a database, with two long pauses.
fn cast() -> String {
    let header = r#"{"version":3,"term":{"cols":98,"rows":22,"type":"xterm-256color"},"timestamp":1795167667,"title":"PROD prod-postgres","hallpass":{"session":"01JD8Z4Q0001","role":"prod-postgres","env":"prod"}}"#;
    let events = [
        (112.0, "m", "connected"),
        (
            0.0,
            "o",
            "psql (16.4, server 15.8)\r\nType \"help\" for help.\r\n\r\norders=> ",
        ),
        (8.0, "o", "select status, count(*) from payments group by 1;\r\n"),
        (
            0.5,
            "o",
            "  status  │ count\r\n──────────┼────────\r\n settled  │ 840213\r\n refunded │   1921\r\n failed   │    377\r\n(3 rows)\r\n\r\norders=> ",
        ),
        (135.5, "o", "update refunds set state='retry' where id=48213;\r\n"),
        (0.5, "o", "UPDATE 1\r\norders=> "),
        (83.5, "r", "120x40"),
        (
            10.0,
            "o",
            "update refunds set state='done' where id=48213;\r\nUPDATE 1\r\norders=> ",
        ),
        (342.0, "o", "\\q\r\n"),
        (0.1, "x", "0"),
    ];
    let lines = events
        .iter()
        .map(|(pause, code, text)| serde_json::json!([pause, code, text]).to_string());
    std::iter::once(header.to_owned())
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

fn recording(cast: String) -> Arc<Recording> {
    Arc::new(Recording::load(Reader::open(Cursor::new(cast), "x.cast").unwrap()))
}

/// A recording brought to the front, read, and playing from there.
fn playing(columns: u16, rows: u16, cast: String, start: Start) -> Fixture {
    let mut fixture = Fixture::checked(columns, rows);
    let effects = update::replay(&mut fixture.model, start, false);
    assert!(matches!(effects.as_slice(), [Effect::Replay { .. }]));
    read(&mut fixture, cast);
    fixture
}

/// The recording has been read.
fn read(fixture: &mut Fixture, cast: String) {
    let recording = recording(cast);
    let keyframes = Keyframes::make(&recording, &AtomicBool::new(false)).unwrap();
    let generation = fixture.model.replay.as_ref().unwrap().generation;
    fixture.send(Message::Recording {
        generation,
        result: Ok(Box::new(Player::new(recording, keyframes))),
    });
}

fn at(seconds: u64) -> Start {
    Start {
        file: "/somewhere/demo.cast".into(),
        at: Some(Duration::from_secs(seconds)),
        ..Start::default()
    }
}

fn position(fixture: &Fixture) -> f64 {
    let player = fixture.model.replay.as_ref().unwrap().player().unwrap();
    player.position().as_secs_f64()
}

/// Does what the player asked to have done in the background.
fn answer(fixture: &mut Fixture) {
    let stop = AtomicBool::new(false);
    for effect in std::mem::take(&mut fixture.effects) {
        match effect {
            Effect::Find {
                generation,
                recording,
                query,
                ..
            } => {
                let times = search::find(&recording, &query, &stop).unwrap();
                fixture.send(Message::Found { generation, times });
            }
            Effect::Transcribe {
                generation, recording, ..
            } => {
                let lines = Transcript::of(&recording, &stop).unwrap();
                fixture.send(Message::Transcript { generation, lines });
            }
            _ => {}
        }
    }
}

fn snapshots(name: &str, play: impl Fn(&mut Fixture)) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots/ui");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        for (columns, rows) in SIZES {
            let mut fixture = playing(*columns, *rows, cast(), at(258));
            play(&mut fixture);
            insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), fixture.picture());
        }
    });
}

#[test]
fn a_recording_is_shown_as_it_was() {
    snapshots("replay", |fixture| {
        fixture.press(r#"+ / "update" enter"#);
        answer(fixture);
        fixture.press("space");
    });
}

#[test]
fn a_screen_larger_than_the_window_is_shown_in_part() {
    snapshots("replay-large", |fixture| fixture.press("] space i"));
}

#[test]
fn plain_text() {
    snapshots("replay-text", |fixture| {
        fixture.press("t");
        answer(fixture);
    });
}

#[test]
fn its_help_is_made_of_its_keys() {
    snapshots("replay-help", |fixture| fixture.press("?"));
}

#[test]
fn a_recording_is_being_read() {
    let mut fixture = Fixture::checked(80, 24);
    update::replay(&mut fixture.model, at(0), false);
    let picture = fixture.picture();
    assert!(
        picture.contains("REPLAY  demo.cast") && picture.contains("reading the recording"),
        "{picture}"
    );
    // Closed before it is there, it never comes.
    let generation = fixture.model.replay.as_ref().unwrap().generation;
    fixture.press("q");
    assert!(fixture.model.replay.is_none());
    let recording = recording(cast());
    let keyframes = Keyframes::make(&recording, &AtomicBool::new(false)).unwrap();
    let result = Ok(Box::new(Player::new(recording, keyframes)));
    fixture.send(Message::Recording { generation, result });
    assert!(fixture.model.replay.is_none());
}

#[test]
fn keys_that_come_before_the_recording_is_read_are_obeyed_when_it_is() {
    let mut fixture = Fixture::checked(100, 30);
    update::replay(&mut fixture.model, at(0), false);
    fixture.press("space 5");
    read(&mut fixture, cast());
    let player = fixture.model.replay.as_ref().unwrap().player().unwrap();
    assert!(!player.is_playing());
    assert_eq!(player.position(), player.length() / 2);
}

#[test]
fn an_ended_session_that_was_recorded_is_watched() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#": "connect_dev-orders" enter"#);
    let tab = fixture.started("orders=> ");
    fixture.ended(tab, 0);
    fixture.model.sessions.tabs[0].recorded = Recorded::Not;
    fixture.press("p");
    assert!(
        fixture.last_row().contains("was not recorded"),
        "{}",
        fixture.last_row()
    );
    fixture.model.sessions.tabs[0].recorded = Recorded::To("/state/recordings/x.cast".into());
    fixture.effects.clear();
    fixture.press("p");
    let opened = fixture.take(|effect| match effect {
        Effect::Replay { start, .. } => Some(start.file.clone()),
        _ => None,
    });
    assert_eq!(opened, [std::path::PathBuf::from("/state/recordings/x.cast")]);
    fixture.press("q");
    assert!(fixture.last_row().contains("p replay"), "{}", fixture.last_row());
}

#[test]
fn every_key_does_what_the_help_says() {
    let mut fixture = playing(100, 30, cast(), at(258));
    fixture.press("space");
    for (keys, expected) in [
        ("left", 253.0),
        ("shift-left", 223.0),
        ("right", 228.0),
        ("shift-right", 258.0),
        (".", 340.0),
        (",", 256.5),
        ("]", 340.0),
        ("[", 112.0),
        ("g", 0.0),
        ("G", 692.1),
        ("0", 0.0),
        ("5", 346.05),
    ] {
        fixture.press(keys);
        assert!(
            (position(&fixture) - expected).abs() < 0.01,
            "{keys}: {}",
            position(&fixture)
        );
    }
    fixture.press("+ + + + + +");
    assert!(fixture.picture().contains("16.0x"));
    fixture.press("- - - - - - - -");
    assert!(fixture.picture().contains("0.25x"));
    fixture.press("i");
    assert!(fixture.picture().contains("idle kept"));
    fixture.press("x");
    assert!(fixture.last_row().contains("x is not bound"), "{}", fixture.last_row());
    fixture.press("/");
    assert_eq!(fixture.last_row().trim(), "Enter done  Esc cancel");
    fixture.press("esc");
    fixture.press("q");
    assert!(fixture.model.replay.is_none() && fixture.model.exit.is_none());
}

#[test]
fn time_passes_as_the_clock_says() {
    let mut fixture = playing(100, 30, cast(), at(112));
    fixture.later(1000);
    fixture.send(Message::Tick);
    assert!((position(&fixture) - 113.0).abs() < 0.01);
    fixture.press("+ +");
    fixture.later(500);
    fixture.send(Message::Tick);
    assert!((position(&fixture) - 121.0).abs() < 0.01, "{}", position(&fixture));
    // Two seconds after something was printed the rest of a pause is left out.
    fixture.later(500);
    fixture.send(Message::Tick);
    assert!((position(&fixture) - 256.5).abs() < 0.01, "{}", position(&fixture));
    assert!(fixture.model.replay_wakes().is_some());
    fixture.press("space");
    assert_eq!(fixture.model.replay_wakes(), None);
}

#[test]
fn a_search_goes_from_one_time_to_the_next() {
    let mut fixture = playing(100, 30, cast(), at(0));
    fixture.press("n");
    assert!(fixture.last_row().contains("searches first"));
    fixture.press(r#"/ "update" enter"#);
    answer(&mut fixture);
    assert!((position(&fixture) - 256.0).abs() < 0.01);
    assert!(
        fixture.picture().contains("search: update  —  1 of 3 at 04:16"),
        "{}",
        fixture.picture()
    );
    fixture.press("n");
    assert!(fixture.picture().contains("2 of 3 at 04:16"));
    fixture.press("n n");
    assert!(fixture.picture().contains("1 of 3"), "it begins again");
    fixture.press("N");
    assert!(fixture.picture().contains("3 of 3 at 05:50"));
    fixture.press(r#"/ "nowhere" enter"#);
    answer(&mut fixture);
    assert!(fixture.picture().contains("search: nowhere  —  not found"));
    fixture.press("esc");
    assert!(!fixture.picture().contains("nowhere"));
    fixture.press(r#"/ "x" backspace backspace"#);
    assert!(fixture.model.replay.as_ref().unwrap().input.is_none());
}

#[test]
fn the_plain_text_is_scrolled_and_searched() {
    let mut fixture = playing(60, 15, cast(), at(0));
    fixture.press("t");
    answer(&mut fixture);
    assert!(fixture.picture().contains("Type \"help\" for help."));
    fixture.press(r#"/ "done" enter"#);
    assert!(fixture.picture().contains("state='done'"), "{}", fixture.picture());
    fixture.press("g G pgup j k L H n N q");
    let replay = fixture.model.replay.as_ref().unwrap();
    assert!(replay.transcript.is_none(), "q goes back to the player first");
}

#[test]
fn a_click_on_the_timeline_lands_where_it_was() {
    let mut fixture = playing(100, 30, cast(), at(0));
    fixture.press("space");
    let bar = crate::ui::view::replay_bar(&fixture.model).unwrap();
    let mut click = |kind, column| {
        let row = bar.y;
        let modifiers = KeyModifiers::NONE;
        fixture.send(Message::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers,
        }));
        position(&fixture)
    };
    let down = MouseEventKind::Down(MouseButton::Left);
    assert!(click(down, bar.right() - 1) > 692.0);
    let middle = click(down, bar.x + bar.width / 2);
    assert!((middle - 346.0).abs() < 10.0, "{middle}");
    assert!((click(MouseEventKind::ScrollUp, 0) - (middle - 5.0)).abs() < 0.01);
    assert!(click(down, bar.x).abs() < 0.01);
}

#[test]
fn nothing_but_cells_comes_out_of_a_hostile_recording() {
    let hostile = [
        "{\"version\":2,\"width\":1000000,\"height\":1000000,\"title\":\"t\\u001b]0;x\\u0007\\u202e\"}",
        "[0,\"o\",\"\\u001b]52;c;cm0=\\u0007\\u001b]2;owned\\u0007\\u001b[6n\\u0007\\u001bP1$r\\u001b\\\\ok\\u0000\\u009b31m\"]",
        "[0,\"m\",\"\\u001b[31mmark\\u0007\\n\"]",
        "[1e19,\"o\",\"late\"]",
        "garbage",
    ];
    for (columns, rows) in [(1, 1), (20, 10), (100, 30)] {
        let mut fixture = playing(columns, rows, hostile.join("\n"), at(0));
        for keys in [
            "space",
            "]",
            "L",
            "J",
            "H",
            "K",
            "c",
            "t",
            "t",
            "G",
            "i",
            r#"/ "ok" enter"#,
            "?",
            "esc",
            "9",
            ",",
        ] {
            fixture.press(keys);
            answer(&mut fixture);
            let picture = fixture.picture();
            assert!(!picture.contains(|c: char| c.is_control() && c != '\n'), "{picture:?}");
        }
        assert!(!crate::ui::view::window_title(&fixture.model).contains("owned"));
        assert!(
            fixture
                .effects
                .iter()
                .all(|effect| !matches!(effect, Effect::Copy(_) | Effect::Send { .. }))
        );
    }
    let fixture = playing(100, 30, hostile.join("\n"), at(0));
    assert!(
        fixture.last_row().contains("torn off in line 5"),
        "{}",
        fixture.last_row()
    );
}
