//! From fields to values: every distinct secret read once, concurrently, under one deadline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;

use super::environment::unfit;
use crate::domain::catalogue::{self, Code};
use crate::domain::lease::Held;
use crate::domain::problem::{Location, Problem, Snippet};
use crate::domain::reference::{ProviderKind, SecretId, SecretRef};
use crate::domain::role::{Field, Role, Source, TemplatePart, Via};
use crate::domain::secret::{Encoding, Part, PickError, SecretValue, Unfit};
use crate::domain::suggest::nearest;
use crate::providers::patience::{self, in_words};
use crate::providers::{Fetched, Providers};

/// What waits for a later version, as a problem names it.
pub(super) const VIA_AGENT: &str = "via = \"agent\"";

/// The value of one field.
pub(super) enum Value {
    Plain(String),
    Secret {
        value: SecretValue,
        /// The parts of a template: masked like the whole.
        parts: Vec<SecretValue>,
        uses: Vec<Use>,
    },
    /// A login token: made when the fields that say for which host it is are known.
    Token,
    /// An optional secret that is not there.
    Absent,
}

/// One reference that was read for a field, or a token that was made.
pub(super) struct Use {
    pub(super) reference: Option<SecretRef>,
    pub(super) version: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) took: Duration,
}

/// What came of reading one secret.
struct Read {
    result: Result<Fetched, Problem>,
    took: Duration,
}

type Reads = BTreeMap<SecretId, Read>;

/// The value of every field of the role, in order, and what is given back after use; or all problems, in the same order. `deadline` is that of the whole launch, which
/// may take `limit`.
pub(super) async fn fields(
    role: &Role,
    providers: &Providers,
    deadline: tokio::time::Instant,
    limit: Duration,
) -> Result<(Vec<Value>, Vec<Held>), Vec<Problem>> {
    let not_built = role
        .fields
        .iter()
        .filter_map(|field| Some((not_built_of(field)?, field)));
    let not_built: Vec<Problem> = together(not_built.collect(), role);
    if !not_built.is_empty() {
        return Err(not_built);
    }
    let mut wanted: BTreeMap<&str, Vec<SecretId>> = BTreeMap::new();
    for reference in role.references() {
        let ids = wanted.entry(&reference.id.provider).or_default();
        if !ids.contains(&reference.id) {
            ids.push(reference.id.clone());
        }
    }
    let groups = wanted
        .into_iter()
        .map(|(provider, ids)| read(provider, ids, providers, deadline, limit));
    let reads: Reads = join_all(groups).await.into_iter().flatten().collect();

    let mut values = Vec::new();
    let mut failed: Vec<(Problem, &Field)> = Vec::new();
    for field in &role.fields {
        match value(field, &reads).and_then(|value| fit(field, value)) {
            Ok(value) => values.push(value),
            Err(problem) => failed.push((problem, field)),
        }
    }
    if failed.is_empty() {
        let leases = reads.into_values().filter_map(|read| read.result.ok()?.lease);
        return Ok((values, leases.collect()));
    }
    Err(together(failed, role))
}

/// Each problem once, with the names of its fields: one sealed Vault is one problem, however many fields wait for it.
fn together(failed: Vec<(Problem, &Field)>, role: &Role) -> Vec<Problem> {
    let mut found: Vec<(Problem, Vec<&str>)> = Vec::new();
    for (problem, field) in failed {
        let same = |other: &Problem| other.code == problem.code && other.what == problem.what;
        match found.iter_mut().find(|(other, _)| same(other)) {
            Some((_, names)) => names.push(&field.name),
            None => found.push((in_role(problem, role, field), vec![&field.name])),
        }
    }
    let named = |(mut problem, names): (Problem, Vec<&str>)| {
        problem.what = format!("{}, for {}", problem.what, names.join(", "));
        problem
    };
    found.into_iter().map(named).collect()
}

/// Reads all the secrets of one provider.
async fn read(
    provider: &str,
    ids: Vec<SecretId>,
    providers: &Providers,
    deadline: tokio::time::Instant,
    limit: Duration,
) -> Vec<(SecretId, Read)> {
    let started = Instant::now();
    let results = match providers.get(provider) {
        Err(problem) => ids.iter().map(|_| Err(problem.clone())).collect(),
        Ok(store) => match patience::until(deadline, store.fetch_all(&ids)).await {
            Some(results) => results,
            None => ids.iter().map(|_| Err(too_slow(provider, limit))).collect(),
        },
    };
    let took = started.elapsed();
    ids.into_iter()
        .zip(results)
        .map(|(id, result)| (id, Read { result, took }))
        .collect()
}

