//! What went wrong, as a person needs it: the code, what failed on which name, where, the likely causes in order, what to type now.
//!
//! Every module that can fail in front of a user answers with a [`Problem`]. It holds only words of our own: no error of a library
//! is stored in one, because the texts of HTTP, JSON and vendor libraries can hold values.

use std::fmt;
use std::path::PathBuf;

use unicode_width::UnicodeWidthStr as _;

use crate::domain::catalogue::Code;
use crate::domain::printable::printable;
use crate::domain::status::Stage;

/// A place in a configuration file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// The offending line of a file and the columns to underline. Left out wherever the line may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub line: String,
    /// Width of the underline in characters, from the location's column on; at least 1.
    pub width: usize,
}

/// One problem. Make it with [`Problem::new`], which takes causes and fixes from the catalogue, then say what is known better.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub code: &'static Code,
    /// One sentence: what failed, on which name. No full stop, no value.
    pub what: String,
    pub at: Option<Location>,
    pub snippet: Option<Snippet>,
    /// Stands behind the underline, or behind the place: `GET /v1/secret/data/x → 403`.
    pub note: Option<String>,
    /// Likely causes, most likely first.
    pub causes: Vec<String>,
    /// Right spellings that may have been meant, best first.
    pub similar: Vec<String>,
    /// What to type or do now, best first.
    pub fixes: Vec<String>,
    /// Named facts for the failure panel: `Field`, `Reference`, `Request`, `Token` …
    pub facts: Vec<(&'static str, String)>,
    /// The steps taken, up to the one that failed; empty where there is no ladder.
    pub steps: Vec<Stage>,
}

impl Problem {
    pub fn new(code: &'static Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            at: None,
            snippet: None,
            note: None,
            causes: code.causes.iter().map(|s| (*s).to_owned()).collect(),
            similar: Vec::new(),
            fixes: code.fixes.iter().map(|s| (*s).to_owned()).collect(),
            facts: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Whether only a person can do something about it, by a login or a passphrase: asking again by itself would find the same, or
    /// count as another wrong try.
    pub fn wants_person(&self) -> bool {
        const CODES: &[&str] = &["E-LOCAL-LOCKED", "E-VAULT-LOGIN-PASSWORD", "E-VAULT-LOGIN-MFA"];
        let login = |fix: &String| fix.starts_with("hallpass provider login");
        CODES.contains(&self.code.id) || self.fixes.iter().any(login)
    }

    /// The underline of the snippet in columns of a terminal: how far in it begins, and how wide it is.
    pub fn underline(&self) -> Option<(usize, usize)> {
        let (at, snippet) = (self.at.as_ref()?, self.snippet.as_ref()?);
        let line = printable(&snippet.line);
        let place = |character: usize| line.char_indices().nth(character).map_or(line.len(), |(byte, _)| byte);
        let (begin, end) = (at.column.saturating_sub(1), at.column.saturating_sub(1) + snippet.width);
        let before = &line[..place(begin)];
        let marked = &line[place(begin)..place(end)];
        // One behind the end of the line has no character to go by.
        let behind = begin.saturating_sub(line.chars().count());
        Some((before.width() + behind, marked.width().max(1)))
    }

    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.at = Some(location);
        self
    }

    #[must_use]
    pub fn snippet(mut self, snippet: Option<Snippet>) -> Self {
        self.snippet = snippet;
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Puts a cause that is known from this very case before the catalogue's.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.insert(0, cause.into());
        self
    }

    /// Replaces the catalogue's causes.
    #[must_use]
    pub fn causes(mut self, causes: Vec<String>) -> Self {
        self.causes = causes;
        self
    }

    /// Puts a fix for this very case before the catalogue's.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.insert(0, fix.into());
        self
    }

    /// Replaces the catalogue's fixes.
    #[must_use]
    pub fn fixes(mut self, fixes: Vec<String>) -> Self {
        self.fixes = fixes;
        self
    }

    #[must_use]
    pub fn similar(mut self, similar: Vec<String>) -> Self {
        self.similar = similar;
        self
    }

    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn steps(mut self, steps: Vec<Stage>) -> Self {
        self.steps = steps;
        self
    }
}

/// The text of the command line; the failure panel of the TUI shows the same parts.
///
/// ```text
/// error[E-VAULT-403]: Vault refused to read the secret for PGPASSWORD
///   --> ~/.config/hallpass/roles.d/prod.toml:58:14
///    |
/// 58 | PGPASSWORD = { secret = "vault:secret/databases/pgbouncer#password" }
///    |              ^^^^^^^^^^ GET /v1/secret/data/databases/pgbouncer → 403
///    = cause 1: …
///    = did you mean: …
///    = more: hallpass help E-VAULT-403
///    = fix: …
/// ```
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code.id, printable(&self.what))?;
        let number = self.at.as_ref().map_or(0, |at| at.line).to_string();
        let gutter = " ".repeat(number.len().max(2));
        if let Some(at) = &self.at {
            write!(f, "\n{gutter}--> {}", printable(&at.to_string()))?;
            if let (Some(snippet), Some((indent, width))) = (&self.snippet, self.underline()) {
                let indent = " ".repeat(indent);
                let underline = "^".repeat(width);
                write!(
                    f,
                    "\n{gutter} |\n{number:>2} | {}\n{gutter} | {indent}{underline}",
                    printable(&snippet.line)
                )?;
                if let Some(note) = &self.note {
                    write!(f, " {}", printable(note))?;
                }
            }
        }
        if self.snippet.is_none()
            && let Some(note) = &self.note
        {
            write!(f, "\n{gutter} = {}", printable(note))?;
        }
        match self.causes.as_slice() {
            [] => {}
            [only] => write!(f, "\n{gutter} = cause: {}", printable(only))?,
            many => {
                for (i, cause) in many.iter().enumerate() {
                    write!(f, "\n{gutter} = cause {}: {}", i + 1, printable(cause))?;
                }
            }
        }
        if !self.similar.is_empty() {
            write!(
                f,
                "\n{gutter} = did you mean: {}",
                printable(&self.similar.join(" or "))
            )?;
        }
        write!(f, "\n{gutter} = more: hallpass help {}", self.code.id)?;
        for fix in &self.fixes {
            write!(f, "\n{gutter} = fix: {}", printable(fix))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue;

    #[test]
    fn the_caret_stands_under_its_character_however_wide_the_line() {
        let problem = |line: &str, column, width| {
            let location = Location {
                file: PathBuf::from("f"),
                line: 1,
                column,
            };
            let line = line.to_owned();
            Problem::new(&catalogue::CONFIG_SYNTAX, "x")
                .at(location)
                .snippet(Some(Snippet { line, width }))
        };
        for (line, column, width, underline) in [
            ("d = \"日本語😀\" ; x", 12, 1, (15, 1)),
            ("日本 = 1", 1, 2, (0, 4)),
            ("e\u{301}x = 1", 3, 1, (1, 1)),
            ("abc", 5, 1, (4, 1)),
            ("a\tb", 3, 1, (2, 1)),
        ] {
            let problem = problem(line, column, width);
            assert_eq!(problem.underline(), Some(underline), "{line}");
            let (indent, width) = underline;
            let caret = format!("\n   | {}{}\n", " ".repeat(indent), "^".repeat(width));
            assert!(problem.to_string().contains(&caret), "{problem}");
        }
    }
}
