//! Values on the screen (cases B) whatever its width, whatever wrote them, and wherever the output breaks off. What the redactor does
//! byte by byte is in `src/domain/secret/redactor/tests.rs`, with the table of all cases.

use hallpass::domain::secret::{ChildEnv, Redactor, SecretValue};
use hallpass::session::emulator::{Emulator, Size};

use crate::canary::Canary;
use crate::sandbox::Sandbox;
use crate::terminal::masked;
use crate::tmux::Tmux;

const VALUE: &str = "Zq8vR3mXw7Lk2NpTbY5cJd9s";
const WIDTHS: &[u16] = &[20, 40, 79, 80, 81, 132, 200];

fn redactor() -> Redactor {
    let mut env = ChildEnv::new();
    env.insert_secret("TOKEN", SecretValue::from_text(VALUE.to_owned()), true);
    env.redactor()
}

/// A screen of this width that was fed the output, redacted in pieces.
fn shown(columns: u16, output: &str) -> Emulator {
    let mut emulator = Emulator::new(Size { columns, rows: 6 }, 1000);
    let (mut redactor, mut clear) = (redactor(), Vec::new());
    for piece in output.as_bytes().chunks(5) {
        redactor.push(piece, &mut clear);
        emulator.feed(&clear);
        clear.clear();
    }
    redactor.finish(&mut clear);
    emulator.feed(&clear);
    emulator
}

/// All that can be seen of the output, scrollback included, blanks and line ends taken out, so that what goes over an edge is in one.
fn everything(emulator: &mut Emulator) -> String {
    let rows = emulator.size().rows;
    emulator.scroll(i32::MAX);
    let mut text = String::new();
    loop {
        (0..rows).for_each(|row| text.push_str(&emulator.row_text(row)));
        let left = emulator.scrolled();
        if left == 0 {
            break;
        }
        emulator.scroll(-i32::from(rows));
    }
    text.retain(|c| c != ' ');
    text
}

#[track_caller]
fn hidden(emulator: &mut Emulator, what: &str) {
    let text = everything(emulator);
    for from in 0..=VALUE.len() - 4 {
        assert!(!text.contains(&VALUE[from..from + 4]), "{what}: {text}");
    }
    assert!(text.contains('•') && text.contains("behind"), "{what}: {text}");
}

/// B04, B18: over the right edge at every column, as a terminal wraps and as readline does; then at every other width; on the other
/// screen and back.
#[test]
fn masked_at_every_width_and_at_every_other_one_afterwards() {
    for &columns in WIDTHS {
        for left in 0..usize::from(columns).min(VALUE.len() + 2) {
            let before = ".".repeat(usize::from(columns) - left);
            // readline prints the character that comes next at the margin, or a blank, and returns over it; vim the last one again, and
            // goes to where the next row begins.
            let (at_edge, over) = VALUE.split_at(left.min(VALUE.len()));
            let (last, next) = (
                at_edge.chars().last().unwrap_or('.'),
                over.chars().next().unwrap_or('b'),
            );
            for output in [
                format!("{before}{at_edge}{next}\r{over}behind\r\n"),
                format!("{before}{at_edge}{last}\x1b[2;1H{over}behind\r\n"),
                format!("{before}{VALUE}behind\r\n"),
                format!("{before}{at_edge} \r{over}behind\r\n"),
                format!("{before}{at_edge}\r\n{over}behind\r\n"),
                format!("\x1b[1m{before}{at_edge}\x1b[0m\x1b[K{over}behind\r\n"),
            ] {
                let mut emulator = shown(columns, &output);
                hidden(&mut emulator, &format!("{columns} columns, {left} left"));
                for &other in WIDTHS {
                    emulator.resize(Size {
                        columns: other,
                        rows: 9,
                    });
                    hidden(&mut emulator, &format!("{columns} columns, {left} left, then {other}"));
                }
            }
        }
        let mut emulator = shown(
            columns,
            &format!("{VALUE} behind\r\n\x1b[?1049h\x1b[2;3H{VALUE} behind"),
        );
        hidden(&mut emulator, "the alternate screen");
        emulator.feed(b"\x1b[?1049l");
        hidden(&mut emulator, "back on the main screen");
    }
}

