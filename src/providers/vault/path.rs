//! From a secret's id to the API path that is read: which mount, which KV version.

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, Pin, ProviderKind, SecretId};
use crate::providers::Setting;

/// The version of a key/value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kv {
    V1,
    V2,
}

impl Kv {
    /// `1`, `2`, `"1"` or `"2"` in the configuration.
    pub(super) fn of(setting: &Setting) -> Option<Self> {
        match setting {
            Setting::Number(1) => Some(Self::V1),
            Setting::Number(2) => Some(Self::V2),
            Setting::Text(text) => Self::of_text(text),
            _ => None,
        }
    }

    pub(super) fn of_text(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Self::V1),
            "2" => Some(Self::V2),
            _ => None,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// What is mounted at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Kv(Kv),
    /// A database, PKI, a cloud: what is read from it is made by the read.
    Maker,
}

impl Engine {
    pub(super) fn target(self, mount: &str, path: &str) -> Target {
        match self {
            Self::Kv(kv) => Target::new(kv, mount, path),
            Self::Maker => Target::dynamic(mount, path),
        }
    }
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kv: Kv,
    /// None where the id is an API path whose mount is nobody's business: `_vaultkv1:kv/db`.
    pub(super) mount: Option<String>,
    /// The path within the mount; the whole API path where the mount is not known.
    pub(super) path: String,
    /// Each read makes a credential, with a lease.
    pub(super) makes: bool,
}

impl Target {
    pub(super) fn new(kv: Kv, mount: &str, path: &str) -> Self {
        Self {
            kv,
            mount: Some(mount.to_owned()),
            path: path.to_owned(),
            makes: false,
        }
    }

    fn raw(kv: Kv, path: String) -> Self {
        Self {
            kv,
            mount: None,
            makes: looks_dynamic(&path),
            path,
        }
    }

    /// A path of an engine that is no key/value store.
    pub(super) fn dynamic(mount: &str, path: &str) -> Self {
        Self {
            makes: true,
            ..Self::new(Kv::V1, mount, path)
        }
    }

    /// The API path, without `/v1/`.
    pub(super) fn api(&self) -> String {
        match (&self.mount, self.kv) {
            (Some(mount), Kv::V2) => format!("{mount}/data/{}", self.path),
            (Some(mount), Kv::V1) => format!("{mount}/{}", self.path),
            (None, _) => self.path.clone(),
        }
    }

    /// The path as people write it for the `vault kv` command.
    pub(super) fn written(&self) -> String {
        match &self.mount {
            Some(mount) => format!("{mount}/{}", self.path),
            None => self.path.clone(),
        }
    }

    /// The command that reads the same secret.
    pub(super) fn command(&self, verb: &str) -> String {
        match &self.mount {
            Some(mount) => format!("vault kv {verb} -mount={mount} {}", self.path),
            None => format!("vault read {}", self.path),
        }
    }
}

/// Whether a path of an unknown mount looks like one that makes credentials. Only a check asks: reading it would make one.
pub(super) fn looks_dynamic(path: &str) -> bool {
    path.split('/').rev().nth(1) == Some("creds")
}

/// What an id says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Exactly(Target),
    /// Mount and path as one text; the server knows where the mount ends.
    MountAndPath(String),
}

/// Reads an id, without asking anybody.
pub(super) fn read(secret: &SecretId) -> Result<Named, Problem> {
    let path = checked(&secret.path)?;
    match secret.kind {
        Kind::VaultKv1 => Ok(Named::Exactly(Target::raw(Kv::V1, path))),
        Kind::VaultKv2 if !path.contains('/') => Ok(Named::Exactly(Target::new(Kv::V2, "secret", &path))),
        Kind::VaultKv2 => Ok(Named::Exactly(match path.split_once("/data/") {
            Some((mount, rest)) => Target::new(Kv::V2, mount, rest),
            None => Target::raw(Kv::V2, path),
        })),
        Kind::VaultDb => {
            // The grammar of references takes no other path.
            let (mount, role) = path.rsplit_once('/').unwrap_or(("database", &path));
            Ok(Named::Exactly(Target::dynamic(mount, &format!("creds/{role}"))))
        }
        Kind::Of(ProviderKind::Vault) if path.contains('/') => Ok(Named::MountAndPath(path)),
        Kind::Of(_) => {
            let what = format!("`{path}` is a mount or a path, and both are needed");
            Err(Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec![format!("MOUNT/{path}")]))
        }
    }
}

