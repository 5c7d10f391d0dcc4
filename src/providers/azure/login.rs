//! Tokens: where they come from, how long they last, one login at a time, and one more when a token turns out to be dead.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::cloud::Challenge;
use super::entra::Proof;
use super::logins::{Credential, Login};
use super::{Azure, assertion, cli, managed};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::file;
use crate::providers::net::ladder::stages_until;
use crate::providers::shared::renewal;

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
        let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self {
            value: SecretString::from(value),
            expires,
            renew_at: renewal(Timestamp::now(), expires),
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
        self.session
            .get_or_make(|token| Timestamp::now() < token.renew_at, self.log_in(challenge))
            .await
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
                        file::why(&error)
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
    fn what_is_no_token_is_not_taken() {
        let now = Timestamp::now();
        assert!(Token::new("", now).is_none() && Token::new("a\nb", now).is_none());
    }
}