/// A program that prints TOKEN in its own way of writing: a label, then what it makes of it between `<<` and `>>`.
const WAYS: &str = r#"#!/usr/bin/env python3
import base64, binascii, html, json, os, pprint, quopri, shlex, sqlite3, subprocess, urllib.parse, xml.sax.saxutils
value = os.environ["TOKEN"]
raw = value.encode()
def way(label, text):
    if isinstance(text, str):
        text = text.encode()
    os.write(1, label.encode() + b" <<" + text + b">>\n")
way("plain", value)
way("repr", repr(value))
way("ascii", ascii(value))
way("repr-bytes", repr(raw))
way("json", json.dumps({"a": value}))
way("json-unicode", json.dumps([value], ensure_ascii=False))
way("json-in-json", json.dumps(json.dumps(value)))
way("shlex", shlex.quote(value))
way("url", urllib.parse.quote(value))
way("url-all", urllib.parse.quote(value, safe=""))
way("url-form", urllib.parse.urlencode({"a": value}))
way("html", html.escape(value))
way("html-no-quotes", html.escape(value, quote=False))
way("xml", xml.sax.saxutils.escape(value))
way("xml-attribute", xml.sax.saxutils.quoteattr(value))
way("xml-ascii", value.encode("ascii", "xmlcharrefreplace"))
way("base64", base64.b64encode(raw))
way("base64-url", base64.urlsafe_b64encode(raw))
way("base64-one-before", base64.b64encode(b"x" + raw))
way("base64-basic", base64.b64encode(b"me:" + raw + b"\n"))
way("base64-lines", base64.encodebytes(raw * 1 + b" and text behind it that makes the line longer than it may be"))
way("hex", raw.hex())
way("hex-upper", raw.hex().upper())
way("hex-colons", raw.hex(":"))
way("hex-blanks", raw.hex(" "))
way("list", str(list(raw)))
way("octal", "".join("\\%03o" % byte for byte in raw))
way("sql", sqlite3.connect(":memory:").execute("select quote(?)", (value,)).fetchone()[0])
way("sql-hex", sqlite3.connect(":memory:").execute("select hex(?)", (raw,)).fetchone()[0])
for label, command in {
    "bash-q": 'printf %q "$TOKEN"', "bash-at-q": 'printf %s "${TOKEN@Q}"', "bash-declare": "declare -p TOKEN", "bash-set": "set | grep -a ^TOKEN=",
    "bash-trace": '(set -x; : "$TOKEN") 2>&1', "bash-export": "export -p | grep -a TOKEN",
    "cat-v": 'printf %s "$TOKEN" | cat -v', "od": 'printf %s "$TOKEN" | od -An -v -tx1 -w64', "od-octal": 'printf %s "$TOKEN" | od -An -v -to1 -w64',
    "base64-tool": 'printf %s "$TOKEN" | base64', "openssl": 'printf %s "$TOKEN" | openssl base64', "sed-l": "printf '%s\\n' \"$TOKEN\" | sed -n 'l 0'",
    "awk": 'printf %s "$TOKEN" | awk \'{ for (i = 1; i <= length($0); i++) printf "%s", substr($0, i, 1) }\'',
}.items():
    way(label, subprocess.run(["bash", "-c", command], capture_output=True).stdout.strip())
way("over", "over")
"#;

/// B06: what real programs and libraries make of a value. At most the ends of its base64 form are left.
#[test]
fn what_programs_make_of_a_value() {
    for canary in [
        Canary::new(),
        Canary::of("pa ss'wo\"rd\\with$all`the!trouble&<é€𝄞>%41".to_owned()),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.set("HP_MASKING_TOKEN", canary.value());
        sandbox.program("ways", WAYS);
        sandbox.roles("[roles.held]\ncommand = ['ways']\nfields.TOKEN = '_envs/HP_MASKING_TOKEN'\n");
        let printed = sandbox.run(&["exec", "held", "--", "ways"]).expect_code(0).stdout;
        assert_eq!(canary.in_bytes("stdout", printed.as_bytes()), []);
        let mut ways = 0;
        for part in printed.split(">>\n").filter(|part| !part.is_empty()) {
            let (label, text) = part.split_once(" <<").unwrap_or_else(|| panic!("no label: {part:?}"));
            if label == "over" {
                continue;
            }
            ways += 1;
            assert!(text.contains('•'), "{label} is not masked: {text}");
            let left: Vec<&str> = text.split('•').filter(|left| !left.is_empty()).collect();
            let allowed = match label {
                // The text behind it is no part of the value.
                "base64-lines" => 90,
                _ => 24,
            };
            assert!(left.concat().len() <= allowed, "{label} leaves {left:?}");
        }
        assert!(ways > 40, "{ways} ways:\n{printed}");
    }
}

