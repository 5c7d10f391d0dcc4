//! A model with roles, providers and sessions as the pictures of the design have them; no process, no terminal, a clock that stands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{KeyEvent, KeyModifiers};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::config::{Config, FolderFlags, LoadOptions, load};
use crate::domain::catalogue;
use crate::domain::limits::Limits;
use crate::domain::problem::Problem;
use crate::domain::secret::{ChildEnv, SecretValue};
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, Stage, State};
use crate::session::emulator::Emulator;
use crate::session::{Ending, SessionEvent};
use crate::ui::effects::Effect;
use crate::ui::keymap::Chord;
use crate::ui::message::{Message, Opened};
use crate::ui::model::Model;
use crate::ui::theme::Look;
use crate::ui::update::update;
use crate::ui::view;

/// What each session was given.
pub(super) const PASSWORD: &str = "correct-horse-battery";

const CONFIG: &str = r#"
[providers.vault]
auth = { method = "oidc" }

[environments.prod]
label = "PROD"
color = "red"
[environments.stage]
color = "yellow"
[environments.dev]
color = "green"
"#;

const ROLES: &str = r##"
[roles.prod-postgres]
connector = "postgres"
env = "prod"
description = "Orders, primary"
owner = "payments-dba"
access_mode = "read-write"
tags = { team = "payments", tier = "1" }
safer = "prod-postgres-replica"
fields.PGHOST = "db1.prod.internal"
fields.PGDATABASE = "orders"
fields.PGUSER = "_vaultkv2:databases/data/prod-postgres:username"
fields.PGPASSWORD = { secret = "vault:secret/databases/prod-postgres#password", version = 7 }

[roles.prod-postgres-replica]
connector = "postgres"
env = "prod"
access_mode = "read-only"
from = "vault:secret/databases/prod-postgres"

[roles.prod-pgbouncer-admin]
connector = "postgres"
env = "prod"
fields.PGHOST = "bouncer.prod.internal"
fields.PGUSER = "admin"
fields.PGPASSWORD = "_envs/vault/secret/databases/pgbouncer#password"

[roles.stage-redis]
connector = "redis"
env = "stage"
from = "vault:secret/stage/redis"

[roles.dev-orders]
connector = "postgres"
env = "dev"
fields.PGHOST = "127.0.0.1"
fields.PGUSER = "app"
fields.PGPASSWORD = "_local:dev/orders:password"

[roles.dev-shell]
env = "dev"
command = ["bash", "--norc"]
fields.API_KEY = "_envs/API_KEY"
"##;

/// The moment at which everything happens.
pub(super) fn now() -> Timestamp {
    "2026-11-21T09:41:07Z".parse().unwrap()
}

