//! The methods of logging in at `auth/<mount>`, one description each: what is sent, and who can repeat it.

use super::settings::{Credential, given};
use crate::domain::problem::Problem;
use crate::providers::settings::{Settings, path};
use crate::providers::{ProviderConfig, Setting, World};

/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Where the browser comes back to, as with Vault's own command.
const CALLBACK_PORT: u16 = 8250;

/// A way to log in.
pub(super) struct Method {
    /// Its name in the configuration, and where it is mounted unless `mount` says otherwise.
    pub(super) word: &'static str,
    pub(super) parts: &'static [Part],
    /// The certificate of the TLS connection is the credential.
    pub(super) by_certificate: bool,
    /// The login is made in a browser.
    pub(super) by_browser: bool,
    /// What it means, most likely first, where Vault denies the login and says no word why; the catalogue's causes where there are none.
    pub(super) denied: &'static [&'static str],
}

/// One thing that is sent with a login.
pub(super) struct Part {
    /// Its key in `auth = { … }`.
    key: &'static str,
    /// Its name in the request.
    pub(super) name: &'static str,
    pub(super) place: Place,
    need: Need,
    /// Where it is found when the key is not there.
    or: Or,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Body,
    /// The last part of the path.
    Path,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    /// Vault has a default.
    Maybe,
    /// Where it is not given, a person is asked.
    Person,
}

enum Or {
    Nothing,
    /// A variable, for the kind's default provider.
    Variable(&'static str),
    /// A file that another key names, or that is usually there.
    File {
        key: &'static str,
        usual: Option<&'static str>,
    },
}

impl Part {
    const fn body(key: &'static str, need: Need, or: Or) -> Self {
        Self {
            key,
            name: key,
            place: Place::Body,
            need,
            or,
        }
    }
}

const USER: Part = Part {
    place: Place::Path,
    ..Part::body("username", Need::Always, Or::Nothing)
};
const PASSWORD: Part = Part::body("password", Need::Person, Or::Nothing);

const fn jwt(usual: Option<&'static str>) -> Part {
    Part::body("jwt", Need::Always, Or::File { key: "jwt_file", usual })
}

const fn method(word: &'static str, parts: &'static [Part]) -> Method {
    Method {
        word,
        parts,
        by_certificate: false,
        by_browser: false,
        denied: &[],
    }
}

/// Every method but the plain token.
pub(super) const METHODS: &[Method] = &[
    method(
        "approle",
        &[
            Part::body("role_id", Need::Always, Or::Variable("VAULT_APP_ROLE_ID")),
            Part::body("secret_id", Need::Always, Or::Variable("VAULT_APP_ROLE_SECRET_ID")),
        ],
    ),
    Method {
        denied: &[
            "the cluster that Vault asks does not know the service account's token: it is over, or another cluster's",
            "Vault cannot reach the cluster, or may not ask it about tokens (system:auth-delegator)",
            "the token is none of a service account",
        ],
        ..method(
            "kubernetes",
            &[
                Part::body("role", Need::Always, Or::Nothing),
                jwt(Some(SERVICE_ACCOUNT)),
            ],
        )
    },
    method("jwt", &[Part::body("role", Need::Maybe, Or::Nothing), jwt(None)]),
    method("userpass", &[USER, PASSWORD]),
    method("ldap", &[USER, PASSWORD]),
    Method {
        by_certificate: true,
        ..method(
            "cert",
            &[Part {
                name: "name",
                ..Part::body("role", Need::Maybe, Or::Nothing)
            }],
        )
    },
    Method {
        by_browser: true,
        ..method("oidc", &[Part::body("role", Need::Maybe, Or::Nothing)])
    },
];

/// A method with what is sent.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) method: &'static Method,
    /// Without slashes at its ends.
    pub(super) mount: String,
    pub(super) given: Vec<(&'static Part, Credential)>,
    /// The secret id is a wrapping token that holds the true one.
    pub(super) wrapped: bool,
    /// Where a browser comes back to.
    pub(super) port: u16,
}

impl Method {
    pub(super) fn of(word: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.word == word)
    }

