//! `config.toml`: everything in it but providers, connectors and roles.

use std::collections::BTreeMap;

use super::connectors::CONNECTOR_KEYS;
use super::load::ROLE_FILE_KEYS;
use super::policy::{Policies, with_policy};
use super::report::Scope;
use super::roles::ROLE_KEYS;
use super::source::shown;
use super::walk::{Entry, Key, Table, Takes, check_name, duplicate};
use super::{ConnectMode, CopyKeys, Environment, Hints, OnExit, SessionSettings, UiSettings};
use crate::domain::policy::RecordingSettings;
use crate::domain::problem::{Location, Problem};
use crate::domain::{catalogue, prefix};

/// Sections that only `config.toml` has; their tables are read by the functions below and in `provider_settings`.
pub(super) const SETTINGS_KEYS: &[Key] = &[
    Key::now("include", Takes::Texts, "[\"~/team/hallpass/*.toml\"]"),
    Key::now("ui", Takes::Anything, ""),
    Key::now("session", Takes::Anything, ""),
    Key::now("connect", Takes::Anything, ""),
    Key::now("recordings", Takes::Anything, ""),
    Key::now("providers", Takes::Anything, ""),
    Key::now("defaults", Takes::Anything, ""),
    Key::now("environments", Takes::Anything, ""),
    Key::now("profiles", Takes::Anything, ""),
];

const COLORS: Takes = Takes::OneOf(&[
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "gray",
]);

const HINTS: Takes = Takes::OneOf(&["full", "short", "off"]);

const UI_KEYS: &[Key] = &[
    Key::later("theme", Takes::Text, "\"auto\""),
    Key::now("ascii", Takes::Switch, "true"),
    Key::now("symbols", Takes::OneOf(&["unicode", "ascii"]), "\"ascii\""),
    Key::now("mouse", Takes::Switch, "false"),
    Key::now("copy_keys", Takes::OneOf(&["vi", "emacs"]), "\"emacs\""),
    Key::now("clipboard", Takes::Texts, "[\"xclip\", \"-selection\", \"clipboard\"]"),
    Key::now("hints", HINTS, "\"full\""),
    // The same, by another name.
    Key::now("prefix_hint", HINTS, "\"full\""),
];

const SESSION_KEYS: &[Key] = &[
    Key::now("prefix", Takes::Text, "\"ctrl-\\\\\""),
    Key::now("prefix2", Takes::Text, "\"f12\""),
    Key::now("scrollback", Takes::Number(0, 1_000_000), "10000"),
    Key::now("on_exit", Takes::OneOf(&["stay", "return", "quit"]), "\"stay\""),
    Key::now("confirm_paste", Takes::OneOf(&["prod", "all"]), "\"prod\""),
];

const CONNECT_KEYS: &[Key] = &[Key::now("mode", Takes::OneOf(&["plain", "tui"]), "\"plain\"")];

const RECORDINGS_KEYS: &[Key] = &[
    Key::now("recipients", Takes::Texts, "[\"age1…\"]"),
    Key::now("max_mb", Takes::Number(1, 1_000_000), "1024"),
];

pub(super) const ACCESS_MODES: Takes = Takes::OneOf(&["read-only", "read-write"]);

const DEFAULTS_KEYS: [Key; 8] = with_policy([]);

const ENVIRONMENT_KEYS: [Key; 11] = with_policy([
    Key::now("label", Takes::Text, "\"PROD\""),
    Key::now("color", COLORS, "\"red\""),
    Key::later("access_mode", ACCESS_MODES, "\"read-only\""),
]);

const PROFILE_KEYS: &[Key] = &[
    Key::now("include", Takes::Texts, "[\"~/team/hallpass/*.toml\"]"),
    Key::now("description", Takes::Text, "\"Roles of the office\""),
];

/// The sections of the files but providers: their keys that have an effect and are no tables of tables, each with a valid value, as TOML.
/// What stands before all sections comes first, under no name.
pub fn settings_keys() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let sections: [(&str, &[Key]); 11] = [
        ("", ROLE_FILE_KEYS),
        ("", SETTINGS_KEYS),
        ("ui", UI_KEYS),
        ("session", SESSION_KEYS),
        ("connect", CONNECT_KEYS),
        ("recordings", RECORDINGS_KEYS),
        ("defaults", &DEFAULTS_KEYS),
        ("environments.NAME", &ENVIRONMENT_KEYS),
        ("profiles.NAME", PROFILE_KEYS),
        ("connectors.NAME", CONNECTOR_KEYS),
        ("roles.NAME", &ROLE_KEYS),
    ];
    let in_force = |keys: &'static [Key]| {
        keys.iter()
            .filter(|key| key.in_force && !key.example.is_empty())
            .map(|key| (key.name, key.example))
    };
    sections
        .into_iter()
        .map(|(section, keys)| (section, in_force(keys).collect()))
        .collect()
}

/// What the sections say; a later file wins key by key.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) ui: UiSettings,
    pub(super) session: SessionSettings,
    pub(super) connect: ConnectMode,
    pub(super) recordings: RecordingSettings,
    pub(super) environments: BTreeMap<String, Environment>,
    pub(super) policies: Policies,
    declared: BTreeMap<String, (usize, Location)>,
}

