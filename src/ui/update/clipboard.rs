//! Programs in sessions that want to set the clipboard: passed on, refused, or asked about; one question at a time.

use crossterm::event::KeyCode;
use jiff::{SignedDuration, Timestamp};

use crate::domain::policy::Clipboard as Policy;
use crate::ui::clipboard::Answer;
use crate::ui::effects::Effect;
use crate::ui::keymap::Chord;
use crate::ui::model::{Dialog, Model, Screen, Tab};
use crate::ui::view;

/// Between two texts of one session that are passed on.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// How long a no is an answer to whatever else the session asks for.
const QUIET: SignedDuration = SignedDuration::from_secs(60);
/// A question comes while one types: keys of before it are no answers.
const SETTLE: SignedDuration = SignedDuration::from_millis(250);

/// A session's program wants this text on the clipboard. Of many requests the newest one waits.
pub(super) fn wanted(model: &mut Model, id: u64, text: String) {
    let now = model.now;
    let Some(tab) = model.sessions.tabs.iter_mut().find(|tab| tab.id == id) else {
        return;
    };
    let requests = &mut tab.clipboard;
    match requests.policy {
        Policy::Deny if !requests.told => {
            requests.told = true;
            let program = view::program_name(tab).to_owned();
            model.complain(format!(
                "{program} may not set the clipboard here (clipboard = \"allow\" lets it)"
            ));
        }
        Policy::Deny => {}
        Policy::Ask if now < requests.quiet_until => {}
        Policy::Ask | Policy::Allow => requests.wanted = Some(text),
    }
}

/// Passes on what may be passed on, and asks about the session in front where nothing else is being asked.
pub(super) fn serve(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let allowed = |tab: &&mut Tab| tab.clipboard.policy == Policy::Allow && now >= tab.clipboard.not_before;
    let effects: Vec<Effect> = model
        .sessions
        .tabs
        .iter_mut()
        .filter(allowed)
        .filter_map(|tab| {
            let text = tab.clipboard.wanted.take()?;
            Some(pass_on(tab, text, now))
        })
        .collect();
    let free = model.screen == Screen::Session
        && model.dialog.is_none()
        && model.opening.is_none()
        && model.leaving.is_none()
        && !model.sessions.prefix;
    if let Some(tab) = model.sessions.tabs.get_mut(model.sessions.active)
        && free
        && tab.copy_mode().is_none()
        && tab.clipboard.policy == Policy::Ask
        && let Some(text) = tab.clipboard.wanted.take()
    {
        model.dialog = Some(Dialog::Clipboard {
            tab: tab.id,
            text,
            answer: Answer::No,
            since: now,
        });
    }
    effects
}

fn pass_on(tab: &mut Tab, text: String, now: Timestamp) -> Effect {
    tab.clipboard.not_before = now + PAUSE;
    Effect::CopyFor {
        program: view::program_name(tab).to_owned(),
        text,
    }
}

pub(super) fn key(model: &mut Model, chord: Chord, dialog: Dialog) -> Vec<Effect> {
    let Dialog::Clipboard {
        tab,
        text,
        answer: marked,
        since,
    } = dialog
    else {
        return Vec::new();
    };
    let answer = match chord.code {
        _ if model.now < since + SETTLE => Err(marked),
        KeyCode::Esc | KeyCode::Char('n') => Ok(Answer::No),
        KeyCode::Char('c') if chord.ctrl => Ok(Answer::No),
        KeyCode::Char('Y') => Ok(Answer::Once),
        KeyCode::Char('A') => Ok(Answer::Always),
        KeyCode::Enter => Ok(marked),
        KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => Err(beside(marked, 1)),
        KeyCode::Left | KeyCode::Char('h') => Err(beside(marked, -1)),
        _ => Err(marked),
    };
    let now = model.now;
    let asking = model.sessions.tabs.iter_mut().find(|t| t.id == tab);
    match (answer, asking) {
        (Err(answer), Some(_)) => {
            model.dialog = Some(Dialog::Clipboard {
                tab,
                text,
                answer,
                since,
            });
            Vec::new()
        }
        (Ok(Answer::No), Some(tab)) => {
            tab.clipboard.wanted = None;
            tab.clipboard.quiet_until = now + QUIET;
            model.notify("refused; not asked again for a minute");
            Vec::new()
        }
        (Ok(answer), Some(tab)) => {
            if answer == Answer::Always {
                tab.clipboard.policy = Policy::Allow;
            }
            vec![pass_on(tab, text, now)]
        }
        (_, None) => Vec::new(),
    }
}

/// The answer beside this one.
fn beside(answer: Answer, step: isize) -> Answer {
    let count = Answer::ALL.len();
    let at = Answer::ALL.iter().position(|(one, _)| *one == answer).unwrap_or(0);
    let next = at.checked_add_signed(step).map_or(count - 1, |next| next % count);
    Answer::ALL.get(next).map_or(answer, |(one, _)| *one)
}
