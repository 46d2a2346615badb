//! Calls that hold what they have and do not go on: readers that stall, bodies that trickle, streams that never end; and too many
//! calls at a time.

use crate::bystander::{article, client, endures};
use crate::raw::*;
use crate::server::{Server, ask};
use geotopics::wire::proto::geotopics::v1::classification_service_client::ClassificationServiceClient;
use geotopics::wire::proto::google::rpc::{ErrorInfo, RetryInfo, Status as RpcStatus};
use geotopics::wire::v1::{ClassifyBatchRequest, ClassifyRequest, Document};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Connections with calls on them, each begun by some frames.
fn open(
    address: &str,
    connections: usize,
    calls: u32,
    settings: &[(u16, u32)],
    frames: impl Fn(u32) -> Vec<u8>,
) -> Vec<Raw> {
    let open = |_| {
        let mut raw = Raw::open(address, settings);
        for call in 0..calls {
            raw.send(&frames(1 + 2 * call));
        }
        raw
    };
    (0..connections).map(open).collect()
}

/// Reads until the server has ended as many calls, by headers or trailers that end the stream, or a reset.
fn ends(mut raw: Raw, calls: u32) {
    let mut ended = 0;
    while ended < calls {
        let frame = raw.next().unwrap_or_else(|| panic!("the connection ended after {ended} of its calls"));
        ended +=
            u32::from(frame.kind == RST_STREAM || frame.kind == HEADERS && frame.flags & END_STREAM != 0);
    }
}

fn page(server: &Server) -> String {
    ask(&server.http, "GET", "/metrics", &[], "").body
}

fn begun(path: &'static str, body: Vec<u8>) -> impl Fn(u32) -> Vec<u8> {
    move |stream| [frame(HEADERS, END_HEADERS, stream, &call(path)), frame(DATA, 0, stream, &body)].concat()
}

