//! Which roles and providers are checked when, and what their answers change. Cells are repainted; nothing is sorted or selected anew.

use std::collections::VecDeque;

use crate::domain::status::{ProviderStatus, RoleStatus, State};
use crate::ui::effects::Effect;
use crate::ui::layout;
use crate::ui::model::{Check, Dialog, Known, Model, RowOf, Screen};

/// Roles that are checked at once: a screen full, so that those of a provider that hangs keep no other one waiting. How many questions
/// are asked of the providers meanwhile is the providers' own limit.
const AT_ONCE: usize = 64;
/// Probes that the history of a provider holds.
const HISTORY: usize = 13;

/// Starts what is due: probes of providers, checks of the roles that are visible.
pub(super) fn due(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    for i in 0..model.providers.rows.len() {
        let due = model.providers.rows[i].due();
        if due.is_some_and(|due| due <= model.now) {
            effects.extend(provider(model, i));
        }
    }
    // A session wants to know whether its secrets are still those of now.
    let active = model.sessions.active_tab().filter(|tab| tab.is_live());
    if model.screen == Screen::Session
        && let Some(role) = active.map(|tab| tab.role.clone())
        && model.role(&role).is_some()
        && is_due(model, &role)
    {
        enqueue(model, role);
    }
    if model.screen == Screen::Roles && model.dialog.is_none() {
        let height = usize::from(layout::list_rows(model).height);
        let selected = model.roles.shown.get(model.roles.selected);
        let visible = model.roles.shown.iter().skip(model.roles.top).take(height);
        let wanted: Vec<String> = selected
            .into_iter()
            .chain(visible)
            .map(|place| &model.roles.rows[*place])
            .filter(|row| matches!(row.of, RowOf::Role(_)))
            .filter(|row| is_due(model, &row.name))
            .map(|row| row.name.clone())
            .collect();
        for name in wanted {
            enqueue(model, name);
        }
    }
    effects.extend(pump(model));
    effects
}

/// Whether a role that is looked at is to be checked.
fn is_due(model: &Model, name: &str) -> bool {
    match model.roles.checks.get(name) {
        None => true,
        Some(Check::Running { .. }) => false,
        Some(Check::Done(known)) => known.due().is_some_and(|due| due <= model.now),
    }
}

fn enqueue(model: &mut Model, name: String) {
    if !model.roles.queue.contains(&name) {
        model.roles.queue.push_back(name);
    }
}

/// Starts waiting checks while fewer than [`AT_ONCE`] run.
fn pump(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut running = model
        .roles
        .checks
        .values()
        .filter(|check| matches!(check, Check::Running { .. }))
        .count();
    while running < AT_ONCE {
        let Some(role) = model.roles.queue.pop_front() else {
            break;
        };
        let before = match model.roles.checks.remove(&role) {
            Some(Check::Done(known)) => Some(known),
            Some(check @ Check::Running { .. }) => {
                model.roles.checks.insert(role, check);
                continue;
            }
            None => None,
        };
        let generation = model.next_generation();
        model.roles.checks.insert(
            role.clone(),
            Check::Running {
                generation,
                since: model.now,
                before,
            },
        );
        effects.push(Effect::CheckRole { generation, role });
        running += 1;
    }
    effects
}

pub(super) fn one(model: &mut Model, name: &str) -> Vec<Effect> {
    // A login that failed to start is no role.
    if model.role(name).is_none() {
        return Vec::new();
    }
    model.roles.queue.retain(|waiting| waiting != name);
    model.roles.queue.push_front(name.to_owned());
    pump(model)
}

pub(super) fn all(model: &mut Model) -> Vec<Effect> {
    let names: VecDeque<String> = model
        .roles
        .rows
        .iter()
        .filter(|row| matches!(row.of, RowOf::Role(_)))
        .map(|row| row.name.clone())
        .collect();
    match names.len() {
        0 => model.notify("there is no role to check"),
        1 => model.notify("checking 1 role, Ctrl-C cancels"),
        many => model.notify(format!("checking {many} roles, Ctrl-C cancels")),
    }
    model.roles.awaited = names.iter().map(|name| (name.clone(), None)).collect();
    model.roles.queue = names;
    let mut effects = all_providers(model);
    effects.extend(pump(model));
    effects
}

