//! Networks and servers that misbehave, through the program itself: how often it asks, how long it waits, and what it never does.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::liar::{Liar, http};
use crate::sandbox::{Outcome, Sandbox};

const VALUE: &str = r#"{"data":{"password":"good-morning-42"}}"#;
const TOKEN: &str = "s.abcdefghijklmnopqrstuvwx";

/// A home with one role that reads KV v1 of this server.
fn sandbox(liar: &Liar) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("VAULT_ADDR", &liar.address);
    sandbox.set("VAULT_TOKEN", TOKEN);
    sandbox.roles("[roles.db]\ncommand = [\"true\"]\nfields.PASSWORD = \"_vaultkv1:kv/db:password\"\n");
    sandbox
}

fn exec(liar: &Liar, flags: &[&str]) -> (Outcome, Duration) {
    let started = Instant::now();
    let words: Vec<&str> = ["exec"]
        .iter()
        .chain(flags)
        .chain(&["db", "--", "true"])
        .copied()
        .collect();
    let outcome = sandbox(liar).run(&words);
    (outcome, started.elapsed())
}

#[track_caller]
fn fails(liar: &Liar, code: &str) -> Duration {
    let (outcome, took) = exec(liar, &[]);
    let Outcome { stderr, .. } = outcome.expect_code(125);
    assert!(stderr.contains(&format!("error[{code}]")), "not {code}:\n{stderr}");
    assert!(!stderr.contains("good-morning") && !stderr.contains(TOKEN), "{stderr}");
    took
}

/// How often the secret itself was asked for.
fn reads(liar: &Liar) -> usize {
    liar.asked()
        .iter()
        .filter(|head| head.starts_with("GET /v1/kv/db"))
        .count()
}

