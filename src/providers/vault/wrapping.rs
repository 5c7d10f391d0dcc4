//! Response wrapping: what a wrapping token holds. It opens once, so the content is kept as long as the process lives, and a token that
//! is found open is reported as what it may be.

use std::sync::PoisonError;

use secrecy::{ExposeSecret, SecretString};

use super::Vault;
use super::api::{Asker, Envelope, LoggedIn, WrappedSecretId, Wrapping, parse};
use super::settings::is_header_text;
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::providers::net::http::Answer;
use crate::providers::net::ladder::stages_until;

impl Vault {
    /// The token that a wrapping token wraps.
    pub(super) async fn unwrapped_token(&self, wrapping: &SecretString) -> Result<SecretString, Problem> {
        // Made by `vault token create -wrap-ttl` or by any login.
        let made_by = |path: &str| path.starts_with("auth/");
        let content = |answer: &Answer| parse(answer).map(|LoggedIn { auth }| auth.client_token);
        self.unwrapped(wrapping, made_by, content).await
    }

    /// The AppRole secret id that a wrapping token wraps.
    pub(super) async fn unwrapped_secret_id(
        &self,
        mount: &str,
        wrapping: &SecretString,
    ) -> Result<SecretString, Problem> {
        let made_by = |path: &str| path.starts_with(&format!("auth/{mount}/role/")) && path.ends_with("/secret-id");
        let content = |answer: &Answer| Some(parse::<Envelope<WrappedSecretId>>(answer)?.data?.secret_id);
        self.unwrapped(wrapping, made_by, content).await
    }

    async fn unwrapped(
        &self,
        wrapping: &SecretString,
        made_by: impl Fn(&str) -> bool,
        content: impl Fn(&Answer) -> Option<SecretString>,
    ) -> Result<SecretString, Problem> {
        if let Some(known) = self.unwrapped_before(wrapping) {
            return Ok(known);
        }
        if !is_header_text(wrapping.expose_secret()) {
            return Err(self.wrap_problem(&catalogue::VAULT_WRAP_USED, "is no token", None));
        }
        // Where it was made is asked first: somebody who opened the true one could have wrapped something else.
        let (answer, line) = self.ask(self.asker(None).wrapping(wrapping)).await?;
        let origin: Option<Envelope<Wrapping>> = parse(&answer).filter(|_| answer.status == 200);
        let Some(origin) = origin.and_then(|envelope| envelope.data) else {
            return Err(self.wrap_refused(&answer, &line));
        };
        if !made_by(&origin.creation_path) {
            let why = format!("was made by {}", origin.creation_path);
            return Err(self.wrap_problem(&catalogue::VAULT_WRAP_FOREIGN, &why, None));
        }
        let asker = Asker {
            token: Some(wrapping),
            ..self.asker(None)
        };
        let (answer, line) = self.ask(asker.unwrap()).await?;
        if answer.status != 200 {
            return Err(self.wrap_refused(&answer, &line));
        }
        let value = content(&answer).filter(|value| is_header_text(value.expose_secret()));
        let value = value.ok_or_else(|| {
            let why = "does not hold what is logged in with";
            self.wrap_problem(&catalogue::VAULT_WRAP_FOREIGN, why, None)
        })?;
        let mut unwrapped = self.session.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        *unwrapped = Some((wrapping.clone(), value.clone()));
        Ok(value)
    }

    fn unwrapped_before(&self, wrapping: &SecretString) -> Option<SecretString> {
        let unwrapped = self.session.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, value) = unwrapped.as_ref()?;
        (token.expose_secret() == wrapping.expose_secret()).then(|| value.clone())
    }

    fn wrap_refused(&self, answer: &Answer, line: &str) -> Problem {
        if matches!(answer.status, 400 | 403 | 404) {
            let why = "was unwrapped already, or has ended";
            return self.wrap_problem(&catalogue::VAULT_WRAP_USED, why, Some((line, answer.status)));
        }
        self.upstream(line, answer.status)
    }

    fn wrap_problem(&self, code: &'static Code, why: &str, asked: Option<(&str, u16)>) -> Problem {
        let what = format!("the wrapping token of provider `{}` {why}", self.name);
        let problem = Problem::new(code, what).steps(stages_until("login", self.settings.https));
        match asked {
            Some((line, status)) => problem
                .note(format!("{line} → {status}"))
                .fact("Request", format!("{line} at {}", self.settings.address)),
            None => problem,
        }
    }
}
