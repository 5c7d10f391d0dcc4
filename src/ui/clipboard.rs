//! Where a copied text goes: the configured program, the desktop's clipboard, tmux's buffer, or the terminal itself (OSC 52). Written
//! only: no clipboard is ever read.

use std::collections::BTreeMap;
use std::ffi::OsString;

use base64::Engine as _;
use jiff::Timestamp;

use crate::domain::policy::{Clipboard as Policy, SessionPolicy};

/// Most bytes of an OSC 52 sequence. What terminals take differs; nobody pastes more than this.
const MOST_OSC52: usize = 1 << 20;

/// What the program in a session asks of the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// What the role says; none where nothing says it.
    pub said: Option<Policy>,
    /// What holds for the program.
    pub policy: Policy,
    /// The newest text that waits: for the person, or for a moment in which it may be passed on.
    pub wanted: Option<String>,
    /// Nothing is passed on before.
    pub not_before: Timestamp,
    /// Nothing is asked before: the person has said no.
    pub quiet_until: Timestamp,
    /// The person was told that it may not.
    pub told: bool,
}

impl Requests {
    pub fn new(said: Option<Policy>, production: bool) -> Self {
        Self {
            said,
            policy: SessionPolicy::clipboard_of_program(said, production),
            wanted: None,
            not_before: Timestamp::MIN,
            quiet_until: Timestamp::MIN,
            told: false,
        }
    }
}

/// What a person can say to a program that wants to set the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    #[default]
    No,
    Once,
    /// As long as this session lasts.
    Always,
}

impl Answer {
    /// All of them as they stand beside each other, with their key.
    pub const ALL: &[(Self, &str)] = &[
        (Self::No, "No"),
        (Self::Once, "Once (Y)"),
        (Self::Always, "Always in this session (A)"),
    ];
}

/// A program that may take the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The program with its arguments.
    pub words: Vec<String>,
    /// What it is to a person: `the clipboard (xclip)`.
    pub place: String,
}

/// The programs to try, in this order: the configured one, those of the desktop if there is one, tmux.
pub fn ways(configured: &[String], env: &BTreeMap<String, OsString>) -> Vec<Way> {
    let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    let way = |words: &[&str], place: String| Way {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        place,
    };
    let desktop = |words: &[&str]| way(words, format!("the clipboard ({})", words[0]));
    let mut ways = Vec::new();
    if let Some(program) = configured.first() {
        ways.push(Way {
            words: configured.to_vec(),
            place: program.clone(),
        });
    }
    if set("WAYLAND_DISPLAY") {
        ways.push(desktop(&["wl-copy"]));
    }
    if set("DISPLAY") {
        ways.push(desktop(&["xclip", "-selection", "clipboard", "-in"]));
        ways.push(desktop(&["xsel", "--clipboard", "--input"]));
    }
    // From afar it would be the clipboard of a machine that nobody sits at.
    if cfg!(target_os = "macos") && !set("SSH_CONNECTION") {
        ways.push(desktop(&["pbcopy"]));
    }
    if set("TMUX") {
        let place = "tmux's buffer and the terminal's clipboard".to_owned();
        ways.push(way(&["tmux", "load-buffer", "-w", "-"], place));
    }
    ways
}

/// The sequence by which the terminal takes the text, inside tmux also in the form that tmux passes on; none for one that is too long.
pub fn osc52(text: &str, env: &BTreeMap<String, OsString>) -> Option<String> {
    let coded = base64::engine::general_purpose::STANDARD.encode(text);
    if coded.len() > MOST_OSC52 {
        return None;
    }
    let sequence = format!("\x1b]52;c;{coded}\x07");
    let set = |name: &str| env.get(name).and_then(|value| value.to_str()).unwrap_or_default();
    // Which of the two gets through depends on its settings: `set-clipboard on` or `allow-passthrough on`.
    if !set("TMUX").is_empty() || set("TERM").starts_with("tmux") {
        return Some(format!("{sequence}\x1bPtmux;\x1b{sequence}\x1b\\"));
    }
    Some(sequence)
}

/// `312 B`, `4.2 kB`, `1.5 MB`.
pub fn amount(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(set: &[(&str, &str)]) -> BTreeMap<String, OsString> {
        let pairs = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        pairs.collect()
    }

    fn programs(configured: &[&str], set: &[(&str, &str)]) -> Vec<String> {
        let configured: Vec<String> = configured.iter().map(|word| (*word).to_owned()).collect();
        let ways = ways(&configured, &env(set));
        ways.into_iter().map(|way| way.words.join(" ")).collect()
    }

    #[test]
    fn the_configured_program_is_first_and_a_desktop_is_needed_for_its_clipboard() {
        assert_eq!(programs(&[], &[("TERM", "xterm"), ("DISPLAY", "")]), [""; 0]);
        assert_eq!(
            programs(
                &["copy", "-x"],
                &[("WAYLAND_DISPLAY", "wayland-0"), ("DISPLAY", ":0"), ("TMUX", "/t,1,0")]
            ),
            [
                "copy -x",
                "wl-copy",
                "xclip -selection clipboard -in",
                "xsel --clipboard --input",
                "tmux load-buffer -w -"
            ]
        );
    }

    #[test]
    fn the_terminal_gets_one_sequence_and_tmux_one_to_pass_on() {
        let plain = osc52("hé", &env(&[("TERM", "xterm-256color")])).unwrap();
        assert_eq!(plain, "\x1b]52;c;aMOp\x07");
        let tmux = osc52("hé", &env(&[("TMUX", "/t,1,0")])).unwrap();
        assert_eq!(tmux, "\x1b]52;c;aMOp\x07\x1bPtmux;\x1b\x1b]52;c;aMOp\x07\x1b\\");
        assert_eq!(osc52(&"x".repeat(MOST_OSC52), &env(&[])), None);
    }

    #[test]
    fn amounts_are_short() {
        assert_eq!(
            [amount(312), amount(4250), amount(1_500_000)],
            ["312 B", "4.2 kB", "1.5 MB"]
        );
    }
}
