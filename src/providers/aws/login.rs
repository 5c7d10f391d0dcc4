//! Credentials: obtained the way [`Origin`] says, kept until shortly before they end, one login at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::endpoint::{self, Service, Variant};
use super::failure::failure;
use super::origin::{self, Origin};
use super::profiles::Profiles;
use super::settings::{Role, is_region};
use super::{Aws, machine, process, sso};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::net::ladder::stages_until;
use crate::providers::shared::Shared;

/// Credentials that end sooner than this are asked for anew.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Whether a request can carry them: the SDK takes it for granted, and panics otherwise (aws-runtime 1.5, `auth.rs`).
fn fits_into_a_header(credentials: &Credentials) -> bool {
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    visible(credentials.access_key_id()) && credentials.session_token().is_none_or(visible)
}

fn unfit(words: &str) -> Problem {
    let what = format!("the access key or the session token holds a character that none has ({words})");
    Problem::new(&catalogue::AWS_NOCRED, what).causes(vec![
        "a line break, a blank or a control character was copied with it".to_owned(),
    ])
}

/// Credentials in use.
pub(super) struct Login {
    pub(super) credentials: Credentials,
    /// As whom, in words.
    pub(super) words: String,
    /// Whether a new login may bring others: keys that stand in the environment stay what they are.
    pub(super) renewable: bool,
}

impl Login {
    fn lasts(&self) -> bool {
        let end = self.credentials.expiry();
        end.is_none_or(|end| end > SystemTime::now() + RENEW_BEFORE)
    }
}

type SharedLogin = Arc<Shared<Option<Arc<Login>>>>;

/// What was found out of the logins so far.
#[derive(Default)]
pub(super) struct Session {
    profiles: tokio::sync::Mutex<Option<Arc<Profiles>>>,
    /// By the role that is taken on beyond the settings' own; none for the login itself.
    logins: Mutex<BTreeMap<Option<String>, SharedLogin>>,
}

impl Session {
    fn login(&self, role_arn: Option<&str>) -> SharedLogin {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(logins.entry(role_arn.map(str::to_owned)).or_default())
    }

    fn forget_logins(&self) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.clear();
    }
}

impl Aws {
    /// The credentials of the provider's login; with `role_arn`, those of that role, taken on with them. `near` is the region they are for.
    pub(super) async fn credentials(&self, role_arn: Option<&str>, near: &str) -> Result<Credentials, Problem> {
        Ok(self.login_as(role_arn, Some(near)).await?.credentials.clone())
    }

    /// The region in which a login is asked for: the one that is set, else `near`, the region that the login is for.
    pub(super) async fn region_near(&self, near: Option<&str>) -> Result<String, Problem> {
        let set = self.region_set(&*self.profiles().await?).map(str::to_owned);
        self.region(set.as_deref().or(near)).await
    }

    fn region_set<'a>(&'a self, profiles: &'a Profiles) -> Option<&'a str> {
        let settings = self.settings.region.as_deref();
        settings
            .or_else(|| self.world.text("AWS_REGION"))
            .or_else(|| self.world.text("AWS_DEFAULT_REGION"))
            .or_else(|| profiles.get("region"))
    }

    /// The region to ask in: the given one, else that of the settings, the environment, the profile.
    pub(super) async fn region(&self, given: Option<&str>) -> Result<String, Problem> {
        let profiles = self.profiles().await?;
        let known = given.or_else(|| self.region_set(&profiles));
        match known.map(str::trim) {
            Some(region) if is_region(region) => Ok(region.to_owned()),
            Some(region) => {
                let what = format!("`{}` is not the name of a region", region.escape_debug());
                Err(Problem::new(&catalogue::AWS_REGION, what).causes(vec![
                    "AWS_REGION, AWS_DEFAULT_REGION or region in ~/.aws/config is mistyped".to_owned(),
                ]))
            }
            None => {
                // A profile that is not there says no region either, and is what has to be put right.
                profiles.selected()?;
                let what = format!("no region is known for provider `{}`", self.name);
                let profile = profiles.selected_name();
                Err(Problem::new(&catalogue::AWS_REGION, what)
                    .causes(vec![format!(
                        "none of these says one: the reference (only an ARN can), region in [providers.{}], AWS_REGION, profile `{profile}`",
                        self.name
                    )])
                    .fixes(vec![
                        format!("region = \"eu-west-1\"   in [providers.{}]", self.name),
                        "export AWS_REGION=eu-west-1".to_owned(),
                        match profile {
                            "default" => "aws configure set region eu-west-1".to_owned(),
                            profile => format!("aws configure set region eu-west-1 --profile {profile}"),
                        },
                    ]))
            }
        }
    }

    /// What the files of the AWS clients hold now. Where one was changed, the logins that were made from them are forgotten.
    pub(super) async fn profiles(&self) -> Result<Arc<Profiles>, Problem> {
        let mut known = self.session.profiles.lock().await;
        match &*known {
            Some(profiles) if profiles.hold() => return Ok(Arc::clone(profiles)),
            Some(_) => self.session.forget_logins(),
            None => {}
        }
        *known = None;
        let profiles = Profiles::load(self.settings.profile.as_deref(), &self.world).await?;
        let profiles = Arc::new(profiles);
        *known = Some(Arc::clone(&profiles));
        Ok(profiles)
    }

