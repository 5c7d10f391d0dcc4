//! The list of sessions: number, role, environment, state, how long.

use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};

use super::{panel, put, tabs};
use crate::ui::layout::{self, Parts};
use crate::ui::model::{Model, News, Tab, TabState};
use crate::ui::{text, theme};

pub(super) fn draw(model: &Model, buf: &mut Buffer, parts: Parts) {
    let sessions = &model.sessions;
    put(
        buf,
        parts.filter,
        0,
        Line::styled(" Sessions of this hallpass; they end with it", theme::QUIET),
    );
    let inside = if parts.framed {
        let footer = format!("{} live, {} in all", sessions.live(), sessions.tabs.len());
        panel(
            buf,
            parts.list,
            Line::styled("Sessions", theme::BOLD),
            &footer,
            theme::ACCENT,
        )
    } else {
        parts.list
    };
    if sessions.tabs.is_empty() {
        put(buf, inside, 1, Line::raw(" No session is open."));
        put(
            buf,
            inside,
            3,
            Line::raw(" Enter on a role opens one: 1 goes to the roles."),
        );
        return;
    }
    if parts.framed {
        let heading = format!(
            "    {}{}{}STATE",
            text::fit("ROLE", 28),
            text::fit("ENV", 8),
            text::fit("PROGRAM", 14)
        );
        put(buf, inside, 0, Line::styled(heading, theme::HEADING));
    }
    let rows = layout::list_rows(model);
    // The state is what one looks for here: the name gives way to it.
    let name = if parts.framed {
        27
    } else {
        22.min(usize::from(rows.width).saturating_sub(33)).max(8)
    };
    let shown = sessions.tabs.iter().enumerate().skip(sessions.top);
    for (y, (i, tab)) in shown.take(rows.height.into()).enumerate() {
        put(buf, rows, y, row(model, i, tab, name, parts.framed));
    }
}

/// One session; `name` is the width of its role's column.
fn row(model: &Model, index: usize, tab: &Tab, name: usize, framed: bool) -> Line<'static> {
    let selected = index == model.sessions.selected;
    let (mark, style) = match tab.state {
        TabState::Live => ("●", theme::OK),
        TabState::Ended(_) => ("✗", theme::QUIET),
    };
    let state = match &tab.state {
        TabState::Live => format!(
            "live for {}",
            text::duration(text::seconds_between(tab.started, model.now))
        ),
        TabState::Ended(_) => ending_words(tab),
    };
    let name = text::fit(&tab.role, name);
    let line = Line::from(vec![
        Span::styled(if selected { theme::CURSOR } else { " " }, theme::KEY),
        Span::raw(format!("{:<2} {name} ", index + 1)),
        Span::styled(text::fit(&tab.label, 7) + " ", tabs::environment(tab).style),
        Span::raw(if framed {
            text::fit(program_name(tab), 13) + " "
        } else {
            String::new()
        }),
        Span::styled(mark, style),
        Span::raw(format!(" {state}{}", news_words(tab))),
    ]);
    if selected { theme::selected(line) } else { line }
}

/// What happened in it that nobody has seen.
pub(super) fn news_words(tab: &Tab) -> &'static str {
    match tab.news {
        News::None => "",
        News::Output => "  ! new output",
        News::Bell => "  ! bell",
    }
}

/// The program without its folder.
pub fn program_name(tab: &Tab) -> &str {
    tab.program.rsplit('/').next().unwrap_or(&tab.program)
}

/// `exited 3 after 11m32s`, `exited 143 (signal TERM) after 9s`, `ended: idle 15m, after 31m02s`.
pub fn ending_words(tab: &Tab) -> String {
    let TabState::Ended(ending) = &tab.state else {
        return String::new();
    };
    let after = text::duration(i64::try_from(ending.ran.as_secs()).unwrap_or(i64::MAX));
    match (ending.limit, ending.signal) {
        (Some(limit), _) => format!("ended: {limit}, after {after}"),
        (None, Some(signal)) => {
            let name = signal_hook::low_level::signal_name(signal);
            let name = name.map_or_else(|| signal.to_string(), |name| name.trim_start_matches("SIG").to_owned());
            format!("exited {} (signal {name}) after {after}", ending.code)
        }
        (None, None) => format!("exited {} after {after}", ending.code),
    }
}

/// `exited 3`, for columns.
pub(super) fn short_ending(tab: &Tab) -> String {
    match &tab.state {
        TabState::Live => String::new(),
        TabState::Ended(ending) => match ending.limit {
            Some(limit) => format!("ended {limit}"),
            None => format!("exited {}", ending.code),
        },
    }
}
