//! The arguments: the commands and the flags that all of them take, and how a command line is read.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::{check, config, connect, doctor, exec, help, list, paths, provider, recordings, replay, show, version};
#[cfg(feature = "local")]
use super::{demo, secret};
use crate::config::parse_duration;
use crate::domain::shell;

/// Open a shell on any database or server without ever holding its password.
#[derive(Debug, Parser)]
#[command(
    name = "hallpass",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:\n  hallpass                            the list of roles\n  hallpass connect prod-postgres      open a role in this terminal\n  hallpass exec prod-postgres -- pg_dump -s\n  hallpass check --json               for scripts and monitoring\n  hallpass demo                       try it with nothing set up\n\nhallpass help CODE explains an error code; hallpass help exit-codes the exit codes."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Global {
    /// The folder of config.toml and the role files
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    pub(super) config_dir: Option<PathBuf>,
    /// The folder of the local store
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    pub(super) data_dir: Option<PathBuf>,
    /// The folder of logs and recordings
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    pub(super) state_dir: Option<PathBuf>,
    /// Use a profile of config.toml
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "HALLPASS_PROFILE",
        help_heading = "Global options"
    )]
    pub(super) profile: Option<String>,
    /// Machine-readable output
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) json: bool,
    /// Say less
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(super) quiet: bool,
    /// Draw with ASCII characters only
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) ascii: bool,
    /// The prefix key of the session view: ctrl-b, f12, tmux … [default: ctrl-\]
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "HALLPASS_PREFIX",
        value_parser = prefix_key,
        help_heading = "Global options"
    )]
    pub(super) prefix: Option<String>,
    /// Never ask anything
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) no_input: bool,
    /// What a shell starts hallpass by on the same files.
    #[arg(skip)]
    pub(super) program: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Connect(connect::Connect),
    Exec(exec::Exec),
    List(list::List),
    Show(show::Show),
    Check(check::Check),
    Doctor(doctor::DoctorCommand),
    Provider(provider::ProviderCommand),
    Replay(replay::Replay),
    /// The same as `provider list`
    #[command(hide = true)]
    Providers(provider::List),
    Recordings(recordings::RecordingsCommand),
    Paths(paths::Paths),
    #[cfg(feature = "local")]
    Secret(secret::SecretCommand),
    Config(config::ConfigCommand),
    #[cfg(feature = "local")]
    Demo(demo::Demo),
    Help(help::Help),
    Version(version::Version),
}

/// The prefix key that an argument names.
fn prefix_key(text: &str) -> Result<String, String> {
    crate::domain::prefix::parse(text).map_err(|why| format!("it {why}"))
}

/// Reads a time limit of the command line: between 1 ms and 10 minutes.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|limit| (Duration::from_millis(1)..=Duration::from_secs(600)).contains(limit))
        .ok_or_else(|| "a time limit is written like 500ms, 5s or 1m, and is 10m at most".to_owned())
}

/// Reads a command line. `around` are the flags that stood before `demo`: they hold for the command behind it, too.
pub(super) fn parse(args: &[OsString], around: Option<&Global>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(Cli::command());
    if around.is_some() {
        // What the environment says of them was read with the flags around, and its profile is none of the demo's.
        command = command.mut_args(|argument| argument.env(None::<&str>));
    }
    let mut matches = command.try_get_matches_from_mut(args)?;
    let files = file_flags(&matches);
    let mut cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    let global = &mut cli.global;
    // Another demo has a home of its own, with the same roles.
    let program = if around.is_some() { "hallpass demo" } else { "hallpass" };
    global.program = std::iter::once(program.to_owned())
        .chain(files)
        .collect::<Vec<_>>()
        .join(" ");
    let Some(around) = around else {
        return Ok(cli);
    };
    global.json |= around.json;
    global.quiet |= around.quiet;
    global.ascii |= around.ascii;
    global.no_input |= around.no_input;
    global.prefix = global.prefix.take().or_else(|| around.prefix.clone());
    Ok(cli)
}

