//! `geotopics serve`: settings, rulesets, addresses, then the server, and its way out.

use super::log;
use super::output::{self, Failure, Status};
use super::rules;
use super::settings::{LogFormat, Named, Resolved, Settings};
use crate::catalog::{Catalog, Checked, Live};
use crate::rules::Severity;
use crate::service::{Config, Limits, Listeners, Reloader, Server, Tls, Tokens};
use sd_notify::NotifyState;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing::{info, warn};

/// Serve gRPC, and JSON over HTTP
#[derive(Debug, clap::Args)]
#[command(after_help = SETTINGS)]
pub(super) struct Args {
    #[command(flatten)]
    settings: super::settings::Args,
}

const SETTINGS: &str = "\
Each setting is a flag, a variable (GEOTOPICS_MAX_CALLS=100) or a key of the file of --config (max_calls = 100); of these the first
that gives it wins. Sizes are bytes or such as 64KiB; times are such as 1500ms, 30s, 5m.
SIGHUP reads rulesets, certificates and tokens again; SIGTERM finishes the calls under way and ends; a second one ends at once.";

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let resolved = Resolved::new(&args.settings, std::env::vars_os())?;
    let printed = args.settings.print_config.then(|| resolved.print());
    let settings = resolved.settings().map_err(|faults| {
        faults.iter().for_each(output::say);
        Failure::Message(format!("{} in the settings", output::count(faults.len(), "fault")))
    })?;
    if let Some(printed) = printed {
        io::stdout().write_all(printed.as_bytes())?;
        return Ok(Status::Fine);
    }
    let format = settings.log_format.unwrap_or(LogFormat::Auto);
    log::start(settings.log.as_deref().unwrap_or("info"), format, output::colour_on_stderr());
    let catalog = Arc::new(catalog(&settings.rules)?);
    let config = Config {
        limits: limits(&settings),
        tls: tls(&settings)?,
        tokens: tokens(&settings)?,
        slow_call: settings.slow_call,
        cors_origins: settings.cors_origins.clone(),
    };
    let server = Server::new(Arc::clone(&catalog), config)
        .map_err(|error| Failure::Message(format!("cannot describe the calls: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("geotopics")
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let served = runtime.block_on(serve(server, &catalog, &settings));
    // Whatever is under way now had its time to finish.
    runtime.shutdown_background();
    served
}

fn tls(settings: &Settings) -> Result<Option<Arc<Tls>>, Failure> {
    let Settings { tls_cert: Some(cert), tls_key: Some(key), client_ca, .. } = settings else {
        return Ok(None);
    };
    let tls = Tls::load(cert, key, client_ca.as_deref());
    tls.map(|tls| Some(Arc::new(tls))).map_err(|error| Failure::Message(error.to_string()))
}

fn tokens(settings: &Settings) -> Result<Option<Arc<Tokens>>, Failure> {
    let Some(path) = &settings.tokens else { return Ok(None) };
    let tokens = Tokens::load(path);
    tokens.map(|tokens| Some(Arc::new(tokens))).map_err(|error| Failure::Message(error.to_string()))
}

/// Descriptors that are not for connections: files of rules, listeners, the runtime's own.
const DESCRIPTORS: u64 = 64;

/// The limits, with no more connections than there are descriptors for.
fn limits(settings: &Settings) -> Limits {
    let mut limits = settings.limits;
    let wanted = limits.connections as u64 + DESCRIPTORS;
    // Where the limit of the system cannot be raised, what it is counts.
    let descriptors = rlimit::increase_nofile_limit(wanted).or_else(|_| rlimit::Resource::NOFILE.get_soft());
    if let Some(descriptors) = descriptors.ok().filter(|descriptors| *descriptors < wanted) {
        limits.connections = usize::try_from(descriptors.saturating_sub(DESCRIPTORS)).unwrap_or(1).max(1);
        warn!(
            descriptors,
            max_connections = settings.limits.connections,
            connections = limits.connections,
            "the system allows too few descriptors (ulimit -n) for max_connections; fewer connections are taken"
        );
    }
    limits
}

/// The rulesets of the settings, or the one inside this program, if all of them are sound.
fn catalog(folders: &[Named]) -> Result<Catalog, Failure> {
    let mut catalog = Catalog::default();
    let mut diagnostics = Vec::new();
    let folders = folders.iter().map(|Named { name, dir }| (name.clone(), Some(dir.as_path())));
    let folders: Vec<(Option<String>, Option<&Path>)> = folders.collect();
    for (name, dir) in if folders.is_empty() { vec![(None, None)] } else { folders } {
        match Checked::new(&rules::name(dir), &rules::sources(dir)?).sound() {
            Ok((classifier, warnings)) => {
                diagnostics.extend(rules::from_here(dir, warnings));
                let name = name.unwrap_or_else(|| classifier.name().to_owned());
                catalog
                    .add(Live::new(name, classifier), dir.map(Path::to_owned))
                    .map_err(|error| Failure::Message(error.to_string()))?;
            }
            Err(faults) => diagnostics.extend(rules::from_here(dir, faults)),
        }
    }
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Failure::Rules(diagnostics));
    }
    rules::report(&diagnostics);
    Ok(catalog)
}

