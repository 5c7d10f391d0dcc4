//! From a role to a session: the launch, its answers, and giving it up.

use super::{dialog, session};
use crate::domain::catalogue;
use crate::domain::lease::Lease;
use crate::domain::problem::Problem;
use crate::launch::{Errand, Request, locked_stores};
use crate::ui::clipboard::Requests;
use crate::ui::effects::Effect;
use crate::ui::layout;
use crate::ui::message::Opened;
use crate::ui::model::{Back, Dialog, LeaseState, Model, News, Opening, RowOf, Screen, Tab, TabLease, TabState};
use crate::ui::rows::{is_prod, label};

/// Starts opening a role. `behind` leaves the list in front when the session is there.
pub(super) fn open_role(model: &mut Model, name: &str, behind: bool) -> Vec<Effect> {
    let request = Request {
        role: name.to_owned(),
        ..Request::default()
    };
    start(model, request, behind, None, Back::Roles)
}

/// Starts opening what was asked for on the command line, or what failed before.
pub fn open(model: &mut Model, request: Request) -> Vec<Effect> {
    start(model, request, false, None, Back::Roles)
}

/// Opens the login of a provider, where its kind has one; `back` is where it was asked for.
pub(super) fn log_in(model: &mut Model, provider: &str, back: Back) -> Vec<Effect> {
    let row = model.providers.rows.iter().find(|row| row.name == provider);
    if row.is_some_and(|row| !row.logs_in) {
        model.complain(format!("{provider} has no login by a person, as it is set up"));
        return Vec::new();
    }
    start(
        model,
        Request::errand(Errand::Login(provider.to_owned())),
        false,
        None,
        back,
    )
}

/// Looks at what stands in a provider's way, or at the whole machine.
pub(super) fn examine(model: &mut Model, provider: Option<String>, back: Back) -> Vec<Effect> {
    start(model, Request::errand(Errand::Doctor(provider)), false, None, back)
}

/// Opens the session of a tab again, in its place.
pub(super) fn reopen(model: &mut Model, index: usize) -> Vec<Effect> {
    let Some(tab) = model.sessions.tabs.get(index) else {
        return Vec::new();
    };
    let (request, id, back) = (tab.request.clone(), tab.id, tab.back.clone());
    start(model, request, false, Some(id), back)
}

fn start(model: &mut Model, request: Request, behind: bool, replaces: Option<u64>, back: Back) -> Vec<Effect> {
    let name = request.role.as_str();
    if model.opening.is_some() {
        model.complain("another session is being opened");
        return Vec::new();
    }
    let row = model.roles.rows.iter().find(|row| row.name == name).map(|row| row.of);
    match row {
        _ if request.errand.is_some() => {}
        Some(RowOf::Role(_)) => {}
        Some(RowOf::Broken(i)) => {
            dialog::show_broken(model, i);
            return Vec::new();
        }
        None => {
            let known = model.roles.rows.iter().map(|row| row.name.as_str());
            let near = crate::domain::suggest::nearest(name, known);
            model.complain(match near.first() {
                Some(near) => format!("no role is called {name}; did you mean {near}?"),
                None => format!("no role is called {name}"),
            });
            return Vec::new();
        }
    }
    let generation = model.next_generation();
    let tab = model.next_tab;
    model.next_tab += 1;
    model.opening = Some(Opening {
        generation,
        request: request.clone(),
        since: model.now,
        behind,
        replaces,
        back,
    });
    let size = layout::session_size(model.size, model.sessions.bare);
    vec![Effect::Launch {
        generation,
        tab,
        request,
        size,
    }]
}

/// Gives up the launch that runs, if any; its answer will be dropped.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    let Some(opening) = model.opening.take() else {
        return Vec::new();
    };
    if model.leaving.is_none() {
        model.notify(format!("{} was not opened", opening.request.role));
    }
    vec![Effect::CancelLaunch]
}

pub(super) fn opened(model: &mut Model, generation: u64, opened: Opened) -> Vec<Effect> {
    let Some(opening) = model.opening.take_if(|opening| opening.generation == generation) else {
        // It was cancelled while it started.
        return vec![Effect::HangUp { tab: opened.tab }, Effect::Forget { tab: opened.tab }];
    };
    let role = opening.request.role.clone();
    let tab = new_tab(model, opening.request, opening.back, opened);
    let id = tab.id;
    if let Some(warning) = tab.warnings.first() {
        model.complain(warning.clone());
    }
    let mut effects = Vec::new();
    let replaced = opening
        .replaces
        .and_then(|old| model.sessions.tabs.iter().position(|t| t.id == old));
    match replaced {
        Some(index) => {
            let old = std::mem::replace(&mut model.sessions.tabs[index], tab);
            effects.push(Effect::Forget { tab: old.id });
        }
        None => model.sessions.tabs.push(tab),
    }
    if opening.behind {
        model.notify(format!("{role} is open: 3 lists the sessions"));
    } else {
        session::show(model, id);
    }
    // The terminal may have changed its size meanwhile.
    effects.extend(session::resize_all(model));
    effects
}

fn new_tab(model: &Model, request: Request, back: Back, opened: Opened) -> Tab {
    let role = model.role(&request.role);
    let env = role.and_then(|role| role.env.as_deref());
    Tab {
        id: opened.tab,
        session_id: opened.session_id,
        role: request.role.clone(),
        label: label(&model.config, env),
        color: env.and_then(|env| model.config.environments.get(env)?.color.clone()),
        prod: is_prod(env),
        access: role.and_then(|role| role.access_mode.clone()).unwrap_or_default(),
        program: if opened.program.is_empty() {
            role.map_or_else(String::new, |role| role.kind().to_owned())
        } else {
            opened.program
        },
        emulator: opened.emulator,
        redactor: opened.redactor,
        copy: None,
        clipboard: Requests::new(role.and_then(|role| role.policy.clipboard), is_prod(env)),
        size: opened.size,
        resized: None,
        state: TabState::Live,
        news: News::None,
        started: model.now,
        typed: model.now,
        limits: opened.limits,
        warned: 0,
        secrets: opened.secrets,
        leases: opened.leases.into_iter().map(held).collect(),
        warnings: opened.warnings,
        recorded: opened.recorded,
        request,
        back,
    }
}

fn held(lease: Lease) -> TabLease {
    TabLease {
        lease,
        state: LeaseState::Held,
    }
}

pub(super) fn failed(model: &mut Model, generation: u64, problems: Vec<Problem>) -> Vec<Effect> {
    let Some(opening) = model.opening.take_if(|opening| opening.generation == generation) else {
        return Vec::new();
    };
    let store = locked_stores(&problems).first().map(|store| (*store).to_owned());
    model.dialog = Some(match store {
        Some(provider) => Dialog::Passphrase {
            request: opening.request,
            provider,
            // Room enough that it never grows: a grown string leaves a copy of its beginning behind.
            input: zeroize::Zeroizing::new(String::with_capacity(1024)),
            problem: None,
            waiting: None,
        },
        None => Dialog::Failure {
            request: opening.request,
            problems,
            scroll: 0,
        },
    });
    if model.screen == Screen::Session && model.sessions.tabs.is_empty() {
        model.screen = Screen::Roles;
    }
    Vec::new()
}

/// What `hallpass connect` would exit with where these stop it.
pub fn failure_code(problems: &[Problem]) -> i32 {
    let is = |code: &'static catalogue::Code| problems.first().is_some_and(|problem| problem.code == code);
    if is(&catalogue::CLIENT_MISSING) {
        127
    } else if is(&catalogue::CLIENT_NOT_EXECUTABLE) {
        126
    } else {
        125
    }
}