pub(super) fn too_slow(provider: &str, limit: Duration) -> Problem {
    let what = format!("provider `{provider}` gave no answer within {}", in_words(limit));
    Problem::new(&catalogue::NET_TIMEOUT, what).fixes(vec![patience::longer(limit)])
}

/// Says of which field and where it is written, unless the problem already knows.
pub(crate) fn in_role(mut problem: Problem, role: &Role, field: &Field) -> Problem {
    if problem.at.is_none() {
        let at = field.at.as_ref().unwrap_or(&role.at);
        match field
            .source
            .references()
            .first()
            .and_then(|reference| offending_line(at, reference))
        {
            Some((column, snippet)) => {
                problem.at = Some(Location { column, ..at.clone() });
                problem.snippet = Some(snippet);
            }
            None => problem.at = Some(at.clone()),
        }
    }
    // A provider knows which secret is wanted and not which key of it, and its probe knows neither.
    if let Some(reference) = field.source.references().first()
        && let Some(key) = &reference.key
    {
        let (path, key) = (&reference.id.path, format!("#{key}"));
        for fix in &mut problem.fixes {
            *fix = fix.replace("PATH#", &format!("{path}#")).replace("#KEY", &key);
        }
    }
    if !problem.facts.iter().any(|(name, _)| *name == "Field") {
        problem.facts.insert(0, ("Field", field.name.clone()));
        if let Some(reference) = field.source.references().first() {
            problem.facts.insert(1, ("Reference", reference.text.clone()));
        }
    }
    problem
}

/// The line that holds the reference, and the reference's column in it. None unless the reference is the only text of the line: another
/// one, or a comment, might hold a secret.
fn offending_line(at: &Location, reference: &SecretRef) -> Option<(usize, Snippet)> {
    let text = std::fs::read_to_string(&at.file).ok()?;
    let line = text.lines().nth(at.line.checked_sub(1)?)?.trim_end();
    let before = &line[..line.find(&reference.text)?];
    let rest = line.replacen(&reference.text, "", 1);
    if rest.matches(['"', '\'']).count() != 2 || rest.contains('#') {
        return None;
    }
    let snippet = Snippet {
        line: line.to_owned(),
        width: reference.text.chars().count(),
    };
    Some((before.chars().count() + 1, snippet))
}

/// The value again, if it can be what the field makes of it.
pub(super) fn fit(field: &Field, value: Value) -> Result<Value, Problem> {
    let why = match &value {
        _ if field.via != Via::Env => None,
        Value::Plain(text) => Unfit::of(text.as_bytes()),
        Value::Secret { value, .. } => value.unfit_for_variable(),
        Value::Token | Value::Absent => None,
    };
    why.map_or(Ok(value), |why| Err(unfit(why)))
}

