//! What is known of a secret without reading it, as far as the policy lets us know.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::Aws;
use super::read::{Place, timestamp};
use super::refusal::Wanted;
use super::transport::Failure;
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};
use crate::providers::{Inspected, seen};

/// A version that no secret has. Asking for it shows whether a value may be read, and reads none: permissions are looked at first.
const NO_VERSION: &str = "hallpass-may-it-read-no-such-version";

impl Aws {
    /// What is known of a secret: from its metadata, where the policy lets us see it and read the value; else the value has to be read.
    pub(super) async fn look_at(&self, secret: &SecretId, keys: &[&str]) -> Result<Inspected, Problem> {
        let place = Place::of(secret)?;
        let region = self.region(place.region.as_deref()).await?;
        let described = self.ask(&region, |client| client.describe_secret().secret_id(&place.id).send());
        let allowed = self.ask(&region, |client| {
            client
                .get_secret_value()
                .secret_id(&place.id)
                .version_id(NO_VERSION)
                .send()
        });
        let (described, allowed) = futures::join!(described, allowed);
        let wanted = Wanted {
            secret,
            place: &place,
            region: &region,
            line: "DescribeSecret",
        };
        // Policies may speak of versions: what they say of one that is not there need not hold for the one that is.
        let denied = matches!(allowed?, Err((Failure::Refused(refusal), _)) if refusal.is_denial());
        match described? {
            Ok(description) if !denied => self.of_description(&wanted, &description),
            Err((Failure::Refused(refusal), _)) if !refusal.is_denial() => {
                let login = self.login_as(None, Some(&region)).await?;
                Err(self.not_read(&wanted, &Failure::Refused(refusal), &login).await)
            }
            Err((failure @ (Failure::Unanswered(_) | Failure::Unready(_)), login)) => {
                Err(self.not_read(&wanted, &failure, &login).await)
            }
            Ok(_) | Err(_) => {
                let fetched = self.read(secret).await?;
                Ok(Inspected {
                    version: fetched.version,
                    changed: fetched.changed,
                    ..seen(&fetched.payload, keys)
                })
            }
        }
    }

    fn of_description(&self, wanted: &Wanted<'_>, description: &DescribeSecretOutput) -> Result<Inspected, Problem> {
        if let Some(deleted) = description.deleted_date() {
            return Err(self.deleted(wanted, timestamp(Some(deleted))));
        }
        let versions = description.version_ids_to_stages();
        let version = match &wanted.secret.pin {
            Some(Pin::Version(pinned)) => versions
                .and_then(|versions| versions.get_key_value(pinned))
                .map(|(id, _)| id),
            pin => {
                let stage = match pin {
                    Some(Pin::Stage(stage)) => stage,
                    _ => "AWSCURRENT",
                };
                let has = |stages: &Vec<String>| stages.iter().any(|of| of == stage);
                versions
                    .and_then(|versions| versions.iter().find(|(_, stages)| has(stages)))
                    .map(|(id, _)| id)
            }
        };
        let Some(version) = version else {
            // Versions without a stage are not listed here, and can be read.
            return match &wanted.secret.pin {
                Some(Pin::Version(pinned)) => Ok(Inspected {
                    version: Some(pinned.clone()),
                    ..Inspected::default()
                }),
                None => Err(self.no_value(wanted)),
                Some(Pin::Stage(_)) => {
                    let stages = versions
                        .into_iter()
                        .flat_map(|versions| versions.values().flatten().cloned());
                    Err(self.no_version(wanted, stages.collect()))
                }
            };
        };
        // A rotation says when the value changed; where there is none, the last change of anything is what is known.
        let rotated = description
            .last_rotated_date()
            .filter(|_| description.rotation_enabled().unwrap_or(false));
        Ok(Inspected {
            version: Some(version.clone()),
            changed: timestamp(rotated.or(description.last_changed_date())),
            ..Inspected::default()
        })
    }
}
