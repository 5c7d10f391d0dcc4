//! Hostile output (cases D): whatever a child prints in the pane, the terminal outside gets drawn cells and nothing else.
//!
//! | case | what proves it |
//! |---|---|
//! | D01 | [`CASES`] `clipboard`; `emulator::tests::queries_get_fixed_answers_and_never_the_childs_own_text` |
//! | D02 | [`CASES`] `title`; `emulator::title::tests` |
//! | D03 | [`CASES`] `reports`, `answers` |
//! | D04 | [`CASES`] `colours` |
//! | D05 | [`a_string_without_an_end_costs_nothing`]; `redactor::tests::long_strings` |
//! | D06 | [`CASES`] `images`, `image-bomb` |
//! | D07 | `session::a_flood_leaves_the_keyboard_immediate_and_the_memory_flat` |
//! | D08 | `tests/fuzz`, `corpus` |
//! | D09 | [`CASES`] `counts`; `emulator::tests::any_size_is_survived` |
//! | D10 | [`CASES`] `sizes`; `emulator::tests::any_size_is_survived` |
//! | D11 | [`a_storm_of_sizes_ends_in_the_right_one`] |
//! | D14 | `session::keys::tests` |
//! | D15 | [`what_a_child_switched_on_ends_with_hallpass`] |
//! | D18 | `hostile::names_of_keys_do_not_steer_the_terminal`, `ui::text` |

use std::path::Path;

use crate::databases::open_role;
use crate::outer::{strange, titles};
use crate::sandbox::{Sandbox, eventually};
use crate::tmux::Tmux;

/// Output that means harm: its name, what is printed, and what the child is told in answer.
struct Case {
    name: &'static str,
    printed: &'static [u8],
    answers: &'static [u8],
}

const fn silent(name: &'static str, printed: &'static [u8]) -> Case {
    Case {
        name,
        printed,
        answers: b"",
    }
}

