//! `hallpass help [TOPIC]`: error codes, exit codes; works offline.

use clap::{Args, Command, CommandFactory as _};

use super::{Cli, say};
use crate::config::{auth_keys, keys_of, settings_keys};
use crate::domain::catalogue::{self, CODES};
use crate::domain::filter::{IS_WORDS, STATUS_WORDS};
use crate::domain::problem::Problem;
use crate::domain::reference::{Kind, ProviderKind};
use crate::domain::suggest::nearest;
use crate::providers::{PROVIDERS, ProviderSpec};

/// Explain an error code or a topic
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hallpass help E-VAULT-403\n  hallpass help exit-codes\n  hallpass help secret set\n  hallpass help providers"
)]
pub(super) struct Help {
    /// An error code, a command, or one of: codes, config, exit-codes, filters, keys, providers, references
    topic: Vec<String>,
}

/// Makes the text of a topic.
type Text = fn() -> String;

/// The topics that are neither a code nor a command, or more than the command's help.
const TOPICS: &[(&str, Text)] = &[
    ("codes", codes),
    ("config", config),
    ("exit-codes", || EXIT_CODES.to_owned()),
    ("filters", filters),
    ("providers", providers),
    ("references", references),
];

/// Columns that a text of ours may take: a terminal's usual width.
const WIDTH: usize = 80;

fn codes() -> String {
    let lines: Vec<String> = CODES
        .iter()
        .map(|code| format!("{:<26} {}", code.id, code.title))
        .collect();
    lines.join("\n")
}

