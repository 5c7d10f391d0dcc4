//! What does not fit: it goes on below, or something shorter stands there; no word is cut in the middle of what matters.

use super::fixture::{Fixture, denied, role_status};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::status::{Stage, State};
use crate::ui::message::Message;

/// A ladder that stopped at its third rung.
fn ladder() -> Vec<Stage> {
    let stage = |name, state, ms| Stage { name, state, ms };
    vec![
        stage("config", State::Ok, Some(0)),
        stage("dns", State::Ok, Some(12)),
        stage("tcp", State::Fail, None),
        stage("tls", State::Skipped, None),
        stage("login", State::Skipped, None),
        stage("read", State::Skipped, None),
    ]
}

const RUNGS: [&str; 6] = [
    "config ● 0ms",
    "dns ● 12ms",
    "tcp ✗ failed",
    "tls ○ skipped",
    "login ○ skipped",
    "read ○ skipped",
];

/// The rows of a picture that hold a rung; each rung is whole in one of them, and they begin in one column.
fn assert_whole(picture: &str) {
    for rung in RUNGS {
        assert!(picture.contains(rung), "no `{rung}`\n{picture}");
    }
    let column = |line: &str| {
        let firsts = RUNGS.iter().filter_map(|rung| line.find(rung));
        firsts.min().map(|at| line[..at].chars().count())
    };
    let columns: Vec<usize> = picture.lines().filter_map(column).collect();
    assert!(
        columns.windows(2).all(|pair| pair[0] == pair[1]),
        "{columns:?}\n{picture}"
    );
}