const CASES: &[Case] = &[
    silent("clipboard", b"\x1b]52;c;ZXZpbA==\x07\x1b]52;c;?\x07\x1b]52;p;ZXZpbA==\x1b\\\x1b]52;;!\x07"),
    silent(
        "title",
        b"\x1b]0;evil\n\x08\x0btitle\x07\x1b]1;evil\x07\x1b]2;evil \x9b31m\x1b\\\x1b]2;\xe2\x80\xaeevil\x07\x1bkevil\x1b\\\x1b[22;0t\x1b[23;0t",
    ),
    silent("folder-and-links", b"\x1b]7;file://evil/\x07\x1b]8;;http://evil\x07link\x1b]8;;\x07\x1b]9;evil\x07\x1b]777;notify;evil;evil\x07\x1b]133;A\x07\x1b]1337;SetMark\x07\x1b]50;evil\x07"),
    silent(
        "reports",
        b"\x1bP$qm\x1b\\\x1bP$q\"p\x1b\\\x1b[1;1;1;1;5;5*y\x1bP+q544e;436f\x1b\\\x1b[21t\x1b[20t\x1b[14t\x1b[19t\x1b[11t\x05\x1b[=c\x1b[>q\x1b[x\x1b[?26n\x1b[?15n\x1b]60\x07",
    ),
    Case {
        name: "answers",
        printed: b"\x1b[2J\x1b[3;7H\x1b[6n\x1b[5n\x1b[c\x1b[>c\x1bZ\x1b[?2004$p\x1b[?9999$p\x1b[?u",
        answers: b"\x1b[3;7R\x1b[0n\x1b[?6c\x1b[>0;10;1c\x1b[?6c\x1b[?2004;2$y\x1b[?9999;0$y\x1b[?0u",
    },
    silent(
        "colours",
        b"\x1b]4;1;?\x07\x1b]4;1;rgb:ff/00/00\x07\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]12;?\x07\x1b]17;?\x07\x1b]104\x07\x1b]110\x07\x1b]10;evil\x07\x1b]5;0;?\x07",
    ),
    silent(
        "images",
        b"\x1bPq\"1;1;9999;9999#0;2;0;0;0#0!9999~-\x1b\\\x1b_Ga=T,f=100,s=65535,v=65535;AAAA\x1b\\\x1b]1337;File=inline=1;width=99999:AAAA\x07\x1b_Ga=q,i=1;AAAA\x1b\\",
    ),
    silent(
        "other-strings",
        b"\x1b^evil\x1b\\\x1bXevil\x1b\\\x1b_evil\x1b\\\x1bP0;1|17/41\x1b\\\x1bP1;2{evil\x1b\\\x1b[5i evil \x1b[4i\x1b[?5i\x1b!evil",
    ),
    silent(
        "tmux-passthrough",
        b"\x1bPtmux;\x1b\x1b]52;c;ZXZpbA==\x07\x1b\\\x1bP\x1b]0;evil\x07\x1b\\",
    ),
    silent("c1", b"\x9b31mevil\x9d0;evil\x9c\x90q\x9c\x9b6n\x85\x84\x8d\xc2\x9b31mevil\xc2\x9d0;evil\xc2\x9c\xc2\x90q\xc2\x9c\xc2\x9b6n\xc2\x85"),
    silent("no-text", b"\xff\xfe\xc3\x28\xf0\x9f\x98\xe2\x82\xed\xa0\x80\xf8\x88\x80\x80\x80\xc0\xaf\x80\xbf"),
    silent("control-characters", b"\0\x01\x02\x03\x04\x06\x07\x08\t\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x19\x1c\x1d\x1e\x1f\x7f\x0f"),
    silent(
        "direction",
        "\u{202e}evil\u{202c} \u{2066}evil\u{2069} \u{200f}\u{feff}\u{e0041}\u{e007f} \u{2028}\u{2029}\u{ad}\u{200b}\u{2060}".as_bytes(),
    ),
    silent(
        "modes",
        b"\x1b[?1h\x1b=\x1b[?5h\x1b[?7l\x1b[?9h\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1005h\x1b[?1006h\x1b[?1015h\x1b[?1016h\x1b[?1004h\x1b[?2004h\x1b[?2026h\x1b[?2031h\x1b[?2048h\x1b[?47h\x1b[?1047h\x1b[?1049h\x1b[>31u\x1b[=31;1u\x1b[>4;2m\x1b[4h\x1b[20h\x1b[?3h\x1b[?40h\x1b[?69h\x1b[5;10s\x1b[2 q\x1b[?25l",
    ),
    silent("resets", b"\x1bc\x1b[!p\x1b[62;1\"p\x1b#8\x1b(0evil\x1b(B\x1b%@\x1b%G\x1b F\x1b G\x1bn\x1bo\x1b|\x1b}\x1b~\x1b6\x1b9"),
    silent(
        "counts",
        b"\x1b[999999999;999999999H\x1b[2147483647Xx\x1b[2147483647b\x1b[999999999S\x1b[999999999T\x1b[999999999L\x1b[999999999M\x1b[999999999@\x1b[999999999P\x1b[999999999I\x1b[999999999Z\x1b[999999999E\x1b[999999999F\x1b[999999999d\x1b[4294967296G\x1b[1;999999999r\x1b[99999999999999999999999999A\x1b[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;m",
    ),
    silent("sizes", b"\x1b[8;1000000;1000000t\x1b[4;1000000;1000000t\x1b[9;1t\x1b[10;1t\x1b[2t\x1b[3;0;0t\x1b[5t\x1b[24t\x1b[1000000t\x1b[1000000$|\x1b[1000000*|"),
    silent("cut-off", b"\x1b[31;\x1b]0;evil\x18\x1b[3\x1a1mevil\x1bP\x1b[\x1b]\x1b_\x1b^\x1bX\x1b\\\x1b\x1b\x1b[\x1b"),
];

/// Prints a file as it is and says what the terminal answered until it answered this program's own question.
const ASK: &str = r#"#!/usr/bin/env python3
import os, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
with open(sys.argv[1], "rb") as file:
    while piece := file.read(65536):
        while piece:
            piece = piece[os.write(1, piece):]
# Whatever was begun is over; then the question.
os.write(1, b"\x18\x1bc\x1b[5n")
answers = b""
while not answers.endswith(b"\x1b[0n"):
    answers += os.read(0, 4096)
termios.tcsetattr(0, termios.TCSANOW, before)
print("answers", answers[:-4].replace(b"\x1b", b"^").decode() or "none")
print("size", *os.get_terminal_size(1), "over")
"#;

/// A shell in the pane of a production role, where nothing is copied or opened without being asked.
fn in_the_pane(sandbox: &Sandbox, size: (u16, u16)) -> Tmux {
    sandbox.roles("[roles.hostile]\ncommand = ['sh']\nenv = 'prod'\nfields.PS1 = '$ '\nfields.TOKEN = '_envs/HP_ISOLATION_TOKEN'\n");
    let terminal = Tmux::hallpass(sandbox, size, &[]);
    open_role(&terminal, "hostile");
    terminal.prompt();
    terminal
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_ISOLATION_TOKEN", "a value that nothing here prints");
    sandbox.program("ask", ASK);
    sandbox
}

