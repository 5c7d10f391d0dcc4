//! Secret providers: one file each, behind one trait, listed once in [`PROVIDERS`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::domain::problem::{Location, Problem};
use crate::domain::reference::{ProviderKind, SecretId, SecretRef};
use crate::domain::secret::Payload;
use crate::domain::status::ProviderStatus;

/// What a fetch brings: the content and what the provider says about it.
pub struct Fetched {
    pub payload: Payload,
    /// The version that was read, as the provider numbers it.
    pub version: Option<String>,
    /// When that version was written.
    pub changed: Option<Timestamp>,
}

/// What is known of a secret without handing out its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    /// The names of its keys; none where only a read of the value could tell, or where the secret is a text.
    pub keys: Option<Vec<String>>,
    pub version: Option<String>,
    pub changed: Option<Timestamp>,
    /// What will surprise about the value of the key that was asked for; only where the provider had to read it anyway.
    pub warning: Option<&'static str>,
}

/// A secret store. Implementations hold their clients and logins, are built without any I/O, and never prompt.
///
/// Every error is a [`Problem`] made of words of our own: an SDK's error text may hold a value and is never passed on.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Where it is, as a person would say it. Never a credential.
    fn endpoint(&self) -> String;

    /// Climbs config → dns → tcp → tls → login → read and stops where it fails. Reads no secret value.
    async fn probe(&self) -> ProviderStatus;

    /// Whether the secret (and the key in it) is there, by metadata wherever the provider has any.
    async fn inspect(&self, secret: &SecretId, key: Option<&str>) -> Result<Inspected, Problem>;

    /// Reads one secret.
    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem>;

    /// Reads several, concurrently; answers in the same order. A provider with batches overrides it.
    async fn fetch_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        futures::future::join_all(secrets.iter().map(|secret| self.fetch(secret))).await
    }

    /// Gives the passphrase of a store that answered `E-LOCAL-LOCKED`.
    async fn unlock(&self, _passphrase: SecretString) -> Result<(), Problem> {
        Ok(())
    }
}

/// One setting of `[providers.NAME]`, checked for its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    Number(i64),
    Switch(bool),
    Table(BTreeMap<String, Setting>),
    /// A credential that another provider holds.
    Secret(SecretRef),
}

/// `[providers.NAME]` as written, its keys already checked against the kind's list; or a kind's default provider, with no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderConfig {
    pub name: String,
    pub kind: ProviderKind,
    pub settings: BTreeMap<String, Setting>,
    pub at: Option<Location>,
}

/// What providers may know of the world: the environment and folders, taken once at the start so that tests can give their own.
#[derive(Clone)]
pub struct World {
    /// The environment of hallpass itself. No `Debug`: it holds credentials.
    pub env: Arc<BTreeMap<String, std::ffi::OsString>>,
    pub home: Option<std::path::PathBuf>,
    /// Where the local store lies unless told otherwise.
    pub data_folder: std::path::PathBuf,
}

/// A kind of provider: everything that the rest of the program needs to know about it.
pub struct ProviderSpec {
    pub kind: ProviderKind,
    /// "HashiCorp Vault".
    pub title: &'static str,
    /// Variables that hold its credentials: they never reach a child unless the role itself sets the name.
    pub credentials: &'static [&'static str],
    /// Makes one, without any I/O; none for a kind that is not built yet, or not into this binary.
    pub open: Option<fn(&ProviderConfig, &World) -> Result<Arc<dyn Provider>, Problem>>,
}

/// Every kind of provider, once.
pub const PROVIDERS: &[ProviderSpec] = &[];

/// The names of all variables that hold a provider's credentials.
pub fn credential_names() -> Vec<&'static str> {
    PROVIDERS
        .iter()
        .flat_map(|spec| spec.credentials.iter().copied())
        .collect()
}

/// The providers of this run, opened when they are first asked for.
pub struct Providers {}

impl Providers {
    pub fn new(_configured: &BTreeMap<String, ProviderConfig>, _world: &World) -> Self {
        Self {}
    }

    /// The provider of this name, opened at the first call.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Provider>, Problem> {
        Err(Problem::new(
            &crate::domain::catalogue::PROVIDER_NOT_BUILT,
            format!("provider `{name}`: not built yet"),
        ))
    }
}
