//! Where things are on a screen of a size. Shared by the views, which draw there, and by `update`, which needs to know what was clicked.

use ratatui::layout::Rect;

use crate::session::emulator::Size;
use crate::ui::model::{Model, Pane, Screen};

/// How much fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// List and detail side by side, in frames.
    Full,
    /// Detail below the list, no frames.
    Stacked,
    ListOnly,
    TooSmall,
}

impl Form {
    pub fn of((columns, rows): (u16, u16)) -> Self {
        match (columns, rows) {
            (100.., 24..) => Self::Full,
            (60.., 15..) => Self::Stacked,
            (40.., 10..) => Self::ListOnly,
            _ => Self::TooSmall,
        }
    }
}

/// The parts of a browsing screen. A part that is not there has no area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    pub header: Rect,
    pub filter: Rect,
    pub body: Rect,
    /// With its frame, if it has one.
    pub list: Rect,
    /// With its frame, if it has one.
    pub detail: Rect,
    /// Line between list and detail, or above the hints.
    pub rule: Rect,
    pub hints: Rect,
    /// List and detail have frames.
    pub framed: bool,
}

/// The parts of the screen in front.
pub fn parts(model: &Model) -> Parts {
    let (columns, rows) = model.size;
    let row = |y: u16, height: u16| Rect::new(0, y, columns, height);
    let hints = row(rows.saturating_sub(1), 1);
    let focus = model.roles.focus == Pane::Detail && model.screen == Screen::Roles;
    match Form::of(model.size) {
        Form::Full => {
            let body = row(2, rows - 4);
            let (list, detail) = match model.screen {
                Screen::Providers => split_rows(body, provider_list_height(model, body.height)),
                Screen::Roles if model.roles.wide => (Rect::ZERO, body),
                Screen::Roles => split_columns(body, (columns / 2).min(68)),
                Screen::Sessions | Screen::Session => (body, Rect::ZERO),
            };
            Parts {
                header: row(0, 1),
                filter: row(1, 1),
                body,
                list,
                detail,
                rule: row(rows - 2, 1),
                hints,
                framed: true,
            }
        }
        Form::Stacked => {
            let body = row(2, rows - 3);
            let below = rows / 3 - 2;
            let whole = matches!(model.screen, Screen::Sessions | Screen::Session);
            let alone = model.screen == Screen::Roles && (focus || model.roles.wide);
            let (list, rule, detail) = if whole {
                (body, Rect::ZERO, Rect::ZERO)
            } else if alone {
                (Rect::ZERO, Rect::ZERO, body)
            } else {
                let below = if model.screen == Screen::Providers {
                    // What the list does not need is the detail's.
                    let providers = u16::try_from(model.providers.rows.len()).unwrap_or(u16::MAX);
                    body.height - 1 - providers.clamp(3, body.height - body.height / 2 - 1)
                } else {
                    below
                };
                let list = Rect {
                    height: body.height - below - 1,
                    ..body
                };
                (list, row(list.bottom(), 1), row(list.bottom() + 1, below))
            };
            Parts {
                header: row(0, 1),
                filter: row(1, 1),
                body,
                list,
                detail,
                rule,
                hints,
                framed: false,
            }
        }
        Form::ListOnly => {
            // Only the roles have something to say there: the filter, and how many it hides.
            let filter = u16::from(model.screen == Screen::Roles);
            let body = row(1 + filter, rows - 2 - filter);
            let alone = model.screen == Screen::Roles && (focus || model.roles.wide);
            let (list, detail) = if alone { (Rect::ZERO, body) } else { (body, Rect::ZERO) };
            Parts {
                header: row(0, 1),
                filter: row(1, filter),
                body,
                list,
                detail,
                hints,
                ..Parts::default()
            }
        }
        Form::TooSmall => Parts::default(),
    }
}

fn split_columns(area: Rect, left: u16) -> (Rect, Rect) {
    let a = Rect { width: left, ..area };
    let b = Rect {
        x: area.x + left,
        width: area.width - left,
        ..area
    };
    (a, b)
}

