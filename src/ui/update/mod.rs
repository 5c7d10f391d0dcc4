//! `update`: a message in, the model changed, effects out. Pure: no clock, no I/O; `Model::now` is set by the loop.

mod browse;
mod checks;
mod clipboard;
mod copy_mode;
mod dialog;
mod launch;
mod lease;
mod limits;
mod mouse;
mod palette;
mod paste;
mod replay;
mod session;
mod session_info;
mod tab_list;

use crate::ui::effects::Effect;
use crate::ui::keymap::{Chord, Context};
use crate::ui::layout::{self, Form};
use crate::ui::message::Message;
use crate::ui::model::{Dialog, Model, Screen, Tab, TabState};
use crate::ui::text::seconds_between;

pub use browse::at_top;
pub use launch::{failure_code, open};
pub use palette::commands as palette_commands;
pub use replay::open as replay;
pub use tab_list::rows as tab_list_rows;

/// Twice within this many seconds, Ctrl-C asks to leave.
const INTERRUPT_TWICE: i64 = 2;
/// How long sessions may take to end before hallpass leaves without them.
const LEAVE_DEADLINE: i64 = 8;

/// Takes one message. What must happen outside the model is answered, in order.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = match message {
        Message::Key(key) => key_pressed(model, Chord::of(key), key),
        Message::Paste(text) => pasted(model, &text),
        Message::Mouse(event) => mouse::update(model, event),
        Message::Resize { columns, rows } => resized(model, columns, rows),
        Message::Focus(gained) => session::focus_changed(model, gained),
        Message::Tick => tick(model),
        Message::RoleChecked { generation, status } => checks::role_checked(model, generation, status),
        Message::ProviderChecked { generation, status } => checks::provider_checked(model, generation, status),
        Message::Opened { generation, opened } => launch::opened(model, generation, opened),
        Message::OpenFailed { generation, problems } => launch::failed(model, generation, problems),
        Message::Unlocked { generation, result } => dialog::unlocked(model, generation, result),
        Message::Session { tab, event } => session::event(model, tab, event),
        Message::Lease(news) => lease::news(model, news),
        Message::Recording { generation, result } => replay::loaded(model, generation, result),
        Message::Found { generation, times } => {
            replay::found(model, generation, times);
            Vec::new()
        }
        Message::Transcript { generation, lines } => {
            replay::transcribed(model, generation, lines);
            Vec::new()
        }
        Message::Reloaded { config } => reloaded(model, config),
        Message::Said { text, bad } => {
            if bad {
                model.complain(text);
            } else {
                model.notify(text);
            }
            Vec::new()
        }
        Message::Signal(code) => leave(model, code),
    };
    close_question_of_ended(model);
    effects.extend(clipboard::serve(model));
    keep_in_view(model);
    if let Some((_, code)) = model.leaving
        && model.sessions.live() == 0
    {
        model.exit = Some(code);
    }
    if model.exit.is_some() {
        effects.retain(|effect| !matches!(effect, Effect::CheckRole { .. } | Effect::CheckProvider { .. }));
    }
    effects
}

/// A question about a session that has ended has no answer, and one about a tab that is gone is not even drawn.
fn close_question_of_ended(model: &mut Model) {
    let tab = |id: u64| model.sessions.tabs.iter().find(|tab| tab.id == id);
    let asks_in_vain = match &model.dialog {
        Some(Dialog::Close { tab: id, .. } | Dialog::Paste { tab: id, .. }) => {
            tab(*id).is_none_or(|tab| !tab.is_live())
        }
        // A program may set the clipboard and end.
        Some(Dialog::Clipboard { tab: id, .. }) => tab(*id).is_none(),
        _ => false,
    };
    if asks_in_vain {
        model.dialog = None;
    }
}

/// The contexts of the keymap that apply on the screen in front, the innermost first.
pub fn contexts(model: &Model) -> Vec<Context> {
    if model.replay.is_some() {
        return vec![Context::Replay];
    }
    match model.screen {
        Screen::Roles => vec![Context::Roles, Context::List, Context::Panes, Context::Global],
        Screen::Providers => vec![Context::Providers, Context::List, Context::Global],
        Screen::Sessions => vec![Context::Sessions, Context::List, Context::Global],
        Screen::Session if model.sessions.prefix => vec![Context::Prefix],
        Screen::Session if model.sessions.active_tab().is_some_and(|tab| tab.copy_mode().is_some()) => {
            copy_mode::contexts(model)
        }
        // Every key of a live one is its program's.
        Screen::Session if model.sessions.active_tab().is_some_and(Tab::is_live) => vec![Context::Ended],
        Screen::Session => vec![Context::Ended, Context::Global],
    }
}

fn key_pressed(model: &mut Model, chord: Chord, key: crossterm::event::KeyEvent) -> Vec<Effect> {
    model.notice = None;
    let interrupt = chord
        == (Chord {
            code: crossterm::event::KeyCode::Char('c'),
            ctrl: true,
            alt: false,
            shift: false,
        });
    if model.leaving.is_some() {
        // They do not end: a second thought is not possible any more, leaving at once is.
        if interrupt {
            model.exit = model.leaving.map(|(_, code)| code);
        }
        return Vec::new();
    }
    if model.dialog.is_some() {
        return dialog::key(model, chord);
    }
    if model.replay.is_some() {
        return replay::key(model, chord);
    }
    if model.opening.is_some() {
        if interrupt || chord.code == crossterm::event::KeyCode::Esc {
            return launch::cancel(model);
        }
        return Vec::new();
    }
    if model.screen == Screen::Session {
        return session::key(model, chord, key);
    }
    // Nothing of a list can be seen there: no key may change what it shows.
    if Form::of(model.size) == Form::TooSmall {
        let is = |keys: &[&str]| keys.iter().any(|key| Chord::parse(key) == Some(chord));
        if interrupt || is(&["q"]) {
            return quit(model);
        }
        // A session is shown at any size.
        if is(&["enter", "esc"]) {
            session::show_index(model, model.sessions.active);
        }
        return Vec::new();
    }
    if interrupt {
        return interrupted(model);
    }
    browse::key(model, chord)
}

