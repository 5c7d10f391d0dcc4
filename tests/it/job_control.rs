//! Hallpass among the jobs of a shell: stopped, in the background, in front again; in a terminal within a terminal; at the limits of the
//! system.

use std::path::PathBuf;
use std::process::Command;

use crate::canary::Canary;
use crate::databases::open_role;
use crate::sandbox::{Sandbox, eventually};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.roles(
        "[roles.shell]\ncommand = ['bash', '--norc', '--noprofile', '-i']\nenv = 'dev'\nfields.PS1 = 'in$ '\n\
         [roles.pager]\ncommand = ['less', 'text']\nenv = 'dev'\n",
    );
    let text: String = (1..200).map(|n| format!("line {n}\n")).collect();
    sandbox.write("text", &text);
    sandbox
}

/// A shell with jobs. Its prompt tells of the job that has come back.
fn shell(sandbox: &Sandbox) -> Tmux {
    Tmux::shell(sandbox, (80, 24))
}

fn signal_hallpass(terminal: &Tmux, signal: &str) {
    let shell = terminal.ask("#{pane_pid}");
    // The guard bears the name too, in a session of its own.
    let script = format!(
        "for pid in $(pgrep -x hallpass); do \
           [ \"$(ps -o sid= -p $pid | tr -d ' ')\" = \"$(ps -o sid= -p {shell} | tr -d ' ')\" ] && kill -{signal} $pid; \
         done; true"
    );
    assert!(Command::new("bash").args(["-c", &script]).status().unwrap().success());
}

/// In the background it may not use the terminal: it waits before it reads a secret or starts anything, and ends when it is told to.
#[test]
fn a_connect_in_the_background_waits_before_anything_is_started() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.begun]\ncommand = ['sh', '-c', ': >begun; exec sleep 300']\nenv = 'dev'\n");
    let begun = sandbox.home().join("begun");
    let terminal = shell(&sandbox);
    let stopped = "until jobs | grep -q Stopped; do sleep 0.1; done";
    terminal.line(&format!(
        "hallpass connect begun & {stopped}; bg; {stopped}; echo stopped $((6 * 7))"
    ));
    terminal.wait("stopped 42");
    let end = "kill %1; while kill -0 $!; do sleep 0.1; done 2>/dev/null; echo ended $((6 * 7))";
    terminal.line(&format!("clear; {end}"));
    terminal.wait("ended 42");
    assert!(!begun.exists());
    terminal.line(&format!("hallpass connect begun & {stopped}; clear; fg"));
    eventually("the child", || begun.exists());
    // With a child, and sent to the background by force.
    signal_hallpass(&terminal, "TSTP");
    terminal.wait("Stopped");
    terminal.line(&format!("clear; bg; {stopped}; {end}"));
    terminal.wait("ended 42");
}

/// In a shell inside, the key stops what that shell has in front, and neither the shell nor hallpass.
#[test]
fn the_key_stops_the_job_inside() {
    let sandbox = sandbox();
    let terminal = shell(&sandbox);
    terminal.line("hallpass connect shell; echo code:$?");
    terminal.wait("in$");
    terminal.line("sh -c ': >begun; exec sleep 300'");
    eventually("the job", || sandbox.home().join("begun").exists());
    terminal.keys(&["C-z"]);
    terminal.wait("Stopped");
    terminal.line("kill -KILL %1; wait");
    terminal.line("exit 3");
    terminal.wait("code:3");
}

/// Told to stop, hallpass gives the terminal back as the shell had it; in front again, it shows what it showed.
#[test]
fn a_stopped_connect_comes_back() {
    let sandbox = sandbox();
    let terminal = shell(&sandbox);
    terminal.line("hallpass connect pager");
    terminal.wait("line 20");
    assert_eq!(terminal.ask("#{alternate_on}"), "1");
    signal_hallpass(&terminal, "TSTP");
    terminal.wait("Stopped");
    assert_eq!(terminal.ask("#{alternate_on}"), "0");
    terminal.line("stty -a | grep -o ' icanon'; echo sane $((6 * 7))");
    terminal.wait("sane 42");
    terminal.wait(" icanon");
    // In the background it may not touch the terminal, and waits.
    terminal.line("bg; sleep 0.3; jobs; echo back $((6 * 7))");
    terminal.wait("back 42");
    terminal.line("clear; fg");
    terminal.wait("line 20");
    assert_eq!(terminal.ask("#{alternate_on}"), "1");
    // A key that comes while less draws itself anew is lost to it.
    terminal.settled();
    terminal.keys(&["G"]);
    terminal.wait("line 199");
    terminal.keys(&["q"]);
    terminal.prompt();
    terminal.line("echo code:$?");
    terminal.wait("code:0");
}

