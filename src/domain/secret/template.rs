//! Several values in one text: connection URIs, and the option files that some clients read.

use super::SecretValue;

/// How a part is written into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Percent-encoded: everything but letters, digits and `-._~`.
    Percent,
    /// For a client option file (`key="{part}"`): quotes, backslashes and line ends escaped.
    OptionFile,
}

/// Why a template cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template names `{0}`, which is not given")]
    UnknownPart(String),
    #[error("the template has an opening brace without a closing one")]
    Unclosed,
}

/// One named part of a template.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    Plain(&'a str),
    Secret(&'a SecretValue),
}

impl SecretValue {
    /// Fills `{name}` and `{name:raw}` of the text.
    pub fn render(_text: &str, _parts: &[(&str, Part<'_>)], _encoding: Encoding) -> Result<Self, TemplateError> {
        Err(TemplateError::Unclosed)
    }
}
