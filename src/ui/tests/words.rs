//! What is said and offered: remarks, hints, the palette, help.

use super::fixture::{Fixture, config, denied};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::session::SessionEvent;
use crate::ui::effects::Effect;
use crate::ui::keymap::KEYMAP;
use crate::ui::message::Message;
use crate::ui::model::{Dialog, Screen};
use crate::ui::theme::Look;
use crate::ui::update::palette_commands;

#[test]
fn a_remark_goes_by_itself_and_what_went_wrong_stays_longer() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.model.notify("copied 7 B");
    fixture.later(4_000);
    fixture.send(Message::Tick);
    assert!(fixture.last_row().contains("copied"));
    fixture.later(1_000);
    fixture.send(Message::Tick);
    assert!(fixture.last_row().contains("Enter connect"), "{}", fixture.last_row());
    fixture.model.complain("the clipboard is not there");
    fixture.later(6_000);
    fixture.send(Message::Tick);
    assert!(fixture.last_row().contains("the clipboard"));
    fixture.later(7_000);
    fixture.send(Message::Tick);
    assert!(!fixture.last_row().contains("the clipboard"));
}

#[test]
fn a_remark_hides_neither_the_end_of_a_session_nor_the_warning_before_it() {
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.model.sessions.tabs[0].limits.idle = Some(std::time::Duration::from_secs(900));
    fixture.later(890_000);
    fixture.model.notify("copied 7 B");
    fixture.send(Message::Tick);
    assert!(
        fixture.last_row().contains("! idle 14:50/15:00"),
        "{}",
        fixture.last_row()
    );
    fixture.model.notify("copied 7 B");
    fixture.ended(tab, 3);
    assert!(fixture.last_row().starts_with(" exited 3"), "{}", fixture.last_row());
    let tab = {
        fixture.press("enter");
        fixture.open("dev-orders")
    };
    let problem = Problem::new(&catalogue::IO, "the disk is full");
    let event = SessionEvent::Unrecorded {
        problem: problem.into(),
        ends: true,
    };
    fixture.send(Message::Session { tab, event });
    fixture.ended(tab, 129);
    assert!(fixture.last_row().contains("must be recorded"), "why it ended");
}

#[test]
fn a_warning_of_the_launch_hides_neither_the_menu_nor_the_end() {
    const WARNING: &str = "A: the value is shorter than 4 characters";
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.model.complain(WARNING);
    let row = fixture.last_row();
    assert!(row.contains(WARNING) && row.ends_with(r"Ctrl-\ menu"), "{row}");
    fixture.ended(tab, 0);
    let row = fixture.last_row();
    assert!(row.starts_with(" exited 0") && row.contains("R reconnect"), "{row}");
}

#[test]
fn copy_mode_shows_an_end_that_is_near() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.model.sessions.tabs[0].limits.idle = Some(std::time::Duration::from_secs(900));
    fixture.press(r"ctrl-\ [");
    assert!(fixture.last_row().starts_with(" COPY") && !fixture.last_row().contains("ends in"));
    fixture.later(858_000);
    assert!(fixture.last_row().contains("ends in 0:42"), "{}", fixture.last_row());
}

