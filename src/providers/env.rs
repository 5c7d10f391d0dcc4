//! `env`: one variable of the environment that hallpass itself was started with.

use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Credentials, Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::{Payload, SecretValue};
use crate::domain::status::ProviderStatus;
use crate::domain::suggest::nearest;

struct Env {
    name: String,
    world: World,
}

pub(super) fn open(config: &ProviderConfig, world: &World, _: &Credentials) -> Result<Arc<dyn Provider>, Problem> {
    Ok(Arc::new(Env {
        name: config.name.clone(),
        world: world.clone(),
    }))
}

/// The variable's bytes, as they are.
pub(super) fn variable(world: &World, name: &str) -> Result<SecretValue, Problem> {
    if let Some(value) = world.env.get(name) {
        return Ok(SecretValue::from_bytes(value.as_bytes().to_vec()));
    }
    let what = format!("the environment variable {name} is not set");
    Err(Problem::new(&catalogue::ENV_UNSET, what)
        .similar(near_misses(name, world))
        .fixes(vec![format!("export {name}=…   then start hallpass again")])
        .fact("Variable", name))
}

/// Variables that are set and differ by a slip or two: others that happen to look alike would only mislead.
fn near_misses(name: &str, world: &World) -> Vec<String> {
    let set = world.env.keys().map(String::as_str);
    nearest(name, set.filter(|other| strsim::osa_distance(name, other) <= 2))
}

/// A provider that is always there: nothing to reach, nothing to log in to.
pub(super) fn status(name: &str, kind: &'static str) -> ProviderStatus {
    ProviderStatus {
        latency_ms: Some(0),
        ..ProviderStatus::new(name, kind, ENDPOINT.to_owned())
    }
}

pub(super) const ENDPOINT: &str = "environment";

#[async_trait]
impl Provider for Env {
    fn endpoint(&self) -> String {
        ENDPOINT.to_owned()
    }

    async fn probe(&self) -> ProviderStatus {
        status(&self.name, "env")
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let payload = self.fetch(secret).await?.payload;
        Ok(seen(&payload, keys))
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        Ok(Fetched::new(Payload::Text(variable(&self.world, &secret.path)?)))
    }
}
