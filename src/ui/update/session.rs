//! Keys, tabs and events of sessions.

use std::sync::PoisonError;

use crossterm::event::{Event, KeyEvent};
use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Position;

use super::{browse, checks, clipboard, contexts, copy_mode, launch, limits, session_info, tab_list};
use crate::config::OnExit;
use crate::launch::Errand;
use crate::replay::Start;
use crate::session::SessionEvent;
use crate::session::emulator::Emulator;
use crate::session::keys;
use crate::ui::effects::Effect;
use crate::ui::keymap::{self, Action, Chord};
use crate::ui::layout;
use crate::ui::model::{Back, Dialog, Model, News, Screen, Tab, TabState};
use crate::ui::view::{self, BarTarget};

/// How long a program may take to draw itself anew after its screen got another size.
const REDRAW_MS: i64 = 400;

/// Runs something on a tab's emulator; the lock is held as briefly as that takes.
pub(super) fn with_emulator<T>(tab: &Tab, f: impl FnOnce(&mut Emulator) -> T) -> T {
    f(&mut tab.emulator.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(super) fn key(model: &mut Model, chord: Chord, key: KeyEvent) -> Vec<Effect> {
    if model.sessions.prefix {
        return prefix_key(model, chord, key);
    }
    let Some(tab) = model.sessions.active_tab() else {
        model.screen = Screen::Roles;
        return Vec::new();
    };
    if model.is_prefix(chord) {
        return open_menu(model);
    }
    if tab.copy_mode().is_some() {
        return copy_mode::key(model, chord);
    }
    copy_mode::drop_mouse_selection(model);
    if model.sessions.active_tab().is_some_and(Tab::is_live) {
        send_key(model, key)
    } else {
        ended_key(model, chord)
    }
}

/// The next key is ours.
fn open_menu(model: &mut Model) -> Vec<Effect> {
    model.sessions.prefix = true;
    model.sessions.prefix_uses = model.sessions.prefix_uses.saturating_add(1);
    Vec::new()
}

fn send_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let now = model.now;
    let Some(tab) = model.sessions.active_tab_mut().filter(|tab| tab.is_live()) else {
        return Vec::new();
    };
    let bytes = with_emulator(tab, |emulator| {
        // Typing means looking at what is typed.
        let back = i32::try_from(emulator.scrolled()).unwrap_or(i32::MAX);
        emulator.scroll(-back);
        keys::encode_key(key, emulator.modes())
    });
    limits::typed(tab, now, bytes)
}

pub(super) fn send(tab: &Tab, bytes: Vec<u8>) -> Vec<Effect> {
    if bytes.is_empty() {
        Vec::new()
    } else {
        vec![Effect::Send { tab: tab.id, bytes }]
    }
}

/// The key after the prefix: one of ours, the prefix itself, or nothing at all.
fn prefix_key(model: &mut Model, chord: Chord, key: KeyEvent) -> Vec<Effect> {
    let contexts = contexts(model);
    model.sessions.prefix = false;
    if model.is_prefix(chord) {
        return send_key(model, key);
    }
    if chord.code == crossterm::event::KeyCode::Esc {
        return Vec::new();
    }
    match keymap::action(&contexts, chord) {
        Some(action) => act(model, action),
        None => {
            model.complain(format!("{chord} is not bound, nothing was sent"));
            Vec::new()
        }
    }
}

/// Does what a key after the prefix says, also from the palette.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let count = model.sessions.tabs.len();
    let active = model.sessions.active;
    match action {
        Action::Tab(number) => match model.sessions.tabs.get(usize::from(number) - 1).map(|tab| tab.id) {
            Some(id) => show(model, id),
            None => model.complain(format!("there is no tab {number}")),
        },
        Action::NextTab if count > 0 => show_index(model, (active + 1) % count),
        Action::PreviousTab if count > 0 => show_index(model, (active + count - 1) % count),
        Action::LastTab => match model.sessions.previous {
            Some(id) if model.sessions.tabs.iter().any(|tab| tab.id == id) => show(model, id),
            _ => model.complain("there is no other tab"),
        },
        Action::TabList => tab_list::open(model),
        Action::NewSession => {
            model.screen = Screen::Roles;
            return browse::act(model, Action::Filter);
        }
        Action::ToggleFrame => {
            model.sessions.bare = !model.sessions.bare;
            return resize_all(model);
        }
        Action::CopyScreen => return copy_mode::copy_screen(model),
        Action::CopyMode => copy_mode::open(model),
        Action::SearchScrollback => copy_mode::open_search(model),
        Action::SessionInfo => session_info::open(model),
        Action::ScrollUp | Action::ScrollDown => scroll_page(model, action == Action::ScrollUp),
        Action::Reconnect => return reconnect(model, active),
        Action::CloseSession => return close(model, active),
        other => return browse::act(model, other),
    }
    Vec::new()
}

