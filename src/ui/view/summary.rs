//! The few lines that a role has below the list where there is no room for its detail: access, policy, secrets with their state.

use ratatui::text::{Line, Span};

use super::detail::{PROMISE, broken_lines, place, role_of, status_of};
use crate::domain::policy::{self, SessionPolicy};
use crate::domain::reference::SecretRef;
use crate::launch;
use crate::ui::model::{Model, RoleRow};
use crate::ui::{text, theme};

/// The few lines below the list on a small screen, for so many columns and rows. A reason is given the rows that nothing more important
/// has.
pub(super) fn lines(model: &Model, row: &RoleRow, (width, height): (usize, usize)) -> Vec<Line<'static>> {
    let Some(role) = role_of(model, row) else {
        return broken_lines(model, row, width)
            .into_iter()
            .skip(1)
            .filter(|l| l.width() > 0)
            .collect();
    };
    let status = status_of(model, &row.name);
    let mut first = vec![Span::styled(format!(" {}", row.name), theme::BOLD)];
    if let Some(access) = &role.access_mode {
        first.push(Span::raw(format!("  {access}")));
    }
    first.push(Span::styled(format!("  {}", short_policy(&role.policy)), theme::QUIET));
    let room = width.saturating_sub(first.iter().map(Span::width).sum::<usize>() + 3);
    if let Some(description) = role.description.as_ref().filter(|_| room > 8) {
        first.push(Span::raw(format!("  {}", text::cut(description, room))));
    }
    let mut lines = vec![Line::from(first)];
    let mut groups: Vec<(&SecretRef, Vec<&str>)> = Vec::new();
    for field in &role.fields {
        for reference in field.source.references() {
            match groups.iter_mut().find(|(r, _)| r.id == reference.id) {
                Some((_, names)) => names.push(&field.name),
                None => groups.push((reference, vec![&field.name])),
            }
        }
    }
    for (reference, names) in groups {
        let known = status.and_then(|s| s.fields.iter().find(|f| names.contains(&f.name.as_str())));
        let version = known
            .and_then(|k| k.version.as_ref())
            .map_or_else(String::new, |v| format!(" v{}", text::cut(v, 8)));
        let (mark, style) = known.map_or((theme::UNCHECKED, theme::QUIET), |k| theme::mark(k.state));
        let names = match names.len() {
            many if names.join(",").len() > width / 3 => format!("{many} fields"),
            _ => names.join(","),
        };
        let room =
            width.saturating_sub(text::width(&names) + text::width(&version) + 8 + text::width(&reference.id.provider));
        let path = text::cut_path(&reference.id.path, room.max(8));
        lines.push(Line::from(vec![
            Span::raw(format!(" {names} ← {} {path}{version} ", reference.id.provider)),
            Span::styled(mark, style),
        ]));
    }
    if let Some(problem) = status.and_then(|s| {
        s.problem
            .as_ref()
            .or_else(|| s.fields.iter().find_map(|f| f.problem.as_ref()))
    }) {
        let room = height.saturating_sub(lines.len() + 1).max(1);
        let reason = reason_lines(&problem.what, width, room);
        lines.splice(1..1, reason);
    }
    lines.push(Line::styled(format!(" {PROMISE}"), theme::QUIET));
    lines.push(Line::styled(
        format!(
            " {}",
            text::cut(&launch::preview(&model.config, role), width.saturating_sub(2))
        ),
        theme::ACCENT,
    ));
    lines.push(Line::styled(
        format!(" Defined {}", place(model, &role.at)),
        theme::QUIET,
    ));
    lines
}

/// Why a role cannot be opened, on at most so many lines.
fn reason_lines(what: &str, width: usize, rows: usize) -> Vec<Line<'static>> {
    let width = width.saturating_sub(4);
    let mut parts = text::wrap(what, width);
    if parts.len() > rows {
        let rest = parts.split_off(rows.saturating_sub(1)).join(" ");
        parts.push(text::cut(&rest, width));
    }
    let marked = parts.into_iter().enumerate().map(|(i, part)| {
        let mark = if i == 0 { "✗" } else { " " };
        Line::styled(format!(" {mark} {part}"), theme::FAIL)
    });
    marked.collect()
}

/// `rec on · idle 15m · max 4h`
fn short_policy(policy: &SessionPolicy) -> String {
    let mut words = format!("rec {}", policy.record.word());
    for (name, limit) in [("idle", policy.idle_timeout), ("max", policy.max_duration)] {
        if let Some(limit) = limit {
            words += &format!(" · {name} {}", policy::length(limit));
        }
    }
    words
}
