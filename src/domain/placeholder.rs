//! `{NAME}` in the words of a command and in the files of a connector: where a field's value is placed.

use crate::domain::reference::is_variable_name;

/// A piece of a text with placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `{NAME}`, or `{NAME:raw}` with `raw`.
    Field {
        name: &'a str,
        raw: bool,
    },
}

/// Splits a text at its placeholders. Braces around anything but a variable's name stay text, so JSON and `{}` can be written as they are.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut from) = (0, 0);
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let Some(close) = text[open..].find('}').map(|at| open + at) else {
            break;
        };
        let inside = &text[open + 1..close];
        let (name, raw) = match inside.strip_suffix(":raw") {
            Some(name) => (name, true),
            None => (inside, false),
        };
        if !is_variable_name(name) {
            from = open + 1;
            continue;
        }
        if begin < open {
            pieces.push(Piece::Text(&text[begin..open]));
        }
        pieces.push(Piece::Field { name, raw });
        begin = close + 1;
        from = begin;
    }
    if begin < text.len() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

/// The names of the placeholders, in order.
pub fn names(text: &str) -> Vec<&str> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Field { name, .. } => Some(name),
            Piece::Text(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_placeholders() {
        assert_eq!(names("mongodb://{user}:{password:raw}@h"), ["user", "password"]);
        assert_eq!(
            pieces("-u{U}x"),
            [
                Piece::Text("-u"),
                Piece::Field { name: "U", raw: false },
                Piece::Text("x")
            ]
        );
        assert_eq!(
            pieces("{\"a\":{b}}"),
            [
                Piece::Text("{\"a\":"),
                Piece::Field { name: "b", raw: false },
                Piece::Text("}")
            ]
        );
        for text in ["", "{}", "{ x }", "{print $1}", "{a", "a}", "{{"] {
            assert!(names(text).is_empty(), "{text}");
        }
    }
}
