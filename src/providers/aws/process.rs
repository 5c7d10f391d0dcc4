//! `credential_process`: a program of the person's own that prints credentials.

use std::time::Duration;

use aws_credential_types::Credentials;
use secrecy::{ExposeSecret, SecretString};

use super::Aws;
use super::login::{GivenKeys, at_login};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::command::{self, Failure};

/// How long the program may take. It may have to ask a server of its own.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest output that is read.
const OUTPUT_CAP: usize = 64 * 1024;

/// Runs the command as AWS' clients do, in a shell, with the environment that hallpass was given.
pub(super) async fn credentials(command: &SecretString, profile: &str, aws: &Aws) -> Result<Credentials, Problem> {
    let failed = |why: String| {
        let what = format!("credential_process of profile `{profile}` gave no credentials: {why}");
        at_login(Problem::new(&catalogue::AWS_PROCESS, what))
    };
    let args = ["-c".to_owned(), command.expose_secret().to_owned()];
    let output = command::run("/bin/sh", &args, &aws.world.env, LIMIT, OUTPUT_CAP).await;
    let output = output.map_err(|failure| {
        failed(match failure {
            Failure::Missing | Failure::NotExecutable | Failure::NotStarted => "the shell cannot be started".to_owned(),
            Failure::Timeout => format!("it was not done within {} s", LIMIT.as_secs()),
            Failure::TooLarge => "it printed more than 64 KiB".to_owned(),
        })
    })?;
    match output.code {
        0 => {}
        127 => return Err(failed("the shell did not find the program".to_owned())),
        code => return Err(failed(format!("the program ended with code {code}"))),
    }
    let keys: Option<GivenKeys> = serde_json::from_slice(&output.stdout).ok();
    match keys {
        Some(keys) if keys.version == Some(1) => Ok(keys.into_credentials()),
        Some(_) => Err(failed("its output has no \"Version\": 1".to_owned())),
        None => Err(failed("its output is not the JSON that AWS' clients read".to_owned())),
    }
}
