//! How Google is reached and logged in to: `[providers.NAME]`, and for the kind's default provider the environment.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::name;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;
use crate::providers::net::tls::Pem;
use crate::providers::settings::{DEFAULT_LIMIT, Settings, path};
use crate::providers::{ProviderConfig, Setting, World};

/// The metadata server of Google's machines. Elsewhere the name does not resolve.
const METADATA_HOST: &str = "metadata.google.internal";
/// The file that `gcloud auth application-default login` writes, in the folder of gcloud's configuration.
const GCLOUD_FILE: &str = "application_default_credentials.json";

/// Where the credentials are: Google's JSON, of whichever type it says it is.
#[derive(Clone)]
pub(super) enum Source {
    Text(SecretString),
    Held(SecretRef),
    /// A file that somebody named, so it must be there; and who named it, for messages.
    File(PathBuf, String),
    /// gcloud's file if it is there, else the metadata server.
    WellKnown,
}

#[derive(Clone)]
pub(super) struct GcpSettings {
    /// Where all secrets are read instead of at Google's own addresses.
    pub(super) endpoint: Option<Url>,
    pub(super) project: Option<String>,
    /// The project that a person's requests are counted for, where their file names another or none.
    pub(super) quota_project: Option<String>,
    pub(super) source: Source,
    /// The folder of gcloud's configuration; none without a home.
    pub(super) gcloud: Option<PathBuf>,
    pub(super) metadata: Url,
    pub(super) ca: Option<Pem>,
    pub(super) limit: Duration,
}

impl GcpSettings {
    pub(super) fn read(config: &ProviderConfig, world: &World) -> Result<Self, Problem> {
        let settings = Settings::of(config);
        // Only the kind's default provider is configured by the environment. A person's gcloud login and the machine's own account
        // are good for every provider: they are sent to Google alone, or to the endpoint that the configuration names.
        let from_env = |name: &str| world.text(name).filter(|_| config.name == config.kind.word());
        let project = settings
            .text("project")?
            .or_else(|| from_env("GCP_PROJECT_ID"))
            .or_else(|| from_env("GOOGLE_CLOUD_PROJECT"));
        if let Some(project) = project
            && !name::is_project(project)
        {
            return Err(settings.wrong("project", "is no project id or number"));
        }
        let metadata = world.text("GCE_METADATA_HOST").unwrap_or(METADATA_HOST);
        Ok(Self {
            endpoint: settings
                .text("endpoint")?
                .map(|text| endpoint(text).map_err(|why| settings.wrong("endpoint", why)))
                .transpose()?,
            project: project.map(str::to_owned),
            quota_project: from_env("GOOGLE_CLOUD_QUOTA_PROJECT").map(str::to_owned),
            source: source(config, &settings, world, from_env("GOOGLE_APPLICATION_CREDENTIALS"))?,
            gcloud: gcloud_folder(world),
            metadata: Url::parse(&format!("http://{metadata}")).map_err(|_| {
                settings.wrong(
                    "credentials",
                    "cannot come from GCE_METADATA_HOST: it is not HOST or HOST:PORT",
                )
            })?,
            ca: settings.pem("ca_cert", world)?,
            limit: settings.duration("timeout")?.unwrap_or(DEFAULT_LIMIT),
        })
    }

    /// The file of a person's gcloud login.
    pub(super) fn gcloud_file(&self) -> Option<PathBuf> {
        Some(self.gcloud.as_ref()?.join(GCLOUD_FILE))
    }

    /// Where the secrets of this location are read; without one, those that Google keeps wherever it likes.
    pub(super) fn endpoint(&self, location: Option<&str>) -> String {
        match (&self.endpoint, location) {
            (Some(endpoint), _) => endpoint.origin().ascii_serialization(),
            (None, Some(location)) => format!("https://secretmanager.{location}.rep.googleapis.com"),
            (None, None) => "https://secretmanager.googleapis.com".to_owned(),
        }
    }
}

fn source(
    config: &ProviderConfig,
    settings: &Settings<'_>,
    world: &World,
    named: Option<&str>,
) -> Result<Source, Problem> {
    let from = |what: &str| format!("{what} of [providers.{}]", config.name);
    Ok(match settings.get("credentials") {
        Some(Setting::Text(text)) if text.trim_start().starts_with('{') => Source::Text(text.clone().into()),
        Some(Setting::Text(text)) if !text.trim().is_empty() => {
            Source::File(path(text.trim(), world), from("credentials"))
        }
        Some(Setting::Secret(reference)) => Source::Held(reference.clone()),
        Some(_) => return Err(settings.wrong("credentials", "must be a file, JSON text, or { secret = \"…\" }")),
        None => match named {
            Some(text) => Source::File(path(text, world), "GOOGLE_APPLICATION_CREDENTIALS".to_owned()),
            None => Source::WellKnown,
        },
    })
}

