//! What is wrong with a server as a whole rather than with what it was asked: no answer, or one that says nothing of the secret. In the
//! same words for every provider; what only one of them knows it adds itself.

use std::time::Duration;

use super::http::Fault;
use super::ladder::{Ladder, Route, stages_until};
use super::proxy::Hop;
use super::tls;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::providers::climb::SLOW;
use crate::providers::patience::in_words;

/// A question that a server did not answer.
pub(in crate::providers) struct Unanswered<'a> {
    /// The server in words: `Vault at https://vault.corp:8200`.
    pub(in crate::providers) server: &'a str,
    pub(in crate::providers) route: &'a Route,
    /// The name in the server's certificate.
    pub(in crate::providers) certified: &'a str,
    /// How long the answer was waited for.
    pub(in crate::providers) limit: Duration,
    /// The provider's name.
    pub(in crate::providers) provider: &'a str,
    /// The rung that an answer would have been: `login` or `read`.
    pub(in crate::providers) rung: &'static str,
}

impl Unanswered<'_> {
    /// Why there is no answer. Where there is no connection the way is climbed anew: the HTTP client does not say where it ends.
    pub(in crate::providers) async fn explain(&self, fault: &Fault) -> Problem {
        let server = self.server;
        match fault {
            Fault::Tls(error) => tls::explain(error, self.certified).steps(stages_until("tls", true)),
            Fault::Connect => self.not_connected(false).await,
            Fault::ProxyLogin => match &self.route.proxy {
                Some(hop) => self.stopped_at_proxy(hop, login_wanted(hop)),
                None => self.not_connected(false).await,
            },
            Fault::Timeout => self.not_connected(true).await,
            Fault::Broken => self.upstream(format!("{server} ended the connection before its answer was complete")),
            Fault::TooLarge => self.upstream(format!("{server} sent more than 1 MiB, which no secret is")),
            Fault::Unsendable => unsendable(),
        }
    }

    fn upstream(&self, what: String) -> Problem {
        Problem::new(&catalogue::PROVIDER_UPSTREAM, what).steps(stages_until(self.rung, self.route.tls.is_some()))
    }

    fn stopped_at_proxy(&self, hop: &Hop, obstacle: Obstacle) -> Problem {
        let what = format!("no connection to {} through the proxy at {}", self.server, hop.place());
        let around = hop
            .is_of_environment()
            .then(|| format!("export NO_PROXY={}", self.route.host));
        Problem::new(&catalogue::NET_PROXY, what)
            .causes(obstacle.causes)
            .fixes([obstacle.fix].into_iter().chain(around).collect())
            .steps(stages_until("tcp", true))
    }

    /// Why a proxy that did not ask for a login made no connection: whether it is there at all is found out by going to it.
    async fn obstacle_at(&self, hop: &Hop) -> Obstacle {
        let there = Route {
            host: hop.host.clone(),
            port: hop.port,
            tls: None,
            proxy: None,
        };
        match there.climb_to(&hop.host, self.limit, &mut Ladder::new()).await {
            Err(problem) => Obstacle {
                causes: vec![
                    format!("the proxy is not there: {}", problem.what),
                    format!("the address in {} is wrong", hop.named_by),
                ],
                fix: hop.set_to("http://HOST:PORT"),
            },
            Ok(()) => {
                let target = format!("{}:{}", self.route.host, self.route.port);
                Obstacle {
                    causes: vec![
                        format!("the proxy lets nobody through to {target}"),
                        format!("the proxy cannot find or reach {target} itself"),
                        format!("what {} names is no proxy", hop.named_by),
                    ],
                    fix: format!("ask whoever runs the proxy to let {target} through"),
                }
            }
        }
    }

    /// The cause that comes first where a proxy is in between.
    fn hanging_proxy(&self) -> Option<String> {
        let hop = self.route.proxy.as_ref()?;
        Some(format!("the proxy at {} hangs, or what it leads to does", hop.place()))
    }

    async fn not_connected(&self, silent: bool) -> Problem {
        let mut ladder = Ladder::new();
        ladder.rung(State::Ok);
        if let Err(problem) = self.route.climb_to(self.certified, self.limit, &mut ladder).await {
            return problem.steps(ladder.stages());
        }
        let server = self.server;
        if silent {
            ladder.failed_after(self.limit);
            let limit = in_words(self.limit);
            return Problem::new(
                &catalogue::NET_TIMEOUT,
                format!("{server} gave no answer within {limit}"),
            )
            .causes(
                self.hanging_proxy()
                    .into_iter()
                    .chain(SLOW.map(str::to_owned))
                    .collect(),
            )
            .fixes(vec![format!(
                "try again, or raise timeout in [providers.{}] (now {limit})",
                self.provider
            )])
            .steps(ladder.stages());
        }
        if let Some(hop) = &self.route.proxy {
            return self.stopped_at_proxy(hop, self.obstacle_at(hop).await);
        }
        let what = format!("the connection to {server} was lost");
        Problem::new(&catalogue::NET_REFUSED, what).steps(stages_until("login", self.route.tls.is_some()))
    }
}

