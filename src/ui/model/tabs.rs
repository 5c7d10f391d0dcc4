//! The sessions, each with its tab.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::Known;
use crate::domain::lease::Lease;
use crate::domain::limits::{Limit, Limits};
use crate::domain::plan::SecretUse;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::launch::Request;
use crate::session::Ending;
use crate::session::emulator::{Emulator, Size};
use crate::ui::clipboard::Requests;
use crate::ui::copy_mode::CopyMode;
use crate::ui::recorded::Recorded;

/// How a session is.
#[derive(Debug, Clone, PartialEq)]
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

/// Where leaving a session goes.
#[derive(Debug, Clone, Default)]
pub enum Back {
    #[default]
    Roles,
    Providers,
    /// The panel of the launch that failed, to try it again.
    Failure {
        request: Request,
        problems: Vec<Problem>,
    },
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
    /// Hides its values; to be taken again for each text.
    pub redactor: Arc<Redactor>,
    /// Its text is looked through, searched or copied.
    pub copy: Option<Box<CopyMode>>,
    pub clipboard: Requests,
    pub size: Size,
    /// When it was last given another size.
    pub resized: Option<Timestamp>,
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
    pub back: Back,
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
    pub back: Back,
}

impl Opening {
    /// Whether it has a panel: one for what takes no time would only flash.
    pub fn shows(&self, now: Timestamp) -> bool {
        now.as_millisecond() - self.since.as_millisecond() >= 100
    }
}
