//! JSON over HTTP and gRPC-Web, as a client without gRPC sees them.
#![cfg(feature = "server")]

mod server;

use serde_json::{Value, json};
use server::{Reply, Server, ask, new_folder, read_reply};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const JSON: &str = "content-type: application/json";
const LINES: &str = "content-type: application/x-ndjson";
const TEXT: &str = "Cargo on the Middle Corridor grew.";

fn post(server: &Server, path: &str, body: impl AsRef<[u8]>) -> Reply {
    ask(&server.http, "POST", path, &[JSON], body)
}

/// The topics of a classification.
fn topics(classification: &Value) -> Vec<&str> {
    let labels = classification["labels"].as_array().unwrap_or_else(|| panic!("{classification}"));
    labels.iter().map(|label| label["topic"].as_str().unwrap()).collect()
}

#[test]
fn every_call_has_a_path() {
    let server = Server::start(&[]);
    let document = json!({ "id": "a", "text": TEXT });
    let reply = post(&server, "/v1/classify", json!({ "document": document }).to_string());
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains("content-type: application/json") && reply.head.contains("x-request-id: "));
    let classification = &reply.json()["classification"];
    assert_eq!((&classification["document_id"], topics(classification)), (&json!("a"), vec!["corridors"]));
    assert_eq!(classification["labels"][0]["evidence"][0]["spans"], json!([{ "start": 13, "end": 28 }]));

    // Half of a pair of surrogates is no text.
    let bad = r#"{"id": "b", "text": "\ud800"}"#;
    let documents = format!(r#"[{document}, {bad}, {{"id": "c"}}, {{"id": "d", "title": "Nothing"}}]"#);
    let reply = post(&server, "/v1/classify:batch", format!(r#"{{"documents": {documents}}}"#)).json();
    let results = reply["results"].as_array().unwrap();
    assert_eq!(topics(&results[0]["classification"]), ["corridors"]);
    let faults = [&results[1], &results[2]].map(|result| {
        let fault = &result["error"]["status"]["details"][0]["field_violations"][0]["field"];
        (result["error"]["document_id"].as_str().unwrap(), fault.as_str().unwrap())
    });
    assert_eq!(faults, [("b", "documents[1].text"), ("c", "documents[2]")]);
    assert!(topics(&results[3]["classification"]).is_empty());

    let reply = post(&server, "/v1/explain", json!({ "document": document }).to_string()).json();
    assert_eq!(reply["topics"][0]["rules"][0]["hits"][0]["term"], "middle corridor", "{reply}");

    let reply = ask(&server.http, "GET", "/v1/rulesets", &[], "").json();
    assert_eq!(
        (&reply["rulesets"][0]["name"], &reply["rulesets"][0]["default"]),
        (&json!("test"), &json!(true))
    );
    let reply = ask(&server.http, "GET", "/v1/rulesets/test", &[], "").json();
    assert_eq!(reply["topics"][0]["id"], "corridors", "{reply}");

    let files = json!([{ "path": "a.toml", "content": "aWQgPSAK" }]);
    let reply = post(&server, "/v1/rulesets:check", json!({ "files": files }).to_string()).json();
    assert_eq!((&reply["ok"], &reply["diagnostics"][1]["line"]), (&json!(false), &json!(1)), "{reply}");

    let written: Value = serde_json::from_str(include_str!("../docs/openapi.json")).unwrap();
    assert_eq!(ask(&server.http, "GET", "/openapi.json", &[], "").json(), written);
    for path in ["/livez", "/readyz"] {
        let reply = ask(&server.http, "GET", path, &[], "");
        assert_eq!((reply.status, &*reply.body), (200, "ok\n"));
    }
}

#[test]
fn what_is_wrong_is_told() {
    let server = Server::start(&["--max-message", "2KiB", "--max-documents", "2", "--max-document", "1KiB"]);
    let document = json!({ "text": TEXT });
    let with = |options: Value| json!({ "document": document, "options": options }).to_string();
    let long = json!({ "document": { "text": "x ".repeat(600) } }).to_string();
    let many = json!({ "documents": [document, document, document] }).to_string();
    for (path, body, status, message) in [
        ("/v1/classify", "", 400, "body: EOF while parsing"),
        ("/v1/classify", "{\"document\": {\"text\": \"a\"", 400, "line 1 column 25"),
        ("/v1/classify", "[]", 400, "body: invalid type"),
        ("/v1/classify", "{}", 400, "document: is missing"),
        ("/v1/classify", r#"{"document": {}}"#, 400, "document: has neither title nor text"),
        ("/v1/classify", r#"{"document": {"text": "a", "txt": ""}}"#, 400, "unknown field `txt`"),
        ("/v1/classify", r#"{"document": {"text": "a"}, "x": 1}"#, 400, "unknown field `x`"),
        ("/v1/classify", r#"{"document": {"text": "a\ud800"}}"#, 400, "document.text"),
        ("/v1/classify", &with(json!({ "ruleset": "none" })), 404, "no ruleset \"none\""),
        ("/v1/classify", &with(json!({ "topics": ["none"] })), 400, "options.topics[0]"),
        ("/v1/classify", &with(json!({ "min_score": 2 })), 400, "options.min_score"),
        ("/v1/classify", &long, 400, "1024"),
        ("/v1/classify:batch", &many, 400, "documents: 3"),
        ("/v1/explain", "{}", 400, "document: is missing"),
        ("/v1/explain", r#"{"document": {"id": "1"}}"#, 400, "neither title nor text"),
        ("/v1/rulesets:check", r#"{"files": [{"path": "/etc/passwd"}]}"#, 400, "files"),
        ("/v1/classify", &"x".repeat(3000), 413, "2048 bytes, which is the limit (max_message)"),
        ("/v1/rulesets/test:reload", "", 403, "not allowed"),
        ("/v1/rulesets/test", "", 405, "POST is no method"),
        ("/v1/nothing", "", 404, "/openapi.json"),
        ("/", "", 404, "/openapi.json"),
    ] {
        let reply = post(&server, path, body);
        let told = reply.json();
        assert_eq!(reply.status, status, "{path} {body}: {told}");
        assert!(told["message"].as_str().unwrap().contains(message), "{path} {body}: {told}");
        assert!(told["code"].as_i64().unwrap() > 0 && told["details"].is_array(), "{told}");
        assert!(reply.head.contains("content-type: application/json"), "{reply:?}");
    }
    for (method, path, headers, status) in [
        ("GET", "/v1/classify", &[][..], 405),
        ("DELETE", "/v1/rulesets/test", &[], 405),
        ("OPTIONS", "/v1/classify", &["origin: https://a.example"], 405),
        ("GET", "/v1/rulesets/none", &[], 404),
        ("GET", "/v1/rulesets/%ff", &[], 404),
        ("POST", "/v1/classify", &[], 415),
        ("POST", "/v1/classify", &["content-type: text/json"], 415),
        ("POST", "/v1/classify", &[JSON, "content-encoding: gzip"], 415),
        ("POST", "/v1/classify", &[JSON, "grpc-timeout: soon"], 400),
        ("POST", "/v1/classify:stream", &["content-type: text/plain"], 415),
        ("POST", "/v1/classify:stream?max_labels=many", &[LINES], 400),
        ("POST", "/v1/classify:stream?evidence=all", &[LINES], 400),
        ("POST", "/v1/classify:stream?label=1", &[LINES], 400),
        ("POST", "/v1/classify:stream?topics=none", &[LINES], 400),
        ("POST", "/v1/classify:stream?ruleset=none", &[LINES], 404),
    ] {
        let reply = ask(&server.http, method, path, headers, "{}");
        assert_eq!(reply.status, status, "{method} {path} {headers:?}: {reply:?}");
        assert!(reply.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{reply:?}");
    }
}

#[test]
fn lines_are_answered_in_order_and_bad_ones_in_place() {
    let server = Server::start(&["--max-document", "1KiB"]);
    let long = json!({ "id": "long", "text": "x".repeat(2000) }).to_string();
    let input = format!(
        "{}\n\n nonsense \n{long}\r\n{}\n{}\n{}\n{}",
        json!({ "id": "1", "text": TEXT }),
        json!({ "id": "2" }),
        r#"{"id": "3", "text": "\ud800"}"#,
        json!({ "id": "4", "txt": "a" }),
        json!({ "id": "5", "title": "Without a line's end" }),
    );
    let path = "/v1/classify:stream?evidence=none&offset_unit=code_points&topics=corridors,economy&min_score=0.1&near_misses=true";
    let reply = ask(&server.http, "POST", path, &[LINES], &input);
    assert_eq!(reply.status, 200, "{reply:?}");
    let lines: Vec<Value> = reply.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(topics(&lines[0]), ["corridors"]);
    assert_eq!(lines[0]["labels"][0]["evidence"], json!([]));
    let faults: Vec<_> = lines[1..6]
        .iter()
        .map(|line| {
            let message = line["error"]["message"].as_str().unwrap_or_else(|| panic!("{line}"));
            (line["document_id"].as_str().unwrap(), message)
        })
        .collect();
    for ((id, message), (expected, part)) in faults.iter().zip([
        ("", "line 3: expected"),
        ("", "line 4: more than 1024 bytes, which is the limit (max_document)"),
        ("2", "line 5: has neither title nor text"),
        ("3", "line 6.text: "),
        ("", "line 7: unknown field `txt`"),
    ]) {
        assert_eq!(*id, expected);
        assert!(message.starts_with(part), "{message}");
    }
    assert_eq!(lines[6]["document_id"], "5");
    assert_eq!(lines.len(), 7);
}

#[test]
fn lines_are_those_of_the_command_line() {
    let server = Server::start(&[]);
    let articles = std::fs::read("examples/articles.jsonl").unwrap();
    let reply = ask(&server.http, "POST", "/v1/classify:stream?near_misses=true", &[LINES], articles);
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    command.args(["classify", "--near-misses", "examples/articles.jsonl", "--rules"]).arg(server.rules());
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    // Each tells the name under which it has the ruleset.
    assert_eq!(reply.body, printed);
    assert!(reply.body.lines().count() > 3 && !reply.body.contains("\"error\""), "{reply:?}");
}

/// A client of a stream that has sent the start of its request.
fn stream(server: &Server) -> TcpStream {
    let address = server.http.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let head =
        "POST /v1/classify:stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
    write!(socket, "{head}{LINES}\r\n\r\n").unwrap();
    socket
}

fn chunk(lines: &str) -> Vec<u8> {
    format!("{:x}\r\n{lines}\r\n", lines.len()).into_bytes()
}

#[test]
fn a_stream_answers_while_it_goes_on() {
    let server = Server::start(&[]);
    let mut socket = stream(&server);
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    for i in 0..3 {
        // Half of the next line is no line yet.
        let line = format!("\"text\": \"{TEXT}\"}}\n{{\"id\": \"{}\", ", i + 1);
        let line = if i == 0 { format!("{{\"id\": \"0\", {line}") } else { line };
        socket.write_all(&chunk(&line)).unwrap();
        let answer = loop {
            let mut line = String::new();
            assert!(answers.read_line(&mut line).unwrap() > 0, "the answer ended");
            if line.starts_with('{') {
                break line;
            }
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["document_id"], i.to_string());
    }
}

#[test]
fn who_does_not_read_is_held_back() {
    let server = Server::start(&[]);
    let before = server.memory();
    let mut socket = stream(&server);
    socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let lines = chunk(&format!("{{\"text\": \"{}\"}}\n", "Middle Corridor. ".repeat(20)).repeat(200));
    let mut sent = 0;
    while sent < 256 << 20 && socket.write_all(&lines).is_ok() {
        sent += lines.len();
    }
    assert!(sent < 64 << 20, "{sent} bytes were taken though no answer was");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 64 << 20, "grew by {grown} bytes");
}

#[test]
fn a_stream_that_waits_for_too_long_says_so_in_its_last_line() {
    let server = Server::start(&["--stream-idle-timeout", "200ms"]);
    let mut socket = stream(&server);
    socket.write_all(&chunk("{\"text\": \"a\"}\n")).unwrap();
    let body = read_reply(&mut socket).body;
    let last = body.lines().last().unwrap();
    assert!(last.contains("DEADLINE_EXCEEDED") && last.contains("stream_idle_timeout"), "{body}");
}

#[test]
fn addresses_take_what_they_are_for() {
    let server = Server::start(&["--admin", "127.0.0.1:0"]);
    // gRPC asked in JSON, and the other way round.
    let call = "/geotopics.v1.ClassificationService/Classify";
    let reply = ask(&server.url, "POST", call, &[JSON], "{}");
    assert_eq!(reply.status, 415);
    assert!(reply.json()["message"].as_str().unwrap().contains("application/grpc"), "{reply:?}");
    let reply = ask(&server.http, "POST", call, &["content-type: application/grpc-web"], "");
    assert!(reply.status == 200 && reply.head.contains("grpc-status: 12"), "{reply:?}");

    assert_eq!(ask(&server.admin, "GET", "/readyz", &[], "").status, 200);
    assert_eq!(ask(&server.admin, "GET", "/v1/rulesets", &[], "").status, 404);
    assert_eq!(post(&server, "/livez", "").status, 405);
}

#[test]
fn readiness_ends_before_the_server_does() {
    let mut server = Server::start(&["--drain", "20s"]);
    // A connection from before, with a call that is not over.
    let mut busy = stream(&server);
    busy.write_all(&chunk("{\"text\": \"a\"}\n")).unwrap();
    let mut waits = TcpStream::connect(server.http.strip_prefix("http://").unwrap()).unwrap();
    waits.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n").unwrap();
    server.logs("serving");
    server.signal("-TERM");
    server.logs("ending");
    waits.write_all(b"connection: close\r\n\r\n").unwrap();
    assert_eq!(read_reply(&mut waits).status, 503);
    busy.write_all(&chunk("{\"text\": \"b\"}\n")).unwrap();
    busy.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read_reply(&mut busy).body.lines().count(), 2);
    assert_eq!(server.ended().code(), Some(0));
}

/// Messages of gRPC-Web: a flag, a length, and what it is.
fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

#[test]
fn browsers_call_by_grpc_web() {
    let server = Server::start(&["--cors-origins", "https://a.example"]);
    // ClassifyRequest { document { text } }, as it is on the wire.
    let inner = [&[0x1a, TEXT.len() as u8], TEXT.as_bytes()].concat();
    let message = [&[0x0a, inner.len() as u8], &inner[..]].concat();
    let call = "/geotopics.v1.ClassificationService/Classify";
    let headers = ["content-type: application/grpc-web+proto", "origin: https://a.example", "x-grpc-web: 1"];
    let reply = ask(&server.url, "POST", call, &headers, framed(0, &message));
    assert!(reply.status == 200 && reply.body.contains("corridors"), "{reply:?}");
    assert!(reply.body.contains("grpc-status:0"), "{reply:?}");
    assert!(reply.head.contains("access-control-allow-origin: https://a.example"), "{reply:?}");
    assert!(reply.head.contains("access-control-expose-headers: grpc-status,"), "{reply:?}");

    let asks = |url: &str, origin: &str| {
        let origin = format!("origin: {origin}");
        let headers =
            [&*origin, "access-control-request-method: POST", "access-control-request-headers: content-type"];
        ask(url, "OPTIONS", call, &headers, "")
    };
    for url in [&server.url, &server.http] {
        let reply = asks(url, "https://a.example");
        assert_eq!(reply.status, 200);
        assert!(reply.head.contains("access-control-allow-origin: https://a.example"), "{reply:?}");
        assert!(!asks(url, "https://b.example").head.contains("access-control-allow-origin"));
    }

    // Nobody's pages may call where nobody's are said to.
    let closed = Server::start(&[]);
    assert!(!asks(&closed.http, "https://a.example").head.contains("access-control"));
    assert_eq!(asks(&closed.url, "https://a.example").status, 415);
}

#[test]
fn tokens_are_asked_for_but_for_health() {
    let folder = new_folder("http-tokens");
    let file = folder.join("tokens.toml");
    let made = Command::new(env!("CARGO_BIN_EXE_geotopics"))
        .args(["token", "reader", "--tokens"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap();
    let bearer = format!("authorization: Bearer {}", token.trim());
    let server = Server::start(&["--tokens", file.to_str().unwrap(), "--cors-origins", "*"]);
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(&server.http, "GET", path, &[], "").status, 200);
    }
    for (method, path) in [
        ("GET", "/v1/rulesets"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("POST", "/v1/classify"),
        ("GET", "/nothing"),
    ] {
        let reply = ask(&server.http, method, path, &[JSON], "{}");
        assert_eq!(reply.status, 401, "{path}: {reply:?}");
        assert!(reply.head.contains("www-authenticate: bearer"), "{reply:?}");
    }
    assert_eq!(ask(&server.http, "GET", "/v1/rulesets", &[&bearer], "").status, 200);
    let reply = ask(&server.http, "POST", "/v1/rulesets/test:reload", &[JSON, &bearer], "");
    assert_eq!(reply.status, 403, "{reply:?}");
    // What a browser asks beforehand needs no token, and gives nothing away.
    assert_eq!(ask(&server.http, "OPTIONS", "/v1/rulesets", &[], "").body, "");
    assert!(!server.log().contains(token.trim()));
    std::fs::remove_dir_all(folder).unwrap();
}
