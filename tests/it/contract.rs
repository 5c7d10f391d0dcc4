//! What every kind of provider owes the rest of the program, tried on each one that this binary can open.
//!
//! A kind is one entry of [`KINDS`]. One that can be opened and has none fails the first test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use hallpass::config::{Config, FolderFlags, LoadOptions, load};
use hallpass::domain::problem::Problem;
use hallpass::domain::reference::{ProviderKind, SecretId};
use hallpass::providers::{PROVIDERS, Providers, World};
use serde_json::{Value, json};

use crate::canary::Canary;
use crate::request::control;
use crate::sandbox::{HALLPASS, Sandbox, eventually, finish, wait};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;
use crate::trace;

/// One kind of provider, and how a test brings it about.
struct Kind {
    kind: ProviderKind,
    /// Settings and environment that lead to a server on this port of the loopback; none where there is no network.
    at: Option<fn(&mut Sandbox, u16)>,
    /// Its real peer, with the canary in a secret.
    peer: fn(&mut Sandbox, &Canary) -> Peer,
}

/// A secret that the provider can read.
struct Peer {
    /// As a role names it, without the provider: `secret/orders#password`.
    path: String,
    /// The requests about it so far, as the server or the wire logged them; none where nobody is asked.
    log: Option<Box<dyn Fn() -> Vec<String>>>,
    /// Whether a line of the log is a request for the value.
    is_read: fn(&str) -> bool,
    /// The wire to it, where it can be listened to: what was answered tells more than what was asked.
    wire: Option<Arc<Wire>>,
    /// What the login holds or is given, or how that begins: no log may show it either.
    credentials: Vec<String>,
}

const KINDS: &[Kind] = &[
    Kind {
        kind: ProviderKind::Vault,
        at: Some(|sandbox, port| {
            settings(
                sandbox,
                &format!("[providers.vault]\naddress = \"http://127.0.0.1:{port}\"\ntoken = \"t\"\n"),
            );
        }),
        peer: vault,
    },
    Kind {
        kind: ProviderKind::Aws,
        at: Some(|sandbox, port| {
            settings(
                sandbox,
                &format!("[providers.aws]\nregion = \"eu-west-1\"\nendpoint = \"http://127.0.0.1:{port}\"\n"),
            );
            sandbox.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
            sandbox.set("AWS_SECRET_ACCESS_KEY", "secret-of-the-example");
        }),
        peer: aws,
    },
    Kind {
        kind: ProviderKind::Azure,
        at: Some(|sandbox, port| azure_at(sandbox, &format!("https://127.0.0.1:{port}"), "client", "client-secret")),
        peer: azure,
    },
    Kind {
        kind: ProviderKind::Gcp,
        at: Some(|sandbox, port| gcp_at(sandbox, &format!("https://127.0.0.1:{port}"))),
        peer: gcp,
    },
    Kind {
        kind: ProviderKind::K8s,
        at: Some(|sandbox, port| k8s_at(sandbox, &format!("https://127.0.0.1:{port}"), "token")),
        peer: k8s,
    },
    Kind {
        kind: ProviderKind::Env,
        at: None,
        peer: |sandbox, canary| {
            sandbox.set("CONTRACT", canary.value());
            unlogged("CONTRACT")
        },
    },
    Kind {
        kind: ProviderKind::EnvJson,
        at: None,
        peer: |sandbox, canary| {
            sandbox.set("CONTRACT", &json!({ "password": canary.value() }).to_string());
            unlogged("CONTRACT#password")
        },
    },
    Kind {
        kind: ProviderKind::Local,
        at: None,
        peer: |sandbox, canary| {
            sandbox.store("contract#password", canary.value());
            unlogged("contract#password")
        },
    },
];

fn unlogged(path: &str) -> Peer {
    Peer {
        path: path.to_owned(),
        log: None,
        is_read: |_| false,
        wire: None,
        credentials: Vec::new(),
    }
}

