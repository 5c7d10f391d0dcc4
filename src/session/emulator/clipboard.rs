//! A text that a child wants on the clipboard (OSC 52), taken apart and made safe to paste.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Most bytes of one request.
const MOST: usize = 1 << 20;

const CODE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text without control characters, line breaks and tabs aside: pasted, they would be keys. None for what is no text, as where a value
/// was masked, and for what is too long.
pub(super) fn decode(coded: &[u8]) -> Option<String> {
    if coded.len() > MOST {
        return None;
    }
    let text = String::from_utf8(CODE.decode(coded).ok()?).ok()?;
    let clean: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    (!clean.is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_text_is_left() {
        assert_eq!(decode(b"aGVsbG8KeG==").as_deref(), None, "not canonical");
        assert_eq!(decode(b"aGVsbG8KeA==").as_deref(), Some("hello\nx"));
        assert_eq!(decode(b"aGVsbG8KeA").as_deref(), Some("hello\nx"));
        assert_eq!(decode(b"cm0gG1syMDF+LXJmDQ==").as_deref(), Some("rm [201~-rf"));
        for bad in [&b""[..], b"?", b"aGVs\xe2\x80\xa2\xe2\x80\xa2", b"/w==", b"Gw=="] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(decode(&vec![b'A'; MOST + 4]), None);
    }
}
