//! A probe under watch: every rung of its ladder has a time of its own, so that a hang ends where it happens and says where that was.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::patience::in_words;
use super::{DEFAULT_LIMIT, Provider, patience};
use crate::domain::address::is_in_the_clear;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::status::{ProviderStatus, Stage, State};

#[derive(Clone, Copy)]
struct Limits {
    rung: Duration,
    /// A provider that keeps to the same limit says better than we what it waited for: it gets the chance to.
    grace: Duration,
    whole: Duration,
}

/// One step of a check takes no longer than this where nobody gives it longer: a rung of the ladder, the question about one secret.
const STEP: Duration = Duration::from_secs(3);
/// And a whole ladder no longer than this.
const WHOLE: Duration = Duration::from_secs(10);
/// A step asks the server so many questions at most, one after the other; each of them has the provider's own limit.
const QUESTIONS: u32 = 3;

/// What the causes of silence are where the connection stands.
pub const SLOW: [&str; 2] = [
    "the server accepts connections and is slow or overloaded",
    "something in between takes the connection and does not pass it on",
];

/// How long one step of a check may take. `own` is what the provider's settings let one answer take, `asked` what the person gives the whole
/// check.
pub fn step(own: Duration, asked: Option<Duration>) -> Duration {
    let given = (own > DEFAULT_LIMIT).then(|| own * QUESTIONS);
    asked.or(given).unwrap_or(STEP).max(STEP)
}

/// What gives a provider that is slow to answer more time: for good, and for one check.
pub fn more_time(provider: &str, own: Duration, asked: Option<Duration>) -> Vec<String> {
    let longer = |known: Duration| in_words(Duration::from_secs(known.as_secs() + 1) * 2).replace(' ', "");
    vec![
        format!(
            "timeout = \"{}\"   in [providers.{provider}] (now {})",
            longer(own.max(DEFAULT_LIMIT)),
            in_words(own)
        ),
        format!("hallpass check --timeout {}", asked.map_or("30s".to_owned(), longer)),
    ]
}

impl Limits {
    fn of(own: Duration, asked: Option<Duration>) -> Self {
        let rung = step(own, asked);
        Self {
            rung,
            grace: Duration::from_millis(150),
            whole: if rung == STEP { WHOLE } else { WHOLE.max(rung * 2) },
        }
    }
}

tokio::task_local! {
    static CLIMB: Arc<Climb>;
    static FOLLOWED: Arc<Follower>;
}

/// Knows how far a probe has come that somebody else gives up.
#[derive(Default)]
pub struct Follower(Mutex<Option<Arc<Climb>>>);

impl Follower {
    /// Follows the probe in this work.
    pub async fn follow<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        FOLLOWED.scope(Arc::clone(self), work).await
    }

    /// The rungs that were climbed, and the one that was not left; all of them are skipped where no probe has begun.
    pub fn stages(&self) -> Vec<Stage> {
        let climb = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        climb
            .as_ref()
            .map_or_else(|| skipped(0).collect(), |climb| climb.stages())
    }
}

/// The rungs from this one on, which nobody has tried.
fn skipped(from: usize) -> impl Iterator<Item = Stage> {
    super::RUNGS.iter().skip(from).map(|name| Stage {
        name,
        state: State::Skipped,
        ms: None,
    })
}

/// How far a climb has come.
struct Climb {
    limits: Limits,
    /// The rungs behind it, and since when it is on the next one.
    at: Mutex<(Vec<Stage>, Instant)>,
}

/// Takes down the rungs that were climbed; the next one's time begins. Nothing outside a probe under watch.
#[cfg(any(feature = "net", test))]
pub(super) fn reached(stages: &[Stage]) {
    let _ = CLIMB.try_with(|climb| {
        *climb.at.lock().unwrap_or_else(PoisonError::into_inner) = (stages.to_vec(), Instant::now());
    });
}

/// How long a rung may take; outside a probe under watch, where it is only climbed to see where it ends, as long as where nobody gives it
/// longer.
#[cfg(any(feature = "net", test))]
pub(super) fn rung_limit() -> Duration {
    CLIMB.try_with(|climb| climb.limits.rung).unwrap_or(STEP)
}

/// What is left of this rung's time; none outside a probe under watch.
#[cfg(any(feature = "net", test))]
pub(super) fn left() -> Option<Duration> {
    let ends = CLIMB.try_with(|climb| climb.since() + climb.limits.rung).ok()?;
    Some(ends.saturating_duration_since(Instant::now()))
}

