//! Azure Key Vault through the real binary, against the double: every style of reference, every login, rotation, what a check learns
//! without reading a value.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::request;
use crate::sandbox::{HALLPASS, Outcome, Sandbox, finish};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// The tenant that the double's vault belongs to.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";

/// A word of the double's control plane.
#[track_caller]
pub fn control(word: &str, body: &Value) -> Value {
    request::control(&servers().azure_clear, word, body)
}

/// A name that Key Vault takes and no other test uses.
pub fn name(prefix: &str) -> String {
    unique(prefix).replace('_', "-")
}

/// An id as Entra ID gives them.
pub fn guid() -> String {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).unwrap();
    let number = u64::from_ne_bytes(bytes);
    format!(
        "aaaaaaaa-0000-4000-8{:03x}-{:012x}",
        number >> 52,
        number & 0xffff_ffff_ffff
    )
}

/// A version of a secret with this value; gives its id.
pub fn put(name: &str, value: &str) -> String {
    let answer = control("secret", &json!({ "name": name, "value": value }));
    answer["version"].as_str().unwrap().to_owned()
}

/// A secret of the test's own.
pub fn secret(value: &str) -> String {
    let name = name("db");
    put(&name, value);
    name
}

/// An application of the test's own.
pub struct App {
    pub tenant: String,
    pub client: String,
    pub secret: String,
}

impl App {
    pub fn new() -> Self {
        Self::with(&json!({}))
    }

    /// With more said about it, as the double's `app` takes it.
    pub fn with(more: &Value) -> Self {
        let app = Self {
            tenant: more["tenant"].as_str().unwrap_or(TENANT).to_owned(),
            client: guid(),
            secret: unique("client-secret"),
        };
        let mut told = json!({ "tenant": app.tenant, "client": app.client, "secret": app.secret });
        told.as_object_mut()
            .unwrap()
            .append(&mut more.as_object().unwrap().clone());
        control("app", &told);
        app
    }

    /// How many tokens it was given.
    pub fn logins(&self) -> u64 {
        control("logins", &json!({ "client": self.client }))["logins"]
            .as_u64()
            .unwrap()
    }

    /// What it asked of the vault: path and status.
    pub fn asked(&self) -> Vec<(String, u64)> {
        let log = control("log", &json!({}));
        let own = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["who"] == self.client.as_str());
        own.map(|entry| {
            let path = entry["path"].as_str().unwrap().split('?').next().unwrap();
            (path.to_owned(), entry["status"].as_u64().unwrap())
        })
        .collect()
    }

    /// A sandbox whose environment logs in as this application with its secret.
    pub fn sandbox(&self) -> Sandbox {
        let mut sandbox = vault_sandbox("");
        sandbox.set("AZURE_TENANT_ID", &self.tenant);
        sandbox.set("AZURE_CLIENT_ID", &self.client);
        sandbox.set("AZURE_CLIENT_SECRET", &self.secret);
        sandbox
    }
}

/// A sandbox that knows the vault and no login; `settings` are more lines of its provider.
pub fn vault_sandbox(settings: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("AZURE_VAULT_URL", &servers().azure_url);
    sandbox.set("AZURE_AUTHORITY_HOST", &servers().azure_url);
    // No test asks a machine that may really have one.
    sandbox.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1");
    configure(&sandbox, settings);
    sandbox
}

pub fn configure(sandbox: &Sandbox, settings: &str) {
    sandbox.config(&format!(
        "[providers.azure]\nca_cert = '{}'\nallow_custom_host = true\n{settings}\n",
        servers().ca
    ));
}

/// A role `it` with these fields.
pub fn role(sandbox: &Sandbox, fields: &[(&str, String)]) {
    let fields: String = fields
        .iter()
        .map(|(name, source)| format!("{name} = {source}\n"))
        .collect();
    sandbox.roles(&format!(
        "[roles.it]\ncommand = ['touch', 'started']\nenv = 'dev'\n[roles.it.fields]\n{fields}"
    ));
}

