//! Each way to log in to AWS opens a session through the real binary, and AWS' own Python client, told the same, comes as the same
//! principal and meets the same faults.

use std::path::Path;

use serde_json::{Value, json};

use crate::aws::{OPEN, got, role};
use crate::liar::{Liar, http};
use crate::sandbox::{Sandbox, finish};
use crate::servers::servers;

/// The principal of the session that each login ends with.
pub const OWN: &str = "ASIAOWN";
/// The principal of the role `further`, which only `OWN` is given, and that of the role `last`, which only `FURTHER` is given.
pub const FURTHER: &str = "ASIAFURTHER";
pub const LAST: &str = "ASIALAST";
const ARN: &str = "arn:aws:iam::123456789012:role/dba";

/// All of AWS that a login may ask, in one server: STS, the SSO portal, a container's endpoint, a machine's metadata service (below
/// `/bare` that of a machine without a role), Secrets Manager.
pub fn cloud() -> Liar {
    let keys = json!({
        "Code": "Success", "AccessKeyId": OWN, "SecretAccessKey": "canary-own-key", "Token": "canary-own-token",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    Liar::new(move |request| {
        let head = request.to_ascii_lowercase();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let has_token = head.contains("x-aws-ec2-metadata-token: canary-imds");
        let signed_by = |key: &str| request.contains(&format!("Credential={key}/"));
        let takes_on = |role: &str| request.contains("Action=AssumeRole&") && request.contains(role);
        match path {
            "/pod" if head.contains("authorization: canary-pod") => http("200 OK", "", &keys.to_string()),
            "/latest/api/token" | "/bare/latest/api/token" => http(
                "200 OK",
                "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\n",
                "canary-imds",
            ),
            "/latest/meta-data/iam/security-credentials/" if has_token => http("200 OK", "", "box-role"),
            "/latest/meta-data/iam/security-credentials/box-role" if has_token => http("200 OK", "", &keys.to_string()),
            "/bare/latest/meta-data/iam/security-credentials/" => http("404 Not Found", "", ""),
            path if path.starts_with("/federation/credentials?") => {
                let refused = |status: &str, kind: &str| http(status, "", &json!({ "__type": kind, "message": "no" }).to_string());
                if !head.contains("x-amz-sso_bearer_token: canary-sso") {
                    refused("401 Unauthorized", "UnauthorizedException")
                } else if path.contains("role_name=DBA") && path.contains("account_id=123456789012") {
                    let keys = json!({
                        "accessKeyId": OWN, "secretAccessKey": "canary-own-key", "sessionToken": "canary-own-token",
                        "expiration": 4_000_000_000_000_i64,
                    });
                    http("200 OK", "", &json!({ "roleCredentials": keys }).to_string())
                } else {
                    refused("403 Forbidden", "ForbiddenException")
                }
            }
            "/token" if request.contains("\"canary-refresh\"") && request.contains("\"canary-client\"") => {
                let issued = json!({ "accessToken": "canary-sso", "expiresIn": 28800, "tokenType": "Bearer", "refreshToken": "canary-refresh" });
                http("200 OK", "", &issued.to_string())
            }
            "/token" => http("400 Bad Request", "", &json!({ "error": "invalid_grant", "error_description": "no" }).to_string()),
            "/" if request.contains("Action=AssumeRoleWithWebIdentity") => {
                if request.contains("canary.jwt") {
                    sts("AssumeRoleWithWebIdentity", OWN)
                } else {
                    refused_by_sts("400 Bad Request", "InvalidIdentityToken")
                }
            }
            "/" if takes_on("role%2Ffurther") && signed_by(OWN) => sts("AssumeRole", FURTHER),
            "/" if takes_on("role%2Flast") && signed_by(FURTHER) => sts("AssumeRole", LAST),
            "/" if request.contains("Action=AssumeRole&")
                && request.contains("ExternalId=right")
                && request.contains("RoleSessionName=jo%40corp") =>
            {
                sts("AssumeRole", OWN)
            }
            "/" if request.contains("Action=") => refused_by_sts("403 Forbidden", "AccessDenied"),
            "/" if [OWN, FURTHER, LAST].into_iter().any(signed_by) => http(
                "200 OK",
                "Content-Type: application/x-amz-json-1.1\r\n",
                &json!({ "Name": "db", "SecretString": "the-value", "VersionId": "v", "VersionIdsToStages": { "v": ["AWSCURRENT"] } }).to_string(),
            ),
            "/" => {
                let refused = json!({ "__type": "UnrecognizedClientException", "message": "The security token included in the request is invalid." });
                http("400 Bad Request", "", &refused.to_string())
            }
            _ => http("403 Forbidden", "", ""),
        }
    })
}

fn refused_by_sts(status: &str, code: &str) -> String {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>");
    http(
        status,
        "Content-Type: text/xml\r\n",
        &format!("<ErrorResponse>{error}</ErrorResponse>"),
    )
}

fn sts(operation: &str, key_id: &str) -> String {
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><Credentials><AccessKeyId>{key_id}</AccessKeyId>\
         <SecretAccessKey>canary-own-key</SecretAccessKey><SessionToken>canary-own-token</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{operation}Result></{operation}Response>"
    );
    http("200 OK", "Content-Type: text/xml\r\n", &body)
}

/// A home whose AWS is this server, with a role of one secret.
pub fn home(liar: &Liar) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_ENDPOINT_URL", &liar.address);
    sandbox.set("AWS_REGION", "eu-west-1");
    role(&sandbox, &[("VALUE", "'_aws:db'")]);
    sandbox
}

