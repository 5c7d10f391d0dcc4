//! Recordings: any bytes are read or refused, and what is read is played to its end and back, searched, and written out as text.
//!
//! A recording that begins or becomes larger than [`LARGEST`] is left alone: moving so many cells shows nothing new.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hallpass::recording::cast::{Format, Kind, Size};
use hallpass::recording::export;
use hallpass::recording::read::Reader;
use hallpass::replay::search::{Query, find};
use hallpass::replay::{Keyframes, Player, Recording, Transcript};

const LARGEST: Size = Size { columns: 120, rows: 50 };

static GO: AtomicBool = AtomicBool::new(false);

pub fn run(data: &[u8]) {
    let open = || Reader::open(Cursor::new(data.to_vec()), "fuzz.cast");
    let Ok(mut reader) = open() else { return };
    let mut fits = is_small(reader.header().size);
    let mut before = Duration::ZERO;
    for event in &mut reader {
        assert!(event.time >= before, "time goes on");
        before = event.time;
        fits &= !matches!(event.kind, Kind::Resize(size) if !is_small(size));
    }
    let Ok(reader) = open() else {
        panic!("read once, and not again")
    };
    let Ok(to_export) = open() else {
        panic!("read once, and not again")
    };
    let mut written = Vec::new();
    if export(to_export, Format::V3, &mut written).is_err() {
        panic!("memory takes everything");
    }
    assert!(
        Reader::open(Cursor::new(written), "again.cast").is_ok(),
        "what is written out can be read"
    );
    if fits {
        play(&Arc::new(Recording::load(reader)));
    }
}

fn is_small(size: Size) -> bool {
    size.columns <= LARGEST.columns && size.rows <= LARGEST.rows
}

fn play(recording: &Arc<Recording>) {
    let Some(keyframes) = Keyframes::make(recording, &GO) else {
        panic!("nobody told it to stop")
    };
    let mut player = Player::new(Arc::clone(recording), keyframes);
    for part in [1, 0, 2, 3] {
        player.seek(recording.length * part / 3);
        player
            .emulator()
            .visit(&mut |_, _, text, _| assert!(!text.contains(char::is_control), "{text:?}"));
    }
    player.toggle();
    player.elapse(Duration::from_secs(3600));
    let lines = Transcript::of(recording, &GO).unwrap_or_default();
    assert!(lines.iter().all(|line| !line.contains(char::is_control)));
    if let Some(query) = Query::new("a") {
        let found = find(recording, &query, &GO).unwrap_or_default();
        assert!(found.is_sorted() && found.iter().all(|time| *time <= recording.length));
    }
}
