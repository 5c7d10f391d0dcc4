//! The last row: the keys that do something here, from the keymap; or one remark, until the next key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{is_first_run, put};
use crate::ui::keymap::{self, Action, Context, KEYMAP};
use crate::ui::model::{Dialog, Model, Screen};
use crate::ui::update::{contexts, failure_code};
use crate::ui::{text, theme};

pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) {
    if let Some(notice) = &model.notice {
        let style = if notice.bad { theme::WARN } else { theme::OK };
        put(
            buf,
            area,
            0,
            Line::styled(
                format!(
                    " {}",
                    text::cut(&notice.text, usize::from(area.width).saturating_sub(2))
                ),
                style,
            ),
        );
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
        None if model.roles.editing => (
            vec![
                ("Enter".into(), "done".into()),
                ("Esc".into(), "clear".into()),
                ("↑↓".into(), "choose".into()),
            ],
            String::new(),
        ),
        None if model.replay.is_some() => (grouped(Context::Replay), "q ".to_owned()),
        None => table_hints(model),
        Some(Dialog::Help { .. }) => (
            vec![
                ("type".into(), "to filter".into()),
                ("↑↓".into(), "scroll".into()),
                ("Esc".into(), "close".into()),
            ],
            format!("hallpass {} ", env!("CARGO_PKG_VERSION")),
        ),
        Some(Dialog::Failure { problems, .. }) => {
            let code = failure_code(problems);
            (context_hints(&[Context::Failure]), format!("CLI exit: {code} "))
        }
        Some(_) => (Vec::new(), String::new()),
    };
    let room = usize::from(area.width).saturating_sub(text::width(&right) + 1);
    put(buf, area, 0, line_of(hints, room));
    put(buf, area, 0, Line::raw(right).right_aligned());
}

fn table_hints(model: &Model) -> (Vec<(String, String)>, String) {
    let contexts = contexts(model);
    let mut hints = context_hints(&contexts);
    hints.retain(|(key, _)| key != "q");
    if model.screen == Screen::Sessions {
        hints.retain(|(key, _)| key != "/");
    }
    if model.screen == Screen::Roles && is_first_run(model) {
        hints = vec![("R".into(), "read the files again".into()), ("?".into(), "help".into())];
    }
    let top = model.screen == Screen::Roles;
    (hints, if top { "q quit " } else { "q back " }.to_owned())
}

pub(super) fn context_hints(contexts: &[Context]) -> Vec<(String, String)> {
    let shown = |context: &Context| {
        KEYMAP
            .iter()
            .filter(move |b| b.context == *context && !b.hint.is_empty())
            .filter(|b| b.action != Action::FocusNext || contexts.contains(&Context::Roles))
            .map(|b| (keymap::key_text(b.keys[0]), b.hint.to_owned()))
            .collect::<Vec<_>>()
    };
    contexts.iter().flat_map(shown).collect()
}

/// The hints of a context, keys that follow each other with the same word as one: `←/→ 5s`, `0-9 %`.
fn grouped(context: Context) -> Vec<(String, String)> {
    let bindings: Vec<_> = KEYMAP
        .iter()
        .filter(|b| b.context == context && !b.hint.is_empty())
        .collect();
    let groups = bindings.chunk_by(|a, b| a.hint == b.hint);
    let named = groups.map(|group| {
        let keys: Vec<String> = group.iter().map(|b| keymap::key_text(b.keys[0])).collect();
        let keys = match keys.as_slice() {
            [first, .., last] if keys.len() > 2 => format!("{first}-{last}"),
            keys => keys.join("/"),
        };
        (keys, group[0].hint.to_owned())
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
    while wide(&hints) + 1 > room {
        let dear = |key: &str| matches!(key, "Enter" | "/" | "?" | "Esc" | "Tab");
        match hints.iter().rposition(|(key, _)| !dear(key)) {
            Some(at) => drop(hints.remove(at)),
            None if hints.pop().is_some() => {}
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
