//! Tokens for databases are checked by making one and dropping it: that takes the credentials, the region and the host, and no
//! connection to the database. A token is made without asking anybody, so the credentials are proven beside it.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures::future::join_all;

use super::{Checker, Limit, field};
use crate::domain::problem::Problem;
use crate::domain::role::{Field, RdsIam, Role, Source};
use crate::domain::status::{FieldStatus, State};
use crate::launch;
use crate::providers::DatabaseLogin;

/// A host with a region in its name.
const STAND_IN: &str = "known-at-launch.us-east-1.rds.amazonaws.com";

/// By the names of role and field.
pub(super) type Statuses<'a> = BTreeMap<(&'a str, &'a str), FieldStatus>;

/// A field that is a token, and its login or what is wrong with it.
pub(super) struct Wanted<'a> {
    role: &'a Role,
    field: &'a Field,
    login: Result<DatabaseLogin, Problem>,
    /// Nothing but the name of the stand-in says in which region the database is.
    stands_in: bool,
}

impl Checker<'_> {
    /// The field as a token. Where a secret says the host or the port, its value is not read and a stand-in takes
    /// its place: only whether the real host's name says the region stays unknown then.
    pub(super) fn token_wanted<'a>(&self, role: &'a Role, field: &'a Field, token: &RdsIam) -> Wanted<'a> {
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
        let mut login = launch::database_login(token, role, connector, plain);
        if later.get() {
            let stand_in = RdsIam {
                host: Some(STAND_IN.to_owned()),
                port: Some(5432),
                ..token.clone()
            };
            login = launch::database_login(&stand_in, role, connector, |_| None);
        }
        Wanted {
            role,
            field,
            login,
            stands_in: later.get() && token.region.is_none(),
        }
    }

    /// Why the provider does not accept the login that would sign these tokens, if it does not. Who takes a role on for one was asked about
    /// by that.
    async fn refused_signer(&self, provider: &str, wanted: &[Wanted<'_>], limit: Option<Limit>) -> Option<Problem> {
        let own = |wanted: &&Wanted<'_>| wanted.login.as_ref().is_ok_and(|login| login.role_arn.is_none());
        let own: Vec<_> = wanted.iter().filter(own).collect();
        if own.is_empty() {
            return None;
        }
        let placed = own.into_iter().filter(|wanted| !wanted.stands_in);
        let databases: Vec<_> = placed.filter_map(|wanted| wanted.login.as_ref().ok()).collect();
        let prove = async { self.providers.get(provider)?.prove_signer(&databases).await };
        let (proven, _) = self.ask(provider, &self.providers.lane(provider), limit, prove).await;
        proven.err()
    }

    /// What came of these tokens of one provider.
    pub(super) async fn tokens<'a>(
        &self,
        provider: &str,
        wanted: Vec<Wanted<'a>>,
        limit: Option<Limit>,
    ) -> Statuses<'a> {
        let lane = &self.providers.lane(provider);
        let refused = &self.refused_signer(provider, &wanted, limit).await;
        let asked = wanted.into_iter().map(|wanted| async move {
            let (role, field) = (wanted.role, wanted.field);
            let login = wanted.login.and_then(|login| match refused {
                Some(problem) if login.role_arn.is_none() => Err(problem.clone()),
                _ => Ok(login),
            });
            let mut stands_in = false;
            let (made, ms) = match login {
                Err(problem) => (Err(problem), 0),
                Ok(login) => {
                    stands_in = login.host == STAND_IN;
                    let make = async { self.providers.get(provider)?.database_token(&login).await };
                    self.ask(provider, lane, limit, make).await
                }
            };
            let mut status = field::untroubled(field);
            match made {
                Ok(token) => {
                    status.latency_ms = Some(ms);
                    status.warning = token.warning.filter(|_| !stands_in);
                    if status.warning.is_some() {
                        status.state = State::Warn;
                    }
                }
                Err(problem) => field::fail(&mut status, problem, role, field),
            }
            ((role.name.as_str(), field.name.as_str()), status)
        });
        join_all(asked).await.into_iter().collect()
    }
}
