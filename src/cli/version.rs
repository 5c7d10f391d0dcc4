//! `hallpass version`: what this binary is and which providers are built into it.

use clap::Args;
use serde_json::json;

use super::{json, say};
use crate::providers::PROVIDERS;

/// Show the version and the providers that are built in
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass version\n  hallpass version --json")]
pub(super) struct Version {}

pub(super) fn run(_: &Version, as_json: bool) -> u8 {
    let version = env!("CARGO_PKG_VERSION");
    let built: Vec<&str> = PROVIDERS
        .iter()
        .filter(|spec| spec.open.is_some())
        .map(|spec| spec.kind.word())
        .collect();
    if as_json {
        say(&json::document(json!({ "version": version, "providers": built })));
    } else {
        say(&format!("hallpass {version} ({})", built.join(" ")));
    }
    0
}
