//! The documents of `--json`. Fields are only ever added; no document ever holds a value of a secret.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::check::{Checked, Report};
use crate::config::{BrokenRole, Config};
use crate::domain::policy::SessionPolicy;
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, Pin, SecretRef};
use crate::domain::role::{Field, Role, Source};
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, State};

/// A document with the version of its schema.
pub(crate) fn document(content: Value) -> String {
    let mut whole = Map::new();
    whole.insert("schema_version".to_owned(), json!(1));
    if let Value::Object(content) = content {
        whole.extend(content);
    }
    format!("{:#}", Value::Object(whole))
}

/// A path as text. A name that is no UTF-8 has `\u{fffd}` for what is none: `json!` of the path itself would panic.
pub(crate) fn path(path: impl AsRef<Path>) -> Value {
    Value::String(path.as_ref().to_string_lossy().into_owned())
}

/// One role as `list` and `show` give it.
pub(crate) fn role(role: &Role) -> Value {
    json!({
        "name": role.name,
        "resource": role.resource,
        "connector": role.connector,
        "env": role.env,
        "description": role.description,
        "owner": role.owner,
        "tags": role.tags,
        "exposure": exposure(role),
        "policy": policy(&role.policy),
        "fields": role.fields.iter().map(field).collect::<Vec<_>>(),
        "file": path(&role.at.file),
        "line": role.at.line,
    })
}

/// What holds for its sessions; times in seconds, null where there is no limit.
fn policy(policy: &SessionPolicy) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    json!({
        "record": policy.record.word(),
        "record_input": policy.record_input,
        "keep_s": seconds(policy.keep),
        "idle_timeout_s": seconds(policy.idle_timeout),
        "max_duration_s": seconds(policy.max_duration),
    })
}

/// How far the promise reaches that the person never sees a value: `env` where a variable carries one that lasts, `token` where all that it
/// carries was made for this session, `none` where there is none.
pub(crate) fn exposure(role: &Role) -> &'static str {
    let mut secrets = role.fields.iter().filter(|field| is_secret(field)).peekable();
    if secrets.peek().is_none() {
        "none"
    } else if secrets.all(is_made_for_the_session) {
        "token"
    } else {
        "env"
    }
}

fn is_made_for_the_session(field: &Field) -> bool {
    let references = field.source.references();
    let leased = !references.is_empty() && references.iter().all(|reference| reference.id.kind == Kind::VaultDb);
    matches!(field.source, Source::RdsIam(_)) || leased
}

/// Whether a provider gives its value, or plain text that is admitted to be a secret.
fn is_secret(field: &Field) -> bool {
    field.source.is_secret() || field.masked
}

fn field(field: &Field) -> Value {
    let mut value = json!({
        "name": field.name,
        "source": field.source.word(),
        "secret": is_secret(field),
        "via": field.via.word(),
    });
    if let Value::Object(map) = &mut value {
        let references = field.source.references();
        if let Some(reference) = references.first() {
            name_reference(map, reference);
        }
        // A template may be made of several secrets; the first one alone would hide the others.
        if references.len() > 1 {
            let texts: Vec<&str> = references.iter().map(|reference| reference.text.as_str()).collect();
            map.insert("references".to_owned(), json!(texts));
        }
        match &field.source {
            Source::From { keys, .. } => {
                if let [key] = keys.as_slice() {
                    map.insert("key".to_owned(), json!(key));
                }
                map.insert("keys".to_owned(), json!(keys));
            }
            Source::RdsIam(token) => drop(map.insert("provider".to_owned(), json!(token.provider))),
            _ => {}
        }
    }
    value
}

fn name_reference(map: &mut Map<String, Value>, reference: &SecretRef) {
    map.insert("provider".to_owned(), json!(reference.id.provider));
    map.insert("reference".to_owned(), json!(reference.text));
    if let Some(key) = &reference.key {
        map.insert("key".to_owned(), json!(key));
    }
    match &reference.id.pin {
        Some(Pin::Version(version)) => map.insert("version".to_owned(), json!(version)),
        Some(Pin::Stage(stage)) => map.insert("stage".to_owned(), json!(stage)),
        None => None,
    };
}

/// A report as `check` gives it.
pub(crate) fn report(report: &Report) -> Value {
    let now = jiff::Timestamp::now();
    json!({
        "generated": now.to_string(),
        "summary": {
            "total": report.roles.len(),
            "ok": report.count(State::Ok),
            "warn": report.count(State::Warn),
            "fail": report.count(State::Fail),
        },
        "providers": report.providers.iter().map(|found| dated(provider(&found.status), found.at, now)).collect::<Vec<_>>(),
        "roles": report.roles.iter().map(|found| dated(role_status(&found.status), found.at, now)).collect::<Vec<_>>(),
    })
}

