//! The way into a cluster: made of its files, kept while they stay as they are, and a login that is shared by all who ask.

use std::sync::Arc;

use base64::Engine as _;
use jiff::Timestamp;
use reqwest::Client;
use reqwest::header::HeaderValue;
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::Kubernetes;
use super::access::{Access, Login};
use super::plugin::{Given, Plugin};
use super::{expiry, failure};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::ladder::{Route, stages_until};
use crate::providers::net::proxy::Hop;
use crate::providers::net::tls::{self, Pem, TlsSettings};
use crate::providers::net::{http, proxy};
use crate::providers::shared::Shared;

/// A login that ends sooner is made anew: it must not end between this look and the request.
const EARLY: i64 = 10;

/// A cluster that can be asked.
pub(super) struct Ground {
    pub(super) access: Access,
    pub(super) route: Route,
    client: Client,
    /// What a plugin gave. Held while it runs, so that many readers wait for one.
    plugged: Shared<Option<Arc<Session>>>,
}

/// A login in use.
pub(super) struct Session {
    pub(super) client: Client,
    /// None for a client certificate, or nobody.
    pub(super) authorization: Option<HeaderValue>,
    /// When it ends, as far as it says so itself.
    pub(super) expires: Option<Timestamp>,
}

impl Session {
    fn lasts(&self) -> bool {
        self.expires
            .is_none_or(|end| Timestamp::now().as_second() + EARLY < end.as_second())
    }
}

impl Kubernetes {
    /// The cluster as its files describe it now.
    pub(super) async fn ground(&self) -> Result<Arc<Ground>, Problem> {
        let make = async {
            let made = self.make_ground().await;
            made.map_err(|problem| problem.steps(stages_until("config", true)))
        };
        self.ground.get_or_make(|ground| ground.access.holds(), make).await
    }

    async fn make_ground(&self) -> Result<Ground, Problem> {
        let (settings, name) = (self.settings.clone(), self.name.clone());
        // The system's certificates take 15–30 ms to read: not on a thread that others wait for.
        let (access, config) = blocking(move || {
            let access = Access::find(&settings, &name)?;
            let config = if access.https() {
                access.tls.config()?
            } else {
                tls::unused()?
            };
            Ok((access, config))
        })
        .await?;
        let proxy = match &access.proxy {
            Some(address) => Some(named_proxy(address)?),
            None => {
                let port = access.server.port_or_known_default().unwrap_or(443);
                proxy::of_host(&self.world, access.https(), access.host(), port)?
            }
        };
        Ok(Ground {
            route: Route {
                host: access.host().to_owned(),
                port: access.server.port_or_known_default().unwrap_or(443),
                tls: access.https().then(|| Arc::new(config.clone())),
                proxy: proxy.clone(),
            },
            client: self.client(&access, config, proxy)?,
            access,
            plugged: Shared::default(),
        })
    }

    fn client(&self, access: &Access, tls: ClientConfig, proxy: Option<Hop>) -> Result<Client, Problem> {
        let client = http::client_of(
            access.host(),
            access.tls_name.is_some(),
            tls,
            self.settings.limit,
            proxy.map(|hop| hop.client),
        )?;
        client.ok_or_else(|| {
            let what = "a cluster with tls-server-name cannot be reached through a proxy";
            Problem::new(&catalogue::K8S_KUBECONFIG, what)
                .causes(vec![
                    "the kubeconfig has tls-server-name, and proxy-url or HTTPS_PROXY names a proxy".to_owned(),
                ])
                .fixes(vec![format!("export NO_PROXY={}", access.host())])
        })
    }

