//! How a Key Vault is reached and logged in to: `[providers.NAME]`, and for the kind's default provider the environment.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::cloud::Cloud;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;
use crate::providers::net::tls::{Pem, TlsSettings};
use crate::providers::settings::{Settings, path};
use crate::providers::{ProviderConfig, Setting, World};

/// How long an answer may take where nothing else is said.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// A credential of the login, or where it is.
#[derive(Clone)]
pub(super) enum Credential {
    Given(SecretString),
    Held(SecretRef),
}

/// An application that is registered in a tenant of Entra ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct App {
    pub(super) tenant: String,
    pub(super) client: String,
}

/// How a token is come by.
#[derive(Clone)]
pub(super) enum Login {
    Secret {
        app: App,
        secret: Credential,
    },
    /// A path or the text of a PEM file that holds the certificate and its private key.
    Certificate {
        app: App,
        pem: Credential,
    },
    Assertion {
        app: App,
        assertion: Credential,
    },
    /// The token of a Kubernetes service account or another workload; read at every login, because its owner renews the file.
    Workload {
        app: App,
        file: PathBuf,
    },
    Managed {
        client: Option<String>,
    },
    Cli {
        tenant: Option<String>,
    },
}

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
}

/// The logins that `credential = "…"` chooses from.
const WORDS: [&str; 7] = [
    "auto",
    "secret",
    "certificate",
    "assertion",
    "workload",
    "managed",
    "cli",
];

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
        let allow_custom_host = match settings.get("allow_custom_host") {
            None => false,
            Some(Setting::Switch(switch)) => *switch,
            Some(_) => return Err(settings.wrong("allow_custom_host", "must be true or false")),
        };
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
        let ca = settings
            .text("ca_cert")?
            .map(|text| Pem::parse(text, world).ok_or_else(|| settings.wrong("ca_cert", "is not base64 of PEM text")));
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
                ca: ca.transpose()?,
                ca_folder: None,
                client: None,
                verify: true,
            },
            limit: settings.duration("timeout")?.unwrap_or(DEFAULT_LIMIT),
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

/// Where the logins are looked for.
struct Logins<'a> {
    settings: &'a Settings<'a>,
    world: &'a World,
    /// Whether the variables that name an application count.
    environment: bool,
}

