//! Launches that fail or are given up, and what is done about them: passphrases, logins, another try.

use super::fixture::{Fixture, denied};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::launch::Errand;
use crate::ui::effects::Effect;
use crate::ui::message::Message;
use crate::ui::model::{Dialog, Screen};

#[test]
fn a_failure_shows_its_parts_and_its_keys_work() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "bouncer" enter enter"#);
    let generation = fixture.model.generation;
    fixture.send(Message::OpenFailed {
        generation,
        problems: vec![denied()],
    });
    fixture.effects.clear();
    let picture = fixture.picture();
    for part in [
        "E-VAULT-403",
        "No program was started",
        "data/",
        "read ✗",
        "r  retry",
        "CLI exit: 125",
    ] {
        assert!(picture.contains(part), "{part} is missing in\n{picture}");
    }
    fixture.press("y");
    let copied = fixture.take(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert!(copied[0].contains("E-VAULT-403"));
    fixture.press("e");
    assert_eq!(
        fixture
            .take(|effect| matches!(effect, Effect::Edit(_)).then_some(()))
            .len(),
        1
    );
    fixture.press("r");
    assert_eq!(fixture.launches(), ["prod-pgbouncer-admin"]);
}

#[test]
fn a_locked_store_asks_for_its_passphrase_and_shows_none_of_it() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#": "connect_dev-orders" enter"#);
    let generation = fixture.model.generation;
    // The role itself reads from no such store: it holds the credential of a provider.
    let locked = || {
        Problem::new(&catalogue::LOCAL_LOCKED, "the local store is locked").fact(crate::providers::LOCKED_STORE, "team")
    };
    fixture.send(Message::OpenFailed {
        generation,
        problems: vec![locked()],
    });
    fixture.press(r#""hunter22""#);
    assert!(fixture.picture().contains("••••••••") && !fixture.picture().contains("hunter"));
    fixture.press("enter");
    let generation = fixture.model.generation;
    assert!(
        fixture
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Unlock { provider, .. } if provider == "team"))
    );
    fixture.send(Message::Unlocked {
        generation,
        result: Err(Problem::new(&catalogue::LOCAL_PASSPHRASE, "the passphrase is wrong")),
    });
    assert!(
        matches!(&fixture.model.dialog, Some(Dialog::Passphrase { problem: Some(_), input, .. }) if input.is_empty())
    );
    fixture.press(r#""right" enter"#);
    let generation = fixture.model.generation;
    fixture.effects.clear();
    fixture.send(Message::Unlocked {
        generation,
        result: Ok(()),
    });
    assert_eq!(fixture.launches(), ["dev-orders"]);
}

#[test]
fn started_for_one_role_that_fails_the_code_is_125() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.model.single = true;
    fixture.press(r#": "connect_dev-orders" enter"#);
    let generation = fixture.model.generation;
    fixture.send(Message::OpenFailed {
        generation,
        problems: vec![denied()],
    });
    assert!(fixture.picture().contains("E-VAULT-403"));
    fixture.press("esc");
    assert_eq!(fixture.model.exit, Some(125));
}

#[test]
fn escape_cancels_a_launch_and_its_late_answer_is_dropped() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#": "connect_dev-orders" enter"#);
    fixture.later(300);
    assert!(fixture.picture().contains("Opening dev-orders …"));
    fixture.press("esc");
    assert!(
        fixture
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::CancelLaunch))
    );
    let tab = fixture.started("late");
    assert!(fixture.model.sessions.tabs.is_empty());
    let ended = fixture.take(|effect| match effect {
        Effect::HangUp { tab } => Some(*tab),
        _ => None,
    });
    assert_eq!(ended, [tab]);
}

#[test]
fn a_login_is_a_session_and_its_end_forgets_what_was_known() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("2 a");
    let provider = fixture.model.providers.rows[0].name.clone();
    let tab = fixture.started("Password: ");
    assert_eq!(
        fixture.model.sessions.tabs[0].request.errand,
        Some(Errand::Login(provider.clone()))
    );
    assert!(fixture.picture().contains(&format!("login {provider}")));
    let role = fixture.model.providers.rows[0].roles[0].clone();
    assert!(fixture.model.roles.checks.contains_key(&role));
    fixture.ended(tab, 0);
    let asked = fixture.take(|effect| match effect {
        Effect::Reopen(provider) => Some(format!("reopen {provider}")),
        Effect::CheckProvider { provider, .. } => Some(format!("check {provider}")),
        _ => None,
    });
    assert_eq!(asked, [format!("reopen {provider}"), format!("check {provider}")]);
    assert!(
        !fixture.model.roles.checks.contains_key(&role),
        "what was found out before is old"
    );
}

