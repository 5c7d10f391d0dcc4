//! How AWS is reached and logged in to: `[providers.NAME]`, and the environment for what is not written there.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::tls::{Pem, TlsSettings};
use crate::providers::settings::{DEFAULT_LIMIT, Settings, path};
use crate::providers::{ProviderConfig, World};

/// A role to take on, as `sts:AssumeRole` is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: String,
}

#[derive(Clone)]
pub(super) struct AwsSettings {
    /// Of `[providers.NAME]` alone; the environment's and the profile's come after it.
    pub(super) region: Option<String>,
    /// The profile of `[providers.NAME]`: keys in the environment do not stand in its way.
    pub(super) profile: Option<String>,
    /// Taken on with whatever the login gives.
    pub(super) role_arn: Option<String>,
    external_id: Option<String>,
    session_name: String,
    /// Where Secrets Manager is, if not at AWS' own address: scheme, host and port.
    pub(super) endpoint: Option<String>,
    /// Whether the metadata service of a virtual machine is asked for a login.
    pub(super) imds: bool,
    pub(super) tls: TlsSettings,
    pub(super) limit: Duration,
}

impl AwsSettings {
    pub(super) fn read(config: &ProviderConfig, world: &World) -> Result<Self, Problem> {
        let settings = Settings::of(config);
        let text = |key: &str| Ok::<_, Problem>(settings.text(key)?.map(str::trim).filter(|text| !text.is_empty()));
        let region = text("region")?;
        if region.is_some_and(|region| !is_region(region)) {
            return Err(settings.wrong("region", "is not the name of a region, such as \"eu-west-1\""));
        }
        let role_arn = text("role_arn")?;
        if role_arn.is_some_and(|arn| !is_role_arn(arn)) {
            let why = "is not the ARN of a role: arn:aws:iam::123456789012:role/NAME";
            return Err(settings.wrong("role_arn", why));
        }
        let session_name = match text("session_name")? {
            Some(name) if session_name(name) == name => name.to_owned(),
            Some(_) => {
                let why = "must be 2 to 64 letters, digits or any of _+=,.@-";
                return Err(settings.wrong("session_name", why));
            }
            None => default_session_name(world),
        };
        let endpoint = text("endpoint")?
            .map(|endpoint| {
                address(endpoint).ok_or_else(|| settings.wrong("endpoint", "must be https://HOST or http://HOST:PORT"))
            })
            .transpose()?;
        // The variable that AWS' own clients know, then the one that all of a machine's programs do.
        let ca = match settings.pem("ca_cert", world)? {
            Some(ca) => Some(ca),
            None => ["AWS_CA_BUNDLE", "SSL_CERT_FILE"]
                .iter()
                .find_map(|name| world.text(name))
                .map(|file| Pem::File(path(file, world))),
        };
        let ca_folder = world.text("SSL_CERT_DIR").filter(|_| ca.is_none()).map(PathBuf::from);
        Ok(Self {
            region: region.map(str::to_owned),
            profile: text("profile")?.map(str::to_owned),
            role_arn: role_arn.map(str::to_owned),
            external_id: text("external_id")?.map(str::to_owned),
            session_name,
            endpoint,
            imds: settings.switch("imds")?.unwrap_or(false),
            tls: TlsSettings {
                ca,
                ca_folder,
                client: None,
                verify: true,
            },
            limit: settings.duration("timeout")?.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

impl AwsSettings {
    /// This role, taken on with the external id and under the session name of the settings.
    pub(super) fn role(&self, arn: &str) -> Role {
        Role {
            arn: arn.to_owned(),
            external_id: self.external_id.clone(),
            session_name: self.session_name.clone(),
        }
    }
}

/// Scheme, host and port of an address without anything else in it.
pub(super) fn address(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then(|| url.origin().ascii_serialization())
}

/// The address that a variable or a profile gives.
pub(super) fn given_address(text: &str, from: &str) -> Result<String, Problem> {
    address(text).ok_or_else(|| {
        // The text is not quoted: an address may have a password in it.
        let what = format!("{from} is not an address: https://HOST or http://HOST:PORT");
        Problem::new(&catalogue::CONFIG_TYPE, what)
            .fixes(vec!["correct the address, then: hallpass provider list".to_owned()])
    })
}

/// Regions are words of letters and digits with hyphens between: a host's name is made of one.
pub(super) fn is_region(text: &str) -> bool {
    (3..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.contains('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(super) fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && account.bytes().all(|b| b.is_ascii_digit()) && role.starts_with("role/") && role.len() > 5)
}

/// `hallpass-<user>`: what the account's log names the session by.
pub(super) fn default_session_name(world: &World) -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| world.text(name));
    session_name(&format!("hallpass-{}", user.unwrap_or("user")))
}

/// The text with what STS does not take left out, cut to what it takes.
fn session_name(text: &str) -> String {
    let taken = |c: &char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c);
    let name: String = text.chars().filter(taken).take(64).collect();
    if name.len() < 2 { "hallpass".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_regions_and_arns() {
        assert_eq!(
            address("http://127.0.0.1:4566/").as_deref(),
            Some("http://127.0.0.1:4566")
        );
        assert_eq!(address("https://host:443").as_deref(), Some("https://host"));
        for wrong in [
            "",
            "host",
            "ftp://h",
            "https://u:p@h",
            "https://h/x",
            "https://h?x",
            "https://h#x",
        ] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
        for region in [
            "eu-west-1",
            "us-gov-east-1",
            "cn-north-1",
            "us-iso-east-1",
            "ap-southeast-4",
        ] {
            assert!(is_region(region), "{region}");
        }
        for wrong in [
            "",
            "Europe",
            "eu_west_1",
            "-x-",
            "eu-west-1.evil.example",
            "euwest1",
            "eu/west-1",
        ] {
            assert!(!is_region(wrong), "{wrong}");
        }
        assert!(is_role_arn("arn:aws:iam::123456789012:role/dba"));
        assert!(is_role_arn("arn:aws-us-gov:iam::123456789012:role/path/dba"));
        for wrong in [
            "dba",
            "arn:aws:iam::1:user/x",
            "arn:aws:iam:eu:1:role/x",
            "arn:aws:iam::x:role/y",
            "arn:aws:iam::1:role/",
        ] {
            assert!(!is_role_arn(wrong), "{wrong}");
        }
    }

    #[test]
    fn session_names_are_what_sts_takes() {
        assert_eq!(session_name("hallpass-j.doe@corp"), "hallpass-j.doe@corp");
        assert_eq!(session_name("hallpass-DOM\\j doe"), "hallpass-DOMjdoe");
        assert_eq!(session_name(" "), "hallpass");
        assert_eq!(session_name(&"x".repeat(80)).len(), 64);
    }
}
