//! The programs that log in for a kubeconfig's user: `client.authentication.k8s.io/v1` and `v1beta1`. They never see our terminal, and
//! what they print on their error output is never shown: it may hold tokens.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::kubeconfig::{Cluster, Exec};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::shell::quoted;
use crate::providers::command::{self, Failure, Output};
use crate::providers::patience::in_words;

const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];
/// The name under which a cluster keeps what its plugin wants to know.
const CLUSTER_EXTENSION: &str = "client.authentication.k8s.io/exec";
/// No token and no certificate is longer.
const CAP: usize = 1024 * 1024;
/// The longest hint of how to install a plugin that is shown.
const HINT: usize = 300;

/// A plugin as the kubeconfig sets it up. No `Debug`: its arguments and variables may hold credentials.
#[derive(Clone)]
pub(super) struct Plugin {
    pub(super) command: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    api_version: String,
    hint: Option<String>,
    /// The kubeconfig says that it asks the person something.
    wants_person: bool,
    /// `KUBERNETES_EXEC_INFO`.
    info: String,
}

/// What a plugin gave.
pub(super) struct Given {
    pub(super) token: Option<SecretString>,
    /// A client certificate and its key, both PEM text.
    pub(super) identity: Option<(SecretString, SecretString)>,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    kind: Option<String>,
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<SecretString>,
    client_certificate_data: Option<SecretString>,
    client_key_data: Option<SecretString>,
    expiration_timestamp: Option<String>,
}

impl Plugin {
    /// The plugin of a user for this cluster; why not, in words that follow "the exec entry …".
    pub(super) fn new(exec: &Exec, cluster: &Cluster) -> Result<Self, String> {
        let command = exec.command.clone().filter(|command| !command.is_empty());
        let command = command.ok_or("names no command")?;
        let api_version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&api_version.as_str()) {
            return Err(format!(
                "is of the version `{api_version}`; {} is needed",
                VERSIONS.join(" or ")
            ));
        }
        let mut spec = serde_json::json!({ "interactive": false });
        if exec.provide_cluster_info == Some(true) {
            spec["cluster"] = describe(cluster)?;
        }
        let info = serde_json::json!({ "kind": "ExecCredential", "apiVersion": api_version, "spec": spec });
        Ok(Self {
            command,
            args: exec.args.clone().unwrap_or_default(),
            env: exec
                .env
                .iter()
                .flatten()
                .map(|variable| (variable.name.clone(), variable.value.clone()))
                .collect(),
            api_version,
            hint: exec.install_hint.clone(),
            wants_person: exec.interactive_mode.as_deref() == Some("Always"),
            info: info.to_string(),
        })
    }

    /// Runs it. Everything that can be wrong about it is a problem with the command line to try by hand.
    pub(super) async fn run(&self, env: &BTreeMap<String, OsString>, limit: Duration) -> Result<Given, Problem> {
        let mut env = env.clone();
        for (name, value) in &self.env {
            // The system takes neither.
            if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
                env.insert(name.clone(), value.into());
            }
        }
        env.insert("KUBERNETES_EXEC_INFO".to_owned(), (&self.info).into());
        match command::run(&self.command, &self.args, &env, limit, CAP).await {
            Ok(Output { code: 0, stdout, .. }) => self.understand(&stdout).map_err(|why| self.failed(&why)),
            Ok(Output { code, .. }) => Err(self.failed(&ended(code))),
            Err(Failure::Missing) => Err(self.missing()),
            Err(Failure::NotExecutable) => Err(self.failed("cannot be executed")),
            Err(Failure::NotStarted) => Err(self.failed("could not be started")),
            Err(Failure::TooLarge) => Err(self.failed("printed more than 1 MiB, which no login is")),
            Err(Failure::Timeout) => {
                let limit = in_words(limit);
                let problem = self.failed(&format!("did not end within {limit}"));
                Err(problem.fix(format!(
                    "raise timeout of the provider (now {limit}), if it is only slow"
                )))
            }
        }
    }

    /// What it printed; why it is no login, in words that follow the plugin's name.
    fn understand(&self, printed: &[u8]) -> Result<Given, String> {
        let answer: Answer = serde_json::from_slice(printed).map_err(|_| "printed no ExecCredential in JSON")?;
        if answer.kind.as_deref() != Some("ExecCredential") {
            return Err("printed something else than an ExecCredential".to_owned());
        }
        if answer.api_version.as_deref() != Some(&self.api_version) {
            return Err(format!("answered in another version than {}", self.api_version));
        }
        let status = answer.status.ok_or("printed an ExecCredential without a status")?;
        let given = |secret: Option<SecretString>| secret.filter(is_given);
        let token = given(status.token);
        let identity = match (given(status.client_certificate_data), given(status.client_key_data)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("gave a client certificate or a key, and not both".to_owned()),
        };
        if token.is_none() && identity.is_none() {
            return Err("gave neither a token nor a client certificate".to_owned());
        }
        let expires = status.expiration_timestamp.map(|text| text.parse());
        Ok(Given {
            token,
            identity,
            expires: expires.transpose().map_err(|_| "gave an end that is not a time")?,
        })
    }

    fn failed(&self, why: &str) -> Problem {
        let what = format!("the login plugin `{}` {why}", self.command);
        let mut problem = Problem::new(&catalogue::K8S_EXEC_FAILED, what).fixes(vec![self.by_hand()]);
        if self.wants_person {
            problem = problem.cause(
                "the kubeconfig says that it asks the person something (interactiveMode: Always), and here it cannot",
            );
        }
        problem
    }

    fn missing(&self) -> Problem {
        let what = format!("the login plugin `{}` is not installed", self.command);
        let problem = Problem::new(&catalogue::K8S_EXEC_MISSING, what);
        let hint = self.hint.as_deref().unwrap_or_default();
        let hint = hint.split_whitespace().collect::<Vec<_>>().join(" ");
        if hint.is_empty() {
            return problem;
        }
        let mut shown: String = hint.chars().take(HINT).collect();
        if shown.len() < hint.len() {
            shown.push('…');
        }
        problem.cause(format!("the kubeconfig's own hint: {shown}"))
    }

    /// The command line, for a person to paste. Its output is a credential, so it is sent away; of variables only the names are shown.
    fn by_hand(&self) -> String {
        let words = std::iter::once(&self.command).chain(&self.args);
        let line = words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        let variables = if names.is_empty() {
            String::new()
        } else {
            format!("   (with {} set as in the kubeconfig)", names.join(", "))
        };
        format!("{line} >/dev/null{variables}")
    }
}

