//! The person's own editor, run in the foreground on a file of the configuration.

use std::path::Path;
use std::process::Command;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;

/// Runs `$VISUAL`, else `$EDITOR`, else `vi`, at a line of a file; returns when it has ended. The terminal must be in its usual state.
///
/// # Errors
/// `E-CLIENT-START`: there is no such program.
pub fn edit(file: &Path, line: usize, world: &World) -> Result<(), Problem> {
    let set = |name: &str| {
        world
            .env
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.trim().is_empty())
    };
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or("vi");
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = Command::new(program);
    command.args(words);
    match program.rsplit('/').next().unwrap_or(program) {
        "hx" | "helix" | "subl" | "zed" => command.arg(format!("{}:{line}", file.display())),
        "code" | "codium" => command
            .args(["--wait", "--goto"])
            .arg(format!("{}:{line}", file.display())),
        _ => command.arg(format!("+{line}")).arg(file),
    };
    match command.status() {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new(
            &catalogue::CLIENT_START,
            format!("the editor {program} could not be started"),
        )
        .fix("export EDITOR=vi")),
    }
}
