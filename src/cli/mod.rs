//! The command line: one file a command, each with its arguments and one function.

mod check;
mod config;
mod connect;
#[cfg(feature = "local")]
mod demo;
mod doctor;
mod exec;
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
mod table;
mod terminal_prompt;
mod tui;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, FolderFlags, LoadOptions, load, parse_duration};
use crate::domain::catalogue::{self, Code};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::suggest::nearest;
use crate::launch::Request;
use crate::providers::{Providers, World};
use crate::replay::Start;

/// Open a shell on any database or server without ever holding its password.
#[derive(Debug, Parser)]
#[command(
    name = "hallpass",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:\n  hallpass                            the list of roles\n  hallpass connect prod-postgres      open a role in this terminal\n  hallpass exec prod-postgres -- pg_dump -s\n  hallpass check --json               for scripts and monitoring\n  hallpass demo                       try it with nothing set up\n\nhallpass help CODE explains an error code; hallpass help exit-codes the exit codes."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
struct Global {
    /// The folder of config.toml and the role files
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    config_dir: Option<PathBuf>,
    /// The folder of the local store
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    data_dir: Option<PathBuf>,
    /// The folder of logs and recordings
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Global options")]
    state_dir: Option<PathBuf>,
    /// Use a profile of config.toml
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "HALLPASS_PROFILE",
        help_heading = "Global options"
    )]
    profile: Option<String>,
    /// Machine-readable output
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Say less
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Draw with ASCII characters only
    #[arg(long, global = true, help_heading = "Global options")]
    ascii: bool,
    /// The prefix key of the session view: ctrl-b, f12, tmux … [default: ctrl-\]
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "HALLPASS_PREFIX",
        value_parser = prefix_key,
        help_heading = "Global options"
    )]
    prefix: Option<String>,
    /// Never ask anything
    #[arg(long, global = true, help_heading = "Global options")]
    no_input: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
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

/// What the terminal user interface is started with.
pub struct Tui {
    pub config: Arc<Config>,
    pub providers: Arc<Providers>,
    pub world: World,
    /// A role to open at once, instead of the list.
    pub open: Option<Request>,
    /// A recording to play, instead of everything else.
    pub replay: Option<Start>,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// Reads the files again, as they were read for this start.
    pub reload: Arc<dyn Fn() -> Config + Send + Sync>,
}

/// The terminal user interface, as far as `main` hands it in: the command line knows no screen.
#[derive(Clone, Copy)]
pub struct UserInterface {
    /// Runs it to its end and gives the exit code.
    pub run: fn(Tui) -> Result<u8, Problem>,
    /// All of its keys, as text.
    pub keys: fn() -> String,
}

/// What every command works with: the folders, the configuration, the providers, as this run sees them.
pub(crate) struct Frame {
    pub(crate) config: Arc<Config>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) world: World,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) ascii: bool,
    /// Whether questions may be asked on the terminal.
    pub(crate) may_ask: bool,
    ui: UserInterface,
    reload: Arc<dyn Fn() -> Config + Send + Sync>,
}

/// The prefix key that an argument names.
fn prefix_key(text: &str) -> Result<String, String> {
    crate::domain::prefix::parse(text).map_err(|why| format!("it {why}"))
}

impl Frame {
    fn new(global: &Global, env: BTreeMap<String, OsString>, ui: UserInterface) -> Result<Self, Problem> {
        // A relative HOME is none: files must not land in whatever folder we stand in.
        let home = match env.get("HOME") {
            Some(home) => Some(PathBuf::from(home)).filter(|home| home.is_absolute()),
            None => directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
        };
        let options = LoadOptions {
            flags: FolderFlags {
                config: global.config_dir.clone(),
                data: global.data_dir.clone(),
                state: global.state_dir.clone(),
            },
            profile: global.profile.clone(),
            system_dir: env
                .get("HALLPASS_SYSTEM_DIR")
                .map_or_else(|| PathBuf::from("/etc/hallpass"), PathBuf::from),
            home: home.clone(),
            env: env.clone(),
        };
        let prefix = global.prefix.clone();
        let reload = Arc::new(move || {
            let mut config = load(&options);
            if let Some(prefix) = &prefix {
                config.session.prefix.clone_from(prefix);
            }
            config
        });
        let config = reload();
        let world = World {
            env: Arc::new(env),
            home,
            data_folder: config.folders.data.clone(),
            state_folder: config.folders.state.clone(),
            runtime_folder: config.folders.runtime.clone(),
        };
        let providers = Providers::new(&config.providers, &world);
        let ci = world.env.get("CI").is_some_and(|ci| ci == "true");
        Ok(Self {
            config: Arc::new(config),
            providers: Arc::new(providers),
            world,
            json: global.json,
            quiet: global.quiet,
            ascii: global.ascii,
            may_ask: !global.no_input && !ci,
            ui,
            reload,
        })
    }

