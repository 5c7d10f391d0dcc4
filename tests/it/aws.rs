//! AWS Secrets Manager on a double that checks signatures and policies: every way to name a secret through the real binary, what a check
//! learns without reading values, and the answers that AWS' own Python client gets there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hallpass::domain::problem::Problem;
use hallpass::domain::reference::{Kind, Pin, ProviderKind, SecretId};
use hallpass::domain::status::{ProviderStatus, State};
use hallpass::providers::{Fetched, Provider, Setting};
use serde_json::{Value, json};

use crate::liar::{Liar, http};
use crate::library::providers;
use crate::sandbox::Sandbox;
use crate::servers::{servers, unique};

/// The provider in a world of which the test knows every variable.
#[derive(Clone)]
pub struct Bench {
    pub env: BTreeMap<String, String>,
    pub settings: BTreeMap<String, Setting>,
    pub home: Option<PathBuf>,
}

impl Bench {
    /// A world with an endpoint and a region, and no login.
    pub fn bare(endpoint: &str) -> Self {
        let env = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", "eu-west-1"),
            ("USER", "tester"),
        ];
        Self {
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            settings: BTreeMap::new(),
            home: None,
        }
    }

    /// With these keys in the environment.
    pub fn keys(self, (key_id, secret_key): (&str, &str)) -> Self {
        self.set("AWS_ACCESS_KEY_ID", key_id)
            .set("AWS_SECRET_ACCESS_KEY", secret_key)
    }

    pub fn admin() -> Self {
        Self::bare(&servers().aws_endpoint).keys(servers().aws_keys())
    }

    /// A server that says what the test wants.
    pub fn liar(liar: &Liar) -> Self {
        Self::bare(&liar.address).keys(("AKIAIOSFODNN7EXAMPLE", "canary-secret-key"))
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), Setting::Text(value.to_owned()));
        self
    }

    pub fn home(mut self, home: &std::path::Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    pub fn open(&self) -> Result<Arc<dyn Provider>, Problem> {
        providers(
            "aws",
            ProviderKind::Aws,
            &self.settings,
            &self.env,
            self.home.as_deref(),
        )
        .get("aws")
    }

    pub fn aws(&self) -> Arc<dyn Provider> {
        self.open().unwrap()
    }

    pub fn probe(&self) -> ProviderStatus {
        run(self.aws().probe())
    }

    #[track_caller]
    pub fn fetch(&self, secret: &SecretId) -> Fetched {
        run(self.aws().fetch(secret))
            .map_err(|problem| problem.to_string())
            .unwrap()
    }

    /// What a fetch fails with. It shows no key, and says what to do.
    #[track_caller]
    pub fn failure(&self, secret: &SecretId) -> Problem {
        let result = self.open().and_then(|aws| run(aws.fetch(secret)));
        self.fine(result.err().expect("it must fail"))
    }

    #[track_caller]
    pub fn fine(&self, problem: Problem) -> Problem {
        let shown = format!("{problem}\n{problem:?}");
        for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            if let Some(value) = self.env.get(name) {
                assert!(!shown.contains(value.as_str()), "{name} shows: {shown}");
            }
        }
        assert!(!problem.fixes.is_empty(), "{shown}");
        problem
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

pub fn id(path: &str) -> SecretId {
    SecretId {
        provider: "aws".to_owned(),
        kind: Kind::Of(ProviderKind::Aws),
        path: path.to_owned(),
        pin: None,
    }
}

fn pinned(path: &str, pin: Pin) -> SecretId {
    SecretId {
        pin: Some(pin),
        ..id(path)
    }
}

/// The value that was picked, through a child's environment: values cannot be looked at otherwise.
pub fn value(fetched: &Fetched, key: Option<&str>) -> String {
    struct Seen(String);
    impl hallpass::domain::secret::EnvTarget for Seen {
        fn set(&mut self, _: &std::ffi::OsStr, value: &std::ffi::OsStr) {
            self.0 = value.to_str().unwrap().to_owned();
        }
    }
    let mut env = hallpass::domain::secret::ChildEnv::new();
    env.insert_secret("VALUE", fetched.payload.pick(key).unwrap(), true);
    let mut seen = Seen(String::new());
    env.inject(&mut seen);
    seen.0
}

/// Makes a secret; gives its name and ARN.
pub fn secret(text: &str) -> (String, String) {
    let name = unique("prod/db");
    let made = servers().aws(&[(
        "secretsmanager",
        "create_secret",
        json!({ "Name": name, "SecretString": text }),
    )]);
    (name, made[0]["ARN"].as_str().unwrap().to_owned())
}

/// Makes a user who may do these actions on everything; gives the keys.
pub fn user(actions: &[&str]) -> (String, String) {
    let name = unique("user");
    let mut calls = vec![("iam", "create_user", json!({ "UserName": name }))];
    if !actions.is_empty() {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] });
        let arguments = json!({ "UserName": name, "PolicyName": "some", "PolicyDocument": policy.to_string() });
        calls.push(("iam", "put_user_policy", arguments));
    }
    calls.push(("iam", "create_access_key", json!({ "UserName": name })));
    let made = servers().aws(&calls);
    let key = &made.last().unwrap()["AccessKey"];
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("AccessKeyId"), text("SecretAccessKey"))
}

