//! The verb *check*: which providers and roles are ready, and what to do about the rest. Never prompts, reads metadata where it can.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{SecretId, SecretRef};
use crate::domain::role::{Field, Role, Source};
use crate::domain::secret::PickError;
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
            .flat_map(|role| references(role))
            .map(|r| r.id.provider.as_str())
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

        let mut roles: Vec<RoleStatus> = chosen
            .iter()
            .map(|role| self.role_status(role, &seen, &failed))
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
    ) -> RoleStatus {
        let fields: Vec<FieldStatus> = role
            .fields
            .iter()
            .map(|field| field_status(field, role, seen, failed))
            .collect();
        let client = launch::client(self.config, role, self.world).err();
        let worst = fields.iter().map(gravity).max().unwrap_or(State::Ok);
        let state = worst.max(client.as_ref().map_or(State::Ok, gravity_of_client));
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

/// What a field means for its role: one that is skipped because it is not built keeps the role from being opened, too.
fn gravity(field: &FieldStatus) -> State {
    if field.problem.is_some() {
        State::Fail
    } else {
        field.state
    }
}

/// A client that is not installed is a fault of this machine, not of the role: a check often runs where no client is. Any other
/// problem stays wherever the role is opened.
fn gravity_of_client(problem: &Problem) -> State {
    if [&catalogue::CLIENT_MISSING, &catalogue::CLIENT_NOT_EXECUTABLE].contains(&problem.code) {
        State::Warn
    } else {
        State::Fail
    }
}

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

fn references(role: &Role) -> impl Iterator<Item = &SecretRef> {
    role.fields.iter().flat_map(|field| field.source.references())
}

/// The provider that most of the role's secrets come from.
pub fn main_provider(role: &Role) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reference in references(role) {
        *counts.entry(&reference.id.provider).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name.to_owned())
}

fn field_status(
    field: &Field,
    role: &Role,
    seen: &BTreeMap<SecretId, Seen>,
    failed: &BTreeMap<&str, &Problem>,
) -> FieldStatus {
    let mut status = FieldStatus {
        name: field.name.clone(),
        state: State::Ok,
        problem: None,
        warning: None,
        key: None,
        version: None,
        rotated_at: None,
        latency_ms: None,
    };
    if let Some(problem) = launch::not_built_of(field) {
        status.problem = Some(launch::in_role(problem, role, field));
        status.state = State::Skipped;
        return status;
    }
    for reference in field.source.references() {
        let found = match (failed.get(reference.id.provider.as_str()), seen.get(&reference.id)) {
            (Some(problem), _) => Err((*problem).clone()),
            (
                None,
                Some(Seen {
                    result: Err(problem), ..
                }),
            ) => Err(problem.clone()),
            (
                None,
                Some(Seen {
                    result: Ok(inspected),
                    ms,
                }),
            ) => look_up(field, reference, inspected, *ms, &mut status),
            (None, None) => Ok(()),
        };
        if let Err(problem) = found
            && !forgiven(field, &problem)
        {
            let not_built = problem.code == &catalogue::PROVIDER_NOT_BUILT;
            status.state = if not_built { State::Skipped } else { State::Fail };
            status
                .problem
                .get_or_insert_with(|| launch::in_role(problem, role, field));
        }
    }
    if status.state == State::Ok && status.warning.is_some() {
        status.state = State::Warn;
    }
    status
}

/// Whether the field can do without the secret that is not there.
fn forgiven(field: &Field, problem: &Problem) -> bool {
    (field.optional || field.default.is_some()) && launch::is_absent(problem.code)
}

/// Takes what is known of the secret over into the field's status; a problem if the names of its keys show that the field's is missing.
fn look_up(
    field: &Field,
    reference: &SecretRef,
    inspected: &Inspected,
    ms: u64,
    status: &mut FieldStatus,
) -> Result<(), Problem> {
    let key = match &field.source {
        Source::From { keys, required, .. } => match first_present(keys, inspected) {
            Some(key) => Some(key.to_owned()),
            // The secret does not give it, and the field can do without.
            None if !required => {
                status.state = State::Skipped;
                return Ok(());
            }
            None => return Err(none_of(keys, reference, field, inspected)),
        },
        _ => reference.key.clone(),
    };
    status.version = inspected.version.clone().or(status.version.take());
    status.rotated_at = inspected.changed.or(status.rotated_at);
    status.latency_ms = Some(ms);
    if field.masked && status.warning.is_none() {
        let warning = inspected.warnings.get(key.as_deref().unwrap_or_default());
        status.warning = warning.map(|warning| (*warning).to_owned());
    }
    if inspected.keys.is_some() {
        status.key.clone_from(&key);
    }
    missing_key(key.as_deref(), reference, inspected)
}

/// The first of the keys that the secret has; the first of all where their names are not known.
fn first_present<'a>(keys: &'a [String], inspected: &Inspected) -> Option<&'a str> {
    let present = |key: &&String| inspected.keys.as_ref().is_none_or(|names| names.contains(key));
    keys.iter().find(present).map(String::as_str)
}

fn none_of(keys: &[String], reference: &SecretRef, field: &Field, inspected: &Inspected) -> Problem {
    let names = inspected.keys.as_deref().unwrap_or_default();
    launch::none_of(keys, names, reference, field)
}

