//! Kubernetes, beside kubectl and the official Python client: by each login, from inside a pod, under faults and through a proxy they get
//! from the same double what we get.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::k8s::{Cluster, PASSWORD, base64, control, gives, refused};
use crate::sandbox::{HALLPASS, Outcome, Sandbox, finish};
use crate::servers::{servers, unique};

fn kubectl(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    finish(sandbox.command_of(Path::new(&servers().kubectl), args), b"")
}

/// The words that run the official Python client in any sandbox.
fn python() -> [String; 4] {
    let path = format!("PYTHONPATH={}", servers().python_path);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/k8s_client.py");
    ["env".to_owned(), path, servers().python.clone(), script.to_owned()]
}

fn question(kubeconfig: Option<&Path>, namespace: &str, name: &str) -> String {
    json!({ "kubeconfig": kubeconfig, "context": null, "namespace": namespace, "name": name }).to_string()
}

/// Its answer about a secret, by the sandbox's `~/.kube/config`.
#[track_caller]
fn official(sandbox: &Sandbox, namespace: &str, name: &str) -> Value {
    // One process for all: it takes longer to start than any question. It ends with its standard input.
    static PROCESS: OnceLock<Mutex<(Child, BufReader<ChildStdout>)>> = OnceLock::new();
    // It looks for plugins on the PATH of the tests themselves.
    let text = fs::read_to_string(sandbox.home().join(".kube/config")).unwrap();
    let plug = format!("command: {}", sandbox.home().join("bin/plug").display());
    let absolute = sandbox.write(".kube/absolute", &text.replace("command: plug", &plug));
    let process = PROCESS.get_or_init(|| {
        let [env, words @ ..] = python();
        let mut command = Command::new(env);
        command.args(words).env_clear().env("PATH", "/usr/bin:/bin");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Mutex::new((child, answers))
    });
    let mut process = process.lock().unwrap();
    let asked = question(Some(&absolute), namespace, name);
    writeln!(process.0.stdin.as_mut().unwrap(), "{asked}").unwrap();
    let mut answer = String::new();
    process.1.read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// By the same kubeconfigs all three get the same bytes, or nothing.
#[test]
fn the_official_clients_agree() {
    let cluster = Cluster::new();
    let bytes: Vec<u8> = (0..=255).collect();
    cluster.write("bin", &[("bytes", &bytes), ("text", PASSWORD.as_bytes())]);
    let named = unique("named");
    let rules = json!([["(get|list)", "secrets", cluster.namespace, ".*"]]);
    control(
        "user",
        &json!({ "name": named, "password": "two words", "rules": rules }),
    );
    let pem = |path: &str| fs::read_to_string(path).unwrap();
    let (certificate, key) = (pem(&servers().client_cert), pem(&servers().client_key));
    let by_file = format!(
        "{{client-certificate: {}, client-key: {}}}",
        servers().client_cert,
        servers().client_key
    );
    let by_data = format!(
        "{{client-certificate-data: {}, client-key-data: {}}}",
        base64(certificate.as_bytes()),
        base64(key.as_bytes())
    );
    let plugin = |version: &str| {
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/{version}, command: plug, interactiveMode: Never, provideClusterInfo: true}}}}"
        )
    };
    let token = json!({ "token": cluster.token });
    let both = json!({ "clientCertificateData": certificate, "clientKeyData": key });
    let basic = |password: &str| format!("{{username: {named}, password: {password}}}");
    for (user, script, error) in [
        (format!("{{token: {}}}", cluster.token), String::new(), None),
        ("{tokenFile: ../token}".to_owned(), String::new(), None),
        (by_file, String::new(), None),
        (by_data, String::new(), None),
        (basic("two words"), String::new(), None),
        (plugin("v1"), gives("v1", &token), None),
        (plugin("v1beta1"), gives("v1beta1", &token), None),
        (plugin("v1"), gives("v1", &both), None),
        ("{token: wrong}".to_owned(), String::new(), Some(401)),
        (basic("another"), String::new(), Some(401)),
        // The Python client goes on as nobody.
        (plugin("v1"), "exit 1".to_owned(), Some(403)),
    ] {
        let sandbox = cluster.sandbox(&user);
        sandbox.write("token", &cluster.token);
        sandbox.program("plug", &format!("#!/bin/sh\n{script}"));
        sandbox.roles("[roles.app]\ncommand = ['true']\nfields.PASSWORD = { secret = 'k8s:bin#text' }\nfields.BYTES = { secret = 'k8s:bin#bytes', via = 'file' }\n");
        let ours = sandbox.run(&[
            "exec",
            "app",
            "--",
            "sh",
            "-c",
            "cat \"$BYTES\" >bytes; printf %s \"$PASSWORD\" >text",
        ]);
        let theirs = kubectl(&sandbox, &["get", "secret", "bin", "-o", "json"]);
        let pythons = official(&sandbox, &cluster.namespace, "bin");
        if let Some(error) = error {
            assert_eq!((ours.code, pythons["error"].clone()), (125, json!(error)), "{user}");
            assert_ne!(theirs.code, 0, "{user}");
            continue;
        }
        ours.expect_code(0);
        let theirs: Value = serde_json::from_str(&theirs.expect_code(0).stdout).unwrap();
        let read = |name: &str| base64(&fs::read(sandbox.home().join(name)).unwrap());
        let data = json!({ "bytes": read("bytes"), "text": read("text") });
        assert_eq!(theirs["data"], data, "{user}");
        assert_eq!(pythons["data"], data, "{user}: {pythons}");
        assert_eq!(theirs["metadata"]["resourceVersion"], pythons["version"]);
        sandbox.run(&["check", "app"]).expect_code(0);
    }
    let sandbox = cluster.logged_in();
    let whoami = kubectl(&sandbox, &["auth", "whoami", "-o", "json"]).expect_code(0);
    let whoami: Value = serde_json::from_str(&whoami.stdout).unwrap();
    assert_eq!(whoami["status"]["userInfo"]["username"], cluster.user);
    for (namespace, may) in [(cluster.namespace.as_str(), "yes"), ("nowhere", "no")] {
        let can = kubectl(&sandbox, &["auth", "can-i", "get", "secrets/db", "-n", namespace]);
        assert_eq!(can.stdout.trim(), may, "{}", can.stderr);
    }
}

