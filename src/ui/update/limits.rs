//! The limits of sessions as a person meets them: what keeps a session from being idle, and the warnings before the end. The end itself is
//! the session's own business.

use super::session;
use crate::domain::limits::warnings;
use crate::ui::effects::Effect;
use crate::ui::model::{Model, News, Screen, Tab};
use crate::ui::text;

/// Sends what a person typed, pasted or did with the mouse: the session is not idle.
pub(super) fn typed(tab: &mut Tab, now: jiff::Timestamp, bytes: Vec<u8>) -> Vec<Effect> {
    let sent = session::send(tab, bytes);
    if sent.is_empty() {
        return sent;
    }
    tab.typed = now;
    // First: the echo is to find somebody who types.
    let typed = Effect::Typed { tab: tab.id };
    std::iter::once(typed).chain(sent).collect()
}

/// Warns of the ends that are near: by the bell, by marks, and on the last row where the session is not in front.
pub(super) fn warn(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let in_front = model.sessions.active_tab().filter(|_| model.screen == Screen::Session);
    let in_front = in_front.map(|tab| tab.id);
    let mut said = None;
    let mut rang = false;
    for tab in model.sessions.tabs.iter_mut().filter(|tab| tab.is_live()) {
        let Some((limit, left)) = tab.left(now).next() else {
            continue;
        };
        let due = warnings(limit, left);
        let new = due > std::mem::replace(&mut tab.warned, due);
        if new {
            rang = true;
            // It stands on the last row, where a remark would hide it.
            if in_front == Some(tab.id) {
                model.notice = None;
            }
            if in_front != Some(tab.id) {
                tab.news = News::Bell;
                said = Some(format!("{} ends in {}: {limit}", tab.role, text::clock(left.as_secs())));
            }
        }
    }
    if let Some(said) = said {
        model.complain(said);
    }
    if rang { vec![Effect::Bell] } else { Vec::new() }
}
