//! The model: everything that the screen shows, in one place. Drawing takes `&Model`; only `update` changes it.

mod again;
mod providers;
mod roles;
mod tabs;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::launch::Request;
use crate::ui::clipboard::Answer as ClipboardAnswer;
use crate::ui::copy_mode::Press;
use crate::ui::input::Input;
use crate::ui::keymap::Chord;
use crate::ui::replay::Replay;
use crate::ui::rows::{provider_rows, role_rows};
use crate::ui::theme::Look;
pub use providers::{ProviderRow, Providers};
pub use roles::{Check, Known, Pane, RoleRow, Roles, RowOf, Sort, Widest};
pub use tabs::{Back, LeaseState, News, Opening, Sessions, Tab, TabLease, TabState};

/// Which screen is in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Roles,
    Providers,
    /// The list of sessions.
    Sessions,
    /// The session of the active tab.
    Session,
}

/// What lies over the screen and takes the keys.
pub enum Dialog {
    Help {
        filter: Input,
        scroll: usize,
    },
    Palette {
        input: Input,
        selected: usize,
    },
    /// Quitting with live sessions; `leave` is the marked answer.
    Quit {
        leave: bool,
    },
    /// Closing one live session.
    Close {
        tab: u64,
        close: bool,
    },
    Failure {
        request: Request,
        problems: Vec<Problem>,
        scroll: usize,
    },
    Passphrase {
        request: Request,
        provider: String,
        input: Zeroizing<String>,
        /// A wrong try, or a store that cannot be opened.
        problem: Option<String>,
        /// The answer to this request is on its way, since then.
        waiting: Option<(u64, Timestamp)>,
    },
    /// The program in a session wants to set the clipboard to this text.
    Clipboard {
        tab: u64,
        text: String,
        answer: ClipboardAnswer,
        since: Timestamp,
    },
    /// All tabs, to go to one of them.
    Tabs {
        filter: Input,
        /// Index into those that the filter leaves.
        selected: usize,
    },
    /// Something to paste that could do harm; `paste` is the marked answer.
    Paste {
        tab: u64,
        text: Zeroizing<String>,
        /// The text without the session's values.
        shown: String,
        paste: bool,
        since: Timestamp,
    },
    /// A text to read: about a session, or a list of configuration problems.
    Text {
        title: String,
        lines: Vec<String>,
        scroll: usize,
        /// The tab that it is about, while that goes on.
        about: Option<u64>,
    },
}

/// One remark on the last row, until the next key or until it has stood there long enough to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub bad: bool,
    /// It says why a session had to end: that stays in front of how it ended.
    pub ends: bool,
    pub since: Timestamp,
}

impl Notice {
    /// Seconds that it stays: what went wrong is often a whole sentence.
    fn stays(&self) -> i64 {
        if self.bad { 12 } else { 5 }
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        now.as_second() - self.since.as_second() >= self.stays()
    }
}

pub struct Model {
    pub config: Arc<Config>,
    /// The terminal: columns and rows.
    pub size: (u16, u16),
    pub now: Timestamp,
    /// Where times of day are shown.
    pub zone: TimeZone,
    /// The names of the variables that hallpass was started with; no values.
    pub variables: Arc<BTreeSet<String>>,
    pub screen: Screen,
    pub dialog: Option<Dialog>,
    pub notice: Option<Notice>,
    pub roles: Roles,
    pub providers: Providers,
    pub sessions: Sessions,
    pub opening: Option<Opening>,
    /// The recording that is played, in front of everything else.
    pub replay: Option<Replay>,
    /// All sessions were told to end; hallpass leaves when they have, with this exit code.
    pub leaving: Option<(Timestamp, i32)>,
    /// The number of the newest asynchronous request; replies of older ones to the same question are dropped.
    pub generation: u64,
    pub next_tab: u64,
    pub interrupted: Option<Timestamp>,
    /// The last click: when, and on which row.
    pub clicked: Option<(Timestamp, usize)>,
    /// The last click on a session.
    pub press: Option<Press>,
    /// The tab whose program was told of a button that went down: it is told of its way and its end, wherever that is.
    pub dragged_in: Option<u64>,
    /// Started for one role alone: leaving its session leaves hallpass.
    pub single: bool,
    pub prefix: Chord,
    /// A second one, which no hint names.
    pub prefix2: Option<Chord>,
    /// The role in whose session we run ourselves.
    pub inside: Option<String>,
    pub mouse: bool,
    pub look: Look,
    /// What a shell starts hallpass by on the same files: `hallpass --profile work`.
    pub program: String,
    /// Set once: the loop ends and the process exits with it.
    pub exit: Option<i32>,
}

