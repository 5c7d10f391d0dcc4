//! The environment of one child: built at launch, shown as names only, consumed when the child is spawned.
//!
//! ```compile_fail,E0277
//! let env = hallpass::domain::secret::ChildEnv::new();
//! println!("{env:?}"); // no Debug
//! ```
//! ```compile_fail,E0599
//! let env = hallpass::domain::secret::ChildEnv::new();
//! let copy = env.clone(); // no Clone
//! ```
//! ```compile_fail,E0369
//! let (a, b) = (hallpass::domain::secret::ChildEnv::new(), hallpass::domain::secret::ChildEnv::new());
//! let _ = a == b; // no PartialEq
//! ```
//! ```compile_fail,E0616
//! let env = hallpass::domain::secret::ChildEnv::new();
//! let _ = env.secret; // no looking inside
//! ```
//! ```compile_fail,E0382
//! # struct Names(usize);
//! # impl hallpass::domain::secret::EnvTarget for Names {
//! #     fn set(&mut self, _: &std::ffi::OsStr, _: &std::ffi::OsStr) { self.0 += 1; }
//! # }
//! let env = hallpass::domain::secret::ChildEnv::new();
//! env.inject(&mut Names(0));
//! env.inject(&mut Names(0)); // it is gone
//! ```
//! ```compile_fail,E0277
//! let redactor = hallpass::domain::secret::ChildEnv::new().redactor();
//! println!("{redactor:?}"); // it knows the values: no Debug
//! ```
//! ```compile_fail,E0624
//! let _ = hallpass::domain::secret::Redactor::new([b"guess".as_slice()]); // nobody else can try values out
//! ```
//! The twin that compiles:
//! ```
//! # struct Names(usize);
//! # impl hallpass::domain::secret::EnvTarget for Names {
//! #     fn set(&mut self, _: &std::ffi::OsStr, _: &std::ffi::OsStr) { self.0 += 1; }
//! # }
//! use hallpass::domain::secret::{ChildEnv, SecretValue};
//! let mut env = ChildEnv::new();
//! env.insert_secret("PGPASSWORD", SecretValue::from_text("hunter22".to_owned()), true);
//! let mut shown = Vec::new();
//! env.redactor().push(b"hunter22", &mut shown);
//! assert_eq!(env.names(), ["PGPASSWORD"]);
//! env.inject(&mut Names(0));
//! ```

use std::collections::{BTreeMap, BTreeSet};
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
    /// The session's id, which every mark of a file holds.
    session: String,
    plain: BTreeMap<String, OsString>,
    secret: BTreeMap<String, SecretValue>,
    /// Files in memory: the child's first step makes them and puts their paths where their marks stand.
    files: BTreeMap<String, SecretValue>,
    /// Values that are masked although they stand in no variable of their own: the parts of a template.
    masked: Vec<SecretValue>,
    /// Secret-backed variables that are shown: users, hosts, ports.
    shown: BTreeSet<String>,
    /// Files whose content is a secret as a whole.
    masked_files: BTreeSet<String>,
}

impl ChildEnv {
    pub fn new() -> Self {
        Self::default()
    }

    /// That of the session with this id.
    pub fn of_session(id: &str) -> Self {
        Self {
            session: id.to_owned(),
            ..Self::default()
        }
    }

    /// What stands in an argument or a plain variable for the path of a file: `{file:SESSION:NAME}`. No value can hold it by chance or by
    /// intent, because a session's id is made anew for each launch.
    pub fn file_mark(&self, name: &str) -> String {
        format!("{{file:{}:{name}}}", self.session)
    }

    pub fn insert_plain(&mut self, name: &str, value: impl Into<OsString>) {
        self.secret.remove(name);
        self.shown.remove(name);
        self.plain.insert(name.to_owned(), value.into());
    }

    /// A value of a provider. `masked` is false for what a connector calls no secret (a user, a host): it stays readable on the screen.
    pub fn insert_secret(&mut self, name: &str, value: SecretValue, masked: bool) {
        self.plain.remove(name);
        if masked {
            self.shown.remove(name);
        } else {
            self.shown.insert(name.to_owned());
        }
        self.secret.insert(name.to_owned(), value);
    }

