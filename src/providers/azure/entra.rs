//! Logins at Entra ID, by the credentials of `azure_identity`: a client secret, or an assertion (signed here with a certificate, or made
//! by the workload's own platform).
//!
//! What they send goes through our client, with its cap, its time limit and no redirects; they repeat nothing. Their errors quote what
//! the server wrote, so those are dropped: the transport keeps the fault, or the number of the refusal, and words are made from that.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientMethodOptions, ClientOptions, HttpClient, Request, RetryOptions, StatusCode,
    Transport,
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Azure;
use super::login::Token;
use super::logins::App;
use super::server::Server;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::http::{Fault, parse};

/// What an application proves itself with.
pub(super) enum Proof {
    Secret(SecretString),
    Assertion(SecretString),
}

/// What came of the one request of a login, beside what the credential makes of it.
enum Outcome {
    Fault(Fault),
    Refused { status: u16, number: Option<u64> },
    Troubled(Problem),
}

/// The transport of one login.
struct Wire {
    server: Server,
    line: String,
    outcome: Mutex<Option<Outcome>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    fn ended(&self, outcome: Outcome) -> Error {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        Error::with_message(ErrorKind::Other, "no token")
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut sent = reqwest::Request::new(reqwest::Method::POST, request.url().clone());
        for (name, value) in request.headers().iter() {
            let name = reqwest::header::HeaderName::from_bytes(name.as_str().as_bytes());
            let value = reqwest::header::HeaderValue::from_str(value.as_str());
            if let (Ok(name), Ok(value)) = (name, value) {
                sent.headers_mut().insert(name, value);
            }
        }
        if let Body::Bytes(body) = request.body() {
            *sent.body_mut() = Some(body.clone().into());
        }
        let answer = match self.server.send(sent).await {
            Ok(answer) => answer,
            Err(fault) => return Err(self.ended(Outcome::Fault(fault))),
        };
        if let Some(problem) = self.server.troubled(&answer, &self.line) {
            return Err(self.ended(Outcome::Troubled(problem)));
        }
        if answer.status != 200 {
            let refusal: Option<Refusal> = parse(&answer);
            let number = refusal.and_then(|refusal| refusal.error_codes.first().copied());
            let status = answer.status;
            return Err(self.ended(Outcome::Refused { status, number }));
        }
        let status = StatusCode::from(answer.status);
        Ok(AsyncRawResponse::from_bytes(
            status,
            Headers::new(),
            answer.body.to_vec(),
        ))
    }
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// An assertion that is there already.
struct Held(SecretString);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

#[async_trait]
impl ClientAssertion for Held {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose_secret().to_owned())
    }
}

/// Where an application of this tenant gets its tokens.
pub(super) fn token_endpoint(authority: &reqwest::Url, tenant: &str) -> String {
    format!("{authority}{tenant}/oauth2/v2.0/token")
}

impl Azure {
    /// A token for the scope, for an application that proves itself.
    pub(super) async fn entra(&self, app: &App, proof: Proof, scope: &str) -> Result<Token, Problem> {
        let server = self.connection().await?.authority.clone();
        let line = format!("POST /{}/oauth2/v2.0/token", app.tenant);
        let wire = Arc::new(Wire {
            server,
            line: line.clone(),
            outcome: Mutex::new(None),
        });
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.settings.authority.to_string();
        let client_options = ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::clone(&wire) as Arc<dyn HttpClient>)),
            cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
            ..ClientOptions::default()
        };
        let (tenant, client) = (app.tenant.clone(), app.client.clone());
        let token = match proof {
            Proof::Secret(secret) => {
                let options = Some(ClientSecretCredentialOptions { client_options });
                let secret = Secret::new(secret.expose_secret().to_owned());
                got(ClientSecretCredential::new(&tenant, client, secret, options), scope).await
            }
            Proof::Assertion(assertion) => {
                let options = Some(ClientAssertionCredentialOptions { client_options });
                got(
                    ClientAssertionCredential::new(tenant, client, Held(assertion), options),
                    scope,
                )
                .await
            }
        };
        if let Some(token) = token {
            let expires = Timestamp::from_second(token.expires_on.unix_timestamp()).unwrap_or(Timestamp::MAX);
            if let Some(token) = Token::new(token.token.secret(), expires) {
                return Ok(token);
            }
            return Err(wire.server.upstream(&line, 200));
        }
        let outcome = wire.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(match outcome {
            Some(Outcome::Fault(fault)) => wire.server.unanswered(&fault, &line).await,
            Some(Outcome::Troubled(problem)) => problem,
            Some(Outcome::Refused { status, number }) => {
                let problem = refused(app, number, &wire.server.address);
                wire.server.answered(problem, &line, status)
            }
            // The answer was a 200 without a token in it, or the credential itself is of no use to the library.
            None => wire.server.upstream(&line, 200),
        })
    }
}

