//! Plays `tests/fixtures/scenarios.yaml` in a real terminal: what a person types, and what must then hold. The file explains its words.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::canary::Canary;
use crate::sandbox::{Sandbox, eventually};
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

#[derive(Deserialize)]
struct File {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    id: String,
    title: String,
    #[serde(default)]
    size: String,
    #[serde(default)]
    fixture: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    given: BTreeMap<String, String>,
    #[serde(default)]
    when: Vec<Step>,
    #[serde(default)]
    then: Vec<Expectation>,
    later: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Run(String),
    Keys(String),
    Type(String),
    Paste(String),
    Wait(String),
    Gone(String),
    Resize(String),
    World(Deed),
    Sleep(f64),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    VaultDeny,
    Rotate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expectation {
    Screen(String),
    ScreenNot(String),
    FirstRow(String),
    LastRow(String),
    Exit(i32),
    Stdout(String),
    Stderr(String),
    Json(BTreeMap<String, Value>),
    File(FileExpectation),
    Proc(ProcExpectation),
    Tty(String),
    NoLeak(bool),
    /// Whether the terminal got any sequence that sets a colour.
    Colours(bool),
    Later(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileExpectation {
    path: String,
    mode: Option<String>,
    re: Option<String>,
    not_re: Option<String>,
    #[serde(default)]
    absent: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcExpectation {
    name: String,
    alive: bool,
}

fn scenarios() -> Vec<Scenario> {
    let text = include_str!("../fixtures/scenarios.yaml");
    let file: File = serde_saphyr::from_str(text).unwrap();
    file.scenarios
}

#[test]
fn every_scenario_is_named_once_and_played_or_waits_for_something() {
    let mut seen = std::collections::BTreeSet::new();
    for scenario in scenarios() {
        assert!(seen.insert(scenario.id.clone()), "{} twice", scenario.id);
        let played = !scenario.when.is_empty() && !scenario.then.is_empty();
        assert_eq!(played, scenario.later.is_none(), "{}", scenario.id);
    }
}

/// Plays every third scenario, all of them whatever becomes of the others.
fn play_every_third(first: usize) {
    let mut failed = Vec::new();
    for scenario in scenarios().into_iter().skip(first).step_by(3) {
        let name = format!("{} {}", scenario.id, scenario.title);
        if let Some(reason) = &scenario.later {
            eprintln!("{name}: waits for {reason}");
        } else if std::panic::catch_unwind(|| Play::new(scenario).run()).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn scenarios_first_third() {
    play_every_third(0);
}

#[test]
fn scenarios_second_third() {
    play_every_third(1);
}

#[test]
fn scenarios_last_third() {
    play_every_third(2);
}

/// One scenario being played.
struct Play {
    scenario: Scenario,
    // Dropped before the home that it stands in.
    terminal: Tmux,
    sandbox: Sandbox,
    canary: Canary,
    /// The policy of the token that hallpass has, and the path of its secret.
    policy: String,
    secret: String,
}

impl Play {
    fn new(scenario: Scenario) -> Self {
        let mut sandbox = Sandbox::new();
        let canary = Canary::new();
        let (policy, secret) = (unique("scenario"), unique("prod_postgres"));
        sandbox.set("PS1", "$ ");
        for (name, value) in &scenario.env {
            sandbox.set(name, value);
        }
        if scenario.fixture == "F1" {
            many_roles(&mut sandbox, &canary, &policy, &secret);
        }
        for (what, text) in &scenario.given {
            match what.as_str() {
                "bad_role" => drop(sandbox.write(
                    "config/roles.d/bad.toml",
                    &format!("[roles.bad]\nconnector = \"postgres\"\n[roles.bad.fields]\nPGPASSWORD = \"{text}\"\nPGHOST = \"h\"\nPGUSER = \"u\"\n"),
                )),
                "recording" => record(&sandbox),
                other => panic!("{}: nothing is known of given {other}", scenario.id),
            }
        }
        let terminal = Tmux::shell(&sandbox, size(&scenario.size));
        Self {
            scenario,
            terminal,
            sandbox,
            canary,
            policy,
            secret,
        }
    }

    fn run(self) {
        for step in &self.scenario.when {
            self.step(step);
        }
        for expectation in &self.scenario.then {
            self.expect(expectation);
        }
    }

    fn home(&self, path: &str) -> PathBuf {
        self.sandbox.home().join(path)
    }

    fn step(&self, step: &Step) {
        match step {
            Step::Run(command) => self.type_command(command),
            Step::Keys(keys) => keys.split(' ').for_each(|key| self.terminal.keys(&[key])),
            Step::Type(text) => self.terminal.type_text(text),
            Step::Paste(text) => self.terminal.paste(text),
            Step::Wait(wanted) => {
                let wanted = regex(wanted);
                let what = format!("{}: {wanted}", self.scenario.id);
                self.terminal.wait_until(&what, |screen| wanted.is_match(screen));
            }
            Step::Gone(unwanted) => {
                let unwanted = regex(unwanted);
                let what = format!("{}: {unwanted} gone", self.scenario.id);
                self.terminal.wait_until(&what, |screen| !unwanted.is_match(screen));
            }
            Step::Resize(to) => self.terminal.resize(size(to)),
            Step::World(Deed::VaultDeny) => set_policy(&self.policy, "deny"),
            Step::World(Deed::Rotate) => {
                let data = json!({ "data": { "username": "app", "password": "another value" } });
                servers().vault("POST", &format!("secret/data/{}", self.secret), &data);
            }
            Step::Sleep(seconds) => std::thread::sleep(Duration::from_secs_f64(*seconds)),
        }
    }

    /// A command at the prompt. Where its output is looked at, it goes into files; its exit code always does.
    fn type_command(&self, command: &str) {
        let reads_output = |expectation: &Expectation| {
            matches!(
                expectation,
                Expectation::Stdout(_) | Expectation::Stderr(_) | Expectation::Json(_)
            ) || matches!(expectation, Expectation::File(file) if file.path == "$STDOUT")
        };
        let exits = |expectation: &Expectation| matches!(expectation, Expectation::Exit(_));
        let mut line = if self.scenario.then.iter().any(reads_output) {
            format!("{{ {command}; }} >~/out 2>~/err")
        } else {
            command.to_owned()
        };
        if self.scenario.then.iter().any(exits) || line != command {
            line = format!("{line}; echo $? >~/code");
        }
        self.terminal.line(&line);
        if line.contains("~/out") {
            eventually("the command's end", || self.home("code").exists());
        }
    }

    fn expect(&self, expectation: &Expectation) {
        let id = &self.scenario.id;
        let seen = |wanted: &str, row: fn(&str) -> Option<&str>| {
            let wanted = regex(wanted);
            self.terminal.wait_until(&format!("{id}: {wanted}"), |screen| {
                row(screen).is_some_and(|text| wanted.is_match(text))
            });
        };
        let found = |place: &str, text: &str, wanted: &str| {
            assert!(
                regex(wanted).is_match(text),
                "{id}: {wanted} is not in {place}:\n{text}"
            );
        };
        match expectation {
            Expectation::Screen(wanted) => seen(wanted, |screen| Some(screen)),
            Expectation::FirstRow(wanted) => seen(wanted, |screen| screen.lines().next()),
            Expectation::LastRow(wanted) => seen(wanted, |screen| screen.trim_end().lines().last()),
            Expectation::ScreenNot(unwanted) => {
                let screen = self.terminal.settled();
                assert!(
                    !regex(unwanted).is_match(&screen),
                    "{id}: {unwanted} is on the screen:\n{screen}"
                );
            }
            Expectation::Exit(code) => {
                let mut left = String::new();
                eventually("the program's end", || {
                    left = fs::read_to_string(self.home("code")).unwrap_or_default();
                    left.ends_with('\n')
                });
                assert_eq!(left.trim(), code.to_string(), "{id}: exit code");
            }
            Expectation::Stdout(wanted) => found("stdout", &self.read("out"), wanted),
            Expectation::Stderr(wanted) => found("stderr", &self.read("err"), wanted),
            Expectation::Json(wanted) => {
                let document: Value = serde_json::from_str(&self.read("out")).unwrap();
                for (pointer, value) in wanted {
                    assert_eq!(document.pointer(pointer), Some(value), "{id}: {pointer}");
                }
            }
            Expectation::File(file) => self.expect_file(file),
            Expectation::Proc(process) => {
                let program = self.home("bin").join(&process.name);
                eventually(&format!("{id}: {} alive: {}", process.name, process.alive), || {
                    is_running(&program) == process.alive
                });
            }
            Expectation::Tty(word) => {
                assert_eq!(word, "restored", "{id}");
                self.terminal.prompt();
                self.terminal.line("stty -a >~/tty; echo done >~/tty-done");
                eventually("stty's answer", || self.home("tty-done").exists());
                let settings = self.read("tty");
                for wanted in ["icanon", "echo"] {
                    assert!(
                        settings.split([' ', ';', '\n']).any(|word| word == wanted),
                        "{id}: {wanted}: {settings}"
                    );
                }
                assert_eq!(
                    self.terminal.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}"),
                    "0 1 0",
                    "{id}"
                );
            }
            Expectation::NoLeak(wanted) => {
                assert!(wanted, "{id}: a leak is never wanted");
                self.expect_no_leak();
            }
            Expectation::Colours(wanted) => {
                let bytes = String::from_utf8_lossy(&self.terminal.bytes()).into_owned();
                let colour = regex("\x1b\\[([0-9]+;)*(3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)(;[0-9]+)*m");
                assert_eq!(colour.is_match(&bytes), *wanted, "{id}: colours");
            }
            Expectation::Later(reason) => eprintln!("{id}: one expectation waits for {reason}"),
        }
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home(path)).unwrap()
    }

    fn expect_file(&self, file: &FileExpectation) {
        let path = match file.path.as_str() {
            "$STDOUT" => PathBuf::from(self.read("out").trim()),
            path => self.home(path),
        };
        assert_eq!(path.exists(), !file.absent, "{}: {}", self.scenario.id, path.display());
        if let Some(mode) = &file.mode {
            let is = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(format!("{is:o}"), *mode, "{}", path.display());
        }
        let text = || fs::read_to_string(&path).unwrap();
        if let Some(wanted) = &file.re {
            assert!(regex(wanted).is_match(&text()), "{wanted} is not in {}", path.display());
        }
        if let Some(unwanted) = &file.not_re {
            assert!(
                !regex(unwanted).is_match(&text()),
                "{unwanted} is in {}",
                path.display()
            );
        }
    }

    fn expect_no_leak(&self) {
        let seen = self.terminal.history();
        let mut findings = self.canary.in_bytes("screen", seen.as_bytes());
        findings.extend(self.canary.in_bytes("terminal", &self.terminal.bytes()));
        findings.extend(self.canary.in_files(self.sandbox.home()));
        findings.extend(self.canary.in_arguments());
        assert_eq!(findings, [], "{}", self.scenario.id);
    }
}

fn regex(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn size(text: &str) -> (u16, u16) {
    let (columns, rows) = text.split_once('x').unwrap();
    (columns.parse().unwrap(), rows.parse().unwrap())
}

/// Whether a process runs this script.
fn is_running(program: &Path) -> bool {
    let name = program.display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| {
        line.split(|byte| *byte == 0)
            .take(2)
            .any(|word| word == name.as_bytes())
    })
}

fn set_policy(name: &str, capability: &str) {
    let rules = format!("path \"secret/*\" {{ capabilities = [\"{capability}\"] }}");
    servers().vault("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": rules }));
}

/// The fixture's psql. Shows its password only to the redactor.
const PSQL: &str = r#"#!/usr/bin/env bash
echo 'psql (16.4, server 15.8)'
while printf 'orders=> ' && IFS= read -r line; do
  case $line in
    '\q') exit 0 ;;
    '\! exit '*) exit "${line##* }" ;;
    '\tty') stty size ;;
    '\reveal') echo "the password is $PGPASSWORD" ;;
    *) echo "you said $line" ;;
  esac
