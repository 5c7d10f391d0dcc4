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
use crate::ui::keymap::{Action, Binding, Context, KEYMAP, key_text};
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
    let mut items = items();
    let wide = area.width >= WIDTH;
    let rows_of = |items: &[Item]| if wide { items.len().div_ceil(2) } else { items.len() };
    let mut rows = rows_of(&items);
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
    let footer = if wide {
        "Esc cancel · nothing is sent to the shell"
    } else {
        "Esc cancel · nothing is sent"
    };
    let inside = dialog_box(buf, place, &title, footer, (WIDTH, height), false);
    // Where not all of them fit the last row has the one that shows them all.
    let height = usize::from(inside.height);
    let help = items.iter().position(|item| item.action == Action::Help);
    let help = help.filter(|_| rows > height).map(|at| items.remove(at));
    rows = rows_of(&items);
    let shown = if help.is_some() { height.saturating_sub(1) } else { rows };
    let (left, right) = items.split_at(rows);
    let mut drawn = 0;
    for (row, item) in left.iter().take(shown).enumerate() {
        let beside = right.get(row);
        drawn += 1 + usize::from(beside.is_some());
        let spans = std::iter::once(item).chain(beside).flat_map(Item::spans);
        put(buf, inside, row, Line::from_iter(spans));
    }
    if let Some(help) = help {
        let mut spans = help.spans();
        if drawn < items.len() {
            spans.push(Span::styled(format!("{} more", items.len() - drawn), theme::QUIET));
        }
        put(buf, inside, shown, Line::from(spans));
        return;
    }
    let literal = Line::from(vec![
        Span::styled(format!(" {}", model.prefix), theme::KEY),
        Span::raw(format!("   send a literal {} to the shell", model.prefix)),
    ]);
    put(buf, inside, rows + 1, literal);
}

/// Keys that stand together, and their words.
struct Item {
    keys: String,
    words: &'static str,
    action: Action,
}

impl Item {
    fn spans(&self) -> Vec<Span<'static>> {
        vec![
            Span::styled(format!(" {} ", text::fit(&self.keys, KEY)), theme::KEY),
            Span::raw(text::fit(self.words, LEFT)),
        ]
    }
}

/// What the menu has, column after column.
fn items() -> Vec<Item> {
    let shown = KEYMAP
        .iter()
        .filter(|b| b.context == Context::Prefix && !b.hint.is_empty());
    let shown: Vec<_> = shown.collect();
    let groups = shown.chunk_by(|_, next| next.hint == "&");
    let item = |group: &[&'static Binding]| {
        let keys: Vec<String> = group.iter().map(|b| key_text(b.keys[0])).collect();
        Item {
            keys: match keys.as_slice() {
                [first, _, .., last] => format!("{first}-{last}"),
                few => few.join(" "),
            },
            words: group[0].hint,
            action: group[0].action,
        }
    };
    groups.map(item).collect()
}
