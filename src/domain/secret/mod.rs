//! The only folder that can read plaintext: values, what is picked from them, the environment they end in, and their redaction.
//!
//! `expose` is visible in this folder alone; the compiler keeps everybody else out.
//!
//! ```compile_fail,E0277
//! let value = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! println!("{value:?}"); // no Debug
//! ```
//! ```compile_fail,E0277
//! let value = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! println!("{value}"); // no Display
//! ```
//! ```compile_fail,E0599
//! let value = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! let copy = value.clone(); // no Clone
//! ```
//! ```compile_fail,E0369
//! let a = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! let b = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! let _ = a == b; // no PartialEq
//! ```
//! ```compile_fail,E0624
//! let value = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! let _ = value.expose(); // private to this folder
//! ```
//! The twin that compiles:
//! ```
//! let value = hallpass::domain::secret::SecretValue::from_text("hunter22".to_owned());
//! assert!(value.warning().is_none());
//! ```

mod child_env;
mod payload;
mod redactor;
#[cfg(feature = "local")]
mod store_document;
#[cfg(feature = "local")]
mod store_key;
mod template;

pub use child_env::{ChildEnv, EnvTarget, FILES_VARIABLE};
pub use payload::{JsonObject, NotAnObject, Payload, PickError};
pub use redactor::Redactor;
#[cfg(feature = "local")]
pub use store_document::{StoreChange, StoreDocument, StoreEntry};
#[cfg(feature = "local")]
pub use store_key::{KeyFile, LockedKey, SealError, StoreKey, WORK_FACTOR};
pub use template::{Encoding, Part, Template, TemplateError};

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use zeroize::Zeroize;

use crate::domain::address::password_of;

/// The remark on a value that ends in a newline; `trim = true` in the field answers it.
pub const ENDS_IN_NEWLINE: &str =
    "the value ends in a newline, which usually came from `echo`; trim = true takes it off";

/// What test databases have as a password and everybody prints.
const COMMON_WORDS: &[&str] = &[
    "admin",
    "changeme",
    "database",
    "default",
    "demo",
    "example",
    "guest",
    "localhost",
    "mariadb",
    "mysql",
    "pass",
    "password",
    "postgres",
    "public",
    "redis",
    "root",
    "secret",
    "server",
    "system",
    "test",
    "testing",
    "user",
    "username",
    "vault",
];

/// The most that Linux takes for one `NAME=value` (`MAX_ARG_STRLEN`), less room for the name.
const VARIABLE_LIMIT: usize = 128 * 1024 - 256;

/// Why a value cannot be an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    NulByte,
    TooLong,
}

impl Unfit {
    /// Why these bytes cannot be an environment variable, if they cannot.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.contains(&0) {
            Some(Self::NulByte)
        } else {
            (bytes.len() > VARIABLE_LIMIT).then_some(Self::TooLong)
        }
    }
}

/// Bytes that a provider gave. Wiped when dropped; cannot be shown, compared, cloned or serialised.
pub struct SecretValue(SecretSlice<u8>);

impl SecretValue {
    /// Takes the bytes over. The vector's spare capacity is wiped with it.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Self {
        // A boxed slice of a vector with spare capacity is a reallocated copy; make the copy ourselves so that the first can be wiped.
        let boxed: Box<[u8]> = bytes.as_slice().into();
        bytes.zeroize();
        Self(SecretSlice::from(boxed))
    }

    pub fn from_text(text: String) -> Self {
        Self::from_bytes(text.into_bytes())
    }

    /// 24 letters, digits, `-` and `_` that nobody can guess; none if the system gives no random numbers.
    pub fn random() -> Option<Self> {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bytes = vec![0; 24];
        getrandom::fill(&mut bytes).ok()?;
        for byte in &mut bytes {
            *byte = LETTERS[usize::from(*byte % 64)];
        }
        Some(Self::from_bytes(bytes))
    }

    /// What a person typed.
    pub fn from_secret(text: &SecretString) -> Self {
        Self::from_bytes(text.expose_secret().as_bytes().to_vec())
    }

    /// The plaintext; nobody outside this folder may ask.
    fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// A second value of the same bytes, for a second field of the same secret.
    fn duplicate(&self) -> Self {
        Self::from_bytes(self.expose().to_vec())
    }

    /// The value without surrounding white space.
    #[must_use]
    pub fn trimmed(self) -> Self {
        Self::from_bytes(self.expose().trim_ascii().to_vec())
    }

    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Why it cannot be an environment variable, if it cannot.
    pub fn unfit_for_variable(&self) -> Option<Unfit> {
        Unfit::of(self.expose())
    }

    /// The password in an address such as `postgres://user:password@host/db`, which a program may print by itself.
    pub fn password_of_url(&self) -> Option<Self> {
        let password = password_of(std::str::from_utf8(self.expose()).ok()?)?;
        Some(Self::from_text(password.to_owned()))
    }

    /// What will surprise about the value, without saying what it is: it is empty, ends in a newline, is too short to be masked,
    /// or is a word that is printed for other reasons.
    pub fn warning(&self) -> Option<&'static str> {
        let bytes = self.expose();
        if bytes.is_empty() {
            Some("the value is empty")
        } else if bytes.ends_with(b"\n") {
            Some(ENDS_IN_NEWLINE)
        } else if !redactor::can_mask(bytes) {
            Some(if bytes.len() < 4 {
                "the value is shorter than 4 characters and cannot be masked on the screen"
            } else {
                "the value has fewer than 4 characters beside blanks and line ends, and cannot be masked on the screen"
            })
        } else if COMMON_WORDS
            .iter()
            .any(|word| bytes.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        {
            Some("the value is a common word: it is masked wherever that word is printed")
        } else {
            None
        }
    }
}
