//! The recording of a launch, made before anything is resolved: a session that must be recorded and cannot be reads no secret.

use crate::config::Config;
use crate::domain::catalogue;
use crate::domain::policy::{Record, SessionPolicy};
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::recording::cast::Size;
use crate::recording::{self, Begin, Recorder, store};

/// What came of it: a recorder unless the policy says otherwise; or why there is none, where the session goes on without.
#[derive(Default)]
pub struct Recording {
    pub recorder: Option<Recorder>,
    pub warning: Option<Problem>,
}

/// Makes the recording of a session of the role. `unrecorded`: the person wants none.
///
/// # Errors
/// Only where the policy requires a recording: `E-REC-REQUIRED` if the person wants none, and as [`recording::open`].
pub fn record(
    config: &Config,
    role: &Role,
    session: &str,
    size: Size,
    term: Option<&str>,
    unrecorded: bool,
) -> Result<Recording, Problem> {
    let required = role.policy.record == Record::Required;
    let nothing_was_read = "nothing was started, and no secret was read";
    if unrecorded {
        let what = format!("sessions of role {} have to be recorded: {nothing_was_read}", role.name);
        return match required {
            true => Err(Problem::new(&catalogue::REC_REQUIRED, what).at(role.at.clone())),
            false => Ok(Recording::default()),
        };
    }
    match recording::open(&begin(config, role, &role.policy, session, size, term)) {
        Ok(recorder) => Ok(Recording {
            recorder,
            warning: None,
        }),
        Err(mut problem) if required => {
            problem.what = format!(
                "{}, and role {} requires one: {nothing_was_read}",
                problem.what, role.name
            );
            Err(problem)
        }
        Err(mut problem) => {
            problem.what = format!("the session is not recorded: {}", problem.what);
            Ok(Recording {
                recorder: None,
                warning: Some(problem),
            })
        }
    }
}

fn begin<'a>(
    config: &'a Config,
    role: &Role,
    policy: &'a SessionPolicy,
    session: &str,
    size: Size,
    term: Option<&str>,
) -> Begin<'a> {
    let label = role.env.as_ref().map(|env| {
        let known = config.environments.get(env).and_then(|known| known.label.clone());
        known.unwrap_or_else(|| env.to_uppercase())
    });
    let title = label.map_or_else(|| role.name.clone(), |label| format!("{label} {}", role.name));
    Begin {
        folder: store::folder(&config.folders.state),
        session: session.to_owned(),
        role: role.name.clone(),
        env: role.env.clone(),
        title,
        term: term.map(str::to_owned),
        size,
        policy,
        settings: &config.recordings,
    }
}
