//! What a refusal means: of a login, of a token, of one secret. Statuses are shared by many causes, so they are told apart by the
//! reason that Google gives, or by asking further; each ends as a problem with the principal, the permission and what to type.

use super::Gcp;
use super::api::{Asked, Question, Remarks, Secrets, Versions, last_part, parse};
use super::credentials::Login;
use super::login::Refusal;
use super::name::Resource;
use super::web::{Purpose, Reply};
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::domain::suggest::nearest;
use crate::providers::net::ladder::stages_until;

/// The permission that reading a value needs.
pub(super) const ACCESS: &str = "secretmanager.versions.access";

impl Gcp {
    /// Neither credentials nor a metadata server.
    pub(super) fn no_credentials(&self) -> Problem {
        let what = format!("provider `{}` has no way to log in to Google", self.name);
        let mut causes = vec![format!("[providers.{}] has no credentials", self.name)];
        if self.name == "gcp" {
            causes.push("GOOGLE_APPLICATION_CREDENTIALS is not set".to_owned());
        }
        if let Some(file) = self.settings.gcloud_file() {
            causes.push(format!("{} is not there", file.display()));
        }
        let metadata = self.settings.metadata.host_str().unwrap_or_default();
        causes.push(format!("this is no machine of Google: {metadata} does not answer"));
        Problem::new(&catalogue::GCP_NOCRED, what)
            .causes(causes)
            .steps(stages_until("login", true))
    }

    pub(super) fn no_project(&self) -> Problem {
        let what = format!("provider `{}` does not know which project the secret is in", self.name);
        let mut fixes = vec![format!("project = \"PROJECT\"   in [providers.{}]", self.name)];
        if self.name == "gcp" {
            fixes.insert(0, "export GCP_PROJECT_ID=PROJECT".to_owned());
        }
        fixes.push("write the whole name: projects/PROJECT/secrets/NAME".to_owned());
        Problem::new(&catalogue::GCP_PROJECT, what)
            .causes(vec![
                "neither the configuration nor the credentials name a project, and the reference is a short name"
                    .to_owned(),
            ])
            .fixes(fixes)
            .steps(stages_until("config", true))
    }

    /// A token endpoint said no. `code` is that of its usual refusal.
    pub(super) fn login_refused(&self, reply: &Reply, who: &str, code: &'static Code) -> Problem {
        let refusal: Refusal = parse(&reply.answer).unwrap_or_default();
        let what = format!("Google refused {who} (HTTP {})", reply.answer.status);
        let problem = Problem::new(code, what);
        // The words of the standard alone are shown: a description may quote what was sent.
        let problem = match (refusal.error.as_str(), refusal.error_subtype.as_str()) {
            _ if reply.answer.status == 200 => return reply.upstream(Purpose::Login),
            ("invalid_grant", "invalid_rapt") => {
                problem.causes(vec!["the organisation wants the person to log in again (invalid_rapt)".to_owned()])
            }
            ("invalid_grant", _) => problem,
            ("invalid_client" | "unauthorized_client", _) => {
                problem.cause("the client id or the client secret in the credentials is not known, or not allowed to do this")
            }
            ("invalid_target", _) => problem.causes(vec![
                "the audience in the credentials names a pool or provider that does not exist or is disabled".to_owned(),
            ]),
            ("", _) => return reply.upstream(Purpose::Login),
            _ => problem.cause("the credentials ask for something that the server does not know: they are of another server, or damaged"),
        };
        reply.at(problem, Purpose::Login)
    }

    pub(super) fn not_impersonated(&self, reply: &Reply, email: &str) -> Problem {
        let remarks = Remarks::of(&reply.answer);
        let what = format!(
            "Google refused to hand out a token of {email} (HTTP {})",
            reply.answer.status
        );
        let problem = Problem::new(&catalogue::GCP_IMPERSONATE, what);
        let problem = match (reply.answer.status, remarks.reason.as_str()) {
            (403, "SERVICE_DISABLED") => {
                let what = "the IAM Service Account Credentials API is not enabled";
                Problem::new(&catalogue::GCP_API_DISABLED, what).fixes(vec!["gcloud services enable iamcredentials.googleapis.com".to_owned()])
            }
            (404, _) => problem.causes(vec!["there is no such service account".to_owned()]),
            (401, _) => problem.cause("the credentials that should impersonate it are not accepted themselves"),
            (400 | 403, _) => problem.fixes(vec![format!(
                "gcloud iam service-accounts add-iam-policy-binding {email} --member=MEMBER --role=roles/iam.serviceAccountTokenCreator"
            )]),
            _ => return reply.upstream(Purpose::Login),
        };
        reply.at(problem, Purpose::Login)
    }

