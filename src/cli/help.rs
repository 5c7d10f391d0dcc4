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
    /// An error code, a command, or one of: codes, exit-codes, filters
    topic: Option<String>,
}

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
    if topic == "exit-codes" {
        say(EXIT_CODES);
        return Ok(0);
    }
    if topic == "filters" {
        say(FILTERS);
        return Ok(0);
    }
    if topic == "codes" {
        CODES
            .iter()
            .for_each(|code| say(&format!("{:<26} {}", code.id, code.title)));
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
    if let Some(command) = cli.find_subcommand_mut(topic) {
        say(&command.render_long_help().to_string());
        return Ok(0);
    }
    let commands: Vec<String> = cli
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let known = CODES
        .iter()
        .map(|code| code.id)
        .chain(["codes", "exit-codes", "filters"])
        .chain(commands.iter().map(String::as_str));
    let similar = nearest(&topic.to_uppercase(), known);
    Err(
        Problem::new(&catalogue::USAGE, format!("there is no help on `{topic}`"))
            .similar(similar)
            .fix("hallpass help codes"),
    )
}
