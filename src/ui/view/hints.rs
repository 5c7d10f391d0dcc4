//! The last row: the keys that do something here, from the keymap; or one remark.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{is_first_run, put};
use crate::replay::Player;
use crate::ui::keymap::{self, Action, Binding, Context, KEYMAP};
use crate::ui::model::{Dialog, Model, Notice, Pane, RowOf, Screen};
use crate::ui::replay::Replay;
use crate::ui::update::{at_top, contexts, failure_code};
use crate::ui::{text, theme};

pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) {
    if let Some(notice) = &model.notice {
        put(buf, area, 0, remark(model, notice, area.width.into()));
        return;
    }
    if let Some((since, _)) = model.leaving {
        let live = model.sessions.live();
        let spinner = theme::spinner(model.now.as_millisecond() - since.as_millisecond());
        put(
            buf,
            area,
            0,
            Line::raw(format!(" {spinner} closing {} …", sessions(live))),
        );
        return;
    }
    let (hints, right) = match &model.dialog {
        None if model.replay.as_ref().is_some_and(|replay| replay.input.is_some()) => (named(SEARCHING), String::new()),
        None if model.replay.as_ref().is_some_and(|replay| replay.transcript.is_some()) => {
            (in_transcript(), "q player ".to_owned())
        }
        None if model.replay.is_some() => (of_player_now(model), "q ".to_owned()),
        None if model.opening.as_ref().is_some_and(|opening| opening.shows(model.now)) => {
            (named(OPENING), String::new())
        }
        None if model.screen == Screen::Roles && model.roles.editing => {
            let hints = if model.roles.shown.is_empty() {
                no_match(model)
            } else {
                named(TYPING)
            };
            (hints, String::new())
        }
        None => table_hints(model),
        Some(Dialog::Help { .. }) => (named(HELP), format!("hallpass {} ", env!("CARGO_PKG_VERSION"))),
        Some(Dialog::Failure { request, problems, .. }) => {
            let code = failure_code(problems);
            let mut hints = context_hints(&[Context::Failure]);
            if model.blamed(request, problems).is_none_or(|row| !row.logs_in) {
                hints.retain(|(key, _)| key != "a");
            }
            for (_, word) in hints.iter_mut().filter(|(key, _)| key == "Esc") {
                behind_failure(model).clone_into(word);
            }
            // What can be done comes before what another command would end with.
            let right = if area.width < 60 {
                String::new()
            } else {
                format!("CLI exit: {code} ")
            };
            (hints, right)
        }
        Some(_) => (Vec::new(), String::new()),
    };
    let room = usize::from(area.width).saturating_sub(text::width(&right) + 1);
    let spelled = hints
        .into_iter()
        .map(|(key, word)| (theme::spelled(&key, model.look), word));
    put(buf, area, 0, line_of(spelled.collect(), room));
    put(buf, area, 0, Line::raw(right).right_aligned());
}

/// Hints that are no rows of the keymap: keys and words.
type Fixed<'a> = &'a [(&'a str, &'a str)];

const TYPING: Fixed<'_> = &[("Enter", "done"), ("Esc", "clear"), ("↑↓", "choose"), ("F1", "help")];
const SEARCHING: Fixed<'_> = &[("Enter", "done"), ("Esc", "cancel")];
const OPENING: Fixed<'_> = &[("Esc", "cancel")];
const HELP: Fixed<'_> = &[("type", "to filter"), ("↑↓", "scroll"), ("Esc", "close")];

/// What the keys of the player do while it shows plain text.
const TRANSCRIPT: &[(Action, &str)] = &[
    (Action::Down, "scroll"),
    (Action::Up, "scroll"),
    (Action::PageDown, "page"),
    (Action::PageUp, "page"),
    (Action::Pan(-1, 0), "sideways"),
    (Action::Pan(1, 0), "sideways"),
    (Action::Search, "search"),
    (Action::NextMatch, "match"),
    (Action::PreviousMatch, "match"),
    (Action::Transcript, "player"),
    (Action::Help, "help"),
];

/// Where Esc leads from the panel of a failure.
fn behind_failure(model: &Model) -> &'static str {
    match model.screen {
        _ if model.single && model.sessions.tabs.is_empty() => "quit",
        Screen::Session => "back to the session",
        Screen::Providers => "back to providers",
        Screen::Sessions => "back to sessions",
        Screen::Roles => "back to roles",
    }
}

/// The player's keys, by what they do to it as it is now.
fn of_player_now(model: &Model) -> Vec<(String, String)> {
    let playing = model
        .replay
        .as_ref()
        .and_then(Replay::player)
        .is_some_and(Player::is_playing);
    let word = |binding: &'static Binding| match binding.action {
        Action::PlayPause if !playing => (binding, "play"),
        _ => (binding, binding.hint),
    };
    let shown = of_player().filter(|binding| !binding.hint.is_empty());
    grouped(shown.map(word))
}

fn named(hints: Fixed<'_>) -> Vec<(String, String)> {
    let owned = hints.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned()));
    owned.collect()
}

/// A remark as the last row shows it.
pub(super) fn remark(model: &Model, notice: &Notice, width: usize) -> Line<'static> {
    let style = if notice.bad { theme::WARN } else { theme::OK };
    let words = theme::spelled(&notice.text, model.look);
    Line::styled(format!(" {}", text::cut(&words, width.saturating_sub(2))), style)
}

