//! What is wrong with the server as a whole: it cannot be reached, is sealed, a standby, overloaded, or no Vault at all.

use super::Vault;
use super::api::{Asker, Health, Remarks, parse};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::providers::net::http::{self, Answer, Fault};
use crate::providers::net::ladder::{Ladder, stages_until};
use crate::providers::net::tls;
use crate::providers::patience::in_words;

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

    /// Why there is no answer.
    pub(super) async fn unanswered(&self, fault: &Fault, line: &str) -> Problem {
        let address = &self.settings.address;
        let problem = match fault {
            Fault::Tls(error) => {
                let problem = tls::explain(error, &self.settings.host);
                problem.steps(stages_until("tls", true))
            }
            Fault::Connect | Fault::Timeout => {
                let mut ladder = Ladder::new();
                ladder.rung(State::Ok);
                if let Ok(connection) = self.connection().await
                    && let Err(problem) = connection.route.climb(self.settings.limit, &mut ladder).await
                {
                    problem.steps(ladder.stages())
                } else if let Fault::Timeout = fault {
                    let limit = in_words(self.settings.limit);
                    let what = format!("Vault at {address} gave no answer within {limit}");
                    ladder.rung(State::Fail);
                    Problem::new(&catalogue::NET_TIMEOUT, what)
                        .causes(vec![
                            "the server accepts connections and is slow or overloaded".to_owned(),
                            "something in between takes the connection and does not pass it on".to_owned(),
                        ])
                        .fixes(vec![format!(
                            "try again, or raise timeout in [providers.{}] (now {limit})",
                            self.name
                        )])
                        .steps(ladder.stages())
                } else if self.proxy.is_some() {
                    let what = format!("no connection to Vault at {address} through the proxy");
                    Problem::new(&catalogue::NET_REFUSED, what)
                        .causes(vec![
                            "the proxy that HTTPS_PROXY or ALL_PROXY names is down or refuses".to_owned(),
                        ])
                        .fixes(vec![format!("export NO_PROXY={}", self.settings.host)])
                        .steps(stages_until("tcp", true))
                } else {
                    Problem::new(
                        &catalogue::NET_REFUSED,
                        format!("the connection to Vault at {address} was lost"),
                    )
                    .steps(stages_until("login", self.settings.https))
                }
            }
            Fault::Broken => {
                let what = format!("Vault at {address} ended the connection before its answer was complete");
                Problem::new(&catalogue::PROVIDER_UPSTREAM, what).steps(stages_until("read", self.settings.https))
            }
            Fault::TooLarge => {
                let what = format!("Vault at {address} sent more than 1 MiB, which no secret is");
                Problem::new(&catalogue::PROVIDER_UPSTREAM, what).steps(stages_until("read", self.settings.https))
            }
            Fault::Unsendable => Problem::new(&catalogue::CONFIG_REF_SYNTAX, "the path cannot be sent to a server"),
        };
        problem.fact("Request", format!("{line} at {address}"))
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
        let question = Asker::health(&self.settings.address).ok()?;
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
                let standby = answer.status != 429 || self.health().await.is_some_and(|health| health.standby);
                if standby {
                    Problem::new(
                        &catalogue::VAULT_STANDBY,
                        format!("Vault at {address} is a standby node"),
                    )
                } else {
                    let what = format!("Vault at {address} limits the rate of requests");
                    let wait = answer
                        .retry_after
                        .map(|pause| format!("wait {}, then try again", in_words(pause)));
                    let problem = Problem::new(&catalogue::VAULT_RATE, what);
                    match wait {
                        Some(wait) => problem.fixes(vec![wait]),
                        None => problem,
                    }
                }
            }
            404 if Remarks::of(answer).error_has("namespace not found") => {
                let what = match &self.settings.namespace {
                    Some(namespace) => format!("Vault at {address} has no namespace `{namespace}`"),
                    None => format!("Vault at {address} does not find the namespace"),
                };
                Problem::new(&catalogue::VAULT_NAMESPACE, what)
            }
            400 if !self.settings.https
                && answer
                    .body
                    .starts_with(b"Client sent an HTTP request to an HTTPS server") =>
            {
                let what = format!("Vault at {address} speaks TLS, and the address says http://");
                let fixed = address.replacen("http://", "https://", 1);
                Problem::new(&catalogue::VAULT_ADDR, what)
                    .causes(vec!["the scheme of the address is wrong".to_owned()])
                    .fixes(vec![format!("export VAULT_ADDR={fixed}")])
            }
            500.. => return Some(self.upstream(line, answer.status)),
            _ => return None,
        };
        Some(self.at_login(problem, line, answer.status))
    }

    async fn redirected(&self, answer: &Answer) -> Problem {
        let address = &self.settings.address;
        let target = answer
            .location
            .clone()
            .unwrap_or_else(|| "an address it does not name".to_owned());
        if self.health().await.is_some_and(|health| health.standby) {
            let what = format!("Vault at {address} is a standby node and redirects to {target}");
            return Problem::new(&catalogue::VAULT_STANDBY, what);
        }
        let what = format!("Vault at {address} redirects to {target}, which is not followed: a token must not travel");
        Problem::new(&catalogue::NET_REDIRECT, what)
    }

    /// An answer that nothing can be made of. The body stays out of it: it may hold anything.
    pub(super) fn upstream(&self, line: &str, status: u16) -> Problem {
        let what = match status {
            500.. => format!("Vault at {} failed (HTTP {status})", self.settings.address),
            400.. => format!("Vault at {} refused the request (HTTP {status})", self.settings.address),
            _ => format!("Vault at {} gave an answer that is not Vault's", self.settings.address),
        };
        self.at_read(Problem::new(&catalogue::PROVIDER_UPSTREAM, what), line, status)
    }
}
