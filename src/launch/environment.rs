//! The child's environment: an allow-list, the role's fields, and who we are; never a credential of a provider.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Request;
use super::resolve::Value;
use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::plan::SecretUse;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::domain::role::{Field, Role, Source, Via};
use crate::domain::secret::{ChildEnv, SecretValue, Unfit};
use crate::providers::{Setting, World, credential_names};

/// What every child gets from the environment of hallpass, if it is there; and everything that begins with `LC_`.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TZ",
    "TMPDIR",
    "TERM",
    "COLORTERM",
];

pub(super) struct Built {
    pub(super) env: ChildEnv,
    pub(super) secrets: Vec<SecretUse>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn build(
    role: &Role,
    config: &Config,
    world: &World,
    request: &Request,
    session_id: &str,
    values: Vec<Value>,
) -> Result<Built, Vec<Problem>> {
    let mut built = Built {
        env: ChildEnv::of_session(session_id),
        secrets: Vec::new(),
        warnings: Vec::new(),
    };
    inherit(role, config, world, &mut built);
    if let Some(terminal) = request.terminal {
        built.env.insert_plain("TERM", terminal);
        built.env.insert_plain("COLORTERM", "truecolor");
    }
    let mut problems = Vec::new();
    for (field, value) in role.fields.iter().zip(values) {
        if let Err(mut problem) = insert(field, value, &mut built) {
            problem.what = format!("{}, for {}", problem.what, field.name);
            problems.push(problem.at(field.at.clone().unwrap_or_else(|| role.at.clone())));
        }
    }
    if let Err(problem) = required(role, config, &built.env) {
        problems.push(problem);
    }
    built.env.insert_plain("HALLPASS_ROLE", role.name.as_str());
    built
        .env
        .insert_plain("HALLPASS_ENV", role.env.as_deref().unwrap_or_default());
    built.env.insert_plain("HALLPASS_SESSION_ID", session_id);
    if problems.is_empty() { Ok(built) } else { Err(problems) }
}

/// Tells the child when the first of its values stops working – what is open then stays open: nothing new can be opened with the value –
/// or when its session is ended, if that is earlier.
pub(super) fn say_until_when(built: &mut Built, longest: Option<Duration>) {
    let end = longest.and_then(|longest| Timestamp::now().checked_add(longest).ok());
    let values = built.secrets.iter().filter_map(|used| used.expires);
    if let Some(first) = values.chain(end).min() {
        // To the second: shells and their `date -d` read no more.
        let first = Timestamp::from_second(first.as_second()).unwrap_or(first);
        built.env.insert_plain("HALLPASS_EXPIRES_AT", first.to_string());
    }
}

fn inherit(role: &Role, config: &Config, world: &World, built: &mut Built) {
    let credentials: BTreeSet<&str> = credential_names().into_iter().chain(named_in(config)).collect();
    for (name, value) in world.env.iter() {
        let listed = role.inherit.iter().any(|wanted| wanted == name);
        if credentials.contains(name.as_str()) || name.starts_with("HALLPASS_") {
            if listed {
                let warning = format!("{name} is not passed on: it belongs to hallpass itself");
                built.warnings.push(warning);
            }
        } else if listed || INHERITED.contains(&name.as_str()) || name.starts_with("LC_") {
            built.env.insert_plain(name, value.clone());
        }
    }
}

/// The variables that hold credentials of the configured providers: `token = { secret = "env:MY_TOKEN" }`.
fn named_in(config: &Config) -> Vec<&str> {
    fn collect<'c>(setting: &'c Setting, names: &mut Vec<&'c str>) {
        match setting {
            Setting::Secret(reference) => {
                let kind = reference.id.kind.provider_kind();
                if matches!(kind, ProviderKind::Env | ProviderKind::EnvJson) {
                    names.push(&reference.id.path);
                }
            }
            Setting::Table(settings) => settings.values().for_each(|setting| collect(setting, names)),
            Setting::Text(_) | Setting::Number(_) | Setting::Switch(_) => {}
        }
    }
    let mut names = Vec::new();
    let settings = config
        .providers
        .values()
        .flat_map(|provider| provider.settings.values());
    settings.for_each(|setting| collect(setting, &mut names));
    names
}

pub(super) fn insert(field: &Field, value: Value, built: &mut Built) -> Result<(), Problem> {
    match value {
        Value::Absent | Value::Token => {}
        Value::Plain(text) if field.via == Via::File => {
            let value = SecretValue::from_text(text);
            mask_password(field, &value, built);
            put_file(field, value, field.masked, built);
        }
        // Plain text that the role file admits to be a secret, or that looks like one, is masked like one.
        Value::Plain(text) if field.masked => {
            let value = SecretValue::from_text(text);
            mask_password(field, &value, built);
            built.env.insert_secret(&field.name, value, true);
        }
        Value::Plain(text) => built.env.insert_plain(&field.name, text),
        Value::Secret { value, parts, uses } => {
            if let Some(warning) = value.warning().filter(|_| field.masked) {
                built.warnings.push(format!("{}: {warning}", field.name));
            }
            for used in uses {
                built.secrets.push(SecretUse {
                    field: field.name.clone(),
                    reference: used.reference,
                    version: used.version,
                    expires: used.expires,
                    took: used.took,
                });
            }
            mask_password(field, &value, built);
            // The text of a template around its parts is no secret.
            let masked = field.masked && parts.is_empty();
            for part in parts {
                built.env.mask(part);
            }
            match field.via {
                Via::Env => built.env.insert_secret(&field.name, value, field.masked),
                Via::File => put_file(field, value, masked, built),
                // Refused before anything is read.
                Via::Agent => return Err(super::resolve::not_built(super::resolve::VIA_AGENT)),
            }
        }
    }
    Ok(())
}

/// Of an address that stands in the file as plain text, the password is masked also where it is printed by itself.
fn mask_password(field: &Field, value: &SecretValue, built: &mut Built) {
    if field.masked && !field.source.is_secret() {
        value
            .password_of_url()
            .into_iter()
            .for_each(|part| built.env.mask(part));
    }
}

/// A value that cannot be a variable.
pub(crate) fn unfit(why: Unfit) -> Problem {
    let (code, what) = match why {
        Unfit::NulByte => (
            &catalogue::REF_NUL_BYTE,
            "the value holds a NUL byte, which no environment variable can",
        ),
        Unfit::TooLong => (
            &catalogue::REF_TOO_LARGE,
            "the value is larger than the 128 KiB that a variable can hold",
        ),
    };
    Problem::new(code, what)
}

fn put_file(field: &Field, value: SecretValue, masked: bool, built: &mut Built) {
    let mark = built.env.file_mark(&field.name);
    built.env.insert_plain(&field.name, mark);
    built.env.insert_file(&field.name, value, masked);
}

/// Whether every field that the connector needs has got a value from somewhere.
fn required(role: &Role, config: &Config, env: &ChildEnv) -> Result<(), Problem> {
    let Some(connector) = role.connector.as_ref().and_then(|name| config.connectors.get(name)) else {
        return Ok(());
    };
    let names = env.names();
    // Its turn comes last.
    let is_token = |name: &str| {
        let field = role.fields.iter().find(|field| field.name == name);
        field.is_some_and(|field| matches!(field.source, Source::RdsIam(_)))
    };
    let missing: Vec<&str> = connector
        .fields
        .iter()
        .filter(|field| field.required && !names.contains(&field.name) && !is_token(&field.name))
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("role `{}` gives no value for {}", role.name, missing.join(", "));
    Err(Problem::new(&catalogue::CONFIG_FIELD_MISSING, what).at(role.at.clone()))
}
