//! A login at `auth/<mount>`, and what a refusal of it means.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Vault;
use super::api::{LoggedIn, Remarks, parse};
use super::login::{Origin, Token};
use super::method::{Account, Part, Place};
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::providers::net::http::Answer;
use crate::providers::net::ladder::stages_until;

/// What the words of a refusal mean; the first that fit count. The words are those of Vault and OpenBao, and are not shown.
const REFUSALS: &[(&str, &Code, Option<&str>)] = &[
    ("invalid username or password", &catalogue::VAULT_LOGIN_PASSWORD, None),
    (
        "ldap operation failed",
        &catalogue::VAULT_LOGIN_PASSWORD,
        Some("the LDAP server did not take the user name and password, or did not find the user"),
    ),
    ("could not be found", &catalogue::VAULT_LOGIN_ROLE, None),
    ("invalid role name", &catalogue::VAULT_LOGIN_ROLE, None),
    (
        "missing role",
        &catalogue::VAULT_LOGIN_ROLE,
        Some("no role is given, and the auth method has no default one"),
    ),
    (
        "token is expired",
        &catalogue::VAULT_LOGIN_JWT_EXPIRED,
        Some("it has expired: it was written too long ago"),
    ),
    (
        "token not yet valid",
        &catalogue::VAULT_LOGIN_JWT_EXPIRED,
        Some("it is not valid yet: the clocks of its issuer and of Vault differ"),
    ),
    ("(aud)", &catalogue::VAULT_LOGIN_JWT_AUDIENCE, None),
    ("audience", &catalogue::VAULT_LOGIN_JWT_AUDIENCE, None),
    ("error validating claims", &catalogue::VAULT_LOGIN_JWT_CLAIMS, None),
    ("not authorized", &catalogue::VAULT_LOGIN_JWT_CLAIMS, None),
    ("error validating token", &catalogue::VAULT_LOGIN_JWT, None),
    ("lookup failed", &catalogue::VAULT_LOGIN_JWT, None),
    ("missing token", &catalogue::VAULT_LOGIN_JWT, Some("it is empty")),
    (
        "no client certificate found",
        &catalogue::VAULT_LOGIN_CERT,
        Some(
            "the server did not ask for the certificate: something in between ends TLS, or the listener has it switched off",
        ),
    ),
    ("client certificate", &catalogue::VAULT_LOGIN_CERT, None),
    ("OIDC login is not configured", &catalogue::VAULT_LOGIN_SETUP, None),
    ("could not load configuration", &catalogue::VAULT_LOGIN_SETUP, None),
    ("must be given", &catalogue::VAULT_LOGIN_SETUP, None),
];

