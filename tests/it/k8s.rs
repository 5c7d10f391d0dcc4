//! Kubernetes, through the real binary and a double that kubectl and the official Python client are held against: each login, merged
//! kubeconfigs, contexts, rotation, checks, and that each failure says what it is. The double proves agreement with those clients, not
//! with an API server.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::request;
use crate::sandbox::{Outcome, Sandbox, eventually};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

pub const PASSWORD: &str = "correct horse \"battery\" é";

/// A word of the double's control plane.
#[track_caller]
pub fn control(word: &str, body: &Value) -> Value {
    request::control(&servers().kube_plain_addr, word, body)
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A namespace of the test's own, a user who may read in it, and the user's token.
pub struct Cluster {
    pub namespace: String,
    pub user: String,
    pub token: String,
}

impl Cluster {
    pub fn new() -> Self {
        let name = |prefix: &str| unique(prefix).replace('_', "-");
        let cluster = Self {
            namespace: name("ns"),
            user: name("user"),
            token: name("token"),
        };
        control("namespace", &json!({ "name": cluster.namespace }));
        cluster.user(&cluster.token, 3600, &["get", "list"]);
        cluster.write("db", &[("username", b"app"), ("password", PASSWORD.as_bytes())]);
        cluster
    }

    /// Gives the user this token, and these verbs on secrets and namespaces.
    fn user(&self, token: &str, seconds: i64, verbs: &[&str]) {
        let namespace = &self.namespace;
        let verbs = format!("({})", verbs.join("|"));
        let rules = json!([[verbs, "secrets", namespace, ".*"], [verbs, "namespaces", ".*", ".*"]]);
        control(
            "user",
            &json!({ "name": self.user, "token": token, "seconds": seconds, "rules": rules }),
        );
    }

    pub fn write(&self, name: &str, data: &[(&str, &[u8])]) {
        self.write_with(name, data, &json!({}));
    }

    fn write_with(&self, name: &str, data: &[(&str, &[u8])], more: &Value) {
        let data: serde_json::Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), base64(value).into()))
            .collect();
        let mut body = more.clone();
        body["namespace"] = json!(self.namespace);
        body["name"] = json!(name);
        body["data"] = data.into();
        control("secret", &body);
    }

    /// The requests so far in the test's namespace: `METHOD path status who`.
    fn log(&self) -> Vec<String> {
        let log = request::request("GET", &servers().kube_plain_addr, "/_control/log", "", "").json();
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let own = |entry: &&Value| {
            entry["path"].as_str().unwrap().contains(&self.namespace) || entry["who"] == self.user.as_str()
        };
        let line = |entry: &Value| {
            let path = text(&entry["path"]).replace(&self.namespace, "NS");
            let who = text(&entry["who"]).replace(&self.user, "USER");
            let metadata = if entry["metadata"] == true { " metadata" } else { "" };
            format!("{} {path} {} {who}{metadata}", text(&entry["method"]), entry["status"])
        };
        log.as_array().unwrap().iter().filter(own).map(line).collect()
    }

    pub fn fault(&self, more: &Value) {
        let mut body = more.clone();
        body["match"] = json!(format!("/namespaces/{}/secrets", self.namespace));
        control("fault", &body);
    }

    /// A kubeconfig of one context, whose user entry is this YAML in flow style.
    pub fn kubeconfig(&self, user: &str) -> String {
        self.kubeconfig_at(&servers().kube_addr, user)
    }

    fn kubeconfig_at(&self, server: &str, user: &str) -> String {
        kubeconfig("main", server, &self.namespace, "sre", user)
    }

    /// A sandbox whose `~/.kube/config` is logged in by this user entry, and whose role reads the password.
    pub fn sandbox(&self, user: &str) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write(".kube/config", &self.kubeconfig(user));
        self.role(&sandbox, "k8s:db#password");
        sandbox
    }

    pub fn logged_in(&self) -> Sandbox {
        self.sandbox(&format!("{{token: {}}}", self.token))
    }

    /// One that logs in by a plugin of this script.
    fn plugged(&self, exec: &str, script: &str) -> Sandbox {
        let sandbox = self.sandbox(&format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: plug, interactiveMode: IfAvailable, {exec}}}}}"
        ));
        sandbox.program("plug", &format!("#!/bin/sh\n{script}"));
        sandbox
    }

    pub fn role(&self, sandbox: &Sandbox, reference: &str) {
        let reference = reference.replace("NS", &self.namespace);
        sandbox.roles(&format!(
            "[roles.app]\ncommand = ['true']\nenv = 'dev'\nfields.PASSWORD = {{ secret = '{reference}' }}\n"
        ));
    }
}

