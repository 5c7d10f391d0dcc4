//! The command line as other programs use it: the JSON documents, the exit codes, what goes to which stream.

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::servers::servers;

const ROLES: &str = "\
[roles.orders]
resource = 'orders-db'
connector = 'postgres'
env = 'prod'
description = 'Orders, primary'
tags = { team = 'payments' }
[roles.orders.fields]
PGHOST = 'db1.internal'
PGUSER = '_envs/vault/secret/orders#username'
PGPASSWORD = { secret = 'vault:secret/orders#password', version = 7 }

[roles.later]
connector = 'shell'
env = 'dev'
fields.KEY = '_aws:later:key'

[roles.fine]
command = ['true']
env = 'dev'
fields.GREETING = 'hello'
fields.TOKEN = '_envs/HP_CLI_TOKEN'
";

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::with_vault();
    sandbox.set("HP_CLI_TOKEN", "a token of some length");
    sandbox.roles(ROLES);
    sandbox
}

#[track_caller]
fn json(sandbox: &Sandbox, args: &[&str], code: i32) -> Value {
    let outcome = sandbox.run(args).expect_code(code);
    let document: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{args:?}: no JSON:\n{}", outcome.stdout));
    assert_eq!(document["schema_version"], 1, "{args:?}");
    document
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[track_caller]
fn has_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no {key} in {value:#}");
    }
}

#[test]
fn list() {
    let sandbox = sandbox();
    let document = json(&sandbox, &["list", "--json"], 0);
    let orders = named(&document["roles"], "orders");
    has_keys(
        orders,
        &[
            "resource",
            "connector",
            "env",
            "description",
            "tags",
            "fields",
            "file",
            "line",
        ],
    );
    assert_eq!(orders["line"], 1);
    assert_eq!(orders["tags"]["team"], "payments");
    let password = named(&orders["fields"], "PGPASSWORD");
    assert_eq!(
        (&password["source"], &password["provider"], &password["key"]),
        (&"secret".into(), &"vault".into(), &"password".into())
    );
    assert_eq!((&password["secret"], &password["via"]), (&true.into(), &"env".into()));
    assert!(password["version"].to_string().contains('7'), "{password}");
    assert_eq!(named(&orders["fields"], "PGHOST")["source"], "plain");
    let plain = sandbox.run(&["list"]).expect_code(0).stdout;
    assert!(
        ["orders", "later", "fine"].iter().all(|name| plain.contains(name)),
        "{plain}"
    );
}

#[test]
fn a_template_names_all_of_its_secrets() {
    let sandbox = Sandbox::new();
    sandbox.roles(
        "[roles.r]\ncommand = ['true']\nfields.URL = { template = 'x://{u}:{p}@h', u = '_envs/U', p = '_local:r:p' }\n",
    );
    let url = &json(&sandbox, &["show", "r", "--json"], 0)["fields"][0];
    assert_eq!(
        (&url["source"], &url["reference"], &url["references"]),
        (
            &"template".into(),
            &"_envs/U".into(),
            &serde_json::json!(["_envs/U", "_local:r:p"])
        )
    );
}

#[test]
fn a_program_is_called_what_it_was_called_by() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles.r]\ncommand = ['true']\n");
    let shell = sandbox.run(&["exec", "r", "--", "sh", "-c", "echo $0"]).expect_code(0);
    assert_eq!(shell.stdout, "sh\n");
    sandbox.run(&["exec", "r", "--", ""]).expect_code(125);
}

/// A text that looks like the mark of a file stays the text that it is, in a value and in an argument.
#[test]
fn a_value_is_used_byte_for_byte_beside_a_file() {
    let mut sandbox = Sandbox::new();
    sandbox.set("HP_CLI_MARK", "{file:KEY}");
    sandbox.set("HP_CLI_KEY", "a key in a file");
    sandbox.roles(
        "[roles.r]\ncommand = ['true']\n[roles.r.fields]\nKEY = { secret = 'env:HP_CLI_KEY', via = 'file' }\nMARK = '_envs/HP_CLI_MARK'\n",
    );
    // In capitals, which are not masked.
    let script = "{ printenv MARK; echo $1; cat $KEY; echo; } | tr a-z A-Z";
    let shell = sandbox
        .run(&["exec", "r", "--", "sh", "-c", script, "sh", "{file:KEY}"])
        .expect_code(0);
    assert_eq!(shell.stdout, "{FILE:KEY}\n{FILE:KEY}\nA KEY IN A FILE\n");
}

