//! What a Vault does in moments that a true one has seldom, acted by a small server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::kept::Kept;
use super::login::{Life, Origin, Token};
use super::settings::VaultSettings;
use crate::domain::lease::Lease;
use crate::domain::reference::{Kind, Pin, ProviderKind, SecretId};
use crate::providers::{ProviderConfig, Providers, Setting, World, climb, leases};

/// A server that answers as it is told, and every question so far: `GET /v1/secret/data/db by TOKEN`.
struct Double {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    fn new(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", server.local_addr().unwrap());
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let known = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in server.incoming().flatten() {
                let (known, answer) = (Arc::clone(&known), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(&stream);
                    let (mut question, mut token, mut length) = (String::new(), String::new(), 0);
                    loop {
                        let mut line = String::new();
                        lines.read_line(&mut line).unwrap();
                        match line.trim_end().split_once(": ") {
                            None if question.is_empty() => question = line.trim_end().replace(" HTTP/1.1", ""),
                            None => break,
                            Some(("x-vault-token", value)) => value.clone_into(&mut token),
                            Some(("content-length", value)) => length = value.parse().unwrap(),
                            Some(_) => {}
                        }
                    }
                    lines.take(length).read_to_end(&mut Vec::new()).unwrap();
                    let question = format!("{question} by {token}");
                    known.lock().unwrap().push(question.clone());
                    let (status, body) = answer(&question);
                    let body = body.to_string();
                    let head = format!(
                        "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close",
                        body.len()
                    );
                    let _ = write!(stream, "{head}\r\n\r\n{body}");
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self, question: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.starts_with(question)).count()
    }
}

const END: &str = "POST /v1/auth/token/revoke-self by child";

/// A database engine whose credentials are made with a token of their own, `child`.
fn database(question: &str) -> (u16, Value) {
    // Leases are known by these names to the whole process.
    static CHILDREN: AtomicUsize = AtomicUsize::new(0);
    let (question, _) = question.split_once(" by ").unwrap();
    match question.trim_start_matches("GET ").trim_start_matches("POST ") {
        "/v1/sys/internal/ui/mounts/database/creds/app" => (
            200,
            json!({ "data": { "path": "database/", "type": "database", "options": {} } }),
        ),
        "/v1/sys/internal/ui/mounts/kv/db" => (
            200,
            json!({ "data": { "path": "kv/", "type": "kv", "options": { "version": "1" } } }),
        ),
        "/v1/kv/db" => (200, json!({ "data": { "password": "s3cret" } })),
        "/v1/auth/token/lookup-self" => (200, json!({ "data": { "policies": ["app"], "renewable": false } })),
        "/v1/sys/capabilities-self" => (
            200,
            json!({ "data": { "auth/token/create": ["update"], "auth/token/revoke-accessor": ["update"] } }),
        ),
        "/v1/auth/token/create" => (
            200,
            json!({ "auth": { "client_token": "child", "accessor": format!("child-{}", CHILDREN.fetch_add(1, Ordering::Relaxed)),
                    "lease_duration": 86400, "renewable": true } }),
        ),
        "/v1/database/creds/app" => (
            200,
            json!({ "lease_id": "database/creds/app/1", "lease_duration": 3600, "renewable": true,
                    "data": { "username": "v-app", "password": "s3cret" } }),
        ),
        "/v1/sys/leases/renew" => (200, json!({ "renewable": true, "lease_duration": 3600 })),
        "/v1/auth/token/revoke-self" => (204, Value::Null),
        _ => denied(),
    }
}

fn denied() -> (u16, Value) {
    (403, json!({ "errors": ["permission denied"] }))
}

fn id(provider: &str, kind: Kind, path: &str) -> SecretId {
    SecretId {
        provider: provider.to_owned(),
        kind,
        path: path.to_owned(),
        pin: None,
    }
}

const VAULT: Kind = Kind::Of(ProviderKind::Vault);

fn now<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

/// The provider `eu`, whose login is that of a person.
struct Bench {
    providers: Providers,
    kept: Kept,
    _home: tempfile::TempDir,
}

impl Bench {
    fn of(server: &Double) -> Self {
        let home = tempfile::tempdir().unwrap();
        let world = World {
            state_folder: home.path().join("state"),
            runtime_folder: home.path().join("run"),
            ..World::of(&[])
        };
        let text = |text: &str| Setting::Text(text.to_owned());
        let login = [("method", "userpass"), ("username", "ann")].map(|(key, value)| (key.to_owned(), text(value)));
        let settings = [
            ("address", text(&server.address)),
            ("auth", Setting::Table(login.into())),
        ];
        let config = ProviderConfig::of("eu", ProviderKind::Vault, &settings);
        let subject = VaultSettings::read(&config, &world).ok().unwrap().subject();
        Self {
            providers: Providers::new(&[("eu".to_owned(), config)].into(), &world),
            kept: Kept::new(&world.runtime_folder, "eu", subject),
            _home: home,
        }
    }

