//! The key of the local store: an age identity, in a key file as it is or locked by a passphrase.
//!
//! A passphrase locks the key and not the store itself: its deliberately slow derivation is paid once an unlock, not once a read.

use std::io::Read as _;
use std::iter;
use std::str::FromStr as _;

use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Key files that we write cost 2^17 rounds: 128 MiB and under a second to try one passphrase.
pub const WORK_FACTOR: u8 = 17;
/// Key files that cost more are refused, so that a hostile one cannot stall us; `age -p` writes 18.
const MAX_WORK_FACTOR: u8 = 18;

/// Opens and seals a [`StoreDocument`](super::StoreDocument). Wiped when dropped; cannot be shown.
pub struct StoreKey(x25519::Identity);

/// Why a key file or a sealed store cannot be opened or written. No library's text is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("this is not a key file of age")]
    NotAKey,
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("the passphrase of this file would take too much memory and time to try")]
    TooMuchWork,
    #[error("the key is not the one that this was sealed with")]
    WrongKey,
    #[error("the content is damaged")]
    Damaged,
    #[error("the content was written by a newer hallpass")]
    Newer,
    #[error("the content could not be sealed")]
    NotSealed,
}

/// What a key file holds.
pub enum KeyFile {
    Open(StoreKey),
    Locked(LockedKey),
}

/// A key that a passphrase protects.
pub struct LockedKey(Vec<u8>);

impl StoreKey {
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// The content of a key file, in the format of `age-keygen`.
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let secret = self.0.to_string();
        let public = self.0.to_public().to_string();
        let header =
            format!("# the key of a hallpass store; keep a copy where the store's is not\n# public key: {public}\n");
        let mut content = Zeroizing::new(Vec::with_capacity(header.len() + secret.expose_secret().len() + 1));
        content.extend_from_slice(header.as_bytes());
        content.extend_from_slice(secret.expose_secret().as_bytes());
        content.push(b'\n');
        content
    }

    /// The content of a key file that asks for `passphrase`; 2^`work_factor` rounds, [`WORK_FACTOR`] outside tests.
    pub fn to_locked_file(&self, passphrase: SecretString, work_factor: u8) -> Result<Vec<u8>, SealError> {
        let mut recipient = scrypt::Recipient::new(passphrase);
        recipient.set_work_factor(work_factor.clamp(1, MAX_WORK_FACTOR));
        encrypt(&recipient, &self.to_file())
    }

    pub(super) fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        encrypt(&self.0.to_public(), plaintext)
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        decrypt(&self.0, ciphertext)
    }

    fn from_text(content: &[u8]) -> Result<Self, SealError> {
        let text = std::str::from_utf8(content).map_err(|_| SealError::NotAKey)?;
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (lines.next(), lines.next()) {
            (Some(line), None) => x25519::Identity::from_str(line)
                .map(Self)
                .map_err(|_| SealError::NotAKey),
            _ => Err(SealError::NotAKey),
        }
    }
}

impl KeyFile {
    /// Reads a key file's content. Tries no passphrase.
    pub fn parse(content: &[u8]) -> Result<Self, SealError> {
        if content.starts_with(b"age-encryption.org/") {
            let locked = Decryptor::new_buffered(content).map_err(|_| SealError::NotAKey)?;
            return if locked.is_scrypt() {
                Ok(Self::Locked(LockedKey(content.to_vec())))
            } else {
                Err(SealError::NotAKey)
            };
        }
        StoreKey::from_text(content).map(Self::Open)
    }
}

impl LockedKey {
    /// Tries a passphrase; takes about a second, so call it where that may block.
    pub fn unlock(&self, passphrase: SecretString) -> Result<StoreKey, SealError> {
        let mut identity = scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let content = decrypt(&identity, &self.0).map_err(|e| match e {
            SealError::WrongKey => SealError::WrongPassphrase,
            other => other,
        })?;
        StoreKey::from_text(&content)
    }
}