#[test]
fn a_stopped_session_view_comes_back() {
    let sandbox = sandbox();
    let terminal = shell(&sandbox);
    terminal.line("hallpass");
    open_role(&terminal, "shell");
    terminal.wait("│in$");
    signal_hallpass(&terminal, "TSTP");
    terminal.wait("Stopped");
    assert_eq!(terminal.ask("#{alternate_on}"), "0");
    terminal.line("clear; echo sane $((6 * 7)); fg");
    terminal.wait("in$");
    terminal.line("echo inside $((6 * 7))");
    terminal.wait("inside 42");
    // The key, on the list of roles.
    terminal.keys(&["C-\\", "r"]);
    terminal.wait("1 of 2");
    terminal.keys(&["Escape"]);
    terminal.wait("pager");
    terminal.keys(&["C-z"]);
    terminal.wait("Stopped");
    terminal.line("clear; fg");
    terminal.wait("pager");
}

/// Where no shell waits for it the key stops nothing: nobody could continue it.
#[test]
fn without_a_shell_the_key_stops_nothing() {
    let sandbox = sandbox();
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &[]);
    terminal.wait("pager");
    terminal.keys(&["C-z"]);
    terminal.wait("nobody is there to continue");
    terminal.keys(&["?"]);
    terminal.wait("Help");
}

/// A tmux server that a test's shell started; ends with this.
struct InnerTmux(PathBuf);

impl Drop for InnerTmux {
    fn drop(&mut self) {
        let tmux = Command::new("tmux").arg("-S").arg(&self.0).arg("kill-server").output();
        drop(tmux);
    }
}

/// Within tmux, within hallpass: each level takes its own key.
#[test]
fn hallpass_in_hallpass_in_tmux() {
    let sandbox = sandbox();
    let socket = sandbox.home().join("inner");
    let terminal = Tmux::shell(&sandbox, (120, 50));
    terminal.line(&format!(
        "tmux -f /dev/null -S {} set -gs escape-time 0 \\; set -g status off \\; new 'env PS1=tmux$ bash --norc'",
        socket.display()
    ));
    let _inner = InnerTmux(socket);
    terminal.wait("tmux$");
    terminal.line("hallpass connect --tui shell");
    terminal.wait("│in$");
    // Inside, the same configuration: the environment of a session does not hold the test's folders.
    let folders = ["config", "data", "state"].map(|name| format!("--{name}-dir {}/{name}", sandbox.home().display()));
    terminal.line(&format!(
        "{}/bin/hallpass {} connect --tui shell",
        sandbox.home().display(),
        folders.join(" ")
    ));
    terminal.wait("shell › shell");
    terminal.line("echo level $HALLPASS_ROLE $((6 * 7))");
    terminal.wait("level shell 42");
    // Once is the outer one's, twice the inner one's.
    terminal.keys(&["C-\\"]);
    terminal.wait("pick a key");
    terminal.keys(&["C-\\"]);
    terminal.wait_until("the menu of the inner one", |screen| {
        let last = screen.trim_end().lines().last().unwrap_or_default();
        screen.contains("pick a key") && !last.contains("PREFIX")
    });
    terminal.keys(&["Escape"]);
    terminal.wait_until("no menu", |screen| !screen.contains("pick a key"));
    terminal.line("exit");
    terminal.wait("back");
}

/// A half-typed line is not executed because its tab is closed: neither in a shell nor in psql.
#[test]
fn half_typed_lines_are_not_executed() {
    let user = unique("halftyped");
    servers().postgres(&format!("create role {user} login password 'begun, not sent'"));
    servers().postgres(&format!(
        "create table {user} (n int); alter table {user} owner to {user}"
    ));
    let mut sandbox = sandbox();
    sandbox.set("HP_HALF_PASSWORD", "begun, not sent");
    let port = &servers().pg_port;
    sandbox.roles(&format!(
        "[roles.shell]\ncommand = ['bash', '--norc', '--noprofile', '-i']\nenv = 'dev'\nfields.PS1 = 'in$ '\n\
         [roles.pg]\nconnector = 'postgres'\nenv = 'dev'\nfields.PGHOST = '127.0.0.1'\nfields.PGPORT = '{port}'\nfields.PGUSER = '{user}'\n\
         fields.PGDATABASE = 'postgres'\nfields.PGPASSWORD = '_envs/HP_HALF_PASSWORD'\n"
    ));
    let victim = sandbox.write("victim", "");
    for (role, prompt, line) in [
        ("shell", "in$", format!("rm {}", victim.display())),
        ("pg", "postgres=>", format!("drop table {user};")),
    ] {
        let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
        open_role(&terminal, role);
        terminal.wait(&format!("│{prompt}"));
        terminal.type_text(&line);
        terminal.wait(&line);
        terminal.keys(&["C-\\", "x"]);
        terminal.wait("lose");
        terminal.type_text("X");
        terminal.wait("exited");
        terminal.close();
    }
    assert!(victim.exists());
    let count = servers().postgres(&format!("select count(*) from {user}"));
    assert_eq!(count.trim(), "0");
}

