//! Every key of the user interface, once: the table that drives dispatch, the hints on the last row and the help.

mod chord;

use std::sync::LazyLock;

pub use self::chord::Chord;
use crate::ui::copy_mode::{Motion, Shape};

/// Where a key means something. Several apply at once: the screen's own, then `List`, then `Panes` where there are any, then `Global`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    Global,
    List,
    /// A list with the detail of its selected row.
    Panes,
    Roles,
    Providers,
    Sessions,
    /// After the prefix key in a session.
    Prefix,
    /// Copy mode, and the keys on which vi and emacs do not agree.
    Copy,
    CopyVi,
    CopyEmacs,
    /// The bar under a session that has ended.
    Ended,
    /// A recording is played.
    Replay,
    Failure,
}

impl Context {
    /// All of them with their heading in the help.
    pub const ALL: &[(Self, &str)] = &[
        (Self::List, "MOVE AND FILTER"),
        (Self::Panes, "LIST AND DETAIL"),
        (Self::Global, "EVERYWHERE"),
        (Self::Prefix, "IN A SESSION (after the prefix)"),
        (Self::Ended, "AFTER A SESSION ENDED"),
        (Self::Roles, "ACT ON ROLE"),
        (Self::Providers, "ACT ON PROVIDER"),
        (Self::Sessions, "SESSIONS"),
        (Self::Failure, "WHEN SOMETHING FAILED"),
        (Self::Copy, "IN COPY MODE"),
        (Self::CopyVi, "IN COPY MODE, copy_keys = vi"),
        (Self::CopyEmacs, "IN COPY MODE, copy_keys = emacs"),
        (Self::Replay, "WATCHING A RECORDING"),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Help,
    Palette,
    ShowRoles,
    ShowProviders,
    ShowSessions,
    Back,
    Cancel,
    Interrupt,
    Suspend,
    Redraw,
    Down,
    Up,
    First,
    Last,
    HalfPageDown,
    HalfPageUp,
    PageDown,
    PageUp,
    NextMatch,
    PreviousMatch,
    Filter,
    FocusNext,
    FocusList,
    FocusDetail,
    Open,
    OpenBehind,
    SortNext,
    SortReverse,
    CopyCommand,
    Info,
    CheckOne,
    CheckAll,
    LogIn,
    Doctor,
    Edit,
    ReloadConfig,
    CopyReport,
    Retry,
    Tab(u8),
    NextTab,
    PreviousTab,
    LastTab,
    TabList,
    NewSession,
    CloseSession,
    Reconnect,
    CopyScreen,
    ToggleFrame,
    ToggleMouse,
    SessionInfo,
    ScrollUp,
    ScrollDown,
    Replay,
    PlayPause,
    /// By this many seconds.
    Seek(i8),
    /// The next one, else the one before.
    Frame(bool),
    ToMark(bool),
    /// Of the whole.
    Tenth(u8),
    Slower,
    Faster,
    CutIdle,
    Search,
    Transcript,
    /// To the right and down, in halves of the window.
    Pan(i8, i8),
    PanFollow,
    CopyMode,
    SearchScrollback,
    Move(Motion),
    Select(Shape),
    OtherEnd,
    CopySelection,
    SearchForward,
    SearchBackward,
}

/// One row of the table.
pub struct Binding {
    pub context: Context,
    /// The first one is the one that hints show.
    pub keys: &'static [&'static str],
    pub action: Action,
    /// The name in the palette.
    pub name: &'static str,
    pub help: &'static str,
    /// One word for the last row; for a key after the prefix, the words in their menu, which has two columns: `&` where it stands with
    /// the key above. Empty where the key is not shown there.
    pub hint: &'static str,
}

macro_rules! keymap {
    ($( $context:ident { $( [$($key:literal),+] $action:expr, $name:literal, $help:literal, $hint:literal; )* } )*) => {
        /// The whole keymap. Within one context, hints appear in this order.
        pub static KEYMAP: &[Binding] = &[$($(
            Binding { context: Context::$context, keys: &[$($key),+], action: $action, name: $name, help: $help, hint: $hint },
        )*)*];
    };
}

