//! What can go wrong between hallpass and AWS, on two doubles whose errors differ from each other and from a socket that says what AWS
//! documents: told apart by the code, each with its cause and something to type, exit 125, and nothing started.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hallpass::domain::reference::{Pin, SecretId};
use hallpass::domain::status::State;
use hallpass::providers::Setting;
use serde_json::{Value, json};

use crate::aws::{Bench, OPEN, id, role, run, rungs, sandbox, secret, user, value};
use crate::liar::{Liar, http};
use crate::servers::{servers, unique};

/// The role must be refused with this code by `exec` and `check`, and nothing may have been started. Gives what `exec` said.
#[track_caller]
fn refused(sandbox: &crate::sandbox::Sandbox, code: &str) -> String {
    let outcome = sandbox.run(OPEN).expect_code(125);
    assert!(outcome.stderr.contains(&format!("error[{code}]")), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("fix: "), "{}", outcome.stderr);
    assert!(!sandbox.home().join("VALUE").exists(), "nothing was started");
    let check = sandbox.run(&["check", "it", "--json"]).expect_code(1);
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(report["roles"][0]["fields"][0]["code"], code, "{}", check.stdout);
    outcome.stderr
}

#[test]
fn a_denial_names_who_lacks_which_right() {
    let (name, _) = secret("value");
    let (key_id, secret_key) = user(&[]);
    let mut sandbox = sandbox(&[("VALUE", &format!("'_aws:{name}'"))]);
    sandbox.set("AWS_ACCESS_KEY_ID", &key_id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", &secret_key);
    let said = refused(&sandbox, "E-AWS-DENIED");
    assert!(
        said.contains("AWS does not let arn:aws:iam::123456789012:user/user_"),
        "{said}"
    );
    assert!(
        said.contains(
            "allow secretsmanager:GetSecretValue on the secret: arn:aws:secretsmanager:eu-west-1:ACCOUNT:secret:"
        ),
        "{said}"
    );
    assert!(
        said.contains("aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::123456789012:user/user_"),
        "{said}"
    );
    // `optional` forgives what is not there, never what is forbidden.
    role(
        &sandbox,
        &[("VALUE", &format!("{{ secret = 'aws:{name}', optional = true }}"))],
    );
    refused(&sandbox, "E-AWS-DENIED");
}

#[test]
fn keys_that_do_not_fit() {
    let (key_id, secret_key) = user(&["secretsmanager:*"]);
    let admin = Bench::admin();
    let failure = |key_id: &str, secret_key: &str, token: Option<&str>| {
        let bench = admin.clone().keys((key_id, secret_key));
        let bench = match token {
            Some(token) => bench.set("AWS_SESSION_TOKEN", token),
            None => bench,
        };
        let problem = bench.failure(&id("db"));
        let status = bench.probe();
        assert_eq!(
            rungs(&status),
            "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
        );
        assert_eq!(status.problem.unwrap().code, problem.code);
        problem
    };
    let wrong = failure(&key_id, "canary-wrong-key", None);
    assert_eq!(wrong.code.id, "E-AWS-SIGNATURE");
    assert!(
        wrong.what.contains(&key_id) && wrong.what.contains("keys of the environment"),
        "{wrong}"
    );
    let unknown = failure("AKIANOSUCHKEY0000000", &secret_key, None);
    assert_eq!(unknown.code.id, "E-AWS-KEY");
    assert_eq!(
        unknown.note.as_deref(),
        Some("GetSecretValue → InvalidClientTokenId (HTTP 403)")
    );
    assert_eq!(
        failure("ASIANOSUCHKEY0000000", &secret_key, Some("canary-token"))
            .code
            .id,
        "E-AWS-KEY"
    );
}

/// A secret of each sort that cannot be read, on a double: missing, deleted, without a value.
fn troubled(endpoint: &str) -> (String, String, String) {
    let (deleted, empty, there) = (unique("deleted"), unique("empty"), unique("prod/there"));
    servers().aws_of(
        endpoint,
        &[
            (
                "secretsmanager",
                "create_secret",
                json!({ "Name": deleted, "SecretString": "value" }),
            ),
            (
                "secretsmanager",
                "delete_secret",
                json!({ "SecretId": deleted, "RecoveryWindowInDays": 7 }),
            ),
            ("secretsmanager", "create_secret", json!({ "Name": empty })),
            (
                "secretsmanager",
                "create_secret",
                json!({ "Name": there, "SecretString": "plain text" }),
            ),
            (
                "secretsmanager",
                "create_secret",
                json!({ "Name": format!("{there}-json"), "SecretString": "{\"key\": null, \"user\": \"u\"}" }),
            ),
        ],
    );
    (deleted, empty, there)
}

#[test]
fn secrets_that_are_not_there() {
    for endpoint in [&servers().aws_endpoint, &servers().ministack_endpoint] {
        let (deleted, empty, there) = troubled(endpoint);
        let bench = Bench::bare(endpoint).keys(servers().aws_keys());
        let both = |secret: &SecretId| {
            let problem = bench.failure(secret);
            let checked = run(bench.aws().inspect(secret, &[]))
                .err()
                .map(|problem| problem.code.id);
            assert_eq!(checked, Some(problem.code.id), "{endpoint}: {problem}");
            problem
        };
        let problem = both(&id(&deleted));
        assert_eq!(problem.code.id, "E-AWS-DELETED", "{endpoint}: {problem}");
        assert_eq!(
            problem.fixes[0],
            format!("aws secretsmanager restore-secret --secret-id {deleted} --region eu-west-1")
        );
        let problem = both(&id(&format!("{there}x")));
        assert_eq!(problem.code.id, "E-AWS-NOTFOUND", "{endpoint}: {problem}");
        assert_eq!(problem.similar[0], format!("aws:{there}"), "{endpoint}: {problem}");
        assert!(problem.what.ends_with("in eu-west-1"), "{problem}");
        // Older doubles hand out an empty value where AWS has none.
        if endpoint == &servers().aws_endpoint {
            assert_eq!(both(&id(&empty)).code.id, "E-AWS-NO-VALUE", "{endpoint}");
        }
        let problem = both(&SecretId {
            pin: Some(Pin::Stage("AWSPREVIUOS".to_owned())),
            ..id(&there)
        });
        assert_eq!(problem.code.id, "E-AWS-NO-VERSION", "{endpoint}: {problem}");
        assert!(problem.causes[0].contains("AWSCURRENT"), "{endpoint}: {problem}");
        let pinned = SecretId {
            pin: Some(Pin::Version("00000000-0000-0000-0000-000000000000".to_owned())),
            ..id(&there)
        };
        assert_eq!(bench.failure(&pinned).code.id, "E-AWS-NO-VERSION", "{endpoint}");
    }
}

#[test]
fn keys_of_secrets_that_are_not_there() {
    let (_, _, there) = troubled(&servers().aws_endpoint);
    let sandbox = sandbox(&[("VALUE", &format!("'_aws:{there}:password'"))]);
    let outcome = sandbox.run(OPEN).expect_code(125);
    assert!(outcome.stderr.contains("error[E-AWS-NOT-JSON]"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("plain text"), "{}", outcome.stderr);
    for (key, code) in [("usr", "E-REF-KEY-MISSING"), ("key", "E-REF-NULL")] {
        role(&sandbox, &[("VALUE", &format!("'_aws:{there}-json:{key}'"))]);
        let outcome = sandbox.run(OPEN).expect_code(125);
        assert!(outcome.stderr.contains(&format!("error[{code}]")), "{}", outcome.stderr);
    }
    role(
        &sandbox,
        &[(
            "VALUE",
            &format!("{{ secret = 'aws:{there}x#k', default = 'instead' }}"),
        )],
    );
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(crate::aws::got(&sandbox, "VALUE"), "instead");
}

/// What AWS documents, word for word where words are looked at; `canary` stands for whatever else may be in an answer.
#[test]
fn the_code_counts_and_not_the_status() {
    let json = |code: &str, message: &str| format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
    let denied = "User: arn:aws:sts::123456789012:assumed-role/ReadOnly/jo is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/db because no identity-based policy allows the secretsmanager:GetSecretValue action";
    let cases = [
        ("400 Bad Request", json("AccessDeniedException", denied), "E-AWS-DENIED"),
        (
            "403 Forbidden",
            format!(
                "<ErrorResponse><Errors><Error><Code>AccessDenied</Code><Message>{denied}</Message></Error></Errors></ErrorResponse>"
            ),
            "E-AWS-DENIED",
        ),
        (
            "400 Bad Request",
            json("AccessDeniedException", "Access to KMS is not allowed"),
            "E-AWS-KMS",
        ),
        ("400 Bad Request", json("DecryptionFailure", "canary"), "E-AWS-KMS"),
        (
            "400 Bad Request",
            json(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            "E-AWS-TOKEN-EXPIRED",
        ),
        (
            "400 Bad Request",
            json(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            "E-AWS-KEY",
        ),
        (
            "403 Forbidden",
            json(
                "com.amazon.coral.service#InvalidSignatureException",
                "The request signature we calculated does not match",
            ),
            "E-AWS-SIGNATURE",
        ),
        (
            "400 Bad Request",
            json(
                "InvalidSignatureException",
                "Signature expired: 20261122T010000Z is now earlier than 20261122T020000Z (20261122T020500Z - 5 min.)",
            ),
            "E-AWS-CLOCK",
        ),
        (
            "400 Bad Request",
            json(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            ),
            "E-AWS-NOTFOUND",
        ),
        (
            "404 Not Found",
            json(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
            ),
            "E-AWS-NO-VALUE",
        ),
        (
            "400 Bad Request",
            json(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ),
            "E-AWS-DELETED",
        ),
        (
            "400 Bad Request",
            json(
                "InvalidParameterException",
                "Invalid name. Must be a valid name containing alphanumeric characters",
            ),
            "E-CONFIG-REF-SYNTAX",
        ),
        ("418 Teapot", json("BrandNewException", "canary"), "E-PROVIDER-UPSTREAM"),
        (
            "403 Forbidden",
            "<html>canary: blocked by the proxy</html>".to_owned(),
            "E-PROVIDER-UPSTREAM",
        ),
        (
            "200 OK",
            "<html>canary: log in here</html>".to_owned(),
            "E-PROVIDER-UPSTREAM",
        ),
    ];
    for (status, body, code) in cases {
        let answer = http(status, "", &body);
        let liar = Liar::new(move |_| answer.clone());
        let problem = Bench::liar(&liar).failure(&id("prod/db"));
        assert_eq!(problem.code.id, code, "{status} {body}: {problem}");
        let shown = format!("{problem} {problem:?}");
        assert!(!shown.contains("canary"), "{shown}");
        if code == "E-AWS-DENIED" {
            assert!(
                shown.contains("assumed-role/ReadOnly/jo") && shown.contains("no identity-based policy allows"),
                "{shown}"
            );
            assert!(
                shown.contains("--policy-source-arn arn:aws:iam::123456789012:role/ReadOnly "),
                "{shown}"
            );
        }
    }
}

#[test]
fn one_secret_of_a_batch_fails_for_itself() {
    let liar = Liar::new(|_| {
        let errors = json!([
            { "SecretId": "denied", "ErrorCode": "AccessDeniedException", "Message": "User: arn:aws:iam::1:user/dev is not authorized to perform: secretsmanager:GetSecretValue on resource: denied" },
            { "SecretId": "sealed", "ErrorCode": "DecryptionFailure", "Message": "canary" },
        ]);
        http(
            "200 OK",
            "",
            &json!({ "SecretValues": [{ "Name": "good", "ARN": "arn:x", "SecretString": "value" }], "Errors": errors })
                .to_string(),
        )
    });
    let results = run(Bench::liar(&liar)
        .aws()
        .fetch_all(&[id("denied"), id("good"), id("sealed")]));
    let shown: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(fetched) => value(fetched, None),
            Err(problem) => problem.code.id.to_owned(),
        })
        .collect();
    assert_eq!(shown, ["E-AWS-DENIED", "value", "E-AWS-KMS"]);
    assert_eq!(liar.asked().len(), 1);
}

#[test]
fn a_throttled_read_is_tried_again_and_not_for_ever() {
    let count = AtomicUsize::new(0);
    let throttle = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    let liar = Liar::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => http("400 Bad Request", "", throttle),
        _ => http(
            "200 OK",
            "",
            &json!({ "Name": "db", "SecretString": "value" }).to_string(),
        ),
    });
    assert_eq!(value(&Bench::liar(&liar).fetch(&id("db")), None), "value");
    let liar = Liar::new(move |_| http("400 Bad Request", "", throttle));
    let problem = Bench::liar(&liar).failure(&id("db"));
    assert_eq!(problem.code.id, "E-AWS-THROTTLED");
    assert_eq!(liar.asked().len(), 3);
}