/// What can be done about a filter that leaves nothing.
fn no_match(model: &Model) -> Vec<(String, String)> {
    let mut hints = Vec::new();
    if model.roles.suggestion.is_some() {
        hints.extend(named(&[("Enter", "use suggestion")]));
    } else if model.roles.rows.is_empty() {
        hints.extend(named(&[("Enter", "show problems")]));
    }
    let help = if model.roles.editing { "F1" } else { "?" };
    hints.extend(named(&[("Esc", "clear"), (help, "help")]));
    hints
}

fn table_hints(model: &Model) -> (Vec<(String, String)>, String) {
    let provider = model.providers.rows.get(model.providers.selected);
    let mut contexts = contexts(model);
    if provider.is_none() {
        contexts.retain(|context| *context != Context::Providers);
    }
    let mut hints = context_hints(&contexts);
    hints.retain(|(key, _)| key != "q");
    if model.screen == Screen::Roles {
        if is_first_run(model) {
            hints = named(&[("R", "read the files again"), ("?", "help")]);
        } else if model.roles.shown.is_empty() {
            hints = no_match(model);
        } else if model
            .roles
            .selected_row()
            .is_some_and(|row| matches!(row.of, RowOf::Broken(_)))
        {
            for (key, word) in &mut hints {
                match key.as_str() {
                    "Enter" => "show the problem".clone_into(word),
                    "c" => "read again".clone_into(word),
                    _ => {}
                }
            }
        } else if model.roles.focus == Pane::Detail {
            let other = hints.iter_mut().filter(|(key, _)| key == "Tab");
            other.for_each(|(_, word)| "list".clone_into(word));
        }
    } else {
        // It goes to the roles: nothing is filtered here.
        hints.retain(|(key, _)| key != "/");
    }
    if model.screen == Screen::Providers && provider.is_none_or(|row| !row.logs_in) {
        hints.retain(|(key, _)| key != "a");
    }
    if model.screen == Screen::Sessions && model.sessions.tabs.is_empty() {
        hints.retain(|(key, _)| !matches!(key.as_str(), "Enter" | "x"));
    }
    let right = if at_top(model) { "q quit " } else { "q back " };
    (hints, right.to_owned())
}

pub(super) fn context_hints(contexts: &[Context]) -> Vec<(String, String)> {
    let shown = |context: &Context| {
        KEYMAP
            .iter()
            .filter(move |b| b.context == *context && !b.hint.is_empty())
            .map(|b| (keymap::key_text(b.keys[0]), b.hint.to_owned()))
            .collect::<Vec<_>>()
    };
    contexts.iter().flat_map(shown).collect()
}

fn of_player() -> impl Iterator<Item = &'static Binding> {
    KEYMAP.iter().filter(|binding| binding.context == Context::Replay)
}

fn in_transcript() -> Vec<(String, String)> {
    grouped(TRANSCRIPT.iter().filter_map(|(action, word)| {
        let binding = of_player().find(|binding| binding.action == *action)?;
        Some((binding, *word))
    }))
}

/// Keys with their words; those that follow each other with the same word as one: `←/→ 5s`, `0-9 %`.
fn grouped<'w>(hints: impl Iterator<Item = (&'static Binding, &'w str)>) -> Vec<(String, String)> {
    let hints: Vec<_> = hints.collect();
    let groups = hints.chunk_by(|(_, a), (_, b)| a == b);
    let named = groups.map(|group| {
        let keys: Vec<String> = group.iter().map(|(b, _)| keymap::key_text(b.keys[0])).collect();
        let keys = match keys.as_slice() {
            [first, .., last] if keys.len() > 2 => format!("{first}-{last}"),
            keys => keys.join("/"),
        };
        (keys, group[0].1.to_owned())
    });
    named.collect()
}

/// What fits. The keys that lead to all others go last.
pub(super) fn line_of(mut hints: Vec<(String, String)>, room: usize) -> Line<'static> {
    let wide = |hints: &[(String, String)]| -> usize {
        hints
            .iter()
            .map(|(key, word)| text::width(key) + text::width(word) + 3)
            .sum()
    };
    // The blanks behind the last one may be missing.
    while wide(&hints) > room {
        let dear = |key: &str| match key {
            "?" | "F1" => 3,
            "Enter" => 2,
            "/" | "Esc" | "Tab" | "q" | "r" => 1,
            _ => 0,
        };
        let cheapest = hints.iter().enumerate().rev().min_by_key(|(_, (key, _))| dear(key));
        match cheapest.map(|(at, _)| at) {
            Some(at) => drop(hints.remove(at)),
            None => break,
        }
    }
    let mut spans = vec![Span::raw(" ")];
    for (key, word) in hints {
        spans.push(Span::styled(key, theme::KEY));
        spans.push(Span::raw(format!(" {word}  ")));
    }
    Line::from(spans)
}

/// `1 session`, `3 sessions`.
pub(super) fn sessions(count: usize) -> String {
    if count == 1 {
        "1 session".to_owned()
    } else {
        format!("{count} sessions")
    }
}
