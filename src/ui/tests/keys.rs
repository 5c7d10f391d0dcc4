//! What keys do: messages in, effects and the model out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::fixture::Fixture;
use crate::session::SessionEvent;
use crate::ui::effects::Effect;
use crate::ui::front::Front;
use crate::ui::keymap::KEYMAP;
use crate::ui::message::Message;
use crate::ui::model::{Check, Dialog, Screen};

fn sent(fixture: &mut Fixture) -> Vec<(u64, Vec<u8>)> {
    fixture.take(|effect| match effect {
        Effect::Send { tab, bytes } => Some((*tab, bytes.clone())),
        _ => None,
    })
}

#[test]
fn find_and_open_within_a_few_keys() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "devord" enter enter"#);
    assert_eq!(fixture.launches(), ["dev-orders"]);
}

#[test]
fn a_filter_that_matches_nothing_offers_the_nearest() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "env:prdo""#);
    assert!(fixture.picture().contains("No role matches"));
    assert!(fixture.picture().contains("did you mean  env:prod"));
    fixture.press("enter");
    assert_eq!(fixture.model.roles.filter.text, "env:prod");
    assert_eq!(fixture.model.roles.shown.len(), 3);
}

#[test]
fn a_value_that_is_still_typed_matches_by_its_beginning() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "env:pr""#);
    assert_eq!(fixture.model.roles.shown.len(), 3);
}

#[test]
fn escape_clears_the_filter_keeps_the_role_and_never_quits() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "stage" enter"#);
    let name = fixture.model.roles.selected_row().unwrap().name.clone();
    fixture.press("esc esc esc esc");
    assert_eq!(fixture.model.roles.selected_row().unwrap().name, name);
    assert_eq!(fixture.model.roles.shown.len(), 6);
    assert_eq!(fixture.model.exit, None);
}

#[test]
fn unknown_keys_do_nothing_and_say_so() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("w");
    assert!(fixture.effects.is_empty());
    assert!(fixture.last_row().contains("not bound"));
}

#[test]
fn q_at_the_top_leaves_without_sessions() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("2 q");
    assert_eq!(fixture.model.screen, Screen::Roles);
    fixture.press("q");
    assert_eq!(fixture.model.exit, Some(0));
}

#[test]
fn quitting_with_sessions_asks_and_enter_stays() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ r q");
    assert!(fixture.picture().contains("1 session"));
    fixture.press("q q q");
    assert!(fixture.model.dialog.is_some(), "a key that repeats must not answer");
    fixture.press("enter");
    assert!(fixture.model.dialog.is_none());
    assert_eq!((fixture.model.exit, fixture.model.sessions.live()), (None, 1));
    assert!(
        !fixture
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::HangUp { .. }))
    );
}

#[test]
fn quitting_for_good_ends_the_sessions_first() {
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.press(r"ctrl-\ r q tab enter");
    let hung_up = fixture.take(|effect| match effect {
        Effect::HangUp { tab } => Some(*tab),
        _ => None,
    });
    assert_eq!((hung_up, fixture.model.exit), (vec![tab], None));
    fixture.ended(tab, 129);
    assert_eq!(fixture.model.exit, Some(0));
}

#[test]
fn a_session_that_does_not_end_does_not_hold_us_for_ever() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.send(Message::Signal(143));
    assert_eq!(fixture.model.exit, None);
    fixture.later(9_000);
    fixture.send(Message::Tick);
    assert_eq!(fixture.model.exit, Some(143));
}

#[test]
fn keys_in_a_session_go_to_its_program() {
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.press("q ? : / esc ctrl-c enter tab");
    let bytes: Vec<u8> = sent(&mut fixture)
        .into_iter()
        .filter(|(to, _)| *to == tab)
        .flat_map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(bytes, b"q?:/\x1b\x03\r\t");
}

#[test]
fn prefix_shows_the_menu_and_an_unknown_key_is_not_sent() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\");
    assert!(fixture.picture().contains("pick a key"));
    fixture.press("Q");
    assert!(!fixture.picture().contains("pick a key"));
    assert!(fixture.last_row().contains("not bound"));
    assert!(sent(&mut fixture).is_empty());
}

#[test]
fn prefix_twice_sends_it_once_however_the_terminal_names_it() {
    for key in [
        KeyEvent::new(KeyCode::Char('4'), KeyModifiers::CONTROL),
        KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::CONTROL),
    ] {
        let mut fixture = Fixture::checked(100, 30);
        let tab = fixture.open("dev-orders");
        fixture.send(Message::Key(key));
        assert!(fixture.effects.is_empty());
        fixture.send(Message::Key(key));
        assert_eq!(sent(&mut fixture), [(tab, vec![0x1c])]);
    }
}

