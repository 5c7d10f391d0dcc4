//! The state of a screen, taken while it is drawn and made into an emulator again later: what seeking in a recording starts from.

use alacritty_terminal::grid::{Cursor, Dimensions as _, Grid};
use alacritty_terminal::index::Column;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{
    CharsetIndex, Handler, Mode, NamedMode, NamedPrivateMode, Processor, TabulationClearMode,
};

use super::adapter::Adapter;
use super::scrollback::Scrollback;
use super::{Emulator, SoftReset};

/// Everything that later output is drawn on or by. What only concerns input (mouse, keypad, keyboard) and the title are not in it.
pub struct Keyframe {
    shown: Grid<Cell>,
    hidden: Hidden,
    modes: TermMode,
    charset: CharsetIndex,
    /// First and last line of the scrolling region.
    margins: (i32, i32),
    column_mode: bool,
    saved_main: Option<Cursor<Cell>>,
    saved_origin: [bool; 2],
    /// Columns of the tabulator stops.
    stops: Vec<usize>,
    printed: Option<char>,
    scrollback: Scrollback,
    most_lines: usize,
    most_bytes: usize,
}

/// Columns between two tabulator stops at the start.
const EVERY: usize = 8;

/// The screen that is not shown.
enum Hidden {
    Main(Grid<Cell>),
    /// Entering it clears it; only what DECSC saved there lasts.
    Alternate(Cursor<Cell>),
}

/// Takes a stream and does nothing with it.
struct Nobody;

impl Handler for Nobody {}

impl Keyframe {
    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let cells = |grid: &Grid<Cell>| grid.total_lines() * grid.columns();
        let hidden = match &self.hidden {
            Hidden::Main(grid) => cells(grid),
            Hidden::Alternate(_) => 0,
        };
        (cells(&self.shown) + hidden) * size_of::<Cell>() + self.scrollback.bytes()
    }
}

impl Emulator {
    /// Takes the state of now. The parser's own is not in it: none while a sequence, a character or a synchronized update is under way.
    pub fn keyframe(&mut self) -> Option<Keyframe> {
        if !self.stands_between() {
            return None;
        }
        let adapter = &mut self.adapter;
        let term = &mut adapter.term;
        let modes = *term.mode();
        let shown = term.grid().clone();
        // Swapping the screens clears the alternate one, so what is shown is put back afterwards.
        term.swap_alt();
        let hidden = if modes.contains(TermMode::ALT_SCREEN) {
            Hidden::Main(term.grid().clone())
        } else {
            Hidden::Alternate(term.grid().saved_cursor.clone())
        };
        term.swap_alt();
        *term.grid_mut() = shown.clone();
        Some(Keyframe {
            stops: stops(adapter),
            shown,
            hidden,
            modes,
            charset: adapter.charset,
            margins: adapter.margins,
            column_mode: adapter.column_mode,
            saved_main: adapter.saved_main.clone(),
            saved_origin: adapter.saved_origin,
            printed: adapter.printed,
            scrollback: adapter.scrollback.clone(),
            most_lines: adapter.most_lines,
            most_bytes: adapter.most_bytes,
        })
    }

    /// An emulator that goes on from there.
    pub fn from_keyframe(keyframe: &Keyframe) -> Self {
        let size = super::Size {
            columns: u16::try_from(keyframe.shown.columns()).unwrap_or(u16::MAX),
            rows: u16::try_from(keyframe.shown.screen_lines()).unwrap_or(u16::MAX),
        };
        let mut adapter = Adapter::new(size, keyframe.most_lines, keyframe.most_bytes);
        adapter.scrollback = keyframe.scrollback.clone();
        let modes = keyframe.modes;
        let private = [
            (TermMode::SHOW_CURSOR, NamedPrivateMode::ShowCursor),
            (TermMode::LINE_WRAP, NamedPrivateMode::LineWrap),
            (TermMode::ORIGIN, NamedPrivateMode::Origin),
        ];
        // Some of these move the cursor, so they come before it.
        for (flag, mode) in private {
            if modes.contains(flag) {
                adapter.set_private_mode(mode.into());
            } else {
                adapter.unset_private_mode(mode.into());
            }
        }
        let ansi = [
            (TermMode::INSERT, NamedMode::Insert),
            (TermMode::LINE_FEED_NEW_LINE, NamedMode::LineFeedNewLine),
        ];
        for (flag, mode) in ansi {
            if modes.contains(flag) {
                adapter.set_mode(Mode::Named(mode));
            }
        }
        adapter.set_active_charset(keyframe.charset);
        adapter.clear_tabs(TabulationClearMode::All);
        for stop in &keyframe.stops {
            adapter.term.grid_mut().cursor.point.column = Column(*stop);
            adapter.set_horizontal_tabstop();
        }
        let (top, bottom) = keyframe.margins;
        let line = |line: i32| usize::try_from(line + 1).unwrap_or(1);
        adapter.set_scrolling_region(line(top), Some(line(bottom)));
        adapter.margins = keyframe.margins;
        adapter.column_mode = keyframe.column_mode;
        adapter.saved_main.clone_from(&keyframe.saved_main);
        adapter.saved_origin = keyframe.saved_origin;
        adapter.printed = keyframe.printed;
        match &keyframe.hidden {
            Hidden::Main(grid) => {
                *adapter.term.grid_mut() = grid.clone();
                adapter.term.swap_alt();
            }
            Hidden::Alternate(saved) => {
                adapter.term.swap_alt();
                adapter.term.grid_mut().saved_cursor = saved.clone();
                adapter.term.swap_alt();
            }
        }
        *adapter.term.grid_mut() = keyframe.shown.clone();
        let mut parser = Processor::new();
        if let Some(c) = keyframe.printed {
            // REP repeats it, and only the parser remembers it.
            parser.advance(&mut Nobody, c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Self {
            adapter,
            parser,
            soft_reset: SoftReset::default(),
            long_command: super::long_command::LongCommand::default(),
            boundary: super::Boundary::default(),
            characters: crate::domain::characters::Characters::default(),
            scrolled: 0,
        }
    }
}

/// Where the tabulator stops are: the library keeps them to itself, so the cursor visits them.
fn stops(adapter: &mut Adapter) -> Vec<usize> {
    let last = adapter.term.columns() - 1;
    let before = adapter.term.grid().cursor.point.column;
    let mut stops = Vec::new();
    // Backwards, the first column stops nothing unless it is a stop; forwards, the last one does in any case, so what it is shows nowhere
    // but in a screen made wider later: there it is taken for what it is at the start.
    adapter.term.grid_mut().cursor.point.column = Column(1);
    adapter.move_backward_tabs(1);
    if adapter.term.grid().cursor.point.column == 0 {
        stops.push(0);
    }
    adapter.term.grid_mut().cursor.point.column = Column(0);
    loop {
        adapter.move_forward_tabs(1);
        let column = adapter.term.grid().cursor.point.column.0;
        if column >= last {
            break;
        }
        stops.push(column);
    }
    if last.is_multiple_of(EVERY) {
        stops.push(last);
    }
    adapter.term.grid_mut().cursor.point.column = before;
    stops
}
