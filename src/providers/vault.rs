//! `vault`: HashiCorp Vault and OpenBao. Reads KV v1 and v2, with a token or AppRole.

mod api;
mod failure;
mod login;
mod path;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Client, Proxy};
use tokio::sync::{Mutex, OnceCell};

use self::api::{Asker, Envelope, Mount, Mounts, Question, Version, Versioned, parse};
use self::login::{Session, Standing, Token};
use self::path::{Kv, Named, Target};
use self::settings::VaultSettings;
use super::net::http::{self, Answer, Fault};
use super::net::ladder::{Ladder, Route};
use super::net::tls;
use super::{Credentials, Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::Payload;
use crate::domain::status::{ProviderStatus, State};

/// One rung of the ladder takes no longer than this.
const RUNG_LIMIT: Duration = Duration::from_secs(3);

struct Vault {
    name: String,
    settings: VaultSettings,
    proxy: Option<Proxy>,
    credentials: Credentials,
    connection: OnceCell<Connection>,
    session: Session,
    /// The mounts that were found out. Held while one is asked for, so that ten secrets of one mount ask once.
    mounts: Mutex<BTreeMap<String, Kv>>,
}

struct Connection {
    client: Client,
    route: Route,
}

/// A read that the server answered.
struct Read {
    target: Target,
    answer: Answer,
    /// `GET /v1/secret/data/db`.
    line: String,
    token: Arc<Token>,
}

pub(super) fn open(
    config: &ProviderConfig,
    world: &World,
    credentials: &Credentials,
) -> Result<Arc<dyn Provider>, Problem> {
    let settings = VaultSettings::read(config, world)?;
    Ok(Arc::new(Vault {
        name: config.name.clone(),
        proxy: http::proxy(world, settings.https, &settings.host)?,
        settings,
        credentials: credentials.clone(),
        connection: OnceCell::new(),
        session: Session::default(),
        mounts: Mutex::default(),
    }))
}

impl Vault {
    /// Made at the first request; reads certificate files.
    async fn connection(&self) -> Result<&Connection, Problem> {
        let connect = || async {
            let settings = self.settings.clone();
            let config = if settings.https {
                // The system's store takes 15–30 ms to read: not on a thread that others wait for.
                tokio::task::spawn_blocking(move || settings.tls.config())
                    .await
                    .map_err(|_| Problem::new(&catalogue::NET_CERT, "TLS cannot be set up"))??
            } else {
                tls::unused()?
            };
            Ok(Connection {
                route: Route {
                    host: self.settings.host.clone(),
                    port: self.settings.port,
                    tls: self.settings.https.then(|| Arc::new(config.clone())),
                    proxied: self.proxy.is_some(),
                },
                client: http::client(config, self.settings.limit, self.proxy.clone())?,
            })
        };
        self.connection.get_or_try_init(connect).await
    }

    fn asker<'a>(&'a self, token: Option<&'a Token>) -> Asker<'a> {
        Asker {
            address: &self.settings.address,
            namespace: self.settings.namespace.as_deref(),
            token: token.map(|token| &token.value),
        }
    }

    /// Sends a question; a broken connection or a server's fault is tried once more if nothing can be done twice by it.
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
        let again = request.try_clone().filter(|_| idempotent);
        let first = http::send(&connection.client, request).await;
        let worth_another = match &first {
            Err(Fault::Broken) => true,
            Ok(answer) if answer.status >= 500 => match self.state().await {
                Some(problem) => return Err(problem.note(format!("{line} → {}", answer.status))),
                None => true,
            },
            _ => false,
        };
        let last = match again.filter(|_| worth_another) {
            Some(request) => {
                tokio::time::sleep(jitter()).await;
                http::send(&connection.client, request).await
            }
            None => first,
        };
        match last {
            Ok(answer) => match self.troubled(&answer, &line).await {
                Some(problem) => Err(problem),
                None => Ok((answer, line)),
            },
            Err(fault) => Err(self.unanswered(&fault, &line).await),
        }
    }

    /// Where the secret may be: one place, or several where the server would not say which.
    async fn targets(&self, named: &Named, token: &Token) -> Result<Vec<Target>, Problem> {
        let whole = match named {
            Named::Exactly(target) => return Ok(vec![target.clone()]),
            Named::MountAndPath(whole) => whole,
        };
        let known = |mounts: &BTreeMap<String, Kv>| {
            let longest = path::cuts(whole)
                .filter_map(|(mount, rest)| Some((mounts.get(mount)?, mount, rest)))
                .last();
            longest.map(|(kv, mount, rest)| Target::new(*kv, mount, rest))
        };
        if let Some(target) = known(&self.settings.mounts) {
            return Ok(vec![target]);
        }
        let mut cuts = path::cuts(whole);
        if let (Some(kv), Some((mount, rest)), None) = (self.settings.kv, cuts.next(), cuts.next()) {
            return Ok(vec![Target::new(kv, mount, rest)]);
        }
        let mut found = self.mounts.lock().await;
        if let Some(target) = known(&found) {
            return Ok(vec![target]);
        }
        if let Some((mount, kv)) = self.mount_of(whole, token).await? {
            found.insert(mount, kv);
            return Ok(known(&found).into_iter().collect());
        }
        // Three cuts are enough for any sane mount, and bound what a wrong path costs.
        let guess = |kv| move |(mount, rest): (&str, &str)| Target::new(kv, mount, rest);
        let v2 = path::cuts(whole).map(guess(Kv::V2)).take(3);
        let v1 = path::cuts(whole).map(guess(Kv::V1)).take(1);
        Ok(match self.settings.kv {
            Some(Kv::V2) => v2.collect(),
            Some(Kv::V1) => v1.collect(),
            None => v2.chain(v1).collect(),
        })
    }

    /// The mount that an API path belongs to and its version, as the server says; none where it does not.
    async fn mount_of(&self, api: &str, token: &Token) -> Result<Option<(String, Kv)>, Problem> {
        let (answer, _) = self.ask(self.asker(Some(token)).mounts(api)).await?;
        let mount: Option<Envelope<Mount>> = parse(&answer).filter(|_| answer.status == 200);
        Ok(mount.and_then(|envelope| envelope.data).map(|mount| {
            let version = mount.options.get("version").and_then(|version| Kv::of_text(version));
            let kv = version.filter(|_| mount.kind == "kv").unwrap_or(Kv::V1);
            (mount.path.trim_matches('/').to_owned(), kv)
        }))
    }

    /// Reads the secret, with a new login if the token turns out to be dead.
    async fn read(&self, secret: &SecretId) -> Result<Read, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let mut token = self.token().await?;
        let mut read = self.try_to_read(&named, pin, &token).await?;
        if read.answer.status == 403 {
            let mut standing = self.standing(&token).await?;
            if let Standing::Dead = standing
                && let Some(another) = self.another(&token).await?
            {
                token = another;
                read = self.try_to_read(&named, pin, &token).await?;
                if read.answer.status == 403 {
                    standing = self.standing(&token).await?;
                }
            }
            if read.answer.status == 403 {
                return Err(self.refused(secret, &read, &standing).await);
            }
        }
        if read.answer.status == 200 {
            self.session_worked();
            return Ok(read);
        }
        // What was found out of the mount may no longer hold.
        self.mounts.lock().await.clear();
        Err(self.absent(secret, &read, pin).await)
    }

    fn session_worked(&self) {
        self.worked();
    }

    async fn try_to_read(&self, named: &Named, pin: Option<u64>, token: &Arc<Token>) -> Result<Read, Problem> {
        let targets = self.targets(named, token).await?;
        let several = targets.len() > 1;
        let mut best: Option<Read> = None;
        for target in targets {
            if target.kv == Kv::V1 && pin.is_some() {
                let what = format!("`{}` is KV v1, which keeps no versions", target.written());
                let problem = Problem::new(&catalogue::VAULT_KV_VERSION, what).causes(Vec::new());
                return Err(problem.fixes(vec!["leave version out of the reference".to_owned()]));
            }
            let (answer, line) = self.ask(self.asker(Some(token)).read(&target, pin)).await?;
            let read = Read {
                target,
                answer,
                line,
                token: Arc::clone(token),
            };
            if read.answer.status == 200 {
                if several && let Some(mount) = &read.target.mount {
                    self.mounts.lock().await.insert(mount.clone(), read.target.kv);
                }
                return Ok(read);
            }
            if best
                .as_ref()
                .is_none_or(|best| failure::says_more(&read.answer, &best.answer))
            {
                best = Some(read);
            }
        }
        best.ok_or_else(|| Problem::new(&catalogue::REF_SYNTAX, "the path names no mount"))
    }

    /// What an answer of 200 holds.
    fn content(&self, read: &Read) -> Result<(Payload, Option<Version>), Problem> {
        let unusable = || self.upstream(&read.line, 200);
        match read.target.kv {
            Kv::V1 => {
                let envelope: Envelope<&serde_json::value::RawValue> = parse(&read.answer).ok_or_else(unusable)?;
                let data = envelope.data.ok_or_else(unusable)?;
                let payload = Payload::json_object(data.get().as_bytes()).map_err(|_| unusable())?;
                Ok((payload, None))
            }
            Kv::V2 => {
                let envelope: Envelope<Versioned<'_>> = parse(&read.answer).ok_or_else(unusable)?;
                let versioned = envelope.data.ok_or_else(unusable)?;
                let (Some(data), Some(metadata)) = (versioned.data, versioned.metadata) else {
                    return Err(self.other_kv(&read.target, &read.line, 200, Kv::V1));
                };
                let payload = Payload::json_object(data.get().as_bytes()).map_err(|_| unusable())?;
                Ok((payload, Some(metadata)))
            }
        }
    }

    /// Names and versions without values, where the server has them and the policy lets us; none means: read the value.
    async fn without_value(&self, secret: &SecretId) -> Result<Option<Inspected>, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let token = self.token().await?;
        let targets = self.targets(&named, &token).await?;
        let [target] = targets.as_slice() else {
            return Ok(None);
        };
        let (Some(mount), Kv::V2) = (&target.mount, target.kv) else {
            return Ok(None);
        };
        let asker = self.asker(Some(&token));
        let (names, may_read) = futures::join!(
            self.ask(asker.subkeys(mount, &target.path, pin)),
            self.ask(asker.capabilities(&target.api())),
        );
        let ((names, _), (may_read, _)) = (names?, may_read?);
        if names.status != 200 || may_read.status != 200 || !failure::may_read(&may_read, &target.api()) {
            return Ok(None);
        }
        let Some(versioned) = parse::<Envelope<Versioned<'_>>>(&names).and_then(|envelope| envelope.data) else {
            return Ok(None);
        };
        let keys = versioned
            .subkeys
            .and_then(|keys| Payload::json_object(keys.get().as_bytes()).ok()?.names());
        self.worked();
        Ok(keys.map(|keys| Inspected {
            keys: Some(keys),
            ..of_version(versioned.metadata.as_ref())
        }))
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
        connection
            .route
            .climb(self.settings.limit.min(RUNG_LIMIT), ladder)
            .await?;

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
        if let Some(problem) = self.state().await {
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

    async fn probe(&self) -> ProviderStatus {
        let mut status = ProviderStatus {
            name: self.name.clone(),
            kind: "vault",
            endpoint: self.endpoint(),
            auth: None,
            state: State::Ok,
            problem: None,
            latency_ms: None,
            expires: None,
            stages: Vec::new(),
        };
        let mut ladder = Ladder::new();
        if let Err(problem) = self.climb(&mut ladder, &mut status).await {
            status.state = State::Fail;
            status.problem = Some(problem.steps(ladder.stages()));
        }
        status.latency_ms = Some(ladder.millis());
        status.stages = ladder.stages();
        status
    }

    async fn inspect(&self, secret: &SecretId, key: Option<&str>) -> Result<Inspected, Problem> {
        if let Some(inspected) = self.without_value(secret).await? {
            return Ok(inspected);
        }
        let read = self.read(secret).await?;
        let (payload, version) = self.content(&read)?;
        Ok(Inspected {
            version: version.as_ref().map(|version| version.version.to_string()),
            changed: version.as_ref().and_then(Version::changed),
            ..seen(&payload, key)
        })
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let read = self.read(secret).await?;
        let (payload, version) = self.content(&read)?;
        let Inspected { version, changed, .. } = of_version(version.as_ref());
        Ok(Fetched {
            payload,
            version,
            changed,
        })
    }
}

fn of_version(version: Option<&Version>) -> Inspected {
    Inspected {
        version: version.map(|version| version.version.to_string()),
        changed: version.and_then(Version::changed),
        ..Inspected::default()
    }
}

impl Version {
    fn changed(&self) -> Option<Timestamp> {
        self.created_time.parse().ok()
    }
}

/// 50 to 150 ms, so that many clients of one server do not come back at once.
fn jitter() -> Duration {
    let mut byte = [0u8; 1];
    // Without random numbers the pause is merely less random.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(50 + u64::from(byte[0]) * 100 / 255)
}
