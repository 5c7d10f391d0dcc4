//! Login tokens for RDS databases: the address of a request that is signed and never sent, as `generate_db_auth_token` of the vendor's own
//! clients makes it. The database takes it as the password of a user who logs in by IAM.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::endpoint::PARTITIONS;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::domain::secret::{Payload, SecretValue};
use crate::providers::{DatabaseLogin, Fetched};

/// How long a token opens connections: more is never granted.
const LIFETIME: Duration = Duration::from_secs(900);

/// What stands in a query as it is (RFC 3986); everything else is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The region of the database: what the field says, else the provider's configuration, else the host's name. The environment is not
/// asked: a token for another region is refused by the database without a reason.
pub(super) fn region(login: &DatabaseLogin, configured: Option<&str>) -> Result<String, Problem> {
    let said = login.region.as_deref().or(configured);
    said.or_else(|| region_in(&login.host))
        .map(str::to_owned)
        .ok_or_else(|| {
            let what = format!("nothing says in which region the database {} is", login.host);
            let field = format!(
                "in the field: {{ rds_iam = \"{}\", region = \"eu-west-1\" }}",
                login.user
            );
            Problem::new(&catalogue::AWS_RDS_REGION, what).fix(field)
        })
}

/// What is to be said where the name that AWS gave the host is one of another region: the database takes no token but that of its own.
pub(super) fn misplaced(login: &DatabaseLogin, region: &str, provider: &str) -> Option<String> {
    let own = region_in(&login.host).filter(|own| !own.eq_ignore_ascii_case(region))?;
    let (said, fix) = match login.region {
        Some(_) => (
            "region in the field".to_owned(),
            format!("correct it: region = \"{own}\""),
        ),
        None => (
            format!("region in [providers.{provider}]"),
            format!("region = \"{own}\" in the field"),
        ),
    };
    Some(format!(
        "signed for {region} ({said}), and the database is in {own} by its name: it will refuse the token ({fix})"
    ))
}

/// `orders.abc123.eu-west-1.rds.amazonaws.com`, and in China also `orders.abc123.rds.cn-north-1.amazonaws.com.cn`.
/// A host in no domain of AWS is somebody's own name for a database, and says nothing of its region.
fn region_in(host: &str) -> Option<&str> {
    let host = host.trim_end_matches('.');
    let inside = PARTITIONS.iter().find_map(|partition| {
        let cut = host.len().checked_sub(partition.domain.len())?;
        let (inside, end) = (host.get(..cut)?, host.get(cut..)?);
        end.eq_ignore_ascii_case(partition.domain)
            .then_some(inside)?
            .strip_suffix('.')
    })?;
    let mut labels = inside.rsplit('.');
    let (last, before) = (labels.next()?, labels.next()?);
    let region = match (before.eq_ignore_ascii_case("rds"), last.eq_ignore_ascii_case("rds")) {
        (true, false) => last,
        (false, true) => before,
        _ => return None,
    };
    let (_, number) = region.rsplit_once('-')?;
    let is_region = region.contains('-') && number.chars().all(|c| c.is_ascii_digit()) && !number.is_empty();
    is_region.then_some(region)
}

