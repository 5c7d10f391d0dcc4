//! Whether what is drawn is still right after a message: what is only passed on to a session changes nothing here, its echo will.

use std::sync::PoisonError;

use super::effects::Effect;
use super::message::Message;
use super::model::{Model, Screen};

/// What passing a key on can change besides the session: a question or a menu that is closed, a remark that is gone, a view that went back
/// to the newest line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Front {
    screen: Screen,
    covered: [bool; 5],
    /// Of the tab in front: which, how far it is scrolled back, whether it is in copy mode, and which warning has come.
    tab: Option<(u64, usize, bool, usize)>,
}

impl Front {
    /// Before a message that a person typed; none before any other.
    pub(super) fn before(model: &Model, message: &Message) -> Option<Self> {
        matches!(message, Message::Key(_) | Message::Paste(_) | Message::Mouse(_)).then(|| Self::of(model))
    }

    fn of(model: &Model) -> Self {
        let tab = model.sessions.active_tab();
        Self {
            screen: model.screen,
            covered: [
                model.dialog.is_some(),
                model.sessions.prefix,
                model.notice.is_some(),
                model.opening.is_some(),
                model.replay.is_some(),
            ],
            tab: tab.map(|tab| {
                let emulator = tab.emulator.lock().unwrap_or_else(PoisonError::into_inner);
                (tab.id, emulator.scrolled(), tab.copy.is_some(), tab.warned)
            }),
        }
    }

    /// Whether the screen is to be drawn anew after a message that had these effects.
    pub(super) fn changed(before: Option<Self>, model: &Model, effects: &[Effect]) -> bool {
        let passed_on =
            |effect: &Effect| matches!(effect, Effect::Send { .. } | Effect::Typed { .. } | Effect::Unchanged);
        effects.is_empty() || !effects.iter().all(passed_on) || before.is_some_and(|before| before != Self::of(model))
    }
}
