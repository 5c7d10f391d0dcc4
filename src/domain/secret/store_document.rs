//! What the local store holds: paths, the keys of each with their values, and when each path was last changed.
//!
//! ```compile_fail,E0277
//! println!("{:?}", hallpass::domain::secret::StoreDocument::default()); // no Debug
//! ```
//! ```compile_fail,E0277
//! println!("{:?}", hallpass::domain::secret::StoreKey::generate()); // no Debug
//! ```
//! The twin that compiles:
//! ```
//! let key = hallpass::domain::secret::StoreKey::generate();
//! let sealed = hallpass::domain::secret::StoreDocument::default().seal(&key).unwrap();
//! println!("{:?}", hallpass::domain::secret::StoreDocument::open(&sealed, &key).unwrap().list());
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Payload, SealError, SecretValue, StoreKey, Unfit};

/// The version of the content's format that this program writes.
const FORMAT: u32 = 1;

/// The decrypted local store.
#[derive(Default)]
pub struct StoreDocument {
    generation: u64,
    secrets: BTreeMap<String, Stored>,
}

struct Stored {
    version: u64,
    changed: Timestamp,
    keys: BTreeMap<String, SecretValue>,
}

/// What may be said of one secret of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    pub path: String,
    /// The names of its keys, sorted.
    pub keys: Vec<String>,
    /// Counts the changes of this path, from 1.
    pub version: u64,
    pub changed: Timestamp,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreChange {
    pub path: String,
    /// The keys that were set or removed.
    pub keys: Vec<String>,
    /// The path's version now; none when the path is gone.
    pub version: Option<u64>,
    /// Whether the key was not there before; false for a removal.
    pub created: bool,
    /// Which change of the whole store this is, from 1.
    pub generation: u64,
}

impl StoreDocument {
    /// Decrypts a store.
    ///
    /// # Errors
    /// Anything that is not exactly what [`StoreDocument::seal`] made with this key.
    pub fn open(ciphertext: &[u8], key: &StoreKey) -> Result<Self, SealError> {
        let plaintext = key.decrypt(ciphertext)?;
        let format: Format = serde_json::from_slice(&plaintext).map_err(|_| SealError::Damaged)?;
        if format.format > FORMAT {
            return Err(SealError::Newer);
        }
        // Values are base64, which has nothing to unescape: the parser hands out slices of the plaintext and copies nothing.
        let content: Content<'_> = serde_json::from_slice(&plaintext).map_err(|_| SealError::Damaged)?;
        let mut secrets = BTreeMap::new();
        for (path, secret) in content.secrets {
            let mut keys = BTreeMap::new();
            for (name, value) in secret.keys {
                let bytes = BASE64.decode(value).map_err(|_| SealError::Damaged)?;
                keys.insert(name.into_owned(), SecretValue::from_bytes(bytes));
            }
            let stored = Stored {
                version: secret.version,
                changed: secret.changed,
                keys,
            };
            secrets.insert(path.into_owned(), stored);
        }
        Ok(Self {
            generation: content.generation,
            secrets,
        })
    }

