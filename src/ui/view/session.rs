//! A session: tabs above, the child's screen in a frame that says where one is, the status below.
//!
//! ```text
//!  1:prod-postgres* ▏2:stage-redis ▏3:bastion-eu !▏ +                                  PROD  read-write
//! ┏━ PROD · prod-postgres · psql ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ orders=> █                                                                                       ┃
//! ┗━ session 01JD8 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//!  Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it                                         up 12m · 98x26 · secrets v7
//! ```

use std::sync::PoisonError;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color as Paint, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Widget as _};

use super::sessions::{ending_words, program_name};
use super::{lease, put};
use crate::domain::reference::Kind;
use crate::session::emulator::{CellStyle, Color, Emulator};
use crate::ui::keymap::{Context, KEYMAP, key_text};
use crate::ui::layout::{SessionParts, session_parts};
use crate::ui::model::{Check, Model, Tab, TabState};
use crate::ui::{text, theme};

/// Draws the active session; answers where its cursor stands.
pub(super) fn draw(model: &Model, buf: &mut Buffer) -> Option<Position> {
    let tab = model.sessions.active_tab()?;
    let parts = session_parts(model.size, model.sessions.bare);
    if !parts.tabs.is_empty() {
        draw_tabs(model, tab, buf, parts.tabs);
    }
    if !parts.frame.is_empty() {
        draw_frame(model, tab, buf, parts.frame);
    }
    let emulator = tab.emulator.lock().unwrap_or_else(PoisonError::into_inner);
    draw_screen(&emulator, buf, parts.screen);
    let scrolled = emulator.scrolled();
    let cursor = emulator
        .cursor()
        .map(|(x, y)| Position::new(parts.screen.x.saturating_add(x), parts.screen.y.saturating_add(y)));
    drop(emulator);
    draw_status(model, tab, scrolled, buf, parts);
    cursor.filter(|at| tab.is_live() && parts.screen.contains(*at))
}

/// The titles of the tabs, each with the columns that it takes.
fn tab_titles(model: &Model) -> Vec<(String, Style)> {
    let sessions = &model.sessions;
    let each = usize::from(model.size.0).saturating_sub(24) / sessions.tabs.len().max(1);
    sessions
        .tabs
        .iter()
        .enumerate()
        .map(|(i, tab)| {
            let current = i == sessions.active;
            let flag = match (&tab.state, current, tab.unseen) {
                (TabState::Ended(_), true, _) => "* ✗",
                (TabState::Ended(_), false, _) => " ✗",
                (TabState::Live, true, _) => "*",
                (TabState::Live, false, true) => " !",
                (TabState::Live, false, false) => "",
            };
            let name = text::cut(&tab.role, each.saturating_sub(6).max(4));
            let style = if current { theme::BOLD } else { theme::PLAIN };
            let style = if tab.prod { style.patch(theme::PROD) } else { style };
            (format!("{}:{name}{flag} ", i + 1), style)
        })
        .collect()
}

/// The first tab that is drawn when they do not all fit: the active one stays visible.
fn first_tab(titles: &[(String, Style)], active: usize, room: usize) -> usize {
    let mut used = 0;
    for i in (0..=active.min(titles.len().saturating_sub(1))).rev() {
        used += titles.get(i).map_or(0, |(title, _)| text::width(title) + 1);
        if used > room {
            return (i + 1).min(active);
        }
    }
    0
}

