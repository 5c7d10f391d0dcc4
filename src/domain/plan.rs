//! What a launch hands to a session: everything that is needed to start the child, resolved.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lease::Held;
use crate::domain::limits::Limits;
use crate::domain::reference::SecretRef;
use crate::domain::secret::ChildEnv;

/// Starts one child, once. Consumed by `session`.
pub struct LaunchPlan {
    /// Also in the child's environment as `HALLPASS_SESSION_ID`.
    pub session_id: String,
    pub role: String,
    /// An absolute path, found before anything was resolved.
    pub program: PathBuf,
    /// What the program is told that it is called (`argv[0]`): the word that it was found by.
    pub name: OsString,
    /// Words, no shell in between. A mark of [`ChildEnv::file_mark`] is replaced by the child's first step with the path of its file.
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    pub env: ChildEnv,
    /// When the session ends at the latest.
    pub limits: Limits,
    /// Which secrets were read for it, in the role's order. No values.
    pub secrets: Vec<SecretUse>,
    /// What is given back when this is dropped. Whoever starts the session takes them out and keeps them until it ends.
    pub leases: Vec<Held>,
    /// Whether the program may set the person's clipboard where nobody can be asked.
    pub sets_clipboard: bool,
    /// What the person should know, without any value: a secret too short to be masked, an empty one …
    pub warnings: Vec<String>,
}

/// One secret that was read, or one token that was made, for a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    pub field: String,
    /// None for a token.
    pub reference: Option<SecretRef>,
    pub version: Option<String>,
    /// When the value stops working; none if it does not, or nobody knows.
    pub expires: Option<Timestamp>,
    pub took: Duration,
}
