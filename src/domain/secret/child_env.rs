//! The environment of one child: built at launch, shown as names only, consumed when the child is spawned.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use base64::Engine as _;

use super::{Encoding, Part, Redactor, SecretValue, TemplateError};

/// Anything that a child's environment can be put into: a command that is about to be spawned.
pub trait EnvTarget {
    fn set(&mut self, name: &OsStr, value: &OsStr);
}

/// Names and values for one child. Moves through the program without anybody being able to look inside.
#[derive(Default)]
pub struct ChildEnv {
    plain: BTreeMap<String, OsString>,
    secret: BTreeMap<String, SecretValue>,
    /// Files in memory: the child's first step makes them and puts their paths where `{file:NAME}` stands.
    files: BTreeMap<String, SecretValue>,
    /// Values that are masked although they stand in no variable of their own: the parts of a template.
    masked: Vec<SecretValue>,
    /// Secret-backed variables that are shown: users, hosts, ports.
    shown: Vec<String>,
}

impl ChildEnv {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert_plain(&mut self, name: &str, value: impl Into<OsString>) {
        self.secret.remove(name);
        self.plain.insert(name.to_owned(), value.into());
    }

    /// A value of a provider. `masked` is false for what a connector calls no secret (a user, a host): it stays readable on the screen.
    pub fn insert_secret(&mut self, name: &str, value: SecretValue, masked: bool) {
        self.plain.remove(name);
        if !masked {
            self.shown.push(name.to_owned());
        }
        self.secret.insert(name.to_owned(), value);
    }

    /// A file in memory. `{file:NAME}` in an argument or in a plain variable becomes its path.
    pub fn insert_file(&mut self, name: &str, content: SecretValue) {
        self.files.insert(name.to_owned(), content);
    }

    /// A file in memory whose content is filled from this environment's own variables, encoded for a client's option file.
    pub fn render_file(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let plain: Vec<(&str, Part<'_>)> = self
            .plain
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), Part::Plain(value.to_str()?))))
            .collect();
        let secret = self
            .secret
            .iter()
            .map(|(name, value)| (name.as_str(), Part::Secret(value)));
        let parts: Vec<(&str, Part<'_>)> = plain.into_iter().chain(secret).collect();
        let content = SecretValue::render(text, &parts, Encoding::OptionFile)?;
        self.files.insert(name.to_owned(), content);
        Ok(())
    }

    /// Masks a value that stands in no variable by itself.
    pub fn mask(&mut self, value: SecretValue) {
        self.masked.push(value);
    }

    /// The names of all variables, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.plain.keys().chain(self.secret.keys()).cloned().collect();
        names.sort();
        names
    }

    /// The redactor that hides this environment's secrets in the child's output.
    pub fn redactor(&self) -> Redactor {
        let variables = self
            .secret
            .iter()
            .filter(|(name, _)| !self.shown.contains(name))
            .map(|(_, value)| value);
        Redactor::new(variables.chain(self.masked.iter()).map(SecretValue::expose))
    }

    /// The text of a shown variable, for an argument that its connector allows; none if it is masked, absent or not text.
    pub fn shown_text(&self, name: &str) -> Option<&str> {
        if !self.shown.iter().any(|shown| shown == name) {
            return None;
        }
        std::str::from_utf8(self.secret.get(name)?.expose()).ok()
    }

    /// Puts everything into the command that is about to be spawned and is gone. Files travel in one more variable, [`FILES_VARIABLE`],
    /// which the child's first step takes out again.
    pub fn inject(self, target: &mut dyn EnvTarget) {
        for (name, value) in &self.plain {
            target.set(OsStr::new(name), value);
        }
        for (name, value) in &self.secret {
            target.set(OsStr::new(name), OsStr::from_bytes(value.expose()));
        }
        if !self.files.is_empty() {
            let mut packed = String::new();
            for (name, content) in &self.files {
                packed.push_str(name);
                packed.push(':');
                base64::engine::general_purpose::STANDARD.encode_string(content.expose(), &mut packed);
                packed.push('\n');
            }
            let packed = zeroize::Zeroizing::new(packed);
            target.set(OsStr::new(FILES_VARIABLE), OsStr::new(packed.as_str()));
        }
    }
}

/// Carries the files to the child's first step: a line `NAME:BASE64` each.
pub const FILES_VARIABLE: &str = "HALLPASS_START_FILES";
