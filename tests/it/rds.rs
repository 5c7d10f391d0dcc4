//! Login tokens for RDS databases: the same as those of AWS' own Python client, and in the child's environment alone.

use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, finish};
use crate::servers::servers;

const HOST: &str = "orders.abc123.eu-west-1.rds.amazonaws.com";
const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A home with these keys for AWS, and nothing that says a region.
fn sandbox(session_token: Option<&str>) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_ACCESS_KEY_ID", KEY_ID);
    sandbox.set("AWS_SECRET_ACCESS_KEY", SECRET);
    if let Some(token) = session_token {
        sandbox.set("AWS_SESSION_TOKEN", token);
    }
    sandbox
}

/// What the role's child finds in the variable: written to a file, because every screen and pipe hides it.
fn in_child(sandbox: &Sandbox, role: &str, variable: &str) -> String {
    let script = format!("printf %s \"${variable}\" > seen");
    sandbox.run(&["exec", role, "--", "sh", "-c", &script]).expect_code(0);
    std::fs::read_to_string(sandbox.home().join("seen")).unwrap()
}

/// When a token was made: `20261122T102030Z`.
fn made_at(token: &str) -> &str {
    let (_, rest) = token.split_once("X-Amz-Date=").unwrap();
    &rest[..16]
}

/// What botocore makes of the same inputs at the same time.
fn of_botocore(asked: &Value) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/rds_tokens.py");
    let mut python = Command::new(&servers().python);
    python.arg(script).env_clear().env("PYTHONPATH", &servers().python_path);
    let said = finish(python, json!([asked]).to_string().as_bytes())
        .expect_code(0)
        .stdout;
    let tokens: Vec<String> = serde_json::from_str(&said).unwrap();
    tokens.into_iter().next().unwrap()
}

