//! One rustls configuration a provider: whom it trusts, as whom it shows itself, and what a failed handshake means.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::domain::catalogue;
use crate::domain::problem::Problem;
use crate::providers::settings::path;
use crate::providers::{World, file};

/// Certificates or a key: in a file, or given as text.
#[derive(Clone)]
pub(in crate::providers) enum Pem {
    File(PathBuf),
    Text(SecretString),
}

impl Pem {
    /// A path, `file://PATH`, PEM text, or `base64://` with PEM text in it; none if the base64 is not.
    pub(in crate::providers) fn parse(text: &str, world: &World) -> Option<Self> {
        if let Some(encoded) = text.strip_prefix("base64://") {
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
            return Some(Self::Text(String::from_utf8(bytes).ok()?.into()));
        }
        if text.contains("-----BEGIN") {
            return Some(Self::Text(text.to_owned().into()));
        }
        Some(Self::File(path(text.strip_prefix("file://").unwrap_or(text), world)))
    }

    /// Where it is, for messages.
    pub(in crate::providers) fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text(_) => "the given text".to_owned(),
        }
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Problem> {
        match self {
            Self::Text(text) => Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec())),
            Self::File(path) => file::read(path).map_err(|error| {
                let what = format!("{} cannot be read: {}", path.display(), file::why(&error));
                Problem::new(&catalogue::NET_CERT, what)
            }),
        }
    }

    pub(in crate::providers) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let pem = self.read()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        certificates.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
            let what = format!("{} holds no PEM certificate", self.place());
            Problem::new(&catalogue::NET_CERT, what)
        })
    }

    pub(in crate::providers) fn key(&self) -> Result<PrivateKeyDer<'static>, Problem> {
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|_| {
            let what = format!("{} holds no PEM private key", self.place());
            Problem::new(&catalogue::NET_CERT, what).cause("the key is encrypted, or the file holds something else")
        })
    }
}

/// Whom to trust and as whom to be seen.
#[derive(Clone)]
pub(in crate::providers) struct TlsSettings {
    /// The only certificate authorities that are trusted; the system's where neither this nor `ca_folder` is given.
    pub(in crate::providers) ca: Option<Pem>,
    pub(in crate::providers) ca_folder: Option<PathBuf>,
    /// Certificate and key.
    pub(in crate::providers) client: Option<(Pem, Pem)>,
    pub(in crate::providers) verify: bool,
}

impl TlsSettings {
    /// The configuration for `https`. Reads files; where no CA is given, also the system's store, which takes 15–30 ms.
    pub(in crate::providers) fn config(&self) -> Result<ClientConfig, Problem> {
        let builder = builder()?.dangerous();
        let builder = if self.verify {
            let (roots, given) = self.roots()?;
            builder.with_custom_certificate_verifier(Arc::new(Verified::new(roots, given)?))
        } else {
            builder.with_custom_certificate_verifier(Arc::new(Unverified(provider())))
        };
        match &self.client {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificate.certificates()?, key.key()?)
                .map_err(|_| {
                    let what = format!("the client certificate {} and its key do not fit", certificate.place());
                    Problem::new(&catalogue::NET_CERT, what)
                }),
        }
    }

    /// The same on a thread that nobody waits on for anything else.
    pub(in crate::providers) async fn load(self) -> Result<ClientConfig, Problem> {
        tokio::task::spawn_blocking(move || self.config())
            .await
            .map_err(|_| Problem::new(&catalogue::NET_CERT, "TLS cannot be set up"))?
    }

    /// Who is trusted, and the certificates among them that were given by name.
    fn roots(&self) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Problem> {
        let mut roots = RootCertStore::empty();
        let mut given = Vec::new();
        if let Some(ca) = &self.ca {
            for certificate in ca.certificates()? {
                given.push(certificate.clone());
                roots.add(certificate).map_err(|_| {
                    let what = format!("{} holds a certificate that cannot be a CA's", ca.place());
                    Problem::new(&catalogue::NET_CERT, what)
                })?;
            }
        }
        if let Some(folder) = &self.ca_folder {
            let files = std::fs::read_dir(folder).map_err(|error| {
                let what = format!("the folder {} cannot be read: {}", folder.display(), error.kind());
                Problem::new(&catalogue::NET_CERT, what)
            })?;
            for file in files.flatten() {
                // Such folders hold other files too; what is no certificate is passed over.
                let found = Pem::File(file.path()).certificates().unwrap_or_default();
                given.extend(found.iter().cloned());
                roots.add_parsable_certificates(found);
            }
        }
        if self.ca.is_none() && self.ca_folder.is_none() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            let what = "no certificate authority is known to check the server by";
            return Err(Problem::new(&catalogue::NET_CERT, what).fix("install the system's package ca-certificates"));
        }
        Ok((roots, given))
    }
}

