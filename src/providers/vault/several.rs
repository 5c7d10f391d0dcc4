//! Several secrets at once: what is spelt differently and is one secret of the server is read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;

use super::Vault;
use super::path::{self, Kv, Named, Target};
use super::read::{Purpose, Read, of_version};
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, SecretId};
use crate::providers::{Fetched, Inspected};

/// Where a secret is: the API path, as which engine it is read, and the version that is pinned.
type Place = (String, Kv, Option<u64>);

/// What came of reading a place, once somebody has; the lock is held while it is read.
type Reading = tokio::sync::Mutex<Option<Result<Read, Problem>>>;

impl Vault {
    /// Reads all; answers in the same order. Each goes its own way, so a server that does not answer where one of them is holds up no read of
    /// another.
    pub(super) async fn read_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        // Every other kind has more than one spelling for a path.
        let alike = secrets.iter().all(|secret| matches!(secret.kind, Kind::Of(_)));
        let reads = Mutex::<BTreeMap<Place, Arc<Reading>>>::default();
        join_all(secrets.iter().map(async |secret| {
            let place = if alike { None } else { self.place(secret).await? };
            let reading = match place {
                None => Arc::default(),
                Some(place) => {
                    let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
                    Arc::clone(reads.entry(place).or_default())
                }
            };
            let mut reading = reading.lock().await;
            let read = match reading.take() {
                Some(read) => read,
                None => self.read(secret, Purpose::Use).await,
            };
            match reading.insert(read) {
                Ok(read) => self.fetched(read),
                Err(problem) => Err(problem.clone()),
            }
        }))
        .await
    }

    /// None where only reading it tells, or where a read makes something. The server is asked only where the id leaves it open.
    async fn place(&self, secret: &SecretId) -> Result<Option<Place>, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let place = |target: &Target| (!target.makes).then(|| (target.api(), target.kv, pin));
        match &named {
            Named::Exactly(target) if !target.makes || target.mount.is_some() => return Ok(place(target)),
            _ => {}
        }
        let token = self.token().await?;
        Ok(match self.targets(&named, &token).await?.as_slice() {
            [target] => place(target),
            _ => None,
        })
    }

    /// What a read has brought. Its lease goes with the first who asks.
    pub(super) fn fetched(&self, read: &mut Read) -> Result<Fetched, Problem> {
        let (payload, version) = self.content(read)?;
        let Inspected { version, changed, .. } = of_version(version.as_ref());
        let lease = read.lease.take();
        Ok(Fetched {
            version,
            changed,
            expires: lease.as_ref().map(|held| held.lease().expires),
            lease,
            ..Fetched::new(payload)
        })
    }
}
