//! What the refusal of one secret means: denied, missing, deleted, without a value, not to be decrypted.

use std::sync::Arc;

use jiff::Timestamp;

use super::Aws;
use super::endpoint::Service;
use super::failure::{Denial, note};
use super::login::Login;
use super::read::Place;
use super::transport::{Failure, Refusal};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::{Pin, SecretId};
use crate::domain::shell::quoted;
use crate::domain::suggest::nearest;
use crate::providers::net::ladder::stages_until;

/// The secret that a request was about.
pub(super) struct Wanted<'a> {
    pub(super) secret: &'a SecretId,
    pub(super) place: &'a Place,
    pub(super) region: &'a str,
    /// The operation: `GetSecretValue`.
    pub(super) line: &'static str,
}

impl Wanted<'_> {
    fn id(&self) -> &str {
        &self.place.id
    }

    /// A command of the AWS CLI about this secret.
    fn command(&self, verb: &str) -> String {
        format!(
            "aws secretsmanager {verb} --secret-id {} --region {}",
            quoted(self.id()),
            self.region
        )
    }
}

/// Codes and words by which Secrets Manager says that the key, not the secret, is the trouble.
fn is_of_key(refusal: &Refusal) -> bool {
    refusal.code == "DecryptionFailure"
        || refusal.code.starts_with("KMS")
        || refusal.message.contains("Access to KMS is not allowed")
}

impl Aws {
    fn at_read(&self, problem: Problem, wanted: &Wanted<'_>) -> Problem {
        problem.fact("Region", wanted.region).steps(stages_until(
            "read",
            self.settings
                .endpoint
                .as_deref()
                .is_none_or(|url| url.starts_with("https")),
        ))
    }

    /// The problem of a secret that was not given.
    pub(super) async fn not_read(&self, wanted: &Wanted<'_>, failure: &Failure, login: &Arc<Login>) -> Problem {
        let refusal = match failure {
            Failure::Refused(refusal) => refusal,
            failure => {
                return self
                    .unreached(failure, Service::SecretsManager, wanted.region, wanted.line)
                    .await;
            }
        };
        if let Some(problem) = self.login_refused(refusal, &login.words, login.credentials.access_key_id(), wanted.line)
        {
            return problem;
        }
        let (id, region) = (wanted.id(), wanted.region);
        let problem = if is_of_key(refusal) {
            self.not_decrypted(wanted, refusal)
        } else if refusal.is_denial() {
            self.denied(wanted, refusal, login)
        } else if refusal.is_throttle() {
            return self.throttled(wanted.line, refusal);
        } else {
            match refusal.code.as_str() {
                // The same code for a secret, its value and a version of it; only the words tell, and the secret's metadata.
                "ResourceNotFoundException" => {
                    let is_there = refusal.message.contains("specified secret value");
                    match (&wanted.secret.pin, is_there) {
                        (None, true) => self.no_value(wanted),
                        (None, false) => self.missing(wanted, login).await,
                        (Some(_), _) => match self.stages(wanted).await {
                            Some(stages) => self.no_version(wanted, stages),
                            None if is_there => self.no_version(wanted, Vec::new()),
                            None => self.missing(wanted, login).await,
                        },
                    }
                }
                "InvalidRequestException" if refusal.message.contains("delet") => self.deleted(wanted, None),
                "InvalidParameterException" | "ValidationException" => {
                    let what =
                        format!("Secrets Manager does not take `{id}` as the name of a secret, or the pinned version");
                    self.at_read(Problem::new(&catalogue::CONFIG_REF_SYNTAX, what), wanted)
                        .causes(vec![
                            "names have letters, digits and any of /_+=.@-; a version id has 32 to 64 characters"
                                .to_owned(),
                        ])
                        .fixes(vec![format!(
                            "aws secretsmanager list-secrets --region {region} --query 'SecretList[].Name'"
                        )])
                }
                _ => self.unexpected(wanted.line, refusal),
            }
        };
        problem
            .note(note(wanted.line, refusal))
            .fact("Login", login.words.as_str())
    }