fn ended_key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    match keymap::action(&contexts(model), chord) {
        Some(Action::Back) => {
            let errand = model
                .sessions
                .active_tab()
                .is_some_and(|tab| tab.request.errand.is_some());
            if model.single && model.sessions.tabs.len() == 1 && !errand {
                return super::quit(model);
            }
            let active = model.sessions.active;
            remove(model, active)
        }
        Some(Action::Reconnect) => launch::reopen(model, model.sessions.active),
        Some(Action::Replay) => watch(model),
        Some(action) => act(model, action),
        None => {
            model.complain(format!("{chord} is not bound, ? for help"));
            Vec::new()
        }
    }
}

/// Plays what was recorded of the session in front.
fn watch(model: &mut Model) -> Vec<Effect> {
    match model.sessions.active_tab().and_then(|tab| tab.recorded.file()) {
        Some(file) => {
            let start = Start {
                file: file.to_owned(),
                ..Start::default()
            };
            super::replay::open(model, start, false)
        }
        None => {
            model.complain("this session was not recorded");
            Vec::new()
        }
    }
}

/// Takes a tab away; from one in front it goes back to where that was opened.
fn remove(model: &mut Model, index: usize) -> Vec<Effect> {
    if index >= model.sessions.tabs.len() {
        return Vec::new();
    }
    let in_front = model.screen == Screen::Session && model.sessions.active == index;
    let tab = model.sessions.tabs.remove(index);
    let sessions = &mut model.sessions;
    if sessions.active > index || sessions.active >= sessions.tabs.len() {
        sessions.active = sessions.active.saturating_sub(1);
    }
    sessions.prefix = false;
    if in_front {
        go_back(model, tab.back);
    }
    vec![Effect::Forget { tab: tab.id }]
}

fn go_back(model: &mut Model, back: Back) {
    model.screen = match back {
        Back::Providers => Screen::Providers,
        Back::Roles | Back::Failure { .. } => Screen::Roles,
    };
    if let Back::Failure { request, problems } = back
        && model.dialog.is_none()
    {
        model.dialog = Some(Dialog::Failure {
            request,
            problems,
            scroll: 0,
        });
    }
}

/// Brings a tab to the front.
pub(super) fn show(model: &mut Model, id: u64) {
    if let Some(index) = model.sessions.tabs.iter().position(|tab| tab.id == id) {
        show_index(model, index);
    }
}

pub(super) fn show_index(model: &mut Model, index: usize) {
    let sessions = &mut model.sessions;
    if index != sessions.active {
        sessions.previous = sessions.tabs.get(sessions.active).map(|tab| tab.id);
    }
    sessions.active = index;
    sessions.selected = index;
    sessions.prefix = false;
    if let Some(tab) = sessions.tabs.get_mut(index) {
        tab.news = News::None;
        model.screen = Screen::Session;
        model.roles.editing = false;
    }
}

fn reconnect(model: &mut Model, index: usize) -> Vec<Effect> {
    match model.sessions.tabs.get(index) {
        Some(tab) if tab.is_live() => {
            // A live session is not thrown away by one key: the new one gets a tab of its own.
            let request = tab.request.clone();
            let goes_on = format!("{} goes on in tab {}", tab.role, index + 1);
            let effects = launch::open(model, request);
            if !effects.is_empty() {
                model.notify(goes_on);
            }
            effects
        }
        Some(_) => launch::reopen(model, index),
        None => Vec::new(),
    }
}

/// A click on the first or the last row of a session.
pub(super) fn click(model: &mut Model, at: Position) -> Vec<Effect> {
    let parts = layout::session_parts(model.size, model.sessions.bare);
    if parts.status.contains(at) {
        return open_menu(model);
    }
    match view::bar_target_at(model, at.x) {
        Some(BarTarget::Tab(index)) => show_index(model, index),
        Some(BarTarget::New) => return act(model, Action::NewSession),
        Some(BarTarget::List) => tab_list::open(model),
        None => {}
    }
    Vec::new()
}

/// Closes a tab: at once where the session has ended, else it asks.
fn close(model: &mut Model, index: usize) -> Vec<Effect> {
    match model.sessions.tabs.get(index) {
        Some(tab) if tab.is_live() => {
            model.dialog = Some(Dialog::Close {
                tab: tab.id,
                close: false,
            });
            Vec::new()
        }
        Some(_) => remove(model, index),
        None => Vec::new(),
    }
}

/// The actions on a row of the list of sessions.
pub(super) fn on_listed(model: &mut Model, action: Action) -> Vec<Effect> {
    let selected = model.sessions.selected;
    match action {
        Action::Open if model.sessions.tabs.is_empty() => model.screen = Screen::Roles,
        Action::Open => show_index(model, selected),
        Action::CloseSession => return close(model, selected),
        _ => {}
    }
    Vec::new()
}

/// Whether what it prints now is probably its answer to another size of its screen: that is no news.
fn draws_itself_anew(tab: &Tab, now: Timestamp) -> bool {
    tab.is_live()
        && tab
            .resized
            .is_some_and(|at| now.duration_since(at) < SignedDuration::from_millis(REDRAW_MS))
}

