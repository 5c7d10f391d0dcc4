//! What can happen to the user interface.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::config::Config;
use crate::domain::lease::Lease;
use crate::domain::limits::Limits;
use crate::domain::plan::SecretUse;
use crate::domain::problem::Problem;
use crate::domain::secret::Redactor;
use crate::domain::status::{ProviderStatus, RoleStatus};
use crate::providers::leases::News;
use crate::replay::Player;
use crate::session::SessionEvent;
use crate::session::emulator::{Emulator, Size};
use crate::ui::recorded::Recorded;

/// A session that has just been started.
pub struct Opened {
    pub tab: u64,
    pub session_id: String,
    pub program: String,
    pub emulator: Arc<Mutex<Emulator>>,
    /// Hides its values; to be taken again for each text.
    pub redactor: Arc<Redactor>,
    pub size: Size,
    pub limits: Limits,
    pub secrets: Vec<SecretUse>,
    pub leases: Vec<Lease>,
    pub warnings: Vec<String>,
    pub recorded: Recorded,
    /// Set while an `Output` of it is on its way.
    pub told: Arc<AtomicBool>,
}

/// Replies carry the generation of the request that they answer.
pub enum Message {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// The terminal's window got or lost the focus.
    Focus(bool),
    Tick,
    RoleChecked {
        generation: u64,
        status: RoleStatus,
    },
    ProviderChecked {
        generation: u64,
        status: ProviderStatus,
    },
    Opened {
        generation: u64,
        opened: Opened,
    },
    OpenFailed {
        generation: u64,
        problems: Vec<Problem>,
    },
    Unlocked {
        generation: u64,
        result: Result<(), Problem>,
    },
    Session {
        tab: u64,
        event: SessionEvent,
    },
    /// A credential of a session was renewed, revoked, or neither.
    Lease(News),
    /// A recording was read, or cannot be played.
    Recording {
        generation: u64,
        result: Result<Box<Player>, Problem>,
    },
    /// The times at which a text was shown in a recording.
    Found {
        generation: u64,
        times: Vec<Duration>,
    },
    /// The plain text of a recording.
    Transcript {
        generation: u64,
        lines: Vec<String>,
    },
    Reloaded {
        config: Arc<Config>,
    },
    /// An effect has something to say on the last row.
    Said {
        text: String,
        bad: bool,
    },
    /// SIGTERM, SIGHUP or SIGINT: leave at once with this exit code.
    Signal(i32),
}
