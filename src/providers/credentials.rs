//! Credentials of a provider's own login: given outright, or held by another provider.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use secrecy::SecretString;

#[cfg(feature = "vault")]
use super::leases::Making;
use super::{ProviderConfig, Registry, Setting};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;

/// Reads the credentials that other providers hold for one.
#[derive(Clone)]
pub struct Credentials {
    registry: Weak<Registry>,
    /// Whose login they are for.
    owner: Arc<ProviderConfig>,
}

impl Credentials {
    pub(super) fn new(registry: &Arc<Registry>, owner: &ProviderConfig) -> Self {
        Self {
            registry: Arc::downgrade(registry),
            owner: Arc::new(owner.clone()),
        }
    }

    /// To be taken before a lease is asked for; none if hallpass is ending.
    #[cfg(feature = "vault")]
    pub(super) fn making(&self) -> Option<Making> {
        self.registry.upgrade().map(Making::new)
    }

    /// The owner has logged in, with a login that ends with this process.
    #[cfg(feature = "vault")]
    pub(super) fn logged_in(&self) {
        if let Some(registry) = self.registry.upgrade() {
            super::leases::logged_in(registry, &self.owner.name);
        }
    }

    /// Reads the credential that `reference` names. A problem says which setting of which provider it is: the role that needs the login
    /// names neither.
    pub async fn read(&self, reference: &SecretRef) -> Result<SecretString, Problem> {
        self.read_held(reference).await.map_err(|problem| {
            let key = key_of(&self.owner.settings, reference).unwrap_or_else(|| "a credential".to_owned());
            let problem = Problem {
                what: format!("{key} of provider `{}`: {}", self.owner.name, problem.what),
                ..problem
            };
            match (&problem.at, &self.owner.at) {
                (None, Some(at)) => problem.at(at.clone()),
                _ => problem,
            }
        })
    }

    async fn read_held(&self, reference: &SecretRef) -> Result<SecretString, Problem> {
        let registry = self.registry.upgrade().ok_or_else(|| {
            Problem::new(
                &catalogue::PROVIDER_CANCELLED,
                "hallpass ended before the credential was read",
            )
        })?;
        let provider = registry.get(&reference.id.provider)?;
        let unusable = |code, why: &str| Problem::new(code, format!("the credential `{reference}`: {why}"));
        let fetched = provider.fetch(&reference.id).await?;
        if fetched.lease.is_some() {
            let why = "it is made anew at each read and taken back after it, and a login needs one that lasts";
            return Err(unusable(&catalogue::CONFIG_TYPE, why));
        }
        let value = fetched
            .payload
            .pick(reference.key.as_deref())
            .map_err(|error| unusable(&catalogue::REF_KEY_MISSING, &error.to_string()))?;
        value
            .trimmed()
            .into_credential()
            .ok_or_else(|| unusable(&catalogue::REF_NOT_TEXT, "it is not text"))
    }
}

/// The setting that holds the reference: `token`, `auth.secret_id`.
fn key_of(settings: &BTreeMap<String, Setting>, reference: &SecretRef) -> Option<String> {
    settings.iter().find_map(|(key, setting)| match setting {
        Setting::Secret(held) => (held == reference).then(|| key.clone()),
        Setting::Table(members) => key_of(members, reference).map(|member| format!("{key}.{member}")),
        _ => None,
    })
}
