//! Certificates: those of the server, and those that sign its clients'.

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{Accept, TlsAcceptor};

/// TLS 1.3 and 1.2 with the certificates of some files, which are read again when they change.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    live: ArcSwap<ServerConfig>,
    /// The contents that were last tried.
    tried: Mutex<[u8; 32]>,
}

#[derive(Clone, Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// Why certificates cannot be used: the file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Reads the certificate chain and private key of the server, and the certificates that sign those of clients, which are
    /// then required; all are PEM.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should, or key and certificate do not belong together.
    pub fn load(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Tls, TlsError> {
        let files =
            Files { cert: cert.to_owned(), key: key.to_owned(), client_ca: client_ca.map(Path::to_owned) };
        let tried = files.digest().map_err(|(path, error)| unreadable(&path, &error))?;
        let live = ArcSwap::new(Arc::new(files.config()?));
        Ok(Tls { files, live, tried: Mutex::new(tried) })
    }

    /// Reads the files again if they have changed since they were last tried; until then, and where they cannot be used, what was
    /// read before stays. Returns nothing where nothing has changed.
    pub fn reload(&self) -> Option<Result<(), TlsError>> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is not there at this moment is being replaced.
        let now = self.files.digest().ok().filter(|now| *now != *tried)?;
        *tried = now;
        Some(self.files.config().map(|config| self.live.store(Arc::new(config))))
    }

    /// Shakes hands with a client.
    pub(super) fn accept(&self, socket: TcpStream) -> Accept<TcpStream> {
        TlsAcceptor::from(self.live.load_full()).accept(socket)
    }
}

impl Files {
    /// A hash over the contents of all files.
    fn digest(&self) -> Result<[u8; 32], (PathBuf, io::Error)> {
        let mut hash = Sha256::new();
        for path in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten() {
            let content = fs::read(path).map_err(|error| (path.clone(), error))?;
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
        Ok(hash.finalize().into())
    }

    fn config(&self) -> Result<ServerConfig, TlsError> {
        let Files { cert, key, client_ca } = self;
        let wrong = |path: &Path, error: &dyn fmt::Display| TlsError(format!("{}: {error}", path.display()));
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| wrong(cert, &error))?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| wrong(path, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(path, &error))?)
            }
        };
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
            pem::Error::NoItemsFound => wrong(key, &"there is no private key in it"),
            error => wrong(key, &error),
        })?;
        let mut config = builder.with_single_cert(certificates(cert)?, private).map_err(|error| {
            TlsError(format!("{} is not the key of {}: {error}", key.display(), cert.display()))
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error: pem::Error| TlsError(format!("{}: {error}", path.display()));
    let found = CertificateDer::pem_file_iter(path).map_err(wrong)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if found.is_empty() {
        return Err(TlsError(format!("{}: there is no certificate in it", path.display())));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &io::Error) -> TlsError {
    TlsError(format!("cannot read {}: {error}", path.display()))
}