fn kubeconfig(context: &str, server: &str, namespace: &str, user_name: &str, user: &str) -> String {
    let ca = &servers().ca;
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters: [{{name: {context}-cluster, cluster: {{server: \"{server}\", certificate-authority: {ca}}}}}]\n\
         contexts: [{{name: {context}, context: {{cluster: {context}-cluster, user: {user_name}, namespace: {namespace}}}}}]\n\
         users:\n- name: {user_name}\n  user: {user}\n"
    )
}

/// The script of a plugin that gives this status.
pub fn gives(version: &str, status: &Value) -> String {
    let answer = json!({ "kind": "ExecCredential", "apiVersion": format!("client.authentication.k8s.io/{version}"), "status": status });
    format!("cat <<'END'\n{answer}\nEND\n")
}

/// What a child sees as PASSWORD.
#[track_caller]
fn password(sandbox: &Sandbox) -> String {
    shown(sandbox, "PASSWORD")
}

#[track_caller]
fn shown(sandbox: &Sandbox, field: &str) -> String {
    let script = format!("printf %s \"${field}\" >seen");
    sandbox.run(&["exec", "app", "--", "sh", "-c", &script]).expect_code(0);
    fs::read_to_string(sandbox.home().join("seen")).unwrap()
}

/// `exec` must be refused with this code before anything starts; gives what was said.
#[track_caller]
pub fn refused(sandbox: &Sandbox, code: &str) -> String {
    let Outcome { stderr, stdout, .. } = sandbox.run(&["exec", "app", "--", "touch", "started"]).expect_code(125);
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    assert!(
        stderr.contains("fix") && (stderr.contains("cause") || code.starts_with("E-REF")),
        "{stderr}"
    );
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
    assert_eq!(stdout, "");
    assert!(!sandbox.home().join("started").exists(), "started although {code}");
    stderr
}

/// The whole of `check --json` for the role.
fn checked(sandbox: &Sandbox, code: i32) -> Value {
    let run = sandbox.run(&["check", "app", "--json"]).expect_code(code);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn every_style_of_reference() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    for reference in ["k8s:db#password", "k8s:NS/db#password"] {
        cluster.role(&sandbox, reference);
        assert_eq!(password(&sandbox), PASSWORD, "{reference}");
    }
    let namespace = &cluster.namespace;
    for reference in [
        format!("_envs/k8s/{namespace}/db#password"),
        format!("_k8s:{namespace}/db:password"),
    ] {
        sandbox.roles(&format!(
            "[roles.app]\ncommand = ['true']\nfields.PASSWORD = '{reference}'\n"
        ));
        assert_eq!(password(&sandbox), PASSWORD, "{reference}");
    }
    sandbox.roles(&format!("[roles.app]\ncommand = ['true']\nfrom = 'k8s:{namespace}/db'\nconnector = 'postgres'\nfields.PGHOST = 'h'\nfields.PGDATABASE = 'd'\n"));
    assert_eq!(shown(&sandbox, "PGUSER"), "app");
}

/// The data of a secret are bytes: a field of a file has every one of them.
#[test]
fn bytes_that_are_no_text() {
    let cluster = Cluster::new();
    let bytes: Vec<u8> = (0..=255).chain([0, 10]).collect();
    cluster.write("bin", &[("tls.crt", &bytes), ("empty", b"")]);
    let sandbox = cluster.logged_in();
    sandbox.roles(
        "[roles.app]\ncommand = ['true']\nfields.FILE = { secret = 'k8s:bin#tls.crt', via = 'file' }\nfields.EMPTY = { secret = 'k8s:bin#empty' }\n",
    );
    sandbox
        .run(&[
            "exec",
            "app",
            "--",
            "sh",
            "-c",
            "cat \"$FILE\" >seen; printf '[%s]' \"$EMPTY\" >empty",
        ])
        .expect_code(0);
    assert_eq!(fs::read(sandbox.home().join("seen")).unwrap(), bytes);
    assert_eq!(fs::read_to_string(sandbox.home().join("empty")).unwrap(), "[]");
    cluster.role(&sandbox, "k8s:bin#tls.crt");
    refused(&sandbox, "E-REF-NUL-BYTE");
}

#[test]
fn keys_that_are_missing_are_named() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    cluster.role(&sandbox, "k8s:db");
    let said = refused(&sandbox, "E-REF-KEY-NEEDED");
    assert!(said.contains("password, username"), "{said}");
    assert!(checked(&sandbox, 1).to_string().contains("E-REF-KEY-NEEDED"));
    cluster.role(&sandbox, "k8s:db#pasword");
    let said = refused(&sandbox, "E-REF-KEY-MISSING");
    assert!(said.contains("did you mean: password"), "{said}");
    assert!(checked(&sandbox, 1).to_string().contains("E-REF-KEY-MISSING"));
}

/// Each login opens a session.
#[test]
fn logins_of_a_kubeconfig() {
    let cluster = Cluster::new();
    let token = &cluster.token;
    let certificate = |path: &str| base64(&fs::read(path).unwrap());
    let (certificate, key) = (certificate(&servers().client_cert), certificate(&servers().client_key));
    for user in [
        format!("{{token: {token}}}"),
        "{tokenFile: ../token}".to_owned(),
        "{token: wrong, tokenFile: ../token}".to_owned(),
        format!(
            "{{client-certificate: {}, client-key: {}}}",
            servers().client_cert,
            servers().client_key
        ),
        format!("{{client-certificate-data: {certificate}, client-key-data: {key}}}"),
    ] {
        let sandbox = cluster.sandbox(&user);
        sandbox.write("token", &format!("{token}\n"));
        assert_eq!(password(&sandbox), PASSWORD, "{user}");
    }
}

#[test]
fn a_token_file_is_read_again() {
    let cluster = Cluster::new();
    let sandbox = cluster.sandbox("{tokenFile: /nonexistent/token}");
    let said = refused(&sandbox, "E-K8S-401");
    assert!(said.contains("/nonexistent/token"), "{said}");
}

#[test]
fn login_plugins_of_both_versions() {
    let cluster = Cluster::new();
    for version in ["v1", "v1beta1"] {
        let sandbox = cluster.sandbox(&format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/{version}, command: plug, args: [a b], env: [{{name: TOKEN, value: {}}}], provideClusterInfo: true}}}}",
            cluster.token
        ));
        // It gets its argument, its variable, our environment, and the cluster.
        sandbox.program(
            "plug",
            &format!(
                "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$USER\" = tester ] || exit 9\nprintf %s \"$KUBERNETES_EXEC_INFO\" >\"$HOME/info\"\n\
                 printf '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/{version}\",\"status\":{{\"token\":\"%s\"}}}}' \"$TOKEN\"\n"
            ),
        );
        assert_eq!(password(&sandbox), PASSWORD, "{version}");
        let info = fs::read_to_string(sandbox.home().join("info")).unwrap();
        let info: Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["apiVersion"], format!("client.authentication.k8s.io/{version}"));
        assert_eq!(info["spec"]["interactive"], false);
        assert_eq!(info["spec"]["cluster"]["server"], servers().kube_addr);
        let ca = base64(&fs::read(&servers().ca).unwrap());
        assert_eq!(info["spec"]["cluster"]["certificate-authority-data"], ca);
    }
}

