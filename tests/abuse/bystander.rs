//! A client that does all as it should, beside whatever is done to the server.

use crate::server::Server;
use geotopics::wire::proto::geotopics::v1::classification_service_client::ClassificationServiceClient;
use geotopics::wire::v1::{ClassifyRequest, Document};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

/// How long it calls in peace, to compare with.
const CALM: Duration = Duration::from_millis(500);

/// Calls the server again and again.
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Result<Duration, String>>>,
}

impl Bystander {
    /// One whose first call was answered.
    pub(crate) fn start(server: &Server) -> Bystander {
        let (begun, begins) = std::sync::mpsc::channel();
        let (stop, url) = (Arc::new(AtomicBool::new(false)), server.url.clone());
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut client = client(&url).await;
                    let mut calls = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        let request = ClassifyRequest {
                            document: Some(article("by", "The Middle Corridor")),
                            options: None,
                        };
                        let answer = client.classify(request).await;
                        calls.push(match answer {
                            Ok(answer)
                                if answer.get_ref().classification.as_ref().unwrap().labels.len() == 1 =>
                            {
                                Ok(start.elapsed())
                            }
                            other => Err(format!("{other:?}")),
                        });
                        // Nobody waits for it but once.
                        begun.send(()).unwrap_or_default();
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    calls
                })
            }
        });
        begins.recv().unwrap();
        Bystander { stop, thread }
    }

    fn stop(self) -> Vec<Result<Duration, String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

pub(crate) async fn client(url: &str) -> ClassificationServiceClient<Channel> {
    ClassificationServiceClient::new(Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap())
}

pub(crate) fn article(id: &str, text: &str) -> Document {
    Document { id: id.to_owned().into(), text: text.to_owned().into(), ..Document::default() }
}

/// Does something to a server. Meanwhile a bystander has an answer to every call, and afterwards all is as before: no calls, no
/// connections, no memory. Prints how long the bystander waited, before and meanwhile; how long that may be is no matter of a
/// test.
pub(crate) fn endures<T>(what: &str, server: &Server, attack: impl FnOnce(&Server) -> T) -> T {
    let calm = Bystander::start(server);
    thread::sleep(CALM);
    let calm = calm.stop();
    let before = server.memory();
    let beside = Bystander::start(server);
    let done = attack(server);
    let meanwhile = beside.stop();
    let p99 = |calls: &[Result<Duration, String>]| {
        let mut times: Vec<Duration> = calls
            .iter()
            .map(|call| {
                *call.as_ref().unwrap_or_else(|error| panic!("{what}: a bystander's call failed: {error}"))
            })
            .collect();
        times.sort();
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    };
    let (calm, meanwhile, calls) = (p99(&calm), p99(&meanwhile), meanwhile.len());
    println!("{what}: bystander's p99 {calm:?} in calm, {meanwhile:?} meanwhile ({calls} calls)");
    server.is_idle();
    let grown = || server.memory().saturating_sub(before);
    crate::server::wait(|| grown() < 64 << 20, || format!("{what}: memory grew by {} bytes", grown()));
    done
}