    /// Reads `auth = { … }`.
    pub(super) fn read(
        &'static self,
        config: &ProviderConfig,
        auth: &Settings<'_>,
        world: &World,
    ) -> Result<Account, Problem> {
        let mut found = Vec::new();
        for part in self.parts {
            match part.read(config, auth, world)? {
                Some(credential) => found.push((part, credential)),
                None if part.need == Need::Always => {
                    let ways = match part.or {
                        Or::File { key, .. } => format!("is missing: {} needs {} or {key}", self.word, part.key),
                        _ => format!("is missing: {} needs it", self.word),
                    };
                    return Err(auth.wrong(part.key, &ways));
                }
                None => {}
            }
        }
        let wrapped = auth.switch("wrapped")?.unwrap_or(false);
        if wrapped && self.word != "approle" {
            return Err(auth.wrong("wrapped", "is for AppRole's secret_id and for a token alone"));
        }
        Ok(Account {
            method: self,
            mount: auth.text("mount")?.unwrap_or(self.word).trim_matches('/').to_owned(),
            given: found,
            wrapped,
            port: port(auth)?,
        })
    }

    /// The login with nothing but what the environment gives; none if it does not give all.
    pub(super) fn of_environment(&'static self, world: &World) -> Option<Account> {
        let from_variable = |part: &'static Part| match part.or {
            Or::Variable(name) => Some((part, world.text(name).and_then(given)?)),
            _ => None,
        };
        Some(Account {
            method: self,
            mount: self.word.to_owned(),
            given: self.parts.iter().map(from_variable).collect::<Option<_>>()?,
            wrapped: false,
            port: CALLBACK_PORT,
        })
    }
}

/// Whether these settings choose a login that a person makes.
pub(in crate::providers) fn needs_person(config: &ProviderConfig) -> bool {
    let Some(Setting::Table(auth)) = config.settings.get("auth") else {
        return false;
    };
    let Some(Setting::Text(word)) = auth.get("method") else {
        return false;
    };
    let asks = |part: &Part| part.need == Need::Person && !auth.contains_key(part.key);
    Method::of(word).is_some_and(|method| method.by_browser || method.parts.iter().any(asks))
}

impl Part {
    fn read(&self, config: &ProviderConfig, auth: &Settings<'_>, world: &World) -> Result<Option<Credential>, Problem> {
        if let Some(credential) = credential(auth, self.key)? {
            return Ok(Some(credential));
        }
        Ok(match self.or {
            Or::Nothing => None,
            Or::Variable(name) => world
                .text(name)
                .filter(|_| config.name == config.kind.word())
                .and_then(given),
            Or::File { key, usual } => auth
                .text(key)?
                .or(usual)
                .map(|file| Credential::File(path(file, world))),
        })
    }
}

impl Account {
    /// What a person has to be asked for; none if everything is given.
    pub(super) fn asked(&self) -> Option<&'static Part> {
        let is_given = |part: &Part| self.given.iter().any(|(given, _)| given.key == part.key);
        self.method
            .parts
            .iter()
            .find(|part| part.need == Need::Person && !is_given(part))
    }

    /// Whether only a person can log in, and hallpass never does by itself.
    pub(super) fn needs_person(&self) -> bool {
        self.method.by_browser || self.asked().is_some()
    }

    /// What a kept login is good for: a changed setting must not send it elsewhere or take it for another's.
    pub(super) fn subject(&self) -> String {
        let mut subject = format!("{} at auth/{}", self.method.word, self.mount);
        for (part, credential) in self.given.iter().filter(|(part, _)| part.need != Need::Person) {
            match credential {
                Credential::Given(text) => subject.push_str(&format!(", {} {}", part.key, shown(text))),
                Credential::Held(reference) => subject.push_str(&format!(", {} of {reference}", part.key)),
                Credential::File(path) => subject.push_str(&format!(", {} of {}", part.key, path.display())),
            }
        }
        subject
    }
}

/// A user name or a role, as written into the configuration.
fn shown(text: &secrecy::SecretString) -> &str {
    secrecy::ExposeSecret::expose_secret(text)
}

/// A credential as a setting gives it; an empty text counts as none.
pub(super) fn credential(settings: &Settings<'_>, key: &str) -> Result<Option<Credential>, Problem> {
    match settings.get(key) {
        None => Ok(None),
        Some(Setting::Text(text)) => Ok(given(text)),
        Some(Setting::Secret(reference)) => Ok(Some(Credential::Held(reference.clone()))),
        Some(_) => Err(settings.wrong(key, "must be a text or { secret = \"…\" }")),
    }
}

fn port(auth: &Settings<'_>) -> Result<u16, Problem> {
    match auth.get("port") {
        None => Ok(CALLBACK_PORT),
        Some(Setting::Number(number)) => u16::try_from(*number)
            .ok()
            .filter(|port| *port >= 1024)
            .ok_or_else(|| auth.wrong("port", "must be from 1024 to 65535")),
        Some(_) => Err(auth.wrong("port", "must be a number")),
    }
}
