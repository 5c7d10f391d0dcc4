//! Keys from end to end: through the real hallpass in a terminal to a program that notes every byte, beside what the same program gets
//! without hallpass.
//!
//! What a plain terminal sends is xterm's encoding; tmux departs from it in two keys, see [`as_xterm`]. What cannot be had:
//! the releases of keys; and, unless the terminal around us speaks the kitty protocol, a keypad told from the other keys, F3 with a
//! modifier (it looks like the answer to a query for the cursor), and Alt with `[`, `O` or Escape, which begin sequences.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hallpass::domain::secret::ChildEnv;
use hallpass::session::Session;
use hallpass::session::emulator::Size;

use crate::sandbox::{DEADLINE, HALLPASS, Sandbox, eventually};
use crate::tmux::Tmux;

/// The key that ends what is compared: it has the same bytes in every mode.
const END: &[u8] = b"\x1b[24~";
/// The key on which the program takes over the modes that the test has written.
const RELOAD: &[u8] = b"\x1b[21~";

/// A role whose program notes the bytes that it gets.
struct Reader {
    sandbox: Sandbox,
    log: PathBuf,
    modes: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let (log, modes) = (sandbox.home().join("log"), sandbox.home().join("modes"));
        let test = std::env::current_exe().unwrap();
        sandbox.roles(&format!(
            "[roles.keys]\nenv = 'dev'\ncommand = ['{}', 'keys::note_every_byte', '--exact', '--ignored', '--nocapture']\n\
             fields.HP_KEYS_LOG = '{}'\nfields.HP_KEYS_MODES = '{}'\n",
            test.display(),
            log.display(),
            modes.display()
        ));
        fs::write(&modes, "").unwrap();
        Self { sandbox, log, modes }
    }

    fn noted(&self) -> Vec<u8> {
        fs::read(&self.log).unwrap_or_default()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let until = Instant::now() + DEADLINE;
        loop {
            let noted = self.noted();
            if holds(&noted) {
                return noted;
            }
            assert!(Instant::now() < until, "{what}: {}", noted.escape_ascii());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Has the program print this, and waits until it has.
    #[track_caller]
    fn set_modes(&self, keyboard: &impl Keyboard, modes: &str) {
        fs::write(&self.modes, modes).unwrap();
        fs::write(&self.log, "").unwrap();
        keyboard.press(Press::Reload);
        self.wait("the modes", |noted| noted == b"modes");
        // What is printed reaches the screen by a way of its own: an answer comes back when it has.
        fs::write(&self.log, "").unwrap();
    }

    /// The bytes that a key becomes.
    #[track_caller]
    fn bytes_of(&self, keyboard: &impl Keyboard, key: &str) -> String {
        fs::write(&self.log, "").unwrap();
        keyboard.press(Press::Key(key));
        self.wait(&format!("{key:?} arrives"), |noted| !noted.is_empty());
        keyboard.press(Press::End);
        let noted = self.wait(&format!("the end after {key:?}"), |noted| noted.ends_with(END));
        noted[..noted.len() - END.len()].escape_ascii().to_string()
    }
}

/// The program: raw, silent, every byte goes into a file.
#[test]
#[ignore = "is the program in the sessions of the others"]
fn note_every_byte() {
    let (log, modes) = (
        std::env::var("HP_KEYS_LOG").unwrap(),
        std::env::var("HP_KEYS_MODES").unwrap(),
    );
    let mut raw = rustix::termios::tcgetattr(rustix::stdio::stdin()).unwrap();
    raw.make_raw();
    rustix::termios::tcsetattr(rustix::stdio::stdin(), rustix::termios::OptionalActions::Now, &raw).unwrap();
    let mut out = std::io::stdout();
    out.write_all(b"\r\nready for keys\r\n").unwrap();
    out.flush().unwrap();
    let note = |bytes: &[u8]| {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&log).unwrap();
        file.write_all(bytes).unwrap();
    };
    let mut input = std::io::stdin();
    let mut buffer = [0; 1024];
    loop {
        let count = input.read(&mut buffer).unwrap();
        assert_ne!(count, 0);
        if &buffer[..count] == RELOAD {
            // The answer to the query behind the modes says that they are in force.
            out.write_all(&fs::read(&modes).unwrap()).unwrap();
            out.write_all(b"\x1b[5n").unwrap();
            out.flush().unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\x1b[0n") {
                let count = input.read(&mut buffer).unwrap();
                answer.extend_from_slice(&buffer[..count]);
            }
            note(b"modes");
        } else {
            note(&buffer[..count]);
        }
    }
}