fn draw_tabs(model: &Model, tab: &Tab, buf: &mut Buffer, area: Rect) {
    let mut right: Vec<Span<'static>> = Vec::new();
    if !tab.label.is_empty() {
        right.push(Span::styled(
            tab.label.clone(),
            theme::environment(None, tab.prod).patch(theme::BOLD),
        ));
    }
    if !tab.access.is_empty() {
        right.push(Span::raw(format!("  {}", tab.access)));
    }
    right.push(Span::raw(" "));
    let right = Line::from(right).right_aligned();
    let room = usize::from(area.width).saturating_sub(right.width() + 2);
    let titles = tab_titles(model);
    let first = first_tab(&titles, model.sessions.active, room);
    let mut left = vec![Span::raw(" ")];
    let mut used = 1;
    for (title, style) in titles.into_iter().skip(first) {
        used += text::width(&title) + 1;
        if used > room {
            break;
        }
        left.push(Span::styled(title, style));
        left.push(Span::styled("▏", theme::QUIET));
    }
    put(buf, area, 0, Line::from(left));
    put(buf, area, 0, right);
}

/// Which tab a click on the first row means.
pub fn tab_at(model: &Model, column: u16) -> Option<usize> {
    let titles = tab_titles(model);
    let room = usize::from(model.size.0).saturating_sub(20);
    let first = first_tab(&titles, model.sessions.active, room);
    let mut at = 1;
    for (i, (title, _)) in titles.iter().enumerate().skip(first) {
        let end = at + text::width(title) + 1;
        if (at..end).contains(&usize::from(column)) {
            return Some(i);
        }
        at = end;
    }
    None
}

/// The words for a session whose secrets are no longer those that a new one would get.
const NEWER: &str = "newer version exists";

fn is_outdated(model: &Model, tab: &Tab) -> bool {
    let known = model.roles.checks.get(&tab.role).and_then(Check::known);
    tab.is_live() && !tab.outdated(known).is_empty()
}

fn draw_frame(model: &Model, tab: &Tab, buf: &mut Buffer, area: Rect) {
    let kind = if tab.prod { BorderType::Thick } else { BorderType::Plain };
    let dash = if tab.prod { "━" } else { "─" };
    let style = if tab.prod { theme::PROD } else { theme::QUIET };
    let mut title = vec![Span::styled(format!("{dash} "), style)];
    if !tab.label.is_empty() {
        title.push(Span::styled(
            format!("{} · ", tab.label),
            theme::environment(None, tab.prod),
        ));
    }
    let program = program_name(tab);
    title.push(Span::styled(
        format!("{} · {program} ", model.path_of(&tab.role)),
        theme::BOLD,
    ));
    let short: String = tab.session_id.chars().take(12).collect();
    let mut below = vec![Span::raw(format!("{dash} session {short} "))];
    if is_outdated(model, tab) {
        below.push(Span::styled(format!("· secrets: {NEWER} "), theme::WARN));
    }
    Block::new()
        .borders(Borders::ALL)
        .border_type(kind)
        .border_style(style)
        .title_top(Line::from(title))
        .title_bottom(Line::from(below))
        .render(area, buf);
}

fn draw_screen(emulator: &Emulator, buf: &mut Buffer, area: Rect) {
    emulator.visit(&mut |x, y, symbol, style| {
        let (x, y) = (area.x.saturating_add(x), area.y.saturating_add(y));
        if !area.contains(Position::new(x, y)) {
            return;
        }
        let wide = text::width(symbol);
        // A wide character that would stick out of the pane would overwrite the frame.
        let fits = u16::try_from(wide).is_ok_and(|w| x.saturating_add(w) <= area.right());
        let symbol = if symbol.is_empty() || !fits || symbol.chars().any(char::is_control) {
            " "
        } else {
            symbol
        };
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(look(style));
        }
    });
}

fn look(style: CellStyle) -> Style {
    let mut out = Style::new().fg(paint(style.foreground)).bg(paint(style.background));
    let attributes = [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
        (style.reverse, Modifier::REVERSED),
        (style.strike, Modifier::CROSSED_OUT),
    ];
    for (on, modifier) in attributes {
        if on {
            out = out.add_modifier(modifier);
        }
    }
    out
}

fn paint(color: Color) -> Paint {
    match color {
        Color::Default => Paint::Reset,
        Color::Indexed(index) => Paint::Indexed(index),
        Color::Rgb(r, g, b) => Paint::Rgb(r, g, b),
    }
}

