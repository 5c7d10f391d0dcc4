//! Secret providers: one file each, behind one trait, listed once in [`PROVIDERS`].

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
pub mod climb;
pub mod command;
mod credentials;
mod env;
mod envjson;
#[cfg(feature = "net")]
mod file;
#[cfg(feature = "gcp")]
mod gcp;
pub mod guide;
#[cfg(feature = "k8s")]
mod k8s;
mod kinds;
mod lanes;
#[cfg_attr(not(feature = "vault"), allow(dead_code, reason = "no other provider makes leases"))]
pub mod leases;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "net")]
mod net;
pub mod patience;
mod registry;
#[cfg(feature = "net")]
mod settings;
#[cfg(feature = "net")]
mod shared;
#[cfg(any(feature = "aws", feature = "k8s"))]
mod stamp;
#[cfg(feature = "vault")]
mod vault;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::domain::catalogue;
use crate::domain::lease::{Held, Lease};
use crate::domain::problem::{Location, Problem};
use crate::domain::reference::{ProviderKind, SecretId, SecretRef};
use crate::domain::secret::{Payload, PickError, Unfit};
use crate::domain::status::ProviderStatus;
pub use credentials::Credentials;
pub use kinds::{Open, PROVIDERS, ProviderSpec, credential_names};
pub use lanes::Lane;
#[cfg(feature = "net")]
pub(crate) use net::proxy::{PROXIES, is_socks, is_spared};
pub use registry::Providers;
use registry::Registry;

/// How long an answer of a server may take where no `timeout` says otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// The rungs of a probe's ladder, in order.
const RUNGS: [&str; 6] = ["config", "dns", "tcp", "tls", "login", "read"];

/// What a fetch brings: the content and what the provider says about it.
pub struct Fetched {
    pub payload: Payload,
    /// The version that was read, as the provider numbers it.
    pub version: Option<String>,
    /// When that version was written.
    pub changed: Option<Timestamp>,
    /// When the value stops working; none if it does not, or nobody knows.
    pub expires: Option<Timestamp>,
    /// What is given back when this is dropped.
    pub lease: Option<Held>,
    /// What the person should know of it.
    pub warning: Option<String>,
}

impl Fetched {
    /// A content of which nothing else is known.
    pub fn new(payload: Payload) -> Self {
        Self {
            payload,
            version: None,
            changed: None,
            expires: None,
            lease: None,
            warning: None,
        }
    }
}

/// What is known of a secret without handing out its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    /// The names of its keys; none where only a read of the value could tell, or where the secret is a text.
    pub keys: Option<Vec<String>>,
    pub version: Option<String>,
    pub changed: Option<Timestamp>,
    /// When the provider itself says that the secret ends.
    pub expires: Option<Timestamp>,
    /// What will surprise about the values of the keys that were asked for, by key (none for a secret's whole text is the empty name);
    /// only where the value was read.
    pub warnings: BTreeMap<String, &'static str>,
    /// Why nothing can be picked by a key that was asked for, named as in `warnings`; only where the value was read.
    pub unpicked: BTreeMap<String, PickError>,
    /// Why a value cannot be an environment variable, by key as in `warnings`; only where the value was read.
    pub unfit: BTreeMap<String, Unfit>,
}

