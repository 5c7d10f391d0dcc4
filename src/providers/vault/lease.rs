//! Leases: which token they hang on, how they are renewed, and how they are given back where a policy lets us, and where it does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::Vault;
use super::api::{LoggedIn, Lookup, Question, Remarks, parse};
use super::login::{self, Origin, Standing, Token};
use super::refusal::may;
use super::settings::is_header_text;
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;

const REVOKE: &str = "sys/leases/revoke";
const RENEW: &str = "sys/leases/renew";
const NEW_TOKEN: &str = "auth/token/create";
/// How long a token of a session's own lasts unless it is renewed: after a crash nothing but its end takes back what it made.
const OWN_TOKEN_TTL: Duration = Duration::from_secs(600);

/// How each lease of this process was made, by its name.
#[derive(Clone, Default)]
pub(super) struct Made(Arc<Mutex<BTreeMap<String, How>>>);

/// What giving a lease back takes. Ends with the process: tokens are never written down.
#[derive(Clone)]
pub(super) struct How {
    /// The token that it hangs on: when that ends, so does the lease.
    pub(super) token: Arc<Token>,
    /// The token is this lease's alone, and ends with it.
    own: bool,
    /// Whether the token may revoke a lease by its name; none if it may not ask.
    may_revoke: Option<bool>,
    /// When the token ends unless it is renewed.
    token_end: Option<Timestamp>,
    /// The token that this one was made from, and takes with it.
    parent: Option<Arc<Token>>,
    parent_end: Option<Timestamp>,
    /// What the lease was first given, and is asked for at each renewal.
    pub(super) ttl: Duration,
}

impl How {
    /// The lease with the end that it really has: that of the token if that comes first.
    pub(super) fn bounded(&self, lease: Lease, now: Timestamp) -> Lease {
        let end = [self.token_end, self.parent_end].into_iter().flatten().min();
        let Some(end) = end.filter(|end| *end < lease.expires) else {
            return lease;
        };
        Lease {
            ttl: Duration::from_secs(u64::try_from(end.as_second() - now.as_second()).unwrap_or(0)),
            expires: end,
            ..lease
        }
    }
}

impl Made {
    pub(super) fn insert(&self, lease: &str, how: How) {
        self.lock().insert(lease.to_owned(), how);
    }

    fn get(&self, lease: &str) -> Option<How> {
        self.lock().get(lease).cloned()
    }

