//! Recordings played again, through our own emulator alone: what is in one is drawn as cells or not at all.
//!
//! Pure: a recording is in memory, and the clock is handed in.
//!
//! ```text
//!  file -> recording::read::Reader --+--> Recording -> Player: where it is, on a Screen made from the last keyframe before
//!                                    |              -> search::find: when a text appeared
//!                                    +--> Transcript: the lines that the terminal showed
//! ```

mod player;
mod recording;
mod screen;
pub mod search;
mod start;
mod transcript;

#[cfg(test)]
mod tests;

pub use player::{Player, SPEEDS};
pub use recording::{Mark, Recording};
pub use screen::{Keyframes, Screen};
pub use start::Start;
pub use transcript::Transcript;
