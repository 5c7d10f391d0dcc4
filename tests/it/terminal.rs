//! What a session shows: values masked however they are printed (cases B), full-screen programs as they are outside of hallpass.

use crate::canary::Canary;
use crate::databases::open_role;
use crate::sandbox::Sandbox;
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// Prints the variable TOKEN in the ways in which programs do.
const REVEAL: &str = r#"#!/bin/sh
all=$(printf %s "$TOKEN" | wc -c)
part() { printf %s "$TOKEN" | cut -b"$1" | tr -d '\n'; }
env | grep -a ^TOKEN=
printf 'whole <%s>\n' "$TOKEN"
printf 'two writes <'; part 1-7; sleep 0.1; part 8-; printf '>\n'
printf 'coloured <%s\033[31m%s\033[0m>\n' "$(part 1-9)" "$(part 10-)"
printf 'base64 <'; printf %s "$TOKEN" | base64 -w0; printf '>\n'
printf 'base64, one before <'; printf 'x%s' "$TOKEN" | base64 -w0; printf '>\n'
printf 'base64, two before, wrapped <'; printf 'xx%s and much more behind it, so that the line is broken' "$TOKEN" | base64 -w20; printf '>\n'
printf 'hex <'; printf %s "$TOKEN" | od -An -v -tx1 | tr -d ' \n'; printf '>\n'
printf 'slow <'; i=1; while [ $i -le $all ]; do part $i; sleep 0.03; i=$((i + 1)); done; printf '>\n'
echo "revealed $((6 * 7))"
"#;

/// A role `reveal` whose TOKEN is the canary, and the program of that name; a file with every coded form of the canary besides.
fn sandbox_with(canary: &Canary) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_TERMINAL_TOKEN", canary.value());
    sandbox.program("reveal", REVEAL);
    sandbox.roles(
        "[roles.reveal]\ncommand = ['sh']\nenv = 'dev'\nfields.PS1 = '$ '\nfields.TOKEN = '_envs/HP_TERMINAL_TOKEN'\n",
    );
    sandbox
}

/// No form of the value, and not a piece of it that says much: at most 3 characters of a beginning may show.
#[track_caller]
pub fn masked(canary: &Canary, place: &str, bytes: &[u8]) {
    assert_eq!(canary.in_bytes(place, bytes), []);
    let text = String::from_utf8_lossy(bytes);
    let value: Vec<char> = canary.value().chars().collect();
    let (start, end) = (
        value[..5].iter().collect::<String>(),
        value[value.len() - 6..].iter().collect::<String>(),
    );
    assert!(
        !text.contains(&start),
        "{place}: the beginning of the value shows:\n{text}"
    );
    assert!(!text.contains(&end), "{place}: the end of the value shows:\n{text}");
}

/// Everything that is not the value is there: the labels before and behind it.
#[track_caller]
fn labelled(place: &str, text: &str) {
    for label in [
        "TOKEN=",
        "whole <",
        "two writes <",
        "coloured <",
        "base64 <",
        "hex <",
        "slow <",
        "revealed 42",
    ] {
        assert!(text.contains(label), "{place}: {label} is missing:\n{text}");
    }
}

#[test]
fn masked_in_a_pipe() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let outcome = sandbox.run(&["exec", "reveal", "--", "reveal"]).expect_code(0);
    masked(&canary, "stdout", outcome.stdout.as_bytes());
    labelled("stdout", &outcome.stdout);
    let to_stderr = sandbox
        .run(&["exec", "reveal", "--", "sh", "-c", "reveal >&2"])
        .expect_code(0);
    masked(&canary, "stderr", to_stderr.stderr.as_bytes());
    labelled("stderr", &to_stderr.stderr);
}

#[test]
fn masked_by_connect() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let terminal = Tmux::hallpass(&sandbox, (90, 40), &["connect", "reveal"]);
    terminal.prompt();
    terminal.line("reveal");
    terminal.wait("revealed 42");
    masked(&canary, "terminal", &terminal.bytes());
    masked(&canary, "history", terminal.history().as_bytes());
    labelled("history", &terminal.history());
}

