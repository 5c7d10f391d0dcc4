//! A home of its own for one test: folders, PATH and an environment of which the test knows every variable.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::servers::servers;

/// How long anything may take before a test calls it stuck. Generous: the machine may be busy, and only a failure waits for it.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// What a run of a program left.
pub struct Outcome {
    /// The exit code, 128+n for a signal.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The outcome itself, if the exit code is this; else a panic with everything that was said.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

/// A throw-away home. Nothing of the person who runs the tests reaches a program started in it.
pub struct Sandbox {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("hp-it-").tempdir().unwrap();
        let home = folder.path();
        for name in ["config", "data", "state", "run", "tmp", "bin"] {
            fs::create_dir(home.join(name)).unwrap();
            fs::set_permissions(home.join(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        std::os::unix::fs::symlink(HALLPASS, home.join("bin/hallpass")).unwrap();
        // A shell that is hung up at the end writes its history, and the folder would stay for it.
        std::os::unix::fs::symlink("/dev/null", home.join(".bash_history")).unwrap();
        let at = |name: &str| home.join(name).display().to_string();
        let clients = &servers().programs;
        let env = [
            ("HOME", home.display().to_string()),
            ("PATH", format!("{}:{clients}:/usr/bin:/bin", at("bin"))),
            ("HALLPASS_CONFIG_DIR", at("config")),
            ("HALLPASS_DATA_DIR", at("data")),
            ("HALLPASS_STATE_DIR", at("state")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("TMPDIR", at("tmp")),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
            ("SHELL", "/bin/sh".into()),
            ("USER", "tester".into()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { folder, env }
    }

    /// One whose environment points at the tests' Vault, as root.
    pub fn with_vault() -> Self {
        let mut sandbox = Self::new();
        sandbox.set("VAULT_ADDR", &servers().vault_addr);
        sandbox.set("VAULT_TOKEN", &servers().vault_token);
        sandbox
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Sets a variable of hallpass' own environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.into(), value.into());
    }

    pub fn unset(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// Writes `roles.toml`.
    pub fn roles(&self, toml: &str) {
        self.write("config/roles.toml", toml);
    }

    /// Writes `config.toml`.
    pub fn config(&self, toml: &str) {
        self.write("config/config.toml", toml);
    }

    /// Writes a file of the home, 0600.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Puts a program of the test's own first on PATH.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.write(&format!("bin/{name}"), script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// hallpass with these arguments, in this home, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(HALLPASS), args)
    }

    /// Any program in this home.
    pub fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(&self.env).current_dir(self.home());
        command
    }

    /// Runs hallpass to its end, standard input empty.
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_with_input(args, b"")
    }

    /// Runs hallpass to its end with these bytes on standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Outcome {
        finish(self.command(args), input)
    }

    /// Stores a value in the local store.
    pub fn store(&self, name: &str, value: &str) {
        self.run_with_input(&["secret", "set", name], value.as_bytes())
            .expect_code(0);
    }
}

/// The binary under test.
pub const HALLPASS: &str = env!("CARGO_BIN_EXE_hallpass");

/// Runs a command to its end within [`DEADLINE`].
#[track_caller]
pub fn finish(mut command: Command, input: &[u8]) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A child that ends without reading its input is no fault.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let code = wait(&mut child);
    Outcome {
        code,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// The exit code of a child that must end within [`DEADLINE`].
#[track_caller]
pub fn wait(child: &mut Child) -> i32 {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("still running after {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Asks again until the answer is yes, within [`DEADLINE`].
#[track_caller]
pub fn eventually(what: &str, mut answer: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !answer() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
