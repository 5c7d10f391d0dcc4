//! What a command says: data on standard output, problems and remarks on standard error; and the exit codes.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use super::check;
use crate::domain::catalogue::{self, Code};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;

/// What a program ends with that somebody stopped with Ctrl-C.
pub(super) const GAVE_UP: u8 = 130;

/// What standard output refused first in this run.
static UNSAID: Mutex<Option<io::ErrorKind>> = Mutex::new(None);

/// Data on stdout. What cannot be written is told at the end of the run.
pub(crate) fn say(text: &str) {
    note_written(writeln!(io::stdout(), "{text}"));
}

/// Remembers what came of writing to stdout for the end of the run.
pub(super) fn note_written(done: io::Result<()>) {
    if let Err(error) = done {
        let mut unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.get_or_insert(error.kind());
    }
}

/// The exit code of a command that ended with `code`, if everything that it had to say was taken; else that is told. A reader that has gone
/// away (`| head`) is no error.
pub(super) fn said(code: u8, nagios: bool) -> u8 {
    let unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(kind) = unsaid.filter(|kind| *kind != io::ErrorKind::BrokenPipe) else {
        return code;
    };
    let what = format!("standard output cannot be written: {kind}");
    complain(
        &Problem::new(&catalogue::IO, what)
            .causes(Vec::new())
            .fixes(vec!["write it where there is room for it".to_owned()]),
    );
    match code {
        0 if nagios => check::nagios::UNKNOWN,
        0 => 1,
        code => code,
    }
}

/// The exit code for a problem that ended a command; `wraps_child` for `connect` and `exec`, whose other codes are the child's.
pub(crate) fn exit_code(problem: &Problem, wraps_child: bool) -> u8 {
    let code: &Code = problem.code;
    let is = |other: &'static Code| code == other;
    if wraps_child {
        return match code {
            _ if is(&catalogue::CLIENT_MISSING) => 127,
            _ if is(&catalogue::CLIENT_NOT_EXECUTABLE) => 126,
            _ => 125,
        };
    }
    if is(&catalogue::USAGE) || is(&catalogue::FILTER_FIELD) {
        2
    } else if is(&catalogue::CONFIG_UNKNOWN_ROLE) || is(&catalogue::PROVIDER_UNKNOWN) || is(&catalogue::REC_UNKNOWN) {
        4
    } else if code.id.starts_with("E-CONFIG-") || (problem.at.is_some() && !is(&catalogue::REC_FORMAT)) {
        // Whatever its code: it has its place in a configuration file. That of a recording is none.
        3
    } else {
        1
    }
}

/// A problem on stderr.
pub(crate) fn complain(problem: &Problem) {
    let _ = writeln!(io::stderr(), "{problem}");
}

/// A remark on stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "hallpass: {}", printable(text));
}

/// A number of things in words: `1 role`, `2 roles`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::domain::problem::Location;

    #[test]
    fn what_has_its_place_in_a_file_is_a_mistake_of_the_configuration() {
        let place = Location {
            file: PathBuf::from("roles.toml"),
            line: 1,
            column: 1,
        };
        let problem = Problem::new(&catalogue::REF_NUL_BYTE, "x");
        assert_eq!(exit_code(&problem, false), 1);
        let in_file = problem.at(place);
        assert_eq!((exit_code(&in_file, false), exit_code(&in_file, true)), (3, 125));
    }
}
