//! Reading secrets: one at a time, or twenty at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::batch_get_secret_value::BatchGetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::{Blob, DateTime};
use aws_sdk_secretsmanager::types::SecretValueEntry;
use jiff::Timestamp;

use super::Aws;
use super::failure::failure;
use super::login::Login;
use super::refusal::Wanted;
use super::transport::{Failure, Refusal};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};
use crate::domain::secret::{Payload, SecretValue};
use crate::providers::Fetched;
use crate::providers::net::http::Fault;

/// How many secrets one `BatchGetSecretValue` may name.
const BATCH: usize = 20;

/// Where a secret is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The name, or the whole or partial ARN.
    pub(super) id: String,
    /// The region that an ARN names.
    pub(super) region: Option<String>,
}

impl Place {
    pub(super) fn of(secret: &SecretId) -> Result<Self, Problem> {
        let id = secret.path.clone();
        if !id.starts_with("arn:") {
            return Ok(Self { id, region: None });
        }
        let parts: Vec<&str> = id.splitn(7, ':').collect();
        match parts[..] {
            ["arn", _, "secretsmanager", region, _, "secret", name] if !region.is_empty() && !name.is_empty() => {
                Ok(Self {
                    region: Some(region.to_owned()),
                    id,
                })
            }
            _ => {
                let what = format!("`{id}` is not the ARN of a secret");
                Err(Problem::new(&catalogue::CONFIG_REF_SYNTAX, what)
                    .causes(vec![
                        "the ARN of a secret is arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-xxxxxx".to_owned(),
                    ])
                    .fixes(vec![
                        "aws secretsmanager list-secrets --query 'SecretList[].ARN'".to_owned(),
                    ]))
            }
        }
    }

    /// Whether an entry of a batch is the answer to this: by its name, its ARN, or its ARN without the six characters at the end.
    fn is(&self, name: Option<&str>, arn: Option<&str>) -> bool {
        let partial = || {
            let suffix = arn?.strip_prefix(&self.id)?.strip_prefix('-')?;
            (suffix.len() == 6 && self.region.is_some()).then_some(())
        };
        name == Some(&self.id) || arn == Some(&self.id) || partial().is_some()
    }
}

pub(super) fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(time?.secs()).ok()
}

fn payload(text: Option<&str>, binary: Option<&Blob>) -> Option<Payload> {
    let value = match (text, binary) {
        (Some(text), _) => SecretValue::from_bytes(text.as_bytes().to_vec()),
        (None, Some(binary)) => SecretValue::from_bytes(binary.as_ref().to_vec()),
        (None, None) => return None,
    };
    Some(Payload::Text(value))
}

fn fetched(
    text: Option<&str>,
    binary: Option<&Blob>,
    version: Option<&str>,
    created: Option<&DateTime>,
) -> Option<Fetched> {
    Some(Fetched {
        version: version.map(str::to_owned),
        changed: timestamp(created),
        ..Fetched::new(payload(text, binary)?)
    })
}

fn fetched_entry(entry: &SecretValueEntry) -> Option<Fetched> {
    fetched(
        entry.secret_string(),
        entry.secret_binary(),
        entry.version_id(),
        entry.created_date(),
    )
}

impl Aws {
    /// A client for a region: one each, as long as the login lasts.
    async fn client(&self, region: &str, login: &Arc<Login>) -> Result<Client, Problem> {
        if let Some((of, client)) = self.clients().get(region)
            && Arc::ptr_eq(of, login)
        {
            return Ok(client.clone());
        }
        let sdk = self
            .sdk(
                super::endpoint::Service::SecretsManager,
                region,
                Some(&login.credentials),
            )
            .await?;
        let client = Client::new(&sdk);
        self.clients()
            .insert(region.to_owned(), (Arc::clone(login), client.clone()));
        Ok(client)
    }

