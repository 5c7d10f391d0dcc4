//! `hallpass secret set | list | rm`: the local store. A value comes from standard input or is asked for; never from an argument.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Frame, GAVE_UP, json, note, say, table, terminal_prompt};
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::reference::{ProviderKind, parse_canonical};
use crate::domain::secret::{SecretValue, StoreChange};
use crate::providers::local::LocalStore;

/// Larger values could not be given to a program anyway.
const LARGEST_VALUE: usize = 1 << 20;
/// Keep secrets in the local store, an encrypted file
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass secret set db/pg#password              asks for the value, without showing it\n  pass show db | hallpass secret set db/pg#password\n  hallpass secret list\n  hallpass secret rm db/pg#password\n\nA role uses it as  PGPASSWORD = \"_local:db/pg:password\"  or  { secret = \"local:db/pg#password\" }."
)]
pub(super) struct SecretCommand {
    #[command(subcommand)]
    action: Action,
    /// The local store to use, by its provider's name
    #[arg(long, global = true, value_name = "NAME", default_value = "local")]
    provider: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    Set(Set),
    List(List),
    Rm(Remove),
}

/// Write a value: from standard input byte for byte, else asked for without showing it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass secret set db/pg#password\n  printf %s \"$VALUE\" | hallpass secret set db/pg#password\n  hallpass secret set ssh/bastion#private_key < id_ed25519\n  hallpass secret set --trim db/pg#password < file-with-a-newline-at-its-end\n  hallpass secret set --passphrase db/pg#password      a new store that asks for a passphrase"
)]
struct Set {
    /// Where it goes: a path of your choice, and the key in it
    #[arg(value_name = "PATH#KEY")]
    address: String,
    /// Take white space off both ends of the value
    #[arg(long)]
    trim: bool,
    /// Lock the key of a new store with a passphrase
    #[arg(long)]
    passphrase: bool,
    /// Only here so that a value typed behind the path is refused without being repeated on the screen.
    #[arg(hide = true, num_args = 0.., allow_hyphen_values = true)]
    not_here: Vec<OsString>,
}

/// List what the store holds: paths, keys, versions, times; no values
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass secret list\n  hallpass secret list --json")]
struct List {}

/// Remove one key, or a whole path
#[derive(Debug, Args)]
#[command(
    name = "rm",
    alias = "remove",
    after_help = "Examples:\n  hallpass secret rm db/pg#password\n  hallpass secret rm db/pg"
)]
struct Remove {
    /// The key to remove, or the path with all of its keys
    #[arg(value_name = "PATH[#KEY]")]
    address: String,
}

pub(super) fn run(command: SecretCommand, frame: &Frame) -> Result<u8, Problem> {
    let place = Place {
        store: store(&command.provider, frame)?,
        provider: command.provider,
        frame,
    };
    match command.action {
        Action::Set(set) => place.set(&set),
        Action::List(List {}) => place.list(),
        Action::Rm(remove) => place.remove(&remove),
    }
}

fn store(provider: &str, frame: &Frame) -> Result<LocalStore, Problem> {
    match frame.providers.config(provider) {
        Some(config) if config.kind == ProviderKind::Local => Ok(LocalStore::new(&config, &frame.world)),
        Some(_) => Err(usage(
            "only the local store can be written; the other providers have tools of their own",
            "leave --provider out, or name a provider of kind \"local\"",
        )),
        None => Err(super::provider::unknown(provider, frame)),
    }
}

/// One store and the run that works with it.
struct Place<'a> {
    store: LocalStore,
    provider: String,
    frame: &'a Frame,
}

