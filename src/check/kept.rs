//! What the last checks found, in a file of the state folder, so that a monitoring loop does not ask the providers each time. It
//! holds names, states, codes, times and our own remarks; what is said beside a code is the catalogue's word, never a provider's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Checked, Checker, Report};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::role::{Role, Source};
use crate::domain::status::{FieldStatus, ProviderStatus, RoleStatus, State};

const SCHEMA: u32 = 2;
const LARGEST: u64 = 16 << 20;

/// What was found, and when.
#[derive(Serialize, Deserialize)]
struct Document {
    schema_version: u32,
    /// The version of hallpass that wrote it: another one may mean something else by it.
    hallpass: String,
    /// The files that the roles were read from.
    files: Vec<PathBuf>,
    providers: BTreeMap<String, KeptProvider>,
    roles: BTreeMap<String, KeptRole>,
}

#[derive(Serialize, Deserialize)]
struct KeptProvider {
    at: Timestamp,
    endpoint: String,
    state: String,
    code: Option<String>,
    latency_ms: Option<u64>,
    expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct KeptRole {
    at: Timestamp,
    state: String,
    /// Of what stops the role itself.
    code: Option<String>,
    latency_ms: Option<u64>,
    fields: Vec<KeptField>,
}

#[derive(Serialize, Deserialize)]
struct KeptField {
    name: String,
    state: String,
    code: Option<String>,
    warning: Option<String>,
    key: Option<String>,
    version: Option<String>,
    rotated_at: Option<Timestamp>,
    expires: Option<Timestamp>,
    latency_ms: Option<u64>,
}

/// The file with what is in it as far as it still means what it says.
pub struct Kept<'a> {
    checker: Checker<'a>,
    document: Document,
}

impl<'a> Kept<'a> {
    /// Reads the file. One that is not there, that somebody else could have written, or that was made from other files, from files
    /// that were changed since, or by another version is like none.
    pub fn read(checker: Checker<'a>) -> Self {
        let empty = Document {
            schema_version: SCHEMA,
            hallpass: env!("CARGO_PKG_VERSION").to_owned(),
            files: checker.config.files.clone(),
            providers: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        let same = |found: &Document| {
            found.schema_version == empty.schema_version
                && found.hallpass == empty.hallpass
                && found.files == empty.files
        };
        let mut document = read_own(&path(&checker))
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .filter(same)
            .unwrap_or(empty);
        let changed = document.files.iter().map(|file| last_change(file)).max();
        if let Some(changed) = changed {
            document.roles.retain(|_, role| role.at > changed);
            document.providers.retain(|_, provider| provider.at > changed);
        }
        Self { checker, document }
    }

    /// What was found of a role and its providers since then; none if any of it is older, or not known.
    pub fn role(&self, name: &str, since: Timestamp) -> Option<Checked<RoleStatus>> {
        let role = self.checker.config.roles.iter().find(|role| role.name == name)?;
        let kept = self.document.roles.get(name).filter(|kept| kept.at >= since)?;
        let mut providers = role
            .fields
            .iter()
            // What makes a token is not looked at by itself.
            .filter(|field| !matches!(field.source, Source::RdsIam(_)))
            .flat_map(|field| field.source.providers());
        let all_known = providers.all(|provider| self.provider(provider, since).is_some());
        let status = all_known.then(|| recall(role, kept))??;
        Some(Checked { status, at: kept.at })
    }

    /// What was found of a provider since then; none if it is older, not known, or about another place.
    pub fn provider(&self, name: &str, since: Timestamp) -> Option<Checked<ProviderStatus>> {
        let kept = self.document.providers.get(name).filter(|kept| kept.at >= since)?;
        let kind = self.checker.config.names.kind_of(name)?;
        let endpoint = self.checker.endpoint(name);
        let status = ProviderStatus {
            name: name.to_owned(),
            kind: kind.word(),
            auth: None,
            state: state(&kept.state)?,
            problem: problem(kept.code.as_deref())?,
            latency_ms: kept.latency_ms,
            expires: kept.expires,
            stages: Vec::new(),
            endpoint: Some(endpoint).filter(|endpoint| *endpoint == kept.endpoint)?,
        };
        Some(Checked { status, at: kept.at })
    }

    /// Takes over what a check found.
    pub fn take(&mut self, report: &Report) {
        let code = |problem: Option<&Problem>| problem.map(|problem| problem.code.id.to_owned());
        for Checked { status, at } in &report.providers {
            let kept = KeptProvider {
                at: *at,
                endpoint: status.endpoint.clone(),
                state: status.state.word().to_owned(),
                code: code(status.problem.as_ref()),
                latency_ms: status.latency_ms,
                expires: status.expires,
            };
            self.document.providers.insert(status.name.clone(), kept);
        }
        for Checked { status, at } in &report.roles {
            let field = |field: &FieldStatus| KeptField {
                name: field.name.clone(),
                state: field.state.word().to_owned(),
                code: code(field.problem.as_ref()),
                warning: field.warning.clone(),
                key: field.key.clone(),
                version: field.version.clone(),
                rotated_at: field.rotated_at,
                expires: field.expires,
                latency_ms: field.latency_ms,
            };
            let kept = KeptRole {
                at: *at,
                state: status.state.word().to_owned(),
                code: code(status.problem.as_ref()),
                latency_ms: status.latency_ms,
                fields: status.fields.iter().map(field).collect(),
            };
            self.document.roles.insert(status.name.clone(), kept);
        }
    }

    /// Writes the file in one step, for this user alone.
    ///
    /// # Errors
    /// The state folder cannot be made or written.
    pub fn write(&self) -> io::Result<()> {
        let path = path(&self.checker);
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // A temporary file is 0600 from the start.
        let mut file = tempfile::Builder::new().prefix(".checks-").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec(&self.document)?)?;
        file.persist(path)?;
        Ok(())
    }
}

