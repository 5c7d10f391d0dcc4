//! Google Secret Manager, through the real binary and a double that Google's own client is held against: every reference style and
//! login, rotation, checks, and that each failure says what it is. The double proves agreement with that client, not with the service.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::liar::{Liar, http};
use crate::request;
use crate::sandbox::{Outcome, Sandbox, finish};
use crate::servers::{servers, unique};

pub const PROJECT: &str = "hp-project";
const NUMBER: &str = "123456789012";
pub const FULL: &str = "full@hp-project.iam.gserviceaccount.com";
pub const READER: &str = "reader@hp-project.iam.gserviceaccount.com";

/// Tells the double what to do.
#[track_caller]
pub fn control(word: &str, body: &Value) -> Value {
    request::control(&servers().gcp_plain_addr, word, body)
}

/// The requests so far whose path holds this: `METHOD path status who`.
fn log(part: &str) -> Vec<String> {
    let log = request::request("GET", &servers().gcp_plain_addr, "/_control/log", "", "").json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    log.as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["path"].as_str().unwrap().contains(part))
        .map(|entry| {
            format!(
                "{} {} {} {}",
                text(&entry["method"]),
                text(&entry["path"]),
                entry["status"],
                text(&entry["who"])
            )
        })
        .collect()
}

/// A secret of the test's own with these versions.
fn secret(versions: &[Value]) -> String {
    secret_with(&json!({ "versions": versions }))
}

fn secret_with(more: &Value) -> String {
    let name = unique("db");
    let mut body = more.clone();
    body["name"] = json!(name);
    control("secret", &body);
    name
}

/// A secret with one version of this text.
pub fn text(value: &str) -> String {
    secret(&[json!({ "data": value })])
}

fn fault(on: &str, more: &Value) {
    let mut body = more.clone();
    body["match"] = json!(on);
    control("fault", &body);
}

/// A service account's key file, as Google makes it.
pub fn service_account(email: &str, key: &str) -> Value {
    json!({
        "type": "service_account", "project_id": PROJECT, "private_key_id": "1f2e3d", "private_key": fs::read_to_string(key).unwrap(),
        "client_email": email, "client_id": "1", "token_uri": format!("{}/token", servers().gcp_addr),
    })
}

pub fn person(refresh_token: &str) -> Value {
    json!({
        "type": "authorized_user", "account": "ada@example.com", "client_id": "client-id", "client_secret": "client-secret",
        "refresh_token": refresh_token, "token_uri": format!("{}/token", servers().gcp_addr), "quota_project_id": PROJECT,
    })
}

pub fn federated(source: &Value) -> Value {
    json!({
        "type": "external_account", "token_url": format!("{}/sts/v1/token", servers().gcp_addr),
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": source,
    })
}

pub fn impersonation_url(email: &str) -> String {
    format!(
        "{}/v1/projects/-/serviceAccounts/{email}:generateAccessToken",
        servers().gcp_addr
    )
}

/// A sandbox without any credentials; the provider's settings know the double and its CA.
pub fn bare(settings: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    // Nothing listens there: the tests' machine may be one of Google's.
    sandbox.set("GCE_METADATA_HOST", "127.0.0.1:9");
    let (endpoint, ca) = (&servers().gcp_addr, &servers().ca);
    sandbox.config(&format!(
        "[providers.gcp]\nendpoint = '{endpoint}'\nca_cert = '{ca}'\n{settings}\n"
    ));
    sandbox
}

/// One that is logged in by this file.
pub fn logged_in(credentials: &Value) -> Sandbox {
    let mut sandbox = bare("");
    let file = sandbox.write("credentials.json", &credentials.to_string());
    sandbox.set("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap());
    sandbox
}

pub fn as_account(email: &str) -> Sandbox {
    logged_in(&service_account(email, &servers().gcp_key))
}

/// Compares each field with the file of its name, so that no value stands in an argument or an output.
const COMPARE: &str = r#"for f in expected/*; do eval "v=\$${f##*/}"; [ "$v" = "$(cat "$f")" ] && echo "${f##*/} same" || echo "${f##*/} differs"; done"#;

/// A role with these fields, each with the value that it must have.
#[track_caller]
pub fn reads(sandbox: &Sandbox, fields: &[(&str, String, &str)]) {
    let mut role = "[roles.reader]\ncommand = ['true']\nenv = 'dev'\n".to_owned();
    for (name, reference, value) in fields {
        let reference = if reference.starts_with('{') {
            reference.clone()
        } else {
            format!("'{reference}'")
        };
        role.push_str(&format!("fields.{name} = {reference}\n"));
        sandbox.write(&format!("expected/{name}"), value);
    }
    sandbox.roles(&role);
    let Outcome { stdout, .. } = sandbox
        .run(&["exec", "reader", "--", "sh", "-c", COMPARE])
        .expect_code(0);
    let mut names: Vec<&str> = fields.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    let expected: String = names.iter().map(|name| format!("{name} same\n")).collect();
    assert_eq!(stdout, expected);
}

/// The one field of a role that must be refused with this code, by `exec` and by `check`; gives what `exec` said.
#[track_caller]
pub fn refused(sandbox: &Sandbox, reference: &str, code: &str) -> String {
    sandbox.roles(&format!(
        "[roles.failing]\ncommand = ['touch', 'started']\nenv = 'dev'\nfields.TOKEN = {{ secret = '{reference}' }}\n"
    ));
    let Outcome { stderr, stdout, .. } = sandbox
        .run(&["exec", "failing", "--", "touch", "started"])
        .expect_code(125);
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    assert!(stderr.contains("= fix"), "no fix:\n{stderr}");
    assert!(
        stderr.contains("= cause") || !code.starts_with("E-GCP"),
        "no cause:\n{stderr}"
    );
    assert!(stderr.contains(".toml:"), "not where:\n{stderr}");
    assert_eq!(stdout, "");
    assert!(!sandbox.home().join("started").exists(), "started although {code}");
    let shown = sandbox.run(&["check", "failing", "--json"]).expect_code(1).stdout;
    assert!(
        shown.contains(&format!("\"{code}\"")),
        "check does not say {code}:\n{shown}"
    );
    for said in [&stderr, &shown] {
        assert!(
            !said.contains("PRIVATE KEY") && !said.contains("ya29.") && !said.contains("client-secret"),
            "{said}"
        );
    }
    stderr
}

fn check(sandbox: &Sandbox, role: &str) -> Value {
    let Outcome { stdout, .. } = sandbox.run(&["check", role, "--json"]);
    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}"))
}

