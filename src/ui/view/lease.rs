//! Words for credentials that were made for a session: how long they last, and what became of them.

use jiff::Timestamp;
use ratatui::style::Style;

use crate::ui::model::{LeaseState, Model, Tab, TabLease};
use crate::ui::{text, theme};

/// Less than this is left: the person should see it coming.
const SOON: i64 = 120;

/// `lease 41m`, for the status line of a live session: of the credential that ends first.
pub(super) fn countdown(model: &Model, tab: &Tab) -> Option<(String, Style)> {
    let first = tab.leases.iter().min_by_key(|known| known.lease.expires)?;
    let left = first.lease.left(model.now);
    let brief = text::brief(left);
    Some(match &first.state {
        _ if left == 0 => ("lease over".to_owned(), theme::FAIL),
        LeaseState::NotRenewed(_) => (format!("lease {brief}, not renewed"), theme::FAIL),
        _ if first.lease.renewable => (format!("lease {brief}"), theme::PLAIN),
        _ if left < SOON => (format!("lease ends in {brief}"), theme::WARN),
        _ => (format!("lease ends in {brief}"), theme::PLAIN),
    })
}

/// What became of the credentials of a session that has ended, in the fewest words; the worst if there are several.
pub(super) fn outcome(model: &Model, tab: &Tab) -> Option<(String, Style)> {
    let of = |known: &TabLease| match &known.state {
        LeaseState::Revoked => (0, "credential revoked".to_owned(), theme::QUIET),
        LeaseState::NotRevoked(_) => {
            let end = clock(model, known.lease.expires);
            (2, format!("credential ends by itself at {end}"), theme::WARN)
        }
        LeaseState::Held | LeaseState::NotRenewed(_) => (1, "revoking its credential".to_owned(), theme::QUIET),
    };
    let worst = tab.leases.iter().map(of).max_by_key(|(gravity, ..)| *gravity);
    worst.map(|(_, words, style)| (words, style))
}

/// One line for each credential: what it is, how long, what is done about it.
pub(super) fn lines(model: &Model, tab: &Tab) -> Vec<String> {
    let line = |known: &TabLease| {
        let lease = &known.lease;
        let (left, end) = (text::duration(lease.left(model.now)), clock(model, lease.expires));
        let path = lease.path();
        match &known.state {
            LeaseState::Revoked => format!("{path}: revoked"),
            LeaseState::NotRevoked(why) => format!("{path}: could not be revoked, ends by itself at {end} ({why})"),
            LeaseState::NotRenewed(why) => format!("{path}: {left} left, ends at {end}; not renewed: {why}"),
            LeaseState::Held if lease.renewable => {
                format!("{path}: {left} left, renewed by itself; revoked when the session ends")
            }
            LeaseState::Held => format!("{path}: {left} left, ends at {end} and cannot be renewed"),
        }
    };
    tab.leases.iter().map(line).collect()
}

/// The time of day.
pub fn clock(model: &Model, at: Timestamp) -> String {
    let (at, now) = (at.to_zoned(model.zone.clone()), model.now.to_zoned(model.zone.clone()));
    let form = if at.date() == now.date() {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    at.strftime(form).to_string()
}
