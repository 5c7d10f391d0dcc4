//! `[providers.NAME]`: which keys each kind of provider takes, and what is written there.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::fields::not_a_reference;
use super::report::{Place, Report, Scope};
use super::walk::{Entry, Key, Table, Takes, check_name, duplicate, number, unknown_name};
use crate::domain::address::is_in_the_clear;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, ProviderKind, ProviderNames, parse_canonical};
use crate::providers::{ProviderConfig, Setting};

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

/// What `[providers.NAME]` of this kind takes: each key with a valid value, as TOML; those that all kinds take come first.
pub fn keys_of(kind: ProviderKind) -> Vec<(&'static str, &'static str)> {
    let own = KIND_KEYS.iter().find(|(of, _)| *of == kind);
    let own = own.map_or(&[][..], |(_, keys)| *keys);
    COMMON_KEYS
        .iter()
        .chain(own)
        .map(|key| (key.name, key.example))
        .collect()
}

/// What `auth = { … }` of a Vault takes.
pub fn auth_keys() -> Vec<(&'static str, &'static str)> {
    AUTH_KEYS.iter().map(|key| (key.name, key.example)).collect()
}

/// A provider's table once its name and kind are known; its credentials may name other providers, so they are read after all names are.
pub(super) struct Declared<'a> {
    name: String,
    kind: ProviderKind,
    table: Table<'a>,
    place: Place<'a>,
    muted: bool,
}

/// Reads name, kind and keys of one `[providers.NAME]`.
pub(super) fn declare<'a>(
    scope: &Scope<'_>,
    entry: &Entry<'a>,
    declared: &mut BTreeMap<String, Declared<'a>>,
    names: &mut ProviderNames,
) {
    if !check_name(scope, entry, "provider") {
        return;
    }
    let Some(kind) = kind_of(scope, entry) else { return };
    let what = format!("provider \"{}\"", entry.name);
    let kind_keys = KIND_KEYS
        .iter()
        .find(|(of, _)| *of == kind)
        .map_or(&[][..], |(_, keys)| *keys);
    let keys: Vec<Key> = COMMON_KEYS.iter().chain(kind_keys).copied().collect();
    let Some(table) = Table::open(scope, entry, &what, &keys) else {
        return;
    };
    let place = entry.key_place();
    if let Some(first) = declared.get(entry.name)
        && first.place.file.index == place.file.index
    {
        duplicate(scope, "provider", entry.name, &place, &first.place.location());
    }
    names.add(entry.name, kind);
    declared.insert(
        entry.name.to_owned(),
        Declared {
            name: entry.name.to_owned(),
            kind,
            table,
            place,
            muted: scope.muted,
        },
    );
}

/// The kind that the table says, or that its name is.
fn kind_of(scope: &Scope<'_>, entry: &Entry<'_>) -> Option<ProviderKind> {
    let named = entry.value.get_ref().as_table().and_then(|table| table.get("kind"));
    let own = ProviderKind::from_word(entry.name);
    let Some(word) = named.and_then(|value| value.get_ref().as_str()) else {
        // A `kind` of the wrong type is reported with the other keys, which needs some kind to go by.
        if own.is_none() && named.is_none() {
            let message = format!("provider \"{}\" has no kind", entry.name);
            let problem =
                Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fix(format!("kind = \"{}\"", kind_words()));
            scope.problem(&entry.key_place(), problem);
        }
        return own.or(named.map(|_| ProviderKind::Env));
    };
    let place = Place {
        file: entry.file,
        span: named.map_or(0..0, toml::Spanned::span),
    };
    let Some(kind) = ProviderKind::from_word(word) else {
        let message = format!("provider \"{}\" is of no kind that hallpass knows", entry.name);
        let words = ProviderKind::ALL.iter().map(|kind| kind.word());
        let problem = unknown_name(message, word, words).causes(vec![format!("kinds are {}", kind_words())]);
        scope.problem(&place, problem);
        return None;
    };
    // A reference `_vaultkv2:…` or `_aws:…` must mean what the contract says, whatever is configured.
    let other_kind = Kind::from_word(entry.name).is_some_and(|of| of != Kind::Of(kind));
    if other_kind || ["envs", "aws_iam_rds"].contains(&entry.name) {
        let message = format!(
            "`{}` has another meaning in references and cannot name this provider",
            entry.name
        );
        scope.problem(&entry.key_place(), Problem::new(&catalogue::CONFIG_NAME, message));
        return None;
    }
    Some(kind)
}