fn stages(provider: &Value) -> String {
    let stages = provider["stages"].as_array().unwrap().iter();
    let words: Vec<String> = stages
        .map(|stage| {
            format!(
                "{} {}",
                stage["name"].as_str().unwrap(),
                stage["state"].as_str().unwrap()
            )
        })
        .collect();
    words.join(", ")
}

#[test]
fn every_way_to_write_a_reference() {
    let sandbox = as_account(FULL);
    let plain = text("hunter22 ");
    let object = text(r#"{"user": "ada", "port": 5432.10, "deep": {"password": "s3cret-ä"}}"#);
    let versions = secret_with(&json!({
        "versions": [{ "data": "first" }, { "data": "second" }, { "data": "third" }], "aliases": { "live": 2 },
    }));
    let regional = secret_with(&json!({ "location": "europe-west3", "versions": [{ "data": "in frankfurt" }] }));
    reads(
        &sandbox,
        &[
            ("PLAIN", format!("_gcp:{plain}"), "hunter22 "),
            ("COLON", format!("_gcp:{object}:user"), "ada"),
            ("PATHS", format!("_envs/gcp/{object}#port"), "5432.10"),
            ("WHOLE", format!("_envs/gcp/{plain}"), "hunter22 "),
            (
                "CANONICAL",
                format!("{{ secret = 'gcp:{object}#deep.password' }}"),
                "s3cret-ä",
            ),
            ("LATEST", format!("_gcp:{versions}"), "third"),
            (
                "NUMBER",
                format!("{{ secret = 'gcp:{versions}', version = 1 }}"),
                "first",
            ),
            (
                "ALIAS",
                format!("{{ secret = 'gcp:{versions}', version = 'live' }}"),
                "second",
            ),
            (
                "FULL_NAME",
                format!("{{ secret = 'gcp:projects/{PROJECT}/secrets/{versions}' }}"),
                "third",
            ),
            (
                "FULL_COLON",
                format!("_gcp:projects/{NUMBER}/secrets/{object}:user"),
                "ada",
            ),
            (
                "FULL_VERSION",
                format!("_envs/gcp/projects/{PROJECT}/secrets/{versions}/versions/2"),
                "second",
            ),
            (
                "REGIONAL",
                format!("_envs/gcp/projects/{PROJECT}/locations/europe-west3/secrets/{regional}"),
                "in frankfurt",
            ),
        ],
    );
}

#[test]
fn bytes_arrive_as_they_are() {
    let sandbox = as_account(FULL);
    let bytes: Vec<u8> = (1..=255).collect();
    let name = secret(&[json!({ "base64": base64::engine::general_purpose::STANDARD.encode(&bytes) })]);
    sandbox.roles(&format!(
        "[roles.bytes]\ncommand = ['true']\nenv = 'dev'\nfields.FILE = {{ secret = 'gcp:{name}', via = 'file' }}\nfields.VALUE = '_gcp:{name}'\n"
    ));
    fs::write(sandbox.home().join("expected"), &bytes).unwrap();
    let script = "cmp \"$FILE\" expected && printf %s \"$VALUE\" | cmp - expected && echo same";
    let Outcome { stdout, .. } = sandbox.run(&["exec", "bytes", "--", "sh", "-c", script]).expect_code(0);
    assert_eq!(stdout, "same\n");
}

/// Opens a session with this login; gives what the check says it is logged in as.
#[track_caller]
fn opens(sandbox: &Sandbox) -> String {
    let name = text("hunter22");
    reads(
        sandbox,
        &[("SECRET", format!("_gcp:projects/{PROJECT}/secrets/{name}"), "hunter22")],
    );
    let report = check(sandbox, "reader");
    assert_eq!(report["roles"][0]["state"], "ok", "{report:#}");
    assert!(report["providers"][0]["expires"].is_string(), "{report:#}");
    report["providers"][0]["auth"].as_str().unwrap().to_owned()
}

#[test]
fn a_service_account_asks_nobody_for_its_token() {
    for email in [FULL, READER] {
        let mut account = service_account(email, &servers().gcp_key);
        account["token_uri"] = json!("http://127.0.0.1:9/nobody-listens");
        assert_eq!(opens(&logged_in(&account)), format!("service account {email}"));
    }
}

#[test]
fn credentials_stand_in_the_configuration_or_in_another_provider() {
    let account = service_account(FULL, &servers().gcp_key).to_string();
    let sandbox = bare("credentials = '~/sa.json'");
    sandbox.write("sa.json", &account);
    assert_eq!(opens(&sandbox), format!("service account {FULL}"));

    assert_eq!(
        opens(&bare(&format!("credentials = '''{account}'''"))),
        format!("service account {FULL}")
    );

    let sandbox = bare("credentials = { secret = 'local:google#account' }");
    sandbox.store("google#account", &account);
    assert_eq!(opens(&sandbox), format!("service account {FULL}"));
}

#[test]
fn a_person_logged_in_with_gcloud() {
    let mut sandbox = bare("");
    sandbox.write(
        ".config/gcloud/application_default_credentials.json",
        &person("person").to_string(),
    );
    assert_eq!(opens(&sandbox), "gcloud user ada@example.com");
    // Another folder of gcloud's configuration, and the project that it is set to.
    sandbox.set(
        "CLOUDSDK_CONFIG",
        sandbox.home().join("work").to_str().unwrap().to_owned().as_str(),
    );
    let mut credentials = person("person");
    credentials.as_object_mut().unwrap().remove("quota_project_id");
    sandbox.write("work/application_default_credentials.json", &credentials.to_string());
    sandbox.write(
        "work/configurations/config_default",
        &format!("[core]\nproject = {PROJECT}\n"),
    );
    let name = text("short name");
    reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "short name")]);

    let workforce = json!({
        "type": "external_account_authorized_user", "token_url": format!("{}/sts/v1/oauthtoken", servers().gcp_addr),
        "client_id": "client-id", "client_secret": "client-secret", "refresh_token": "person",
    });
    assert_eq!(opens(&logged_in(&workforce)), "workforce user");
}

