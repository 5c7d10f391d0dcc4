//! The grammar of references: what a text of a role file means, and why one that looks like a reference is none.

use super::{Kind, Parsed, ProviderKind, ProviderNames, RefError, SecretId, SecretRef};
use crate::domain::suggest;

/// Longest reference that is read; longer ones are mistakes.
const LONGEST: usize = 4096;
const PATH_STYLE: &str = "_envs/";
const RDS_IAM: &str = "_aws_iam_rds:";

/// Reads a plain string of a role file: most are what they say, some are references.
///
/// # Errors
/// The text looks like a reference (`_word:`, `_envs/`, a provider's name and a colon) and is none.
pub fn parse_value(text: &str, names: &ProviderNames) -> Result<Parsed, RefError> {
    if let Some(user) = text.strip_prefix(RDS_IAM) {
        check_text(user, "database user")?;
        return Ok(Parsed::RdsIam { user: user.to_owned() });
    }
    if text.starts_with(PATH_STYLE) || underscore_word(text).is_some() {
        return parse_reference(text, names).map(Parsed::Secret);
    }
    if let Some((word, _)) = text.split_once(':')
        && names.lookup(word).is_some()
    {
        return Err(RefError {
            what: format!("`{word}:` begins a reference, which in a plain string has another spelling"),
            similar: vec![
                format!("_envs/{word}/…#KEY"),
                format!("_{word}:…:KEY"),
                format!("{{ secret = \"{word}:…#KEY\" }}"),
            ],
        });
    }
    let trimmed = text.trim();
    if trimmed.len() != text.len() && !matches!(parse_value(trimmed, names), Ok(Parsed::Plain)) {
        return Err(RefError::new("white space stands before or after a reference"));
    }
    Ok(Parsed::Plain)
}

/// Reads the text of `secret = "…"` and `from = "…"`: the canonical form, or one of the two styles of plain strings.
///
/// # Errors
/// The text is no reference.
pub fn parse_canonical(text: &str, names: &ProviderNames) -> Result<SecretRef, RefError> {
    if text.starts_with(RDS_IAM) {
        return Err(RefError {
            what: "an RDS IAM token is made at launch and is not a stored secret".to_owned(),
            similar: vec!["{ rds_iam = \"USER\" }".to_owned(), "_aws_iam_rds:USER".to_owned()],
        });
    }
    if text.starts_with(PATH_STYLE) || underscore_word(text).is_some() {
        return parse_reference(text, names);
    }
    let Some((word, rest)) = text.split_once(':') else {
        return Err(RefError {
            what: "a reference reads PROVIDER:PATH#KEY, and here is no colon".to_owned(),
            similar: similar_words(text.split(['/', '#']).next().unwrap_or(text), names, "", ":"),
        });
    };
    let Some((provider, kind)) = names.lookup(word) else {
        return Err(unknown_word(word, names, "", ":"));
    };
    let (path, key) = split_hash(rest);
    assemble(text, provider, kind, path, key)
}

/// One of the two styles that plain strings use.
fn parse_reference(text: &str, names: &ProviderNames) -> Result<SecretRef, RefError> {
    if let Some(rest) = text.strip_prefix(PATH_STYLE) {
        return parse_path_style(text, rest, names);
    }
    let Some((word, rest)) = underscore_word(text) else {
        return Err(RefError::new("the text is no reference"));
    };
    let Some((provider, kind)) = names.lookup(word) else {
        return Err(unknown_word(word, names, "_", ":"));
    };
    let (id, key) = split_colon(rest)?;
    if id.contains('#') {
        return Err(RefError {
            what: "in this style the key stands behind a colon, and `#` is no part of a name".to_owned(),
            similar: vec![format!("_{word}:…:KEY"), format!("_envs/{word}/…#KEY")],
        });
    }
    assemble(text, provider, kind, id, key)
}

