//! What can go wrong between hallpass, Entra ID and Key Vault, each on the double or a socket that misbehaves: its own code, cause and
//! fix, exit 125, and nothing started.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::azure::{App, TENANT, checked, configure, control, guid, name, put, role, secret, vault_sandbox};
use crate::canary::Canary;
use crate::sandbox::Sandbox;
use crate::servers::servers;

/// The role must be refused with this code by `exec` and `check`, and nothing may have been started; gives what was said.
#[track_caller]
fn refused(sandbox: &Sandbox, code: &str) -> String {
    let outcome = sandbox.run(&["exec", "it", "--", "touch", "started"]).expect_code(125);
    let stderr = outcome.stderr;
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    // What is wrong with a line of the configuration is said in the sentence itself.
    let has_cause = stderr.contains("cause") || code.starts_with("E-CONFIG-");
    assert!(has_cause && stderr.contains("fix: "), "no cause or no fix:\n{stderr}");
    assert!(
        stderr.contains("TOKEN") && stderr.contains(".toml:"),
        "which field, where:\n{stderr}"
    );
    assert_eq!(outcome.stdout, "");
    assert!(!sandbox.home().join("started").exists(), "started although {code}");
    let report = checked(sandbox, 1);
    assert!(
        report.to_string().contains(&format!("\"{code}\"")),
        "check: not {code}: {report:#}"
    );
    stderr
}

