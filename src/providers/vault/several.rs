//! Several secrets at once: what is spelt differently and is one secret of the server is read once.

use futures::future::join_all;

use super::Vault;
use super::path::{self, Kv};
use super::read::{Purpose, Read, of_version};
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, SecretId};
use crate::providers::{Fetched, Inspected};

/// Where a secret is: the API path, as which engine it is read, and the version that is pinned.
type Place = (String, Kv, Option<u64>);

impl Vault {
    /// Reads all; answers in the same order.
    pub(super) async fn read_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        // Every other kind has more than one spelling for a path.
        let alike = secrets.iter().all(|secret| matches!(secret.kind, Kind::Of(_)));
        let places = match alike {
            true => vec![Ok(None); secrets.len()],
            false => join_all(secrets.iter().map(|secret| self.place(secret))).await,
        };
        let mut fetched = Vec::new();
        let mut groups: Vec<(Option<Place>, Vec<usize>)> = Vec::new();
        for (at, place) in places.into_iter().enumerate() {
            match place {
                // Asked again, a login that failed would fail once more, and too many lock an account.
                Err(problem) => fetched.push((at, Err(problem))),
                Ok(place) => match groups.iter_mut().find(|(other, _)| place.is_some() && *other == place) {
                    Some((_, members)) => members.push(at),
                    None => groups.push((place, vec![at])),
                },
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
        fetched.extend(join_all(reads).await.into_iter().flatten());
        fetched.sort_by_key(|(at, _)| *at);
        fetched.into_iter().map(|(_, fetched)| fetched).collect()
    }

    /// None where only reading it tells, or where a read makes something.
    async fn place(&self, secret: &SecretId) -> Result<Option<Place>, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let token = self.token().await?;
        Ok(match self.targets(&named, &token).await?.as_slice() {
            [target] if !target.makes => Some((target.api(), target.kv, pin)),
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