impl Logins<'_> {
    fn chosen(&self, word: &str) -> Result<Vec<Login>, Problem> {
        let missing = |key: &str, variable: &str| {
            let why = format!("(or {variable}) is missing: credential = \"{word}\" needs it");
            self.settings.wrong(key, &why)
        };
        Ok(match word {
            "auto" => {
                let first = [Self::secret, Self::certificate, Self::assertion, Self::workload];
                for login in first {
                    if let Some(login) = login(self)? {
                        return Ok(vec![login]);
                    }
                }
                vec![self.managed()?, self.cli()?]
            }
            "secret" => vec![
                self.secret()?
                    .ok_or_else(|| missing("client_secret", "AZURE_CLIENT_SECRET"))?,
            ],
            "certificate" => vec![
                self.certificate()?
                    .ok_or_else(|| missing("client_certificate", "AZURE_CLIENT_CERTIFICATE_PATH"))?,
            ],
            "assertion" => vec![self.assertion()?.ok_or_else(|| {
                self.settings
                    .wrong("client_assertion", "is missing: credential = \"assertion\" needs it")
            })?],
            "workload" => vec![
                self.workload()?
                    .ok_or_else(|| missing("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE"))?,
            ],
            "managed" => vec![self.managed()?],
            "cli" => vec![self.cli()?],
            _ => {
                let words = WORDS.map(|word| format!("\"{word}\"")).join(", ");
                return Err(self.settings.wrong("credential", &format!("must be one of {words}")));
            }
        })
    }

    /// A setting, else the variable that stands for it.
    fn text(&self, key: &str, variable: &str) -> Result<Option<String>, Problem> {
        let own = self.settings.text(key)?;
        let text = own.or_else(|| self.world.text(variable).filter(|_| self.environment));
        Ok(text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn credential(&self, key: &str, variable: &str) -> Result<Option<Credential>, Problem> {
        match self.settings.get(key) {
            Some(Setting::Text(text)) => Ok(given(text)),
            Some(Setting::Secret(reference)) => Ok(Some(Credential::Held(reference.clone()))),
            Some(_) => Err(self.settings.wrong(key, "must be a text or { secret = \"…\" }")),
            None => Ok(self.world.text(variable).filter(|_| self.environment).and_then(given)),
        }
    }

    fn client(&self) -> Result<Option<String>, Problem> {
        self.identifier("client_id", "AZURE_CLIENT_ID")
    }

    fn tenant(&self) -> Result<Option<String>, Problem> {
        self.identifier("tenant_id", "AZURE_TENANT_ID")
    }

    /// It stands in an URL and in messages: letters, digits, dots and dashes, as every id and domain of Entra ID is.
    fn identifier(&self, key: &str, variable: &str) -> Result<Option<String>, Problem> {
        let fits = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        match self.text(key, variable)? {
            Some(text) if !fits(&text) => {
                let why = format!("(or {variable}) is no id: those are letters, digits, dots and dashes");
                Err(self.settings.wrong(key, &why))
            }
            text => Ok(text),
        }
    }

    fn app(&self, needs: &str) -> Result<App, Problem> {
        let missing = |key: &str, variable: &str| {
            let why = format!("(or {variable}) is missing: {needs} needs tenant_id and client_id");
            let problem = self.settings.wrong(key, &why);
            Problem {
                code: &catalogue::AZURE_NO_LOGIN,
                ..problem
            }
            .causes(vec![format!(
                "{key} is not in the configuration, and {variable} is not set for this provider"
            )])
            .fixes(vec![format!("export {variable}=…   or {key} = \"…\" in config.toml")])
        };
        Ok(App {
            tenant: self.tenant()?.ok_or_else(|| missing("tenant_id", "AZURE_TENANT_ID"))?,
            client: self.client()?.ok_or_else(|| missing("client_id", "AZURE_CLIENT_ID"))?,
        })
    }

    fn secret(&self) -> Result<Option<Login>, Problem> {
        let Some(secret) = self.credential("client_secret", "AZURE_CLIENT_SECRET")? else {
            return Ok(None);
        };
        let app = self.app("a client secret")?;
        Ok(Some(Login::Secret { app, secret }))
    }

    fn certificate(&self) -> Result<Option<Login>, Problem> {
        let Some(pem) = self.credential("client_certificate", "AZURE_CLIENT_CERTIFICATE_PATH")? else {
            return Ok(None);
        };
        let app = self.app("a client certificate")?;
        Ok(Some(Login::Certificate { app, pem }))
    }

    fn assertion(&self) -> Result<Option<Login>, Problem> {
        // No variable has a usual name for it: `client_assertion = { secret = "env:CI_JWT" }` names its own.
        let Some(assertion) = self.credential("client_assertion", "")? else {
            return Ok(None);
        };
        let app = self.app("a client assertion")?;
        Ok(Some(Login::Assertion { app, assertion }))
    }

    fn workload(&self) -> Result<Option<Login>, Problem> {
        let Some(file) = self.text("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE")? else {
            return Ok(None);
        };
        let app = self.app("workload identity")?;
        Ok(Some(Login::Workload {
            app,
            file: path(&file, self.world),
        }))
    }

    fn managed(&self) -> Result<Login, Problem> {
        Ok(Login::Managed { client: self.client()? })
    }

    fn cli(&self) -> Result<Login, Problem> {
        Ok(Login::Cli { tenant: self.tenant()? })
    }
}

impl Login {
    /// How it works, as a person would say it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Secret { app, .. } => format!("client secret, app {}", app.client),
            Self::Certificate { app, .. } => format!("client certificate, app {}", app.client),
            Self::Assertion { app, .. } => format!("client assertion, app {}", app.client),
            Self::Workload { app, .. } => format!("workload identity, app {}", app.client),
            Self::Managed { client: Some(client) } => format!("managed identity, app {client}"),
            Self::Managed { client: None } => "managed identity".to_owned(),
            Self::Cli { .. } => "Azure CLI".to_owned(),
        }
    }

    pub(super) fn app(&self) -> Option<&App> {
        match self {
            Self::Secret { app, .. }
            | Self::Certificate { app, .. }
            | Self::Assertion { app, .. }
            | Self::Workload { app, .. } => Some(app),
            Self::Managed { .. } | Self::Cli { .. } => None,
        }
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

fn given(text: &str) -> Option<Credential> {
    let text = text.trim();
    (!text.is_empty()).then(|| Credential::Given(SecretString::from(text)))
}
