//! A server's bad days: rules that change under load, an end under load, an end without warning.

use crate::bystander::{article, client, endures};
use crate::server::{Server, TOPIC, replace};
use geotopics::wire::v1::{ClassifyBatchRequest, ClassifyRequest, classify_result::Outcome};
use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::Status;

#[test]
fn rules_change_under_load_and_each_answer_is_of_one_revision() {
    const RELOADS: usize = 200;
    let server = Server::start(&[]);
    let file = server.rules().join("corridors.toml");
    let rules = |n: usize| TOPIC.replace("\"Transport corridors\"", &format!("\"Corridors {n}\""));
    let seen = endures("200 reloads", &server, |server| {
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = Runtime::new().unwrap();
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (stop, url) = (stop.clone(), server.url.clone());
                runtime.spawn(async move {
                    let mut client = client(&url).await;
                    let mut seen = BTreeSet::new();
                    while !stop.load(Relaxed) {
                        let documents = vec![article("a", "The Middle Corridor"); 20];
                        let request = ClassifyBatchRequest { documents, options: None };
                        let results = client.classify_batch(request).await.unwrap().into_inner().results;
                        // The name of the topic and the revision tell of the same files, all over the answer.
                        let told: BTreeSet<(String, String)> = results
                            .into_iter()
                            .map(|result| match result.outcome.unwrap() {
                                Outcome::Classification(answer) => {
                                    (answer.ruleset.unwrap().revision, answer.labels[0].name.clone())
                                }
                                Outcome::Error(error) => panic!("{error:?}"),
                            })
                            .collect();
                        assert_eq!(told.len(), 1, "{told:?}");
                        seen.extend(told);
                    }
                    seen
                })
            })
            .collect();
        for n in 0..RELOADS {
            replace(&file, &rules(n));
            server.signal("-HUP");
            let replaced = || server.metric(r#"geotopics_reloads_total{outcome="replaced",ruleset="test"}"#);
            crate::server::wait(|| replaced() > n as f64, || server.log());
        }
        stop.store(true, Relaxed);
        let mut seen = BTreeSet::new();
        for client in clients {
            seen.append(&mut runtime.block_on(client).unwrap());
        }
        seen
    });
    let revisions: BTreeSet<&String> = seen.iter().map(|(revision, _)| revision).collect();
    println!("reloads: answers of {} revisions", revisions.len());
    assert!(revisions.len() > 10 && revisions.len() == seen.len(), "a revision with two names: {seen:?}");
}

/// Whether a call has failed before anyone took it: nobody took its connection, it was closed before the call was sent, or the
/// server's GOAWAY says that the call is none of those it has taken (RFC 9113, 6.8).
fn found_nobody(status: &Status) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::ConnectionRefused;
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        let gone = |error: &h2::Error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        };
        if error.downcast_ref::<h2::Error>().is_some_and(gone) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[test]
fn the_end_loses_no_call() {
    for round in 0..3 {
        let mut server = Server::start(&[]);
        let runtime = Runtime::new().unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let (url, answered) = (server.url.clone(), answered.clone());
                runtime.spawn(async move {
                    let mut client = client(&url).await;
                    loop {
                        let document = Some(article("a", &"The Middle Corridor. ".repeat(100)));
                        match client.classify(ClassifyRequest { document, options: None }).await {
                            Ok(_) => drop(answered.fetch_add(1, Relaxed)),
                            Err(status) if found_nobody(&status) => return Ok(()),
                            Err(status) => return Err(status),
                        }
                    }
                })
            })
            .collect();
        crate::server::wait(|| answered.load(Relaxed) > 200, || server.log());
        std::thread::sleep(Duration::from_millis(37 * round));
        server.signal("-TERM");
        for client in clients {
            if let Err(status) = runtime.block_on(client).unwrap() {
                panic!("a call was lost: {status:?}");
            }
        }
        assert_eq!(server.ended().code(), Some(0));
        // The server has begun no call that it did not finish: that would stand in the log, where slow ones stand too.
        let log = server.log();
        let failed = |line: &&str| line.contains(r#""message":"call""#) && !line.contains(r#""code":"Ok""#);
        assert_eq!(log.lines().find(failed), None);
    }
}

#[test]
fn after_a_kill_it_starts_again_on_the_same_addresses() {
    let mut server = Server::start(&[]);
    let addresses =
        [server.url.clone(), server.http.clone()].map(|url| url.trim_start_matches("http://").to_owned());
    let runtime = Runtime::new().unwrap();
    // Connections that are open at that moment keep their addresses busy for a while.
    let mut client = runtime.block_on(client(&server.url));
    let ask = |client: &mut _| {
        let request = ClassifyRequest { document: Some(article("a", "The Middle Corridor")), options: None };
        runtime.block_on(geotopics::wire::proto::geotopics::v1::classification_service_client::ClassificationServiceClient::classify(client, request))
    };
    ask(&mut client).unwrap();
    server.signal("-KILL");
    assert!(!server.ended().success());
    let [grpc, http] = &addresses;
    let rules = server.rules();
    let mut again = Command::new(env!("CARGO_BIN_EXE_geotopics"))
        .args(["serve", "--listen", grpc, "--http", http, "--rules"])
        .arg(rules)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The client finds it again by itself.
    crate::server::wait(|| ask(&mut client.clone()).is_ok(), || "it does not serve again".to_owned());
    again.kill().unwrap();
    again.wait().unwrap();
}
