//! The folder of recordings: one file a session, named by time and session, locked while it is written; listed, found, and pruned when its
//! time is over.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::Deserialize;

use super::cast::{Header, Origin, Size};
use super::seal::{self, Recipients};
use super::sink::{Refused, Sink};
use super::write::Recorder;
use crate::domain::catalogue;
use crate::domain::policy::{Record, RecordingSettings, SessionPolicy};
use crate::domain::problem::Problem;
use crate::domain::suggest;

const SUFFIX: &str = ".cast";
/// A longer first line was not written by us.
const MAX_HEADER: u64 = 64 << 10;
/// The last line of an ended recording is shorter than this.
const TAIL: u64 = 4 << 10;

/// How long somebody who lists recordings looks at one, and more.
const MOMENT: Duration = Duration::from_millis(20);

/// What a recording begins with.
pub struct Begin<'a> {
    /// The folder of recordings; made if it is not there.
    pub folder: PathBuf,
    /// The session's id.
    pub session: String,
    pub role: String,
    pub env: Option<String>,
    pub title: String,
    /// The terminal's type.
    pub term: Option<String>,
    pub size: Size,
    pub policy: &'a SessionPolicy,
    pub settings: &'a RecordingSettings,
}

/// The folder of recordings below the state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("recordings")
}

/// Makes the recording that the policy wants, none if it wants none. Its clock starts now. Recordings whose time is over are removed on
/// the way.
///
/// # Errors
/// `E-REC-CREATE`, `E-REC-DISK`, `E-REC-RECIPIENT`: there is none. What that means for the session is the policy's to say.
pub fn open(begin: &Begin<'_>) -> Result<Option<Recorder>, Problem> {
    if begin.policy.record == Record::Off {
        return Ok(None);
    }
    let refused = |(code, error): Refused| {
        let what = format!("no recording of the session can be made in {}", begin.folder.display());
        let code = if *code == catalogue::REC_DISK {
            code
        } else {
            &catalogue::REC_CREATE
        };
        let problem = Problem::new(code, what);
        match error {
            Some(error) => problem.cause(format!("the system said: {}", words(&error))),
            None => problem,
        }
    };
    let recipients = Recipients::parse(&begin.settings.recipients)?;
    let failed = |error: io::Error| refused((&catalogue::REC_CREATE, Some(error)));
    secure_folder(&begin.folder).map_err(failed)?;
    let now = Timestamp::now();
    let (file, path) = create(&begin.folder, &begin.session, now).map_err(failed)?;
    let header = Header {
        size: begin.size,
        timestamp: Some(now.as_second()),
        title: Some(begin.title.clone()),
        term: begin.term.clone(),
        idle_time_limit: None,
        origin: Some(Origin {
            session: begin.session.clone(),
            role: begin.role.clone(),
            env: begin.env.clone(),
            keep_s: begin.policy.keep.map(|keep| keep.as_secs()),
        }),
    };
    // Where it comes to nothing, nothing is left of it.
    let nothing = |problem| {
        let _ = fs::remove_file(&path);
        problem
    };
    let sink = Sink::create(file, path.clone(), &header, recipients, begin.settings.max_bytes);
    let sink = sink.map_err(|why| nothing(refused(why)))?;
    Recorder::start(sink, begin.policy.record, begin.policy.record_input)
        .map(Some)
        .map_err(|error| nothing(failed(error)))
}

/// The system's words; those of a library are its kind's.
fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number).to_string(),
        None => error.kind().to_string(),
    }
}

/// The person's own, and readable by nobody else.
fn secure_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::metadata(folder)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// A new locked file: `20261126T135615123Z-0123456789abcdef.cast`.
fn create(folder: &Path, session: &str, now: Timestamp) -> io::Result<(File, PathBuf)> {
    // To the millisecond: their order is that of their names.
    let path = folder.join(format!("{}-{session}{SUFFIX}", now.strftime("%Y%m%dT%H%M%S%3fZ")));
    let file = File::options().append(true).create_new(true).mode(0o600).open(&path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok((file, path))
}

/// How a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being written.
    Live,
    /// The session ended with this code.
    Ended(i32),
    /// It has no end: hallpass was killed, or nothing could be written any more.
    Cut,
}

