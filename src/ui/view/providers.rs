//! The providers: how each one is right now, and for the selected one the ladder, the cause, the fixes, the roles that need it.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::failure::{STEP_GAP, ladder};
use super::{flow, header, panel, put};
use crate::domain::status::State;
use crate::providers::{PROVIDERS, ProviderConfig};
use crate::ui::layout::{self, Parts};
use crate::ui::model::{Model, ProviderRow};
use crate::ui::{text, theme};

pub(super) fn draw(model: &Model, buf: &mut Buffer, parts: Parts) {
    let promise = if parts.filter.width >= 80 {
        " Connectivity of secret providers (read-only probes, no secret value is fetched)"
    } else {
        " Read-only probes, no secret value is fetched"
    };
    put(buf, parts.filter, 0, Line::styled(promise, theme::QUIET));
    if parts.filter.width >= 96 {
        put(
            buf,
            parts.filter,
            0,
            Line::styled("auto 60s ", theme::QUIET).right_aligned(),
        );
    }
    let rows = &model.providers.rows;
    let inside = if parts.framed {
        panel(
            buf,
            parts.list,
            Line::styled("Providers", theme::BOLD),
            &rows.len().to_string(),
            theme::ACCENT,
        )
    } else {
        parts.list
    };
    if rows.is_empty() {
        put(buf, inside, 1, Line::raw(" No role refers to a secret provider yet."));
        return;
    }
    let columns = Columns::of(inside.width.into(), rows);
    if parts.framed {
        put(buf, inside, 0, Line::styled(columns.heading(), theme::HEADING));
    }
    let area = layout::list_rows(model);
    let visible = rows
        .iter()
        .enumerate()
        .skip(model.providers.top)
        .take(area.height.into());
    let mut drawn = 0;
    for (y, (i, row)) in visible.enumerate() {
        put(
            buf,
            area,
            y,
            row_line(model, row, i == model.providers.selected, &columns),
        );
        drawn = y + 1;
    }
    if parts.framed {
        summary(model, buf, area, drawn + 1);
    }
    if let Some(row) = rows.get(model.providers.selected) {
        draw_detail(model, row, buf, parts);
    }
}

struct Columns {
    name: usize,
    kind: usize,
    endpoint: usize,
    auth: usize,
}

impl Columns {
    const STATE: usize = 10;
    const LATENCY: usize = 7;
    const ROLES: usize = 7;

    /// Names and kinds are given the room that they need, as long as the others keep theirs.
    fn of(width: usize, rows: &[ProviderRow]) -> Self {
        let widest =
            |word: fn(&ProviderRow) -> &str| rows.iter().map(|row| text::width(word(row))).max().unwrap_or(0) + 1;
        let name = widest(|row| &row.name);
        let fixed = 1 + Self::STATE + Self::LATENCY + Self::ROLES;
        if width >= 90 {
            let name = name.clamp(9, width / 6);
            let kind = widest(|row| row.title).clamp(16, width / 5 + 3);
            let rest = width - fixed - name - kind;
            // An address is longer than how one is logged in.
            let auth = rest * 2 / 5;
            Self {
                name,
                kind,
                endpoint: rest - auth,
                auth,
            }
        } else {
            let name = name.clamp(10, 10.max(width / 4));
            let rest = width.saturating_sub(fixed + name);
            // A few letters of an address say nothing.
            let (name, endpoint) = if rest < 12 { (name + rest, 0) } else { (name, rest) };
            Self {
                name,
                kind: 0,
                endpoint,
                auth: 0,
            }
        }
    }

    fn heading(&self) -> String {
        format!(
            " {}{}{}{}{}{:>6} {:>6}",
            text::fit("NAME", self.name),
            text::fit("KIND", self.kind),
            text::fit("ENDPOINT", self.endpoint),
            text::fit("AUTH", self.auth),
            text::fit("STATE", Self::STATE),
            "LAT",
            "ROLES"
        )
    }
}

