//! Secrets that a read makes: users of a database, credentials of a cloud. What a session has of its own, and gives back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Vault;
use super::api::{Envelope, Remarks, parse};
use super::login::Token;
use super::maker::{How, Way};
use super::path::Target;
use super::read::Read;
use super::refusal::may;
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::providers::leases::to_the_end;
use crate::providers::net::http::{self, Answer};
use crate::providers::{Inspected, Provider};

/// The lease of an answer. No value: what was made stands elsewhere in it.
#[derive(Deserialize)]
struct Leased {
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    lease_duration: u64,
}

impl Leased {
    fn of(answer: &Answer) -> Option<Self> {
        parse::<Self>(answer).filter(|leased| answer.status == 200 && !leased.lease_id.is_empty())
    }

    fn lease(self, provider: String, how: &mut How) -> Lease {
        how.ttl = Duration::from_secs(self.lease_duration);
        let now = Timestamp::now();
        let end = Timestamp::from_second(now.as_second().saturating_add_unsigned(self.lease_duration));
        let lease = Lease {
            provider,
            id: self.lease_id,
            accessor: how.accessor().map(str::to_owned),
            renewable: self.renewable,
            ttl: how.ttl,
            expires: end.unwrap_or(Timestamp::MAX),
        };
        how.bounded(lease, now)
    }
}

impl Vault {
    /// Reads what the read makes. Never twice, and never given up half-way: an answer that nobody waits for any more is given back.
    pub(super) async fn make(&self, target: Target, login: &Arc<Token>) -> Result<Read, Problem> {
        let client = self.connection().await?.client.clone();
        let ending = || Problem::new(&catalogue::PROVIDER_CANCELLED, "hallpass is ending");
        let making = self.credentials.making().ok_or_else(ending)?;
        let Way { mut how, begun } = self.how_to_make(login, &target).await?;
        let (provider, endpoint) = (self.name.clone(), Provider::endpoint(self));
        let token = Arc::clone(&how.token);
        let question = self.asker(Some(&token)).get(target.api());
        let question = match question {
            Ok(question) => question,
            Err(fault) => return Err(self.unanswered(&fault, "the request").await),
        };
        let (made, line) = (self.leases.clone(), question.line);
        let asked = to_the_end(async move {
            let answer = http::send(&client, question.request).await;
            let leased = answer.as_ref().ok().and_then(Leased::of);
            let Some(leased) = leased else {
                let refused = answer.as_ref().is_ok_and(|answer| answer.status == 403);
                return (answer, begun.filter(|_| refused));
            };
            let lease = leased.lease(provider, &mut how);
            let warning = how.warning.clone();
            made.insert(lease.key(), how);
            let mut held = match begun {
                Some(mut held) => {
                    making.made(&mut held, lease, endpoint);
                    held
                }
                None => making.hold(lease, endpoint),
            };
            held.warning = held.warning.take().or(warning);
            (answer, Some(held))
        });
        let (answer, lease) = asked.await.ok_or_else(ending)?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return Err(self.unanswered(&fault, &line).await),
        };
        if answer.status == 500 {
            return Err(match self.state().await {
                Some(problem) => problem.note(format!("{line} → 500")),
                None => self.not_created(&target, &answer, &line),
            });
        }
        match self.troubled(&answer, &line).await {
            Some(problem) => Err(problem),
            None => Ok(Read {
                target,
                answer,
                line,
                token,
                lease,
            }),
        }
    }

    /// The server is well, and what is behind it failed. Its words stay out of it: they may quote statements and addresses.
    fn not_created(&self, target: &Target, answer: &Answer, line: &str) -> Problem {
        let what = format!(
            "Vault could not make a credential for {}: what is behind it failed",
            target.written()
        );
        let problem = self.at_read(Problem::new(&catalogue::VAULT_DB_CREATE, what), line, 500);
        let remarks = Remarks::of(answer);
        let unreachable = [
            "unable to start transaction",
            "failed to connect",
            "connection refused",
            "dial tcp",
        ];
        let mount = target.mount.as_deref().unwrap_or("database");
        let fix = format!("vault read {mount}/config/NAME   (which database it is)");
        if unreachable.iter().any(|words| remarks.error_has(words)) {
            return problem
                .causes(vec!["the database is down, or Vault cannot reach it".to_owned()])
                .fixes(vec![
                    "start the database, or mend the way from Vault to it".to_owned(),
                    fix,
                ]);
        }
        problem.fixes(vec![
            fix,
            format!(
                "vault read {}   (shows the whole error to an administrator)",
                target.api()
            ),
        ])
    }

    /// The problem of a read that made nothing, answered with anything but 403 and what concerns the whole server.
    pub(super) fn not_made(&self, read: &Read) -> Problem {
        let remarks = Remarks::of(&read.answer);
        let (target, line, status) = (&read.target, &read.line, read.answer.status);
        if remarks.error_has("no handler for route") {
            return self.no_mount(target, line);
        }
        let unknown = remarks.error_has("unknown role") || remarks.error_has("role not found");
        if unknown || status == 404 {
            return self.no_role(target, line, status);
        }
        self.upstream(line, status)
    }

    fn no_role(&self, target: &Target, line: &str, status: u16) -> Problem {
        let (what, fixes) = match role_of(target) {
            Some((mount, role)) => (
                format!("the secrets engine at {mount} has no role `{role}`"),
                vec![format!("vault list {mount}/roles")],
            ),
            None => (format!("Vault makes nothing at {}", target.written()), Vec::new()),
        };
        let problem = self.at_read(Problem::new(&catalogue::VAULT_DB_ROLE, what), line, status);
        if fixes.is_empty() {
            problem
        } else {
            problem.fixes(fixes)
        }
    }

    /// What can be said without making anything: whether the token may, and whether the role is there.
    pub(super) async fn look_at_maker(
        &self,
        secret: &SecretId,
        target: &Target,
        token: &Arc<Token>,
    ) -> Result<Inspected, Problem> {
        let mut token = Arc::clone(token);
        let api = target.api();
        let (mut answer, mut line) = self.ask(self.asker(Some(&token)).capabilities(&[&api])).await?;
        if answer.status == 403
            && let Some(another) = self.another(&token).await?
        {
            token = another;
            (answer, line) = self.ask(self.asker(Some(&token)).capabilities(&[&api])).await?;
        }
        let refused = answer.status == 403 || may(&answer, &api, "read") == Some(false);
        if refused {
            let standing = self.standing(&token).await?;
            // A token that may not ask what it may do proves nothing.
            if answer.status == 200 || matches!(standing, super::login::Standing::Dead) {
                let line = if answer.status == 200 {
                    format!("GET /v1/{api}")
                } else {
                    line
                };
                let read = Read {
                    target: target.clone(),
                    answer,
                    line,
                    token,
                    lease: None,
                };
                return Err(self.refused(secret, &read, &standing).await);
            }
        }
        self.worked(&token);
        let Some((mount, role)) = role_of(target) else {
            return Ok(Inspected::default());
        };
        let (answer, line) = self
            .ask(self.asker(Some(&token)).get(format!("{mount}/roles/{role}")))
            .await?;
        match answer.status {
            200 => {
                let role: Option<Envelope<Role>> = parse(&answer);
                Ok(Inspected {
                    keys: role.and_then(|role| role.data).and_then(|role| role.keys()),
                    ..Inspected::default()
                })
            }
            404 => Err(self.no_role(target, &line, 404)),
            _ => Ok(Inspected::default()),
        }
    }
}