fn path(checker: &Checker<'_>) -> PathBuf {
    checker.world.state_folder.join("checks.json")
}

/// The content of a file that is ours and nobody else's to read or change.
fn read_own(path: &Path) -> Option<Vec<u8>> {
    // A pipe that nobody writes into must not hold us up.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::File::options().read(true).custom_flags(flags).open(path).ok()?;
    // Of the open file, not of the path: it cannot be swapped in between.
    let metadata = file.metadata().ok()?;
    let ours = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours || metadata.mode() & 0o077 != 0 || metadata.len() > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// When a file was last changed; the end of time for one that does not say.
fn last_change(file: &Path) -> Timestamp {
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
    modified
        .ok()
        .and_then(|at| Timestamp::try_from(at).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The moment this long ago.
pub(super) fn ago(age: Duration, now: Timestamp) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

fn recall(role: &Role, kept: &KeptRole) -> Option<RoleStatus> {
    let field = |kept: &KeptField| {
        let state = state(&kept.state)?;
        Some(FieldStatus {
            name: kept.name.clone(),
            state,
            problem: problem(kept.code.as_deref())?,
            warning: kept.warning.clone(),
            key: kept.key.clone(),
            version: kept.version.clone(),
            rotated_at: kept.rotated_at,
            expires: kept.expires,
            latency_ms: kept.latency_ms,
        })
    };
    Some(RoleStatus {
        name: role.name.clone(),
        state: state(&kept.state)?,
        problem: problem(kept.code.as_deref())?,
        provider: super::main_provider(role),
        latency_ms: kept.latency_ms,
        fields: kept.fields.iter().map(field).collect::<Option<_>>()?,
        versions: BTreeMap::new(),
    })
}

fn state(word: &str) -> Option<State> {
    [State::Ok, State::Warn, State::Fail, State::Skipped]
        .into_iter()
        .find(|state| state.word() == word)
}

/// The problem of a code in the catalogue's words; the outer none for a code that is not in it.
fn problem(code: Option<&str>) -> Option<Option<Problem>> {
    match code {
        None => Some(None),
        Some(id) => catalogue::find(id).map(|code| Some(Problem::new(code, code.title))),
    }
}
