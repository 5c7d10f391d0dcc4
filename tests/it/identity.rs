//! Output without values is not changed by a single byte (case B30): recordings of real programs, asciicasts, random text, random
//! bytes, in any order and cut anywhere, with pauses.
//!
//! One thing is changed, and must be: noise hits the first four characters of a form once in some hundred million bytes, and if the
//! terminal is then asked something, that is half a value (case B21). Such a place is looked at by itself, and counted.
//!
//! 16 MB of it, or as many as `HALLPASS_IDENTITY_MB` says; `HALLPASS_IDENTITY_STREAMS` names a folder with more recordings.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hallpass::domain::secret::{ChildEnv, SecretValue};
use serde_json::Value;

use crate::random::Random;

/// None of them occurs in any form: they are random, and long enough that noise does not hit one either.
const VALUES: &[&str] = &[
    "Zq8vR3mXw7Lk2NpT",
    "q7\"W\\x%é'/&<K>z$9~`!",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzKQ4bTc0A",
    "postgres://Yk3:Vu9xQe7Tz2@db7.wRm4:5432/pJx6",
];

#[test]
fn output_without_values_is_unchanged() {
    let megabytes: usize = match std::env::var("HALLPASS_IDENTITY_MB") {
        Ok(number) => number.parse().expect("HALLPASS_IDENTITY_MB is a number"),
        Err(_) => 16,
    };
    let streams = streams();
    let mut env = ChildEnv::new();
    for (number, value) in VALUES.iter().enumerate() {
        env.insert_secret(
            &format!("VALUE_{number}"),
            SecretValue::from_text((*value).to_owned()),
            true,
        );
    }
    let mut redactor = env.redactor();
    let mut random = Random::new(0x1de_4717);
    let (mut fed, mut came) = (0_usize, 0_usize);
    // What was fed and has not come out yet.
    let mut awaited: Vec<u8> = Vec::new();
    let mut out = Vec::new();
    let mut halves = 0;
    // The last bytes that came out.
    let mut recent: Vec<u8> = Vec::new();
    let mut compare = |out: &mut Vec<u8>, awaited: &mut Vec<u8>| {
        while let Some(at) = (0..out.len()).find(|at| awaited.get(*at) != Some(&out[*at])) {
            let around = |bytes: &[u8]| {
                bytes[at.saturating_sub(30)..bytes.len().min(at + 30)]
                    .escape_ascii()
                    .to_string()
            };
            let half = half_value(&env, &recent, out, awaited, at);
            let (masked, original) =
                half.unwrap_or_else(|| panic!("byte {}: {} instead of {}", came + at, around(out), around(awaited)));
            halves += 1;
            out.splice(at..at + masked, awaited[at..at + original].iter().copied());
        }
        came += out.len();
        recent.extend_from_slice(out);
        recent.drain(..recent.len().saturating_sub(200));
        awaited.drain(..out.len());
        out.clear();
    };
    while fed < megabytes * 1_000_000 {
        let piece = piece(&mut random, &streams);
        fed += piece.len();
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let limit = random.pick(&[1, 7, 300, 4096, 70_000]);
            // Byte for byte is slow, and soon says all it has to say.
            let limit = if limit < 300 && rest.len() > 2000 && random.below(20) > 0 {
                4096
            } else {
                limit
            };
            let (head, tail) = rest.split_at((1 + random.below(limit)).min(rest.len()));
            rest = tail;
            awaited.extend_from_slice(head);
            redactor.push(head, &mut out);
            if random.below(8) == 0 {
                redactor.idle(&mut out);
            }
            compare(&mut out, &mut awaited);
            assert!(awaited.len() <= 12 * 1024, "more is held back than may be");
        }
        if random.below(50) == 0 {
            redactor.finish(&mut out);
            compare(&mut out, &mut awaited);
            assert!(awaited.is_empty(), "something stays after the end");
        }
    }
    redactor.finish(&mut out);
    compare(&mut out, &mut awaited);
    assert!(awaited.is_empty(), "something stays after the end");
    assert_eq!((came, redactor.masked()), (fed, halves));
    assert!(
        halves <= 1 + megabytes as u64 / 100,
        "{halves} halves of values in {megabytes} MB"
    );
    println!(
        "{} MB of {} streams and noise, unchanged but for {halves} halves of values",
        came / 1_000_000,
        streams.len()
    );
}

