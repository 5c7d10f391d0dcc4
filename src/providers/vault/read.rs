//! Reading a secret: where it is, the request, and what the answer holds.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::api::{Envelope, Mount, Version, Versioned, parse};
use super::login::{Standing, Token};
use super::path::{self, Engine, Kv, Named, Target, looks_dynamic};
use super::{Vault, refusal};
use crate::domain::catalogue;
use crate::domain::lease::Held;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::Payload;
use crate::providers::net::http::Answer;
use crate::providers::{Inspected, seen};

/// A read that the server answered.
pub(super) struct Read {
    pub(super) target: Target,
    pub(super) answer: Answer,
    /// `GET /v1/secret/data/db`.
    pub(super) line: String,
    pub(super) token: Arc<Token>,
    /// What the read has made; of a read that was refused, the token that was to make it: it lives as long as the refusal is asked about.
    pub(super) lease: Option<Held>,
}

/// What a secret is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Use,
    /// Nothing is made for it.
    Look,
}

impl Vault {
    /// Where the secret may be: one place, or several where the server would not say which.
    pub(super) async fn targets(&self, named: &Named, token: &Token) -> Result<Vec<Target>, Problem> {
        let whole = match named {
            // The looks of a path are no proof where the server can say.
            Named::Exactly(target) if target.makes && target.mount.is_none() => {
                let engine = self.mount_of(&target.path, token).await?.map(|(_, engine)| engine);
                let makes = !matches!(engine, Some(Engine::Kv(_)));
                return Ok(vec![Target {
                    makes,
                    ..target.clone()
                }]);
            }
            Named::Exactly(target) => return Ok(vec![target.clone()]),
            Named::MountAndPath(whole) => whole,
        };
        let known = |engine: &dyn Fn(&str) -> Option<Engine>| {
            let longest = path::cuts(whole)
                .filter_map(|(mount, rest)| Some((engine(mount)?, mount, rest)))
                .last();
            longest.map(|(engine, mount, rest)| engine.target(mount, rest))
        };
        if let Some(target) = known(&|mount| self.settings.mounts.get(mount).copied().map(Engine::Kv)) {
            return Ok(vec![target]);
        }
        let mut cuts = path::cuts(whole);
        if let (Some(kv), Some((mount, rest)), None) = (self.settings.kv, cuts.next(), cuts.next()) {
            return Ok(vec![Target::new(kv, mount, rest)]);
        }
        let mut found = self.mounts.wait().await?;
        if let Some(target) = known(&|mount| found.known.get(mount).copied()) {
            return Ok(vec![target]);
        }
        let asked = self.mount_of(whole, token).await;
        if let Some((mount, engine)) = found.ended(asked)? {
            found.known.insert(mount, engine);
            return Ok(known(&|mount| found.known.get(mount).copied()).into_iter().collect());
        }
        // Three cuts are enough for any sane mount, and bound what a wrong path costs.
        let guess = |kv| {
            move |(mount, rest): (&str, &str)| Target {
                makes: kv == Kv::V1 && looks_dynamic(whole),
                ..Target::new(kv, mount, rest)
            }
        };
        let v2 = path::cuts(whole).map(guess(Kv::V2)).take(3);
        let v1 = path::cuts(whole).map(guess(Kv::V1)).take(1);
        Ok(match self.settings.kv {
            Some(Kv::V2) => v2.collect(),
            Some(Kv::V1) => v1.collect(),
            None => v2.chain(v1).collect(),
        })
    }

    /// The mount that an API path belongs to and what it is, as the server says; none where it does not.
    pub(super) async fn mount_of(&self, api: &str, token: &Token) -> Result<Option<(String, Engine)>, Problem> {
        let (answer, _) = self.ask(self.asker(Some(token)).mounts(api)).await?;
        let mount: Option<Envelope<Mount>> = parse(&answer).filter(|_| answer.status == 200);
        Ok(mount.and_then(|envelope| envelope.data).map(|mount| {
            let version = mount.options.get("version").and_then(|version| Kv::of_text(version));
            let engine = match mount.kind.as_str() {
                "kv" => Engine::Kv(version.unwrap_or(Kv::V1)),
                // Stores of values as KV v1 is one.
                "generic" | "cubbyhole" => Engine::Kv(Kv::V1),
                _ => Engine::Maker,
            };
            (mount.path.trim_matches('/').to_owned(), engine)
        }))
    }