fn gcloud_folder(world: &World) -> Option<PathBuf> {
    match world.text("CLOUDSDK_CONFIG") {
        Some(folder) => Some(path(folder, world)),
        None => Some(world.home.as_ref()?.join(".config/gcloud")),
    }
}

fn endpoint(text: &str) -> Result<Url, &'static str> {
    // The text is not quoted: an address may have a password in it.
    let url = Url::parse(text.trim()).map_err(|_| "is not https://HOST or https://HOST:PORT")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or a password in it");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("has a path, a query or a fragment");
    }
    if !may_carry_credentials(&url) {
        return Err("must begin with https://: a token must not travel in the clear (http:// is for 127.0.0.1)");
    }
    Ok(url)
}

/// Whether a credential may be sent there: by TLS, or without leaving this machine.
pub(super) fn may_carry_credentials(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let here = || matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    !host.is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && here()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;
    use std::collections::BTreeMap;

    fn read(name: &str, env: &[(&str, &str)], settings: &[(&str, &str)]) -> Result<GcpSettings, Problem> {
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Setting::Text((*value).to_owned())));
        let config = ProviderConfig {
            name: name.to_owned(),
            kind: ProviderKind::Gcp,
            settings: settings.collect::<BTreeMap<_, _>>(),
            at: None,
            broken: None,
        };
        let world = World {
            home: Some("/home/p".into()),
            ..World::of(env)
        };
        GcpSettings::read(&config, &world)
    }

    fn source(settings: &GcpSettings) -> String {
        match &settings.source {
            Source::Text(_) => "text".to_owned(),
            Source::Held(reference) => reference.to_string(),
            Source::File(path, from) => format!("{} by {from}", path.display()),
            Source::WellKnown => "well-known".to_owned(),
        }
    }

    #[test]
    fn only_the_default_provider_is_configured_by_variables() {
        let env = [
            ("GCP_PROJECT_ID", "one"),
            ("GOOGLE_CLOUD_PROJECT", "two"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "~/sa.json"),
        ];
        let own = read("gcp", &env, &[]).ok().unwrap();
        assert_eq!(own.project.as_deref(), Some("one"));
        assert_eq!(source(&own), "/home/p/sa.json by GOOGLE_APPLICATION_CREDENTIALS");
        assert_eq!(
            read("gcp", &env[1..], &[]).ok().unwrap().project.as_deref(),
            Some("two")
        );
        let named = read("gcp-eu", &env, &[]).ok().unwrap();
        assert_eq!(
            (named.project.as_deref(), source(&named).as_str()),
            (None, "well-known")
        );
    }

    #[test]
    fn credentials_are_a_file_or_the_text_itself() {
        let given = |text| source(&read("gcp", &[], &[("credentials", text)]).ok().unwrap());
        assert_eq!(given("/etc/sa.json"), "/etc/sa.json by credentials of [providers.gcp]");
        assert_eq!(given(" {\"type\":\"service_account\"}"), "text");
    }

    #[test]
    fn folders_and_hosts_of_the_environment() {
        let plain = read("gcp", &[], &[]).ok().unwrap();
        let file = "/home/p/.config/gcloud/application_default_credentials.json";
        assert_eq!(plain.gcloud_file().unwrap().to_str(), Some(file));
        assert_eq!(plain.metadata.as_str(), "http://metadata.google.internal/");
        let told = [("CLOUDSDK_CONFIG", "/g"), ("GCE_METADATA_HOST", "127.0.0.1:9")];
        let told = read("gcp", &told, &[]).ok().unwrap();
        assert_eq!(told.gcloud.unwrap().to_str(), Some("/g"));
        assert_eq!(told.metadata.as_str(), "http://127.0.0.1:9/");
    }

    #[test]
    fn endpoints() {
        let plain = read("gcp", &[], &[]).ok().unwrap();
        assert_eq!(plain.endpoint(None), "https://secretmanager.googleapis.com");
        assert_eq!(
            plain.endpoint(Some("europe-west3")),
            "https://secretmanager.europe-west3.rep.googleapis.com"
        );
        for fine in [
            "https://h",
            "https://h:8443/",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(read("gcp", &[], &[("endpoint", fine)]).is_ok(), "{fine}");
        }
        for wrong in [
            "h",
            "http://h",
            "https://u:p@h",
            "https://h/v1",
            "https://h?x",
            "ftp://h",
            "file:///x",
        ] {
            let problem = read("gcp", &[], &[("endpoint", wrong)]).err().unwrap();
            assert_eq!(problem.code.id, "E-CONFIG-TYPE", "{wrong}");
            assert!(!problem.to_string().contains("u:p"));
        }
        assert!(read("gcp", &[], &[("project", "a/b")]).is_err());
        assert!(read("gcp", &[], &[("credentials", "")]).is_err());
    }
}
