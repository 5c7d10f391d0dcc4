//! How a Vault is reached and logged in to: `[providers.NAME]`, and for the kind's default provider the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use rustls::pki_types::ServerName;
use secrecy::SecretString;

use super::method::{Account, METHODS, Method, credential};
use super::path::Kv;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::reference::SecretRef;
use crate::providers::net::tls::{Pem, TlsSettings};
use crate::providers::settings::{DEFAULT_LIMIT, Settings, duration, path};
use crate::providers::{ProviderConfig, Setting, World};

/// A credential of the login, or where it is.
#[derive(Clone)]
pub(super) enum Credential {
    Given(SecretString),
    Held(SecretRef),
    /// Read at every login, so that `vault login` in another window is seen.
    File(PathBuf),
}

/// The client's certificate or key, or who holds it.
#[derive(Clone)]
pub(super) enum ClientPem {
    Given(Pem),
    Held(SecretRef),
}

/// How a token is come by.
#[derive(Clone)]
pub(super) enum Login {
    Token {
        token: Credential,
        /// Where it comes from, as a person would say it.
        from: String,
        /// It is a wrapping token that holds the true one.
        wrapped: bool,
    },
    /// By a login at `auth/<mount>`.
    Account(Account),
    /// Nothing was found.
    None,
}

#[derive(Clone)]
pub(super) struct VaultSettings {
    /// `https://host:port`, without a trailing slash.
    pub(super) address: String,
    /// The address is that of `VAULT_ADDR`.
    pub(super) by_environment: bool,
    /// The same as requests have it: with the name that the server's certificate must have, where that is another one.
    pub(super) asked: String,
    /// That name.
    pub(super) tls_name: Option<String>,
    pub(super) https: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) namespace: Option<String>,
    /// The version of every KV mount, where it is settled.
    pub(super) kv: Option<Kv>,
    /// The version of single mounts; the key has no slash at its ends.
    pub(super) mounts: BTreeMap<String, Kv>,
    pub(super) login: Login,
    /// The token role that makes the tokens of sessions, instead of the login itself.
    pub(super) token_role: Option<String>,
    /// All but the client's certificate.
    pub(super) tls: TlsSettings,
    /// Certificate and key of the client.
    pub(super) client: Option<(ClientPem, ClientPem)>,
    pub(super) limit: Duration,
}

impl VaultSettings {
    pub(super) fn read(config: &ProviderConfig, world: &World) -> Result<Self, Problem> {
        let settings = Settings::of(config);
        // Only the kind's default provider is configured by the environment: a token must not go to another server.
        let from_env = |name: &str| world.text(name).filter(|_| config.name == config.kind.word());
        let text = |key: &str, variable: &str| Ok::<_, Problem>(settings.text(key)?.or_else(|| from_env(variable)));

        let address = text("address", "VAULT_ADDR")?.ok_or_else(|| no_address(config))?;
        let url = address_of(address, config)?;
        let namespace = text("namespace", "VAULT_NAMESPACE")?
            .map(|namespace| namespace.trim_matches('/'))
            .filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = namespace
            && !is_header_text(namespace)
        {
            return Err(settings.wrong("namespace", "has characters that no namespace has"));
        }
        let pem = |key: &str, variable: &str| {
            let given = text(key, variable)?;
            given.map(|text| settings.pem_of(key, text, world)).transpose()
        };
        let client = |key: &str, variable: &str| {
            if let Some(Setting::Secret(reference)) = settings.get(key) {
                return Ok(Some(ClientPem::Held(reference.clone())));
            }
            Ok::<_, Problem>(pem(key, variable)?.map(ClientPem::Given))
        };
        let client = match (
            client("client_cert", "VAULT_CLIENT_CERT")?,
            client("client_key", "VAULT_CLIENT_KEY")?,
        ) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(settings.wrong("client_key", "is missing: client_cert needs it")),
            (None, Some(_)) => return Err(settings.wrong("client_cert", "is missing: client_key needs it")),
        };
        let tls_name = text("tls_server_name", "VAULT_TLS_SERVER_NAME")?;
        // The host's own name is no other one: nothing keeps a proxy from being asked for it.
        let is_other = |name: &&str| !url.host_str().unwrap_or_default().eq_ignore_ascii_case(name);
        let tls_name = tls_name
            .filter(|_| url.scheme() == "https")
            .filter(is_other)
            .map(str::to_owned);
        let mut asked = url.clone();
        if let Some(name) = &tls_name {
            let is_name = matches!(ServerName::try_from(name.as_str()), Ok(ServerName::DnsName(_)));
            if !is_name || asked.set_host(Some(name)).is_err() {
                return Err(settings.wrong("tls_server_name", "is not the name of a host"));
            }
        }
        let login = login(config, &settings, world)?;
        needs_of(&login, &settings, &url, client.is_some())?;
        Ok(Self {
            https: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
            address: url.origin().ascii_serialization(),
            by_environment: is_of_environment(config),
            asked: asked.origin().ascii_serialization(),
            tls_name,
            namespace: namespace.map(str::to_owned),
            kv: kv(&settings)?,
            mounts: mounts(&settings)?,
            login,
            token_role: token_role(&settings)?,
            tls: TlsSettings {
                ca: pem("ca_cert", "VAULT_CACERT")?,
                ca_folder: from_env("VAULT_CAPATH").map(|folder| path(folder, world)),
                client: None,
                verify: !from_env("VAULT_SKIP_VERIFY").is_some_and(is_true),
            },
            client,
            limit: limit(&settings, from_env("VAULT_HTTP_REQ_TIMEOUT"))?,
        })
    }
}

