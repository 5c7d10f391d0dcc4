//! What a person reads about a role: which text is taken for a secret, and words that help with the mistake that was made.

use super::*;

fn masked(config: &Config, field: &str) -> bool {
    role(config, "r")
        .fields
        .iter()
        .any(|known| known.name == field && known.masked)
}

#[test]
fn plain_text_that_looks_like_a_secret_is_treated_as_one() {
    let config = right(
        "[roles.r]\ncommand = [\"true\"]\n[roles.r.fields]\nDB_PASSWORD = \"canary\"\nB_PASSWORD = { literal = \"x\" }\nC_PASSWORD = { template = \"x{a}\", a = \"y\" }\nURL = \"postgres://u:canary@h/d\"\nEMPTY_TOKEN = \"\"\nHOST = \"postgres://u@h/d\"\n",
    );
    for (field, secret) in [
        ("DB_PASSWORD", true),
        ("B_PASSWORD", false),
        ("C_PASSWORD", true),
        ("URL", true),
        ("EMPTY_TOKEN", false),
        ("HOST", false),
    ] {
        assert_eq!(masked(&config, field), secret, "{field}");
        let warned = config
            .warnings
            .iter()
            .any(|warning| warning.starts_with(&format!("{field} ")));
        assert_eq!(warned, secret, "{field}: {:?}", config.warnings);
    }
    let admitted =
        right("[roles.r]\ncommand = [\"true\"]\nallow_plaintext = true\nfields.A_TOKEN = { literal = \"canary\" }\n");
    assert!(masked(&admitted, "A_TOKEN") && admitted.warnings.is_empty());
}

#[test]
fn plain_text_that_looks_like_a_secret_stands_in_no_argument() {
    let role = |field: &str| format!("[roles.r]\ncommand = [\"x\", \"{{A_TOKEN}}\"]\nfields.A_TOKEN = {field}\n");
    let said = said(&role("\"canary\""));
    assert!(
        said.contains("E-REF-IN-ARGUMENT") && said.contains("which looks like a secret"),
        "{said}"
    );
    assert!(
        said.contains("fix: if it is no secret: fields.A_TOKEN = { literal = \"…\" }"),
        "{said}"
    );
    assert!(!said.contains("canary") && !said.contains("provider"), "{said}");
    right(&role("{ literal = \"public\" }"));
}

#[test]
fn a_role_that_gives_nothing_and_opens_nothing_is_a_mistake() {
    let said = said("[roles.r]\ndescription = \"x\"\n");
    assert!(
        said.contains("E-CONFIG-MISSING-KEY") && said.contains("neither a connector nor a command"),
        "{said}"
    );
    for text in [
        "fields.A = \"x\"",
        "inherit = [\"SSH_AUTH_SOCK\"]",
        "command = [\"true\"]",
    ] {
        right(&format!("[roles.r]\n{text}\n"));
    }
}

#[test]
fn only_the_mistake_that_was_made_is_told() {
    let said = said("[roles.r]\ncommand = [\"x\", \"{F}\"]\nfields.F = \"_vautl:a:b\"\n");
    assert!(
        said.contains("E-CONFIG-REF-SYNTAX") && !said.contains("does not have"),
        "{said}"
    );
}

#[test]
fn a_fix_is_about_the_mistake_at_hand() {
    for (text, words) in [
        ("fields.A = \"x\\u0000y\"", "fix: take `\\u0000` out of the text"),
        ("cwd = \"\"", "`cwd` of role \"r\" names no folder"),
        ("idle_timeout = \"0s\"", "a length of time of one second or more"),
        (
            "command = [\"sh\", \"-c\", \"echo ${A}\"]\nfields.A = \"_envs/X\"",
            "fix: for a shell, write $A: {A} is placed before it starts",
        ),
        ("fields.LD_PRELOAD = \"canary\"", " 2 | fields.LD_PRELOAD = …"),
    ] {
        let said = said(&format!("[roles.r]\n{text}\n"));
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("binary") && !said.contains("canary"), "{said}");
    }
}

#[test]
fn a_provider_without_a_kind_is_told_which_it_may_be() {
    for (keys, fixes) in [
        ("address = \"https://v\"", &["kind = \"vault\""][..]),
        ("tenant_id = \"t\"", &["kind = \"azure\""]),
        (
            "timeout = \"5s\"",
            &["add the one that it is, for example: kind = \"vault\""],
        ),
    ] {
        let home = Home::new();
        home.file("config.toml", format!("[providers.p]\n{keys}\n"));
        assert_eq!(home.load().problems[0].fixes, fixes, "{keys}");
    }
}
