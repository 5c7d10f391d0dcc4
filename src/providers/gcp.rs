//! `gcp`: Google Secret Manager over its REST interface. Reads versions of global and regional secrets, as every kind of identity
//! that Google's own clients log in as.

mod api;
mod credentials;
mod jwt;
mod login;
mod name;
mod refusal;
mod settings;
mod subject;
mod web;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use tokio::sync::OnceCell;

use self::api::{Accessed, Asked, Damaged, Permissions, Question, Secret, Version, last_part, parse};
use self::credentials::Login;
use self::login::Token;
use self::name::Resource;
use self::refusal::ACCESS;
use self::settings::{GcpSettings, Source};
use self::web::{Purpose, Web};
use super::net::ladder::Ladder;
use super::shared::Shared;
use super::{Credentials, Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::Payload;
use crate::domain::status::{ProviderStatus, State};

struct Gcp {
    name: String,
    settings: GcpSettings,
    web: Web,
    credentials: Credentials,
    world: World,
    /// Held during a login, so that many readers wait for one login.
    session: Shared<Option<Arc<Token>>>,
    /// The project of the machine, once it was asked for.
    machine_project: OnceCell<String>,
}

pub(super) fn open(
    config: &ProviderConfig,
    world: &World,
    credentials: &Credentials,
) -> Result<Arc<dyn Provider>, Problem> {
    let settings = GcpSettings::read(config, world)?;
    Ok(Arc::new(Gcp {
        name: config.name.clone(),
        web: Web::new(&config.name, settings.ca.as_ref(), settings.limit, world),
        settings,
        credentials: credentials.clone(),
        world: world.clone(),
        session: Shared::default(),
        machine_project: OnceCell::new(),
    }))
}

impl Gcp {
    /// The project of short names, where anything says which.
    async fn project(&self) -> Result<Option<String>, Problem> {
        if let Some(project) = &self.settings.project {
            return Ok(Some(project.clone()));
        }
        let token = self.token().await?;
        let identity = &token.identity;
        if let Login::Metadata = identity.login {
            if let Some(known) = self.machine_project.get() {
                return Ok(Some(known.clone()));
            }
            let project = self.machine_project().await?;
            if let Some(project) = &project {
                // Two may have asked at once: they were told the same.
                let _ = self.machine_project.set(project.clone());
            }
            return Ok(project);
        }
        let gcloud = || match self.settings.source {
            Source::WellKnown => credentials::gcloud_project(self.settings.gcloud.as_deref()?),
            _ => None,
        };
        let project = identity
            .project
            .clone()
            .or_else(gcloud)
            .or_else(|| identity.quota_project.clone());
        Ok(project.filter(|project| name::is_project(project)))
    }

    async fn resource(&self, secret: &SecretId) -> Result<Resource, Problem> {
        let named = name::read(secret)?;
        let project = match &named.project {
            Some(project) => project.clone(),
            None => self.project().await?.ok_or_else(|| self.no_project())?,
        };
        Ok(named.in_project(project))
    }

    /// Reads a version with its content.
    async fn access(&self, secret: &SecretId) -> Result<(Payload, String), Problem> {
        let resource = self.resource(secret).await?;
        let question = Question {
            location: resource.location.as_deref(),
            path: format!("{}:access", resource.version()),
            body: None,
        };
        let asked = self.ask(&question).await?;
        let reply = &asked.reply;
        if reply.answer.status != 200 {
            return Err(self.refused(&asked, &resource.project, Some(&resource), ACCESS).await);
        }
        let accessed: Accessed = parse(&reply.answer).ok_or_else(|| reply.upstream(Purpose::Read))?;
        match accessed.payload.value() {
            Ok(value) => Ok((Payload::Text(value), last_part(&accessed.name).to_owned())),
            Err(Damaged::Missing | Damaged::NotBase64) => Err(reply.upstream(Purpose::Read)),
            Err(Damaged::Checksum) => {
                let what = format!("the content of {} is not what its checksum says", resource.version());
                Err(reply.at(Problem::new(&catalogue::GCP_CHECKSUM, what), Purpose::Read))
            }
        }
    }

    /// What metadata says of a version, if it also says that the value may be read; none means: read the value.
    async fn without_value(&self, secret: &SecretId) -> Result<Option<Inspected>, Problem> {
        let resource = self.resource(secret).await?;
        let question = |path: String, body: Option<String>| Question {
            location: resource.location.as_deref(),
            path,
            body,
        };
        let wanted = serde_json::json!({ "permissions": [ACCESS] }).to_string();
        let questions = [
            question(resource.version(), None),
            question(resource.secret(), None),
            question(format!("{}:testIamPermissions", resource.secret()), Some(wanted)),
        ];
        let [version, whole, allowed] = &questions;
        let (version, whole, allowed) = futures::join!(self.ask(version), self.ask(whole), self.ask(allowed));
        let version_asked = version?;
        let reply = &version_asked.reply;
        let Some(allowed) = successful::<Permissions>(allowed) else {
            return Ok(None);
        };
        if !allowed.permissions.iter().any(|permission| permission == ACCESS) || reply.answer.status != 200 {
            return Ok(None);
        }
        let Some(version) = parse::<Version>(&reply.answer) else {
            return Ok(None);
        };
        let number = last_part(&version.name);
        match version.state.as_str() {
            "ENABLED" => Ok(Some(Inspected {
                version: Some(number.to_owned()),
                changed: version.create_time,
                expires: successful::<Secret>(whole).and_then(|secret| secret.expire_time),
                ..Inspected::default()
            })),
            state @ ("DISABLED" | "DESTROYED") => {
                let problem = self.unreadable(&resource, number, state).await;
                Err(reply.at(problem, Purpose::Read))
            }
            _ => Ok(None),
        }
    }

    async fn climb(&self, ladder: &mut Ladder, status: &mut ProviderStatus) -> Result<(), Problem> {
        let endpoint = self.settings.endpoint(None);
        let route = match Url::parse(&endpoint) {
            Ok(url) => self.web.route(&url).await,
            Err(_) => Err(Problem::new(&catalogue::CONFIG_TYPE, "the endpoint is no address")),
        };
        // A file of credentials that cannot be used is a fault of the configuration, whatever the network is like.
        let config = match route {
            // What another provider holds is read once, by the login.
            Ok(route) if matches!(self.settings.source, Source::Held(_)) => Ok(route),
            Ok(route) => self.identity().await.map(|_| route),
            Err(problem) => Err(problem),
        };
        ladder.rung(if config.is_ok() { State::Ok } else { State::Fail });
        config?.climb(self.settings.limit, ladder).await?;

        let login = self.token().await;
        let project = match &login {
            Ok(_) => self.project().await,
            Err(problem) => Err(problem.clone()),
        };
        if login.is_err() {
            ladder.rung(State::Fail);
        }
        let (token, project) = (login?, project?);
        status.auth = Some(self.principal(&token).await.0);
        status.expires = Some(token.until);
        let Some(project) = project else {
            ladder.rung(State::Ok);
            // Full names may be all that is read here.
            ladder.rung(State::Skipped);
            return Ok(());
        };
        // The first question also proves a token that no server was asked for.
        let question = Question {
            location: None,
            path: format!("projects/{project}/secrets?pageSize=1"),
            body: None,
        };
        let asked = self.ask(&question).await;
        let refused = matches!(&asked, Ok(asked) if asked.reply.answer.status == 401);
        ladder.rung(if refused { State::Fail } else { State::Ok });
        let asked = match asked {
            Ok(asked) => asked,
            Err(problem) => {
                ladder.rung(State::Fail);
                return Err(problem);
            }
        };
        if asked.reply.answer.status == 200 {
            ladder.rung(State::Ok);
            return Ok(());
        }
        let problem = self.refused(&asked, &project, None, "secretmanager.secrets.list").await;
        if problem.code == &catalogue::GCP_DENIED {
            // Nothing to see does not mean nothing to read: each role's own check tells.
            ladder.rung(State::Skipped);
            return Ok(());
        }
        if !refused {
            ladder.rung(State::Fail);
        }
        Err(problem)
    }
}

/// The content of an answer that is a success.
fn successful<T: for<'a> serde::Deserialize<'a>>(asked: Result<Asked, Problem>) -> Option<T> {
    let asked = asked.ok().filter(|asked| asked.reply.answer.status == 200)?;
    parse(&asked.reply.answer)
}

#[async_trait]
impl Provider for Gcp {
    fn endpoint(&self) -> String {
        let endpoint = self.settings.endpoint(None);
        match &self.settings.project {
            Some(project) => format!("{endpoint}, project {project}"),
            None => endpoint,
        }
    }

    fn limit(&self) -> Duration {
        self.settings.limit
    }

    async fn probe(&self) -> ProviderStatus {
        let (mut ladder, mut status) = (Ladder::new(), ProviderStatus::new(&self.name, "gcp", self.endpoint()));
        let climbed = self.climb(&mut ladder, &mut status).await;
        ladder.ended(status, climbed)
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        if let Some(inspected) = self.without_value(secret).await? {
            return Ok(inspected);
        }
        let (payload, version) = self.access(secret).await?;
        Ok(Inspected {
            version: Some(version),
            ..seen(&payload, keys)
        })
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let (payload, version) = self.access(secret).await?;
        Ok(Fetched {
            version: Some(version),
            ..Fetched::new(payload)
        })
    }
}
