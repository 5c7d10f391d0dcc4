//! Tokens: where they come from, how long they last, one login at a time, and one more when a token turns out to be dead.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::Vault;
use super::api::{Auth, Lookup, parse};
use super::lease::REVOKE_SELF;
use super::settings::{Credential, Login, is_header_text};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::file;
use crate::providers::net::http;
use crate::providers::net::ladder::stages_until;
use crate::providers::shared::Shared;

/// A token in use.
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) origin: Origin,
    /// Its name, by which it can be ended; where it was made here.
    pub(super) accessor: Option<String>,
    life: Mutex<Life>,
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was given: another may use it too.
    Given,
    /// It was made by a login of this process alone.
    Login,
    /// It was made by a person's login, and other processes of theirs use it too.
    Person,
}

/// How long a token lasts, as far as the server has said. By the wall clock, which goes on while the machine sleeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) ends: Option<Timestamp>,
    /// When it is to be renewed; none if it cannot be.
    pub(super) renew_at: Option<Timestamp>,
}

impl Life {
    /// That of a token which lasts `seconds` from now on; 0 is for ever.
    pub(super) fn of(auth: &Auth) -> Self {
        let now = Timestamp::now();
        let lasts = i64::try_from(auth.lease_duration).unwrap_or(i64::MAX);
        if lasts == 0 {
            return Self::default();
        }
        Self {
            ends: after(now, lasts),
            renew_at: after(now, lasts / 3 * 2).filter(|_| auth.renewable),
        }
    }

    fn of_lookup(lookup: &Lookup) -> Self {
        let ends: Option<Timestamp> = lookup.expire_time.as_deref().and_then(|time| time.parse().ok());
        let third = i64::try_from(lookup.creation_ttl / 3).unwrap_or(i64::MAX);
        Self {
            ends,
            renew_at: ends
                .filter(|_| lookup.renewable && third > 0)
                .and_then(|end| after(end, -third)),
        }
    }
}

pub(super) fn after(time: Timestamp, seconds: i64) -> Option<Timestamp> {
    time.checked_add(SignedDuration::from_secs(seconds)).ok()
}

impl Token {
    pub(super) fn of(value: SecretString, origin: Origin, life: Life) -> Self {
        Self {
            value,
            origin,
            accessor: None,
            life: Mutex::new(life),
        }
    }

    /// What an answer brings; none where no request could carry it.
    pub(super) fn brought(auth: Auth, origin: Origin) -> Option<Self> {
        let life = Life::of(&auth);
        is_header_text(auth.client_token.expose_secret()).then(|| Self {
            accessor: Some(auth.accessor).filter(|accessor| !accessor.is_empty()),
            ..Self::of(auth.client_token, origin, life)
        })
    }

    pub(super) fn life(&self) -> Life {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lives(&self, life: Life) {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }

    /// Whether it has ended, or will while a request is under way.
    fn is_over(&self) -> bool {
        let soon = after(Timestamp::now(), 2);
        self.life().ends.is_some_and(|end| soon.is_some_and(|soon| end <= soon))
    }

    fn is(&self, other: &Self) -> bool {
        self.value.expose_secret() == other.value.expose_secret()
    }
}

/// The login of this process.
#[derive(Default)]
pub(super) struct Session {
    /// Held during a login, so that many readers wait for one login.
    pub(super) current: Shared<Option<Arc<Token>>>,
    /// There may be another login than the one in use, made by another process.
    pub(super) outdated: AtomicBool,
    /// The last token that worked here: when it stops working, it has expired.
    worked: Mutex<Option<SecretString>>,
    /// Why the token could not be renewed when it was due.
    pub(super) not_renewed: Mutex<Option<Problem>>,
    /// A wrapping token, and what was in it: it opens once, and a login may have to be repeated.
    pub(super) unwrapped: Mutex<Option<(SecretString, SecretString)>>,
}

/// What the server says of a token.
pub(super) enum Standing {
    Alive(Lookup),
    /// It is alive; its policies do not let it look itself up.
    Shy,
    Dead,
}

impl Vault {
    /// A token to ask with: the one in use while it lasts, else a new one. Renewed when it is time.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Problem> {
        let mut current = self.session.current.wait().await?;
        if self.session.outdated.swap(false, Ordering::Relaxed) {
            // One that this process made is nobody else's, and is still to be ended.
            current.known.take_if(|token| token.origin != Origin::Login);
        }
        // A file is read each time, so that `vault login` in another window is seen.
        let is_file = matches!(
            &self.settings.login,
            Login::Token {
                token: Credential::File(_),
                ..
            }
        );
        let token = match current.known.clone().filter(|token| !token.is_over()) {
            Some(token) if !is_file => token,
            known => {
                let login = self.log_in().await;
                let found = Arc::new(current.ended(login)?);
                match known.filter(|known| known.is(&found)) {
                    // What was learnt of the same token stays known.
                    Some(known) => known,
                    None => {
                        *self.session.not_renewed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                        found
                    }
                }
            }
        };
        current.known = Some(Arc::clone(&token));
        self.renew_if_due(&token).await;
        Ok(token)
    }

