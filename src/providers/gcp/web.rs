//! The way to Google's servers and to those of a login: by TLS, through the proxy that the environment names; in the clear only to this
//! machine itself, to a metadata server, and to what a federated identity's file names.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Request, Url};
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;
use crate::providers::net::http::{self, Answer, Fault};
use crate::providers::net::ladder::{Route, stages_until};
use crate::providers::net::proxy;
use crate::providers::net::retry::send_again;
use crate::providers::net::tls::{self, Pem, TlsSettings};
use crate::providers::net::trouble::{self, Unanswered};

/// Made without any I/O; each client at the first request that needs it.
pub(super) struct Web {
    provider: String,
    ca: Option<Pem>,
    limit: Duration,
    world: World,
    secure: OnceCell<Secure>,
    plain: OnceCell<Client>,
}

struct Secure {
    client: Client,
    tls: Arc<ClientConfig>,
}

/// What a request belongs to: for messages, and for the rung of the ladder that it fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Login,
    Read,
}

impl Purpose {
    pub(super) fn rung(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Read => "read",
        }
    }

    /// `Google Secret Manager at https://secretmanager.googleapis.com`.
    fn server(self, address: &str) -> String {
        let server = match self {
            Self::Login => "the login server",
            Self::Read => "Google Secret Manager",
        };
        format!("{server} at {address}")
    }
}

/// An answer, and the request as messages name it: `GET /v1/projects/p/secrets/db`.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) line: String,
    /// `https://host:port`.
    pub(super) address: String,
}

impl Web {
    pub(super) fn new(provider: &str, ca: Option<&Pem>, limit: Duration, world: &World) -> Self {
        Self {
            provider: provider.to_owned(),
            ca: ca.cloned(),
            limit,
            world: world.clone(),
            secure: OnceCell::new(),
            plain: OnceCell::new(),
        }
    }

    async fn secure(&self) -> Result<&Secure, Problem> {
        let make = || async {
            let settings = TlsSettings {
                ca: self.ca.clone(),
                ca_folder: None,
                client: None,
                verify: true,
            };
            let config = settings.load().await?;
            // Which hosts the proxy spares is decided for each request by the client.
            let proxy = proxy::of_all(&self.world);
            Ok(Secure {
                tls: Arc::new(config.clone()),
                client: http::client(config, self.limit, proxy)?,
            })
        };
        self.secure.get_or_try_init(make).await
    }

    async fn plain(&self) -> Result<&Client, Problem> {
        let make = || async { http::client(tls::unused()?, self.limit, None) };
        self.plain.get_or_try_init(make).await
    }

    async fn client(&self, url: &Url) -> Result<&Client, Problem> {
        let https = url.scheme() == "https";
        let port = url.port_or_known_default().unwrap_or(443);
        proxy::of_host(&self.world, https, url.host_str().unwrap_or_default(), port)?;
        if https {
            Ok(&self.secure().await?.client)
        } else {
            self.plain().await
        }
    }

    /// The way to a server, to be climbed. Reads the CA's file.
    pub(super) async fn route(&self, url: &Url) -> Result<Route, Problem> {
        let https = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Route {
            proxy: proxy::of_host(&self.world, https, &host, port)?,
            tls: if https {
                Some(Arc::clone(&self.secure().await?.tls))
            } else {
                None
            },
            port,
            host,
        })
    }

    /// Sends a request; a GET again where that may help.
    pub(super) async fn send(&self, request: Request, purpose: Purpose) -> Result<Reply, Problem> {
        let url = request.url().clone();
        let line = format!("{} {}", request.method(), url.path());
        let idempotent = request.method() == Method::GET;
        let outcome = send_again(self.client(&url).await?, request, idempotent).await;
        let address = url.origin().ascii_serialization();
        match outcome {
            Err(fault) => Err(self
                .unanswered(&fault, &url, purpose)
                .await
                .fact("Request", format!("{line} at {address}"))),
            Ok(answer) => {
                let reply = Reply { answer, line, address };
                match reply.troubled(purpose) {
                    Some(problem) => Err(reply.at(problem, purpose)),
                    None => Ok(reply),
                }
            }
        }
    }

    /// Why there is no answer.
    async fn unanswered(&self, fault: &Fault, url: &Url, purpose: Purpose) -> Problem {
        let route = match self.route(url).await {
            Ok(route) => route,
            Err(problem) => return problem,
        };
        let unanswered = Unanswered {
            server: &purpose.server(&url.origin().ascii_serialization()),
            route: &route,
            certified: &route.host,
            limit: self.limit,
            provider: &self.provider,
            rung: purpose.rung(),
        };
        unanswered.explain(fault).await
    }
}

impl Reply {
    /// Says where a problem comes from.
    pub(super) fn at(&self, problem: Problem, purpose: Purpose) -> Problem {
        problem
            .note(format!("{} → {}", self.line, self.answer.status))
            .fact("Request", format!("{} at {}", self.line, self.address))
            .steps(stages_until(purpose.rung(), self.address.starts_with("https:")))
    }

    /// What an answer says of the server rather than of what was asked; none if nothing.
    fn troubled(&self, purpose: Purpose) -> Option<Problem> {
        let server = purpose.server(&self.address);
        match self.answer.status {
            300..=399 => Some(trouble::redirected(&server, &self.answer).causes(vec![
                "a proxy or a captive portal in between answers instead of Google".to_owned(),
                "endpoint in config.toml is not the address of the service".to_owned(),
            ])),
            429 => Some(trouble::limited(&catalogue::GCP_THROTTLED, &server, &self.answer)),
            500.. => Some(self.upstream(purpose)),
            _ => None,
        }
    }

    /// The problem of an answer that nothing can be made of.
    pub(super) fn upstream(&self, purpose: Purpose) -> Problem {
        let problem = trouble::upstream(&purpose.server(&self.address), "Google's", self.answer.status);
        self.at(problem, purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_be_used_is_a_fault_of_the_hosts_that_need_it() {
        let world = World::of(&[("ALL_PROXY", "socks5://proxy:1080"), ("NO_PROXY", "googleapis.com")]);
        let web = Web::new("gcp", None, Duration::from_secs(1), &world);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let code = |url: &str| {
            let client = runtime.block_on(web.client(&url.parse().unwrap())).map(|_| ());
            client.map_err(|problem| problem.code.id)
        };
        assert_eq!(code("https://secretmanager.googleapis.com/"), Ok(()));
        assert_eq!(code("https://store.corp/"), Err("E-CONFIG-TYPE"));
    }
}
