//! Each way to log in to AWS opens a session through the real binary, and AWS' own Python client, told the same, comes as the same
//! principal and meets the same faults.

use serde_json::{Value, json};

use crate::aws::{OPEN, got, role};
use crate::liar::{Liar, http};
use crate::sandbox::Sandbox;
use crate::servers::servers;

/// The principal of the session that each login ends with.
const OWN: &str = "ASIAOWN";
const ARN: &str = "arn:aws:iam::123456789012:role/dba";

/// All of AWS that a login may ask, in one server: STS, a container's endpoint, a machine's metadata service, Secrets Manager.
fn cloud() -> Liar {
    let keys = json!({
        "Code": "Success", "AccessKeyId": OWN, "SecretAccessKey": "canary-own-key", "Token": "canary-own-token",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    Liar::new(move |request| {
        let head = request.to_ascii_lowercase();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let has_token = head.contains("x-aws-ec2-metadata-token: canary-imds");
        match path {
            "/pod" if head.contains("authorization: canary-pod") => http("200 OK", "", &keys.to_string()),
            "/latest/api/token" => http(
                "200 OK",
                "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\n",
                "canary-imds",
            ),
            "/latest/meta-data/iam/security-credentials/" if has_token => http("200 OK", "", "box-role"),
            "/latest/meta-data/iam/security-credentials/box-role" if has_token => http("200 OK", "", &keys.to_string()),
            "/" if request.contains("Action=AssumeRoleWithWebIdentity") && request.contains("canary.jwt") => {
                sts("AssumeRoleWithWebIdentity")
            }
            "/" if request.contains("Action=AssumeRole&")
                && request.contains("ExternalId=right")
                && request.contains("RoleSessionName=jo%40corp") =>
            {
                sts("AssumeRole")
            }
            "/" if request.contains(&format!("Credential={OWN}/")) => http(
                "200 OK",
                "Content-Type: application/x-amz-json-1.1\r\n",
                &json!({ "Name": "db", "SecretString": "the-value", "VersionId": "v", "VersionIdsToStages": { "v": ["AWSCURRENT"] } }).to_string(),
            ),
            "/" if request.contains("Action=") => http(
                "403 Forbidden",
                "Content-Type: text/xml\r\n",
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
            ),
            _ => http(
                "403 Forbidden",
                "",
                &json!({ "__type": "AccessDeniedException" }).to_string(),
            ),
        }
    })
}

fn sts(operation: &str) -> String {
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result><Credentials><AccessKeyId>{OWN}</AccessKeyId>\
         <SecretAccessKey>canary-own-key</SecretAccessKey><SessionToken>canary-own-token</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{operation}Result></{operation}Response>"
    );
    http("200 OK", "Content-Type: text/xml\r\n", &body)
}

/// A home whose AWS is this server, with a role of one secret.
fn home(liar: &Liar) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_ENDPOINT_URL", &liar.address);
    sandbox.set("AWS_REGION", "eu-west-1");
    role(&sandbox, &[("VALUE", "'_aws:db'")]);
    sandbox
}

/// What AWS' own client reads in the same environment.
fn of_boto(sandbox: &Sandbox, profile: Option<&str>) -> Value {
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
fn reader(liar: &Liar) -> (String, bool) {
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

/// The session opens with the value, and both clients came as the same principal.
#[track_caller]
fn opens(liar: &Liar, sandbox: &Sandbox, profile: Option<&str>) {
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(sandbox, "VALUE"), "the-value");
    assert_eq!(reader(liar), (OWN.to_owned(), true));
    let before = liar.asked().len();
    let theirs = of_boto(sandbox, profile);
    assert_eq!(theirs["SecretString"], "the-value", "{theirs}");
    assert!(liar.asked().len() > before);
    assert_eq!(reader(liar), (OWN.to_owned(), true));
    sandbox.run(&["check", "it"]).expect_code(0);
}

#[test]
fn a_container_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/pod", liar.address));
    sandbox.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-pod");
    opens(&liar, &sandbox, None);
    sandbox.unset("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let file = sandbox.write("pod-token", "canary-pod");
    sandbox.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    opens(&liar, &sandbox, None);
}

#[test]
fn a_machine_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &liar.address);
    sandbox.set("AWS_EC2_METADATA_DISABLED", "false");
    sandbox.config("[providers.aws]\nimds = true\n");
    opens(&liar, &sandbox, None);
}

#[test]
fn a_web_identity_opens_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    let file = sandbox.write("jwt", "canary.jwt");
    sandbox.set("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    sandbox.set("AWS_ROLE_ARN", ARN);
    opens(&liar, &sandbox, None);
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
    opens(&liar, &sandbox, Some("dba"));
    profile(&sandbox, "wrong");
    let refused = sandbox.run(OPEN).expect_code(125).stderr;
    assert!(refused.contains("error[E-AWS-ASSUME]"), "{refused}");
    assert_eq!(of_boto(&sandbox, Some("dba"))["error"], "AccessDenied");
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
