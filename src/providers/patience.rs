//! How long whoever asks still waits: one deadline for everything that a launch or a check does, which providers can look at before
//! they wait for anything themselves.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

#[cfg(any(feature = "net", test))]
use super::climb;

tokio::task_local! {
    static UNTIL: Instant;
}

/// Does the work until then; none if it was not done in time. What it started is dropped.
pub async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    UNTIL.scope(deadline, timeout_at(deadline, work)).await.ok()
}

/// How long is left, for all or for this rung of a probe; none where nobody set a deadline.
#[cfg(any(feature = "net", test))]
pub(super) fn left() -> Option<Duration> {
    let deadline = UNTIL.try_with(|deadline| *deadline).ok();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    left.into_iter().chain(climb::left()).min()
}

/// `5 s`, `500 ms`.
pub fn in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

/// What to type where everything together took too long.
pub fn longer(limit: Duration) -> String {
    format!("give it longer: --timeout {}s", (limit.as_secs() * 2).max(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_how_long_it_has_and_ends_then() {
        assert_eq!(left(), None);
        let deadline = Instant::now() + Duration::from_millis(40);
        let known = until(deadline, async { left() }).await.flatten();
        assert!(known.is_some_and(|left| left <= Duration::from_millis(40)));
        assert_eq!(until(deadline, std::future::pending::<()>()).await, None);
        assert!(Instant::now() >= deadline);
    }
}
