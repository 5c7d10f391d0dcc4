//! When a login ends, as far as it says so itself: a token that is a JWT, a client certificate. Nothing is verified here; the cluster does.

use base64::Engine as _;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;

/// The end of a token that is a JSON web token (RFC 7519); none for others.
pub(super) fn of_token(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims: Claims = serde_json::from_slice(&engine.decode(claims.trim_end_matches('=')).ok()?).ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a claim may have a fraction; seconds are enough"
    )]
    Timestamp::from_second(claims.exp as i64).ok()
}

/// The end of an X.509 certificate in DER (RFC 5280, section 4.1): Certificate → tbsCertificate → validity → notAfter.
pub(super) fn of_certificate(der: &[u8]) -> Option<Timestamp> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (certificate, _) = element(der, Some(SEQUENCE))?;
    let (mut rest, _) = element(certificate, Some(SEQUENCE))?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, None)?.1;
    }
    // The serial number, the signature's algorithm, the issuer.
    for _ in 0..3 {
        rest = element(rest, None)?.1;
    }
    let (validity, _) = element(rest, Some(SEQUENCE))?;
    let (_, after) = element(validity, None)?;
    let (text, _) = element(after, None)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    // UTCTime has two digits for the year, of 1950 to 2049; GeneralizedTime has four.
    let long = match (after.first()?, text.get(..2)?.parse::<u8>().ok()?) {
        (0x17, 50..) => format!("19{text}"),
        (0x17, _) => format!("20{text}"),
        _ => text.to_owned(),
    };
    let end = DateTime::strptime("%Y%m%d%H%M%S", long).ok()?;
    Some(end.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// The content of the first element, and what comes behind it.
fn element(der: &[u8], tag: Option<u8>) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    if tag.is_some_and(|tag| tag != *found) {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        let length = bytes.iter().try_fold(0usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        });
        (length?, rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Certificates that OpenSSL made, in base64, and when they end: with two digits for the year, and with four.
    const CERTIFICATES: [(&str, &str); 2] = [
        (
            "MIIBbTCCAROgAwIBAgIUcug3ZAJrDrG+lBLbuL0dY9/7QXwwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBdDAeFw0yNjExMjIwMTM3MTJaFw0yNzAzMDIwMTM3MTJaMAwxCjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS30abq6RowMN2rlYVaNBsAZj04X2etX0M90M/V2fK3102mdo8x0XqZ0SZJrkhWXJwOQma+aY1hkB7Jop/dlOjoo1MwUTAdBgNVHQ4EFgQUCxKexe7VoJquFuD9uTjIxe4YhvswHwYDVR0jBBgwFoAUCxKexe7VoJquFuD9uTjIxe4YhvswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA9ZXC8xx4uuCZv+BwvZyJRR984A/Wk3AGcYvg5iTyVgQCIDgGQL3uO7ImO5On7mvFqWTgFDARWwdsUZhXqZ0QWVN0",
            "2027-03-02T01:37:12Z",
        ),
        (
            "MIIBbjCCARWgAwIBAgIUBaWdetFPmXSWz9F8+8S5Bx0xrBIwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBdDAgFw0yNjExMjIwMTM3MTJaGA8yMDUxMDcxNDAxMzcxMlowDDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLfRpurpGjAw3auVhVo0GwBmPThfZ61fQz3Qz9XZ8rfXTaZ2jzHRepnRJkmuSFZcnA5CZr5pjWGQHsmin92U6OijUzBRMB0GA1UdDgQWBBQLEp7F7tWgmq4W4P25OMjF7hiG+zAfBgNVHSMEGDAWgBQLEp7F7tWgmq4W4P25OMjF7hiG+zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDParNdXWxavSR14fdloEwhOedGyNWgXZi4NnRBRi7smAiB43toQwj15+Rc/Ozb5RgUiYvkM9Tl/NtH/4eMpxJI6NQ==",
            "2051-07-14T01:37:12Z",
        ),
    ];

    fn der(base64: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
    }

    #[test]
    fn certificates_end() {
        for (certificate, end) in CERTIFICATES {
            assert_eq!(of_certificate(&der(certificate)), Some(end.parse().unwrap()));
        }
    }

    #[test]
    fn tokens_end_if_they_say_so() {
        let token = |claims: &str| {
            let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
            of_token(&format!("e30.{claims}.c2ln"))
        };
        assert_eq!(
            token(r#"{"exp":1795305600}"#),
            Timestamp::from_second(1_795_305_600).ok()
        );
        assert_eq!(
            token(r#"{"exp":1795305600.9}"#),
            Timestamp::from_second(1_795_305_600).ok()
        );
        for none in [r#"{"sub":"x"}"#, "{", r#"{"exp":"soon"}"#, r#"{"exp":1e300}"#] {
            assert_eq!(token(none), None, "{none}");
        }
        for opaque in ["", "opaque", "a.b", "a.b.c", "a.b.c.d"] {
            assert_eq!(of_token(opaque), None, "{opaque}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0usize..400, flip in 0usize..400) {
            of_certificate(&bytes);
            let mut certificate = der(CERTIFICATES[0].0);
            of_certificate(&certificate[..cut.min(certificate.len())]);
            if let Some(byte) = certificate.get_mut(flip) {
                *byte ^= 0xff;
            }
            of_certificate(&certificate);
        }
    }
}
