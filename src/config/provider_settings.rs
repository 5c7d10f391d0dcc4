//! `[providers.NAME]`: what is written there, and which providers must not be used because of it.

use std::collections::{BTreeMap, btree_map};

use toml::de::DeValue;

use super::fields::not_a_reference;
use super::provider_keys::{all_keys, own_keys};
use super::report::{Place, ProblemId, Report, Scope};
use super::walk::{Entry, Key, Table, Takes, check_name, duplicate, number, unknown_name};
use crate::domain::address::is_in_the_clear;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, Parsed, ProviderKind, ProviderNames, SecretRef, parse_canonical, parse_value};
use crate::domain::suggest;
use crate::providers::{ProviderConfig, Setting};

/// What the settings of all files say about providers. Credentials may name other providers, so they are read after all names are.
#[derive(Default)]
pub(super) struct Providers<'a> {
    declared: BTreeMap<String, Declared<'a>>,
    /// What makes the settings of every provider uncertain.
    of_all: Vec<ProblemId>,
}

/// A provider's table once its name and kind are known.
struct Declared<'a> {
    name: String,
    kind: ProviderKind,
    /// None where the entry is no table, or no kind is known for it.
    table: Option<Table<'a>>,
    place: Place<'a>,
    muted: bool,
    problems: Vec<ProblemId>,
}

/// The providers by name, and what is wrong with those that must not be used: without a misspelt setting a token could go to another
/// server, or a secret come from one.
pub(super) struct Finished {
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) broken: BTreeMap<String, Vec<ProblemId>>,
}

impl<'a> Providers<'a> {
    /// Reads name, kind and keys of one `[providers.NAME]`.
    pub(super) fn declare(&mut self, scope: &Scope<'_>, entry: &Entry<'a>, names: &mut ProviderNames) {
        let own = Scope::new(scope.report, scope.muted);
        if !check_name(&own, entry, "provider") {
            return;
        }
        let known = kind_of(&own, entry);
        if known.is_none() {
            hide_settings(entry);
        }
        // References that begin with its name stay references, so that their roles are refused instead of taking them for plain texts.
        let Some(kind) = known.or_else(|| meant_kind(entry)) else {
            return;
        };
        let table = known.and_then(|kind| {
            let what = format!("provider \"{}\"", entry.name);
            Table::open(&own, entry, &what, &all_keys(kind))
        });
        let place = entry.key_place();
        if let Some(first) = self.declared.get(entry.name)
            && first.place.file.index == place.file.index
        {
            duplicate(&own, "provider", entry.name, &place, &first.place.location());
        }
        names.add(entry.name, kind);
        let declared = Declared {
            name: entry.name.to_owned(),
            kind,
            table,
            place,
            muted: scope.muted,
            problems: own.into_problems(),
        };
        self.declared.insert(entry.name.to_owned(), declared);
    }

    /// Problems of every provider about which settings could say something.
    pub(super) fn add_problems(&mut self, problems: Vec<ProblemId>) {
        self.of_all.extend(problems);
    }

    /// Reads the settings of all providers, adds the kinds' default ones, and refuses credentials that wait for each other.
    pub(super) fn finish(self, report: &Report, names: &ProviderNames) -> Finished {
        let mut providers: BTreeMap<String, ProviderConfig> = ProviderKind::ALL
            .iter()
            .map(|kind| (kind.word().to_owned(), default_config(*kind)))
            .collect();
        let mut own: BTreeMap<String, Vec<ProblemId>> = BTreeMap::new();
        for provider in self.declared.values() {
            let scope = Scope::new(report, provider.muted);
            scope.adopt(&provider.problems);
            let reader = SettingsReader {
                scope: &scope,
                provider: &provider.name,
                names,
            };
            let config = ProviderConfig {
                settings: reader.settings(provider),
                at: Some(provider.place.location()),
                name: provider.name.clone(),
                kind: provider.kind,
                broken: None,
            };
            providers.insert(provider.name.clone(), config);
            own.insert(provider.name.clone(), scope.into_problems());
        }
        for provider in self.declared.values() {
            if let Some(circle) = circle(&provider.name, &providers) {
                let message = format!(
                    "the login of provider \"{}\" needs a secret that cannot be read before it",
                    provider.name
                );
                let scope = Scope::new(report, provider.muted);
                let problem = Problem::new(&catalogue::CONFIG_CYCLE, message).cause(circle.join(" needs "));
                scope.problem(&provider.place, problem);
                own.entry(provider.name.clone())
                    .or_default()
                    .extend(scope.into_problems());
            }
        }
        for config in providers.values().filter(|config| !own_keys(config.kind).is_empty()) {
            own.entry(config.name.clone()).or_default().extend(&self.of_all);
        }
        let broken = providers.keys().filter_map(|name| {
            let concerned = reached(name, &providers).into_keys().chain([name.as_str()]);
            let problems: Vec<ProblemId> = concerned.filter_map(|name| own.get(name)).flatten().copied().collect();
            (!problems.is_empty()).then(|| (name.clone(), problems))
        });
        Finished {
            broken: broken.collect(),
            providers,
        }
    }
}

