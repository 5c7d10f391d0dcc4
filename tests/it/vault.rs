//! The Vault provider on a real server, through the library: every reference style and login, what a check learns without reading
//! values, and that each failure says what it is, with the path, the policies and something to type.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass::domain::problem::Problem;
use hallpass::domain::reference::{Kind, Pin, ProviderKind, SecretId};
use hallpass::domain::status::State;
use hallpass::providers::{Fetched, Provider, Providers, Setting};
use serde_json::{Value, json};

use crate::liar::{Liar, http};
use crate::library::providers;
use crate::sandbox::eventually;
use crate::servers::{servers, unique};

/// The providers of a world of which the test knows every variable.
struct Bench {
    env: BTreeMap<String, String>,
    settings: BTreeMap<String, Setting>,
    home: Option<PathBuf>,
}

impl Bench {
    /// The main server as root.
    fn new() -> Self {
        Self {
            env: BTreeMap::from([
                ("VAULT_ADDR".to_owned(), servers().vault_addr.clone()),
                ("VAULT_TOKEN".to_owned(), servers().vault_token.clone()),
            ]),
            settings: BTreeMap::new(),
            home: None,
        }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn unset(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    fn setting(mut self, name: &str, value: Setting) -> Self {
        self.settings.insert(name.to_owned(), value);
        self
    }

    fn providers_named(&self, name: &str) -> Providers {
        providers(
            name,
            ProviderKind::Vault,
            &self.settings,
            &self.env,
            self.home.as_deref(),
        )
    }

    fn vault(&self) -> Arc<dyn Provider> {
        self.providers_named("vault").get("vault").unwrap()
    }

    /// What a fetch of this secret fails with.
    #[track_caller]
    fn failure(&self, secret: &SecretId) -> Problem {
        let problem = match self.providers_named("vault").get("vault") {
            Err(problem) => problem,
            Ok(vault) => run(vault.fetch(secret)).err().expect("it must fail"),
        };
        let shown = format!("{problem}\n{problem:?}");
        if let Some(token) = self.env.get("VAULT_TOKEN") {
            assert!(!shown.contains(token.as_str()), "the token shows: {shown}");
        }
        assert!(!problem.fixes.is_empty() && !problem.causes.is_empty(), "{shown}");
        problem
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

fn id(kind: Kind, path: &str) -> SecretId {
    SecretId {
        provider: "vault".to_owned(),
        kind,
        path: path.to_owned(),
        pin: None,
    }
}

/// Mount and path as people write them.
fn auto(path: &str) -> SecretId {
    id(Kind::Of(ProviderKind::Vault), path)
}

fn pinned(path: &str, version: u64) -> SecretId {
    SecretId {
        pin: Some(Pin::Version(version.to_string())),
        ..auto(path)
    }
}

/// Writes a KV v2 secret; gives its path below `secret/`.
fn written(values: &[Value]) -> String {
    servers().mount_kv("secret", 2);
    let path = format!("databases/{}", unique("pg"));
    for value in values {
        servers().vault("POST", &format!("secret/data/{path}"), &json!({ "data": value }));
    }
    path
}

fn written_v1(value: &Value) -> String {
    servers().mount_kv("kv", 1);
    let path = unique("db");
    servers().vault("POST", &format!("kv/{path}"), value);
    path
}

fn token(rules: &str, more: &Value) -> String {
    let policy = unique("policy");
    servers().vault(
        "PUT",
        &format!("sys/policies/acl/{policy}"),
        &json!({ "policy": rules }),
    );
    let mut wanted = json!({ "policies": [policy] });
    wanted
        .as_object_mut()
        .unwrap()
        .append(&mut more.as_object().unwrap().clone());
    let answer = servers().vault("POST", "auth/token/create", &wanted);
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// Whether the fetched value of the key is this text. Values cannot be compared outside, so it goes through a child's environment.
#[track_caller]
fn holds(fetched: &Fetched, key: &str, expected: &str) {
    struct Seen(String);
    impl hallpass::domain::secret::EnvTarget for Seen {
        fn set(&mut self, _: &std::ffi::OsStr, value: &std::ffi::OsStr) {
            self.0 = value.to_str().unwrap().to_owned();
        }
    }
    let mut env = hallpass::domain::secret::ChildEnv::new();
    env.insert_secret("VALUE", fetched.payload.pick(Some(key)).unwrap(), true);
    let mut seen = Seen(String::new());
    env.inject(&mut seen);
    assert!(seen.0 == expected, "another value than expected for {key}");
}

#[test]
fn every_style_reads_its_secret_and_a_rotated_one() {
    let v2 = written(&[json!({ "password": "first", "port": 5432 })]);
    let v1 = written_v1(&json!({ "pass": "old" }));
    servers().mount_kv("team/kv", 2);
    let nested = unique("nested");
    servers().vault(
        "POST",
        &format!("team/kv/data/{nested}"),
        &json!({ "data": { "password": "deep" } }),
    );
    let short = unique("short");
    servers().vault(
        "POST",
        &format!("secret/data/{short}"),
        &json!({ "data": { "password": "short" } }),
    );

    let vault = Bench::new().vault();
    let fetch = |secret: SecretId| {
        run(vault.fetch(&secret))
            .map_err(|problem| problem.to_string())
            .unwrap()
    };
    holds(&fetch(auto(&format!("secret/{v2}"))), "password", "first");
    holds(&fetch(auto(&format!("secret/{v2}"))), "port", "5432");
    holds(&fetch(auto(&format!("kv/{v1}"))), "pass", "old");
    holds(&fetch(auto(&format!("team/kv/{nested}"))), "password", "deep");
    holds(&fetch(id(Kind::VaultKv2, &short)), "password", "short");
    holds(
        &fetch(id(Kind::VaultKv2, &format!("secret/data/{v2}"))),
        "password",
        "first",
    );
    holds(
        &fetch(id(Kind::VaultKv2, &format!("team/kv/data/{nested}"))),
        "password",
        "deep",
    );
    holds(&fetch(id(Kind::VaultKv1, &format!("kv/{v1}"))), "pass", "old");

    servers().vault(
        "POST",
        &format!("secret/data/{v2}"),
        &json!({ "data": { "password": "second" } }),
    );
    let rotated = fetch(auto(&format!("secret/{v2}")));
    holds(&rotated, "password", "second");
    assert_eq!(rotated.version.as_deref(), Some("2"));
    assert!(rotated.changed.is_some());
    holds(&fetch(pinned(&format!("secret/{v2}"), 1)), "password", "first");
}

#[test]
fn settings_settle_the_mounts_without_asking() {
    let v2 = written(&[json!({ "password": "value" })]);
    servers().mount_kv("team/kv", 2);
    let nested = unique("nested");
    servers().vault(
        "POST",
        &format!("team/kv/data/{nested}"),
        &json!({ "data": { "password": "deep" } }),
    );
    // A token that may not even see that the mounts are there, but for two paths.
    let rules = format!(
        "path \"secret/data/{v2}\" {{ capabilities = [\"read\"] }}\npath \"team/kv/data/{nested}\" {{ capabilities = [\"read\"] }}\n\
         path \"sys/internal/ui/mounts/*\" {{ capabilities = [\"deny\"] }}"
    );
    let token = token(&rules, &json!({}));
    let mounts = BTreeMap::from([
        ("team/kv".to_owned(), Setting::Number(2)),
        ("secret".to_owned(), Setting::Number(2)),
    ]);
    let settled = Bench::new()
        .set("VAULT_TOKEN", &token)
        .setting("mounts", Setting::Table(mounts));
    let tried = Bench::new().set("VAULT_TOKEN", &token);
    for bench in [settled, tried] {
        let vault = bench.vault();
        holds(
            &run(vault.fetch(&auto(&format!("secret/{v2}")))).ok().unwrap(),
            "password",
            "value",
        );
        holds(
            &run(vault.fetch(&auto(&format!("team/kv/{nested}")))).ok().unwrap(),
            "password",
            "deep",
        );
    }
}

#[test]
fn a_denied_path_names_policies_and_what_to_grant() {
    let path = written(&[json!({ "password": "value" })]);
    let near = format!("{path}x");
    let rules = "path \"secret/metadata/*\" { capabilities = [\"list\"] }";
    let token = token(rules, &json!({ "ttl": "46m" }));
    let bench = Bench::new().set("VAULT_TOKEN", &token);
    let problem = bench.failure(&auto(&format!("secret/{near}")));
    assert_eq!(problem.code.id, "E-VAULT-403");
    assert_eq!(
        problem.note.as_deref(),
        Some(format!("GET /v1/secret/data/{near} → 403").as_str())
    );
    assert!(
        problem.causes[0].contains("default, policy") && problem.causes[0].contains(&format!("secret/data/{near}"))
    );
    assert_eq!(problem.similar[0], format!("vault:secret/{path}"), "{problem}");
    assert_eq!(problem.fixes[0], format!("vault kv get -mount=secret {near}"));
    let token_fact = problem.facts.iter().find(|(name, _)| *name == "Token").unwrap();
    assert!(
        token_fact.1.contains("expires in 45 min") || token_fact.1.contains("expires in 46 min"),
        "{token_fact:?}"
    );
    let states: Vec<_> = problem.steps.iter().map(|stage| (stage.name, stage.state)).collect();
    assert_eq!(states[4], ("login", State::Ok));
    assert_eq!(states[5], ("read", State::Fail));
}

#[test]
fn missing_paths_find_their_nearest() {
    let path = written(&[json!({ "password": "value" })]);
    let bench = Bench::new();
    let problem = bench.failure(&auto(&format!("secret/{path}y")));
    assert_eq!(problem.code.id, "E-VAULT-404");
    assert_eq!(problem.similar[0], format!("vault:secret/{path}"));
    let problem = bench.failure(&auto(&format!("secret/{}", path.replace("databases", "database"))));
    assert_eq!(problem.code.id, "E-VAULT-404");
    assert_eq!(problem.similar, [format!("vault:secret/{path}")]);
    let v1 = written_v1(&json!({ "pass": "old" }));
    let problem = bench.failure(&auto(&format!("kv/{v1}z")));
    assert_eq!(problem.code.id, "E-VAULT-404");
    assert_eq!(problem.similar[0], format!("vault:kv/{v1}"));
    assert_eq!(bench.failure(&auto("nowhere/at/all")).code.id, "E-VAULT-NO-MOUNT");
}

#[test]
fn versions_that_are_gone_or_never_were() {
    let path = written(&[json!({ "k": 1 }), json!({ "k": 2 }), json!({ "k": 3 })]);
    let secret = format!("secret/{path}");
    servers().vault("PUT", &format!("secret/destroy/{path}"), &json!({ "versions": [2] }));
    servers().vault("DELETE", &format!("secret/data/{path}"), &Value::Null);
    let bench = Bench::new();
    let deleted = bench.failure(&auto(&secret));
    assert_eq!(deleted.code.id, "E-VAULT-DELETED-VERSION");
    assert!(
        deleted
            .what
            .starts_with(&format!("version 3 of `{secret}` was deleted on 20")),
        "{}",
        deleted.what
    );
    assert_eq!(
        deleted.fixes[0],
        format!("vault kv undelete -versions=3 -mount=secret {path}")
    );
    assert_eq!(deleted.fixes[1], "pin one of them: version = 1");
    let destroyed = bench.failure(&pinned(&secret, 2));
    assert_eq!(destroyed.code.id, "E-VAULT-DELETED-VERSION");
    assert!(destroyed.what.contains("destroyed") && !destroyed.fixes[0].contains("undelete"));
    let never = bench.failure(&pinned(&secret, 9));
    assert_eq!(never.code.id, "E-VAULT-NO-VERSION");
    assert!(never.causes[0].contains("1, 2, 3"));
    holds(&run(bench.vault().fetch(&pinned(&secret, 1))).ok().unwrap(), "k", "1");
}

#[test]
fn the_other_kv_version() {
    let v2 = written(&[json!({ "password": "value" })]);
    let v1 = written_v1(&json!({ "pass": "old" }));
    let bench = Bench::new();
    let mut cases = vec![
        id(Kind::VaultKv1, &format!("secret/{v2}")),
        id(Kind::VaultKv2, &format!("kv/data/{v1}")),
        id(Kind::VaultKv2, &format!("secret/{v2}")),
        pinned(&format!("kv/{v1}"), 1),
    ];
    for secret in cases.drain(..) {
        assert_eq!(bench.failure(&secret).code.id, "E-VAULT-KV-VERSION", "{secret:?}");
    }
    let wrong = Bench::new().setting(
        "mounts",
        Setting::Table(BTreeMap::from([("secret".to_owned(), Setting::Number(1))])),
    );
    assert_eq!(
        wrong.failure(&auto(&format!("secret/{v2}"))).code.id,
        "E-VAULT-KV-VERSION"
    );
}

#[test]
fn tokens_that_are_wrong_or_over() {
    let path = written(&[json!({ "password": "value" })]);
    let secret = auto(&format!("secret/{path}"));
    let wrong = Bench::new().set("VAULT_TOKEN", "not-a-token").failure(&secret);
    assert_eq!(wrong.code.id, "E-VAULT-TOKEN");
    let short = token(
        "path \"secret/*\" { capabilities = [\"read\"] }",
        &json!({ "ttl": "1s" }),
    );
    eventually("the token expires", || {
        servers()
            .vault_as(&short, "GET", "auth/token/lookup-self", &Value::Null)
            .0
            == 403
    });
    let expired = Bench::new().set("VAULT_TOKEN", &short).failure(&secret);
    assert_eq!(expired.code.id, "E-VAULT-TOKEN-EXPIRED");
    assert!(expired.fixes[0].contains("vault login"));
    for odd in ["s.with\nnewline", "s.with space"] {
        assert_eq!(
            Bench::new().set("VAULT_TOKEN", odd).failure(&secret).code.id,
            "E-VAULT-TOKEN",
            "{odd:?}"
        );
    }
    assert_eq!(
        Bench::new().unset("VAULT_TOKEN").failure(&secret).code.id,
        "E-VAULT-NO-TOKEN"
    );
    assert_eq!(
        Bench::new().unset("VAULT_ADDR").failure(&secret).code.id,
        "E-VAULT-NO-ADDR"
    );
    for odd in [
        "127.0.0.1:8200",
        "localhost:8200",
        "https://h/vault",
        "http://u:p@h",
        "ftp://h",
        "https://h?x",
        "http://",
        "https://h:99999",
    ] {
        let problem = Bench::new().set("VAULT_ADDR", odd).failure(&secret);
        assert_eq!(problem.code.id, "E-VAULT-ADDR", "{odd}");
    }
    // A token that may not look itself up is alive all the same.
    let shy = token(
        "path \"secret/data/else\" { capabilities = [\"read\"] }",
        &json!({ "no_default_policy": true }),
    );
    assert_eq!(
        Bench::new().set("VAULT_TOKEN", &shy).failure(&secret).code.id,
        "E-VAULT-403"
    );
}

#[test]
fn the_token_file_is_read_anew() {
    let path = written(&[json!({ "password": "value" })]);
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new().unset("VAULT_TOKEN");
    bench.home = Some(home.path().to_owned());
    let secret = auto(&format!("secret/{path}"));
    let vault = bench.vault();
    assert_eq!(run(vault.fetch(&secret)).err().unwrap().code.id, "E-VAULT-NO-TOKEN");
    std::fs::write(home.path().join(".vault-token"), format!("{}\n", servers().vault_token)).unwrap();
    holds(&run(vault.fetch(&secret)).ok().unwrap(), "password", "value");
    std::fs::write(home.path().join(".vault-token"), "wrong").unwrap();
    assert_eq!(run(vault.fetch(&secret)).err().unwrap().code.id, "E-VAULT-TOKEN");
}

/// The environment's token belongs to the default provider; another server does not get it.
#[test]
fn a_named_provider_takes_nothing_from_the_environment() {
    let path = written(&[json!({ "password": "value" })]);
    let secret = auto(&format!("secret/{path}"));
    let address = Setting::Text(servers().vault_addr.clone());
    let alone = Bench::new().setting("address", address.clone());
    let problem = run(alone
        .providers_named("vault-eu")
        .get("vault-eu")
        .unwrap()
        .fetch(&secret))
    .err()
    .unwrap();
    assert_eq!(problem.code.id, "E-VAULT-NO-TOKEN");
    assert!(problem.fixes[0].contains("env:VAULT_TOKEN"), "{problem}");
    // The way that the message names.
    let held = hallpass::domain::reference::SecretRef {
        id: SecretId {
            provider: "env".to_owned(),
            kind: Kind::Of(ProviderKind::Env),
            path: "VAULT_TOKEN".to_owned(),
            pin: None,
        },
        key: None,
        text: "env:VAULT_TOKEN".to_owned(),
    };
    let held = Bench::new()
        .setting("address", address)
        .setting("token", Setting::Secret(held));
    let providers = held.providers_named("vault-eu");
    let vault = providers.get("vault-eu").unwrap();
    holds(&run(vault.fetch(&secret)).ok().unwrap(), "password", "value");
}

/// A secret id that may be used once proves that many concurrent reads make one login; a revoked token, that another is made.
#[test]
fn approle_logs_in_once_and_again_when_the_token_is_dead() {
    let paths: Vec<String> = (0..5).map(|n| written(&[json!({ "n": n })])).collect();
    let secrets: Vec<SecretId> = paths.iter().map(|path| auto(&format!("secret/{path}"))).collect();
    let (_, role_id, secret_id) = servers().approle(&json!({ "secret_id_num_uses": 1, "token_ttl": "10m" }));
    let bench = Bench::new()
        .unset("VAULT_TOKEN")
        .set("VAULT_APP_ROLE_ID", &role_id)
        .set("VAULT_APP_ROLE_SECRET_ID", &secret_id);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let vault = bench.vault();
    let all = runtime.block_on(vault.fetch_all(&secrets));
    assert!(all.iter().all(Result::is_ok));
    assert!(
        runtime.block_on(vault.fetch(&secrets[0])).is_ok(),
        "the token is used again"
    );
    let problem = runtime.block_on(bench.vault().fetch(&secrets[0])).err().unwrap();
    assert_eq!(problem.code.id, "E-VAULT-LOGIN", "the secret id is used up");
    assert!(!format!("{problem} {problem:?}").contains(&secret_id));

    let (role, role_id, secret_id) = servers().approle(&json!({ "token_ttl": "10m" }));
    let login = BTreeMap::from([
        ("method".to_owned(), Setting::Text("approle".to_owned())),
        ("role_id".to_owned(), Setting::Text(role_id)),
        ("secret_id".to_owned(), Setting::Text(secret_id)),
    ]);
    let bench = Bench::new().setting("auth", Setting::Table(login));
    let vault = bench.vault();
    assert!(runtime.block_on(vault.fetch(&secrets[0])).is_ok());
    let tokens = servers().tokens_of_approle(&role);
    assert_eq!(tokens.len(), 1);
    servers().vault("POST", "auth/token/revoke-accessor", &json!({ "accessor": tokens[0] }));
    let all = runtime.block_on(vault.fetch_all(&secrets));
    assert!(all.iter().all(Result::is_ok), "a new login in place of the dead token");
}

#[test]
fn namespaces() {
    let namespace = unique("team");
    servers().vault("POST", &format!("sys/namespaces/{namespace}"), &Value::Null);
    servers().vault(
        "POST",
        &format!("{namespace}/sys/mounts/secret"),
        &json!({ "type": "kv", "options": { "version": "1" } }),
    );
    servers().vault(
        "POST",
        &format!("{namespace}/secret/db"),
        &json!({ "password": "theirs" }),
    );
    let vault = Bench::new().set("VAULT_NAMESPACE", &format!("{namespace}/")).vault();
    holds(
        &run(vault.fetch(&auto("secret/db"))).ok().unwrap(),
        "password",
        "theirs",
    );
    assert!(vault.endpoint().ends_with(&format!("namespace {namespace}")));
    let unknown = Bench::new()
        .set("VAULT_NAMESPACE", "no-such-team")
        .failure(&auto("secret/db"));
    assert_eq!(unknown.code.id, "E-VAULT-NAMESPACE");
    assert!(unknown.what.contains("no-such-team"));
}

#[test]
fn inspecting_reads_no_value_where_there_is_another_way() {
    let path = written(&[json!({ "password": "with a newline\n", "user": "u", "nested": { "a": 1 } })]);
    let secret = auto(&format!("secret/{path}"));
    let vault = Bench::new().vault();
    let inspected = run(vault.inspect(&secret, &["password"])).unwrap();
    assert_eq!(inspected.keys.unwrap(), ["nested", "password", "user"]);
    assert_eq!(inspected.version.as_deref(), Some("1"));
    assert!(inspected.changed.is_some());
    assert!(
        inspected.warnings.is_empty(),
        "nothing was read that could be warned of"
    );

    // A policy for the value alone: only a read tells.
    let rules = format!("path \"secret/data/{path}\" {{ capabilities = [\"read\"] }}");
    let limited = Bench::new().set("VAULT_TOKEN", &token(&rules, &json!({}))).vault();
    let inspected = run(limited.inspect(&secret, &["password"])).unwrap();
    assert_eq!(inspected.keys.unwrap(), ["nested", "password", "user"]);
    assert!(inspected.warnings["password"].contains("newline"));

    // Names may be seen, the value may not: the check must not say that all is well.
    let rules = "path \"secret/subkeys/*\" { capabilities = [\"read\"] }\npath \"secret/metadata/*\" { capabilities = [\"read\"] }";
    let blind = Bench::new().set("VAULT_TOKEN", &token(rules, &json!({}))).vault();
    assert_eq!(run(blind.inspect(&secret, &[])).unwrap_err().code.id, "E-VAULT-403");

    let v1 = written_v1(&json!({ "pass": "abc" }));
    let inspected = run(vault.inspect(&auto(&format!("kv/{v1}")), &["pass"])).unwrap();
    assert!(inspected.warnings["pass"].contains("shorter"));
    assert_eq!(
        run(vault.inspect(&auto("secret/not/there"), &[])).unwrap_err().code.id,
        "E-VAULT-404"
    );
}

fn rungs(status: &hallpass::domain::status::ProviderStatus) -> String {
    let rung = |stage: &hallpass::domain::status::Stage| format!("{} {}", stage.name, stage.state.word());
    status.stages.iter().map(rung).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_ladder_ends_where_it_fails() {
    servers().mount_kv("secret", 2);
    let probe = |bench: Bench| run(bench.vault().probe());
    let well = probe(Bench::new());
    assert_eq!(well.state, State::Ok, "{:?}", well.problem);
    assert_eq!(
        rungs(&well),
        "config ok, dns ok, tcp ok, tls skipped, login ok, read ok"
    );
    assert_eq!(well.auth.as_deref(), Some("token, policies root"));
    assert_eq!(well.expires, None);

    let tls = |bench: Bench| bench.set("VAULT_ADDR", &servers().vault_tls_addr);
    let well = probe(tls(Bench::new()).set("VAULT_CACERT", &servers().ca));
    assert_eq!(rungs(&well), "config ok, dns ok, tcp ok, tls ok, login ok, read ok");
    let untrusted = probe(tls(Bench::new()).set("VAULT_CACERT", &servers().wrong_ca));
    assert_eq!(
        rungs(&untrusted),
        "config ok, dns ok, tcp ok, tls fail, login skipped, read skipped"
    );
    assert_eq!(untrusted.problem.unwrap().code.id, "E-NET-TLS");
    let system = probe(tls(Bench::new()));
    assert_eq!(
        system.problem.unwrap().code.id,
        "E-NET-TLS",
        "the system's store does not know the CA"
    );
    let unverified = probe(tls(Bench::new()).set("VAULT_SKIP_VERIFY", "true"));
    assert_eq!(unverified.state, State::Ok);
    let empty = probe(tls(Bench::new()).set("VAULT_SKIP_VERIFY", ""));
    assert_eq!(empty.state, State::Fail, "an empty variable switches nothing off");
    let no_file = probe(tls(Bench::new()).set("VAULT_CACERT", "/nonexistent/ca.pem"));
    assert_eq!(
        rungs(&no_file),
        "config fail, dns skipped, tcp skipped, tls skipped, login skipped, read skipped"
    );
    assert_eq!(no_file.problem.unwrap().code.id, "E-NET-CERT");

    let limited = token(
        "path \"secret/data/x\" { capabilities = [\"read\"] }",
        &json!({ "ttl": "30m" }),
    );
    let status = probe(Bench::new().set("VAULT_TOKEN", &limited));
    assert!(status.auth.unwrap().starts_with("token, policies default, policy"));
    assert!(status.expires.is_some());
    let dead = probe(Bench::new().set("VAULT_TOKEN", "wrong"));
    assert_eq!(
        rungs(&dead),
        "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
    );
    assert_eq!(dead.problem.unwrap().code.id, "E-VAULT-TOKEN");
    for (address, code) in [
        (&servers().vault_sealed_addr, "E-VAULT-SEALED"),
        (&servers().vault_uninitialised_addr, "E-VAULT-UNINITIALISED"),
    ] {
        let status = probe(Bench::new().set("VAULT_ADDR", address));
        assert_eq!(
            rungs(&status),
            "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
        );
        assert_eq!(status.problem.unwrap().code.id, code);
        let fetched = Bench::new().set("VAULT_ADDR", address).failure(&auto("secret/any"));
        assert_eq!(fetched.code.id, code);
    }
    let unknown = probe(Bench::new().set("VAULT_ADDR", "http://no-such-host.invalid:8200"));
    assert_eq!(
        rungs(&unknown),
        "config ok, dns fail, tcp skipped, tls skipped, login skipped, read skipped"
    );
    assert_eq!(unknown.problem.unwrap().code.id, "E-NET-DNS");
    let refused = probe(Bench::new().set("VAULT_ADDR", &format!("http://127.0.0.1:{}", free_port())));
    assert_eq!(
        rungs(&refused),
        "config ok, dns ok, tcp fail, tls skipped, login skipped, read skipped"
    );
}

/// The scheme and the port do not fit each other: each way round says so.
#[test]
fn http_where_tls_is_spoken_and_the_other_way_round() {
    let secret = auto("secret/any");
    let plain = servers().vault_tls_addr.replace("https", "http");
    let problem = Bench::new().set("VAULT_ADDR", &plain).failure(&secret);
    assert_eq!(problem.code.id, "E-VAULT-ADDR", "{problem}");
    assert!(problem.fixes[0].contains(&servers().vault_tls_addr), "{problem}");
    let tls = servers().vault_addr.replace("http", "https");
    let problem = Bench::new()
        .set("VAULT_ADDR", &tls)
        .set("VAULT_CACERT", &servers().ca)
        .failure(&secret);
    assert_eq!(problem.code.id, "E-NET-TLS");
    assert!(problem.causes[0].contains("does not speak TLS"), "{problem}");
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn trust_can_be_given_in_every_form() {
    let path = written(&[json!({ "password": "value" })]);
    let secret = auto(&format!("secret/{path}"));
    let pem = std::fs::read_to_string(&servers().ca).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &pem).unwrap();
    std::fs::write(folder.path().join("README"), "not a certificate").unwrap();
    use base64::Engine as _;
    let base64 = format!("base64://{}", base64::engine::general_purpose::STANDARD.encode(&pem));
    let file = format!("file://{}", servers().ca);
    for (name, value) in [
        ("VAULT_CACERT", servers().ca.as_str()),
        ("VAULT_CACERT", &file),
        ("VAULT_CACERT", &pem),
        ("VAULT_CACERT", &base64),
        ("VAULT_CAPATH", folder.path().to_str().unwrap()),
    ] {
        let bench = Bench::new()
            .set("VAULT_ADDR", &servers().vault_tls_addr)
            .set(name, value);
        let fetched = run(bench.vault().fetch(&secret));
        assert!(fetched.is_ok(), "{name}: {:?}", fetched.err());
    }
    let demanding = Bench::new()
        .set("VAULT_ADDR", &servers().vault_mtls_addr)
        .set("VAULT_CACERT", &servers().ca);
    let problem = demanding.failure(&secret);
    assert_eq!(problem.code.id, "E-NET-TLS");
    assert!(problem.causes[0].contains("client certificate"), "{problem}");
    let status = run(demanding.vault().probe());
    assert!(rungs(&status).contains("tls fail, login skipped"), "{}", rungs(&status));
    let shown = demanding
        .set("VAULT_CLIENT_CERT", &servers().client_cert)
        .set("VAULT_CLIENT_KEY", &servers().client_key);
    holds(&run(shown.vault().fetch(&secret)).ok().unwrap(), "password", "value");
}

#[test]
fn a_redirect_is_not_followed_and_the_token_does_not_travel() {
    let sink = Liar::new(|_| http("200 OK", "", "{}"));
    let target = sink.address.clone();
    let liar = Liar::new(move |_| http("307 Temporary Redirect", &format!("Location: {target}/v1/x\r\n"), ""));
    let problem = Bench::new()
        .set("VAULT_ADDR", &liar.address)
        .failure(&auto("secret/db"));
    assert_eq!(problem.code.id, "E-NET-REDIRECT");
    assert!(problem.what.contains(&sink.address), "{problem}");
    assert!(sink.asked().is_empty(), "somebody called the redirect's target");
    assert!(
        liar.asked()
            .iter()
            .any(|head| head.to_lowercase().contains("x-vault-token"))
    );
}

#[test]
fn answers_that_are_not_vaults() {
    let bench = |liar: &Liar| {
        Bench::new()
            .set("VAULT_ADDR", &liar.address)
            .set("VAULT_HTTP_REQ_TIMEOUT", "1s")
    };
    let secret = id(Kind::VaultKv2, "db");
    let canary = "canary-in-a-body";
    let page = format!("<html>{canary} s.aaaaaaaaaaaaaaaaaaaaaaaa</html>");
    let answers: Vec<(&str, String)> = vec![
        ("E-PROVIDER-UPSTREAM", http("502 Bad Gateway", "", &page)),
        (
            "E-PROVIDER-UPSTREAM",
            http(
                "500 Internal Server Error",
                "",
                &format!("{{\"errors\":[\"{canary}\"]}}"),
            ),
        ),
        ("E-PROVIDER-UPSTREAM", http("200 OK", "", &page)),
        (
            "E-PROVIDER-UPSTREAM",
            http(
                "200 OK",
                "",
                &format!("{{\"data\":{{\"data\":\"{canary}\",\"metadata\":{{}}}}}}"),
            ),
        ),
        (
            "E-PROVIDER-UPSTREAM",
            http("200 OK", "", &format!("{{\"data\":{{\"data\":{{\"k\":\"{canary}\"")),
        ),
        ("E-PROVIDER-UPSTREAM", http("200 OK", "", &"x".repeat(2 * 1024 * 1024))),
        (
            "E-PROVIDER-UPSTREAM",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{{\"data\":\"{canary}"),
        ),
        ("E-PROVIDER-UPSTREAM", http("418 I'm a teapot", "", &page)),
        (
            "E-VAULT-RATE",
            http("429 Too Many Requests", "Retry-After: 70\r\n", &page),
        ),
        ("E-VAULT-STANDBY", http("473 Standby", "", "")),
        (
            "E-VAULT-KV-VERSION",
            http("200 OK", "", &format!("{{\"data\":{{\"password\":\"{canary}\"}}}}")),
        ),
    ];
    for (code, answer) in answers {
        let liar = Liar::new(move |_| answer.clone());
        let problem = bench(&liar).failure(&secret);
        assert_eq!(problem.code.id, code, "{problem}");
        assert!(!format!("{problem} {problem:?}").contains(canary), "{problem}");
    }
    let standby = Liar::new(|head| {
        if head.contains("sys/health") {
            http("200 OK", "", "{\"initialized\":true,\"sealed\":false,\"standby\":true}")
        } else {
            http(
                "307 Temporary Redirect",
                "Location: http://active.corp:8200/v1/x\r\n",
                "",
            )
        }
    });
    let problem = bench(&standby).failure(&secret);
    assert_eq!(problem.code.id, "E-VAULT-STANDBY");
    assert!(problem.what.contains("http://active.corp:8200"), "{problem}");
    let once = Arc::new(Mutex::new(0));
    let flapping = Liar::new(move |head| {
        let mut count = once.lock().unwrap();
        *count += u32::from(head.contains("/data/"));
        if head.contains("sys/health") {
            http("200 OK", "", "{\"initialized\":true,\"sealed\":false}")
        } else if *count == 1 {
            http("503 Service Unavailable", "", "<html>")
        } else {
            http(
                "200 OK",
                "",
                "{\"data\":{\"data\":{\"k\":\"v\"},\"metadata\":{\"version\":1}}}",
            )
        }
    });
    holds(&run(bench(&flapping).vault().fetch(&secret)).ok().unwrap(), "k", "v");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bench = Bench::new()
        .set("VAULT_ADDR", &address)
        .setting("timeout", Setting::Text("300ms".to_owned()));
    let started = Instant::now();
    let problem = bench.failure(&id(Kind::VaultKv2, "db"));
    assert_eq!(problem.code.id, "E-NET-TIMEOUT");
    assert!(problem.what.contains("300 ms"), "{problem}");
    let one = started.elapsed();
    assert!(one < Duration::from_secs(10));
    let status = run(bench.vault().probe());
    assert_eq!(
        rungs(&status),
        "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
    );
    assert_eq!(status.problem.unwrap().code.id, "E-NET-TIMEOUT");
    // Many secrets wait no longer than one, whether for their mount or for the login.
    let secrets: Vec<SecretId> = (0..8).map(|n| auto(&format!("secret/deep/{n}"))).collect();
    let logs_in = Bench::new()
        .set("VAULT_ADDR", &address)
        .set("VAULT_APP_ROLE_ID", "r")
        .set("VAULT_APP_ROLE_SECRET_ID", "s")
        .setting("timeout", Setting::Text("300ms".to_owned()))
        .unset("VAULT_TOKEN");
    for vault in [bench.vault(), logs_in.vault()] {
        let started = Instant::now();
        let all = run(vault.fetch_all(&secrets));
        assert!(all.iter().all(|one| {
            one.as_ref()
                .err()
                .is_some_and(|problem| problem.code.id == "E-NET-TIMEOUT")
        }));
        assert!(
            started.elapsed() < Duration::from_millis(2000) + one,
            "{:?}",
            started.elapsed()
        );
    }
    // One byte at a time is no way around the limit.
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", slow.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in slow.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0u8; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let bench = bench.set("VAULT_ADDR", &address);
    let started = Instant::now();
    assert_eq!(bench.failure(&id(Kind::VaultKv2, "db")).code.id, "E-NET-TIMEOUT");
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// A launch costs one question for the mount and one for the secret; a second secret of the mount costs one.
#[test]
fn a_fetch_asks_no_more_than_it_needs() {
    let liar = Liar::new(|head| {
        if head.contains("sys/internal/ui/mounts") {
            http(
                "200 OK",
                "",
                "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}",
            )
        } else {
            http(
                "200 OK",
                "",
                "{\"data\":{\"data\":{\"k\":\"v\"},\"metadata\":{\"version\":1}}}",
            )
        }
    });
    let vault = Bench::new().set("VAULT_ADDR", &liar.address).vault();
    let secrets = [auto("secret/a/b"), auto("secret/c"), id(Kind::VaultKv2, "d")];
    let all = run(vault.fetch_all(&secrets));
    assert!(all.iter().all(Result::is_ok));
    let lines: Vec<String> = liar
        .asked()
        .iter()
        .map(|head| head.lines().next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("mounts")).count(), 1);
}

/// Where the version is settled and the mount can only be one, nobody is asked.
#[test]
fn a_settled_version_asks_once() {
    let v2 = "{\"data\":{\"data\":{\"k\":\"v\"},\"metadata\":{\"version\":1}}}";
    for (kv, path, line, body) in [
        (2, "secret/db", "GET /v1/secret/data/db ", v2),
        (1, "kv/db", "GET /v1/kv/db ", "{\"data\":{\"k\":\"v\"}}"),
    ] {
        let liar = Liar::new(move |_| http("200 OK", "", body));
        let bench = Bench::new()
            .set("VAULT_ADDR", &liar.address)
            .setting("kv", Setting::Number(kv));
        holds(&run(bench.vault().fetch(&auto(path))).ok().unwrap(), "k", "v");
        let asked = liar.asked();
        assert!(
            asked.len() == 1 && asked[0].starts_with(line),
            "KV v{kv}: {} requests",
            asked.len()
        );
    }
}

/// What a login cannot do without is asked for where it is configured, not at the first launch.
#[test]
fn a_login_that_lacks_something_is_no_login() {
    let table = |entries: &[(&str, &str)]| {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), Setting::Text((*value).to_owned()));
        Setting::Table(entries.iter().map(text).collect())
    };
    for (entries, lacks) in [
        (&[("method", "magic")][..], "auth.method must be \"token\", \"approle\""),
        (&[("method", "approle"), ("role_id", "r")], "auth.secret_id is missing"),
        (&[("method", "kubernetes")], "auth.role is missing"),
        (&[("method", "jwt")], "auth.jwt is missing: jwt needs jwt or jwt_file"),
        (&[("method", "userpass")], "auth.username is missing"),
        (&[("method", "ldap"), ("password", "p")], "auth.username is missing"),
        (&[("method", "cert")], "client_cert is missing"),
    ] {
        let problem = Bench::new()
            .setting("auth", table(entries))
            .providers_named("vault")
            .get("vault")
            .err()
            .unwrap_or_else(|| panic!("{entries:?}"));
        assert_eq!(problem.code.id, "E-CONFIG-TYPE", "{entries:?}");
        assert!(problem.what.contains(lacks), "{}", problem.what);
    }
}

/// Metadata without content is a version that is gone, whatever status came with it, and no KV v1.
#[test]
fn content_that_is_null_is_a_deleted_version() {
    let gone = "{\"data\":{\"data\":null,\"metadata\":{\"version\":3,\"created_time\":\"2026-01-02T03:04:05Z\",\"deletion_time\":\"2026-02-03T04:05:06Z\",\"destroyed\":false}}}";
    for status in ["200 OK", "404 Not Found"] {
        for secret in [id(Kind::VaultKv2, "db"), id(Kind::VaultKv2, "secret/data/db")] {
            let liar = Liar::new(move |head| {
                let (status, body) = if head.contains("/data/") {
                    (status, gone)
                } else {
                    ("404 Not Found", "{\"errors\":[]}")
                };
                http(status, "", body)
            });
            let bench = Bench::new().set("VAULT_ADDR", &liar.address);
            let problem = bench.failure(&secret);
            assert_eq!(problem.code.id, "E-VAULT-DELETED-VERSION", "{status}: {problem}");
            assert!(
                problem.what.contains("version 3") && problem.what.contains("2026-02-03"),
                "{problem}"
            );
        }
    }
}

#[test]
fn the_token_that_vault_login_has_left_opens_a_session() {
    let path = written(&[json!({ "password": "the value" })]);
    let mut sandbox = crate::sandbox::Sandbox::with_vault();
    sandbox.unset("VAULT_TOKEN");
    sandbox.roles(&format!(
        "[roles.r]\ncommand = [\"true\"]\nfields.P = {{ secret = \"vault:secret/{path}#password\" }}\n"
    ));
    let none = sandbox.run(&["exec", "r", "--", "true"]).expect_code(125);
    assert!(none.stderr.contains("E-VAULT-NO-TOKEN"), "{}", none.stderr);
    sandbox.write(".vault-token", &servers().vault_token);
    sandbox
        .run(&["exec", "r", "--", "sh", "-c", "printf %s \"$P\" >seen"])
        .expect_code(0);
    assert_eq!(
        std::fs::read_to_string(sandbox.home().join("seen")).unwrap(),
        "the value"
    );
    // The server's own client finds the same file.
    let bao = std::env::var("HP_BAO").unwrap();
    let mut theirs = sandbox.command_of(
        std::path::Path::new(&bao),
        &["kv", "get", "-mount=secret", "-field=password", &path],
    );
    let theirs = theirs.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&theirs.stdout), "the value");
}
