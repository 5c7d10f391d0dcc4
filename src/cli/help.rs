//! `hallpass help [TOPIC]`: error codes, exit codes; works offline.

use clap::{Args, CommandFactory as _};

use super::{Cli, say};
use crate::domain::catalogue::{self, CODES};
use crate::domain::problem::Problem;
use crate::domain::suggest::nearest;

/// Explain an error code or a topic
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hallpass help E-VAULT-403\n  hallpass help exit-codes")]
pub(super) struct Help {
    /// An error code, a command, or one of: codes, exit-codes, filters, references
    topic: Option<String>,
}

/// Makes the text of a topic.
type Text = fn() -> String;

/// The topics that are neither a code nor a command.
const TOPICS: &[(&str, Text)] = &[
    ("codes", codes),
    ("exit-codes", || EXIT_CODES.to_owned()),
    ("filters", || FILTERS.to_owned()),
    ("references", || REFERENCES.to_owned()),
];

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
  { secret = \"vault:secret/db/orders#password\" }  PROVIDER:PATH#KEY; beside it version, default, optional, trim
  from = \"vault:secret/db/orders\"                 one secret for all fields, beside connector
  { literal = \"_vault:x\" }                        a text that only looks like a reference

KIND is vault, vaultkv1, vaultkv2, env, envjson, local, or a provider's name from config.toml.";

/// The exit codes, as references for scripts.
const EXIT_CODES: &str = "\
code     connect, exec                              other commands
0        the child's 0                              success; check: all is well
1-124    the child's own                            1: a check failed, nothing matched
2                                                   wrong usage
3                                                   configuration invalid
4                                                   no such role
125      hallpass refused or failed before the child ran
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
  \"two words\"                as one";

pub(super) fn run(help: &Help) -> Result<u8, Problem> {
    let Some(topic) = &help.topic else {
        say(&Cli::command().render_long_help().to_string());
        return Ok(0);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic) {
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
    if let Some(command) = cli.find_subcommand_mut(topic) {
        say(&command.render_help().to_string());
        return Ok(0);
    }
    let commands: Vec<String> = cli
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let known = CODES
        .iter()
        .map(|code| code.id)
        .chain(TOPICS.iter().map(|(name, _)| *name))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn on(topic: &str) -> Result<u8, Problem> {
        run(&Help {
            topic: Some(topic.to_owned()),
        })
    }

    #[test]
    fn a_topic_that_is_not_there_names_the_nearest_in_any_case() {
        for (wrong, right) in [
            ("exitcodes", "exit-codes"),
            ("e-vault-404-kee", "E-VAULT-404-KEY"),
            ("chek", "check"),
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
    fn the_examples_of_references_are_references() {
        use crate::domain::reference::{Parsed, ProviderNames, parse_canonical, parse_value};
        let names = ProviderNames::default();
        let quoted: Vec<&str> = REFERENCES.split('"').skip(1).step_by(2).collect();
        assert!(quoted.len() >= 5);
        for text in quoted {
            let styled = matches!(parse_value(text, &names), Ok(Parsed::Secret(_)));
            assert!(styled || parse_canonical(text, &names).is_ok(), "{text}");
        }
    }
}
