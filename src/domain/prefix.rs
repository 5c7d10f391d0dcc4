//! The prefix key of the session view as people write it: a key, or a program whose prefix key is meant.

/// The names of programs, and their keys.
pub const PRESETS: &[(&str, &str)] = &[
    ("tmux", "ctrl-b"),
    ("screen", "ctrl-a"),
    ("zellij", "ctrl-g"),
    ("telnet", "ctrl-]"),
];

/// What may be written, for messages.
pub const FORM: &str = "a key that types nothing by itself (ctrl-\\, alt-x, f12), or tmux, screen, zellij, telnet";

/// Keys with Ctrl for which terminals send the byte of another key. What they are for that other key: no prefix can be told from it.
const TAKEN: &[(&str, &str)] = &[
    ("i", "Tab"),
    ("m", "Enter"),
    ("[", "Escape"),
    ("3", "Escape"),
    ("h", "Backspace in many terminals"),
    ("8", "Backspace"),
    ("?", "Backspace"),
];

/// Keys with Ctrl that are sent as another one is.
const ALIASES: &[(&str, &str)] = &[
    ("4", "\\"),
    ("5", "]"),
    ("6", "^"),
    ("7", "_"),
    ("/", "_"),
    ("@", "space"),
];

/// The key that is meant, written in the one way that the keymap reads.
///
/// # Errors
/// What is wrong with it, in words that go on from the text that was written.
pub fn parse(text: &str) -> Result<String, String> {
    let wanted = || format!("is not {FORM}");
    let text = text.trim().to_lowercase();
    if let Some((_, key)) = PRESETS.iter().find(|(name, _)| *name == text) {
        return Ok((*key).to_owned());
    }
    let (mut ctrl, mut alt, mut rest) = (false, false, text.as_str());
    loop {
        let after = |prefixes: [&str; 2]| prefixes.into_iter().find_map(|prefix| rest.strip_prefix(prefix));
        if let Some(tail) = after(["ctrl-", "c-"]).filter(|tail| !tail.is_empty()) {
            (ctrl, rest) = (true, tail);
        } else if let Some(tail) = after(["alt-", "m-"]).filter(|tail| !tail.is_empty()) {
            (alt, rest) = (true, tail);
        } else {
            break;
        }
    }
    let function = rest.strip_prefix('f').and_then(|number| number.parse::<u8>().ok());
    let function = function.is_some_and(|number| (1..=24).contains(&number));
    let character = rest == "space" || rest.chars().count() == 1 && !rest.chars().any(|c| c.is_control() || c == ' ');
    if !function && !(character && (ctrl || alt)) {
        return Err(wanted());
    }
    if ctrl && let Some((_, other)) = TAKEN.iter().find(|(key, _)| *key == rest) {
        return Err(format!("cannot be told from {other}"));
    }
    if ctrl && !rest.is_ascii() {
        return Err("cannot be told from the key in its place: Ctrl goes with the letters a to z".to_owned());
    }
    let alias = ALIASES.iter().find(|(key, _)| ctrl && *key == rest);
    let key = alias.map_or(rest, |(_, key)| key);
    Ok(format!(
        "{}{}{key}",
        if ctrl { "ctrl-" } else { "" },
        if alt { "alt-" } else { "" }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_presets_are_read() {
        for (written, key) in [
            ("ctrl-\\", "ctrl-\\"),
            ("Ctrl-B", "ctrl-b"),
            ("C-b", "ctrl-b"),
            ("ctrl-4", "ctrl-\\"),
            ("ctrl-@", "ctrl-space"),
            ("ctrl--", "ctrl--"),
            ("alt-x", "alt-x"),
            ("ctrl-alt-x", "ctrl-alt-x"),
            ("F12", "f12"),
            ("telnet", "ctrl-]"),
            ("zellij", "ctrl-g"),
        ] {
            assert_eq!(parse(written).as_deref(), Ok(key), "{written}");
        }
    }

    #[test]
    fn what_cannot_be_a_prefix_says_why() {
        for (written, why) in [
            ("", "is not a key"),
            ("a", "is not a key"),
            ("ctrl-", "is not a key"),
            ("f25", "is not a key"),
            ("enter", "is not a key"),
            ("ctrl-nosuch", "is not a key"),
            ("ctrl-i", "cannot be told from Tab"),
            ("ctrl-m", "cannot be told from Enter"),
            ("ctrl-[", "cannot be told from Escape"),
            ("ctrl-ж", "cannot be told from the key in its place"),
            ("ctrl-é", "cannot be told from the key in its place"),
        ] {
            assert!(parse(written).unwrap_err().starts_with(why), "{written}");
        }
    }
}