#[test]
fn requests_that_do_not_end_are_ended() {
    let server = Server::start(&["--receive-timeout", "1s", "--stream-idle-timeout", "1s"]);
    let part = message(0, &[b'a'; 1000])[..500].to_vec();
    for (what, path, body) in [
        ("a body that never comes", CLASSIFY, Vec::new()),
        ("half a message", CLASSIFY, part.clone()),
        ("half a message of a stream", STREAM, part),
        ("a stream without messages", STREAM, Vec::new()),
        ("a stream that has become silent", STREAM, message(0, b"")),
    ] {
        endures(what, &server, |server| {
            let connections = open(server.address(), 5, 100, &[], begun(path, body));
            connections.into_iter().for_each(|raw| ends(raw, 100));
        });
    }
    assert!(
        server.log().contains(r#""limit":"receive_timeout""#)
            && server.log().contains(r#""limit":"stream_idle_timeout""#)
    );
}

#[test]
fn a_body_that_trickles_is_ended() {
    let server = Server::start(&["--receive-timeout", "1s"]);
    endures("a byte now and then", &server, |server| {
        let mut connections = open(server.address(), 5, 20, &[], begun(CLASSIFY, vec![0, 0, 1, 0, 0]));
        for _ in 0..15 {
            thread::sleep(Duration::from_millis(100));
            for raw in &mut connections {
                for call in 0..20 {
                    raw.frame(DATA, 0, 1 + 2 * call, b"a");
                }
            }
        }
        connections.into_iter().for_each(|raw| ends(raw, 20));
    });
}

#[test]
fn readers_that_take_nothing_are_ended() {
    let server = Server::start(&["--stall-timeout", "1s"]);
    let documents = vec![article("a", "The Middle Corridor"); 2000];
    let batch = message(0, &ClassifyBatchRequest { documents, options: None }.encode_to_vec());
    let closed = (4, 0);
    for (what, settings) in [("windows of nothing", closed), ("windows of a byte", (4, 1))] {
        endures(what, &server, |server| {
            let request = |stream| {
                let parts = batch.chunks(16_000).map(|part| frame(DATA, 0, stream, part));
                let end = frame(DATA, END_STREAM, stream, b"");
                [frame(HEADERS, END_HEADERS, stream, &call(BATCH)), parts.collect::<Vec<_>>().concat(), end]
                    .concat()
            };
            let connections = open(server.address(), 10, 10, &[settings], request);
            connections.into_iter().for_each(|raw| ends(raw, 10));
        });
    }
    // One that does not read at all, on the socket.
    endures("sockets that are not read", &server, |server| {
        let http = server.http.trim_start_matches("http://");
        let line = "{\"text\": \"The Middle Corridor\"}\n".repeat(5000);
        let head = format!(
            "POST /v1/classify:stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
            line.len() * 20
        );
        let sockets: Vec<Raw> = (0..5)
            .map(|_| {
                let mut raw = Raw::silent(http);
                raw.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
                raw.send(head.as_bytes());
                (0..20).all(|_| raw.send(line.as_bytes()));
                raw
            })
            .collect();
        thread::sleep(Duration::from_secs(3));
        drop(sockets);
    });
    assert!(server.log().contains(r#""limit":"stall_timeout""#), "{}", server.log());
}

#[test]
fn of_too_many_calls_that_wait_the_oldest_end() {
    let server = Server::start(&["--max-waiting", "200"]);
    endures("many open streams", &server, |server| {
        let connections = open(server.address(), 20, 100, &[], begun(STREAM, Vec::new()));
        // Of so many at once some are refused before they wait.
        let ended = r#"geotopics_calls_total{code="RESOURCE_EXHAUSTED",method="geotopics.v1.ClassificationService/ClassifyStream"}"#;
        crate::server::wait(|| server.metric(ended) >= 1800.0, || page(server));
        assert!(server.metric("geotopics_calls_waiting") <= 200.0);
        drop(connections);
    });
    assert!(
        server.metric(r#"geotopics_calls_ended_total{limit="max_waiting"}"#) > 100.0,
        "{}",
        page(&server)
    );
}

#[test]
fn calls_that_hold_most_memory_end() {
    let server = Server::start(&["--max-memory", "32MiB"]);
    let before = server.memory();
    endures("large bodies that do not end", &server, |server| {
        // 16 connections of 16 calls with 240 kB each of a message that goes on.
        let start = [&[0, 0, 0xf0, 0, 0][..], &[0; 15_000]].concat();
        let request = |stream| {
            let rest = frame(DATA, 0, stream, &[0; 15_000]).repeat(15);
            [frame(HEADERS, END_HEADERS, stream, &call(CLASSIFY)), frame(DATA, 0, stream, &start), rest]
                .concat()
        };
        let connections = open(server.address(), 16, 16, &[], request);
        let grown = server.memory().saturating_sub(before);
        assert!(grown < 160 << 20, "{grown} bytes");
        crate::server::wait(|| server.metric("geotopics_held_bytes") <= 33e6, || page(server));
        let ended = || server.metric(r#"geotopics_calls_ended_total{limit="max_memory"}"#);
        crate::server::wait(|| ended() > 100.0, || page(server));
        drop(connections);
    });
}

#[test]
fn a_giant_document_delays_nobody() {
    let server = Server::start(&[]);
    let giant = article("giant", &"The Middle Corridor, and Baku. ".repeat(500_000));
    let answers = endures("giant documents", &server, |server| {
        runtime().block_on(async {
            let client = client(&server.url)
                .await
                .max_encoding_message_size(usize::MAX)
                .max_decoding_message_size(usize::MAX);
            let calls = (0..4).map(|_| {
                let (mut client, document) = (client.clone(), Some(giant.clone()));
                async move { client.classify(ClassifyRequest { document, options: None }).await }
            });
            futures_util::future::join_all(calls).await
        })
    });
    for answer in answers {
        assert_eq!(answer.unwrap().into_inner().classification.unwrap().labels.len(), 1);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn reason(status: &Status) -> (String, bool) {
    let details = RpcStatus::decode(status.details()).unwrap().details;
    let of = |name: &str| details.iter().find(|detail| detail.type_url.ends_with(name));
    let info = of("ErrorInfo").map(|detail| ErrorInfo::decode(&*detail.value).unwrap().reason);
    let retry = of("RetryInfo").map(|detail| RetryInfo::decode(&*detail.value).unwrap().retry_delay);
    (info.unwrap_or_default(), retry.flatten().is_some())
}

#[test]
fn what_is_too_much_is_refused_at_once_and_health_answers() {
    let server = Server::start(&["--max-calls", "8"]);
    let documents: Vec<Document> = vec![article("a", &"The Middle Corridor. ".repeat(200)); 50];
    let (done, shed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    runtime().block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for _ in 0..40 {
            let mut client: ClassificationServiceClient<_> = client(&server.url).await;
            let (documents, stop, done, shed) = (documents.clone(), stop.clone(), done.clone(), shed.clone());
            clients.push(tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    let request = ClassifyBatchRequest { documents: documents.clone(), options: None };
                    match client.classify_batch(request).await {
                        Ok(_) => drop(done.fetch_add(1, Relaxed)),
                        Err(status) => {
                            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                            let (reason, retry) = reason(&status);
                            assert!(
                                retry && ["OVERLOADED", "CLIENT_SHARE"].contains(&&*reason),
                                "{status:?}"
                            );
                            shed.fetch_add(1, Relaxed);
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
            }));
        }
        let channel =
            tonic::transport::Channel::from_shared(server.url.clone()).unwrap().connect().await.unwrap();
        let mut health = HealthClient::new(channel);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(3) {
            health.check(HealthCheckRequest::default()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.store(true, Relaxed);
        for client in clients {
            client.await.unwrap();
        }
    });
    let (done, shed) = (done.load(Relaxed), shed.load(Relaxed));
    println!("overload: {done} batches were answered, {shed} refused");
    assert!(done > 0 && shed > 0);
    server.is_idle();
}

#[test]
fn deadlines_are_kept_within_a_batch() {
    let server = Server::start(&[]);
    let documents = vec![article("a", &"The Middle Corridor. ".repeat(500)); 10_000];
    endures("a deadline in the middle of work", &server, |server| {
        runtime().block_on(async {
            let mut client = client(&server.url).await.max_encoding_message_size(usize::MAX);
            let mut request =
                Request::new(ClassifyBatchRequest { documents: documents[..1400].to_vec(), options: None });
            request.set_timeout(Duration::from_millis(150));
            let start = Instant::now();
            let status = client.classify_batch(request).await.unwrap_err();
            assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
            println!("a deadline of 150 ms was kept after {:?}", start.elapsed());
        });
    });
}
