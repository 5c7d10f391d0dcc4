//! Letters of other scripts as the Latin ones that stand on the same keys of a US keyboard.

/// Rows of keys, and what stands on them where another script is typed: Russian with what Ukrainian and Belarusian have of their own, Greek,
/// Hebrew.
const LAYOUTS: &[(&str, &str)] = &[
    ("qwertyuiop[]asdfghjkl;'zxcvbnm,.", "йцукенгшщзхъфывапролджэячсмитьбю"),
    ("`s]'ou", "ёіїєўґ"),
    ("wertyuiopasdfghjklzxcvbnm", "ςερτυθιοπασδφγηξκλζχψωβνμ"),
    ("ertyuiopasdfghjkl;zxcvbnm,.", "קראטוןםפשדגכעיחלךףזסבהנמצתץ"),
];

/// What a terminal makes of Ctrl with this letter is made of the Latin one on its key. None for what is on no such key.
pub fn latin(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    let c = c.to_lowercase().next()?;
    LAYOUTS.iter().find_map(|(keys, letters)| {
        let at = letters.chars().position(|letter| letter == c)?;
        keys.chars().nth(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_on_their_keys() {
        for (keys, letters) in LAYOUTS {
            assert_eq!(keys.chars().count(), letters.chars().count(), "{letters}");
        }
        for (letter, key) in [('с', 'c'), ('С', 'c'), ('и', 'b'), ('і', 's'), ('Ψ', 'c'), ('ב', 'c')] {
            assert_eq!(latin(letter), Some(key), "{letter}");
        }
        assert_eq!(latin('c'), None);
        assert_eq!(latin('字'), None);
    }
}