    /// As another process keeps the login that it has made.
    fn keep(&self, token: &str) {
        let token = Token::of(token.to_owned().into(), Origin::Person, Life::default());
        self.kept.write(&token).unwrap();
    }
}

#[test]
fn a_login_made_elsewhere_is_found_and_no_lease_is_lost() {
    let server = Double::new(database);
    let bench = Bench::of(&server);
    bench.keep("first");
    now(async {
        let vault = bench.providers.get("eu").unwrap();
        let made = vault.fetch(&id("eu", VAULT, "database/creds/app")).await.unwrap();
        let lease = made.lease.as_ref().unwrap().lease().clone();
        bench.keep("second");
        bench.providers.reopen("eu");
        let vault = bench.providers.get("eu").unwrap();
        assert_eq!(vault.renew(&lease).await.map(|lease| lease.renewable), Ok(true));
        vault.fetch(&id("eu", VAULT, "kv/db")).await.unwrap();
    });
    assert_eq!(server.asked("GET /v1/kv/db by second"), 1);
}

/// The code of a credential that the server refuses to make, where `answer` is asked first; and the person's login is kept.
fn refused(answer: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> &'static str {
    let server = Double::new(move |question| match answer(question) {
        Some(answer) => answer,
        None if question.starts_with("GET /v1/database/creds/app") => denied(),
        None => database(question),
    });
    let bench = Bench::of(&server);
    bench.keep("first");
    let vault = bench.providers.get("eu").unwrap();
    let made = now(vault.fetch(&id("eu", VAULT, "database/creds/app")));
    assert!(bench.kept.path().exists(), "the login is well");
    let asked = server.asked.lock().unwrap().clone();
    let mut behind = asked.iter().skip_while(|asked| !asked.starts_with(END)).skip(1);
    // Who ends it looks whether it is dead, where that is refused.
    assert!(
        behind.all(|asked| asked == "GET /v1/auth/token/lookup-self by child"),
        "{asked:#?}"
    );
    made.err().unwrap().code.id
}

#[test]
fn a_refusal_is_explained_before_its_token_is_ended() {
    let ended = (Mutex::new(false), Condvar::new());
    let code = refused(move |question| {
        let (is_ended, told) = &ended;
        let mut is_ended = is_ended.lock().unwrap();
        match question {
            END => {
                *is_ended = true;
                told.notify_all();
                None
            }
            // Whatever is on its way at the same time arrives first.
            "GET /v1/auth/token/lookup-self by child" => {
                let waited = told.wait_timeout_while(is_ended, Duration::from_millis(300), |ended| !*ended);
                let (is_ended, _) = waited.unwrap_or_else(PoisonError::into_inner);
                is_ended.then(denied)
            }
            question => (*is_ended && question.ends_with(" by child")).then(denied),
        }
    });
    assert_eq!(code, "E-VAULT-403");
}

#[test]
fn a_token_of_a_leases_own_that_dies_alone_is_not_the_login() {
    let code = refused(|question| question.ends_with(" by child").then(denied));
    assert_eq!(code, "E-VAULT-403");
}

#[test]
fn a_login_that_fails_is_tried_once_for_all() {
    let server = Double::new(|_| (400, json!({ "errors": ["invalid role or secret ID"] })));
    let world = World::of(&[
        ("VAULT_ADDR", &server.address),
        ("VAULT_APP_ROLE_ID", "role"),
        ("VAULT_APP_ROLE_SECRET_ID", "wrong"),
    ]);
    let providers = Providers::new(&[].into(), &world);
    let secrets = [(VAULT, "kv/db"), (Kind::VaultKv2, "db"), (Kind::VaultKv1, "kv/other")];
    let secrets = secrets.map(|(kind, path)| id("vault", kind, path));
    let answers = now(providers.get("vault").unwrap().fetch_all(&secrets));
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert!(answer.err().unwrap().code.id.starts_with("E-VAULT-"));
    }
    assert_eq!(server.asked("POST /v1/auth/approle/login"), 1);
}