/// What passes is waited out by all, what does not is the same refusal.
#[test]
fn the_official_clients_meet_the_same_faults() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let namespace = cluster.namespace.as_str();
    let get = ["get", "secret", "db"];
    for fault in [
        json!({ "status": 429, "headers": { "Retry-After": "1" } }),
        json!({ "status": 503, "headers": { "Retry-After": "1" } }),
        json!({ "status": 0 }),
    ] {
        cluster.fault(&fault);
        sandbox.run(&["exec", "app", "--", "true"]).expect_code(0);
        cluster.fault(&fault);
        let pythons = official(&sandbox, namespace, "db");
        assert_eq!(
            pythons["data"]["password"],
            base64(PASSWORD.as_bytes()),
            "{fault}: {pythons}"
        );
        // kubectl gives up at a dropped connection, or not, by how far it was.
        if fault["status"] != 0 {
            cluster.fault(&fault);
            kubectl(&sandbox, &get).expect_code(0);
        }
    }
    // Each is given as many as it tries.
    let again = |fault: &Value, times: u32| {
        let mut fault = fault.clone();
        fault["times"] = times.into();
        cluster.fault(&fault);
    };
    for (fault, code, error, tries) in [
        (
            json!({ "status": 503, "body": "<html>" }),
            "E-PROVIDER-UPSTREAM",
            json!(503),
            1,
        ),
        (json!({ "status": 429 }), "E-K8S-RATE", json!(429), 1),
        (json!({ "status": 0 }), "E-PROVIDER-UPSTREAM", json!("network"), 4),
    ] {
        again(&fault, 3);
        refused(&sandbox, code);
        again(&fault, tries);
        assert_eq!(official(&sandbox, namespace, "db")["error"], error, "{fault}");
        if tries == 1 {
            again(&fault, 1);
            assert_ne!(kubectl(&sandbox, &get).code, 0, "{fault}");
        }
    }
    for (at, name, code, error, reason) in [
        (namespace, "none", "E-K8S-NOTFOUND", 404, "NotFound"),
        ("nowhere", "db", "E-K8S-403", 403, "Forbidden"),
    ] {
        cluster.role(&sandbox, &format!("k8s:{at}/{name}#password"));
        refused(&sandbox, code);
        assert_eq!(official(&sandbox, at, name)["error"], error);
        let theirs = kubectl(&sandbox, &["get", "secret", name, "-n", at]);
        assert!(theirs.stderr.contains(reason), "{}", theirs.stderr);
    }
}

