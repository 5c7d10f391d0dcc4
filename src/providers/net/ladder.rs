//! The ladder config → dns → tcp → tls → login → read: how far it goes, how long each rung takes, and why it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::proxy::Hop;
use super::{find, tls};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::{ProviderStatus, Stage, State};
use crate::providers::RUNGS;
use crate::providers::climb;
use crate::providers::patience::in_words;

/// The rungs as far as they were climbed.
pub(in crate::providers) struct Ladder {
    stages: Vec<Stage>,
    since: Instant,
    started: Instant,
}

impl Ladder {
    pub(in crate::providers) fn new() -> Self {
        let now = Instant::now();
        Self {
            stages: Vec::new(),
            since: now,
            started: now,
        }
    }

    /// Ends the next rung; its time is that since the last one ended.
    pub(in crate::providers) fn rung(&mut self, state: State) {
        let Some(name) = RUNGS.get(self.stages.len()) else {
            return;
        };
        let ms = (state != State::Skipped).then(|| millis(self.since));
        self.stages.push(Stage { name, state, ms });
        climb::reached(&self.stages);
        self.since = Instant::now();
    }

    /// The next rung failed before, after this long: what was climbed since then only finds out which one it was.
    pub(in crate::providers) fn failed_after(&mut self, took: Duration) {
        self.rung(State::Fail);
        if let Some(last) = self.stages.last_mut() {
            last.ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        }
    }

    #[cfg(any(feature = "aws", feature = "azure", feature = "k8s", feature = "vault"))]
    /// A later rung showed that the last one does not hold: some TLS servers refuse only when they are spoken to.
    pub(in crate::providers) fn broke(&mut self) {
        if let Some(last) = self.stages.last_mut() {
            last.state = State::Fail;
        }
    }

    /// All rungs; those that were not reached are skipped.
    pub(in crate::providers) fn stages(&self) -> Vec<Stage> {
        let rest = RUNGS.iter().skip(self.stages.len()).map(|name| Stage {
            name,
            state: State::Skipped,
            ms: None,
        });
        self.stages.iter().cloned().chain(rest).collect()
    }

    /// The status of a provider whose probe came to this.
    pub(in crate::providers) fn ended(
        self,
        mut status: ProviderStatus,
        climbed: Result<(), Problem>,
    ) -> ProviderStatus {
        if let Err(problem) = climbed {
            status.state = State::Fail;
            status.problem = Some(problem.steps(self.stages()));
        }
        status.latency_ms = Some(millis(self.started));
        status.stages = self.stages();
        status
    }
}

/// The stages of a request that ended at `rung` without a ladder having been climbed.
pub(in crate::providers) fn stages_until(rung: &str, tls: bool) -> Vec<Stage> {
    let end = RUNGS.iter().position(|name| *name == rung).unwrap_or(0);
    let state = |(at, name): (usize, &&'static str)| Stage {
        name,
        state: match at.cmp(&end) {
            std::cmp::Ordering::Less if *name == "tls" && !tls => State::Skipped,
            std::cmp::Ordering::Less => State::Ok,
            std::cmp::Ordering::Equal => State::Fail,
            std::cmp::Ordering::Greater => State::Skipped,
        },
        ms: None,
    };
    RUNGS.iter().enumerate().map(state).collect()
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Where a server is and how it is spoken to.
#[derive(Clone)]
pub(in crate::providers) struct Route {
    pub(in crate::providers) host: String,
    pub(in crate::providers) port: u16,
    /// None for plain HTTP.
    pub(in crate::providers) tls: Option<Arc<ClientConfig>>,
    /// The proxy that makes the connection: whether the server's name resolves here says nothing then.
    pub(in crate::providers) proxy: Option<Hop>,
}

impl Route {
    /// Whether anything listens there that speaks as it should, found out within the limit.
    #[cfg(any(feature = "azure", feature = "gcp"))]
    pub(in crate::providers) async fn is_there(&self, limit: Duration) -> bool {
        let mut ladder = Ladder::new();
        let climbed = tokio::time::timeout(limit, self.climb(limit, &mut ladder)).await;
        matches!(climbed, Ok(Ok(())))
    }

    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    /// Climbs dns, tcp and tls with a connection of its own, each rung within `limit` and that of all rungs.
    pub(in crate::providers) async fn climb(&self, limit: Duration, ladder: &mut Ladder) -> Result<(), Problem> {
        self.climb_to(&self.host, limit, ladder).await
    }

    /// The same where the server's certificate has another name than its address.
    pub(in crate::providers) async fn climb_to(
        &self,
        name: &str,
        limit: Duration,
        ladder: &mut Ladder,
    ) -> Result<(), Problem> {
        if self.proxy.is_some() {
            for _ in ["dns", "tcp", "tls"] {
                ladder.rung(State::Skipped);
            }
            return Ok(());
        }
        let limit = limit.min(climb::rung_limit());
        let addresses = rung(ladder, self.resolve(limit).await)?;
        let stream = rung(ladder, self.connect(&addresses, limit).await)?;
        match &self.tls {
            None => ladder.rung(State::Skipped),
            Some(config) => rung(ladder, self.handshake(name, stream, config, limit).await)?,
        }
        Ok(())
    }

    async fn resolve(&self, limit: Duration) -> Result<Vec<SocketAddr>, Problem> {
        let host = self.host.trim_matches(['[', ']']);
        let lookup = tokio::time::timeout(limit, tokio::net::lookup_host((host, self.port))).await;
        let addresses: Vec<SocketAddr> = match lookup {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(_)) => Vec::new(),
            Err(_) => return Err(self.slow("no name server answered", limit)),
        };
        if addresses.is_empty() {
            let what = format!("the host name {host} does not resolve");
            return Err(Problem::new(&catalogue::NET_DNS, what).fixes(vec![format!("getent hosts {host}")]));
        }
        Ok(addresses)
    }

    async fn connect(&self, addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, Problem> {
        match tokio::time::timeout(limit, TcpStream::connect(addresses)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let what = format!("no connection to {}:{}", self.host, self.port);
                let problem = Problem::new(&catalogue::NET_REFUSED, what);
                Err(match error.kind() {
                    std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
                        problem.causes(vec![
                            "there is no route to the host: the network or the VPN is down".to_owned(),
                        ])
                    }
                    _ => problem,
                })
            }
            Err(_) => Err(self.slow("the server did not accept a connection", limit)),
        }
    }

    async fn handshake(
        &self,
        name: &str,
        stream: TcpStream,
        config: &Arc<ClientConfig>,
        limit: Duration,
    ) -> Result<(), Problem> {
        let host = name.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Problem::new(&catalogue::NET_DNS, format!("{host} is not a host name")))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        match tokio::time::timeout(limit, handshake).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(find::<rustls::Error>(&error).map_or_else(
                || {
                    let what = format!("no trusted TLS connection to {host}");
                    let cause =
                        "the server closed the connection during the handshake: it may not speak TLS at this port";
                    Problem::new(&catalogue::NET_TLS, what).causes(vec![cause.to_owned()])
                },
                |error| tls::explain(error, &host),
            )),
            Err(_) => Err(self.slow("the TLS handshake was not finished", limit)),
        }
    }

    fn slow(&self, why: &str, limit: Duration) -> Problem {
        let what = format!("{}:{}: {why} within {}", self.host, self.port, in_words(limit));
        Problem::new(&catalogue::NET_TIMEOUT, what)
    }
}

fn rung<T>(ladder: &mut Ladder, result: Result<T, Problem>) -> Result<T, Problem> {
    ladder.rung(if result.is_ok() { State::Ok } else { State::Fail });
    result
}
