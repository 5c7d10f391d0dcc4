//! Checks that can be believed: a provider that hangs or refuses is told and delays nobody, one line for monitoring, what is kept and
//! for how long, secrets that are old.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sandbox::{Outcome, Sandbox};
use crate::servers::{servers, unique};

/// A server that takes connections and never says a word. Counts them.
struct Silent {
    port: u16,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            over: Arc::default(),
        };
        let (asked, over) = (Arc::clone(&silent.asked), Arc::clone(&silent.over));
        std::thread::spawn(move || {
            let held: Mutex<Vec<TcpStream>> = Mutex::default();
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                asked.fetch_add(1, Ordering::SeqCst);
                held.lock().unwrap().push(stream);
            }
        });
        silent
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A port at which nothing listens.
fn refusing() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes a KV v2 secret; gives its path below `secret/`.
fn written(value: &Value) -> String {
    servers().mount_kv("secret", 2);
    let path = unique("check");
    servers().vault("POST", &format!("secret/data/{path}"), &json!({ "data": value }));
    path
}

/// Five providers, one of which hangs and one refuses, with a role each; and two roles that also need a dead one.
fn five(hanging: u16, refusing: u16) -> Sandbox {
    let mut sandbox = Sandbox::with_vault();
    let path = written(&json!({ "token": "s3cret-token" }));
    sandbox.set("CHECK_TOKEN", "another-token");
    sandbox.store("check#token", "third-token");
    sandbox.config(&format!(
        "[providers.silent]\nkind = \"vault\"\naddress = \"http://127.0.0.1:{hanging}\"\ntoken = \"t0ken\"\n\
         [providers.dead]\nkind = \"vault\"\naddress = \"http://127.0.0.1:{refusing}\"\ntoken = \"t0ken\"\n"
    ));
    let role = |name: &str, fields: &str| format!("[roles.{name}]\ncommand = [\"true\"]\n{fields}\n");
    let many: String = (0..20)
        .map(|i| format!("fields.T{i} = {{ secret = \"silent:secret/x{i}#token\" }}\n"))
        .collect();
    sandbox.roles(
        &[
            role("a-silent", &many),
            role("b-dead", "fields.T = { secret = \"dead:secret/x#token\" }"),
            role(
                "c-vault",
                &format!("fields.T = {{ secret = \"vault:secret/{path}#token\" }}"),
            ),
            role("d-local", "fields.T = \"_local:check:token\""),
            role("e-env", "fields.T = \"_envs/CHECK_TOKEN\""),
            role(
                "f-both",
                "fields.T = \"_envs/CHECK_TOKEN\"\nfields.U = { secret = \"silent:secret/y#token\" }",
            ),
        ]
        .concat(),
    );
    sandbox
}

#[track_caller]
fn document(sandbox: &Sandbox, args: &[&str], code: i32) -> Value {
    let run = sandbox.run(args).expect_code(code);
    serde_json::from_str(&run.stdout).unwrap()
}

#[track_caller]
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[track_caller]
fn one_line(run: &Outcome) -> &str {
    let line = run
        .stdout
        .strip_suffix('\n')
        .unwrap_or_else(|| panic!("no line: {:?}", run.stdout));
    assert!(!line.contains('\n') && line.starts_with("HALLPASS "), "{line}");
    line
}

