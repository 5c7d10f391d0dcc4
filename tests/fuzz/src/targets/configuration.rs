//! Configuration: any two files load, and what is said about them is text that steers no terminal.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hallpass::config::{FolderFlags, LoadOptions, load};
use tempfile::TempDir;

/// Stands between `config.toml` and `roles.toml` in the input.
const BETWEEN: &[u8] = b"\n--- roles.toml\n";

thread_local! {
    /// Made once: a folder for each input would be most of the work.
    static HOME: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

pub fn run(data: &[u8]) {
    let at = data.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (settings, roles) = match at {
        Some(at) => (&data[..at], &data[at + BETWEEN.len()..]),
        None => (&b""[..], data),
    };
    HOME.with_borrow_mut(|home| {
        let folder = home.get_or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
            folder
        });
        for (name, text) in [("config.toml", settings), ("roles.toml", roles)] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        check(folder);
    });
}

fn check(folder: &TempDir) {
    let config = load(&LoadOptions {
        flags: FolderFlags {
            config: Some(folder.path().to_owned()),
            ..FolderFlags::default()
        },
        profile: None,
        env: BTreeMap::new(),
        home: Some(folder.path().to_owned()),
        system_dir: folder.path().join("system"),
    });
    for problem in &config.problems {
        steers_nothing(&problem.to_string());
        assert!(problem.at.is_some(), "{problem}: where is it?");
    }
    for warning in &config.warnings {
        steers_nothing(warning);
    }
    for broken in &config.broken {
        assert!(broken.problem < config.problems.len(), "{}", broken.name);
    }
}

fn steers_nothing(text: &str) {
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(steers), "{text:?}");
}
