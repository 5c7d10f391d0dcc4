//! The ways to log in: which are set up, and in which order they are looked for.
//!
//! `credential = "auto"`, the default, takes the first of these that is set up: a client secret, a client certificate, a client assertion,
//! workload identity; else the machine's managed identity, and where it has none, Azure CLI. Any other word takes that login alone.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;
use crate::providers::settings::{Settings, path};
use crate::providers::{Setting, World};

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

/// Where the logins are looked for.
pub(super) struct Logins<'a> {
    pub(super) settings: &'a Settings<'a>,
    pub(super) world: &'a World,
    /// Whether the variables that name an application count.
    pub(super) environment: bool,
}

impl Logins<'_> {
    pub(super) fn chosen(&self, word: &str) -> Result<Vec<Login>, Problem> {
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
            // The configuration has the list, and has refused any other word.
            _ => {
                return Err(self
                    .settings
                    .wrong("credential", "is no login of Azure: hallpass help providers"));
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

fn given(text: &str) -> Option<Credential> {
    let text = text.trim();
    (!text.is_empty()).then(|| Credential::Given(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;
    use crate::providers::ProviderConfig;
    use crate::providers::azure::settings::AzureSettings;

    fn read(name: &str, env: &[(&str, &str)], settings: &[(&str, &str)]) -> Result<Vec<String>, &'static str> {
        let config = ProviderConfig {
            name: name.to_owned(),
            kind: ProviderKind::Azure,
            settings: [("url", "https://company.vault.azure.net")]
                .iter()
                .chain(settings)
                .map(|(key, value)| ((*key).to_owned(), Setting::Text((*value).to_owned())))
                .collect(),
            at: None,
            broken: None,
        };
        AzureSettings::read(&config, &World::of(env))
            .map(|settings| settings.logins.iter().map(Login::words).collect())
            .map_err(|problem| problem.code.id)
    }

    #[test]
    fn logins_are_looked_for_in_order() {
        let app = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
        let secret = ("AZURE_CLIENT_SECRET", "s");
        let certificate = ("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
        let token = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
        let auto = |more: &[(&str, &str)]| read("azure", &[&app[..], more].concat(), &[]).unwrap();
        assert_eq!(auto(&[secret, certificate, token]), ["client secret, app c"]);
        assert_eq!(auto(&[certificate, token]), ["client certificate, app c"]);
        assert_eq!(auto(&[token]), ["workload identity, app c"]);
        assert_eq!(auto(&[]), ["managed identity, app c", "Azure CLI"]);
        assert_eq!(read("azure", &[], &[]).unwrap(), ["managed identity", "Azure CLI"]);

        let chosen = |word| read("azure", &[&app[..], &[secret, token]].concat(), &[("credential", word)]);
        assert_eq!(chosen("workload").unwrap(), ["workload identity, app c"]);
        assert_eq!(chosen("cli").unwrap(), ["Azure CLI"]);
        assert_eq!(chosen("managed").unwrap(), ["managed identity, app c"]);
        assert_eq!(chosen("certificate"), Err("E-CONFIG-TYPE"), "it is not set up");
        assert_eq!(chosen("password"), Err("E-CONFIG-TYPE"));
        assert_eq!(read("azure", &[secret], &[]), Err("E-AZURE-NO-LOGIN"), "of which app");
    }

    #[test]
    fn the_environment_sets_up_the_default_vault_alone() {
        let env = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_SECRET", "s"),
        ];
        assert_eq!(read("payments", &env, &[]).unwrap(), ["managed identity", "Azure CLI"]);
        let asked = read("payments", &env, &[("credential", "secret")]).unwrap();
        assert_eq!(asked, ["client secret, app c"], "unless it says so");
        let own = [("tenant_id", "t2"), ("client_id", "c2"), ("client_secret", "s2")];
        assert_eq!(read("payments", &env, &own).unwrap(), ["client secret, app c2"]);
        assert_eq!(read("azure", &env, &own).unwrap(), ["client secret, app c2"]);
        assert_eq!(read("azure", &env, &[("tenant_id", "a/b")]), Err("E-CONFIG-TYPE"));
    }
}