fn draw_status(model: &Model, tab: &Tab, scrolled: usize, buf: &mut Buffer, parts: SessionParts) {
    // The smallest sizes have no row for it; the end of a session must be seen nevertheless.
    let ended = !tab.is_live();
    let area = match (parts.status.is_empty(), ended, parts.tabs.is_empty()) {
        (false, _, _) => parts.status,
        (true, true, false) => parts.tabs,
        _ => return,
    };
    let width = usize::from(area.width);
    put(buf, area, 0, Line::raw(" ".repeat(width)));
    if let Some(notice) = &model.notice {
        let style = if notice.bad { theme::WARN } else { theme::OK };
        put(
            buf,
            area,
            0,
            Line::styled(format!(" {}", text::cut(&notice.text, width.saturating_sub(2))), style),
        );
        return;
    }
    if ended {
        put(buf, area, 0, end_bar(model, tab, width));
        return;
    }
    let left = if model.sessions.prefix {
        Line::from(Span::styled(" PREFIX", theme::KEY))
    } else if scrolled > 0 {
        Line::from(Span::styled(
            format!(" {scrolled} lines back · any key returns"),
            theme::WARN,
        ))
    } else if width >= 78 {
        Line::from(vec![
            Span::styled(format!(" {}", model.prefix), theme::KEY),
            Span::raw(format!(" menu · {0} {0} sends it", model.prefix)),
        ])
    } else {
        Line::from(vec![
            Span::styled(format!(" {}", model.prefix), theme::KEY),
            Span::raw(" menu"),
        ])
    };
    let room = width.saturating_sub(left.width() + 2);
    let lease = lease::countdown(model, tab).filter(|(words, _)| text::width(words) <= room);
    let taken = lease.as_ref().map_or(0, |(words, _)| text::width(words) + 3);
    let right = status_facts(model, tab, room.saturating_sub(taken));
    let mut spans = Vec::new();
    if let Some((words, style)) = lease {
        spans.push(Span::styled(words, style));
        spans.push(Span::raw(if right.is_empty() { "" } else { " · " }));
    }
    spans.push(Span::raw(format!("{right} ")));
    put(buf, area, 0, left);
    put(buf, area, 0, Line::from(spans).right_aligned());
}

/// What fits of: time, size, version of the secrets.
fn status_facts(model: &Model, tab: &Tab, room: usize) -> String {
    let mut facts = Vec::new();
    // What is pushed first is left out last. The frame says it, where there is one.
    if is_outdated(model, tab) && session_parts(model.size, model.sessions.bare).frame.is_empty() {
        facts.push(NEWER.to_owned());
    }
    facts.push(format!(
        "up {}",
        text::duration(text::seconds_between(tab.started, model.now))
    ));
    facts.push(format!("{}x{}", tab.size.columns, tab.size.rows));
    let version = tab.secrets.iter().find_map(|used| used.version.as_deref());
    if !tab.secrets.is_empty() {
        let at = tab.started.to_zoned(model.zone.clone()).strftime("%H:%M");
        facts.push(match version {
            Some(version) => format!("secrets v{} @ {at}", text::cut(version, 8)),
            None => format!("secrets @ {at}"),
        });
    }
    // The session itself goes on: only new logins with these values end then.
    if let Some(first) = tab.secrets.iter().filter_map(|used| used.expires).min() {
        let at = first.to_zoned(model.zone.clone()).strftime("%H:%M");
        facts.push(format!("new logins until {at}"));
    }
    while facts.len() > 1 && text::width(&facts.join(" · ")) > room {
        facts.pop();
    }
    text::cut(&facts.join(" · "), room)
}

