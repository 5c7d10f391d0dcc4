//! The way to the providers: proxies and whom they concern, and the clock beside those of the servers.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Doctor, Finding};
use crate::domain::address::is_in_the_clear;
use crate::domain::reference::ProviderKind;
use crate::domain::status::State;

const AREA: &str = "network";
/// A server that takes longer to say the time is not waited for.
const LIMIT: Duration = Duration::from_secs(3);
/// Seconds from which on logins that are signed with the time begin to fail, and from which on they do.
const SKEW: i64 = 30;
const SKEW_FAILS: i64 = 300;

pub(super) async fn all(doctor: &Doctor<'_>) -> Vec<Finding> {
    let remote: Vec<String> = doctor
        .remote_and_other_providers()
        .into_iter()
        .filter(|name| doctor.config.names.kind_of(name).is_some_and(ProviderKind::is_remote))
        .collect();
    let mut found = proxies(doctor, &remote);
    found.extend(remote.iter().filter_map(|name| clear_text(doctor, name)));
    found.push(time_zone(doctor));
    let clocks = join_all(remote.iter().map(|name| clock(doctor, name))).await;
    found.extend(clocks.into_iter().flatten());
    found
}

/// What concerns one provider.
pub(super) async fn of(doctor: &Doctor<'_>, name: &str) -> Vec<Finding> {
    if !doctor.config.names.kind_of(name).is_some_and(ProviderKind::is_remote) {
        return Vec::new();
    }
    let mut found = proxies(doctor, &[name.to_owned()]);
    found.extend(clear_text(doctor, name));
    found.extend(clock(doctor, name).await);
    found
}

/// A provider at another machine without TLS.
fn clear_text(doctor: &Doctor<'_>, name: &str) -> Option<Finding> {
    let endpoint = doctor.providers.get(name).ok()?.endpoint();
    let what = format!("spoken to in the clear: {endpoint}");
    is_in_the_clear(&endpoint).then(|| {
        Finding::warn(
            AREA,
            format!("TLS, {name}"),
            what,
            "whoever sits on the way can read tokens and secrets (E-NET-CLEAR)",
        )
        .fix("hallpass help E-NET-CLEAR")
    })
}

/// This machine's clock beside that of a provider's server.
async fn clock(doctor: &Doctor<'_>, name: &str) -> Option<Finding> {
    if !doctor.online {
        return None;
    }
    let provider = doctor.providers.get(name).ok()?;
    let asked = Timestamp::now();
    let theirs = tokio::time::timeout(LIMIT, provider.server_time()).await.ok()??;
    // The answer was made somewhere between; the header knows whole seconds only.
    let ours = asked.as_second() + (Timestamp::now().as_second() - asked.as_second()) / 2;
    Some(skew(name, ours - theirs.as_second()))
}

/// `seconds`: how far this machine is ahead.
fn skew(provider: &str, seconds: i64) -> Finding {
    let name = format!("clock, {provider}");
    let side = if seconds < 0 { "behind" } else { "ahead of" };
    let what = format!("this machine is {} s {side} the server", seconds.abs());
    let state = match seconds.abs() {
        SKEW_FAILS.. => State::Fail,
        SKEW.. => State::Warn,
        _ => return Finding::ok(AREA, name, "agrees with the server's"),
    };
    Finding::new(AREA, name, state, what)
        .why("logins and certificates hold from one moment to another: by a wrong clock they have expired, or do not hold yet")
        .fix("timedatectl set-ntp true")
}

fn time_zone(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "time zone";
    let zone = TimeZone::system();
    match doctor.world.text("TZ") {
        Some(name) if zone.is_unknown() => Finding::warn(
            AREA,
            NAME,
            format!("TZ={name} is no time zone that this system knows"),
            "times are shown as UTC",
        )
        .fix("unset TZ"),
        None if zone.is_unknown() => {
            Finding::warn(AREA, NAME, "this system does not say its own", "times are shown as UTC")
                .fix("sudo timedatectl set-timezone Europe/Berlin   (or yours)")
        }
        _ => Finding::ok(AREA, NAME, zone.iana_name().unwrap_or("of this system").to_owned()),
    }
}

