//! The failure panel: what failed and what did not happen, the facts, the steps, causes in order of likelihood, what to do now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use super::{flow, panel, put};
use crate::domain::problem::Problem;
use crate::domain::status::{Stage, State};
use crate::launch::Request;
use crate::ui::keymap::{Action, Binding, Context, KEYMAP, key_text};
use crate::ui::model::Model;
use crate::ui::{text, theme};

pub(super) fn draw(
    model: &Model,
    request: &Request,
    problems: &[Problem],
    scroll: usize,
    buf: &mut Buffer,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    Clear.render(area, buf);
    let mut codes: Vec<&str> = problems.iter().map(|p| p.code.id).collect();
    codes.dedup();
    let title = Line::styled(format!("Could not open {}", request.role), theme::FAIL);
    let inside = panel(buf, area, title, &codes.join(" · "), theme::PLAIN);
    let lines = lines(model, request, problems, inside.width.into());
    let from = scroll.min(lines.len().saturating_sub(inside.height.into()));
    let more = lines.len() > from + usize::from(inside.height);
    for (y, line) in lines.into_iter().skip(from).take(inside.height.into()).enumerate() {
        put(buf, inside, y, line);
    }
    if more {
        put(
            buf,
            Rect {
                y: area.bottom() - 1,
                height: 1,
                width: area.width.saturating_sub(2),
                ..area
            },
            0,
            Line::styled(theme::spelled(" ↓ more ", model.look), theme::KEY).right_aligned(),
        );
    }
}

/// Lines that the panel has at this width, for scrolling.
pub(super) fn line_count(model: &Model, request: &Request, problems: &[Problem], width: u16) -> usize {
    lines(model, request, problems, usize::from(width).saturating_sub(2)).len()
}

fn lines(model: &Model, request: &Request, problems: &[Problem], width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (i, problem) in problems.iter().enumerate() {
        if i > 0 {
            lines.push(Line::styled("─".repeat(width), theme::QUIET));
        }
        problem_lines(model, problem, width, i == 0, &mut lines);
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("What you can do now", theme::BOLD));
    let actions = actions(model, request, problems);
    let half = if width >= 76 { width / 2 } else { width };
    for pair in actions.chunks(if width >= 76 { 2 } else { 1 }) {
        let mut spans = Vec::new();
        for (key, help) in pair {
            spans.push(Span::styled(format!("   {key}  "), theme::KEY));
            spans.push(Span::raw(text::fit(help, half.saturating_sub(7))));
        }
        lines.push(Line::from(spans));
    }
    lines
}

/// The keys that do something about it, each with what it does here.
fn actions(model: &Model, request: &Request, problems: &[Problem]) -> Vec<(String, String)> {
    let login = model.blamed(request, problems).filter(|row| row.logs_in);
    let written = problems.iter().find_map(|p| p.at.as_ref());
    let place = written.or_else(|| model.role(&request.role).map(|role| &role.at));
    let told = |binding: &Binding| match (binding.action, place, login) {
        (Action::Up | Action::Down | Action::Cancel, ..) | (Action::LogIn, _, None) => None,
        (Action::LogIn, _, Some(row)) => Some(format!("log in to {}", row.name)),
        (Action::Doctor, ..) => Some(match model.blamed(request, problems) {
            Some(row) => format!("doctor for {}", row.name),
            None => "doctor for this machine".to_owned(),
        }),
        (Action::Edit, Some(at), _) => Some(format!("edit {}", super::detail::place(model, at))),
        _ => Some(binding.help.to_owned()),
    };
    let bindings = KEYMAP.iter().filter(|binding| binding.context == Context::Failure);
    bindings.filter_map(|b| Some((key_text(b.keys[0]), told(b)?))).collect()
}

