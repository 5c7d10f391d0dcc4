//! `[roles.NAME]` and `[templates.NAME]`: from their tables, what they extend and their connector to the roles that can be opened.

use std::collections::BTreeMap;

use super::BrokenRole;
use super::assembly::Assembly;
use super::fields::{WrittenField, read_fields};
use super::policy::{Policies, with_policy};
use super::report::{ProblemId, Report, Scope};
use super::settings::ACCESS_MODES;
use super::source::shown;
use super::walk::{Entry, Key, Table, Takes, check_name, unknown_name};
use crate::domain::catalogue;
use crate::domain::connector::Connector;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderNames;
use crate::domain::role::Role;
use crate::domain::suggest;

/// Also the keys of a template.
pub(super) const ROLE_KEYS: [Key; 31] = with_policy([
    Key::now("resource", Takes::Text, "\"orders-db\""),
    Key::now("connector", Takes::Text, "\"postgres\""),
    Key::now("env", Takes::Text, "\"prod\""),
    Key::now("title", Takes::Text, "\"Orders, primary\""),
    Key::now("description", Takes::Text, "\"Orders, primary\""),
    Key::now("owner", Takes::Text, "\"payments-dba\""),
    Key::now("tags", Takes::TextMap, "{ team = \"payments\" }"),
    Key::now("safer", Takes::Text, "\"orders-ro\""),
    Key::later("access_mode", ACCESS_MODES, "\"read-only\""),
    Key::now("fields", Takes::Anything, "{ PGHOST = \"db1.internal\" }"),
    Key::now("from", Takes::Text, "\"vault:secret/databases/prod\""),
    Key::now("map", Takes::TextMap, "{ PGUSER = \"login\" }"),
    Key::now("args", Takes::Texts, "[\"--quiet\"]"),
    Key::now("command", Takes::Texts, "[\"python3\", \"report.py\"]"),
    Key::now("cwd", Takes::Text, "\"~/reports\""),
    Key::now("inherit", Takes::Texts, "[\"SSH_AUTH_SOCK\"]"),
    Key::now("allow_dangerous_env", Takes::Texts, "[\"PAGER\"]"),
    Key::now("allow_plaintext", Takes::Switch, "true"),
    Key::now("extends", Takes::Text, "\"billing-pg\""),
    Key::now("override", Takes::Switch, "true"),
    Key::now("imported_from", Takes::Text, "\"~/.pgpass\""),
    Key::later("on_exit", Takes::OneOf(&["stay", "return", "quit"]), "\"stay\""),
    Key::later("detach", Takes::OneOf(&["allow", "deny"]), "\"allow\""),
]);

/// A role or template as it is written.
pub(super) struct Written<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) table: Table<'a>,
    pub(super) fields: Vec<WrittenField<'a>>,
    /// Problems of its own.
    problems: Vec<ProblemId>,
    muted: bool,
}

/// All roles and templates of a run, before they are put together.
#[derive(Default)]
pub(super) struct Declared<'a> {
    templates: BTreeMap<String, Written<'a>>,
    roles: Vec<Written<'a>>,
    /// Index in `roles` by name.
    by_name: BTreeMap<String, usize>,
    broken: Vec<Broken>,
}

/// A role that cannot be opened, before problems have their final places.
pub(super) struct Broken {
    pub(super) role: BrokenRole,
    pub(super) problems: Vec<ProblemId>,
}

/// What the roles are put together with.
pub(super) struct World<'w> {
    pub(super) report: &'w Report,
    pub(super) names: &'w ProviderNames,
    pub(super) connectors: &'w BTreeMap<String, Connector>,
    pub(super) broken_connectors: &'w BTreeMap<String, Vec<ProblemId>>,
    pub(super) broken_providers: &'w BTreeMap<String, Vec<ProblemId>>,
    /// Names and aliases of connectors.
    pub(super) connector_names: BTreeMap<&'w str, &'w str>,
    pub(super) policies: &'w Policies,
}

impl<'a> Declared<'a> {
    /// Adds a template. `file_problems` are those that leave open what the templates of its file say.
    pub(super) fn template(&mut self, world: &World<'_>, entry: &Entry<'a>, muted: bool, file_problems: &[ProblemId]) {
        let scope = Scope::new(world.report, muted);
        scope.adopt(file_problems);
        if !check_name(&scope, entry, "template") {
            return;
        }
        let owner = format!("template \"{}\"", entry.name);
        if let Some(first) = self.templates.get_mut(entry.name) {
            let place = first.entry.key_place().location();
            super::walk::duplicate(&scope, "template", entry.name, &entry.key_place(), &place);
            // Which of the two is meant is not known.
            first.problems.extend(scope.into_problems());
            return;
        }
        if let Ok(written) = write(world, scope, entry, &owner) {
            self.templates.insert(entry.name.to_owned(), written);
        }
    }

