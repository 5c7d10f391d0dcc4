//! Profiles of the shared files, each of which opens a session through the real binary: keys, roles over each other, programs, tokens, the
//! machine's own role, SSO. AWS' own Python client, told the same profile, comes as the same principal and fails at the same ones.

use serde_json::json;

use crate::aws_sessions::{FURTHER, LAST, OWN, both_refused, cloud, home, of_boto, opens_as};
use crate::liar::Liar;
use crate::sandbox::Sandbox;
use crate::tmux::Tmux;

const KEYS: &str = "[profile keys]\nregion = eu-west-1\naws_access_key_id = ASIAOWN\naws_secret_access_key = canary-own-key\n\
    aws_session_token = canary-own-token\n";

/// The section of a profile whose role is taken on with what the second part says.
fn assuming(profile: &str, role: &str, with: &str) -> String {
    format!("[profile {profile}]\nrole_arn = arn:aws:iam::123456789012:role/{role}\n{with}\n")
}

fn choose(sandbox: &Sandbox, profile: &str) {
    sandbox.config(&format!("[providers.aws]\nprofile = \"{profile}\"\n"));
}

/// Both clients come as this principal with each of these profiles.
#[track_caller]
fn open(liar: &Liar, sandbox: &Sandbox, profiles: &[(&str, &str)]) {
    for (profile, who) in profiles {
        choose(sandbox, profile);
        opens_as(liar, sandbox, Some(profile), who);
    }
}

/// Neither client gets in with these: the profile, our code, what AWS' own client raises.
#[track_caller]
fn refused(sandbox: &Sandbox, profiles: &[(&str, &str, &str)]) {
    for (profile, ours, theirs) in profiles {
        choose(sandbox, profile);
        both_refused(sandbox, Some(profile), ours, theirs);
    }
}

#[test]
fn keys_and_roles_over_them_open_a_session() {
    let liar = cloud();
    let sandbox = home(&liar);
    let sections = [
        KEYS.to_owned(),
        assuming("one", "further", "source_profile = keys"),
        assuming("two", "last", "source_profile = one"),
        assuming("denied", "nobody", "source_profile = keys"),
        assuming("skips", "last", "source_profile = keys"),
        assuming("round", "further", "source_profile = about"),
        assuming("about", "further", "source_profile = round"),
        assuming("astray", "further", "source_profile = nowhere"),
    ];
    sandbox.write(".aws/config", &sections.concat());
    open(&liar, &sandbox, &[("keys", OWN), ("one", FURTHER), ("two", LAST)]);
    refused(
        &sandbox,
        &[
            ("denied", "E-AWS-ASSUME", "AccessDenied"),
            ("skips", "E-AWS-ASSUME", "AccessDenied"),
            ("round", "E-AWS-PROFILE", "InfiniteLoopConfigError"),
            ("astray", "E-AWS-PROFILE", "InvalidConfigError"),
        ],
    );
    // The provider's own role over that of its profile is what the profile of two roles is.
    let role = "role_arn = \"arn:aws:iam::123456789012:role/last\"";
    sandbox.config(&format!("[providers.aws]\nprofile = \"one\"\n{role}\n"));
    opens_as(&liar, &sandbox, Some("two"), LAST);
}

#[test]
fn roles_over_every_other_login_open_a_session() {
    let liar = cloud();
    let mut sandbox = home(&liar);
    sandbox.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/pod", liar.address));
    sandbox.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-pod");
    sandbox.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &liar.address);
    sandbox.set("AWS_EC2_METADATA_DISABLED", "false");
    sandbox.set("AWS_METADATA_SERVICE_TIMEOUT", "20");
    let jwt = sandbox.write("jwt", "canary.jwt").display().to_string();
    let sections = [
        assuming("web", "dba", &format!("web_identity_token_file = {jwt}")),
        assuming("over-web", "further", "source_profile = web"),
        assuming("container", "further", "credential_source = EcsContainer"),
        assuming("machine", "further", "credential_source = Ec2InstanceMetadata"),
    ];
    sandbox.write(".aws/config", &sections.concat());
    let profiles = [
        ("web", OWN),
        ("over-web", FURTHER),
        ("container", FURTHER),
        ("machine", FURTHER),
    ];
    open(&liar, &sandbox, &profiles);
}

/// A program whose name has a blank, and which writes down how it was called: `terminal: yes 2 words, the first word`.
fn program(sandbox: &Sandbox, ends_with: u8) -> String {
    let keys = json!({ "Version": 1, "AccessKeyId": OWN, "SecretAccessKey": "canary-own-key", "SessionToken": "canary-own-token" });
    let script = format!(
        "#!/bin/sh\nif (echo 'from the program' >/dev/tty) 2>/dev/null; then terminal=yes; else terminal=no; fi\n\
         echo \"terminal: $terminal, $# words, $1\" >>\"$0.said\"\necho 'canary said' >&2\necho '{keys}'\nexit {ends_with}\n"
    );
    sandbox.program("key giver", &script).display().to_string()
}