    /// Encrypts it; two calls never give the same bytes.
    pub fn seal(&self, key: &StoreKey) -> Result<Vec<u8>, SealError> {
        let encoded: BTreeMap<_, BTreeMap<_, _>> = self
            .secrets
            .iter()
            .map(|(path, stored)| {
                let encode = |value: &SecretValue| Zeroizing::new(BASE64.encode(value.expose()));
                (
                    path,
                    stored.keys.iter().map(|(name, value)| (name, encode(value))).collect(),
                )
            })
            .collect();
        let secrets = self.secrets.iter().zip(encoded.values()).map(|((path, stored), keys)| {
            let keys = keys
                .iter()
                .map(|(name, value)| (Cow::from(name.as_str()), value.as_str()))
                .collect();
            (
                Cow::from(path.as_str()),
                StoredContent {
                    version: stored.version,
                    changed: stored.changed,
                    keys,
                },
            )
        });
        let content = Content {
            format: FORMAT,
            generation: self.generation,
            secrets: secrets.collect(),
        };

        // Large enough not to grow, so that no unwiped copy stays behind: a character of a name takes 6 bytes at most.
        let size = |(path, stored): (&String, &Stored)| {
            let keys = stored
                .keys
                .iter()
                .map(|(name, value)| name.len() * 6 + value.expose().len() / 3 * 4 + 16);
            path.len() * 6 + 128 + keys.sum::<usize>()
        };
        let capacity = 128 + self.secrets.iter().map(size).sum::<usize>();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(capacity));
        serde_json::to_writer(&mut *plaintext, &content).map_err(|_| SealError::NotSealed)?;
        debug_assert!(plaintext.len() <= capacity, "it grew");
        key.encrypt(&plaintext)
    }

    /// Counts all changes that the store ever had: a smaller one than seen before means that an old file was put back.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn set(&mut self, path: &str, key: &str, value: SecretValue, now: Timestamp) -> StoreChange {
        self.generation += 1;
        let stored = self.secrets.entry(path.to_owned()).or_insert_with(|| Stored {
            version: 0,
            changed: now,
            keys: BTreeMap::new(),
        });
        stored.version += 1;
        stored.changed = now;
        let created = stored.keys.insert(key.to_owned(), value).is_none();
        StoreChange {
            path: path.to_owned(),
            keys: vec![key.to_owned()],
            version: Some(stored.version),
            created,
            generation: self.generation,
        }
    }

    /// Removes one key, or the whole path. A path whose last key goes, goes with it. None if it is not there.
    pub fn remove(&mut self, path: &str, key: Option<&str>, now: Timestamp) -> Option<StoreChange> {
        let stored = self.secrets.get_mut(path)?;
        let keys: Vec<String> = match key {
            Some(key) => vec![stored.keys.remove_entry(key)?.0],
            None => std::mem::take(&mut stored.keys).into_keys().collect(),
        };
        self.generation += 1;
        stored.version += 1;
        stored.changed = now;
        let mut version = Some(stored.version);
        if stored.keys.is_empty() {
            self.secrets.remove(path);
            version = None;
        }
        Some(StoreChange {
            path: path.to_owned(),
            keys,
            version,
            created: false,
            generation: self.generation,
        })
    }

    /// Everything in it but the values, sorted by path.
    pub fn list(&self) -> Vec<StoreEntry> {
        self.secrets.iter().map(|(path, stored)| stored.entry(path)).collect()
    }

    pub fn entry(&self, path: &str) -> Option<StoreEntry> {
        self.secrets.get(path).map(|stored| stored.entry(path))
    }

    /// The content of one secret.
    pub fn payload(&self, path: &str) -> Option<Payload> {
        let stored = self.secrets.get(path)?;
        Some(Payload::Map(
            stored
                .keys
                .iter()
                .map(|(name, value)| (name.clone(), value.duplicate()))
                .collect(),
        ))
    }

    /// What will surprise about one value, without saying what it is.
    pub fn warning(&self, path: &str, key: &str) -> Option<&'static str> {
        self.secrets.get(path)?.keys.get(key)?.warning()
    }

    /// Why one value cannot be an environment variable.
    pub fn unfit(&self, path: &str, key: &str) -> Option<Unfit> {
        self.secrets.get(path)?.keys.get(key)?.unfit_for_variable()
    }
}