#[test]
fn an_identity_of_elsewhere() {
    let subject = "identity-of-elsewhere";
    let sandbox = logged_in(&Value::Null);
    let file = sandbox.write("subject", &format!("{subject}\n"));
    sandbox.write("credentials.json", &federated(&json!({ "file": file })).to_string());
    assert_eq!(opens(&sandbox), "identity federation");

    let file = sandbox.write("subject.json", &json!({ "token": subject }).to_string());
    let mut credentials =
        federated(&json!({ "file": file, "format": { "type": "json", "subject_token_field_name": "token" } }));
    credentials["service_account_impersonation_url"] = json!(impersonation_url(FULL));
    sandbox.write("credentials.json", &credentials.to_string());
    assert_eq!(
        opens(&sandbox),
        format!("service account {FULL}, impersonated by identity federation")
    );

    let source = json!({
        "url": format!("{}/subject", servers().gcp_plain_addr), "headers": { "X-Identity": "please" },
        "format": { "type": "json", "subject_token_field_name": "id_token" },
    });
    assert_eq!(opens(&logged_in(&federated(&source))), "identity federation");
}

#[test]
fn a_program_that_prints_an_identity_runs_only_where_that_is_allowed() {
    let printed = |token: &str| json!({ "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:id_token", "id_token": token });
    let mut sandbox = bare("");
    let said = |line: &str| format!("#!/bin/sh\necho \"$1 $GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE\" >>asked\n{line}\n");
    let program = sandbox.program(
        "identity",
        &said(&format!("echo '{}'", printed("identity-of-elsewhere"))),
    );
    let source = json!({ "executable": { "command": format!("{} --token", program.display()), "output_file": sandbox.home().join("kept") } });
    let credentials = federated(&source);
    let file = sandbox.write("credentials.json", &credentials.to_string());
    sandbox.set("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap());
    let reference = format!("gcp:projects/{PROJECT}/secrets/{}", text("hunter22"));
    let shown = refused(&sandbox, &reference, "E-GCP-HELPER");
    assert!(
        shown.contains("export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"),
        "{shown}"
    );
    assert!(!sandbox.home().join("asked").exists(), "it was run");

    sandbox.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    assert_eq!(opens(&sandbox), "identity federation");
    let asked = fs::read_to_string(sandbox.home().join("asked")).unwrap();
    assert!(
        asked.starts_with(&format!("--token {}", credentials["audience"].as_str().unwrap())),
        "{asked}"
    );

    for (line, why) in [
        (
            "echo '{\"version\": 1, \"success\": false, \"code\": \"1\", \"message\": \"s3cret\"}'",
            "could not log in",
        ),
        ("echo s3cret", "something else than the JSON"),
        ("echo s3cret >&2; exit 3", "exit code 3"),
        ("head -c 100000 /dev/zero", "more than any token"),
    ] {
        sandbox.program("identity", &said(line));
        let shown = refused(&sandbox, &reference, "E-GCP-HELPER");
        assert!(shown.contains(why) && !shown.contains("s3cret"), "{shown}");
    }
    // The limit is the file's own; five seconds is the least that Google's clients take.
    sandbox.program("identity", "#!/bin/sh\nexec sleep 600\n");
    let mut hasty = credentials.clone();
    hasty["credential_source"]["executable"]["timeout_millis"] = json!(5000);
    sandbox.write("credentials.json", &hasty.to_string());
    let shown = sandbox.run(&["exec", "failing", "--", "true"]).expect_code(125).stderr;
    assert!(
        shown.contains("error[E-GCP-HELPER]") && shown.contains("did not end in time"),
        "{shown}"
    );
    sandbox.write("credentials.json", &credentials.to_string());
    sandbox.program("identity", "#!/bin/sh\nexit 3\n");
    // What it kept is used as long as it is valid.
    let mut kept = printed("identity-of-elsewhere");
    kept["expiration_time"] = json!(4_000_000_000_u64);
    sandbox.write("kept", &kept.to_string());
    assert_eq!(opens(&sandbox), "identity federation");
    kept["expiration_time"] = json!(1);
    sandbox.write("kept", &kept.to_string());
    refused(&sandbox, &reference, "E-GCP-HELPER");
}

#[test]
fn an_impersonated_account() {
    for (source, who) in [
        (person("person"), "gcloud user ada@example.com".to_owned()),
        (
            service_account(READER, &servers().gcp_key),
            format!("service account {READER}"),
        ),
    ] {
        let credentials = json!({
            "type": "impersonated_service_account", "service_account_impersonation_url": impersonation_url(FULL),
            "delegates": [], "source_credentials": source,
        });
        assert_eq!(
            opens(&logged_in(&credentials)),
            format!("service account {FULL}, impersonated by {who}")
        );
    }
}

#[test]
fn a_machine_of_google() {
    let mut sandbox = bare("");
    sandbox.set(
        "GCE_METADATA_HOST",
        servers().gcp_plain_addr.strip_prefix("http://").unwrap(),
    );
    assert_eq!(
        opens(&sandbox),
        "metadata server (machine@hp-project.iam.gserviceaccount.com)"
    );
    // The project of short names is the machine's.
    let name = text("short name");
    reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "short name")]);
}

