//! The work of the leases' thread: each lease is renewed when two thirds of its time are over, and given back when nobody holds it any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::RwLock;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::journal::Entry;
use super::{Key, News, Order, SHARED, Work, enter, folder, is_final, is_refusal, key, lock, strike, sweep, tell};
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;
use crate::providers::Registry;

/// The clock on the wall is looked at this often: that of the timers stands still while a machine sleeps.
const LOOK: Duration = Duration::from_secs(20);
/// Between two tries to give a lease back, or to renew it.
const AGAIN: Duration = Duration::from_secs(20);

/// A lease, as the thread sees it.
struct Kept {
    lease: Lease,
    registry: Arc<Registry>,
    /// When something is to be done next.
    due: Option<Timestamp>,
    /// Nobody holds it any more.
    given_back: bool,
}

/// What the thread keeps.
pub(super) struct Keeping {
    orders: UnboundedSender<Order>,
    kept: BTreeMap<Key, Kept>,
    sweeps: JoinSet<()>,
    /// Read by each sweep while it asks; who ends a login waits for all of them.
    sweeping: Arc<RwLock<()>>,
}

impl Keeping {
    pub(super) fn new(orders: UnboundedSender<Order>) -> Self {
        Self {
            orders,
            kept: BTreeMap::new(),
            sweeps: JoinSet::new(),
            sweeping: Arc::default(),
        }
    }