    fn denied(&self, wanted: &Wanted<'_>, refusal: &Refusal, login: &Arc<Login>) -> Problem {
        let denial = Denial::read(refusal);
        let action = match denial.action {
            Some(action) => action.to_owned(),
            None => format!("secretsmanager:{}", wanted.line),
        };
        let principal = denial.principal.unwrap_or(&login.words);
        let id = wanted.id();
        let what = format!("AWS does not let {principal} read the secret `{id}`");
        let mut causes = vec![match denial.reason {
            Some(reason) => reason.to_owned(),
            None => format!("no policy of {principal} allows {action} on the secret"),
        }];
        causes.push("the secret's own policy, a permission boundary or the organisation forbids it".to_owned());
        causes
            .push("the secret does not exist, and the policies name single secrets: AWS says the same then".to_owned());
        let mut fixes = vec![format!(
            "allow {action} on the secret: arn:aws:secretsmanager:{}:ACCOUNT:secret:{id}-??????",
            wanted.region
        )];
        if let Some(arn) = denial.principal {
            fixes.push(format!(
                "aws iam simulate-principal-policy --policy-source-arn {} --action-names {action}",
                policy_source(arn)
            ));
        }
        fixes.push(wanted.command("get-resource-policy"));
        self.at_read(Problem::new(&catalogue::AWS_DENIED, what), wanted)
            .causes(causes)
            .fixes(fixes)
    }

    fn not_decrypted(&self, wanted: &Wanted<'_>, refusal: &Refusal) -> Problem {
        let what = format!("the secret `{}` cannot be decrypted", wanted.id());
        let problem = self
            .at_read(Problem::new(&catalogue::AWS_KMS, what), wanted)
            .fixes(vec![
                format!("{} --query KmsKeyId", wanted.command("describe-secret")),
                format!(
                    "aws kms describe-key --key-id KEY --region {}   (its state)",
                    wanted.region
                ),
            ]);
        match Denial::read(refusal).principal {
            Some(principal) => problem.cause(format!("{principal} may not use the secret's KMS key (kms:Decrypt)")),
            None => problem,
        }
    }

    pub(super) fn no_value(&self, wanted: &Wanted<'_>) -> Problem {
        let what = format!("the secret `{}` is there and has no value", wanted.id());
        self.at_read(Problem::new(&catalogue::AWS_NO_VALUE, what), wanted)
            .fixes(vec![format!(
                "{} --secret-string file:///dev/stdin",
                wanted.command("put-secret-value")
            )])
    }

    /// `stages` are those that the secret has, as far as they are known.
    pub(super) fn no_version(&self, wanted: &Wanted<'_>, mut stages: Vec<String>) -> Problem {
        let pinned = match &wanted.secret.pin {
            Some(Pin::Stage(stage)) => format!("stage {stage}"),
            Some(Pin::Version(version)) => format!("version {version}"),
            None => "current version".to_owned(),
        };
        let what = format!("the secret `{}` has no {pinned}", wanted.id());
        stages.sort_unstable();
        stages.dedup();
        let mut problem = self
            .at_read(Problem::new(&catalogue::AWS_NO_VERSION, what), wanted)
            .fixes(vec![wanted.command("list-secret-version-ids")]);
        if !stages.is_empty() {
            if let Some(Pin::Stage(stage)) = &wanted.secret.pin {
                problem = problem.similar(nearest(stage, stages.iter().map(String::as_str)));
            }
            problem = problem.cause(format!("the stages it has are: {}", stages.join(", ")));
        }
        problem
    }

    pub(super) fn deleted(&self, wanted: &Wanted<'_>, when: Option<Timestamp>) -> Problem {
        let on = when
            .map(|when| format!(" on {}", when.strftime("%Y-%m-%d")))
            .unwrap_or_default();
        let what = format!("the secret `{}` was marked for deletion{on}", wanted.id());
        self.at_read(Problem::new(&catalogue::AWS_DELETED, what), wanted)
            .fixes(vec![wanted.command("restore-secret")])
    }

