//! The folders and files of hallpass: whose they are and who else could read or change them.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Doctor, Finding, quoted};
use crate::domain::status::State;

const AREA: &str = "folders";

/// Who else may do what with a file of ours.
#[derive(Clone, Copy)]
enum May {
    /// Others may read it: a configuration.
    Read,
    /// It is ours alone: keys, what was found, files for sessions.
    Nothing,
}

pub(super) fn all(doctor: &Doctor<'_>) -> Vec<Finding> {
    let folders = &doctor.config.folders;
    let mut found: Vec<Finding> = [
        ("config", &folders.config, May::Read),
        ("data", &folders.data, May::Nothing),
        ("state", &folders.state, May::Nothing),
        ("cache", &folders.cache, May::Read),
        ("runtime", &folders.runtime, May::Nothing),
    ]
    .into_iter()
    .map(|(name, path, may)| folder(name, path, may))
    .collect();
    let files = doctor.config.files.iter().map(|path| (path.clone(), May::Read));
    let kept = [&folders.data, &folders.state, &folders.runtime]
        .into_iter()
        .flat_map(|folder| files_in(folder))
        .map(|path| (path, May::Nothing));
    // Where nothing was recorded yet there is no folder.
    let recordings = std::iter::once((doctor.recordings.clone(), May::Nothing));
    let recorded = files_in(&doctor.recordings)
        .into_iter()
        .map(|path| (path, May::Nothing));
    let kept = kept.chain(recordings).chain(recorded);
    let mut bad: Vec<Finding> = files.chain(kept).filter_map(|(path, may)| file(&path, may)).collect();
    if bad.is_empty() {
        found.push(Finding::ok(AREA, "files", "ours, and nobody else can change them"));
    }
    found.append(&mut bad);
    found.push(runtime(doctor));
    found
}

/// The regular files right in a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}

fn folder(name: &'static str, path: &Path, may: May) -> Finding {
    let shown = path.display().to_string();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::new(
            AREA,
            name,
            State::Skipped,
            format!("{shown} is not there yet: it is made when it is needed"),
        ),
        Err(_) => Finding::new(AREA, name, State::Fail, format!("{shown} cannot be looked at"))
            .why("hallpass cannot use it either")
            .fix(format!("ls -ld {}", quoted(path))),
        Ok(metadata) if !metadata.is_dir() => Finding::new(AREA, name, State::Fail, format!("{shown} is not a folder"))
            .why("hallpass keeps its files in it")
            .fix(format!("mv {0} {0}.old", quoted(path))),
        Ok(metadata) => match fault(path, metadata.mode(), metadata.uid(), may) {
            Some((what, fix)) => Finding::new(AREA, name, State::Fail, what)
                .why("what others can change decides what is started with your secrets")
                .fix(fix),
            None => Finding::ok(AREA, name, format!("{shown} (mode {:04o})", metadata.mode() & 0o7777)),
        },
    }
}

/// What is wrong with a file, if anything.
fn file(path: &Path, may: May) -> Option<Finding> {
    let metadata = std::fs::metadata(path).ok()?;
    let (what, fix) = fault(path, metadata.mode(), metadata.uid(), may)?;
    let finding = Finding::new(AREA, "files", State::Fail, what).fix(fix);
    Some(match may {
        May::Read => finding.why("a file that others can change is not read"),
        May::Nothing => finding.why("it is meant for you alone"),
    })
}

/// Whose it is and who else can get at it; and what to type.
fn fault(path: &Path, mode: u32, owner: u32, may: May) -> Option<(String, String)> {
    const STICKY: u32 = 0o1000;
    let shown = path.display();
    let me = rustix::process::geteuid().as_raw();
    if owner != me && owner != 0 {
        let what = format!("{shown} belongs to another user (uid {owner})");
        return Some((what, format!("sudo chown \"$(id -un)\" {}", quoted(path))));
    }
    let (open, change) = match may {
        May::Read => (mode & 0o022, "go-w"),
        May::Nothing => (mode & 0o077, "go="),
    };
    if open == 0 || (matches!(may, May::Read) && mode & STICKY != 0) {
        return None;
    }
    let verb = if mode & 0o022 != 0 { "change" } else { "read" };
    let what = format!("other users can {verb} {shown} (mode {:04o})", mode & 0o7777);
    Some((what, format!("chmod {change} {}", quoted(path))))
}

/// `XDG_RUNTIME_DIR`: where files for sessions lie in memory.
fn runtime(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "XDG_RUNTIME_DIR";
    const WHY: &str = "files that carry a secret to a client lie there, in memory; elsewhere they would touch the disk";
    let Some(path) = doctor.world.text(NAME).map(PathBuf::from) else {
        return Finding::warn(AREA, NAME, "not set", WHY)
            .fix("export XDG_RUNTIME_DIR=/run/user/$(id -u)   (a login by pam_systemd sets it)");
    };
    let shown = path.display();
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => match fault(&path, metadata.mode(), metadata.uid(), May::Nothing) {
            Some((what, fix)) => Finding::new(AREA, NAME, State::Fail, what).why(WHY).fix(fix),
            None => Finding::ok(AREA, NAME, format!("{shown}, yours alone")),
        },
        _ => Finding::warn(AREA, NAME, format!("{shown} is not a folder that is there"), WHY)
            .fix(format!("mkdir -m 700 {}", quoted(&path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_can_get_at_it() {
        let me = rustix::process::geteuid().as_raw();
        let path = Path::new("/home/dba/my store");
        let fault = |mode, owner, may| fault(path, mode, owner, may);
        assert_eq!(fault(0o100_600, me, May::Nothing), None);
        assert_eq!(fault(0o100_644, me, May::Read), None);
        assert_eq!(fault(0o41_777, me, May::Read), None, "sticky like /tmp");
        let (what, fix) = fault(0o100_640, me, May::Nothing).unwrap();
        assert_eq!(what, "other users can read /home/dba/my store (mode 0640)");
        assert_eq!(fix, "chmod go= '/home/dba/my store'");
        let (what, fix) = fault(0o100_666, me, May::Read).unwrap();
        assert!(what.starts_with("other users can change"));
        assert_eq!(fix, "chmod go-w '/home/dba/my store'");
        assert!(
            fault(0o100_600, me + 1, May::Nothing)
                .unwrap()
                .0
                .contains("another user")
        );
        assert_eq!(fault(0o100_644, 0, May::Read), None, "the system's own files");
    }
}
