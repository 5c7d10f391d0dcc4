//! How a cluster is reached and as whom: what a context of the kubeconfig means, or a pod's service account. Reads files; asks nobody.

use std::path::PathBuf;

use base64::Engine as _;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::kubeconfig::{Cluster, Kubeconfig, User};
use super::plugin::Plugin;
use super::settings::{K8sSettings, NamedBy, Pod};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::shell::quoted;
use crate::domain::suggest::nearest;
use crate::providers::net::tls::{Pem, TlsSettings};
use crate::providers::stamp::Stamp;

/// How requests are made to be somebody's, beside a client certificate.
#[derive(Clone)]
pub(super) enum Login {
    /// With a client certificate alone, or as nobody.
    None,
    Token(SecretString),
    /// A file whose token others renew, and what to take where it cannot be read.
    TokenFile(PathBuf, Option<SecretString>),
    Password(String, SecretString),
    Plugin(Plugin),
}

/// A cluster and a user of it.
#[derive(Clone)]
pub(super) struct Access {
    /// Without a trailing slash in its path.
    pub(super) server: Url,
    /// None inside a pod.
    pub(super) context: Option<String>,
    /// Where a secret is that is named without its namespace.
    pub(super) namespace: String,
    /// The kubeconfig's user; none inside a pod, or where the context names none.
    pub(super) user: Option<String>,
    pub(super) login: Login,
    /// Headers that ask to act as somebody else.
    pub(super) impersonate: Vec<(String, String)>,
    pub(super) tls: TlsSettings,
    /// The name that the server's certificate must have, where it is not that of the address.
    pub(super) tls_name: Option<String>,
    pub(super) proxy: Option<String>,
    /// How the same is asked for by hand: `kubectl --context prod`.
    pub(super) kubectl: String,
    stamps: Vec<Stamp>,
}

impl Access {
    /// Whether none of the files has changed since they were read.
    pub(super) fn holds(&self) -> bool {
        self.stamps.iter().all(Stamp::holds)
    }

    pub(super) fn https(&self) -> bool {
        self.server.scheme() == "https"
    }

    pub(super) fn host(&self) -> &str {
        self.server.host_str().unwrap_or_default()
    }

    /// `https://10.4.0.1:6443`, for messages.
    pub(super) fn address(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// The name that the server's certificate must have.
    pub(super) fn certified_name(&self) -> &str {
        self.tls_name.as_deref().unwrap_or(self.host())
    }

    /// The user in words.
    pub(super) fn who(&self) -> String {
        match (&self.user, &self.context) {
            (Some(user), _) => format!("kubeconfig user {user}"),
            (None, Some(context)) => format!("context {context}, which names no user"),
            (None, None) => "the pod's service account".to_owned(),
        }
    }

    /// What the settings and files come to.
    pub(super) fn find(settings: &K8sSettings, provider: &str) -> Result<Self, Problem> {
        let stamps: Vec<Stamp> = settings.files.iter().map(|file| Stamp::of(file)).collect();
        let kubeconfig = Kubeconfig::read(&settings.files)?;
        let mut access = match &settings.pod {
            Some(pod) if kubeconfig.contexts.is_empty() && settings.context.is_none() => in_pod(pod, settings)?,
            _ => Finder {
                kubeconfig: &kubeconfig,
                settings,
                provider,
            }
            .context()?,
        };
        access.stamps.splice(0..0, stamps);
        if let Some(namespace) = &settings.namespace {
            access.namespace.clone_from(namespace);
        }
        if let Some(ca) = &settings.ca {
            access.tls.ca = Some(ca.clone());
        }
        Ok(access)
    }
}

fn in_pod(pod: &Pod, settings: &K8sSettings) -> Result<Access, Problem> {
    let file = |name: &str| pod.folder.join(name);
    let (token, ca) = (file("token"), file("ca.crt"));
    let host = match pod.host.parse::<std::net::Ipv6Addr>() {
        Ok(_) => format!("[{}]", pod.host),
        Err(_) => pod.host.clone(),
    };
    let unusable = |_| {
        let what = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address";
        Problem::new(&catalogue::K8S_NOCONFIG, what).causes(Vec::new())
    };
    let server = Url::parse(&format!("https://{host}:{}", pod.port)).map_err(unusable)?;
    if !token.exists() {
        let what = format!("the pod has no token at {}", token.display());
        return Err(Problem::new(&catalogue::K8S_NOCONFIG, what)
            .causes(vec![
                "the pod is made with automountServiceAccountToken: false".to_owned(),
                "KUBERNETES_SERVICE_HOST is set and hallpass does not run inside a pod".to_owned(),
            ])
            .fix("let the pod mount the token of its service account"));
    }
    let namespace = std::fs::read_to_string(file("namespace")).unwrap_or_default();
    let namespace = Some(namespace.trim()).filter(|name| super::name::is_label(name));
    Ok(Access {
        server,
        context: None,
        namespace: namespace.unwrap_or("default").to_owned(),
        user: None,
        impersonate: Vec::new(),
        tls: TlsSettings {
            ca: settings.ca.is_none().then(|| Pem::File(ca.clone())),
            ca_folder: None,
            client: None,
            verify: true,
        },
        tls_name: None,
        proxy: None,
        kubectl: "kubectl".to_owned(),
        stamps: vec![Stamp::of(&token), Stamp::of(&ca)],
        login: Login::TokenFile(token, None),
    })
}

struct Finder<'a> {
    kubeconfig: &'a Kubeconfig,
    settings: &'a K8sSettings,
    provider: &'a str,
}

