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
use crate::ui::model::{Check, Model, Pane, RoleRow, Roles, RowOf};
use crate::ui::{text, theme};

/// Widths of the columns in a list of some width, each with the gap behind it. The name is what never goes.
struct Columns {
    name: usize,
    kind: usize,
    env: usize,
    state: usize,
}

/// Cursor and blank before the name.
const LEAD: usize = 2;
/// A mark with a word of eight columns, with one of three, and alone.
const STATE: [usize; 3] = [10, 6, 2];
/// One letter for the environment.
const SHORT_ENV: usize = 2;

impl Columns {
    /// The widths at which the longest name that the filter leaves fits: the word of the state goes first, then the type, then all but a
    /// letter of the environment.
    fn of(width: usize, roles: &Roles) -> Self {
        let listed = roles.shown.iter().filter_map(|place| roles.rows.get(*place));
        let name = listed.map(|row| text::width(&row.name)).max().unwrap_or(0);
        let kind = (roles.widest.kind + 2).clamp(6, 14);
        let env = (roles.widest.env + 1).clamp(4, 14);
        let short_kind = roles.widest.short_kind + 1;
        let steps = [
            (kind, env, STATE[0]),
            (kind, env, STATE[1]),
            (kind, env, STATE[2]),
            (short_kind.min(kind), env, STATE[2]),
            (0, env, STATE[2]),
        ];
        let fits = |(kind, env, state): &(usize, usize, usize)| LEAD + name + 1 + kind + env + state <= width;
        let (kind, env, state) = steps.into_iter().find(fits).unwrap_or((0, SHORT_ENV, STATE[2]));
        Self {
            name: width.saturating_sub(LEAD + kind + env + state),
            kind,
            env,
            state,
        }
    }

    fn heading(&self) -> String {
        let word = |word, columns| text::fit(if text::width(word) < columns { word } else { "" }, columns);
        format!(
            "  {}{}{}{}",
            word("NAME", self.name),
            word("TYPE", self.kind),
            word("ENV", self.env),
            word("STATE", self.state)
        )
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
    } else if roles.shown.is_empty() {
        empty::no_match(model, buf, parts.list);
        return;
    }
    let area = layout::list_rows(model);
    let columns = Columns::of(area.width.into(), roles);
    if parts.framed {
        let above = Rect {
            y: area.y.saturating_sub(1),
            height: 1,
            ..area
        };
        put(buf, above, 0, Line::styled(columns.heading(), theme::HEADING));
    }
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
            text::fit(kind_word(row, columns.kind), columns.kind - 1) + " ",
            theme::QUIET,
        ));
    }
    let style = environment(model, row);
    let words = if columns.env > SHORT_ENV {
        format!("{}{}", row.label, row.access())
    } else {
        row.label.chars().take(1).collect()
    };
    spans.push(Span::styled(text::fit(&words, columns.env - 1) + " ", style));
    let (mark, word, style) = state(model, row);
    spans.push(Span::styled(mark, style));
    let word = if columns.state > STATE[2] {
        // A word cut in the middle says less than a shorter one.
        let fits = text::width(&word) <= columns.state - 2;
        format!(" {}", if fits { word.as_str() } else { "fail" })
    } else {
        String::new()
    };
    spans.push(Span::styled(
        text::fit(&word, columns.state - 1),
        if style == theme::FAIL {
            theme::FAIL
        } else {
            theme::PLAIN
        },
    ));
    let line = Line::from(spans);
    if selected { theme::selected(line) } else { line }
}

/// The colour of a role's environment.
pub(super) fn environment(model: &Model, row: &RoleRow) -> Style {
    let env = model.config.environments.get(row.env.as_deref().unwrap_or_default());
    theme::environment(env.and_then(|env| env.color.as_deref()), row.prod)
}

/// The type as it fits into a column of this width, which has a gap behind it.
fn kind_word(row: &RoleRow, columns: usize) -> &str {
    if text::width(&row.kind) < columns {
        &row.kind
    } else {
        row.short_kind()
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
        (State::Fail, Some(problem)) => match problem.code.id.rsplit('-').next().unwrap_or("fail") {
            "BUILT" => "unbuilt".to_owned(),
            "NEEDED" => "login".to_owned(),
            "KEY" => "no key".to_owned(),
            "ADDR" => "no addr".to_owned(),
            end => end.to_lowercase(),
        },
        (state, _) => state.word().to_owned(),
    }
}

/// What a row shows besides words and the state.
pub(super) const MARKS: &[(&str, &str)] = &[(theme::CURSOR, "cursor"), ("RO", "read-only role")];

fn legend(buf: &mut Buffer, area: Rect) {
    let words =
        |marks: &[(&str, &str)]| -> Vec<String> { marks.iter().map(|(mark, word)| format!("{mark} {word}")).collect() };
    let rows = usize::from(area.height);
    put(
        buf,
        area,
        rows - 2,
        Line::styled(format!(" {}", words(MARKS).join("   ")), theme::QUIET),
    );
    put(
        buf,
        area,
        rows - 1,
        Line::styled(format!(" {}", words(theme::STATES).join(" ")), theme::QUIET),
    );
}