#[test]
fn what_cannot_be_reached_is_said_so_in_time() {
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bench = Bench::bare(&format!("http://{}", hole.local_addr().unwrap())).keys(("AKIAX", "canary"));
    bench
        .settings
        .insert("timeout".to_owned(), Setting::Text("300ms".to_owned()));
    let started = Instant::now();
    let problem = bench.failure(&id("db"));
    assert_eq!(problem.code.id, "E-NET-TIMEOUT");
    assert!(problem.what.contains("300 ms"), "{problem}");
    let many: Vec<SecretId> = (0..30).map(|n| id(&format!("s{n}"))).collect();
    let results = run(bench.aws().fetch_all(&many));
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().is_err_and(|problem| problem.code.id == "E-NET-TIMEOUT"))
    );
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    // A busy machine may take longer to say that there is nobody.
    bench.settings.remove("timeout");
    let refused = bench
        .clone()
        .set("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .failure(&id("db"));
    assert_eq!(refused.code.id, "E-NET-REFUSED");
    let nowhere = bench
        .clone()
        .set("AWS_ENDPOINT_URL", "http://no-such-host.invalid")
        .failure(&id("db"));
    assert_eq!(nowhere.code.id, "E-NET-DNS");
    let mistyped = bench
        .unset("AWS_ENDPOINT_URL")
        .set("AWS_REGION", "eu-wset-1")
        .failure(&id("db"));
    assert_eq!(mistyped.code.id, "E-NET-DNS");
    assert!(mistyped.causes[0].contains("no region `eu-wset-1`"), "{mistyped}");
}