fn value(field: &Field, reads: &Reads) -> Result<Value, Problem> {
    let found = match &field.source {
        Source::Plain(text) => return Ok(Value::Plain(text.clone())),
        Source::RdsIam(_) => return Ok(Value::Token),
        Source::Secret(reference) => secret(reference, reads).map(|(value, used)| (value, Vec::new(), vec![used])),
        Source::From { secret, keys, required } => match from(secret, keys, *required, field, reads) {
            Ok(None) => return Ok(field.default.clone().map_or(Value::Absent, Value::Plain)),
            Ok(Some((value, used))) => Ok((value, Vec::new(), vec![used])),
            Err(problem) => Err(problem),
        },
        Source::Template { text, parts } => template(text, parts, reads),
    };
    match found {
        Ok((value, parts, uses)) => {
            let value = if field.trim { value.trimmed() } else { value };
            Ok(Value::Secret { value, parts, uses })
        }
        Err(problem) if is_absent(problem.code) => match (&field.default, field.optional) {
            (Some(default), _) => Ok(Value::Plain(default.clone())),
            (None, true) => Ok(Value::Absent),
            (None, false) => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// Whether the code says that a secret is not there, which `optional` and `default` forgive; anything broken is never forgiven.
pub(crate) fn is_absent(code: &'static Code) -> bool {
    [
        &catalogue::AWS_NOTFOUND,
        &catalogue::AZURE_DELETED,
        &catalogue::AZURE_NOTFOUND,
        &catalogue::ENV_UNSET,
        &catalogue::GCP_NOTFOUND,
        &catalogue::K8S_NOTFOUND,
        &catalogue::LOCAL_MISSING,
        &catalogue::REF_KEY_MISSING,
        &catalogue::REF_NULL,
        &catalogue::VAULT_404,
        &catalogue::VAULT_404_KEY,
    ]
    .contains(&code)
}

pub(super) fn not_built(what: &str) -> Problem {
    Problem::new(&catalogue::PROVIDER_NOT_BUILT, format!("{what}: not built yet"))
}

/// What of the field itself, whatever its provider says, is not built yet.
pub(crate) fn not_built_of(field: &Field) -> Option<Problem> {
    (field.via == Via::Agent).then(|| not_built(VIA_AGENT))
}

fn read_of<'a>(reference: &SecretRef, reads: &'a Reads) -> Result<(&'a Fetched, Use), Problem> {
    let Some(read) = reads.get(&reference.id) else {
        return Err(Problem::new(
            &catalogue::PROVIDER_UPSTREAM,
            format!("`{reference}` was not read"),
        ));
    };
    let fetched = read.result.as_ref().map_err(Clone::clone)?;
    Ok((
        fetched,
        Use {
            reference: Some(reference.clone()),
            version: fetched.version.clone(),
            expires: fetched.expires,
            took: read.took,
        },
    ))
}

fn secret(reference: &SecretRef, reads: &Reads) -> Result<(SecretValue, Use), Problem> {
    let (fetched, used) = read_of(reference, reads)?;
    let value = fetched
        .payload
        .pick(reference.key.as_deref())
        .map_err(|error| explain(&error, reference))?;
    Ok((value, used))
}

/// The first of the keys that the secret has; none if it has none of them and the field can do without.
fn from(
    reference: &SecretRef,
    keys: &[String],
    required: bool,
    field: &Field,
    reads: &Reads,
) -> Result<Option<(SecretValue, Use)>, Problem> {
    let (fetched, _) = read_of(reference, reads)?;
    let mut names = Vec::new();
    let mut null = None;
    for key in keys {
        match fetched.payload.pick(Some(key)) {
            Ok(value) => {
                let (_, mut used) = read_of(reference, reads)?;
                if let Some(reference) = &mut used.reference {
                    reference.key = Some(key.clone());
                }
                return Ok(Some((value, used)));
            }
            Err(PickError::NoSuchKey { names: there, .. }) => names = there,
            Err(error @ PickError::Null { .. }) => null = null.or(Some(error)),
            Err(error) => return Err(explain(&error, reference)),
        }
    }
    if !required {
        return Ok(None);
    }
    Err(match null {
        Some(error) => explain(&error, reference),
        None => none_of(keys, &names, reference, field),
    })
}

/// The secret of `from` has none of the keys that would fill the field.
pub(crate) fn none_of(keys: &[String], names: &[String], reference: &SecretRef, field: &Field) -> Problem {
    let what = format!("`{reference}` has no key {}", keys.join(" or "));
    let there = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let name = &field.name;
    Problem::new(&catalogue::CONFIG_FIELD_MISSING, what)
        .causes(vec![format!("the keys of the secret are: {there}")])
        .fixes(vec![
            format!("say in the role which key it is: map = {{ {name} = \"KEY\" }}"),
            format!("give the field in the role: fields.{name} = \"…\""),
        ])
        .similar(nearest(
            keys.first().map_or("", String::as_str),
            names.iter().map(String::as_str),
        ))
}

type Filled = (SecretValue, Vec<SecretValue>, Vec<Use>);

fn template(text: &str, parts: &[TemplatePart], reads: &Reads) -> Result<Filled, Problem> {
    let mut values = Vec::new();
    let mut uses = Vec::new();
    for part in parts {
        let name = &part.name;
        match &part.source {
            Source::Secret(reference) => match secret(reference, reads) {
                Ok((value, used)) => {
                    uses.push(used);
                    let value = if part.trim { value.trimmed() } else { value };
                    values.push((name.as_str(), Err(value)));
                }
                Err(problem) if is_absent(problem.code) && (part.optional || part.default.is_some()) => {
                    let default = part.default.clone().unwrap_or_default();
                    values.push((name.as_str(), Err(SecretValue::from_text(default))));
                }
                Err(problem) => return Err(problem),
            },
            Source::Plain(plain) => values.push((name.as_str(), Ok(plain.as_str()))),
            _ => return Err(not_built("this part of a template")),
        }
    }
    let named: Vec<(&str, Part<'_>)> = values
        .iter()
        .map(|(name, value)| match value {
            Ok(plain) => (*name, Part::Plain(plain)),
            Err(value) => (*name, Part::Secret(value)),
        })
        .collect();
    let whole = SecretValue::render(text, &named, Encoding::Percent)
        .map_err(|error| Problem::new(&catalogue::CONFIG_TYPE, error.to_string()))?;
    let masked = values.into_iter().filter_map(|(_, value)| value.err()).collect();
    Ok((whole, masked, uses))
}

/// The reference in its own style, with a key.
fn with_key(reference: &SecretRef, key: &str) -> String {
    let is_path = reference.text.starts_with("_envs/") || !reference.text.starts_with('_');
    format!("{reference}{}{key}", if is_path { '#' } else { ':' })
}

/// Names of keys that a message lists at most.
const MOST_KEYS: usize = 20;

/// A failed pick in a person's words. Vault has a code of its own for a missing key, for those who search for it.
pub(crate) fn explain(error: &PickError, reference: &SecretRef) -> Problem {
    let key_of = |names: &[String]| {
        if names.is_empty() {
            "the secret has no keys".to_owned()
        } else {
            let (some, rest) = names.split_at(names.len().min(MOST_KEYS));
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            format!("its keys are: {}{more}", some.join(", "))
        }
    };
    match error {
        PickError::KeyNeeded { names } => {
            let first = names.iter().find(|name| !name.is_empty());
            let first = first.map_or("KEY", String::as_str);
            Problem::new(
                &catalogue::REF_KEY_NEEDED,
                format!("`{reference}` names no key, and the secret is a table of keys"),
            )
            .causes(vec![key_of(names)])
            .fixes(vec![format!("name the key: {}", with_key(reference, first))])
        }
        PickError::NoSuchKey { key, names } => {
            let code = match reference.id.kind.provider_kind() {
                ProviderKind::Vault => &catalogue::VAULT_404_KEY,
                _ => &catalogue::REF_KEY_MISSING,
            };
            Problem::new(code, format!("the secret of `{reference}` has no key `{key}`"))
                .cause(key_of(names))
                .similar(nearest(key, names.iter().map(String::as_str)))
        }
        PickError::NotText { key } => {
            let what = format!("the key `{key}` of `{reference}` holds a string that is no text");
            Problem::new(&catalogue::REF_NOT_TEXT, what)
                .causes(vec![
                    "half of a character stands in it: one of \\ud800 to \\udfff without its other half".to_owned(),
                ])
                .fixes(vec!["write the value again, as text".to_owned()])
        }
        PickError::NotJson { .. } | PickError::Null { .. } => {
            // `from` asks for one key after the other: what is wrong is the same for every field.
            let of_from = matches!(error, PickError::NotJson { .. }) && reference.key.is_none();
            let code = match (error, reference.id.kind.provider_kind()) {
                (PickError::Null { .. }, _) => &catalogue::REF_NULL,
                (_, ProviderKind::Aws) => &catalogue::AWS_NOT_JSON,
                _ => &catalogue::REF_NOT_JSON,
            };
            if of_from {
                let what = format!(
                    "`{reference}`: the secret is a text and not a JSON object, so `from` fills no field of it"
                );
                return Problem::new(code, what).fixes(vec![
                    format!(
                        "name it in the field that takes the whole text: fields.NAME = {{ secret = \"{reference}\" }}"
                    ),
                    "or store a JSON object, with a key for each field".to_owned(),
                ]);
            }
            Problem::new(code, format!("`{reference}`: {error}"))
        }
    }
}
