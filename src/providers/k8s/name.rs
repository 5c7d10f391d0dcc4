//! Which secret a reference names: `NAMESPACE/SECRET`, or `SECRET` of the default namespace.

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;

/// A secret by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: String,
    pub(super) secret: String,
}

impl Name {
    /// The path below the server's address.
    pub(super) fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", self.namespace, self.secret)
    }
}

/// Reads a reference. Names are checked here, so that none can lead to another path of the API.
pub(super) fn read(id: &SecretId, default_namespace: &str) -> Result<Name, Problem> {
    let wrong = |what: String| {
        Problem::new(&catalogue::CONFIG_REF_SYNTAX, what).fixes(vec![format!("{}:NAMESPACE/SECRET#KEY", id.provider)])
    };
    if id.pin.is_some() {
        let what = format!("`{}`: Kubernetes keeps no versions of a secret", id.path);
        return Err(Problem::new(&catalogue::PROVIDER_UNSUPPORTED, what)
            .causes(vec!["the reference pins a version".to_owned()])
            .fixes(vec!["leave version out of the reference".to_owned()]));
    }
    let (namespace, secret) = match id.path.split_once('/') {
        Some((namespace, secret)) => (namespace, secret),
        None => (default_namespace, id.path.as_str()),
    };
    if !is_label(namespace) {
        return Err(
            wrong(format!("`{}` names no namespace that there can be", id.path)).causes(vec![
                "names of namespaces are small letters, digits and -, at most 63".to_owned(),
            ]),
        );
    }
    if !is_subdomain(secret) {
        return Err(
            wrong(format!("`{}` names no secret that there can be", id.path)).causes(vec![
                "names of secrets are small letters, digits, - and ., at most 253".to_owned(),
            ]),
        );
    }
    Ok(Name {
        namespace: namespace.to_owned(),
        secret: secret.to_owned(),
    })
}

/// A DNS label (RFC 1123), which the names of namespaces are.
pub(super) fn is_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let bytes = text.as_bytes();
    bytes.len() <= 63 && bytes.iter().copied().all(inside) && edge(bytes.first()) && edge(bytes.last())
}

/// A DNS subdomain (RFC 1123), which the names of secrets are. Its parts may be longer than a label.
fn is_subdomain(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let inside = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        bytes.iter().all(inside) && edge(bytes.first()) && edge(bytes.last())
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{Kind, Pin, ProviderKind};

    fn id(path: &str, pin: Option<Pin>) -> SecretId {
        SecretId {
            provider: "k8s".to_owned(),
            kind: Kind::Of(ProviderKind::K8s),
            path: path.to_owned(),
            pin,
        }
    }

    #[test]
    fn a_name_with_and_without_its_namespace() {
        let path = |text: &str| read(&id(text, None), "team").map(|name| name.path());
        assert_eq!(path("app/db").unwrap(), "/api/v1/namespaces/app/secrets/db");
        assert_eq!(path("db.v1").unwrap(), "/api/v1/namespaces/team/secrets/db.v1");
    }

    #[test]
    fn nothing_leads_to_another_path() {
        for wrong in [
            "", "/db", "app/", "app/db/x", "../db", "app/..", "app/.", "App/db", "app/Db", "app/d b", "app/db?x",
            "app/%2e", "a.b/db", "-a/db", "app/db-", "app/a..b", "app/ä",
        ] {
            let problem = read(&id(wrong, None), "team").unwrap_err();
            assert_eq!(problem.code.id, "E-CONFIG-REF-SYNTAX", "{wrong}");
        }
        assert!(read(&id(&format!("{}/db", "a".repeat(64)), None), "team").is_err());
        assert!(read(&id(&format!("app/{}", "a".repeat(254)), None), "team").is_err());
    }

    #[test]
    fn there_are_no_versions() {
        let pinned = id("app/db", Some(Pin::Version("1".to_owned())));
        assert_eq!(read(&pinned, "team").unwrap_err().code.id, "E-PROVIDER-UNSUPPORTED");
    }
}
