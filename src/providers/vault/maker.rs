//! Which token a credential is made with: what it hangs on, and what giving it back will take, also when this process is killed before
//! it has heard the credential's name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Vault;
use super::api::{LoggedIn, parse};
use super::lease::REVOKE;
use super::login::{Origin, Standing, Token};
use super::path::Target;
use super::refusal::may;
use crate::domain::lease::{Held, Lease};
use crate::domain::problem::Problem;
use crate::providers::Provider;
use crate::providers::leases::{Making, to_the_end};
use crate::providers::net::http;

const NEW_TOKEN: &str = "auth/token/create";
pub(super) const REVOKE_ACCESSOR: &str = "auth/token/revoke-accessor";
/// How long a token of a session's own lasts unless it is renewed, where the next start can end it by its accessor: longer than most
/// leases, so that it is renewed seldom and a night's sleep of the machine ends nothing.
const OWN_TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);
/// The same where it cannot: after a crash nothing but its end takes back what it made.
pub(super) const UNGUARDED_TTL: Duration = Duration::from_secs(600);

/// How each lease of this process was made, by its key.
#[derive(Clone, Default)]
pub(super) struct Made(Arc<Mutex<BTreeMap<String, How>>>);

/// What giving a lease back takes. Ends with the process: tokens are never written down.
#[derive(Clone)]
pub(super) struct How {
    /// The token that it hangs on: when that ends, so does the lease.
    pub(super) token: Arc<Token>,
    /// The token is this lease's alone, and ends with it.
    pub(super) own: bool,
    /// When the token ends unless it is renewed.
    pub(super) token_end: Option<Timestamp>,
    /// The token that this one was made from, and takes with it.
    pub(super) parent: Option<Arc<Token>>,
    pub(super) parent_end: Option<Timestamp>,
    /// What the lease was first given, and is asked for at each renewal.
    pub(super) ttl: Duration,
    /// What the person should know of it.
    pub(super) warning: Option<String>,
}

impl How {
    /// With a token that ends then.
    fn with(token: &Arc<Token>, end: Option<Timestamp>) -> Self {
        Self {
            token: Arc::clone(token),
            own: false,
            token_end: end,
            parent: None,
            parent_end: None,
            ttl: Duration::ZERO,
            warning: None,
        }
    }

    /// The name of the token, if ending it does no harm to anything but the lease.
    pub(super) fn accessor(&self) -> Option<&str> {
        self.token.accessor.as_deref().filter(|_| self.own)
    }

    /// When the lease is over at the latest, unless the token is renewed.
    pub(super) fn end(&self) -> Option<Timestamp> {
        [self.token_end, self.parent_end].into_iter().flatten().min()
    }

    /// The lease with the end that it really has: that of the token if that comes first.
    pub(super) fn bounded(&self, lease: Lease, now: Timestamp) -> Lease {
        let Some(end) = self.end().filter(|end| *end < lease.expires) else {
            return lease;
        };
        Lease {
            ttl: Duration::from_secs(u64::try_from(end.as_second() - now.as_second()).unwrap_or(0)),
            expires: end,
            ..lease
        }
    }
}

/// How a lease will be made; and where its token is its own, the lease by the token's name: dropped, it ends the token.
pub(super) struct Way {
    pub(super) how: How,
    pub(super) begun: Option<Held>,
}

impl Made {
    /// Writes down a lease that will be asked for, so that from here on a kill leaves nothing that the next start could not take back.
    /// None where nothing is known of it beforehand.
    fn begin(
        &self,
        making: &Making,
        (provider, endpoint): (String, String),
        target: &Target,
        how: &How,
    ) -> Option<Held> {
        let lease = Lease {
            provider,
            id: format!("{}/", target.api().trim_end_matches('/')),
            accessor: Some(how.accessor()?.to_owned()),
            renewable: false,
            ttl: Duration::ZERO,
            expires: how.end().unwrap_or(Timestamp::MAX),
        };
        self.insert(lease.key(), how.clone());
        Some(making.hold(lease, endpoint))
    }

    pub(super) fn insert(&self, key: &str, how: How) {
        self.lock().insert(key.to_owned(), how);
    }

