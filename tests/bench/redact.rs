//! What redaction costs: 1,000 values, each in 8 encodings, in 100 MB of output. Beside it a plain search and replace of those 8,000
//! texts by the same library, which knows no colours, no wrapped lines, no Unicode forms and none of the other encodings.
//!
//! Prints a line a figure, as `figures.py` does; exits 1 if a limit is passed or a value is left.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hallpass::domain::secret::{ChildEnv, Redactor, SecretValue};

const VALUES: usize = 1000;
const MEGABYTES: usize = 100;
/// A value in one of its encodings stands once in so many bytes.
const PLANTED_EVERY: usize = 16 * 1024;
/// What a terminal is read by.
const READ: usize = 64 * 1024;

fn main() -> ExitCode {
    // `cargo test --benches` calls it too, without optimisation: there is nothing to be measured then.
    if cfg!(debug_assertions) {
        return ExitCode::SUCCESS;
    }
    let mut random = Random(0x5eed_cafe);
    let values: Vec<String> = (0..VALUES).map(|_| value(&mut random)).collect();
    let coded: Vec<String> = values.iter().flat_map(|value| encodings(value)).collect();
    let text = output(&mut random, &coded);

    let before = memory("VmRSS");
    let started = Instant::now();
    let mut redactor = redactor(&values);
    let built = started.elapsed();
    let started = Instant::now();
    let (clear, fewest) = masked(&mut redactor, &text);
    let ours = started.elapsed().as_secs_f64();
    let grown = memory("VmRSS")
        .saturating_sub(before)
        .saturating_sub(clear.capacity() >> 10);

    let plain = AhoCorasick::new(&coded).unwrap();
    let started = Instant::now();
    let mut replaced = Vec::with_capacity(text.len());
    plain
        .try_stream_replace_all(text.as_slice(), &mut replaced, &vec!["••••••••"; coded.len()])
        .unwrap();
    let theirs = started.elapsed().as_secs_f64();

    let left = plain.find_iter(&clear).count();
    let megabytes = text.len() as f64 / 1e6;
    let (ours, theirs) = (megabytes / ours, megabytes / theirs);
    let mut within = true;
    let mut figure = |name: &str, holds: bool, beside: String| {
        within &= holds;
        println!("{:4} {name}: {beside}", if holds { "ok" } else { "OVER" });
    };
    figure(
        "redaction, 1,000 values in 8 encodings, values left",
        left == 0 && fewest >= text.len() / PLANTED_EVERY,
        format!(
            "{left} left; {fewest} masked of {} planted; at most 0",
            text.len() / PLANTED_EVERY
        ),
    );
    figure(
        "redaction, 1,000 values in 8 encodings, MB/s",
        ours >= 40.0,
        format!(
            "{ours:.0} MB/s, a plain replacement of 8,000 texts {theirs:.0} MB/s, ratio {:.2}; at least 40",
            ours / theirs
        ),
    );
    figure(
        "redaction, 1,000 values in 8 encodings, memory, MiB",
        grown < 50 << 10,
        format!(
            "{:.1} MiB, made in {:.0} ms; at most 50",
            grown as f64 / 1024.0,
            built.as_secs_f64() * 1e3
        ),
    );
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn redactor(values: &[String]) -> Redactor {
    let mut env = ChildEnv::new();
    for (number, value) in values.iter().enumerate() {
        env.insert_secret(&format!("VALUE_{number}"), SecretValue::from_text(value.clone()), true);
    }
    env.redactor()
}

/// The whole output redacted, and how many values were masked in it.
fn masked(redactor: &mut Redactor, text: &[u8]) -> (Vec<u8>, usize) {
    let mut clear = Vec::with_capacity(text.len());
    for read in text.chunks(READ) {
        redactor.push(read, &mut clear);
    }
    redactor.finish(&mut clear);
    (clear, usize::try_from(redactor.masked()).unwrap())
}

/// As it is, base64 in both alphabets, hexadecimal in both cases, percent-encoded, JSON, quoted for a shell.
fn encodings(value: &str) -> [String; 8] {
    let hex = |upper: bool| -> String {
        let digits = |byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        };
        value.bytes().map(digits).collect()
    };
    let percent = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    // The last character of base64 depends on what stands behind the value.
    let inner = |mut text: String| {
        text.truncate(value.len() * 8 / 6);
        text
    };
    [
        value.to_owned(),
        inner(STANDARD_NO_PAD.encode(value)),
        inner(URL_SAFE_NO_PAD.encode(value)),
        hex(false),
        hex(true),
        value.bytes().map(percent).collect(),
        value.replace('\\', "\\\\").replace('"', "\\\""),
        value.replace('\'', "'\\''"),
    ]
}

/// A password of 20 to 32 characters.
fn value(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\"'\\/%+&";
    (0..20 + random.below(13))
        .map(|_| char::from(LETTERS[random.below(LETTERS.len())]))
        .collect()
}

/// What a program prints: lines of a log with colours here and there, and now and then a value.
fn output(random: &mut Random, coded: &[String]) -> Vec<u8> {
    let size = MEGABYTES * 1_000_000;
    let mut text = Vec::with_capacity(size + 4096);
    let mut planted = 0;
    while text.len() < size {
        let line = random.next();
        let colour = if line.is_multiple_of(5) { "\x1b[32m" } else { "" };
        writeln!(
            text,
            "2031-03-{:02}T12:{:02}:{:02}Z {colour}INFO\x1b[0m request id={line:016x} path=/api/v1/orders/{} status=200 took={}ms\r",
            line % 28 + 1,
            line % 60,
            line / 60 % 60,
            line % 100_000,
            line % 977,
        )
        .unwrap();
        if text.len() / PLANTED_EVERY > planted {
            planted += 1;
            writeln!(text, "password={} next\r", coded[random.below(coded.len())]).unwrap();
        }
    }
    text
}

/// A line of the process's own status, in KiB.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A small generator, so that every run measures the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}