fn split_rows(area: Rect, top: u16) -> (Rect, Rect) {
    let a = Rect { height: top, ..area };
    let b = Rect {
        y: area.y + top,
        height: area.height - top,
        ..area
    };
    (a, b)
}

/// Frame, heading, one row each, and room for the summary; never more than half.
fn provider_list_height(model: &Model, height: u16) -> u16 {
    let rows = u16::try_from(model.providers.rows.len()).unwrap_or(u16::MAX);
    rows.saturating_add(6).clamp(7, height / 2)
}

/// The rectangle inside a part's frame, or the part itself.
pub fn inner(part: Rect, framed: bool) -> Rect {
    if !framed {
        return part;
    }
    Rect {
        x: part.x.saturating_add(1),
        y: part.y.saturating_add(1),
        width: part.width.saturating_sub(2),
        height: part.height.saturating_sub(2),
    }
}

/// Where the rows of the list are, without frame and heading.
pub fn list_rows(model: &Model) -> Rect {
    let parts = parts(model);
    let inside = inner(parts.list, parts.framed);
    if !parts.framed {
        return inside;
    }
    Rect {
        y: inside.y + inside.height.min(1),
        height: inside.height.saturating_sub(1),
        ..inside
    }
}

/// The parts of the session view: what is missing has no area. Chrome goes first, the session keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionParts {
    pub tabs: Rect,
    pub frame: Rect,
    pub screen: Rect,
    pub status: Rect,
}

pub fn session_parts((columns, rows): (u16, u16), bare: bool) -> SessionParts {
    let row = |y: u16, height: u16| Rect::new(0, y, columns, height);
    match (columns, rows) {
        (80.., 24..) if !bare => {
            let frame = row(1, rows - 2);
            SessionParts {
                tabs: row(0, 1),
                frame,
                screen: inner(frame, true),
                status: row(rows - 1, 1),
            }
        }
        (_, 10..) => SessionParts {
            tabs: row(0, 1),
            frame: Rect::ZERO,
            screen: row(1, rows - 2),
            status: row(rows - 1, 1),
        },
        (_, 2..) => SessionParts {
            tabs: row(0, 1),
            screen: row(1, rows - 1),
            ..SessionParts::default()
        },
        _ => SessionParts {
            screen: row(0, rows),
            ..SessionParts::default()
        },
    }
}

/// The parts of a recording: what is missing has no area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayParts {
    pub header: Rect,
    pub frame: Rect,
    pub screen: Rect,
    pub timeline: Rect,
    pub marks: Rect,
    /// The same row as the marks where there is no room for both.
    pub search: Rect,
    pub rule: Rect,
    pub hints: Rect,
}

pub fn replay_parts((columns, rows): (u16, u16)) -> ReplayParts {
    let row = |y: u16, height: u16| Rect::new(0, y, columns, height);
    match (columns, rows) {
        (80.., 24..) => {
            let frame = row(1, rows - 6);
            ReplayParts {
                header: row(0, 1),
                frame,
                screen: inner(frame, true),
                timeline: row(rows - 5, 1),
                marks: row(rows - 4, 1),
                search: row(rows - 3, 1),
                rule: row(rows - 2, 1),
                hints: row(rows - 1, 1),
            }
        }
        (_, 10..) => ReplayParts {
            header: row(0, 1),
            screen: row(1, rows - 4),
            timeline: row(rows - 3, 1),
            marks: row(rows - 2, 1),
            search: row(rows - 2, 1),
            hints: row(rows - 1, 1),
            ..ReplayParts::default()
        },
        (_, 3..) => ReplayParts {
            screen: row(0, rows - 1),
            timeline: row(rows - 1, 1),
            ..ReplayParts::default()
        },
        _ => ReplayParts {
            screen: row(0, rows),
            ..ReplayParts::default()
        },
    }
}

/// The size that a session's terminal has; an emulator needs two columns.
pub fn session_size(size: (u16, u16), bare: bool) -> Size {
    let screen = session_parts(size, bare).screen;
    Size {
        columns: screen.width.max(2),
        rows: screen.height.max(1),
    }
}

/// A dialog of this size in the middle, as much of it as fits.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}