#[test]
fn a_plugin_that_gives_a_client_certificate() {
    let cluster = Cluster::new();
    let pem = |path: &str| fs::read_to_string(path).unwrap();
    let status =
        json!({ "clientCertificateData": pem(&servers().client_cert), "clientKeyData": pem(&servers().client_key) });
    let sandbox = cluster.plugged("", &gives("v1", &status));
    assert_eq!(password(&sandbox), PASSWORD);
    assert!(
        cluster.log().iter().any(|line| line.ends_with("200 certified")),
        "{:?}",
        cluster.log()
    );
}

/// Many fields, one run of the plugin; and the same in a check, which asks more.
#[test]
fn a_plugin_runs_once_for_all_who_ask() {
    let cluster = Cluster::new();
    cluster.write("other", &[("k", b"another value")]);
    let script = format!(
        "echo run >>\"$HOME/runs\"; sleep 0.2\n{}",
        gives("v1", &json!({ "token": cluster.token }))
    );
    let sandbox = cluster.plugged("", &script);
    sandbox.roles(
        "[roles.app]\ncommand = ['true']\nfields.PASSWORD = { secret = 'k8s:db#password' }\nfields.A = { secret = 'k8s:db#username' }\nfields.B = { secret = 'k8s:other#k' }\n",
    );
    let runs = || fs::read_to_string(sandbox.home().join("runs")).unwrap().lines().count();
    assert_eq!(password(&sandbox), PASSWORD);
    assert_eq!(runs(), 1);
    let reads = cluster
        .log()
        .iter()
        .filter(|line| line.contains("/secrets/db "))
        .count();
    assert_eq!(reads, 1, "{:?}", cluster.log());
    checked(&sandbox, 0);
    assert_eq!(runs(), 2);
}

