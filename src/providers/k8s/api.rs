//! The questions that are asked of the Kubernetes API, and the answers as data.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::Access;
use super::name::Name;
use crate::domain::secret::{Payload, SecretValue};
pub(super) use crate::providers::net::http::parse;
use crate::providers::net::http::{Answer, Fault};

const JSON: &str = "application/json";
/// An object without its content: who may get one may get the other.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The same of a list, which is not to hold values either.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// Names that are looked at for one that was meant.
const MOST_NAMES: u32 = 500;

/// What is asked. All of it can be asked twice: reviews change nothing.
pub(super) struct Question {
    method: Method,
    /// Below the server's address.
    path: String,
    query: Option<String>,
    accept: &'static str,
    body: Option<serde_json::Value>,
}

impl Question {
    fn get(path: String, accept: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            query: None,
            accept,
            body: None,
        }
    }

    fn review(group: &str, kind: &str, spec: &serde_json::Value) -> Self {
        let body = serde_json::json!({ "apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec });
        Self {
            method: Method::POST,
            path: format!("/apis/{group}/v1/{}s", kind.to_ascii_lowercase()),
            query: None,
            accept: JSON,
            body: Some(body),
        }
    }

    pub(super) fn secret(name: &Name) -> Self {
        Self::get(name.path(), JSON)
    }

    pub(super) fn metadata(name: &Name) -> Self {
        Self::get(name.path(), METADATA)
    }

    /// The names of the secrets of a namespace.
    pub(super) fn names(namespace: &str) -> Self {
        Self {
            query: Some(format!("limit={MOST_NAMES}")),
            ..Self::get(format!("/api/v1/namespaces/{namespace}/secrets"), METADATA_LIST)
        }
    }

    pub(super) fn namespace(namespace: &str) -> Self {
        Self::get(format!("/api/v1/namespaces/{namespace}"), METADATA)
    }

    /// Who the cluster takes us for (since Kubernetes 1.28).
    pub(super) fn who_am_i() -> Self {
        Self::review("authentication.k8s.io", "SelfSubjectReview", &serde_json::json!({}))
    }

    /// Whether we may get the secrets of a namespace, all of them.
    pub(super) fn may_get(namespace: &str) -> Self {
        let wanted = serde_json::json!({
            "resourceAttributes": { "verb": "get", "resource": "secrets", "namespace": namespace },
        });
        Self::review("authorization.k8s.io", "SelfSubjectAccessReview", &wanted)
    }

    /// `GET /api/v1/namespaces/app/secrets/db`.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn request(&self, access: &Access, authorization: Option<&HeaderValue>) -> Result<Request, Fault> {
        let mut url = access.server.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), self.path);
        url.set_path(&path);
        url.set_query(self.query.as_deref());
        if let Some(name) = &access.tls_name {
            url.set_host(Some(name)).map_err(|_| Fault::Unsendable)?;
        }
        let mut request = Request::new(self.method.clone(), url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if let Some(authorization) = authorization {
            headers.insert("authorization", authorization.clone());
        }
        for (name, value) in &access.impersonate {
            let name = HeaderName::try_from(name).map_err(|_| Fault::Unsendable)?;
            headers.append(name, HeaderValue::try_from(value).map_err(|_| Fault::Unsendable)?);
        }
        if let Some(body) = &self.body {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }
}

/// What the API says of a request that it did not do (`meta/v1`).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Status {
    kind: String,
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    kind: String,
}

impl Status {
    /// None for an answer that is not the API's own.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        parse::<Self>(answer).filter(|status| status.kind == "Status")
    }

    /// Whether it is about something of this kind: `secrets`.
    pub(super) fn is_about(&self, kind: &str) -> bool {
        self.details.as_ref().is_some_and(|details| details.kind == kind)
    }

    /// The user that a refusal names: `… is forbidden: User "alice" cannot get …`.
    pub(super) fn user(&self) -> Option<String> {
        let (_, rest) = self.message.split_once("User \"")?;
        let (user, _) = rest.split_once("\" cannot ")?;
        (!user.is_empty() && user.len() <= 200).then(|| user.to_owned())
    }
}

/// A secret, or its metadata alone.
#[derive(Deserialize)]
pub(super) struct Object<'a> {
    #[serde(default)]
    kind: String,
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    data: Option<BTreeMap<String, Option<&'a str>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    creation_timestamp: Option<String>,
    #[serde(borrow, default)]
    managed_fields: Option<Vec<Managed<'a>>>,
}

/// What one writer has written last, and when.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Managed<'a> {
    #[serde(default)]
    time: Option<String>,
    #[serde(borrow, default)]
    fields_v1: Option<Fields<'a>>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, rename = "f:data")]
    data: Option<BTreeMap<String, &'a RawValue>>,
}

