//! Every style and kind, what is none, and what a mistake is told.

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
        ("_vaultdb:reader:username", "_vaultdb:MOUNT/ROLE:KEY"),
        ("_envs/vaultdb/team/db/creds/ro#username", "_vaultdb:MOUNT/ROLE:KEY"),
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
            Kind::VaultDb => format!("db/{}", segments.join("/")),
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