/// A token that the cluster does not take any more is asked for again, once; a cached one that is over is not even tried.
#[test]
fn a_plugin_is_asked_again_when_its_token_is_refused() {
    let cluster = Cluster::new();
    let first = json!({ "token": "refused-token" });
    let then = json!({ "token": cluster.token });
    let script = format!(
        "echo run >>\"$HOME/runs\"\nif [ \"$(wc -l <\"$HOME/runs\")\" = 1 ]; then\n{}else\n{}fi\n",
        gives("v1", &first),
        gives("v1", &then)
    );
    let sandbox = cluster.plugged("", &script);
    assert_eq!(password(&sandbox), PASSWORD);
    let runs = fs::read_to_string(sandbox.home().join("runs")).unwrap().lines().count();
    assert_eq!(runs, 2);
}

#[test]
fn several_kubeconfigs_become_one() {
    let cluster = Cluster::new();
    let mut sandbox = Sandbox::new();
    cluster.role(&sandbox, "k8s:db#password");
    let token = format!("{{token: {}}}", cluster.token);
    let address = &servers().kube_addr;
    // An empty current context is none; the first user of a name counts; paths go from their own file's folder.
    let one =
        "current-context: \"\"\nusers: [{name: shared, user: {tokenFile: here/token}}]\nclusters:\ncontexts: []\n";
    let two = kubeconfig("second", address, &cluster.namespace, "shared", "{token: wrong}");
    let three = kubeconfig("third", address, "elsewhere", "third", &token);
    let one = sandbox.write("one/config", one).display().to_string();
    sandbox.write("one/here/token", &cluster.token);
    let two = sandbox.write("two", &two).display().to_string();
    let three = sandbox.write("three", &three).display().to_string();
    sandbox.set("KUBECONFIG", &format!("{one}::/nonexistent/config:{two}:{three}"));
    assert_eq!(password(&sandbox), PASSWORD);

    // Another context by name, its namespace by the provider's; and a provider of another name is enough with a context.
    let namespace = &cluster.namespace;
    sandbox.config(&format!("[providers.k8s]\ncontext = 'third'\nnamespace = '{namespace}'\n[providers.other]\nkind = 'k8s'\ncontext = 'second'\n"));
    assert_eq!(password(&sandbox), PASSWORD);
    cluster.role(&sandbox, "other:db#password");
    assert_eq!(password(&sandbox), PASSWORD);
    let status = &checked(&sandbox, 0)["providers"][0];
    assert_eq!(status["endpoint"], format!("context second, {address}"));
}

#[test]
fn contexts_that_are_not_there() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    sandbox.config("[providers.k8s]\ncontext = 'mian'\n");
    let said = refused(&sandbox, "E-K8S-NOCTX");
    assert!(
        said.contains("did you mean: main") && said.contains("its contexts are: main"),
        "{said}"
    );
    sandbox.config("");
    let without = cluster.kubeconfig("{}").replace("current-context: main\n", "");
    sandbox.write(".kube/config", &without);
    refused(&sandbox, "E-K8S-NOCTX");
    fs::remove_file(sandbox.home().join(".kube/config")).unwrap();
    refused(&sandbox, "E-K8S-NOCONFIG");
    sandbox.config("[providers.k8s]\nkubeconfig = '~/nowhere'\n");
    refused(&sandbox, "E-K8S-NOCONFIG");
    sandbox.config("");
    for broken in [
        "users: [\n",
        "just text",
        "users: [{name: sre, user: {token: [hunter22hunter22]}}]",
        "contexts: [{name: main, context: {cluster: gone}}]\ncurrent-context: main\n",
        "contexts: [{name: main, context: {cluster: c}}]\ncurrent-context: main\nclusters: [{name: c}]\n",
    ] {
        sandbox.write(".kube/config", broken);
        let said = refused(&sandbox, "E-K8S-KUBECONFIG");
        assert!(!said.contains("hunter22"), "{said}");
    }
}

