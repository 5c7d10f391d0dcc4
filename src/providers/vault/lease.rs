//! Leases: how they are renewed, and how they are given back where a policy lets us, and where it does not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Vault;
use super::api::{LoggedIn, Lookup, Question, Remarks, parse};
use super::login::{Life, Origin, Standing, Token};
use super::maker::{How, REVOKE_ACCESSOR, UNGUARDED_TTL};
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;

pub(super) const REVOKE: &str = "sys/leases/revoke";
pub(super) const REVOKE_SELF: &str = "auth/token/revoke-self";
const RENEW: &str = "sys/leases/renew";

impl Lookup {
    /// When the token ends; none if it does not, or does not say.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.expire_time.as_deref().and_then(|time| time.parse().ok())
    }
}

/// A token that was asked to live longer.
struct Stretched {
    end: Option<Timestamp>,
    /// It reaches as far as was asked for, or may yet.
    goes_on: bool,
}

#[derive(Deserialize)]
struct Renewed {
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    lease_duration: u64,
}

impl Vault {
    pub(super) async fn renew_lease(&self, lease: &Lease) -> Result<Lease, Problem> {
        let Some(mut how) = self.leases.get(lease.key()) else {
            return Err(self.lease_ended(lease, "not made by this run"));
        };
        let mut fresh = self.renew_tokens(&mut how, lease).await?;
        let wanted = serde_json::json!({ "lease_id": lease.id, "increment": how.ttl.as_secs() });
        let question = self
            .asker(Some(&how.token))
            .post(RENEW, &wanted)
            .map(Question::harmless);
        let (answer, line) = self.ask(question).await?;
        let renewed: Renewed = match answer.status {
            200 => parse(&answer).ok_or_else(|| self.upstream(&line, 200))?,
            400 | 404 => return Err(self.lease_ended(lease, &line)),
            403 => return Err(self.maker_refused(lease, &how.token, RENEW, &line).await),
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
        self.leases.insert(lease.key(), how);
        Ok(renewed)
    }

    /// Sees to it that no token ends before the lease would; whether it can go on like that.
    async fn renew_tokens(&self, how: &mut How, lease: &Lease) -> Result<bool, Problem> {
        let ended = || self.lease_ended(lease, "GET /v1/auth/token/lookup-self");
        let mut goes_on = true;
        if let Some(parent) = &how.parent {
            let stretched = self.stretch(parent, how.parent_end, how.ttl).await?.ok_or_else(ended)?;
            how.parent_end = stretched.end;
            goes_on &= stretched.goes_on;
        }
        let stretched = self
            .stretch(&how.token, how.token_end, how.ttl)
            .await?
            .ok_or_else(ended)?;
        how.token_end = stretched.end;
        Ok(goes_on && stretched.goes_on)
    }

    /// Renews a token if it would end within this time; none if it is dead. `known` is the end that was known of it.
    async fn stretch(
        &self,
        token: &Token,
        known: Option<Timestamp>,
        ttl: Duration,
    ) -> Result<Option<Stretched>, Problem> {
        let wanted_end = Timestamp::now().as_second().saturating_add_unsigned(ttl.as_secs());
        let reaches = |end: Option<Timestamp>| end.is_none_or(|end| end.as_second() >= wanted_end);
        let stretched = |end, goes_on| Ok(Some(Stretched { end, goes_on }));
        let lookup = match self.standing(token).await? {
            Standing::Alive(lookup) => lookup,
            Standing::Shy => return stretched(known, true),
            Standing::Dead => return Ok(None),
        };
        let end = lookup.end();
        if reaches(end) || !lookup.renewable {
            return stretched(end, reaches(end));
        }
        let increment = ttl.max(UNGUARDED_TTL).as_secs();
        let wanted = serde_json::json!({ "increment": format!("{increment}s") });
        let question = self.asker(Some(token)).post("auth/token/renew-self", &wanted);
        let (answer, _) = self.ask(question.map(Question::harmless)).await?;
        let Some(LoggedIn { auth }) = parse(&answer).filter(|_| answer.status == 200) else {
            return stretched(end, false);
        };
        let life = Life::of(&auth);
        token.lives(life);
        if token.origin == Origin::Person {
            self.kept.renewed(token);
        }
        let grew = life.ends > end.and_then(|end| Timestamp::from_second(end.as_second() + 1).ok());
        stretched(life.ends, grew || reaches(life.ends))
    }

    pub(super) async fn revoke_lease(&self, lease: &Lease) -> Result<(), Problem> {
        match self.leases.get(lease.key()) {
            Some(how) if how.own => match self.end_token(lease, &how.token).await {
                // Its policies do not let it end itself.
                Err(problem) if problem.code == &catalogue::VAULT_LEASE_403 => self.revoke_from_outside(lease).await?,
                result => result?,
            },
            Some(how) => self.revoke_by_name(lease, Some(how.token)).await?,
            None => self.revoke_from_outside(lease).await?,
        }
        self.leases.remove(lease.key());
        Ok(())
    }

    /// With the token of the login: a lease of an earlier run, or one whose own token may not end itself.
    async fn revoke_from_outside(&self, lease: &Lease) -> Result<(), Problem> {
        if let Some(accessor) = &lease.accessor {
            let wanted = serde_json::json!({ "accessor": accessor });
            match self.take_back(lease, REVOKE_ACCESSOR, &wanted, None).await {
                Err(problem) if problem.code == &catalogue::VAULT_LEASE_403 && lease.is_named() => {}
                result => return result,
            }
        }
        self.revoke_by_name(lease, None).await
    }

    /// With the token that made it, or that of the login.
    async fn revoke_by_name(&self, lease: &Lease, maker: Option<Arc<Token>>) -> Result<(), Problem> {
        let wanted = serde_json::json!({ "lease_id": lease.id });
        self.take_back(lease, REVOKE, &wanted, maker).await
    }

    async fn take_back(
        &self,
        lease: &Lease,
        api: &str,
        wanted: &Value,
        maker: Option<Arc<Token>>,
    ) -> Result<(), Problem> {
        let is_maker = maker.is_some();
        let mut token = match maker {
            Some(token) => token,
            None => self.token().await?,
        };
        for is_last in [false, true] {
            let question = self.asker(Some(&token)).post(api, wanted).map(Question::harmless);
            let (answer, line) = self.ask(question).await?;
            let remarks = || Remarks::of(&answer);
            match answer.status {
                200 | 204 => return Ok(()),
                // It is gone, or never was.
                400 | 404 if remarks().error_has("lease") || remarks().error_has("accessor") => return Ok(()),
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
                _ => return Err(self.not_let(lease, api, &line)),
            }
        }
        Ok(())
    }

    /// Ends a token of a lease's own, and the lease with it.
    async fn end_token(&self, lease: &Lease, token: &Token) -> Result<(), Problem> {
        let api = REVOKE_SELF;
        let question = self.asker(Some(token)).post(api, &serde_json::json!({}));
        let (answer, line) = self.ask(question.map(Question::harmless)).await?;
        match answer.status {
            200 | 204 => Ok(()),
            403 if matches!(self.standing(token).await?, Standing::Dead) => Ok(()),
            400 | 403 => Err(self.maker_refused(lease, token, api, &line).await),
            status => Err(self.upstream(&line, status)),
        }
    }

    fn lease_ended(&self, lease: &Lease, line: &str) -> Problem {
        let what = format!("Vault no longer knows the credential of {}", lease.path());
        Problem::new(&catalogue::VAULT_LEASE_ENDED, what)
            .fact("Request", format!("{line} at {}", self.settings.address))
    }

    /// A 403 for the token that made the lease: it is dead, and the lease with it; or a policy does not let us.
    async fn maker_refused(&self, lease: &Lease, maker: &Token, api: &str, line: &str) -> Problem {
        match self.standing(maker).await {
            Ok(Standing::Dead) => self.lease_ended(lease, line),
            _ => self.not_let(lease, api, line),
        }
    }

    /// No policy lets us. Whether the token that asked still lives says nothing of a lease that another one made.
    fn not_let(&self, lease: &Lease, api: &str, line: &str) -> Problem {
        let path = lease.path();
        let verb = if api == RENEW { "renew" } else { "revoke" };
        let what = format!("Vault does not let this login {verb} the credential of {path} (HTTP 403)");
        let fix = format!("let a policy of the token have: path \"{api}\" {{ capabilities = [\"update\"] }}");
        self.at_read(Problem::new(&catalogue::VAULT_LEASE_403, what), line, 403)
            .causes(vec![format!("no policy of the token grants update on {api}")])
            .fixes(vec![fix])
    }
}
