//! Sockets to calls, of up to three addresses: gRPC, HTTP, and health and metrics alone.
//!
//! The accept loop is our own, on hyper-util and tonic's `Routes`: tonic's `Server` gives no hold on single connections,
//! which limits, TLS with certificates that change, and a way out with a deadline need.

use super::admission::Key;
use super::call::{End, Register};
use super::calls::{Answering, Calls, Surface};
use super::classify::Classification;
use super::connections::{Connections, Place, Streams};
use super::frames::Frames;
use super::http::{self, Api, Life};
use super::journal::Journal;
use super::limits::Limits;
use super::metrics::Metrics;
use super::reload::Reloader;
use super::rulesets::Rulesets;
use super::tls::Tls;
use super::tokens::Tokens;
use super::work::Workers;
use crate::catalog::Catalog;
use crate::wire::proto::DESCRIPTORS;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationServiceServer;
use crate::wire::proto::geotopics::v1::ruleset_service_server::RulesetServiceServer;
use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{Method, Response};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::SockRef;
use std::error::Error;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_web::GrpcWebLayer;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Larger frames than HTTP/2's 16 kB: a batch or a long article is one frame instead of many (measured: 13 to 19 % less CPU
/// time an article).
const FRAME_BYTES: u32 = 128 << 10;

/// What a client may send on a stream before it is read: with a quarter of it a stream of single articles takes a tenth more CPU
/// time. The window of a connection is that of all its calls together, so
/// that calls which are not read from, because nobody takes their answers, cannot hold up the others.
pub(super) const STREAM_WINDOW: u32 = 256 << 10;

/// For how long a browser may remember what may be called.
const PREFLIGHT: Duration = Duration::from_secs(3600);

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
    /// The origins whose pages may call from a browser; `*` is any.
    pub cors_origins: Vec<HeaderValue>,
}

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For gRPC and gRPC-Web.
    pub grpc: TcpListener,
    /// For JSON over HTTP, health and metrics.
    pub http: Option<TcpListener>,
    /// For health and metrics alone, where nobody needs a token.
    pub admin: Option<TcpListener>,
}

/// Serves the calls of a catalog: gRPC over HTTP/2, gRPC-Web and JSON over HTTP/1.1 or HTTP/2.
#[derive(Debug)]
pub struct Server {
    grpc: Answering,
    http: Answering,
    admin: Answering,
    cors: bool,
    health: HealthReporter,
    tls: Option<Arc<Tls>>,
    tokens: Option<Arc<Tokens>>,
    reloader: Reloader,
    register: Arc<Register>,
    connections: Arc<Connections>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// A server of these rulesets.
    ///
    /// # Errors
    /// When the descriptors that reflection serves, or the metrics, do not fit together, which no user can cause.
    pub fn new(catalog: Arc<Catalog>, config: Config) -> Result<Server, Box<dyn Error>> {
        let Config { limits, tls, tokens, slow_call, cors_origins } = config;
        let metrics = Arc::new(Metrics::new()?);
        let register = Arc::new(Register::new(limits, Journal::new(slow_call), Arc::clone(&metrics)));
        let connections = Arc::new(Connections::new(limits.connections, Arc::clone(&metrics)));
        let shutdown = CancellationToken::new();
        let life = http::life(Life {
            register: Arc::clone(&register),
            connections: Arc::clone(&connections),
            catalog: Arc::clone(&catalog),
            shutdown: shutdown.clone(),
        });
        let workers = Workers::new(limits, Arc::clone(&metrics));
        let reloader = Reloader::new(Arc::clone(&catalog), tls.clone(), tokens.clone(), metrics);
        let classification =
            Classification { catalog: Arc::clone(&catalog), limits, workers: workers.clone() };
        let rulesets = Rulesets { catalog, limits, workers, reloader: reloader.clone() };
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
        let routes = Routes::new(service!(ClassificationServiceServer::new(classification.clone())))
            .add_service(service!(RulesetServiceServer::new(rulesets.clone())))
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        let api = http::calls(Api { classification, rulesets, limits });
        let cors = cors(cors_origins);
        let grpc = ServiceBuilder::new().option_layer(cors.clone()).layer(GrpcWebLayer::new());
        Ok(Server {
            grpc: BoxCloneSyncService::new(grpc.service(routes.prepare())),
            http: router(http::complete(api.merge(life.clone())), cors.clone()),
            admin: router(http::complete(life), None),
            cors: cors.is_some(),
            health,
            tls,
            tokens,
            reloader,
            register,
            connections,
            shutdown,
            tasks: TaskTracker::new(),
        })
    }