fn row_line(model: &Model, row: &ProviderRow, selected: bool, columns: &Columns) -> Line<'static> {
    let status = row.status.as_ref();
    let endpoint = status.map_or_else(String::new, |s| s.endpoint.clone());
    let (mark, style) = header::light(row, model);
    let latency = status
        .and_then(|s| s.latency_ms)
        .filter(|_| row.state() != Some(State::Fail));
    let pad = |s: &str, w: usize| {
        if w == 0 {
            String::new()
        } else {
            text::fit(s, w - 1) + " "
        }
    };
    let line = Line::from(vec![
        Span::styled(if selected { theme::CURSOR } else { " " }, theme::KEY),
        Span::raw(pad(&row.name, columns.name)),
        Span::styled(pad(row.title, columns.kind), theme::QUIET),
        Span::raw(pad(&endpoint, columns.endpoint)),
        Span::raw(pad(
            &auth_words(model, row, Some(columns.auth.saturating_sub(1))),
            columns.auth,
        )),
        Span::styled(mark, style),
        Span::raw(text::fit(&format!(" {}", state_word(row)), Columns::STATE - 1)),
        Span::raw(format!(
            "{:>6}",
            latency.map_or_else(|| "—".to_owned(), |ms| format!("{ms}ms"))
        )),
        Span::raw(format!(" {:>6}", row.roles.len())),
    ]);
    if selected { theme::selected(line) } else { line }
}

/// How we are logged in, and for how long: what breaks most mornings. In this room the method gives way to the time, else everything
/// that is known is said.
fn auth_words(model: &Model, row: &ProviderRow, room: Option<usize>) -> String {
    let Some(status) = &row.status else {
        return String::new();
    };
    let auth = status.auth.as_deref().unwrap_or_default();
    let left = status.expires.map_or_else(String::new, |expires| {
        let left = text::seconds_between(model.now, expires);
        if left > 0 {
            format!("{} left", text::brief(left))
        } else {
            "ended".to_owned()
        }
    });
    let method = match room {
        None => auth.to_owned(),
        Some(room) => {
            let method = auth.split(", ").next().unwrap_or_default();
            text::cut(method, room.saturating_sub(text::width(&left) + 2))
        }
    };
    let words: Vec<String> = [method, left].into_iter().filter(|word| !word.is_empty()).collect();
    words.join(", ")
}

/// The word of the state; for a failure the rung of the ladder where it stopped.
fn state_word(row: &ProviderRow) -> String {
    match &row.status {
        None if row.running.is_some() => "…".to_owned(),
        None => "unchecked".to_owned(),
        Some(status) if status.state == State::Fail => status
            .stages
            .iter()
            .find(|s| s.state == State::Fail)
            .map_or("failed", |stage| stage.name)
            .to_owned(),
        Some(status) => status.state.word().to_owned(),
    }
}

fn summary(model: &Model, buf: &mut Buffer, area: Rect, y: usize) {
    let rows = &model.providers.rows;
    let ok = rows
        .iter()
        .filter(|row| matches!(row.state(), Some(State::Ok | State::Warn)))
        .count();
    let failing: Vec<&ProviderRow> = rows.iter().filter(|row| row.state() == Some(State::Fail)).collect();
    let mut affected: Vec<&String> = failing.iter().flat_map(|row| &row.roles).collect();
    affected.sort_unstable();
    affected.dedup();
    let mut text = format!(" Summary: {ok} ok, {} failing", failing.len());
    if !affected.is_empty() {
        let s = if affected.len() == 1 { "" } else { "s" };
        text.push_str(&format!(
            " · {} role{s} cannot connect now (show them: Enter on the row)",
            affected.len()
        ));
    }
    put(buf, area, y, Line::raw(text));
    put(buf, area, y + 1, Line::styled(next_probe(model), theme::QUIET));
}