enum Press<'a> {
    Key(&'a str),
    End,
    Reload,
}

/// Something that presses keys.
trait Keyboard {
    fn press(&self, press: Press<'_>);
}

/// tmux presses keys by their names.
impl Keyboard for Tmux {
    fn press(&self, press: Press<'_>) {
        self.keys(&[match press {
            Press::Key(name) => name,
            Press::End => "F12",
            Press::Reload => "F10",
        }]);
    }
}

/// A terminal that sends what it is told to.
struct Plain(Session);

impl Plain {
    /// Hallpass with the role in its session view, on a PTY whose other end is ours.
    fn start(reader: &Reader, args: &[&str]) -> Self {
        let mut env = ChildEnv::new();
        for (name, value) in reader.sandbox.env() {
            env.insert_plain(name, value);
        }
        let args = [&["connect", "--tui", "keys"], args].concat();
        let mut plan = crate::session::plan(HALLPASS, &args, env);
        plan.cwd = reader.sandbox.home().to_owned();
        let size = Size { columns: 100, rows: 30 };
        let plain = Self(Session::start(plan, size, 0, Path::new(HALLPASS), Box::new(|_| ())).unwrap());
        plain.wait("ready for keys");
        plain
    }

    fn screen(&self) -> String {
        let emulator = self.0.emulator();
        let emulator = emulator.lock().unwrap();
        (0..emulator.size().rows)
            .map(|row| emulator.row_text(row) + "\n")
            .collect()
    }

