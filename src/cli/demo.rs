//! `hallpass demo`: the program on a throw-away home that needs nothing but the binary.
//!
//! The home holds a configuration, roles for the clients that are installed, and a local store of secrets made up on the spot. It is
//! removed at the end; what a killed run left behind, the next one removes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::{FlockOperation, OFlags, flock};
use tempfile::TempDir;

use super::{Global, UserInterface, note};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::domain::secret::SecretValue;
use crate::providers::local::LocalStore;
use crate::providers::{PROVIDERS, ProviderConfig, World};

/// Try it with nothing set up: a throw-away home with roles and made-up secrets
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass demo                       the list of roles\n  hallpass demo list\n  hallpass demo connect demo-shell\n  hallpass demo exec demo-shell -- sh -c 'echo $DEMO_PASSWORD'"
)]
pub(super) struct Demo {
    /// Any command of hallpass, run on the throw-away home; the list of roles if there is none
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const PREFIX: &str = "hallpass-demo-";
/// Locked as long as its home is in use.
const IN_USE: &str = "in-use";
/// Stands in a role for the path of the database.
const SHOP_PATH: &str = "@SHOP@";
const SHOP: &[u8] = include_bytes!("../../assets/demo/shop.sqlite");

/// Some roles of the demo, the clients that they need (any of them; none needs no client), the secrets that they name.
struct DemoRoles {
    text: &'static str,
    clients: &'static [&'static str],
    /// Path, key, and the value where it is not made up.
    secrets: &'static [(&'static str, &'static str, Option<&'static str>)],
}

const ROLES: &[DemoRoles] = &[
    DemoRoles {
        text: include_str!("../../assets/demo/roles/shell.toml"),
        clients: &[],
        secrets: &[("demo/shell", "password", None), ("demo/shell-prod", "password", None)],
    },
    DemoRoles {
        text: include_str!("../../assets/demo/roles/sqlite.toml"),
        clients: &["sqlite3"],
        secrets: &[],
    },
    DemoRoles {
        text: include_str!("../../assets/demo/roles/command.toml"),
        clients: &[],
        secrets: &[("demo/command", "token", None)],
    },
    DemoRoles {
        text: include_str!("../../assets/demo/roles/postgres.toml"),
        clients: &["psql"],
        secrets: &[
            ("demo/postgres", "username", Some("demo")),
            ("demo/postgres", "password", None),
        ],
    },
    DemoRoles {
        text: include_str!("../../assets/demo/roles/mysql.toml"),
        clients: &["mysql", "mariadb"],
        secrets: &[("demo/mysql", "password", None)],
    },
    DemoRoles {
        text: include_str!("../../assets/demo/roles/redis.toml"),
        clients: &["redis-cli", "valkey-cli"],
        secrets: &[("demo/redis", "password", None)],
    },
];

/// A throw-away home. Removed when dropped.
pub(super) struct DemoHome {
    folder: TempDir,
    /// The names of its roles.
    roles: Vec<String>,
    _in_use: File,
}

impl DemoHome {
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The variables that lead hallpass here and nowhere else.
    fn environment(&self) -> impl Iterator<Item = (String, OsString)> + '_ {
        let folders = [
            ("HALLPASS_CONFIG_DIR", "config"),
            ("HALLPASS_DATA_DIR", "data"),
            ("HALLPASS_STATE_DIR", "state"),
            ("HALLPASS_SYSTEM_DIR", "system"),
            ("XDG_CACHE_HOME", "cache"),
        ];
        folders
            .into_iter()
            .map(|(name, folder)| (name.to_owned(), self.path().join(folder).into()))
    }
}

pub(super) fn run(
    demo: Demo,
    global: &Global,
    mut env: BTreeMap<String, OsString>,
    ui: UserInterface,
) -> Result<u8, Problem> {
    if demo.command.first().is_some_and(|word| word == "demo") {
        return Err(Problem::new(&catalogue::USAGE, "a demo in a demo shows nothing new"));
    }
    let parent = env
        .get("TMPDIR")
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let path_dirs: Vec<PathBuf> = env
        .get("PATH")
        .map(|path| std::env::split_paths(path).collect())
        .unwrap_or_default();
    let home = make(&parent, &path_dirs)?;
    if !global.quiet {
        note(&format!(
            "demo: made {}, which is removed at the end",
            home.path().display()
        ));
        note(&format!("demo: roles {}, their secrets made up", home.roles.join(", ")));
    }

    // Neither the person's own files nor their secret stores take part.
    let signs = PROVIDERS
        .iter()
        .flat_map(|spec| spec.signs.iter().chain(spec.credentials));
    signs.for_each(|name| _ = env.remove(*name));
    for name in ["HALLPASS_STORE", "HALLPASS_STORE_KEY_FILE"] {
        env.remove(name);
    }
    env.extend(home.environment());
    let arguments: Vec<OsString> = std::iter::once("hallpass".into()).chain(demo.command).collect();
    let code = super::run(&arguments, &env, ui, Some(global));
    drop(home);
    Ok(code)
}

