//! The verdict on one field: from what its providers said, and from the names of the keys that its secrets have.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{age, token};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{SecretId, SecretRef};
use crate::domain::role::{Field, Role, Source, TemplatePart, Via};
use crate::domain::secret::{ENDS_IN_NEWLINE, PickError, Template, Unfit};
use crate::domain::status::{FieldStatus, State};
use crate::launch;
use crate::providers::Inspected;

/// What a verdict goes by.
pub(super) struct Facts<'a> {
    /// The answers about the secrets of all fields.
    pub(super) answers: BTreeMap<SecretId, Answer>,
    /// What came of the fields that are tokens.
    pub(super) tokens: token::Statuses<'a>,
    /// `rotation_warn` of the providers that have one.
    pub(super) rotation_warn: BTreeMap<String, Duration>,
    pub(super) now: Timestamp,
}

impl Facts<'_> {
    /// Nothing is known yet.
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            answers: BTreeMap::new(),
            tokens: BTreeMap::new(),
            rotation_warn: BTreeMap::new(),
            now,
        }
    }
}

/// The answer about one secret.
pub(super) struct Answer {
    pub(super) result: Result<Inspected, Problem>,
    pub(super) ms: u64,
}

/// What is known of one field.
pub(super) fn status(field: &Field, role: &Role, facts: &Facts<'_>) -> FieldStatus {
    if let Some(status) = facts.tokens.get(&(role.name.as_str(), field.name.as_str())) {
        return status.clone();
    }
    let mut status = untroubled(field);
    if let Some(problem) = launch::not_built_of(field) {
        status.problem = Some(launch::in_role(problem, role, field));
        status.state = State::Skipped;
        return status;
    }
    for reference in field.source.references() {
        let Some(answer) = facts.answers.get(&reference.id) else {
            continue;
        };
        let found = match &answer.result {
            Err(problem) => Err(problem.clone()),
            Ok(inspected) => look_up(field, reference, inspected, answer.ms, facts, &mut status),
        };
        if let Err(problem) = found
            && !(field.can_do_without(reference) && launch::is_absent(problem.code))
        {
            fail(&mut status, problem, role, field);
        }
    }
    if status.state == State::Ok && status.warning.is_some() {
        status.state = State::Warn;
    }
    status
}

/// A field of which nothing bad is known.
pub(super) fn untroubled(field: &Field) -> FieldStatus {
    FieldStatus {
        name: field.name.clone(),
        state: State::Ok,
        problem: None,
        warning: None,
        key: None,
        version: None,
        rotated_at: None,
        expires: None,
        latency_ms: None,
    }
}

/// The first problem of a field is the one that is told.
pub(super) fn fail(status: &mut FieldStatus, problem: Problem, role: &Role, field: &Field) {
    let not_built = problem.code == &catalogue::PROVIDER_NOT_BUILT;
    status.state = if not_built { State::Skipped } else { State::Fail };
    status
        .problem
        .get_or_insert_with(|| launch::in_role(problem, role, field));
}

/// Takes what is known of the secret over into the field's status; a problem if the names of its keys show that the field's is missing.
fn look_up(
    field: &Field,
    reference: &SecretRef,
    inspected: &Inspected,
    ms: u64,
    facts: &Facts<'_>,
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
    status.expires = inspected.expires.or(status.expires);
    status.latency_ms = Some(ms);
    if inspected.keys.is_some() {
        status.key.clone_from(&key);
    }
    missing_key(key.as_deref(), reference, inspected)?;
    if let Some(why) = inspected.unfit.get(key.as_deref().unwrap_or_default())
        && reaches_a_variable(field, reference, *why)
    {
        return Err(launch::unfit(*why));
    }
    // A host that is not rotated is no news; only what is secret is remarked upon.
    if field.masked && status.warning.is_none() {
        let of_value = inspected.warnings.get(key.as_deref().unwrap_or_default()).copied();
        let of_value = of_value.filter(|warning| !(field.trims(reference) && *warning == ENDS_IN_NEWLINE));
        let limit = facts.rotation_warn.get(&reference.id.provider).copied();
        let of_age = age::remark(reference, inspected, limit, facts.now);
        status.warning = of_value.map(str::to_owned).or(of_age);
    }
    Ok(())
}

/// Whether what is unfit about a value reaches the field's variable as it is: a template encodes a NUL byte, but in a part that is `raw`.
fn reaches_a_variable(field: &Field, reference: &SecretRef, unfit: Unfit) -> bool {
    let encoded = match &field.source {
        Source::Template { text, parts } if unfit == Unfit::NulByte => {
            let template = Template::parse(text).ok();
            let is_raw = |name: &str| template.as_ref().is_some_and(|template| template.takes_raw(name));
            let of_it = |part: &&TemplatePart| part.source.references().contains(&reference);
            !parts.iter().filter(of_it).any(|part| is_raw(&part.name))
        }
        _ => false,
    };
    field.via == Via::Env && !encoded
}