/// What keeps a proxy from leading to a server.
struct Obstacle {
    causes: Vec<String>,
    /// What to do about the proxy itself.
    fix: String,
}

/// A proxy that answered 407.
fn login_wanted(hop: &Hop) -> Obstacle {
    let name = hop.named_by;
    Obstacle {
        causes: vec![format!(
            "the proxy wants a user name and a password, and {name} has none, or none that it takes"
        )],
        fix: hop.set_to(&format!("http://USER:PASSWORD@{}", hop.place())),
    }
}

/// A request that cannot be made of what it was asked for.
pub(in crate::providers) fn unsendable() -> Problem {
    let what = "the request cannot be sent to a server";
    Problem::new(&catalogue::CONFIG_REF_SYNTAX, what)
}

/// A redirect that was not followed.
#[cfg(any(feature = "azure", feature = "gcp", feature = "k8s", feature = "vault"))]
pub(in crate::providers) fn redirected(server: &str, answer: &super::http::Answer) -> Problem {
    let target = answer.location.as_deref().unwrap_or("an address it does not name");
    let what = format!("{server} redirects to {target}, which is not followed: a token must not travel");
    Problem::new(&catalogue::NET_REDIRECT, what)
}

/// A server that wants to be asked less often.
#[cfg(any(feature = "azure", feature = "gcp", feature = "k8s", feature = "vault"))]
pub(in crate::providers) fn limited(
    code: &'static catalogue::Code,
    server: &str,
    answer: &super::http::Answer,
) -> Problem {
    let problem = Problem::new(code, format!("{server} limits the rate of requests"));
    match answer.retry_after {
        Some(pause) => problem.fixes(vec![format!("wait {}, then try again", in_words(pause))]),
        None => problem,
    }
}

/// An answer that nothing can be made of. The body stays out of it: it may hold anything. `whose` answer it is not: `Vault's`.
#[cfg(any(feature = "azure", feature = "gcp", feature = "k8s", feature = "vault"))]
pub(in crate::providers) fn upstream(server: &str, whose: &str, status: u16) -> Problem {
    let what = match status {
        500.. => format!("{server} failed (HTTP {status})"),
        400.. => format!("{server} refused the request (HTTP {status})"),
        _ => format!("{server} gave an answer that is not {whose}"),
    };
    Problem::new(&catalogue::PROVIDER_UPSTREAM, what)
}

/// Whether a server that wants TLS was spoken to in the clear: Go's words for it, which Vault's and Kubernetes' servers use.
#[cfg(any(feature = "vault", feature = "k8s"))]
pub(in crate::providers) fn wants_tls(answer: &super::http::Answer) -> bool {
    let words = b"Client sent an HTTP request to an HTTPS server";
    answer.status == 400 && answer.body.starts_with(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_nobody_answered_took_as_long_as_it_was_waited_for() {
        let route = Route {
            host: "vault.corp".to_owned(),
            port: 8200,
            tls: None,
            // So that nothing is connected to.
            proxy: Hop::new("HTTPS_PROXY", "http://proxy:3128"),
        };
        let unanswered = Unanswered {
            server: "Vault at http://vault.corp:8200",
            route: &route,
            certified: "vault.corp",
            limit: Duration::from_secs(5),
            provider: "vault",
            rung: "login",
        };
        let problem = unanswered.explain(&Fault::Timeout).await;
        assert_eq!(problem.code.id, "E-NET-TIMEOUT");
        let failed = problem.steps.iter().find(|step| step.state == State::Fail).unwrap();
        assert_eq!((failed.name, failed.ms), ("login", Some(5000)));
    }
}