/// Makes a home below `parent`, with roles for the clients found in `path_dirs`; removes homes that killed runs left there.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn make(parent: &Path, path_dirs: &[PathBuf]) -> Result<DemoHome, Problem> {
    sweep(parent);
    let cannot = |_: std::io::Error| {
        let what = format!("cannot make the demo's home in {}", parent.display());
        Problem::new(&catalogue::IO, what)
            .cause("the folder is not there, is full, or belongs to somebody else")
            .fix("TMPDIR=FOLDER hallpass demo")
    };
    let folder = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(cannot)?;
    let in_use = mark_in_use(folder.path()).map_err(cannot)?;
    fs::create_dir(folder.path().join("config")).map_err(cannot)?;
    write(
        folder.path(),
        "config/config.toml",
        include_bytes!("../../assets/demo/config.toml"),
    )
    .map_err(cannot)?;

    let chosen: Vec<&DemoRoles> = ROLES
        .iter()
        .filter(|roles| roles.clients.is_empty() || installed(roles.clients, path_dirs))
        .collect();
    fill_store(folder.path().join("data"), &chosen)?;
    let mut text: String = chosen.iter().flat_map(|roles| [roles.text, "\n"]).collect();
    if text.contains(SHOP_PATH) {
        write(folder.path(), "shop.sqlite", SHOP).map_err(cannot)?;
        // A basic TOML string takes everything as it is but these two.
        let shop = folder.path().join("shop.sqlite");
        text = text.replace(
            SHOP_PATH,
            &shop.display().to_string().replace('\\', r"\\").replace('"', "\\\""),
        );
    }
    write(folder.path(), "config/roles.toml", text.as_bytes()).map_err(cannot)?;
    Ok(DemoHome {
        folder,
        roles: names_in(&text).collect(),
        _in_use: in_use,
    })
}

/// Puts the secrets of these roles into a local store of the home, made up where nothing else depends on the value.
fn fill_store(data_folder: PathBuf, roles: &[&DemoRoles]) -> Result<(), Problem> {
    let local = ProviderConfig {
        name: "local".to_owned(),
        kind: ProviderKind::Local,
        settings: BTreeMap::new(),
        at: None,
        broken: None,
    };
    let world = World {
        env: BTreeMap::new().into(),
        home: None,
        state_folder: data_folder.clone(),
        runtime_folder: data_folder.clone(),
        data_folder,
    };
    let store = LocalStore::new(&local, &world);
    for (path, key, value) in roles.iter().flat_map(|roles| roles.secrets) {
        let value = value.map_or_else(made_up, |value| Ok(SecretValue::from_text(value.to_owned())))?;
        store.set(path, key, value)?;
    }
    Ok(())
}

/// A file that only this user can change, whatever the umask: others are not trusted.
fn write(home: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(home.join(name))?.write_all(content)
}

fn made_up() -> Result<SecretValue, Problem> {
    SecretValue::random().ok_or_else(|| Problem::new(&catalogue::IO, "the system gives no random numbers"))
}

fn installed(clients: &[&str], path_dirs: &[PathBuf]) -> bool {
    let runs = |file: &Path| fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    path_dirs
        .iter()
        .any(|folder| clients.iter().any(|client| runs(&folder.join(client))))
}

fn names_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .filter_map(|line| line.strip_prefix("[roles.")?.strip_suffix(']'))
        .filter(|name| !name.contains('.'))
        .map(str::to_owned)
}

/// Locks a file of the home before it gets the name that others look for.
fn mark_in_use(home: &Path) -> std::io::Result<File> {
    let unnamed = home.join("in-use.new");
    let file = File::create(&unnamed)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(unnamed, home.join(IN_USE))?;
    Ok(file)
}

/// Opens a file of our own. In a folder of all, anybody can have put something else there: a pipe that nobody writes into would hold us up.
fn open_own(path: &Path) -> Option<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let ours = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    ours.then_some(file)
}

