//! Every problem of a run, collected where it is found and put into the files' order at the end.

use std::cell::RefCell;
use std::ops::Range;

use super::NotInForce;
use super::source::SourceFile;
use crate::domain::problem::{Location, Problem};

/// A span of a file.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) span: Range<usize>,
}

impl Place<'_> {
    pub(super) fn location(&self) -> Location {
        self.file.location(self.span.start)
    }
}

struct Found {
    /// Index of the file, offset in it.
    order: (usize, usize),
    /// What of the file is wrong, if its line may be shown.
    shown: Option<Range<usize>>,
    problem: Problem,
}

/// What a run found, in the order of finding; [`Report::sorted`] puts it into the files' order.
#[derive(Default)]
pub(super) struct Report {
    found: RefCell<Vec<Found>>,
    pub(super) not_in_force: RefCell<Vec<NotInForce>>,
    pub(super) warnings: RefCell<Vec<String>>,
}

/// Names a problem of a [`Report`] before the problems are sorted.
pub(super) type ProblemId = usize;

impl Report {
    /// Adds a problem of a whole file.
    pub(super) fn file_problem(&self, file: usize, problem: Problem) -> ProblemId {
        self.push((file, 0), None, problem)
    }

    fn push(&self, order: (usize, usize), shown: Option<Range<usize>>, problem: Problem) -> ProblemId {
        let mut found = self.found.borrow_mut();
        found.push(Found { order, shown, problem });
        found.len() - 1
    }

    pub(super) fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }

    /// The problems in the files' order without repetitions, and where each of them went. Their lines are taken now, when every walk
    /// has said which values must not be shown. `files` are all that were walked, by their index.
    pub(super) fn sorted(self, files: &[&SourceFile]) -> Sorted {
        let found = self.found.into_inner();
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|id| (found[*id].order, *id));
        let mut places = vec![0; found.len()];
        let mut problems: Vec<Problem> = Vec::new();
        let mut found: Vec<Option<Found>> = found.into_iter().map(Some).collect();
        for id in order {
            let Some(mut next) = found[id].take() else { continue };
            if let (Some(span), Some(file)) = (&next.shown, files.get(next.order.0)) {
                next.problem.snippet = file.snippet(span);
            }
            // A template's problem is found once for every role that extends it.
            // Equal ones stand at one place, so they are neighbours now.
            let recent = problems.len().saturating_sub(8);
            let known = problems[recent..].iter().position(|problem| *problem == next.problem);
            places[id] = match known {
                Some(index) => recent + index,
                None => {
                    problems.push(next.problem);
                    problems.len() - 1
                }
            };
        }
        Sorted {
            problems,
            places,
            not_in_force: self.not_in_force.into_inner(),
            warnings: self.warnings.into_inner(),
        }
    }
}

/// What a [`Report`] comes to.
pub(super) struct Sorted {
    pub(super) problems: Vec<Problem>,
    /// By [`ProblemId`]: the index in `problems`.
    pub(super) places: Vec<usize>,
    pub(super) not_in_force: Vec<NotInForce>,
    pub(super) warnings: Vec<String>,
}

/// Where problems go while one thing (a role, a template, a section) is read, and which of them are its own.
pub(super) struct Scope<'a> {
    pub(super) report: &'a Report,
    /// A file that is no valid TOML has said so already: what was saved of it is read without further remarks.
    pub(super) muted: bool,
    own: RefCell<Vec<ProblemId>>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(report: &'a Report, muted: bool) -> Self {
        Self {
            report,
            muted,
            own: RefCell::new(Vec::new()),
        }
    }

    /// Adds a problem at a place, with the line if it may be shown.
    pub(super) fn problem(&self, place: &Place<'_>, problem: Problem) {
        self.add(place, Some(place.span.clone()), problem);
    }

    /// Adds a problem at a place whose line may hold a secret.
    pub(super) fn problem_without_line(&self, place: &Place<'_>, problem: Problem) {
        self.add(place, None, problem);
    }

    fn add(&self, place: &Place<'_>, shown: Option<Range<usize>>, problem: Problem) {
        if self.muted {
            return;
        }
        let order = (place.file.index, place.span.start);
        let id = self.report.push(order, shown, problem.at(place.location()));
        self.own.borrow_mut().push(id);
    }

    /// Makes a problem of something else a problem of this too.
    pub(super) fn adopt(&self, ids: &[ProblemId]) {
        self.own.borrow_mut().extend_from_slice(ids);
    }

    pub(super) fn into_problems(self) -> Vec<ProblemId> {
        self.own.into_inner()
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.own.borrow().is_empty()
    }

    pub(super) fn problems(&self) -> Vec<ProblemId> {
        self.own.borrow().clone()
    }
}
