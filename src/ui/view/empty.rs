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

pub(super) fn first_run(model: &Model, buf: &mut Buffer, area: Rect) {
    let inside = panel(
        buf,
        area,
        Line::styled("hallpass — first run", theme::BOLD),
        "",
        theme::PLAIN,
    );
    let roles = model.config.folders.config.join("roles.toml");
    let lines = [
        String::new(),
        "No roles yet. Nothing was written.".to_owned(),
        String::new(),
        "A role names a way into a database or a server, and where its secrets are. Three lines are enough:".to_owned(),
        String::new(),
        "    [roles.my-database]".to_owned(),
        "    connector = \"postgres\"".to_owned(),
        "    from = \"vault:secret/databases/my-database\"".to_owned(),
        String::new(),
        format!("Put them into  {}", roles.display()),
        String::new(),
        "Without any infrastructure:   hallpass demo".to_owned(),
        "Where everything lies:        hallpass paths".to_owned(),
        String::new(),
        "R reads the files again · ? help · Esc quits".to_owned(),
    ];
    let mut y = 0;
    for line in &lines {
        let code = line.starts_with("    ");
        let wrapped = if code {
            vec![line.clone()]
        } else {
            text::wrap(line, usize::from(inside.width).saturating_sub(4))
        };
        for part in wrapped {
            put(
                buf,
                inside,
                y,
                Line::styled(format!("  {part}"), if code { theme::ACCENT } else { theme::PLAIN }),
            );
            y += 1;
        }
    }
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
    if roles.filter_error.is_some() {
        put(buf, area, y + 1, Line::raw(" Esc clears the filter"));
        return;
    }
    let mut envs: Vec<(&str, usize)> = Vec::new();
    for row in &roles.rows {
        let env = row.env.as_deref().unwrap_or("none");
        match envs.iter_mut().find(|(name, _)| *name == env) {
            Some((_, count)) => *count += 1,
            None => envs.push((env, 1)),
        }
    }
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
