//! Which files a run reads, in which order: system-wide ones first, the person's own over them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::LoadOptions;
use super::report::{ProblemId, Report};
use super::source::SourceFile;
use super::trust::{io_words, is_absent, read, says_absent, trusted_folder, unreadable};
use super::walk::{expand_home, unknown_name};
use crate::domain::problem::Problem;

/// What a file may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    /// `config.toml`: settings, and everything that a role file holds.
    Settings,
    /// Roles, templates, connectors.
    Roles,
    /// One connector of this name.
    Connector(String),
}

/// The files of the run.
pub(super) struct Files<'r> {
    report: &'r Report,
    pub(super) read: Vec<(Contents, SourceFile)>,
    /// Why there are settings that were not read.
    pub(super) unread_settings: Vec<ProblemId>,
    seen: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

/// What `config.toml` says about other files.
#[derive(Default)]
struct Includes {
    list: Option<Vec<String>>,
    /// By the name of the profile.
    profiles: Vec<(String, Vec<String>)>,
}

/// Reads all files. What cannot be read or is not trusted is a problem and left out.
pub(super) fn discover<'r>(options: &LoadOptions, config_dir: &Path, report: &'r Report) -> Files<'r> {
    let mut files = Files {
        report,
        read: Vec::new(),
        unread_settings: Vec::new(),
        seen: BTreeSet::new(),
        folders: BTreeSet::new(),
    };
    let is_none = || {
        config_dir
            .metadata()
            .map_or_else(|error| says_absent(&error), |found| !found.is_dir())
    };
    if let Some(named) = options.named_folder().filter(|_| is_none()) {
        files.problem(no_folder(config_dir, named));
    }
    let mut profiles = Vec::new();
    let mut found_profile = false;
    for folder in [&options.system_dir, config_dir] {
        let settings = folder.join("config.toml");
        if let Err(id) = files.enter(folder) {
            if !is_absent(&settings) {
                files.unread_settings.push(id);
            }
            continue;
        }
        files.add_if_there(Contents::Settings, settings);
        let settings = files
            .read
            .last()
            .filter(|(contents, file)| *contents == Contents::Settings && file.path.parent() == Some(folder));
        let includes = settings.map(|(_, file)| includes(&file.text)).unwrap_or_default();
        profiles.extend(includes.profiles.iter().map(|(name, _)| name.clone()));
        let chosen = options.profile.as_ref().and_then(|profile| {
            let mut all = includes.profiles.iter();
            all.find(|(name, _)| name == profile).map(|(_, list)| list.clone())
        });
        found_profile |= chosen.is_some();
        match chosen {
            Some(list) => files.include(&list, folder, options),
            // A profile chooses files: the usual ones are left to those who chose none.
            None if options.profile.is_some() => {}
            None => {
                files.add_if_there(Contents::Roles, folder.join("roles.toml"));
                files.add_all(&Contents::Roles, &folder.join("roles.d"), "*.toml");
                files.include(&includes.list.unwrap_or_default(), folder, options);
            }
        }
        files.add_connectors(&folder.join("connectors"));
    }
    if let Some(profile) = options.profile.as_ref().filter(|_| !found_profile) {
        let what = format!("no configuration declares the profile `{profile}`");
        let problem = unknown_name(what, profile, profiles.iter().map(String::as_str)).fixes(vec![format!(
            "declare it in config.toml: [profiles.{profile}] include = [\"work.toml\"]"
        )]);
        report.file_problem(0, problem);
    }
    files
}

/// The configuration folder that somebody named is none: what was meant is not read. The usual folder may well be missing.
fn no_folder(folder: &Path, named: &str) -> Problem {
    let why = match folder.symlink_metadata() {
        Ok(_) => "it is not a folder",
        Err(_) => "there is no such folder",
    };
    unreadable(folder, why).fixes(vec![format!("correct {named}, or make the folder")])
}

