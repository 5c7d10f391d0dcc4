//! The list of all tabs that `prefix w` opens: state, time and last line of each, filtered by what is typed.

use std::sync::PoisonError;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::sessions::short_ending;
use super::{dialog_box, put, put_input, tabs};
use crate::ui::input::Input;
use crate::ui::model::{Model, News, Tab, TabState};
use crate::ui::update::tab_list_rows;
use crate::ui::{text, theme};

/// Columns of the list at most: a line of a terminal beside what is said about it.
const WIDTH: u16 = 120;
/// Rows of the dialog that are no tab: frame, filter, blank.
const AROUND: u16 = 4;

/// Draws the list; answers where the cursor stands.
pub(super) fn draw(model: &Model, filter: &Input, selected: usize, buf: &mut Buffer, area: Rect) -> Position {
    let tabs = &model.sessions.tabs;
    let found = tab_list_rows(model, &filter.text);
    // As high as the whole list, whatever is typed: a dialog that jumps under the eyes is hard to read.
    let height = u16::try_from(tabs.len().max(1))
        .unwrap_or(u16::MAX)
        .saturating_add(AROUND);
    let size = (
        WIDTH.min(area.width.saturating_sub(2)),
        height.min(area.height.saturating_sub(2)),
    );
    let title = format!("Tabs · {} live, {} in all", model.sessions.live(), tabs.len());
    let inside = dialog_box(
        buf,
        area,
        &title,
        "type to filter · Enter goes there · Esc closes",
        size,
        false,
    );
    let cursor = put_input(buf, inside, Span::styled(" / ", theme::KEY), filter);
    let rows = usize::from(inside.height).saturating_sub(2);
    let top = (selected + 1).saturating_sub(rows);
    let name = found.iter().filter_map(|index| tabs.get(*index));
    let name = name.map(|tab| text::width(&tab.role)).max().unwrap_or(0);
    let name = name.clamp(8, if inside.width < 80 { 22 } else { 32 });
    for (y, (i, index)) in found.iter().enumerate().skip(top).take(rows).enumerate() {
        if let Some(tab) = tabs.get(*index) {
            let line = row(model, *index, tab, i == selected, name, inside.width.into());
            put(buf, inside, y + 2, line);
        }
    }
    if found.is_empty() {
        put(buf, inside, 2, Line::styled(" no tab is called that", theme::WARN));
    }
    cursor
}

fn row(model: &Model, index: usize, tab: &Tab, selected: bool, name: usize, width: usize) -> Line<'static> {
    let (mark, look, state): (_, Style, String) = match &tab.state {
        TabState::Live => {
            let up = text::duration(text::seconds_between(tab.started, model.now));
            ("●", theme::OK, format!("live {up}"))
        }
        TabState::Ended(_) => ("✗", theme::QUIET, short_ending(tab)),
    };
    let (seen, bell) = match tab.news {
        _ if index == model.sessions.active => ("*", theme::BOLD),
        News::None => (" ", theme::PLAIN),
        News::Output => ("!", theme::PLAIN),
        News::Bell => ("!", theme::BELL),
    };
    let environment = tabs::environment(tab);
    let mut line = Line::from(vec![
        Span::styled(if selected { theme::CURSOR } else { " " }, theme::KEY),
        Span::raw(format!("{:>2}", index + 1)),
        Span::styled(seen, bell),
        Span::raw(format!(" {} ", text::fit(&tab.role, name))),
        Span::styled(text::fit(&environment.content, 5) + " ", environment.style),
        Span::styled(mark, look),
        Span::raw(format!(" {}", text::fit(&state, 12))),
    ]);
    let room = width.saturating_sub(line.width() + 2);
    if room > 3 {
        line.push_span(Span::styled(
            format!(" {}", text::cut(&last_line(tab), room)),
            theme::QUIET,
        ));
    }
    if selected { theme::selected(line) } else { line }
}

/// The last line on its screen that holds something.
fn last_line(tab: &Tab) -> String {
    let emulator = tab.emulator.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rows = (0..emulator.size().rows).rev().map(|row| emulator.row_text(row));
    let last = rows.find(|text| !text.trim().is_empty());
    last.map(|text| text.trim_start().to_owned()).unwrap_or_default()
}
