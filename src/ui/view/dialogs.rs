//! What lies over a screen: the palette, the questions before quitting and closing, the passphrase, a text to read, a launch that runs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use super::hints::sessions;
use super::{dialog_box, failure, help, put, put_input, tabs};
use crate::ui::input::Input;
use crate::ui::layout::centred;
use crate::ui::model::{Dialog, Model, Opening, Tab};
use crate::ui::update::palette_commands;
use crate::ui::{text, theme};

/// Rows of a text to read or of the palette.
const TALL: u16 = 18;

/// Draws the dialog, or the launch that runs. None if there is neither; else where the cursor stands.
pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) -> Option<Option<Position>> {
    let Some(dialog) = &model.dialog else {
        let opening = model.opening.as_ref()?;
        draw_opening(model, opening, buf, area);
        return Some(None);
    };
    let cursor = match dialog {
        Dialog::Help { filter, scroll } => {
            let below = Rect {
                y: area.y + area.height.min(1),
                height: area.height.saturating_sub(2),
                ..area
            };
            let cursor = help::draw(model, filter, *scroll, buf, below);
            draw_hints(model, buf, area);
            Some(cursor)
        }
        Dialog::Failure {
            request,
            problems,
            scroll,
        } => {
            let above = Rect {
                height: area.height.saturating_sub(1),
                ..area
            };
            failure::draw(model, request, problems, *scroll, buf, above);
            draw_hints(model, buf, area);
            None
        }
        Dialog::Palette { input, selected } => Some(draw_palette(model, input, *selected, buf, area)),
        Dialog::Quit { leave } => {
            draw_quit(model, *leave, buf, area);
            None
        }
        Dialog::Tabs { filter, selected } => Some(super::tab_list::draw(model, filter, *selected, buf, area)),
        Dialog::Paste {
            tab,
            text,
            shown,
            paste,
            ..
        } => {
            if let Some(tab) = model.sessions.tabs.iter().find(|t| t.id == *tab) {
                super::paste::draw(tab, text, shown, *paste, buf, area);
            }
            None
        }
        Dialog::Close { tab, close } => {
            if let Some(tab) = model.sessions.tabs.iter().find(|t| t.id == *tab) {
                draw_close(model, tab, *close, buf, area);
            }
            None
        }
        Dialog::Passphrase {
            provider,
            request,
            input,
            problem,
            waiting,
        } => {
            let typed = input.chars().count();
            let busy = waiting.map(|(_, since)| theme::spinner(model.now.as_millisecond() - since.as_millisecond()));
            Some(draw_passphrase(
                provider,
                &request.role,
                typed,
                problem.as_deref(),
                busy,
                buf,
                area,
            ))
        }
        Dialog::Clipboard { tab, text, answer, .. } => {
            if let Some(tab) = model.sessions.tabs.iter().find(|t| t.id == *tab) {
                super::clipboard::draw(tab, text, *answer, buf, area);
            }
            None
        }
        Dialog::Text {
            title, lines, scroll, ..
        } => {
            let keys = theme::spelled("↑↓ scroll · y copy · Esc close", model.look);
            draw_text(title, lines, &keys, *scroll, buf, area);
            None
        }
    };
    Some(cursor)
}

/// The keys of what covers the whole screen, also where a session had the last row.
fn draw_hints(model: &Model, buf: &mut Buffer, area: Rect) {
    let last = Rect {
        y: area.bottom().saturating_sub(1),
        height: area.height.min(1),
        ..area
    };
    Clear.render(last, buf);
    super::hints::draw(model, buf, last);
}

fn draw_opening(model: &Model, opening: &Opening, buf: &mut Buffer, area: Rect) {
    if !opening.shows(model.now) {
        return;
    }
    let elapsed = model.now.as_millisecond() - opening.since.as_millisecond();
    let text = format!("{} Opening {} …", theme::spinner(elapsed), opening.request.role);
    let width = u16::try_from(text::width(&text) + 20).unwrap_or(u16::MAX).max(40);
    let inside = dialog_box(buf, area, &opening.request.role, "Esc cancels", (width, 5), false);
    let seconds = if elapsed >= 1000 {
        format!("  {}s", elapsed / 1000)
    } else {
        String::new()
    };
    put(buf, inside, 1, Line::raw(format!("  {text}{seconds}")));
}

