//! The verb *check*: which providers and roles are ready, and what to do about the rest. Never prompts, reads metadata where it can.

mod age;
mod field;
mod kept;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;

use self::field::{Answer, Facts};
use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::role::{Role, Source};
use crate::domain::status::{ProviderStatus, RoleStatus, Stage, State};
use crate::launch;
use crate::providers::patience::{self, in_words};
use crate::providers::{Inspected, Lane, Providers, World, climb};

/// A probe that is not older is not made again for a role.
const FRESH: Duration = Duration::from_secs(10);

pub use age::ends_soon;
pub use kept::Kept;

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Metadata wherever a provider has any.
    Metadata,
    /// The values, read as a launch reads them and dropped at once. Credentials that a read would make are not made.
    Value,
}

/// What was found, and when it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<T> {
    pub status: T,
    pub at: Timestamp,
}

/// What a whole check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub providers: Vec<Checked<ProviderStatus>>,
    pub roles: Vec<Checked<RoleStatus>>,
}

impl Report {
    /// How many roles are in this state.
    pub fn count(&self, state: State) -> usize {
        self.roles.iter().filter(|role| role.status.state == state).count()
    }

    /// The gravest state of anything in it.
    pub fn worst(&self) -> State {
        let states = self
            .roles
            .iter()
            .map(|role| role.status.state)
            .chain(self.providers.iter().map(|provider| provider.status.state));
        states.max().unwrap_or(State::Ok)
    }
}

/// Everything a check needs to know.
#[derive(Clone, Copy)]
pub struct Checker<'a> {
    pub config: &'a Config,
    pub providers: &'a Providers,
    pub world: &'a World,
}

/// Until when a check may go on, and the words for it: `--timeout`.
#[derive(Clone, Copy)]
struct Limit {
    until: tokio::time::Instant,
    whole: Duration,
}

/// What one provider is asked.
#[derive(Default)]
struct Questions<'a> {
    /// Whether it answers at all. What makes a token shows by making it that its provider works.
    probe: bool,
    /// The secrets, each with the keys that will be picked.
    secrets: BTreeMap<&'a SecretId, Vec<&'a str>>,
    tokens: Vec<token::Wanted<'a>>,
}

/// What one provider answered.
struct Answers<'a> {
    provider: Option<ProviderStatus>,
    secrets: Vec<(SecretId, Answer)>,
    tokens: token::Statuses<'a>,
}

