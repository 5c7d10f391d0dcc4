//! The main job on real servers: every way to refer to a password, opened by `exec`, by `connect` and in the TUI, and the server
//! says who has logged in. The password is a canary, so each of these is a leak test too.

use serde_json::json;

use crate::canary::Canary;
use crate::sandbox::Sandbox;
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

/// Every way a role may say where its password is: a name, and the TOML with `FIELD` and `PATH` still to be filled in.
const STYLES: &[(&str, &str)] = &[
    ("kv2-name", "fields.FIELD = '_vaultkv2:PATH:password'"),
    ("kv2-path", "fields.FIELD = '_vaultkv2:secret/data/PATH:password'"),
    ("kv1", "fields.FIELD = '_vaultkv1:kv/PATH:password'"),
    ("path", "fields.FIELD = '_envs/vault/secret/PATH#password'"),
    ("path-kv1", "fields.FIELD = '_envs/vault/kv/PATH#password'"),
    ("canonical", "fields.FIELD = { secret = 'vault:secret/PATH#password' }"),
    ("from", "from = 'vault:secret/PATH'"),
    ("envjson", "fields.FIELD = '_envjson:APP_SECRETS:PATH.password'"),
    ("env", "fields.FIELD = '_envs/DB_PASSWORD'"),
    ("local", "fields.FIELD = '_local:PATH:password'"),
    ("local-canonical", "fields.FIELD = { secret = 'local:PATH#password' }"),
];

/// A kind of server: how an account is made, how a role names it, how it is asked who is there.
struct Server {
    connector: &'static str,
    field: &'static str,
    /// The plain fields of a role, for this user.
    fields: fn(user: &str) -> String,
    /// Makes the account, or gives it another password.
    set_password: fn(user: &str, password: &str),
    port: fn() -> &'static str,
    database: &'static str,
    /// What `exec` runs to ask who is there.
    exec: fn(user: &str) -> Vec<String>,
    prompt: fn() -> String,
    /// What a person types to ask, and what answers only if the server did: it does not stand in the question.
    question: &'static str,
    answer: fn(user: &str) -> String,
}

const POSTGRES: Server = Server {
    connector: "postgres",
    field: "PGPASSWORD",
    fields: |user| {
        let port = &servers().pg_port;
        format!("PGHOST = '127.0.0.1'\nPGPORT = '{port}'\nPGUSER = '{user}'\nPGDATABASE = 'postgres'\n")
    },
    set_password: |user, password| {
        let password = password.replace('\'', "''");
        let there = servers().postgres(&format!("select 1 from pg_roles where rolname = '{user}'"));
        let verb = if there.is_empty() { "create" } else { "alter" };
        servers().postgres(&format!("{verb} role {user} login password '{password}'"));
    },
    port: || &servers().pg_port,
    database: "postgres",
    exec: |_| {
        words(&[
            "psql",
            "-X",
            "-A",
            "-t",
            "-w",
            "-c",
            "select current_user || '-' || 6 * 7",
        ])
    },
    prompt: || "postgres=>".into(),
    question: "select current_user || '-' || 6 * 7;",
    answer: |user| format!("{user}-42"),
};

const MARIADB: Server = Server {
    connector: "mysql",
    field: "MYSQL_PWD",
    fields: |user| {
        let port = &servers().mysql_port;
        format!("MYSQL_HOST = '127.0.0.1'\nMYSQL_TCP_PORT = '{port}'\nMYSQL_USER = '{user}'\nMYSQL_DATABASE = 'app'\n")
    },
    set_password: |user, password| {
        let password = password.replace('\\', "\\\\").replace('\'', "''");
        servers().mariadb(&format!(
            "create or replace user {user}@'127.0.0.1' identified by '{password}'; grant select on app.* to {user}@'127.0.0.1';"
        ));
    },
    port: || &servers().mysql_port,
    database: "app",
    exec: |user| {
        words(&[
            "mysql",
            "--no-defaults",
            "-N",
            "-u",
            user,
            "-e",
            "select concat(current_user(), '-', 6 * 7)",
        ])
    },
    prompt: || "[app]>".into(),
    question: "select concat(current_user(), '-', 6 * 7);",
    answer: |user| format!("{user}@127.0.0.1-42"),
};

