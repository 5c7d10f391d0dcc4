//! `{ rds_iam = …, host = … }` and `_aws_iam_rds:USER`: a field that is a login token for a database.

use super::FieldReader;
use crate::config::source::shown;
use crate::config::walk::{Entry, number};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::ProviderKind;
use crate::domain::role::{RdsIam, Source};
use crate::domain::suggest;

impl FieldReader<'_, '_> {
    /// A login token for a database; `members` are the keys beside the user's name.
    pub(super) fn token(&self, user_at: &Entry<'_>, user: &str, members: &[Entry<'_>]) -> Option<Source> {
        let get = |name: &str| members.iter().find(|member| member.name == name);
        let text = |name: &str| get(name).and_then(Entry::text);
        let before = self.scope.problems().len();
        let wrong = |at: &Entry<'_>, message: &str, example: &str| {
            let problem = Problem::new(&catalogue::CONFIG_TYPE, format!("{}: {message}", self.what))
                .fixes(vec![format!("write it like this: {example}")]);
            self.scope.problem(&at.place(), problem);
        };
        if user.is_empty() || user.contains(char::is_control) {
            wrong(user_at, "rds_iam names the database user", "rds_iam = \"app_ro\"");
        }
        let of_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(at) =
            get("region").filter(|at| !at.text().is_some_and(|t| t.contains('-') && t.chars().all(of_region)))
        {
            wrong(
                at,
                "`region` is the short name of an AWS region",
                "region = \"eu-west-1\"",
            );
        }
        let is_arn = |text: &str| text.starts_with("arn:") && text.contains(":role/");
        if let Some(at) = get("role_arn").filter(|at| !at.text().is_some_and(is_arn)) {
            let example = "role_arn = \"arn:aws:iam::123456789012:role/db-login\"";
            wrong(at, "`role_arn` is the ARN of an IAM role", example);
        }
        let of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if let Some(at) = get("host").filter(|at| !at.text().is_some_and(|t| !t.is_empty() && t.chars().all(of_host))) {
            let example = "host = \"orders.abc123.eu-west-1.rds.amazonaws.com\", port = 5432";
            wrong(at, "`host` is the name of a host, and nothing else", example);
        }
        let provider = text("provider").unwrap_or(ProviderKind::Aws.word());
        if let Some(at) = get("provider")
            && self.names.kind_of(provider) != Some(ProviderKind::Aws)
        {
            self.not_aws(at, provider);
        }
        (self.scope.problems().len() == before).then(|| {
            let port = get("port").and_then(|port| number(port.value.get_ref()));
            Source::RdsIam(RdsIam {
                provider: provider.to_owned(),
                user: user.to_owned(),
                region: text("region").map(str::to_owned),
                role_arn: text("role_arn").map(str::to_owned),
                host: text("host").map(str::to_owned),
                port: port.and_then(|port| u16::try_from(port).ok()),
            })
        })
    }

    fn not_aws(&self, at: &Entry<'_>, name: &str) {
        let of_aws = |name: &&str| self.names.kind_of(name) == Some(ProviderKind::Aws);
        let known: Vec<&str> = self.names.names().filter(of_aws).collect();
        let why = match self.names.kind_of(name) {
            Some(kind) => format!("is of the kind {}, and AWS alone makes these tokens", kind.word()),
            None => "is no provider that the configuration declares".to_owned(),
        };
        let message = format!("{}: `{}` {why}", self.what, shown(name));
        let problem = Problem::new(&catalogue::CONFIG_UNKNOWN_NAME, message).similar(suggest::nearest(name, known));
        self.scope.problem(&at.place(), problem);
    }
}
