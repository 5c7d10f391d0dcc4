//! What can go wrong between hallpass and Vault, each on a real server or a socket that misbehaves: its own code, cause and fix,
//! exit 125, and nothing started.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::canary::Canary;
use crate::databases::open_role;
use crate::liar::{Liar, http};
use crate::sandbox::{Outcome, Sandbox, eventually};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

const READS_ONE_FIELD: &str =
    "[roles.failing]\ncommand = ['touch', 'started']\nenv = 'dev'\nfields.TOKEN = { secret = 'REFERENCE' }\n";

/// A secret with four versions of which the second is deleted and the third destroyed; gives its path below `secret/`.
fn versions() -> String {
    servers().mount_kv("secret", 2);
    let path = unique("failures");
    for n in 1..=4 {
        servers().vault(
            "POST",
            &format!("secret/data/{path}"),
            &json!({ "data": { "token": format!("value {n}") } }),
        );
    }
    servers().vault("PUT", &format!("secret/delete/{path}"), &json!({ "versions": [2] }));
    servers().vault("PUT", &format!("secret/destroy/{path}"), &json!({ "versions": [3] }));
    path
}

/// A token that may read only what its policy names.
fn limited_token(rules: &str, ttl: &str) -> String {
    let policy = unique("policy");
    servers().vault(
        "PUT",
        &format!("sys/policies/acl/{policy}"),
        &json!({ "policy": rules }),
    );
    let answer = servers().vault(
        "POST",
        "auth/token/create",
        &json!({ "policies": [policy], "ttl": ttl }),
    );
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// A sandbox with one role whose one field is this reference.
fn sandbox(reference: &str) -> Sandbox {
    let sandbox = Sandbox::with_vault();
    sandbox.roles(&READS_ONE_FIELD.replace("REFERENCE", reference));
    sandbox
}

/// The role must be refused with this code by `exec`, `connect`, `check` and the TUI, and nothing may have been started.
#[track_caller]
fn refused(sandbox: &Sandbox, code: &str) {
    let Outcome { stderr, stdout, .. } = sandbox
        .run(&["exec", "failing", "--", "touch", "started"])
        .expect_code(125);
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    assert!(stderr.contains("cause"), "no cause:\n{stderr}");
    assert!(stderr.contains("fix"), "no fix:\n{stderr}");
    assert!(
        stderr.contains("TOKEN") && stderr.contains("roles.toml:"),
        "which field, where:\n{stderr}"
    );
    assert_eq!(stdout, "");
    assert!(!sandbox.home().join("started").exists(), "started although {code}");

    let terminal = Tmux::hallpass(sandbox, (160, 40), &["connect", "failing"]);
    assert_eq!(terminal.exit_code(), 125, "connect");
    assert!(
        terminal.screen().contains(&format!("error[{code}]")),
        "connect: not {code}:\n{}",
        terminal.screen()
    );
    assert!(!sandbox.home().join("started").exists(), "started although {code}");

    let checked = sandbox.run(&["check", "failing", "--json"]).expect_code(1);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert!(
        checked.to_string().contains(&format!("\"{code}\"")),
        "check: not {code}: {checked:#}"
    );
    assert_eq!(checked["roles"][0]["state"], "fail");

    refused_in_tui(sandbox, code);
}

/// The same in the TUI: Enter on the role shows the panel with code, cause and fix.
#[track_caller]
fn refused_in_tui(sandbox: &Sandbox, code: &str) {
    let terminal = Tmux::hallpass(sandbox, (120, 36), &[]);
    open_role(&terminal, "failing");
    let screen = terminal.wait_until(code, |screen| {
        screen.contains(code) && screen.to_lowercase().contains("fix")
    });
    assert!(screen.to_lowercase().contains("cause"), "no cause:\n{screen}");
    assert!(!sandbox.home().join("started").exists());
}

#[test]
fn sealed() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", &servers().vault_sealed_addr);
    refused(&sandbox, "E-VAULT-SEALED");
}