/// Nothing is well where nothing could be read; what can be read is listed.
#[test]
fn a_configuration_that_cannot_be_read_is_told_by_code_and_document() {
    let sandbox = Sandbox::new();
    sandbox.roles("[roles\n");
    for args in [
        &["list", "--json"][..],
        &["list"],
        &["list", "env:prod"],
        &["check", "--json"],
        &["check"],
        &["provider", "list"],
        &["provider", "test"],
    ] {
        let outcome = sandbox.run(args).expect_code(3);
        let said = if args.contains(&"--json") {
            outcome.stdout
        } else {
            outcome.stderr
        };
        let told = [
            "E-CONFIG-SYNTAX",
            "config problem",
            "cannot be read",
            "can be read from the files",
        ];
        assert!(told.iter().any(|words| said.contains(words)), "{args:?}: {said}");
    }
    sandbox.roles("[roles.good]\ncommand = ['true']\n[roles.bad]\ncommand = ['true']\nenv = 'dev'\ncolour = 'red'\n");
    let document = json(&sandbox, &["list", "--json"], 0);
    assert_eq!(named(&document["roles"], "good")["name"], "good");
    assert_eq!(named(&document["broken"], "bad")["code"], "E-CONFIG-UNKNOWN-KEY");
    assert_eq!(document["problems"][0]["line"], 6);
    let table = sandbox.run(&["list"]).expect_code(0).stdout;
    assert!(table.contains("invalid: E-CONFIG-UNKNOWN-KEY"), "{table}");
    assert_eq!(
        json(&sandbox, &["check", "--json"], 1)["problems"][0]["code"],
        "E-CONFIG-UNKNOWN-KEY"
    );

    let nowhere = ["--config-dir", "/nonexistent/folder", "check", "--nagios"];
    let line = sandbox.run(&nowhere).expect_code(3).stdout;
    assert!(line.starts_with("HALLPASS UNKNOWN"), "{line}");
    let told = sandbox
        .run(&["--config-dir", "/nonexistent/folder", "config", "check"])
        .expect_code(3);
    assert!(told.stderr.contains("error[E-CONFIG-READ]"), "{}", told.stderr);
    let typo = sandbox.run(&["conect"]).expect_code(2).stderr;
    let at = |word: &str| typo.find(&format!("'{word}'")).unwrap_or(usize::MAX);
    assert!(at("connect") < at("check"), "{typo}");
}

#[test]
fn a_filter_finds_roles_that_cannot_be_opened() {
    let sandbox = Sandbox::new();
    sandbox.roles(
        "[roles.good]\ncommand = ['/bin/sh', '-l']\nenv = 'dev'\n[roles.bad]\nconnector = 'redis'\nenv = 'prod'\ncolour = 'red'\n",
    );
    for query in ["is:invalid", "bad", "env:prod", "type:redis"] {
        let document = json(&sandbox, &["list", query, "--json"], 0);
        assert_eq!(document["roles"], serde_json::json!([]), "{query}");
        assert_eq!(named(&document["broken"], "bad")["code"], "E-CONFIG-UNKNOWN-KEY");
        sandbox.run(&["list", query, "--format", "plain"]).expect_code(1);
    }
    let document = json(&sandbox, &["list", "type:sh", "--json"], 0);
    assert_eq!(document["roles"][0]["name"], "good");
    assert_eq!(document["broken"], serde_json::json!([]));
    let table = sandbox.run(&["list"]).expect_code(0).stdout;
    assert!(table.contains("good  sh "), "{table}");
    let none = sandbox.run(&["list", "type:mysql"]).expect_code(1).stderr;
    assert!(
        none.contains("there are redis, sh") && !none.contains("cause"),
        "{none}"
    );
}