impl Settings {
    /// Reads the sections of one file's root table.
    pub(super) fn read(&mut self, scope: &Scope<'_>, root: &Table<'_>) {
        let open = |name: &str, keys| {
            let entry = root.get(name)?;
            Table::open(scope, &entry, &format!("[{name}]"), keys)
        };
        if let Some(ui) = open("ui", UI_KEYS) {
            let symbols = ui.text("symbols").map(|symbols| symbols == "ascii");
            self.ui.ascii = ui.switch("ascii").or(symbols).unwrap_or(self.ui.ascii);
            self.ui.mouse = ui.switch("mouse").unwrap_or(self.ui.mouse);
            self.ui.copy_keys = match ui.text("copy_keys").as_deref() {
                Some("emacs") => CopyKeys::Emacs,
                Some("vi") => CopyKeys::Vi,
                _ => self.ui.copy_keys,
            };
            if let Some(command) = ui.texts("clipboard") {
                self.ui.clipboard = command;
            }
            let hints = ui.text("hints").or(ui.text("prefix_hint"));
            self.ui.hints = match hints.as_deref() {
                Some("full") => Hints::Full,
                Some("short") => Hints::Short,
                Some("off") => Hints::Off,
                _ => self.ui.hints,
            };
        }
        if let Some(session) = open("session", SESSION_KEYS) {
            if let Some(key) = read_prefix(scope, &session, "prefix") {
                self.session.prefix = key;
            }
            self.session.prefix2 = read_prefix(scope, &session, "prefix2").or(self.session.prefix2.take());
            let lines = session
                .number("scrollback")
                .and_then(|lines| usize::try_from(lines).ok());
            self.session.scrollback = lines.unwrap_or(self.session.scrollback);
            self.session.on_exit = match session.text("on_exit").as_deref() {
                Some("stay") => OnExit::Stay,
                Some("return") => OnExit::Return,
                Some("quit") => OnExit::Quit,
                _ => self.session.on_exit,
            };
            let asks = session.text("confirm_paste").map(|which| which == "all");
            self.session.ask_every_paste = asks.unwrap_or(self.session.ask_every_paste);
        }
        if let Some(connect) = open("connect", CONNECT_KEYS) {
            match connect.text("mode").as_deref() {
                Some("tui") => self.connect = ConnectMode::Tui,
                Some("plain") => self.connect = ConnectMode::Plain,
                _ => {}
            }
        }
        if let Some(entry) = root.get("recordings") {
            self.read_recordings(scope, &entry);
        }
        if let Some(entry) = root.get("defaults") {
            let own = Scope::new(scope.report, scope.muted);
            if let Some(table) = Table::open(&own, &entry, "[defaults]", &DEFAULTS_KEYS) {
                self.policies.add_defaults(&table, own.problems());
            }
            scope.adopt(&own.into_problems());
        }
        for entry in sections(scope, root, "environments") {
            self.read_environment(scope, &entry);
        }
        for entry in sections(scope, root, "profiles") {
            if check_name(scope, &entry, "profile") {
                Table::open(scope, &entry, &format!("profile \"{}\"", entry.name), PROFILE_KEYS);
            }
        }
    }

    /// What is wrong here is wrong with every role: a recording that should be sealed is not to be written in the clear.
    fn read_recordings(&mut self, scope: &Scope<'_>, entry: &Entry<'_>) {
        let own = Scope::new(scope.report, scope.muted);
        if let Some(table) = Table::open(&own, entry, "[recordings]", RECORDINGS_KEYS) {
            if let Some(recipients) = table.get("recipients") {
                for (text, place) in recipients.texts() {
                    if !is_recipient(text) {
                        let message = format!("`{}` in [recordings] is not a recipient of age", shown(text));
                        own.problem(&place, Problem::new(&catalogue::REC_RECIPIENT, message));
                    }
                }
                self.recordings.recipients = table.texts("recipients").unwrap_or_default();
            }
            if let Some(most) = table.number("max_mb") {
                self.recordings.max_bytes = most.unsigned_abs() << 20;
            }
        }
        self.policies.add_problems(own.problems());
        scope.adopt(&own.into_problems());
    }

    fn read_environment(&mut self, scope: &Scope<'_>, entry: &Entry<'_>) {
        if !check_name(scope, entry, "environment") {
            return;
        }
        let what = format!("environment \"{}\"", entry.name);
        let own = Scope::new(scope.report, scope.muted);
        let table = Table::open(&own, entry, &what, &ENVIRONMENT_KEYS);
        scope.adopt(&own.problems());
        let Some(table) = table else { return };
        self.policies.add_environment(entry.name, &table, own.into_problems());
        let place = entry.key_place();
        if let Some((file, first)) = self.declared.get(entry.name)
            && *file == place.file.index
        {
            duplicate(scope, "environment", entry.name, &place, first);
        }
        self.declared
            .insert(entry.name.to_owned(), (place.file.index, place.location()));
        let environment = self.environments.entry(entry.name.to_owned()).or_default();
        environment.label = table.text("label").or(environment.label.take());
        environment.color = table.text("color").or(environment.color.take());
    }
}

/// The members of a section whose keys are names.
pub(super) fn sections<'a>(scope: &Scope<'_>, root: &Table<'a>, name: &str) -> Vec<Entry<'a>> {
    root.get(name)
        .map(|entry| entry.members_or_problem(scope, &format!("tables: [{name}.NAME]")))
        .unwrap_or_default()
}

/// The shape of an X25519 recipient: `age1` and 58 characters of bech32.
fn is_recipient(text: &str) -> bool {
    let known = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
    text.len() == 62 && text.starts_with("age1") && text.chars().all(known)
}

/// The key that `prefix` or `prefix2` names.
fn read_prefix(scope: &Scope<'_>, session: &Table<'_>, name: &str) -> Option<String> {
    let entry = session.get(name)?;
    let text = entry.text()?;
    match prefix::parse(text) {
        Ok(key) => Some(key),
        Err(why) => {
            let problem = Problem::new(
                &catalogue::CONFIG_TYPE,
                format!("`{name}` in [session]: `{text}` {why}"),
            )
            .fixes(vec![format!("write it like this: {name} = \"ctrl-\\\\\"")]);
            scope.problem(&entry.place(), problem);
            None
        }
    }
}
