//! `envjson`: a JSON object in one variable of the environment that hallpass itself was started with.

use std::sync::Arc;

use async_trait::async_trait;

use super::env::{ENDPOINT, status, variable};
use super::{Credentials, Fetched, Inspected, Provider, ProviderConfig, World, seen};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::domain::secret::Payload;
use crate::domain::status::ProviderStatus;

struct EnvJson {
    name: String,
    world: World,
}

pub(super) fn open(config: &ProviderConfig, world: &World, _: &Credentials) -> Result<Arc<dyn Provider>, Problem> {
    Ok(Arc::new(EnvJson {
        name: config.name.clone(),
        world: world.clone(),
    }))
}

#[async_trait]
impl Provider for EnvJson {
    fn endpoint(&self) -> String {
        ENDPOINT.to_owned()
    }

    async fn probe(&self) -> ProviderStatus {
        status(&self.name, "envjson")
    }

    async fn inspect(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let payload = self.fetch(secret).await?.payload;
        Ok(seen(&payload, keys))
    }

    async fn fetch(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let name = &secret.path;
        let payload = Payload::text_as_json(&variable(&self.world, name)?).map_err(|_| {
            let what = format!("the environment variable {name} does not hold a JSON object");
            Problem::new(&catalogue::REF_NOT_JSON, what)
                .fixes(vec![
                    format!("export {name}='{{\"key\": \"…\"}}'"),
                    format!("for the whole text: _envs/{name}"),
                ])
                .fact("Variable", name)
        })?;
        Ok(Fetched::new(payload))
    }
}
