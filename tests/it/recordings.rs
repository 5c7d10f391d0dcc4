//! Sessions recorded for real: what is in the file, what never is, what a policy means where nothing can be written.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::canary::Canary;
use crate::databases::open_role;
use crate::sandbox::{HALLPASS, Sandbox, eventually, finish, wait};
use crate::tmux::Tmux;

/// A role `shell` whose TOKEN is the canary, with an argument, a plain field and an environment; `more` are further lines of it.
fn sandbox_with(canary: &Canary, more: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_RECORDINGS_TOKEN", canary.value());
    sandbox.config("[environments.prod]\nlabel = 'PROD'\n");
    sandbox.roles(&format!(
        "[roles.shell]\ncommand = ['sh']\nargs = ['-s', 'MARK-OF-ARGV']\nenv = 'prod'\n{more}\n\
         fields.PS1 = '$ '\nfields.PLAIN = 'mark-of-environment'\nfields.TOKEN = '_envs/HP_RECORDINGS_TOKEN'\n"
    ));
    sandbox
}

fn folder(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("state/recordings")
}

/// The recordings, the newest first.
fn listed(sandbox: &Sandbox) -> Vec<Value> {
    let stdout = sandbox.run(&["recordings", "list", "--json"]).expect_code(0).stdout;
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema_version"], 1);
    document["recordings"].as_array().unwrap().clone()
}

/// The one recording that there is, and its text.
#[track_caller]
fn only(sandbox: &Sandbox) -> (Value, String) {
    let all = listed(sandbox);
    assert_eq!(all.len(), 1, "{all:?}");
    let text = fs::read_to_string(all[0]["path"].as_str().unwrap()).unwrap();
    (all[0].clone(), text)
}

/// What was printed, put together.
fn played(text: &str) -> String {
    texts(text, "o")
}

fn texts(text: &str, code: &str) -> String {
    let events = text
        .lines()
        .skip(1)
        .filter_map(|line| serde_json::from_str::<(f64, String, String)>(line).ok());
    events.filter(|event| event.1 == code).map(|event| event.2).collect()
}

/// Nothing in it but what was shown: no value in any form, no argument, no environment.
#[track_caller]
fn tells_nothing_else(canary: &Canary, sandbox: &Sandbox, text: &str) {
    assert_eq!(canary.in_files(&folder(sandbox)), []);
    assert_eq!(canary.in_bytes("what it plays", played(text).as_bytes()), []);
    for hidden in ["MARK-OF-ARGV", "mark-of-environment", "HALLPASS_", "\"i\""] {
        assert!(!text.contains(hidden), "{hidden} in\n{text}");
    }
}

#[test]
fn connect_is_recorded() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "");
    let terminal = Tmux::hallpass(&sandbox, (90, 30), &["connect", "shell"]);
    terminal.prompt();
    terminal.line("printf '<%s>\\n' \"$TOKEN\"; printf %s \"$TOKEN\" | base64; echo shown $((6 * 7))");
    terminal.wait("shown 42");
    let live = only(&sandbox).0;
    assert_eq!(
        (live["state"].as_str(), live["exit_code"].as_i64()),
        (Some("live"), None)
    );
    terminal.resize((70, 20));
    terminal.line("stty size; exit 3");
    assert_eq!(terminal.exit_code(), 3);

    let (entry, text) = only(&sandbox);
    assert_eq!(
        (entry["role"].as_str(), entry["env"].as_str()),
        (Some("shell"), Some("prod"))
    );
    assert_eq!(
        (entry["state"].as_str(), entry["exit_code"].as_i64()),
        (Some("ended"), Some(3))
    );
    assert_eq!(
        (entry["columns"].as_u64(), entry["rows"].as_u64()),
        (Some(90), Some(30))
    );
    let path = Path::new(entry["path"].as_str().unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path), mode(&folder(&sandbox))), (0o600, 0o700));
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(header["title"], "PROD shell");
    for absent in ["command", "env"] {
        assert_eq!(header[absent], Value::Null);
    }
    assert!(played(&text).contains("shown 42\r\n"), "{text}");
    assert!(
        text.contains("\"m\", \"connected\"]") && text.contains("\"r\", \"70x20\"]"),
        "{text}"
    );
    assert!(text.ends_with("\"x\", \"3\"]\n"), "{text}");
    tells_nothing_else(&canary, &sandbox, &text);
}