#[test]
fn a_rotated_secret_is_used_by_the_next_session() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    assert_eq!(password(&sandbox), PASSWORD);
    let version = |report: &Value| report["roles"][0]["fields"][0]["version"].as_str().unwrap().to_owned();
    let before = version(&checked(&sandbox, 0));
    cluster.write("db", &[("password", b"a new password")]);
    assert_eq!(password(&sandbox), "a new password");
    let report = checked(&sandbox, 0);
    assert_ne!(version(&report), before);
    let rotated = report["roles"][0]["fields"][0]["rotated_at"].as_str().unwrap();
    assert!(
        rotated.parse::<jiff::Timestamp>().unwrap() > "2026-01-03T00:00:00Z".parse().unwrap(),
        "{rotated}"
    );
}

/// A check reads the metadata and no value, as the server's own log shows; where it is too old for that, or nobody noted who wrote the
/// keys, the value is read, and the verdict is the same.
#[test]
fn a_check_reads_no_value() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let report = checked(&sandbox, 0);
    assert_eq!(report["roles"][0]["fields"][0]["state"], "ok");
    let auth = report["providers"][0].clone();
    assert_eq!(auth["state"], "ok", "{auth:#}");
    let reads: Vec<String> = cluster
        .log()
        .into_iter()
        .filter(|line| line.contains("/secrets/"))
        .collect();
    assert_eq!(
        reads,
        ["GET /api/v1/namespaces/NS/secrets/db 200 USER metadata"],
        "{reads:?}"
    );

    control(
        "old",
        &json!({ "name": cluster.user, "lacks": ["metadata", "reviews"] }),
    );
    let report = checked(&sandbox, 0);
    assert_eq!(report["roles"][0]["fields"][0]["state"], "ok");
    cluster.write_with("db", &[("password", PASSWORD.as_bytes())], &json!({ "writers": false }));
    control("old", &json!({ "name": cluster.user, "lacks": [] }));
    let report = checked(&sandbox, 0);
    assert_eq!(report["roles"][0]["fields"][0]["state"], "ok");
}

#[test]
fn the_probe_says_as_whom_and_until_when() {
    let cluster = Cluster::new();
    let (user, address) = (&cluster.user, &servers().kube_addr);
    let end = "2099-01-02T03:04:05Z";
    let script = gives("v1", &json!({ "token": cluster.token, "expirationTimestamp": end }));
    let status = checked(&cluster.plugged("", &script), 0)["providers"][0].clone();
    assert_eq!(status["endpoint"], format!("context main, {address}"));
    assert_eq!(
        status["auth"],
        format!("kubeconfig user sre, exec plugin plug, known as {user}")
    );
    assert_eq!(status["expires"], end);
    // The right to read some secrets is not that to read all.
    cluster.user(&cluster.token, 3600, &["get"]);
    let certificate = format!(
        "{{client-certificate: {}, client-key: {}}}",
        servers().client_cert,
        servers().client_key
    );
    let status = checked(&cluster.sandbox(&certificate), 0)["providers"][0].clone();
    assert_eq!(
        status["auth"],
        "kubeconfig user sre, client certificate, known as certified"
    );
    let end: jiff::Timestamp = status["expires"].as_str().unwrap().parse().unwrap();
    let days = (end.as_second() - jiff::Timestamp::now().as_second()) / 86_400;
    assert!((0..=2).contains(&days), "the certificate was made for two days: {end}");
}

/// A token that says itself when it ends, as those of OIDC providers and service accounts do.
fn jwt(seconds: i64) -> String {
    let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let end = jiff::Timestamp::now().as_second() + seconds;
    format!(
        "{}.{}.c2ln",
        part(&json!({ "alg": "none" })),
        part(&json!({ "exp": end, "sub": unique("sub") }))
    )
}

#[test]
fn logins_that_are_over() {
    let cluster = Cluster::new();
    let token = jwt(-26 * 60);
    cluster.user(&token, -1, &["get"]);
    let sandbox = cluster.sandbox(&format!("{{token: {token}}}"));
    let said = refused(&sandbox, "E-K8S-401");
    assert!(
        said.contains("kubeconfig user sre") && said.contains("expired 26 min ago"),
        "{said}"
    );
    assert!(said.contains("kubectl --context main auth whoami"), "{said}");
    assert!(!said.contains(&token), "{said}");
    let report = checked(&sandbox, 1);
    assert_eq!(report["providers"][0]["code"], "E-K8S-401");
    for user in [
        "{token: never-was-one}",
        "{username: a, password: b}",
        "{token: \"two words\"}",
    ] {
        let said = refused(&cluster.sandbox(user), "E-K8S-401");
        assert!(!said.contains("never-was-one") && !said.contains("two words"), "{said}");
    }
    // Nobody is not refused outright: the cluster's rules have nothing for them.
    let said = refused(&cluster.sandbox("{}"), "E-K8S-403");
    assert!(said.contains("system:anonymous"), "{said}");
}

