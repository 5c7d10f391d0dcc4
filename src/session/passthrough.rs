//! Shim.
use crate::domain::{plan::LaunchPlan, problem::Problem};
pub fn connect(_p: LaunchPlan, _s: &std::path::Path) -> Result<super::Ending, Problem> {
    unimplemented!()
}
