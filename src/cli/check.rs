//! `hallpass check [ROLE…]`: whether roles and their providers are ready. Exit 1 when anything fails; never prompts.

use clap::Args;

use super::{Frame, complain, json, say, table};
use crate::check::{Checker, Report};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, State};
use crate::launch;

/// Check roles and the providers they use
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass check\n  hallpass check prod-postgres\n  hallpass check --json | jq .summary"
)]
pub(super) struct Check {
    /// Roles to check; all of them if none is named
    roles: Vec<String>,
    /// All roles, said aloud
    #[arg(long)]
    all: bool,
}

pub(super) fn run(check: &Check, frame: &Frame) -> Result<u8, Problem> {
    let names = names(check, frame)?;
    let checker = Checker {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
    };
    let report = frame.runtime()?.block_on(checker.roles(&names));
    if frame.json {
        say(&json::document(json::report(&report)));
    } else if !frame.quiet {
        print(&report);
    }
    let config_failed = check.roles.is_empty() && !frame.config.problems.is_empty();
    if config_failed && !frame.json {
        frame.mention_problems();
    }
    Ok(u8::from(report.worst() == State::Fail || config_failed))
}

/// The roles that are meant, in the order they were named or written.
fn names(check: &Check, frame: &Frame) -> Result<Vec<String>, Problem> {
    if !check.roles.is_empty() && !check.all {
        for name in &check.roles {
            let broken = frame.config.broken.iter().any(|broken| broken.name == *name);
            if !broken {
                launch::find_role(&frame.config, name)?;
            }
        }
        return Ok(check.roles.clone());
    }
    let broken = frame.config.broken.iter().map(|broken| &broken.name);
    Ok(frame
        .config
        .roles
        .iter()
        .map(|role| &role.name)
        .chain(broken)
        .cloned()
        .collect())
}

fn print(report: &Report) {
    if !report.providers.is_empty() {
        let rows: Vec<Vec<String>> = report.providers.iter().map(provider_row).collect();
        say(&table::render(
            &["PROVIDER", "STATE", "MS", "LADDER", "LOGIN", "ENDPOINT"],
            &rows,
        ));
        say("");
    }
    let rows: Vec<Vec<String>> = report.roles.iter().flat_map(role_rows).collect();
    say(&table::render(&["ROLE", "FIELD", "STATE", "VERSION", "CHANGED"], &rows));
    let mut told: Vec<&Problem> = Vec::new();
    let of_fields = report
        .roles
        .iter()
        .flat_map(|role| role.fields.iter().filter_map(|field| field.problem.as_ref()));
    let of_roles = report.roles.iter().filter_map(|role| role.problem.as_ref());
    for problem in report
        .providers
        .iter()
        .filter_map(|provider| provider.problem.as_ref())
        .chain(of_roles)
        .chain(of_fields)
    {
        if !told
            .iter()
            .any(|other| other.code == problem.code && other.what == problem.what)
        {
            told.push(problem);
            complain(problem);
        }
    }
    let count = |state| report.count(state);
    say(&format!(
        "\n{} roles: {} ok, {} warnings, {} failing",
        report.roles.len(),
        count(State::Ok),
        count(State::Warn),
        count(State::Fail)
    ));
}

fn provider_row(status: &ProviderStatus) -> Vec<String> {
    let ladder: Vec<String> = status
        .stages
        .iter()
        .map(|stage| match stage.ms {
            Some(ms) => format!("{} {} {ms}ms", stage.name, stage.state.word()),
            None => format!("{} {}", stage.name, stage.state.word()),
        })
        .collect();
    vec![
        printable(&status.name),
        status.state.word().to_owned(),
        status.latency_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()),
        ladder.join(" › "),
        login(status),
        printable(&status.endpoint),
    ]
}

/// How we are logged in, and for how long still.
pub(super) fn login(status: &ProviderStatus) -> String {
    let auth = status.auth.as_deref().unwrap_or("-");
    match status.expires {
        Some(at) => format!("{auth}, {} left", left(at)),
        None => auth.to_owned(),
    }
}

/// The time until then, in its largest whole unit: `47m`.
fn left(at: jiff::Timestamp) -> String {
    match at.as_second() - jiff::Timestamp::now().as_second() {
        seconds @ ..=0 => format!("{}s", seconds.max(0)),
        seconds @ 1..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86400),
    }
}

fn role_rows(role: &RoleStatus) -> Vec<Vec<String>> {
    let name = printable(&role.name);
    let state = |state: State, problem: Option<&Problem>, warning: Option<&str>| match (problem, warning) {
        (Some(problem), _) => format!("{} {}", state.word(), problem.code.id),
        (None, Some(warning)) => format!("{}: {warning}", state.word()),
        (None, None) => state.word().to_owned(),
    };
    let mut rows = vec![vec![
        name,
        String::new(),
        state(role.state, role.problem.as_ref(), None),
    ]];
    let interesting =
        |field: &&FieldStatus| field.version.is_some() || field.latency_ms.is_some() || field.state != State::Ok;
    for field in role.fields.iter().filter(interesting) {
        rows.push(vec![
            String::new(),
            field.name.clone(),
            state(field.state, field.problem.as_ref(), field.warning.as_deref()),
            field.version.clone().unwrap_or_else(|| "-".to_owned()),
            field
                .rotated_at
                .map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        ]);
    }
    rows
}
