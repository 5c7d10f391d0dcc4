//! `vault`: HashiCorp Vault and OpenBao. Reads KV v1 and v2, and credentials that are made for a session, with every login that they have
//! built in.

mod account;
mod api;
mod dynamic;
mod failure;
mod kept;
mod lease;
mod login;
mod loopback;
mod maker;
mod method;
mod path;
mod person;
mod read;
mod refusal;
mod renewal;
mod settings;
mod several;
#[cfg(test)]
mod tests;
mod wrapping;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Client;
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use self::api::{Asker, Envelope, Mounts, Question, parse};
use self::kept::Kept;
use self::login::{Session, Standing, Token};
pub(super) use self::method::needs_person;
use self::path::Engine;
use self::read::Purpose;
use self::settings::{ClientPem, VaultSettings};
use super::net::http::{self, Answer, Fault};
use super::net::ladder::{Ladder, Route};
use super::net::proxy::{self, Hop};
use super::net::retry::Attempts;
use super::net::tls::{self, Pem};
use super::shared::Shared;
use super::{Credentials, Fetched, Inspected, Person, Provider, ProviderConfig, World};
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::status::{ProviderStatus, State};

struct Vault {
    name: String,
    settings: VaultSettings,
    proxy: Option<Hop>,
    credentials: Credentials,
    connection: OnceCell<Connection>,
    session: Session,
    /// Where a person's login is kept.
    kept: Kept,
    /// What is kept goes with the machine's session.
    volatile: bool,
    /// The mounts that were found out. Held while one is asked for, so that ten secrets of one mount ask once.
    mounts: Shared<BTreeMap<String, Engine>>,
    /// How each lease that lives was made.
    leases: maker::Made,
}

struct Connection {
    client: Client,
    route: Route,
}

pub(super) fn open(
    config: &ProviderConfig,
    world: &World,
    credentials: &Credentials,
) -> Result<Arc<dyn Provider>, Problem> {
    let settings = VaultSettings::read(config, world)?;
    Ok(Arc::new(Vault {
        name: config.name.clone(),
        proxy: proxy::of_host(world, settings.https, &settings.host, settings.port)?,
        kept: Kept::new(&world.runtime_folder, &config.name, settings.subject()),
        volatile: world.text("XDG_RUNTIME_DIR").is_some(),
        settings,
        credentials: credentials.clone(),
        connection: OnceCell::new(),
        session: Session::default(),
        mounts: Shared::default(),
        leases: maker::Made::default(),
    }))
}

impl Vault {
    /// Made at the first request; reads certificate files.
    async fn connection(&self) -> Result<&Connection, Problem> {
        let connect = || async {
            let config = if self.settings.https {
                let mut tls = self.settings.tls.clone();
                if let Some((certificate, key)) = &self.settings.client {
                    tls.client = Some((self.client_pem(certificate).await?, self.client_pem(key).await?));
                }
                tls.load().await?
            } else {
                tls::unused()?
            };
            Ok(Connection {
                route: Route {
                    host: self.settings.host.clone(),
                    port: self.settings.port,
                    tls: self.settings.https.then(|| Arc::new(config.clone())),
                    proxy: self.proxy.clone(),
                },
                client: self.client(config)?,
            })
        };
        self.connection.get_or_try_init(connect).await
    }

    fn client(&self, tls: ClientConfig) -> Result<Client, Problem> {
        let settings = &self.settings;
        let proxy = self.proxy.as_ref().map(|hop| hop.client.clone());
        let client = http::client_of(&settings.host, settings.tls_name.is_some(), tls, settings.limit, proxy)?;
        client.ok_or_else(|| {
            let what = format!("provider `{}` has tls_server_name, and a proxy is named", self.name);
            Problem::new(&catalogue::CONFIG_TYPE, what)
                .causes(vec![
                    "a proxy is asked for the name itself, not for another server".to_owned(),
                ])
                .fixes(vec![format!("export NO_PROXY={}", settings.host)])
        })
    }

    /// The name that the server's certificate must have.
    fn certified(&self) -> &str {
        self.settings.tls_name.as_deref().unwrap_or(&self.settings.host)
    }

    async fn client_pem(&self, pem: &ClientPem) -> Result<Pem, Problem> {
        match pem {
            ClientPem::Given(pem) => Ok(pem.clone()),
            ClientPem::Held(reference) => Ok(Pem::Text(self.credentials.read(reference).await?)),
        }
    }

    fn asker<'a>(&'a self, token: Option<&'a Token>) -> Asker<'a> {
        Asker {
            address: &self.settings.asked,
            namespace: self.settings.namespace.as_deref(),
            token: token.map(|token| &token.value),
        }
    }