/// B22: the child ends, or is killed, in the middle of a value.
#[test]
fn half_a_value_at_the_end_is_masked() {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_MASKING_TOKEN", VALUE);
    sandbox.roles("[roles.held]\ncommand = ['sh']\nfields.TOKEN = '_envs/HP_MASKING_TOKEN'\n");
    for (end, code) in [("exit 3", 3), ("kill -9 $$", 137)] {
        let script = format!("printf 'half <%s' \"$(printf %s \"$TOKEN\" | cut -c1-15)\"; {end}");
        let run = sandbox
            .run(&["exec", "held", "--", "sh", "-c", &script])
            .expect_code(code);
        // Who is held up between the print and the end has paused: three characters may stand there, and the mask is as wide as the rest.
        let paused = format!("half <{}{}", &VALUE[..3], "•".repeat(12));
        assert!(
            ["half <••••••••", &paused].contains(&run.stdout.as_str()),
            "{}",
            run.stdout
        );
        let script = format!("printf 'half <'; printf %s \"$TOKEN\" | cut -c1-15 | tr -d '\\n'; sleep 0.2; {end}");
        let run = sandbox
            .run(&["exec", "held", "--", "sh", "-c", &script])
            .expect_code(code);
        // After a pause three characters may stand there, and the mask is as wide as what it hides.
        assert!(
            run.stdout.starts_with("half <") && run.stdout.contains('•'),
            "{}",
            run.stdout
        );
        assert!(!run.stdout.contains(&VALUE[..4]), "{}", run.stdout);
    }
}

/// B21: half a value, then a question: the child is answered, or it would wait for ever, and the half is masked.
#[test]
fn half_a_value_before_a_question_does_not_hold_the_answer() {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_MASKING_TOKEN", VALUE);
    sandbox.program(
        "question",
        "#!/usr/bin/env python3\nimport os, tty, termios\nbefore = termios.tcgetattr(0)\ntty.setraw(0)\nvalue = os.environ['TOKEN'].encode()\n\
         os.write(1, b'half <' + value[:12] + b'\\x1b[6n')\nanswer = b''\nwhile not answer.endswith(b'R'):\n    answer += os.read(0, 100)\n\
         os.write(1, value[12:] + b'>\\r\\nanswered ' + answer[1:] + b'\\r\\n')\ntermios.tcsetattr(0, termios.TCSANOW, before)\n",
    );
    sandbox.roles(
        "[roles.held]\ncommand = ['sh']\nenv = 'dev'\nfields.PS1 = '$ '\nfields.TOKEN = '_envs/HP_MASKING_TOKEN'\n",
    );
    for args in [&["connect", "held"][..], &["connect", "held", "--tui"]] {
        let terminal = Tmux::hallpass(&sandbox, (100, 30), args);
        terminal.prompt();
        terminal.line("question");
        let screen = terminal.wait("answered [");
        for from in 0..=VALUE.len() - 4 {
            assert!(!screen.contains(&VALUE[from..from + 4]), "{screen}");
        }
        assert!(screen.contains("half <•"), "{screen}");
    }
}

/// A role whose shell holds a value that is not its own.
fn held() -> (Sandbox, Canary) {
    let canary = Canary::of("Kxq7vW2mZr9Lp4NtB".to_owned());
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_MASKING_TOKEN", canary.value());
    sandbox.roles(
        "[roles.held]\ncommand = ['bash', '--norc', '--noprofile', '-i']\nenv = 'dev'\nfields.PS1 = '$ '\nfields.TOKEN = '_envs/HP_MASKING_TOKEN'\n",
    );
    (sandbox, canary)
}