#[test]
fn refusals_and_what_is_not_there() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let (user, namespace) = (&cluster.user, &cluster.namespace);
    cluster.write("database", &[("k", b"value")]);
    cluster.role(&sandbox, "k8s:databse#k");
    let said = refused(&sandbox, "E-K8S-NOTFOUND");
    assert!(
        said.contains("did you mean: k8s:database")
            && said.contains(&format!("kubectl --context main get secrets -n {namespace}")),
        "{said}"
    );
    let values: Vec<String> = cluster
        .log()
        .into_iter()
        .filter(|line| line.contains("/secrets?") && !line.ends_with("metadata"))
        .collect();
    assert!(values.is_empty(), "a list with values: {values:?}");

    cluster.role(&sandbox, "k8s:nowhere/db#k");
    let said = refused(&sandbox, "E-K8S-403");
    for part in [
        user.as_str(),
        "get",
        "secret db",
        "namespace nowhere",
        "auth can-i get secrets/db -n nowhere",
        "GET /api/v1/namespaces/nowhere/secrets/db → 403",
    ] {
        assert!(said.contains(part), "no {part}:\n{said}");
    }
    control("user", &json!({ "name": user, "rules": [[".*", ".*", ".*", ".*"]] }));
    refused(&sandbox, "E-K8S-NAMESPACE");
    // Who may not see namespaces cannot be told which of the two is missing.
    control(
        "user",
        &json!({ "name": user, "rules": [["get", "secrets", ".*", ".*"]] }),
    );
    let said = refused(&sandbox, "E-K8S-NOTFOUND");
    assert!(said.contains("may not exist"), "{said}");

    for reference in ["k8s:UPPER/db#k", "k8s:a/b_c#k"] {
        cluster.role(&sandbox, reference);
        refused(&sandbox, "E-CONFIG-REF-SYNTAX");
    }
    sandbox.roles("[roles.app]\ncommand = ['true']\nfields.A = { secret = 'k8s:db#k', version = 3 }\n");
    refused(&sandbox, "E-PROVIDER-UNSUPPORTED");
    sandbox
        .roles("[roles.app]\ncommand = ['true']\nfields.PASSWORD = { secret = 'k8s:gone#k', default = 'instead' }\n");
    assert_eq!(password(&sandbox), "instead");
}

#[test]
fn faults_of_the_server() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    for fault in [
        json!({ "status": 503, "body": "<html>" }),
        json!({ "status": 0 }),
        json!({ "status": 429, "headers": { "Retry-After": "1" } }),
    ] {
        cluster.fault(&fault);
        assert_eq!(password(&sandbox), PASSWORD, "one {fault} is got over");
    }
    for (fault, code) in [
        (
            json!({ "status": 503, "body": "s3cret", "times": 3 }),
            "E-PROVIDER-UPSTREAM",
        ),
        (json!({ "status": 429, "times": 3 }), "E-K8S-RATE"),
        (json!({ "status": 0, "times": 3 }), "E-PROVIDER-UPSTREAM"),
        (
            json!({ "status": 200, "body": "{\"s3cret\"", "times": 1 }),
            "E-PROVIDER-UPSTREAM",
        ),
        (
            json!({ "status": 200, "body": { "kind": "Secret", "metadata": {}, "data": { "password": "s3cret!" } }, "times": 1 }),
            "E-PROVIDER-UPSTREAM",
        ),
        (
            json!({ "status": 302, "headers": { "Location": "https://elsewhere.example/" }, "times": 1 }),
            "E-NET-REDIRECT",
        ),
        (
            json!({ "status": 404, "body": "<html>", "times": 1 }),
            "E-PROVIDER-UPSTREAM",
        ),
    ] {
        cluster.fault(&fault);
        let said = refused(&sandbox, code);
        assert!(!said.contains("s3cret"), "{said}");
    }
    cluster.fault(&json!({ "delay": 4 }));
    sandbox.config("[providers.k8s]\ntimeout = '500ms'\n");
    let started = Instant::now();
    let said = refused(&sandbox, "E-NET-TIMEOUT");
    assert!(
        started.elapsed() < Duration::from_secs(3) && said.contains("500 ms"),
        "{said}"
    );
}