impl Object<'_> {
    pub(super) fn is_secret(&self) -> bool {
        self.kind == "Secret"
    }

    pub(super) fn is_metadata(&self) -> bool {
        self.kind == "PartialObjectMetadata"
    }

    pub(super) fn version(&self) -> Option<String> {
        self.metadata.resource_version.clone()
    }

    /// When somebody last wrote into the data, as far as the writers are known; else when it was made.
    pub(super) fn changed(&self) -> Option<Timestamp> {
        let written = self.writers().filter_map(|(time, _)| time);
        let made = self.metadata.creation_timestamp.as_deref();
        written.max().or_else(|| made?.parse().ok())
    }

    /// The names of the keys that the writers are known to have written: usually all of them, but nobody promises that.
    pub(super) fn written_keys(&self) -> BTreeSet<String> {
        let names = self.writers().flat_map(|(_, fields)| fields.keys());
        let names = names.filter_map(|field| field.strip_prefix("f:"));
        names.map(str::to_owned).collect()
    }

    fn writers(&self) -> impl Iterator<Item = (Option<Timestamp>, &BTreeMap<String, &RawValue>)> {
        let managed = self.metadata.managed_fields.iter().flatten();
        managed.filter_map(|one| {
            let data = one.fields_v1.as_ref()?.data.as_ref()?;
            Some((one.time.as_deref().and_then(|time| time.parse().ok()), data))
        })
    }

    /// The content, byte for byte; the key whose value is not base64 if there is one.
    pub(super) fn payload(&self) -> Result<Payload, String> {
        let mut map = BTreeMap::new();
        for (key, value) in self.data.iter().flatten() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.unwrap_or_default());
            let bytes = bytes.map_err(|_| key.clone())?;
            map.insert(key.clone(), SecretValue::from_bytes(bytes));
        }
        Ok(Payload::Map(map))
    }
}

/// Who the cluster takes us for.
#[derive(Deserialize)]
pub(super) struct Review {
    status: ReviewStatus,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ReviewStatus {
    allowed: bool,
    user_info: UserInfo,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserInfo {
    username: String,
}

impl Review {
    pub(super) fn allowed(&self) -> bool {
        self.status.allowed
    }

    pub(super) fn user(&self) -> Option<&str> {
        Some(self.status.user_info.username.as_str()).filter(|name| !name.is_empty())
    }
}

/// The names in a list of metadata.
pub(super) fn listed_names(answer: &Answer) -> Vec<String> {
    #[derive(Deserialize)]
    struct List {
        kind: String,
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        metadata: ItemMetadata,
    }
    #[derive(Deserialize)]
    struct ItemMetadata {
        name: String,
    }
    let list = parse::<List>(answer).filter(|list| answer.status == 200 && list.kind == "PartialObjectMetadataList");
    let items = list.into_iter().flat_map(|list| list.items);
    items.map(|item| item.metadata.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Unfit;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            location: None,
            retry_after: None,
            challenge: None,
            date: None,
            body: zeroize::Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn who_wrote_which_keys_and_when() {
        let answer = answer(
            r#"{"kind":"PartialObjectMetadata","metadata":{"resourceVersion":"71","creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[
                {"manager":"a","time":"2026-02-01T00:00:00Z","fieldsV1":{"f:data":{".":{},"f:user":{},"f:tls.crt":{}},"f:type":{}}},
                {"manager":"b","time":"2026-03-01T00:00:00Z","fieldsV1":{"f:data":{"f:password":{}}}},
                {"manager":"labels","time":"2026-04-01T00:00:00Z","fieldsV1":{"f:metadata":{"f:labels":{"f:x":{}}}}},
                {"manager":"cleared"}]}}"#,
        );
        let object: Object<'_> = parse(&answer).unwrap();
        assert!(object.is_metadata() && !object.is_secret());
        assert_eq!(object.version().as_deref(), Some("71"));
        assert_eq!(object.changed(), Some("2026-03-01T00:00:00Z".parse().unwrap()));
        let keys: Vec<String> = object.written_keys().into_iter().collect();
        assert_eq!(keys, ["password", "tls.crt", "user"]);
    }

    #[test]
    fn a_secret_without_writers_was_changed_when_it_was_made() {
        for managed in ["", r#","managedFields":null"#, r#","managedFields":[{}]"#] {
            let answer = answer(&format!(
                r#"{{"kind":"Secret","metadata":{{"creationTimestamp":"2026-01-01T00:00:00Z"{managed}}},"data":null}}"#
            ));
            let object: Object<'_> = parse(&answer).unwrap();
            assert_eq!(object.changed(), Some("2026-01-01T00:00:00Z".parse().unwrap()));
            assert_eq!(object.payload().ok().unwrap().names(), Some(vec![]));
        }
    }

    #[test]
    fn values_are_bytes() {
        let answer = answer(
            r#"{"kind":"Secret","metadata":{},"data":{"bin":"AP8Q","empty":"","none":null,"text":"aHVudGVyMjI="}}"#,
        );
        let object: Object<'_> = parse(&answer).unwrap();
        let payload = object.payload().ok().unwrap();
        let binary = payload.pick(Some("bin")).ok().unwrap();
        assert_eq!(binary.unfit_for_variable(), Some(Unfit::NulByte));
        assert!(payload.pick(Some("empty")).ok().unwrap().is_empty());
        assert!(payload.pick(Some("none")).ok().unwrap().is_empty());
        assert_eq!(payload.names().unwrap(), ["bin", "empty", "none", "text"]);
    }

    #[test]
    fn a_value_that_is_no_base64_names_its_key_alone() {
        let answer = answer(r#"{"kind":"Secret","metadata":{},"data":{"bad":"hunter22!"}}"#);
        let object: Object<'_> = parse(&answer).unwrap();
        assert_eq!(object.payload().err().unwrap(), "bad");
    }

    #[test]
    fn refusals_name_their_user() {
        let user = |message: &str| {
            let status = Status {
                message: message.to_owned(),
                ..Status::default()
            };
            status.user()
        };
        let refusal = r#"secrets "db" is forbidden: User "system:serviceaccount:a:b" cannot get resource "secrets""#;
        assert_eq!(user(refusal).as_deref(), Some("system:serviceaccount:a:b"));
        assert_eq!(user("no"), None);
        assert_eq!(user(r#"User "" cannot get"#), None);
    }
}