/// The first of the keys that the secret has, and not with nothing in it; the first of all where their names are not known.
fn first_present<'a>(keys: &'a [String], inspected: &Inspected) -> Option<&'a str> {
    let picked = |key: &String| !inspected.unpicked.contains_key(key);
    let present = |key: &&String| {
        let names = inspected.keys.as_ref();
        names.is_none_or(|names| is_named(key, names) && picked(key))
    };
    keys.iter().find(present).map(String::as_str)
}

/// Whether the secret can have the key: of a nested one only the first part has a name here.
fn is_named(key: &str, names: &[String]) -> bool {
    let first = key.split('.').next().unwrap_or(key);
    names.iter().any(|name| name == key || name == first) || key.contains('\\')
}

fn none_of(keys: &[String], reference: &SecretRef, field: &Field, inspected: &Inspected) -> Problem {
    let unusable = |key: &String| match inspected.unpicked.get(key) {
        Some(error @ (PickError::Null { .. } | PickError::NotText { .. })) => Some(error),
        _ => None,
    };
    if let Some(error) = keys.iter().find_map(unusable) {
        return launch::explain(error, reference);
    }
    let names = inspected.keys.as_deref().unwrap_or_default();
    launch::none_of(keys, names, reference, field)
}

/// A problem if the value, or the names of the secret's keys, show that nothing is there by this key.
fn missing_key(key: Option<&str>, reference: &SecretRef, inspected: &Inspected) -> Result<(), Problem> {
    if let Some(error) = inspected.unpicked.get(key.unwrap_or_default()) {
        return Err(launch::explain(error, reference));
    }
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
    if is_named(key, names) {
        return Ok(());
    }
    let error = PickError::NoSuchKey {
        key: key.to_owned(),
        names: names.clone(),
    };
    Err(launch::explain(&error, reference))
}

/// What a field means for its role: one that is skipped because it is not built keeps the role from being opened, too.
pub(super) fn gravity(field: &FieldStatus) -> State {
    if field.problem.is_some() {
        State::Fail
    } else {
        field.state
    }
}

