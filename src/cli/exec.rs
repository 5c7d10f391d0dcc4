//! `hallpass exec ROLE -- CMD…`: any command with the role's environment; stdout carries the child's bytes only, redacted.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;

use super::{Frame, connect, recording, time_limit};
use crate::domain::policy::Record;
use crate::domain::problem::Problem;
use crate::launch::{self, Request};
use crate::recording::Recorder;

/// Run a command with a role's environment
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass exec prod-postgres -- psql -Atc 'select current_user'\n  hallpass exec prod-postgres -- pg_dump -s orders > schema.sql"
)]
pub(super) struct Exec {
    /// The role's name
    role: String,
    /// How long the secrets may take together: 500ms, 5s, 1m [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    /// Do not record what it prints on a terminal
    #[arg(long)]
    no_record: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(exec: Exec, frame: &Frame) -> Result<u8, Vec<Problem>> {
    let mut request = Request {
        role: exec.role,
        timeout: exec.timeout,
        command: Some(exec.command),
        unrecorded: exec.no_record,
        ..Request::default()
    };
    let recorder = recorder(&mut request, frame).map_err(|problem| vec![problem])?;
    let (plan, recorder) = connect::plan(&request, frame, recorder)?;
    let in_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && is_in_foreground();
    connect::run_here(plan, in_terminal, frame.quiet, recorder.as_ref(), || ()).map_err(|problem| vec![problem])
}

/// A command whose output nobody sees here, because it goes into files and pipes, is recorded only where that is required.
fn recorder(request: &mut Request, frame: &Frame) -> Result<Option<Recorder>, Problem> {
    let shown = std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
    let role = launch::find_role(&frame.config, &request.role)?;
    if shown || role.policy.record == Record::Required {
        return recording::begin(frame, request);
    }
    Ok(None)
}

/// A job in the background (`exec … &`) that took the terminal would be stopped at once: it gets pipes.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}