/// A CA, a client's certificate with its key, and the files' stamps.
type Certificates = (Option<Pem>, Option<(Pem, Pem)>, Vec<Stamp>);

impl Finder<'_> {
    fn context(&self) -> Result<Access, Problem> {
        if self.kubeconfig.files.is_empty() {
            return Err(self.no_kubeconfig());
        }
        let name = match (&self.settings.context, &self.kubeconfig.current) {
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => return Err(self.no_context(None)),
        };
        let context = self.kubeconfig.contexts.get(name);
        let context = context.ok_or_else(|| self.no_context(Some(name)))?;
        let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        let cluster_name = given(&context.cluster);
        let cluster = cluster_name
            .as_ref()
            .and_then(|name| self.kubeconfig.clusters.get(name));
        let Some(cluster) = cluster else {
            let cluster = cluster_name.map_or("no cluster".to_owned(), |name| {
                format!("the cluster `{name}`, which is not there")
            });
            return Err(self.incomplete(format!("the context `{name}` names {cluster}")));
        };
        let server = self.server(cluster, cluster_name.as_deref().unwrap_or_default())?;
        let user_name = given(&context.user);
        // Like kubectl: a context may name no user, or one that is not there, and is then nobody's.
        let none = User::default();
        let user = user_name.as_ref().and_then(|name| self.kubeconfig.users.get(name));
        let user = user.unwrap_or(&none);
        let https = server.scheme() == "https";
        let (ca, client, stamps) = self.certificates(name, cluster, user)?;
        Ok(Access {
            namespace: given(&context.namespace).unwrap_or_else(|| "default".to_owned()),
            context: Some(name.clone()),
            // Like kubectl: nothing of the user goes over a connection that others can read.
            login: if https {
                self.login(user, user_name.as_deref(), cluster)?
            } else {
                Login::None
            },
            impersonate: if https { impersonation(user) } else { Vec::new() },
            user: user_name,
            tls: TlsSettings {
                ca,
                ca_folder: None,
                client,
                verify: cluster.insecure_skip_tls_verify != Some(true),
            },
            tls_name: given(&cluster.tls_server_name)
                .filter(|name| https && !server.host_str().unwrap_or_default().eq_ignore_ascii_case(name)),
            proxy: given(&cluster.proxy_url),
            kubectl: self.kubectl(name),
            server,
            stamps,
        })
    }

    /// The CA, the client's certificate and key, and what the login's files were when they were read.
    fn certificates(&self, name: &str, cluster: &Cluster, user: &User) -> Result<Certificates, Problem> {
        let mut stamps = Vec::new();
        let mut pem = |data: Option<&str>, file: Option<&PathBuf>, key: &str| {
            stamps.extend(file.map(|file| Stamp::of(file)));
            match data.filter(|data| !data.is_empty()) {
                Some(data) => decoded(data)
                    .map(Some)
                    .ok_or_else(|| self.incomplete(format!("{key} of the context `{name}` is not base64 of PEM text"))),
                None => Ok(file.cloned().map(Pem::File)),
            }
        };
        let ca = pem(
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_ref(),
            "certificate-authority-data",
        )?;
        let certificate = pem(
            user.client_certificate_data.as_deref(),
            user.client_certificate.as_ref(),
            "client-certificate-data",
        )?;
        let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
        let key = pem(key_data, user.client_key.as_ref(), "client-key-data")?;
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let what = format!("the user of the context `{name}` has a client certificate or a key, and not both");
                return Err(self.incomplete(what));
            }
        };
        stamps.extend(user.token_file.as_ref().map(|file| Stamp::of(file)));
        Ok((ca, client, stamps))
    }

    fn server(&self, cluster: &Cluster, name: &str) -> Result<Url, Problem> {
        let text = cluster.server.as_deref().unwrap_or_default();
        // The address is not quoted: it may have a password in it.
        let wrong = |why: &str| self.incomplete(format!("the server of the cluster `{name}` {why}"));
        if text.is_empty() {
            return Err(wrong("has no address"));
        }
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut url = Url::parse(&with_scheme).map_err(|_| wrong("is not https://HOST:PORT"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return Err(wrong("is not https://HOST:PORT"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user or a password in its address"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }

    fn login(&self, user: &User, name: Option<&str>, cluster: &Cluster) -> Result<Login, Problem> {
        if let Some(file) = &user.token_file {
            return Ok(Login::TokenFile(file.clone(), user.token.clone()));
        }
        if let Some(token) = &user.token {
            return Ok(Login::Token(token.clone()));
        }
        if let (Some(username), Some(password)) = (&user.username, &user.password) {
            return Ok(Login::Password(username.clone(), password.clone()));
        }
        let name = name.unwrap_or_default();
        if let Some(exec) = &user.exec {
            self.may_run(user, name, exec.command.as_deref().unwrap_or_default())?;
            let plugin = Plugin::new(exec, cluster);
            return Ok(Login::Plugin(plugin.map_err(|why| {
                self.incomplete(format!("the exec entry of the user `{name}` {why}"))
            })?));
        }
        if let Some(provider) = &user.auth_provider
            && user.client_certificate.is_none()
            && user.client_certificate_data.is_none()
        {
            let what = format!(
                "the user `{name}` logs in by the auth-provider `{}`, which Kubernetes 1.26 removed",
                provider.name
            );
            return Err(self
                .incomplete(what)
                .fix("write the kubeconfig anew with your cloud's tool: it has an exec entry then"));
        }
        Ok(Login::None)
    }

    /// Whether the file that names a program is trusted that far.
    fn may_run(&self, user: &User, name: &str, command: &str) -> Result<(), Problem> {
        let file = user.file.display();
        let why = match (self.settings.allow_exec, user.not_own) {
            (Some(true), _) => return Ok(()),
            (Some(false), _) => "allow_exec = false in the configuration".to_owned(),
            (None, Some(why)) => format!("{file}: {why}"),
            (None, None) if self.settings.of_system => format!("the system's configuration names {file}"),
            (None, None) => return Ok(()),
        };
        let what = format!("the user `{name}` of the kubeconfig logs in by running `{command}`, which is not allowed");
        let provider = self.provider;
        Err(Problem::new(&catalogue::K8S_EXEC_DENIED, what)
            .causes(vec![why])
            .fixes(vec![format!(
                "if you trust {file}: allow_exec = true   in [providers.{provider}]"
            )]))
    }

    fn kubectl(&self, context: &str) -> String {
        format!("{} --context {}", self.kubectl_of_file(), quoted(context))
    }

    fn kubectl_of_file(&self) -> String {
        match self.settings.files.first() {
            Some(file) if self.settings.named_by == NamedBy::Settings => {
                format!("kubectl --kubeconfig {}", quoted(&file.display().to_string()))
            }
            _ => "kubectl".to_owned(),
        }
    }

    fn files(&self) -> String {
        let files = self.kubeconfig.files.iter().map(|file| file.display().to_string());
        files.collect::<Vec<_>>().join(", ")
    }

    fn incomplete(&self, what: String) -> Problem {
        Problem::new(&catalogue::K8S_KUBECONFIG, what)
            .causes(vec!["the entry of the kubeconfig is incomplete".to_owned()])
            .fact("Kubeconfig", self.files())
    }

    fn no_kubeconfig(&self) -> Problem {
        let provider = self.provider;
        let listed = self.settings.files.iter().map(|file| file.display().to_string());
        let listed = listed.collect::<Vec<_>>().join(", ");
        let (what, cause) = match self.settings.named_by {
            NamedBy::Settings => (
                format!("the kubeconfig of provider `{provider}` is not there"),
                format!("[providers.{provider}] names {listed}"),
            ),
            NamedBy::Variable => (
                format!("there is no kubeconfig for provider `{provider}`"),
                format!("KUBECONFIG names {listed}, and none of it is there"),
            ),
            NamedBy::Nobody if listed.is_empty() => (
                format!("provider `{provider}` names neither a kubeconfig nor a context"),
                format!("KUBECONFIG and ~/.kube/config are those of provider `{}` alone", "k8s"),
            ),
            NamedBy::Nobody => (
                format!("there is no kubeconfig for provider `{provider}`"),
                format!("KUBECONFIG is not set, {listed} is not there, and this is not the inside of a pod"),
            ),
        };
        Problem::new(&catalogue::K8S_NOCONFIG, what)
            .causes(vec![cause])
            .fixes(vec![
                format!("kubeconfig = \"~/.kube/FILE\"   in [providers.{provider}]"),
                "export KUBECONFIG=FILE".to_owned(),
            ])
    }

    fn no_context(&self, name: Option<&str>) -> Problem {
        let names: Vec<&str> = self.kubeconfig.contexts.keys().map(String::as_str).collect();
        let (some, rest) = names.split_at(names.len().min(10));
        let there = match (some, rest.len()) {
            ([], _) => "it has no contexts".to_owned(),
            (some, 0) => format!("its contexts are: {}", some.join(", ")),
            (some, more) => format!("its contexts are: {} and {more} more", some.join(", ")),
        };
        let provider = self.provider;
        let (what, similar) = match name {
            Some(name) => (
                format!("the kubeconfig has no context `{name}`"),
                nearest(name, names.iter().copied()),
            ),
            None => (
                "the kubeconfig says no current context, and none is chosen".to_owned(),
                Vec::new(),
            ),
        };
        let example = similar.first().map_or("NAME", String::as_str).to_owned();
        Problem::new(&catalogue::K8S_NOCTX, what)
            .causes(vec![there])
            .similar(similar)
            .fixes(vec![
                format!("context = \"{example}\"   in [providers.{provider}]"),
                format!("{} config get-contexts", self.kubectl_of_file()),
            ])
            .fact("Kubeconfig", self.files())
    }
}

fn decoded(base64: &str) -> Option<Pem> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64.trim()).ok()?;
    Some(Pem::Text(String::from_utf8(bytes).ok()?.into()))
}

fn impersonation(user: &User) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    for (name, value) in [
        ("impersonate-user", &user.impersonate),
        ("impersonate-uid", &user.impersonate_uid),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            add(name, value);
        }
    }
    for group in user.impersonate_groups.iter().flatten() {
        add("impersonate-group", group);
    }
    for (key, values) in user.impersonate_extra.iter().flatten() {
        // As client-go does: header names are narrower than what a key may hold.
        let key = percent_encoding::utf8_percent_encode(&key.to_ascii_lowercase(), percent_encoding::NON_ALPHANUMERIC)
            .to_string();
        for value in values {
            add(&format!("impersonate-extra-{key}"), value);
        }
    }
    headers
}