#[test]
fn never_initialised() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", &servers().vault_uninitialised_addr);
    refused(&sandbox, "E-VAULT-UNINITIALISED");
}

#[test]
fn a_wrong_token() {
    let path = versions();
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_TOKEN", "s.never-was-a-token");
    refused(&sandbox, "E-VAULT-TOKEN");
}

#[test]
fn an_expired_token() {
    let path = versions();
    let token = limited_token("path \"secret/*\" { capabilities = [\"read\"] }", "1s");
    eventually("the token expires", || {
        servers()
            .vault_as(&token, "GET", "auth/token/lookup-self", &Value::Null)
            .0
            == 403
    });
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_TOKEN", &token);
    refused(&sandbox, "E-VAULT-TOKEN-EXPIRED");
}

#[test]
fn no_token_at_all() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.unset("VAULT_TOKEN");
    refused(&sandbox, "E-VAULT-NO-TOKEN");
}

#[test]
fn no_address() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.unset("VAULT_ADDR");
    refused(&sandbox, "E-VAULT-NO-ADDR");
}

#[test]
fn a_policy_that_denies() {
    let path = versions();
    let token = limited_token("path \"secret/data/elsewhere\" { capabilities = [\"read\"] }", "10m");
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_TOKEN", &token);
    refused(&sandbox, "E-VAULT-403");
}

/// The policy that people write for one secret says nothing of mounts: the KV version must still be found out.
#[test]
fn a_policy_for_one_secret_is_enough() {
    let path = versions();
    let token = limited_token(
        &format!("path \"secret/data/{path}\" {{ capabilities = [\"read\"] }}"),
        "10m",
    );
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_TOKEN", &token);
    sandbox.run(&["exec", "failing", "--", "true"]).expect_code(0);
}

#[test]
fn a_missing_path() {
    servers().mount_kv("secret", 2);
    let sandbox = sandbox("vault:secret/was/never/written#token");
    refused(&sandbox, "E-VAULT-404");
}

#[test]
fn a_missing_key() {
    let path = versions();
    let sandbox = sandbox(&format!("vault:secret/{path}#tokne"));
    refused(&sandbox, "E-VAULT-404-KEY");
    let stderr = sandbox.run(&["exec", "failing", "--", "true"]).stderr;
    assert!(stderr.contains("token"), "the key names that are there:\n{stderr}");
}

#[test]
fn a_deleted_version() {
    let path = versions();
    for version in [2, 3] {
        let sandbox = Sandbox::with_vault();
        let field = format!("{{ secret = 'vault:secret/{path}#token', version = {version} }}");
        sandbox.roles(&READS_ONE_FIELD.replace("{ secret = 'REFERENCE' }", &field));
        refused(&sandbox, "E-VAULT-DELETED-VERSION");
    }
    let sandbox = Sandbox::with_vault();
    let field = format!("{{ secret = 'vault:secret/{path}#token', version = 99 }}");
    sandbox.roles(&READS_ONE_FIELD.replace("{ secret = 'REFERENCE' }", &field));
    refused(&sandbox, "E-VAULT-NO-VERSION");
}

#[test]
fn the_other_kv_version() {
    let path = versions();
    servers().mount_kv("kv", 1);
    servers().vault("POST", &format!("kv/{path}"), &json!({ "token": "value" }));
    for reference in [
        format!("_vaultkv1:secret/{path}:token"),
        format!("_vaultkv2:kv/data/{path}:token"),
    ] {
        let sandbox = Sandbox::with_vault();
        sandbox.roles(&READS_ONE_FIELD.replace("{ secret = 'REFERENCE' }", &format!("'{reference}'")));
        refused(&sandbox, "E-VAULT-KV-VERSION");
    }
}

#[test]
fn an_unknown_namespace() {
    let path = versions();
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_NAMESPACE", "no-such-team");
    refused(&sandbox, "E-VAULT-NAMESPACE");
}

#[test]
fn an_unknown_mount() {
    let sandbox = sandbox("vault:no-such-mount/db#token");
    refused(&sandbox, "E-VAULT-NO-MOUNT");
}

