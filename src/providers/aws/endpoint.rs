//! Where the services are: AWS' own addresses, or what the settings, the environment or a profile says instead.

use super::profiles::Profiles;
use super::settings::{AwsSettings, given_address};
use crate::domain::problem::Problem;
use crate::providers::World;
use reqwest::Url;

/// A service that is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    SecretsManager,
    Sts,
    /// The portal that gives a role's credentials for an SSO token.
    SsoPortal,
    /// The issuer of SSO tokens.
    SsoOidc,
}

impl Service {
    /// Its name at the end of `AWS_ENDPOINT_URL_…`.
    fn variable(self) -> &'static str {
        match self {
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
            Self::SsoPortal => "AWS_ENDPOINT_URL_SSO",
            Self::SsoOidc => "AWS_ENDPOINT_URL_SSO_OIDC",
        }
    }

    /// Its name in a section `services` of the shared configuration.
    fn key(self) -> &'static str {
        match self {
            Self::SecretsManager => "secrets_manager",
            Self::Sts => "sts",
            Self::SsoPortal => "sso",
            Self::SsoOidc => "sso_oidc",
        }
    }

    /// The first label of AWS' own host names.
    fn host(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Sts => "sts",
            Self::SsoPortal => "portal.sso",
            Self::SsoOidc => "oidc",
        }
    }

    /// AWS' own address in a region.
    pub(super) fn own(self, region: &str) -> String {
        let domain = match region.split('-').next().unwrap_or_default() {
            "cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        format!("https://{}.{region}.{domain}", self.host())
    }
}

/// The address that somebody gave a service; none for AWS' own.
pub(super) fn given(
    service: Service,
    settings: &AwsSettings,
    profiles: &Profiles,
    world: &World,
) -> Result<Option<String>, Problem> {
    if service == Service::SecretsManager && settings.endpoint.is_some() {
        return Ok(settings.endpoint.clone());
    }
    let ignored = world
        .text("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .or_else(|| profiles.get("ignore_configured_endpoint_urls"))
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if !ignored {
        for name in [service.variable(), "AWS_ENDPOINT_URL"] {
            if let Some(address) = world.text(name) {
                return given_address(address, name).map(Some);
            }
        }
        let of_profile = profiles
            .endpoint(service.key())
            .or_else(|| profiles.get("endpoint_url"));
        if let Some(address) = of_profile {
            let from = format!("endpoint_url of profile {}", profiles.selected_name());
            return given_address(address, &from).map(Some);
        }
    }
    // An emulator answers for every service at one address; an endpoint within AWS is that of one service.
    let of_emulator = settings.endpoint.as_deref().filter(|endpoint| !is_aws(endpoint));
    Ok(of_emulator.filter(|_| service == Service::Sts).map(str::to_owned))
}

fn is_aws(endpoint: &str) -> bool {
    let host = Url::parse(endpoint)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
            .iter()
            .any(|domain| host.ends_with(domain))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_and_those_within_aws() {
        assert_eq!(Service::Sts.own("eu-west-1"), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(
            Service::SsoPortal.own("cn-north-1"),
            "https://portal.sso.cn-north-1.amazonaws.com.cn"
        );
        assert!(is_aws("https://vpce-1-a.secretsmanager.eu-west-1.vpce.amazonaws.com"));
        assert!(!is_aws("http://localhost:4566") && !is_aws("https://amazonaws.com.evil.example"));
    }
}