keymap! {
    Roles {
        ["enter"] Action::Open, "connect", "connect", "connect";
        ["o"] Action::OpenBehind, "open.behind", "connect, stay in the list", "";
        ["c"] Action::CheckOne, "check", "check this role now", "check";
        ["C"] Action::CheckAll, "check.all", "check all roles", "";
        ["e"] Action::Edit, "edit", "edit in $EDITOR", "";
        ["y"] Action::CopyCommand, "copy.command", "copy the CLI command", "copy";
        ["i"] Action::Info, "info", "detail on the whole screen", "";
        ["s"] Action::SortNext, "sort", "next order: name, env, status", "sort";
        ["S"] Action::SortReverse, "sort.reverse", "reverse the order", "";
    }
    Providers {
        ["enter"] Action::Open, "provider.roles", "show the roles that use it", "roles using it";
        ["c"] Action::CheckOne, "provider.check", "probe this provider now", "check";
        ["C"] Action::CheckAll, "provider.check.all", "probe all providers", "check all";
        ["a"] Action::LogIn, "provider.login", "log in, where a person must", "log in";
        ["y"] Action::CopyReport, "provider.copy", "copy a report, no values", "copy report";
        ["e"] Action::Edit, "provider.edit", "edit its configuration", "edit config";
        ["d"] Action::Doctor, "provider.doctor", "what stands in its way: doctor", "doctor";
    }
    Sessions {
        ["enter"] Action::Open, "session.show", "go to the session", "show";
        ["x"] Action::CloseSession, "session.end", "close the session (asks)", "close";
    }
    List {
        ["/"] Action::Filter, "filter", "filter", "filter";
        ["j", "down", "ctrl-n"] Action::Down, "down", "down", "";
        ["k", "up", "ctrl-p"] Action::Up, "up", "up", "";
        ["g", "home"] Action::First, "first", "first", "";
        ["G", "end"] Action::Last, "last", "last", "";
        ["ctrl-d"] Action::HalfPageDown, "half-page.down", "half a page down", "";
        ["ctrl-u"] Action::HalfPageUp, "half-page.up", "half a page up", "";
        ["pgdn", "ctrl-f"] Action::PageDown, "page.down", "a page down", "";
        ["pgup", "ctrl-b"] Action::PageUp, "page.up", "a page up", "";
        ["n"] Action::NextMatch, "match.next", "next match", "";
        ["N"] Action::PreviousMatch, "match.previous", "previous match", "";
    }
    Panes {
        ["tab", "shift-tab"] Action::FocusNext, "pane.next", "the other pane", "detail";
        ["h", "left"] Action::FocusList, "pane.list", "to the list", "";
        ["l", "right"] Action::FocusDetail, "pane.detail", "to the detail; twice: wider", "";
    }
    Global {
        ["1"] Action::ShowRoles, "roles", "roles", "";
        ["2"] Action::ShowProviders, "providers", "providers", "";
        ["3"] Action::ShowSessions, "sessions", "sessions", "";
        [":"] Action::Palette, "palette", "command palette", "palette";
        ["?", "f1"] Action::Help, "help", "this help", "help";
        ["R"] Action::ReloadConfig, "reload", "read the configuration again", "";
        ["esc"] Action::Cancel, "cancel", "close, clear, cancel", "";
        ["q"] Action::Back, "quit", "back; at the top: quit", "quit";
        ["ctrl-c"] Action::Interrupt, "interrupt", "cancel what runs; twice: quit", "";
        ["ctrl-z"] Action::Suspend, "suspend", "suspend; sessions keep running", "";
        ["ctrl-l"] Action::Redraw, "redraw", "draw everything again", "";
    }
    Prefix {
        ["1"] Action::Tab(1), "tab.1", "go to tab 1; 2 to 9 likewise", "go to tab";
        ["2"] Action::Tab(2), "tab.2", "", "&";
        ["3"] Action::Tab(3), "tab.3", "", "&";
        ["4"] Action::Tab(4), "tab.4", "", "&";
        ["5"] Action::Tab(5), "tab.5", "", "&";
        ["6"] Action::Tab(6), "tab.6", "", "&";
        ["7"] Action::Tab(7), "tab.7", "", "&";
        ["8"] Action::Tab(8), "tab.8", "", "&";
        ["9"] Action::Tab(9), "tab.9", "", "&";
        ["n"] Action::NextTab, "tab.next", "next tab", "next / previous tab";
        ["p"] Action::PreviousTab, "tab.previous", "previous tab", "&";
        ["\\"] Action::LastTab, "tab.last", "last tab", "last tab";
        ["r"] Action::ShowRoles, "session.roles", "roles (keep running)", "roles (keep running)";
        ["c"] Action::NewSession, "session.new", "new session …", "new session …";
        ["w"] Action::TabList, "tab.list", "list of all tabs", "list of tabs …";
        ["z"] Action::ToggleFrame, "frame", "hide / show the frame", "hide/show chrome";
        ["?"] Action::Help, "session.help", "all keys", "all keys";
        ["["] Action::CopyMode, "copy-mode", "scroll / copy mode", "scroll / copy mode";
        ["/"] Action::SearchScrollback, "scrollback.search", "search scrollback", "search scrollback";
        ["pgup"] Action::ScrollUp, "scroll.up", "scroll back", "";
        ["pgdn", "]"] Action::ScrollDown, "scroll.down", "scroll forward", "";
        ["m"] Action::ToggleMouse, "mouse", "mouse on / off", "mouse: app / select";
        ["y"] Action::CopyScreen, "screen.copy", "copy the screen", "copy screen";
        ["i"] Action::SessionInfo, "session.info", "session info", "session info";
        ["R"] Action::Reconnect, "session.reconnect", "reconnect", "reconnect";
        ["x"] Action::CloseSession, "session.close", "close session …", "close session …";
        [":"] Action::Palette, "session.palette", "command palette", "command palette";
    }
    Copy {
        ["q", "ctrl-c"] Action::Back, "copy.leave", "leave", "leave";
        ["/", "ctrl-s"] Action::SearchForward, "copy.search", "search forward", "search";
        ["?", "ctrl-r"] Action::SearchBackward, "copy.search.back", "search back in time", "";
        ["n"] Action::NextMatch, "copy.match.next", "next match", "";
        ["N"] Action::PreviousMatch, "copy.match.previous", "previous match", "";
        ["v", "ctrl-space"] Action::Select(Shape::Characters), "copy.select", "select; again: no more", "select";
        ["V"] Action::Select(Shape::Lines), "copy.select.lines", "select whole lines", "";
        ["alt-r"] Action::Select(Shape::Block), "copy.select.block", "select a rectangle", "";
        ["o"] Action::OtherEnd, "copy.other-end", "go to the other end", "";
        ["y", "enter", "alt-w"] Action::CopySelection, "copy.copy", "copy, and leave", "copy";
        ["h", "left"] Action::Move(Motion::Left), "copy.left", "left", "";
        ["l", "right"] Action::Move(Motion::Right), "copy.right", "right", "";
        ["k", "up", "ctrl-p"] Action::Move(Motion::Up), "copy.up", "up", "";
        ["j", "down", "ctrl-n"] Action::Move(Motion::Down), "copy.down", "down", "";
        ["w"] Action::Move(Motion::Word), "copy.word", "next word", "";
        ["b", "alt-b"] Action::Move(Motion::WordBack), "copy.word.back", "previous word", "";
        ["e", "alt-f"] Action::Move(Motion::WordEnd), "copy.word.end", "end of the word", "";
        ["0", "home", "ctrl-a"] Action::Move(Motion::LineStart), "copy.line.start", "start of the line", "";
        ["^", "alt-m"] Action::Move(Motion::LineText), "copy.line.text", "first word of the line", "";
        ["$", "end", "ctrl-e"] Action::Move(Motion::LineEnd), "copy.line.end", "end of the line", "";
        ["g", "alt-<"] Action::Move(Motion::Top), "copy.first", "oldest line", "";
        ["G", "alt->"] Action::Move(Motion::Bottom), "copy.last", "newest line", "";
        ["H"] Action::Move(Motion::ViewTop), "copy.view.top", "top of the view", "";
        ["M"] Action::Move(Motion::ViewMiddle), "copy.view.middle", "middle of the view", "";
        ["L"] Action::Move(Motion::ViewBottom), "copy.view.bottom", "bottom of the view", "";
        ["ctrl-u"] Action::Move(Motion::HalfPageUp), "copy.half-page.up", "half a page up", "";
        ["ctrl-d"] Action::Move(Motion::HalfPageDown), "copy.half-page.down", "half a page down", "";
        ["pgup", "alt-v"] Action::Move(Motion::PageUp), "copy.page.up", "a page up", "";
        ["pgdn"] Action::Move(Motion::PageDown), "copy.page.down", "a page down", "";
        ["esc", "ctrl-g"] Action::Cancel, "copy.cancel", "select nothing, leave", "";
    }
    CopyVi {
        ["ctrl-b"] Action::Move(Motion::PageUp), "copy.vi.page.up", "a page up", "";
        ["ctrl-f"] Action::Move(Motion::PageDown), "copy.vi.page.down", "a page down", "";
        ["ctrl-v"] Action::Select(Shape::Block), "copy.vi.block", "select a rectangle", "";
    }
    CopyEmacs {
        ["ctrl-b"] Action::Move(Motion::Left), "copy.emacs.left", "left", "";
        ["ctrl-f"] Action::Move(Motion::Right), "copy.emacs.right", "right", "";
        ["ctrl-v"] Action::Move(Motion::PageDown), "copy.emacs.page.down", "a page down", "";
    }
    Ended {
        ["enter", "q", "esc"] Action::Back, "ended.back", "back", "back";
        ["R"] Action::Reconnect, "ended.reconnect", "run it again", "reconnect";
        ["p"] Action::Replay, "ended.replay", "watch its recording", "replay";
    }
    Replay {
        ["space"] Action::PlayPause, "replay.pause", "play, pause", "pause";
        ["left"] Action::Seek(-5), "replay.back", "back 5 seconds", "5s";
        ["right"] Action::Seek(5), "replay.on", "on 5 seconds", "5s";
        ["shift-left"] Action::Seek(-30), "replay.back-more", "back 30 seconds", "";
        ["shift-right"] Action::Seek(30), "replay.on-more", "on 30 seconds", "";
        [","] Action::Frame(false), "replay.frame.previous", "the picture before", "frame";
        ["."] Action::Frame(true), "replay.frame.next", "the next picture", "frame";
        ["["] Action::ToMark(false), "replay.mark.previous", "the mark before", "mark";
        ["]"] Action::ToMark(true), "replay.mark.next", "the next mark", "mark";
        ["0"] Action::Tenth(0), "replay.tenth.0", "0 to 9: that tenth of the whole", "%";
        ["1"] Action::Tenth(1), "replay.tenth.1", "", "%";
        ["2"] Action::Tenth(2), "replay.tenth.2", "", "%";
        ["3"] Action::Tenth(3), "replay.tenth.3", "", "%";
        ["4"] Action::Tenth(4), "replay.tenth.4", "", "%";
        ["5"] Action::Tenth(5), "replay.tenth.5", "", "%";
        ["6"] Action::Tenth(6), "replay.tenth.6", "", "%";
        ["7"] Action::Tenth(7), "replay.tenth.7", "", "%";
        ["8"] Action::Tenth(8), "replay.tenth.8", "", "%";
        ["9"] Action::Tenth(9), "replay.tenth.9", "", "%";
        ["-"] Action::Slower, "replay.slower", "half as fast", "speed";
        ["+", "="] Action::Faster, "replay.faster", "twice as fast", "speed";
        ["/"] Action::Search, "replay.search", "search in what was shown", "search";
        ["n"] Action::NextMatch, "replay.match.next", "to the next time it was shown", "";
        ["N"] Action::PreviousMatch, "replay.match.previous", "to the time before", "";
        ["i"] Action::CutIdle, "replay.idle", "leave long pauses out, or not", "idle";
        ["t"] Action::Transcript, "replay.text", "plain text of all of it", "text";
        ["g", "home"] Action::First, "replay.first", "to the beginning", "";
        ["G", "end"] Action::Last, "replay.last", "to the end", "";
        ["H"] Action::Pan(-1, 0), "replay.pan.left", "large screen: more on the left", "";
        ["J", "down"] Action::Pan(0, 1), "replay.pan.down", "large screen: more below", "";
        ["K", "up"] Action::Pan(0, -1), "replay.pan.up", "large screen: more above", "";
        ["L"] Action::Pan(1, 0), "replay.pan.right", "large screen: more on the right", "";
        ["c"] Action::PanFollow, "replay.pan.follow", "large screen: follow the cursor", "";
        ["j"] Action::Down, "replay.text.down", "plain text: down", "";
        ["k"] Action::Up, "replay.text.up", "plain text: up", "";
        ["pgdn", "ctrl-f"] Action::PageDown, "replay.text.page-down", "plain text: a page down", "";
        ["pgup", "ctrl-b"] Action::PageUp, "replay.text.page-up", "plain text: a page up", "";
        ["?", "f1"] Action::Help, "replay.help", "all keys", "help";
        ["ctrl-z"] Action::Suspend, "replay.suspend", "suspend", "";
        ["ctrl-l"] Action::Redraw, "replay.redraw", "draw everything again", "";
        ["q", "esc"] Action::Back, "replay.close", "close: text, search, recording", "";
    }
    Failure {
        ["r"] Action::Retry, "failure.retry", "retry", "retry";
        ["a"] Action::LogIn, "failure.login", "log in to its provider", "log in";
        ["c"] Action::CheckOne, "failure.check", "check the role", "check";
        ["d"] Action::Doctor, "failure.doctor", "doctor for its provider", "doctor";
        ["e"] Action::Edit, "failure.edit", "edit the file at the line", "edit";
        ["y"] Action::CopyReport, "failure.copy", "copy the report, no values", "copy report";
        ["j", "down"] Action::Down, "failure.down", "down", "";
        ["k", "up"] Action::Up, "failure.up", "up", "";
        ["esc", "q", "enter"] Action::Cancel, "failure.close", "close", "back to roles";
    }
}

