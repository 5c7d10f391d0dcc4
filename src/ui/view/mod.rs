//! Drawing: one file a panel, all of them from `&Model` alone.

mod clipboard;
mod copy_mode;
mod detail;
mod dialogs;
mod empty;
mod failure;
mod header;
mod help;
mod hints;
mod lease;
mod paste;
mod prefix_menu;
mod providers;
mod replay;
mod roles;
mod session;
mod session_info;
mod sessions;
mod status;
mod summary;
mod tab_list;
mod tabs;

use crossterm::cursor::SetCursorStyle;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Paragraph, Widget as _};

use crate::domain::limits::WARNINGS;
use crate::domain::policy::length;
use crate::ui::input::Input;
use crate::ui::layout::{self, Form};
use crate::ui::model::{Dialog, Model, Screen};
use crate::ui::{text, theme};

pub use empty::is_first_run;
pub use failure::report as failure_report;
pub use header::screen_at;
pub use lease::clock;
pub use providers::report as provider_report;
pub use replay::origin as replay_origin;
pub use session_info::info as session_info;
pub use sessions::{ending_words, program_name};
pub use tabs::{Target as BarTarget, target_at as bar_target_at};

/// How far the detail of the selected role can be scrolled.
pub fn detail_scroll_limit(model: &Model) -> usize {
    detail::scroll_limit(model, layout::parts(model))
}

/// How far the text of the dialog in front can be scrolled.
pub fn dialog_scroll_limit(model: &Model) -> usize {
    let (columns, rows) = model.size;
    let area = Rect::new(0, 0, columns, rows);
    match &model.dialog {
        Some(Dialog::Help { filter, .. }) => {
            help::line_count(model, &filter.text, columns).saturating_sub(usize::from(rows).saturating_sub(6))
        }
        Some(Dialog::Failure { request, problems, .. }) => failure::line_count(model, &request.role, problems, columns)
            .saturating_sub(usize::from(rows).saturating_sub(4)),
        Some(Dialog::Text { lines, .. }) => dialogs::text_scroll_limit(lines, area),
        _ => 0,
    }
}

/// Where the timeline of the recording in front is; none if it is not there.
pub fn replay_bar(model: &Model) -> Option<Rect> {
    let player = model.replay.as_ref()?.player()?;
    let area = layout::replay_parts(model.size).timeline;
    (!area.is_empty()).then(|| replay::bar(player, area))
}

/// The title of the terminal's window: where one is, also for people who look at another window.
pub fn window_title(model: &Model) -> String {
    if let Some(replay) = &model.replay {
        return text::cut(&format!("replay {}", replay.name()), 60);
    }
    let tab = model.sessions.active_tab().filter(|_| model.screen == Screen::Session);
    let Some(tab) = tab else {
        return "hallpass".to_owned();
    };
    let place = format!("{} {}", tab.label, tab.role);
    let near = tab
        .is_live()
        .then(|| WARNINGS.get(tab.warned.checked_sub(1)?))
        .flatten();
    let end = near.map_or_else(String::new, |left| format!(" · ends within {}", length(*left)));
    text::cut(&format!("{}{end}", text::cut(place.trim_start(), 60)), 90)
}

/// How the terminal's cursor is to look.
pub fn cursor_style(model: &Model) -> SetCursorStyle {
    session::cursor_style(model)
}

/// Draws everything. The terminal's cursor goes where the person types.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let cursor = draw_into(model, frame.buffer_mut(), area);
    theme::adapt(frame.buffer_mut(), model.look);
    if let Some(position) = cursor.filter(|at| area.contains(*at)) {
        frame.set_cursor_position(position);
    }
}

fn draw_into(model: &Model, buf: &mut Buffer, area: Rect) -> Option<Position> {
    // The model learns of a new size by a message; a picture for the old one would not fit into this buffer.
    if model.size != (area.width, area.height) || area.is_empty() {
        return None;
    }
    if let Some(replay) = &model.replay {
        let cursor = replay::draw(model, replay, buf, area);
        return dialogs::draw(model, buf, area).unwrap_or(cursor);
    }
    if model.screen == Screen::Session && model.sessions.active_tab().is_some() {
        let cursor = session::draw(model, buf);
        if model.sessions.prefix && model.dialog.is_none() {
            prefix_menu::draw(model, buf, area);
            return None;
        }
        return dialogs::draw(model, buf, area).unwrap_or(cursor);
    }
    if Form::of(model.size) == Form::TooSmall {
        too_small(model, buf, area);
        return dialogs::draw(model, buf, area).flatten();
    }
    let parts = layout::parts(model);
    header::draw(model, buf, parts.header);
    hints::draw(model, buf, parts.hints);
    if let Some(Dialog::Failure {
        request,
        problems,
        scroll,
    }) = &model.dialog
    {
        let below = Rect {
            y: 1,
            height: area.height - 2,
            ..area
        };
        failure::draw(model, &request.role, problems, *scroll, buf, below);
        return None;
    }
    let mut cursor = None;
    if is_first_run(model) && model.screen == Screen::Roles {
        empty::first_run(
            model,
            buf,
            Rect {
                y: 1,
                height: area.height - 2,
                ..area
            },
        );
    } else {
        match model.screen {
            Screen::Roles => {
                cursor = header::draw_filter(model, buf, parts.filter);
                roles::draw(model, buf, parts);
                detail::draw(model, buf, parts);
            }
            Screen::Providers => providers::draw(model, buf, parts),
            Screen::Sessions | Screen::Session => sessions::draw(model, buf, parts),
        }
        rule(buf, parts.rule, model.look.ascii);
    }
    dialogs::draw(model, buf, area).unwrap_or(cursor)
}

