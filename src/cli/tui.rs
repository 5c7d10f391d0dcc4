//! `hallpass` alone, and `connect --tui`: the terminal user interface.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::{Frame, Tui, short_help};
use crate::domain::problem::Problem;
use crate::launch::Request;
use crate::providers::leases;
use crate::replay::Start;

/// The list of roles; short help and exit code 2 where there is no terminal.
pub(super) fn run(frame: &Frame) -> Result<u8, Problem> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        short_help();
        return Ok(2);
    }
    start(frame, None, None)
}

/// The session view with this role opened at once.
pub(super) fn open(frame: &Frame, request: Request) -> Result<u8, Problem> {
    start(frame, Some(request), None)
}

/// A recording in the player.
pub(super) fn replay(frame: &Frame, recording: Start) -> Result<u8, Problem> {
    start(frame, None, Some(recording))
}

fn start(frame: &Frame, open: Option<Request>, replay: Option<Start>) -> Result<u8, Problem> {
    if replay.is_none() {
        leases::sweep(&frame.providers);
    }
    (frame.ui.run)(Tui {
        config: Arc::clone(&frame.config),
        providers: Arc::clone(&frame.providers),
        world: frame.world.clone(),
        open,
        replay,
        ascii: frame.ascii,
        program: frame.program.clone(),
        reload: Arc::clone(&frame.reload),
    })
}
