//! The person's browser, for a login page.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A launcher that runs longer than this has handed the page over, or is the browser itself.
const HANDED_OVER: Duration = Duration::from_secs(2);

/// Opens a page; false if it is none, or no program took it. The variables in `withheld` are not passed on: a provider's credentials are
/// no business of a browser and its extensions.
pub fn open(address: &str, withheld: &[&str]) -> bool {
    // A server gave the address: it must not become an option, a file or a program.
    let is_page = address.starts_with("https://") || address.starts_with("http://");
    if !is_page || address.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return false;
    }
    open::commands(address).into_iter().any(|mut command| {
        for name in withheld {
            command.env_remove(name);
        }
        // In a group of its own, the Ctrl-C that ends the login does not end the browser.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command.spawn().is_ok_and(taken)
    })
}

/// Whether the launcher took the page: it ended well, or still runs.
fn taken(mut launcher: Child) -> bool {
    let deadline = Instant::now() + HANDED_OVER;
    while Instant::now() < deadline {
        match launcher.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return false,
        }
    }
    // Somebody must wait for it in the end.
    let _ = std::thread::Builder::new().spawn(move || launcher.wait());
    true
}
