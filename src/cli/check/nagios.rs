//! The one line that monitoring systems read, and their exit codes: 0 ok, 1 warning, 2 critical, 3 unknown.
//!
//! ```text
//! HALLPASS WARNING - 40/41 ok, 1 expiring | ok=40 warn=1 crit=0 time=1.2s
//! ```

use std::ffi::OsString;
use std::time::Duration;

use crate::check::{Checked, Report, ends_soon};
use crate::domain::printable::printable;
use crate::domain::status::{RoleStatus, State};

pub(in crate::cli) const UNKNOWN: u8 = 3;

/// Whether a command line, right or wrong, asks for the line of a check.
pub(in crate::cli) fn is_asked_for(args: &[OsString]) -> bool {
    let words = || args.iter().skip(1).take_while(|word| *word != "--");
    words().any(|word| word == "check") && words().any(|word| word == "--nagios")
}

/// What could not be checked at all; `why` may have several lines.
pub(in crate::cli) fn unknown(why: &str) -> (String, u8) {
    let first = why
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no reason");
    // What stands behind a bar is read as figures.
    let words = printable(first).replace('|', "/");
    (format!("HALLPASS UNKNOWN - {words}"), UNKNOWN)
}

/// The line on a report, and the exit code. `failing`: what is wrong counts as a failure.
pub(super) fn line(report: &Report, took: Duration, failing: bool, config_failed: bool) -> (String, u8) {
    let (ok, warn, fail) = (
        report.count(State::Ok),
        report.count(State::Warn),
        report.count(State::Fail),
    );
    let (word, code) = match report.worst() {
        _ if failing => ("CRITICAL", 2),
        // What is wrong in the files is wrong with the check, not with a role.
        _ if config_failed => ("UNKNOWN", UNKNOWN),
        // Nothing was checked, so nothing is known to be well: the files may be another machine's.
        _ if report.roles.is_empty() => ("UNKNOWN", UNKNOWN),
        State::Warn => ("WARNING", 1),
        State::Ok | State::Skipped | State::Fail => ("OK", 0),
    };
    let expiring = report.roles.iter().filter(|role| is_expiring(role)).count();
    let providers = |state| {
        let providers = report.providers.iter();
        providers.filter(|provider| provider.status.state == state).count()
    };
    let counted = [
        (expiring, "expiring"),
        (warn - expiring, "with a warning"),
        (fail, "failed"),
        // A provider that fails takes its roles with it: it is news only where it took none.
        (if fail == 0 { providers(State::Fail) } else { 0 }, "provider failed"),
        (providers(State::Warn), "provider with a warning"),
        (usize::from(config_failed), "config invalid: hallpass config check"),
    ];
    let none = if report.roles.is_empty() { ", no roles" } else { "" };
    let counted = counted.iter().filter(|(count, _)| *count > 0);
    let counted: String = counted.map(|(count, what)| format!(", {count} {what}")).collect();
    let line = format!(
        "HALLPASS {word} - {ok}/{total} ok{none}{counted} | ok={ok} warn={warn} crit={fail} time={:.1}s",
        took.as_secs_f64(),
        total = report.roles.len(),
    );
    (line, code)
}

/// Whether what is remarked upon is that a secret of the role ends soon.
fn is_expiring(role: &Checked<RoleStatus>) -> bool {
    let warned = |state| state == State::Warn;
    let soon = |at| ends_soon(at, role.at);
    let mut fields = role.status.fields.iter();
    warned(role.status.state) && fields.any(|field| warned(field.state) && field.expires.is_some_and(soon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::status::{FieldStatus, ProviderStatus};

    fn role(state: State, expires: Option<&str>) -> Checked<RoleStatus> {
        let field = FieldStatus {
            name: "PGPASSWORD".to_owned(),
            state,
            problem: None,
            warning: None,
            key: None,
            version: None,
            rotated_at: None,
            expires: expires.map(|at| at.parse().unwrap()),
            latency_ms: None,
        };
        let status = RoleStatus {
            name: "r".to_owned(),
            state,
            problem: None,
            provider: None,
            latency_ms: None,
            fields: vec![field],
            versions: Default::default(),
        };
        Checked {
            status,
            at: "2026-11-22T00:00:00Z".parse().unwrap(),
        }
    }

    fn line_of(roles: Vec<Checked<RoleStatus>>) -> (String, u8) {
        line_with(Vec::new(), roles)
    }

    fn line_with(providers: Vec<Checked<ProviderStatus>>, roles: Vec<Checked<RoleStatus>>) -> (String, u8) {
        let report = Report { providers, roles };
        let failing = report.worst() == State::Fail;
        line(&report, Duration::from_millis(1234), failing, false)
    }

    #[test]
    fn counts_and_exit_codes() {
        let ok = || role(State::Ok, None);
        let soon = || role(State::Warn, Some("2026-11-25T00:00:00Z"));
        assert_eq!(
            line_of(vec![ok(), ok()]),
            ("HALLPASS OK - 2/2 ok | ok=2 warn=0 crit=0 time=1.2s".to_owned(), 0)
        );
        assert_eq!(
            line_of(vec![
                ok(),
                soon(),
                role(State::Warn, None),
                // It ends some day; what is remarked upon is something else.
                role(State::Warn, Some("2027-11-25T00:00:00Z"))
            ]),
            (
                "HALLPASS WARNING - 1/4 ok, 1 expiring, 2 with a warning | ok=1 warn=3 crit=0 time=1.2s".to_owned(),
                1
            )
        );
        assert_eq!(
            line_of(vec![ok(), soon(), role(State::Fail, None)]),
            (
                "HALLPASS CRITICAL - 1/3 ok, 1 expiring, 1 failed | ok=1 warn=1 crit=1 time=1.2s".to_owned(),
                2
            )
        );
        assert_eq!(
            line_of(Vec::new()),
            (
                "HALLPASS UNKNOWN - 0/0 ok, no roles | ok=0 warn=0 crit=0 time=1.2s".to_owned(),
                3
            )
        );
    }

    #[test]
    fn a_provider_that_warns_is_the_reason() {
        let provider = |state| Checked {
            status: ProviderStatus {
                state,
                ..ProviderStatus::new("vault", "vault", String::new())
            },
            at: "2026-11-22T00:00:00Z".parse().unwrap(),
        };
        let ok = || vec![role(State::Ok, None)];
        assert_eq!(
            line_with(vec![provider(State::Warn), provider(State::Ok)], ok()),
            (
                "HALLPASS WARNING - 1/1 ok, 1 provider with a warning | ok=1 warn=0 crit=0 time=1.2s".to_owned(),
                1
            )
        );
        assert_eq!(
            line_with(vec![provider(State::Fail)], ok()),
            (
                "HALLPASS CRITICAL - 1/1 ok, 1 provider failed | ok=1 warn=0 crit=0 time=1.2s".to_owned(),
                2
            )
        );
    }

    #[test]
    fn what_could_not_be_checked_is_one_line_without_figures() {
        let (line, code) = unknown("\nno such | thing\nsecond line");
        assert_eq!((line.as_str(), code), ("HALLPASS UNKNOWN - no such / thing", 3));
    }

    #[test]
    fn the_line_is_asked_for_also_by_a_command_line_that_is_wrong() {
        let asked = |words: &str| is_asked_for(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(asked("hallpass check --nagios --wrong"));
        assert!(asked("hallpass --quiet check role --nagios"));
        assert!(!asked("hallpass check --wrong"));
        assert!(!asked("hallpass exec role -- check --nagios"));
    }
}
