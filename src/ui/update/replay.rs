//! Keys and news of a recording that is played.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{dialog, quit};
use crate::domain::problem::Problem;
use crate::replay::search::Query;
use crate::replay::{Mark, Player, Start};
use crate::ui::effects::Effect;
use crate::ui::input::Input;
use crate::ui::keymap::{self, Action, Chord, Context};
use crate::ui::layout::replay_parts;
use crate::ui::model::{Dialog, Model};
use crate::ui::replay::{Replay, Search, State, Stop, Transcript};
use crate::ui::{text, view};

/// Lines that one notch of the wheel moves a transcript, and seconds that it moves a recording.
const NOTCH: isize = 3;
const NOTCH_SECONDS: i64 = 5;

/// Brings a recording to the front. `alone`: hallpass was started for it, and leaves with it.
pub fn open(model: &mut Model, start: Start, alone: bool) -> Vec<Effect> {
    let generation = model.next_generation();
    let replay = Replay::new(start, alone, generation, model.now);
    let effect = Effect::Replay {
        generation,
        start: replay.start.clone(),
        stop: replay.stop.flag(),
    };
    model.replay = Some(replay);
    vec![effect]
}

pub(super) fn loaded(model: &mut Model, generation: u64, result: Result<Box<Player>, Problem>) -> Vec<Effect> {
    let now = model.now;
    let Some(replay) = model.replay.as_mut().filter(|replay| replay.generation == generation) else {
        return Vec::new();
    };
    match result {
        Ok(mut player) => {
            let start = &replay.start;
            if let Some(speed) = start.speed {
                player.set_speed(speed);
            }
            if let Some(limit) = start.idle_limit {
                player.set_idle_limit(limit);
            }
            player.seek(start.at.unwrap_or_default());
            player.toggle();
            let refused = std::mem::take(&mut replay.early)
                .into_iter()
                .filter_map(|action| play(&mut player, action).err())
                .last();
            replay.clock = now;
            let remark = player.recording().remark();
            replay.state = State::Ready(player);
            if let Some(none) = refused {
                model.complain(none);
            }
            if let Some(remark) = remark {
                model.complain(remark);
            }
            Vec::new()
        }
        Err(problem) => {
            let alone = replay.alone;
            model.replay = None;
            model.dialog = Some(Dialog::Text {
                title: "This recording cannot be played".to_owned(),
                lines: problem.to_string().lines().map(str::to_owned).collect(),
                scroll: 0,
                about: None,
            });
            if alone { quit(model) } else { Vec::new() }
        }
    }
}

pub(super) fn found(model: &mut Model, generation: u64, times: Vec<Duration>) {
    let Some(replay) = &mut model.replay else { return };
    let Some(search) = replay.search.as_mut().filter(|search| search.generation == generation) else {
        return;
    };
    search.found = Some(times);
    if let Some(player) = replay.player() {
        let here = player.position();
        let search = replay.search.as_ref();
        let times = search.and_then(|search| search.found.as_deref()).unwrap_or_default();
        // The one that is looked at counts; past the last one it begins again.
        let next = times.iter().find(|time| **time >= here).or(times.first()).copied();
        jump(model, next);
    }
}

pub(super) fn transcribed(model: &mut Model, generation: u64, lines: Vec<String>) {
    if let Some(replay) = model.replay.as_mut().filter(|replay| replay.generation == generation)
        && let Some(transcript) = &mut replay.transcript
    {
        transcript.lines = Some(lines);
    }
}

/// The loop's clock has gone on.
pub(super) fn tick(model: &mut Model) {
    let now = model.now;
    if let Some(replay) = &mut model.replay {
        replay.catch_up(now);
    }
}

pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    tick(model);
    let Some(replay) = &model.replay else { return Vec::new() };
    if replay.input.is_some() {
        return input_key(model, chord);
    }
    let interrupt = chord.ctrl && chord.code == KeyCode::Char('c');
    let action = if interrupt {
        Some(Action::Back)
    } else {
        keymap::action(&[Context::Replay], chord)
    };
    match action {
        None => {
            model.complain(format!("{chord} is not bound, ? for help"));
            Vec::new()
        }
        Some(Action::Back) => back(model),
        Some(action @ (Action::Help | Action::Suspend | Action::Redraw)) => super::browse::act(model, action),
        Some(action) if model.replay.as_ref().is_some_and(|replay| replay.transcript.is_some()) => {
            in_transcript(model, action)
        }
        Some(action) => act(model, action),
    }
}