/// How a field names a secret, as `domain::reference` reads it.
const REFERENCES: &str = "\
A field of a role is a plain text, or names a secret in one of these ways:

  \"_vaultkv2:orders:password\"                     colon style: _KIND:ID:KEY
  \"_envs/vault/secret/db/orders#password\"         path style: _envs/KIND/PATH#KEY
  \"_envs/DB_PASSWORD\"                             a variable of the environment of hallpass
  { secret = \"vault:secret/db/orders#password\" }  PROVIDER:PATH#KEY, with more beside it: see below
  from = \"vault:secret/db/orders\"                 one secret for all fields, beside connector
  { literal = \"_vault:x\" }                        a text that only looks like a reference
  \"_envs/vaultdb/database/reader#username\"        a database user that Vault makes for the session
  \"_aws_iam_rds:app_ro\"                           a 15-minute token for this user of an RDS database
";

/// Fields that say more than one word: they are those of a role.
const TABLES: &str = "
  A = { secret = \"vault:secret/orders#password\", version = 7 }    # this version of it
  B = { secret = \"aws:prod/db#password\", stage = \"AWSPREVIOUS\" }  # the one of this stage
  C = { secret = \"vault:secret/orders#schema\", default = \"x\" }    # where it is not there; or optional = true
  D = { secret = \"vault:secret/tls#key\", via = \"file\" }           # the variable names a file that holds it
  E = { secret = \"env:PASSWORD\", trim = true }                    # without white space at its ends
  # Several values in one text, each percent-encoded; {password:raw} is placed as it is.
  F = { template = \"amqp://{user}:{password}@mq\", user = \"app\", password = \"_vaultkv2:mq:password\" }
  # A 15-minute token for this user of an RDS database.
  G = { rds_iam = \"app_ro\", host = \"db1.eu-west-1.rds.amazonaws.com\", port = 5432 }
";

fn references() -> String {
    let words: Vec<&str> = Kind::WORDS.iter().map(|(word, _)| *word).collect();
    let kinds = format!("KIND is {}, or a provider's name from config.toml.", words.join(", "));
    format!(
        "{REFERENCES}\n{}\n\nMore is said in a table:\n{TABLES}",
        wrapped("", &kinds)
    )
}

/// Every kind of provider: what it reads, its logins, its keys, an example.
fn providers() -> String {
    let kinds: Vec<String> = PROVIDERS.iter().map(provider).collect();
    format!(
        "{}\n\n{}\n\n{}",
        wrapped(
            "",
            "Secret stores are set up in config.toml, each in a block of its own. A kind's default provider has the kind's name and \
             needs no block where its variables are set. hallpass provider test NAME says whether one answers."
        ),
        kinds.join("\n\n"),
        wrapped(
            "",
            "A key that is a credential also takes { secret = \"PROVIDER:PATH#KEY\" }: another provider holds it."
        )
    )
}

fn provider(spec: &ProviderSpec) -> String {
    let guide = &spec.guide;
    let mut lines = vec![format!("{}: {}", spec.kind.word(), spec.title)];
    let names = |keys: Vec<(&'static str, &'static str)>| keys.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let mut fact = |name: &str, text: &str| lines.push(wrapped(&format!("  {name:<10} "), text));
    fact("reads", guide.reads);
    for (i, login) in guide.logins.iter().enumerate() {
        fact(if i == 0 { "logins" } else { "" }, &format!("{}. {login}", i + 1));
    }
    if guide.logins.is_empty() {
        fact("logins", "none");
    }
    if !guide.remark.is_empty() {
        fact("", guide.remark);
    }
    fact("keys", &names(keys_of(spec.kind)).join(", "));
    if spec.kind == ProviderKind::Vault {
        fact("auth", &names(auth_keys()).join(", "));
    }
    if !spec.signs.is_empty() {
        fact("variables", &spec.signs.join(", "));
    }
    fact("reference", &format!("\"{}\"", guide.reference));
    if spec.open.is_none() {
        fact("note", "this binary was built without it");
    }
    lines.push(String::new());
    lines.extend(guide.example.lines().map(|line| format!("    {line}")));
    lines.join("\n")
}

/// A text broken into lines between words; the first one begins with `lead`, the others stand below its end.
fn wrapped(lead: &str, text: &str) -> String {
    let mut lines = vec![lead.to_owned()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > lead.len() && line + word.chars().count() >= WIDTH {
            lines.push(" ".repeat(lead.len()));
        }
        if let Some(line) = lines.last_mut() {
            if line.len() > lead.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The exit codes, as references for scripts.
const EXIT_CODES: &str = "\
code     connect, exec                              other commands
0        the child's 0                              success; check: all is well
1-124    the child's own                            1: a check failed, nothing matched
2                                                   wrong usage
3                                                   configuration invalid
4                                                   no such role, provider or recording
125      hallpass refused or failed before the child ran
         instead of 0: not all of its output could be written, or a required recording failed
126      the client cannot be executed
127      the client is not installed
128+n    the child died of signal n";

/// The filter words, as `domain::filter` reads them.
const FILTERS: &str = "\
Words of a filter are joined by and; a word is looked for in names, descriptions, tags and hosts.

  env:prod type:postgres       a field: env type tag provider name host owner status access is
  type:postgres,mysql          one of several values; pg and my are short for them
  tag:team=payments            a tag, or a tag with its value
  !tag:legacy                  not
  'exact  ^start  end$         not fuzzy: this text, at the start, at the end
  one|other                    one of them
  \"two words\"                  as one";

fn filters() -> String {
    let (status, is) = (STATUS_WORDS.join(" "), IS_WORDS.join(" "));
    let where_known = "status: is known in the list of the user interface only.";
    format!(
        "{FILTERS}\n\n  status:                      {status}\n  is:                          {is}\n\n{where_known}"
    )
}

/// Every key of the files with a valid value.
fn config() -> String {
    let mut lines = vec![wrapped(
        "",
        "config.toml holds settings, providers and environments; roles stand in it, in roles.toml and in roles.d/*.toml. They lie in the \
         configuration folder (hallpass paths) and, below it, in /etc/hallpass. Every key with a valid value:",
    )];
    lines.push(String::new());
    for (section, keys) in settings_keys() {
        let header = format!("\n[{section}]");
        lines.extend((!section.is_empty()).then_some(header));
        lines.extend(keys.iter().map(|(name, example)| format!("{name:<20} = {example}")));
    }
    lines.push(String::new());
    lines.push("A [templates.NAME] has the keys of a role; a role takes it over with extends.".to_owned());
    lines.push(
        "hallpass help providers has the keys of [providers.NAME]; hallpass help references what a field may say."
            .to_owned(),
    );
    lines.push("hallpass config check says what is wrong in the files.".to_owned());
    lines.join("\n")
}

/// `keys` makes the text of the keys, which the user interface knows.
pub(super) fn run(help: &Help, keys: Text) -> Result<u8, Problem> {
    if help.topic.is_empty() {
        say(&Cli::command().render_long_help().to_string());
        return Ok(0);
    }
    let topic = &help.topic.join(" ");
    let topics = || TOPICS.iter().copied().chain([("keys", keys)]);
    if let Some((_, text)) = topics().find(|(name, _)| name == topic) {
        say(&text());
        return Ok(0);
    }
    if let Some(code) = catalogue::find(topic) {
        say(&format!("{}: {}", code.id, code.title));
        for (i, cause) in code.causes.iter().enumerate() {
            say(&format!("  cause {}: {cause}", i + 1));
        }
        code.fixes.iter().for_each(|fix| say(&format!("  fix: {fix}")));
        return Ok(0);
    }
    let mut cli = Cli::command();
    // Only a built tree knows a command's whole name and the global options.
    cli.build();
    let mut words = help.topic.iter();
    if let Some(command) = words.try_fold(&cli, |command, word| command.find_subcommand(word)) {
        say(&command.clone().render_help().to_string());
        return Ok(0);
    }
    let commands = names_of(&cli);
    let known = CODES
        .iter()
        .map(|code| code.id)
        .chain(topics().map(|(name, _)| name))
        .chain(commands.iter().map(String::as_str));
    let wanted = if topic.to_uppercase().starts_with("E-") {
        topic.to_uppercase()
    } else {
        topic.to_lowercase()
    };
    let similar = nearest(&wanted, known);
    Err(
        Problem::new(&catalogue::USAGE, format!("there is no help on `{topic}`"))
            .similar(similar)
            .fix("hallpass help codes"),
    )
}

/// Every command as it is typed behind `hallpass`, those of a group behind it.
fn names_of(cli: &Command) -> Vec<String> {
    let behind = |group: &Command| {
        let group_name = group.get_name().to_owned();
        let commands = group.get_subcommands().map(Command::get_name);
        let names: Vec<String> = commands.map(|name| format!("{group_name} {name}")).collect();
        std::iter::once(group_name).chain(names)
    };
    cli.get_subcommands().flat_map(behind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(topic: &str) -> Result<u8, Problem> {
        let help = Help {
            topic: topic.split(' ').map(str::to_owned).collect(),
        };
        run(&help, String::new)
    }

    #[test]
    fn a_topic_that_is_not_there_names_the_nearest_in_any_case() {
        for (wrong, right) in [
            ("exitcodes", "exit-codes"),
            ("e-vault-404-kee", "E-VAULT-404-KEY"),
            ("chek", "check"),
            ("kyes", "keys"),
            ("secret sett", "secret set"),
        ] {
            let problem = on(wrong).unwrap_err();
            assert!(
                problem.similar.iter().any(|name| name == right),
                "{wrong}: {:?}",
                problem.similar
            );
        }
    }

    #[test]
    fn a_command_of_a_group_has_its_help() {
        assert_eq!(on("secret set").unwrap(), 0);
        assert_eq!(on("config").unwrap(), 0);
        assert!(on("secret set more").is_err());
    }

    #[test]
    fn the_examples_of_references_are_references() {
        use crate::domain::reference::{Parsed, ProviderNames, parse_canonical, parse_value};
        let names = ProviderNames::default();
        let quoted: Vec<&str> = REFERENCES.split('"').skip(1).step_by(2).collect();
        assert!(quoted.len() >= 7);
        for text in quoted
            .into_iter()
            .chain(PROVIDERS.iter().map(|spec| spec.guide.reference))
        {
            let styled = matches!(parse_value(text, &names), Ok(Parsed::Secret(_) | Parsed::RdsIam { .. }));
            assert!(styled || parse_canonical(text, &names).is_ok(), "{text}");
        }
        let text = references();
        for (word, _) in Kind::WORDS {
            assert!(text.contains(word), "{word}");
        }
    }

    #[test]
    fn what_is_said_of_a_filter_word_stands_in_one_column() {
        let text = filters();
        let column = |line: &str| line.len() - line.get(28..).unwrap_or_default().trim_start().len();
        for line in text.lines().filter(|line| line.starts_with("  ")) {
            assert_eq!(column(line), 31, "{line}");
        }
        assert!(text.contains("is:  ") && text.contains("readonly") && text.contains("checking"));
    }

    #[test]
    fn every_key_of_the_files_is_in_the_help_with_a_value_that_is_toml() {
        let text = config();
        for name in [
            "\nversion ",
            "\ninclude ",
            "[connectors.NAME]",
            "[templates.NAME]",
            "[ui]",
            "[roles.NAME]",
            "\ninherit ",
            "\nscrollback ",
            "\ncolor ",
        ] {
            assert!(text.contains(name), "no {name} in:\n{text}");
        }
        for (section, keys) in settings_keys() {
            for (name, example) in keys {
                let line = format!("{name} = {example}");
                assert!(line.parse::<toml::Table>().is_ok(), "[{section}] {line}");
            }
        }
    }

    #[test]
    fn every_kind_of_provider_is_explained() {
        let text = providers();
        for kind in ProviderKind::ALL {
            assert!(text.contains(&format!("\n{}: ", kind.word())), "{kind:?}");
            for (key, _) in keys_of(*kind) {
                assert!(text.contains(key), "{kind:?}: {key}");
            }
        }
        for (key, _) in auth_keys() {
            assert!(text.contains(key), "auth: {key}");
        }
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "too long: {line}");
        }
    }

    /// What a configuration folder with nothing but this file says.
    fn loaded(name: &str, text: &str) -> crate::config::Config {
        use crate::config::{FolderFlags, LoadOptions, load};
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = load(&LoadOptions {
            flags: FolderFlags {
                config: Some(folder.path().to_owned()),
                data: Some(folder.path().join("data")),
                state: Some(folder.path().join("state")),
            },
            profile: None,
            env: std::collections::BTreeMap::new(),
            home: Some(folder.path().to_owned()),
            system_dir: folder.path().join("none"),
        });
        let said: Vec<String> = config.problems.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{said:?}");
        config
    }

    #[test]
    fn the_tables_of_references_are_right() {
        let config = loaded(
            "roles.toml",
            &format!("[roles.r]\ncommand = [\"true\"]\n[roles.r.fields]{TABLES}"),
        );
        assert_eq!(config.roles[0].fields.len(), 7);
    }

    /// The blocks are those of one config.toml, and it has no problem.
    #[test]
    fn the_examples_of_providers_are_right() {
        let blocks: Vec<&str> = PROVIDERS.iter().map(|spec| spec.guide.example).collect();
        let config = loaded("config.toml", &blocks.join("\n"));
        for spec in PROVIDERS {
            let set_up = config
                .providers
                .values()
                .any(|provider| provider.kind == spec.kind && provider.at.is_some());
            assert!(set_up, "{:?}", spec.kind);
        }
    }
}
