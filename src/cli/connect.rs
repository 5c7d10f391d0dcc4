//! `hallpass connect ROLE`: the role's client in this terminal, its output redacted, nothing of ours around it.

use std::io::IsTerminal as _;

use clap::Args;

use super::{Frame, note, tui};
use crate::config::ConnectMode;
use crate::domain::catalogue;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::launch::{self, Request};
use crate::session::{passthrough, pipe};

/// Open a role in this terminal
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass connect prod-postgres\n  hallpass connect prod-postgres -- -c 'select 1'\n  hallpass connect --tui prod-postgres"
)]
pub(super) struct Connect {
    /// The role's name
    role: String,
    /// Open it in the session view
    #[arg(long)]
    tui: bool,
    /// Arguments for the client, behind its own
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(super) fn run(connect: Connect, frame: &Frame) -> Result<u8, Vec<Problem>> {
    let in_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let tui = connect.tui || (frame.config.connect == ConnectMode::Tui && in_terminal);
    if tui && !in_terminal {
        return Err(vec![Problem::new(
            &catalogue::TTY_REQUIRED,
            "the session view needs a terminal",
        )]);
    }
    let request = Request {
        role: connect.role,
        extra: connect.arguments,
        ..Request::default()
    };
    if tui {
        launch::find_role(&frame.config, &request.role).map_err(|problem| vec![problem])?;
        return tui::open(frame, request).map_err(|problem| vec![problem]);
    }
    let plan = plan(&request, frame)?;
    if !frame.quiet {
        note_connected(&plan);
    }
    run_here(plan, in_terminal).map_err(|problem| vec![problem])
}

/// Resolves a request; a locked local store is opened with a passphrase asked on the terminal.
pub(super) fn plan(request: &Request, frame: &Frame) -> Result<LaunchPlan, Vec<Problem>> {
    frame.mention_problems();
    let runtime = frame.runtime().map_err(|problem| vec![problem])?;
    let plan =
        runtime.block_on(async { launch::resolve(&frame.config, &frame.providers, &frame.world, request).await });
    let plan = plan?;
    if !frame.quiet {
        for warning in &plan.warnings {
            note(&format!("warning: {warning}"));
        }
    }
    Ok(plan)
}

fn note_connected(plan: &LaunchPlan) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "Connected to {}", plan.role);
}

/// Runs the plan where we stand: on a PTY of its own if there is a terminal, else through pipes.
pub(super) fn run_here(plan: LaunchPlan, in_terminal: bool) -> Result<u8, Problem> {
    let starter = std::env::current_exe()
        .map_err(|_| Problem::new(&catalogue::IO, "the system does not say where hallpass itself lies"))?;
    let ending = if in_terminal {
        passthrough::connect(plan, &starter)?
    } else {
        pipe::run(plan, &starter)?
    };
    Ok(u8::try_from(ending.code).unwrap_or(u8::MAX))
}
