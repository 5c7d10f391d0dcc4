//! `hallpass config check`: every problem of the files at once, and the keys that have no effect yet.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Frame, complain, counted, json, note, say};

/// Check the configuration files
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass config check\n  hallpass config check --json")]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say every problem of config.toml and the role files
    #[command(after_help = "Examples:\n  hallpass config check\n  hallpass config check --json")]
    Check,
}

pub(super) fn run(command: &ConfigCommand, frame: &Frame) -> u8 {
    let Action::Check = command.action;
    let config = &frame.config;
    if frame.json {
        say(&json::document(json!({
            "files": config.files.iter().map(json::path).collect::<Vec<_>>(),
            "roles": config.roles.len(),
            "problems": json::problems(config),
            "warnings": config.warnings,
            "not_in_force": config.not_in_force.iter()
                .map(|pending| json!({"key": pending.key, "file": json::path(&pending.at.file), "line": pending.at.line}))
                .collect::<Vec<_>>(),
        })));
    } else {
        config.problems.iter().for_each(complain);
        for warning in &config.warnings {
            note(&format!("warning: {warning}"));
        }
        for pending in &config.not_in_force {
            note(&format!(
                "{} is accepted and not in force yet ({})",
                pending.key, pending.at
            ));
        }
        if config.problems.is_empty() {
            say(&format!(
                "{}, {}, no problem",
                counted(config.files.len(), "file"),
                counted(config.roles.len(), "role")
            ));
        }
    }
    if config.problems.is_empty() { 0 } else { 3 }
}