#[test]
fn an_unreachable_server() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", &format!("http://127.0.0.1:{port}"));
    refused(&sandbox, "E-NET-REFUSED");

    // The doctor of the panel is a session, and leaving it comes back to the panel.
    let terminal = Tmux::hallpass(&sandbox, (120, 36), &[]);
    open_role(&terminal, "failing");
    terminal.wait_until("the panel", |screen| screen.contains("d  doctor for vault"));
    terminal.keys(&["d"]);
    let screen = terminal.wait_until("its end", |screen| screen.contains("1 failing"));
    assert!(
        screen.contains("E-NET-REFUSED") && screen.contains("doctor vault"),
        "{screen}"
    );
    terminal.keys(&["q"]);
    terminal.wait_until("the panel again", |screen| screen.contains("Could not open failing"));
}

#[test]
fn an_unknown_host() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", "http://no-such-host.invalid:8200");
    refused(&sandbox, "E-NET-DNS");
}

#[test]
fn a_proxy_that_does_not_lead_to_the_server() {
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", "https://vault.corp:8200");
    let said = |sandbox: &Sandbox| sandbox.run(&["exec", "failing", "--", "true"]).expect_code(125).stderr;

    sandbox.set("HTTPS_PROXY", "http://127.0.0.1:9");
    refused(&sandbox, "E-NET-PROXY");
    let gone = said(&sandbox);
    assert!(
        gone.contains("the proxy is not there: no connection to 127.0.0.1:9"),
        "{gone}"
    );
    sandbox.set("HTTPS_PROXY", "no-such-proxy.invalid:3128");
    let unknown = said(&sandbox);
    assert!(
        unknown.contains("the host name no-such-proxy.invalid does not resolve"),
        "{unknown}"
    );

    let guarded = Liar::new(|_| http("407 Proxy Authentication Required", "proxy-authenticate: Basic\r\n", ""));
    let place = guarded.address.strip_prefix("http://").unwrap();
    sandbox.set("HTTPS_PROXY", &format!("http://me:canary-of-the-proxy@{place}"));
    refused(&sandbox, "E-NET-PROXY");
    let locked = said(&sandbox);
    let fix = format!("export HTTPS_PROXY=http://USER:PASSWORD@{place}");
    assert!(
        locked.contains("user name and a password") && locked.contains(&fix),
        "{locked}"
    );
    assert!(!locked.contains("canary"), "its password:\n{locked}");
    let asked = guarded.asked();
    assert!(
        asked
            .iter()
            .all(|head| head.starts_with("CONNECT vault.corp:8200 HTTP/1.1")),
        "{asked:?}"
    );

    let strict = Liar::new(|_| http("403 Forbidden", "", ""));
    sandbox.set("HTTPS_PROXY", &strict.address);
    let forbidden = said(&sandbox);
    assert!(
        forbidden.contains("lets nobody through to vault.corp:8200"),
        "{forbidden}"
    );
}

#[test]
fn a_slow_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", &format!("http://{}", listener.local_addr().unwrap()));
    sandbox.set("VAULT_HTTP_REQ_TIMEOUT", "1s");
    // Accepts, and never says a word.
    let _held = std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    refused(&sandbox, "E-NET-TIMEOUT");
}

#[test]
fn a_wrong_ca() {
    let path = versions();
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_ADDR", &servers().vault_tls_addr);
    refused(&sandbox, "E-NET-TLS");
    sandbox.set("VAULT_CACERT", &servers().wrong_ca);
    refused(&sandbox, "E-NET-TLS");
    sandbox.set("VAULT_CACERT", &servers().ca);
    sandbox.run(&["exec", "failing", "--", "true"]).expect_code(0);
}

#[test]
fn a_client_certificate() {
    let path = versions();
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.set("VAULT_ADDR", &servers().vault_mtls_addr);
    sandbox.set("VAULT_CACERT", &servers().ca);
    refused(&sandbox, "E-NET-TLS");
    sandbox.set("VAULT_CLIENT_CERT", &servers().client_cert);
    sandbox.set("VAULT_CLIENT_KEY", &servers().client_key);
    sandbox.run(&["exec", "failing", "--", "true"]).expect_code(0);
}