#[test]
fn a_child_gets_the_token_that_botocore_makes() {
    let odd = "Ä b+c&d=e/%41~.-_*('!@:#?";
    let sandbox = sandbox(Some("FwoGZXIvYXdzEBEaDH/+session=token=="));
    sandbox.config("[providers.aws-cn]\nkind = \"aws\"\nregion = \"eu-central-1\"\n");
    sandbox.roles(&format!(
        r#"
[roles.by-host]
connector = "postgres"
fields = {{ PGHOST = "{HOST}", PGUSER = "app_ro", PGPASSWORD = "_aws_iam_rds:app_ro" }}
[roles.by-field]
connector = "mysql"
[roles.by-field.fields]
MYSQL_HOST = "127.0.0.1"
MYSQL_USER = "x"
MYSQL_PWD = {{ rds_iam = "{odd}", provider = "aws-cn", host = "orders.abc.rds.cn-north-1.amazonaws.com.cn", port = 443, region = "cn-north-1" }}
[roles.by-provider]
command = ["true"]
fields.TOKEN = {{ rds_iam = "app", provider = "aws-cn", host = "{HOST}", port = 6432 }}
"#
    ));
    for (role, variable, user, host, port, region) in [
        ("by-host", "PGPASSWORD", "app_ro", HOST, 5432, "eu-west-1"),
        (
            "by-field",
            "MYSQL_PWD",
            odd,
            "orders.abc.rds.cn-north-1.amazonaws.com.cn",
            443,
            "cn-north-1",
        ),
        // What the configuration says goes before what the name says.
        ("by-provider", "TOKEN", "app", HOST, 6432, "eu-central-1"),
    ] {
        let token = in_child(&sandbox, role, variable);
        let asked = json!({
            "at": made_at(&token), "key_id": KEY_ID, "secret_key": SECRET, "token": "FwoGZXIvYXdzEBEaDH/+session=token==",
            "region": region, "host": host, "port": port, "user": user,
        });
        assert_eq!(token, of_botocore(&asked), "{role}");
    }
    // MySQL's own library sends a password in clear text only where it is told to; PostgreSQL's asks for TLS.
    assert_eq!(in_child(&sandbox, "by-field", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN"), "1");
    assert_eq!(in_child(&sandbox, "by-host", "PGSSLMODE"), "require");
}

#[test]
fn host_and_port_may_come_from_a_secret() {
    let mut sandbox = sandbox(None);
    sandbox.set(
        "DB",
        &json!({ "host": HOST, "port": 6543, "username": "app" }).to_string(),
    );
    sandbox.roles(
        "[roles.r]\nconnector = \"postgres\"\nfrom = \"envjson:DB\"\nfields.PGPASSWORD = \"_aws_iam_rds:app\"\n",
    );
    let token = in_child(&sandbox, "r", "PGPASSWORD");
    assert!(
        token.starts_with(&format!("{HOST}:6543/?Action=connect&DBUser=app&")),
        "{}",
        token.len()
    );
    let checked: Value = serde_json::from_str(&sandbox.run(&["check", "r", "--json"]).stdout).unwrap();
    assert_eq!(checked["roles"][0]["fields"][0]["state"], "ok", "{checked:#}");
}

#[test]
fn the_child_is_told_until_when_and_nobody_else_sees_the_token() {
    let sandbox = sandbox(None);
    sandbox.roles(&format!(
        "[roles.r]\nconnector = \"postgres\"\nfields = {{ PGHOST = \"{HOST}\", PGUSER = \"app\", PGPASSWORD = \"_aws_iam_rds:app\" }}\n"
    ));
    let until: jiff::Timestamp = in_child(&sandbox, "r", "HALLPASS_EXPIRES_AT").parse().unwrap();
    let left = until.as_second() - jiff::Timestamp::now().as_second();
    assert!((800..=900).contains(&left), "{left}");
    let token = in_child(&sandbox, "r", "PGPASSWORD");
    let shown = sandbox
        .run(&["exec", "r", "--", "printenv", "PGPASSWORD", "PGHOST", "PGUSER"])
        .expect_code(0);
    assert!(
        shown.stdout.contains(HOST) && !shown.stdout.contains("X-Amz"),
        "{}",
        shown.stdout
    );
    let about = ["show", "list", "check"].map(|command| sandbox.run(&[command, "r"]));
    let signature = token.rsplit_once('=').unwrap().1;
    for said in about {
        assert!(!said.stdout.contains(signature) && !said.stderr.contains(signature));
    }
    let shown = sandbox.run(&["show", "r"]).expect_code(0).stdout;
    assert!(shown.contains("15-minute login token for app"), "{shown}");
    let document: Value = serde_json::from_str(&sandbox.run(&["show", "r", "--json"]).stdout).unwrap();
    let field = &document["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "PGPASSWORD")
        .unwrap()
        .clone();
    assert_eq!(
        (&field["source"], &field["provider"]),
        (&"rds-iam".into(), &"aws".into())
    );
}

#[test]
fn a_check_makes_no_connection_and_says_what_is_missing() {
    let role = |fields: &str| {
        format!("[roles.r]\ncommand = [\"true\"]\nfields.TOKEN = {{ rds_iam = \"app\", port = 5432, {fields} }}\n")
    };
    let state = |sandbox: &Sandbox, code: i32| {
        let said: Value =
            serde_json::from_str(&sandbox.run(&["check", "r", "--json"]).expect_code(code).stdout).unwrap();
        let field = &said["roles"][0]["fields"][0];
        (
            field["state"].as_str().unwrap().to_owned(),
            field["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let sandbox = sandbox(None);
    // No region anywhere but in the host's name, and no host of that name anywhere.
    sandbox.roles(&role(&format!("host = \"{HOST}\"")));
    assert_eq!(state(&sandbox, 0), ("ok".to_owned(), String::new()));
    sandbox.roles(&role("host = \"orders.db.internal\""));
    assert_eq!(state(&sandbox, 1), ("fail".to_owned(), "E-AWS-RDS-REGION".to_owned()));
    let said = sandbox.run(&["exec", "r", "--", "true"]).expect_code(125).stderr;
    assert!(
        said.contains(
            "error[E-AWS-RDS-REGION]: nothing says in which region the database orders.db.internal is, for TOKEN"
        ),
        "{said}"
    );
    assert!(
        said.contains("roles.toml:3:8") && said.contains("region = \"eu-west-1\""),
        "{said}"
    );

    // Of two databases one has no region: that is no fault of the other's, though one login signs for both.
    let other = role("host = \"orders.db.internal\"").replace("roles.r]", "roles.z]");
    sandbox.roles(&(role(&format!("host = \"{HOST}\"")) + &other));
    assert_eq!(state(&sandbox, 0), ("ok".to_owned(), String::new()));
    let both: Value = serde_json::from_str(&sandbox.run(&["check", "--json"]).expect_code(1).stdout).unwrap();
    let states = both["roles"].as_array().unwrap().iter().map(|role| &role["state"]);
    assert!(states.eq(["ok", "fail"]), "{both:#}");

    let mut nobody = Sandbox::new();
    nobody.set("AWS_EC2_METADATA_DISABLED", "true");
    nobody.roles(&role(&format!("host = \"{HOST}\"")));
    assert_eq!(state(&nobody, 1), ("fail".to_owned(), "E-AWS-NOCRED".to_owned()));
    nobody.run(&["exec", "r", "--", "true"]).expect_code(125);
}

#[test]
fn a_role_is_taken_on_before() {
    let admin = |name: &str| std::env::var(name).unwrap();
    let (endpoint, id, secret) = (
        admin("HP_AWS_ENDPOINT"),
        admin("HP_AWS_ACCESS_KEY_ID"),
        admin("HP_AWS_SECRET_ACCESS_KEY"),
    );
    let role = crate::servers::unique("db-login");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" }] });
    let asked = json!({ "endpoint": endpoint, "region": "eu-west-1", "key_id": id, "secret_key": secret, "calls": [
        { "service": "iam", "call": "create_role", "arguments": { "RoleName": role, "AssumeRolePolicyDocument": trust.to_string() } },
    ] });
    let mut python = Command::new(&servers().python);
    python
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/aws_call.py"))
        .env_clear()
        .env("PYTHONPATH", &servers().python_path);
    let made: Value =
        serde_json::from_str(&finish(python, asked.to_string().as_bytes()).expect_code(0).stdout).unwrap();
    let arn = made[0]["Role"]["Arn"].as_str().unwrap();

    let mut sandbox = Sandbox::new();
    sandbox.set("AWS_ENDPOINT_URL", &endpoint);
    // Nothing but the host's name says a region: STS is asked there, too.
    sandbox.set("AWS_ACCESS_KEY_ID", &id);
    sandbox.set("AWS_SECRET_ACCESS_KEY", &secret);
    let field = |arn: &str| {
        format!(
            "[roles.r]\ncommand = [\"true\"]\nfields.TOKEN = {{ rds_iam = \"app\", host = \"{HOST}\", port = 5432, role_arn = \"{arn}\" }}\n"
        )
    };
    sandbox.roles(&field(arn));
    let token = in_child(&sandbox, "r", "TOKEN");
    assert!(token.contains("X-Amz-Security-Token="), "of the role");
    assert!(!token.contains(&id), "and not of the one who took it on");
    sandbox.run(&["check", "r"]).expect_code(0);

    let own = field(arn).replace(&format!(", role_arn = \"{arn}\""), "");
    sandbox.roles(&own);
    sandbox.run(&["check", "r"]).expect_code(0);

    sandbox.set("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-this-key");
    // A token is made without asking anybody: only a check tells what it is worth.
    sandbox.run(&["exec", "r", "--", "true"]).expect_code(0);
    let found = sandbox.run(&["check", "r"]).expect_code(1).stdout;
    assert!(found.contains("E-AWS-"), "{found}");
    sandbox.roles(&field(arn));
    let refused = sandbox.run(&["exec", "r", "--", "true"]).expect_code(125).stderr;
    assert!(refused.contains("error[E-AWS-"), "{refused}");
    assert!(!refused.contains("not-the-secret"), "{refused}");
}

#[test]
fn a_client_of_mysql_sends_no_token_without_tls() {
    let sandbox = sandbox(None);
    let role = |connector: &str, password: &str| {
        sandbox.roles(&format!(
            "[roles.r]\nconnector = \"{connector}\"\n[roles.r.fields]\nMYSQL_HOST = \"127.0.0.1\"\nMYSQL_TCP_PORT = \"{}\"\n\
             MYSQL_USER = \"app\"\nMYSQL_PWD = {password}\n",
            servers().mysql_port
        ));
    };
    let token = format!("{{ rds_iam = \"app\", host = \"{HOST}\", port = 3306 }}");
    // This server offers no TLS. The user is unknown to it, which it would say of anybody who sends a password.
    for connector in ["mysql", "mariadb"] {
        role(connector, &token);
        let said = sandbox.run(&["connect", "r"]);
        assert!(
            said.code != 0 && said.stderr.contains("SSL is required"),
            "{}",
            said.stderr
        );
    }
    // The options of both clients are there for a token, and for nothing else.
    sandbox.program("mysql", "#!/bin/sh\necho \"$@\" >arguments\n");
    let arguments = |password: &str| {
        role("mysql", password);
        sandbox.run(&["connect", "r"]).expect_code(0);
        std::fs::read_to_string(sandbox.home().join("arguments")).unwrap()
    };
    let with = arguments(&token);
    assert!(
        with.starts_with("--loose-ssl-mode=REQUIRED --loose-ssl-verify-server-cert -h 127.0.0.1"),
        "{with}"
    );
    let shown = sandbox.run(&["show", "r"]).expect_code(0).stdout;
    assert!(shown.contains("--loose-ssl-mode=REQUIRED"), "{shown}");
    sandbox.store("r#pw", "s3cret-word");
    assert!(arguments("\"_local:r:pw\"").starts_with("-h 127.0.0.1"));
}

#[test]
fn a_host_that_no_address_can_name_gets_no_token() {
    let sandbox = sandbox(None);
    sandbox.roles(
        "[roles.r]\nconnector = \"postgres\"\n[roles.r.fields]\nPGHOST = \"two words\"\nPGUSER = \"app\"\n\
         PGPASSWORD = { rds_iam = \"app\", region = \"eu-west-1\" }\n",
    );
    for args in [&["exec", "r", "--", "true"][..], &["check", "r"]] {
        let said = sandbox.run(args);
        assert!(
            said.code != 0 && said.stderr.contains("E-AWS-RDS-SIGN"),
            "{}",
            said.stderr
        );
    }
}
