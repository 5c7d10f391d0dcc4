//! What the engine's cells say, in words of our own.

use alacritty_terminal::grid::{GridCell as _, Row};
use alacritty_terminal::index::Column;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi;

use super::scrollback::Scrollback;
use super::{CellStyle, Color};

pub(super) fn style(cell: &Cell) -> CellStyle {
    CellStyle {
        foreground: color(cell.fg),
        background: color(cell.bg),
        underline_color: cell.underline_color().map_or(Color::Default, color),
        bold: cell.flags.contains(Flags::BOLD),
        dim: cell.flags.contains(Flags::DIM),
        italic: cell.flags.contains(Flags::ITALIC),
        underline: cell.flags.intersects(Flags::ALL_UNDERLINES),
        reverse: cell.flags.contains(Flags::INVERSE),
        strike: cell.flags.contains(Flags::STRIKEOUT),
    }
}

fn color(color: ansi::Color) -> Color {
    match color {
        ansi::Color::Indexed(index) => Color::Indexed(index),
        ansi::Color::Spec(rgb) => Color::Rgb(rgb.r, rgb.g, rgb.b),
        // The first sixteen are the palette's; the dim ones and the two defaults never come from a stream.
        ansi::Color::Named(name) => u8::try_from(name as usize)
            .ok()
            .filter(|index| *index < 16)
            .map_or(Color::Default, Color::Indexed),
    }
}

/// The text of a cell as ratatui must see it: as wide as the cell, whatever marks are piled on it.
fn cell_text(cell: &Cell, wide: bool, out: &mut String) {
    out.clear();
    // A tab leaves itself in its first cell.
    if cell.c.is_control() {
        out.push(' ');
        return;
    }
    out.push(cell.c);
    let Some(marks) = cell.zerowidth() else { return };
    let bare = out.len();
    out.extend(marks);
    let width = if wide { 2 } else { 1 };
    if unicode_width::UnicodeWidthStr::width(out.as_str()) != width {
        out.truncate(bare);
    }
}

/// Visits these cells of a row, but no second half of a wide character: column, text, look, whether it is concealed. `text` is a place to work in.
pub(super) fn visit(cells: &[Cell], text: &mut String, visit: &mut dyn FnMut(u16, &str, CellStyle, bool)) {
    let mut column = 0;
    while let Some(cell) = cells.get(column) {
        let at = u16::try_from(column).unwrap_or(u16::MAX);
        let (style, concealed) = (style(cell), cell.flags.contains(Flags::HIDDEN));
        let spacer = cells
            .get(column + 1)
            .is_some_and(|next| next.flags.contains(Flags::WIDE_CHAR_SPACER));
        column += 1;
        // Only a wide character that has both its halves is drawn wide: half of one is a blank.
        if cell.flags.contains(Flags::WIDE_CHAR) && spacer {
            cell_text(cell, true, text);
            visit(at, text, style, concealed);
            column += 1;
        } else if cell.flags.intersects(Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER) {
            visit(at, " ", style, concealed);
        } else {
            cell_text(cell, false, text);
            visit(at, text, style, concealed);
        }
    }
}

/// Where a row goes on in the next one: how many of its columns hold text, all but one that a wide character found no room in.
pub(super) fn wraps_after(row: &Row<Cell>) -> Option<usize> {
    let last = row.len().checked_sub(1)?;
    let flags = row[Column(last)].flags;
    let unused = usize::from(flags.contains(Flags::LEADING_WIDE_CHAR_SPACER));
    flags.contains(Flags::WRAPLINE).then_some(last + 1 - unused)
}

/// The cells of a row that show something: all but the blank ones at its end.
pub(super) fn shown(row: &Row<Cell>) -> &[Cell] {
    let last = row[..].iter().rposition(|cell| !is_blank(cell));
    &row[..Column(last.map_or(0, |last| last + 1))]
}

/// Keeps a row, which another one follows, as text. `work` is a place to work in.
pub(super) fn keep(row: &Row<Cell>, next: &Row<Cell>, scrollback: &mut Scrollback, work: &mut Vec<u8>) {
    // Where the wide character has been overwritten that found no room in this row, the column that it left is a blank like others.
    let waits = next[Column(0)].flags.contains(Flags::WIDE_CHAR);
    let wraps = wraps_after(row).map(|columns| if waits { columns } else { row.len() });
    match wraps {
        Some(columns) => keep_cells(&row[..Column(columns)], scrollback, work),
        None => keep_whole(&row[..], scrollback, work),
    }
}

/// Keeps the cells of a row that ends with it, all of its cells that are not blank.
pub(super) fn keep_whole(cells: &[Cell], scrollback: &mut Scrollback, work: &mut Vec<u8>) {
    let last = cells.iter().rposition(|cell| !is_blank(cell));
    keep_cells(&cells[..last.map_or(0, |last| last + 1)], scrollback, work);
    scrollback.end_line(false);
}

fn keep_cells(cells: &[Cell], scrollback: &mut Scrollback, work: &mut Vec<u8>) {
    let mut rest = cells;
    if rest.is_empty() {
        // What wraps into nothing has ended, and the empty row stays one.
        scrollback.end_pending();
    }
    // Most rows are letters in long runs of one look.
    while let Some((first, _)) = rest.split_first() {
        let letters = letters(rest, first, work);
        if let Some(text) = std::str::from_utf8(letters).ok().filter(|text| !text.is_empty()) {
            scrollback.put(text, style(first), first.flags.contains(Flags::HIDDEN));
            rest = &rest[text.len()..];
        } else {
            let next = rest.iter().position(is_letter).unwrap_or(rest.len());
            visit(&rest[..next], &mut String::new(), &mut |_, glyph, style, concealed| {
                scrollback.put(glyph, style, concealed);
            });
            rest = &rest[next..];
        }
    }
}

/// Whether a cell at the end of a row is nothing to keep. Most of a long row is looked at here, so what is usual is asked first and simply.
#[inline]
fn is_blank(cell: &Cell) -> bool {
    let usual = (cell.c == ' ') & cell.flags.is_empty() & cell.extra.is_none();
    (usual && matches!(cell.bg, ansi::Color::Named(ansi::NamedColor::Background))) || cell.is_empty()
}

/// The characters of the first cells that are letters and look like the first one.
fn letters<'a>(cells: &[Cell], first: &Cell, work: &'a mut Vec<u8>) -> &'a [u8] {
    work.resize(work.len().max(cells.len()), 0);
    let mut count = 0;
    if is_letter(first) {
        let (fg, bg, flags) = (first.fg, first.bg, first.flags);
        for (cell, byte) in cells.iter().zip(work.iter_mut()) {
            let alike = matches!(cell.c, ' '..='~') & (cell.flags == flags) & cell.extra.is_none();
            if !alike || cell.fg != fg || cell.bg != bg {
                break;
            }
            *byte = cell.c as u8;
            count += 1;
        }
    }
    &work[..count]
}

/// Whether a cell is one printable character of ASCII and nothing else.
fn is_letter(cell: &Cell) -> bool {
    let half = cell.flags.intersects(Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER);
    matches!(cell.c, ' '..='~') && cell.extra.is_none() && !half
}
