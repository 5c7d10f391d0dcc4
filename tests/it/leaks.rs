//! The search for canaries in everything that hallpass itself does (cases A and C): argument lists, environments, files, logs,
//! JSON, every screen. `canary.rs` proves that the search finds what is planted.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::canary::{Canary, Finding};
use crate::databases::open_role;
use crate::sandbox::{Sandbox, eventually, wait};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// A role `held` whose one secret is a canary in Vault.
fn sandbox_with(canary: &Canary) -> Sandbox {
    servers().mount_kv("secret", 2);
    let path = unique("leaks");
    servers().vault(
        "POST",
        &format!("secret/data/{path}"),
        &json!({ "data": { "token": canary.value() } }),
    );
    let sandbox = Sandbox::with_vault();
    sandbox.roles(&format!(
        "[roles.held]\ncommand = ['sh']\nenv = 'dev'\nfields.TOKEN = '_envs/vault/secret/{path}#token'\nfields.PLAIN = 'visible'\nfields.PS1 = '$ '\n"
    ));
    sandbox
}

/// A01, A02, A03: while a session starts and runs, no argument list and no environment but the child's own holds the value.
#[test]
fn only_the_child_holds_the_value() {
    let canary = Arc::new(Canary::new());
    let sandbox = sandbox_with(&canary);
    let over = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let (canary, over) = (Arc::clone(&canary), Arc::clone(&over));
        move || {
            let mut found = Vec::new();
            while !over.load(Ordering::SeqCst) {
                found.extend(canary.in_arguments());
            }
            found
        }
    });
    // The child answers once it runs and then waits for its input to end.
    let mut command = sandbox.command(&["exec", "held", "--", "sh", "-c", "echo ${#TOKEN}; read line"]);
    let mut launcher = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answer = String::new();
    BufReader::new(launcher.stdout.as_mut().unwrap())
        .read_line(&mut answer)
        .unwrap();
    assert_eq!(
        answer.trim_end(),
        canary.value().len().to_string(),
        "the child has the value, byte for byte"
    );
    let found: Vec<Finding> = canary.in_environments(|name| name == "sh");
    assert_eq!(found, []);
    let held: Vec<Finding> = canary.in_environments(|_| false);
    assert!(
        held.iter().any(|one| one.place == "environ of sh"),
        "the search sees the child: {held:?}"
    );
    launcher.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(wait(&mut launcher), 0);
    over.store(true, Ordering::SeqCst);
    assert_eq!(watch.join().unwrap(), []);
    assert_eq!(canary.in_files(sandbox.home()), []);
}

/// A07: whatever the child does, the system writes no core of it.
#[test]
fn the_child_leaves_no_core() {
    let sandbox = sandbox_with(&Canary::new());
    let outcome = sandbox
        .run(&["exec", "held", "--", "sh", "-c", "ulimit -c"])
        .expect_code(0);
    assert_eq!(outcome.stdout, "0\n");
}

/// A09, A15, A19: the loudest logging, every command that tells about a role, and all files that are left.
#[test]
fn nothing_tells_the_value() {
    let canary = Canary::new();
    let mut sandbox = sandbox_with(&canary);
    sandbox.set("RUST_LOG", "trace");
    sandbox.set("HALLPASS_LOG", "trace");
    sandbox.set("RUST_BACKTRACE", "full");
    sandbox.store("leaks/local#token", canary.value());
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["show", "held"],
        &["show", "held", "--json"],
        &["check"],
        &["check", "--json"],
        &["providers"],
        &["providers", "--json"],
        &["paths"],
        &["paths", "--json"],
        &["secret", "list"],
        &["secret", "list", "--json"],
        &["exec", "held", "--", "true"],
        &["exec", "held", "--", "no-such-program"],
        &["--help"],
    ] {
        let outcome = sandbox.run(args);
        assert!([0, 127].contains(&outcome.code), "{args:?}: {}", outcome.stderr);
        assert_eq!(canary.in_bytes("stdout", outcome.stdout.as_bytes()), [], "{args:?}");
        assert_eq!(canary.in_bytes("stderr", outcome.stderr.as_bytes()), [], "{args:?}");
    }
    assert_eq!(canary.in_files(sandbox.home()), []);
}