/// What the system puts into a pod lies at one place on every machine: this pod sees its own.
struct Pod {
    sandbox: Sandbox,
}

impl Pod {
    fn new(cluster: &Cluster) -> Self {
        let mut sandbox = Sandbox::new();
        cluster.role(&sandbox, "k8s:db#password");
        sandbox.write("account/token", &cluster.token);
        sandbox.write("account/namespace", &cluster.namespace);
        sandbox.write("account/ca.crt", &fs::read_to_string(&servers().ca).unwrap());
        let address = servers().kube_addr.strip_prefix("https://").unwrap();
        let (host, port) = address.split_once(':').unwrap();
        sandbox.set("KUBERNETES_SERVICE_HOST", host);
        sandbox.set("KUBERNETES_SERVICE_PORT", port);
        Self { sandbox }
    }

    fn run(&self, words: &[&str], input: &str) -> Outcome {
        let script = "mount -t tmpfs none /var/run || exit 99\nat=/var/run/secrets/kubernetes.io/serviceaccount\n\
                      mkdir -p $at && cp account/* $at || exit 99\nexec \"$@\"\n";
        let words = [&["-rm", "sh", "-c", script, "sh"][..], words].concat();
        finish(self.sandbox.command_of(Path::new("unshare"), &words), input.as_bytes())
    }

    #[track_caller]
    fn refused(&self, code: &str) -> String {
        let said = self
            .run(&[HALLPASS, "exec", "app", "--", "true"], "")
            .expect_code(125)
            .stderr;
        assert!(said.contains(&format!("error[{code}]")), "not {code}:\n{said}");
        said
    }

