//! What an attacker and an unlucky person do: memory searched from outside, output that nobody takes, names that steer terminals,
//! jobs in the background.

use std::fs::File;
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::liar::{Liar, http};
use crate::sandbox::{Sandbox, eventually, wait};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// A role `held` whose TOKEN is a key of a secret in Vault with these keys.
fn vault_role(secret: &serde_json::Value) -> Sandbox {
    servers().mount_kv("secret", 2);
    let path = unique("hostile");
    servers().vault("POST", &format!("secret/data/{path}"), &json!({ "data": secret }));
    let sandbox = Sandbox::with_vault();
    sandbox.roles(&format!(
        "[roles.held]\ncommand = ['sh']\nfields.TOKEN = '_envs/vault/secret/{path}#token'\n"
    ));
    sandbox
}

/// Everything that a process has in its memory.
fn memory(pid: u32) -> Vec<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        memory.seek(SeekFrom::Start(from)).unwrap();
        // A region may be gone, or be the kernel's own.
        let _ = memory.by_ref().take(to - from).read_to_end(&mut bytes);
    }
    bytes
}

fn copies(bytes: &[u8], text: &str) -> usize {
    bytes
        .windows(text.len())
        .filter(|window| *window == text.as_bytes())
        .count()
}

/// A05: once the child has the value, and has printed it, hallpass has no copy left, nor one of what Vault sent along with it.
#[test]
fn no_copy_of_a_value_stays_in_memory() {
    // A word that JSON writes as it is: what is searched for is in the value and in the answer alike.
    let canary = unique("canary");
    let mut secret: serde_json::Map<_, _> = (0..200).map(|i| (format!("key{i}"), json!(canary.repeat(5)))).collect();
    secret.insert("token".into(), json!(canary));
    let mut sandbox = vault_role(&secret.into());
    // What is freed is not soon used again, so that what it held could be found. Elsewhere the name means nothing.
    sandbox.set(
        "GLIBC_TUNABLES",
        "glibc.malloc.tcache_count=0:glibc.malloc.trim_threshold=1000000000:glibc.malloc.mmap_threshold=1000000000",
    );
    for _ in 0..3 {
        let mut launcher = sandbox
            .command(&[
                "exec",
                "held",
                "--",
                "sh",
                "-c",
                "echo \"${#TOKEN} $TOKEN\"; read line; true",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answer = String::new();
        let output = launcher.stdout.as_mut().unwrap();
        std::io::BufReader::new(output).read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("{} ••••••••\n", canary.len()));
        let memory = memory(launcher.id());
        drop(launcher.stdin.take());
        assert_eq!(wait(&mut launcher), 0);
        assert_eq!(
            copies(&memory, "GLIBC_TUNABLES").min(1),
            1,
            "the search finds what is there"
        );
        assert_eq!(copies(&memory, &canary), 0, "copies of the value");
    }
}

/// A child whose output nobody takes, and hallpass with it, end when they are told to.
#[test]
fn a_termination_is_obeyed_while_nobody_reads() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.plain]\ncommand = ['sh']\n");
    let mut launcher = sandbox
        .command(&["exec", "plain", "--", "sh", "-c", "echo $$ >&2; exec yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 2];
    launcher.stderr.as_mut().unwrap().read_exact(&mut line).unwrap();
    // Time to fill the pipe.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let status = sandbox
        .command_of("/bin/sh".as_ref(), &["-c", "kill -TERM $0", &launcher.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(wait(&mut launcher), 143);
}

/// The same where nobody looks at the terminal: tmux or ssh that has stopped, say.
#[test]
fn a_termination_is_obeyed_while_the_terminal_takes_nothing() {
    use portable_pty::{CommandBuilder, PtySize, native_pty_system};
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.plain]\ncommand = ['yes']\n");
    for signal in ["TERM", "HUP"] {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(crate::sandbox::HALLPASS);
        command.args(["connect", "plain"]);
        command.env_clear();
        command.cwd(sandbox.home());
        for (name, value) in sandbox.env() {
            command.env(name, value);
        }
        let mut launcher = pair.slave.spawn_command(command).unwrap();
        let mut first = [0; 1];
        pair.master.try_clone_reader().unwrap().read_exact(&mut first).unwrap();
        // Time to fill the terminal.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let pid = launcher.process_id().unwrap().to_string();
        let sent = sandbox.command_of("/bin/sh".as_ref(), &["-c", &format!("kill -{signal} $0"), &pid]);
        assert!({ sent }.status().unwrap().success());
        let mut code = None;
        eventually("the launcher ends", || {
            code = launcher.try_wait().unwrap().map(|status| status.exit_code());
            code.is_some()
        });
        assert_eq!(code, Some(129), "{signal}");
    }
}

/// `> log 2>&1` keeps the order of what the child printed, and a value printed half here and half there is masked.
#[test]
fn output_and_errors_into_one_file_keep_their_order() {
    let sandbox = Sandbox::new();
    sandbox.store("it/one#token", "0123456789abcdef");
    sandbox.roles("[roles.held]\ncommand = ['sh']\nfields.TOKEN = '_local:it/one:token'\n");
    let log = sandbox.home().join("log");
    let script = "for i in 1 2 3; do echo o$i; echo e$i >&2; done; printf 01234567; printf 89abcdef >&2; echo";
    let file = File::create(&log).unwrap();
    let mut launcher = sandbox
        .command(&["exec", "held", "--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    assert_eq!(wait(&mut launcher), 0);
    let printed = std::fs::read_to_string(&log).unwrap();
    // Who is held up between the two prints has paused: three characters may stand there, and the mask is as wide as the rest.
    let ways = ["••••••••".to_owned(), format!("012{}", "•".repeat(13))];
    assert!(
        ways.iter()
            .any(|way| printed == format!("o1\ne1\no2\ne2\no3\ne3\n{way}\n")),
        "{printed}"
    );
}

/// D18: what somebody wrote into a store as the name of a key does not reach the terminal as a control sequence; many are not all listed.
#[test]
fn names_of_keys_do_not_steer_the_terminal() {
    let mut keys = serde_json::Map::from_iter((0..200).map(|i| (format!("key{i:04}"), json!("x"))));
    keys.insert("\u{1b}]0;owned\u{7}\nerror[E-FORGED]: \u{202e}".into(), json!("x"));
    let refused = vault_role(&keys.into())
        .run(&["exec", "held", "--", "true"])
        .expect_code(125);
    assert!(refused.stderr.contains("E-VAULT-404-KEY"), "{}", refused.stderr);
    assert!(refused.stderr.contains("owned"), "{}", refused.stderr);
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!refused.stderr.contains(steers), "{:?}", refused.stderr);
    assert!(!refused.stderr.contains("\nerror[E-FORGED]"), "{}", refused.stderr);
    assert!(refused.stderr.contains("and 181 more"), "{}", refused.stderr);
}

/// A job in the background runs; it does not reach for the terminal and get stopped for it.
#[test]
fn exec_runs_in_the_background() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.plain]\ncommand = ['sh']\n");
    let terminal = Tmux::shell(&sandbox, (100, 30));
    terminal.line("set -m; hallpass exec plain -- sh -c 'echo did''-run' & wait $!; echo code:$?");
    terminal.wait("did-run");
    terminal.wait("code:0");
}

/// A terminal that is closed without a signal (`nohup`, a process that is not in its foreground) ends hallpass and its sessions too.
#[test]
fn a_closed_terminal_is_noticed_without_a_signal() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.plain]\ncommand = ['sh']\nfields.PS1 = 'ready> '\n");
    let code = sandbox.home().join("code");
    for (arguments, shown) in [("", "plain"), ("connect --tui plain", "ready>")] {
        let script = format!("trap '' HUP; hallpass {arguments}; echo $? > {}", code.display());
        let terminal = Tmux::start(&sandbox, (100, 30), &["/bin/sh", "-c", &script]);
        terminal.wait(shown);
        terminal.close();
        eventually("hallpass ends", || {
            std::fs::read(&code).is_ok_and(|code| !code.is_empty())
        });
        // As by the signal, whichever is noticed first, the end of the input or that nothing can be drawn.
        assert_eq!(std::fs::read_to_string(&code).unwrap(), "129\n", "{arguments}");
        std::fs::remove_file(&code).unwrap();
    }
}

