//! Tokens for databases are checked by making one and dropping it: that takes the credentials, the region and the host, and no
//! connection to the database.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::join_all;

use super::{Checker, Limit, QUESTION, field, millis, out_of_time, too_slow, within};
use crate::domain::problem::Problem;
use crate::domain::role::{RdsIam, Role, Source};
use crate::domain::status::FieldStatus;
use crate::launch;
use crate::providers::{DatabaseLogin, patience};

/// A host with a region in its name.
const STAND_IN: &str = "known-at-launch.us-east-1.rds.amazonaws.com";

/// By the names of role and field.
pub(super) type Statuses<'a> = BTreeMap<(&'a str, &'a str), FieldStatus>;

impl Checker<'_> {
    /// The login that a token is for, or what is wrong with it. Where a secret says the host or the port, its value is not read and a
    /// stand-in takes its place: only whether the real host's name says the region stays unknown then.
    fn token_login(&self, role: &Role, token: &RdsIam) -> Result<DatabaseLogin, Problem> {
        let connector = role
            .connector
            .as_ref()
            .and_then(|name| self.config.connectors.get(name));
        let later = Cell::new(false);
        let plain = |name: &str| {
            let field = role.fields.iter().find(|field| field.name == name)?;
            match &field.source {
                Source::Plain(text) => Some(text.clone()),
                _ => {
                    later.set(true);
                    None
                }
            }
        };
        let login = launch::database_login(token, role, connector, plain);
        if !later.get() {
            return login;
        }
        let stand_in = RdsIam {
            host: Some(STAND_IN.to_owned()),
            port: Some(5432),
            ..token.clone()
        };
        launch::database_login(&stand_in, role, connector, |_| None)
    }

    /// What came of every token of these roles.
    pub(super) async fn tokens<'a>(&self, roles: &[&'a Role], limit: Option<Limit>) -> Statuses<'a> {
        let fields = roles
            .iter()
            .flat_map(|role| role.fields.iter().map(move |field| (*role, field)));
        let tokens = fields.filter_map(|(role, field)| match &field.source {
            Source::RdsIam(token) => Some((role, field, token)),
            _ => None,
        });
        let asked = tokens.map(|(role, field, token)| async move {
            let provider = &token.provider;
            let lane = self.providers.lane(provider);
            let _place = lane.place().await;
            let started = Instant::now();
            let make = async {
                let (login, store) = (self.token_login(role, token)?, self.providers.get(provider)?);
                let until = tokio::time::Instant::now() + QUESTION;
                let made = patience::until(until, store.database_token(&login)).await;
                made.unwrap_or_else(|| Err(too_slow(provider)))
            };
            let made = match within(limit, make).await {
                Ok(made) => made,
                Err(limit) => Err(out_of_time(provider, limit)),
            };
            let mut status = field::untroubled(field);
            match made {
                Ok(_) => status.latency_ms = Some(millis(started)),
                Err(problem) => field::fail(&mut status, problem, role, field),
            }
            ((role.name.as_str(), field.name.as_str()), status)
        });
        join_all(asked).await.into_iter().collect()
    }
}
