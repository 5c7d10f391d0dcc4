//! The detail of the selected role: what it opens, every field with its source, reference, version, state and delivery. Never a value.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::roles::frame_style;
use super::{flow_words, panel, put, summary};
use crate::domain::policy::{self, SessionPolicy};
use crate::domain::problem::Location;
use crate::domain::reference::{Kind, SecretRef};
use crate::domain::role::{Field, LEASED, Role, Source};
use crate::domain::status::{FieldStatus, RoleStatus, State};
use crate::launch;
use crate::ui::layout::Parts;
use crate::ui::model::{Check, Model, Pane, RoleRow, RowOf};
use crate::ui::{text, theme};

pub(super) const PROMISE: &str = "Secret values are never shown or stored.";

pub(super) fn draw(model: &Model, buf: &mut Buffer, parts: Parts) {
    if parts.detail.is_empty() {
        return;
    }
    let Some(row) = model.roles.selected_row() else {
        if parts.framed {
            panel(buf, parts.detail, Line::raw("no role"), "", theme::QUIET);
        }
        return;
    };
    let focused = model.roles.focus == Pane::Detail;
    let alone = parts.list.is_empty();
    if !parts.framed && !alone {
        let size = (parts.detail.width.into(), parts.detail.height.into());
        for (y, line) in summary::lines(model, row, size).into_iter().enumerate() {
            put(buf, parts.detail, y, line);
        }
        return;
    }
    let (lines, height) = scrolled_lines(model, row, parts);
    let from = model.roles.detail_scroll.min(lines.len().saturating_sub(height));
    let pages = lines.len().div_ceil(height.max(1)).max(1);
    let page = from.div_ceil(height.max(1)) + 1;
    let place = format!("{}/{pages}", page.min(pages));
    let inside = if parts.framed {
        let title = Line::styled(row.name.clone(), if focused { theme::BOLD } else { theme::PLAIN });
        panel(buf, parts.detail, title, &place, frame_style(focused))
    } else {
        put(
            buf,
            parts.detail,
            0,
            Line::styled(format!(" {}", row.name), theme::BOLD),
        );
        put(
            buf,
            parts.detail,
            0,
            Line::styled(format!("{place} "), theme::QUIET).right_aligned(),
        );
        Rect {
            y: parts.detail.y + 1,
            height: parts.detail.height - 1,
            ..parts.detail
        }
    };
    for (y, line) in lines.into_iter().skip(from).take(height).enumerate() {
        put(buf, inside, y, line);
    }
}

/// What is scrolled of the detail, and how many rows it has for that. Without a frame the name has the first row.
fn scrolled_lines(model: &Model, row: &RoleRow, parts: Parts) -> (Vec<Line<'static>>, usize) {
    let height = usize::from(parts.detail.height);
    let width = usize::from(parts.detail.width);
    if parts.framed {
        (lines(model, row, width.saturating_sub(2)), height.saturating_sub(2))
    } else {
        // The blank line below the frame is that row.
        (lines(model, row, width).split_off(1), height.saturating_sub(1))
    }
}

/// How far the detail of the selected role can be scrolled at the size it has now.
pub(super) fn scroll_limit(model: &Model, parts: Parts) -> usize {
    let Some(row) = model.roles.selected_row() else {
        return 0;
    };
    let (lines, height) = scrolled_lines(model, row, parts);
    lines.len().saturating_sub(height)
}

/// What a row is, as far as the detail is concerned.
pub(super) fn role_of<'a>(model: &'a Model, row: &RoleRow) -> Option<&'a Role> {
    match row.of {
        RowOf::Role(i) => model.config.roles.get(i),
        RowOf::Broken(_) => None,
    }
}

pub(super) fn status_of<'a>(model: &'a Model, name: &str) -> Option<&'a RoleStatus> {
    model.roles.checks.get(name)?.known().map(|known| &known.status)
}

fn lines(model: &Model, row: &RoleRow, width: usize) -> Vec<Line<'static>> {
    let Some(role) = role_of(model, row) else {
        return broken_lines(model, row, width);
    };
    let status = status_of(model, &row.name);
    let mut lines = vec![Line::raw(""), access_line(model, row, role)];
    if let Some(description) = &role.description {
        lines.extend(
            text::wrap(description, width.saturating_sub(2))
                .into_iter()
                .map(|l| Line::raw(format!(" {l}"))),
        );
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled(
        format!(
            " {}",
            text::cut(&launch::preview(&model.config, role), width.saturating_sub(2))
        ),
        theme::ACCENT,
    ));
    lines.push(Line::raw(""));
    let name_width = role
        .fields
        .iter()
        .map(|f| text::width(&f.name))
        .max()
        .unwrap_or(0)
        .clamp(11, 20);
    let heading = format!(
        " {} {} REFERENCE",
        text::fit("FIELD", name_width),
        text::fit("SOURCE", 9)
    );
    lines.push(Line::styled(heading, theme::HEADING));
    for field in &role.fields {
        let known = status.and_then(|s| s.fields.iter().find(|f| f.name == field.name));
        field_lines(model, field, known, name_width, width, &mut lines);
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled(format!(" {PROMISE}"), theme::BOLD));
    lines.push(Line::raw(""));
    if let Some(problem) = status.and_then(|s| s.problem.as_ref()) {
        let text = format!("{}: {}", problem.code.id, problem.what);
        lines.extend(
            text::wrap(&text, width.saturating_sub(2))
                .into_iter()
                .map(|l| Line::styled(format!(" {l}"), theme::FAIL)),
        );
    }
    fact_lines(model, role, width, &mut lines);
    lines.push(Line::raw(""));
    lines.extend(check_lines(model, &row.name, width));
    lines
}