/// The search that finds nothing above finds a value that is put there.
#[test]
fn a_planted_leak_in_a_recording_is_found() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "");
    sandbox.run(&["exec", "shell", "--", "true"]).expect_code(0);
    for text in [
        serde_json::to_string(canary.value()).unwrap(),
        serde_json::to_string(&format!("\u{1b}[1m{}\u{1b}[0m", canary.value())).unwrap(),
    ] {
        let file = sandbox.write("state/recordings/planted.cast", &format!("[0.1, \"o\", {text}]\n"));
        assert_ne!(canary.in_files(&folder(&sandbox)), []);
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn the_session_view_is_recorded_and_says_so() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "");
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    open_role(&terminal, "shell");
    terminal.prompt();
    terminal.wait("● REC");
    terminal.line("printf '<%s>\\n' \"$TOKEN\"; echo shown $((6 * 7))");
    terminal.wait("shown 42");
    terminal.line("exit 4");
    terminal.wait("exited 4");
    eventually("it has an end", || only(&sandbox).0["state"] == "ended");
    let (entry, text) = only(&sandbox);
    assert_eq!(entry["exit_code"], 4);
    assert!(played(&text).contains("shown 42\r\n"), "{text}");
    tells_nothing_else(&canary, &sandbox, &text);
    terminal.wait_until("the light is out", |screen| !screen.contains("REC"));
}

/// Leaving hallpass with an open session ends it, and its recording has an end.
#[test]
fn a_session_that_hallpass_ends_has_an_end() {
    let sandbox = sandbox_with(&Canary::new(), "");
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "shell"]);
    terminal.prompt();
    let pid: i32 = terminal.ask("#{pane_pid}").trim().parse().unwrap();
    let find = Command::new("pgrep")
        .args(["-P", &pid.to_string(), "-x", "hallpass"])
        .output()
        .unwrap();
    let hallpass = String::from_utf8(find.stdout).unwrap();
    Command::new("kill").args(["-TERM", hallpass.trim()]).status().unwrap();
    terminal.exit_code();
    let (entry, text) = only(&sandbox);
    assert_eq!(entry["state"], "ended", "{text}");
}

#[test]
fn pipes_are_recorded_where_that_is_required() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "");
    let script = "echo out; sleep 0.1; echo err >&2; printf '<%s>\\n' \"$TOKEN\"; exit 5";
    let run = |sandbox: &Sandbox| sandbox.run(&["exec", "shell", "--", "sh", "-c", script]).expect_code(5);
    run(&sandbox);
    assert_eq!(listed(&sandbox).len(), 0, "nobody saw it");

    let sandbox = sandbox_with(&canary, "record = 'required'");
    let outcome = run(&sandbox);
    assert!(
        outcome.stdout.starts_with("out\n") && outcome.stderr == "err\n",
        "{}",
        outcome.stderr
    );
    let (entry, text) = only(&sandbox);
    assert_eq!(entry["exit_code"], 5);
    let played = played(&text);
    assert!(played.contains("out\r\n") && played.contains("err\r\n"), "{text}");
    tells_nothing_else(&canary, &sandbox, &text);
}

/// Input from a pipe and output on a terminal: what the terminal shows is recorded.
#[test]
fn what_a_terminal_shows_of_a_pipe_is_recorded() {
    let sandbox = sandbox_with(&Canary::new(), "");
    let terminal = Tmux::shell(&sandbox, (90, 20));
    terminal.line("echo 42 | hallpass exec shell -- sed 's/^/shown /' && cat state/recordings/*.cast | wc -l");
    terminal.wait("shown 42");
    eventually("it is there", || {
        listed(&sandbox).first().is_some_and(|entry| entry["state"] == "ended")
    });
    assert_eq!(played(&only(&sandbox).1), "shown 42\r\n");
}

