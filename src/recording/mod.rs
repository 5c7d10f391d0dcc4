//! Recordings of sessions, in the asciicast format: what a terminal showed, and when. Only what the redactor has let through ever gets here.
//!
//! One session is one file, however long it lasts: it plays, seeks and is removed as one. What bounds it is `max_mb`, not a next part, which
//! would begin with a screen that nobody knows.

pub mod cast;
mod export;
pub mod read;
pub mod seal;
mod sink;
pub mod store;
mod write;

pub use export::{export, source};
pub use store::{Begin, open};
pub use write::{Recorder, Tee, wait_for_writers};

#[cfg(test)]
mod tests;
