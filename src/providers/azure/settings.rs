//! How a Key Vault is reached and logged in to: `[providers.NAME]`, and for the kind's default provider the environment.

use std::time::Duration;

use reqwest::Url;

use super::cloud::Cloud;
use super::logins::{Login, Logins};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::tls::TlsSettings;
use crate::providers::settings::{DEFAULT_LIMIT, Settings};
use crate::providers::{ProviderConfig, World};

const CLI_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct AzureSettings {
    /// `https://company.vault.azure.net`, without a trailing slash.
    pub(super) address: Url,
    /// The host need not lie in a domain of Key Vault.
    pub(super) allow_custom_host: bool,
    /// Where logins go: `https://login.microsoftonline.com/`.
    pub(super) authority: Url,
    /// In the order in which they are tried: only those of a machine and of a person's own tools can stand beside each other.
    pub(super) logins: Vec<Login>,
    pub(super) tls: TlsSettings,
    pub(super) limit: Duration,
    /// The same for Azure CLI, a program that takes seconds to start.
    pub(super) cli_limit: Duration,
}

impl AzureSettings {
    pub(super) fn read(config: &ProviderConfig, world: &World) -> Result<Self, Problem> {
        let settings = Settings::of(config);
        let default = config.name == config.kind.word();
        let address = match settings.text("url")? {
            Some(text) => text,
            // Only the kind's default provider is configured by the environment: a token must not go to another vault.
            None => world
                .text("AZURE_VAULT_URL")
                .filter(|_| default)
                .ok_or_else(|| no_address(config))?,
        };
        let address = address_of(address)?;
        let own = Cloud::of_host(address.host_str().unwrap_or_default());
        let cloud = match settings.text("cloud")? {
            None => own.unwrap_or(Cloud::Public),
            Some(word) => Cloud::from_word(word)
                .ok_or_else(|| settings.wrong("cloud", "must be \"public\", \"usgov\" or \"china\""))?,
        };
        if let Some(own) = own.filter(|own| *own != cloud) {
            return Err(of_another_cloud(config, own, cloud));
        }
        let allow_custom_host = settings.switch("allow_custom_host")?.unwrap_or(false);
        let word = settings.text("credential")?.unwrap_or("auto");
        // `credential = "secret"` says in so many words that what the environment holds is for this vault too.
        let environment = default || word != "auto";
        let from_env = |name: &str| world.text(name).filter(|_| environment);
        let authority = match settings
            .text("authority_host")?
            .or_else(|| from_env("AZURE_AUTHORITY_HOST"))
        {
            Some(text) => authority_of(text)
                .ok_or_else(|| settings.wrong("authority_host", "(or AZURE_AUTHORITY_HOST) must be https://HOST"))?,
            None => authority_of(cloud.authority()).ok_or_else(|| settings.wrong("cloud", "has no authority"))?,
        };
        let limit = settings.duration("timeout")?;
        Ok(Self {
            address,
            allow_custom_host,
            authority,
            logins: Logins {
                settings: &settings,
                world,
                environment,
            }
            .chosen(word)?,
            tls: TlsSettings {
                ca: settings.pem("ca_cert", world)?,
                ca_folder: None,
                client: None,
                verify: true,
            },
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            cli_limit: limit.unwrap_or(CLI_LIMIT),
        })
    }

    pub(super) fn host(&self) -> &str {
        self.address.host_str().unwrap_or_default()
    }

    /// The name of the vault, as the command line of Azure wants it.
    pub(super) fn vault_name(&self) -> &str {
        self.host().split('.').next().unwrap_or_default()
    }
}

fn no_address(config: &ProviderConfig) -> Problem {
    let name = &config.name;
    let problem = Problem::new(
        &catalogue::AZURE_NO_URL,
        format!("provider `{name}` has no vault address"),
    );
    if name == config.kind.word() {
        return problem;
    }
    problem
        .causes(vec![format!(
            "[providers.{name}] has no url; AZURE_VAULT_URL is that of provider `azure` alone"
        )])
        .fixes(vec![format!(
            "url = \"https://VAULT.vault.azure.net\"   in [providers.{name}]"
        )])
}

fn of_another_cloud(config: &ProviderConfig, own: Cloud, said: Cloud) -> Problem {
    let what = format!(
        "the vault of provider `{}` is in the cloud \"{}\", and cloud says \"{}\"",
        config.name,
        own.word(),
        said.word()
    );
    let problem = Problem::new(&catalogue::AZURE_URL, what)
        .causes(vec![format!(
            "addresses that end in .{} are of that cloud",
            own.domain()
        )])
        .fixes(vec![format!("cloud = \"{}\"   or leave cloud out", own.word())]);
    match &config.at {
        Some(at) => problem.at(at.clone()),
        None => problem,
    }
}

fn address_of(text: &str) -> Result<Url, Problem> {
    // The text is not quoted: an address may have a password in it.
    let problem = |why: &str| {
        Problem::new(
            &catalogue::AZURE_URL,
            format!("the vault's address cannot be used: {why}"),
        )
    };
    let text = text.trim();
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(_) if is_vault_name(text) => {
            return Err(problem("it is a vault's name and not its address")
                .fixes(vec![format!("export AZURE_VAULT_URL=https://{text}.vault.azure.net")]));
        }
        Err(_) => return Err(problem("it does not begin with https://")),
    };
    if url.scheme() != "https" {
        return Err(problem(
            "it does not begin with https://: Key Vault speaks nothing else, and a token must not travel openly",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem("it has a user or a password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("it has a query or a fragment"));
    }
    if url.path().starts_with("/secrets/") {
        return Err(problem(
            "it is the address of one secret: the address of the vault ends before /secrets",
        ));
    }
    if url.path() != "/" {
        return Err(problem("it has a path"));
    }
    Ok(url)
}

fn is_vault_name(text: &str) -> bool {
    (3..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn authority_of(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.path() == "/";
    (plain && url.scheme() == "https" && url.has_host()).then_some(url)
}
