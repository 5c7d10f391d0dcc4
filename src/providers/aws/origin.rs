//! Where credentials come from: the chain that all AWS clients share (environment, profile, web identity, container, machine), as data.
//!
//! The SDK's own chain cannot be used: it reads the environment of the process whatever it is told, its login program inherits the
//! terminal, and its errors are texts.

use aws_runtime::env_config::section::Profile;
use secrecy::SecretString;

use super::profiles::Profiles;
use super::settings::{AwsSettings, Role, default_session_name, is_role_arn};
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;

/// What keys in variables are called.
pub(super) const ENVIRONMENT: &str = "keys of the environment";
/// How many profiles may name each other as their source.
const LONGEST_CHAIN: usize = 8;

/// One way to credentials. No `Debug`: it may hold them.
pub(super) enum Origin {
    Keys {
        id: String,
        secret: SecretString,
        token: Option<SecretString>,
        /// As a person would say it: "the environment", "profile work".
        from: String,
    },
    /// A program that prints credentials. Its arguments may hold secrets.
    Process {
        command: SecretString,
        profile: String,
    },
    Sso(Sso),
    /// A token in a file stands for the role: Kubernetes service accounts, CI.
    WebIdentity {
        token_file: String,
        role: Role,
    },
    /// The endpoint that ECS and EKS give a container.
    Container {
        url: String,
        authorization: Option<Authorization>,
    },
    /// The metadata service of a virtual machine.
    Machine,
    Assumed {
        base: Box<Self>,
        role: Role,
    },
}

/// What the container's endpoint wants to be shown.
#[derive(Clone)]
pub(super) enum Authorization {
    Given(SecretString),
    File(String),
}

/// A profile of IAM Identity Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sso {
    pub(super) profile: String,
    /// Of the section `[sso-session NAME]`; none in a profile of the older form.
    pub(super) session: Option<String>,
    pub(super) start_url: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) role: String,
    /// What the login asks for.
    pub(super) scopes: Vec<String>,
}

impl Origin {
    /// As whom we come, for the list of providers.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Keys { from, .. } => from.clone(),
            Self::Process { profile, .. } => format!("profile {profile}, credential_process"),
            Self::Sso(sso) => format!("sso, role {}", sso.role),
            Self::WebIdentity { role, .. } => format!("web identity, role {}", role.name()),
            Self::Container { .. } => "the container's role".to_owned(),
            Self::Machine => "the machine's role".to_owned(),
            Self::Assumed { base, role } => format!("assumed role {} from {}", role.arn, base.words()),
        }
    }

    /// The SSO login that everything else hangs on, if there is one.
    pub(super) fn sso(&self) -> Option<&Sso> {
        match self {
            Self::Sso(sso) => Some(sso),
            Self::Assumed { base, .. } => base.sso(),
            _ => None,
        }
    }
}

