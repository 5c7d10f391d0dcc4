//! Every login of AWS' clients: against a double that checks signatures and policies, or, where no such double is to be had, against one
//! that speaks the protocol and keeps what it was asked. The shared files are held against AWS' own Python client.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass::domain::problem::Problem;
use hallpass::domain::status::State;
use hallpass::providers::Person;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::aws::{Bench, OPEN, got, id, role, run, sandbox, secret, user, value};
use crate::liar::{Liar, http};
use crate::sandbox::{DEADLINE, Sandbox};
use crate::servers::{servers, unique};

const READ: &str = "secretsmanager:GetSecretValue";

/// A home with the shared files of AWS' clients.
fn home(config: &str, credentials: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    home
}

fn bench(home: &Path) -> Bench {
    Bench::bare(&servers().aws_endpoint).home(home)
}

#[track_caller]
fn words(bench: &Bench) -> String {
    let status = bench.probe();
    assert_eq!(status.state, State::Ok, "{:?}", status.problem);
    status.auth.unwrap()
}

/// A role that may read secrets; gives its ARN.
fn reader() -> String {
    let name = unique("reader");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" }] });
    let rights = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": [READ, "sts:GetCallerIdentity"], "Resource": "*" }] });
    let made = servers().aws(&[
        (
            "iam",
            "create_role",
            json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() }),
        ),
        (
            "iam",
            "put_role_policy",
            json!({ "RoleName": name, "PolicyName": "read", "PolicyDocument": rights.to_string() }),
        ),
    ]);
    made[0]["Role"]["Arn"].as_str().unwrap().to_owned()
}

#[test]
fn profiles_of_the_shared_files() {
    let (name, _) = secret("value");
    let (work_id, work_key) = user(&[READ, "sts:GetCallerIdentity"]);
    let (other_id, other_key) = user(&[]);
    let credentials = format!(
        "[work]\naws_access_key_id = {work_id}\naws_secret_access_key = {work_key}\n\
         [default]\naws_access_key_id = {other_id}\naws_secret_access_key = {other_key}\n"
    );
    let config = "[profile work]\nregion = eu-west-1\n[default]\nregion = eu-west-1\n";
    let home = home(config, &credentials);
    // Without a region in the environment: the profile's.
    let plain = bench(home.path()).unset("AWS_REGION");
    assert_eq!(
        value(&plain.clone().set("AWS_PROFILE", "work").fetch(&id(&name)), None),
        "value"
    );
    assert_eq!(
        value(&plain.clone().setting("profile", "work").fetch(&id(&name)), None),
        "value"
    );
    assert_eq!(
        plain.failure(&id(&name)).code.id,
        "E-AWS-DENIED",
        "the default profile's user"
    );
    assert!(words(&plain.clone().setting("profile", "work")).starts_with("profile work: user/user_"));
    // Keys in the environment go before a profile that is named there too, not before one of the settings.
    let stray = plain.clone().keys((&other_id, &other_key));
    assert_eq!(
        stray.clone().set("AWS_PROFILE", "work").failure(&id(&name)).code.id,
        "E-AWS-DENIED"
    );
    assert_eq!(
        value(&stray.setting("profile", "work").fetch(&id(&name)), None),
        "value"
    );
    // The files may lie elsewhere.
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(home.path().join(".aws"), &elsewhere).unwrap();
    let at = |name: &str| elsewhere.join(name).display().to_string();
    let moved = plain.set("AWS_PROFILE", "work").set("AWS_CONFIG_FILE", &at("config"));
    let moved = moved.set("AWS_SHARED_CREDENTIALS_FILE", &at("credentials"));
    assert_eq!(value(&moved.fetch(&id(&name)), None), "value");

    let typo = moved.clone().setting("profile", "worc").failure(&id(&name));
    assert_eq!((typo.code.id, typo.similar[0].as_str()), ("E-AWS-PROFILE", "work"));
    assert!(typo.causes[0].contains("default, work"), "{typo}");
    std::fs::write(at("config"), "[profile work\nregion = x").unwrap();
    let broken = moved.failure(&id(&name));
    assert_eq!(broken.code.id, "E-AWS-PROFILE");
    assert!(broken.causes[0].contains("line 1"), "{broken}");
}

