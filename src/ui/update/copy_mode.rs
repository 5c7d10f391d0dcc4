//! Keys and the mouse over a session whose text is looked through, searched and copied.

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::session::with_emulator;
use crate::config::CopyKeys;
use crate::domain::policy::Clipboard as Policy;
use crate::session::emulator::Size;
use crate::ui::copy_mode::{CopyMode, Press};
use crate::ui::effects::Effect;
use crate::ui::keymap::{self, Action, Chord, Context};
use crate::ui::model::{Model, Tab};

/// Rows that one notch of the wheel moves.
const NOTCH: isize = 3;
const DOUBLE_CLICK_MS: i64 = 400;

/// The contexts of the keymap in copy mode: what vi and emacs agree on, and one of the two.
pub(super) fn contexts(model: &Model) -> Vec<Context> {
    let own = match model.config.ui.copy_keys {
        CopyKeys::Vi => Context::CopyVi,
        CopyKeys::Emacs => Context::CopyEmacs,
    };
    vec![own, Context::Copy]
}

/// Begins copy mode on the session in front. In copy mode it changes nothing.
pub(super) fn open(model: &mut Model) {
    begin(model, false);
}

/// The same with the line for a search open. Back in time: that is where everything lies.
pub(super) fn open_search(model: &mut Model) {
    if let Some(copy) = begin(model, false) {
        copy.ask(false);
    }
}

fn begin(model: &mut Model, by_mouse: bool) -> Option<&mut CopyMode> {
    let tab = active(model)?;
    if tab.copy.is_none() {
        let mut copy = with_emulator(tab, |emulator| CopyMode::new(emulator));
        copy.by_mouse = by_mouse;
        tab.copy = Some(Box::new(copy));
    }
    let copy = tab.copy.as_deref_mut()?;
    copy.by_mouse &= by_mouse;
    Some(copy)
}

fn active(model: &mut Model) -> Option<&mut Tab> {
    model.sessions.tabs.get_mut(model.sessions.active)
}

fn copy_of(model: &mut Model) -> Option<&mut CopyMode> {
    active(model)?.copy.as_deref_mut()
}

/// Back to the session as it is now.
fn leave(model: &mut Model) {
    if let Some(tab) = active(model) {
        tab.copy = None;
        with_emulator(tab, |emulator| {
            let back = i32::try_from(emulator.scrolled()).unwrap_or(i32::MAX);
            emulator.scroll(-back);
        });
    }
}

pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    let contexts = contexts(model);
    let action = keymap::action(&contexts, chord);
    let Some(copy) = copy_of(model) else {
        return Vec::new();
    };
    if copy.prompt().is_some() {
        search_key(model, chord, action);
        return Vec::new();
    }
    match action {
        Some(Action::Move(motion)) => copy.go(motion),
        Some(Action::Select(shape)) => copy.select(shape),
        Some(Action::OtherEnd) => copy.swap_ends(),
        Some(Action::SearchForward) => copy.ask(true),
        Some(Action::SearchBackward) => copy.ask(false),
        Some(Action::NextMatch) => next(model, true),
        Some(Action::PreviousMatch) => next(model, false),
        Some(Action::CopySelection) => return copy_selection(model),
        Some(Action::Cancel) if copy.selection().is_some() => copy.unselect(),
        Some(Action::Cancel | Action::Back) => leave(model),
        _ => model.complain(format!("{chord} is not bound in copy mode, q leaves it")),
    }
    Vec::new()
}

/// Keys while one types what to search. Ctrl-s and Ctrl-r go on to the next place, as in emacs.
fn search_key(model: &mut Model, chord: Chord, action: Option<Action>) {
    let Some(copy) = copy_of(model) else { return };
    match (action, chord.code) {
        (_, KeyCode::Enter) => {
            let found = copy.accept();
            let count = copy.count();
            match count {
                Some(count) if count.starts_with("nothing") => model.complain(count),
                None if !found => model.complain("nothing was searched yet"),
                _ => {}
            }
        }
        (Some(Action::Cancel | Action::Back), code) if code != KeyCode::Char('q') => copy.give_up(),
        (_, KeyCode::Backspace) if copy.prompt().is_some_and(|prompt| prompt.input.text.is_empty()) => copy.give_up(),
        (Some(Action::SearchForward | Action::SearchBackward), _) if chord.ctrl => {
            let forward = action == Some(Action::SearchForward);
            let along = copy.prompt().is_some_and(|prompt| prompt.forward == forward);
            copy.go_found(along);
        }
        _ => copy.type_search(|input| {
            input.key(chord);
        }),
    }
}

fn next(model: &mut Model, along: bool) {
    let Some(copy) = copy_of(model) else { return };
    let forward = copy.search().is_some_and(|search| search.forward == along);
    match copy.go_found(along) {
        Some(true) if forward => model.notify("went on from the oldest line"),
        Some(true) => model.notify("went on from the newest line"),
        Some(false) => {}
        None if copy.search().is_some() => model.complain("nothing found"),
        None => model.complain("nothing was searched yet"),
    }
}

pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    match copy_of(model) {
        Some(copy) if copy.prompt().is_some() => copy.type_search(|input| input.insert(text)),
        _ => model.complain("copy mode: nothing was pasted, q leaves it"),
    }
    Vec::new()
}

