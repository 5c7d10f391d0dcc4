//! A role's fields: which names they may have, and what their values mean.

mod template;
mod token;

use toml::de::{DeTable, DeValue};

use super::report::{Place, Scope};
use super::source::shown;
use super::walk::{Entry, Key, Takes, noun, number};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{self, Parsed, Pin, ProviderNames, RefError, is_variable_name};
use crate::domain::role::{Source, Via};

/// A text that can only be a reference and is none.
pub(super) fn not_a_reference(message: String, similar: Vec<String>) -> Problem {
    Problem::new(&catalogue::CONFIG_REF_SYNTAX, message)
        .similar(similar)
        .fixes(vec!["correct the reference, then: hallpass config check".to_owned()])
}

/// What a field's table may say beside where the value comes from.
const OPTION_KEYS: &[Key] = &[
    Key::now("version", Takes::Anything, "7"),
    Key::now("stage", Takes::Text, "\"AWSPREVIOUS\""),
    Key::now("via", Takes::OneOf(&["env", "file", "agent"]), "\"file\""),
    Key::now("default", Takes::Text, "\"5432\""),
    Key::now("optional", Takes::Switch, "true"),
    Key::now("trim", Takes::Switch, "true"),
    Key::later("lifetime", Takes::Duration, "\"1h\""),
];

/// Where a field's value comes from: its table has exactly one of these.
const ORIGINS: &[Key] = &[
    Key::now("secret", Takes::Text, "\"vault:secret/databases/prod#password\""),
    Key::now("literal", Takes::Text, "\"…\""),
    Key::now("template", Takes::Text, "\"mongodb://{user}:{password}@db/reports\""),
    Key::now("rds_iam", Takes::Text, "\"app_ro\""),
];

/// What may stand beside `rds_iam`, and only there.
const TOKEN_KEYS: &[Key] = &[
    Key::now("provider", Takes::Text, "\"aws-prod\""),
    Key::now("region", Takes::Text, "\"eu-west-1\""),
    Key::now("role_arn", Takes::Text, "\"arn:aws:iam::123456789012:role/db-login\""),
    Key::now("host", Takes::Text, "\"orders.abc123.eu-west-1.rds.amazonaws.com\""),
    Key::now("port", Takes::Number(1, 65535), "5432"),
];

/// A field as a role or template writes it.
#[derive(Clone)]
pub(super) struct WrittenField<'a> {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) via: Via,
    pub(super) trim: bool,
    pub(super) optional: bool,
    pub(super) default: Option<String>,
    /// Whether a plain value is written as `{ literal = … }`.
    pub(super) literal: bool,
    pub(super) key_place: Place<'a>,
    pub(super) place: Place<'a>,
}

/// Why the name cannot be a field of this owner; none if it can.
pub(super) fn wrong_name(name: &str, owner: &str) -> Option<Problem> {
    const LONGEST: usize = 200;
    if !is_variable_name(name) || name.len() > LONGEST {
        let message = format!(
            "`{}` in {owner} cannot be the name of an environment variable",
            shown(name)
        );
        return Some(Problem::new(&catalogue::CONFIG_ENV_NAME, message));
    }
    if name.starts_with("HALLPASS_") {
        let message = format!(
            "`{}` in {owner}: hallpass itself gives the variables that begin with HALLPASS_",
            shown(name)
        );
        return Some(Problem::new(&catalogue::CONFIG_ENV_NAME, message).causes(Vec::new()));
    }
    None
}

/// Reads `fields` of a role or template; what cannot be read is a problem and left out.
pub(super) fn read_fields<'a>(
    scope: &Scope<'_>,
    fields: &Entry<'a>,
    owner: &str,
    names: &ProviderNames,
) -> Vec<WrittenField<'a>> {
    let mut found = Vec::new();
    for entry in fields.members_or_problem(scope, "a table of fields: [roles.NAME.fields]") {
        if let Some(problem) = wrong_name(entry.name, owner) {
            scope.problem(&entry.key_place(), problem);
            continue;
        }
        let reader = FieldReader {
            scope,
            names,
            what: format!("{} of {owner}", entry.name),
        };
        found.extend(reader.field(&entry));
    }
    found
}

