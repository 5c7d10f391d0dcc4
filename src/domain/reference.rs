//! Secret references: their grammar, the kinds of provider that they can name, and how they print.
//!
//! A reference names a secret and never holds one, so it may be printed, logged and compared.
//!
//! | style | form | read by |
//! |---|---|---|
//! | colon | `_<kind>:<id>[:<key>]` | [`parse_value`], [`parse_canonical`] |
//! | path | `_envs/<kind>/<path>[#<key>]`, `_envs/<NAME>` | the same |
//! | RDS IAM | `_aws_iam_rds:<database user>` | [`parse_value`] |
//! | canonical | `<provider>:<path>[#<key>]` | [`parse_canonical`]; printed by [`SecretRef::canonical`] |

mod grammar;

use std::collections::BTreeMap;
use std::fmt;

pub use grammar::{is_variable_name, parse_canonical, parse_value};

/// A kind of secret store, as `kind = "…"` in the configuration of a provider names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    Vault,
    Aws,
    Azure,
    Gcp,
    K8s,
    Env,
    EnvJson,
    Local,
}

impl ProviderKind {
    pub const ALL: &[Self] = &[
        Self::Vault,
        Self::Aws,
        Self::Azure,
        Self::Gcp,
        Self::K8s,
        Self::Env,
        Self::EnvJson,
        Self::Local,
    ];

    /// The word of `kind = "…"`; also the name of the kind's default provider.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
            Self::K8s => "k8s",
            Self::Env => "env",
            Self::EnvJson => "envjson",
            Self::Local => "local",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// Whether the store is reached over the network.
    pub fn is_remote(self) -> bool {
        !matches!(self, Self::Env | Self::EnvJson | Self::Local)
    }

    /// Whether a secret of this store is always a map of keys, so that a reference without a key is an error.
    pub fn is_map(self) -> bool {
        matches!(self, Self::Vault | Self::K8s | Self::EnvJson | Self::Local)
    }
}

/// The kind that a reference names: a provider's kind, or a narrower way into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The default way into a provider of this kind; for Vault the KV version is found out.
    Of(ProviderKind),
    /// Vault KV v1: `path` is the API path.
    VaultKv1,
    /// Vault KV v2: without a slash `path` is a secret in the mount `secret`, with one it is the API path (`mount/data/path`).
    VaultKv2,
    /// Vault database credentials made for this session: `path` is `<mount>/<role>`.
    VaultDb,
}

impl Kind {
    /// Every kind that a reference can name, with its word.
    pub const WORDS: &[(&str, Self)] = &[
        ("vault", Self::Of(ProviderKind::Vault)),
        ("vaultkv1", Self::VaultKv1),
        ("vaultkv2", Self::VaultKv2),
        ("vaultdb", Self::VaultDb),
        ("aws", Self::Of(ProviderKind::Aws)),
        ("azure", Self::Of(ProviderKind::Azure)),
        ("gcp", Self::Of(ProviderKind::Gcp)),
        ("k8s", Self::Of(ProviderKind::K8s)),
        ("env", Self::Of(ProviderKind::Env)),
        ("envjson", Self::Of(ProviderKind::EnvJson)),
        ("local", Self::Of(ProviderKind::Local)),
    ];

    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, kind)| *kind)
    }

    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }

    /// The kind of provider that answers for it.
    pub fn provider_kind(self) -> ProviderKind {
        match self {
            Self::Of(kind) => kind,
            Self::VaultKv1 | Self::VaultKv2 | Self::VaultDb => ProviderKind::Vault,
        }
    }
}

/// Pins one version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pin {
    /// A Vault KV v2 or GCP number, an AWS or Azure version id.
    Version(String),
    /// An AWS staging label.
    Stage(String),
}

impl Pin {
    /// Whether a reference of this kind can be pinned like this; else why not. A Vault whose mount turns out to have no versions says so
    /// itself.
    pub fn check(&self, kind: Kind) -> Result<(), &'static str> {
        let is_number = |text: &str| text.parse::<u64>().is_ok_and(|number| number > 0);
        match (self, kind) {
            (Self::Stage(_), Kind::Of(ProviderKind::Aws)) => Ok(()),
            (Self::Stage(_), _) => Err("only secrets of AWS have stages"),
            (Self::Version(_), Kind::Of(ProviderKind::Env | ProviderKind::EnvJson)) => {
                Err("environment variables have no versions")
            }
            (Self::Version(_), Kind::Of(ProviderKind::K8s)) => Err("secrets of Kubernetes have no versions"),
            (Self::Version(_), Kind::VaultKv1 | Kind::VaultDb) => Err("such a secret of Vault has no versions"),
            (Self::Version(text), Kind::Of(ProviderKind::Vault) | Kind::VaultKv2) if !is_number(text) => {
                Err("a version of Vault is a number from 1 on")
            }
            (Self::Version(_), _) => Ok(()),
        }
    }
}

/// One secret of one provider, without the key in it: what is fetched once a launch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    /// The provider's name in the configuration, or its kind's word for the default one.
    pub provider: String,
    pub kind: Kind,
    pub path: String,
    pub pin: Option<Pin>,
}

/// A reference to a secret, or to one key of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    pub id: SecretId,
    pub key: Option<String>,
    /// The reference as it was written.
    pub text: String,
}

impl SecretRef {
    /// The one spelling that every reference has, whatever style it was written in: `provider:path[#key]`.
    /// A pinned version is not part of it.
    pub fn canonical(&self) -> String {
        let provider = match self.id.kind {
            Kind::Of(_) => self.id.provider.as_str(),
            narrower => narrower.word(),
        };
        match &self.key {
            Some(key) => format!("{provider}:{}#{key}", self.id.path),
            None => format!("{provider}:{}", self.id.path),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The providers that a reference may name: the default ones, named like their kinds, and the configured ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderNames(BTreeMap<String, ProviderKind>);

impl Default for ProviderNames {
    fn default() -> Self {
        Self(
            ProviderKind::ALL
                .iter()
                .map(|kind| (kind.word().to_owned(), *kind))
                .collect(),
        )
    }
}

impl ProviderNames {
    pub fn add(&mut self, name: &str, kind: ProviderKind) {
        self.0.insert(name.to_owned(), kind);
    }

    /// What a word before a colon or a slash names: a kind, or a configured provider.
    fn lookup(&self, word: &str) -> Option<(String, Kind)> {
        if let Some(kind) = Kind::from_word(word) {
            return Some((kind.provider_kind().word().to_owned(), kind));
        }
        self.kind_of(word).map(|kind| (word.to_owned(), Kind::Of(kind)))
    }

    /// Every word that a reference may begin with.
    fn words(&self) -> impl Iterator<Item = &str> {
        let narrower = Kind::WORDS.iter().map(|(word, _)| *word);
        narrower.chain(self.names().filter(|name| Kind::from_word(name).is_none()))
    }

    pub fn kind_of(&self, name: &str) -> Option<ProviderKind> {
        self.0.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a plain string of a role file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    Plain,
    Secret(SecretRef),
    /// `_aws_iam_rds:USER`: a token made at launch.
    RdsIam {
        user: String,
    },
}

/// Why a text that looks like a reference is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RefError {
    /// One sentence; never quotes what stands behind the kind, which may be a mistyped secret.
    pub what: String,
    /// Right spellings that may have been meant.
    pub similar: Vec<String>,
}