/// Mount and role of `MOUNT/creds/ROLE`.
fn role_of(target: &Target) -> Option<(String, &str)> {
    let (before, role) = target.path.rsplit_once('/')?;
    let mount = match &target.mount {
        Some(mount) if before == "creds" => mount.as_str(),
        Some(_) => return None,
        None => before.strip_suffix("/creds")?,
    };
    Some((mount.to_owned(), role))
}

/// A role of a secrets engine, as far as it says what will be made.
#[derive(Deserialize)]
struct Role {
    /// Only a role of the database engine has it.
    db_name: Option<IgnoredAny>,
    credential_type: Option<String>,
}

impl Role {
    fn keys(&self) -> Option<Vec<String>> {
        self.db_name?;
        let secret = match self.credential_type.as_deref() {
            None | Some("password") => "password",
            Some("rsa_private_key") => "rsa_private_key",
            Some(_) => return None,
        };
        Some(vec!["username".to_owned(), secret.to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_stand_behind_creds() {
        let of = |target: Target| role_of(&target).map(|(mount, role)| format!("{mount} {role}"));
        assert_eq!(
            of(Target::dynamic("database", "creds/app")).as_deref(),
            Some("database app")
        );
        assert_eq!(
            of(Target::dynamic("team/db", "creds/app")).as_deref(),
            Some("team/db app")
        );
        assert_eq!(of(Target::dynamic("pki", "issue/app")), None);
        assert_eq!(of(Target::dynamic("database", "static-creds/app")), None);
    }

    #[test]
    fn what_a_role_will_make() {
        let keys = |json: &str| serde_json::from_str::<Role>(json).unwrap().keys();
        let both = |secret: &str| Some(vec!["username".to_owned(), secret.to_owned()]);
        assert_eq!(
            keys(r#"{"db_name":"pg","credential_type":"password"}"#),
            both("password")
        );
        assert_eq!(keys(r#"{"db_name":"pg"}"#), both("password"));
        assert_eq!(keys(r#"{"db_name":"pg","credential_type":"client_certificate"}"#), None);
        assert_eq!(keys(r#"{"vhosts":"{}"}"#), None);
    }
}