    #[track_caller]
    fn wait(&self, text: &str) {
        eventually(&format!("{text:?} on\n{}", self.screen()), || {
            self.screen().contains(text)
        });
    }
}

/// A key is given as its bytes.
impl Keyboard for Plain {
    fn press(&self, press: Press<'_>) {
        self.0.send(match press {
            Press::Key(bytes) => bytes.as_bytes(),
            Press::End => END,
            Press::Reload => RELOAD,
        });
    }
}

/// What xterm sends for every key that a program may want: it arrives as it is.
fn plain_keys() -> Vec<String> {
    let mut keys: Vec<String> = (0..=0x1f_u8)
        // The prefix key has its own test.
        .filter(|byte| *byte != 0x1c)
        .map(|byte| char::from(byte).to_string())
        .collect();
    keys.extend(
        [
            "\x7f", "\x1b[Z", "a", "Z", "?", ":", "/", "q", " ", "ж", "é", "字", "€", "👩",
        ]
        .map(str::to_owned),
    );
    // With Alt.
    for key in ["a", "Z", "1", ".", "<", "ж", "\x7f", "\r", "\t", "\x01", "\x08"] {
        keys.push(format!("\x1b{key}"));
    }
    for last in "ABCDHF".chars() {
        keys.push(format!("\x1b[{last}"));
        keys.extend((2..=8).map(|modifiers| format!("\x1b[1;{modifiers}{last}")));
    }
    for last in "PQRS".chars() {
        keys.push(format!("\x1bO{last}"));
        // F3 with a modifier is also the answer to a query for the cursor.
        let modifiers = if last == 'R' { 2..2 } else { 2..9 };
        keys.extend(modifiers.map(|modifiers| format!("\x1b[1;{modifiers}{last}")));
    }
    for number in [2, 3, 5, 6, 15, 17, 18, 19, 20, 21, 23, 24] {
        // F10 and F12 by themselves serve the test.
        if number != 21 && number != 24 {
            keys.push(format!("\x1b[{number}~"));
        }
        keys.extend((2..=8).map(|modifiers| format!("\x1b[{number};{modifiers}~")));
    }
    keys
}

#[test]
fn every_key_arrives_as_a_plain_terminal_sends_it() {
    let reader = Reader::new();
    let plain = Plain::start(&reader, &[]);
    for key in plain_keys() {
        let expected = key.as_bytes().escape_ascii().to_string();
        assert_eq!(reader.bytes_of(&plain, &key), expected);
    }
}

/// Each mode a child may set, a key as a terminal sends it (in the kitty protocol where the old encoding has no such key), and what
/// becomes of it.
const MODES: &[(&str, &[(&str, &str)])] = &[
    (
        // Keys from a terminal that speaks the kitty protocol, to a child that does not.
        "",
        &[
            ("\x1b[27u", "\\x1b"),
            ("\x1b[105;5u", "\\t"),
            ("\x1b[109;5u", "\\r"),
            ("\x1b[97;5u", "\\x01"),
            ("\x1b[97:65;6u", "\\x01"),
            ("\x1b[97;3u", "\\x1ba"),
            ("\x1b[97:65;4u", "\\x1bA"),
            ("\x1b[49:33;4u", "\\x1b!"),
            ("\x1b[32;5u", "\\x00"),
            ("\x1b[93;5u", "\\x1d"),
            ("\x1b[127;5u", "\\x08"),
            ("\x1b[13;2u", "\\r"),
            ("\x1b[9;2u", "\\x1b[Z"),
            // Ctrl and a letter of another script count by their place.
            ("\x1b[1089;5u", "\\x03"),
            ("\x1b[1103;5u", "\\x1a"),
            // The keypad.
            ("\x1b[57404u", "5"),
            ("\x1b[57414u", "\\r"),
            ("\x1b[57417u", "\\x1b[D"),
        ],
    ),
    (
        "\x1b[?1h",
        &[
            ("\x1b[A", "\\x1bOA"),
            ("\x1b[H", "\\x1bOH"),
            ("\x1b[1;5A", "\\x1b[1;5A"),
            ("\x1b[3~", "\\x1b[3~"),
        ],
    ),
    (
        "\x1b[?1l\x1b=",
        &[
            ("\x1b[57404u", "\\x1bOu"),
            ("\x1b[57414u", "\\x1bOM"),
            ("5", "5"),
            ("\x1b[A", "\\x1b[A"),
        ],
    ),
    (
        "\x1b>\x1b[>1u",
        &[
            ("a", "a"),
            ("\x1b", "\\x1b[27u"),
            ("\x1b[27u", "\\x1b[27u"),
            ("\x01", "\\x1b[97;5u"),
            ("\x1b[105;5u", "\\x1b[105;5u"),
            ("\t", "\\t"),
            ("\r", "\\r"),
            ("\x1b[13;2u", "\\x1b[13;2u"),
            ("\x1ba", "\\x1b[97;3u"),
            ("\x1b[A", "\\x1b[A"),
            ("\x1bOP", "\\x1b[P"),
            ("\x1b[57414u", "\\x1b[57414u"),
        ],
    ),
    ("\x1b[=5u", &[("\x1b[97:65;6u", "\\x1b[97:65;6u"), ("A", "A")]),
    (
        "\x1b[=8;2u",
        &[("a", "\\x1b[97u"), ("A", "\\x1b[97:65;2u"), ("\r", "\\x1b[13u")],
    ),
    ("\x1b[=29u", &[("ж", "\\x1b[1078;;1078u"), ("A", "\\x1b[97:65;2;65u")]),
    // Popped, and the other screen has flags of its own.
    ("\x1b[<u", &[("\x01", "\\x01")]),
    ("\x1b[>1u\x1b[?1049h", &[("\x01", "\\x01")]),
    ("\x1b[?1049l", &[("\x01", "\\x1b[97;5u")]),
    (
        "\x1b[<u\x1b[>4;1m",
        &[
            ("\x01", "\\x01"),
            ("\x1ba", "\\x1ba"),
            ("\x1b[13;5u", "\\x1b[27;5;13~"),
            ("\x1b[13;2u", "\\x1b[27;2;13~"),
            ("\x1b[49;5u", "\\x1b[27;5;49~"),
        ],
    ),
    (
        "\x1b[>4;2m",
        &[
            ("\x01", "\\x1b[27;5;97~"),
            ("\x1ba", "\\x1b[27;3;97~"),
            ("A", "A"),
            ("\x1b[1;5A", "\\x1b[1;5A"),
        ],
    ),
    // Pastes and the focus: only a child that asked is told.
    ("\x1b[>4m", &[("\x1b[200~a\nb\x1b[201~", "a\\rb")]),
    (
        "\x1b[?2004h",
        &[("\x1b[200~a\nb\x1b[201~", "\\x1b[200~a\\nb\\x1b[201~")],
    ),
    (
        "\x1b[?2004l\x1b[?1004h",
        &[("\x1b[O", "\\x1b[O"), ("\x1b[I", "\\x1b[I")],
    ),
    ("\x1b[?1004l", &[("\x1b[Ox", "x")]),
];

#[test]
fn the_childs_modes_are_followed() {
    let reader = Reader::new();
    let plain = Plain::start(&reader, &[]);
    for (modes, keys) in MODES {
        reader.set_modes(&plain, modes);
        for (key, expected) in *keys {
            let bytes = reader.bytes_of(&plain, key);
            assert_eq!(bytes, *expected, "{key:?} after {modes:?}");
        }
    }
}

/// Keys by tmux's names, beside Ctrl and a letter. It has none for Ctrl-Backspace.
const IN_TMUX: &[&str] = &[
    "Escape",
    "Tab",
    "BTab",
    "Enter",
    "BSpace",
    "C-Space",
    "C-]",
    "C-^",
    "C-_",
    "M-a",
    "M-Z",
    "M-Enter",
    "M-BSpace",
    "C-M-a",
    "Up",
    "Down",
    "Left",
    "Right",
    "C-Up",
    "M-Left",
    "S-Right",
    "C-M-S-Down",
    "Home",
    "End",
    "C-Home",
    "IC",
    "DC",
    "PPage",
    "NPage",
    "S-NPage",
    "F1",
    "F4",
    "F5",
    "F11",
    "S-F5",
    "C-F1",
    "KP5",
];

/// Home and End of a program in tmux are those of its own terminal (`\e[1~`) in every mode, in the pane those of xterm, whose name `TERM`
/// says.
fn as_xterm(bytes: &str, application: bool) -> String {
    let introducer = if application { "\\x1bO" } else { "\\x1b[" };
    match bytes {
        "\\x1b[1~" => format!("{introducer}H"),
        "\\x1b[4~" => format!("{introducer}F"),
        other => other.to_owned(),
    }
}

#[test]
fn the_pane_delivers_what_tmux_delivers() {
    let (inside, outside) = (Reader::new(), Reader::new());
    let pane = Tmux::hallpass(&inside.sandbox, (100, 30), &["connect", "--tui", "keys"]);
    let test = std::env::current_exe().unwrap();
    let direct = Tmux::start(
        &outside.sandbox,
        (100, 30),
        &[
            "env",
            &format!("HP_KEYS_LOG={}", outside.log.display()),
            &format!("HP_KEYS_MODES={}", outside.modes.display()),
            test.to_str().unwrap(),
            "keys::note_every_byte",
            "--exact",
            "--ignored",
            "--nocapture",
        ],
    );
    for terminal in [&pane, &direct] {
        terminal.wait("ready for keys");
    }
    for modes in ["", "\x1b[?1h"] {
        inside.set_modes(&pane, modes);
        outside.set_modes(&direct, modes);
        let letters = (b'a'..=b'z').map(|letter| format!("C-{}", char::from(letter)));
        for name in letters.chain(IN_TMUX.iter().map(|name| (*name).to_owned())) {
            let (ours, theirs) = (inside.bytes_of(&pane, &name), outside.bytes_of(&direct, &name));
            assert_eq!(ours, as_xterm(&theirs, !modes.is_empty()), "{name} after {modes:?}");
        }
    }
}

/// `Ctrl-\` however the terminal encodes it, and that twice sends it in the encoding that the child wants.
#[test]
fn the_prefix_is_known_in_every_encoding_and_twice_sends_it() {
    let reader = Reader::new();
    let plain = Plain::start(&reader, &[]);
    for key in ["\x1c", "\x1b[92;5u", "\x1b[92;5:1u"] {
        plain.press(Press::Key(key));
        plain.wait("pick a key");
        // An unbound key closes the menu and goes nowhere.
        plain.press(Press::Key("Q"));
        plain.wait("not bound");
        assert!(!plain.screen().contains("pick a key"));
        plain.press(Press::Key(key));
        plain.wait("pick a key");
        assert_eq!(reader.bytes_of(&plain, key), "\\x1c");
    }
    reader.set_modes(&plain, "\x1b[>1u");
    plain.press(Press::Key("\x1c"));
    plain.wait("pick a key");
    assert_eq!(reader.bytes_of(&plain, "\x1c"), "\\x1b[92;5u");
}

#[test]
fn the_prefix_is_whose_it_was_said_to_be() {
    let mut reader = Reader::new();
    reader.sandbox.config("[session]\nprefix = 'screen'\nprefix2 = 'f9'\n");
    for (args, variable, key, other) in [
        (&[][..], None, "\x01", Some("\x1b[20~")),
        (&["--prefix", "telnet"], None, "\x1d", Some("\x1b[20~")),
        (&[], Some("alt-x"), "\x1bx", None),
        // What is typed counts more than the variable.
        (&["--prefix", "tmux"], Some("alt-x"), "\x02", None),
    ] {
        match variable {
            Some(variable) => reader.sandbox.set("HALLPASS_PREFIX", variable),
            None => reader.sandbox.unset("HALLPASS_PREFIX"),
        }
        let plain = Plain::start(&reader, args);
        assert_eq!(reader.bytes_of(&plain, "\x05"), "\\x05");
        for key in [Some(key), other].into_iter().flatten() {
            plain.press(Press::Key(key));
            plain.wait("pick a key");
            let expected = key.as_bytes().escape_ascii().to_string();
            assert_eq!(reader.bytes_of(&plain, key), expected);
        }
    }
    let refused = reader.sandbox.run(&["--prefix", "ctrl-m", "list"]).expect_code(2);
    assert!(
        refused.stderr.contains("cannot be told from Enter"),
        "{}",
        refused.stderr
    );
}

/// What the terminal is asked for at the start is taken back at the end, in the right order around the alternate screen.
#[test]
fn the_terminal_is_asked_to_tell_keys_apart_and_told_to_stop() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.short]\nenv = 'dev'\ncommand = ['echo', 'all of it']\n");
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &["connect", "--tui", "short"]);
    terminal.wait("all of it");
    terminal.wait("back");
    terminal.keys(&["Enter"]);
    assert_eq!(terminal.exit_code(), 0);
    eventually("the last bytes", || {
        terminal.bytes().windows(8).any(|bytes| bytes == b"\x1b[?1049l")
    });
    let bytes = terminal.bytes();
    let at = |sequence: &[u8]| bytes.windows(sequence.len()).position(|window| window == sequence);
    let (entered, pushed) = (at(b"\x1b[?1049h").unwrap(), at(b"\x1b[>5u").unwrap());
    let (popped, left) = (at(b"\x1b[<1u").unwrap(), at(b"\x1b[?1049l").unwrap());
    assert!(entered < pushed && pushed < popped && popped < left);
}
