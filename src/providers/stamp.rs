//! Files that others write while hallpass runs: whether one is still what it was when it was read.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file as it was when it was read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Number, length and time of change; none where there is no file.
    state: Option<(u64, u64, i64, i64)>,
}

impl Stamp {
    /// Taken before the file is read: a change in between shows then.
    pub(super) fn of(path: &Path) -> Self {
        let state = std::fs::metadata(path).ok();
        let state = state.map(|it| (it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        Self {
            path: path.to_path_buf(),
            state,
        }
    }

    pub(super) fn holds(&self) -> bool {
        Self::of(&self.path) == *self
    }
}
