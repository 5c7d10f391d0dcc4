//! Which roles and providers are checked when, and what their answers change. Cells are repainted; nothing is sorted or selected anew.

use std::collections::VecDeque;

use crate::domain::status::{ProviderStatus, RoleStatus, State};
use crate::ui::effects::Effect;
use crate::ui::layout;
use crate::ui::model::{Check, Model, RowOf, Screen};
use crate::ui::text::seconds_between;

/// Role checks at once.
const AT_ONCE: usize = 8;
/// Seconds between two probes of a provider; a failing one is asked less and less often.
const PROBE_EVERY: i64 = 60;
const PROBE_AT_MOST_EVERY: i64 = 300;
/// Seconds after which the check of a visible role is repeated.
const STALE_AFTER: i64 = 300;
/// Probes that the history of a provider holds.
const HISTORY: usize = 13;

/// Starts what is due: probes of providers, checks of the roles that are visible.
pub(super) fn due(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    for i in 0..model.providers.rows.len() {
        let row = &model.providers.rows[i];
        let every = match (row.state(), row.since) {
            (Some(State::Fail), Some((_, times))) => (PROBE_EVERY * i64::from(times)).min(PROBE_AT_MOST_EVERY),
            _ => PROBE_EVERY,
        };
        if row.checked.is_none_or(|at| seconds_between(at, model.now) >= every) {
            effects.extend(provider(model, i));
        }
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
            .filter(|row| match model.roles.checks.get(&row.name) {
                None => true,
                Some(Check::Running { .. }) => false,
                Some(Check::Done { at, .. }) => seconds_between(*at, model.now) >= STALE_AFTER,
            })
            .map(|row| row.name.clone())
            .collect();
        for name in wanted {
            enqueue(model, name);
        }
    }
    effects.extend(pump(model));
    effects
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
            Some(Check::Done { status, .. }) => Some(Box::new(status)),
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
    model.notify(format!("checking {} roles, Ctrl-C cancels", names.len()));
    model.roles.queue = names;
    let mut effects = all_providers(model);
    effects.extend(pump(model));
    effects
}

/// Forgets the checks that run or wait. Empty if there were none.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    let mut any = !model.roles.queue.is_empty();
    model.roles.queue.clear();
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
            before: Some(status), ..
        }) = model.roles.checks.remove(&name)
        {
            model.roles.checks.insert(
                name,
                Check::Done {
                    status: *status,
                    at: now,
                },
            );
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
    let expected =
        matches!(model.roles.checks.get(&status.name), Some(Check::Running { generation: g, .. }) if *g == generation);
    if expected {
        let at = model.now;
        model
            .roles
            .checks
            .insert(status.name.clone(), Check::Done { status, at });
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
        row.history.push_back(if status.state == State::Fail {
            None
        } else {
            Some(status.latency_ms.unwrap_or(0))
        });
        while row.history.len() > HISTORY {
            row.history.pop_front();
        }
        row.status = Some(status);
    }
    Vec::new()
}
