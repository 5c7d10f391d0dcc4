//! The way to a service, and why it leads nowhere.

use reqwest::Url;

use super::Aws;
use super::endpoint::{Service, Variant};
use super::transport::Failure;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::providers::net::http::{self, Fault};
use crate::providers::net::ladder::{Ladder, Route, stages_until};
use crate::providers::net::tls;
use crate::providers::patience::in_words;

impl Aws {
    /// The way to a service, for a ladder.
    pub(super) async fn route(&self, service: Service, region: &str) -> Result<Route, Problem> {
        let variant = Variant::of(&*self.profiles().await?, &self.world);
        let given = self.endpoint_of(service).await?;
        let address = given.unwrap_or_else(|| service.own(region, variant));
        let url =
            Url::parse(&address).map_err(|_| Problem::new(&catalogue::AWS_REGION, "the region makes no address"))?;
        let https = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Route {
            port: url.port_or_known_default().unwrap_or(443),
            tls: if https { Some(self.transport.tls().await?) } else { None },
            proxied: http::proxy(&self.world, https, &host)?.is_some(),
            host,
        })
    }

    /// Why there is no answer of a service in a region.
    pub(super) async fn unreached(&self, failure: &Failure, service: Service, region: &str, line: &str) -> Problem {
        let fault = match failure {
            Failure::Unready(problem) => return problem.clone(),
            Failure::Refused(refusal) => return self.unexpected(line, refusal),
            Failure::Unanswered(fault) => fault,
        };
        let route = match self.route(service, region).await {
            Ok(route) => route,
            Err(problem) => return problem,
        };
        let host = &route.host;
        let upstream = |why: &str| {
            Problem::new(&catalogue::PROVIDER_UPSTREAM, format!("AWS at {host} {why}"))
                .steps(stages_until("read", route.tls.is_some()))
        };
        let problem = match fault {
            Fault::Tls(error) => tls::explain(error, host).steps(stages_until("tls", true)),
            Fault::Connect => self.not_connected(&route, service, region, false).await,
            Fault::Timeout => self.not_connected(&route, service, region, true).await,
            Fault::Broken => upstream("sent an answer that cannot be read, or none that is whole"),
            Fault::TooLarge => upstream("sent more than 1 MiB, which no secret is"),
            Fault::Unsendable => Problem::new(&catalogue::CONFIG_REF_SYNTAX, "the request cannot be sent to a server"),
        };
        problem.fact("Request", format!("{line} at {host}"))
    }

    /// Where the way ends. Climbed anew: the HTTP client does not say.
    async fn not_connected(&self, route: &Route, service: Service, region: &str, silent: bool) -> Problem {
        let (host, https) = (&route.host, route.tls.is_some());
        let mut ladder = Ladder::new();
        ladder.rung(State::Ok);
        if let Err(problem) = route.climb(self.settings.limit, &mut ladder).await {
            let problem = problem.steps(ladder.stages());
            let own = self.endpoint_of(service).await.is_ok_and(|given| given.is_none());
            return if own && problem.code == &catalogue::NET_DNS {
                problem.cause(format!(
                    "there is no region `{region}`, or it does not have this service"
                ))
            } else {
                problem
            };
        }
        if silent {
            let limit = in_words(self.settings.limit);
            let what = format!("AWS at {host} gave no answer within {limit}");
            return Problem::new(&catalogue::NET_TIMEOUT, what)
                .fixes(vec![format!(
                    "try again, or raise timeout in [providers.{}] (now {limit})",
                    self.name
                )])
                .steps(stages_until("login", https));
        }
        if route.proxied {
            let what = format!("no connection to AWS at {host} through the proxy");
            let cause = "the proxy that HTTPS_PROXY or ALL_PROXY names is down or refuses";
            return Problem::new(&catalogue::NET_REFUSED, what)
                .causes(vec![cause.to_owned()])
                .fixes(vec![format!("export NO_PROXY={host}")])
                .steps(stages_until("tcp", true));
        }
        let what = format!("the connection to AWS at {host} was lost");
        Problem::new(&catalogue::NET_REFUSED, what).steps(stages_until("login", https))
    }
}