done
"#;

const REDIS_CLI: &str =
    "#!/usr/bin/env bash\nwhile printf '127.0.0.1:6379> ' && IFS= read -r line; do echo \"(nil) $line\"; done\n";
const MYSQL: &str =
    "#!/usr/bin/env bash\nwhile printf 'MariaDB [cart]> ' && IFS= read -r line; do echo \"ok $line\"; done\n";

/// Each byte as two hex digits, as soon as it is there.
const CAT: &str = "import os, tty\ntty.setraw(0)\nos.write(1, b'ready\\r\\n')\nwhile byte := os.read(0, 1):\n    os.write(1, b' %02x' % byte[0])\n";

/// 42 roles: those that the scenarios name, and others of their kind.
fn many_roles(sandbox: &mut Sandbox, canary: &Canary, policy: &str, secret: &str) {
    set_policy(policy, "read");
    let token = servers().vault(
        "POST",
        "auth/token/create",
        &json!({ "policies": [policy], "ttl": "1h" }),
    );
    sandbox.set("VAULT_ADDR", &servers().vault_addr);
    sandbox.set("VAULT_TOKEN", token["auth"]["client_token"].as_str().unwrap());
    let data = json!({ "data": { "username": "app", "password": canary.value() } });
    servers().vault("POST", &format!("secret/data/{secret}"), &data);
    sandbox.store("dev/redis#password", canary.value());
    sandbox.program("psql", PSQL);
    sandbox.program("mysql", MYSQL);
    sandbox.program("mariadb", MYSQL);
    sandbox.program("redis-cli", REDIS_CLI);
    let cat = sandbox.write("hexcat.py", CAT);

    let postgres = format!(
        "connector = 'postgres'\nfields.PGHOST = 'db.internal'\nfields.PGDATABASE = 'orders'\nfields.PGUSER = '_envs/vault/secret/{secret}#username'\nfields.PGPASSWORD = '_envs/vault/secret/{secret}#password'\n"
    );
    let mysql = format!(
        "connector = 'mysql'\nfields.MYSQL_HOST = 'db.internal'\nfields.MYSQL_USER = 'cart'\nfields.MYSQL_PWD = '_envs/vault/secret/{secret}#password'\n"
    );
    let redis = "connector = 'redis'\nfields.REDIS_HOST = 'cache.internal'\nfields.REDISCLI_AUTH = '_local:dev/redis:password'\n".to_owned();
    let python = &servers().python;
    let cat = format!("command = ['{python}', '{}']\n", cat.display());
    let ticker = "command = ['sh', '-c', 'while true; do echo tick; sleep 1; done']\n".to_owned();
    let named = [
        ("dev-orders", &postgres),
        ("dev-billing", &postgres),
        ("dev-mysql", &mysql),
        ("dev-cat", &cat),
        ("dev-ticker", &ticker),
        ("stage-redis", &redis),
        ("prod-postgres", &postgres),
        ("prod-postgres-replica", &postgres),
        ("prod-pg", &postgres),
        ("prod-pgbouncer-admin", &postgres),
    ];
    for (env, wanted) in [("prod", 7), ("stage", 14), ("dev", 21)] {
        let mine: Vec<_> = named.iter().filter(|(name, _)| name.starts_with(env)).collect();
        let mut file: String = mine
            .iter()
            .map(|(name, body)| format!("[roles.{name}]\nenv = '{env}'\n{body}\n"))
            .collect();
        for n in mine.len()..wanted {
            let kind = [&postgres, &mysql, &redis][n % 3];
            file.push_str(&format!("[roles.{env}-service-{n:02}]\nenv = '{env}'\n{kind}\n"));
        }
        sandbox.write(&format!("config/roles.d/{env}.toml"), &file);
    }
}

/// A session that hallpass recorded, its time stretched to 30.2 s: half of it shows as 00:15.
fn record(sandbox: &Sandbox) {
    let terminal = Tmux::hallpass(sandbox, (100, 30), &["connect", "--tui", "dev-orders"]);
    terminal.wait("orders=> ");
    for line in ["select 1;", "select 2;", "select 3;"] {
        terminal.line(line);
        terminal.wait(&format!("you said {line}"));
    }
    terminal.resize((120, 30));
    terminal.wait("118x26");
    terminal.line("\\q");
    terminal.wait("exited 0");
    terminal.keys(&["Enter"]);
    assert_eq!(terminal.exit_code(), 0);
    let path = sandbox.run(&["replay", "--last", "--print-path"]).expect_code(0).stdout;
    let text = fs::read_to_string(path.trim()).unwrap();
    let (header, events) = text.split_once('\n').unwrap();
    let events: Vec<(f64, String, String)> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let took: f64 = events.iter().map(|(time, ..)| time).sum();
    let stretched = events
        .iter()
        .map(|(time, code, data)| format!("{}\n", json!([time * 30.2 / took, code, data])));
    fs::write(path.trim(), format!("{header}\n{}", stretched.collect::<String>())).unwrap();
}