fn is_given(text: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    !text.expose_secret().is_empty()
}

fn ended(code: i32) -> String {
    match code {
        126 => "cannot be executed".to_owned(),
        129..=192 => format!("was ended by signal {}", code - 128),
        code => format!("exited with {code}"),
    }
}

/// The cluster as a plugin that asks for it is told.
fn describe(cluster: &Cluster) -> Result<serde_json::Value, String> {
    let ca = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => Some(data.clone()),
        (_, Some(file)) => {
            let bytes = crate::providers::file::read(file)
                .map_err(|error| format!("wants {}: {}", file.display(), error.kind()))?;
            Some(base64::engine::general_purpose::STANDARD.encode(bytes.as_slice()))
        }
        _ => None,
    };
    let own = cluster
        .extensions
        .iter()
        .flatten()
        .find(|one| one.name == CLUSTER_EXTENSION);
    let mut told = serde_json::Map::new();
    let mut tell = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            told.insert(key.to_owned(), value);
        }
    };
    tell("server", cluster.server.clone().map(Into::into));
    tell("tls-server-name", cluster.tls_server_name.clone().map(Into::into));
    tell(
        "insecure-skip-tls-verify",
        cluster.insecure_skip_tls_verify.map(Into::into),
    );
    tell("certificate-authority-data", ca.map(Into::into));
    tell("proxy-url", cluster.proxy_url.clone().map(Into::into));
    tell("disable-compression", cluster.disable_compression.map(Into::into));
    tell("config", own.map(|one| one.extension.clone()));
    Ok(told.into())
}
