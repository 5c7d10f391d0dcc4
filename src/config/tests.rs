//! Whole configurations: what they load to, and what is said about wrong ones (`tests/fixtures/config`, message beside each file).

mod doubt;
mod hostile;
mod remarks;
mod settings;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Config, FolderFlags, LoadOptions, load};
use crate::domain::reference::Kind;
use crate::domain::role::{Role, Source, Via};

/// A configuration folder of its own.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["config", "config/roles.d", "config/connectors", "system"] {
            fs::create_dir(home.path(folder)).unwrap();
            home.mode(folder, 0o700);
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let name = format!("config/{name}");
        fs::write(self.path(&name), text).unwrap();
        self.mode(&name, 0o600);
        self
    }

    fn options(&self) -> LoadOptions {
        LoadOptions {
            flags: FolderFlags {
                config: Some(self.path("config")),
                ..FolderFlags::default()
            },
            profile: None,
            env: std::collections::BTreeMap::new(),
            home: Some(self.path("")),
            system_dir: self.path("system"),
        }
    }

    fn load(&self) -> Config {
        load(&self.options())
    }

    /// Everything that is said about it, with the folder's name as a person would see it.
    fn said(&self, config: &Config) -> String {
        let mut text = String::new();
        for problem in &config.problems {
            text += &format!("{problem}\n\n");
        }
        for warning in &config.warnings {
            text += &format!("warning: {warning}\n");
        }
        for key in &config.not_in_force {
            text += &format!("not in force: {} at {}\n", key.key, key.at);
        }
        for broken in &config.broken {
            let code = config.problems[broken.problem].code.id;
            text += &format!(
                "broken: {} ({:?}, {:?}) by {code}\n",
                broken.name, broken.env, broken.connector
            );
        }
        let roles: Vec<&str> = config.roles.iter().map(|role| role.name.as_str()).collect();
        text += &format!("roles: {}\n", roles.join(" "));
        text.replace(&self.path("config").display().to_string(), "~/.config/hallpass")
    }
}

fn role<'c>(config: &'c Config, name: &str) -> &'c Role {
    config
        .roles
        .iter()
        .find(|role| role.name == name)
        .unwrap_or_else(|| panic!("no role {name}"))
}

fn source<'c>(role: &'c Role, field: &str) -> &'c Source {
    &role
        .fields
        .iter()
        .find(|f| f.name == field)
        .unwrap_or_else(|| panic!("no field {field}"))
        .source
}

/// Loads a role file that is to be right.
fn right(text: &str) -> Config {
    let home = Home::new();
    home.file("roles.toml", text);
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    config
}

/// What is said about a role file.
fn said(text: &str) -> String {
    let home = Home::new();
    home.file("roles.toml", text);
    home.said(&home.load())
}

#[test]
fn wrong_configurations_say_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    fixtures.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    fixtures.sort();
    assert!(fixtures.len() >= 20, "{fixtures:?}");
    for fixture in fixtures {
        let name = fixture.file_stem().unwrap().to_str().unwrap();
        let home = Home::new();
        let file = if name.starts_with("config-") {
            "config.toml"
        } else {
            "roles.d/bad.toml"
        };
        home.file(file, fs::read(&fixture).unwrap());
        let config = home.load();
        assert!(!config.problems.is_empty(), "{name} has no problem");
        let said = home.said(&config);
        assert!(!said.contains("canary"), "{name} shows a secret:\n{said}");
        insta::with_settings!({snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, said);
        });
    }
}

#[test]
fn the_connectors_that_come_with_hallpass_are_right() {
    let config = Home::new().load();
    assert!(config.problems.is_empty() && config.warnings.is_empty());
    let names: Vec<&str> = config.connectors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "command",
            "kubectl-exec",
            "mariadb",
            "mysql",
            "postgres",
            "redis",
            "shell",
            "sqlite",
            "ssh",
            "valkey"
        ]
    );
    for connector in config.connectors.values() {
        assert!(
            !connector.title.is_empty() && !connector.delivery.is_empty(),
            "{}",
            connector.name
        );
        assert!(
            connector.packages.is_empty() == connector.fields.is_empty(),
            "{}",
            connector.name
        );
    }
    let mariadb = &config.connectors["mariadb"];
    assert_eq!(mariadb.programs, ["mariadb", "mysql"]);
    assert_eq!(mariadb.files, config.connectors["mysql"].files);
    assert_eq!(config.connectors["postgres"].words, ["-w"]);
    assert_eq!(config.connectors["shell"].programs, ["$SHELL", "/bin/sh"]);
    assert_eq!(config.connectors["shell"].words, ["-l"]);
}

