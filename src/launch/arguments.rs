//! The child's arguments, word by word, no shell in between. A secret never becomes part of one.

use crate::domain::catalogue;
use crate::domain::connector::{ArgumentGroup, Connector, ConnectorFile, FileLine};
use crate::domain::placeholder::{self, Piece};
use crate::domain::problem::Problem;
use crate::domain::role::{Field, Role, Source};
use crate::domain::secret::ChildEnv;

/// Words that mean no, for a group that depends on a switch.
const NO: &[&str] = &["", "0", "no", "false", "off"];

/// Whether the text of a field that an argument depends on says yes.
pub(super) fn says_yes(text: &str) -> bool {
    !NO.contains(&text)
}

/// The words behind the program: the connector's files, its groups (or the role's own command), the role's `args`.
pub(super) fn expand(
    role: &Role,
    connector: Option<&Connector>,
    env: &mut ChildEnv,
    own: &[String],
) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    if let Some(connector) = connector.filter(|_| role.command.is_none()) {
        for file in &connector.files {
            words.extend(expand_file(file, role, env)?);
        }
        for word in &connector.words {
            words.push(fill(word, role, Some(connector), env)?.text);
        }
        for group in &connector.arguments {
            words.extend(expand_group(group, role, connector, env)?);
        }
    }
    for word in own.iter().chain(&role.args) {
        words.push(fill(word, role, connector, env)?.text);
    }
    Ok(words)
}

/// Makes the file in memory and gives the words that name it; none if no field that it carries comes from a provider.
fn expand_file(file: &ConnectorFile, role: &Role, env: &mut ChildEnv) -> Result<Vec<String>, Problem> {
    let present = env.names();
    let carried = |line: &&FileLine| {
        let field = role.fields.iter().find(|field| field.name == line.field);
        present.contains(&line.field) && field.is_some_and(|field| field.source.is_secret())
    };
    let lines: String = file
        .lines
        .iter()
        .filter(carried)
        .map(|line| line.text.as_str())
        .collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    env.render_file(&file.name, &format!("{}{lines}", file.head))
        .map_err(|error| Problem::new(&catalogue::CLIENT_START, format!("the file `{}`: {error}", file.name)))?;
    let path = env.file_mark(&file.name);
    Ok(file
        .arguments
        .iter()
        .map(|word| word.replace("{path}", &path))
        .collect())
}

/// The words of a group; none of them if a field that it names has no value.
fn expand_group(
    group: &ArgumentGroup,
    role: &Role,
    connector: &Connector,
    env: &ChildEnv,
) -> Result<Vec<String>, Problem> {
    let field = |name: &String| role.fields.iter().find(|field| field.name == *name);
    if group.with_token && !role.has_token() {
        return Ok(Vec::new());
    }
    if let Some(switch) = &group.when {
        let text = field(switch).and_then(|field| text_of(field, true, env));
        if !text.is_some_and(|text| says_yes(&text)) {
            return Ok(Vec::new());
        }
    }
    if group
        .unless_secret
        .as_ref()
        .and_then(field)
        .is_some_and(|field| field.source.is_secret())
    {
        return Ok(Vec::new());
    }
    let mut words = Vec::new();
    for word in &group.words {
        let filled = fill(word, role, Some(connector), env)?;
        if !filled.complete {
            return Ok(Vec::new());
        }
        words.push(filled.text);
    }
    Ok(words)
}

/// One word with its fields placed.
struct Filled {
    text: String,
    /// Whether each of its fields has a value: one that has none is placed as nothing.
    complete: bool,
}

/// Replaces every `{FIELD}` of a word.
fn fill(word: &str, role: &Role, connector: Option<&Connector>, env: &ChildEnv) -> Result<Filled, Problem> {
    let mut filled = Filled {
        text: String::new(),
        complete: true,
    };
    for piece in placeholder::pieces(word) {
        let name = match piece {
            Piece::Text(text) => {
                filled.text.push_str(text);
                continue;
            }
            Piece::Field { name, .. } => name,
        };
        let known = connector.and_then(|connector| connector.field(name));
        match role.fields.iter().find(|field| field.name == name) {
            Some(field) => {
                let allowed = known.is_some_and(|known| known.argument);
                if field.source.is_secret() && !allowed {
                    return Err(in_argument(name, role, field));
                }
                match text_of(field, allowed, env) {
                    Some(text) if !text.is_empty() => filled.text.push_str(&text),
                    _ => filled.complete = false,
                }
            }
            None if known.is_some() => filled.complete = false,
            None => filled.text.push_str(&format!("{{{name}}}")),
        }
    }
    Ok(filled)
}

/// The text of a field that may stand in an argument.
fn text_of(field: &Field, allowed: bool, env: &ChildEnv) -> Option<String> {
    match &field.source {
        Source::Plain(text) => Some(text.clone()),
        // A template of plain parts has got its text by now.
        source if allowed || !source.is_secret() => env.shown_text(&field.name).map(str::to_owned),
        _ => None,
    }
}

fn in_argument(name: &str, role: &Role, field: &Field) -> Problem {
    let what = format!("an argument of role `{}` names {name}, which is a secret", role.name);
    Problem::new(&catalogue::REF_IN_ARGUMENT, what).at(field.at.clone().unwrap_or_else(|| role.at.clone()))
}
