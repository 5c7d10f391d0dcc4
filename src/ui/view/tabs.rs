//! The first row of a session: the tabs, as many as fit around the active one, and at its end where one is.
//!
//! ```text
//!  1:prod-postgres* ▏2:stage-redis ▏3:bastion-eu !▏ +                         PROD  read-write  ● REC
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{put, status};
use crate::ui::layout::session_parts;
use crate::ui::model::{Model, News, Tab, TabState};
use crate::ui::{text, theme};

/// What a click on the row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Index into `Sessions::tabs`.
    Tab(usize),
    New,
    List,
}

/// Columns that a role's name may take: what is tried, one after the other, until all tabs fit.
const NAME: [usize; 3] = [32, 24, 16];
/// Columns of ` +`, and of `‹12! ` where tabs are left out.
const NEW: usize = 2;
const MORE: usize = 5;
/// The fewest columns that the tabs get before the right side gives way, if they need them.
const TABS: usize = 30;

/// One word of the row.
struct Piece {
    text: String,
    style: Style,
    target: Option<Target>,
}

impl Piece {
    fn new(text: impl Into<String>, style: Style, target: Option<Target>) -> Self {
        let text = text.into();
        Self { text, style, target }
    }
}

pub(super) fn draw(model: &Model, tab: &Tab, buf: &mut Buffer, area: Rect) {
    let right = right_side(model, tab);
    let room = usize::from(area.width).saturating_sub(right.width());
    let left = pieces(model, room).into_iter();
    let left: Vec<Span<'_>> = left.map(|piece| Span::styled(piece.text, piece.style)).collect();
    put(buf, area, 0, Line::from(left));
    put(buf, area, 0, right.right_aligned());
}

/// What a click on a column of the row means.
pub fn target_at(model: &Model, column: u16) -> Option<Target> {
    let tab = model.sessions.active_tab()?;
    let room = usize::from(model.size.0).saturating_sub(right_side(model, tab).width());
    let mut end = 0;
    let hit = pieces(model, room).into_iter().find(|piece| {
        end += text::width(&piece.text);
        usize::from(column) < end
    });
    hit?.target
}

/// Where one is: environment, access. Where the tabs need the room, the environment's word is what stays.
pub(super) fn right_side(model: &Model, tab: &Tab) -> Line<'static> {
    let columns = usize::from(model.size.0);
    // In the order of the row, each with its rank: the lowest goes first.
    let mut words: Vec<(u8, Span<'static>)> = Vec::new();
    // Without a row of its own, what matters of the status stands here.
    if session_parts(model.size, model.sessions.bare).status.is_empty() {
        words.extend(status::brief(model, tab).map(|word| (2, word)));
    }
    words.push((u8::MAX, environment(tab)));
    words.push((1, Span::raw(tab.access.clone())));
    if let Some(light) = tab.recorded.light().filter(|_| tab.is_live()) {
        words.push((3, light));
    }
    words.retain(|(_, word)| !word.content.is_empty());
    let wide = |words: &[(u8, Span<'static>)]| words.iter().map(|(_, word)| word.width() + 2).sum::<usize>();
    let tabs = TABS.min(needed(model));
    // And the blank behind them.
    while wide(&words) + 1 + tabs > columns {
        let lowest = words.iter().enumerate().min_by_key(|(_, (rank, _))| *rank);
        match lowest {
            Some((at, (rank, _))) if *rank < u8::MAX => drop(words.remove(at)),
            _ => break,
        }
    }
    let mut line = Line::default();
    for (_, word) in words {
        line.push_span(Span::raw("  "));
        line.push_span(word);
    }
    line.push_span(Span::raw(" "));
    line
}

/// The environment's word in its colour.
pub(super) fn environment(tab: &Tab) -> Span<'static> {
    let look = theme::environment(tab.color.as_deref(), tab.prod).patch(theme::BOLD);
    Span::styled(tab.label.clone(), look)
}

/// Columns in which all tabs have room with their names at full length.
fn needed(model: &Model) -> usize {
    let tabs = model.sessions.tabs.iter().enumerate();
    let titles = tabs.map(|(index, tab)| wide(&title(model, index, tab, NAME[0])));
    titles.sum::<usize>() + 1 + NEW
}

/// ` 1:prod-postgres* ▏`: number, role, marks. `P` stands before a role of production that is not in front: of the one that is, the right
/// side says it. `*` stands in front, `!` has printed or rung since it was last there, `✗` has ended.
fn title(model: &Model, index: usize, tab: &Tab, name: usize) -> Vec<Piece> {
    let current = index == model.sessions.active;
    let ended = matches!(tab.state, TabState::Ended(_));
    let style = if current { theme::BOLD } else { theme::PLAIN };
    let style = if tab.prod {
        style.patch(theme::environment(tab.color.as_deref(), true))
    } else {
        style
    };
    let (mark, look) = match (current, ended, tab.news) {
        (true, false, _) => ("* ", style),
        (true, true, _) => ("*✗", style),
        (false, true, _) => (" ✗", theme::QUIET),
        (false, false, News::None) => (" ", style),
        (false, false, News::Output) => (" !", style),
        (false, false, News::Bell) => (" !", theme::BELL),
    };
    let target = Some(Target::Tab(index));
    let production = if tab.prod && !current { "P " } else { "" };
    let words = format!("{}:{production}{}", index + 1, text::cut(&tab.role, name));
    vec![
        Piece::new(words, style, target),
        Piece::new(mark, look, target),
        Piece::new("▏", theme::QUIET, None),
    ]
}

fn wide(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| text::width(&piece.text)).sum()
}

