//! A command line that is none: what is wrong with it, what may have been meant, the exit code.

use std::ffi::OsString;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::arguments::{command_of, wraps_child};
use super::note_written;
use crate::domain::catalogue;
use crate::domain::suggest::nearest;

/// Says what is wrong, or prints the help that was asked for; the exit code of the contract.
pub(super) fn usage(error: clap::Error, args: &[OsString]) -> u8 {
    if !error.use_stderr() {
        note_written(error.print());
        return 0;
    }
    // Every error of ours names its code, so that a script can tell it from the child's.
    let _ = write!(
        std::io::stderr(),
        "error[{}]: {}",
        catalogue::USAGE.id,
        message(error, args)
    );
    if wraps_child(args) { 125 } else { 2 }
}

/// What stands behind the code.
fn message(mut error: clap::Error, args: &[OsString]) -> String {
    let mut command = command_of(args);
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let names: Vec<&str> = shown_subcommands(&command).collect();
        let what = format!("a command is missing behind it: {}", names.join(", "));
        let called = command.get_bin_name().unwrap_or_default().to_owned();
        return format!("`{called}`: {what}\n\n{}", command.render_help());
    }
    name_nearest_command(&mut error, &command);
    name_variable(&mut error, &command, args);
    let text = error.render().to_string();
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

/// The nearest commands to one that there is not, of the group that it stands in, best first: clap has them the other way round.
fn name_nearest_command(error: &mut clap::Error, group: &clap::Command) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let nearest = nearest(word, shown_subcommands(group));
    if !nearest.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
}

/// A value that no flag gave came from the flag's variable: that is what is named.
fn name_variable(error: &mut clap::Error, command: &clap::Command, args: &[OsString]) {
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let flag = command.get_arguments().find(|flag| flag.to_string() == *named);
    let Some((variable, long)) = flag.and_then(|flag| flag.get_env().zip(flag.get_long())) else {
        return;
    };
    let flag = format!("--{long}");
    let given = args.iter().any(|word| {
        let word = word.to_string_lossy();
        let rest = word.strip_prefix(&flag);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    if !given {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
}

fn shown_subcommands(group: &clap::Command) -> impl Iterator<Item = &str> {
    let commands = group.get_subcommands().filter(|command| !command.is_hide_set());
    commands.map(clap::Command::get_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn said_of(line: &str) -> String {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        message(parse(&args, None).unwrap_err(), &args)
    }

    #[test]
    fn a_wrong_command_is_told_the_nearest_of_its_own_group() {
        for (line, nearest) in [
            ("hallpass conect", "'connect'"),
            ("hallpass secret sett", "'set'"),
            ("hallpass --profile x secret --provider list rmm", "'rm'"),
            ("hallpass provider tst", "'test'"),
        ] {
            let said = said_of(line);
            let first = said
                .split("similar subcommand")
                .nth(1)
                .unwrap_or_else(|| panic!("{said}"));
            let at = first.find(nearest).unwrap_or_else(|| panic!("{line}: {said}"));
            assert!(first.find('\'') == Some(at), "{line}: {said}");
        }
        let said = said_of("hallpass config show");
        assert!(!said.contains("similar"), "none of another group: {said}");
    }

    #[test]
    fn a_group_alone_says_what_may_stand_behind_it() {
        let said = said_of("hallpass secret");
        let first = said.lines().next().unwrap();
        assert_eq!(
            first,
            "`hallpass secret`: a command is missing behind it: set, list, rm"
        );
    }
}