/// Writes what a case prints into a file of the sandbox.
fn payload(sandbox: &Sandbox, name: &str, bytes: &[u8]) {
    let path = sandbox.home().join(name);
    std::fs::write(path, bytes).unwrap();
}

/// Empties the pane, so that the next answers are not taken for those of before.
#[track_caller]
fn cleared(terminal: &Tmux, after: &str) {
    terminal.line("clear");
    terminal.wait_until(&format!("a clear pane after {after}"), |screen| {
        !screen.contains("answers")
    });
}

/// The answers and the size that `ask` names, once it has ended.
#[track_caller]
fn asked(terminal: &Tmux, name: &str) -> (String, String) {
    terminal.line(&format!("ask {name}"));
    let screen = terminal.wait_until(&format!("{name}: the answers"), |screen| {
        screen.contains("answers ") && screen.contains(" over")
    });
    let behind = |word: &str| {
        let row = screen.lines().find(|row| row.contains(word)).unwrap();
        row.split_once(word).unwrap().1.trim_end_matches([' ', '┃']).to_owned()
    };
    (behind("answers "), behind("size ").trim_end_matches(" over").to_owned())
}

/// As `ask` prints them, in one line of the pane.
fn printable(answers: &[u8]) -> String {
    let text = String::from_utf8(answers.to_vec()).unwrap().replace('\x1b', "^");
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Only what hallpass itself sends reached the terminal, and every title is its own.
#[track_caller]
fn isolated(terminal: &Tmux, name: &str) {
    let mut bytes = Vec::new();
    let mut found = Vec::new();
    // What is written down of a picture may end within a sequence.
    for _ in 0..50 {
        bytes = terminal.bytes();
        found = strange(&bytes);
        if found.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(found, Vec::<String>::new(), "{name}: reached the terminal");
    for title in titles(&bytes) {
        assert!(!title.contains("evil"), "{name}: a title of the child: {title:?}");
    }
}

#[test]
fn no_byte_of_the_child_reaches_the_terminal_but_as_drawn_cells() {
    let sandbox = sandbox();
    let terminal = in_the_pane(&sandbox, (100, 30));
    payload(&sandbox, "nothing", b"");
    let (_, size) = asked(&terminal, "nothing");
    cleared(&terminal, "nothing");
    for case in CASES {
        payload(&sandbox, case.name, case.printed);
        let (answers, its_size) = asked(&terminal, case.name);
        assert_eq!(
            answers,
            printable(case.answers),
            "{}: what the child was told",
            case.name
        );
        assert_eq!(its_size, size, "{}: the pane's size", case.name);
        isolated(&terminal, case.name);
        cleared(&terminal, case.name);
    }
    // Images of megabytes, and what looks like one and never ends.
    for (name, head, tail) in [
        ("image-bomb", &b"\x1bPq"[..], &b"\x1b\\"[..]),
        ("image-bomb-kitty", b"\x1b_Ga=T,f=32,s=9999,v=9999;", b"\x1b\\"),
        ("image-bomb-iterm", b"\x1b]1337;File=inline=1:", b"\x07"),
    ] {
        payload(
            &sandbox,
            name,
            &[head, &b"#0!9999~-AAAA".repeat(300_000), tail].concat(),
        );
        assert_eq!(asked(&terminal, name).0, "none");
        isolated(&terminal, name);
        cleared(&terminal, name);
    }
    // It still works, and what a program prints is what is seen.
    terminal.line("printf 'plain\\033[31m red\\033[0m\\n'; echo works $((6 * 7))");
    terminal.wait("works 42");
    isolated(&terminal, "afterwards");
}

/// Every byte by itself and behind an escape, and random ones, as they come.
#[test]
fn random_bytes_reach_nothing_but_the_pane() {
    let sandbox = sandbox();
    let terminal = in_the_pane(&sandbox, (90, 25));
    let every: Vec<u8> = (0..=255)
        .flat_map(|byte| [byte, 0x1b, byte, b'x', 0x1b, b'[', byte])
        .collect();
    payload(&sandbox, "every", &every);
    asked(&terminal, "every");
    isolated(&terminal, "every byte");
    for round in 0..4 {
        let mut bytes = vec![0; 60_000];
        getrandom::fill(&mut bytes).unwrap();
        if round > 1 {
            // Escapes and their kin are rare in random bytes.
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = match at % 7 {
                    0 => 0x1b,
                    1 => b"[]P_^XkO(#%"[usize::from(*byte) % 11],
                    _ => *byte,
                };
            }
        }
        payload(&sandbox, "random", &bytes);
        cleared(&terminal, "random bytes");
        asked(&terminal, "random");
        isolated(&terminal, "random bytes");
    }
}

/// D05. A gigabyte with `HALLPASS_TEST_FULL=1`, 50 MB else: what would grow has grown by then.
#[test]
fn a_string_without_an_end_costs_nothing() {
    let megabytes = if std::env::var_os("HALLPASS_TEST_FULL").is_some() {
        1000
    } else {
        50
    };
    let sandbox = sandbox();
    // What waits for the disk is bounded, and more than what is looked for here.
    sandbox.config("version = 1\n[defaults]\nrecord = false\n");
    sandbox.program(
        "endless",
        "#!/bin/sh\nprintf \"\\033$1\"\nyes 'abcdefghijklmnopqrstuvwxyz 0123456789' | head -c \"$2\"\n",
    );
    let terminal = in_the_pane(&sandbox, (80, 24));
    let pid: u32 = terminal.ask("#{pane_pid}").parse().unwrap();
    let hallpass = child_of(pid);
    payload(&sandbox, "nothing", b"");
    // Once first: what is made at the first use of it is no growth.
    for (size, allowed) in [(4, usize::MAX), (megabytes, 1024)] {
        for start in ["P", "_G", "]0;", "]52;c;", "^", "X"] {
            let before = resident_kib(hallpass);
            terminal.line(&format!("endless '{start}' {size}000000; ask nothing"));
            eventually_within(&terminal, "the string's end");
            let grown = resident_kib(hallpass).saturating_sub(before);
            assert!(grown < allowed, "{start}: {grown} KiB more");
            isolated(&terminal, start);
            cleared(&terminal, start);
        }
    }
}

/// As [`Tmux::wait`], for what may take minutes.
#[track_caller]
fn eventually_within(terminal: &Tmux, what: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(600);
    while !(terminal.screen().contains("answers ") && terminal.screen().contains(" over")) {
        assert!(std::time::Instant::now() < deadline, "{what}: not within ten minutes");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn child_of(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let name =
        |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "hallpass");
    children.split_whitespace().find(name).unwrap().parse().unwrap()
}

fn resident_kib(pid: u32) -> usize {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// D11: 2,000 notices of a new size, and the last one counts.
#[test]
fn a_storm_of_sizes_ends_in_the_right_one() {
    let sandbox = sandbox();
    let terminal = in_the_pane(&sandbox, (100, 30));
    let hallpass = child_of(terminal.ask("#{pane_pid}").parse().unwrap());
    for round in 0..40_u16 {
        terminal.resize((60 + round * 7 % 90, 15 + round * 5 % 40));
        let storm = format!("i=0; while [ $i -lt 50 ]; do kill -WINCH {hallpass}; i=$((i + 1)); done");
        let status = sandbox
            .command_of("/bin/sh".as_ref(), &["-c", &storm])
            .status()
            .unwrap();
        assert!(status.success());
    }
    terminal.resize((91, 27));
    payload(&sandbox, "nothing", b"");
    // The pane is as much smaller than the terminal as it was before.
    terminal.settled();
    let mut size = String::new();
    eventually("the last size", || {
        cleared(&terminal, "a size");
        size = asked(&terminal, "nothing").1;
        size.split_once(' ').is_some_and(|(columns, rows)| {
            let (columns, rows): (u16, u16) = (columns.parse().unwrap(), rows.parse().unwrap());
            (85..=91).contains(&columns) && (20..=27).contains(&rows)
        })
    });
    isolated(&terminal, "sizes");
}

/// D15: a child switches everything on and is killed; hallpass ends, and the terminal is as it was.
#[test]
fn what_a_child_switched_on_ends_with_hallpass() {
    let sandbox = sandbox();
    let terminal = Tmux::shell(&sandbox, (100, 30));
    let flags = "#{alternate_on} #{cursor_flag} #{insert_flag} #{keypad_cursor_flag} #{keypad_flag} #{mouse_any_flag} #{mouse_sgr_flag} #{origin_flag} #{wrap_flag} #{pane_title}";
    let before = terminal.ask(flags);
    let modes = CASES.iter().find(|case| case.name == "modes").unwrap().printed;
    payload(&sandbox, "modes", modes);
    sandbox.roles("[roles.hostile]\ncommand = ['sh', '-c', 'cat modes; kill -9 $$']\nenv = 'dev'\n");
    terminal.line("hallpass connect hostile --tui; echo back $?");
    terminal.wait_until("its end", |screen| screen.contains("KILL") || screen.contains("137"));
    terminal.keys(&["C-\\", "q"]);
    terminal.settled();
    if !terminal.screen().contains("back 137") {
        terminal.keys(&["q"]);
    }
    terminal.wait("back 137");
    assert_eq!(terminal.ask(flags), before);
    isolated(&terminal, "modes");
}
