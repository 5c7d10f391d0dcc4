//! The terminal we run in: taken over at the start, given back on every way out.

use std::io::{self, BufWriter, Stdout, Write as _, stdout};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossterm::cursor::SetCursorStyle;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::session::emulator;
use crate::ui::model::Model;
use crate::ui::view;

/// Whether the terminal is ours right now: the panic hook and the guard must not restore it twice.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse is captured while it is.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours; gives it back when dropped.
pub(super) struct Screen {
    /// Never dropped: its own clean-up, which ours makes superfluous, prints an error where the terminal is gone, and panics over that.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    /// What is drawn on.
    area: Rect,
    title: String,
    cursor: SetCursorStyle,
}

impl Screen {
    pub(super) fn take(mouse: bool) -> Result<Self, Problem> {
        restore_on_panic();
        MOUSE.store(mouse, Ordering::Relaxed);
        enter().map_err(no_terminal)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, stdout()));
        let made = backend.size().and_then(|size| {
            let area = drawn(size);
            // Not the library's full screen: that is as large as the terminal says, whatever that takes.
            let viewport = Viewport::Fixed(area);
            Ok((area, Terminal::with_options(backend, TerminalOptions { viewport })?))
        });
        let (area, terminal) = made.map_err(|error| {
            give_back();
            no_terminal(error)
        })?;
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
            area,
            title: String::new(),
            cursor: SetCursorStyle::DefaultUserShape,
        })
    }

    /// Columns and rows that are drawn on.
    pub(super) fn size(&self) -> Result<(u16, u16), Problem> {
        let area = drawn(self.terminal.size().map_err(no_terminal)?);
        Ok((area.width, area.height))
    }

    pub(super) fn draw(&mut self, model: &Model) -> Result<(), Problem> {
        let title = view::window_title(model);
        if title != self.title {
            execute!(stdout(), SetTitle(&title)).map_err(no_terminal)?;
            self.title = title;
        }
        let cursor = view::cursor_style(model);
        if cursor != self.cursor {
            queue!(self.terminal.backend_mut(), cursor).map_err(no_terminal)?;
            self.cursor = cursor;
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate).map_err(no_terminal)?;
        if drawn(self.terminal.size().map_err(no_terminal)?) != self.area {
            self.forget()?;
        }
        self.terminal
            .draw(|frame| view::draw(model, frame))
            .map_err(no_terminal)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate).map_err(no_terminal)
    }

    /// Forgets what is on the screen, so that the next picture is drawn whole.
    pub(super) fn forget(&mut self) -> Result<(), Problem> {
        // `Terminal::clear` asks the terminal for the cursor's place and waits for the answer on the input that we read.
        self.area = drawn(self.terminal.size().map_err(no_terminal)?);
        self.terminal.resize(self.area).map_err(no_terminal)
    }

    /// Gives the terminal back, runs something in it, and takes it again.
    pub(super) fn lend<T>(&mut self, during: impl FnOnce() -> T) -> Result<T, Problem> {
        give_back();
        let done = during();
        enter().map_err(no_terminal)?;
        self.title.clear();
        self.cursor = SetCursorStyle::DefaultUserShape;
        self.forget()?;
        Ok(done)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// What of a terminal is drawn on: a huge one is not filled, each cell takes memory.
fn drawn(terminal: Size) -> Rect {
    let most = emulator::Size::MOST;
    let size = Size::new(terminal.width.min(most.columns), terminal.height.min(most.rows));
    Rect::from((Position::ORIGIN, size))
}

/// The same for a size that the terminal has told: columns and rows.
pub(super) fn drawn_size(columns: u16, rows: u16) -> (u16, u16) {
    let area = drawn(Size::new(columns, rows));
    (area.width, area.height)
}

fn no_terminal(_: io::Error) -> Problem {
    Problem::new(&catalogue::TTY_REQUIRED, "the terminal cannot be used")
}

/// Pushes the window's title on the terminal's stack, and pops it.
const KEEP_TITLE: &str = "\x1b[22;0t";
const RESTORE_TITLE: &str = "\x1b[23;0t";

/// What is asked of a terminal that speaks the kitty protocol, of its alternate screen; others ignore it. Escape and Ctrl-i come as what they
/// are, and with Shift the character that it makes. Not the releases of keys: no child is promised them.
const KEYBOARD: KeyboardEnhancementFlags =
    KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES.union(KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS);

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let entered = execute!(
        stdout(),
        Print(KEEP_TITLE),
        EnterAlternateScreen,
        PushKeyboardEnhancementFlags(KEYBOARD),
        EnableBracketedPaste,
        EnableFocusChange
    );
    if MOUSE.load(Ordering::Relaxed) {
        execute!(stdout(), EnableMouseCapture)?;
    }
    entered.inspect_err(|_| give_back())
}

/// Everything that `enter` did, the other way round. Safe to call at any time, any number of times.
pub(super) fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // One failing does not keep the others from being tried: a terminal left raw is worse than anything else.
    let _ = execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        PopKeyboardEnhancementFlags,
        LeaveAlternateScreen,
        Print(RESTORE_TITLE),
        SetCursorStyle::DefaultUserShape,
        cursor::Show
    );
    let _ = disable_raw_mode();
    say_unsaid();
}

/// What threads that died had to say while the terminal was ours.
static UNSAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// More of it is not kept.
const MOST_UNSAID: usize = 8;

/// The terminal is restored before a panic's message is printed, or nobody could read it. For the thread alone that draws, which is this
/// one: where another one dies the drawing goes on, and its message waits for the end.
fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let draws = std::thread::current().id();
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == draws {
                give_back();
            }
            if !TAKEN.load(Ordering::SeqCst) {
                return report(info);
            }
            let mut unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner);
            if unsaid.len() < MOST_UNSAID {
                unsaid.push(info.to_string());
            }
        }));
    });
}

fn say_unsaid() {
    let unsaid = std::mem::take(&mut *UNSAID.lock().unwrap_or_else(PoisonError::into_inner));
    for words in unsaid {
        // Nobody hears it where that fails, and there is no other way.
        let _ = writeln!(io::stderr(), "hallpass: a thread {words}");
    }
}

pub(super) fn set_mouse(on: bool) {
    MOUSE.store(on, Ordering::Relaxed);
    let _ = if on {
        execute!(stdout(), EnableMouseCapture)
    } else {
        execute!(stdout(), DisableMouseCapture)
    };
}

/// Sends a sequence to the terminal, whole. Between two pictures only.
pub(super) fn write(sequence: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(sequence.as_bytes())?;
    out.flush()
}

/// Rings the terminal's bell.
pub(super) fn ring() {
    // Nothing depends on its being heard.
    let _ = execute!(stdout(), Print('\x07'));
}