async fn got<C: TokenCredential>(credential: azure_core::Result<Arc<C>>, scope: &str) -> Option<AccessToken> {
    credential.ok()?.get_token(&[scope], None).await.ok()
}

/// What a refusal of Entra ID means, where it has a meaning of its own.
#[derive(Clone, Copy)]
enum Meaning {
    Secret,
    SecretExpired,
    App,
    Tenant,
    Assertion,
    AssertionTime,
    Federation,
}

/// Refusals by their number, which is that of AADSTS… in Microsoft's words.
const REFUSALS: &[(u64, Meaning)] = &[
    (7_000_215, Meaning::Secret),
    (7_000_222, Meaning::SecretExpired),
    (700_016, Meaning::App),
    (7_000_229, Meaning::App),
    (90_002, Meaning::Tenant),
    (900_021, Meaning::Tenant),
    (900_023, Meaning::Tenant),
    (50_027, Meaning::Assertion),
    (700_021, Meaning::Assertion),
    (700_023, Meaning::Assertion),
    (700_027, Meaning::Assertion),
    (700_030, Meaning::Assertion),
    (700_024, Meaning::AssertionTime),
    (70_021, Meaning::Federation),
    (700_211, Meaning::Federation),
    (700_212, Meaning::Federation),
    (700_213, Meaning::Federation),
];

/// The words for a refusal. What the server wrote is not among them.
fn refused(App { tenant, client }: &App, number: Option<u64>, authority: &str) -> Problem {
    let Some(number) = number else {
        let what = format!("{authority} refused the login of app {client}, and not as Entra ID does");
        let cause = "authority_host is not that of an Entra ID, or a proxy answers in its place";
        return Problem::new(&catalogue::AZURE_LOGIN, what).causes(vec![cause.to_owned()]);
    };
    let meaning = REFUSALS.iter().find(|(known, _)| *known == number);
    let problem = match meaning.map(|(_, meaning)| *meaning) {
        Some(Meaning::Secret) => {
            let what = format!("Entra ID does not accept the client secret of app {client}");
            Problem::new(&catalogue::AZURE_SECRET, what).fix(format!(
                "az ad app credential list --id {client}   (the hint is the secret's first three characters)"
            ))
        }
        Some(Meaning::SecretExpired) => {
            let what = format!("the client secret of app {client} has expired");
            Problem::new(&catalogue::AZURE_SECRET_EXPIRED, what).fixes(vec![
                format!("az ad app credential reset --id {client} --append"),
                "put the new secret where client_secret or AZURE_CLIENT_SECRET has it".to_owned(),
            ])
        }
        Some(Meaning::App) => {
            let what = format!("tenant {tenant} has no app {client}");
            Problem::new(&catalogue::AZURE_APP, what).fixes(vec![format!(
                "az ad sp show --id {client} --query appOwnerOrganizationId"
            )])
        }
        Some(Meaning::Tenant) => {
            let what = format!("Entra ID at {authority} has no tenant {tenant}");
            Problem::new(&catalogue::AZURE_TENANT, what)
        }
        Some(Meaning::Assertion) => {
            let what = format!("Entra ID does not accept the assertion of app {client}");
            Problem::new(&catalogue::AZURE_ASSERTION, what)
                .fix(format!("az ad app credential list --id {client} --cert"))
        }
        Some(Meaning::AssertionTime) => {
            let what = format!("the assertion of app {client} is not valid at this time");
            Problem::new(&catalogue::AZURE_ASSERTION_TIME, what)
        }
        Some(Meaning::Federation) => {
            let what = format!("app {client} does not trust the issuer, subject and audience of the workload's token");
            Problem::new(&catalogue::AZURE_FEDERATION, what)
                .fixes(vec![format!("az ad app federated-credential list --id {client}")])
        }
        None => {
            let what = format!("Entra ID refused the login of app {client} in tenant {tenant} (AADSTS{number})");
            Problem::new(&catalogue::AZURE_LOGIN, what).fixes(vec![format!(
                "https://login.microsoftonline.com/error?code={number}   says what the number means"
            )])
        }
    };
    problem.fact("Refusal", format!("AADSTS{number}"))
}
