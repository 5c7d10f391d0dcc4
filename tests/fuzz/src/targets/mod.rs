//! What is fuzzed. `tests/it/corpus.rs` runs the same functions over the corpus that is kept.

mod configuration;
mod recording;
mod reference;
mod screen;

/// Takes any bytes; panics if something is wrong.
pub type Target = fn(&[u8]);

/// Each by the name of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("configuration", configuration::run),
    ("recording", recording::run),
    ("reference", reference::run),
    ("screen", screen::run),
];
