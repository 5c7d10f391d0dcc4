//! When a session must end: how long it may stand without a typed key, how long it may take at all, and what is left of both.

use std::fmt;
use std::time::Duration;

use crate::domain::policy::{SessionPolicy, length};

/// Before the end, a person is told when less than this is left, and then less than this.
pub const WARNINGS: [Duration; 2] = [Duration::from_secs(300), Duration::from_secs(60)];

/// A limit, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Without a typed key.
    Idle(Duration),
    /// Whatever happens in it.
    Longest(Duration),
}

impl Limit {
    fn length(self) -> Duration {
        match self {
            Self::Idle(length) | Self::Longest(length) => length,
        }
    }
}

impl fmt::Display for Limit {
    /// `idle 15m`, `max 4h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Idle(_) => "idle",
            Self::Longest(_) => "max",
        };
        write!(f, "{word} {}", length(self.length()))
    }
}

/// The limits of a session; none: it has no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub idle: Option<Duration>,
    pub longest: Option<Duration>,
}

impl Limits {
    /// What a policy sets. A command that nobody types at (`exec`) is never idle.
    pub fn of(policy: &SessionPolicy, typed_at: bool) -> Self {
        Self {
            idle: policy.idle_timeout.filter(|_| typed_at),
            longest: policy.max_duration,
        }
    }

    /// What is left of each limit for a session that has run so long and stood idle so long; the shorter one first.
    pub fn left(self, ran: Duration, idle: Duration) -> impl Iterator<Item = (Limit, Duration)> {
        let idle = self.idle.map(|limit| (Limit::Idle(limit), limit.saturating_sub(idle)));
        let longest = self
            .longest
            .map(|limit| (Limit::Longest(limit), limit.saturating_sub(ran)));
        let swap = matches!((idle, longest), (Some((_, idle)), Some((_, longest))) if longest < idle);
        let both = if swap { [longest, idle] } else { [idle, longest] };
        both.into_iter().flatten()
    }

    /// The limit that is reached first, and what is left of it.
    pub fn next(self, ran: Duration, idle: Duration) -> Option<(Limit, Duration)> {
        self.left(ran, idle).next()
    }
}

/// Up to which of the warnings what is left of a limit has come; 0 before the first. One as long as the limit itself would say nothing.
pub fn warnings(limit: Limit, left: Duration) -> usize {
    let due = |warning: &Duration| *warning < limit.length() && left <= *warning;
    WARNINGS.iter().rposition(due).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_limit_that_is_reached_first_comes_first() {
        let limits = Limits {
            idle: Some(15 * MINUTE),
            longest: Some(240 * MINUTE),
        };
        assert_eq!(
            limits.next(MINUTE, MINUTE),
            Some((Limit::Idle(15 * MINUTE), 14 * MINUTE))
        );
        assert_eq!(
            limits.next(239 * MINUTE, 2 * MINUTE),
            Some((Limit::Longest(240 * MINUTE), MINUTE))
        );
        assert_eq!(limits.next(999 * MINUTE, MINUTE).unwrap().1, Duration::ZERO);
        assert_eq!(Limits::default().next(999 * MINUTE, 999 * MINUTE), None);
    }

    #[test]
    fn warnings_come_five_minutes_and_one_minute_before_and_never_at_the_start() {
        let limit = Limit::Idle(15 * MINUTE);
        let due = |seconds| warnings(limit, Duration::from_secs(seconds));
        assert_eq!(
            [due(900), due(301), due(300), due(61), due(60), due(0)],
            [0, 0, 1, 1, 2, 2]
        );
        assert_eq!(warnings(Limit::Idle(5 * MINUTE), 5 * MINUTE), 0);
        assert_eq!(warnings(Limit::Longest(MINUTE), Duration::ZERO), 0);
        assert_eq!(
            warnings(Limit::Idle(2 * MINUTE), MINUTE),
            2,
            "the first one is too early"
        );
    }
}
