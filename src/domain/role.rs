//! Roles: named ways into a resource, as the role files say them. Holds references and plain values, never a secret.

use std::collections::BTreeMap;

use crate::domain::policy::SessionPolicy;
use crate::domain::problem::Location;
use crate::domain::reference::{Kind, SecretRef};

/// How a field's value reaches the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// An environment variable.
    #[default]
    Env,
    /// A file in memory (else 0600 in the runtime folder); the variable holds its path.
    File,
    /// An SSH key in an agent of this session alone.
    Agent,
}

impl Via {
    pub fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Agent => "agent",
        }
    }
}

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Plain(String),
    Secret(SecretRef),
    /// Several values in one text: `{name}` in `text` is the percent-encoded part, `{name:raw}` the part as it is.
    Template {
        text: String,
        parts: Vec<TemplatePart>,
    },
    RdsIam(RdsIam),
    /// Filled by the role's `from`: the first of `keys` that the secret has. A key that none has is an error
    /// only if `required`; else the field's default holds, or the variable stays unset.
    From {
        secret: SecretRef,
        keys: Vec<String>,
        required: bool,
    },
}

/// What is said of a role with credentials of its own.
pub const LEASED: &str = "made for each session, renewed while it lives, revoked when it ends";

impl Role {
    /// Every secret reference in its fields, in order.
    pub fn references(&self) -> impl Iterator<Item = &SecretRef> {
        self.fields.iter().flat_map(|field| field.source.references())
    }

    /// The names of the providers that its fields come from, in order; a name may stand more than once.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().flat_map(|field| field.source.providers())
    }

    /// What lists call its kind: the connector's name, the program of its own command, or `exec` for one whose fields are there for any
    /// command.
    pub fn kind(&self) -> &str {
        if let Some(connector) = &self.connector {
            return connector;
        }
        let program = self.command.as_ref().and_then(|words| words.first());
        program.map_or("exec", |program| program.rsplit('/').next().unwrap_or(program))
    }

    /// Whether there is something to open by its name; else its fields are there for `exec` alone.
    pub fn has_client(&self) -> bool {
        self.connector.is_some() || self.command.is_some()
    }

    /// Whether its references say that a credential is made for each session.
    pub fn is_leased(&self) -> bool {
        self.references().any(|reference| reference.id.kind == Kind::VaultDb)
    }

    /// Whether one of its fields is a login token for a database.
    pub fn has_token(&self) -> bool {
        self.fields
            .iter()
            .any(|field| matches!(field.source, Source::RdsIam(_)))
    }
}

impl Source {
    /// The word of the JSON contract: `plain`, `secret`, `template`, `rds-iam`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain(_) => "plain",
            Self::Secret(_) | Self::From { .. } => "secret",
            Self::Template { .. } => "template",
            Self::RdsIam(_) => "rds-iam",
        }
    }

    /// Every secret reference in it, in order.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Plain(_) | Self::RdsIam(_) => Vec::new(),
            Self::Secret(reference) | Self::From { secret: reference, .. } => vec![reference],
            Self::Template { parts, .. } => parts.iter().flat_map(|part| part.source.references()).collect(),
        }
    }

    /// Whether any of it comes from a provider.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::RdsIam(_)) || !self.references().is_empty()
    }

    /// The names of the providers that it comes from, in order; a name may stand twice.
    pub fn providers(&self) -> Vec<&str> {
        match self {
            Self::RdsIam(token) => vec![&token.provider],
            _ => self.references().iter().map(|r| r.id.provider.as_str()).collect(),
        }
    }
}

/// One named part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePart {
    pub name: String,
    /// Plain text or a secret.
    pub source: Source,
    /// Takes surrounding white space off the fetched value.
    pub trim: bool,
    /// A secret that is not there is placed as nothing.
    pub optional: bool,
    /// Placed where the secret is not there.
    pub default: Option<String>,
}

/// A login token for the database that the role opens: made at launch, in the password's place, good for new logins for 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdsIam {
    /// The AWS provider whose credentials sign it.
    pub provider: String,
    /// The database user that it logs in.
    pub user: String,
    /// Where the database is; none to take the provider's region, or the one that the host's name says.
    pub region: Option<String>,
    /// The role to take on before.
    pub role_arn: Option<String>,
    /// None: what the role's own field for the host holds, see [`crate::domain::connector::Connector::part`]. The port likewise.
    pub host: Option<String>,
    pub port: Option<u16>,
}

/// One environment variable of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub source: Source,
    pub via: Via,
    /// Takes surrounding white space off the fetched value.
    pub trim: bool,
    /// A secret that is not there leaves the variable unset instead of stopping the launch.
    pub optional: bool,
    /// Used where the secret is not there.
    pub default: Option<String>,
    /// Whether its value is kept from the screen: the connector marks it secret, or no connector knows it and a provider gives it, or it is
    /// plain text that looks like a secret.
    pub masked: bool,
    /// Where it is written; none for a connector's default.
    pub at: Option<Location>,
}

impl Field {
    /// Whether it can do without this secret of its own, or the part of its template that is made of it can.
    pub fn can_do_without(&self, reference: &SecretRef) -> bool {
        let of_part = |part: &TemplatePart| part.optional || part.default.is_some();
        self.optional || self.default.is_some() || self.parts_of(reference).is_some_and(|mut parts| parts.all(of_part))
    }

    /// Whether white space around this secret of its own is taken off.
    pub fn trims(&self, reference: &SecretRef) -> bool {
        match self.parts_of(reference) {
            // What its own option takes off stands around the whole text.
            Some(mut parts) => parts.all(|part| part.trim),
            None => self.trim,
        }
    }

    /// The parts of its template that are made of this secret; none if it is no template.
    fn parts_of<'f>(&'f self, reference: &'f SecretRef) -> Option<impl Iterator<Item = &'f TemplatePart>> {
        match &self.source {
            Source::Template { parts, .. } => Some(
                parts
                    .iter()
                    .filter(move |part| part.source.references().contains(&reference)),
            ),
            _ => None,
        }
    }
}

/// A named way into a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub resource: Option<String>,
    /// The connector's name; none for a role with a `command` of its own, or for `exec` alone.
    pub connector: Option<String>,
    /// The environment's name: `prod`, `stage` …
    pub env: Option<String>,
    pub description: Option<String>,
    pub owner: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// The name of a role into the same resource that can do less.
    pub safer: Option<String>,
    /// `read-only` or `read-write`, as the role says it.
    pub access_mode: Option<String>,
    /// All fields that reach the child, in order: the role's own, those that `from` fills, the connector's defaults.
    pub fields: Vec<Field>,
    /// The program and its first arguments; replaces the connector's.
    pub command: Option<Vec<String>>,
    /// Arguments behind those of the connector or the command; `{FIELD}` stands for a plain field.
    pub args: Vec<String>,
    pub cwd: Option<String>,
    /// Names of variables of hallpass itself that the child gets too.
    pub inherit: Vec<String>,
    pub policy: SessionPolicy,
    pub at: Location,
}
