//! `hallpass providers`: every provider that the configuration names or the roles use, and how it is right now.

use clap::Args;
use futures::future::join_all;
use serde_json::json;

use super::{Frame, check, complain, json, say, table};
use crate::check::Checker;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::providers::leases;

/// Show the secret providers and whether they answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass providers\n  hallpass providers --json")]
pub(super) struct ProvidersCommand {}

pub(super) fn run(_: &ProvidersCommand, frame: &Frame) -> Result<u8, Problem> {
    let names = in_use(frame);
    leases::sweep(&frame.providers);
    let checker = Checker {
        config: &frame.config,
        providers: &frame.providers,
        world: &frame.world,
    };
    let statuses = frame
        .runtime()?
        .block_on(join_all(names.iter().map(|name| checker.provider(name))));
    if frame.json {
        say(&json::document(
            json!({ "providers": statuses.iter().map(json::provider).collect::<Vec<_>>() }),
        ));
    } else if statuses.is_empty() {
        super::note("no provider is configured, and no role uses one");
    } else {
        let rows: Vec<Vec<String>> = statuses
            .iter()
            .map(|status| {
                let latency = status.latency_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms}ms"));
                vec![
                    status.name.clone(),
                    status.kind.to_owned(),
                    status.state.word().to_owned(),
                    latency,
                    check::login(status),
                    status.endpoint.clone(),
                ]
            })
            .collect();
        say(&table::render(
            &["NAME", "KIND", "STATE", "LATENCY", "LOGIN", "ENDPOINT"],
            &rows,
        ));
        statuses
            .iter()
            .filter_map(|status| status.problem.as_ref())
            .for_each(complain);
    }
    Ok(u8::from(statuses.iter().any(|status| status.state == State::Fail)))
}

/// The providers that are configured, set up by the environment, or used by a role; by name.
fn in_use(frame: &Frame) -> Vec<String> {
    let fields = frame.config.roles.iter().flat_map(|role| &role.fields);
    let references = fields.flat_map(|field| field.source.references());
    frame
        .providers
        .names(references.map(|reference| reference.id.provider.as_str()))
}