fn draw_palette(model: &Model, input: &Input, selected: usize, buf: &mut Buffer, area: Rect) -> Position {
    let found = palette_commands(model, &input.text);
    let inside = dialog_box(
        buf,
        area,
        "Commands",
        "Enter runs · Tab completes · Esc closes",
        (72, TALL),
        false,
    );
    let cursor = put_input(buf, inside, Span::styled(" :", theme::KEY), input);
    let rows = usize::from(inside.height).saturating_sub(2);
    let top = (selected + 1).saturating_sub(rows);
    let width = usize::from(inside.width);
    let key_width = found.iter().map(|command| text::width(&command.key)).max().unwrap_or(0);
    for (y, (i, command)) in found.iter().enumerate().skip(top).take(rows).enumerate() {
        let name = text::fit(
            &command.text,
            (width * 3 / 5).min(if input.text.starts_with("connect ") { 44 } else { 24 }),
        );
        let help_width = width.saturating_sub(text::width(&name) + key_width + 4);
        let mut line = Line::from(vec![
            Span::styled(if i == selected { theme::CURSOR } else { " " }, theme::KEY),
            Span::raw(format!("{name} ")),
            Span::styled(text::fit(&command.help, help_width), theme::QUIET),
            Span::styled(
                format!(" {:>key_width$} ", theme::spelled(&command.key, model.look)),
                theme::KEY,
            ),
        ]);
        if i == selected {
            line = theme::selected(line);
        }
        put(buf, inside, y + 2, line);
    }
    if found.is_empty() {
        put(buf, inside, 2, Line::styled(" nothing is called that", theme::WARN));
    }
    cursor
}

/// Two answers, the safe one first; the marked one is what Enter does.
pub(super) fn answers(safe: &str, other: &str, other_marked: bool) -> Line<'static> {
    let style = |marked: bool| if marked { theme::SELECTED } else { theme::PLAIN };
    Line::from(vec![
        Span::raw("   "),
        Span::styled(format!(" {safe} "), style(!other_marked)),
        Span::raw("     "),
        Span::styled(format!(" {other} "), style(other_marked)),
    ])
}

/// The answers in a row of a dialog, in its last one where it has no such row: a question must not lose its answers first.
pub(super) fn put_answers(buf: &mut Buffer, inside: Rect, row: usize, answers: Line<'_>) {
    let row = row.min(usize::from(inside.height).saturating_sub(1));
    put(buf, inside, row, Line::raw(" ".repeat(inside.width.into())));
    put(buf, inside, row, answers);
}

fn draw_quit(model: &Model, leave: bool, buf: &mut Buffer, area: Rect) {
    let live: Vec<&Tab> = model.sessions.tabs.iter().filter(|tab| tab.is_live()).collect();
    let height = u16::try_from(live.len()).unwrap_or(u16::MAX).saturating_add(8);
    let title = format!("Quit with {} open?", sessions(live.len()));
    let inside = dialog_box(
        buf,
        area,
        &title,
        "Enter takes the marked answer · Esc stays",
        (64, height),
        true,
    );
    put(
        buf,
        inside,
        1,
        Line::raw(if live.len() == 1 {
            " It would be ended:"
        } else {
            " They would be ended:"
        }),
    );
    let room = usize::from(inside.height).saturating_sub(5);
    let shown = if live.len() > room {
        room.saturating_sub(1)
    } else {
        live.len()
    };
    for (y, tab) in live.iter().take(shown).enumerate() {
        put(buf, inside, y + 2, session_line(model, tab, inside.width.into()));
    }
    let more = live.len() - shown;
    if more > 0 && room > 0 {
        put(
            buf,
            inside,
            shown + 2,
            Line::styled(format!("   … and {more} more"), theme::QUIET),
        );
    }
    let row = room.min(live.len()) + 3;
    put_answers(buf, inside, row, answers("Stay", "End them and quit (Q)", leave));
}