    /// A file in memory. Its mark in an argument or in a plain variable becomes its path. `masked` is false for what is no secret,
    /// or is a text around secrets that are masked by themselves.
    pub fn insert_file(&mut self, name: &str, content: SecretValue, masked: bool) {
        if masked {
            self.masked_files.insert(name.to_owned());
        } else {
            self.masked_files.remove(name);
        }
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
        self.insert_file(name, content, false);
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
            .filter(|(name, _)| !self.shown.contains(*name))
            .map(|(_, value)| value);
        let files = self
            .files
            .iter()
            .filter(|(name, _)| self.masked_files.contains(*name))
            .map(|(_, content)| content);
        Redactor::new(variables.chain(files).chain(&self.masked).map(SecretValue::expose))
    }

    /// The text of a variable that is shown, as it may stand in an argument that its connector allows; none if it is masked, absent or
    /// not text.
    pub fn shown_text(&self, name: &str) -> Option<&str> {
        if let Some(plain) = self.plain.get(name) {
            return plain.to_str();
        }
        if !self.shown.contains(name) {
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
            // As large as it gets: a string that grows leaves unwiped copies behind.
            let size = |(name, content): (&String, &SecretValue)| {
                self.session.len() + name.len() + content.expose().len().div_ceil(3) * 4 + 3
            };
            let mut packed = zeroize::Zeroizing::new(String::with_capacity(self.files.iter().map(size).sum()));
            for (name, content) in &self.files {
                for part in [self.session.as_str(), name] {
                    packed.push_str(part);
                    packed.push(':');
                }
                base64::engine::general_purpose::STANDARD.encode_string(content.expose(), &mut packed);
                packed.push('\n');
            }
            target.set(OsStr::new(FILES_VARIABLE), OsStr::new(packed.as_str()));
        }
    }
}

/// Carries the files to the child's first step: a line `SESSION:NAME:BASE64` each.
pub const FILES_VARIABLE: &str = "HALLPASS_START_FILES";

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn printed(env: &ChildEnv, text: &str) -> String {
        let mut redactor = env.redactor();
        let mut out = Vec::new();
        redactor.push(text.as_bytes(), &mut out);
        redactor.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[derive(Default)]
    struct Seen(BTreeMap<OsString, OsString>);

    impl EnvTarget for Seen {
        fn set(&mut self, name: &OsStr, value: &OsStr) {
            let before = self.0.insert(name.to_owned(), value.to_owned());
            assert!(before.is_none(), "{} twice", name.display());
        }
    }

    #[test]
    fn what_is_inserted_last_counts() {
        let mut env = ChildEnv::new();
        env.insert_secret("NAME", value("shownvalue"), false);
        assert_eq!(env.shown_text("NAME"), Some("shownvalue"));
        env.insert_secret("NAME", value("hiddenvalue"), true);
        assert_eq!(env.shown_text("NAME"), None);
        assert_eq!(printed(&env, "hiddenvalue"), "••••••••");
        env.insert_secret("NAME", value("shownvalue"), false);
        env.insert_plain("NAME", "plain");
        env.insert_secret("NAME", value("hiddenvalue"), true);
        assert_eq!(printed(&env, "hiddenvalue"), "••••••••");
        assert_eq!(env.names(), ["NAME"]);
        let mut seen = Seen::default();
        env.inject(&mut seen);
        assert_eq!(seen.0.len(), 1);
    }

    #[test]
    fn files_of_secrets_and_parts_of_templates_are_masked() {
        let mut env = ChildEnv::of_session("5e55");
        assert_eq!(env.file_mark("key"), "{file:5e55:key}");
        env.insert_file("key", value("-----BEGIN KEY-----\nMIIEvQIBADANBg\n"), true);
        env.insert_file("options", value("[client]\nprotocol=tcp\n"), false);
        env.mask(value("partofatemplate"));
        assert_eq!(
            printed(&env, "MIIEvQIBADANBg [client] protocol=tcp"),
            "•••••••• [client] protocol=tcp"
        );
        assert_eq!(printed(&env, "a://partofatemplate@b"), "a://••••••••@b");
        let mut seen = Seen::default();
        env.inject(&mut seen);
        let packed = seen.0.remove(OsStr::new(FILES_VARIABLE)).unwrap();
        assert_eq!(
            packed,
            "5e55:key:LS0tLS1CRUdJTiBLRVktLS0tLQpNSUlFdlFJQkFEQU5CZwo=\n5e55:options:W2NsaWVudF0KcHJvdG9jb2w9dGNwCg==\n"
        );
    }
}
