//! One configuration file: read with care, and able to say where a byte of it stands and which of its lines may be shown.

use std::cell::OnceCell;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::domain::catalogue;
use crate::domain::problem::{Location, Problem, Snippet};

/// Largest file that is read.
const LARGEST: u64 = 1024 * 1024;

/// A file that was read. Its place among the files of the run orders the problems.
pub(super) struct SourceFile {
    pub(super) index: usize,
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    /// Values that may hold a secret, in order; known once the file is parsed.
    hidden: OnceCell<Vec<Range<usize>>>,
}

impl SourceFile {
    pub(super) fn new(index: usize, path: PathBuf, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            index,
            path,
            text,
            lines,
            hidden: OnceCell::new(),
        }
    }

    /// Remembers which values may hold a secret.
    pub(super) fn hide_secrets(&self, root: &DeTable<'_>) {
        let mut hidden = Vec::new();
        collect_hidden(root, false, &mut hidden);
        hidden.sort_by_key(|range| range.start);
        let _ = self.hidden.set(hidden);
    }

    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line_range(&self, index: usize) -> Range<usize> {
        let start = self.lines.get(index).copied().unwrap_or(0);
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    pub(super) fn location(&self, offset: usize) -> Location {
        let index = self.line_index(offset);
        let line = self.line_range(index);
        let before = self.text.get(line.start..offset).unwrap_or_default();
        Location {
            file: self.path.clone(),
            line: index + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The line of the span, cut before anything that may hold a secret; none where nothing of it may be shown.
    pub(super) fn snippet(&self, span: &Range<usize>) -> Option<Snippet> {
        let line = self.line_range(self.line_index(span.start));
        let cut = match self.hidden.get() {
            Some(hidden) => {
                let first = hidden.partition_point(|range| range.end <= line.start);
                hidden
                    .get(first)
                    .map(|range| range.start)
                    .filter(|start| *start < line.end)
            }
            None => unparsed_cut(&self.text[line.clone()]).map(|at| line.start + at),
        };
        let shown_end = cut.unwrap_or(line.end);
        if shown_end <= line.start {
            return None;
        }
        let mut text = printable(self.text.get(line.start..shown_end)?.trim_end_matches('\r'));
        if cut.is_some() {
            text.push('…');
        }
        let last = text.chars().count();
        let column = self.text.get(line.start..span.start)?.chars().count();
        // A place behind the cut is shown at the dots, which needs the location to say so too: the snippet is left out instead.
        if cut.is_some_and(|cut| span.start > cut) || column > last {
            return None;
        }
        let end = span.end.min(shown_end).max(span.start);
        let width = self.text.get(span.start..end).map_or(1, |t| t.chars().count()).max(1);
        Some(Snippet { line: text, width })
    }

    /// The name in the nearest `[roles.NAME…]` header at or above the offset.
    pub(super) fn role_header_above(&self, offset: usize) -> Option<String> {
        let last = self.line_index(offset);
        let header = (0..=last)
            .rev()
            .map(|index| self.text[self.line_range(index)].trim())
            .find(|line| line.starts_with('['))?;
        let name = header.strip_prefix("[roles.")?;
        let end = name.find([']', '.'])?;
        Some(name[..end].trim().trim_matches(['"', '\'']).to_owned())
    }
}

/// Where a line of a file that is no valid TOML is cut: it is shown whole only if it is a header or gives one harmless key a value.
fn unparsed_cut(line: &str) -> Option<usize> {
    let at = line.find(['=', '"', '\'', '#'])?;
    let key = line[..at].trim();
    let harmless = line[at..].starts_with('=')
        && !line.contains('{')
        && !looks_secret(key)
        && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (!harmless).then_some(at + 1)
}

/// Control and direction-changing characters never reach a terminal; one character stays one column.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { '·' } else { c }).collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A name from a file as a message quotes it: nothing that a terminal would obey, and not endless.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 60;
    let text = printable(name);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// Words in a key's name that say its value may be a secret.
const SECRET_WORDS: &[&str] = &[
    "pass", "pwd", "secret", "token", "auth", "key", "cred", "jwt", "pin", "literal", "default", "command", "args",
];

/// Keys of a field's table whose values never hold a secret.
const OPEN_KEYS: &[&str] = &["via", "version", "stage", "trim", "optional", "lifetime"];

fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Whether a field's name says that its value is a secret, for a warning about one that is typed into a role file.
pub(super) fn names_a_secret(field: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "_PWD",
        "_SECRET",
        "_TOKEN",
        "API_KEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
    ];
    ENDINGS.iter().any(|ending| field.ends_with(ending))
}

fn collect_hidden(table: &DeTable<'_>, inside: bool, hidden: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let open = inside && OPEN_KEYS.contains(&name);
        let shouted = name.len() > 1 && name.chars().all(|c| !c.is_ascii_lowercase());
        let hide = !open && (inside || name == "fields" || shouted || looks_secret(name));
        collect_value(value.get_ref(), &value.span(), hide, hidden);
    }
}

