//! Reading a secret: the challenge that says which token the vault wants, the request, and what the answer holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::Azure;
use super::cloud::Challenge;
use super::login::{Token, same};
use super::name::Name;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::secret::Payload;
use crate::providers::net::http::{Answer, parse};
use crate::providers::{Fetched, Inspected};

/// The newest version that every cloud has; what is read here has not changed since.
const API_VERSION: &str = "7.4";
/// A page has at most 25 versions: more pages than this are not turned to find the newest one.
const MOST_PAGES: usize = 8;

/// A request that the vault answered.
pub(super) struct Asked {
    pub(super) answer: Answer,
    /// `GET /secrets/db-password`.
    pub(super) line: String,
    pub(super) token: Arc<Token>,
}

/// What Key Vault says of a secret beside its value.
#[derive(Deserialize)]
pub(super) struct Bundle {
    /// `https://VAULT/secrets/NAME/VERSION`.
    id: String,
    #[serde(default)]
    attributes: Attributes,
}

/// Times are seconds since 1970.
#[derive(Deserialize, Default)]
struct Attributes {
    enabled: Option<bool>,
    created: Option<i64>,
    updated: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    value: Vec<Bundle>,
    #[serde(rename = "nextLink")]
    next: Option<String>,
}

impl Bundle {
    pub(super) fn name(&self) -> Option<&str> {
        self.id.split_once("/secrets/")?.1.split('/').next()
    }

    fn version(&self) -> Option<&str> {
        self.id
            .split_once("/secrets/")?
            .1
            .split('/')
            .nth(1)
            .filter(|version| !version.is_empty())
    }

    /// Key Vault hands a value out before it is valid and after it has expired; it says so, and so do we.
    fn warning(&self) -> Option<&'static str> {
        let now = Timestamp::now().as_second();
        if self.attributes.exp.is_some_and(|end| end <= now) {
            Some("the secret has expired: Key Vault still gives it out, its owner no longer means it to be used")
        } else if self.attributes.nbf.is_some_and(|start| start > now) {
            Some("the secret is not valid yet: Key Vault gives it out, the database may not accept it")
        } else {
            None
        }
    }

    fn inspected(&self, keys: &[&str]) -> Inspected {
        let time = |seconds: Option<i64>| seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let names = keys.iter().copied().chain([""]);
        let warnings = self
            .warning()
            .map(|warning| names.map(|key| (key.to_owned(), warning)).collect());
        Inspected {
            version: self.version().map(str::to_owned),
            changed: time(self.attributes.updated.or(self.attributes.created)),
            expires: time(self.attributes.exp),
            warnings: warnings.unwrap_or_default(),
            ..Inspected::default()
        }
    }
}

impl Azure {
    /// Which token the vault wants: asked for once, without one.
    async fn challenge(&self, path: &str) -> Result<Challenge, Problem> {
        let mut challenge = self.challenge.wait().await?;
        if let Some(challenge) = &challenge.known {
            return Ok(challenge.clone());
        }
        let asked = self.challenged(path).await;
        let found = challenge.ended(asked)?;
        challenge.known = Some(found.clone());
        Ok(found)
    }

    async fn challenged(&self, path: &str) -> Result<Challenge, Problem> {
        let (answer, line) = self.send(path, None).await?;
        self.read_challenge(&answer, &line)
    }

    fn read_challenge(&self, answer: &Answer, line: &str) -> Result<Challenge, Problem> {
        match (answer.status, &answer.challenge) {
            (401, header) => {
                let header = header.as_deref().unwrap_or_default();
                Challenge::read(header, self.settings.host(), self.settings.allow_custom_host)
                    .map_err(|problem| self.at_login(problem, line, 401))
            }
            // A firewall refuses before it asks who it is.
            (403, _) => Err(self.forbidden(answer, line, None, None)),
            _ => {
                let what = format!("{} asks for no login, as a Key Vault does", self.settings.host());
                let problem = Problem::new(&catalogue::AZURE_CHALLENGE, what)
                    .causes(vec!["the address is not that of a Key Vault".to_owned()]);
                Err(self.at_login(problem, line, answer.status))
            }
        }
    }

    /// One request. Everything that is wrong with the server itself is a problem.
    async fn send(&self, path: &str, token: Option<&Token>) -> Result<(Answer, String), Problem> {
        let vault = &self.connection().await?.vault;
        let mut url = self.settings.address.clone();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        url.query_pairs_mut().append_pair("api-version", API_VERSION);
        let line = format!("GET {path}");
        let mut request = Request::new(Method::GET, url);
        if let Some(token) = token {
            let bearer = zeroize::Zeroizing::new(format!("Bearer {}", token.value.expose_secret()));
            let mut value = HeaderValue::from_str(&bearer).map_err(|_| vault.upstream(&line, 200))?;
            value.set_sensitive(true);
            request.headers_mut().insert("authorization", value);
        }
        match vault.send(request).await {
            Err(fault) => Err(vault.unanswered(&fault, &line).await),
            Ok(answer) => match vault.troubled(&answer, &line) {
                Some(problem) => Err(problem),
                None => Ok((answer, line)),
            },
        }
    }

    /// Asks as whom we are logged in, with one new login if the vault does not accept the token.
    pub(super) async fn ask(&self, path: &str) -> Result<Asked, Problem> {
        let challenge = self.challenge(path).await?;
        let mut token = self.token(&challenge).await?;
        let (mut answer, mut line) = self.send(path, Some(&token)).await?;
        if answer.status == 401 {
            // It may have been revoked, or the vault moved to another tenant: asked anew, and checked anew.
            let challenge = self.read_challenge(&answer, &line)?;
            self.challenge.lock().await.known = Some(challenge.clone());
            self.session.forget(&token).await;
            let another = self.token(&challenge).await?;
            let worth_it = !same(&another, &token);
            token = another;
            if worth_it {
                (answer, line) = self.send(path, Some(&token)).await?;
            }
            if answer.status == 401 {
                return Err(self.not_accepted(&challenge, &token, &line));
            }
        }
        Ok(Asked { answer, line, token })
    }

