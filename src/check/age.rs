//! What the times of a secret mean today: not rotated for long, ends soon, has ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::parse_duration;
use crate::domain::reference::{Kind, SecretRef};
use crate::providers::{Inspected, ProviderConfig, Setting};

const DAY: i64 = 86_400;
/// A secret that ends sooner is remarked upon.
const SOON: i64 = 7 * DAY;

/// Whether what ends at that time ends soon, or has ended.
pub fn ends_soon(at: Timestamp, now: Timestamp) -> bool {
    at.as_second() - now.as_second() <= SOON
}

/// `rotation_warn` of a provider: the age from which a secret of it should have been rotated.
pub(super) fn rotation_warn(provider: &ProviderConfig) -> Option<Duration> {
    match provider.settings.get("rotation_warn")? {
        Setting::Text(text) => parse_duration(text),
        _ => None,
    }
}

/// What there is to say of a secret that still works: it should not any more, it ends soon, or was not rotated for longer than its provider's `rotation_warn`.
pub(super) fn remark(
    reference: &SecretRef,
    inspected: &Inspected,
    rotation_warn: Option<Duration>,
    now: Timestamp,
) -> Option<String> {
    // What is made anew for each session is meant to end soon.
    let lasting = reference.id.kind != Kind::VaultDb;
    if let Some(at) = inspected.expires.filter(|at| lasting && ends_soon(*at, now)) {
        let left = at.as_second() - now.as_second();
        return Some(match left {
            // One that is not given out any more is a problem of its own, in the provider's words.
            ..=0 => format!("expired on {}, and the provider still gives it out", day(at)),
            _ => format!("expires in {}, on {}", in_days(left), day(at)),
        });
    }
    let age = now.as_second() - inspected.changed?.as_second();
    let limit = i64::try_from(rotation_warn?.as_secs()).unwrap_or(i64::MAX);
    (age >= limit).then(|| {
        format!(
            "rotated {} ago; rotation_warn of provider `{}` is {}",
            in_days(age),
            reference.id.provider,
            in_days(limit)
        )
    })
}

/// `400 days`, `1 day`, `5 hours`, `10 minutes`, `1 second`.
fn in_days(seconds: i64) -> String {
    let (count, unit) = match seconds {
        DAY.. => (seconds / DAY, "day"),
        3600.. => (seconds / 3600, "hour"),
        60.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::{ProviderKind, SecretId};

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn reference(kind: Kind) -> SecretRef {
        SecretRef {
            id: SecretId {
                provider: "vault".to_owned(),
                kind,
                path: "secret/db".to_owned(),
                pin: None,
            },
            key: Some("password".to_owned()),
            text: "vault:secret/db#password".to_owned(),
        }
    }

    fn remark_on(kind: Kind, changed: Option<&str>, expires: Option<&str>, warn: Option<&str>) -> Option<String> {
        let inspected = Inspected {
            changed: changed.map(|at| at.parse().unwrap()),
            expires: expires.map(|at| at.parse().unwrap()),
            ..Inspected::default()
        };
        let warn = warn.map(|text| parse_duration(text).unwrap());
        remark(&reference(kind), &inspected, warn, NOW.parse().unwrap())
    }

    #[test]
    fn rotated_long_ago() {
        let vault = Kind::Of(ProviderKind::Vault);
        let remark = |changed, warn| remark_on(vault, Some(changed), None, warn);
        let old = remark("2025-10-18T12:00:00Z", Some("90d"));
        assert_eq!(
            old.as_deref(),
            Some("rotated 400 days ago; rotation_warn of provider `vault` is 90 days")
        );
        assert_eq!(remark("2026-08-24T12:00:01Z", Some("90d")), None, "not yet");
        assert!(remark("2026-08-24T12:00:00Z", Some("90d")).is_some(), "today");
        assert!(remark("2026-11-08T12:00:00Z", Some("2w")).is_some());
        assert_eq!(remark("2025-10-18T12:00:00Z", None), None, "nobody asked");
        assert_eq!(remark_on(vault, None, None, Some("90d")), None, "nobody knows");
    }

    #[test]
    fn ends_soon() {
        let azure = Kind::Of(ProviderKind::Azure);
        let remark = |kind, expires| remark_on(kind, None, Some(expires), None);
        assert_eq!(
            remark(azure, "2026-11-25T13:00:00Z").as_deref(),
            Some("expires in 3 days, on 2026-11-25")
        );
        assert_eq!(
            remark(azure, "2026-11-22T17:30:00Z").as_deref(),
            Some("expires in 5 hours, on 2026-11-22")
        );
        assert_eq!(
            remark(azure, "2026-11-01T00:00:00Z").as_deref(),
            Some("expired on 2026-11-01, and the provider still gives it out")
        );
        assert_eq!(remark(azure, "2026-11-29T12:00:01Z"), None);
        assert_eq!(remark(Kind::VaultDb, "2026-11-22T13:00:00Z"), None);
    }
}
