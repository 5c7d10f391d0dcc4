//! The programs that open roles: which are installed, in which version, and where to get the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;

use super::{Doctor, Finding};
use crate::domain::catalogue;
use crate::domain::connector::Connector;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::domain::status::State;
use crate::launch;
use crate::providers::command;

const AREA: &str = "clients";
/// A program that takes longer to say its version is left alone.
const LIMIT: Duration = Duration::from_secs(3);
const CAP: usize = 16 * 1024;

/// A client that we know how to ask for its version.
struct Known {
    program: &'static str,
    arguments: &'static [&'static str],
    /// The oldest version that does what our connector needs, and what that is.
    needed: Option<(&'static [u32], &'static str)>,
}

const SCRAM: &str = "older ones cannot log in with SCRAM-SHA-256, which is how PostgreSQL keeps passwords since 14";
const CACHING_SHA2: &str = "older ones cannot log in with caching_sha2_password, the default of MySQL 8";
const ACL: &str = "older ones know neither --user nor --tls";

const KNOWN: &[Known] = &[
    Known {
        program: "psql",
        arguments: &["--version"],
        needed: Some((&[10], SCRAM)),
    },
    Known {
        program: "mysql",
        arguments: &["--version"],
        needed: Some((&[5, 7, 23], CACHING_SHA2)),
    },
    Known {
        program: "mariadb",
        arguments: &["--version"],
        needed: None,
    },
    Known {
        program: "redis-cli",
        arguments: &["--version"],
        needed: Some((&[6], ACL)),
    },
    Known {
        program: "valkey-cli",
        arguments: &["--version"],
        needed: None,
    },
    Known {
        program: "sqlite3",
        arguments: &["--version"],
        needed: None,
    },
    Known {
        program: "ssh",
        arguments: &["-V"],
        needed: None,
    },
    Known {
        program: "kubectl",
        arguments: &["version", "--client"],
        needed: None,
    },
];

/// One finding a connector that needs a program, and one a program that roles name themselves.
pub(super) async fn all(doctor: &Doctor<'_>) -> Vec<Finding> {
    let connectors = doctor.config.connectors.values();
    let found = join_all(connectors.map(|connector| examine(doctor, connector))).await;
    let own = programs_of_roles(doctor);
    let own = own.iter().map(|(program, roles)| examine_own(doctor, program, roles));
    found.into_iter().flatten().chain(own).collect()
}

/// The programs in the roles' own commands, with their roles. What lies relative to a role's folder is left to the launch.
fn programs_of_roles<'a>(doctor: &Doctor<'a>) -> BTreeMap<&'a str, Vec<&'a Role>> {
    let mut programs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for role in &doctor.config.roles {
        let program = role.command.as_deref().and_then(<[String]>::first);
        if let Some(program) = program.filter(|name| !name.is_empty() && (!name.contains('/') || name.starts_with('/')))
        {
            programs.entry(program.as_str()).or_default().push(role);
        }
    }
    programs
}

fn examine_own(doctor: &Doctor<'_>, program: &str, roles: &[&Role]) -> Finding {
    match launch::search(program, doctor.world) {
        Ok(Some(path)) => Finding::ok(AREA, program, path.display().to_string()),
        Ok(None) => {
            let mut found = missing(program, &format!("{program} is not there"), roles.len());
            let first = roles.iter().take(1);
            found.fixes = first
                .map(|role| format!("install it, or correct command in {}", role.at))
                .collect();
            found
        }
        Err(problem) => unusable(program, problem),
    }
}

fn missing(name: &str, what: &str, needed_by: usize) -> Finding {
    let s = if needed_by == 1 { " needs" } else { "s need" };
    let mut found = Finding::new(AREA, name, State::Fail, what);
    found.why = Some(format!("{needed_by} role{s} it to be opened"));
    found.code = Some(&catalogue::CLIENT_MISSING);
    found
}

fn unusable(name: &str, problem: Problem) -> Finding {
    let mut found = Finding::new(AREA, name, State::Fail, problem.what);
    found.code = Some(problem.code);
    found.fixes = problem.fixes;
    found
}

/// Those that are meant by this name: a connector, one of its other names, or one of its programs.
pub(super) async fn named(doctor: &Doctor<'_>, name: &str) -> Vec<Finding> {
    let meant = |connector: &&Connector| {
        let mut names = connector.aliases.iter().chain(&connector.programs);
        connector.name == name || names.any(|other| other == name)
    };
    let connectors = doctor.config.connectors.values().filter(meant);
    let found = join_all(connectors.map(|connector| examine(doctor, connector))).await;
    let own = programs_of_roles(doctor);
    let own = own
        .get_key_value(name)
        .map(|(program, roles)| examine_own(doctor, program, roles));
    found.into_iter().flatten().chain(own).collect()
}

pub(super) fn names(doctor: &Doctor<'_>) -> BTreeSet<String> {
    let connectors = doctor.config.connectors.values();
    let names = connectors.flat_map(|connector| std::iter::once(&connector.name).chain(&connector.programs));
    let own = programs_of_roles(doctor);
    names.cloned().chain(own.into_keys().map(str::to_owned)).collect()
}