/// The table with its keys parsed.
static PARSED: LazyLock<Vec<(Chord, &'static Binding)>> = LazyLock::new(|| {
    KEYMAP
        .iter()
        .flat_map(|binding| {
            let chords = binding.keys.iter().filter_map(|key| Chord::parse(key));
            chords.map(move |chord| (chord, binding))
        })
        .collect()
});

/// What a key does where these contexts apply, the innermost first.
pub fn action(contexts: &[Context], key: Chord) -> Option<Action> {
    contexts.iter().find_map(|context| {
        PARSED
            .iter()
            .find(|(chord, binding)| binding.context == *context && *chord == key)
            .map(|(_, binding)| binding.action)
    })
}

/// The keys of a binding as the help writes them: `j ↓ Ctrl-n`.
pub fn keys_text(binding: &Binding) -> String {
    let keys: Vec<String> = binding.keys.iter().map(|key| key_text(key)).collect();
    keys.join(" ")
}

/// One key of the table as hints write it.
pub fn key_text(key: &str) -> String {
    Chord::parse(key).map_or_else(|| key.to_owned(), |chord| chord.to_string())
}

/// The whole table, for `hallpass help keys`: a heading and a line a binding.
pub fn as_text() -> String {
    let mut lines = Vec::new();
    for (context, heading) in Context::ALL {
        lines.push(format!("{}{heading}", if lines.is_empty() { "" } else { "\n" }));
        let bindings = KEYMAP.iter().filter(|binding| binding.context == *context);
        let told = bindings.filter(|binding| !binding.help.is_empty());
        lines.extend(told.map(|binding| format!("  {:<24} {}", keys_text(binding), binding.help)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;

    #[test]
    fn every_key_parses_and_none_is_bound_twice() {
        let stacks: &[&[Context]] = &[
            &[Context::Roles, Context::List, Context::Panes, Context::Global],
            &[Context::Providers, Context::List, Context::Global],
            &[Context::Sessions, Context::List, Context::Global],
            &[Context::Prefix],
            &[Context::Copy, Context::CopyVi],
            &[Context::Copy, Context::CopyEmacs],
            &[Context::Ended],
            &[Context::Replay],
            &[Context::Failure],
        ];
        for binding in KEYMAP {
            for key in binding.keys {
                assert!(Chord::parse(key).is_some(), "{key} is not a key");
            }
        }
        for stack in stacks {
            let mut seen: Vec<Chord> = Vec::new();
            for (chord, binding) in PARSED.iter().filter(|(_, b)| stack.contains(&b.context)) {
                assert!(!seen.contains(chord), "{chord} twice, again for {}", binding.name);
                seen.push(*chord);
            }
        }
    }

    #[test]
    fn the_text_has_every_key_and_fits_a_usual_terminal() {
        let text = as_text();
        for binding in KEYMAP.iter().filter(|binding| !binding.help.is_empty()) {
            assert!(text.contains(binding.help), "no `{}`", binding.help);
        }
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "too long: {line}");
        }
    }

    #[test]
    fn every_context_has_a_heading_and_names_are_unique() {
        for (i, binding) in KEYMAP.iter().enumerate() {
            assert!(Context::ALL.iter().any(|(context, _)| *context == binding.context));
            assert!(
                !KEYMAP[..i].iter().any(|other| other.name == binding.name),
                "{} twice",
                binding.name
            );
        }
    }

    #[test]
    fn shift_counts_only_where_the_character_does_not_show_it() {
        let upper = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(action(&[Context::List], Chord::of(upper)), Some(Action::Last));
        let back_tab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(action(&[Context::Panes], Chord::of(back_tab)), Some(Action::FocusNext));
    }
}