    /// Another token in place of one that the server does not accept; none if there is only the same one again.
    pub(super) async fn another(&self, dead: &Arc<Token>) -> Result<Option<Arc<Token>>, Problem> {
        {
            let mut current = self.session.current.lock().await;
            if current.known.as_ref().is_some_and(|token| token.is(dead)) {
                current.known = None;
            }
        }
        if dead.origin == Origin::Person {
            self.kept.forget(&dead.value);
        }
        let token = self.token().await?;
        Ok((!token.is(dead)).then_some(token))
    }

    /// A token that nobody else uses any more: that of our own login, which the next who needs one makes anew. None where the login is
    /// that of a person, whose token is not ours to end.
    pub(super) async fn take_token(&self) -> Result<Option<Arc<Token>>, Problem> {
        let token = self.token().await?;
        if token.origin != Origin::Login {
            return Ok(None);
        }
        let mut current = self.session.current.lock().await;
        if current.known.take_if(|known| Arc::ptr_eq(known, &token)).is_none() {
            // Another one took it first.
            drop(current);
            return self.log_in().await.map(|token| Some(Arc::new(token)));
        }
        Ok(Some(token))
    }

    /// Ends the token of our own login.
    pub(super) async fn end_login(&self) {
        let own = |token: &mut Arc<Token>| token.origin == Origin::Login;
        let Some(token) = self.session.current.lock().await.known.take_if(own) else {
            return;
        };
        let question = self.asker(Some(&token)).post(REVOKE_SELF, &serde_json::json!({}));
        if let (Ok(connection), Ok(question)) = (self.connection().await, question) {
            let _ = http::send(&connection.client, question.request).await;
        }
    }

