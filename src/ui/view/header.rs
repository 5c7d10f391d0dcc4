//! The first two rows: screens with their keys, the lights of the providers; the filter, counts, and configuration problems.
//!
//! ```text
//!  hallpass  [1 Roles]  2 Providers   3 Sessions·2                      vault ● aws-sm ● k8s ✗ local ●
//!  / env:prod pg_                                                    7 of 42 · sort: name
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{put, put_edited};
use crate::ui::model::{Model, ProviderRow, Screen};
use crate::ui::{text, theme};

/// The screens as the first row names them.
fn screens(model: &Model) -> [(Screen, String); 3] {
    let narrow = model.size.0 < 80;
    let live = model.sessions.live();
    let count = if live > 0 { format!("·{live}") } else { String::new() };
    [
        (Screen::Roles, if narrow { "Roles" } else { "1 Roles" }.to_owned()),
        (
            Screen::Providers,
            if narrow { "Prov" } else { "2 Providers" }.to_owned(),
        ),
        (
            Screen::Sessions,
            if narrow {
                format!("Sess{count}")
            } else {
                format!("3 Sessions{count}")
            },
        ),
    ]
}

/// Which screen a click on the first row means.
pub fn screen_at(model: &Model, column: u16) -> Option<Screen> {
    let mut at = lead(model).len();
    for (screen, word) in screens(model) {
        let end = at + text::width(&word) + 3;
        if (at..end).contains(&usize::from(column)) {
            return Some(screen);
        }
        at = end;
    }
    None
}

fn lead(model: &Model) -> &'static str {
    match model.size.0 {
        0..60 => " ",
        60..80 => " hallpass ",
        _ => " hallpass  ",
    }
}

pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) {
    let narrow = area.width < 80;
    let mut left = vec![Span::styled(lead(model), theme::BOLD)];
    for (screen, word) in screens(model) {
        let active = model.screen == screen || (screen == Screen::Sessions && model.screen == Screen::Session);
        if active {
            left.push(Span::styled(format!("[{word}]"), theme::KEY));
        } else if narrow {
            left.push(Span::raw(word));
        } else {
            left.push(Span::raw(format!(" {word} ")));
        }
        left.push(Span::raw(" "));
    }
    let left = Line::from(left);
    let room = usize::from(area.width).saturating_sub(left.width() + 1);
    put(buf, area, 0, left);
    put(buf, area, 0, lights(model, room, narrow).right_aligned());
}

/// The lights that fit, the most used provider first; the others as a number with the light of the worst of them.
fn lights(model: &Model, room: usize, narrow: bool) -> Line<'static> {
    let rows = &model.providers.rows;
    let name = |row: &ProviderRow| -> String {
        if narrow {
            row.name.chars().take(1).collect()
        } else {
            format!("{} ", row.name)
        }
    };
    let wide = |row: &ProviderRow| text::width(&name(row)) + 2;
    let fitting = |room: usize| {
        let mut used = 0;
        let fits = |row: &&ProviderRow| {
            used += wide(row);
            used <= room
        };
        rows.iter().take_while(fits).count()
    };
    let all = fitting(room) == rows.len();
    let count = fitting(if all {
        room
    } else {
        room.saturating_sub("+99 ● ".chars().count())
    });
    let (shown, hidden) = rows.split_at(count);
    let mut spans: Vec<Span<'static>> = Vec::new();
    for row in shown {
        let (mark, style) = light(row, model);
        spans.extend([Span::raw(name(row)), Span::styled(mark, style), Span::raw(" ")]);
    }
    if let Some(worst) = hidden.iter().max_by_key(|row| row.state())
        && room > 8
    {
        let (mark, style) = light(worst, model);
        let number = format!("+{} ", hidden.len());
        spans.extend([Span::raw(number), Span::styled(mark, style), Span::raw(" ")]);
    }
    Line::from(spans)
}

/// The mark of a provider: the last known state also while it is probed again.
pub(super) fn light(row: &ProviderRow, model: &Model) -> (&'static str, Style) {
    match (row.state(), row.running) {
        (Some(state), _) => theme::mark(state),
        (None, Some((_, since))) => (
            theme::spinner(model.now.as_millisecond() - since.as_millisecond()),
            theme::WARN,
        ),
        (None, None) => (theme::UNCHECKED, theme::QUIET),
    }
}

/// What can be typed into the filter, in as many words as there is room for.
const EXAMPLES: [&str; 4] = [
    "filter: part of a name, env:prod, type:postgres",
    "filter: part of a name, env:prod",
    "filter: part of a name",
    "filter",
];

/// The filter's row; answers where the cursor stands while it is edited.
pub(super) fn draw_filter(model: &Model, buf: &mut Buffer, area: Rect) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let roles = &model.roles;
    let wide = area.width >= 80;
    let shown = roles.shown.len();
    let total = roles.rows.len();
    let mut right: Vec<Span<'static>> = Vec::new();
    let problems = model.config.problems.len();
    if problems > 0 {
        let s = if problems == 1 { "" } else { "s" };
        right.push(Span::styled(format!("✗ {problems} config problem{s}"), theme::FAIL));
        right.push(Span::raw(" · "));
    }
    if wide {
        right.push(Span::raw(format!("{shown} of {total} · sort: {}", roles.sort.word())));
        if roles.reverse {
            right.push(Span::raw(" reversed"));
        }
    } else {
        right.push(Span::raw(format!("{shown}/{total}")));
    }
    right.push(Span::raw(" "));
    let right = Line::from(right).right_aligned();
    let lead = if wide { " / " } else { "/" };
    // A blank stays between the two.
    let left = Rect {
        width: area
            .width
            .saturating_sub(u16::try_from(right.width()).unwrap_or(u16::MAX).saturating_add(1)),
        ..area
    };
    let room = usize::from(left.width).saturating_sub(lead.len());
    put(buf, area, 0, right);
    let lead = Span::styled(lead, theme::KEY);
    if roles.editing {
        let words = filter_spans(&roles.filter.text);
        return Some(put_edited(buf, left, lead, words, &roles.filter));
    }
    let mut spans = vec![lead];
    if roles.filter.text.is_empty() {
        let example = EXAMPLES.iter().find(|words| words.len() <= room);
        spans.extend(example.map(|words| Span::styled(*words, theme::QUIET)));
    } else {
        spans.extend(filter_spans(&text::cut(&roles.filter.text, room)));
    }
    put(buf, left, 0, Line::from(spans));
    None
}

/// Field words stand out; an unknown one is underlined.
fn filter_spans(filter: &str) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (i, term) in filter.split(' ').enumerate() {
        if i > 0 {
            spans.push(Span::raw(" "));
        }
        let field = term.trim_start_matches('!').split_once(':').map(|(field, _)| field);
        let style = match field {
            Some(field) if crate::ui::search::knows_field(field) => theme::ACCENT,
            Some(_) => theme::FAIL.add_modifier(ratatui::style::Modifier::UNDERLINED),
            None => theme::PLAIN,
        };
        spans.push(Span::styled(term.to_owned(), style));
    }
    spans
}
