//! The local store: an encrypted file of its own, for people with no secret store yet.
//!
//! Two files: the store, sealed for a key, and the key, 0600 and perhaps locked by a passphrase. Both are only ever replaced whole.
//! Reading takes no lock; whoever writes holds one from reading to renaming, so no change is lost.

mod files;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Fetched, Inspected, Provider, ProviderConfig, Setting, World};
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};
use crate::domain::secret::{
    KeyFile, SealError, SecretValue, StoreChange, StoreDocument, StoreEntry, StoreKey, WORK_FACTOR,
};
use crate::domain::status::{ProviderStatus, Stage, State};
use crate::domain::suggest;

/// One local store. Cheap to clone; clones share the key that was unlocked.
#[derive(Clone)]
pub struct LocalStore {
    name: String,
    store: PathBuf,
    /// Where its key is made.
    key_file: PathBuf,
    /// Where the key of a store at a place of its own was made before it lay beside the store.
    former_key_file: Option<PathBuf>,
    unlocked: Arc<Mutex<Option<Arc<StoreKey>>>>,
}

/// Makes the provider; touches no file.
pub fn open(config: &ProviderConfig, world: &World) -> Result<Arc<dyn Provider>, Problem> {
    Ok(Arc::new(LocalStore::new(config, world)))
}

impl LocalStore {
    /// Where it lies: the configuration, else (for the default provider) HALLPASS_STORE and HALLPASS_STORE_KEY_FILE, else the data folder.
    /// Its key lies beside it unless told otherwise.
    pub fn new(config: &ProviderConfig, world: &World) -> Self {
        let named = |setting: &str, variable: &str| {
            if let Some(Setting::Text(path)) = config.settings.get(setting) {
                return Some(configured_path(path, config, world));
            }
            let variable = world.env.get(variable);
            let path = variable.filter(|path| !path.is_empty() && config.name == "local");
            path.map(PathBuf::from)
        };
        let store = named("path", "HALLPASS_STORE").unwrap_or_else(|| world.data_folder.join("store.age"));
        let (key_file, former_key_file) = match named("key_file", "HALLPASS_STORE_KEY_FILE") {
            Some(file) => (file, None),
            None => (files::key_beside(&store), Some(world.data_folder.join("store.key"))),
        };
        Self {
            name: config.name.clone(),
            store,
            key_file,
            former_key_file,
            unlocked: Arc::default(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.store
    }

    pub fn key_file(&self) -> &Path {
        let former = self.former_key_file.as_deref();
        let former = former.filter(|former| !self.key_file.exists() && self.store.exists() && former.exists());
        former.unwrap_or(&self.key_file)
    }

    /// Whether a new store can be made with a key of its own.
    ///
    /// # Errors
    /// `E-USAGE`: there is a store or a key already, so that the next [`LocalStore::set`] makes none.
    pub fn may_be_made(&self) -> Result<(), Problem> {
        let (store, key) = (self.store.display(), self.key_file().display());
        let (what, fix) = if self.store.exists() {
            (
                format!("the local store {store} is there already, and keeps its key {key}"),
                "leave --passphrase out",
            )
        } else if self.key_file().exists() {
            (
                format!("the local store {store} is not there yet, but its key {key} is"),
                "leave --passphrase out: the new store takes that key",
            )
        } else {
            return Ok(());
        };
        let elsewhere = "export HALLPASS_STORE=FILE   (a store at another place has a key of its own)";
        let fixes = [fix, elsewhere]
            .into_iter()
            .take(if self.name == "local" { 2 } else { 1 });
        Err(Problem::new(&catalogue::USAGE, what).fixes(fixes.map(str::to_owned).collect()))
    }

    /// Writes one value. The first one makes the folder, the key and the store.
    pub fn set(&self, path: &str, key: &str, value: SecretValue) -> Result<StoreChange, Problem> {
        files::make_folder_of(&self.store)?;
        let _lock = files::lock(&self.store)?;
        let (store_key, mut document) = match files::read_store(&self.store)? {
            Some(sealed) => {
                let store_key = self.key()?;
                let document = self.unseal(&sealed, &store_key)?;
                (store_key, document)
            }
            None => (self.key_for_new_store()?, StoreDocument::default()),
        };
        let change = document.set(path, key, value, Timestamp::now());
        self.write(&document, &store_key)?;
        Ok(change)
    }

    /// Removes one key of a secret, or all of it.
    pub fn remove(&self, path: &str, key: Option<&str>) -> Result<StoreChange, Problem> {
        if !self.store.exists() {
            return Err(self.no_store());
        }
        let _lock = files::lock(&self.store)?;
        let Some(sealed) = files::read_store(&self.store)? else {
            return Err(self.no_store());
        };
        let store_key = self.key()?;
        let mut document = self.unseal(&sealed, &store_key)?;
        let Some(change) = document.remove(path, key, Timestamp::now()) else {
            return Err(match (document.entry(path), key) {
                (Some(entry), Some(key)) => no_key(&entry, key),
                _ => no_secret(&document, path),
            }
            .fixes(vec![self.command("list")]));
        };
        self.write(&document, &store_key)?;
        Ok(change)
    }

    /// All names in it, sorted; nothing where there is no store yet.
    pub fn list(&self) -> Result<Vec<StoreEntry>, Problem> {
        match files::read_store(&self.store)? {
            Some(sealed) => Ok(self.unseal(&sealed, &*self.key()?)?.list()),
            None => Ok(Vec::new()),
        }
    }

    /// Makes a new store's key, locked by a passphrase; this object is unlocked then. Takes about a second.
    pub fn create_with_passphrase(&self, passphrase: SecretString) -> Result<(), Problem> {
        files::make_folder_of(&self.store)?;
        files::make_folder_of(&self.key_file)?;
        let _lock = files::lock(&self.store)?;
        self.may_be_made()?;
        let key = StoreKey::generate();
        let content = key
            .to_locked_file(passphrase, WORK_FACTOR)
            .map_err(|e| self.unusable(&self.key_file, e))?;
        files::replace(&self.key_file, &content)?;
        self.keep(key);
        Ok(())
    }

    /// Whether a passphrase is needed before anything can be read or written.
    pub fn is_locked(&self) -> Result<bool, Problem> {
        if self.unlocked.lock().unwrap_or_else(PoisonError::into_inner).is_some() || !self.key_file().exists() {
            return Ok(false);
        }
        Ok(matches!(self.key_file_content()?, KeyFile::Locked(_)))
    }

    /// Tries the passphrase; takes about a second. The key is kept until this object and its clones are gone.
    pub fn unlock_now(&self, passphrase: SecretString) -> Result<(), Problem> {
        match self.key_file_content()? {
            KeyFile::Open(_) => Ok(()),
            KeyFile::Locked(locked) => {
                let key = locked
                    .unlock(passphrase)
                    .map_err(|e| self.unusable(self.key_file(), e))?;
                self.keep(key);
                Ok(())
            }
        }
    }

    fn keep(&self, key: StoreKey) -> Arc<StoreKey> {
        let key = Arc::new(key);
        *self.unlocked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&key));
        key
    }