#[test]
fn help_cuts_no_sentence_closes_by_escape_and_says_when_nothing_is_found() {
    for size in [(60, 15), (80, 24), (100, 30), (150, 40), (300, 80)] {
        let mut fixture = Fixture::checked(size.0, size.1);
        fixture.press("?");
        let mut seen = String::new();
        for _ in 0..60 {
            seen += &fixture.picture().replace('│', "\n");
            fixture.press("pgdn");
        }
        let words: Vec<&str> = seen.split_whitespace().collect();
        let seen = words.join(" ");
        for binding in KEYMAP.iter().filter(|binding| !binding.help.is_empty()) {
            assert!(seen.contains(binding.help), "{} at {size:?}", binding.help);
        }
        for symbol in ["● ok", "◐ checking", "! warning", "▌ cursor"] {
            assert!(seen.contains(symbol), "{symbol} at {size:?}");
        }
        fixture.press(r#""zzz""#);
        assert!(
            fixture.picture().contains("no key and no word"),
            "{}",
            fixture.picture()
        );
    }
    let mut fixture = Fixture::checked(80, 24);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ ?");
    assert!(fixture.last_row().contains("Esc close"), "{}", fixture.last_row());
}

#[test]
fn in_ascii_no_key_is_called_by_the_name_of_another() {
    let mut fixture = Fixture::checked(80, 24);
    fixture.model.look = Look {
        color: false,
        ascii: true,
    };
    fixture.press("?");
    fixture.press(r#""half""#);
    assert!(fixture.last_row().contains("Up/Down scroll"), "{}", fixture.last_row());
    fixture.press("ctrl-u");
    fixture.press(r#""ctrl-n""#);
    let picture = fixture.picture();
    assert!(picture.contains("j Down Ctrl-n"), "{picture}");
    fixture.press("esc down");
    fixture.press("2 left");
    assert!(
        fixture.last_row().contains("Left is not bound"),
        "{}",
        fixture.last_row()
    );
}

#[test]
fn the_palette_shows_the_keys_that_work_here() {
    let key = |fixture: &Fixture, name: &str| {
        let found = palette_commands(&fixture.model, "");
        let of: Vec<String> = found
            .iter()
            .filter(|c| c.text.trim() == name)
            .map(|c| c.key.clone())
            .collect();
        assert!(of.len() < 2, "{name} twice");
        of.into_iter().next()
    };
    let mut fixture = Fixture::checked(100, 30);
    assert_eq!(key(&fixture, "connect").as_deref(), Some(""));
    assert_eq!(key(&fixture, "quit").as_deref(), Some("q"));
    assert_eq!(key(&fixture, "help").as_deref(), Some("?"));
    assert_eq!(key(&fixture, "q"), None);
    fixture.open("dev-orders");
    assert_eq!(key(&fixture, "tab.next").as_deref(), Some(r"Ctrl-\ n"));
    assert_eq!(key(&fixture, "session.help").as_deref(), Some(r"Ctrl-\ ?"));
    assert_eq!(key(&fixture, "help"), None);
    assert_eq!(key(&fixture, "reload").as_deref(), Some(""), "R goes to the program");
    fixture.press(r"ctrl-\ r");
    assert_eq!(
        key(&fixture, "tab.next").as_deref(),
        Some(""),
        "there is no prefix here"
    );
    assert_eq!(
        (key(&fixture, "session.help"), key(&fixture, "reload").as_deref()),
        (None, Some("R"))
    );
}

#[test]
fn the_palette_takes_an_environment_and_asks_for_the_name_of_a_role() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"2 : "env_prod" enter"#);
    assert_eq!(fixture.model.roles.filter.text, "env:prod");
    assert_eq!(
        (fixture.model.screen, fixture.model.roles.shown.len()),
        (Screen::Roles, 3)
    );
    fixture.press(r#": "connect" enter"#);
    assert!(
        matches!(&fixture.model.dialog, Some(Dialog::Palette { input, .. }) if input.text == "connect "),
        "it asks which one"
    );
    fixture.press(r#"esc : "q" enter"#);
    assert_eq!(fixture.model.exit, Some(0));
}

#[test]
fn hints_say_where_escape_leads() {
    let mut fixture = Fixture::checked(100, 30);
    let fail = |fixture: &mut Fixture| {
        let generation = fixture.model.generation;
        let problems = vec![denied()];
        fixture.send(Message::OpenFailed { generation, problems });
    };
    fixture.press(r#": "connect_dev-orders" enter"#);
    assert!(!fixture.last_row().contains("cancel"), "{}", fixture.last_row());
    fixture.later(300);
    assert_eq!(fixture.last_row().trim(), "Esc cancel");
    fail(&mut fixture);
    assert!(
        fixture.last_row().contains("Esc back to roles"),
        "{}",
        fixture.last_row()
    );
    fixture.press("esc");
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ R y");
    fail(&mut fixture);
    assert!(
        fixture.last_row().contains("Esc back to the session"),
        "{}",
        fixture.last_row()
    );
    let mut alone = Fixture::checked(100, 30);
    alone.model.single = true;
    alone.press(r#": "connect_dev-orders" enter"#);
    fail(&mut alone);
    assert!(alone.last_row().contains("Esc quit"), "{}", alone.last_row());
}

#[test]
fn a_provider_that_logs_in_by_itself_offers_no_login() {
    for (settings, offers) in [
        ("", false),
        ("token = { secret = \"local:vault#token\" }", false),
        (
            "auth = { method = \"approle\", role_id = \"x\", secret_id = { secret = \"local:vault#id\" } }",
            false,
        ),
        ("auth = { method = \"oidc\" }", true),
        ("auth = { method = \"userpass\", username = \"me\" }", true),
        (
            "auth = { method = \"userpass\", username = \"me\", password = { secret = \"local:vault#me\" } }",
            false,
        ),
    ] {
        let providers = format!("[providers.vault]\naddress = \"https://vault.corp:8200\"\n{settings}\n");
        let roles = "[roles.a]\ncommand = [\"true\"]\nenv = \"dev\"\nfields.A = \"_vaultkv2:db:a\"\n";
        let config = config(&[("config.toml", providers.as_str()), ("roles.toml", roles)]);
        let rows = crate::ui::rows::provider_rows(&config);
        let vault = rows.iter().find(|row| row.name == "vault").unwrap();
        assert_eq!(vault.logs_in, offers, "{settings}");
    }
}

#[test]
fn hints_name_only_what_does_something() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("3");
    assert!(!fixture.last_row().contains("show"), "{}", fixture.last_row());
    fixture.press("2");
    assert!(
        fixture.last_row().contains("e edit config") && !fixture.last_row().contains("filter"),
        "{}",
        fixture.last_row()
    );
    let fixture = Fixture::checked(40, 10);
    assert!(fixture.last_row().contains("? help"), "{}", fixture.last_row());
}

#[test]
fn a_filter_that_leaves_nothing_has_true_hints() {
    let mut fixture = Fixture::checked(80, 24);
    fixture.press(r#"/ "env:prdo""#);
    assert!(
        fixture.last_row().starts_with(" Enter use suggestion  Esc clear"),
        "{}",
        fixture.last_row()
    );
    let picture = fixture.picture();
    assert!(
        picture.contains("environments in use: prod 3, dev 2, stage 1"),
        "{picture}"
    );
    fixture.press(r#"ctrl-u "zzzz" tab"#);
    assert!(
        fixture.last_row().starts_with(" Esc clear  ? help"),
        "{}",
        fixture.last_row()
    );
}

#[test]
fn a_login_is_offered_where_there_is_one() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("2");
    assert!(fixture.last_row().contains("a log in"), "{}", fixture.last_row());
    fixture.press("G");
    assert!(!fixture.last_row().contains("a log in"), "{}", fixture.last_row());
    fixture.press("a");
    assert!(
        fixture.last_row().contains("local has no login"),
        "{}",
        fixture.last_row()
    );
    assert!(fixture.effects.is_empty() && fixture.model.opening.is_none());
}

#[test]
fn an_unknown_key_on_a_failure_is_said_to_be_one() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "bouncer" enter enter"#);
    let generation = fixture.model.generation;
    fixture.send(Message::OpenFailed {
        generation,
        problems: vec![denied()],
    });
    fixture.press("w");
    assert!(fixture.last_row().contains("w is not bound"), "{}", fixture.last_row());
    assert!(
        fixture
            .effects
            .iter()
            .all(|effect| matches!(effect, Effect::Launch { .. }))
    );
}