    /// Logs in, without asking the vault for anything but its challenge.
    pub(super) async fn prove_login(&self, path: &str) -> Result<Arc<Token>, Problem> {
        let challenge = self.challenge(path).await?;
        self.token(&challenge).await
    }

    pub(super) async fn read(&self, name: &Name) -> Result<Fetched, Problem> {
        let asked = self.ask(&name.path()).await?;
        if asked.answer.status != 200 {
            return Err(self.refused(name, &asked).await);
        }
        let unusable = || self.unusable(&asked.line);
        let bundle: Bundle = parse(&asked.answer).ok_or_else(unusable)?;
        // Picked by the only code that may see it.
        let value = Payload::json_object(&asked.answer.body).ok();
        let value = value
            .and_then(|body| body.pick(Some("value")).ok())
            .ok_or_else(unusable)?;
        let Inspected {
            version,
            changed,
            expires,
            ..
        } = bundle.inspected(&[]);
        Ok(Fetched {
            version,
            changed,
            expires,
            ..Fetched::new(Payload::Text(value))
        })
    }

    /// What is known without reading the value, where we may list versions; none means: read the value. Listing is one right and reading
    /// another, so a version that no secret has is asked for too: it is refused where reading is, else it is not found.
    pub(super) async fn without_value(&self, name: &Name, keys: &[&str]) -> Result<Option<Inspected>, Problem> {
        let no_version = name.no_version();
        let (versions, may_read) = futures::join!(self.versions(name), self.ask(&no_version));
        let may_read = may_read?;
        if may_read.answer.status != 404 {
            return Err(self.refused(name, &may_read).await);
        }
        let versions = match versions? {
            Versions::All(versions) => versions,
            Versions::Hidden => return Ok(None),
            Versions::Refused(asked) => return Err(self.refused(name, &asked).await),
        };
        let wanted = match &name.version {
            Some(version) => versions.iter().find(|bundle| bundle.version() == Some(version)),
            None => newest(&versions),
        };
        let Some(bundle) = wanted else {
            return match &name.version {
                Some(_) => Err(self.no_version(name, &versions, &may_read.line)),
                None => Ok(None),
            };
        };
        if bundle.attributes.enabled == Some(false) {
            return Err(self.disabled(name, &may_read.line, None));
        }
        Ok(Some(bundle.inspected(keys)))
    }

    pub(super) async fn versions(&self, name: &Name) -> Result<Versions, Problem> {
        let mut all = Vec::new();
        let mut path = name.versions();
        for _ in 0..MOST_PAGES {
            let asked = self.ask(&path).await?;
            match asked.answer.status {
                200 => {}
                401 | 403 => return Ok(Versions::Hidden),
                _ => return Ok(Versions::Refused(asked)),
            }
            let page: Page = parse(&asked.answer).ok_or_else(|| self.unusable(&asked.line))?;
            all.extend(page.value);
            match page
                .next
                .filter(|next| !next.is_empty())
                .map(|next| self.next_page(&next))
            {
                None => return Ok(Versions::All(all)),
                Some(Some(next)) => path = next,
                Some(None) => return Ok(Versions::Hidden),
            }
        }
        Ok(Versions::Hidden)
    }

    /// Names of secrets, of the first pages; none where they may not be listed.
    pub(super) async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut path = "/secrets?maxresults=25".to_owned();
        for _ in 0..MOST_PAGES {
            let Ok(asked) = self.ask(&path).await else { break };
            let page = parse::<Page>(&asked.answer);
            let Some(page) = page.filter(|_| asked.answer.status == 200) else {
                break;
            };
            names.extend(page.value.iter().filter_map(|bundle| bundle.name().map(str::to_owned)));
            match page.next.and_then(|next| self.next_page(&next)) {
                Some(next) => path = next,
                None => break,
            }
        }
        names
    }

    /// The rest of a list, if it lies in the same vault: the token goes nowhere else.
    fn next_page(&self, next: &str) -> Option<String> {
        let url = reqwest::Url::parse(next).ok()?;
        let query = url.query_pairs().filter(|(name, _)| name != "api-version");
        let query = reqwest::Url::parse_with_params("https://x", query).ok()?;
        let same = url.origin() == self.settings.address.origin() && url.path().starts_with("/secrets");
        same.then(|| format!("{}?{}", url.path(), query.query().unwrap_or_default()))
    }
}

pub(super) enum Versions {
    All(Vec<Bundle>),
    /// They may not be listed, or are too many.
    Hidden,
    Refused(Asked),
}

/// The version that a read without one gives: the last that was made. None where two were made in one second.
fn newest(versions: &[Bundle]) -> Option<&Bundle> {
    let made = |bundle: &&Bundle| bundle.attributes.created.unwrap_or_default();
    let last = versions.iter().max_by_key(made)?;
    let as_late = versions.iter().filter(|other| made(other) == made(&last)).count();
    (as_late == 1).then_some(last)
}

/// Version ids with the time at which each was made, newest first.
pub(super) fn listed(versions: &[Bundle]) -> Vec<String> {
    let by_age: BTreeMap<(i64, &str), &str> = versions
        .iter()
        .filter_map(|bundle| {
            Some((
                (-bundle.attributes.created.unwrap_or_default(), bundle.version()?),
                bundle.version()?,
            ))
        })
        .collect();
    by_age.into_values().map(str::to_owned).collect()
}
