//! The names of secrets: short ones of the provider's project, and Google's full resource names, global or of one location.

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};

/// The version that was made last.
const LATEST: &str = "latest";

/// A version of a secret as a reference names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// None for the provider's own.
    pub(super) project: Option<String>,
    /// Where the secret is kept, for one that is bound to a place.
    pub(super) location: Option<String>,
    pub(super) secret: String,
    /// A number, an alias, or `latest`.
    pub(super) version: String,
}

/// A version of a secret whose project is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) project: String,
    pub(super) location: Option<String>,
    pub(super) secret: String,
    pub(super) version: String,
}

impl Named {
    pub(super) fn in_project(self, project: String) -> Resource {
        Resource {
            project,
            location: self.location,
            secret: self.secret,
            version: self.version,
        }
    }
}

impl Resource {
    /// `projects/P`, `projects/P/locations/L`.
    pub(super) fn parent(&self) -> String {
        match &self.location {
            Some(location) => format!("projects/{}/locations/{location}", self.project),
            None => format!("projects/{}", self.project),
        }
    }

    /// `projects/P/secrets/S`.
    pub(super) fn secret(&self) -> String {
        format!("{}/secrets/{}", self.parent(), self.secret)
    }

    /// `projects/P/secrets/S/versions/V`.
    pub(super) fn version(&self) -> String {
        format!("{}/versions/{}", self.secret(), self.version)
    }

    /// A command of gcloud for this secret, ready to be pasted.
    pub(super) fn command(&self, verb: &str) -> String {
        let location = self.location.as_ref().map(|location| format!(" --location={location}"));
        format!(
            "gcloud secrets {verb} --project={}{}",
            self.project,
            location.unwrap_or_default()
        )
    }
}

/// Reads the name that a reference gives, and the version that it pins.
pub(super) fn read(secret: &SecretId) -> Result<Named, Problem> {
    let parts: Vec<&str> = secret.path.split('/').collect();
    let (project, location, name, version) = match parts.as_slice() {
        [name] => (None, None, *name, None),
        ["projects", project, "secrets", name] => (Some(*project), None, *name, None),
        ["projects", project, "secrets", name, "versions", version] => (Some(*project), None, *name, Some(*version)),
        ["projects", project, "locations", location, "secrets", name] => (Some(*project), Some(*location), *name, None),
        [
            "projects",
            project,
            "locations",
            location,
            "secrets",
            name,
            "versions",
            version,
        ] => (Some(*project), Some(*location), *name, Some(*version)),
        _ => return Err(wrong("a secret of Google has no slash in its name", secret)),
    };
    if !is_secret(name) {
        return Err(wrong(
            "a secret's name is letters, digits, `-` and `_`, 255 at most",
            secret,
        ));
    }
    if !project.is_none_or(is_project) || !location.is_none_or(is_location) {
        return Err(wrong(
            "the project or the location has characters that none has",
            secret,
        ));
    }
    let pinned = match &secret.pin {
        None => None,
        Some(Pin::Stage(_)) => {
            let what = "Google has no stages";
            return Err(Problem::new(&catalogue::CONFIG_REF_SYNTAX, what)
                .fixes(vec!["pin a version, by number or alias: version = 7".to_owned()]));
        }
        Some(Pin::Version(version)) => Some(version.as_str()),
    };
    let version = match (version, pinned) {
        (Some(version), Some(pinned)) if version != pinned => {
            let what = format!("the reference names version {version} and pins version {pinned}");
            return Err(Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec!["say it in one place".to_owned()]));
        }
        (version, pinned) => version.or(pinned).unwrap_or(LATEST),
    };
    if !is_version(version) {
        let what = "a version of Google is a number from 1 on, an alias, or latest";
        return Err(
            Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec!["pin a version: version = 7".to_owned()])
        );
    }
    Ok(Named {
        project: project.map(str::to_owned),
        location: location.map(str::to_owned),
        secret: name.to_owned(),
        version: version.to_owned(),
    })
}

fn wrong(what: &str, secret: &SecretId) -> Problem {
    let provider = &secret.provider;
    Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec![
        format!("{provider}:NAME#KEY"),
        format!("{provider}:projects/PROJECT/secrets/NAME#KEY"),
        format!("{provider}:projects/PROJECT/locations/LOCATION/secrets/NAME#KEY"),
    ])
}

fn is_secret(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// An id, one of a domain (`example.com:reports`), or a number.
pub(super) fn is_project(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':');
    (1..=100).contains(&text.len()) && text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// It becomes part of a host's name.
fn is_location(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_version(text: &str) -> bool {
    let number = || text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let alias = || text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() <= 63 && is_secret(text);
    !text.is_empty() && text.len() <= 63 && (number() || alias())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Kind, ProviderKind};

    fn named(path: &str, pin: Option<&str>) -> Result<String, &'static str> {
        let id = SecretId {
            provider: "gcp".to_owned(),
            kind: Kind::Of(ProviderKind::Gcp),
            path: path.to_owned(),
            pin: pin.map(|version| Pin::Version(version.to_owned())),
        };
        let named = read(&id).map_err(|problem| problem.code.id)?;
        let project = named.project.clone().unwrap_or_else(|| "own".to_owned());
        Ok(named.in_project(project).version())
    }

    #[test]
    fn short_and_full_names() {
        for (path, pin, expected) in [
            ("db", None, "projects/own/secrets/db/versions/latest"),
            ("db", Some("7"), "projects/own/secrets/db/versions/7"),
            ("db", Some("live"), "projects/own/secrets/db/versions/live"),
            ("projects/p/secrets/s", None, "projects/p/secrets/s/versions/latest"),
            (
                "projects/p/secrets/s/versions/3",
                None,
                "projects/p/secrets/s/versions/3",
            ),
            (
                "projects/p/secrets/s/versions/3",
                Some("3"),
                "projects/p/secrets/s/versions/3",
            ),
            (
                "projects/12/locations/europe-west3/secrets/s",
                Some("2"),
                "projects/12/locations/europe-west3/secrets/s/versions/2",
            ),
            (
                "projects/p/locations/l1/secrets/s/versions/latest",
                None,
                "projects/p/locations/l1/secrets/s/versions/latest",
            ),
            (
                "projects/example.com:p/secrets/s",
                None,
                "projects/example.com:p/secrets/s/versions/latest",
            ),
        ] {
            assert_eq!(named(path, pin).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_name_is_refused_before_it_is_sent() {
        for path in [
            "a/b",
            "projects/p",
            "projects/p/secrets",
            "projects/P!/secrets/s",
            "projects/p/secrets/s/versions",
            "projects/p/locations/evil.example/secrets/s",
            "projects/p/locations/-/secrets/s",
            "db:access",
            "db?x",
            "a b",
            "käse",
            "",
        ] {
            assert_eq!(named(path, None), Err("E-CONFIG-REF-SYNTAX"), "{path}");
        }
        for pin in ["0", "07", "-1", "1.0", "", "a/b", "_x"] {
            assert_eq!(named("db", Some(pin)), Err("E-CONFIG-REF-SYNTAX"), "{pin}");
        }
        assert!(named("projects/p/secrets/s/versions/3", Some("4")).is_err());
        assert!(named(&"x".repeat(256), None).is_err());
    }
}
