//! How sessions end: by themselves, by a signal, with their terminal, with hallpass. Nothing is left behind and the terminal is sane.

use std::fs;
use std::process::Command;

use crate::databases::open_role;
use crate::sandbox::{self, HALLPASS, Sandbox, eventually};
use crate::tmux::Tmux;

const ROLES: &str = "\
[roles.shell]
command = ['sh']
env = 'dev'
fields.PS1 = '$ '
fields.TOKEN = '_envs/HP_LIFE_TOKEN'
[roles.stubborn]
command = ['sh', '-c', \"trap '' HUP TERM; echo stubborn $$; while :; do sleep 1; done\"]
env = 'dev'
fields.TOKEN = '_envs/HP_LIFE_TOKEN'
";

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_LIFE_TOKEN", "a token of some length");
    sandbox.roles(ROLES);
    sandbox
}

/// The processes whose home is this sandbox, but for tmux and the shells that the test itself put into it: name and pid.
fn left_behind(sandbox: &Sandbox) -> Vec<(String, i32)> {
    let home = format!("HOME={}", sandbox.home().display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm"))
            .unwrap_or_default()
            .trim_end()
            .to_owned();
        let of_the_test = name.starts_with("tmux") || name == "cat" || name == "bash";
        if !of_the_test && environ.split(|byte| *byte == 0).any(|one| one == home.as_bytes()) {
            found.push((name, pid));
        }
    }
    found
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    let mut left = Vec::new();
    for _ in 0..1500 {
        left = left_behind(sandbox);
        if left.is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("left behind: {left:?}");
}

fn signal(pid: i32, name: &str) {
    assert!(
        Command::new("kill")
            .args([&format!("-{name}"), &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// The pid of the process of this name in the sandbox.
#[track_caller]
fn pid_of(sandbox: &Sandbox, wanted: &str) -> i32 {
    let mut pid = 0;
    eventually(&format!("a process {wanted}"), || {
        let all = left_behind(sandbox);
        pid = all.iter().find(|(name, _)| name == wanted).map_or(0, |(_, pid)| *pid);
        pid != 0
    });
    pid
}

/// What a person relies on after a program has gone: echo, line editing, the main screen, a cursor, no mouse reports.
#[track_caller]
fn sane(terminal: &Tmux) {
    terminal.prompt();
    terminal.line("clear; stty -a | tr ' ' '\\n' | grep -xE 'echo;?|icanon;?|isig;?|opost;?|icrnl;?' | sort | tr '\\n' ' '; echo .");
    terminal.wait("echo icanon icrnl isig opost .");
    for (format, sane) in [
        ("#{alternate_on}", "0"),
        ("#{cursor_flag}", "1"),
        ("#{mouse_any_flag}", "0"),
        ("#{keypad_cursor_flag}", "0"),
    ] {
        assert_eq!(terminal.ask(format), sane, "{format}");
    }
    terminal.line("echo typed | tr d D");
    terminal.wait("typeD");
}

#[test]
fn a_session_that_ends_gives_the_terminal_back() {
    let sandbox = sandbox();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    for (leave, code) in [("exit 0", "0"), ("exit 7", "7"), ("kill -KILL $$", "137")] {
        terminal.line("clear; hallpass connect shell; echo code:$?");
        terminal.wait("Connected to shell");
        terminal.line(leave);
        terminal.wait(&format!("code:{code}"));
        sane(&terminal);
    }
    nothing_is_left(&sandbox);
}

#[test]
fn leaving_the_tui_gives_the_terminal_back() {
    let sandbox = sandbox();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    terminal.line("hallpass; echo code:$?");
    terminal.wait("stubborn");
    terminal.keys(&["q"]);
    terminal.wait("code:0");
    sane(&terminal);
    nothing_is_left(&sandbox);
}

#[test]
fn two_instances_at_once() {
    let sandbox = sandbox();
    let one = Tmux::hallpass(&sandbox, (100, 30), &[]);
    let other = Tmux::hallpass(&sandbox, (90, 28), &[]);
    for terminal in [&one, &other] {
        open_role(terminal, "shell");
        terminal.prompt();
    }
    one.line("echo one$((6 * 7))");
    other.line("echo other$((6 * 7))");
    one.wait("one42");
    other.wait("other42");
    assert!(!one.screen().contains("other42"));
    one.close();
    other.line("echo still$((6 * 7))");
    other.wait("still42");
    other.close();
    nothing_is_left(&sandbox);
}

#[test]
fn a_killed_child() {
    let sandbox = sandbox();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    terminal.line("hallpass connect shell; echo code:$?");
    terminal.wait("Connected to shell");
    signal(pid_of(&sandbox, "sh"), "KILL");
    terminal.wait("code:137");
    sane(&terminal);

    let tui = Tmux::hallpass(&sandbox, (100, 30), &[]);
    open_role(&tui, "shell");
    tui.prompt();
    signal(pid_of(&sandbox, "sh"), "KILL");
    tui.wait_until("a bar that says how it ended", |screen| {
        screen.to_lowercase().contains("kill") || screen.contains("137")
    });
    tui.close();
    nothing_is_left(&sandbox);
}

#[test]
fn what_hallpass_was_told_to_ignore_a_session_obeys() {
    let sandbox = sandbox();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    terminal.line("(trap '' INT; hallpass -q exec shell -- sh -c 'kill -INT $$; echo deaf'; echo code:$?)");
    terminal.wait("code:130");
    nothing_is_left(&sandbox);
}

#[test]
fn a_closed_terminal_ends_everything() {
    for tui in [false, true] {
        let sandbox = sandbox();
        let terminal = if tui {
            let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
            open_role(&terminal, "stubborn");
            terminal
        } else {
            Tmux::hallpass(&sandbox, (100, 30), &["connect", "stubborn"])
        };
        terminal.wait("stubborn ");
        pid_of(&sandbox, "sh");
        terminal.close();
        nothing_is_left(&sandbox);
    }
}

#[test]
fn signals_to_hallpass_end_everything_and_leave_a_sane_terminal() {
    for (name, args) in [
        ("TERM", ""),
        ("TERM", "connect shell"),
        ("HUP", ""),
        ("HUP", "connect shell"),
        ("KILL", "connect shell"),
    ] {
        let sandbox = sandbox();
        let terminal = Tmux::shell(&sandbox, (100, 30));
        terminal.line(&format!("hallpass {args}; echo o''ver"));
        if args.is_empty() {
            open_role(&terminal, "shell");
        } else {
            terminal.wait("Connected to shell");
        }
        pid_of(&sandbox, "sh");
        signal(pid_of(&sandbox, "hallpass"), name);
        terminal.wait("over");
        sane(&terminal);
        nothing_is_left(&sandbox);
    }
}

/// `kill -9` runs no code of hallpass: the child must go all the same, from the TUI too.
#[test]
fn nothing_outlives_a_killed_hallpass() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    open_role(&terminal, "stubborn");
    terminal.wait("stubborn ");
    pid_of(&sandbox, "sh");
    signal(pid_of(&sandbox, "hallpass"), "KILL");
    nothing_is_left(&sandbox);
}

/// `exec` passes signals on and has the child's exit code.
#[test]
fn exec_is_transparent() {
    let sandbox = sandbox();
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 124", 124),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        sandbox
            .run(&["exec", "shell", "--", "sh", "-c", script])
            .expect_code(code);
    }
    sandbox
        .run(&["exec", "shell", "--", "no-such-program-anywhere"])
        .expect_code(127);
    let file = sandbox.write("bin/not-executable", "#!/bin/sh\n");
    sandbox
        .run(&["exec", "shell", "--", file.to_str().unwrap()])
        .expect_code(126);
    let piped = sandbox
        .run_with_input(&["exec", "shell", "--", "wc", "-c"], &[b'x'; 300_000])
        .expect_code(0);
    assert_eq!(piped.stdout.trim(), "300000");
    let apart = sandbox
        .run(&["exec", "shell", "--", "sh", "-c", "echo out; echo err >&2"])
        .expect_code(0);
    assert_eq!(apart.stdout, "out\n");
    assert!(apart.stderr.contains("err\n"), "{}", apart.stderr);
}

/// What a disk does not take is lost, and no dump that is cut off passes for a whole one; that nobody reads any more is the reader's wish.
#[test]
fn output_that_cannot_be_written_is_no_success() {
    let sandbox = sandbox();
    let run = |script: &str| {
        sandbox::finish(
            sandbox.command_of(
                "/bin/sh".as_ref(),
                &["-c", &script.replace("EXEC", &format!("'{HALLPASS}' exec shell --"))],
            ),
            b"",
        )
    };
    for (script, code) in [
        ("EXEC sh -c 'echo some' >/dev/full", 125),
        ("EXEC sh -c 'echo some; exit 7' >/dev/full", 7),
        ("EXEC sh -c 'yes some | head -n 100000; exit 7' >/dev/full", 7),
        (
            "ulimit -f 1; EXEC sh -c 'head -c 4000 /dev/zero' >dump; code=$?; wc -c <dump >&2; exit $code",
            125,
        ),
    ] {
        let outcome = run(script).expect_code(code);
        assert!(
            outcome.stderr.contains("error[E-IO]: standard output takes no more"),
            "{script}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("No space left") || outcome.stderr.contains("File too large"),
            "{}",
            outcome.stderr
        );
    }
    let closed = run("EXEC sh -c 'echo some; sleep 0.1; echo more' | head -n 1; EXEC true").expect_code(0);
    assert_eq!((closed.stdout.as_str(), closed.stderr.as_str()), ("some\n", ""));
}
