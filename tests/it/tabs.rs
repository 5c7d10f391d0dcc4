//! Sessions in tabs, tried as a person does in a real terminal: the prefix key, marks, the end of a session, quitting, pastes, limits.

use std::fs;

use regex::Regex;

use crate::sandbox::{Sandbox, eventually};
use crate::tmux::Tmux;

/// Prints every byte of its input as two hexadecimal digits.
const CAT: &str = "#!/bin/sh\nstty raw -echo\nprintf 'ready\\r\\n'\nexec od -An -v -tx1 -w1 -\n";
/// A prompt that echoes lines; `exit N` ends it.
const PROMPT: &str = "#!/bin/sh\nwhile printf 'orders=> ' && read -r line; do\n  case $line in\n    exit*) exit ${line#exit } ;;\n    *) echo \"got <$line>\" ;;\n  esac\ndone\n";
const TICKER: &str = "#!/bin/sh\nwhile :; do echo tick; sleep 1; done\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, script) in [("hexcat", CAT), ("prompt", PROMPT), ("ticker", TICKER)] {
        sandbox.program(name, script);
    }
    let role = |name: &str, env: &str, program: &str| {
        format!("[roles.{name}]\nenv = '{env}'\ncommand = ['{program}']\naccess_mode = 'read-write'\n")
    };
    let roles = [
        role("prod-orders", "prod", "prompt"),
        role("dev-orders", "dev", "prompt"),
        role("stage-redis", "stage", "prompt"),
        role("dev-ticker", "dev", "ticker"),
        role("dev-cat", "dev", "hexcat"),
    ];
    sandbox.roles(&roles.concat());
    sandbox
}

/// Opens one more role from inside a session, by the palette, and waits for what it prints first.
#[track_caller]
fn open(terminal: &Tmux, role: &str, prompt: &str) {
    terminal.type_text(":");
    terminal.wait("Commands");
    terminal.line(&format!("connect {role}"));
    terminal.wait_until(role, |screen| {
        screen.lines().next().unwrap_or_default().contains(&format!(":{role}*")) && screen.contains(prompt)
    });
}

fn menu(terminal: &Tmux, key: &str) {
    terminal.keys(&["C-\\"]);
    terminal.wait("pick a key");
    terminal.keys(&[key]);
}

/// S14, S15: the menu comes at once, what is not bound is not sent, the prefix twice is sent once.
#[test]
fn the_prefix_key() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "dev-cat"]);
    terminal.wait("ready");
    menu(&terminal, "Q");
    let screen = terminal.wait("not bound");
    assert!(!screen.contains("pick a key"), "{screen}");
    terminal.keys(&["C-\\", "C-\\"]);
    let screen = terminal.wait(" 1c");
    assert!(!screen.contains("pick a key") && !screen.contains(" 51"), "{screen}");
}

/// S17, S34: tabs by number, marks of what happens behind, quitting with sessions lists them and stays.
#[test]
fn three_sessions_and_quitting() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    terminal.wait("dev-ticker");
    open(&terminal, "dev-orders", "orders=>");
    menu(&terminal, "r");
    open(&terminal, "stage-redis", "orders=>");
    menu(&terminal, "r");
    open(&terminal, "dev-ticker", "tick");
    menu(&terminal, "1");
    terminal.wait_until("the mark of the ticker", |screen| {
        let first = screen.lines().next().unwrap_or_default();
        first.contains("1:dev-orders*") && first.contains("3:dev-ticker !")
    });
    menu(&terminal, "w");
    terminal.wait("Tabs · 3 live, 3 in all");
    terminal.type_text("redis");
    terminal.wait("/ redis");
    terminal.keys(&["Enter"]);
    terminal.wait("2:stage-redis*");
    menu(&terminal, "r");
    terminal.wait("3 Sessions·3");
    terminal.keys(&["q"]);
    let screen = terminal.wait("Quit with 3 sessions open?");
    for role in ["dev-orders", "stage-redis", "dev-ticker"] {
        assert!(screen.contains(&format!("● {role}")), "{screen}");
    }
    terminal.keys(&["Enter"]);
    terminal.wait_until("staying", |screen| !screen.contains("Quit with"));
    terminal.wait("3 Sessions·3");
}

/// S20: code and duration, R runs it again in its place, Enter goes back.
#[test]
fn the_end_of_a_session() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    terminal.wait("dev-orders");
    open(&terminal, "dev-orders", "orders=>");
    terminal.line("exit 3");
    let screen = terminal.wait("exited 3 after ");
    let last = screen.trim_end().lines().last().unwrap().to_owned();
    assert!(last.contains("Enter back · R reconnect"), "{last}");
    assert!(screen.contains("orders=> exit 3"), "its last screen stays: {screen}");
    terminal.keys(&["R"]);
    terminal.wait_until("a new session", |screen| {
        screen.contains("1:dev-orders* ▏") && !screen.contains("exit 3")
    });
    terminal.line("exit 0");
    terminal.wait("exited 0 after ");
    terminal.keys(&["Enter"]);
    terminal.wait("[1 Roles]");
}

/// S12: without colour the frame of production is still another one, and its title stands in the window.
#[test]
fn production_without_colour() {
    let mut sandbox = sandbox();
    sandbox.set("NO_COLOR", "1");
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "prod-orders"]);
    let screen = terminal.wait("orders=>");
    assert!(screen.contains("┏━ PROD · prod-orders"), "{screen}");
    assert_eq!(terminal.ask("#{pane_title}"), "PROD prod-orders");
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    let colours = bytes.split("\x1b[").skip(1).filter(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(0);
        let (numbers, last) = (&rest[..end], rest[end..].chars().next());
        let is_colour = |n: &str| {
            n.parse()
                .is_ok_and(|n: u16| (30..=38).contains(&n) || (40..=48).contains(&n))
        };
        last == Some('m') && numbers.split(';').any(is_colour)
    });
    assert_eq!(colours.count(), 0);
}

