//! Credentials of a provider's own login: given outright, or held by another provider.

use std::sync::{Arc, Weak};

use secrecy::SecretString;

use super::Registry;
#[cfg(feature = "vault")]
use super::leases::Making;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;

/// Reads the credentials that other providers hold.
#[derive(Clone)]
pub struct Credentials(Weak<Registry>);

impl Credentials {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        Self(Arc::downgrade(registry))
    }

    /// To be taken before a lease is asked for; none if hallpass is ending.
    #[cfg(feature = "vault")]
    pub(super) fn making(&self) -> Option<Making> {
        self.0.upgrade().map(Making::new)
    }

    /// Reads the credential that `reference` names.
    pub async fn read(&self, reference: &SecretRef) -> Result<SecretString, Problem> {
        let registry = self.0.upgrade().ok_or_else(|| {
            Problem::new(
                &catalogue::PROVIDER_CANCELLED,
                "hallpass ended before the credential was read",
            )
        })?;
        let provider = registry.get(&reference.id.provider)?;
        let unusable = |code, why: &str| Problem::new(code, format!("the credential `{reference}`: {why}"));
        let value = provider
            .fetch(&reference.id)
            .await?
            .payload
            .pick(reference.key.as_deref())
            .map_err(|error| unusable(&catalogue::REF_KEY_MISSING, &error.to_string()))?;
        value
            .trimmed()
            .into_credential()
            .ok_or_else(|| unusable(&catalogue::REF_NOT_TEXT, "it is not text"))
    }
}
