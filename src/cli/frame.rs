//! What every command works with: the folders, the configuration, the providers, and what the user interface is started with.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Global;
use super::speech::{counted, note};
use crate::config::{Config, FolderFlags, LoadOptions, load};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::launch::Request;
use crate::providers::{Providers, World};
use crate::replay::Start;

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
    pub(super) program: String,
    /// Whether questions may be asked on the terminal.
    pub(crate) may_ask: bool,
    pub(super) ui: UserInterface,
    pub(super) reload: Arc<dyn Fn() -> Config + Send + Sync>,
}

impl Frame {
    pub(super) fn new(global: &Global, env: BTreeMap<String, OsString>, ui: UserInterface) -> Result<Self, Problem> {
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

/// Descriptors that a runtime takes when it is made: two queues, what wakes it, and a pair for signals.
const RUNTIME_DESCRIPTORS: usize = 6;

/// Whether so many descriptors can be had. tokio panics where it gets none for its signals.
fn has_room_for(descriptors: usize) -> io::Result<()> {
    let held: io::Result<Vec<_>> = (0..descriptors).map(|_| std::fs::File::open("/dev/null")).collect();
    held.map(drop)
}