/// What stands behind `_envs/`.
fn parse_path_style(text: &str, rest: &str, names: &ProviderNames) -> Result<SecretRef, RefError> {
    let (before_key, _) = split_hash(rest);
    if let Some((word, _)) = before_key.split_once('/') {
        let Some((provider, kind)) = names.lookup(word) else {
            return Err(unknown_word(word, names, "_envs/", "/"));
        };
        let (path, key) = split_hash(&rest[word.len() + 1..]);
        return assemble(text, provider, kind, path, key);
    }
    let (name, key) = split_hash(rest);
    if names.lookup(name).is_some() {
        return Err(RefError {
            what: format!("`_envs/{name}` names a provider and no path in it"),
            similar: vec![format!("_envs/{name}/PATH#KEY")],
        });
    }
    if name.is_empty() {
        return Err(RefError {
            what: "nothing stands behind `_envs/`".to_owned(),
            similar: vec!["_envs/NAME".to_owned(), "_envs/vault/PATH#KEY".to_owned()],
        });
    }
    if !is_variable_name(name) {
        return Err(RefError {
            what: "`_envs/NAME` names an environment variable (letters, digits and _), and a provider needs a path behind it".to_owned(),
            similar: similar_words(name, names, "_envs/", "/PATH#KEY"),
        });
    }
    let env = Kind::Of(ProviderKind::Env);
    assemble(text, env.word().to_owned(), env, name, key)
}

/// The word and the rest of `_word:rest`.
fn underscore_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.strip_prefix('_')?.split_once(':')?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!word.is_empty() && word.chars().all(is_word)).then_some((word, rest))
}

/// Splits off the key that stands behind the first `#`: no path has one, a key may.
fn split_hash(text: &str) -> (&str, Option<&str>) {
    match text.split_once('#') {
        Some((path, key)) => (path, Some(key)),
        None => (text, None),
    }
}

/// Splits off the key that stands behind the last colon, or behind the seven parts of an ARN.
fn split_colon(rest: &str) -> Result<(&str, Option<&str>), RefError> {
    if !rest.starts_with("arn:") {
        return Ok(match rest.rsplit_once(':') {
            Some((id, key)) => (id, Some(key)),
            None => (rest, None),
        });
    }
    let colons: Vec<usize> = rest.match_indices(':').map(|(at, _)| at).collect();
    match colons.as_slice() {
        [_, _, _, _, _, _] => Ok((rest, None)),
        [_, _, _, _, _, _, seventh, ..] => Ok((&rest[..*seventh], Some(&rest[seventh + 1..]))),
        _ => Err(short_arn()),
    }
}

fn short_arn() -> RefError {
    RefError {
        what: "an ARN has seven parts between colons, and here are fewer".to_owned(),
        similar: vec!["arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME".to_owned()],
    }
}

/// Puts a reference together after the rules that hold for every style.
fn assemble(text: &str, provider: String, kind: Kind, path: &str, key: Option<&str>) -> Result<SecretRef, RefError> {
    if text.len() > LONGEST {
        return Err(RefError::new(format!("a reference is at most {LONGEST} bytes long")));
    }
    check_text(path, path_noun(kind))?;
    if let Some(key) = key {
        check_text(key, "key")?;
    }
    check_path(kind, path)?;
    Ok(SecretRef {
        id: SecretId {
            provider,
            kind,
            path: path.to_owned(),
            pin: None,
        },
        key: key.map(str::to_owned),
        text: text.to_owned(),
    })
}

/// What the path of a kind is called.
fn path_noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Of(ProviderKind::Env | ProviderKind::EnvJson) => "variable",
        Kind::Of(ProviderKind::Aws | ProviderKind::Azure | ProviderKind::Gcp) => "secret's name",
        _ => "path",
    }
}

/// No part of a reference is empty, begins or ends with white space, or holds a control character.
fn check_text(text: &str, noun: &str) -> Result<(), RefError> {
    if text.is_empty() {
        return Err(RefError::new(format!("the {noun} is missing")));
    }
    if text.trim().len() != text.len() {
        return Err(RefError::new(format!("white space stands before or after the {noun}")));
    }
    if text.chars().any(char::is_control) {
        return Err(RefError::new(format!("a control character stands in the {noun}")));
    }
    Ok(())
}

