//! `hallpass connect ROLE`: the role's client in this terminal, its output redacted, nothing of ours around it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use super::leases::{self, OfSession, Signals};
use super::{Frame, complain, note, recording, terminal_prompt, time_limit, tui};
use crate::config::ConnectMode;
use crate::domain::catalogue;
use crate::domain::plan::LaunchPlan;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::launch::{self, Request};
use crate::providers::leases::{PATIENCE as PATIENCE_FOR_LEASES, leave, made, sweep};
use crate::recording::Recorder;
use crate::session::{outside, passthrough, pipe};

/// What takes longer than this is said.
const PATIENCE: Duration = Duration::from_millis(100);

/// Open a role in this terminal
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass connect prod-postgres\n  hallpass connect prod-postgres -- -c 'select 1'\n  hallpass connect --tui prod-postgres"
)]
pub(super) struct Connect {
    /// The role's name
    role: String,
    /// How long the secrets may take together: 500ms, 5s, 1m [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    /// Open it in the session view
    #[arg(long)]
    tui: bool,
    /// Do not record the session
    #[arg(long)]
    no_record: bool,
    /// Arguments for the client, behind its own
    #[arg(last = true)]
    arguments: Vec<OsString>,
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
    let mut request = Request {
        role: connect.role,
        timeout: connect.timeout,
        extra: connect.arguments,
        unrecorded: connect.no_record,
        ..Request::default()
    };
    if tui {
        launch::find_role(&frame.config, &request.role).map_err(|problem| vec![problem])?;
        return tui::open(frame, request).map_err(|problem| vec![problem]);
    }
    if in_terminal {
        outside::wait_for_the_front().map_err(|problem| vec![problem])?;
    }
    let recorder = recording::begin(frame, &mut request).map_err(|problem| vec![problem])?;
    let (plan, recorder) = plan(&request, frame, recorder)?;
    let words = connected_words(&plan, frame);
    let connected = || {
        if !frame.quiet {
            let _ = writeln!(std::io::stderr(), "{words}");
        }
    };
    run_here(plan, in_terminal, frame.quiet, recorder.as_ref(), connected).map_err(|problem| vec![problem])
}

/// Resolves a request. A local store that is locked is opened with a passphrase asked on the terminal, and the launch tried again.
///
/// The recording comes back with the plan; where there is none, nothing is left of it.
pub(super) fn plan(
    request: &Request,
    frame: &Frame,
    recorder: Option<Recorder>,
) -> Result<(LaunchPlan, Option<Recorder>), Vec<Problem>> {
    frame.mention_problems();
    let runtime = frame.runtime().map_err(|problem| vec![problem])?;
    sweep(&frame.providers);
    let resolve = || {
        let work = launch::resolve(&frame.config, &frame.providers, &frame.world, request);
        let work = with_progress(work, &request.role, frame.quiet);
        let leaves = recorder.is_some() || may_make(frame, &request.role);
        runtime.block_on(unless_told_to_end(work, leaves))
    };
    let mut asked = BTreeSet::new();
    let plan = loop {
        match resolve() {
            Ok(Err(problems)) if unlock(&problems, &mut asked, frame, &runtime)? => {}
            other => break other,
        }
    };
    // Nobody drives its connections any more, and leases would be given back through them. A name server that does not answer keeps a
    // thread busy, which nobody waits for.
    runtime.shutdown_background();
    let plan = match plan {
        Ok(plan) => plan?,
        Err(signal) => {
            drop(recorder);
            leases::end_by(signal, frame.quiet)
        }
    };
    if plan.leases.is_empty() {
        leave();
    }
    if !frame.quiet {
        for warning in &plan.warnings {
            note(&format!("warning: {warning}"));
        }
    }
    Ok((plan, recorder))
}

/// Whether a role's secrets may be made for it.
fn may_make(frame: &Frame, role: &str) -> bool {
    let role = frame.config.roles.iter().find(|known| known.name == role);
    role.is_some_and(|role| {
        role.references()
            .any(|reference| reference.id.kind.provider_kind() == ProviderKind::Vault)
    })
}