impl Climb {
    fn since(&self) -> Instant {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn given_up(&self) -> Instant {
        self.since() + self.limits.rung + self.limits.grace
    }

    /// The rungs that were climbed, and the one that was not left in time.
    fn stages(&self) -> Vec<Stage> {
        let mut stages = self.at.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        let stuck = stages.len();
        stages.extend(skipped(stuck));
        if let Some(stage) = stages.get_mut(stuck) {
            stage.state = State::Fail;
        }
        stages
    }
}

/// Probes a provider; a problem with the rungs as far as they were climbed if one of them takes longer than [`step`] lets it: 3 s, and 10 s
/// for all, unless somebody gives them longer. `secrets` are those that roles name; `asked` is what the person gives the whole check.
pub async fn probe(
    name: &str,
    provider: &dyn Provider,
    secrets: &[&SecretId],
    asked: Option<Duration>,
) -> Result<ProviderStatus, Problem> {
    let own = provider.limit();
    let probed = probe_within(name, provider, secrets, Limits::of(own, asked)).await;
    probed.map_err(|problem| problem.fixes(more_time(name, own, asked)))
}

async fn probe_within(
    name: &str,
    provider: &dyn Provider,
    secrets: &[&SecretId],
    limits: Limits,
) -> Result<ProviderStatus, Problem> {
    let climb = Arc::new(Climb {
        limits,
        at: Mutex::new((Vec::new(), Instant::now())),
    });
    let _ = FOLLOWED.try_with(|follower| {
        *follower.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&climb));
    });
    let probe = CLIMB.scope(Arc::clone(&climb), provider.probe_for(secrets));
    let probe = patience::until(Instant::now() + limits.whole, probe);
    tokio::pin!(probe);
    loop {
        tokio::select! {
            biased;
            status = &mut probe => {
                let mut status = status.ok_or_else(|| stuck(name, &climb, limits.whole))?;
                let endpoint = status.endpoint.clone();
                warn_of_clear_text(&mut status, &endpoint);
                return Ok(status);
            }
            () = sleep_until(climb.given_up()) => {
                // A rung that was left meanwhile is not the one that hangs.
                if climb.given_up() <= Instant::now() {
                    return Err(stuck(name, &climb, limits.rung));
                }
            }
        }
    }
}

/// A server that is well and spoken to in the clear is a warning.
pub(super) fn warn_of_clear_text(status: &mut ProviderStatus, address: &str) {
    if status.state == State::Ok && status.problem.is_none() && is_in_the_clear(address) {
        let what = format!(
            "provider `{}` is spoken to without TLS, at another machine",
            status.name
        );
        status.state = State::Warn;
        status.problem = Some(Problem::new(&catalogue::NET_CLEAR, what).steps(status.stages.clone()));
    }
}