/// One recording in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub session: String,
    pub role: String,
    pub env: Option<String>,
    pub began: Timestamp,
    /// When something was last written.
    pub changed: Timestamp,
    pub size: Size,
    pub bytes: u64,
    /// Only its recipients can read it.
    pub sealed: bool,
    pub state: State,
    /// How long it is kept after its end; none: for ever.
    pub keep: Option<Duration>,
}

impl Entry {
    /// From its beginning to what was last written.
    pub fn length(&self) -> Duration {
        self.changed.duration_since(self.began).try_into().unwrap_or_default()
    }

    fn is_over(&self, now: Timestamp, older_than: Option<Duration>) -> bool {
        let age: Duration = now.duration_since(self.changed).try_into().unwrap_or_default();
        let over = |limit: Option<Duration>| limit.is_some_and(|limit| age > limit);
        self.state != State::Live && (over(self.keep) || over(older_than))
    }
}

/// All recordings, the newest first. What is no recording of ours is left alone. A folder that is not there holds none.
///
/// # Errors
/// `E-REC-READ`: the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Entry>, Problem> {
    let unreadable = |error: io::Error| {
        let what = format!("the recordings in {} cannot be read", folder.display());
        Problem::new(&catalogue::REC_READ, what).cause(format!("the system said: {}", words(&error)))
    };
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut entries: Vec<Entry> = found.flatten().filter_map(|file| entry(&file.path()).ok()).collect();
    entries.sort_by(|a, b| b.path.cmp(&a.path));
    Ok(entries)
}

/// Which of these files others can get at: recordings whose mode somebody has changed.
pub fn exposed<'a>(files: impl IntoIterator<Item = &'a Path>) -> Vec<&'a Path> {
    let open = |file: &&Path| fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 != 0);
    files.into_iter().filter(open).collect()
}

/// The recording of a session: by the session's id or the beginning of it, or by the name of its file, with its ending or without.
///
/// # Errors
/// `E-REC-UNKNOWN`, with the nearest ones; `E-REC-READ`.
pub fn find(folder: &Path, wanted: &str) -> Result<Entry, Problem> {
    let entries = list(folder)?;
    let named = |entry: &&Entry| {
        let names = [entry.path.file_name(), entry.path.file_stem()];
        entry.session == wanted || names.into_iter().flatten().any(|name| name == wanted)
    };
    if let Some(entry) = entries.iter().find(named) {
        return Ok(entry.clone());
    }
    let begins: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.session.starts_with(wanted))
        .collect();
    let unknown =
        |what: String, similar: Vec<String>| Err(Problem::new(&catalogue::REC_UNKNOWN, what).similar(similar));
    match begins.as_slice() {
        [only] if !wanted.is_empty() => Ok((*only).clone()),
        [] => {
            let known = entries.iter().map(|entry| entry.session.as_str());
            unknown(
                format!("there is no recording `{wanted}`"),
                suggest::nearest(wanted, known),
            )
        }
        many => unknown(
            format!("{} recordings begin with `{wanted}`", many.len()),
            many.iter().take(3).map(|entry| entry.session.clone()).collect(),
        ),
    }
}

/// The recording that began last.
///
/// # Errors
/// `E-REC-UNKNOWN`: there is none; `E-REC-READ`.
pub fn last(folder: &Path) -> Result<Entry, Problem> {
    let newest = list(folder)?.into_iter().next();
    newest.ok_or_else(|| {
        Problem::new(&catalogue::REC_UNKNOWN, "there is no recording yet")
            .causes(Vec::new())
            .fixes(vec![
                "hallpass connect ROLE   (records it, unless record = false says otherwise)".to_owned(),
            ])
    })
}