/// Whether at this place half a value is masked: how many bytes its mask has, and how many it hides. A redactor of its own must hold
/// back more than three characters that end there, all of them.
fn half_value(env: &ChildEnv, recent: &[u8], out: &[u8], awaited: &[u8], at: usize) -> Option<(usize, usize)> {
    let dot = "•".as_bytes();
    let masked = dot.len() * out[at..].chunks(dot.len()).take_while(|chunk| *chunk == dot).count();
    if masked == 0 {
        return None;
    }
    let rest = &out[at + masked..];
    let rest = &rest[..rest.len().min(20)];
    (1..40).find_map(|original| {
        let same = awaited.get(at + original..)?.starts_with(rest);
        let text = [recent, &awaited[..at + original]].concat();
        let held = |length: usize| {
            let mut shown = Vec::new();
            env.redactor().push(&text[text.len() - length..], &mut shown);
            shown.is_empty()
        };
        (same && (4..text.len().min(60)).any(held)).then_some((masked, original))
    })
}

/// What steers terminals: the fuzzer's corpus, recordings of real programs, the inputs of the emulator's cases.
fn streams() -> Vec<Vec<u8>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut streams = Vec::new();
    // Cut from what vttest, vim, bash and others print, and steered into every corner.
    files(&fixtures.join("../fuzz/corpus/screen"), &mut streams);
    assert!(streams.len() > 100, "the corpus is not where it was");
    if let Some(more) = std::env::var_os("HALLPASS_IDENTITY_STREAMS") {
        let before = streams.len();
        files(more.as_ref(), &mut streams);
        assert!(
            streams.len() > before,
            "HALLPASS_IDENTITY_STREAMS names no folder with files"
        );
    }
    let cases: Value = serde_json::from_slice(&fs::read(fixtures.join("terminal_cases.json")).unwrap()).unwrap();
    for step in cases
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|case| case["steps"].as_array().unwrap())
    {
        if step[0] == "in" {
            let hex = step[1].as_str().unwrap();
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            streams.push((0..hex.len()).step_by(2).map(byte).collect());
        }
    }
    streams
}

fn files(folder: &Path, streams: &mut Vec<Vec<u8>>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, streams);
        } else {
            streams.push(fs::read(&path).unwrap());
        }
    }
}

fn piece(random: &mut Random, streams: &[Vec<u8>]) -> Vec<u8> {
    let stream = &streams[random.below(streams.len())];
    match random.below(6) {
        0 | 1 => stream.clone(),
        // Torn anywhere: what comes next continues in the middle of something.
        2 => {
            let from = random.below(stream.len().max(1));
            stream[from..from + random.below(stream.len() - from + 1)].to_vec()
        }
        3 => asciicast(random, stream),
        4 => (0..random.below(60_000)).map(|_| random.byte()).collect(),
        _ => text(random).into_bytes(),
    }
}

/// The stream as the lines of an asciicast, which is how it looks when a recording is printed.
fn asciicast(random: &mut Random, stream: &[u8]) -> Vec<u8> {
    let mut cast = String::from("{\"version\":3,\"term\":{\"cols\":80,\"rows\":24},\"title\":\"a recording\"}\n");
    for event in String::from_utf8_lossy(stream)
        .chars()
        .collect::<Vec<_>>()
        .chunks(1 + random.below(200))
    {
        let event = serde_json::to_string(&event.iter().collect::<String>()).unwrap();
        writeln!(cast, "[{}.{:03}, \"o\", {event}]", random.below(9), random.below(1000)).unwrap();
    }
    cast.into_bytes()
}

/// Characters of every kind: ASCII mostly, then of each plane.
fn text(random: &mut Random) -> String {
    (0..random.below(20_000))
        .map(|_| {
            let code = match random.below(10) {
                0..6 => 0x20 + random.below(0x5f),
                6 => random.below(0x20),
                7 => 0x80 + random.below(0x780),
                8 => 0x800 + random.below(0xf800),
                _ => 0x1_0000 + random.below(0x10_0000),
            };
            u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
        })
        .collect()
}
