//! Managed identity: the machine that hallpass runs on hands out the token. App Service and Functions, Azure Arc, or the metadata
//! service of a virtual machine, told apart by the variables that each sets, as in Microsoft's clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::login::{Token, Unusable};
use super::server::{Purpose, Server};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;
use crate::providers::net::http::{Answer, Fault, parse};
use crate::providers::net::ladder::stages_until;
use crate::providers::net::tls;

/// How long a connection is waited for where there may be no metadata service: it is next door, or nowhere. A token may take it longer.
const UNSURE_LIMIT: Duration = Duration::from_millis(500);
/// The only folder from which the key of Azure Arc is read: the endpoint names the file, and could name any.
const ARC_FOLDER: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/AzureConnectedMachineAgent/Tokens"
} else {
    "/var/opt/azcmagent/tokens"
};
const ARC_KEY_CAP: u64 = 4096;

/// The machine, as far as it was told about.
pub(super) struct Machine<'a> {
    pub(super) provider: &'a str,
    pub(super) world: &'a World,
    /// The client id of a user-assigned identity.
    pub(super) client: Option<&'a str>,
    pub(super) limit: Duration,
    /// Managed identity was asked for by name; else a machine without one is no failure.
    pub(super) sure: bool,
}

/// Who hands out the tokens.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    AppService {
        endpoint: String,
        header: String,
    },
    Arc {
        endpoint: String,
    },
    Metadata {
        host: String,
    },
    /// A platform whose tokens are not supported: its name.
    Other(&'static str),
}

