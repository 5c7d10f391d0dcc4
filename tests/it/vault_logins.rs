//! Every login of the Vault provider against a real server, through the program: it opens a secret with each, says which of its causes a
//! refusal has, keeps what a person logged in with for the next start, and renews what is in use.
//!
//! OpenBao answers all of them itself but LDAP, which it does not have: a double takes that one request and passes on all others. Who
//! signs in with a browser and who knows a pod's token are doubles that OpenBao asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hallpass::domain::problem::Problem;
use hallpass::domain::reference::{Kind, ProviderKind, SecretId};
use hallpass::domain::status::State;
use hallpass::providers::{Person, Provider, ProviderConfig, Providers, Setting, World};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::databases::open_role;
use crate::liar::{self, Liar};
use crate::request::{self, Response, request};
use crate::sandbox::{Outcome, Sandbox, eventually, finish};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

const VALUE: &str = "swordfish-of-every-login";

/// One request of a browser.
fn visit(url: &str) -> Response {
    let path = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
    request(
        "GET",
        &url[..path],
        if path == url.len() { "/" } else { &url[path..] },
        "",
        "",
    )
}

/// A double that `tests/servers/start` started.
struct Double {
    url: String,
    seed: Value,
}

impl Double {
    fn of(name: &str) -> Self {
        let folder = PathBuf::from(std::env::var("HP_LOGIN_DOUBLES").expect("run these tests through tests/run"));
        let read = |file: String| serde_json::from_slice::<Value>(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        Self {
            url: read(format!("{name}.json"))["url"].as_str().unwrap().to_owned(),
            seed: read(format!("{name}.seed")),
        }
    }

    fn control(&self, word: &str, body: &Value) -> Value {
        request::control(&self.url, word, body)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A JWT of these claims beside the usual ones, by the key that the tests' auth methods trust or by another.
fn jwt(claims: &Value, key: &str) -> String {
    let mut all = json!({ "iss": "tests", "sub": "alice", "aud": "hallpass", "team": "dba", "iat": now() - 5, "nbf": now() - 5, "exp": now() + 600 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let signed = Double::of("oidc").control("sign", &json!({ "claims": all, "key": key }));
    signed["jwt"].as_str().unwrap().to_owned()
}

/// An auth method of the test's own, enabled; gives its mount.
fn auth_method(kind: &str) -> String {
    let mount = unique(kind);
    servers().vault("POST", &format!("sys/auth/{mount}"), &json!({ "type": kind }));
    mount
}

/// A policy that reads every secret, and these rules beside.
fn policy(more: &str) -> String {
    let name = unique("policy");
    let rules = format!("path \"secret/data/*\" {{ capabilities = [\"read\"] }}\n{more}");
    servers().vault("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": rules }));
    name
}

/// Writes the secret that the logins open; gives its path.
fn secret() -> String {
    servers().mount_kv("secret", 2);
    let path = unique("logins");
    let written = json!({ "data": { "password": VALUE } });
    servers().vault("POST", &format!("secret/data/{path}"), &written);
    path
}

/// A user of a userpass method that may read; gives the mount and the password.
fn user(name: &str, settings: &Value) -> (String, String) {
    let (mount, password) = (auth_method("userpass"), unique("Pässword '\"%"));
    let mut wanted = json!({ "password": password, "token_policies": [policy("")] });
    for (key, value) in settings.as_object().unwrap() {
        wanted[key] = value.clone();
    }
    servers().vault("POST", &format!("auth/{mount}/users/{name}"), &wanted);
    (mount, password)
}

/// A home with one provider, `team`, whose settings are these lines, and a role that reads the secret with it.
fn home(address: &str, settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[providers.team]\nkind = \"vault\"\naddress = \"{address}\"\n{settings}\n"
    ));
    sandbox.roles(&format!(
        "[roles.db]\ncommand = ['sh']\nfields.PASSWORD = {{ secret = 'team:secret/{}#password' }}\n",
        secret()
    ));
    sandbox.write("expected", VALUE);
    sandbox
}

fn vault_home(settings: &str) -> Sandbox {
    home(&servers().vault_addr, settings)
}

const COMPARES: [&str; 6] = [
    "exec",
    "db",
    "--",
    "sh",
    "-c",
    "[ \"$PASSWORD\" = \"$(cat expected)\" ] && echo opened",
];

/// The role opens with the right value, and `check` agrees.
#[track_caller]
fn opens(sandbox: &Sandbox) {
    let Outcome { stdout, .. } = sandbox.run(&COMPARES).expect_code(0);
    assert_eq!(stdout, "opened\n");
    sandbox.run(&["check", "db"]).expect_code(0);
}

/// The role is refused with this code, with cause and fix, and none of these values shows.
#[track_caller]
fn refused(sandbox: &Sandbox, code: &str, hidden: &[&str]) -> String {
    let Outcome { stdout, stderr, .. } = sandbox.run(&COMPARES).expect_code(125);
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    assert!(stderr.contains("cause") && stderr.contains("fix"), "{stderr}");
    let checked = sandbox.run(&["check", "db", "--json"]);
    assert!(
        checked.stdout.contains(&format!("\"{code}\"")),
        "check: not {code}:\n{}",
        checked.stdout
    );
    for value in hidden {
        for shown in [&stdout, &stderr, &checked.stdout, &checked.stderr] {
            assert!(!shown.contains(value), "a credential shows: {shown}");
        }
    }
    stderr
}

fn jwt_method() -> String {
    let mount = auth_method("jwt");
    let key = &Double::of("oidc").control("key", &json!({}))["pem"];
    servers().vault(
        "POST",
        &format!("auth/{mount}/config"),
        &json!({ "jwt_validation_pubkeys": [key], "default_role": "ci" }),
    );
    let role = json!({ "role_type": "jwt", "bound_audiences": ["hallpass"], "user_claim": "sub",
        "bound_claims": { "team": "dba" }, "token_policies": [policy("")], "token_ttl": "10m" });
    servers().vault("POST", &format!("auth/{mount}/role/ci"), &role);
    mount
}

#[test]
fn jwt_from_a_variable_a_file_and_the_local_store() {
    let mount = jwt_method();
    let auth = |more: &str| format!("auth = {{ method = 'jwt', mount = '{mount}', role = 'ci', {more} }}");
    let good = jwt(&json!({}), "own");
    let mut sandbox = vault_home(&auth("jwt = { secret = 'env:CI_JOB_JWT' }"));
    sandbox.set("CI_JOB_JWT", &good);
    opens(&sandbox);

    let sandbox = vault_home(&auth("jwt_file = '~/token.jwt'"));
    let stderr = refused(&sandbox, "E-VAULT-LOGIN-NO-JWT", &[]);
    assert!(stderr.contains("token.jwt"), "{stderr}");
    sandbox.write("token.jwt", &format!("{good}\n"));
    opens(&sandbox);

    let sandbox = vault_home(&auth("jwt = { secret = 'local:ci#jwt' }"));
    sandbox.store("ci#jwt", &good);
    opens(&sandbox);

    // Without a role it is the method's own.
    let sandbox = vault_home(&auth("jwt_file = '~/token.jwt'").replace("role = 'ci', ", ""));
    sandbox.write("token.jwt", &good);
    opens(&sandbox);
}

/// A token that the block names lies somewhere else, as any credential does.
#[test]
fn a_token_in_the_block() {
    let mut sandbox = vault_home("token = { secret = 'env:TEAM_TOKEN' }");
    refused(&sandbox, "E-ENV-UNSET", &[]);
    let made = json!({ "policies": [policy("")], "ttl": "10m" });
    let made = servers().vault("POST", "auth/token/create", &made);
    let token = made["auth"]["client_token"].as_str().unwrap();
    sandbox.set("TEAM_TOKEN", token);
    opens(&sandbox);
    servers().vault("POST", "auth/token/revoke", &json!({ "token": token }));
    refused(&sandbox, "E-VAULT-TOKEN-EXPIRED", &[token]);
}

#[test]
fn each_refusal_of_a_jwt_has_its_code() {
    let mount = jwt_method();
    let sandbox = |role: &str, token: &str| {
        let auth = "auth = { method = 'jwt', mount = 'MOUNT', role = 'ROLE', jwt_file = '~/token.jwt' }";
        let sandbox = vault_home(&auth.replace("MOUNT", &mount).replace("ROLE", role));
        sandbox.write("token.jwt", token);
        sandbox
    };
    for (claims, key, code) in [
        (json!({}), "other", "E-VAULT-LOGIN-JWT"),
        (
            json!({ "exp": now() - 3600, "iat": now() - 7200, "nbf": now() - 7200 }),
            "own",
            "E-VAULT-LOGIN-JWT-EXPIRED",
        ),
        (
            json!({ "nbf": now() + 3600, "iat": now() + 3600, "exp": now() + 7200 }),
            "own",
            "E-VAULT-LOGIN-JWT-EXPIRED",
        ),
        (json!({ "aud": "another" }), "own", "E-VAULT-LOGIN-JWT-AUDIENCE"),
        (json!({ "team": "web" }), "own", "E-VAULT-LOGIN-JWT-CLAIMS"),
    ] {
        let token = jwt(&claims, key);
        refused(
            &sandbox("ci", &token),
            code,
            &[&token, token.rsplit('.').next().unwrap()],
        );
    }
    refused(&sandbox("ci", "no-jwt-at-all"), "E-VAULT-LOGIN-JWT", &["no-jwt-at-all"]);
    let stderr = refused(
        &sandbox("no-such-role", &jwt(&json!({}), "own")),
        "E-VAULT-LOGIN-ROLE",
        &[],
    );
    assert!(
        stderr.contains(&format!("auth/{mount}/role")),
        "a path that can be pasted: {stderr}"
    );
}

#[test]
fn kubernetes_by_the_token_of_a_service_account() {
    let (mount, cluster) = (auth_method("kubernetes"), Double::of("token_review"));
    let config = json!({ "kubernetes_host": cluster.url, "disable_local_ca_jwt": true, "token_reviewer_jwt": "of.the.reviewer",
        "kubernetes_ca_cert": std::fs::read_to_string(&servers().ca).unwrap() });
    servers().vault("POST", &format!("auth/{mount}/config"), &config);
    let role = json!({ "bound_service_account_names": ["hallpass"], "bound_service_account_namespaces": ["tools"],
        "token_policies": [policy("")], "token_ttl": "10m" });
    servers().vault("POST", &format!("auth/{mount}/role/hallpass"), &role);

    let pod = |namespace: &str, name: &str, more: &Value| {
        let mut claims = json!({ "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name, "uid": format!("u-{name}") } },
            "sub": format!("system:serviceaccount:{namespace}:{name}"), "aud": ["https://kubernetes.default.svc"] });
        claims
            .as_object_mut()
            .unwrap()
            .append(&mut more.as_object().unwrap().clone());
        let token = jwt(&claims, "own");
        cluster.control(
            "account",
            &json!({ "jwt": token, "namespace": namespace, "name": name }),
        );
        token
    };
    let sandbox = |role: &str, token: &str| {
        let auth =
            format!("auth = {{ method = 'kubernetes', mount = '{mount}', role = '{role}', jwt_file = '~/pod/token' }}");
        let sandbox = vault_home(&auth);
        sandbox.write("pod/token", token);
        sandbox
    };
    let good = pod("tools", "hallpass", &json!({}));
    let home = sandbox("hallpass", &good);
    opens(&home);

    refused(&sandbox("no-such-role", &good), "E-VAULT-LOGIN-ROLE", &[&good]);
    let other = pod("tools", "another", &json!({}));
    refused(&sandbox("hallpass", &other), "E-VAULT-LOGIN-JWT-CLAIMS", &[&other]);
    let elsewhere = pod("web", "hallpass", &json!({}));
    refused(
        &sandbox("hallpass", &elsewhere),
        "E-VAULT-LOGIN-JWT-CLAIMS",
        &[&elsewhere],
    );
    let over = pod(
        "tools",
        "hallpass",
        &json!({ "exp": now() - 3600, "iat": now() - 7200, "nbf": now() - 7200 }),
    );
    refused(&sandbox("hallpass", &over), "E-VAULT-LOGIN-JWT-EXPIRED", &[&over]);
    // The pod is gone: the cluster no longer knows its token.
    cluster.control("account", &json!({ "jwt": good, "gone": true }));
    let stderr = refused(&home, "E-VAULT-LOGIN-DENIED", &[&good]);
    assert!(stderr.contains("cause 1: the cluster"), "{stderr}");

    // Outside a pod, the file that Kubernetes would have put there is named.
    let outside = vault_home(&format!(
        "auth = {{ method = 'kubernetes', mount = '{mount}', role = 'hallpass' }}"
    ));
    let stderr = refused(&outside, "E-VAULT-LOGIN-NO-JWT", &[]);
    assert!(
        stderr.contains("/var/run/secrets/kubernetes.io/serviceaccount/token"),
        "{stderr}"
    );
}

#[test]
fn userpass_with_a_password_from_the_local_store() {
    let (mount, password) = user("al.ice", &json!({ "token_ttl": "10m" }));
    let auth = |name: &str, mount: &str| {
        format!(
            "auth = {{ method = 'userpass', mount = '{mount}', username = '{name}', password = {{ secret = 'local:me#password' }} }}"
        )
    };
    let sandbox = vault_home(&auth("al.ice", &mount));
    sandbox.store("me#password", &password);
    opens(&sandbox);
    sandbox.store("me#password", "wrong-Pässword-9");
    refused(&sandbox, "E-VAULT-LOGIN-PASSWORD", &["wrong-Pässword-9", &password]);

    let nobody = vault_home(&auth("nobody", &mount));
    nobody.store("me#password", &password);
    refused(&nobody, "E-VAULT-LOGIN-PASSWORD", &[&password]);

    let lost = vault_home(&auth("al.ice", "no-such-mount"));
    lost.store("me#password", &password);
    let stderr = refused(&lost, "E-VAULT-LOGIN-MOUNT", &[&password]);
    assert!(stderr.contains("auth/no-such-mount"), "{stderr}");

    // A user name that would be another path is not sent.
    let odd = vault_home(&auth("../approle", &mount));
    odd.store("me#password", &password);
    refused(&odd, "E-VAULT-LOGIN-PASSWORD", &[&password]);
}

#[test]
fn ldap_with_name_and_password_from_the_local_store() {
    let (double, password) = (Double::of("ldap_login"), unique("ldap-password"));
    let policy = policy("");
    let user = json!({ "name": "CORP\\alice", "password": password, "policies": [policy] });
    double.control("user", &user);
    let sandbox = home(
        &double.url,
        "auth = { method = 'ldap', username = { secret = 'local:me#name' }, password = { secret = 'local:me#password' } }",
    );
    sandbox.store("me#name", "CORP\\alice");
    sandbox.store("me#password", &password);
    opens(&sandbox);
    sandbox.store("me#password", "mistyped-by-hand");
    let stderr = refused(&sandbox, "E-VAULT-LOGIN-PASSWORD", &["mistyped-by-hand", "CORP"]);
    assert!(stderr.contains("LDAP"), "{stderr}");

    // The server's own client logs in to the double with the same, and is refused with the same.
    let bao = std::env::var("HP_BAO").unwrap();
    let theirs = |password: &str| {
        let words = ["write", "-format=json", "auth/ldap/login/CORP\\alice", "password=-"];
        let mut command = sandbox.command_of(Path::new(&bao), &words);
        command.env("VAULT_ADDR", &double.url);
        finish(command, password.as_bytes())
    };
    let said: Value = serde_json::from_str(&theirs(&password).expect_code(0).stdout).unwrap();
    assert_eq!(
        said["auth"]["token_policies"],
        json!(["default", policy]),
        "{}",
        said["auth"]["token_policies"]
    );
    let token = said["auth"]["client_token"].as_str().unwrap();
    assert_eq!(
        servers()
            .vault_as(token, "GET", "auth/token/lookup-self", &Value::Null)
            .0,
        200
    );
    let said = theirs("mistyped-by-hand").expect_code(2).stderr;
    assert!(said.contains("failed to bind as user"), "{said}");
}

#[test]
fn cert_by_the_certificate_of_the_connection() {
    let mount = auth_method("cert");
    let ca = std::fs::read_to_string(&servers().ca).unwrap();
    let role = json!({ "certificate": ca, "token_policies": [policy("")], "token_ttl": "10m" });
    servers().vault("POST", &format!("auth/{mount}/certs/dba"), &role);
    let settings = |cert: &str, key: &str, role: &str| {
        format!(
            "ca_cert = '{}'\nclient_cert = {cert}\nclient_key = {key}\nauth = {{ method = 'cert', mount = '{mount}' {role} }}",
            servers().ca
        )
    };
    let (cert, key) = (
        format!("'{}'", servers().client_cert),
        format!("'{}'", servers().client_key),
    );
    let mtls = &servers().vault_mtls_addr;
    opens(&home(mtls, &settings(&cert, &key, "")));
    opens(&home(mtls, &settings(&cert, &key, ", role = 'dba'")));
    // The listener that does not demand a certificate takes one all the same.
    opens(&home(
        &servers().vault_tls_addr,
        &settings(&cert, &key, ", role = 'dba'"),
    ));
    let held = "{ secret = 'local:tls#cert' }";
    let sandbox = home(mtls, &settings(held, "{ secret = 'local:tls#key' }", ""));
    for (name, file) in [("tls#cert", &servers().client_cert), ("tls#key", &servers().client_key)] {
        sandbox.store(name, &std::fs::read_to_string(file).unwrap());
    }
    opens(&sandbox);

    let unknown = home(mtls, &settings(&cert, &key, ", role = 'no-such-role'"));
    refused(&unknown, "E-VAULT-LOGIN-CERT", &["PRIVATE KEY"]);
    let elsewhere = home(
        mtls,
        &settings(&cert, &key, ", mount = 'nowhere'").replace(&format!("mount = '{mount}' , "), ""),
    );
    refused(&elsewhere, "E-VAULT-LOGIN-MOUNT", &[]);
}

/// Three Vaults of one role, each with a login of its own.
#[test]
fn several_instances_side_by_side() {
    let (mount, password) = user("alice", &json!({}));
    let (_, role_id, secret_id) = servers().approle(&json!({}));
    let jwt_mount = jwt_method();
    let sandbox = Sandbox::new();
    let address = &servers().vault_addr;
    sandbox.config(&format!(
        "[providers.eu]\nkind = 'vault'\naddress = '{address}'\nauth = {{ method = 'userpass', mount = '{mount}', username = 'alice', password = {{ secret = 'local:eu#password' }} }}\n\
         [providers.us]\nkind = 'vault'\naddress = '{address}'\nauth = {{ method = 'approle', role_id = '{role_id}', secret_id = {{ secret = 'local:us#secret_id' }} }}\n\
         [providers.ci]\nkind = 'vault'\naddress = '{address}'\nauth = {{ method = 'jwt', mount = '{jwt_mount}', role = 'ci', jwt_file = '~/jwt' }}\n"
    ));
    sandbox.store("eu#password", &password);
    sandbox.store("us#secret_id", &secret_id);
    sandbox.write("jwt", &jwt(&json!({}), "own"));
    let path = secret();
    sandbox.roles(&format!(
        "[roles.db]\ncommand = ['sh']\n[roles.db.fields]\nEU = {{ secret = 'eu:secret/{path}#password' }}\n\
         US = {{ secret = 'us:secret/{path}#password' }}\nCI = {{ secret = 'ci:secret/{path}#password' }}\n"
    ));
    sandbox.write("expected", VALUE);
    let script = "e=$(cat expected); [ \"$EU$US$CI\" = \"$e$e$e\" ] && echo opened";
    let outcome = sandbox.run(&["exec", "db", "--", "sh", "-c", script]).expect_code(0);
    assert_eq!(outcome.stdout, "opened\n");
    for (name, login) in [
        ("eu", "userpass, policies"),
        ("us", "approle, policies"),
        ("ci", "jwt, policies"),
    ] {
        let tested = sandbox.run(&["provider", "test", name]).expect_code(0).stdout;
        assert!(tested.contains(login), "{login}: {tested}");
    }
}

/// A server that enforces a second factor gives no token and says what it wants.
#[test]
fn a_second_factor_is_not_ours_to_give() {
    let wants = r#"{"auth":{"client_token":"","lease_duration":0,"renewable":false,"mfa_requirement":{"mfa_request_id":"d0c9","mfa_constraints":{}}}}"#;
    let liar = Liar::new(move |head| {
        if head.contains("/login/") {
            liar::http("200 OK", "", wants)
        } else {
            liar::http("200 OK", "", r#"{"initialized":true,"sealed":false,"standby":false}"#)
        }
    });
    let mut sandbox = home(
        &liar.address,
        "auth = { method = 'userpass', username = 'alice', password = { secret = 'env:MY_PASSWORD' } }",
    );
    sandbox.set("MY_PASSWORD", "typed-somewhere-else");
    refused(&sandbox, "E-VAULT-LOGIN-MFA", &["typed-somewhere-else"]);
}

// --- a person's logins

/// A person in front of a terminal, played by the test.
#[derive(Default)]
struct Tester {
    /// What they type, in order.
    answers: Mutex<Vec<String>>,
    /// What they add to the address of the login page before they open it; none if they have no browser here.
    browser: Option<&'static str>,
    told: Mutex<Vec<String>>,
    page: Arc<Mutex<Option<std::thread::JoinHandle<String>>>>,
}

impl Tester {
    fn typing(answer: &str) -> Self {
        Self {
            answers: Mutex::new(vec![answer.to_owned()]),
            ..Self::default()
        }
    }

    fn with_browser(addition: &'static str) -> Self {
        Self {
            browser: Some(addition),
            ..Self::default()
        }
    }

    /// The page that the browser shows in the end.
    fn page(&self) -> String {
        self.page
            .lock()
            .unwrap()
            .take()
            .expect("no browser was opened")
            .join()
            .unwrap()
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

/// What the identity provider sends the browser to.
fn sent_to(address: &str) -> String {
    let answer = visit(address);
    assert_eq!(answer.status, 302);
    answer.location().to_owned()
}

impl Person for Tester {
    fn tell(&self, line: &str) {
        self.told.lock().unwrap().push(line.to_owned());
    }

    fn ask(&self, _: &str) -> Result<SecretString, Problem> {
        let answer = self.answers.lock().unwrap().pop().unwrap_or_default();
        // `PASTE` is what the browser of another machine shows in the end.
        let address = self
            .told
            .lock()
            .unwrap()
            .iter()
            .find(|line| line.starts_with("http"))
            .cloned();
        Ok(match answer.as_str() {
            "PASTE" => sent_to(&address.unwrap()),
            "CODE" => {
                let end = sent_to(&address.unwrap());
                end.split(['?', '&'])
                    .find_map(|part| part.strip_prefix("code="))
                    .unwrap()
                    .to_owned()
            }
            "VISIT" => {
                let page = sent_to(&address.unwrap());
                *self.page.lock().unwrap() = Some(std::thread::spawn(move || visit(&page).body));
                std::thread::sleep(Duration::from_millis(300));
                String::new()
            }
            _ => answer,
        }
        .into())
    }

    fn browse(&self, address: &str) -> bool {
        let Some(addition) = self.browser else {
            return false;
        };
        let address = format!("{address}{addition}");
        let page = std::thread::spawn(move || {
            let back = sent_to(&address);
            // Somebody else's page comes first, and does not matter.
            let forged = visit(&back.replace("state=", "state=x"));
            assert_eq!(forged.status, 400);
            visit(&back).body
        });
        *self.page.lock().unwrap() = Some(page);
        true
    }
}

fn text(value: &str) -> Setting {
    Setting::Text(value.to_owned())
}

/// The provider `name` as the program in this home opens it.
fn provider(sandbox: &Sandbox, name: &str, auth: &[(&str, Setting)]) -> Arc<dyn Provider> {
    let auth = auth.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let settings = BTreeMap::from([
        ("address".to_owned(), text(&servers().vault_addr)),
        ("auth".to_owned(), Setting::Table(auth.collect())),
    ]);
    let config = ProviderConfig {
        name: name.to_owned(),
        kind: ProviderKind::Vault,
        settings,
        at: None,
        broken: None,
    };
    let world = World {
        env: Arc::new(BTreeMap::from([("XDG_RUNTIME_DIR".to_owned(), "/there/is/one".into())])),
        home: Some(sandbox.home().to_owned()),
        data_folder: sandbox.home().join("data"),
        state_folder: sandbox.home().join("state"),
        runtime_folder: sandbox.home().join("run/hallpass"),
    };
    let providers = Providers::new(&BTreeMap::from([(name.to_owned(), config)]), &world);
    let provider = providers.get(name).unwrap();
    // What holds credentials of others goes with the registry; these logins have none.
    drop(providers);
    provider
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

fn id(path: &str) -> SecretId {
    SecretId {
        provider: "team".to_owned(),
        kind: Kind::Of(ProviderKind::Vault),
        path: format!("secret/{path}"),
        pin: None,
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An OIDC method with a role for the DBAs; gives its mount.
fn oidc_method(ttl: &str) -> String {
    let (mount, double) = (auth_method("oidc"), Double::of("oidc"));
    let config = json!({ "oidc_discovery_url": double.url, "oidc_client_id": double.seed["client_id"],
        "oidc_client_secret": double.seed["client_secret"], "default_role": "dba" });
    servers().vault("POST", &format!("auth/{mount}/config"), &config);
    let role = json!({ "role_type": "oidc", "allowed_redirect_uris": ["http://localhost:8250/oidc/callback"], "user_claim": "sub",
        "groups_claim": "groups", "bound_claims": { "groups": "dba" }, "token_policies": [policy("")], "token_ttl": ttl });
    servers().vault("POST", &format!("auth/{mount}/role/dba"), &role);
    mount
}

fn kept(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.home().join("run/hallpass/logins").join(name)
}

fn kept_token(path: &Path) -> String {
    let kept: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    kept["token"].as_str().unwrap().to_owned()
}

#[test]
fn oidc_in_a_browser_and_the_next_start_uses_it() {
    let (mount, port) = (oidc_method("10m"), free_port());
    let settings = format!("auth = {{ method = 'oidc', mount = '{mount}', port = {port} }}");
    let sandbox = vault_home(&settings);
    // A launch never logs in by itself.
    let stderr = refused(&sandbox, "E-VAULT-LOGIN-NEEDED", &[]);
    assert!(stderr.contains("fix: hallpass provider login team"), "{stderr}");

    let auth = [
        ("method", text("oidc")),
        ("mount", text(&mount)),
        ("port", Setting::Number(port.into())),
    ];
    let team = provider(&sandbox, "team", &auth);
    let person = Tester::with_browser("");
    let said = run(team.login(&person)).unwrap_or_else(|problem| panic!("{problem}"));
    assert!(
        said.contains(&format!("{mount}-alice")) && said.contains("expires in"),
        "{said}"
    );
    let page = person.page();
    assert!(page.contains("<h1>Logged in</h1>"), "{page}");
    assert!(person.told().contains("logins/team"), "{}", person.told());
    assert!(!person.told().contains("code="), "{}", person.told());

    opens(&sandbox);
    let status = run(team.probe());
    assert_eq!(status.state, State::Ok);
    assert!(status.auth.unwrap().starts_with("oidc, policies") && status.expires.is_some());

    // Another instance's login, and the same name at another server, are not touched and not used.
    let other = provider(&sandbox, "other", &auth);
    assert_eq!(
        run(other.fetch(&id("x"))).err().unwrap().code.id,
        "E-VAULT-LOGIN-NEEDED"
    );
    run(other.login(&Tester::with_browser(""))).unwrap();
    assert_ne!(
        kept_token(&kept(&sandbox, "team")),
        kept_token(&kept(&sandbox, "other"))
    );
    let (moved, token) = (vault_home(&settings), kept_token(&kept(&sandbox, "team")));
    moved.config(&format!(
        "[providers.team]\nkind = 'vault'\naddress = '{}'\nca_cert = '{}'\n{settings}\n",
        servers().vault_tls_addr,
        servers().ca
    ));
    std::fs::create_dir_all(kept(&moved, "")).unwrap();
    for (path, mode) in [("run/hallpass", 0o700), ("run/hallpass/logins", 0o700)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(moved.home().join(path), mode).unwrap();
    }
    moved.write(
        "run/hallpass/logins/team",
        &std::fs::read_to_string(kept(&sandbox, "team")).unwrap(),
    );
    refused(&moved, "E-VAULT-LOGIN-NEEDED", &[&token]);

    // Revoked behind our back: said, and no longer kept; the other login stays.
    servers().vault("POST", "auth/token/revoke", &json!({ "token": token }));
    refused(&sandbox, "E-VAULT-LOGIN-NEEDED", &[&token]);
    assert!(!kept(&sandbox, "team").exists() && kept(&sandbox, "other").exists());
}

/// The command itself, with a browser that is opened for the person.
#[test]
fn provider_login_opens_the_browser() {
    let (mount, port) = (oidc_method("10m"), free_port());
    let mut sandbox = vault_home(&format!(
        "auth = {{ method = 'oidc', mount = '{mount}', port = {port} }}"
    ));
    sandbox.set("DISPLAY", ":1");
    let browser = "#!/bin/sh\nexec curl -sL --max-time 20 \"$1\" -o \"$HOME/page.html\"\n";
    sandbox.program("xdg-open", browser);
    let Outcome { stdout, stderr, .. } = sandbox.run(&["provider", "login", "team"]).expect_code(0);
    assert!(
        stdout.starts_with("Logged in to team: ") && stdout.contains("alice"),
        "{stdout}"
    );
    assert!(
        stderr.contains("Waiting for it") && stderr.contains("logins/team"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("code=") && !stdout.contains("state="),
        "{stdout}{stderr}"
    );
    let page = || std::fs::read_to_string(sandbox.home().join("page.html")).unwrap_or_default();
    eventually("the browser shows the page", || page().contains("Logged in"));
    opens(&sandbox);
}

/// `a` in the list of providers: the login is a session tab, the browser opens, and afterwards the list and the roles know of it.
#[test]
fn oidc_from_the_list_of_providers() {
    let (mount, port) = (oidc_method("10m"), free_port());
    let mut sandbox = vault_home(&format!(
        "auth = {{ method = 'oidc', mount = '{mount}', port = {port} }}"
    ));
    sandbox.set("DISPLAY", ":1");
    let browser = "#!/bin/sh\ncurl -sL --max-time 20 \"$1\" -o \"$HOME/page.html\" </dev/null >/dev/null 2>&1 &\n";
    sandbox.program("xdg-open", browser);
    let terminal = Tmux::hallpass(&sandbox, (140, 34), &[]);
    terminal.wait("db ");
    terminal.keys(&["2"]);
    terminal.wait("E-VAULT-LOGIN-NEEDED");
    terminal.keys(&["a"]);
    terminal.wait("Log in at the page that your browser shows");
    terminal.wait("Logged in to team: ");
    let screen = terminal.wait("exited 0");
    assert!(!screen.contains("code=") && !screen.contains("state="), "{screen}");
    let page = || std::fs::read_to_string(sandbox.home().join("page.html")).unwrap_or_default();
    eventually("the browser shows the page", || page().contains("<h1>Logged in</h1>"));

    terminal.keys(&["Enter"]);
    terminal.wait("● ok");
    terminal.keys(&["2"]);
    let screen = terminal.wait("oidc, policies");
    assert!(!screen.contains("E-VAULT-LOGIN-NEEDED"), "{screen}");
    terminal.keys(&["1"]);
    terminal.settled();
    open_role(&terminal, "db");
    // A shell of root has another prompt than one of a person.
    terminal.wait("secrets v1");
    terminal.line("[ \"$PASSWORD\" = \"$(cat expected)\" ] && echo it\\ opens");
    terminal.wait_until("the right password", |screen| {
        screen
            .lines()
            .any(|line| line.contains("it opens") && !line.contains("echo"))
    });
    terminal.close();
}

/// The command itself, at a terminal where a password is typed.
#[test]
fn provider_login_asks_for_the_password() {
    let (mount, password) = user("alice", &json!({ "token_ttl": "10m" }));
    let sandbox = vault_home(&format!(
        "auth = {{ method = 'userpass', mount = '{mount}', username = 'alice' }}"
    ));
    let login = || Tmux::hallpass(&sandbox, (150, 30), &["provider", "login", "team"]);
    let terminal = login();
    terminal.wait("Your password for the userpass login");
    terminal.line("mistyped");
    assert_eq!(terminal.exit_code(), 1);
    let screen = terminal.screen();
    assert!(
        screen.contains("error[E-VAULT-LOGIN-PASSWORD]") && !screen.contains("mistyped"),
        "{screen}"
    );
    let terminal = login();
    terminal.wait("Your password for the userpass login");
    terminal.line(&password);
    terminal.wait("Logged in to team: ");
    assert_eq!(terminal.exit_code(), 0);
    assert!(!terminal.screen().contains(&password));
    opens(&sandbox);
}

/// The command itself, at a terminal without a browser of its own: given up, and with a browser that is somewhere else on the machine.
#[test]
fn provider_login_prints_the_address() {
    let (mount, port) = (oidc_method("10m"), free_port());
    let sandbox = vault_home(&format!(
        "auth = {{ method = 'oidc', mount = '{mount}', port = {port} }}"
    ));
    let login = || {
        let terminal = Tmux::hallpass(&sandbox, (900, 20), &["provider", "login", "team", "--no-browser"]);
        terminal.wait("Address or code:");
        terminal
    };
    let terminal = login();
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.exit_code(), 130);
    assert!(
        terminal.screen().contains("nothing was changed"),
        "{}",
        terminal.screen()
    );
    refused(&sandbox, "E-VAULT-LOGIN-NEEDED", &[]);

    let terminal = login();
    let screen = terminal.screen();
    let address = screen.lines().find(|line| line.starts_with("http")).unwrap().trim();
    let mut browser = Command::new("curl");
    browser.args(["-sL", "--max-time", "20", address]);
    let browser = browser.stdout(Stdio::piped()).spawn().unwrap();
    // Nobody presses a key here.
    terminal.wait("Logged in to team: ");
    assert_eq!(terminal.exit_code(), 0);
    let page = String::from_utf8(browser.wait_with_output().unwrap().stdout).unwrap();
    assert!(page.contains("<h1>Logged in</h1>"), "{page}");
    opens(&sandbox);
}

#[test]
fn oidc_without_a_browser_here() {
    let mount = oidc_method("10m");
    for way in ["PASTE", "CODE", "VISIT"] {
        let (sandbox, port) = (Sandbox::new(), free_port());
        let auth = [
            ("method", text("oidc")),
            ("mount", text(&mount)),
            ("port", Setting::Number(port.into())),
        ];
        let person = Tester::typing(way);
        let said =
            run(provider(&sandbox, "team", &auth).login(&person)).unwrap_or_else(|problem| panic!("{way}: {problem}"));
        assert!(said.contains("alice"), "{said}");
        assert!(person.told().contains("paste"), "{}", person.told());
        if way == "VISIT" {
            assert!(person.page().contains("Logged in"));
        }
        assert!(kept(&sandbox, "team").exists());
    }
    // Where the port is taken the browser cannot answer, so no page is opened by itself; pasting still works.
    let (sandbox, taken) = (Sandbox::new(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let port = taken.local_addr().unwrap().port();
    let auth = [
        ("method", text("oidc")),
        ("mount", text(&mount)),
        ("port", Setting::Number(port.into())),
    ];
    let person = Tester {
        browser: Some(""),
        ..Tester::typing("PASTE")
    };
    run(provider(&sandbox, "team", &auth).login(&person)).unwrap_or_else(|problem| panic!("{problem}"));
    assert!(
        person.told().contains(&format!("Port {port} is in use")) && person.told().contains("set port"),
        "{}",
        person.told()
    );

    let person = Tester::typing("http://localhost:1/oidc/callback?code=of-another-login&state=other");
    let problem = run(provider(&sandbox, "team", &auth).login(&person)).unwrap_err();
    assert_eq!(problem.code.id, "E-VAULT-LOGIN-OIDC");
    assert!(!format!("{problem}{problem:?}").contains("of-another-login"));
}

#[test]
fn oidc_refusals_say_who_refused() {
    let mount = oidc_method("10m");
    let sandbox = Sandbox::new();
    let login = |person: &Tester, role: &str, mount: &str| {
        let auth = [
            ("method", text("oidc")),
            ("mount", text(mount)),
            ("role", text(role)),
            ("port", Setting::Number(free_port().into())),
        ];
        let problem = run(provider(&sandbox, "team", &auth).login(person)).unwrap_err();
        assert!(!problem.causes.is_empty() && !problem.fixes.is_empty(), "{problem}");
        problem
    };
    let cancelled = Tester::with_browser("&refuse=1");
    let problem = login(&cancelled, "dba", &mount);
    assert_eq!(problem.code.id, "E-VAULT-LOGIN-OIDC");
    assert!(
        problem.causes[0].contains("access_denied") && !problem.to_string().contains("no means no"),
        "{problem}"
    );
    assert!(cancelled.page().contains("Not logged in"));

    let stranger = Tester::with_browser("&user=bob");
    assert_eq!(login(&stranger, "dba", &mount).code.id, "E-VAULT-LOGIN-JWT-CLAIMS");
    assert!(stranger.page().contains("Not logged in"));

    assert_eq!(
        login(&Tester::default(), "no-such-role", &mount).code.id,
        "E-VAULT-LOGIN-ROLE"
    );
    assert_eq!(
        login(&Tester::default(), "dba", "nowhere").code.id,
        "E-VAULT-LOGIN-MOUNT"
    );
    assert_eq!(
        login(&Tester::default(), "dba", &auth_method("oidc")).code.id,
        "E-VAULT-LOGIN-SETUP"
    );
    let elsewhere = json!({ "role_type": "oidc", "allowed_redirect_uris": ["https://vault.example.com/ui/callback"], "user_claim": "sub" });
    servers().vault("POST", &format!("auth/{mount}/role/ui"), &elsewhere);
    let problem = login(&Tester::default(), "ui", &mount);
    assert_eq!(problem.code.id, "E-VAULT-LOGIN-REDIRECT");
    assert!(problem.fixes[0].contains("http://localhost:"), "{problem}");
    assert!(!kept(&sandbox, "team").exists(), "nothing was kept");
}

#[test]
fn a_password_that_is_asked_for_is_kept_as_a_login() {
    let (mount, password) = user("alice", &json!({ "token_ttl": "10m" }));
    let settings = format!("auth = {{ method = 'userpass', mount = '{mount}', username = 'alice' }}");
    let sandbox = vault_home(&settings);
    refused(&sandbox, "E-VAULT-LOGIN-NEEDED", &[]);
    let auth = [
        ("method", text("userpass")),
        ("mount", text(&mount)),
        ("username", text("alice")),
    ];
    let team = provider(&sandbox, "team", &auth);
    let problem = run(team.login(&Tester::typing("not it"))).unwrap_err();
    assert_eq!(problem.code.id, "E-VAULT-LOGIN-PASSWORD");
    run(team.login(&Tester::typing(&password))).unwrap();
    opens(&sandbox);
    let file = std::fs::read_to_string(kept(&sandbox, "team")).unwrap();
    assert!(!file.contains(&password), "a token is kept, never a password");

    // A folder that somebody else could write to is refused.
    let folder = kept(&sandbox, "").parent().unwrap().join("logins");
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&folder, mode(0o770)).unwrap();
    refused(&sandbox, "E-CONFIG-INSECURE-MODE", &[]);
    std::fs::set_permissions(&folder, mode(0o700)).unwrap();
    opens(&sandbox);

    // A login that does without a person has no use for one.
    let auth = [auth.as_slice(), &[("password", text(&password))]].concat();
    let problem = run(provider(&sandbox, "by-itself", &auth).login(&Tester::default())).unwrap_err();
    assert_eq!(problem.code.id, "E-PROVIDER-NO-LOGIN");
}

#[test]
fn a_kept_login_is_renewed_while_it_is_used_and_gone_when_it_ended() {
    let (mount, password) = user("alice", &json!({ "token_ttl": "30s" }));
    let settings = format!("auth = {{ method = 'userpass', mount = '{mount}', username = 'alice' }}");
    let sandbox = vault_home(&settings);
    let auth = [
        ("method", text("userpass")),
        ("mount", text(&mount)),
        ("username", text("alice")),
    ];
    run(provider(&sandbox, "team", &auth).login(&Tester::typing(&password))).unwrap();
    let path = kept(&sandbox, "team");
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
    let rewrite = |key: &str, value: &str| {
        let mut kept = read();
        kept[key] = value.into();
        sandbox.write("run/hallpass/logins/team", &kept.to_string());
    };
    let before = read();
    opens(&sandbox);
    assert_eq!(read(), before, "not due yet");
    rewrite("renew_at", "2026-01-01T00:00:00Z");
    opens(&sandbox);
    let after = read();
    assert_eq!(after["token"], before["token"]);
    assert!(
        after["ends"].as_str() > before["ends"].as_str(),
        "{before} {after}",
        before = before["ends"],
        after = after["ends"]
    );
    assert_ne!(after["renew_at"], "2026-01-01T00:00:00Z");
    // Over by its own word: nobody is asked, and it is no longer there.
    rewrite("ends", "2026-01-02T03:04:05Z");
    let stderr = sandbox.run(&COMPARES).expect_code(125).stderr;
    assert!(
        stderr.contains("error[E-VAULT-LOGIN-NEEDED]") && stderr.contains("ended at 2026-01-02 03:04 UTC"),
        "{stderr}"
    );
    assert!(!path.exists());
}

// --- what a long-lived instance does

fn approle_settings(role_id: &str, secret_id: &str) -> [(&'static str, Setting); 3] {
    [
        ("method", text("approle")),
        ("role_id", text(role_id)),
        ("secret_id", text(secret_id)),
    ]
}

/// The secret id is good for one login: only renewal carries the token beyond its first life.
#[test]
fn a_token_in_use_is_renewed_at_two_thirds() {
    let (_, role_id, secret_id) =
        servers().approle(&json!({ "secret_id_num_uses": 1, "token_ttl": "12s", "token_max_ttl": "10m" }));
    let vault = provider(&Sandbox::new(), "team", &approle_settings(&role_id, &secret_id));
    let path = secret();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for wait in [0, 9, 7] {
        std::thread::sleep(Duration::from_secs(wait));
        runtime
            .block_on(vault.fetch(&id(&path)))
            .unwrap_or_else(|problem| panic!("after {wait} s: {problem}"));
    }
}

/// A login that can be repeated is, when its token may not be renewed any more; a renewal that fails shows in the status alone.
#[test]
fn a_renewal_that_fails_is_told_and_stops_nothing() {
    let mount = auth_method("approle");
    let deny = policy("path \"auth/token/renew-self\" { capabilities = [\"deny\"] }");
    let role = json!({ "token_policies": [deny], "token_ttl": "12s", "token_max_ttl": "10m" });
    servers().vault("POST", &format!("auth/{mount}/role/r"), &role);
    let role_id = servers().vault("GET", &format!("auth/{mount}/role/r/role-id"), &Value::Null);
    let secret_id = servers().vault("POST", &format!("auth/{mount}/role/r/secret-id"), &json!({}));
    let (role_id, secret_id) = (
        role_id["data"]["role_id"].as_str().unwrap(),
        secret_id["data"]["secret_id"].as_str().unwrap(),
    );
    let auth = [
        approle_settings(role_id, secret_id).as_slice(),
        &[("mount", text(&mount))],
    ]
    .concat();
    let vault = provider(&Sandbox::new(), "team", &auth);
    let path = secret();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(vault.fetch(&id(&path)))
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(runtime.block_on(vault.probe()).state, State::Ok);
    std::thread::sleep(Duration::from_millis(8500));
    runtime
        .block_on(vault.fetch(&id(&path)))
        .unwrap_or_else(|problem| panic!("{problem}"));
    let status = runtime.block_on(vault.probe());
    assert_eq!(status.state, State::Warn);
    let problem = status.problem.unwrap();
    assert_eq!(problem.code.id, "E-VAULT-RENEW");
    assert!(problem.note.unwrap().contains("renew-self → 403"));
    // Its end comes: a new login, and the old complaint is over.
    std::thread::sleep(Duration::from_secs(4));
    runtime
        .block_on(vault.fetch(&id(&path)))
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(runtime.block_on(vault.probe()).state, State::Ok);
}

// --- response wrapping

/// Wraps the answer to a request of the administrator.
fn wrapped(path: &str, body: &Value) -> String {
    let servers = servers();
    let headers = format!("X-Vault-Token: {}\r\nX-Vault-Wrap-TTL: 120\r\n", servers.vault_token);
    let path = format!("/v1/{path}");
    let answer = request("POST", &servers.vault_addr, &path, &headers, &body.to_string()).json();
    answer["wrap_info"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_wrapped_secret_id_opens_once() {
    let (role, role_id, _) = servers().approle(&json!({ "token_ttl": "10m" }));
    let auth = format!(
        "auth = {{ method = 'approle', role_id = '{role_id}', secret_id = {{ secret = 'env:WRAPPED' }}, wrapped = true }}"
    );
    let at = format!("auth/approle/role/{role}/secret-id");
    let mut sandbox = vault_home(&auth);
    let token = wrapped(&at, &json!({}));
    sandbox.set("WRAPPED", &token);
    let opened = sandbox.run(&COMPARES).expect_code(0);
    assert_eq!(opened.stdout, "opened\n");
    let stderr = refused(&sandbox, "E-VAULT-WRAP-USED", &[&token]);
    assert!(stderr.contains("incident"), "{stderr}");

    // One that somebody wrapped themselves is not opened at all.
    let forged = wrapped("sys/wrapping/wrap", &json!({ "secret_id": "mine" }));
    sandbox.set("WRAPPED", &forged);
    let stderr = refused(&sandbox, "E-VAULT-WRAP-FOREIGN", &[&forged]);
    assert!(stderr.contains("sys/wrapping/wrap"), "{stderr}");

    // Within one process the login can be repeated: the secret id is remembered.
    let auth = [
        approle_settings(&role_id, &wrapped(&at, &json!({}))).as_slice(),
        &[("wrapped", Setting::Switch(true))],
    ]
    .concat();
    let vault = provider(&sandbox, "team", &auth);
    let path = secret();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(vault.fetch(&id(&path)))
        .unwrap_or_else(|problem| panic!("{problem}"));
    let accessors = servers().vault("LIST", "auth/token/accessors", &Value::Null);
    for accessor in accessors["data"]["keys"].as_array().unwrap() {
        let root = &servers().vault_token;
        let (_, found) = servers().vault_as(
            root,
            "POST",
            "auth/token/lookup-accessor",
            &json!({ "accessor": accessor }),
        );
        if found["data"]["meta"]["role_name"] == role.as_str() {
            servers().vault("POST", "auth/token/revoke-accessor", &json!({ "accessor": accessor }));
        }
    }
    runtime
        .block_on(vault.fetch(&id(&path)))
        .unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn a_wrapped_token_opens_once() {
    let mut sandbox = vault_home("token = { secret = 'env:WRAPPED' }\nauth = { method = 'token', wrapped = true }");
    let token = wrapped("auth/token/create", &json!({ "policies": [policy("")], "ttl": "10m" }));
    sandbox.set("WRAPPED", &token);
    sandbox.run(&COMPARES).expect_code(0);
    refused(&sandbox, "E-VAULT-WRAP-USED", &[&token]);
    // Where nothing says that it is wrapped it is a token like any other, and its first use is its last; the help says so.
    let mut sandbox = Sandbox::with_vault();
    sandbox.set("VAULT_TOKEN", &wrapped("auth/token/create", &json!({})));
    sandbox.roles(&format!(
        "[roles.db]\ncommand = ['sh']\nfields.PASSWORD = {{ secret = 'vault:secret/{}#password' }}\n",
        secret()
    ));
    let stderr = sandbox.run(&COMPARES).expect_code(125).stderr;
    assert!(
        stderr.contains("E-VAULT-TOKEN-EXPIRED") && stderr.contains("vault unwrap"),
        "{stderr}"
    );
}
