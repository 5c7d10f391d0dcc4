//! The palette: every action by its name, and a few words that take an argument.

use super::{browse, launch, session};
use crate::ui::effects::Effect;
use crate::ui::keymap::{Action, Binding, Context, KEYMAP};
use crate::ui::model::{Model, Screen};

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What Enter runs.
    pub text: String,
    pub help: String,
    /// The key that does the same.
    pub key: String,
}

/// What can be run from here with what is typed so far, best first.
pub fn commands(model: &Model, typed: &str) -> Vec<Command> {
    let typed = typed.trim_start();
    if let Some(name) = typed.strip_prefix("connect ") {
        let name = name.trim().to_lowercase();
        let rows = model
            .roles
            .rows
            .iter()
            .filter(|row| row.name.to_lowercase().contains(&name));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|row| {
            (
                row.name.to_lowercase() != name,
                !row.name.to_lowercase().starts_with(&name),
            )
        });
        return rows
            .into_iter()
            .take(50)
            .map(|row| Command {
                text: format!("connect {}", row.name),
                help: format!("{} {}", row.kind, row.label),
                key: String::new(),
            })
            .collect();
    }
    let words = [
        ("connect ", "connect NAME: open a role", ""),
        ("q", "quit", "q"),
        ("check.failed", "show the roles that failed", ""),
    ];
    let words = words.iter().map(|(text, help, key)| Command {
        text: (*text).to_owned(),
        help: (*help).to_owned(),
        key: (*key).to_owned(),
    });
    let actions = KEYMAP
        .iter()
        .filter(|binding| offered(model, binding))
        .map(|binding| Command {
            text: binding.name.to_owned(),
            help: binding.help.to_owned(),
            key: crate::ui::keymap::key_text(binding.keys[0]),
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

/// Movements are keys, not commands; the rest is offered where it can do something.
fn offered(model: &Model, binding: &Binding) -> bool {
    let here = match binding.context {
        Context::Global => true,
        Context::Roles => model.screen == Screen::Roles,
        Context::Providers => model.screen == Screen::Providers,
        Context::Sessions => model.screen == Screen::Sessions,
        Context::Prefix => model.sessions.active_tab().is_some() && !binding.help.is_empty(),
        Context::List => binding.action == Action::Filter,
        Context::Copy | Context::CopyVi | Context::CopyEmacs | Context::Ended | Context::Replay | Context::Failure => {
            false
        }
    };
    here && !matches!(binding.action, Action::Palette | Action::Cancel | Action::Interrupt)
}

/// Runs a line of the palette; one that means nothing is said to.
pub(super) fn run(model: &mut Model, line: &str) -> Vec<Effect> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("connect ") {
        return launch::open_role(model, name.trim(), false);
    }
    match line {
        "" => return Vec::new(),
        "q" | "quit" => return super::quit(model),
        "check.failed" => {
            model.screen = Screen::Roles;
            model.roles.filter = crate::ui::input::Input::new("status:fail");
            crate::ui::search::refilter(model, None);
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
