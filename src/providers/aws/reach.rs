//! The way to a service, and why it leads nowhere.

use reqwest::Url;

use super::Aws;
use super::endpoint::{Service, Variant};
use super::transport::Failure;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::http::Fault;
use crate::providers::net::ladder::{Route, stages_until};
use crate::providers::net::proxy;
use crate::providers::net::trouble::Unanswered;

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
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Route {
            port,
            tls: if https { Some(self.transport.tls().await?) } else { None },
            proxy: proxy::of_host(&self.world, https, &host, port)?,
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
        let server = format!("AWS at {host}");
        let problem = if let Fault::Broken = fault {
            // The SDK calls an answer that it cannot read by the same name.
            let what = format!("{server} sent an answer that cannot be read, or none that is whole");
            Problem::new(&catalogue::PROVIDER_UPSTREAM, what).steps(stages_until("read", route.tls.is_some()))
        } else {
            let unanswered = Unanswered {
                server: &server,
                route: &route,
                certified: host,
                limit: self.settings.limit,
                provider: &self.name,
                rung: "read",
            };
            unanswered.explain(fault).await
        };
        let own =
            problem.code == &catalogue::NET_DNS && self.endpoint_of(service).await.is_ok_and(|given| given.is_none());
        let problem = if own {
            problem.cause(format!(
                "there is no region `{region}`, or it does not have this service"
            ))
        } else {
            problem
        };
        problem.fact("Request", format!("{line} at {host}"))
    }
}