/// Nothing was said of the project, so it is not the project that is wrong.
#[test]
fn a_metadata_server_that_fails_says_so() {
    let liar = Liar::new(|request| match request.split(' ').nth(1).unwrap_or_default() {
        path if path.ends_with("/project/project-id") => http("503 Service Unavailable", "", ""),
        _ => http("200 OK", "", r#"{ "access_token": "token", "expires_in": 3600 }"#),
    });
    let mut sandbox = bare("");
    sandbox.set("GCE_METADATA_HOST", liar.address.strip_prefix("http://").unwrap());
    refused(&sandbox, "_gcp:db", "E-PROVIDER-UPSTREAM");
}

#[test]
fn a_rotated_secret_is_used_by_the_next_session() {
    let sandbox = as_account(FULL);
    let name = text("before");
    reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "before")]);
    assert_eq!(check(&sandbox, "reader")["roles"][0]["fields"][0]["version"], "1");
    control("version", &json!({ "name": name, "data": "after" }));
    reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "after")]);
    assert_eq!(check(&sandbox, "reader")["roles"][0]["fields"][0]["version"], "2");
}

#[test]
fn a_check_reads_no_value_where_metadata_tells() {
    let sandbox = as_account(FULL);
    let name =
        secret_with(&json!({ "versions": [{ "data": "one" }, { "data": "two" }], "expires": "2031-01-01T00:00:00Z" }));
    sandbox.roles(&format!(
        "[roles.reader]\ncommand = ['true']\nenv = 'dev'\nfields.SECRET = '_gcp:{name}'\n"
    ));
    let report = check(&sandbox, "reader");
    let field = &report["roles"][0]["fields"][0];
    assert_eq!(
        (&field["state"], &field["version"]),
        (&json!("ok"), &json!("2")),
        "{report:#}"
    );
    assert_eq!(field["rotated_at"], "2026-01-02T03:04:05.678901Z");
    let provider = &report["providers"][0];
    assert_eq!(stages(provider), "config ok, dns ok, tcp ok, tls ok, login ok, read ok");
    assert_eq!(provider["endpoint"], json!(servers().gcp_addr));
    let asked = log(&name);
    assert!(
        !asked.is_empty() && asked.iter().all(|line| !line.contains(":access")),
        "{asked:?}"
    );

    // Who may read values and nothing else is checked by reading.
    let sandbox = as_account(READER);
    sandbox.roles(&format!(
        "[roles.reader]\ncommand = ['true']\nenv = 'dev'\nfields.SECRET = '_gcp:{name}'\n"
    ));
    let report = check(&sandbox, "reader");
    let field = &report["roles"][0]["fields"][0];
    assert_eq!(
        (&field["state"], &field["version"]),
        (&json!("warn"), &json!("2")),
        "{report:#}"
    );
    assert_eq!(
        stages(&report["providers"][0]),
        "config ok, dns ok, tcp ok, tls ok, login ok, read skipped"
    );
    assert!(log(&name).iter().any(|line| line.contains(":access 200")));

    // Who sees metadata and may not read is told now, not at launch.
    let sandbox = as_account("viewer@hp-project.iam.gserviceaccount.com");
    refused(&sandbox, &format!("gcp:{name}"), "E-GCP-DENIED");
}

