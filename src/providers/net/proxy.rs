//! The proxy that the environment names, and the hosts that it is kept out of: one rule for the HTTP client and for what messages say.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use reqwest::Proxy;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;

/// The variables that name a proxy, the first that is set wins.
pub(crate) const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy on the way to a server. No `Debug`: its address may have a password in it.
#[derive(Clone)]
pub(in crate::providers) struct Hop {
    /// As a client of one host takes it.
    #[allow(dead_code, reason = "some providers have one client for many hosts: see `of_all`")]
    pub(in crate::providers) client: Proxy,
    pub(super) host: String,
    pub(super) port: u16,
    /// What names it: `HTTPS_PROXY`, or the key of a file.
    pub(super) named_by: &'static str,
}

impl Hop {
    /// None if the address is not that of a proxy.
    pub(in crate::providers) fn new(named_by: &'static str, address: &str) -> Option<Self> {
        let client = Proxy::all(address).ok()?;
        let scheme = if address.contains("://") { "" } else { "http://" };
        let url = reqwest::Url::parse(&format!("{scheme}{address}")).ok()?;
        Some(Self {
            client,
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            named_by,
        })
    }

    /// Where the proxy is: `proxy.corp:3128`.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(super) fn is_of_environment(&self) -> bool {
        PROXIES.contains(&self.named_by)
    }

    /// How the proxy's address is set.
    pub(super) fn set_to(&self, address: &str) -> String {
        if self.is_of_environment() {
            format!("export {}={address}", self.named_by)
        } else {
            format!("{}: {address}", self.named_by)
        }
    }
}

/// The proxy for this host. For `https` alone: a proxy would read the token of a plain request.
pub(in crate::providers) fn of_host(world: &World, https: bool, host: &str, port: u16) -> Result<Option<Hop>, Problem> {
    let named = named(world).filter(|_| https && !is_spared(world, host, port));
    named.map(|(name, address)| usable(name, address)).transpose()
}

/// The same for a client of many hosts: whether one is spared is decided at each request. No proxy where the one that is named cannot be
/// used, which [`of_host`] has to be asked about before a request is sent.
#[cfg(any(feature = "aws", feature = "gcp"))]
pub(in crate::providers) fn of_all(world: &World) -> Option<Proxy> {
    let (_, address) = named(world).filter(|(name, address)| usable(name, address).is_ok())?;
    let (list, address) = (Spared::of(world), address.to_owned());
    Some(Proxy::custom(move |url: &reqwest::Url| {
        let port = url.port_or_known_default().unwrap_or(443);
        let direct = url.scheme() != "https" || list.has(url.host_str().unwrap_or_default(), port);
        (!direct).then(|| address.clone())
    }))
}

/// The variable that names a proxy, and its address.
fn named(world: &World) -> Option<(&'static str, &str)> {
    PROXIES.iter().find_map(|name| Some((*name, world.text(name)?)))
}

/// Whether the address is that of a SOCKS proxy, which hallpass does not speak to.
pub(crate) fn is_socks(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| scheme.starts_with("socks"))
}

/// Why a proxy cannot be used. Its address is not quoted: it may have a password in it.
fn usable(name: &'static str, address: &str) -> Result<Hop, Problem> {
    let problem = |what: String| {
        Problem::new(&catalogue::CONFIG_TYPE, what)
            .fixes(vec![format!("export {name}=http://HOST:PORT   or unset {name}")])
    };
    if is_socks(address) {
        let what = format!("{name} names a SOCKS proxy, and hallpass speaks to HTTP proxies alone");
        return Err(problem(what).fix("export NO_PROXY=HOST   for a server that is reached without it"));
    }
    Hop::new(name, address).ok_or_else(|| problem(format!("{name} is not the address of a proxy")))
}

/// Whether the proxy is kept out of what is said to this host at this port: by `NO_PROXY`, or because it is this machine.
pub(crate) fn is_spared(world: &World, host: &str, port: u16) -> bool {
    Spared::of(world).has(host, port)
}

/// `NO_PROXY`: entries with commas between them.
struct Spared(Vec<(Which, Option<u16>)>);

/// Hosts of an entry; the port behind it says which of their servers.
enum Which {
    Every,
    /// An address, or a range of them: `10.0.0.0/8`.
    Net(IpNet),
    /// A host, and those of the domain below it.
    Domain(String),
}