/// Makes the token. It ends after 15 minutes, or with the credentials that sign it.
pub(super) fn token(
    login: &DatabaseLogin,
    region: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Fetched, Problem> {
    let ends = now + LIFETIME;
    let with_credentials = credentials.expiry().and_then(|at| Timestamp::try_from(at).ok());
    Ok(Fetched {
        expires: Some(with_credentials.map_or(ends, |at| at.min(ends))),
        ..Fetched::new(Payload::Text(SecretValue::from_text(signed(
            login,
            region,
            credentials,
            now,
        )?)))
    })
}

fn signed(login: &DatabaseLogin, region: &str, credentials: &Credentials, now: Timestamp) -> Result<String, Problem> {
    let unsignable = || {
        let what = format!(
            "no token can be signed for `{}` at {}:{}",
            login.user, login.host, login.port
        );
        Problem::new(&catalogue::AWS_RDS_SIGN, what)
    };
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|_| unsignable())?
        .into();
    let user = utf8_percent_encode(&login.user, ENCODED);
    let rest = format!("/?Action=connect&DBUser={user}");
    // The signature is over the name of the host in small letters, and over the port only where it is not that of HTTPS.
    let mut address = format!("https://{}", login.host.to_ascii_lowercase());
    if login.port != 443 {
        address.push_str(&format!(":{}", login.port));
    }
    address.push_str(&rest);
    let request = SignableRequest::new("GET", address.as_str(), std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|_| unsignable())?;
    let (instructions, _) = sign(request, &params).map_err(|_| unsignable())?.into_parts();
    let mut token = format!("{}:{}{rest}", login.host, login.port);
    // Databases do not mind the order; the vendor's clients put the signature last.
    let (signature, others): (Vec<_>, Vec<_>) = instructions
        .params()
        .iter()
        .partition(|(name, _)| *name == "X-Amz-Signature");
    for (name, value) in others.into_iter().chain(signature) {
        token.push_str(&format!("&{name}={}", utf8_percent_encode(value, ENCODED)));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn login(user: &str, host: &str, port: u16) -> DatabaseLogin {
        DatabaseLogin {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
            region: None,
            role_arn: None,
        }
    }

    #[test]
    fn the_region_stands_in_the_names_that_aws_gives() {
        for (host, region) in [
            ("orders.abc123.eu-west-1.rds.amazonaws.com", Some("eu-west-1")),
            (
                "orders.cluster-ro-abc123.ap-southeast-3.rds.amazonaws.com",
                Some("ap-southeast-3"),
            ),
            ("orders.proxy-abc123.us-east-1.rds.amazonaws.com.", Some("us-east-1")),
            (
                "orders.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com",
                Some("us-east-1"),
            ),
            ("orders.abc123.us-gov-west-1.rds.amazonaws.com", Some("us-gov-west-1")),
            ("orders.abc123.rds.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            (
                "orders.abc123.cn-northwest-1.rds.amazonaws.com.cn",
                Some("cn-northwest-1"),
            ),
            ("Orders.abc123.eu-west-1.RDS.amazonaws.COM", Some("eu-west-1")),
            ("orders.abc123.eusc-de-east-1.rds.amazonaws.eu", Some("eusc-de-east-1")),
            ("orders.db.internal", None),
            ("10.0.0.7", None),
            ("orders.abc123.eu-west-1.rds.example.com", None),
            ("eu-west-1.rds.amazonaws.com.example.com", None),
            ("rds.amazonaws.com", None),
            ("orders.abc123.orders.rds.amazonaws.com", None),
            ("", None),
        ] {
            assert_eq!(region_in(host), region, "{host}");
        }
    }

    #[test]
    fn what_is_said_goes_before_what_is_guessed() {
        let mut wanted = login("app", "orders.abc123.eu-west-1.rds.amazonaws.com", 5432);
        assert_eq!(region(&wanted, None).unwrap(), "eu-west-1");
        assert_eq!(region(&wanted, Some("eu-west-2")).unwrap(), "eu-west-2");
        wanted.region = Some("eu-west-3".to_owned());
        assert_eq!(region(&wanted, Some("eu-west-2")).unwrap(), "eu-west-3");
        let warning = |login: &DatabaseLogin, region: &str| misplaced(login, region, "aws").unwrap_or_default();
        assert!(warning(&wanted, "eu-west-3").contains("correct it: region = \"eu-west-1\""));
        wanted.region = None;
        let said = warning(&wanted, "eu-west-2");
        assert!(
            said.contains("region in [providers.aws]") && said.contains("is in eu-west-1"),
            "{said}"
        );
        assert_eq!(warning(&wanted, "eu-west-1"), "");
        assert_eq!(warning(&login("app", "orders.db.internal", 5432), "eu-west-2"), "");
        let problem = region(&login("app", "orders.db.internal", 5432), None).unwrap_err();
        assert_eq!(problem.code.id, "E-AWS-RDS-REGION");
        assert!(problem.fixes[0].contains("rds_iam = \"app\", region ="), "{problem}");
    }

    #[test]
    fn a_token_ends_with_what_signed_it() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let wanted = login("app", "h", 1);
        let until = |expiry: Option<&str>| {
            let expiry = expiry.map(|at| SystemTime::from(at.parse::<Timestamp>().unwrap()));
            let credentials = Credentials::new("AKID", "secret", None, expiry, "test");
            token(&wanted, "eu-west-1", &credentials, now)
                .unwrap()
                .expires
                .unwrap()
                .to_string()
        };
        assert_eq!(until(None), "2026-11-22T10:15:00Z");
        assert_eq!(until(Some("2026-11-22T10:05:00Z")), "2026-11-22T10:05:00Z");
        assert_eq!(until(Some("2026-11-22T18:00:00Z")), "2026-11-22T10:15:00Z");
    }

    /// What botocore 1.44.5 made of the same inputs at that time (`generate_db_auth_token`).
    #[test]
    fn the_token_is_the_one_that_botocore_makes() {
        let now: Timestamp = "2026-11-22T10:20:30Z".parse().unwrap();
        for line in include_str!("../../../tests/fixtures/aws/rds-tokens.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let [user, host, port, region, session, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let session = (!session.is_empty()).then(|| session.to_owned());
            let credentials = Credentials::new(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                session,
                None,
                "test",
            );
            let made = signed(&login(user, host, port.parse().unwrap()), region, &credentials, now).unwrap();
            assert_eq!(made, expected, "{user} at {host}:{port}");
        }
    }
}
