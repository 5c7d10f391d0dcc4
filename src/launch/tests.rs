//! Launches from role files through the real configuration and the `env` and `envjson` providers.

mod odd;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::config::{FolderFlags, LoadOptions, load};
use crate::domain::secret::EnvTarget;

/// A home with these role files and this environment.
struct Home {
    _folder: tempfile::TempDir,
    config: Config,
    providers: Providers,
    world: World,
}

impl Home {
    fn new(roles: &str, env: &[(&str, &str)]) -> Self {
        Self::with_settings("", roles, env)
    }

    fn with_settings(settings: &str, roles: &str, env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config_dir = folder.path().join("config");
        std::fs::create_dir(&config_dir).unwrap();
        std::fs::write(config_dir.join("config.toml"), settings).unwrap();
        std::fs::write(config_dir.join("roles.toml"), roles).unwrap();
        let mut variables: BTreeMap<String, OsString> = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        variables
            .entry("PATH".to_owned())
            .or_insert_with(|| "/usr/bin:/bin".into());
        let options = LoadOptions {
            flags: FolderFlags {
                config: Some(config_dir),
                ..FolderFlags::default()
            },
            profile: None,
            env: variables.clone(),
            home: Some(folder.path().to_owned()),
            system_dir: PathBuf::from("/nonexistent"),
        };
        let config = load(&options);
        let world = World {
            env: Arc::new(variables),
            home: Some(folder.path().to_owned()),
            data_folder: folder.path().join("data"),
            state_folder: folder.path().join("state"),
            runtime_folder: folder.path().join("runtime"),
        };
        let providers = Providers::new(&config.providers, &world);
        Self {
            _folder: folder,
            config,
            providers,
            world,
        }
    }

    fn launch(&self, role: &str, command: &[&str]) -> Result<LaunchPlan, Vec<Problem>> {
        let command = (!command.is_empty()).then(|| command.iter().map(OsString::from).collect());
        self.request(&Request {
            role: role.to_owned(),
            command,
            ..Request::default()
        })
    }

    fn request(&self, request: &Request) -> Result<LaunchPlan, Vec<Problem>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(resolve(&self.config, &self.providers, &self.world, request))
    }
}

/// The child's environment as it would be set.
#[derive(Default)]
struct Seen(BTreeMap<OsString, OsString>);

impl EnvTarget for Seen {
    fn set(&mut self, name: &OsStr, value: &OsStr) {
        assert!(
            self.0.insert(name.to_owned(), value.to_owned()).is_none(),
            "{name:?} is set twice"
        );
    }
}

fn seen(plan: LaunchPlan) -> BTreeMap<String, String> {
    let mut seen = Seen::default();
    plan.env.inject(&mut seen);
    seen.0
        .into_iter()
        .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
        .collect()
}

fn codes(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.code.id).collect()
}

#[test]
fn the_child_gets_the_allow_list_its_fields_and_who_it_is() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\nenv = \"dev\"\ninherit = [\"EXTRA\", \"VAULT_TOKEN\"]\nfields.PASSWORD = \"_envs/SOURCE\"\nfields.PLAIN = \"x\"\n",
        &[
            ("SOURCE", "s3cret-value"),
            ("LANG", "C"),
            ("LC_TIME", "C"),
            ("DISPLAY", ":0"),
            ("EXTRA", "e"),
            ("VAULT_TOKEN", "t"),
            ("OTHER", "o"),
        ],
    );
    let plan = home.launch("a", &[]).unwrap();
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    let session = plan.session_id.clone();
    let seen = seen(plan);
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "EXTRA",
            "HALLPASS_ENV",
            "HALLPASS_ROLE",
            "HALLPASS_SESSION_ID",
            "LANG",
            "LC_TIME",
            "PASSWORD",
            "PATH",
            "PLAIN"
        ]
    );
    assert_eq!(
        (seen["PASSWORD"].as_str(), seen["HALLPASS_ROLE"].as_str()),
        ("s3cret-value", "a")
    );
    assert_eq!(seen["HALLPASS_SESSION_ID"], session);
}

#[test]
fn everything_that_failed_is_told_in_the_roles_order_and_nothing_starts() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nZ = \"_envs/MISSING_Z\"\nA = \"_envjson:APP:nope\"\nM = \"_vaultkv1:kv/name:key\"\n",
        &[("APP", r#"{"key": "value"}"#)],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(
        codes(&problems),
        ["E-ENV-UNSET", "E-REF-KEY-MISSING", "E-VAULT-NO-ADDR"]
    );
    assert!(problems.iter().all(|problem| problem.at.is_some()));
    assert!(
        problems[1].to_string().contains("key"),
        "the names of the keys that are there"
    );
    assert!(!problems[1].to_string().contains("value"));
}

