//! The questions that are asked of a Vault, and the answers as data.
//!
//! The endpoints and headers are those of `vaultrs`; the sending is our own, because its client follows redirects with the token,
//! has no cap, and puts bodies into its errors.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Request;
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::kv2::requests::{ListSecretsRequest, ReadSecretRequest};
use vaultrs::api::token::requests::LookupTokenSelfRequest;
use zeroize::Zeroize as _;

use super::path::{Kv, Target};
pub(super) use crate::providers::net::http::parse;
use crate::providers::net::http::{Answer, Fault};

/// A request that `vaultrs` has no endpoint for, or whose path is taken as it is written.
#[derive(Default)]
pub(super) struct Call {
    path: String,
    query: Option<String>,
    /// A body makes it a POST, else it is a GET.
    body: Option<String>,
    list: bool,
}

impl Endpoint for Call {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        match (&self.body, self.list) {
            (Some(_), _) => RequestMethod::POST,
            (None, true) => RequestMethod::LIST,
            (None, false) => RequestMethod::GET,
        }
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.clone())
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone().map(String::into_bytes))
    }
}

/// A request that can be sent, and the words that messages use for it. No `Debug`: it holds the token.
pub(super) struct Question {
    pub(super) request: Request,
    /// `GET /v1/secret/data/db`.
    pub(super) line: String,
    /// May be asked twice.
    pub(super) idempotent: bool,
}

impl Question {
    /// Asked twice it does what it does once, although it has a body.
    pub(super) fn harmless(self) -> Self {
        Self {
            idempotent: true,
            ..self
        }
    }
}

/// Who asks: the token and the namespace.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) address: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) token: Option<&'a SecretString>,
}