/// A server that is well, and whose first `times` answers to a read are `first`.
fn flapping(times: usize, first: String) -> Liar {
    let count = Mutex::new(0);
    Liar::new(move |head| {
        if head.contains("sys/health") {
            return http("200 OK", "", r#"{"initialized":true,"sealed":false,"standby":false}"#);
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count <= times {
            first.clone()
        } else {
            http("200 OK", "", VALUE)
        }
    })
}

#[test]
fn a_fault_that_passes_is_not_noticed_and_one_that_stays_is_said() {
    for status in ["500 Oh", "502 Oh", "503 Oh", "504 Oh"] {
        let liar = flapping(2, http(status, "", "<html>good-morning"));
        exec(&liar, &[]).0.expect_code(0);
        assert_eq!(reads(&liar), 3, "{status}");
    }
    let liar = flapping(9, http("503 Oh", "", ""));
    fails(&liar, "E-PROVIDER-UPSTREAM");
    assert_eq!(reads(&liar), 3, "a read is sent three times at most");
}

#[test]
fn a_pause_that_the_server_asks_for_is_made_if_anybody_still_waits() {
    let liar = flapping(1, http("429 Too Many Requests", "Retry-After: 1\r\n", ""));
    let (outcome, took) = exec(&liar, &[]);
    outcome.expect_code(0);
    assert!(took >= Duration::from_secs(1), "{took:?}");

    // Longer than the launch has, longer than half a minute: said at once.
    for wait in ["20", "86400", "Fri, 01 Jan 2038 00:00:00 GMT"] {
        let liar = flapping(
            9,
            http("429 Too Many Requests", &format!("Retry-After: {wait}\r\n"), ""),
        );
        let took = fails(&liar, "E-VAULT-RATE");
        assert!(took < Duration::from_secs(12), "{wait}: {took:?}");
        assert_eq!(reads(&liar), 1, "{wait}");
    }
    let liar = flapping(2, http("503 Oh", "Retry-After: whenever\r\n", ""));
    exec(&liar, &[]).0.expect_code(0);
}

#[test]
fn a_redirect_within_the_server_is_followed_once_and_no_other_ever() {
    let moved = |target: &str| http("302 Found", &format!("Location: {target}\r\n"), "");
    let within = Liar::new(move |head| {
        if head.contains("/v1/kv/db ") {
            moved("/v1/moved/db")
        } else {
            http("200 OK", "", VALUE)
        }
    });
    exec(&within, &[]).0.expect_code(0);

    let circle = Liar::new(|head| {
        if head.contains("sys/health") {
            return http("404 Not Found", "", "");
        }
        let round = head.split(' ').nth(1).unwrap_or("/").len();
        http("302 Found", &format!("Location: /v1/{}\r\n", "x".repeat(round)), "")
    });
    fails(&circle, "E-NET-REDIRECT");
    let gets = circle
        .asked()
        .iter()
        .filter(|head| !head.contains("sys/health"))
        .count();
    assert_eq!(gets, 2, "{:?}", circle.asked());

    let sink = Liar::new(|_| http("200 OK", "", VALUE));
    let port = sink.address.rsplit(':').next().unwrap().to_owned();
    for target in [
        sink.address.clone(),
        format!("//127.0.0.1:{port}/v1/kv/db"),
        format!("https://127.0.0.1:{port}/v1/kv/db"),
        "file:///etc/passwd".to_owned(),
        "http://[".to_owned(),
    ] {
        let away = Liar::new(move |_| http("307 Temporary Redirect", &format!("Location: {target}\r\n"), ""));
        fails(&away, "E-NET-REDIRECT");
    }
    assert!(
        sink.asked().is_empty(),
        "what we carry went elsewhere: {:?}",
        sink.asked()
    );
}

#[test]
fn answers_that_would_fill_the_memory_or_the_stack() {
    let deep = "[".repeat(100_000);
    let bodies = [
        http("200 OK", "", &format!("{{\"data\":{deep}")),
        http("200 OK", "", &"x".repeat(3 * 1024 * 1024)),
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_owned(),
        // Compressed answers are not asked for and not opened.
        http("200 OK", "Content-Encoding: gzip\r\n", VALUE).replace("{\"data\"", "\u{1f}\u{8b}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            "ffff\r\n".to_owned() + &"y".repeat(100)
        ),
    ];
    // Deep and whole, it is a value: the text of a list.
    let whole = format!("{{\"data\":{{\"password\":{deep}{}}}}}", "]".repeat(100_000));
    fails(&Liar::new(move |_| http("200 OK", "", &whole)), "E-REF-TOO-LARGE");
    for body in bodies {
        let liar = Liar::new(move |_| body.clone());
        fails(&liar, "E-PROVIDER-UPSTREAM");
    }
}

#[test]
fn one_deadline_for_the_whole_launch() {
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let mut sandbox = Sandbox::new();
    sandbox.set("VAULT_ADDR", &address);
    sandbox.set("VAULT_TOKEN", TOKEN);
    sandbox.roles("[roles.db]\ncommand = [\"true\"]\nfields.PASSWORD = \"_vaultkv1:kv/db:password\"\n");
    for command in [
        &["exec", "--timeout", "700ms", "db", "--", "true"][..],
        &["connect", "--timeout", "700ms", "db"],
    ] {
        let started = Instant::now();
        let Outcome { stderr, .. } = sandbox.run(command).expect_code(125);
        let took = started.elapsed();
        assert!(
            stderr.contains("E-NET-TIMEOUT") && stderr.contains("700 ms"),
            "{stderr}"
        );
        assert!(
            took >= Duration::from_millis(700) && took < Duration::from_secs(10),
            "{took:?}"
        );
    }
    for wrong in ["0s", "5", "1h", "soon"] {
        let Outcome { stderr, .. } = sandbox
            .run(&["exec", "--timeout", wrong, "db", "--", "true"])
            .expect_code(125);
        assert!(stderr.contains("E-USAGE") && stderr.contains("500ms"), "{stderr}");
    }
}
