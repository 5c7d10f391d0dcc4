//! `aws`: AWS Secrets Manager. Logs in as every AWS client does, and takes roles on.

mod endpoint;
mod failure;
mod inspect;
mod login;
mod machine;
mod origin;
mod process;
mod profiles;
mod rds;
mod reach;
mod read;
mod refusal;
mod settings;
mod sso;
mod transport;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use self::endpoint::Service;
use self::login::{Login, Session, at_login};
use self::read::Place;
use self::settings::AwsSettings;
use self::transport::{Failure, Transport};
use super::climb::warn_of_clear_text;
use super::net::ladder::Ladder;
use super::{Credentials, DatabaseLogin, Fetched, Inspected, Person, Provider, ProviderConfig, World};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::status::{ProviderStatus, State};

/// How long STS is waited for when it is only asked as whom we come: a network with a way to Secrets Manager need not have one to STS.
const IDENTITY_LIMIT: Duration = Duration::from_millis(1500);

struct Aws {
    name: String,
    settings: AwsSettings,
    world: World,
    transport: Transport,
    session: Session,
    /// By region, each with the login that it was made with.
    clients: Mutex<BTreeMap<String, (Arc<Login>, Client)>>,
    /// Whether reading several at once was refused; a policy that forgets it forgets it each time.
    batch_denied: AtomicBool,
}

pub(super) fn open(config: &ProviderConfig, world: &World, _: &Credentials) -> Result<Arc<dyn Provider>, Problem> {
    Ok(Arc::new(new(config, world)?))
}

fn new(config: &ProviderConfig, world: &World) -> Result<Aws, Problem> {
    let settings = AwsSettings::read(config, world)?;
    Ok(Aws {
        name: config.name.clone(),
        transport: Transport::new(&settings, world),
        settings,
        world: world.clone(),
        session: Session::default(),
        clients: Mutex::default(),
        batch_denied: AtomicBool::new(false),
    })
}

impl Aws {
    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, (Arc<Login>, Client)>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Climbs where everything is asked, or `near`, the region of a secret, where nothing says one.
    async fn climb(&self, near: Option<&str>, ladder: &mut Ladder, status: &mut ProviderStatus) -> Result<(), Problem> {
        let config = async {
            let region = self.region_near(near).await?;
            Ok::<_, Problem>((self.route(Service::SecretsManager, &region).await?, region))
        };
        let (route, region) = match config.await {
            Ok(found) => found,
            Err(problem) => {
                ladder.rung(State::Fail);
                return Err(problem);
            }
        };
        ladder.rung(State::Ok);
        route.climb(self.settings.limit, ladder).await?;

        let login = self.prove_login(&region, status).await;
        ladder.rung(if login.is_ok() { State::Ok } else { State::Fail });
        login?;

        // Names only. Who may not list may still read what their roles name: each role's own check tells.
        match self
            .ask(&region, |client| client.list_secrets().max_results(1).send())
            .await?
        {
            Ok(_) => ladder.rung(State::Ok),
            Err((Failure::Refused(refusal), login)) => {
                let words = &login.words;
                let key_id = login.credentials.access_key_id();
                if let Some(problem) = self.login_refused(&refusal, words, key_id, "ListSecrets") {
                    ladder.broke();
                    return Err(problem);
                }
                if !refusal.is_denial() {
                    ladder.rung(State::Fail);
                    return Err(self.unexpected("ListSecrets", &refusal));
                }
                ladder.rung(State::Skipped);
            }
            Err((failure, _)) => {
                ladder.rung(State::Fail);
                return Err(self
                    .unreached(&failure, Service::SecretsManager, &region, "ListSecrets")
                    .await);
            }
        }
        Ok(())
    }

    /// Logs in and says as whom and for how long. Where STS is not to be had, Secrets Manager itself has to show that the login holds.
    async fn prove_login(&self, region: &str, status: &mut ProviderStatus) -> Result<(), Problem> {
        let mut login = self.login_as(None, Some(region)).await?;
        loop {
            status.auth = Some(login.words.clone());
            status.expires = login.credentials.expiry().and_then(|end| end.try_into().ok());
            let sdk = self.sdk(Service::Sts, region, Some(&login.credentials)).await?;
            let client = aws_sdk_sts::Client::new(&sdk);
            let answer = tokio::time::timeout(IDENTITY_LIMIT, client.get_caller_identity().send()).await;
            let Ok(answer) = answer else { return Ok(()) };
            let refusal = match answer.map_err(|error| failure::failure(&error)) {
                Ok(identity) => {
                    if let Some(who) = identity.arn().and_then(principal) {
                        status.auth = Some(format!("{}: {who}", login.words));
                    }
                    return Ok(());
                }
                Err(Failure::Refused(refusal)) => refusal,
                Err(_) => return Ok(()),
            };
            let key_id = login.credentials.access_key_id();
            let Some(problem) = self.login_refused(&refusal, &login.words, key_id, "sts:GetCallerIdentity") else {
                return Ok(());
            };
            match self.another(&login, region).await? {
                Some(another) => login = another,
                None => return Err(problem),
            }
        }
    }
}

