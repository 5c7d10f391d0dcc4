//! What went wrong, in a person's words: by the code of AWS, never by the status or by the SDK's texts.

use std::error::Error;

use super::Aws;
use super::endpoint::Service;
use super::login::at_login;
use super::origin::ENVIRONMENT;
use super::settings::Role;
use super::transport::{Failure, Refusal};
use crate::domain::catalogue::{self, Code};
use crate::domain::problem::Problem;
use crate::providers::net::find;
use crate::providers::net::http::Fault;
use crate::providers::net::ladder::stages_until;

/// What a refusal is about, whatever was asked.
const KEY: [&str; 5] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
];
const EXPIRED: [&str; 3] = ["ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"];
/// The time that the request says it was made at is too far from the service's own.
const CLOCK: [&str; 2] = ["RequestTimeTooSkewed", "RequestExpired"];
const SIGNATURE: [&str; 4] = [
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "IncompleteSignatureException",
];
pub(super) const DENIED: [&str; 5] = [
    "AccessDeniedException",
    "AccessDenied",
    "UnauthorizedOperation",
    "NotAuthorized",
    "AuthorizationError",
];

const UNKNOWN: [&str; 4] = [
    "UnknownOperationException",
    "UnknownOperation",
    "InvalidAction",
    "NotImplemented",
];

/// What an error of the SDK carries; it is all that is ever looked at.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Failure {
    find::<Failure>(error)
        .cloned()
        .unwrap_or(Failure::Unanswered(Fault::Broken))
}

/// The parts of a denial that are names: who, what, on what, why.
pub(super) struct Denial<'a> {
    pub(super) principal: Option<&'a str>,
    pub(super) action: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

impl<'a> Denial<'a> {
    /// `User: ARN is not authorized to perform: ACTION on resource: ARN because REASON`.
    pub(super) fn read(refusal: &'a Refusal) -> Self {
        let message = refusal.message.as_str();
        let word = |before: &str, good: fn(&str) -> bool| {
            let (_, rest) = message.split_once(before)?;
            let word = rest.split_whitespace().next()?;
            good(word).then_some(word)
        };
        let reason = message.split_once(" because ").map(|(_, reason)| reason.trim());
        Self {
            principal: word("User: ", |word| word.starts_with("arn:")),
            action: word("perform: ", |word| word.contains(':')),
            // Only the sentences of IAM itself.
            reason: reason.filter(|reason| reason.contains("policy") || reason.contains("permissions boundary")),
        }
    }
}

impl Refusal {
    /// Whether the credentials themselves were refused, so that others may help.
    pub(super) fn is_of_login(&self) -> bool {
        self.is(&KEY) || self.is(&EXPIRED) || self.is(&SIGNATURE)
    }

    pub(super) fn is_denial(&self) -> bool {
        self.is(&DENIED)
    }

    /// Whether whatever answers there does not know what was asked of it.
    pub(super) fn is_of_operation(&self) -> bool {
        self.is(&UNKNOWN)
    }

    fn is_of_clock(&self) -> bool {
        let expired = ["Signature expired", "Signature not yet current"];
        self.is(&CLOCK) || (self.is(&SIGNATURE) && expired.iter().any(|words| self.message.contains(words)))
    }
}

impl Aws {
    /// The problem of credentials that a service did not accept; none if something else was refused.
    pub(super) fn login_refused(&self, refusal: &Refusal, words: &str, key_id: &str, line: &str) -> Option<Problem> {
        let (code, what): (&'static Code, String) = if refusal.is_of_clock() {
            (
                &catalogue::AWS_CLOCK,
                "AWS refuses the signature: this machine's clock is wrong".to_owned(),
            )
        } else if refusal.is(&EXPIRED) {
            (
                &catalogue::AWS_TOKEN_EXPIRED,
                format!("the session token has expired ({words})"),
            )
        } else if refusal.is(&KEY) {
            (
                &catalogue::AWS_KEY,
                format!("AWS does not know the access key {key_id} ({words})"),
            )
        } else if refusal.is(&SIGNATURE) {
            (
                &catalogue::AWS_SIGNATURE,
                format!("the secret key does not fit the access key {key_id} ({words})"),
            )
        } else {
            return None;
        };
        let problem = at_login(Problem::new(code, what))
            .note(note(line, refusal))
            .fact("Login", words);
        // The catalogue's way out is that of whoever keeps keys in the shared files.
        let of_environment = words.starts_with(ENVIRONMENT);
        let anew = code == &catalogue::AWS_SIGNATURE || code == &catalogue::AWS_KEY;
        Some(match words.strip_prefix("profile ") {
            _ if of_environment && anew => problem.fix(
                "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…   (both of one pair), then start hallpass again",
            ),
            Some(profile) if anew && !profile.contains(' ') => problem.fixes(vec![
                format!("aws configure --profile {profile}   (enter both keys anew)"),
                format!("aws sts get-caller-identity --profile {profile}"),
            ]),
            _ => problem,
        })
    }

    pub(super) fn throttled(&self, line: &str, refusal: &Refusal) -> Problem {
        Problem::new(&catalogue::AWS_THROTTLED, "AWS limits the rate of requests")
            .note(note(line, refusal))
            .steps(stages_until("read", true))
    }