fn problem_lines(model: &Model, problem: &Problem, width: usize, first: bool, lines: &mut Vec<Line<'static>>) {
    let indented = |prefix: &str, words: &str, style, lines: &mut Vec<Line<'static>>| {
        let indent = text::width(prefix);
        for (i, part) in text::wrap(words, width.saturating_sub(indent + 1))
            .into_iter()
            .enumerate()
        {
            let lead = if i == 0 { prefix.to_owned() } else { " ".repeat(indent) };
            lines.push(Line::from(vec![Span::styled(lead, style), Span::raw(part)]));
        }
    };
    lines.push(Line::raw(""));
    let told = if first { " No program was started." } else { "" };
    indented(
        "✗  ",
        &format!("{}.{told}", problem.what.trim_end_matches('.')),
        theme::FAIL,
        lines,
    );
    lines.push(Line::raw(""));
    for (name, value) in &problem.facts {
        indented(&format!("   {} ", text::fit(name, 11)), value, theme::QUIET, lines);
    }
    if let Some(at) = &problem.at {
        let column = format!("{}:{}", super::detail::place(model, at), at.column);
        indented(
            &format!("   {} ", text::fit("Written", 11)),
            &column,
            theme::QUIET,
            lines,
        );
        if let (Some(snippet), Some((indent, underline))) = (&problem.snippet, problem.underline()) {
            lines.push(Line::raw(format!(
                "     {}",
                text::cut(&snippet.line, width.saturating_sub(6))
            )));
            let indent = " ".repeat(indent + 5);
            lines.push(Line::styled(format!("{indent}{}", "^".repeat(underline)), theme::FAIL));
        }
    }
    if let Some(note) = &problem.note {
        indented(&format!("   {} ", text::fit("Answer", 11)), note, theme::QUIET, lines);
    }
    if !problem.steps.is_empty() {
        let named = format!("   {} ", text::fit("Steps", 11));
        let indent = text::width(&named);
        for (i, steps) in flow(ladder(&problem.steps), STEP_GAP, width.saturating_sub(indent + 1))
            .into_iter()
            .enumerate()
        {
            let lead = if i == 0 { named.clone() } else { " ".repeat(indent) };
            lines.push(Line::from_iter(
                std::iter::once(Span::styled(lead, theme::QUIET)).chain(steps),
            ));
        }
    }
    if !problem.causes.is_empty() {
        lines.push(Line::raw(""));
        let heading = if problem.causes.len() == 1 {
            "Most likely cause"
        } else {
            "Most likely causes, in order"
        };
        lines.push(Line::styled(heading, theme::BOLD));
        for (i, cause) in problem.causes.iter().enumerate() {
            indented(&format!(" {}  ", i + 1), cause, theme::KEY, lines);
        }
    }
    if !problem.similar.is_empty() {
        lines.push(Line::raw(""));
        indented("Did you mean   ", &problem.similar.join("   or   "), theme::BOLD, lines);
    }
    if !problem.fixes.is_empty() {
        lines.push(Line::raw(""));
        lines.push(Line::styled("How to fix it", theme::BOLD));
        for fix in &problem.fixes {
            indented(" ›  ", fix, theme::KEY, lines);
        }
    }
    lines.push(Line::styled(
        format!("    hallpass help {}", problem.code.id),
        theme::QUIET,
    ));
}

/// Columns between two steps.
pub(super) const STEP_GAP: usize = 3;

/// `dns ● 2ms   tcp ● 11ms   tls ✗ failed   login ○ skipped`, each step by itself.
pub(super) fn ladder(steps: &[Stage]) -> impl Iterator<Item = Vec<Span<'static>>> {
    steps.iter().map(|step| {
        let (mark, style) = theme::mark(step.state);
        let time = match (step.ms, step.state) {
            (Some(ms), _) => format!(" {ms}ms"),
            (None, State::Fail) => " failed".to_owned(),
            (None, State::Skipped) => " skipped".to_owned(),
            _ => String::new(),
        };
        vec![
            Span::raw(format!("{} ", step.name)),
            Span::styled(mark, style),
            Span::raw(time),
        ]
    })
}

/// The report for a ticket: the text of the command line. A problem holds no value, so neither does this.
pub fn report(role: &str, problems: &[Problem]) -> String {
    let mut out = format!("hallpass could not open {role}\n");
    for problem in problems {
        out.push_str(&format!("\n{problem}\n"));
        for (name, value) in &problem.facts {
            out.push_str(&format!("   {name}: {value}\n"));
        }
        if !problem.steps.is_empty() {
            let steps: Vec<String> = problem
                .steps
                .iter()
                .map(|s| format!("{} {}", s.name, s.state.word()))
                .collect();
            out.push_str(&format!("   steps: {}\n", steps.join(", ")));
        }
    }
    out
}
