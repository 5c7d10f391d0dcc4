//! Kubeconfig files: their format (client-go's `clientcmd/api/v1`), and how several become one.
//!
//! Read here and not by `kube`: its reader goes by the process environment, has no cap, lets an empty `current-context` hide that of the
//! next file, and cannot say which file a user came from.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::domain::catalogue;
use crate::domain::problem::{Location, Problem};

/// The largest file that is read: some have the certificates of hundreds of clusters in them.
const LARGEST: u64 = 4 * 1024 * 1024;

/// All files as one: of each name the first file's entry counts.
#[derive(Default)]
pub(super) struct Kubeconfig {
    pub(super) current: Option<String>,
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) clusters: BTreeMap<String, Cluster>,
    pub(super) users: BTreeMap<String, User>,
    /// The files that are there, in their order.
    pub(super) files: Vec<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Document {
    current_context: Option<String>,
    contexts: Option<Vec<Named<Context>>>,
    clusters: Option<Vec<Named<Cluster>>>,
    users: Option<Vec<Named<User>>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    entry: Option<T>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub(super) struct Context {
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
    pub(super) namespace: Option<String>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Cluster {
    pub(super) server: Option<String>,
    pub(super) insecure_skip_tls_verify: Option<bool>,
    pub(super) certificate_authority: Option<PathBuf>,
    /// PEM text in base64; goes before the file.
    pub(super) certificate_authority_data: Option<String>,
    pub(super) proxy_url: Option<String>,
    pub(super) tls_server_name: Option<String>,
    pub(super) disable_compression: Option<bool>,
    pub(super) extensions: Option<Vec<Extension>>,
}

/// What other programs keep in the file; `client.authentication.k8s.io/exec` is handed to a plugin that asks for the cluster.
#[derive(Deserialize, Clone)]
pub(super) struct Extension {
    pub(super) name: String,
    #[serde(default)]
    pub(super) extension: serde_json::Value,
}

/// No `Debug`: it holds credentials.
#[derive(Deserialize, Clone, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct User {
    #[serde(deserialize_with = "secret")]
    pub(super) token: Option<SecretString>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(super) password: Option<SecretString>,
    pub(super) client_certificate: Option<PathBuf>,
    /// PEM text in base64; goes before the file.
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<PathBuf>,
    #[serde(deserialize_with = "secret")]
    pub(super) client_key_data: Option<SecretString>,
    #[serde(rename = "as")]
    pub(super) impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub(super) impersonate_uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub(super) impersonate_groups: Option<Vec<String>>,
    #[serde(rename = "as-user-extra")]
    pub(super) impersonate_extra: Option<BTreeMap<String, Vec<String>>>,
    pub(super) auth_provider: Option<AuthProvider>,
    pub(super) exec: Option<Exec>,
    /// Where the entry stands.
    #[serde(skip)]
    pub(super) file: PathBuf,
    /// Why the file is not one that the person alone has written; none if it is.
    #[serde(skip)]
    pub(super) not_own: Option<&'static str>,
}

/// The logins that were built into clients once, and were removed in Kubernetes 1.26.
#[derive(Deserialize, Clone)]
pub(super) struct AuthProvider {
    #[serde(default)]
    pub(super) name: String,
}

/// A program that logs in (`client.authentication.k8s.io`).
#[derive(Deserialize, Clone, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Exec {
    pub(super) api_version: Option<String>,
    pub(super) command: Option<String>,
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Option<Vec<Variable>>,
    pub(super) install_hint: Option<String>,
    pub(super) interactive_mode: Option<String>,
    pub(super) provide_cluster_info: Option<bool>,
}

#[derive(Deserialize, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
    Ok(text.map(SecretString::from))
}

impl Kubeconfig {
    /// Reads the files in this order; one that is not there is passed over.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, Problem> {
        let mut all = Self::default();
        for path in files {
            if let Some((text, not_own)) = read(path)? {
                all.add(parse(&text, path)?, path, not_own);
            }
        }
        Ok(all)
    }

    /// Adds what the files before this one have not named.
    fn add(&mut self, document: Document, path: &Path, not_own: Option<&'static str>) {
        self.files.push(path.to_path_buf());
        let folder = path.parent().unwrap_or(Path::new("/"));
        let current = document.current_context.filter(|name| !name.is_empty());
        self.current = self.current.take().or(current);
        for Named { name, entry } in document.contexts.into_iter().flatten() {
            self.contexts.entry(name).or_insert(entry.unwrap_or_default());
        }
        for Named { name, entry } in document.clusters.into_iter().flatten() {
            let mut cluster = entry.unwrap_or_default();
            from_folder(folder, [&mut cluster.certificate_authority]);
            self.clusters.entry(name).or_insert(cluster);
        }
        for Named { name, entry } in document.users.into_iter().flatten() {
            let mut user = entry.unwrap_or_default();
            let files = [&mut user.token_file, &mut user.client_certificate, &mut user.client_key];
            from_folder(folder, files);
            if let Some(command) = user.exec.as_mut().and_then(|exec| exec.command.as_mut())
                && command.contains('/')
            {
                *command = folder.join(&*command).display().to_string();
            }
            user.file = path.to_path_buf();
            user.not_own = not_own;
            self.users.entry(name).or_insert(user);
        }
    }
}

