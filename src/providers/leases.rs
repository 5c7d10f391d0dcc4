//! Leases of this process: written down when they are made, renewed while they are held, given back when they are dropped.
//!
//! One thread does it for all providers and sessions, from the first lease on; a process without leases has none, unless it ends logins of
//! its own, which that thread does as well. What it cannot give back before the process ends stays in the journal, and the next start tries
//! again.

mod journal;
mod keeping;
mod sweep;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::journal::{Entry, Journal};
use self::keeping::Keeping;
use super::{Providers, Registry};
use crate::domain::catalogue;
use crate::domain::lease::{Held, Lease};
use crate::domain::problem::Problem;

/// The way out of the program waits for leases no longer than this; a call of a provider takes 5 s at most, unless its settings say otherwise.
pub const PATIENCE: Duration = Duration::from_secs(6);
/// The way out of the program waits for what a crash left no longer than this, and only for providers that answer.
const SWEEP_PATIENCE: Duration = Duration::from_secs(2);
/// And for the end of its own logins, which end by themselves as well.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);

/// What happens to a lease.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Renewed(Lease),
    /// It could not be renewed; with `renewable` it is tried again until it ends.
    NotRenewed(Lease, Problem),
    Revoked(Lease),
    /// It could not be given back and ends by itself, unless a later try succeeds.
    NotRevoked(Lease, Problem),
}

type Listener = Box<dyn Fn(News) + Send + Sync>;
/// A provider's name and the lease's key.
type Key = (String, String);

enum Order {
    Keep(Lease, Arc<Registry>),
    GiveBack(Key, Work),
    Renewed(Key, Result<Lease, Problem>),
    Revoked(Key, Result<(), Problem>),
    Sweep(Arc<Registry>, Option<Work>),
    /// Nobody waits for what earlier runs left any more.
    EndSweeps,
    Leave(Arc<Registry>, String, Work),
}

/// What the thread and everybody else look at.
struct Shared {
    listener: Mutex<Option<Listener>>,
    counts: Mutex<Counts>,
    fewer: Condvar,
    journals: Mutex<BTreeMap<PathBuf, Journal>>,
    /// Those that could not be given back so far, and why.
    owed: Mutex<BTreeMap<Key, (Lease, Problem)>>,
    /// Providers that have logged in by themselves, by name; one name may stand in several registries, as configurations were read.
    logins: Mutex<Vec<(String, Arc<Registry>)>>,
}

static SHARED: Shared = Shared {
    listener: Mutex::new(None),
    counts: Mutex::new(Counts {
        making: 0,
        revoking: 0,
        sweeping: 0,
        leaving: 0,
    }),
    fewer: Condvar::new(),
    journals: Mutex::new(BTreeMap::new()),
    owed: Mutex::new(BTreeMap::new()),
    logins: Mutex::new(Vec::new()),
};

struct Counts {
    making: usize,
    revoking: usize,
    sweeping: usize,
    leaving: usize,
}

/// Something that the way out of the program waits for, as long as this lives.
struct Work(fn(&mut Counts) -> &mut usize);

impl Work {
    fn new(count: fn(&mut Counts) -> &mut usize) -> Self {
        *count(&mut lock(&SHARED.counts)) += 1;
        Self(count)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut counts = lock(&SHARED.counts);
        let count = (self.0)(&mut counts);
        *count = count.saturating_sub(1);
        SHARED.fewer.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the thread something to do; it is made with the first order. Where the system gives none, orders are dropped, and with them what
/// waits for them; the journal remains.
fn send(order: Order) {
    static ORDERS: OnceLock<UnboundedSender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, received) = unbounded_channel();
        let again = orders.clone();
        let work = move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(Keeping::new(again).run(received));
            }
        };
        let _ = std::thread::Builder::new().name("leases".to_owned()).spawn(work);
        orders
    });
    let _ = orders.send(order);
}

/// What a provider needs to hand out a lease. While it exists the program's way out waits: the lease may be made already, and its name
/// not yet known.
pub(super) struct Making {
    registry: Arc<Registry>,
    _work: Work,
}

impl Making {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            _work: Work::new(|counts| &mut counts.making),
        }
    }

    /// Writes the lease down and keeps it from now on. `endpoint` is where the provider is.
    pub(super) fn hold(&self, lease: Lease, endpoint: String) -> Held {
        let folder = folder(&self.registry);
        let written = self.keep(&lease, endpoint);
        let key = key(&lease);
        let path = lease.path().to_owned();
        let mut held = Held::new(lease, move || {
            let work = Work::new(|counts| &mut counts.revoking);
            send(Order::GiveBack(key, work));
        });
        if let Err(error) = written {
            held.warning = Some(format!(
                "{path}: the journal of leases in {} cannot be written ({}); if hallpass is killed, the credential stays until it expires",
                folder.display(),
                error.kind()
            ));
        }
        held
    }

    /// The lease that was held before it was made has a name now, and an end.
    pub(super) fn made(&self, held: &mut Held, lease: Lease, endpoint: String) {
        // Not written, the line before it does as well: it names the token.
        let _ = self.keep(&lease, endpoint);
        held.made(lease);
    }

    fn keep(&self, lease: &Lease, endpoint: String) -> std::io::Result<()> {
        let written = enter(&folder(&self.registry), Entry::of(lease, endpoint));
        send(Order::Keep(lease.clone(), Arc::clone(&self.registry)));
        written
    }
}