/// When the next probe comes, and why some do not.
fn next_probe(model: &Model) -> String {
    let rows = &model.providers.rows;
    let next = rows.iter().filter_map(ProviderRow::due).min();
    let when = match next {
        Some(at) => format!("Next probe in {}", text::duration(text::seconds_between(model.now, at))),
        None if rows.iter().any(|row| row.running.is_some()) => "A probe is under way".to_owned(),
        None => "No probe comes by itself".to_owned(),
    };
    format!(" {when}. Probes back off to 5 min on failure; none while one wants your login.")
}

fn draw_detail(model: &Model, row: &ProviderRow, buf: &mut Buffer, parts: Parts) {
    if parts.detail.is_empty() {
        return;
    }
    let width = usize::from(parts.detail.width).saturating_sub(4);
    let lead = usize::from(parts.framed);
    let height = usize::from(parts.detail.height).saturating_sub(3 * lead);
    let lines = Room::ALL
        .iter()
        .map(|room| detail_lines(model, row, width, *room))
        .reduce(|more, less| if more.len() > height { less } else { more })
        .unwrap_or_default();
    let inside = if parts.framed {
        panel(
            buf,
            parts.detail,
            Line::styled(row.name.clone(), theme::BOLD),
            "",
            theme::QUIET,
        )
    } else {
        parts.detail
    };
    for (y, line) in lines.into_iter().enumerate() {
        put(buf, inside, y + lead, line);
    }
}

/// How much is told of a provider: what to do about a failure is never left out for what may have caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Short,
    NoVariables,
    Everything,
}

impl Room {
    /// The most first.
    const ALL: [Self; 3] = [Self::Everything, Self::NoVariables, Self::Short];
}

/// What is known of a provider.
fn detail_lines(model: &Model, row: &ProviderRow, width: usize, room: Room) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    let named = |name: &str, spans: Vec<Span<'static>>| {
        let mut all = vec![Span::styled(format!(" {name:<9} "), theme::QUIET)];
        all.extend(spans);
        Line::from(all)
    };
    let wrapped = |name: &str, words: &str, lines: &mut Vec<Line<'static>>| {
        for (i, part) in text::wrap(words, width.saturating_sub(11)).into_iter().enumerate() {
            lines.push(named(if i == 0 { name } else { "" }, vec![Span::raw(part)]));
        }
    };
    let (mark, style) = header::light(row, model);
    let word = state_word(row);
    let status = row.status.as_ref();
    let problem = status.and_then(|s| s.problem.as_ref());
    let failed = match problem {
        Some(problem) if problem.wants_person() && word == "login" => " needed",
        _ if row.state() == Some(State::Fail) && word != "failed" => " failed",
        _ => "",
    };
    let state = vec![Span::styled(mark, style), Span::raw(format!(" {word}{failed}"))];
    let code = problem.map(|problem| vec![Span::styled(problem.code.id, theme::FAIL)]);
    let since = row.since.map(|(since, times)| {
        let at = since.to_zoned(model.zone.clone()).strftime("%H:%M:%S");
        let s = if times == 1 { "" } else { "s" };
        vec![Span::styled(format!("since {at} ({times} probe{s})"), theme::QUIET)]
    });
    // Where not all of it fits the code is what is looked up.
    let facts = if width < 70 { [code, since] } else { [since, code] };
    let state = std::iter::once(state).chain(facts.into_iter().flatten());
    let mut state = flow(state, 5, width.saturating_sub(11));
    if room == Room::Short {
        state.truncate(1);
    }
    for (i, spans) in state.into_iter().enumerate() {
        lines.push(named(if i == 0 { "State" } else { "" }, spans));
    }
    let config = model.config.providers.get(&row.name);
    if let Some(description) = config
        .and_then(ProviderConfig::description)
        .filter(|_| room > Room::Short)
    {
        wrapped("About", description, &mut lines);
    }
    if let Some(status) = status {
        wrapped("Endpoint", &status.endpoint, &mut lines);
        let auth = auth_words(model, row, None);
        if !auth.is_empty() {
            wrapped("Login", &auth, &mut lines);
        }
    }
    if let Some(problem) = problem {
        wrapped("Cause", &problem.what, &mut lines);
        for cause in problem.causes.iter().filter(|_| room > Room::Short) {
            wrapped("", &format!("· {cause}"), &mut lines);
        }
        for (i, fix) in problem.fixes.iter().enumerate() {
            let key = if i == 0 && fix.starts_with("hallpass provider login ") {
                "   (or press a)"
            } else {
                ""
            };
            wrapped(
                if i == 0 { "Fix" } else { "" },
                &format!("{}  {fix}{key}", i + 1),
                &mut lines,
            );
        }
    }
    if let Some(status) = status.filter(|s| !s.stages.is_empty()) {
        let rows = flow(ladder(&status.stages), STEP_GAP, width.saturating_sub(11));
        for (i, steps) in rows.into_iter().enumerate() {
            lines.push(named(if i == 0 { "Checks" } else { "" }, steps));
        }
    }
    let roles = if row.roles.is_empty() {
        "none".to_owned()
    } else {
        row.roles.join(", ")
    };
    lines.push(named(
        "Roles",
        vec![Span::raw(text::cut(&roles, width.saturating_sub(11)))],
    ));
    let variables = variables(model, row);
    if room == Room::Everything && !variables.is_empty() {
        lines.push(named(
            "Env",
            vec![Span::raw(text::cut(&variables, width.saturating_sub(11)))],
        ));
    }
    if !row.history.is_empty() {
        let spark: String = row.history.iter().map(|(_, ms)| spark(*ms)).collect();
        let words = format!("   {}", history_words(row));
        lines.push(named(
            "History",
            vec![Span::raw(spark), Span::styled(words, theme::QUIET)],
        ));
    }
    lines
}

