//! A recording on the screen: the player with what is around it (search, transcript, the part of a large screen that is shown).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::replay::search::Query;
use crate::replay::{Player, Start};
use crate::ui::input::Input;
use crate::ui::keymap::Action;

/// A recording in front. What runs for it in the background stops when it is dropped.
pub struct Replay {
    pub start: Start,
    pub state: State,
    /// hallpass was started for it alone: closing it leaves.
    pub alone: bool,
    pub since: Timestamp,
    /// Up to when the player's clock has run.
    pub clock: Timestamp,
    /// What is being typed to search for.
    pub input: Option<Input>,
    pub search: Option<Search>,
    /// The first column and row that are shown, where a person chose them; else the cursor is followed.
    pub pan: Option<(u16, u16)>,
    pub transcript: Option<Transcript>,
    /// What was asked of the player before it was there.
    pub early: Vec<Action>,
    /// Requests of this recording carry it; those of another one are dropped.
    pub generation: u64,
    pub stop: Stop,
}

pub enum State {
    Reading,
    Ready(Box<Player>),
}

/// Tells what runs in the background that nobody waits for it any more, when dropped.
#[derive(Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A text that is looked for in the recording.
pub struct Search {
    pub query: Query,
    /// The times at which it appeared; none yet while it is looked for.
    pub found: Option<Vec<Duration>>,
    pub since: Timestamp,
    pub generation: u64,
    pub stop: Stop,
}

/// The plain text in front of the player.
pub struct Transcript {
    /// None yet while it is made.
    pub lines: Option<Vec<String>>,
    pub top: usize,
    /// Columns that are shifted out on the left.
    pub left: usize,
}

impl Replay {
    pub fn new(start: Start, alone: bool, generation: u64, now: Timestamp) -> Self {
        Self {
            start,
            state: State::Reading,
            alone,
            since: now,
            clock: now,
            input: None,
            search: None,
            pan: None,
            transcript: None,
            early: Vec::new(),
            generation,
            stop: Stop::default(),
        }
    }

    pub fn player(&self) -> Option<&Player> {
        match &self.state {
            State::Ready(player) => Some(player),
            State::Reading => None,
        }
    }

    pub fn player_mut(&mut self) -> Option<&mut Player> {
        match &mut self.state {
            State::Ready(player) => Some(player),
            State::Reading => None,
        }
    }

    /// Lets the player go on up to now.
    pub fn catch_up(&mut self, now: Timestamp) {
        let passed = Duration::try_from(now.duration_since(self.clock)).unwrap_or_default();
        self.clock = now;
        if let Some(player) = self.player_mut() {
            player.elapse(passed);
        }
    }

    /// When something changes by itself; none where nothing does.
    pub fn wake(&self) -> Option<Duration> {
        const SPIN: Duration = Duration::from_millis(250);
        let waits = |search: &Search| search.found.is_none();
        let busy = self.player().is_none()
            || self.search.as_ref().is_some_and(waits)
            || self.transcript.as_ref().is_some_and(|text| text.lines.is_none());
        match self.player().and_then(Player::wake) {
            Some(wake) => Some(wake),
            None => busy.then_some(SPIN),
        }
    }

    /// What the recording is called: the id of its session, else the name of its file.
    pub fn name(&self) -> String {
        let origin = self
            .player()
            .and_then(|player| player.recording().header.origin.as_ref());
        match origin {
            Some(origin) => origin.session.chars().take(12).collect(),
            None => {
                let file = PathBuf::from(&self.start.file);
                file.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }
}

impl Search {
    /// How many of the times are not after this one.
    pub fn passed(&self, position: Duration) -> usize {
        let times = self.found.as_deref().unwrap_or_default();
        times.partition_point(|time| *time <= position)
    }
}
