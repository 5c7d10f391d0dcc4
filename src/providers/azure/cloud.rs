//! The clouds of Azure: where each has its vaults and its logins, and the check that a vault asks for a token of its own.

use reqwest::Url;

use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// A cloud with logins and vaults of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    Public,
    UsGov,
    China,
}

impl Cloud {
    const ALL: [Self; 3] = [Self::Public, Self::UsGov, Self::China];

    /// The word of `cloud = "…"`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGov => "usgov",
            Self::China => "china",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.word() == word)
    }

    /// What the names of its vaults end in; also the host of the resource that their tokens are for.
    pub(super) fn domain(self) -> &'static str {
        match self {
            Self::Public => "vault.azure.net",
            Self::UsGov => "vault.usgovcloudapi.net",
            Self::China => "vault.azure.cn",
        }
    }

    pub(super) fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGov => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// The cloud that a vault's host lies in; none for a host of somebody's own.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| is_below(host, cloud.domain()))
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// What a vault answers to a request without a token: for which resource it wants one, and where it would get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `https://vault.azure.net`, without a trailing slash.
    pub(super) resource: String,
    /// The tenant that the vault belongs to.
    pub(super) tenant: Option<String>,
}

impl Challenge {
    /// What a token is asked for.
    pub(super) fn scope(&self) -> String {
        format!("{}/.default", self.resource)
    }

    /// Reads `Bearer authorization="https://login…/TENANT", resource="https://vault.azure.net"` (or `scope=` with `/.default` behind it),
    /// and refuses what would let a vault have a token for something else.
    pub(super) fn read(header: &str, host: &str, allow_custom_host: bool) -> Result<Self, Problem> {
        let unreadable = || {
            Problem::new(
                &catalogue::AZURE_CHALLENGE,
                format!("{host} asks for a login in a way that no Key Vault does"),
            )
            .cause("the address is not that of a Key Vault")
        };
        let parameters = header
            .strip_prefix("Bearer ")
            .or_else(|| header.strip_prefix("bearer "))
            .ok_or_else(unreadable)?;
        let parameter = |name: &str| {
            parameters.split(',').find_map(|part| {
                let (key, value) = part.trim().split_once('=')?;
                (key == name).then(|| value.trim_matches('"'))
            })
        };
        let resource = parameter("resource")
            .or_else(|| parameter("scope").map(|scope| scope.trim_end_matches("/.default")))
            .map(|resource| resource.trim_end_matches('/'))
            .ok_or_else(unreadable)?;
        let asked = Url::parse(resource)
            .ok()
            .filter(|url| url.scheme() == "https" && url.path() == "/");
        let asked = asked.as_ref().and_then(Url::host_str).ok_or_else(unreadable)?;
        // A host of somebody's own may stand for a vault; no vault wants a token for anything but vaults.
        let own = asked.starts_with("vault.") && is_below(host, asked);
        let stands_for_one = allow_custom_host && Cloud::ALL.iter().any(|cloud| cloud.domain() == asked);
        if !own && !stands_for_one {
            return Err(another_resource(host, asked));
        }
        let tenant = parameter("authorization").or_else(|| parameter("authorization_uri"));
        let tenant = tenant.and_then(|authority| Url::parse(authority).ok());
        let tenant = tenant.and_then(|authority| authority.path_segments()?.next().map(str::to_owned));
        Ok(Self {
            resource: resource.to_owned(),
            tenant: tenant.filter(|tenant| is_tenant(tenant)),
        })
    }
}

fn is_tenant(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

fn another_resource(host: &str, asked: &str) -> Problem {
    // A name that the server chose is not repeated: it could be anything.
    let known = Cloud::ALL.iter().find(|cloud| cloud.domain() == asked);
    let asked = known.map_or("something that is no Key Vault", |cloud| cloud.domain());
    let what = format!("{host} asks for a token for {asked}, which does not fit its name: none was sent");
    let problem = Problem::new(&catalogue::AZURE_CHALLENGE, what);
    match known {
        None => problem.fixes(vec![
            "correct url (AZURE_VAULT_URL): a vault never asks for this".to_owned(),
        ]),
        Some(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(header: &str, host: &str, custom: bool) -> Result<Challenge, &'static str> {
        Challenge::read(header, host, custom).map_err(|problem| problem.code.id)
    }

    #[test]
    fn a_vault_gets_tokens_for_its_own_cloud_alone() {
        let header = |resource: &str| {
            format!("Bearer authorization=\"https://login.windows.net/72f988bf-86f1\", resource=\"{resource}\"")
        };
        let public = header("https://vault.azure.net");
        let read = challenge(&public, "company.vault.azure.net", false).unwrap();
        assert_eq!(read.scope(), "https://vault.azure.net/.default");
        assert_eq!(read.tenant.as_deref(), Some("72f988bf-86f1"));
        let scope = "Bearer authorization=\"https://login/t\", scope=\"https://vault.azure.cn/.default\"";
        let read = challenge(scope, "company.vault.azure.cn", false).unwrap();
        assert_eq!(read.resource, "https://vault.azure.cn");

        for (resource, host) in [
            ("https://vault.azure.net", "company.vault.azure.cn"),
            ("https://vault.azure.net", "vault.azure.net"),
            ("https://vault.azure.net", "evilvault.azure.net"),
            ("https://vault.azure.net", "vault.corp"),
            ("https://management.azure.com", "company.vault.azure.net"),
            ("https://azure.net", "company.vault.azure.net"),
            ("https://graph.microsoft.com", "127.0.0.1"),
        ] {
            let refused = challenge(&header(resource), host, false);
            assert_eq!(refused, Err("E-AZURE-CHALLENGE"), "{resource} {host}");
        }
        assert!(challenge(&public, "vault.corp", true).is_ok());
        for resource in [
            "https://management.azure.com",
            "http://vault.azure.net",
            "https://vault.azure.net/x",
            "https://vault.azure.net@evil.com",
            "vault",
            "",
        ] {
            let refused = challenge(&header(resource), "vault.corp", true);
            assert_eq!(refused, Err("E-AZURE-CHALLENGE"), "{resource}");
        }
        for odd in [
            "",
            "Basic realm=\"x\"",
            "Bearer",
            "Bearer authorization=\"https://l/t\"",
        ] {
            assert_eq!(
                challenge(odd, "company.vault.azure.net", true),
                Err("E-AZURE-CHALLENGE"),
                "{odd}"
            );
        }
    }

    #[test]
    fn clouds_are_known_by_their_hosts() {
        assert_eq!(Cloud::of_host("company.vault.azure.net"), Some(Cloud::Public));
        assert_eq!(Cloud::of_host("company.vault.usgovcloudapi.net"), Some(Cloud::UsGov));
        assert_eq!(Cloud::of_host("company.vault.azure.cn"), Some(Cloud::China));
        assert_eq!(Cloud::of_host("company.vault.azure.net.evil.com"), None);
        for cloud in Cloud::ALL {
            assert_eq!(Cloud::from_word(cloud.word()), Some(cloud));
        }
    }
}
