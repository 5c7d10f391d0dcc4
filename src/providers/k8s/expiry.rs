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
    // A claim may have a fraction; seconds are enough.
    #[allow(clippy::cast_possible_truncation)]
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
