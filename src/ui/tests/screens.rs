//! Every screen at several sizes, as snapshots. A new picture is read by a person before it is accepted.

use super::fixture::{Fixture, denied};
use crate::ui::message::Message;

const SIZES: &[(u16, u16)] = &[(60, 15), (80, 24), (100, 30), (120, 40)];
const PSQL: &str = "psql (16.4, server 15.8)\r\nType \"help\" for help.\r\n\r\norders=> ";

/// Draws what `play` leads to at every size.
fn snapshots(name: &str, play: impl Fn(&mut Fixture)) {
    snapshots_at(SIZES, name, play);
}

/// The same at other sizes.
pub(super) fn snapshots_at(sizes: &[(u16, u16)], name: &str, play: impl Fn(&mut Fixture)) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots/ui");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        for (columns, rows) in sizes {
            let mut fixture = Fixture::checked(*columns, *rows);
            play(&mut fixture);
            insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), fixture.picture());
        }
    });
}

#[test]
fn roles() {
    snapshots("roles", |fixture| fixture.press("G"));
}

#[test]
fn roles_filtered() {
    snapshots("roles-filtered", |fixture| fixture.press(r#"/ "env:prod_pgb" enter"#));
}

#[test]
fn no_match() {
    snapshots("no-match", |fixture| fixture.press(r#"/ "env:prdo""#));
}

#[test]
fn detail_alone() {
    snapshots("detail", |fixture| fixture.press(r#"/ "prod-postgres" enter tab i"#));
}

#[test]
fn providers() {
    snapshots("providers", |fixture| fixture.press("2"));
}

#[test]
fn failing_provider() {
    snapshots("providers-failing", |fixture| fixture.press("2 G"));
}

#[test]
fn failure() {
    snapshots("failure", |fixture| {
        fixture.press(r#"/ "bouncer" enter enter"#);
        let generation = fixture.model.generation;
        fixture.send(Message::OpenFailed {
            generation,
            problems: vec![denied()],
        });
    });
}

#[test]
fn opening() {
    snapshots("opening", |fixture| {
        fixture.press("enter");
        fixture.later(1300);
    });
}

#[test]
fn session_of_production() {
    snapshots("session-prod", |fixture| {
        fixture.press(r#": "connect_prod-postgres" enter"#);
        fixture.started(PSQL);
        fixture.later(72_000);
    });
}

#[test]
fn session_menu() {
    snapshots("session-menu", |fixture| {
        fixture.press(r#": "connect_dev-orders" enter"#);
        fixture.started(PSQL);
        fixture.press(r"ctrl-\");
    });
}

#[test]
fn session_ended() {
    snapshots("session-ended", |fixture| {
        fixture.press(r#": "connect_dev-orders" enter"#);
        let tab = fixture.started(PSQL);
        fixture.ended(tab, 3);
    });
}

#[test]
fn list_of_sessions() {
    snapshots("sessions", |fixture| {
        for role in ["prod-postgres", "dev-orders", "dev-shell"] {
            fixture.press(&format!(r#": "connect_{role}" enter"#));
            fixture.started(PSQL);
            fixture.press(r"ctrl-\ r");
        }
        fixture.ended(2, 0);
        fixture.press("3");
    });
}

#[test]
fn no_sessions() {
    snapshots("sessions-none", |fixture| fixture.press("3"));
}

#[test]
fn quit_dialog() {
    snapshots("quit", |fixture| {
        fixture.press(r#": "connect_dev-orders" enter"#);
        fixture.started(PSQL);
        fixture.press(r"ctrl-\ r q");
    });
}

#[test]
fn help() {
    snapshots("help", |fixture| fixture.press("?"));
}

#[test]
fn help_filtered() {
    snapshots("help-filtered", |fixture| fixture.press(r#"? "page""#));
}

#[test]
fn palette() {
    snapshots("palette", |fixture| fixture.press(r#": "connect_prod""#));
}

#[test]
fn first_run() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots/ui");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        for (columns, rows) in SIZES {
            let fixture = Fixture::with(&[], *columns, *rows);
            insta::assert_snapshot!(format!("first-run-{columns}x{rows}"), fixture.picture());
        }
    });
}

#[test]
fn ascii_and_no_color_show_nothing_else() {
    for play in ["G", "2", "3", "?", ":", r#"/ "env:prdo""#] {
        let mut fixture = Fixture::checked(80, 24);
        fixture.model.look = crate::ui::theme::Look {
            color: false,
            ascii: true,
        };
        fixture.press(play);
        let picture = fixture.picture();
        assert!(picture.is_ascii(), "{picture}");
    }
    let mut fixture = Fixture::checked(80, 24);
    fixture.model.look = crate::ui::theme::Look {
        color: false,
        ascii: true,
    };
    let picture = fixture.picture();
    assert!(picture.contains("+ ok") && picture.contains("\n+---"), "{picture}");
}

/// A table that is wider than the pane, and a prompt.
const ROWS: &str = "id | payload\r\n";

fn long_session(fixture: &mut Fixture) {
    fixture.press(r#": "connect_prod-postgres" enter"#);
    let mut output = ROWS.to_owned();
    for id in 1..=60 {
        output += &format!(
            "{id:>2} | {}\r\n",
            "payment 字 settled ".repeat(id % 3 * 3 + 1).trim_end()
        );
    }
    fixture.started(&format!("{output}orders=> "));
}

#[test]
fn copy_mode() {
    snapshots("copy-mode", |fixture| {
        long_session(fixture);
        fixture.press("ctrl-\\ [ ctrl-u v k k");
    });
}

#[test]
fn copy_mode_search() {
    snapshots("copy-mode-search", |fixture| {
        long_session(fixture);
        fixture.press(r#"ctrl-\ / "payment_字"#);
    });
}

#[test]
fn copy_mode_found() {
    snapshots("copy-mode-found", |fixture| {
        long_session(fixture);
        fixture.press(r#"ctrl-\ / "settled" enter n"#);
    });
}

#[test]
fn clipboard_question() {
    snapshots("clipboard", |fixture| {
        fixture.press(r#": "connect_dev-orders" enter"#);
        let tab = fixture.started(PSQL);
        let emulator = fixture.model.sessions.active_tab().unwrap().emulator.clone();
        let coded = "c2VsZWN0ICogZnJvbSBwYXltZW50cwogd2hlcmUgc3RhdHVzID0gJ3NldHRsZWQnOwo=";
        emulator
            .lock()
            .unwrap()
            .feed(format!("\x1b]52;c;{coded}\x07").as_bytes());
        let event = crate::session::SessionEvent::Output;
        fixture.send(Message::Session { tab, event });
    });
}