    fn remove(&self, lease: &str) {
        self.lock().remove(lease);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, How>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token as it says of itself.
struct Life {
    end: Option<Timestamp>,
    renewable: bool,
}

impl Life {
    fn of(lookup: &Lookup) -> Self {
        Self {
            end: lookup.expire_time.as_deref().and_then(|time| time.parse().ok()),
            renewable: lookup.renewable,
        }
    }
}

#[derive(Deserialize)]
struct Renewed {
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    lease_duration: u64,
}

impl Vault {
    /// Chooses the token that a lease is made with: that of the login where it may revoke leases, else one that can be ended with the
    /// lease, else that of the login after all.
    pub(super) async fn how_to_give_back(&self, login: &Arc<Token>) -> Result<How, Problem> {
        let asker = self.asker(Some(login));
        let (capabilities, standing) =
            futures::join!(self.ask(asker.capabilities(&[REVOKE, NEW_TOKEN])), self.standing(login));
        let (capabilities, _) = capabilities?;
        let life = match standing? {
            Standing::Alive(lookup) => Life::of(&lookup).end,
            Standing::Shy | Standing::Dead => None,
        };
        let how = |token: &Arc<Token>, may_revoke| How {
            token: Arc::clone(token),
            own: false,
            may_revoke,
            token_end: life,
            parent: None,
            parent_end: None,
            ttl: Duration::ZERO,
        };
        let may_revoke = may(&capabilities, REVOKE, "update");
        if may_revoke == Some(true) {
            return Ok(how(login, may_revoke));
        }
        if let Ok(Some(token)) = self.take_token().await {
            return Ok(How {
                own: true,
                ..how(&token, may_revoke)
            });
        }
        if may(&capabilities, NEW_TOKEN, "update") == Some(true)
            && let Some((token, lasts)) = self.child_of(login).await
        {
            return Ok(How {
                own: true,
                token_end: Some(lasts),
                parent: Some(Arc::clone(login)),
                parent_end: life,
                ..how(&token, may_revoke)
            });
        }
        Ok(how(login, may_revoke))
    }

    /// A token with the policies of this one; none where there is none to be had.
    async fn child_of(&self, parent: &Arc<Token>) -> Option<(Arc<Token>, Timestamp)> {
        let wanted = serde_json::json!({
            "display_name": "hallpass",
            "ttl": format!("{}s", OWN_TOKEN_TTL.as_secs()),
            "renewable": true,
        });
        let (answer, _) = self.ask(self.asker(Some(parent)).post(NEW_TOKEN, &wanted)).await.ok()?;
        let LoggedIn { auth } = parse(&answer).filter(|_| answer.status == 200)?;
        if !is_header_text(secrecy::ExposeSecret::expose_secret(&auth.client_token)) {
            return None;
        }
        let end = Timestamp::now()
            .as_second()
            .saturating_add_unsigned(auth.lease_duration);
        let end = Timestamp::from_second(end).ok()?;
        Some((
            Arc::new(Token::of(auth.client_token, Origin::Login, login::Life::default())),
            end,
        ))
    }

    pub(super) async fn renew_lease(&self, lease: &Lease) -> Result<Lease, Problem> {
        let Some(mut how) = self.leases.get(&lease.id) else {
            return Err(self.lease_ended(lease, "not made by this run"));
        };
        let mut fresh = self.renew_token(&mut how, lease).await?;
        let wanted = serde_json::json!({ "lease_id": lease.id, "increment": how.ttl.as_secs() });
        let question = self
            .asker(Some(&how.token))
            .post(RENEW, &wanted)
            .map(Question::harmless);
        let (answer, line) = self.ask(question).await?;
        let renewed: Renewed = match answer.status {
            200 => parse(&answer).ok_or_else(|| self.upstream(&line, 200))?,
            400 | 404 => return Err(self.lease_ended(lease, &line)),
            403 => return Err(self.lease_refused(lease, &how.token, "renew", &line).await),
            status => return Err(self.upstream(&line, status)),
        };
        // Less than asked for is all that is left of its longest time.
        fresh &= renewed.renewable && renewed.lease_duration + 1 >= how.ttl.as_secs();
        let now = Timestamp::now();
        let end = Timestamp::from_second(now.as_second().saturating_add_unsigned(renewed.lease_duration));
        let renewed = Lease {
            renewable: fresh,
            ttl: Duration::from_secs(renewed.lease_duration),
            expires: end.unwrap_or(Timestamp::MAX),
            ..lease.clone()
        };
        let renewed = how.bounded(renewed, now);
        self.leases.insert(&lease.id, how);
        Ok(renewed)
    }

    /// Sees to it that the token does not end before the lease would; whether it can go on like that.
    async fn renew_token(&self, how: &mut How, lease: &Lease) -> Result<bool, Problem> {
        let wanted_end = Timestamp::now().as_second().saturating_add_unsigned(how.ttl.as_secs());
        let reaches = |end: Option<Timestamp>| end.is_none_or(|end| end.as_second() >= wanted_end);
        if let Some(parent) = &how.parent
            && let Standing::Alive(lookup) = self.standing(parent).await?
        {
            how.parent_end = Life::of(&lookup).end;
        }
        let life = match self.standing(&how.token).await? {
            Standing::Alive(lookup) => Life::of(&lookup),
            Standing::Shy => return Ok(true),
            Standing::Dead => return Err(self.lease_ended(lease, "GET /v1/auth/token/lookup-self")),
        };
        how.token_end = life.end;
        if reaches(life.end) {
            return Ok(reaches(how.parent_end));
        }
        if !life.renewable {
            return Ok(false);
        }
        let increment = how.ttl.max(OWN_TOKEN_TTL).as_secs();
        let wanted = serde_json::json!({ "increment": format!("{increment}s") });
        let question = self.asker(Some(&how.token)).post("auth/token/renew-self", &wanted);
        let (answer, _) = self.ask(question.map(Question::harmless)).await?;
        if let Some(LoggedIn { auth }) = parse(&answer).filter(|_| answer.status == 200) {
            let end = Timestamp::now()
                .as_second()
                .saturating_add_unsigned(auth.lease_duration);
            let end = Timestamp::from_second(end).ok();
            let grew = end
                > life
                    .end
                    .and_then(|end| Timestamp::from_second(end.as_second() + 1).ok());
            how.token_end = end;
            return Ok((grew || reaches(end)) && reaches(how.parent_end));
        }
        Ok(false)
    }

    pub(super) async fn revoke_lease(&self, lease: &Lease) -> Result<(), Problem> {
        let how = self.leases.get(&lease.id);
        if let Some(how) = how.as_ref().filter(|how| how.own && how.may_revoke == Some(false)) {
            self.end_token(lease, &how.token).await?;
        } else {
            let known = how.as_ref().map(|how| Arc::clone(&how.token));
            match (self.revoke_by_name(lease, known).await, how) {
                (Err(problem), Some(how)) if how.own && problem.code == &catalogue::VAULT_LEASE_403 => {
                    self.end_token(lease, &how.token).await?;
                }
                (result, _) => result?,
            }
        }
        self.leases.remove(&lease.id);
        Ok(())
    }

    /// With the token that made it, or that of the login for a lease of an earlier run.
    async fn revoke_by_name(&self, lease: &Lease, maker: Option<Arc<Token>>) -> Result<(), Problem> {
        let is_maker = maker.is_some();
        let mut token = match maker {
            Some(token) => token,
            None => self.token().await?,
        };
        for is_last in [false, true] {
            let wanted = serde_json::json!({ "lease_id": lease.id });
            let question = self.asker(Some(&token)).post(REVOKE, &wanted).map(Question::harmless);
            let (answer, line) = self.ask(question).await?;
            match answer.status {
                200 | 204 => return Ok(()),
                // It is gone, or never was.
                400 if Remarks::of(&answer).error_has("lease") => return Ok(()),
                403 => {}
                status => return Err(self.upstream(&line, status)),
            }
            match self.standing(&token).await? {
                // What a token has made ends with it.
                Standing::Dead if is_maker => return Ok(()),
                Standing::Dead if !is_last => match self.another(&token).await? {
                    Some(another) => token = another,
                    None => return Err(self.dead_token(&token, &line)),
                },
                Standing::Dead => return Err(self.dead_token(&token, &line)),
                _ => return Err(self.lease_refused(lease, &token, "revoke", &line).await),
            }
        }
        Ok(())
    }

    /// Ends a token of a lease's own, and the lease with it.
    async fn end_token(&self, lease: &Lease, token: &Token) -> Result<(), Problem> {
        let question = self
            .asker(Some(token))
            .post("auth/token/revoke-self", &serde_json::json!({}));
        let (answer, line) = self.ask(question.map(Question::harmless)).await?;
        match answer.status {
            200 | 204 => Ok(()),
            403 if matches!(self.standing(token).await?, Standing::Dead) => Ok(()),
            400 | 403 => Err(self.lease_refused(lease, token, "revoke", &line).await),
            status => Err(self.upstream(&line, status)),
        }
    }

    fn lease_ended(&self, lease: &Lease, line: &str) -> Problem {
        let what = format!("Vault no longer knows the credential of {}", lease.path());
        Problem::new(&catalogue::VAULT_LEASE_ENDED, what)
            .fact("Request", format!("{line} at {}", self.settings.address))
    }

    /// A 403: the token is dead, and the lease with it; or a policy does not let us.
    async fn lease_refused(&self, lease: &Lease, token: &Token, verb: &str, line: &str) -> Problem {
        if let Ok(Standing::Dead) = self.standing(token).await {
            return self.lease_ended(lease, line);
        }
        let path = lease.path();
        let what = format!("Vault does not let this login {verb} the credential of {path} (HTTP 403)");
        let fix =
            format!("let a policy of the token have: path \"sys/leases/{verb}\" {{ capabilities = [\"update\"] }}");
        self.at_read(Problem::new(&catalogue::VAULT_LEASE_403, what), line, 403)
            .causes(vec![format!(
                "no policy of the token grants update on sys/leases/{verb}"
            )])
            .fixes(vec![fix])
    }
}
