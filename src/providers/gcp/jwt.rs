//! The token that a service account signs for itself (RFC 7523): no server has to be asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// How long Google lets such a token last, in seconds.
pub(super) const LASTS: i64 = 3600;
/// A clock that runs ahead of Google's by less than this does no harm, in seconds.
const SKEW: i64 = 10;

/// Who signs.
#[derive(Clone)]
pub(super) struct ServiceAccount {
    pub(super) email: String,
    pub(super) key_id: Option<String>,
    /// PEM.
    pub(super) key: SecretString,
    /// Where Google exchanges such tokens; asked only when one was refused, for the reason.
    pub(super) token_uri: String,
}

/// The key is not an RSA key in PEM, or too short a one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoKey;

impl ServiceAccount {
    /// A token that is good for `audience` alone, from `now` on, for [`LASTS`] seconds. `scope` is what an exchange of it asks for.
    pub(super) fn token(&self, audience: &str, scope: Option<&str>, now: Timestamp) -> Result<SecretString, NoKey> {
        let key = PrivateKeyDer::from_pem_slice(self.key.expose_secret().as_bytes()).map_err(|_| NoKey)?;
        let key = any_supported_type(&key).map_err(|_| NoKey)?;
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(NoKey)?;
        let issued = now.as_second() - SKEW;
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let mut claims = json!({
            "iss": self.email, "sub": self.email, "aud": audience, "iat": issued, "exp": issued + LASTS,
        });
        if let Some(scope) = scope {
            claims["scope"] = json!(scope);
        }
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = signer.sign(signed.as_bytes()).map_err(|_| NoKey)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rsa_key_signs_nothing() {
        for key in [
            "",
            "no key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let account = ServiceAccount {
                email: "a@b".to_owned(),
                key_id: None,
                key: key.to_owned().into(),
                token_uri: String::new(),
            };
            assert_eq!(
                account.token("https://x/", None, Timestamp::UNIX_EPOCH).err(),
                Some(NoKey)
            );
        }
    }
}