/// Adds to `config.toml`.
fn settings(sandbox: &Sandbox, more: &str) {
    let file = sandbox.home().join("config/config.toml");
    let before = std::fs::read_to_string(file).unwrap_or_default();
    sandbox.config(&format!("{before}{more}"));
}

fn vault(sandbox: &mut Sandbox, canary: &Canary) -> Peer {
    servers().mount_kv("secret", 2);
    let name = unique("contract");
    servers().vault(
        "POST",
        &format!("secret/data/{name}"),
        &json!({ "data": { "password": canary.value() } }),
    );
    let wire = Wire::to(servers().vault_addr.strip_prefix("http://").unwrap());
    settings(
        sandbox,
        &format!("[providers.vault]\naddress = \"http://127.0.0.1:{}\"\n", wire.port),
    );
    sandbox.set("VAULT_TOKEN", &servers().vault_token);
    let listened = Arc::clone(&wire);
    Peer {
        path: format!("secret/{name}#password"),
        log: Some(Box::new(move || wire.lines(&name))),
        is_read: |line| line.starts_with("GET /v1/secret/data/"),
        wire: Some(listened),
        credentials: vec![servers().vault_token.clone()],
    }
}

fn aws(sandbox: &mut Sandbox, canary: &Canary) -> Peer {
    let name = unique("contract");
    let get = |name: &str| std::env::var(name).unwrap();
    let (endpoint, id, secret) = (
        get("HP_AWS_ENDPOINT"),
        get("HP_AWS_ACCESS_KEY_ID"),
        get("HP_AWS_SECRET_ACCESS_KEY"),
    );
    let value = json!({ "password": canary.value() }).to_string();
    let order = json!({ "endpoint": endpoint, "region": "eu-west-1", "key_id": id, "secret_key": secret, "calls": [
        { "service": "secretsmanager", "call": "create_secret", "arguments": { "Name": name, "SecretString": value } },
    ] });
    let mut python = Command::new(&servers().python);
    python
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/aws_call.py"))
        .env_clear()
        .env("PYTHONPATH", &servers().python_path);
    let made = finish(python, order.to_string().as_bytes()).expect_code(0).stdout;
    assert!(made.contains("\"ARN\""), "{made}");
    let wire = Wire::to(endpoint.strip_prefix("http://").unwrap());
    settings(
        sandbox,
        &format!(
            "[providers.aws]\nregion = \"eu-west-1\"\nendpoint = \"http://127.0.0.1:{}\"\n",
            wire.port
        ),
    );
    sandbox.set("AWS_ACCESS_KEY_ID", &id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", &secret);
    let listened = Arc::clone(&wire);
    Peer {
        path: format!("{name}#password"),
        log: Some(Box::new(move || wire.lines("secretsmanager."))),
        is_read: |line| line.contains("GetSecretValue"),
        wire: Some(listened),
        credentials: vec![secret],
    }
}

/// The requests that a double logged about something.
fn logged(address: &str, about: &str) -> Vec<String> {
    let log = control(address, "log", &json!({}));
    let line = |entry: &Value| {
        // Kubernetes gives metadata and content at one path, told apart by what is accepted.
        let metadata = if entry["metadata"] == true { " metadata" } else { "" };
        let word = |name: &str| entry[name].as_str().unwrap();
        format!("{} {}{metadata}", word("method"), word("path"))
    };
    log.as_array()
        .unwrap()
        .iter()
        .map(line)
        .filter(|line| line.contains(about))
        .collect()
}

fn azure_at(sandbox: &mut Sandbox, url: &str, client: &str, secret: &str) {
    settings(
        sandbox,
        &format!(
            "[providers.azure]\nurl = \"{url}\"\nauthority_host = \"{url}\"\nallow_custom_host = true\nca_cert = \"{}\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{client}\"\nclient_secret = \"{secret}\"\n",
            servers().ca
        ),
    );
}

const TENANT: &str = "11111111-1111-4111-8111-111111111111";

fn azure(sandbox: &mut Sandbox, canary: &Canary) -> Peer {
    let get = |name: &str| std::env::var(name).unwrap();
    let clear = get("HP_AZURE_CLEAR");
    let name = unique("contract").replace('_', "-");
    let (client, secret) = (unique("client").replace('_', "-"), unique("client-secret"));
    control(
        &clear,
        "app",
        &json!({ "tenant": TENANT, "client": client, "secret": secret }),
    );
    let value = json!({ "password": canary.value() }).to_string();
    control(&clear, "secret", &json!({ "name": name, "value": value }));
    azure_at(sandbox, &get("HP_AZURE_URL"), &client, &secret);
    Peer {
        path: format!("{name}#password"),
        // The first question is asked without a login, to be told where to log in: it is refused and reads nothing.
        log: Some(Box::new(move || {
            let log = control(&clear, "log", &json!({}));
            let entries = log.as_array().unwrap().iter();
            let own = entries.filter(|entry| entry["who"] == client.as_str());
            own.map(|entry| entry["path"].as_str().unwrap().to_owned())
                .filter(|path| path.contains(&name))
                .collect()
        })),
        // A version that never was holds no value: asking for it shows whether the policy would let us read one.
        is_read: |line| !line.contains("/versions") && !line.contains("/00000000000000000000000000000000?"),
        wire: None,
        // Every token of this double begins like that.
        credentials: vec![secret, "eyJ0eXAiOiJKV1QifQ.".to_owned()],
    }
}

fn gcp_at(sandbox: &mut Sandbox, endpoint: &str) {
    let key = json!({
        "type": "service_account", "project_id": "hp-project", "private_key_id": "1f2e3d",
        "private_key": std::fs::read_to_string(&servers().gcp_key).unwrap(),
        "client_email": "full@hp-project.iam.gserviceaccount.com", "client_id": "1", "token_uri": format!("{endpoint}/token"),
    });
    let file = sandbox.write("credentials.json", &key.to_string());
    sandbox.set("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap());
    let ca = &servers().ca;
    settings(
        sandbox,
        &format!("[providers.gcp]\nendpoint = \"{endpoint}\"\nca_cert = \"{ca}\"\nproject = \"hp-project\"\n"),
    );
}

fn gcp(sandbox: &mut Sandbox, canary: &Canary) -> Peer {
    let name = unique("contract");
    let value = json!({ "password": canary.value() }).to_string();
    control(
        &servers().gcp_plain_addr,
        "secret",
        &json!({ "name": name, "versions": [{ "data": value }] }),
    );
    gcp_at(sandbox, &servers().gcp_addr);
    let key = std::fs::read_to_string(&servers().gcp_key).unwrap();
    Peer {
        path: format!("{name}#password"),
        log: Some(Box::new(move || logged(&servers().gcp_plain_addr, &name))),
        is_read: |line| line.contains(":access"),
        wire: None,
        credentials: vec![key.lines().nth(5).unwrap().to_owned(), "ya29.".to_owned()],
    }
}

fn k8s_at(sandbox: &mut Sandbox, server: &str, token: &str) {
    let ca = &servers().ca;
    let file = sandbox.write(
        "kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
             clusters: [{{name: main, cluster: {{server: \"{server}\", certificate-authority: {ca}}}}}]\n\
             contexts: [{{name: main, context: {{cluster: main, user: main, namespace: contract}}}}]\n\
             users: [{{name: main, user: {{token: {token}}}}}]\n"
        ),
    );
    sandbox.set("KUBECONFIG", file.to_str().unwrap());
    settings(sandbox, "[providers.k8s]\ncontext = \"main\"\n");
}

fn k8s(sandbox: &mut Sandbox, canary: &Canary) -> Peer {
    let plain = &servers().kube_plain_addr;
    let (name, token) = (unique("contract").replace('_', "-"), unique("token"));
    let data = base64::engine::general_purpose::STANDARD.encode(canary.value());
    control(plain, "namespace", &json!({ "name": "contract" }));
    let rules = json!([["(get|list)", "secrets", "contract", ".*"]]);
    control(
        plain,
        "user",
        &json!({ "name": name, "token": token, "seconds": 3600, "rules": rules }),
    );
    let secret = json!({ "namespace": "contract", "name": name, "data": { "password": data } });
    control(plain, "secret", &secret);
    k8s_at(sandbox, &servers().kube_addr, &token);
    Peer {
        path: format!("{name}#password"),
        log: Some(Box::new(move || logged(&servers().kube_plain_addr, &name))),
        is_read: |line| line.contains("/secrets/") && !line.ends_with(" metadata"),
        wire: None,
        credentials: vec![token],
    }
}

/// A port in front of a server, which keeps what clients say to it and what it answers.
struct Wire {
    port: u16,
    said: Arc<Mutex<Vec<u8>>>,
    answered: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    fn to(server: &str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            said: Arc::default(),
            answered: Arc::default(),
        });
        let (said, answered, server) = (Arc::clone(&wire.said), Arc::clone(&wire.answered), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let twins = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (said, answered) = (Arc::clone(&said), Arc::clone(&answered));
                std::thread::spawn(move || pass(client, server, &said));
                std::thread::spawn(move || pass(twins.1, twins.0, &answered));
            }
        });
        wire
    }

    /// The lines of all requests that hold this.
    fn lines(&self, part: &str) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let text = String::from_utf8_lossy(&said);
        text.lines()
            .filter(|line| line.contains(part))
            .map(str::to_owned)
            .collect()
    }
}

/// Hands on what comes until one side is done, and keeps it.
fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        kept.lock().unwrap().extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Takes connections and never says a word.
struct BlackHole {
    port: u16,
    taken: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, open): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let counts = (Arc::clone(&taken), Arc::clone(&open));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, (taken, open)) = (stream.unwrap(), counts.clone());
                open.fetch_add(1, Ordering::SeqCst);
                taken.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    // Until the other side has gone.
                    let mut bytes = [0; 4096];
                    while let Ok(1..) = stream.read(&mut bytes) {}
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, taken, open }
    }
}

