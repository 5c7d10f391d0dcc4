//! From the files of a run to a [`Config`]: parsed once, walked twice (what roles refer to first), all problems together.

use toml::Spanned;
use toml::de::DeTable;

use super::connectors::{self, Catalog};
use super::discover::{Contents, discover};
use super::provider_settings::{Finished, Providers};
use super::report::{Place, ProblemId, Report, Scope};
use super::roles::{self, Declared, World};
use super::settings::{SETTINGS_KEYS, Settings, sections};
use super::source::{SourceFile, shown};
use super::walk::{Key, Table, Takes, check_entry};
use super::{BrokenRole, Config, Folders, LoadOptions};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderNames;
use crate::domain::role::Role;
use crate::domain::suggest;

/// What every file may hold.
pub(super) const ROLE_FILE_KEYS: &[Key] = &[
    Key::now("version", Takes::Number(1, 1), "1"),
    Key::now("roles", Takes::Anything, ""),
    Key::now("templates", Takes::Anything, ""),
    Key::now("connectors", Takes::Anything, ""),
];

/// A parsed file.
struct Tree<'a> {
    file: &'a SourceFile,
    contents: &'a Contents,
    root: Spanned<DeTable<'a>>,
    /// Problems that leave open what its roles say: none of them is opened.
    broken: Vec<ProblemId>,
    /// Roles that hold a key twice, with that problem.
    broken_roles: Vec<(String, ProblemId)>,
}

impl<'a> Tree<'a> {
    fn muted(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The file's name, as messages call it.
    fn name(&self) -> String {
        let name = self.file.path.file_name();
        name.map_or_else(|| "the file".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn beginning(&self) -> Place<'a> {
        Place {
            file: self.file,
            span: 0..0,
        }
    }
}

/// Reads everything. It never fails: what is wrong is in `problems`.
pub fn load(options: &LoadOptions) -> Config {
    let folders = Folders::find(&options.flags, &options.env, options.home.as_deref());
    let report = Report::default();
    let found = discover(options, &folders.config, &report);
    let (files, unread_settings) = (found.read, found.unread_settings);
    let built_in = connectors::built_in_sources(files.len());
    let trees: Vec<Tree<'_>> = files
        .iter()
        .map(|(contents, file)| parse(contents, file, &report))
        .collect();
    let built_in: Vec<(&str, Tree<'_>)> = built_in
        .iter()
        .map(|(name, file)| (*name, parse(&Contents::Roles, file, &report)))
        .collect();

    let Declarations {
        mut settings,
        names,
        mut providers,
        catalog,
        roots,
    } = declarations(&report, &built_in, &trees);
    settings.policies.add_problems(unread_settings.clone());
    providers.add_problems(unread_settings);
    let Finished {
        mut providers,
        broken: broken_providers,
    } = providers.finish(&report, &names);
    let (connectors, broken_connectors) = catalog.finish(&report);

    let world = World {
        report: &report,
        names: &names,
        connectors: &connectors,
        broken_connectors: &broken_connectors,
        broken_providers: &broken_providers,
        connector_names: connectors::all_names(&connectors),
        policies: &settings.policies,
    };
    let (roles, broken) = read_roles(&world, &roots);
    roles::warn_environments(&report, &roles, &settings.environments.keys().map(String::as_str));

    drop(world);
    let walked = files.iter().map(|(_, file)| file);
    let walked: Vec<&SourceFile> = walked.chain(built_in.iter().map(|(_, tree)| tree.file)).collect();
    let sorted = report.sorted(&walked);
    let first = |problems: &[ProblemId]| problems.iter().map(|id| sorted.places[*id]).min();
    for (name, problems) in &broken_providers {
        if let (Some(config), Some(first)) = (providers.get_mut(name), first(problems)) {
            config.broken = Some(sorted.problems[first].clone());
        }
    }
    let place = |broken: roles::Broken| BrokenRole {
        problem: first(&broken.problems).unwrap_or(0),
        ..broken.role
    };
    let broken = broken.into_iter().map(place).collect();
    Config {
        folders,
        files: files.iter().map(|(_, file)| file.path.clone()).collect(),
        roles,
        broken,
        problems: sorted.problems,
        warnings: sorted.warnings,
        not_in_force: sorted.not_in_force,
        providers,
        names,
        environments: settings.environments,
        connectors,
        ui: settings.ui,
        session: settings.session,
        connect: settings.connect,
        recordings: settings.recordings,
    }
}

/// What the roles refer to, from all files: the first walk.
struct Declarations<'a> {
    settings: Settings,
    names: ProviderNames,
    providers: Providers<'a>,
    catalog: Catalog<'a>,
    /// The files that hold roles, for the second walk.
    roots: Vec<(&'a Tree<'a>, Table<'a>)>,
}

fn declarations<'a>(
    report: &'a Report,
    built_in: &'a [(&'a str, Tree<'a>)],
    trees: &'a [Tree<'a>],
) -> Declarations<'a> {
    let mut found = Declarations {
        settings: Settings::default(),
        names: ProviderNames::default(),
        providers: Providers::default(),
        catalog: Catalog::new(),
        roots: Vec::new(),
    };
    for (name, tree) in built_in {
        let scope = Scope::new(report, false);
        let table = connectors::open_file(&scope, tree.file, tree.root.get_ref(), name);
        found.catalog.declare_built_in(scope, name, &table, tree.beginning());
    }
    for tree in trees {
        let scope = Scope::new(report, tree.muted());
        if let Contents::Connector(name) = tree.contents {
            scope.adopt(&tree.broken);
            let table = connectors::open_file(&scope, tree.file, tree.root.get_ref(), name);
            found.catalog.declare_file(scope, name, &table, tree.beginning());
            continue;
        }
        let root = open_root(&scope, tree);
        if *tree.contents == Contents::Settings {
            found.settings.read(&scope, &root);
            found.doubt(report, tree, &root);
            let own = Scope::new(report, tree.muted());
            for entry in sections(&own, &root, "providers") {
                found.providers.declare(&own, &entry, &mut found.names);
            }
            found.providers.add_problems(own.into_problems());
        }
        for entry in sections(&scope, &root, "connectors") {
            let scope = Scope::new(report, tree.muted());
            scope.adopt(&tree.broken);
            found.catalog.declare(scope, &entry);
        }
        found.roots.push((tree, root));
    }
    found
}