/// A role's failure with these problems, in front.
fn failed(fixture: &mut Fixture, role: &str, problems: Vec<Problem>) {
    fixture.press(&format!(r#": "connect_{role}" enter"#));
    let generation = fixture.model.generation;
    fixture.send(Message::OpenFailed { generation, problems });
    fixture.effects.clear();
}

#[test]
fn a_failure_opens_the_login_of_its_provider_and_comes_back_to_be_tried_again() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.model.single = true;
    failed(&mut fixture, "prod-pgbouncer-admin", vec![denied()]);
    // `_envs/vault/…` is read from vault.
    let picture = fixture.picture();
    assert!(picture.contains("a  log in to vault"), "{picture}");
    assert!(fixture.last_row().contains("a log in"), "{}", fixture.last_row());
    fixture.press("a");
    let tab = fixture.started("Password: ");
    assert_eq!(
        fixture.model.sessions.tabs[0].request.errand,
        Some(Errand::Login("vault".to_owned()))
    );
    fixture.ended(tab, 0);
    assert!(fixture.model.dialog.is_none(), "its last words are still to be read");
    fixture.press("q");
    assert!(fixture.model.leaving.is_none() && fixture.model.sessions.tabs.is_empty());
    assert!(fixture.picture().contains("Could not open prod-pgbouncer-admin"));
    fixture.effects.clear();
    fixture.press("r");
    assert_eq!(fixture.launches(), ["prod-pgbouncer-admin"]);
}

#[test]
fn a_failure_sends_the_doctor_to_its_provider_and_comes_back() {
    let no_client = Problem::new(&catalogue::CLIENT_MISSING, "bash is not there");
    for (problem, named, title) in [(denied(), Some("vault"), "doctor vault"), (no_client, None, "doctor")] {
        let mut fixture = Fixture::checked(100, 30);
        failed(&mut fixture, "prod-pgbouncer-admin", vec![problem]);
        let offered = format!("d  doctor for {}", named.unwrap_or("this machine"));
        assert!(fixture.picture().contains(&offered), "{}", fixture.picture());
        fixture.press("d");
        let tab = fixture.started("network");
        let request = fixture.model.sessions.tabs[0].request.clone();
        assert_eq!(request.errand, Some(Errand::Doctor(named.map(str::to_owned))));
        assert_eq!(request.role, title);
        fixture.ended(tab, 1);
        let reopened = fixture.take(|effect| matches!(effect, Effect::Reopen(_)).then_some(()));
        assert!(reopened.is_empty(), "it has changed nothing");
        fixture.press("q");
        assert!(fixture.picture().contains("Could not open prod-pgbouncer-admin"));
    }
}

#[test]
fn a_failure_without_a_login_offers_none_and_says_why() {
    let unset = || Problem::new(&catalogue::ENV_UNSET, "the variable API_KEY is not set").fact("Field", "API_KEY");
    let no_client = || Problem::new(&catalogue::CLIENT_MISSING, "bash is not there");
    let sent = || no_client().fix("hallpass provider login vault");
    for (problems, said) in [
        (vec![unset()], "env has no login"),
        (vec![no_client()], "it failed for no provider"),
        (vec![unset(), sent()], ""),
    ] {
        let mut fixture = Fixture::checked(100, 30);
        failed(&mut fixture, "dev-shell", problems);
        let offered = fixture.last_row().contains("a log in");
        assert_eq!(offered, fixture.picture().contains("a  log in to vault"));
        assert_eq!(offered, said.is_empty(), "{}", fixture.picture());
        fixture.press("a");
        assert_eq!(fixture.launches().len(), usize::from(offered));
        assert!(fixture.last_row().contains(said), "{}", fixture.last_row());
        assert_eq!(fixture.model.dialog.is_some(), !offered, "the panel stays");
    }
}

#[test]
fn a_login_goes_back_to_the_providers() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("2 a");
    let tab = fixture.started("Password: ");
    fixture.ended(tab, 1);
    // Opened again it still knows where it came from.
    fixture.press("R");
    let tab = fixture.started("Password: ");
    fixture.ended(tab, 0);
    fixture.press("q");
    assert!(fixture.model.screen == Screen::Providers, "{}", fixture.picture());
}
