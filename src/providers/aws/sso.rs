//! IAM Identity Center: the token that a person's login left in `~/.aws/sso/cache`, a role's credentials for it, and the login itself.
//!
//! The file is the one that the AWS CLI and all SDKs share, so that a login here is one there, and the other way round. The requests are
//! those of the device authorization grant (RFC 8628) in the JSON of `sso-oidc`.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Aws;
use super::endpoint::{Service, Variant};
use super::login::at_login;
use super::origin::Sso;
use super::profiles;
use super::transport::Failure;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::Person;
use crate::providers::net::http::parse;

/// A token that ends sooner than this is renewed where that is possible.
const RENEW_BEFORE: i64 = 300;
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The shared file. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cached {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    access_token: String,
    expires_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration_expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// What `sso-oidc` gives for a device's code or a refresh token. No `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
}

impl Cached {
    /// Seconds that are left; none where the time cannot be read.
    fn left(&self) -> i64 {
        moment(&self.expires_at).map_or(0, |end| end.as_second() - Timestamp::now().as_second())
    }

    fn registered(&self) -> bool {
        self.registration_expires_at
            .as_deref()
            .and_then(moment)
            .is_some_and(|end| end > Timestamp::now())
    }
}

/// Older clients wrote `UTC` for `Z`.
fn moment(text: &str) -> Option<Timestamp> {
    text.replace("UTC", "Z").parse().ok()
}

fn in_seconds(seconds: i64) -> String {
    let now = Timestamp::now();
    let end = Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(now);
    end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `~/.aws/sso/cache/<SHA-1 of the session's name, or of the start URL>.json`.
fn cache_file(sso: &Sso, aws: &Aws) -> Result<PathBuf, Problem> {
    let folder = profiles::folder(&aws.world).ok_or_else(|| {
        Problem::new(
            &catalogue::AWS_EXPIRED_SSO,
            "there is no home folder to look for the SSO login in",
        )
    })?;
    let name = sso.session.as_deref().unwrap_or(&sso.start_url);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(folder.join("sso/cache").join(format!("{hash}.json")))
}

/// The role's credentials for the token that is there.
pub(super) async fn credentials(sso: &Sso, aws: &Aws) -> Result<Credentials, Problem> {
    let file = cache_file(sso, aws)?;
    let cached: Cached = crate::providers::file::read(&file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| logged_out(sso, aws, "nobody has logged in on this machine yet"))?;
    let cached = if cached.left() < RENEW_BEFORE {
        renewed(cached, sso, aws, &file).await?
    } else {
        cached
    };
    role_credentials(&cached, sso, aws).await
}

/// A new token for the refresh token, where there is one; else the old one, while it lasts.
async fn renewed(cached: Cached, sso: &Sso, aws: &Aws, file: &PathBuf) -> Result<Cached, Problem> {
    let over = || {
        let ago = -cached.left() / 60;
        let when = match ago {
            0..=119 => format!("{ago} minutes ago"),
            _ => format!("{} hours ago", ago / 60),
        };
        logged_out(sso, aws, &format!("the session ended {when}"))
    };
    if let (Some(id), Some(secret), Some(refresh), true) = (
        &cached.client_id,
        &cached.client_secret,
        &cached.refresh_token,
        cached.registered(),
    ) {
        let body =
            json!({ "clientId": id, "clientSecret": secret, "grantType": "refresh_token", "refreshToken": refresh });
        match post::<Issued>(sso, aws, "/token", &body).await {
            Ok(issued) => {
                let new = Cached {
                    access_token: issued.access_token,
                    expires_at: in_seconds(issued.expires_in),
                    refresh_token: issued.refresh_token.or_else(|| cached.refresh_token.clone()),
                    ..cached.clone()
                };
                // A token that cannot be kept still serves this run.
                let _ = write(file, &new);
                return Ok(new);
            }
            Err(Failure::Refused(_)) => {}
            Err(failure) if cached.left() <= 0 => {
                return Err(aws
                    .unreached(&failure, Service::SsoOidc, &sso.region, "POST /token")
                    .await);
            }
            Err(_) => {}
        }
    }
    if cached.left() > 0 { Ok(cached) } else { Err(over()) }
}

async fn role_credentials(cached: &Cached, sso: &Sso, aws: &Aws) -> Result<Credentials, Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        role_credentials: Keys,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keys {
        access_key_id: String,
        secret_access_key: String,
        session_token: String,
        /// Milliseconds since 1970.
        expiration: i64,
    }
    const LINE: &str = "GET /federation/credentials";
    let request = async {
        let mut url = address(Service::SsoPortal, sso, aws, "/federation/credentials").await?;
        url.query_pairs_mut()
            .append_pair("role_name", &sso.role)
            .append_pair("account_id", &sso.account);
        let mut token = HeaderValue::from_str(&cached.access_token)
            .map_err(|_| logged_out(sso, aws, "the token in the cache is none"))?;
        token.set_sensitive(true);
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert("x-amz-sso_bearer_token", token);
        Ok::<_, Problem>(request)
    };
    let answer = match aws.transport.send(request.await?, true).await {
        Ok(answer) => answer,
        Err(Failure::Refused(refusal)) => {
            let note = format!("{LINE} → {} (HTTP {})", refusal.code, refusal.status);
            return Err(match refusal.code.as_str() {
                "UnauthorizedException" => logged_out(sso, aws, "the session was ended").note(note),
                "ForbiddenException" | "ResourceNotFoundException" | "InvalidRequestException" => {
                    let what = format!("SSO does not give role {} in account {}", sso.role, sso.account);
                    at_login(Problem::new(&catalogue::AWS_SSO, what))
                        .note(note)
                        .fact("Start page", &sso.start_url)
                        .fixes(vec![
                            format!("open {} and look which accounts and roles are offered", sso.start_url),
                            format!(
                                "correct sso_account_id and sso_role_name of profile {} in ~/.aws/config",
                                sso.profile
                            ),
                        ])
                }
                _ if refusal.is_throttle() => aws.throttled(LINE, &refusal),
                _ => aws.unexpected(LINE, &refusal),
            });
        }
        Err(failure) => return Err(aws.unreached(&failure, Service::SsoPortal, &sso.region, LINE).await),
    };
    let keys = parse::<Answer>(&answer)
        .ok_or_else(|| {
            at_login(Problem::new(
                &catalogue::PROVIDER_UPSTREAM,
                "the SSO portal's answer holds no credentials",
            ))
        })?
        .role_credentials;
    let end = Duration::from_millis(u64::try_from(keys.expiration).unwrap_or_default());
    Ok(Credentials::builder()
        .access_key_id(keys.access_key_id)
        .secret_access_key(keys.secret_access_key)
        .session_token(keys.session_token)
        .expiry(SystemTime::UNIX_EPOCH + end)
        .provider_name("hallpass")
        .build())
}