/// Sections that say under which conditions the roles of all files are opened.
const POLICIES: [&str; 3] = ["defaults", "environments", "recordings"];

impl Declarations<'_> {
    /// Where a file cannot be parsed and may hold policies, or a table of it has a name that may be meant for them, no role is opened: it
    /// could have said that they must be recorded. The same with providers and those that are read from them.
    fn doubt(&mut self, report: &Report, tree: &Tree<'_>, root: &Table<'_>) {
        let text = &tree.file.text;
        if POLICIES.iter().any(|section| text.contains(section)) {
            self.settings.policies.add_problems(tree.broken.clone());
        }
        if text.contains("provider") {
            self.providers.add_problems(tree.broken.clone());
        }
        let keys = root_keys(true);
        for entry in root.all() {
            if keys.iter().any(|key| key.name == entry.name) || !entry.value.get_ref().is_table() {
                continue;
            }
            // The same problem once more, by itself: roles are refused for this entry, not for what else is wrong in the file.
            let own = Scope::new(report, tree.muted());
            check_entry(&own, &entry, &tree.name(), &keys);
            let meant = suggest::nearest(entry.name, SETTINGS_KEYS.iter().map(|key| key.name));
            match meant.first().map(String::as_str) {
                Some("providers") => self.providers.add_problems(own.into_problems()),
                Some(section) if POLICIES.contains(&section) => {
                    self.settings.policies.add_problems(own.into_problems());
                }
                _ => {}
            }
        }
    }
}

fn read_roles<'a>(world: &World<'_>, roots: &[(&'a Tree<'a>, Table<'a>)]) -> (Vec<Role>, Vec<roles::Broken>) {
    let mut declared = Declared::default();
    for (tree, root) in roots {
        let scope = Scope::new(world.report, tree.muted());
        for entry in sections(&scope, root, "templates") {
            declared.template(world, &entry, tree.muted(), &tree.broken);
        }
    }
    for (tree, root) in roots {
        let scope = Scope::new(world.report, tree.muted());
        for entry in sections(&scope, root, "roles") {
            let own = tree.broken_roles.iter().filter(|(name, _)| name == entry.name);
            let problems: Vec<ProblemId> = tree.broken.iter().copied().chain(own.map(|(_, id)| *id)).collect();
            declared.role(world, &entry, tree.muted(), &problems);
        }
    }
    declared.finish(world)
}

/// The root table of a settings or role file.
fn open_root<'a>(scope: &Scope<'_>, tree: &'a Tree<'a>) -> Table<'a> {
    let keys = root_keys(*tree.contents == Contents::Settings);
    Table::of(scope, tree.file, tree.root.get_ref(), "", &tree.name(), &keys)
}

/// What stands at the root of `config.toml`, or of a role file.
fn root_keys(is_settings: bool) -> Vec<Key> {
    if is_settings {
        return SETTINGS_KEYS.iter().chain(ROLE_FILE_KEYS).copied().collect();
    }
    let elsewhere = SETTINGS_KEYS.iter().map(|key| Key {
        takes: Takes::NotHere,
        ..*key
    });
    ROLE_FILE_KEYS.iter().copied().chain(elsewhere).collect()
}

