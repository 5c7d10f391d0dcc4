//! A session: tabs above, the child's screen in a frame that says where one is, the status below.
//!
//! ```text
//!  1:prod-postgres* ▏2:stage-redis ▏3:bastion-eu !▏ +                         PROD  read-write  ● REC
//! ┏━ PROD · prod-postgres · psql ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ orders=> █                                                                                       ┃
//! ┗━ session 01JD8 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//!  Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it                                         up 12m · 98x26 · secrets v7
//! ```

use std::sync::PoisonError;

use crossterm::cursor::SetCursorStyle;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color as Paint, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Widget as _};

use super::sessions::program_name;
use super::{copy_mode, status, tabs};
use crate::session::emulator::{CellStyle, Color, CursorShape, Emulator};
use crate::ui::layout::session_parts;
use crate::ui::model::{Check, Model, Screen, Tab};
use crate::ui::update::contexts;
use crate::ui::{text, theme};

/// Draws the active session; answers where its cursor stands.
pub(super) fn draw(model: &Model, buf: &mut Buffer) -> Option<Position> {
    let tab = model.sessions.active_tab()?;
    let parts = session_parts(model.size, model.sessions.bare);
    if !parts.tabs.is_empty() {
        tabs::draw(model, tab, buf, parts.tabs);
    }
    let emulator = tab.emulator.lock().unwrap_or_else(PoisonError::into_inner);
    if !parts.frame.is_empty() {
        draw_frame(model, tab, emulator.title(), buf, parts.frame);
    }
    if let Some(copy) = &tab.copy {
        drop(emulator);
        let cursor = copy_mode::draw(copy, buf, parts.screen);
        if copy.by_mouse || model.sessions.prefix || model.notice.is_some() {
            status::draw(model, tab, 0, buf, parts);
            return cursor;
        }
        // Where the tabs share their row with the status it stands there.
        let near = status::near_end(model, tab).filter(|_| !parts.status.is_empty());
        return copy_mode::draw_status(copy, &contexts(model), near, buf, parts).or(cursor);
    }
    draw_screen(&emulator, buf, parts.screen);
    let scrolled = emulator.scrolled();
    let cursor = emulator
        .cursor()
        .map(|(x, y)| Position::new(parts.screen.x.saturating_add(x), parts.screen.y.saturating_add(y)));
    drop(emulator);
    status::draw(model, tab, scrolled, buf, parts);
    cursor.filter(|at| tab.is_live() && parts.screen.contains(*at))
}

/// How the terminal's cursor is to look: as the child of the active session wants it while that is shown.
pub(super) fn cursor_style(model: &Model) -> SetCursorStyle {
    let tab = model
        .sessions
        .active_tab()
        .filter(|tab| tab.is_live() && tab.copy.is_none());
    let Some(tab) = tab.filter(|_| model.screen == Screen::Session && model.dialog.is_none()) else {
        return SetCursorStyle::DefaultUserShape;
    };
    let look = tab
        .emulator
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .cursor_look();
    match look.map(|look| (look.shape, look.blinking)) {
        None => SetCursorStyle::DefaultUserShape,
        Some((CursorShape::Block, true)) => SetCursorStyle::BlinkingBlock,
        Some((CursorShape::Block, false)) => SetCursorStyle::SteadyBlock,
        Some((CursorShape::Underline, true)) => SetCursorStyle::BlinkingUnderScore,
        Some((CursorShape::Underline, false)) => SetCursorStyle::SteadyUnderScore,
        Some((CursorShape::Bar, true)) => SetCursorStyle::BlinkingBar,
        Some((CursorShape::Bar, false)) => SetCursorStyle::SteadyBar,
    }
}

/// The words for a session whose secrets are no longer those that a new one would get.
pub(super) const NEWER: &str = "newer version exists";

pub(super) fn is_outdated(model: &Model, tab: &Tab) -> bool {
    let known = model.roles.checks.get(&tab.role).and_then(Check::known);
    tab.is_live() && !tab.outdated(known).is_empty()
}

fn draw_frame(model: &Model, tab: &Tab, child_title: Option<&str>, buf: &mut Buffer, area: Rect) {
    let kind = if tab.prod { BorderType::Thick } else { BorderType::Plain };
    let dash = if tab.prod { "━" } else { "─" };
    let style = if tab.prod { theme::PROD } else { theme::QUIET };
    let mut title = vec![Span::styled(format!("{dash} "), style)];
    if !tab.label.is_empty() {
        title.push(tabs::environment(tab));
        title.push(Span::raw(" · "));
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
    if let Some(words) = child_title.map(own_words) {
        // Not in the colour of the frame: it is not our word.
        let look = theme::QUIET.fg(Paint::Reset).remove_modifier(Modifier::BOLD);
        below.push(Span::styled(format!("· “{words}” "), look));
    }
    Block::new()
        .borders(Borders::ALL)
        .border_type(kind)
        .border_style(style)
        .title_top(Line::from(title))
        .title_bottom(Line::from(below))
        .render(area, buf);
}

/// The child's title as ours quotes it: nothing in it can look like the end of the quotation, or like a part of a frame.
fn own_words(title: &str) -> String {
    let plain = |c: char| match c {
        '“' | '”' | '„' | '‟' | '"' => '\'',
        '\u{2500}'..='\u{259f}' => '·',
        c => c,
    };
    let words: String = title.chars().map(plain).collect();
    text::cut(&words, 60)
}

fn draw_screen(emulator: &Emulator, buf: &mut Buffer, area: Rect) {
    draw_part(emulator, buf, area, (0, 0));
}

/// Draws a screen from this column and row on.
pub(super) fn draw_part(emulator: &Emulator, buf: &mut Buffer, area: Rect, (left, top): (u16, u16)) {
    emulator.visit(&mut |x, y, symbol, style| {
        let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top)) else {
            return;
        };
        let (x, y) = (area.x.saturating_add(x), area.y.saturating_add(y));
        if !area.contains(Position::new(x, y)) {
            return;
        }
        let symbol = match symbol.as_bytes() {
            [b' '..=b'~'] => symbol, // as most are
            _ => {
                // A wide character that would stick out of the pane would overwrite the frame.
                let wide = u16::try_from(text::width(symbol)).unwrap_or(u16::MAX);
                let fits = x.saturating_add(wide) <= area.right();
                let drawable = !symbol.is_empty() && fits && !symbol.chars().any(char::is_control);
                if drawable { symbol } else { " " }
            }
        };
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(look(style));
        }
    });
}

pub(super) fn look(style: CellStyle) -> Style {
    let mut out = Style::new()
        .fg(paint(style.foreground))
        .bg(paint(style.background))
        .underline_color(paint(style.underline_color));
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