#[test]
fn the_prefix_is_configurable() {
    let roles = "[roles.dev-sh]\nenv = \"dev\"\ncommand = [\"sh\"]\n";
    let mut fixture = Fixture::with(
        &[("config.toml", "[session]\nprefix = \"tmux\"\n"), ("roles.toml", roles)],
        100,
        30,
    );
    let tab = fixture.open("dev-sh");
    fixture.press(r"ctrl-\");
    assert_eq!(sent(&mut fixture), [(tab, vec![0x1c])]);
    fixture.press("ctrl-b");
    assert!(fixture.picture().contains("Ctrl-b … pick a key"));
}

#[test]
fn tabs_by_number_mark_unseen_output() {
    let mut fixture = Fixture::checked(100, 30);
    for role in ["dev-orders", "stage-redis", "dev-shell"] {
        fixture.open(role);
        fixture.press(r"ctrl-\ r");
    }
    fixture.press(r#": "connect_prod-postgres" enter esc"#);
    fixture.press("3 g enter");
    fixture.send(Message::Session {
        tab: 3,
        event: SessionEvent::Output,
    });
    let first = fixture.picture().lines().next().unwrap().to_owned();
    assert!(
        first.contains("1:dev-orders*") && first.contains("3:dev-shell !"),
        "{first}"
    );
    fixture.press(r"ctrl-\ 3");
    let first = fixture.picture().lines().next().unwrap().to_owned();
    assert!(first.contains("3:dev-shell*"), "{first}");
    fixture.press(r"ctrl-\ \");
    assert_eq!(fixture.model.sessions.active, 0);
    fixture.press(r"ctrl-\ p");
    assert_eq!(fixture.model.sessions.active, 2);
    fixture.press(r"ctrl-\ n");
    assert_eq!(fixture.model.sessions.active, 0);
}

#[test]
fn the_end_of_a_session_says_code_and_time_and_the_keys_work() {
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.ended(tab, 3);
    assert!(
        fixture
            .last_row()
            .starts_with(" exited 3 after 11m32s — Enter back · R reconnect"),
        "{}",
        fixture.last_row()
    );
    fixture.press("R");
    fixture.started("again");
    assert_eq!(fixture.model.sessions.tabs.len(), 1);
    assert_eq!(fixture.model.sessions.live(), 1);
    let tab = fixture.model.sessions.tabs[0].id;
    fixture.ended(tab, 0);
    fixture.press("enter");
    assert_eq!(fixture.model.screen, Screen::Roles);
    assert!(fixture.model.sessions.tabs.is_empty());
}

#[test]
fn the_keys_of_everywhere_work_at_the_end_of_a_session_and_others_say_so() {
    let mut fixture = Fixture::checked(100, 30);
    let tab = fixture.open("dev-orders");
    fixture.ended(tab, 3);
    fixture.press("z");
    assert!(
        fixture.last_row().contains("z is not bound, ? for help"),
        "{}",
        fixture.last_row()
    );
    fixture.press("?");
    assert!(fixture.picture().contains("Help"), "{}", fixture.picture());
    fixture.press("esc 2");
    assert_eq!(fixture.model.screen, Screen::Providers);
    fixture.press("3 enter esc");
    assert!(fixture.model.sessions.tabs.is_empty());

    let mut small = Fixture::checked(40, 10);
    let tab = small.open("dev-orders");
    small.ended(tab, 129);
    assert!(small.last_row().contains("Enter back"), "{}", small.last_row());
}

#[test]
fn started_for_one_role_its_exit_code_is_ours() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.model.single = true;
    let tab = fixture.open("dev-orders");
    fixture.ended(tab, 42);
    assert_eq!(fixture.model.exit, None);
    fixture.press("enter");
    assert_eq!(fixture.model.exit, Some(42));
}

#[test]
fn checks_are_answered_in_their_cell_and_late_answers_dropped() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "dev-shell" enter c"#);
    let asked = fixture.take(|effect| match effect {
        Effect::CheckRole { generation, role } => Some((*generation, role.clone())),
        _ => None,
    });
    assert_eq!(asked.len(), 1);
    assert!(matches!(fixture.model.roles.checks["dev-shell"], Check::Running { .. }));
    fixture.press("ctrl-c");
    assert!(matches!(fixture.model.roles.checks["dev-shell"], Check::Done(_)));
    assert!(
        fixture
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::CancelChecks))
    );
    let mut status = super::fixture::role_status(&fixture.model, "dev-shell");
    status.state = crate::domain::status::State::Fail;
    fixture.send(Message::RoleChecked {
        generation: asked[0].0,
        status,
    });
    assert!(
        matches!(&fixture.model.roles.checks["dev-shell"], Check::Done(known) if known.status.state == crate::domain::status::State::Ok)
    );
}

#[test]
fn checking_everything_asks_a_few_at_a_time() {
    let mut roles = String::new();
    for i in 0..100 {
        roles.push_str(&format!(
            "[roles.r{i}]\nenv = \"dev\"\ncommand = [\"sh\"]\nfields.A = \"_envs/NAME\"\n"
        ));
    }
    let mut fixture = Fixture::with(&[("roles.toml", &roles)], 100, 30);
    fixture.press("C");
    let asked = fixture.take(|effect| matches!(effect, Effect::CheckRole { .. }).then_some(()));
    assert_eq!(asked.len(), 64);
}