#[test]
fn a_secret_spelt_in_two_ways_is_read_once() {
    let versioned = json!({ "data": { "data": { "password": "s3cret" }, "metadata": { "version": 7, "created_time": "", "deletion_time": "", "destroyed": false } } });
    let server = Double::new(move |_| (200, versioned.clone()));
    let world = World::of(&[("VAULT_ADDR", &server.address), ("VAULT_TOKEN", "token")]);
    let providers = Providers::new(&[].into(), &world);
    let secrets = ["db", "secret/data/db"].map(|path| id("vault", Kind::VaultKv2, path));
    let answers = now(providers.get("vault").unwrap().fetch_all(&secrets));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.asked("GET /v1/secret/data/db"), 1);
}

/// A lease of the provider `vault` that an earlier run has made, known by its name alone.
fn left(number: u8) -> Lease {
    Lease {
        provider: "vault".to_owned(),
        id: format!("database/creds/app/left-{number}"),
        accessor: None,
        renewable: false,
        ttl: Duration::ZERO,
        expires: jiff::Timestamp::MAX,
    }
}

#[test]
fn a_login_that_dies_says_nothing_of_a_lease_that_another_token_made() {
    let looked = AtomicUsize::new(0);
    let server = Double::new(move |question| {
        let alive =
            question.starts_with("GET /v1/auth/token/lookup-self") && looked.fetch_add(1, Ordering::Relaxed) == 0;
        if alive { (200, json!({ "data": {} })) } else { denied() }
    });
    let world = World::of(&[("VAULT_ADDR", &server.address), ("VAULT_TOKEN", "token")]);
    let providers = Providers::new(&[].into(), &world);
    let answer = now(providers.get("vault").unwrap().revoke(&left(1)));
    assert_eq!(answer.unwrap_err().code.id, "E-VAULT-LEASE-403");
}

#[test]
fn a_login_is_ended_when_what_was_left_is_given_back() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = Double::new(move |question| match question.split_once(" by ").unwrap().0 {
        "POST /v1/auth/approle/login" => (
            200,
            json!({ "auth": { "client_token": "own", "accessor": "own", "lease_duration": 3600, "renewable": false } }),
        ),
        "POST /v1/sys/leases/revoke" => {
            let _ = held.lock().unwrap().recv();
            (204, Value::Null)
        }
        _ => (204, Value::Null),
    });
    let home = tempfile::tempdir().unwrap();
    let world = World {
        state_folder: home.path().to_owned(),
        ..World::of(&[
            ("VAULT_ADDR", &server.address),
            ("VAULT_APP_ROLE_ID", "role"),
            ("VAULT_APP_ROLE_SECRET_ID", "secret"),
        ])
    };
    let providers = Providers::new(&[].into(), &world);
    let endpoint = providers.get("vault").unwrap().endpoint();
    leases::left_behind(&providers, &left(2), endpoint);
    leases::sweep(&providers);
    let asked = |question: &str| {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while server.asked(question) == 0 && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        server.asked(question)
    };
    assert_eq!(asked("POST /v1/sys/leases/revoke"), 1);
    leases::leave();
    // Long enough for an end that waits for nothing.
    let ended = || server.asked("POST /v1/auth/token/revoke-self");
    let until = std::time::Instant::now() + Duration::from_millis(300);
    while std::time::Instant::now() < until && ended() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(ended(), 0, "the login is still needed");
    let_go.send(()).unwrap();
    assert_eq!(asked("POST /v1/auth/token/revoke-self by own"), 1);
}

#[test]
fn a_server_that_does_not_say_where_a_secret_is_is_waited_for_once() {
    let versioned = json!({ "data": { "data": { "password": "s3cret" }, "metadata": { "version": 7, "created_time": "", "deletion_time": "", "destroyed": false } } });
    let (read, seen) = std::sync::mpsc::channel::<()>();
    let seen = Mutex::new(seen);
    let server = Double::new(move |question| {
        if question.starts_with("GET /v1/secret/data/db") {
            let _ = read.send(());
            return (200, versioned.clone());
        }
        // Says nothing before the other secret was asked for.
        let asked = seen.lock().unwrap().recv_timeout(Duration::from_secs(20));
        assert!(asked.is_ok());
        denied()
    });
    let world = World::of(&[("VAULT_ADDR", &server.address), ("VAULT_TOKEN", "token")]);
    let config = ProviderConfig::of(
        "vault",
        ProviderKind::Vault,
        &[("timeout", Setting::Text("1m".to_owned()))],
    );
    let providers = Providers::new(&[("vault".to_owned(), config)].into(), &world);
    let secrets = [id("vault", VAULT, "kv/other"), id("vault", Kind::VaultKv2, "db")];
    let answers = now(async {
        let vault = providers.get("vault").unwrap();
        let all = vault.fetch_all(&secrets);
        tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! {
                answers = all => answers.len(),
                () = async { while server.asked("GET /v1/secret/data/db") == 0 { tokio::task::yield_now().await } } => 0,
            }
        })
        .await
    });
    assert!(answers.is_ok(), "it waits for where the other one is");
}

