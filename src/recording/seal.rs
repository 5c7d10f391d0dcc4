//! Sealed recordings: batches of events, each a message of its own to the recipients (age), in a comment line of the file.
//!
//! The first line of a sealed file is the header as ever, so that it can be listed; every other line is `# age BASE64`, whose message holds
//! whole lines of events. To any player it is a recording in which nothing happens. A crash loses at most the last batch. Without hallpass:
//!
//! ```text
//! sed -n 's/^# age //p' FILE | while read -r m; do printf %s "$m" | base64 -d | age -d -i IDENTITY; done
//! ```

use std::io;
#[cfg(feature = "local")]
use std::io::{Read as _, Write as _};
use std::path::Path;

#[cfg(feature = "local")]
use base64::Engine as _;
#[cfg(feature = "local")]
use base64::engine::general_purpose::STANDARD;

use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// What a sealed line begins with.
pub const SEALED: &str = "# age ";
/// Larger identity files are none.
#[cfg(feature = "local")]
const MAX_IDENTITY_FILE: u64 = 64 << 10;

/// What a sealed line stands for that could not be opened: to any other reader a comment as well.
pub(super) const DAMAGED: &str = "# age -";

/// Why a sealed line stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is for somebody else.
    NoKey,
    /// It is damaged, or torn off.
    Damaged,
}

/// Who can read a recording.
pub(super) struct Recipients {
    #[cfg(feature = "local")]
    keys: Vec<age::x25519::Recipient>,
}

/// Who reads one. No `Debug`: it holds keys.
pub struct Identities {
    #[cfg(feature = "local")]
    keys: Vec<Box<dyn age::Identity + Send + Sync>>,
}

#[cfg(feature = "local")]
impl Recipients {
    /// From `age1…`; none where there are none.
    pub(super) fn parse(texts: &[String]) -> Result<Option<Self>, Problem> {
        let key = |text: &String| {
            text.parse()
                .map_err(|_| Problem::new(&catalogue::REC_RECIPIENT, format!("`{text}` is not a recipient of age")))
        };
        let keys: Vec<age::x25519::Recipient> = texts.iter().map(key).collect::<Result<_, _>>()?;
        Ok((!keys.is_empty()).then_some(Self { keys }))
    }

    /// One line.
    pub(super) fn seal(&self, bytes: &[u8]) -> io::Result<String> {
        let keys = self.keys.iter().map(|key| key as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(keys).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut message = Vec::with_capacity(bytes.len() + 512);
        let mut writer = encryptor.wrap_output(&mut message)?;
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(format!("{SEALED}{}\n", STANDARD.encode(message)))
    }
}

#[cfg(not(feature = "local"))]
impl Recipients {
    /// A recording that should be sealed is never written in the clear.
    pub(super) fn parse(texts: &[String]) -> Result<Option<Self>, Problem> {
        match texts {
            [] => Ok(None),
            _ => Err(not_built()),
        }
    }

    pub(super) fn seal(&self, _: &[u8]) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(feature = "local"))]
fn not_built() -> Problem {
    Problem::new(
        &catalogue::PROVIDER_NOT_BUILT,
        "sealed recordings are not built into this binary",
    )
}

#[cfg(feature = "local")]
impl Identities {
    /// Reads a file as `age-keygen` writes it.
    ///
    /// # Errors
    /// `E-REC-IDENTITY`
    pub fn read(file: &Path) -> Result<Self, Problem> {
        let wrong = |why: &str| {
            Problem::new(
                &catalogue::REC_IDENTITY,
                format!("{} cannot be used as an identity", file.display()),
            )
            .cause(why)
        };
        let opened = std::fs::File::open(file).map_err(|error| wrong(&error.kind().to_string()))?;
        let mut text = zeroize::Zeroizing::new(Vec::new());
        opened
            .take(MAX_IDENTITY_FILE)
            .read_to_end(&mut text)
            .map_err(|error| wrong(&error.kind().to_string()))?;
        let keys = age::IdentityFile::from_buffer(io::Cursor::new(text.as_slice()))
            .ok()
            .and_then(|file| file.into_identities().ok())
            .filter(|keys| !keys.is_empty())
            .ok_or_else(|| wrong("it holds no line AGE-SECRET-KEY-1…"))?;
        Ok(Self { keys })
    }

    /// The events of a sealed line, whole lines of them.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub fn open(&self, line: &str) -> Result<String, Closed> {
        let sealed = line.strip_prefix(SEALED).ok_or(Closed::Damaged)?;
        let message = STANDARD.decode(sealed.trim_end()).map_err(|_| Closed::Damaged)?;
        let decryptor = age::Decryptor::new(message.as_slice()).map_err(|_| Closed::Damaged)?;
        let keys = self.keys.iter().map(|key| key.as_ref() as &dyn age::Identity);
        let mut reader = decryptor.decrypt(keys).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => Closed::NoKey,
            _ => Closed::Damaged,
        })?;
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(|_| Closed::Damaged)?;
        Ok(text)
    }
}

#[cfg(not(feature = "local"))]
impl Identities {
    /// # Errors
    /// Always: sealed recordings are not built into this binary.
    pub fn read(_: &Path) -> Result<Self, Problem> {
        Err(not_built())
    }

    /// # Errors
    /// Always.
    pub fn open(&self, _: &str) -> Result<String, Closed> {
        Err(Closed::NoKey)
    }
}
