//! Keys on the screens that list something: roles, providers, sessions.

use crossterm::event::KeyCode;

use super::{checks, contexts, dialog, launch, quit, session};
use crate::domain::filter::quoted;
use crate::domain::shell;
use crate::ui::effects::Effect;
use crate::ui::input::Input;
use crate::ui::keymap::{self, Action, Chord};
use crate::ui::layout;
use crate::ui::model::{Back, Dialog, Model, Pane, RowOf, Screen, Sort};
use crate::ui::search;
use crate::ui::view;

pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    if model.roles.editing && model.screen == Screen::Roles {
        return filter_key(model, chord);
    }
    match keymap::action(&contexts(model), chord) {
        Some(action) => act(model, action),
        None => {
            model.complain(format!("{chord} is not bound, ? for help"));
            Vec::new()
        }
    }
}

fn filter_key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    match (chord.ctrl, chord.code) {
        (_, KeyCode::Enter) if model.roles.shown.is_empty() => {
            if !take_suggestion(model) && model.roles.rows.is_empty() {
                dialog::show_problems(model);
            }
        }
        (_, KeyCode::Enter | KeyCode::Tab) => model.roles.editing = false,
        (_, KeyCode::Esc) => return act(model, Action::Cancel),
        (_, KeyCode::F(1)) => return act(model, Action::Help),
        (_, KeyCode::Down) | (true, KeyCode::Char('n')) => step(model, 1),
        (_, KeyCode::Up) | (true, KeyCode::Char('p')) => step(model, -1),
        (_, KeyCode::PageDown) => return act(model, Action::PageDown),
        (_, KeyCode::PageUp) => return act(model, Action::PageUp),
        (true, KeyCode::Char('z')) => return vec![Effect::Suspend],
        _ => {
            let before = model.roles.filter.text.clone();
            if model.roles.filter.key(chord) && model.roles.filter.text != before {
                // The best match of what was typed is what the person wants; without words there is no best one.
                let name = model.roles.selected_row().map(|row| row.name.clone());
                let keep = if model.roles.filter.text.trim().is_empty() {
                    name
                } else {
                    None
                };
                search::refilter(model, keep.as_deref());
            }
        }
    }
    Vec::new()
}

fn take_suggestion(model: &mut Model) -> bool {
    let Some(suggestion) = model.roles.suggestion.take() else {
        return false;
    };
    model.roles.filter = Input::new(&suggestion);
    search::refilter(model, None);
    true
}

/// Does what a key of the lists, or a name in the palette, says.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Help => {
            model.dialog = Some(Dialog::Help {
                filter: Input::default(),
                scroll: 0,
            });
        }
        Action::Palette => {
            model.dialog = Some(Dialog::Palette {
                input: Input::default(),
                selected: 0,
            });
        }
        Action::ShowRoles => model.screen = Screen::Roles,
        Action::ShowProviders => model.screen = Screen::Providers,
        Action::ShowSessions => model.screen = Screen::Sessions,
        Action::Back => return back(model),
        Action::Cancel => return cancel(model),
        Action::Interrupt => return super::interrupted(model),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::ReloadConfig => return vec![Effect::Reload],
        Action::ToggleMouse => return session::toggle_mouse(model),
        Action::Filter if view::is_first_run(model) => {
            model.screen = Screen::Roles;
            model.complain("no role yet: nothing to filter");
        }
        Action::Filter => {
            model.screen = Screen::Roles;
            model.roles.focus = Pane::List;
            model.roles.wide = false;
            model.roles.editing = true;
        }
        Action::Down
        | Action::Up
        | Action::First
        | Action::Last
        | Action::HalfPageDown
        | Action::HalfPageUp
        | Action::PageDown
        | Action::PageUp => {
            move_by(model, action);
        }
        Action::NextMatch => wrap_step(model, true),
        Action::PreviousMatch => wrap_step(model, false),
        Action::FocusNext if model.roles.focus == Pane::List => model.roles.focus = Pane::Detail,
        Action::FocusNext | Action::FocusList => (model.roles.focus, model.roles.wide) = (Pane::List, false),
        Action::FocusDetail => {
            model.roles.wide = model.roles.focus == Pane::Detail;
            model.roles.focus = Pane::Detail;
        }
        _ => return on_selected(model, action),
    }
    Vec::new()
}

/// The actions on the selected role, provider or session.
fn on_selected(model: &mut Model, action: Action) -> Vec<Effect> {
    match model.screen {
        Screen::Roles => on_role(model, action),
        Screen::Providers => on_provider(model, action),
        Screen::Sessions | Screen::Session => session::on_listed(model, action),
    }
}

