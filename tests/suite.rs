//! The data suite, `tests/data/suite/*.toml`, run through the oracle, the engine, the command line and gRPC alike.
//!
//! A case has `name`, `topic` (a topic file without id and name: `t`, `T`), `ruleset` (lines behind name and version;
//! without a `[scoring]` the threshold is 0.01), `files` (more files), `document`, `labels` (topic to points: exactly
//! the labels expected) and `spans` (topic to the evidence of all its rules as field and matched text, in any order).
//! Each expectation was derived by hand from the contract of the rule language.
#![cfg(feature = "server")]

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a library of its own, of which each test uses a part"
)]
mod oracle;

use geotopics::wire::proto::geotopics::v1::ruleset_service_client::RulesetServiceClient;
use geotopics::wire::proto::google::protobuf::Timestamp;
use geotopics::wire::v1;
use geotopics::{Classifier, Document, Ruleset, Scratch, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use toml::{Table, Value};

/// For each label its points in millionths and its evidence as (field, matched text), sorted.
type Answer = BTreeMap<String, (i64, Vec<(String, String)>)>;

struct Case {
    name: String,
    files: Vec<(String, String)>,
    document: oracle::Document,
    labels: BTreeMap<String, i64>,
    spans: BTreeMap<String, Vec<(String, String)>>,
}

impl Case {
    fn check(&self, surface: &str, answer: &Answer) -> Result<(), String> {
        let labels: BTreeMap<String, i64> =
            answer.iter().map(|(topic, (points, _))| (topic.clone(), *points)).collect();
        if labels != self.labels {
            return Err(format!("{}: {surface}: labels {labels:?}, expected {:?}", self.name, self.labels));
        }
        for (topic, expected) in &self.spans {
            let found = &answer[topic].1;
            if found != expected {
                return Err(format!(
                    "{}: {surface}: {topic}: spans {found:?}, expected {expected:?}",
                    self.name
                ));
            }
        }
        Ok(())
    }

    fn field(&self, title: bool) -> (&'static str, &str) {
        if title { ("title", &self.document.title) } else { ("text", &self.document.text) }
    }

    fn matched(&self, title: bool, start: usize, end: usize) -> (String, String) {
        let (name, text) = self.field(title);
        (name.to_owned(), text[start..end].to_owned())
    }

    fn by_oracle(&self) -> Answer {
        let oracle =
            oracle::Oracle::load(&self.files).unwrap_or_else(|fault| panic!("{}: {fault}", self.name));
        let answer = oracle.classify(&self.document, None);
        let labels = answer.labels.into_iter().map(|label| {
            let spans = label.evidence.iter().flat_map(|(_, field, _, spans)| {
                let title = *field == Some(oracle::Field::Title);
                spans.iter().map(move |&(start, end)| self.matched(title, start, end))
            });
            (label.topic, (label.points_micro, sorted(spans)))
        });
        labels.collect()
    }

    fn by_engine(&self) -> Answer {
        let source = |(path, content): &(String, String)| Source {
            path: path.clone(),
            content: content.clone().into_bytes(),
        };
        let sources: Vec<Source> = self.files.iter().map(source).collect();
        let (ruleset, diagnostics) = Ruleset::parse("suite", &sources);
        let ruleset = ruleset.unwrap_or_else(|| panic!("{}: {}", self.name, diagnostics[0]));
        let classifier = Classifier::compile(&ruleset).unwrap_or_else(|fault| panic!("{fault}"));
        let oracle::Document { title, text, language, published, metadata } = &self.document;
        let metadata: Vec<(&str, &str)> = metadata.iter().map(|(key, value)| (&**key, &**value)).collect();
        let document = Document {
            title,
            text,
            language: language.as_deref().unwrap_or(""),
            published: *published,
            metadata: &metadata,
        };
        let answer = classifier.classify(&document, &mut Scratch::default());
        let labels = answer.labels.iter().map(|label| {
            let spans = label.evidence.iter().flat_map(|evidence| {
                let title = evidence.field == Some(geotopics::engine::Field::Title);
                let span = move |span: &geotopics::text::Span| {
                    self.matched(title, span.start as usize, span.end as usize)
                };
                evidence.spans.iter().map(span)
            });
            let topic = classifier.topics()[label.topic as usize].id.clone();
            (topic, (label.points.0, sorted(spans)))
        });
        labels.collect()
    }

    fn by_command_line(&self, folder: &std::path::Path) -> Answer {
        let folder = folder.join(&self.name);
        for (path, content) in &self.files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let oracle::Document { title, text, language, published, metadata } = &self.document;
        let published = published.map(|seconds| jiff::Timestamp::from_second(seconds).unwrap().to_string());
        let mut line = serde_json::json!({ "title": title, "text": text, "metadata": metadata });
        if let Some(language) = language {
            line["language"] = serde_json::json!(language);
        }
        if let Some(published) = published {
            line["published"] = serde_json::json!(published);
        }
        let mut process = Command::new(env!("CARGO_BIN_EXE_geotopics"))
            .args(["classify", "--rules"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(line.to_string().as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        assert!(output.status.success(), "{}: {output:?}", self.name);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let labels = answer["labels"].as_array().unwrap().iter().map(|label| {
            let evidence = label["evidence"].as_array().unwrap();
            let spans = evidence.iter().flat_map(|evidence| {
                let title = evidence["field"] == "FIELD_TITLE";
                let offset = |span: &serde_json::Value, key: &str| span[key].as_u64().unwrap() as usize;
                let spans = evidence["spans"].as_array().unwrap();
                spans.iter().map(move |span| self.matched(title, offset(span, "start"), offset(span, "end")))
            });
            let points = (label["points"].as_f64().unwrap() * 1e6).round() as i64;
            (label["topic"].as_str().unwrap().to_owned(), (points, sorted(spans)))
        });
        labels.collect()
    }

    async fn by_grpc(&self, client: &mut RulesetServiceClient<tonic::transport::Channel>) -> Answer {
        let oracle::Document { title, text, language, published, metadata } = self.document.clone();
        let entry = |(key, value): (String, String)| v1::document::MetadataEntry {
            key: key.into_bytes().into(),
            value: value.into_bytes().into(),
        };
        let file = |(path, content): &(String, String)| v1::RulesetFile {
            path: path.clone(),
            content: content.clone().into_bytes().into(),
        };
        let document = v1::Document {
            id: self.name.clone().into_bytes().into(),
            title: title.into_bytes().into(),
            text: text.into_bytes().into(),
            language: language.unwrap_or_default().into_bytes().into(),
            published: published.map(|seconds| Timestamp { seconds, nanos: 0 }),
            metadata: metadata.into_iter().map(entry).collect(),
            ..v1::Document::default()
        };
        let request = v1::CheckRulesetRequest {
            files: self.files.iter().map(file).collect(),
            documents: vec![document],
            options: None,
        };
        let response = client.check_ruleset(request).await.unwrap().into_inner();
        let Some(v1::classify_result::Outcome::Classification(answer)) = response.results[0].outcome.clone()
        else {
            panic!("{}: {response:?}", self.name)
        };
        let labels = answer.labels.into_iter().map(|label| {
            let spans = label.evidence.iter().flat_map(|evidence| {
                let title = evidence.field() == v1::Field::Title;
                evidence
                    .spans
                    .iter()
                    .map(move |span| self.matched(title, span.start as usize, span.end as usize))
            });
            (label.topic.clone(), ((label.points * 1e6).round() as i64, sorted(spans)))
        });
        labels.collect()
    }
}

fn sorted(spans: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    spans
}

fn cases() -> Vec<Case> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/suite");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let file: Table =
            std::fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{path:?}: {e}"));
        cases.extend(file["case"].as_array().unwrap().iter().map(case));
    }
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
    cases
}

fn case(case: &Value) -> Case {
    let lines = case.get("ruleset").map_or("", text);
    let scoring = if lines.contains("[scoring]") { "" } else { "[scoring]\nthreshold = 0.01\n" };
    let mut files = vec![
        ("ruleset.toml".to_owned(), format!("name = \"suite\"\nversion = \"1\"\n{lines}\n{scoring}")),
        ("t.toml".to_owned(), format!("id = \"t\"\nname = \"T\"\n{}", text(&case["topic"]))),
    ];
    files.extend(table(case.get("files")).map(|(path, content)| (path.clone(), text(content).to_owned())));
    let spans = table(case.get("spans")).map(|(topic, spans)| {
        let spans = spans.as_array().unwrap().iter();
        (topic.clone(), sorted(spans.map(|span| (text(&span[0]).to_owned(), text(&span[1]).to_owned()))))
    });
    Case {
        name: text(&case["name"]).to_owned(),
        files,
        document: document(&case["document"]),
        labels: table(Some(&case["labels"]))
            .map(|(topic, points)| (topic.clone(), millionths(points)))
            .collect(),
        spans: spans.collect(),
    }
}

fn document(value: &Value) -> oracle::Document {
    let string = |key: &str| value.get(key).map(|value| text(value).to_owned());
    let seconds = |text: String| {
        let time = if text.contains('T') { text } else { text + "T00:00Z" };
        time.parse::<jiff::Timestamp>().unwrap().as_second()
    };
    oracle::Document {
        title: string("title").unwrap_or_default(),
        text: string("text").unwrap_or_default(),
        language: string("language"),
        published: string("published").map(seconds),
        metadata: table(value.get("metadata"))
            .map(|(key, value)| (key.clone(), text(value).to_owned()))
            .collect(),
    }
}

fn millionths(points: &Value) -> i64 {
    let points = points.as_float().or(points.as_integer().map(|points| points as f64)).unwrap();
    (points * 1e6).round() as i64
}

fn table(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_table).into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} cases:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn oracle_and_engine() {
    let cases = cases();
    assert!(cases.len() > 700, "only {} cases", cases.len());
    let faults = cases.iter().flat_map(|case| {
        [case.check("oracle", &case.by_oracle()).err(), case.check("engine", &case.by_engine()).err()]
    });
    assert_none(&faults.flatten().collect::<Vec<_>>());
}

#[test]
fn command_line() {
    let folder = std::env::temp_dir().join(format!("geotopics-suite-{}", std::process::id()));
    let faults: Vec<String> = cases()
        .iter()
        .filter_map(|case| case.check("command line", &case.by_command_line(&folder)).err())
        .collect();
    std::fs::remove_dir_all(folder).unwrap();
    assert_none(&faults);
}

#[tokio::test]
async fn grpc() {
    let mut server = Server::start();
    let mut client = RulesetServiceClient::connect(server.url.clone()).await.unwrap();
    let mut faults = Vec::new();
    for case in cases() {
        faults.extend(case.check("gRPC", &case.by_grpc(&mut client).await).err());
    }
    server.process.kill().unwrap();
    assert_none(&faults);
}

/// `geotopics serve` with the embedded ruleset, on a free port.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_geotopics"))
            .args(["serve", "--listen", "127.0.0.1:0", "--http", "off"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let (_, url) = ready.trim().rsplit_once(' ').unwrap();
        Server { process, url: url.to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
