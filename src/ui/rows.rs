//! The rows of the lists, made once per configuration: what a role and a provider are called, before anything is known of them.

use std::collections::{BTreeMap, VecDeque};

use crate::config::Config;
use crate::providers::ProviderSpec;
use crate::ui::model::{ProviderRow, RoleRow, RowOf};

/// Whether an environment's name means production.
pub fn is_prod(env: Option<&str>) -> bool {
    env.is_some_and(|env| matches!(env.to_ascii_lowercase().as_str(), "prod" | "production"))
}

/// The word of an environment in lists and frames.
pub fn label(config: &Config, env: Option<&str>) -> String {
    let Some(env) = env else {
        return String::new();
    };
    let given = config.environments.get(env).and_then(|e| e.label.clone());
    given.unwrap_or_else(|| env.to_uppercase())
}

pub(super) fn role_rows(config: &Config) -> Vec<RoleRow> {
    let roles = config.roles.iter().enumerate().map(|(i, role)| RoleRow {
        name: role.name.clone(),
        kind: role.kind().to_owned(),
        env: role.env.clone(),
        label: label(config, role.env.as_deref()),
        prod: is_prod(role.env.as_deref()),
        read_only: role.access_mode.as_deref() == Some("read-only"),
        of: RowOf::Role(i),
    });
    let broken = config.broken.iter().enumerate().map(|(i, role)| RoleRow {
        name: role.name.clone(),
        kind: role.connector.clone().unwrap_or_default(),
        env: role.env.clone(),
        label: label(config, role.env.as_deref()),
        prod: is_prod(role.env.as_deref()),
        read_only: false,
        of: RowOf::Broken(i),
    });
    roles.chain(broken).collect()
}

/// The providers that matter here: those that roles use and those that the configuration names.
pub(super) fn provider_rows(config: &Config) -> Vec<ProviderRow> {
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for role in &config.roles {
        let mut names: Vec<&str> = role.providers().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            users.entry(name).or_default().push(role.name.clone());
        }
    }
    let mut rows: Vec<ProviderRow> = config
        .providers
        .values()
        .filter(|provider| provider.at.is_some() || users.contains_key(provider.name.as_str()))
        .map(|provider| {
            let spec = ProviderSpec::of(provider.kind);
            ProviderRow {
                name: provider.name.clone(),
                kind: provider.kind.word(),
                title: spec.map_or("", |spec| spec.title),
                logs_in: spec.is_some_and(|spec| (spec.logs_in)(provider)),
                roles: users.get(provider.name.as_str()).cloned().unwrap_or_default(),
                status: None,
                checked: None,
                since: None,
                running: None,
                history: VecDeque::new(),
            }
        })
        .collect();
    rows.sort_by(|a, b| b.roles.len().cmp(&a.roles.len()).then_with(|| a.name.cmp(&b.name)));
    rows
}
