//! What is looked at again and when, and that a session says when its secrets are no longer those of now.

use std::time::Duration;

use super::fixture::{Fixture, now, role_status};
use crate::domain::catalogue;
use crate::domain::plan::SecretUse;
use crate::domain::problem::Problem;
use crate::domain::status::State;
use crate::ui::effects::Effect;
use crate::ui::message::Message;
use crate::ui::model::ProviderRow;

/// The roles whose check a tick asks for after so many seconds.
fn asked_after(fixture: &mut Fixture, seconds: i64) -> Vec<(u64, String)> {
    fixture.later(seconds * 1000);
    fixture.send(Message::Tick);
    fixture.take(|effect| match effect {
        Effect::CheckRole { generation, role } => Some((*generation, role.clone())),
        _ => None,
    })
}

fn answer(fixture: &mut Fixture, asked: &[(u64, String)], change: impl Fn(&mut crate::domain::status::RoleStatus)) {
    for (generation, role) in asked {
        let mut status = role_status(&fixture.model, role);
        status.state = State::Ok;
        change(&mut status);
        fixture.send(Message::RoleChecked {
            generation: *generation,
            status,
        });
    }
}

#[test]
fn visible_roles_are_checked_again_after_a_minute_and_failing_ones_less_and_less_often() {
    let mut fixture = Fixture::new(100, 30);
    let all = asked_after(&mut fixture, 0);
    assert_eq!(all.len(), 6);
    answer(&mut fixture, &all, |status| {
        if status.name == "stage-redis" {
            status.state = State::Fail;
        }
    });
    assert!(asked_after(&mut fixture, 59).is_empty());
    let minute = asked_after(&mut fixture, 1);
    assert_eq!(
        minute.len(),
        6,
        "the first failure is looked at again as soon as the rest"
    );
    answer(&mut fixture, &minute, |status| {
        if status.name == "stage-redis" {
            status.state = State::Fail;
        }
    });
    let others = asked_after(&mut fixture, 60);
    assert!(others.len() == 5 && others.iter().all(|(_, role)| role != "stage-redis"));
    answer(&mut fixture, &others, |_| {});
    assert!(
        asked_after(&mut fixture, 60)
            .iter()
            .any(|(_, role)| role == "stage-redis")
    );
}

#[test]
fn a_check_of_all_roles_says_what_it_came_to() {
    let mut fixture = Fixture::new(100, 30);
    fixture.press("C");
    assert!(fixture.last_row().contains("checking 6 roles, Ctrl-C cancels"));
    let all = fixture.take(|effect| match effect {
        Effect::CheckRole { generation, role } => Some((*generation, role.clone())),
        _ => None,
    });
    let fail = |status: &mut crate::domain::status::RoleStatus| {
        if status.name == "stage-redis" {
            status.state = State::Fail;
        }
    };
    answer(&mut fixture, &all[1..], fail);
    assert!(
        fixture.last_row().contains("checking 6 roles"),
        "{}",
        fixture.last_row()
    );
    answer(&mut fixture, &all[..1], fail);
    assert!(
        fixture.last_row().contains("checked: 5 ok, 1 failed"),
        "{}",
        fixture.last_row()
    );
    let mut fixture = Fixture::with(&[], 100, 30);
    fixture.press("C");
    assert!(
        fixture.last_row().contains("no role to check"),
        "{}",
        fixture.last_row()
    );
}

#[test]
fn a_check_from_the_failure_panel_says_what_it_came_to() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press(r#"/ "bouncer" enter enter"#);
    let generation = fixture.model.generation;
    let problems = vec![super::fixture::denied()];
    fixture.send(Message::OpenFailed { generation, problems });
    let check = |fixture: &mut Fixture, state: State| {
        fixture.press("c");
        assert!(fixture.last_row().contains("checking prod-pgbouncer-admin"));
        let asked = fixture.take(|effect| match effect {
            Effect::CheckRole { generation, role } => Some((*generation, role.clone())),
            _ => None,
        });
        answer(fixture, &asked, |status| status.state = state);
        fixture.last_row()
    };
    let row = check(&mut fixture, State::Ok);
    assert!(row.starts_with(" prod-pgbouncer-admin: ok"), "{row}");
    let row = check(&mut fixture, State::Fail);
    assert!(row.contains("prod-pgbouncer-admin: Vault refused to read"), "{row}");
}

#[test]
fn the_history_of_a_provider_says_how_long_it_took() {
    let mut fixture = Fixture::checked(100, 30);
    fixture.press("2");
    assert!(fixture.picture().contains("▁   1 probe"), "{}", fixture.picture());
    fixture.later(300_000);
    fixture.press("c");
    let generation = fixture.model.providers.rows[0].running.unwrap().0;
    let status = fixture.model.providers.rows[0].status.clone().unwrap();
    fixture.send(Message::ProviderChecked { generation, status });
    assert!(
        fixture.picture().contains("▁▁   last 2 probes in 5m"),
        "{}",
        fixture.picture()
    );
}

#[test]
fn nothing_is_asked_by_itself_while_a_person_has_to_log_in() {
    let mut fixture = Fixture::new(100, 30);
    let all = asked_after(&mut fixture, 0);
    answer(&mut fixture, &all, |status| {
        if status.name == "dev-orders" {
            status.state = State::Fail;
            status.problem = Some(Problem::new(&catalogue::LOCAL_LOCKED, "the store is locked"));
        }
    });
    let later = asked_after(&mut fixture, 3600);
    assert!(later.len() == 5 && later.iter().all(|(_, role)| role != "dev-orders"));
    let login = Problem::new(&catalogue::VAULT_NO_TOKEN, "x").fix("hallpass provider login vault");
    assert!(login.wants_person() && !Problem::new(&catalogue::VAULT_SEALED, "x").wants_person());
}

