//! Tabs, their marks and their list; the status line.

mod limits;
mod on_exit;
mod pasting;

use super::fixture::Fixture;
use super::screens::snapshots_at;
use crate::session::SessionEvent;
use crate::ui::effects::Effect;
use crate::ui::keymap::{Context, KEYMAP};
use crate::ui::message::Message;
use crate::ui::model::{Dialog, News, Screen};

const SIZES: &[(u16, u16)] = &[(60, 15), (80, 24), (100, 30), (300, 80)];
const ROLES: [&str; 5] = [
    "prod-postgres",
    "stage-redis",
    "dev-orders",
    "dev-shell",
    "prod-postgres-replica",
];

fn open(fixture: &mut Fixture, role: &str, output: &str) -> u64 {
    fixture.press(&format!(r#"ctrl-\ : "connect_{role}" enter"#));
    fixture.started(output)
}

/// As many tabs as wanted, the last one in front.
fn with_tabs(count: usize) -> Fixture {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, count);
    fixture
}

fn open_many(fixture: &mut Fixture, count: usize) {
    fixture.press(&format!(r#": "connect_{}" enter"#, ROLES[0]));
    fixture.started("first of all\r\n\r\norders=> ");
    for i in 1..count {
        open(fixture, ROLES[i % ROLES.len()], &format!("line of {i}\r\n$ "));
    }
}

fn first_row(fixture: &Fixture) -> String {
    fixture.picture().lines().next().unwrap().to_owned()
}

fn output(fixture: &mut Fixture, tab: u64, bytes: &[u8]) {
    let known = fixture
        .model
        .sessions
        .tabs
        .iter()
        .find(|known| known.id == tab)
        .unwrap();
    known.emulator.lock().unwrap().feed(bytes);
    let event = SessionEvent::Output;
    fixture.send(Message::Session { tab, event });
}

fn sent(fixture: &mut Fixture) -> Vec<u8> {
    let sent = fixture.take(|effect| match effect {
        Effect::Send { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    sent.concat()
}

#[test]
fn bars_of_many_tabs() {
    snapshots_at(SIZES, "tabs-many", |fixture| {
        open_many(fixture, 20);
        fixture.press(r"ctrl-\ 7");
        output(fixture, 2, b"more");
        output(fixture, 8, b"\x07");
        fixture.ended(6, 1);
        fixture.press("space");
    });
}

#[test]
fn list_of_tabs() {
    snapshots_at(SIZES, "tabs-list", |fixture| {
        open_many(fixture, 5);
        fixture.later(3_700_000);
        output(fixture, 1, b"\x07");
        output(fixture, 3, b"ready");
        fixture.ended(4, 3);
        fixture.press(r"space ctrl-\ w");
    });
}

#[test]
fn however_many_tabs_the_active_one_can_be_seen_and_clicked() {
    for columns in [20, 40, 60, 80, 100, 300] {
        let mut fixture = with_tabs(25);
        fixture.send(Message::Resize { columns, rows: 24 });
        for active in 0..25 {
            fixture.press(r"ctrl-\ n");
            let row = first_row(&fixture);
            let title = format!("{}:{}", active + 1, &ROLES[active % ROLES.len()][..1]);
            assert!(row.contains(&title), "{title} in {columns} columns: {row}");
            let column = row.split(&title).next().unwrap().chars().count();
            let target = crate::ui::view::bar_target_at(&fixture.model, u16::try_from(column).unwrap());
            assert_eq!(target, Some(crate::ui::view::BarTarget::Tab(active)), "{row}");
        }
    }
}

#[test]
fn production_is_named_at_every_size_that_has_two_rows() {
    for (columns, rows) in [(20, 2), (30, 3), (40, 9), (60, 10), (60, 15), (80, 24), (300, 80)] {
        let mut fixture = Fixture::checked(100, 30);
        open_many(&mut fixture, 1);
        fixture.send(Message::Resize { columns, rows });
        for keys in ["space", r"ctrl-\", r"esc ctrl-\ z", r"ctrl-\ Q"] {
            fixture.press(keys);
            let row = first_row(&fixture);
            assert!(row.contains("PROD"), "{columns}x{rows} after {keys}: {row}");
        }
        fixture.model.notice = None;
        fixture.ended(1, 3);
        let picture = fixture.picture();
        assert!(picture.contains("PROD") && picture.contains("exited 3"), "{picture}");
    }
}

#[test]
fn a_bell_is_more_than_output_and_looking_takes_both_away() {
    let mut fixture = with_tabs(3);
    output(&mut fixture, 1, b"x\x07");
    output(&mut fixture, 1, b"y");
    output(&mut fixture, 2, b"y");
    output(&mut fixture, 3, b"\x07");
    let news: Vec<News> = fixture.model.sessions.tabs.iter().map(|tab| tab.news).collect();
    assert_eq!(news, [News::Bell, News::Output, News::None]);
    fixture.press(r"ctrl-\ 1");
    assert_eq!(fixture.model.sessions.tabs[0].news, News::None);
}

#[test]
fn the_list_goes_to_a_tab_by_its_number_or_a_part_of_its_name() {
    let mut fixture = with_tabs(12);
    fixture.press(r#"ctrl-\ w "12" enter"#);
    assert_eq!(fixture.model.sessions.active, 11);
    fixture.press(r#"ctrl-\ w "redis" down enter"#);
    assert_eq!(fixture.model.sessions.active, 6);
    fixture.press(r#"ctrl-\ w "nothing_like_it" enter"#);
    assert!(fixture.picture().contains("no tab is called that"));
    fixture.press("esc");
    assert!(fixture.model.dialog.is_none());
    assert_eq!(
        (fixture.model.screen, fixture.model.sessions.active),
        (Screen::Session, 6)
    );
    assert!(fixture.picture().contains("line of 6"));
}

#[test]
fn the_childs_title_is_quoted_in_our_frame_and_cannot_look_like_it() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    output(
        &mut fixture,
        1,
        "\x1b]2;DEV · x” ━━┛ \u{202e}evil\x1b[31m\x07".as_bytes(),
    );
    let picture = fixture.picture();
    let frame = picture.lines().nth(28).unwrap();
    assert!(
        frame.contains("· “DEV · x' ··· evil” ━") && frame.ends_with('┛'),
        "{frame}"
    );
    assert_eq!(crate::ui::view::window_title(&fixture.model), "PROD prod-postgres");
}

#[test]
fn the_hint_shrinks_for_who_knows_the_key() {
    let mut fixture = Fixture::checked(100, 30);
    open_many(&mut fixture, 1);
    for _ in 0..10 {
        assert!(
            fixture.last_row().starts_with(r" Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it"),
            "{}",
            fixture.last_row()
        );
        fixture.press(r"ctrl-\");
        assert!(fixture.last_row().starts_with(" PREFIX"), "{}", fixture.last_row());
        fixture.press("esc");
    }
    assert!(fixture.last_row().starts_with(r" ^\  "), "{}", fixture.last_row());
    for (setting, hint) in [("short", r" ^\  "), ("off", "    ")] {
        let config = format!("[ui]\nhints = \"{setting}\"\n");
        let role = "[roles.prod-postgres]\nenv = \"dev\"\ncommand = [\"sh\"]\n";
        let mut fixture = Fixture::with(&[("config.toml", &config), ("roles.toml", role)], 100, 30);
        open_many(&mut fixture, 1);
        assert!(fixture.last_row().starts_with(hint), "{}", fixture.last_row());
    }
}

/// Where the menu does not fit, its last row has the key that shows them all, once, and the true number of those that are missing.
#[test]
fn the_menu_counts_what_it_leaves_out() {
    let items = |size: (u16, u16)| {
        let mut fixture = Fixture::checked(size.0, size.1);
        open_many(&mut fixture, 1);
        fixture.press(r"ctrl-\");
        let picture = fixture.picture();
        let menu = KEYMAP.iter().filter(|b| b.context == Context::Prefix);
        let menu = menu.filter(|b| !matches!(b.hint, "" | "&"));
        let drawn = menu.filter(|b| picture.contains(b.hint)).count();
        let row = picture
            .lines()
            .find(|row| row.contains("all keys"))
            .unwrap_or_else(|| panic!("{picture}"));
        let words: Vec<&str> = row.split_whitespace().collect();
        let more = words.iter().position(|word| *word == "more");
        let more = more.map_or(0, |at| words[at - 1].parse::<usize>().unwrap());
        assert_eq!(picture.matches("all keys").count(), 1, "{picture}");
        (drawn, more)
    };
    let (all, none) = items((100, 30));
    assert_eq!(none, 0);
    for size in [(40, 10), (60, 10), (60, 12), (60, 15), (80, 11), (50, 20)] {
        let (drawn, more) = items(size);
        assert_eq!(drawn + more, all, "{size:?}");
    }
    assert!(items((60, 10)).1 > 0);
}

#[test]
fn the_first_and_the_last_row_are_those_of_the_design() {
    const ROLES: &str = "[roles.prod-postgres]\nenv = \"prod\"\ncommand = [\"psql\"]\naccess_mode = \"read-write\"\n\
                         [roles.stage-redis]\nenv = \"stage\"\ncommand = [\"sh\"]\n\
                         [roles.bastion-eu]\nenv = \"prod\"\ncommand = [\"ssh\"]\n";
    let mut fixture = Fixture::with(&[("roles.toml", ROLES)], 100, 30);
    open_many(&mut fixture, 2);
    open(&mut fixture, "bastion-eu", "$ ");
    fixture.press(r"ctrl-\ 1");
    output(&mut fixture, 3, b"more");
    let tab = &mut fixture.model.sessions.tabs[0];
    tab.limits = crate::domain::limits::Limits {
        idle: Some(std::time::Duration::from_secs(900)),
        longest: Some(std::time::Duration::from_secs(14_400)),
    };
    tab.secrets.push(crate::domain::plan::SecretUse {
        field: "PGPASSWORD".to_owned(),
        reference: None,
        version: Some("7".to_owned()),
        expires: None,
        took: std::time::Duration::ZERO,
    });
    fixture.later(1_120_000);
    fixture.press("a");
    fixture.later(12_000);
    let row = first_row(&fixture);
    assert!(
        row.starts_with(" 1:prod-postgres* ▏2:stage-redis ▏3:P bastion-eu !▏ +"),
        "{row}"
    );
    assert!(row.contains("PROD  read-write"), "{row}");
    assert_eq!(
        fixture.last_row(),
        r" Ctrl-\ menu · Ctrl-\ Ctrl-\ sends it   idle 0:12/15:00 · left 3:41:08 · 98x26 · secrets v7 @ 09:41"
    );
}

#[test]
fn tabs_and_the_status_line_are_clicked() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut fixture = with_tabs(3);
    let click = |fixture: &mut Fixture, text: &str| {
        let picture = fixture.picture();
        let (row, line) = picture
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(text))
            .unwrap_or_else(|| panic!("{text} is not there:\n{picture}"));
        let column = line.split(text).next().unwrap().chars().count();
        fixture.send(Message::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: u16::try_from(column).unwrap(),
            row: u16::try_from(row).unwrap(),
            modifiers: KeyModifiers::NONE,
        }));
    };
    click(&mut fixture, "2:stage");
    assert_eq!(fixture.model.sessions.active, 1);
    click(&mut fixture, r"Ctrl-\ menu");
    assert!(fixture.picture().contains("pick a key"));
    fixture.press("esc");
    click(&mut fixture, "+ ");
    assert_eq!(fixture.model.screen, Screen::Roles);
    assert!(fixture.model.roles.editing);
    let mut fixture = with_tabs(25);
    click(&mut fixture, "‹");
    assert!(matches!(fixture.model.dialog, Some(Dialog::Tabs { .. })));
}

#[test]
fn ascii_twins() {
    snapshots_at(&[(80, 24)], "tabs-ascii", |fixture| {
        fixture.model.look.ascii = true;
        open_many(fixture, 20);
        fixture.press(r"ctrl-\ 7");
        output(fixture, 2, "\x07\x1b]2;a “title”\x07".as_bytes());
        fixture.press(r"space ctrl-\");
    });
}

#[test]
fn long_lists_of_sessions_scroll() {
    let mut fixture = with_tabs(40);
    fixture.press(r"ctrl-\ r 3 G");
    let picture = fixture.picture();
    assert!(picture.contains("▌40 ") && !picture.contains(" 1  prod"), "{picture}");
    fixture.press("g");
    assert!(fixture.picture().contains("▌1 "), "{}", fixture.picture());
    fixture.press("1 q");
    let picture = fixture.picture();
    assert!(picture.contains("Quit with 40 sessions open?"), "{picture}");
    assert!(picture.contains("more") && picture.contains("Stay"), "{picture}");
}