#[test]
fn half_a_value_at_the_end_is_no_value() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "record = 'required'");
    let half = "printf %s \"$TOKEN\" | head -c 12";
    sandbox.run(&["exec", "shell", "--", "sh", "-c", half]).expect_code(0);
    let (_, text) = only(&sandbox);
    let beginning: String = canary.value().chars().take(4).collect();
    assert!(!played(&text).contains(&beginning), "{text}");
}

/// A store that counts who comes.
fn counting_store() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        for visit in listener.incoming() {
            drop(visit);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, visits)
}

#[test]
fn no_secret_is_read_for_a_session_that_cannot_be_recorded() {
    let (address, visits) = counting_store();
    let mut sandbox = Sandbox::new();
    sandbox.set("VAULT_ADDR", &address);
    sandbox.set("VAULT_TOKEN", "none");
    let role = |record: &str| {
        sandbox.roles(&format!(
            "[roles.r]\ncommand = ['true']\n{record}\nfields.TOKEN = '_envs/vault/secret/x#y'\n"
        ));
    };
    fs::write(folder(&sandbox), "no folder").unwrap();
    role("record = 'required'");
    for args in [&["connect", "r"][..], &["exec", "r", "--", "true"]] {
        let stderr = sandbox.run(args).expect_code(125).stderr;
        assert!(
            stderr.starts_with("error[E-REC-CREATE]: ") && stderr.contains("no secret was read"),
            "{stderr}"
        );
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    // The person cannot choose either.
    let stderr = sandbox
        .run(&["exec", "--no-record", "r", "--", "true"])
        .expect_code(125)
        .stderr;
    assert!(
        stderr.starts_with("error[E-REC-REQUIRED]: ") && stderr.contains("roles.toml:1:"),
        "{stderr}"
    );
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    // The session view, which looks at its providers by itself, says the same.
    let terminal = Tmux::hallpass(&sandbox, (110, 30), &["connect", "--tui", "r"]);
    let screen = terminal.wait("E-REC-CREATE");
    assert!(screen.contains("no secret was read"), "{screen}");
    drop(terminal);
    // The count counts.
    visits.store(0, Ordering::SeqCst);
    role("record = false");
    let stderr = sandbox.run(&["exec", "r", "--", "true"]).expect_code(125).stderr;
    assert!(stderr.contains("Vault at "), "{stderr}");
    assert!(visits.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_session_that_may_go_unrecorded_says_that_it_does() {
    let sandbox = sandbox_with(&Canary::new(), "");
    fs::write(folder(&sandbox), "no folder").unwrap();
    let terminal = Tmux::shell(&sandbox, (110, 30));
    terminal.line("hallpass exec shell -- echo ran $((6 * 7))");
    let screen = terminal.wait("ran 42");
    assert!(
        screen.contains("warning: E-REC-CREATE: the session is not recorded"),
        "{screen}"
    );
    let terminal = Tmux::hallpass(&sandbox, (110, 30), &["connect", "--tui", "shell"]);
    terminal.prompt();
    let screen = terminal.wait("E-REC-CREATE: the session is not recorded");
    assert!(!screen.contains("● REC"), "{screen}");
}

/// `--no-record` and `record = false` leave nothing.
#[test]
fn what_is_not_to_be_recorded_is_not() {
    let sandbox = sandbox_with(&Canary::new(), "");
    let terminal = Tmux::hallpass(&sandbox, (90, 20), &["connect", "--no-record", "shell"]);
    terminal.prompt();
    terminal.line("exit");
    terminal.exit_code();
    assert!(!folder(&sandbox).exists());
    let sandbox = sandbox_with(&Canary::new(), "record = false");
    let terminal = Tmux::hallpass(&sandbox, (90, 20), &["connect", "--tui", "shell"]);
    terminal.prompt();
    assert!(!terminal.screen().contains("REC"));
    assert!(!folder(&sandbox).exists());
}

/// Runs a script with the state folder on a disk of `size`, of which `filled` bytes are taken. What is on it afterwards is in `copy`.
fn on_small_disk(sandbox: &Sandbox, size: &str, filled: usize, script: &str) -> crate::sandbox::Outcome {
    let prepared = format!(
        "mount -t tmpfs -o size={size} none \"$HALLPASS_STATE_DIR\" || exit 99\n\
         head -c {filled} /dev/zero > \"$HALLPASS_STATE_DIR/filler\"\n\
         {script}\ncode=$?\nrm -rf copy; cp -r \"$HALLPASS_STATE_DIR/recordings\" copy\nexit $code\n"
    );
    let command = sandbox.command_of(Path::new("unshare"), &["-rm", "sh", "-c", &prepared]);
    finish(command, b"")
}

/// Every line but a last torn one is whole, and the last whole one says why there are no more, or at least what was shown is a beginning.
#[track_caller]
fn plays_up_to_the_end(sandbox: &Sandbox, whole: &str) -> String {
    let file = fs::read_dir(sandbox.home().join("copy"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(file).unwrap();
    for line in text.split_inclusive('\n').skip(1) {
        assert!(line.ends_with('\n'), "torn: {line}");
        serde_json::from_str::<(f64, String, String)>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let played = played(&text);
    assert!(whole.starts_with(&played), "not a beginning:\n{played}");
    text
}

#[test]
fn a_full_disk_ends_a_session_that_must_be_recorded() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    // Slow enough to be ended, long enough to outlast every disk here.
    let body =
        "i=0; while [ $i -lt 2000 ]; do echo \"line $i of what is shown\"; i=$((i + 1)); sleep 0.002; done; echo all";
    let script = format!("\"{HALLPASS}\" exec shell -- sh -c '{body}'");
    for filled in [0, 4000, 5000, 9000] {
        let outcome = on_small_disk(&sandbox, "16k", filled, &script);
        assert!(
            outcome.stderr.contains("error[E-REC-DISK]: "),
            "{}: {}",
            outcome.code,
            outcome.stderr
        );
        assert!(!outcome.stdout.contains("all\n"), "it went on: {}", outcome.stdout);
        assert_ne!(outcome.code, 0);
        plays_up_to_the_end(&sandbox, &outcome.stdout.replace('\n', "\r\n"));
    }
    // No room at all: nothing is started.
    let outcome = on_small_disk(&sandbox, "16k", 16_384, &script);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (125, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no secret was read"), "{}", outcome.stderr);
}

#[test]
fn a_full_disk_is_said_where_the_session_may_go_on() {
    let sandbox = sandbox_with(&Canary::new(), "");
    // On a terminal of its own, whose lines `script` writes down.
    let body = "i=0; while [ $i -lt 600 ]; do echo \"line $i of what is shown\"; i=$((i + 1)); done; sleep 0.4; echo all $((6 * 7))";
    sandbox.write("body.sh", body);
    for filled in [0, 3000, 6000, 8000] {
        let script = format!("script -qec '\"{HALLPASS}\" exec shell -- sh body.sh' shown </dev/null >/dev/null");
        let outcome = on_small_disk(&sandbox, "16k", filled, &script).expect_code(0);
        let shown = fs::read_to_string(sandbox.home().join("shown")).unwrap();
        assert!(shown.contains("all 42"), "{filled}: {}\n{shown}", outcome.stderr);
        assert!(
            shown.contains("warning: E-REC-DISK: the session is not recorded any more"),
            "{shown}"
        );
    }
}

/// A shell's limit on the size of files (`ulimit -f`) is no reason to die with the terminal as it was.
#[test]
fn a_limit_on_the_size_of_files_is_a_full_disk() {
    let sandbox = sandbox_with(&Canary::new(), "");
    sandbox.write(
        "body.sh",
        "i=0; while [ $i -lt 900 ]; do echo \"line $i of what is shown\"; i=$((i + 1)); done; sleep 0.4; echo all $((6 * 7))",
    );
    let script = format!("ulimit -f 8; exec \"{HALLPASS}\" exec shell -- sh body.sh");
    let terminal = Tmux::start(&sandbox, (110, 30), &["bash", "-c", &script]);
    let screen = terminal.wait("warning: E-REC-DISK: the session is not recorded");
    assert!(screen.contains("all 42"), "{screen}");
    assert_eq!(terminal.exit_code(), 0);
}

/// What is written to a file that has been removed is lost without an error of the system.
#[test]
fn a_recording_that_somebody_removes_is_missed() {
    for (record, code) in [("", 0), ("record = 'required'", 129)] {
        let sandbox = sandbox_with(&Canary::new(), record);
        let terminal = Tmux::hallpass(&sandbox, (110, 30), &["connect", "shell"]);
        terminal.prompt();
        fs::remove_dir_all(folder(&sandbox)).unwrap();
        terminal.line("echo seen $((6 * 7))");
        terminal.wait("E-REC-WRITE");
        if code == 0 {
            terminal.line("exit");
        }
        assert_eq!(terminal.exit_code(), code, "{record}");
    }
}

/// The newest one stays that of the last session: nothing is left of sessions that came to nothing.
#[test]
fn nothing_is_recorded_of_what_was_never_connected() {
    let mut sandbox = sandbox_with(&Canary::new(), "");
    let failing: [&[&str]; 2] = [
        &["exec", "shell", "--", "no-such-program"],
        &["exec", "shell", "--", "./broken"],
    ];
    sandbox.write("broken", "#!/no/such/interpreter\n");
    fs::set_permissions(sandbox.home().join("broken"), fs::Permissions::from_mode(0o700)).unwrap();
    sandbox.roles("[roles.shell]\ncommand = ['sh']\nrecord = 'required'\nfields.TOKEN = '_envs/HP_RECORDINGS_TOKEN'\n");
    for words in failing {
        for _ in 0..5 {
            let outcome = sandbox.run(words);
            assert!(
                (126..=127).contains(&outcome.code),
                "{}: {}",
                outcome.code,
                outcome.stderr
            );
        }
    }
    sandbox.unset("HP_RECORDINGS_TOKEN");
    for _ in 0..5 {
        sandbox.run(&["exec", "shell", "--", "true"]).expect_code(125);
    }
    assert_eq!(listed(&sandbox), Vec::<Value>::new());
}

/// In the session view it is a banner and a light of its own; the session goes on, or ends where it must.
#[test]
fn a_full_disk_is_seen_in_the_session_view() {
    for (record, goes_on) in [("", true), ("record = 'required'", false)] {
        let sandbox = sandbox_with(&Canary::new(), record);
        let script = format!(
            "mount -t tmpfs -o size=16k none \"$HALLPASS_STATE_DIR\" && exec \"{HALLPASS}\" connect --tui shell"
        );
        let terminal = Tmux::start(&sandbox, (110, 30), &["unshare", "-rm", "sh", "-c", &script]);
        terminal.prompt();
        terminal.wait("● REC");
        terminal.line("i=0; while [ $i -lt 900 ]; do echo line $i of what is shown; i=$((i + 1)); done");
        let screen = terminal.wait("E-REC-DISK");
        assert!(!screen.contains("● REC"), "{screen}");
        if goes_on {
            assert!(screen.contains("shell is not recorded any more"), "{screen}");
            terminal.wait("✗ REC");
            terminal.line("echo still here $((6 * 7))");
            terminal.wait("still here 42");
        } else {
            assert!(screen.contains("shell was ended: it must be recorded"), "{screen}");
            terminal.keys(&["F5"]);
            terminal.wait("Enter back");
        }
    }
}

/// Many places for the disk to be full at: whatever is on it plays up to there, and it is always said.
#[test]
fn no_loss_is_silent_wherever_the_disk_is_full() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    let line = "x".repeat(61);
    // Offsets move by a few bytes from run to run: the pages of the disk are the same, the lines before its end are not.
    let script = format!(
        "n=0; while [ $n -lt 40 ]; do\n\
         \"{HALLPASS}\" exec shell -- sh -c 'printf \"%0*d\\n\" $1 0; i=0; while [ $i -lt 400 ]; do echo {line}; i=$((i + 1)); done' sh $((n * 13 + 1)) >out 2>err\n\
         code=$?; grep -q 'error.E-REC-DISK' err && [ $code -ne 0 ] || {{ echo \"run $n: code $code\"; cat err; exit 1; }}\n\
         for file in \"$HALLPASS_STATE_DIR\"/recordings/*.cast; do tail -c 1 \"$file\" | od -An -c | grep -q '\\\\n' || {{ echo \"run $n: torn\"; exit 1; }}; done\n\
         rm -f \"$HALLPASS_STATE_DIR\"/recordings/*; n=$((n + 1)); done"
    );
    let outcome = on_small_disk(&sandbox, "12k", 0, &script);
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn a_kill_leaves_a_recording_that_plays() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    let body = "i=0; while :; do echo \"line $i\"; i=$((i + 1)); sleep 0.01; done";
    let mut child = sandbox
        .command(&["exec", "shell", "--", "sh", "-c", body])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("something is on the disk", || {
        listed(&sandbox)
            .first()
            .is_some_and(|entry| entry["bytes"].as_u64() > Some(2000))
    });
    child.kill().unwrap();
    wait(&mut child);
    let (entry, text) = only(&sandbox);
    assert_eq!(entry["state"], "cut");
    assert!(played(&text).contains("line 10\r\n"), "{text}");
    let outcome = sandbox.run(&["recordings", "list"]).expect_code(0);
    assert!(outcome.stdout.contains("cut off"), "{}", outcome.stdout);
    // It exports, too.
    let id = entry["session"].as_str().unwrap();
    let exported = sandbox.run(&["recordings", "export", id]).expect_code(0).stdout;
    assert_eq!(played(&exported), played(&text));
}

#[test]
fn what_is_typed_is_recorded_only_where_the_policy_says_so() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary, "record_input = true");
    // cat, because a shell with an editor of its own switches the echo off.
    let terminal = Tmux::hallpass(
        &sandbox,
        (90, 20),
        &[
            "exec",
            "shell",
            "--",
            "sh",
            "-c",
            "echo ready; cat; stty -echo; echo hidden; cat; stty echo; echo over",
        ],
    );
    terminal.wait("ready");
    terminal.line("typed in the open");
    terminal.wait("typed in the open");
    terminal.line(&format!("before {} behind", canary.value()));
    terminal.wait("behind");
    terminal.keys(&["C-d"]);
    terminal.wait("hidden");
    terminal.line("typed in secret");
    terminal.wait("typed in secret");
    terminal.keys(&["C-d"]);
    terminal.wait("over");
    terminal.exit_code();
    let (_, text) = only(&sandbox);
    let typed = texts(&text, "i");
    assert!(
        typed.contains("typed in the open\r") && typed.contains(" behind\r"),
        "{typed}"
    );
    assert!(!typed.contains("secret"), "{typed}");
    assert!(
        typed.contains("before •••••••• behind"),
        "the mask does not tell the length: {typed}"
    );
    assert_eq!(canary.in_bytes("what was typed", typed.as_bytes()), []);
    assert_eq!(canary.in_files(&folder(&sandbox)), []);
}

#[test]
fn recordings_are_listed_pruned_and_exported() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'\nkeep = '2d'");
    let outcome = sandbox.run(&["recordings", "list"]).expect_code(0);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", "hallpass: there is no recording\n")
    );
    for code in ["0", "9"] {
        sandbox.run(&["exec", "shell", "--", "sh", "-c", &format!("echo shown; exit {code}")]);
    }
    let table = sandbox.run(&["recordings", "list"]).expect_code(0).stdout;
    assert!(
        table.contains("exit 0") && table.contains("exit 9") && table.lines().count() == 3,
        "{table}"
    );
    let all = listed(&sandbox);
    assert_eq!(all[0]["exit_code"], 9, "the newest first, also within a second");
    let of = |code: i64| all.iter().find(|entry| entry["exit_code"] == code).unwrap();
    let id = of(9)["session"].as_str().unwrap();

    let v2 = sandbox
        .run(&["recordings", "export", &id[..8], "--format", "v2"])
        .expect_code(0)
        .stdout;
    assert!(
        v2.starts_with("{\"version\": 2, \"width\": 80, \"height\": 24, ") && v2.ends_with("\"m\", \"exit 9\"]\n"),
        "{v2}"
    );
    assert_eq!(played(&v2), "shown\r\n");
    let file = sandbox.home().join("out.cast");
    let to_file = ["recordings", "export", id, "--output", file.to_str().unwrap()];
    sandbox.run(&to_file).expect_code(0);
    assert_eq!(
        fs::read(&file).unwrap(),
        fs::read(of(9)["path"].as_str().unwrap()).unwrap()
    );
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(sandbox.run(&to_file).expect_code(1).stderr.contains("not there yet"));
    let name = Path::new(of(9)["path"].as_str().unwrap()).file_stem().unwrap();
    sandbox
        .run(&["recordings", "export", name.to_str().unwrap()])
        .expect_code(0);
    let stderr = sandbox.run(&["recordings", "export", "nothing"]).expect_code(4).stderr;
    assert!(stderr.starts_with("error[E-REC-UNKNOWN]: "), "{stderr}");

    // One of them ended three days ago.
    let aged = fs::File::options()
        .append(true)
        .open(of(0)["path"].as_str().unwrap())
        .unwrap();
    aged.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 86_400))
        .unwrap();
    let pruned = sandbox.run(&["recordings", "prune", "--dry-run"]).expect_code(0);
    assert!(pruned.stdout.contains(of(0)["session"].as_str().unwrap()) && listed(&sandbox).len() == 2);
    sandbox.run(&["recordings", "prune"]).expect_code(0);
    assert_eq!(listed(&sandbox), [of(9).clone()]);
    // Before its time only if somebody says so.
    aged_by(of(9)["path"].as_str().unwrap(), 60);
    let stderr = sandbox
        .run(&["recordings", "prune", "--older-than", "10s"])
        .expect_code(2)
        .stderr;
    assert!(stderr.contains("--yes") && listed(&sandbox).len() == 1, "{stderr}");
    sandbox
        .run(&["recordings", "prune", "--older-than", "10s", "--yes"])
        .expect_code(0);
    assert_eq!(listed(&sandbox).len(), 0);
}

