//! One role put together: its table, what it extends, what `from` fills, its connector's defaults; and the rules they must keep.

use std::collections::{BTreeMap, BTreeSet};

use super::dangerous::is_dangerous;
use super::fields::{WrittenField, not_a_reference, wrong_name};
use super::policy;
use super::report::{Place, Scope};
use super::roles::{World, Written};
use super::source::names_a_secret;
use super::walk::{Entry, unknown_name};
use crate::domain::catalogue;
use crate::domain::connector::{Connector, ConnectorField};
use crate::domain::placeholder;
use crate::domain::policy::SessionPolicy;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::reference::{Parsed, SecretRef, is_variable_name, parse_canonical, parse_value};
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
        self.adopt_of_providers(&role);
        self.warn(&role);
        role
    }

    /// What is wrong with the providers that the role is read from is wrong with it.
    fn adopt_of_providers(&self, role: &Role) {
        let named: BTreeSet<&str> = role.fields.iter().flat_map(|field| field.source.providers()).collect();
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
                None => written.source.is_secret(),
            },
            at: Some(written.key_place.location()),
        }
    }

    fn check_dangerous(&self, name: &str, place: &Place<'_>) {
        let allowed = || self.texts("allow_dangerous_env").unwrap_or_default();
        if !is_dangerous(name) || allowed().iter().any(|allowed| allowed == name) {
            return;
        }
        let message = format!("{} sets {name}, which changes what programs load or start", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_DANGEROUS_ENV, message).fixes(vec![format!(
            "if it is meant, add to the role: allow_dangerous_env = [\"{name}\"]"
        )]);
        self.scope.problem_without_line(place, problem);
    }

    /// A secret that is typed into a role file: refused unless the role says that it is meant, twice.
    fn check_plaintext(&self, written: &WrittenField<'a>) {
        let said = |default: &Option<String>| default.as_ref().is_some_and(|default| !default.is_empty());
        let plain = match &written.source {
            Source::Plain(_) => true,
            Source::Template { parts, .. } => {
                !parts.iter().any(|part| part.source.is_secret()) || parts.iter().any(|part| said(&part.default))
            }
            _ => said(&written.default),
        };
        let meant = self
            .get("allow_plaintext")
            .and_then(|entry| entry.value.get_ref().as_bool())
            == Some(true);
        let spelled_out = !matches!(written.source, Source::Plain(_)) || written.literal;
        if !plain || (meant && spelled_out) {
            return;
        }
        let (role, field) = (self.name, &written.name);
        let message = format!(
            "{field} of {} is a secret, and it stands here as plain text",
            self.owner
        );
        let problem = Problem::new(&catalogue::CONFIG_PLAIN_SECRET, message).fixes(vec![
            format!("hallpass secret set {role}#{field}   and in the role: {field} = \"_local:{role}:{field}\""),
            format!("if plain text is meant: allow_plaintext = true in the role, and {field} = {{ literal = \"…\" }}"),
        ]);
        self.scope.problem(&written.place, problem);
    }

    /// A client that takes the value itself would take the file's path for it. What a command of the role's own does is not known.
    fn check_path(&self, written: &WrittenField<'a>, known: &ConnectorField) {
        if written.via != Via::File || known.path || self.get("command").is_some() {
            return;
        }
        let name = &written.name;
        let message = format!(
            "{name} of {} goes through a file, and its client would take the file's path for the value",
            self.owner
        );
        let problem = Problem::new(&catalogue::CONFIG_TYPE, message).fixes(vec![
            "remove via = \"file\"".to_owned(),
            format!("if the client reads a file there, say so in the connector: fields.{name}.path = true"),
        ]);
        self.scope.problem(&written.place, problem);
    }

    /// A misspelt field of the connector would reach the child under the wrong name, and a password past the check above.
    fn warn_unknown(&self, written: &WrittenField<'a>, connector: Option<&Connector>) {
        if self.warn_misspelt(&written.name, connector) {
            return;
        }
        if matches!(written.source, Source::Plain(_)) && names_a_secret(&written.name) {
            self.warn_of(format!(
                "{} of {} looks like a secret and stands in the file as plain text: hallpass secret set {}#{}",
                written.name, self.owner, self.name, written.name
            ));
        }
    }

    /// Whether the name is one of the connector's fields but for a slip or two; the remark is made.
    fn warn_misspelt(&self, name: &str, connector: Option<&Connector>) -> bool {
        let known = connector.map_or(&[][..], |connector| &connector.fields);
        let meant = known
            .iter()
            .find(|known| strsim::damerau_levenshtein(&known.name, name) <= 2);
        if let Some(meant) = meant {
            self.warn_of(format!(
                "{name} of {} is no field of its connector; did you mean {}?",
                self.owner, meant.name
            ));
        }
        meant.is_some()
    }

    /// Fields that the secret of `from` fills: by `map` where it names them, else by the connector's guesses.
    fn add_from(&self, connector: Option<&Connector>, fields: &mut Vec<Field>) {
        let map = self.get("map").map(|entry| entry.members()).unwrap_or_default();
        let Some(secret) = self.secret_of_from(&map) else {
            return;
        };
        let at = self.get("from").map(|entry| entry.place().location());
        if map.is_empty() {
            self.check_from(connector);
        }
        let map = self.checked_map(&map, fields, connector);
        let needs = beside_token(connector, fields);
        for known in connector.map_or(&[][..], |connector| &connector.fields) {
            let mapped = map.iter().find(|(name, _)| *name == known.name);
            if fields.iter().any(|field| field.name == known.name) || (mapped.is_none() && known.from.is_empty()) {
                continue;
            }
            let source = Source::From {
                secret: secret.clone(),
                keys: mapped.map_or_else(|| known.from.clone(), |(_, key)| vec![(*key).to_owned()]),
                required: mapped.is_some() || (known.required && known.default.is_none()),
            };
            let mut field = field(known, source);
            field.default = default_of(known, needs).map(str::to_owned);
            field.at.clone_from(&at);
            fields.push(field);
        }
        for (name, key) in map {
            if fields.iter().any(|field| field.name == name) {
                continue;
            }
            fields.push(Field {
                name: name.to_owned(),
                source: Source::From {
                    secret: secret.clone(),
                    keys: vec![key.to_owned()],
                    required: true,
                },
                via: Via::Env,
                trim: false,
                optional: false,
                default: None,
                masked: true,
                at: at.clone(),
            });
        }
    }

    /// A secret that fills no field would be read for nothing, and the session started without it.
    fn check_from(&self, connector: Option<&Connector>) {
        let fills = connector.is_some_and(|connector| connector.fields.iter().any(|field| !field.from.is_empty()));
        // What the layers have wrong may be the connector.
        let Some(entry) = self.get("from").filter(|_| !fills && !self.scope.has_problems()) else {
            return;
        };
        let whose = match connector {
            Some(connector) => format!("the connector {} takes no key of a secret", connector.name),
            None => "the role has no connector, which would know the keys".to_owned(),
        };
        let message = format!("`from` of {} fills no field", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
            .causes(vec![whose])
            .fixes(vec!["say which key goes where: map = { NAME = \"KEY\" }".to_owned()]);
        self.scope.problem(&entry.place(), problem);
    }

    fn secret_of_from(&self, map: &[Entry<'a>]) -> Option<SecretRef> {
        let Some(entry) = self.get("from") else {
            if let Some(first) = map.first() {
                let message = format!("{} has a map and no `from` whose keys it could name", self.owner);
                let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
                    .fixes(vec!["add to the role: from = \"PROVIDER:PATH\"".to_owned()]);
                self.scope.problem(&first.key_place(), problem);
            }
            return None;
        };
        let (message, similar) = match parse_canonical(entry.text()?, self.world.names) {
            Ok(reference) if reference.key.is_none() => return Some(reference),
            Ok(reference) => {
                let whole = SecretRef { key: None, ..reference };
                (
                    "it names a whole secret, not one key of it".to_owned(),
                    vec![whole.canonical()],
                )
            }
            Err(error) => (error.what, error.similar),
        };
        let message = format!("`from` of {}: {message}", self.owner);
        self.scope.problem(&entry.place(), not_a_reference(message, similar));
        None
    }

    /// The pairs of `map` whose names can be fields.
    fn checked_map(
        &self,
        map: &[Entry<'a>],
        fields: &[Field],
        connector: Option<&Connector>,
    ) -> Vec<(&'a str, &'a str)> {
        let mut pairs = Vec::new();
        for entry in map {
            let Some(key) = entry.text() else { continue };
            if let Some(problem) = wrong_name(entry.name, &format!("`map` of {}", self.owner)) {
                self.scope.problem(&entry.key_place(), problem);
                continue;
            }
            self.check_dangerous(entry.name, &entry.key_place());
            if connector.is_none_or(|connector| connector.field(entry.name).is_none()) {
                self.warn_misspelt(entry.name, connector);
            }
            if fields.iter().any(|field| field.name == entry.name) {
                self.warn_of(format!(
                    "{} gives {} in fields and in map; the one in fields holds",
                    self.owner, entry.name
                ));
            }
            pairs.push((entry.name, key));
        }
        pairs
    }

    fn check_command(&self, role: &Role, connector: Option<&Connector>) {
        let Some(connector) = connector else { return };
        if connector.programs.is_empty() && role.command.as_ref().is_none_or(Vec::is_empty) {
            let message = format!("{} has the connector {} and no command", self.owner, connector.name);
            let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fixes(vec![
                "add to the role: command = [\"PROGRAM\", \"ARGUMENT\"]".to_owned(),
            ]);
            self.scope.problem(&self.layers[0].entry.key_place(), problem);
            return;
        }
        let place = self.layers[0].entry.key_place();
        if role.command.is_some() {
            return;
        }
        let groups = connector.arguments.iter();
        let groups = groups.map(|group| (&group.words, group.unless_secret.as_deref()));
        for (words, unless_secret) in groups.chain([(&connector.words, None)]) {
            for name in words.iter().flat_map(|word| placeholder::names(word)) {
                let given = role.fields.iter().find(|field| field.name == name);
                let carried = unless_secret == Some(name);
                let allowed = connector
                    .field(name)
                    .is_some_and(|field| field.argument && !field.secret);
                if given.is_some_and(|field| in_argument_is_leak(field) && !carried && !allowed) {
                    self.leak(name, &place, &format!("an argument of connector {}", connector.name));
                }
            }
        }
    }

    fn leak(&self, name: &str, place: &Place<'_>, where_: &str) {
        let message = format!("{}: {where_} places {name}, whose value is a secret", self.owner);
        self.scope
            .problem(place, Problem::new(&catalogue::REF_IN_ARGUMENT, message));
    }

    /// `{FIELD}` in the role's own words: a plain field of the role.
    fn check_arguments(&self, role: &Role) {
        for key in ["command", "args"] {
            let Some(entry) = self.get(key) else { continue };
            for (text, place) in entry.texts() {
                self.check_word(key, text, &place);
                for name in placeholder::names(text) {
                    match role.fields.iter().find(|field| field.name == name) {
                        Some(field) if in_argument_is_leak(field) => self.leak(name, &place, &format!("`{key}`")),
                        Some(_) => {}
                        None => {
                            let message =
                                format!("`{key}` of {} places a field that the role does not have", self.owner);
                            let known = role.fields.iter().map(|field| field.name.as_str());
                            self.scope.problem(&place, unknown_name(message, name, known));
                        }
                    }
                }
            }
        }
        if let Some(entry) = self.get("command")
            && role
                .command
                .as_ref()
                .is_some_and(|words| words.first().is_none_or(String::is_empty))
        {
            let message = format!("`command` of {} names no program", self.owner);
            self.scope
                .problem(&entry.place(), Problem::new(&catalogue::CONFIG_TYPE, message));
        }
    }

    /// A word that no argument can be, or that names a secret: as an argument it would be passed as it is written.
    fn check_word(&self, key: &str, text: &str, place: &Place<'_>) {
        if text.contains('\0') {
            let message = format!("`{key}` of {} holds a NUL byte, which no argument can", self.owner);
            let problem = Problem::new(&catalogue::REF_NUL_BYTE, message);
            self.scope.problem(place, problem.causes(Vec::new()).fixes(Vec::new()));
        }
        // What begins with a provider's name and a colon is usual in arguments: rclone's `aws:bucket`.
        let styled = text.trim_start().starts_with('_');
        if styled && !matches!(parse_value(text, self.world.names), Ok(Parsed::Plain)) {
            let message = format!("a word of `{key}` of {} looks like a reference to a secret", self.owner);
            let problem = Problem::new(&catalogue::REF_IN_ARGUMENT, message)
                .causes(vec![
                    "every program of the machine can read arguments: no secret is placed there".to_owned(),
                ])
                .fixes(vec![
                    "name the secret in a field, which the program reads from its environment".to_owned(),
                    "if the text is meant: fields.NAME = { literal = \"…\" }, and {NAME} in its place here".to_owned(),
                ]);
            self.scope.problem(place, problem);
        }
    }

    fn check_inherited(&self, role: &Role) {
        let Some(entry) = self.get("inherit") else { return };
        for (name, place) in entry.texts() {
            if !is_variable_name(name) {
                let message = format!("`inherit` of {} names environment variables", self.owner);
                let fix = "write it like this: inherit = [\"SSH_AUTH_SOCK\"]".to_owned();
                let problem = Problem::new(&catalogue::CONFIG_ENV_NAME, message).fixes(vec![fix]);
                self.scope.problem(&place, problem);
            } else if !role.fields.iter().any(|field| field.name == name)
                && name != "HOME"
                && name != "PATH"
                && name != "SHELL"
            {
                self.check_dangerous(name, &place);
            }
        }
    }

    /// A remark, unless it would be about what was saved of a broken file.
    fn warn_of(&self, text: String) {
        if !self.scope.muted {
            self.world.report.warn(text);
        }
    }

    fn warn(&self, role: &Role) {
        if role.env.is_none() && role.name.to_ascii_lowercase().contains("prod") {
            let message = format!("{} has prod in its name and no env", self.owner);
            self.warn_of(message);
        }
    }
}

/// Whether placing the field in an argument would show a secret to every process of the machine.
fn in_argument_is_leak(field: &Field) -> bool {
    field.masked || field.source.is_secret()
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
