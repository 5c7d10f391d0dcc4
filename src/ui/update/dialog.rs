//! Keys while something lies over the screen.

use crossterm::event::KeyCode;
use secrecy::SecretString;

use super::{checks, clipboard, launch, leave, palette, paste, tab_list};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::launch::Request;
use crate::ui::effects::Effect;
use crate::ui::keymap::{self, Action, Chord, Context};
use crate::ui::model::{Back, Dialog, Model};
use crate::ui::view;

/// Half a screen of a text that is scrolled, and the rows that are not it on a small one.
const PAGE: usize = 10;
const AROUND: usize = 7;

/// Rows that a page key goes: never more than are shown.
fn page(model: &Model) -> usize {
    PAGE.min(usize::from(model.size.1).saturating_sub(AROUND)).max(1)
}

pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    let escape = chord.code == KeyCode::Esc || (chord.ctrl && chord.code == KeyCode::Char('c'));
    let page = page(model);
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    match dialog {
        Dialog::Clipboard { .. } => return clipboard::key(model, chord, dialog),
        Dialog::Paste { .. } => return paste::key(model, chord, dialog),
        _ if escape => return closed(model, dialog),
        Dialog::Tabs { filter, selected } => return tab_list::key(model, chord, filter, selected),
        Dialog::Help { mut filter, mut scroll } => {
            if chord.code == KeyCode::Enter || chord.code == KeyCode::F(1) {
                return Vec::new();
            }
            if !scrolled(&mut scroll, chord, page, false) && filter.key(chord) {
                scroll = 0;
            }
            model.dialog = Some(Dialog::Help { filter, scroll });
        }
        Dialog::Palette {
            mut input,
            mut selected,
        } => {
            let found = palette::commands(model, &input.text);
            match (chord.ctrl, chord.code) {
                (_, KeyCode::Enter) => return run_palette(model, &input.text, found, selected),
                (_, KeyCode::Down) | (true, KeyCode::Char('n')) => {
                    selected = (selected + 1).min(found.len().saturating_sub(1));
                }
                (_, KeyCode::Up) | (true, KeyCode::Char('p')) => selected = selected.saturating_sub(1),
                (_, KeyCode::Tab) => {
                    if let Some(command) = found.get(selected) {
                        input = crate::ui::input::Input::new(&command.text);
                        selected = 0;
                    }
                }
                (_, KeyCode::Backspace) if input.text.is_empty() => return Vec::new(),
                _ => {
                    if input.key(chord) {
                        selected = 0;
                    }
                }
            }
            model.dialog = Some(Dialog::Palette { input, selected });
        }
        Dialog::Quit { leave: marked } => return quit_key(model, chord, marked),
        Dialog::Close { tab, close } => return close_key(model, chord, tab, close),
        Dialog::Failure {
            request,
            problems,
            scroll,
        } => return failure_key(model, chord, request, problems, scroll),
        Dialog::Passphrase {
            request,
            provider,
            input,
            problem,
            waiting,
        } => {
            return passphrase_key(
                model,
                chord,
                Dialog::Passphrase {
                    request,
                    provider,
                    input,
                    problem,
                    waiting,
                },
            );
        }
        Dialog::Text {
            title,
            lines,
            mut scroll,
            about,
        } => {
            if !scrolled(&mut scroll, chord, page, true) {
                if matches!(chord.code, KeyCode::Enter | KeyCode::Char('q')) {
                    return Vec::new();
                }
                if chord.code == KeyCode::Char('y') {
                    let text = lines.join("\n");
                    model.dialog = Some(Dialog::Text {
                        title,
                        lines,
                        scroll,
                        about,
                    });
                    return vec![Effect::Copy(text)];
                }
            }
            model.dialog = Some(Dialog::Text {
                title,
                lines,
                scroll,
                about,
            });
        }
    }
    clamp_scroll(model);
    Vec::new()
}

/// Esc: the dialog goes away, nothing else happens.
fn closed(model: &mut Model, dialog: Dialog) -> Vec<Effect> {
    if !model.single || !model.sessions.tabs.is_empty() {
        return Vec::new();
    }
    // Started for one role that cannot be opened: there is nothing behind the panel.
    match dialog {
        Dialog::Failure { problems, .. } => leave(model, launch::failure_code(&problems)),
        Dialog::Passphrase { .. } => leave(model, 125),
        _ => Vec::new(),
    }
}