/// That nothing can be shown at this size, in one line where that is not cut.
fn too_small(model: &Model, buf: &mut Buffer, area: Rect) {
    let size = format!("Too small: {}x{}", area.width, area.height);
    let need = "need 40x10";
    let whole = format!("{size}, {need}");
    let mut lines = if text::width(&whole) <= usize::from(area.width) {
        vec![whole]
    } else {
        vec![size, need.to_owned()]
    };
    if !model.sessions.tabs.is_empty() {
        lines.push("Enter shows the session".to_owned());
    }
    lines.push("q quits".to_owned());
    let middle = Rect {
        y: area.y + area.height / 2,
        height: area.height - area.height / 2,
        ..area
    };
    for (y, line) in lines.into_iter().enumerate() {
        put(buf, middle, y, Line::raw(line).centered());
    }
}

/// One line of text on a row of an area; what does not fit is cut, a row that is not there is skipped.
fn put(buf: &mut Buffer, area: Rect, row: usize, line: Line<'_>) {
    let Ok(row) = u16::try_from(row) else { return };
    if row < area.height {
        line.render(
            Rect {
                y: area.y + row,
                height: 1,
                ..area
            },
            buf,
        );
    }
}

/// A line that is edited, behind its lead on the first row of an area, scrolled so that the cursor is in sight; answers where that stands.
fn put_input(buf: &mut Buffer, area: Rect, lead: Span<'_>, input: &Input) -> Position {
    put_edited(buf, area, lead, vec![Span::raw(input.text.clone())], input)
}

/// The same with the text as spans.
fn put_edited(buf: &mut Buffer, area: Rect, lead: Span<'_>, text: Vec<Span<'_>>, input: &Input) -> Position {
    let columns = |words: usize| u16::try_from(words).unwrap_or(u16::MAX);
    let row = Rect {
        x: area.x.saturating_add(columns(lead.width())).min(area.right()),
        width: area.width.saturating_sub(columns(lead.width())),
        height: area.height.min(1),
        ..area
    };
    put(buf, area, 0, Line::from(lead));
    let before: String = input.text.chars().take(input.cursor).collect();
    let before = columns(text::width(&before));
    let hidden = (before.saturating_add(1)).saturating_sub(row.width);
    Paragraph::new(Line::from(text)).scroll((0, hidden)).render(row, buf);
    if hidden > 0 {
        put(buf, row, 0, Line::styled("…", theme::QUIET));
    }
    Position::new(row.x.saturating_add(before.saturating_sub(hidden)), area.y)
}

/// Pieces side by side, with a gap between them, as many to a row as fit: none of them is broken.
fn flow(pieces: impl IntoIterator<Item = Vec<Span<'static>>>, gap: usize, width: usize) -> Vec<Vec<Span<'static>>> {
    let mut rows: Vec<Vec<Span<'static>>> = Vec::new();
    let mut used = 0;
    for piece in pieces {
        let wide: usize = piece.iter().map(Span::width).sum();
        match rows.last_mut().filter(|_| used + gap + wide <= width) {
            Some(row) => {
                row.push(Span::raw(" ".repeat(gap)));
                row.extend(piece);
                used += gap + wide;
            }
            None => {
                rows.push(piece);
                used = wide;
            }
        }
    }
    rows
}

/// The same for words in one style, on lines that begin with a blank.
fn flow_words(words: &[&str], style: Style, width: usize) -> Vec<Line<'static>> {
    let pieces = words.iter().map(|words| vec![Span::styled((*words).to_owned(), style)]);
    let rows = flow(pieces, 3, width.saturating_sub(2));
    let lines = rows
        .into_iter()
        .map(|row| Line::from_iter(std::iter::once(Span::raw(" ")).chain(row)));
    lines.collect()
}

/// A line across the screen. In ASCII its ends are those of a frame: hyphens alone read like a part of the list.
fn rule(buf: &mut Buffer, area: Rect, ascii: bool) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let line = if ascii {
        format!("+{}+", "-".repeat(width.saturating_sub(2)))
    } else {
        "─".repeat(width)
    };
    put(buf, area, 0, Line::styled(line, theme::QUIET));
}

/// A frame with a title above and a remark below; the inside is returned.
fn panel(buf: &mut Buffer, area: Rect, title: Line<'_>, footer: &str, style: Style) -> Rect {
    let mut block = Block::new()
        .borders(Borders::ALL)
        .border_style(style)
        .title_top(framed_title(title));
    if !footer.is_empty() {
        block = block.title_bottom(Line::raw(format!("─ {footer} ")));
    }
    let inside = block.inner(area);
    block.render(area, buf);
    inside
}

fn framed_title(title: Line<'_>) -> Line<'_> {
    let mut line = Line::raw("─ ");
    line.spans.extend(title.spans);
    line.push_span(" ");
    line
}

/// A dialog's frame on a cleared part of the middle of the screen.
fn dialog_box(buf: &mut Buffer, area: Rect, title: &str, footer: &str, size: (u16, u16), heavy: bool) -> Rect {
    let rect = layout::centred(area, size.0, size.1);
    Clear.render(rect, buf);
    let kind = if heavy { BorderType::Thick } else { BorderType::Plain };
    let dash = if heavy { "━" } else { "─" };
    let mut block = Block::new()
        .borders(Borders::ALL)
        .border_type(kind)
        .title_top(Line::styled(format!("{dash} {title} "), theme::BOLD));
    if !footer.is_empty() {
        block = block.title_bottom(Line::raw(format!("{dash} {footer} ")));
    }
    let inside = block.inner(rect);
    block.render(rect, buf);
    inside
}