/// Parses a file; each line that is no TOML is a problem. What can be saved of such a file shows which roles it has.
fn parse<'a>(contents: &'a Contents, file: &'a SourceFile, report: &Report) -> Tree<'a> {
    const MOST_REPORTED: usize = 5;
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    let mut broken = Vec::new();
    let mut broken_roles = Vec::new();
    let mut lines = Vec::new();
    let mut last: Option<ProblemId> = None;
    if errors.is_empty() {
        file.hide_secrets(root.get_ref());
    }
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let place = Place {
            file,
            span: span.clone(),
        };
        let line = place.location().line;
        let is_duplicate = error.message().starts_with("duplicate key");
        // What is not told of is wrong all the same: which roles it concerns is not looked for, so it is all of them.
        if lines.contains(&line) {
            broken.extend(last.filter(|_| !is_duplicate));
            continue;
        }
        if lines.len() >= MOST_REPORTED {
            broken.extend(last);
            break;
        }
        lines.push(line);
        let scope = Scope::new(report, false);
        let role = if is_duplicate {
            let role = file.role_header_above(span.start);
            scope.problem_without_line(&place, given_twice(&place, role.as_deref(), root.get_ref()));
            role
        } else {
            let message = format!("this is not valid TOML: {}", syntax_words(error.message()));
            scope.problem(&place, Problem::new(&catalogue::CONFIG_SYNTAX, message));
            None
        };
        let problems = scope.into_problems();
        last = problems.last().copied();
        match role {
            // Which of two values is meant is not known: their role cannot be opened, the file's others can.
            Some(role) => broken_roles.extend(problems.into_iter().map(|id| (role.clone(), id))),
            None => broken.extend(problems),
        }
    }
    Tree {
        file,
        contents,
        root,
        broken,
        broken_roles,
    }
}

/// A key that its table has already, with the place of the first if it can be found.
fn given_twice(place: &Place<'_>, role: Option<&str>, root: &DeTable<'_>) -> Problem {
    let key = place.file.text.get(place.span.clone()).unwrap_or_default();
    let key = key.trim_matches(['"', '\'']);
    let message = format!("`{}` is given twice", shown(key));
    let problem = Problem::new(&catalogue::CONFIG_DUPLICATE, message);
    let table = role.and_then(|role| root.get("roles")?.get_ref().as_table()?.get(role)?.get_ref().as_table());
    let known = |table: Option<&DeTable<'_>>| Some(table?.get_key_value(key)?.0.span().start);
    let header = role
        .filter(|role| *role == key)
        .and_then(|role| place.file.first_role_header(role));
    let firsts = [header, known(table), known(Some(root))];
    match firsts.into_iter().flatten().find(|first| *first < place.span.start) {
        Some(first) => problem.note(format!("first given at {}", place.file.location(first))),
        None => problem,
    }
}

/// What the parser found, in our words: the beginning of its message, and what it means.
const SYNTAX: &[(&str, &str)] = &[
    ("string values must be quoted", "a text needs quotes around it"),
    (
        "invalid basic string",
        "a text in quotes does not end, or holds a backslash that begins nothing",
    ),
    ("invalid literal string", "a text in quotes does not end"),
    (
        "invalid multi-line",
        "a text of several lines does not end, or holds a backslash that begins nothing",
    ),
    (
        "missing escaped value",
        "a backslash in a text begins nothing; two of them are one backslash",
    ),
    ("key with no value", "a key needs = and a value"),
    ("missing assignment", "a key needs = and a value"),
    ("missing value", "a value is missing behind ="),
    ("missing comma", "a comma is missing"),
    ("extra comma", "a comma too many"),
    ("extra `=`", "an = too many"),
    ("extra assignment", "an = too many"),
    ("unclosed array", "a [ is not closed"),
    ("unclosed inline table", "a { is not closed"),
    ("unclosed table", "a [ is not closed"),
    (
        "invalid unquoted key",
        "a key of other characters than letters, digits, - and _ needs quotes",
    ),
    ("recursion limit", "it is nested too deeply"),
    ("cannot recurse", "it is nested too deeply"),
    ("carriage return", "a carriage return stands alone"),
    (
        "unexpected key or value",
        "something stands here that is neither a key nor a value",
    ),
    ("unexpected content", "something stands behind the end of the value"),
];

fn syntax_words(message: &str) -> &'static str {
    let found = SYNTAX.iter().find(|(begin, _)| message.starts_with(begin));
    found.map_or("it cannot be read from here on", |(_, words)| words)
}