    async fn missing(&self, wanted: &Wanted<'_>, login: &Arc<Login>) -> Problem {
        let (id, region) = (wanted.id(), wanted.region);
        let what = format!("Secrets Manager has no secret `{id}` in {region}");
        let similar = self.similar(wanted).await;
        let mut causes = vec!["a typo in the name".to_owned()];
        match &wanted.place.region {
            Some(_) => causes.push(
                "the secret was deleted and made anew: the six characters at an ARN's end are others then".to_owned(),
            ),
            None => causes.push(format!(
                "the secret is in another region than {region}, or in another account ({})",
                login.words
            )),
        }
        if wanted.place.region.is_none() && id.len() > 7 && id.as_bytes()[id.len() - 7] == b'-' {
            causes.push(
                "the name ends in a hyphen and six characters, which AWS may take for the end of an ARN: use the ARN"
                    .to_owned(),
            );
        }
        self.at_read(Problem::new(&catalogue::AWS_NOTFOUND, what), wanted)
            .causes(causes)
            .similar(similar)
            .fixes(vec![format!(
                "aws secretsmanager list-secrets --region {region} --query 'SecretList[].Name'"
            )])
    }

    /// The stages that the secret has; none where it is not there, or the policy does not let us see them.
    async fn stages(&self, wanted: &Wanted<'_>) -> Option<Vec<String>> {
        let asked = self.ask(wanted.region, |client| {
            client.describe_secret().secret_id(wanted.id()).send()
        });
        let Ok(Ok(description)) = asked.await else {
            return None;
        };
        let versions = description.version_ids_to_stages().into_iter();
        Some(
            versions
                .flat_map(|versions| versions.values().flatten().cloned())
                .collect(),
        )
    }

    /// References to secrets whose names look like the missing one, where the policy lets us list.
    async fn similar(&self, wanted: &Wanted<'_>) -> Vec<String> {
        if wanted.place.region.is_some() {
            return Vec::new();
        }
        let asked = self.ask(wanted.region, |client| client.list_secrets().max_results(100).send());
        let Ok(Ok(list)) = asked.await else { return Vec::new() };
        let names = list.secret_list().iter().filter_map(|secret| secret.name());
        nearest(wanted.id(), names)
            .into_iter()
            .map(|name| format!("{}:{name}", wanted.secret.provider))
            .collect()
    }
}

/// The role behind a session: policies are asked about by it.
fn policy_source(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "sts", "", account, session] = parts[..]
        && let Some(role) = session
            .strip_prefix("assumed-role/")
            .and_then(|rest| rest.split('/').next())
    {
        return format!("arn:{partition}:iam::{account}:role/{role}");
    }
    arn.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_name_who_may_not_do_what_and_why() {
        let refusal = Refusal {
            status: 400,
            code: "AccessDeniedException".to_owned(),
            message: "User: arn:aws:sts::1:assumed-role/dba/jo is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/db \
                      because no identity-based policy allows the secretsmanager:GetSecretValue action"
                .to_owned(),
        };
        let denial = Denial::read(&refusal);
        assert_eq!(denial.principal, Some("arn:aws:sts::1:assumed-role/dba/jo"));
        assert_eq!(denial.action, Some("secretsmanager:GetSecretValue"));
        assert_eq!(
            denial.reason,
            Some("no identity-based policy allows the secretsmanager:GetSecretValue action")
        );
        assert_eq!(
            policy_source("arn:aws:sts::1:assumed-role/dba/jo"),
            "arn:aws:iam::1:role/dba"
        );
        let odd = Refusal {
            message: "Access denied for hunter2 because hunter2".to_owned(),
            ..refusal
        };
        let denial = Denial::read(&odd);
        assert!(denial.principal.is_none() && denial.action.is_none() && denial.reason.is_none());
    }
}
