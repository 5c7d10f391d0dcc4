//! Files that are broken, hostile, or huge.

use proptest::prelude::*;

use super::*;

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
    assert_eq!(text.matches("fix:").count(), 2, "{text}");
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

#[test]
fn the_value_of_a_key_that_is_not_known_is_never_shown() {
    for (file, text, shown) in [
        (
            "config.toml",
            "[providers.v]\nkind = \"vault\"\ntokn = \"canary\"\n",
            "3 | tokn = …\n   | ^^^^ did you mean `token`?",
        ),
        (
            "config.toml",
            "[providers]\nv = { kind = \"vault\", kv = 7, tokn = \"canary\", address = \"https://v\" }\n",
            "2 | v = { kind = \"vault\", kv = 7, tokn = …\n   |                            ^\n",
        ),
        (
            "config.toml",
            "[providers]\nv = { adress = \"https://v\", client_secrt = [\"canary\"] }\n",
            "2 | v = { adress = …\n   | ^\n",
        ),
        ("config.toml", "[providers]\nv = \"canary\"\n", "2 | v = …\n   | ^\n"),
        (
            "config.toml",
            "[providers]\n\"a b\" = { kind = \"vault\", tokn = \"canary\" }\n",
            "2 | \"a b\" = { kind = …\n   | ^^^^^",
        ),
        (
            "roles.toml",
            "[roles.r]\npasword = \"canary\"\n",
            "2 | pasword = …\n   | ^^^^^^^",
        ),
        (
            "roles.toml",
            "[roles]\nr = { url = { x = [4, \"canary\"] } }\n",
            "2 | r = { url = { x = […\n   |       ^^^",
        ),
        (
            "roles.toml",
            "providers.v.description = \"canary\"\n",
            "1 | providers.v.description = …\n   | ^^^^^^^^^",
        ),
    ] {
        let home = Home::new();
        home.file(file, text);
        let said = home.said(&home.load());
        assert!(said.contains(shown), "{text}\n---\n{said}");
        assert!(!said.contains("canary"), "{text}\n---\n{said}");
    }
}

#[test]
fn a_file_whose_name_is_no_text_is_told_of() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    home.file("roles.d/a.toml", "[roles.a]\ncommand = [\"true\"]\n");
    for name in [&b"\xff.toml"[..], b"\xff.toml~", b".\xff.toml"] {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(
            home.path("config/roles.d").join(name),
            "[roles.b]\ncommand = [\"true\"]\n",
        )
        .unwrap();
    }
    let config = home.load();
    let said = home.said(&config);
    assert_eq!((config.roles.len(), config.problems.len()), (1, 1), "{said}");
    assert!(
        said.contains("E-CONFIG-READ") && said.contains("its name is not UTF-8 text"),
        "{said}"
    );
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
        let mut text = include_str!("../../../tests/fixtures/config/right/contract.toml").to_owned();
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
