//! Sockets to calls.
//!
//! The accept loop is our own, on hyper-util and tonic's `Routes`: tonic's `Server` gives no hold on single connections,
//! which limits, TLS with certificates that change, and a way out with a deadline need.

use super::admission::Key;
use super::call::{End, Register};
use super::calls::{Calls, Surface};
use super::classify::Classification;
use super::connections::{Connections, Place, Streams};
use super::frames::Frames;
use super::journal::Journal;
use super::limits::Limits;
use super::rulesets::Rulesets;
use super::tls::Tls;
use super::tokens::Tokens;
use super::work::Workers;
use crate::catalog::Catalog;
use crate::wire::proto::DESCRIPTORS;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationServiceServer;
use crate::wire::proto::geotopics::v1::ruleset_service_server::RulesetServiceServer;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::Layer;

/// Larger frames than HTTP/2's 16 kB: a batch or a long article is one frame instead of many (measured: 13 to 19 % less CPU
/// time an article).
const FRAME_BYTES: u32 = 128 << 10;

/// What a client may send on a stream before it is read. The window of a connection is that of all its calls together, so
/// that calls which are not read from, because nobody takes their answers, cannot hold up the others.
const STREAM_WINDOW: u32 = 256 << 10;

/// How long to wait after a failed accept: it fails for want of descriptors, and would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What calls that are ended because the server ends have left, to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much is too much.
    pub limits: Limits,
    /// Certificates, where connections are under TLS.
    pub tls: Option<Arc<Tls>>,
    /// Who may call; everyone where there are none, and then nobody may reload rulesets.
    pub tokens: Option<Arc<Tokens>>,
    /// From which duration on a call stands in the log though it went well.
    pub slow_call: Duration,
}

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For gRPC and gRPC-Web.
    pub grpc: TcpListener,
}

/// Serves the calls of a catalog: gRPC over HTTP/2, and gRPC-Web over HTTP/1.1 or HTTP/2.
#[derive(Debug)]
pub struct Server {
    grpc: GrpcWebService<Routes>,
    health: HealthReporter,
    tls: Option<Arc<Tls>>,
    tokens: Option<Arc<Tokens>>,
    register: Arc<Register>,
    connections: Arc<Connections>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// A server of these rulesets.
    ///
    /// # Errors
    /// When the descriptors that reflection serves do not fit together, which no user can cause.
    pub fn new(catalog: Arc<Catalog>, config: Config) -> Result<Server, tonic_reflection::server::Error> {
        let Config { limits, tls, tokens, slow_call } = config;
        let workers = Workers::new();
        let classification =
            Classification { catalog: Arc::clone(&catalog), limits, workers: workers.clone() };
        let rulesets = Rulesets { catalog, limits, workers };
        let (health, health_service) = health_reporter();
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        macro_rules! service {
            ($service:expr) => {
                $service
                    .max_decoding_message_size(limits.message_bytes)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd)
                    .send_compressed(CompressionEncoding::Gzip)
                    .send_compressed(CompressionEncoding::Zstd)
            };
        }
        let routes = Routes::new(service!(ClassificationServiceServer::new(classification)))
            .add_service(service!(RulesetServiceServer::new(rulesets)))
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        Ok(Server {
            grpc: GrpcWebLayer::new().layer(routes.prepare()),
            health,
            tls,
            tokens,
            register: Arc::new(Register::new(limits, Journal::new(slow_call))),
            connections: Arc::new(Connections::new(limits.connections)),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Serves until `end`, then takes no new connections and calls, and gives those under way some time to finish.
    pub async fn serve(self, listeners: Listeners, end: impl Future<Output = ()>) {
        self.report(ServingStatus::Serving).await;
        let Listeners { grpc } = listeners;
        tokio::select! {
            () = self.accept(&grpc) => {}
            () = end => {}
        }
        drop(grpc);
        self.report(ServingStatus::NotServing).await;
        self.shutdown.cancel();
        self.tasks.close();
        let drain = self.register.limits.drain;
        if timeout(drain, self.tasks.wait()).await.is_err() {
            self.register.end_waiting(End::Drain);
            // What is left after this is cut off when the runtime ends.
            drop(timeout(LAST_WORDS, self.tasks.wait()).await);
        }
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, address)) => self.connect(socket, address),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn connect(&self, socket: TcpStream, address: SocketAddr) {
        let Server { register, connections, .. } = self;
        let limits = register.limits;
        let client = register.admission.client(&Key::address(address.ip()));
        let Some(place) = connections.enter(address.ip().to_canonical(), client) else { return };
        if prepared(&socket, &limits).is_err() {
            return;
        }
        let calls = Calls {
            service: self.grpc.clone(),
            surface: Surface::Grpc,
            tokens: self.tokens.clone(),
            register: Arc::clone(register),
            connection: Arc::clone(&place.connection),
        };
        let (tls, shutdown) = (self.tls.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            let Some(tls) = tls else { return speak(socket, calls, place, &limits, &shutdown).await };
            // A handshake that fails is the client's affair.
            if let Ok(Ok(socket)) = timeout(limits.handshake, tls.accept(socket)).await {
                speak(socket, calls, place, &limits, &shutdown).await;
            }
        });
    }

    async fn report(&self, status: ServingStatus) {
        let services = ["", ClassificationServiceServer::<()>::NAME, RulesetServiceServer::<()>::NAME];
        for service in services {
            self.health.set_service_status(service, status).await;
        }
    }
}

/// Speaks HTTP on a connection.
async fn speak<IO: AsyncRead + AsyncWrite + Unpin + 'static>(
    io: IO,
    calls: Calls<GrpcWebService<Routes>>,
    place: Place,
    limits: &Limits,
    shutdown: &CancellationToken,
) {
    let http = http(limits, &place);
    let io = TokioIo::new(Frames::new(io, limits));
    place.serve(http.serve_connection(io, calls), limits, shutdown).await;
}

/// Answers go out at once, and a client that takes nothing of them, or is gone, is noticed.
fn prepared(socket: &TcpStream, limits: &Limits) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_user_timeout(Some(limits.stall))
}

fn http(limits: &Limits, place: &Place) -> Builder<Streams> {
    let streams = Streams { connection: Arc::clone(&place.connection), stall: limits.stall };
    let mut builder = Builder::new(streams);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.receive);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_frame_size(FRAME_BYTES)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW.saturating_mul(limits.streams))
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive_timeout);
    builder
}
