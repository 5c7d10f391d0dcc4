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
        }
    }
    Ok(())
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> ProviderNames {
        let mut names = ProviderNames::default();
        names.add("vault-eu", ProviderKind::Vault);
        names.add("sm", ProviderKind::Aws);
        names
    }

    fn secret(text: &str) -> SecretRef {
        match parse_value(text, &names()) {
            Ok(Parsed::Secret(reference)) => reference,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn parts(text: &str) -> (String, String, String, Option<String>) {
        let reference = secret(text);
        assert_eq!(reference.text, text);
        let SecretId {
            provider, kind, path, ..
        } = reference.id;
        (provider, kind.word().to_owned(), path, reference.key)
    }

    fn expect(text: &str, provider: &str, kind: &str, path: &str, key: Option<&str>) {
        assert_eq!(
            parts(text),
            (provider.into(), kind.into(), path.into(), key.map(Into::into)),
            "{text}"
        );
    }

    #[test]
    fn colon_style() {
        expect(
            "_aws:my-secret:DB_PASSWORD",
            "aws",
            "aws",
            "my-secret",
            Some("DB_PASSWORD"),
        );
        expect("_aws:my-secret", "aws", "aws", "my-secret", None);
        expect("_aws:a:b:c", "aws", "aws", "a:b", Some("c"));
        expect("_vaultkv1:kv/db:pass", "vault", "vaultkv1", "kv/db", Some("pass"));
        expect("_vaultkv2:dbsecret:PASS", "vault", "vaultkv2", "dbsecret", Some("PASS"));
        expect(
            "_vaultkv2:custom/data/db:PASS",
            "vault",
            "vaultkv2",
            "custom/data/db",
            Some("PASS"),
        );
        expect(
            "_vaultdb:database/ro:username",
            "vault",
            "vaultdb",
            "database/ro",
            Some("username"),
        );
        expect(
            "_envjson:APP_SECRETS:api_key",
            "envjson",
            "envjson",
            "APP_SECRETS",
            Some("api_key"),
        );
        expect("_env:DB_PASSWORD", "env", "env", "DB_PASSWORD", None);
        expect("_vault-eu:secret/db:pw", "vault-eu", "vault", "secret/db", Some("pw"));
        expect("_sm:/prod/db:pw", "sm", "aws", "/prod/db", Some("pw"));
        expect("_local:db/pg:password", "local", "local", "db/pg", Some("password"));
    }

    #[test]
    fn arns_are_taken_whole() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
        expect(&format!("_aws:{arn}"), "aws", "aws", arn, None);
        expect(&format!("_aws:{arn}:password"), "aws", "aws", arn, Some("password"));
        expect(&format!("_aws:{arn}:a:b"), "aws", "aws", arn, Some("a:b"));
        expect(
            &format!("_envs/aws/{arn}#password"),
            "aws",
            "aws",
            arn,
            Some("password"),
        );
        for wrong in [
            "_aws:arn:aws:secretsmanager:x".to_owned(),
            format!("_envs/aws/{arn}:password"),
        ] {
            assert!(parse_value(&wrong, &names()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn path_style() {
        expect(
            "_envs/vault/secret/databases/prod#password",
            "vault",
            "vault",
            "secret/databases/prod",
            Some("password"),
        );
        expect("_envs/azure/db-password", "azure", "azure", "db-password", None);
        expect(
            "_envs/k8s/payments/db#password",
            "k8s",
            "k8s",
            "payments/db",
            Some("password"),
        );
        expect("_envs/DB_PASSWORD", "env", "env", "DB_PASSWORD", None);
        expect("_envs/vault-eu/secret/x#k", "vault-eu", "vault", "secret/x", Some("k"));
        expect("_envs/envjson/APP#a.b", "envjson", "envjson", "APP", Some("a.b"));
        expect(
            "_envs/local/db/pg#pass#word",
            "local",
            "local",
            "db/pg",
            Some("pass#word"),
        );
    }

    #[test]
    fn both_styles_of_one_secret_are_one_secret() {
        let canonical = parse_canonical("local:db/pg#password", &names()).unwrap();
        for text in ["_local:db/pg:password", "_envs/local/db/pg#password"] {
            assert_eq!(
                (secret(text).id, secret(text).key),
                (canonical.id.clone(), canonical.key.clone())
            );
        }
    }

    #[test]
    fn plain_strings_stay_plain() {
        for text in [
            "",
            "db1.internal",
            "postgres://u@h/db",
            "a:b",
            "_",
            "_x",
            "_:x",
            "__",
            "_envs",
            "12:30",
            "C:\\x",
            "_a b:c",
            "http://vault:8200",
        ] {
            assert_eq!(parse_value(text, &names()), Ok(Parsed::Plain), "{text}");
        }
        assert_eq!(
            parse_value("_aws_iam_rds:app_ro", &names()),
            Ok(Parsed::RdsIam { user: "app_ro".into() })
        );
    }

    #[test]
    fn what_looks_like_a_reference_and_is_none_is_an_error_with_the_right_spelling() {
        let cases = [
            ("_vaultkv3:secret/x:password", "_vaultkv2:"),
            ("_vautl:secret/x:password", "_vault:"),
            ("_envs/valt/secret/x#password", "_envs/vault/"),
            ("_envs/vault", "_envs/vault/PATH#KEY"),
            ("_envs/vault-eu", "_envs/vault-eu/PATH#KEY"),
            ("_vaultkv2:db#PASS", "_vaultkv2:…:KEY"),
            ("vault:secret/x#password", "_envs/vault/…#KEY"),
            ("vault-eu:secret/x#password", "_envs/vault-eu/…#KEY"),
            ("_envs/", "_envs/NAME"),
            ("_envs:FOO", "_envs/NAME"),
            ("_VAULT:secret/x:y", "_vault:"),
            ("_aws_iam_rd:app", "_aws_iam_rds:"),
            ("_awsiamrds:app", "_aws_iam_rds:"),
            ("_vlt:secret/x:y", "_vault:"),
            ("_envs/k8s/a/b/c#d", "_envs/k8s/NAMESPACE/SECRET#KEY"),
        ];
        for (text, right) in cases {
            let error = parse_value(text, &names()).expect_err(text);
            assert!(error.similar.iter().any(|s| s == right), "{text}: {error:?}");
        }
        for text in [
            "_aws:",
            "_aws::key",
            "_aws:name:",
            "_aws_iam_rds:",
            "_vaultkv1:/kv/db:x",
            "_vaultkv1:a//b:x",
            "_local:../x:y",
            " _vaultkv2:db:PASS",
            "_vaultkv2:db:PASS\n",
            "_vault:a\u{0}b:c",
            "_envs/my-secret",
            "_env:A=B",
            "_envs/vault/#k",
        ] {
            assert!(parse_value(text, &names()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mistyped_secret_is_not_quoted() {
        for text in [
            "_hunter2-canary:Xq9:Zw7",
            "hunter2-canary",
            "_vaultkv3:hunter2-canary:x",
            "_envs/hunter2-canary",
            "_envs/hunter2-canary/x",
            "nope-hunter2-canary:x",
        ] {
            for error in [parse_value(text, &names()).err(), parse_canonical(text, &names()).err()]
                .into_iter()
                .flatten()
            {
                assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            }
        }
    }

    #[test]
    fn canonical() {
        let reference = parse_canonical("vault-eu:secret/databases/prod#password", &names()).unwrap();
        assert_eq!(reference.id.provider, "vault-eu");
        assert_eq!(reference.canonical(), "vault-eu:secret/databases/prod#password");
        assert_eq!(secret("_vaultkv2:dbsecret:PASS").canonical(), "vaultkv2:dbsecret#PASS");
        assert_eq!(secret("_envs/DB_PASSWORD").canonical(), "env:DB_PASSWORD");
        for wrong in [
            "hunter2",
            "valt:secret/x#y",
            "vault:",
            "vault:#x",
            "vault:a#",
            "_aws_iam_rds:x",
        ] {
            assert!(parse_canonical(wrong, &names()).is_err(), "{wrong}");
        }
        assert_eq!(
            parse_canonical("valt:secret/x#y", &names()).unwrap_err().similar[0],
            "vault:"
        );
    }

    fn any_reference() -> impl Strategy<Value = (String, Kind, String, Option<String>)> {
        let names = names();
        let words: Vec<String> = names.words().map(str::to_owned).collect();
        let segment = "[a-zA-Z0-9_+=@.\u{e4}-]{1,8}[a-zA-Z0-9]";
        let paths = (proptest::collection::vec(segment, 1..4), "[A-Za-z_][A-Za-z0-9_]{0,12}");
        let key = proptest::option::of(
            "[a-zA-Z0-9_.\\\\\u{e4}#/ -]{0,10}[a-zA-Z0-9]".prop_filter("no white space at the ends", |k| k.trim() == k),
        );
        (proptest::sample::select(words), paths, key).prop_map(move |(word, (segments, variable), key)| {
            let (_, kind) = names.lookup(&word).unwrap();
            let path = match kind {
                Kind::Of(ProviderKind::Env | ProviderKind::EnvJson) => variable,
                Kind::Of(ProviderKind::K8s) => segments[..segments.len().min(2)].join("/"),
                _ => segments.join("/"),
            };
            (word, kind, path, key)
        })
    }

    proptest! {
        #[test]
        fn every_style_of_every_kind_comes_back((word, kind, path, key) in any_reference()) {
            let names = names();
            let hash = key.as_ref().map_or(String::new(), |key| format!("#{key}"));
            let canonical = parse_canonical(&format!("{word}:{path}{hash}"), &names).unwrap();
            prop_assert_eq!(canonical.id.kind, kind);
            prop_assert_eq!(&canonical.id.path, &path);
            prop_assert_eq!(&canonical.key, &key);

            let again = parse_canonical(&canonical.canonical(), &names).unwrap();
            prop_assert_eq!((&again.id, &again.key), (&canonical.id, &canonical.key));

            let styled = parse_value(&format!("_envs/{word}/{path}{hash}"), &names).unwrap();
            let Parsed::Secret(styled) = styled else { panic!("{styled:?}") };
            prop_assert_eq!((&styled.id, &styled.key), (&canonical.id, &canonical.key));

            let colon = key.as_ref().map_or(String::new(), |key| format!(":{key}"));
            let Ok(Parsed::Secret(styled)) = parse_value(&format!("_{word}:{path}{colon}"), &names) else { panic!() };
            prop_assert_eq!((&styled.id, &styled.key), (&canonical.id, &canonical.key));
            prop_assert_eq!(parse_canonical(&styled.text, &names).unwrap(), styled);
        }

        #[test]
        fn no_text_makes_it_panic_or_reach_the_child_as_a_reference(text in "(_|_envs/|vault:|_vault:|_aws:arn:)?.{0,40}") {
            let names = names();
            let value = parse_value(&text, &names);
            let _ = parse_canonical(&text, &names);
            if text.starts_with("_envs/") || underscore_word(&text).is_some() {
                prop_assert_ne!(value, Ok(Parsed::Plain));
            }
        }
    }
}