/// A home with the administrator's login and the fields of one role, each of which is written to a file of its name.
pub fn sandbox(fields: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let (key_id, secret_key) = servers().aws_keys();
    sandbox.set("AWS_ENDPOINT_URL", &servers().aws_endpoint);
    sandbox.set("AWS_REGION", "eu-west-1");
    sandbox.set("AWS_ACCESS_KEY_ID", key_id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", secret_key);
    role(&sandbox, fields);
    sandbox
}

pub fn role(sandbox: &Sandbox, fields: &[(&str, &str)]) {
    let writes: Vec<String> = fields
        .iter()
        .map(|(name, _)| format!("printf %s \"${name}\" >{name}\n"))
        .collect();
    sandbox.program("write-fields", &format!("#!/bin/sh\n{}", writes.concat()));
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, source)| format!("{name} = {source}\n"))
        .collect();
    sandbox.roles(&format!(
        "[roles.it]\ncommand = ['write-fields']\n[roles.it.fields]\n{}",
        fields.concat()
    ));
}

/// Opens the role with the program that writes its fields.
pub const OPEN: &[&str] = &["exec", "it", "--", "write-fields"];

/// What the child was given.
pub fn got(sandbox: &Sandbox, field: &str) -> String {
    std::fs::read_to_string(sandbox.home().join(field)).unwrap()
}

