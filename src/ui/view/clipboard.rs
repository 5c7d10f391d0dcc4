//! The question before a program in a session sets the clipboard: who, how much, and how it begins.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::dialogs::put_answers;
use super::sessions::program_name;
use super::{dialog_box, put};
use crate::ui::clipboard::{Answer, amount};
use crate::ui::model::Tab;
use crate::ui::{text, theme};

/// Rows of the text that are shown, and as much of it as can fill them.
const ROWS: usize = 3;
const CHARACTERS: usize = 240;

pub(super) fn draw(tab: &Tab, copied: &str, marked: Answer, buf: &mut Buffer, area: Rect) {
    let footer = "Enter takes the marked answer · Esc refuses";
    let inside = dialog_box(buf, area, "Set your clipboard?", footer, (66, 11), tab.prod);
    let width = usize::from(inside.width).saturating_sub(2);
    let lines = match copied.lines().count() {
        0 | 1 => String::new(),
        lines => format!(", {lines} lines"),
    };
    let size = format!("to {}{lines}:", amount(copied.len()));
    let who = format!("{} in {} wants to set the clipboard", program_name(tab), tab.role);
    put(buf, inside, 1, Line::raw(format!(" {}", text::cut(&who, width))));
    put(buf, inside, 2, Line::raw(format!(" {}", text::cut(&size, width))));
    // What is pasted later is not what a person would guess from a few words: line breaks show.
    let shown: String = copied.replace('\n', "⏎").chars().take(CHARACTERS).collect();
    let mut rows = text::wrap(&shown, width.saturating_sub(2));
    let more = rows.len() > ROWS || copied.chars().count() > CHARACTERS;
    rows.truncate(ROWS);
    if let (true, Some(last)) = (more, rows.last_mut()) {
        *last = text::cut(&format!("{last}…"), width.saturating_sub(2));
    }
    for (at, row) in rows.into_iter().enumerate() {
        put(buf, inside, at + 4, Line::styled(format!("   {row}"), theme::BOLD));
    }
    let mut answers = vec![Span::raw("  ")];
    for (answer, words) in Answer::ALL {
        let style = if *answer == marked {
            theme::SELECTED
        } else {
            theme::PLAIN
        };
        answers.push(Span::styled(format!(" {words} "), style));
        answers.push(Span::raw("   "));
    }
    put_answers(buf, inside, 8, Line::from(answers));
}
