//! `hallpass recordings list | prune | export`: the sessions that were recorded.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Frame, counted, json, note, note_written, say, table};
use crate::config::parse_duration;
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::shell;
use crate::recording::cast::Format;
use crate::recording::read::{Reader, Unread};
use crate::recording::seal::Identities;
use crate::recording::store::{self, Entry, State};
use crate::recording::{export, source};

/// Of more recordings that others can read the number is said.
const MOST_WARNINGS: usize = 3;

/// Recorded sessions: list them, remove them, take one out
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass recordings list\n  hallpass recordings prune --older-than 30d --yes\n  hallpass recordings export 3f2a --format v2 --output session.cast\n\nWhat is recorded and how long it is kept is said by record and keep in a role, an environment or [defaults]."
)]
pub(super) struct RecordingsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Prune(Prune),
    Export(Export),
}

/// List the recordings, the newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass recordings list\n  hallpass recordings list --role prod-postgres\n  hallpass recordings list --json | jq '.recordings[] | select(.state == \"cut\")'"
)]
struct List {
    /// Only those of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Remove recordings whose time is over; one that is being written always stays
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass recordings prune                     those kept long enough, as every new recording does by itself\n  hallpass recordings prune --older-than 7d --dry-run\n  hallpass recordings prune --older-than 7d --yes"
)]
struct Prune {
    /// Also those that ended longer ago than this, whatever their policy: 12h, 30d
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Option<Duration>,
    /// Only say which
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Write a recording as an asciicast that any player takes
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass recordings export 3f2a > session.cast\n  hallpass recordings export 3f2a --format v2 --output session.cast\n  hallpass recordings export 3f2a --identity ~/.config/age/key.txt | asciinema play -"
)]
struct Export {
    /// The session's id or its beginning, or a file
    recording: String,
    /// v2 is for players older than asciinema 3
    #[arg(long, value_enum, default_value_t = Version::V3)]
    format: Version,
    /// The file to write; it must not be there yet [default: -, standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// An identity of age that a sealed recording is for
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    V2,
    V3,
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a length of time is written like 12h or 30d".to_owned())
}

pub(super) fn run(command: &RecordingsCommand, frame: &Frame) -> Result<u8, Problem> {
    let folder = store::folder(&frame.config.folders.state);
    match &command.action {
        Action::List(action) => list(action, &folder, frame),
        Action::Prune(action) => prune(action, &folder, frame),
        Action::Export(action) => write_out(action, &folder, frame),
    }
}

fn list(list: &List, folder: &Path, frame: &Frame) -> Result<u8, Problem> {
    let mut entries = store::list(folder)?;
    warn_of_others(folder, entries.iter().map(|entry| entry.path.as_path()));
    entries.retain(|entry| list.role.as_ref().is_none_or(|role| entry.role == *role));
    if frame.json {
        let recordings: Vec<Value> = entries.iter().map(document).collect();
        say(&json::document(
            json!({ "folder": json::path(folder), "recordings": recordings }),
        ));
        return Ok(0);
    }
    if entries.is_empty() {
        if !frame.quiet {
            note("there is no recording");
        }
        return Ok(0);
    }
    let heading = ["SESSION", "BEGAN", "ROLE", "ENV", "LENGTH", "SIZE", "END"];
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    say(&table::render(&heading, &rows));
    Ok(0)
}

fn row(entry: &Entry) -> Vec<String> {
    let began = entry.began.to_zoned(TimeZone::system());
    let sealed = if entry.sealed { ", sealed" } else { "" };
    let end = match entry.state {
        State::Live => "recording".to_owned(),
        State::Ended(code) => format!("exit {code}"),
        State::Cut => "cut off".to_owned(),
    };
    vec![
        printable(&entry.session),
        began.strftime("%Y-%m-%d %H:%M").to_string(),
        printable(&entry.role),
        entry.env.as_deref().map_or_else(|| "-".to_owned(), printable),
        length_words(entry.length()),
        size_words(entry.bytes),
        end + sealed,
    ]
}

/// What `--json` says of one.
fn document(entry: &Entry) -> Value {
    let until = entry.keep.and_then(|keep| entry.changed.checked_add(keep).ok());
    let (state, code) = match entry.state {
        State::Live => ("live", None),
        State::Ended(code) => ("ended", Some(code)),
        State::Cut => ("cut", None),
    };
    json!({
        "session": entry.session,
        "role": entry.role,
        "env": entry.env,
        "began": entry.began.to_string(),
        "length_s": entry.length().as_secs(),
        "columns": entry.size.columns,
        "rows": entry.size.rows,
        "bytes": entry.bytes,
        "sealed": entry.sealed,
        "state": state,
        "exit_code": code,
        "kept_until": until.map(|at: Timestamp| at.to_string()),
        "path": json::path(&entry.path),
    })
}

/// `42s`, `11m32s`, `3h05m`
fn length_words(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
    }
}

/// `812 B`, `3.4 kB`, `12 MB`
fn size_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1000, unit + 1);
    }
    match tenths {
        0..100 if unit > 0 => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        _ => format!("{} {}", tenths / 10, UNITS[unit]),
    }
}