/// Those that [`prune`] would remove now.
///
/// # Errors
/// `E-REC-READ`
pub fn over(folder: &Path, older_than: Option<Duration>) -> Result<Vec<Entry>, Problem> {
    let now = Timestamp::now();
    let mut entries = list(folder)?;
    entries.retain(|entry| entry.is_over(now, older_than));
    Ok(entries)
}

/// Removes the recordings whose time is over, and those that ended longer ago than `older_than`; never one that is being written. Those
/// removed, and those that could not be.
///
/// # Errors
/// `E-REC-READ`
pub fn prune(folder: &Path, older_than: Option<Duration>) -> Result<(Vec<Entry>, Vec<Entry>), Problem> {
    Ok(over(folder, older_than)?
        .into_iter()
        .partition(|entry| remove(&entry.path, || std::thread::sleep(MOMENT)).is_ok()))
}

/// Removes a file that nobody writes or looks at. Who lists recordings looks at each for a moment, so it is tried again after one.
fn remove(path: &Path, moment: impl FnOnce()) -> io::Result<()> {
    let file = File::open(path)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        moment();
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    }
    fs::remove_file(path)
}

/// The first line of a file of ours, as far as a list needs it.
#[derive(Deserialize)]
struct FirstLine {
    term: Term,
    timestamp: i64,
    hallpass: Origin,
}

#[derive(Deserialize)]
struct Term {
    cols: u16,
    rows: u16,
}

/// Reads the facts of one recording of ours.
pub fn entry(path: &Path) -> io::Result<Entry> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    if path.extension().is_none_or(|extension| *extension != SUFFIX[1..]) {
        return Err(invalid());
    }
    // A pipe of that name is not waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(invalid());
    }
    let mut line = String::new();
    let mut reader = BufReader::new((&file).take(MAX_HEADER));
    reader.read_line(&mut line)?;
    let first: FirstLine = serde_json::from_str(&line).map_err(|_| invalid())?;
    let mut second = [0; seal::SEALED.len()];
    let sealed = reader.read_exact(&mut second).is_ok() && second == *seal::SEALED.as_bytes();
    let seconds = Timestamp::from_second(found.mtime()).unwrap_or_default();
    Ok(Entry {
        session: first.hallpass.session,
        role: first.hallpass.role,
        env: first.hallpass.env,
        began: Timestamp::from_second(first.timestamp).map_err(|_| invalid())?,
        changed: seconds,
        size: Size {
            columns: first.term.cols,
            rows: first.term.rows,
        },
        bytes: found.len(),
        sealed,
        state: state(&mut file)?,
        keep: first.hallpass.keep_s.map(Duration::from_secs),
        path: path.to_owned(),
    })
}

fn state(file: &mut File) -> io::Result<State> {
    if flock(&*file, FlockOperation::NonBlockingLockShared).is_err() {
        return Ok(State::Live);
    }
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let line = tail
        .strip_suffix(b"\n")
        .and_then(|tail| tail.rsplit(|byte| *byte == b'\n').next());
    let event = line.and_then(|line| serde_json::from_slice::<(f64, String, String)>(line).ok());
    Ok(match event {
        Some((_, kind, code)) if kind == "x" => code.parse().map_or(State::Cut, State::Ended),
        _ => State::Cut,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let [ours, read, gone] = ["ours", "read", "gone"].map(|name| folder.path().join(name));
        for (path, mode) in [(&ours, 0o600), (&read, 0o640)] {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let all: [&Path; 4] = [&ours, &read, &gone, folder.path()];
        assert_eq!(exposed(all), [&*read]);
    }

    #[test]
    fn a_file_that_somebody_looks_at_is_removed_a_moment_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.cast");
        fs::write(&path, "").unwrap();
        let look = || {
            let file = File::open(&path).unwrap();
            flock(&file, FlockOperation::NonBlockingLockShared).unwrap();
            file
        };
        let reader = look();
        assert!(remove(&path, || {}).is_err() && path.exists());
        remove(&path, || drop(reader)).unwrap();
        assert!(!path.exists());
    }
}
