//! What the engine, the view and ratatui think of a character's width agrees: nothing that a child prints shifts what stands beside it.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::CellWidth as _;

use super::fixture::Fixture;
use crate::ui::layout::session_parts;
use crate::ui::theme::Look;
use crate::ui::view;

/// Characters on whose width terminals do not agree, and some on which they do.
const GRAPHEMES: &[&str] = &[
    "a",
    " ",
    "字",
    "é",
    "e\u{301}",
    "ﷺ",
    "한",
    "\u{1112}\u{1161}\u{11ab}",
    "क्षि",
    "กำ",
    "❤",
    "❤\u{fe0f}",
    "⚠\u{fe0e}",
    "1\u{fe0f}\u{20e3}",
    "🙂",
    "👍🏽",
    "👨\u{200d}👩\u{200d}👧",
    "🏳\u{fe0f}\u{200d}🌈",
    "🇩🇪",
    "🇩",
    "\u{200b}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{ad}",
    "\u{2060}",
    "\u{feff}",
    "\u{1f3fd}",
    "ｱﾞ",
    "─",
    "…",
    "±",
    "\t",
    "\u{e000}",
    "\u{fffd}",
    "\u{202e}",
    "\u{115f}",
    "\u{3164}",
];

/// Where every row has its mark, in columns of the child.
const MARK: u16 = 40;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_shifts_what_stands_beside_it(rows in prop::collection::vec(prop::collection::vec(prop::sample::select(GRAPHEMES), 0..12), 1..18)) {
        let mut output = String::new();
        for (row, graphemes) in rows.iter().enumerate() {
            output.push_str(&format!("\x1b[{};1H{}\x1b[{};{}H|", row + 1, graphemes.concat(), row + 1, MARK + 1));
        }
        let mut fixture = Fixture::checked(80, 24);
        fixture.press(r#": "connect_dev-shell" enter"#);
        fixture.started("");
        let tab = fixture.model.sessions.active_tab().unwrap();
        tab.emulator.lock().unwrap().feed(output.as_bytes());
        let area = session_parts(fixture.model.size, false).screen;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view::draw(&fixture.model, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        for row in 0..u16::try_from(rows.len()).unwrap() {
            let text: String = (area.left()..area.right()).map(|x| buffer[(x, area.y + row)].symbol()).collect();
            prop_assert_eq!(buffer[(area.x + MARK, area.y + row)].symbol(), "|", "row {}: {:?}", row, text);
            // What ratatui prints one behind the other fills the row exactly.
            let mut x = area.left();
            while x < area.right() {
                x += buffer[(x, area.y + row)].cell_width().max(1);
            }
            prop_assert_eq!(x, area.right(), "row {}: {:?}", row, text);
        }
    }
}

/// A terminal gets what has changed alone: of a wide character that becomes `?`, both cells have.
#[test]
fn in_ascii_nothing_stays_beside_what_was_wide() {
    let mut fixture = Fixture::checked(80, 24);
    fixture.model.look = Look {
        color: false,
        ascii: true,
    };
    fixture.press(r#": "connect_dev-shell" enter"#);
    fixture.started("");
    let area = session_parts(fixture.model.size, false).screen;
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    for (output, expected) in [("\x1b[Habcd|", "abcd|"), ("\x1b[H字字|", "? ? |")] {
        let tab = fixture.model.sessions.active_tab().unwrap();
        tab.emulator.lock().unwrap().feed(output.as_bytes());
        terminal.draw(|frame| view::draw(&fixture.model, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let shown: String = (0..5).map(|x| buffer[(area.x + x, area.y)].symbol()).collect();
        assert_eq!(shown, expected);
    }
}
