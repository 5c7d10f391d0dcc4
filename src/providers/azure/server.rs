//! One server that is spoken to over HTTP: sending, and why there is no answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Request, Url};
use rustls::ClientConfig;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::http::{self, Answer, Fault};
use crate::providers::net::ladder::{Route, stages_until};
use crate::providers::net::proxy::Hop;
use crate::providers::net::retry;
use crate::providers::net::trouble::{self, Unanswered};

/// What a server is for: which rung of the ladder ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Vault,
    Login,
}

/// A server and the client that speaks to it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) purpose: Purpose,
    /// `https://host:port`.
    pub(super) address: String,
    pub(super) route: Route,
    client: Client,
    limit: Duration,
    /// The provider's name, for messages.
    provider: String,
}

impl Server {
    pub(super) fn new(
        purpose: Purpose,
        url: &Url,
        tls: ClientConfig,
        proxy: Option<Hop>,
        limit: Duration,
        provider: &str,
    ) -> Result<Self, Problem> {
        Ok(Self {
            purpose,
            address: url.origin().ascii_serialization(),
            route: Route {
                host: url.host_str().unwrap_or_default().to_owned(),
                port: url.port_or_known_default().unwrap_or(443),
                tls: (url.scheme() == "https").then(|| Arc::new(tls.clone())),
                proxy: proxy.clone(),
            },
            client: http::client(tls, limit, proxy.map(|hop| hop.client))?,
            limit,
            provider: provider.to_owned(),
        })
    }

    /// Sends a request that does the same however often it is sent, and all of ours do: a second token makes the first no worse.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, Fault> {
        retry::send_again(&self.client, request, true).await
    }

    pub(super) async fn is_there(&self, limit: Duration) -> bool {
        self.route.is_there(limit).await
    }

    /// The rung that an answer of this server ends at.
    pub(super) fn rung(&self) -> &'static str {
        match self.purpose {
            Purpose::Vault => "read",
            Purpose::Login => "login",
        }
    }

    pub(super) fn name(&self) -> String {
        match self.purpose {
            Purpose::Vault => format!("Key Vault at {}", self.address),
            Purpose::Login => format!("the login server {}", self.address),
        }
    }

    /// Why there is no answer.
    pub(super) async fn unanswered(&self, fault: &Fault, line: &str) -> Problem {
        let unanswered = Unanswered {
            server: &self.name(),
            route: &self.route,
            certified: &self.route.host,
            limit: self.limit,
            provider: &self.provider,
            rung: self.rung(),
        };
        let problem = self.explained(unanswered.explain(fault).await);
        let problem = match self.purpose {
            Purpose::Vault => problem,
            Purpose::Login => self.at("login", problem),
        };
        problem.fact("Request", format!("{line} at {}", self.address))
    }

    /// With the steps up to the rung; a login server's failures all end the rung of the login.
    pub(super) fn at(&self, rung: &str, problem: Problem) -> Problem {
        let rung = match self.purpose {
            Purpose::Vault => rung,
            Purpose::Login => "login",
        };
        problem.steps(stages_until(rung, self.route.tls.is_some()))
    }

    /// A vault has a name of its own in DNS: one that does not resolve mostly is no vault.
    pub(super) fn explained(&self, problem: Problem) -> Problem {
        if problem.code != &catalogue::NET_DNS || self.purpose != Purpose::Vault {
            return problem;
        }
        let host = &self.route.host;
        let vault = host.split('.').next().unwrap_or_default();
        problem
            .causes(vec![
                format!("no vault is called {vault}: a typo in the address, or it was deleted"),
                "the vault is reachable by a private endpoint alone, and this network does not know its name"
                    .to_owned(),
                "no network, or the VPN is down".to_owned(),
            ])
            .fixes(vec![
                format!("az keyvault show --name {vault} --query properties.vaultUri"),
                format!("getent hosts {host}"),
            ])
    }

    /// What an answer says of the server rather than of what was asked; none if nothing.
    pub(super) fn troubled(&self, answer: &Answer, line: &str) -> Option<Problem> {
        let name = self.name();
        let problem = match answer.status {
            300..=399 => trouble::redirected(&name, answer),
            429 => trouble::limited(&catalogue::AZURE_THROTTLED, &name, answer),
            500.. => return Some(self.upstream(line, answer.status)),
            _ => return None,
        };
        Some(self.answered(problem, line, answer.status))
    }

    /// An answer that nothing can be made of.
    pub(super) fn upstream(&self, line: &str, status: u16) -> Problem {
        let whose = match self.purpose {
            Purpose::Vault => "Key Vault's",
            Purpose::Login => "that of a login server",
        };
        self.answered(trouble::upstream(&self.name(), whose, status), line, status)
    }

    /// A problem that came as an answer to this request.
    pub(super) fn answered(&self, problem: Problem, line: &str, status: u16) -> Problem {
        let problem = problem
            .note(format!("{line} → {status}"))
            .fact("Request", format!("{line} at {}", self.address));
        self.at(self.rung(), problem)
    }
}