/// A problem if the names of the secret's keys show that the key is not among them.
fn missing_key(key: Option<&str>, reference: &SecretRef, inspected: &Inspected) -> Result<(), Problem> {
    let Some(names) = inspected.keys.as_ref() else {
        return Ok(());
    };
    let Some(key) = key else {
        let needed = reference.id.kind.provider_kind().is_map();
        let error = PickError::KeyNeeded { names: names.clone() };
        return if needed {
            Err(launch::explain(&error, reference))
        } else {
            Ok(())
        };
    };
    // Of a nested key only the first part has a name here.
    let first = key.split('.').next().unwrap_or(key);
    if names.iter().any(|name| name == key || name == first) || key.contains('\\') {
        return Ok(());
    }
    let error = PickError::NoSuchKey {
        key: key.to_owned(),
        names: names.clone(),
    };
    Err(launch::explain(&error, reference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Kind, ProviderKind, SecretId};
    use crate::domain::role::Via;

    fn reference(key: Option<&str>) -> SecretRef {
        SecretRef {
            id: SecretId {
                provider: "vault".to_owned(),
                kind: Kind::Of(ProviderKind::Vault),
                path: "secret/db".to_owned(),
                pin: None,
            },
            key: key.map(str::to_owned),
            text: "vault:secret/db".to_owned(),
        }
    }

    fn field(source: Source) -> Field {
        Field {
            name: "PGUSER".to_owned(),
            source,
            via: Via::Env,
            trim: false,
            optional: false,
            default: None,
            masked: true,
            at: None,
        }
    }

    fn inspected(keys: Option<&[&str]>) -> Inspected {
        Inspected {
            keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
            version: Some("7".to_owned()),
            warnings: [("pass".to_owned(), "the value is empty")].into(),
            ..Inspected::default()
        }
    }

    fn status_of(field: &Field, inspected: Inspected) -> FieldStatus {
        let role = Role {
            name: "r".to_owned(),
            resource: None,
            connector: None,
            env: None,
            description: None,
            owner: None,
            tags: BTreeMap::new(),
            safer: None,
            access_mode: None,
            fields: Vec::new(),
            command: None,
            args: Vec::new(),
            cwd: None,
            inherit: Vec::new(),
            at: crate::domain::problem::Location {
                file: "roles.toml".into(),
                line: 1,
                column: 1,
            },
        };
        let seen = Seen {
            result: Ok(inspected),
            ms: 3,
        };
        let id = reference(None).id;
        field_status(field, &role, &BTreeMap::from([(id, seen)]), &BTreeMap::new())
    }

    fn code(status: &FieldStatus) -> Option<&'static str> {
        status.problem.as_ref().map(|problem| problem.code.id)
    }

    fn from(keys: &[&str], required: bool) -> Field {
        field(Source::From {
            secret: reference(None),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            required,
        })
    }

    #[test]
    fn a_key_is_judged_by_the_names_that_are_there() {
        let there = status_of(
            &field(Source::Secret(reference(Some("user")))),
            inspected(Some(&["user"])),
        );
        assert_eq!((there.state, there.key.as_deref()), (State::Ok, Some("user")));
        assert_eq!(there.version.as_deref(), Some("7"));
        let missing = status_of(
            &field(Source::Secret(reference(Some("usr")))),
            inspected(Some(&["user"])),
        );
        assert_eq!((missing.state, code(&missing)), (State::Fail, Some("E-VAULT-404-KEY")));
        let none = status_of(&field(Source::Secret(reference(None))), inspected(Some(&["user"])));
        assert_eq!(code(&none), Some("E-REF-KEY-NEEDED"));
        let unknown = status_of(&field(Source::Secret(reference(Some("usr")))), inspected(None));
        assert_eq!(unknown.state, State::Ok, "names that are not known prove nothing");
        let nested = status_of(
            &field(Source::Secret(reference(Some("db.user")))),
            inspected(Some(&["db"])),
        );
        assert_eq!(nested.state, State::Ok);
    }

    #[test]
    fn a_field_that_from_fills_names_its_key_or_does_without() {
        let filled = status_of(&from(&["user", "username"], true), inspected(Some(&["username"])));
        assert_eq!((filled.state, filled.key.as_deref()), (State::Ok, Some("username")));
        let without = status_of(&from(&["sslmode"], false), inspected(Some(&["username"])));
        assert_eq!((without.state, without.version), (State::Skipped, None));
        let needed = status_of(&from(&["user"], true), inspected(Some(&["login"])));
        assert_eq!(code(&needed), Some("E-CONFIG-FIELD-MISSING"));
    }

    #[test]
    fn what_is_not_built_fails_the_role_and_a_missing_client_does_not() {
        let of_client = |code| gravity_of_client(&Problem::new(code, "x"));
        assert_eq!(of_client(&catalogue::CLIENT_MISSING), State::Warn);
        assert_eq!(of_client(&catalogue::CONNECTOR_NOT_BUILT), State::Fail);
        let mut agent = field(Source::Secret(reference(Some("user"))));
        agent.via = Via::Agent;
        let token = field(Source::RdsIam { user: "app".to_owned() });
        for field in [agent, token] {
            let status = status_of(&field, inspected(Some(&["user"])));
            assert_eq!(
                (status.state, code(&status)),
                (State::Skipped, Some("E-PROVIDER-NOT-BUILT"))
            );
            assert_eq!(gravity(&status), State::Fail);
            assert!(status.problem.is_some_and(|problem| problem.at.is_some()));
        }
    }

    #[test]
    fn a_warning_belongs_to_its_own_key() {
        let warned = status_of(
            &field(Source::Secret(reference(Some("pass")))),
            inspected(Some(&["pass", "user"])),
        );
        assert_eq!(
            (warned.state, warned.warning.as_deref()),
            (State::Warn, Some("the value is empty"))
        );
        let other = status_of(
            &field(Source::Secret(reference(Some("user")))),
            inspected(Some(&["pass", "user"])),
        );
        assert_eq!((other.state, other.warning), (State::Ok, None));
    }
}