fn scrolled(scroll: &mut usize, chord: Chord, page: usize, letters: bool) -> bool {
    *scroll = match (chord.ctrl, chord.code) {
        (false, KeyCode::Down) => *scroll + 1,
        (false, KeyCode::Up) => scroll.saturating_sub(1),
        (false, KeyCode::PageDown) | (true, KeyCode::Char('d' | 'f')) => *scroll + page,
        (false, KeyCode::PageUp) | (true, KeyCode::Char('u' | 'b')) if letters || !chord.ctrl => {
            scroll.saturating_sub(page)
        }
        (true, KeyCode::Char('n')) => *scroll + 1,
        (true, KeyCode::Char('p')) => scroll.saturating_sub(1),
        (false, KeyCode::Char('j')) if letters => *scroll + 1,
        (false, KeyCode::Char('k')) if letters => scroll.saturating_sub(1),
        (false, KeyCode::Char('g')) | (false, KeyCode::Home) if letters => 0,
        (false, KeyCode::Char('G')) | (false, KeyCode::End) if letters => usize::MAX / 2,
        _ => return false,
    };
    true
}

/// Keeps a scrolled text from running out of its panel.
pub(super) fn clamp_scroll(model: &mut Model) {
    let limit = view::dialog_scroll_limit(model);
    if let Some(Dialog::Help { scroll, .. } | Dialog::Failure { scroll, .. } | Dialog::Text { scroll, .. }) =
        &mut model.dialog
    {
        *scroll = (*scroll).min(limit);
    }
}

fn run_palette(model: &mut Model, typed: &str, found: Vec<palette::Command>, selected: usize) -> Vec<Effect> {
    // `connect NAME` typed in full is meant as typed, also where the name is part of a longer one that is marked.
    let typed = typed.trim();
    let exact = found.iter().any(|command| command.text == typed) && selected == 0;
    let chosen = found.into_iter().nth(selected).map(|command| command.text);
    match chosen {
        Some(text) if !exact && text.ends_with(' ') => {
            model.dialog = Some(Dialog::Palette {
                input: crate::ui::input::Input::new(&text),
                selected: 0,
            });
            Vec::new()
        }
        Some(text) if !exact => palette::run(model, &text),
        _ => palette::run(model, typed),
    }
}

/// What a key means for a question with two answers.
pub(super) enum Answer {
    Yes,
    No,
    /// Nothing yet; whether yes is the marked answer now.
    Marked(bool),
}

/// Enter takes the marked answer; an arrow marks the other one.
pub(super) fn answer(chord: Chord, marked: bool, yes: char, no: &[char]) -> Answer {
    match chord.code {
        KeyCode::Char(c) if c == yes => Answer::Yes,
        KeyCode::Enter if marked => Answer::Yes,
        KeyCode::Enter => Answer::No,
        KeyCode::Char(c) if no.contains(&c) => Answer::No,
        KeyCode::Tab
        | KeyCode::Left
        | KeyCode::Right
        | KeyCode::Up
        | KeyCode::Down
        | KeyCode::Char('h' | 'j' | 'k' | 'l') => Answer::Marked(!marked),
        _ => Answer::Marked(marked),
    }
}

fn quit_key(model: &mut Model, chord: Chord, marked: bool) -> Vec<Effect> {
    match answer(chord, marked, 'Q', &['s', 'n']) {
        Answer::Yes => return leave(model, 0),
        Answer::No => {}
        Answer::Marked(marked) => model.dialog = Some(Dialog::Quit { leave: marked }),
    }
    Vec::new()
}

fn close_key(model: &mut Model, chord: Chord, tab: u64, marked: bool) -> Vec<Effect> {
    match answer(chord, marked, 'X', &['s', 'n', 'q']) {
        Answer::Yes => return vec![Effect::HangUp { tab }],
        Answer::No => {}
        Answer::Marked(close) => model.dialog = Some(Dialog::Close { tab, close }),
    }
    Vec::new()
}

fn failure_key(
    model: &mut Model,
    chord: Chord,
    request: Request,
    problems: Vec<Problem>,
    mut scroll: usize,
) -> Vec<Effect> {
    let action = keymap::action(&[Context::Failure], chord);
    let effects = match action {
        Some(Action::Retry) => return launch::open(model, request),
        Some(action @ (Action::LogIn | Action::Doctor)) => match errand(model, action, &request, &problems) {
            effects if effects.is_empty() => effects,
            effects => return effects,
        },
        Some(Action::Cancel) => {
            return closed(
                model,
                Dialog::Failure {
                    request,
                    problems,
                    scroll,
                },
            );
        }
        Some(Action::CheckOne) if model.role(&request.role).is_none() => {
            model.complain(format!("{} is no role that can be checked", request.role));
            Vec::new()
        }
        Some(Action::CheckOne) => {
            model.notify(format!("checking {}", request.role));
            model.roles.awaited = [(request.role.clone(), None)].into();
            checks::one(model, &request.role)
        }
        Some(Action::CopyReport) => vec![Effect::Copy(view::failure_report(&request.role, &problems))],
        Some(Action::Edit) => {
            let known = problems.iter().find_map(|problem| problem.at.clone());
            let at = known.or_else(|| model.role(&request.role).map(|role| role.at.clone()));
            at.map(|at| vec![Effect::Edit(at)]).unwrap_or_default()
        }
        _ => {
            if !scrolled(&mut scroll, chord, page(model), true) {
                model.complain(format!("{chord} is not bound"));
            }
            Vec::new()
        }
    };
    model.dialog = Some(Dialog::Failure {
        request,
        problems,
        scroll,
    });
    clamp_scroll(model);
    effects
}