const REDIS: Server = Server {
    connector: "redis",
    field: "REDISCLI_AUTH",
    fields: |user| {
        format!(
            "REDIS_HOST = '127.0.0.1'\nREDIS_PORT = '{}'\nREDIS_USER = '{user}'\n",
            servers().redis_port
        )
    },
    set_password: |user, password| {
        let password = format!(">{password}");
        servers().redis(&[
            "ACL",
            "SETUSER",
            user,
            "on",
            "resetpass",
            &password,
            "~app:*",
            "+get",
            "+set",
            "+ping",
            "+acl|whoami",
        ]);
    },
    port: || &servers().redis_port,
    database: "0",
    exec: |user| {
        words(&[
            "redis-cli",
            "-h",
            "127.0.0.1",
            "-p",
            &servers().redis_port,
            "--user",
            user,
            "acl",
            "whoami",
        ])
    },
    prompt: || format!("127.0.0.1:{}>", servers().redis_port),
    question: "acl whoami",
    // The role's own field shows the name too; the quotes are the server's answer.
    answer: |user| format!("\"{user}\""),
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// An account on a server, its password in every place that a style reads, and a role for each style.
struct Fixture {
    server: &'static Server,
    user: String,
    path: String,
    sandbox: Sandbox,
    password: Canary,
}

impl Fixture {
    fn new(server: &'static Server) -> Self {
        servers().mount_kv("secret", 2);
        servers().mount_kv("kv", 1);
        let user = unique("reader");
        let path = unique(server.connector);
        let fields = (server.fields)(&user);
        let roles: String = STYLES
            .iter()
            .map(|(name, toml)| {
                let secret = toml.replace("FIELD", server.field).replace("PATH", &path);
                let fields = if secret.starts_with("from") {
                    String::new()
                } else {
                    with_prefix(&fields, "fields.")
                };
                format!(
                    "[roles.{name}]\nconnector = '{}'\nenv = 'dev'\n{secret}\n{fields}\n",
                    server.connector
                )
            })
            .collect();
        let mut fixture = Self {
            server,
            user,
            path,
            sandbox: Sandbox::with_vault(),
            password: Canary::new(),
        };
        fixture.sandbox.roles(&roles);
        fixture.rotate();
        fixture
    }

    /// A new password, on the server and everywhere a role may find it.
    fn rotate(&mut self) {
        self.password = Canary::new();
        let password = self.password.value();
        (self.server.set_password)(&self.user, password);
        let secret = json!({
            "username": self.user, "password": password, "host": "127.0.0.1",
            "port": (self.server.port)(), "dbname": self.server.database,
        });
        servers().vault(
            "POST",
            &format!("secret/data/{}", self.path),
            &json!({ "data": secret }),
        );
        servers().vault("POST", &format!("kv/{}", self.path), &secret);
        self.sandbox.set("DB_PASSWORD", password);
        self.sandbox.set(
            "APP_SECRETS",
            &json!({ &self.path: { "password": password } }).to_string(),
        );
        self.sandbox.store(&format!("{}#password", self.path), password);
    }

    #[track_caller]
    fn exec(&self, role: &str) {
        let question = (self.server.exec)(&self.user);
        let mut args = vec!["exec", role, "--"];
        args.extend(question.iter().map(String::as_str));
        let outcome = self.sandbox.run(&args).expect_code(0);
        let answer = (self.server.answer)(&self.user);
        // A pipe gets redis' answer without the quotes that a terminal gets.
        assert_eq!(
            outcome.stdout.trim_end(),
            answer.trim_matches('"'),
            "{role}: {}",
            outcome.stderr
        );
        assert_eq!(self.password.in_bytes("stderr", outcome.stderr.as_bytes()), []);
    }

    /// Asks at the prompt who is there, and looks at every byte that reached the terminal.
    #[track_caller]
    fn ask(&self, terminal: &Tmux) {
        terminal.wait(&(self.server.prompt)());
        terminal.line(self.server.question);
        terminal.wait(&(self.server.answer)(&self.user));
        assert_eq!(self.password.in_bytes("terminal", &terminal.bytes()), []);
    }

    #[track_caller]
    fn connect(&self, role: &str) {
        let terminal = Tmux::hallpass(&self.sandbox, (100, 30), &["connect", role]);
        terminal.wait(&format!("Connected to {role}"));
        self.ask(&terminal);
        terminal.at_prompt(&(self.server.prompt)());
        terminal.keys(&["C-d"]);
        assert_eq!(terminal.exit_code(), 0, "{role}: {}", terminal.screen());
    }

    #[track_caller]
    fn open_in_tui(&self, role: &str) {
        let terminal = Tmux::hallpass(&self.sandbox, (120, 30), &[]);
        open_role(&terminal, role);
        self.ask(&terminal);
    }
}

fn with_prefix(lines: &str, prefix: &str) -> String {
    lines.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

/// Finds a role in the list by its name and presses Enter on it, as a person does.
#[track_caller]
pub fn open_role(terminal: &Tmux, role: &str) {
    terminal.wait(role);
    terminal.type_text(&format!("/{role}"));
    terminal.wait(&format!("/ {role}"));
    terminal.keys(&["Enter"]);
    terminal.settled();
    terminal.keys(&["Enter"]);
}

fn every_style(server: &'static Server, open: impl Fn(&Fixture, &str)) {
    let fixture = Fixture::new(server);
    for (role, _) in STYLES {
        open(&fixture, role);
    }
    assert_eq!(fixture.password.in_files(fixture.sandbox.home()), []);
}

#[test]
fn postgres_by_exec() {
    every_style(&POSTGRES, Fixture::exec);
}

#[test]
fn postgres_by_connect() {
    every_style(&POSTGRES, Fixture::connect);
}

#[test]
fn postgres_in_the_tui() {
    every_style(&POSTGRES, Fixture::open_in_tui);
}

#[test]
fn mariadb_by_exec() {
    every_style(&MARIADB, Fixture::exec);
}

#[test]
fn mariadb_by_connect() {
    every_style(&MARIADB, Fixture::connect);
}

#[test]
fn mariadb_in_the_tui() {
    every_style(&MARIADB, Fixture::open_in_tui);
}

#[test]
fn redis_by_exec() {
    every_style(&REDIS, Fixture::exec);
}

#[test]
fn redis_by_connect() {
    every_style(&REDIS, Fixture::connect);
}

#[test]
fn redis_in_the_tui() {
    every_style(&REDIS, Fixture::open_in_tui);
}

/// The password changes on the server and at the provider: the next session works, the role files are as they were.
#[test]
fn a_rotated_password_is_used_by_the_next_session() {
    for server in [&POSTGRES, &MARIADB, &REDIS] {
        let mut fixture = Fixture::new(server);
        let roles = std::fs::read(fixture.sandbox.home().join("config/roles.toml")).unwrap();
        for (role, _) in STYLES {
            fixture.exec(role);
        }
        fixture.rotate();
        for (role, _) in STYLES {
            fixture.exec(role);
        }
        fixture.rotate();
        fixture.connect("canonical");
        fixture.rotate();
        fixture.open_in_tui("canonical");
        assert_eq!(
            std::fs::read(fixture.sandbox.home().join("config/roles.toml")).unwrap(),
            roles
        );
    }
}