/// A login that waits for the person.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// Logs a person in: shows them a code to confirm in their browser, and waits until they have.
pub(super) async fn log_in(sso: &Sso, aws: &Aws, person: &dyn Person) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Registered {
        client_id: String,
        client_secret: String,
        client_secret_expires_at: i64,
    }
    let mut client = json!({ "clientName": "hallpass", "clientType": "public" });
    // Sessions are renewable; a profile of the older form gets what it always got.
    if sso.session.is_some() {
        client["scopes"] = json!(sso.scopes);
        client["grantTypes"] = json!([DEVICE_GRANT, "refresh_token"]);
    }
    let registered: Registered = ask(sso, aws, "/client/register", &client).await?;
    let start = json!({
        "clientId": registered.client_id, "clientSecret": registered.client_secret, "startUrl": sso.start_url,
    });
    let started: Started = ask(sso, aws, "/device_authorization", &start).await?;
    let page = started
        .verification_uri_complete
        .as_deref()
        .unwrap_or(&started.verification_uri);
    person.tell(&format!("The code in your browser must be {}.", started.user_code));
    if person.browse(page) {
        person.tell(&format!(
            "Waiting for you to confirm it at {}",
            started.verification_uri
        ));
    } else {
        person.tell(&format!("Open {page} in a browser and confirm it there."));
    }

    let body = json!({
        "clientId": registered.client_id, "clientSecret": registered.client_secret,
        "grantType": DEVICE_GRANT, "deviceCode": started.device_code,
    });
    let issued = confirmed(sso, aws, &body, &started).await?;
    let registration_end =
        Timestamp::from_second(registered.client_secret_expires_at).unwrap_or_else(|_| Timestamp::now());
    let cached = Cached {
        start_url: Some(sso.start_url.clone()),
        region: Some(sso.region.clone()),
        access_token: issued.access_token,
        expires_at: in_seconds(issued.expires_in),
        client_id: Some(registered.client_id),
        client_secret: Some(registered.client_secret),
        registration_expires_at: Some(registration_end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        refresh_token: issued.refresh_token,
    };
    let file = cache_file(sso, aws)?;
    write(&file, &cached).map_err(|error| {
        let what = format!("the SSO login cannot be kept in {}: {}", file.display(), error.kind());
        Problem::new(&catalogue::IO, what)
    })
}

