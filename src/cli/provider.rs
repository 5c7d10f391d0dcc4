//! `hallpass provider list | test | login`: the secret stores, whether they answer, and a login that needs a person.

use clap::{Args, Subcommand};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{Frame, GAVE_UP, check, complain, json, note, say, table};
use crate::check::Checker;
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::domain::role::Role;
use crate::domain::status::{ProviderStatus, State};
use crate::domain::suggest::nearest;
use crate::providers::{ProviderConfig, leases};

mod person;

/// Secret providers: list them, test whether they answer, log in
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass provider list\n  hallpass provider test vault\n  hallpass provider test --json | jq '.providers[] | .state'\n  hallpass provider login vault-oidc"
)]
pub(super) struct ProviderCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Test(Test),
    Login(Login),
}

/// List the providers: kind, endpoint, the roles that use them; asks none of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass provider list\n  hallpass provider list --json")]
pub(super) struct List {}

/// Climb config, dns, tcp, tls, login, read with each of them; reads no secret value
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass provider test vault\n  hallpass provider test --json")]
struct Test {
    /// Providers to test; all of the list if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Log in where that takes a person: a browser, a password
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass provider login vault\n  hallpass provider login aws-sso --no-browser      over SSH: the page's address is printed"
)]
struct Login {
    /// The provider's name
    name: String,
    /// Print the address of the page instead of opening it
    #[arg(long)]
    no_browser: bool,
}

pub(super) fn run(command: &ProviderCommand, frame: &Frame) -> Result<u8, Problem> {
    match &command.action {
        Action::List(action) => list(action, frame),
        Action::Test(action) => test(action, frame),
        Action::Login(action) => login(action, frame),
    }
}

pub(super) fn list(_: &List, frame: &Frame) -> Result<u8, Problem> {
    let listed: Vec<(ProviderStatus, Vec<&str>)> = in_use(frame)
        .iter()
        .map(|name| (unasked(name, frame), roles_of(name, frame)))
        .collect();
    if frame.json {
        let with_roles = |(status, roles): &(ProviderStatus, Vec<&str>)| {
            let mut value = json::provider(status);
            value["roles"] = json!(roles);
            let config = frame.config.providers.get(&status.name);
            value["description"] = json!(config.and_then(ProviderConfig::description));
            value
        };
        let providers: Vec<Value> = listed.iter().map(with_roles).collect();
        say(&json::document(json!({ "providers": providers })));
    } else if listed.is_empty() {
        note(none(frame));
    } else {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|(status, roles)| {
                [
                    status.name.as_str(),
                    status.kind,
                    &status.endpoint,
                    &match roles.as_slice() {
                        [] => "-".to_owned(),
                        roles => roles.join(", "),
                    },
                ]
                .map(printable)
                .to_vec()
            })
            .collect();
        say(&table::render(&["NAME", "KIND", "ENDPOINT", "ROLES"], &rows));
        listed.iter().for_each(|(status, _)| complain_of(status));
    }
    if listed.is_empty() {
        return Ok(frame.code_of_nothing());
    }
    Ok(u8::from(listed.iter().any(|(status, _)| status.state == State::Fail)))
}

/// Why there is no provider to be listed.
fn none(frame: &Frame) -> &'static str {
    if frame.config.problems.is_empty() {
        "no provider is configured, and no role uses one"
    } else {
        "no provider can be read from the files as they are: hallpass config check"
    }
}

/// What is known of a provider that nobody has asked: only whether its settings fit.
fn unasked(name: &str, frame: &Frame) -> ProviderStatus {
    let opened = frame.providers.get(name);
    let endpoint = opened.as_ref().map(|provider| provider.endpoint()).unwrap_or_default();
    let problem = opened.err();
    let broken = problem
        .as_ref()
        .is_some_and(|problem| problem.code != &catalogue::PROVIDER_NOT_BUILT);
    let kind = frame.config.names.kind_of(name).map_or("", ProviderKind::word);
    ProviderStatus {
        state: if broken { State::Fail } else { State::Skipped },
        problem,
        ..ProviderStatus::new(name, kind, endpoint)
    }
}

fn test(test: &Test, frame: &Frame) -> Result<u8, Problem> {
    let names = if test.names.is_empty() {
        in_use(frame)
    } else {
        test.names.clone()
    };
    for name in &names {
        known(name, frame)?;
    }
    leases::sweep(&frame.providers);
    let checker = Checker {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
    };
    let tested = names.iter().map(|name| checker.provider(name));
    let statuses = waited(frame, join_all(tested))?;
    if frame.json {
        let providers: Vec<Value> = statuses.iter().map(json::provider).collect();
        say(&json::document(json!({ "providers": providers })));
    } else if statuses.is_empty() {
        note(none(frame));
    } else {
        let told: Vec<String> = statuses.iter().map(report).collect();
        say(&told.join("\n\n"));
        statuses.iter().for_each(complain_of);
    }
    if statuses.is_empty() {
        return Ok(frame.code_of_nothing());
    }
    Ok(u8::from(statuses.iter().any(has_failed)))
}