impl Asker<'_> {
    fn question(&self, endpoint: impl Endpoint) -> Result<Question, Fault> {
        let method = endpoint.method();
        let idempotent = !matches!(method, RequestMethod::POST);
        let mut middleware = EndpointMiddleware {
            token: self
                .token
                .map(|token| token.expose_secret().to_owned())
                .unwrap_or_default(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: self.namespace.map(str::to_owned),
        };
        let built = endpoint.with_middleware(&middleware).request(self.address);
        middleware.token.zeroize();
        let mut request = Request::try_from(built.map_err(|_| Fault::Unsendable)?).map_err(|_| Fault::Unsendable)?;
        if let Some(token) = request.headers_mut().get_mut("x-vault-token") {
            token.set_sensitive(true);
        }
        if request.url().query() == Some("") {
            request.url_mut().set_query(None);
        }
        let line = format!("{method:?} {}", request.url().path());
        Ok(Question {
            request,
            line,
            idempotent,
        })
    }

    /// The state of the server. Answers 200 whatever it is, so that it comes as data.
    pub(super) fn health(address: &str) -> Result<Question, Fault> {
        let asker = Asker {
            address,
            namespace: None,
            token: None,
        };
        asker.question(Call {
            path: "sys/health".to_owned(),
            query: Some(
                "standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200&drsecondarycode=200&haunhealthycode=200"
                    .to_owned(),
            ),
            ..Call::default()
        })
    }

    pub(super) fn lookup_self(&self) -> Result<Question, Fault> {
        self.question(LookupTokenSelfRequest {})
    }

    /// A login. The last part of the path may name a user, whom the line does not.
    pub(super) fn login(&self, mount: &str, user: Option<&str>, body: String) -> Result<Question, Fault> {
        let path = format!("auth/{mount}/login");
        let question = self.question(Call {
            path: user.map_or_else(|| path.clone(), |user| format!("{path}/{user}")),
            body: Some(body),
            ..Call::default()
        })?;
        Ok(match user {
            None => question,
            Some(_) => Question {
                line: format!("POST /v1/{path}/…"),
                ..question
            },
        })
    }

    /// Whether there is an auth method with such a login: one that is there says that it takes no GET, one that is not says 403.
    pub(super) fn has_login(&self, mount: &str, user: Option<&str>) -> Result<Question, Fault> {
        let user = user.map(|user| format!("/{user}")).unwrap_or_default();
        let question = self.question(Call {
            path: format!("auth/{mount}/login{user}"),
            ..Call::default()
        })?;
        // Any answer but 403 will do; AppRole's is a 500, which is no reason to ask again.
        Ok(Question {
            idempotent: false,
            ..question
        })
    }

    /// Where a person logs in with a browser that comes back to `redirect`.
    pub(super) fn auth_url(&self, mount: &str, role: &str, redirect: &str, nonce: &str) -> Result<Question, Fault> {
        let body = serde_json::json!({ "role": role, "redirect_uri": redirect, "client_nonce": nonce });
        self.question(Call {
            path: format!("auth/{mount}/oidc/auth_url"),
            body: Some(body.to_string()),
            ..Call::default()
        })
    }

    /// What the browser came back with, for a token. It works once.
    pub(super) fn callback(&self, mount: &str, state: &str, code: &str, nonce: &str) -> Result<Question, Fault> {
        let query = [("state", state), ("code", code), ("client_nonce", nonce)];
        let query = query.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        let question = self.question(Call {
            path: format!("auth/{mount}/oidc/callback"),
            query: Some(query.join("&")),
            ..Call::default()
        })?;
        Ok(Question {
            idempotent: false,
            ..question
        })
    }

    /// Makes the token that asks last longer.
    pub(super) fn renew_self(&self) -> Result<Question, Fault> {
        self.question(Call {
            path: "auth/token/renew-self".to_owned(),
            body: Some("{}".to_owned()),
            ..Call::default()
        })
    }

    /// What a wrapping token wraps, without unwrapping it.
    pub(super) fn wrapping(&self, token: &SecretString) -> Result<Question, Fault> {
        self.question(Call {
            path: "sys/wrapping/lookup".to_owned(),
            body: Some(serde_json::json!({ "token": token.expose_secret() }).to_string()),
            ..Call::default()
        })
    }

    /// What the wrapping token that asks wraps. It works once.
    pub(super) fn unwrap(&self) -> Result<Question, Fault> {
        self.question(Call {
            path: "sys/wrapping/unwrap".to_owned(),
            body: Some("{}".to_owned()),
            ..Call::default()
        })
    }

    /// Which mount a path belongs to, and its KV version; without a path, every mount that the token may see.
    pub(super) fn mounts(&self, path: &str) -> Result<Question, Fault> {
        self.question(Call {
            path: format!("sys/internal/ui/mounts/{path}")
                .trim_end_matches('/')
                .to_owned(),
            ..Call::default()
        })
    }

    pub(super) fn capabilities(&self, apis: &[&str]) -> Result<Question, Fault> {
        self.post("sys/capabilities-self", &serde_json::json!({ "paths": apis }))
    }

    /// Any path, as it is.
    pub(super) fn get(&self, path: String) -> Result<Question, Fault> {
        self.question(Call {
            path,
            ..Call::default()
        })
    }

    /// Any path, as it is, with a body.
    pub(super) fn post(&self, path: &str, body: &serde_json::Value) -> Result<Question, Fault> {
        self.question(Call {
            path: path.to_owned(),
            body: Some(body.to_string()),
            ..Call::default()
        })
    }

    pub(super) fn read(&self, target: &Target, version: Option<u64>) -> Result<Question, Fault> {
        match (&target.mount, target.kv) {
            (Some(mount), Kv::V2) => self.question(ReadSecretRequest {
                mount: mount.clone(),
                path: target.path.clone(),
                version,
            }),
            _ => self.question(Call {
                path: target.api(),
                query: version.map(|version| format!("version={version}")),
                ..Call::default()
            }),
        }
    }

    /// The names of a KV v2 secret's keys and its metadata, without the values.
    pub(super) fn subkeys(&self, mount: &str, path: &str, version: Option<u64>) -> Result<Question, Fault> {
        self.question(Call {
            path: format!("{mount}/subkeys/{path}"),
            query: version.map(|version| format!("version={version}")),
            ..Call::default()
        })
    }

    /// The versions that a KV v2 secret has.
    pub(super) fn metadata(&self, mount: &str, path: &str) -> Result<Question, Fault> {
        self.question(Call {
            path: format!("{mount}/metadata/{path}"),
            ..Call::default()
        })
    }

    /// The names in a folder.
    pub(super) fn list(&self, target: &Target, folder: &str) -> Result<Question, Fault> {
        match (&target.mount, target.kv) {
            (Some(mount), Kv::V2) => self.question(ListSecretsRequest {
                mount: mount.clone(),
                path: folder.to_owned(),
            }),
            (Some(mount), Kv::V1) => self.question(list(format!("{mount}/{folder}"))),
            (None, _) => self.question(list(folder.to_owned())),
        }
    }
}

