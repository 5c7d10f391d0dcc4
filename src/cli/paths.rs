//! `hallpass paths`: every folder and file of hallpass.

use clap::Args;
use serde_json::json;

use super::{Frame, json, say, table};

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
    let store = store(frame);
    if frame.json {
        let mut document = serde_json::Map::new();
        for (name, path) in named {
            document.insert(name.to_owned(), json!(path));
        }
        document.insert("store".to_owned(), json!(store));
        document.insert("files".to_owned(), json!(frame.config.files));
        say(&json::document(document.into()));
        return 0;
    }
    let mut rows: Vec<Vec<String>> = named
        .iter()
        .map(|(name, path)| vec![(*name).to_owned(), path.display().to_string()])
        .collect();
    rows.extend(store.map(|store| vec!["store".to_owned(), store.display().to_string()]));
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

/// The file of the default local store; none where that kind is not built in.
#[cfg(feature = "local")]
fn store(frame: &Frame) -> Option<std::path::PathBuf> {
    use crate::providers::local::LocalStore;
    let config = frame.providers.config("local")?;
    Some(LocalStore::new(&config, &frame.world).path().to_owned())
}

#[cfg(not(feature = "local"))]
fn store(_: &Frame) -> Option<std::path::PathBuf> {
    None
}