    fn key_file_content(&self) -> Result<KeyFile, Problem> {
        let file = self.key_file();
        let content = files::read_key(file)?.ok_or_else(|| self.key_missing())?;
        KeyFile::parse(&content).map_err(|e| self.unusable(file, e))
    }

    fn key(&self) -> Result<Arc<StoreKey>, Problem> {
        if let Some(key) = &*self.unlocked.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(key));
        }
        match self.key_file_content()? {
            KeyFile::Open(key) => Ok(Arc::new(key)),
            KeyFile::Locked(_) => Err(Problem::new(
                &catalogue::LOCAL_LOCKED,
                format!("the local store {} is locked by a passphrase", self.store.display()),
            )
            .fact(super::LOCKED_STORE, self.name.clone())),
        }
    }

    /// The key of a store that is about to be made. The key is on disk before anything is sealed for it.
    fn key_for_new_store(&self) -> Result<Arc<StoreKey>, Problem> {
        if self.key_file.exists() {
            return self.key();
        }
        files::make_folder_of(&self.key_file)?;
        let key = StoreKey::generate();
        files::replace(&self.key_file, &key.to_file())?;
        Ok(Arc::new(key))
    }

    fn unseal(&self, sealed: &[u8], key: &StoreKey) -> Result<StoreDocument, Problem> {
        StoreDocument::open(sealed, key).map_err(|e| self.unusable(&self.store, e))
    }

    fn write(&self, document: &StoreDocument, key: &StoreKey) -> Result<(), Problem> {
        let sealed = document.seal(key).map_err(|e| self.unusable(&self.store, e))?;
        files::replace(&self.store, &sealed)
    }

    fn read(&self, wanted: &str) -> Result<StoreDocument, Problem> {
        let no_store = || self.no_store().fix(self.set_it(wanted));
        let sealed = files::read_store(&self.store)?.ok_or_else(no_store)?;
        self.unseal(&sealed, &*self.key()?)
    }

    fn fetch_from(&self, document: &StoreDocument, secret: &SecretId) -> Result<Fetched, Problem> {
        let path = secret.path.as_str();
        let (Some(entry), Some(payload)) = (document.entry(path), document.payload(path)) else {
            return Err(no_secret(document, path).fix(self.set_it(path)));
        };
        check_pin(&entry, secret.pin.as_ref())?;
        Ok(Fetched {
            version: Some(entry.version.to_string()),
            changed: Some(entry.changed),
            ..Fetched::new(payload)
        })
    }

    fn inspect_now(&self, secret: &SecretId, keys: &[String]) -> Result<Inspected, Problem> {
        let document = self.read(&secret.path)?;
        let entry = document
            .entry(&secret.path)
            .ok_or_else(|| no_secret(&document, &secret.path).fix(self.set_it(&secret.path)))?;
        check_pin(&entry, secret.pin.as_ref())?;
        Ok(Inspected {
            warnings: keys
                .iter()
                .filter_map(|key| Some((key.clone(), document.warning(&secret.path, key)?)))
                .collect(),
            unfit: keys
                .iter()
                .filter_map(|key| Some((key.clone(), document.unfit(&secret.path, key)?)))
                .collect(),
            keys: Some(entry.keys),
            version: Some(entry.version.to_string()),
            changed: Some(entry.changed),
            ..Inspected::default()
        })
    }

    /// Runs what touches files, or takes a second, off the async threads.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(Self) -> T + Send + 'static) -> Result<T, Problem> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(store))
            .await
            .map_err(|_| Problem::new(&catalogue::PROVIDER_CANCELLED, "reading the local store was cancelled"))
    }

    fn no_store(&self) -> Problem {
        let what = format!("there is no local store yet at {}", self.store.display());
        Problem::new(&catalogue::LOCAL_MISSING, what)
            .causes(vec![
                "nothing was ever stored".to_owned(),
                "HALLPASS_STORE or path in config.toml names another place than the store's".to_owned(),
            ])
            .fixes(vec!["hallpass paths".to_owned()])
    }

    /// The command that writes a secret of this path. Whoever knows which key is wanted puts it in the place of `KEY`.
    fn set_it(&self, path: &str) -> String {
        format!(
            "{}   (asks for the value)",
            self.command(&format!("set {}#KEY", shown(path)))
        )
    }

    /// A command of this store as it is typed.
    fn command(&self, words: &str) -> String {
        match self.name.as_str() {
            "local" => format!("hallpass secret {words}"),
            name => format!("hallpass secret --provider {name} {words}"),
        }
    }

    fn key_missing(&self) -> Problem {
        Problem::new(
            &catalogue::LOCAL_NO_KEY,
            format!(
                "the key file {} of the local store is not there",
                self.key_file().display()
            ),
        )
    }

    fn unusable(&self, file: &Path, error: SealError) -> Problem {
        let (code, what): (&'static Code, &str) = match error {
            SealError::WrongPassphrase => (
                &catalogue::LOCAL_PASSPHRASE,
                "the passphrase does not open the key file",
            ),
            SealError::NotAKey => (&catalogue::LOCAL_CORRUPT, "this is not a key file:"),
            SealError::TooMuchWork => (
                &catalogue::LOCAL_CORRUPT,
                "trying a passphrase would take too much memory and time for the key file",
            ),
            SealError::WrongKey => (&catalogue::LOCAL_CORRUPT, "the key is not the one of the local store"),
            SealError::Damaged => (&catalogue::LOCAL_CORRUPT, "the content is damaged in"),
            SealError::Newer => (&catalogue::LOCAL_CORRUPT, "a newer hallpass wrote"),
            SealError::NotSealed => (&catalogue::LOCAL_WRITE, "the content could not be sealed for"),
        };
        let problem = Problem::new(code, format!("{what} {}", file.display()));
        match error {
            SealError::WrongKey => problem.fact("Key file", self.key_file().display().to_string()),
            SealError::Newer => problem.causes(Vec::new()).fixes(vec!["update hallpass".to_owned()]),
            _ => problem,
        }
    }
}

