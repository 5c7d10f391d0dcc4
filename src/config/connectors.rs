//! Connectors: the ones that come with hallpass and those of the configuration folder, which may extend them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::fields::wrong_name;
use super::report::{Place, ProblemId, Report, Scope};
use super::source::{SourceFile, shown};
use super::walk::{Entry, Key, Table, Takes, check_name, duplicate, unknown_name};
use crate::domain::catalogue;
use crate::domain::connector::{ArgumentGroup, Connector, ConnectorField, ConnectorFile, FileLine};
use crate::domain::placeholder;
use crate::domain::problem::Problem;

/// The connectors that come with hallpass, by name. A new one is a file and a line here.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("command", include_str!("../../assets/connectors/command.toml")),
    (
        "kubectl-exec",
        include_str!("../../assets/connectors/kubectl-exec.toml"),
    ),
    ("mariadb", include_str!("../../assets/connectors/mariadb.toml")),
    ("mysql", include_str!("../../assets/connectors/mysql.toml")),
    ("postgres", include_str!("../../assets/connectors/postgres.toml")),
    ("redis", include_str!("../../assets/connectors/redis.toml")),
    ("shell", include_str!("../../assets/connectors/shell.toml")),
    ("sqlite", include_str!("../../assets/connectors/sqlite.toml")),
    ("ssh", include_str!("../../assets/connectors/ssh.toml")),
    ("valkey", include_str!("../../assets/connectors/valkey.toml")),
];

/// Also the keys of a file in `connectors/`, which holds one connector named like the file.
const CONNECTOR_KEYS: &[Key] = &[
    Key::now("extends", Takes::Text, "\"postgres\""),
    Key::now("title", Takes::Text, "\"CockroachDB\""),
    Key::now("aliases", Takes::Texts, "[\"crdb\"]"),
    Key::now("command", Takes::Texts, "[\"cockroach\", \"sql\"]"),
    Key::now("programs", Takes::Texts, "[\"mariadb\", \"mysql\"]"),
    Key::now(
        "delivery",
        Takes::Text,
        "\"the password goes in the variable PGPASSWORD\"",
    ),
    Key::now("with_token", Takes::TextMap, "{ PGSSLMODE = \"require\" }"),
    Key::now("not_built", Takes::Text, "\"an agent of the session\""),
    Key::now("packages", Takes::TextMap, "{ debian = \"postgresql-client\" }"),
    Key::now("arguments", Takes::Anything, ""),
    Key::now("fields", Takes::Anything, ""),
    Key::now("files", Takes::Anything, ""),
];

const ARGUMENT_KEYS: &[Key] = &[
    Key::now("words", Takes::Texts, "[\"-u\", \"{MYSQL_USER}\"]"),
    Key::now("when", Takes::Text, "\"REDIS_TLS\""),
    Key::now("unless_secret", Takes::Text, "\"MYSQL_USER\""),
    Key::now("with_token", Takes::Switch, "true"),
];

const FIELD_KEYS: &[Key] = &[
    Key::now("label", Takes::Text, "\"Host\""),
    Key::now("default", Takes::Text, "\"5432\""),
    Key::now("required", Takes::Switch, "true"),
    Key::now("secret", Takes::Switch, "true"),
    Key::now("from", Takes::Texts, "[\"host\", \"hostname\"]"),
    Key::now("argument", Takes::Switch, "true"),
    Key::now("path", Takes::Switch, "true"),
];

const FILE_KEYS: &[Key] = &[
    Key::now("name", Takes::Text, "\"client.cnf\""),
    Key::now("head", Takes::Text, "\"[client]\\n\""),
    Key::now("arguments", Takes::Texts, "[\"--defaults-extra-file={path}\"]"),
    Key::now("lines", Takes::Anything, ""),
];

const LINE_KEYS: &[Key] = &[
    Key::now("field", Takes::Text, "\"MYSQL_USER\""),
    Key::now("text", Takes::Text, "\"user=\\\"{MYSQL_USER}\\\"\\n\""),
];

/// A connector as one file says it, before what it extends is added. What is not said is none.
struct Written<'a> {
    place: Place<'a>,
    extends: Option<(String, Place<'a>)>,
    title: Option<String>,
    aliases: Option<Vec<String>>,
    /// The program and the words that always follow it.
    command: Option<Vec<String>>,
    programs: Option<Vec<String>>,
    delivery: Option<String>,
    with_token: Vec<(String, String)>,
    not_built: Option<String>,
    packages: Vec<(String, String)>,
    arguments: Option<Vec<ArgumentGroup>>,
    fields: Vec<ConnectorField>,
    files: Option<Vec<ConnectorFile>>,
    /// What is wrong with it: roles that use it cannot be opened.
    problems: Vec<ProblemId>,
    muted: bool,
}