/// Asks for the token until the person has confirmed the code.
async fn confirmed(sso: &Sso, aws: &Aws, body: &serde_json::Value, started: &Started) -> Result<Issued, Problem> {
    let mut pause = Duration::from_secs(started.interval.unwrap_or(5).clamp(1, 60));
    let end = Instant::now() + Duration::from_secs(started.expires_in.min(1800));
    loop {
        tokio::time::sleep(pause).await;
        let not_confirmed = || {
            let what = "the SSO login was not confirmed in time";
            at_login(Problem::new(&catalogue::AWS_EXPIRED_SSO, what))
                .causes(vec!["nobody confirmed the code in a browser".to_owned()])
        };
        match post(sso, aws, "/token", body).await {
            Ok(issued) => return Ok(issued),
            Err(Failure::Refused(refusal)) => match refusal.code.as_str() {
                "authorization_pending" | "AuthorizationPendingException" if Instant::now() < end => {}
                "slow_down" | "SlowDownException" if Instant::now() < end => pause += Duration::from_secs(5),
                "access_denied" | "AccessDeniedException" => {
                    let what = "the SSO login was refused in the browser";
                    return Err(at_login(Problem::new(&catalogue::AWS_SSO, what))
                        .causes(vec!["the request was denied on the page".to_owned()])
                        .fixes(vec![format!("hallpass provider login {}", aws.name)]));
                }
                "authorization_pending"
                | "AuthorizationPendingException"
                | "slow_down"
                | "SlowDownException"
                | "expired_token"
                | "ExpiredTokenException" => return Err(not_confirmed()),
                _ => return Err(aws.unexpected("POST /token", &refusal)),
            },
            // One that was not answered is asked again while there is time.
            Err(Failure::Unanswered(_)) if Instant::now() < end => {}
            Err(failure) => {
                return Err(aws
                    .unreached(&failure, Service::SsoOidc, &sso.region, "POST /token")
                    .await);
            }
        }
    }
}

/// Writes the file for its owner alone, whole or not at all.
fn write(file: &PathBuf, cached: &Cached) -> std::io::Result<()> {
    let folder = file.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut new = tempfile::NamedTempFile::new_in(&folder)?;
    let text = zeroize::Zeroizing::new(serde_json::to_vec(cached)?);
    new.write_all(&text)?;
    new.persist(file)?;
    Ok(())
}

async fn address(service: Service, sso: &Sso, aws: &Aws, path: &str) -> Result<Url, Problem> {
    let base = aws
        .endpoint_of(service)
        .await?
        .unwrap_or_else(|| service.own(&sso.region, Variant::default()));
    Url::parse(&format!("{base}{path}")).map_err(|_| {
        let what = format!("sso_region of profile {} is not the name of a region", sso.profile);
        Problem::new(&catalogue::AWS_PROFILE, what)
    })
}

async fn post<T: DeserializeOwned>(sso: &Sso, aws: &Aws, path: &str, body: &serde_json::Value) -> Result<T, Failure> {
    let url = address(Service::SsoOidc, sso, aws, path)
        .await
        .map_err(Failure::Unready)?;
    let mut request = Request::new(Method::POST, url);
    request
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.to_string().into());
    let answer = aws.transport.send(request, false).await?;
    parse(&answer).ok_or_else(|| {
        let what = format!("the answer to POST {path} is not what the AWS clients read");
        Failure::Unready(at_login(Problem::new(&catalogue::PROVIDER_UPSTREAM, what)))
    })
}

async fn ask<T: DeserializeOwned>(sso: &Sso, aws: &Aws, path: &str, body: &serde_json::Value) -> Result<T, Problem> {
    let line = format!("POST {path}");
    match post(sso, aws, path, body).await {
        Ok(answer) => Ok(answer),
        Err(Failure::Refused(refusal)) => Err(aws.unexpected(&line, &refusal).cause(format!(
            "sso_start_url ({}) or sso_region ({}) of profile {} is not that of the company",
            sso.start_url, sso.region, sso.profile
        ))),
        Err(failure) => Err(aws.unreached(&failure, Service::SsoOidc, &sso.region, &line).await),
    }
}

fn logged_out(sso: &Sso, aws: &Aws, why: &str) -> Problem {
    let what = format!("the SSO login of profile `{}` is over: {why}", sso.profile);
    let session = match &sso.session {
        Some(session) => format!("aws sso login --sso-session {session}"),
        None => format!("aws sso login --profile {}", sso.profile),
    };
    at_login(Problem::new(&catalogue::AWS_EXPIRED_SSO, what))
        .fact("Start page", &sso.start_url)
        .fixes(vec![format!("hallpass provider login {}", aws.name), session])
}