    /// Reads files again.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `end`, then takes no new connections and calls, and gives those under way some time to finish.
    pub async fn serve(self, listeners: Listeners, end: impl Future<Output = ()>) {
        self.report(ServingStatus::Serving).await;
        let Listeners { grpc, http, admin } = listeners;
        tokio::select! {
            () = self.accept(Some(&grpc), Surface::Grpc) => {}
            () = self.accept(http.as_ref(), Surface::Http) => {}
            () = self.accept(admin.as_ref(), Surface::Admin) => {}
            () = end => {}
        }
        drop((grpc, http, admin));
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

    async fn accept(&self, listener: Option<&TcpListener>, surface: Surface) {
        let Some(listener) = listener else { return pending().await };
        loop {
            match listener.accept().await {
                Ok((socket, address)) => self.connect(socket, address, surface),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn connect(&self, socket: TcpStream, address: SocketAddr, surface: Surface) {
        let Server { register, connections, .. } = self;
        let limits = register.limits;
        let client = register.admission.client(&Key::address(address.ip()));
        let Some(place) = connections.enter(address.ip().to_canonical(), client) else { return };
        if prepared(&socket, &limits).is_err() {
            return;
        }
        let (service, tokens) = match surface {
            Surface::Grpc => (&self.grpc, self.tokens.clone()),
            Surface::Http => (&self.http, self.tokens.clone()),
            Surface::Admin => (&self.admin, None),
        };
        let calls = Calls {
            service: service.clone(),
            surface,
            cors: self.cors,
            tokens,
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

/// Pages of these origins may call, and read what a call says beside its answer; no others where there are none.
fn cors(origins: Vec<HeaderValue>) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let told = ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after", "x-request-id"];
    let taken = ["grpc-timeout", "traceparent", "x-grpc-web", "x-request-id", "x-user-agent"];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(origins) })
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(
                taken
                    .map(HeaderName::from_static)
                    .into_iter()
                    .chain([AUTHORIZATION, CONTENT_TYPE])
                    .collect::<Vec<_>>(),
            )
            .expose_headers(told.map(HeaderName::from_static))
            .max_age(PREFLIGHT)
    })
}

fn router(router: Router, cors: Option<CorsLayer>) -> Answering {
    let layers =
        ServiceBuilder::new().option_layer(cors).map_response(|answer: Response<_>| answer.map(Body::new));
    BoxCloneSyncService::new(layers.service(router))
}

/// Speaks HTTP on a connection.
async fn speak<IO: AsyncRead + AsyncWrite + Unpin + 'static>(
    io: IO,
    calls: Calls,
    place: Place,
    limits: &Limits,
    shutdown: &CancellationToken,
) {
    let http = hyper(limits, &place);
    let io = TokioIo::new(Frames::new(io, Arc::clone(&place.connection), limits));
    place.serve(http.serve_connection(io, calls), limits, shutdown).await;
}

/// Answers go out at once, and a client that takes nothing of them, or is gone, is noticed.
fn prepared(socket: &TcpStream, limits: &Limits) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_user_timeout(Some(limits.stall))
}

fn hyper(limits: &Limits, place: &Place) -> Builder<Streams> {
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