/// The library's view of a sandbox.
struct Opened {
    config: Config,
    providers: Providers,
}

fn opened(sandbox: &Sandbox) -> Opened {
    let env: BTreeMap<_, _> = sandbox
        .env()
        .iter()
        .map(|(name, value)| (name.clone(), value.into()))
        .collect();
    let home = sandbox.home().to_owned();
    let config = load(&LoadOptions {
        flags: FolderFlags::default(),
        profile: None,
        env: env.clone(),
        home: Some(home.clone()),
        system_dir: home.join("system"),
    });
    assert_eq!(config.problems, []);
    let world = World {
        env: Arc::new(env),
        home: Some(home),
        data_folder: config.folders.data.clone(),
        state_folder: config.folders.state.clone(),
        runtime_folder: config.folders.runtime.clone(),
    };
    Opened {
        providers: Providers::new(&config.providers, &world),
        config,
    }
}

impl Opened {
    /// The secret of the role's first field, and the key that it picks.
    fn secret(&self, role: &str) -> (SecretId, Option<String>) {
        let role = self.config.roles.iter().find(|known| known.name == role).unwrap();
        let reference = role.fields[0].source.references()[0].clone();
        (reference.id, reference.key)
    }
}

/// A role `one` with one field, and a role `ten` with ten, all from this path.
fn roles(sandbox: &Sandbox, kind: ProviderKind, path: &str) {
    let field = |n: usize| format!("fields.F{n} = {{ secret = \"{}:{path}\" }}\n", kind.word());
    let ten: String = (0..10).map(field).collect();
    sandbox.roles(&format!(
        "[roles.one]\ncommand = [\"true\"]\n{}\n[roles.ten]\ncommand = [\"true\"]\n{ten}",
        field(0)
    ));
}