/// The flags that decide which files are read, as a shell takes them; not what the environment says, which holds for the next command, too.
fn file_flags(matches: &ArgMatches) -> Vec<String> {
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let mut words = Vec::new();
    for id in ["config_dir", "data_dir", "state_dir"]
        .into_iter()
        .filter(|id| given(id))
    {
        if let Some(folder) = matches.get_one::<PathBuf>(id) {
            // They may be pasted where another folder is the current one.
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            words.push(format!("--{}", id.replace('_', "-")));
            words.push(shell::quoted(&folder.display().to_string()));
        }
    }
    if let Some(profile) = matches.get_one::<String>("profile").filter(|_| given("profile")) {
        words.extend(["--profile".to_owned(), shell::quoted(profile)]);
    }
    words
}

/// A variable that is set to nothing is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |variable: &OsStr| std::env::var_os(variable).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| {
            if argument.get_env().is_some_and(is_empty) {
                argument.env(None::<&str>)
            } else {
                argument
            }
        })
        .mut_subcommands(without_empty_variables)
}

/// The command that these words name, or the group that it would stand in. Flags may stand before each word.
pub(super) fn command_of(args: &[OsString]) -> clap::Command {
    let mut cli = Cli::command();
    // Only a built tree knows whole names, and the global flags of each command.
    cli.build();
    let mut command = &cli;
    let mut words = args.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let takes_value = |flag: &str| {
            let mut flags = command.get_arguments();
            flags.any(|known| known.get_long() == Some(flag) && known.get_action().takes_values())
        };
        let word = word.to_string_lossy();
        if word.strip_prefix("--").is_some_and(takes_value) {
            words.next();
        } else if !word.starts_with('-') {
            let Some(found) = command.find_subcommand(&*word) else {
                break;
            };
            command = found;
        }
    }
    command.clone()
}

/// Whether the command of these words is one whose exit codes are a child's.
pub(super) fn wraps_child(args: &[OsString]) -> bool {
    matches!(command_of(args).get_name(), "connect" | "exec")
}

/// The short help on stderr, for a bare `hallpass` without a terminal.
pub(super) fn short_help() {
    let _ = writeln!(io::stderr(), "{}", Cli::command().render_help());
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_is_the_first_word_that_is_no_flag() {
        for line in [
            "hallpass connect --bad",
            "hallpass -q --profile list exec r",
            "hallpass --prefix=list exec",
        ] {
            assert!(wraps_child(&words(line)), "{line}");
        }
        for line in [
            "hallpass list connect --bad",
            "hallpass help exec --bogus",
            "hallpass --profile connect list",
            "hallpass",
        ] {
            assert!(!wraps_child(&words(line)), "{line}");
        }
    }

    #[test]
    fn what_stands_behind_the_dashes_need_not_be_text() {
        let bytes = OsString::from_vec(b"caf\xe9".to_vec());
        for line in ["hallpass exec r -- cat", "hallpass connect r -- -f"] {
            let mut args = words(line);
            args.push(bytes.clone());
            assert!(parse(&args, None).is_ok(), "{line}");
        }
    }

    #[test]
    fn the_flags_around_a_demo_hold_for_its_command() {
        let around = Global {
            quiet: true,
            profile: Some("work".to_owned()),
            prefix: Some("f12".to_owned()),
            ..Global::default()
        };
        let global = |line: &str| parse(&words(line), Some(&around)).unwrap().global;
        let inner = global("hallpass --json exec r -- x");
        assert!(inner.json && inner.quiet && !inner.ascii);
        assert_eq!((inner.profile, inner.prefix.as_deref()), (None, Some("f12")));
        assert_eq!(global("hallpass --prefix f10 list").prefix.as_deref(), Some("f10"));
    }

    #[test]
    fn what_starts_hallpass_again_has_the_flags_that_say_which_files() {
        let program = |line: &str, around| parse(&words(line), around).unwrap().global.program;
        assert_eq!(program("hallpass", None), "hallpass");
        assert_eq!(
            program(
                "hallpass --ascii connect r --tui --state-dir /s --config-dir=/a$b",
                None
            ),
            "hallpass --config-dir '/a$b' --state-dir /s"
        );
        assert_eq!(
            program("hallpass --profile it's", None),
            r"hallpass --profile 'it'\''s'"
        );
        let here = std::env::current_dir().unwrap().join("x");
        assert_eq!(
            program("hallpass --data-dir x", None),
            format!("hallpass --data-dir {}", shell::quoted(&here.display().to_string()))
        );
        let around = Global {
            config_dir: Some("/mine".into()),
            profile: Some("of-the-environment".to_owned()),
            ..Global::default()
        };
        assert_eq!(program("hallpass", Some(&around)), "hallpass demo");
    }
}