#[test]
fn a_proxy_is_asked_for_awss_own_addresses_and_spared_by_name() {
    let proxy = Liar::new(|_| http("403 Forbidden", "", ""));
    let bench = Bench::bare("")
        .keys(("AKIAX", "canary"))
        .unset("AWS_ENDPOINT_URL")
        .set("HTTPS_PROXY", &proxy.address);
    let problem = bench.failure(&id("db"));
    assert_eq!(problem.code.id, "E-NET-PROXY");
    assert!(
        problem
            .what
            .contains("secretsmanager.eu-west-1.amazonaws.com through the proxy at 127.0.0.1:"),
        "{problem}"
    );
    assert!(
        problem.causes[0].contains("lets nobody through to secretsmanager.eu-west-1.amazonaws.com:443"),
        "{problem}"
    );
    let fips = bench
        .clone()
        .set("AWS_USE_FIPS_ENDPOINT", "true")
        .set("AWS_REGION", "us-east-1");
    assert_eq!(fips.failure(&id("db")).code.id, "E-NET-PROXY");
    let china = bench.clone().set("AWS_REGION", "cn-north-1");
    assert_eq!(china.failure(&id("db")).code.id, "E-NET-PROXY");
    let lines: Vec<String> = proxy
        .asked()
        .iter()
        .filter_map(|head| Some(head.lines().next()?.to_owned()))
        .collect();
    for host in [
        "secretsmanager.eu-west-1.amazonaws.com",
        "secretsmanager-fips.us-east-1.amazonaws.com",
        "secretsmanager.cn-north-1.amazonaws.com.cn",
    ] {
        assert!(
            lines.contains(&format!("CONNECT {host}:443 HTTP/1.1")),
            "{host}: {lines:?}"
        );
    }
    let before = proxy.asked().len();
    let spared = bench.set("NO_PROXY", "amazonaws.com").set("AWS_REGION", "eu-wset-1");
    assert_eq!(spared.failure(&id("db")).code.id, "E-NET-DNS");
    assert_eq!(proxy.asked().len(), before);
}

