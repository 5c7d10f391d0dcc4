//! What an empty list says: why it is empty, and the next key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{panel, put};
use crate::ui::model::Model;
use crate::ui::{text, theme};

/// Nothing is configured at all.
pub fn is_first_run(model: &Model) -> bool {
    model.roles.rows.is_empty() && model.config.problems.is_empty()
}

/// What a role looks like, for a window that has room for it.
const EXAMPLE: &[&str] = &[
    "",
    "A role names a way into a database or a server, and where its secrets are. Three lines are enough:",
    "",
    "    [roles.my-database]",
    "    connector = \"postgres\"",
    "    from = \"vault:secret/databases/my-database\"",
];

/// What can be done now; the keys are last.
const NEXT: [&str; 3] = [
    "Without any infrastructure:   hallpass demo",
    "Where everything lies:        hallpass paths",
    "R reads the files again · ? help · Esc quits",
];
const NEXT_SHORT: [&str; 3] = [
    "To try it:     hallpass demo",
    "All folders:   hallpass paths",
    "R reads again · ? help · Esc quits",
];

pub(super) fn first_run(model: &Model, buf: &mut Buffer, area: Rect) {
    let title = Line::styled("hallpass — first run", theme::BOLD);
    let inside = panel(buf, area, title, "", theme::PLAIN);
    let width = usize::from(inside.width).saturating_sub(4);
    let height = usize::from(inside.height);
    let roles = model.config.folders.config.join("roles.toml");
    let roles = roles.display().to_string();
    let place = format!("Put them into  {roles}");
    // A path that is broken at a blank or in the middle is hard to copy.
    let place = if text::width(&place) <= width {
        vec![place.as_str()]
    } else {
        vec!["Put them into", &roles]
    };
    let mut first = vec!["", "No roles yet. Nothing was written.", ""];
    first.extend(place);
    first.push("");
    let next = if NEXT.iter().all(|words| text::width(words) <= width) {
        NEXT
    } else {
        NEXT_SHORT
    };
    let lines = |words: &mut dyn Iterator<Item = &&str>| -> Vec<Line<'static>> {
        words.flat_map(|words| styled(words, width)).collect()
    };
    let all = [
        lines(&mut first.iter().chain(&next).chain(EXAMPLE)),
        lines(&mut first.iter().chain(&next)),
        lines(&mut first.iter().chain(&next).filter(|words| !words.is_empty())),
        // The last row of the screen says the keys, too.
        lines(&mut first.iter().chain(&next[..2]).filter(|words| !words.is_empty())),
    ];
    let fitting = all.iter().find(|lines| lines.len() <= height).or(all.last());
    for (y, line) in fitting.into_iter().flatten().enumerate() {
        put(buf, inside, y, line.clone());
    }
}

/// Words in the panel, wrapped; what is to be typed into a file stays as it is.
fn styled(words: &str, width: usize) -> Vec<Line<'static>> {
    if words.starts_with("    ") {
        return vec![Line::styled(format!("  {words}"), theme::ACCENT)];
    }
    let parts = text::wrap(words, width);
    parts.into_iter().map(|part| Line::raw(format!("  {part}"))).collect()
}

/// The filter leaves nothing: the nearest spelling, and what there is.
pub(super) fn no_match(model: &Model, buf: &mut Buffer, area: Rect) {
    let roles = &model.roles;
    if roles.rows.is_empty() {
        put(buf, area, 1, Line::raw(" No role can be read."));
        let problems = model.config.problems.len();
        put(
            buf,
            area,
            3,
            Line::raw(format!(
                "   {problems} config problem{}   [Enter] shows them",
                if problems == 1 { "" } else { "s" }
            )),
        );
        return;
    }
    put(
        buf,
        area,
        1,
        Line::from(vec![
            Span::raw(" No role matches  "),
            Span::styled(roles.filter.text.clone(), theme::BOLD),
        ]),
    );
    let mut y = 3;
    if let Some(error) = &roles.filter_error {
        for part in text::wrap(error, usize::from(area.width).saturating_sub(4)) {
            put(buf, area, y, Line::styled(format!("   {part}"), theme::WARN));
            y += 1;
        }
    }
    if let Some(suggestion) = &roles.suggestion {
        let count = roles.suggested;
        put(
            buf,
            area,
            y,
            Line::from(vec![
                Span::raw("   did you mean  "),
                Span::styled(suggestion.clone(), theme::KEY),
                Span::raw(format!(
                    "  ({count} role{})   [Enter]",
                    if count == 1 { "" } else { "s" }
                )),
            ]),
        );
        y += 1;
    }
    let mut envs: Vec<(&str, usize)> = roles
        .environments()
        .into_iter()
        .map(|(env, count)| (env.unwrap_or("none"), count))
        .collect();
    envs.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let in_use: Vec<String> = envs
        .iter()
        .take(6)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    put(
        buf,
        area,
        y,
        Line::raw(text::cut(
            &format!("   environments in use: {}", in_use.join(", ")),
            area.width.into(),
        )),
    );
    put(buf, area, y + 2, Line::raw(" Esc clears the filter"));
}
