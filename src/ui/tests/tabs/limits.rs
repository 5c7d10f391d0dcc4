//! The idle limit and the longest duration: what the status line says, and who is idle.

use std::time::Duration;

use super::*;
use crate::domain::limits::{Limit, Limits};
use crate::session::Ending;

const MINUTE: u64 = 60;

/// The session of production in front, with limits of so many minutes.
fn limited(fixture: &mut Fixture, idle: u64, longest: u64) {
    open_many(fixture, 1);
    fixture.model.sessions.tabs[0].limits = Limits {
        idle: (idle > 0).then(|| Duration::from_secs(idle * MINUTE)),
        longest: (longest > 0).then(|| Duration::from_secs(longest * MINUTE)),
    };
    fixture.effects.clear();
}

fn tick_after(fixture: &mut Fixture, seconds: i64) -> usize {
    fixture.later(seconds * 1000);
    fixture.send(Message::Tick);
    let rang = fixture.take(|effect| matches!(effect, Effect::Bell).then_some(()));
    rang.len()
}

#[test]
fn what_is_left() {
    snapshots_at(SIZES, "limits", |fixture| {
        limited(fixture, 15, 240);
        tick_after(fixture, 1120);
        fixture.press("a");
        fixture.later(12_000);
    });
}

#[test]
fn what_is_left_is_nearly_nothing() {
    snapshots_at(&[(60, 8), (80, 24)], "limits-near", |fixture| {
        let (columns, rows) = fixture.model.size;
        fixture.send(Message::Resize { columns: 80, rows: 24 });
        limited(fixture, 15, 240);
        fixture.send(Message::Resize { columns, rows });
        tick_after(fixture, 14 * 60 + 30);
    });
}

#[test]
fn it_warns_five_minutes_and_one_minute_before_once_each() {
    let mut fixture = Fixture::checked(100, 30);
    limited(&mut fixture, 15, 0);
    let title = |fixture: &Fixture| crate::ui::view::window_title(&fixture.model);
    assert_eq!(tick_after(&mut fixture, 599), 0);
    assert_eq!(title(&fixture), "PROD prod-postgres");
    assert_eq!(tick_after(&mut fixture, 1), 1);
    assert_eq!(title(&fixture), "PROD prod-postgres · ends within 5m");
    assert_eq!(tick_after(&mut fixture, 10), 0);
    assert_eq!(tick_after(&mut fixture, 230), 1);
    assert_eq!(title(&fixture), "PROD prod-postgres · ends within 1m");
    assert!(
        fixture.last_row().contains("idle 14:00/15:00"),
        "{}",
        fixture.last_row()
    );
    fixture.press("a");
    assert_eq!(tick_after(&mut fixture, 1), 0, "a key begins the time anew");
    assert_eq!(title(&fixture), "PROD prod-postgres");
    assert_eq!(tick_after(&mut fixture, 600), 1, "and the warnings with it");
}

#[test]
fn a_session_behind_is_warned_of_by_name() {
    let mut fixture = Fixture::checked(100, 30);
    limited(&mut fixture, 0, 60);
    open(&mut fixture, "dev-shell", "$ ");
    assert_eq!(tick_after(&mut fixture, 3300), 1);
    assert!(
        fixture.last_row().contains("prod-postgres ends in 5:00: max 1h"),
        "{}",
        fixture.last_row()
    );
    assert!(first_row(&fixture).contains("1:P prod-postgres !"));
}

#[test]
fn only_what_a_person_does_says_that_somebody_is_there() {
    let mut fixture = Fixture::checked(100, 30);
    limited(&mut fixture, 15, 0);
    output(&mut fixture, 1, b"\x1b[?1004h\x1b[?1000h\x1b[?1006h and output");
    fixture.effects.clear();
    fixture.send(Message::Focus(false));
    fixture.press(r"ctrl-\ esc");
    let typed = |fixture: &mut Fixture| {
        fixture
            .take(|effect| matches!(effect, Effect::Typed { .. }).then_some(()))
            .len()
    };
    assert_eq!(typed(&mut fixture), 0);
    fixture.press("a");
    fixture.send(Message::Paste("b".to_owned()));
    assert_eq!(typed(&mut fixture), 2);
}

#[test]
fn the_end_bar_says_which_limit_it_was() {
    let mut fixture = Fixture::checked(100, 30);
    limited(&mut fixture, 15, 0);
    let ending = Ending {
        code: 129,
        signal: Some(1),
        ran: Duration::from_secs(1862),
        masked: 0,
        limit: Some(Limit::Idle(Duration::from_secs(15 * MINUTE))),
        unwritten: None,
    };
    let event = SessionEvent::Ended(ending);
    fixture.send(Message::Session { tab: 1, event });
    assert!(
        fixture
            .last_row()
            .starts_with(" ended: idle 15m, after 31m02s — Enter back · R reconnect"),
        "{}",
        fixture.last_row()
    );
}
