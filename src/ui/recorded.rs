//! Whether a session is recorded, as its tab knows it and its first row shows it.

use std::path::{Path, PathBuf};

use ratatui::text::Span;

use super::theme;
use crate::domain::problem::Problem;
use crate::recording::Recorder;

/// Whether a session is recorded, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Recorded {
    #[default]
    Not,
    To(PathBuf),
    /// It was, up to a failure: its code.
    Lost {
        file: PathBuf,
        code: &'static str,
    },
}

impl Recorded {
    pub fn of(recorder: Option<&Recorder>) -> Self {
        recorder.map_or(Self::Not, |recorder| Self::To(recorder.path().to_owned()))
    }

    /// Where it lies, whole or not.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Not => None,
            Self::To(file) | Self::Lost { file, .. } => Some(file),
        }
    }

    /// The recording has failed.
    pub fn lose(&mut self, problem: &Problem) {
        if let Self::To(file) = self {
            *self = Self::Lost {
                file: std::mem::take(file),
                code: problem.code.id,
            };
        }
    }

    /// The light in the first row of a session.
    pub fn light(&self) -> Option<Span<'static>> {
        match self {
            Self::Not => None,
            Self::To(_) => Some(Span::styled("● REC", theme::FAIL)),
            Self::Lost { .. } => Some(Span::styled("✗ REC", theme::BELL)),
        }
    }

    /// `FILE`, or what became of it; none where nothing is recorded.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Not => None,
            Self::To(file) => Some(file.display().to_string()),
            Self::Lost { file, code } => Some(format!("{code}: ends early in {}", file.display())),
        }
    }
}