/// What a kind asks of its paths.
fn check_path(kind: Kind, path: &str) -> Result<(), RefError> {
    let segments = || path.split('/');
    match kind {
        Kind::Of(ProviderKind::Env | ProviderKind::EnvJson) => {
            if path.chars().any(|c| c.is_whitespace() || matches!(c, '=' | '/')) {
                return Err(RefError::new("this is no name of an environment variable"));
            }
        }
        // A slash may begin the name of an AWS secret, so its segments are not looked at.
        Kind::Of(ProviderKind::Aws) => {
            if path.starts_with("arn:") {
                match path.matches(':').count() {
                    ..6 => return Err(short_arn()),
                    6 => {}
                    _ => return Err(RefError::new("an ARN has seven parts; the key stands behind `#`")),
                }
            }
        }
        _ => {
            if segments().any(str::is_empty) {
                return Err(RefError::new("a path has no slash at its ends and no two in a row"));
            }
            if segments().any(|segment| matches!(segment, "." | "..")) {
                return Err(RefError::new("a path has no `.` or `..` in it"));
            }
            if kind == Kind::Of(ProviderKind::K8s) && segments().count() > 2 {
                return Err(RefError {
                    what: "a Kubernetes secret is NAMESPACE/SECRET".to_owned(),
                    similar: vec!["_envs/k8s/NAMESPACE/SECRET#KEY".to_owned()],
                });
            }
            if kind == Kind::VaultDb {
                check_database_role(path)?;
            }
        }
    }
    Ok(())
}

/// A role of Vault's database engine is named by mount and role; `creds/` between them belongs to the API.
fn check_database_role(path: &str) -> Result<(), RefError> {
    let what = match path.rsplit_once('/') {
        None => "a role of the database engine is MOUNT/ROLE, and here is one of them",
        Some((mount, _)) if mount.ends_with("/creds") => {
            "a role of the database engine is MOUNT/ROLE; creds/ stands in the path of the API alone"
        }
        Some(_) => return Ok(()),
    };
    Err(RefError {
        what: what.to_owned(),
        similar: vec!["_vaultdb:MOUNT/ROLE:KEY".to_owned()],
    })
}

/// Whether the text is a name that shells and programs take for an environment variable.
pub fn is_variable_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn similar_words(word: &str, names: &ProviderNames, before: &str, after: &str) -> Vec<String> {
    // Names are written in small letters, nearly all of them.
    let small = word.to_ascii_lowercase();
    let word = if names.lookup(&small).is_some() { &small } else { word };
    suggest::nearest(word, words_between(names, before, after))
        .into_iter()
        .map(|known| format!("{before}{known}{after}"))
        .collect()
}

/// Every word that may stand between the two: a login token is made in the colon style only.
fn words_between<'n>(names: &'n ProviderNames, before: &str, after: &str) -> impl Iterator<Item = &'n str> {
    let of_token = (before == "_" && after == ":").then(|| RDS_IAM.trim_matches(['_', ':']));
    names.words().chain(of_token)
}

/// The word may be the beginning of a mistyped secret, so it is quoted only where a known one is a slip of the finger away.
fn unknown_word(word: &str, names: &ProviderNames, before: &str, after: &str) -> RefError {
    if word == "envs" {
        return RefError {
            what: "the path style has a slash behind `_envs`".to_owned(),
            similar: vec!["_envs/NAME".to_owned(), "_envs/KIND/PATH#KEY".to_owned()],
        };
    }
    let typo = words_between(names, before, after)
        .any(|known| strsim::damerau_levenshtein(&word.to_ascii_lowercase(), known) <= 2);
    let what = if typo {
        format!("`{before}{word}{after}` names no kind of provider and no configured one")
    } else {
        "the text begins like a reference and names no kind of provider and no configured one".to_owned()
    };
    RefError {
        what,
        similar: similar_words(word, names, before, after),
    }
}

impl RefError {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            similar: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
