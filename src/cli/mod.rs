//! The command line: one file a command, each with its arguments and one function. What they share is in `arguments`, `frame` and `speech`.

mod arguments;
mod check;
mod config;
mod connect;
#[cfg(feature = "local")]
mod demo;
mod doctor;
mod exec;
mod frame;
mod help;
mod json;
mod leases;
mod list;
mod paths;
mod provider;
mod recording;
mod recordings;
mod replay;
#[cfg(feature = "local")]
mod secret;
mod show;
mod speech;
mod table;
mod terminal_prompt;
mod tui;
mod usage;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use crate::domain::problem::Problem;
use arguments::{Cli, Command, Global, parse, short_help, time_limit};
pub(crate) use frame::Frame;
pub use frame::{Tui, UserInterface};
use speech::{GAVE_UP, exit_code, note_written, said};
pub(crate) use speech::{complain, counted, note, say};

/// Runs the program with the arguments and the environment of this process.
pub fn main(ui: UserInterface) -> ExitCode {
    let env: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let args: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&args, &env, ui, None))
}

/// Runs one command line in this process, with this environment. `demo` comes back through here with its own folders, and with the flags
/// around it.
fn run(args: &[OsString], env: &BTreeMap<String, OsString>, ui: UserInterface, around: Option<&Global>) -> u8 {
    // A monitoring system reads one line on stdout, whatever goes wrong.
    let nagios = check::nagios::is_asked_for(args);
    let unknown = |why: &str| {
        let (line, code) = check::nagios::unknown(why);
        say(&line);
        code
    };
    let cli = match parse(args, around) {
        Ok(cli) => cli,
        Err(error) if nagios && error.use_stderr() => return unknown(&error.render().to_string()),
        Err(error) => return said(usage::usage(error, args), false),
    };
    let quiet = cli.global.quiet;
    let wraps_child = matches!(cli.command, Some(Command::Connect(_) | Command::Exec(_)));
    let done = dispatch(cli, env, ui);
    leases::settle(quiet);
    recording::settle();
    match done {
        Ok(code) => said(code, nagios),
        Err(problems) if nagios => {
            let problem = problems
                .first()
                .map(|problem| format!("{}: {}", problem.code.id, problem.what));
            unknown(&problem.unwrap_or_default())
        }
        Err(problems) => {
            for problem in &problems {
                complain(problem);
            }
            problems.first().map_or(1, |problem| exit_code(problem, wraps_child))
        }
    }
}

fn dispatch(cli: Cli, env: &BTreeMap<String, OsString>, ui: UserInterface) -> Result<u8, Vec<Problem>> {
    let one = |problem| vec![problem];
    let global = cli.global;
    let frame = || Frame::new(&global, env.clone(), ui).map_err(one);
    match cli.command {
        None => tui::run(&frame()?).map_err(one),
        Some(Command::Connect(connect)) => connect::run(connect, &frame()?),
        Some(Command::Exec(exec)) => exec::run(exec, &frame()?),
        Some(Command::List(list)) => list::run(&list, &frame()?).map_err(one),
        Some(Command::Show(show)) => show::run(&show, &frame()?).map_err(one),
        Some(Command::Check(check)) => check::run(&check, &frame()?).map_err(one),
        Some(Command::Doctor(command)) => doctor::run(&command, &frame()?).map_err(one),
        Some(Command::Provider(command)) => provider::run(&command, &frame()?).map_err(one),
        Some(Command::Providers(list)) => provider::list(&list, &frame()?).map_err(one),
        Some(Command::Recordings(command)) => recordings::run(&command, &frame()?).map_err(one),
        Some(Command::Replay(replay)) => replay::run(replay, &frame()?).map_err(one),
        Some(Command::Paths(paths)) => Ok(paths::run(&paths, &frame()?)),
        #[cfg(feature = "local")]
        Some(Command::Secret(command)) => secret::run(command, &frame()?).map_err(one),
        Some(Command::Config(command)) => Ok(config::run(&command, &frame()?)),
        #[cfg(feature = "local")]
        Some(Command::Demo(demo)) => demo::run(demo, &global, env.clone(), ui).map_err(one),
        Some(Command::Help(help)) => help::run(&help, ui.keys).map_err(one),
        Some(Command::Version(version)) => Ok(version::run(&version, global.json)),
    }
}
