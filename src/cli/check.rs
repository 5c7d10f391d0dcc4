//! `hallpass check [ROLE… | QUERY…]`: whether roles and their providers are ready. Exit 1 when anything fails; never prompts.

pub(super) mod nagios;
mod table;

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Frame, json, list, say, time_limit};
use crate::check::{Checker, Depth};
use crate::config::parse_duration;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::launch;
use crate::providers::leases;
pub(super) use table::login;

/// Check roles and the providers they use
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass check\n  hallpass check prod-postgres\n  hallpass check env:prod type:postgres\n  hallpass check --json | jq .summary\n  hallpass check --nagios --max-age 5m\n  hallpass check --deep"
)]
pub(super) struct Check {
    /// Roles to check, or filter words (env:prod type:postgres !tag:legacy); all roles if there are none
    #[arg(value_name = "ROLE|QUERY")]
    roles: Vec<String>,
    /// All roles, whatever roles are named
    #[arg(long)]
    all: bool,
    /// Read the values too, as a launch does, and drop them at once: finds what only a value shows. Makes no credentials
    #[arg(long, conflicts_with = "max_age")]
    deep: bool,
    /// One line for a monitoring system; exit 0, 1, 2, or 3 when it could not be checked
    #[arg(long, conflicts_with = "json")]
    nagios: bool,
    /// How long the whole check may take: 500ms, 5s, 1m [default: 3 s for each question]
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    /// Take what an earlier check found, if it is not older: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = age)]
    max_age: Option<Duration>,
    /// From which state on the exit code is 1
    #[arg(long, value_name = "STATE", default_value = "fail")]
    fail_on: FailOn,
}

/// What counts as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Fail,
    Warn,
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "an age is written like 30s, 5m, 1h or 2d".to_owned())
}

pub(super) fn run(check: &Check, frame: &Frame) -> Result<u8, Problem> {
    let started = Instant::now();
    let names = names(check, frame)?;
    leases::sweep(&frame.providers);
    let checker = Checker {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
    };
    let runtime = frame.runtime()?;
    let depth = if check.deep { Depth::Value } else { Depth::Metadata };
    let report = runtime.block_on(checker.roles_or_kept(depth, &names, check.timeout, check.max_age));
    // A name server that does not answer keeps a thread busy: nobody waits for it any more.
    runtime.shutdown_background();
    let all = check.roles.is_empty() || check.all;
    let config_failed = all && !frame.config.problems.is_empty();
    let failing = match check.fail_on {
        FailOn::Fail => report.worst() == State::Fail,
        FailOn::Warn => report.worst() >= State::Warn,
    };
    if check.nagios {
        let (line, code) = nagios::line(&report, started.elapsed(), failing, config_failed);
        say(&line);
        return Ok(code);
    }
    if frame.json {
        let mut document = json::report(&report);
        document["problems"] = json!(json::problems(&frame.config));
        say(&json::document(document));
    } else if !frame.quiet {
        table::print(&report, frame.no_roles());
    }
    if config_failed && !frame.json {
        frame.mention_problems();
    }
    Ok(match (failing, config_failed) {
        (true, _) => 1,
        (false, true) => 3,
        (false, false) => 0,
    })
}

/// Whether a word says which roles are meant rather than names one.
fn is_filter(word: &str) -> bool {
    word.starts_with('!') || word.contains(':')
}

/// The roles that all of these filter words choose, best match first.
fn matching(words: &[String], frame: &Frame) -> Result<Vec<String>, Problem> {
    let (roles, broken) = list::chosen(words, frame)?;
    let names = roles.iter().map(|role| &role.name);
    let found: Vec<String> = names.chain(broken.iter().map(|role| &role.name)).cloned().collect();
    if found.is_empty() {
        let what = format!("no role matches `{}`", words.join(" "));
        return Err(Problem::new(&catalogue::CONFIG_UNKNOWN_ROLE, what));
    }
    Ok(found)
}

/// The roles that are meant, in the order they were named or written.
fn names(check: &Check, frame: &Frame) -> Result<Vec<String>, Problem> {
    if !check.roles.is_empty() && !check.all {
        let (words, mut names): (Vec<String>, Vec<String>) =
            check.roles.iter().cloned().partition(|word| is_filter(word));
        for name in &names {
            let broken = frame.config.broken.iter().any(|broken| broken.name == *name);
            if !broken {
                launch::find_role(&frame.config, name)?;
            }
        }
        if !words.is_empty() {
            names.extend(matching(&words, frame)?);
        }
        return Ok(names);
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
