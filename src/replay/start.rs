//! Which recording is to be played, and how.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::problem::Problem;
use crate::recording::read::Reader;
use crate::recording::seal::Identities;
use crate::recording::source;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Start {
    pub file: PathBuf,
    /// What opens a sealed recording.
    pub identity: Option<PathBuf>,
    /// Where to begin.
    pub at: Option<Duration>,
    pub speed: Option<f64>,
    pub idle_limit: Option<Duration>,
}

impl Start {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// `E-REC-READ`, `E-REC-FORMAT`; `E-REC-SEALED`, `E-REC-IDENTITY` of a sealed one.
    pub fn open(&self) -> Result<Reader, Problem> {
        let identities = self.identity.as_deref().map(Identities::read).transpose()?;
        Reader::open(source(&self.file, identities)?, &self.file.display().to_string())
    }
}