/// Everything that was declared; [`Catalog::finish`] makes connectors of it.
pub(super) struct Catalog<'a> {
    built_in: BTreeMap<String, Written<'a>>,
    own: BTreeMap<String, Written<'a>>,
}

/// The embedded files as sources; their mistakes would be ours, and a test looks for them.
pub(super) fn built_in_sources(first_index: usize) -> Vec<(&'static str, SourceFile)> {
    let source = |(index, (name, text)): (usize, &(&'static str, &str))| {
        let path = PathBuf::from(format!("built in: connectors/{name}.toml"));
        (*name, SourceFile::new(first_index + index, path, (*text).to_owned()))
    };
    BUILT_IN.iter().enumerate().map(source).collect()
}

impl<'a> Catalog<'a> {
    pub(super) fn new() -> Self {
        Self {
            built_in: BTreeMap::new(),
            own: BTreeMap::new(),
        }
    }

    pub(super) fn declare_built_in(&mut self, scope: Scope<'_>, name: &str, table: &Table<'a>, place: Place<'a>) {
        let written = read(scope, name, table, place);
        self.built_in.insert(name.to_owned(), written);
    }

    /// One `[connectors.NAME]`.
    pub(super) fn declare(&mut self, scope: Scope<'_>, entry: &Entry<'a>) {
        if !check_name(&scope, entry, "connector") {
            return;
        }
        let what = format!("connector \"{}\"", entry.name);
        if let Some(table) = Table::open(&scope, entry, &what, CONNECTOR_KEYS) {
            self.add(scope, entry.name, &table, entry.key_place());
        }
    }

    /// A file of `connectors/`.
    pub(super) fn declare_file(&mut self, scope: Scope<'_>, name: &str, table: &Table<'a>, place: Place<'a>) {
        self.add(scope, name, table, place);
    }

    fn add(&mut self, scope: Scope<'_>, name: &str, table: &Table<'a>, place: Place<'a>) {
        if let Some(first) = self.own.get_mut(name) {
            duplicate(&scope, "connector", name, &place, &first.place.location());
            // Which of the two is meant is not known.
            first.problems.extend(scope.into_problems());
            return;
        }
        let written = read(scope, name, table, place);
        self.own.insert(name.to_owned(), written);
    }

    /// All connectors with what they extend, by name, and what is wrong with some of them.
    pub(super) fn finish(self, report: &Report) -> (BTreeMap<String, Connector>, BTreeMap<String, Vec<ProblemId>>) {
        let mut done = BTreeMap::new();
        let mut connectors = BTreeMap::new();
        let mut broken = BTreeMap::new();
        let names: BTreeSet<&String> = self.built_in.keys().chain(self.own.keys()).collect();
        for name in names {
            let (connector, problems) = self.resolve(report, &self.node(name), &mut Vec::new(), &mut done);
            connectors.extend(connector.map(|connector| (name.clone(), connector)));
            if !problems.is_empty() {
                broken.insert(name.clone(), problems);
            }
        }
        (connectors, broken)
    }

    fn node(&self, name: &str) -> Node {
        Node {
            name: name.to_owned(),
            own: self.own.contains_key(name),
        }
    }

    /// Makes the connector of this name and those that it extends; none if a name is unknown or the extending goes in a circle.
    fn resolve(
        &self,
        report: &Report,
        node: &Node,
        path: &mut Vec<Node>,
        done: &mut BTreeMap<Node, Resolved>,
    ) -> Resolved {
        if let Some(resolved) = done.get(node) {
            return resolved.clone();
        }
        let declared = if node.own { &self.own } else { &self.built_in };
        let Some(written) = declared.get(&node.name) else {
            return (None, Vec::new());
        };
        let scope = Scope::new(report, written.muted);
        scope.adopt(&written.problems);
        let base = match &written.extends {
            None => Some(Connector::default()),
            Some((base, place)) => self.base_node(&scope, node, base, place, path).and_then(|next| {
                path.push(node.clone());
                let (base, problems) = self.resolve(report, &next, path, done);
                path.pop();
                scope.adopt(&problems);
                base
            }),
        };
        let connector = base.map(|base| merge(&node.name, written, base));
        if let Some(connector) = &connector {
            check(&scope, written, connector);
        }
        let resolved = (connector, scope.into_problems());
        done.insert(node.clone(), resolved.clone());
        resolved
    }

    /// What `extends` means; none with a problem if there is no such connector, or it is on the path already.
    fn base_node(&self, scope: &Scope<'_>, node: &Node, base: &str, place: &Place<'_>, path: &[Node]) -> Option<Node> {
        // One that extends its own name extends the one that comes with hallpass.
        let next = Node {
            name: base.to_owned(),
            own: node.own && base != node.name && self.own.contains_key(base),
        };
        let name = &node.name;
        let itself = base == name && !self.built_in.contains_key(base);
        if itself || path.contains(&next) || next == *node {
            let way = if base == name {
                String::new()
            } else {
                format!(" by way of \"{}\"", shown(base))
            };
            let message = format!("connector \"{name}\" extends itself{way}");
            scope.problem(place, Problem::new(&catalogue::CONFIG_CYCLE, message));
            return None;
        }
        if !next.own && !self.built_in.contains_key(base) {
            let message = format!("connector \"{name}\" extends a connector that nothing declares");
            let known = self.own.keys().chain(self.built_in.keys()).map(String::as_str);
            scope.problem(place, unknown_name(message, base, known));
            return None;
        }
        Some(next)
    }
}

/// A connector, unless what it extends is missing, and what is wrong with it.
type Resolved = (Option<Connector>, Vec<ProblemId>);

/// A connector on the way to being resolved: one of the configuration's own, or the built-in one of that name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    name: String,
    own: bool,
}