fn list(path: String) -> Call {
    Call {
        path,
        list: true,
        ..Call::default()
    }
}

/// What every answer may have around its data.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: Option<T>,
}

/// The remarks of an answer that brings no data.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Remarks {
    pub(super) errors: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) warnings: Vec<String>,
}

impl Remarks {
    pub(super) fn of(answer: &Answer) -> Self {
        parse(answer).unwrap_or_default()
    }

    pub(super) fn error_has(&self, words: &str) -> bool {
        self.errors.iter().any(|error| error.contains(words))
    }

    /// A KV v2 engine says that the path has no `data/` in it.
    pub(super) fn want_v2(&self) -> bool {
        self.warnings.iter().any(|warning| warning.contains("versioned K/V"))
    }
}

fn or_default<'de, D: serde::Deserializer<'de>, T: Default + DeserializeOwned>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Health {
    pub(super) initialized: bool,
    pub(super) sealed: bool,
    pub(super) standby: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            initialized: true,
            sealed: false,
            standby: false,
        }
    }
}

/// What a token says of itself.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Lookup {
    #[serde(deserialize_with = "or_default")]
    pub(super) display_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) policies: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) identity_policies: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) expire_time: Option<String>,
    /// Seconds that it had when it was made.
    #[serde(deserialize_with = "or_default")]
    pub(super) creation_ttl: u64,
    #[serde(deserialize_with = "or_default")]
    pub(super) renewable: bool,
}

/// A successful login.
#[derive(Deserialize)]
pub(super) struct LoggedIn {
    pub(super) auth: Auth,
}

#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: SecretString,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) accessor: String,
    /// It does not end with the token that it was made from.
    #[serde(default)]
    pub(super) orphan: bool,
    #[serde(default)]
    pub(super) lease_duration: u64,
    #[serde(default)]
    pub(super) renewable: bool,
    /// There is something in it where a second factor is wanted; the token is empty then.
    #[serde(default)]
    pub(super) mfa_requirement: Option<serde::de::IgnoredAny>,
}

/// Where a browser logs in.
#[derive(Deserialize)]
pub(super) struct AuthUrl {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) auth_url: String,
}

/// What `sys/wrapping/lookup` says of a wrapping token.
#[derive(Deserialize)]
pub(super) struct Wrapping {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) creation_path: String,
}

/// A secret id that was wrapped.
#[derive(Deserialize)]
pub(super) struct WrappedSecretId {
    pub(super) secret_id: SecretString,
}

/// A mount as `sys/internal/ui/mounts/<path>` tells it.
#[derive(Deserialize)]
pub(super) struct Mount {
    pub(super) path: String,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) options: BTreeMap<String, String>,
}

/// Every mount that the token may see.
#[derive(Deserialize)]
pub(super) struct Mounts {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) secret: BTreeMap<String, serde::de::IgnoredAny>,
}

/// A version's metadata in KV v2.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub(super) struct Version {
    pub(super) version: u64,
    #[serde(deserialize_with = "or_default")]
    pub(super) created_time: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) deletion_time: String,
    pub(super) destroyed: bool,
}

/// A read of KV v2: the object with the keys, and its metadata.
#[derive(Deserialize)]
pub(super) struct Versioned<'a> {
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) subkeys: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) metadata: Option<Version>,
}

/// All versions of a KV v2 secret.
#[derive(Deserialize)]
pub(super) struct Versions {
    pub(super) current_version: u64,
    pub(super) versions: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
}
