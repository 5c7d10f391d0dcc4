//! Renewing the token in use at two thirds of its life. A failure never stands in the way of what the token can still do.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::Vault;
use super::api::{Auth, LoggedIn, Remarks, parse};
use super::login::{Life, Origin, Token, after};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::ladder::stages_until;

/// Seconds until a renewal that failed is tried again, at least.
const AGAIN: i64 = 5;

impl Vault {
    /// Renews the token if it is time. What goes wrong is told by the provider's status.
    pub(super) async fn renew_if_due(&self, token: &Token) {
        let now = Timestamp::now();
        let life = token.life();
        if life.renew_at.is_none_or(|due| now < due) {
            return;
        }
        let renewed = self.ask_to_renew(token).await;
        let (life, problem) = match renewed {
            Ok(Some(auth)) => {
                let renewed = Life::of(&auth);
                // At its longest life a token is given no more time: it is used until it ends.
                let longer = renewed.ends.zip(life.ends).is_none_or(|(new, old)| new > old);
                let renew_at = renewed.renew_at.filter(|_| longer);
                (Life { renew_at, ..renewed }, None)
            }
            // The server says that it is not renewable.
            Ok(None) => (Life { renew_at: None, ..life }, None),
            Err(problem) => {
                let left = life.ends.map_or(0, |end| end.as_second() - now.as_second());
                let renew_at = after(now, (left / 4).max(AGAIN));
                (Life { renew_at, ..life }, Some(problem))
            }
        };
        token.lives(life);
        if problem.is_none() && token.origin == Origin::Person {
            self.kept.renewed(token);
        }
        *self.session.not_renewed.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Why the token in use could not be renewed, if it could not.
    pub(super) fn not_renewed(&self) -> Option<Problem> {
        let problem = self.session.not_renewed.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone()
    }

    async fn ask_to_renew(&self, token: &Token) -> Result<Option<Auth>, Problem> {
        let failed = |line: &str, why: &str, cause: Option<String>| {
            let what = format!("the token for Vault at {} was not renewed", self.settings.address);
            let problem = Problem::new(&catalogue::VAULT_RENEW, what)
                .note(format!("{line} → {why}"))
                .steps(stages_until("login", self.settings.https));
            match cause {
                Some(cause) => problem.cause(cause),
                None => problem,
            }
        };
        let line = "POST /v1/auth/token/renew-self";
        match self.ask(self.asker(Some(token)).renew_self()).await {
            Err(problem) => Err(failed(line, "no answer", Some(problem.what))),
            Ok((answer, line)) => match parse(&answer).filter(|_| answer.status == 200) {
                Some(LoggedIn { auth }) => Ok(Some(auth)),
                None if Remarks::of(&answer).error_has("not renewable") => Ok(None),
                None => Err(failed(&line, &answer.status.to_string(), None)),
            },
        }
    }
}