/// AppRole: a good secret id opens the role and does not reach the child; a bad one is refused with a code of its own.
#[test]
fn approle() {
    let path = versions();
    let (role, role_id, secret_id) = servers().approle(&json!({ "token_ttl": "10m" }));
    let mut sandbox = sandbox(&format!("vault:secret/{path}#token"));
    sandbox.unset("VAULT_TOKEN");
    sandbox.set("VAULT_APP_ROLE_ID", &role_id);
    sandbox.set("VAULT_APP_ROLE_SECRET_ID", &secret_id);
    let seen = sandbox
        .run(&[
            "exec",
            "failing",
            "--",
            "sh",
            "-c",
            "echo ${VAULT_APP_ROLE_SECRET_ID-gone}",
        ])
        .expect_code(0);
    assert_eq!(seen.stdout, "gone\n");
    sandbox.run(&["check"]).expect_code(0);
    assert_eq!(
        servers().tokens_of_approle(&role),
        [] as [Value; 0],
        "tokens outlive their process"
    );
    sandbox.set("VAULT_APP_ROLE_SECRET_ID", "not-a-secret-id");
    refused(&sandbox, "E-VAULT-LOGIN");
}

/// Three spellings of one secret are one read of it.
#[test]
fn a_secret_is_read_once_however_it_is_spelt() {
    let liar = Liar::new(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let answer = match path {
            "/v1/secret/data/db" => json!({ "data": { "data": { "pass": "word" }, "metadata": { "version": 1 } } }),
            _ if path.starts_with("/v1/sys/internal/ui/mounts/") => {
                json!({ "data": { "type": "kv", "path": "secret/", "options": { "version": "2" } } })
            }
            _ => json!({}),
        };
        http("200 OK", "", &answer.to_string())
    });
    let mut sandbox = sandbox("_envs/vault/secret/db#pass");
    sandbox.roles(
        "[roles.r]\ncommand = ['true']\n[roles.r.fields]\nA = '_envs/vault/secret/db#pass'\nB = '_vaultkv2:db:pass'\n\
         C = '_vaultkv2:secret/data/db:pass'\n",
    );
    sandbox.set("VAULT_ADDR", &liar.address);
    let seen = sandbox.run(&["exec", "r", "--", "sh", "-c", "[ $A$B$C = wordwordword ]"]);
    seen.expect_code(0);
    let reads = liar
        .asked()
        .into_iter()
        .filter(|head| head.starts_with("GET /v1/secret/data/db "));
    assert_eq!(reads.count(), 1);
}

/// A token for a session that comes after the launch was given up is ended: it would last a day.
#[test]
fn a_token_that_comes_too_late_is_ended() {
    let liar = Liar::new(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let answer = match path {
            "/v1/sys/capabilities-self" => {
                let paths = ["auth/token/create", "auth/token/revoke-accessor", "sys/leases/revoke"];
                let granted: serde_json::Map<_, _> = paths
                    .iter()
                    .map(|path| ((*path).to_owned(), json!(["update"])))
                    .collect();
                json!({ "data": granted })
            }
            "/v1/auth/token/create" => {
                // Longer than the launch may take.
                std::thread::sleep(std::time::Duration::from_millis(4000));
                let token = format!("hvs.{}", "late".repeat(20));
                json!({ "auth": { "client_token": token, "accessor": "name", "lease_duration": 86400, "renewable": true } })
            }
            _ => json!({ "data": {} }),
        };
        http("200 OK", "", &answer.to_string())
    });
    let mut sandbox = sandbox("vaultdb:database/app#password");
    sandbox.set("VAULT_ADDR", &liar.address);
    let outcome = sandbox.run(&["exec", "--timeout", "2s", "failing", "--", "true"]);
    outcome.expect_code(125);
    let ended = |head: &String| head.contains("/v1/auth/token/revoke-self ") && head.contains("latelate");
    assert!(liar.asked().iter().any(ended), "{:?}", liar.asked());
}