fn input_key(model: &mut Model, chord: Chord) -> Vec<Effect> {
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    let Some(input) = &mut replay.input else {
        return Vec::new();
    };
    match (chord.ctrl, chord.code) {
        (_, KeyCode::Enter) => {
            let text = std::mem::take(&mut input.text);
            replay.input = None;
            return search(model, &text);
        }
        (_, KeyCode::Esc) | (true, KeyCode::Char('c')) => replay.input = None,
        (_, KeyCode::Backspace) if input.text.is_empty() => replay.input = None,
        _ => drop(input.key(chord)),
    }
    Vec::new()
}

/// Takes text that was pasted.
pub(super) fn pasted(model: &mut Model, text: &str) {
    match model.replay.as_mut().and_then(|replay| replay.input.as_mut()) {
        Some(input) => input.insert(text),
        None => model.complain("nothing to paste into here"),
    }
}

fn search(model: &mut Model, text: &str) -> Vec<Effect> {
    let generation = model.next_generation();
    let now = model.now;
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    let Some(query) = Query::new(text) else {
        replay.search = None;
        return Vec::new();
    };
    let Some(recording) = replay.player().map(|player| Arc::clone(player.recording())) else {
        return Vec::new();
    };
    let stop = Stop::default();
    let effect = Effect::Find {
        generation,
        recording,
        query: query.clone(),
        stop: stop.flag(),
    };
    replay.search = Some(Search {
        query,
        found: None,
        since: now,
        generation,
        stop,
    });
    if replay.transcript.is_some() {
        find_line(model, true);
    }
    vec![effect]
}

fn back(model: &mut Model) -> Vec<Effect> {
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    if replay.transcript.take().is_some() || replay.search.take().is_some() {
        return Vec::new();
    }
    let alone = replay.alone;
    model.replay = None;
    if alone { quit(model) } else { Vec::new() }
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let generation = model.next_generation();
    let area = replay_parts(model.size).screen;
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    match action {
        Action::Search => replay.input = Some(Input::default()),
        Action::Pan(right, down) => pan(replay, (area.width, area.height), (right, down)),
        Action::PanFollow => replay.pan = None,
        Action::Transcript => {
            let Some(recording) = replay.player().map(|player| Arc::clone(player.recording())) else {
                return Vec::new();
            };
            replay.generation = generation;
            if let Some(player) = replay.player_mut().filter(|player| player.is_playing()) {
                player.toggle();
            }
            replay.transcript = Some(Transcript {
                lines: None,
                top: 0,
                left: 0,
            });
            let stop = replay.stop.flag();
            return vec![Effect::Transcribe {
                generation,
                recording,
                stop,
            }];
        }
        Action::NextMatch => to_found(model, true),
        Action::PreviousMatch => to_found(model, false),
        _ => {
            let Some(player) = replay.player_mut() else {
                replay.early.push(action);
                return Vec::new();
            };
            if let Err(none) = play(player, action) {
                model.complain(none);
            }
        }
    }
    Vec::new()
}

/// What concerns the player alone; what is not there to go to.
fn play(player: &mut Player, action: Action) -> Result<(), &'static str> {
    match action {
        Action::PlayPause => player.toggle(),
        Action::Seek(seconds) => player.seek_by(seconds.into()),
        Action::Frame(forward) => player.frame(forward),
        Action::ToMark(forward) => {
            let gone: Option<Mark> = player.to_mark(forward);
            return gone.map(drop).ok_or(if forward {
                "no mark comes after this"
            } else {
                "no mark comes before this"
            });
        }
        Action::Tenth(tenth) => player.seek_part(f64::from(tenth) / 10.0),
        Action::Slower => player.set_speed(player.speed() / 2.0),
        Action::Faster => player.set_speed(player.speed() * 2.0),
        Action::CutIdle => player.toggle_idle(),
        Action::First => player.seek(Duration::ZERO),
        Action::Last => player.seek(Duration::MAX),
        _ => {}
    }
    Ok(())
}

/// Moves what is shown of a screen that is larger than the window, by half of the window.
fn pan(replay: &mut Replay, window: (u16, u16), (right, down): (i8, i8)) {
    let Some(player) = replay.player() else { return };
    let emulator = player.emulator();
    let size = emulator.size();
    let (x, y) = view::replay_origin(emulator, replay.pan, window);
    let moved = |from: u16, steps: i8, window: u16, whole: u16| {
        let by = i32::from(steps) * i32::from((window / 2).max(1));
        let most = i32::from(whole.saturating_sub(window));
        u16::try_from((i32::from(from) + by).clamp(0, most)).unwrap_or(0)
    };
    replay.pan = Some((
        moved(x, right, window.0, size.columns),
        moved(y, down, window.1, size.rows),
    ));
}

