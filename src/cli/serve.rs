//! `geotopics serve`.

use super::output::{self, Failure, Status};
use super::rules;
use crate::catalog::{Catalog, Checked, Live};
use crate::rules::Severity;
use crate::service::{Config, Limits, Listeners, Server};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Serve gRPC
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of a ruleset, and the name to serve it under if not its own; repeat it for several, the first is the default
    #[arg(long, value_name = "[NAME=]DIR", value_parser = named_folder)]
    rules: Vec<Named>,
    /// Address for gRPC and gRPC-Web; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: String,
}

/// A folder, or the ruleset inside this program, and the name to serve it under if not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: Option<String>,
    dir: Option<PathBuf>,
}

/// `name=DIR` or `DIR`. A folder with `=` in its own name needs a name before it, or `./`.
fn named_folder(argument: &str) -> Result<Named, String> {
    match argument.split_once('=') {
        Some(("", _)) => Err("the name before `=` is empty".to_owned()),
        Some((name, dir)) if !name.contains('/') => {
            Ok(Named { name: Some(name.to_owned()), dir: Some(dir.into()) })
        }
        Some(_) | None => Ok(Named { name: None, dir: Some(argument.into()) }),
    }
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let catalog = Arc::new(catalog(&args.rules)?);
    let config = Config { limits: Limits::default(), slow_call: Duration::from_secs(1) };
    let server = Server::new(Arc::clone(&catalog), config)
        .map_err(|error| Failure::Message(format!("cannot describe the calls: {error}")))?;
    let runtime = Runtime::new().map_err(|error| Failure::io("cannot start", &error))?;
    let served = runtime.block_on(serve(server, &catalog, &args.listen));
    // Whatever is under way now had its time to finish.
    runtime.shutdown_background();
    served
}

/// The rulesets of the command line, or the one inside this program, if all of them are sound.
fn catalog(folders: &[Named]) -> Result<Catalog, Failure> {
    let inside = [Named { name: None, dir: None }];
    let mut catalog = Catalog::default();
    let mut diagnostics = Vec::new();
    for Named { name, dir } in if folders.is_empty() { &inside } else { folders } {
        let dir = dir.as_deref();
        match Checked::new(&rules::name(dir), &rules::sources(dir)?).sound() {
            Ok((classifier, warnings)) => {
                diagnostics.extend(rules::from_here(dir, warnings));
                let name = name.clone().unwrap_or_else(|| classifier.name().to_owned());
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

async fn serve(server: Server, catalog: &Arc<Catalog>, address: &str) -> Result<Status, Failure> {
    let cannot_listen = |error| Failure::io(format_args!("cannot listen on {address}"), &error);
    let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
    let greeting = greeting(listener.local_addr().map_err(cannot_listen)?, catalog);
    let cannot_wait = |error| Failure::io("cannot wait for signals", &error);
    let mut signals = Signals::new().map_err(cannot_wait)?;
    let watch = watch(Arc::clone(catalog), signal(SignalKind::hangup()).map_err(cannot_wait)?);
    // A server goes on where nobody reads what it prints.
    drop(io::stdout().write_all(greeting.as_bytes()));

    let end = Notify::new();
    let twice = async {
        signals.next().await;
        end.notify_one();
        signals.next().await;
    };
    tokio::select! {
        () = server.serve(Listeners { grpc: listener }, end.notified()) => {}
        () = twice => {}
        () = watch => {}
    }
    Ok(Status::Fine)
}

/// How often the files of rulesets are looked at. Their contents are compared, which covers the renames of editors, the
/// links that Kubernetes swaps, and network file systems, where notices of the system do not.
const LOOK: Duration = Duration::from_secs(1);

/// Reads rulesets again when their files have changed, at once on SIGHUP, and says what became of them. Never ends.
async fn watch(catalog: Arc<Catalog>, mut hangup: Signal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = hangup.recv() => {}
        }
        let catalog = Arc::clone(&catalog);
        let outcomes = tokio::task::spawn_blocking(move || catalog.reload()).await;
        for (name, outcome) in outcomes.unwrap_or_default() {
            let (diagnostics, state) = match outcome {
                Ok(warnings) => (warnings, "read again, and live"),
                Err(faults) => (faults, "not replaced, the last good one stays live"),
            };
            rules::report(&diagnostics);
            output::say(format_args!("ruleset {name}: {state}"));
        }
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

/// One fixed line with the address, then what is served and how to call it.
fn greeting(address: SocketAddr, catalog: &Catalog) -> String {
    const DOCUMENT: &str =
        r#"'{"document": {"text": "Cargo along the Middle Corridor grew by 40 percent."}}'"#;
    const CALL: &str = "geotopics.v1.ClassificationService/Classify";
    let mut text = format!("geotopics {} serving gRPC on http://{address}\n\n", env!("CARGO_PKG_VERSION"));
    for (live, _) in catalog.all() {
        let (classifier, topics) = (&live.classifier, live.classifier.topics());
        let rules = topics.iter().map(|topic| topic.rules.len()).sum();
        let (topics, rules) = (output::count(topics.len(), "topic"), output::count(rules, "rule"));
        text += &format!("ruleset {} {}: {topics}, {rules}\n", live.name, classifier.version());
    }
    text + "\nTry it:\n"
        + &format!("  grpcurl -plaintext -d {DOCUMENT} {address} {CALL}\n")
        + &format!(
            "  buf curl --protocol grpc --http2-prior-knowledge -d {DOCUMENT} http://{address}/{CALL}\n"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_bring_a_name() {
        let named = |name: Option<&str>, dir: &str| {
            Ok(Named { name: name.map(str::to_owned), dir: Some(dir.into()) })
        };
        assert_eq!(named_folder("rules"), named(None, "rules"));
        assert_eq!(named_folder("live=rules/a"), named(Some("live"), "rules/a"));
        assert_eq!(named_folder("live=a=b"), named(Some("live"), "a=b"));
        assert_eq!(named_folder("./a=b"), named(None, "./a=b"));
        assert!(named_folder("=rules").is_err());
    }
}