    /// Adds a role. `file_problems` are those that make all roles of its file unsafe to open, or this role.
    pub(super) fn role(&mut self, world: &World<'_>, entry: &Entry<'a>, muted: bool, file_problems: &[ProblemId]) {
        let scope = Scope::new(world.report, muted);
        scope.adopt(file_problems);
        if !check_name(&scope, entry, "role") {
            self.broken.push(broken(entry, None, scope.into_problems()));
            return;
        }
        let owner = format!("role \"{}\"", entry.name);
        let place = entry.key_place();
        let overrides = |entry: &Entry<'_>| {
            let table = entry.value.get_ref().as_table();
            table
                .and_then(|table| table.get("override")?.get_ref().as_bool())
                .unwrap_or(false)
        };
        let known = self.by_name.get(entry.name).copied();
        if let Some(first) = known.map(|index| &self.roles[index])
            && !overrides(entry)
        {
            super::walk::duplicate(&scope, "role", entry.name, &place, &first.entry.key_place().location());
        }
        let mut written = match write(world, scope, entry, &owner) {
            Ok(written) => written,
            Err(problems) => {
                self.broken.push(broken(entry, None, problems));
                return;
            }
        };
        match known {
            Some(index) => {
                // Which of the two is meant is not known, so neither can be opened.
                if !overrides(entry) {
                    written.problems.extend_from_slice(&self.roles[index].problems);
                }
                self.roles[index] = written;
            }
            None => {
                self.by_name.insert(entry.name.to_owned(), self.roles.len());
                self.roles.push(written);
            }
        }
    }

    /// Puts every role together.
    pub(super) fn finish(self, world: &World<'_>) -> (Vec<Role>, Vec<Broken>) {
        let mut broken_roles = self.broken;
        let mut roles = Vec::new();
        for written in &self.roles {
            let scope = Scope::new(world.report, written.muted);
            scope.adopt(&written.problems);
            let layers = layers(&scope, written, &self.templates);
            let assembly = Assembly {
                world,
                scope: &scope,
                name: written.entry.name,
                owner: format!("role \"{}\"", written.entry.name),
                layers,
            };
            let role = assembly.role();
            if scope.has_problems() {
                broken_roles.push(broken(&written.entry, Some(&role), scope.into_problems()));
            } else {
                roles.push(role);
            }
        }
        for role in &roles {
            if let Some(safer) = &role.safer
                && !self.by_name.contains_key(safer)
            {
                let message = format!(
                    "role {} names a safer role {}, which is not there",
                    role.name,
                    shown(safer)
                );
                world.report.warn(message);
            }
        }
        (roles, broken_roles)
    }
}

fn broken(entry: &Entry<'_>, role: Option<&Role>, problems: Vec<ProblemId>) -> Broken {
    let text = |key: &str| {
        let table = entry.value.get_ref().as_table()?;
        Some(shown(table.get(key)?.get_ref().as_str()?))
    };
    Broken {
        role: BrokenRole {
            name: shown(entry.name),
            env: role.and_then(|role| role.env.clone()).or_else(|| text("env")),
            connector: role
                .and_then(|role| role.connector.clone())
                .or_else(|| text("connector")),
            at: entry.key_place().location(),
            problem: 0,
        },
        problems,
    }
}

/// Reads the table of a role or template; its problems if it is none.
fn write<'a>(
    world: &World<'_>,
    scope: Scope<'_>,
    entry: &Entry<'a>,
    owner: &str,
) -> Result<Written<'a>, Vec<ProblemId>> {
    let Some(table) = Table::open(&scope, entry, owner, &ROLE_KEYS) else {
        return Err(scope.into_problems());
    };
    let fields = table.get("fields");
    let fields = fields.map(|fields| read_fields(&scope, &fields, owner, world.names));
    Ok(Written {
        entry: entry.clone(),
        table,
        fields: fields.unwrap_or_default(),
        muted: scope.muted,
        problems: scope.into_problems(),
    })
}

/// The role and the templates that it extends, nearest first.
fn layers<'w, 'a>(
    scope: &Scope<'_>,
    role: &'w Written<'a>,
    templates: &'w BTreeMap<String, Written<'a>>,
) -> Vec<&'w Written<'a>> {
    let mut layers = vec![role];
    let mut last = role;
    while let Some(extends) = last.table.get("extends") {
        let Some(name) = extends.text() else { break };
        let Some(template) = templates.get(name) else {
            let message = format!("\"{}\" extends a template that nothing declares", last.entry.name);
            scope.problem(
                &extends.place(),
                unknown_name(message, name, templates.keys().map(String::as_str)),
            );
            break;
        };
        if let Some(first) = layers.iter().position(|layer| std::ptr::eq(*layer, template)) {
            let message = format!("template \"{name}\" extends itself");
            let circle = layers[first..].iter().map(|layer| layer.entry.name);
            let circle: Vec<&str> = circle.chain([name]).collect();
            let problem = Problem::new(&catalogue::CONFIG_CYCLE, message).cause(circle.join(" extends "));
            scope.problem(&extends.place(), problem);
            break;
        }
        scope.adopt(&template.problems);
        layers.push(template);
        last = template;
    }
    layers
}

/// Warns about roles of environments that nothing declares, where others are declared.
pub(super) fn warn_environments<'e>(
    report: &Report,
    roles: &[Role],
    declared: &(impl Iterator<Item = &'e str> + Clone),
) {
    if declared.clone().next().is_none() {
        return;
    }
    for role in roles {
        let Some(env) = role
            .env
            .as_deref()
            .filter(|env| !declared.clone().any(|known| known == *env))
        else {
            continue;
        };
        let nearest = suggest::nearest(env, declared.clone());
        let hint = nearest
            .first()
            .map(|name| format!("; did you mean {name}?"))
            .unwrap_or_default();
        report.warn(format!(
            "role {} is of the environment {}, which [environments] does not declare{hint}",
            role.name,
            shown(env)
        ));
    }
}
