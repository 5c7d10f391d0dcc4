//! The help: everything in the keymap, by context, filtered by what is typed. Also the words of the filter.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use super::{panel, put, put_input, roles};
use crate::ui::input::Input;
use crate::ui::keymap::{Context, KEYMAP, keys_text};
use crate::ui::model::{Model, Screen};
use crate::ui::{text, theme};

/// The words of the filter, for people who look for them in the help.
const FILTER_WORDS: &[(&str, &str)] = &[
    ("env:prod,stage", "in one of these environments"),
    ("type:pg", "of this connector"),
    ("tag:team=pay", "with this tag"),
    ("provider:vault", "with secrets from this provider"),
    ("status:fail", "with this state"),
    ("!word", "not this"),
    ("ord", "letters of the name, in order"),
];

/// The marks of a row of tabs.
const TAB_MARKS: &[(&str, &str)] = &[
    ("*", "the tab in front"),
    ("!", "a tab with news: output, a bell"),
    ("✗", "a tab whose session has ended"),
];

/// Columns of the keys.
const KEYS: usize = 14;

/// A heading with its lines (keys, what they do).
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) lines: Vec<(String, String)>,
}

/// Every section of the help with what matches; the screen in front comes first.
pub(super) fn entries(model: &Model, filter: &str) -> Vec<Section> {
    let filter = filter.to_lowercase();
    let matches =
        |keys: &str, help: &str| keys.to_lowercase().contains(&filter) || help.to_lowercase().contains(&filter);
    let first = match model.screen {
        _ if model.replay.is_some() => Context::Replay,
        Screen::Roles => Context::Roles,
        Screen::Providers => Context::Providers,
        Screen::Sessions => Context::Sessions,
        Screen::Session => Context::Prefix,
    };
    let mut contexts: Vec<&(Context, &str)> = Context::ALL.iter().collect();
    contexts.sort_by_key(|(context, _)| *context != first);
    let mut sections: Vec<Section> = Vec::new();
    for (context, heading) in contexts {
        let mut lines: Vec<(String, String)> = KEYMAP
            .iter()
            .filter(|b| b.context == *context && !b.help.is_empty())
            .map(|b| (theme::spelled(&keys_text(b), model.look), b.help.to_owned()))
            .collect();
        let mut heading = (*heading).to_owned();
        if *context == Context::Prefix {
            heading = format!("IN A SESSION (after {})", model.prefix);
            lines.push((model.prefix.to_string(), format!("send {} itself", model.prefix)));
            lines.push(("Esc".to_owned(), "close the menu, send nothing".to_owned()));
        }
        lines.retain(|(keys, help)| matches(keys, help));
        sections.push(Section { heading, lines });
    }
    let symbols: Vec<(&str, &str)> = [roles::MARKS, theme::STATES, TAB_MARKS].concat();
    for (heading, words) in [("FILTER WORDS", FILTER_WORDS), ("SYMBOLS", symbols.as_slice())] {
        let words = words.iter().filter(|(word, help)| matches(word, help));
        let lines = words.map(|(word, help)| ((*word).to_owned(), (*help).to_owned()));
        sections.push(Section {
            heading: heading.to_owned(),
            lines: lines.collect(),
        });
    }
    sections.retain(|section| !section.lines.is_empty());
    sections
}

/// How many columns there are in a help of this width, and how wide they are: as many as have room for the longest line, whatever of
/// it the filter leaves.
fn columns_of(model: &Model, width: u16) -> (usize, usize) {
    let room = usize::from(width).saturating_sub(5);
    let longest = entries(model, "").into_iter().flat_map(|section| section.lines);
    let longest = longest
        .map(|(_, help)| KEYS + 1 + text::width(&help))
        .max()
        .unwrap_or(0);
    let count = (room / (longest + 1)).clamp(1, 3);
    (count, room / count)
}

/// The help laid out in columns: one vector of lines a column, as even as the sections allow.
fn laid_out(model: &Model, filter: &str, width: u16) -> Vec<Vec<Line<'static>>> {
    let (columns, column_width) = columns_of(model, width);
    let room = column_width.saturating_sub(KEYS + 2);
    let sections = entries(model, filter);
    let total: usize = sections.iter().map(|s| s.lines.len() + 2).sum();
    let target = total.div_ceil(columns);
    let mut out: Vec<Vec<Line<'static>>> = vec![Vec::new()];
    for section in sections {
        let full = out
            .last()
            .is_some_and(|c| !c.is_empty() && c.len() + section.lines.len() / 2 >= target);
        if full && out.len() < columns {
            out.push(Vec::new());
        }
        let Some(column) = out.last_mut() else { continue };
        column.push(Line::styled(section.heading, theme::HEADING));
        for (keys, help) in section.lines {
            for (i, part) in text::wrap(&help, room).into_iter().enumerate() {
                let keys = if i == 0 { keys.as_str() } else { "" };
                column.push(Line::from(vec![
                    Span::styled(text::fit(keys, KEYS) + " ", theme::KEY),
                    Span::raw(part),
                ]));
            }
        }
        column.push(Line::raw(""));
    }
    out
}

/// Lines of the longest column, for scrolling.
pub(super) fn line_count(model: &Model, filter: &str, width: u16) -> usize {
    laid_out(model, filter, width).iter().map(Vec::len).max().unwrap_or(0)
}

pub(super) fn draw(model: &Model, filter: &Input, scroll: usize, buf: &mut Buffer, area: Rect) -> Position {
    Clear.render(area, buf);
    let screen = match model.screen {
        _ if model.replay.is_some() => "Replay",
        Screen::Roles => "Roles",
        Screen::Providers => "Providers",
        Screen::Sessions => "Sessions",
        Screen::Session => "Session",
    };
    let footer = format!("generated from the keymap · hallpass {}", env!("CARGO_PKG_VERSION"));
    let inside = panel(
        buf,
        area,
        Line::styled(format!("Help — {screen} screen"), theme::BOLD),
        &footer,
        theme::ACCENT,
    );
    let cursor = put_input(buf, inside, Span::styled("  / filter keys: ", theme::QUIET), filter);
    let below = Rect {
        x: inside.x + 2,
        y: inside.y + 2,
        width: inside.width.saturating_sub(3),
        height: inside.height.saturating_sub(2),
    };
    let columns = laid_out(model, &filter.text, area.width);
    if columns.iter().all(Vec::is_empty) {
        let none = "no key and no word of the help holds that";
        put(buf, below, 0, Line::styled(none, theme::WARN));
    }
    let width = u16::try_from(columns_of(model, area.width).1).unwrap_or(u16::MAX);
    for (i, column) in columns.into_iter().enumerate() {
        let left = Rect {
            x: below
                .x
                .saturating_add(width.saturating_mul(u16::try_from(i).unwrap_or(0))),
            width: width.saturating_sub(1),
            ..below
        };
        for (y, line) in column.into_iter().skip(scroll).take(below.height.into()).enumerate() {
            put(buf, left, y, line);
        }
    }
    cursor
}
