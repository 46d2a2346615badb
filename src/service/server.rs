//! Sockets to calls.
//!
//! The accept loop is our own, on hyper-util and tonic's `Routes`: tonic's `Server` gives no hold on single connections,
//! which limits, TLS with certificates that change, and a way out with a deadline need.

use super::classify::Classification;
use super::limits::Limits;
use super::rulesets::Rulesets;
use super::work::Workers;
use crate::catalog::Catalog;
use crate::wire::proto::DESCRIPTORS;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationServiceServer;
use crate::wire::proto::geotopics::v1::ruleset_service_server::RulesetServiceServer;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
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

/// Serves the calls of a catalog: gRPC over HTTP/2, and gRPC-Web over HTTP/1.1 or HTTP/2.
pub struct Server {
    calls: GrpcWebService<Routes>,
    health: HealthReporter,
    http: Builder<TokioExecutor>,
    limits: Limits,
}

impl Server {
    /// A server of these rulesets.
    ///
    /// # Errors
    /// When the descriptors that reflection serves do not fit together, which no user can cause.
    pub fn new(catalog: Arc<Catalog>, limits: Limits) -> Result<Server, tonic_reflection::server::Error> {
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
        let routes = Routes::new(
            ClassificationServiceServer::new(classification).max_decoding_message_size(limits.message_bytes),
        )
        .add_service(RulesetServiceServer::new(rulesets).max_decoding_message_size(limits.message_bytes))
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
        Ok(Server { calls: GrpcWebLayer::new().layer(routes.prepare()), health, http: http(&limits), limits })
    }

    /// Serves until `end`, then takes no new connections and calls, and gives those under way some time to finish.
    pub async fn serve(self, listener: TcpListener, end: impl Future<Output = ()>) {
        self.report(ServingStatus::Serving).await;
        let connections = GracefulShutdown::new();
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => drop(tokio::spawn(self.connection(socket, connections.watcher()))),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = end => {}
        }
        drop(listener);
        self.report(ServingStatus::NotServing).await;
        // What is left after the time for it is cut off when the runtime ends.
        drop(tokio::time::timeout(self.limits.drain, connections.shutdown()).await);
    }

    /// One connection. Its errors are the client's: a broken connection, or broken HTTP.
    fn connection(&self, socket: TcpStream, watcher: Watcher) -> impl Future<Output = ()> + use<> {
        let (http, calls) = (self.http.clone(), TowerToHyperService::new(self.calls.clone()));
        async move {
            let answered_at_once: io::Result<()> = socket.set_nodelay(true);
            if answered_at_once.is_ok() {
                drop(watcher.watch(http.serve_connection(TokioIo::new(socket), calls)).await);
            }
        }
    }

    async fn report(&self, status: ServingStatus) {
        let services = ["", ClassificationServiceServer::<()>::NAME, RulesetServiceServer::<()>::NAME];
        for service in services {
            self.health.set_service_status(service, status).await;
        }
    }
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_frame_size(FRAME_BYTES)
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW.saturating_mul(limits.streams))
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive_timeout);
    builder
}