    /// The problem of an answer that is no success. `resource` is what was asked for; none for a list of the project.
    pub(super) async fn refused(
        &self,
        asked: &Asked,
        project: &str,
        resource: Option<&Resource>,
        permission: &str,
    ) -> Problem {
        let Asked { reply, token } = asked;
        let remarks = Remarks::of(&reply.answer);
        let problem = match (reply.answer.status, remarks.reason.as_str()) {
            (401, _) => return self.unauthorised(asked).await,
            (403, "SERVICE_DISABLED") => self.api_disabled(asked, project),
            (403, "CONSUMER_INVALID") => {
                let what = format!("Google knows no project `{project}`, or it was deleted");
                Problem::new(&catalogue::GCP_PROJECT, what)
            }
            (403, "USER_PROJECT_DENIED") => {
                let quota = self
                    .settings
                    .quota_project
                    .as_ref()
                    .or(token.identity.quota_project.as_ref());
                let quota = quota.map_or("the quota project", String::as_str);
                let what = format!("requests may not be counted for project `{quota}`");
                Problem::new(&catalogue::GCP_PROJECT, what)
                    .causes(vec![format!(
                        "{} lacks serviceusage.services.use on {quota}",
                        token.identity.login.words()
                    )])
                    .fixes(vec![format!(
                        "gcloud auth application-default set-quota-project {project}"
                    )])
            }
            (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => {
                let what = "the token may not be used for Secret Manager: its scopes are too narrow";
                Problem::new(&catalogue::GCP_SCOPE, what)
            }
            (403, "SECURITY_POLICY_VIOLATED") => {
                let what = format!("a service perimeter keeps requests from here out of project {project}");
                Problem::new(&catalogue::GCP_PERIMETER, what)
            }
            (403, _) => self.denied(asked, project, resource, permission).await,
            (404, _) => match resource {
                Some(resource) if remarks.message.contains("Secret Version [") => self.no_version(resource).await,
                Some(resource) => self.not_found(resource).await,
                None => return reply.upstream(Purpose::Read),
            },
            (400, _) if remarks.status == "FAILED_PRECONDITION" => match resource {
                Some(resource) if remarks.message.contains("DESTROYED") => {
                    self.unreadable(resource, None, "DESTROYED").await
                }
                Some(resource) if remarks.message.contains("DISABLED") => {
                    self.unreadable(resource, None, "DISABLED").await
                }
                _ => return reply.upstream(Purpose::Read),
            },
            _ => return reply.upstream(Purpose::Read),
        };
        reply.at(problem, Purpose::Read)
    }

    fn api_disabled(&self, asked: &Asked, project: &str) -> Problem {
        let what = format!("the Secret Manager API is not enabled in project {project}");
        let enable = format!("gcloud services enable secretmanager.googleapis.com --project={project}");
        let problem = Problem::new(&catalogue::GCP_API_DISABLED, what).fixes(vec![enable]);
        // Without a project of its own, a person's request is counted for gcloud's, where the API is never enabled.
        if matches!(asked.token.identity.login, Login::User(_)) && asked.token.identity.quota_project.is_none() {
            return problem
                .cause(
                    "the person's gcloud login names no quota project, so that the request is counted for gcloud's own",
                )
                .fix(format!("gcloud auth application-default set-quota-project {project}"));
        }
        problem
    }

    async fn denied(&self, asked: &Asked, project: &str, resource: Option<&Resource>, permission: &str) -> Problem {
        let (words, member) = self.principal(&asked.token).await;
        let on = resource.map_or_else(|| format!("projects/{project}"), Resource::secret);
        let what = format!("Google refused {permission} on {on} (HTTP 403)");
        let mut problem = Problem::new(&catalogue::GCP_DENIED, what)
            .causes(vec![
                format!("{words} lacks the permission {permission}"),
                "the secret or the project does not exist: Google hides that as 403".to_owned(),
            ])
            .fact("Principal", words);
        if let Some(resource) = resource {
            let member = member.as_deref().unwrap_or("MEMBER");
            problem = problem.fixes(vec![
                format!(
                    "{} --member={member} --role=roles/secretmanager.secretAccessor",
                    resource.command(&format!("add-iam-policy-binding {}", resource.secret)),
                ),
                resource.command("list"),
            ]);
        }
        problem
    }

    async fn not_found(&self, resource: &Resource) -> Problem {
        let what = format!("Google has no secret {}, or no version of it", resource.secret());
        let similar = self.similar(resource).await;
        Problem::new(&catalogue::GCP_NOTFOUND, what)
            .similar(similar)
            .fixes(vec![
                resource.command("list"),
                format!(
                    "{} --data-file=-   (adds the first version)",
                    resource.command(&format!("versions add {}", resource.secret))
                ),
            ])
    }

    async fn no_version(&self, resource: &Resource) -> Problem {
        let what = format!("the secret {} has no version {}", resource.secret(), resource.version);
        let mut problem = Problem::new(&catalogue::GCP_NO_VERSION, what)
            .fixes(vec![resource.command(&format!("versions list {}", resource.secret))]);
        let readable = self.readable(resource).await;
        if let Some(newest) = readable.first() {
            problem = problem
                .cause(format!("versions that can be read: {}", readable.join(", ")))
                .fix(format!("version = {newest}"));
        }
        problem
    }

    /// The problem of a version that is there and cannot be read. `number` is the version's own, where it is known.
    pub(super) async fn unreadable(&self, resource: &Resource, number: Option<&str>, state: &str) -> Problem {
        let (code, how) = match state {
            "DISABLED" => (&catalogue::GCP_DISABLED, "disabled"),
            _ => (&catalogue::GCP_DESTROYED, "destroyed"),
        };
        let version = number.unwrap_or(&resource.version);
        let mut problem = Problem::new(code, format!("version {version} of {} is {how}", resource.secret()));
        let mut fixes = Vec::new();
        if state == "DISABLED" {
            fixes.push(resource.command(&format!("versions enable {version} --secret={}", resource.secret)));
        }
        let readable = self.readable(resource).await;
        if let Some(newest) = readable.first() {
            problem = problem.cause(format!("versions that can be read: {}", readable.join(", ")));
            fixes.push(format!("pin one of them: version = {newest}"));
        }
        fixes.push(format!(
            "{} --data-file=-   (adds a new one)",
            resource.command(&format!("versions add {}", resource.secret))
        ));
        problem.fixes(fixes)
    }

    /// The newest versions that can be read, where the principal may list them.
    async fn readable(&self, resource: &Resource) -> Vec<String> {
        let question = Question {
            location: resource.location.as_deref(),
            path: format!("{}/versions?pageSize=20", resource.secret()),
            body: None,
        };
        let Ok(asked) = self.ask(&question).await else {
            return Vec::new();
        };
        let found: Option<Versions> = parse(&asked.reply.answer).filter(|_| asked.reply.answer.status == 200);
        let found = found.map(|found| found.versions).unwrap_or_default();
        let enabled = found.iter().filter(|version| version.state == "ENABLED");
        enabled.map(|version| last_part(&version.name).to_owned()).collect()
    }

    /// References to secrets that are there and look like the missing one, where the principal may list them.
    async fn similar(&self, resource: &Resource) -> Vec<String> {
        let question = Question {
            location: resource.location.as_deref(),
            path: format!("{}/secrets?pageSize=1000", resource.parent()),
            body: None,
        };
        let Ok(asked) = self.ask(&question).await else {
            return Vec::new();
        };
        let found: Option<Secrets> = parse(&asked.reply.answer).filter(|_| asked.reply.answer.status == 200);
        let found = found.map(|found| found.secrets).unwrap_or_default();
        nearest(&resource.secret, found.iter().map(|secret| last_part(&secret.name)))
            .into_iter()
            .filter(|name| *name != resource.secret)
            .map(|name| format!("{}:{name}", self.name))
            .collect()
    }

    /// The problem of a token that Google does not accept.
    async fn unauthorised(&self, asked: &Asked) -> Problem {
        let Asked { reply, token } = asked;
        let words = token.identity.login.words();
        let what = format!("Google does not accept the token of {words} (HTTP 401)");
        let problem = Problem::new(&catalogue::GCP_401, what);
        let problem = match &token.identity.login {
            Login::ServiceAccount(account) => match self.why_refused(account).await {
                Some(refusal) if refusal.error_description.contains("timeframe") => problem
                    .causes(vec![
                        "the clock of this machine is wrong: a token is valid for an hour from the time that it says"
                            .to_owned(),
                    ])
                    .fixes(vec!["date   (and correct it: timedatectl set-ntp true)".to_owned()]),
                Some(refusal) if refusal.error == "invalid_grant" => {
                    let known = !refusal.error_description.contains("account not found");
                    let cause = if known {
                        "the key was deleted or disabled, or has expired"
                    } else {
                        "the service account was deleted"
                    };
                    let what = format!("Google does not know the key of {words}");
                    let list = format!("gcloud iam service-accounts keys list --iam-account={}", account.email);
                    Problem::new(&catalogue::GCP_KEY_REVOKED, what)
                        .causes(vec![cause.to_owned()])
                        .fix(list)
                }
                _ => problem,
            },
            Login::User(_) => problem.fixes(vec!["gcloud auth application-default login".to_owned()]),
            _ => problem,
        };
        reply
            .at(problem, Purpose::Read)
            .steps(stages_until("login", reply.address.starts_with("https:")))
    }
}
