//! How many questions are under way with each provider: 8 in all and 3 of one provider, so that one that hangs leaves places to the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::domain::status::ProviderStatus;

const IN_ALL: usize = 8;
const OF_ONE: usize = 3;

/// The lanes of all providers of a run.
pub(super) struct Lanes {
    places: Arc<Semaphore>,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
}

/// The questions to one provider.
pub struct Lane {
    all: Arc<Semaphore>,
    own: Semaphore,
    /// Questions in a row that got no answer in time.
    unanswered: AtomicU32,
    /// The last probe; locked while one runs, so that whoever asks meanwhile shares it.
    pub probed: tokio::sync::Mutex<Option<(Instant, ProviderStatus)>>,
}

/// The right to ask one question; given back when dropped.
pub struct Place<'a> {
    _own: Option<SemaphorePermit<'a>>,
    _all: Option<SemaphorePermit<'a>>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(IN_ALL)),
            lanes: Mutex::default(),
        }
    }

    pub(super) fn of(&self, provider: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes
            .entry(provider.to_owned())
            .or_insert_with(|| Arc::new(Lane::new(&self.places)));
        Arc::clone(lane)
    }
}

impl Lane {
    fn new(all: &Arc<Semaphore>) -> Self {
        Self {
            all: Arc::clone(all),
            own: Semaphore::new(OF_ONE),
            unanswered: AtomicU32::new(0),
            probed: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for a place. First one of its own: who waits for that keeps none of the others' places.
    pub async fn place(&self) -> Place<'_> {
        // Neither semaphore is ever closed.
        let own = self.own.acquire().await.ok();
        Place {
            _own: own,
            _all: self.all.acquire().await.ok(),
        }
    }

    /// Takes down whether a question was answered in time.
    pub fn answered(&self, in_time: bool) {
        if in_time {
            self.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether as many questions in a row as it has places got no answer: the others would only wait for the same.
    pub fn is_silent(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) as usize >= OF_ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn is_free(lane: &Lane) -> bool {
        tokio::time::timeout(Duration::from_millis(20), lane.place())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn one_provider_leaves_places_to_the_others() {
        let lanes = Lanes::new();
        let (a, b, c) = (lanes.of("a"), lanes.of("b"), lanes.of("c"));
        let held_a = [a.place().await, a.place().await, a.place().await];
        assert!(!is_free(&lanes.of("a")).await, "the same lane under the same name");
        assert!(is_free(&b).await);
        let _held_b = [b.place().await, b.place().await, b.place().await];
        let _held_c = [c.place().await, c.place().await];
        assert!(!is_free(&c).await, "eight in all");
        drop(held_a);
        assert!(is_free(&c).await && is_free(&a).await);
    }

    #[test]
    fn silence_is_as_many_questions_in_a_row_as_there_are_places() {
        let lane = Lanes::new().of("a");
        for in_time in [false, false, true, false, false] {
            lane.answered(in_time);
            assert!(!lane.is_silent());
        }
        lane.answered(false);
        assert!(lane.is_silent());
        lane.answered(true);
        assert!(!lane.is_silent());
    }
}
