//! The roles screen, and what is known of each role.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use super::again::look_again;
use crate::domain::filter::{Filter, Index};
use crate::domain::status::{RoleStatus, State};
use crate::ui::input::Input;
use crate::ui::text;

/// What a row of the roles list stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOf {
    /// Index into `Config::roles`.
    Role(usize),
    /// Index into `Config::broken`.
    Broken(usize),
}

/// A role as the list shows it, made once per configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    pub name: String,
    pub kind: String,
    pub env: Option<String>,
    /// `PROD`
    pub label: String,
    pub prod: bool,
    pub read_only: bool,
    pub of: RowOf,
}

/// Columns of what is widest in all rows, whether they are listed now or not: so typing a filter moves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Widest {
    pub kind: usize,
    /// The kinds by their short names.
    pub short_kind: usize,
    /// The environment's label with what stands behind it.
    pub env: usize,
}

impl Widest {
    pub fn of(rows: &[RoleRow]) -> Self {
        rows.iter().fold(Self::default(), |widest, row| Self {
            kind: widest.kind.max(text::width(&row.kind)),
            short_kind: widest.short_kind.max(text::width(row.short_kind())),
            env: widest.env.max(text::width(&row.label) + text::width(row.access())),
        })
    }
}

impl RoleRow {
    /// The short name that people have for its type, if they have one.
    pub fn short_kind(&self) -> &str {
        match self.kind.as_str() {
            "postgres" => "pg",
            "mariadb" | "mysql" => "my",
            other => other,
        }
    }

    /// What stands behind the environment: `PROD RO`.
    pub fn access(&self) -> &'static str {
        if self.read_only { " RO" } else { "" }
    }
}

/// What a check found out about a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub status: RoleStatus,
    pub at: Timestamp,
    /// How many times in a row it has failed.
    pub failures: u32,
}

impl Known {
    /// When the role is to be checked again; none as long as that needs a person.
    pub fn due(&self) -> Option<Timestamp> {
        look_again(self.at, self.failures, self.status.reason())
    }
}

/// What is known of a role's readiness.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    Running {
        generation: u64,
        since: Timestamp,
        before: Option<Box<Known>>,
    },
    Done(Box<Known>),
}

impl Check {
    /// What the last check that came to an end has found.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Running { before, .. } => before.as_deref(),
            Self::Done(known) => Some(known),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Name,
    Env,
    Status,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Env => "env",
            Self::Status => "status",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    #[default]
    List,
    Detail,
}

/// The roles screen.
pub struct Roles {
    pub rows: Vec<RoleRow>,
    pub widest: Widest,
    /// The rows prepared for filtering; their places are those of `rows`.
    pub index: Index,
    /// The filter that `shown` is the answer to.
    pub parsed: Filter,
    /// Characters of visible names that the filter matched, by the place in `rows`.
    pub hits: HashMap<usize, Vec<usize>>,
    pub filter: Input,
    /// Keys go into the filter.
    pub editing: bool,
    /// What is wrong with the filter, and the spelling that may have been meant.
    pub filter_error: Option<String>,
    pub suggestion: Option<String>,
    /// How many roles the suggestion would leave.
    pub suggested: usize,
    /// The rows that match, in order: places in `rows`.
    pub shown: Vec<usize>,
    /// Index into `shown`.
    pub selected: usize,
    /// The first visible row, an index into `shown`.
    pub top: usize,
    pub sort: Sort,
    pub reverse: bool,
    pub focus: Pane,
    pub detail_scroll: usize,
    /// The detail takes the whole screen.
    pub wide: bool,
    pub checks: HashMap<String, Check>,
    /// Names that wait for their check.
    pub queue: VecDeque<String>,
    /// The roles whose answers a person waits for, with those that are there.
    pub awaited: BTreeMap<String, Option<State>>,
}

impl Roles {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            widest: Widest::default(),
            index: Index::new([]),
            parsed: Filter::default(),
            hits: HashMap::new(),
            filter: Input::default(),
            editing: false,
            filter_error: None,
            suggestion: None,
            suggested: 0,
            shown: Vec::new(),
            selected: 0,
            top: 0,
            sort: Sort::default(),
            reverse: false,
            focus: Pane::default(),
            detail_scroll: 0,
            wide: false,
            checks: HashMap::new(),
            queue: VecDeque::new(),
            awaited: BTreeMap::new(),
        }
    }

    /// The environments in use with how many roles each has, by name; first those without one.
    pub fn environments(&self) -> BTreeMap<Option<&str>, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.env.as_deref()).or_default() += 1;
        }
        counts
    }

    pub fn selected_row(&self) -> Option<&RoleRow> {
        self.rows.get(*self.shown.get(self.selected)?)
    }
}