/// A client that is not installed, or a working folder that is not there, is a fault of this machine, not of the role: a check often runs
/// where no client is. Any other problem stays wherever the role is opened.
pub(super) fn gravity_of_client(problem: &Problem) -> State {
    let of_machine = [
        &catalogue::CLIENT_MISSING,
        &catalogue::CLIENT_NOT_EXECUTABLE,
        &catalogue::CLIENT_START,
    ];
    if of_machine.contains(&problem.code) {
        State::Warn
    } else {
        State::Fail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Kind, ProviderKind, SecretId};
    use crate::domain::role::TemplatePart;

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
            policy: crate::domain::policy::SessionPolicy::default(),
            at: crate::domain::problem::Location {
                file: "roles.toml".into(),
                line: 1,
                column: 1,
            },
        };
        let answer = Answer {
            result: Ok(inspected),
            ms: 3,
        };
        let mut facts = Facts::at("2026-11-22T12:00:00Z".parse().unwrap());
        facts.answers.insert(reference(None).id, answer);
        let limit = Duration::from_secs(90 * 86_400);
        facts.rotation_warn.insert("vault".to_owned(), limit);
        status(field, &role, &facts)
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
        let nested = status_of(&from(&["db.user"], true), inspected(Some(&["db"])));
        assert_eq!((nested.state, nested.key.as_deref()), (State::Ok, Some("db.user")));
        let needed = status_of(&from(&["user"], true), inspected(Some(&["login"])));
        assert_eq!(code(&needed), Some("E-CONFIG-FIELD-MISSING"));
    }

    #[test]
    fn what_is_not_built_fails_the_role_and_a_missing_client_does_not() {
        let of_client = |code| gravity_of_client(&Problem::new(code, "x"));
        assert_eq!(of_client(&catalogue::CLIENT_MISSING), State::Warn);
        assert_eq!(of_client(&catalogue::CLIENT_START), State::Warn);
        assert_eq!(of_client(&catalogue::CONNECTOR_NOT_BUILT), State::Fail);
        let mut agent = field(Source::Secret(reference(Some("user"))));
        agent.via = Via::Agent;
        let status = status_of(&agent, inspected(Some(&["user"])));
        assert_eq!(
            (status.state, code(&status)),
            (State::Skipped, Some("E-PROVIDER-NOT-BUILT"))
        );
        assert_eq!(gravity(&status), State::Fail);
        assert!(status.problem.is_some_and(|problem| problem.at.is_some()));
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

    #[test]
    fn a_value_that_was_read_tells_what_names_cannot() {
        let read = |names: Option<&[&str]>, key: &str, error: PickError| Inspected {
            unpicked: [(key.to_owned(), error)].into(),
            ..inspected(names)
        };
        let null = || PickError::Null { key: "user".to_owned() };
        let of_key = |inspected| status_of(&field(Source::Secret(reference(Some("user")))), inspected);
        assert_eq!(code(&of_key(read(Some(&["user"]), "user", null()))), Some("E-REF-NULL"));
        let text = PickError::NotJson { key: "user".to_owned() };
        assert_eq!(code(&of_key(read(None, "user", text))), Some("E-REF-NOT-JSON"));
        let other = PickError::KeyNeeded { names: Vec::new() };
        assert_eq!(
            of_key(read(Some(&["user"]), "", other)).state,
            State::Ok,
            "nobody asked for the whole"
        );
        let filled = status_of(
            &from(&["user", "username"], true),
            read(Some(&["user", "username"]), "user", null()),
        );
        assert_eq!(filled.key.as_deref(), Some("username"), "as a launch takes it");
        let empty = status_of(&from(&["user"], true), read(Some(&["user"]), "user", null()));
        assert_eq!(code(&empty), Some("E-REF-NULL"));
    }

    #[test]
    fn a_value_that_no_variable_can_hold_fails_unless_a_file_carries_it() {
        let unfit = |why| Inspected {
            unfit: [("key".to_owned(), why)].into(),
            ..inspected(Some(&["key"]))
        };
        let mut key = field(Source::Secret(reference(Some("key"))));
        let nul = status_of(&key, unfit(Unfit::NulByte));
        assert_eq!((nul.state, code(&nul)), (State::Fail, Some("E-REF-NUL-BYTE")));
        assert_eq!(code(&status_of(&key, unfit(Unfit::TooLong))), Some("E-REF-TOO-LARGE"));
        for (text, fails) in [("x {key}", false), ("x {key:raw}", true), ("{key} {other:raw}", false)] {
            let source = Source::Secret(reference(Some("key")));
            let part = |name: &str, source| TemplatePart {
                name: name.to_owned(),
                source,
                trim: false,
                optional: false,
                default: None,
            };
            let template = field(Source::Template {
                text: text.to_owned(),
                parts: vec![part("key", source), part("other", Source::Plain("o".to_owned()))],
            });
            let status = status_of(&template, unfit(Unfit::NulByte));
            assert_eq!(code(&status), fails.then_some("E-REF-NUL-BYTE"), "{text}");
        }
        key.via = Via::File;
        assert_eq!(status_of(&key, unfit(Unfit::NulByte)).state, State::Ok);
    }

    #[test]
    fn a_newline_that_the_field_takes_off_is_no_surprise() {
        let mut pass = field(Source::Secret(reference(Some("pass"))));
        let newline = || Inspected {
            warnings: [("pass".to_owned(), ENDS_IN_NEWLINE)].into(),
            ..inspected(Some(&["pass"]))
        };
        assert_eq!(status_of(&pass, newline()).warning.as_deref(), Some(ENDS_IN_NEWLINE));
        pass.trim = true;
        assert_eq!(status_of(&pass, newline()).warning, None);
        let part = |trim| TemplatePart {
            name: "p".to_owned(),
            source: Source::Secret(reference(Some("pass"))),
            trim,
            optional: false,
            default: None,
        };
        let template = |trim| Source::Template {
            text: "{p}@h".to_owned(),
            parts: vec![part(trim)],
        };
        pass.source = template(false);
        let warning = status_of(&pass, newline()).warning;
        assert_eq!(warning.as_deref(), Some(ENDS_IN_NEWLINE), "it stands within the text");
        pass.source = template(true);
        assert_eq!(status_of(&pass, newline()).warning, None);
    }

    #[test]
    fn the_age_of_a_secret_is_remarked_upon_where_it_is_one() {
        let old = || Inspected {
            changed: Some("2025-10-18T12:00:00Z".parse().unwrap()),
            ..inspected(Some(&["user"]))
        };
        let mut user = field(Source::Secret(reference(Some("user"))));
        let warned = status_of(&user, old());
        assert_eq!(warned.state, State::Warn);
        assert!(
            warned
                .warning
                .is_some_and(|warning| warning.starts_with("rotated 400 days ago"))
        );
        user.masked = false;
        assert_eq!(status_of(&user, old()).state, State::Ok, "a name that is no secret");
        let ended = Inspected {
            expires: Some("2026-11-22T11:00:00Z".parse().unwrap()),
            ..inspected(Some(&["user"]))
        };
        user.masked = true;
        let ended = status_of(&user, ended);
        assert_eq!(ended.state, State::Warn);
        assert_eq!(
            ended.warning.as_deref(),
            Some("expired on 2026-11-22, and the provider still gives it out")
        );
    }
}
