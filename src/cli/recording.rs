//! The recording of a session of the command line: made before a secret is read, and what is to be said of it afterwards.

use std::time::Duration;

use rustix::termios::tcgetwinsize;

use super::connect::incomplete;
use super::{Frame, complain, note};
use crate::domain::problem::Problem;
use crate::launch::{self, Request};
use crate::recording::cast::Size;
use crate::recording::{Recorder, wait_for_writers};

/// What a session is taken for that has no terminal.
const CLASSIC: Size = Size { columns: 80, rows: 24 };
/// How long a disk is waited for on the way out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes the recording that the role's policy wants, and gives the request the id of the session that it is of.
pub(super) fn begin(frame: &Frame, request: &mut Request) -> Result<Option<Recorder>, Problem> {
    let role = launch::find_role(&frame.config, &request.role)?;
    let session = launch::session_id()?;
    let term = frame.world.text("TERM");
    let recording = launch::record(&frame.config, role, &session, size(), term, request.unrecorded)?;
    request.session = Some(session);
    if let Some(problem) = recording.warning {
        warn(&problem);
    }
    Ok(recording.recorder)
}

/// For the way out: nothing is left of a recording of a session that was never connected.
pub(super) fn settle() {
    wait_for_writers(PATIENCE);
}

/// The size of the terminal that shows the session, whichever of ours that is.
fn size() -> Size {
    let known = [
        tcgetwinsize(rustix::stdio::stdout()),
        tcgetwinsize(rustix::stdio::stderr()),
        tcgetwinsize(rustix::stdio::stdin()),
    ];
    let known = known
        .into_iter()
        .flatten()
        .find(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or(CLASSIC, |size| Size {
        columns: size.ws_col,
        rows: size.ws_row,
    })
}

/// Says what went wrong with the recording of a session that has ended; the exit code for one whose child ended with `code`.
pub(super) fn report(recorder: Option<&Recorder>, code: u8) -> u8 {
    let Some((recorder, problem)) = recorder.and_then(|recorder| Some((recorder, recorder.failure()?))) else {
        return code;
    };
    if !recorder.is_required() {
        warn(&problem);
        return code;
    }
    complain(&problem);
    incomplete(code)
}

/// Also where little is to be said: nobody else would say it.
fn warn(problem: &Problem) {
    let cause = problem
        .causes
        .first()
        .map_or_else(String::new, |cause| format!(" ({cause})"));
    note(&format!("warning: {}: {}{cause}", problem.code.id, problem.what));
}