#[test]
fn ways_that_lead_nowhere() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let token = format!("{{token: {}}}", cluster.token);
    // A black hole: connections are taken, and nothing ever comes.
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    sandbox.config("[providers.k8s]\ntimeout = '400ms'\n");
    for (server, code) in [
        (format!("https://{}", hole.local_addr().unwrap()), "E-NET-TIMEOUT"),
        ("https://127.0.0.1:9".to_owned(), "E-NET-REFUSED"),
        ("https://no-such-host.invalid".to_owned(), "E-NET-DNS"),
    ] {
        sandbox.write(".kube/config", &cluster.kubeconfig_at(&server, &token));
        let started = Instant::now();
        refused(&sandbox, code);
        assert!(started.elapsed() < Duration::from_secs(5), "{server}");
    }
    sandbox.config("");
    let wrong = cluster.kubeconfig(&token).replace(&servers().ca, &servers().wrong_ca);
    sandbox.write(".kube/config", &wrong);
    let said = refused(&sandbox, "E-NET-TLS");
    assert!(said.contains("certificate-authority-data"), "{said}");
    // The settings' CA goes before the kubeconfig's.
    sandbox.config(&format!("[providers.k8s]\nca_cert = '{}'\n", servers().ca));
    assert_eq!(password(&sandbox), PASSWORD);
    sandbox.config("");
    // The certificate's name is not that of the address: the kubeconfig may say which it is.
    let by_name = servers().kube_addr.replace("127.0.0.1", "127.0.0.2");
    let config = cluster.kubeconfig_at(&by_name, &token);
    sandbox.write(".kube/config", &config);
    refused(&sandbox, "E-NET-REFUSED");
    let named = cluster.kubeconfig(&token).replace(
        "certificate-authority:",
        "tls-server-name: elsewhere.example, certificate-authority:",
    );
    sandbox.write(".kube/config", &named);
    let said = refused(&sandbox, "E-NET-TLS");
    assert!(said.contains("elsewhere.example"), "{said}");
    sandbox.write(".kube/config", &named.replace("elsewhere.example", "localhost"));
    assert_eq!(password(&sandbox), PASSWORD);
    checked(&sandbox, 0);
    let unverified = wrong.replace(
        "certificate-authority:",
        "insecure-skip-tls-verify: true, certificate-authority:",
    );
    sandbox.write(".kube/config", &unverified);
    assert_eq!(password(&sandbox), PASSWORD);
}

/// Like kubectl, nothing of the user goes over plain HTTP; who listens there, as `kubectl proxy` does, lets one in or does not.
#[test]
fn no_login_goes_over_plain_http() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let token = format!("{{token: {}}}", cluster.token);
    sandbox.write(
        ".kube/config",
        &cluster.kubeconfig_at(&servers().kube_plain_addr, &token),
    );
    refused(&sandbox, "E-K8S-403");
    control(
        "user",
        &json!({ "name": "system:anonymous", "rules": [["get", "secrets", cluster.namespace, ".*"]] }),
    );
    assert_eq!(password(&sandbox), PASSWORD);
}

/// A plugin that misbehaves: what is said about it names it and its exit, and never what it printed.
#[test]
fn plugins_that_fail() {
    let cluster = Cluster::new();
    let token = json!({ "token": "hunter22hunter22" });
    for (script, why) in [
        (
            "printf '\\033[2J\\033]0;x\\007hunter22' >&2; echo hunter22; exit 1",
            "exited with 1",
        ),
        ("kill -SEGV $$", "was ended by signal 11"),
        ("echo hunter22", "printed no ExecCredential in JSON"),
        ("true", "printed no ExecCredential in JSON"),
        ("head -c 10485760 /dev/zero | tr '\\0' x", "printed more than 1 MiB"),
        (&gives("v1beta1", &token), "answered in another version"),
        (
            &gives("v1", &json!({})),
            "gave neither a token nor a client certificate",
        ),
        (
            &gives("v1", &json!({ "clientKeyData": "hunter22" })),
            "a client certificate or a key, and not both",
        ),
        (
            &gives("v1", &json!({ "token": "hunter22", "expirationTimestamp": "soon" })),
            "an end that is not a time",
        ),
        ("read -r answer || exit 3", "exited with 3"),
        ("cat /dev/tty && exit 0; exit 4", "exited with 4"),
        ("sleep 60", "did not end within 1 s"),
    ] {
        let sandbox = cluster.plugged(
            "args: [get-token, 'two words'], env: [{name: SECRET_PLACE, value: hunter22}]",
            script,
        );
        sandbox.config("[providers.k8s]\ntimeout = '1s'\n");
        let said = refused(&sandbox, "E-K8S-EXEC-FAILED");
        assert!(said.contains(why), "not {why}:\n{said}");
        assert!(!said.contains("hunter22"), "{said}");
        assert!(
            said.contains("plug get-token 'two words' >/dev/null   (with SECRET_PLACE set as in the kubeconfig)"),
            "{said}"
        );
    }
    let sandbox = cluster.plugged("interactiveMode: Always", "exit 1");
    let sandbox_config = fs::read_to_string(sandbox.home().join(".kube/config")).unwrap();
    sandbox.write(
        ".kube/config",
        &sandbox_config.replace("interactiveMode: IfAvailable, ", ""),
    );
    assert!(refused(&sandbox, "E-K8S-EXEC-FAILED").contains("interactiveMode: Always"));
}

