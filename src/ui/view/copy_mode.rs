//! Copy mode: the text standing still in the pane, what is selected and found in it, and its own status line.
//!
//! ```text
//!  COPY  -120/4312  2 of 17  new output      / search  v select  y copy  q leave
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{hints, put};
use crate::session::emulator::text::{Line as TextLine, Row};
use crate::ui::copy_mode::{CopyMode, Prompt, Shape};
use crate::ui::keymap::Context;
use crate::ui::layout::SessionParts;
use crate::ui::{text, theme};

/// Draws the text in the pane; answers where its cursor stands.
pub(super) fn draw(copy: &CopyMode, buf: &mut Buffer, area: Rect) -> Option<Position> {
    for (y, row) in (area.y..area.bottom()).zip(copy.view()) {
        draw_row(copy, row, buf, Rect { y, height: 1, ..area });
    }
    let (x, y) = copy.cursor_cell();
    let at = Position::new(area.x.saturating_add(x), area.y.saturating_add(y));
    (!copy.by_mouse && area.contains(at)).then_some(at)
}

fn draw_row(copy: &CopyMode, row: &Row, buf: &mut Buffer, area: Rect) {
    let line = copy.text().line(row.line);
    let selected = copy.selected_in(row);
    let mut found = copy.found_in(row).peekable();
    let mut x = area.x;
    // One glyph behind the end: the mark of a selected line end.
    for glyph in row.start..=row.end {
        while found.peek().is_some_and(|(range, _)| range.end <= glyph) {
            found.next();
        }
        let mut style = super::session::look(line.look(glyph));
        if glyph == row.end {
            style = Style::new();
        } else if let Some((_, here)) = found.peek().filter(|(range, _)| range.contains(&glyph)) {
            style = style.patch(if *here { theme::FOUND_HERE } else { theme::FOUND });
        }
        if selected.as_ref().is_some_and(|range| range.contains(&glyph)) {
            style = turned(style);
        }
        let columns = line.columns(glyph);
        let symbol = symbol(line, row, glyph);
        if let (true, Some(cell)) = (
            usize::from(x) + columns <= usize::from(area.right()),
            buf.cell_mut((x, area.y)),
        ) {
            cell.set_symbol(symbol).set_style(style);
        }
        x = x.saturating_add(if columns == 2 { 2 } else { 1 });
    }
}

fn symbol<'a>(line: &'a TextLine, row: &Row, glyph: usize) -> &'a str {
    let symbol = line.slice(glyph..glyph + 1);
    if glyph == row.end || symbol.is_empty() || symbol.chars().any(char::is_control) {
        " "
    } else {
        symbol
    }
}

/// Reversed, or not, where it was.
fn turned(style: Style) -> Style {
    if style.add_modifier.contains(Modifier::REVERSED) {
        style.remove_modifier(Modifier::REVERSED)
    } else {
        style.add_modifier(Modifier::REVERSED)
    }
}

/// The status line, with the end of the session where that is near; answers where the cursor stands while one types a search.
pub(super) fn draw_status(
    copy: &CopyMode,
    contexts: &[Context],
    near_end: Option<Span<'static>>,
    buf: &mut Buffer,
    parts: SessionParts,
) -> Option<Position> {
    // The smallest sizes have no row for it.
    let area = if parts.status.is_empty() {
        Rect {
            y: parts.screen.bottom().saturating_sub(1),
            height: parts.screen.height.min(1),
            ..parts.screen
        }
    } else {
        parts.status
    };
    let width = usize::from(area.width);
    put(buf, area, 0, Line::raw(" ".repeat(width)));
    if let Some(prompt) = copy.prompt() {
        return Some(draw_prompt(copy, prompt, buf, area));
    }
    let (back, most) = copy.back();
    let mode = match copy.selection().map(|selection| selection.shape) {
        None => " COPY",
        Some(Shape::Characters) => " SELECT",
        Some(Shape::Lines) => " SELECT LINES",
        Some(Shape::Block) => " SELECT BLOCK",
    };
    let place = if back == 0 {
        format!("  {back}/{most}")
    } else {
        format!("  -{back}/{most}")
    };
    let mut left = Line::from(vec![Span::styled(mode, theme::KEY), Span::raw(place)]);
    if let Some(count) = copy.count() {
        left.push_span(Span::raw(format!("  {count}")));
    }
    if let Some(near) = near_end {
        left.push_span(Span::raw("  "));
        left.push_span(near);
    }
    if copy.behind && width >= 60 {
        left.push_span(Span::styled("  new output", theme::WARN));
    }
    let room = width.saturating_sub(left.width() + 2);
    // It begins with a blank.
    let right = hints::line_of(hints::context_hints(contexts), room.saturating_sub(1));
    put(buf, area, 0, left);
    if right.width() <= room {
        put(buf, area, 0, right.right_aligned());
    }
    None
}

fn draw_prompt(copy: &CopyMode, prompt: &Prompt, buf: &mut Buffer, area: Rect) -> Position {
    let sign = if prompt.forward { " /" } else { " ?" };
    let count = copy.count().unwrap_or_default();
    let right = Line::from(vec![
        Span::raw(format!(" {count}  ")),
        Span::styled("Enter", theme::KEY),
        Span::raw(" done  "),
        Span::styled("Esc", theme::KEY),
        Span::raw(" cancel "),
    ]);
    let room = usize::from(area.width).saturating_sub(right.width() + 3);
    let before: String = prompt.input.text.chars().take(prompt.input.cursor).collect();
    let typed = text::cut_start(&before, room);
    let after: String = prompt.input.text.chars().skip(prompt.input.cursor).collect();
    let rest = text::cut(&after, room.saturating_sub(text::width(&typed)));
    let x = area
        .x
        .saturating_add(u16::try_from(2 + text::width(&typed)).unwrap_or(0));
    put(
        buf,
        area,
        0,
        Line::from(vec![Span::styled(sign, theme::KEY), Span::raw(typed), Span::raw(rest)]),
    );
    put(buf, area, 0, right.right_aligned());
    Position::new(x.min(area.right().saturating_sub(1)), area.y)
}