/// The configuration for `http`, which never makes a handshake: it spares reading the system's store.
pub(in crate::providers) fn unused() -> Result<ClientConfig, Problem> {
    Ok(builder()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Problem> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| Problem::new(&catalogue::NET_CERT, "TLS cannot be set up"))
}

/// Why there is no trusted connection to `host`.
pub(in crate::providers) fn explain(error: &rustls::Error, host: &str) -> Problem {
    let problem = |cause: String| {
        Problem::new(&catalogue::NET_TLS, format!("no trusted TLS connection to {host}")).causes(vec![cause])
    };
    let renew = "renew the server's certificate; if it is valid, correct this machine's clock: date";
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer => problem(
                "the server's certificate is signed by a certificate authority that is not trusted here".to_owned(),
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                problem("the server's certificate has expired".to_owned()).fixes(vec![renew.to_owned()])
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                problem("the server's certificate is not valid yet".to_owned()).fixes(vec![renew.to_owned()])
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => problem(format!(
                "the server's certificate is made out for another name than {host}"
            ))
            .fixes(vec!["use the name that the certificate has in the address".to_owned()]),
            CertificateError::Revoked => {
                problem("the server's certificate was revoked".to_owned()).fixes(vec![renew.to_owned()])
            }
            _ if is_authority_as_server(error) => problem(
                "the server shows the certificate of an authority that signs itself, and it is not the one that is trusted here"
                    .to_owned(),
            )
            .fixes(vec![
                "ca_cert = \"/PATH/OF/THAT/CERTIFICATE.pem\"   in the provider's configuration".to_owned(),
                "give the server a certificate of its own, signed by the authority".to_owned(),
            ]),
            _ => problem("the server's certificate cannot be trusted".to_owned()),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure,
        ) => problem("the server wants a client certificate that it trusts".to_owned()).fixes(vec![
            "set client_cert and client_key in the provider's configuration".to_owned(),
        ]),
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => {
            problem("the server does not speak TLS at this port".to_owned()).fixes(vec![
                "check the port, or use http:// if the server has no TLS".to_owned(),
            ])
        }
        _ => problem("the TLS handshake failed".to_owned()),
    }
}

/// Trusts what the authorities have signed; and a server that shows one of the given certificates itself. Such a certificate that signs
/// itself is mostly marked as an authority's, which rustls takes for no server's; other clients do.
#[derive(Debug)]
struct Verified {
    by_authority: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl Verified {
    fn new(roots: RootCertStore, given: Vec<CertificateDer<'static>>) -> Result<Self, Problem> {
        let by_authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| Problem::new(&catalogue::NET_CERT, "TLS cannot be set up"))?;
        Ok(Self { by_authority, given })
    }
}

/// Whether nothing but that is wrong with a certificate: its dates are looked at before. rustls passes it on in its words alone.
fn is_authority_as_server(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.to_string() == "CaUsedAsEndEntity")
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .by_authority
            .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match verified {
            Err(error) if is_authority_as_server(&error) && self.given.iter().any(|given| given == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_authority.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_authority.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// Trusts any certificate: `VAULT_SKIP_VERIFY`, asked for by name. Signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signs itself, is marked as an authority's, and is made out for `vault.corp`; lasts from 2026 to 2126.
    const OWN: &str = include_str!("../../../tests/fixtures/tls/self-signed.pem");
    /// The same with another key.
    const OTHER: &str = include_str!("../../../tests/fixtures/tls/self-signed-other.pem");

    #[test]
    fn a_given_certificate_is_trusted_as_the_servers_own() {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let settings = TlsSettings {
            ca: Some(Pem::Text(OWN.to_owned().into())),
            ca_folder: None,
            client: None,
            verify: true,
        };
        let (roots, given) = settings.roots().unwrap();
        let verifier = Verified::new(roots, given).unwrap();
        let verified = |pem: &str, name: &'static str, year: u64| {
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs((year - 1970) * 31_557_000));
            verifier.verify_server_cert(&certificate(pem), &[], &ServerName::try_from(name).unwrap(), &[], now)
        };
        assert!(verified(OWN, "vault.corp", 2030).is_ok());
        for (pem, name, year, cause) in [
            (OWN, "other.corp", 2030, "made out for another name"),
            (OWN, "vault.corp", 2130, "has expired"),
            (OWN, "vault.corp", 2020, "not valid yet"),
            (OTHER, "vault.corp", 2030, "not the one that is trusted here"),
        ] {
            let error = verified(pem, name, year).err().unwrap();
            let problem = explain(&error, name).to_string();
            assert!(problem.contains(cause), "{problem}");
        }
    }
}