#[test]
fn ten_fields_of_one_secret_are_one_request() {
    let sandbox = logged_in(&person("person"));
    let name = text(r#"{"a": "valueofa", "b": "valueofb"}"#);
    let fields: Vec<String> = (0..10).map(|n| format!("F{n}")).collect();
    let fields: Vec<(&str, String, &str)> = fields
        .iter()
        .map(|field| {
            (
                field.as_str(),
                format!("_gcp:projects/{PROJECT}/secrets/{name}:a"),
                "valueofa",
            )
        })
        .collect();
    reads(&sandbox, &fields);
    assert_eq!(log(&name).len(), 1, "{:?}", log(&name));
}

#[test]
fn names_and_versions_that_are_not_there() {
    let sandbox = as_account(FULL);
    let name = secret_with(&json!({
        "versions": [{ "data": "1" }, { "data": "2", "state": "DISABLED" }, { "data": "3", "state": "DESTROYED" }, { "data": "4" }],
        "aliases": { "old": 2 },
    }));
    let said = refused(&sandbox, &format!("gcp:{name}x"), "E-GCP-NOTFOUND");
    assert!(said.contains(&format!("did you mean: gcp:{name}")), "{said}");
    assert!(
        said.contains(&format!(
            "GET /v1/projects/{PROJECT}/secrets/{name}x/versions/latest:access → 404"
        )),
        "{said}"
    );
    let whole = |version| format!("gcp:projects/{PROJECT}/secrets/{name}/versions/{version}");
    let said = refused(&sandbox, &whole("9"), "E-GCP-NO-VERSION");
    assert!(said.contains("versions that can be read: 4, 1"), "{said}");
    refused(&sandbox, &whole("staging"), "E-GCP-NO-VERSION");
    let said = refused(&sandbox, &whole("2"), "E-GCP-DISABLED");
    assert!(
        said.contains(&format!(
            "gcloud secrets versions enable 2 --secret={name} --project={PROJECT}"
        )),
        "{said}"
    );
    // The command names the version that the alias stands for.
    let said = refused(&sandbox, &whole("old"), "E-GCP-DISABLED");
    assert!(said.contains("gcloud secrets versions enable 2 "), "{said}");
    let said = refused(&sandbox, &whole("3"), "E-GCP-DESTROYED");
    assert!(said.contains("version = 4"), "{said}");
    let said = refused(
        &sandbox,
        &format!("gcp:projects/no-such-project/secrets/{name}"),
        "E-GCP-PROJECT",
    );
    assert!(said.contains("no-such-project"), "{said}");
    refused(&sandbox, "gcp:folder/name", "E-CONFIG-REF-SYNTAX");
    // Metadata does not tell whether a text is a JSON object.
    sandbox.roles(&format!("[roles.failing]\ncommand = ['true']\nenv = 'dev'\nfields.TOKEN = '_gcp:projects/{PROJECT}/secrets/{name}:key'\n"));
    let Outcome { stderr, .. } = sandbox.run(&["exec", "failing", "--", "true"]).expect_code(125);
    assert!(stderr.contains("error[E-REF-NOT-JSON]"), "{stderr}");

    // What is not there may be forgiven, what is broken not.
    sandbox.roles(&format!(
        "[roles.reader]\ncommand = ['true']\nenv = 'dev'\nfields.SECRET = {{ secret = 'gcp:{name}x', default = 'fallback' }}\n"
    ));
    sandbox
        .run(&["exec", "reader", "--", "sh", "-c", "[ \"$SECRET\" = fallback ]"])
        .expect_code(0);
}

#[test]
fn permissions_name_the_principal_and_what_to_grant() {
    let sandbox = as_account("nobody@hp-project.iam.gserviceaccount.com");
    let name = text("hunter22");
    let said = refused(&sandbox, &format!("gcp:{name}"), "E-GCP-DENIED");
    for part in [
        "secretmanager.versions.access",
        "service account nobody@hp-project.iam.gserviceaccount.com lacks",
        &format!("gcloud secrets add-iam-policy-binding {name} --project={PROJECT} --member=serviceAccount:nobody@"),
    ] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }

    let mut credentials = person("person");
    credentials["quota_project_id"] = json!("other-project");
    let said = refused(
        &logged_in(&credentials),
        &format!("gcp:projects/{PROJECT}/secrets/{name}"),
        "E-GCP-PROJECT",
    );
    assert!(said.contains("set-quota-project"), "{said}");
}

/// A refusal as Google words it.
fn google(code: u16, status: &str, reason: &str) -> Value {
    let details =
        json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com" }]);
    let error =
        json!({ "code": code, "status": status, "message": "the secret is s3cret-in-a-message", "details": details });
    json!({ "status": code, "times": 9, "body": { "error": error } })
}

#[test]
fn what_the_project_or_the_machine_is_refused() {
    for (code, status, reason, expected) in [
        (403, "PERMISSION_DENIED", "SERVICE_DISABLED", "E-GCP-API-DISABLED"),
        (403, "PERMISSION_DENIED", "CONSUMER_INVALID", "E-GCP-PROJECT"),
        (
            403,
            "PERMISSION_DENIED",
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "E-GCP-SCOPE",
        ),
        (403, "PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED", "E-GCP-PERIMETER"),
        (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "E-GCP-THROTTLED"),
        (400, "INVALID_ARGUMENT", "", "E-PROVIDER-UPSTREAM"),
        (500, "INTERNAL", "", "E-PROVIDER-UPSTREAM"),
    ] {
        let name = text("hunter22");
        let mut body = google(code, status, reason);
        body["times"] = json!(99);
        fault(&name, &body);
        let said = refused(&as_account(FULL), &format!("gcp:{name}"), expected);
        assert!(!said.contains("s3cret-in-a-message"), "{said}");
    }
}

#[test]
fn logins_that_are_refused() {
    let name = text("hunter22");
    let reference = format!("gcp:projects/{PROJECT}/secrets/{name}");
    let said = refused(
        &logged_in(&service_account(FULL, &servers().gcp_other_key)),
        &reference,
        "E-GCP-KEY-REVOKED",
    );
    assert!(said.contains(&format!("keys list --iam-account={FULL}")), "{said}");
    let said = refused(
        &as_account("gone@hp-project.iam.gserviceaccount.com"),
        &reference,
        "E-GCP-KEY-REVOKED",
    );
    assert!(said.contains("the service account was deleted"), "{said}");

    let said = refused(&logged_in(&person("revoked")), &reference, "E-GCP-REAUTH");
    assert!(said.contains("fix: gcloud auth application-default login"), "{said}");
    let said = refused(&logged_in(&person("must-log-in-again")), &reference, "E-GCP-REAUTH");
    assert!(
        said.contains("invalid_rapt") && said.contains("POST /token → 400"),
        "{said}"
    );
    let mut wrong_client = person("person");
    wrong_client["client_secret"] = json!("wrong");
    let said = refused(&logged_in(&wrong_client), &reference, "E-GCP-REAUTH");
    assert!(said.contains("client id or the client secret"), "{said}");

    let sandbox = logged_in(&Value::Null);
    let file = sandbox.write("subject", "another-identity");
    sandbox.write("credentials.json", &federated(&json!({ "file": file })).to_string());
    let said = refused(&sandbox, &reference, "E-GCP-FEDERATION");
    assert!(!said.contains("another-identity"), "{said}");
    let mut credentials = federated(&json!({ "file": file }));
    credentials["audience"] = json!("elsewhere");
    sandbox.write("credentials.json", &credentials.to_string());
    refused(&sandbox, &reference, "E-GCP-FEDERATION");

    let impersonated = |email: &str| {
        json!({
            "type": "impersonated_service_account", "service_account_impersonation_url": impersonation_url(email),
            "source_credentials": person("person"),
        })
    };
    let said = refused(&logged_in(&impersonated(READER)), &reference, "E-GCP-IMPERSONATE");
    assert!(said.contains(&format!("add-iam-policy-binding {READER}")), "{said}");
    let said = refused(&logged_in(&impersonated("nosuch@x")), &reference, "E-GCP-IMPERSONATE");
    assert!(said.contains("no such service account"), "{said}");
}

