//! From a secret's id to what is asked of Key Vault: a name, and perhaps a version.

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};

/// A version that no secret has.
const NO_VERSION: &str = "00000000000000000000000000000000";

/// One secret, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

impl Name {
    pub(super) fn read(secret: &SecretId) -> Result<Self, Problem> {
        let problem = |what: String, fix: String| Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec![fix]);
        let name = &secret.path;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if let Some((name, version)) = name.split_once('/') {
            let what = "a secret of Key Vault has no folders".to_owned();
            return Err(if is_version(version) {
                let fix = format!("{{ secret = \"{}:{name}\", version = \"{version}\" }}", secret.provider);
                problem("a version of Key Vault is pinned beside the name".to_owned(), fix)
            } else {
                problem(what, "name the secret as `az keyvault secret list` does".to_owned())
            });
        }
        if name.is_empty() || name.len() > 127 || !name.chars().all(fits) {
            let near: String = name.chars().map(|c| if fits(c) { c } else { '-' }).take(127).collect();
            let what =
                format!("`{name}` is no name of a secret in Key Vault: those are up to 127 letters, digits and dashes");
            return Err(problem(
                what,
                format!("{}:{near}   if the secret is called so", secret.provider),
            ));
        }
        let version = match &secret.pin {
            None => None,
            Some(Pin::Stage(_)) => {
                return Err(problem(
                    "Key Vault has no stages".to_owned(),
                    "pin a version: version = \"32 hexadecimal digits\"".to_owned(),
                ));
            }
            Some(Pin::Version(version)) if is_version(version) => Some(version.to_ascii_lowercase()),
            Some(Pin::Version(_)) => {
                let fix = format!("az keyvault secret list-versions --vault-name VAULT --name {name}");
                return Err(problem(
                    "a version of Key Vault is 32 hexadecimal digits".to_owned(),
                    fix,
                ));
            }
        };
        Ok(Self {
            name: name.clone(),
            version,
        })
    }

    pub(super) fn path(&self) -> String {
        match &self.version {
            Some(version) => format!("/secrets/{}/{version}", self.name),
            None => format!("/secrets/{}", self.name),
        }
    }

    pub(super) fn versions(&self) -> String {
        format!("/secrets/{}/versions", self.name)
    }

    /// A version that is not there: the answer says whether we might read those that are.
    pub(super) fn no_version(&self) -> String {
        format!("/secrets/{}/{NO_VERSION}", self.name)
    }
}

fn is_version(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text != NO_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Kind, ProviderKind};

    fn read(path: &str, pin: Option<Pin>) -> Result<Name, Problem> {
        Name::read(&SecretId {
            provider: "azure".into(),
            kind: Kind::Of(ProviderKind::Azure),
            path: path.into(),
            pin,
        })
    }

    #[test]
    fn names_and_versions() {
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!(read("db-password", None).unwrap().path(), "/secrets/db-password");
        let pinned = read("db-password", Some(Pin::Version(version.to_uppercase()))).unwrap();
        assert_eq!(pinned.path(), format!("/secrets/db-password/{version}"));
        for wrong in [
            "",
            "a_b",
            "a/b",
            "a b",
            "ä",
            "a?b",
            "a%2Fb",
            &"x".repeat(128),
            &format!("a/{version}"),
        ] {
            assert_eq!(read(wrong, None).unwrap_err().code.id, "E-CONFIG-REF-SYNTAX", "{wrong}");
        }
        assert_eq!(
            read("db_password", None).unwrap_err().fixes[0].split(' ').next(),
            Some("azure:db-password")
        );
        for wrong in ["7", "", "xyz", NO_VERSION] {
            assert!(read("a", Some(Pin::Version(wrong.into()))).is_err(), "{wrong}");
        }
        assert!(read("a", Some(Pin::Stage("AWSCURRENT".into()))).is_err());
    }
}