fn to_found(model: &mut Model, forward: bool) {
    let Some(replay) = &model.replay else { return };
    let (Some(search), Some(player)) = (&replay.search, replay.player()) else {
        model.complain("/ searches first");
        return;
    };
    let here = player.position();
    let times = search.found.as_deref().unwrap_or_default();
    let next = if forward {
        times.iter().find(|time| **time > here).or(times.first())
    } else {
        times.iter().rev().find(|time| **time < here).or(times.last())
    };
    jump(model, next.copied());
}

/// Pauses at a time where something was found.
fn jump(model: &mut Model, to: Option<Duration>) {
    let player = model.replay.as_mut().and_then(Replay::player_mut);
    if let (Some(player), Some(to)) = (player, to) {
        if player.is_playing() {
            player.toggle();
        }
        player.seek(to);
    }
}

fn in_transcript(model: &mut Model, action: Action) -> Vec<Effect> {
    let page = isize::from(replay_parts(model.size).screen.height.max(2).cast_signed()) - 1;
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    match action {
        Action::Transcript => replay.transcript = None,
        Action::Search => replay.input = Some(Input::default()),
        Action::NextMatch => find_line(model, true),
        Action::PreviousMatch => find_line(model, false),
        Action::Pan(0, down) => scroll(model, isize::from(down)),
        Action::Pan(right, _) => {
            if let Some(text) = &mut replay.transcript {
                text.left = text.left.saturating_add_signed(isize::from(right) * 20);
            }
        }
        Action::Down => scroll(model, 1),
        Action::Up => scroll(model, -1),
        Action::PageDown => scroll(model, page),
        Action::PageUp => scroll(model, -page),
        Action::First => scroll(model, isize::MIN),
        Action::Last => scroll(model, isize::MAX),
        _ => model.complain("t goes back to the player"),
    }
    Vec::new()
}

fn scroll(model: &mut Model, by: isize) {
    let height = usize::from(replay_parts(model.size).screen.height);
    let transcript = model.replay.as_mut().and_then(|replay| replay.transcript.as_mut());
    if let Some(text) = transcript {
        let most = text.lines.as_ref().map_or(0, Vec::len).saturating_sub(height);
        text.top = text.top.saturating_add_signed(by).min(most);
    }
}

/// Brings the next line that holds what is searched for to the top.
fn find_line(model: &mut Model, forward: bool) {
    let Some(replay) = &mut model.replay else { return };
    let (Some(search), Some(text)) = (&replay.search, &mut replay.transcript) else {
        model.complain("/ searches first");
        return;
    };
    let lines = text.lines.as_deref().unwrap_or_default();
    let holds = |at: &usize| lines.get(*at).is_some_and(|line| search.query.is_in(line));
    let next = if forward {
        (text.top + 1..lines.len()).chain(0..=text.top).find(holds)
    } else {
        (0..text.top).rev().chain((text.top..lines.len()).rev()).find(holds)
    };
    match next {
        Some(at) => text.top = at,
        None => {
            let words = text::cut(search.query.text(), 30);
            model.complain(format!("no line holds {words}"));
        }
    }
}

/// A click on the timeline goes there; the wheel goes back and on.
pub(super) fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    tick(model);
    let bar = view::replay_bar(model);
    let Some(replay) = &mut model.replay else {
        return Vec::new();
    };
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::ScrollDown if replay.transcript.is_some() => scroll(model, NOTCH),
        MouseEventKind::ScrollUp if replay.transcript.is_some() => scroll(model, -NOTCH),
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            let back = event.kind == MouseEventKind::ScrollUp;
            if let Some(player) = replay.player_mut() {
                player.seek_by(if back { -NOTCH_SECONDS } else { NOTCH_SECONDS });
            }
        }
        MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => {
            if let (Some(bar), Some(player)) = (bar, replay.player_mut())
                && bar.contains(at)
            {
                let last = f64::from(bar.width.saturating_sub(1).max(1));
                player.seek_part(f64::from(at.x - bar.x) / last);
            }
        }
        _ => {}
    }
    dialog::clamp_scroll(model);
    Vec::new()
}
