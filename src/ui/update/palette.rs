//! The palette: every action by its name, and a few words that take an argument.

use super::{at_top, browse, contexts, launch, session};
use crate::domain::filter::quoted;
use crate::ui::effects::Effect;
use crate::ui::input::Input;
use crate::ui::keymap::{Action, Binding, Context, KEYMAP, key_text};
use crate::ui::model::{Model, Pane, RoleRow, Screen};
use crate::ui::search;

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What Enter runs.
    pub text: String,
    pub help: String,
    /// The key that does the same.
    pub key: String,
}

/// Words that take an argument or stand for more than one key: what is typed, what it does.
const WORDS: &[(&str, &str)] = &[
    ("connect ", "connect NAME: open a role"),
    ("env ", "env NAME: only its roles"),
    ("quit", "leave; asks while sessions run"),
    ("check.failed", "show the roles that failed"),
];

/// What can be run from here with what is typed so far, best first.
pub fn commands(model: &Model, typed: &str) -> Vec<Command> {
    let typed = typed.trim_start();
    if let Some(name) = typed.strip_prefix("connect ") {
        return roles(model, &name.trim().to_lowercase());
    }
    if let Some(name) = typed.strip_prefix("env ") {
        return environments(model, &name.trim().to_lowercase());
    }
    let contexts = contexts(model);
    let words = WORDS.iter().map(|(text, help)| Command {
        text: (*text).to_owned(),
        help: (*help).to_owned(),
        key: if *text == "quit" && at_top(model) { "q" } else { "" }.to_owned(),
    });
    let actions = KEYMAP
        .iter()
        .filter(|binding| offered(model, binding))
        .map(|binding| Command {
            text: binding.name.to_owned(),
            help: binding.help.to_owned(),
            key: key(model, &contexts, binding),
        });
    let typed = typed.trim_end().to_lowercase();
    let mut found: Vec<Command> = words
        .chain(actions)
        .filter(|c| c.text.contains(&typed) || c.help.to_lowercase().contains(&typed))
        .collect();
    found.sort_by_key(|c| {
        (
            c.text.trim_end() != typed,
            !c.text.starts_with(&typed),
            !c.text.contains(&typed),
        )
    });
    found
}

/// The roles whose name holds this; the one that is called so, and those that begin so, first.
fn roles(model: &Model, name: &str) -> Vec<Command> {
    let mut rows: Vec<(String, &RoleRow)> = model
        .roles
        .rows
        .iter()
        .map(|row| (row.name.to_lowercase(), row))
        .collect();
    rows.retain(|(lower, _)| lower.contains(name));
    rows.sort_by_key(|(lower, _)| (lower != name, !lower.starts_with(name)));
    let found = rows.into_iter().take(50).map(|(_, row)| Command {
        text: format!("connect {}", row.name),
        help: format!("{} {}", row.kind, row.label),
        key: String::new(),
    });
    found.collect()
}

/// The environments whose name begins so, with how many roles they have.
fn environments(model: &Model, name: &str) -> Vec<Command> {
    let named = model.roles.environments().into_iter();
    let named = named.filter_map(|(env, count)| Some((env?, count)));
    let found = named.filter(|(env, _)| env.to_lowercase().starts_with(name));
    let found = found.map(|(env, count)| Command {
        text: format!("env {env}"),
        help: format!("{count} role{}", if count == 1 { "" } else { "s" }),
        key: String::new(),
    });
    found.collect()
}

/// The key that does the same from here, with the prefix where it takes that; none where no key does.
fn key(model: &Model, contexts: &[Context], binding: &Binding) -> String {
    let key = key_text(binding.keys[0]);
    match binding.context {
        Context::Prefix if model.screen == Screen::Session => format!("{} {key}", model.prefix),
        context if contexts.contains(&context) => key,
        _ => String::new(),
    }
}

/// Movements are keys, not commands; the rest is offered where it can do something, and once where two keys do it.
fn offered(model: &Model, binding: &Binding) -> bool {
    let in_session = model.screen == Screen::Session;
    let also = |context| {
        KEYMAP
            .iter()
            .any(|b| b.context == context && b.action == binding.action)
    };
    let here = match binding.context {
        Context::Global => !in_session || !also(Context::Prefix),
        // The palette's own word opens any role.
        Context::Roles => model.screen == Screen::Roles && binding.action != Action::Open,
        Context::Providers => model.screen == Screen::Providers,
        Context::Sessions => model.screen == Screen::Sessions,
        Context::Prefix => {
            model.sessions.active_tab().is_some() && !binding.help.is_empty() && (in_session || !also(Context::Global))
        }
        Context::List => binding.action == Action::Filter,
        Context::Panes
        | Context::Copy
        | Context::CopyVi
        | Context::CopyEmacs
        | Context::Ended
        | Context::Replay
        | Context::Failure => false,
    };
    here && !matches!(
        binding.action,
        Action::Palette | Action::Cancel | Action::Interrupt | Action::Back
    )
}

/// Goes to the roles that a filter leaves.
fn show_filtered(model: &mut Model, filter: &str) {
    model.screen = Screen::Roles;
    (model.roles.focus, model.roles.wide, model.roles.editing) = (Pane::List, false, false);
    model.roles.filter = Input::new(filter);
    search::refilter(model, None);
}

/// Runs a line of the palette; one that means nothing is said to.
pub(super) fn run(model: &mut Model, line: &str) -> Vec<Effect> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("connect ") {
        return launch::open_role(model, name.trim(), false);
    }
    if let Some(name) = line.strip_prefix("env ") {
        show_filtered(model, &format!("env:{}", quoted(name.trim())));
        return Vec::new();
    }
    match line {
        "" => return Vec::new(),
        "q" | "quit" => return super::quit(model),
        "check.failed" => {
            show_filtered(model, "status:fail");
            return Vec::new();
        }
        _ => {}
    }
    let found = KEYMAP
        .iter()
        .filter(|binding| offered(model, binding))
        .find(|binding| binding.name == line);
    match found {
        Some(binding) if binding.context == Context::Prefix => session::act(model, binding.action),
        Some(binding) => browse::act(model, binding.action),
        None => {
            model.complain(format!("{line} is not a command"));
            Vec::new()
        }
    }
}