    /// The official client's answer, which takes its login from the pod too.
    #[track_caller]
    fn official(&self, namespace: &str) -> Value {
        let words = python();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = self.run(&words, &question(None, namespace, "db")).expect_code(0);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

#[test]
fn the_service_account_of_a_pod() {
    let cluster = Cluster::new();
    let pod = Pod::new(&cluster);
    let get = [servers().kubectl.as_str(), "get", "secret", "db", "-o", "json"];
    let script = "printf %s \"$PASSWORD\" >seen";
    pod.run(&[HALLPASS, "exec", "app", "--", "sh", "-c", script], "")
        .expect_code(0);
    assert_eq!(fs::read_to_string(pod.sandbox.home().join("seen")).unwrap(), PASSWORD);
    assert_eq!(
        pod.official(&cluster.namespace)["data"]["password"],
        base64(PASSWORD.as_bytes())
    );
    let theirs: Value = serde_json::from_str(&pod.run(&get, "").expect_code(0).stdout).unwrap();
    assert_eq!(theirs["data"]["password"], base64(PASSWORD.as_bytes()));
    let report = pod.run(&[HALLPASS, "check", "app", "--json"], "").expect_code(0).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let endpoint = format!("{}, from inside the pod", servers().kube_addr);
    assert_eq!(report["providers"][0]["endpoint"], endpoint);

    // A kubeconfig goes before it, like with kubectl.
    pod.sandbox.write(".kube/config", &cluster.kubeconfig("{token: wrong}"));
    pod.refused("E-K8S-401");
    assert_ne!(pod.run(&get, "").code, 0);
    fs::remove_file(pod.sandbox.home().join(".kube/config")).unwrap();
    pod.sandbox.write("account/token", "of-nobody-here");
    let said = pod.refused("E-K8S-401");
    assert!(!said.contains("of-nobody-here"), "{said}");
    assert_eq!(pod.official(&cluster.namespace)["error"], 401);
    assert_ne!(pod.run(&get, "").code, 0);
    fs::remove_file(pod.sandbox.home().join("account/token")).unwrap();
    let said = pod.refused("E-K8S-NOCONFIG");
    assert!(said.contains("automountServiceAccountToken"), "{said}");
    assert_eq!(pod.official(&cluster.namespace)["error"], "config");
}

/// Where the double saw somebody act as somebody else: as whom, in which groups, by which uid.
fn acted(cluster: &Cluster) -> Vec<Value> {
    let log = control("log", &json!({}));
    let own = |entry: &&Value| entry["path"].as_str().unwrap().contains(&cluster.namespace) && entry["as"].is_array();
    log.as_array()
        .unwrap()
        .iter()
        .filter(own)
        .map(|entry| entry["as"].clone())
        .collect()
}

#[test]
fn acting_as_somebody_else_opens_a_session() {
    let cluster = Cluster::new();
    let rules = json!([["(get|list)", "secrets", cluster.namespace, ".*"]]);
    control("user", &json!({ "name": cluster.user, "rules": rules }));
    let (admin, token) = (unique("admin"), unique("token"));
    let may_act = json!([["impersonate", "users", "", cluster.user]]);
    control("user", &json!({ "name": admin, "token": token, "rules": may_act }));
    let acting = format!(
        "{{token: {token}, as: {}, as-groups: [dba, on call], as-uid: u-7}}",
        cluster.user
    );
    let sandbox = cluster.sandbox(&acting);
    let script = "printf %s \"$PASSWORD\" >seen";
    sandbox.run(&["exec", "app", "--", "sh", "-c", script]).expect_code(0);
    assert_eq!(fs::read_to_string(sandbox.home().join("seen")).unwrap(), PASSWORD);
    let as_whom = json!([cluster.user, ["dba", "on call"], "u-7"]);
    assert_eq!(acted(&cluster), std::slice::from_ref(&as_whom));
    let theirs = kubectl(&sandbox, &["get", "secret", "db", "-o", "json"]).expect_code(0);
    let theirs: Value = serde_json::from_str(&theirs.stdout).unwrap();
    assert_eq!(theirs["data"]["password"], base64(PASSWORD.as_bytes()));
    assert_eq!(acted(&cluster), [as_whom.clone(), as_whom]);
    sandbox.run(&["check", "app"]).expect_code(0);
    // Not as just anybody, and not as oneself.
    for user in [
        format!("{{token: {token}, as: somebody-else}}"),
        format!("{{token: {token}}}"),
    ] {
        let sandbox = cluster.sandbox(&user);
        refused(&sandbox, "E-K8S-403");
        let theirs = kubectl(&sandbox, &["get", "secret", "db"]);
        assert!(theirs.stderr.contains("Forbidden"), "{}", theirs.stderr);
    }
}

/// A proxy that leads where it is asked to; with its address and the first lines of what it was asked.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || lead(near, &kept));
        }
    });
    (address, asked)
}

fn lead(mut near: TcpStream, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && near.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&head)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut far = TcpStream::connect(line.split(' ').nth(1).unwrap_or_default())?;
    kept.lock().unwrap().push(line);
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut back, mut forth) = (far.try_clone()?, near.try_clone()?);
    let answers = std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut forth);
        forth.shutdown(Shutdown::Both)
    });
    let _ = std::io::copy(&mut near, &mut far);
    far.shutdown(Shutdown::Write)?;
    answers.join().unwrap()
}

#[test]
fn the_proxy_that_a_kubeconfig_names() {
    let cluster = Cluster::new();
    let sandbox = cluster.logged_in();
    let (address, asked) = proxy();
    let text = fs::read_to_string(sandbox.home().join(".kube/config")).unwrap();
    let through = text.replace(
        "cluster: {server:",
        &format!("cluster: {{proxy-url: \"{address}\", server:"),
    );
    assert_ne!(text, through);
    sandbox.write(".kube/config", &through);
    let line = format!(
        "CONNECT {} HTTP/1.1",
        servers().kube_addr.strip_prefix("https://").unwrap()
    );
    sandbox.run(&["exec", "app", "--", "true"]).expect_code(0);
    assert_eq!(*asked.lock().unwrap(), std::slice::from_ref(&line));
    kubectl(&sandbox, &["get", "secret", "db"]).expect_code(0);
    let lines = asked.lock().unwrap().clone();
    assert!(lines.len() > 1 && lines.iter().all(|one| *one == line), "{lines:?}");
    sandbox.write(".kube/config", &through.replace(&address, "http://127.0.0.1:9"));
    assert!(refused(&sandbox, "E-NET-PROXY").contains("proxy-url is wrong"));
}
