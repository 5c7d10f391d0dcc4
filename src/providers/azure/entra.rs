//! Logins at Entra ID as an application (the client credentials of OAuth 2.0, RFC 6749 section 4.4): with its secret, or with an
//! assertion, signed here with a certificate or made by the workload's own platform.
//!
//! Sent by ourselves and not by `azure_identity`: a login is one form, and that library is dozens of crates for it.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Azure;
use super::login::Token;
use super::logins::App;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::http::parse;

/// What an application proves itself with.
pub(super) enum Proof {
    Secret(SecretString),
    Assertion(SecretString),
}

/// How an assertion is named in the form (RFC 7523, 2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    /// Seconds.
    expires_in: i64,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// Where an application of this tenant gets its tokens.
pub(super) fn token_endpoint(authority: &Url, tenant: &str) -> String {
    format!("{authority}{tenant}/oauth2/v2.0/token")
}

impl Azure {
    /// A token for the scope, for an application that proves itself.
    pub(super) async fn entra(&self, app: &App, proof: Proof, scope: &str) -> Result<Token, Problem> {
        let server = &self.connection().await?.authority;
        let line = format!("POST /{}/oauth2/v2.0/token", app.tenant);
        let proof = match &proof {
            Proof::Secret(secret) => format!("&client_secret={}", encoded(secret.expose_secret())),
            Proof::Assertion(assertion) => {
                let assertion = encoded(assertion.expose_secret());
                format!(
                    "&client_assertion_type={}&client_assertion={assertion}",
                    encoded(ASSERTION)
                )
            }
        };
        let proof = Zeroizing::new(proof);
        let (client, scope) = (encoded(&app.client), encoded(scope));
        let form = format!(
            "grant_type=client_credentials&client_id={client}&scope={scope}{}",
            *proof
        );
        let url = Url::parse(&token_endpoint(&self.settings.authority, &app.tenant))
            .map_err(|_| server.upstream(&line, 400))?;
        let mut request = Request::new(Method::POST, url);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.body_mut() = Some(form.into());

        let answer = match server.send(request).await {
            Ok(answer) => answer,
            Err(fault) => return Err(server.unanswered(&fault, &line).await),
        };
        if let Some(problem) = server.troubled(&answer, &line) {
            return Err(problem);
        }
        if answer.status != 200 {
            let refusal: Option<Refusal> = parse(&answer);
            let number = refusal.and_then(|refusal| refusal.error_codes.first().copied());
            return Err(server.answered(refused(app, number, &server.address), &line, answer.status));
        }
        // serde's own words are left out: they may quote the token.
        let granted: Option<Granted> = parse(&answer);
        let token = granted.and_then(|granted| {
            let lasts = SignedDuration::from_secs(granted.expires_in);
            let expires = Timestamp::now().checked_add(lasts).unwrap_or(Timestamp::MAX);
            Token::new(granted.access_token.expose_secret(), expires)
        });
        token.ok_or_else(|| server.upstream(&line, 200))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
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