fn stuck(name: &str, climb: &Climb, limit: Duration) -> Problem {
    let stages = climb.stages();
    let rung = stages.iter().find(|stage| stage.state == State::Fail);
    let at = rung.map_or_else(String::new, |stage| format!(" at the step `{}`", stage.name));
    let what = format!("provider `{name}` gave no answer within {}{at}", in_words(limit));
    let problem = Problem::new(&catalogue::NET_TIMEOUT, what);
    let connected = stages
        .iter()
        .any(|stage| stage.name == "tcp" && stage.state == State::Ok);
    let problem = if connected {
        problem.causes(SLOW.map(str::to_owned).to_vec())
    } else {
        problem
    };
    problem.steps(stages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::SecretId;
    use crate::providers::{Fetched, Inspected};

    const QUICK: Limits = Limits {
        rung: Duration::from_millis(300),
        grace: Duration::from_millis(10),
        whole: Duration::from_millis(600),
    };

    /// Takes this long for each rung.
    struct Slow(Vec<Duration>);

    #[async_trait::async_trait]
    impl Provider for Slow {
        fn endpoint(&self) -> String {
            String::new()
        }

        async fn probe(&self) -> ProviderStatus {
            let mut stages = Vec::new();
            for (name, pause) in super::super::RUNGS.iter().zip(&self.0) {
                assert!(left().is_some_and(|left| left <= QUICK.rung));
                tokio::time::sleep(*pause).await;
                stages.push(Stage {
                    name,
                    state: State::Ok,
                    ms: None,
                });
                reached(&stages);
            }
            ProviderStatus {
                stages,
                ..ProviderStatus::new("slow", "vault", String::new())
            }
        }

        async fn inspect(&self, _: &SecretId, _: &[&str]) -> Result<Inspected, Problem> {
            unreachable!("nothing is inspected")
        }

        async fn fetch(&self, _: &SecretId) -> Result<Fetched, Problem> {
            unreachable!("nothing is fetched")
        }
    }

    /// What comes of a probe whose rungs take so many milliseconds.
    async fn climbed(rungs: &[u64]) -> Result<ProviderStatus, Problem> {
        let slow = Slow(rungs.iter().map(|ms| Duration::from_millis(*ms)).collect());
        probe_within("slow", &slow, &[], QUICK).await
    }

    #[tokio::test]
    async fn a_rung_that_hangs_ends_the_climb_where_it_is() {
        let started = Instant::now();
        let problem = climbed(&[1, 100, 100, 60_000]).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(20));
        assert_eq!(problem.code.id, "E-NET-TIMEOUT");
        assert_eq!(
            problem.what,
            "provider `slow` gave no answer within 300 ms at the step `tls`"
        );
        let states: Vec<&str> = problem.steps.iter().map(|stage| stage.state.word()).collect();
        assert_eq!(states, ["ok", "ok", "ok", "fail", "skipped", "skipped"]);
        assert_eq!(problem.causes, SLOW, "the server accepted the connection");
        let problem = climbed(&[1, 1, 60_000]).await.unwrap_err();
        assert!(
            problem.causes.iter().any(|cause| cause.contains("firewall")),
            "nobody did"
        );
    }

    #[test]
    fn a_step_takes_as_long_as_somebody_gives_it() {
        let seconds = Duration::from_secs;
        assert_eq!(step(seconds(5), None), seconds(3));
        assert_eq!(step(seconds(1), None), seconds(3), "the provider itself ends sooner");
        assert!(step(seconds(8), None) >= seconds(8));
        assert_eq!(step(seconds(5), Some(seconds(30))), seconds(30));
        assert!(
            Limits::of(seconds(8), None).whole >= seconds(24),
            "several steps are slow"
        );
        assert_eq!(
            more_time("eu", seconds(5), None),
            [
                "timeout = \"12s\"   in [providers.eu] (now 5 s)",
                "hallpass check --timeout 30s"
            ]
        );
        assert_eq!(
            more_time("eu", seconds(2), Some(seconds(30)))[1],
            "hallpass check --timeout 62s"
        );
    }

    #[tokio::test]
    async fn whoever_gives_a_probe_up_knows_how_far_it_had_come() {
        let states =
            |follower: &Follower| -> Vec<&str> { follower.stages().iter().map(|stage| stage.state.word()).collect() };
        let follower = Arc::new(Follower::default());
        assert_eq!(states(&follower), ["skipped"; 6]);
        let given_up = tokio::time::timeout(Duration::from_millis(100), follower.follow(climbed(&[1, 60_000])));
        assert!(given_up.await.is_err());
        assert_eq!(
            states(&follower),
            ["ok", "fail", "skipped", "skipped", "skipped", "skipped"]
        );
    }

    #[tokio::test]
    async fn slow_rungs_are_no_hang_until_all_of_them_take_too_long() {
        assert!(climbed(&[1, 150, 150, 150, 1, 1]).await.is_ok(), "none takes 300 ms");
        let problem = climbed(&[250, 250, 250, 250, 1, 1]).await.unwrap_err();
        assert!(problem.what.contains("within 600 ms"), "{}", problem.what);
    }

    #[test]
    fn clear_text_is_a_warning_of_what_is_well() {
        let warned = |state, address: &str| {
            let mut status = ProviderStatus::new("far", "vault", address.to_owned());
            status.state = state;
            warn_of_clear_text(&mut status, address);
            (status.state, status.problem.map(|problem| problem.code.id))
        };
        let far = "http://vault.corp:8200, namespace team";
        assert_eq!(warned(State::Ok, far), (State::Warn, Some("E-NET-CLEAR")));
        assert_eq!(warned(State::Fail, far), (State::Fail, None));
        assert_eq!(warned(State::Ok, "http://127.0.0.1:8200"), (State::Ok, None));
    }

    #[tokio::test]
    async fn outside_a_probe_nothing_is_watched() {
        reached(&[]);
        assert_eq!(left(), None);
    }
}