fn prune(prune: &Prune, folder: &Path, frame: &Frame) -> Result<u8, Problem> {
    let over = store::over(folder, prune.older_than)?;
    let bytes = over.iter().map(|entry| entry.bytes).sum();
    let what = format!("{} ({})", counted(over.len(), "recording"), size_words(bytes));
    let early = prune.older_than.is_some() && !over.is_empty();
    if early && !prune.dry_run && !prune.yes && !agreed(&what, frame)? {
        note("nothing was removed");
        return Ok(1);
    }
    let (removed, kept) = if prune.dry_run {
        (over, Vec::new())
    } else {
        store::prune(folder, prune.older_than)?
    };
    if frame.json {
        let listed = |entries: &[Entry]| entries.iter().map(document).collect::<Vec<_>>();
        let content = json!({ "dry_run": prune.dry_run, "removed": listed(&removed), "failed": listed(&kept) });
        say(&json::document(content));
    } else if !frame.quiet {
        for entry in &removed {
            say(&printable(&entry.path.display().to_string()));
        }
        let verb = if prune.dry_run { "would be removed" } else { "removed" };
        note(&format!("{what} {verb}"));
    }
    for entry in &kept {
        note(&format!("{} cannot be removed", entry.path.display()));
    }
    Ok(u8::from(!kept.is_empty()))
}

/// Whether somebody at a terminal says yes.
fn agreed(what: &str, frame: &Frame) -> Result<bool, Problem> {
    if !frame.may_ask || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message = "removing recordings before their time asks first, and nobody can answer here";
        return Err(Problem::new(&catalogue::USAGE, message).fix("add --yes, or --dry-run to see which"));
    }
    let _ = write!(io::stderr(), "Remove {what}? [y/N] ");
    let mut answer = String::new();
    // No answer is none.
    let _ = io::stdin().lock().read_line(&mut answer);
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn write_out(action: &Export, folder: &Path, frame: &Frame) -> Result<u8, Problem> {
    let file = find(&action.recording, folder)?;
    warn_of_others(folder, [file.as_path()]);
    let identities = action.identity.as_deref().map(Identities::read).transpose()?;
    let from = Reader::open(source(&file, identities)?, &file.display().to_string())?;
    let format = match action.format {
        Version::V2 => Format::V2,
        Version::V3 => Format::V3,
    };
    let Some(output) = action.output.as_ref().filter(|output| *output != Path::new("-")) else {
        match export(from, format, io::stdout().lock()) {
            Ok(unread) => say_unread(unread),
            Err(error) => note_written(Err(error)),
        }
        return Ok(0);
    };
    say_unread(into_new_file(output, |file| {
        export(from, format, io::BufWriter::new(file))
    })?);
    if frame.json {
        say(&json::document(
            json!({ "recording": json::path(file), "output": json::path(output) }),
        ));
    } else if !frame.quiet {
        note(&format!("{} written", output.display()));
    }
    Ok(0)
}

/// Writes a file that was not there before; one that cannot be written to its end is not left behind.
fn into_new_file<T>(path: &Path, write: impl FnOnce(File) -> io::Result<T>) -> Result<T, Problem> {
    let unwritten = |error: io::Error| {
        let what = format!("{} cannot be written: {}", path.display(), error.kind());
        Problem::new(&catalogue::IO, what)
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = made.map_err(|error| {
        unwritten(error).causes(Vec::new()).fixes(vec![
            "name a file that is not there yet, in a folder that is".to_owned(),
        ])
    })?;
    write(file).map_err(|error| {
        let _ = std::fs::remove_file(path);
        unwritten(error)
    })
}

/// Also where little is to be said: what was written out is not all there was.
fn say_unread(unread: Unread) {
    if let Some(words) = unread.words() {
        note(&words);
    }
}

/// A file, where the word is the path of one; else the recording of a session.
pub(super) fn find(wanted: &str, folder: &Path) -> Result<PathBuf, Problem> {
    let file = Path::new(wanted);
    if file.exists() {
        return Ok(file.to_owned());
    }
    if wanted.contains('/') {
        let what = format!("there is no file {wanted}");
        return Err(Problem::new(&catalogue::REC_UNKNOWN, what).causes(Vec::new()));
    }
    store::find(folder, wanted).map(|entry| entry.path)
}

/// Says that others can read recordings of ours, however little is to be said. What lies elsewhere is its owner's business.
pub(super) fn warn_of_others<'a>(folder: &Path, files: impl IntoIterator<Item = &'a Path>) {
    let is_ours = |file: &&Path| {
        let parent = file.parent().map(|parent| Path::new(".").join(parent));
        parent.is_some_and(|parent| is_one(&parent, folder))
    };
    let ours: Vec<&Path> = files.into_iter().filter(is_ours).collect();
    let exposed = store::exposed(std::iter::once(folder).chain(ours));
    for path in exposed.iter().take(MOST_WARNINGS) {
        let path = path.display().to_string();
        note(&format!(
            "warning: other users may get at {path}; chmod go= {}",
            shell::quoted(&path)
        ));
    }
    if let Some(more @ 1..) = exposed.len().checked_sub(MOST_WARNINGS) {
        let more = counted(more, "recording");
        let folder = shell::quoted(&folder.display().to_string());
        note(&format!("warning: and at {more} more; chmod go= {folder}/*.cast"));
    }
}

/// Whether both paths are those of one folder.
fn is_one(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_to_its_end_is_not_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.cast");
        let full = into_new_file(&file, |_| Err::<(), _>(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert!(full.what.contains("session.cast cannot be written"), "{full}");
        into_new_file(&file, |mut file| file.write_all(b"x")).unwrap();
        let there = into_new_file(&file, |_| Ok(())).unwrap_err();
        assert!(there.fixes[0].contains("not there yet"), "{there}");
        assert_eq!(std::fs::read(&file).unwrap(), b"x", "what was there stays");
    }

    #[test]
    fn lengths_and_sizes_fit_their_columns() {
        let lengths = [0, 59, 692, 11_100].map(|s| length_words(Duration::from_secs(s)));
        assert_eq!(lengths, ["0s", "59s", "11m32s", "3h05m"]);
        let sizes = [0, 999, 1000, 3449, 12_345_678, 1 << 30].map(size_words);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "3.4 kB", "12 MB", "1.0 GB"]);
    }
}
