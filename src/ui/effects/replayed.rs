//! Reading a recording for the player, in the background.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::domain::problem::Problem;
use crate::replay::{Keyframes, Player, Recording, Start};

/// Reads a recording and makes its keyframes. None if it was told to stop.
pub(super) fn load(start: &Start, stop: &AtomicBool) -> Option<Result<Box<Player>, Problem>> {
    let reader = match start.open() {
        Ok(reader) => reader,
        Err(problem) => return Some(Err(problem)),
    };
    let recording = Arc::new(Recording::load(reader));
    let keyframes = Keyframes::make(&recording, stop)?;
    Some(Ok(Box::new(Player::new(recording, keyframes))))
}
