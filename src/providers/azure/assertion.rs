//! The assertion that an application signs with its certificate's key instead of sending a secret: a JWT, PS256 with `x5t#S256`, as
//! Entra ID documents it under "certificate credentials". Signed here, because the vendor's library would bring OpenSSL for it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Url;
use rustls::pki_types::PrivateKeyDer;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::entra::token_endpoint;
use super::settings::App;
use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::World;
use crate::providers::net::tls::Pem;

/// How long an assertion holds: it is used at once.
const LIFE: i64 = 600;

/// The signed assertion of the application. `pem` is a path or the text of a file that holds certificate and key. Reads that file.
pub(super) fn signed(pem: &SecretString, app: &App, authority: &Url, world: &World) -> Result<SecretString, Problem> {
    let pem = Pem::parse(pem.expose_secret(), world).ok_or_else(|| unusable("it is not base64 of PEM text"))?;
    let of_certificate = |problem: Problem| Problem {
        code: &catalogue::AZURE_CERTIFICATE,
        causes: texts(catalogue::AZURE_CERTIFICATE.causes),
        fixes: texts(catalogue::AZURE_CERTIFICATE.fixes),
        ..problem
    };
    // The first certificate of the file is the application's own, as in Microsoft's clients.
    let certificates = pem.certificates().map_err(of_certificate)?;
    let certificate = certificates
        .first()
        .ok_or_else(|| unusable("it holds no certificate"))?;
    let key = pem.key().map_err(of_certificate)?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => {
            return Err(unusable(&format!(
                "{} has no RSA key, and Entra ID takes no other here",
                pem.place()
            )));
        }
    }
    .map_err(|_| unusable(&format!("{} has no RSA key that can sign", pem.place())))?;

    let now = Timestamp::now().as_second();
    let header = serde_json::json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate)),
    });
    let claims = serde_json::json!({
        "aud": token_endpoint(authority, &app.tenant),
        "iss": app.client,
        "sub": app.client,
        "jti": identifier()?,
        "iat": now,
        "nbf": now,
        "exp": now + LIFE,
    });
    let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let mut token = Zeroizing::new(format!("{}.{}", encoded(&header), encoded(&claims)));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
        .map_err(|_| unusable(&format!("the key of {} cannot sign", pem.place())))?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(SecretString::from(Box::<str>::from(token.as_str())))
}

/// A number used once.
fn identifier() -> Result<String, Problem> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| unusable("the system gave no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn unusable(why: &str) -> Problem {
    Problem::new(
        &catalogue::AZURE_CERTIFICATE,
        format!("the client certificate cannot be used: {why}"),
    )
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