    /// A runtime for commands that wait for providers; `--version` and `list` never build one. This very thread does the waiting:
    /// handing two requests to another one takes longer than sending them.
    pub(crate) fn runtime(&self) -> Result<tokio::runtime::Runtime, Problem> {
        let no_queue = |error: std::io::Error| {
            let what = format!("the system gave no event queue ({})", error.kind());
            Problem::new(&catalogue::IO, what)
        };
        has_room_for(RUNTIME_DESCRIPTORS).map_err(no_queue)?;
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_queue)
    }

    /// What a list ends with that has nothing in it: the files may say what they would show, and cannot be read.
    pub(crate) fn code_of_nothing(&self) -> u8 {
        if self.config.problems.is_empty() { 0 } else { 3 }
    }

    /// Why there is no role at all.
    pub(crate) fn no_roles(&self) -> &'static str {
        if self.config.problems.is_empty() {
            "no roles yet: write one into roles.toml (hallpass paths says where), or try: hallpass demo"
        } else {
            "no role can be read from the files as they are"
        }
    }

    /// One line on stderr if the files have problems that do not concern what was asked.
    pub(crate) fn mention_problems(&self) {
        let count = self.config.problems.len();
        if count > 0 && !self.quiet {
            note(&format!("{}: hallpass config check", counted(count, "config problem")));
        }
    }
}

/// What a program ends with that somebody stopped with Ctrl-C.
const GAVE_UP: u8 = 130;

/// Descriptors that a runtime takes when it is made: two queues, what wakes it, and a pair for signals.
const RUNTIME_DESCRIPTORS: usize = 6;

/// Whether so many descriptors can be had. tokio panics where it gets none for its signals.
fn has_room_for(descriptors: usize) -> std::io::Result<()> {
    let held: std::io::Result<Vec<_>> = (0..descriptors).map(|_| std::fs::File::open("/dev/null")).collect();
    held.map(drop)
}

/// Runs the program with the arguments and the environment of this process.
pub fn main(ui: UserInterface) -> ExitCode {
    let env: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let args: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&args, &env, ui, None))
}

/// Reads a command line. `around` are the flags that stood before `demo`: they hold for the command behind it, too.
fn parse(args: &[OsString], around: Option<&Global>) -> Result<Cli, clap::Error> {
    let Some(around) = around else {
        return Cli::try_parse_from(args);
    };
    // What the environment says of them was read with the flags around, and its profile is none of the demo's.
    let mut command = Cli::command().mut_args(|argument| argument.env(None::<&str>));
    let mut matches = command.try_get_matches_from_mut(args)?;
    let mut cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    let global = &mut cli.global;
    global.json |= around.json;
    global.quiet |= around.quiet;
    global.ascii |= around.ascii;
    global.no_input |= around.no_input;
    global.prefix = global.prefix.take().or_else(|| around.prefix.clone());
    Ok(cli)
}

/// Whether the command of these words is one whose exit codes are a child's. Global flags may stand before it.
fn wraps_child(args: &[OsString]) -> bool {
    let command = Cli::command();
    let takes_value = |word: &OsString| {
        let flag = word.to_str().and_then(|word| word.strip_prefix("--"));
        let mut flags = command.get_arguments();
        flags.any(|known| flag.is_some() && known.get_long() == flag && known.get_action().takes_values())
    };
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        if takes_value(word) {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return word == "connect" || word == "exec";
        }
    }
    false
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
        Err(error) => return usage(error, wraps_child(args)),
    };
    let quiet = cli.global.quiet;
    let wraps_child = matches!(cli.command, Some(Command::Connect(_) | Command::Exec(_)));
    let done = dispatch(cli, env, ui);
    leases::settle(quiet);
    recording::settle();
    match done {
        Ok(code) => code,
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

/// Short help for a command line that is not one; the exit code of the contract.
fn usage(mut error: clap::Error, wraps_child: bool) -> u8 {
    name_nearest_command(&mut error);
    match error.kind() {
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
            let _ = error.print();
            return 0;
        }
        _ => {}
    }
    // Every error of ours names its code, so that a script can tell it from the child's.
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let _ = write!(std::io::stderr(), "error[{}]: {text}", catalogue::USAGE.id);
    if wraps_child { 125 } else { 2 }
}

