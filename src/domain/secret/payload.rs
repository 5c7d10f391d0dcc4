//! What one secret holds: a text, or a map of keys; and how a key is picked from it.
//!
//! JSON is kept as the bytes that the provider sent and opened one level at a time, only as far as a key leads: so a number
//! keeps its digits, one odd key never spoils the others, and no tree of unwiped copies is built.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::SecretValue;

/// The content of one secret as its provider gave it.
pub enum Payload {
    /// AWS, Azure, GCP, an environment variable: a text that may happen to be a JSON object.
    Text(SecretValue),
    /// The local store: each key with its value already as text.
    Map(BTreeMap<String, SecretValue>),
    /// Vault, env JSON: a JSON object as it was sent. Make it with [`Payload::json_object`].
    Json(JsonObject),
}

/// The bytes of one JSON object, checked to be one.
pub struct JsonObject(SecretValue);

/// Why a key could not be picked. Holds names of keys, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    #[error("the secret holds several keys and the reference names none")]
    KeyNeeded { names: Vec<String> },
    #[error("the secret has no key `{key}`")]
    NoSuchKey { key: String, names: Vec<String> },
    #[error("the secret is a text and not a JSON object, so it has no key `{key}`")]
    NotJson { key: String },
    #[error("the key `{key}` holds null")]
    Null { key: String },
    /// A JSON string with half of a surrogate pair in it.
    #[error("the key `{key}` holds a string that is no text")]
    NotText { key: String },
}

/// The bytes are not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object")]
pub struct NotAnObject;

type Level<'a> = BTreeMap<String, &'a RawValue>;

impl Payload {
    /// A payload that is the JSON object in these bytes.
    pub fn json_object(bytes: &[u8]) -> Result<Self, NotAnObject> {
        open(bytes).ok_or(NotAnObject)?;
        Ok(Self::Json(JsonObject(SecretValue::from_bytes(bytes.to_vec()))))
    }

    /// The JSON object that a text holds, where it is one: for a provider whose secrets are always maps.
    pub fn text_as_json(text: &SecretValue) -> Result<Self, NotAnObject> {
        Self::json_object(text.expose())
    }

    /// The names of the keys; none for a text that is not a JSON object.
    pub fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Map(map) => Some(map.keys().cloned().collect()),
            Self::Json(JsonObject(bytes)) | Self::Text(bytes) => {
                open(bytes.expose()).map(|level| level.into_keys().collect())
            }
        }
    }

    /// The value of a key, or the whole text where none is asked for.
    ///
    /// A key that exists whole, dots and all, wins; else `a.b` goes into nested objects, and `a\.b` is a name with a dot.
    /// A string is its text, a number its digits as sent, true and false those words, an object or a list its compact JSON.
    pub fn pick(&self, key: Option<&str>) -> Result<SecretValue, PickError> {
        match (self, key) {
            (Self::Text(text), None) => Ok(text.duplicate()),
            (Self::Map(_) | Self::Json(_), None) => Err(PickError::KeyNeeded {
                names: self.names().unwrap_or_default(),
            }),
            (Self::Text(text), Some(key)) => {
                let level = open(text.expose()).ok_or_else(|| PickError::NotJson { key: key.to_owned() })?;
                pick_json(&level, key)
            }
            (Self::Json(JsonObject(bytes)), Some(key)) => pick_json(&open(bytes.expose()).unwrap_or_default(), key),
            (Self::Map(map), Some(key)) => pick_map(map, key),
        }
    }
}

impl SecretValue {
    /// Hands a value over as the credential of another provider's login. For `providers` alone.
    pub fn into_credential(self) -> Option<SecretString> {
        let text = std::str::from_utf8(self.expose()).ok()?;
        Some(SecretString::from(Box::<str>::from(text)))
    }
}