impl Model {
    pub fn new(config: Arc<Config>, size: (u16, u16), now: Timestamp, look: Look) -> Self {
        let default_prefix = Chord {
            code: crossterm::event::KeyCode::Char('\\'),
            ctrl: true,
            alt: false,
            shift: false,
        };
        let prefix = Chord::parse_prefix(&config.session.prefix).unwrap_or(default_prefix);
        let prefix2 = config.session.prefix2.as_deref().and_then(Chord::parse_prefix);
        let mouse = config.ui.mouse;
        let mut model = Self {
            config,
            size,
            now,
            zone: TimeZone::UTC,
            variables: Arc::default(),
            screen: Screen::Roles,
            dialog: None,
            notice: None,
            roles: Roles::new(),
            providers: Providers::default(),
            sessions: Sessions::default(),
            opening: None,
            replay: None,
            leaving: None,
            generation: 0,
            next_tab: 1,
            interrupted: None,
            clicked: None,
            press: None,
            dragged_in: None,
            single: false,
            prefix,
            prefix2,
            inside: None,
            mouse,
            look,
            program: "hallpass".to_owned(),
            exit: None,
        };
        model.take_config();
        model
    }

    /// Whether this key opens the menu of a session.
    pub fn is_prefix(&self, chord: Chord) -> bool {
        chord == self.prefix || self.prefix2 == Some(chord)
    }

    /// A role's name, behind that of the role in whose session we run.
    pub fn path_of(&self, role: &str) -> String {
        match &self.inside {
            Some(outer) if self.look.ascii => format!("{outer} > {role}"),
            Some(outer) => format!("{outer} › {role}"),
            None => role.to_owned(),
        }
    }

    /// Rebuilds what is made from the configuration; what is known of roles and providers that are still there stays.
    pub fn take_config(&mut self) {
        let selected = self.roles.selected_row().map(|row| row.name.clone());
        self.roles.rows = role_rows(&self.config);
        self.roles.widest = Widest::of(&self.roles.rows);
        self.roles.index = crate::ui::search::index(self, &self.roles.rows);
        let rows = &self.roles.rows;
        self.roles
            .checks
            .retain(|name, _| rows.iter().any(|row| row.name == *name));
        let mut old: Vec<ProviderRow> = std::mem::take(&mut self.providers.rows);
        self.providers.rows = provider_rows(&self.config);
        for row in &mut self.providers.rows {
            if let Some(at) = old.iter().position(|o| o.name == row.name && o.kind == row.kind) {
                let known = old.swap_remove(at);
                row.status = known.status;
                row.checked = known.checked;
                row.since = known.since;
                row.history = known.history;
            }
        }
        self.providers.selected = self.providers.selected.min(self.providers.rows.len().saturating_sub(1));
        crate::ui::search::refilter(self, selected.as_deref());
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.config.roles.iter().find(|role| role.name == name)
    }

    pub fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    pub fn notify(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: false,
            ends: false,
            since: self.now,
        });
    }

    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
            ends: false,
            since: self.now,
        });
    }

    /// When a recording changes the screen by itself; none where it does not.
    pub fn replay_wakes(&self) -> Option<Duration> {
        self.replay.as_ref().and_then(Replay::wake)
    }

    /// Something moves on the screen by itself right now: draw four times a second.
    pub fn animated(&self) -> bool {
        self.opening.is_some()
            || self.leaving.is_some()
            || self.providers.rows.iter().any(|row| row.running.is_some())
            || self
                .roles
                .checks
                .values()
                .any(|check| matches!(check, Check::Running { .. }))
            || matches!(self.dialog, Some(Dialog::Passphrase { waiting: Some(_), .. }))
    }
}