/// The version number that an id pins.
pub(super) fn pin(secret: &SecretId) -> Result<Option<u64>, Problem> {
    let problem =
        |what: String, fix: &str| Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec![fix.to_owned()]);
    match &secret.pin {
        None => Ok(None),
        Some(Pin::Stage(_)) => Err(problem("Vault has no stages".to_owned(), "pin a version: version = 7")),
        Some(Pin::Version(text)) => match text.parse::<u64>() {
            Ok(version) if version > 0 => Ok(Some(version)),
            _ => Err(problem(
                "a version of Vault is a number from 1 on".to_owned(),
                "pin a version: version = 7",
            )),
        },
    }
}

/// The path without slashes at its ends. What a client library would quietly drop or the server reads otherwise is refused.
fn checked(path: &str) -> Result<String, Problem> {
    let trimmed = path.trim_matches('/');
    let why = if trimmed.is_empty() {
        "the path is empty"
    } else if trimmed.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "the path has an empty part, `.` or `..` in it"
    } else if trimmed.chars().any(char::is_control) {
        "the path has a control character in it"
    } else if is_vaults_own(trimmed) {
        "Vault keeps itself at auth/ and sys/, and no secrets"
    } else {
        return Ok(trimmed.to_owned());
    };
    Err(Problem::new(&catalogue::CONFIG_REF_SYNTAX, why))
}

/// Nothing can be mounted there; and what may be read there is the token that hallpass itself is logged in with, which no child gets. A
/// namespace may stand before it.
fn is_vaults_own(path: &str) -> bool {
    matches!(path.split('/').next(), Some("auth" | "sys")) || path.ends_with("/auth/token/lookup-self")
}

/// The places where a path may be cut into mount and rest, shortest mount first; none where it cannot.
pub(super) fn cuts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: Kind, path: &str) -> SecretId {
        SecretId {
            provider: "vault".into(),
            kind,
            path: path.into(),
            pin: None,
        }
    }

    fn api(kind: Kind, path: &str) -> String {
        match read(&id(kind, path)).unwrap() {
            Named::Exactly(target) => target.api(),
            Named::MountAndPath(path) => format!("? {path}"),
        }
    }

    #[test]
    fn every_style_reads_its_path() {
        assert_eq!(api(Kind::VaultKv1, "kv/db"), "kv/db");
        assert_eq!(api(Kind::VaultKv2, "dbsecret"), "secret/data/dbsecret");
        assert_eq!(api(Kind::VaultKv2, "custom/data/db"), "custom/data/db");
        assert_eq!(api(Kind::VaultKv2, "team/kv/data/a/b"), "team/kv/data/a/b");
        assert_eq!(api(Kind::VaultKv2, "custom/db"), "custom/db");
        assert_eq!(
            api(Kind::Of(ProviderKind::Vault), "/secret/databases/prod/"),
            "? secret/databases/prod"
        );
    }

    #[test]
    fn odd_paths_are_refused() {
        for path in ["", "/", "a//b", "a/../b", "./a", "a/b\n", "a/\u{0}b"] {
            for kind in [Kind::VaultKv1, Kind::VaultKv2, Kind::Of(ProviderKind::Vault)] {
                assert!(read(&id(kind, path)).is_err(), "{path:?}");
            }
        }
        for path in ["auth/token/lookup-self", "/sys/mounts", "team/auth/token/lookup-self"] {
            for kind in [Kind::VaultKv1, Kind::VaultKv2, Kind::Of(ProviderKind::Vault)] {
                assert!(read(&id(kind, path)).is_err(), "hallpass' own token: {path}");
            }
        }
        for path in ["author/a", "system/a", "kv/auth/token", "kv/sys"] {
            assert!(read(&id(Kind::VaultKv1, path)).is_ok(), "{path}");
        }
        assert!(read(&id(Kind::Of(ProviderKind::Vault), "secret")).is_err());
    }

    #[test]
    fn pins_are_numbers() {
        let pinned = |pin| pin_of(pin).map_err(|problem| problem.code.id);
        fn pin_of(pin: Pin) -> Result<Option<u64>, Problem> {
            super::pin(&SecretId {
                pin: Some(pin),
                ..id(Kind::VaultKv2, "db")
            })
        }
        assert_eq!(pinned(Pin::Version("7".into())), Ok(Some(7)));
        for wrong in ["0", "-1", "seven", "", "1.0", "99999999999999999999"] {
            assert_eq!(
                pinned(Pin::Version(wrong.into())),
                Err("E-CONFIG-REF-SYNTAX"),
                "{wrong}"
            );
        }
        assert!(pinned(Pin::Stage("AWSCURRENT".into())).is_err());
    }

    #[test]
    fn cuts_go_from_short_to_long() {
        let cuts: Vec<_> = cuts("team/kv/db").collect();
        assert_eq!(cuts, [("team", "kv/db"), ("team/kv", "db")]);
    }
}