/// Opens the login of the provider that stopped a launch, or looks at what stands in its way; leaving that comes back to the failure.
fn errand(model: &mut Model, action: Action, request: &Request, problems: &[Problem]) -> Vec<Effect> {
    let provider = model.blamed(request, problems).map(|row| row.name.clone());
    let back = Back::Failure {
        request: request.clone(),
        problems: problems.to_vec(),
    };
    match (action, provider) {
        (Action::Doctor, provider) => launch::examine(model, provider, back),
        (_, Some(provider)) => launch::log_in(model, &provider, back),
        (_, None) => {
            model.complain(format!(
                "no login would open {}: it failed for no provider",
                request.role
            ));
            Vec::new()
        }
    }
}

fn passphrase_key(model: &mut Model, chord: Chord, mut dialog: Dialog) -> Vec<Effect> {
    let Dialog::Passphrase {
        provider,
        input,
        problem,
        waiting,
        ..
    } = &mut dialog
    else {
        return Vec::new();
    };
    let mut effects = Vec::new();
    if waiting.is_none() {
        match (chord.ctrl, chord.alt, chord.code) {
            (_, _, KeyCode::Enter) if !input.is_empty() => {
                // From a `&str`: a `String` with spare capacity would be copied and its old buffer left as it is.
                let passphrase = SecretString::from(input.as_str());
                zeroize::Zeroize::zeroize(&mut **input);
                model.generation += 1;
                *waiting = Some((model.generation, model.now));
                *problem = None;
                effects.push(Effect::Unlock {
                    generation: model.generation,
                    provider: provider.clone(),
                    passphrase,
                });
            }
            (_, _, KeyCode::Backspace) => {
                input.pop();
            }
            (true, _, KeyCode::Char('u')) => zeroize::Zeroize::zeroize(&mut **input),
            (false, false, KeyCode::Char(c)) => input.push(c),
            _ => {}
        }
    }
    model.dialog = Some(dialog);
    effects
}

/// The store's answer to a passphrase: open the role, ask again, or show what is wrong.
pub(super) fn unlocked(model: &mut Model, generation: u64, result: Result<(), Problem>) -> Vec<Effect> {
    let Some(Dialog::Passphrase {
        request,
        problem,
        waiting,
        ..
    }) = &mut model.dialog
    else {
        return Vec::new();
    };
    if waiting.is_none_or(|(asked, _)| asked != generation) {
        return Vec::new();
    }
    match result {
        Ok(()) => {
            let request = request.clone();
            model.dialog = None;
            launch::open(model, request)
        }
        Err(failed) if failed.code == &catalogue::LOCAL_PASSPHRASE => {
            *waiting = None;
            *problem = Some(failed.what);
            Vec::new()
        }
        Err(failed) => {
            let request = request.clone();
            model.dialog = Some(Dialog::Failure {
                request,
                problems: vec![failed],
                scroll: 0,
            });
            Vec::new()
        }
    }
}

/// All problems of the configuration, to read.
pub(super) fn show_problems(model: &mut Model) {
    if model.config.problems.is_empty() {
        return;
    }
    let text: Vec<String> = model.config.problems.iter().map(ToString::to_string).collect();
    let lines = text.join("\n\n").lines().map(str::to_owned).collect();
    model.dialog = Some(Dialog::Text {
        title: "Configuration problems".to_owned(),
        lines,
        scroll: 0,
        about: None,
    });
}

/// The problem of a role that cannot be opened.
pub(super) fn show_broken(model: &mut Model, index: usize) {
    if let Some(broken) = model.config.broken.get(index)
        && let Some(problem) = model.config.problems.get(broken.problem)
    {
        let request = Request {
            role: broken.name.clone(),
            ..Request::default()
        };
        let problems = vec![problem.clone()];
        model.dialog = Some(Dialog::Failure {
            request,
            problems,
            scroll: 0,
        });
    }
}