impl Checker<'_> {
    /// Checks these roles and the providers they use. Each provider goes on by itself: none waits for another one's answers. What is
    /// not answered within `limit` is a problem of its own; without one every question has its own limit only.
    pub async fn roles(&self, names: &[String], limit: Option<Duration>) -> Report {
        self.roles_to(Depth::Metadata, names, limit).await
    }

    async fn roles_to(&self, depth: Depth, names: &[String], limit: Option<Duration>) -> Report {
        let at = Timestamp::now();
        let limit = limit.map(|whole| Limit {
            until: tokio::time::Instant::now() + whole,
            whole,
        });
        let chosen: Vec<&Role> = self
            .config
            .roles
            .iter()
            .filter(|role| names.contains(&role.name))
            .collect();
        let asked = self
            .questions(&chosen)
            .into_iter()
            .map(|(provider, questions)| self.of_provider(provider, questions, depth, limit));
        let mut providers = Vec::new();
        let mut facts = Facts::at(Timestamp::now());
        for answers in join_all(asked).await {
            facts.answers.extend(answers.secrets);
            facts.tokens.extend(answers.tokens);
            providers.extend(answers.provider);
        }
        facts.rotation_warn = self.rotation_warn(providers.iter().map(|status| status.name.as_str()));

        let mut roles: Vec<RoleStatus> = chosen.iter().map(|role| self.role_status(role, &facts)).collect();
        for broken in self.config.broken.iter().filter(|broken| names.contains(&broken.name)) {
            roles.push(RoleStatus {
                name: broken.name.clone(),
                state: State::Fail,
                problem: self.config.problems.get(broken.problem).cloned(),
                provider: None,
                latency_ms: None,
                fields: Vec::new(),
                versions: BTreeMap::new(),
            });
        }
        roles.sort_by_key(|role| names.iter().position(|name| *name == role.name));
        Report {
            providers: providers.into_iter().map(|status| Checked { status, at }).collect(),
            roles: roles.into_iter().map(|status| Checked { status, at }).collect(),
        }
    }

    /// The same, with what an earlier check found where that is not older than `max_age`; what this one finds is kept for the next.
    pub async fn roles_or_kept(
        &self,
        depth: Depth,
        names: &[String],
        limit: Option<Duration>,
        max_age: Option<Duration>,
    ) -> Report {
        let mut kept = Kept::read(*self);
        let since = max_age.map(|age| kept::ago(age, Timestamp::now()));
        let known = |name: &String| kept.role(name, since?);
        let mut roles: Vec<Checked<RoleStatus>> = names.iter().filter_map(known).collect();
        let rest: Vec<String> = names
            .iter()
            .filter(|name| roles.iter().all(|role| role.status.name != **name))
            .cloned()
            .collect();
        let fresh = self.roles_to(depth, &rest, limit).await;
        let used: BTreeSet<&str> = roles
            .iter()
            .filter_map(|known| self.config.roles.iter().find(|role| role.name == known.status.name))
            .flat_map(Role::providers)
            .collect();
        let mut providers = fresh.providers.clone();
        for name in used {
            if providers.iter().all(|known| known.status.name != name) {
                providers.extend(since.and_then(|since| kept.provider(name, since)));
            }
        }
        kept.take(&fresh);
        // Without the file the next check merely asks again.
        let _ = kept.write();
        roles.extend(fresh.roles);
        roles.sort_by_key(|role| names.iter().position(|name| *name == role.status.name));
        Report { providers, roles }
    }

    /// Checks one role; none if there is no role of this name.
    pub async fn role(&self, name: &str) -> Option<RoleStatus> {
        let mut roles = self.roles(&[name.to_owned()], None).await.roles;
        roles.pop().map(|role| role.status)
    }

    /// Climbs one provider's ladder, however short ago that was done.
    pub async fn provider(&self, name: &str) -> ProviderStatus {
        let lane = self.providers.lane(name);
        let mut last = lane.probed.lock().await;
        let status = self.probe(name, &lane, None).await;
        *last = Some((tokio::time::Instant::now(), status.clone()));
        status
    }

    /// Everything that the providers are asked for these roles, each thing once.
    fn questions<'a>(&self, roles: &[&'a Role]) -> BTreeMap<&'a str, Questions<'a>> {
        let mut all: BTreeMap<&str, Questions<'_>> = BTreeMap::new();
        for (role, field) in roles
            .iter()
            .flat_map(|role| role.fields.iter().map(move |field| (*role, field)))
        {
            if let Source::RdsIam(token) = &field.source {
                let wanted = self.token_wanted(role, field, token);
                all.entry(&token.provider).or_default().tokens.push(wanted);
                continue;
            }
            for provider in field.source.providers() {
                all.entry(provider).or_default().probe = true;
            }
            for reference in field.source.references() {
                let questions = all.entry(&reference.id.provider).or_default();
                let keys = questions.secrets.entry(&reference.id).or_default();
                match &field.source {
                    Source::From { keys: candidates, .. } => keys.extend(candidates.iter().map(String::as_str)),
                    _ => keys.extend(reference.key.as_deref()),
                }
            }
        }
        all
    }

    async fn of_provider<'a>(
        &self,
        name: &str,
        questions: Questions<'a>,
        depth: Depth,
        limit: Option<Limit>,
    ) -> Answers<'a> {
        let tokens = self.tokens(name, questions.tokens, limit);
        let (tokens, (provider, secrets)) = if questions.probe {
            let secrets = self.secrets(name, questions.secrets, depth, limit);
            let (tokens, (status, secrets)) = futures::join!(tokens, secrets);
            (tokens, (Some(status), secrets))
        } else {
            (tokens.await, (None, Vec::new()))
        };
        Answers {
            provider,
            secrets,
            tokens,
        }
    }

    /// One provider and its secrets: those are only asked about where it answers at all.
    async fn secrets(
        &self,
        name: &str,
        secrets: BTreeMap<&SecretId, Vec<&str>>,
        depth: Depth,
        limit: Option<Limit>,
    ) -> (ProviderStatus, Vec<(SecretId, Answer)>) {
        let follower = Arc::new(climb::Follower::default());
        let status = match within(limit, follower.follow(self.recent(name, limit))).await {
            Ok(status) => status,
            Err(limit) => self.unprobed(name, out_of_time(name, limit).steps(follower.stages())),
        };
        let problem = status.problem.as_ref().filter(|_| status.state == State::Fail);
        if let Some(problem) = problem {
            let refused = |id: &SecretId| {
                let result = Err(problem.clone());
                (id.clone(), Answer { result, ms: 0 })
            };
            let answers = secrets.into_keys().map(refused).collect();
            return (status, answers);
        }
        let lane = self.providers.lane(name);
        let asked = secrets
            .into_iter()
            .map(|(id, keys)| self.inspect(id, keys, depth, &lane, limit));
        let answers = join_all(asked).await;
        (status, answers)
    }

    /// How the provider is, as a probe found that is under way or was made just now.
    async fn recent(&self, name: &str, limit: Option<Limit>) -> ProviderStatus {
        let lane = self.providers.lane(name);
        let mut last = lane.probed.lock().await;
        if let Some((_, status)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return status.clone();
        }
        let status = self.probe(name, &lane, limit).await;
        *last = Some((tokio::time::Instant::now(), status.clone()));
        status
    }

    async fn probe(&self, name: &str, lane: &Lane, limit: Option<Limit>) -> ProviderStatus {
        let _place = lane.place().await;
        let started = Instant::now();
        let probed = match self.providers.get(name) {
            Err(problem) => Err(problem),
            Ok(provider) => climb::probe(name, &*provider, &self.named_of(name), limit.map(|limit| limit.whole)).await,
        };
        // A new look: what was not answered before may be now.
        lane.answered(true);
        match probed {
            Ok(mut status) => {
                status.latency_ms.get_or_insert(millis(started));
                status
            }
            Err(problem) => self.unprobed(name, problem),
        }
    }

    /// The secrets of this provider that any role names.
    fn named_of(&self, provider: &str) -> Vec<&SecretId> {
        let fields = self.config.roles.iter().flat_map(|role| &role.fields);
        let named = fields.flat_map(|field| field.source.references());
        let ids = named.map(|reference| &reference.id);
        ids.filter(|id| id.provider == provider).collect()
    }

    /// The status of a provider whose probe did not come to an end of its own.
    fn unprobed(&self, name: &str, problem: Problem) -> ProviderStatus {
        let not_built = problem.code == &catalogue::PROVIDER_NOT_BUILT;
        let in_config = Stage {
            name: "config",
            state: State::Fail,
            ms: None,
        };
        ProviderStatus {
            name: name.to_owned(),
            kind: self.config.names.kind_of(name).map_or("", |kind| kind.word()),
            endpoint: self
                .providers
                .get(name)
                .map_or_else(|_| String::new(), |p| p.endpoint()),
            auth: None,
            state: if not_built { State::Skipped } else { State::Fail },
            latency_ms: None,
            expires: None,
            stages: if problem.steps.is_empty() {
                vec![in_config]
            } else {
                problem.steps.clone()
            },
            problem: Some(problem),
        }
    }

    /// Where the provider is; empty for one that cannot be opened.
    fn endpoint(&self, name: &str) -> String {
        let provider = self.providers.get(name);
        provider.map_or_else(|_| String::new(), |provider| provider.endpoint())
    }

    async fn inspect(
        &self,
        id: &SecretId,
        keys: Vec<&str>,
        depth: Depth,
        lane: &Lane,
        limit: Option<Limit>,
    ) -> (SecretId, Answer) {
        let inspect = async {
            let provider = self.providers.get(&id.provider)?;
            match depth {
                Depth::Metadata => provider.inspect(id, &keys).await,
                Depth::Value => provider.inspect_value(id, &keys).await,
            }
        };
        let (result, ms) = self.ask(&id.provider, lane, limit, inspect).await;
        (id.clone(), Answer { result, ms })
    }

    /// Asks a provider one question when there is a place for it, and says how many milliseconds the answer took.
    async fn ask<T>(
        &self,
        name: &str,
        lane: &Lane,
        limit: Option<Limit>,
        question: impl Future<Output = Result<T, Problem>>,
    ) -> (Result<T, Problem>, u64) {
        let own = self
            .providers
            .get(name)
            .map_or(Duration::ZERO, |provider| provider.limit());
        let asked = limit.map(|limit| limit.whole);
        let ask = async {
            let _place = lane.place().await;
            let started = Instant::now();
            if lane.is_silent() {
                return (Err(too_slow(name, own, asked)), 0);
            }
            let until = tokio::time::Instant::now() + climb::step(own, asked);
            let answered = patience::until(until, question).await;
            lane.answered(answered.is_some());
            let result = answered.unwrap_or_else(|| Err(too_slow(name, own, asked)));
            (result, millis(started))
        };
        match within(limit, ask).await {
            Ok(answer) => answer,
            Err(limit) => (Err(out_of_time(name, limit)), 0),
        }
    }

    fn rotation_warn<'n>(&self, providers: impl Iterator<Item = &'n str>) -> BTreeMap<String, Duration> {
        let limit = |name: &str| Some((name.to_owned(), age::rotation_warn(&self.providers.config(name)?)?));
        providers.filter_map(limit).collect()
    }

    fn role_status(&self, role: &Role, facts: &Facts<'_>) -> RoleStatus {
        let fields: Vec<_> = role
            .fields
            .iter()
            .map(|field| field::status(field, role, facts))
            .collect();
        let references = role.fields.iter().flat_map(|field| field.source.references());
        let versions = references.filter_map(|reference| {
            let inspected: &Inspected = facts.answers.get(&reference.id)?.result.as_ref().ok()?;
            Some((reference.id.clone(), inspected.version.clone()?))
        });
        let client = launch::find_client(self.config, role, self.world).err();
        let worst = fields.iter().map(field::gravity).max().unwrap_or(State::Ok);
        let state = worst.max(client.as_ref().map_or(State::Ok, field::gravity_of_client));
        RoleStatus {
            name: role.name.clone(),
            state,
            problem: client,
            provider: main_provider(role),
            latency_ms: fields.iter().filter_map(|field| field.latency_ms).max(),
            versions: versions.collect(),
            fields,
        }
    }
}

