//! What is shown about a session, for as long as it is.

use crate::ui::model::{Dialog, Model};
use crate::ui::view;

/// Shows what there is to know of the session in front.
pub(super) fn open(model: &mut Model) {
    if let Some(tab) = model.sessions.active_tab() {
        let lines = view::session_info(model, tab);
        model.dialog = Some(Dialog::Text {
            title: format!("Session {}", tab.session_id),
            lines,
            scroll: 0,
            about: Some(tab.id),
        });
    }
}

/// What is shown about a session goes on with it.
pub(super) fn refresh(model: &mut Model) {
    let Some(Dialog::Text { about: Some(id), .. }) = &model.dialog else {
        return;
    };
    let tab = model.sessions.tabs.iter().find(|tab| tab.id == *id);
    let now = tab.map(|tab| view::session_info(model, tab));
    if let (Some(now), Some(Dialog::Text { lines, .. })) = (now, &mut model.dialog) {
        *lines = now;
    }
}