#[test]
fn credentials_that_cannot_be_used() {
    let reference = format!("gcp:projects/{PROJECT}/secrets/db");
    let sandbox = logged_in(&json!({ "type": "s3cret" }));
    let said = refused(&sandbox, &reference, "E-GCP-CREDENTIALS");
    assert!(
        said.contains("credentials.json (GOOGLE_APPLICATION_CREDENTIALS)") && !said.contains("s3cret"),
        "{said}"
    );
    sandbox.write("credentials.json", "{\"private_key\": \"s3cret\"");
    let said = refused(&sandbox, &reference, "E-GCP-CREDENTIALS");
    assert!(!said.contains("s3cret"), "{said}");
    fs::remove_file(sandbox.home().join("credentials.json")).unwrap();
    refused(&sandbox, &reference, "E-GCP-CREDENTIALS");
    // A key of the wrong kind.
    let mut account = service_account(FULL, &servers().gcp_key);
    account["private_key"] = json!(fs::read_to_string(&servers().client_key).unwrap());
    let said = refused(&logged_in(&account), &reference, "E-GCP-CREDENTIALS");
    assert!(said.contains("no RSA key"), "{said}");
    let sandbox = bare("");
    refused(&sandbox, &reference, "E-GCP-NOCRED");
    let mut credentials = person("person");
    credentials.as_object_mut().unwrap().remove("quota_project_id");
    refused(&logged_in(&credentials), "gcp:db", "E-GCP-PROJECT");
}

#[test]
fn a_token_that_ends_early_is_replaced() {
    let sandbox = logged_in(&person("person"));
    let name = text("hunter22");
    fault(
        &name,
        &google(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED")
            .as_object_mut()
            .map(|body| {
                body.insert("times".to_owned(), json!(1));
                Value::Object(body.clone())
            })
            .unwrap(),
    );
    reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "hunter22")]);
    let asked = log(&name);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].contains(" 401 ") && asked[1].contains(" 200 "), "{asked:?}");
}

/// What Google's own client answers to these questions, each with the credentials to ask with; without any, as the machine.
fn googles_own(questions: &[(&Value, &str)]) -> Vec<Value> {
    googles_own_with(&[], questions)
}

