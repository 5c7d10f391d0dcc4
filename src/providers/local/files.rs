//! The files of a local store: read whole, replaced in one step under a lock, the key's mode checked.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::shell;

/// Larger files are not read: a store of passwords never gets there.
const MAX_SIZE: u64 = 16 << 20;
/// How long a writer waits for another one; a write takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Held while a store is changed; gone with the process. The lock file itself stays, because removing it would let two writers in.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock goes when the file is closed")] File);

/// Makes the folder of `file`, and those above it that are missing, for this user alone.
pub(super) fn make_folder_of(file: &Path) -> Result<(), Problem> {
    let folder = folder_of(file);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| cannot("make the folder", folder, &e))
}

/// Waits for the lock beside `store`.
pub(super) fn lock(store: &Path) -> Result<Lock, Problem> {
    // One lock for all names of the store.
    let path = beside(&fs::canonicalize(store).unwrap_or_else(|_| store.to_owned()), "lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| cannot("make the lock file", &path, &e))?;
    let begun = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if begun.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Problem::new(
                    &catalogue::LOCAL_WRITE,
                    format!("another hallpass holds the lock of the local store {}", store.display()),
                )
                .causes(vec!["a writer that was stopped with Ctrl-Z, or hangs".to_owned()])
                .fixes(vec![format!(
                    "end the process that has it open: fuser {}",
                    path.display()
                )]));
            }
            Err(e) => return Err(cannot("lock", &path, &e.into())),
        }
    }
}

/// The content of the store; none if there is no such file.
pub(super) fn read_store(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
    match open(path) {
        Ok(file) => read(&file, path).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(cannot("read the local store", path, &e)),
    }
}

/// The content of the key file; none if there is no such file. Refuses one that others can read or change.
pub(super) fn read_key(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
    let file = match open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(cannot("read the key file", path, &e)),
    };
    // Of the open file, not of the path: it cannot be swapped in between.
    let metadata = file.metadata().map_err(|e| cannot("read the key file", path, &e))?;
    let insecure = |what: String, fix: String| {
        Err(Problem::new(&catalogue::CONFIG_INSECURE_MODE, what)
            .causes(Vec::new())
            .fixes(vec![fix]))
    };
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return insecure(
            format!(
                "other users can read or change the key file of the local store ({}, mode {mode:04o})",
                path.display()
            ),
            format!("chmod 600 {}", quoted(path)),
        );
    }
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && metadata.uid() != 0 {
        return insecure(
            format!(
                "the key file of the local store belongs to another user ({}, uid {})",
                path.display(),
                metadata.uid()
            ),
            format!("sudo chown \"$USER\" {}", quoted(path)),
        );
    }
    let folder = folder_of(path);
    if let Ok(metadata) = fs::metadata(folder)
        && metadata.mode() & 0o002 != 0
        && metadata.mode() & 0o1000 == 0
    {
        return insecure(
            format!(
                "anybody can replace the key file of the local store: the folder {} is open to all",
                folder.display()
            ),
            format!("chmod o-w {}", quoted(folder)),
        );
    }
    read(&file, path).map(Some)
}

/// Replaces `path` in one step: whoever reads it, and whatever is left after a crash, sees the old content or the new one, whole.
/// Call it with the lock held.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Problem> {
    // A rename would replace a symbolic link and leave the file that it names behind.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    sweep(&target);
    let write = || -> io::Result<()> {
        let folder = folder_of(&target);
        let mut file = tempfile::Builder::new()
            .prefix(&temporary_prefix(&target))
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|e| e.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|e| cannot("write", path, &e))
}

/// Removes what writers left that were killed before they could rename; with the lock held nobody else is writing.
fn sweep(target: &Path) {
    let prefix = temporary_prefix(target);
    let Ok(entries) = fs::read_dir(folder_of(target)) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn temporary_prefix(target: &Path) -> String {
    format!(".{}.new-", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Opens a plain file; a pipe that nobody writes into would hold us up for ever.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn read(file: &File, path: &Path) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let size = file.metadata().map_err(|e| cannot("read", path, &e))?.len();
    let mut content = Zeroizing::new(Vec::with_capacity(
        usize::try_from(size.min(MAX_SIZE)).unwrap_or_default() + 64,
    ));
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut content)
        .map_err(|e| cannot("read", path, &e))?;
    if content.len() as u64 > MAX_SIZE {
        return Err(Problem::new(
            &catalogue::LOCAL_CORRUPT,
            format!("{} is larger than 16 MiB and not read", path.display()),
        ));
    }
    Ok(content)
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn beside(store: &Path, extension: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// The key of a store that is told no other: `pw.key` beside `pw.age`.
pub(super) fn key_beside(store: &Path) -> PathBuf {
    let key = store.with_extension("key");
    if key == store { beside(store, "key") } else { key }
}

/// A path as it can be pasted into a shell.
pub(super) fn quoted(path: &Path) -> String {
    shell::quoted(&path.to_string_lossy())
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Problem {
    let cause = match error.kind() {
        io::ErrorKind::PermissionDenied => "this user may not",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::Unsupported => "it is no plain file",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "a file stands where a folder must be",
        io::ErrorKind::NotFound => "its folder does not exist",
        _ => "the system refused",
    };
    let code = if verb.starts_with("read") {
        &catalogue::LOCAL_READ
    } else {
        &catalogue::LOCAL_WRITE
    };
    Problem::new(code, format!("cannot {verb} {}", path.display())).causes(vec![cause.to_owned()])
}
