//! What the refusal of one secret means. Many share a status, so the error's own code is looked at, and asked further where that helps;
//! each ends as a problem with the vault, the principal and what to type. What Key Vault wrote is not repeated, but for ids.

use serde::Deserialize;

use super::Azure;
use super::cloud::Challenge;
use super::login::Token;
use super::name::Name;
use super::read::{Asked, Bundle, Versions, listed};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::suggest::nearest;
use crate::providers::net::http::{Answer, parse};
use crate::providers::net::ladder::stages_until;

/// The error of Key Vault.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Remark {
    error: Said,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    code: String,
    message: String,
    #[serde(alias = "innerError")]
    innererror: Option<Box<Said>>,
}

impl Remark {
    fn of(answer: &Answer) -> Said {
        parse::<Self>(answer).unwrap_or_default().error
    }
}

impl Said {
    /// The most exact code.
    fn code(&self) -> &str {
        match &self.innererror {
            Some(inner) if !inner.code.is_empty() => inner.code(),
            _ => &self.code,
        }
    }

    /// The application's id in a message; only what is one.
    fn app(&self) -> Option<&str> {
        let rest = self.message.split_once("appid=")?.1;
        let end = rest
            .find(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
            .unwrap_or(rest.len());
        Some(&rest[..end]).filter(|id| id.len() == 36 && id.matches('-').count() == 4)
    }

    /// The action in a message that the principal may not do.
    fn action(&self) -> Option<&str> {
        let rest = self.message.split_once("Action: '")?.1;
        let action = rest.split_once('\'')?.0;
        let known = ["get", "getSecret", "list", "readMetadata"]
            .map(|verb| format!("Microsoft.KeyVault/vaults/secrets/{verb}/action"));
        known.iter().any(|known| known == action).then_some(action)
    }
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "deletedDate")]
    deleted: Option<i64>,
    #[serde(rename = "scheduledPurgeDate")]
    purged: Option<i64>,
}

impl Azure {
    pub(super) fn at_login(&self, problem: Problem, line: &str, status: u16) -> Problem {
        self.noted(problem, line, status).steps(stages_until("login", true))
    }

    fn at_read(&self, problem: Problem, line: &str, status: u16) -> Problem {
        self.noted(problem, line, status).steps(stages_until("read", true))
    }

    fn noted(&self, problem: Problem, line: &str, status: u16) -> Problem {
        problem
            .note(format!("{line} → {status}"))
            .fact("Request", format!("{line} at {}", self.address()))
    }

    /// An answer of 200 that nothing can be made of.
    pub(super) fn unusable(&self, line: &str) -> Problem {
        let what = format!("{} gave an answer that is not Key Vault's", self.address());
        self.at_read(Problem::new(&catalogue::PROVIDER_UPSTREAM, what), line, 200)
    }

    /// The problem of a token, fresh from the login, that the vault does not accept.
    pub(super) fn not_accepted(&self, challenge: &Challenge, token: &Token, line: &str) -> Problem {
        let host = self.settings.host();
        let app = self.settings.logins.first().and_then(|login| login.app());
        let problem = match (app, &challenge.tenant) {
            (Some(app), Some(tenant))
                if !tenant.eq_ignore_ascii_case(&app.tenant) && app.tenant.len() == tenant.len() =>
            {
                let what = format!(
                    "{host} belongs to tenant {tenant}, and the login is of tenant {}",
                    app.tenant
                );
                Problem::new(&catalogue::AZURE_WRONG_TENANT, what)
            }
            _ => Problem::new(
                &catalogue::AZURE_401,
                format!("{host} does not accept the token of the login"),
            ),
        };
        let problem = problem.fact("Login", token.words.clone());
        self.at_login(problem, line, 401)
    }