#[test]
fn twice_ctrl_c_asks_to_quit() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.press(r"ctrl-\ r ctrl-c");
    assert!(fixture.model.dialog.is_none());
    fixture.press("ctrl-c");
    assert!(matches!(fixture.model.dialog, Some(Dialog::Quit { leave: false })));
}

#[test]
fn y_copies_the_command() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "stage" enter y"#);
    let copied = fixture.take(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!(copied, ["hallpass connect stage-redis"]);
    let roles = "[roles.\"the shop\"]\nenv = \"dev\"\ncommand = [\"sh\"]\n";
    let mut fixture = Fixture::with(&[("roles.toml", roles)], 100, 30);
    fixture.model.program = "hallpass --profile work".to_owned();
    fixture.press("y");
    let copied = fixture.take(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!(copied, ["hallpass --profile work connect 'the shop'"]);
}

#[test]
fn a_broken_role_is_listed_and_enter_shows_why() {
    let bad = "[roles.bad]\nenv = \"dev\"\ncommand = [\"sh\"]\nfields.A = \"_vaultkv3:secret/x:password\"\n";
    let good = "[roles.dev-orders]\nenv = \"dev\"\ncommand = [\"sh\"]\n";
    let mut fixture = Fixture::with(&[("roles.toml", good), ("roles.d/bad.toml", bad)], 100, 30);
    let picture = fixture.picture();
    assert!(
        picture.contains("1 config problem") && picture.contains("dev-orders") && picture.contains("✗ invalid"),
        "{picture}"
    );
    fixture.press(r#"/ "bad" enter enter"#);
    assert!(fixture.picture().contains("E-CONFIG-REF-SYNTAX"));
    assert!(fixture.launches().is_empty());
}

#[test]
fn the_first_run_explains_itself_and_escape_leaves() {
    let mut fixture = Fixture::with(&[], 100, 30);
    assert!(fixture.picture().contains("No roles yet"));
    fixture.press("esc");
    assert_eq!(fixture.model.exit, Some(0));
}

#[test]
fn help_lists_every_binding() {
    let mut fixture = Fixture::checked(300, 80);
    fixture.press("?");
    let picture = fixture.picture();
    for binding in KEYMAP.iter().filter(|binding| !binding.help.is_empty()) {
        assert!(picture.contains(binding.help), "{} is missing", binding.help);
    }
}

#[test]
fn a_resize_reaches_every_session() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.open("dev-orders");
    fixture.effects.clear();
    fixture.send(Message::Resize { columns: 60, rows: 15 });
    let sizes = fixture.take(|effect| match effect {
        Effect::Resize { size, .. } => Some((size.columns, size.rows)),
        _ => None,
    });
    assert_eq!(sizes, [(60, 13)]);
    fixture.send(Message::Resize { columns: 100, rows: 30 });
    fixture.press(r"ctrl-\ z");
    let sizes = fixture.take(|effect| match effect {
        Effect::Resize { size, .. } => Some((size.columns, size.rows)),
        _ => None,
    });
    assert_eq!(sizes, [(98, 26), (100, 28)]);
}

/// Whether the screen is drawn anew after a message; else what was closed would stand there for another second.
fn draws(fixture: &mut Fixture, message: Message) -> bool {
    let before = Front::before(&fixture.model, &message);
    let effects = crate::ui::update::update(&mut fixture.model, message);
    Front::changed(before, &fixture.model, &effects)
}

#[test]
fn a_key_that_is_passed_on_draws_only_what_it_has_changed() {
    let key = |c| Message::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    let mut fixture = Fixture::checked(80, 24);
    fixture.press(r#": "connect_prod-postgres" enter"#);
    let tab = fixture.started(&"line\r\n".repeat(100));
    assert!(!draws(&mut fixture, key('x')), "its echo will");
    // A question that was answered.
    fixture.send(Message::Paste("select 1;\n".to_owned()));
    fixture.later(1000);
    assert!(fixture.model.dialog.is_some());
    assert!(draws(&mut fixture, key('P')) && fixture.model.dialog.is_none());
    // The menu, closed by the prefix itself.
    fixture.press(r"ctrl-\");
    let prefix = Message::Key(KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::CONTROL));
    assert!(draws(&mut fixture, prefix) && !fixture.model.sessions.prefix);
    fixture.model.notify("a remark");
    assert!(draws(&mut fixture, key('x')));
    fixture.press(r"ctrl-\ pgup");
    assert!(draws(&mut fixture, key('x')), "back to the newest line");
    assert!(!draws(&mut fixture, key('x')));
    // A tab that nobody sees, whose mark is drawn.
    fixture.press(r"ctrl-\ r");
    let event = SessionEvent::Output;
    assert!(draws(
        &mut fixture,
        Message::Session {
            tab,
            event: event.clone()
        }
    ));
    assert!(!draws(&mut fixture, Message::Session { tab, event }));
}
