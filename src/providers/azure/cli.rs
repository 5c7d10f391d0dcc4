//! Azure CLI: `az account get-access-token`, as the person who is logged in to it. It runs without our terminal, cannot ask anything, has a
//! time limit, and gets none of the credentials of providers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::login::{Token, Unusable};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::command::{self, Failure};
use crate::providers::net::ladder::stages_until;
use crate::providers::patience::in_words;
use crate::providers::{World, credential_names};

/// What it writes is a token and a few dates.
const OUTPUT_CAP: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answered {
    #[serde(rename = "accessToken")]
    access_token: SecretString,
    /// Seconds since 1970; since version 2.54.
    expires_on: Option<i64>,
}

/// A token for the scope.
pub(super) async fn token(
    world: &World,
    scope: &str,
    tenant: Option<&str>,
    limit: Duration,
) -> Result<Token, Unusable> {
    let mut words = vec!["account", "get-access-token", "--output", "json", "--scope", scope];
    if let Some(tenant) = tenant {
        words.extend(["--tenant", tenant]);
    }
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let credentials = credential_names();
    let mut env: BTreeMap<String, OsString> = world
        .env
        .iter()
        .filter(|(name, _)| !credentials.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in [
        ("AZURE_CORE_NO_COLOR", "true"),
        ("AZURE_CORE_ONLY_SHOW_ERRORS", "true"),
        ("AZURE_CORE_DISABLE_CONFIRM_PROMPT", "true"),
    ] {
        env.insert(name.to_owned(), value.into());
    }
    let output = match command::run("az", &words, &env, limit, OUTPUT_CAP).await {
        Ok(output) => output,
        Err(Failure::Missing | Failure::NotExecutable) => {
            let what = "the program az (Azure CLI) is not on PATH";
            return Err(Unusable::Absent(at_login(Problem::new(
                &catalogue::AZURE_CLI_MISSING,
                what,
            ))));
        }
        Err(Failure::Timeout) => return Err(Unusable::Failed(slow(limit))),
        Err(Failure::NotStarted) => return Err(Unusable::Failed(odd("az could not be started"))),
        Err(Failure::TooLarge) => return Err(Unusable::Failed(odd("az wrote more than any token has"))),
    };
    if output.code != 0 {
        return Err(Unusable::Failed(refused(&output.stderr, tenant)));
    }
    let unusable = || {
        let problem = odd("az account get-access-token wrote something that is no token");
        Unusable::Failed(problem.cause("az is older than version 2.54").fix("az upgrade"))
    };
    let answered: Answered = serde_json::from_slice(&output.stdout).map_err(|_| unusable())?;
    let expires = answered.expires_on.and_then(|end| Timestamp::from_second(end).ok());
    let token = expires.and_then(|expires| Token::new(answered.access_token.expose_secret(), expires));
    token.ok_or_else(unusable)
}

fn odd(what: &str) -> Problem {
    at_login(Problem::new(&catalogue::AZURE_CLI, what))
}

fn slow(limit: Duration) -> Problem {
    let what = format!("az gave no token within {}", in_words(limit));
    let problem = Problem::new(&catalogue::NET_TIMEOUT, what)
        .causes(vec![
            "it waits for the network, or for somebody to answer a question".to_owned(),
        ])
        .fixes(vec![
            "az account get-access-token --scope https://vault.azure.net/.default --query expiresOn".to_owned(),
        ]);
    at_login(problem)
}

/// What az writes is only looked at: it may hold anything.
fn refused(stderr: &[u8], tenant: Option<&str>) -> Problem {
    let text = Zeroizing::new(String::from_utf8_lossy(stderr).into_owned());
    let login = match tenant {
        Some(tenant) => format!("az login --tenant {tenant}"),
        None => "az login".to_owned(),
    };
    let problem = if ["az login", "AADSTS", "az account clear", "No subscription"]
        .iter()
        .any(|word| text.contains(word))
    {
        let problem = Problem::new(
            &catalogue::AZURE_CLI_LOGIN,
            "nobody is logged in to Azure CLI, or the login has ended",
        );
        let number = text.split_once("AADSTS").map(|(_, rest)| rest);
        let digits = number.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        match digits.filter(|digits| (3..=9).contains(&digits.len())) {
            Some(digits) => problem.fact("Refusal", format!("AADSTS{digits}")),
            None => problem,
        }
    } else {
        Problem::new(&catalogue::AZURE_CLI, "az account get-access-token failed")
    };
    at_login(problem.fixes(vec![login]))
}

fn at_login(problem: Problem) -> Problem {
    problem.steps(stages_until("login", true))
}
