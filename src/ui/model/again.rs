//! When what was looked at is looked at again.

use jiff::{SignedDuration, Timestamp};

use crate::domain::problem::Problem;

/// Seconds after which something is looked at again.
const LOOK_AGAIN: i64 = 60;
/// The most seconds: what fails is looked at less and less often.
const LOOK_AGAIN_AT_MOST: i64 = 300;

/// When to look again at what was looked at then and has failed so many times in a row; never while only a person can do something about it.
pub(super) fn look_again(at: Timestamp, failures: u32, problem: Option<&Problem>) -> Option<Timestamp> {
    let pause = LOOK_AGAIN
        .saturating_mul(failures.max(1).into())
        .min(LOOK_AGAIN_AT_MOST);
    let wanted = problem.is_none_or(|problem| !problem.wants_person());
    wanted.then(|| at + SignedDuration::from_secs(pause))
}