#[test]
fn optional_and_default_forgive_an_absent_secret_only() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nA = { secret = \"env:NOT_THERE\", optional = true }\nB = { secret = \"env:NOT_THERE\", default = \"fallback\" }\nC = { secret = \"vault:kv/x#y\", optional = true }\n",
        &[],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(
        codes(&problems),
        ["E-VAULT-NO-ADDR"],
        "a provider that is not there is not an absent secret"
    );

    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nA = { secret = \"env:NOT_THERE\", optional = true }\nB = { secret = \"env:NOT_THERE\", default = \"fallback\" }\n",
        &[],
    );
    let seen = seen(home.launch("a", &[]).unwrap());
    assert!(!seen.contains_key("A"));
    assert_eq!(seen["B"], "fallback");
}

#[test]
fn a_template_is_filled_and_encoded() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nURI = { template = \"db://{user}:{password}@h/{raw:raw}\", user = \"u@1\", password = \"_envs/P\", raw = \"a/b\" }\n",
        &[("P", "p/w d")],
    );
    assert_eq!(
        seen(home.launch("a", &[]).unwrap())["URI"],
        "db://u%401:p%2Fw%20d@h/a/b"
    );
}

#[test]
fn a_client_that_is_missing_or_no_program_is_known_before_a_secret_is_read() {
    let home = Home::new("[roles.a]\ncommand = [\"true\"]\nfields.P = \"_envs/NOT_THERE\"\n", &[]);
    assert_eq!(
        codes(&home.launch("a", &["no-such-program-here"]).err().unwrap()),
        ["E-CLIENT-MISSING"]
    );
    assert_eq!(
        codes(&home.launch("a", &["/etc/passwd"]).err().unwrap()),
        ["E-CLIENT-NOT-EXECUTABLE"]
    );
    assert_eq!(codes(&home.launch("b", &[]).err().unwrap()), ["E-CONFIG-UNKNOWN-ROLE"]);
}

#[test]
fn a_relative_entry_of_path_is_never_searched() {
    let home = Home::new("[roles.a]\ncommand = [\"true\"]\n", &[("PATH", ":.:bin")]);
    assert_eq!(codes(&home.launch("a", &[]).err().unwrap()), ["E-CLIENT-MISSING"]);
}

