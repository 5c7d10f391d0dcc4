//! `azure`: the secrets of Azure Key Vault, as an application, a managed identity, a workload or the person of Azure CLI.

mod assertion;
mod cli;
mod cloud;
mod entra;
mod failure;
mod login;
mod logins;
mod managed;
mod name;
mod read;
mod server;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::cloud::Challenge;
use self::login::Token;
use self::name::Name;
use self::server::{Purpose, Server};
use self::settings::AzureSettings;
use super::net::ladder::Ladder;
use super::net::proxy::{self, Hop};
use super::shared::Shared;
use super::{Credentials, Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::status::{ProviderStatus, State};

struct Azure {
    name: String,
    settings: AzureSettings,
    world: World,
    credentials: Credentials,
    proxies: Proxies,
    connection: OnceCell<Connection>,
    /// Which token the vault wants. Held while it is asked.
    challenge: Shared<Option<Challenge>>,
    /// The token in use. Held during a login, so that many readers wait for one.
    session: Shared<Option<Arc<Token>>>,
}

struct Proxies {
    vault: Option<Hop>,
    authority: Option<Hop>,
}

/// The vault and the place where its tokens come from.
struct Connection {
    vault: Server,
    authority: Server,
}

pub(super) fn open(
    config: &ProviderConfig,
    world: &World,
    credentials: &Credentials,
) -> Result<Arc<dyn Provider>, Problem> {
    let settings = AzureSettings::read(config, world)?;
    let authority = settings.authority.host_str().unwrap_or_default();
    let port = |url: &reqwest::Url| url.port_or_known_default().unwrap_or(443);
    let proxies = Proxies {
        vault: proxy::of_host(world, true, settings.host(), port(&settings.address))?,
        authority: proxy::of_host(world, true, authority, port(&settings.authority))?,
    };
    Ok(Arc::new(Azure {
        name: config.name.clone(),
        settings,
        world: world.clone(),
        credentials: credentials.clone(),
        proxies,
        connection: OnceCell::new(),
        challenge: Shared::default(),
        session: Shared::default(),
    }))
}

impl Azure {
    /// Made at the first request; reads the certificate file.
    async fn connection(&self) -> Result<&Connection, Problem> {
        let connect = || async {
            let tls = self.settings.tls.clone().load().await?;
            let server = |purpose, url, proxy: &Option<Hop>| {
                Server::new(
                    purpose,
                    url,
                    tls.clone(),
                    proxy.clone(),
                    self.settings.limit,
                    &self.name,
                )
            };
            Ok(Connection {
                vault: server(Purpose::Vault, &self.settings.address, &self.proxies.vault)?,
                authority: server(Purpose::Login, &self.settings.authority, &self.proxies.authority)?,
            })
        };
        self.connection.get_or_try_init(connect).await
    }

    /// `https://company.vault.azure.net`.
    fn address(&self) -> String {
        self.settings.address.origin().ascii_serialization()
    }

    async fn climb(&self, ladder: &mut Ladder, status: &mut ProviderStatus) -> Result<(), Problem> {
        let connection = self.connection().await;
        ladder.rung(if connection.is_ok() { State::Ok } else { State::Fail });
        let vault = &connection?.vault;
        let climbed = vault.route.climb(self.settings.limit, ladder).await;
        climbed.map_err(|problem| vault.explained(problem))?;

        let proven = self.prove_login("/secrets?maxresults=1").await;
        match &proven {
            Err(problem) if problem.code == &catalogue::NET_TLS => ladder.broke(),
            Err(_) => ladder.rung(State::Fail),
            Ok(_) => ladder.rung(State::Ok),
        }
        let token = proven?;
        status.auth = Some(token.words.clone());
        status.expires = Some(token.expires);

        let asked = match self.ask("/secrets?maxresults=1").await {
            Ok(asked) => asked,
            Err(problem) => {
                ladder.rung(State::Fail);
                return Err(problem);
            }
        };
        match asked.answer.status {
            200 => ladder.rung(State::Ok),
            // Nothing to list does not mean nothing to read: each role's own check tells. A firewall lets nobody read.
            403 => {
                let problem = self.forbidden(&asked.answer, &asked.line, None, Some(&asked.token));
                if problem.code == &catalogue::AZURE_FIREWALL {
                    ladder.rung(State::Fail);
                    return Err(problem);
                }
                ladder.rung(State::Skipped);
            }
            status => {
                ladder.rung(State::Fail);
                return Err(vault.upstream(&asked.line, status));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for Azure {
    fn endpoint(&self) -> String {
        self.address()
    }

    fn limit(&self) -> Duration {
        self.settings.limit
    }

    async fn probe(&self) -> ProviderStatus {
        let (mut ladder, mut status) = (Ladder::new(), ProviderStatus::new(&self.name, "azure", self.endpoint()));
        let climbed = self.climb(&mut ladder, &mut status).await;
        ladder.ended(status, climbed)
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let name = Name::read(secret)?;
        if let Some(inspected) = self.without_value(&name, keys).await? {
            return Ok(inspected);
        }
        let fetched = self.read(&name).await?;
        let mut inspected = seen(&fetched.payload, keys);
        inspected.version = fetched.version;
        inspected.changed = fetched.changed;
        inspected.expires = fetched.expires;
        Ok(inspected)
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        self.read(&Name::read(secret)?).await
    }
}