#[test]
fn masked_in_the_pane() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let terminal = Tmux::hallpass(&sandbox, (110, 45), &[]);
    open_role(&terminal, "reveal");
    terminal.prompt();
    terminal.line("reveal");
    let screen = terminal.wait("revealed 42");
    masked(&canary, "screen", screen.as_bytes());
    masked(&canary, "terminal", &terminal.bytes());
    labelled("screen", &screen);
    // Out of sight and back: the scrollback holds what was masked.
    terminal.line("seq 1 200; reveal; seq 1 200; echo scrolled $((6 * 7))");
    terminal.wait("scrolled 42");
    terminal.keys(&["C-\\", "["]);
    for _ in 0..8 {
        terminal.keys(&["PPage"]);
        masked(&canary, "scrollback", terminal.settled().as_bytes());
    }
    // Other widths break the lines elsewhere.
    for size in [(61, 20), (83, 30), (140, 45)] {
        terminal.resize(size);
        masked(&canary, "resized", terminal.settled().as_bytes());
    }
    masked(&canary, "terminal", &terminal.bytes());
}

/// A value that goes over the pane's right edge is masked on both rows.
#[test]
fn masked_over_the_edge() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    sandbox.program(
        "edge",
        "#!/bin/sh\nset -- $(stty size)\nfor left in 1 5 9 14; do printf \"%$(($2 - left))s%s\\n\" . \"$TOKEN\"; done\necho at the edge $((6 * 7))\n",
    );
    let connected = Tmux::hallpass(&sandbox, (80, 30), &["connect", "reveal"]);
    let tui = Tmux::hallpass(&sandbox, (100, 30), &[]);
    open_role(&tui, "reveal");
    for terminal in [connected, tui] {
        terminal.prompt();
        terminal.line("edge");
        let screen = terminal.wait("at the edge 42");
        masked(&canary, "screen", screen.as_bytes());
        masked(&canary, "terminal", &terminal.bytes());
    }
}

/// B19, D01, D03: nothing of the child's control sequences reaches the terminal outside from the pane.
#[test]
fn no_sequence_of_the_child_reaches_the_terminal() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    open_role(&terminal, "reveal");
    terminal.prompt();
    terminal.line(r#"printf '\033]52;c;ZXZpbA==\007\033]0;evil title\007\033P+q544e\033\\\033]8;;http://evil\007link\033]8;;\007\033[?1003h\033[21t'; echo sent $((6 * 7))"#);
    terminal.wait("sent 42");
    let bytes = terminal.bytes();
    for sequence in [&b"\x1b]52;"[..], b"ZXZpbA", b"\x1bP+q", b"\x1b]8;;http", b"\x1b[21t"] {
        let at = bytes.windows(sequence.len()).position(|window| window == sequence);
        // What was typed shows as text; as a sequence it would begin with ESC, or be the payload undisturbed by the echo.
        if sequence[0] == 0x1b {
            assert_eq!(at, None, "{}", String::from_utf8_lossy(sequence).escape_debug());
        }
    }
    terminal.keys(&["C-c"]);
}

/// In psql: `\! env`, `\setenv`, the password column of what was just created: the pane shows masks.
#[test]
fn masked_in_psql() {
    let canary = Canary::new();
    let user = unique("masked");
    servers().postgres(&format!(
        "create role {user} login password '{}'",
        canary.value().replace('\'', "''")
    ));
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_PSQL_PASSWORD", canary.value());
    let port = &servers().pg_port;
    sandbox.roles(&format!(
        "[roles.pg]\nconnector = 'postgres'\nenv = 'dev'\nfields.PGHOST = '127.0.0.1'\nfields.PGPORT = '{port}'\nfields.PGUSER = '{user}'\n\
         fields.PGDATABASE = 'postgres'\nfields.PGPASSWORD = '_envs/HP_PSQL_PASSWORD'\n"
    ));
    let connected = Tmux::hallpass(&sandbox, (100, 40), &["connect", "pg"]);
    let tui = Tmux::hallpass(&sandbox, (110, 40), &[]);
    open_role(&tui, "pg");
    for terminal in [connected, tui] {
        terminal.wait("postgres=>");
        terminal.line("\\! env | grep PGPASS; echo shown $((6 * 7))");
        let screen = terminal.wait("shown 42");
        assert!(screen.lines().any(|line| line.contains("PGPASSWORD=")), "{screen}");
        terminal.line("\\getenv secret PGPASSWORD");
        terminal.line("\\echo :secret");
        terminal.line("select :'secret' as value, 6 * 7 as answer \\gx");
        terminal.wait("answer | 42");
        terminal.line("\\c postgres");
        terminal.line("select 'connected-' || 6 * 7;");
        terminal.wait("connected-42");
        masked(&canary, "terminal", &terminal.bytes());
        masked(&canary, "screen", terminal.screen().as_bytes());
    }
}