#[test]
fn roles_are_taken_on_by_settings_and_profiles() {
    let (name, _) = secret("value");
    let (key_id, secret_key) = user(&["sts:AssumeRole"]);
    let arn = reader();
    let keys = bench(Path::new("/nonexistent")).keys((&key_id, &secret_key));
    assert_eq!(
        keys.failure(&id(&name)).code.id,
        "E-AWS-DENIED",
        "the user alone may not"
    );
    let assumed = keys.clone().setting("role_arn", &arn);
    assert_eq!(value(&assumed.fetch(&id(&name)), None), "value");
    let status = assumed.probe();
    let auth = status.auth.unwrap();
    assert!(
        auth.starts_with(&format!(
            "assumed role {arn} from keys of the environment: assumed-role/reader_"
        )),
        "{auth}"
    );
    assert!(auth.contains("/hallpass-tester, account"), "the session's name: {auth}");
    let left = status.expires.unwrap().as_second() - jiff_now();
    assert!((600..=43_200).contains(&left), "{left}");

    let config = format!(
        "[profile base]\n[profile reading]\nrole_arn = {arn}\nsource_profile = base\nrole_session_name = from-profile\n\
         [profile env]\nrole_arn = {arn}\ncredential_source = Environment\n\
         [profile self]\nrole_arn = {arn}\nsource_profile = self\naws_access_key_id = {key_id}\naws_secret_access_key = {secret_key}\n\
         [profile one]\nrole_arn = {arn}\nsource_profile = two\n[profile two]\nrole_arn = {arn}\nsource_profile = one\n\
         [profile half]\nrole_arn = {arn}\n\
         [profile mfa]\nrole_arn = {arn}\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/jo\n"
    );
    let home = home(
        &config,
        &format!("[base]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret_key}\n"),
    );
    let with = |profile: &str| bench(home.path()).setting("profile", profile);
    assert_eq!(value(&with("reading").fetch(&id(&name)), None), "value");
    assert!(words(&with("reading")).contains("/from-profile"));
    assert_eq!(
        value(&with("env").keys((&key_id, &secret_key)).fetch(&id(&name)), None),
        "value"
    );
    assert_eq!(value(&with("self").fetch(&id(&name)), None), "value");
    for (profile, why) in [
        ("one", "circle: one → two → one"),
        ("half", "neither source_profile"),
        ("mfa", "wants a code from an MFA device"),
        ("env", "not there"),
        ("base2", "no profile"),
    ] {
        let problem = with(profile).failure(&id(&name));
        assert_eq!(problem.code.id, "E-AWS-PROFILE", "{problem}");
        assert!(problem.what.contains(why), "{problem}");
    }

    // Who may not take it on.
    let (key_id, secret_key) = user(&[]);
    let refused = bench(Path::new("/nonexistent"))
        .keys((&key_id, &secret_key))
        .setting("role_arn", &arn);
    let problem = refused.failure(&id(&name));
    assert_eq!(problem.code.id, "E-AWS-ASSUME");
    assert!(
        problem.what.contains(&arn) && problem.what.contains(":user/user_"),
        "{problem}"
    );
    assert_eq!(
        problem.note.as_deref(),
        Some("sts:AssumeRole → AccessDenied (HTTP 403)")
    );
    let status = refused.probe();
    assert_eq!((status.state, status.stages[4].state), (State::Fail, State::Fail));
    // The base login is what is wrong.
    let problem = refused.keys((&key_id, "wrong")).failure(&id(&name));
    assert_eq!(problem.code.id, "E-AWS-SIGNATURE");
}

