//! Messages of gRPC: lengths, flags, compression, and what is inside.

use crate::bystander::{article, endures};
use crate::raw::{BATCH, CLASSIFY, STREAM, message};
use crate::server::Server;
use bytes::Bytes;
use geotopics::wire::v1::{
    ClassifyRequest, ClassifyResult, ClassifyStreamResponse, classify_result::Outcome,
};
use http::{HeaderMap, Request};
use prost::Message;
use std::io::Write;
use tokio::net::TcpStream;
use tonic::{Code, Status};

/// What came of a call.
#[derive(Debug)]
struct Answer {
    http: u16,
    status: Status,
    body: Vec<u8>,
}

/// Makes a call of these bytes, over a connection of its own.
async fn call(server: &Server, path: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Answer {
    let socket = TcpStream::connect(server.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://localhost{path}"));
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut client = client.ready().await.unwrap();
    let (answer, mut sender) = client.send_request(request.body(()).unwrap(), false).unwrap();
    // A server that has answered may take no more.
    drop(sender.send_data(Bytes::copy_from_slice(body), true));
    let answer = answer.await.unwrap();
    let http = answer.status().as_u16();
    let mut head: HeaderMap = answer.headers().clone();
    let (mut data, mut body) = (answer.into_body(), Vec::new());
    while let Some(part) = data.data().await {
        let part = part.unwrap();
        data.flow_control().release_capacity(part.len()).unwrap();
        body.extend_from_slice(&part);
    }
    head.extend(data.trailers().await.unwrap().unwrap_or_default());
    let status = Status::from_header_map(&head).unwrap_or_else(|| Status::unknown("no status"));
    Answer { http, status, body }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Zeros that become as many as a message may not have.
fn bomb(mut writer: impl Write) {
    let zeros = vec![0; 1 << 20];
    (0..300).for_each(|_| writer.write_all(&zeros).unwrap());
}

/// What is wrong, the headers beside the usual ones, the body, and what comes of it.
type Case = (&'static str, Vec<(&'static str, &'static str)>, Vec<u8>, Code);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_gets_a_status() {
    let server = Server::start(&["--max-message", "1MiB"]);
    let sound = ClassifyRequest { document: Some(article("a", "The Middle Corridor")), options: None }
        .encode_to_vec();
    let gzip_bomb = {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb(&mut out);
        out.finish().unwrap()
    };
    let zstd_bomb = {
        let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
        bomb(&mut out);
        out.finish().unwrap()
    };
    let declared = |length: u32| [&[0][..], &length.to_be_bytes()].concat();
    let encoded = |encoding| vec![("grpc-encoding", encoding)];
    let plain = Vec::new;
    let cases: Vec<Case> = vec![
        ("nothing wrong", plain(), message(0, &sound), Code::Ok),
        ("nothing wrong, gzip", encoded("gzip"), message(1, &gzip(&sound)), Code::Ok),
        (
            "nothing wrong, zstd",
            encoded("zstd"),
            message(1, &zstd::encode_all(&*sound, 1).unwrap()),
            Code::Ok,
        ),
        ("an encoding that is not used", encoded("gzip"), message(0, &sound), Code::Ok),
        ("no message", plain(), Vec::new(), Code::Internal),
        ("a part of a prefix", plain(), vec![0, 0, 0], Code::Internal),
        ("a part of a message", plain(), message(0, &sound)[..10].to_vec(), Code::Internal),
        ("a length beyond the end", plain(), [declared(100), vec![0; 50]].concat(), Code::Internal),
        ("a length beyond the limit", plain(), declared(2 << 20), Code::OutOfRange),
        ("the largest length", plain(), declared(u32::MAX), Code::OutOfRange),
        ("two messages", plain(), message(0, &sound).repeat(2), Code::InvalidArgument),
        (
            "bytes after the message",
            plain(),
            [message(0, &sound), b"more".to_vec()].concat(),
            Code::InvalidArgument,
        ),
        ("an unknown flag", plain(), message(7, &sound), Code::Internal),
        ("compressed without encoding", plain(), message(1, &gzip(&sound)), Code::Internal),
        ("compressed, and not so", encoded("gzip"), message(1, &sound), Code::Internal),
        ("an unknown encoding", encoded("br"), message(1, &sound), Code::Unimplemented),
        ("a bomb of gzip", encoded("gzip"), message(1, &gzip_bomb), Code::ResourceExhausted),
        ("a bomb of zstd", encoded("zstd"), message(1, &zstd_bomb), Code::ResourceExhausted),
        ("a part of what is compressed", encoded("gzip"), message(1, &gzip(&sound)[..20]), Code::Internal),
        ("nonsense", plain(), message(0, &[0xff; 100]), Code::InvalidArgument),
        ("zeros", plain(), message(0, &[0; 100]), Code::InvalidArgument),
        ("nothing in the message", plain(), message(0, b""), Code::InvalidArgument),
        ("groups in groups", plain(), message(0, &[0x0b; 5000]), Code::InvalidArgument),
        (
            "a deadline that is none",
            vec![("grpc-timeout", "soon")],
            message(0, &sound),
            Code::InvalidArgument,
        ),
        ("a deadline that is over", vec![("grpc-timeout", "0n")], message(0, &sound), Code::DeadlineExceeded),
    ];
    let calls = endures("messages that are none", &server, |server| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let mut answers = Vec::new();
                for (what, headers, body, expected) in &cases {
                    answers.push((what, expected, call(server, CLASSIFY, headers, body).await));
                }
                answers
            })
        })
    });
    for (what, expected, Answer { http, status, .. }) in calls {
        assert_eq!((http, status.code()), (200, *expected), "{what}: {status}");
        assert!(status.code() == Code::Ok || !status.message().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_call_gets_a_status() {
    let server = Server::start(&[]);
    for (path, content_type, http, code) in [
        ("/geotopics.v1.ClassificationService/Nothing", "application/grpc", 200, Code::Unimplemented),
        ("/nothing", "application/grpc", 200, Code::Unimplemented),
        ("/", "application/grpc+proto", 200, Code::Unimplemented),
        (CLASSIFY, "application/json", 415, Code::Unknown),
        (CLASSIFY, "application/grpc+json", 415, Code::Unknown),
        (CLASSIFY, "application/grpcnonsense", 415, Code::Unknown),
        (CLASSIFY, "text/html", 415, Code::Unknown),
    ] {
        let answer = call(&server, path, &[("content-type", content_type)], &message(0, b"")).await;
        assert_eq!((answer.http, answer.status.code()), (http, code), "{path} {content_type}: {answer:?}");
    }
}

/// A document as a field of a message.
fn document(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![1 << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut out);
    [&out, bytes].concat()
}

fn told(result: &ClassifyResult) -> (String, String) {
    match result.outcome.as_ref().unwrap() {
        Outcome::Classification(classification) => (classification.document_id.clone(), String::new()),
        Outcome::Error(error) => (error.document_id.clone(), error.status.as_ref().unwrap().message.clone()),
    }
}

/// Items that are nonsense, too large or not text, each with its id and what is said of it.
fn items() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let field = |tag: u8, content: &[u8]| [&[tag << 3 | 2, content.len() as u8], content].concat();
    vec![
        (article("sound", "The Middle Corridor").encode_to_vec(), "sound", ""),
        ([field(1, b"number"), vec![3 << 3, 7]].concat(), "number", "cannot be read"),
        (vec![0xff; 50], "", "cannot be read"),
        ([field(1, b"cut"), vec![3 << 3 | 2, 100, b'a']].concat(), "cut", "cannot be read"),
        ([field(1, b"bytes"), field(3, b"\xff\xfe")].concat(), "bytes", "not valid UTF-8"),
        (
            [field(1, b"time"), field(5, &[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]
                .concat(),
            "time",
            "published",
        ),
        ([field(1, b"unknown"), field(15, b"what")].concat(), "unknown", ""),
        (article("large", &"x ".repeat(50_000)).encode_to_vec(), "large", "max_document"),
        (Vec::new(), "", ""),
        (article("last", "A corridor").encode_to_vec(), "last", ""),
    ]
}

#[tokio::test]
async fn bad_items_fail_alone_and_the_stream_goes_on() {
    let server = Server::start(&["--max-document", "64KiB"]);
    let items = items();
    // Each in a message of its own, all in one, and messages of which nothing can be told apart.
    let mut body: Vec<u8> = items.iter().flat_map(|(bytes, ..)| message(0, &document(bytes))).collect();
    body.extend(message(0, &items.iter().flat_map(|(bytes, ..)| document(bytes)).collect::<Vec<u8>>()));
    body.extend(message(0, &[0xff; 40]));
    body.extend(message(0, &document(&article("end", "Baku").encode_to_vec())));
    let answer = call(&server, STREAM, &[], &body).await;
    assert_eq!(answer.status.code(), Code::Ok, "{}", answer.status);
    let mut answers = Vec::new();
    let mut rest = &*answer.body;
    while let Some((prefix, after)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        answers.push(ClassifyStreamResponse::decode(&after[..length]).unwrap().results);
        rest = &after[length..];
    }
    assert_eq!(answers.len(), items.len() + 3);
    let expected = items.iter().map(|(_, id, said)| (*id, *said));
    let alone = answers[..items.len()].iter().map(|results| told(&results[0]));
    let together = answers[items.len()].iter().map(told);
    for ((id, message), (expected, said)) in alone.chain(together).zip(expected.clone().chain(expected)) {
        assert_eq!(id, expected, "{message}");
        assert_eq!(said.is_empty(), message.is_empty(), "{id}: {message}");
        assert!(message.contains(said), "{id}: {message}");
    }
    let [nonsense] = &answers[items.len() + 1][..] else { panic!("{answers:?}") };
    assert!(told(nonsense).1.contains("cannot be read"));
    assert_eq!(told(&answers[items.len() + 2][0]), ("end".to_owned(), String::new()));

    let batch = call(
        &server,
        BATCH,
        &[],
        &message(0, &items.iter().flat_map(|(bytes, ..)| document(bytes)).collect::<Vec<u8>>()),
    )
    .await;
    assert_eq!(batch.status.code(), Code::Ok, "{}", batch.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_bytes_do_not_take_much_memory() {
    let server = Server::start(&[]);
    let most = 8 << 20;
    // Empty documents, documents of empty entries of metadata, and what becomes large when it is unpacked.
    let documents = message(0, &[1 << 3 | 2, 0].repeat(most / 2));
    let entries = message(0, &document(&[6 << 3 | 2, 0].repeat(most / 2)));
    let many = message(0, &[1 << 3 | 2, 0].repeat(10_000));
    let spaces = message(1, &gzip(&document(&article("", &" ".repeat(15 << 20)).encode_to_vec())));
    let mut peak = 0;
    endures("few bytes that become many", &server, |server| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let unpacked = [("grpc-encoding", "gzip")];
                let calls = (0..40).map(|i| match i % 4 {
                    0 => call(server, BATCH, &[], &documents),
                    1 => call(server, CLASSIFY, &[], &entries),
                    2 => call(server, BATCH, &[], &many),
                    _ => call(server, BATCH, &unpacked, &spaces),
                });
                let watch = async {
                    loop {
                        peak = peak.max(server.memory());
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    }
                };
                tokio::select! {
                    answers = futures_util::future::join_all(calls) => {
                        for (i, answer) in answers.iter().enumerate() {
                            let expected = [Code::InvalidArgument, Code::InvalidArgument, Code::Ok, Code::Ok][i % 4];
                            assert_eq!(answer.status.code(), expected, "{}: {}", i % 4, answer.status);
                        }
                    }
                    () = watch => {}
                }
            })
        })
    });
    assert!(peak < 1 << 30, "{peak} bytes");
}