/// The nearest commands to one that there is not, best first: clap has them the other way round.
fn name_nearest_command(error: &mut clap::Error) {
    use clap::error::{ContextKind, ContextValue};
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let cli = Cli::command();
    let commands = cli.get_subcommands().filter(|command| !command.is_hide_set());
    let nearest = nearest(word, commands.map(clap::Command::get_name));
    if !nearest.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
}

/// The exit code for a problem that ended a command; `wraps_child` for `connect` and `exec`, whose other codes are the child's.
pub(crate) fn exit_code(problem: &Problem, wraps_child: bool) -> u8 {
    let code: &Code = problem.code;
    let is = |other: &'static Code| code == other;
    if wraps_child {
        return match code {
            _ if is(&catalogue::CLIENT_MISSING) => 127,
            _ if is(&catalogue::CLIENT_NOT_EXECUTABLE) => 126,
            _ => 125,
        };
    }
    if is(&catalogue::USAGE) || is(&catalogue::FILTER_FIELD) {
        2
    } else if is(&catalogue::CONFIG_UNKNOWN_ROLE) || is(&catalogue::PROVIDER_UNKNOWN) || is(&catalogue::REC_UNKNOWN) {
        4
    } else if code.id.starts_with("E-CONFIG-") || problem.at.is_some() {
        // Whatever its code: it has its place in a configuration file.
        3
    } else {
        1
    }
}

/// A problem on stderr.
pub(crate) fn complain(problem: &Problem) {
    let _ = writeln!(std::io::stderr(), "{problem}");
}

/// A remark on stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "hallpass: {}", printable(text));
}

/// A number of things in words: `1 role`, `2 roles`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Reads a time limit of the command line: between 1 ms and 10 minutes.
fn time_limit(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|limit| (Duration::from_millis(1)..=Duration::from_secs(600)).contains(limit))
        .ok_or_else(|| "a time limit is written like 500ms, 5s or 1m, and is 10m at most".to_owned())
}

/// Data on stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The short help on stderr, for a bare `hallpass` without a terminal.
fn short_help() {
    let _ = writeln!(std::io::stderr(), "{}", Cli::command().render_help());
}

#[cfg(test)]
mod tests {
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
    fn what_has_its_place_in_a_file_is_a_mistake_of_the_configuration() {
        use crate::domain::problem::Location;
        let place = Location {
            file: PathBuf::from("roles.toml"),
            line: 1,
            column: 1,
        };
        let problem = Problem::new(&catalogue::REF_NUL_BYTE, "x");
        assert_eq!(exit_code(&problem, false), 1);
        let in_file = problem.at(place);
        assert_eq!((exit_code(&in_file, false), exit_code(&in_file, true)), (3, 125));
    }

    #[test]
    fn a_folder_whose_name_is_no_text_stands_in_documents() {
        use std::os::unix::ffi::OsStrExt as _;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(
            folder.join("roles.toml"),
            "[roles.a]\ncommand = [\"true\"]\n[roles.b]\n",
        )
        .unwrap();
        let config = load(&LoadOptions {
            flags: FolderFlags {
                config: Some(folder),
                ..FolderFlags::default()
            },
            profile: None,
            system_dir: outer.path().join("system"),
            home: None,
            env: BTreeMap::new(),
        });
        let problems = json::problems(&config);
        let documents = [
            json::role(&config.roles[0]),
            json::broken(&config.broken[0], &config),
            problems[0].clone(),
        ];
        for document in documents {
            assert!(
                document["file"].as_str().unwrap().ends_with("/\u{fffd}/roles.toml"),
                "{document}"
            );
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
}
