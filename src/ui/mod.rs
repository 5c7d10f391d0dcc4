//! The terminal user interface: one model, messages that change it, effects that come out, views that draw it.
//!
//! ```text
//!  keys, mouse -----+                       +--> view     draw(&Model), at most every 16 ms, only if something changed
//!  sessions --------+--> run loop -->  update(&mut Model, Message) -> Vec<Effect>
//!  checks, launches +                       +--> effects: the only I/O of this folder
//! ```

pub mod clipboard;
pub mod copy_mode;
pub mod effects;
mod front;
pub mod input;
pub mod keymap;
pub mod layout;
pub mod message;
pub mod model;
pub mod recorded;
pub mod replay;
pub mod rows;
mod run;
pub mod search;
mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;

#[cfg(test)]
mod tests;

pub use effects::Reload;
pub use run::{UiOptions, run};
