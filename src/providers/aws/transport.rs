//! How the SDK sends: through the HTTP of all providers, with one TLS setting, the proxy, the cap and the repeated reads that come with it.
//!
//! Answers that are errors end here, too, read into [`Refusal`]: by their code, whether they came as JSON or XML, and whatever their status.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use super::settings::AwsSettings;
use crate::domain::problem::Problem;
use crate::providers::World;
use crate::providers::net::http::{self, Answer, Fault};
use crate::providers::net::proxy;
use crate::providers::net::retry::Attempts;
use crate::providers::net::tls::{self, TlsSettings};

/// Codes by which a service asks to be left alone for a moment. All of them may come with status 400.
const THROTTLES: [&str; 7] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
];

/// A service's no. No `Debug` and no `Display` of the message: it may quote what was sent.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `AccessDeniedException`, without the name space before it; empty where the answer was not in the form of AWS.
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    pub(super) fn is_throttle(&self) -> bool {
        self.is(&THROTTLES) || self.status == 429
    }

    /// Reads an answer that is no success.
    pub(super) fn read(answer: &Answer) -> Self {
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        let json: Option<BTreeMap<String, serde_json::Value>> = serde_json::from_str(text).ok();
        let first = |names: &[&str]| match &json {
            Some(json) => names
                .iter()
                .find_map(|name| json.get(*name)?.as_str().map(str::to_owned)),
            None => names.iter().find_map(|name| element(text, name)),
        };
        let code = first(&["__type", "code", "error", "Code"]).unwrap_or_default();
        let message = first(&["message", "Message", "error_description"]).unwrap_or_default();
        // `com.amazonaws.secretsmanager#ResourceNotFoundException`, `X:http://internal…`
        let code = code.rsplit('#').next().unwrap_or_default();
        let code = code.split(':').next().unwrap_or_default().trim();
        let is_word = code.len() <= 64
            && code
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
        Self {
            status: answer.status,
            code: if is_word { code.to_owned() } else { String::new() },
            message,
        }
    }
}

/// What stands in the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

