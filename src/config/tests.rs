//! Whole configurations: what they load to, and what is said about wrong ones (`tests/fixtures/config`, message beside each file).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;

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
fn files_are_laid_over_each_other() {
    let home = Home::new();
    fs::write(
        home.path("system/config.toml"),
        "[environments.prod]\nlabel = \"LIVE\"\ncolor = \"red\"\n[ui]\ntheme = \"dark\"\n",
    )
    .unwrap();
    fs::write(
        home.path("system/roles.toml"),
        "[roles.shared]\ncommand = [\"true\"]\n[roles.mine]\ncommand = [\"false\"]\n",
    )
    .unwrap();
    home.file("config.toml", "include = [\"extra/*.toml\", \"one.toml\"]\n[environments.prod]\ncolor = \"magenta\"\n[profiles.home]\ninclude = [\"one.toml\"]\n");
    home.file(
        "roles.d/b.toml",
        "[roles.mine]\noverride = true\ncommand = [\"true\"]\n",
    );
    home.file("one.toml", "[roles.one]\ncommand = [\"true\"]\n");
    fs::create_dir(home.path("config/extra")).unwrap();
    home.mode("config/extra", 0o755);
    home.file("extra/x.toml", "[roles.x]\ncommand = [\"true\"]\n");
    home.file("extra/.x.toml.swp", "not toml");
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    let mut names: Vec<&str> = config.roles.iter().map(|role| role.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["mine", "one", "shared", "x"]);
    assert_eq!(role(&config, "mine").command.as_deref(), Some(&["true".to_owned()][..]));
    let prod = &config.environments["prod"];
    assert_eq!(
        (prod.label.as_deref(), prod.color.as_deref()),
        (Some("LIVE"), Some("magenta"))
    );

    let profile = |name: &str| {
        load(&LoadOptions {
            profile: Some(name.to_owned()),
            ..home.options()
        })
    };
    let names: Vec<String> = profile("home").roles.into_iter().map(|role| role.name).collect();
    assert_eq!(names, ["one"]);
    assert!(home.said(&profile("hom")).contains("did you mean: home"));
}

#[test]
fn the_settings_example_loads_and_says_what_is_not_in_force() {
    let home = Home::new();
    home.file(
        "config.toml",
        include_str!("../../tests/fixtures/config/right/settings.toml"),
    );
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    assert_eq!(config.session.prefix, "ctrl-\\");
    assert_eq!(config.providers["aws-sm"].settings.len(), 2);
    assert_eq!(
        config
            .names
            .kind_of("aws-sm")
            .map(crate::domain::reference::ProviderKind::word),
        Some("aws")
    );
    let keys: Vec<&str> = config.not_in_force.iter().map(|key| key.key.as_str()).collect();
    assert!(
        keys.contains(&"environments.prod.confirm") && !keys.contains(&"defaults.record"),
        "{keys:?}"
    );
    assert!(!keys.contains(&"environments.prod.color"));
}

#[test]
fn the_policy_of_a_role_is_its_own_then_its_environments_then_the_defaults() {
    let home = Home::new();
    home.file(
        "config.toml",
        "[defaults]\nidle_timeout = \"15m\"\nkeep = \"forever\"\n\
         [environments.prod]\nrecord = \"required\"\nmax_duration = \"4h\"\n[environments.dev]\nrecord = false\n",
    );
    home.file(
        "roles.toml",
        "[templates.t]\ncommand = [\"sh\"]\nenv = \"prod\"\nkeep = \"30d\"\n[roles.a]\nextends = \"t\"\n\
         [roles.b]\nextends = \"t\"\nrecord = true\nrecord_input = true\nidle_timeout = \"none\"\nmax_duration = \"90m\"\n\
         [roles.c]\ncommand = [\"sh\"]\nenv = \"dev\"\n[roles.d]\ncommand = [\"sh\"]\nenv = \"stage\"\n",
    );
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    let words = |name| {
        let policy = &role(&config, name).policy;
        format!(
            "{}; {}",
            policy.record_words(),
            policy.limit_words().unwrap_or_default()
        )
    };
    assert_eq!(
        words("a"),
        "required, kept 30d; ends after 15m without a key, after 4h in any case"
    );
    assert_eq!(
        words("b"),
        "on, with what is typed, kept 30d; ends after 90m in any case"
    );
    assert_eq!(words("c"), "off; ends after 15m without a key");
    assert_eq!(words("d"), "on, kept for ever; ends after 15m without a key");
}