/// What is wrong with a provider, under its name: several may have the same.
fn complain_of(status: &ProviderStatus) {
    if let Some(problem) = &status.problem {
        let what = format!("{}: {}", status.name, problem.what);
        complain(&Problem {
            what,
            ..problem.clone()
        });
    }
}

/// Whether the provider cannot be used: what is only remarked upon does not keep it from answering.
fn has_failed(status: &ProviderStatus) -> bool {
    match status.state {
        State::Fail => true,
        State::Skipped => status.problem.is_some(),
        State::Ok | State::Warn => false,
    }
}

/// One provider with its ladder, a line a rung.
fn report(status: &ProviderStatus) -> String {
    let took = status.latency_ms.map_or_else(String::new, |ms| format!("  {ms} ms"));
    let mut lines = vec![format!("{}  {}{took}", printable(&status.name), status.state.word())];
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {name:<9} {}", printable(value)));
        }
    };
    fact("kind", status.kind);
    fact("endpoint", &status.endpoint);
    for stage in &status.stages {
        let ms = stage.ms.map_or_else(String::new, |ms| format!("  {ms} ms"));
        fact(stage.name, &format!("{}{ms}", stage.state.word()));
    }
    if status.auth.is_some() || status.expires.is_some() {
        fact("as", &check::login(status));
    }
    if let Some(at) = status.expires {
        fact("until", &at.to_string());
    }
    lines.join("\n")
}

fn login(login: &Login, frame: &Frame) -> Result<u8, Problem> {
    known(&login.name, frame)?;
    let provider = frame.providers.get(&login.name)?;
    let person = person::AtTerminal::new(frame, !login.no_browser);
    let outcome = waited(frame, async {
        tokio::select! {
            outcome = provider.login(&person) => outcome,
            // The signal ends the question, not the process: what waits for the browser is closed in order.
            _ = tokio::signal::ctrl_c() => Err(Problem::new(&catalogue::PROVIDER_CANCELLED, "cancelled with Ctrl-C")),
        }
    })?;
    match outcome {
        Ok(who) if frame.json => say(&json::document(json!({ "provider": login.name, "login": who }))),
        Ok(who) => say(&printable(&format!("Logged in to {}: {who}", login.name))),
        Err(problem) if problem.code == &catalogue::PROVIDER_CANCELLED => {
            note(&format!("{}: nothing was changed", problem.what));
            return Ok(GAVE_UP);
        }
        Err(problem) if problem.code == &catalogue::PROVIDER_NO_LOGIN => {
            let name = printable(&login.name);
            let what = format!("the provider {name} needs no login by a person");
            let fix = format!("hallpass provider test {name}");
            return Err(Problem { what, ..problem }.fixes(vec![fix]));
        }
        Err(problem) => return Err(problem),
    }
    Ok(0)
}

/// Does the work, and waits for nothing else: a name server that does not answer keeps a thread busy for much longer.
fn waited<T>(frame: &Frame, work: impl Future<Output = T>) -> Result<T, Problem> {
    let runtime = frame.runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// A problem with the nearest names if no provider has this one.
fn known(name: &str, frame: &Frame) -> Result<(), Problem> {
    if frame.config.names.kind_of(name).is_some() {
        return Ok(());
    }
    Err(unknown(name, frame))
}

/// No provider has this name: the nearest ones.
pub(super) fn unknown(name: &str, frame: &Frame) -> Problem {
    let what = format!("no provider is called `{}`", printable(name));
    Problem::new(&catalogue::PROVIDER_UNKNOWN, what).similar(nearest(name, frame.config.names.names()))
}

/// The roles that use the provider, in the order of the files.
fn roles_of<'a>(name: &str, frame: &'a Frame) -> Vec<&'a str> {
    let uses = |role: &&Role| {
        let mut sources = role.fields.iter().map(|field| &field.source);
        sources.any(|source| source.providers().contains(&name))
    };
    frame
        .config
        .roles
        .iter()
        .filter(uses)
        .map(|role| role.name.as_str())
        .collect()
}

/// The providers that are configured, set up by the environment, or used by a role; by name.
fn in_use(frame: &Frame) -> Vec<String> {
    frame
        .providers
        .names(frame.config.roles.iter().flat_map(Role::providers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure() {
        let failed = |state, problem: bool| {
            has_failed(&ProviderStatus {
                state,
                problem: problem.then(|| Problem::new(&catalogue::NET_TIMEOUT, "x")),
                ..ProviderStatus::new("vault", "vault", String::new())
            })
        };
        assert!(failed(State::Fail, true) && failed(State::Skipped, true));
        assert!(!failed(State::Warn, true) && !failed(State::Ok, false) && !failed(State::Skipped, false));
    }
}