/// What AWS' own client reads in the same environment.
pub fn of_boto(sandbox: &Sandbox, profile: Option<&str>) -> Value {
    let env: Vec<(&str, &str)> = sandbox
        .env()
        .iter()
        .filter(|(name, _)| name.starts_with("AWS_") || *name == "HOME")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let asked = json!({
        "profile": profile, "region": "eu-west-1",
        "calls": [{ "service": "secretsmanager", "call": "get_secret_value", "arguments": { "SecretId": "db" } }],
    });
    servers().boto(&env, &asked).remove(0)
}

/// Who signed the last read of a secret, and with which session token.
pub fn reader(liar: &Liar) -> (String, bool) {
    let asked = liar.asked();
    let read = asked
        .iter()
        .rfind(|request| request.contains("GetSecretValue"))
        .unwrap();
    let (_, rest) = read.split_once("Credential=").unwrap();
    let token = read
        .to_ascii_lowercase()
        .contains("x-amz-security-token: canary-own-token");
    (rest.split('/').next().unwrap().to_owned(), token)
}

/// The session opens with the value, and both clients came as this principal; `theirs` is the profile that AWS' own is told.
#[track_caller]
pub fn opens_as(liar: &Liar, sandbox: &Sandbox, theirs: Option<&str>, who: &str) {
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(sandbox, "VALUE"), "the-value");
    assert_eq!(reader(liar), (who.to_owned(), true));
    let before = liar.asked().len();
    let answer = of_boto(sandbox, theirs);
    assert_eq!(answer["SecretString"], "the-value", "{theirs:?}: {answer}");
    assert!(liar.asked().len() > before);
    assert_eq!(reader(liar), (who.to_owned(), true), "AWS' own client, {theirs:?}");
    sandbox.run(&["check", "it"]).expect_code(0);
}

#[track_caller]
fn opens(liar: &Liar, sandbox: &Sandbox) {
    opens_as(liar, sandbox, None, OWN);
}

/// Neither client gets in: ours says this code for a session and a check, AWS' own raises this.
#[track_caller]
pub fn both_refused(sandbox: &Sandbox, profile: Option<&str>, ours: &str, theirs: &str) {
    let _ = std::fs::remove_file(sandbox.home().join("VALUE"));
    let said = sandbox.run(OPEN).expect_code(125).stderr;
    assert!(said.contains(&format!("error[{ours}]")), "not {ours}: {said}");
    let shown = sandbox.run(&["check", "it", "--json"]).expect_code(1).stdout;
    assert!(shown.contains(&format!("\"{ours}\"")), "not {ours}: {shown}");
    assert!(!said.contains("canary") && !shown.contains("canary"), "{said}{shown}");
    assert!(!sandbox.home().join("VALUE").exists(), "it was started");
    let answer = of_boto(sandbox, profile);
    assert_eq!(answer["error"], theirs, "{profile:?}: {answer}");
}

#[test]
fn a_container_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/pod", liar.address));
    sandbox.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-pod");
    opens(&liar, &sandbox);
    sandbox.unset("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let file = sandbox.write("pod-token", "canary-pod");
    sandbox.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    opens(&liar, &sandbox);
    sandbox.write("pod-token", "canary-wrong");
    both_refused(&sandbox, None, "E-AWS-NOCRED", "CredentialRetrievalError");
}

#[test]
fn a_container_of_ecs_opens_a_session() {
    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_REGION", "eu-west-1");
    sandbox.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/it");
    sandbox.set("PYTHONPATH", &servers().python_path);
    role(&sandbox, &[("VALUE", "'_aws:db'")]);
    let hallpass = sandbox.home().join("bin/hallpass").display().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/aws_container.py");
    let args = [&["-rn", &servers().python, script, &hallpass][..], OPEN].concat();
    let said = finish(sandbox.command_of(Path::new("unshare"), &args), b"").expect_code(0);
    let did: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&did["code"], &did["theirs"]),
        (&json!(0), &json!("the-value")),
        "{}",
        said.stderr
    );
    assert_eq!(got(&sandbox, "VALUE"), "the-value");
    let signers = did["signers"].as_array().unwrap();
    assert!(
        signers.len() >= 2 && signers.iter().all(|signer| signer == OWN),
        "{did}"
    );
}