#[test]
fn a_version_that_may_be_what_is_missing_is_named() {
    let answered = |metadata: (u16, Value)| {
        let server = Double::new(move |question| match question.split_once(" by ").unwrap().0 {
            "GET /v1/auth/token/lookup-self" => (200, json!({ "data": {} })),
            "GET /v1/secret/metadata/db" => metadata.clone(),
            "GET /v1/secret/data/db?version=9" => (404, json!({ "errors": [] })),
            _ => denied(),
        });
        let world = World::of(&[("VAULT_ADDR", &server.address), ("VAULT_TOKEN", "token")]);
        let providers = Providers::new(&[].into(), &world);
        let secret = SecretId {
            pin: Some(Pin::Version("9".to_owned())),
            ..id("vault", Kind::VaultKv2, "secret/data/db")
        };
        now(providers.get("vault").unwrap().fetch(&secret)).err().unwrap()
    };
    let hidden = answered(denied());
    assert!(hidden.what.contains("no version 9"), "{}", hidden.what);
    assert!(
        hidden.causes[0].contains("never had a version 9"),
        "{:?}",
        hidden.causes
    );
    let gone = answered((404, json!({ "errors": [] })));
    assert_eq!(gone.what, "Vault has no secret at secret/db");
}

#[test]
fn a_server_that_is_slow_passes_a_check_that_has_time_for_it() {
    let server = Double::new(|question| {
        if question.starts_with("GET /v1/auth/token/lookup-self") {
            std::thread::sleep(Duration::from_millis(3300));
        }
        match question.split_once(" by ").unwrap().0.split('?').next() {
            Some("GET /v1/sys/health") => (200, json!({ "initialized": true, "sealed": false, "standby": false })),
            _ => (200, json!({ "data": {} })),
        }
    });
    let text = |text: &str| Setting::Text(text.to_owned());
    let probed = |limit: &str| {
        let settings = [
            ("address", text(&server.address)),
            ("token", text("token")),
            ("timeout", text(limit)),
        ];
        let config = ProviderConfig::of("eu", ProviderKind::Vault, &settings);
        let providers = Providers::new(&[("eu".to_owned(), config)].into(), &World::of(&[]));
        now(async {
            let vault = providers.get("eu").unwrap();
            climb::probe("eu", &*vault, &[], None).await
        })
    };
    let (patient, by_default) = std::thread::scope(|scope| {
        let (patient, by_default) = (scope.spawn(|| probed("8s")), probed("5s"));
        (patient.join().unwrap(), by_default)
    });
    assert_eq!(patient.unwrap().problem, None);
    let problem = by_default.unwrap_err();
    assert_eq!(
        problem.what,
        "provider `eu` gave no answer within 3 s at the step `login`"
    );
    assert_eq!(problem.causes, climb::SLOW);
    assert!(
        problem.fixes[0].starts_with("timeout = \"12s\"   in [providers.eu]"),
        "{:?}",
        problem.fixes
    );
}

#[test]
fn a_version_that_the_settings_say_wrongly_is_put_right_there() {
    let server = Double::new(|question| match question.split_once(" by ").unwrap().0 {
        "GET /v1/auth/token/lookup-self" => (200, json!({ "data": {} })),
        "GET /v1/kv/db" => (
            404,
            json!({ "warnings": ["Invalid path for a versioned K/V secrets engine."] }),
        ),
        _ => denied(),
    });
    let text = |text: &str| Setting::Text(text.to_owned());
    let settings = [
        ("address", text(&server.address)),
        ("token", text("token")),
        ("kv", text("1")),
    ];
    let config = ProviderConfig::of("eu", ProviderKind::Vault, &settings);
    let providers = Providers::new(&[("eu".to_owned(), config)].into(), &World::of(&[]));
    let problem = now(providers.get("eu").unwrap().fetch(&id("eu", VAULT, "kv/db")))
        .err()
        .unwrap();
    assert_eq!(problem.code.id, "E-VAULT-KV-VERSION");
    assert!(
        problem.causes[0].starts_with("kv = 1 in [providers.eu]"),
        "{:?}",
        problem.causes
    );
    assert_eq!(problem.fixes, ["mounts = { \"kv\" = 2 }   in [providers.eu]"]);
}
