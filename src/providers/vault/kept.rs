//! A person's login, kept for the next start: `logins/PROVIDER` in the runtime folder, 0600 in a folder of 0700, until it ends.
//!
//! The folder must be this user's and nobody else's; it is opened without following links, and everything happens in what was opened.
//! The file says what it is good for (address, namespace, method, mount, user or role), so that a token is never sent anywhere else.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::login::{Life, Origin, Token};
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// Longer files are not ours.
const LONGEST: u64 = 64 << 10;
/// The folder of all kept logins.
const FOLDER: &str = "logins";

/// Where the login of one provider is kept.
pub(super) struct Kept {
    runtime: PathBuf,
    /// The provider's name, which is a file's name.
    name: String,
    /// What the login is good for.
    subject: String,
}

/// What was found.
pub(super) enum Found {
    Token(Token),
    Nothing,
    /// It ended at this time, and is gone now.
    Ended(Timestamp),
    /// One for another server, namespace or user.
    Other,
}

#[derive(Deserialize)]
struct Entry {
    subject: String,
    token: SecretString,
    #[serde(default)]
    ends: Option<Timestamp>,
    #[serde(default)]
    renew_at: Option<Timestamp>,
}

/// The same on its way out.
#[derive(Serialize)]
struct Written<'a> {
    subject: &'a str,
    token: &'a str,
    ends: Option<Timestamp>,
    renew_at: Option<Timestamp>,
}

impl Kept {
    pub(super) fn new(runtime: &Path, name: &str, subject: String) -> Self {
        Self {
            runtime: runtime.to_owned(),
            name: name.to_owned(),
            subject,
        }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> PathBuf {
        self.runtime.join(FOLDER).join(&self.name)
    }

    pub(super) fn read(&self) -> Result<Found, Problem> {
        let Some(folder) = self.folder(false)? else {
            return Ok(Found::Nothing);
        };
        let Some(entry) = self.entry(&folder)? else {
            return Ok(Found::Nothing);
        };
        if entry.subject != self.subject {
            return Ok(Found::Other);
        }
        if let Some(end) = entry.ends.filter(|end| *end <= Timestamp::now()) {
            self.remove(&folder);
            return Ok(Found::Ended(end));
        }
        let life = Life {
            ends: entry.ends,
            renew_at: entry.renew_at,
        };
        Ok(Found::Token(Token::of(entry.token, Origin::Person, life)))
    }

    /// Makes the folder, or says why no login can be kept.
    pub(super) fn prepare(&self) -> Result<(), Problem> {
        self.folder(true).map(|_| ())
    }

    /// Keeps a login in place of any other of this provider.
    pub(super) fn write(&self, token: &Token) -> Result<(), Problem> {
        let Some(folder) = self.folder(true)? else {
            return Err(self.cannot("made", std::io::ErrorKind::NotFound));
        };
        self.replace(&folder, token)
            .map_err(|error| self.cannot("written", error.kind()))
    }

    /// Keeps the new life of a token that is kept; another's login stays what it is.
    pub(super) fn renewed(&self, token: &Token) {
        if let Ok(Some(folder)) = self.folder(false)
            && self.holds(&folder, &token.value)
        {
            // If it cannot be written, the next start renews it once more.
            let _ = self.replace(&folder, token);
        }
    }

    /// Removes a login that turned out to be dead.
    pub(super) fn forget(&self, dead: &SecretString) {
        if let Ok(Some(folder)) = self.folder(false)
            && self.holds(&folder, dead)
        {
            self.remove(&folder);
        }
    }

    fn holds(&self, folder: &OwnedFd, token: &SecretString) -> bool {
        let entry = self.entry(folder).ok().flatten();
        entry.is_some_and(|entry| entry.token.expose_secret() == token.expose_secret())
    }

    fn remove(&self, folder: &OwnedFd) {
        let _ = unlinkat(folder, &self.name, AtFlags::empty());
    }

    /// The folder of all logins, opened; none if it is not there and not to be made.
    fn folder(&self, make: bool) -> Result<Option<OwnedFd>, Problem> {
        if make {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.runtime);
            made.map_err(|error| self.cannot("made", error.kind()))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |at: std::os::fd::BorrowedFd<'_>, path: &Path, shown: &Path, forbidden: u32| {
            let folder = match openat(at, path, flags, Mode::empty()) {
                Ok(folder) => folder,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(insecure(shown, "is a link or no folder")),
                Err(error) => return Err(self.cannot("opened", std::io::Error::from(error).kind())),
            };
            let found = fstat(&folder).map_err(|error| self.cannot("opened", std::io::Error::from(error).kind()))?;
            if found.st_uid != rustix::process::geteuid().as_raw() {
                return Err(insecure(shown, "belongs to another user"));
            }
            if found.st_mode & forbidden != 0 {
                return Err(insecure(shown, "is open to other users"));
            }
            Ok(Some(folder))
        };
        let Some(runtime) = open(CWD, &self.runtime, &self.runtime, 0o022)? else {
            return Ok(None);
        };
        if make {
            match mkdirat(&runtime, FOLDER, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(self.cannot("made", std::io::Error::from(error).kind())),
            }
        }
        open(runtime.as_fd(), Path::new(FOLDER), &self.runtime.join(FOLDER), 0o077)
    }

