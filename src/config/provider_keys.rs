//! Which keys `[providers.NAME]` of each kind takes.

use super::walk::{Key, Takes};
use crate::domain::reference::ProviderKind;

/// What all kinds take.
const COMMON_KEYS: &[Key] = &[
    Key::now("kind", Takes::Text, "\"vault\""),
    Key::now("timeout", Takes::Limit, "\"5s\""),
    Key::now("ca_cert", Takes::Text, "\"/etc/ssl/company-ca.pem\""),
    Key::now("description", Takes::Text, "\"The company's Vault\""),
    Key::now("rotation_warn", Takes::Duration, "\"90d\""),
];

const AUTH_KEYS: &[Key] = &[
    Key::now(
        "method",
        Takes::OneOf(&[
            "approle",
            "kubernetes",
            "jwt",
            "oidc",
            "userpass",
            "ldap",
            "cert",
            "token",
        ]),
        "\"approle\"",
    ),
    Key::now("mount", Takes::Text, "\"approle\""),
    Key::now("role", Takes::Text, "\"hallpass\""),
    Key::now("role_id", Takes::Credential, "\"6d0c…\""),
    Key::now("secret_id", Takes::Credential, "{ secret = \"local:vault#secret_id\" }"),
    Key::now("username", Takes::Credential, "\"dba\""),
    Key::now("password", Takes::Credential, "{ secret = \"local:vault#password\" }"),
    Key::now("jwt", Takes::Credential, "{ secret = \"env:CI_JWT\" }"),
    Key::now("jwt_file", Takes::Text, "\"/run/secrets/token\""),
    Key::now("wrapped", Takes::Switch, "true"),
    Key::now("port", Takes::Number(1024, 65535), "8250"),
];

const VAULT_KEYS: &[Key] = &[
    Key::now("address", Takes::Text, "\"https://vault.example.com:8200\""),
    Key::now("namespace", Takes::Text, "\"team\""),
    Key::now("kv", Takes::Choice(&["1", "2", "auto"]), "2"),
    Key::now("mounts", Takes::NumberMap(1, 2), "{ \"team/kv\" = 2 }"),
    Key::now("token", Takes::Credential, "{ secret = \"env:MY_TOKEN\" }"),
    Key::now("token_role", Takes::Text, "\"hallpass-sessions\""),
    Key::now("tls_server_name", Takes::Text, "\"vault.example.com\""),
    Key::now("client_cert", Takes::Credential, "\"/etc/hallpass/client.pem\""),
    Key::now("client_key", Takes::Credential, "\"/etc/hallpass/client.key\""),
    Key::now(
        "auth",
        Takes::Table(AUTH_KEYS),
        "{ method = \"approle\", role_id = \"…\" }",
    ),
];

const AWS_KEYS: &[Key] = &[
    Key::now("region", Takes::Text, "\"eu-west-1\""),
    Key::now("profile", Takes::Text, "\"work\""),
    Key::now("role_arn", Takes::Text, "\"arn:aws:iam::123456789012:role/dba\""),
    Key::now("external_id", Takes::Text, "\"…\""),
    Key::now("session_name", Takes::Text, "\"hallpass\""),
    Key::now("endpoint", Takes::Text, "\"http://127.0.0.1:4566\""),
    Key::now("imds", Takes::Switch, "false"),
];

const AZURE_KEYS: &[Key] = &[
    Key::now("url", Takes::Text, "\"https://company.vault.azure.net\""),
    Key::now("tenant_id", Takes::Text, "\"…\""),
    Key::now("client_id", Takes::Text, "\"…\""),
    Key::now(
        "client_secret",
        Takes::Credential,
        "{ secret = \"local:azure#client_secret\" }",
    ),
    Key::now("client_certificate", Takes::Credential, "\"/etc/hallpass/azure.pem\""),
    Key::now("client_assertion", Takes::Credential, "{ secret = \"env:CI_JWT\" }"),
    Key::now("federated_token_file", Takes::Text, "\"/run/secrets/token\""),
    Key::now("authority_host", Takes::Text, "\"https://login.microsoftonline.com\""),
    Key::now("cloud", Takes::OneOf(&["public", "usgov", "china"]), "\"public\""),
    Key::now("allow_custom_host", Takes::Switch, "false"),
    Key::now(
        "credential",
        Takes::OneOf(&[
            "auto",
            "secret",
            "certificate",
            "assertion",
            "workload",
            "managed",
            "cli",
        ]),
        "\"auto\"",
    ),
];

const GCP_KEYS: &[Key] = &[
    Key::now("project", Takes::Text, "\"my-project\""),
    Key::now(
        "credentials",
        Takes::Credential,
        "\"/etc/hallpass/service-account.json\"",
    ),
    Key::now("endpoint", Takes::Text, "\"https://secretmanager.googleapis.com\""),
];

const K8S_KEYS: &[Key] = &[
    Key::now("kubeconfig", Takes::Text, "\"~/.kube/config\""),
    Key::now("context", Takes::Text, "\"prod-eu\""),
    Key::now("namespace", Takes::Text, "\"payments\""),
    Key::now("allow_exec", Takes::Switch, "true"),
];

const LOCAL_KEYS: &[Key] = &[
    Key::now("path", Takes::Text, "\"~/secrets/store.age\""),
    Key::now("key_file", Takes::Text, "\"~/secrets/store.key\""),
];

/// The keys of each kind beside those that all have.
const KIND_KEYS: &[(ProviderKind, &[Key])] = &[
    (ProviderKind::Vault, VAULT_KEYS),
    (ProviderKind::Aws, AWS_KEYS),
    (ProviderKind::Azure, AZURE_KEYS),
    (ProviderKind::Gcp, GCP_KEYS),
    (ProviderKind::K8s, K8S_KEYS),
    (ProviderKind::Env, &[]),
    (ProviderKind::EnvJson, &[]),
    (ProviderKind::Local, LOCAL_KEYS),
];

/// The keys that a kind has beside those that all have: none where nothing about the store can be said.
pub(super) fn own_keys(kind: ProviderKind) -> &'static [Key] {
    let own = KIND_KEYS.iter().find(|(of, _)| *of == kind);
    own.map_or(&[][..], |(_, keys)| *keys)
}

/// All keys of a kind; those that all kinds take come first.
pub(super) fn all_keys(kind: ProviderKind) -> Vec<Key> {
    COMMON_KEYS.iter().chain(own_keys(kind)).copied().collect()
}

/// What `[providers.NAME]` of this kind takes: each key with a valid value, as TOML.
pub fn keys_of(kind: ProviderKind) -> Vec<(&'static str, &'static str)> {
    all_keys(kind).iter().map(|key| (key.name, key.example)).collect()
}

/// What `auth = { … }` of a Vault takes.
pub fn auth_keys() -> Vec<(&'static str, &'static str)> {
    AUTH_KEYS.iter().map(|key| (key.name, key.example)).collect()
}