fn pipe(path: &Path) {
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, fifo, 0o600.into(), 0).unwrap();
}

/// A pipe without a writer in place of a file of credentials: an error, and soon.
#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    for (settings, id, code) in [
        (
            "kind = 'vault'\naddress = 'https://127.0.0.1:1'\ntoken = 't'\nca_cert = 'PIPE'",
            "secret/a#k",
            "E-NET-CERT",
        ),
        (
            "kind = 'gcp'\nproject = 'p'\nendpoint = 'http://127.0.0.1:1'\ncredentials = 'PIPE'",
            "a",
            "E-GCP-CREDENTIALS",
        ),
        ("kind = 'aws'\nregion = 'eu-west-1'", "a", "E-AWS-PROFILE"),
        ("kind = 'k8s'\nkubeconfig = 'PIPE'", "n/a#k", "E-K8S-KUBECONFIG"),
        ("kind = 'local'\npath = 'PIPE'", "a/b#k", "E-LOCAL-READ"),
    ] {
        let mut sandbox = Sandbox::new();
        let path = sandbox.home().join("pipe").display().to_string();
        pipe(path.as_ref());
        sandbox.set("AWS_CONFIG_FILE", &path);
        sandbox.config(&format!("[providers.piped]\n{}\n", settings.replace("PIPE", &path)));
        sandbox.roles(&format!(
            "[roles.held]\ncommand = ['true']\nfields.TOKEN = {{ secret = 'piped:{id}' }}\n"
        ));
        let refused = sandbox.run(&["exec", "held", "--", "true"]).expect_code(125);
        assert!(refused.stderr.contains(code), "{code}: {}", refused.stderr);
    }
}