impl Files<'_> {
    fn problem(&self, problem: Problem) -> ProblemId {
        self.report.file_problem(self.read.len(), problem)
    }

    /// Looks whether the folder may be entered, and whether others could put files into it; asked once for each. One that is not there
    /// is fine: it holds nothing.
    fn enter(&mut self, folder: &Path) -> Result<(), ProblemId> {
        if !self.folders.contains(folder) {
            trusted_folder(folder).map_err(|problem| self.problem(problem))?;
            self.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    fn add(&mut self, contents: Contents, path: PathBuf) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        match read(&path) {
            Ok(text) => {
                let index = self.read.len();
                self.read.push((contents, SourceFile::new(index, path, text)));
            }
            Err(problem) => {
                let id = self.problem(problem);
                if contents == Contents::Settings {
                    self.unread_settings.push(id);
                }
            }
        }
    }

    fn add_if_there(&mut self, contents: Contents, path: PathBuf) {
        // A link that leads nowhere is there, and a mistake; so is what cannot be looked at.
        if !is_absent(&path) {
            self.add(contents, path);
        }
    }

    fn add_all(&mut self, contents: &Contents, folder: &Path, pattern: &str) {
        for path in self.matching(folder, pattern) {
            self.add(contents.clone(), path);
        }
    }

    fn add_connectors(&mut self, folder: &Path) {
        for path in self.matching(folder, "*.toml") {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            self.add(Contents::Connector(name.unwrap_or_default()), path);
        }
    }

    /// Files of a folder whose names match, in the order of their names; hidden ones (an editor's) do not.
    fn matching(&mut self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        if self.enter(folder).is_err() {
            return Vec::new();
        }
        let names = std::fs::read_dir(folder).and_then(|entries| {
            let names = entries.map(|entry| Ok(entry?.file_name()));
            names.collect::<std::io::Result<Vec<_>>>()
        });
        let names = match names {
            Ok(names) => names,
            Err(error) => {
                if !says_absent(&error) {
                    self.problem(unreadable(folder, io_words(&error)));
                }
                return Vec::new();
            }
        };
        let is_meant = |name: &str| !name.starts_with('.') && fits(pattern, name);
        let mut meant = Vec::new();
        for name in names {
            match name.into_string() {
                Ok(name) if is_meant(&name) => meant.push(name),
                Ok(_) => {}
                // Places and documents name files as text.
                Err(name) if is_meant(&name.to_string_lossy()) => {
                    let problem = unreadable(&folder.join(name), "its name is not UTF-8 text");
                    self.problem(problem.fixes(vec!["rename the file".to_owned()]));
                }
                Err(_) => {}
            }
        }
        meant.sort();
        meant.into_iter().map(|name| folder.join(name)).collect()
    }

    /// Files of an `include` list: `~/` is the home folder, `*` and `?` work in the last part, relative to the folder of `config.toml`.
    fn include(&mut self, list: &[String], folder: &Path, options: &LoadOptions) {
        for text in list {
            let path = folder.join(expand_home(text, options.home.as_deref()));
            let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
                continue;
            };
            let parent = path.parent().unwrap_or(folder).to_owned();
            if name.contains(['*', '?']) {
                self.add_all(&Contents::Roles, &parent, &name);
            } else if is_absent(&path) && text != "roles.toml" {
                self.problem(unreadable(&path, "`include` names it, and there is no such file"));
            } else if self.enter(&parent).is_ok() {
                self.add_if_there(Contents::Roles, path);
            }
        }
    }
}

/// The lists as they are written; their mistakes are reported when the file is walked.
fn includes(text: &str) -> Includes {
    let (root, _) = DeTable::parse_recoverable(text);
    let list = |table: &DeTable<'_>| -> Option<Vec<String>> {
        let values = table.get("include")?.get_ref().as_array()?;
        Some(
            values
                .iter()
                .filter_map(|value| Some(value.get_ref().as_str()?.to_owned()))
                .collect(),
        )
    };
    let profiles = root
        .get_ref()
        .get("profiles")
        .and_then(|value| value.get_ref().as_table());
    let profiles = profiles.into_iter().flatten().filter_map(|(name, value)| {
        let table = value.get_ref().as_table()?;
        Some((name.get_ref().to_string(), list(table).unwrap_or_default()))
    });
    Includes {
        list: list(root.get_ref()),
        profiles: profiles.collect(),
    }
}

/// `*` stands for any characters, `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and how much of the name it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, name) in [
            ("*.toml", "a.toml"),
            ("*", ""),
            ("a?c", "abc"),
            ("*a*b", "xaxab"),
            ("a**", "a"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.toml", "a.toml~"), ("a?c", "ac"), ("", "a"), ("*a*b", "xaxa")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