/// Puts an answer to those that a person waits for; says what they have come to when it was the last one.
fn answered(model: &mut Model, status: &RoleStatus) {
    let Some(answer) = model.roles.awaited.get_mut(&status.name) else {
        return;
    };
    *answer = Some(status.state);
    if model.roles.awaited.values().any(Option::is_none) {
        return;
    }
    let answers = std::mem::take(&mut model.roles.awaited);
    let count = |state| answers.values().filter(|answer| **answer == Some(state)).count();
    let failed = count(State::Fail);
    let said = if answers.len() == 1 {
        let reason = status
            .reason()
            .filter(|_| failed > 0)
            .map(|problem| problem.what.as_str());
        format!("{}: {}", status.name, reason.unwrap_or(status.state.word()))
    } else {
        let words = [
            (count(State::Ok), "ok"),
            (count(State::Warn), "with a warning"),
            (failed, "failed"),
        ];
        let words = words.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = words.map(|(count, word)| format!("{count} {word}")).collect();
        format!("checked: {}", words.join(", "))
    };
    // Who has gone elsewhere meanwhile sees it in the list.
    let elsewhere = model.screen == Screen::Session || model.replay.is_some();
    if elsewhere || !matches!(model.dialog, None | Some(Dialog::Failure { .. })) {
        return;
    }
    if failed > 0 {
        model.complain(said);
    } else {
        model.notify(said);
    }
}

/// Forgets the checks that run or wait. Empty if there were none.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    let mut any = !model.roles.queue.is_empty();
    model.roles.queue.clear();
    model.roles.awaited.clear();
    let now = model.now;
    let running: Vec<String> = model
        .roles
        .checks
        .iter()
        .filter(|(_, check)| matches!(check, Check::Running { .. }))
        .map(|(name, _)| name.clone())
        .collect();
    for name in running {
        any = true;
        if let Some(Check::Running {
            before: Some(mut known),
            ..
        }) = model.roles.checks.remove(&name)
        {
            // Not at once again: that was just called off.
            known.at = now;
            model.roles.checks.insert(name, Check::Done(known));
        }
    }
    for row in &mut model.providers.rows {
        if row.running.take().is_some() {
            any = true;
            row.checked = Some(now);
        }
    }
    if any { vec![Effect::CancelChecks] } else { Vec::new() }
}

pub(super) fn role_checked(model: &mut Model, generation: u64, status: RoleStatus) -> Vec<Effect> {
    if let Some(Check::Running {
        generation: expected,
        before,
        ..
    }) = model.roles.checks.get(&status.name)
        && *expected == generation
    {
        let failed = before.as_ref().map_or(0, |known| known.failures);
        let known = Known {
            failures: if status.state == State::Fail { failed + 1 } else { 0 },
            at: model.now,
            status,
        };
        answered(model, &known.status);
        let name = known.status.name.clone();
        model.roles.checks.insert(name, Check::Done(Box::new(known)));
    }
    pump(model)
}

/// Probes the provider of this row, unless that runs already.
pub(super) fn provider(model: &mut Model, index: usize) -> Option<Effect> {
    let generation = model.next_generation();
    let now = model.now;
    let row = model.providers.rows.get_mut(index)?;
    if row.running.is_some() {
        return None;
    }
    row.running = Some((generation, now));
    Some(Effect::CheckProvider {
        generation,
        provider: row.name.clone(),
    })
}

/// A login of the provider has ended, well or not: everything that was found out about it before is old.
pub(super) fn logged_in(model: &mut Model, provider: &str) -> Vec<Effect> {
    let Some(index) = model.providers.rows.iter().position(|row| row.name == provider) else {
        return Vec::new();
    };
    let row = &mut model.providers.rows[index];
    row.running = None;
    for role in row.roles.clone() {
        if let Some(Check::Done { .. }) = model.roles.checks.get(&role) {
            model.roles.checks.remove(&role);
        }
    }
    let mut effects = vec![Effect::Reopen(provider.to_owned())];
    effects.extend(self::provider(model, index));
    effects
}

pub(super) fn all_providers(model: &mut Model) -> Vec<Effect> {
    (0..model.providers.rows.len())
        .filter_map(|i| provider(model, i))
        .collect()
}

pub(super) fn provider_checked(model: &mut Model, generation: u64, status: ProviderStatus) -> Vec<Effect> {
    let now = model.now;
    let row = model.providers.rows.iter_mut().find(|row| row.name == status.name);
    if let Some(row) = row.filter(|row| row.running.is_some_and(|(g, _)| g == generation)) {
        row.running = None;
        row.checked = Some(now);
        row.since = match row.since {
            Some((since, times)) if row.status.as_ref().is_some_and(|old| old.state == status.state) => {
                Some((since, times + 1))
            }
            _ => Some((now, 1)),
        };
        let answered = (status.state != State::Fail).then(|| status.latency_ms.unwrap_or(0));
        row.history.push_back((now, answered));
        while row.history.len() > HISTORY {
            row.history.pop_front();
        }
        row.status = Some(status);
    }
    Vec::new()
}
