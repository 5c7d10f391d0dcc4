//! A terminal with a person at it: a private tmux server, keys in, screens out. Every wait has a deadline; nothing sleeps blindly.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::sandbox::{DEADLINE, HALLPASS, Sandbox};

/// No status line, no prefix key of tmux's own, the last screen stays when the program ends.
const SETTINGS: &str = "\
set -g status off
set -g prefix None
set -g remain-on-exit on
set -g remain-on-exit-format ''
set -g default-terminal tmux-256color
set -g history-limit 20000
set -s escape-time 0
";

/// One terminal. Dropping it ends the program in it.
pub struct Tmux {
    socket: PathBuf,
    settings: PathBuf,
    program: PathBuf,
    /// Every byte that the program sent to the terminal.
    bytes: PathBuf,
    /// Its exit code, once it has ended. tmux's own `pane_dead_status` does not always come.
    code: PathBuf,
}

impl Tmux {
    /// A terminal of this size (columns, rows) with an interactive bash in the sandbox's home.
    pub fn shell(sandbox: &Sandbox, size: (u16, u16)) -> Self {
        let terminal = Self::start(sandbox, size, &["env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i"]);
        terminal.prompt();
        terminal
    }

    /// A terminal with hallpass and these arguments.
    pub fn hallpass(sandbox: &Sandbox, size: (u16, u16), args: &[&str]) -> Self {
        let words: Vec<&str> = std::iter::once(HALLPASS).chain(args.iter().copied()).collect();
        Self::start(sandbox, size, &words)
    }

    /// A terminal with any program.
    pub fn start(sandbox: &Sandbox, (columns, rows): (u16, u16), words: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tmux-")
            .tempdir_in(sandbox.home())
            .unwrap()
            .keep();
        let settings = folder.join("conf");
        fs::write(&settings, SETTINGS).unwrap();
        let terminal = Self {
            socket: folder.join("socket"),
            settings,
            program: PathBuf::from(&crate::servers::servers().programs).join("tmux"),
            bytes: folder.join("bytes"),
            code: folder.join("code"),
        };
        // The pane waits for the recording of its bytes before it starts the program, so that the first one is there too.
        let gate = folder.join("go");
        let script = format!(
            "while [ ! -e '{}' ]; do sleep 0.01; done; \"$@\"; echo $? >'{}'",
            gate.display(),
            terminal.code.display()
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut args = vec![
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "-s",
            "t",
            "--",
            "bash",
            "-c",
            &script,
            "bash",
        ];
        args.extend(words);
        let mut start = terminal.command(&args);
        start.env_clear().envs(sandbox.env()).current_dir(sandbox.home());
        let started = start.output().unwrap();
        assert!(
            started.status.success(),
            "tmux: {}",
            String::from_utf8_lossy(&started.stderr)
        );
        terminal.tmux(&[
            "pipe-pane",
            "-t",
            "t",
            &format!("exec cat >'{}'", terminal.bytes.display()),
        ]);
        crate::sandbox::eventually("tmux records the bytes", || terminal.bytes.exists());
        fs::write(gate, "").unwrap();
        terminal
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("-S")
            .arg(&self.socket)
            .arg("-f")
            .arg(&self.settings)
            .args(args);
        command
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys by tmux's names: `Enter`, `Escape`, `C-c`, `Down`, `j`.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "t"], keys].concat());
    }

    /// Types text, as it is.
    pub fn type_text(&self, text: &str) {
        // A semicolon at the end of an argument would part two commands of tmux.
        let text = text
            .strip_suffix(';')
            .map_or_else(|| text.to_owned(), |start| format!("{start}\\;"));
        self.tmux(&["send-keys", "-t", "t", "-l", "--", &text]);
    }

    /// Pastes text as a terminal does, bracketed where the program asked for that.
    pub fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", "--", text]);
        self.tmux(&["paste-buffer", "-p", "-r", "-t", "t"]);
    }

    /// Types a line and presses Enter.
    pub fn line(&self, text: &str) {
        self.type_text(text);
        self.keys(&["Enter"]);
    }

    /// The visible screen, row by row without trailing blanks (a prompt's last blank is not there).
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "t"])
    }

    /// The screen and everything that scrolled off it.
    pub fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-", "-t", "t"])
    }

    /// Every byte that reached the terminal so far.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.bytes).unwrap()
    }

    /// What tmux's newest buffer holds.
    pub fn buffer(&self) -> String {
        self.tmux(&["show-buffer"])
    }

    /// All buffers, one a line; none if nothing was ever copied.
    pub fn buffers(&self) -> String {
        self.tmux(&["list-buffers"])
    }

    pub fn set_buffer(&self, text: &str) {
        self.tmux(&["set-buffer", text]);
    }

    /// Column and row of the cursor, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        let at = self.ask("#{cursor_x} #{cursor_y}");
        let (x, y) = at.split_once(' ').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    }

    pub fn resize(&self, (columns, rows): (u16, u16)) {
        self.tmux(&[
            "resize-window",
            "-t",
            "t",
            "-x",
            &columns.to_string(),
            "-y",
            &rows.to_string(),
        ]);
    }

    /// A tmux format's value for the pane.
    pub fn ask(&self, format: &str) -> String {
        self.tmux(&["display-message", "-p", "-t", "t", format])
            .trim_end()
            .to_owned()
    }

    /// Waits until the screen holds the text, and gives that screen.
    #[track_caller]
    pub fn wait(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?} on the screen"), |screen| screen.contains(text))
    }

    /// Waits for a shell's prompt, `$ `, alone on its row (in a pane's frame or not).
    #[track_caller]
    pub fn prompt(&self) {
        self.wait_until("a prompt", |screen| {
            screen
                .lines()
                .any(|line| line.trim_matches(|c| " │┃".contains(c)) == "$")
        });
    }

    /// Waits until the last prompt of that text has nothing behind it (in a pane's frame or not): the program takes keys again. What is
    /// pressed before that goes to a terminal that is not in the program's mode.
    #[track_caller]
    pub fn at_prompt(&self, prompt: &str) {
        self.wait_until(&format!("an empty prompt {prompt:?}"), |screen| {
            let rows = screen.lines().rev();
            rows.filter_map(|row| row.rsplit_once(prompt))
                .next()
                .is_some_and(|(_, typed)| typed.trim_matches(|c| " │┃".contains(c)).is_empty())
        });
    }

    /// Waits until the screen is as asked, and gives it.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(
                Instant::now() < deadline,
                "not within {DEADLINE:?}: {what}; the screen:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until two looks in a row, 300 ms apart, see the same screen, and gives it.
    #[track_caller]
    pub fn settled(&self) -> String {
        let mut last = self.screen();
        self.wait_until("a screen that stays", |_| {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.screen();
            std::mem::replace(&mut last, now.clone()) == now
        })
    }

    /// Waits for the program's end and gives its exit code, 128+n for a signal.
    #[track_caller]
    pub fn exit_code(&self) -> i32 {
        let mut code = None;
        self.wait_until("the program's end", |_| {
            code = fs::read_to_string(&self.code)
                .ok()
                .and_then(|code| code.trim_end().parse().ok());
            code.is_some()
        });
        code.unwrap()
    }

    /// Closes the terminal under the program, as when a window is closed.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.command(&["kill-server"]).output());
    }
}
