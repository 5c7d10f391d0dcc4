//! `hallpass paths`: every folder and file of hallpass.

use std::path::PathBuf;

use clap::Args;

use super::{Frame, json, say, table};
use crate::recording;

/// Show where everything lies
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass paths\n  hallpass paths --json")]
pub(super) struct Paths {}

pub(super) fn run(_: &Paths, frame: &Frame) -> u8 {
    let folders = &frame.config.folders;
    let named = [
        ("config", &folders.config),
        ("data", &folders.data),
        ("state", &folders.state),
        ("cache", &folders.cache),
        ("runtime", &folders.runtime),
    ];
    let recordings = recording::store::folder(&folders.state);
    let named = named.into_iter().chain([("recordings", &recordings)]);
    let store = store(frame);
    if frame.json {
        let mut document = serde_json::Map::new();
        for (name, path) in named {
            document.insert(name.to_owned(), json::path(path));
        }
        for (name, path) in store {
            document.insert(name.to_owned(), json::path(path));
        }
        document.insert("files".to_owned(), frame.config.files.iter().map(json::path).collect());
        say(&json::document(document.into()));
        return 0;
    }
    let mut rows: Vec<Vec<String>> = named
        .map(|(name, path)| vec![name.to_owned(), path.display().to_string()])
        .collect();
    rows.extend(
        store
            .iter()
            .map(|(name, path)| vec![(*name).to_owned(), path.display().to_string()]),
    );
    rows.extend(
        frame
            .config
            .files
            .iter()
            .map(|file| vec!["read".to_owned(), file.display().to_string()]),
    );
    say(&table::render(&["WHAT", "PATH"], &rows));
    0
}

/// The files of the default local store; none where that kind is not built in.
#[cfg(feature = "local")]
fn store(frame: &Frame) -> Vec<(&'static str, PathBuf)> {
    use crate::providers::local::LocalStore;
    let Some(config) = frame.providers.config("local") else {
        return Vec::new();
    };
    let store = LocalStore::new(&config, &frame.world);
    vec![
        ("store", store.path().to_owned()),
        ("store_key", store.key_file().to_owned()),
    ]
}

#[cfg(not(feature = "local"))]
fn store(_: &Frame) -> Vec<(&'static str, PathBuf)> {
    Vec::new()
}