/// Paths in a kubeconfig go from its own folder; an empty one is none.
fn from_folder<const N: usize>(folder: &Path, paths: [&mut Option<PathBuf>; N]) {
    for path in paths {
        *path = path.take().filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = path {
            *path = folder.join(&*path);
        }
    }
}

/// The text of a file, and why it is not the person's own; none if there is no such file.
fn read(path: &Path) -> Result<Option<(String, Option<&'static str>)>, Problem> {
    let unreadable = |why: &str| {
        let what = format!("the kubeconfig {} cannot be read: {why}", path.display());
        Problem::new(&catalogue::K8S_KUBECONFIG, what)
    };
    // A FIFO must not stop us.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unreadable(&error.kind().to_string())),
    };
    let metadata = file.metadata().map_err(|error| unreadable(&error.kind().to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file"));
    }
    let not_own = if metadata.uid() != rustix::process::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o022 != 0 {
        Some("other users can change it")
    } else {
        None
    };
    let mut text = String::new();
    match file.take(LARGEST + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > LARGEST => Err(unreadable("it is larger than 4 MiB")),
        Ok(_) => Ok(Some((text, not_own))),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(unreadable("it is not UTF-8 text")),
        Err(error) => Err(unreadable(&error.kind().to_string())),
    }
}

fn parse(text: &str, path: &Path) -> Result<Document, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    // The reader's own words are left out: they quote the lines around, which may hold a token.
    serde_saphyr::from_str::<Option<Document>>(text)
        .map(Option::unwrap_or_default)
        .map_err(|error| {
            let what = format!("{} is not a kubeconfig", path.display());
            let problem = Problem::new(&catalogue::K8S_KUBECONFIG, what).causes(vec![
                "the place shown is not YAML, or holds something else than belongs there".to_owned(),
            ]);
            let Some(place) = error.location() else { return problem };
            problem.at(Location {
                file: path.to_path_buf(),
                line: usize::try_from(place.line()).unwrap_or(1),
                column: usize::try_from(place.column()).unwrap_or(1),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[&str]) -> Kubeconfig {
        let mut all = Kubeconfig::default();
        for (number, text) in texts.iter().enumerate() {
            let path = PathBuf::from(format!("/{number}/config"));
            all.add(parse(text, &path).unwrap(), &path, None);
        }
        all
    }

    #[test]
    fn of_each_name_the_first_file_counts() {
        let all = merged(&[
            "current-context: ''\nusers: [{name: u, user: {username: first}}]\nclusters: null\n",
            "current-context: b\nusers: [{name: u, user: {username: second, password: p}}, {name: v}]\n",
            "current-context: c\n",
            "",
        ]);
        assert_eq!(all.current.as_deref(), Some("b"));
        assert_eq!(all.users["u"].username.as_deref(), Some("first"));
        assert!(all.users["u"].password.is_none(), "nothing of the second file's entry");
        assert!(all.users.contains_key("v"));
        assert_eq!(all.files.len(), 4);
    }

    #[test]
    fn paths_go_from_the_folder_of_their_file() {
        let all = merged(&[
            "users:\n- name: u\n  user: {client-certificate: a/b.pem, client-key: /abs.pem, tokenFile: '', exec: {command: ./plug}}\n\
             - name: v\n  user: {exec: {command: plug, args: [x]}}\n\
             clusters: [{name: c, cluster: {certificate-authority: ../ca.pem}}]\n",
        ]);
        let user = &all.users["u"];
        assert_eq!(user.client_certificate.as_deref(), Some(Path::new("/0/a/b.pem")));
        assert_eq!(user.client_key.as_deref(), Some(Path::new("/abs.pem")));
        assert_eq!(user.token_file, None);
        let command = |name: &str| all.users[name].exec.as_ref().unwrap().command.clone().unwrap();
        assert_eq!(command("u"), "/0/./plug");
        assert_eq!(command("v"), "plug", "looked up on PATH");
        let ca = all.clusters["c"].certificate_authority.as_deref();
        assert_eq!(ca, Some(Path::new("/0/../ca.pem")));
    }

    #[test]
    fn scalars_are_read_as_what_they_are_for() {
        let all = merged(&["users: [{name: u, user: {token: 12345, username: yes}}]\nother: {a: [1]}\n"]);
        let token = all.users["u"].token.as_ref().unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(token), "12345");
        assert_eq!(all.users["u"].username.as_deref(), Some("yes"));
    }

    #[test]
    fn a_mistake_is_shown_by_its_place_and_nothing_of_the_text() {
        for text in [
            "users:\n- name: [hunter22\n",
            "users:\n- name: u\n  user: {token: {hunter22: 1}}\n",
            "[hunter22]",
        ] {
            let problem = parse(text, Path::new("/k")).err().unwrap();
            assert_eq!(problem.code.id, "E-K8S-KUBECONFIG");
            assert!(problem.at.is_some(), "{text}");
            assert!(!format!("{problem} {problem:?}").contains("hunter22"), "{text}");
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none")).unwrap().is_none());
        assert!(read(folder.path()).is_err());
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(read(&pipe).is_err(), "and nobody waits for a writer");
    }
}