/// B04: a value that is typed over the margin of a line that readline edits, at several widths, then found again in the history and
/// edited in its middle.
#[test]
fn masked_while_readline_edits_it() {
    let (sandbox, canary) = held();
    for columns in [40, 80, 81, 132] {
        let connected = Tmux::hallpass(&sandbox, (columns, 24), &["connect", "held"]);
        let tui = Tmux::hallpass(&sandbox, (columns + 2, 24), &["connect", "held", "--tui"]);
        for terminal in [connected, tui] {
            terminal.prompt();
            let filler = usize::from(columns) - 2 - ": ".len() - canary.value().len() / 2;
            terminal.type_text(&format!(": {}", ".".repeat(filler)));
            for letter in canary.value().chars() {
                terminal.type_text(&letter.to_string());
            }
            terminal.type_text("=typed");
            terminal.wait("=typed");
            terminal.keys(&["Enter"]);
            terminal.line("echo ran $((6 * 7))");
            terminal.wait("ran 42");
            terminal.keys(&["Up", "Up", "C-a", "C-f", "C-f", "x", "y", "C-e"]);
            terminal.settled();
            masked(&canary, "screen", terminal.screen().as_bytes());
            masked(&canary, "history", terminal.history().as_bytes());
            terminal.resize((columns + 9, 24));
            masked(&canary, "resized", terminal.settled().as_bytes());
            masked(&canary, "terminal", &terminal.bytes());
            terminal.keys(&["C-c"]);
        }
    }
}

/// B04: vim shows a line over several rows, and moves the cursor between them.
#[test]
fn masked_where_vim_wraps() {
    let (sandbox, canary) = held();
    let lines: Vec<String> = (0..=canary.value().len())
        .map(|at_edge| format!("{}{} behind {at_edge}\n", ".".repeat(40 - at_edge), canary.value()))
        .collect();
    let file = sandbox.write("values", &lines.concat());
    let connected = Tmux::hallpass(&sandbox, (40, 50), &["connect", "held"]);
    let tui = Tmux::hallpass(&sandbox, (40, 50), &["connect", "held", "--tui"]);
    for terminal in [connected, tui] {
        terminal.prompt();
        terminal.line(&format!("vim -u NONE -i NONE -n {}", file.display()));
        terminal.wait("behind 17");
        // All of it anew, then over other text.
        for keys in [&["C-l"][..], &["C-f"], &["C-b"], &["g", "g", "d", "d"]] {
            terminal.keys(keys);
            let screen = terminal.settled();
            let joined: String = screen.split_whitespace().collect();
            masked(&canary, "rows", joined.as_bytes());
        }
        masked(&canary, "terminal", &terminal.bytes());
        terminal.keys(&[":", "q", "!", "Enter"]);
    }
    // The file itself is the only one that holds the value: no recording does.
    std::fs::remove_file(file).unwrap();
    assert_eq!(canary.in_files(sandbox.home()), []);
}

/// B04: a pager that goes backwards draws the second row of a wrapped value before the first; `more` asks between them.
#[test]
fn less_than_half_shows_where_a_pager_draws_rows_in_another_order() {
    let (sandbox, canary) = held();
    let around = |count: usize| (0..count).map(|line| format!("line {line}\n")).collect::<String>();
    let lines: Vec<String> = [3, 8, 9, 14]
        .map(|at_edge| format!("{}{} behind {at_edge}\n", ".".repeat(50 - at_edge), canary.value()))
        .to_vec();
    let file = sandbox.write("values", &(around(14) + &lines.concat() + &around(14)));
    // The wrapped lines, and the rows of the screen.
    const STEPS: usize = 8 + 12;
    let half = canary.value().len().div_ceil(2);
    let shown = |terminal: &Tmux, what: &str| {
        let screen = terminal.settled();
        for part in canary.value().as_bytes().windows(half) {
            let part = String::from_utf8_lossy(part);
            assert!(!screen.contains(&*part), "{what}: {part}\n{screen}");
        }
    };
    let connected = Tmux::hallpass(&sandbox, (50, 12), &["connect", "held"]);
    let tui = Tmux::hallpass(&sandbox, (50, 12), &["connect", "held", "--tui"]);
    for terminal in [connected, tui] {
        terminal.prompt();
        terminal.line(&format!("less {}", file.display()));
        terminal.wait("line 0");
        terminal.keys(&["G"]);
        for _ in 0..STEPS {
            terminal.keys(&["k"]);
            shown(&terminal, "less, k");
        }
        terminal.keys(&["G", "b"]);
        shown(&terminal, "less, b");
        terminal.keys(&["y", "y", "u"]);
        shown(&terminal, "less, y and u");
        terminal.keys(&["q"]);
        terminal.line(&format!("more {}", file.display()));
        terminal.wait("More");
        for _ in 0..STEPS {
            terminal.keys(&["Enter"]);
            shown(&terminal, "more");
        }
        terminal.keys(&["q"]);
    }
    std::fs::remove_file(file).unwrap();
    assert_eq!(canary.in_files(sandbox.home()), []);
}