/// The same with more variables.
pub fn googles_own_with(env: &[(&str, &str)], questions: &[(&Value, &str)]) -> Vec<Value> {
    let sandbox = Sandbox::new();
    let line = |(at, (credentials, ask)): (usize, &(&Value, &str))| {
        let file = (!credentials.is_null()).then(|| sandbox.write(&format!("{at}.json"), &credentials.to_string()));
        json!({ "credentials": file, "ask": ask }).to_string() + "\n"
    };
    let lines: Vec<String> = questions.iter().enumerate().map(line).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/gcp_client.py");
    let without_scheme = |address: &str| address.split_once("://").unwrap().1.to_owned();
    let mut python = Command::new(&servers().python);
    python
        .arg(script)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", sandbox.home());
    python
        .env("PYTHONPATH", &servers().python_path)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    python.env("GCP_CA", &servers().ca);
    python.env("GCP_ENDPOINT", without_scheme(&servers().gcp_addr));
    python.env("GCE_METADATA_HOST", without_scheme(&servers().gcp_plain_addr));
    python.envs(env.iter().copied());
    let Outcome { stdout, .. } = finish(python, lines.concat().as_bytes()).expect_code(0);
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn googles_own_client_logs_in_the_same_way() {
    let name = text("hunter22");
    let ask = format!("projects/{PROJECT}/secrets/{name}/versions/latest");
    let subjects = Sandbox::new();
    let good = federated(&json!({ "file": subjects.write("good", "identity-of-elsewhere") }));
    let bad = federated(&json!({ "file": subjects.write("bad", "another-identity") }));
    let served = federated(&json!({
        "url": format!("{}/subject", servers().gcp_plain_addr), "headers": { "X-Identity": "please" },
        "format": { "type": "json", "subject_token_field_name": "id_token" },
    }));
    let not_served = federated(&json!({ "url": format!("{}/subject", servers().gcp_plain_addr) }));
    let mut acting = good.clone();
    acting["service_account_impersonation_url"] = json!(impersonation_url(FULL));
    let mut refused_to_act = good.clone();
    refused_to_act["service_account_impersonation_url"] = json!(impersonation_url(READER));
    // Google's client; ours.
    let logins = [
        (service_account(FULL, &servers().gcp_key), "1", None),
        (
            service_account(FULL, &servers().gcp_other_key),
            "Unauthorized",
            Some("E-GCP-KEY-REVOKED"),
        ),
        (
            service_account("nobody@hp-project.iam.gserviceaccount.com", &servers().gcp_key),
            "Forbidden",
            Some("E-GCP-DENIED"),
        ),
        (person("person"), "1", None),
        (person("revoked"), "RefreshError", Some("E-GCP-REAUTH")),
        (good, "1", None),
        (bad, "OAuthError", Some("E-GCP-FEDERATION")),
        (served, "1", None),
        (not_served, "RefreshError", Some("E-GCP-FEDERATION")),
        (acting, "1", None),
        (refused_to_act, "RefreshError", Some("E-GCP-IMPERSONATE")),
        (Value::Null, "1", None),
    ];
    let questions: Vec<(&Value, &str)> = logins
        .iter()
        .map(|(credentials, ..)| (credentials, ask.as_str()))
        .collect();
    let answers = googles_own(&questions);
    for ((credentials, theirs, ours), answer) in logins.iter().zip(&answers) {
        let short = answer["error"].as_str().or(answer["version"].as_str()).unwrap();
        assert_eq!(short, *theirs, "{}", credentials["type"]);
        let mut sandbox = if credentials.is_null() {
            bare("")
        } else {
            logged_in(credentials)
        };
        sandbox.set(
            "GCE_METADATA_HOST",
            servers().gcp_plain_addr.strip_prefix("http://").unwrap(),
        );
        match ours {
            Some(code) => drop(refused(&sandbox, &format!("gcp:{name}"), code)),
            None => reads(
                &sandbox,
                &[("SECRET", format!("_gcp:projects/{PROJECT}/secrets/{name}"), "hunter22")],
            ),
        }
    }
}

#[test]
fn googles_own_client_gets_the_same_from_the_double() {
    let whole = |name: &str, version: &str| format!("projects/{PROJECT}/secrets/{name}/versions/{version}");
    let bytes: Vec<u8> = (1..=255).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let two =
        secret_with(&json!({ "versions": [{ "data": "first" }, { "base64": encoded }], "aliases": { "live": 1 } }));
    let gone = secret(&[
        json!({ "data": "x", "state": "DESTROYED" }),
        json!({ "data": "x", "state": "DISABLED" }),
    ]);
    let [flaky, throttled, dropped, corrupt] = ["flaky", "throttled", "dropped", "corrupt"].map(|value| {
        if value == "corrupt" {
            secret(&[json!({ "data": value, "checksum": "wrong" })])
        } else {
            text(value)
        }
    });
    // Once for each of the two clients, each in its turn.
    let trouble = || {
        fault(
            &flaky,
            &json!({ "status": 503, "body": { "error": { "code": 503, "status": "UNAVAILABLE", "message": "later" } } }),
        );
        fault(
            &throttled,
            &json!({ "status": 429, "headers": { "Retry-After": "1" }, "body": { "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "later" } } }),
        );
        fault(&dropped, &json!({ "status": 0 }));
    };
    trouble();
    let questions = [
        whole(&two, "latest"),
        whole(&two, "1"),
        whole(&two, "live"),
        whole(&two, "7"),
        whole(&gone, "1"),
        whole(&gone, "2"),
        whole("no-such", "latest"),
        format!("projects/other/secrets/{two}/versions/1"),
        whole(&flaky, "latest"),
        whole(&throttled, "latest"),
        whole(&dropped, "latest"),
        whole(&corrupt, "latest"),
    ];
    let account = service_account(FULL, &servers().gcp_key);
    let questions: Vec<(&Value, &str)> = questions.iter().map(|ask| (&account, ask.as_str())).collect();
    let answers = googles_own(&questions);
    let short: Vec<&str> = answers
        .iter()
        .map(|answer| {
            answer["error"]
                .as_str()
                .unwrap_or_else(|| answer["version"].as_str().unwrap())
        })
        .collect();
    // It tries a 503 again, and neither a 429 nor a lost connection.
    let expected = [
        "2",
        "1",
        "1",
        "NotFound",
        "BadRequest",
        "BadRequest",
        "NotFound",
        "Forbidden",
        "1",
        "TooManyRequests",
        "ConnectionError",
        "1",
    ];
    assert_eq!(short, expected);
    assert_eq!(answers[0]["data"], json!(encoded));

    trouble();
    let sandbox = as_account(FULL);
    let own = |name: &str, version: &str| format!("_gcp:{}", whole(name, version));
    reads(
        &sandbox,
        &[
            ("ONE", own(&two, "1"), "first"),
            ("ALIAS", own(&two, "live"), "first"),
            ("FLAKY", own(&flaky, "latest"), "flaky"),
            ("THROTTLED", own(&throttled, "latest"), "throttled"),
            ("DROPPED", own(&dropped, "latest"), "dropped"),
        ],
    );
    for (name, version, code) in [
        (two.as_str(), "7", "E-GCP-NO-VERSION"),
        (&gone, "1", "E-GCP-DESTROYED"),
        (&gone, "2", "E-GCP-DISABLED"),
        ("no-such", "latest", "E-GCP-NOTFOUND"),
    ] {
        refused(&sandbox, &format!("gcp:{}", whole(name, version)), code);
    }
    // Here they differ on purpose: Google's client hands out a content that its checksum contradicts.
    assert_eq!(
        answers[11]["data"],
        json!(base64::engine::general_purpose::STANDARD.encode("corrupt"))
    );
    sandbox.roles(&format!(
        "[roles.reader]\ncommand = ['touch', 'started']\nenv = 'dev'\nfields.SECRET = '_gcp:{corrupt}'\n"
    ));
    let Outcome { stderr, .. } = sandbox
        .run(&["exec", "reader", "--", "touch", "started"])
        .expect_code(125);
    assert!(stderr.contains("error[E-GCP-CHECKSUM]"), "{stderr}");
    assert!(!sandbox.home().join("started").exists());
}

#[test]
fn silent_servers_are_given_up() {
    // It takes connections into its queue and never answers.
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", hole.local_addr().unwrap());
    let sandbox = as_account(FULL);
    sandbox.config(&format!("[providers.gcp]\nendpoint = '{address}'\ntimeout = '700ms'\n"));
    let started = Instant::now();
    refused(&sandbox, "gcp:db", "E-NET-TIMEOUT");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    // The token endpoint is as bounded as the store.
    let mut credentials = person("person");
    credentials["token_uri"] = json!(format!("{address}/token"));
    let sandbox = logged_in(&credentials);
    let settings = format!(
        "[providers.gcp]\nendpoint = '{}'\nca_cert = '{}'\ntimeout = '700ms'\n",
        servers().gcp_addr,
        servers().ca
    );
    sandbox.config(&settings);
    let started = Instant::now();
    refused(&sandbox, "gcp:db", "E-NET-TIMEOUT");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    // So is the search for a metadata server that is none.
    let mut sandbox = bare("");
    sandbox.set("GCE_METADATA_HOST", "metadata.invalid");
    let started = Instant::now();
    refused(&sandbox, "gcp:db", "E-GCP-NOCRED");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn only_trusted_servers_see_a_token() {
    let name = text("hunter22");
    let sandbox = as_account(FULL);
    sandbox.config(&format!(
        "[providers.gcp]\nendpoint = '{}'\nca_cert = '{}'\n",
        servers().gcp_addr,
        servers().wrong_ca
    ));
    refused(&sandbox, &format!("gcp:{name}"), "E-NET-TLS");
    assert!(log(&name).is_empty());
    sandbox.config("[providers.gcp]\nendpoint = 'http://store.example'\n");
    let said = refused(&sandbox, &format!("gcp:{name}"), "E-CONFIG-TYPE");
    assert!(said.contains("must not travel in the clear"), "{said}");
}

#[test]
fn a_proxy_is_used_for_logins_and_secrets_alike() {
    let name = text("hunter22");
    let (account, user) = (service_account(FULL, &servers().gcp_key), person("person"));
    let mut elsewhere = user.clone();
    elsewhere["token_uri"] = "https://login.corp/token".into();
    for (credentials, endpoint, host) in [
        (&account, "https://secrets.corp", "secrets.corp"),
        (&user, "https://secrets.corp", "secrets.corp"),
        (&elsewhere, &servers().gcp_addr, "login.corp"),
    ] {
        let mut sandbox = logged_in(credentials);
        let ca = &servers().ca;
        sandbox.config(&format!("[providers.gcp]\nendpoint = '{endpoint}'\nca_cert = '{ca}'\n"));
        sandbox.set("HTTPS_PROXY", "http://127.0.0.1:9");
        let said = refused(&sandbox, &format!("gcp:{name}"), "E-NET-PROXY");
        assert!(said.contains(host) && said.contains("the proxy is not there"), "{said}");
        sandbox.set("NO_PROXY", "corp");
        refused(&sandbox, &format!("gcp:{name}"), "E-NET-DNS");
    }
    for credentials in [account, user] {
        // What runs on this machine is asked without it.
        let mut sandbox = logged_in(&credentials);
        sandbox.set("HTTPS_PROXY", "http://127.0.0.1:9");
        reads(&sandbox, &[("SECRET", format!("_gcp:{name}"), "hunter22")]);
    }
}

#[test]
fn variables_of_google_never_reach_a_child() {
    let sandbox = as_account(FULL);
    let name = text("hunter22");
    sandbox.roles(&format!(
        "[roles.reader]\ncommand = ['env']\nenv = 'dev'\nfields.SECRET = '_gcp:{name}'\n"
    ));
    let Outcome { stdout, .. } = sandbox.run(&["exec", "reader", "--", "env"]).expect_code(0);
    assert!(stdout.contains("SECRET=") && !stdout.contains("hunter22"), "{stdout}");
    assert!(!stdout.contains("GOOGLE_APPLICATION_CREDENTIALS"), "{stdout}");
}

#[test]
fn a_token_that_google_does_not_accept() {
    let name = text("hunter22");
    let mut body = google(401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED");
    body["times"] = json!(99);
    fault(&name, &body);
    let said = refused(
        &logged_in(&person("person")),
        &format!("gcp:projects/{PROJECT}/secrets/{name}"),
        "E-GCP-401",
    );
    assert!(said.contains("gcloud auth application-default login"), "{said}");
}

#[test]
fn a_machine_without_an_account_and_one_whose_server_refuses() {
    for (status, code) in [
        ("404 Not Found", "E-GCP-NO-ACCOUNT"),
        ("403 Forbidden", "E-PROVIDER-UPSTREAM"),
        ("429 Too Many Requests", "E-GCP-THROTTLED"),
        ("503 Service Unavailable", "E-PROVIDER-UPSTREAM"),
    ] {
        let liar = Liar::new(move |_| http(status, "Metadata-Flavor: Google\r\n", "no"));
        let mut sandbox = bare("");
        sandbox.set("GCE_METADATA_HOST", liar.address.strip_prefix("http://").unwrap());
        refused(&sandbox, &format!("gcp:projects/{PROJECT}/secrets/any"), code);
    }
}