/// Waits as long as the whole check may take.
async fn within<T>(limit: Option<Limit>, work: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        None => Ok(work.await),
        Some(limit) => patience::until(limit.until, work).await.ok_or(limit.whole),
    }
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The provider itself was well just now.
fn too_slow(provider: &str, own: Duration, asked: Option<Duration>) -> Problem {
    let limit = in_words(climb::step(own, asked));
    let what = format!("provider `{provider}` gave no answer within {limit}");
    let mut fixes = vec![format!(
        "hallpass provider test {provider}   (which step takes how long)"
    )];
    fixes.extend(climb::more_time(provider, own, asked));
    fixes.push("a launch waits longer than a check: open the role all the same".to_owned());
    Problem::new(&catalogue::NET_TIMEOUT, what)
        .causes(climb::SLOW.map(str::to_owned).to_vec())
        .fixes(fixes)
}

fn out_of_time(provider: &str, limit: Duration) -> Problem {
    let what = format!(
        "the whole check may take {}, and provider `{provider}` had not answered by then",
        in_words(limit)
    );
    Problem::new(&catalogue::NET_TIMEOUT, what).fixes(vec![patience::longer(limit)])
}

/// The provider that most of the role's secrets come from.
pub fn main_provider(role: &Role) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for provider in role.providers() {
        *counts.entry(provider).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name.to_owned())
}