#[test]
fn a_plugin_that_is_not_installed() {
    let cluster = Cluster::new();
    let sandbox = cluster.plugged("installHint: \"first\\n\\e[31mbrew install plug\"", "true");
    fs::remove_file(sandbox.home().join("bin/plug")).unwrap();
    let said = refused(&sandbox, "E-K8S-EXEC-MISSING");
    assert!(said.contains("first ·[31mbrew install plug"), "{said}");
    let file = sandbox.write("bin/plug", "no program");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&sandbox, "E-K8S-EXEC-FAILED").contains("cannot be executed"));
}

/// A kubeconfig that somebody else may have written does not run programs, unless the person says so.
#[test]
fn whose_plugins_are_run() {
    let cluster = Cluster::new();
    let sandbox = cluster.plugged("", &gives("v1", &json!({ "token": cluster.token })));
    let config = sandbox.home().join(".kube/config");
    assert_eq!(password(&sandbox), PASSWORD);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).unwrap();
    let said = refused(&sandbox, "E-K8S-EXEC-DENIED");
    assert!(
        said.contains("other users can change it") && said.contains("allow_exec = true"),
        "{said}"
    );
    sandbox.config("[providers.k8s]\nallow_exec = true\n");
    assert_eq!(password(&sandbox), PASSWORD);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.config("[providers.k8s]\nallow_exec = false\n");
    refused(&sandbox, "E-K8S-EXEC-DENIED");
    // Its own configuration names it: still the person's own.
    sandbox.config("[providers.k8s]\nkubeconfig = '~/.kube/config'\n");
    assert_eq!(password(&sandbox), PASSWORD);
    // A plugin beside the kubeconfig is found from there.
    fs::rename(sandbox.home().join("bin/plug"), sandbox.home().join(".kube/plug")).unwrap();
    let text = fs::read_to_string(&config)
        .unwrap()
        .replace("command: plug", "command: ./plug");
    sandbox.write(".kube/config", &text);
    assert_eq!(password(&sandbox), PASSWORD);
}

/// The processes whose command line holds this text.
fn running(text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).replace('\0', " ").contains(text) {
            found.push(entry.path());
        }
    }
    found
}

/// On a terminal: a plugin that asks there cannot, writes nothing there, and dies with hallpass, also what it started.
#[test]
fn a_plugin_never_touches_the_terminal_and_ends_with_us() {
    let cluster = Cluster::new();
    let mark = format!(
        "{}",
        100_000 + u32::from_ne_bytes(cluster.token.as_bytes()[6..10].try_into().unwrap()) % 800_000
    );
    let script =
        format!("echo PROMPTED >/dev/tty; printf '\\033]0;PROMPTED\\007PROMPTED' >&2\nsleep {mark} &\nsleep {mark}\n");
    let sandbox = cluster.plugged("", &script);
    sandbox.config("[providers.k8s]\ntimeout = '60s'\n");
    let terminal = Tmux::hallpass(&sandbox, (120, 30), &["connect", "app"]);
    eventually("the plugin runs", || running(&format!("sleep {mark}")).len() == 2);
    assert!(!terminal.screen().contains("PROMPTED"), "{}", terminal.screen());
    terminal.keys(&["C-c"]);
    eventually("the plugin is gone", || running(&format!("sleep {mark}")).is_empty());
    assert!(!terminal.screen().contains("PROMPTED"), "{}", terminal.screen());
}

/// A helper that leaves something behind that holds its output open is not waited for.
#[test]
fn a_plugin_may_leave_a_process_behind() {
    let cluster = Cluster::new();
    let script = format!("sleep 20 &\n{}", gives("v1", &json!({ "token": cluster.token })));
    let sandbox = cluster.plugged("", &script);
    let started = Instant::now();
    assert_eq!(password(&sandbox), PASSWORD);
    assert!(started.elapsed() < Duration::from_secs(5));
}
