//! Login tokens for databases: made when the other fields of the role are known, because they say for which host and port.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::environment::{self, Built};
use super::resolve::{Use, Value, fit, in_role, too_slow};
use crate::domain::catalogue;
use crate::domain::connector::Connector;
use crate::domain::problem::Problem;
use crate::domain::role::{Field, RdsIam, Role, Source};
use crate::domain::secret::PickError;
use crate::providers::{DatabaseLogin, Fetched, Providers, patience};

/// Makes every token of the role and puts it into the child's environment; or says everything that stands in the way.
pub(super) async fn add(
    role: &Role,
    connector: Option<&Connector>,
    providers: &Providers,
    deadline: tokio::time::Instant,
    limit: Duration,
    built: &mut Built,
) -> Result<(), Vec<Problem>> {
    let env = &built.env;
    let make = |field: &'_ Field, token: &'_ RdsIam| {
        let login = database_login(token, role, connector, |name| env.shown_text(name).map(str::to_owned));
        let (field, provider) = (field.clone(), token.provider.clone());
        async move {
            let started = Instant::now();
            let made = match (login, providers.get(&provider)) {
                (Err(problem), _) | (_, Err(problem)) => Err(problem),
                (Ok(login), Ok(store)) => match patience::until(deadline, store.database_token(&login)).await {
                    Some(made) => made,
                    None => Err(too_slow(&provider, limit)),
                },
            };
            let warning = made.as_ref().ok().and_then(|fetched| fetched.warning.clone());
            (
                field,
                warning,
                made.and_then(|fetched| value(&fetched, started.elapsed())),
            )
        }
    };
    let tokens = role.fields.iter().filter_map(|field| match &field.source {
        Source::RdsIam(token) => Some(make(field, token)),
        _ => None,
    });
    let mut problems = Vec::new();
    for (field, warning, made) in join_all(tokens).await {
        built
            .warnings
            .extend(warning.map(|warning| format!("{}: {warning}", field.name)));
        let made = made.and_then(|value| fit(&field, value));
        if let Err(mut problem) = made.and_then(|value| environment::insert(&field, value, built)) {
            problem.what = format!("{}, for {}", problem.what, field.name);
            problems.push(in_role(problem, role, &field));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn value(fetched: &Fetched, took: Duration) -> Result<Value, Problem> {
    let unusable =
        |error: PickError| Problem::new(&catalogue::PROVIDER_UPSTREAM, format!("the token is none: {error}"));
    Ok(Value::Secret {
        value: fetched.payload.pick(None).map_err(unusable)?,
        parts: Vec::new(),
        uses: vec![Use {
            reference: None,
            version: None,
            expires: fetched.expires,
            took,
        }],
    })
}

/// The login that a token is for. `text` gives what a field of the role holds, if that is known.
pub(crate) fn database_login(
    token: &RdsIam,
    role: &Role,
    connector: Option<&Connector>,
    text: impl Fn(&str) -> Option<String>,
) -> Result<DatabaseLogin, Problem> {
    let of_role = |part: &str| {
        let known = connector.and_then(|connector| connector.part(part));
        let held = known
            .and_then(|field| text(&field.name))
            .filter(|text| !text.is_empty());
        held.ok_or_else(|| {
            let field = known.map_or(part, |field| field.name.as_str());
            let what = format!(
                "a token for a database needs its {part}, and {field} of role `{}` holds none",
                role.name
            );
            Problem::new(&catalogue::CONFIG_FIELD_MISSING, what)
        })
    };
    let host = match &token.host {
        Some(host) => host.clone(),
        None => of_role("host")?,
    };
    let port = match token.port {
        Some(port) => port,
        None => of_role("port")?
            .trim()
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                let what = format!("the port of role `{}` is no number from 1 to 65535", role.name);
                Problem::new(&catalogue::CONFIG_TYPE, what)
            })?,
    };
    Ok(DatabaseLogin {
        user: token.user.clone(),
        host,
        port,
        region: token.region.clone(),
        role_arn: token.role_arn.clone(),
    })
}