fn copy_selection(model: &mut Model) -> Vec<Effect> {
    let Some(text) = copy_of(model).and_then(|copy| copy.selected()) else {
        model.complain("nothing is selected: v begins, y copies");
        return Vec::new();
    };
    leave(model);
    copied(model, text)
}

/// What the pane shows, lines joined.
pub(super) fn copy_screen(model: &mut Model) -> Vec<Effect> {
    let Some(tab) = active(model) else {
        return Vec::new();
    };
    let text = match &tab.copy {
        Some(copy) => copy.visible_text(),
        None => with_emulator(tab, |emulator| CopyMode::new(emulator).visible_text()),
    };
    copied(model, text)
}

/// Puts a text of the session in front on the clipboard.
fn copied(model: &mut Model, text: String) -> Vec<Effect> {
    if text.is_empty() {
        model.complain("there is nothing to copy there");
        return Vec::new();
    }
    if active(model).is_some_and(|tab| tab.clipboard.said == Some(Policy::Deny)) {
        model.complain("this role lets no text out: clipboard = \"deny\"");
        return Vec::new();
    }
    vec![Effect::Copy(text)]
}

/// The program has printed something: what only the mouse holds up gives way, copy mode says so.
pub(super) fn output(tab: &mut Tab, press: Option<Press>) {
    if let Some(copy) = &mut tab.copy {
        copy.behind = true;
        if copy.by_mouse && press.is_none_or(|press| !press.held) {
            tab.copy = None;
        }
    }
}

pub(super) fn drop_mouse_selection(model: &mut Model) {
    if let Some(tab) = active(model)
        && tab.copy.as_ref().is_some_and(|copy| copy.by_mouse)
    {
        tab.copy = None;
    }
}

pub(super) fn resize_all(model: &mut Model, size: Size) {
    for copy in model.sessions.tabs.iter_mut().filter_map(|tab| tab.copy.as_mut()) {
        copy.resize(size);
    }
}

/// The mouse over the pane, where it is ours. `screen` is the pane's place.
pub(super) fn mouse(model: &mut Model, event: MouseEvent, screen: Rect) -> Vec<Effect> {
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::ScrollUp => wheel(model, -NOTCH),
        MouseEventKind::ScrollDown => wheel(model, NOTCH),
        MouseEventKind::Down(MouseButton::Left) if screen.contains(at) => pressed(model, at, screen),
        MouseEventKind::Drag(MouseButton::Left) => dragged(model, at, screen),
        MouseEventKind::Up(MouseButton::Left) => return released(model),
        _ => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, rows: isize) {
    match copy_of(model) {
        Some(copy) if !copy.by_mouse => copy.scroll(rows),
        _ => {
            drop_mouse_selection(model);
            super::session::scroll_lines(model, i32::try_from(-rows).unwrap_or(0));
        }
    }
}

fn pressed(model: &mut Model, at: Position, screen: Rect) {
    drop_mouse_selection(model);
    let now = model.now;
    let again = model
        .press
        .filter(|press| press.at == at && now.as_millisecond() - press.when.as_millisecond() < DOUBLE_CLICK_MS);
    let clicks = again.map_or(1, |press| press.clicks % 3 + 1);
    model.press = Some(Press {
        at,
        when: now,
        clicks,
        held: true,
        dragged: false,
    });
    let (column, row) = cell(at, screen);
    if clicks == 1 {
        if let Some(copy) = copy_of(model) {
            copy.put_cursor(copy.at_cell(column, row));
        }
        return;
    }
    if let Some(copy) = begin(model, true) {
        let place = copy.at_cell(column, row);
        if clicks == 2 {
            copy.select_word(place);
        } else {
            copy.select_line(place);
        }
    }
}

fn dragged(model: &mut Model, at: Position, screen: Rect) {
    let Some(press) = model
        .press
        .filter(|press| press.held && (press.dragged || press.at != at))
    else {
        return;
    };
    let Some(copy) = begin(model, true) else { return };
    if !press.dragged {
        let (column, row) = cell(press.at, screen);
        copy.select_from(column, row);
    }
    if at.y < screen.y {
        copy.scroll(-1);
    } else if at.y >= screen.bottom() {
        copy.scroll(1);
    }
    let (column, row) = cell(at, screen);
    copy.select_to(column, row);
    model.press = Some(Press { dragged: true, ..press });
}

fn released(model: &mut Model) -> Vec<Effect> {
    let Some(press) = model.press.as_mut().filter(|press| press.held) else {
        return Vec::new();
    };
    press.held = false;
    match copy_of(model).and_then(|copy| copy.selected()) {
        // A click on a blank, or one that the hand moved by a cell of nothing.
        Some(text) if text.trim().is_empty() => Vec::new(),
        Some(text) => copied(model, text),
        None => Vec::new(),
    }
}

/// The cell of the pane under the pointer, or the one next to it.
fn cell(at: Position, screen: Rect) -> (u16, u16) {
    let column = at.x.clamp(screen.x, screen.right().saturating_sub(1).max(screen.x));
    let row = at.y.clamp(screen.y, screen.bottom().saturating_sub(1).max(screen.y));
    (column - screen.x, row - screen.y)
}