fn key(lease: &Lease) -> Key {
    (lease.provider.clone(), lease.key().to_owned())
}

fn folder(registry: &Registry) -> PathBuf {
    registry.world.state_folder.join("leases")
}

/// Tells this listener from now on what happens to leases. Called from the thread of the leases; it should not block.
pub fn listen(listener: impl Fn(News) + Send + Sync + 'static) {
    *lock(&SHARED.listener) = Some(Box::new(listener));
}

/// Writes a lease down as a run that was killed has it written down.
#[cfg(all(test, feature = "vault"))]
pub(super) fn left_behind(providers: &Providers, lease: &Lease, endpoint: String) {
    let mut journal = Journal::default();
    let written = journal.enter(&folder(&providers.registry), Entry::of(lease, endpoint));
    assert!(written.is_ok());
}

/// Gives back, in the background, what earlier runs left that were killed. Returns at once.
pub fn sweep(providers: &Providers) {
    let registry = &providers.registry;
    if journal::is_empty(&folder(registry)) {
        return;
    }
    let work = Work::new(|counts| &mut counts.sweeping);
    send(Order::Sweep(Arc::clone(registry), Some(work)));
}

/// Remembers that a provider has logged in by itself, with a login that nobody needs once this process has ended.
#[cfg(feature = "vault")]
pub(super) fn logged_in(registry: Arc<Registry>, provider: &str) {
    let mut logins = lock(&SHARED.logins);
    let known = |(name, other): &(String, Arc<Registry>)| name == provider && Arc::ptr_eq(other, &registry);
    if !logins.iter().any(known) {
        logins.push((provider.to_owned(), registry));
    }
}

/// Ends, in the background, the logins that this process has made for itself, as soon as what earlier runs left is given back with them:
/// to be called when nothing else is asked any more. Returns at once.
pub fn leave() {
    for (provider, registry) in std::mem::take(&mut *lock(&SHARED.logins)) {
        let work = Work::new(|counts| &mut counts.leaving);
        send(Order::Leave(registry, provider, work));
    }
}

/// Waits until no lease is being made, at most this long: a request that was given up may have made one. To be awaited where the
/// requests run.
pub async fn made(limit: Duration) {
    let until = Instant::now() + limit;
    while lock(&SHARED.counts).making > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until everything that was dropped is given back, at most this long. Answers with what was not, and why; each only once.
pub fn settle(limit: Duration) -> Vec<(Lease, Problem)> {
    let wait = |limit: Duration, busy: fn(&Counts) -> bool| {
        let counts = lock(&SHARED.counts);
        drop(SHARED.fewer.wait_timeout_while(counts, limit, |counts| busy(counts)));
    };
    wait(limit, |counts| counts.making + counts.revoking > 0);
    wait(SWEEP_PATIENCE, |counts| counts.sweeping > 0);
    if lock(&SHARED.counts).leaving > 0 || !lock(&SHARED.logins).is_empty() {
        send(Order::EndSweeps);
    }
    leave();
    wait(LEAVE_PATIENCE, |counts| counts.leaving > 0);
    std::mem::take(&mut *lock(&SHARED.owed)).into_values().collect()
}

fn tell(news: News) {
    if let Some(listener) = &*lock(&SHARED.listener) {
        listener(news);
    }
}

fn enter(folder: &Path, entry: Entry) -> std::io::Result<()> {
    let mut journals = lock(&SHARED.journals);
    journals.entry(folder.to_owned()).or_default().enter(folder, entry)
}

fn strike(folder: &Path, lease: &Lease) {
    if let Some(journal) = lock(&SHARED.journals).get_mut(folder) {
        journal.strike(lease.key());
    }
}

/// Whether trying again can only fail again: the lease is over, or the provider does not let us.
fn is_final(problem: &Problem) -> bool {
    let last_words = [
        &catalogue::VAULT_LEASE_ENDED,
        &catalogue::VAULT_LEASE_403,
        &catalogue::PROVIDER_UNSUPPORTED,
    ];
    last_words.contains(&problem.code)
}

/// Whether another login may be allowed what this one is not.
fn is_refusal(problem: &Problem) -> bool {
    problem.code == &catalogue::VAULT_LEASE_403
}

/// Keeps a future from being cancelled: given up by whoever awaits it, it runs on to its end.
pub(super) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(work).await.ok()
}