impl Source {
    fn of(world: &World) -> Self {
        let text = |name| world.text(name).map(str::to_owned);
        match (text("IDENTITY_ENDPOINT"), text("IDENTITY_HEADER")) {
            (Some(_), Some(_)) if text("IDENTITY_SERVER_THUMBPRINT").is_some() => Self::Other("Service Fabric"),
            (Some(endpoint), Some(header)) => Self::AppService { endpoint, header },
            (Some(endpoint), None) if text("IMDS_ENDPOINT").is_some() => Self::Arc { endpoint },
            _ if text("MSI_ENDPOINT").is_some() && text("MSI_SECRET").is_some() => Self::Other("Azure ML"),
            _ if text("MSI_ENDPOINT").is_some() => Self::Other("Cloud Shell"),
            _ => Self::Metadata {
                host: text("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| "http://169.254.169.254".to_owned()),
            },
        }
    }
}

#[derive(Deserialize)]
struct Answered {
    access_token: SecretString,
    /// Seconds since 1970, as a number or as text.
    expires_on: Option<Number>,
    expires_in: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Digits(i64),
    Text(String),
}

impl Number {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Digits(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl Machine<'_> {
    /// A token for the resource.
    pub(super) async fn token(&self, resource: &str) -> Result<Token, Unusable> {
        match Source::of(self.world) {
            Source::Other(platform) => {
                let what = format!("the managed identity of {platform} is not supported");
                Err(Unusable::Absent(
                    Problem::new(&catalogue::AZURE_IDENTITY, what).steps(stages_until("login", true)),
                ))
            }
            Source::Metadata { host } => {
                let path = "/metadata/identity/oauth2/token";
                let endpoint = format!("{}{path}", host.trim_end_matches('/'));
                let (server, url) = self.server(&endpoint, "2018-02-01", resource)?;
                if !self.sure && !server.is_there(UNSURE_LIMIT).await {
                    let line = format!("GET {path}");
                    return Err(Unusable::Absent(self.none_here(&server, &Fault::Connect, &line)));
                }
                let answer = server.send(request(url, "metadata", "true")?).await;
                self.read(&server, answer, path).await
            }
            Source::AppService { endpoint, header } => {
                let (server, url) = self.server(&endpoint, "2019-08-01", resource)?;
                let path = url.path().to_owned();
                let answer = server.send(request(url, "x-identity-header", &header)?).await;
                self.read(&server, answer, &path).await
            }
            Source::Arc { endpoint } => {
                let (server, url) = self.server(&endpoint, "2020-06-01", resource)?;
                let path = url.path().to_owned();
                let first = server.send(request(url.clone(), "metadata", "true")?).await;
                let challenge = match &first {
                    Ok(answer) if answer.status == 401 => answer.challenge.clone(),
                    _ => return self.read(&server, first, &path).await,
                };
                let key = arc_key(challenge.as_deref().unwrap_or_default(), Path::new(ARC_FOLDER))?;
                let mut asked = request(url, "metadata", "true")?;
                let mut value =
                    HeaderValue::from_str(&format!("Basic {}", key.as_str())).map_err(|_| arc("its key is no text"))?;
                value.set_sensitive(true);
                asked.headers_mut().insert("authorization", value);
                match server.send(asked).await {
                    Ok(answer) if answer.status == 401 => Err(not_its_key().into()),
                    answer => self.read(&server, answer, &path).await,
                }
            }
        }
    }

    /// The endpoint and the whole address to ask at. Never through a proxy: it is this machine, or its host.
    fn server(&self, endpoint: &str, version: &str, resource: &str) -> Result<(Server, Url), Problem> {
        let mut url = Url::parse(endpoint).map_err(|_| {
            Problem::new(
                &catalogue::AZURE_IDENTITY,
                "the endpoint of the managed identity is no address",
            )
            .cause("IDENTITY_ENDPOINT or AZURE_POD_IDENTITY_AUTHORITY_HOST is not http://HOST:PORT/…")
        })?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("api-version", version)
            .append_pair("resource", resource);
        if let Some(client) = self.client {
            query.append_pair("client_id", client);
        }
        drop(query);
        let server = Server::new(Purpose::Login, &url, tls::unused()?, None, self.limit, self.provider)?;
        Ok((server, url))
    }

    async fn read(&self, server: &Server, answer: Result<Answer, Fault>, path: &str) -> Result<Token, Unusable> {
        let line = format!("GET {path}");
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return Err(Unusable::Absent(self.none_here(server, &fault, &line))),
        };
        if let Some(problem) = server.troubled(&answer, &line) {
            return Err(Unusable::Failed(problem));
        }
        if answer.status == 200
            && let Some(answered) = parse::<Answered>(&answer)
        {
            let at = |number: Option<&Number>| number.and_then(Number::value);
            let end = at(answered.expires_on.as_ref()).or_else(|| {
                Some(
                    Timestamp::now()
                        .as_second()
                        .saturating_add(at(answered.expires_in.as_ref())?),
                )
            });
            let end = end.and_then(|end| Timestamp::from_second(end).ok());
            if let Some(token) = end.and_then(|end| Token::new(answered.access_token.expose_secret(), end)) {
                return Ok(token);
            }
        }
        if matches!(answer.status, 400 | 403 | 404) {
            let what = match self.client {
                Some(client) => format!("this machine has no managed identity {client}"),
                None => "this machine has no managed identity of its own".to_owned(),
            };
            let problem = server.answered(Problem::new(&catalogue::AZURE_IDENTITY, what), &line, answer.status);
            return Err(Unusable::Absent(problem));
        }
        Err(Unusable::Failed(server.upstream(&line, answer.status)))
    }

    fn none_here(&self, server: &Server, fault: &Fault, line: &str) -> Problem {
        let what = match fault {
            Fault::Broken | Fault::TooLarge => {
                format!(
                    "the metadata service at {} gave no answer that can be used",
                    server.address
                )
            }
            _ => format!(
                "this machine has no metadata service: nothing answers at {}",
                server.address
            ),
        };
        Problem::new(&catalogue::AZURE_METADATA, what)
            .note(line.to_owned())
            .fact("Request", format!("{line} at {}", server.address))
            .steps(stages_until("login", true))
    }
}

fn request(url: Url, header: &'static str, value: &str) -> Result<Request, Problem> {
    let mut request = Request::new(Method::GET, url);
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Problem::new(
            &catalogue::AZURE_IDENTITY,
            "IDENTITY_HEADER has characters that no header has",
        )
    })?;
    value.set_sensitive(true);
    request.headers_mut().insert(HeaderName::from_static(header), value);
    Ok(request)
}

