//! The command as it will run, for people: plain fields show their value, those of a provider the name of their variable.

use super::arguments::says_yes;
use crate::config::Config;
use crate::domain::placeholder::{self, Piece};
use crate::domain::role::{Role, Source};

/// The words of the role's command, joined by blanks: `redis-cli -h 127.0.0.1 --user $REDIS_USER`; how any command is run with its fields
/// where it has none.
pub fn preview(config: &Config, role: &Role) -> String {
    if !role.has_client() {
        return format!("hallpass exec {} -- COMMAND", role.name);
    }
    let mut words: Vec<String> = Vec::new();
    let source = |name: &str| Some(&role.fields.iter().find(|field| field.name == name)?.source);
    let has = |name: &str| source(name).is_some_and(|source| !matches!(source, Source::Plain(text) if text.is_empty()));
    // What a provider will say is not known yet.
    let on = |name: &str| source(name).is_some_and(|source| !matches!(source, Source::Plain(text) if !says_yes(text)));
    let connector = role.connector.as_ref().and_then(|name| config.connectors.get(name));
    if let Some(command) = &role.command {
        words.extend(command.iter().cloned());
    } else if let Some(connector) = connector {
        words.extend(connector.programs.first().cloned());
        words.extend(connector.words.iter().cloned());
        for group in &connector.arguments {
            let carried = group.unless_secret.as_deref();
            let carried = carried.and_then(source).is_some_and(Source::is_secret);
            let complete = group.words.iter().flat_map(|word| placeholder::names(word)).all(has);
            let wanted = !group.with_token || role.has_token();
            if wanted && !carried && complete && group.when.as_deref().is_none_or(on) {
                words.extend(group.words.iter().cloned());
            }
        }
    }
    words.extend(role.args.iter().cloned());
    let shown: Vec<String> = words.iter().map(|word| show(word, role)).collect();
    shown.join(" ")
}

fn show(word: &str, role: &Role) -> String {
    let text = |piece: &Piece<'_>| match *piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Field { name, .. } => {
            let field = role.fields.iter().find(|field| field.name == name);
            match field.map(|field| (&field.source, field.masked)) {
                Some((Source::Plain(value), false)) => value.clone(),
                _ => format!("${name}"),
            }
        }
    };
    placeholder::pieces(word).iter().map(text).collect()
}
