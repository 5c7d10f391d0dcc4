//! The terminal user interface: one model, messages that change it, effects that come out, views that draw it.
//!
//! ```text
//!  keys, mouse -----+                       +--> view     draw(&Model), at most every 16 ms, only if something changed
//!  sessions --------+--> run loop -->  update(&mut Model, Message) -> Vec<Effect>
//!  checks, launches +                       +--> effects: the only I/O of this folder
//! ```

mod effects;
mod input;
mod keymap;
mod layout;
mod message;
mod model;
mod run;
mod search;
mod terminal;
mod text;
mod theme;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use effects::Reload;
pub use run::{UiOptions, run};
