//! Watching recordings with the real binary: in a terminal, as text, and what it says of files that are none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::Sandbox;
use crate::tmux::Tmux;

/// Half a minute with three commands and a resize, as asciinema would have written it.
fn cast(sandbox: &Sandbox) -> String {
    let mut lines = vec![r#"{"version": 2, "width": 98, "height": 26, "title": "three commands"}"#.to_owned()];
    for second in 1..=30 {
        let (code, text) = match second {
            10 => ("r", "90x24".to_owned()),
            5 | 15 | 25 => ("o", format!("$ command {second}\r\n")),
            _ => (
                "o",
                format!("\u{1b}[32msecond {second}\u{1b}[0m\r\n\u{1b}]2;owned\u{7}\u{1b}]52;c;b3duZWQ=\u{7}\u{1b}[6n"),
            ),
        };
        lines.push(serde_json::json!([f64::from(second), code, text]).to_string());
    }
    sandbox.write("demo.cast", &lines.join("\n")).display().to_string()
}

#[test]
fn a_recording_is_watched_in_a_terminal() {
    let sandbox = Sandbox::new();
    let file = cast(&sandbox);
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["replay", &file]);
    terminal.wait("REPLAY");
    terminal.wait("second 1");
    terminal.keys(&["Space", "5"]);
    terminal.wait("‖ 00:15");
    terminal.keys(&["Left"]);
    let screen = terminal.wait("‖ 00:10");
    assert!(screen.contains("recorded 90x24, shown rows 1-22"), "{screen}");
    terminal.keys(&["+", "+"]);
    terminal.wait("4.0x");
    terminal.keys(&["0"]);
    terminal.resize((60, 15));
    terminal.wait("recorded 98x26");
    terminal.type_text("/command 25");
    terminal.keys(&["Enter"]);
    terminal.wait("1 of 1 at 00:25");
    terminal.keys(&["t"]);
    terminal.keys(&["g"]);
    terminal.wait("second 1");
    terminal.keys(&["q", "q", "q"]);
    assert_eq!(terminal.exit_code(), 0);
    // The clipboard, the title and the query of the recording stayed in it.
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    for swallowed in ["\u{1b}]52;", "owned", "b3duZWQ=", "\u{1b}[6n"] {
        assert!(!bytes.contains(swallowed), "{swallowed:?}");
    }
}

#[test]
fn a_recording_is_printed_as_text_where_there_is_no_terminal() {
    let sandbox = Sandbox::new();
    let file = cast(&sandbox);
    let all = sandbox.run(&["replay", &file]).expect_code(0);
    assert_eq!(all.stdout.lines().count(), 29);
    assert!(all.stdout.starts_with("second 1\nsecond 2\n"), "{}", all.stdout);
    assert!(!all.stdout.contains('\u{1b}'));
    assert_eq!(all.stderr, "");
    let then = sandbox
        .run(&["replay", &file, "--text", "--at", "0m5.5s"])
        .expect_code(0);
    assert_eq!(then.stdout, "second 1\nsecond 2\nsecond 3\nsecond 4\n$ command 5\n");
    let path = sandbox.run(&["replay", &file, "--print-path"]).expect_code(0);
    assert_eq!(path.stdout.trim(), file);
}

#[test]
fn what_cannot_be_played_says_why() {
    let sandbox = Sandbox::new();
    let torn = sandbox.write(
        "torn.cast",
        "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n[1,\"o\",\"hello\"]\n[1,\"o\",\"wor",
    );
    let played = sandbox.run(&["replay", torn.to_str().unwrap()]).expect_code(0);
    assert_eq!(played.stdout, "hello\n");
    assert!(played.stderr.contains("torn off in line 3"), "{}", played.stderr);

    let none = sandbox.write("none.cast", "\nthis is no recording\n");
    let refused = sandbox.run(&["replay", none.to_str().unwrap()]).expect_code(1);
    assert!(
        refused.stderr.contains("error[E-REC-FORMAT]") && refused.stderr.contains("none.cast:2:1"),
        "{}",
        refused.stderr
    );

    let unknown = sandbox.run(&["replay", "01NOSUCH"]).expect_code(4);
    assert!(unknown.stderr.contains("error[E-REC-UNKNOWN]"), "{}", unknown.stderr);
    sandbox.run(&["replay", "./nowhere.cast"]).expect_code(4);
    sandbox.run(&["replay"]).expect_code(2);
    sandbox.run(&["replay", "x", "--speed", "99"]).expect_code(2);
    fs::create_dir(sandbox.home().join("folder")).unwrap();
    let folder = sandbox.home().join("folder");
    let refused = sandbox.run(&["replay", folder.to_str().unwrap()]).expect_code(1);
    assert!(
        refused.stderr.contains("is a directory") && refused.stderr.contains("this is a folder"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_session_is_watched_again() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.said]\nenv = 'dev'\ncommand = ['sh', '-c', 'echo recorded words']\nfields.PS1 = '$ '\n");
    let none = sandbox.run(&["replay", "--last"]).expect_code(4);
    assert!(none.stderr.contains("error[E-REC-UNKNOWN]"), "{}", none.stderr);
    let terminal = Tmux::hallpass(&sandbox, (80, 24), &["connect", "said"]);
    assert_eq!(terminal.exit_code(), 0);
    let path = sandbox.run(&["replay", "--last", "--print-path"]).expect_code(0);
    let file = std::path::PathBuf::from(path.stdout.trim());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"version\": 3") && !text.contains("\"i\","), "{text}");
    let said = sandbox.run(&["replay", "--last"]).expect_code(0);
    assert_eq!(said.stdout, "recorded words\n");
    // By the beginning of its session's id; a typo names the nearest one.
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let id = name.split_once('-').unwrap().1;
    sandbox.run(&["replay", &id[..8], "--text"]).expect_code(0);
    let wrong = format!("{}x", &id[..id.len() - 1]);
    let unknown = sandbox.run(&["replay", &wrong]).expect_code(4);
    assert!(unknown.stderr.contains(id), "{}", unknown.stderr);

    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["replay", "--last"]);
    let screen = terminal.wait("recorded words");
    assert!(
        screen.contains("said") && screen.contains("recorded 80x24, shown rows"),
        "{screen}"
    );
    terminal.keys(&["q"]);
    assert_eq!(terminal.exit_code(), 0);
}
