//! What one secret holds: a text, or a map of keys; and how a key is picked from it.

use std::collections::BTreeMap;

use super::SecretValue;

/// The content of one secret as its provider gave it.
pub enum Payload {
    /// AWS, Azure, GCP, an environment variable: a text that may happen to be a JSON object.
    Text(SecretValue),
    /// Vault, Kubernetes, env JSON, the local store: each key with its value already as text.
    Map(BTreeMap<String, SecretValue>),
}

/// Why a key could not be picked. Holds names of keys, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    #[error("the secret holds several keys and the reference names none")]
    KeyNeeded { names: Vec<String> },
    #[error("the secret has no key `{key}`")]
    NoSuchKey { key: String, names: Vec<String> },
    #[error("the secret is a text and not a JSON object, so it has no key `{key}`")]
    NotJson { key: String },
    #[error("the key `{key}` holds null")]
    Null { key: String },
}

impl Payload {
    /// The value of a key, or the whole text.
    pub fn pick(&self, _key: Option<&str>) -> Result<SecretValue, PickError> {
        Err(PickError::KeyNeeded { names: Vec::new() })
    }
}