#[test]
fn a_provider_that_hangs_and_one_that_refuses_delay_and_spoil_nobody() {
    let silent = Silent::start();
    let sandbox = five(silent.port, refusing());
    // What the machine needs for the ones that answer comes on top of the one step of 3 s that hangs.
    let started = Instant::now();
    document(
        &sandbox,
        &["check", "--json", "b-dead", "c-vault", "d-local", "e-env"],
        1,
    );
    let without = started.elapsed();
    let started = Instant::now();
    let found = document(&sandbox, &["check", "--all", "--json"], 1);
    let took = started.elapsed();
    assert!(
        took < Duration::from_millis(4500) + without * 2,
        "{took:?}, {without:?} without the one that hangs"
    );

    assert_eq!(found["summary"], json!({ "total": 6, "ok": 3, "warn": 0, "fail": 3 }));
    for (role, state, code) in [
        ("a-silent", "fail", json!("E-NET-TIMEOUT")),
        ("b-dead", "fail", json!("E-NET-REFUSED")),
        ("c-vault", "ok", Value::Null),
        ("d-local", "ok", Value::Null),
        ("e-env", "ok", Value::Null),
        ("f-both", "fail", json!("E-NET-TIMEOUT")),
    ] {
        let role = named(&found["roles"], role);
        assert_eq!((&role["state"], &role["code"]), (&json!(state), &code), "{role:#}");
    }
    assert_eq!(named(&named(&found["roles"], "f-both")["fields"], "T")["state"], "ok");
    let hanging = named(&found["providers"], "silent");
    assert_eq!(hanging["state"], "fail");
    let states: Vec<&str> = hanging["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["ok", "ok", "ok", "skipped", "fail", "skipped"],
        "it is the login that hangs"
    );
    assert!(
        silent.asked.load(Ordering::SeqCst) <= 4,
        "twenty secrets are not asked of it"
    );
    for (name, state) in [("dead", "fail"), ("vault", "ok"), ("local", "ok"), ("env", "ok")] {
        assert_eq!(named(&found["providers"], name)["state"], state);
    }
}