/// The variables that matter to the provider: those that are set, and those that would set it up. Never a value.
fn variables(model: &Model, row: &ProviderRow) -> String {
    let Some(spec) = PROVIDERS.iter().find(|spec| spec.kind.word() == row.kind) else {
        return String::new();
    };
    let is_set = |name: &&str| model.variables.contains(*name);
    let own = spec.signs.iter().chain(spec.credentials).copied();
    let network: &[&str] = if spec.kind.is_remote() {
        &["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
    } else {
        &[]
    };
    let own = own.filter(|name| is_set(name) || spec.signs.contains(name));
    let network = network
        .iter()
        .copied()
        .filter(|name| is_set(name) || *name == "HTTPS_PROXY");
    let mut told = BTreeSet::new();
    let words = own
        .chain(network)
        // One that shows the kind and holds its login is in both lists.
        .filter(|name| told.insert(*name))
        .map(|name| format!("{name} ({})", if is_set(&name) { "set" } else { "unset" }));
    words.collect::<Vec<_>>().join("   ")
}

/// `1 probe`, `last 13 probes in 12m`: failing ones come less often, and a person may ask for one at any time.
fn history_words(row: &ProviderRow) -> String {
    match (row.history.front(), row.history.back()) {
        (Some((first, _)), Some((last, _))) if row.history.len() > 1 => {
            let time = text::brief(text::seconds_between(*first, *last));
            format!("last {} probes in {time}", row.history.len())
        }
        _ => "1 probe".to_owned(),
    }
}

/// One probe in the history: the slower the higher.
fn spark(ms: Option<u64>) -> char {
    match ms {
        None => '✗',
        Some(0..50) => '▁',
        Some(50..150) => '▂',
        Some(150..400) => '▃',
        Some(400..1000) => '▅',
        Some(_) => '▇',
    }
}

/// The report of `y`, as text.
pub fn report(model: &Model, index: usize) -> String {
    let Some(row) = model.providers.rows.get(index) else {
        return String::new();
    };
    let lines = detail_lines(model, row, 200, Room::Everything);
    let text: Vec<String> = lines
        .iter()
        .map(|line| line.to_string().trim_end().to_owned())
        .collect();
    format!("hallpass provider {}\n{}\n", row.name, text.join("\n"))
}
