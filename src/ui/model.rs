//! The model: everything that the screen shows, in one place. Drawing takes `&Model`; only `update` changes it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::filter::{Filter, Index};
use crate::domain::lease::Lease;
use crate::domain::limits::{Limit, Limits};
use crate::domain::plan::SecretUse;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::domain::status::{ProviderStatus, RoleStatus, State};
use crate::launch::Request;
use crate::session::Ending;
use crate::session::emulator::{Emulator, Size};
use crate::ui::clipboard::{Answer as ClipboardAnswer, Requests};
use crate::ui::copy_mode::{CopyMode, Press};
use crate::ui::input::Input;
use crate::ui::keymap::Chord;
use crate::ui::recorded::Recorded;
use crate::ui::replay::Replay;
use crate::ui::rows::{provider_rows, role_rows};
use crate::ui::theme::Look;

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
        paste: bool,
        since: Timestamp,
    },
    /// A text to read: about a session, or a list of configuration problems.
    Text {
        title: String,
        lines: Vec<String>,
        scroll: usize,
    },
}

/// What a row of the roles list stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOf {
    /// Index into `Config::roles`.
    Role(usize),
    /// Index into `Config::broken`.
    Broken(usize),
}

/// A role as the list shows it, made once per configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    pub name: String,
    pub kind: String,
    pub env: Option<String>,
    /// `PROD`
    pub label: String,
    pub prod: bool,
    pub read_only: bool,
    pub of: RowOf,
}

/// Seconds after which something is looked at again.
const LOOK_AGAIN: i64 = 60;
/// The most seconds: what fails is looked at less and less often.
const LOOK_AGAIN_AT_MOST: i64 = 300;

/// When to look again at what was looked at then and has failed so many times in a row; never while only a person can do something about it.
fn look_again(at: Timestamp, failures: u32, problem: Option<&Problem>) -> Option<Timestamp> {
    let pause = LOOK_AGAIN
        .saturating_mul(failures.max(1).into())
        .min(LOOK_AGAIN_AT_MOST);
    let wanted = problem.is_none_or(|problem| !problem.wants_person());
    wanted.then(|| at + SignedDuration::from_secs(pause))
}

/// What a check found out about a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub status: RoleStatus,
    pub at: Timestamp,
    /// How many times in a row it has failed.
    pub failures: u32,
}

impl Known {
    /// When the role is to be checked again; none as long as that needs a person.
    pub fn due(&self) -> Option<Timestamp> {
        look_again(self.at, self.failures, self.status.reason())
    }
}

/// What is known of a role's readiness.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    Running {
        generation: u64,
        since: Timestamp,
        before: Option<Box<Known>>,
    },
    Done(Box<Known>),
}

impl Check {
    /// What the last check that came to an end has found.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Running { before, .. } => before.as_deref(),
            Self::Done(known) => Some(known),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Name,
    Env,
    Status,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Env => "env",
            Self::Status => "status",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    #[default]
    List,
    Detail,
}

/// The roles screen.
pub struct Roles {
    pub rows: Vec<RoleRow>,
    /// The rows prepared for filtering; their places are those of `rows`.
    pub index: Index,
    /// The filter that `shown` is the answer to.
    pub parsed: Filter,
    /// Characters of visible names that the filter matched, by the place in `rows`.
    pub hits: HashMap<usize, Vec<usize>>,
    pub filter: Input,
    /// Keys go into the filter.
    pub editing: bool,
    /// What is wrong with the filter, and the spelling that may have been meant.
    pub filter_error: Option<String>,
    pub suggestion: Option<String>,
    /// How many roles the suggestion would leave.
    pub suggested: usize,
    /// The rows that match, in order: places in `rows`.
    pub shown: Vec<usize>,
    /// Index into `shown`.
    pub selected: usize,
    /// The first visible row, an index into `shown`.
    pub top: usize,
    pub sort: Sort,
    pub reverse: bool,
    pub focus: Pane,
    pub detail_scroll: usize,
    /// The detail takes the whole screen.
    pub wide: bool,
    pub checks: HashMap<String, Check>,
    /// Names that wait for their check.
    pub queue: VecDeque<String>,
}

impl Roles {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            index: Index::new([]),
            parsed: Filter::default(),
            hits: HashMap::new(),
            filter: Input::default(),
            editing: false,
            filter_error: None,
            suggestion: None,
            suggested: 0,
            shown: Vec::new(),
            selected: 0,
            top: 0,
            sort: Sort::default(),
            reverse: false,
            focus: Pane::default(),
            detail_scroll: 0,
            wide: false,
            checks: HashMap::new(),
            queue: VecDeque::new(),
        }
    }

    pub fn selected_row(&self) -> Option<&RoleRow> {
        self.rows.get(*self.shown.get(self.selected)?)
    }
}

/// One provider as its screen shows it.
pub struct ProviderRow {
    pub name: String,
    pub kind: &'static str,
    pub title: &'static str,
    /// Roles that refer to it.
    pub roles: Vec<String>,
    pub status: Option<ProviderStatus>,
    pub checked: Option<Timestamp>,
    /// Since when the state is what it is, and for how many probes.
    pub since: Option<(Timestamp, u32)>,
    /// The probe that runs, with its start.
    pub running: Option<(u64, Timestamp)>,
    /// Milliseconds of the last probes, none for a failed one; the newest last.
    pub history: VecDeque<Option<u64>>,
}

impl ProviderRow {
    pub fn state(&self) -> Option<State> {
        self.status.as_ref().map(|status| status.state)
    }

