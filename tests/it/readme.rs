//! The README is true: each of its `console` blocks runs in a home of its own and answers what it says there. A line of an answer
//! that ends in … stands for any text from there on, a line that is only … for any lines. Of the two commands that a stranger
//! begins with, `tests/run` is this very run, and `cargo run --release -- ARGS…` is the binary under test, in a terminal.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::sandbox::{Sandbox, finish};
use crate::tmux::Tmux;

#[test]
fn the_console_blocks_are_true() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(!blocks.is_empty(), "the README has no ```console block");
    for block in blocks {
        let sandbox = Sandbox::new();
        for (command, expected) in steps(block) {
            if command == "tests/run" {
                continue;
            }
            if let Some(args) = command.strip_prefix("cargo run --release -- ") {
                let terminal = Tmux::hallpass(&sandbox, (100, 30), &args.split(' ').collect::<Vec<_>>());
                terminal.wait("demo-shell  ");
                continue;
            }
            let mut shell: Command =
                sandbox.command_of(Path::new("/bin/sh"), &["-c", &format!("exec 2>&1; {command}")]);
            shell.env("SHELL", "/bin/sh");
            let outcome = finish(shell, b"");
            assert!(
                answers(&outcome.stdout, &expected),
                "$ {command}\n--- the README says\n{expected}\n--- it answers\n{}",
                outcome.stdout
            );
        }
    }
}

#[test]
fn a_block_that_is_not_true_is_found() {
    assert!(answers("one\ntwo 17 ms\nthree\n", "one\ntwo …\n…"));
    assert!(answers("one\ntwo\nthree\n", "…\nthree"));
    assert!(!answers("one\ntwo\n", "one\nthree"));
    assert!(!answers("one\ntwo\n", "one"));
    assert!(!answers("one\n", "one\n…\ntwo"));
}

/// What stands between ```console and ```.
fn blocks(readme: &str) -> Vec<&str> {
    readme
        .split("\n```console\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default())
        .collect()
}

/// The commands of a block, each behind `$ `, and the lines that answer it.
fn steps(block: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), String::new())),
            (None, Some((command, _))) if command.ends_with('\\') => *command = format!("{command}\n{line}"),
            (None, Some((_, answer))) => *answer = format!("{answer}{line}\n"),
            (None, None) => panic!("a console block begins with a command: {line}"),
        }
    }
    steps
}

fn answers(said: &str, expected: &str) -> bool {
    lines_match(
        &said.trim_end().lines().collect::<Vec<_>>(),
        &expected.trim_end().lines().collect::<Vec<_>>(),
    )
}

fn lines_match(said: &[&str], expected: &[&str]) -> bool {
    match expected {
        [] => said.is_empty(),
        ["…", rest @ ..] => (0..=said.len()).any(|skipped| lines_match(&said[skipped..], rest)),
        [line, rest @ ..] => said.split_first().is_some_and(|(first, said)| {
            let same = line
                .strip_suffix('…')
                .map_or(first.trim_end() == line.trim_end(), |start| first.starts_with(start));
            same && lines_match(said, rest)
        }),
    }
}