impl Spared {
    fn of(world: &World) -> Self {
        let list = world.text("NO_PROXY").or_else(|| world.text("no_proxy"));
        let entries = list.unwrap_or_default().split(',').map(str::trim);
        Self(entries.filter(|entry| !entry.is_empty()).map(entry).collect())
    }

    fn has(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        // As the vendors' own clients that are written in Go have it.
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        self.0.iter().any(|(which, only)| {
            let here = match (which, address) {
                (Which::Every, _) => true,
                (Which::Net(net), Some(address)) => net.contains(&address),
                (Which::Domain(domain), None) => {
                    let above = host.strip_suffix(domain.as_str());
                    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
                }
                _ => false,
            };
            here && only.is_none_or(|only| only == port)
        })
    }
}

fn entry(text: &str) -> (Which, Option<u16>) {
    let address = text.trim_matches(['[', ']']).parse::<IpAddr>().map(IpNet::from);
    if let Ok(net) = text.parse().or(address) {
        return (Which::Net(net), None);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (Which::Net(address.ip().into()), Some(address.port()));
    }
    let (host, port) = match text.rsplit_once(':').map(|(host, port)| (host, port.parse().ok())) {
        Some((host, Some(port))) => (host, Some(port)),
        _ => (text, None),
    };
    let which = match host {
        "*" => Which::Every,
        host => Which::Domain(
            host.trim_start_matches('*')
                .trim_start_matches('.')
                .trim_end_matches('.')
                .to_ascii_lowercase(),
        ),
    };
    (which, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(env: &[(&str, &str)], https: bool, host: &str) -> Result<bool, &'static str> {
        of_host(&World::of(env), https, host, 8200)
            .map(|proxy| proxy.is_some())
            .map_err(|problem| problem.code.id)
    }

    const SET: (&str, &str) = ("HTTPS_PROXY", "http://proxy:3128");

    #[test]
    fn a_proxy_is_used_for_https_alone() {
        assert_eq!(proxied(&[], true, "vault.corp"), Ok(false));
        assert_eq!(proxied(&[SET], true, "vault.corp"), Ok(true));
        assert_eq!(
            proxied(&[SET], false, "vault.corp"),
            Ok(false),
            "it would read the token"
        );
        let of_http = [("HTTP_PROXY", "http://proxy:3128")];
        assert_eq!(proxied(&of_http, false, "vault.corp"), Ok(false));
    }

    #[test]
    fn hosts_that_are_spared() {
        for (list, host, spared) in [
            ("*", "vault.corp", true),
            ("vault.corp", "vault.corp", true),
            ("vault.corp", "VAULT.corp", true),
            ("corp", "vault.corp", true),
            (".corp", "vault.corp", true),
            ("*.corp", "vault.corp", true),
            ("*.other", "vault.corp", false),
            ("other", "localhost", true),
            ("other", "127.0.0.9", true),
            ("other", "[::1]", true),
            ("other", "localhost.corp", false),
            ("a, corp ,b", "vault.corp", true),
            ("vault.corp:8200", "vault.corp", true),
            ("vault.corp:443", "vault.corp", false),
            ("other,ult.corp,", "vault.corp", false),
            ("10.0.0.0/8", "10.20.30.40", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "vault.corp", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("0.0.1", "10.0.0.1", false),
            ("10.0.0.1:8200", "10.0.0.1", true),
            ("10.0.0.1:8201", "10.0.0.1", false),
            ("fd00::/8", "[fd00::7]", true),
            ("fd00::7", "[fd00::7]", true),
            ("[fd00::7]:8200", "[fd00::7]", true),
        ] {
            assert_eq!(
                proxied(&[SET, ("NO_PROXY", list)], true, host),
                Ok(!spared),
                "{list} {host}"
            );
        }
    }

    #[test]
    fn what_cannot_be_spoken_to_says_so() {
        let broken = [("HTTPS_PROXY", "http://[")];
        assert_eq!(proxied(&broken, true, "vault.corp"), Err("E-CONFIG-TYPE"));
        let socks = ("ALL_PROXY", "socks5h://proxy:1080");
        assert_eq!(proxied(&[socks], true, "vault.corp"), Err("E-CONFIG-TYPE"));
        assert_eq!(proxied(&[socks, ("NO_PROXY", "corp")], true, "vault.corp"), Ok(false));
        assert_eq!(proxied(&[socks], false, "vault.corp"), Ok(false));
        let by_name = ("HTTPS_PROXY", "socksgate.corp:3128");
        assert_eq!(proxied(&[by_name], true, "vault.corp"), Ok(true), "the name of a host");
    }
}
