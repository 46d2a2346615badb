//! The program as clients see it: `geotopics serve` on a real socket, called over gRPC.
#![cfg(feature = "server")]

use geotopics::wire::proto::geotopics::v1::classification_service_client::ClassificationServiceClient;
use geotopics::wire::proto::geotopics::v1::ruleset_service_client::RulesetServiceClient;
use geotopics::wire::proto::google::{
    protobuf::Timestamp,
    rpc::{BadRequest, ErrorInfo, Status as RpcStatus},
};
use geotopics::wire::v1::{
    CheckRulesetRequest, Classification, ClassifyBatchRequest, ClassifyOptions, ClassifyRequest,
    ClassifyResult, ClassifyStreamRequest, ClassifyStreamResponse, Document, DocumentError, DropReason,
    EvidenceDetail, ExplainRequest, Field, GetRulesetRequest, Label, ListRulesetsRequest, NearMissReason,
    OffsetUnit, ReloadRulesetRequest, RulesetFile, Severity, classify_result::Outcome,
    document::MetadataEntry,
};
use prost::Message;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb;

const RULESET: &str = r#"
name = "test"
version = "1.2.3"
"#;

const CORRIDORS: &str = r#"
id = "corridors"
name = "Transport corridors"
group = "economy"
description = "Cross-border routes."
map = { iptc = "medtop:20000337", gdelt = ["WB_1803", "WB_135"] }
mask = ["hospital corridor*"]
[[rule]]
id = "named"
weight = 1
terms = ["Middle Corridor", "dəhlizi"]
[[rule]]
id = "any"
weight = 0.25
terms = ["corridor"]
[[rule]]
id = "russian"
language = "ru"
weight = 1
terms = ["коридор"]
[[example]]
text = "The Middle Corridor"
"#;

const SANCTIONS: &str = r#"
id = "sanctions"
name = "Sanctions"
group = "security"
require = '"United Nations" OR meta.source:"un.org"'
[[rule]]
id = "any"
weight = 2
terms = ["sanction*"]
"#;

/// `geotopics serve`, until it is dropped.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    url: String,
    folder: PathBuf,
}

impl Server {
    /// Serves the rulesets above, as `test` and as `other`, on a free port.
    fn start() -> Server {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("geotopics-grpc-{}-{number}", std::process::id()));
        write(
            &folder,
            &[("ruleset.toml", RULESET), ("corridors.toml", CORRIDORS), ("a/sanctions.toml", SANCTIONS)],
        );
        let other = format!("other={}", folder.display());
        let mut process = serve(&["--listen", "127.0.0.1:0", "--http", "off", "--rules"])
            .arg(&folder)
            .args(["--rules", &other])
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ready = String::new();
        output.read_line(&mut ready).unwrap();
        let start = format!("geotopics {} serving gRPC on ", env!("CARGO_PKG_VERSION"));
        let url = ready.strip_prefix(&start).unwrap_or_else(|| panic!("{ready:?}")).trim().to_owned();
        Server { process, output, url, folder }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(self.url.clone()).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> ClassificationServiceClient<Channel> {
        ClassificationServiceClient::new(self.channel().await)
    }

    async fn rulesets(&self) -> RulesetServiceClient<Channel> {
        RulesetServiceClient::new(self.channel().await)
    }

