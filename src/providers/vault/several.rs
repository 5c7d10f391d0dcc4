//! Several secrets at once: what is spelt differently and is one secret of the server is read once.

use futures::future::join_all;

use super::Vault;
use super::path::{self, Kv, Named, Target};
use super::read::{Purpose, Read, of_version};
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, SecretId};
use crate::providers::{Fetched, Inspected};

/// Where a secret is: the API path, as which engine it is read, and the version that is pinned.
type Place = (String, Kv, Option<u64>);

/// One read: the place, and which of the secrets it is for.
type Group = (Option<Place>, Vec<usize>);

/// A secret beside its place, if that is known.
fn add(groups: &mut Vec<Group>, place: Option<Place>, at: usize) {
    match groups.iter_mut().find(|(other, _)| place.is_some() && *other == place) {
        Some((_, members)) => members.push(at),
        None => groups.push((place, vec![at])),
    }
}

impl Vault {
    /// Reads all; answers in the same order. What can be read at once is, while the server is asked where the others are: one that does not
    /// answer is waited for once.
    pub(super) async fn read_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        // Every other kind has more than one spelling for a path.
        let alike = secrets.iter().all(|secret| matches!(secret.kind, Kind::Of(_)));
        let (mut fetched, mut placed, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for (at, secret) in secrets.iter().enumerate() {
            match said(secret) {
                Err(problem) => fetched.push((at, Err(problem))),
                Ok(Some(place)) => add(&mut placed, place, at),
                Ok(None) if alike => placed.push((None, vec![at])),
                Ok(None) => asked.push(at),
            }
        }
        let read = async |(place, members): &Group| {
            let read = self.read(&secrets[members[0]], Purpose::Use).await;
            (place.clone(), read, members.clone())
        };
        let rest = async {
            let places = join_all(asked.iter().map(|at| self.place(&secrets[*at]))).await;
            let (mut failed, mut alone, mut shared) = (Vec::new(), Vec::new(), Vec::new());
            for (at, place) in asked.iter().copied().zip(places) {
                match place {
                    // Asked again, a login that failed would fail once more, and too many lock an account.
                    Err(problem) => failed.push((at, Err(problem))),
                    Ok(place) if place.is_some() && placed.iter().any(|(other, _)| *other == place) => {
                        shared.push((place, at));
                    }
                    Ok(place) => add(&mut alone, place, at),
                }
            }
            (join_all(alone.iter().map(&read)).await, failed, shared)
        };
        let (mut reads, (others, failed, shared)) = futures::join!(join_all(placed.iter().map(&read)), rest);
        fetched.extend(failed);
        for (place, at) in shared {
            let same = reads.iter_mut().find(|(other, ..)| *other == place);
            same.into_iter().for_each(|(_, _, members)| members.push(at));
        }
        for (_, mut read, members) in reads.into_iter().chain(others) {
            fetched.extend(members.into_iter().map(|at| {
                let fetched = match &mut read {
                    Ok(read) => self.fetched(read),
                    Err(problem) => Err(problem.clone()),
                };
                (at, fetched)
            }));
        }
        fetched.sort_by_key(|(at, _)| *at);
        fetched.into_iter().map(|(_, fetched)| fetched).collect()
    }

    /// None where only reading it tells, or where a read makes something.
    async fn place(&self, secret: &SecretId) -> Result<Option<Place>, Problem> {
        let (named, pin) = (path::read(secret)?, path::pin(secret)?);
        let token = self.token().await?;
        Ok(match self.targets(&named, &token).await?.as_slice() {
            [target] => place_of(target, pin),
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

/// The place as far as the id itself says it; none where the server has to be asked.
fn said(secret: &SecretId) -> Result<Option<Option<Place>>, Problem> {
    let (named, pin) = (path::read(secret)?, path::pin(secret)?);
    Ok(match named {
        Named::Exactly(target) if target.makes && target.mount.is_none() => None,
        Named::Exactly(target) => Some(place_of(&target, pin)),
        Named::MountAndPath(_) => None,
    })
}

fn place_of(target: &Target, pin: Option<u64>) -> Option<Place> {
    (!target.makes).then(|| (target.api(), target.kv, pin))
}
