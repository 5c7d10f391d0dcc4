//! How things look: the terminal's own colours and reverse, the marks of states, and the two ways down from there (no colour, ASCII only).

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

use crate::domain::status::State;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Attributes only if not.
    pub color: bool,
    /// ASCII twins instead of symbols.
    pub ascii: bool,
}

pub const PLAIN: Style = Style::new();
pub const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// For what may be overlooked. Dim, not grey: a fixed grey vanishes on some backgrounds.
pub const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
pub const ACCENT: Style = Style::new().fg(Color::Cyan);
pub const KEY: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
pub const HEADING: Style = Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::DIM);
pub const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
pub const OK: Style = Style::new().fg(Color::Green);
pub const WARN: Style = Style::new().fg(Color::Yellow);
pub const FAIL: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
pub const PROD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// The mark of a bell that rang.
pub const BELL: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
pub const MATCH: Style = Style::new()
    .add_modifier(Modifier::BOLD)
    .add_modifier(Modifier::UNDERLINED);

/// What a search has found in the text of a session, and the one that the cursor is on.
pub const FOUND: Style = MATCH.fg(Color::Yellow);
pub const FOUND_HERE: Style = FOUND.add_modifier(Modifier::REVERSED);

pub const CURSOR: &str = "▌";
pub const UNCHECKED: &str = "○";

/// A row under the cursor: reversed behind its mark, without colours, which reversed would be blocks that nobody can read.
pub fn selected(line: Line<'_>) -> Line<'_> {
    let mut spans = line.spans.into_iter();
    let mark = spans.next();
    let rest = spans.map(|mut span| {
        span.style = Style {
            fg: None,
            ..span.style.remove_modifier(Modifier::DIM)
        }
        .patch(SELECTED);
        span
    });
    Line::from(mark.into_iter().chain(rest).collect::<Vec<_>>())
}

/// The mark of a state; a word always stands beside it.
pub fn mark(state: State) -> (&'static str, Style) {
    match state {
        State::Ok => ("●", OK),
        State::Warn => ("!", WARN),
        State::Fail => ("✗", FAIL),
        State::Skipped => ("○", QUIET),
    }
}

/// The colour that `[environments.NAME] color` names.
pub fn environment(color: Option<&str>, prod: bool) -> Style {
    let named = color.and_then(|name| match name {
        "red" => Some(Color::Red),
        "yellow" => Some(Color::Yellow),
        "green" => Some(Color::Green),
        "blue" => Some(Color::Blue),
        "magenta" => Some(Color::Magenta),
        "cyan" => Some(Color::Cyan),
        _ => None,
    });
    match named {
        Some(color) if prod => Style::new().fg(color).add_modifier(Modifier::BOLD),
        Some(color) => Style::new().fg(color),
        None if prod => PROD,
        None => PLAIN,
    }
}

/// Four steps a second say that something runs.
pub fn spinner(milliseconds: i64) -> &'static str {
    ["◐", "◓", "◑", "◒"][usize::try_from(milliseconds / 250 % 4).unwrap_or(0)]
}

/// Every mark of a role's state with its word.
pub const STATES: &[(&str, &str)] = &[
    ("●", "ok"),
    ("◐", "checking"),
    ("✗", "failed"),
    ("!", "warning"),
    (UNCHECKED, "unchecked"),
];

/// Names of keys that are arrows, as words where there are no arrows: a twin of one column would be the name of another key.
pub fn spelled(keys: &str, look: Look) -> String {
    const ARROWS: &[(&str, &str)] = &[
        ("↑↓", "Up/Down"),
        ("↑", "Up"),
        ("↓", "Down"),
        ("←", "Left"),
        ("→", "Right"),
    ];
    let arrows = ARROWS.iter().filter(|_| look.ascii);
    arrows.fold(keys.to_owned(), |keys, (arrow, word)| keys.replace(arrow, word))
}

/// Takes away from a finished picture what the terminal cannot show. One place for both, so no view can forget it.
pub fn adapt(buffer: &mut Buffer, look: Look) {
    if look.color && !look.ascii {
        return;
    }
    if look.ascii {
        spell_ellipses(buffer);
    }
    for cell in &mut buffer.content {
        if !look.color {
            cell.fg = Color::Reset;
            cell.bg = Color::Reset;
            cell.underline_color = Color::Reset;
        }
        if look.ascii && !cell.symbol().is_ascii() {
            let twin = ascii_twin(cell.symbol());
            cell.set_symbol(twin);
        }
    }
}

/// ` …` after a word is three dots where there is room for them; elsewhere it stands for what was cut, and has a twin.
fn spell_ellipses(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(width) {
        for at in 1..row.len().saturating_sub(2) {
            let is = |i: usize, symbol: &str| row[i].symbol() == symbol;
            if is(at, "…") && is(at - 1, " ") && is(at + 1, " ") && is(at + 2, " ") {
                for cell in &mut row[at..at + 3] {
                    cell.set_symbol(".");
                }
            }
        }
    }
}

/// The ASCII twin of a symbol, one column wide. What is heavy stays heavier: it is the frame of production.
fn ascii_twin(symbol: &str) -> &'static str {
    match symbol.chars().next().unwrap_or(' ') {
        '─' | '╌' | '—' | '–' | '▔' => "-",
        '━' => "=",
        '│' | '▏' | '▕' => "|",
        '┃' | '┏' | '┓' | '┗' | '┛' => "#",
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┼' | '┬' | '┴' => "+",
        '●' => "+",
        '○' => "o",
        '◐' => "/",
        '◓' => "-",
        '◑' => "\\",
        '◒' => "|",
        '✗' => "x",
        '▌' | '›' | '→' | '▸' | '▶' => ">",
        '←' | '‹' => "<",
        '↑' => "^",
        '↓' => "v",
        '┷' => "^",
        '‖' => "=",
        '…' => "~",
        '·' => "-",
        '•' => "*",
        '█' => "#",
        '▁' => "_",
        '▂' | '▃' | '▄' => ".",
        '▅' | '▆' | '▇' => ":",
        '“' | '”' => "\"",
        '‘' | '’' => "'",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    const ASCII: Look = Look {
        color: true,
        ascii: true,
    };

    #[test]
    fn in_ascii_keys_are_spelled_and_what_is_heavy_stays_so() {
        assert_eq!(spelled("j ↓ Ctrl-n", ASCII), "j Down Ctrl-n");
        assert_eq!(spelled("↑↓", ASCII), "Up/Down");
        assert_eq!(spelled("←/→", ASCII), "Left/Right");
        assert_eq!(spelled("↓", Look { ascii: false, ..ASCII }), "↓");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 2));
        buffer.set_string(0, 0, "Opening x …   …/path prod-po…", PLAIN);
        buffer.set_string(0, 1, "┏━ PROD ┓┌─ x ┐", PLAIN);
        adapt(&mut buffer, ASCII);
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text.trim_end(), "Opening x ... ~/path prod-po~ #= PROD #+- x +");
    }

    #[test]
    fn ascii_and_no_color_leave_nothing_else() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "● ok ▌│┏é日", PROD);
        adapt(
            &mut buffer,
            Look {
                color: false,
                ascii: true,
            },
        );
        for cell in buffer.content() {
            assert!(cell.symbol().is_ascii());
            assert_eq!(cell.fg, Color::Reset);
        }
        assert!(buffer.content()[0].modifier.contains(Modifier::BOLD));
        assert_eq!(buffer.content()[0].symbol(), "+");
    }
}
