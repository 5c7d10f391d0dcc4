//! Credentials made for a session, as the command line deals with them: nothing ends before they are given back, and what cannot be
//! given back is said.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{note, recording};
use crate::domain::catalogue;
use crate::domain::lease::{Held, Lease};
use crate::domain::problem::Problem;
use crate::providers::leases::{self, News};

/// Waits until everything is given back, and says what is not.
pub(super) fn settle(quiet: bool) {
    for (lease, problem) in leases::settle(leases::PATIENCE) {
        if let Some(words) = not_given_back(&lease, &problem, Timestamp::now()).filter(|_| !quiet) {
            note(&words);
        }
    }
}

/// None for one that is over anyway, or that the provider no longer knows.
fn not_given_back(lease: &Lease, problem: &Problem, now: Timestamp) -> Option<String> {
    if problem.code == &catalogue::VAULT_LEASE_ENDED {
        return None;
    }
    let left = lease.left(now);
    let end = clock(lease.expires, &TimeZone::system());
    let path = lease.path();
    let code = problem.code.id;
    (left > 0).then(|| {
        if problem.code == &catalogue::VAULT_LEASE_403 {
            format!("the credential of {path} cannot be taken back by this login ({code}): it ends by itself at {end}, in {}", span(left))
        } else {
            format!(
                "the credential of {path} could not be taken back ({code}): the next start of hallpass tries again; by itself it ends at {end}, in {}",
                span(left)
            )
        }
    })
}

/// The time of day there, with the day where it is another one.
fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone.clone()));
    let form = if at.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M"
    };
    at.strftime(form).to_string()
}

fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A lease as it was last heard of, and why it was not renewed then.
type Last = (Lease, Option<Problem>);

/// The leases of one session in this terminal, which belongs to the child: what happens to them is said afterwards.
pub(super) struct OfSession {
    held: Vec<Held>,
    last: Arc<Mutex<Vec<Last>>>,
}

impl OfSession {
    pub(super) fn new(held: Vec<Held>) -> Self {
        let last: Vec<_> = held.iter().map(|held| (held.lease().clone(), None)).collect();
        let last = Arc::new(Mutex::new(last));
        if !held.is_empty() {
            let last = Arc::clone(&last);
            leases::listen(move |news| {
                let (lease, problem) = match news {
                    News::Renewed(lease) => (lease, None),
                    News::NotRenewed(lease, problem) => (lease, Some(problem)),
                    News::Revoked(_) | News::NotRevoked(..) => return,
                };
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(known) = last.iter_mut().find(|(known, _)| known.id == lease.id) {
                    *known = (lease, problem);
                }
            });
        }
        Self { held, last }
    }

    /// The session has ended: says which credential ended before it, and gives all of them back.
    pub(super) fn end(self, quiet: bool) {
        let last = std::mem::take(&mut *self.last.lock().unwrap_or_else(PoisonError::into_inner));
        let over = last.into_iter().filter(|(lease, _)| lease.left(Timestamp::now()) == 0);
        for (lease, problem) in over.filter(|_| !quiet) {
            let (path, end) = (lease.path(), clock(lease.expires, &TimeZone::system()));
            note(&match problem {
                Some(problem) => format!(
                    "the credential of {path} ended at {end}, before the session did; it was not renewed: {} ({})",
                    problem.what, problem.code.id
                ),
                None => format!(
                    "the credential of {path} ended at {end}, before the session did: that was its longest time"
                ),
            });
        }
        drop(self.held);
    }
}

/// The signals that end hallpass, heard while credentials may be made.
pub(super) struct Signals([(c_int, Signal); 4]);

impl Signals {
    /// To be made within a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        let heard = |number, kind| std::io::Result::Ok((number, signal(kind)?));
        Ok(Self([
            heard(SIGINT, SignalKind::interrupt())?,
            heard(SIGTERM, SignalKind::terminate())?,
            heard(SIGHUP, SignalKind::hangup())?,
            heard(SIGQUIT, SignalKind::quit())?,
        ]))
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> c_int {
        let [(one, a), (two, b), (three, c), (four, d)] = &mut self.0;
        tokio::select! {
            _ = a.recv() => *one,
            _ = b.recv() => *two,
            _ = c.recv() => *three,
            _ = d.recv() => *four,
        }
    }
}

/// Ends as the signal would have ended us, once everything is given back.
pub(super) fn end_by(signal: c_int, quiet: bool) -> ! {
    settle(quiet);
    recording::settle();
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    std::process::exit(128 + signal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_stays_is_said_with_its_end() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let lease = |left: i64| Lease {
            provider: "vault".to_owned(),
            id: "database/creds/reader/4oTf".to_owned(),
            accessor: None,
            renewable: true,
            ttl: Duration::from_secs(60),
            expires: Timestamp::from_second(now.as_second() + left).unwrap(),
        };
        let words = |code, left| not_given_back(&lease(left), &Problem::new(code, "no"), now);
        let denied = words(&catalogue::VAULT_LEASE_403, 2500).unwrap();
        assert!(
            denied.contains("database/creds/reader cannot") && denied.contains("in 41 min"),
            "{denied}"
        );
        assert!(!denied.contains("4oTf") && !denied.contains("tries again"), "{denied}");
        let down = words(&catalogue::NET_REFUSED, 50).unwrap();
        assert!(down.contains("tries again") && down.contains("in 50 s"), "{down}");
        assert_eq!(words(&catalogue::NET_REFUSED, 0), None);
        assert_eq!(
            words(&catalogue::VAULT_LEASE_ENDED, 2500),
            None,
            "nothing is left to try"
        );
    }
}
