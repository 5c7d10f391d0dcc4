//! Where a cluster is looked for: `[providers.NAME]`, and for the kind's default provider the environment. Reads no file.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::problem::Problem;
use crate::providers::net::tls::Pem;
use crate::providers::settings::{DEFAULT_LIMIT, Settings, path};
use crate::providers::{ProviderConfig, World};

/// Where the system puts a pod's credentials.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Who named the kubeconfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// `kubeconfig` in `[providers.NAME]`.
    Settings,
    /// `KUBECONFIG`.
    Variable,
    /// Nobody: `~/.kube/config`.
    Nobody,
}

/// What a pod knows of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) host: String,
    pub(super) port: String,
    /// Holds `token`, `ca.crt` and `namespace`.
    pub(super) folder: PathBuf,
}

#[derive(Clone)]
pub(super) struct K8sSettings {
    /// The kubeconfig files, in their order.
    pub(super) files: Vec<PathBuf>,
    pub(super) named_by: NamedBy,
    /// Asked for where no kubeconfig names a context.
    pub(super) pod: Option<Pod>,
    pub(super) context: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) allow_exec: Option<bool>,
    /// The configuration that names the kubeconfig is the system's and not the person's.
    pub(super) of_system: bool,
    pub(super) ca: Option<Pem>,
    pub(super) limit: Duration,
}

impl K8sSettings {
    pub(super) fn read(config: &ProviderConfig, world: &World) -> Result<Self, Problem> {
        let settings = Settings::of(config);
        let context = settings.text("context")?.map(str::to_owned);
        let default = config.name == config.kind.word();
        let (files, named_by) = match settings.text("kubeconfig")? {
            Some(file) => (vec![path(file, world)], NamedBy::Settings),
            // A context binds its login to its server, so naming one is enough to take it from the person's own kubeconfig.
            None if default || context.is_some() => own_files(world),
            None => (Vec::new(), NamedBy::Nobody),
        };
        let namespace = settings.text("namespace")?.map(str::to_owned);
        if let Some(namespace) = &namespace
            && !super::name::is_label(namespace)
        {
            return Err(settings.wrong("namespace", "is not the name of a namespace"));
        }
        Ok(Self {
            files,
            pod: (default && named_by != NamedBy::Settings).then(|| pod(world)).flatten(),
            of_system: named_by == NamedBy::Settings && is_of_system(config),
            named_by,
            context,
            namespace,
            allow_exec: settings.switch("allow_exec")?,
            ca: settings.pem("ca_cert", world)?,
            limit: settings.duration("timeout")?.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

/// The files that `kubectl` would read here.
fn own_files(world: &World) -> (Vec<PathBuf>, NamedBy) {
    if let Some(list) = world.env.get("KUBECONFIG").filter(|list| !list.is_empty()) {
        let files = std::env::split_paths(list).filter(|file| !file.as_os_str().is_empty());
        let files = files.map(|file| std::path::absolute(&file).unwrap_or(file));
        return (files.collect(), NamedBy::Variable);
    }
    let file = world.home.as_ref().map(|home| home.join(".kube/config"));
    (file.into_iter().collect(), NamedBy::Nobody)
}

fn pod(world: &World) -> Option<Pod> {
    Some(Pod {
        host: world.text("KUBERNETES_SERVICE_HOST")?.to_owned(),
        port: world.text("KUBERNETES_SERVICE_PORT")?.to_owned(),
        folder: SERVICE_ACCOUNT.into(),
    })
}

/// Whether somebody else wrote the file of the settings: that of the whole system belongs to root.
fn is_of_system(config: &ProviderConfig) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |at: &crate::domain::problem::Location| Some(std::fs::metadata(&at.file).ok()?.uid());
    let owner = config.at.as_ref().and_then(owner);
    owner.is_some_and(|owner| owner != rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;
    use crate::providers::Setting;

    fn read(name: &str, env: &[(&str, &str)], settings: &[(&str, Setting)]) -> Result<K8sSettings, Problem> {
        let config = ProviderConfig::of(name, ProviderKind::K8s, settings);
        let world = World {
            home: Some("/home/p".into()),
            ..World::of(env)
        };
        K8sSettings::read(&config, &world)
    }

    fn text(value: &str) -> Setting {
        Setting::Text(value.to_owned())
    }

    /// The files and who named them.
    fn files(name: &str, env: &[(&str, &str)], settings: &[(&str, Setting)]) -> (Vec<String>, NamedBy) {
        let settings = read(name, env, settings).ok().unwrap();
        let files = settings.files.iter().map(|file| file.display().to_string());
        (files.collect(), settings.named_by)
    }

    #[test]
    fn the_kubeconfig_is_looked_for_where_kubectl_looks() {
        let home = vec!["/home/p/.kube/config".to_owned()];
        assert_eq!(files("k8s", &[], &[]), (home.clone(), NamedBy::Nobody));
        assert_eq!(
            files("k8s", &[("KUBECONFIG", "")], &[]),
            (home.clone(), NamedBy::Nobody)
        );
        let several = ("KUBECONFIG", "/a::/b/c:");
        let both = vec!["/a".to_owned(), "/b/c".to_owned()];
        assert_eq!(files("k8s", &[several], &[]), (both.clone(), NamedBy::Variable));
        let own = ("kubeconfig", text("~/eu.yaml"));
        assert_eq!(
            files("k8s", &[several], &[own]),
            (vec!["/home/p/eu.yaml".to_owned()], NamedBy::Settings)
        );
        assert_eq!(files("eu", &[several], &[]), (vec![], NamedBy::Nobody));
        assert_eq!(
            files("eu", &[several], &[("context", text("eu"))]),
            (both, NamedBy::Variable)
        );
        assert_eq!(files("eu", &[], &[("context", text("eu"))]), (home, NamedBy::Nobody));
    }

    #[test]
    fn a_pod_is_that_of_the_default_provider() {
        let env = [
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
        ];
        assert!(read("k8s", &env, &[]).ok().unwrap().pod.is_some());
        assert!(read("k8s", &env[..1], &[]).ok().unwrap().pod.is_none());
        assert!(read("eu", &env, &[]).ok().unwrap().pod.is_none());
        let own = ("kubeconfig", text("/k"));
        assert!(read("k8s", &env, &[own]).ok().unwrap().pod.is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (key, value) in [
            ("namespace", text("Not A Namespace")),
            ("namespace", text("a/b")),
            ("allow_exec", text("yes")),
            ("timeout", text("soon")),
            ("ca_cert", text("base64://***")),
            ("kubeconfig", Setting::Number(1)),
            ("context", Setting::Switch(true)),
        ] {
            let problem = read("k8s", &[], &[(key, value.clone())]).err();
            assert_eq!(
                problem.map(|problem| problem.code.id),
                Some("E-CONFIG-TYPE"),
                "{key} {value:?}"
            );
        }
    }
}