#[test]
fn a_machine_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &liar.address);
    sandbox.set("AWS_EC2_METADATA_DISABLED", "false");
    // AWS' own client waits one second for an answer, once.
    sandbox.set("AWS_METADATA_SERVICE_TIMEOUT", "20");
    sandbox.config("[providers.aws]\nimds = true\n");
    opens(&liar, &sandbox);
    sandbox.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("{}/bare/", liar.address));
    both_refused(&sandbox, None, "E-AWS-NOCRED", "NoCredentialsError");
}

#[test]
fn keys_of_the_environment_open_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_ACCESS_KEY_ID", OWN);
    sandbox.set("AWS_SECRET_ACCESS_KEY", "canary-own-key");
    sandbox.set("AWS_SESSION_TOKEN", "canary-own-token");
    opens(&liar, &sandbox);
    sandbox.set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    both_refused(&sandbox, None, "E-AWS-KEY", "UnrecognizedClientException");
}

#[test]
fn a_web_identity_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    let file = sandbox.write("jwt", "canary.jwt");
    sandbox.set("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    sandbox.set("AWS_ROLE_ARN", ARN);
    sandbox.set("AWS_ROLE_SESSION_NAME", "jo@corp");
    opens(&liar, &sandbox);
    let asked = liar.asked();
    let named = |request: &&String| request.contains("RoleSessionName=jo%40corp");
    let logins = || {
        asked
            .iter()
            .filter(|request| request.contains("Action=AssumeRoleWithWebIdentity"))
    };
    assert!(logins().count() >= 2);
    assert_eq!(logins().filter(named).count(), logins().count(), "{asked:?}");
    sandbox.write("jwt", "canary.other");
    both_refused(&sandbox, None, "E-AWS-WEB-IDENTITY", "InvalidIdentityToken");
}

#[test]
fn a_role_with_an_external_id_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    let profile = |sandbox: &Sandbox, id: &str| {
        let profile = format!(
            "[profile dba]\nregion = eu-west-1\nrole_arn = {ARN}\nexternal_id = {id}\nrole_session_name = jo@corp\ncredential_source = Environment\n"
        );
        sandbox.write(".aws/config", &profile);
    };
    profile(&sandbox, "right");
    sandbox.set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    sandbox.set("AWS_SECRET_ACCESS_KEY", "canary-secret-key");
    sandbox.config("[providers.aws]\nprofile = \"dba\"\n");
    opens_as(&liar, &sandbox, Some("dba"), OWN);
    profile(&sandbox, "wrong");
    both_refused(&sandbox, Some("dba"), "E-AWS-ASSUME", "AccessDenied");
    // The same from the provider's own settings.
    sandbox.config(&format!(
        "[providers.aws]\nrole_arn = \"{ARN}\"\nexternal_id = \"right\"\nsession_name = \"jo@corp\"\n"
    ));
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(reader(&liar), (OWN.to_owned(), true));
}

#[test]
fn both_clients_meet_the_same_faults() {
    for (status, code, message, ours) in [
        (
            "400 Bad Request",
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/dev is not authorized to perform: secretsmanager:GetSecretValue on resource: db",
            "E-AWS-DENIED",
        ),
        (
            "400 Bad Request",
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            "E-AWS-NOTFOUND",
        ),
        (
            "400 Bad Request",
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
            "E-AWS-DELETED",
        ),
        (
            "400 Bad Request",
            "ThrottlingException",
            "Rate exceeded",
            "E-AWS-THROTTLED",
        ),
        (
            "400 Bad Request",
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "E-AWS-TOKEN-EXPIRED",
        ),
    ] {
        let liar = Liar::new(move |_| {
            let body = json!({ "__type": code, "message": message }).to_string();
            http(status, "Content-Type: application/x-amz-json-1.1\r\n", &body)
        });
        let mut sandbox = home(&liar);
        sandbox.set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        sandbox.set("AWS_SECRET_ACCESS_KEY", "canary-secret-key");
        let theirs = of_boto(&sandbox, None);
        assert_eq!(theirs["error"], code, "{theirs}");
        let said = sandbox
            .run(&["exec", "it", "--", "touch", "started"])
            .expect_code(125)
            .stderr;
        assert!(said.contains(&format!("error[{ours}]")), "{ours}: {said}");
        assert!(
            !said.contains("canary") && !sandbox.home().join("started").exists(),
            "{said}"
        );
    }
}
