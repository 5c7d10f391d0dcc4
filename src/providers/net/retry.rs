//! When a request is sent again: reads alone, three times at most, with pauses that many clients do not share, and as the server asks
//! with `Retry-After` (RFC 9110, section 10.2.3) as long as the person still waits.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Request};

use super::http::{Answer, Fault, send};
use crate::providers::patience;

/// How often a read is sent at most.
const ATTEMPTS: u32 = 3;
/// The longest pause that a server gets by asking for it; one that asks for more is not waited for at all.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The attempts at one request.
pub(in crate::providers) struct Attempts {
    made: u32,
    idempotent: bool,
}

impl Attempts {
    /// `idempotent` for a request that can arrive twice without doing anything twice.
    pub(in crate::providers) fn new(idempotent: bool) -> Self {
        Self { made: 0, idempotent }
    }

    /// Whether to send again after this outcome; waits before it says yes.
    pub(in crate::providers) async fn another(&mut self, outcome: &Result<Answer, Fault>) -> bool {
        self.made += 1;
        let Some(pause) = self.pause(outcome) else { return false };
        if patience::left().is_some_and(|left| left <= pause) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    fn pause(&self, outcome: &Result<Answer, Fault>) -> Option<Duration> {
        if !self.idempotent || self.made >= ATTEMPTS {
            return None;
        }
        let asked = match outcome {
            Err(Fault::Broken) => None,
            Ok(answer) if matches!(answer.status, 429 | 500 | 502 | 503 | 504) => answer.retry_after,
            _ => return None,
        };
        match asked {
            Some(asked) => (asked <= LONGEST_PAUSE).then(|| asked + jitter()),
            None => Some(jitter() * 4u32.pow(self.made - 1)),
        }
    }
}

/// Sends a request, again where that may help.
#[allow(
    dead_code,
    reason = "a provider that looks at the answers in between has a loop of its own"
)]
pub(in crate::providers) async fn send_again(
    client: &Client,
    request: Request,
    idempotent: bool,
) -> Result<Answer, Fault> {
    let mut attempts = Attempts::new(idempotent);
    loop {
        let Some(copy) = request.try_clone() else {
            return send(client, request).await;
        };
        let outcome = send(client, copy).await;
        if !attempts.another(&outcome).await {
            return outcome;
        }
    }
}

/// The pause that a `Retry-After` asks for: seconds, or a date by the server's own clock (its `Date`, where it sends one).
pub(super) fn retry_after(text: &str, date: Option<&str>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp());
    let now = date.and_then(moment).unwrap_or_else(Timestamp::now);
    let seconds = moment(text)?.as_second() - now.as_second();
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

/// 50 to 150 ms, so that many clients of one server do not come back at once.
fn jitter() -> Duration {
    let mut byte = [0u8; 1];
    // Without random numbers the pause is merely less random.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(50 + u64::from(byte[0]) * 100 / 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn answer(status: u16, retry_after: Option<u64>) -> Result<Answer, Fault> {
        Ok(Answer {
            status,
            location: None,
            date: None,
            retry_after: retry_after.map(Duration::from_secs),
            challenge: None,
            body: zeroize::Zeroizing::default(),
        })
    }

    /// The pauses between the attempts at a request that always ends like this, in milliseconds.
    fn pauses(idempotent: bool, outcome: &Result<Answer, Fault>) -> Vec<u128> {
        let mut attempts = Attempts::new(idempotent);
        let next = || {
            attempts.made += 1;
            Some(attempts.pause(outcome)?.as_millis())
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn reads_are_sent_three_times_and_nothing_else_is() {
        for status in [429, 500, 502, 503, 504] {
            let pauses_of_it = pauses(true, &answer(status, None));
            let [first, second] = pauses_of_it[..] else {
                panic!("{status}: {pauses_of_it:?}")
            };
            assert!((50..=150).contains(&first) && (200..=600).contains(&second), "{status}");
            assert!(pauses(false, &answer(status, None)).is_empty(), "{status}");
        }
        assert_eq!(pauses(true, &Err(Fault::Broken)).len(), 2);
        for status in [200, 400, 403, 404, 501] {
            assert!(pauses(true, &answer(status, Some(1))).is_empty(), "{status}");
        }
        for fault in [Fault::Timeout, Fault::Connect, Fault::TooLarge, Fault::Unsendable] {
            assert!(pauses(true, &Err(fault)).is_empty());
        }
    }

    #[test]
    fn the_server_may_ask_for_a_pause_of_half_a_minute() {
        let seconds = |asked| -> Vec<u128> {
            let pauses = pauses(true, &answer(503, Some(asked)));
            pauses.iter().map(|pause| pause / 1000).collect()
        };
        assert_eq!(seconds(7), [7, 7]);
        assert_eq!(seconds(30), [30, 30]);
        assert_eq!(seconds(31), []);
        assert_eq!(seconds(86_400), []);
    }

    #[tokio::test]
    async fn a_pause_that_nobody_waits_for_is_not_made() {
        let (mut attempts, started) = (Attempts::new(true), Instant::now());
        let deadline = started + Duration::from_secs(5);
        let sent = patience::until(deadline, attempts.another(&answer(429, Some(7)))).await;
        assert_eq!(sent, Some(false));
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn seconds_dates_and_garbage() {
        let date = Some("Sun, 06 Nov 1994 08:49:30 GMT");
        let later = |text| retry_after(text, date).map(|pause| pause.as_secs());
        assert_eq!(later(" 120 "), Some(120));
        assert_eq!(later("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(later("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0), "already over");
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", None), Some(Duration::ZERO));
        for garbage in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(later(garbage), None, "{garbage}");
        }
    }
}
