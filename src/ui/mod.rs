//! The TUI.
pub const NOT_BUILT: () = ();
