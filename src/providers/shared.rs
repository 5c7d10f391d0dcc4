//! What is asked for once while many wait: they share its answer, and its failure too, or ten secrets would wait ten time limits
//! for one silent server.

use std::time::Instant;

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

impl<T> Finding<T> {
    /// Keeps a failure for those who wait.
    pub(super) fn ended<R>(&mut self, result: Result<R, Problem>) -> Result<R, Problem> {
        self.failed = result.as_ref().err().map(|problem| (Instant::now(), problem.clone()));
        result
    }
}