/// A secret store. Implementations hold their clients and logins, are built without any I/O, and never prompt.
///
/// Every error is a [`Problem`] made of words of our own: an SDK's error text may hold a value and is never passed on.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Where it is, as a person would say it. Never a credential.
    fn endpoint(&self) -> String;

    /// How long one answer may take, by its settings.
    fn limit(&self) -> Duration {
        DEFAULT_LIMIT
    }

    /// Climbs config → dns → tcp → tls → login → read and stops where it fails. Reads no secret value.
    async fn probe(&self) -> ProviderStatus;

    /// The same where roles name `secrets` of it: one whose references say by themselves where to ask, asks there.
    async fn probe_for(&self, _secrets: &[&SecretId]) -> ProviderStatus {
        self.probe().await
    }

    /// Whether the secret is there and which keys it has, by metadata wherever the provider has any. `keys` are those that will be picked.
    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem>;

    /// The same from the value itself, read as a launch reads it and dropped at once. Makes no credentials.
    async fn inspect_value(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let known = self.inspect(secret, keys).await?;
        let fetched = self.fetch(secret).await?;
        let mut seen = seen(&fetched.payload, keys);
        // What the provider itself says weighs more.
        seen.warnings.extend(known.warnings);
        Ok(Inspected {
            version: fetched.version.or(known.version),
            changed: fetched.changed.or(known.changed),
            expires: fetched.expires.or(known.expires),
            ..seen
        })
    }

    /// What time it is by the server's own clock; none where there is no server, or it does not say.
    async fn server_time(&self) -> Option<Timestamp> {
        None
    }

    /// Reads one secret.
    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem>;

    /// Reads several, concurrently; answers in the same order. A provider with batches overrides it.
    async fn fetch_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        futures::future::join_all(secrets.iter().map(|secret| self.fetch(secret))).await
    }

    /// Makes a lease last longer; answers with what it then is. `E-VAULT-LEASE-ENDED` and `E-VAULT-LEASE-403` say that no later try can
    /// succeed.
    async fn renew(&self, lease: &Lease) -> Result<Lease, Problem> {
        Err(no_lease(lease))
    }

    /// Takes back what was made for a session. A lease that is gone already is no problem.
    async fn revoke(&self, lease: &Lease) -> Result<(), Problem> {
        Err(no_lease(lease))
    }

    /// Makes a token that a database takes as the password of a user, without reading any secret.
    async fn database_token(&self, login: &DatabaseLogin) -> Result<Fetched, Problem> {
        let what = format!("a provider of this kind makes no login tokens for `{}`", login.user);
        Err(Problem::new(&catalogue::PROVIDER_UNSUPPORTED, what))
    }

    /// Whether the provider knows the login that would sign such tokens. `databases` are some that they are for, and may help to say where
    /// to ask. Where it cannot be asked, nothing is wrong: making a token takes no answer of it.
    async fn prove_signer(&self, _databases: &[&DatabaseLogin]) -> Result<(), Problem> {
        Ok(())
    }

    /// Logs in as a person who sits at a terminal; says as whom and until when. The only thing that may ask.
    async fn login(&self, _person: &dyn Person) -> Result<String, Problem> {
        Err(Problem::new(
            &catalogue::PROVIDER_NO_LOGIN,
            "this provider needs no login by a person",
        ))
    }

    /// A person's login was made in another process, or may have been: looks for it before the next question. Whether that is done here;
    /// opened anew, a provider looks for it as well, and has lost everything else that it held: leases, a key that was unlocked.
    fn look_for_login(&self) -> bool {
        false
    }

    /// Ends a login that this process has made for itself and nobody else uses. Whether that succeeds is nobody's business.
    async fn leave(&self) {}

    /// Gives the passphrase of a store that answered `E-LOCAL-LOCKED`.
    async fn unlock(&self, _passphrase: SecretString) -> Result<(), Problem> {
        Ok(())
    }
}

fn no_lease(lease: &Lease) -> Problem {
    let what = format!("provider `{}` makes no leases", lease.provider);
    Problem::new(&catalogue::PROVIDER_UNSUPPORTED, what)
}

/// The fact of `E-LOCAL-LOCKED` that says which provider waits for its passphrase.
pub const LOCKED_STORE: &str = "Store";

/// The login that a database token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseLogin {
    pub user: String,
    pub host: String,
    pub port: u16,
    /// Where the database is; none to let the provider's settings or the host's name say it.
    pub region: Option<String>,
    /// The role to take on before.
    pub role_arn: Option<String>,
}

/// The person in front of a terminal, for a login that cannot do without one.
pub trait Person: Send + Sync {
    /// One line for them to read.
    fn tell(&self, line: &str);
    /// Asks for something that is not shown while it is typed.
    fn ask(&self, prompt: &str) -> Result<SecretString, Problem>;
    /// The same, unless `over` says meanwhile that no answer is needed any more: none then.
    fn ask_unless(&self, prompt: &str, _over: &(dyn Fn() -> bool + Sync)) -> Result<Option<SecretString>, Problem> {
        self.ask(prompt).map(Some)
    }
    /// Opens a page in their browser; false if there is none or they want none, and the address has to be told instead.
    fn browse(&self, address: &str) -> bool;
}

