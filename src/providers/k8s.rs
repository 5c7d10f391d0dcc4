//! `k8s`: Secret objects of a Kubernetes cluster, reached by a kubeconfig's context or a pod's service account.
//!
//! Requests are sent by ourselves and not by `kube`: its client goes by the process environment, starts login plugins on our terminal
//! with no limit and no end, has no cap on answers, and quotes what plugins print.

mod access;
mod api;
mod expiry;
mod failure;
mod kubeconfig;
mod login;
mod name;
mod plugin;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::access::{Access, Login};
use self::api::{Object, Question, Review, parse};
use self::login::{Ground, Session};
use self::name::Name;
use self::settings::K8sSettings;
use super::net::http::{Answer, Fault};
use super::net::ladder::Ladder;
use super::net::retry;
use super::shared::Shared;
use super::{Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::Payload;
use crate::domain::status::{ProviderStatus, State};

struct Kubernetes {
    name: String,
    settings: K8sSettings,
    world: World,
    ground: Shared<Option<Arc<Ground>>>,
    /// The cluster in words, once its files were read.
    endpoint: Mutex<Option<String>>,
}

/// An answer about one secret, and how it was come by.
struct Asked {
    ground: Arc<Ground>,
    answer: Answer,
    line: String,
}

pub(super) fn open(config: &ProviderConfig, world: &World) -> Result<Arc<dyn Provider>, Problem> {
    Ok(Arc::new(Kubernetes {
        name: config.name.clone(),
        settings: K8sSettings::read(config, world)?,
        world: world.clone(),
        ground: Shared::default(),
        endpoint: Mutex::default(),
    }))
}

impl Kubernetes {
    async fn send(&self, ground: &Ground, session: &Session, question: &Question) -> Result<Answer, Fault> {
        let request = question.request(&ground.access, session.authorization.as_ref())?;
        retry::send_again(&session.client, request, true).await
    }

    /// An answer that may as well not come.
    async fn quietly(&self, ground: &Ground, session: &Session, question: Question) -> Option<Answer> {
        self.send(ground, session, &question).await.ok()
    }

    /// Asks, with another login if the cluster does not accept the one in use. What comes back is an answer to this very question:
    /// everything that is wrong with the cluster or the login is a problem.
    async fn ask(&self, ground: &Ground, question: &Question) -> Result<(Answer, Arc<Session>), Problem> {
        let line = question.line();
        let mut session = self.session(ground).await?;
        let mut outcome = self.send(ground, &session, question).await;
        if matches!(&outcome, Ok(answer) if answer.status == 401)
            && let Some(another) = self.another(ground, &session).await?
        {
            session = another;
            outcome = self.send(ground, &session, question).await;
        }
        let answer = match outcome {
            Ok(answer) => answer,
            Err(fault) => return Err(self.unanswered(ground, &fault, &line).await),
        };
        if answer.status == 401 {
            return Err(self.unauthorised(ground, &session, &line));
        }
        match self.troubled(ground, &answer, &line) {
            Some(problem) => Err(problem),
            None => Ok((answer, session)),
        }
    }

    /// Asks about one secret; what is answered with anything but 200 and 406 is a problem.
    async fn about(&self, id: &SecretId, question: fn(&Name) -> Question) -> Result<Asked, Problem> {
        let ground = self.ground().await?;
        let name = name::read(id, &ground.access.namespace)?;
        let question = question(&name);
        let line = question.line();
        let (answer, session) = self.ask(&ground, &question).await?;
        match answer.status {
            200 | 406 => Ok(Asked { ground, answer, line }),
            403 => Err(self.forbidden(&ground, &answer, &name, &line)),
            404 => Err(self.absent(&ground, &session, id, &name, &answer, &line).await),
            status => Err(self.upstream(&ground, &line, status)),
        }
    }

    fn content(&self, asked: &Asked) -> Result<Fetched, Problem> {
        let unusable = || self.upstream(&asked.ground, &asked.line, asked.answer.status);
        let object: Object<'_> = parse(&asked.answer).filter(Object::is_secret).ok_or_else(unusable)?;
        let payload: Payload = object.payload().map_err(|key| {
            let cause = format!("the value of the key `{key}` is not base64, which the API sends values in");
            unusable().causes(vec![cause])
        })?;
        Ok(Fetched {
            version: object.version(),
            changed: object.changed(),
            ..Fetched::new(payload)
        })
    }

    async fn climb(&self, ladder: &mut Ladder, status: &mut ProviderStatus) -> Result<(), Problem> {
        let ground = match self.ground().await {
            Ok(ground) => ground,
            Err(problem) => {
                ladder.rung(State::Fail);
                return Err(problem);
            }
        };
        status.endpoint = self.know(&ground.access);
        ladder.rung(State::Ok);
        let limit = self.settings.limit;
        let name = ground.access.certified_name();
        ground.route.climb_to(name, limit, ladder).await?;

        let login = self.prove_login(&ground, status).await;
        if let Err(problem) = &login
            && problem.code == &catalogue::NET_TLS
        {
            ladder.broke();
        } else {
            ladder.rung(if login.is_ok() { State::Ok } else { State::Fail });
        }
        login?;

        let question = Question::may_get(&ground.access.namespace);
        let (answer, _) = self.ask(&ground, &question).await?;
        let may = answer.status == 201 && parse::<Review>(&answer).is_some_and(|review| review.allowed());
        // Not all secrets of the namespace does not mean none: each role's own check tells.
        ladder.rung(if may { State::Ok } else { State::Skipped });
        Ok(())
    }

    /// Logs in and says as whom and until when.
    async fn prove_login(&self, ground: &Ground, status: &mut ProviderStatus) -> Result<(), Problem> {
        let access = &ground.access;
        let how = match &access.login {
            Login::Plugin(plugin) => {
                let program = plugin.command.rsplit('/').next().unwrap_or_default();
                format!("exec plugin {program}")
            }
            Login::Token(_) => "token".to_owned(),
            Login::TokenFile(..) => "token file".to_owned(),
            Login::Password(..) => "password".to_owned(),
            Login::None if access.tls.client.is_some() => "client certificate".to_owned(),
            Login::None => "no login".to_owned(),
        };
        let question = Question::who_am_i();
        let (answer, session) = self.ask(ground, &question).await?;
        let known_as = match answer.status {
            201 => parse::<Review>(&answer).and_then(|review| review.user().map(str::to_owned)),
            // Older than 1.28, or not allowed to ask: a login that is no good would have been answered 401.
            403 | 404 => None,
            status => return Err(self.upstream(ground, &question.line(), status)),
        };
        let known_as = known_as.map(|user| format!(", known as {user}")).unwrap_or_default();
        status.auth = Some(format!("{}, {how}{known_as}", access.who()));
        status.expires = session.expires;
        Ok(())
    }

    /// Keeps where the cluster is, for those who ask before it was found again.
    fn know(&self, access: &Access) -> String {
        let address = access.address();
        let words = match &access.context {
            Some(context) => format!("context {context}, {address}"),
            None => format!("{address}, from inside the pod"),
        };
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.clone());
        words
    }
}