#[async_trait]
impl Provider for LocalStore {
    fn endpoint(&self) -> String {
        self.store.display().to_string()
    }

    async fn probe(&self) -> ProviderStatus {
        let begun = Instant::now();
        let mut stages = Vec::new();
        let result = self.blocking(|store| climb(&store)).await;
        let (auth, problem) = match result {
            Ok((steps, auth, problem)) => {
                stages = steps;
                (auth, problem)
            }
            Err(problem) => (None, Some(problem)),
        };
        ProviderStatus {
            name: self.name.clone(),
            kind: "local",
            endpoint: self.endpoint(),
            auth: auth.map(str::to_owned),
            state: if problem.is_some() { State::Fail } else { State::Ok },
            problem: problem.map(|problem| problem.steps(stages.clone())),
            latency_ms: Some(milliseconds(begun)),
            expires: None,
            stages,
        }
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let secret = secret.clone();
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.blocking(move |store| store.inspect_now(&secret, &keys)).await?
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let secret = secret.clone();
        self.blocking(move |store| store.fetch_from(&store.read(&secret.path)?, &secret))
            .await?
    }

    /// Opens the store once for all of them.
    async fn fetch_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        let wanted = secrets.to_vec();
        let first = secrets.first().map(|secret| secret.path.clone()).unwrap_or_default();
        let all = self
            .blocking(move |store| {
                let document = store.read(&first)?;
                Ok::<_, Problem>(
                    wanted
                        .iter()
                        .map(|secret| store.fetch_from(&document, secret))
                        .collect(),
                )
            })
            .await;
        match all {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(problem)) | Err(problem) => secrets.iter().map(|_| Err(problem.clone())).collect(),
        }
    }

    /// It has no login, and stays unlocked.
    fn look_for_login(&self) -> bool {
        true
    }

    async fn unlock(&self, passphrase: SecretString) -> Result<(), Problem> {
        self.blocking(move |store| store.unlock_now(passphrase)).await?
    }
}