/// Takes the address of a setting.
async fn listen(setting: &str, address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "; end what listens there, or choose another address",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need permission",
            io::ErrorKind::AddrNotAvailable => "; no network interface of this machine has that address",
            _ => "",
        };
        let reason = output::reason(&error.to_string()).to_owned();
        Failure::Message(format!("cannot listen on {address} ({setting}): {reason}{advice}"))
    })
}

async fn serve(server: Server, catalog: &Catalog, settings: &Settings) -> Result<Status, Failure> {
    let optional = async |setting, address: &Option<String>| match address {
        Some(address) => listen(setting, address).await.map(Some),
        None => Ok(None),
    };
    let listeners = Listeners {
        grpc: listen("listen", &settings.listen).await?,
        http: optional("http", &settings.http).await?,
        admin: optional("admin", &settings.admin).await?,
    };
    let greeting = greeting(&listeners, catalog, settings)
        .map_err(|error| Failure::io("cannot tell the address", &error))?;
    let cannot_wait = |error| Failure::io("cannot wait for signals", &error);
    let mut signals = Signals::new().map_err(cannot_wait)?;
    let watch = watch(server.reloader(), signal(SignalKind::hangup()).map_err(cannot_wait)?);
    // A server goes on where nobody reads what it prints.
    drop(io::stdout().write_all(greeting.as_bytes()));
    let [http, admin] = [&settings.http, &settings.admin].map(|address| address.as_deref().unwrap_or("off"));
    info!(version = env!("CARGO_PKG_VERSION"), listen = settings.listen, http, admin, "serving");
    notify(&[NotifyState::Ready]);

    let end = Notify::new();
    let twice = async {
        signals.next().await;
        info!(drain = ?settings.limits.drain, "ending: calls under way are finished, new ones are not taken");
        notify(&[NotifyState::Stopping]);
        end.notify_one();
        signals.next().await;
        warn!("ending at once");
    };
    tokio::select! {
        () = server.serve(listeners, end.notified()) => info!("ended"),
        () = twice => {}
        () = watch => {}
    }
    Ok(Status::Fine)
}

/// Tells systemd, where it started this process.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "cannot notify the service manager");
    }
}

/// How often files are looked at. Their contents are compared, which covers the renames of editors, the links that Kubernetes
/// swaps, and network file systems, where notices of the system do not.
const LOOK: Duration = Duration::from_secs(1);

/// Reads files again when they have changed, at once on SIGHUP, and says what became of them. Never ends.
async fn watch(reloader: Reloader, mut hangup: Signal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = hangup.recv() => {}
        }
        let reloader = reloader.clone();
        // What cannot be told because of a panic was no change.
        drop(tokio::task::spawn_blocking(move || reloader.look()).await);
    }
}

/// What ends the server: the first asks it to finish, the second is obeyed at once.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// One fixed line with the addresses, then what is served and how to call it.
fn greeting(listeners: &Listeners, catalog: &Catalog, settings: &Settings) -> io::Result<String> {
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    let url = |listener: &TcpListener| Ok::<_, io::Error>(format!("{scheme}://{}", listener.local_addr()?));
    let optional = |listener: &Option<TcpListener>| listener.as_ref().map(url).transpose();
    let (grpc, http, admin) =
        (url(&listeners.grpc)?, optional(&listeners.http)?, optional(&listeners.admin)?);
    let mut text = format!("geotopics {} serving gRPC on {grpc}", env!("CARGO_PKG_VERSION"));
    let others = [("HTTP", &http), ("admin", &admin)];
    for (what, url) in others.into_iter().filter_map(|(what, url)| Some((what, url.as_ref()?))) {
        text += &format!(" and {what} on {url}");
    }
    text += "\n\n";
    for (live, _) in catalog.all() {
        let (classifier, topics) = (&live.classifier, live.classifier.topics());
        let rules = topics.iter().map(|topic| topic.rules.len()).sum();
        let (topics, rules) = (output::count(topics.len(), "topic"), output::count(rules, "rule"));
        text += &format!("ruleset {} {}: {topics}, {rules}\n", live.name, classifier.version());
    }
    if settings.tls_cert.is_some() || settings.tokens.is_some() {
        return Ok(text);
    }
    const DOCUMENT: &str =
        r#"'{"document": {"text": "Cargo along the Middle Corridor grew by 40 percent."}}'"#;
    text += "\nTry it:\n";
    if let Some(http) = http {
        text += &format!("  curl {http}/v1/classify -H content-type:application/json -d {DOCUMENT}\n");
    }
    let call = "geotopics.v1.ClassificationService/Classify";
    let address = grpc.trim_start_matches("http://");
    text += &format!("  grpcurl -plaintext -d {DOCUMENT} {address} {call}\n");
    text += &format!("  buf curl --protocol grpc --http2-prior-knowledge -d {DOCUMENT} {grpc}/{call}\n");
    Ok(text)
}