fn collect_value(value: &DeValue<'_>, span: &Range<usize>, hide: bool, hidden: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => collect_hidden(table, hide, hidden),
        DeValue::Array(values) => {
            for value in values {
                collect_value(value.get_ref(), &value.span(), hide, hidden);
            }
        }
        DeValue::String(text) if hide || (text.contains("://") && text.contains('@')) => hidden.push(span.clone()),
        _ if hide => hidden.push(span.clone()),
        _ => {}
    }
}

/// Reads a file that only its owner can change.
///
/// # Errors
/// It cannot be opened, is no regular file, is too large, is not text, or others can change it.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    // Not waiting for a writer keeps a FIFO from stopping the start; what is opened is what is looked at.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
        .map_err(|error| unreadable(path, io_words(&error)))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, io_words(&error)))?;
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a regular file"));
    }
    trusted(path, &metadata, "file")?;
    if metadata.len() > LARGEST {
        return Err(unreadable(path, "it is larger than 1 MiB"));
    }
    read_text(&mut file).map_err(|why| unreadable(path, why))
}

fn read_text(file: &mut File) -> Result<String, &'static str> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| io_words(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than 1 MiB");
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")
}

/// Looks whether others could put a file of their own into the folder.
///
/// # Errors
/// They could.
pub(super) fn trusted_folder(folder: &Path) -> Result<(), Problem> {
    match std::fs::metadata(folder) {
        Ok(metadata) => trusted(folder, &metadata, "folder"),
        // A folder that is not there holds no file either; one that cannot be looked at will fail at the file.
        Err(_) => Ok(()),
    }
}

fn trusted(path: &Path, metadata: &std::fs::Metadata, noun: &str) -> Result<(), Problem> {
    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;
    let mode = metadata.mode();
    let owner = metadata.uid();
    let quoted = shell_quoted(path);
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        let what = format!("the {noun} {} belongs to another user", path.display());
        return Err(Problem::new(&catalogue::CONFIG_INSECURE_MODE, what)
            .causes(Vec::new())
            .fix(format!("sudo chown \"$(id -un)\" {quoted}")));
    }
    if mode & OTHERS_WRITE != 0 && !(metadata.is_dir() && mode & STICKY != 0) {
        let what = format!(
            "other users can change the {noun} {} (mode {:04o}), so it is not read",
            path.display(),
            mode & 0o7777
        );
        return Err(Problem::new(&catalogue::CONFIG_INSECURE_MODE, what)
            .causes(Vec::new())
            .fix(format!("chmod go-w {quoted}")));
    }
    Ok(())
}

fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':');
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

pub(super) fn unreadable(path: &Path, why: &str) -> Problem {
    let what = format!("{} cannot be read: {why}", shown_path(path));
    Problem::new(&catalogue::CONFIG_READ, what).causes(Vec::new())
}

fn shown_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn io_words(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::IsADirectory => "it is a folder",
        _ => "the system refused it",
    }
}