fn encrypt(recipient: &dyn age::Recipient, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let seal = || -> std::io::Result<Vec<u8>> {
        let encryptor =
            Encryptor::with_recipients(iter::once(recipient)).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        let mut ciphertext = Vec::with_capacity(plaintext.len() + 1024);
        let mut writer = encryptor.wrap_output(&mut ciphertext)?;
        std::io::Write::write_all(&mut writer, plaintext)?;
        writer.finish()?;
        Ok(ciphertext)
    };
    seal().map_err(|_| SealError::NotSealed)
}

/// The plaintext only if every byte of it is authentic.
fn decrypt(identity: &dyn age::Identity, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let decryptor = Decryptor::new_buffered(ciphertext).map_err(|_| SealError::Damaged)?;
    let mut reader = decryptor.decrypt(iter::once(identity)).map_err(|e| match e {
        DecryptError::ExcessiveWork { .. } => SealError::TooMuchWork,
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            SealError::WrongKey
        }
        _ => SealError::Damaged,
    })?;
    // Never grows, so no unwiped copy of it stays behind: a plaintext is always shorter than its ciphertext.
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    let mut length = 0;
    loop {
        let space = plaintext.get_mut(length..).unwrap_or_default();
        match reader.read(space) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(_) => return Err(SealError::Damaged),
        }
    }
    plaintext.truncate(length);
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn parse_error(content: &[u8]) -> SealError {
        match KeyFile::parse(content) {
            Ok(_) => panic!("parsed"),
            Err(e) => e,
        }
    }

    #[test]
    fn a_key_file_reads_back() {
        let key = StoreKey::generate();
        let sealed = key.encrypt(b"text").unwrap();
        let KeyFile::Open(again) = KeyFile::parse(&key.to_file()).unwrap() else {
            panic!("locked")
        };
        assert_eq!(again.decrypt(&sealed).unwrap().as_slice(), b"text");
        assert_eq!(StoreKey::generate().decrypt(&sealed).unwrap_err(), SealError::WrongKey);
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let key = StoreKey::generate();
        assert_eq!(parse_error(b""), SealError::NotAKey);
        assert_eq!(parse_error(b"# nothing\n"), SealError::NotAKey);
        assert_eq!(parse_error(b"\xff\xfe"), SealError::NotAKey);
        assert_eq!(
            parse_error(&key.to_file()[..key.to_file().len() - 3]),
            SealError::NotAKey
        );
        assert_eq!(
            parse_error(&[key.to_file().as_slice(), &key.to_file()].concat()),
            SealError::NotAKey
        );
        assert_eq!(parse_error(&key.encrypt(b"x").unwrap()), SealError::NotAKey);
    }

    #[test]
    fn a_passphrase_locks_and_unlocks() {
        let key = StoreKey::generate();
        let sealed = key.encrypt(b"text").unwrap();
        let file = key.to_locked_file(passphrase("correct horse"), 4).unwrap();
        let KeyFile::Locked(locked) = KeyFile::parse(&file).unwrap() else {
            panic!("open")
        };
        let again = locked.unlock(passphrase("correct horse")).unwrap();
        assert_eq!(again.decrypt(&sealed).unwrap().as_slice(), b"text");
        assert_eq!(
            locked.unlock(passphrase("wrong")).err(),
            Some(SealError::WrongPassphrase)
        );
    }

    #[test]
    fn a_hostile_work_factor_is_refused_at_once() {
        let file = StoreKey::generate().to_locked_file(passphrase("p"), 4).unwrap();
        let text = String::from_utf8_lossy(&file[..file.iter().position(|b| *b == b'\n').unwrap() + 60]).into_owned();
        let line = text.lines().nth(1).unwrap();
        let at = text.find(line).unwrap() + line.len() - 1;
        for factor in ["19", "31", "63", "64", "255"] {
            let hostile = [&file[..at], factor.as_bytes(), &file[at + 1..]].concat();
            let begun = std::time::Instant::now();
            let error = match KeyFile::parse(&hostile) {
                Ok(KeyFile::Locked(locked)) => locked.unlock(passphrase("p")).err(),
                Ok(KeyFile::Open(_)) => panic!("open"),
                Err(e) => Some(e),
            };
            assert!(
                matches!(
                    error,
                    Some(SealError::TooMuchWork | SealError::Damaged | SealError::NotAKey)
                ),
                "{factor}: {error:?}"
            );
            assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{factor}");
        }
    }
}
