//! Google's credentials as JSON, of every type that hallpass logs in with. Nothing is asked of the environment here.
//!
//! Google's own login library is not used: it sends its token requests with a client of its own, which knows no CA, proxy setting or
//! time limit of ours, follows redirects with credentials, reads the process' environment, and quotes answers in its errors. What
//! remains of it is the signature of a service account's token, which rustls makes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::jwt::ServiceAccount;
use super::settings::may_carry_credentials;

/// Where Google exchanges tokens unless the file says otherwise.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// How long a program may take, in milliseconds: where its file does not say, and what all of Google's clients accept there.
const HELPER_LIMIT: u64 = 30_000;
const HELPER_LIMITS: RangeInclusive<u64> = 5_000..=120_000;

/// What a file of credentials says.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) login: Login,
    /// The project that a person's requests are counted for.
    pub(super) quota_project: Option<String>,
    /// The project that the credentials belong to.
    pub(super) project: Option<String>,
}

/// How a token is come by. No `Debug`: it holds keys.
#[derive(Clone)]
pub(super) enum Login {
    ServiceAccount(ServiceAccount),
    User(User),
    Federated(Federated),
    /// `source` asks for a token of somebody else.
    Impersonated {
        email: String,
        url: Url,
        delegates: Vec<String>,
        source: Box<Login>,
    },
    /// The service account of the machine or pod that this runs on.
    Metadata,
}

/// A person's login by gcloud; or one of a workforce pool, whose client shows itself by header.
#[derive(Clone)]
pub(super) struct User {
    pub(super) account: Option<String>,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) refresh_token: SecretString,
    pub(super) token_url: Url,
    pub(super) by_header: bool,
}

/// An identity of somewhere else that Google accepts: workload or workforce identity federation.
#[derive(Clone)]
pub(super) struct Federated {
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: Url,
    pub(super) subject: Subject,
    /// The key inside a JSON subject; none if the subject is the whole text.
    pub(super) field: Option<String>,
    pub(super) client: Option<(String, SecretString)>,
    pub(super) user_project: Option<String>,
}

/// Where the other identity's token is.
#[derive(Clone)]
pub(super) enum Subject {
    File(PathBuf),
    Url {
        url: Url,
        headers: BTreeMap<String, SecretString>,
    },
    Helper(Helper),
}

/// A program that prints the other identity's token.
#[derive(Clone)]
pub(super) struct Helper {
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) limit: Duration,
    /// Where it keeps what it printed last.
    pub(super) output_file: Option<PathBuf>,
    /// The service account that its identity will act as.
    pub(super) email: Option<String>,
}

impl Login {
    /// As whom, in words: `service account x@y`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::ServiceAccount(account) => format!("service account {}", account.email),
            Self::User(User {
                account: Some(account), ..
            }) => format!("gcloud user {account}"),
            Self::User(User { by_header: true, .. }) => "workforce user".to_owned(),
            Self::User(_) => "gcloud user".to_owned(),
            Self::Federated(_) => "identity federation".to_owned(),
            Self::Impersonated { email, source, .. } => {
                format!("service account {email}, impersonated by {}", source.words())
            }
            Self::Metadata => "metadata server".to_owned(),
        }
    }

    /// As whom, as a policy of Google names members: `serviceAccount:x@y`.
    pub(super) fn member(&self) -> Option<String> {
        match self {
            Self::ServiceAccount(ServiceAccount { email, .. }) | Self::Impersonated { email, .. } => {
                Some(format!("serviceAccount:{email}"))
            }
            Self::User(User { account, .. }) => account.as_ref().map(|account| format!("user:{account}")),
            Self::Federated(_) | Self::Metadata => None,
        }
    }
}

/// Google's JSON of any type; which keys must be there depends on it.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<SecretString>,
    private_key_id: Option<String>,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    token_uri: Option<String>,
    token_url: Option<String>,
    account: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    refresh_token: Option<SecretString>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    credential_source: Option<SubjectDocument>,
    workforce_pool_user_project: Option<String>,
    service_account_impersonation_url: Option<String>,
    delegates: Option<Vec<String>>,
    source_credentials: Option<Box<Document>>,
    universe_domain: Option<String>,
}

