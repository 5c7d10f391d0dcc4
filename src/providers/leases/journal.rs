//! The journal of leases: what a process still has to give back, on disk, so that the next start can do it where a crash did not.
//!
//! One file a process in `leases/` of the state folder, locked as long as the process lives. Only lines are added, so that a kill between
//! two writes leaves every line before it whole:
//!
//! ```text
//! {"provider":"vault","endpoint":"https://vault:8200","lease":"database/creds/reader/4oTf…","expires":"2026-11-22T12:00:00Z"}
//! {"struck":"database/creds/reader/4oTf…"}
//! ```
//!
//! Where a token is made for the lease alone, its accessor stands beside it, from before the lease is asked for: its name may never come.
//!
//! ```text
//! {"provider":"vault","endpoint":"https://vault:8200","lease":"database/creds/reader/","accessor":"8fXb…","expires":"2026-11-23T11:00:00Z"}
//! {"provider":"vault","endpoint":"https://vault:8200","lease":"database/creds/reader/4oTf…","accessor":"8fXb…","expires":"2026-11-22T12:00:00Z"}
//! {"struck":"8fXb…"}
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use crate::domain::lease::Lease;

/// Larger files were not written by us.
const MAX_SIZE: u64 = 4 << 20;
/// A file that has grown this long is written anew: a session of days renews its credentials thousands of times.
const FULL: u64 = 256 << 10;
/// Dead journals that are looked at in one start.
const MAX_FILES: usize = 64;
const SUFFIX: &str = ".journal";

/// One lease of the journal. Never a value, never a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The provider's name in the configuration.
    pub(super) provider: String,
    /// Where that provider was: the same name may stand for another server by the next start.
    pub(super) endpoint: String,
    pub(super) lease: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accessor: Option<String>,
    pub(super) expires: Timestamp,
    /// Whether somebody was told that it cannot be given back with the login there was.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(super) told: bool,
}

fn is_not(switch: &bool) -> bool {
    !switch
}

impl Entry {
    /// A lease of a provider that is there now.
    pub(super) fn of(lease: &Lease, endpoint: String) -> Self {
        Self {
            provider: lease.provider.clone(),
            endpoint,
            lease: lease.id.clone(),
            accessor: lease.accessor.clone(),
            expires: lease.expires,
            told: false,
        }
    }

    /// What has to be given back, as far as a lease of an earlier run is known.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            provider: self.provider.clone(),
            id: self.lease.clone(),
            accessor: self.accessor.clone(),
            renewable: false,
            ttl: Duration::ZERO,
            expires: self.expires,
        }
    }

    fn key(&self) -> &str {
        self.accessor.as_deref().unwrap_or(&self.lease)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Entry(Entry),
    Struck { struck: String },
}

/// Answers with the length of the line.
fn write(mut file: &File, line: &Line) -> io::Result<u64> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    file.write_all(text.as_bytes())?;
    Ok(text.len() as u64)
}

/// The journal of this process. It has a file only while there is something in it.
#[derive(Default)]
pub(super) struct Journal {
    open: Option<Open>,
}

struct Open {
    path: PathBuf,
    /// Locked.
    file: File,
    /// What is open, by its key.
    entries: BTreeMap<String, Entry>,
    size: u64,
    /// The size at which it is written anew.
    full: u64,
}

impl Open {
    fn add(&mut self, line: &Line) -> io::Result<()> {
        match write(&self.file, line) {
            Ok(length) => {
                self.size += length;
                Ok(())
            }
            Err(error) => {
                // A full disk takes a part of it: the next line must not stand behind that.
                let _ = self.file.set_len(self.size);
                Err(error)
            }
        }
    }

    /// Puts a file in its place that holds only what is open. Where there can be none, this one goes on.
    fn shorten(&mut self, folder: &Path) {
        self.full = self.full.saturating_mul(2);
        let Ok(mut new) = create(folder) else { return };
        let entries = self.entries.values().cloned();
        let written = entries.map(Line::Entry).try_for_each(|line| new.add(&line));
        if written.and_then(|()| new.file.sync_data()).is_err() {
            let _ = fs::remove_file(&new.path);
            return;
        }
        // A kill in between leaves both: what is given back twice does no harm.
        let _ = fs::remove_file(&self.path);
        new.entries = std::mem::take(&mut self.entries);
        new.full = FULL.max(new.size.saturating_mul(2));
        *self = new;
    }
}