    /// Sends a signal, such as `-TERM`.
    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Bytes of memory it has now.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    async fn ended(&mut self) -> ExitStatus {
        for _ in 0..1000 {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("the server goes on");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    command.arg("serve").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn article(id: &str, text: &str) -> Document {
    Document { id: id.to_owned().into(), text: text.to_owned().into(), ..Document::default() }
}

/// An article that no client library would send: its text is not UTF-8.
fn broken(id: &str) -> Document {
    Document { text: vec![b'a', 0xFF, b'b'].into(), ..article(id, "") }
}

fn ask(document: Document, options: ClassifyOptions) -> ClassifyRequest {
    ClassifyRequest { document: Some(document), options: Some(options) }
}

async fn classify(
    client: &mut ClassificationServiceClient<Channel>,
    document: Document,
    options: ClassifyOptions,
) -> Classification {
    client.classify(ask(document, options)).await.unwrap().into_inner().classification.unwrap()
}

fn topics(classification: &Classification) -> Vec<&str> {
    classification.labels.iter().map(|label| &*label.topic).collect()
}

fn classified(result: &ClassifyResult) -> &Classification {
    match &result.outcome {
        Some(Outcome::Classification(classification)) => classification,
        other => panic!("{other:?}"),
    }
}

fn failed(result: &ClassifyResult) -> &DocumentError {
    match &result.outcome {
        Some(Outcome::Error(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn id(result: &ClassifyResult) -> &str {
    match &result.outcome {
        Some(Outcome::Classification(classification)) => &classification.document_id,
        Some(Outcome::Error(error)) => &error.document_id,
        None => panic!("no outcome"),
    }
}

/// The fields that a status blames, and its reason.
fn blamed(details: &RpcStatus) -> (Vec<String>, String) {
    let request = BadRequest::decode(&*details.details[0].value).unwrap();
    let info = ErrorInfo::decode(&*details.details[1].value).unwrap();
    assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    assert_eq!(info.domain, "geotopics");
    (request.field_violations.into_iter().map(|violation| violation.field).collect(), info.reason)
}

#[track_caller]
fn check_fault(status: &Status, code: Code, fields: &[&str], reason: &str) {
    let details = RpcStatus::decode(status.details()).unwrap();
    assert_eq!(
        (status.code(), blamed(&details)),
        (code, (fields.iter().map(|&f| f.to_owned()).collect(), reason.to_owned()))
    );
    assert_eq!(details.message, status.message());
}

#[tokio::test]
async fn a_document_is_classified() {
    let server = Server::start();
    let document =
        Document { title: "Corridor".to_owned().into(), ..article("a1", "Along the Middle Corridor.") };
    let answer = classify(&mut server.client().await, document, ClassifyOptions::default()).await;
    assert_eq!((&*answer.document_id, topics(&answer), &*answer.language), ("a1", vec!["corridors"], ""));
    let ruleset = answer.ruleset.unwrap();
    assert_eq!(
        (&*ruleset.name, &*ruleset.version, &*ruleset.engine),
        ("test", "1.2.3", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(ruleset.revision.len(), 64);
    let Label { name, group, score, points, confidence, evidence, .. } = &answer.labels[0];
    assert_eq!((&**name, &**group, *confidence), ("Transport corridors", "economy", None));
    assert_eq!((*points, *score), (1.5, 0.646447));
    let evidence: Vec<_> =
        evidence.iter().map(|e| (&*e.rule, e.field(), e.points, e.spans[0].start, e.spans[0].end)).collect();
    assert_eq!(evidence, [("named", Field::Text, 1.0, 10, 25), ("any", Field::Title, 0.5, 0, 8)]);
    assert_eq!(answer.near_misses, []);
}

#[tokio::test]
async fn options_cut_the_answer() {
    let server = Server::start();
    let client = &mut server.client().await;
    let document = article("", "The United Nations on sanctions and the Middle Corridor.");
    let all = classify(client, document.clone(), ClassifyOptions::default()).await;
    assert_eq!(topics(&all), ["sanctions", "corridors"]);

    for (options, expected) in [
        (
            ClassifyOptions { topics: vec!["economy".to_owned()], ..ClassifyOptions::default() },
            vec!["corridors"],
        ),
        (
            ClassifyOptions { topics: vec!["sanctions".to_owned()], ..ClassifyOptions::default() },
            vec!["sanctions"],
        ),
        (ClassifyOptions { min_score: 0.75, ..ClassifyOptions::default() }, vec!["sanctions"]),
        (ClassifyOptions { max_labels: 1, ..ClassifyOptions::default() }, vec!["sanctions"]),
        (ClassifyOptions { min_score: 1.0, ..ClassifyOptions::default() }, vec![]),
    ] {
        assert_eq!(
            topics(&classify(client, document.clone(), options.clone()).await),
            expected,
            "{options:?}"
        );
    }

    let options = ClassifyOptions { evidence: EvidenceDetail::None.into(), ..ClassifyOptions::default() };
    let plain = classify(client, document, options).await;
    assert!(plain.labels.iter().all(|label| label.evidence.is_empty()));

    let options = ClassifyOptions { near_misses: true, ..ClassifyOptions::default() };
    let missed = classify(client, article("", "A corridor of sanctions"), options).await.near_misses;
    let missed: Vec<_> = missed.iter().map(|miss| (&*miss.topic, miss.points, miss.reason())).collect();
    assert_eq!(
        missed,
        [("sanctions", 2.0, NearMissReason::Require), ("corridors", 0.25, NearMissReason::Threshold)]
    );
}

#[tokio::test]
async fn places_are_counted_in_the_unit_asked_for() {
    let server = Server::start();
    let client = &mut server.client().await;
    let document = Document {
        title: "🚆 dəhlizi".to_owned().into(),
        ..article("", "Zəngəzur dəhlizi 🚆 and the Middle Corridor")
    };
    let text: Vec<char> = "Zəngəzur dəhlizi 🚆 and the Middle Corridor".chars().collect();
    let mut spans = Vec::new();
    for unit in
        [OffsetUnit::Unspecified, OffsetUnit::Utf8Bytes, OffsetUnit::Utf16Units, OffsetUnit::CodePoints]
    {
        let options = ClassifyOptions { offset_unit: unit.into(), ..ClassifyOptions::default() };
        let answer = classify(client, document.clone(), options).await;
        let evidence = &answer.labels[0].evidence;
        assert_eq!((evidence[0].field(), evidence[1].field()), (Field::Title, Field::Text));
        let places = evidence.iter().flat_map(|evidence| &evidence.spans).map(|span| (span.start, span.end));
        spans.push(places.collect::<Vec<_>>());
    }
    assert_eq!(spans[0], spans[1]);
    assert_eq!(spans[1], [(5, 13), (11, 19), (33, 48)]);
    assert_eq!(spans[2], [(3, 10), (9, 16), (28, 43)]);
    assert_eq!(spans[3], [(2, 9), (9, 16), (27, 42)]);
    assert_eq!(text[27..42].iter().collect::<String>(), "Middle Corridor");
}

#[tokio::test]
async fn a_batch_has_as_many_results_in_the_same_order() {
    let server = Server::start();
    let nonsense = Timestamp { seconds: i64::MAX, nanos: -1 };
    let documents = vec![
        article("a", "The Middle Corridor"),
        broken("b"),
        article("c", ""),
        Document { published: Some(nonsense), title: vec![0xC0].into(), ..article("d", "") },
        Document {
            metadata: vec![MetadataEntry { key: "source".to_owned().into(), value: vec![0xFE].into() }],
            ..article("e", "")
        },
        Document { id: vec![b'f', 0x80].into(), ..article("", "") },
        Document {
            metadata: ["first.org", "un.org"]
                .map(|value| MetadataEntry {
                    key: "source".to_owned().into(),
                    value: value.to_owned().into(),
                })
                .into(),
            ..article("g", "Sanctions")
        },
    ];
    let request = ClassifyBatchRequest { documents, options: None };
    let results = server.client().await.classify_batch(request).await.unwrap().into_inner().results;
    assert_eq!(results.iter().map(id).collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f\u{FFFD}", "g"]);
    assert_eq!(topics(classified(&results[0])), ["corridors"]);
    assert!(topics(classified(&results[2])).is_empty());
    assert_eq!(topics(classified(&results[6])), ["sanctions"], "of equal keys the last one counts");

    for (i, fields) in [
        (1, vec!["documents[1].text"]),
        (3, vec!["documents[3].title", "documents[3].published"]),
        (4, vec!["documents[4].metadata[\"source\"]"]),
        (5, vec!["documents[5].id"]),
    ] {
        let status = failed(&results[i]).status.as_ref().unwrap();
        assert_eq!(status.code, Code::InvalidArgument as i32);
        assert_eq!(
            blamed(status),
            (fields.into_iter().map(str::to_owned).collect(), "INVALID_DOCUMENT".to_owned())
        );
    }
    let message = &failed(&results[1]).status.as_ref().unwrap().message;
    assert_eq!(message, "documents[1].text: not valid UTF-8 from byte 1 on");
}

/// Opens a stream: its requests go into the sender.
async fn open(
    client: &mut ClassificationServiceClient<Channel>,
) -> (mpsc::Sender<ClassifyStreamRequest>, Streaming<ClassifyStreamResponse>) {
    let (sender, requests) = mpsc::channel(1);
    let answers = client.classify_stream(ReceiverStream::new(requests)).await.unwrap().into_inner();
    (sender, answers)
}

fn stream_request(documents: Vec<Document>) -> ClassifyStreamRequest {
    ClassifyStreamRequest { documents, options: None }
}

#[tokio::test]
async fn a_stream_answers_each_message_in_order() {
    const MESSAGES: usize = 500;
    let server = Server::start();
    let (sender, mut answers) = open(&mut server.client().await).await;
    // Message n has n % 4 documents, every seventh of them is broken.
    let documents = |n: usize| -> Vec<Document> {
        let document = |k: usize| {
            let (number, name) = (4 * n + k, format!("{n}.{k}"));
            if number.is_multiple_of(7) { broken(&name) } else { article(&name, "The Middle Corridor") }
        };
        (0..n % 4).map(document).collect()
    };
    let writer = tokio::spawn(async move {
        for n in 0..MESSAGES {
            sender.send(stream_request(documents(n))).await.unwrap();
        }
    });
    for n in 0..MESSAGES {
        let results = answers.message().await.unwrap().unwrap().results;
        assert_eq!(results.len(), n % 4);
        for (k, result) in results.iter().enumerate() {
            assert_eq!(id(result), format!("{n}.{k}"));
            let number = 4 * n + k;
            if number.is_multiple_of(7) {
                let status = failed(result).status.as_ref().unwrap();
                assert_eq!(blamed(status).0, [format!("documents[{k}].text")]);
            } else {
                assert_eq!(topics(classified(result)), ["corridors"]);
            }
        }
    }
    writer.await.unwrap();
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn options_of_a_stream_hold_from_their_message_on() {
    let server = Server::start();
    let client = &mut server.client().await;
    let (sender, mut answers) = open(client).await;
    let mut say = async |options: Option<ClassifyOptions>| {
        let documents = vec![article("", "The United Nations on sanctions and the Middle Corridor")];
        sender.send(ClassifyStreamRequest { documents, options }).await.unwrap();
        let answer = answers.message().await?.unwrap();
        let topics = topics(classified(&answer.results[0])).join(" ");
        Ok::<_, Status>((classified(&answer.results[0]).ruleset.clone().unwrap().name, topics))
    };
    let other = ClassifyOptions {
        ruleset: "other".to_owned(),
        topics: vec!["economy".to_owned()],
        ..ClassifyOptions::default()
    };
    let both = "sanctions corridors".to_owned();
    assert_eq!(say(None).await.unwrap(), ("test".to_owned(), both.clone()));
    assert_eq!(say(Some(other)).await.unwrap(), ("other".to_owned(), "corridors".to_owned()));
    assert_eq!(say(None).await.unwrap(), ("other".to_owned(), "corridors".to_owned()));
    assert_eq!(say(Some(ClassifyOptions::default())).await.unwrap(), ("test".to_owned(), both));
    let bad = ClassifyOptions { min_score: f64::NAN, ..ClassifyOptions::default() };
    check_fault(
        &say(Some(bad)).await.unwrap_err(),
        Code::InvalidArgument,
        &["options.min_score"],
        "INVALID_OPTIONS",
    );

    let (sender, mut answers) = open(client).await;
    let options = Some(ClassifyOptions { ruleset: "none".to_owned(), ..ClassifyOptions::default() });
    sender.send(ClassifyStreamRequest { documents: Vec::new(), options }).await.unwrap();
    let status = answers.message().await.unwrap_err();
    check_fault(&status, Code::NotFound, &["options.ruleset"], "UNKNOWN_RULESET");
}

#[tokio::test]
async fn faults_name_their_fields() {
    let server = Server::start();
    let client = &mut server.client().await;
    let bad = ClassifyOptions { min_score: 1.5, evidence: 9, offset_unit: -1, ..ClassifyOptions::default() };
    let fields = ["options.min_score", "options.evidence", "options.offset_unit"];
    let status = client.classify(ask(article("", ""), bad)).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &fields, "INVALID_OPTIONS");

    let topics = ["corridors", "nowhere", ""].map(str::to_owned).to_vec();
    let options = ClassifyOptions { topics: topics.clone(), ..ClassifyOptions::default() };
    let status = client.classify(ask(article("", ""), options)).await.unwrap_err();
    check_fault(
        &status,
        Code::InvalidArgument,
        &["options.topics[1]", "options.topics[2]"],
        "INVALID_OPTIONS",
    );
    let request = ExplainRequest { document: Some(article("", "")), topics, ..ExplainRequest::default() };
    let status = client.explain(request).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &["topics[1]", "topics[2]"], "INVALID_OPTIONS");

    let status = client.classify(ask(broken("x"), ClassifyOptions::default())).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &["document.text"], "INVALID_DOCUMENT");
    let status = client.classify(ClassifyRequest::default()).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &["document"], "INVALID_DOCUMENT");

    let options = ClassifyOptions { ruleset: "none".to_owned(), ..ClassifyOptions::default() };
    let status = client.classify(ask(article("", ""), options)).await.unwrap_err();
    check_fault(&status, Code::NotFound, &["options.ruleset"], "UNKNOWN_RULESET");
    let request = ExplainRequest { ruleset: "none".to_owned(), ..ExplainRequest::default() };
    check_fault(&client.explain(request).await.unwrap_err(), Code::NotFound, &["ruleset"], "UNKNOWN_RULESET");

    let request = ClassifyBatchRequest { documents: vec![Document::default(); 10_001], options: None };
    let status = client.classify_batch(request).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &["documents"], "TOO_MANY_DOCUMENTS");
    let status = client
        .classify(ask(article("", &"x".repeat(17 << 20)), ClassifyOptions::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn many_faults_fit_into_the_headers_of_a_status() {
    let server = Server::start();
    let client = &mut server.client().await;
    let long = "x".repeat(600);
    for name in ["nowhere", "ничего", "\u{202e}\u{1}", "\"\"", &*long] {
        let topics = (0..500).chain(0..500).map(|n| format!("{n} {}", name.repeat(20))).collect();
        let options = ClassifyOptions { topics, ..ClassifyOptions::default() };
        let status = client.classify(ask(article("", ""), options)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        let details = RpcStatus::decode(status.details()).unwrap();
        let (fields, reason) = blamed(&details);
        assert_eq!((&*fields[0], &*reason), ("options.topics[0]", "INVALID_OPTIONS"));
        assert!(fields.len() <= 17 && fields.last().unwrap().is_empty(), "{fields:?}");
        let request = BadRequest::decode(&*details.details[0].value).unwrap();
        let more = 500 - (fields.len() - 1);
        assert_eq!(request.field_violations.last().unwrap().description, format!("and {more} more"));
        assert!(status.message().ends_with(" more") && status.message().len() < 2000, "{status}");
        let headers = status.details().len() * 4 / 3 + 3 * status.message().len();
        assert!(headers < 8 << 10, "{headers} bytes of headers");
    }
    let options = ClassifyOptions { ruleset: long.repeat(1000), ..ClassifyOptions::default() };
    let status = client.classify(ask(article("", ""), options)).await.unwrap_err();
    check_fault(&status, Code::NotFound, &["options.ruleset"], "UNKNOWN_RULESET");

    let entry = |n: usize| MetadataEntry {
        key: format!("{n} {}", "k".repeat(1000)).into(),
        value: vec![0xFE].into(),
    };
    let document = Document { metadata: (0..500).map(entry).collect(), ..article("m", "") };
    let status = client.classify(ask(document, ClassifyOptions::default())).await.unwrap_err();
    let (fields, reason) = blamed(&RpcStatus::decode(status.details()).unwrap());
    assert_eq!((fields.len(), &*reason), (17, "INVALID_DOCUMENT"));
}

#[tokio::test]
async fn explain_tells_how_a_topic_got_its_points() {
    let server = Server::start();
    let document = article("x", "The Middle Corridor, a hospital corridor and sanctions");
    let request = ExplainRequest {
        document: Some(document),
        topics: vec!["economy".to_owned()],
        ..ExplainRequest::default()
    };
    let answer = server.client().await.explain(request).await.unwrap().into_inner();
    assert_eq!(topics(&answer.classification.unwrap()), ["corridors"]);
    let [topic] = &*answer.topics else { panic!("{:?}", answer.topics) };
    assert_eq!(
        (&*topic.topic, topic.points, topic.score, topic.threshold, topic.label),
        ("corridors", 1.0, 0.5, 0.5, true)
    );
    assert_eq!((topic.require, topic.exclude), (None, None));
    assert!(!topic.masked.is_empty());
    let rules: Vec<_> = topic.rules.iter().map(|rule| (&*rule.rule, rule.points, rule.weight)).collect();
    assert_eq!(rules, [("named", 1.0, 1.0), ("any", 0.0, 0.25)]);
    let hit = &topic.rules[0].hits[0];
    assert_eq!(
        (hit.field(), hit.start, hit.end, hit.points, hit.dropped()),
        (Field::Text, 4, 19, 1.0, DropReason::Unspecified)
    );
    let inside = &topic.rules[1].hits[0];
    assert_eq!((inside.dropped(), &*inside.dropped_by), (DropReason::Contained, "named"));
}

#[tokio::test]
async fn rulesets_are_listed_and_described() {
    let server = Server::start();
    let client = &mut server.rulesets().await;
    let rulesets = client.list_rulesets(ListRulesetsRequest {}).await.unwrap().into_inner().rulesets;
    let listed: Vec<_> =
        rulesets.iter().map(|r| (&*r.name, &*r.version, r.topics, r.rules, r.default)).collect();
    assert_eq!(listed, [("test", "1.2.3", 2, 4, true), ("other", "1.2.3", 2, 4, false)]);
    assert!(rulesets[0].loaded_at.is_some_and(|time| time.seconds > 1_700_000_000));

    let answer =
        client.get_ruleset(GetRulesetRequest { name: "other".to_owned() }).await.unwrap().into_inner();
    assert_eq!(answer.ruleset.as_ref(), Some(&rulesets[1]));
    let topic = &answer.topics[0];
    assert_eq!((&*topic.id, &*topic.description, topic.rules), ("corridors", "Cross-border routes.", 3));
    assert_eq!(topic.languages, ["ru"]);
    assert_eq!(topic.map["gdelt"].codes, ["WB_1803", "WB_135"]);
    let default = client.get_ruleset(GetRulesetRequest::default()).await.unwrap().into_inner();
    assert_eq!(default.ruleset.unwrap().name, "test");

    let status = client.get_ruleset(GetRulesetRequest { name: "none".to_owned() }).await.unwrap_err();
    check_fault(&status, Code::NotFound, &["name"], "UNKNOWN_RULESET");
    let status = client.reload_ruleset(ReloadRulesetRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_ruleset_is_tried_out() {
    let server = Server::start();
    let client = &mut server.rulesets().await;
    let file =
        |path: &str, content: &str| RulesetFile { path: path.to_owned(), content: content.to_owned().into() };
    let failing = format!("{CORRIDORS}\n[[example]]\ntext = 'Nothing'\n");
    let request = CheckRulesetRequest {
        files: vec![file("ruleset.toml", RULESET), file("corridors.toml", &failing)],
        documents: vec![article("x", "The Middle Corridor"), broken("y")],
        options: None,
    };
    let answer = client.check_ruleset(request.clone()).await.unwrap().into_inner();
    assert!(!answer.ok);
    let [example] = &*answer.failed_examples else { panic!("{answer:?}") };
    assert_eq!(
        (&*example.path, &*example.topic, example.expected, example.score),
        ("corridors.toml", "corridors", true, 0.0)
    );
    assert_eq!(topics(classified(&answer.results[0])), ["corridors"]);
    assert_eq!(id(&answer.results[1]), "y");

    let mut sound = request.clone();
    sound.files[1] = file("corridors.toml", CORRIDORS);
    let answer = client.check_ruleset(sound).await.unwrap().into_inner();
    assert!(answer.ok && answer.failed_examples.is_empty() && answer.results.len() == 2);

    let mut faulty = request.clone();
    faulty.files[1] =
        file("corridors.toml", "id = 'corridors'\nname = 'x'\n[[rule]]\nweight = 'heavy'\nterms = ['a']\n");
    let answer = client.check_ruleset(faulty).await.unwrap().into_inner();
    assert!(!answer.ok && answer.results.is_empty());
    let fault = &answer.diagnostics[0];
    assert_eq!((&*fault.path, fault.line, fault.severity()), ("corridors.toml", 4, Severity::Error));

    let mut outside = request;
    outside.files[0].path = "../ruleset.toml".to_owned();
    let status = client.check_ruleset(outside).await.unwrap_err();
    check_fault(&status, Code::InvalidArgument, &["files[0].path"], "INVALID_RULESET");
}

#[tokio::test]
async fn a_slow_reader_holds_its_own_stream_only() {
    const MESSAGES: usize = 300;
    let server = Server::start();
    let channel = server.channel().await;
    let client = &mut ClassificationServiceClient::new(channel);
    let (sender, mut answers) = open(client).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn({
        let sent = Arc::clone(&sent);
        async move {
            for n in 0..MESSAGES {
                let documents =
                    (0..100).map(|k| article(&format!("{n}.{k}"), "The Middle Corridor")).collect();
                sender.send(stream_request(documents)).await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut before = usize::MAX;
    while before != sent.load(Ordering::Relaxed) {
        before = sent.load(Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
    }
    assert!(before < MESSAGES, "the stream took everything though nobody reads the answers");
    assert!(server.memory() < 200 << 20, "{} bytes are held", server.memory());

    for _ in 0..100 {
        let answer = classify(client, article("", "The Middle Corridor"), ClassifyOptions::default());
        assert_eq!(topics(&timeout(Duration::from_secs(5), answer).await.unwrap()), ["corridors"]);
    }

    for n in 0..MESSAGES {
        let results = answers.message().await.unwrap().unwrap().results;
        assert_eq!((results.len(), id(&results[99])), (100, &*format!("{n}.99")));
    }
    writer.await.unwrap();
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_long_text_is_classified_too() {
    let server = Server::start();
    let text = format!("{} The Middle Corridor", "word ".repeat(200_000));
    let answer =
        classify(&mut server.client().await, article("long", &text), ClassifyOptions::default()).await;
    assert_eq!(topics(&answer), ["corridors"]);
}

#[tokio::test]
async fn health_is_told() {
    let server = Server::start();
    let mut client = HealthClient::new(server.channel().await);
    for service in ["", "geotopics.v1.ClassificationService", "geotopics.v1.RulesetService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = client.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let request = HealthCheckRequest { service: "nothing".to_owned() };
    assert_eq!(client.check(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let server = Server::start();
    let expected =
        ["geotopics.v1.ClassificationService", "geotopics.v1.RulesetService", "grpc.health.v1.Health"]
            .map(str::to_owned);
    macro_rules! check {
        ($version:ident) => {{
            use pb::$version::server_reflection_request::MessageRequest;
            use pb::$version::server_reflection_response::MessageResponse;
            use pb::$version::{ServerReflectionRequest, server_reflection_client::ServerReflectionClient};
            let mut client = ServerReflectionClient::new(server.channel().await);
            let ask = [
                MessageRequest::ListServices(String::new()),
                MessageRequest::FileContainingSymbol("geotopics.v1.Document".to_owned()),
            ];
            let ask =
                ask.map(|ask| ServerReflectionRequest { host: String::new(), message_request: Some(ask) });
            let mut answers =
                client.server_reflection_info(tokio_stream::iter(ask)).await.unwrap().into_inner();
            let services = answers.message().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(list) = services else { panic!("{services:?}") };
            let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
            assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
            let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::FileDescriptorResponse(file) = file else { panic!("{file:?}") };
            let file = prost_types::FileDescriptorProto::decode(&*file.file_descriptor_proto[0]).unwrap();
            let title = &file.message_type[0].field[1];
            assert_eq!(
                (title.name(), title.r#type()),
                ("title", prost_types::field_descriptor_proto::Type::String)
            );
        }};
    }
    check!(v1);
    check!(v1alpha);
}

/// A call as a browser makes it: gRPC-Web over HTTP/1.1.
#[test]
fn browsers_can_call() {
    let server = Server::start();
    let message = ask(article("web", "The Middle Corridor"), ClassifyOptions::default()).encode_to_vec();
    let frame = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let address = server.url.trim_start_matches("http://");
    let head = format!(
        "POST /geotopics.v1.ClassificationService/Classify HTTP/1.1\r\nhost: {address}\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        frame.len()
    );
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(&[head.as_bytes(), &frame].concat()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    for part in
        ["HTTP/1.1 200 OK\r\n", "content-type: application/grpc-web+proto", "corridors", "grpc-status:0"]
    {
        assert!(answer.contains(part), "{part} is missing in {answer:?}");
    }
}

#[tokio::test]
async fn the_server_finishes_what_it_has_begun() {
    let mut server = Server::start();
    let (sender, mut answers) = open(&mut server.client().await).await;
    let exchange = async |answers: &mut Streaming<ClassifyStreamResponse>| {
        sender.send(stream_request(vec![article("a", "The Middle Corridor")])).await.unwrap();
        let answer = timeout(Duration::from_secs(5), answers.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(topics(classified(&answer.results[0])), ["corridors"]);
    };
    exchange(&mut answers).await;
    server.signal("-TERM");
    let address = server.url.trim_start_matches("http://").to_owned();
    for _ in 0..500 {
        if TcpStream::connect(&address).is_err() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert!(TcpStream::connect(&address).is_err(), "new connections are taken");
    exchange(&mut answers).await;
    exchange(&mut answers).await;
    assert!(server.process.try_wait().unwrap().is_none(), "the stream is still open");
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
    assert_eq!(server.ended().await.code(), Some(0));
    let mut rest = String::new();
    server.output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ruleset test 1.2.3: 2 topics, 4 rules\n") && rest.contains("grpcurl"), "{rest}");
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once() {
    let mut server = Server::start();
    let (_sender, _answers) = open(&mut server.client().await).await;
    server.signal("-INT");
    sleep(Duration::from_millis(300)).await;
    assert!(server.process.try_wait().unwrap().is_none(), "the stream is still open");
    server.signal("-INT");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_said_in_a_line() {
    let fails = |command: &mut Command| {
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert!(output.stdout.is_empty());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = fails(&mut serve(&["--rules", "no/such/folder"]));
    assert_eq!((code, &*message), (2, "geotopics: cannot read no/such/folder: No such file or directory\n"));

    let folder = std::env::temp_dir().join(format!("geotopics-broken-{}", std::process::id()));
    let broken =
        "id = 'a'\nname = 'A'\n[[rule]]\nweight = 1\nterms = ['!']\n[[rule]]\nweight = 2000\nterms = ['b']\n";
    write(&folder, &[("ruleset.toml", RULESET), ("a.toml", broken)]);
    let rules = folder.to_str().unwrap();
    let (code, message) = fails(&mut serve(&["--rules", rules]));
    assert_eq!(code, 1);
    assert!(message.contains(&format!("{rules}/a.toml:5:")) && message.contains("a.toml:7:"), "{message}");

    let untrue = "id = 'a'\nname = 'A'\n[[rule]]\nweight = 1\nterms = ['b']\n[[example]]\ntext = 'c'\n";
    write(&folder, &[("a.toml", untrue)]);
    let (code, message) = fails(&mut serve(&["--rules", rules]));
    assert_eq!(code, 1);
    assert!(message.contains("a.toml:6:1: error[E0701]: a must be a label of this example"), "{message}");

    write(&folder, &[("a.toml", &untrue.replace("'c'", "'b'"))]);
    let (code, message) = fails(&mut serve(&["--rules", rules, "--rules", rules]));
    assert_eq!((code, &*message), (2, "geotopics: two rulesets are named \"test\"\n"));
    fs::remove_dir_all(folder).unwrap();
}

/// The revision that answers name, and whether the last replacement of the ruleset failed.
async fn state(server: &Server) -> (String, bool) {
    let answer = classify(&mut server.client().await, article("", "x"), ClassifyOptions::default()).await;
    let request = GetRulesetRequest::default();
    let ruleset = server.rulesets().await.get_ruleset(request).await.unwrap().into_inner().ruleset.unwrap();
    (answer.ruleset.unwrap().revision, !ruleset.diagnostics.is_empty())
}

/// The state once it is as expected; while a ruleset is replaced, one part of it may be older than the other.
async fn settled(server: &Server, expected: impl Fn(&(String, bool)) -> bool) -> (String, bool) {
    for _ in 0..200 {
        let now = state(server).await;
        if expected(&now) {
            return now;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the ruleset stays {:?}", state(server).await);
}

#[tokio::test]
async fn changed_files_go_live_and_faulty_ones_do_not() {
    let server = Server::start();
    let (first, _) = state(&server).await;
    write(&server.folder, &[("ruleset.toml", &RULESET.replace("1.2.3", "1.2.4"))]);
    let (second, _) = settled(&server, |(revision, faulty)| *revision != first && !faulty).await;

    write(&server.folder, &[("ruleset.toml", "name = ")]);
    let faulty = settled(&server, |(_, faulty)| *faulty).await;
    assert_eq!(faulty.0, second);

    // The folder goes, and comes back as it was at first.
    let away = server.folder.with_extension("away");
    fs::rename(&server.folder, &away).unwrap();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(state(&server).await, faulty);
    write(&away, &[("ruleset.toml", RULESET)]);
    fs::rename(&away, &server.folder).unwrap();
    server.signal("-HUP");
    settled(&server, |(revision, faulty)| *revision == first && !faulty).await;
}