    pub(super) fn get(&self, key: &str) -> Option<How> {
        self.lock().get(key).cloned()
    }

    pub(super) fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, How>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault {
    /// Chooses the token that a lease is made with. First one of its own whose accessor the next start can end, whatever of the lease it
    /// has heard; then that of the login where it may revoke leases; then any that can be ended with the lease; else that of the login
    /// after all.
    pub(super) async fn how_to_make(&self, login: &Arc<Token>, target: &Target) -> Result<Way, Problem> {
        let new_token = match &self.settings.token_role {
            Some(role) => format!("{NEW_TOKEN}/{role}"),
            None => NEW_TOKEN.to_owned(),
        };
        let asker = self.asker(Some(login));
        let asked = [REVOKE, new_token.as_str(), REVOKE_ACCESSOR];
        let (capabilities, standing) = futures::join!(self.ask(asker.capabilities(&asked)), self.standing(login));
        let (capabilities, _) = capabilities?;
        let end = match standing? {
            Standing::Alive(lookup) => lookup.end(),
            Standing::Shy | Standing::Dead => None,
        };
        let grants = |api: &str| may(&capabilities, api, "update") == Some(true);
        let may_make = grants(&new_token);
        if may_make
            && grants(REVOKE_ACCESSOR)
            && let Some(way) = self.child_of((login, end), &new_token, OWN_TOKEN_TTL, target).await
        {
            return Ok(way);
        }
        let warning = self.settings.token_role.as_ref().map(|role| {
            format!(
                "token_role `{role}` of provider `{}` made no token for this session, or {REVOKE_ACCESSOR} is not granted: if hallpass is \
                 killed in the moment in which Vault makes the credential, that stays until it expires",
                self.name
            )
        });
        let mut how = How::with(login, end);
        if !grants(REVOKE) {
            if let Ok(Some(token)) = self.take_token().await {
                let end = if Arc::ptr_eq(&token, login) {
                    end
                } else {
                    token.life().ends
                };
                how = How {
                    own: true,
                    ..How::with(&token, end)
                };
            } else if may_make
                && let Some(mut way) = self.child_of((login, end), &new_token, UNGUARDED_TTL, target).await
            {
                way.how.warning = warning;
                return Ok(way);
            }
        }
        let how = How { warning, ..how };
        let making = self.credentials.making();
        let begun = making.and_then(|making| self.leases.begin(&making, self.origin(), target, &how));
        Ok(Way { how, begun })
    }

    /// Name and address, as leases have them.
    fn origin(&self) -> (String, String) {
        (self.name.clone(), Provider::endpoint(self))
    }

    /// With a token that has the policies of the parent, or those of its role; none where there is none to be had. Never given up
    /// half-way: a token that nobody waits for any more is ended.
    async fn child_of(
        &self,
        (parent, parent_end): (&Arc<Token>, Option<Timestamp>),
        api: &str,
        ttl: Duration,
        target: &Target,
    ) -> Option<Way> {
        let wanted = serde_json::json!({
            "display_name": "hallpass",
            "ttl": format!("{}s", ttl.as_secs()),
            "renewable": true,
        });
        let question = self.asker(Some(parent)).post(api, &wanted).ok()?;
        let client = self.connection().await.ok()?.client.clone();
        let making = self.credentials.making()?;
        let (origin, leases, parent, target) = (self.origin(), self.leases.clone(), Arc::clone(parent), target.clone());
        let made = to_the_end(async move {
            let answer = http::send(&client, question.request).await.ok()?;
            let LoggedIn { auth } = parse(&answer).filter(|_| answer.status == 200)?;
            let orphan = auth.orphan;
            let token = Arc::new(Token::brought(auth, Origin::Login)?);
            // One without a name is of the kind that cannot be ended, and whose leases are its parent's.
            token.accessor.as_ref()?;
            let how = How {
                own: true,
                parent: (!orphan).then_some(parent),
                parent_end: parent_end.filter(|_| !orphan),
                ..How::with(&token, token.life().ends)
            };
            let begun = leases.begin(&making, origin, &target, &how);
            Some(Way { how, begun })
        });
        made.await?
    }
}