impl Place<'_> {
    fn set(&self, set: &Set) -> Result<u8, Problem> {
        if !set.not_here.is_empty() {
            return Err(usage(
                "a value is never given as an argument: every process of this machine and the shell's history would have it",
                "hallpass secret set PATH#KEY   (asks for the value)",
            )
            .fixes(vec![
                "hallpass secret set PATH#KEY   (asks for the value)".to_owned(),
                "COMMAND | hallpass secret set PATH#KEY".to_owned(),
                "take the value out of the shell's history, and change it where it is in use".to_owned(),
            ]));
        }
        let (path, Some(key)) = self.address(&set.address)? else {
            return Err(usage(
                "the key is missing: a path of the store holds values under keys",
                "hallpass secret set PATH#KEY   such as db/pg#password",
            ));
        };
        let open = if set.passphrase { self.create()? } else { self.unlock()? };
        if !open {
            return Ok(GAVE_UP);
        }
        let Some(value) = self.value(&path, &key, set.trim)? else {
            return Ok(GAVE_UP);
        };
        let change = self.store.set(&path, &key, value)?;

        if change.generation == 1 && !self.frame.quiet {
            note(&format!("made the local store {}", self.store.path().display()));
            note(&format!(
                "its key is {}: keep a copy of it somewhere else",
                self.store.key_file().display()
            ));
        }
        let done = if change.created { "stored" } else { "changed" };
        self.report(&change, &format!("{done} {}", self.reference(&path, &key)));
        Ok(0)
    }

    fn list(&self) -> Result<u8, Problem> {
        if !self.unlock()? {
            return Ok(GAVE_UP);
        }
        let entries = self.store.list()?;
        if self.frame.json {
            let secrets: Vec<Value> = entries
                .iter()
                .map(|entry| {
                    json!({"path": entry.path, "keys": entry.keys, "version": entry.version, "changed": entry.changed.to_string()})
                })
                .collect();
            say(&json::document(
                json!({"store": json::path(self.store.path()), "secrets": secrets}),
            ));
            return Ok(0);
        }
        if entries.is_empty() {
            note("the local store holds nothing yet: hallpass secret set PATH#KEY");
            return Ok(0);
        }
        let rows: Vec<Vec<String>> = entries
            .iter()
            .map(|entry| {
                let changed = entry.changed.strftime("%Y-%m-%d %H:%M UTC").to_string();
                vec![
                    printable(&entry.path),
                    printable(&entry.keys.join(", ")),
                    entry.version.to_string(),
                    changed,
                ]
            })
            .collect();
        say(&table::render(&["PATH", "KEYS", "VERSION", "CHANGED"], &rows));
        Ok(0)
    }

    fn remove(&self, remove: &Remove) -> Result<u8, Problem> {
        let (path, key) = self.address(&remove.address)?;
        if !self.unlock()? {
            return Ok(GAVE_UP);
        }
        let change = self.store.remove(&path, key.as_deref())?;
        let names: Vec<String> = change.keys.iter().map(|key| self.reference(&path, key)).collect();
        self.report(&change, &format!("removed {}", names.join(", ")));
        Ok(0)
    }

    /// The path and the key of `PATH#KEY`, by the rules of references, so that one can name it. Never quotes what was typed.
    fn address(&self, text: &str) -> Result<(String, Option<String>), Problem> {
        let text = text.strip_prefix(&format!("{}:", self.provider)).unwrap_or(text);
        let example = "hallpass secret set db/pg#password";
        let reference = parse_canonical(&format!("{}:{text}", self.provider), &self.frame.config.names)
            .map_err(|error| usage(&format!("this is no PATH#KEY: {}", error.what), example))?;
        if reference.key.as_ref().is_some_and(|key| key.contains(['=', ':', '#'])) {
            return Err(usage(
                "a key has no `=`, `:` or `#`; a value is never given as an argument",
                example,
            ));
        }
        Ok((reference.id.path, reference.key))
    }

    fn reference(&self, path: &str, key: &str) -> String {
        printable(&format!("{}:{path}#{key}", self.provider))
    }

    fn report(&self, change: &StoreChange, done: &str) {
        if self.frame.json {
            say(&json::document(json!({
                "store": json::path(self.store.path()),
                "path": change.path,
                "keys": change.keys,
                "version": change.version,
                "created": change.created,
            })));
        } else if !self.frame.quiet {
            note(done);
        }
    }

    /// Makes a new store with a passphrase; false if the person gave up.
    fn create(&self) -> Result<bool, Problem> {
        self.store.may_be_made()?;
        self.may_ask("a new store's passphrase must be typed twice")?;
        let Some(first) = terminal_prompt::ask_secret("Passphrase of the new store: ")? else {
            return Ok(false);
        };
        if first.expose_secret().chars().count() < 8 {
            return Err(usage("a passphrase has 8 characters at least", "choose several words"));
        }
        let Some(second) = terminal_prompt::ask_secret("The same again: ")? else {
            return Ok(false);
        };
        if first.expose_secret() != second.expose_secret() {
            return Err(usage("the two passphrases differ; nothing was made", "try again"));
        }
        self.store.create_with_passphrase(first)?;
        Ok(true)
    }

    /// Asks for the passphrase of a locked store, three times; false if the person gave up.
    fn unlock(&self) -> Result<bool, Problem> {
        if !self.store.is_locked()? {
            return Ok(true);
        }
        self.may_ask("the local store is locked by a passphrase")?;
        for last in [false, false, true] {
            let Some(passphrase) = ask_passphrase(&self.store)? else {
                return Ok(false);
            };
            match self.store.unlock_now(passphrase) {
                Ok(()) => return Ok(true),
                Err(problem) if problem.code == &catalogue::LOCAL_PASSPHRASE && !last => {
                    note("that is not it; try again");
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(false)
    }

    fn may_ask(&self, what: &str) -> Result<(), Problem> {
        if self.frame.may_ask && terminal_prompt::is_possible() {
            return Ok(());
        }
        Err(Problem::new(&catalogue::LOCAL_LOCKED, what)
            .causes(vec![
                "nobody can be asked here: no terminal, --no-input or CI=true".to_owned(),
            ])
            .fixes(vec![
                "use a store whose key is a file: HALLPASS_STORE_KEY_FILE".to_owned(),
            ]))
    }

    /// The value, piped or typed; none if the person gave up.
    fn value(&self, path: &str, key: &str, trim: bool) -> Result<Option<SecretValue>, Problem> {
        let piped = !std::io::stdin().is_terminal();
        let value = if piped {
            from_stdin()?
        } else if self.frame.may_ask {
            let question = format!("Value of {} (not shown): ", self.reference(path, key));
            match terminal_prompt::ask_secret(&question)? {
                Some(typed) => SecretValue::from_secret(&typed),
                None => return Ok(None),
            }
        } else {
            return Err(usage(
                "nobody may be asked and nothing is piped",
                "COMMAND | hallpass secret set PATH#KEY",
            ));
        };
        let value = if trim { value.trimmed() } else { value };
        if value.is_empty() {
            let from = if piped {
                "standard input was empty"
            } else {
                "nothing was typed"
            };
            return Err(usage(
                &format!("{from}; nothing was stored"),
                &format!("COMMAND | hallpass secret set {path}#{key}   (or without a pipe: it asks for the value)"),
            ));
        }
        if let Some(warning) = value.warning() {
            note(&format!("warning: {}", warning.replace("trim = true", "--trim")));
        }
        Ok(Some(value))
    }
}

fn ask_passphrase(store: &LocalStore) -> Result<Option<SecretString>, Problem> {
    terminal_prompt::ask_secret(&format!("Passphrase of {}: ", store.path().display()))
}

fn from_stdin() -> Result<SecretValue, Problem> {
    // The buffer has its size from the start, so that it never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST_VALUE + 64));
    let read = std::io::stdin()
        .lock()
        .take(LARGEST_VALUE as u64 + 1)
        .read_to_end(&mut bytes);
    read.map_err(|_| Problem::new(&catalogue::IO, "standard input cannot be read"))?;
    if bytes.len() > LARGEST_VALUE {
        return Err(Problem::new(
            &catalogue::REF_TOO_LARGE,
            "the value is larger than 1 MiB; nothing was stored",
        )
        .causes(vec!["a whole file, or the wrong one, on standard input".to_owned()])
        .fixes(vec!["store the key or the password alone".to_owned()]));
    }
    Ok(SecretValue::from_bytes(std::mem::take(&mut *bytes)))
}

fn usage(what: &str, fix: &str) -> Problem {
    Problem::new(&catalogue::USAGE, what).fixes(vec![fix.to_owned()])
}