/// What is typed shows at once, also where it could be the beginning of a value.
#[test]
fn typing_shows() {
    let canary = Canary::new();
    let sandbox = sandbox_with(&canary);
    let start: String = canary.value().chars().take(3).collect();
    for args in [&["connect", "reveal"][..], &["connect", "reveal", "--tui"]] {
        let terminal = Tmux::hallpass(&sandbox, (100, 30), args);
        terminal.prompt();
        for typed in ["e", "c", "h", "o", " ", &start] {
            terminal.type_text(typed);
        }
        terminal.wait(&format!("echo {start}"));
        terminal.keys(&["C-c"]);
    }
}

/// Full-screen programs draw in the pane what they draw in a terminal of that size.
mod as_outside {
    use std::time::Instant;

    use super::*;
    use crate::sandbox::DEADLINE;

    /// A terminal in whose pane a shell of hallpass runs, and a plain one of the pane's size.
    struct Pair {
        pane: Tmux,
        outside: Tmux,
        /// Dropped last: both terminals live in its home.
        _sandbox: Sandbox,
    }

    impl Pair {
        fn new(sandbox: Sandbox) -> Self {
            let pane = Tmux::hallpass(&sandbox, (100, 30), &[]);
            open_role(&pane, "shell");
            pane.prompt();
            pane.line("clear; echo size $(stty size) .");
            let screen = pane.wait_until("the pane's size", |screen| size_in(screen).is_some());
            let outside = Tmux::start(&sandbox, size_in(&screen).unwrap(), &["env", "PS1=$ ", "sh"]);
            outside.prompt();
            Self {
                pane,
                outside,
                _sandbox: sandbox,
            }
        }

        fn line(&self, line: &str) {
            for terminal in [&self.pane, &self.outside] {
                terminal.line(line);
            }
        }

        fn wait(&self, text: &str) {
            for terminal in [&self.pane, &self.outside] {
                terminal.wait(text);
            }
        }

        fn prompt(&self) {
            for terminal in [&self.pane, &self.outside] {
                terminal.prompt();
            }
        }

        fn keys(&self, keys: &[&str]) {
            for terminal in [&self.pane, &self.outside] {
                terminal.keys(keys);
            }
        }

        /// Waits until the pane shows what the plain terminal shows, its cursor at the same place. A program may take its time over a
        /// key (vim waits after an Escape), and not the same on both sides.
        #[track_caller]
        fn same(&self, what: &str) {
            let deadline = Instant::now() + DEADLINE;
            while let Some(difference) = self.difference() {
                assert!(Instant::now() < deadline, "{what}: {difference}");
            }
        }

        fn difference(&self) -> Option<String> {
            let expected = self.outside.settled();
            let shown = self.pane.settled();
            let place = (0..4)
                .flat_map(|top| (0..3).map(move |left| (left, top)))
                .find(|at| shows_at(&shown, &expected, *at));
            let Some((left, top)) = place else {
                return Some(format!(
                    "the pane shows\n{shown}\n--- outside of hallpass it is\n{expected}"
                ));
            };
            let (pane, outside) = (self.pane.cursor(), self.outside.cursor());
            let elsewhere = pane != (outside.0 + left, outside.1 + top) && self.outside.ask("#{cursor_flag}") == "1";
            elsewhere.then(|| format!("the cursor is at {pane:?}, outside at {outside:?}, of\n{shown}"))
        }
    }

    /// Columns and rows from a line `size ROWS COLUMNS .` that the shell printed (not the one that was typed).
    fn size_in(screen: &str) -> Option<(u16, u16)> {
        let line = screen
            .lines()
            .find(|line| line.contains("size ") && !line.contains("stty"))?;
        let mut words = line.split_once("size ")?.1.split_whitespace();
        let rows = words.next()?.parse().ok()?;
        Some((words.next()?.parse().ok()?, rows))
    }

    /// Whether every row of `expected` stands in `shown` from this column and row on, with nothing but a frame behind it.
    fn shows_at(shown: &str, expected: &str, (left, top): (u16, u16)) -> bool {
        let shown: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
        expected.lines().enumerate().all(|(row, line)| {
            let there = shown.get(row + usize::from(top)).map(Vec::as_slice).unwrap_or_default();
            let there: String = there.iter().skip(left.into()).collect();
            let rest = there.strip_prefix(line.trim_end());
            rest.is_some_and(|rest| rest.chars().all(|c| c == ' ' || "│┃|▐█".contains(c)))
        })
    }