#[test]
fn the_whole_check_ends_at_its_limit_with_what_is_known_by_then() {
    let silent = Silent::start();
    let sandbox = five(silent.port, refusing());
    let started = Instant::now();
    let found = document(&sandbox, &["check", "--json", "--timeout", "2500ms"], 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let hanging = named(&found["providers"], "silent");
    let words = hanging["message"].as_str().unwrap();
    assert!(words.contains("the whole check may take 2500 ms"), "{words}");
    // It took the connection and says nothing: the step at which it hangs is told.
    let stuck = hanging["stages"].as_array().unwrap();
    let stuck = stuck.iter().find(|stage| stage["state"] == "fail").unwrap();
    assert_eq!(stuck["name"], "login", "{hanging:#}");
    assert_eq!(named(&found["roles"], "c-vault")["state"], "ok");
    assert_eq!(named(&found["roles"], "b-dead")["code"], "E-NET-REFUSED");
}

#[test]
fn one_line_for_monitoring_whatever_happens() {
    let sandbox = five(refusing(), refusing());
    let fine = sandbox.run(&["check", "--nagios", "c-vault", "d-local"]).expect_code(0);
    let line = one_line(&fine);
    assert!(
        line.starts_with("HALLPASS OK - 2/2 ok | ok=2 warn=0 crit=0 time="),
        "{line}"
    );
    let failing = sandbox.run(&["check", "--nagios"]).expect_code(2);
    let line = one_line(&failing);
    assert!(
        line.starts_with("HALLPASS CRITICAL - 3/6 ok, 3 failed | ok=3 warn=0 crit=3 time="),
        "{line}"
    );

    // A role whose client is not installed is remarked upon.
    sandbox.write(
        "config/roles.d/client.toml",
        "[roles.no-client]\ncommand = [\"no-such-program\"]\nfields.T = \"_envs/CHECK_TOKEN\"\n",
    );
    let warned = sandbox.run(&["check", "--nagios", "no-client"]).expect_code(1);
    assert!(
        one_line(&warned).starts_with("HALLPASS WARNING - 0/1 ok, 1 with a warning | "),
        "{}",
        warned.stdout
    );
    sandbox.run(&["check", "no-client"]).expect_code(0);
    sandbox.run(&["check", "no-client", "--fail-on", "warn"]).expect_code(1);
    let warned = sandbox
        .run(&["check", "--nagios", "no-client", "--fail-on", "warn"])
        .expect_code(2);
    assert!(
        one_line(&warned).starts_with("HALLPASS CRITICAL - "),
        "{}",
        warned.stdout
    );

    for wrong in [
        &["check", "--nagios", "--no-such-flag"][..],
        &["check", "--nagios", "--timeout", "soon"],
        &["check", "no-such-role", "--nagios"],
        &["check", "--nagios", "--json"],
    ] {
        let run = sandbox.run(wrong).expect_code(3);
        assert!(one_line(&run).starts_with("HALLPASS UNKNOWN - "), "{}", run.stdout);
        assert_eq!(run.stderr, "", "{wrong:?}");
    }
    sandbox.write("config/roles.d/broken.toml", "[roles.x\n");
    let run = sandbox.run(&["check", "--nagios", "c-vault"]).expect_code(0);
    one_line(&run);
}

#[test]
fn what_was_found_is_kept_and_taken_as_long_as_it_is_young() {
    let sandbox = five(refusing(), refusing());
    let found = document(&sandbox, &["check", "c-vault", "e-env", "--json"], 0);
    assert_eq!(named(&found["roles"], "c-vault")["age_s"].as_i64().unwrap() / 5, 0);
    let kept = sandbox.home().join("state/checks.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    for value in ["s3cret-token", "another-token", "third-token", &servers().vault_token] {
        assert!(!text.contains(value));
    }

    // Nobody is asked: the variable and Vault are gone.
    let mut elsewhere = sandbox;
    elsewhere.unset("CHECK_TOKEN");
    elsewhere.set("VAULT_TOKEN", "nonsense");
    let found = document(
        &elsewhere,
        &["check", "c-vault", "e-env", "--json", "--max-age", "5m"],
        0,
    );
    let role = named(&found["roles"], "c-vault");
    assert_eq!(named(&role["fields"], "T")["version"], "1");
    assert_eq!(named(&found["providers"], "vault")["state"], "ok");
    // `show` says it, too, and asks nobody.
    let shown = elsewhere.run(&["show", "c-vault"]).expect_code(0).stdout;
    assert!(
        shown.contains("Checked      ok, 20") && shown.contains("VERSION") && !shown.contains("EXPIRES"),
        "{shown}"
    );
    let shown = elsewhere.run(&["show", "d-local"]).expect_code(0).stdout;
    assert!(
        shown.contains("hallpass check d-local") && !shown.contains("VERSION"),
        "{shown}"
    );
    let shown = document(&elsewhere, &["show", "c-vault", "--json"], 0);
    assert_eq!(named(&shown["checked"]["fields"], "T")["version"], "1");
    // A role that was not looked at yet is, and takes nothing of the others along.
    let found = document(&elsewhere, &["check", "--json", "--max-age", "5m"], 1);
    assert_eq!(named(&found["roles"], "c-vault")["state"], "ok");
    assert_eq!(named(&found["roles"], "d-local")["state"], "ok");
    // What failed is kept, too.
    let found = document(&elsewhere, &["check", "b-dead", "--json", "--max-age", "5m"], 1);
    assert_eq!(named(&found["roles"], "b-dead")["code"], "E-NET-REFUSED");

    // Too old, the provider elsewhere, a file that was changed since, a file that others can read: asked anew.
    std::thread::sleep(Duration::from_millis(1100));
    document(&elsewhere, &["check", "e-env", "--json", "--max-age", "1s"], 1);
    elsewhere.set("CHECK_TOKEN", "another-token");
    document(&elsewhere, &["check", "e-env", "--json"], 0);
    elsewhere.unset("CHECK_TOKEN");
    document(&elsewhere, &["check", "e-env", "--json", "--max-age", "5m"], 0);
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    document(&elsewhere, &["check", "e-env", "--json", "--max-age", "5m"], 1);
    elsewhere.set("CHECK_TOKEN", "another-token");
    document(&elsewhere, &["check", "e-env", "--json"], 0);
    elsewhere.unset("CHECK_TOKEN");
    elsewhere.write("config/roles.d/more.toml", "[roles.more]\ncommand = [\"true\"]\n");
    document(&elsewhere, &["check", "e-env", "--json", "--max-age", "5m"], 1);
    std::fs::write(&kept, "{ not what we wrote").unwrap();
    document(&elsewhere, &["check", "e-env", "--json", "--max-age", "5m"], 1);
}

#[test]
fn an_old_secret_and_an_odd_value_are_remarked_upon() {
    let mut sandbox = Sandbox::with_vault();
    let path = written(&json!({ "token": "s3cret-token" }));
    sandbox.config("[providers.vault]\nrotation_warn = \"1s\"\n");
    sandbox.set("NEWLINE", "s3cret\n");
    sandbox.set("SHORT", "ab");
    sandbox.set("EMPTY", "");
    sandbox.roles(&format!(
        "[roles.old]\ncommand = [\"true\"]\nfields.T = {{ secret = \"vault:secret/{path}#token\" }}\n\
         [roles.odd]\ncommand = [\"true\"]\nfields.N = \"_envs/NEWLINE\"\nfields.S = \"_envs/SHORT\"\nfields.E = \"_envs/EMPTY\"\n\
         fields.TRIMMED = {{ secret = \"env:NEWLINE\", trim = true }}\n"
    ));
    std::thread::sleep(Duration::from_millis(1100));
    let found = document(&sandbox, &["check", "--json"], 0);
    assert_eq!(found["summary"]["warn"], 2, "{found:#}");
    let old = named(&named(&found["roles"], "old")["fields"], "T");
    assert_eq!(old["state"], "warn");
    let words = old["message"].as_str().unwrap();
    assert!(
        words.starts_with("rotated ") && words.ends_with("ago; rotation_warn of provider `vault` is 1 second"),
        "{words}"
    );
    assert!(old["rotated_at"].as_str().unwrap().starts_with("20"), "{old}");
    let odd = named(&found["roles"], "odd");
    for (field, words) in [("N", "newline"), ("S", "shorter than 4"), ("E", "empty")] {
        let message = named(&odd["fields"], field)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(named(&odd["fields"], "TRIMMED")["state"], "ok");
    // What is kept keeps its words.
    let kept = document(&sandbox, &["check", "--json", "--max-age", "5m"], 0);
    for (role, field) in [("old", "T"), ("odd", "N"), ("odd", "E")] {
        let message = |document: &Value| named(&named(&document["roles"], role)["fields"], field)["message"].clone();
        assert_eq!(message(&kept), message(&found));
    }
    let text = sandbox.run(&["check"]).expect_code(0);
    assert!(text.stderr.contains("warning: T of old: rotated"), "{}", text.stderr);
    assert!(!text.stdout.contains("s3cret") && !text.stderr.contains("s3cret"));
}

#[test]
fn doctor_looks_at_the_machine_and_says_what_to_type() {
    let mut sandbox = Sandbox::with_vault();
    sandbox.set("HTTPS_PROXY", "http://someone:pr0xy-pass@proxy.corp:3128");
    sandbox.set("TMUX", "/tmp/tmux-0/default,1,0");
    sandbox.set("PATH", &sandbox.home().join("bin").display().to_string());
    sandbox.program("psql", "#!/bin/sh\necho 'psql (PostgreSQL) 9.6.24'\n");
    sandbox.program(
        "sqlite3",
        "#!/bin/sh\ntest -z \"$VAULT_TOKEN\" && echo '3.46.1 2024-08-13'\n",
    );
    sandbox.program("redis-cli", "#!/bin/sh\nexec /bin/sleep 60\n");
    sandbox.config("[session]\nprefix = \"tmux\"\n[providers.vault-tls]\nkind = \"vault\"\naddress = \"https://vault.corp:8200\"\n");
    sandbox.roles(
        "[roles.pg]\nconnector = \"postgres\"\nfields.PGHOST = \"h\"\nfields.PGUSER = \"u\"\nfields.PGPASSWORD = \"_local:pg:pw\"\n\
         [roles.my]\nconnector = \"mysql\"\nfields.MYSQL_HOST = \"h\"\nfields.MYSQL_USER = \"u\"\nfields.MYSQL_PWD = \"_local:my:pw\"\n\
         [roles.own]\ncommand = [\"our-client\"]\n[roles.there]\ncommand = [\"sqlite3\", \"x\"]\n",
    );
    sandbox.set("TZ", "Europe/Berlin");
    let leak = sandbox.write("state/checks.json", "{}");
    std::fs::set_permissions(&leak, std::fs::Permissions::from_mode(0o644)).unwrap();

    let started = Instant::now();
    let run = sandbox.run(&["doctor", "--json"]).expect_code(1);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "a client that hangs is left alone"
    );
    for hidden in ["pr0xy-pass", &servers().vault_token] {
        assert!(!run.stdout.contains(hidden) && !run.stderr.contains(hidden));
    }
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["schema_version"], 1);
    let findings = &found["findings"];
    let find = |name: &str| named(findings, name);
    for (name, state, words) in [
        ("postgres", "warn", "psql 9.6.24 at "),
        ("sqlite", "ok", "sqlite3 3.46.1 at "),
        ("redis", "warn", "does not say its version"),
        ("mysql", "fail", "mysql or mariadb is not installed"),
        ("kubectl-exec", "skipped", "no role needs it"),
        ("our-client", "fail", "our-client is not there"),
        ("sqlite3", "ok", "/bin/sqlite3"),
        ("shell", "ok", "/bin/"),
        ("time zone", "ok", "Europe/Berlin"),
        ("config", "ok", "/config (mode 0700)"),
        ("files", "fail", "other users can read"),
        ("XDG_RUNTIME_DIR", "ok", "yours alone"),
        (
            "proxy",
            "ok",
            "HTTPS_PROXY is http://proxy.corp:3128: vault-tls through it",
        ),
        ("clock, vault", "ok", "agrees"),
        ("prefix key", "warn", "ctrl-b is the prefix of tmux too"),
        ("characters", "ok", "UTF-8"),
    ] {
        let finding = find(name);
        assert_eq!(finding["state"], state, "{finding:#}");
        assert!(finding["what"].as_str().unwrap().contains(words), "{finding:#}");
        if state == "fail" || state == "warn" {
            assert!(!finding["fix"].as_array().unwrap().is_empty(), "{finding:#}");
            assert!(finding["why"].is_string(), "{finding:#}");
        }
    }
    assert_eq!(find("postgres")["code"], "E-CLIENT-VERSION");
    assert_eq!(find("mysql")["code"], "E-CLIENT-MISSING");
    for name in [
        "ptrace",
        "swap",
        "core dumps",
        "keyring",
        "time zone",
        "TERM",
        "colours",
    ] {
        find(name);
    }
    let offline = sandbox.run(&["doctor", "--offline", "--json"]).expect_code(1);
    assert!(!offline.stdout.contains("clock, vault"));

    let text = sandbox.run(&["doctor"]).expect_code(1).stdout;
    assert!(
        text.contains("fix: apt install") && text.contains("clients\n"),
        "{text}"
    );
    let vault = sandbox.run(&["doctor", "vault"]).expect_code(0).stdout;
    assert!(
        vault.contains("login ok") && vault.contains("agrees with the server's"),
        "{vault}"
    );
    let psql = sandbox.run(&["doctor", "psql"]).expect_code(0).stdout;
    assert!(psql.contains("9.6.24") && !psql.contains("swap"), "{psql}");
    let wrong = sandbox.run(&["doctor", "psqll"]).expect_code(2);
    assert!(wrong.stderr.contains("psql"), "{}", wrong.stderr);
}