#[test]
fn redis_takes_its_user_as_an_argument_and_its_password_never() {
    let folder = tempfile::tempdir().unwrap();
    fake_client(folder.path(), "redis-cli");
    let home = Home::new(
        "[roles.r]\nconnector = \"redis\"\n[roles.r.fields]\nREDIS_HOST = \"h\"\nREDIS_USER = \"_envjson:R:user\"\nREDISCLI_AUTH = \"_envjson:R:password\"\n",
        &[
            ("R", r#"{"user": "app", "password": "s3cret-redis"}"#),
            ("PATH", folder.path().to_str().unwrap()),
        ],
    );
    let plan = home.launch("r", &[]).unwrap();
    assert_eq!(plan.args, ["-h", "h", "-p", "6379", "--user", "app", "-n", "0"]);
}

#[test]
fn mysql_carries_a_users_name_from_a_provider_in_a_file_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    fake_client(folder.path(), "mysql");
    let roles = "[roles.plain]\nconnector = \"mysql\"\n[roles.plain.fields]\nMYSQL_HOST = \"h\"\nMYSQL_USER = \"u\"\nMYSQL_PWD = \"_envs/P\"\nMYSQL_DATABASE = \"d\"\n[roles.kept]\nconnector = \"mysql\"\nfrom = \"envjson:M\"\nfields.MYSQL_HOST = \"h\"\n";
    let home = Home::new(
        roles,
        &[
            ("P", "s3cret-mysql"),
            ("M", r#"{"username": "us er", "password": "s3cret-mysql"}"#),
            ("PATH", folder.path().to_str().unwrap()),
        ],
    );
    assert_eq!(home.launch("plain", &[]).unwrap().args, ["-h", "h", "-u", "u", "d"]);
    let plan = home.launch("kept", &[]).unwrap();
    let file = plan.env.file_mark("client.cnf");
    assert!(file.contains(&plan.session_id), "no value can hold it: {file}");
    assert_eq!(plan.args, [format!("--defaults-extra-file={file}").as_str(), "-h", "h"]);
    let seen = seen(plan);
    assert_eq!(
        seen["MYSQL_TCP_PORT"], "3306",
        "what the secret lacks is the connector's default"
    );
    assert_eq!(seen["MYSQL_PWD"], "s3cret-mysql");
    assert!(seen.contains_key(crate::domain::secret::FILES_VARIABLE));
}

#[test]
fn a_value_that_no_variable_can_carry_is_refused() {
    let large = "x".repeat(200 * 1024);
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\nfields.P = \"_envs/LARGE\"\n",
        &[("LARGE", &large)],
    );
    assert_eq!(codes(&home.launch("a", &[]).err().unwrap()), ["E-REF-TOO-LARGE"]);
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\nfields.P = \"_envjson:J:k\"\n",
        &[("J", r#"{"k": "a\u0000b"}"#)],
    );
    assert_eq!(codes(&home.launch("a", &[]).err().unwrap()), ["E-REF-NUL-BYTE"]);
}

#[test]
fn a_field_that_the_connector_needs_is_missed_before_the_client_starts() {
    let folder = tempfile::tempdir().unwrap();
    fake_client(folder.path(), "psql");
    let home = Home::new(
        "[roles.a]\nconnector = \"postgres\"\nfields.PGHOST = \"h\"\nfields.PGPASSWORD = \"_envs/P\"\n",
        &[("P", "s3cret"), ("PATH", folder.path().to_str().unwrap())],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-CONFIG-FIELD-MISSING"]);
    assert!(problems[0].what.contains("PGUSER"));
}

fn fake_client(folder: &std::path::Path, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = folder.join(name);
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn plain_text_that_is_a_secret_is_masked_like_one() {
    let home = Home::new(
        "[roles.a]\nconnector = \"shell\"\n[roles.r]\nconnector = \"redis\"\ncommand = [\"true\"]\nallow_plaintext = true\nfields.REDIS_HOST = \"h\"\nfields.REDISCLI_AUTH = { literal = \"typed-Xq9w\" }\n",
        &[],
    );
    let plan = home.launch("r", &[]).unwrap();
    let mut redactor = plan.env.redactor();
    let mut shown = Vec::new();
    redactor.push(b"typed-Xq9w\n", &mut shown);
    redactor.finish(&mut shown);
    assert!(!String::from_utf8_lossy(&shown).contains("Xq9w"));
    assert_eq!(seen(plan)["REDISCLI_AUTH"], "typed-Xq9w");
}

#[test]
fn a_connector_that_is_not_built_is_refused_by_name() {
    let home = Home::new("[roles.a]\nconnector = \"ssh\"\nfields.SSH_DESTINATION = \"h\"\n", &[]);
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-CONNECTOR-NOT-BUILT"]);
    assert!(home.launch("a", &["true"]).is_ok());
}

#[test]
fn a_variable_that_a_provider_logs_in_with_is_inherited_by_no_child() {
    let home = Home::with_settings(
        "[providers.v]\nkind = \"vault\"\ntoken = { secret = \"env:MY_TOKEN\" }\nauth = { method = \"approle\", role_id = \"r\", secret_id = { secret = \"envjson:MY_JSON#id\" } }\n",
        "[roles.a]\ncommand = [\"true\"]\ninherit = [\"MY_TOKEN\", \"MY_JSON\", \"OTHER\"]\n[roles.own]\ncommand = [\"true\"]\nfields.MY_TOKEN = \"_envs/MY_TOKEN\"\n",
        &[("MY_TOKEN", "s3cret-token"), ("MY_JSON", "{}"), ("OTHER", "o")],
    );
    let plan = home.launch("a", &[]).unwrap();
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    let child = seen(plan);
    assert_eq!(child["OTHER"], "o");
    assert!(!child.contains_key("MY_TOKEN") && !child.contains_key("MY_JSON"));
    assert_eq!(
        seen(home.launch("own", &[]).unwrap())["MY_TOKEN"],
        "s3cret-token",
        "the role itself sets it"
    );
}

#[test]
fn a_part_of_a_template_has_options_of_its_own() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nURI = { template = \"{user}:{password}@{host}{extra}\", user = { secret = \"env:NOT_THERE\", default = \"app\" }, password = { secret = \"env:P\", trim = true }, host = \"h\", extra = { secret = \"env:NOT_THERE\", optional = true } }\n[roles.b]\ncommand = [\"true\"]\nfields.URI = { template = \"{p}\", p = \"_envs/NOT_THERE\" }\n",
        &[("P", " s3cret-word\n")],
    );
    assert_eq!(seen(home.launch("a", &[]).unwrap())["URI"], "app:s3cret-word@h");
    assert_eq!(codes(&home.launch("b", &[]).err().unwrap()), ["E-ENV-UNSET"]);
}

#[test]
fn a_field_in_a_connectors_command_is_placed() {
    let home = Home::new(
        "[connectors.c]\ncommand = [\"true\", \"--host={HOST}\"]\n[connectors.c.fields.HOST]\nlabel = \"Host\"\n[roles.a]\nconnector = \"c\"\nfields.HOST = \"db1\"\n",
        &[],
    );
    assert_eq!(home.launch("a", &[]).unwrap().args, ["--host=db1"]);
}

#[test]
fn a_relative_command_is_sought_where_it_runs_and_a_typed_one_where_the_person_stands() {
    let folder = tempfile::tempdir().unwrap();
    fake_client(folder.path(), "run.sh");
    let at = folder.path().display();
    let home = Home::new(
        &format!(
            "[roles.a]\ncommand = [\"./run.sh\"]\ncwd = \"{at}\"\n[roles.home]\ncommand = [\"true\"]\ncwd = \"~\"\n"
        ),
        &[],
    );
    let plan = home.launch("a", &[]).unwrap();
    assert_eq!(
        (plan.program, plan.name.to_str().unwrap()),
        (folder.path().join("run.sh"), "./run.sh")
    );
    assert_eq!(
        codes(&home.launch("a", &["./run.sh"]).err().unwrap()),
        ["E-CLIENT-MISSING"]
    );
    assert_eq!(codes(&home.launch("a", &[""]).err().unwrap()), ["E-USAGE"]);
    assert_eq!(home.launch("home", &[]).unwrap().cwd, home.world.home.clone().unwrap());
}

/// File names and arguments are bytes, of which not all are text.
#[test]
fn a_command_of_the_person_is_passed_byte_for_byte() {
    let home = Home::new("[roles.a]\ncommand = [\"true\"]\n", &[("PATH", "/usr/bin:/bin")]);
    let word = OsString::from_vec(b"caf\xe9.sql".to_vec());
    let request = Request {
        role: "a".to_owned(),
        command: Some(vec!["cat".into(), word.clone()]),
        ..Request::default()
    };
    let plan = home.request(&request).unwrap();
    assert_eq!((plan.name.to_str(), plan.args), (Some("cat"), vec![word.clone()]));
    let request = Request {
        role: "a".to_owned(),
        extra: vec![word.clone()],
        ..Request::default()
    };
    assert_eq!(home.request(&request).unwrap().args, [word]);
}

#[test]
fn what_is_to_be_stored_is_named_with_its_key() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\nfields.P = \"_local:db/pg:password\"\n",
        &[("PATH", "/usr/bin:/bin")],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(
        problems[0].fixes[0],
        "hallpass secret set db/pg#password   (asks for the value)"
    );
}

#[test]
fn the_preview_shows_what_the_launch_passes() {
    let folder = tempfile::tempdir().unwrap();
    fake_client(folder.path(), "redis-cli");
    let home = Home::new(
        "[roles.r]\nconnector = \"redis\"\n[roles.r.fields]\nREDIS_HOST = \"h\"\nREDIS_TLS = \"no\"\nREDIS_USER = \"\"\n",
        &[("PATH", folder.path().to_str().unwrap())],
    );
    let role = find_role(&home.config, "r").unwrap();
    assert_eq!(preview(&home.config, role), "redis-cli -h h -p 6379 -n 0");
    assert_eq!(
        home.launch("r", &[]).unwrap().args,
        ["-h", "h", "-p", "6379", "-n", "0"]
    );
}

/// What the plan's redactor leaves of a text.
fn redacted(plan: &LaunchPlan, text: &str) -> String {
    let mut redactor = plan.env.redactor();
    let mut shown = Vec::new();
    redactor.push(text.as_bytes(), &mut shown);
    redactor.finish(&mut shown);
    String::from_utf8(shown).unwrap()
}

#[test]
fn plain_text_that_is_a_secret_is_masked_also_where_a_file_carries_it() {
    let home = Home::new(
        "[roles.r]\nconnector = \"redis\"\ncommand = [\"true\"]\nallow_plaintext = true\nfields.REDIS_HOST = \"h\"\nfields.REDISCLI_AUTH = { literal = \"typed-Xq9w\", via = \"file\" }\nfields.NOTE = { literal = \"shown-Xq9w\", via = \"file\" }\n",
        &[],
    );
    let plan = home.launch("r", &[]).unwrap();
    assert!(!redacted(&plan, "typed-Xq9w\n").contains("Xq9w"));
    assert!(redacted(&plan, "shown-Xq9w\n").contains("shown-Xq9w"));
}

#[test]
fn what_is_wrong_with_the_secret_of_from_is_told_as_it_is() {
    let roles = "[roles.null]\ncommand = [\"true\"]\nfrom = \"envjson:NULL\"\nmap = { A = \"user\" }\n[roles.text]\ncommand = [\"true\"]\nfrom = \"env:TEXT\"\nmap = { A = \"user\", B = \"password\", C = \"host\" }\n[roles.lacks]\ncommand = [\"true\"]\nfrom = \"envjson:NULL\"\nmap = { A = \"login\" }\n";
    let home = Home::new(roles, &[("NULL", r#"{"user": null}"#), ("TEXT", "s3cret-text")]);
    let problems = |role: &str| home.launch(role, &[]).err().unwrap();
    assert_eq!(codes(&problems("null")), ["E-REF-NULL"]);
    assert_eq!(codes(&problems("lacks")), ["E-CONFIG-FIELD-MISSING"]);
    let text = problems("text");
    assert_eq!(codes(&text), ["E-REF-NOT-JSON"], "one problem for all fields");
    assert!(
        text[0].what.ends_with(", for A, B, C") && !text[0].what.contains("`user`"),
        "{}",
        text[0]
    );
}

#[test]
fn a_plain_field_for_an_agent_is_refused_like_a_secret_one() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nKEY = { literal = \"k\", via = \"agent\" }\nOTHER = { secret = \"env:NOT_THERE\", via = \"agent\" }\n",
        &[],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-PROVIDER-NOT-BUILT"], "nothing was read");
    assert!(problems[0].what.ends_with(", for KEY, OTHER"), "{}", problems[0]);
}

#[test]
fn a_field_without_a_value_leaves_the_rest_of_its_word() {
    let home = Home::new(
        "[connectors.c]\ncommand = [\"true\", \"--host={HOST}\"]\narguments = [{ words = [\"--port={PORT}\"] }]\nfields = { HOST = {}, PORT = {}, TITLE = {} }\n[roles.a]\nconnector = \"c\"\nargs = [\"--title={TITLE}\", \"{TITLE}\"]\nfields = { PORT = \"\", TITLE = \"\" }\n",
        &[],
    );
    assert_eq!(
        home.launch("a", &[]).unwrap().args,
        ["--host=", "--title=", ""],
        "only a group is left out"
    );
}

#[cfg(feature = "local")]
#[test]
fn a_locked_store_that_holds_a_providers_credential_is_named_and_opened() {
    let home = Home::with_settings(
        "[providers.team]\nkind = \"local\"\n[providers.v]\nkind = \"vault\"\naddress = \"http://127.0.0.1:1\"\ntoken = { secret = \"team:v#token\" }\n",
        "[roles.a]\ncommand = [\"true\"]\nfields.P = { secret = \"v:secret/db#password\" }\nfields.Q = { secret = \"v:secret/db#user\" }\n",
        &[],
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let passphrase = || secrecy::SecretString::from("correct horse");
    let store = crate::providers::local::LocalStore::new(&home.config.providers["team"], &home.world);
    store.create_with_passphrase(passphrase()).unwrap();
    let token = crate::domain::secret::SecretValue::from_text("t0ken".to_owned());
    store.set("v", "token", token).unwrap();

    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-LOCAL-LOCKED"]);
    assert_eq!(locked_stores(&problems), ["team"]);
    let mut more = problems.clone();
    more.push(Problem::new(&catalogue::ENV_UNSET, "x"));
    assert!(locked_stores(&more).is_empty(), "the passphrase would not help");
    let team = home.providers.get("team").unwrap();
    runtime.block_on(team.unlock(passphrase())).unwrap();
    let problems = home.launch("a", &[]).err().unwrap();
    assert!(!codes(&problems).contains(&"E-LOCAL-LOCKED"), "{problems:?}");
}