impl VaultSettings {
    /// What a kept login is good for: it must not be used for anything else.
    pub(super) fn subject(&self) -> String {
        let login = match &self.login {
            Login::Account(account) => account.subject(),
            _ => String::new(),
        };
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!("{} namespace \"{namespace}\", {login}", self.address)
    }
}

fn no_address(config: &ProviderConfig) -> Problem {
    let name = &config.name;
    let problem = Problem::new(&catalogue::VAULT_NO_ADDR, format!("provider `{name}` has no address"));
    if name == config.kind.word() {
        problem
    } else {
        problem
            .causes(vec![format!(
                "[providers.{name}] has no address; VAULT_ADDR is that of provider `vault` alone"
            )])
            .fixes(vec![format!(
                "address = \"https://vault.example.com:8200\"   in [providers.{name}]"
            )])
    }
}

/// Whether the address is what `VAULT_ADDR` says.
fn is_of_environment(config: &ProviderConfig) -> bool {
    config.name == config.kind.word() && !config.settings.contains_key("address")
}

fn address_of(text: &str, config: &ProviderConfig) -> Result<Url, Problem> {
    let by_environment = is_of_environment(config);
    // The text is not quoted: an address may have a password in it.
    let problem = |why: &str| {
        Problem::new(
            &catalogue::VAULT_ADDR,
            format!("the address of Vault cannot be used: {why}"),
        )
        .fixes(vec![if by_environment {
            "export VAULT_ADDR=https://HOST:8200   or address in config.toml".to_owned()
        } else {
            format!("address = \"https://HOST:8200\"   in [providers.{}]", config.name)
        }])
    };
    let url = Url::parse(text.trim()).map_err(|_| problem("it is not https://HOST:PORT or http://HOST:PORT"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(problem("it does not begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem("it has a user or a password in it"));
    }
    if url.path() != "/" {
        return Err(problem("it has a path; a Vault behind a path prefix is not supported"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("it has a query or a fragment"));
    }
    Ok(url)
}

/// Printable ASCII without spaces: what may stand in a header's value. Anything else would end the process in a library.
pub(super) fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Vault's own reading of a boolean variable.
fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "t" | "true")
}

fn kv(settings: &Settings<'_>) -> Result<Option<Kv>, Problem> {
    match settings.get("kv") {
        None => Ok(None),
        Some(Setting::Text(text)) if text == "auto" => Ok(None),
        Some(version) => Kv::of(version)
            .map(Some)
            .ok_or_else(|| settings.wrong("kv", "must be 1, 2 or \"auto\"")),
    }
}

fn mounts(settings: &Settings<'_>) -> Result<BTreeMap<String, Kv>, Problem> {
    let Some(table) = settings.table("mounts", "mounts.")? else {
        return Ok(BTreeMap::new());
    };
    let version = |(mount, setting): (&str, &Setting)| {
        let version = Kv::of(setting).ok_or_else(|| table.wrong(mount, "must be 1 or 2"))?;
        Ok((mount.trim_matches('/').to_owned(), version))
    };
    table.entries().map(version).collect()
}

/// How long an answer may take; `given` is the environment's.
fn limit(settings: &Settings<'_>, given: Option<&str>) -> Result<Duration, Problem> {
    match (settings.duration("timeout")?, given) {
        (Some(limit), _) => Ok(limit),
        (None, None) => Ok(DEFAULT_LIMIT),
        (None, Some(text)) => duration(text).ok_or_else(|| {
            let what = "VAULT_HTTP_REQ_TIMEOUT is not a time limit";
            Problem::new(&catalogue::CONFIG_TYPE, what).fixes(vec!["export VAULT_HTTP_REQ_TIMEOUT=5s".to_owned()])
        }),
    }
}

/// What a login by certificate cannot do without.
fn needs_of(login: &Login, settings: &Settings<'_>, address: &Url, has_client: bool) -> Result<(), Problem> {
    match login {
        Login::Account(account) if account.method.by_certificate => {}
        _ => return Ok(()),
    }
    if !has_client {
        return Err(settings.wrong("client_cert", "is missing: cert needs client_cert and client_key"));
    }
    if address.scheme() != "https" {
        let why = "must begin with https://: cert logs in by the TLS connection";
        return Err(settings.wrong("address", why));
    }
    Ok(())
}

fn token_role(settings: &Settings<'_>) -> Result<Option<String>, Problem> {
    let role = settings.text("token_role")?;
    if role.is_some_and(|role| !is_header_text(role) || role.contains(['/', '?', '#', '%'])) {
        return Err(settings.wrong("token_role", "is no name of a token role"));
    }
    Ok(role.map(str::to_owned))
}

fn login(config: &ProviderConfig, settings: &Settings<'_>, world: &World) -> Result<Login, Problem> {
    let default = config.name == config.kind.word();
    let Some(auth) = settings.table("auth", "auth.")? else {
        if let Some(token) = credential(settings, "token")? {
            let from = format!("token of [providers.{}]", config.name);
            return Ok(Login::Token {
                token,
                from,
                wrapped: false,
            });
        }
        return Ok(if default {
            login_of_environment(world)
        } else {
            Login::None
        });
    };
    let method = auth.text("method")?.unwrap_or("token");
    if method == "token" {
        let own = credential(&auth, "token")?;
        return match own.or(credential(settings, "token")?) {
            Some(token) => Ok(Login::Token {
                token,
                from: format!("token of [providers.{}]", config.name),
                wrapped: auth.switch("wrapped")?.unwrap_or(false),
            }),
            // `auth = { method = "token" }` says in so many words that the person's own token is for this server too.
            None => Ok(token_of_environment(world).unwrap_or(Login::None)),
        };
    }
    let Some(method) = Method::of(method) else {
        let words: Vec<String> = METHODS.iter().map(|method| format!("\"{}\"", method.word)).collect();
        return Err(auth.wrong("method", &format!("must be \"token\", {}", words.join(", "))));
    };
    method.read(config, &auth, world).map(Login::Account)
}

fn login_of_environment(world: &World) -> Login {
    let approle = || Method::of("approle").and_then(|approle| approle.of_environment(world));
    if world.text("VAULT_TOKEN").is_none()
        && let Some(account) = approle()
    {
        return Login::Account(account);
    }
    token_of_environment(world).unwrap_or(Login::None)
}

fn token_of_environment(world: &World) -> Option<Login> {
    if let Some(token) = world.text("VAULT_TOKEN").and_then(given) {
        return Some(Login::Token {
            token,
            from: "VAULT_TOKEN".to_owned(),
            wrapped: false,
        });
    }
    world.home.as_ref().map(|home| Login::Token {
        token: Credential::File(home.join(".vault-token")),
        from: "~/.vault-token".to_owned(),
        wrapped: false,
    })
}

pub(super) fn given(text: &str) -> Option<Credential> {
    let text = text.trim();
    (!text.is_empty()).then(|| Credential::Given(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::ProviderKind;

    fn read(name: &str, env: &[(&str, &str)], settings: &[(&str, Setting)]) -> Result<VaultSettings, Problem> {
        let config = ProviderConfig::of(name, ProviderKind::Vault, settings);
        let world = World {
            home: Some("/home/p".into()),
            ..World::of(env)
        };
        VaultSettings::read(&config, &world)
    }

    fn text(value: &str) -> Setting {
        Setting::Text(value.to_owned())
    }

    fn from(login: &Login) -> &str {
        match login {
            Login::Token { from, .. } => from,
            Login::Account(account) => &account.mount,
            Login::None => "none",
        }
    }

    #[test]
    fn logins_are_looked_for_in_order() {
        let addr = ("VAULT_ADDR", "http://h:1");
        let role = [("VAULT_APP_ROLE_ID", "r"), ("VAULT_APP_ROLE_SECRET_ID", "s")];
        let login = |env: &[(&str, &str)], settings: &[(&str, Setting)]| {
            from(&read("vault", env, settings).ok().unwrap().login).to_owned()
        };
        assert_eq!(login(&[addr], &[]), "~/.vault-token");
        assert_eq!(login(&[addr, role[0], role[1]], &[]), "approle");
        assert_eq!(login(&[addr, role[0]], &[]), "~/.vault-token");
        assert_eq!(
            login(&[addr, role[0], role[1], ("VAULT_TOKEN", "t")], &[]),
            "VAULT_TOKEN"
        );
        let token = ("token", text("t"));
        assert_eq!(
            login(&[addr, ("VAULT_TOKEN", "t")], &[token]),
            "token of [providers.vault]"
        );
        let auth = BTreeMap::from([
            ("method".to_owned(), text("approle")),
            ("mount".to_owned(), text("/ar/")),
        ]);
        let auth = ("auth", Setting::Table(auth));
        assert_eq!(
            login(
                &[addr, role[0], role[1], ("VAULT_TOKEN", "t")],
                std::slice::from_ref(&auth)
            ),
            "ar"
        );
        assert!(read("vault", &[addr], &[auth]).is_err(), "no role_id");
    }

    #[test]
    fn a_named_provider_reads_its_own_settings_only() {
        let env = [
            ("VAULT_ADDR", "http://h:1"),
            ("VAULT_TOKEN", "t"),
            ("VAULT_NAMESPACE", "n"),
            ("VAULT_SKIP_VERIFY", "1"),
        ];
        assert_eq!(read("eu", &env, &[]).err().unwrap().code.id, "E-VAULT-NO-ADDR");
        let eu = read("eu", &env, &[("address", text("https://eu"))]).ok().unwrap();
        assert_eq!(
            (eu.address.as_str(), eu.port, eu.namespace, from(&eu.login)),
            ("https://eu", 443, None, "none")
        );
        assert!(eu.tls.verify);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let addr = [("VAULT_ADDR", "http://h:1")];
        for (key, value) in [
            ("kv", Setting::Number(3)),
            ("kv", text("three")),
            (
                "mounts",
                Setting::Table(BTreeMap::from([("a".to_owned(), Setting::Number(0))])),
            ),
            ("mounts", Setting::Number(2)),
            ("timeout", text("soon")),
            ("timeout", Setting::Number(-1)),
            ("namespace", text("a\nb")),
            ("client_cert", text("/c.pem")),
            ("client_key", text("/k.pem")),
            ("ca_cert", text("base64://***")),
            ("token", Setting::Switch(true)),
        ] {
            let problem = read("vault", &addr, &[(key, value.clone())]).err();
            assert_eq!(
                problem.map(|problem| problem.code.id),
                Some("E-CONFIG-TYPE"),
                "{key} {value:?}"
            );
        }
        let fine = read("vault", &addr, &[("kv", text("auto")), ("timeout", Setting::Number(7))])
            .ok()
            .unwrap();
        assert_eq!((fine.kv, fine.limit), (None, Duration::from_secs(7)));
    }

    #[test]
    fn a_certificate_may_have_another_name_than_the_address() {
        let addr = ("VAULT_ADDR", "https://10.0.0.7:8200");
        let asked = |env: &[(&str, &str)], settings: &[(&str, Setting)]| {
            read("vault", env, settings).map(|settings| (settings.asked, settings.address, settings.host))
        };
        let named = ("VAULT_TLS_SERVER_NAME", "vault.corp");
        let expected = ["https://vault.corp:8200", "https://10.0.0.7:8200", "10.0.0.7"].map(str::to_owned);
        let found = asked(&[addr, named], &[]).ok().unwrap();
        assert_eq!([found.0, found.1, found.2], expected);
        let found = asked(&[addr], &[("tls_server_name", text("vault.corp"))]).ok().unwrap();
        assert_eq!([found.0, found.1, found.2], expected);
        let same = [
            ("VAULT_ADDR", "https://vault.corp"),
            ("VAULT_TLS_SERVER_NAME", "Vault.corp"),
        ];
        assert_eq!(read("vault", &same, &[]).ok().unwrap().tls_name, None);
        let plain = asked(&[("VAULT_ADDR", "http://10.0.0.7:8200"), named], &[])
            .ok()
            .unwrap();
        assert_eq!(plain.0, plain.1);
        for wrong in ["10.0.0.8", "a b", "vault.corp/x", "vault.corp:8200"] {
            assert!(asked(&[addr], &[("tls_server_name", text(wrong))]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn skipping_verification_is_said_in_so_many_words() {
        let verify = |value| {
            let env = [("VAULT_ADDR", "https://h"), ("VAULT_SKIP_VERIFY", value)];
            read("vault", &env, &[]).ok().unwrap().tls.verify
        };
        for on in ["1", "true", "TRUE", "t"] {
            assert!(!verify(on), "{on}");
        }
        for off in ["", "0", "false", "yes please"] {
            assert!(verify(off), "{off}");
        }
    }
}
