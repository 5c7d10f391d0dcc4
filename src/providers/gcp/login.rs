//! Tokens: how each kind of login comes by one, how long it lasts, one login at a time, and one more when a token is refused.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Gcp;
use super::api::parse;
use super::credentials::{self, Federated, Identity, Login, User};
use super::jwt;
use super::settings::Source;
use super::web::{Purpose, Reply};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::file;
use crate::providers::net::ladder::stages_until;
use crate::providers::shared::renewal;

/// What a token that a service account signs is good for. The narrowest that does: whoever catches one can do no more with it.
const SECRET_MANAGER: &str = "https://secretmanager.googleapis.com/";
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com/";
/// What all other tokens are good for: Secret Manager has no narrower scope.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// No token of Google lasts longer. A server that says more is not counted on: clocks end somewhere.
const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);
/// On Google's machines the metadata server is next door. Everywhere else this is what the search for it may cost.
const METADATA_LIMIT: Duration = Duration::from_secs(1);

/// A token in use.
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) identity: Identity,
    renew_at: Timestamp,
    pub(super) until: Timestamp,
}

/// A token as a server gave it.
struct Issued {
    value: SecretString,
    lasts: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImpersonatedAnswer {
    access_token: SecretString,
    expire_time: Option<Timestamp>,
}

/// Why a login server refused (RFC 6749, 5.2).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) error_description: String,
    pub(super) error_subtype: String,
}