/// One setting of `[providers.NAME]`, checked for its type.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    Number(i64),
    Switch(bool),
    Table(BTreeMap<String, Setting>),
    /// A credential that another provider holds.
    Secret(SecretRef),
}

/// A text may be a credential, and is not shown.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Switch(on) => write!(f, "{on}"),
            Self::Table(members) => f.debug_map().entries(members).finish(),
            Self::Secret(reference) => write!(f, "{reference}"),
        }
    }
}

/// `[providers.NAME]` as written, its keys already checked against the kind's list; or a kind's default provider, with no settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderConfig {
    pub name: String,
    pub kind: ProviderKind,
    pub settings: BTreeMap<String, Setting>,
    pub at: Option<Location>,
    /// Why it must not be used: what is wrong with its table, or with that of a provider that it logs in by.
    pub broken: Option<Problem>,
}

impl ProviderConfig {
    /// What it is, in the words of whoever set it up.
    pub fn description(&self) -> Option<&str> {
        match self.settings.get("description")? {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What providers may know of the world: the environment and folders, taken once at the start so that tests can give their own.
#[derive(Clone)]
pub struct World {
    /// The environment of hallpass itself. No `Debug`: it holds credentials.
    pub env: Arc<BTreeMap<String, std::ffi::OsString>>,
    pub home: Option<std::path::PathBuf>,
    /// Where the local store lies unless told otherwise.
    pub data_folder: std::path::PathBuf,
    /// Where the journal of leases lies.
    pub state_folder: std::path::PathBuf,
    /// Where a person's logins are kept until the machine's session ends; 0700.
    pub runtime_folder: std::path::PathBuf,
}

impl World {
    /// A variable that is set to some text; an empty one counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.env.get(name)?.to_str().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
impl ProviderConfig {
    /// A provider that is written nowhere.
    fn of(name: &str, kind: ProviderKind, settings: &[(&str, Setting)]) -> Self {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        Self {
            name: name.to_owned(),
            kind,
            settings: settings.collect(),
            at: None,
            broken: None,
        }
    }
}

#[cfg(test)]
impl World {
    /// A world of this environment alone: it has no home, and none of its folders is there.
    fn of(env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), value.into()));
        Self {
            env: Arc::new(env.collect()),
            home: None,
            data_folder: "/nonexistent".into(),
            state_folder: "/nonexistent".into(),
            runtime_folder: "/nonexistent".into(),
        }
    }
}

/// What an inspection knows that had to read the value: the names of the keys, and what will surprise about those asked for.
fn seen(payload: &Payload, keys: &[&str]) -> Inspected {
    let mut seen = Inspected {
        keys: payload.names(),
        ..Inspected::default()
    };
    for key in keys.iter().copied().map(Some).chain([None]) {
        let name = key.unwrap_or_default().to_owned();
        match payload.pick(key) {
            Ok(value) => {
                let unfit = value.unfit_for_variable();
                seen.unfit.extend(unfit.map(|unfit| (name.clone(), unfit)));
                seen.warnings.extend(value.warning().map(|warning| (name, warning)));
            }
            Err(error) => drop(seen.unpicked.insert(name, error)),
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::Kind;

    fn providers(env: &[(&str, &str)], configured: Vec<ProviderConfig>) -> Providers {
        let configured = configured.into_iter().map(|config| (config.name.clone(), config));
        Providers::new(&configured.collect(), &World::of(env))
    }

    fn config(name: &str, kind: ProviderKind) -> ProviderConfig {
        ProviderConfig {
            name: name.to_owned(),
            kind,
            settings: BTreeMap::new(),
            at: Some(Location {
                file: "config.toml".into(),
                line: 3,
                column: 1,
            }),
            broken: None,
        }
    }

    fn fetch(providers: &Providers, kind: ProviderKind, path: &str) -> Result<Fetched, Problem> {
        let secret = SecretId {
            provider: kind.word().to_owned(),
            kind: Kind::Of(kind),
            path: path.to_owned(),
            pin: None,
        };
        let provider = providers.get(kind.word())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(provider.fetch(&secret))
    }

    #[test]
    fn every_kind_is_listed_once() {
        for kind in ProviderKind::ALL {
            assert_eq!(
                PROVIDERS.iter().filter(|spec| spec.kind == *kind).count(),
                1,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_logs_a_provider_in_is_no_business_of_a_child() {
        let names = credential_names();
        for name in [
            "VAULT_TOKEN",
            "VAULT_APP_ROLE_SECRET_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            "AZURE_FEDERATED_TOKEN_FILE",
            "IDENTITY_HEADER",
            "MSI_SECRET",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "CLOUDSDK_AUTH_ACCESS_TOKEN",
            "KUBECONFIG",
            "HALLPASS_STORE_KEY_FILE",
        ] {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_setting_that_may_be_a_credential_is_not_shown() {
        let text = || Setting::Text("s3cret".to_owned());
        let table = Setting::Table([("secret_id".to_owned(), text())].into());
        let config = ProviderConfig::of("eu", ProviderKind::Vault, &[("token", text()), ("auth", table)]);
        let shown = format!("{config:?}");
        assert!(shown.contains("secret_id") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn what_is_not_built_or_not_there_says_so() {
        let providers = providers(&[], vec![config("vault-eu", ProviderKind::Vault)]);
        for spec in PROVIDERS.iter().filter(|spec| spec.open.is_none()) {
            let problem = providers.get(spec.kind.word()).err().unwrap();
            assert_eq!(problem.code.id, "E-PROVIDER-NOT-BUILT");
        }
        let unknown = providers.get("vault-ue").err().unwrap();
        assert_eq!(unknown.code.id, "E-CONFIG-UNKNOWN-NAME");
        assert_eq!(unknown.similar[0], "vault-eu");
        let opened = providers.get("env").unwrap();
        assert!(Arc::ptr_eq(&opened, &providers.get("env").unwrap()), "opened once");
    }

    #[test]
    fn the_list_shows_what_is_written_set_up_or_used() {
        let defaults = ProviderConfig {
            at: None,
            ..config("azure", ProviderKind::Azure)
        };
        let configured = vec![config("vault-eu", ProviderKind::Vault), defaults];
        let providers = providers(&[("VAULT_ADDR", "http://h:1")], configured);
        assert_eq!(providers.names(["local", "vault-eu"]), ["local", "vault", "vault-eu"]);
    }

    #[test]
    fn the_environment_is_read_byte_for_byte() {
        let providers = providers(
            &[
                ("PLAIN", "s3cret "),
                ("EMPTY", ""),
                ("OBJECT", r#"{"a":{"b":1.50},"k":"v"}"#),
                ("LIST", "[\"s3cret\"]"),
            ],
            vec![],
        );
        let text = fetch(&providers, ProviderKind::Env, "PLAIN").unwrap().payload;
        assert!(text.pick(None).is_ok());
        let empty = fetch(&providers, ProviderKind::Env, "EMPTY").unwrap().payload;
        assert_eq!(empty.pick(None).ok().unwrap().warning(), Some("the value is empty"));
        let object = fetch(&providers, ProviderKind::EnvJson, "OBJECT").unwrap().payload;
        assert_eq!(object.names().unwrap(), ["a", "k"]);
        assert!(object.pick(Some("a.b")).is_ok());
        assert!(matches!(object.pick(None), Err(PickError::KeyNeeded { .. })));

        let unset = fetch(&providers, ProviderKind::Env, "PLIAN").err().unwrap();
        assert_eq!((unset.code.id, unset.similar[0].as_str()), ("E-ENV-UNSET", "PLAIN"));
        for name in ["LIST", "PLAIN", "EMPTY"] {
            let problem = fetch(&providers, ProviderKind::EnvJson, name).err().unwrap();
            assert_eq!(problem.code.id, "E-REF-NOT-JSON");
            assert!(!format!("{problem} {problem:?}").contains("s3cret"));
        }
        assert_eq!(
            fetch(&providers, ProviderKind::EnvJson, "NONE").err().unwrap().code.id,
            "E-ENV-UNSET"
        );
    }
}
