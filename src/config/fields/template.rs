//! `{ template = …, name = … }`: a field that is put together of named parts.

use super::{FieldReader, OPTION_KEYS, ORIGINS};
use crate::config::source::shown;
use crate::config::walk::Entry;
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::role::{Source, TemplatePart};
use crate::domain::secret::Template;

impl FieldReader<'_, '_> {
    pub(super) fn template(&self, origin: &Entry<'_>, text: &str, members: &[Entry<'_>]) -> Option<Source> {
        let is_option = |name: &str| ORIGINS.iter().chain(OPTION_KEYS).any(|key| key.name == name);
        let given = members.iter().filter(|member| !is_option(member.name));
        let fix = "name the secret as a part: { template = \"…{name}…\", name = \"_KIND:ID:KEY\" }";
        self.plain_only(origin, text, "the template", fix)?;
        self.without_nul(origin, text)?;
        let placed: Vec<&str> = match Template::parse(text) {
            Ok(template) => template.names().collect(),
            Err(error) => {
                let message = format!("{}: {}", self.what, printable(&error.to_string()));
                let problem = Problem::new(&catalogue::CONFIG_TYPE, message);
                self.scope.problem(&origin.place(), problem);
                return None;
            }
        };
        let mut parts = Vec::new();
        let mut whole = true;
        for member in given {
            if !placed.contains(&member.name) {
                let message = format!(
                    "`{}` of {} is not placed in the template",
                    shown(member.name),
                    self.what
                );
                let problem = Problem::new(&catalogue::CONFIG_UNKNOWN_KEY, message)
                    .fixes(vec![format!("place it as {{{}}}, or remove it", shown(member.name))]);
                self.scope.problem(&member.key_place(), problem);
                whole = false;
            }
            match self.part(member) {
                Some(part) => parts.push(part),
                None => whole = false,
            }
        }
        for name in placed {
            if is_option(name) {
                let message = format!(
                    "the template of {} places {{{name}}}, and `{name}` is an option of the field: no part can be called so",
                    self.what
                );
                let problem = Problem::new(&catalogue::CONFIG_NAME, message)
                    .causes(Vec::new())
                    .fixes(vec!["give the part another name".to_owned()]);
                self.scope.problem(&origin.place(), problem);
                whole = false;
            } else if !members.iter().any(|member| member.name == name) {
                let message = format!(
                    "the template of {} places {{{}}}, which is not given",
                    self.what,
                    shown(name)
                );
                let problem = Problem::new(&catalogue::CONFIG_MISSING_KEY, message)
                    .fixes(vec![format!("give it beside the template: {} = \"…\"", shown(name))]);
                self.scope.problem(&origin.place(), problem);
                whole = false;
            }
        }
        whole.then(|| Source::Template {
            text: text.to_owned(),
            parts,
        })
    }

    /// A named part of a template: a plain string or reference, `{ literal = … }`, `{ secret = … }` with the options that concern its value.
    fn part(&self, member: &Entry<'_>) -> Option<TemplatePart> {
        let reader = FieldReader {
            scope: self.scope,
            names: self.names,
            what: format!("`{}` of {}", shown(member.name), self.what),
        };
        let field = reader.field(member)?;
        let has_way = member.members().iter().any(|option| option.name == "via");
        let unfit = match field.source {
            Source::Template { .. } => Some("a part of a template cannot be a template"),
            // Made only when the other fields are known.
            Source::RdsIam(_) => Some("a login token stands in a field of its own, not in a template"),
            _ if has_way => Some("`via` stands beside the template: a part goes where the whole goes"),
            _ => None,
        };
        if let Some(unfit) = unfit {
            let message = format!("{}: {unfit}", reader.what);
            self.scope
                .problem(&member.key_place(), Problem::new(&catalogue::CONFIG_TYPE, message));
            return None;
        }
        Some(TemplatePart {
            name: field.name,
            source: field.source,
            trim: field.trim,
            optional: field.optional,
            default: field.default,
        })
    }
}