#[test]
fn a_role_is_taken_on_in_the_region_of_the_arn_where_nothing_else_says_one() {
    let (_, secret_arn) = secret("value");
    let (key_id, secret_key) = user(&["sts:AssumeRole"]);
    let arn = reader();
    let nowhere = bench(Path::new("/nonexistent"))
        .unset("AWS_REGION")
        .keys((&key_id, &secret_key))
        .setting("role_arn", &arn);
    assert_eq!(value(&nowhere.fetch(&id(&secret_arn)), None), "value");
    assert_eq!(nowhere.failure(&id("a-name")).code.id, "E-AWS-REGION");

    let liar = Liar::new(|request| {
        if request.contains("Action=AssumeRoleWithWebIdentity") {
            sts("AssumeRoleWithWebIdentity", "ASIAWEB")
        } else {
            secret_answer()
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a.jwt").unwrap();
    let web = Bench::bare(&liar.address)
        .unset("AWS_REGION")
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap())
        .set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pods");
    let secret = id("arn:aws:secretsmanager:eu-west-3:123456789012:secret:db-AbCdEf");
    assert_eq!(value(&web.fetch(&secret), None), "value");
    assert!(liar.asked().last().unwrap().contains("/eu-west-3/secretsmanager/"));
}

fn jiff_now() -> i64 {
    i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap()
}

/// What STS answers when it gives a role.
fn sts(operation: &str, key_id: &str) -> String {
    let end = "2099-01-01T00:00:00Z";
    let body = format!(
        "<{operation}Response><{operation}Result><Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>canary-role-key</SecretAccessKey>\
         <SessionToken>canary-role-token</SessionToken><Expiration>{end}</Expiration></Credentials></{operation}Result></{operation}Response>"
    );
    http("200 OK", "Content-Type: text/xml\r\n", &body)
}

fn secret_answer() -> String {
    http(
        "200 OK",
        "",
        &json!({ "Name": "db", "SecretString": "value", "VersionId": "v" }).to_string(),
    )
}

#[test]
fn the_external_id_and_the_session_name_reach_sts_and_one_login_serves_all() {
    let liar = Liar::new(|request| {
        if request.contains("Action=AssumeRole&") {
            if request.contains("ExternalId=right") {
                sts("AssumeRole", "ASIAROLE")
            } else {
                let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/dev is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/dba</Message></Error></ErrorResponse>";
                http("403 Forbidden", "", denied)
            }
        } else {
            secret_answer()
        }
    });
    let bench = Bench::liar(&liar)
        .setting("role_arn", "arn:aws:iam::123456789012:role/dba")
        .setting("external_id", "right");
    let bench = bench.setting("session_name", "jo@corp");
    let aws = bench.aws();
    run(async {
        let wanted = [id("a"), id("b"), id("c"), id("d")];
        for result in futures::future::join_all(wanted.iter().map(|secret| aws.fetch(secret))).await {
            assert_eq!(value(&result.unwrap(), None), "value");
        }
    });
    let asked = liar.asked();
    let assumes: Vec<&String> = asked
        .iter()
        .filter(|request| request.contains("Action=AssumeRole&"))
        .collect();
    assert_eq!(assumes.len(), 1, "shared");
    assert!(assumes[0].contains("RoleSessionName=jo%40corp"), "{}", assumes[0]);
    let reads: Vec<&String> = asked
        .iter()
        .filter(|request| request.contains("GetSecretValue"))
        .collect();
    assert!(
        reads
            .iter()
            .all(|request| request.contains("x-amz-security-token: canary-role-token")
                && request.contains("Credential=ASIAROLE/"))
    );

    let wrong = bench.setting("external_id", "wrong").failure(&id("a"));
    assert_eq!(wrong.code.id, "E-AWS-ASSUME");
    assert!(
        wrong.causes.iter().any(|cause| cause.contains("another external id")),
        "{wrong}"
    );
}

#[test]
fn a_web_identity_token_stands_for_a_role() {
    let liar = Liar::new(|request| {
        if request.contains("Action=AssumeRoleWithWebIdentity") {
            assert!(
                !request.to_ascii_lowercase().contains("authorization:"),
                "nothing to sign with yet"
            );
            if request.contains("WebIdentityToken=canary.jwt.one") {
                sts("AssumeRoleWithWebIdentity", "ASIAWEB")
            } else {
                http(
                    "400 Bad Request",
                    "",
                    "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>canary expired</Message></Error></ErrorResponse>",
                )
            }
        } else {
            secret_answer()
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "canary.jwt.one\n").unwrap();
    let web = Bench::bare(&liar.address)
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap())
        .set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pods");
    assert_eq!(value(&web.fetch(&id("db")), None), "value");
    assert!(liar.asked().last().unwrap().contains("Credential=ASIAWEB/"));
    assert!(words(&web).starts_with("web identity, role pods"));

    let config = format!(
        "[profile web]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = {}\n",
        file.display()
    );
    let home = home(&config, "");
    let profile = Bench::bare(&liar.address).home(home.path()).set("AWS_PROFILE", "web");
    assert_eq!(value(&profile.fetch(&id("db")), None), "value");

    std::fs::write(&file, "canary.jwt.old").unwrap();
    let problem = web.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-WEB-IDENTITY");
    assert!(
        problem.causes[0].contains("has expired") && !format!("{problem:?}").contains("canary"),
        "{problem}"
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(web.failure(&id("db")).code.id, "E-AWS-WEB-IDENTITY");
}

#[test]
fn a_program_of_the_profile_gives_credentials() {
    let (name, _) = secret("value");
    let (key_id, secret_key) = user(&[READ]);
    let mut sandbox = sandbox(&[("VALUE", &format!("'_aws:{name}'"))]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        sandbox.unset(name);
    }
    sandbox.set("AWS_PROFILE", "work");
    sandbox.set("HELPER_KEY", &secret_key);
    let printed = format!(
        "{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"{key_id}\\\",\\\"SecretAccessKey\\\":\\\"$HELPER_KEY\\\"}}"
    );
    let helper = |script: &str| {
        let path = sandbox.write("helper", &format!("#!/bin/sh\n{script}\n"));
        sandbox.write(
            ".aws/config",
            &format!(
                "[profile work]\ncredential_process = sh {} \"two words\"\n",
                path.display()
            ),
        );
    };
    helper(&format!(
        "test \"$1\" = \"two words\" && test -z \"$(cat)\" && echo \"{printed}\""
    ));
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "VALUE"), "value");
    for (script, why) in [
        ("echo canary >&2; exit 3", "ended with code 3"),
        ("echo canary", "not the JSON"),
        (
            "echo '{\"AccessKeyId\":\"canary\",\"SecretAccessKey\":\"canary\"}'",
            "\"Version\": 1",
        ),
        ("exec no-such-program", "did not find"),
    ] {
        helper(script);
        let outcome = sandbox.run(OPEN).expect_code(125);
        assert!(
            outcome.stderr.contains("E-AWS-PROCESS") && outcome.stderr.contains(why),
            "{}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    }
}

#[test]
fn containers_and_machines_have_roles_of_their_own() {
    let keys = json!({ "AccessKeyId": "ASIAOWN", "SecretAccessKey": "canary-own-key", "Token": "canary-own-token", "Expiration": "2099-01-01T00:00:00Z" });
    let liar = Liar::new(move |request| {
        let head = request.to_ascii_lowercase();
        match request.lines().next().unwrap() {
            "GET /pod HTTP/1.1" if head.contains("authorization: canary-pod") => http("200 OK", "", &keys.to_string()),
            "PUT /latest/api/token HTTP/1.1" if head.contains("token-ttl-seconds: 21600") => {
                http("200 OK", "", "canary-imds")
            }
            "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1" if head.contains("token: canary-imds") => {
                http("200 OK", "", "box-role")
            }
            "GET /latest/meta-data/iam/security-credentials/box-role HTTP/1.1"
                if head.contains("token: canary-imds") =>
            {
                http("200 OK", "", &keys.to_string())
            }
            "POST / HTTP/1.1" if request.contains("Credential=ASIAOWN/") => secret_answer(),
            _ => http("403 Forbidden", "", ""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "canary-pod\n").unwrap();
    let pod = Bench::bare(&liar.address).set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/pod", liar.address));
    let with_file = pod
        .clone()
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    assert_eq!(value(&with_file.fetch(&id("db")), None), "value");
    assert_eq!(
        value(
            &pod.clone()
                .set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-pod")
                .fetch(&id("db")),
            None
        ),
        "value"
    );
    let problem = pod.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-NOCRED");
    assert!(problem.what.contains("HTTP 403"), "{problem}");
    let outside = pod
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/pod")
        .failure(&id("db"));
    assert!(
        outside.what.contains("neither https nor one of the machine's own"),
        "{outside}"
    );

    let machine = Bench::bare(&liar.address).set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &liar.address);
    let before = liar.asked().len();
    assert_eq!(machine.failure(&id("db")).code.id, "E-AWS-NOCRED");
    assert_eq!(liar.asked().len(), before, "asked only where the settings say so");
    let mut allowed = machine.clone();
    allowed
        .settings
        .insert("imds".to_owned(), hallpass::providers::Setting::Switch(true));
    assert_eq!(value(&allowed.fetch(&id("db")), None), "value");
    assert!(words(&allowed).starts_with("the machine's role"));
    assert_eq!(
        allowed
            .set("AWS_EC2_METADATA_DISABLED", "true")
            .failure(&id("db"))
            .code
            .id,
        "E-AWS-NOCRED"
    );
}

#[test]
fn nothing_that_is_not_there_is_waited_for() {
    let started = Instant::now();
    let nothing = Bench::bare(&servers().aws_endpoint);
    let problem = nothing.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-NOCRED");
    assert!(
        problem.causes[0].contains("AWS_ACCESS_KEY_ID") && problem.causes[0].contains("profile `default`"),
        "{problem}"
    );
    let problem = nothing.clone().unset("AWS_REGION").failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-REGION");
    assert_eq!(problem.fixes[0], "region = \"eu-west-1\"   in [providers.aws]");
    assert!(
        started.elapsed() < Duration::from_millis(2500),
        "{:?}",
        started.elapsed()
    );
    // A metadata service that swallows everything.
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut asked = nothing.set(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        &format!("http://{}", hole.local_addr().unwrap()),
    );
    asked
        .settings
        .insert("imds".to_owned(), hallpass::providers::Setting::Switch(true));
    let started = Instant::now();
    let problem = asked.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-NOCRED");
    assert!(
        problem.what.contains("does not answer") && started.elapsed() < Duration::from_millis(2500),
        "{problem}"
    );
}

/// IAM Identity Center: issues tokens for codes that were confirmed, and a role's credentials for its tokens.
struct Portal {
    liar: Liar,
    /// How often the code is still asked for before somebody confirms it.
    pending: Arc<AtomicUsize>,
    /// The token that is accepted.
    token: Arc<Mutex<String>>,
}

impl Portal {
    fn new(role_keys: Value) -> Self {
        let pending = Arc::new(AtomicUsize::new(0));
        let token = Arc::new(Mutex::new("canary-token-1".to_owned()));
        let (waiting, accepted) = (Arc::clone(&pending), Arc::clone(&token));
        let liar = Liar::new(move |request| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
            let line = head.lines().next().unwrap();
            let refused = |error: &str| {
                http(
                    "400 Bad Request",
                    "",
                    &json!({ "error": error, "error_description": "canary" }).to_string(),
                )
            };
            let issued = || {
                let new = format!("canary-token-{}", unique("t"));
                *accepted.lock().unwrap() = new.clone();
                let issued = json!({ "accessToken": new, "expiresIn": 28800, "tokenType": "Bearer", "refreshToken": "canary-refresh" });
                http("200 OK", "", &issued.to_string())
            };
            if line.starts_with("POST /client/register") {
                let known = json!({ "clientId": "client", "clientSecret": "canary-client", "clientSecretExpiresAt": 4_000_000_000_i64 });
                http("200 OK", "", &known.to_string())
            } else if line.starts_with("POST /device_authorization") {
                if body["startUrl"] != "https://corp.awsapps.com/start" {
                    return refused("invalid_request");
                }
                let begun = json!({ "deviceCode": "canary-device", "userCode": "WDJB-MJHT", "verificationUri": "https://device.sso/",
                    "verificationUriComplete": "https://device.sso/?user_code=WDJB-MJHT", "expiresIn": 600, "interval": 1 });
                http("200 OK", "", &begun.to_string())
            } else if line.starts_with("POST /token") && body["grantType"] == "refresh_token" {
                if body["refreshToken"] == "canary-refresh" && body["clientSecret"] == "canary-client" {
                    issued()
                } else {
                    refused("invalid_grant")
                }
            } else if line.starts_with("POST /token") {
                assert_eq!(body["deviceCode"], "canary-device");
                match waiting.load(Ordering::SeqCst) {
                    0 => issued(),
                    usize::MAX => refused("access_denied"),
                    _ => {
                        waiting.fetch_sub(1, Ordering::SeqCst);
                        refused("authorization_pending")
                    }
                }
            } else if line.starts_with("GET /federation/credentials?role_name=DBA&account_id=123456789012") {
                let shown = format!("x-amz-sso_bearer_token: {}", accepted.lock().unwrap());
                if head.contains(&shown) {
                    http("200 OK", "", &json!({ "roleCredentials": role_keys }).to_string())
                } else {
                    http(
                        "401 Unauthorized",
                        "",
                        r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#,
                    )
                }
            } else if line.starts_with("GET /federation/credentials") {
                http(
                    "403 Forbidden",
                    "",
                    r#"{"__type":"com.amazonaws.switchboard#ForbiddenException","message":"No access"}"#,
                )
            } else {
                secret_answer()
            }
        });
        Self { liar, pending, token }
    }

    fn bench(&self, home: &Path) -> Bench {
        Bench::bare(&self.liar.address)
            .home(home)
            .set("AWS_PROFILE", "work")
            .set("AWS_ENDPOINT_URL_SSO", &self.liar.address)
            .set("AWS_ENDPOINT_URL_SSO_OIDC", &self.liar.address)
    }
}

fn role_keys() -> Value {
    json!({ "accessKeyId": "ASIASSO", "secretAccessKey": "canary-sso-key", "sessionToken": "canary-sso-token", "expiration": 4_000_000_000_000_i64 })
}

const SSO_CONFIG: &str = "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = DBA\nregion = eu-west-1\n\
    [profile stranger]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Nobody\n\
    [profile legacy]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = DBA\n\
    [profile half]\nsso_session = corp\n\
    [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n";

/// Where all AWS clients keep the session `corp`: under the SHA-1 of its name.
fn cache(home: &Path) -> PathBuf {
    home.join(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json")
}

fn cached(home: &Path, token: &str, expires: &str, refresh: Option<&str>) {
    let mut file = json!({ "startUrl": "https://corp.awsapps.com/start", "region": "eu-west-1", "accessToken": token, "expiresAt": expires });
    if let Some(refresh) = refresh {
        file["clientId"] = "client".into();
        file["clientSecret"] = "canary-client".into();
        file["registrationExpiresAt"] = "2099-01-01T00:00:00Z".into();
        file["refreshToken"] = refresh.into();
    }
    let path = cache(home);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file.to_string()).unwrap();
}

#[test]
fn an_sso_session_is_used_renewed_and_missed() {
    let portal = Portal::new(role_keys());
    let home = home(SSO_CONFIG, "");
    let bench = portal.bench(home.path());
    let problem = bench.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-EXPIRED-SSO");
    assert!(problem.what.contains("nobody has logged in"), "{problem}");
    assert_eq!(
        problem.fixes,
        ["hallpass provider login aws", "aws sso login --sso-session corp"]
    );

    cached(home.path(), "canary-token-1", "2099-01-01T00:00:00Z", None);
    assert_eq!(value(&bench.fetch(&id("db")), None), "value");
    let asked = portal.liar.asked();
    assert!(
        asked.last().unwrap().contains("Credential=ASIASSO/")
            && asked.last().unwrap().contains("x-amz-security-token: canary-sso-token")
    );
    let status = bench.probe();
    assert_eq!(status.auth.as_deref(), Some("sso, role DBA"));
    assert_eq!(status.expires.unwrap().as_second(), 4_000_000_000);

    let stranger = bench.clone().set("AWS_PROFILE", "stranger").failure(&id("db"));
    assert_eq!(stranger.code.id, "E-AWS-SSO");
    assert!(
        stranger.what.contains("role Nobody in account 123456789012"),
        "{stranger}"
    );
    let half = bench.clone().set("AWS_PROFILE", "half").failure(&id("db"));
    assert!(half.what.contains("sso_account_id"), "{half}");

    // Over, and nothing to renew it with; over on the other side; renewed.
    cached(home.path(), "canary-token-1", "2020-01-01T00:00:00UTC", None);
    let problem = bench.failure(&id("db"));
    assert!(
        problem.code.id == "E-AWS-EXPIRED-SSO" && problem.what.contains("the session ended"),
        "{problem}"
    );
    cached(home.path(), "canary-revoked", "2099-01-01T00:00:00Z", None);
    let problem = bench.failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-EXPIRED-SSO");
    assert!(
        problem
            .note
            .as_deref()
            .is_some_and(|note| note.contains("UnauthorizedException (HTTP 401)")),
        "{problem}"
    );
    cached(
        home.path(),
        "canary-token-1",
        "2020-01-01T00:00:00Z",
        Some("canary-refresh"),
    );
    assert_eq!(value(&bench.fetch(&id("db")), None), "value");
    let kept: Value = serde_json::from_slice(&std::fs::read(cache(home.path())).unwrap()).unwrap();
    assert_eq!(kept["accessToken"], *portal.token.lock().unwrap());
    assert_eq!(
        (&kept["clientSecret"], &kept["startUrl"]),
        (&"canary-client".into(), &"https://corp.awsapps.com/start".into())
    );
    cached(
        home.path(),
        "canary-token-1",
        "2020-01-01T00:00:00Z",
        Some("canary-used"),
    );
    assert_eq!(bench.failure(&id("db")).code.id, "E-AWS-EXPIRED-SSO");
}

/// Somebody who does not answer, and keeps what they are told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Person for Told {
    fn tell(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn ask(&self, _: &str) -> Result<SecretString, Problem> {
        panic!("nothing is to be asked")
    }
    fn browse(&self, address: &str) -> bool {
        self.tell(&format!("browse {address}"));
        false
    }
}

#[test]
fn a_person_logs_in_and_every_aws_client_is_logged_in() {
    let (name, _) = secret("value");
    // The portal gives out credentials that are really accepted.
    let assume = json!({ "RoleArn": reader(), "RoleSessionName": "portal" });
    let real = &servers().aws(&[("sts", "assume_role", assume)])[0]["Credentials"];
    let portal = Portal::new(json!({
        "accessKeyId": real["AccessKeyId"], "secretAccessKey": real["SecretAccessKey"], "sessionToken": real["SessionToken"],
        "expiration": 4_000_000_000_000_i64,
    }));
    let home = home(SSO_CONFIG, "");
    let bench = portal
        .bench(home.path())
        .set("AWS_ENDPOINT_URL_SECRETS_MANAGER", &servers().aws_endpoint);
    portal.pending.store(2, Ordering::SeqCst);
    let told = Told::default();
    let aws = bench.aws();
    let started = Instant::now();
    let said = run(aws.login(&told)).map_err(|problem| problem.to_string()).unwrap();
    assert!(
        started.elapsed() > Duration::from_secs(2) && started.elapsed() < DEADLINE,
        "asks once a second"
    );
    assert_eq!(said, "sso, role DBA, account 123456789012, until 2096-10-02 07:06 UTC");
    let told = told.0.lock().unwrap().join("\n");
    assert!(
        told.contains("WDJB-MJHT") && told.contains("https://device.sso/?user_code=WDJB-MJHT"),
        "{told}"
    );
    assert!(!told.contains("canary"), "{told}");
    let file = cache(home.path());
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(value(&run(aws.fetch(&id(&name))).ok().unwrap(), None), "value");

    // AWS' own client finds the same session, and the same secret with it.
    let env = [
        ("HOME", home.path().to_str().unwrap()),
        ("AWS_ENDPOINT_URL_SSO", portal.liar.address.as_str()),
        ("AWS_ENDPOINT_URL_SSO_OIDC", portal.liar.address.as_str()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", servers().aws_endpoint.as_str()),
    ];
    let asked = json!({ "profile": "work", "calls": [{ "service": "secretsmanager", "call": "get_secret_value", "arguments": { "SecretId": name } }] });
    let answers = servers().boto(&env, &asked);
    assert_eq!(answers[0]["SecretString"], "value", "{answers:?}");

    portal.pending.store(usize::MAX, Ordering::SeqCst);
    let problem = run(bench.aws().login(&Told::default())).unwrap_err();
    assert_eq!(problem.code.id, "E-AWS-SSO");
    let keys = Bench::admin().home(home.path());
    assert_eq!(
        run(keys.aws().login(&Told::default())).unwrap_err().code.id,
        "E-PROVIDER-NO-LOGIN"
    );
}

/// The command itself: it says the code, waits until somebody has confirmed it, and the next session opens; so does AWS' own client.
#[test]
fn provider_login_logs_in_to_sso() {
    let portal = Portal::new(role_keys());
    portal.pending.store(1, Ordering::SeqCst);
    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_ENDPOINT_URL", &portal.liar.address);
    sandbox.set("AWS_PROFILE", "work");
    sandbox.write(".aws/config", SSO_CONFIG);
    role(&sandbox, &[("VALUE", "'_aws:db'")]);
    let before = sandbox.run(OPEN).expect_code(125).stderr;
    assert!(
        before.contains("error[E-AWS-EXPIRED-SSO]") && before.contains("hallpass provider login aws"),
        "{before}"
    );
    let said = sandbox.run(&["provider", "login", "aws"]).expect_code(0);
    assert!(
        said.stderr.contains("WDJB-MJHT") && said.stderr.contains("https://device.sso/?user_code=WDJB-MJHT"),
        "{}",
        said.stderr
    );
    assert!(said.stdout.contains("sso, role DBA"), "{}", said.stdout);
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("canary"));
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "VALUE"), "value");
    assert!(portal.liar.asked().last().unwrap().contains("Credential=ASIASSO/"));
    let env = [
        ("HOME", sandbox.home().to_str().unwrap()),
        ("AWS_ENDPOINT_URL", portal.liar.address.as_str()),
    ];
    let asked = json!({ "profile": "work", "calls": [{ "service": "secretsmanager", "call": "get_secret_value", "arguments": { "SecretId": "db" } }] });
    let answers = servers().boto(&env, &asked);
    assert_eq!(answers[0]["SecretString"], "value", "{answers:?}");
    portal.pending.store(usize::MAX, Ordering::SeqCst);
    let refused = sandbox.run(&["provider", "login", "aws"]).expect_code(1).stderr;
    assert!(
        refused.contains("error[E-AWS-SSO]") && !refused.contains("canary"),
        "{refused}"
    );
}

#[test]
fn the_shared_files_mean_what_they_mean_to_awss_own_client() {
    let (first_id, first_key) = user(&["sts:GetCallerIdentity", "sts:AssumeRole"]);
    let (second_id, second_key) = user(&["sts:GetCallerIdentity"]);
    let arn = reader();
    let config = format!(
        "[default]\nregion = eu-west-1\n[profile plain]\nregion = eu-west-1\naws_access_key_id = {second_id}\naws_secret_access_key = {second_key}\n\
         [profile both]\nregion = eu-west-1\naws_access_key_id = wrong\naws_secret_access_key = wrong\n\
         [profile chained]\nregion = eu-west-1\nrole_arn = {arn}\nsource_profile = both\nrole_session_name = chained\n\
         [profile services]\nregion = eu-west-1\nservices = local\naws_access_key_id = {first_id}\naws_secret_access_key = {first_key}\n\
         [services local]\nsts =\n  endpoint_url = {0}\nsecrets_manager =\n  endpoint_url = {0}\n",
        servers().aws_endpoint
    );
    let credentials = format!(
        "[default]\naws_access_key_id = {first_id}\naws_secret_access_key = {first_key}\n[both]\naws_access_key_id = {first_id}\naws_secret_access_key = {first_key}\n"
    );
    let home = home(&config, &credentials);
    for profile in ["default", "plain", "both", "chained", "services"] {
        let mut bench = bench(home.path()).setting("profile", profile).unset("AWS_REGION");
        let mut env = vec![("HOME", home.path().to_str().unwrap())];
        if profile == "services" {
            bench = bench.unset("AWS_ENDPOINT_URL");
        } else {
            env.push(("AWS_ENDPOINT_URL", &servers().aws_endpoint));
        }
        let asked = json!({ "profile": profile, "calls": [{ "service": "sts", "call": "get_caller_identity" }] });
        let theirs = servers().boto(&env, &asked);
        let who = theirs[0]["Arn"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned();
        let ours = words(&bench);
        assert!(
            ours.contains(&format!(": {who}, account")),
            "{profile}: {ours} is not {who}"
        );
    }
}

#[test]
fn new_credentials_are_found_while_hallpass_runs() {
    let (name, _) = secret("value");
    let (key_id, secret_key) = user(&[READ]);
    let file = |key_id: &str, secret_key: &str| {
        format!("[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret_key}\n")
    };
    let home = home("", &file(&key_id, "wrong"));
    let aws = bench(home.path()).aws();
    assert_eq!(run(aws.fetch(&id(&name))).err().unwrap().code.id, "E-AWS-SIGNATURE");
    std::fs::write(home.path().join(".aws/credentials"), file(&key_id, &secret_key)).unwrap();
    assert_eq!(value(&run(aws.fetch(&id(&name))).ok().unwrap(), None), "value");
}

#[test]
fn several_providers_of_this_kind_each_come_as_themselves() {
    let (name, _) = secret("value");
    let (key_id, secret_key) = user(&["sts:AssumeRole"]);
    let arn = reader();
    let mut sandbox = sandbox(&[]);
    sandbox.set("AWS_ACCESS_KEY_ID", &key_id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", &secret_key);
    sandbox.unset("AWS_ENDPOINT_URL");
    sandbox.config(&format!(
        "[providers.aws-prod]\nkind = 'aws'\nrole_arn = '{arn}'\nendpoint = '{0}'\n[providers.aws]\nendpoint = '{0}'\n",
        servers().aws_endpoint
    ));
    role(&sandbox, &[("VALUE", &format!("'_aws-prod:{name}'"))]);
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "VALUE"), "value");
    role(&sandbox, &[("VALUE", &format!("'_aws:{name}'"))]);
    let outcome = sandbox.run(OPEN).expect_code(125);
    assert!(outcome.stderr.contains("error[E-AWS-DENIED]"), "{}", outcome.stderr);
}
