//! Reads the small files that providers are pointed at: tokens, keys, certificates.
//!
//! A path may name anything. Whatever it is, reading it ends soon, and takes no more memory than such a file needs.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The largest file that is read: some hold the certificates of hundreds of authorities.
const LARGEST: usize = 4 * 1024 * 1024;
/// How long whoever writes into a pipe (`<(command)` of a shell) may take: threads that others need wait for it.
const PIPE_LIMIT: Duration = Duration::from_secs(2);

/// Why a file cannot be read, for a person.
pub(super) fn why(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        kind => kind.to_string(),
    }
}

/// The content of a file or a pipe. Anything else, a larger file and a pipe that stays open are errors.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() && !kind.is_fifo() {
        return Err(ErrorKind::Unsupported.into());
    }
    let too_large = || Error::from(ErrorKind::FileTooLarge);
    let expected = usize::try_from(metadata.len()).map_err(|_| too_large())?;
    if expected > LARGEST {
        return Err(too_large());
    }
    let until = Instant::now() + PIPE_LIMIT;
    // Grown by hand: a vector that grows by itself leaves an unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(expected + 1));
    let mut part = Zeroizing::new([0u8; 8192]);
    loop {
        match file.read(&mut *part) {
            Ok(0) => return Ok(content),
            Ok(length) => {
                if content.len() + length > LARGEST {
                    return Err(too_large());
                }
                if content.len() + length > content.capacity() {
                    let mut larger = Zeroizing::new(Vec::with_capacity((content.len() + length) * 2));
                    larger.extend_from_slice(&content);
                    content = larger;
                }
                content.extend_from_slice(part.get(..length).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
                let answers = poll(&mut [PollFd::new(&file, PollFlags::IN)], left.as_ref());
                if matches!(answers, Ok(0)) {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// The same of a text.
pub(super) fn read_text(path: &Path) -> Result<SecretString, Error> {
    let content = read(path)?;
    let text = std::str::from_utf8(&content).map_err(|_| Error::from(ErrorKind::InvalidData))?;
    Ok(SecretString::from(Box::<str>::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn files_are_read_whole_up_to_the_cap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for length in [0, 1, 8191, 8192, 8193, 100_000, LARGEST] {
            std::fs::write(&path, "x".repeat(length)).unwrap();
            assert_eq!(read_text(&path).unwrap().expose_secret().len(), length);
        }
        std::fs::write(&path, "x".repeat(LARGEST + 1)).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::FileTooLarge);
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(
            read(&folder.path().join("none")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn what_never_ends_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::Unsupported);
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(read(&pipe).unwrap().len(), 0, "nobody writes");
        let started = Instant::now();
        let writer = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        assert_eq!(read(&pipe).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(started.elapsed() < PIPE_LIMIT * 2);
        drop(writer);
    }

    #[test]
    fn a_pipe_is_read_while_somebody_writes() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let writing = std::thread::spawn(move || {
            for part in ["to", "ken"] {
                std::thread::sleep(Duration::from_millis(50));
                writer.write_all(part.as_bytes()).unwrap();
            }
        });
        assert_eq!(read_text(Path::new(&path)).unwrap().expose_secret(), "token");
        writing.join().unwrap();
    }
}