/// A sandbox for a kind whose server is its real peer.
fn with_peer(kind: &Kind, canary: &Canary) -> (Sandbox, Peer) {
    let mut sandbox = Sandbox::new();
    let peer = (kind.peer)(&mut sandbox, canary);
    roles(&sandbox, kind.kind, &peer.path);
    (sandbox, peer)
}

/// A sandbox for a kind whose server is a black hole; none where there is no network.
fn in_a_hole(kind: &Kind, limit: &str) -> Option<(Sandbox, BlackHole)> {
    let (mut sandbox, hole) = (Sandbox::new(), BlackHole::new());
    (kind.at?)(&mut sandbox, hole.port);
    settings(&sandbox, &format!("timeout = \"{limit}\"\n"));
    let path = if kind.kind == ProviderKind::Vault {
        "secret/db#password"
    } else {
        "db#password"
    };
    roles(&sandbox, kind.kind, path);
    Some((sandbox, hole))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn every_kind_has_an_entry_and_a_name_of_its_own() {
    let kinds: BTreeSet<_> = PROVIDERS.iter().map(|spec| spec.kind).collect();
    assert_eq!(kinds.len(), PROVIDERS.len(), "a kind stands twice in PROVIDERS");
    assert_eq!(kinds.len(), ProviderKind::ALL.len(), "a kind is missing in PROVIDERS");
    let titles: BTreeSet<_> = PROVIDERS.iter().map(|spec| spec.title).collect();
    assert_eq!(titles.len(), PROVIDERS.len());
    for spec in PROVIDERS.iter().filter(|spec| spec.open.is_some()) {
        let entries = KINDS.iter().filter(|kind| kind.kind == spec.kind).count();
        assert_eq!(entries, 1, "the contract does not try {}", spec.kind.word());
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    for kind in KINDS {
        let Some((sandbox, hole)) = in_a_hole(kind, "400ms") else {
            continue;
        };
        let word = kind.kind.word();
        let opened = opened(&sandbox);
        let (id, _) = opened.secret("one");
        let runtime = runtime();
        let provider = opened.providers.get(word).unwrap();
        let timed = |what: &str, work: &mut dyn FnMut() -> Problem| {
            let started = Instant::now();
            let problem = work();
            let took = started.elapsed();
            assert_eq!(problem.code.id, "E-NET-TIMEOUT", "{word}, {what}: {problem}");
            // A read is sent three times at most, each within the limit, with pauses between; the ladder has a login before it.
            assert!(took < Duration::from_secs(10), "{word}, {what}: {took:?}");
        };
        timed("fetch", &mut || runtime.block_on(provider.fetch(&id)).err().unwrap());
        timed("inspect", &mut || {
            runtime.block_on(provider.inspect(&id, &[])).unwrap_err()
        });
        timed("probe", &mut || runtime.block_on(provider.probe()).problem.unwrap());
        assert!(hole.taken.load(Ordering::SeqCst) > 0, "{word} was somewhere else");
        eventually("all connections are closed", || hole.open.load(Ordering::SeqCst) == 0);

        // And the deadline of a launch goes before all limits.
        let Some((sandbox, _hole)) = in_a_hole(kind, "60s") else {
            continue;
        };
        let started = Instant::now();
        let said = sandbox
            .run(&["exec", "--timeout", "1s", "one", "--", "true"])
            .expect_code(125)
            .stderr;
        assert!(
            said.contains("E-NET-TIMEOUT") && started.elapsed() < Duration::from_secs(10),
            "{word}: {said}"
        );
    }
}

#[test]
fn what_is_dropped_lets_go_of_its_connection() {
    for kind in KINDS {
        let Some((sandbox, hole)) = in_a_hole(kind, "60s") else {
            continue;
        };
        let word = kind.kind.word();
        let opened = opened(&sandbox);
        let (id, _) = opened.secret("one");
        let provider = opened.providers.get(word).unwrap();
        let runtime = runtime();
        for what in ["fetch", "inspect", "probe"] {
            let before = hole.taken.load(Ordering::SeqCst);
            let (asked, secret) = (Arc::clone(&provider), id.clone());
            let work = runtime.spawn(async move {
                match what {
                    "fetch" => drop(asked.fetch(&secret).await),
                    "inspect" => drop(asked.inspect(&secret, &[]).await),
                    _ => drop(asked.probe().await),
                }
            });
            eventually("it is connected", || hole.taken.load(Ordering::SeqCst) > before);
            work.abort();
            let deadline = Instant::now() + Duration::from_secs(5);
            while hole.open.load(Ordering::SeqCst) > 0 {
                assert!(
                    Instant::now() < deadline,
                    "{word}: {what} was dropped and holds its connection"
                );
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

#[test]
fn ten_references_to_one_secret_are_one_request() {
    for kind in KINDS {
        let (sandbox, peer) = with_peer(kind, &Canary::new());
        sandbox.run(&["exec", "ten", "--", "true"]).expect_code(0);
        let Some(log) = peer.log else { continue };
        let reads: Vec<String> = log().into_iter().filter(|line| (peer.is_read)(line)).collect();
        assert_eq!(reads.len(), 1, "{}: {reads:#?}", kind.kind.word());
    }
}

#[test]
fn a_check_reads_no_value() {
    for kind in KINDS {
        // Letters that no encoding changes.
        let canary = Canary::of(unique("canary-value"));
        let (sandbox, peer) = with_peer(kind, &canary);
        let word = kind.kind.word();
        sandbox.run(&["check", "ten"]).expect_code(0);
        sandbox.run(&["provider", "test", word]).expect_code(0);
        let Some(log) = peer.log else { continue };
        let asked = log();
        assert!(!asked.is_empty(), "{word}: the log knows of nothing");
        if let Some(wire) = peer.wire {
            let seen = || canary.in_bytes(word, &wire.answered.lock().unwrap());
            assert_eq!(seen(), []);
            sandbox.run(&["exec", "one", "--", "true"]).expect_code(0);
            assert_ne!(seen(), [], "{word}: a read would not have been noticed");
        } else {
            let reads: Vec<&String> = asked.iter().filter(|line| (peer.is_read)(line)).collect();
            assert!(reads.is_empty(), "{word}: {reads:#?}");
        }
    }
}

#[test]
fn no_value_stands_in_an_error_or_in_any_log() {
    for kind in KINDS {
        let canary = Canary::new();
        let (sandbox, peer) = with_peer(kind, &canary);
        let word = kind.kind.word();
        let opened = opened(&sandbox);
        let (id, key) = opened.secret("one");
        let runtime = runtime();
        let (log, said) = trace::captured(|| {
            let provider = opened.providers.get(word).unwrap();
            runtime.block_on(async {
                let mut said = Vec::new();
                let fetched = provider
                    .fetch(&id)
                    .await
                    .unwrap_or_else(|problem| panic!("{word}: {problem}"));
                let wrong = fetched.payload.pick(Some("no.such.key")).err();
                said.push(format!("{wrong:?}"));
                said.push(format!(
                    "{:?}",
                    provider
                        .inspect(&id, &key.as_slice().iter().map(String::as_str).collect::<Vec<_>>())
                        .await
                ));
                said.push(format!("{:?}", provider.probe().await));
                let missing = SecretId {
                    path: format!("{}-is-not-there", id.path),
                    ..id.clone()
                };
                said.push(format!("{:?}", provider.fetch(&missing).await.err()));
                said.extend(
                    provider
                        .fetch_all(&[id.clone(), missing])
                        .await
                        .into_iter()
                        .map(|read| format!("{:?}", read.err())),
                );
                said.join("\n")
            })
        });
        let credentials = peer.credentials.into_iter().map(Canary::of);
        for hidden in credentials.chain([canary]) {
            assert_eq!(hidden.in_bytes(&format!("{word}: an error"), said.as_bytes()), []);
            assert_eq!(hidden.in_bytes(&format!("{word}: the log"), log.as_bytes()), []);
            // The search would find it, on another thread too.
            let leak = || tracing::trace!(value = hidden.value(), "leak");
            let (leaked, ()) = trace::captured(|| std::thread::scope(|threads| threads.spawn(leak).join().unwrap()));
            assert_ne!(hidden.in_bytes("a planted leak", leaked.as_bytes()), []);
        }
        // And there was something to search.
        assert!(
            peer.log.is_none() || log.len() > 1000,
            "{word}: only {} bytes were logged",
            log.len()
        );
    }
}

#[test]
fn nobody_is_asked() {
    for kind in KINDS {
        let word = kind.kind.word();
        let sandboxes = [
            Some(with_peer(kind, &Canary::new()).0),
            in_a_hole(kind, "300ms").map(|(sandbox, _)| sandbox),
        ];
        for sandbox in sandboxes.into_iter().flatten() {
            for args in [&["check", "one"][..], &["provider", "test", word]] {
                let (input, mut typed) = std::io::pipe().unwrap();
                typed.write_all(b"yes\n").unwrap();
                // A session without a terminal.
                let mut command = sandbox.command_of(servers().python.as_ref(), &[]);
                command
                    .args([
                        "-c",
                        "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])",
                        HALLPASS,
                    ])
                    .args(args)
                    .stdin(input.try_clone().unwrap())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                let mut child = command.spawn().unwrap();
                wait(&mut child);
                drop((typed, command));
                let mut left = Vec::new();
                let mut input = input;
                input.read_to_end(&mut left).unwrap();
                assert_eq!(left, b"yes\n", "{word}: {args:?} read what was typed");
            }
        }
    }
}

/// With a terminal in reach, and nobody at its keys: everything ends by itself, and a launch has shown no question.
#[test]
fn nobody_is_asked_at_a_terminal_either() {
    for kind in KINDS {
        let word = kind.kind.word();
        let answering = [
            (Some(with_peer(kind, &Canary::new()).0), 0),
            (in_a_hole(kind, "300ms").map(|(sandbox, _)| sandbox), 125),
        ];
        for (sandbox, code) in answering {
            let Some(sandbox) = sandbox else { continue };
            let script = format!(
                "hallpass check one >checked 2>&1; hallpass provider test {word} >tested 2>&1; exec hallpass exec one -- true"
            );
            let terminal = Tmux::start(&sandbox, (100, 30), &["sh", "-c", &script]);
            assert_eq!(terminal.exit_code(), code, "{word}: {}", terminal.history());
            let shown = terminal.history();
            let first = shown.lines().find(|line| !line.is_empty()).unwrap_or_default();
            assert!(
                if code == 0 {
                    first.is_empty()
                } else {
                    first.starts_with("error[")
                },
                "{word}: {shown}"
            );
        }
    }
}

/// A launch may ask for the passphrase of a local store, and a check may not: it says that the store is locked.
#[test]
fn a_check_asks_for_no_passphrase() {
    let sandbox = Sandbox::new();
    let terminal = Tmux::start(
        &sandbox,
        (100, 30),
        &[HALLPASS, "secret", "set", "--passphrase", "db#password"],
    );
    for (asked, typed) in [
        ("Passphrase of the new store", "correct horse"),
        ("The same again", "correct horse"),
        ("(not shown)", "the value"),
    ] {
        terminal.wait(asked);
        terminal.line(typed);
    }
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.screen());
    roles(&sandbox, ProviderKind::Local, "db#password");
    for args in [&["check", "one"][..], &["provider", "test", "local"]] {
        let terminal = Tmux::hallpass(&sandbox, (100, 30), args);
        assert_ne!(terminal.exit_code(), 0, "{args:?}: {}", terminal.history());
        let shown = terminal.history();
        assert!(
            shown.contains("E-LOCAL-LOCKED") && !shown.contains("Passphrase of"),
            "{args:?}: {shown}"
        );
    }
}
