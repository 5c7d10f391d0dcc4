//! Keys in the list of all tabs.

use crossterm::event::KeyCode;

use super::session;
use crate::ui::effects::Effect;
use crate::ui::input::Input;
use crate::ui::keymap::Chord;
use crate::ui::model::{Dialog, Model};

/// The tabs that a filter leaves: their places in `Sessions::tabs`, in order. It is a number, or a part of a role's or an environment's name.
pub fn rows(model: &Model, filter: &str) -> Vec<usize> {
    let filter = filter.trim().to_lowercase();
    let tabs = model.sessions.tabs.iter().enumerate();
    let found = tabs.filter(|(index, tab)| {
        let names = [&tab.role, &tab.label];
        names.iter().any(|name| name.to_lowercase().contains(&filter)) || (index + 1).to_string() == filter
    });
    found.map(|(index, _)| index).collect()
}

pub(super) fn open(model: &mut Model) {
    model.dialog = Some(Dialog::Tabs {
        filter: Input::default(),
        selected: model.sessions.active,
    });
}

pub(super) fn key(model: &mut Model, chord: Chord, mut filter: Input, mut selected: usize) -> Vec<Effect> {
    let found = rows(model, &filter.text);
    let last = found.len().saturating_sub(1);
    match (chord.ctrl, chord.code) {
        (_, KeyCode::Enter) => {
            if let Some(index) = found.get(selected) {
                session::show_index(model, *index);
                return Vec::new();
            }
        }
        (_, KeyCode::Down | KeyCode::Tab) | (true, KeyCode::Char('n')) => selected = (selected + 1).min(last),
        (_, KeyCode::Up | KeyCode::BackTab) | (true, KeyCode::Char('p')) => selected = selected.saturating_sub(1),
        (_, KeyCode::PageDown) => selected = last,
        (_, KeyCode::PageUp) => selected = 0,
        _ => {
            let before = filter.text.clone();
            filter.key(chord);
            if filter.text != before {
                selected = number(&filter.text, &rows(model, &filter.text));
            }
        }
    }
    model.dialog = Some(Dialog::Tabs { filter, selected });
    Vec::new()
}

/// Where a number is typed, the tab that has it is meant, also among others whose names hold it.
fn number(filter: &str, found: &[usize]) -> usize {
    let number: Option<usize> = filter.trim().parse().ok();
    number
        .and_then(|number| found.iter().position(|index| index + 1 == number))
        .unwrap_or(0)
}