/// A map's value is text already; only a dotted key goes on into the JSON that it may hold.
fn pick_map(map: &BTreeMap<String, SecretValue>, key: &str) -> Result<SecretValue, PickError> {
    if let Some(value) = map.get(key) {
        return Ok(value.duplicate());
    }
    let missing = || PickError::NoSuchKey {
        key: key.to_owned(),
        names: map.keys().cloned().collect(),
    };
    let segments = segments(key);
    let value = segments
        .first()
        .and_then(|first| map.get(first.as_str()))
        .ok_or_else(missing)?;
    match &segments[1..] {
        [] => Ok(value.duplicate()),
        rest => {
            let level = open(value.expose()).ok_or_else(missing)?;
            to_text(descend(&level, rest).ok_or_else(missing)?, key)
        }
    }
}

fn pick_json(level: &Level<'_>, key: &str) -> Result<SecretValue, PickError> {
    let raw = level
        .get(key)
        .copied()
        .or_else(|| descend(level, &segments(key)))
        .ok_or_else(|| PickError::NoSuchKey {
            key: key.to_owned(),
            names: level.keys().cloned().collect(),
        })?;
    to_text(raw, key)
}

/// Follows the segments into nested objects.
fn descend<'a>(level: &Level<'a>, segments: &[String]) -> Option<&'a RawValue> {
    let (first, rest) = segments.split_first()?;
    let mut raw = *level.get(first.as_str())?;
    for segment in rest {
        raw = open(raw.get().as_bytes())?.get(segment.as_str()).copied()?;
    }
    Some(raw)
}

/// One level of a JSON object; none if the bytes are anything else.
fn open(bytes: &[u8]) -> Option<Level<'_>> {
    serde_json::from_slice(bytes).ok()
}

/// `a.b\.c` is `a`, then `b.c`.
fn segments(key: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    let mut characters = key.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if matches!(characters.peek(), Some('.' | '\\')) => {
                let escaped = characters.next();
                segments.last_mut().into_iter().for_each(|last| last.extend(escaped));
            }
            '.' => segments.push(String::new()),
            other => segments.last_mut().into_iter().for_each(|last| last.push(other)),
        }
    }
    segments
}

fn to_text(raw: &RawValue, key: &str) -> Result<SecretValue, PickError> {
    let text = raw.get().trim();
    match text.as_bytes().first() {
        Some(b'"') => {
            // A lone surrogate is JSON that no text can hold.
            let plain = serde_json::from_str::<String>(text);
            plain
                .map(SecretValue::from_text)
                .map_err(|_| PickError::NotText { key: key.to_owned() })
        }
        Some(b'{' | b'[') => {
            let compact = compact(text);
            Ok(SecretValue::from_bytes(compact.as_bytes().to_vec()))
        }
        Some(b'n') => Err(PickError::Null { key: key.to_owned() }),
        _ => Ok(SecretValue::from_bytes(text.as_bytes().to_vec())),
    }
}