/// config: are there a store and a key · login: can the key be used · read: does it open the store.
fn climb(store: &LocalStore) -> (Vec<Stage>, Option<&'static str>, Option<Problem>) {
    let mut stages: Vec<Stage> = ["config", "login", "read"]
        .map(|name| Stage {
            name,
            state: State::Skipped,
            ms: None,
        })
        .into();
    let mut step = |index: usize, begun: Instant, failed: bool| {
        if let Some(stage) = stages.get_mut(index) {
            stage.state = if failed { State::Fail } else { State::Ok };
            stage.ms = Some(milliseconds(begun));
        }
    };
    let mut walk = || -> Result<&'static str, Problem> {
        let begun = Instant::now();
        let sealed = files::read_store(&store.store)
            .and_then(|sealed| sealed.ok_or_else(|| store.no_store().fix(store.set_it("PATH"))));
        step(0, begun, sealed.is_err());
        let sealed = sealed?;
        let begun = Instant::now();
        let key = store.key();
        step(1, begun, key.is_err());
        let key = key?;
        let begun = Instant::now();
        let opened = store.unseal(&sealed, &key);
        step(2, begun, opened.is_err());
        opened?;
        let asked = store.unlocked.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Ok(if asked { "passphrase" } else { "key file" })
    };
    match walk() {
        Ok(auth) => (stages, Some(auth), None),
        Err(problem) => (stages, None, Some(problem)),
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// `~/` is the home folder; a relative path starts at the folder of the file that says it.
fn configured_path(text: &str, config: &ProviderConfig, world: &World) -> PathBuf {
    if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), &world.home) {
        return home.join(rest);
    }
    let folder = config.at.as_ref().and_then(|at| at.file.parent());
    folder.map_or_else(|| PathBuf::from(text), |folder| folder.join(text))
}

fn no_secret(document: &StoreDocument, path: &str) -> Problem {
    let entries = document.list();
    let known = entries.iter().map(|entry| entry.path.as_str());
    Problem::new(
        &catalogue::LOCAL_MISSING,
        format!("the local store holds no secret `{}`", shown(path)),
    )
    .causes(vec!["a typo in the path, or it was never stored".to_owned()])
    .similar(suggest::nearest(path, known))
}

fn no_key(entry: &StoreEntry, key: &str) -> Problem {
    Problem::new(
        &catalogue::REF_KEY_MISSING,
        format!("`{}` in the local store has no key `{}`", entry.path, shown(key)),
    )
    .similar(suggest::nearest(key, entry.keys.iter().map(String::as_str)))
    .causes(vec![format!("its keys are: {}", entry.keys.join(", "))])
}

fn check_pin(entry: &StoreEntry, pin: Option<&Pin>) -> Result<(), Problem> {
    match pin {
        None => Ok(()),
        Some(Pin::Version(version)) if *version == entry.version.to_string() => Ok(()),
        Some(_) => Err(Problem::new(
            &catalogue::LOCAL_VERSION,
            format!("`{}` in the local store has version {} only", entry.path, entry.version),
        )),
    }
}

/// A name as it may stand in a message: it can come from a role file and hold control characters.
fn shown(name: &str) -> String {
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
