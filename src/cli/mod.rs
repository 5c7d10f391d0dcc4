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
mod usage;
mod version;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, FolderFlags, LoadOptions, load, parse_duration};
use crate::domain::catalogue::{self, Code};
use crate::domain::printable::printable;
use crate::domain::problem::Problem;
use crate::domain::shell;
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
    /// What a shell starts hallpass by on the same files.
    #[arg(skip)]
    program: String,
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
    /// What a shell starts hallpass by on the same files: `hallpass --profile work`.
    pub program: String,
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
    program: String,
    /// Whether questions may be asked on the terminal.
    pub(crate) may_ask: bool,
    ui: UserInterface,
    reload: Arc<dyn Fn() -> Config + Send + Sync>,
}

/// What standard output refused first in this run.
static UNSAID: Mutex<Option<io::ErrorKind>> = Mutex::new(None);

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
            program: global.program.clone(),
            may_ask: !global.no_input && !ci,
            ui,
            reload,
        })
    }

    /// A runtime for commands that wait for providers; `--version` and `list` never build one. This very thread does the waiting:
    /// handing two requests to another one takes longer than sending them.
    pub(crate) fn runtime(&self) -> Result<tokio::runtime::Runtime, Problem> {
        let no_queue = |error: io::Error| {
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
fn has_room_for(descriptors: usize) -> io::Result<()> {
    let held: io::Result<Vec<_>> = (0..descriptors).map(|_| std::fs::File::open("/dev/null")).collect();
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
fn command_of(args: &[OsString]) -> clap::Command {
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
fn wraps_child(args: &[OsString]) -> bool {
    matches!(command_of(args).get_name(), "connect" | "exec")
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

/// The exit code of a command that ended with `code`, if everything that it had to say was taken; else that is told. A reader that has gone
/// away (`| head`) is no error.
fn said(code: u8, nagios: bool) -> u8 {
    let unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(kind) = unsaid.filter(|kind| *kind != io::ErrorKind::BrokenPipe) else {
        return code;
    };
    let what = format!("standard output cannot be written: {kind}");
    complain(
        &Problem::new(&catalogue::IO, what)
            .causes(Vec::new())
            .fixes(vec!["write it where there is room for it".to_owned()]),
    );
    match code {
        0 if nagios => check::nagios::UNKNOWN,
        0 => 1,
        code => code,
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
    } else if code.id.starts_with("E-CONFIG-") || (problem.at.is_some() && !is(&catalogue::REC_FORMAT)) {
        // Whatever its code: it has its place in a configuration file. That of a recording is none.
        3
    } else {
        1
    }
}

/// A problem on stderr.
pub(crate) fn complain(problem: &Problem) {
    let _ = writeln!(io::stderr(), "{problem}");
}

/// A remark on stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "hallpass: {}", printable(text));
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

/// Data on stdout. What cannot be written is told at the end of the run.
pub(crate) fn say(text: &str) {
    note_written(writeln!(io::stdout(), "{text}"));
}

/// Remembers what came of writing to stdout for the end of the run.
fn note_written(done: io::Result<()>) {
    if let Err(error) = done {
        let mut unsaid = UNSAID.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.get_or_insert(error.kind());
    }
}

/// The short help on stderr, for a bare `hallpass` without a terminal.
fn short_help() {
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
        let folder = outer.path().join(OsStr::from_bytes(b"\xff"));
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