fn on_role(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::SortNext => {
            let next = match model.roles.sort {
                Sort::Name => Sort::Env,
                Sort::Env => Sort::Status,
                Sort::Status => Sort::Name,
            };
            model.roles.sort = next;
            resort(model);
            return Vec::new();
        }
        Action::SortReverse => {
            model.roles.reverse = !model.roles.reverse;
            resort(model);
            return Vec::new();
        }
        Action::CheckAll => return checks::all(model),
        _ => {}
    }
    let Some(row) = model.roles.selected_row().cloned() else {
        if action == Action::Open && !take_suggestion(model) && !model.config.problems.is_empty() {
            dialog::show_problems(model);
        }
        return Vec::new();
    };
    match (action, row.of) {
        (Action::Open | Action::OpenBehind, RowOf::Broken(i)) => {
            dialog::show_broken(model, i);
            Vec::new()
        }
        (Action::Open, RowOf::Role(_)) => launch::open_role(model, &row.name, false),
        (Action::OpenBehind, RowOf::Role(_)) => launch::open_role(model, &row.name, true),
        (Action::CheckOne, RowOf::Role(_)) => checks::one(model, &row.name),
        (Action::CheckOne, RowOf::Broken(_)) => vec![Effect::Reload],
        (Action::CopyCommand, _) => {
            let role = shell::quoted(&row.name);
            vec![Effect::Copy(format!("{} connect {role}", model.program))]
        }
        (Action::Edit, RowOf::Role(i)) => edit(model.config.roles.get(i).map(|role| role.at.clone())),
        (Action::Edit, RowOf::Broken(i)) => edit(model.config.broken.get(i).map(|role| role.at.clone())),
        (Action::Info, _) => {
            model.roles.wide = !model.roles.wide;
            model.roles.focus = if model.roles.wide { Pane::Detail } else { Pane::List };
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn resort(model: &mut Model) {
    let name = model.roles.selected_row().map(|row| row.name.clone());
    search::refilter(model, name.as_deref());
}

fn edit(at: Option<crate::domain::problem::Location>) -> Vec<Effect> {
    at.map(|at| vec![Effect::Edit(at)]).unwrap_or_default()
}

fn on_provider(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(row) = model.providers.rows.get(model.providers.selected) else {
        return Vec::new();
    };
    let name = row.name.clone();
    match action {
        Action::Open => {
            model.roles.filter = Input::new(&format!("provider:{}", quoted(&name)));
            model.roles.editing = false;
            model.screen = Screen::Roles;
            search::refilter(model, None);
            Vec::new()
        }
        Action::CheckOne => checks::provider(model, model.providers.selected).into_iter().collect(),
        Action::CheckAll => checks::all_providers(model),
        Action::LogIn => launch::log_in(model, &name, Back::Providers),
        Action::Doctor => launch::examine(model, Some(name), Back::Providers),
        Action::CopyReport => vec![Effect::Copy(view::provider_report(model, model.providers.selected))],
        Action::Edit => {
            let at = model.config.providers.get(&name).and_then(|p| p.at.clone());
            if at.is_none() {
                model.complain(format!(
                    "{name} is configured by the environment alone, no file names it"
                ));
            }
            edit(at)
        }
        _ => Vec::new(),
    }
}

/// Whether there is nothing to go back to: `q` leaves.
pub fn at_top(model: &Model) -> bool {
    model.screen == Screen::Roles && model.roles.focus == Pane::List && !model.roles.wide
}

/// `q`: one step back, and from the top out.
fn back(model: &mut Model) -> Vec<Effect> {
    if model.screen != Screen::Roles {
        model.screen = Screen::Roles;
        return Vec::new();
    }
    if !at_top(model) {
        (model.roles.focus, model.roles.wide) = (Pane::List, false);
        return Vec::new();
    }
    quit(model)
}

/// Esc: ends what is open, step by step; never leaves, except from the screen of the first run.
fn cancel(model: &mut Model) -> Vec<Effect> {
    if model.screen != Screen::Roles {
        model.screen = Screen::Roles;
    } else if view::is_first_run(model) {
        return quit(model);
    } else if model.roles.wide || model.roles.focus == Pane::Detail {
        (model.roles.focus, model.roles.wide) = (Pane::List, false);
    } else if model.roles.editing || !model.roles.filter.text.is_empty() {
        let name = model.roles.selected_row().map(|row| row.name.clone());
        model.roles.editing = false;
        model.roles.filter.clear();
        search::refilter(model, name.as_deref());
    } else {
        return checks::cancel(model);
    }
    Vec::new()
}

/// Length, selected index and page of what the movement keys move in.
fn move_by(model: &mut Model, action: Action) {
    let page = usize::from(layout::list_rows(model).height).max(2) - 1;
    let scrolls_detail = model.screen == Screen::Roles && model.roles.focus == Pane::Detail;
    let (position, last) = if scrolls_detail {
        let limit = view::detail_scroll_limit(model);
        (&mut model.roles.detail_scroll, limit)
    } else {
        let count = count(model);
        (selected(model), count.saturating_sub(1))
    };
    let now = (*position).min(last);
    *position = match action {
        Action::Down => now + 1,
        Action::Up => now.saturating_sub(1),
        Action::First => 0,
        Action::Last => last,
        Action::HalfPageDown => now + page.div_ceil(2),
        Action::HalfPageUp => now.saturating_sub(page.div_ceil(2)),
        Action::PageDown => now + page,
        _ => now.saturating_sub(page),
    }
    .min(last);
    if !scrolls_detail {
        model.roles.detail_scroll = 0;
    }
}

fn count(model: &Model) -> usize {
    match model.screen {
        Screen::Roles => model.roles.shown.len(),
        Screen::Providers => model.providers.rows.len(),
        Screen::Sessions | Screen::Session => model.sessions.tabs.len(),
    }
}

fn selected(model: &mut Model) -> &mut usize {
    match model.screen {
        Screen::Roles => &mut model.roles.selected,
        Screen::Providers => &mut model.providers.selected,
        Screen::Sessions | Screen::Session => &mut model.sessions.selected,
    }
}

/// Moves the selection by rows, in the list alone.
pub(super) fn step(model: &mut Model, rows: isize) {
    let last = count(model).saturating_sub(1);
    let selected = selected(model);
    *selected = selected.saturating_add_signed(rows).min(last);
    model.roles.detail_scroll = 0;
}

fn wrap_step(model: &mut Model, forward: bool) {
    let count = count(model).max(1);
    let selected = selected(model);
    *selected = (*selected + if forward { 1 } else { count - 1 }) % count;
    model.roles.detail_scroll = 0;
}