impl Journal {
    /// Writes a lease down, or that it lasts longer now. On disk when this returns, also for a machine that loses its power.
    pub(super) fn enter(&mut self, folder: &Path, entry: Entry) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(create(folder)?),
        };
        open.add(&Line::Entry(entry.clone()))?;
        let is_new = open.entries.insert(entry.key().to_owned(), entry).is_none();
        if is_new {
            open.file.sync_data()?;
        }
        if open.size > open.full {
            open.shorten(folder);
        }
        Ok(())
    }

    /// The lease is over; the last one takes the file with it.
    pub(super) fn strike(&mut self, key: &str) {
        let Some(open) = &mut self.open else { return };
        open.entries.remove(key);
        if open.entries.is_empty() {
            // Still locked: nobody reads it in between.
            let _ = fs::remove_file(&open.path);
            self.open = None;
        } else {
            let struck = key.to_owned();
            // A line too few is a lease that is revoked twice, which does no harm.
            let _ = open.add(&Line::Struck { struck });
        }
    }
}

fn create(folder: &Path) -> io::Result<Open> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for _ in 0..8 {
        let mut bytes = [0u8; 4];
        getrandom::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
        let (pid, random) = (std::process::id(), u32::from_ne_bytes(bytes));
        let path = folder.join(format!("{pid}-{random:08x}{SUFFIX}"));
        let file = File::options()
            .append(true)
            .read(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // Another start may have taken the empty file for a leftover before it was locked.
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if locked && file.metadata()?.nlink() > 0 {
            return Ok(Open {
                path,
                file,
                entries: BTreeMap::new(),
                size: 0,
                full: FULL,
            });
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// What a process left that is gone. Locked: no other start works on it at the same time.
pub(super) struct Leftover {
    path: PathBuf,
    file: File,
    pub(super) entries: Vec<Entry>,
}

impl Leftover {
    /// The lease stays in it, and nobody is told of it again.
    pub(super) fn told(&mut self, entry: &Entry) {
        let told = Entry {
            told: true,
            ..entry.clone()
        };
        let _ = write(&self.file, &Line::Entry(told));
    }

    /// The lease needs no further try.
    pub(super) fn strike(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key() != key);
        if self.entries.is_empty() {
            let _ = fs::remove_file(&self.path);
        } else {
            let struck = key.to_owned();
            let _ = write(&self.file, &Line::Struck { struck });
        }
    }
}

/// Whether there is any journal at all: the usual answer is no, and costs next to nothing.
pub(super) fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// The journals whose processes are gone. Those of live ones are locked; what is not a journal of ours is left alone.
pub(super) fn leftovers(folder: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let journals = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_str().is_some_and(|path| path.ends_with(SUFFIX)));
    // Those of live processes do not count: they would keep the dead ones from their turn.
    let left = journals
        .filter_map(|path| leftover(path).ok().flatten())
        .take(MAX_FILES);
    let mut kept: Vec<Leftover> = Vec::new();
    for leftover in left {
        if leftover.entries.is_empty() {
            // Nothing in it that could be acted upon, now or later.
            let _ = fs::remove_file(&leftover.path);
        } else {
            kept.push(leftover);
        }
    }
    kept
}

fn leftover(path: PathBuf) -> io::Result<Option<Leftover>> {
    let file = File::options()
        .append(true)
        .read(true)
        .custom_flags(i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0))
        .open(&path)?;
    let found = file.metadata()?;
    let own = found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
    let ours = found.is_file() && own && found.len() <= MAX_SIZE;
    if !ours || flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() || file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&file).take(MAX_SIZE).read_to_end(&mut bytes)?;
    let entries = read(&bytes);
    Ok(Some(Leftover { path, file, entries }))
}

