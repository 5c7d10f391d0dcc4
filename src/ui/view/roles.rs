//! The list of roles: cursor, name with what the filter matched, type, environment, state with a short word.
//!
//! ```text
//! ┌─ Roles ──────────────────────────────────────┐
//! │  NAME                  TYPE      ENV     STATE│
//! │▌ prod-postgres         postgres  PROD    ● ok │
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{empty, panel, put};
use crate::domain::status::{RoleStatus, State};
use crate::ui::layout::{self, Parts};
use crate::ui::model::{Check, Model, Pane, RoleRow, RowOf};
use crate::ui::{text, theme};

/// Widths of the columns in a list of some width. The name is what never goes.
struct Columns {
    name: usize,
    kind: usize,
    env: usize,
    state: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let (kind, env, state) = match width {
            70.. => (14, 10, 10),
            46.. => (10, 8, 6),
            38.. => (5, 8, 6),
            _ => (0, 5, 2),
        };
        Self {
            name: width.saturating_sub(2 + kind + env + state),
            kind,
            env,
            state,
        }
    }
}

pub(super) fn draw(model: &Model, buf: &mut Buffer, parts: Parts) {
    if parts.list.is_empty() {
        return;
    }
    let roles = &model.roles;
    let focused = roles.focus == Pane::List;
    if parts.framed {
        let title = Line::styled("Roles", if focused { theme::BOLD } else { theme::PLAIN });
        let footer = format!("{}/{}", roles.shown.len(), roles.rows.len());
        let inside = panel(buf, parts.list, title, &footer, frame_style(focused));
        if roles.shown.is_empty() {
            empty::no_match(model, buf, inside);
            return;
        }
        let columns = Columns::of(inside.width.into());
        let heading = format!(
            "  {}{}{}{}",
            text::fit("NAME", columns.name),
            text::fit("TYPE", columns.kind),
            text::fit("ENV", columns.env),
            text::fit("STATE", columns.state)
        );
        put(buf, inside, 0, Line::styled(heading, theme::HEADING));
    } else if roles.shown.is_empty() {
        empty::no_match(model, buf, parts.list);
        return;
    }
    let area = layout::list_rows(model);
    let columns = Columns::of(area.width.into());
    let visible = roles.shown.iter().enumerate().skip(roles.top).take(area.height.into());
    for (y, (i, place)) in visible.enumerate() {
        if let Some(row) = roles.rows.get(*place) {
            let hits = roles.hits.get(place).map_or(&[][..], Vec::as_slice);
            put(buf, area, y, row_line(model, row, hits, i == roles.selected, &columns));
        }
    }
    if parts.framed && roles.shown.len() + 3 <= usize::from(area.height) {
        legend(buf, area);
    }
}

/// The frame of the pane that has the focus is in the accent colour; its title is bold where there is none.
pub(super) fn frame_style(focused: bool) -> Style {
    if focused { theme::ACCENT } else { theme::QUIET }
}

fn row_line(model: &Model, row: &RoleRow, hits: &[usize], selected: bool, columns: &Columns) -> Line<'static> {
    let mut spans = vec![
        Span::styled(if selected { theme::CURSOR } else { " " }, theme::KEY),
        Span::raw(" "),
    ];
    spans.extend(name_spans(row, hits, columns.name));
    if columns.kind > 0 {
        spans.push(Span::styled(
            text::fit(kind_word(&row.kind, columns.kind), columns.kind - 1) + " ",
            theme::QUIET,
        ));
    }
    // A role that cannot be read is neither read-only nor anything else: its state needs the room more.
    let lent = if matches!(row.of, RowOf::Broken(_)) && columns.env >= 8 {
        3
    } else {
        0
    };
    let (env_width, state_width) = (columns.env - lent, columns.state + lent);
    let env = model.config.environments.get(row.env.as_deref().unwrap_or_default());
    let style = theme::environment(env.and_then(|e| e.color.as_deref()), row.prod);
    let ro = if row.read_only && columns.env >= 8 { " RO" } else { "" };
    spans.push(Span::styled(text::fit(&format!("{}{ro}", row.label), env_width), style));
    let (mark, word, style) = state(model, row);
    spans.push(Span::styled(mark, style));
    let word = if state_width > 2 {
        // A word cut in the middle says less than a shorter one.
        let fits = text::width(&word) <= state_width - 2;
        format!(" {}", if fits { word.as_str() } else { "fail" })
    } else {
        String::new()
    };
    spans.push(Span::styled(
        text::fit(&word, state_width.saturating_sub(1)),
        if style == theme::FAIL {
            theme::FAIL
        } else {
            theme::PLAIN
        },
    ));
    let line = Line::from(spans);
    if selected { theme::selected(line) } else { line }
}

fn kind_word(kind: &str, columns: usize) -> &str {
    match kind {
        "postgres" if columns < 9 => "pg",
        "mariadb" | "mysql" if columns < 6 => "my",
        other => other,
    }
}

fn name_spans(row: &RoleRow, hits: &[usize], columns: usize) -> Vec<Span<'static>> {
    let name = text::fit(&row.name, columns.saturating_sub(1)) + " ";
    if hits.is_empty() {
        return vec![Span::raw(name)];
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut plain = String::new();
    for (i, c) in name.chars().enumerate() {
        if hits.contains(&i) {
            spans.push(Span::raw(std::mem::take(&mut plain)));
            spans.push(Span::styled(c.to_string(), theme::MATCH));
        } else {
            plain.push(c);
        }
    }
    spans.push(Span::raw(plain));
    spans
}

/// Mark, word and style of a role's state.
pub(super) fn state(model: &Model, row: &RoleRow) -> (&'static str, String, Style) {
    if matches!(row.of, RowOf::Broken(_)) {
        return ("✗", "invalid".to_owned(), theme::FAIL);
    }
    match model.roles.checks.get(&row.name) {
        None => (theme::UNCHECKED, String::new(), theme::QUIET),
        Some(Check::Running { since, .. }) => {
            let milliseconds = model.now.as_millisecond() - since.as_millisecond();
            (theme::spinner(milliseconds), "…".to_owned(), theme::WARN)
        }
        Some(Check::Done(known)) => {
            let (mark, style) = theme::mark(known.status.state);
            (mark, short_word(&known.status), style)
        }
    }
}

/// `ok`, or the end of the error's code: `403`, `SEALED`.
fn short_word(status: &RoleStatus) -> String {
    match (status.state, status.reason()) {
        (State::Fail, Some(problem)) if problem.code.id.ends_with("-NOT-BUILT") => "unbuilt".to_owned(),
        (State::Fail, Some(problem)) => problem.code.id.rsplit('-').next().unwrap_or("fail").to_lowercase(),
        (state, _) => state.word().to_owned(),
    }
}

fn legend(buf: &mut Buffer, area: Rect) {
    let rows = usize::from(area.height);
    put(
        buf,
        area,
        rows - 2,
        Line::styled(" ▌ cursor   RO read-only role", theme::QUIET),
    );
    put(
        buf,
        area,
        rows - 1,
        Line::styled(" ● ok ◐ checking ✗ failed ! warning ○ unchecked", theme::QUIET),
    );
}