fn default_config(kind: ProviderKind) -> ProviderConfig {
    ProviderConfig {
        name: kind.word().to_owned(),
        kind,
        settings: BTreeMap::new(),
        at: None,
        broken: None,
    }
}

/// The kind that the table says, or that its name is.
fn kind_of(scope: &Scope<'_>, entry: &Entry<'_>) -> Option<ProviderKind> {
    let named = entry.value.get_ref().as_table().and_then(|table| table.get("kind"));
    let own = ProviderKind::from_word(entry.name);
    let Some(word) = named.and_then(|value| value.get_ref().as_str()) else {
        // A `kind` of the wrong type is reported with the other keys, which needs some kind to go by.
        if own.is_none() && named.is_none() {
            let message = format!("provider \"{}\" has no kind", entry.name);
            let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
                .causes(vec![format!("kinds are {}", kind_words())])
                .fixes(kind_fixes(entry));
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
    if other_kind || RESERVED.contains(&entry.name) {
        let message = format!(
            "`{}` has another meaning in references and cannot name this provider",
            entry.name
        );
        scope.problem(&entry.key_place(), Problem::new(&catalogue::CONFIG_NAME, message));
        return None;
    }
    Some(kind)
}

/// Words that begin references of no provider of their own.
const RESERVED: [&str; 2] = ["envs", "aws_iam_rds"];

/// The kind whose references a provider has that says none, or one that is not known; none if its name means something else.
fn meant_kind(entry: &Entry<'_>) -> Option<ProviderKind> {
    match Kind::from_word(entry.name) {
        Some(Kind::Of(kind)) => return Some(kind),
        Some(_) => return None,
        None if RESERVED.contains(&entry.name) => return None,
        None => {}
    }
    let said = entry.value.get_ref().as_table().and_then(|table| table.get("kind"));
    let said = said.and_then(|kind| kind.get_ref().as_str()).unwrap_or_default();
    let nearest = suggest::nearest(said, ProviderKind::ALL.iter().map(|kind| kind.word()));
    let nearest = nearest.first().and_then(|word| ProviderKind::from_word(word));
    Some(nearest.unwrap_or(ProviderKind::Vault))
}

/// Which keys of a provider of no kind are known is not asked: none of their values is shown.
fn hide_settings(entry: &Entry<'_>) {
    if !entry.value.get_ref().is_table() {
        entry.file.hide(entry.value);
    }
    let members = entry.members().into_iter().filter(|member| member.name != "kind");
    members.for_each(|member| member.file.hide(member.value));
}

/// The line to add for each kind that has every key of the table; one for all where that says little.
fn kind_fixes(entry: &Entry<'_>) -> Vec<String> {
    const FEW: usize = 3;
    let members = entry.members();
    let has_all = |kind: &&ProviderKind| {
        let keys = all_keys(**kind);
        members
            .iter()
            .all(|member| keys.iter().any(|key| key.name == member.name))
    };
    let line = |kind: &ProviderKind| format!("kind = \"{}\"", kind.word());
    let lines: Vec<String> = ProviderKind::ALL.iter().filter(has_all).map(line).collect();
    if (1..=FEW).contains(&lines.len()) {
        return lines;
    }
    vec!["add the one that it is, for example: kind = \"vault\"".to_owned()]
}

fn kind_words() -> String {
    ProviderKind::ALL
        .iter()
        .map(|kind| kind.word())
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Reads the values of one provider's keys. Their types were checked when the table was opened: what has another one is left out.
struct SettingsReader<'s, 'r> {
    scope: &'s Scope<'r>,
    provider: &'s str,
    names: &'s ProviderNames,
}

impl SettingsReader<'_, '_> {
    fn settings(&self, provider: &Declared<'_>) -> BTreeMap<String, Setting> {
        let written = provider.table.as_ref().map(Table::all).unwrap_or_default();
        let written = written.into_iter().filter(|entry| entry.name != "kind").collect();
        self.members(written, &all_keys(provider.kind))
    }

    fn members(&self, entries: Vec<Entry<'_>>, keys: &[Key]) -> BTreeMap<String, Setting> {
        let setting = |entry: Entry<'_>| {
            let key = keys.iter().find(|key| key.name == entry.name)?;
            Some((entry.name.to_owned(), self.setting(&entry, key.takes)?))
        };
        entries.into_iter().filter_map(setting).collect()
    }

    fn setting(&self, entry: &Entry<'_>, takes: Takes) -> Option<Setting> {
        match (takes, entry.value.get_ref()) {
            (Takes::Credential, DeValue::String(text)) => self.given(entry, text),
            (Takes::Credential, DeValue::Table(_)) => self.held(entry).map(Setting::Secret),
            (Takes::Table(keys), DeValue::Table(_)) => {
                let members = entry.members();
                // What stands beside `wrapped` belongs to a method, and `wrapped` to the token that needs none.
                let names_method = members.iter().any(|member| member.name == "method");
                if !names_method && members.iter().any(|member| member.name != "wrapped") {
                    let message = format!("`{}` of provider \"{}\" has no method", entry.name, self.provider);
                    let problem =
                        Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fix("method = \"approle\"   in it");
                    self.scope.problem(&entry.key_place(), problem);
                }
                Some(Setting::Table(self.members(members, keys)))
            }
            (Takes::NumberMap(..), DeValue::Table(_)) => {
                let members = entry.members().into_iter();
                let numbers = members.filter_map(|member| {
                    Some((member.name.to_owned(), Setting::Number(number(member.value.get_ref())?)))
                });
                Some(Setting::Table(numbers.collect()))
            }
            (_, DeValue::String(text)) => {
                self.warn_in_the_clear(entry, text);
                Some(Setting::Text(text.to_string()))
            }
            (_, DeValue::Boolean(switch)) => Some(Setting::Switch(*switch)),
            (_, value) => number(value).map(Setting::Number),
        }
    }

    fn warn_in_the_clear(&self, entry: &Entry<'_>, text: &str) {
        if is_in_the_clear(text) && ["address", "endpoint"].contains(&entry.name) {
            self.scope.report.warn(format!(
                "{}: provider \"{}\" is at another machine and without TLS: tokens and secrets can be read on the way (E-NET-CLEAR)",
                entry.place().location(),
                self.provider
            ));
        }
    }

    /// A credential as it is, or the file that holds it. A reference here would be sent to the server as the credential itself.
    fn given(&self, entry: &Entry<'_>, text: &str) -> Option<Setting> {
        let meant = match parse_value(text, self.names) {
            Ok(Parsed::Plain) => return Some(Setting::Text(text.to_owned())),
            Ok(Parsed::Secret(reference)) => reference.canonical(),
            Ok(Parsed::RdsIam { .. }) | Err(_) => "PROVIDER:PATH#KEY".to_owned(),
        };
        let (name, provider) = (entry.name, self.provider);
        let message = format!("`{name}` of provider \"{provider}\" is a reference, written as a plain text");
        let problem = Problem::new(&catalogue::CONFIG_REF_SYNTAX, message)
            .causes(vec!["a plain text is taken for the credential itself".to_owned()])
            .fixes(vec![format!("{name} = {{ secret = \"{meant}\" }}")]);
        self.scope.problem_without_line(&entry.place(), problem);
        None
    }

    /// A credential that another provider holds: `{ secret = "…" }`.
    fn held(&self, entry: &Entry<'_>) -> Option<SecretRef> {
        let secret = entry.members().into_iter().find(|member| member.name == "secret")?;
        let (name, provider) = (entry.name, self.provider);
        match parse_canonical(secret.text()?, self.names) {
            Ok(reference) if reference.id.kind == Kind::VaultDb => {
                let message =
                    format!("`{name}` of provider \"{provider}\" is made anew at each read, and taken back after it");
                let problem = Problem::new(&catalogue::CONFIG_TYPE, message)
                    .causes(vec!["a login needs a credential that lasts".to_owned()])
                    .fixes(vec![format!(
                        "name a stored secret: {name} = {{ secret = \"local:PATH#KEY\" }}"
                    )]);
                self.scope.problem(&secret.place(), problem);
                None
            }
            Ok(reference) => Some(reference),
            Err(error) => {
                let message = format!("`{name}` of provider \"{provider}\": {error}");
                self.scope
                    .problem(&secret.place(), not_a_reference(message, error.similar));
                None
            }
        }
    }
}

/// The providers that this one cannot log in without, directly or through others, each with the one that needs it; itself too where its
/// credentials lead back to it.
fn reached<'p>(name: &'p str, providers: &'p BTreeMap<String, ProviderConfig>) -> BTreeMap<&'p str, &'p str> {
    let mut needed_by = BTreeMap::new();
    let mut waiting = vec![name];
    while let Some(by) = waiting.pop() {
        for next in needed(by, providers) {
            if let btree_map::Entry::Vacant(unseen) = needed_by.entry(next) {
                unseen.insert(by);
                waiting.push(next);
            }
        }
    }
    needed_by
}

/// The way from a provider's credentials back to it, with its name at both ends; none where nothing leads back.
fn circle<'p>(name: &'p str, providers: &'p BTreeMap<String, ProviderConfig>) -> Option<Vec<&'p str>> {
    let needed_by = reached(name, providers);
    let mut way = vec![name, needed_by.get(name)?];
    while way[way.len() - 1] != name {
        way.push(needed_by[way[way.len() - 1]]);
    }
    way.reverse();
    Some(way)
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
