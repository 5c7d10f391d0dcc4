//! Tokens: where they come from, how long they last, one login at a time, and one more when a token turns out to be dead.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::Vault;
use super::api::{LoggedIn, Lookup, Remarks, parse};
use super::settings::{Credential, Login, is_header_text};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::ladder::stages_until;
use crate::providers::shared::Shared;

/// A token in use.
pub(super) struct Token {
    pub(super) value: SecretString,
    /// None where the server has not said.
    expires: Option<Instant>,
}

/// The login of this process.
#[derive(Default)]
pub(super) struct Session {
    /// Held during a login, so that many readers wait for one login.
    current: Shared<Option<Arc<Token>>>,
    /// The last token that worked here: when it stops working, it has expired.
    worked: std::sync::Mutex<Option<SecretString>>,
}

/// What the server says of a token.
pub(super) enum Standing {
    Alive(Lookup),
    /// It is alive; its policies do not let it look itself up.
    Shy,
    Dead,
}

impl Vault {
    /// A token to ask with: the one in use while it lasts, else a new one.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Problem> {
        let mut current = self.session.current.wait().await?;
        if let Some(token) = &current.known
            && token.expires.is_none_or(|end| Instant::now() < end)
        {
            return Ok(Arc::clone(token));
        }
        let login = self.log_in().await;
        let token = Arc::new(current.ended(login)?);
        let is_file = matches!(
            &self.settings.login,
            Login::Token {
                token: Credential::File(_),
                ..
            }
        );
        current.known = (!is_file).then(|| Arc::clone(&token));
        Ok(token)
    }

    /// Another token in place of one that the server does not accept; none if there is only the same one again.
    pub(super) async fn another(&self, dead: &Arc<Token>) -> Result<Option<Arc<Token>>, Problem> {
        {
            let mut current = self.session.current.lock().await;
            if current.known.as_ref().is_some_and(|token| Arc::ptr_eq(token, dead)) {
                current.known = None;
            }
        }
        let token = self.token().await?;
        let same = token.value.expose_secret() == dead.value.expose_secret();
        Ok((!same).then_some(token))
    }

    /// A word for how the login works.
    pub(super) fn login_word(&self) -> &'static str {
        match self.settings.login {
            Login::Token { .. } => "token",
            Login::AppRole { .. } => "approle",
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
            Login::Token { token, from } => {
                let value = self.credential(token).await?;
                if !is_header_text(value.expose_secret()) {
                    let what = format!("{from} holds no token: it is empty, or has characters that no token has");
                    return Err(
                        Problem::new(&catalogue::VAULT_TOKEN, what).steps(stages_until("login", self.settings.https))
                    );
                }
                Ok(Token { value, expires: None })
            }
            Login::AppRole {
                mount,
                role_id,
                secret_id,
            } => {
                let (role_id, secret_id) = (self.credential(role_id).await?, self.credential(secret_id).await?);
                self.approle(mount, &role_id, &secret_id).await
            }
        }
    }

    async fn approle(&self, mount: &str, role_id: &SecretString, secret_id: &SecretString) -> Result<Token, Problem> {
        let question = self.asker(None).approle(mount, role_id, secret_id);
        let (answer, line) = self.ask(question).await?;
        if answer.status == 200
            && let Some(LoggedIn { auth }) = parse(&answer)
            && is_header_text(auth.client_token.expose_secret())
        {
            let lasts = Duration::from_secs(auth.lease_duration);
            // A little early, so that a token does not end between this look and the request.
            let lasts = lasts.saturating_sub((lasts / 10).min(Duration::from_secs(5)));
            let token = Token {
                value: auth.client_token,
                expires: (auth.lease_duration > 0).then(|| Instant::now() + lasts),
            };
            self.worked(&token);
            return Ok(token);
        }
        let what = format!("Vault at {} refused the AppRole login", self.settings.address);
        let problem = Problem::new(&catalogue::VAULT_LOGIN, what)
            .note(format!("{line} → {}", answer.status))
            .fact("Request", format!("{line} at {}", self.settings.address))
            .steps(stages_until("login", self.settings.https));
        Err(if Remarks::of(&answer).error_has("no handler for route") {
            problem.cause(format!("no auth method is mounted at auth/{mount}"))
        } else {
            problem
        })
    }

    async fn credential(&self, credential: &Credential) -> Result<SecretString, Problem> {
        match credential {
            Credential::Given(value) => Ok(value.clone()),
            Credential::Held(reference) => self.credentials.read(reference).await,
            Credential::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => {
                    let text = zeroize::Zeroizing::new(text);
                    Ok(SecretString::from(Box::<str>::from(text.trim())))
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(self.no_token()),
                Err(error) => {
                    let what = format!("{} cannot be read: {}", path.display(), error.kind());
                    Err(Problem::new(&catalogue::VAULT_NO_TOKEN, what))
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
                .cause(
                    "none of VAULT_TOKEN, VAULT_APP_ROLE_ID with VAULT_APP_ROLE_SECRET_ID, and ~/.vault-token is there",
                )
                .fixes(vec!["vault login".to_owned(), "export VAULT_TOKEN=…".to_owned()]);
        }
        problem
            .causes(vec![format!(
                "[providers.{name}] has neither token nor auth; VAULT_TOKEN and ~/.vault-token are those of provider `vault` alone"
            )])
            .fixes(vec![format!("token = {{ secret = \"env:VAULT_TOKEN\" }}   in [providers.{name}]")])
    }

    /// Asks what a token is worth.
    pub(super) async fn standing(&self, token: &Token) -> Result<Standing, Problem> {
        let (answer, line) = self.ask(self.asker(Some(token)).lookup_self()).await?;
        match answer.status {
            200 => {
                self.worked(token);
                let lookup: Option<super::api::Envelope<Lookup>> = parse(&answer);
                Ok(Standing::Alive(
                    lookup.and_then(|lookup| lookup.data).unwrap_or_default(),
                ))
            }
            // A policy's denial is wrapped into a list, a dead token's is bare.
            403 if Remarks::of(&answer).error_has("1 error occurred") => {
                self.worked(token);
                Ok(Standing::Shy)
            }
            403 => Ok(Standing::Dead),
            status => Err(self.upstream(&line, status)),
        }
    }

    /// The problem of a token that the server does not accept.
    pub(super) fn dead_token(&self, token: &Token, line: &str) -> Problem {
        let address = &self.settings.address;
        let expired = self.has_worked(token) || is_like_a_token(token.value.expose_secret());
        let problem = if expired {
            let what = format!("the token for Vault at {address} has expired or was revoked");
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
            _ => problem.fact("Token", "from AppRole"),
        };
        problem
            .note(format!("{line} → 403"))
            .fact("Request", format!("{line} at {address}"))
            .steps(stages_until("login", self.settings.https))
    }
}

/// Whether the text looks like what a Vault hands out. It only chooses between two messages: the server says nothing of the difference
/// between a token that is over and one that never was.
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