fn kind_words() -> String {
    ProviderKind::ALL
        .iter()
        .map(|kind| kind.word())
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Reads the settings of all providers, adds the kinds' default ones, and refuses credentials that wait for each other.
pub(super) fn finish(
    report: &Report,
    declared: &BTreeMap<String, Declared<'_>>,
    names: &ProviderNames,
) -> BTreeMap<String, ProviderConfig> {
    let default = |kind: &ProviderKind| ProviderConfig {
        name: kind.word().to_owned(),
        kind: *kind,
        settings: BTreeMap::new(),
        at: None,
    };
    let mut providers: BTreeMap<String, ProviderConfig> = ProviderKind::ALL
        .iter()
        .map(|kind| (kind.word().to_owned(), default(kind)))
        .collect();
    for provider in declared.values() {
        let scope = Scope::new(report, provider.muted);
        let written = provider.table.all().into_iter().filter(|entry| entry.name != "kind");
        let settings = written
            .filter_map(|entry| Some((entry.name.to_owned(), setting(&scope, &entry, &provider.name, names)?)))
            .collect();
        let config = ProviderConfig {
            name: provider.name.clone(),
            kind: provider.kind,
            settings,
            at: Some(provider.place.location()),
        };
        providers.insert(provider.name.clone(), config);
    }
    for provider in declared.values() {
        if waits_for_itself(&provider.name, &providers) {
            let message = format!(
                "the login of provider \"{}\" needs a secret that cannot be read before it",
                provider.name
            );
            let scope = Scope::new(report, provider.muted);
            scope.problem(&provider.place, Problem::new(&catalogue::CONFIG_CYCLE, message));
        }
    }
    providers
}

/// A value whose type was checked already.
fn setting(scope: &Scope<'_>, entry: &Entry<'_>, provider: &str, names: &ProviderNames) -> Option<Setting> {
    match entry.value.get_ref() {
        DeValue::String(text) => {
            if is_in_the_clear(text) && ["address", "endpoint"].contains(&entry.name) {
                let place = entry.place().location();
                scope.report.warn(format!(
                    "{place}: provider \"{provider}\" is at another machine and without TLS: tokens and secrets can be read on the way \
                     (E-NET-CLEAR)"
                ));
            }
            Some(Setting::Text(text.to_string()))
        }
        DeValue::Boolean(switch) => Some(Setting::Switch(*switch)),
        DeValue::Table(table) if table.len() == 1 && table.contains_key("secret") => {
            let secret = entry.members().into_iter().next()?;
            match parse_canonical(secret.text()?, names) {
                Ok(reference) => Some(Setting::Secret(reference)),
                Err(error) => {
                    let message = format!("`{}` of provider \"{provider}\": {error}", entry.name);
                    scope.problem(&secret.place(), not_a_reference(message, error.similar));
                    None
                }
            }
        }
        DeValue::Table(_) => {
            let members = entry.members().into_iter();
            let settings =
                members.filter_map(|member| Some((member.name.to_owned(), setting(scope, &member, provider, names)?)));
            Some(Setting::Table(settings.collect()))
        }
        value => number(value).map(Setting::Number),
    }
}

/// Whether following the credentials of a provider leads back to it.
fn waits_for_itself(name: &str, providers: &BTreeMap<String, ProviderConfig>) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = needed(name, providers);
    while let Some(next) = waiting.pop() {
        if next == name {
            return true;
        }
        if seen.insert(next) {
            waiting.extend(needed(next, providers));
        }
    }
    false
}

/// The providers that hold credentials of this one.
fn needed<'p>(name: &str, providers: &'p BTreeMap<String, ProviderConfig>) -> Vec<&'p str> {
    fn collect<'p>(setting: &'p Setting, into: &mut Vec<&'p str>) {
        match setting {
            Setting::Secret(reference) => into.push(&reference.id.provider),
            Setting::Table(settings) => settings.values().for_each(|setting| collect(setting, into)),
            Setting::Text(_) | Setting::Number(_) | Setting::Switch(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Some(provider) = providers.get(name) {
        provider
            .settings
            .values()
            .for_each(|setting| collect(setting, &mut found));
    }
    found
}
