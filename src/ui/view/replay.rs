//! A recording: what it is, its screen at the size it was recorded with, the timeline with marks, the search.
//!
//! ```text
//!  REPLAY  01JD8  prod-postgres · 2026-11-20 09:41:07                         exit 0 · 11m32s · 98x26
//! ┌─ recording ──────────────────────────────────────────────────────────────────────────────────────┐
//! │ orders=> █                                                                                       │
//! └─ 98x26 recorded, shown 1:1 ──────────────────────────────────────────────────────────────────────┘
//!  ▶ 04:18 ├━━━━━━━┷━━━━━━━━━━━━━━●╌╌╌╌╌┷╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤ 11:32   2.0x   idle>2s skipped
//!  marks  ┷ 01:52 connected   ┷ 05:40 resize 120x40          gaps cut: 3m41s of idle time
//!  search: update  —  2 of 3 at 04:16
//! ```

use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::{hints, panel, put, rule, session};
use crate::replay::{Player, Recording};
use crate::session::emulator::Emulator;
use crate::ui::layout::{ReplayParts, replay_parts};
use crate::ui::model::Model;
use crate::ui::replay::{Replay, Search, Transcript};
use crate::ui::{text, theme};

/// Draws the recording in front; answers where the cursor stands while something is typed.
pub(super) fn draw(model: &Model, replay: &Replay, buf: &mut Buffer, area: Rect) -> Option<Position> {
    let parts = replay_parts(model.size);
    draw_header(model, replay, buf, parts.header);
    draw_pane(model, replay, buf, &parts);
    if let Some(player) = replay.player() {
        draw_timeline(player, buf, parts.timeline);
        draw_marks(replay, player, buf, &parts);
    }
    rule(buf, parts.rule, model.look.ascii);
    if !parts.hints.is_empty() {
        hints::draw(model, buf, parts.hints);
    }
    draw_search(model, replay, buf, parts.search, area)
}

