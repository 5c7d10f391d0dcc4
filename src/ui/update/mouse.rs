//! Clicks and the wheel.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{browse, copy_mode, limits, session};
use crate::session::keys;
use crate::ui::effects::Effect;
use crate::ui::keymap::Action;
use crate::ui::layout;
use crate::ui::model::{Dialog, Model, Pane, Screen};
use crate::ui::view;

/// Lines that one notch of the wheel moves.
const NOTCH: isize = 3;
const DOUBLE_CLICK_MS: i64 = 400;

pub(super) fn update(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    if let Some(effects) = goes_on(model, event).or_else(|| selects_on(model, event)) {
        return effects;
    }
    if model.opening.is_some() || model.leaving.is_some() {
        return Vec::new();
    }
    let at = Position::new(event.column, event.row);
    if let Some(dialog) = &mut model.dialog {
        if let Dialog::Help { scroll, .. } | Dialog::Failure { scroll, .. } | Dialog::Text { scroll, .. } = dialog {
            match event.kind {
                MouseEventKind::ScrollDown => *scroll += 3,
                MouseEventKind::ScrollUp => *scroll = scroll.saturating_sub(3),
                _ => {}
            }
        }
        super::dialog::clamp_scroll(model);
        return Vec::new();
    }
    if model.replay.is_some() {
        return super::replay::mouse(model, event);
    }
    if model.screen == Screen::Session {
        return in_session(model, event, at);
    }
    match event.kind {
        MouseEventKind::ScrollDown => wheel(model, at, 1),
        MouseEventKind::ScrollUp => wheel(model, at, -1),
        MouseEventKind::Down(MouseButton::Left) => return click(model, at),
        _ => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, at: Position, direction: isize) {
    let over_detail = model.screen == Screen::Roles && layout::parts(model).detail.contains(at);
    if over_detail {
        let limit = view::detail_scroll_limit(model);
        let moved = model.roles.detail_scroll.saturating_add_signed(direction * NOTCH);
        model.roles.detail_scroll = moved.min(limit);
    } else {
        browse::step(model, direction);
    }
}

fn click(model: &mut Model, at: Position) -> Vec<Effect> {
    let parts = layout::parts(model);
    if parts.header.contains(at) {
        if let Some(screen) = view::screen_at(model, at.x) {
            model.screen = screen;
        }
        return Vec::new();
    }
    if parts.filter.contains(at) && model.screen == Screen::Roles {
        return browse::act(model, Action::Filter);
    }
    if parts.detail.contains(at) && model.screen == Screen::Roles {
        model.roles.focus = Pane::Detail;
        return Vec::new();
    }
    let rows = layout::list_rows(model);
    if !rows.contains(at) {
        return Vec::new();
    }
    let (top, count) = match model.screen {
        Screen::Roles => (model.roles.top, model.roles.shown.len()),
        Screen::Providers => (model.providers.top, model.providers.rows.len()),
        Screen::Sessions | Screen::Session => (model.sessions.top, model.sessions.tabs.len()),
    };
    let row = top + usize::from(at.y - rows.y);
    if row >= count {
        return Vec::new();
    }
    model.roles.focus = Pane::List;
    match model.screen {
        Screen::Roles => model.roles.selected = row,
        Screen::Providers => model.providers.selected = row,
        Screen::Sessions | Screen::Session => model.sessions.selected = row,
    }
    let now = model.now;
    let twice = model
        .clicked
        .is_some_and(|(when, on)| on == row && now.as_millisecond() - when.as_millisecond() < DOUBLE_CLICK_MS);
    model.clicked = if twice { None } else { Some((now, row)) };
    if twice {
        browse::act(model, Action::Open)
    } else {
        Vec::new()
    }
}

/// The tabs are ours; the rest belongs to the program where it asked for the mouse, else it selects, copies and scrolls back.
fn in_session(model: &mut Model, event: MouseEvent, at: Position) -> Vec<Effect> {
    let parts = layout::session_parts(model.size, model.sessions.bare);
    if parts.tabs.contains(at) || parts.status.contains(at) {
        return match event.kind {
            MouseEventKind::Down(MouseButton::Left) => session::click(model, at),
            _ => Vec::new(),
        };
    }
    let Some(tab) = model.sessions.active_tab() else {
        return Vec::new();
    };
    let selecting = model.press.is_some_and(|press| press.held);
    if !parts.screen.contains(at) && !selecting {
        return Vec::new();
    }
    let modes = session::with_emulator(tab, |emulator| emulator.modes());
    let wheel = matches!(event.kind, MouseEventKind::ScrollUp | MouseEventKind::ScrollDown);
    let wanted = modes.mouse || (modes.alternate_screen && wheel);
    if tab.is_live() && wanted && !selecting && tab.copy_mode().is_none() {
        let id = tab.id;
        if matches!(event.kind, MouseEventKind::Down(_)) {
            model.dragged_in = Some(id);
        }
        return tell(model, id, event, parts.screen);
    }
    copy_mode::mouse(model, event, parts.screen)
}

/// What becomes of a button that went down over a program: beyond the edge it is at the edge, and the program hears of its end whatever
/// stands in front by then. None if there is no such button.
fn goes_on(model: &mut Model, event: MouseEvent) -> Option<Vec<Effect>> {
    let id = match event.kind {
        MouseEventKind::Drag(_) => model.dragged_in,
        MouseEventKind::Up(_) => model.dragged_in.take(),
        MouseEventKind::Down(_) => {
            // The end of the one before was not seen.
            model.dragged_in = None;
            None
        }
        _ => None,
    }?;
    let screen = layout::session_parts(model.size, model.sessions.bare).screen;
    let tab = model.sessions.tabs.iter().find(|tab| tab.id == id && tab.is_live())?;
    let wanted = session::with_emulator(tab, |emulator| emulator.modes()).mouse;
    let event = MouseEvent {
        column: event.column.clamp(screen.left(), screen.right().saturating_sub(1)),
        row: event.row.clamp(screen.top(), screen.bottom().saturating_sub(1)),
        ..event
    };
    (wanted && !screen.is_empty()).then(|| tell(model, id, event, screen))
}

/// What becomes of a selection whose button is held: it goes on and ends wherever the pointer is by then; where something else has come in
/// front, nothing is copied. None if there is no such button.
fn selects_on(model: &mut Model, event: MouseEvent) -> Option<Vec<Effect>> {
    let covered =
        model.opening.is_some() || model.leaving.is_some() || model.dialog.is_some() || model.replay.is_some();
    let in_front = model.screen == Screen::Session && !covered;
    let press = model.press.as_mut().filter(|press| press.held)?;
    match event.kind {
        MouseEventKind::Drag(MouseButton::Left) | MouseEventKind::Up(MouseButton::Left) if in_front => {
            let screen = layout::session_parts(model.size, model.sessions.bare).screen;
            Some(copy_mode::mouse(model, event, screen))
        }
        // Of a button that goes down the end before was not seen.
        MouseEventKind::Up(MouseButton::Left) | MouseEventKind::Down(MouseButton::Left) => {
            press.held = false;
            None
        }
        _ => None,
    }
}

/// Sends an event within the screen to the program of a tab. Only a mouse that passes over it says nothing of a person at work.
fn tell(model: &mut Model, id: u64, event: MouseEvent, screen: Rect) -> Vec<Effect> {
    let now = model.now;
    let Some(tab) = model.sessions.tabs.iter_mut().find(|tab| tab.id == id) else {
        return Vec::new();
    };
    let modes = session::with_emulator(tab, |emulator| emulator.modes());
    let bytes = keys::encode_mouse(inside(event, screen), modes);
    if event.kind == MouseEventKind::Moved {
        session::send(tab, bytes)
    } else {
        limits::typed(tab, now, bytes)
    }
}

fn inside(event: MouseEvent, screen: Rect) -> MouseEvent {
    MouseEvent {
        column: event.column - screen.x,
        row: event.row - screen.y,
        ..event
    }
}
