//! What is wrong with the server as a whole: it cannot be reached, is sealed, a standby, overloaded, or no Vault at all.

use super::Vault;
use super::api::{Asker, Health, Remarks, parse};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::http::{self, Answer, Fault};
use crate::providers::net::ladder::stages_until;
use crate::providers::net::trouble::{self, Unanswered};

impl Vault {
    pub(super) fn at_read(&self, problem: Problem, line: &str, status: u16) -> Problem {
        problem
            .note(format!("{line} → {status}"))
            .fact("Request", format!("{line} at {}", self.settings.address))
            .steps(stages_until("read", self.settings.https))
    }

    fn at_login(&self, problem: Problem, line: &str, status: u16) -> Problem {
        self.at_read(problem, line, status)
            .steps(stages_until("login", self.settings.https))
    }

    /// `Vault at https://vault.corp:8200`.
    fn server(&self) -> String {
        format!("Vault at {}", self.settings.address)
    }

    /// Why there is no answer.
    pub(super) async fn unanswered(&self, fault: &Fault, line: &str) -> Problem {
        let problem = match self.connection().await {
            Err(problem) => problem,
            Ok(connection) => {
                let unanswered = Unanswered {
                    server: &self.server(),
                    route: &connection.route,
                    certified: self.certified(),
                    limit: self.settings.limit,
                    provider: &self.name,
                    rung: "read",
                };
                unanswered.explain(fault).await
            }
        };
        problem.fact("Request", format!("{line} at {}", self.settings.address))
    }

    /// What is wrong with the server as a whole; none if it says that it is well, or says nothing.
    pub(super) async fn state(&self) -> Option<Problem> {
        self.unwell(&self.health().await?)
    }

    /// The problem of a server that says that it is sealed or was never set up.
    pub(super) fn unwell(&self, health: &Health) -> Option<Problem> {
        let address = &self.settings.address;
        let problem = if !health.initialized {
            Problem::new(
                &catalogue::VAULT_UNINITIALISED,
                format!("Vault at {address} was never initialised"),
            )
            .fixes(vec![format!("vault operator init -address={address}")])
        } else if health.sealed {
            Problem::new(&catalogue::VAULT_SEALED, format!("Vault at {address} is sealed")).fixes(vec![format!(
                "vault operator unseal -address={address}   (by those who hold the keys)"
            )])
        } else {
            return None;
        };
        Some(problem.steps(stages_until("login", self.settings.https)))
    }

    async fn health(&self) -> Option<Health> {
        let question = Asker::health(&self.settings.asked).ok()?;
        let answer = http::send(&self.connection().await.ok()?.client, question.request)
            .await
            .ok()?;
        parse(&answer).filter(|_| answer.status == 200)
    }

    /// What an answer says of the server or the namespace rather than of the secret; none if nothing.
    pub(super) async fn troubled(&self, answer: &Answer, line: &str) -> Option<Problem> {
        let address = &self.settings.address;
        let problem = match answer.status {
            300..=399 => self.redirected(answer).await,
            429 | 472 | 473 => {
                if answer.status == 472 {
                    let what = format!("Vault at {address} is a disaster recovery secondary, which answers no reads");
                    let problem = Problem::new(&catalogue::VAULT_STANDBY, what);
                    return Some(self.at_login(problem, line, 472));
                }
                let standby = answer.status != 429 || self.health().await.is_some_and(|health| health.standby);
                if standby {
                    Problem::new(
                        &catalogue::VAULT_STANDBY,
                        format!("Vault at {address} is a standby node"),
                    )
                } else {
                    trouble::limited(&catalogue::VAULT_RATE, &self.server(), answer)
                }
            }
            404 if Remarks::of(answer).error_has("namespace not found") => {
                let what = match &self.settings.namespace {
                    Some(namespace) => format!("Vault at {address} has no namespace `{namespace}`"),
                    None => format!("Vault at {address} does not find the namespace"),
                };
                Problem::new(&catalogue::VAULT_NAMESPACE, what)
            }
            400 if !self.settings.https && trouble::wants_tls(answer) => {
                let what = format!("Vault at {address} speaks TLS, and the address says http://");
                let fixed = address.replacen("http://", "https://", 1);
                Problem::new(&catalogue::VAULT_ADDR, what)
                    .causes(vec!["the scheme of the address is wrong".to_owned()])
                    .fixes(vec![if self.settings.by_environment {
                        format!("export VAULT_ADDR={fixed}")
                    } else {
                        format!("address = \"{fixed}\"   in [providers.{}]", self.name)
                    }])
            }
            500.. => return Some(self.upstream(line, answer.status)),
            _ => return None,
        };
        Some(self.at_login(problem, line, answer.status))
    }

    async fn redirected(&self, answer: &Answer) -> Problem {
        if self.health().await.is_some_and(|health| health.standby) {
            let target = answer.location.as_deref().unwrap_or("an address it does not name");
            let what = format!("{} is a standby node and redirects to {target}", self.server());
            return Problem::new(&catalogue::VAULT_STANDBY, what);
        }
        trouble::redirected(&self.server(), answer)
    }

    /// An answer that nothing can be made of.
    pub(super) fn upstream(&self, line: &str, status: u16) -> Problem {
        self.at_read(trouble::upstream(&self.server(), "Vault's", status), line, status)
    }
}