impl Vault {
    /// Logs in with what is given, and with what a person was asked for.
    pub(super) async fn log_in_as(
        &self,
        account: &Account,
        asked: Option<(&'static Part, SecretString)>,
    ) -> Result<Token, Problem> {
        let origin = if asked.is_some() { Origin::Person } else { Origin::Login };
        let mut parts: Vec<(&Part, SecretString)> = Vec::new();
        for (part, credential) in &account.given {
            let value = self
                .credential(credential, |path| {
                    let what = format!("there is no JWT to log in with at {}", path.display());
                    Problem::new(&catalogue::VAULT_LOGIN_NO_JWT, what)
                        .steps(stages_until("config", self.settings.https))
                })
                .await?;
            parts.push((part, value));
        }
        parts.extend(asked);
        let mut body = Map::new();
        let mut user = None;
        for (part, mut value) in parts {
            if account.wrapped && part.name == "secret_id" {
                value = self.unwrapped_secret_id(&account.mount, &value).await?;
            }
            if part.place == Place::Path {
                if !is_user_name(value.expose_secret()) {
                    let what = format!("the user name of provider `{}` cannot be one", self.name);
                    return Err(Problem::new(&catalogue::VAULT_LOGIN_PASSWORD, what)
                        .causes(vec!["it is empty, or has a slash or a control character".to_owned()])
                        .fixes(vec![format!("correct username in auth of [providers.{}]", self.name)]));
                }
                user = Some(value);
            } else {
                body.insert(part.name.to_owned(), Value::from(value.expose_secret()));
            }
        }
        let user = user.as_ref().map(ExposeSecret::expose_secret);
        let question = self
            .asker(None)
            .login(&account.mount, user, Value::Object(body).to_string());
        let (answer, line) = self.ask(question).await?;
        match self.logged_in(&answer, origin) {
            Some(token) => token,
            None => Err(self.login_refused(account, &answer, &line, user).await),
        }
    }

    /// The token that an answer brings; none if it brings none.
    pub(super) fn logged_in(&self, answer: &Answer, origin: Origin) -> Option<Result<Token, Problem>> {
        let LoggedIn { auth } = parse(answer).filter(|_| answer.status == 200)?;
        if auth.mfa_requirement.is_some() {
            let what = format!(
                "Vault at {} wants a second factor for the login of provider `{}`",
                self.settings.address, self.name
            );
            let problem = Problem::new(&catalogue::VAULT_LOGIN_MFA, what);
            return Some(Err(problem.steps(stages_until("login", self.settings.https))));
        }
        let token = Token::brought(auth, origin)?;
        self.worked(&token);
        Some(Ok(token))
    }

    /// The problem of a login that was refused. `user` is part of its path, and not shown.
    pub(super) async fn login_refused(
        &self,
        account: &Account,
        answer: &Answer,
        line: &str,
        user: Option<&str>,
    ) -> Problem {
        let (address, mount, word) = (&self.settings.address, &account.mount, account.method.word);
        let remarks = Remarks::of(answer);
        let known = REFUSALS.iter().find(|(words, ..)| remarks.error_has(words));
        let (code, cause) = match known {
            Some((_, code, cause)) => (*code, *cause),
            None if remarks.error_has("no handler for route") => (&catalogue::VAULT_LOGIN_MOUNT, None),
            // A mount that is not there and a login that is denied are both 403: the one knows of no such login, the other does.
            None if answer.status == 403 => match self.ask(self.asker(None).has_login(mount, user)).await {
                Ok((answer, _)) if answer.status == 403 => (&catalogue::VAULT_LOGIN_MOUNT, None),
                _ => (&catalogue::VAULT_LOGIN_DENIED, None),
            },
            None if answer.status == 200 => return self.upstream(line, 200),
            None => (&catalogue::VAULT_LOGIN, None),
        };
        let what = format!(
            "Vault at {address} refused the {word} login of provider `{}`",
            self.name
        );
        let mut problem = Problem::new(code, what)
            .note(format!("{line} → {}", answer.status))
            .fact("Request", format!("{line} at {address}"))
            .fact("Login", format!("{word} at auth/{mount}"))
            .steps(stages_until("login", self.settings.https));
        if let Some(cause) = cause {
            problem.causes.retain(|other| other != cause);
            problem = problem.cause(cause);
        }
        if code == &catalogue::VAULT_LOGIN_DENIED && !account.method.denied.is_empty() {
            problem.causes = account.method.denied.iter().map(|cause| (*cause).to_owned()).collect();
        }
        if code == &catalogue::VAULT_LOGIN_MOUNT {
            problem = problem.cause(format!("no auth method of kind {word} is mounted at auth/{mount}"));
        }
        if code == &catalogue::VAULT_LOGIN && word != "approle" {
            problem = problem
                .causes(vec!["the server's audit log has the reason".to_owned()])
                .fixes(vec!["ask those who run the auth method".to_owned()]);
        }
        for fix in &mut problem.fixes {
            *fix = fix.replace("MOUNT", mount).replace("METHOD", word);
        }
        problem
    }
}

/// Whether the text can be the last part of a path: anything else would be taken as another path.
fn is_user_name(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(|c: char| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names() {
        for name in ["al", "al@corp.example", "CORP\\al", "al smith", "é", "a..b"] {
            assert!(is_user_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "../x", "a\nb"] {
            assert!(!is_user_name(name), "{name:?}");
        }
    }
}
