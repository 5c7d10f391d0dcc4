//! Copy mode, the mouse and the clipboard in a real terminal: what is copied is looked for where it must arrive.

use crate::canary::Canary;
use crate::databases::open_role;
use crate::sandbox::{Sandbox, eventually};
use crate::tmux::Tmux;

/// A role with a shell in the pane. More of the role file comes behind.
fn sandbox(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.roles(&format!(
        "[roles.box]\ncommand = ['sh']\nenv = 'dev'\nfields.PS1 = '$ '\n{more}\n"
    ));
    sandbox
}

fn opened(sandbox: &Sandbox, size: (u16, u16)) -> Tmux {
    let terminal = Tmux::hallpass(sandbox, size, &[]);
    open_role(&terminal, "box");
    terminal.prompt();
    terminal
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Presses the mouse's left button at one cell of the terminal (from 0) and releases it at another.
fn drag(terminal: &Tmux, from: (u16, u16), to: (u16, u16)) {
    let sequence = |button: u16, (x, y): (u16, u16), end: char| format!("\x1b[<{button};{};{}{end}", x + 1, y + 1);
    terminal.type_text(&sequence(0, from, 'M'));
    terminal.type_text(&sequence(32, to, 'M'));
    terminal.type_text(&sequence(0, to, 'm'));
}

/// Copied with keys in a terminal that is tmux: its buffer holds the line as it was before it was wrapped, and tmux gives it to the
/// terminal outside.
#[test]
fn a_wrapped_line_arrives_whole_in_the_buffer_of_tmux() {
    let sandbox = sandbox("");
    let terminal = opened(&sandbox, (80, 24));
    terminal.resize((60, 15));
    terminal.wait("60x13");
    terminal.line("for i in 1 2 3 4 5 6 7 8 9; do printf 'wrapped 字 %s, ' $i; done; echo 'end   '; seq 100; echo done $((6 * 7))");
    terminal.wait("done 42");
    terminal.keys(&["C-\\", "/"]);
    terminal.type_text("wrapped 字 1,");
    terminal.wait("1 of 1");
    terminal.keys(&["Enter"]);
    terminal.type_text("V");
    terminal.wait("SELECT LINES");
    terminal.type_text("y");
    terminal.wait("to tmux's buffer and the terminal's clipboard");
    let expected: String = (1..=9).map(|i| format!("wrapped 字 {i}, ")).collect();
    assert_eq!(terminal.buffer(), format!("{expected}end"));
    // It was left, and the program has the keys again.
    terminal.line("echo again $((6 * 7))");
    terminal.wait("again 42");
}

/// Without tmux and without a display the terminal itself takes the text, in one sequence.
#[test]
fn without_any_program_the_terminal_gets_osc_52() {
    let sandbox = sandbox("");
    let without = "env -u TMUX -u TMUX_PANE";
    let words: Vec<&str> = without
        .split(' ')
        .chain(["TERM=xterm-256color", crate::sandbox::HALLPASS])
        .collect();
    let terminal = Tmux::start(&sandbox, (80, 24), &words);
    open_role(&terminal, "box");
    terminal.prompt();
    terminal.line("echo one two three");
    terminal.wait("one two three");
    terminal.keys(&["C-\\", "["]);
    terminal.wait("COPY");
    terminal.type_text("kvey");
    terminal.wait("copied 3 B to the terminal's clipboard (OSC 52)");
    eventually("the sequence", || holds(&terminal.bytes(), b"\x1b]52;c;b25l\x07"));
}

/// The configured program gets the text on its standard input, not in its arguments, and none of the secrets of our environment.
#[test]
fn the_configured_program_comes_first_and_gets_no_secret() {
    let canary = Canary::new();
    let mut sandbox = sandbox("fields.TOKEN = '_envs/HP_COPY_TOKEN'");
    sandbox.set("HP_COPY_TOKEN", canary.value());
    sandbox.program(
        "keep-copy",
        "#!/bin/sh\ncat >taken\n{ env; tr '\\0' ' ' </proc/$$/cmdline; } >seen\n: >kept\n",
    );
    sandbox.config("[ui]\nclipboard = ['keep-copy', '-x']\n");
    let terminal = opened(&sandbox, (80, 24));
    terminal.line("env | grep TOKEN; echo text of mine");
    terminal.wait("│text of mine");
    // Dragging over a part of the last line of output: the pane begins below the row of tabs and the frame.
    let row = terminal
        .screen()
        .lines()
        .position(|line| line.contains("│text of mine"))
        .unwrap();
    drag(&terminal, (1, row as u16), (7, row as u16));
    terminal.wait("copied 7 B to keep-copy");
    eventually("the program has ended", || sandbox.home().join("kept").exists());
    let read = |name: &str| std::fs::read_to_string(sandbox.home().join(name)).unwrap();
    assert_eq!(read("taken"), "text of");
    let seen = read("seen");
    assert!(seen.contains("keep-copy -x") && !seen.contains("text of"), "{seen}");
    assert_eq!(canary.in_bytes("environment", seen.as_bytes()), []);
    assert!(!seen.contains("HP_COPY_TOKEN"), "{seen}");
    // The value was masked when it was printed, and what is copied is the mask.
    std::fs::remove_file(sandbox.home().join("kept")).unwrap();
    terminal.keys(&["C-\\", "y"]);
    eventually("the screen is copied", || sandbox.home().join("kept").exists());
    let taken = read("taken");
    assert!(taken.contains("TOKEN=•"), "{taken}");
    assert_eq!(canary.in_bytes("clipboard", taken.as_bytes()), []);
}

/// The view stands still under a flood and while the window changes its size; the program is shown as it is afterwards.
#[test]
fn copy_mode_stands_still_in_a_flood_and_in_another_size() {
    let sandbox = sandbox("");
    let terminal = opened(&sandbox, (80, 24));
    terminal.line("echo before the flood; while [ ! -e go ]; do sleep 0.05; done; seq 1 200000; echo over $((6 * 7))");
    terminal.wait("│before the flood");
    terminal.keys(&["C-\\", "["]);
    terminal.wait("COPY");
    sandbox.write("go", "");
    let screen = terminal.wait("new output");
    assert!(screen.contains("before the flood"));
    for size in [(60, 15), (100, 30), (80, 24)] {
        terminal.resize(size);
        terminal.wait_until("the text at another size", |screen| {
            screen.contains("before the flood") && screen.contains("COPY")
        });
    }
    terminal.type_text("q");
    terminal.wait("over 42");
}

/// OSC 52 of the program: never without being asked, then whole; a query gets no answer.
#[test]
fn a_program_sets_the_clipboard_when_it_may_and_never_reads_it() {
    let sandbox = sandbox("");
    let terminal = opened(&sandbox, (80, 24));
    terminal.set_buffer("of somebody else");
    terminal.line(r"printf '\033]52;c;ZXZpbA==\007\033]52;c;?\007'; echo asked $((6 * 7))");
    let screen = terminal.wait("wants to set the clipboard");
    assert!(
        screen.contains("sh in box") && screen.contains("to 4 B") && screen.contains("evil"),
        "{screen}"
    );
    terminal.settled();
    terminal.keys(&["Enter"]);
    terminal.wait("refused");
    assert_eq!(terminal.buffer(), "of somebody else");
    terminal.line("echo on $((6 * 7))");
    let screen = terminal.wait("on 42");
    assert!(
        !screen.contains("b2Yg"),
        "what the clipboard holds was typed into the program: {screen}"
    );
    assert!(!holds(&terminal.bytes(), b"ZXZpbA==\x07"));
    terminal.close();

    let allowed = self::sandbox("clipboard = 'allow'");
    let terminal = opened(&allowed, (80, 24));
    terminal.line(r"printf '\033]52;c;Z29vZA==\007'");
    terminal.wait("sh copied 4 B to tmux's buffer");
    assert_eq!(terminal.buffer(), "good");
    terminal.close();

    let denied = self::sandbox("clipboard = 'deny'");
    let terminal = opened(&denied, (80, 24));
    terminal.line(r"printf '\033]52;c;ZXZpbA==\007'; echo here $((6 * 7))");
    terminal.wait("sh may not set the clipboard here");
    terminal.keys(&["C-\\", "y"]);
    terminal.wait("this role lets no text out");
    assert_eq!(terminal.buffers(), "");
}

/// `connect` has nobody to ask: requests to the clipboard are taken out, unless the role allows them. Nothing else is.
#[test]
fn connected_directly_requests_are_taken_out_unless_allowed() {
    for (policy, passes) in [("", false), ("clipboard = 'ask'", false), ("clipboard = 'allow'", true)] {
        let sandbox = sandbox(policy);
        let terminal = Tmux::hallpass(&sandbox, (80, 24), &["connect", "box"]);
        terminal.prompt();
        terminal.line(r"printf 'a\033]52;c;ZXZpbA==\007b\033]52;c;?\033\\c\033[1md\n'; echo done $((6 * 7))");
        terminal.wait("done 42");
        eventually("its bytes", || holds(&terminal.bytes(), b"done 42"));
        let bytes = terminal.bytes();
        assert_eq!(holds(&bytes, b"a\x1b]52;c;ZXZpbA==\x07b"), passes, "{policy}");
        assert!(passes || holds(&bytes, b"abc\x1b[1md"), "{policy}");
        terminal.keys(&["C-d"]);
        assert_eq!(terminal.exit_code(), 0);
    }
}