    /// Sends a question; what can be asked twice is asked again where that may help.
    /// What comes back is an answer to this very question: everything that is wrong with the server itself is a problem.
    async fn ask(&self, question: Result<Question, Fault>) -> Result<(Answer, String), Problem> {
        let connection = self.connection().await?;
        let Question {
            request,
            line,
            idempotent,
        } = match question {
            Ok(question) => question,
            Err(fault) => return Err(self.unanswered(&fault, "the request").await),
        };
        let mut attempts = Attempts::new(idempotent);
        let outcome = loop {
            let Some(copy) = request.try_clone() else {
                break Err(Fault::Unsendable);
            };
            let outcome = http::send(&connection.client, copy).await;
            // A server that is sealed says so when asked, and is not asked again.
            if let Ok(answer) = &outcome
                && answer.status >= 500
                && let Some(problem) = self.state().await
            {
                return Err(problem.note(format!("{line} → {}", answer.status)));
            }
            if !attempts.another(&outcome).await {
                break outcome;
            }
        };
        match outcome {
            Ok(answer) => match self.troubled(&answer, &line).await {
                Some(problem) => Err(problem),
                None => Ok((answer, line)),
            },
            Err(fault) => Err(self.unanswered(&fault, &line).await),
        }
    }

    async fn climb(&self, ladder: &mut Ladder, status: &mut ProviderStatus) -> Result<(), Problem> {
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(problem) => {
                ladder.rung(State::Fail);
                return Err(problem);
            }
        };
        ladder.rung(State::Ok);
        let limit = self.settings.limit;
        connection.route.climb_to(self.certified(), limit, ladder).await?;

        let login = self.prove_login(status).await;
        if let Err(problem) = &login
            && problem.code == &catalogue::NET_TLS
        {
            ladder.broke();
        } else {
            ladder.rung(if login.is_ok() { State::Ok } else { State::Fail });
        }
        let token = login?;

        let (answer, line) = self.ask(self.asker(Some(&token)).mounts("")).await?;
        let mounts: Option<Envelope<Mounts>> = parse(&answer).filter(|_| answer.status == 200);
        match (answer.status, mounts.and_then(|envelope| envelope.data)) {
            (200, Some(mounts)) if !mounts.secret.is_empty() => ladder.rung(State::Ok),
            // Nothing to see does not mean nothing to read: each role's own check tells.
            (200 | 403 | 404, _) => ladder.rung(State::Skipped),
            (status, _) => {
                ladder.rung(State::Fail);
                return Err(self.upstream(&line, status));
            }
        }
        Ok(())
    }

    /// Logs in and says as whom and for how long.
    async fn prove_login(&self, status: &mut ProviderStatus) -> Result<Arc<Token>, Problem> {
        // Asked outright, so that a server that does not answer is given up here and not once a question.
        let (health, _) = self.ask(Asker::health(&self.settings.asked)).await?;
        if let Some(problem) = parse(&health).and_then(|health| self.unwell(&health)) {
            return Err(problem);
        }
        let mut token = self.token().await?;
        let mut standing = self.standing(&token).await?;
        if let Standing::Dead = standing
            && let Some(another) = self.another(&token).await?
        {
            token = another;
            standing = self.standing(&token).await?;
        }
        match standing {
            Standing::Dead => return Err(self.dead_token(&token, "GET /v1/auth/token/lookup-self")),
            Standing::Shy => status.auth = Some(self.login_word().to_owned()),
            Standing::Alive(lookup) => {
                status.auth = Some(format!(
                    "{}, policies {}",
                    self.login_word(),
                    lookup.all_policies().join(", ")
                ));
                status.expires = lookup.expire_time.as_deref().and_then(|time| time.parse().ok());
            }
        }
        Ok(token)
    }
}

#[async_trait]
impl Provider for Vault {
    fn endpoint(&self) -> String {
        match &self.settings.namespace {
            Some(namespace) => format!("{}, namespace {namespace}", self.settings.address),
            None => self.settings.address.clone(),
        }
    }

    fn limit(&self) -> Duration {
        self.settings.limit
    }

    async fn probe(&self) -> ProviderStatus {
        let (mut ladder, mut status) = (Ladder::new(), ProviderStatus::new(&self.name, "vault", self.endpoint()));
        let climbed = self.climb(&mut ladder, &mut status).await;
        let mut status = ladder.ended(status, climbed);
        if status.problem.is_none()
            && let Some(problem) = self.not_renewed()
        {
            status.state = State::Warn;
            status.problem = Some(problem.steps(status.stages.clone()));
        }
        status
    }

    async fn server_time(&self) -> Option<Timestamp> {
        let connection = self.connection().await.ok()?;
        let request = Asker::health(&self.settings.asked).ok()?.request;
        http::send(&connection.client, request).await.ok()?.date
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        match self.without_value(secret).await? {
            Some(inspected) => Ok(inspected),
            None => self.look(secret, keys).await,
        }
    }

    async fn inspect_value(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        if self.makes(secret).await? {
            return self.inspect(secret, keys).await;
        }
        self.look(secret, keys).await
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let mut read = self.read(secret, Purpose::Use).await?;
        self.fetched(&mut read)
    }

    async fn fetch_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        self.read_all(secrets).await
    }

    async fn login(&self, person: &dyn Person) -> Result<String, Problem> {
        self.log_in_with(person).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, Problem> {
        self.renew_lease(lease).await
    }

    async fn revoke(&self, lease: &Lease) -> Result<(), Problem> {
        self.revoke_lease(lease).await
    }

    fn look_for_login(&self) -> bool {
        self.session.outdated.store(true, Ordering::Relaxed);
        true
    }

    async fn leave(&self) {
        self.end_login().await;
    }
}
