//! A credential that a provider made for one session, and takes back when the session ends.

use std::time::Duration;

use jiff::Timestamp;

/// What is given back, and until when it holds by itself. Names a credential and never holds one, so it may be written to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own name for it: `database/creds/reader/4oTf…`.
    pub id: String,
    /// Whether it can be made to last longer.
    pub renewable: bool,
    /// How long it lasted when it was made or last renewed.
    pub ttl: Duration,
    /// When it ends if nothing is done.
    pub expires: Timestamp,
}
