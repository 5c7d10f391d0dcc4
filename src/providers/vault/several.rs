//! Several secrets at once: what is spelt differently and is one secret of the server is read once.

use futures::future::join_all;

use super::Vault;
use super::path::{self, Kv};
use super::read::{Purpose, Read, of_version};
use crate::domain::problem::Problem;
use crate::domain::reference::SecretId;
use crate::providers::{Fetched, Inspected};

/// Where a secret is: the API path, as which engine it is read, and the version that is pinned.
type Place = (String, Kv, Option<u64>);

impl Vault {
    /// Reads all; answers in the same order.
    pub(super) async fn read_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        // Only references of different kinds spell one path differently.
        let alike = secrets.windows(2).all(|pair| pair[0].kind == pair[1].kind);
        let places = match alike {
            true => Vec::new(),
            false => join_all(secrets.iter().map(|secret| self.place(secret))).await,
        };
        let mut groups: Vec<(Option<Place>, Vec<usize>)> = Vec::new();
        for at in 0..secrets.len() {
            let place = places.get(at).cloned().flatten();
            match groups.iter_mut().find(|(other, _)| place.is_some() && *other == place) {
                Some((_, members)) => members.push(at),
                None => groups.push((place, vec![at])),
            }
        }
        let reads = groups.into_iter().map(|(_, members)| async move {
            let mut read = self.read(&secrets[members[0]], Purpose::Use).await;
            let of_member = |at| {
                let fetched = match &mut read {
                    Ok(read) => self.fetched(read),
                    Err(problem) => Err(problem.clone()),
                };
                (at, fetched)
            };
            members.into_iter().map(of_member).collect::<Vec<_>>()
        });
        let mut fetched: Vec<(usize, _)> = join_all(reads).await.into_iter().flatten().collect();
        fetched.sort_by_key(|(at, _)| *at);
        fetched.into_iter().map(|(_, fetched)| fetched).collect()
    }

    /// None where only reading it tells, or where a read makes something.
    async fn place(&self, secret: &SecretId) -> Option<Place> {
        let (named, pin) = (path::read(secret).ok()?, path::pin(secret).ok()?);
        let token = self.token().await.ok()?;
        match self.targets(&named, &token).await.ok()?.as_slice() {
            [target] if !target.makes => Some((target.api(), target.kv, pin)),
            _ => None,
        }
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
