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
    pub(super) fn own(self, region: &str, variant: Variant) -> String {
        let partition = Partition::of(region);
        let domain = if variant.dual_stack {
            partition.dual_stack
        } else {
            partition.domain
        };
        let fips = if variant.fips { "-fips" } else { "" };
        format!("https://{}{fips}.{region}.{domain}", self.host())
    }
}

/// A part of AWS that has nothing in common with the others, with domains of its own.
pub(super) struct Partition {
    /// How the names of its regions begin.
    regions: &'static str,
    pub(super) domain: &'static str,
    /// The domain of addresses that are also reached by IPv6.
    dual_stack: &'static str,
}

const fn partition(regions: &'static str, domain: &'static str, dual_stack: &'static str) -> Partition {
    Partition {
        regions,
        domain,
        dual_stack,
    }
}

/// As `partitions.json` of the AWS SDKs lists them; the commercial one, which has most regions, stands last and takes the rest.
pub(super) const PARTITIONS: &[Partition] = &[
    partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    COMMERCIAL,
];

const COMMERCIAL: Partition = partition("", "amazonaws.com", "api.aws");

impl Partition {
    fn of(region: &str) -> &'static Self {
        let found = PARTITIONS
            .iter()
            .find(|partition| region.starts_with(partition.regions));
        found.unwrap_or(&COMMERCIAL)
    }
}

/// Which of AWS' own addresses of a service is meant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Variant {
    /// With cryptography that the government of the United States has validated.
    pub(super) fips: bool,
    /// By IPv6, too.
    pub(super) dual_stack: bool,
}

impl Variant {
    pub(super) fn of(profiles: &Profiles, world: &World) -> Self {
        let switched = |variable: &str, key: &str| {
            let text = world.text(variable).or_else(|| profiles.get(key));
            text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        Self {
            fips: switched("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            dual_stack: switched("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
        }
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
    let below = |host: &str, domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host.is_some_and(|host| {
        PARTITIONS
            .iter()
            .any(|partition| below(&host, partition.domain) || below(&host, partition.dual_stack))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_and_those_within_aws() {
        let own = |service: Service, region: &str| service.own(region, Variant::default());
        assert_eq!(own(Service::Sts, "eu-west-1"), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(
            own(Service::SsoPortal, "cn-north-1"),
            "https://portal.sso.cn-north-1.amazonaws.com.cn"
        );
        for (region, domain) in [
            ("us-gov-west-1", "amazonaws.com"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "cloud.adc-e.uk"),
        ] {
            let address = own(Service::SsoOidc, region);
            assert_eq!(address, format!("https://oidc.{region}.{domain}"));
            assert!(is_aws(&address), "{address}");
        }
        let both = Variant {
            fips: true,
            dual_stack: true,
        };
        assert_eq!(
            Service::SecretsManager.own("us-east-1", both),
            "https://secretsmanager-fips.us-east-1.api.aws"
        );
        assert!(is_aws("https://vpce-1-a.secretsmanager.eu-west-1.vpce.amazonaws.com"));
        assert!(!is_aws("http://localhost:4566") && !is_aws("https://amazonaws.com.evil.example"));
    }
}
