//! HTTP for reading secrets: no redirect to another origin, no compression, one deadline for head and body, a body that is capped and wiped.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy, Request, Response};
use rustls::ClientConfig;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::retry::retry_after;
use super::{chain, find};
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// The longest answer that is read: secrets are small, and a longer one is a fault or an attack.
const BODY_CAP: usize = 1024 * 1024;

/// What a server answered, whatever its status. No `Debug`: the body may hold values.
#[allow(dead_code, reason = "each provider looks at what its server sends")]
pub(in crate::providers) struct Answer {
    pub(in crate::providers) status: u16,
    /// Where a redirect would lead: scheme, host and port only.
    pub(in crate::providers) location: Option<String>,
    /// What time it is by the server's clock.
    pub(in crate::providers) date: Option<Timestamp>,
    /// How long the server asks to wait.
    pub(in crate::providers) retry_after: Option<Duration>,
    /// How the server wants to be asked: its `WWW-Authenticate`.
    pub(in crate::providers) challenge: Option<String>,
    pub(in crate::providers) body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer. Holds no text of a library.
#[derive(Debug, Clone)]
pub(in crate::providers) enum Fault {
    /// The request itself cannot be made.
    Unsendable,
    /// No connection; the ladder finds out why.
    Connect,
    /// The proxy wants to know who asks.
    ProxyLogin,
    Tls(rustls::Error),
    Timeout,
    /// The connection ended before the answer was complete.
    Broken,
    TooLarge,
}

/// A client with all its settings made explicit. `proxy` is an URL.
pub(in crate::providers) fn client(
    tls: ClientConfig,
    limit: Duration,
    proxy: Option<Proxy>,
) -> Result<Client, Problem> {
    finished(builder(tls, limit, proxy))
}

/// The same for one server. One that is `renamed` is asked under another name than it is found under: every connection goes to `host`
/// then. None where a proxy is named, too: that one is asked for the name itself, and not for another server.
#[cfg(any(feature = "k8s", feature = "vault"))]
pub(in crate::providers) fn client_of(
    host: &str,
    renamed: bool,
    tls: ClientConfig,
    limit: Duration,
    proxy: Option<Proxy>,
) -> Result<Option<Client>, Problem> {
    match (renamed, proxy) {
        (true, Some(_)) => Ok(None),
        (true, None) => {
            let found = Found(host.trim_matches(['[', ']']).to_owned());
            finished(builder(tls, limit, None).dns_resolver(found)).map(Some)
        }
        (false, proxy) => client(tls, limit, proxy).map(Some),
    }
}

/// Finds every name at one host.
#[cfg(any(feature = "k8s", feature = "vault"))]
struct Found(String);

#[cfg(any(feature = "k8s", feature = "vault"))]
impl reqwest::dns::Resolve for Found {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // The port is the address's own.
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

fn builder(tls: ClientConfig, limit: Duration, proxy: Option<Proxy>) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .timeout(limit)
        .connect_timeout(limit)
        .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")));
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

fn finished(builder: reqwest::ClientBuilder) -> Result<Client, Problem> {
    builder
        .build()
        .map_err(|_| Problem::new(&catalogue::NET_CERT, "the HTTP client cannot be set up"))
}

/// Sends a request and reads the whole answer. A read that is redirected within its origin (scheme, host and port) is sent there, once;
/// any other redirect is an answer like others, and what the request carries goes nowhere else.
pub(in crate::providers) async fn send(client: &Client, request: Request) -> Result<Answer, Fault> {
    let again = request.try_clone().filter(|request| request.method().is_safe());
    let response = client.execute(request).await.map_err(|error| fault(&error))?;
    match again.and_then(|request| redirected(request, &response)) {
        Some(request) => {
            drop(response);
            read(client.execute(request).await.map_err(|error| fault(&error))?).await
        }
        None => read(response).await,
    }
}

/// The request that a redirect within the origin leads to.
fn redirected(mut request: Request, response: &Response) -> Option<Request> {
    if !matches!(response.status().as_u16(), 301 | 302 | 307 | 308) {
        return None;
    }
    let target = response.headers().get("location")?.to_str().ok()?;
    let url = request.url().join(target).ok()?;
    if url.origin() != request.url().origin() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    *request.url_mut() = url;
    Some(request)
}

/// The answer as this kind of data; none if it is anything else. serde's own words are left out: they may quote a value.
pub(in crate::providers) fn parse<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

async fn read(mut response: Response) -> Result<Answer, Fault> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = header("location").map(|target| {
        reqwest::Url::parse(target).map_or_else(
            |_| "another path of the same server".to_owned(),
            |url| url.origin().ascii_serialization(),
        )
    });
    let date = header("date").and_then(|date| Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp()));
    let challenge = header("www-authenticate").map(str::to_owned);
    let retry_after = header("retry-after").and_then(|text| retry_after(text, header("date")));
    let status = response.status().as_u16();
    let expected = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    if expected > BODY_CAP {
        return Err(Fault::TooLarge);
    }
    // Grown by hand: a vector that grows by itself leaves an unwiped copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(expected.max(4096)));
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > BODY_CAP {
            return Err(Fault::TooLarge);
        }
        if body.len() + chunk.len() > body.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((body.capacity() * 2).max(body.len() + chunk.len())));
            larger.extend_from_slice(&body);
            body = larger;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        location,
        date,
        retry_after,
        challenge,
        body,
    })
}

/// hyper-util's words for an answer 407 of a proxy; the type of its error cannot be named.
const PROXY_LOGIN: &str = "proxy authorization required";

fn fault(error: &reqwest::Error) -> Fault {
    if let Some(tls) = find::<rustls::Error>(error) {
        Fault::Tls(tls.clone())
    } else if error.is_timeout() {
        Fault::Timeout
    } else if error.is_connect() && chain(error).any(|error| error.to_string().contains(PROXY_LOGIN)) {
        Fault::ProxyLogin
    } else if error.is_connect() {
        Fault::Connect
    } else if error.is_builder() {
        Fault::Unsendable
    } else {
        Fault::Broken
    }
}