/// Ours alone: what lies elsewhere may be meant for everybody.
#[test]
fn recordings_that_others_can_read_are_said() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    sandbox.run(&["exec", "shell", "--", "echo", "shown"]).expect_code(0);
    let (entry, _) = only(&sandbox);
    let (id, path) = (entry["session"].as_str().unwrap(), entry["path"].as_str().unwrap());
    let copy = sandbox.write("copy.cast", &fs::read_to_string(path).unwrap());
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&copy, 0o644);
    let commands: [&[&str]; 3] = [
        &["recordings", "list"],
        &["recordings", "export", id],
        &["replay", id, "--text"],
    ];
    for command in commands {
        assert_eq!(sandbox.run(command).expect_code(0).stderr, "", "{command:?}");
    }
    set(Path::new(path), 0o644);
    set(&folder(&sandbox), 0o777);
    for command in commands {
        let stderr = sandbox.run(command).expect_code(0).stderr;
        let told = |path: &str| stderr.contains(&format!("chmod go= {path}\n"));
        assert!(told(path) && told(folder(&sandbox).to_str().unwrap()), "{stderr}");
    }
    let doctor = sandbox.run(&["doctor", "--offline"]).stdout;
    assert!(doctor.contains(&format!("chmod go= {path}")), "{doctor}");
    set(&folder(&sandbox), 0o700);
    let played = sandbox
        .run(&["replay", copy.to_str().unwrap(), "--text"])
        .expect_code(0);
    assert_eq!((played.stdout.as_str(), played.stderr.as_str()), ("shown\n", ""));
}