/// The guard before a paste of several lines into production: nothing arrives unless it is confirmed.
#[test]
fn a_paste_into_production() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "prod-orders"]);
    terminal.wait("orders=>");
    terminal.paste("delete from payments\nwhere id = 3;\n");
    let screen = terminal.wait("Paste 2 lines into PROD prod-orders?");
    assert!(
        screen.contains("delete from payments") && !screen.contains("got <"),
        "{screen}"
    );
    terminal.settled();
    terminal.keys(&["Enter"]);
    let screen = terminal.wait("nothing was pasted");
    assert!(!screen.contains("got <"), "{screen}");
    terminal.paste("select 1;\n\n");
    terminal.wait("Paste 2 lines");
    terminal.settled();
    terminal.keys(&["P"]);
    let screen = terminal.wait("got <select 1;>");
    assert!(!screen.contains("got <delete"), "{screen}");
    terminal.paste("one line");
    terminal.wait("orders=> one line");
}

fn with_limits(sandbox: &Sandbox) {
    sandbox.roles(
        "[roles.idle]\nenv = 'dev'\ncommand = ['prompt']\nidle_timeout = '2s'\n\
         [roles.short]\nenv = 'dev'\ncommand = ['prompt']\nmax_duration = '2s'\n\
         [roles.long]\nenv = 'dev'\ncommand = ['prompt']\nmax_duration = '4h'\nidle_timeout = '15m'\n",
    );
}

/// A limit ends `connect` as it ends a tab: said before and after, nothing of ours in between.
#[test]
fn limits_of_connect() {
    let sandbox = sandbox();
    with_limits(&sandbox);
    for (role, before, limit) in [
        ("idle", "ends after 2s without a key", "idle 2s"),
        ("short", "ends after 2s in any case", "max 2s"),
    ] {
        let terminal = Tmux::shell(&sandbox, (100, 30));
        terminal.line(&format!("hallpass connect {role}; echo code $?"));
        let screen = terminal.wait("code 129");
        assert!(screen.contains(&format!("Connected to {role} ({before})")), "{screen}");
        assert!(
            screen.contains(&format!("hallpass: the session was ended: {limit}")),
            "{screen}"
        );
        let mut terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", role]);
        let ended = Regex::new(&format!("ended: {limit}, after [2-9]s")).unwrap();
        terminal.wait_until("its end", |screen| ended.is_match(screen));
        terminal.keys(&["Enter"]);
        assert_eq!(terminal.exit_code(), 129);
        terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "long"]);
        let screen = terminal.wait("left 3:59:5");
        assert!(screen.contains("idle 0:0"), "{screen}");
    }
}

/// `exec` has no keys to wait for: only `max_duration` holds. The child knows when it ends.
#[test]
fn limits_of_exec() {
    let sandbox = sandbox();
    with_limits(&sandbox);
    let outcome = sandbox.run(&["exec", "short", "--", "sh", "-c", "echo begun; exec sleep 60"]);
    let outcome = outcome.expect_code(129);
    assert_eq!(outcome.stdout, "begun\n");
    assert!(
        outcome.stderr.contains("the session was ended: max 2s"),
        "{}",
        outcome.stderr
    );
    let outcome = sandbox.run(&["exec", "idle", "--", "sh", "-c", "sleep 3; echo done"]);
    assert_eq!(outcome.expect_code(0).stdout, "done\n");
    let outcome = sandbox.run(&["exec", "long", "--", "sh", "-c", "echo $HALLPASS_EXPIRES_AT"]);
    let end: jiff::Timestamp = outcome.expect_code(0).stdout.trim().parse().unwrap();
    let left = end.as_second() - jiff::Timestamp::now().as_second();
    assert!((4 * 3600 - 60..=4 * 3600).contains(&left), "{left}");
}

/// Twenty programs that print without end: keys are taken at once, memory stays what it is.
#[test]
fn twenty_floods() {
    let sandbox = sandbox();
    sandbox.config("[session]\nscrollback = 500\n");
    sandbox.roles(
        "[roles.flood]\nenv = 'dev'\ncommand = ['yes', 'a line of some length, as programs print them']\n\
         [roles.typed]\nenv = 'dev'\ncommand = ['prompt']\n",
    );
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    terminal.wait("flood");
    for number in 1..=20 {
        open(&terminal, "flood", "a line of some length");
        terminal.wait(&format!("{number}:flood*"));
        menu(&terminal, "r");
        terminal.wait("[1 Roles]");
    }
    open(&terminal, "typed", "orders=>");
    let type_words = |word: &str| {
        for n in 0..8 {
            terminal.line(&format!("{word}{n}"));
            terminal.wait(&format!("got <{word}{n}>"));
        }
    };
    type_words("warm");
    let before = resident_kib(&terminal);
    type_words("word");
    type_words("more");
    let after = resident_kib(&terminal);
    assert!(after < before + 16 * 1024, "grew from {before} to {after} KiB");
    assert!(after < 400 * 1024, "{after} KiB");
}

/// The memory of the hallpass that runs in the terminal.
fn resident_kib(terminal: &Tmux) -> u64 {
    let shell = terminal.ask("#{pane_pid}");
    let mut found = None;
    eventually("hallpass is among the shell's children", || {
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let status = |pid: &str| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let hallpass = children
            .split_whitespace()
            .map(status)
            .find(|status| status.starts_with("Name:\thallpass"));
        found = hallpass.and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse().ok()
        });
        found.is_some()
    });
    found.unwrap()
}