/// The record of earlier checks, tampered with, counts as none.
#[test]
fn a_pipe_in_place_of_the_record_of_checks_is_not_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.plain]\ncommand = ['true']\n");
    pipe(&sandbox.home().join("state/checks.json"));
    sandbox.run(&["check", "--max-age", "1h"]).expect_code(0);
}

/// A token that is said to last for ages is used, and nothing is reckoned with the ages.
#[test]
fn the_end_of_a_token_may_lie_beyond_all_clocks() {
    for seconds in ["18446744073709551615", "9223372036854775807", "0"] {
        let answer = format!("{{\"access_token\":\"t\",\"expires_in\":{seconds}}}");
        let liar = Liar::new(move |head| {
            if head.starts_with("POST") {
                http("200 OK", "", &answer)
            } else {
                http("404 Not Found", "", "{}")
            }
        });
        let address = &liar.address;
        let sandbox = Sandbox::new();
        let user = json!({
            "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r", "token_uri": format!("{address}/token"),
        });
        let file = sandbox.write("user.json", &user.to_string());
        sandbox.config(&format!(
            "[providers.gcp]\nproject = 'p'\nendpoint = '{address}'\ncredentials = '{}'\n",
            file.display()
        ));
        sandbox.roles("[roles.held]\ncommand = ['true']\nfields.TOKEN = { secret = 'gcp:a' }\n");
        sandbox.run(&["exec", "held", "--", "true"]).expect_code(125);
        let read = liar.asked().iter().any(|asked| asked.starts_with("GET"));
        assert!(read, "{seconds}: the token was asked with");
    }
}

/// What logs a provider in reaches no child, not even one whose role asks for it.
#[test]
fn credentials_of_providers_are_not_inherited() {
    let names = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_HEADER",
        "MSI_SECRET",
        "CLOUDSDK_AUTH_ACCESS_TOKEN",
    ];
    let mut sandbox = Sandbox::new();
    for name in names {
        sandbox.set(name, "canary");
    }
    sandbox.roles(&format!("[roles.plain]\ncommand = ['sh']\ninherit = {names:?}\n"));
    let run = sandbox.run(&["exec", "plain", "--", "env"]).expect_code(0);
    assert!(!run.stdout.contains("canary"), "{}", run.stdout);
}
