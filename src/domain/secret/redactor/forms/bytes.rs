//! A value's bytes as numbers and groups of bits: its own letters are gone.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{EVERY_FORM_UP_TO, MASKED_ANYWHERE_FROM, Text};

/// The forms in which the value's own letters are gone.
pub(super) fn encoded(source: &[u8], add: &mut dyn FnMut(&[u8])) {
    for shift in 0..3 {
        add(&base64_inner(&STANDARD_NO_PAD, source, shift));
        add(&base64_inner(&URL_SAFE_NO_PAD, source, shift));
    }
    let each = |format: &dyn Fn(u8) -> String, separator: &str| -> Text {
        let mut text = Zeroizing::new(String::with_capacity(source.len() * 6));
        for (index, byte) in source.iter().enumerate() {
            if index > 0 {
                text.push_str(separator);
            }
            text.push_str(&Zeroizing::new(format(*byte)));
        }
        Zeroizing::new(text.as_bytes().to_vec())
    };
    let lower = |byte: u8| format!("{byte:02x}");
    let upper = |byte: u8| format!("{byte:02X}");
    add(&each(&lower, ""));
    add(&each(&upper, ""));
    if source.len() > EVERY_FORM_UP_TO {
        return;
    }
    for separator in [":", "-", ",", "%", "\\x", ",0x"] {
        add(&each(&lower, separator));
        add(&each(&upper, separator));
    }
    add(&each(&|byte| format!("{byte:03o}"), "\\"));
    add(&each(&|byte| format!("{byte:03o}"), ""));
    add(&each(&|byte| byte.to_string(), ","));
    if source.len() >= MASKED_ANYWHERE_FROM {
        add(&each(&|byte| byte.to_string(), ""));
    }
}

/// What of the base64 of a longer text depends on the value alone, when the value begins at this place of a group of three bytes.
fn base64_inner(engine: &impl base64::Engine, value: &[u8], shift: usize) -> Text {
    let mut padded = Zeroizing::new(vec![0; shift]);
    padded.extend_from_slice(value);
    let mut text = Zeroizing::new(String::with_capacity(padded.len() * 4 / 3 + 4));
    engine.encode_string(padded.as_slice(), &mut text);
    // A character holds 6 bits: the first ones hold bits from before the value, the last one from after it.
    let from = (shift * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    Zeroizing::new(text.as_bytes().get(from..to).unwrap_or_default().to_vec())
}