/// `user/dev, account 123456789012` of an ARN.
fn principal(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam" | "sts", _, account, who] => Some(format!("{who}, account {account}")),
        _ => None,
    }
}

#[async_trait]
impl Provider for Aws {
    fn endpoint(&self) -> String {
        let world = &self.world;
        let region = self.settings.region.as_deref();
        let region = region
            .or_else(|| world.text("AWS_REGION"))
            .or_else(|| world.text("AWS_DEFAULT_REGION"));
        let profile = self.settings.profile.as_deref().or_else(|| world.text("AWS_PROFILE"));
        let endpoint = self.settings.endpoint.as_deref();
        let parts = [
            endpoint.map(str::to_owned),
            region.map(str::to_owned),
            profile.map(|profile| format!("profile {profile}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            "the default profile".to_owned()
        } else {
            parts.join(", ")
        }
    }

    fn limit(&self) -> Duration {
        self.settings.limit
    }

    async fn probe(&self) -> ProviderStatus {
        self.probe_for(&[]).await
    }

    async fn probe_for(&self, secrets: &[&SecretId]) -> ProviderStatus {
        let near = secrets
            .iter()
            .find_map(|secret| Place::of(secret).ok().and_then(|place| place.region));
        let (mut ladder, mut status) = (Ladder::new(), ProviderStatus::new(&self.name, "aws", self.endpoint()));
        let climbed = self.climb(near.as_deref(), &mut ladder, &mut status).await;
        let mut status = ladder.ended(status, climbed);
        // It may come from the environment or a profile, which the endpoint in words does not tell.
        if let Ok(Some(given)) = self.endpoint_of(Service::SecretsManager).await {
            warn_of_clear_text(&mut status, &given);
        }
        status
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        self.look_at(secret, keys).await
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        self.read(secret).await
    }

    async fn fetch_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        self.read_all(secrets).await
    }

    async fn database_token(&self, login: &DatabaseLogin) -> Result<Fetched, Problem> {
        let region = rds::region(login, self.settings.region.as_deref())?;
        let credentials = self.credentials(login.role_arn.as_deref(), &region).await?;
        let token = rds::token(login, &region, &credentials, jiff::Timestamp::now())?;
        Ok(Fetched {
            warning: rds::misplaced(login, &region, &self.name),
            ..token
        })
    }

    /// In the login's own region: another part of AWS, China's for one, does not know it.
    async fn prove_signer(&self, databases: &[&DatabaseLogin]) -> Result<(), Problem> {
        let near = databases.iter().find_map(|login| rds::region(login, None).ok());
        let Ok(region) = self.region_near(near.as_deref()).await else {
            return Ok(());
        };
        let mut status = ProviderStatus::new(&self.name, "aws", self.endpoint());
        self.prove_login(&region, &mut status).await
    }

    async fn login(&self, person: &dyn Person) -> Result<String, Problem> {
        let profiles = self.profiles().await?;
        let origin = origin::find(&self.settings, &profiles, &self.world)?;
        let Some(sso) = origin.sso() else {
            let what = format!("provider `{}` logs in by itself: {}", self.name, origin.words());
            return Err(Problem::new(&catalogue::PROVIDER_NO_LOGIN, what)
                .fixes(vec![format!("hallpass provider test {}", self.name)]));
        };
        sso::log_in(sso, self, person).await?;
        self.forget().await;
        let login = self.login_as(None, None).await.map_err(at_login)?;
        let until = login
            .credentials
            .expiry()
            .and_then(|end| jiff::Timestamp::try_from(end).ok());
        let until = until.map(|end| format!(", until {}", end.strftime("%Y-%m-%d %H:%M UTC")));
        Ok(format!(
            "{}, account {}{}",
            login.words,
            sso.account,
            until.unwrap_or_default()
        ))
    }
}
