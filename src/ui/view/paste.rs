//! The question before a paste that could do harm: how much it is, how it begins.

use std::sync::PoisonError;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::dialogs::{answers, put_answers};
use super::{dialog_box, put};
use crate::ui::model::Tab;
use crate::ui::{text, theme};

/// Lines of the paste that are shown.
const SHOWN: usize = 6;
/// Rows of the dialog that show none of it: frame, what it is, blanks, the answers.
const AROUND: usize = 7;

/// `masked`: what is pasted, without the session's values.
pub(super) fn draw(tab: &Tab, pasted: &str, masked: &str, paste: bool, buf: &mut Buffer, area: Rect) {
    let count = lines(pasted).len();
    let rows = count.min(SHOWN + 1);
    let rows = rows.min(usize::from(area.height).saturating_sub(AROUND));
    let shown = if count <= rows.min(SHOWN) {
        count
    } else {
        rows.saturating_sub(1)
    };
    let more = count - shown;
    let height = u16::try_from(rows + AROUND).unwrap_or(u16::MAX);
    let size = match count {
        1 => "1 line".to_owned(),
        n => format!("{n} lines"),
    };
    let place = format!("{} {}", tab.label, tab.role);
    let title = format!("Paste {size} into {}?", place.trim_start());
    let footer = "Enter takes the marked answer · Esc pastes nothing";
    let inside = dialog_box(buf, area, &title, footer, (72, height), tab.prod);
    let width = usize::from(inside.width).saturating_sub(2);
    let emulator = tab.emulator.lock().unwrap_or_else(PoisonError::into_inner);
    let harm = if emulator.modes().bracketed_paste {
        "the program is told that it is a paste."
    } else if pasted.contains(['\n', '\r']) {
        "the program takes each line break as an Enter."
    } else if pasted.contains(|c: char| c.is_control() && c != '\t') {
        "the program takes its control characters as keys."
    } else {
        "there is no line break in it."
    };
    drop(emulator);
    put(
        buf,
        inside,
        0,
        Line::raw(format!(" {}", text::cut(&format!("{} B; {harm}", pasted.len()), width))),
    );
    for (y, line) in lines(masked).iter().take(shown).enumerate() {
        let number = Span::styled(format!(" {:>3} ", y + 1), theme::QUIET);
        let line = Line::from(vec![number, Span::raw(text::cut(line, width.saturating_sub(5)))]);
        put(buf, inside, y + 2, line);
    }
    if more > 0 && rows > 0 {
        let words = format!("     … {more} more");
        put(buf, inside, shown + 2, Line::styled(words, theme::QUIET));
    }
    put_answers(buf, inside, rows + 3, answers("Do not paste", "Paste it (P)", paste));
}

/// The lines as the program would see them: terminals send a carriage return for a line break.
fn lines(text: &str) -> Vec<&str> {
    let text = text.strip_suffix('\n').or(text.strip_suffix('\r')).unwrap_or(text);
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn line_breaks_of_every_kind_count_once() {
        assert_eq!(lines("a\nb\r\nc\rd\n"), ["a", "b", "c", "d"]);
        assert_eq!(lines("\na"), ["", "a"], "a leading line break is an Enter as well");
        assert_eq!(lines("a"), ["a"]);
    }
}
