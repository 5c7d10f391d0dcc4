//! What is asked for once while many wait: they share its answer, and its failure too, or ten secrets would wait ten time limits
//! for one silent server.

use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::problem::Problem;

/// Something that is found out by asking. The lock is held while it is.
pub(super) struct Shared<T>(Mutex<Finding<T>>);

/// What is known so far, and how the last question failed, if it did.
pub(super) struct Finding<T> {
    pub(super) known: T,
    failed: Option<(Instant, Problem)>,
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(Finding {
            known: T::default(),
            failed: None,
        }))
    }
}

impl<T> Shared<T> {
    /// Waits for a question that is under way; fails with its problem if it failed.
    pub(super) async fn wait(&self) -> Result<MutexGuard<'_, Finding<T>>, Problem> {
        let since = Instant::now();
        let finding = self.0.lock().await;
        match &finding.failed {
            Some((at, problem)) if *at > since => Err(problem.clone()),
            _ => Ok(finding),
        }
    }

    /// What is known, whatever the last question came to.
    pub(super) async fn lock(&self) -> MutexGuard<'_, Finding<T>> {
        self.0.lock().await
    }
}

impl<T> Shared<Option<Arc<T>>> {
    /// The login in use while it holds, else one that is made now; all who ask meanwhile wait for that one.
    pub(super) async fn get_or_make(
        &self,
        holds: impl FnOnce(&T) -> bool,
        make: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Arc<T>, Problem> {
        let mut current = self.wait().await?;
        if let Some(known) = current.known.as_ref().filter(|known| holds(known)) {
            return Ok(Arc::clone(known));
        }
        let made = make.await;
        let made = Arc::new(current.ended(made)?);
        current.known = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Forgets a login that was refused; whether it was still the one in use.
    pub(super) async fn forget(&self, refused: &Arc<T>) -> bool {
        let mut current = self.lock().await;
        current.known.take_if(|known| Arc::ptr_eq(known, refused)).is_some()
    }
}

impl<T> Finding<T> {
    /// Keeps a failure for those who wait.
    pub(super) fn ended<R>(&mut self, result: Result<R, Problem>) -> Result<R, Problem> {
        self.failed = result.as_ref().err().map(|problem| (Instant::now(), problem.clone()));
        result
    }
}

/// A token is renewed this long before it ends, or a tenth of its life before where that is less.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// When another token is made in place of one that was made `now` and lasts until `expires`. By the wall clock, which goes on while the
/// machine sleeps.
pub(super) fn renewal(now: Timestamp, expires: Timestamp) -> Timestamp {
    let early = EARLY.min(expires.duration_since(now) / 10).max(SignedDuration::ZERO);
    expires.checked_sub(early).unwrap_or(expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = Timestamp::now();
        let early = |seconds| {
            let expires = now + SignedDuration::from_secs(seconds);
            expires.duration_since(renewal(now, expires)).as_secs()
        };
        assert_eq!(early(86_400), 300);
        assert_eq!(early(60), 6);
        assert_eq!(early(-10), 0, "a token that is over is over");
    }
}
