//! The credentials of the machine itself: what ECS and EKS give a container, and the metadata service of a virtual machine.

use std::net::IpAddr;
use std::time::Duration;

use aws_credential_types::Credentials;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};

use super::Aws;
use super::login::{GivenKeys, at_login};
use super::origin::Authorization;
use super::transport::Failure;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::file;
use crate::providers::net::http::{Answer, parse};
use crate::providers::settings::path;

/// A service on the machine itself answers within this, or is not there. As long as AWS' own clients wait.
const LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn of_container(
    url: &str,
    authorization: Option<&Authorization>,
    aws: &Aws,
) -> Result<Credentials, Problem> {
    let failed = |why: &str| {
        let what = format!("the container's endpoint gave no credentials: {why}");
        at_login(Problem::new(&catalogue::AWS_NOCRED, what)).cause(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI was inherited from elsewhere, or the agent is down",
        )
    };
    let url = Url::parse(url).map_err(|_| failed("its address is none"))?;
    if !may_be_asked(&url) {
        return Err(failed("its address is neither https nor one of the machine's own"));
    }
    let token = match authorization {
        None => None,
        Some(Authorization::Given(token)) => Some(token.clone()),
        Some(Authorization::File(file)) => {
            let text = file::read_text(&path(file, &aws.world))
                .map_err(|error| failed(&format!("the token's file cannot be read: {}", file::why(&error))))?;
            Some(text)
        }
    };
    let mut request = Request::new(Method::GET, url);
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(token.expose_secret().trim()).map_err(|_| failed("its token is none"))?;
        value.set_sensitive(true);
        request.headers_mut().insert("authorization", value);
    }
    *request.timeout_mut() = Some(LIMIT);
    let answer = aws
        .transport
        .send(request, true)
        .await
        .map_err(|failure| failed(&in_words(&failure)))?;
    keys(&answer).ok_or_else(|| failed("its answer is not what AWS' clients read"))
}

/// What a token may be sent to: TLS, or an address that never leaves the machine.
fn may_be_asked(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let own = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(&host),
        Err(_) => host == "localhost",
    };
    url.scheme() == "https" || (url.scheme() == "http" && own)
}

pub(super) async fn of_machine(aws: &Aws) -> Result<Credentials, Problem> {
    let failed = |why: &str| {
        let what = format!("the machine's metadata service gave no credentials: {why}");
        at_login(Problem::new(&catalogue::AWS_NOCRED, what))
            .cause("this is no machine of AWS, or no role is attached to it, or a container is too many hops away (hop limit 1)")
            .fixes(vec![
                "curl -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token   (whether it answers here)".to_owned(),
                format!("elsewhere: take imds = true out of [providers.{}], then: aws configure sso", aws.name),
            ])
    };
    let six = aws
        .world
        .text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let usual = if six {
        "http://[fd00:ec2::254]"
    } else {
        "http://169.254.169.254"
    };
    let base = aws.world.text("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(usual);
    let ask = async |method: Method, path: &str, header: (&'static str, &str)| {
        let url = format!("{}/latest/{path}", base.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| failed("its address is none"))?;
        let mut request = Request::new(method, url);
        let value = HeaderValue::from_str(header.1).map_err(|_| failed("its answer is not what AWS' clients read"))?;
        request.headers_mut().insert(HeaderName::from_static(header.0), value);
        *request.timeout_mut() = Some(LIMIT);
        aws.transport
            .send(request, true)
            .await
            .map_err(|failure| failed(&in_words(&failure)))
    };
    let text = |answer: &Answer| std::str::from_utf8(&answer.body).unwrap_or_default().trim().to_owned();

    let token = ask(
        Method::PUT,
        "api/token",
        ("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
    )
    .await?;
    let token = SecretString::from(text(&token));
    let header = ("x-aws-ec2-metadata-token", token.expose_secret());
    let roles = text(&ask(Method::GET, "meta-data/iam/security-credentials/", header).await?);
    let role = roles
        .lines()
        .next()
        .filter(|role| !role.is_empty())
        .ok_or_else(|| failed("no role is attached"))?;
    let answer = ask(
        Method::GET,
        &format!("meta-data/iam/security-credentials/{role}"),
        header,
    )
    .await?;
    keys(&answer).ok_or_else(|| failed("its answer is not what AWS' clients read"))
}

fn keys(answer: &Answer) -> Option<Credentials> {
    parse::<GivenKeys>(answer).map(GivenKeys::into_credentials)
}

fn in_words(failure: &Failure) -> String {
    match failure {
        Failure::Unready(problem) => problem.what.clone(),
        Failure::Unanswered(_) => "it does not answer".to_owned(),
        Failure::Refused(refusal) => format!("it answered HTTP {}", refusal.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_on_the_machine_or_within_tls() {
        for fine in [
            "http://169.254.170.2/v2/x",
            "http://127.0.0.1:51679/x",
            "http://localhost/x",
            "http://[::1]/x",
            "https://h/x",
        ] {
            assert!(may_be_asked(&Url::parse(fine).unwrap()), "{fine}");
        }
        for wrong in [
            "http://example.com/x",
            "http://169.254.170.20/x",
            "http://localhost.example/x",
            "ftp://127.0.0.1/x",
        ] {
            assert!(!may_be_asked(&Url::parse(wrong).unwrap()), "{wrong}");
        }
    }
}
