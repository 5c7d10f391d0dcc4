//! Tokens: where they come from, how long they last, one login at a time, and one more when a token turns out to be dead.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::cloud::Challenge;
use super::entra::Proof;
use super::logins::{Credential, Login};
use super::{Azure, assertion, cli, managed};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::file;
use crate::providers::net::ladder::stages_until;

/// A token is renewed this long before it ends, or a tenth of its life before where that is less.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// A token in use.
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) expires: Timestamp,
    renew_at: Timestamp,
    /// How it was come by, as a person would say it.
    pub(super) words: String,
}

impl Token {
    /// None if the text is no token.
    pub(super) fn new(value: &str, expires: Timestamp) -> Option<Self> {
        let now = Timestamp::now();
        let life = expires.duration_since(now);
        let early = EARLY.min(life / 10).max(SignedDuration::ZERO);
        let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self {
            value: SecretString::from(value),
            expires,
            renew_at: expires.checked_sub(early).unwrap_or(expires),
            words: String::new(),
        })
    }

    fn named(mut self, login: &Login) -> Self {
        self.words = login.words();
        self
    }
}

/// Why a way to log in is not to be had here, so that the next one may be tried.
pub(super) enum Unusable {
    /// This machine or person has nothing of the kind.
    Absent(Problem),
    /// It is there, and it failed.
    Failed(Problem),
}

impl From<Problem> for Unusable {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl Azure {
    /// A token to ask with: the one in use while it lasts, else a new one.
    pub(super) async fn token(&self, challenge: &Challenge) -> Result<Arc<Token>, Problem> {
        let mut current = self.session.wait().await?;
        if let Some(token) = &current.known
            && Timestamp::now() < token.renew_at
        {
            return Ok(Arc::clone(token));
        }
        let login = self.log_in(challenge).await;
        let token = Arc::new(current.ended(login)?);
        current.known = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Forgets a token that the vault does not accept.
    pub(super) async fn forget(&self, dead: &Arc<Token>) {
        let mut current = self.session.lock().await;
        if current.known.as_ref().is_some_and(|token| Arc::ptr_eq(token, dead)) {
            current.known = None;
        }
    }

    async fn log_in(&self, challenge: &Challenge) -> Result<Token, Problem> {
        let alone = self.settings.logins.len() == 1;
        let mut absent = Vec::new();
        for login in &self.settings.logins {
            match self.log_in_by(login, challenge, alone).await {
                Ok(token) => return Ok(token.named(login)),
                Err(Unusable::Failed(problem)) => return Err(problem),
                Err(Unusable::Absent(problem)) if alone => return Err(problem),
                Err(Unusable::Absent(problem)) => absent.push(problem.what),
            }
        }
        Err(self.no_login(absent))
    }

    async fn log_in_by(&self, login: &Login, challenge: &Challenge, alone: bool) -> Result<Token, Unusable> {
        let scope = challenge.scope();
        Ok(match login {
            Login::Secret { app, secret } => {
                let secret = self.credential(secret).await?;
                self.entra(app, Proof::Secret(secret), &scope).await?
            }
            Login::Certificate { app, pem } => {
                let pem = self.credential(pem).await?;
                let (world, authority, signer) = (self.world.clone(), self.settings.authority.clone(), app.clone());
                let signed = tokio::task::spawn_blocking(move || assertion::signed(&pem, &signer, &authority, &world));
                let signed = signed.await.map_err(|_| cancelled())??;
                self.entra(app, Proof::Assertion(signed), &scope).await?
            }
            Login::Assertion { app, assertion } => {
                let assertion = self.credential(assertion).await?;
                self.entra(app, Proof::Assertion(assertion), &scope).await?
            }
            Login::Workload { app, file: path } => {
                let text = file::read_text(path).map_err(|error| {
                    let what = format!(
                        "the workload's token {} cannot be read: {}",
                        path.display(),
                        error.kind()
                    );
                    Problem::new(&catalogue::AZURE_TOKEN_FILE, what).steps(stages_until("login", true))
                })?;
                let assertion = SecretString::from(Box::<str>::from(text.expose_secret().trim()));
                self.entra(app, Proof::Assertion(assertion), &scope).await?
            }
            Login::Managed { client } => {
                let machine = managed::Machine {
                    provider: &self.name,
                    world: &self.world,
                    client: client.as_deref(),
                    limit: self.settings.limit,
                    sure: alone,
                };
                machine.token(&challenge.resource).await?
            }
            Login::Cli { tenant } => {
                cli::token(&self.world, &scope, tenant.as_deref(), self.settings.cli_limit).await?
            }
        })
    }

    async fn credential(&self, credential: &Credential) -> Result<SecretString, Problem> {
        match credential {
            Credential::Given(secret) => Ok(secret.clone()),
            Credential::Held(reference) => self.credentials.read(reference).await,
        }
    }

    fn no_login(&self, absent: Vec<String>) -> Problem {
        let name = &self.name;
        let what = format!("provider `{name}` has no way to log in to Azure");
        let problem = Problem::new(&catalogue::AZURE_NO_LOGIN, what).steps(stages_until("login", true));
        let nothing = if name == "azure" {
            "none of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH and AZURE_FEDERATED_TOKEN_FILE is set"
                .to_owned()
        } else {
            format!(
                "[providers.{name}] has no client_secret, client_certificate or federated_token_file; the variables of the environment are those of provider `azure` alone"
            )
        };
        problem.causes([nothing].into_iter().chain(absent).collect())
    }
}

/// Takes a token out of an answer.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

fn cancelled() -> Problem {
    Problem::new(
        &catalogue::PROVIDER_CANCELLED,
        "hallpass ended before the assertion was signed",
    )
}

/// Whether the token is the same text as another.
pub(super) fn same(one: &Token, other: &Token) -> bool {
    one.value.expose_secret() == other.value.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = Timestamp::now();
        let early = |seconds| {
            let expires = now + SignedDuration::from_secs(seconds);
            let token = Token::new("t", expires).unwrap();
            expires.duration_since(token.renew_at).as_secs()
        };
        assert_eq!(early(86_400), 300);
        assert!((5..=6).contains(&early(60)));
        assert_eq!(early(-10), 0, "a token that is over is over");
        assert!(Token::new("", now).is_none() && Token::new("a\nb", now).is_none());
    }
}