/// Does the work, or gives it up on a signal, where it leaves something: a secret that must be given back, a recording of nothing. Whatever
/// is being made when the work is over is waited for: it is given back as soon as its name is known.
async fn unless_told_to_end<T>(work: impl Future<Output = T>, leaves: bool) -> Result<T, std::ffi::c_int> {
    // Heard once, a signal no longer ends us by itself: not where there is nothing to tidy up.
    let Some(mut signals) = leaves.then(Signals::new).and_then(Result::ok) else {
        return Ok(work.await);
    };
    let done = tokio::select! {
        signal = signals.next() => Err(signal),
        done = work => Ok(done),
    };
    made(PATIENCE_FOR_LEASES).await;
    done
}

/// Says on a terminal what is waited for, once it takes longer than a person takes for instant, and takes it away again.
async fn with_progress<T>(work: impl Future<Output = T>, role: &str, quiet: bool) -> T {
    let mut work = std::pin::pin!(work);
    let mut errors = std::io::stderr();
    if quiet || !errors.is_terminal() {
        return work.await;
    }
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    let _ = write!(errors, "Opening {role}: reading its secrets (Ctrl-C cancels)");
    let done = work.await;
    let _ = write!(errors, "\r\x1b[K");
    done
}

/// Whether a locked store stood in the way and is open now. Each is asked for once: one store may hold what opens the next.
fn unlock(
    problems: &[Problem],
    asked: &mut BTreeSet<String>,
    frame: &Frame,
    runtime: &Runtime,
) -> Result<bool, Vec<Problem>> {
    if !frame.may_ask || !terminal_prompt::is_possible() {
        return Ok(false);
    }
    let one = |problem| vec![problem];
    let before = asked.len();
    for name in launch::locked_stores(problems) {
        if !asked.insert(name.to_owned()) {
            continue;
        }
        let Some(passphrase) =
            terminal_prompt::ask_secret(&format!("Passphrase of the local store `{name}`: ")).map_err(one)?
        else {
            return Ok(false);
        };
        let store = frame.providers.get(name).map_err(one)?;
        runtime.block_on(store.unlock(passphrase)).map_err(one)?;
    }
    Ok(asked.len() > before)
}

/// What there is to say when the client has been started: afterwards nothing of ours is put among what it prints. The limits are those in
/// force here.
fn connected_words(plan: &LaunchPlan, frame: &Frame) -> String {
    let role = frame.config.roles.iter().find(|role| role.name == plan.role);
    let limits = role.and_then(|role| {
        let mut policy = role.policy.clone();
        policy.idle_timeout = policy.idle_timeout.filter(|_| pipe::knows_idleness());
        policy.limit_words()
    });
    let limits = limits.map_or_else(String::new, |words| format!(" ({words})"));
    format!("Connected to {}{limits}", plan.role)
}

/// The exit code of a session that hallpass could not do everything for, where its child says that all is well.
pub(super) fn incomplete(code: u8) -> u8 {
    if code == 0 { 125 } else { code }
}

/// Runs the plan where we stand: on a PTY of its own if there is a terminal, else through pipes. Calls `connected` when the child has been
/// started, before anything that it prints.
pub(super) fn run_here(
    mut plan: LaunchPlan,
    in_terminal: bool,
    quiet: bool,
    recorder: Option<&Recorder>,
    connected: impl FnOnce(),
) -> Result<u8, Problem> {
    let starter = std::env::current_exe()
        .map_err(|_| Problem::new(&catalogue::IO, "the system does not say where hallpass itself lies"))?;
    let leases = OfSession::new(std::mem::take(&mut plan.leases));
    let ending = if in_terminal {
        passthrough::connect(plan, &starter, recorder, connected)
    } else {
        pipe::run(plan, &starter, recorder, connected)
    };
    leases.end(quiet);
    let ending = ending?;
    if let Some(limit) = ending.limit.filter(|_| !quiet) {
        note(&format!("the session was ended: {limit}"));
    }
    let mut code = u8::try_from(ending.code).unwrap_or(u8::MAX);
    if let Some(problem) = &ending.unwritten {
        complain(problem);
        code = incomplete(code);
    }
    Ok(recording::report(recorder, code))
}
