//! The person at this terminal, for a provider that must ask one.

use std::io::Write as _;

use secrecy::SecretString;

use crate::cli::Frame;
use crate::cli::terminal_prompt::{self, Answer};
use crate::domain::catalogue;
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::providers::Person;

pub(super) struct AtTerminal {
    may_ask: bool,
    /// Whether there is a screen to open a page on, and they want that.
    may_browse: bool,
}

impl AtTerminal {
    pub(super) fn new(frame: &Frame, wants_browser: bool) -> Self {
        let set = |name: &&str| frame.world.text(name).is_some();
        let screen = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"]
            .iter()
            .any(set);
        Self {
            may_ask: frame.may_ask,
            may_browse: wants_browser && (screen || cfg!(target_os = "macos")),
        }
    }
}

impl Person for AtTerminal {
    fn tell(&self, line: &str) {
        // Bare: an address is copied as a whole line. Standard output is for the result.
        let _ = writeln!(std::io::stderr(), "{}", printable(line));
    }

    fn ask(&self, prompt: &str) -> Result<SecretString, Problem> {
        if !self.may_ask {
            let what = "this login asks for something, and nothing may be asked here";
            let causes = vec!["--no-input, or CI=true".to_owned()];
            return Err(Problem::new(&catalogue::TTY_REQUIRED, what)
                .causes(causes)
                .fixes(Vec::new()));
        }
        let answer = terminal_prompt::ask_secret(&printable(prompt))?;
        answer.ok_or_else(|| Problem::new(&catalogue::PROVIDER_CANCELLED, "no answer was given"))
    }

    fn ask_unless(&self, prompt: &str, over: &(dyn Fn() -> bool + Sync)) -> Result<Option<SecretString>, Problem> {
        if !self.may_ask {
            return self.ask(prompt).map(Some);
        }
        match terminal_prompt::ask_secret_unless(&printable(prompt), over)? {
            Answer::Line(text) => Ok(Some(text)),
            Answer::GaveUp => Err(Problem::new(&catalogue::PROVIDER_CANCELLED, "no answer was given")),
            Answer::Over => Ok(None),
        }
    }

    #[cfg(feature = "net")]
    fn browse(&self, address: &str) -> bool {
        self.may_browse && crate::session::browser::open(address, &crate::providers::credential_names())
    }

    #[cfg(not(feature = "net"))]
    fn browse(&self, _: &str) -> bool {
        // Nothing in this binary has a page to show.
        let _ = self.may_browse;
        false
    }
}