    /// An answer that this request should not have got.
    pub(super) fn unexpected(&self, line: &str, refusal: &Refusal) -> Problem {
        let what = match (refusal.code.as_str(), refusal.status) {
            ("", status) => format!("AWS answered {line} with HTTP {status} and nothing that says why"),
            (code, _) => format!("AWS answered {line} with {code}"),
        };
        Problem::new(&catalogue::PROVIDER_UPSTREAM, what)
            .note(note(line, refusal))
            .steps(stages_until("read", true))
    }

    /// A role that STS did not give.
    pub(super) async fn not_assumed(&self, failure: Failure, role: &Role, words: &str, region: &str) -> Problem {
        const LINE: &str = "sts:AssumeRole";
        let refusal = match failure {
            Failure::Refused(refusal) => refusal,
            failure => return self.unreached(&failure, Service::Sts, region, LINE).await,
        };
        if let Some(problem) = self.login_refused(&refusal, words, "it came with", LINE) {
            return problem;
        }
        if refusal.is_throttle() {
            return self.throttled(LINE, &refusal);
        }
        if !refusal.is_denial() {
            return at_login(self.unexpected(LINE, &refusal));
        }
        let denial = Denial::read(&refusal);
        let principal = denial.principal.map_or_else(|| words.to_owned(), str::to_owned);
        let mut causes = vec![
            format!("the trust policy of the role does not name {principal}"),
            format!("no policy of {principal} allows sts:AssumeRole on {}", role.arn),
        ];
        causes.push(match &role.external_id {
            Some(_) => "the trust policy asks for another external id, or for MFA".to_owned(),
            None => format!(
                "the trust policy asks for an external id (external_id of [providers.{}]), or for MFA",
                self.name
            ),
        });
        causes.push("the role does not exist: STS says the same then".to_owned());
        let mut problem = at_login(Problem::new(
            &catalogue::AWS_ASSUME,
            format!("role {} was not given to {principal}", role.arn),
        ))
        .note(note(LINE, &refusal))
        .fact("Login", words)
        .causes(causes)
        .fixes(vec![
            format!(
                "aws iam get-role --role-name {} --query Role.AssumeRolePolicyDocument",
                role.name()
            ),
            format!(
                "aws sts assume-role --role-arn {} --role-session-name {}",
                role.arn, role.session_name
            ),
        ]);
        if let Some(reason) = denial.reason {
            problem = problem.cause(reason);
        }
        problem
    }

    /// A role that was not given for a web identity token.
    pub(super) async fn not_identified(&self, failure: Failure, role: &Role, file: &str, region: &str) -> Problem {
        const LINE: &str = "sts:AssumeRoleWithWebIdentity";
        let refusal = match failure {
            Failure::Refused(refusal) => refusal,
            failure => return self.unreached(&failure, Service::Sts, region, LINE).await,
        };
        if refusal.is_throttle() {
            return self.throttled(LINE, &refusal);
        }
        if refusal.status >= 500 {
            return at_login(self.unexpected(LINE, &refusal));
        }
        let what = format!("role {} was not given for the web identity token", role.arn);
        let problem = at_login(Problem::new(&catalogue::AWS_WEB_IDENTITY, what))
            .note(note(LINE, &refusal))
            .fact("Token", file);
        match refusal.code.as_str() {
            "ExpiredTokenException" => problem.causes(vec![format!(
                "the token in {file} has expired; who writes it has stopped"
            )]),
            "InvalidIdentityToken" | "IDPCommunicationError" => problem.cause(
                "AWS cannot check the token: the account has no identity provider for its issuer, or cannot reach it",
            ),
            _ => problem,
        }
    }
}

/// `GetSecretValue → AccessDeniedException (HTTP 400)`.
pub(super) fn note(line: &str, refusal: &Refusal) -> String {
    match (refusal.code.as_str(), refusal.status) {
        (code, 0) => format!("{line} → {code}"),
        ("", status) => format!("{line} → HTTP {status}"),
        (code, status) => format!("{line} → {code} (HTTP {status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;
    use crate::providers::{ProviderConfig, World};

    fn aws() -> Aws {
        let config = ProviderConfig::of("aws", ProviderKind::Aws, &[]);
        super::super::new(&config, &World::of(&[])).ok().unwrap()
    }

    fn refusal(code: &str, status: u16) -> Refusal {
        Refusal {
            code: code.to_owned(),
            status,
            message: String::new(),
        }
    }

    #[test]
    fn a_request_that_expired_is_a_matter_of_the_clock() {
        let code = |code| {
            let problem = aws().login_refused(&refusal(code, 400), "profile work", "AKID", "GetSecretValue");
            problem.unwrap().code.id
        };
        assert_eq!(code("RequestExpired"), "E-AWS-CLOCK");
        assert_eq!(code("ExpiredToken"), "E-AWS-TOKEN-EXPIRED");
    }

    #[tokio::test]
    async fn a_failure_of_sts_is_none_of_the_web_identity() {
        let role = Role {
            arn: "arn:aws:iam::123456789012:role/app".to_owned(),
            session_name: "hallpass".to_owned(),
            external_id: None,
        };
        let aws = aws();
        let code = async |status| {
            let failure = Failure::Refused(refusal("InternalFailure", status));
            aws.not_identified(failure, &role, "/token", "eu-west-1").await.code.id
        };
        assert_eq!(code(500).await, "E-PROVIDER-UPSTREAM");
        assert_eq!(code(400).await, "E-AWS-WEB-IDENTITY");
    }
}