/// Reads one connector's table.
fn read<'a>(scope: Scope<'_>, name: &str, table: &Table<'a>, place: Place<'a>) -> Written<'a> {
    let what = format!("connector \"{name}\"");
    let extends = table
        .get("extends")
        .and_then(|entry| Some((entry.text()?.to_owned(), entry.place())));
    let fields = table
        .get("fields")
        .map(|fields| read_fields(&scope, &fields, &what))
        .unwrap_or_default();
    Written {
        place,
        extends,
        title: table.text("title"),
        aliases: table.texts("aliases"),
        command: table.texts("command").filter(|command| !command.is_empty()),
        programs: table.texts("programs"),
        delivery: table.text("delivery"),
        with_token: with_token(&scope, table, &what),
        not_built: table.text("not_built"),
        packages: table.text_map("packages"),
        arguments: table.get("arguments").map(|list| read_arguments(&scope, &list, &what)),
        fields,
        files: table.get("files").map(|list| read_files(&scope, &list, &what)),
        muted: scope.muted,
        problems: scope.into_problems(),
    }
}

/// What a login token needs beside it; only names that can be fields.
fn with_token(scope: &Scope<'_>, table: &Table<'_>, what: &str) -> Vec<(String, String)> {
    for entry in table.get("with_token").map(|entry| entry.members()).unwrap_or_default() {
        if let Some(problem) = wrong_name(entry.name, &format!("`with_token` of {what}")) {
            scope.problem(&entry.key_place(), problem);
        }
    }
    table.text_map("with_token")
}

fn read_fields(scope: &Scope<'_>, fields: &Entry<'_>, what: &str) -> Vec<ConnectorField> {
    let mut found = Vec::new();
    for entry in fields.members_or_problem(scope, "a table of fields") {
        if let Some(problem) = wrong_name(entry.name, what) {
            scope.problem(&entry.key_place(), problem);
            continue;
        }
        let of = format!("field {} of {what}", entry.name);
        let Some(table) = Table::open(scope, &entry, &of, FIELD_KEYS) else {
            continue;
        };
        let field = ConnectorField {
            name: entry.name.to_owned(),
            label: table.text("label").unwrap_or_else(|| entry.name.to_owned()),
            default: table.text("default"),
            required: table.switch("required").unwrap_or(false),
            secret: table.switch("secret").unwrap_or(false),
            from: table.texts("from").unwrap_or_default(),
            argument: table.switch("argument").unwrap_or(false),
            path: table.switch("path").unwrap_or(false),
        };
        if field.secret && (field.argument || field.default.is_some()) {
            let message = format!("{of} is secret, so it can neither stand in an argument nor have a default");
            scope.problem(&entry.key_place(), Problem::new(&catalogue::CONFIG_TYPE, message));
        }
        found.push(field);
    }
    found
}

fn read_arguments(scope: &Scope<'_>, list: &Entry<'_>, what: &str) -> Vec<ArgumentGroup> {
    let mut groups = Vec::new();
    list_of_tables(scope, list, what);
    for entry in list.elements() {
        let Some(table) = Table::open(scope, &entry, &format!("an argument of {what}"), ARGUMENT_KEYS) else {
            continue;
        };
        groups.push(ArgumentGroup {
            words: table.texts("words").unwrap_or_default(),
            when: table.text("when"),
            unless_secret: table.text("unless_secret"),
            with_token: table.switch("with_token").unwrap_or(false),
        });
    }
    groups
}

