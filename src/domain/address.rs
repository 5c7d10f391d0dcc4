//! What the address of a server says about the way to it, and whether a password stands in it.

use std::net::IpAddr;

/// Whether what is sent there can be read on the way: `http://` to another machine. The text may go on behind the address.
pub fn is_in_the_clear(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', ',', ' ']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost" || host.ends_with(".localhost");
    !here && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The password of an address: `postgres://user:password@host/db`.
pub fn password_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // A password that is not encoded may hold an `@`, a host none.
    let (login, _) = authority.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::{is_in_the_clear, password_of};

    #[test]
    fn the_password_of_an_address() {
        for (address, password) in [
            ("postgres://app:hunter2@db:5432/orders", Some("hunter2")),
            ("redis://:hunter2@cache", Some("hunter2")),
            ("mysql://a:b@c:d@db?x=y", Some("b@c:d")),
            ("postgres://app@db/orders", None),
            ("postgres://app:@db", None),
            ("https://db:8443/a:b@c", None),
            ("app:hunter2@db", None),
        ] {
            assert_eq!(password_of(address), password, "{address}");
        }
    }

    #[test]
    fn only_this_machine_may_be_spoken_to_in_the_clear() {
        for clear in [
            "http://vault.corp:8200",
            "http://10.0.0.7",
            "http://[fd00::1]:8200/",
            "http://localhost@vault.corp",
            "http://127.0.0.1.corp:1",
            "http://vault.corp:8200, namespace team",
        ] {
            assert!(is_in_the_clear(clear), "{clear}");
        }
        for fine in [
            "https://vault.corp:8200",
            "http://127.0.0.1:8200",
            "http://127.3.2.1:8200, namespace team",
            "http://[::1]:8200",
            "http://localhost:4566/x",
            "http://s3.localhost",
            "/home/p/store.age",
            "eu-west-1",
        ] {
            assert!(!is_in_the_clear(fine), "{fine}");
        }
    }
}
