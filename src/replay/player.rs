//! The player: where it is in a recording, how fast it goes on, and which pauses it leaves out. Its clock is handed in.

use std::sync::Arc;
use std::time::Duration;

use super::recording::{Mark, Recording};
use super::screen::{Keyframes, Screen};
use crate::session::emulator::Emulator;

/// The slowest and the fastest.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.25..=16.0;
/// Between two pictures, and at most until the next one while it plays.
const SOONEST: Duration = Duration::from_millis(16);
const LATEST: Duration = Duration::from_millis(250);
/// Going back to a mark that was passed less than this ago means the one before it.
const JUST_PASSED: Duration = Duration::from_secs(1);

pub struct Player {
    recording: Arc<Recording>,
    keyframes: Keyframes,
    screen: Screen,
    /// In the recording.
    position: Duration,
    playing: bool,
    speed: f64,
    idle_limit: Duration,
    cuts_idle: bool,
}

impl Player {
    /// At the beginning, paused.
    pub fn new(recording: Arc<Recording>, keyframes: Keyframes) -> Self {
        // All of it may have happened at once.
        let mut screen = keyframes.screen(&recording, recording.events_until(Duration::ZERO));
        screen.advance(&recording, Duration::ZERO);
        Self {
            idle_limit: recording.idle_limit(),
            recording,
            keyframes,
            screen,
            position: Duration::ZERO,
            playing: false,
            speed: 1.0,
            cuts_idle: true,
        }
    }

    pub fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    pub fn emulator(&self) -> &Emulator {
        self.screen.emulator()
    }

    pub fn position(&self) -> Duration {
        self.position
    }

    pub fn length(&self) -> Duration {
        self.recording.length
    }

    pub fn is_playing(&self) -> bool {
        self.playing
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    pub fn cuts_idle(&self) -> bool {
        self.cuts_idle
    }

    pub fn idle_limit(&self) -> Duration {
        self.idle_limit
    }

    /// Plays, or pauses. At its end it begins again.
    pub fn toggle(&mut self) {
        if !self.playing && self.position >= self.length() {
            self.go(Duration::ZERO);
        }
        self.playing = !self.playing && self.length() > Duration::ZERO;
    }

    pub fn set_speed(&mut self, speed: f64) {
        if !speed.is_nan() {
            self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
        }
    }

    /// Pauses longer than this are cut to it.
    pub fn set_idle_limit(&mut self, limit: Duration) {
        self.idle_limit = limit.max(Duration::from_millis(50));
    }

    pub fn toggle_idle(&mut self) {
        self.cuts_idle = !self.cuts_idle;
    }

    /// Lets real time pass.
    pub fn elapse(&mut self, real: Duration) {
        if !self.playing {
            return;
        }
        let mut left = real.mul_f64(self.speed);
        let mut at = self.position;
        let mut next = self.recording.events_until(at);
        while !left.is_zero() && at < self.length() {
            let then = self.recording.time_of(next);
            let rest = self.rest_from(self.recording.time_before(next)).min(then);
            if at >= rest {
                at = then;
                next += 1;
                continue;
            }
            let step = left.min(rest - at);
            at += step;
            left -= step;
            if at >= then {
                next += 1;
            }
        }
        self.go(at);
        if at >= self.length() {
            self.playing = false;
        }
    }

    /// When the pause after this time begins to be left out.
    fn rest_from(&self, time: Duration) -> Duration {
        if self.cuts_idle {
            time.saturating_add(self.idle_limit)
        } else {
            Duration::MAX
        }
    }

    /// Real time until something changes; none while it is paused.
    pub fn wake(&self) -> Option<Duration> {
        if !self.playing {
            return None;
        }
        let next = self.recording.events_until(self.position);
        let second = Duration::from_secs(self.position.as_secs() + 1);
        let rest = self.rest_from(self.recording.time_before(next)).max(self.position);
        let mut then = self.recording.time_of(next).min(second).min(rest);
        if let Some(due) = self.screen.update_due() {
            then = then.min(due);
        }
        let recorded = then.saturating_sub(self.position);
        Some(recorded.div_f64(self.speed).clamp(SOONEST, LATEST))
    }

    /// Goes to a time, as near as the recording has it; plays on from there if it was playing.
    pub fn seek(&mut self, to: Duration) {
        self.go(to.min(self.length()));
    }

    pub fn seek_by(&mut self, seconds: i64) {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        self.seek(if seconds < 0 {
            self.position.saturating_sub(distance)
        } else {
            self.position.saturating_add(distance)
        });
    }

    /// Goes to a part of the whole, 0 to 1.
    pub fn seek_part(&mut self, part: f64) {
        self.seek(self.length().mul_f64(part.clamp(0.0, 1.0)));
    }

    /// Pauses, and goes to the next picture or the one before.
    pub fn frame(&mut self, forward: bool) {
        self.playing = false;
        let next = self.recording.events_until(self.position);
        let to = if forward {
            self.recording.time_of(next)
        } else {
            // The picture of now has stood since the event before; the one before that, since the event before its time.
            let shown = self.recording.time_before(next);
            if shown < self.position {
                shown
            } else {
                let first = self
                    .recording
                    .events_until(shown.saturating_sub(Duration::from_nanos(1)));
                if shown.is_zero() {
                    Duration::ZERO
                } else {
                    self.recording.time_before(first)
                }
            }
        };
        self.seek(to);
    }

    /// Goes to the next mark or the one before; that mark, none if there is none that way.
    pub fn to_mark(&mut self, forward: bool) -> Option<Mark> {
        let marks = &self.recording.marks;
        let mark = if forward {
            marks.iter().find(|mark| mark.time > self.position)
        } else {
            let grace = if self.playing { JUST_PASSED } else { Duration::ZERO };
            let before = self.position.saturating_sub(grace);
            marks.iter().rev().find(|mark| mark.time < before)
        };
        let mark = mark.cloned()?;
        self.seek(mark.time);
        Some(mark)
    }

    fn go(&mut self, to: Duration) {
        let place = self.recording.events_until(to);
        let back = to < self.position;
        if back || self.keyframes.before(place) > self.screen.next() {
            self.screen = self.keyframes.screen(&self.recording, place);
        }
        self.screen.advance(&self.recording, to);
        self.position = to;
    }
}