#[test]
fn a_program_of_a_profile_opens_a_session() {
    let liar = cloud();
    let sandbox = home(&liar);
    let program_path = program(&sandbox, 0);
    let sections = [
        format!("[profile process]\ncredential_process = \"{program_path}\" 'two words' \"a \\\"quote\\\"\"\n"),
        assuming("over-process", "further", "source_profile = process"),
    ];
    sandbox.write(".aws/config", &sections.concat());
    open(&liar, &sandbox, &[("process", OWN), ("over-process", FURTHER)]);
    let said = std::fs::read_to_string(format!("{program_path}.said")).unwrap();
    assert!(said.lines().count() >= 6, "{said}");
    assert!(
        said.lines().all(|line| line.ends_with(", 2 words, two words")),
        "{said}"
    );
    program(&sandbox, 3);
    refused(&sandbox, &[("process", "E-AWS-PROCESS", "CredentialRetrievalError")]);
}

#[test]
fn a_program_of_a_profile_cannot_touch_the_terminal() {
    let liar = cloud();
    let sandbox = home(&liar);
    let program = program(&sandbox, 0);
    sandbox.write(
        ".aws/config",
        &format!("[profile process]\ncredential_process = \"{program}\"\n"),
    );
    choose(&sandbox, "process");
    let terminal = Tmux::hallpass(
        &sandbox,
        (100, 30),
        &["exec", "it", "--", "sh", "-c", "echo opened >/dev/tty"],
    );
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(screen.contains("opened"), "{screen}");
    assert!(
        !screen.contains("from the program") && !screen.contains("canary"),
        "{screen}"
    );
    let said = std::fs::read_to_string(format!("{program}.said")).unwrap();
    assert_eq!(said, "terminal: no, 0 words, \n");
}

/// Where all AWS clients keep a login: under the SHA-1 of the session's name, or of the start page where the profile is of the older form.
const OF_SESSION: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const OF_START_PAGE: &str = ".aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";

/// A home whose profiles log in by SSO, of the newer form and of the older one.
fn sso_home(liar: &Liar) -> Sandbox {
    let sandbox = home(liar);
    let role = |name: &str| format!("sso_account_id = 123456789012\nsso_role_name = {name}\nregion = eu-west-1\n");
    let start = "sso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n";
    let sections = [
        format!(
            "[sso-session corp]\n{start}[profile work]\nsso_session = corp\n{}",
            role("DBA")
        ),
        format!("[profile stranger]\nsso_session = corp\n{}", role("Nobody")),
        format!("[profile legacy]\n{start}{}", role("DBA")),
        assuming("over-sso", "further", "source_profile = work"),
    ];
    sandbox.write(".aws/config", &sections.concat());
    sandbox
}

/// Writes the file of a login with this token and this end; with a refresh token, that and what it was registered with.
fn cached(sandbox: &Sandbox, file: &str, token: &str, until: &str, refresh: Option<&str>) {
    let mut cached = json!({ "startUrl": "https://corp.awsapps.com/start", "region": "eu-west-1", "accessToken": token, "expiresAt": until });
    if let Some(refresh) = refresh {
        cached["clientId"] = "client".into();
        cached["clientSecret"] = "canary-client".into();
        cached["registrationExpiresAt"] = LATER.into();
        cached["refreshToken"] = refresh.into();
    }
    sandbox.write(file, &cached.to_string());
}

const BEFORE: &str = "2020-01-01T00:00:00Z";
const LATER: &str = "2099-01-01T00:00:00Z";

#[test]
fn sso_opens_a_session() {
    let liar = cloud();
    let sandbox = sso_home(&liar);
    // Each form has its own file: with one of them, the other has not logged in.
    cached(&sandbox, OF_SESSION, "canary-sso", LATER, None);
    open(&liar, &sandbox, &[("work", OWN), ("over-sso", FURTHER)]);
    refused(
        &sandbox,
        &[
            ("legacy", "E-AWS-EXPIRED-SSO", "SSOTokenLoadError"),
            ("stranger", "E-AWS-SSO", "ForbiddenException"),
        ],
    );
    cached(&sandbox, OF_START_PAGE, "canary-sso", LATER, None);
    open(&liar, &sandbox, &[("legacy", OWN)]);
    for (token, until, of_session) in [
        ("canary-revoked", LATER, "UnauthorizedSSOTokenError"),
        ("canary-sso", BEFORE, "TokenRetrievalError"),
    ] {
        for file in [OF_SESSION, OF_START_PAGE] {
            cached(&sandbox, file, token, until, None);
        }
        refused(
            &sandbox,
            &[
                ("work", "E-AWS-EXPIRED-SSO", of_session),
                ("legacy", "E-AWS-EXPIRED-SSO", "UnauthorizedSSOTokenError"),
            ],
        );
    }
}

#[test]
fn an_sso_login_that_one_client_renews_serves_the_other() {
    let liar = cloud();
    let sandbox = sso_home(&liar);
    let renewals = || liar.asked().iter().filter(|request| request.contains("/token")).count();
    cached(&sandbox, OF_SESSION, "canary-old", BEFORE, Some("canary-refresh"));
    open(&liar, &sandbox, &[("work", OWN)]);
    assert_eq!(renewals(), 1, "by hallpass");
    cached(&sandbox, OF_SESSION, "canary-old", BEFORE, Some("canary-refresh"));
    assert_eq!(of_boto(&sandbox, Some("work"))["SecretString"], "the-value");
    assert_eq!(renewals(), 2, "by AWS' own client");
    open(&liar, &sandbox, &[("work", OWN)]);
    assert_eq!(renewals(), 2, "it still holds");
    cached(&sandbox, OF_SESSION, "canary-old", BEFORE, Some("canary-used"));
    refused(&sandbox, &[("work", "E-AWS-EXPIRED-SSO", "TokenRetrievalError")]);
}