    /// The problem of a request that was answered 403.
    pub(super) fn forbidden(&self, answer: &Answer, line: &str, name: Option<&Name>, token: Option<&Token>) -> Problem {
        let said = Remark::of(answer);
        let vault = self.settings.vault_name();
        match (said.code(), name) {
            ("SecretDisabled", Some(name)) => return self.disabled(name, line, Some(403)),
            ("SecretNotYetValid" | "SecretExpired", Some(name)) => {
                let what = format!("secret `{}` of vault {vault} is not valid at this time", name.name);
                let show = format!(
                    "az keyvault secret show --vault-name {vault} --name {} --query attributes",
                    name.name
                );
                let problem = Problem::new(&catalogue::AZURE_NOT_YET, what).fixes(vec![show]);
                return self.at_read(problem, line, 403);
            }
            ("ForbiddenByFirewall" | "ForbiddenByConnection", _) => {
                let what = format!("the firewall of vault {vault} refuses this machine");
                let problem = Problem::new(&catalogue::AZURE_FIREWALL, what).fixes(vec![
                    "connect to the network that the vault trusts (VPN, private endpoint)".to_owned(),
                    format!(
                        "az keyvault network-rule add --name {vault} --ip-address \"$(curl -s https://ifconfig.me)\""
                    ),
                ]);
                return self.at_read(problem, line, 403);
            }
            _ => {}
        }
        let login = token.map(|token| token.words.as_str());
        let own = self.settings.logins.first().and_then(|login| login.app());
        let app = said.app().or(own.map(|app| app.client.as_str()));
        let principal = match (app, login) {
            (Some(app), _) => format!("app {app}"),
            (None, Some(login)) => format!("the login ({login})"),
            (None, None) => "the login".to_owned(),
        };
        let what_for = name.map_or_else(|| "its secrets".to_owned(), |name| format!("secret `{}`", name.name));
        let what = format!("vault {vault} refused {principal} to read {what_for} (HTTP 403)");
        let lacks = match (said.code(), said.action()) {
            ("ForbiddenByPolicy" | "AccessDenied", _) => {
                format!("no access policy of the vault gives {principal} the secret permission \"get\"")
            }
            (_, Some(action)) => format!("no role of {principal} allows {action}"),
            (_, None) => format!("no role of {principal} allows Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        };
        let assignee = app.unwrap_or("PRINCIPAL");
        let by_role = format!(
            "az role assignment create --role \"Key Vault Secrets User\" --assignee {assignee} --scope \"$(az keyvault show --name {vault} --query id -o tsv)\""
        );
        let by_policy = format!("az keyvault set-policy --name {vault} --spn {assignee} --secret-permissions get list");
        let fixes = match said.code() {
            "ForbiddenByPolicy" | "AccessDenied" => vec![by_policy],
            "ForbiddenByRbac" => vec![by_role],
            _ => vec![by_role, by_policy],
        };
        let mut problem = Problem::new(&catalogue::AZURE_DENIED, what)
            .causes(vec![
                lacks,
                "a role or policy was changed a moment ago: it takes up to ten minutes to be in force".to_owned(),
            ])
            .fixes(fixes);
        if let Some(login) = login {
            problem = problem.fact("Login", login);
        }
        self.at_read(problem, line, 403)
    }

    pub(super) fn disabled(&self, name: &Name, line: &str, status: Option<u16>) -> Problem {
        let (vault, secret) = (self.settings.vault_name(), &name.name);
        let which = match &name.version {
            Some(version) => format!("version {version} of secret `{secret}`"),
            None => format!("the newest version of secret `{secret}`"),
        };
        let version = name
            .version
            .as_ref()
            .map(|version| format!(" --version {version}"))
            .unwrap_or_default();
        let problem = Problem::new(
            &catalogue::AZURE_DISABLED,
            format!("{which} in vault {vault} is disabled"),
        )
        .fixes(vec![
            format!("az keyvault secret set-attributes --vault-name {vault} --name {secret}{version} --enabled true"),
            format!(
                "az keyvault secret list-versions --vault-name {vault} --name {secret}   and pin one: version = \"…\""
            ),
        ]);
        match status {
            Some(status) => self.at_read(problem, line, status),
            None => problem.steps(stages_until("read", true)),
        }
    }

    pub(super) fn no_version(&self, name: &Name, versions: &[Bundle], line: &str) -> Problem {
        let (vault, secret) = (self.settings.vault_name(), &name.name);
        let version = name.version.as_deref().unwrap_or_default();
        let what = format!("secret `{secret}` in vault {vault} has no version {version}");
        let list = format!("az keyvault secret list-versions --vault-name {vault} --name {secret} --query [].id");
        let problem = Problem::new(&catalogue::AZURE_NO_VERSION, what).fixes(vec![list]);
        let there: Vec<String> = listed(versions).into_iter().take(3).collect();
        let problem = match there.as_slice() {
            [] => problem,
            there => problem.causes(vec![format!("its newest versions are {}", there.join(", "))]),
        };
        self.at_read(problem, line, 404)
    }

    /// The problem of a read that was answered with anything but 200.
    pub(super) async fn refused(&self, name: &Name, asked: &Asked) -> Problem {
        let Asked { answer, line, token } = asked;
        let said = Remark::of(answer);
        match answer.status {
            403 => self.forbidden(answer, line, Some(name), Some(token)),
            404 if said.code() == "SecretNotFound" => self.absent(name, line).await,
            _ => match &self.connection().await {
                Ok(connection) => connection.vault.upstream(line, answer.status),
                Err(problem) => problem.clone(),
            },
        }
    }

    async fn absent(&self, name: &Name, line: &str) -> Problem {
        let (vault, secret) = (self.settings.vault_name(), &name.name);
        if name.version.is_some() {
            match self.versions(name).await {
                Ok(Versions::All(versions)) => return self.no_version(name, &versions, line),
                // Which of the two is missing, the secret or the version, is not ours to see.
                Ok(Versions::Hidden) => return self.no_version(name, &[], line),
                Ok(Versions::Refused(_)) | Err(_) => {}
            }
        }
        if let Some(Deleted { deleted, purged }) = self.deleted(name).await {
            let day = |seconds: Option<i64>| {
                let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())?;
                Some(time.to_string().split('T').next()?.to_owned())
            };
            let when = day(deleted).map(|day| format!(" on {day}")).unwrap_or_default();
            let what = format!("secret `{secret}` of vault {vault} was deleted{when}");
            let cause = day(purged).map(|day| format!("it can be recovered until {day}"));
            let problem = Problem::new(&catalogue::AZURE_DELETED, what).fixes(vec![format!(
                "az keyvault secret recover --vault-name {vault} --name {secret}"
            )]);
            let problem = match cause {
                Some(cause) => problem.cause(cause),
                None => problem,
            };
            return self.at_read(problem, line, 404);
        }
        let names = self.names().await;
        let similar = nearest(secret, names.iter().map(String::as_str));
        let similar = similar
            .into_iter()
            .map(|near| format!("{}:{near}", self.name))
            .collect();
        let what = format!("vault {vault} has no secret `{secret}`");
        let problem = Problem::new(&catalogue::AZURE_NOTFOUND, what)
            .similar(similar)
            .fixes(vec![format!(
                "az keyvault secret list --vault-name {vault} --query [].name"
            )]);
        self.at_read(problem, line, 404)
    }

    /// What is known of a secret that was deleted and can be recovered, where we may see it.
    async fn deleted(&self, name: &Name) -> Option<Deleted> {
        let asked = self.ask(&format!("/deletedsecrets/{}", name.name)).await.ok()?;
        parse(&asked.answer).filter(|_| asked.answer.status == 200)
    }
}