    /// The address of a service, where it is not AWS' own.
    pub(super) async fn endpoint_of(&self, service: Service) -> Result<Option<String>, Problem> {
        endpoint::given(service, &self.settings, &*self.profiles().await?, &self.world)
    }

    /// A login that still holds; the one there is, or a new one. `near` is the region that it is for, if that is known.
    pub(super) async fn login_as(&self, role_arn: Option<&str>, near: Option<&str>) -> Result<Arc<Login>, Problem> {
        self.profiles().await?;
        let shared = self.session.login(role_arn);
        let make = async {
            match role_arn {
                None => self.log_in(near).await,
                Some(arn) => self.log_in_further(arn, near).await,
            }
        };
        shared.get_or_make(Login::lasts, make).await
    }

    /// Another login than this one, which a service did not accept; none if there can be no other.
    pub(super) async fn another(&self, refused: &Arc<Login>, near: &str) -> Result<Option<Arc<Login>>, Problem> {
        if !refused.renewable {
            return Ok(None);
        }
        if self.session.login(None).forget(refused).await {
            *self.session.profiles.lock().await = None;
        }
        let login = self.login_as(None, Some(near)).await?;
        let same = login.credentials.access_key_id() == refused.credentials.access_key_id()
            && login.credentials.session_token() == refused.credentials.session_token()
            && login.credentials.secret_access_key() == refused.credentials.secret_access_key();
        Ok((!same).then_some(login))
    }

    /// Makes the next question log in anew.
    pub(super) async fn forget(&self) {
        *self.session.profiles.lock().await = None;
        self.session.forget_logins();
    }

    async fn log_in(&self, near: Option<&str>) -> Result<Login, Problem> {
        let profiles = self.profiles().await?;
        let origin = origin::find(&self.settings, &profiles, &self.world).map_err(at_login)?;
        Ok(Login {
            credentials: self.obtain(&origin, near).await?,
            words: origin.words(),
            renewable: !matches!(&origin, Origin::Keys { from, .. } if !from.starts_with("profile")),
        })
    }

    async fn log_in_further(&self, role_arn: &str, near: Option<&str>) -> Result<Login, Problem> {
        let base = Box::pin(self.login_as(None, near)).await?;
        let role = self.settings.role(role_arn);
        Ok(Login {
            credentials: self.assume(&role, &base.credentials, &base.words, near).await?,
            words: format!("assumed role {role_arn} from {}", base.words),
            renewable: true,
        })
    }

    async fn obtain(&self, origin: &Origin, near: Option<&str>) -> Result<Credentials, Problem> {
        let credentials = match origin {
            Origin::Keys { id, secret, token, .. } => {
                let mut keys = Credentials::builder()
                    .access_key_id(id)
                    .secret_access_key(secret.expose_secret())
                    .provider_name("hallpass");
                keys.set_session_token(token.as_ref().map(|token| token.expose_secret().to_owned()));
                Ok(keys.build())
            }
            Origin::Process { command, profile } => process::credentials(command, profile, self).await,
            Origin::Sso(sso) => sso::credentials(sso, self).await,
            Origin::WebIdentity { token_file, role } => self.with_web_identity(token_file, role, near).await,
            Origin::Container { url, authorization } => machine::of_container(url, authorization.as_ref(), self).await,
            Origin::Machine => machine::of_machine(self).await,
            Origin::Assumed { base, role } => {
                let credentials = Box::pin(self.obtain(base, near)).await?;
                self.assume(role, &credentials, &base.words(), near).await
            }
        }?;
        if fits_into_a_header(&credentials) {
            Ok(credentials)
        } else {
            Err(at_login(unfit(&origin.words())))
        }
    }

    /// What every client of the SDK is told. Nothing is left to be looked for elsewhere.
    pub(super) async fn sdk(
        &self,
        service: Service,
        region: &str,
        credentials: Option<&Credentials>,
    ) -> Result<SdkConfig, Problem> {
        let variant = Variant::of(&*self.profiles().await?, &self.world);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(self.transport.clone())
            // The transport sends again by itself, and has a limit of its own.
            .retry_config(RetryConfig::disabled());
        config.set_endpoint_url(self.endpoint_of(service).await?);
        config.set_use_fips(Some(variant.fips));
        config.set_use_dual_stack(Some(variant.dual_stack));
        config.set_credentials_provider(credentials.cloned().map(SharedCredentialsProvider::new));
        Ok(config.build())
    }

    /// Takes a role on.
    async fn assume(
        &self,
        role: &Role,
        with: &Credentials,
        words: &str,
        near: Option<&str>,
    ) -> Result<Credentials, Problem> {
        let region = self.region_near(near).await?;
        let sdk = self.sdk(Service::Sts, &region, Some(with)).await?;
        let answer = aws_sdk_sts::Client::new(&sdk)
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(&role.session_name)
            .set_external_id(role.external_id.clone())
            .send()
            .await;
        match answer {
            Ok(answer) => self.role_credentials(answer.credentials()),
            Err(error) => Err(self.not_assumed(failure(&error), role, words, &region).await),
        }
    }

