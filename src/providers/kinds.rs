//! Every kind of provider, once: help, checks, the providers' screen and the contract tests come from this list.

use std::sync::Arc;

use super::{Credentials, Provider, ProviderConfig, World, guide};
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;

/// Makes a provider of a kind, without any I/O.
pub type Open = fn(&ProviderConfig, &World, &Credentials) -> Result<Arc<dyn Provider>, Problem>;

/// A kind of provider: everything that the rest of the program needs to know about it.
pub struct ProviderSpec {
    pub kind: ProviderKind,
    /// "HashiCorp Vault".
    pub title: &'static str,
    /// Variables that hold its credentials: they never reach a child unless the role itself sets the name.
    pub credentials: &'static [&'static str],
    /// Variables that, when set, say that the kind's default provider is in use here.
    pub signs: &'static [&'static str],
    /// Whether a provider that is set up like this may have a login by a person (`hallpass provider login`), as far as its settings say.
    pub logs_in: fn(&ProviderConfig) -> bool,
    /// How it is set up, for people.
    pub guide: guide::Guide,
    /// None for a kind that is not built into this binary.
    pub open: Option<Open>,
}

fn never(_: &ProviderConfig) -> bool {
    false
}

/// Every kind of provider, once.
pub const PROVIDERS: &[ProviderSpec] = &[
    ProviderSpec {
        kind: ProviderKind::Vault,
        title: "HashiCorp Vault",
        credentials: &[
            "VAULT_TOKEN",
            "VAULT_APP_ROLE_ID",
            "VAULT_APP_ROLE_SECRET_ID",
            "VAULT_CLIENT_KEY",
        ],
        signs: &["VAULT_ADDR"],
        #[cfg(feature = "vault")]
        logs_in: super::vault::needs_person,
        #[cfg(not(feature = "vault"))]
        logs_in: never,
        guide: guide::VAULT,
        #[cfg(feature = "vault")]
        open: Some(super::vault::open),
        #[cfg(not(feature = "vault"))]
        open: None,
    },
    ProviderSpec {
        kind: ProviderKind::Aws,
        title: "AWS Secrets Manager",
        credentials: &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_SECURITY_TOKEN",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        ],
        signs: &["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"],
        // A profile says it.
        logs_in: |_| true,
        guide: guide::AWS,
        #[cfg(feature = "aws")]
        open: Some(super::aws::open),
        #[cfg(not(feature = "aws"))]
        open: None,
    },
    ProviderSpec {
        kind: ProviderKind::Azure,
        title: "Azure Key Vault",
        credentials: &[
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_PASSWORD",
            "IDENTITY_ENDPOINT",
            "IDENTITY_HEADER",
            "MSI_ENDPOINT",
            "MSI_SECRET",
        ],
        signs: &["AZURE_VAULT_URL"],
        logs_in: never,
        guide: guide::AZURE,
        #[cfg(feature = "azure")]
        open: Some(super::azure::open),
        #[cfg(not(feature = "azure"))]
        open: None,
    },
    ProviderSpec {
        kind: ProviderKind::Gcp,
        title: "Google Secret Manager",
        credentials: &[
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
            "CLOUDSDK_AUTH_ACCESS_TOKEN",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
        ],
        signs: &["GCP_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS"],
        logs_in: never,
        guide: guide::GCP,
        #[cfg(feature = "gcp")]
        open: Some(super::gcp::open),
        #[cfg(not(feature = "gcp"))]
        open: None,
    },
    ProviderSpec {
        kind: ProviderKind::K8s,
        title: "Kubernetes",
        credentials: &["KUBECONFIG"],
        signs: &["KUBECONFIG", "KUBERNETES_SERVICE_HOST"],
        logs_in: never,
        guide: guide::K8S,
        #[cfg(feature = "k8s")]
        open: Some(|config, world, _| super::k8s::open(config, world)),
        #[cfg(not(feature = "k8s"))]
        open: None,
    },
    ProviderSpec {
        kind: ProviderKind::Env,
        title: "Environment",
        credentials: &[],
        signs: &[],
        logs_in: never,
        guide: guide::ENV,
        open: Some(super::env::open),
    },
    ProviderSpec {
        kind: ProviderKind::EnvJson,
        title: "Environment JSON",
        credentials: &[],
        signs: &[],
        logs_in: never,
        guide: guide::ENV_JSON,
        open: Some(super::envjson::open),
    },
    ProviderSpec {
        kind: ProviderKind::Local,
        title: "Local store",
        credentials: &["HALLPASS_STORE_KEY_FILE"],
        signs: &[],
        logs_in: never,
        guide: guide::LOCAL,
        #[cfg(feature = "local")]
        open: Some(|config, world, _| super::local::open(config, world)),
        #[cfg(not(feature = "local"))]
        open: None,
    },
];

impl ProviderSpec {
    pub fn of(kind: ProviderKind) -> Option<&'static Self> {
        PROVIDERS.iter().find(|spec| spec.kind == kind)
    }
}

/// The names of all variables that hold a provider's credentials.
pub fn credential_names() -> Vec<&'static str> {
    PROVIDERS
        .iter()
        .flat_map(|spec| spec.credentials.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::SecretString;

    use super::*;
    use crate::domain::catalogue;
    use crate::providers::{Person, Providers};

    struct Nobody;

    impl Person for Nobody {
        fn tell(&self, _line: &str) {}

        fn ask(&self, _prompt: &str) -> Result<SecretString, Problem> {
            unreachable!("nobody is to be asked")
        }

        fn browse(&self, _address: &str) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn kinds_that_are_said_to_have_no_login_have_none() {
        let world = World {
            env: Arc::new(BTreeMap::from([
                ("AZURE_VAULT_URL".to_owned(), "https://x.vault.azure.net".into()),
                ("VAULT_ADDR".to_owned(), "https://vault.corp:8200".into()),
            ])),
            home: None,
            data_folder: "/nowhere".into(),
            state_folder: "/nowhere".into(),
            runtime_folder: "/nowhere".into(),
        };
        let providers = Providers::new(&BTreeMap::new(), &world);
        let mut asked = 0;
        for spec in PROVIDERS.iter().filter(|spec| spec.open.is_some()) {
            let config = providers.config(spec.kind.word()).unwrap();
            if (spec.logs_in)(&config) {
                continue;
            }
            let provider = providers.get(spec.kind.word()).unwrap();
            let refused = provider.login(&Nobody).await.unwrap_err();
            assert_eq!(refused.code.id, catalogue::PROVIDER_NO_LOGIN.id, "{}", spec.title);
            asked += 1;
        }
        assert!(asked >= 2);
    }
}