/// Loads these files from a folder that is gone afterwards.
pub(super) fn config(files: &[(&str, &str)]) -> Arc<Config> {
    let folder = tempfile::tempdir().unwrap();
    let config_folder = folder.path().join("config");
    fs::create_dir_all(config_folder.join("roles.d")).unwrap();
    for (name, text) in files {
        let path = config_folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    for part in [&config_folder, &config_folder.join("roles.d")] {
        fs::set_permissions(part, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut config = load(&LoadOptions {
        flags: FolderFlags {
            config: Some(config_folder),
            ..FolderFlags::default()
        },
        profile: None,
        env: Default::default(),
        home: Some(folder.path().to_owned()),
        system_dir: folder.path().join("system"),
    });
    // The first run names the folder on the screen; every run has another one.
    if config.roles.is_empty() {
        config.folders.config = "/home/dba/.config/hallpass".into();
    }
    Arc::new(config)
}

/// A user interface under test: messages in, effects and pictures out.
pub(super) struct Fixture {
    pub(super) model: Model,
    pub(super) effects: Vec<Effect>,
}

impl Fixture {
    /// The roles of the pictures; nothing is checked yet.
    pub(super) fn new(columns: u16, rows: u16) -> Self {
        Self::with(&[("config.toml", CONFIG), ("roles.toml", ROLES)], columns, rows)
    }

    pub(super) fn with(files: &[(&str, &str)], columns: u16, rows: u16) -> Self {
        let look = Look {
            color: true,
            ascii: false,
        };
        let mut model = Model::new(config(files), (columns, rows), now(), look);
        model.look = look;
        Self {
            model,
            effects: Vec::new(),
        }
    }

    /// The same with all checks answered: one role fails, one provider warns.
    pub(super) fn checked(columns: u16, rows: u16) -> Self {
        let mut fixture = Self::new(columns, rows);
        fixture.send(Message::Tick);
        // Answers bring out the checks that waited for their turn.
        while let Some(effect) = fixture.effects.pop() {
            match effect {
                Effect::CheckRole { generation, role } => {
                    let status = role_status(&fixture.model, &role);
                    fixture.send(Message::RoleChecked { generation, status });
                }
                Effect::CheckProvider { generation, provider } => {
                    fixture.send(Message::ProviderChecked {
                        generation,
                        status: provider_status(&provider),
                    });
                }
                other => panic!("{other:?}"),
            }
        }
        fixture.model.now = now() + jiff::SignedDuration::from_secs(12);
        fixture
    }

    pub(super) fn send(&mut self, message: Message) {
        self.effects.extend(update(&mut self.model, message));
    }

    /// Presses keys given as text: `/ p g Enter ctrl-\`; a word in quotes is typed letter by letter.
    pub(super) fn press(&mut self, keys: &str) {
        for word in keys.split(' ').filter(|word| !word.is_empty()) {
            if let Some(text) = word.strip_prefix('"') {
                for c in text.trim_end_matches('"').replace('_', " ").chars() {
                    self.key(Chord {
                        code: crossterm::event::KeyCode::Char(c),
                        ctrl: false,
                        alt: false,
                        shift: false,
                    });
                }
            } else {
                let lower = if word.chars().count() > 1 {
                    word.to_lowercase()
                } else {
                    word.to_owned()
                };
                self.key(Chord::parse(&lower).unwrap_or_else(|| panic!("{word} is not a key")));
            }
        }
    }

    fn key(&mut self, chord: Chord) {
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::CONTROL, chord.ctrl);
        modifiers.set(KeyModifiers::ALT, chord.alt);
        modifiers.set(KeyModifiers::SHIFT, chord.shift);
        self.send(Message::Key(KeyEvent::new(chord.code, modifiers)));
    }

    /// Takes the effects of a kind out.
    pub(super) fn take<T>(&mut self, pick: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
        let found = self.effects.iter().filter_map(pick).collect();
        self.effects.clear();
        found
    }

    /// Opens a role by its command; its tab.
    pub(super) fn open(&mut self, role: &str) -> u64 {
        self.press(&format!(r#": "connect_{role}" enter"#));
        self.started("$ ")
    }

    /// The roles that were launched since the effects were last looked at.
    pub(super) fn launches(&mut self) -> Vec<String> {
        self.take(|effect| match effect {
            Effect::Launch { request, .. } => Some(request.role.clone()),
            _ => None,
        })
    }

    /// Answers the launch that was asked for: a session whose child has printed this.
    pub(super) fn started(&mut self, output: &str) -> u64 {
        let launches = self.take(|effect| match effect {
            Effect::Launch {
                generation, tab, size, ..
            } => Some((*generation, *tab, *size)),
            _ => None,
        });
        let (generation, tab, size) = *launches.last().expect("no launch was asked for");
        let mut emulator = Emulator::new(size, 100);
        emulator.feed(output.as_bytes());
        let mut env = ChildEnv::new();
        env.insert_secret("PGPASSWORD", SecretValue::from_text(PASSWORD.to_owned()), true);
        let opened = Opened {
            leases: Vec::new(),
            tab,
            session_id: format!("01JD8Z4Q0{tab}"),
            program: "/usr/bin/psql".to_owned(),
            emulator: Arc::new(Mutex::new(emulator)),
            redactor: Arc::new(env.redactor()),
            size,
            limits: Limits::default(),
            secrets: Vec::new(),
            warnings: Vec::new(),
            recorded: crate::ui::recorded::Recorded::To("recordings/20261122T120000Z-01JD8Z4Q.cast".into()),
            told: Arc::new(AtomicBool::new(false)),
        };
        self.send(Message::Opened { generation, opened });
        tab
    }

    pub(super) fn ended(&mut self, tab: u64, code: i32) {
        let ending = Ending {
            code,
            signal: None,
            ran: Duration::from_secs(692),
            masked: 2,
            limit: None,
            unwritten: None,
        };
        self.send(Message::Session {
            tab,
            event: SessionEvent::Ended(ending),
        });
    }

    pub(super) fn later(&mut self, milliseconds: i64) {
        self.model.now += jiff::SignedDuration::from_millis(milliseconds);
    }

    /// The picture as text, without blanks at the ends of lines.
    pub(super) fn picture(&self) -> String {
        let (columns, rows) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let mut lines = Vec::new();
        for y in 0..rows {
            let line: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
            lines.push(line.trim_end().to_owned());
        }
        lines.join("\n")
    }

    /// The last row of the picture.
    pub(super) fn last_row(&self) -> String {
        self.picture().lines().last().unwrap_or_default().to_owned()
    }
}

fn stage(name: &'static str, state: State, ms: Option<u64>) -> Stage {
    Stage { name, state, ms }
}

pub(super) fn denied() -> Problem {
    Problem::new(
        &catalogue::VAULT_403,
        "Vault refused to read the secret for PGPASSWORD (HTTP 403)",
    )
    .fact("Field", "PGPASSWORD")
    .fact("Reference", "vault:secret/databases/pgbouncer#password")
    .fact(
        "Request",
        "GET https://vault.corp:8200/v1/secret/data/databases/pgbouncer",
    )
    .steps(vec![
        stage("dns", State::Ok, Some(2)),
        stage("tcp", State::Ok, Some(11)),
        stage("tls", State::Ok, Some(24)),
        stage("login", State::Ok, Some(3)),
        stage("read", State::Fail, None),
    ])
}

pub(super) fn role_status(model: &Model, name: &str) -> RoleStatus {
    let failing = name == "prod-pgbouncer-admin";
    let role = model.role(name).unwrap();
    let secret = role.fields.iter().filter(|field| field.source.is_secret());
    let fields: Vec<FieldStatus> = secret
        .map(|field| FieldStatus {
            name: field.name.clone(),
            state: if failing { State::Fail } else { State::Ok },
            problem: failing.then(denied),
            warning: None,
            key: None,
            version: Some("7".to_owned()),
            rotated_at: Some("2026-11-19T09:41:07Z".parse().unwrap()),
            expires: None,
            latency_ms: Some(38),
        })
        .collect();
    RoleStatus {
        name: name.to_owned(),
        state: if failing { State::Fail } else { State::Ok },
        problem: None,
        provider: Some("vault".to_owned()),
        latency_ms: Some(38),
        fields,
        versions: Default::default(),
    }
}

fn provider_status(name: &str) -> ProviderStatus {
    let expired =
        (name == "env").then(|| Problem::new(&catalogue::ENV_UNSET, "the environment variable API_KEY is not set"));
    ProviderStatus {
        name: name.to_owned(),
        kind: "vault",
        endpoint: if name == "vault" {
            "https://vault.corp:8200"
        } else {
            "environment"
        }
        .to_owned(),
        auth: (name == "vault").then(|| "token, policies default, dba".to_owned()),
        state: if expired.is_some() { State::Fail } else { State::Ok },
        problem: expired,
        latency_ms: Some(38),
        expires: (name == "vault").then(|| "2026-11-21T10:28:30Z".parse().unwrap()),
        stages: vec![
            stage("dns", State::Ok, Some(2)),
            stage("tcp", State::Ok, Some(11)),
            stage("login", if name == "env" { State::Fail } else { State::Ok }, None),
            stage("read", if name == "env" { State::Skipped } else { State::Ok }, None),
        ],
    }
}
