//! A credential that a provider made for one session, and takes back when the session ends.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// What is given back, and until when it holds by itself. Names a credential and never holds one, so it may be written to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own name for it: `database/creds/reader/4oTf…`. While it is being made only what is asked for is known:
    /// `database/creds/reader/`.
    pub id: String,
    /// The name of the token that was made for it alone, and takes it along when it is ended. Nobody can log in with it.
    pub accessor: Option<String>,
    /// Whether it can be made to last longer.
    pub renewable: bool,
    /// How long it lasted when it was made or last renewed.
    pub ttl: Duration,
    /// When it ends if nothing is done.
    pub expires: Timestamp,
}

impl Lease {
    /// What it was made from: `database/creds/reader`. The rest of its name tells a person nothing.
    pub fn path(&self) -> &str {
        self.id.rsplit_once('/').map_or(&self.id, |(path, _)| path)
    }

    /// By what it is kept: known before it is made wherever there can be such a name.
    pub fn key(&self) -> &str {
        self.accessor.as_deref().unwrap_or(&self.id)
    }

    /// Whether the provider's name for it is known.
    pub fn is_named(&self) -> bool {
        !self.id.ends_with('/')
    }

    /// Seconds until it ends; none are left of one that is over.
    pub fn left(&self, now: Timestamp) -> i64 {
        (self.expires.as_second() - now.as_second()).max(0)
    }
}

type GiveBack = Box<dyn FnOnce() + Send + Sync>;

/// A lease in use. Dropping it gives it back: whatever way a launch or a session ends, nothing has to be remembered.
pub struct Held {
    lease: Lease,
    /// What the person should know: a crash would leave it behind.
    pub warning: Option<String>,
    give_back: Option<GiveBack>,
}

impl Held {
    /// `give_back` is called once and must not wait.
    pub fn new(lease: Lease, give_back: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self {
            lease,
            warning: None,
            give_back: Some(Box::new(give_back)),
        }
    }

    /// It is made now, and this is what is known of it. It keeps its key.
    pub fn made(&mut self, lease: Lease) {
        self.lease = lease;
    }

    /// As it was when it was made.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lease.fmt(f)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            give_back();
        }
    }
}