#[async_trait]
impl Provider for Kubernetes {
    fn endpoint(&self) -> String {
        let known = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What is kept of an earlier check is about the cluster, not about the context's name: the files are read for it.
        let found = || Some(self.know(&Access::find(&self.settings, &self.name).ok()?));
        known.or_else(found).unwrap_or_else(|| match &self.settings.context {
            Some(context) => format!("context {context}"),
            None => "the kubeconfig's current context".to_owned(),
        })
    }

    fn limit(&self) -> Duration {
        self.settings.limit
    }

    async fn probe(&self) -> ProviderStatus {
        let (mut ladder, mut status) = (Ladder::new(), ProviderStatus::new(&self.name, "k8s", self.endpoint()));
        let climbed = self.climb(&mut ladder, &mut status).await;
        ladder.ended(status, climbed)
    }

    /// By the metadata alone where the writers that are noted there have written every key that is asked for. Who may get the one may get
    /// the other, so this also tells that the secret can be read.
    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let asked = self.about(secret, Question::metadata).await?;
        if let Some(object) = parse::<Object<'_>>(&asked.answer).filter(Object::is_metadata) {
            let written = object.written_keys();
            if !written.is_empty() && keys.iter().all(|key| written.contains(*key)) {
                return Ok(Inspected {
                    keys: Some(written.into_iter().collect()),
                    version: object.version(),
                    changed: object.changed(),
                    ..Inspected::default()
                });
            }
        }
        let fetched = self.fetch(secret).await?;
        Ok(Inspected {
            version: fetched.version,
            changed: fetched.changed,
            ..seen(&fetched.payload, keys)
        })
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let asked = self.about(secret, Question::secret).await?;
        self.content(&asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;

    #[test]
    fn the_cluster_is_known_before_it_was_asked() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
             contexts: [{ name: prod, context: { cluster: eu, user: me } }]\n\
             clusters: [{ name: eu, cluster: { server: 'https://10.4.0.1:6443' } }]\n\
             users: [{ name: me, user: { token: t } }]\n";
        std::fs::write(&file, text).unwrap();
        let world = World::of(&[("KUBECONFIG", file.to_str().unwrap())]);
        let provider = open(&ProviderConfig::of("k8s", ProviderKind::K8s, &[]), &world)
            .ok()
            .unwrap();
        assert_eq!(provider.endpoint(), "context prod, https://10.4.0.1:6443");
    }
}
