//! Asciicast v1: one JSON document whose `stdout` is a list of `[delay, text]`. What was read before a tear counts.

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Event, Header, Kind, advance, read_header};

/// What was read of a document.
pub(super) struct Document {
    pub(super) header: Header,
    pub(super) events: Vec<Event>,
    /// It does not go on to its end.
    pub(super) torn: bool,
}

#[derive(Default)]
struct Reading {
    header: Map<String, Value>,
    events: Vec<Event>,
    time: Duration,
}

/// Reads a document, or as much of it as is there; what is wrong if it is none at all.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let mut reading = Reading::default();
    let done = (&mut reading).deserialize(&mut serde_json::Deserializer::from_str(text));
    let version = reading.header.get("version").and_then(Value::as_u64);
    if version != Some(1) && (done.is_ok() || version.is_some() || reading.events.is_empty()) {
        return Err(match version {
            Some(version) => format!("an asciicast of version {version} has its header on one line"),
            None => "this JSON is no asciicast: it names no version".to_owned(),
        });
    }
    Ok(Document {
        header: read_header(&Value::Object(reading.header)),
        events: reading.events,
        torn: done.is_err(),
    })
}

impl<'de> DeserializeSeed<'de> for &mut Reading {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an asciicast")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "stdout" {
                map.next_value_seed(Stdout(self))?;
            } else {
                let value = map.next_value()?;
                self.header.insert(key, value);
            }
        }
        Ok(())
    }
}

struct Stdout<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Stdout<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Stdout<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of [delay, text]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some((delay, text)) = list.next_element::<(f64, String)>()? {
            self.0.time = advance(self.0.time, delay, true);
            self.0.events.push(Event {
                time: self.0.time,
                kind: Kind::Output(text),
            });
        }
        // Nothing is left; asked once more, a list that does not end says so.
        list.next_element::<IgnoredAny>().map(drop)
    }
}
