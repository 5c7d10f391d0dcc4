//! What cannot be read, or is said twice: the roles that it concerns are not opened, the others are.

use std::os::unix::fs::symlink;

use super::*;

const SHELL: &str = "command = [\"true\"]\n";

/// The names of the roles that can be opened, and those of the others with the first line of what is wrong.
fn opened(home: &Home) -> (Vec<String>, Vec<(String, String)>) {
    let config = home.load();
    let names = config.roles.iter().map(|role| role.name.clone()).collect();
    let broken = config.broken.iter().map(|broken| {
        let problem = &config.problems[broken.problem];
        (broken.name.clone(), format!("{}: {}", problem.code.id, problem.what))
    });
    (names, broken.collect())
}

/// Puts a link to itself in the folder's place: nobody gets through it, not even root.
fn bar(home: &Home, folder: &str) {
    fs::remove_dir(home.path(folder)).unwrap();
    symlink(home.path(folder), home.path(folder)).unwrap();
}

#[test]
fn a_system_folder_that_cannot_be_entered_may_hold_policies() {
    let home = Home::new();
    home.file("roles.toml", format!("[roles.a]\n{SHELL}"));
    bar(&home, "system");
    let config = home.load();
    assert_eq!(config.problems.len(), 1, "{}", home.said(&config));
    let (roles, broken) = opened(&home);
    assert!(roles.is_empty() && broken.len() == 1);
    assert!(
        broken[0].1.starts_with("E-CONFIG-READ") && broken[0].1.contains("/system cannot be read"),
        "{broken:?}"
    );
}

#[test]
fn a_folder_of_roles_that_cannot_be_read_is_told_of() {
    for folder in ["config/roles.d", "config/connectors"] {
        let home = Home::new();
        home.file("roles.toml", format!("[roles.a]\n{SHELL}"));
        bar(&home, folder);
        let config = home.load();
        let said = home.said(&config);
        assert!(config.problems.len() == 1 && said.contains("E-CONFIG-READ"), "{said}");
        assert_eq!(config.roles.len(), 1, "{said}");
    }
}

#[test]
fn a_file_in_a_folders_place_holds_no_files() {
    let home = Home::new();
    for folder in ["config/roles.d", "system"] {
        fs::remove_dir(home.path(folder)).unwrap();
        fs::write(home.path(folder), "").unwrap();
    }
    let config = home.load();
    assert!(config.problems.is_empty(), "{}", home.said(&config));
}

#[test]
fn a_key_given_twice_is_that_of_the_role_in_its_header() {
    for header in [
        "[roles.\"db.prod\"]",
        "[ roles . 'db.prod' ]",
        "[roles.\"db.prod\"] # [roles.db]",
    ] {
        let home = Home::new();
        let text = format!("[roles.db]\n{SHELL}{header}\n{SHELL}env = \"a\"\nenv = \"b\"\n");
        home.file("roles.toml", text);
        let (roles, broken) = opened(&home);
        assert_eq!(roles, ["db"], "{header}: {broken:?}");
        assert_eq!(broken.len(), 1, "{header}");
        assert_eq!(broken[0].0, "db.prod");
    }
    let home = Home::new();
    home.file(
        "roles.toml",
        format!("[roles.a]\n{SHELL}[templates.t]\nenv = \"a\"\nenv = \"b\"\n"),
    );
    assert!(opened(&home).0.is_empty(), "whose key it is cannot be told");
}

#[test]
fn what_is_wrong_beyond_what_is_told_of_counts_too() {
    let twice = |name: usize| format!("[roles.r{name}]\n{SHELL}env = \"a\"\nenv = \"b\"\n");
    let home = Home::new();
    home.file("roles.toml", (1..=7).map(twice).collect::<String>());
    let (roles, broken) = opened(&home);
    assert!(roles.is_empty() && broken.len() == 7, "{roles:?}");
}

#[test]
fn what_a_broken_file_says_of_templates_and_connectors_is_not_known() {
    let home = Home::new();
    home.file(
        "roles.d/a.toml",
        format!("[templates.t]\n{SHELL}\n[connectors.c]\n{SHELL}\nnonsense\n"),
    );
    home.file("connectors/d.toml", format!("{SHELL}\nnonsense\n"));
    home.file(
        "roles.d/b.toml",
        format!(
            "[roles.r]\nextends = \"t\"\n[roles.s]\nconnector = \"c\"\n[roles.t]\nconnector = \"d\"\n[roles.u]\n{SHELL}"
        ),
    );
    let (roles, broken) = opened(&home);
    assert_eq!(roles, ["u"], "{broken:?}");
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert!(broken.iter().all(|(_, problem)| problem.starts_with("E-CONFIG-SYNTAX")));
}

#[test]
fn of_two_connectors_or_templates_with_one_name_none_is_used() {
    let home = Home::new();
    home.file("connectors/c.toml", "command = [\"true\"]\n");
    home.file(
        "roles.toml",
        format!(
            "[connectors.c]\n{SHELL}[templates.t]\n{SHELL}[roles.r]\nconnector = \"c\"\n[roles.s]\nextends = \"t\"\n"
        ),
    );
    home.file("roles.d/more.toml", format!("[templates.t]\n{SHELL}[roles.u]\n{SHELL}"));
    let (roles, broken) = opened(&home);
    assert_eq!(roles, ["u"], "{broken:?}");
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(
        broken
            .iter()
            .all(|(_, problem)| problem.starts_with("E-CONFIG-DUPLICATE"))
    );
}

#[test]
fn a_role_is_refused_for_the_section_that_may_be_a_policy_and_nothing_else() {
    let home = Home::new();
    home.file(
        "config.toml",
        "[ui]\nmoused = true\n[defautls]\nrecord = \"required\"\n",
    );
    home.file("roles.toml", format!("[roles.a]\n{SHELL}"));
    let config = home.load();
    assert_eq!(config.problems.len(), 2, "{}", home.said(&config));
    let (_, broken) = opened(&home);
    assert!(broken[0].1.contains("defautls"), "{broken:?}");
}

#[test]
fn a_field_that_the_connector_needs_is_not_optional() {
    let role = |more: &str| {
        format!(
            "[roles.r]\nconnector = \"redis\"\nfields.REDIS_HOST = {{ secret = \"local:r#host\", optional = true{more} }}\n"
        )
    };
    let said = said(&role(""));
    assert!(
        said.contains("E-CONFIG-FIELD-MISSING") && said.contains("REDIS_HOST of role \"r\" is optional"),
        "{said}"
    );
    right(&role(", default = \"127.0.0.1\""));
}
