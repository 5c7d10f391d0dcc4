//! `hallpass provider list | test | login`, and the login that the Providers screen starts.

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::servers::{servers, unique};
use crate::tmux::Tmux;

const ROLES: &str = r#"
[roles.orders]
command = ["true"]
fields.PASSWORD = "_vault:secret/orders:password"
fields.OTHER = "_envs/OTHER"
[roles.cart]
command = ["true"]
fields.PASSWORD = { secret = "vault-eu:secret/cart#password" }
fields.TOKEN = { rds_iam = "app", host = "h.example", port = 5432, provider = "aws-prod" }
"#;

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::with_vault();
    sandbox.set("OTHER", "other-value");
    sandbox.roles(ROLES);
    sandbox.config(&format!(
        "[providers.vault-eu]\nkind = \"vault\"\naddress = \"{}\"\ntoken = \"nobodys\"\ndescription = \"The Vault of Europe\"\n[providers.aws-prod]\nkind = \"aws\"\nregion = \"eu-west-1\"\n",
        servers().vault_addr
    ));
    sandbox
}

fn json(sandbox: &Sandbox, args: &[&str], code: i32) -> Value {
    serde_json::from_str(&sandbox.run(args).expect_code(code).stdout).unwrap()
}

fn named<'a>(document: &'a Value, name: &str) -> &'a Value {
    let providers = document["providers"].as_array().unwrap();
    let found = providers.iter().find(|provider| provider["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {document:#}"))
}

#[test]
fn a_list_names_who_uses_what_and_asks_nobody() {
    let mut sandbox = sandbox();
    // Nothing that listens: a list that asked would fail.
    sandbox.set("VAULT_ADDR", "http://127.0.0.1:1");
    let text = sandbox.run(&["provider", "list"]).expect_code(0).stdout;
    let row = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap()
            .to_owned()
    };
    assert!(
        row("vault").contains("http://127.0.0.1:1") && row("vault").ends_with("orders"),
        "{text}"
    );
    assert!(
        row("vault-eu").contains(&servers().vault_addr) && row("vault-eu").ends_with("cart"),
        "{text}"
    );
    assert!(
        row("aws-prod").contains("aws") && row("aws-prod").ends_with("cart"),
        "{text}"
    );
    assert!(row("env").ends_with("orders"), "{text}");
    let document = json(&sandbox, &["provider", "list", "--json"], 0);
    let vault = named(&document, "vault");
    assert_eq!((&vault["kind"], &vault["state"]), (&"vault".into(), &"skipped".into()));
    assert_eq!(vault["roles"], serde_json::json!(["orders"]));
    assert_eq!(named(&document, "vault-eu")["description"], "The Vault of Europe");
    assert_eq!(
        document,
        json(&sandbox, &["providers", "--json"], 0),
        "the older word is the same"
    );
}

#[test]
fn settings_that_cannot_work_show_in_the_list() {
    let sandbox = Sandbox::new();
    sandbox.config("[providers.vault-eu]\nkind = \"vault\"\naddress = \"not an address\"\n");
    let listed = sandbox.run(&["provider", "list"]).expect_code(1);
    assert!(listed.stderr.contains("E-VAULT-ADDR"), "{}", listed.stderr);
    assert_eq!(
        named(&json(&sandbox, &["provider", "list", "--json"], 1), "vault-eu")["code"],
        "E-VAULT-ADDR"
    );
}

#[test]
fn a_test_shows_each_rung_as_whom_and_the_problem_with_its_fixes() {
    let sandbox = sandbox();
    let well = sandbox.run(&["provider", "test", "vault"]).expect_code(0);
    for rung in ["config", "tcp", "login", "read"] {
        let line = well.stdout.lines().find(|line| line.trim_start().starts_with(rung));
        assert!(line.is_some_and(|line| line.contains("ok")), "{rung}: {}", well.stdout);
    }
    assert!(well.stdout.contains("policies root"), "{}", well.stdout);
    let ill = sandbox.run(&["provider", "test", "vault-eu"]).expect_code(1);
    assert!(
        ill.stdout.contains("login     fail") && ill.stdout.contains("read      skipped"),
        "{}",
        ill.stdout
    );
    assert!(
        ill.stderr.contains("error[E-VAULT-TOKEN") && ill.stderr.contains("= fix: "),
        "{}",
        ill.stderr
    );
    let both = json(&sandbox, &["provider", "test", "vault", "vault-eu", "--json"], 1);
    assert_eq!(
        (&named(&both, "vault")["state"], &named(&both, "vault-eu")["state"]),
        (&"ok".into(), &"fail".into())
    );
    let stages = named(&both, "vault-eu")["stages"].as_array().unwrap();
    assert_eq!(stages.last().unwrap()["state"], "skipped");
    assert!(named(&both, "vault-eu")["fix"].is_string());
}

#[test]
fn the_end_of_a_login_is_told() {
    let mut sandbox = Sandbox::with_vault();
    let token = servers().vault(
        "POST",
        "auth/token/create",
        &serde_json::json!({ "ttl": "40m", "policies": ["default"] }),
    );
    sandbox.set("VAULT_TOKEN", token["auth"]["client_token"].as_str().unwrap());
    let told = sandbox.run(&["provider", "test", "vault"]).expect_code(0).stdout;
    assert!(told.contains("m left") && told.contains("  until     20"), "{told}");
}

#[test]
fn a_name_that_is_none_gets_the_nearest() {
    let sandbox = sandbox();
    for command in [&["provider", "test", "vualt"][..], &["provider", "login", "vualt"]] {
        let said = sandbox.run(command).expect_code(4);
        assert!(
            said.stderr
                .contains("error[E-PROVIDER-UNKNOWN]: no provider is called `vualt`"),
            "{}",
            said.stderr
        );
        assert!(said.stderr.contains("did you mean: vault"), "{}", said.stderr);
        assert_eq!(said.stdout, "");
    }
}

#[test]
fn who_logs_in_by_itself_says_so() {
    let sandbox = sandbox();
    let said = sandbox.run(&["provider", "login", "env"]).expect_code(1);
    assert!(
        said.stderr.contains("E-PROVIDER-NO-LOGIN") && said.stdout.is_empty(),
        "{}",
        said.stderr
    );
}

#[test]
fn a_login_runs_as_a_session_of_the_list() {
    let sandbox = Sandbox::new();
    let name = unique("keys").replace('_', "-");
    // A login by a person, at a server that is not there.
    sandbox.config(&format!(
        "[providers.{name}]\nkind = \"vault\"\naddress = \"http://127.0.0.1:9\"\nauth = {{ method = \"oidc\" }}\n"
    ));
    sandbox.roles(&format!(
        "[roles.r]\ncommand = [\"true\"]\nfields.A = {{ secret = \"{name}:secret/x#y\" }}\n"
    ));
    let terminal = Tmux::hallpass(&sandbox, (100, 30), &[]);
    terminal.wait("r ");
    terminal.keys(&["2"]);
    terminal.wait("log in");
    terminal.keys(&["a"]);
    // The child finds the same provider: it was told the same folders.
    terminal.wait("E-NET-REFUSED");
    let screen = terminal.wait("exited 1");
    assert!(screen.contains(&format!("login {name}")), "{screen}");
    // Back where it was opened.
    terminal.keys(&["Enter"]);
    terminal.wait_until("the list of providers", |screen| {
        screen.contains("log in") && !screen.contains("exited 1")
    });
    terminal.keys(&["1"]);
    terminal.wait("r ");
    terminal.keys(&["q"]);
    assert_eq!(terminal.exit_code(), 0);
}
