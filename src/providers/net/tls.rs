//! One rustls configuration a provider: whom it trusts, as whom it shows itself, and what a failed handshake means.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
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
                let what = format!("{} cannot be read: {}", path.display(), error.kind());
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
        let builder = builder()?;
        let builder = if self.verify {
            builder.with_root_certificates(self.roots()?)
        } else {
            let verifier = Arc::new(Unverified(provider()));
            builder.dangerous().with_custom_certificate_verifier(verifier)
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

    fn roots(&self) -> Result<RootCertStore, Problem> {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = &self.ca {
            for certificate in ca.certificates()? {
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
                roots.add_parsable_certificates(Pem::File(file.path()).certificates().unwrap_or_default());
            }
        }
        if self.ca.is_none() && self.ca_folder.is_none() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            let what = "no certificate authority is known to check the server by";
            return Err(Problem::new(&catalogue::NET_CERT, what).fix("install the system's package ca-certificates"));
        }
        Ok(roots)
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