/// A session of prod-postgres with version 7 of its password, as `PGPASSWORD` names it, and version 3 of its user.
fn session(fixture: &mut Fixture) {
    fixture.press(r#"/ "prod-postgres" enter enter"#);
    fixture.started("orders=> ");
    let role = fixture.model.role("prod-postgres").unwrap();
    let used = |name: &str, version: &str| {
        let field = role.fields.iter().find(|field| field.name == name).unwrap();
        SecretUse {
            field: name.to_owned(),
            reference: Some(field.source.references()[0].clone()),
            version: Some(version.to_owned()),
            expires: None,
            took: Duration::from_millis(38),
        }
    };
    let secrets = vec![used("PGUSER", "3"), used("PGPASSWORD", "7")];
    fixture.model.sessions.tabs[0].secrets = secrets;
}

#[test]
fn a_session_says_when_a_check_has_found_a_newer_version() {
    let mut fixture = Fixture::checked(100, 30);
    session(&mut fixture);
    assert!(!fixture.picture().contains("newer version exists"));
    let asked = asked_after(&mut fixture, 90);
    let names: Vec<&str> = asked.iter().map(|(_, role)| role.as_str()).collect();
    assert_eq!(names, ["prod-postgres"], "the session's role alone is looked at");
    let reference = fixture.model.sessions.tabs[0].secrets[0].reference.clone().unwrap();
    for (found, shown) in [("2", false), ("3", false), ("4", true)] {
        let asked = if asked.is_empty() {
            Vec::new()
        } else {
            asked_or_again(&mut fixture, &asked)
        };
        answer(&mut fixture, &asked, |status| {
            status.versions = [(reference.id.clone(), found.to_owned())].into();
        });
        assert_eq!(fixture.picture().contains("newer version exists"), shown, "{found}");
    }
    fixture.press(r"ctrl-\ i");
    let info = fixture.picture();
    let lines: Vec<&str> = info.lines().collect();
    let user = lines.iter().position(|line| line.contains("PGUSER")).unwrap();
    assert!(lines[user].contains("v3"), "{info}");
    assert!(lines[user + 1].contains("newer version exists: v4"), "{info}");
    assert!(lines[user + 2].contains("PGPASSWORD"), "{info}");
    assert!(!lines[user + 3].contains("newer"), "{info}");
}

/// The check that is under way, or the next one.
fn asked_or_again(fixture: &mut Fixture, asked: &[(u64, String)]) -> Vec<(u64, String)> {
    use crate::ui::model::Check;
    match fixture.model.roles.checks.get("prod-postgres") {
        Some(Check::Running { .. }) => asked.to_vec(),
        _ => asked_after(fixture, 90),
    }
}

#[test]
fn what_was_found_before_the_session_was_opened_says_nothing_about_it() {
    let mut fixture = Fixture::new(100, 30);
    let all = asked_after(&mut fixture, 0);
    let user = fixture.model.role("prod-postgres").unwrap().fields[2]
        .source
        .references()[0]
        .id
        .clone();
    answer(&mut fixture, &all, |status| {
        status.versions = [(user.clone(), "9".to_owned())].into();
    });
    fixture.later(1000);
    session(&mut fixture);
    assert!(fixture.model.sessions.tabs[0].started > now());
    assert!(!fixture.picture().contains("newer version exists"));
}

#[test]
fn small_screens_say_it_in_the_status_line() {
    let mut fixture = Fixture::checked(60, 15);
    session(&mut fixture);
    let reference = fixture.model.sessions.tabs[0].secrets[0].reference.clone().unwrap();
    let asked = asked_after(&mut fixture, 90);
    answer(&mut fixture, &asked, |status| {
        status.versions = [(reference.id.clone(), "4".to_owned())].into();
    });
    let picture = fixture.picture();
    assert!(picture.contains("newer version exists"), "{picture}");
}

#[test]
fn many_providers_with_long_names_are_all_accounted_for() {
    let mut fixture = Fixture::checked(100, 30);
    let rows = &mut fixture.model.providers.rows;
    let vault = rows.iter().position(|row| row.name == "vault").unwrap();
    for n in 0..6 {
        let mut status = rows[vault].status.clone().unwrap();
        status.auth = Some("service account somebody@a-long-project.example".to_owned());
        if n == 5 {
            status.state = State::Fail;
        }
        rows.push(ProviderRow {
            name: format!("vault-region-{n}"),
            kind: rows[vault].kind,
            title: rows[vault].title,
            logs_in: rows[vault].logs_in,
            roles: Vec::new(),
            status: Some(status),
            checked: rows[vault].checked,
            since: rows[vault].since,
            running: None,
            history: Default::default(),
        });
    }
    let all = rows.len();
    fixture.press("2");
    let picture = fixture.picture();
    let header = picture.lines().next().unwrap();
    let (shown, rest) = header.rsplit_once('+').unwrap();
    let lights = shown.matches(['●', '✗', '!', '○']).count();
    assert_eq!(rest.trim(), format!("{} ✗", all - lights), "{header}");
    let row = picture
        .lines()
        .skip(1)
        .find(|line| line.contains("vault-region-0 "))
        .unwrap();
    assert!(
        row.contains("…, ") && row.contains(" left "),
        "the time is not cut: {row}"
    );
}
