//! The menu that the prefix key opens: every key that may follow, from the keymap, and that nothing reaches the program.
//!
//! ```text
//! ┌─ Ctrl-\ … pick a key ────────────────────────────────┐
//! │ 1-9  go to tab            [    scroll / copy mode    │
//! │ n p  next / previous tab  /    search scrollback     │
//! │                                                      │
//! │ Ctrl-\   send a literal Ctrl-\ to the shell          │
//! └─ Esc cancel · nothing is sent to the shell ──────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{dialog_box, put};
use crate::ui::keymap::{Action, Context, KEYMAP, key_text};
use crate::ui::layout::session_parts;
use crate::ui::model::Model;
use crate::ui::{text, theme};

/// Columns of a key, and of the words of the left column.
const KEY: usize = 4;
const LEFT: usize = 20;
/// With its frame.
const WIDTH: u16 = 56;
/// Under so few rows of a terminal it would be nothing but its frame; the status line says `PREFIX` as well.
const LEAST: u16 = 6;

pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) {
    if area.height < LEAST {
        return;
    }
    let items = items();
    let wide = area.width >= WIDTH;
    let rows = if wide { items.len().div_ceil(2) } else { items.len() };
    let height = u16::try_from(rows + 5).unwrap_or(u16::MAX);
    // At the bottom, so that the line that the person was typing on stays in sight as long as there is room; never over the tabs or the frame.
    let screen = session_parts(model.size, model.sessions.bare).screen;
    let room = Rect {
        y: screen.y,
        height: screen.height,
        ..area
    };
    let place = Rect {
        y: room.y + room.height.saturating_sub(height),
        height: height.min(room.height),
        ..room
    };
    let title = format!("{} … pick a key", model.prefix);
    let footer = "Esc cancel · nothing is sent to the shell";
    let inside = dialog_box(buf, place, &title, footer, (WIDTH, height), false);
    // Where not all of them fit the last row says how to see them all.
    let height = usize::from(inside.height);
    let shown = if rows > height { height.saturating_sub(1) } else { rows };
    for (row, (keys, words)) in items.iter().take(shown).enumerate() {
        let mut spans = item(keys, words);
        if let Some((keys, words)) = items.get(row + rows).filter(|_| wide) {
            spans.extend(item(keys, words));
        }
        put(buf, inside, row, Line::from(spans));
    }
    if shown < rows {
        let help = KEYMAP
            .iter()
            .find(|b| b.context == Context::Prefix && b.action == Action::Help);
        if let Some(help) = help {
            let mut spans = item(&key_text(help.keys[0]), help.help);
            spans.push(Span::styled(format!("{} more", items.len() - shown), theme::QUIET));
            put(buf, inside, shown, Line::from(spans));
        }
        return;
    }
    let literal = Line::from(vec![
        Span::styled(format!(" {}", model.prefix), theme::KEY),
        Span::raw(format!("   send a literal {} to the shell", model.prefix)),
    ]);
    put(buf, inside, rows + 1, literal);
}

/// Keys and words, column after column.
fn items() -> Vec<(String, &'static str)> {
    let mut items: Vec<(Vec<String>, &str)> = Vec::new();
    for binding in KEYMAP.iter().filter(|b| b.context == Context::Prefix) {
        let key = key_text(binding.keys[0]);
        match (binding.hint, items.last_mut()) {
            ("", _) => {}
            ("&", Some((keys, _))) => keys.push(key),
            (words, _) => items.push((vec![key], words)),
        }
    }
    let range = |keys: Vec<String>| match keys.as_slice() {
        [first, _, .., last] => format!("{first}-{last}"),
        few => few.join(" "),
    };
    items.into_iter().map(|(keys, words)| (range(keys), words)).collect()
}

fn item(keys: &str, words: &str) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!(" {} ", text::fit(keys, KEY)), theme::KEY),
        Span::raw(text::fit(words, LEFT)),
    ]
}