#[derive(Deserialize)]
struct SubjectDocument {
    file: Option<String>,
    url: Option<String>,
    headers: Option<BTreeMap<String, SecretString>>,
    format: Option<Format>,
    environment_id: Option<String>,
    executable: Option<HelperDocument>,
    certificate: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct HelperDocument {
    command: String,
    timeout_millis: Option<u64>,
    output_file: Option<String>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    subject_token_field_name: Option<String>,
}

/// Reads credentials. What is wrong with them is said without quoting any of it.
pub(super) fn parse(text: &SecretString) -> Result<Identity, String> {
    // The library's error may quote a value.
    let document: Document =
        serde_json::from_str(text.expose_secret()).map_err(|_| "is not the JSON of Google's credentials".to_owned())?;
    let project = document.project_id.clone();
    let quota_project = document.quota_project_id.clone();
    Ok(Identity {
        login: document.login()?,
        quota_project,
        project,
    })
}

impl Document {
    fn login(self) -> Result<Login, String> {
        if self
            .universe_domain
            .as_deref()
            .is_some_and(|domain| domain != "googleapis.com")
        {
            return Err("is of another universe than googleapis.com, which hallpass does not log in to".to_owned());
        }
        match self.kind.as_deref() {
            Some("service_account") => Ok(Login::ServiceAccount(ServiceAccount {
                email: need(self.client_email, "client_email")?,
                key_id: self.private_key_id,
                key: need(self.private_key, "private_key")?,
                token_uri: self.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned()),
            })),
            Some(kind @ ("authorized_user" | "external_account_authorized_user")) => {
                let by_header = kind != "authorized_user";
                let token_url = if by_header { need(self.token_url, "token_url")? } else { self.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned()) };
                Ok(Login::User(User {
                    account: self.account.filter(|account| !account.is_empty()),
                    client_id: need(self.client_id, "client_id")?,
                    client_secret: need(self.client_secret, "client_secret")?,
                    refresh_token: need(self.refresh_token, "refresh_token")?,
                    token_url: address(&token_url, "token_uri")?,
                    by_header,
                }))
            }
            Some("external_account") => self.federated(),
            Some("impersonated_service_account") => {
                let source = need(self.source_credentials, "source_credentials")?;
                if source.kind.as_deref() == Some("impersonated_service_account") {
                    return Err("impersonates twice; name the accounts in between in delegates".to_owned());
                }
                let url = need(self.service_account_impersonation_url, "service_account_impersonation_url")?;
                impersonated(&url, self.delegates, source.login()?)
            }
            Some("gdch_service_account") => Err("is of Google Distributed Cloud, which hallpass does not log in to".to_owned()),
            Some(_) => Err("is of a type that hallpass does not know".to_owned()),
            None => Err("says no type: it is not what `gcloud auth application-default login` or a service account's key file holds".to_owned()),
        }
    }

    fn federated(self) -> Result<Login, String> {
        let source = need(self.credential_source, "credential_source")?;
        let field = match source.format {
            Some(Format {
                kind: Some(kind),
                subject_token_field_name,
            }) if kind == "json" => Some(need(
                subject_token_field_name,
                "credential_source.format.subject_token_field_name",
            )?),
            _ => None,
        };
        let email = self.service_account_impersonation_url.as_deref().and_then(email_in);
        let subject = match (source.executable, source.file, source.url) {
            _ if source.environment_id.is_some() => {
                return Err(
                    "takes its identity from AWS, which hallpass does not: use a file or an URL as credential_source"
                        .to_owned(),
                );
            }
            _ if source.certificate.is_some() => {
                return Err("takes its identity from a client certificate, which hallpass does not: use a file or an URL as credential_source".to_owned());
            }
            (Some(helper), ..) => Subject::Helper(helper.helper(email)?),
            (None, Some(file), _) => Subject::File(file.into()),
            (None, None, Some(url)) => Subject::Url {
                url: Url::parse(&url)
                    .ok()
                    .filter(Url::has_host)
                    .ok_or("has a credential_source.url that is no address")?,
                headers: source.headers.unwrap_or_default(),
            },
            (None, None, None) => return Err("has neither file nor url in credential_source".to_owned()),
        };
        let login = Login::Federated(Federated {
            audience: need(self.audience, "audience")?,
            subject_token_type: need(self.subject_token_type, "subject_token_type")?,
            token_url: address(&need(self.token_url, "token_url")?, "token_url")?,
            subject,
            field,
            client: self.client_id.zip(self.client_secret),
            user_project: self.workforce_pool_user_project,
        });
        match self.service_account_impersonation_url {
            Some(url) => impersonated(&url, None, login),
            None => Ok(login),
        }
    }
}

fn need<T>(value: Option<T>, key: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("has no {key}"))
}

impl HelperDocument {
    fn helper(self, email: Option<String>) -> Result<Helper, String> {
        // As gcloud and Google's client for Python do; of the others one knows double quotes, and two none at all.
        let words = shell_words::split(&self.command)
            .map_err(|_| "has a credential_source.executable.command with a quote that is not closed")?;
        let mut words = words.into_iter();
        let limit = self.timeout_millis.unwrap_or(HELPER_LIMIT);
        if !HELPER_LIMITS.contains(&limit) {
            return Err(
                "has a credential_source.executable.timeout_millis that is not between 5000 and 120000".to_owned(),
            );
        }
        Ok(Helper {
            program: need(words.next(), "credential_source.executable.command")?,
            args: words.collect(),
            limit: Duration::from_millis(limit),
            output_file: self.output_file.map(PathBuf::from),
            email,
        })
    }
}

/// The account in `…/projects/-/serviceAccounts/EMAIL:generateAccessToken`.
fn email_in(url: &str) -> Option<String> {
    let (_, rest) = url.rsplit_once("/serviceAccounts/")?;
    let email = rest.strip_suffix(":generateAccessToken")?;
    (!email.is_empty()).then(|| email.replace("%40", "@"))
}