#[test]
fn a_deep_check_reads_the_values_and_says_nothing_of_them() {
    let mut sandbox = Sandbox::with_vault();
    let path = written(&json!({
        "newline": "s3cret-in-newline\n", "empty": "", "short": "ab", "fine": "s3cret-and-fine", "null": null, "deep": { "a": "s3cret-a" },
    }));
    let (name, _) = crate::aws::secret("{\"password\":\"s3cret-of-aws\\n\"}");
    let (key_id, secret_key) = servers().aws_keys();
    sandbox.set("AWS_ENDPOINT_URL", &servers().aws_endpoint);
    sandbox.set("AWS_REGION", "eu-west-1");
    sandbox.set("AWS_ACCESS_KEY_ID", key_id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", secret_key);
    let vault = |key: &str| format!("{{ secret = \"vault:secret/{path}#{key}\" }}");
    sandbox.roles(&format!(
        "[roles.odd]\ncommand = [\"true\"]\n[roles.odd.fields]\nN = {}\nE = {}\nS = {}\nF = {}\nD = {}\nA = \"_aws:{name}:password\"\n\
         TRIMMED = {{ secret = \"vault:secret/{path}#newline\", trim = true }}\n\
         [roles.wrong]\ncommand = [\"true\"]\n[roles.wrong.fields]\nNULL = {}\nDEEP = {}\nAWS = \"_aws:{name}:passwort\"\n",
        vault("newline"),
        vault("empty"),
        vault("short"),
        vault("fine"),
        vault("deep.a"),
        vault("null"),
        vault("deep.b"),
    ));
    // Metadata tells none of it.
    let plain = document(&sandbox, &["check", "--json"], 0);
    assert_eq!(
        plain["summary"],
        json!({ "total": 2, "ok": 2, "warn": 0, "fail": 0 }),
        "{plain:#}"
    );

    let deep = document(&sandbox, &["check", "--deep", "--json"], 1);
    assert_eq!(
        deep["summary"],
        json!({ "total": 2, "ok": 0, "warn": 1, "fail": 1 }),
        "{deep:#}"
    );
    let odd = named(&deep["roles"], "odd");
    for (field, state, words) in [
        ("N", "warn", "newline"),
        ("E", "warn", "empty"),
        ("S", "warn", "shorter than 4"),
        ("A", "warn", "newline"),
        ("F", "ok", ""),
        ("D", "ok", ""),
        ("TRIMMED", "ok", ""),
    ] {
        let field = named(&odd["fields"], field);
        assert_eq!(field["state"], state, "{field:#}");
        assert!(
            field["message"].as_str().unwrap_or_default().contains(words),
            "{field:#}"
        );
    }
    let wrong = named(&deep["roles"], "wrong");
    for (field, code) in [
        ("NULL", "E-REF-NULL"),
        ("DEEP", "E-VAULT-404-KEY"),
        ("AWS", "E-REF-KEY-MISSING"),
    ] {
        assert_eq!(named(&wrong["fields"], field)["code"], code, "{wrong:#}");
    }
    // The document has the same shape, and nobody is told a value.
    let keys = |document: &Value| {
        let role = named(&document["roles"], "odd");
        [document, role, named(&role["fields"], "N")].map(|object| {
            let keys = object.as_object().unwrap().keys();
            keys.filter(|key| *key != "message").cloned().collect::<Vec<_>>()
        })
    };
    assert_eq!(keys(&deep), keys(&plain));
    let text = sandbox.run(&["check", "--deep"]).expect_code(1);
    let kept = std::fs::read_to_string(sandbox.home().join("state/checks.json")).unwrap();
    for said in [&deep.to_string(), &text.stdout, &text.stderr, &kept] {
        assert!(!said.contains("s3cret"), "{said}");
    }
    // What is kept tells nothing of the values there are now.
    let refused = sandbox.run(&["check", "--deep", "--max-age", "5m"]).expect_code(2);
    assert!(refused.stderr.contains("--max-age"), "{}", refused.stderr);
}

#[test]
fn a_version_that_vault_will_delete_is_known_to_end() {
    servers().mount_kv("secret", 2);
    let path = unique("ends");
    servers().vault(
        "POST",
        &format!("secret/metadata/{path}"),
        &json!({ "delete_version_after": "50h" }),
    );
    servers().vault(
        "POST",
        &format!("secret/data/{path}"),
        &json!({ "data": { "token": "s3cret-token" } }),
    );
    let sandbox = Sandbox::with_vault();
    sandbox.roles(&format!(
        "[roles.ends]\ncommand = [\"true\"]\nfields.T = {{ secret = \"vault:secret/{path}#token\" }}\n"
    ));
    for args in [&["check", "--json"][..], &["check", "--deep", "--json"]] {
        let found = document(&sandbox, args, 0);
        let field = named(&named(&found["roles"], "ends")["fields"], "T");
        assert!(
            field["expires"].as_str().is_some_and(|at| at.starts_with("20")),
            "{field:#}"
        );
        assert!(
            field["message"].as_str().unwrap().starts_with("expires in 2 days"),
            "{field:#}"
        );
    }
    let line = sandbox.run(&["check", "--nagios"]).expect_code(1);
    assert!(
        line.stdout.starts_with("HALLPASS WARNING - 0/1 ok, 1 expiring | "),
        "{}",
        line.stdout
    );
    sandbox.run(&["exec", "ends", "--", "true"]).expect_code(0);
}