#[test]
fn a_role_whose_policy_cannot_be_read_is_not_opened() {
    let home = Home::new();
    home.file(
        "config.toml",
        "[environments.prod]\nrecord = \"requierd\"\nkeep = \"0s\"\nmax_duraton = \"4h\"\n[environments.dev]\n",
    );
    home.file(
        "roles.toml",
        "[roles.a]\ncommand = [\"sh\"]\nenv = \"prod\"\n[roles.b]\ncommand = [\"sh\"]\nenv = \"dev\"\n",
    );
    let said = home.said(&home.load());
    insta::assert_snapshot!(said, @r#"
    error[E-CONFIG-TYPE]: `record` in environment "prod" takes true, false or "required", and here is another text
      --> ~/.config/hallpass/config.toml:2:10
       |
     2 | record = "requierd"
       |          ^^^^^^^^^^
       = more: hallpass help E-CONFIG-TYPE
       = fix: write it like this: record = true

    error[E-CONFIG-TYPE]: `keep` in environment "prod" takes a length of time, a number and one of s, m, h, d, w, or "forever", and here is another text
      --> ~/.config/hallpass/config.toml:3:8
       |
     3 | keep = "0s"
       |        ^^^^
       = more: hallpass help E-CONFIG-TYPE
       = fix: write it like this: keep = "90d"

    error[E-CONFIG-UNKNOWN-KEY]: unknown key `max_duraton` in environment "prod"
      --> ~/.config/hallpass/config.toml:4:1
       |
     4 | max_duraton = "4h"
       | ^^^^^^^^^^^ did you mean `max_duration`?
       = more: hallpass help E-CONFIG-UNKNOWN-KEY
       = fix: correct or remove the key, then: hallpass config check

    broken: a (Some("prod"), None) by E-CONFIG-TYPE
    roles: b
    "#);
}

/// What could have said that every role must be recorded, and cannot be read, opens none.
#[test]
fn settings_that_cannot_be_read_open_no_role_if_they_may_hold_policies() {
    let home = Home::new();
    home.file("roles.toml", "[roles.a]\ncommand = [\"sh\"]\n");
    let opened = |settings: &str| {
        home.file("config.toml", settings);
        let config = home.load();
        (config.roles.len(), config.broken.len(), config.problems.len())
    };
    assert_eq!(opened("[defaults]\nrecord = \"required\"\n"), (1, 0, 0));
    assert_eq!(opened("[defaults]\nrecord = required\n"), (0, 1, 1));
    assert_eq!(opened("[environments.prod]\nrecord = true\n[ui\n"), (0, 1, 1));
    assert_eq!(opened("[ui]\nmouse = treu\n"), (1, 0, 1));
    assert_eq!(opened("[default]\nrecord = \"required\"\n"), (0, 1, 1));
    assert_eq!(opened("[sesion]\nprefix = \"ctrl-a\"\n"), (1, 0, 1));
    home.file("config.toml", "[ui]\n");
    home.mode("config/config.toml", 0o666);
    let config = home.load();
    assert_eq!(
        (config.roles.len(), config.broken.len(), config.problems.len()),
        (0, 1, 1)
    );
}

/// Without the setting that is wrong a token could go to another server, or a secret come from one.
#[test]
fn a_provider_with_a_wrong_table_opens_no_role() {
    let home = Home::new();
    home.file(
        "roles.toml",
        "[roles.v]\ncommand = [\"sh\"]\nfields.A = \"_envs/vault/secret/db#pass\"\n\
         [roles.w]\ncommand = [\"sh\"]\nfields.A = { secret = \"w:secret/db#pass\" }\n\
         [roles.e]\ncommand = [\"sh\"]\nfields.A = \"_envs/HOME\"\n",
    );
    let roles = |settings: &str| {
        home.file("config.toml", settings);
        let config = home.load();
        let names: Vec<&str> = config.roles.iter().map(|role| role.name.as_str()).collect();
        for broken in &config.broken {
            let provider = if broken.name == "v" { "vault" } else { "w" };
            let problem = config.providers[provider].broken.as_ref();
            assert_eq!(problem, Some(&config.problems[broken.problem]), "{settings}");
        }
        names.join(" ")
    };
    let w = "[providers.w]\nkind = 'vault'\n";
    assert_eq!(roles(&format!("[providers.vault]\ntimeout = '5s'\n{w}")), "v w e");
    for wrong in [
        "namespce = 'team'",
        "timeout = 5",
        "kind = 'vaultt'",
        "kind = 'aws'",
        "kind = 7",
        "mounts = { secret = '1' }",
        "auth = { methd = 'approle' }",
        "auth = { role_id = 'a', secret_id = 'b' }",
        "token = { secret = 'valt:x/y#z' }",
        "token = { secret = 'vaultdb:database/readonly#password' }",
        "token = '_envs/MYTOK'",
        "token = 'env:MYTOK'",
        "auth = { method = 'approle', role_id = 'a', secret_id = 'env:ID' }",
        "token = { secret = 'vault:x/y#z' }",
    ] {
        assert_eq!(roles(&format!("{w}[providers.vault]\n{wrong}\n")), "w e", "{wrong}");
        // Who logs in by it cannot do so either.
        let by = format!("{w}token = {{ secret = 'vault:x/y#z' }}\n[providers.vault]\n{wrong}\n");
        assert_eq!(roles(&by), "e", "{wrong}");
    }
    assert_eq!(roles("[providers.w]\nkind = 'vaultt'\n"), "v e");
    assert_eq!(roles("[providers.w]\naddress = 'https://vault.corp'\n"), "v e");
    // Where nobody knows which provider is meant, it may be any.
    for wrong in [
        "[providers.vault\n",
        "[provider.vault]\n",
        "[providers.vault]\naddress = 'a'\naddress = 'b'\n",
    ] {
        assert_eq!(roles(&format!("{w}{wrong}")), "e", "{wrong}");
    }
}

#[test]
fn only_what_has_versions_and_stages_can_be_pinned() {
    let home = Home::new();
    for (field, fits) in [
        ("secret = 'vault:secret/db#pass', version = 7", true),
        ("secret = 'vault:secret/db#pass', version = 'abc'", false),
        ("secret = 'vault:secret/db#pass', stage = 'AWSPREVIOUS'", false),
        ("secret = 'aws:db#pass', stage = 'AWSPREVIOUS'", true),
        ("secret = 'aws:db#pass', version = 'abc'", true),
        ("secret = 'env:NAME', version = 7", false),
        ("secret = 'envjson:NAME#key', stage = 'AWSPREVIOUS'", false),
        ("literal = 'text', version = 7", false),
    ] {
        home.file(
            "roles.toml",
            format!("[roles.a]\ncommand = ['sh']\nfields.A = {{ {field} }}\n"),
        );
        let config = home.load();
        assert_eq!(config.roles.len(), usize::from(fits), "{field}: {}", home.said(&config));
    }
}

#[test]
fn a_provider_without_tls_at_another_machine_is_a_warning() {
    let home = Home::new();
    home.file(
        "config.toml",
        "[providers.far]\nkind = 'vault'\naddress = 'http://vault.corp:8200'\n\
         [providers.near]\nkind = 'vault'\naddress = 'http://127.0.0.1:8200'\n\
         [providers.aws]\nendpoint = 'http://10.0.0.7:4566'\n",
    );
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
    let said = config.warnings.join("\n");
    assert_eq!(config.warnings.len(), 2, "{said}");
    assert!(
        said.contains("config.toml:3:") && said.contains("\"far\"") && said.contains("\"aws\""),
        "{said}"
    );
}

#[test]
fn a_time_limit_that_no_provider_takes_is_refused() {
    for limit in ["99h", "11m", "0s", "soon"] {
        let home = Home::new();
        home.file("config.toml", format!("[providers.vault]\ntimeout = '{limit}'\n"));
        let config = home.load();
        let said = home.said(&config);
        assert!(
            said.contains("10 minutes at most") && said.contains("timeout = \"5s\""),
            "{limit}: {said}"
        );
    }
    let home = Home::new();
    home.file("config.toml", "[providers.vault]\ntimeout = '10m'\n");
    assert!(home.load().problems.is_empty());
}

#[test]
fn a_slip_in_the_name_of_a_connectors_field_is_remarked_upon_whatever_its_value() {
    let base = "[roles.r]\nconnector = \"postgres\"\nfields.PGHOST = \"h\"\nfields.PGUSER = \"u\"\n";
    let said = said(&format!(
        "{base}fields.PGPASSWD = \"_envs/S\"\nfrom = \"envjson:S\"\nmap = {{ PGDATABASES = \"db\" }}\n"
    ));
    for meant in ["PGPASSWORD?", "PGDATABASE?"] {
        assert!(said.contains(meant), "{said}");
    }
}

#[test]
fn a_folder_that_was_named_must_be_there() {
    let home = Home::new();
    let mut options = home.options();
    options.flags.config = Some(home.path("nope"));
    let config = load(&options);
    let said = home.said(&config);
    assert!(
        said.contains("E-CONFIG-READ") && said.contains("--config-dir"),
        "{said}"
    );

    options.flags.config = None;
    assert!(load(&options).problems.is_empty(), "the usual one may be missing");
    home.file("file", "");
    let file = home.path("config/file").into_os_string();
    options.env.insert("HALLPASS_CONFIG_DIR".to_owned(), file);
    let said = home.said(&load(&options));
    assert!(
        said.contains("is not a folder") && said.contains("HALLPASS_CONFIG_DIR"),
        "{said}"
    );
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
fn a_broken_file_does_not_take_the_others_down() {
    let home = Home::new();
    home.file("roles.toml", "[roles.good]\ncommand = [\"true\"]\n");
    home.file(
        "roles.d/a.toml",
        "[roles.half]\nenv = \"prod\"\nconnector = \"postgres\"\nPGPASSWORD = canary-1\n[roles.other]\n",
    );
    home.file(
        "roles.d/b.toml",
        "[roles.twice]\ncommand = [\"true\"]\n[roles.fine]\ncommand = [\"true\"]\n[roles.twice]\n",
    );
    let config = home.load();
    let said = home.said(&config);
    assert!(!said.contains("canary"), "{said}");
    let mut names: Vec<&str> = config.roles.iter().map(|role| role.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["fine", "good"], "{said}");
    let mut broken: Vec<&str> = config.broken.iter().map(|role| role.name.as_str()).collect();
    broken.sort_unstable();
    assert_eq!(broken, ["half", "other", "twice"], "{said}");
    assert_eq!(
        config
            .broken
            .iter()
            .find(|role| role.name == "half")
            .unwrap()
            .env
            .as_deref(),
        Some("prod")
    );
}

#[test]
fn files_that_others_can_change_are_not_read() {
    let home = Home::new();
    home.file("roles.toml", "[roles.a]\ncommand = [\"true\"]\n");
    home.mode("config/roles.toml", 0o666);
    home.file("roles.d/b.toml", "[roles.b]\ncommand = [\"true\"]\n");
    home.mode("config/roles.d", 0o777);
    home.file("config.toml", "");
    let config = home.load();
    let text = home.said(&config);
    assert!(config.roles.is_empty(), "{text}");
    assert!(text.contains("fix: chmod go-w ~/.config/hallpass/roles.toml"), "{text}");
    assert!(text.contains("fix: chmod go-w ~/.config/hallpass/roles.d"), "{text}");
    home.mode("config/roles.d", 0o1777);
    home.mode("config/roles.toml", 0o644);
    assert_eq!(home.load().roles.len(), 2);
    home.mode("config", 0o770);
    assert!(home.load().roles.is_empty());
    home.mode("config", 0o700);
}

#[test]
fn hostile_files_are_refused() {
    let home = Home::new();
    home.file("roles.d/big.toml", vec![b'#'; 1024 * 1024 + 1]);
    home.file("roles.d/binary.toml", [0xff, 0xfe, 0, 1]);
    home.file("roles.d/nul.toml", "[roles.a]\nenv = \"a\0b\"\n");
    home.file("roles.d/arrays.toml", format!("x = {}", "[".repeat(100_000)));
    home.file("roles.d/tables.toml", format!("x = {}", "{a=".repeat(100_000)));
    home.file("roles.d/keys.toml", format!("{}x = 1", "a.".repeat(100_000)));
    home.file("roles.d/headers.toml", "[roles.a]\n".repeat(50_000));
    home.file(
        "roles.d/escape.toml",
        "[roles.\"\\u001b[31m\\u202e\"]\n[roles.\"../../etc/x\"]\n[roles.\"-x\"]\n",
    );
    home.file("roles.d/long.toml", format!("[roles.{}]\n", "x".repeat(5000)));
    std::os::unix::fs::symlink("/dev/zero", home.path("config/roles.d/zero.toml")).unwrap();
    std::os::unix::fs::symlink("/nowhere", home.path("config/roles.d/link.toml")).unwrap();
    let config = home.load();
    let said = home.said(&config);
    assert!(config.roles.is_empty());
    for file in [
        "big", "binary", "nul", "arrays", "tables", "keys", "headers", "zero", "link", "long",
    ] {
        assert!(
            said.contains(&format!("{file}.toml")),
            "{file}: {}",
            &said[..said.len().min(4000)]
        );
    }
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'));
    assert!(!said.contains('\u{202e}'));
}

#[test]
fn five_thousand_roles_load_in_linear_time() {
    let text = |count: usize| -> String {
        (0..count)
            .map(|i| format!("[roles.role-{i}]\nconnector = \"postgres\"\nenv = \"dev\"\nfrom = \"vault:secret/databases/db{i}\"\n[roles.role-{i}.fields]\nPGHOST = \"h{i}\"\nPGDATABASE = \"d\"\n"))
            .collect()
    };
    let time = |count: usize| {
        let home = Home::new();
        home.file("roles.toml", text(count));
        let begun = Instant::now();
        let config = home.load();
        assert_eq!(config.roles.len(), count, "{}", home.said(&config));
        begun.elapsed()
    };
    let small = time(500).max(Duration::from_millis(5));
    let large = time(5000);
    assert!(large < small * 40, "{small:?} for 500, {large:?} for 5000");
}

/// One slip of the finger anywhere in a file, and still nothing that is said about it holds a secret.
#[test]
fn no_slip_makes_a_message_show_a_secret() {
    let text = "[roles.a]\nconnector = \"redis\"\nallow_plaintext = true\n# nothing here\nfields.REDISCLI_AUTH = { literal = \"canary\" }\n# nor here\n[roles.b.fields]\nPGPASSWORD = \"canary\"\n";
    let home = Home::new();
    let first = text.find("fields.").unwrap();
    for at in first..text.len() {
        for with in ["", "\"", "\n", "="] {
            let end = if with.is_empty() { at + 1 } else { at };
            let mut changed = text.to_owned();
            changed.replace_range(at..end, with);
            home.file("roles.toml", &changed);
            let said = home.said(&home.load());
            assert!(!said.contains("canary"), "{changed}\n---\n{said}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_a_right_file_makes_it_panic(cuts in proptest::collection::vec((0usize..4000, 0usize..30, "[\\[\\]{}=\"'.#\\n a-zA-Z_:\u{e4}]{0,6}"), 1..6)) {
        let mut text = include_str!("../../tests/fixtures/config/right/contract.toml").to_owned();
        for (at, length, with) in cuts {
            let begin = text.floor_char_boundary(at % (text.len() + 1));
            let end = text.floor_char_boundary((begin + length).min(text.len()));
            text.replace_range(begin..end.max(begin), &with);
        }
        let home = Home::new();
        home.file("roles.toml", &text).file("config.toml", &text);
        let begun = Instant::now();
        let config = home.load();
        let _ = home.said(&config);
        prop_assert!(begun.elapsed() < Duration::from_secs(1));
    }
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