#[test]
fn every_way_to_name_a_secret_reaches_the_child() {
    let (name, arn) = secret(r#"{"username":"app","password":"first value","port":5432,"a":{"b":true}}"#);
    let (text, _) = secret("one plain text");
    let binary = unique("prod/binary");
    let made = servers().aws(&[
        ("secretsmanager", "put_secret_value", json!({ "SecretId": name, "SecretString": r#"{"username":"app","password":"second value","port":5433,"a":{"b":true}}"# })),
        ("secretsmanager", "list_secret_version_ids", json!({ "SecretId": name })),
        ("secretsmanager", "create_secret", json!({ "Name": binary, "SecretBinary": "base64:AP8Qwyg=" })),
    ]);
    let versions = made[1]["Versions"].as_array().unwrap();
    let previous = versions
        .iter()
        .find(|version| version["VersionStages"][0] == "AWSPREVIOUS")
        .unwrap();
    let previous = previous["VersionId"].as_str().unwrap();
    let partial = &arn[..arn.len() - 7];
    let quoted = |text: String| format!("'{text}'");
    let fields = [
        ("COLON", quoted(format!("_aws:{name}:password"))),
        ("PATH_STYLE", quoted(format!("_envs/aws/{name}#username"))),
        ("WHOLE", quoted(format!("_aws:{text}"))),
        ("CANONICAL", format!("{{ secret = 'aws:{name}#port' }}")),
        ("NESTED", quoted(format!("_aws:{name}:a.b"))),
        ("ARN", quoted(format!("_aws:{arn}:password"))),
        ("PARTIAL", format!("{{ secret = 'aws:{partial}#password' }}")),
        (
            "STAGE",
            format!("{{ secret = 'aws:{name}#password', stage = 'AWSPREVIOUS' }}"),
        ),
        (
            "VERSION",
            format!("{{ secret = 'aws:{name}#port', version = '{previous}' }}"),
        ),
        ("BINARY", format!("{{ secret = 'aws:{binary}', via = 'file' }}")),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(field, source)| (*field, source.as_str())).collect();
    let sandbox = sandbox(&fields);
    sandbox
        .run(&["exec", "it", "--", "sh", "-c", "od -An -tx1 \"$BINARY\" >BYTES"])
        .expect_code(0);
    assert_eq!(got(&sandbox, "BYTES").trim(), "00 ff 10 c3 28", "byte for byte");
    sandbox.run(OPEN).expect_code(0);
    for (field, expected) in [
        ("COLON", "second value"),
        ("PATH_STYLE", "app"),
        ("WHOLE", "one plain text"),
        ("CANONICAL", "5433"),
        ("NESTED", "true"),
        ("ARN", "second value"),
        ("PARTIAL", "second value"),
        ("STAGE", "first value"),
        ("VERSION", "5432"),
    ] {
        assert_eq!(got(&sandbox, field), expected, "{field}");
    }

    // AWS' own client, the same login, the same questions.
    let (key_id, secret_key) = servers().aws_keys();
    let ask =
        |arguments: Value| json!({ "service": "secretsmanager", "call": "get_secret_value", "arguments": arguments });
    let answers = servers().boto(
        &[],
        &json!({
            "endpoint": servers().aws_endpoint, "region": "eu-west-1", "key_id": key_id, "secret_key": secret_key,
            "calls": [ask(json!({ "SecretId": arn })), ask(json!({ "SecretId": partial })),
                ask(json!({ "SecretId": name, "VersionStage": "AWSPREVIOUS" })), ask(json!({ "SecretId": binary }))],
        }),
    );
    let bench = Bench::admin();
    let ours = [
        bench.fetch(&id(&arn)),
        bench.fetch(&id(partial)),
        bench.fetch(&pinned(&name, Pin::Stage("AWSPREVIOUS".to_owned()))),
    ];
    for (theirs, ours) in answers.iter().zip(&ours) {
        assert_eq!(theirs["SecretString"], value(ours, None));
        assert_eq!(theirs["VersionId"].as_str(), ours.version.as_deref());
    }
    assert_eq!(answers[3]["SecretBinary"], "base64:AP8Qwyg=");
}

#[test]
fn the_region_of_an_arn_goes_before_all_others() {
    let (name, arn) = secret("in eu-west-1");
    let elsewhere = Bench::admin().set("AWS_REGION", "us-west-2");
    assert_eq!(value(&elsewhere.fetch(&id(&arn)), None), "in eu-west-1");
    assert_eq!(elsewhere.failure(&id(&name)).code.id, "E-AWS-NOTFOUND");
    // Settings, then the environment, then the profile.
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), "[default]\nregion = eu-west-1\n").unwrap();
    assert_eq!(
        value(
            &elsewhere.clone().setting("region", "eu-west-1").fetch(&id(&name)),
            None
        ),
        "in eu-west-1"
    );
    assert_eq!(
        value(
            &elsewhere
                .clone()
                .unset("AWS_REGION")
                .home(home.path())
                .fetch(&id(&name)),
            None
        ),
        "in eu-west-1"
    );
    let both = Bench::admin()
        .set("AWS_REGION", "us-west-2")
        .set("AWS_DEFAULT_REGION", "eu-west-1");
    assert_eq!(both.failure(&id(&name)).code.id, "E-AWS-NOTFOUND");
    // One launch in two regions.
    let results = run(elsewhere
        .aws()
        .fetch_all(&[id(&arn), id(&name), id(&arn[..arn.len() - 7])]));
    let codes: Vec<Option<&str>> = results
        .iter()
        .map(|result| result.as_ref().err().map(|problem| problem.code.id))
        .collect();
    assert_eq!(codes, [None, Some("E-AWS-NOTFOUND"), None]);
}

#[test]
fn a_rotated_secret_is_used_by_the_next_session_and_its_version_is_shown() {
    let (name, _) = secret(r#"{"password":"before"}"#);
    let sandbox = sandbox(&[("PASSWORD", &format!("'_aws:{name}:password'"))]);
    let version = || {
        let report: Value =
            serde_json::from_str(&sandbox.run(&["check", "it", "--json"]).expect_code(0).stdout).unwrap();
        let field = &report["roles"][0]["fields"][0];
        assert!(
            field["rotated_at"].as_str().is_some_and(|at| at.starts_with("20")),
            "{field}"
        );
        field["version"].as_str().unwrap().to_owned()
    };
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "PASSWORD"), "before");
    let first = version();
    let put = json!({ "SecretId": name, "SecretString": r#"{"password":"after"}"# });
    let made = servers().aws(&[("secretsmanager", "put_secret_value", put)]);
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "PASSWORD"), "after");
    assert_ne!(version(), first);
    assert_eq!(made[0]["VersionId"], version());
}

#[test]
fn batches_fall_back_to_single_reads_where_they_are_denied() {
    let (name, arn) = secret("one");
    let (other, _) = secret("two");
    let missing = unique("missing");
    let wanted = [
        id(&name),
        id(&missing),
        id(&other),
        id(&arn),
        pinned(&name, Pin::Stage("AWSCURRENT".to_owned())),
    ];
    let both = ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"];
    for actions in [&both[..], &both[..1]] {
        let (key_id, secret_key) = user(actions);
        let aws = Bench::admin().keys((&key_id, &secret_key)).aws();
        for _ in 0..2 {
            let results = run(aws.fetch_all(&wanted));
            let shown: Vec<String> = results
                .iter()
                .map(|result| match result {
                    Ok(fetched) => value(fetched, None),
                    Err(problem) => problem.code.id.to_owned(),
                })
                .collect();
            assert_eq!(shown, ["one", "E-AWS-NOTFOUND", "two", "one", "one"], "{actions:?}");
        }
    }
}

/// The answer of a batch to whatever it was asked.
fn batch(request: &str) -> String {
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let entry = |name: &Value| json!({ "Name": name, "ARN": "arn:x", "SecretString": format!("value of {}", name.as_str().unwrap()) });
    let entries: Vec<Value> = body["SecretIdList"].as_array().unwrap().iter().map(entry).collect();
    http("200 OK", "", &json!({ "SecretValues": entries }).to_string())
}

#[test]
fn many_secrets_are_few_requests() {
    let liar = Liar::new(batch);
    let wanted: Vec<SecretId> = (0..45).map(|n| id(&format!("s{n}"))).collect();
    let results = run(Bench::liar(&liar).aws().fetch_all(&wanted));
    for (n, result) in results.iter().enumerate() {
        assert_eq!(value(result.as_ref().unwrap(), None), format!("value of s{n}"));
    }
    let asked = liar.asked();
    assert_eq!(asked.len(), 3, "twenty at once");
    assert!(
        asked
            .iter()
            .all(|head| head.contains("x-amz-target: secretsmanager.BatchGetSecretValue"))
    );
}

#[test]
fn ten_fields_of_one_secret_are_one_request() {
    let liar = Liar::new(|_| {
        http(
            "200 OK",
            "",
            &json!({ "Name": "db", "SecretString": "{\"k\":\"value\"}" }).to_string(),
        )
    });
    let names: Vec<String> = (0..10).map(|n| format!("F{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "'_aws:db:k'")).collect();
    let mut sandbox = sandbox(&fields);
    sandbox.set("AWS_ENDPOINT_URL", &liar.address);
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "F9"), "value");
    assert_eq!(liar.asked().len(), 1);
}

#[test]
fn a_check_reads_no_value_where_metadata_are_to_be_had() {
    let liar = Liar::new(|request| {
        if request.contains("secretsmanager.DescribeSecret") {
            let versions = json!({ "11111111-1111-1111-1111-111111111111": ["AWSCURRENT"], "22222222-2222-2222-2222-222222222222": ["AWSPREVIOUS"] });
            let metadata = json!({ "Name": "db", "VersionIdsToStages": versions, "LastChangedDate": 1_750_000_000.5,
                "LastRotatedDate": 1_740_000_000.0, "RotationEnabled": true });
            http("200 OK", "", &metadata.to_string())
        } else {
            http(
                "400 Bad Request",
                "",
                r#"{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find the specified secret value for VersionId: x"}"#,
            )
        }
    });
    let seen = run(Bench::liar(&liar).aws().inspect(&id("db"), &["password"])).unwrap();
    assert_eq!(seen.version.as_deref(), Some("11111111-1111-1111-1111-111111111111"));
    assert_eq!(seen.changed.unwrap().as_second(), 1_740_000_000, "the last rotation");
    assert!(seen.keys.is_none());
    let previous = run(Bench::liar(&liar)
        .aws()
        .inspect(&pinned("db", Pin::Stage("AWSPREVIOUS".to_owned())), &[]))
    .unwrap();
    assert_eq!(
        previous.version.as_deref(),
        Some("22222222-2222-2222-2222-222222222222")
    );
    for request in liar.asked() {
        assert!(
            request.contains("secretsmanager.DescribeSecret")
                || request.contains("\"VersionId\":\"hallpass-may-it-read-no-such-version\""),
            "{request}"
        );
    }
}

#[test]
fn a_check_knows_what_the_policy_allows() {
    let (name, _) = secret(r#"{"password":"value"}"#);
    let with = |actions: &[&str]| {
        let (key_id, secret_key) = user(actions);
        let bench = Bench::admin().keys((&key_id, &secret_key));
        run(bench.aws().inspect(&id(&name), &["password"])).map_err(|problem| bench.fine(problem))
    };
    // Metadata alone: the session would fail, so the check does.
    let problem = with(&["secretsmanager:DescribeSecret"]).unwrap_err();
    assert_eq!(problem.code.id, "E-AWS-DENIED");
    assert!(problem.fixes[0].contains("secretsmanager:GetSecretValue"), "{problem}");
    // The value alone: the session works, so the check reads it.
    let seen = with(&["secretsmanager:GetSecretValue"]).unwrap();
    assert_eq!(seen.keys, Some(vec!["password".to_owned()]));
    assert!(seen.version.is_some());
    let seen = with(&["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]).unwrap();
    assert!(seen.keys.is_none() && seen.version.is_some() && seen.changed.is_some());
    assert_eq!(with(&[]).unwrap_err().code.id, "E-AWS-DENIED");
}

#[test]
fn a_provider_climbs_its_ladder_and_says_as_whom() {
    let status = Bench::admin().probe();
    assert_eq!(status.state, State::Ok, "{:?}", status.problem);
    assert_eq!(
        status.auth.as_deref(),
        Some("keys of the environment: user/admin, account 123456789012")
    );
    assert_eq!(
        rungs(&status),
        "config ok, dns ok, tcp ok, tls skipped, login ok, read ok"
    );
    // Who may neither list nor ask who they are may still read: nothing is wrong with the provider.
    let (key_id, secret_key) = user(&["secretsmanager:GetSecretValue"]);
    let status = Bench::admin().keys((&key_id, &secret_key)).probe();
    assert_eq!(
        (status.state, rungs(&status).as_str()),
        (
            State::Ok,
            "config ok, dns ok, tcp ok, tls skipped, login ok, read skipped"
        )
    );
    let status = Bench::admin().keys((&key_id, "wrong")).probe();
    assert_eq!(
        (status.state, rungs(&status).as_str()),
        (
            State::Fail,
            "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
        )
    );
    assert_eq!(status.problem.unwrap().code.id, "E-AWS-SIGNATURE");
    // Without STS at the endpoint Secrets Manager itself has to show that the login holds.
    let liar = Liar::new(|request| match request {
        request if request.contains("secretsmanager.ListSecrets") => http("200 OK", "", "{\"SecretList\":[]}"),
        _ => http("404 Not Found", "", "no such thing here"),
    });
    let status = Bench::liar(&liar).probe();
    assert_eq!(
        rungs(&status),
        "config ok, dns ok, tcp ok, tls skipped, login ok, read ok"
    );
    assert_eq!(status.auth.as_deref(), Some("keys of the environment"));
    // Nor does it have to be reachable.
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", hole.local_addr().unwrap());
    let status = Bench::liar(&liar).set("AWS_ENDPOINT_URL_STS", &silent).probe();
    assert_eq!(status.state, State::Ok, "{:?}", status.problem);
    assert!(status.latency_ms.unwrap() < 10_000);
    let liar = Liar::new(|request| match request {
        request if request.contains("secretsmanager.ListSecrets") => {
            http("400 Bad Request", "", "{\"__type\":\"UnrecognizedClientException\"}")
        }
        _ => http("404 Not Found", "", "no such thing here"),
    });
    let status = Bench::liar(&liar).probe();
    assert_eq!(
        rungs(&status),
        "config ok, dns ok, tcp ok, tls skipped, login fail, read skipped"
    );
    assert_eq!(status.problem.unwrap().code.id, "E-AWS-KEY");
}

/// `config ok, dns ok, …`
pub fn rungs(status: &ProviderStatus) -> String {
    let rungs = status
        .stages
        .iter()
        .map(|stage| format!("{} {}", stage.name, stage.state.word()));
    rungs.collect::<Vec<_>>().join(", ")
}

#[test]
fn commands_that_do_not_use_it_do_not_pay_for_it() {
    let liar = Liar::new(|_| http("500 Internal Server Error", "", ""));
    let mut sandbox = sandbox(&[("PASSWORD", "'_aws:db:k'")]);
    sandbox.set("AWS_ENDPOINT_URL", &liar.address);
    sandbox.set("AWS_CONFIG_FILE", "/nonexistent/config");
    for command in [
        &["--version"][..],
        &["list"],
        &["show", "it"],
        &["help", "E-AWS-DENIED"],
    ] {
        sandbox.run(command).expect_code(0);
    }
    assert!(liar.asked().is_empty());
}

#[test]
fn an_arn_says_where_to_ask_for_a_check_as_for_a_launch() {
    let (name, arn) = secret("value");
    let mut sandbox = sandbox(&[("VALUE", &format!("'_aws:{arn}'"))]);
    sandbox.unset("AWS_REGION");
    sandbox.run(OPEN).expect_code(0);
    assert_eq!(got(&sandbox, "VALUE"), "value");
    sandbox.run(&["check", "it"]).expect_code(0);
    sandbox.run(&["provider", "test", "aws"]).expect_code(0);
    // A name says none: both fail, for the same reason.
    role(&sandbox, &[("VALUE", &format!("'_aws:{name}'"))]);
    for args in [OPEN, &["check", "it"]] {
        let outcome = sandbox.run(args);
        assert!(
            outcome.code != 0 && outcome.stderr.contains("E-AWS-REGION"),
            "{}",
            outcome.stderr
        );
    }
    // Beside an ARN, too, it is only the name that fails.
    role(
        &sandbox,
        &[("VALUE", &format!("'_aws:{name}'")), ("ARN", &format!("'_aws:{arn}'"))],
    );
    let found: Value = serde_json::from_str(&sandbox.run(&["check", "it", "--json"]).expect_code(1).stdout).unwrap();
    assert_eq!(found["providers"][0]["state"], "ok", "{found:#}");
    let state = |field: &str| {
        let fields = found["roles"][0]["fields"].as_array().unwrap();
        let field = fields.iter().find(|one| one["name"] == field).unwrap();
        (field["state"].clone(), field["code"].clone())
    };
    assert_eq!(state("ARN"), ("ok".into(), Value::Null));
    assert_eq!(state("VALUE"), ("fail".into(), "E-AWS-REGION".into()));
}

#[test]
fn a_batch_that_cannot_be_used_is_read_one_by_one() {
    let refusal = |code: &str| {
        http(
            "400 Bad Request",
            "",
            &json!({ "__type": code, "message": "" }).to_string(),
        )
    };
    let large = json!({ "SecretValues": [{ "Name": "a", "SecretString": "x".repeat(1 << 20) }] }).to_string();
    // Only what does not know batches, or does not let us, is not asked for one again.
    for (batch, batches) in [
        (http("200 OK", "", &large), 2),
        (refusal("InvalidParameterException"), 2),
        (refusal("UnknownOperationException"), 1),
        (refusal("AccessDeniedException"), 1),
    ] {
        let shown = batch.chars().take(120).collect::<String>();
        let liar = Liar::new(move |request| {
            if request.contains("BatchGetSecretValue") {
                return batch.clone();
            }
            http(
                "200 OK",
                "",
                &json!({ "Name": "db", "SecretString": "value" }).to_string(),
            )
        });
        let aws = Bench::liar(&liar).aws();
        for _ in 0..2 {
            for result in run(aws.fetch_all(&[id("a"), id("b")])) {
                assert_eq!(
                    value(&result.map_err(|problem| problem.to_string()).unwrap(), None),
                    "value"
                );
            }
        }
        let asked = liar.asked();
        let asked = asked.iter().filter(|request| request.contains("BatchGetSecretValue"));
        assert_eq!(asked.count(), batches, "{shown}");
    }
}

#[test]
fn an_external_id_is_a_text() {
    let sandbox = sandbox(&[]);
    sandbox.config("[providers.aws]\nexternal_id = { secret = \"env:ID\" }\n");
    let said = sandbox.run(&["config", "check"]);
    assert!(said.code != 0, "{}", said.stderr);
    let said = format!("{}{}", said.stdout, said.stderr);
    assert!(said.contains("external_id") && said.contains("config.toml:2"), "{said}");
}