    /// What the file says; none if there is none, or it is not one of ours.
    fn entry(&self, folder: &OwnedFd) -> Result<Option<Entry>, Problem> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(folder, &self.name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(insecure(&self.path(), "is a link")),
            Err(error) => return Err(self.cannot("read", std::io::Error::from(error).kind())),
        };
        let found = fstat(&file).map_err(|error| self.cannot("read", std::io::Error::from(error).kind()))?;
        if found.st_uid != rustix::process::geteuid().as_raw() || found.st_mode & 0o077 != 0 {
            return Err(insecure(&self.path(), "is open to other users, or belongs to one"));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        let read = File::from(file).take(LONGEST).read_to_end(&mut text);
        read.map_err(|error| self.cannot("read", error.kind()))?;
        Ok(serde_json::from_slice(&text).ok())
    }

    /// In one step: whoever reads it sees the old login or the new one, whole.
    fn replace(&self, folder: &OwnedFd, token: &Token) -> std::io::Result<()> {
        let life = token.life();
        let written = Written {
            subject: &self.subject,
            token: token.value.expose_secret(),
            ends: life.ends,
            renew_at: life.renew_at,
        };
        let text = Zeroizing::new(serde_json::to_vec(&written)?);
        // No provider's name begins with a dot.
        let new = format!(".{}.new-{}", self.name, std::process::id());
        let _ = unlinkat(folder, &new, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, &new, flags, Mode::RUSR | Mode::WUSR)?;
        let written = File::from(file)
            .write_all(&text)
            .and_then(|()| renameat(folder, &new, folder, &self.name).map_err(std::io::Error::from));
        if written.is_err() {
            let _ = unlinkat(folder, &new, AtFlags::empty());
        }
        written
    }

    fn cannot(&self, what: &str, kind: std::io::ErrorKind) -> Problem {
        let what = format!(
            "the login of provider `{}` cannot be kept at {}: it cannot be {what} ({kind})",
            self.name,
            self.path().display()
        );
        Problem::new(&catalogue::IO, what).fixes(vec![
            "mount XDG_RUNTIME_DIR, or give a state folder that can be written: --state-dir".to_owned(),
        ])
    }
}

fn insecure(path: &Path, why: &str) -> Problem {
    let what = format!("{} {why}: no login is kept or taken there", path.display());
    Problem::new(&catalogue::CONFIG_INSECURE_MODE, what).fixes(vec![
        format!("look who made it, then remove it: ls -ld '{}'", path.display()),
        "hallpass makes it anew at the next login".to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::vault::login::after;
    use std::os::unix::fs::PermissionsExt as _;

    fn token(text: &str, seconds: i64) -> Token {
        let ends = after(Timestamp::now(), seconds);
        let life = Life { ends, renew_at: ends };
        Token::of(text.to_owned().into(), Origin::Person, life)
    }

    fn found(kept: &Kept) -> String {
        match kept.read() {
            Ok(Found::Token(token)) => token.value.expose_secret().to_owned(),
            Ok(Found::Nothing) => "nothing".to_owned(),
            Ok(Found::Ended(_)) => "ended".to_owned(),
            Ok(Found::Other) => "other".to_owned(),
            Err(problem) => problem.code.id.to_owned(),
        }
    }

    #[test]
    fn a_login_is_kept_for_what_it_is_good_for_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("run/hallpass");
        let one = Kept::new(&runtime, "vault-eu", "here".to_owned());
        let two = Kept::new(&runtime, "vault-us", "there".to_owned());
        assert_eq!(found(&one), "nothing");
        one.write(&token("first", 60)).unwrap();
        two.write(&token("theirs", 60)).unwrap();
        one.write(&token("second", 60)).unwrap();
        assert_eq!((found(&one).as_str(), found(&two).as_str()), ("second", "theirs"));
        let moved = Kept::new(&runtime, "vault-eu", "elsewhere".to_owned());
        assert_eq!(found(&moved), "other");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&one.path()), 0o600);
        assert_eq!(mode(one.path().parent().unwrap()), 0o700);
        assert_eq!(
            fs::read_dir(runtime.join(FOLDER)).unwrap().count(),
            2,
            "nothing is left over"
        );

        one.forget(&"first".to_owned().into());
        assert_eq!(found(&one), "second", "another token than the dead one stays");
        one.forget(&"second".to_owned().into());
        assert_eq!((found(&one).as_str(), found(&two).as_str()), ("nothing", "theirs"));
        two.write(&token("over", 0)).unwrap();
        assert_eq!(found(&two), "ended");
        assert_eq!(found(&two), "nothing");
        assert!(!two.path().exists());
    }

    #[test]
    fn a_folder_that_is_not_ours_alone_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path(), "vault", "here".to_owned());
        kept.write(&token("t", 60)).unwrap();
        let open_to_all = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

        for (path, bad, good) in [
            (kept.path(), 0o640, 0o600),
            (folder.path().join(FOLDER), 0o750, 0o700),
            (folder.path().to_owned(), 0o777, 0o700),
        ] {
            open_to_all(&path, bad);
            assert_eq!(found(&kept), "E-CONFIG-INSECURE-MODE", "{}", path.display());
            open_to_all(&path, good);
            assert_eq!(found(&kept), "t");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        fs::rename(folder.path().join(FOLDER), elsewhere.path().join("theirs")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("theirs"), folder.path().join(FOLDER)).unwrap();
        assert_eq!(found(&kept), "E-CONFIG-INSECURE-MODE");
        assert_eq!(
            kept.write(&token("t", 60)).err().unwrap().code.id,
            "E-CONFIG-INSECURE-MODE"
        );
    }

    #[test]
    fn garbage_is_no_login_and_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path(), "vault", "here".to_owned());
        kept.write(&token("t", 60)).unwrap();
        for garbage in ["", "{", "[]", "{\"subject\":\"here\",\"token\":7}"] {
            fs::write(kept.path(), garbage).unwrap();
            assert_eq!(found(&kept), "nothing");
        }
    }
}