    async fn with_web_identity(
        &self,
        token_file: &str,
        role: &Role,
        near: Option<&str>,
    ) -> Result<Credentials, Problem> {
        let unreadable = |why: &str| {
            let what = format!("the web identity token in {token_file} cannot be used: {why}");
            at_login(Problem::new(&catalogue::AWS_WEB_IDENTITY, what))
        };
        // Read at every login: Kubernetes writes a new one before the old one ends.
        let path = crate::providers::settings::path(token_file, &self.world);
        let token = crate::providers::file::read_text(&path)
            .map_err(|error| unreadable(&crate::providers::file::why(&error)))?;
        let token = token.expose_secret();
        if token.trim().is_empty() {
            return Err(unreadable("the file is empty"));
        }
        let region = self.region_near(near).await?;
        let sdk = self.sdk(Service::Sts, &region, None).await?;
        let answer = aws_sdk_sts::Client::new(&sdk)
            .assume_role_with_web_identity()
            .role_arn(&role.arn)
            .role_session_name(&role.session_name)
            .web_identity_token(token.trim())
            .send()
            .await;
        match answer {
            Ok(answer) => self.role_credentials(answer.credentials()),
            Err(error) => Err(self.not_identified(failure(&error), role, token_file, &region).await),
        }
    }

    fn role_credentials(&self, given: Option<&aws_sdk_sts::types::Credentials>) -> Result<Credentials, Problem> {
        let given =
            given.ok_or_else(|| Problem::new(&catalogue::PROVIDER_UPSTREAM, "STS answered without credentials"))?;
        Ok(Credentials::builder()
            .access_key_id(given.access_key_id())
            .secret_access_key(given.secret_access_key())
            .session_token(given.session_token())
            .expiry(SystemTime::try_from(*given.expiration()).unwrap_or(SystemTime::UNIX_EPOCH))
            .provider_name("hallpass")
            .build())
    }
}

/// Credentials as programs, containers and machines print them. No `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GivenKeys {
    pub(super) version: Option<u64>,
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

impl GivenKeys {
    pub(super) fn into_credentials(self) -> Credentials {
        let end: Option<Timestamp> = self.expiration.as_deref().and_then(|time| time.parse().ok());
        let mut keys = Credentials::builder()
            .access_key_id(self.access_key_id)
            .secret_access_key(self.secret_access_key)
            .provider_name("hallpass");
        keys.set_session_token(self.session_token.filter(|token| !token.is_empty()));
        keys.set_expiry(end.map(SystemTime::from));
        keys.build()
    }
}

/// A problem of the login: the rungs before it hold.
pub(super) fn at_login(problem: Problem) -> Problem {
    problem.steps(stages_until("login", true))
}

#[cfg(test)]
mod tests {
    use crate::domain::reference::ProviderKind;
    use crate::providers::{ProviderConfig, World};

    #[tokio::test]
    async fn what_no_request_can_carry_is_an_error() {
        for (id, token, fits) in [
            ("AKID", "dG9rZW4=/+", true),
            ("AK\nID", "t", false),
            ("AKID", "to\u{7}ken", false),
            ("AKIDé", "t", false),
        ] {
            let world = World::of(&[
                ("AWS_ACCESS_KEY_ID", id),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_SESSION_TOKEN", token),
            ]);
            let aws = super::super::new(&ProviderConfig::of("aws", ProviderKind::Aws, &[]), &world)
                .ok()
                .unwrap();
            let login = aws.login_as(None, Some("eu-west-1")).await;
            assert_eq!(
                login.map_err(|problem| problem.code.id).err(),
                (!fits).then_some("E-AWS-NOCRED"),
                "{id} {token}"
            );
        }
    }

    #[test]
    fn files_of_the_aws_clients_are_read_again_when_they_change() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".aws");
        std::fs::create_dir(&folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let world = World {
            home: Some(home.path().to_owned()),
            ..World::of(&[])
        };
        let aws = super::super::new(&ProviderConfig::of("aws", ProviderKind::Aws, &[]), &world)
            .ok()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let region = || runtime.block_on(aws.region(None)).map_err(|problem| problem.code.id);
        let keys = || {
            let login = runtime.block_on(aws.login_as(None, Some("eu-west-1")));
            login
                .map(|login| login.credentials.access_key_id().to_owned())
                .map_err(|problem| problem.code.id)
        };
        assert_eq!(region(), Err("E-AWS-REGION"));
        write("config", "[default]\nregion = eu-north-1\n");
        assert_eq!(region().as_deref(), Ok("eu-north-1"));
        write(
            "credentials",
            "[default]\naws_access_key_id = AKIDONE\naws_secret_access_key = one\n",
        );
        assert_eq!(keys().as_deref(), Ok("AKIDONE"));
        assert_eq!(keys().as_deref(), Ok("AKIDONE"));
        write(
            "credentials",
            "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other\n",
        );
        assert_eq!(keys().as_deref(), Ok("AKIDOTHER"));
    }
}
