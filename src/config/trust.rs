//! Reads files with care: only what nobody but the person (or root) can change, no pipes, nothing endless.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::shell;

/// Largest file that is read.
const LARGEST: u64 = 1024 * 1024;

/// Reads a file that only its owner can change.
///
/// # Errors
/// It cannot be opened, is no regular file, is too large, is not text, or others can change it.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    // Not waiting for a writer keeps a FIFO from stopping the start; what is opened is what is looked at.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
        .map_err(|error| unreadable(path, io_words(&error)))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, io_words(&error)))?;
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a regular file"));
    }
    trusted(path, &metadata, "file")?;
    if metadata.len() > LARGEST {
        return Err(unreadable(path, "it is larger than 1 MiB"));
    }
    read_text(&mut file).map_err(|why| unreadable(path, why))
}

fn read_text(file: &mut File) -> Result<String, &'static str> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| io_words(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than 1 MiB");
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")
}

/// Looks whether the folder may be entered, and whether others could put a file of their own into it. One that is not there holds no file
/// either, and is fine.
///
/// # Errors
/// It may not, or they could.
pub(super) fn trusted_folder(folder: &Path) -> Result<(), Problem> {
    // The folder's own name for itself is found by those alone who may enter.
    match std::fs::metadata(folder.join(".")) {
        Ok(metadata) => trusted(folder, &metadata, "folder"),
        Err(error) if says_absent(&error) => Ok(()),
        Err(error) => Err(unreadable(folder, io_words(&error))),
    }
}

/// Whether nothing has this name. What cannot be looked at may well be there.
pub(super) fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| says_absent(&error))
}

/// Whether the error says that there is nothing: what stands where a folder should be holds no files.
pub(super) fn says_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn trusted(path: &Path, metadata: &std::fs::Metadata, noun: &str) -> Result<(), Problem> {
    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;
    let mode = metadata.mode();
    let owner = metadata.uid();
    let quoted = shell::quoted(&path.display().to_string());
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        let what = format!("the {noun} {} belongs to another user", shown_path(path));
        return Err(Problem::new(&catalogue::CONFIG_INSECURE_MODE, what)
            .causes(Vec::new())
            .fixes(vec![format!("sudo chown \"$(id -un)\" {quoted}")]));
    }
    if mode & OTHERS_WRITE != 0 && !(metadata.is_dir() && mode & STICKY != 0) {
        let what = format!(
            "other users can change the {noun} {} (mode {:04o}), so it is not read",
            shown_path(path),
            mode & 0o7777
        );
        return Err(Problem::new(&catalogue::CONFIG_INSECURE_MODE, what)
            .causes(Vec::new())
            .fixes(vec![format!("chmod go-w {quoted}")]));
    }
    Ok(())
}

pub(super) fn unreadable(path: &Path, why: &str) -> Problem {
    let what = format!("{} cannot be read: {why}", shown_path(path));
    Problem::new(&catalogue::CONFIG_READ, what).causes(Vec::new())
}

fn shown_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

pub(super) fn io_words(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::IsADirectory => "it is a folder",
        _ => "the system refused it",
    }
}