/// What is open in a journal. A line that is damaged or not ours says nothing.
fn read(bytes: &[u8]) -> Vec<Entry> {
    let mut open: BTreeMap<String, Entry> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Line::Entry(entry)) => drop(open.insert(entry.key().to_owned(), entry)),
            Ok(Line::Struck { struck }) => drop(open.remove(&struck)),
            Err(_) => {}
        }
    }
    open.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn entry(lease: &str) -> Entry {
        Entry {
            provider: "vault".to_owned(),
            endpoint: "http://127.0.0.1:8200".to_owned(),
            lease: lease.to_owned(),
            accessor: None,
            expires: Timestamp::from_second(2_000_000_000).unwrap(),
            told: false,
        }
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_live_journal_is_nobodys_business_and_a_dead_one_is_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("leases");
        let mut journal = Journal::default();
        for lease in ["a", "b"] {
            journal.enter(&folder, entry(lease)).unwrap();
        }
        let later = Entry {
            expires: Timestamp::from_second(2_000_000_100).unwrap(),
            ..entry("b")
        };
        journal.enter(&folder, later.clone()).unwrap();
        journal.strike("a");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(leftovers(&folder).is_empty(), "it is locked");
        assert_eq!(names(&folder), 1);

        drop(journal);
        let mut found = leftovers(&folder);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entries, [later]);
        assert!(leftovers(&folder).is_empty(), "one start at a time");
        found[0].strike("b");
        assert_eq!(names(&folder), 0);
    }

    #[test]
    fn a_lease_whose_token_is_known_keeps_its_place() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::default();
        let of = |lease: &str| Entry {
            accessor: Some("accessor".to_owned()),
            ..entry(lease)
        };
        journal.enter(home.path(), of("db/creds/a/")).unwrap();
        journal.enter(home.path(), of("db/creds/a/1")).unwrap();
        drop(journal);
        let mut found = leftovers(home.path());
        assert_eq!(found[0].entries, [of("db/creds/a/1")]);
        found[0].strike("accessor");
        assert_eq!(names(home.path()), 0);
    }

    #[test]
    fn the_last_strike_takes_the_file_with_it() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::default();
        journal.enter(home.path(), entry("a")).unwrap();
        journal.strike("a");
        assert_eq!(names(home.path()), 0);
        journal.enter(home.path(), entry("b")).unwrap();
        assert_eq!(names(home.path()), 1);
    }

    #[test]
    fn a_journal_that_lives_long_stays_short() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::default();
        for lease in ["other", "renewed"] {
            journal.enter(home.path(), entry(lease)).unwrap();
        }
        let later = |seconds: i64| Entry {
            expires: Timestamp::from_second(2_000_000_000 + seconds).unwrap(),
            ..entry("renewed")
        };
        for seconds in 0..20_000i64 {
            journal.enter(home.path(), later(seconds)).unwrap();
        }
        assert_eq!(names(home.path()), 1);
        let file = fs::read_dir(home.path()).unwrap().next().unwrap().unwrap();
        assert!(file.metadata().unwrap().len() <= FULL + 1024);
        assert!(leftovers(home.path()).is_empty(), "the new one is locked, too");
        drop(journal);
        assert_eq!(leftovers(home.path())[0].entries, [entry("other"), later(19_999)]);
    }

    #[test]
    fn many_live_journals_do_not_hide_a_dead_one() {
        let home = tempfile::tempdir().unwrap();
        let live: Vec<_> = (0..MAX_FILES * 2)
            .map(|_| {
                let mut journal = Journal::default();
                journal.enter(home.path(), entry("live")).unwrap();
                journal
            })
            .collect();
        let mut dead = Journal::default();
        dead.enter(home.path(), entry("dead")).unwrap();
        drop(dead);
        let found = leftovers(home.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entries, [entry("dead")]);
        drop(live);
    }

    #[test]
    fn a_journal_that_others_can_write_is_not_believed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("1-0.journal");
        fs::write(&path, serde_json::to_string(&entry("theirs")).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(leftovers(home.path()).is_empty());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(leftovers(home.path()).len(), 1);
    }

    #[test]
    fn damaged_and_foreign_lines_say_nothing() {
        let good = serde_json::to_string(&entry("good")).unwrap();
        let cut = &good[..good.len() / 2];
        let text = format!("\n{{}}\nrubbish\n\u{0}\n[1]\n{good}\n{{\"struck\":\"other\"}}\n{{\"lease\":1}}\n{cut}");
        assert_eq!(read(text.as_bytes()), [entry("good")]);
        assert_eq!(read(&[0xff, 0xfe, b'\n']), []);

        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("1-0.journal"), "rubbish").unwrap();
        fs::write(at("notes.txt"), &good).unwrap();
        fs::create_dir(at("folder.journal")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link.journal")).unwrap();
        assert!(leftovers(home.path()).is_empty());
        assert!(!at("1-0.journal").exists(), "nothing can ever be made of it");
        assert!(at("notes.txt").exists() && at("folder.journal").exists() && at("link.journal").exists());
        assert!(leftovers(&at("nothing")).is_empty() && is_empty(&at("nothing")));
    }
}