/// The words of the row's left side: the active tab and as many around it as fit, and how many are left out on either side.
fn pieces(model: &Model, room: usize) -> Vec<Piece> {
    let sessions = &model.sessions;
    let all = |name| {
        let tabs = sessions.tabs.iter().enumerate();
        tabs.map(|(index, tab)| title(model, index, tab, name))
            .collect::<Vec<_>>()
    };
    let new = |out: &mut Vec<Piece>| out.push(Piece::new(" +", theme::QUIET, Some(Target::New)));
    let mut out = vec![Piece::new(" ", theme::PLAIN, None)];
    for name in NAME {
        let titles = all(name);
        if titles.iter().map(|title| wide(title)).sum::<usize>() + 1 + NEW <= room {
            out.extend(titles.into_iter().flatten());
            new(&mut out);
            return out;
        }
    }
    // The active one alone may be too wide for the smallest terminals.
    let titles = all(NAME[2].min(room.saturating_sub(2 * MORE + 7)).max(2));
    let widths: Vec<usize> = titles.iter().map(|title| wide(title)).collect();
    let (first, end) = window(&widths, sessions.active, room.saturating_sub(1 + 2 * MORE));
    let hidden = |tabs: &[Tab]| {
        let news = tabs.iter().any(|tab| tab.news > News::None);
        format!("{}{}", tabs.len(), if news { "!" } else { "" })
    };
    let before = sessions.tabs.get(..first).unwrap_or_default();
    if !before.is_empty() {
        let words = format!("‹{} ", hidden(before));
        out.push(Piece::new(words, theme::KEY, Some(Target::List)));
    }
    out.extend(titles.into_iter().take(end).skip(first).flatten());
    let after = sessions.tabs.get(end..).unwrap_or_default();
    if after.is_empty() {
        new(&mut out);
    } else {
        let words = format!(" {}›", hidden(after));
        out.push(Piece::new(words, theme::KEY, Some(Target::List)));
    }
    out
}

/// The tabs that fit into the room, the active one among them with its neighbours on both sides; the end is not one of them.
fn window(widths: &[usize], active: usize, room: usize) -> (usize, usize) {
    let (mut first, mut end) = (active, active + 1);
    let mut left = room.saturating_sub(widths.get(active).copied().unwrap_or(0));
    let mut take = |index: Option<usize>| {
        let width = index
            .and_then(|index| widths.get(index))
            .filter(|width| **width <= left);
        left -= width.copied().unwrap_or(0);
        width.is_some()
    };
    loop {
        let before = take(first.checked_sub(1));
        first -= usize::from(before);
        let after = take(Some(end));
        end += usize::from(after);
        if !before && !after {
            return (first, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn the_active_tab_is_always_among_those_that_are_shown() {
        for room in 0..60 {
            for active in 0..9 {
                let (first, end) = window(&[7, 12, 5, 9, 9, 30, 4, 11, 8], active, room);
                assert!((first..end).contains(&active), "{active} of {room}: {first}..{end}");
            }
        }
        assert_eq!(window(&[5, 5, 5, 5], 3, 10), (2, 4));
        assert_eq!(window(&[5, 5, 5, 5], 0, 10), (0, 2));
        assert_eq!(window(&[5; 9], 4, 15), (3, 6));
    }
}