/// Cancels what runs; the second time within two seconds it asks to leave.
fn interrupted(model: &mut Model) -> Vec<Effect> {
    let twice = model
        .interrupted
        .is_some_and(|at| seconds_between(at, model.now) < INTERRUPT_TWICE);
    model.interrupted = Some(model.now);
    if twice {
        return quit(model);
    }
    let effects = checks::cancel(model);
    if effects.is_empty() {
        model.notify("Ctrl-C again quits");
    } else {
        model.notify("cancelled");
    }
    effects
}

/// Leaves, or asks first when sessions are live.
fn quit(model: &mut Model) -> Vec<Effect> {
    if model.sessions.live() > 0 {
        model.dialog = Some(Dialog::Quit { leave: false });
        return Vec::new();
    }
    let code = exit_code(model);
    leave(model, code)
}

/// The exit code of leaving now: that of the session that hallpass was started for, else 0.
fn exit_code(model: &Model) -> i32 {
    let ended = model.sessions.tabs.first().filter(|_| model.single);
    match ended.map(|tab| &tab.state) {
        Some(TabState::Ended(ending)) => ending.code,
        _ => 0,
    }
}

/// Ends all sessions, then the program.
fn leave(model: &mut Model, code: i32) -> Vec<Effect> {
    let effects: Vec<Effect> = model
        .sessions
        .tabs
        .iter()
        .filter(|tab| tab.is_live())
        .map(|tab| Effect::HangUp { tab: tab.id })
        .collect();
    model.dialog = None;
    model.replay = None;
    model.leaving = Some((model.now, code));
    model.screen = Screen::Roles;
    let mut cancelled = launch::cancel(model);
    cancelled.extend(effects);
    cancelled
}

fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    match &mut model.dialog {
        Some(Dialog::Help { filter, scroll }) => {
            filter.insert(text);
            *scroll = 0;
        }
        Some(
            Dialog::Palette { input, selected }
            | Dialog::Tabs {
                filter: input,
                selected,
            },
        ) => {
            input.insert(text);
            *selected = 0;
        }
        Some(Dialog::Passphrase {
            input, waiting: None, ..
        }) => input.push_str(text.trim_end_matches(['\r', '\n'])),
        Some(_) => {}
        None if model.replay.is_some() => replay::pasted(model, text),
        None if model.opening.is_some() || model.leaving.is_some() => {}
        None if model.screen == Screen::Session => return paste::into_session(model, text),
        None if model.roles.editing => {
            model.roles.filter.insert(text);
            crate::ui::search::refilter(model, None);
        }
        None => model.complain("nothing to paste into here"),
    }
    Vec::new()
}

fn resized(model: &mut Model, columns: u16, rows: u16) -> Vec<Effect> {
    model.size = (columns, rows);
    session::resize_all(model)
}

fn tick(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    model.notice.take_if(|notice| notice.is_over(now));
    if let Some((since, code)) = model.leaving {
        if seconds_between(since, model.now) >= LEAVE_DEADLINE {
            model.exit = Some(code);
        }
        return Vec::new();
    }
    replay::tick(model);
    // A recording on its own needs no provider.
    if model.replay.as_ref().is_some_and(|replay| replay.alone) {
        return Vec::new();
    }
    session_info::refresh(model);
    let mut effects = limits::warn(model);
    effects.extend(checks::due(model));
    effects
}

fn reloaded(model: &mut Model, config: std::sync::Arc<crate::config::Config>) -> Vec<Effect> {
    let problems = config.problems.len();
    model.config = config;
    model.take_config();
    model.roles.checks.clear();
    model.roles.awaited.clear();
    if crate::ui::view::is_first_run(model) {
        model.roles.editing = false;
        model.roles.filter.clear();
    }
    if problems == 0 {
        model.notify(format!("configuration read: {} roles", model.roles.rows.len()));
    } else {
        model.complain(format!(
            "configuration read, {problems} problem{}",
            if problems == 1 { "" } else { "s" }
        ));
    }
    checks::due(model)
}

/// Scrolls lists so that the selected row is visible at the size of now.
fn keep_in_view(model: &mut Model) {
    let height = usize::from(layout::list_rows(model).height).max(1);
    let (selected, count, top) = match model.screen {
        Screen::Roles => {
            let roles = &mut model.roles;
            roles.selected = roles.selected.min(roles.shown.len().saturating_sub(1));
            (roles.selected, roles.shown.len(), &mut roles.top)
        }
        Screen::Providers => {
            let providers = &mut model.providers;
            (providers.selected, providers.rows.len(), &mut providers.top)
        }
        Screen::Sessions | Screen::Session => {
            let sessions = &mut model.sessions;
            sessions.selected = sessions.selected.min(sessions.tabs.len().saturating_sub(1));
            (sessions.selected, sessions.tabs.len(), &mut sessions.top)
        }
    };
    *top = (*top).min(count.saturating_sub(height)).min(selected);
    if selected >= *top + height {
        *top = selected + 1 - height;
    }
    if model.screen == Screen::Roles {
        crate::ui::search::highlight(model, height);
    }
}
