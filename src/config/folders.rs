//! Where everything lies: flags, then variables of hallpass, then XDG, then what the system is used to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where everything of hallpass lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    pub config: PathBuf,
    /// The local store.
    pub data: PathBuf,
    /// Logs, recordings, the audit log.
    pub state: PathBuf,
    pub cache: PathBuf,
    /// Sockets and files that live as long as a session; 0700.
    pub runtime: PathBuf,
}

/// The folders that the command line sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderFlags {
    /// `--config-dir`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data: Option<PathBuf>,
    /// `--state-dir`
    pub state: Option<PathBuf>,
}

/// One folder: how it is found, most binding first.
struct Rule {
    /// The variable of hallpass itself; empty if there is none.
    own: &'static str,
    xdg: &'static str,
    /// Below the home folder, on Linux and wherever it is there already.
    home: &'static str,
    macos: &'static str,
}

/// Names the configuration folder.
pub(super) const CONFIG_VARIABLE: &str = "HALLPASS_CONFIG_DIR";

const CONFIG: Rule = Rule {
    own: CONFIG_VARIABLE,
    xdg: "XDG_CONFIG_HOME",
    home: ".config",
    macos: "Library/Application Support",
};
const DATA: Rule = Rule {
    own: "HALLPASS_DATA_DIR",
    xdg: "XDG_DATA_HOME",
    home: ".local/share",
    macos: "Library/Application Support",
};
const STATE: Rule = Rule {
    own: "HALLPASS_STATE_DIR",
    xdg: "XDG_STATE_HOME",
    home: ".local/state",
    macos: "Library/Application Support",
};
const CACHE: Rule = Rule {
    own: "",
    xdg: "XDG_CACHE_HOME",
    home: ".cache",
    macos: "Library/Caches",
};

impl Folders {
    /// Finds them; nothing is made. `env` is the environment of hallpass.
    pub fn find(flags: &FolderFlags, env: &BTreeMap<String, OsString>, home: Option<&Path>) -> Self {
        let state = folder(flags.state.as_deref(), &STATE, env, home);
        let runtime = match absolute(env, "XDG_RUNTIME_DIR") {
            Some(runtime) => runtime.join("hallpass"),
            // A folder of the person's own is safer than one in a folder that everybody can write to.
            None => state.join("run"),
        };
        Self {
            config: folder(flags.config.as_deref(), &CONFIG, env, home),
            data: folder(flags.data.as_deref(), &DATA, env, home),
            state,
            cache: folder(None, &CACHE, env, home),
            runtime,
        }
    }
}

fn folder(flag: Option<&Path>, rule: &Rule, env: &BTreeMap<String, OsString>, home: Option<&Path>) -> PathBuf {
    let own = || env.get(rule.own).filter(|value| !value.is_empty()).map(Path::new);
    if let Some(said) = flag.or_else(own) {
        // Told to others as one that is right wherever they stand.
        return std::path::absolute(said).unwrap_or_else(|_| said.to_owned());
    }
    if let Some(xdg) = absolute(env, rule.xdg) {
        return xdg.join("hallpass");
    }
    let home = home.unwrap_or(Path::new("/"));
    let usual = home.join(rule.home).join("hallpass");
    if cfg!(target_os = "macos") && !usual.exists() {
        return home.join(rule.macos).join("hallpass");
    }
    usual
}

/// The XDG specification says that a relative path in its variables is to be ignored.
fn absolute(env: &BTreeMap<String, OsString>, name: &str) -> Option<PathBuf> {
    env.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, OsString> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), OsString::from(v)))
            .collect()
    }

    #[test]
    fn flags_win_over_variables_and_those_over_xdg() {
        let home = Some(Path::new("/home/someone"));
        let variables = env(&[
            ("XDG_CONFIG_HOME", "/xdg/config"),
            ("XDG_DATA_HOME", "relative/is/ignored"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
            ("HALLPASS_STATE_DIR", "/state"),
        ]);
        let found = Folders::find(&FolderFlags::default(), &variables, home);
        assert_eq!(found.config, Path::new("/xdg/config/hallpass"));
        assert_eq!(found.state, Path::new("/state"));
        assert_eq!(found.runtime, Path::new("/run/user/1000/hallpass"));
        if cfg!(target_os = "linux") {
            assert_eq!(found.data, Path::new("/home/someone/.local/share/hallpass"));
        }
        let flags = FolderFlags {
            config: Some("/flag".into()),
            state: Some("/flag-state".into()),
            ..FolderFlags::default()
        };
        let found = Folders::find(&flags, &variables, home);
        assert_eq!(
            (found.config.as_path(), found.state.as_path()),
            (Path::new("/flag"), Path::new("/flag-state"))
        );
        assert_eq!(
            Folders::find(&flags, &env(&[]), home).runtime,
            Path::new("/flag-state/run")
        );
    }
}
