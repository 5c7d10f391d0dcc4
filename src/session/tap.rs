//! The tap of a session's recording: what the child prints goes by here on its way to the screen, and what is typed on its way to the child.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, tcgetattr};

use super::emulator::Size;
use crate::domain::characters::Characters;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::recording::{Recorder, Tee, cast};

/// While the disk is behind, how often it is looked at again.
const LOOK: Duration = Duration::from_millis(5);
/// The same while the child prints nothing: a recording that fails then is to be noticed, too.
const LOOK_IDLE: Duration = Duration::from_millis(100);

/// The size as recordings have it.
pub(super) fn cells(size: Size) -> cast::Size {
    cast::Size {
        columns: size.columns,
        rows: size.rows,
    }
}

/// What the child prints, for the recording if there is one.
pub(super) struct Tap {
    /// None without a recording, and once it has failed.
    tee: Option<Tee>,
}

impl Tap {
    /// Of a child on a terminal.
    pub(super) fn new(recorder: Option<&Recorder>) -> Self {
        Self {
            tee: recorder.cloned().map(Tee::new),
        }
    }

    /// Of a child on a pipe.
    pub(super) fn of_pipe(recorder: Option<&Recorder>) -> Self {
        Self {
            tee: recorder.cloned().map(Tee::of_pipe),
        }
    }

    /// What the redactor has let through. Never waits.
    pub(super) fn output(&mut self, clear: &[u8]) {
        if let Some(tee) = &mut self.tee {
            tee.push(clear);
        }
    }

    pub(super) fn resize(&self, size: Size) {
        if let Some(tee) = &self.tee {
            tee.recorder().resize(cells(size));
        }
    }

    /// Whether the child may print more. While not, nothing of it is read: it waits, as for any slow terminal.
    pub(super) fn has_room(&self) -> bool {
        self.tee.as_ref().is_none_or(|tee| tee.recorder().has_room())
    }

    /// When it is to be looked at again although nothing happens.
    pub(super) fn due(&self, has_room: bool) -> Option<Instant> {
        let look = if has_room { LOOK_IDLE } else { LOOK };
        let behind = self.tee.as_ref().is_some_and(|tee| tee.recorder().is_behind());
        (behind || !has_room).then(|| Instant::now() + look)
    }

    /// Why nothing is recorded any more, and whether the session must end therefore; once.
    pub(super) fn failure(&mut self) -> Option<(Problem, bool)> {
        let recorder = self.tee.as_ref()?.recorder();
        let failure = (recorder.failure()?, recorder.is_required());
        self.tee = None;
        Some(failure)
    }

    /// Nothing more will be printed. The recording itself is finished by whoever has all of its taps.
    pub(super) fn close(&mut self) {
        if let Some(tee) = &mut self.tee {
            tee.finish();
        }
    }

    /// Nothing more will be printed, and the child has ended with this code; why that is not on the disk, if it was not said before.
    pub(super) fn finish(mut self, code: i32) -> Option<Problem> {
        self.close();
        self.tee?.recorder().finish(code)
    }
}

/// What is typed, where the policy wants it recorded: not while the terminal does not echo it, and never a value that the session was given.
pub(super) struct Typed {
    recorder: Recorder,
    redactor: Redactor,
    terminal: Arc<OwnedFd>,
    clear: Vec<u8>,
    /// A read may end within one.
    characters: Characters,
}

impl Typed {
    pub(super) fn new(
        recorder: Option<&Recorder>,
        redactor: impl FnOnce() -> Redactor,
        terminal: &Arc<OwnedFd>,
    ) -> Option<Self> {
        let recorder = recorder.filter(|recorder| recorder.records_input())?;
        Some(Self {
            recorder: recorder.clone(),
            redactor: redactor().of_typing(),
            terminal: Arc::clone(terminal),
            clear: Vec::new(),
            characters: Characters::default(),
        })
    }

    /// Bytes on their way to the child.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let echoes = tcgetattr(&*self.terminal).is_ok_and(|terminal| terminal.local_modes.contains(LocalModes::ECHO));
        if echoes {
            self.redactor.push(bytes, &mut self.clear);
            self.record();
        }
    }

    fn record(&mut self) {
        let whole = self.characters.whole(&self.clear);
        if !whole.is_empty() {
            self.recorder.input(String::from_utf8_lossy(&whole).into_owned());
        }
        self.clear.clear();
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.redactor.finish(&mut self.clear);
        self.record();
        let rest = self.characters.rest();
        if !rest.is_empty() {
            self.recorder.input(String::from_utf8_lossy(&rest).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pty::Pty;
    use super::*;
    use crate::domain::policy::{RecordingSettings, SessionPolicy};
    use crate::domain::secret::ChildEnv;
    use crate::recording::{self, Begin};

    #[test]
    fn a_character_that_a_read_cuts_is_recorded_whole() {
        let home = tempfile::tempdir().unwrap();
        let policy = SessionPolicy {
            record_input: true,
            ..SessionPolicy::default()
        };
        let size = Size { columns: 80, rows: 24 };
        let begin = Begin {
            folder: home.path().join("recordings"),
            session: "0123456789abcdef".to_owned(),
            role: "orders".to_owned(),
            env: None,
            title: "orders".to_owned(),
            term: None,
            size: cells(size),
            policy: &policy,
            settings: &RecordingSettings::default(),
        };
        let recorder = recording::open(&begin).unwrap().unwrap();
        recorder.connected();
        let (pty, _child) = Pty::open(size).unwrap();
        let mut typed = Typed::new(Some(&recorder), || ChildEnv::new().redactor(), &pty.end).unwrap();
        for piece in [&b"na\xc3"[..], b"\xaf", b"ve \xf0\x9f", b"\x99\x82", b"\xe2\x82"] {
            typed.push(piece);
        }
        drop(typed);
        let path = recorder.path().to_owned();
        assert_eq!(recorder.finish(0), None);
        let text = std::fs::read_to_string(path).unwrap();
        let input = |line: &str| Some(line.split_once(", \"i\", \"")?.1.trim_end_matches("\"]").to_owned());
        let inputs: String = text.lines().filter_map(input).collect();
        assert_eq!(inputs, "naïve 🙂\u{fffd}", "{text}");
    }
}
