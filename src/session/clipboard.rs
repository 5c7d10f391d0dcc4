//! The programs that hold a clipboard (`xclip`, `tmux load-buffer` …): what is copied goes to their standard input, never into their
//! arguments; they get few variables, no terminal and little time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longer than any of them takes to pass a text on.
const PATIENCE: Duration = Duration::from_secs(3);

/// The variables by which such a program finds its display, its server and its folders. Every other one may hold a secret: roles can
/// name any variable as one.
const PASSED_ON: &[&str] = &[
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "TERM",
    "TMUX",
    "TMUX_PANE",
    "TMUX_TMPDIR",
    "USER",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
];

/// Gives the text to a program, the first of `words`, found on `PATH` of `env`; true if it took it. Dropping the future kills it.
pub async fn give(words: &[String], env: &BTreeMap<String, OsString>, text: &str) -> bool {
    let Some((program, args)) = words.split_first() else {
        return false;
    };
    let passed_on = env.iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str()));
    let child = Command::new(program)
        .args(args)
        .env_clear()
        .envs(passed_on)
        .stdin(Stdio::piped())
        // Some leave a process behind that holds the clipboard, and with it whatever it was given.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C at our terminal is not meant for it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = child else { return false };
    let taken = async {
        if let Some(mut input) = child.stdin.take() {
            // One that reads nothing and yet succeeds has its reasons.
            let _ = input.write_all(text.as_bytes()).await;
        }
        child.wait().await
    };
    matches!(tokio::time::timeout(PATIENCE, taken).await, Ok(Ok(status)) if status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str], env: &BTreeMap<String, OsString>, text: &str) -> bool {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(give(&words, env, text))
    }

    #[test]
    fn the_text_comes_in_by_standard_input_and_secrets_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([
            ("PATH".to_owned(), std::env::var_os("PATH").unwrap()),
            ("DB_PASSWORD".to_owned(), "secret".into()),
            ("DISPLAY".to_owned(), ":7".into()),
        ]);
        let (taken, seen) = (folder.path().join("taken"), folder.path().join("seen"));
        let script = format!("cat >'{}'; env >'{}'", taken.display(), seen.display());
        let text = "long line\n".repeat(100_000);
        assert!(run(&["sh", "-c", &script], &env, &text));
        assert_eq!(std::fs::read_to_string(taken).unwrap(), text);
        let seen = std::fs::read_to_string(seen).unwrap();
        assert!(seen.contains("DISPLAY=:7") && !seen.contains("DB_PASSWORD"), "{seen}");
    }

    #[test]
    fn one_that_fails_is_missing_or_leaves_a_process_behind_holds_nothing_up() {
        let env = BTreeMap::from([("PATH".to_owned(), std::env::var_os("PATH").unwrap())]);
        assert!(!run(&["false"], &env, "text"));
        assert!(!run(&["no-such-program-here"], &env, "text"));
        assert!(!run(&[], &env, "text"));
        assert!(run(&["sh", "-c", "cat >/dev/null; sleep 1 & exit 0"], &env, "text"));
        assert!(run(&["true"], &env, &"x".repeat(1 << 20)), "one that reads nothing");
    }
}