    fn sandbox() -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.set("PS1", "$ ");
        sandbox.set("HP_OUTSIDE", "a value that no program prints");
        sandbox.roles(
            "[roles.shell]\ncommand = ['sh']\nenv = 'dev'\nfields.PS1 = '$ '\nfields.TOKEN = '_envs/HP_OUTSIDE'\n",
        );
        let text: String = (1..300)
            .map(|n| format!("line {n}\tof a text with 漢字, é and {}\n", "words ".repeat(n % 30)))
            .collect();
        sandbox.write("text", &text);
        sandbox
    }

    #[test]
    fn vim() {
        let pair = Pair::new(sandbox());
        pair.line("clear; vim -u NONE -i NONE -n -N +'set ruler number hlsearch laststatus=2' text");
        pair.wait("line 1");
        pair.same("vim, started");
        for keys in [
            &["G"][..],
            &["g", "g", "/", "w", "o", "r", "d", "s", "Enter"],
            &["o", "t", "y", "p", "e", "d", "Escape"],
            &[":", "s", "p", "Enter", "C-d"],
            &["d", "1", "0", "j"],
            // Said aloud, it tells how long ago the change was: the two are not of the same second.
            &[":", "s", "i", "l", "Space", "u", "n", "d", "o", "Enter"],
        ] {
            pair.keys(keys);
            pair.same(&format!("vim after {keys:?}"));
        }
        pair.keys(&[":", "q", "a", "!", "Enter"]);
        pair.prompt();
        pair.same("after vim");
    }

    #[test]
    fn less() {
        let pair = Pair::new(sandbox());
        pair.line("clear; less -N text");
        pair.wait("line 1");
        for keys in [
            &["Space"][..],
            &["b"],
            &["/", "l", "i", "n", "e", "Space", "9", "9", "Enter"],
            &["G"],
            &["Left"],
            &["Right", "Right"],
            &["g"],
        ] {
            pair.keys(keys);
            pair.same(&format!("less after {keys:?}"));
        }
        pair.keys(&["q"]);
        pair.prompt();
        pair.same("after less");
    }

    /// Its numbers move, so the rows that stay are compared: the head of the table and the keys at the bottom.
    #[test]
    fn htop() {
        let pair = Pair::new(sandbox());
        pair.line("htop --no-color");
        let still = |terminal: &Tmux| {
            let screen = terminal.wait_until("htop", |screen| screen.contains("F10") && screen.contains("PID"));
            let row = |text: &str| screen.lines().find(|line| line.contains(text)).unwrap().to_owned();
            let inside = |line: String| line.trim_matches(|c| " │┃|".contains(c)).to_owned();
            (inside(row("PID")), inside(row("F10")))
        };
        assert_eq!(still(&pair.pane), still(&pair.outside));
        pair.keys(&["F1"]);
        pair.wait("htop ");
        pair.keys(&["q", "q"]);
        pair.prompt();
    }

    #[test]
    fn psql_with_a_pager() {
        let user = unique("pager");
        servers().postgres(&format!("create role {user} login password 'pager password'"));
        let mut sandbox = sandbox();
        for (name, value) in [
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", &servers().pg_port),
            ("PGUSER", &user),
            ("PGPASSWORD", "pager password"),
            ("PGDATABASE", "postgres"),
        ] {
            sandbox.set(name, value);
        }
        sandbox.roles("[roles.shell]\ncommand = ['sh']\nenv = 'dev'\nfields.PS1 = '$ '\ninherit = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE']\nfields.PGPASSWORD = '_envs/PGPASSWORD'\n");
        let pair = Pair::new(sandbox);
        pair.line("clear; PAGER='less -S' psql -X");
        pair.wait("postgres=>");
        pair.line("select n, repeat('wide ', n % 40) as text, n * n as square from generate_series(1, 200) n;");
        pair.wait("wide wide");
        for keys in [&["Space"][..], &["Right"], &["G"], &["b"]] {
            pair.keys(keys);
            pair.same(&format!("the pager after {keys:?}"));
        }
        pair.keys(&["q"]);
        pair.wait("postgres=>");
        pair.line("\\q");
    }
}