pub(super) fn event(model: &mut Model, id: u64, event: SessionEvent) -> Vec<Effect> {
    let now = model.now;
    let in_front = model.screen == Screen::Session && model.sessions.active_tab().is_some_and(|tab| tab.id == id);
    let Some(tab) = model.sessions.tabs.iter_mut().find(|tab| tab.id == id) else {
        return Vec::new();
    };
    if let SessionEvent::Unrecorded { problem, ends } = event {
        tab.recorded.lose(&problem);
        tab.warnings.push(format!("{}: {}", problem.code.id, problem.what));
        let what = if ends {
            "was ended: it must be recorded"
        } else {
            "is not recorded any more"
        };
        let text = format!("{} {what} ({}: {})", tab.role, problem.code.id, problem.code.title);
        model.complain(text);
        if let Some(notice) = &mut model.notice {
            notice.ends = ends;
        }
        return Vec::new();
    }
    let (rang, clipboard) = with_emulator(tab, |emulator| (emulator.take_bell(), emulator.take_clipboard()));
    let mut news = tab.news;
    if !in_front && (rang || !draws_itself_anew(tab, now)) {
        news = news.max(if rang { News::Bell } else { News::Output });
    }
    // A tab that nobody sees can print for ever; its mark is drawn once.
    let unseen = !in_front && news == tab.news && tab.copy.is_none() && clipboard.is_none();
    if unseen && event == SessionEvent::Output {
        return vec![Effect::Unchanged];
    }
    tab.news = news;
    copy_mode::output(tab, model.press);
    if let Some(text) = clipboard {
        clipboard::wanted(model, id, text);
    }
    let Some(tab) = model.sessions.tabs.iter_mut().find(|tab| tab.id == id) else {
        return Vec::new();
    };
    if let SessionEvent::Ended(ending) = event {
        tab.state = TabState::Ended(ending);
        let errand = tab.request.errand.clone();
        if !in_front && model.leaving.is_none() {
            let text = format!("{}: {}", tab.role, view::ending_words(tab));
            model.notify(text);
        }
        if in_front {
            model.sessions.prefix = false;
            // How it ended is news; only why it had to stays in front of that for its time.
            model.notice.take_if(|notice| !notice.ends);
        }
        if model.leaving.is_some() {
            return Vec::new();
        }
        let mut effects = Vec::new();
        if let Some(Errand::Login(provider)) = errand {
            effects = checks::logged_in(model, &provider);
        }
        effects.extend(after_end(model, id));
        return effects;
    }
    Vec::new()
}

/// What `[session] on_exit` says about a session that has ended.
fn after_end(model: &mut Model, id: u64) -> Vec<Effect> {
    let on_exit = model.config.session.on_exit;
    let ended = model.sessions.tabs.iter().position(|tab| tab.id == id);
    let Some((index, tab)) = ended.and_then(|index| Some((index, model.sessions.tabs.get(index)?))) else {
        return Vec::new();
    };
    // An errand is a step on the way to a session: nobody came for it alone.
    let last = model.sessions.live() == 0 && model.opening.is_none() && tab.request.errand.is_none();
    let code = match &tab.state {
        TabState::Ended(ending) => ending.code,
        TabState::Live => 0,
    };
    let said = format!("{}: {}", tab.role, view::ending_words(tab));
    match on_exit {
        OnExit::Stay => Vec::new(),
        OnExit::Quit if last => super::leave(model, code),
        OnExit::Return if model.single && last => super::leave(model, code),
        OnExit::Return | OnExit::Quit => {
            let effects = remove(model, index);
            model.notify(said);
            effects
        }
    }
}

/// Tells every session the size that its screen has now.
pub(super) fn resize_all(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let size = layout::session_size(model.size, model.sessions.bare);
    copy_mode::resize_all(model, size);
    let changed = model
        .sessions
        .tabs
        .iter_mut()
        .filter(|tab| tab.size != size && tab.is_live());
    changed
        .map(|tab| {
            tab.size = size;
            tab.resized = Some(now);
            Effect::Resize { tab: tab.id, size }
        })
        .collect()
}

pub(super) fn focus_changed(model: &mut Model, gained: bool) -> Vec<Effect> {
    match model.sessions.active_tab().filter(|_| model.screen == Screen::Session) {
        Some(tab) if tab.is_live() => {
            let bytes = with_emulator(tab, |emulator| {
                keys::encode(
                    &if gained { Event::FocusGained } else { Event::FocusLost },
                    emulator.modes(),
                )
            });
            send(tab, bytes)
        }
        _ => Vec::new(),
    }
}

pub(super) fn scroll_page(model: &Model, up: bool) {
    if let Some(tab) = model.sessions.active_tab() {
        let page = i32::from(tab.size.rows.max(2) / 2);
        scroll_lines(model, if up { page } else { -page });
    }
}

/// Positive is back in time.
pub(super) fn scroll_lines(model: &Model, lines: i32) {
    if let Some(tab) = model.sessions.active_tab() {
        with_emulator(tab, |emulator| emulator.scroll(lines));
    }
}

pub(super) fn toggle_mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    model.notify(if model.mouse {
        "mouse: hallpass takes clicks and the wheel"
    } else {
        "mouse: the terminal selects text"
    });
    vec![Effect::Mouse(model.mouse)]
}
