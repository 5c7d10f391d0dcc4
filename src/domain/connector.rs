//! Connectors: how a kind of resource is opened. They are data (`assets/connectors/*.toml`); this is what the data means.

/// One variable that a client reads, or that its arguments are made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectorField {
    pub name: String,
    pub label: String,
    pub default: Option<String>,
    pub required: bool,
    /// Its value must not be typed into a role file, and is masked.
    pub secret: bool,
    /// The keys of a secret that `from` fills it with, best first.
    pub from: Vec<String>,
    /// Names, users and ports that the client takes only as an argument: even where a provider gives the value it may stand in argv.
    /// Never set on a secret field.
    pub argument: bool,
    /// The client takes its value for the path of a file, so that `via = "file"` fits it.
    pub path: bool,
}

/// Arguments that stand or fall together: left out when one of the fields they name has no value, or `when` has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArgumentGroup {
    /// Words with `{FIELD}` for a field's value.
    pub words: Vec<String>,
    /// A field that must have a true value (not empty, `0`, `no`, `false`, `off`) although no word names it.
    pub when: Option<String>,
    /// Left out when this field's value comes from a provider: a file carries it then.
    pub unless_secret: Option<String>,
    /// Left out unless a field of the role is a login token.
    pub with_token: bool,
}

/// A file in memory that carries what must not stand in argv and has no variable. It is made only when it has a line to carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectorFile {
    pub name: String,
    /// What it begins with.
    pub head: String,
    /// A line for each field whose value comes from a provider, left out when the field has no value. `{FIELD}` is the value encoded
    /// for a client option file (quotes and backslashes escaped), `{FIELD:raw}` as it is.
    pub lines: Vec<FileLine>,
    /// Stand before all other arguments; `{path}` is the file's path.
    pub arguments: Vec<String>,
}

/// One line of a [`ConnectorFile`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileLine {
    pub field: String,
    pub text: String,
}

/// How a kind of resource is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connector {
    pub name: String,
    pub title: String,
    pub aliases: Vec<String>,
    /// Programs that do the same job: the first that is installed is taken. `$NAME` is what hallpass's own variable NAME holds.
    /// None for a connector whose roles bring their own `command`.
    pub programs: Vec<String>,
    /// Words that always follow the program.
    pub words: Vec<String>,
    /// What follows them; both only in a role without a `command` of its own.
    pub arguments: Vec<ArgumentGroup>,
    pub fields: Vec<ConnectorField>,
    pub files: Vec<ConnectorFile>,
    /// How the password reaches the client, in words for the detail pane.
    pub delivery: String,
    /// Variables that a login token in the password's place needs, with their values; the role's own fields go before them.
    pub with_token: Vec<(String, String)>,
    /// What is missing before a role of it can be opened; none for a connector that works.
    pub not_built: Option<String>,
    /// Package names that carry the client: (`debian`, `postgresql-client`) …
    pub packages: Vec<(String, String)>,
}

impl Connector {
    pub fn field(&self, name: &str) -> Option<&ConnectorField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field that holds the `host`, `port` or `user` of the resource: the one that this key of a secret fills.
    pub fn part(&self, key: &str) -> Option<&ConnectorField> {
        self.fields.iter().find(|field| field.from.iter().any(|k| k == key))
    }
}
