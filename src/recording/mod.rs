//! Recordings of sessions, in the asciicast format: what a terminal showed, and when. Only what the redactor has let through ever gets here.

pub mod cast;
pub mod read;