/// A role with one field of this secret.
fn reads(sandbox: &Sandbox, name: &str) {
    role(sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
}

/// A sandbox of this application that reads a secret of the test's own; with the secret's name.
fn reading(app: &App) -> (Sandbox, String) {
    let (sandbox, name) = (app.sandbox(), secret("value"));
    reads(&sandbox, &name);
    (sandbox, name)
}

#[test]
fn an_address_of_the_wrong_shape() {
    let (mut sandbox, _) = reading(&App::new());
    for (address, why) in [
        ("http://company.vault.azure.net", "https://"),
        ("company", "a vault's name and not its address"),
        ("https://user:pass-word@company.vault.azure.net", "a user or a password"),
        ("https://company.vault.azure.net/secrets/db", "of one secret"),
        ("https://company.vault.azure.net/x", "a path"),
        ("vault", "https://"),
    ] {
        sandbox.set("AZURE_VAULT_URL", address);
        let said = refused(&sandbox, "E-AZURE-URL");
        assert!(said.contains(why) && !said.contains("pass-word"), "{address}: {said}");
    }
    sandbox.unset("AZURE_VAULT_URL");
    refused(&sandbox, "E-AZURE-NO-URL");
    sandbox.set("AZURE_VAULT_URL", "https://company.vault.azure.cn");
    configure(&sandbox, "cloud = 'usgov'");
    let said = refused(&sandbox, "E-AZURE-URL");
    assert!(said.contains("cloud = \"china\""), "{said}");
}

#[test]
fn a_client_secret_that_is_wrong_or_has_expired() {
    let (mut sandbox, _) = reading(&App::new());
    sandbox.set("AZURE_CLIENT_SECRET", "not-the-secret");
    let said = refused(&sandbox, "E-AZURE-SECRET");
    assert!(!said.contains("not-the-secret"), "{said}");
    let (sandbox, _) = reading(&App::with(&json!({ "secret_expired": true })));
    refused(&sandbox, "E-AZURE-SECRET-EXPIRED");
}

#[test]
fn an_application_or_a_tenant_that_nobody_knows() {
    let (mut sandbox, _) = reading(&App::new());
    sandbox.set("AZURE_CLIENT_ID", &guid());
    refused(&sandbox, "E-AZURE-APP");
    sandbox.set("AZURE_TENANT_ID", "22222222-2222-4222-8222-222222222222");
    refused(&sandbox, "E-AZURE-TENANT");
    sandbox.set("AZURE_TENANT_ID", "no tenant/at all");
    refused(&sandbox, "E-CONFIG-TYPE");
    sandbox.unset("AZURE_TENANT_ID");
    refused(&sandbox, "E-AZURE-NO-LOGIN");
}

#[test]
fn a_vault_of_another_tenant() {
    let other = "33333333-3333-4333-8333-333333333333";
    let (sandbox, _) = reading(&App::with(&json!({ "tenant": other })));
    let said = refused(&sandbox, "E-AZURE-WRONG-TENANT");
    assert!(said.contains(TENANT) && said.contains(other), "{said}");
}

#[test]
fn a_refusal_by_a_number_of_its_own() {
    let tenant = guid();
    let (sandbox, _) = reading(&App::with(&json!({ "tenant": tenant })));
    let words = "a policy's own words";
    let body = json!({ "error": "invalid_grant", "error_description": format!("AADSTS53003: {words}"), "error_codes": [53003] });
    control(
        "fault",
        &json!({ "match": format!("/{tenant}/"), "status": 400, "body": body, "times": 99 }),
    );
    let said = refused(&sandbox, "E-AZURE-LOGIN");
    assert!(said.contains("AADSTS53003") && !said.contains(words), "{said}");
}

#[test]
fn certificates_that_do_not_log_in() {
    // Of an app that does not have it; then files that are none.
    let (mut sandbox, _) = reading(&App::new());
    sandbox.unset("AZURE_CLIENT_SECRET");
    sandbox.set("AZURE_CLIENT_CERTIFICATE_PATH", &servers().azure_cert);
    refused(&sandbox, "E-AZURE-ASSERTION");
    for (file, text) in [
        ("no-key.pem", std::fs::read_to_string(&servers().ca).unwrap()),
        ("text.pem", "hello".to_owned()),
    ] {
        let path = sandbox.write(file, &text);
        sandbox.set("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap());
        refused(&sandbox, "E-AZURE-CERTIFICATE");
    }
    // An elliptic key is none that Entra ID takes.
    let both = ["client_cert", "client_key"].map(|name| match name {
        "client_cert" => std::fs::read_to_string(&servers().client_cert).unwrap(),
        _ => std::fs::read_to_string(&servers().client_key).unwrap(),
    });
    let path = sandbox.write("elliptic.pem", &both.concat());
    sandbox.set("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap());
    assert!(refused(&sandbox, "E-AZURE-CERTIFICATE").contains("RSA"));
    sandbox.set("AZURE_CLIENT_CERTIFICATE_PATH", "/nonexistent/app.pem");
    refused(&sandbox, "E-AZURE-CERTIFICATE");
}

#[test]
fn assertions_that_are_not_trusted() {
    let (mut sandbox, _) = reading(&App::new());
    sandbox.unset("AZURE_CLIENT_SECRET");
    sandbox.set("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token");
    refused(&sandbox, "E-AZURE-TOKEN-FILE");
    let part = |value: Value| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let now = jiff::Timestamp::now().as_second();
    let token = |end: i64| {
        let claims = json!({ "iss": "https://stranger.example", "sub": "x", "aud": "api://AzureADTokenExchange", "nbf": now - 600, "exp": end });
        format!("{}.{}.AAAA", part(json!({ "alg": "RS256" })), part(claims))
    };
    for (text, code) in [
        (token(now + 600), "E-AZURE-FEDERATION"),
        (token(now - 60), "E-AZURE-ASSERTION-TIME"),
        ("not-a-token".to_owned(), "E-AZURE-ASSERTION"),
    ] {
        let file = sandbox.write("token", &text);
        sandbox.set("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
        let said = refused(&sandbox, code);
        assert!(!said.contains(&text), "{said}");
    }
}

#[test]
fn machines_and_persons_without_a_login() {
    let name = secret("value");
    // Nothing is set up, no machine answers, and there is no az.
    let sandbox = vault_sandbox("");
    reads(&sandbox, &name);
    let said = refused(&sandbox, "E-AZURE-NO-LOGIN");
    assert!(
        said.contains("no metadata service") && said.contains("az (Azure CLI)"),
        "{said}"
    );

    let mut machine = vault_sandbox("credential = 'managed'");
    reads(&machine, &name);
    refused(&machine, "E-AZURE-METADATA");
    machine.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &servers().azure_clear);
    machine.set("AZURE_CLIENT_ID", &guid());
    refused(&machine, "E-AZURE-IDENTITY");
    // Azure Arc names the file of its key: one outside the agent's folder is not read.
    machine.set("IDENTITY_ENDPOINT", &format!("{}/arc/token", servers().azure_clear));
    machine.set("IMDS_ENDPOINT", &servers().azure_clear);
    assert!(refused(&machine, "E-AZURE-IDENTITY").contains("outside the agent's own folder"));

    let person = vault_sandbox("credential = 'cli'");
    reads(&person, &name);
    refused(&person, "E-AZURE-CLI-MISSING");
    person.program(
        "az",
        "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n",
    );
    refused(&person, "E-AZURE-CLI-LOGIN");
    person.program("az", "#!/bin/sh\necho 'Traceback: s3cret-of-az' >&2\nexit 1\n");
    assert!(!refused(&person, "E-AZURE-CLI").contains("s3cret-of-az"));
    person.program("az", "#!/bin/sh\necho '{\"accessToken\": \"s3cret-of-az\"}'\n");
    assert!(!refused(&person, "E-AZURE-CLI").contains("s3cret-of-az"));
    // One that hangs is ended, and what it started with it.
    configure(&person, "credential = 'cli'\ntimeout = '4s'");
    let pid = person.home().join("az-pid");
    person.program(
        "az",
        &format!("#!/bin/sh\nsleep 60 &\necho $! >'{}'\nwait\n", pid.display()),
    );
    refused(&person, "E-NET-TIMEOUT");
    let left = std::fs::read_to_string(pid).unwrap();
    crate::sandbox::eventually("what az started ends too", || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
        !cfg!(target_os = "linux") || state.is_empty() || state.contains(") Z ")
    });
}

#[test]
fn secrets_that_cannot_be_read() {
    let (sandbox, there) = reading(&App::new());
    reads(&sandbox, &format!("{there}x"));
    let said = refused(&sandbox, "E-AZURE-NOTFOUND");
    assert!(said.contains(&format!("did you mean: azure:{there}")), "{said}");
    reads(&sandbox, &there.replace('-', "_"));
    refused(&sandbox, "E-CONFIG-REF-SYNTAX");

    let pin = |version: &str| {
        role(
            &sandbox,
            &[(
                "TOKEN",
                format!("{{ secret = 'azure:{there}', version = '{version}' }}"),
            )],
        );
    };
    pin("0123456789abcdef0123456789abcdef");
    refused(&sandbox, "E-AZURE-NO-VERSION");
    pin("7");
    refused(&sandbox, "E-CONFIG-REF-SYNTAX");

    // The newest version is disabled, and an older one is not.
    let old = put(&there, "older");
    put(&there, "newest");
    control("attributes", &json!({ "name": there, "enabled": false }));
    reads(&sandbox, &there);
    refused(&sandbox, "E-AZURE-DISABLED");
    pin(&old);
    sandbox.run(&["exec", "it", "--", "true"]).expect_code(0);

    control("delete", &json!({ "name": there }));
    reads(&sandbox, &there);
    let said = refused(&sandbox, "E-AZURE-DELETED");
    assert!(said.contains("az keyvault secret recover"), "{said}");
    // What is not there may be forgiven, however little of it we may see.
    role(
        &sandbox,
        &[("TOKEN", format!("{{ secret = 'azure:{there}', optional = true }}"))],
    );
    sandbox.run(&["exec", "it", "--", "true"]).expect_code(0);
    let (blind, _) = reading(&App::with(&json!({ "rights": ["get"] })));
    reads(&blind, &there);
    refused(&blind, "E-AZURE-NOTFOUND");
}

#[test]
fn a_principal_without_the_right() {
    let app = App::with(&json!({ "rights": ["list"] }));
    let (sandbox, _) = reading(&app);
    let said = refused(&sandbox, "E-AZURE-DENIED");
    assert!(said.contains(&format!("app {}", app.client)), "{said}");
    assert!(
        said.contains("Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        "{said}"
    );
    let (sandbox, _) = reading(&App::with(&json!({ "rights": [], "policies": true })));
    let said = refused(&sandbox, "E-AZURE-DENIED");
    assert!(said.contains("az keyvault set-policy"), "{said}");
}

#[test]
fn a_firewall_before_the_vault() {
    let (sandbox, name) = reading(&App::new());
    let body = json!({ "error": { "code": "Forbidden", "message": "Client address is not authorized.", "innererror": { "code": "ForbiddenByFirewall" } } });
    control(
        "fault",
        &json!({ "match": format!("/secrets/{name}"), "status": 403, "body": body, "times": 99 }),
    );
    refused(&sandbox, "E-AZURE-FIREWALL");
}

/// A vault that wants a token for anything else gets none: nobody even logs in.
#[test]
fn a_token_for_another_resource_is_not_made() {
    let ask = |resource: &str| {
        format!("Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"{resource}\"")
    };
    for resource in [
        "https://management.azure.com",
        "https://graph.microsoft.com",
        "https://vault.azure.net.example.com",
    ] {
        let app = App::new();
        let (sandbox, name) = reading(&app);
        let fault = json!({ "match": format!("/secrets/{name}"), "status": 401, "headers": { "WWW-Authenticate": ask(resource) }, "times": 99 });
        control("fault", &fault);
        let stderr = sandbox
            .run(&["exec", "it", "--", "touch", "started"])
            .expect_code(125)
            .stderr;
        assert!(
            stderr.contains("error[E-AZURE-CHALLENGE]") && stderr.contains("none was sent"),
            "{resource}: {stderr}"
        );
        assert_eq!(app.logins(), 0, "{resource}");
    }
    // A host that is no vault's by its name is one only if the configuration says so.
    let app = App::new();
    let (sandbox, _) = reading(&app);
    sandbox.config(&format!("[providers.azure]\nca_cert = '{}'\n", servers().ca));
    let said = refused(&sandbox, "E-AZURE-CHALLENGE");
    assert!(said.contains("allow_custom_host = true"), "{said}");
    assert_eq!(app.logins(), 0);
}

/// The list of versions is in pages, and the server says where the next one is: the token goes to the same vault alone.
#[test]
fn the_token_goes_to_no_other_server() {
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    let elsewhere = format!("https://{}/secrets/x/versions", thief.local_addr().unwrap());
    let (sandbox, name) = reading(&App::new());
    let page = json!({ "value": [], "nextLink": elsewhere });
    control(
        "fault",
        &json!({ "match": format!("/secrets/{name}/versions"), "status": 200, "body": page }),
    );
    checked(&sandbox, 0);
    let moved = json!({ "match": format!("/secrets/{name}"), "status": 307, "headers": { "Location": elsewhere }, "times": 99 });
    control("fault", &moved);
    let stderr = sandbox.run(&["exec", "it", "--", "true"]).expect_code(125).stderr;
    assert!(stderr.contains("error[E-NET-REDIRECT]"), "{stderr}");
    assert!(thief.accept().is_err(), "somebody came");
}

#[test]
fn servers_that_cannot_be_reached() {
    let (mut sandbox, _) = reading(&App::new());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.set("AZURE_VAULT_URL", &format!("https://{closed}"));
    refused(&sandbox, "E-NET-REFUSED");
    sandbox.set("AZURE_VAULT_URL", "https://no-such-vault.invalid");
    let said = refused(&sandbox, "E-NET-DNS");
    assert!(said.contains("no vault is called no-such-vault"), "{said}");
    sandbox.set("AZURE_VAULT_URL", &servers().azure_url);
    sandbox.set("AZURE_AUTHORITY_HOST", "https://no-such-login.invalid");
    refused(&sandbox, "E-NET-DNS");
    sandbox.set("AZURE_AUTHORITY_HOST", "http://login.example");
    refused(&sandbox, "E-CONFIG-TYPE");
}

#[test]
fn a_ca_that_is_not_trusted() {
    let (sandbox, _) = reading(&App::new());
    sandbox.config("[providers.azure]\nallow_custom_host = true\n");
    refused(&sandbox, "E-NET-TLS");
    sandbox.config(&format!(
        "[providers.azure]\nallow_custom_host = true\nca_cert = '{}'\n",
        servers().wrong_ca
    ));
    refused(&sandbox, "E-NET-TLS");
}

/// Servers that accept and never say a word: the vault, the login, the machine.
#[test]
fn black_holes() {
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hole.local_addr().unwrap();
    let _held = std::thread::spawn(move || hole.incoming().collect::<Vec<_>>());
    let (mut sandbox, name) = reading(&App::new());
    let quick = |sandbox: &Sandbox, code: &str| {
        configure(sandbox, "timeout = '1s'");
        let started = Instant::now();
        refused(sandbox, code);
        // `exec` and `check`, each at most a time limit and a ladder; the machine may be busy.
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    };
    sandbox.set("AZURE_AUTHORITY_HOST", &format!("https://{address}"));
    quick(&sandbox, "E-NET-TIMEOUT");
    sandbox.set("AZURE_VAULT_URL", &format!("https://{address}"));
    quick(&sandbox, "E-NET-TIMEOUT");
    let mut machine = vault_sandbox("");
    reads(&machine, &name);
    machine.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &format!("http://{address}"));
    quick(&machine, "E-AZURE-NO-LOGIN");
}

/// Whatever a server says, nothing of its body is repeated: it may hold values.
#[test]
fn nothing_of_a_body_is_repeated() {
    let canary = Canary::new();
    let value = canary.value();
    let error = json!({ "error": { "code": value, "message": format!("appid={value} Action: '{value}'"), "innererror": { "code": value } } });
    let login = json!({ "error": value, "error_description": value, "error_codes": [1], "access_token": value });
    let page = json!({ "value": [{ "id": value }], "id": value, "attributes": value });
    let faults = [
        ("secrets", 500, error.to_string()),
        ("secrets", 403, error.to_string()),
        ("secrets", 404, error.to_string()),
        ("secrets", 400, error.to_string()),
        ("secrets", 418, value.to_owned()),
        ("secrets", 200, page.to_string()),
        (
            "secrets",
            200,
            format!("{{\"id\": \"x\", \"value\": \"{value}\" \"oops"),
        ),
        (
            "secrets",
            200,
            format!("{{\"id\": \"x\", \"value\": [\"{value}\"], \"attributes\": {{\"exp\": \"{value}\"}}}}"),
        ),
        ("login", 400, login.to_string()),
        ("login", 200, login.to_string()),
        ("login", 500, value.to_owned()),
        ("login", 200, value.to_owned()),
    ];
    for (place, status, body) in faults {
        let tenant = if place == "login" { guid() } else { TENANT.to_owned() };
        let (mut sandbox, name) = reading(&App::with(&json!({ "tenant": tenant })));
        // The first request of a vault has no token, and is answered by the challenge.
        let at = if place == "login" {
            format!("/{tenant}/")
        } else {
            format!("/secrets/{name}")
        };
        let challenge = format!("Bearer authorization=\"https://l/{tenant}\", resource=\"https://vault.azure.net\"");
        for _ in 0..2 {
            if place == "secrets" {
                control(
                    "fault",
                    &json!({ "match": at, "status": 401, "headers": { "WWW-Authenticate": challenge } }),
                );
            }
            control(
                "fault",
                &json!({ "match": at, "status": status, "body": body, "times": 9 }),
            );
        }
        sandbox.set("HALLPASS_LOG", "trace");
        sandbox.set("RUST_LOG", "trace");
        sandbox.set("RUST_BACKTRACE", "full");
        for args in [
            &["exec", "it", "--", "touch", "started"][..],
            &["check", "--json"],
            &["check"],
        ] {
            let outcome = sandbox.run(args);
            assert!(
                args[0] == "check" || outcome.code == 125,
                "{place} {status} {body}: {}",
                outcome.stderr
            );
            assert_eq!(
                canary.in_bytes("stderr", outcome.stderr.as_bytes()),
                [],
                "{place} {status}"
            );
            assert_eq!(
                canary.in_bytes("stdout", outcome.stdout.as_bytes()),
                [],
                "{place} {status}"
            );
        }
        assert_eq!(canary.in_files(sandbox.home()), []);
        assert!(!sandbox.home().join("started").exists());
    }
}

/// Two vaults, and the environment's login for one of them: the other has its own, or none.
#[test]
fn a_named_vault_has_a_login_of_its_own() {
    let app = App::new();
    let sandbox = app.sandbox();
    let secret_name = secret("value");
    let vault = |more: &str| {
        sandbox.config(&format!(
            "[providers.payments]\nkind = 'azure'\nurl = '{}'\nauthority_host = '{}'\nca_cert = '{}'\nallow_custom_host = true\n{more}\n",
            servers().azure_url, servers().azure_url, servers().ca
        ));
    };
    role(
        &sandbox,
        &[("TOKEN", format!("{{ secret = 'payments:{secret_name}' }}"))],
    );
    vault("");
    let said = refused(&sandbox, "E-AZURE-NO-LOGIN");
    assert!(said.contains("[providers.payments] has no client_secret"), "{said}");
    assert_eq!(app.logins(), 0);
    vault("credential = 'secret'");
    sandbox.run(&["exec", "it", "--", "true"]).expect_code(0);
    assert_eq!(app.logins(), 1);
}

#[test]
fn a_token_that_the_vault_does_not_accept() {
    let (sandbox, name) = reading(&App::new());
    let challenge = format!(
        "Bearer authorization=\"{}/{TENANT}\", resource=\"https://vault.azure.net\"",
        servers().azure_url
    );
    let fault = json!({
        "match": format!("/secrets/{name}"), "status": 401, "times": 99, "headers": { "WWW-Authenticate": challenge },
    });
    control("fault", &fault);
    refused(&sandbox, "E-AZURE-401");
}

#[test]
fn a_vault_that_keeps_to_the_times_of_a_secret() {
    let (sandbox, _) = reading(&App::new());
    for (time, at) in [("nbf", 4_000_000_000_i64), ("exp", 1_000_000_000)] {
        let name = name("timed");
        control(
            "secret",
            &json!({ "name": name, "value": "value", time: at, "enforced": true }),
        );
        reads(&sandbox, &name);
        let said = sandbox.run(&["exec", "it", "--", "true"]).expect_code(125).stderr;
        assert!(said.contains("error[E-AZURE-NOT-YET]"), "{said}");
        assert!(
            said.contains("az keyvault secret show") && said.contains("cause"),
            "{said}"
        );
        // Metadata only gives cause for a remark; who reads the value knows.
        let plain = sandbox.run(&["check", "it", "--json"]).expect_code(0).stdout;
        assert!(plain.contains("\"warn\""), "{plain}");
        let deep = sandbox.run(&["check", "it", "--deep", "--json"]).expect_code(1).stdout;
        assert!(deep.contains("E-AZURE-NOT-YET"), "{deep}");
    }
}
