//! The verb *check*: which providers and roles are ready, and what to do about the rest. Never prompts, reads metadata where it can.

mod field;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::role::{Role, Source};
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, Stage, State};
use crate::launch;
use crate::providers::{Inspected, Providers, World};

/// How many questions are under way at once.
const AT_ONCE: usize = 8;
/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a whole check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub providers: Vec<ProviderStatus>,
    pub roles: Vec<RoleStatus>,
}

impl Report {
    /// How many roles are in this state.
    pub fn count(&self, state: State) -> usize {
        self.roles.iter().filter(|role| role.state == state).count()
    }

    /// The gravest state of anything in it.
    pub fn worst(&self) -> State {
        let states = self
            .roles
            .iter()
            .map(|role| role.state)
            .chain(self.providers.iter().map(|provider| provider.state));
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

impl Checker<'_> {
    /// Checks these roles and the providers they use.
    pub async fn roles(&self, names: &[String]) -> Report {
        let chosen: Vec<&Role> = self
            .config
            .roles
            .iter()
            .filter(|role| names.contains(&role.name))
            .collect();
        let used: BTreeSet<&str> = chosen
            .iter()
            .flat_map(|role| role.fields.iter().map(move |field| (*role, field)))
            // What makes a token shows by making it that its provider works.
            .filter(|(role, field)| self.token_login(role, field).is_none())
            .flat_map(|(_, field)| field.source.providers())
            .collect();
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let providers = join_all(used.iter().map(|name| self.provider_gated(name, &gate))).await;
        let failed: BTreeMap<&str, &Problem> = providers
            .iter()
            .filter(|status| status.state == State::Fail)
            .filter_map(|status| Some((status.name.as_str(), status.problem.as_ref()?)))
            .collect();

        let mut wanted: BTreeMap<&SecretId, Vec<&str>> = BTreeMap::new();
        for source in chosen.iter().flat_map(|role| &role.fields).map(|field| &field.source) {
            for reference in source.references() {
                let keys = wanted.entry(&reference.id).or_default();
                match source {
                    Source::From { keys: candidates, .. } => keys.extend(candidates.iter().map(String::as_str)),
                    _ => keys.extend(reference.key.as_deref()),
                }
            }
        }
        let open = wanted
            .into_iter()
            .filter(|(id, _)| !failed.contains_key(id.provider.as_str()));
        let asked = join_all(open.map(|(id, keys)| self.inspect(id, keys, &gate))).await;
        let seen: BTreeMap<SecretId, Seen> = asked.into_iter().collect();

        let tokens = self.tokens(&chosen, &gate).await;
        let mut roles: Vec<RoleStatus> = chosen
            .iter()
            .map(|role| self.role_status(role, &seen, &failed, &tokens))
            .collect();
        for broken in self.config.broken.iter().filter(|broken| names.contains(&broken.name)) {
            roles.push(RoleStatus {
                name: broken.name.clone(),
                state: State::Fail,
                problem: self.config.problems.get(broken.problem).cloned(),
                provider: None,
                latency_ms: None,
                fields: Vec::new(),
            });
        }
        roles.sort_by_key(|role| names.iter().position(|name| *name == role.name));
        Report { providers, roles }
    }

    /// Checks one role; none if there is no role of this name.
    pub async fn role(&self, name: &str) -> Option<RoleStatus> {
        self.roles(&[name.to_owned()]).await.roles.into_iter().next()
    }

    /// Climbs one provider's ladder.
    pub async fn provider(&self, name: &str) -> ProviderStatus {
        let started = Instant::now();
        let kind = self.config.names.kind_of(name).map_or("", |kind| kind.word());
        let failed = |problem: Problem, endpoint: String, skipped: bool| ProviderStatus {
            name: name.to_owned(),
            kind,
            endpoint,
            auth: None,
            state: if skipped { State::Skipped } else { State::Fail },
            latency_ms: None,
            expires: None,
            stages: vec![Stage {
                name: "config",
                state: State::Fail,
                ms: None,
            }],
            problem: Some(problem),
        };
        match self.providers.get(name) {
            Err(problem) => {
                let skipped = problem.code == &catalogue::PROVIDER_NOT_BUILT;
                failed(problem, String::new(), skipped)
            }
            Ok(provider) => match tokio::time::timeout(LIMIT, provider.probe()).await {
                Ok(mut status) => {
                    status.latency_ms.get_or_insert(millis(started));
                    status
                }
                Err(_) => failed(too_slow(name), provider.endpoint(), false),
            },
        }
    }

    async fn provider_gated(&self, name: &str, gate: &Semaphore) -> ProviderStatus {
        let _place = gate.acquire().await;
        self.provider(name).await
    }

    async fn inspect(&self, id: &SecretId, keys: Vec<&str>, gate: &Semaphore) -> (SecretId, Seen) {
        let _place = gate.acquire().await;
        let started = Instant::now();
        let result = match self.providers.get(&id.provider) {
            Err(problem) => Err(problem),
            Ok(provider) => {
                let asked = provider.inspect(id, &keys);
                tokio::time::timeout(LIMIT, asked)
                    .await
                    .unwrap_or_else(|_| Err(too_slow(&id.provider)))
            }
        };
        (
            id.clone(),
            Seen {
                result,
                ms: millis(started),
            },
        )
    }

    fn role_status(
        &self,
        role: &Role,
        seen: &BTreeMap<SecretId, Seen>,
        failed: &BTreeMap<&str, &Problem>,
        tokens: &token::Statuses<'_>,
    ) -> RoleStatus {
        let fields: Vec<FieldStatus> = role
            .fields
            .iter()
            .map(|field| match tokens.get(&(role.name.as_str(), field.name.as_str())) {
                Some(status) => status.clone(),
                None => field::status(field, role, seen, failed),
            })
            .collect();
        let client = launch::client(self.config, role, self.world).err();
        let worst = fields.iter().map(field::gravity).max().unwrap_or(State::Ok);
        let state = worst.max(client.as_ref().map_or(State::Ok, field::gravity_of_client));
        RoleStatus {
            name: role.name.clone(),
            state,
            problem: client,
            provider: main_provider(role),
            latency_ms: fields.iter().filter_map(|field| field.latency_ms).max(),
            fields,
        }
    }
}

/// The answer about one secret.
struct Seen {
    result: Result<Inspected, Problem>,
    ms: u64,
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn too_slow(provider: &str) -> Problem {
    let what = format!("provider `{provider}` gave no answer within {} s", LIMIT.as_secs());
    Problem::new(&catalogue::NET_TIMEOUT, what)
}

/// The provider that most of the role's secrets come from.
pub fn main_provider(role: &Role) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for provider in role.fields.iter().flat_map(|field| field.source.providers()) {
        *counts.entry(provider).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name.to_owned())
}
