//! What holds for all roles: layers of files, policies, providers, folders.

use super::*;

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
        include_str!("../../../tests/fixtures/config/right/settings.toml"),
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

    error[E-CONFIG-TYPE]: `keep` in environment "prod" takes a length of time of one second or more, a number and one of s, m, h, d, w, or "forever", and here is another text
      --> ~/.config/hallpass/config.toml:3:8
       |
     3 | keep = "0s"
       |        ^^^^
       = more: hallpass help E-CONFIG-TYPE
       = fix: write it like this: keep = "90d"

    error[E-CONFIG-UNKNOWN-KEY]: unknown key `max_duraton` in environment "prod"
      --> ~/.config/hallpass/config.toml:4:1
       |
     4 | max_duraton = …
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