async fn examine(doctor: &Doctor<'_>, connector: &Connector) -> Option<Finding> {
    // As at a launch: `$SHELL` is what our own variable holds.
    let programs: Vec<&str> = connector
        .programs
        .iter()
        .filter_map(|name| {
            name.strip_prefix('$')
                .map_or(Some(name.as_str()), |name| doctor.world.text(name))
        })
        .collect();
    if programs.is_empty() {
        return None;
    }
    let needed_by = doctor
        .config
        .roles
        .iter()
        .filter(|role| role.connector.as_deref() == Some(connector.name.as_str()) && role.command.is_none())
        .count();
    for program in &programs {
        match launch::search(program, doctor.world) {
            Ok(Some(path)) => return Some(installed(doctor, connector, program, &path).await),
            Ok(None) => {}
            Err(problem) => return Some(unusable(&connector.name, problem)),
        }
    }
    let what = format!("{} is not installed", programs.join(" or "));
    if needed_by == 0 {
        return Some(Finding::new(
            AREA,
            &connector.name,
            State::Skipped,
            format!("{what}; no role needs it"),
        ));
    }
    let mut found = missing(&connector.name, &what, needed_by);
    found.fixes = connector
        .packages
        .iter()
        .map(|(system, package)| launch::install(system, package))
        .collect();
    Some(found)
}

async fn installed(doctor: &Doctor<'_>, connector: &Connector, program: &str, path: &Path) -> Finding {
    let name = connector.name.as_str();
    let Some(known) = KNOWN.iter().find(|known| known.program == program) else {
        return Finding::ok(AREA, name, path.display().to_string());
    };
    let Some(version) = version_of(doctor, known, path).await else {
        let what = format!("{}, which does not say its version", path.display());
        return Finding::warn(AREA, name, what, "a program that cannot start cannot open a role").fix(format!(
            "{} {}",
            super::quoted(path),
            known.arguments.join(" ")
        ));
    };
    let words = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    let what = format!("{program} {words} at {}", path.display());
    match known.needed {
        Some((oldest, why)) if version.as_slice() < oldest => {
            let mut found = Finding::warn(AREA, name, what, why);
            found.code = Some(&catalogue::CLIENT_VERSION);
            found.fixes = connector
                .packages
                .iter()
                .map(|(system, package)| launch::install(system, package))
                .collect();
            found
        }
        _ => Finding::ok(AREA, name, what),
    }
}

/// Asks the program, which gets nothing of our environment but what it needs to start.
async fn version_of(doctor: &Doctor<'_>, known: &Known, path: &Path) -> Option<Vec<u32>> {
    const PASSED: [&str; 2] = ["PATH", "HOME"];
    let env = &doctor.world.env;
    let mut env: BTreeMap<_, _> = PASSED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), env.get(*name)?.clone())))
        .collect();
    env.insert("LC_ALL".to_owned(), "C".into());
    let arguments: Vec<String> = known.arguments.iter().map(|word| (*word).to_owned()).collect();
    let output = command::run(&path.display().to_string(), &arguments, &env, LIMIT, CAP)
        .await
        .ok()?;
    if output.code != 0 {
        return None;
    }
    let text = |bytes: &[u8]| version_in(&String::from_utf8_lossy(bytes));
    text(&output.stdout).or_else(|| text(&output.stderr))
}

/// The version in what a program says about itself: the first number with a dot in it; behind `Distrib` where that is said, because
/// MariaDB's client numbers itself otherwise.
fn version_in(text: &str) -> Option<Vec<u32>> {
    let text = text.split_once("Distrib ").map_or(text, |(_, rest)| rest);
    let starts = text.char_indices().filter(|(at, c)| {
        c.is_ascii_digit() && !text[..*at].ends_with(|before: char| before.is_ascii_digit() || before == '.')
    });
    starts.into_iter().find_map(|(at, _)| {
        let end = text[at..]
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .map_or(text.len(), |length| at + length);
        let parts: Vec<u32> = text[at..end].split('.').map_while(|part| part.parse().ok()).collect();
        (parts.len() > 1).then_some(parts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_programs_say_them() {
        for (text, version) in [
            ("psql (PostgreSQL) 16.4 (Debian 16.4-1.pgdg120+2)", &[16, 4][..]),
            (
                "mysql  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
                &[8, 0, 36],
            ),
            (
                "mysql  Ver 15.1 Distrib 10.11.6-MariaDB, for debian-linux-gnu",
                &[10, 11, 6],
            ),
            (
                "mariadb from 11.8.6-MariaDB, client 15.2 for debian-linux-gnu",
                &[11, 8, 6],
            ),
            ("redis-cli 7.0.15", &[7, 0, 15]),
            (
                "3.40.1 2022-12-28 14:03:47 df5c253c0b3dd24916e4ec7cf77d3db5294cc9fd",
                &[3, 40, 1],
            ),
            ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.14", &[9, 2]),
            ("Client Version: v1.31.2\nKustomize Version: v5.4.2", &[1, 31, 2]),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(version_in("no number 7 with a dot"), None);
    }

    #[test]
    fn every_program_of_a_connector_that_comes_along_is_known() {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/connectors");
        let mut programs = Vec::new();
        for entry in std::fs::read_dir(assets).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let table: toml::Table = text.parse().unwrap();
            let listed = table.get("programs").and_then(toml::Value::as_array).cloned();
            let first = table.get("command").and_then(|command| command.get(0)).cloned();
            programs.extend(listed.unwrap_or_default());
            programs.extend(first);
        }
        assert!(programs.len() > 8);
        for program in programs.iter().filter_map(toml::Value::as_str) {
            let shell = program.starts_with('$') || program.starts_with('/');
            assert!(shell || KNOWN.iter().any(|known| known.program == program), "{program}");
        }
    }
}
