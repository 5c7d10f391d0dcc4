//! What is wrong with a server as a whole rather than with what it was asked: no answer, or one that says nothing of the secret. In the
//! same words for every provider; what only one of them knows it adds itself.

use std::time::Duration;

use super::http::Fault;
use super::ladder::{Ladder, Route, stages_until};
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
            Fault::Timeout => self.not_connected(true).await,
            Fault::Broken => self.upstream(format!("{server} ended the connection before its answer was complete")),
            Fault::TooLarge => self.upstream(format!("{server} sent more than 1 MiB, which no secret is")),
            Fault::Unsendable => unsendable(),
        }
    }

    fn upstream(&self, what: String) -> Problem {
        Problem::new(&catalogue::PROVIDER_UPSTREAM, what).steps(stages_until(self.rung, self.route.tls.is_some()))
    }

    async fn not_connected(&self, silent: bool) -> Problem {
        let mut ladder = Ladder::new();
        ladder.rung(State::Ok);
        if let Err(problem) = self.route.climb_to(self.certified, self.limit, &mut ladder).await {
            return problem.steps(ladder.stages());
        }
        let server = self.server;
        if silent {
            ladder.rung(State::Fail);
            let limit = in_words(self.limit);
            return Problem::new(
                &catalogue::NET_TIMEOUT,
                format!("{server} gave no answer within {limit}"),
            )
            .causes(SLOW.map(str::to_owned).to_vec())
            .fixes(vec![format!(
                "try again, or raise timeout in [providers.{}] (now {limit})",
                self.provider
            )])
            .steps(ladder.stages());
        }
        if self.route.proxied {
            let cause = "the proxy that HTTPS_PROXY or ALL_PROXY names is down or refuses";
            return Problem::new(
                &catalogue::NET_REFUSED,
                format!("no connection to {server} through the proxy"),
            )
            .causes(vec![cause.to_owned()])
            .fixes(vec![format!("export NO_PROXY={}", self.route.host)])
            .steps(stages_until("tcp", true));
        }
        let what = format!("the connection to {server} was lost");
        Problem::new(&catalogue::NET_REFUSED, what).steps(stages_until("login", self.route.tls.is_some()))
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
