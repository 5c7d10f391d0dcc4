//! What the system does with the memory of programs: tracing, swap, core dumps; and whether it has a keyring.

use std::time::Duration;

use super::bus::has_secret_service;
use super::{Doctor, Finding};
use crate::domain::status::State;

const AREA: &str = "system";

pub(super) fn all(doctor: &Doctor<'_>) -> Vec<Finding> {
    let yama = doctor.system_file("/proc/sys/kernel/yama/ptrace_scope");
    let pattern = doctor.system_file("/proc/sys/kernel/core_pattern");
    let swaps = doctor.system_file("/proc/swaps");
    vec![
        tracing(yama.as_deref()),
        swap(swaps.as_deref(), |device| is_encrypted(doctor, device)),
        cores(pattern.as_deref()),
        keyring(doctor),
    ]
}

/// Yama: whether processes of one user may look into each other.
fn tracing(scope: Option<&str>) -> Finding {
    const NAME: &str = "ptrace";
    const WHY: &str = "any program of yours can read the memory of the clients, with the passwords in it";
    match scope.map(str::trim) {
        Some("0") => Finding::warn(
            AREA,
            NAME,
            "every process of yours may trace every other (yama ptrace_scope 0)",
            WHY,
        )
        .fix("sudo sysctl -w kernel.yama.ptrace_scope=1"),
        Some(scope) => Finding::ok(
            AREA,
            NAME,
            format!("processes cannot trace each other at will (yama ptrace_scope {scope})"),
        ),
        None if cfg!(target_os = "linux") => {
            Finding::warn(AREA, NAME, "this kernel does not limit who traces whom (no Yama)", WHY)
                .fix("boot a kernel with the security module yama")
        }
        None => Finding::new(AREA, NAME, State::Skipped, "not known on this system"),
    }
}

/// Swap on disk that is not encrypted. `encrypted` answers for a device of `/proc/swaps`.
fn swap(swaps: Option<&str>, encrypted: impl Fn(&str) -> bool) -> Finding {
    const NAME: &str = "swap";
    let Some(swaps) = swaps else {
        return Finding::new(AREA, NAME, State::Skipped, "not known on this system");
    };
    let devices: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let in_memory = |device: &&&str| device.starts_with("/dev/zram");
    let open: Vec<&str> = devices
        .iter()
        .filter(|device| !in_memory(device) && !encrypted(device))
        .copied()
        .collect();
    if open.is_empty() {
        let what = if devices.is_empty() {
            "none"
        } else {
            "in memory or encrypted"
        };
        return Finding::ok(AREA, NAME, what);
    }
    Finding::warn(
        AREA,
        NAME,
        format!("{} is not encrypted", open.join(", ")),
        "memory that holds a password for a moment can be written to the disk, and stay there",
    )
    .fix(format!("sudo swapoff {}   (or encrypt it: crypttab(5))", open[0]))
}

/// Whether a device is one that dm-crypt made.
fn is_encrypted(doctor: &Doctor<'_>, device: &str) -> bool {
    let name = std::fs::canonicalize(device).ok();
    let name = name.as_deref().and_then(|path| path.file_name()?.to_str());
    let name = name
        .or_else(|| device.rsplit('/').next())
        .unwrap_or_default()
        .to_owned();
    let uuid = doctor.system_file(&format!("/sys/block/{name}/dm/uuid"));
    uuid.is_some_and(|uuid| uuid.starts_with("CRYPT-"))
}

/// Where the memory of a client that crashes goes.
fn cores(pattern: Option<&str>) -> Finding {
    const NAME: &str = "core dumps";
    match pattern.map(str::trim) {
        Some(pattern) if pattern.starts_with('|') => {
            let program = pattern.trim_start_matches('|').split(' ').next().unwrap_or_default();
            let found = Finding::warn(
                AREA,
                NAME,
                format!("a program that crashes hands its memory to {program}, whatever limits it has"),
                "a client that crashes leaves its password behind; hallpass itself leaves none",
            );
            if program.contains("systemd-coredump") {
                found.fix("Storage=none in /etc/systemd/coredump.conf")
            } else {
                found.fix("sudo sysctl -w kernel.core_pattern=core")
            }
        }
        Some(_) => Finding::ok(AREA, NAME, "none: hallpass and what it starts may write none"),
        None => Finding::new(AREA, NAME, State::Skipped, "hallpass and what it starts may write none"),
    }
}

/// The session bus, on which a Secret Service would be. hallpass can do without.
fn keyring(doctor: &Doctor<'_>) -> Finding {
    const NAME: &str = "keyring";
    const UNUSED: &str = "hallpass needs none, the key of its local store is a file of mode 0600";
    let Some(address) = doctor.world.text("DBUS_SESSION_BUS_ADDRESS") else {
        return Finding::new(AREA, NAME, State::Skipped, format!("no session bus; {UNUSED}"));
    };
    let what = match has_secret_service(address, Duration::from_secs(1)) {
        Some(true) => "a Secret Service is there",
        Some(false) => "a session bus, and no Secret Service on it",
        None => "the session bus does not answer",
    };
    Finding::new(AREA, NAME, State::Skipped, format!("{what}; {UNUSED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_trace() {
        assert_eq!(tracing(Some("1\n")).state, State::Ok);
        let open = tracing(Some("0\n"));
        assert_eq!((open.state, open.fixes.len()), (State::Warn, 1));
    }

    #[test]
    fn swap_on_an_open_disk() {
        const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        let with = |line: &str| swap(Some(&format!("{HEAD}{line}")), |device| device == "/dev/dm-1");
        assert_eq!(with("").what, "none");
        assert_eq!(with("/dev/zram0 partition 8388604 0 100\n").state, State::Ok);
        assert_eq!(with("/dev/dm-1 partition 8388604 0 -2\n").state, State::Ok);
        let open = with("/dev/dm-1 partition 1 0 -2\n/swapfile file 2097148 0 -2\n");
        assert_eq!(
            (open.state, open.what.as_str()),
            (State::Warn, "/swapfile is not encrypted")
        );
        assert!(open.fixes[0].starts_with("sudo swapoff /swapfile"));
        assert_eq!(swap(None, |_| false).state, State::Skipped);
    }

    #[test]
    fn core_dumps_that_go_to_a_program() {
        assert_eq!(cores(Some("core\n")).state, State::Ok);
        let piped = cores(Some("|/usr/lib/systemd/systemd-coredump %P %u %g\n"));
        assert_eq!(piped.state, State::Warn);
        assert!(
            piped.what.contains("/usr/lib/systemd/systemd-coredump,"),
            "{}",
            piped.what
        );
        assert!(piped.fixes[0].contains("coredump.conf"));
    }
}
