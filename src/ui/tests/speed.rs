//! How long a key takes with a long list. The figure of the benchmark is measured in release; this catches a slide into the quadratic.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::fixture::Fixture;

#[test]
fn a_key_with_5000_roles_is_quick() {
    let mut roles = String::new();
    for i in 0..5000 {
        let env = ["prod", "stage", "dev"][i % 3];
        write!(
            roles,
            "[roles.{env}-service-{i}]\nenv = \"{env}\"\ncommand = [\"sh\"]\nfields.A = \"_envs/NAME\"\n"
        )
        .unwrap();
    }
    let mut fixture = Fixture::with(&[("roles.toml", &roles)], 120, 40);
    assert_eq!(fixture.model.roles.rows.len(), 5000);
    let mut times: Vec<Duration> = Vec::new();
    for key in [
        "j",
        "j",
        "G",
        "/",
        "s",
        "e",
        "r",
        "v",
        "4",
        "2",
        "backspace",
        "backspace",
        "esc",
        "ctrl-d",
        "k",
    ] {
        let start = Instant::now();
        fixture.press(key);
        fixture.picture();
        times.push(start.elapsed());
    }
    times.sort();
    let slow = times[times.len() * 95 / 100 - 1];
    // Unoptimised and beside other tests: an order of magnitude above what release is held to.
    assert!(
        slow < Duration::from_millis(if cfg!(debug_assertions) { 400 } else { 8 }),
        "{times:?}"
    );
}