    /// Asks with the login there is; if it is not accepted, once more with another.
    pub(super) async fn ask<T, E, F>(
        &self,
        region: &str,
        question: impl Fn(Client) -> F,
    ) -> Result<Result<T, (Failure, Arc<Login>)>, Problem>
    where
        E: std::error::Error + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let mut login = self.login_as(None, Some(region)).await?;
        let mut tried = false;
        loop {
            let client = self.client(region, &login).await?;
            let refused = match question(client).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => failure(&error),
            };
            if let Failure::Refused(refusal) = &refused
                && refusal.is_of_login()
                && !tried
                && let Some(another) = self.another(&login, region).await?
            {
                login = another;
                tried = true;
                continue;
            }
            return Ok(Err((refused, login)));
        }
    }

    pub(super) async fn read(&self, secret: &SecretId) -> Result<Fetched, Problem> {
        let place = Place::of(secret)?;
        let region = self.region(place.region.as_deref()).await?;
        let wanted = Wanted {
            secret,
            place: &place,
            region: &region,
            line: "GetSecretValue",
        };
        let (version, stage) = match &secret.pin {
            None => (None, None),
            Some(Pin::Version(version)) => (Some(version.clone()), None),
            Some(Pin::Stage(stage)) => (None, Some(stage.clone())),
        };
        let asked = self.ask(&region, |client| {
            let question = client.get_secret_value().secret_id(&place.id);
            question
                .set_version_id(version.clone())
                .set_version_stage(stage.clone())
                .send()
        });
        match asked.await? {
            Ok(answer) => fetched(
                answer.secret_string(),
                answer.secret_binary(),
                answer.version_id(),
                answer.created_date(),
            )
            .ok_or_else(|| self.no_value(&wanted)),
            Err((failure, login)) => Err(self.not_read(&wanted, &failure, &login).await),
        }
    }

    /// Several secrets, in the order of the question: those of one region together, as far as they can be.
    pub(super) async fn read_all(&self, secrets: &[SecretId]) -> Vec<Result<Fetched, Problem>> {
        let mut alone: Vec<usize> = Vec::new();
        let mut together: BTreeMap<String, Vec<(usize, Place)>> = BTreeMap::new();
        let may = !self.batch_denied.load(Ordering::Relaxed);
        for (at, secret) in secrets.iter().enumerate() {
            let Ok(place) = Place::of(secret) else {
                alone.push(at);
                continue;
            };
            // A batch knows only current versions.
            match self.region(place.region.as_deref()).await {
                Ok(region) if may && secret.pin.is_none() => together.entry(region).or_default().push((at, place)),
                _ => alone.push(at),
            }
        }
        together.retain(|_, places| {
            if let [(at, _)] = places[..] {
                alone.push(at);
            }
            places.len() > 1
        });
        let chunks: Vec<(&str, &[(usize, Place)])> = together
            .iter()
            .flat_map(|(region, places)| places.chunks(BATCH).map(move |chunk| (region.as_str(), chunk)))
            .collect();
        let batches = chunks
            .into_iter()
            .map(|(region, chunk)| self.read_batch(region, chunk, secrets));
        let singles = alone.into_iter().map(async |at| (at, self.read(&secrets[at]).await));
        let (batches, singles) = futures::join!(futures::future::join_all(batches), futures::future::join_all(singles));
        let mut results: Vec<(usize, Result<Fetched, Problem>)> =
            batches.into_iter().flatten().chain(singles).collect();
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn read_batch(
        &self,
        region: &str,
        places: &[(usize, Place)],
        secrets: &[SecretId],
    ) -> Vec<(usize, Result<Fetched, Problem>)> {
        let ids: Vec<String> = places.iter().map(|(_, place)| place.id.clone()).collect();
        let one_by_one = async || {
            let reads = places.iter().map(async |(at, _)| (*at, self.read(&secrets[*at]).await));
            futures::future::join_all(reads).await
        };
        let all_fail = |problem: &Problem| places.iter().map(|(at, _)| (*at, Err(problem.clone()))).collect();
        let asked = self.ask(region, |client| {
            client
                .batch_get_secret_value()
                .set_secret_id_list(Some(ids.clone()))
                .send()
        });
        let answer = match asked.await {
            Err(problem) => return all_fail(&problem),
            Ok(Ok(answer)) => answer,
            Ok(Err((Failure::Refused(refusal), _))) if !refusal.is_of_login() && !refusal.is_throttle() => {
                // Not allowed, or unknown to whatever answers there: a single read needs less. Anything else is about these secrets.
                if refusal.is_denial() || refusal.is_of_operation() {
                    self.batch_denied.store(true, Ordering::Relaxed);
                }
                return one_by_one().await;
            }
            // Each of them may be as large as an answer can be.
            Ok(Err((Failure::Unanswered(Fault::TooLarge), _))) => return one_by_one().await,
            Ok(Err((failure, login))) => {
                let Some((at, place)) = places.first() else {
                    return Vec::new();
                };
                let wanted = Wanted {
                    secret: &secrets[*at],
                    place,
                    region,
                    line: "BatchGetSecretValue",
                };
                return all_fail(&self.not_read(&wanted, &failure, &login).await);
            }
        };
        let read = places
            .iter()
            .map(async |(at, place)| (*at, self.out_of(&answer, &secrets[*at], place, region).await));
        futures::future::join_all(read).await
    }

    /// What a batch brought for one of its secrets: its value, or an error of its own. One that it passed over is read by itself.
    async fn out_of(
        &self,
        answer: &BatchGetSecretValueOutput,
        secret: &SecretId,
        place: &Place,
        region: &str,
    ) -> Result<Fetched, Problem> {
        let mut entries = answer.secret_values().iter();
        let entry = entries.find(|entry| place.is(entry.name(), entry.arn()));
        if let Some(fetched) = entry.and_then(fetched_entry) {
            return Ok(fetched);
        }
        let mut errors = answer.errors().iter();
        let Some(error) = errors.find(|error| error.secret_id() == Some(&place.id)) else {
            return self.read(secret).await;
        };
        let refusal = Refusal {
            status: 0,
            code: error.error_code().unwrap_or_default().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        };
        let wanted = Wanted {
            secret,
            place,
            region,
            line: "BatchGetSecretValue",
        };
        let login = self.login_as(None, Some(region)).await?;
        Err(self.not_read(&wanted, &Failure::Refused(refusal), &login).await)
    }
}