/// What a child of the role `it` has in these variables.
#[track_caller]
pub fn seen(sandbox: &Sandbox, names: &[&str]) -> Vec<String> {
    // Through a file: what a child prints is masked.
    let script: String = names
        .iter()
        .map(|name| format!("printf '%s\\0' \"${name}\" >>seen;"))
        .collect();
    sandbox.run(&["exec", "it", "--", "sh", "-c", &script]).expect_code(0);
    let path = sandbox.home().join("seen");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[track_caller]
pub fn checked(sandbox: &Sandbox, code: i32) -> Value {
    let outcome = sandbox.run(&["check", "it", "--json"]).expect_code(code);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Runs a program in the sandbox; on a machine of Azure Arc, if the key of its agent is given.
pub fn runs(sandbox: &Sandbox, key: Option<&str>, words: &[&str], input: &str) -> Outcome {
    let Some(key) = key else {
        return finish(sandbox.command_of(Path::new(words[0]), &words[1..]), input.as_bytes());
    };
    // The folder of the agent's keys is the same on every machine: this one sees its own.
    let script = format!(
        "mount -t tmpfs none /var/opt || exit 99\nmkdir -p /var/opt/azcmagent/tokens\n\
         printf %s {key} >/var/opt/azcmagent/tokens/it.key\nexec \"$@\"\n"
    );
    let words = [&["-rm", "sh", "-c", &script, "sh"][..], words].concat();
    finish(sandbox.command_of(Path::new("unshare"), &words), input.as_bytes())
}

#[test]
fn every_style_reads_its_secret_and_a_rotated_one() {
    let sandbox = App::new().sandbox();
    let text = secret("first value");
    let object = secret(r#"{"user": "bob", "port": 5432, "nested": {"password": "deep"}, "a.b": "dotted"}"#);
    role(
        &sandbox,
        &[
            ("COLON", format!("'_azure:{text}'")),
            ("PATH_STYLE", format!("'_envs/azure/{text}'")),
            ("CANONICAL", format!("{{ secret = 'azure:{text}' }}")),
            ("USERNAME", format!("'_azure:{object}:user'")),
            ("PORT", format!("'_envs/azure/{object}#port'")),
            ("DEEP", format!("{{ secret = 'azure:{object}#nested.password' }}")),
            ("DOTTED", format!("{{ secret = 'azure:{object}#a.b' }}")),
        ],
    );
    let names = ["COLON", "PATH_STYLE", "CANONICAL", "USERNAME", "PORT", "DEEP", "DOTTED"];
    let expected = [
        "first value",
        "first value",
        "first value",
        "bob",
        "5432",
        "deep",
        "dotted",
    ];
    assert_eq!(seen(&sandbox, &names), expected);

    let before = checked(&sandbox, 0)["roles"][0]["fields"][0]["version"].clone();
    let version = put(&text, "second value\n");
    assert_eq!(
        seen(&sandbox, &["COLON"]),
        ["second value\n"],
        "byte for byte, and at once"
    );
    let after = checked(&sandbox, 0)["roles"][0]["fields"][0]["version"].clone();
    assert_ne!(before, after);
    assert_eq!(after, version.as_str());

    role(
        &sandbox,
        &[
            ("OLD", format!("{{ secret = 'azure:{text}', version = {before} }}")),
            ("NEW", format!("'_azure:{text}'")),
        ],
    );
    assert_eq!(seen(&sandbox, &["OLD", "NEW"]), ["first value", "second value\n"]);
}

#[test]
fn ten_references_are_one_login_and_one_request_for_each_secret() {
    let app = App::new();
    let sandbox = app.sandbox();
    let (one, two) = (secret(r#"{"a": "1", "b": "2"}"#), secret("text"));
    let fields: Vec<(String, String)> = (0..10)
        .map(|n| {
            (
                format!("F{n}"),
                if n % 2 == 0 {
                    format!("'_azure:{one}:a'")
                } else {
                    format!("'_azure:{two}'")
                },
            )
        })
        .collect();
    let fields: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, source)| (name.as_str(), source.clone()))
        .collect();
    role(&sandbox, &fields);
    assert_eq!(seen(&sandbox, &["F0", "F1"]), ["1", "text"]);
    let mut asked = app.asked();
    asked.sort();
    let mut expected = vec![(format!("/secrets/{one}"), 200), (format!("/secrets/{two}"), 200)];
    expected.sort();
    assert_eq!(asked, expected);
    assert_eq!(app.logins(), 1);
}

/// A check lists versions and asks for one that is not there; the vault's own log says that no value was read.
#[test]
fn a_check_reads_no_value_where_versions_may_be_listed() {
    let app = App::new();
    let sandbox = app.sandbox();
    let name = secret("value");
    // The double has five versions a page: the newest is found behind the first.
    for n in 0..6 {
        put(&name, &format!("value {n}"));
    }
    let newest = put(&name, "the newest");
    let day = 86_400;
    let end = jiff::Timestamp::now().as_second() + 30 * day;
    // Made in another second than the others, as versions of a person are.
    let made = jiff::Timestamp::now().as_second() + 10;
    control(
        "attributes",
        &json!({ "name": name, "exp": end, "created": made, "updated": made }),
    );
    role(&sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
    let report = checked(&sandbox, 0);
    let field = &report["roles"][0]["fields"][0];
    assert_eq!(field["version"], newest.as_str(), "{report:#}");
    assert!(field["rotated_at"].is_string(), "{report:#}");
    let auth = report["providers"][0]["auth"].as_str().unwrap();
    assert!(
        auth.starts_with("client secret, app ") && auth.contains(&app.client),
        "{auth}"
    );
    let read = app.asked();
    assert!(
        !read
            .iter()
            .any(|(path, status)| *status == 200 && !path.ends_with("/versions") && path != "/secrets"),
        "a value was read: {read:?}"
    );

    // Where they may not be listed, the value is read: there is no other way to tell.
    let app = App::with(&json!({ "rights": ["get"] }));
    let sandbox = app.sandbox();
    role(&sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
    let report = checked(&sandbox, 0);
    assert_eq!(
        report["roles"][0]["fields"][0]["version"],
        newest.as_str(),
        "{report:#}"
    );
    assert!(app.asked().contains(&(format!("/secrets/{name}"), 200)));

    // Who may list and not read would find out at launch: the check says so.
    let sandbox = App::with(&json!({ "rights": ["list"] })).sandbox();
    role(&sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
    assert_eq!(checked(&sandbox, 1)["roles"][0]["fields"][0]["code"], "E-AZURE-DENIED");
}

/// Key Vault gives out what is not valid yet or has expired; so do we, and a check warns.
#[test]
fn validity_is_a_warning() {
    let sandbox = App::new().sandbox();
    let now = jiff::Timestamp::now().as_second();
    for (key, at, word) in [("exp", now - 60, "expired"), ("nbf", now + 3600, "not valid yet")] {
        let name = secret("value");
        control("attributes", &json!({ "name": name, key: at }));
        role(&sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
        assert_eq!(seen(&sandbox, &["TOKEN"]), ["value"], "{key}");
        let report = checked(&sandbox, 0);
        assert_eq!(report["roles"][0]["state"], "warn", "{key}: {report:#}");
        assert!(report.to_string().contains(word), "{key}: {report:#}");
    }
}

#[test]
fn logins_of_an_application() {
    let name = secret("through a login");
    let opens = |sandbox: &Sandbox, words: &str| {
        role(sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
        assert_eq!(seen(sandbox, &["TOKEN"]), ["through a login"], "{words}");
        let report = checked(sandbox, 0);
        let auth = report["providers"][0]["auth"].as_str().unwrap().to_owned();
        assert!(auth.starts_with(words), "{auth}");
        assert!(report["providers"][0]["expires"].is_string(), "{report:#}");
    };
    opens(&App::new().sandbox(), "client secret, app ");

    // Its secret may lie in another provider.
    let app = App::new();
    let held = vault_sandbox(&format!(
        "tenant_id = '{TENANT}'\nclient_id = '{}'\nclient_secret = {{ secret = 'local:azure#secret' }}",
        app.client
    ));
    held.store("azure#secret", &app.secret);
    opens(&held, "client secret, app ");

    // A certificate, as a file and as text; and a named provider, which the environment does not configure.
    let pem = std::fs::read_to_string(&servers().azure_cert).unwrap();
    let app = App::with(&json!({ "certificates": [certificate()] }));
    let mut by_path = vault_sandbox("");
    by_path.set("AZURE_TENANT_ID", TENANT);
    by_path.set("AZURE_CLIENT_ID", &app.client);
    by_path.set("AZURE_CLIENT_CERTIFICATE_PATH", &servers().azure_cert);
    opens(&by_path, "client certificate, app ");
    let by_text = vault_sandbox(&format!(
        "tenant_id = '{TENANT}'\nclient_id = '{}'\ncredential = 'certificate'\nclient_certificate = {{ secret = 'local:azure#pem' }}",
        app.client
    ));
    by_text.store("azure#pem", &pem);
    opens(&by_text, "client certificate, app ");

    // The token of a workload: in a file, which is read anew at each login, and given outright.
    let (_, token) = federated();
    let app = App::with(&json!({ "federated": trusts() }));
    let mut workload = vault_sandbox("");
    workload.set("AZURE_TENANT_ID", TENANT);
    workload.set("AZURE_CLIENT_ID", &app.client);
    let file = workload.write("token", &format!("{token}\n"));
    workload.set("AZURE_FEDERATED_TOKEN_FILE", &file.display().to_string());
    opens(&workload, "workload identity, app ");
    let mut assertion = vault_sandbox(&format!(
        "tenant_id = '{TENANT}'\nclient_id = '{}'\nclient_assertion = {{ secret = 'env:CI_JWT' }}",
        app.client
    ));
    assertion.set("CI_JWT", token);
    opens(&assertion, "client assertion, app ");
}

#[test]
fn logins_of_a_machine_and_of_a_person() {
    let name = secret("through a machine");
    let opens = |sandbox: &Sandbox, words: &str| {
        role(sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
        assert_eq!(seen(sandbox, &["TOKEN"]), ["through a machine"], "{words}");
        assert_eq!(checked(sandbox, 0)["providers"][0]["auth"], words);
    };
    let app = App::with(&json!({ "assigned": true }));
    // Assigned to the machine by name: the double's own identity may be that of another test.
    let mut machine = vault_sandbox("");
    machine.set("AZURE_CLIENT_ID", &app.client);
    machine.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &servers().azure_clear);
    opens(&machine, &format!("managed identity, app {}", app.client));

    let mut own = vault_sandbox("credential = 'managed'");
    own.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &servers().azure_clear);
    opens(&own, "managed identity");

    let mut service = vault_sandbox("");
    service.set("AZURE_CLIENT_ID", &app.client);
    service.set(
        "IDENTITY_ENDPOINT",
        &format!("{}/app-service/token", servers().azure_clear),
    );
    service.set("IDENTITY_HEADER", "of-this-app");
    opens(&service, &format!("managed identity, app {}", app.client));

    // Azure CLI comes last: no machine answers here.
    let person = vault_sandbox("");
    az(&person, &app);
    opens(&person, "Azure CLI");
    let words = std::fs::read_to_string(person.home().join("az-words")).unwrap();
    assert_eq!(
        words.lines().next(),
        Some("account get-access-token --output json --scope https://vault.azure.net/.default")
    );
}

#[test]
fn a_machine_of_azure_arc_opens_a_session() {
    let name = secret("through the agent");
    let app = App::with(&json!({ "assigned": true }));
    let mut machine = vault_sandbox("credential = 'managed'");
    machine.set("AZURE_CLIENT_ID", &app.client);
    machine.set("IMDS_ENDPOINT", &servers().azure_clear);
    machine.set(
        "IDENTITY_ENDPOINT",
        &format!("{}/arc/agent/token", servers().azure_clear),
    );
    role(&machine, &[("TOKEN", format!("'_azure:{name}'"))]);
    let script = "printf %s \"$TOKEN\" >opened";
    let opens = |key: &str| {
        runs(
            &machine,
            Some(key),
            &[HALLPASS, "exec", "it", "--", "sh", "-c", script],
            "",
        )
    };
    opens("key-of-the-agent").expect_code(0);
    let opened = std::fs::read_to_string(machine.home().join("opened")).unwrap();
    assert_eq!(opened, "through the agent");
    let refused = opens("key-of-yesterday").expect_code(125).stderr;
    assert!(refused.contains("error[E-AZURE-IDENTITY]"), "{refused}");
    assert!(!refused.contains("key-of-yesterday"), "{refused}");
}

/// `az` runs without our terminal, with no credential of a provider in its environment, and its output stays with us.
#[test]
fn azure_cli_cannot_touch_the_terminal() {
    let app = App::with(&json!({ "assigned": true }));
    let name = secret("through az");
    let mut sandbox = vault_sandbox("credential = 'cli'");
    sandbox.set("VAULT_TOKEN", "s.not-for-az");
    az(&sandbox, &app);
    role(&sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["exec", "it", "--", "sh", "-c", "echo opened"]);
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.screen());
    assert!(
        terminal.screen().contains("opened") && !terminal.screen().contains("from az"),
        "{}",
        terminal.screen()
    );
    let left = std::fs::read_to_string(sandbox.home().join("az-words")).unwrap();
    assert!(left.contains("terminal: no") && left.contains("vault: unset"), "{left}");
}

/// A stand-in for `az` that gets its token from the machine of the double, asked in either form, and writes down how it was called.
pub fn az(sandbox: &Sandbox, app: &App) {
    let script = r#"#!/bin/sh
{ echo "$@"
  if (echo 'from az' >/dev/tty) 2>/dev/null; then echo terminal: yes; else echo terminal: no; fi
  echo "vault: ${VAULT_TOKEN-unset}"; } >"$HOME/az-words"
echo 'WARNING: from az' >&2
case "$* " in
  *' --scope https://vault.azure.net/.default '* | *' --resource https://vault.azure.net '*) ;;
  *) echo 'ERROR: the following arguments are required' >&2; exit 2 ;;
esac
exec curl -sf -H Metadata:true 'HOST/metadata/identity/oauth2/token?resource=https://vault.azure.net&client_id=CLIENT' |
  sed -e 's/"access_token"/"accessToken"/' -e 's/"expires_on": "\([0-9]*\)"/"expires_on": \1/'
"#;
    let script = script
        .replace("HOST", &servers().azure_clear)
        .replace("CLIENT", &app.client);
    sandbox.program("az", &script.replace("$HOME", &sandbox.home().display().to_string()));
}

/// The certificate of the file without its key.
pub fn certificate() -> String {
    let pem = std::fs::read_to_string(&servers().azure_cert).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    pem[..pem.find(end).unwrap() + end.len()].to_owned()
}

/// What an application says of whom it trusts: the workload of [`federated`].
pub fn trusts() -> Value {
    json!([{ "issuer": "https://issuer.example", "subject": "system:serviceaccount:payments:dba", "key": federated().0 }])
}

/// A public key, and a workload's token signed with its private one. Both are the same for all tests.
pub fn federated() -> (&'static str, &'static str) {
    static BOTH: OnceLock<(String, String)> = OnceLock::new();
    let (public, token) = BOTH.get_or_init(|| {
        let pem = std::fs::read_to_string(&servers().azure_cert).unwrap();
        let mut openssl = Command::new(Path::new(&servers().programs).join("openssl"));
        openssl.args(["pkey", "-pubout"]);
        let public = finish(openssl, pem.as_bytes()).expect_code(0).stdout;
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": "https://issuer.example", "sub": "system:serviceaccount:payments:dba", "aud": "api://AzureADTokenExchange",
            "iat": now, "nbf": now, "exp": now + 86_400,
        });
        let key = &pem[pem.find("-----BEGIN PRIVATE KEY").unwrap()..];
        let mut python = Command::new(&servers().python);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/azure_client.py");
        python.args(["-B", script]).env_clear().env("PYTHONPATH", &servers().python_path);
        let order = json!({ "sign": claims, "key": key }).to_string();
        let token = finish(python, order.as_bytes()).expect_code(0).stdout;
        (public, token.trim().to_owned())
    });
    (public, token)
}
