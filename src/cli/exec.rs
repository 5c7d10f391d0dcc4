//! `hallpass exec ROLE -- CMD…`: any command with the role's environment; stdout carries the child's bytes only, redacted.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;

use super::{Frame, connect, time_limit};
use crate::domain::problem::Problem;
use crate::launch::Request;

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
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

pub(super) fn run(exec: Exec, frame: &Frame) -> Result<u8, Vec<Problem>> {
    let request = Request {
        role: exec.role,
        timeout: exec.timeout,
        command: Some(exec.command),
        ..Request::default()
    };
    let plan = connect::plan(&request, frame)?;
    let in_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && is_in_foreground();
    connect::run_here(plan, in_terminal, frame.quiet).map_err(|problem| vec![problem])
}

/// A job in the background (`exec … &`) that took the terminal would be stopped at once: it gets pipes.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}