fn impersonated(url: &str, delegates: Option<Vec<String>>, source: Login) -> Result<Login, String> {
    let key = "service_account_impersonation_url";
    Ok(Login::Impersonated {
        email: email_in(url).ok_or_else(|| format!("names no account in {key}"))?,
        url: address(url, key)?,
        delegates: delegates.unwrap_or_default(),
        source: Box::new(source),
    })
}

fn address(text: &str, key: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(may_carry_credentials)
        .ok_or_else(|| format!("has a {key} that is no https:// address"))
}

/// The project that gcloud is set to, from its configuration in this folder.
pub(super) fn gcloud_project(folder: &Path) -> Option<String> {
    let active = std::fs::read_to_string(folder.join("active_config")).ok();
    let active = active.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let file = format!("configurations/config_{}", active.unwrap_or("default"));
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    let core = text.lines().map(str::trim).skip_while(|line| *line != "[core]").skip(1);
    core.take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "project")
        .map(|(_, project)| project.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn words(document: &Value) -> Result<String, String> {
        parse(&document.to_string().into()).map(|identity| identity.login.words())
    }

    fn federated(source: &Value) -> Value {
        json!({
            "type": "external_account", "audience": "//iam.googleapis.com/projects/1/…", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token", "credential_source": source,
        })
    }

    #[test]
    fn every_type_says_who_it_is() {
        let account =
            json!({ "type": "service_account", "client_email": "sa@p", "private_key": "k", "project_id": "p" });
        assert_eq!(words(&account).as_deref(), Ok("service account sa@p"));
        let mut user = json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r", "account": "" });
        assert_eq!(words(&user).as_deref(), Ok("gcloud user"));
        user["account"] = json!("ada@example.com");
        assert_eq!(words(&user).as_deref(), Ok("gcloud user ada@example.com"));
        let mut workload = federated(&json!({ "file": "/t" }));
        assert_eq!(words(&workload).as_deref(), Ok("identity federation"));
        let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/db%40p:generateAccessToken";
        workload["service_account_impersonation_url"] = json!(url);
        assert_eq!(
            words(&workload).as_deref(),
            Ok("service account db@p, impersonated by identity federation")
        );
        let other = json!({ "type": "impersonated_service_account", "service_account_impersonation_url": url, "source_credentials": user });
        assert_eq!(
            words(&other).as_deref(),
            Ok("service account db@p, impersonated by gcloud user ada@example.com")
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        let user = |url: &str| json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "s3cret", "token_uri": url });
        for (document, why) in [
            (json!({}), "says no type"),
            (json!({ "installed": { "client_secret": "s3cret" } }), "says no type"),
            (json!({ "type": "s3cret" }), "does not know"),
            (json!({ "type": 1 }), "not the JSON"),
            (
                json!({ "type": "service_account", "private_key": "s3cret" }),
                "no client_email",
            ),
            (json!({ "type": "gdch_service_account" }), "Distributed"),
            (user("http://elsewhere/token"), "no https://"),
            (user("s3cret"), "no https://"),
            (federated(&json!({ "environment_id": "aws1" })), "AWS"),
            (
                federated(&json!({ "executable": { "command": " " } })),
                "executable.command",
            ),
            (
                federated(&json!({ "executable": { "command": "/x 's3cret" } })),
                "a quote that is not closed",
            ),
            (
                federated(&json!({ "executable": { "command": "/x", "timeout_millis": 4999 } })),
                "between 5000 and 120000",
            ),
            (
                json!({ "type": "service_account", "universe_domain": "s3cret" }),
                "universe",
            ),
            (federated(&json!({ "certificate": {} })), "certificate"),
            (federated(&json!({})), "neither file nor url"),
            (federated(&json!({ "url": "s3cret" })), "no address"),
            (
                federated(&json!({ "file": "/t", "format": { "type": "json" } })),
                "subject_token_field_name",
            ),
        ] {
            let said = words(&document).expect_err(why);
            assert!(said.contains(why) && !said.contains("s3cret"), "{said}");
        }
        assert!(parse(&"s3cret".to_owned().into()).is_err_and(|why| !why.contains("s3cret")));
    }

    #[test]
    fn the_project_of_gcloud() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(gcloud_project(folder.path()), None);
        std::fs::create_dir(at("configurations")).unwrap();
        std::fs::write(
            at("configurations/config_default"),
            "[compute]\nproject = no\n[core]\naccount = a\nproject = one\n",
        )
        .unwrap();
        std::fs::write(
            at("configurations/config_work"),
            "[core]\nproject=two\n[x]\nproject=three\n",
        )
        .unwrap();
        assert_eq!(gcloud_project(folder.path()).as_deref(), Some("one"));
        std::fs::write(at("active_config"), "work\n").unwrap();
        assert_eq!(gcloud_project(folder.path()).as_deref(), Some("two"));
    }
}
