//! The screen of a child: what its output has drawn. Knows no process, no window and no ratatui.

/// Size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    #[default]
    Default,
    /// One of the 256 of the palette; 0 to 15 are the terminal's own.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// How one cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellStyle {
    pub foreground: Color,
    pub background: Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reverse: bool,
    pub strike: bool,
}

/// What the child asked of the terminal that changes how keys and the mouse are sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    pub application_cursor: bool,
    pub application_keypad: bool,
    pub bracketed_paste: bool,
    pub focus_events: bool,
    pub alternate_screen: bool,
    pub mouse: bool,
    pub sgr_mouse: bool,
    /// The kitty keyboard flags that the child pushed; 0 for none.
    pub kitty_flags: u8,
}

/// A terminal without a window.
pub struct Emulator {
    size: Size,
}

impl Emulator {
    pub fn new(size: Size, _scrollback_lines: usize) -> Self {
        Self { size }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Takes (already redacted) output of the child.
    pub fn feed(&mut self, _bytes: &[u8]) {}

    /// What the terminal answers to the child's queries since the last call.
    pub fn take_replies(&mut self) -> Vec<u8> {
        Vec::new()
    }

    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Column and row of the cursor, from 0; none while hidden or scrolled away.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        None
    }

    pub fn modes(&self) -> Modes {
        Modes::default()
    }

    /// The title the child set, without control characters, at most 80 columns.
    pub fn title(&self) -> Option<&str> {
        None
    }

    /// Whether the bell rang since the last call.
    pub fn take_bell(&mut self) -> bool {
        false
    }

    /// Scrolls the view into the scrollback by this many lines (positive is back in time), clamped.
    pub fn scroll(&mut self, _lines: i32) {}

    /// How many lines the view is scrolled back; 0 is live.
    pub fn scrolled(&self) -> usize {
        0
    }

    /// Visits every visible cell that is not the second half of a wide character: column, row, its text (one grapheme), its look.
    pub fn visit(&self, _cell: &mut dyn FnMut(u16, u16, &str, CellStyle)) {}

    /// The text of a visible row without trailing blanks.
    pub fn row_text(&self, _row: u16) -> String {
        String::new()
    }
}