/// A redirect must not carry the token to wherever it points.
#[test]
fn a_redirect_is_not_followed() {
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = thief.local_addr().unwrap();
    let robbed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&robbed);
    std::thread::spawn(move || {
        for _ in thief.incoming() {
            seen.store(true, Ordering::SeqCst);
        }
    });
    let liar = Liar::new(move |_| http("307 Temporary Redirect", &format!("Location: http://{target}/\r\n"), ""));
    let mut sandbox = sandbox("vault:secret/any#token");
    sandbox.set("VAULT_ADDR", &liar.address);
    refused(&sandbox, "E-NET-REDIRECT");
    assert!(!robbed.load(Ordering::SeqCst), "the redirect was followed");
}

/// Whatever a server says, nothing of its body is repeated: it may hold values.
#[test]
fn nothing_of_a_body_is_repeated() {
    let canary = Canary::new();
    let body = json!({ "errors": [canary.value()], "data": canary.value() }).to_string();
    let broken = format!("{{\"data\": {{\"data\": {{\"token\": \"{}\" \"oops", canary.value());
    let wrong_type = json!({ "data": { "data": canary.value() } }).to_string();
    for (status, body) in [
        ("500 Oops", &body),
        ("403 Forbidden", &body),
        ("404 Not Found", &body),
        ("418 Teapot", &body),
        ("200 OK", &broken),
        ("200 OK", &wrong_type),
    ] {
        let said = http(status, "Content-Type: application/json\r\n", body);
        let liar = Liar::new(move |_| said.clone());
        let mut sandbox = sandbox("vault:secret/any#token");
        sandbox.set("VAULT_ADDR", &liar.address);
        sandbox.set("HALLPASS_LOG", "debug");
        sandbox.set("RUST_LOG", "trace");
        sandbox.set("RUST_BACKTRACE", "full");
        for args in [
            &["exec", "failing", "--", "touch", "started"][..],
            &["check", "--json"],
            &["check"],
        ] {
            let outcome = sandbox.run(args);
            assert!(outcome.code != 0, "{status}: {args:?} went well");
            assert_eq!(canary.in_bytes("stderr", outcome.stderr.as_bytes()), [], "{status}");
            assert_eq!(canary.in_bytes("stdout", outcome.stdout.as_bytes()), [], "{status}");
        }
        let terminal = Tmux::hallpass(&sandbox, (120, 36), &[]);
        open_role(&terminal, "failing");
        terminal.wait("E-");
        terminal.settled();
        assert_eq!(canary.in_bytes("terminal", &terminal.bytes()), [], "{status}");
        assert_eq!(canary.in_files(sandbox.home()), []);
        assert!(!sandbox.home().join("started").exists());
    }
}

/// All that failed is reported together, in the role file's order.
#[test]
fn all_failures_together() {
    let path = versions();
    let sandbox = Sandbox::with_vault();
    sandbox.roles(&format!(
        "[roles.failing]\ncommand = ['touch', 'started']\n[roles.failing.fields]\nFIRST = '_envs/HP_NOT_SET'\n\
         SECOND = '_envs/vault/secret/{path}#nope'\nTHIRD = '_envs/vault/secret/{path}#token'\nFOURTH = '_local:no/such:key'\n"
    ));
    let stderr = sandbox
        .run(&["exec", "failing", "--", "touch", "started"])
        .expect_code(125)
        .stderr;
    let at = |text: &str| stderr.find(text).unwrap_or_else(|| panic!("no {text} in:\n{stderr}"));
    assert!(
        at("E-ENV-UNSET") < at("E-VAULT-404-KEY") && at("E-VAULT-404-KEY") < at("E-LOCAL-MISSING"),
        "{stderr}"
    );
    assert!(!stderr.contains("THIRD"), "what went well is no failure:\n{stderr}");
    assert!(!sandbox.home().join("started").exists());
}