impl Gcp {
    /// A token to ask with: the one in use while it lasts, else a new one.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Problem> {
        self.session
            .get_or_make(|token| Timestamp::now() < token.renew_at, self.log_in())
            .await
    }

    /// Another token in place of one that was refused; none if there is only the same one again.
    pub(super) async fn another(&self, refused: &Arc<Token>) -> Result<Option<Arc<Token>>, Problem> {
        self.session.forget(refused).await;
        let token = self.token().await?;
        let same = token.value.expose_secret() == refused.value.expose_secret();
        Ok((!same).then_some(token))
    }

    async fn log_in(&self) -> Result<Token, Problem> {
        let identity = self.identity().await?;
        let issued = self.issue(&identity.login, SECRET_MANAGER).await?;
        let now = Timestamp::now();
        let until = now + issued.lasts;
        Ok(Token {
            value: issued.value,
            identity,
            renew_at: renewal(now, until),
            until,
        })
    }

    /// The credentials as they are now: a file is read at every login, so that `gcloud auth …` in another window is seen.
    pub(super) async fn identity(&self) -> Result<Identity, Problem> {
        let (text, place) = match &self.settings.source {
            Source::Text(text) => (text.clone(), format!("credentials of [providers.{}]", self.name)),
            Source::Held(reference) => (
                self.credentials.read(reference).await?,
                format!("the credential `{reference}`"),
            ),
            Source::File(path, from) => {
                let place = format!("{} ({from})", path.display());
                let text = file::read_text(path).map_err(|error| {
                    let what = format!("{place} cannot be read: {}", file::why(&error));
                    self.unusable(what)
                        .cause("the path is wrong, or the file belongs to somebody else")
                })?;
                (text, place)
            }
            Source::WellKnown => {
                let file = self.settings.gcloud_file();
                match file.as_ref().map(|path| file::read_text(path)) {
                    Some(Ok(text)) => (text, file.unwrap_or_default().display().to_string()),
                    Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                        let file = file.unwrap_or_default();
                        return Err(self.unusable(format!("{} cannot be read: {}", file.display(), file::why(&error))));
                    }
                    _ => {
                        return Ok(Identity {
                            login: Login::Metadata,
                            quota_project: None,
                            project: None,
                        });
                    }
                }
            }
        };
        credentials::parse(&text).map_err(|why| self.unusable(format!("{place} {why}")))
    }

    pub(super) fn unusable(&self, what: String) -> Problem {
        let https = self
            .settings
            .endpoint
            .as_ref()
            .is_none_or(|url| url.scheme() == "https");
        Problem::new(&catalogue::GCP_CREDENTIALS, what).steps(stages_until("config", https))
    }

    async fn issue(&self, login: &Login, audience: &str) -> Result<Issued, Problem> {
        match login {
            Login::ServiceAccount(account) => {
                let what = || {
                    format!(
                        "the private_key of {} cannot sign: it is no RSA key in PEM",
                        account.email
                    )
                };
                let value = account
                    .token(audience, None, Timestamp::now())
                    .map_err(|_| self.unusable(what()))?;
                let lasts = Duration::from_secs(jwt::LASTS.unsigned_abs());
                Ok(Issued { value, lasts })
            }
            Login::User(user) => self.refresh(user).await,
            Login::Federated(federated) => self.exchange(federated).await,
            Login::Impersonated {
                email,
                url,
                delegates,
                source,
            } => {
                let source = Box::pin(self.issue(source, IAM_CREDENTIALS)).await?;
                self.impersonate(email, url, delegates, &source.value).await
            }
            Login::Metadata => self.machine().await,
        }
    }

    async fn refresh(&self, user: &User) -> Result<Issued, Problem> {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", user.refresh_token.expose_secret()),
        ];
        let client = (user.client_id.as_str(), &user.client_secret);
        if !user.by_header {
            form.extend([("client_id", client.0), ("client_secret", client.1.expose_secret())]);
        }
        let reply = self
            .post_form(&user.token_url, &form, user.by_header.then_some(client))
            .await?;
        issued(&reply).ok_or_else(|| self.login_refused(&reply, "the person's login", &catalogue::GCP_REAUTH))
    }

    async fn exchange(&self, federated: &Federated) -> Result<Issued, Problem> {
        let subject = self.subject(federated).await?;
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", subject.expose_secret()),
            ("subject_token_type", federated.subject_token_type.as_str()),
            ("audience", federated.audience.as_str()),
            ("scope", SCOPE),
        ];
        let options = federated
            .user_project
            .as_ref()
            .map(|project| serde_json::json!({ "userProject": project }).to_string());
        if let Some(options) = options.as_deref().filter(|_| federated.client.is_none()) {
            form.push(("options", options));
        }
        let client = federated.client.as_ref().map(|(id, secret)| (id.as_str(), secret));
        let reply = self.post_form(&federated.token_url, &form, client).await?;
        issued(&reply).ok_or_else(|| self.login_refused(&reply, "the federated identity", &catalogue::GCP_FEDERATION))
    }

    async fn impersonate(
        &self,
        email: &str,
        url: &Url,
        delegates: &[String],
        source: &SecretString,
    ) -> Result<Issued, Problem> {
        let mut request = Request::new(Method::POST, url.clone());
        let body = serde_json::json!({ "scope": [SCOPE], "delegates": delegates, "lifetime": "3600s" });
        *request.body_mut() = Some(body.to_string().into());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(bearer) = bearer(source) {
            headers.insert(AUTHORIZATION, bearer);
        }
        let reply = self.web.send(request, Purpose::Login).await?;
        if reply.answer.status == 200
            && let Some(ImpersonatedAnswer {
                access_token: value,
                expire_time,
            }) = parse(&reply.answer)
        {
            let left = expire_time.and_then(|end| u64::try_from(end.as_second() - Timestamp::now().as_second()).ok());
            let lasts = Duration::from_secs(left.unwrap_or(0).min(3600));
            return Ok(Issued { value, lasts });
        }
        Err(self.not_impersonated(&reply, email))
    }

    /// A token for the service account of the machine.
    async fn machine(&self) -> Result<Issued, Problem> {
        let metadata = &self.settings.metadata;
        let route = self.web.route(metadata).await?;
        if !route.is_there(METADATA_LIMIT.min(self.settings.limit)).await {
            return Err(self.no_credentials());
        }
        let path = format!(
            "/computeMetadata/v1/instance/service-accounts/default/token?scopes={}",
            encoded(SCOPE)
        );
        let reply = self.ask_machine(&path).await?;
        issued(&reply).ok_or_else(|| {
            // Anything else is said of the server, or by somebody in between.
            if reply.answer.status != 404 {
                return reply.upstream(Purpose::Login);
            }
            let what = "the metadata server has no service account for this machine".to_owned();
            reply.at(Problem::new(&catalogue::GCP_NO_ACCOUNT, what), Purpose::Login)
        })
    }

    async fn ask_machine(&self, path: &str) -> Result<Reply, Problem> {
        let url = self.settings.metadata.join(path).map_err(|_| self.no_credentials())?;
        let mut request = Request::new(Method::GET, url);
        let flavor = HeaderName::from_static("metadata-flavor");
        request.headers_mut().insert(flavor, HeaderValue::from_static("Google"));
        self.web.send(request, Purpose::Login).await
    }

    /// A text of the metadata server: the machine's project, or its account; none where it has none.
    async fn machine_text(&self, path: &str) -> Result<Option<String>, Problem> {
        let reply = self.ask_machine(path).await?;
        match reply.answer.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(reply.upstream(Purpose::Login)),
        }
        let text = std::str::from_utf8(&reply.answer.body).unwrap_or_default().trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "@.-_:".contains(c);
        let usable = !text.is_empty() && text.len() < 300 && text.chars().all(fits);
        Ok(usable.then(|| text.to_owned()))
    }

    pub(super) async fn machine_project(&self) -> Result<Option<String>, Problem> {
        self.machine_text("/computeMetadata/v1/project/project-id").await
    }

    /// As whom, in words, and as a policy of Google names members. The machine's own account is asked for.
    pub(super) async fn principal(&self, token: &Token) -> (String, Option<String>) {
        let login = &token.identity.login;
        if let Login::Metadata = login
            && let Ok(Some(email)) = self
                .machine_text("/computeMetadata/v1/instance/service-accounts/default/email")
                .await
        {
            return (
                format!("{} ({email})", login.words()),
                Some(format!("serviceAccount:{email}")),
            );
        }
        (login.words(), login.member())
    }

    /// Why a token that a service account signed for itself is refused: Google says so only where such tokens are exchanged.
    pub(super) async fn why_refused(&self, account: &jwt::ServiceAccount) -> Option<Refusal> {
        let url = Url::parse(&account.token_uri)
            .ok()
            .filter(super::settings::may_carry_credentials)?;
        let assertion = account.token(&account.token_uri, Some(SCOPE), Timestamp::now()).ok()?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose_secret()),
        ];
        let reply = self.post_form(&url, &form, None).await.ok()?;
        parse(&reply.answer).filter(|_| reply.answer.status != 200)
    }

    async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: Option<(&str, &SecretString)>,
    ) -> Result<Reply, Problem> {
        let pairs: Vec<Zeroizing<String>> = form
            .iter()
            .map(|(name, value)| Zeroizing::new(format!("{name}={}", encoded(value))))
            .collect();
        let pairs: Vec<&str> = pairs.iter().map(|pair| pair.as_str()).collect();
        let mut request = Request::new(Method::POST, url.clone());
        *request.body_mut() = Some(pairs.join("&").into());
        let headers = request.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some((id, secret)) = client {
            // As Google's own clients send it: joined without being encoded first.
            let both = Zeroizing::new(format!("{id}:{}", secret.expose_secret()));
            let both = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(both.as_bytes()));
            if let Some(value) = sensitive(&format!("Basic {}", both.as_str())) {
                headers.insert(AUTHORIZATION, value);
            }
        }
        self.web.send(request, Purpose::Login).await
    }
}

fn issued(reply: &Reply) -> Option<Issued> {
    let answer: TokenAnswer = parse(&reply.answer).filter(|_| reply.answer.status == 200)?;
    // One that cannot stand in a header is no token.
    bearer(&answer.access_token)?;
    Some(Issued {
        value: answer.access_token,
        lasts: Duration::from_secs(answer.expires_in.unwrap_or(0)).min(LONGEST_LIFE),
    })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Bearer …`; none if the token has characters that no token has.
pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose_secret())))
}