impl Role {
    /// The role's name without account and path.
    pub(super) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// The first way that is there.
pub(super) fn find(settings: &AwsSettings, profiles: &Profiles, world: &World) -> Result<Origin, Problem> {
    let base = base(settings, profiles, world)?;
    Ok(match &settings.role_arn {
        None => base,
        Some(arn) => Origin::Assumed {
            base: Box::new(base),
            role: settings.role(arn),
        },
    })
}

fn base(settings: &AwsSettings, profiles: &Profiles, world: &World) -> Result<Origin, Problem> {
    if settings.profile.is_none()
        && let Some(keys) = of_environment(world)
    {
        return Ok(keys);
    }
    if let Some(profile) = profiles.selected()?
        && let Some(origin) = of_profile(profile, profiles, world, &mut Vec::new())?
    {
        return Ok(origin);
    }
    if settings.profile.is_some() {
        let name = profiles.selected_name();
        let what = format!("profile `{name}` says of no way to log in");
        return Err(Problem::new(&catalogue::AWS_PROFILE, what)
            .causes(vec![
                "it has no keys, role_arn, sso_session or credential_process, neither in ~/.aws/config nor in ~/.aws/credentials"
                    .to_owned(),
            ])
            .fixes(vec![
                format!("aws configure sso --profile {name}"),
                format!("aws configure --profile {name}"),
            ]));
    }
    if let (Some(token_file), Some(arn)) = (
        world.text("AWS_WEB_IDENTITY_TOKEN_FILE"),
        world.text("AWS_ROLE_ARN").filter(|arn| is_role_arn(arn)),
    ) {
        return Ok(web_identity(
            token_file,
            arn,
            world.text("AWS_ROLE_SESSION_NAME"),
            world,
        ));
    }
    if let Some(container) = of_container(world) {
        return Ok(container);
    }
    if settings.imds && !is_true(world.text("AWS_EC2_METADATA_DISABLED")) {
        return Ok(Origin::Machine);
    }
    Err(nothing(settings, profiles))
}

fn of_environment(world: &World) -> Option<Origin> {
    // The older name of the secret key is read by the SDK, too.
    let secret = world
        .text("AWS_SECRET_ACCESS_KEY")
        .or_else(|| world.text("SECRET_ACCESS_KEY"))?;
    Some(Origin::Keys {
        id: world.text("AWS_ACCESS_KEY_ID")?.trim().to_owned(),
        secret: SecretString::from(secret.trim()),
        token: world
            .text("AWS_SESSION_TOKEN")
            .map(|token| SecretString::from(token.trim())),
        from: ENVIRONMENT.to_owned(),
    })
}

fn of_container(world: &World) -> Option<Origin> {
    // The address of ECS' own endpoint never changes.
    let url = match world.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        Some(path) if path.starts_with('/') => format!("http://169.254.170.2{path}"),
        _ => world.text("AWS_CONTAINER_CREDENTIALS_FULL_URI")?.to_owned(),
    };
    let file = world
        .text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        .map(|file| Authorization::File(file.to_owned()));
    let given = world
        .text("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        .map(|token| Authorization::Given(SecretString::from(token)));
    Some(Origin::Container {
        url,
        authorization: file.or(given),
    })
}

fn web_identity(token_file: &str, arn: &str, session_name: Option<&str>, world: &World) -> Origin {
    Origin::WebIdentity {
        token_file: token_file.to_owned(),
        role: Role {
            arn: arn.to_owned(),
            external_id: None,
            session_name: session_name.map_or_else(|| default_session_name(world), str::to_owned),
        },
    }
}

/// The way that a profile says; none if it says of none. `through` are the profiles that led here.
fn of_profile(
    profile: &Profile,
    profiles: &Profiles,
    world: &World,
    through: &mut Vec<String>,
) -> Result<Option<Origin>, Problem> {
    let name = profile.name();
    let get = |key: &str| profile.get(key).map(str::trim).filter(|value| !value.is_empty());
    if through.iter().any(|passed| passed == name) || through.len() >= LONGEST_CHAIN {
        through.push(name.to_owned());
        let what = format!(
            "profiles name each other as their source in a circle: {}",
            through.join(" → ")
        );
        return Err(Problem::new(&catalogue::AWS_PROFILE, what).causes(vec![]).fixes(vec![
            "give one of them a source_profile outside of the circle, in ~/.aws/config".to_owned(),
        ]));
    }
    // A profile that is another's source gives its keys before anything else.
    if !through.is_empty()
        && let Some(keys) = keys_of(profile)
    {
        return Ok(Some(keys));
    }
    through.push(name.to_owned());
    let Some(arn) = get("role_arn") else {
        return of_own(profile, profiles);
    };
    if let Some(token_file) = get("web_identity_token_file") {
        return Ok(Some(web_identity(token_file, arn, get("role_session_name"), world)));
    }
    if get("mfa_serial").is_some() {
        return Err(wants_code(name));
    }
    let incomplete = |why: &str| incomplete(name, why);
    let base = match (get("source_profile"), get("credential_source")) {
        (Some(_), Some(_)) => return Err(incomplete("it has both source_profile and credential_source")),
        (None, None) => {
            return Err(incomplete(
                "it has role_arn and neither source_profile nor credential_source",
            ));
        }
        (Some(own), None) if own == name => keys_of(profile).or(of_own(profile, profiles)?),
        (Some(source), None) => of_profile(profiles.source(source, name)?, profiles, world, through)?,
        (None, Some(source)) => match source.to_ascii_lowercase().as_str() {
            "environment" => of_environment(world),
            "ecscontainer" => of_container(world),
            "ec2instancemetadata" => Some(Origin::Machine),
            _ => {
                return Err(incomplete(
                    "its credential_source is none of Environment, EcsContainer, Ec2InstanceMetadata",
                ));
            }
        },
    };
    let base = base.ok_or_else(|| incomplete("what it takes the role on with is not there"))?;
    Ok(Some(Origin::Assumed {
        base: Box::new(base),
        role: Role {
            arn: arn.to_owned(),
            external_id: get("external_id").map(str::to_owned),
            session_name: get("role_session_name").map_or_else(|| default_session_name(world), str::to_owned),
        },
    }))
}

/// What a profile can do without a role.
fn of_own(profile: &Profile, profiles: &Profiles) -> Result<Option<Origin>, Problem> {
    if let Some(sso) = sso_of(profile, profiles)? {
        return Ok(Some(Origin::Sso(sso)));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Origin::Process {
            command: SecretString::from(command),
            profile: profile.name().to_owned(),
        }));
    }
    if profile.get("login_session").is_some() {
        return Err(incomplete(
            profile.name(),
            "it was made by `aws login`, whose sessions hallpass does not read; sso_session or keys work",
        ));
    }
    match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        (Some(_), None) => Err(incomplete(
            profile.name(),
            "it has aws_access_key_id and no aws_secret_access_key",
        )),
        (None, Some(_)) => Err(incomplete(
            profile.name(),
            "it has aws_secret_access_key and no aws_access_key_id",
        )),
        _ => Ok(keys_of(profile)),
    }
}

