//! What happens to the credentials of sessions.

use crate::domain::lease::Lease;
use crate::domain::problem::Problem;
use crate::providers::leases::News;
use crate::ui::effects::Effect;
use crate::ui::model::{LeaseState, Model};
use crate::ui::view::clock;

/// Takes news to the session that they concern; what a person should know, and cannot see in front, is said.
pub(super) fn news(model: &mut Model, news: News) -> Vec<Effect> {
    let (lease, state, said) = match news {
        News::Renewed(lease) => {
            let last = (!lease.renewable).then(|| {
                let end = clock(model, lease.expires);
                format!(
                    "the credential of {} ends at {end}: it cannot be renewed any further",
                    lease.path()
                )
            });
            (lease, LeaseState::Held, last)
        }
        News::NotRenewed(lease, problem) => {
            let said = format!(
                "the credential of {} was not renewed ({}), ends at {}",
                lease.path(),
                problem.code.id,
                clock(model, lease.expires)
            );
            (lease, LeaseState::NotRenewed(words(&problem)), Some(said))
        }
        News::Revoked(lease) => (lease, LeaseState::Revoked, None),
        News::NotRevoked(lease, problem) => {
            let said = (lease.left(model.now) > 0).then(|| not_revoked(model, &lease, &problem));
            (lease, LeaseState::NotRevoked(words(&problem)), said)
        }
    };
    let known = model.sessions.tabs.iter_mut().flat_map(|tab| &mut tab.leases);
    let known = known.filter(|known| known.lease.id == lease.id && known.lease.provider == lease.provider);
    for known in known {
        known.lease = lease.clone();
        known.state = state.clone();
    }
    if let Some(said) = said {
        model.complain(said);
    }
    Vec::new()
}

fn not_revoked(model: &Model, lease: &Lease, problem: &Problem) -> String {
    format!(
        "the credential of {} could not be revoked ({}), ends by itself at {}",
        lease.path(),
        problem.code.id,
        clock(model, lease.expires)
    )
}

fn words(problem: &Problem) -> String {
    format!("{} ({})", problem.what, problem.code.id)
}