/// Why a request brought nothing. Travels through the SDK's errors, whose own texts are never looked at.
#[derive(Clone)]
pub(super) enum Failure {
    /// Nothing could be sent: certificates, proxy.
    Unready(Problem),
    Unanswered(Fault),
    Refused(Refusal),
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unready(_) => "unready",
            Self::Unanswered(_) => "unanswered",
            Self::Refused(_) => "refused",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Clients for plain and TLS connections, made when they are first needed.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    tls: TlsSettings,
    limit: Duration,
    world: World,
    plain: OnceCell<Client>,
    secure: OnceCell<(Client, Arc<ClientConfig>)>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl Transport {
    pub(super) fn new(settings: &AwsSettings, world: &World) -> Self {
        Self(Arc::new(Inner {
            tls: settings.tls.clone(),
            limit: settings.limit,
            world: world.clone(),
            plain: OnceCell::new(),
            secure: OnceCell::new(),
        }))
    }

    async fn plain(&self) -> Result<Client, Problem> {
        let make = || async { http::client(tls::unused()?, self.0.limit, None) };
        self.0.plain.get_or_try_init(make).await.cloned()
    }

    async fn secure(&self) -> Result<&(Client, Arc<ClientConfig>), Problem> {
        let make = || async {
            let config = self.0.tls.clone().load().await?;
            // One proxy for all hosts; it spares those that NO_PROXY names by itself.
            let proxy = proxy::of_all(&self.0.world);
            Ok((http::client(config.clone(), self.0.limit, proxy)?, Arc::new(config)))
        };
        self.0.secure.get_or_try_init(make).await
    }

    /// The TLS configuration, for a ladder of its own.
    pub(super) async fn tls(&self) -> Result<Arc<ClientConfig>, Problem> {
        Ok(Arc::clone(&self.secure().await?.1))
    }

    async fn client(&self, url: &Url) -> Result<Client, Problem> {
        let port = url.port_or_known_default().unwrap_or(443);
        let https = url.scheme() == "https";
        proxy::of_host(&self.0.world, https, url.host_str().unwrap_or_default(), port)?;
        match https {
            true => self.secure().await.map(|(client, _)| client.clone()),
            false => self.plain().await,
        }
    }

    /// Sends; again where that may help, if it can arrive twice. Every answer but a success is a failure.
    pub(super) async fn send(&self, request: Request, idempotent: bool) -> Result<Answer, Failure> {
        let client = self.client(request.url()).await.map_err(Failure::Unready)?;
        let mut attempts = Attempts::new(idempotent);
        loop {
            let copy = request.try_clone().ok_or(Failure::Unanswered(Fault::Unsendable))?;
            let mut outcome = http::send(&client, copy).await;
            let mut refusal = None;
            if let Ok(answer) = &mut outcome
                && !(200..300).contains(&answer.status)
            {
                let refused = Refusal::read(answer);
                if refused.is_throttle() {
                    answer.status = 429;
                }
                refusal = Some(refused);
            }
            if attempts.another(&outcome).await {
                continue;
            }
            return match (outcome, refusal) {
                (_, Some(refusal)) => Err(Failure::Refused(refusal)),
                (Ok(answer), None) => Ok(answer),
                (Err(fault), None) => Err(Failure::Unanswered(fault)),
            };
        }
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        // Reads, and logins that change nothing.
        let request = translated(&request).ok_or(Failure::Unanswered(Fault::Unsendable))?;
        let answer = self.send(request, true).await?;
        let status = answer
            .status
            .try_into()
            .map_err(|_| Failure::Unanswered(Fault::Broken))?;
        Ok(HttpResponse::new(status, SdkBody::from(answer.body.as_slice())))
    }
}

fn translated(request: &HttpRequest) -> Option<Request> {
    let method = Method::from_bytes(request.method().as_bytes()).ok()?;
    let mut translated = Request::new(method, Url::parse(request.uri()).ok()?);
    for (name, value) in request.headers() {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(matches!(name, "authorization" | "x-amz-security-token"));
        translated
            .headers_mut()
            .append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    *translated.body_mut() = Some(request.body().bytes()?.to_vec().into());
    Some(translated)
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            // Neither a kind that the SDK would send again for: that is decided here.
            this.carry(request)
                .await
                .map_err(|failure| ConnectorError::other(failure.into(), None))
        })
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> (String, String) {
        let answer = Answer {
            status,
            location: None,
            date: None,
            retry_after: None,
            challenge: None,
            body: body.as_bytes().to_vec().into(),
        };
        let refusal = Refusal::read(&answer);
        (refusal.code, refusal.message)
    }

    #[test]
    fn refusals_are_read_in_every_form() {
        let code = |body| refusal(400, body).0;
        assert_eq!(
            code(r#"{"__type":"ResourceNotFoundException","message":"m"}"#),
            "ResourceNotFoundException"
        );
        assert_eq!(
            code(r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"m"}"#),
            "AccessDeniedException"
        );
        assert_eq!(
            code(r#"{"error":"authorization_pending","error_description":"m"}"#),
            "authorization_pending"
        );
        assert_eq!(
            code(r#"{"code":"UnauthorizedException:http://internal.amazon.com/x","message":"m"}"#),
            "UnauthorizedException"
        );
        let xml = "<?xml version=\"1.0\"?>\n<ErrorResponse><Errors><Error><Code>AccessDenied</Code>\n<Message>User: arn:aws:iam::1:user/dev is not</Message></Error></Errors></ErrorResponse>";
        assert_eq!(
            refusal(403, xml),
            (
                "AccessDenied".to_owned(),
                "User: arn:aws:iam::1:user/dev is not".to_owned()
            )
        );
        for other in ["", "<html>502</html>", "{", "[]", r#"{"__type":"hunter2 canary"}"#] {
            assert_eq!(code(other), "", "{other}");
        }
    }
}
