//! The metrics that a server tells, as Prometheus reads them.
#![cfg(feature = "server")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod server;

use serde_json::json;
use server::{Server, ask, new_folder, replace, wait};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

const JSON: &str = "content-type: application/json";

fn page(url: &str) -> String {
    let reply = ask(url, "GET", "/metrics", &[], "");
    assert!(
        reply.status == 200 && reply.head.contains("content-type: text/plain; version=0.0.4"),
        "{reply:?}"
    );
    reply.body
}

/// The values of a page by name and labels.
fn values(url: &str) -> BTreeMap<String, f64> {
    let page = page(url);
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn calls_documents_and_labels_are_counted() {
    let server = Server::start(&[]);
    let documents = json!([{ "text": "The Middle Corridor" }, { "text": "A corridor" }, { "id": "none" }, { "text": "x".repeat(100_000) }]);
    let batch = json!({ "documents": documents }).to_string();
    for _ in 0..2 {
        assert_eq!(ask(&server.http, "POST", "/v1/classify:batch", &[JSON], &batch).status, 200);
    }
    assert_eq!(ask(&server.http, "POST", "/v1/classify", &[JSON], "{}").status, 400);
    for path in ["/nothing", "/v1/rulesets/none", "/v1/rulesets/some"] {
        assert_eq!(ask(&server.http, "GET", path, &[], "").status, 404);
    }
    // A path that a client made up is no name of a method.
    let grpc = ["content-type: application/grpc-web+proto"];
    assert_eq!(ask(&server.url, "POST", "/made.Up/Call", &grpc, "").status, 200);
    wait(
        || {
            values(&server.http).get(r#"geotopics_calls_total{code="UNIMPLEMENTED",method="other"}"#)
                == Some(&1.0)
        },
        || page(&server.http),
    );
    let values = values(&server.http);
    for (name, expected) in [
        (r#"geotopics_calls_total{code="OK",method="v1/classify:batch"}"#, 2.0),
        (r#"geotopics_calls_total{code="INVALID_ARGUMENT",method="v1/classify"}"#, 1.0),
        (r#"geotopics_calls_total{code="NOT_FOUND",method="other"}"#, 1.0),
        (r#"geotopics_calls_total{code="NOT_FOUND",method="v1/rulesets/{name}"}"#, 2.0),
        (r#"geotopics_call_duration_seconds_count{method="v1/classify:batch"}"#, 2.0),
        (r#"geotopics_stage_duration_seconds_count{stage="classify"}"#, 8.0),
        (r#"geotopics_documents_total{outcome="classified"}"#, 8.0),
        (r#"geotopics_labels_total{ruleset="test",topic="corridors"}"#, 2.0),
        (r#"geotopics_calls_refused_total{reason="OVERLOADED"}"#, 0.0),
        (r#"geotopics_calls_ended_total{limit="max_memory"}"#, 0.0),
        ("geotopics_calls_working", 0.0),
        ("geotopics_calls_waiting", 0.0),
        ("geotopics_held_bytes", 0.0),
    ] {
        assert_eq!(values.get(name), Some(&expected), "{name}: {values:#?}");
    }
    let received = values["geotopics_received_bytes_total"];
    assert!((2.0 * batch.len() as f64..2.0 * batch.len() as f64 + 100.0).contains(&received), "{received}");
    assert!(values["geotopics_sent_bytes_total"] > 500.0);
    assert!(values["process_open_fds"] > 0.0 && values["process_resident_memory_bytes"] > 1e6);
}

#[test]
fn reloads_are_counted_and_faults_are_seen() {
    let server = Server::start(&["--admin", "127.0.0.1:0"]);
    let value = |name: &str| values(&server.admin)[name];
    let faulty = r#"geotopics_ruleset_faulty{ruleset="test"}"#;
    let becomes = |name: &str, expected: f64| wait(|| value(name) == expected, || page(&server.admin));
    assert_eq!(value(faulty), 0.0);
    let file = server.rules().join("corridors.toml");
    replace(&file, "id = ");
    becomes(r#"geotopics_reloads_total{outcome="refused",ruleset="test"}"#, 1.0);
    assert_eq!(value(faulty), 1.0);
    replace(&file, &server::TOPIC.replace("corridors", "corridors_too"));
    becomes(r#"geotopics_reloads_total{outcome="replaced",ruleset="test"}"#, 1.0);
    assert_eq!(value(faulty), 0.0);
    assert_eq!(value(r#"geotopics_labels_total{ruleset="test",topic="corridors_too"}"#), 0.0);
    assert!(!page(&server.admin).contains(r#"topic="corridors""#), "a topic that is gone is told of");
    let away = server.folder.join("away");
    std::fs::rename(server.rules(), &away).unwrap();
    becomes(r#"geotopics_reloads_total{outcome="lost",ruleset="test"}"#, 1.0);
    assert_eq!(value(faulty), 1.0);
    std::fs::rename(&away, server.rules()).unwrap();
    becomes(faulty, 0.0);
}

#[test]
fn tokens_guard_metrics_but_on_the_address_for_them() {
    let folder = new_folder("metrics-tokens");
    let file = folder.join("tokens.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    let made = command.args(["token", "scraper", "--tokens"]).arg(&file).output().unwrap();
    let token = String::from_utf8(made.stdout).unwrap();
    let server = Server::start(&["--tokens", file.to_str().unwrap(), "--admin", "127.0.0.1:0"]);
    assert_eq!(ask(&server.http, "GET", "/metrics", &[], "").status, 401);
    let bearer = format!("authorization: Bearer {}", token.trim());
    assert_eq!(ask(&server.http, "GET", "/metrics", &[&bearer], "").status, 200);
    let page = page(&server.admin);
    assert!(page.contains(r#"geotopics_calls_refused_total{reason="UNAUTHENTICATED"} 1"#), "{page}");
    assert!(!page.contains(token.trim()) && !page.contains("scraper"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn prometheus_finds_nothing_to_say() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("skipped: there is no promtool here");
        return;
    }
    let server = Server::start(&[]);
    ask(&server.http, "POST", "/v1/classify", &[JSON], json!({ "document": { "text": "a" } }).to_string());
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(page(&server.http).as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(), "{said:?}");
}