/// A11: every screen, the help, a session, the prefix menu.
#[test]
fn no_screen_shows_the_value() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let terminal = Tmux::hallpass(&sandbox, (120, 36), &[]);
    terminal.wait("held");
    for key in ["c", "Tab", "i", "Escape", "2", "c", "1", "?", "Escape"] {
        terminal.keys(&[key]);
        terminal.settled();
    }
    open_role(&terminal, "held");
    terminal.prompt();
    // Not echo: sh takes a backslash and a letter of the value for a command to it.
    terminal.line("printf '<%s> %s\\n' \"$TOKEN\" $((6 * 7))");
    let screen = terminal.wait("> 42");
    assert!(!screen.contains(canary.value()));
    terminal.keys(&["C-\\"]);
    terminal.settled();
    terminal.keys(&["Escape"]);
    assert_eq!(canary.in_bytes("terminal", &terminal.bytes()), []);
    assert_eq!(canary.in_bytes("scrollback", terminal.history().as_bytes()), []);
    // While the session is open: files, and every process but its shell (tmux never had it).
    assert_eq!(canary.in_files(sandbox.home()), []);
    assert_eq!(canary.in_environments(|name| name == "sh"), []);
}

/// A16: a value is never taken from the command line.
#[test]
fn no_argument_takes_a_value() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["secret", "set", "db/pg#password", "hunter22"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter22"), "repeated:\n{}", outcome.stderr);
    sandbox.store("db/pg#password", "hunter22");
}

/// C01: credentials of providers and whatever else is in the environment stay outside; what a child needs gets in.
#[test]
fn the_environment_of_the_child_is_an_allow_list() {
    let mut sandbox = sandbox_with(&Canary::new());
    let kept_out = [
        "VAULT_TOKEN",
        "VAULT_ADDR",
        "VAULT_APP_ROLE_SECRET_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "KUBECONFIG",
        "GITHUB_TOKEN",
        "HALLPASS_STORE_KEY_FILE",
        "DISPLAY",
        "SOMETHING_ELSE",
        "LD_AUDIT",
        "BASH_ENV",
    ];
    for name in kept_out {
        if name != "VAULT_TOKEN" && name != "VAULT_ADDR" {
            sandbox.set(name, "/nowhere/kept-out");
        }
    }
    sandbox.set("TZ", "UTC");
    sandbox.set("LC_TIME", "C.UTF-8");
    let dump = sandbox.run(&["exec", "held", "--", "env"]).expect_code(0).stdout;
    let names: Vec<&str> = dump
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    for name in kept_out {
        assert!(!names.contains(&name), "{name} reached the child");
    }
    for name in [
        "PATH",
        "HOME",
        "USER",
        "SHELL",
        "LANG",
        "LC_TIME",
        "TZ",
        "TMPDIR",
        "TERM",
        "TOKEN",
        "PLAIN",
        "HALLPASS_ROLE",
        "HALLPASS_ENV",
        "HALLPASS_SESSION_ID",
    ] {
        assert!(
            names.iter().filter(|one| **one == name).count() == 1,
            "{name} once in {names:?}"
        );
    }
    assert!(dump.contains("PLAIN=visible\n"), "a plain value is not masked:\n{dump}");
}

