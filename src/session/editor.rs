//! The person's own editor, run in the foreground on a file of the configuration.

use std::path::Path;
use std::process::Command;

use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// Runs the editor at a line of a file and returns when it has ended. The terminal must be in its usual state. The variables in
/// `withheld` are not passed on: a provider's credentials are no business of an editor and its plugins.
///
/// # Errors
/// `E-CLIENT-START`: there is no such program.
pub fn edit(file: &Path, line: usize, editor: &str, withheld: &[&str]) -> Result<(), Problem> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = Command::new(program);
    command.args(words);
    for name in withheld {
        command.env_remove(name);
    }
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
