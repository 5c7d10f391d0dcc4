//! The import rule of `src/lib.rs` and the few things that one place alone may do, read off the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Who may import whom: the arrows of the map in `src/lib.rs`, followed to their ends.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain", "providers"]),
    ("providers", &["domain"]),
    ("recording", &["domain"]),
    ("session", &["domain", "recording"]),
    ("replay", &["domain", "recording", "session"]),
    ("launch", &["domain", "config", "providers", "recording"]),
    ("check", &["domain", "config", "providers", "launch"]),
    (
        "ui",
        &[
            "domain",
            "config",
            "providers",
            "recording",
            "replay",
            "session",
            "launch",
            "check",
        ],
    ),
    ("doctor", &["domain", "config", "providers", "launch", "check"]),
    (
        "cli",
        &[
            "domain",
            "config",
            "providers",
            "recording",
            "replay",
            "session",
            "launch",
            "check",
            "doctor",
        ],
    ),
    ("main", &["cli", "providers", "session", "ui"]),
    ("lib", &[]),
];

/// What `config` may take of `providers`: plain data, never anything that reaches out.
const PROVIDER_DATA: &[&str] = &["ProviderConfig", "ProviderSpec", "PROVIDERS", "Setting", "World"];

/// A text and the parts of the source, or the files, that alone may hold it.
const ONE_PLACE: &[(&str, &[&str])] = &[
    (".inject(", &["session"]),
    ("Command::new(", &["session", "providers/command.rs"]),
    ("CommandBuilder::new(", &["session"]),
    ("open::", &["session"]),
    ("set_var(", &[]),
    ("remove_var(", &[]),
    ("println!(", &["cli", "main"]),
    ("print!(", &["cli", "main"]),
    ("dbg!(", &[]),
];

#[test]
fn the_sources_keep_the_rules() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "the sources are not where they were");
    let violations: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let name = file.strip_prefix(&src).unwrap().display().to_string();
            violations(&name, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_kind_of_violation_is_found() {
    let planted = [
        ("domain/role.rs", "//! x\nuse crate::config::Config;"),
        ("domain/role.rs", "//! x\nuse crate::{domain::role, ui};"),
        ("providers/vault.rs", "//! x\nlet x = crate::session::start();"),
        ("session/pty.rs", "//! x\nuse crate::providers::Provider;"),
        ("config/mod.rs", "//! x\nuse crate::providers::Provider;"),
        ("config/mod.rs", "//! x\nuse crate::providers::{ProviderConfig, vault};"),
        ("cli/list.rs", "//! x\nuse crate::ui::run;"),
        ("ui/mod.rs", "//! x\nuse crate::cli::args;"),
        ("launch.rs", "//! x\nenv.inject(&mut command);"),
        ("check.rs", "//! x\nstd::process::Command::new(\"ls\");"),
        ("providers/vault.rs", "//! x\nstd::process::Command::new(\"ls\");"),
        ("cli/demo.rs", "//! x\nstd::env::set_var(\"A\", \"b\");"),
        ("providers/vault.rs", "//! x\nopen::that(address);"),
        ("ui/mod.rs", "//! x\neprintln!(\"hello\");"),
        ("ui/mod.rs", "use std::fs;"),
        ("elsewhere.rs", "//! x"),
    ];
    for (file, text) in planted {
        assert!(!violations(file, text).is_empty(), "not found: {file}: {text}");
    }
    let fine = "//! x\n//! [`crate::ui`]\nuse crate::{domain::role::Role, providers::{ProviderConfig, Setting}};\n// set_var(\n#[cfg(test)]\nmod tests { use crate::ui; }";
    assert_eq!(violations("config/mod.rs", fine), Vec::<String>::new());
}

fn rust_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            files.push(path);
        }
    }
}

/// What is wrong in one file, named as below `src/`.
fn violations(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!(
            "{file}: does not open with a `//!` sentence on what lives here"
        ));
    }
    let part = file.split('/').next().unwrap().trim_end_matches(".rs");
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else {
        found.push(format!(
            "{file}: {part} is not on the map; add it to src/lib.rs and to the arrows here"
        ));
        return found;
    };
    let code = code(text);
    for path in crate_paths(&code) {
        let mut words = path.split("::");
        let target = words.next().unwrap_or_default();
        let known = ARROWS.iter().any(|(name, _)| *name == target);
        if known && target != part && !allowed.contains(&target) {
            found.push(format!("{file}: imports {path}, an arrow that goes the other way"));
        }
        let item = words.next().unwrap_or_default();
        if part == "config" && target == "providers" && !PROVIDER_DATA.contains(&item) {
            found.push(format!(
                "{file}: takes {item} of providers; config knows only their plain data"
            ));
        }
    }
    for (text, places) in ONE_PLACE {
        let whole_word =
            |at: usize| text.starts_with('.') || !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let holds = code
            .match_indices(text)
            .any(|(at, _)| whole_word(at) || *text == "print!(" || *text == "println!(");
        if holds && !places.contains(&part) && !places.contains(&file) {
            found.push(format!("{file}: {text}…) belongs to {places:?} alone"));
        }
    }
    found
}

/// The lines that ship: no comments, nothing from the tests on.
fn code(text: &str) -> String {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every path behind `crate::`, groups taken apart: `crate::{a::b, c::{d, e}}` is `a::b`, `c::d`, `c::e`.
fn crate_paths(code: &str) -> BTreeSet<String> {
    code.match_indices("crate::")
        .flat_map(|(at, found)| paths(&code[at + found.len()..]))
        .collect()
}

fn paths(text: &str) -> Vec<String> {
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(paths).collect();
    }
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match rest.strip_prefix("::") {
        Some(rest) => paths(rest).into_iter().map(|tail| format!("{word}::{tail}")).collect(),
        None => vec![word.to_owned()],
    }
}

/// What stands between the commas of a group, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(group[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}
