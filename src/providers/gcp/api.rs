//! The questions that are asked of Secret Manager's REST interface (v1), and its answers as data.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::Gcp;
use super::login::{Token, bearer};
use super::web::{Purpose, Reply};
use crate::domain::problem::Problem;
use crate::domain::secret::SecretValue;
use crate::providers::net::http::Answer;
pub(super) use crate::providers::net::http::parse;
use crate::providers::net::trouble::unsendable;

/// An answer, and the token that it was asked with.
pub(super) struct Asked {
    pub(super) reply: Reply,
    pub(super) token: Arc<Token>,
}

/// What is asked, as a path below `/v1/` with its query; a body makes it a POST.
pub(super) struct Question<'a> {
    pub(super) location: Option<&'a str>,
    pub(super) path: String,
    pub(super) body: Option<String>,
}

impl Gcp {
    /// Asks with the login's token, and once more with a new one if it is refused.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Asked, Problem> {
        let token = self.token().await?;
        let reply = self.ask_with(question, &token).await?;
        if reply.answer.status == 401
            && let Some(token) = self.another(&token).await?
        {
            let reply = self.ask_with(question, &token).await?;
            return Ok(Asked { reply, token });
        }
        Ok(Asked { reply, token })
    }

    async fn ask_with(&self, question: &Question<'_>, token: &Token) -> Result<Reply, Problem> {
        let endpoint = self.settings.endpoint(question.location);
        let url = Url::parse(&format!("{endpoint}/v1/{}", question.path)).map_err(|_| unsendable())?;
        let method = if question.body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let mut request = Request::new(method, url);
        *request.body_mut() = question.body.clone().map(Into::into);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(&token.value).ok_or_else(unsendable)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let quota = self
            .settings
            .quota_project
            .as_ref()
            .or(token.identity.quota_project.as_ref());
        if let Some(project) = quota.and_then(|project| HeaderValue::from_str(project).ok()) {
            headers.insert(HeaderName::from_static("x-goog-user-project"), project);
        }
        self.web.send(request, Purpose::Read).await
    }
}

/// The last part of a resource's name: `7` of `projects/1/secrets/db/versions/7`.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A version with its content.
#[derive(Deserialize)]
pub(super) struct Accessed {
    pub(super) name: String,
    pub(super) payload: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    /// Left out where there is nothing in it, as protocol buffers are written as JSON.
    data: Option<SecretString>,
    #[serde(default, deserialize_with = "checksum")]
    data_crc32c: Option<u32>,
}

/// Why a content cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Damaged {
    /// Neither content nor checksum: an empty content has at least the checksum of nothing.
    Missing,
    NotBase64,
    Checksum,
}

impl Content {
    pub(super) fn value(&self) -> Result<SecretValue, Damaged> {
        if self.data.is_none() && self.data_crc32c.is_none() {
            return Err(Damaged::Missing);
        }
        let data = self.data.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        let bytes = zeroize::Zeroizing::new(
            base64::engine::general_purpose::STANDARD
                .decode(data)
                .map_err(|_| Damaged::NotBase64)?,
        );
        if self.data_crc32c.is_some_and(|expected| expected != crc32c(&bytes)) {
            return Err(Damaged::Checksum);
        }
        Ok(SecretValue::from_bytes(bytes.to_vec()))
    }
}

/// CRC-32C (Castagnoli), bit by bit: a secret has 64 KiB at most.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0x82F6_3B78
        } else {
            crc >> 1
        }
    };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

/// A 64-bit number, which JSON of Google has as a text. One that is no checksum never matches: it is as good as a wrong one.
fn checksum<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number<'a> {
        Text(std::borrow::Cow<'a, str>),
        Number(u64),
    }
    let number = match Option::<Number<'_>>::deserialize(from)? {
        None => return Ok(None),
        Some(Number::Text(text)) => text.parse::<u64>().ok(),
        Some(Number::Number(number)) => Some(number),
    };
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| serde::de::Error::custom("no checksum"))
}

/// A version without its content.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) name: String,
    #[serde(default)]
    pub(super) state: String,
    pub(super) create_time: Option<Timestamp>,
}

/// A secret without its versions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Secret {
    pub(super) expire_time: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct Versions {
    #[serde(default)]
    pub(super) versions: Vec<Version>,
}

#[derive(Deserialize)]
pub(super) struct Secrets {
    #[serde(default)]
    pub(super) secrets: Vec<NameOnly>,
}

#[derive(Deserialize)]
pub(super) struct NameOnly {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) permissions: Vec<String>,
}

/// What Google says of a request that it refused.
#[derive(Default)]
pub(super) struct Remarks {
    /// `PERMISSION_DENIED`, `FAILED_PRECONDITION` …
    pub(super) status: String,
    /// For people; only looked through for words, never shown.
    pub(super) message: String,
    /// `SERVICE_DISABLED`, `CONSUMER_INVALID` …; empty where it gives none.
    pub(super) reason: String,
}

impl Remarks {
    pub(super) fn of(answer: &Answer) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: Error,
        }
        #[derive(Deserialize)]
        #[serde(default)]
        #[derive(Default)]
        struct Error {
            status: String,
            message: String,
            details: Vec<BTreeMap<String, serde_json::Value>>,
        }
        let Some(Body { error }) = parse(answer) else {
            return Self::default();
        };
        let reason = error.details.iter().find_map(|detail| detail.get("reason")?.as_str());
        Self {
            reason: reason.unwrap_or_default().to_owned(),
            status: error.status,
            message: error.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn a_content_is_what_its_checksum_says() {
        let value = |json: &str| {
            serde_json::from_str::<Content>(json).map(|content| content.value().map(|value| value.is_empty()))
        };
        let sum = 0xE306_9283_u32;
        assert_eq!(
            value(&format!(r#"{{"data":"MTIzNDU2Nzg5","dataCrc32c":"{sum}"}}"#)).unwrap(),
            Ok(false)
        );
        assert_eq!(
            value(&format!(r#"{{"data":"MTIzNDU2Nzg5","dataCrc32c":{sum}}}"#)).unwrap(),
            Ok(false)
        );
        assert_eq!(
            value(r#"{"data":"MTIzNDU2Nzg5"}"#).unwrap(),
            Ok(false),
            "an old version has none"
        );
        assert_eq!(
            value(r#"{"data":"MTIzNDU2Nzg5","dataCrc32c":"1"}"#).unwrap(),
            Err(Damaged::Checksum)
        );
        assert_eq!(
            value(r#"{"data":"MTI\u003d","dataCrc32c":null}"#).unwrap(),
            Ok(false),
            "escaped padding"
        );
        assert_eq!(value(r#"{"data":"***"}"#).unwrap(), Err(Damaged::NotBase64));
        assert_eq!(value(r#"{"dataCrc32c":"0"}"#).unwrap(), Ok(true), "nothing is in it");
        assert_eq!(value(r#"{"data":""}"#).unwrap(), Ok(true));
        assert_eq!(value("{}").unwrap(), Err(Damaged::Missing));
        for wrong in [
            r#"{"dataCrc32c":"x"}"#,
            r#"{"dataCrc32c":"4294967296"}"#,
            r#"{"dataCrc32c":-1}"#,
        ] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
    }
}