/// Removes the homes whose run is gone: its lock went with it. Failure only leaves a folder behind once more.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let left = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for home in left.map(|entry| entry.path()).filter(|path| !path.is_symlink()) {
        if let Some(file) = open_own(&home.join(IN_USE))
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_dir_all(&home);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FolderFlags, LoadOptions, load};
    use crate::domain::role::Source;
    use crate::providers::Providers;

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_home_has_roles_for_the_installed_clients_and_goes_at_the_end() {
        let parent = tempfile::tempdir().unwrap();
        let bin = parent.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("psql"), "not executable").unwrap();
        let home = make(parent.path(), std::slice::from_ref(&bin)).unwrap();
        assert_eq!(home.roles, ["demo-shell", "demo-shell-prod", "demo-command"]);
        drop(home);
        fs::set_permissions(bin.join("psql"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(bin.join("sqlite3"), "").unwrap();
        fs::set_permissions(bin.join("sqlite3"), fs::Permissions::from_mode(0o755)).unwrap();
        let home = make(parent.path(), &[PathBuf::from("/nowhere"), bin]).unwrap();
        assert_eq!(
            home.roles,
            [
                "demo-shell",
                "demo-shell-prod",
                "demo-sqlite",
                "demo-command",
                "demo-postgres"
            ]
        );
        assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(home.path().join("data/store.age").exists());
        assert_eq!(fs::read(home.path().join("shop.sqlite")).unwrap(), SHOP);
        let text = fs::read_to_string(home.path().join("config/roles.toml")).unwrap();
        assert!(
            text.contains(&format!("\"{}/shop.sqlite\"", home.path().display())),
            "{text}"
        );
        drop(home);
        assert_eq!(entries(parent.path()), 1);
    }

    #[test]
    fn a_killed_run_is_swept_by_the_next_and_a_living_one_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let killed = make(parent.path(), &[]).unwrap();
        let DemoHome { folder, _in_use, .. } = killed;
        let left = folder.keep();
        drop(_in_use);
        let unfinished = parent.path().join("hallpass-demo-unfinished");
        fs::create_dir(&unfinished).unwrap();
        let living = make(parent.path(), &[]).unwrap();
        let second = make(parent.path(), &[]).unwrap();
        assert!(!left.exists());
        assert!(living.path().exists() && second.path().exists() && unfinished.exists());
    }

    #[test]
    fn the_configuration_is_valid_and_every_secret_is_there() {
        let parent = tempfile::tempdir().unwrap();
        let bin = parent.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for client in ["sqlite3", "psql", "mysql", "redis-cli"] {
            fs::write(bin.join(client), "").unwrap();
            fs::set_permissions(bin.join(client), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let home = make(parent.path(), &[bin]).unwrap();
        let world = World {
            env: BTreeMap::new().into(),
            home: None,
            data_folder: home.path().join("data"),
            state_folder: home.path().join("state"),
            runtime_folder: home.path().join("runtime"),
        };
        let config = load(&LoadOptions {
            flags: FolderFlags::default(),
            profile: None,
            env: home.environment().collect(),
            home: None,
            system_dir: PathBuf::from("/nowhere"),
        });
        assert_eq!(config.folders.data, world.data_folder);
        assert_eq!(config.problems, []);
        assert_eq!((config.roles.len(), config.environments.len()), (7, 3));
        let providers = Providers::new(&config.providers, &world);
        let store = LocalStore::new(&providers.config("local").unwrap(), &world);
        let stored = store.list().unwrap();
        let fields = config.roles.iter().flat_map(|role| &role.fields);
        let mut asked = 0;
        for field in fields {
            // What `from` offers for a field may be missing; what a field names may not.
            let optional = matches!(field.source, Source::From { .. });
            for reference in field.source.references() {
                let entry = stored.iter().find(|entry| entry.path == reference.id.path);
                assert!(entry.is_some(), "{reference}");
                let key = reference.key.as_deref();
                assert!(
                    optional || entry.unwrap().keys.iter().any(|k| Some(k.as_str()) == key),
                    "{reference}"
                );
                asked += 1;
            }
        }
        assert!(asked >= 7);
    }

    #[test]
    fn a_pipe_that_somebody_else_calls_a_home_in_use_stops_nobody() {
        let parent = tempfile::tempdir().unwrap();
        let trap = parent.path().join("hallpass-demo-x");
        fs::create_dir(&trap).unwrap();
        let pipe = trap.join(IN_USE);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let home = make(parent.path(), &[]).unwrap();
        assert!(home.path().exists() && pipe.exists());
    }
}