/// S21, and what has no room: a clear error, and the sessions that run go on.
#[test]
fn too_few_descriptors_are_a_clear_error() {
    let sandbox = sandbox();
    for limit in 8..24 {
        let script = format!("ulimit -n {limit}; exec hallpass -q connect shell -- -c 'exit 5'");
        let terminal = Tmux::start(&sandbox, (100, 30), &["bash", "-c", &script]);
        let code = terminal.exit_code();
        let screen = terminal.screen();
        assert!(code == 5 || code == 125 || code == 127, "{limit}: {code}\n{screen}");
        assert!(!screen.contains("panicked"), "{limit}: {screen}");
        if code == 125 {
            assert!(screen.contains("error[E-"), "{limit}: {screen}");
        }
    }
    // Many tabs until there is no room for one more.
    let terminal = Tmux::start(&sandbox, (100, 30), &["bash", "-c", "ulimit -n 60; exec hallpass"]);
    open_role(&terminal, "shell");
    terminal.wait("│in$");
    terminal.keys(&["C-\\", "r"]);
    terminal.wait("1 of 2");
    terminal.keys(&["Escape"]);
    terminal.wait("pager");
    let mut refused = false;
    for tabs in 2..30 {
        // Opens behind the list.
        terminal.keys(&["o"]);
        let screen = terminal.wait_until("another session, or why not", |screen| {
            screen.contains(&format!("Sessions·{tabs}")) || screen.contains("E-CLIENT-START")
        });
        if screen.contains("E-CLIENT-START") {
            assert!(screen.contains("ulimit -n"), "{screen}");
            refused = true;
            break;
        }
    }
    assert!(refused, "{}", terminal.screen());
    // The sessions that run go on.
    terminal.keys(&["Escape"]);
    terminal.wait_until("no panel", |screen| !screen.contains("E-CLIENT-START"));
    terminal.keys(&["3", "g", "Enter"]);
    terminal.wait("│in$");
    terminal.line("echo alive $((6 * 7))");
    terminal.wait("alive 42");
}

/// As without hallpass: where the errors are sent, they go, and only they; nothing of a value does.
#[test]
fn errors_that_are_sent_elsewhere_go_there() {
    let canary = Canary::new();
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_JOB_TOKEN", canary.value());
    sandbox.roles("[roles.shell]\ncommand = ['sh']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_JOB_TOKEN'\n");
    let errors = sandbox.home().join("err.log");
    let terminal = shell(&sandbox);
    let print = "test -t 1 && echo out; printf 'wrong: %s.\\n' \"$TOKEN\" >&2; exit 3";
    sandbox.write("print", print);
    terminal.line("hallpass exec shell -- sh print 2>err.log; echo code:$?");
    let screen = terminal.wait("code:3");
    let written = std::fs::read_to_string(&errors).unwrap();
    assert!(screen.contains("\nout\n") && !screen.contains("wrong"), "{screen}");
    assert!(
        written.starts_with("wrong: ••••") && written.ends_with(".\n"),
        "{written}"
    );
    assert!(canary.in_bytes("err.log", written.as_bytes()).is_empty(), "{written}");
    // More than a pipe holds, while the terminal prints as well.
    sandbox.write(
        "much",
        "i=0; while [ $i -lt 3000 ]; do echo \"$i 012345678901234567890123456789\" >&2; echo $i; i=$((i+1)); done",
    );
    terminal.line("hallpass connect shell -- much 2>>err.log; echo code:$?");
    terminal.wait("code:0");
    let written = std::fs::read_to_string(&errors).unwrap();
    assert!(
        written.ends_with("\n2999 012345678901234567890123456789\n"),
        "{}",
        written.len()
    );
}

/// What nobody can type at is not idle while it works.
#[test]
fn a_script_on_standard_input_is_never_idle() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.idle]\ncommand = ['sh']\nenv = 'dev'\nidle_timeout = '1s'\n");
    let run = sandbox.run_with_input(&["connect", "idle"], b"sleep 2.5\necho done\nexit 5\n");
    assert_eq!(run.expect_code(5).stdout, "done\n");
}
