//! How the child wants its keys: the kitty protocol's flags with a stack for each screen, and xterm's modifyOtherKeys.
//!
//! <https://sw.kovidgoyal.net/kitty/keyboard-protocol/>, <https://invisible-island.net/xterm/modified-keys.html>

/// Flags of the kitty protocol, as its numbers say them.
pub const DISAMBIGUATE: u8 = 1;
pub const ALTERNATE_KEYS: u8 = 4;
pub const ALL_KEYS: u8 = 8;
pub const ASSOCIATED_TEXT: u8 = 16;
/// What a child is granted. Not 2, the event types: when a key is released the terminal around us tells only of some keys, and most
/// terminals of none.
const GRANTED: u8 = DISAMBIGUATE | ALTERNATE_KEYS | ALL_KEYS | ASSOCIATED_TEXT;
/// Flags that a child may put aside on each screen.
const KEPT: usize = 64;

/// How flags are set without being put aside: `CSI = FLAGS ; HOW u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apply {
    Replace,
    Add,
    Remove,
}

/// What the child asked for. Both screens have flags of their own, as the protocol demands.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    screens: [Flags; 2],
    /// 0, 1 or 2.
    pub(super) modify_other_keys: u8,
}

#[derive(Debug, Default)]
struct Flags {
    now: u8,
    aside: Vec<u8>,
}

impl Keyboard {
    /// The flags in force on this screen: 0 for the main one, 1 for the alternate.
    pub(super) fn flags(&self, screen: usize) -> u8 {
        self.screens[screen].now
    }

    pub(super) fn push(&mut self, screen: usize, flags: u8) {
        let screen = &mut self.screens[screen];
        if screen.aside.len() == KEPT {
            // As the protocol says: the oldest goes.
            screen.aside.remove(0);
        }
        screen.aside.push(screen.now);
        screen.now = flags & GRANTED;
    }

    /// Takes back as many pushes; more than there were end with no flags at all.
    pub(super) fn pop(&mut self, screen: usize, count: u16) {
        let screen = &mut self.screens[screen];
        for _ in 0..usize::from(count.max(1)).min(KEPT + 1) {
            screen.now = screen.aside.pop().unwrap_or(0);
        }
    }

    pub(super) fn set(&mut self, screen: usize, flags: u8, how: Apply) {
        let now = &mut self.screens[screen].now;
        *now = match how {
            Apply::Replace => flags,
            Apply::Add => *now | flags,
            Apply::Remove => *now & !flags,
        } & GRANTED;
    }

    /// The answer to `CSI ? u`.
    pub(super) fn answer(&self, screen: usize) -> String {
        format!("\x1b[?{}u", self.flags(screen))
    }

    /// The answer to `CSI ? 4 m`.
    pub(super) fn answer_modify_other_keys(&self) -> String {
        format!("\x1b[>4;{}m", self.modify_other_keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_gives_back_what_was_in_force() {
        let mut keyboard = Keyboard::default();
        keyboard.push(0, 1);
        keyboard.push(0, 5);
        keyboard.set(0, 8, Apply::Add);
        assert_eq!(keyboard.flags(0), 13);
        keyboard.set(0, 1, Apply::Remove);
        assert_eq!(keyboard.flags(0), 12);
        keyboard.pop(0, 1);
        assert_eq!(keyboard.flags(0), 1);
        assert_eq!(keyboard.flags(1), 0, "the other screen has its own");
        keyboard.pop(0, 9);
        assert_eq!(keyboard.flags(0), 0);
    }

    #[test]
    fn flags_can_be_set_without_a_push_and_are_told() {
        let mut keyboard = Keyboard::default();
        keyboard.set(1, 5, Apply::Replace);
        assert_eq!(keyboard.answer(1), "\x1b[?5u");
        assert_eq!(keyboard.answer(0), "\x1b[?0u");
        keyboard.pop(1, 1);
        assert_eq!(keyboard.flags(1), 0);
    }

    #[test]
    fn what_nobody_can_keep_is_not_granted() {
        let mut keyboard = Keyboard::default();
        keyboard.push(0, 31);
        assert_eq!(keyboard.flags(0), 29);
        for _ in 0..10_000 {
            keyboard.push(0, 1);
        }
        assert_eq!(keyboard.screens[0].aside.len(), KEPT);
    }
}