fn draw_header(model: &Model, replay: &Replay, buf: &mut Buffer, area: Rect) {
    let mut right = Vec::new();
    let mut about = Vec::new();
    let mut prod = false;
    if let Some(player) = replay.player() {
        let recording = player.recording();
        let header = &recording.header;
        match &header.origin {
            Some(origin) => {
                let env = origin.env.as_deref();
                prod = model.roles.rows.iter().any(|row| row.name == origin.role && row.prod) || env == Some("prod");
                about.push(origin.role.clone());
            }
            None => about.extend(header.title.clone()),
        }
        let began = header.timestamp.and_then(|at| Timestamp::from_second(at).ok());
        about.extend(began.map(|at| {
            at.to_zoned(model.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        }));
        right.extend(recording.exit.map(|code| format!("exit {code}")));
        right.push(text::duration(seconds(recording.length)));
        let size = recording.size();
        right.push(format!("{}x{}", size.columns, size.rows));
    }
    let right = format!("{} ", right.join(" · "));
    let room = usize::from(area.width).saturating_sub(text::width(&right) + 2);
    let name = text::cut(&replay.name(), 24);
    let lead = match room.saturating_sub(text::width(" REPLAY    ")) {
        wide if wide >= text::width(&name) => format!(" REPLAY  {name}  "),
        _ => " REPLAY  ".to_owned(),
    };
    let room = room.saturating_sub(text::width(&lead));
    let (first, rest) = about
        .split_first()
        .map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    let first = text::cut(&first, room);
    let rest: String = rest.iter().map(|part| format!(" · {part}")).collect();
    let rest = if text::width(&rest) <= room.saturating_sub(text::width(&first)) {
        rest
    } else {
        String::new()
    };
    let style = if prod { theme::PROD } else { theme::BOLD };
    put(
        buf,
        area,
        0,
        Line::from(vec![
            Span::styled(lead, theme::KEY),
            Span::styled(first, style),
            Span::raw(rest),
        ]),
    );
    put(buf, area, 0, Line::raw(right).right_aligned());
}

/// The frame and what is in it: the screen, the transcript, or that it is still being read.
fn draw_pane(model: &Model, replay: &Replay, buf: &mut Buffer, parts: &ReplayParts) {
    if let Some(transcript) = &replay.transcript {
        frame(buf, parts.frame, "transcript", &transcript_words(transcript));
        draw_transcript(model, replay, transcript, buf, parts.screen);
        return;
    }
    let Some(player) = replay.player() else {
        frame(buf, parts.frame, "recording", "");
        let spinner = theme::spinner(model.now.as_millisecond() - replay.since.as_millisecond());
        put(
            buf,
            parts.screen,
            0,
            Line::raw(format!(" {spinner} reading the recording …")),
        );
        return;
    };
    frame(
        buf,
        parts.frame,
        "recording",
        &shown_words(player, replay, parts.screen),
    );
    draw_screen(player, replay, buf, parts.screen);
}

fn frame(buf: &mut Buffer, area: Rect, title: &str, below: &str) {
    if !area.is_empty() {
        panel(buf, area, Line::raw(title.to_owned()), below, theme::QUIET);
    }
}

/// `plain text · line 3 of 120`
fn transcript_words(transcript: &Transcript) -> String {
    match &transcript.lines {
        Some(lines) => format!("plain text · line {} of {}", transcript.top + 1, lines.len().max(1)),
        None => "plain text".to_owned(),
    }
}

/// `98x26 recorded, shown 1:1`, or which part of it is shown.
fn shown_words(player: &Player, replay: &Replay, area: Rect) -> String {
    let size = player.emulator().size();
    let (columns, rows) = (size.columns.min(area.width), size.rows.min(area.height));
    if (columns, rows) == (size.columns, size.rows) {
        return format!("{columns}x{rows} recorded, shown 1:1");
    }
    let (x, y) = origin(player.emulator(), replay.pan, (area.width, area.height));
    let whole = format!("recorded {}x{}", size.columns, size.rows);
    let part = |what: &str, from: u16, count: u16| format!("{what} {}-{}", from + 1, from + count);
    let shown = match (columns < size.columns, rows < size.rows) {
        (true, true) => format!("{}, {}", part("columns", x, columns), part("rows", y, rows)),
        (true, false) => part("columns", x, columns),
        _ => part("rows", y, rows),
    };
    format!("{whole}, shown {shown} · H J K L")
}

/// The first column and row that are shown: where a person chose, else so that the cursor is in sight.
pub fn origin(emulator: &Emulator, chosen: Option<(u16, u16)>, (width, height): (u16, u16)) -> (u16, u16) {
    let size = emulator.size();
    let most = (size.columns.saturating_sub(width), size.rows.saturating_sub(height));
    let (x, y) = chosen.unwrap_or_else(|| {
        let (column, row) = emulator.cursor().unwrap_or_default();
        ((column + 1).saturating_sub(width), (row + 1).saturating_sub(height))
    });
    (x.min(most.0), y.min(most.1))
}

fn draw_screen(player: &Player, replay: &Replay, buf: &mut Buffer, area: Rect) {
    let emulator = player.emulator();
    let (left, top) = origin(emulator, replay.pan, (area.width, area.height));
    session::draw_part(emulator, buf, area, (left, top));
    let size = emulator.size();
    outside(buf, area, (size.columns, size.rows));
    let at = |column: u16, row: u16| {
        let place = Position::new(area.x + column.checked_sub(left)?, area.y + row.checked_sub(top)?);
        area.contains(place).then_some(place)
    };
    if let Some(search) = &replay.search {
        for place in search.query.places(emulator) {
            for column in place.column..place.column.saturating_add(place.columns) {
                if let Some(cell) = at(column, place.row).and_then(|at| buf.cell_mut(at)) {
                    cell.set_style(cell.style().patch(theme::MATCH).add_modifier(Modifier::REVERSED));
                }
            }
        }
    }
    if let Some(cell) = emulator
        .cursor()
        .and_then(|(x, y)| at(x, y))
        .and_then(|at| buf.cell_mut(at))
    {
        if cell.symbol() == " " {
            cell.set_symbol("█");
        } else {
            cell.modifier.toggle(Modifier::REVERSED);
        }
    }
}

/// The edge of a screen that is smaller than the window.
fn outside(buf: &mut Buffer, area: Rect, (columns, rows): (u16, u16)) {
    let (right, bottom) = (columns < area.width, rows < area.height);
    let mut edge = |x: u16, y: u16, symbol: &str| {
        if let Some(cell) = buf.cell_mut((area.x + x, area.y + y)) {
            cell.set_symbol(symbol).set_style(theme::QUIET);
        }
    };
    if right {
        (0..rows.min(area.height)).for_each(|y| edge(columns, y, "│"));
    }
    if bottom {
        (0..columns.min(area.width)).for_each(|x| edge(x, rows, "─"));
    }
    if right && bottom {
        edge(columns, rows, "┘");
    }
}

fn draw_transcript(model: &Model, replay: &Replay, transcript: &Transcript, buf: &mut Buffer, area: Rect) {
    let Some(lines) = &transcript.lines else {
        let spinner = theme::spinner(model.now.as_millisecond());
        put(buf, area, 0, Line::raw(format!(" {spinner} reading the recording …")));
        return;
    };
    if lines.is_empty() {
        put(
            buf,
            area,
            0,
            Line::styled("nothing was printed but on full screens", theme::QUIET),
        );
    }
    for (row, line) in lines.iter().skip(transcript.top).take(area.height.into()).enumerate() {
        let holds = replay.search.as_ref().is_some_and(|search| search.query.is_in(line));
        let shifted: String = line.chars().skip(transcript.left).collect();
        let style = if holds { theme::MATCH } else { theme::PLAIN };
        put(
            buf,
            area,
            row,
            Line::styled(text::cut(&shifted, area.width.into()), style),
        );
    }
}

/// What of the timeline stands left and right of the bar.
fn beside_bar(player: &Player, width: u16) -> (String, String) {
    let sign = if player.is_playing() { '▶' } else { '‖' };
    let long = player.length().as_secs() >= 3600;
    let left = format!(" {sign} {} ", clock(player.position(), long));
    let speed = if (player.speed() * 10.0).fract() == 0.0 {
        format!("{:.1}x", player.speed())
    } else {
        format!("{:.2}x", player.speed())
    };
    let limit = player.idle_limit().as_secs_f64();
    let idle = match (player.cuts_idle(), width >= 80) {
        (true, true) => format!("idle>{limit}s skipped"),
        (false, true) => "idle kept".to_owned(),
        (true, false) => "cut".to_owned(),
        (false, false) => String::new(),
    };
    let right = if width >= 80 {
        format!(" {}   {speed:<5}  {idle:<17}", clock(player.length(), long))
    } else {
        format!(" {} {speed:<5} {idle:<3} ", clock(player.length(), long))
    };
    (left, right)
}

/// Where the bar itself is, between its ends.
pub(super) fn bar(player: &Player, area: Rect) -> Rect {
    let (left, right) = beside_bar(player, area.width);
    let (left, right) = (text::width(&left), text::width(&right));
    let x = u16::try_from(left + 1).unwrap_or(u16::MAX);
    let width = usize::from(area.width).saturating_sub(left + right + 2);
    Rect {
        x: area.x.saturating_add(x),
        width: u16::try_from(width).unwrap_or(0),
        ..area
    }
}

fn draw_timeline(player: &Player, buf: &mut Buffer, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (left, right) = beside_bar(player, area.width);
    let bar = bar(player, area);
    let place = |time: Duration| -> usize {
        let part = time.as_secs_f64() / player.length().as_secs_f64().max(f64::MIN_POSITIVE);
        (part.min(1.0) * f64::from(bar.width.saturating_sub(1))).round() as usize
    };
    let here = place(player.position());
    let mut cells: Vec<&str> = (0..usize::from(bar.width))
        .map(|x| if x < here { "━" } else { "╌" })
        .collect();
    let places = player.recording().marks.iter().map(|mark| (place(mark.time), "┷"));
    for (x, symbol) in places.chain([(here, "●")]) {
        if let Some(cell) = cells.get_mut(x) {
            *cell = symbol;
        }
    }
    let split = here.min(cells.len());
    put(
        buf,
        area,
        0,
        Line::from(vec![
            Span::styled(left, theme::BOLD),
            Span::raw("├"),
            Span::styled(cells[..split].concat(), theme::ACCENT),
            Span::styled(cells[split..].iter().take(1).copied().collect::<String>(), theme::KEY),
            Span::styled(cells[split..].iter().skip(1).copied().collect::<String>(), theme::QUIET),
            Span::raw("┤"),
            Span::raw(right),
        ]),
    );
}

/// `04:18`, `1:04:18`.
fn clock(time: Duration, long: bool) -> String {
    let s = time.as_secs();
    if long {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else {
        format!("{:02}:{:02}", s / 60, s % 60)
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The marks around the position, and how much idle time is left out. Where there is no frame, its words as well.
fn draw_marks(replay: &Replay, player: &Player, buf: &mut Buffer, parts: &ReplayParts) {
    let area = parts.marks;
    if area.is_empty() || (area == parts.search && (replay.input.is_some() || replay.search.is_some())) {
        return;
    }
    let recording = player.recording();
    let idle = recording.idle_over(player.idle_limit());
    let right = if idle.as_secs() == 0 {
        String::new()
    } else if player.cuts_idle() {
        format!("gaps cut: {} of idle time ", text::duration(seconds(idle)))
    } else {
        format!("gaps kept: {} of idle time ", text::duration(seconds(idle)))
    };
    let width = usize::from(area.width);
    if parts.frame.is_empty() {
        let words = match &replay.transcript {
            Some(transcript) => transcript_words(transcript),
            None => shown_words(player, replay, parts.screen),
        };
        let words = format!(" {words}");
        let fits = text::width(&words) + text::width(&right) + 3 <= width;
        put(buf, area, 0, Line::styled(text::cut(&words, width), theme::QUIET));
        if fits {
            put(buf, area, 0, Line::styled(right, theme::QUIET).right_aligned());
        }
        return;
    }
    let long = player.length().as_secs() >= 3600;
    let room = width.saturating_sub(text::width(&right) + 11);
    put(buf, area, 0, marks_line(recording, player.position(), long, room));
    put(buf, area, 0, Line::styled(right, theme::QUIET).right_aligned());
}

/// As many marks as fit, from the first one or else from the last one that was passed.
fn marks_line(recording: &Recording, position: Duration, long: bool, room: usize) -> Line<'static> {
    let marks = &recording.marks;
    if marks.is_empty() {
        return Line::styled(" marks  none", theme::QUIET);
    }
    let words: Vec<String> = marks
        .iter()
        .map(|mark| {
            let name = if mark.name.trim().is_empty() {
                "mark".to_owned()
            } else {
                text::cut(&mark.name, 24)
            };
            format!("{} {name}", clock(mark.time, long))
        })
        .collect();
    let wide = |word: &String| text::width(word) + 5;
    let passed = marks.partition_point(|mark| mark.time <= position);
    let fits_from = |first: usize| {
        let mut used = 0;
        words[first..]
            .iter()
            .take_while(|word| {
                used += wide(word);
                used <= room
            })
            .count()
    };
    let wanted = passed.min(words.len() - 1);
    let first = if fits_from(0) > wanted {
        0
    } else {
        passed.saturating_sub(1)
    };
    let count = fits_from(first);
    let mut spans = vec![Span::raw(if first == 0 { " marks  " } else { " marks … " })];
    for (at, word) in words.iter().enumerate().skip(first).take(count) {
        let style = if at < passed { theme::ACCENT } else { theme::QUIET };
        spans.push(Span::styled("┷ ", style));
        spans.push(Span::raw(format!("{word}   ")));
    }
    let hidden = words.len() - first - count;
    if hidden > 0 {
        spans.push(Span::styled(format!("+{hidden}"), theme::QUIET));
    }
    Line::from(spans)
}

/// The search: what is typed, or what was found. Answers where the cursor stands while it is typed.
fn draw_search(model: &Model, replay: &Replay, buf: &mut Buffer, area: Rect, whole: Rect) -> Option<Position> {
    if let Some(input) = &replay.input {
        // The smallest sizes have no row of its own for it.
        let area = if area.is_empty() {
            Rect {
                y: whole.bottom().saturating_sub(1),
                height: 1.min(whole.height),
                ..whole
            }
        } else {
            area
        };
        let room = usize::from(area.width).saturating_sub(11);
        put(buf, area, 0, Line::raw(" ".repeat(area.width.into())));
        let lead = Span::styled(" search: ", theme::KEY);
        put(
            buf,
            area,
            0,
            Line::from(vec![lead, Span::raw(text::cut_start(&input.text, room))]),
        );
        let before: String = input.text.chars().take(input.cursor).collect();
        let x = u16::try_from(9 + text::width(&before).min(room)).unwrap_or(0);
        return Some(Position::new(area.x.saturating_add(x), area.y));
    }
    let search = replay.search.as_ref()?;
    let words = text::cut(search.query.text(), usize::from(area.width / 2));
    let line = Line::from(vec![
        Span::styled(" search: ", theme::QUIET),
        Span::styled(words, theme::BOLD),
        Span::raw("  —  "),
        found_words(model, replay, search),
    ]);
    put(buf, area, 0, line);
    None
}

fn found_words(model: &Model, replay: &Replay, search: &Search) -> Span<'static> {
    let Some(player) = replay.player() else {
        return Span::raw("");
    };
    let long = player.length().as_secs() >= 3600;
    match search.found.as_deref() {
        None => Span::raw(theme::spinner(
            model.now.as_millisecond() - search.since.as_millisecond(),
        )),
        Some([]) => Span::styled("not found", theme::WARN),
        Some(times) => match search.passed(player.position()) {
            0 => Span::raw(format!("{} found, the first at {}", times.len(), clock(times[0], long))),
            passed => Span::raw(format!(
                "{passed} of {} at {}",
                times.len(),
                clock(times[passed - 1], long)
            )),
        },
    }
}
