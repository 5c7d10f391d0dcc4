//! The last row of a session: how to reach the menu, then the facts; or what must be said now. Where it has no row, it shares the first.
//!
//! ```text
//!  Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it   idle 0:12/15:00 · left 3:41:08 · 98x26 · secrets v7 @ 09:41
//! ```

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::session::{NEWER, is_outdated};
use super::sessions::ending_words;
use super::{hints, lease, put, tabs};
use crate::config::Hints;
use crate::domain::limits::{Limit, warnings};
use crate::ui::keymap::{Action, Binding, Context, KEYMAP, key_text};
use crate::ui::layout::{SessionParts, session_parts};
use crate::ui::model::{Model, Tab, TabState};
use crate::ui::{text, theme};

/// After so many uses of the prefix its key is enough of a hint.
const KNOWN_AFTER: u32 = 10;
/// Columns from which the hint also says how to send the prefix itself.
const FULL_HINT: usize = 78;

/// Draws the row. `scrolled` says how many lines the view is back in time.
pub(super) fn draw(model: &Model, tab: &Tab, scrolled: usize, buf: &mut Buffer, parts: SessionParts) {
    if !parts.status.is_empty() {
        let width = usize::from(parts.status.width);
        match said(model, tab, scrolled, width) {
            Some((line, true)) => with_menu(model, tab, line, buf, parts.status),
            Some((line, false)) => with_facts(model, tab, line, buf, parts.status),
            None => with_facts(model, tab, hint(model, width), buf, parts.status),
        }
        return;
    }
    // It takes the tabs' place for a moment; where one is stays.
    let right = u16::try_from(tabs::right_side(model, tab).width()).unwrap_or(u16::MAX);
    let area = Rect {
        width: parts.tabs.width.saturating_sub(right),
        ..parts.tabs
    };
    if let Some((line, _)) = said(model, tab, scrolled, area.width.into()) {
        put(buf, area, 0, Line::raw(" ".repeat(area.width.into())));
        put(buf, area, 0, line);
    }
}

/// What must be said now instead of the hint, and whether it takes the whole row.
fn said(model: &Model, tab: &Tab, scrolled: usize, width: usize) -> Option<(Line<'static>, bool)> {
    if let Some(notice) = &model.notice {
        return Some((hints::remark(model, notice, width), true));
    }
    if model.sessions.prefix {
        return Some((Line::styled(" PREFIX", theme::KEY), !tab.is_live()));
    }
    if !tab.is_live() {
        return Some((end_bar(model, tab, width), true));
    }
    if scrolled > 0 {
        let words = format!(" {scrolled} lines back · any key returns");
        return Some((Line::styled(words, theme::WARN), false));
    }
    None
}

/// ` Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it`, for who knows it ` ^\`.
fn hint(model: &Model, width: usize) -> Line<'static> {
    let known = model.sessions.prefix_uses >= KNOWN_AFTER;
    match model.config.ui.hints {
        Hints::Off => Line::default(),
        Hints::Full if !known => {
            let mut line = Line::raw(" ");
            line.push_span(Span::styled(model.prefix.to_string(), theme::KEY));
            line.push_span(Span::raw(" menu"));
            if width >= FULL_HINT {
                line.push_span(Span::raw(format!(" · {0} {0} sends it", model.prefix)));
            }
            line
        }
        Hints::Full | Hints::Short => Line::styled(format!(" {}", model.prefix.short()), theme::KEY),
    }
}

/// What is said takes the row; the way to the menu stays where there is room for both.
fn with_menu(model: &Model, tab: &Tab, said: Line<'static>, buf: &mut Buffer, area: Rect) {
    let mut menu = hint(model, 0);
    menu.push_span(Span::raw(" "));
    if tab.is_live() && said.width() + menu.width() < usize::from(area.width) {
        put(buf, area, 0, menu.right_aligned());
    }
    put(buf, area, 0, said);
}