#[test]
fn the_contracts_example() {
    let config = right(include_str!("../../tests/fixtures/config/right/contract.toml"));
    let explicit = role(&config, "orders-rw");
    let names: Vec<&str> = explicit.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(
        names,
        ["PGHOST", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPORT", "PGSSLMODE"]
    );
    let Source::Secret(password) = source(explicit, "PGPASSWORD") else {
        panic!()
    };
    assert_eq!(
        password.id.pin,
        Some(crate::domain::reference::Pin::Version("7".into()))
    );
    assert_eq!(password.canonical(), "vault:secret/databases/prod-postgres#password");
    let masked: Vec<&str> = explicit
        .fields
        .iter()
        .filter(|f| f.masked)
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(masked, ["PGPASSWORD"], "a user that a provider gives is no secret");

    let three_lines = role(&config, "prod-postgres");
    assert!(matches!(source(three_lines, "PGHOST"), Source::From { keys, required: true, .. } if keys[0] == "host"));
    assert!(matches!(
        source(three_lines, "PGPORT"),
        Source::From { required: false, .. }
    ));
    assert_eq!(
        three_lines
            .fields
            .iter()
            .find(|f| f.name == "PGPORT")
            .unwrap()
            .default
            .as_deref(),
        Some("5432")
    );

    let mongo = role(&config, "reports-mongo");
    let Source::Template { parts, .. } = source(mongo, "MONGODB_URI") else {
        panic!()
    };
    assert_eq!(parts.len(), 2);
    assert!(mongo.fields[0].masked, "no connector knows it and a provider gives it");
    let Source::Secret(key) = source(role(&config, "anything"), "API_KEY") else {
        panic!()
    };
    assert_eq!(
        (key.id.path.as_str(), key.key.as_deref()),
        ("APP_SECRETS", Some("api_key"))
    );
    assert_eq!(
        role(&config, "anything").command.as_deref(),
        Some(&["python3".to_owned(), "report.py".to_owned()][..])
    );
}

#[test]
fn the_longer_examples() {
    let config = right(include_str!("../../tests/fixtures/config/right/examples.toml"));
    assert_eq!(config.roles.len(), 10);
    assert!(
        role(&config, "prod-pg-rds-orders")
            .fields
            .iter()
            .any(|f| f.name == "PGPASSWORD" && f.masked)
    );
    let key = &role(&config, "bastion-eu").fields[1];
    assert_eq!((key.via, key.masked), (Via::Agent, true));
    assert!(config.connectors["ssh"].not_built.is_some());
    assert_eq!(role(&config, "stage-billing-ledger").env.as_deref(), Some("stage"));
    assert_eq!(
        role(&config, "prod-postgres-explicit").description.as_deref(),
        Some("Orders, primary")
    );
}

#[test]
fn two_places_of_one_name_are_both_shown() {
    let home = Home::new();
    home.file("roles.toml", "[roles.x]\ncommand = [\"true\"]\n");
    home.file(
        "roles.d/b.toml",
        "\n[roles.x]\ncommand = [\"false\"]\n[roles.y]\ncommand = [\"true\"]\n",
    );
    let config = home.load();
    let said = home.said(&config);
    assert!(
        said.contains("roles.d/b.toml:2:8") && said.contains("first declared at ~/.config/hallpass/roles.toml:1:8"),
        "{said}"
    );
    assert_eq!((config.roles.len(), config.broken.len()), (1, 1), "{said}");
}

#[test]
fn what_from_and_map_fill() {
    let config = right(
        r#"
        [roles.a]
        connector = "pg"
        from = "local:db/pg"
        map = { PGUSER = "login", PGAPPNAME = "app" }
        fields.PGHOST = "db1"
        [roles.b]
        from = "_envs/vault/secret/x"
        map = { API_KEY = "key" }
        command = ["curl"]
        "#,
    );
    let a = role(&config, "a");
    assert_eq!(a.connector.as_deref(), Some("postgres"));
    assert_eq!(source(a, "PGHOST"), &Source::Plain("db1".into()));
    assert!(matches!(source(a, "PGUSER"), Source::From { keys, required: true, .. } if keys == &["login"]));
    assert!(matches!(source(a, "PGAPPNAME"), Source::From { .. }));
    let b = role(&config, "b");
    assert_eq!(b.fields.len(), 1);
    assert!(b.fields[0].masked);
}

#[test]
fn templates_are_laid_under_roles() {
    let config = right(
        r#"
        [templates.base]
        connector = "postgres"
        env = "stage"
        tags = { team = "billing", tier = "1" }
        fields.PGHOST = "pg.stage"
        fields.PGUSER = "base"
        [templates.billing]
        extends = "base"
        fields.PGUSER = "billing"
        [roles.ledger]
        extends = "billing"
        tags = { tier = "2" }
        fields.PGDATABASE = "ledger"
        "#,
    );
    let ledger = role(&config, "ledger");
    assert_eq!(ledger.env.as_deref(), Some("stage"));
    assert_eq!(source(ledger, "PGUSER"), &Source::Plain("billing".into()));
    assert_eq!(source(ledger, "PGHOST"), &Source::Plain("pg.stage".into()));
    assert_eq!(ledger.tags["team"], "billing");
    assert_eq!(ledger.tags["tier"], "2");
}

#[test]
fn fields_as_tables() {
    let config = right(
        r#"
        [roles.x]
        command = ["sh", "-c", "echo {PLAIN} {} {\"json\":1}"]
        allow_dangerous_env = ["PAGER"]
        [roles.x.fields]
        PLAIN = { literal = "_vault:looks/like:one" }
        PAGER = "less"
        KEY = { secret = "sm:prod/tls#key", via = "file", stage = "AWSPREVIOUS", trim = true, optional = true }
        PORT = { secret = "_vaultkv1:kv/db:port", default = "5432" }
        TOKEN = { rds_iam = "app", host = "db.internal", port = 5432 }
        URI = { template = "x://{user}:{password:raw}@{host}", user = "me", password = { secret = "vault:a/b#c", version = 3 }, host = { literal = "h" } }
        "#
        .replace("sm:", "aws:")
        .as_str(),
    );
    let x = role(&config, "x");
    assert_eq!(source(x, "PLAIN"), &Source::Plain("_vault:looks/like:one".into()));
    let key = x.fields.iter().find(|f| f.name == "KEY").unwrap();
    assert_eq!(
        (key.via, key.trim, key.optional, key.masked),
        (Via::File, true, true, true)
    );
    let Source::Secret(port) = source(x, "PORT") else {
        panic!()
    };
    assert_eq!(port.id.kind, Kind::VaultKv1);
    let Source::RdsIam(token) = source(x, "TOKEN") else {
        panic!()
    };
    assert_eq!((token.user.as_str(), token.provider.as_str()), ("app", "aws"));
    assert_eq!(source(x, "URI").references().len(), 1);
}

#[test]
fn plain_text_in_a_secret_field_needs_both_words() {
    let base = "[roles.r]\nconnector = \"redis\"\nfields.REDIS_HOST = \"h\"\n";
    let literal = "fields.REDISCLI_AUTH = { literal = \"canary\" }\n";
    let config = right(&format!("{base}allow_plaintext = true\n{literal}"));
    assert!(
        role(&config, "r")
            .fields
            .iter()
            .any(|f| f.name == "REDISCLI_AUTH" && f.masked)
    );
    for wrong in [
        format!("{base}{literal}"),
        format!("{base}allow_plaintext = true\nfields.REDISCLI_AUTH = \"canary\"\n"),
        format!("{base}fields.REDISCLI_AUTH = {{ secret = \"local:a#b\", default = \"canary\" }}\n"),
        format!("{base}fields.REDISCLI_AUTH = {{ template = \"{{a}}\", a = \"canary\" }}\n"),
    ] {
        let said = said(&wrong);
        assert!(
            said.contains("E-CONFIG-PLAIN-SECRET") && !said.contains("canary"),
            "{said}"
        );
    }
}

#[test]
fn secrets_do_not_stand_in_arguments() {
    let fine = "[roles.r]\nconnector = \"redis\"\nfrom = \"vault:secret/r\"\n";
    right(fine);
    right("[roles.m]\nconnector = \"mysql\"\nfrom = \"vault:secret/m\"\n");
    for wrong in [
        "args = [\"-a\", \"{REDISCLI_AUTH}\"]",
        "args = [\"{REDIS_USER}\"]",
        "command = [\"redis-cli\", \"--pass={REDISCLI_AUTH}\"]",
    ] {
        let said = said(&format!("{fine}{wrong}\n"));
        assert!(said.contains("E-REF-IN-ARGUMENT"), "{said}");
    }
    assert!(said(&format!("{fine}args = [\"{{REDIS_HOTS}}\"]\n")).contains("did you mean: REDIS_HOST"));
}

#[test]
fn own_connectors_extend_ours() {
    let home = Home::new();
    home.file("connectors/cockroach.toml", "extends = \"postgres\"\ncommand = [\"cockroach\", \"sql\"]\n[fields.PGPORT]\nlabel = \"Port\"\ndefault = \"26257\"\n");
    home.file("roles.toml", "[connectors.postgres]\nextends = \"postgres\"\ncommand = [\"pgcli\"]\n[roles.c]\nconnector = \"cockroach\"\nfrom = \"vault:secret/c\"\n");
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    let cockroach = &config.connectors["cockroach"];
    assert_eq!(
        (cockroach.programs[0].as_str(), cockroach.words.as_slice()),
        ("cockroach", &["sql".to_owned()][..])
    );
    assert_eq!(cockroach.field("PGPORT").unwrap().default.as_deref(), Some("26257"));
    assert!(cockroach.field("PGPASSWORD").unwrap().secret);
    assert_eq!(config.connectors["postgres"].programs, ["pgcli"]);
    assert!(config.connectors["postgres"].words.is_empty());
}

#[test]
fn a_token_brings_what_its_client_needs() {
    let config = right(
        r#"
        [roles.pg]
        connector = "postgres"
        fields.PGHOST = "orders.abc123.eu-west-1.rds.amazonaws.com"
        fields.PGUSER = "app"
        fields.PGPASSWORD = "_aws_iam_rds:app"
        [roles.strict]
        connector = "postgres"
        from = "vault:secret/orders"
        fields.PGSSLMODE = "verify-full"
        fields.PGPASSWORD = { rds_iam = "app", provider = "aws", region = "eu-west-1", role_arn = "arn:aws:iam::123456789012:role/db", port = 6432 }
        [roles.my]
        connector = "mysql"
        fields.MYSQL_HOST = "orders.abc123.eu-west-1.rds.amazonaws.com"
        fields.MYSQL_USER = "app"
        fields.MYSQL_PWD = "_aws_iam_rds:app"
        [roles.password]
        connector = "mysql"
        fields.MYSQL_HOST = "h"
        fields.MYSQL_USER = "app"
        fields.MYSQL_PWD = "_vault:a/b:c"
        "#,
    );
    let plain = |role_name: &str, name: &str| match source(role(&config, role_name), name) {
        Source::Plain(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(plain("pg", "PGSSLMODE"), "require");
    assert_eq!(plain("strict", "PGSSLMODE"), "verify-full");
    assert_eq!(plain("my", "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN"), "1");
    let others = &role(&config, "password").fields;
    assert!(!others.iter().any(|field| field.name.starts_with("LIBMYSQL")));
    let Source::RdsIam(token) = source(role(&config, "strict"), "PGPASSWORD") else {
        panic!()
    };
    assert_eq!((token.provider.as_str(), token.port), ("aws", Some(6432)));
    assert_eq!(token.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/db"));
    let masked = |field: &str| {
        role(&config, "pg")
            .fields
            .iter()
            .find(|f| f.name == field)
            .map(|f| f.masked)
    };
    assert_eq!((masked("PGPASSWORD"), masked("PGSSLMODE")), (Some(true), Some(false)));
}