/// What a check found of one role, and when.
pub(crate) fn checked(found: &Checked<RoleStatus>) -> Value {
    dated(role_status(&found.status), found.at, jiff::Timestamp::now())
}

/// With when it was looked at, and how many seconds ago that was.
fn dated(mut value: Value, at: jiff::Timestamp, now: jiff::Timestamp) -> Value {
    if let Value::Object(map) = &mut value {
        map.insert("checked".to_owned(), json!(at.to_string()));
        map.insert("age_s".to_owned(), json!((now.as_second() - at.as_second()).max(0)));
    }
    value
}

/// One provider as `check` and `providers` give it.
pub(crate) fn provider(status: &ProviderStatus) -> Value {
    let mut value = json!({
        "name": status.name,
        "kind": status.kind,
        "endpoint": status.endpoint,
        "auth": status.auth,
        "state": status.state.word(),
        "latency_ms": status.latency_ms,
        "expires": status.expires.map(|at| at.to_string()),
        "stages": status.stages.iter()
            .map(|stage| json!({"name": stage.name, "state": stage.state.word(), "ms": stage.ms}))
            .collect::<Vec<_>>(),
    });
    name_problem(&mut value, status.problem.as_ref());
    value
}

fn role_status(status: &RoleStatus) -> Value {
    let mut value = json!({
        "name": status.name,
        "state": status.state.word(),
        "provider": status.provider,
        "latency_ms": status.latency_ms,
        "code": null,
        "fields": status.fields.iter().map(field_status).collect::<Vec<_>>(),
    });
    name_problem(&mut value, status.reason());
    value
}

fn field_status(status: &FieldStatus) -> Value {
    let mut value = json!({
        "name": status.name,
        "state": status.state.word(),
        "version": status.version,
        "rotated_at": status.rotated_at.map(|at| at.to_string()),
        "expires": status.expires.map(|at| at.to_string()),
        "latency_ms": status.latency_ms,
    });
    if let (Value::Object(map), Some(warning)) = (&mut value, &status.warning) {
        map.insert("message".to_owned(), json!(warning));
    }
    name_problem(&mut value, status.problem.as_ref());
    value
}

/// What is wrong in the files, as `config check`, `list` and `check` give it.
pub(crate) fn problems(config: &Config) -> Vec<Value> {
    config.problems.iter().map(problem).collect()
}

/// A role that cannot be opened, and why.
pub(crate) fn broken(role: &BrokenRole, config: &Config) -> Value {
    let mut value = json!({
        "name": role.name,
        "connector": role.connector,
        "env": role.env,
        "file": path(&role.at.file),
        "line": role.at.line,
    });
    name_problem(&mut value, config.problems.get(role.problem));
    value
}

/// A problem that stands in a document by itself: `config check`.
fn problem(problem: &Problem) -> Value {
    let mut value = json!({});
    name_problem(&mut value, Some(problem));
    if let (Value::Object(map), Some(at)) = (&mut value, &problem.at) {
        map.insert("file".to_owned(), path(&at.file));
        map.insert("line".to_owned(), json!(at.line));
        map.insert("column".to_owned(), json!(at.column));
    }
    value
}

fn name_problem(value: &mut Value, problem: Option<&Problem>) {
    if let (Value::Object(map), Some(problem)) = (value, problem) {
        map.insert("code".to_owned(), json!(problem.code.id));
        map.insert("message".to_owned(), json!(problem.what));
        map.insert("fix".to_owned(), json!(problem.fixes.first()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;

    use super::*;
    use crate::config::{FolderFlags, LoadOptions, load};

    #[test]
    fn a_folder_whose_name_is_no_text_stands_in_documents() {
        use std::os::unix::ffi::OsStrExt as _;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join(OsStr::from_bytes(b"\xff"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(
            folder.join("roles.toml"),
            "[roles.a]\ncommand = [\"true\"]\n[roles.b]\n",
        )
        .unwrap();
        let config = load(&LoadOptions {
            flags: FolderFlags {
                config: Some(folder),
                ..FolderFlags::default()
            },
            profile: None,
            system_dir: outer.path().join("system"),
            home: None,
            env: BTreeMap::new(),
        });
        let problems = problems(&config);
        let documents = [
            role(&config.roles[0]),
            broken(&config.broken[0], &config),
            problems[0].clone(),
        ];
        for document in documents {
            assert!(
                document["file"].as_str().unwrap().ends_with("/\u{fffd}/roles.toml"),
                "{document}"
            );
        }
    }
}