fn access_line(model: &Model, row: &RoleRow, role: &Role) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    if !row.label.is_empty() {
        let look = super::roles::environment(model, row).patch(theme::BOLD);
        spans.push(Span::styled(row.label.clone(), look));
        spans.push(Span::raw("  "));
    }
    spans.push(Span::raw(row.kind.clone()));
    if let Some(access) = &role.access_mode {
        spans.push(Span::raw(format!("  {access}")));
    }
    if let Some(owner) = &role.owner {
        spans.push(Span::styled("   owner ", theme::QUIET));
        spans.push(Span::raw(owner.clone()));
    }
    Line::from(spans)
}

fn field_lines(
    model: &Model,
    field: &Field,
    known: Option<&FieldStatus>,
    name_width: usize,
    width: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let indent = name_width + 12;
    let room = width.saturating_sub(indent + 1);
    let (source, reference) = source_words(field, known);
    let shown = if matches!(field.source, Source::Secret(_) | Source::From { .. }) {
        text::cut_path(&reference, room)
    } else {
        text::cut(&reference, room)
    };
    lines.push(Line::from(vec![
        Span::raw(format!(" {} ", text::fit(&field.name, name_width))),
        Span::styled(text::fit(&source, 9) + " ", theme::QUIET),
        Span::raw(shown),
    ]));
    let from_provider = field.source.is_secret() && known.is_none_or(|known| known.state != State::Skipped);
    if !from_provider && known.is_none_or(|known| known.problem.is_none()) {
        return;
    }
    let mut second = vec![Span::raw(" ".repeat(indent))];
    if let Some(version) = known.and_then(|k| k.version.as_ref()) {
        let v = if version.chars().all(|c| c.is_ascii_digit()) {
            "v"
        } else {
            ""
        };
        second.push(Span::raw(format!("{v}{} · ", text::cut(version, 12))));
    }
    match known {
        None => second.push(Span::styled("○ unchecked", theme::QUIET)),
        Some(status) => {
            let (mark, style) = theme::mark(status.state);
            second.push(Span::styled(mark, style));
            match (&status.problem, status.latency_ms) {
                (Some(problem), _) => second.push(Span::styled(format!(" {}", problem.code.id), theme::FAIL)),
                (None, Some(ms)) => second.push(Span::raw(format!(" {ms}ms"))),
                (None, None) => second.push(Span::raw(format!(" {}", status.state.word()))),
            }
        }
    }
    let seconds = text::seconds_between;
    let changed = known.and_then(|known| known.rotated_at);
    let expires = known.and_then(|known| known.expires);
    let more = [
        Some(field.via.word().to_owned()),
        (field.masked && room > 34).then(|| "masked".to_owned()),
        changed.map(|at| format!("changed {} ago", text::brief(seconds(at, model.now)))),
        expires.map(|at| format!("ends in {}", text::brief(seconds(model.now, at)))),
    ];
    // Whole, or not at all.
    for word in more.into_iter().flatten() {
        let word = Span::styled(format!(" · {word}"), theme::QUIET);
        if second.iter().map(Span::width).sum::<usize>() + word.width() < width {
            second.push(word);
        }
    }
    lines.push(Line::from(second));
    let remark = known.and_then(|k| k.warning.clone());
    let problem = known.and_then(|k| k.problem.as_ref()).map(|p| p.what.clone());
    for (words, style) in [(problem, theme::FAIL), (remark, theme::WARN)] {
        for part in words
            .iter()
            .flat_map(|words| text::wrap(words, width.saturating_sub(4)))
        {
            lines.push(Line::styled(format!("   {part}"), style));
        }
    }
}

/// The words of the columns SOURCE and REFERENCE.
fn source_words(field: &Field, known: Option<&FieldStatus>) -> (String, String) {
    match &field.source {
        _ if field.masked && !field.source.is_secret() => ("plain".to_owned(), "(given as text, not shown)".to_owned()),
        Source::Plain(value) => ("plain".to_owned(), value.clone()),
        Source::Secret(reference) => (
            provider_word(reference),
            reference_words(reference, reference.key.as_deref()),
        ),
        Source::From { .. } if known.is_some_and(|known| known.state == State::Skipped && known.problem.is_none()) => {
            let default = field
                .default
                .clone()
                .unwrap_or_else(|| "(not in the secret)".to_owned());
            ("plain".to_owned(), default)
        }
        Source::From { secret, keys, .. } => {
            let key = known.and_then(|known| known.key.as_ref()).or(keys.first());
            (provider_word(secret), reference_words(secret, key.map(String::as_str)))
        }
        Source::Template { text, .. } => ("template".to_owned(), text.clone()),
        Source::RdsIam(token) => ("rds-iam".to_owned(), format!("15-minute token for {}", token.user)),
    }
}