#[test]
fn certificates_are_checked() {
    let tls = &servers().vault_tls_addr;
    let untrusted = Bench::bare(tls).keys(("AKIAX", "canary"));
    let problem = untrusted.failure(&id("db"));
    assert_eq!(problem.code.id, "E-NET-TLS", "{problem}");
    assert_eq!(untrusted.probe().stages[3].state, State::Fail);
    // Trusted, it turns out not to be AWS.
    for trusted in [
        untrusted.clone().setting("ca_cert", &servers().ca),
        untrusted.clone().set("AWS_CA_BUNDLE", &servers().ca),
        untrusted.clone().set("SSL_CERT_FILE", &servers().ca),
    ] {
        let problem = trusted.failure(&id("db"));
        assert_eq!(problem.code.id, "E-PROVIDER-UPSTREAM", "{problem}");
        assert_eq!(trusted.probe().stages[3].state, State::Ok);
    }
    assert_eq!(
        untrusted
            .set("AWS_CA_BUNDLE", "/nonexistent.pem")
            .failure(&id("db"))
            .code
            .id,
        "E-NET-CERT"
    );
}

#[test]
fn settings_that_cannot_be_meant() {
    let open = |key: &str, value: Setting| {
        let mut bench = Bench::admin();
        bench.settings.insert(key.to_owned(), value);
        bench.open().err().map(|problem| (problem.code.id, problem.what))
    };
    let text = |text: &str| Setting::Text(text.to_owned());
    for (key, value) in [
        ("region", text("Frankfurt")),
        ("role_arn", text("dba")),
        ("session_name", text("a b")),
        ("endpoint", text("localhost:4566")),
        ("endpoint", text("https://user:canary@host")),
        ("imds", text("yes")),
        ("timeout", text("soon")),
    ] {
        let (code, what) = open(key, value).unwrap_or_else(|| panic!("{key} is taken"));
        assert_eq!(code, "E-CONFIG-TYPE");
        assert!(
            what.contains(&format!("providers.aws.{key}")) && !what.contains("canary"),
            "{what}"
        );
    }
    assert!(open("role_arn", text("arn:aws-cn:iam::123456789012:role/team/dba")).is_none());
    let odd = Bench::admin().set("AWS_ENDPOINT_URL", "moto").failure(&id("db"));
    assert!(odd.what.contains("AWS_ENDPOINT_URL is not an address"), "{odd}");
    for arn in ["arn:aws:rds:eu-west-1:1:db:x:y", "arn:aws:secretsmanager::1:secret:x"] {
        assert_eq!(Bench::admin().failure(&id(arn)).code.id, "E-CONFIG-REF-SYNTAX");
    }
}
