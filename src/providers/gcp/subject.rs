//! The identity of elsewhere that Google is shown: the text of a file, of a server's answer, or of what a program prints.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Gcp;
use super::credentials::{Federated, Helper, Subject};
use super::login::sensitive;
use super::web::Purpose;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::command::{self, Failure};
use crate::providers::file;

/// No token is longer.
const LONGEST: usize = 64 * 1024;
/// Google's own name for the switch that lets credentials run programs, which somebody else may have written.
const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

/// What a program prints, or leaves in its output file (Google's executable-sourced credentials, version 1).
#[derive(Deserialize)]
struct Printed {
    version: u64,
    success: bool,
    /// Says in which of the two the token is.
    token_type: Option<String>,
    id_token: Option<SecretString>,
    saml_response: Option<SecretString>,
    expiration_time: Option<i64>,
}

impl Printed {
    /// None if it is not what such a program prints.
    fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes)
            .ok()
            .filter(|printed: &Self| printed.version == 1)
    }

    fn token(self) -> Option<SecretString> {
        let over = self
            .expiration_time
            .is_some_and(|end| end <= Timestamp::now().as_second());
        let token = match self
            .token_type
            .as_deref()?
            .strip_prefix("urn:ietf:params:oauth:token-type:")?
        {
            "id_token" | "jwt" => self.id_token,
            "saml2" => self.saml_response,
            _ => None,
        };
        token.filter(|token| self.success && !over && !token.expose_secret().is_empty())
    }

    /// The token that was left in a file: one that does not say how long it lasts is as good as over.
    fn kept(self) -> Option<SecretString> {
        self.expiration_time?;
        self.token()
    }
}

impl Gcp {
    /// The token of the other identity.
    pub(super) async fn subject(&self, federated: &Federated) -> Result<SecretString, Problem> {
        let (text, place) = match &federated.subject {
            Subject::Helper(helper) => return self.printed(federated, helper).await,
            Subject::File(path) => {
                let text = file::read_text(path).map_err(|error| {
                    let what = format!(
                        "the identity in {} cannot be read: {}",
                        path.display(),
                        file::why(&error)
                    );
                    self.unusable(what).causes(vec![
                        "what should write the file has not, or the path in credential_source is wrong".to_owned(),
                    ])
                })?;
                (text, path.display().to_string())
            }
            Subject::Url { url, headers } => (self.answered(url, headers).await?, url.origin().ascii_serialization()),
        };
        let token = match &federated.field {
            None => Some(SecretString::from(Box::<str>::from(text.expose_secret().trim()))),
            Some(field) => serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text.expose_secret())
                .ok()
                .and_then(|mut object| match object.remove(field) {
                    Some(serde_json::Value::String(token)) => Some(token.into()),
                    _ => None,
                }),
        };
        token
            .filter(|token| !token.expose_secret().is_empty())
            .ok_or_else(|| match &federated.field {
                Some(field) => self.unusable(format!("{place} is no JSON object with the text {field}")),
                None => self.unusable(format!("{place} holds no identity: it is empty")),
            })
    }

    /// What a server says.
    async fn answered(&self, url: &Url, headers: &BTreeMap<String, SecretString>) -> Result<SecretString, Problem> {
        let mut request = Request::new(Method::GET, url.clone());
        for (name, value) in headers {
            let pair = HeaderName::try_from(name.as_str())
                .ok()
                .zip(sensitive(value.expose_secret()));
            let (name, value) =
                pair.ok_or_else(|| self.unusable(format!("the header {name} of credential_source cannot be sent")))?;
            request.headers_mut().insert(name, value);
        }
        let reply = self.web.send(request, Purpose::Login).await?;
        if reply.answer.status == 200
            && let Ok(text) = std::str::from_utf8(&reply.answer.body)
        {
            return Ok(SecretString::from(Box::<str>::from(text)));
        }
        let what = format!("{} gave no identity (HTTP {})", reply.address, reply.answer.status);
        let cause = "the server that credential_source names refused to give a token";
        Err(reply.at(
            Problem::new(&catalogue::GCP_FEDERATION, what).cause(cause),
            Purpose::Login,
        ))
    }

    /// What a program prints; or what it left in its output file, as long as that is valid.
    async fn printed(&self, federated: &Federated, helper: &Helper) -> Result<SecretString, Problem> {
        let problem = |why: &str| {
            Problem::new(
                &catalogue::GCP_HELPER,
                format!("the program that the credentials name for the login {why}"),
            )
            .fact("Program", helper.program.clone())
        };
        if self.world.text(ALLOW) != Some("1") {
            return Err(problem("is not run: nobody has allowed it"));
        }
        let kept = helper
            .output_file
            .as_deref()
            .and_then(|path| file::read_text(path).ok());
        if let Some(token) = kept.and_then(|text| Printed::parse(text.expose_secret().as_bytes())?.kept()) {
            return Ok(token);
        }
        let mut env = BTreeMap::clone(&self.world.env);
        let told = [
            ("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", Some(federated.audience.as_str())),
            (
                "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
                Some(federated.subject_token_type.as_str()),
            ),
            ("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", Some("0")),
            ("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", helper.email.as_deref()),
            (
                "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE",
                helper.output_file.as_deref().and_then(Path::to_str),
            ),
        ];
        env.extend(
            told.iter()
                .filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.into()))),
        );
        let output = command::run(&helper.program, &helper.args, &env, helper.limit, LONGEST)
            .await
            .map_err(|failure| match failure {
                Failure::Missing => problem("is not there"),
                Failure::NotExecutable => problem("cannot be executed"),
                Failure::NotStarted => problem("could not be started"),
                Failure::Timeout => problem("did not end in time"),
                Failure::TooLarge => problem("printed more than any token"),
            })?;
        if output.code != 0 {
            return Err(problem(&format!("failed (exit code {})", output.code)));
        }
        match Printed::parse(&output.stdout) {
            None => Err(problem("printed something else than the JSON of a token")),
            Some(printed) if !printed.success => Err(problem("says that it could not log in")),
            Some(printed) => printed
                .token()
                .ok_or_else(|| problem("gave no token of its token_type (id_token, jwt, saml2), or one that is over")),
        }
    }
}