#[test]
fn the_steps_of_a_failure_go_on_below_the_first() {
    for (columns, rows) in [(60, 24), (80, 24), (100, 30), (300, 80)] {
        let mut fixture = Fixture::checked(columns, rows);
        fixture.press(r#"/ "bouncer" enter enter"#);
        let generation = fixture.model.generation;
        let problems = vec![denied().steps(ladder())];
        fixture.send(Message::OpenFailed { generation, problems });
        assert_whole(&fixture.picture());
    }
}

#[test]
fn the_checks_of_a_provider_go_on_below_the_first() {
    for (columns, rows) in [(60, 24), (80, 24), (100, 30), (300, 80)] {
        let mut fixture = Fixture::checked(columns, rows);
        fixture.press("2");
        let row = &mut fixture.model.providers.rows[0];
        row.status.as_mut().unwrap().stages = ladder();
        assert_whole(&fixture.picture());
    }
}

#[test]
fn since_when_a_provider_fails_is_told_whole_or_not_at_all() {
    for (columns, rows) in [(60, 15), (60, 30), (80, 24), (100, 30)] {
        let mut fixture = Fixture::checked(columns, rows);
        fixture.press("2");
        let row = &mut fixture.model.providers.rows[0];
        let status = row.status.as_mut().unwrap();
        status.state = State::Fail;
        status.stages = ladder();
        let what = "Vault at https://vault.corp:8200 did not take the connection within three seconds, twice";
        status.problem =
            Some(Problem::new(&catalogue::NET_REFUSED, what).fixes(vec!["ask about vault.corp".to_owned()]));
        row.since = row.since.map(|(since, _)| (since, 1234));
        let picture = fixture.picture();
        assert!(
            picture.contains("tcp failed     E-NET-REFUSED") || columns > 70,
            "{picture}"
        );
        assert!(picture.contains("1  ask about vault.corp"), "{picture}");
        assert_eq!(
            picture.contains("since "),
            picture.contains("(1234 probes)"),
            "{picture}"
        );
        assert!(picture.contains("since ") || columns < 80, "{picture}");
    }
}

#[test]
fn the_keys_of_an_invalid_role_are_all_told() {
    let bad = "[roles.bad]\nenv = \"dev\"\ncommand = [\"sh\"]\nfields.A = \"_vaultkv3:secret/x:password\"\n";
    let mut fixture = Fixture::with(&[("roles.toml", bad)], 100, 30);
    assert!(
        fixture.last_row().starts_with(" Enter show the problem  c read again"),
        "{}",
        fixture.last_row()
    );
    fixture.press("tab G");
    let picture = fixture.picture();
    for keys in ["Enter shows the problem", "e edits the file", "R reads it again"] {
        assert!(picture.contains(keys), "{picture}");
    }
}

#[test]
fn a_reason_takes_the_rows_that_are_free() {
    const REASON: &str = "the local store /home/dba/.local/share/hallpass/store.age is locked: it opens with a passphrase, \
                          which nobody has given since the machine was started";
    for (columns, rows) in [(60, 30), (90, 30)] {
        let mut fixture = Fixture::new(columns, rows);
        fixture.send(Message::Tick);
        fixture.press(r#"/ "dev-orders" enter"#);
        let Some(crate::ui::model::Check::Running { generation, .. }) = fixture.model.roles.checks.get("dev-orders")
        else {
            panic!("no check was asked for");
        };
        let generation = *generation;
        let mut status = role_status(&fixture.model, "dev-orders");
        status.state = State::Fail;
        status.problem = Some(Problem::new(&catalogue::LOCAL_LOCKED, REASON));
        fixture.send(Message::RoleChecked { generation, status });
        let picture = fixture.picture();
        let words: Vec<&str> = picture.split_whitespace().collect();
        assert!(words.join(" ").contains(REASON), "{picture}");
        assert!(picture.contains("Secret values are never shown"), "{picture}");
    }
}

#[test]
fn a_type_is_whole_or_has_no_column() {
    let role = |name: &str, command: &str| format!("[roles.{name}]\nenv = \"dev\"\ncommand = [\"{command}\"]\n");
    let short = role("demo", "sqlite3") + &role("x", "shell");
    let picture = Fixture::with(&[("roles.toml", &short)], 40, 10).picture();
    assert!(
        picture.contains(" sqlite3 ") && picture.contains(" shell "),
        "{picture}"
    );
    let long = role("eu-west-1-orders-primary-1", "sqlite3") + &role("x", "redis");
    let picture = Fixture::with(&[("roles.toml", &long)], 40, 10).picture();
    assert!(!picture.contains("sql") && !picture.contains("red"), "{picture}");
    assert!(picture.contains(" eu-west-1-orders-primary-1 "), "{picture}");
}

#[test]
fn the_first_run_says_what_its_words_announce() {
    for folder in [
        "/home/dba/.config/hallpass",
        "/home/somebody-else/a-longer/folder/of/hallpass",
    ] {
        for (columns, rows) in [(40, 10), (60, 15), (80, 24), (100, 30)] {
            let mut fixture = Fixture::with(&[], columns, rows);
            let config = std::sync::Arc::get_mut(&mut fixture.model.config).unwrap();
            config.folders.config = folder.into();
            let picture = fixture.picture();
            for words in ["Put them into", "hallpass demo", "hallpass paths"] {
                assert!(picture.contains(words), "no `{words}`\n{picture}");
            }
            let rows: Vec<&str> = picture.lines().map(|row| row.trim_matches(['│', ' '])).collect();
            let path: String = rows.concat();
            assert!(path.contains(&format!("{folder}/roles.toml")), "{picture}");
        }
    }
}

#[test]
fn an_address_has_a_column_that_it_can_be_read_in_or_none() {
    let mut fixture = Fixture::checked(40, 10);
    fixture.press("2");
    let picture = fixture.picture();
    assert!(picture.contains("vault") && !picture.contains("htt"), "{picture}");
    let mut fixture = Fixture::checked(60, 15);
    fixture.press("2");
    assert!(fixture.picture().contains("https://vault.corp:8200"));
}

#[test]
fn what_few_providers_leave_of_their_list_is_the_detail_s() {
    let mut fixture = Fixture::checked(60, 15);
    fixture.press("2");
    let row = &mut fixture.model.providers.rows[0];
    let status = row.status.as_mut().unwrap();
    (status.state, status.auth, status.expires) = (State::Fail, None, None);
    status.stages = ladder();
    let problem = Problem::new(&catalogue::NET_REFUSED, "no connection to 127.0.0.1:9");
    status.problem = Some(problem.fixes(vec!["start the server".to_owned()]));
    let picture = fixture.picture();
    assert_whole(&picture);
    assert!(picture.contains(" Roles     prod-postgres"), "{picture}");
}

#[test]
fn the_menu_of_a_narrow_session_has_a_whole_footer() {
    for columns in [40, 60] {
        let mut fixture = Fixture::checked(columns, 15);
        fixture.press(r#": "connect_dev-orders" enter"#);
        fixture.started("$ ");
        fixture.press(r"ctrl-\");
        let picture = fixture.picture();
        let footer = picture.lines().find(|row| row.contains("Esc cancel")).unwrap();
        assert!(
            footer.contains(if columns > 55 {
                "to the shell ─"
            } else {
                "nothing is sent ─"
            }),
            "{picture}"
        );
    }
}