    /// A login to ask with.
    pub(super) async fn session(&self, ground: &Ground) -> Result<Arc<Session>, Problem> {
        let access = &ground.access;
        let bearer = |token: &SecretString| {
            let token = token.expose_secret().trim();
            let end = expiry::of_token(token);
            Ok::<_, Problem>((Some(header("Bearer", token, ground)?), end))
        };
        let (authorization, end) = match &access.login {
            Login::Plugin(plugin) => return self.plugged(ground, plugin).await,
            Login::None => (None, None),
            Login::Token(token) => bearer(token)?,
            Login::TokenFile(file, instead) => match (crate::providers::file::read_text(file), instead) {
                (Ok(text), _) => bearer(&text)?,
                (Err(_), Some(token)) => bearer(token)?,
                (Err(error), None) => {
                    let what = format!(
                        "the token in {} cannot be read: {}",
                        file.display(),
                        crate::providers::file::why(&error)
                    );
                    return Err(failure::at_login(Problem::new(&catalogue::K8S_401, what), ground)
                        .causes(vec!["the file is missing, or belongs to somebody else".to_owned()]));
                }
            },
            Login::Password(user, password) => {
                let both = Zeroizing::new(format!("{user}:{}", password.expose_secret()));
                let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(both.as_bytes()));
                (Some(header("Basic", &encoded, ground)?), None)
            }
        };
        let certificate = access
            .tls
            .client
            .as_ref()
            .and_then(|(certificate, _)| end_of(certificate));
        Ok(Arc::new(Session {
            client: ground.client.clone(),
            expires: end.into_iter().chain(certificate).min(),
            authorization,
        }))
    }

    /// Another login in place of one that the cluster does not accept; none if there is only the same one again.
    pub(super) async fn another(&self, ground: &Ground, dead: &Arc<Session>) -> Result<Option<Arc<Session>>, Problem> {
        ground.plugged.forget(dead).await;
        let session = self.session(ground).await?;
        let plugged = matches!(ground.access.login, Login::Plugin(_));
        let same = session.authorization == dead.authorization && !(plugged && session.authorization.is_none());
        Ok((!same).then_some(session))
    }

    async fn plugged(&self, ground: &Ground, plugin: &Plugin) -> Result<Arc<Session>, Problem> {
        let make = async {
            let session = self.plug(ground, plugin).await;
            session.map_err(|problem| failure::at_login(problem, ground))
        };
        ground.plugged.get_or_make(Session::lasts, make).await
    }

    async fn plug(&self, ground: &Ground, plugin: &Plugin) -> Result<Session, Problem> {
        let Given {
            token,
            identity,
            expires,
        } = plugin.run(&self.world.env, self.settings.limit).await?;
        let authorization = match &token {
            Some(token) => Some(header("Bearer", token.expose_secret().trim(), ground)?),
            None => None,
        };
        let (client, certificate) = match identity {
            None => (ground.client.clone(), None),
            Some((certificate, key)) => {
                let certificate = Pem::Text(certificate);
                let end = end_of(&certificate);
                let tls = TlsSettings {
                    client: Some((certificate, Pem::Text(key))),
                    ..ground.access.tls.clone()
                };
                let config = tls.load().await?;
                (self.client(&ground.access, config, ground.route.proxy.clone())?, end)
            }
        };
        let token = token.as_ref().and_then(|token| expiry::of_token(token.expose_secret()));
        Ok(Session {
            client,
            authorization,
            expires: expires.or_else(|| token.into_iter().chain(certificate).min()),
        })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Problem::new(&catalogue::NET_CERT, "TLS cannot be set up")))
}

fn header(scheme: &str, credential: &str, ground: &Ground) -> Result<HeaderValue, Problem> {
    let line = Zeroizing::new(format!("{scheme} {credential}"));
    let fits = !credential.is_empty() && credential.bytes().all(|byte| byte.is_ascii_graphic());
    let value = HeaderValue::try_from(line.as_str()).ok().filter(|_| fits);
    let mut value = value.ok_or_else(|| {
        let what = format!(
            "the login of {} holds no token: it is empty, or has characters that no token has",
            ground.access.who()
        );
        failure::at_login(Problem::new(&catalogue::K8S_401, what), ground)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn end_of(certificate: &Pem) -> Option<Timestamp> {
    expiry::of_certificate(certificate.certificates().ok()?.first()?)
}

/// The proxy that the kubeconfig names for a cluster.
fn named_proxy(address: &str) -> Result<Hop, Problem> {
    let usable = address.starts_with("http://") || address.starts_with("https://");
    let proxy = usable.then(|| Hop::new("proxy-url", address)).flatten();
    // The address is not quoted: it may have a password in it.
    proxy.ok_or_else(|| {
        Problem::new(
            &catalogue::K8S_KUBECONFIG,
            "the proxy-url of the cluster cannot be used",
        )
        .causes(vec![
            "it is not http://HOST:PORT or https://HOST:PORT; SOCKS proxies are not supported".to_owned(),
        ])
    })
}
