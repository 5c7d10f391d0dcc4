//! The menu that the prefix key opens: every key that may follow, from the keymap, and that nothing reaches the program.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{dialog_box, put};
use crate::ui::keymap::{Action, Context, KEYMAP, key_text};
use crate::ui::model::Model;
use crate::ui::{text, theme};

pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) {
    let items: Vec<(String, &str)> = KEYMAP
        .iter()
        .filter(|b| b.context == Context::Prefix && !b.help.is_empty())
        .map(|b| match b.action {
            Action::Tab(_) => ("1-9".to_owned(), "go to tab"),
            _ => (key_text(b.keys[0]), b.help),
        })
        .collect();
    let wide = area.width >= 58;
    let rows = if wide { items.len().div_ceil(2) } else { items.len() };
    let height = u16::try_from(rows + 4).unwrap_or(u16::MAX);
    // At the bottom, so that the line that the person was typing on stays in sight as long as there is room.
    let room = Rect {
        height: area.height.saturating_sub(2),
        ..area
    };
    let place = Rect {
        y: room.y + room.height.saturating_sub(height),
        height: height.min(room.height),
        ..room
    };
    let title = format!("{} … pick a key", model.prefix);
    let size = (if wide { 62 } else { 36 }, height);
    let inside = dialog_box(
        buf,
        place,
        &title,
        "Esc cancel · nothing is sent to the program",
        size,
        false,
    );
    let width = usize::from(inside.width);
    let column = if wide { width / 2 } else { width };
    for row in 0..rows {
        let mut spans = Vec::new();
        for i in [row, row + rows] {
            if let Some((key, help)) = items.get(i).filter(|_| i == row || wide) {
                spans.push(Span::styled(format!(" {} ", text::fit(key, 5)), theme::KEY));
                spans.push(Span::raw(text::fit(help, column.saturating_sub(7))));
            }
        }
        put(buf, inside, row, Line::from(spans));
    }
    let last = format!(" {}  sends a literal {} to the program", model.prefix, model.prefix);
    put(buf, inside, rows + 1, Line::raw(last));
}