/// C02, C06, C11: names that change how programs load code, impossible names, a secret in an argument.
#[test]
fn dangerous_roles_are_refused() {
    for (role, code) in [
        (
            "command = ['true']\nfields.LD_PRELOAD = '/tmp/x.so'",
            "E-CONFIG-DANGEROUS-ENV",
        ),
        ("command = ['true']\nfields.PATH = '/tmp'", "E-CONFIG-DANGEROUS-ENV"),
        ("command = ['true']\nfields.'a b' = 'x'", "E-CONFIG-ENV-NAME"),
        ("command = ['true']\nfields.1X = 'x'", "E-CONFIG-ENV-NAME"),
        (
            "command = ['echo', '{TOKEN}']\nfields.TOKEN = '_envs/SOME_VARIABLE'",
            "E-REF-IN-ARGUMENT",
        ),
        (
            "command = ['true']\nfields.TOKEN = '_vautl:secret/x:y'",
            "E-CONFIG-REF-SYNTAX",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.roles(&format!("[roles.bad]\n{role}\n"));
        let stderr = sandbox
            .run(&["exec", "bad", "--", "touch", "started"])
            .expect_code(125)
            .stderr;
        assert!(
            stderr.contains(&format!("error[{code}]")),
            "not {code} for {role}:\n{stderr}"
        );
        assert!(stderr.contains("roles.toml:"), "no place:\n{stderr}");
        assert!(!sandbox.home().join("started").exists());
    }
}

/// C04, C05, C08, C09, C10: values that are hard to hand over arrive byte for byte or are refused, and are never read twice.
#[test]
fn awkward_values() {
    servers().mount_kv("secret", 2);
    let path = unique("awkward");
    let values = json!({
        "newline": "line one\nline two\n", "reference": "_envs/vault/secret/other#key", "nul": "a\u{0}b",
        "empty": "", "large": "x".repeat(140_000), "spaces": "  two  ", "number": 9007199254740991u64,
    });
    servers().vault("POST", &format!("secret/data/{path}"), &json!({ "data": values }));
    let sandbox = Sandbox::with_vault();
    let role =
        |key: &str| format!("[roles.{key}]\ncommand = ['true']\nfields.VALUE = '_envs/vault/secret/{path}#{key}'\n");
    sandbox.roles(
        &["newline", "reference", "nul", "large", "spaces", "number"]
            .map(role)
            .concat(),
    );
    let digest = |role: &str| {
        sandbox
            .run(&["exec", role, "--", "sh", "-c", "printf %s \"$VALUE\" | cksum"])
            .expect_code(0)
            .stdout
    };
    for key in ["newline", "reference", "spaces"] {
        assert_eq!(digest(key), cksum(values[key].as_str().unwrap()), "{key}");
    }
    assert_eq!(digest("number"), cksum("9007199254740991"));
    for (role, code) in [("nul", "E-REF-NUL-BYTE"), ("large", "E-REF-TOO-LARGE")] {
        let stderr = sandbox
            .run(&["exec", role, "--", "touch", "started"])
            .expect_code(125)
            .stderr;
        assert!(stderr.contains(code), "{role}: not {code}:\n{stderr}");
    }
    assert!(!sandbox.home().join("started").exists());
}

/// What `cksum` says of a text.
fn cksum(text: &str) -> String {
    let mut child = std::process::Command::new("cksum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// The local store's file and key are the person's alone, and hold nothing readable.
#[test]
fn the_local_store_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let canary = Canary::new();
    let sandbox = Sandbox::new();
    sandbox.store("db/pg#password", canary.value());
    assert_eq!(canary.in_files(sandbox.home()), []);
    let mut files = 0;
    for entry in fs::read_dir(sandbox.home().join("data")).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{} is open to others", entry.path().display());
        files += 1;
    }
    assert!(files > 0, "the store is not where HALLPASS_DATA_DIR says");
    let listed = sandbox.run(&["secret", "list", "--json"]).expect_code(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["schema_version"], 1);
    assert!(listed.to_string().contains("db/pg"), "{listed}");
    sandbox.run(&["secret", "rm", "db/pg#password"]).expect_code(0);
    eventually("it is gone", || {
        !sandbox.run(&["secret", "list"]).stdout.contains("db/pg")
    });
}