/// ` exited 3 after 11m32s — Enter back · R reconnect`
fn end_bar(model: &Model, tab: &Tab, room: usize) -> Line<'static> {
    let code_style = match &tab.state {
        TabState::Ended(ending) if ending.code == 0 => theme::OK,
        _ => theme::FAIL,
    };
    let mut spans = vec![
        Span::styled(format!(" {}", ending_words(tab)), code_style),
        Span::raw(" — "),
    ];
    for (i, binding) in KEYMAP.iter().filter(|b| b.context == Context::Ended).enumerate() {
        if i > 0 {
            spans.push(Span::raw(" · "));
        }
        spans.push(Span::styled(key_text(binding.keys[0]), theme::KEY));
        spans.push(Span::raw(format!(" {}", binding.hint)));
    }
    let mut line = Line::from(spans);
    if let Some((words, style)) = lease::outcome(model, tab)
        && line.width() + text::width(&words) + 3 <= room
    {
        line.push_span(Span::styled(format!("   {words}"), style));
    }
    if let TabState::Ended(ending) = &tab.state
        && ending.masked > 0
    {
        let s = if ending.masked == 1 { "" } else { "s" };
        let masked = format!("   {} value{s} masked", ending.masked);
        if line.width() + text::width(&masked) <= room {
            line.push_span(Span::styled(masked, theme::QUIET));
        }
    }
    line
}

/// What `prefix i` shows.
pub fn info(model: &Model, tab: &Tab) -> Vec<String> {
    let mut lines = vec![
        format!("Role       {}", tab.role),
        format!("Session    {}", tab.session_id),
        format!("Program    {}", tab.program),
        format!(
            "Started    {} ago",
            text::duration(text::seconds_between(tab.started, model.now))
        ),
        format!("Size       {}x{}", tab.size.columns, tab.size.rows),
    ];
    if !tab.label.is_empty() {
        lines.push(format!("Env        {}", tab.label));
    }
    if !tab.access.is_empty() {
        lines.push(format!("Access     {}", tab.access));
    }
    if let TabState::Ended(_) = tab.state {
        lines.push(format!("Ended      {}", ending_words(tab)));
    }
    lines.push(String::new());
    lines.push("Secrets that were read for it (values are never shown or stored)".to_owned());
    let widest = tab
        .secrets
        .iter()
        .map(|used| text::width(&used.field))
        .max()
        .unwrap_or(0);
    let known = model.roles.checks.get(&tab.role).and_then(Check::known);
    let outdated = tab.outdated(known);
    for used in &tab.secrets {
        let version = used.version.as_ref().map_or_else(String::new, |v| format!("  v{v}"));
        let source = match &used.reference {
            Some(reference) => reference.text.as_str(),
            None => "a login token",
        };
        let until = used.expires.map_or_else(String::new, |at| {
            let at = at.to_zoned(model.zone.clone()).strftime("%H:%M:%S");
            match &used.reference {
                None => format!("  for new logins until {at}"),
                // It is renewed: how long it is good for stands with its lease.
                Some(reference) if reference.id.kind == Kind::VaultDb => String::new(),
                Some(_) => format!("  ends at {at}"),
            }
        });
        lines.push(format!(
            "  {}  {source}{version}  {} ms{until}",
            text::fit(&used.field, widest),
            used.took.as_millis()
        ));
        if let Some((_, now)) = outdated.iter().find(|(old, _)| *old == used) {
            lines.push(format!("  {}  {NEWER}: v{now}", text::fit("", widest)));
        }
    }
    if !outdated.is_empty() {
        lines.push("  R opens the session again with what is there now, once it has ended".to_owned());
    }
    if tab.secrets.is_empty() {
        lines.push("  none".to_owned());
    }
    let leases = lease::lines(model, tab);
    if !leases.is_empty() {
        lines.push(String::new());
        lines.push("Credentials that were made for it".to_owned());
        lines.extend(leases.into_iter().map(|line| format!("  {line}")));
    }
    for warning in &tab.warnings {
        lines.push(format!("! {warning}"));
    }
    lines
}
