//! The mouse as the child asked to hear of it: what (X10, normal, button, any motion) and how (old, UTF-8, SGR).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::encode_key;
use crate::session::emulator::Modes;

/// What the mouse does, if the child asked for it; on the alternate screen the wheel becomes arrow keys if it did not.
pub fn encode_mouse(mouse: MouseEvent, modes: Modes) -> Vec<u8> {
    if !modes.mouse {
        return wheel_as_arrows(mouse, modes);
    }
    let Some((button, pressed)) = button(mouse, modes) else {
        return Vec::new();
    };
    let (column, row) = (u32::from(mouse.column) + 1, u32::from(mouse.row) + 1);
    if modes.sgr_mouse {
        let last = if pressed { 'M' } else { 'm' };
        return format!("\x1b[<{button};{column};{row}{last}").into_bytes();
    }
    // The older encodings do not tell which button was released.
    let button = if pressed { button } else { button | 3 };
    let Some(place) = [u32::from(button), column, row]
        .into_iter()
        .map(|number| character(number + 32, modes.utf8_mouse))
        .collect::<Option<Vec<_>>>()
    else {
        return Vec::new();
    };
    [b"\x1b[M".to_vec(), place.concat()].concat()
}

/// A number as the older encodings write it. Neither says what is too far away.
fn character(number: u32, utf8: bool) -> Option<Vec<u8>> {
    if !utf8 {
        return u8::try_from(number).ok().map(|byte| vec![byte]);
    }
    let c = char::from_u32(number).filter(|_| number < 2048)?;
    Some(c.to_string().into_bytes())
}

/// The number of the button with the modifiers, and whether it is pressed; none for what the child did not ask for.
fn button(mouse: MouseEvent, modes: Modes) -> Option<(u8, bool)> {
    let (button, pressed) = match mouse.kind {
        MouseEventKind::Down(button) => (number(button), true),
        _ if modes.mouse_presses => return None,
        MouseEventKind::Up(button) => (number(button), false),
        MouseEventKind::Drag(button) if modes.mouse_drag || modes.mouse_motion => (number(button) + 32, true),
        MouseEventKind::Moved if modes.mouse_motion => (35, true),
        MouseEventKind::Drag(_) | MouseEventKind::Moved => return None,
        MouseEventKind::ScrollUp => (64, true),
        MouseEventKind::ScrollDown => (65, true),
        MouseEventKind::ScrollLeft => (66, true),
        MouseEventKind::ScrollRight => (67, true),
    };
    if modes.mouse_presses {
        return Some((button, pressed));
    }
    let modifiers = 4 * u8::from(mouse.modifiers.contains(KeyModifiers::SHIFT))
        + 8 * u8::from(mouse.modifiers.contains(KeyModifiers::ALT))
        + 16 * u8::from(mouse.modifiers.contains(KeyModifiers::CONTROL));
    Some((button + modifiers, pressed))
}

fn number(button: MouseButton) -> u8 {
    match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    }
}

fn wheel_as_arrows(mouse: MouseEvent, modes: Modes) -> Vec<u8> {
    let arrow = match mouse.kind {
        MouseEventKind::ScrollUp => KeyCode::Up,
        MouseEventKind::ScrollDown => KeyCode::Down,
        _ => return Vec::new(),
    };
    if !(modes.alternate_screen && modes.alternate_scroll) {
        return Vec::new();
    }
    encode_key(KeyEvent::new(arrow, KeyModifiers::NONE), modes).repeat(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: (u16, u16) = (9, 4);

    fn sent(kind: MouseEventKind, modifiers: KeyModifiers, (column, row): (u16, u16), modes: Modes) -> String {
        let mouse = MouseEvent {
            kind,
            column,
            row,
            modifiers,
        };
        encode_mouse(mouse, modes).escape_ascii().to_string()
    }

    #[test]
    fn the_mouse_is_sent_as_it_was_asked_for() {
        use MouseEventKind::{Down, Drag, Moved, ScrollUp, Up};
        let none = Modes::default();
        let normal = Modes { mouse: true, ..none };
        let presses = Modes {
            mouse_presses: true,
            ..normal
        };
        let drag = Modes {
            mouse_drag: true,
            ..normal
        };
        let any = Modes {
            mouse_motion: true,
            ..normal
        };
        let right = MouseButton::Right;
        // What is done, in old bytes, in SGR; `""` where nothing is sent.
        let table = [
            (none, Down(right), "", ""),
            (presses, Down(right), "\\x1b[M\\\"*%", "\\x1b[<2;10;5M"),
            (presses, Up(right), "", ""),
            (presses, ScrollUp, "", ""),
            (normal, Down(right), "\\x1b[M2*%", "\\x1b[<18;10;5M"),
            (normal, Up(right), "\\x1b[M3*%", "\\x1b[<18;10;5m"),
            (normal, Drag(right), "", ""),
            (normal, Moved, "", ""),
            (normal, ScrollUp, "\\x1b[Mp*%", "\\x1b[<80;10;5M"),
            (drag, Drag(right), "\\x1b[MR*%", "\\x1b[<50;10;5M"),
            (drag, Moved, "", ""),
            (any, Drag(right), "\\x1b[MR*%", "\\x1b[<50;10;5M"),
            (any, Moved, "\\x1b[MS*%", "\\x1b[<51;10;5M"),
        ];
        for (modes, kind, old, sgr) in table {
            let utf8 = Modes {
                utf8_mouse: true,
                ..modes
            };
            let sgr_modes = Modes {
                sgr_mouse: true,
                ..modes
            };
            assert_eq!(sent(kind, KeyModifiers::CONTROL, AT, modes), old, "{kind:?} {modes:?}");
            assert_eq!(sent(kind, KeyModifiers::CONTROL, AT, utf8), old, "{kind:?} {modes:?}");
            assert_eq!(
                sent(kind, KeyModifiers::CONTROL, AT, sgr_modes),
                sgr,
                "{kind:?} {modes:?}"
            );
        }
    }

    #[test]
    fn far_places_are_said_where_the_encoding_can() {
        let old = Modes {
            mouse: true,
            ..Modes::default()
        };
        let utf8 = Modes {
            utf8_mouse: true,
            ..old
        };
        let down = MouseEventKind::Down(MouseButton::Left);
        let none = KeyModifiers::NONE;
        assert_eq!(sent(down, none, (222, 0), old), "\\x1b[M \\xff!");
        assert_eq!(sent(down, none, (223, 0), old), "");
        assert_eq!(sent(down, none, (223, 0), utf8), "\\x1b[M \\xc4\\x80!");
        assert_eq!(sent(down, none, (2014, 0), utf8), "\\x1b[M \\xdf\\xbf!");
        assert_eq!(sent(down, none, (2015, 0), utf8), "");
    }

    #[test]
    fn the_wheel_is_arrows_on_the_alternate_screen() {
        let pager = Modes {
            alternate_screen: true,
            alternate_scroll: true,
            application_cursor: true,
            ..Modes::default()
        };
        let none = KeyModifiers::NONE;
        assert_eq!(sent(MouseEventKind::ScrollUp, none, AT, pager), "\\x1bOA\\x1bOA\\x1bOA");
        assert_eq!(sent(MouseEventKind::ScrollUp, none, AT, Modes::default()), "");
    }
}