fn keys_of(profile: &Profile) -> Option<Origin> {
    Some(Origin::Keys {
        id: profile.get("aws_access_key_id")?.trim().to_owned(),
        secret: SecretString::from(profile.get("aws_secret_access_key")?.trim()),
        token: profile
            .get("aws_session_token")
            .map(|token| SecretString::from(token.trim())),
        from: format!("profile {}", profile.name()),
    })
}

/// The SSO login of a profile, in its newer form (a session that several profiles share) or its older one.
pub(super) fn sso_of(profile: &Profile, profiles: &Profiles) -> Result<Option<Sso>, Problem> {
    let own = |key: &str| profile.get(key).map(str::trim).filter(|value| !value.is_empty());
    let session = own("sso_session");
    if session.is_none() && own("sso_start_url").is_none() {
        return Ok(None);
    }
    let missing = |key: &str| match session {
        Some(session) => incomplete(
            profile.name(),
            &format!("neither it nor [sso-session {session}] has {key}"),
        ),
        None => incomplete(profile.name(), &format!("it has no {key}")),
    };
    let get = |key: &str| {
        session
            .and_then(|session| profiles.sso_session(session, key))
            .or_else(|| own(key))
    };
    let needed = |key: &str| get(key).map(str::to_owned).ok_or_else(|| missing(key));
    Ok(Some(Sso {
        profile: profile.name().to_owned(),
        session: session.map(str::to_owned),
        start_url: needed("sso_start_url")?,
        region: needed("sso_region")?,
        account: needed("sso_account_id")?,
        role: needed("sso_role_name")?,
        scopes: get("sso_registration_scopes")
            .unwrap_or("sso:account:access")
            .split(',')
            .map(|scope| scope.trim().to_owned())
            .collect(),
    }))
}

fn incomplete(profile: &str, why: &str) -> Problem {
    Problem::new(
        &catalogue::AWS_PROFILE,
        format!("profile `{profile}` cannot be used: {why}"),
    )
    .causes(vec![])
    .fixes(vec![
        format!("correct [profile {profile}] in ~/.aws/config"),
        format!("aws configure list --profile {profile}"),
    ])
}

/// A launch asks nobody for a code, and STS would only say that the role is denied.
fn wants_code(profile: &str) -> Problem {
    let what = format!("profile `{profile}` wants a code from an MFA device (mfa_serial), and hallpass asks for none");
    Problem::new(&catalogue::AWS_PROFILE, what)
        .causes(vec![
            "the role it takes on is only given to who has shown a code".to_owned(),
        ])
        .fixes(vec![
            format!(
                "eval \"$(aws configure export-credentials --profile {profile} --format env)\"   (asks for the code), then start hallpass again"
            ),
            "use a profile of IAM Identity Center: aws configure sso".to_owned(),
        ])
}

fn nothing(settings: &AwsSettings, profiles: &Profiles) -> Problem {
    let name = profiles.selected_name();
    let machine = if settings.imds {
        "AWS_EC2_METADATA_DISABLED is true"
    } else {
        "imds = true is not set"
    };
    Problem::new(&catalogue::AWS_NOCRED, "no credentials for AWS were found").causes(vec![format!(
        "looked for, in this order: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY; profile `{name}` in ~/.aws/config and ~/.aws/credentials; \
         AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN; a container's endpoint; the metadata service was not asked ({machine})"
    )])
    .fixes(vec![
        "aws configure sso   (or: export AWS_PROFILE=NAME)".to_owned(),
        if settings.imds {
            "unset AWS_EC2_METADATA_DISABLED   where the machine's own role is meant".to_owned()
        } else {
            "imds = true in the provider's configuration, on a machine whose own role is meant".to_owned()
        },
    ])
}

fn is_true(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}