impl Stored {
    fn entry(&self, path: &str) -> StoreEntry {
        StoreEntry {
            path: path.to_owned(),
            keys: self.keys.keys().cloned().collect(),
            version: self.version,
            changed: self.changed,
        }
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    format: u32,
    generation: u64,
    #[serde(borrow)]
    secrets: BTreeMap<Cow<'a, str>, StoredContent<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredContent<'a> {
    version: u64,
    changed: Timestamp,
    #[serde(borrow)]
    keys: BTreeMap<Cow<'a, str>, &'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn value(text: &str) -> SecretValue {
        SecretValue::from_text(text.to_owned())
    }

    fn document() -> StoreDocument {
        let mut document = StoreDocument::default();
        document.set("db/pg", "username", value("app"), NOW);
        document.set("db/pg", "password", value("CANARY-s3cret"), NOW);
        document.set("api", "token", SecretValue::from_bytes(vec![0, 255, 10, 128]), NOW);
        document
    }

    fn bytes(document: &StoreDocument, path: &str, key: &str) -> Option<Vec<u8>> {
        let Payload::Map(keys) = document.payload(path)? else {
            panic!("text")
        };
        Some(keys.get(key)?.expose().to_vec())
    }

    #[test]
    fn changes_count_and_name_what_they_did() {
        let mut document = document();
        assert_eq!(document.generation(), 3);
        let changed = document.set("db/pg", "password", value("new"), NOW);
        assert_eq!((changed.version, changed.created), (Some(3), false));
        assert_eq!(document.entry("db/pg").unwrap().keys, ["password", "username"]);
        assert!(document.remove("db/pg", Some("nothing"), NOW).is_none());
        assert!(document.remove("nothing", None, NOW).is_none());
        assert_eq!(document.generation(), 4);
        assert_eq!(
            document.remove("db/pg", Some("password"), NOW).unwrap().version,
            Some(4)
        );
        assert_eq!(document.remove("db/pg", Some("username"), NOW).unwrap().version, None);
        assert!(document.payload("db/pg").is_none());
        assert_eq!(document.remove("api", None, NOW).unwrap().keys, ["token"]);
        assert!(document.list().is_empty());
    }

    #[test]
    fn a_sealed_store_opens_with_its_key_alone_and_shows_nothing() {
        let key = StoreKey::generate();
        let sealed = document().seal(&key).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("CANARY"));
        assert!(!String::from_utf8_lossy(&sealed).contains("db/pg"));
        let opened = StoreDocument::open(&sealed, &key).unwrap();
        assert_eq!(opened.list(), document().list());
        assert_eq!(opened.generation(), 3);
        assert_eq!(bytes(&opened, "db/pg", "password").unwrap(), b"CANARY-s3cret");
        assert_eq!(bytes(&opened, "api", "token").unwrap(), [0, 255, 10, 128]);
        assert_eq!(
            StoreDocument::open(&sealed, &StoreKey::generate()).err(),
            Some(SealError::WrongKey)
        );
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_an_error() {
        let key = StoreKey::generate();
        let sealed = document().seal(&key).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut tampered = sealed.clone();
                tampered[at] ^= 1 << bit;
                assert!(StoreDocument::open(&tampered, &key).is_err(), "bit {bit} of byte {at}");
            }
            assert!(StoreDocument::open(&sealed[..at], &key).is_err(), "cut at {at}");
        }
        let longer = [sealed.as_slice(), b"x"].concat();
        assert!(StoreDocument::open(&longer, &key).is_err());
    }

    #[test]
    fn content_that_is_no_store_is_an_error() {
        let key = StoreKey::generate();
        let open = |text: &str| StoreDocument::open(&key.encrypt(text.as_bytes()).unwrap(), &key).err();
        assert_eq!(open(""), Some(SealError::Damaged));
        assert_eq!(open("{}"), Some(SealError::Damaged));
        assert_eq!(open(r#"{"format":2,"new":[]}"#), Some(SealError::Newer));
        assert_eq!(
            open(
                r#"{"format":1,"generation":1,"secrets":{"a":{"version":1,"changed":"1970-01-01T00:00:00Z","keys":{"k":"*"}}}}"#
            ),
            Some(SealError::Damaged)
        );
        assert_eq!(open(r#"{"format":1,"generation":1,"secrets":{}}"#), None);
        assert_eq!(open(&"[".repeat(100_000)), Some(SealError::Damaged));
    }

    proptest! {
        #[test]
        fn round_trip(entries in proptest::collection::vec(("\\PC{1,12}", "\\PC{1,12}", proptest::collection::vec(any::<u8>(), 0..300)), 0..12)) {
            let key = StoreKey::generate();
            let mut document = StoreDocument::default();
            for (path, name, content) in &entries {
                document.set(path, name, SecretValue::from_bytes(content.clone()), NOW);
            }
            let opened = StoreDocument::open(&document.seal(&key).unwrap(), &key).unwrap();
            prop_assert_eq!(opened.list(), document.list());
            for entry in document.list() {
                for name in &entry.keys {
                    prop_assert_eq!(bytes(&opened, &entry.path, name), bytes(&document, &entry.path, name));
                }
            }
        }

        #[test]
        fn garbage_never_panics(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let key = StoreKey::generate();
            prop_assert!(StoreDocument::open(&content, &key).is_err());
            prop_assert!(StoreDocument::open(&key.encrypt(&content).unwrap(), &key).is_err());
        }
    }
}
