//! One role put together: its table, what it extends, what `from` fills, its connector's defaults.

mod from;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use super::fields::WrittenField;
use super::policy;
use super::report::Scope;
use super::roles::{World, Written};
use super::walk::{Entry, unknown_name};
use crate::domain::catalogue;
use crate::domain::connector::{Connector, ConnectorField};
use crate::domain::policy::SessionPolicy;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::role::{Field, Role, Source, Via};

/// One role on its way from its layers to a [`Role`].
pub(super) struct Assembly<'w, 'a> {
    pub(super) world: &'w World<'w>,
    pub(super) scope: &'w Scope<'w>,
    pub(super) name: &'a str,
    pub(super) owner: String,
    /// The role, then what it extends.
    pub(super) layers: Vec<&'w Written<'a>>,
}

impl<'a> Assembly<'_, 'a> {
    pub(super) fn role(&self) -> Role {
        let connector = self.connector();
        let fields = self.fields(connector);
        let role = Role {
            name: self.name.to_owned(),
            resource: self.words("resource"),
            connector: connector.map(|connector| connector.name.clone()),
            env: self.words("env"),
            description: self.words("description").or_else(|| self.words("title")),
            owner: self.words("owner"),
            tags: self
                .maps("tags")
                .iter()
                .map(|(tag, value)| (printable(tag), printable(value)))
                .collect(),
            safer: self.words("safer"),
            access_mode: self.text("access_mode"),
            fields,
            command: self.texts("command"),
            args: self.texts("args").unwrap_or_default(),
            cwd: self.text("cwd"),
            inherit: self.texts("inherit").unwrap_or_default(),
            policy: self.policy(),
            at: self.layers[0].entry.key_place().location(),
        };
        self.check_command(&role, connector);
        self.check_arguments(&role);
        self.check_inherited(&role);
        self.check_folder();
        self.check_purpose(&role);
        self.adopt_of_providers(&role);
        self.warn(&role);
        role
    }

    /// What is wrong with the providers that the role is read from is wrong with it.
    fn adopt_of_providers(&self, role: &Role) {
        let named: BTreeSet<&str> = role.providers().collect();
        let broken = named.iter().filter_map(|name| self.world.broken_providers.get(*name));
        broken.for_each(|problems| self.scope.adopt(problems));
    }

    /// What the role's layers say, then its environment, then the defaults.
    fn policy(&self) -> SessionPolicy {
        let own = self.layers.iter().map(|layer| policy::layer(&layer.table));
        let behind = self
            .world
            .policies
            .behind(self.get("env").and_then(|env| env.text()), self.scope);
        SessionPolicy::of(&own.chain(behind).collect::<Vec<_>>())
    }

    /// The nearest layer's value of a key.
    fn get(&self, key: &str) -> Option<Entry<'a>> {
        self.layers.iter().find_map(|layer| layer.table.get(key))
    }

    fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text().map(str::to_owned)
    }

    /// A text that is there to be read by people: nothing in it that a terminal would obey.
    fn words(&self, key: &str) -> Option<String> {
        self.text(key).map(|text| printable(&text))
    }

    fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.layers.iter().find_map(|layer| layer.table.texts(key))
    }

    /// The members of a table of texts in all layers, the nearest winning.
    fn maps(&self, key: &str) -> BTreeMap<String, String> {
        self.layers
            .iter()
            .rev()
            .flat_map(|layer| layer.table.text_map(key))
            .collect()
    }

    fn connector(&self) -> Option<&Connector> {
        let entry = self.get("connector")?;
        let name = entry.text()?;
        let known = &self.world.connector_names;
        let canonical = known.get(name).copied().unwrap_or(name);
        if let Some(problems) = self.world.broken_connectors.get(canonical) {
            self.scope.adopt(problems);
            return self.world.connectors.get(canonical);
        }
        if let Some(connector) = self.world.connectors.get(canonical) {
            return Some(connector);
        }
        let message = format!("{} names a connector that nothing declares", self.owner);
        self.scope
            .problem(&entry.place(), unknown_name(message, name, known.keys().copied()));
        None
    }

    /// Explicit fields, then those that `from` fills, then the connector's defaults.
    fn fields(&self, connector: Option<&Connector>) -> Vec<Field> {
        let mut written: Vec<&WrittenField<'a>> = Vec::new();
        for field in self.layers.iter().rev().flat_map(|layer| &layer.fields) {
            match written.iter_mut().find(|known| known.name == field.name) {
                Some(known) => *known = field,
                None => written.push(field),
            }
        }
        let mut fields: Vec<Field> = written.iter().map(|field| self.explicit(field, connector)).collect();
        let needs = beside_token(connector, &fields);
        self.add_from(connector, &mut fields);
        let mut missing = Vec::new();
        for known in connector.map_or(&[][..], |connector| &connector.fields) {
            if fields.iter().any(|field| field.name == known.name) {
                continue;
            }
            match default_of(known, needs) {
                Some(default) => fields.push(field(known, Source::Plain(default.to_owned()))),
                None if known.required => missing.push(known.name.as_str()),
                None => {}
            }
        }
        self.missing_fields(&missing);
        for (name, value) in needs {
            if !fields.iter().any(|field| field.name == *name) {
                let unknown = ConnectorField {
                    name: name.clone(),
                    ..ConnectorField::default()
                };
                fields.push(field(&unknown, Source::Plain(value.clone())));
            }
        }
        for token in &written {
            self.check_token(token, connector, &fields);
        }
        fields
    }

    /// A token is for one user at one host and port: what its field does not say must stand in the role.
    fn check_token(&self, written: &WrittenField<'a>, connector: Option<&Connector>, fields: &[Field]) {
        let Source::RdsIam(token) = &written.source else {
            return;
        };
        let of_role = |part: &str| {
            let known = connector.and_then(|connector| connector.part(part))?;
            fields.iter().find(|field| field.name == known.name)
        };
        let name = &written.name;
        let lacks = |part: &str, said: bool| !said && of_role(part).is_none();
        let lacking: Vec<&str> = [("host", token.host.is_some()), ("port", token.port.is_some())]
            .into_iter()
            .filter_map(|(part, said)| lacks(part, said).then_some(part))
            .collect();
        if !lacking.is_empty() && !self.scope.has_problems() {
            let lacking = lacking.join(" and ");
            let message = format!(
                "{name} of {} is a token for a database, and nothing says its {lacking}",
                self.owner
            );
            let host = token
                .host
                .as_deref()
                .unwrap_or("orders.abc123.eu-west-1.rds.amazonaws.com");
            let (user, port) = (printable(&token.user), token.port.unwrap_or(5432));
            let problem = Problem::new(&catalogue::CONFIG_FIELD_MISSING, message)
                .causes(vec![format!(
                    "neither the token's table nor a field of the role's connector says the {lacking}"
                )])
                .fixes(vec![format!(
                    "{name} = {{ rds_iam = \"{user}\", host = \"{host}\", port = {port} }}"
                )]);
            self.scope.problem(&written.place, problem);
        }
        if let Some(user) = of_role("user")
            && let Source::Plain(other) = &user.source
            && *other != token.user
        {
            self.warn_of(format!(
                "{name} of {} is a token for another user than {}: the database will refuse it",
                self.owner, user.name
            ));
        }
    }

    fn missing_fields(&self, names: &[&str]) {
        // What the layers have wrong may be this very field.
        if names.is_empty() || self.scope.has_problems() {
            return;
        }
        let message = format!(
            "{} gives no {}, which its connector needs",
            self.owner,
            names.join(" and no ")
        );
        let fields: Vec<String> = names.iter().map(|name| format!("fields.{name} = \"…\"")).collect();
        let problem = Problem::new(&catalogue::CONFIG_FIELD_MISSING, message).fixes(vec![format!(
            "add to the role: {}, or from = \"PROVIDER:PATH\" of a secret that has it",
            fields.join(", ")
        )]);
        self.scope
            .problem(&self.layers[0].entry.key_place(), problem.causes(Vec::new()));
    }

    fn explicit(&self, written: &WrittenField<'a>, connector: Option<&Connector>) -> Field {
        let known = connector.and_then(|connector| connector.field(&written.name));
        self.check_dangerous(&written.name, &written.key_place);
        let secret = known.is_some_and(|known| known.secret);
        if secret {
            self.check_plaintext(written);
        } else if known.is_none() && !written.literal {
            self.warn_unknown(written, connector);
        }
        if let Some(known) = known {
            self.check_path(written, known);
            self.check_optional(written, known);
        }
        Field {
            name: written.name.clone(),
            source: written.source.clone(),
            via: written.via,
            trim: written.trim,
            optional: written.optional,
            default: written.default.clone(),
            masked: match known {
                // A token is a secret wherever it goes; a name or a host is none because a provider gives it.
                Some(known) => known.secret || matches!(written.source, Source::RdsIam(_)),
                None => written.source.is_secret() || self.is_plain_secret(written),
            },
            at: Some(written.key_place.location()),
        }
    }

    /// A remark, unless it would be about what was saved of a broken file.
    fn warn_of(&self, text: String) {
        if !self.scope.muted {
            self.world.report.warn(text);
        }
    }
}

/// What the connector wants set beside a login token; nothing where the role has none.
fn beside_token<'c>(connector: Option<&'c Connector>, fields: &[Field]) -> &'c [(String, String)] {
    let has_token = fields.iter().any(|field| matches!(field.source, Source::RdsIam(_)));
    match connector {
        Some(connector) if has_token => &connector.with_token,
        _ => &[],
    }
}

fn default_of<'f>(known: &'f ConnectorField, needs: &'f [(String, String)]) -> Option<&'f str> {
    let needed = needs.iter().find(|(name, _)| *name == known.name);
    needed.map(|(_, value)| value.as_str()).or(known.default.as_deref())
}

/// A field that no role writes.
fn field(known: &ConnectorField, source: Source) -> Field {
    Field {
        name: known.name.clone(),
        masked: known.secret,
        source,
        via: Via::Env,
        trim: false,
        optional: false,
        default: None,
        at: None,
    }
}
