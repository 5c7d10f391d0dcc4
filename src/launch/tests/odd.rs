//! Launches of which something is not as it was meant: values, programs, folders.

use super::*;

#[test]
fn what_no_variable_can_carry_is_told_together_with_what_was_not_read() {
    let large = "x".repeat(300 * 1024);
    let roles = format!(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nZ = \"_envjson:J:nul\"\nP = \"{large}\"\nB = \"_envs/NOT_THERE\"\nA = \"_envs/LARGE\"\nOK = \"_envs/FINE\"\n"
    );
    let home = Home::new(
        &roles,
        &[("J", r#"{"nul": "a\u0000b"}"#), ("LARGE", &large), ("FINE", "s3cret")],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-REF-NUL-BYTE", "E-REF-TOO-LARGE", "E-ENV-UNSET"]);
    let places: Vec<usize> = problems
        .iter()
        .map(|problem| problem.at.as_ref().unwrap().line)
        .collect();
    assert_eq!(places, [4, 5, 6]);
    assert!(problems[1].what.ends_with(", for P, A"), "{}", problems[1]);
}

#[test]
fn a_template_of_plain_parts_is_placed() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"printf\", \"<%s>\", \"{F}\", \"-{F}-\"]\nfields.F = { template = \"x{a}\", a = \"y/z\" }\n",
        &[],
    );
    assert_eq!(home.launch("a", &[]).unwrap().args, ["<%s>", "xy%2Fz", "-xy%2Fz-"]);
}

#[test]
fn a_role_of_fields_alone_is_there_for_exec() {
    let home = Home::new("[roles.a.fields]\nP = \"x\"\n", &[]);
    let role = find_role(&home.config, "a").unwrap();
    assert_eq!((role.kind(), role.has_client()), ("exec", false));
    assert!(find_client(&home.config, role, &home.world).is_ok());
    assert_eq!(preview(&home.config, role), "hallpass exec a -- COMMAND");
    assert_eq!(seen(home.launch("a", &["true"]).unwrap())["P"], "x");
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-CONFIG-MISSING-KEY"]);
    let said = problems[0].to_string();
    assert!(
        said.contains("hallpass exec a -- COMMAND") && said.contains("command = [\"PROGRAM\"]"),
        "{said}"
    );
    assert!(!said.contains("config check"), "it finds nothing: {said}");
}

#[test]
fn plain_text_that_looks_like_a_secret_is_masked_and_its_password_too() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nDB_PASSWORD = \"typed-Xq9w\"\nDATABASE_URL = \"postgres://app:url-Kp3v@db/orders\"\nB_PASSWORD = { literal = \"no-secret-at-all\" }\nC_URL = { template = \"redis://:{p}@h\", p = \"tpl-Wd7z\" }\n",
        &[],
    );
    let plan = home.launch("a", &[]).unwrap();
    let shown = redacted(&plan, "typed-Xq9w, app url-Kp3v@db, tpl-Wd7z, no-secret-at-all\n");
    assert!(
        ["Xq9w", "Kp3v", "Wd7z"].iter().all(|value| !shown.contains(value)),
        "{shown}"
    );
    assert!(shown.contains("no-secret-at-all"), "{shown}");
    assert_eq!(seen(plan)["DB_PASSWORD"], "typed-Xq9w");
}

#[test]
fn a_command_that_was_typed_is_not_called_the_roles() {
    let home = Home::new("[roles.a]\ncommand = [\"/nonexistent/client\"]\n", &[]);
    let said = |command: &[&str]| home.launch("a", command).err().unwrap()[0].to_string();
    let typed = said(&["no-such-program-here"]);
    assert!(
        typed.contains("no program on PATH is called `no-such-program-here`"),
        "{typed}"
    );
    assert!(!typed.contains("role") && !typed.contains("-->"), "{typed}");
    for (command, role) in [(&["/nonexistent/p"][..], false), (&[], true)] {
        let said = said(command);
        assert!(said.contains("there is no program `/nonexistent/"), "{said}");
        assert!(!said.contains("PATH"), "{said}");
        assert_eq!(said.contains("-->"), role, "{said}");
    }
    let folder = home.launch("a", &["/usr/bin"]).err().unwrap();
    assert_eq!(codes(&folder), ["E-CLIENT-NOT-EXECUTABLE"]);
    let said = folder[0].to_string();
    assert!(said.contains("is a folder") && !said.contains("chmod"), "{said}");
}

#[test]
fn a_working_folder_that_is_not_there_is_no_fault_of_the_program() {
    let home = Home::new("[roles.a]\ncommand = [\"true\"]\ncwd = \"/nonexistent/here\"\n", &[]);
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-CLIENT-START"]);
    let said = problems[0].to_string();
    assert!(
        said.contains("cwd of role `a` names no folder: /nonexistent/here"),
        "{said}"
    );
    assert!(!said.contains("by hand") && !said.contains("interpreter"), "{said}");
}

#[test]
fn a_missing_key_is_named_as_it_can_be_written() {
    let keys = r#"{"": "x", "user": "s3cret-1"}"#;
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nA = \"_envjson:J\"\nB = \"_envs/envjson/J\"\nC = { secret = \"envjson:ONE\" }\n",
        &[("J", keys), ("ONE", r#"{"only": "s3cret-2"}"#)],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    let fixes: Vec<&str> = problems.iter().map(|problem| problem.fixes[0].as_str()).collect();
    assert_eq!(
        fixes,
        [
            "name the key: _envjson:J:user",
            "name the key: _envs/envjson/J#user",
            "name the key: envjson:ONE#only"
        ]
    );
    assert!(problems.iter().all(|problem| !problem.to_string().contains("several")));
}

#[test]
fn half_a_character_is_no_text() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\nfields.A = \"_envjson:J:s\"\n",
        &[("J", r#"{"s": "\ud800xyz12"}"#)],
    );
    let problems = home.launch("a", &[]).err().unwrap();
    assert_eq!(codes(&problems), ["E-REF-NOT-TEXT"]);
    assert!(!problems[0].to_string().contains("xyz12"), "{}", problems[0]);
}

#[test]
fn why_a_value_cannot_be_masked_is_said_as_it_is() {
    let home = Home::new(
        "[roles.a]\ncommand = [\"true\"]\n[roles.a.fields]\nA = \"_envs/SHORT\"\nB = \"_envs/BLANK\"\n",
        &[("SHORT", "abc"), ("BLANK", "a\nb\r\nc\t")],
    );
    let warnings = home.launch("a", &[]).unwrap().warnings;
    assert!(
        warnings[0].starts_with("A: the value is shorter than 4 characters and"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].contains("fewer than 4 characters beside blanks and line ends"),
        "{warnings:?}"
    );
}
