//! The grammar of filters: text to terms.
//!
//! ```text
//! query := term (" " term)*                  AND
//! term  := ["!"] ( field ":" values | word )
//! values := value ("," value)*               OR
//! word  := fuzzy | "'"substring | "^"prefix | suffix"$" | "^"exact"$" | a "|" b
//! ```
//! Between double quotes nothing is special; a word that begins with one is looked for as it is.

use super::{Field, FilterError, Vocabulary, fold};
use crate::domain::catalogue;
use crate::domain::suggest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    Field {
        negative: bool,
        field: Field,
        values: Vec<String>,
    },
    Word {
        negative: bool,
        alternatives: Vec<Atom>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Fuzzy,
    Substring,
    Prefix,
    Suffix,
    Exact,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    /// Folded unless `cased`.
    pub(super) text: String,
    pub(super) shape: Shape,
    /// Smart case: a capital in the word means that case counts.
    pub(super) cased: bool,
}

/// Shorter names of connectors.
const TYPE_ALIASES: &[(&str, &str)] = &[("pg", "postgres"), ("my", "mysql")];

/// A character and whether it stood between quotes.
type Token = Vec<(char, bool)>;

pub(super) fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Vec<Term>, FilterError> {
    joined(tokens(text))
        .iter()
        .filter_map(|token| term(token, vocabulary).transpose())
        .collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = vec![Token::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => tokens.push(Token::new()),
            c => {
                if let Some(token) = tokens.last_mut() {
                    token.push((c, quoted));
                }
            }
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// `a | b` is `a|b`: blanks around the bar mean nothing.
fn joined(tokens: Vec<Token>) -> Vec<Token> {
    const BAR: (char, bool) = ('|', false);
    let mut joined: Vec<Token> = Vec::new();
    for token in tokens {
        match joined.last_mut() {
            Some(before) if before.last() == Some(&BAR) || token.first() == Some(&BAR) => before.extend(token),
            _ => joined.push(token),
        }
    }
    joined
}

fn plain(token: &[(char, bool)]) -> String {
    token.iter().map(|(c, _)| *c).collect()
}

/// None for a term that is still being typed: `!`, `env:`.
fn term(token: &[(char, bool)], vocabulary: &Vocabulary) -> Result<Option<Term>, FilterError> {
    let (negative, token) = match token {
        [('!', false), rest @ ..] => (true, rest),
        _ => (false, token),
    };
    if let Some(colon) = token.iter().position(|c| *c == (':', false))
        && let Some((name, [_, values @ ..])) = token.split_at_checked(colon)
        // Not `10.0.0.1:5432`, not `"a":b`.
        && !name.is_empty()
        && name.iter().all(|(c, quoted)| c.is_ascii_alphabetic() && !quoted)
    {
        return field_term(negative, &plain(name).to_ascii_lowercase(), values, vocabulary);
    }
    let alternatives: Vec<Atom> = token
        .split(|c| *c == ('|', false))
        .filter_map(|word| atom(word, negative))
        .collect();
    Ok((!alternatives.is_empty()).then_some(Term::Word { negative, alternatives }))
}

fn field_term(
    negative: bool,
    name: &str,
    values: &[(char, bool)],
    vocabulary: &Vocabulary,
) -> Result<Option<Term>, FilterError> {
    let sign = if negative { "!" } else { "" };
    let Some(field) = Field::from_word(name) else {
        let words: Vec<&str> = Field::ALL.iter().map(|field| field.word()).collect();
        let nearest = suggest::nearest(name, words.iter().copied());
        return Err(FilterError {
            code: &catalogue::FILTER_FIELD,
            what: format!("no filter field `{name}:`; the fields are {}", words.join(", ")),
            similar: nearest
                .iter()
                .map(|near| format!("{sign}{near}:{}", plain(values)))
                .collect(),
        });
    };
    let mut wanted = Vec::new();
    for value in values.split(|c| *c == (',', false)).filter(|value| !value.is_empty()) {
        wanted.extend(known_values(field, &fold(&plain(value)), sign, vocabulary)?);
    }
    Ok((!wanted.is_empty()).then_some(Term::Field {
        negative,
        field,
        values: wanted,
    }))
}

/// The values that are meant: this one, else those that begin with it (it may still be being typed). Names and hosts are looked for as parts.
fn known_values(field: Field, value: &str, sign: &str, vocabulary: &Vocabulary) -> Result<Vec<String>, FilterError> {
    if matches!(field, Field::Name | Field::Host) {
        return Ok(vec![value.to_owned()]);
    }
    let alias = TYPE_ALIASES
        .iter()
        .find(|(alias, _)| field == Field::Type && *alias == value);
    let value = alias.map_or(value, |(_, name)| name);
    let known = vocabulary.values(field);
    if known.iter().any(|known| known == value) {
        return Ok(vec![value.to_owned()]);
    }
    let begun: Vec<String> = known.iter().filter(|known| known.starts_with(value)).cloned().collect();
    if !begun.is_empty() {
        return Ok(begun);
    }
    // Its word alone says nothing: `no is foo`.
    let wanted = match field {
        Field::Is => format!("no `is:{value}`"),
        _ => format!("no {} `{value}`", field.word()),
    };
    let field = field.word();
    let nearest = suggest::nearest(value, known.iter().map(String::as_str));
    Err(FilterError {
        code: &catalogue::FILTER,
        what: match known {
            [] => format!("nothing in this list has a value for `{field}:`"),
            [only] => format!("{wanted}; there is only {only}"),
            _ if known.len() <= 8 => format!("{wanted}; there are {}", known.join(", ")),
            _ => wanted,
        },
        similar: nearest
            .iter()
            .map(|near| format!("{sign}{field}:{}", quoted(near)))
            .collect(),
    })
}

/// A value as it has to be typed behind `field:`.
pub fn quoted(value: &str) -> String {
    if value.contains([' ', ',', ':', '|']) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

fn atom(word: &[(char, bool)], negative: bool) -> Option<Atom> {
    let (shape, word) = match word {
        [(_, true), ..] => (Shape::Substring, word),
        [('\'', false), rest @ ..] => (Shape::Substring, rest),
        [('^', false), rest @ .., ('$', false)] => (Shape::Exact, rest),
        [('^', false), rest @ ..] => (Shape::Prefix, rest),
        [rest @ .., ('$', false)] => (Shape::Suffix, rest),
        // What is excluded must be named: scattered letters would take away too much.
        _ if negative => (Shape::Substring, word),
        _ => (Shape::Fuzzy, word),
    };
    let text = plain(word);
    let cased = text.chars().any(char::is_uppercase);
    let text = if cased { text } else { fold(&text) };
    (!text.is_empty()).then_some(Atom { text, shape, cased })
}