#[cfg(not(feature = "net"))]
fn proxies(_: &Doctor<'_>, _: &[String]) -> Vec<Finding> {
    Vec::new()
}

/// The proxy that the environment names, and which providers are spoken to through it.
#[cfg(feature = "net")]
fn proxies(doctor: &Doctor<'_>, providers: &[String]) -> Vec<Finding> {
    use crate::providers::{PROXIES, is_socks, is_spared};

    let world = doctor.world;
    let Some((variable, address)) = PROXIES.iter().find_map(|name| Some((*name, world.text(name)?))) else {
        return vec![Finding::new(AREA, "proxy", State::Skipped, "none is set")];
    };
    let Some(shown) = without_password(address) else {
        let finding = Finding::new(
            AREA,
            "proxy",
            State::Fail,
            format!("{variable} is not the address of a proxy"),
        );
        return vec![
            finding
                .why("providers over https cannot be reached")
                .fix(format!("export {variable}=http://HOST:PORT   or unset {variable}")),
        ];
    };
    let (mut through, mut around) = (Vec::new(), Vec::new());
    for name in providers {
        let endpoint = doctor.providers.get(name).map(|provider| provider.endpoint());
        match endpoint.as_deref().ok().and_then(https_host) {
            Some((host, port)) if !is_spared(world, host, port) => through.push(name.as_str()),
            _ => around.push(name.as_str()),
        }
    }
    if is_socks(address) && !through.is_empty() {
        let what = format!("{variable} is {shown}, and hallpass speaks to HTTP proxies alone");
        return vec![
            Finding::new(AREA, "proxy", State::Fail, what)
                .why(&format!("{} cannot be reached", through.join(", ")))
                .fix(format!("export {variable}=http://HOST:PORT   or unset {variable}")),
        ];
    }
    let list = |names: &[&str]| {
        if names.is_empty() {
            "no provider".to_owned()
        } else {
            names.join(", ")
        }
    };
    let what = format!(
        "{variable} is {shown}: {} through it, {} around it",
        list(&through),
        list(&around)
    );
    vec![Finding::ok(AREA, "proxy", what)]
}

/// `http://proxy:3128` of `http://user:password@proxy:3128/`.
#[cfg(feature = "net")]
fn without_password(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let host = rest.rsplit('@').next()?.split('/').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
    let good = !host.is_empty() && host.chars().all(plain) && scheme.chars().all(|c| c.is_ascii_alphanumeric());
    good.then(|| format!("{scheme}://{host}"))
}

/// Host and port of an endpoint over https; none where a proxy is not used.
#[cfg(feature = "net")]
fn https_host(endpoint: &str) -> Option<(&str, u16)> {
    let rest = endpoint.strip_prefix("https://")?;
    let authority = rest.split(['/', ',', ' ']).next()?;
    let split = authority.rsplit_once(':');
    let with_port = split.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    Some(with_port.unwrap_or((authority, 443)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        assert_eq!(skew("vault", 2).state, State::Ok);
        assert_eq!(skew("vault", -2).state, State::Ok);
        let behind = skew("vault", -45);
        assert_eq!(
            (behind.state, behind.what.as_str()),
            (State::Warn, "this machine is 45 s behind the server")
        );
        assert_eq!(skew("vault", 600).state, State::Fail);
    }

    #[cfg(feature = "net")]
    #[test]
    fn a_proxy_is_shown_without_its_password() {
        let shown = |address| without_password(address).unwrap_or_default();
        assert_eq!(shown("http://user:pa55@proxy.corp:3128/"), "http://proxy.corp:3128");
        assert_eq!(shown("http://user:p@55@proxy.corp:3128"), "http://proxy.corp:3128");
        assert_eq!(shown("proxy:80"), "http://proxy:80");
        assert_eq!(without_password("http://"), None);
        assert_eq!(without_password("http://pa55 w0rd"), None);
        assert_eq!(
            https_host("https://vault.corp:8200, namespace team"),
            Some(("vault.corp", 8200))
        );
        assert_eq!(https_host("https://[::1]"), Some(("[::1]", 443)));
        assert_eq!(https_host("http://vault.corp:8200"), None);
    }
}