fn read_files(scope: &Scope<'_>, list: &Entry<'_>, what: &str) -> Vec<ConnectorFile> {
    let mut files = Vec::new();
    list_of_tables(scope, list, what);
    for entry in list.elements() {
        let of = format!("a file of {what}");
        let Some(table) = Table::open(scope, &entry, &of, FILE_KEYS) else {
            continue;
        };
        let mut lines = Vec::new();
        if let Some(list) = table.get("lines") {
            list_of_tables(scope, &list, &of);
            for line in list.elements() {
                let Some(line) = Table::open(scope, &line, &format!("a line of {of}"), LINE_KEYS) else {
                    continue;
                };
                if let (Some(field), Some(text)) = (line.text("field"), line.text("text")) {
                    lines.push(FileLine { field, text });
                }
            }
        }
        files.push(ConnectorFile {
            name: table.text("name").unwrap_or_else(|| "file".to_owned()),
            head: table.text("head").unwrap_or_default(),
            lines,
            arguments: table.texts("arguments").unwrap_or_default(),
        });
    }
    files
}

fn list_of_tables(scope: &Scope<'_>, list: &Entry<'_>, what: &str) {
    if !list.value.get_ref().is_array() {
        let message = format!("`{}` of {what} is a list of tables", list.name);
        scope.problem(&list.place(), Problem::new(&catalogue::CONFIG_TYPE, message));
    }
}

/// What is written, over what it extends: fields are added or replaced by name, everything else is replaced whole.
fn merge(name: &str, written: &Written<'_>, base: Connector) -> Connector {
    let mut connector = base;
    name.clone_into(&mut connector.name);
    connector.title = written.title.clone().unwrap_or_else(|| name.to_owned());
    connector.aliases = written.aliases.clone().unwrap_or_default();
    if let Some(command) = &written.command {
        connector.programs = command[..1].to_vec();
        connector.words = command[1..].to_vec();
    }
    if let Some(programs) = &written.programs {
        connector.programs.clone_from(programs);
    }
    if let Some(delivery) = &written.delivery {
        connector.delivery.clone_from(delivery);
    }
    if !written.with_token.is_empty() {
        connector.with_token.clone_from(&written.with_token);
    }
    if written.not_built.is_some() || written.command.is_some() {
        connector.not_built.clone_from(&written.not_built);
    }
    if !written.packages.is_empty() || written.command.is_some() {
        connector.packages.clone_from(&written.packages);
    }
    if let Some(arguments) = &written.arguments {
        connector.arguments.clone_from(arguments);
    }
    if let Some(files) = &written.files {
        connector.files.clone_from(files);
    }
    for field in &written.fields {
        match connector.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.clone_from(field),
            None => connector.fields.push(field.clone()),
        }
    }
    connector
}

/// Every field that arguments and files name must be one of the connector's.
fn check(scope: &Scope<'_>, written: &Written<'_>, connector: &Connector) {
    let groups = connector.arguments.iter();
    let in_groups = groups.flat_map(|group| {
        let words = group.words.iter().flat_map(|word| placeholder::names(word));
        words.chain(group.when.as_deref()).chain(group.unless_secret.as_deref())
    });
    let lines = connector.files.iter().flat_map(|file| &file.lines);
    let in_lines = lines.flat_map(|line| placeholder::names(&line.text).into_iter().chain([line.field.as_str()]));
    let in_words = connector.words.iter().flat_map(|word| placeholder::names(word));
    let mut unknown: Vec<&str> = in_groups
        .chain(in_lines)
        .chain(in_words)
        .filter(|name| connector.field(name).is_none())
        .collect();
    unknown.dedup();
    for name in unknown {
        let message = format!(
            "connector \"{}\" places the field {name}, which it does not declare",
            connector.name
        );
        let known = connector.fields.iter().map(|field| field.name.as_str());
        scope.problem(&written.place, unknown_name(message, name, known));
    }
}

/// The table of a file that is one connector.
pub(super) fn open_file<'a>(
    scope: &Scope<'_>,
    file: &'a SourceFile,
    root: &'a toml::de::DeTable<'a>,
    name: &str,
) -> Table<'a> {
    Table::of(scope, file, root, "", &format!("connector \"{name}\""), CONNECTOR_KEYS)
}

/// Every word that `connector = "…"` may be, with the connector that it means: names first, aliases where they are free.
pub(super) fn all_names(connectors: &BTreeMap<String, Connector>) -> BTreeMap<&str, &str> {
    let aliases = connectors.values().flat_map(|connector| {
        connector
            .aliases
            .iter()
            .map(|alias| (alias.as_str(), connector.name.as_str()))
    });
    let names = connectors.keys().map(|name| (name.as_str(), name.as_str()));
    aliases.chain(names).collect()
}
