//! `hallpass replay`: a recording in the player, or as plain text.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Frame, note, note_written, recordings, say, tui};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::recording::read::Reader;
use crate::recording::store;
use crate::replay::{Recording, SPEEDS, Screen, Start, Transcript};
use crate::session::emulator::Size;

/// Watch a recording, or print it as text
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass replay --last                     the newest recording\n  hallpass replay 01JD8 --at 4m18s           begin there\n  hallpass replay demo.cast --speed 2        any asciicast (v1, v2, v3), no configuration needed\n  hallpass replay --last --text | less       what was printed\n  hallpass replay --last --text --at 4m18s   the screen at that time\n\nIn the player ? shows its keys."
)]
pub(super) struct Replay {
    /// The id of a session, or the beginning of one; or a file
    #[arg(required_unless_present = "last", conflicts_with = "last")]
    recording: Option<String>,
    /// The newest recording
    #[arg(long)]
    last: bool,
    /// Begin there, or with --text print the screen of then: 4m18s, 4:18, 258
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Duration>,
    /// 0.25 to 16 [default: 1]
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Cut longer pauses to this many seconds [default: that of the recording, else 2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    idle_limit: Option<Duration>,
    /// Print what was printed, as plain text; so it does where stdout is no terminal
    #[arg(long)]
    text: bool,
    /// Print where the recording lies
    #[arg(long)]
    print_path: bool,
    /// The identity file (age) that opens a sealed recording
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

pub(super) fn run(replay: Replay, frame: &Frame) -> Result<u8, Problem> {
    let folder = store::folder(&frame.config.folders.state);
    let file = match &replay.recording {
        Some(wanted) => recordings::find(wanted, &folder)?,
        None => store::last(&folder)?.path,
    };
    if replay.print_path {
        say(&file.display().to_string());
        return Ok(0);
    }
    recordings::warn_of_others(&folder, [file.as_path()]);
    let start = Start {
        file,
        identity: replay.identity,
        at: replay.at,
        speed: replay.speed,
        idle_limit: replay.idle_limit,
    };
    // What is no recording is said here, where it can be read.
    let reader = start.open()?;
    if replay.text || !std::io::stdout().is_terminal() {
        return print(reader, start.at);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Problem::new(&catalogue::TTY_REQUIRED, "the player needs a terminal")
            .fixes(vec!["hallpass replay … --text   prints what was printed".to_owned()]));
    }
    if !start.file.is_file() {
        let what = format!(
            "{} can be read only once, the player reads it again",
            start.file.display()
        );
        return Err(
            Problem::new(&catalogue::REC_READ, what).fixes(vec!["write it into a file first, or: --text".to_owned()])
        );
    }
    drop(reader);
    tui::replay(frame, start)
}

/// Everything that was printed; with a time, the screen as it was then.
fn print(mut reader: Reader, at: Option<Duration>) -> Result<u8, Problem> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let mut write = |lines: &[String]| lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    let remark = if let Some(at) = at {
        let recording = Recording::load(reader);
        let mut screen = Screen::new(&recording);
        screen.advance(&recording, at);
        written = write(&screen.rows());
        recording.remark()
    } else {
        let size = reader.header().size;
        let mut transcript = Transcript::new(Size {
            columns: size.columns,
            rows: size.rows,
        });
        while written.is_ok()
            && let Some(event) = reader.next()
        {
            transcript.take(&event.kind);
            written = write(&transcript.lines());
        }
        if written.is_ok() {
            written = write(&transcript.finish());
        }
        reader.unread().words()
    };
    note_written(written.and_then(|()| out.flush()));
    if let Some(words) = remark {
        note(&words);
    }
    Ok(0)
}

/// `4m18s`, `1h04m18s`, `4:18`, `1:04:18`, `258`, `258.5`.
fn moment(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written like 4m18s, 4:18 or 258".to_owned();
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|number| (0.0..1e9).contains(number))
            .ok_or_else(wrong)
    };
    let mut whole = 0.0;
    if text.contains(':') {
        for part in text.split(':') {
            whole = whole * 60.0 + number(part)?;
        }
    } else {
        let mut rest = text.trim();
        for (unit, seconds) in [('h', 3600.0), ('m', 60.0), ('s', 1.0)] {
            if let Some((before, after)) = rest.split_once(unit) {
                whole += number(before)? * seconds;
                rest = after;
            }
        }
        if !rest.is_empty() {
            whole += number(rest)?;
        }
        if text.trim().is_empty() {
            return Err(wrong());
        }
    }
    Ok(Duration::from_secs_f64(whole))
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: Option<f64> = text.trim_end_matches('x').parse().ok();
    speed
        .filter(|speed| SPEEDS.contains(speed))
        .ok_or_else(|| format!("a speed is a number from {} to {}", SPEEDS.start(), SPEEDS.end()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.trim_end_matches('s').parse().ok();
    seconds
        .filter(|seconds| (0.05..1e9).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds, 0.05 at least".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("4m18s", 258.0),
            ("4:18", 258.0),
            ("1:04:18", 3858.0),
            ("1h04m18s", 3858.0),
            ("1h", 3600.0),
            ("258", 258.0),
            ("2.5", 2.5),
            ("0", 0.0),
            ("90s", 90.0),
        ] {
            assert_eq!(moment(text).unwrap(), Duration::from_secs_f64(expected), "{text}");
        }
        for wrong in ["", "x", "-5", "4m18x", "s", "1e99", "NaN", "4:", ":", "4 18"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert!(speed("0.2").is_err() && speed("17").is_err() && speed("NaN").is_err() && speed("2x").is_ok());
        assert!(seconds("0").is_err() && seconds("inf").is_err() && seconds("2").is_ok());
    }
}
