//! The rules that a role must keep: which names it may set, what may stand in it as plain text, and what in an argument.

use super::Assembly;
use crate::config::dangerous::is_dangerous;
use crate::config::fields::WrittenField;
use crate::config::report::Place;
use crate::config::source::names_a_secret;
use crate::config::walk::unknown_name;
use crate::domain::address::password_of;
use crate::domain::catalogue;
use crate::domain::connector::{Connector, ConnectorField};
use crate::domain::placeholder;
use crate::domain::problem::Problem;
use crate::domain::reference::{Parsed, is_variable_name, parse_value};
use crate::domain::role::{Field, Role, Source, Via};

impl<'a> Assembly<'_, 'a> {
    pub(super) fn check_dangerous(&self, name: &str, place: &Place<'_>) {
        let allowed = || self.texts("allow_dangerous_env").unwrap_or_default();
        if !is_dangerous(name) || allowed().iter().any(|allowed| allowed == name) {
            return;
        }
        let message = format!("{} sets {name}, which changes what programs load or start", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_DANGEROUS_ENV, message).fixes(vec![format!(
            "if it is meant, add to the role: allow_dangerous_env = [\"{name}\"]"
        )]);
        self.scope.problem(place, problem);
    }

    /// A secret that is typed into a role file: refused unless the role says that it is meant, twice.
    pub(super) fn check_plaintext(&self, written: &WrittenField<'a>) {
        let said = |default: &Option<String>| default.as_ref().is_some_and(|default| !default.is_empty());
        let plain = match &written.source {
            Source::Plain(_) => true,
            Source::Template { parts, .. } => {
                !parts.iter().any(|part| part.source.is_secret()) || parts.iter().any(|part| said(&part.default))
            }
            _ => said(&written.default),
        };
        let meant = self.allows_plaintext();
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

    fn allows_plaintext(&self) -> bool {
        let entry = self.get("allow_plaintext");
        entry.and_then(|entry| entry.value.get_ref().as_bool()) == Some(true)
    }

    /// Whether plain text in a field that no connector knows is taken for a secret: by its name, or because it is an address with a password.
    /// `{ literal = … }` says that it is none, unless the role admits by `allow_plaintext` that it has some.
    pub(super) fn is_plain_secret(&self, written: &WrittenField<'a>) -> bool {
        if written.literal && !self.allows_plaintext() {
            return false;
        }
        match &written.source {
            Source::Plain(text) | Source::Template { text, .. } if !written.source.is_secret() => {
                !text.is_empty() && (names_a_secret(&written.name) || password_of(text).is_some())
            }
            _ => false,
        }
    }

    /// A client that takes the value itself would take the file's path for it. What a command of the role's own does is not known.
    pub(super) fn check_path(&self, written: &WrittenField<'a>, known: &ConnectorField) {
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

    /// A field that the connector needs cannot be left out: every launch would be refused where its secret is not there.
    pub(super) fn check_optional(&self, written: &WrittenField<'a>, known: &ConnectorField) {
        if !known.required || !written.optional || written.default.is_some() {
            return;
        }
        let name = &written.name;
        let message = format!("{name} of {} is optional, and its connector needs it", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_FIELD_MISSING, message)
            .causes(vec![
                "where the secret is not there, the field would have no value".to_owned(),
            ])
            .fixes(vec![
                "remove optional = true".to_owned(),
                format!("say what holds then: {name} = {{ secret = \"…\", default = \"…\" }}"),
            ]);
        self.scope.problem(&written.place, problem);
    }

    /// A misspelt field of the connector would reach the child under the wrong name, and a password past the check above.
    pub(super) fn warn_unknown(&self, written: &WrittenField<'a>, connector: Option<&Connector>) {
        if self.warn_misspelt(&written.name, connector) {
            return;
        }
        if self.is_plain_secret(written) {
            self.warn_of(format!(
                "{} of {} looks like a secret and stands in the file as plain text: hallpass secret set {}#{}",
                written.name, self.owner, self.name, written.name
            ));
        }
    }

    /// Whether the name is one of the connector's fields but for a slip or two; the remark is made.
    pub(super) fn warn_misspelt(&self, name: &str, connector: Option<&Connector>) -> bool {
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

    pub(super) fn check_command(&self, role: &Role, connector: Option<&Connector>) {
        let Some(connector) = connector else { return };
        let place = self.layers[0].entry.key_place();
        if connector.programs.is_empty() && role.command.as_ref().is_none_or(Vec::is_empty) {
            let message = format!("{} has the connector {} and no command", self.owner, connector.name);
            let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fixes(vec![
                "add to the role: command = [\"PROGRAM\", \"ARGUMENT\"]".to_owned(),
            ]);
            self.scope.problem(&place, problem);
            return;
        }
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
                    let problem = self.leak(name, role, &format!("an argument of connector {}", connector.name));
                    self.scope.problem(&place, problem);
                }
            }
        }
    }

    fn leak(&self, name: &str, role: &Role, where_: &str) -> Problem {
        let field = role.fields.iter().find(|field| field.name == name);
        if field.is_none_or(|field| field.source.is_secret()) {
            let message = format!("{}: {where_} places {name}, whose value is a secret", self.owner);
            return Problem::new(&catalogue::REF_IN_ARGUMENT, message);
        }
        let message = format!("{}: {where_} places {name}, which looks like a secret", self.owner);
        Problem::new(&catalogue::REF_IN_ARGUMENT, message)
            .causes(vec!["by its name, or as an address with a password".to_owned()])
            .fix(format!("if it is no secret: fields.{name} = {{ literal = \"…\" }}"))
    }

    /// `{FIELD}` in the role's own words: a plain field of the role.
    pub(super) fn check_arguments(&self, role: &Role) {
        for key in ["command", "args"] {
            let Some(entry) = self.get(key) else { continue };
            for (text, place) in entry.texts() {
                self.check_word(key, text, &place);
                for name in placeholder::names(text) {
                    match role.fields.iter().find(|field| field.name == name) {
                        Some(field) if in_argument_is_leak(field) => {
                            let mut problem = self.leak(name, role, &format!("`{key}`"));
                            if text.contains(&format!("${{{name}}}")) {
                                let fix = format!("for a shell, write ${name}: {{{name}}} is placed before it starts");
                                problem = problem.fix(fix);
                            }
                            self.scope.problem(&place, problem);
                        }
                        Some(_) => {}
                        // Its own mistake is told.
                        None if self.is_written(name) => {}
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

    fn is_written(&self, field: &str) -> bool {
        let tables = self.layers.iter().filter_map(|layer| layer.table.get("fields"));
        tables
            .into_iter()
            .any(|fields| fields.members().iter().any(|member| member.name == field))
    }

    /// A role that gives nothing and opens nothing; without a client its fields are there for `exec`.
    pub(super) fn check_purpose(&self, role: &Role) {
        // What the layers have wrong may be what is missing.
        if role.has_client() || !role.fields.is_empty() || !role.inherit.is_empty() || self.scope.has_problems() {
            return;
        }
        let message = format!("{} has neither a connector nor a command nor fields", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message).fixes(vec![
            "add to the role: connector = \"NAME\", or command = [\"PROGRAM\"], or fields for `hallpass exec`"
                .to_owned(),
        ]);
        self.scope.problem(&self.layers[0].entry.key_place(), problem);
    }

    /// A folder without a name would be the one that hallpass stands in, by chance.
    pub(super) fn check_folder(&self) {
        let Some(entry) = self.get("cwd").filter(|entry| entry.text() == Some("")) else {
            return;
        };
        let message = format!("`cwd` of {} names no folder", self.owner);
        let problem = Problem::new(&catalogue::CONFIG_TYPE, message).fixes(vec![
            "name one, or remove cwd: the role then runs where hallpass was started".to_owned(),
        ]);
        self.scope.problem(&entry.place(), problem);
    }

    /// A word that no argument can be, or that names a secret: as an argument it would be passed as it is written.
    fn check_word(&self, key: &str, text: &str, place: &Place<'_>) {
        if text.contains('\0') {
            let message = format!("`{key}` of {} holds a NUL byte, which no argument can", self.owner);
            let problem = Problem::new(&catalogue::REF_NUL_BYTE, message);
            let fix = "take `\\u0000` out of it".to_owned();
            self.scope.problem(place, problem.causes(Vec::new()).fixes(vec![fix]));
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

    pub(super) fn check_inherited(&self, role: &Role) {
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

    pub(super) fn warn(&self, role: &Role) {
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