/// The key that proves to Azure Arc that we may read what only its group can: `Basic realm=FILE` names where it lies.
fn arc_key(challenge: &str, folder: &Path) -> Result<zeroize::Zeroizing<String>, Problem> {
    let file = challenge
        .strip_prefix("Basic realm=")
        .map(|realm| PathBuf::from(realm.trim().trim_matches('"')))
        .filter(|file| file.parent() == Some(folder) && file.extension().is_some_and(|extension| extension == "key"))
        .ok_or_else(|| arc("its endpoint names a key outside the agent's own folder, which is not read"))?;
    let unreadable = |error: std::io::Error| {
        arc(&format!("its key cannot be read: {}", error.kind()))
            .fixes(vec!["sudo usermod -aG himds \"$USER\"   then log in again".to_owned()])
    };
    // A link could lead out of the folder.
    let about = std::fs::symlink_metadata(&file).map_err(unreadable)?;
    if !about.is_file() || about.len() > ARC_KEY_CAP {
        return Err(arc("its key is no plain file of at most 4096 bytes"));
    }
    let key = std::fs::read_to_string(&file).map_err(unreadable)?;
    Ok(zeroize::Zeroizing::new(key.trim().to_owned()))
}

fn not_its_key() -> Problem {
    arc("its agent does not accept the key in its own folder").fixes(vec![
        "sudo systemctl restart himdsd   (the agent writes a new key)".to_owned(),
    ])
}

fn arc(why: &str) -> Problem {
    Problem::new(&catalogue::AZURE_IDENTITY, format!("Azure Arc gave no token: {why}"))
        .steps(stages_until("login", true))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn source(env: &[(&str, &str)]) -> Source {
        Source::of(&World::of(env))
    }

    #[test]
    fn platforms_are_told_apart_by_their_variables() {
        let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1:41741/msi/token");
        let header = ("IDENTITY_HEADER", "h");
        assert!(matches!(source(&[endpoint, header]), Source::AppService { .. }));
        assert!(matches!(
            source(&[endpoint, ("IMDS_ENDPOINT", "x")]),
            Source::Arc { .. }
        ));
        let thumbprint = ("IDENTITY_SERVER_THUMBPRINT", "x");
        assert_eq!(source(&[endpoint, header, thumbprint]), Source::Other("Service Fabric"));
        assert_eq!(source(&[("MSI_ENDPOINT", "x")]), Source::Other("Cloud Shell"));
        let metadata = Source::Metadata {
            host: "http://169.254.169.254".to_owned(),
        };
        assert_eq!(source(&[]), metadata);
    }

    #[test]
    fn a_key_of_arc_is_read_from_its_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let key = folder.join("one.key");
        std::fs::write(&key, "k3y\n").unwrap();
        std::fs::write(folder.join("large.key"), "x".repeat(5000)).unwrap();
        std::fs::write(folder.join("other.txt"), "x").unwrap();
        symlink("/etc/hostname", folder.join("link.key")).unwrap();
        std::fs::create_dir(folder.join("below")).unwrap();
        std::fs::write(folder.join("below/two.key"), "x").unwrap();
        let read = |challenge: &str| arc_key(challenge, folder);
        let named = |name: &str| format!("Basic realm={}", folder.join(name).display());
        assert_eq!(read(&named("one.key")).unwrap().as_str(), "k3y");
        for wrong in [
            "large.key",
            "other.txt",
            "link.key",
            "below/two.key",
            "../one.key",
            "none.key",
        ] {
            assert!(read(&named(wrong)).is_err(), "{wrong}");
        }
        for odd in ["", "Basic realm=", "Basic realm=/etc/shadow", "Bearer realm=x"] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