    /// Reads the secret, with a new login if the token turns out to be dead.
    pub(super) async fn read(&self, secret: &SecretId, purpose: Purpose) -> Result<Read, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let mut token = self.token().await?;
        let mut read = self.try_to_read(&named, pin, &token, purpose).await?;
        if read.answer.status == 403 {
            let mut standing = self.standing_of(&read, &token).await?;
            if let Standing::Dead = standing
                && let Some(another) = self.another(&token).await?
            {
                token = another;
                read = self.try_to_read(&named, pin, &token, purpose).await?;
                if read.answer.status == 403 {
                    standing = self.standing_of(&read, &token).await?;
                }
            }
            if read.answer.status == 403 {
                return Err(self.refused(secret, &read, &standing).await);
            }
        }
        if read.answer.status == 200 {
            self.worked(&read.token);
            // Metadata without content: the version is gone, however the answer came here.
            if read.target.kv == Kv::V2
                && let Some(version) = refusal::version_gone(&read.answer)
            {
                return Err(self
                    .gone(&read.target, &read.line, read.answer.status, &version, pin, &read.token)
                    .await);
            }
            return Ok(read);
        }
        // What was found out of the mount may no longer hold.
        self.mounts.lock().await.known.clear();
        if read.target.makes {
            return Err(self.not_made(&read));
        }
        Err(self.absent(secret, &read, pin).await)
    }

    /// That of the token which was refused; of the login where a token that was made from it has died alone.
    async fn standing_of(&self, read: &Read, login: &Arc<Token>) -> Result<Standing, Problem> {
        match self.standing(&read.token).await? {
            Standing::Dead if !Arc::ptr_eq(&read.token, login) => self.standing(login).await,
            standing => Ok(standing),
        }
    }

    async fn try_to_read(
        &self,
        named: &Named,
        pin: Option<u64>,
        token: &Arc<Token>,
        purpose: Purpose,
    ) -> Result<Read, Problem> {
        let targets = self.targets(named, token).await?;
        let several = targets.len() > 1;
        let mut best: Option<Read> = None;
        for target in targets {
            if target.kv == Kv::V1 && pin.is_some() {
                let what = format!("`{}` is KV v1, which keeps no versions", target.written());
                return Err(Problem::new(&catalogue::VAULT_KV_VERSION, what)
                    .causes(vec!["the reference pins a version".to_owned()])
                    .fixes(vec!["leave version out of the reference".to_owned()]));
            }
            if target.makes && purpose == Purpose::Look {
                continue;
            }
            let read = if target.makes {
                self.make(target, token).await?
            } else {
                let (answer, line) = self.ask(self.asker(Some(token)).read(&target, pin)).await?;
                Read {
                    target,
                    answer,
                    line,
                    token: Arc::clone(token),
                    lease: None,
                }
            };
            if read.answer.status == 200 {
                if several && let Some(mount) = &read.target.mount {
                    let engine = Engine::Kv(read.target.kv);
                    self.mounts.lock().await.known.insert(mount.clone(), engine);
                }
                return Ok(read);
            }
            if best
                .as_ref()
                .is_none_or(|best| refusal::says_more(&read.answer, &best.answer))
            {
                best = Some(read);
            }
        }
        best.ok_or_else(|| Problem::new(&catalogue::CONFIG_REF_SYNTAX, "the path names no mount"))
    }

    /// What an answer of 200 holds.
    pub(super) fn content(&self, read: &Read) -> Result<(Payload, Option<Version>), Problem> {
        let unusable = || self.upstream(&read.line, 200);
        match read.target.kv {
            Kv::V1 => {
                let envelope: Envelope<&RawValue> = parse(&read.answer).ok_or_else(unusable)?;
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

    /// Whether a read of it would make credentials.
    pub(super) async fn makes(&self, secret: &SecretId) -> Result<bool, Problem> {
        let targets = self.targets(&path::read(secret)?, &*self.token().await?).await?;
        Ok(targets.iter().any(|target| target.makes))
    }

    /// What the value tells, and its version; makes nothing.
    pub(super) async fn look(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let read = self.read(secret, Purpose::Look).await?;
        let (payload, version) = self.content(&read)?;
        let of_version = of_version(version.as_ref());
        Ok(Inspected {
            version: of_version.version,
            changed: of_version.changed,
            expires: of_version.expires,
            ..seen(&payload, keys)
        })
    }

    /// Names and versions without values, where the server has them and the policy lets us; none means: read the value.
    pub(super) async fn without_value(&self, secret: &SecretId) -> Result<Option<Inspected>, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let token = self.token().await?;
        let targets = self.targets(&named, &token).await?;
        if let Some(target) = targets.iter().find(|target| target.makes) {
            return self.look_at_maker(secret, target, &token).await.map(Some);
        }
        let [target] = targets.as_slice() else {
            return Ok(None);
        };
        let (Some(mount), Kv::V2) = (&target.mount, target.kv) else {
            return Ok(None);
        };
        let asker = self.asker(Some(&token));
        let (names, may_read) = futures::join!(
            self.ask(asker.subkeys(mount, &target.path, pin)),
            self.ask(asker.capabilities(&[&target.api()])),
        );
        let ((names, _), (may_read, _)) = (names?, may_read?);
        if names.status != 200 || may_read.status != 200 || !refusal::may_read(&may_read, &target.api()) {
            return Ok(None);
        }
        let Some(versioned) = parse::<Envelope<Versioned<'_>>>(&names).and_then(|envelope| envelope.data) else {
            return Ok(None);
        };
        let keys = versioned
            .subkeys
            .and_then(|keys| Payload::json_object(keys.get().as_bytes()).ok()?.names());
        self.worked(&token);
        Ok(keys.map(|keys| Inspected {
            keys: Some(keys),
            ..of_version(versioned.metadata.as_ref())
        }))
    }
}

pub(super) fn of_version(version: Option<&Version>) -> Inspected {
    Inspected {
        version: version.map(|version| version.version.to_string()),
        changed: version.and_then(Version::changed),
        expires: version.and_then(Version::ends),
        ..Inspected::default()
    }
}

impl Version {
    pub(super) fn changed(&self) -> Option<Timestamp> {
        self.created_time.parse().ok()
    }

    /// When it was deleted, or will be: `delete_version_after` sets that time when the version is written.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.deletion_time.parse().ok()
    }
}
