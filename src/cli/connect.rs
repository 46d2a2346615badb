//! How the commands that call a server reach it: its address, certificates, and the token to show.

use super::output::{self, Failure};
use std::error::Error;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// What a client shows and trusts.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Access {
    /// File with the token to show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Certificates (PEM) that sign that of the server, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Certificate (PEM) to show
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// A connection that shows a token with every call.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// The header of a token, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Access {
    /// Connects to a server, such as `https://example.org:50051`; without a scheme it is plain HTTP.
    ///
    /// # Errors
    /// When a file cannot be used, or the server cannot be reached or trusted.
    pub(super) async fn connect(&self, url: &str, timeout: Option<Duration>) -> Result<Connection, Failure> {
        let address = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let wrong = |error: tonic::transport::Error| Failure::Message(format!("{url}: {}", cause(&error)));
        let mut endpoint = Endpoint::from_shared(address).map_err(wrong)?;
        let secure = endpoint.uri().scheme_str() == Some("https");
        let token = self.token_file.as_deref().map(token).transpose()?;
        if token.is_some() && !secure && !is_loopback(endpoint.uri().host().unwrap_or_default()) {
            let why = "the token would go over the network in the clear; use https://";
            return Err(Failure::Message(format!("{url}: {why}")));
        }
        if secure {
            endpoint = endpoint.tls_config(self.tls()?).map_err(wrong)?;
        }
        if let Some(timeout) = timeout {
            endpoint = endpoint.connect_timeout(timeout).timeout(timeout);
        }
        let unreachable = |error: tonic::transport::Error| {
            Failure::Message(format!("cannot reach {url}: {}", cause(&error)))
        };
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(InterceptedService::new(channel, Bearer(token)))
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let mut config = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            config = config.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(config)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::io(format_args!("cannot read {}", path.display()), &error))
}

/// The header for the token of a file.
fn token(path: &Path) -> Result<MetadataValue<Ascii>, Failure> {
    let header = format!("Bearer {}", read(path)?.trim());
    let mut value = MetadataValue::try_from(header)
        .map_err(|_| Failure::Message(format!("{} holds no token", path.display())))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The innermost reason of an error, where the outer ones only say where it passed through.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    output::reason(&cause.to_string()).to_owned()
}

/// The address of a server that listens where it does unless told otherwise.
pub(super) const DEFAULT: &str = "http://127.0.0.1:50051";