fn with_facts(model: &Model, tab: &Tab, left: Line<'static>, buf: &mut Buffer, area: Rect) {
    let room = usize::from(area.width).saturating_sub(left.width() + 2);
    let mut facts = if tab.is_live() { facts(model, tab) } else { Vec::new() };
    let wide = |facts: &[Span<'_>]| facts.iter().map(|fact| fact.width() + 3).sum::<usize>();
    // The last ones are the first to go.
    while wide(&facts) > room + 3 {
        facts.pop();
    }
    let mut line = Line::default();
    for (i, fact) in facts.into_iter().enumerate() {
        line.push_span(Span::raw(if i > 0 { " · " } else { "" }));
        line.push_span(fact);
    }
    line.push_span(Span::raw(" "));
    put(buf, area, 0, left);
    put(buf, area, 0, line.right_aligned());
}

/// Everything there is to know, what matters most first: lease, limits, size, secrets.
fn facts(model: &Model, tab: &Tab) -> Vec<Span<'static>> {
    let mut facts = Vec::new();
    if let Some((words, style)) = lease::countdown(model, tab) {
        facts.push(Span::styled(words, style));
    }
    // The frame says it, where there is one.
    if is_outdated(model, tab) && session_parts(model.size, model.sessions.bare).frame.is_empty() {
        facts.push(Span::raw(NEWER));
    }
    facts.extend(limits(model, tab));
    if tab.limits.longest.is_none() {
        let up = text::duration(text::seconds_between(tab.started, model.now));
        facts.push(Span::raw(format!("up {up}")));
    }
    facts.push(Span::raw(format!("{}x{}", tab.size.columns, tab.size.rows)));
    if !tab.secrets.is_empty() {
        let at = tab.started.to_zoned(model.zone.clone()).strftime("%H:%M");
        let version = tab.secrets.iter().find_map(|used| used.version.as_deref());
        facts.push(Span::raw(match version {
            Some(version) => format!("secrets v{} @ {at}", text::cut(version, 8)),
            None => format!("secrets @ {at}"),
        }));
    }
    // The session itself goes on: only new logins with these values end then.
    if let Some(first) = tab.secrets.iter().filter_map(|used| used.expires).min() {
        let at = first.to_zoned(model.zone.clone()).strftime("%H:%M");
        facts.push(Span::raw(format!("new logins until {at}")));
    }
    facts
}

/// `idle 0:12/15:00` and `left 3:41:08`; a limit that is near stands out.
fn limits(model: &Model, tab: &Tab) -> Vec<Span<'static>> {
    let mut facts: Vec<(Limit, Duration)> = tab.left(model.now).collect();
    facts.sort_by_key(|(limit, _)| matches!(limit, Limit::Longest(_)));
    // Not by colour alone.
    let mark = |limit, left| if warnings(limit, left) > 0 { "! " } else { "" };
    let words = |limit, left: Duration| match limit {
        Limit::Idle(whole) => format!(
            "idle {}/{}",
            text::clock(whole.saturating_sub(left).as_secs()),
            text::clock(whole.as_secs())
        ),
        Limit::Longest(_) => format!("left {}", text::clock(left.as_secs())),
    };
    let facts = facts.into_iter().map(|(limit, left)| {
        let words = format!("{}{}", mark(limit, left), words(limit, left));
        Span::styled(words, nearness(limit, left))
    });
    facts.collect()
}

fn nearness(limit: Limit, left: Duration) -> Style {
    match warnings(limit, left) {
        0 => theme::PLAIN,
        1 => theme::WARN,
        _ => theme::FAIL,
    }
}

/// `ends in 0:42` once the limit that is reached first is near.
pub(super) fn near_end(model: &Model, tab: &Tab) -> Option<Span<'static>> {
    let first = tab.left(model.now).next().filter(|_| tab.is_live());
    let (limit, left) = first.filter(|(limit, left)| warnings(*limit, *left) > 0)?;
    let words = format!("ends in {}", text::clock(left.as_secs()));
    Some(Span::styled(words, nearness(limit, left)))
}

/// The one fact that a row shared with the tabs has room for: the limit that is reached first, else how to reach the menu.
pub(super) fn brief(model: &Model, tab: &Tab) -> Option<Span<'static>> {
    if !tab.is_live() {
        return None;
    }
    let menu = (model.config.ui.hints != Hints::Off).then(|| Span::styled(model.prefix.short(), theme::KEY));
    near_end(model, tab).or(menu)
}

/// ` exited 3 after 11m32s — Enter back · R reconnect`
fn end_bar(model: &Model, tab: &Tab, room: usize) -> Line<'static> {
    let code_style = match &tab.state {
        TabState::Ended(ending) if ending.code == 0 => theme::OK,
        _ => theme::FAIL,
    };
    // The first key stands on the smallest of terminals that are promised, too.
    let key = text::width(" — Enter back ");
    let words = text::cut(&ending_words(tab), if room >= 40 { room - key } else { room });
    let mut line = Line::from(Span::styled(format!(" {words}"), code_style));
    let recorded = tab.recorded.file().is_some();
    let offered = |b: &&Binding| b.context == Context::Ended && (recorded || b.action != Action::Replay);
    for (i, binding) in KEYMAP.iter().filter(offered).enumerate() {
        let between = Span::raw(if i > 0 { " · " } else { " — " });
        let key = Span::styled(key_text(binding.keys[0]), theme::KEY);
        let word = Span::raw(format!(" {}", binding.hint));
        // A key with half of its word says nothing.
        if line.width() + between.width() + key.width() + word.width() > room {
            break;
        }
        line.extend([between, key, word]);
    }
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