#[test]
fn export_takes_what_replay_takes() {
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    sandbox.run(&["exec", "shell", "--", "echo", "shown"]).expect_code(0);
    let (_, text) = only(&sandbox);
    let exported = sandbox.run_with_input(
        &["recordings", "export", "/dev/stdin", "--output", "-"],
        text.as_bytes(),
    );
    assert_eq!(exported.expect_code(0).stdout, text);
    assert!(!sandbox.home().join("-").exists());
    for command in [&["recordings", "export"][..], &["replay", "--text"]] {
        let stderr = sandbox.run(&[command, &["/tmp"]].concat()).expect_code(1).stderr;
        assert!(
            stderr.contains("E-REC-READ") && stderr.contains("is a directory"),
            "{stderr}"
        );
    }
}

fn aged_by(path: &str, seconds: u64) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(seconds))
        .unwrap();
}

#[test]
fn a_sealed_recording_opens_for_its_recipient_alone() {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let sandbox = sandbox_with(&Canary::new(), "record = 'required'");
    sandbox.config(&format!("[recordings]\nrecipients = ['{}']\n", identity.to_public()));
    sandbox
        .run(&["exec", "shell", "--", "sh", "-c", "echo shown; exit 6"])
        .expect_code(6);
    let (entry, text) = only(&sandbox);
    assert_eq!(
        (entry["sealed"].as_bool(), entry["exit_code"].as_i64()),
        (Some(true), Some(6))
    );
    assert!(!text.contains("shown"), "{text}");
    let id = entry["session"].as_str().unwrap();
    let stderr = sandbox.run(&["recordings", "export", id]).expect_code(1).stderr;
    assert!(
        stderr.contains("E-REC-SEALED") && stderr.contains("--identity"),
        "{stderr}"
    );
    let key = sandbox.write("key.txt", &format!("{}\n", identity.to_string().expose_secret()));
    let other = sandbox.write(
        "other.txt",
        &format!("{}\n", age::x25519::Identity::generate().to_string().expose_secret()),
    );
    let export = |key: &Path| sandbox.run(&["recordings", "export", id, "--identity", key.to_str().unwrap()]);
    let opened = export(&key).expect_code(0).stdout;
    assert_eq!(played(&opened), "shown\r\n");
    assert!(opened.ends_with("\"x\", \"6\"]\n"), "{opened}");
    assert!(export(&other).expect_code(1).stderr.contains("E-REC-IDENTITY"));
    // Damaged, and no longer all there: that is said, also where the rest is written out.
    let path = entry["path"].as_str().unwrap();
    let end = text.rfind("\n[").unwrap();
    let damaged = sandbox.write("damaged.cast", &(text[..end - 40].to_owned() + &text[end..]));
    assert_eq!(fs::read_to_string(path).unwrap(), text);
    let key_path = key.to_str().unwrap();
    for command in [&["recordings", "export"][..], &["replay", "--text"]] {
        let args = [command, &[damaged.to_str().unwrap(), "--identity", key_path]].concat();
        let run = sandbox.run(&args).expect_code(0);
        assert!(
            run.stderr.contains("sealed batch of the recording is damaged"),
            "{}",
            run.stderr
        );
    }
    let watch = |more: &[&str]| sandbox.run(&[&["replay", id], more].concat());
    assert_eq!(
        watch(&["--identity", key.to_str().unwrap()]).expect_code(0).stdout,
        "shown\n"
    );
    assert!(watch(&[]).expect_code(1).stderr.contains("E-REC-SEALED"));
    // A recipient with a typo: nothing is opened, rather than written in the clear.
    sandbox.config("[recordings]\nrecipients = ['age1typo']\n");
    let stderr = sandbox.run(&["exec", "shell", "--", "true"]).expect_code(125).stderr;
    assert!(
        stderr.contains("E-REC-RECIPIENT") && stderr.contains("config.toml:2:"),
        "{stderr}"
    );
}

#[test]
fn a_role_says_what_is_recorded_of_it() {
    let sandbox = sandbox_with(
        &Canary::new(),
        "record = 'required'\nkeep = '30d'\nidle_timeout = '15m'\nmax_duration = '4h'",
    );
    let text = sandbox.run(&["show", "shell"]).expect_code(0).stdout;
    assert!(text.contains("  Record       required, kept 30d\n"), "{text}");
    assert!(
        text.contains("  Limits       ends after 15m without a key, after 4h in any case\n"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&sandbox.run(&["show", "shell", "--json"]).expect_code(0).stdout).unwrap();
    let expected = serde_json::json!({
        "record": "required", "record_input": false, "keep_s": 2_592_000, "idle_timeout_s": 900, "max_duration_s": 14_400,
    });
    assert_eq!(json["policy"], expected);
}