#[test]
fn list_by_filter() {
    let document = json(&sandbox(), &["list", "env:prod", "--json"], 0);
    let names: Vec<&str> = document["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["orders"]);
    sandbox().run(&["list", "env:nowhere"]).expect_code(1);
    let no_field = sandbox().run(&["list", "nowhere:x"]).expect_code(2).stderr;
    assert!(no_field.contains("error[E-FILTER-FIELD]"), "{no_field}");
}

#[test]
fn show() {
    let sandbox = sandbox();
    let document = json(&sandbox, &["show", "orders", "--json"], 0);
    assert!(document.to_string().contains("secret/orders"), "{document:#}");
    let text = sandbox.run(&["show", "orders"]).expect_code(0).stdout;
    for part in ["PGPASSWORD", "vault", "secret/orders", "db1.internal", "psql"] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    let unknown = sandbox.run(&["show", "ordres"]).expect_code(4);
    assert!(
        unknown.stderr.contains("error[E-CONFIG-UNKNOWN-ROLE]") && unknown.stderr.contains("orders"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_profile_that_nothing_declares_is_why_a_role_is_not_found() {
    let said = sandbox()
        .run(&["--profile", "wrok", "exec", "orders", "--", "true"])
        .expect_code(125)
        .stderr;
    assert!(
        said.contains("E-CONFIG-UNKNOWN-ROLE") && said.contains("no configuration declares the profile `wrok`"),
        "{said}"
    );
}

#[test]
fn folders_are_told_whole() {
    let sandbox = sandbox();
    let paths = json(&sandbox, &["--config-dir", "mine", "paths", "--json"], 0);
    let whole = sandbox.home().join("mine").display().to_string();
    assert!(paths.to_string().contains(&format!("\"{whole}\"")), "{paths:#}");
}

#[test]
fn how_far_a_role_keeps_its_secrets_from_whoever_is_in_the_session() {
    let sandbox = sandbox();
    sandbox.roles(
        "[roles.lasting]\ncommand = ['true']\nenv = 'dev'\nfields.A = '_envs/A'\nfields.U = '_vaultdb:db/ro:username'\n\
         [roles.leased]\ncommand = ['true']\nenv = 'dev'\nfields.U = '_vaultdb:db/ro:username'\n\
         [roles.token]\nconnector = 'mysql'\nenv = 'dev'\nfields.MYSQL_HOST = 'db.eu-west-1.rds.amazonaws.com'\nfields.MYSQL_USER = 'app'\n\
         fields.MYSQL_PWD = '_aws_iam_rds:app'\n\
         [roles.open]\ncommand = ['true']\nenv = 'dev'\nfields.A = 'plain'\n",
    );
    for (role, exposure) in [
        ("lasting", "env"),
        ("leased", "token"),
        ("token", "token"),
        ("open", "none"),
    ] {
        assert_eq!(
            json(&sandbox, &["show", role, "--json"], 0)["exposure"],
            exposure,
            "{role}"
        );
    }
}

#[test]
fn check_goes_by_filter_words() {
    let sandbox = sandbox();
    sandbox.roles(
        "[roles.a]\ncommand = ['true']\nenv = 'dev'\n[roles.b]\ncommand = ['true']\nenv = 'stage'\n[roles.c]\ncommand = ['true']\nenv = 'stage'\n",
    );
    let checked = |words: &[&str]| {
        let document = json(&sandbox, &[&["check", "--json"], words].concat(), 0);
        let roles = document["roles"].as_array().unwrap().clone();
        roles
            .iter()
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(checked(&["env:stage"]), ["b", "c"]);
    assert_eq!(checked(&["env:stage", "!name:c"]), ["b"]);
    assert_eq!(checked(&["a", "env:stage"]), ["a", "b", "c"]);
    let none = sandbox.run(&["check", "env:stage", "name:a"]).expect_code(4).stderr;
    assert!(none.contains("no role matches `env:stage name:a`"), "{none}");
    sandbox.run(&["check", "env:nowhere"]).expect_code(1);
}

#[test]
fn check() {
    let sandbox = sandbox();
    let document = json(&sandbox, &["check", "--json"], 1);
    has_keys(&document["summary"], &["total", "ok", "warn", "fail"]);
    let vault = named(&document["providers"], "vault");
    has_keys(vault, &["kind", "endpoint", "state", "latency_ms"]);
    assert_eq!(
        (&vault["state"], &vault["endpoint"]),
        (&"ok".into(), &servers().vault_addr.as_str().into())
    );
    let fine = named(&document["roles"], "fine");
    assert_eq!(
        (&fine["state"], &named(&fine["fields"], "TOKEN")["state"]),
        (&"ok".into(), &"ok".into())
    );
    assert_eq!(named(&document["roles"], "orders")["state"], "fail");
    json(&sandbox, &["check", "fine", "--json"], 0);
    let text = sandbox.run(&["check"]).expect_code(1).stdout;
    // Other tests may have written the secret, though never seven times.
    let absent = ["E-VAULT-404", "E-VAULT-NO-VERSION"];
    assert!(
        text.contains("orders") && absent.iter().any(|code| text.contains(code)),
        "{text}"
    );
}

#[test]
fn providers_and_paths() {
    let sandbox = sandbox();
    let document = json(&sandbox, &["providers", "--json"], 0);
    has_keys(named(&document["providers"], "vault"), &["kind", "endpoint", "state"]);
    let document = json(&sandbox, &["paths", "--json"], 0);
    has_keys(&document, &["cache", "runtime", "store", "store_key", "files"]);
    for folder in ["config", "data", "state", "state/recordings"] {
        let expected = sandbox.home().join(folder).display().to_string();
        assert!(
            document.to_string().contains(&expected),
            "no {expected} in {document:#}"
        );
    }
}

#[test]
fn secrets_of_the_local_store() {
    let sandbox = sandbox();
    let set = sandbox
        .run_with_input(&["secret", "set", "db/pg#password", "--json"], b"correct horse")
        .expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&set.stdout).unwrap()["schema_version"], 1);
    sandbox
        .run_with_input(&["secret", "set", "db/pg#user"], b"somebody")
        .expect_code(0);
    let listed = json(&sandbox, &["secret", "list", "--json"], 0).to_string();
    assert!(
        listed.contains("password") && listed.contains("user") && !listed.contains("correct horse"),
        "{listed}"
    );
    sandbox.roles(
        "[roles.kept]\ncommand = ['true']\nfields.P = '_local:db/pg:password'\nfields.U = '_envs/local/db/pg#user'\n",
    );
    let lengths = sandbox
        .run(&["exec", "kept", "--", "sh", "-c", "echo ${#P} ${#U}"])
        .expect_code(0);
    assert_eq!(lengths.stdout, "13 8\n");
    sandbox.run(&["secret", "rm", "db/pg#user"]).expect_code(0);
    let gone = sandbox.run(&["exec", "kept", "--", "true"]).expect_code(125).stderr;
    assert!(gone.contains("E-REF-KEY-MISSING"), "{gone}");
    sandbox.run(&["secret", "rm", "no/such#key"]).expect_code(1);
}

#[test]
fn wrong_use_is_two_and_broken_files_are_three() {
    let sandbox = sandbox();
    sandbox.run(&["no-such-command"]).expect_code(2);
    sandbox.run(&["list", "--no-such-flag"]).expect_code(2);
    let near = sandbox.run(&["conect"]).expect_code(2).stderr;
    assert!(
        near.starts_with("error[E-USAGE]: ") && near.contains("connect"),
        "{near}"
    );
    let no_role = sandbox.run(&["connect"]).expect_code(125).stderr;
    assert!(no_role.starts_with("error[E-USAGE]: "), "{no_role}");
    let nothing = sandbox.run(&["list", "zzzz"]).expect_code(1);
    assert!(
        nothing.stdout.is_empty() && nothing.stderr.contains("no role matches"),
        "{}",
        nothing.stderr
    );
    sandbox.config("[providres.vault]\nkind = 'vault'\n");
    let broken = sandbox.run(&["config", "check"]).expect_code(3);
    let said = format!("{}{}", broken.stdout, broken.stderr);
    assert!(
        said.contains("E-CONFIG-UNKNOWN-KEY") && said.contains("config.toml:1:2") && said.contains("providers"),
        "{said}"
    );
    // One broken file does not take the others down.
    sandbox.run(&["exec", "fine", "--", "true"]).expect_code(0);
}

/// A folder's name is bytes: no document fails for those that are no text.
#[test]
fn every_document_is_made_of_folders_whose_names_are_no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::new();
    let at = |name: &str| {
        let name = [name.as_bytes(), b"-caf\xe9"].concat();
        sandbox.home().join(std::ffi::OsStr::from_bytes(&name))
    };
    std::fs::create_dir(at("config")).unwrap();
    let roles = "[roles.good]\ncommand = ['true']\n[roles.bad]\nconnector = 'redis'\ncolour = 'red'\n";
    std::fs::write(at("config").join("roles.toml"), roles).unwrap();
    sandbox.write(
        "one.cast",
        "{\"version\":2,\"width\":80,\"height\":24}\n[0.1,\"o\",\"x\"]\n",
    );
    for words in [
        "paths",
        "list",
        "show good",
        "check",
        "check good",
        "config check",
        "doctor --offline",
        "provider list",
        "provider test",
        "secret set db/pg#password",
        "secret list",
        "secret rm db/pg#password",
        "recordings list",
        "recordings prune",
        "recordings export one.cast -o",
        "version",
    ] {
        let mut command = sandbox.command(&words.split(' ').collect::<Vec<_>>());
        if words.ends_with("-o") {
            command.arg(at("out"));
        }
        for (variable, folder) in [
            ("HALLPASS_CONFIG_DIR", "config"),
            ("HALLPASS_DATA_DIR", "data"),
            ("HALLPASS_STATE_DIR", "state"),
            ("HOME", "home"),
        ] {
            command.env(variable, at(folder));
        }
        let outcome = crate::sandbox::finish(
            {
                command.arg("--json");
                command
            },
            b"some value",
        );
        let document: Value = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|_| panic!("{words}: {}\n{}", outcome.code, outcome.stderr));
        assert_eq!(document["schema_version"], 1, "{words}");
    }
}

#[test]
fn what_standard_output_does_not_take_is_told() {
    let sandbox = sandbox();
    sandbox.write(
        "one.cast",
        "{\"version\":2,\"width\":80,\"height\":24}\n[0.1,\"o\",\"x\"]\n",
    );
    let into = |words: &str, out: std::process::Stdio| {
        let mut command = sandbox.command(&words.split(' ').collect::<Vec<_>>());
        let output = command.stdin(std::process::Stdio::null()).stdout(out).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for words in [
        "list --json",
        "help codes",
        "--help",
        "version",
        "replay one.cast --text",
        "recordings export one.cast",
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = into(words, full.into());
        assert!(
            code == Some(1) && said.contains("error[E-IO]: standard output"),
            "{words}: {said}"
        );
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(into(words, closed.into()), (Some(0), String::new()), "{words}");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let mut sandbox = sandbox();
    for variable in ["HALLPASS_PROFILE", "HALLPASS_PREFIX", "HALLPASS_FORMAT"] {
        sandbox.set(variable, "");
    }
    sandbox.run(&["list"]).expect_code(0);
    sandbox.set("HALLPASS_PREFIX", "a");
    let said = sandbox.run(&["list"]).expect_code(2).stderr;
    assert!(said.contains("HALLPASS_PREFIX") && !said.contains("--prefix"), "{said}");
    let said = sandbox.run(&["--prefix", "b", "list"]).expect_code(2).stderr;
    assert!(!said.contains("HALLPASS_PREFIX") && said.contains("--prefix"), "{said}");
}

/// What is to be typed now can be typed.
#[test]
fn fixes_name_what_they_are_about() {
    let sandbox = sandbox();
    sandbox.roles("[roles.kept]\ncommand = ['true']\nfields.P = '_local:db/pg:password'\n");
    let login = sandbox.run(&["provider", "login", "env"]).expect_code(1).stderr;
    assert!(login.contains("fix: hallpass provider test env"), "{login}");
    let replay = sandbox.run(&["replay", "/etc/passwd"]).expect_code(1).stderr;
    assert!(replay.contains("fix: head -c 200 /etc/passwd"), "{replay}");
    for args in [
        ["secret", "list", "--provider", "vualt"],
        ["provider", "test", "--json", "vualt"],
    ] {
        let unknown = sandbox.run(&args).expect_code(4).stderr;
        assert!(
            unknown.contains("E-PROVIDER-UNKNOWN") && unknown.contains("did you mean: vault"),
            "{unknown}"
        );
    }
    let missing = json(&sandbox, &["check", "kept", "--json"], 1);
    assert_eq!(
        missing["roles"][0]["fields"][0]["fix"],
        "hallpass secret set db/pg#password   (asks for the value)"
    );
    let empty = sandbox.run(&["secret", "set", "db/pg#password"]).expect_code(2).stderr;
    assert!(
        empty.contains("secret set db/pg#password") && !empty.contains("cause"),
        "{empty}"
    );
    sandbox.config("[providers.one]\nkind = 'vault'\naddress = 'x'\n[providers.two]\nkind = 'vault'\naddress = 'x'\n");
    let listed = sandbox.run(&["provider", "list"]).expect_code(1).stderr;
    assert!(listed.contains("]: one: ") && listed.contains("]: two: "), "{listed}");
    let profile = sandbox
        .run(&["--profile", "wrok", "config", "check"])
        .expect_code(3)
        .stderr;
    assert!(profile.contains("`wrok`"), "{profile}");
}

#[test]
fn unknown_roles() {
    let unknown = sandbox().run(&["exec", "fien", "--", "true"]);
    assert!([4, 125].contains(&unknown.code), "{}", unknown.code);
    assert!(unknown.stderr.contains("fine"), "the nearest name:\n{}", unknown.stderr);
}

#[test]
fn version_and_help() {
    let sandbox = sandbox();
    assert!(
        sandbox
            .run(&["--version"])
            .expect_code(0)
            .stdout
            .contains(env!("CARGO_PKG_VERSION"))
    );
    let help = sandbox.run(&["--help"]).expect_code(0).stdout;
    for command in [
        "connect",
        "exec",
        "list",
        "show",
        "check",
        "providers",
        "paths",
        "secret",
        "demo",
    ] {
        assert!(help.contains(command), "no {command} in:\n{help}");
    }
}

/// `hallpass` without a terminal says how it is used.
#[test]
fn without_a_terminal() {
    let outcome = sandbox().run(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
}

#[test]
fn demo() {
    let sandbox = Sandbox::new();
    let shown = sandbox
        .run(&[
            "demo",
            "exec",
            "demo-shell",
            "--",
            "sh",
            "-c",
            "echo \"<$DEMO_PASSWORD>\" ${#DEMO_PASSWORD}",
        ])
        .expect_code(0);
    let (mask, length) = shown.stdout.trim().rsplit_once(' ').unwrap();
    assert!(length.parse::<usize>().unwrap() >= 8, "{}", shown.stdout);
    assert!(
        !mask.chars().any(char::is_alphanumeric) && mask.len() > 2,
        "not a mask: {mask}"
    );
    let roles = json(&sandbox, &["demo", "list", "--json"], 0);
    named(&roles["roles"], "demo-shell");
    json(&sandbox, &["demo", "check", "--json"], 0);
    // The home is thrown away, and the person's own folders stay as they were.
    for folder in ["config", "data", "state"] {
        assert_eq!(
            std::fs::read_dir(sandbox.home().join(folder)).unwrap().count(),
            0,
            "{folder} was written to"
        );
    }
}

/// The demo's own promise, as the README gives it: the list, filter, Enter, the shell, the mask, the menu.
#[test]
fn demo_in_a_terminal() {
    let sandbox = Sandbox::new();
    let terminal = crate::tmux::Tmux::hallpass(&sandbox, (100, 30), &["demo"]);
    crate::databases::open_role(&terminal, "demo-shell");
    terminal.wait_until("a prompt", |screen| {
        screen.lines().any(|line| line.contains("$ ") || line.contains("# "))
    });
    terminal.line("echo \"<$DEMO_PASSWORD>\" $((6 * 7))");
    let screen = terminal.wait("> 42");
    let line = screen.lines().find(|line| line.contains("> 42")).unwrap();
    let between = line.split_once('<').unwrap().1.split_once('>').unwrap().0;
    assert!(
        !between.is_empty() && !between.chars().any(char::is_alphanumeric),
        "not a mask: {line}"
    );
    terminal.keys(&["C-\\"]);
    terminal.wait_until("the menu", |screen| screen.contains("Esc"));
}
