//! What is pasted into a session, and the question before it where that could do harm.

use crossterm::event::KeyCode;
use zeroize::Zeroizing;

use super::copy_mode;
use super::dialog::{Answer, answer};
use super::limits;
use super::session::with_emulator;
use crate::session::keys;
use crate::ui::effects::Effect;
use crate::ui::keymap::Chord;
use crate::ui::model::{Dialog, Model, Tab};

/// More bytes than this are hardly meant for a prompt.
const MANY: usize = 5_000;
/// Keys that come this soon after the question were meant for the program: typed ahead, or repeated.
const TYPED_AHEAD_MS: i64 = 250;

/// Passes it on, or asks first.
pub(super) fn into_session(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(tab) = model.sessions.active_tab() else {
        return Vec::new();
    };
    if tab.copy_mode().is_some() && !model.sessions.prefix {
        return copy_mode::paste(model, text);
    }
    if !tab.is_live() || model.sessions.prefix {
        return Vec::new();
    }
    if asks(model, tab, text) {
        model.dialog = Some(Dialog::Paste {
            tab: tab.id,
            text: Zeroizing::new(text.to_owned()),
            shown: masked(tab, text),
            paste: false,
            since: model.now,
        });
        return Vec::new();
    }
    let id = tab.id;
    send(model, id, text)
}

/// A line break runs what stands before it, and so do other control characters (readline's Ctrl-o, an editor's own), unless the program told
/// the terminal that it can tell a paste from typing.
fn asks(model: &Model, tab: &Tab, text: &str) -> bool {
    let guarded = tab.prod || model.config.session.ask_every_paste;
    let bracketed = with_emulator(tab, |emulator| emulator.modes().bracketed_paste);
    let acts = |character: char| character.is_control() && character != '\t';
    text.len() > MANY || guarded && !bracketed && text.contains(acts)
}

/// Without the session's values: who pastes one does not ask to see it.
fn masked(tab: &Tab, text: &str) -> String {
    let mut redactor = tab.redactor.again().of_typing();
    let mut shown = Vec::new();
    redactor.push(text.as_bytes(), &mut shown);
    redactor.finish(&mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

fn send(model: &mut Model, id: u64, text: &str) -> Vec<Effect> {
    let Some(tab) = model.sessions.tabs.iter_mut().find(|tab| tab.id == id && tab.is_live()) else {
        return Vec::new();
    };
    let bytes = with_emulator(tab, |emulator| keys::encode_paste(text, emulator.modes()));
    limits::typed(tab, model.now, bytes)
}

pub(super) fn key(model: &mut Model, chord: Chord, dialog: Dialog) -> Vec<Effect> {
    let Dialog::Paste {
        tab,
        text,
        shown,
        paste,
        since,
    } = dialog
    else {
        return Vec::new();
    };
    let after = model.now.as_millisecond() - since.as_millisecond();
    let paste = if after < TYPED_AHEAD_MS {
        paste
    } else {
        let escape = chord.code == KeyCode::Esc || (chord.ctrl && chord.code == KeyCode::Char('c'));
        match answer(chord, paste, 'P', &['n', 'q']) {
            _ if escape => return said_no(model),
            Answer::Yes => return send(model, tab, &text),
            Answer::No => return said_no(model),
            Answer::Marked(paste) => paste,
        }
    };
    model.dialog = Some(Dialog::Paste {
        tab,
        text,
        shown,
        paste,
        since,
    });
    Vec::new()
}

fn said_no(model: &mut Model) -> Vec<Effect> {
    model.notify("nothing was pasted");
    Vec::new()
}