    pub(super) async fn run(mut self, mut received: UnboundedReceiver<Order>) {
        loop {
            let next = self.kept.values().filter_map(|kept| kept.due).min();
            let pause = next.map(|due| due.as_millisecond() - Timestamp::now().as_millisecond());
            let pause = pause.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(LOOK));
            tokio::select! {
                order = received.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                () = tokio::time::sleep(pause.unwrap_or(LOOK)), if pause.is_some() => self.look(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Keep(lease, registry) => {
                let kept = Kept {
                    due: due(&lease),
                    lease,
                    registry,
                    given_back: false,
                };
                self.kept.insert(key(&kept.lease), kept);
            }
            Order::GiveBack(key, work) => {
                if let Some(kept) = self.kept.get_mut(&key) {
                    kept.given_back = true;
                    let no_answer = Problem::new(&catalogue::NET_TIMEOUT, "no answer before hallpass ended");
                    lock(&SHARED.owed).insert(key.clone(), (kept.lease.clone(), no_answer));
                    self.revoke(&key, Some(work));
                }
            }
            Order::Renewed(key, result) => self.renewed(&key, result),
            Order::Revoked(key, result) => self.revoked(&key, result),
            Order::Sweep(registry, work) => {
                while self.sweeps.try_join_next().is_some() {}
                let (orders, sweeping) = (self.orders.clone(), Arc::clone(&self.sweeping));
                self.sweeps.spawn(async move {
                    let asking = sweeping.read_owned().await;
                    let unanswered = sweep::all(&registry, work).await;
                    drop(asking);
                    if unanswered {
                        tokio::time::sleep(sweep::AGAIN).await;
                        let _ = orders.send(Order::Sweep(registry, None));
                    }
                });
            }
            Order::EndSweeps => self.sweeps.abort_all(),
            Order::Leave(registry, provider, work) => {
                let sweeping = Arc::clone(&self.sweeping);
                tokio::spawn(async move {
                    // A credential that is being given back needs the login that asks.
                    let _none = sweeping.write_owned().await;
                    if let Ok(provider) = Registry::get(&registry, &provider) {
                        provider.leave().await;
                    }
                    drop(work);
                });
            }
        }
    }

    /// Does what is due.
    fn look(&mut self) {
        let now = Timestamp::now();
        let due: Vec<(Key, bool)> = self
            .kept
            .iter()
            .filter(|(_, kept)| kept.due.is_some_and(|due| due <= now))
            .map(|(key, kept)| (key.clone(), kept.given_back))
            .collect();
        for (key, given_back) in due {
            if given_back {
                self.revoke(&key, None);
            } else {
                self.renew(&key);
            }
        }
    }

    /// A lease that something is done about now: nothing is due until that is done.
    fn begin(&mut self, key: &Key) -> Option<(Lease, Arc<Registry>)> {
        let kept = self.kept.get_mut(key)?;
        kept.due = None;
        Some((kept.lease.clone(), Arc::clone(&kept.registry)))
    }

    fn renew(&mut self, key: &Key) {
        let Some((lease, registry)) = self.begin(key) else {
            return;
        };
        let (key, orders) = (key.clone(), self.orders.clone());
        tokio::spawn(async move {
            let result = match Registry::get(&registry, &key.0) {
                Ok(provider) => provider.renew(&lease).await,
                Err(problem) => Err(problem),
            };
            let _ = orders.send(Order::Renewed(key, result));
        });
    }

    fn renewed(&mut self, key: &Key, result: Result<Lease, Problem>) {
        let Some(kept) = self.kept.get_mut(key).filter(|kept| !kept.given_back) else {
            return;
        };
        match result {
            Ok(lease) => {
                kept.due = due(&lease);
                kept.lease = lease.clone();
                if let Ok(provider) = Registry::get(&kept.registry, &key.0) {
                    // The old line names the lease as well; it only says too early when it ends.
                    let _ = enter(&folder(&kept.registry), Entry::of(&lease, provider.endpoint()));
                }
                tell(News::Renewed(lease));
            }
            Err(problem) => {
                let left = kept.lease.left(Timestamp::now());
                let over = left == 0 || is_final(&problem);
                kept.lease.renewable = !over;
                let pause =
                    Duration::from_secs(u64::try_from(left / 6).unwrap_or(0)).clamp(Duration::from_secs(1), AGAIN);
                kept.due = after(pause).filter(|_| !over);
                let lease = kept.lease.clone();
                tell(News::NotRenewed(lease, problem));
            }
        }
    }

    /// `work` ends with the first try: nobody waits for the next ones.
    fn revoke(&mut self, key: &Key, work: Option<Work>) {
        let Some((lease, registry)) = self.begin(key) else {
            return;
        };
        let (key, orders) = (key.clone(), self.orders.clone());
        tokio::spawn(async move {
            let (provider, journal) = (Registry::get(&registry, &key.0), folder(&registry));
            let endpoint = provider.as_ref().map(|provider| provider.endpoint());
            let endpoint = endpoint.unwrap_or_default();
            let result = match provider {
                Ok(provider) => provider.revoke(&lease).await,
                Err(problem) => Err(problem),
            };
            // Before anybody stops waiting for it.
            let mut owed = lock(&SHARED.owed);
            match &result {
                Ok(()) => {
                    owed.remove(&key);
                    strike(&journal, &lease);
                }
                Err(problem) => {
                    owed.insert(key.clone(), (lease.clone(), problem.clone()));
                    // Whoever starts next may come with a login that is let.
                    if is_refusal(problem) {
                        let told = Entry {
                            told: true,
                            ..Entry::of(&lease, endpoint)
                        };
                        let _ = enter(&journal, told);
                    } else if is_final(problem) {
                        strike(&journal, &lease);
                    }
                }
            }
            drop(owed);
            drop(work);
            let _ = orders.send(Order::Revoked(key, result));
        });
    }

    fn revoked(&mut self, key: &Key, result: Result<(), Problem>) {
        let Some(kept) = self.kept.get_mut(key) else { return };
        let lease = kept.lease.clone();
        match result {
            Ok(()) => {
                self.kept.remove(key);
                tell(News::Revoked(lease));
            }
            Err(problem) => {
                kept.due = after(AGAIN);
                let (over, registry) = (lease.left(Timestamp::now()) == 0, Arc::clone(&kept.registry));
                if over || is_final(&problem) {
                    self.kept.remove(key);
                }
                if over {
                    lock(&SHARED.owed).remove(key);
                    strike(&folder(&registry), &lease);
                }
                tell(News::NotRevoked(lease, problem));
            }
        }
    }
}

/// At two thirds of its time.
fn due(lease: &Lease) -> Option<Timestamp> {
    let third = i64::try_from(lease.ttl.as_millis() / 3).unwrap_or(i64::MAX);
    let at = lease.expires.as_millisecond().checked_sub(third)?;
    Timestamp::from_millisecond(at).ok().filter(|_| lease.renewable)
}

fn after(pause: Duration) -> Option<Timestamp> {
    let pause = i64::try_from(pause.as_millis()).ok()?;
    Timestamp::from_millisecond(Timestamp::now().as_millisecond() + pause).ok()
}