/// `● prod-postgres   PROD  open for 12m03s`; the name gives way first.
fn session_line(model: &Model, tab: &Tab, width: usize) -> Line<'static> {
    let up = text::duration(text::seconds_between(tab.started, model.now));
    let up = format!("open for {up}");
    let environment = tabs::environment(tab);
    let name = width.saturating_sub(15 + text::width(&up)).min(28);
    Line::from(vec![
        Span::styled("   ● ", theme::OK),
        Span::styled(text::fit(&tab.role, name) + " ", theme::BOLD),
        Span::styled(text::fit(&environment.content, 8), environment.style),
        Span::raw(up),
    ])
}

fn draw_close(model: &Model, tab: &Tab, close: bool, buf: &mut Buffer, area: Rect) {
    let title = format!("Close {}?", tab.role);
    let inside = dialog_box(
        buf,
        area,
        &title,
        "Enter takes the marked answer · Esc stays",
        (64, 8),
        tab.prod,
    );
    put(buf, inside, 1, session_line(model, tab, inside.width.into()));
    put(buf, inside, 2, Line::raw(" The program in it is told to hang up."));
    put_answers(buf, inside, 4, answers("Keep it", "Close it (X)", close));
}

fn draw_passphrase(
    provider: &str,
    role: &str,
    typed: usize,
    problem: Option<&str>,
    busy: Option<&str>,
    buf: &mut Buffer,
    area: Rect,
) -> Position {
    let inside = dialog_box(
        buf,
        area,
        &format!("{provider} is locked"),
        "Enter unlocks · Esc cancels",
        (64, 9),
        false,
    );
    let width = usize::from(inside.width);
    put(
        buf,
        inside,
        1,
        Line::raw(text::cut(
            &format!(" {role} needs a secret of this store. Its passphrase:"),
            width,
        )),
    );
    let dots = "•".repeat(typed.min(width.saturating_sub(6)));
    put(
        buf,
        inside,
        3,
        Line::from(vec![Span::styled(" > ", theme::KEY), Span::raw(dots.clone())]),
    );
    if let Some(spinner) = busy {
        put(buf, inside, 5, Line::raw(format!(" {spinner} unlocking …")));
    } else if let Some(problem) = problem {
        put(
            buf,
            inside,
            5,
            Line::styled(text::cut(&format!(" ✗ {problem}"), width), theme::FAIL),
        );
    } else {
        put(
            buf,
            inside,
            5,
            Line::styled(" Kept in memory until hallpass ends, never written.", theme::QUIET),
        );
    }
    let x = inside
        .x
        .saturating_add(3)
        .saturating_add(u16::try_from(dots.chars().count()).unwrap_or(0));
    Position::new(x.min(inside.right().saturating_sub(1)), inside.y.saturating_add(3))
}

fn text_size(area: Rect) -> (u16, u16) {
    (area.width.min(96), area.height.saturating_sub(2).min(TALL + 8))
}

/// Lines of a text to read, wrapped for its panel.
fn wrapped(lines: &[String], width: usize) -> Vec<String> {
    lines.iter().flat_map(|line| text::wrap(line, width)).collect()
}

/// How far a text of this many lines can be scrolled.
pub(super) fn text_scroll_limit(lines: &[String], area: Rect) -> usize {
    let (width, height) = text_size(area);
    let rect = centred(area, width, height);
    wrapped(lines, usize::from(rect.width).saturating_sub(4))
        .len()
        .saturating_sub(usize::from(rect.height).saturating_sub(2))
}

fn draw_text(title: &str, lines: &[String], keys: &str, scroll: usize, buf: &mut Buffer, area: Rect) {
    let inside = dialog_box(buf, area, title, keys, text_size(area), false);
    let lines = wrapped(lines, usize::from(inside.width).saturating_sub(2));
    for (y, line) in lines.into_iter().skip(scroll).take(inside.height.into()).enumerate() {
        put(buf, inside, y, Line::raw(format!(" {line}")));
    }
}