    /// When it is to be probed again; none while a probe runs, or as long as that needs a person.
    pub fn due(&self) -> Option<Timestamp> {
        let failures = match (self.state(), self.since) {
            (Some(State::Fail), Some((_, times))) => times,
            _ => 0,
        };
        let problem = self.status.as_ref().and_then(|status| status.problem.as_ref());
        match (self.running, self.checked) {
            (Some(_), _) => None,
            (None, None) => Some(Timestamp::MIN),
            (None, Some(at)) => look_again(at, failures, problem),
        }
    }
}

#[derive(Default)]
pub struct Providers {
    pub rows: Vec<ProviderRow>,
    pub selected: usize,
    pub top: usize,
}

/// How a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TabState {
    Live,
    Ended(Ending),
}

/// What happened in a session since it was last in front; what is more is last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum News {
    #[default]
    None,
    Output,
    Bell,
}

/// A credential that was made for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabLease {
    pub lease: Lease,
    pub state: LeaseState,
}

/// What is done about a credential; why it failed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    Held,
    NotRenewed(String),
    Revoked,
    NotRevoked(String),
}

/// A session with its tab.
pub struct Tab {
    pub id: u64,
    pub session_id: String,
    pub role: String,
    /// `PROD`
    pub label: String,
    /// The colour's name that the configuration gives the environment.
    pub color: Option<String>,
    pub prod: bool,
    pub access: String,
    pub program: String,
    pub emulator: Arc<Mutex<Emulator>>,
    /// Its text is looked through, searched or copied.
    pub copy: Option<Box<CopyMode>>,
    pub clipboard: Requests,
    pub size: Size,
    pub state: TabState,
    /// What happened in it since it was last in front.
    pub news: News,
    pub started: Timestamp,
    /// When a key was last typed in it, or something pasted.
    pub typed: Timestamp,
    pub limits: Limits,
    /// Up to which of the warnings before its end has come; 0 before the first.
    pub warned: usize,
    pub secrets: Vec<SecretUse>,
    pub leases: Vec<TabLease>,
    pub warnings: Vec<String>,
    pub recorded: Recorded,
    /// What it was opened with, to open it again.
    pub request: Request,
}

impl Tab {
    pub fn is_live(&self) -> bool {
        self.state == TabState::Live
    }

    /// Copy mode while it takes the keys; what the mouse has selected does not.
    pub fn copy_mode(&self) -> Option<&CopyMode> {
        self.copy.as_deref().filter(|copy| !copy.by_mouse)
    }

    /// How long it has run.
    pub fn ran(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.started)).unwrap_or_default()
    }

    /// How long nothing was typed in it.
    pub fn idle(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.typed)).unwrap_or_default()
    }

    /// What is left of each of its limits, the one that is reached first comes first.
    pub fn left(&self, now: Timestamp) -> impl Iterator<Item = (Limit, Duration)> {
        self.limits.left(self.ran(now), self.idle(now))
    }

    /// The secrets of which a check has found another version since the session was opened, with that version.
    pub fn outdated<'a>(&'a self, known: Option<&'a Known>) -> Vec<(&'a SecretUse, &'a str)> {
        let Some(known) = known.filter(|known| known.at >= self.started) else {
            return Vec::new();
        };
        let newer = |used: &'a SecretUse| {
            let id = &used.reference.as_ref()?.id;
            let (then, now) = (used.version.as_deref()?, known.status.versions.get(id)?);
            let newer = match (then.parse::<u64>(), now.parse::<u64>()) {
                (Ok(then), Ok(now)) => now > then,
                _ => now != then,
            };
            newer.then_some((used, now.as_str()))
        };
        self.secrets.iter().filter_map(newer).collect()
    }
}

#[derive(Default)]
pub struct Sessions {
    pub tabs: Vec<Tab>,
    /// Index into `tabs`.
    pub active: usize,
    /// The id of the tab before the active one.
    pub previous: Option<u64>,
    /// Selected row of the list of sessions.
    pub selected: usize,
    /// Its first visible row.
    pub top: usize,
    /// The prefix key was pressed: the next key is ours.
    pub prefix: bool,
    /// How often it was pressed: who knows it needs less of a hint.
    pub prefix_uses: u32,
    /// The frame is hidden on request.
    pub bare: bool,
}

impl Sessions {
    pub fn live(&self) -> usize {
        self.tabs.iter().filter(|tab| tab.is_live()).count()
    }

    pub fn active_tab(&self) -> Option<&Tab> {
        self.tabs.get(self.active)
    }

    pub fn active_tab_mut(&mut self) -> Option<&mut Tab> {
        self.tabs.get_mut(self.active)
    }
}

/// A launch that runs.
pub struct Opening {
    pub generation: u64,
    pub request: Request,
    pub since: Timestamp,
    /// Stay in the list when it is there.
    pub behind: bool,
    /// The tab that it replaces.
    pub replaces: Option<u64>,
}

/// One remark on the last row, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub bad: bool,
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
    /// Started for one role alone: leaving its session leaves hallpass.
    pub single: bool,
    pub prefix: Chord,
    /// A second one, which no hint names.
    pub prefix2: Option<Chord>,
    /// The role in whose session we run ourselves.
    pub inside: Option<String>,
    pub mouse: bool,
    pub look: Look,
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
            single: false,
            prefix,
            prefix2,
            inside: None,
            mouse,
            look,
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
        });
    }

    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
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
