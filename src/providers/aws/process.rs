//! `credential_process`: a program of the person's own that prints credentials.
//!
//! It gets the environment that hallpass was given, and nothing to ask with: no standard input, and not our terminal.

use std::process::Stdio;
use std::time::Duration;

use aws_credential_types::Credentials;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Aws;
use super::login::{GivenKeys, at_login};
use crate::domain::catalogue;
use crate::domain::problem::Problem;

/// How long the program may take. It may have to ask a server of its own.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest output that is read.
const OUTPUT_CAP: u64 = 64 * 1024;

pub(super) async fn credentials(command: &SecretString, profile: &str, aws: &Aws) -> Result<Credentials, Problem> {
    let failed = |why: String| {
        let what = format!("credential_process of profile `{profile}` gave no credentials: {why}");
        at_login(Problem::new(&catalogue::AWS_PROCESS, what))
    };
    let run = async {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command.expose_secret())
            .env_clear()
            .envs(aws.world.env.iter())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It may say there what nobody should see.
            .stderr(Stdio::null())
            // In a group of its own it cannot read from the terminal.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("it cannot be started: {}", error.kind())))?;
        let mut output = Zeroizing::new(Vec::with_capacity(4096));
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = stdout.take(OUTPUT_CAP);
            stdout
                .read_to_end(&mut output)
                .await
                .map_err(|error| failed(error.kind().to_string()))?;
        }
        let status = child.wait().await.map_err(|error| failed(error.kind().to_string()))?;
        if !status.success() {
            return Err(failed(match status.code() {
                Some(127) => "the shell did not find the program".to_owned(),
                Some(code) => format!("the program ended with code {code}"),
                None => "the program was ended by a signal".to_owned(),
            }));
        }
        let keys: Option<GivenKeys> = serde_json::from_slice(&output).ok();
        match keys {
            Some(keys) if keys.version == Some(1) => Ok(keys.into_credentials()),
            Some(_) => Err(failed("its output has no \"Version\": 1".to_owned())),
            None => Err(failed("its output is not the JSON that AWS' clients read".to_owned())),
        }
    };
    tokio::time::timeout(LIMIT, run)
        .await
        .unwrap_or_else(|_| Err(failed(format!("the program was not done within {} s", LIMIT.as_secs()))))
}