struct FieldReader<'s, 'r> {
    scope: &'s Scope<'r>,
    names: &'s ProviderNames,
    /// `PGPASSWORD of role "prod"`
    what: String,
}

impl FieldReader<'_, '_> {
    fn field<'a>(&self, entry: &Entry<'a>) -> Option<WrittenField<'a>> {
        let mut field = WrittenField {
            name: entry.name.to_owned(),
            source: Source::Plain(String::new()),
            via: Via::Env,
            trim: false,
            optional: false,
            default: None,
            literal: false,
            key_place: entry.key_place(),
            place: entry.place(),
        };
        match entry.value.get_ref() {
            DeValue::String(text) => field.source = self.plain_string(entry, text)?,
            DeValue::Table(table) => self.table(entry, table, &mut field)?,
            other => {
                let message = format!("{} is a text or a table, and here is {}", self.what, noun(other));
                let problem = Problem::new(&catalogue::CONFIG_TYPE, message)
                    .fixes(vec![format!("put the value in quotes: {} = \"…\"", entry.name)]);
                self.scope.problem(&entry.place(), problem);
                return None;
            }
        }
        Some(field)
    }

    fn plain_string(&self, entry: &Entry<'_>, text: &str) -> Option<Source> {
        match reference::parse_value(text, self.names) {
            Ok(Parsed::Plain) => self.without_nul(entry, text),
            Ok(Parsed::Secret(secret)) => Some(Source::Secret(secret)),
            Ok(Parsed::RdsIam { user }) => self.token(entry, &user, &[]),
            Err(error) => self.not_a_reference(entry, error),
        }
    }

    fn not_a_reference<T>(&self, entry: &Entry<'_>, error: RefError) -> Option<T> {
        let message = format!("{}: {}", self.what, error.what);
        let problem = Problem::new(&catalogue::CONFIG_REF_SYNTAX, message).similar(error.similar);
        self.scope.problem(&entry.place(), problem);
        None
    }

    fn without_nul(&self, entry: &Entry<'_>, text: &str) -> Option<Source> {
        if text.contains('\0') {
            let message = format!("{} holds a NUL byte, which no environment variable can", self.what);
            let problem = Problem::new(&catalogue::REF_NUL_BYTE, message)
                .causes(vec!["`\\u0000` stands in the text".to_owned()])
                .fixes(vec!["take `\\u0000` out of the text".to_owned()]);
            self.scope.problem(&entry.place(), problem);
            return None;
        }
        Some(Source::Plain(text.to_owned()))
    }

    /// `{ literal = … }`, `{ secret = … }`, `{ template = … }`, `{ rds_iam = … }` with options.
    fn table<'a>(&self, entry: &Entry<'a>, table: &'a DeTable<'a>, field: &mut WrittenField<'a>) -> Option<()> {
        let members = entry.members();
        let is_template = table.contains_key("template");
        let mut keys: Vec<Key> = ORIGINS.iter().chain(OPTION_KEYS).copied().collect();
        if table.contains_key("rds_iam") {
            keys.extend(TOKEN_KEYS);
        }
        let before = self.scope.problems().len();
        for member in &members {
            // What is not declared is a part of the template.
            if !is_template || keys.iter().any(|key| key.name == member.name) {
                super::walk::check_entry(self.scope, member, &self.what, &keys);
            }
        }
        let origins: Vec<&Entry<'_>> = members
            .iter()
            .filter(|m| ORIGINS.iter().any(|key| key.name == m.name))
            .collect();
        let [origin] = origins.as_slice() else {
            let message = format!(
                "{} needs one of secret, literal, template, rds_iam, and has {}",
                self.what,
                origins.len()
            );
            let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fixes(vec![format!(
                "for example: {} = {{ secret = \"vault:PATH#KEY\" }}",
                entry.name
            )]);
            self.scope.problem(&entry.key_place(), problem);
            return None;
        };
        if self.scope.problems().len() > before {
            return None;
        }
        let get = |name: &str| members.iter().find(|member| member.name == name);
        field.source = self.origin(origin, &members)?;
        if let Source::Secret(secret) = &mut field.source {
            let pin = self.pin(get("version"), get("stage"))?;
            if let Some(written) = get("version").or(get("stage"))
                && let Some(Err(why)) = pin.as_ref().map(|pin| pin.check(secret.id.kind))
            {
                self.unpinnable(written, why);
                return None;
            }
            secret.id.pin = pin;
        } else if let Some(pin) = get("version").or(get("stage")) {
            let message = format!(
                "`{}` of {} stands beside no secret that it could pin",
                pin.name, self.what
            );
            let problem = Problem::new(&catalogue::CONFIG_UNKNOWN_KEY, message).fixes(vec![format!(
                "remove it, or move it beside the secret: {{ secret = \"…\", {} = … }}",
                pin.name
            )]);
            self.scope.problem(&pin.key_place(), problem);
            return None;
        }
        field.literal = origin.name == "literal";
        field.via = match get("via").and_then(Entry::text) {
            Some("file") => Via::File,
            Some("agent") => Via::Agent,
            _ => Via::Env,
        };
        let switch = |name: &str| get(name).and_then(|m| m.value.get_ref().as_bool()).unwrap_or(false);
        field.trim = switch("trim");
        field.optional = switch("optional");
        if let Some((at, text)) = get("default").and_then(|at| Some((at, at.text()?))) {
            let fix = "write plain text there, or name the secret in a field of its own";
            self.plain_only(at, text, "the default", fix)?;
            self.without_nul(at, text)?;
            field.default = Some(text.to_owned());
        }
        Some(())
    }

    fn unpinnable(&self, written: &Entry<'_>, why: &str) {
        let message = format!("`{}` of {} pins nothing", written.name, self.what);
        let problem = Problem::new(&catalogue::PROVIDER_UNSUPPORTED, message)
            .causes(vec![why.to_owned()])
            .fixes(vec![format!("correct or remove `{}`", written.name)]);
        self.scope.problem(&written.key_place(), problem);
    }

    /// A text that stands where no reference is read: one that looks like it would reach the child as it is.
    fn plain_only(&self, at: &Entry<'_>, text: &str, noun: &str, fix: &str) -> Option<()> {
        if matches!(reference::parse_value(text, self.names), Ok(Parsed::Plain)) {
            return Some(());
        }
        let message = format!("{noun} of {} looks like a reference, and none is read there", self.what);
        let problem = Problem::new(&catalogue::CONFIG_REF_SYNTAX, message).fixes(vec![fix.to_owned()]);
        self.scope.problem(&at.place(), problem);
        None
    }

    fn origin(&self, origin: &Entry<'_>, members: &[Entry<'_>]) -> Option<Source> {
        let text = origin.text()?;
        match origin.name {
            "literal" => self.without_nul(origin, text),
            "secret" => match reference::parse_canonical(text, self.names) {
                Ok(secret) => Some(Source::Secret(secret)),
                Err(error) => {
                    let message = format!("{}: {}", self.what, error.what);
                    self.scope
                        .problem(&origin.place(), not_a_reference(message, error.similar));
                    None
                }
            },
            "rds_iam" => self.token(origin, text, members),
            _ => self.template(origin, text, members),
        }
    }

    fn pin(&self, version: Option<&Entry<'_>>, stage: Option<&Entry<'_>>) -> Option<Option<Pin>> {
        let wrong = |entry: &Entry<'_>, message: String| {
            let problem = Problem::new(&catalogue::CONFIG_TYPE, message)
                .fixes(vec!["write it like this: version = 7".to_owned()]);
            self.scope.problem(&entry.key_place(), problem);
        };
        match (version, stage) {
            (None, None) => Some(None),
            (Some(version), Some(_)) => {
                wrong(
                    version,
                    format!("{} has a version and a stage, and only one of them can hold", self.what),
                );
                None
            }
            (None, Some(stage)) => Some(stage.text().map(|text| Pin::Stage(text.to_owned()))),
            (Some(version), None) => {
                let value = version.value.get_ref();
                let text = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
                let pinned = text.or_else(|| number(value).filter(|n| *n > 0).map(|n| n.to_string()));
                if pinned.is_none() {
                    wrong(
                        version,
                        format!(
                            "`version` of {} is a number from 1 on, or a version id in quotes",
                            self.what
                        ),
                    );
                    return None;
                }
                Some(pinned.map(Pin::Version))
            }
        }
    }
}
