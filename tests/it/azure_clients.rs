//! Azure Key Vault, beside Microsoft's own client: the same questions to the same double by each login that both have, in the same
//! environment; refused logins and faults included.

use serde_json::{Value, json};

use crate::azure::{
    App, TENANT, az, certificate, checked, control, federated, guid, put, role, runs, secret, trusts, vault_sandbox,
};
use crate::sandbox::{HALLPASS, Sandbox};
use crate::servers::servers;

/// A login that both clients have.
struct Both {
    name: &'static str,
    /// For Microsoft's client.
    login: Value,
    /// For both.
    sandbox: Sandbox,
    /// On a machine of Azure Arc, the key of its agent.
    arc: Option<&'static str>,
}

impl Both {
    fn new(name: &'static str, login: Value, sandbox: Sandbox) -> Self {
        Self {
            name,
            login,
            sandbox,
            arc: None,
        }
    }

    /// What Microsoft's client answers to the questions for these versions of a secret.
    #[track_caller]
    fn microsoft_reads(&self, name: &str, versions: &[Option<&str>]) -> Vec<Value> {
        let ask = |version: &Option<&str>| json!({ "name": name, "version": version });
        let ask: Vec<Value> = versions.iter().map(ask).collect();
        let order = json!({ "url": servers().azure_url, "ca": servers().ca, "login": self.login, "ask": ask });
        let path = format!("PYTHONPATH={}", servers().python_path);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/azure_client.py");
        let words = ["env", &path, &servers().python, "-B", script];
        let run = runs(&self.sandbox, self.arc, &words, &order.to_string()).expect_code(0);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// What a session of ours has of it.
    #[track_caller]
    fn we_read(&self, name: &str, version: Option<&str>) -> String {
        let pin = version.map(|version| format!(", version = '{version}'"));
        let source = format!("{{ secret = 'azure:{name}'{} }}", pin.unwrap_or_default());
        role(&self.sandbox, &[("TOKEN", source)]);
        let words = [HALLPASS, "exec", "it", "--", "sh", "-c", "printf %s \"$TOKEN\" >seen"];
        runs(&self.sandbox, self.arc, &words, "").expect_code(0);
        std::fs::read_to_string(self.sandbox.home().join("seen")).unwrap()
    }

    /// Both are refused: we with this code, Microsoft's client with an answer that has these.
    #[track_caller]
    fn refused(&self, name: &str, code: &str, theirs: &Value) {
        let answer = self.microsoft_reads(name, &[None]).remove(0);
        for (key, value) in theirs.as_object().unwrap() {
            assert_eq!(answer[key], *value, "{}: {answer}", self.name);
        }
        role(&self.sandbox, &[("TOKEN", format!("'_azure:{name}'"))]);
        let words = [HALLPASS, "exec", "it", "--", "true"];
        let stderr = runs(&self.sandbox, self.arc, &words, "").expect_code(125).stderr;
        assert!(stderr.contains(&format!("error[{code}]")), "{}: {stderr}", self.name);
    }
}

/// Every login, for an application that may use all of them.
fn logins(app: &App) -> Vec<Both> {
    let clear = servers().azure_clear.as_str();
    let login = |kind: &str, more: Value| {
        let mut login = json!({ "kind": kind, "tenant": app.tenant, "client": app.client });
        login
            .as_object_mut()
            .unwrap()
            .append(&mut more.as_object().unwrap().clone());
        login
    };
    let sandbox = |settings: &str, env: &[(&str, &str)]| {
        let mut sandbox = vault_sandbox(settings);
        sandbox.set("AZURE_TENANT_ID", &app.tenant);
        sandbox.set("AZURE_CLIENT_ID", &app.client);
        for (name, value) in env {
            sandbox.set(name, value);
        }
        sandbox
    };
    let (_, token) = federated();
    let mut workload = sandbox("", &[]);
    let file = workload.write("token", token).display().to_string();
    workload.set("AZURE_FEDERATED_TOKEN_FILE", &file);
    let given = format!(
        "tenant_id = '{TENANT}'\nclient_id = '{}'\nclient_assertion = {{ secret = 'env:CI_JWT' }}\ncredential = 'assertion'",
        app.client
    );
    let mut assertion = vault_sandbox(&given);
    assertion.set("CI_JWT", token);
    let cli = sandbox("credential = 'cli'", &[]);
    az(&cli, app);
    let pem = servers().azure_cert.as_str();
    let managed = "credential = 'managed'";
    vec![
        Both::new(
            "secret",
            login("secret", json!({ "secret": app.secret })),
            app.sandbox(),
        ),
        Both::new(
            "certificate",
            login("certificate", json!({ "path": pem })),
            sandbox("", &[("AZURE_CLIENT_CERTIFICATE_PATH", pem)]),
        ),
        Both::new("assertion", login("assertion", json!({ "token": token })), assertion),
        Both::new("workload", login("workload", json!({ "path": file })), workload),
        Both::new(
            "machine",
            login("managed", json!({})),
            sandbox(managed, &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", clear)]),
        ),
        Both::new(
            "App Service",
            login("managed", json!({})),
            sandbox(
                managed,
                &[
                    ("IDENTITY_ENDPOINT", &format!("{clear}/app-service/token")),
                    ("IDENTITY_HEADER", "of-this-app"),
                ],
            ),
        ),
        Both {
            arc: Some("key-of-the-agent"),
            ..Both::new(
                "Arc",
                login("managed", json!({})),
                sandbox(
                    managed,
                    &[
                        ("IDENTITY_ENDPOINT", &format!("{clear}/arc/agent/token")),
                        ("IMDS_ENDPOINT", clear),
                    ],
                ),
            )
        },
        Both::new("cli", login("cli", json!({})), cli),
    ]
}

fn app() -> App {
    let more = json!({ "certificates": [certificate()], "federated": trusts(), "assigned": true });
    App::with(&more)
}

#[test]
fn microsofts_client_gets_the_same_answers() {
    let name = secret("a value: ünïcödé \" \\ \t");
    let first = put(&name, "the second");
    let last = put(&name, "the third\n");
    for both in logins(&app()) {
        let versions = [None, Some(first.as_str()), Some(&last)];
        for (version, theirs) in versions.into_iter().zip(both.microsoft_reads(&name, &versions)) {
            let what = format!("{} {version:?}: {theirs}", both.name);
            assert_eq!(theirs["value"], both.we_read(&name, version), "{what}");
            if both.arc.is_none() {
                let report = checked(&both.sandbox, 0);
                assert_eq!(theirs["version"], report["roles"][0]["fields"][0]["version"], "{what}");
            }
        }
        if both.name == "cli" {
            let words = std::fs::read_to_string(both.sandbox.home().join("az-words")).unwrap();
            let tenant = format!(" --tenant {TENANT}");
            assert!(words.lines().next().unwrap().ends_with(&tenant), "{words}");
        }
    }
}

/// Nobody is let in who should not be, by any login.
#[test]
fn microsofts_client_is_refused_the_same_logins() {
    let name = secret("value");
    // An application that was registered with nothing, and is no identity of any machine.
    let stranger = App::new();
    for mut both in logins(&stranger) {
        let code = match both.name {
            "secret" => {
                both.login["secret"] = "not-the-secret".into();
                both.sandbox.set("AZURE_CLIENT_SECRET", "not-the-secret");
                "E-AZURE-SECRET"
            }
            "certificate" => "E-AZURE-ASSERTION",
            "assertion" | "workload" => "E-AZURE-FEDERATION",
            "Arc" => {
                both.arc = Some("key-of-yesterday");
                "E-AZURE-IDENTITY"
            }
            "cli" => {
                let script = "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n";
                both.sandbox.program("az", script);
                "E-AZURE-CLI-LOGIN"
            }
            _ => "E-AZURE-IDENTITY",
        };
        both.refused(&name, code, &json!({ "error": "login" }));
    }
}

/// The same faults end the same way: what passes is waited out, what does not is the same refusal.
#[test]
fn microsofts_client_meets_the_same_faults() {
    let by_secret = |app: &App| logins(app).remove(0);
    let app = App::new();
    let good = by_secret(&app);
    let passes = |what: &str, fault: Option<Value>, before: &dyn Fn()| {
        let name = secret("after a fault");
        let spoil = || {
            before();
            if let Some(fault) = &fault {
                let mut fault = fault.clone();
                fault["match"] = format!("/secrets/{name}").into();
                control("fault", &fault);
            }
        };
        spoil();
        let theirs = good.microsoft_reads(&name, &[None]).remove(0);
        assert_eq!(theirs["value"], "after a fault", "{what}: {theirs}");
        spoil();
        assert_eq!(good.we_read(&name, None), "after a fault", "{what}");
    };
    let throttled = json!({ "error": { "code": "Throttled", "message": "Too many requests." } });
    passes(
        "429",
        Some(json!({ "status": 429, "headers": { "Retry-After": "1" }, "body": throttled })),
        &|| {},
    );
    passes("dropped", Some(json!({ "status": 0 })), &|| {});
    passes("503", Some(json!({ "status": 503, "times": 2 })), &|| {});
    passes("an expired token", None, &|| {
        control("forget", &json!({ "client": app.client }));
    });

    let (name, off) = (secret("value"), secret("value"));
    control("attributes", &json!({ "name": off, "enabled": false }));
    let missing = crate::azure::name("missing");
    let denied = by_secret(&App::with(&json!({ "rights": [] })));
    let policy = by_secret(&App::with(&json!({ "rights": [], "policies": true })));
    for (both, name, status, word, code) in [
        (&good, &off, 403, "SecretDisabled", "E-AZURE-DISABLED"),
        (&good, &missing, 404, "SecretNotFound", "E-AZURE-NOTFOUND"),
        (&denied, &name, 403, "ForbiddenByRbac", "E-AZURE-DENIED"),
        (&policy, &name, 403, "ForbiddenByPolicy", "E-AZURE-DENIED"),
    ] {
        both.refused(name, code, &json!({ "status": status, "code": word }));
    }
    // Each tries three times.
    let throttled = json!({ "match": format!("/secrets/{name}"), "status": 429, "times": 6, "body": throttled });
    control("fault", &throttled);
    good.refused(&name, "E-AZURE-THROTTLED", &json!({ "status": 429 }));
}

/// Settings that name a login where the variables are those of others.
#[test]
fn logins_by_settings_alone() {
    let (app, name) = (app(), secret("by settings"));
    let (_, token) = federated();
    let client = format!("tenant_id = '{TENANT}'\nclient_id = '{}'\n", app.client);
    for settings in [
        "federated_token_file = '~/token'",
        "federated_token_file = '~/token'\ncredential = 'workload'",
        "client_assertion = { secret = 'local:azure#jwt' }\ncredential = 'assertion'",
    ] {
        let mut sandbox = vault_sandbox(&format!("{client}{settings}"));
        sandbox.set("AZURE_TENANT_ID", &guid());
        sandbox.set("AZURE_CLIENT_ID", &guid());
        sandbox.write("token", token);
        sandbox.store("azure#jwt", token);
        let both = Both::new("settings", json!({}), sandbox);
        assert_eq!(both.we_read(&name, None), "by settings", "{settings}");
        checked(&both.sandbox, 0);
    }
}
