//! The local store as a person has it: many runs at once, runs that are killed, values typed and piped and never shown.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::canary::Canary;
use crate::sandbox::{Sandbox, wait};
use crate::tmux::Tmux;

fn entries(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.run(&["secret", "list", "--json"]).expect_code(0).stdout;
    let document: Value = serde_json::from_str(&listed).unwrap();
    document["secrets"].as_array().unwrap().clone()
}

#[test]
fn a_killed_run_loses_nothing_it_acknowledged() {
    let sandbox = Sandbox::new();
    sandbox.store("a#key", "the first value");
    let mut known = 1;
    for round in 0..60 {
        let mut run = sandbox
            .command(&["secret", "set", "a#key"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        run.stdin.take().unwrap().write_all(b"another value").unwrap();
        // Another moment of a run that takes some milliseconds, each round.
        std::thread::sleep(Duration::from_micros(round * 577 % 20_000));
        run.kill().unwrap();
        let acknowledged = wait(&mut run) == 0;
        let version = entries(&sandbox)[0]["version"].as_u64().unwrap();
        let changed = version == known + 1;
        assert!(
            changed || (version == known && !acknowledged),
            "{version} after {known}, acknowledged: {acknowledged}"
        );
        known = version;
    }
    sandbox.store("a#key", "the lock went with the process");
    assert_eq!(entries(&sandbox)[0]["version"], known + 1);
}

#[test]
fn many_runs_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    let start = |n: usize| {
        let mut run = sandbox
            .command(&["secret", "set", &format!("shared#key-{n}")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        run.stdin.take().unwrap().write_all(b"some value").unwrap();
        run
    };
    // The store itself is made by one of them.
    let mut runs: Vec<_> = (0..16).map(start).collect();
    for run in &mut runs {
        assert_eq!(wait(run), 0);
    }
    assert_eq!(entries(&sandbox)[0]["keys"].as_array().unwrap().len(), 16);
}

#[test]
fn a_value_is_in_no_file_and_no_output() {
    let canary = Canary::new();
    let sandbox = Sandbox::new();
    let mut said = Vec::new();
    let mut run = |args: &[&str], input: &[u8], code: i32| {
        let outcome = sandbox.run_with_input(args, input).expect_code(code);
        said.extend_from_slice(outcome.stdout.as_bytes());
        said.extend_from_slice(outcome.stderr.as_bytes());
    };
    let value = canary.value();
    run(&["secret", "set", "db/pg#password"], value.as_bytes(), 0);
    run(
        &["secret", "set", "db/pg#password", "--json"],
        format!("{value}\n").as_bytes(),
        0,
    );
    // Typed where it must not be: refused, and not repeated.
    run(&["secret", "set", "db/pg#password", value], b"", 2);
    run(&["secret", "set", "db/pg#password", "--", value], b"", 2);
    run(
        &["secret", "set", "db/pg#password", &format!("--value={value}")],
        b"",
        2,
    );
    run(&["secret", "set", &format!("db/pg#password={value}")], b"", 2);
    run(&["secret", "list", "--json"], b"", 0);
    run(&["secret", "rm", "db/pg", "--json"], b"", 0);
    assert_eq!(canary.in_bytes("output", &said), []);
    assert_eq!(canary.in_files(sandbox.home()), []);
}

#[test]
fn a_value_is_typed_unseen_and_the_echo_comes_back() {
    let canary = Canary::of("typed-Zp3%value".to_owned());
    let sandbox = Sandbox::new();
    let terminal = Tmux::shell(&sandbox, (100, 24));
    terminal.line("hallpass secret set db/pg#password; echo done $?");
    terminal.wait("(not shown)");
    terminal.line(canary.value());
    terminal.wait("done 0");
    terminal.line("hallpass secret set db/pg#password; echo done $?");
    terminal.wait_until("a second question", |screen| screen.matches("(not shown)").count() == 2);
    terminal.type_text(canary.value());
    terminal.keys(&["C-c"]);
    terminal.wait("done 130");
    assert_eq!(canary.in_bytes("terminal", &terminal.bytes()), []);
    terminal.line("stty -a | grep -ow -- '-*echo' | tr '\\n' '!'");
    terminal.wait("echo!");
    assert_eq!(entries(&sandbox)[0]["version"], 1);
}

#[test]
fn a_passphrase_is_asked_for_where_it_is_needed() {
    let canary = Canary::of("correct horse Zp3".to_owned());
    let mut sandbox = Sandbox::new();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    terminal.line("hallpass secret set --passphrase db#password; echo made $?");
    terminal.wait("Passphrase of the new store");
    terminal.line(canary.value());
    terminal.wait("The same again");
    terminal.line(canary.value());
    terminal.wait("(not shown)");
    terminal.line("the stored value");
    terminal.wait("made 0");

    sandbox.roles("[roles.kept]\ncommand = ['true']\nenv = 'dev'\nfields.P = '_local:db:password'\n");
    let locked = sandbox.run(&["exec", "kept", "--", "true"]).expect_code(125);
    assert!(locked.stderr.contains("E-LOCAL-LOCKED"), "{}", locked.stderr);
    terminal.line("clear; hallpass exec kept -- sh -c 'echo length ${#P}'");
    terminal.wait("Passphrase of the local store");
    terminal.line(canary.value());
    terminal.wait("length 16");
    assert_eq!(canary.in_bytes("terminal", &terminal.bytes()), []);
    assert_eq!(canary.in_files(&sandbox.home().join("data")), []);
    sandbox.set("CI", "true");
    sandbox.run(&["secret", "list"]).expect_code(1);
}
