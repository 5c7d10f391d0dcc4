//! Tokens for databases are checked by making one and dropping it: that takes the credentials, the region and the host, and no
//! connection to the database. A token is made without asking anybody, so the credentials are proven beside it.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures::future::join_all;

use super::{Checker, Limit, field};
use crate::domain::problem::Problem;
use crate::domain::role::{Field, RdsIam, Role, Source};
use crate::domain::status::FieldStatus;
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
        Wanted { role, field, login }
    }

    /// The logins that would sign these tokens and that the provider does not accept, by the role they take on; each asked about once.
    async fn refused_signers(
        &self,
        provider: &str,
        wanted: &[Wanted<'_>],
        limit: Option<Limit>,
    ) -> BTreeMap<Option<String>, Problem> {
        let lane = &self.providers.lane(provider);
        let logins = wanted.iter().filter_map(|wanted| wanted.login.as_ref().ok());
        let signers: BTreeMap<_, _> = logins.map(|login| (login.role_arn.clone(), login)).collect();
        let proofs = signers.into_iter().map(|(signer, login)| async move {
            let prove = async { self.providers.get(provider)?.prove_signer(login).await };
            let (proven, _) = self.ask(provider, lane, limit, prove).await;
            Some((signer, proven.err()?))
        });
        join_all(proofs).await.into_iter().flatten().collect()
    }

    /// What came of these tokens of one provider.
    pub(super) async fn tokens<'a>(
        &self,
        provider: &str,
        wanted: Vec<Wanted<'a>>,
        limit: Option<Limit>,
    ) -> Statuses<'a> {
        let lane = &self.providers.lane(provider);
        let refused = self.refused_signers(provider, &wanted, limit).await;
        let refused = &refused;
        let asked = wanted.into_iter().map(|Wanted { role, field, login }| async move {
            let login = login.and_then(|login| match refused.get(&login.role_arn) {
                Some(problem) => Err(problem.clone()),
                None => Ok(login),
            });
            let (made, ms) = match login {
                Err(problem) => (Err(problem), 0),
                Ok(login) => {
                    let make = async { self.providers.get(provider)?.database_token(&login).await };
                    self.ask(provider, lane, limit, make).await
                }
            };
            let mut status = field::untroubled(field);
            match made {
                Ok(_) => status.latency_ms = Some(ms),
                Err(problem) => field::fail(&mut status, problem, role, field),
            }
            ((role.name.as_str(), field.name.as_str()), status)
        });
        join_all(asked).await.into_iter().collect()
    }
}
