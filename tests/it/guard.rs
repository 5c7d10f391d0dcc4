//! Hallpass is killed with `kill -9`: nothing that a session started outlives it, whatever it ignores and wherever it has gone. And what
//! a session leaves behind of its own will when it ends is left alone.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::databases::open_role;
use crate::sandbox::{HALLPASS, Sandbox, eventually};
use crate::tmux::Tmux;

/// A family that ignores every hang-up, of which each member writes its pid into the file `pids`: the child, a process of its group, one
/// of a group of its own, one in a session of its own.
const FAMILY: &str = "\
#!/bin/sh
trap '' HUP INT TERM QUIT TSTP TTIN TTOU
member='echo $$ >>pids; while :; do sleep 1; done'
sh -c \"$member\" </dev/null >/dev/null 2>&1 &
bash -c \"set -m; $member & wait\" </dev/null >/dev/null 2>&1 &
setsid sh -c \"$member\" </dev/null >/dev/null 2>&1 &
echo $$ >>pids
echo all here
while :; do sleep 1; done
";

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_GUARD_TOKEN", "a token of some length");
    sandbox.program("family", FAMILY);
    sandbox.program(
        "leaver",
        "#!/bin/sh\nrm -f left\nsetsid sh -c 'echo $$ >>pids; : >left; sleep 300' >/dev/null 2>&1 </dev/null &\nuntil [ -e left ]; do sleep 0.05; done\n",
    );
    sandbox.roles(
        "[roles.family]\ncommand = ['family']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_GUARD_TOKEN'\n\
         [roles.leaver]\ncommand = ['leaver']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_GUARD_TOKEN'\n",
    );
    sandbox
}

fn pids(sandbox: &Sandbox) -> Vec<String> {
    let pids = fs::read_to_string(sandbox.home().join("pids")).unwrap_or_default();
    pids.lines().map(str::to_owned).collect()
}

fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The process of hallpass that serves this sandbox, by its arguments; the guard by its starter's pid in nothing but its own argument.
fn hallpass_of(sandbox: &Sandbox) -> Option<i32> {
    let home = format!("HOME={}", sandbox.home().display());
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let path = entry.path();
        let is_ours = fs::read(path.join("environ")).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == home.as_bytes())
        });
        let name = fs::read_to_string(path.join("comm")).ok()?;
        (is_ours && name.trim_end() == "hallpass").then(|| entry.file_name().to_str()?.parse().ok())?
    })
}

/// The guard that this process started.
fn guard_of(hallpass: i32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{hallpass}/task/{hallpass}/children")).unwrap_or_default();
    let tasks = fs::read_dir(format!("/proc/{hallpass}/task")).unwrap().flatten();
    let all = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .collect::<String>();
    format!("{children} {all}")
        .split_whitespace()
        .find(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.ends_with(b"--guard\0")))
        .map(str::to_owned)
}

fn kill_hard(pid: i32) {
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

/// Kills hallpass once the whole family is there, and sees them all go soon, and the guard after them.
#[track_caller]
fn family_dies_with(sandbox: &Sandbox) {
    eventually("the whole family", || pids(sandbox).len() == 4);
    let hallpass = hallpass_of(sandbox).expect("hallpass runs");
    let guard = guard_of(hallpass).expect("a guard runs");
    assert!(pids(sandbox).iter().all(|pid| alive(pid)), "{:?}", pids(sandbox));
    kill_hard(hallpass);
    let killed = Instant::now();
    loop {
        let left: Vec<String> = pids(sandbox).into_iter().filter(|pid| alive(pid)).collect();
        if left.is_empty() {
            break;
        }
        assert!(killed.elapsed() < Duration::from_secs(10), "left after 10 s: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    eventually("the guard has gone, too", || !alive(&guard));
}

/// Hallpass is told to end, and lives to see its session's end.
#[test]
fn a_session_that_is_ended_leaves_nobody() {
    ended_session_leaves_nobody(|_| {});
}

/// The same where nobody is there to tell of it.
#[test]
fn a_session_that_is_ended_leaves_nobody_without_its_guard() {
    ended_session_leaves_nobody(|hallpass| {
        kill_hard(guard_of(hallpass).expect("a guard runs").parse().unwrap());
        eventually("no guard", || guard_of(hallpass).is_none_or(|guard| !alive(&guard)));
    });
}

#[track_caller]
fn ended_session_leaves_nobody(before: impl FnOnce(i32)) {
    let sandbox = sandbox();
    sandbox.program(
        "leaver",
        "#!/bin/sh\nsetsid sh -c 'echo $$ >>pids; sleep 300' >/dev/null 2>&1 </dev/null &\nsleep 300\n",
    );
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &["connect", "leaver"]);
    eventually("the one that has gone its own way", || pids(&sandbox).len() == 1);
    let hallpass = hallpass_of(&sandbox).expect("hallpass runs");
    before(hallpass);
    let told = Command::new("kill").args(["-TERM", &hallpass.to_string()]).status();
    assert!(told.unwrap().success());
    assert_eq!(terminal.exit_code(), 129);
    eventually("nobody", || !pids(&sandbox).iter().any(|pid| alive(pid)));
}

#[test]
fn a_killed_connect_leaves_nobody() {
    let sandbox = sandbox();
    let _terminal = Tmux::hallpass(&sandbox, (80, 24), &["connect", "family"]);
    family_dies_with(&sandbox);
}

#[test]
fn a_killed_session_view_leaves_nobody() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &[]);
    open_role(&terminal, "family");
    family_dies_with(&sandbox);
}

#[test]
fn a_killed_exec_leaves_nobody() {
    let sandbox = sandbox();
    let mut running = started(&sandbox, &["exec", "family", "--", "family"]);
    family_dies_with(&sandbox);
    running.wait().unwrap();
}

fn started(sandbox: &Sandbox, args: &[&str]) -> Child {
    let mut command = sandbox.command_of(Path::new(HALLPASS), args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn what_a_session_leaves_of_its_own_will_is_left_alone() {
    let sandbox = sandbox();
    sandbox.run(&["exec", "leaver", "--", "leaver"]).expect_code(0);
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &["connect", "leaver"]);
    assert_eq!(terminal.exit_code(), 0);
    let pids = pids(&sandbox);
    // Longer than a guard needs that finds something to do.
    std::thread::sleep(Duration::from_millis(500));
    for pid in &pids {
        assert!(alive(pid), "{pid} was killed");
        kill_hard(pid.parse().unwrap());
    }
}

/// Somebody kills the guard: the next session starts another, which knows of the first session, too.
#[test]
fn a_guard_that_was_killed_is_replaced() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &[]);
    open_role(&terminal, "family");
    eventually("the whole family", || pids(&sandbox).len() == 4);
    let hallpass = hallpass_of(&sandbox).unwrap();
    kill_hard(guard_of(hallpass).unwrap().parse().unwrap());
    eventually("no guard", || guard_of(hallpass).is_none_or(|guard| !alive(&guard)));
    terminal.keys(&["C-\\", "r"]);
    terminal.wait("1 of 2");
    // The filter stays.
    terminal.keys(&["Escape"]);
    open_role(&terminal, "leaver");
    eventually("the second session", || pids(&sandbox).len() == 5);
    eventually("another guard", || {
        guard_of(hallpass).is_some_and(|guard| alive(&guard))
    });
    kill_hard(hallpass);
    let family = pids(&sandbox);
    eventually("the family has gone", || family[..4].iter().all(|pid| !alive(pid)));
    for pid in family.iter().filter(|pid| alive(pid)) {
        kill_hard(pid.parse().unwrap());
    }
}