    /// A word for how the login works.
    pub(super) fn login_word(&self) -> &'static str {
        match &self.settings.login {
            Login::Token { .. } => "token",
            Login::Account(account) => account.method.word,
            Login::None => "none",
        }
    }

    pub(super) fn worked(&self, token: &Token) {
        let mut worked = self.session.worked.lock().unwrap_or_else(PoisonError::into_inner);
        *worked = Some(token.value.clone());
    }

    fn has_worked(&self, token: &Token) -> bool {
        let worked = self.session.worked.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = worked.as_ref().map(ExposeSecret::expose_secret);
        worked == Some(token.value.expose_secret())
    }

    async fn log_in(&self) -> Result<Token, Problem> {
        match &self.settings.login {
            Login::None => Err(self.no_token()),
            Login::Token { token, from, wrapped } => {
                let mut value = self.credential(token, |_| self.no_token()).await?;
                if !is_header_text(value.expose_secret()) {
                    let what = format!("{from} holds no token: it is empty, or has characters that no token has");
                    return Err(
                        Problem::new(&catalogue::VAULT_TOKEN, what).steps(stages_until("login", self.settings.https))
                    );
                }
                if *wrapped {
                    value = self.unwrapped_token(&value).await?;
                }
                Ok(Token::of(value, Origin::Given, Life::default()))
            }
            Login::Account(account) if account.needs_person() => self.kept_login(account),
            Login::Account(account) => {
                let token = self.log_in_as(account, None).await?;
                self.credentials.logged_in();
                Ok(token)
            }
        }
    }

    /// Reads a credential; `missing` is the problem of a file that is not there.
    pub(super) async fn credential(
        &self,
        credential: &Credential,
        missing: impl FnOnce(&Path) -> Problem,
    ) -> Result<SecretString, Problem> {
        match credential {
            Credential::Given(value) => Ok(value.clone()),
            Credential::Held(reference) => self.credentials.read(reference).await,
            Credential::File(path) => match file::read_text(path) {
                Ok(text) => Ok(SecretString::from(Box::<str>::from(text.expose_secret().trim()))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
                Err(error) => {
                    let problem = missing(path);
                    let what = format!("{} cannot be read: {}", path.display(), file::why(&error));
                    Err(Problem::new(problem.code, what).steps(problem.steps))
                }
            },
        }
    }

    fn no_token(&self) -> Problem {
        let name = &self.name;
        let problem = Problem::new(
            &catalogue::VAULT_NO_TOKEN,
            format!("provider `{name}` has no way to log in to Vault"),
        )
        .steps(stages_until("config", self.settings.https));
        if name == "vault" {
            return problem
                .causes(vec![
                    "none of VAULT_TOKEN, VAULT_APP_ROLE_ID with VAULT_APP_ROLE_SECRET_ID, and ~/.vault-token is there, and no auth in config.toml"
                        .to_owned(),
                ])
                .fixes(vec!["vault login".to_owned(), "export VAULT_TOKEN=…".to_owned()]);
        }
        problem
            .causes(vec![format!(
                "[providers.{name}] has neither token nor auth; VAULT_TOKEN and ~/.vault-token are those of provider `vault` alone"
            )])
            .fixes(vec![format!("token = {{ secret = \"env:VAULT_TOKEN\" }}   in [providers.{name}]")])
    }

    /// Asks what a token is worth, and what of its life.
    pub(super) async fn standing(&self, token: &Token) -> Result<Standing, Problem> {
        let (answer, line) = self.ask(self.asker(Some(token)).lookup_self()).await?;
        match answer.status {
            200 => {
                self.worked(token);
                let lookup: Option<super::api::Envelope<Lookup>> = parse(&answer);
                let lookup = lookup.and_then(|lookup| lookup.data).unwrap_or_default();
                if token.life().ends.is_none() {
                    token.lives(Life::of_lookup(&lookup));
                }
                Ok(Standing::Alive(lookup))
            }
            // It is dead, or its policies do not let it look itself up. The list of mounts is there for any token that lives.
            403 => {
                let (answer, line) = self.ask(self.asker(Some(token)).mounts("")).await?;
                match answer.status {
                    200 => {
                        self.worked(token);
                        Ok(Standing::Shy)
                    }
                    403 => Ok(Standing::Dead),
                    status => Err(self.upstream(&line, status)),
                }
            }
            status => Err(self.upstream(&line, status)),
        }
    }

    /// The problem of a token that the server does not accept.
    pub(super) fn dead_token(&self, token: &Token, line: &str) -> Problem {
        let address = &self.settings.address;
        let value = token.value.expose_secret();
        let problem = if self.has_worked(token) {
            let what = format!("the token for Vault at {address} has expired or was revoked");
            Problem::new(&catalogue::VAULT_TOKEN_EXPIRED, what)
        } else if is_like_a_token(value) {
            let what = format!("Vault at {address} does not accept the token (any more): it has most likely expired");
            Problem::new(&catalogue::VAULT_TOKEN_EXPIRED, what)
        } else {
            let what = format!("Vault at {address} does not know the token");
            Problem::new(&catalogue::VAULT_TOKEN, what)
        };
        let problem = match &self.settings.login {
            Login::Token { from, .. } => {
                let login = match from.as_str() {
                    "VAULT_TOKEN" => {
                        "export VAULT_TOKEN=\"$(vault login -token-only)\"   then start hallpass again".to_owned()
                    }
                    "~/.vault-token" => format!("vault login -address={address}"),
                    from => format!("put a new token where {from} has it"),
                };
                problem.fact("Token", format!("from {from}")).fixes(vec![login])
            }
            _ => problem.fact("Token", format!("from the login by {}", self.login_word())),
        };
        problem
            .note(format!("{line} → 403"))
            .fact("Request", format!("{line} at {address}"))
            .steps(stages_until("login", self.settings.https))
    }
}

/// Whether the text looks like what a Vault hands out. It only chooses between two messages: to a process that never saw the token work,
/// the server says nothing of the difference between one that is over and one that never was.
fn is_like_a_token(token: &str) -> bool {
    let body = ["hvs.", "hvb.", "hvr.", "s.", "b.", "r."]
        .iter()
        .find_map(|prefix| token.strip_prefix(prefix));
    body.is_some_and(|body| body.len() >= 20)
}

#[cfg(test)]
mod tests {
    use super::is_like_a_token;

    #[test]
    fn tokens_by_their_looks() {
        assert!(is_like_a_token("s.ec5y3UntWeQULQHIVJTrwOEB"));
        assert!(is_like_a_token(&format!("hvs.{}", "x".repeat(90))));
        for other in ["root", "wrong", "s.short", "hvs.", ""] {
            assert!(!is_like_a_token(other), "{other}");
        }
    }
}