fn provider_word(reference: &SecretRef) -> String {
    let suffix = match reference.id.kind {
        Kind::VaultKv1 => " kv1",
        Kind::VaultKv2 => " kv2",
        Kind::VaultDb => " db",
        Kind::Of(_) => "",
    };
    format!("{}{suffix}", reference.id.provider)
}

fn reference_words(reference: &SecretRef, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{}#{key}", reference.id.path),
        None => reference.id.path.clone(),
    }
}

fn fact_lines(model: &Model, role: &Role, width: usize, lines: &mut Vec<Line<'static>>) {
    let mut fact = |name: &str, value: String| {
        let value = text::cut_start(&value, width.saturating_sub(13));
        lines.push(Line::from(vec![
            Span::styled(format!(" {name:<10} "), theme::QUIET),
            Span::raw(value),
        ]));
    };
    if let Some(connector) = role
        .connector
        .as_ref()
        .and_then(|name| model.config.connectors.get(name))
        && !connector.delivery.is_empty()
    {
        for (i, part) in text::wrap(&connector.delivery, width.saturating_sub(13))
            .into_iter()
            .enumerate()
        {
            fact(if i == 0 { "Delivery" } else { "" }, part);
        }
    }
    if let Some(resource) = &role.resource {
        fact("Resource", resource.clone());
    }
    if !role.tags.is_empty() {
        let tags: Vec<String> = role
            .tags
            .iter()
            .map(|(k, v)| if v.is_empty() { k.clone() } else { format!("{k}={v}") })
            .collect();
        fact("Tags", text::cut(&tags.join(" "), width.saturating_sub(13)));
    }
    let tabs = model.sessions.tabs.iter();
    let live = tabs.filter(|tab| tab.role == role.name && tab.is_live());
    let mut leases: Vec<String> = live.flat_map(|tab| super::lease::lines(model, tab)).collect();
    if leases.is_empty() && role.is_leased() {
        leases.push(LEASED.to_owned());
    }
    let parts = leases
        .iter()
        .flat_map(|line| text::wrap(line, width.saturating_sub(13)));
    for (i, part) in parts.enumerate() {
        fact(if i == 0 { "Lease" } else { "" }, part);
    }
    fact("Record", policy_words(&role.policy));
    if let Some(safer) = &role.safer {
        let is_there = model.roles.rows.iter().any(|row| row.name == *safer);
        let words = if is_there {
            "can do less"
        } else {
            "(there is no such role)"
        };
        fact("Safer", format!("{safer} {words}"));
    }
    fact("Defined", place(model, &role.at));
}

/// `on, kept 90d    Idle 15m   Max 4h`
fn policy_words(policy: &SessionPolicy) -> String {
    let mut words = policy.record_words();
    for (name, limit) in [("Idle", policy.idle_timeout), ("Max", policy.max_duration)] {
        if let Some(limit) = limit {
            words += &format!("   {name} {}", policy::length(limit));
        }
    }
    words
}

/// A place in a file, relative to the configuration folder where it lies there.
pub(super) fn place(model: &Model, at: &Location) -> String {
    let file = at.file.strip_prefix(&model.config.folders.config).unwrap_or(&at.file);
    format!("{}:{}", file.display(), at.line)
}

fn check_lines(model: &Model, name: &str, width: usize) -> Vec<Line<'static>> {
    let (state, keys): (String, &[&str]) = match model.roles.checks.get(name) {
        None => ("not checked yet".to_owned(), &["c check now", "y copy CLI"]),
        Some(Check::Running { since, .. }) => {
            let spinner = theme::spinner(model.now.as_millisecond() - since.as_millisecond());
            (format!("{spinner} checking …"), &["Ctrl-c cancels"])
        }
        Some(Check::Done(known)) => {
            let age = text::duration(text::seconds_between(known.at, model.now));
            (format!("{age} since check"), &["c check now", "y copy CLI"])
        }
    };
    let words: Vec<&str> = std::iter::once(state.as_str()).chain(keys.iter().copied()).collect();
    flow_words(&words, theme::QUIET, width)
}

pub(super) fn broken_lines(model: &Model, row: &RoleRow, width: usize) -> Vec<Line<'static>> {
    let RowOf::Broken(i) = row.of else { return Vec::new() };
    let problem = model
        .config
        .broken
        .get(i)
        .and_then(|broken| model.config.problems.get(broken.problem));
    let mut lines = vec![
        Line::raw(""),
        Line::styled(" invalid: this role cannot be opened", theme::FAIL),
        Line::raw(""),
    ];
    if let Some(problem) = problem {
        for part in text::wrap(&problem.to_string(), width.saturating_sub(2)) {
            lines.push(Line::raw(format!(" {part}")));
        }
        lines.push(Line::raw(""));
    }
    let keys = ["Enter shows the problem", "e edits the file", "R reads it again"];
    lines.extend(flow_words(&keys, theme::QUIET, width));
    lines
}