/// JSON without the white space outside strings; everything else, numbers above all, stays as it was sent.
fn compact(json: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(json.len()));
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Payload {
        Payload::json_object(text.as_bytes()).unwrap()
    }

    fn text(payload: &Payload, key: &str) -> String {
        match payload.pick(Some(key)) {
            Ok(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn every_kind_of_value_has_its_text() {
        let payload = json(
            r#"{ "s": "p\u00e4ss\"word\n", "n": 12345678901234567890.10, "e": 1e3, "neg": -0, "t": true, "f": false,
                 "o": { "a" : [ 1.50 , "x y" ] }, "l": [ ], "q": { "k": "a \" } b" }, "nul": null, "empty": "" }"#,
        );
        assert_eq!(text(&payload, "s"), "päss\"word\n");
        assert_eq!(text(&payload, "n"), "12345678901234567890.10");
        assert_eq!(text(&payload, "e"), "1e3");
        assert_eq!(text(&payload, "neg"), "-0");
        assert_eq!(text(&payload, "t"), "true");
        assert_eq!(text(&payload, "f"), "false");
        assert_eq!(text(&payload, "o"), r#"{"a":[1.50,"x y"]}"#);
        assert_eq!(text(&payload, "q"), r#"{"k":"a \" } b"}"#);
        assert_eq!(text(&payload, "l"), "[]");
        assert_eq!(text(&payload, "empty"), "");
        assert_eq!(text(&payload, "nul"), "error: the key `nul` holds null");
    }

    #[test]
    fn dots_go_into_objects_and_whole_names_win() {
        let payload = json(r#"{ "a": { "b": "nested", "c.d": "dotted", "e": {"f": 1} }, "a.b.c": "whole", "x.y": 2 }"#);
        assert_eq!(text(&payload, "a.b"), "nested");
        assert_eq!(text(&payload, r"a.c\.d"), "dotted");
        assert_eq!(text(&payload, "a.e.f"), "1");
        assert_eq!(text(&payload, "a.b.c"), "whole");
        assert_eq!(text(&payload, "x.y"), "2");
        assert_eq!(text(&payload, r"x\.y"), "2");
        assert_eq!(text(&payload, "a.nope"), "error: the secret has no key `a.nope`");
        assert_eq!(text(&payload, "a.b.z"), "error: the secret has no key `a.b.z`");
        assert_eq!(text(&payload, ""), "error: the secret has no key ``");
    }

    #[test]
    fn a_map_needs_a_key_and_names_those_it_has() {
        let needed = json(r#"{"b": 1, "a": "s3cret"}"#).pick(None).err().unwrap();
        assert_eq!(
            needed,
            PickError::KeyNeeded {
                names: vec!["a".into(), "b".into()]
            }
        );
        let map = Payload::Map(BTreeMap::from([(
            "user".to_owned(),
            SecretValue::from_text("u".into()),
        )]));
        assert_eq!(
            map.pick(Some("usr")).err().unwrap(),
            PickError::NoSuchKey {
                key: "usr".into(),
                names: vec!["user".into()]
            }
        );
        assert_eq!(text(&map, "user"), "u");
    }

    #[test]
    fn a_text_is_given_whole_or_picked_from() {
        let plain = Payload::Text(SecretValue::from_text("just a text".into()));
        assert_eq!(plain.pick(None).unwrap().expose(), b"just a text");
        assert_eq!(
            plain.pick(Some("k")).err().unwrap(),
            PickError::NotJson { key: "k".into() }
        );
        assert_eq!(plain.names(), None);
        let object = Payload::Text(SecretValue::from_text(r#"{"k":{"i":"v"}}"#.into()));
        assert_eq!(object.pick(None).unwrap().expose(), br#"{"k":{"i":"v"}}"#);
        assert_eq!(text(&object, "k.i"), "v");
        for not_an_object in ["[1]", "1", "\"s\"", "null", "", "{", "{} x", "{\"a\":nul}"] {
            assert!(
                Payload::json_object(not_an_object.as_bytes()).is_err(),
                "{not_an_object}"
            );
        }
    }

    #[test]
    fn deep_and_odd_json_never_panics() {
        let deep = format!("{{\"k\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        if let Ok(payload) = Payload::json_object(deep.as_bytes()) {
            let _ = payload.pick(Some("k"));
        }
        let lone = json(r#"{"k":"\ud800x","ok":"fine"}"#);
        assert_eq!(text(&lone, "ok"), "fine");
        assert_eq!(text(&lone, "k"), "error: the key `k` holds a string that is no text");
    }

    proptest! {
        #[test]
        fn strings_come_back_byte_for_byte(value in ".*", key in ".*") {
            let object = serde_json::to_string(&BTreeMap::from([(key.clone(), value.clone())])).unwrap();
            let payload = Payload::json_object(object.as_bytes()).unwrap();
            prop_assert_eq!(text(&payload, &key), value);
        }

        #[test]
        fn an_escaped_name_is_one_segment(names in proptest::collection::vec("[a-z.\\\\]{0,6}", 1..4)) {
            let written = names.iter().map(|n| n.replace('\\', r"\\").replace('.', r"\.")).collect::<Vec<_>>().join(".");
            prop_assert_eq!(segments(&written), names);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), key in ".{0,8}") {
            if let Ok(payload) = Payload::json_object(&bytes) {
                let _ = payload.pick(Some(&key));
            }
        }
    }
}
