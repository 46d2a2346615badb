//! The program from the outside: what it prints where, and how it ends.
//!
//! What people read is compared with `tests/data/cli/*.txt` and with README.md; `UPDATE=1 cargo test --test cli` writes those anew.

#![cfg(feature = "server")]

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const RULES: &str = "tests/data/cli/rules";
const DOCUMENTS: &str = "tests/data/cli/documents.jsonl";

fn geotopics(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("COLUMNS").env_remove("NO_COLOR");
    command
}

struct Done {
    status: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn run(args: &[&str]) -> Done {
    geotopics(args).output().unwrap().into()
}

fn run_with(args: &[&str], input: &[u8]) -> Done {
    let mut child = geotopics(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let done = child.wait_with_output().unwrap().into();
    drop(writer.join().unwrap());
    done
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("geotopics-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn compare(path: &str, actual: &str) {
    let path = Path::new(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, actual).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == actual, "{} differs (UPDATE=1 writes it anew); now it is:\n{actual}", path.display());
}

// What people read.

#[test]
fn help() {
    let mut all = run(&["--help"]).out;
    for command in ["serve", "classify", "explain", "check", "test", "bench", "init", "completions"] {
        all += &format!("\n--- {command}\n\n{}", run(&[command, "--help"]).out);
    }
    compare("tests/data/cli/help.txt", &all);
}

#[test]
fn table() {
    let done = run(&["classify", "--rules", RULES, "--format", "table", "--near-misses", DOCUMENTS]);
    assert_eq!(done.status, Some(1));
    assert_eq!(done.err, "geotopics: 1 of 5 documents failed\n");
    compare("tests/data/cli/table.txt", &done.out);
}

#[test]
fn explanations() {
    let mut all = String::new();
    for id in ["freight", "ward", "tankers", "ban"] {
        let done = run(&["explain", "--rules", RULES, "--id", id, DOCUMENTS]);
        assert_eq!((done.status, &*done.err), (Some(0), ""));
        all += &format!("--- {id}\n{}\n", done.out);
    }
    let done = run(&["explain", "--rules", RULES, "--topics", "economy", "--text", "Sanctions on tankers."]);
    all += &format!("--- no hits of the topics asked for\n{}", done.out);
    let done = run(&["explain", "--rules", RULES, "--text", "Nothing of the kind."]);
    all += &format!("--- no hits\n{}", done.out);
    compare("tests/data/cli/explain.txt", &all);
}

#[test]
fn failed_examples() {
    let done = run(&["test", "tests/data/cli/failing"]);
    assert_eq!((done.status, &*done.err), (Some(1), ""));
    compare("tests/data/cli/test.txt", &done.out);
}

#[test]
fn diagnostics() {
    let done = run(&["check", "tests/data/cli/broken"]);
    assert_eq!((done.status, &*done.err), (Some(1), ""));
    compare("tests/data/cli/check.txt", &done.out);
}

#[test]
fn speed() {
    let mut all = String::new();
    for threads in ["1", "2"] {
        let done = run(&["bench", "--rules", RULES, "--seconds", "0", "--threads", threads, DOCUMENTS]);
        assert_eq!(done.status, Some(1));
        let lines: Vec<&str> = done.err.lines().collect();
        assert!(
            lines[0].starts_with(&format!("geotopics: {DOCUMENTS}, line 3: invalid type")),
            "{}",
            done.err
        );
        assert_eq!(lines[1..], ["geotopics: 1 of 5 documents failed"]);
        all += &format!("--- threads: {threads}\n{}\n", without_figures(&done.out));
    }
    compare("tests/data/cli/bench.txt", &all);
}

/// What was measured becomes `#`, at the end of its cell where it stands in a row of them.
fn without_figures(table: &str) -> String {
    let figure = regex::Regex::new(" +[0-9]+[.][0-9]+").unwrap();
    let masked = |line: &str| {
        let row = line.starts_with(['µ', '%']);
        let masked = figure.replace_all(line, |found: &regex::Captures| {
            let spaces = if row { found[0].len() - 1 } else { found[0].matches(' ').count() };
            format!("{}#", " ".repeat(spaces))
        });
        format!("{masked}\n")
    };
    table.lines().map(masked).collect()
}

#[test]
fn the_readme_shows_what_is_printed() {
    const START: &str = "```text\n$ geotopics ";
    let readme = fs::read_to_string("README.md").unwrap();
    let mut parts = readme.split(START);
    let mut actual = parts.next().unwrap().to_owned();
    for part in parts {
        let (block, after) = part.split_once("```\n").unwrap();
        let end = block.match_indices('\n').find(|(end, _)| !block[..*end].ends_with('\\')).unwrap().0;
        let command = &block[..end];
        let mut args = Vec::new();
        for (number, piece) in command.split('"').enumerate() {
            match number % 2 {
                0 => args.extend(piece.split_whitespace().filter(|word| *word != "\\")),
                _ => args.push(piece),
            }
        }
        actual += &format!("{START}{command}\n{}\n```\n{after}", run(&args).out.trim_end());
    }
    compare("README.md", &actual);
}

// How commands end.

/// Arguments, exit status, a part of standard output, a part of standard error; an empty part stands for an empty stream.
type Ending = (&'static [&'static str], i32, &'static str, &'static str);

const ENDINGS: &[Ending] = &[
    (&["--version"], 0, "geotopics 0.", ""),
    (&[], 2, "", "Usage: geotopics <COMMAND>"),
    (&["clasify"], 2, "", "a similar subcommand exists: 'classify'"),
    (&["check", RULES], 0, "sample 1.2.0 (2 topics, 5 rules, 2 examples): 0 warnings\n", ""),
    (&["check"], 0, "geopolitics", ""),
    (&["check", "tests/data/cli/broken"], 1, "error[E0306]", ""),
    (&["check", "tests/data/cli"], 1, "ruleset.toml", ""),
    (
        &["check", "no/such/folder"],
        2,
        "",
        "geotopics: cannot read no/such/folder: No such file or directory\n",
    ),
    (&["check", "Cargo.toml"], 2, "", "geotopics: cannot read Cargo.toml: Not a directory\n"),
    (&["test", RULES], 0, "sample 1.2.0: 2 examples, 0 failed\n", ""),
    (&["test"], 0, "0 failed", ""),
    (&["test", "tests/data/cli/failing"], 1, "5 examples, 4 failed", ""),
    (&["test", "tests/data/cli/broken"], 1, "", "error[E0403]"),
    (&["test", "no/such/folder"], 2, "", "geotopics: cannot read no/such/folder"),
    (&["classify", "--rules", RULES, "/dev/null"], 0, "", ""),
    (
        &["classify", "--rules", "tests/data/cli/broken", DOCUMENTS],
        1,
        "",
        "geotopics: the ruleset has errors\n",
    ),
    (&["classify", "--rules", "no/such/folder", DOCUMENTS], 2, "", "geotopics: cannot read no/such/folder"),
    (&["classify", "no.jsonl"], 2, "", "geotopics: cannot read no.jsonl: No such file or directory\n"),
    (&["classify", "tests"], 2, "", "geotopics: cannot read tests: Is a directory\n"),
    (&["classify", DOCUMENTS, "no.jsonl"], 2, "", "geotopics: cannot read no.jsonl"),
    (&["classify", "--min-score", "2", "/dev/null"], 2, "", "geotopics: min_score: 2 is not from 0 to 1\n"),
    (&["classify", "--topics", "nope", "/dev/null"], 2, "", "\"nope\" is no topic"),
    (&["classify", "--max-labels", "0", "/dev/null"], 2, "", "--max-labels"),
    (&["classify", "--format", "xml", "/dev/null"], 2, "", "--format"),
    (&["classify", "--rules", RULES, "--server", "localhost:1", "/dev/null"], 2, "", "cannot be used with"),
    (&["classify", "--ruleset", "x", "/dev/null"], 2, "", "--server"),
    (
        &["classify", "--server", "127.0.0.1:1", "/dev/null"],
        2,
        "",
        "geotopics: cannot reach 127.0.0.1:1: Connection refused\n",
    ),
    (&["classify", "--server", "http://[", "/dev/null"], 2, "", "geotopics: http://[: "),
    (&["explain", "--rules", RULES, DOCUMENTS], 2, "", "more than one document: choose one with --id"),
    (&["explain", "--rules", RULES, "--id", "x", DOCUMENTS], 2, "", "no document with the id x"),
    (
        &["explain", "--rules", RULES, "--id", "tests/data/cli/documents.jsonl:3", DOCUMENTS],
        1,
        "",
        "line 3: invalid type",
    ),
    (&["explain", "--rules", RULES, "--topics", "nope", "--text", "x"], 2, "", "\"nope\" is no topic"),
    (&["explain", "--rules", RULES, "--published", "today", "--text", "x"], 2, "", "2024-05-31"),
    (&["explain", "--rules", "tests/data/cli/broken", "--text", "x"], 1, "", "error[E0306]"),
    (&["explain", "no.txt"], 2, "", "geotopics: cannot read no.txt: No such file or directory\n"),
    (&["bench", "--rules", RULES, "/dev/null"], 2, "", "geotopics: there are no documents to measure\n"),
    (&["bench", "--rules", RULES, "no.jsonl"], 2, "", "geotopics: cannot read no.jsonl"),
    (&["bench", "--rules", "tests/data/cli/broken", DOCUMENTS], 1, "", "error[E0306]"),
    (&["bench", "--seconds=-1", DOCUMENTS], 2, "", "not a number of seconds"),
    (&["bench", "--seconds", "soon", DOCUMENTS], 2, "", "not a number of seconds"),
    (&["bench", "--threads", "0", DOCUMENTS], 2, "", "--threads"),
    (&["init", "src"], 2, "", "geotopics: src is not empty\n"),
    (&["init", "Cargo.toml"], 2, "", "geotopics: cannot write to Cargo.toml"),
    (&["completions", "bash"], 0, "_geotopics()", ""),
    (&["completions", "zsh"], 0, "#compdef geotopics", ""),
    (&["completions", "fish"], 0, "complete -c geotopics", ""),
    (&["completions", "dos"], 2, "", "possible values"),
    (&["serve", "--rules", "tests/data/cli/broken"], 1, "", "error[E0306]"),
    (&["serve", "--rules", "no/such/folder"], 2, "", "geotopics: cannot read no/such/folder"),
];

#[test]
fn endings() {
    for &(args, status, out, err) in ENDINGS {
        let done = run(args);
        let shown = format!("{args:?}\n{}\n{}", done.out, done.err);
        assert_eq!(done.status, Some(status), "{shown}");
        assert!(done.out.contains(out) && (done.out.is_empty() == out.is_empty()), "{shown}");
        assert!(done.err.contains(err) && (done.err.is_empty() == err.is_empty()), "{shown}");
        assert!(!shown.contains("\x1b["), "no colour where nobody sees it: {shown}");
    }
}

// Documents.

/// A line, the id of its answer, and a part of its error; empty where it is classified.
const LINES: &[(&[u8], &str, &str)] = &[
    (br#"{"id": "plain", "title": "A", "text": "B"}"#, "plain", ""),
    (br#"{"text": "without an id"}"#, "line 2", ""),
    (br#"{"id": "", "title": "with an empty one"}"#, "line 3", ""),
    (br#"{"id": "null", "title": null, "text": "", "language": null, "metadata": null, "published": null}"#, "null", ""),
    (br#"{"id": "more", "text": "x", "tags": [1, {"a": [null]}], "url": "https://example.org"}"#, "more", ""),
    (b"{\"id\": \"crlf\", \"text\": \"x\"}\r", "crlf", ""),
    (br#"{"id": "nul", "text": "a\u0000b", "title": "\ud83d\ude00"}"#, "nul", ""),
    (br#"{"id": "time", "text": "x", "published": "2024-05-31T08:30:00+04:00"}"#, "time", ""),
    (br#"{"id": "date", "text": "x", "published": "2024-05-31", "metadata": {"source": "a", "desk": null}}"#, "date", ""),
    (b"not json", "line 10", "line 10: not JSON: expected ident at column 2"),
    (br#"{"id": "cut", "text": "x"#, "cut", "line 11: not JSON: EOF while parsing a string"),
    (br#"{"id": "two", "text": "x"} {}"#, "two", "line 12: not JSON: trailing characters"),
    (br#"[{"text": "x"}]"#, "line 13", "line 13: invalid type: sequence, expected a document"),
    (br#"{"id": "none"}"#, "none", "line 14: neither `title` nor `text`"),
    (br#"{"id": 5, "text": "x"}"#, "line 15", "line 15: invalid type: integer `5`, expected a string for `id`"),
    (br#"{"id": "title", "title": ["x"]}"#, "title", "expected a string for `title`"),
    (br#"{"text": true, "id": "text"}"#, "text", "expected a string for `text`"),
    (br#"{"id": "language", "text": "x", "language": {}}"#, "language", "expected a string for `language`"),
    (br#"{"id": "published", "text": "x", "published": "31.5.2024"}"#, "published", "`published` is neither a time"),
    (br#"{"id": "day", "text": "x", "published": "2024-02-30"}"#, "day", "`published` is neither a time"),
    (br#"{"id": "metadata", "text": "x", "metadata": ["a"]}"#, "metadata", "an object of strings for `metadata`"),
    (br#"{"id": "value", "text": "x", "metadata": {"a": 1}}"#, "value", "expected a string for `metadata.a`"),
    (br#"{"id": "half", "text": "\ud800"}"#, "half", "line 23: not JSON: "),
    (br#"{"id": "control", "text": "	"}"#, "control", "line 24: not JSON: control character"),
    (b"{\"id\": \"bytes\", \"text\": \"\xff\"}", "line 25", "line 25: not UTF-8 at byte 26"),
    (b"\x00", "line 26", "line 26: not JSON: "),
    (br#"{"id": "last", "text": "Cargo on the Middle Corridor"}"#, "last", ""),
];

#[test]
fn a_bad_line_fails_in_its_place() {
    let input = LINES.iter().map(|(line, ..)| *line).collect::<Vec<_>>().join(&b'\n');
    let done = run_with(&["classify", "--rules", RULES], &input);
    let failed = LINES.iter().filter(|(.., error)| !error.is_empty()).count();
    assert_eq!(done.status, Some(1));
    assert_eq!(done.err, format!("geotopics: {failed} of {} documents failed\n", LINES.len()));
    let answers = done.lines();
    assert_eq!(answers.len(), LINES.len());
    for ((line, id, error), answer) in LINES.iter().zip(&answers) {
        let line = String::from_utf8_lossy(line);
        assert_eq!(answer["document_id"], **id, "{line}: {answer}");
        match *error {
            "" => assert!(answer["labels"].is_array(), "{line}: {answer}"),
            error => {
                assert_eq!(answer["error"]["code"], "INVALID_ARGUMENT", "{line}");
                let message = answer["error"]["message"].as_str().unwrap();
                assert!(message.contains(error), "{line}: {message}");
            }
        }
    }
    assert_eq!(answers[LINES.len() - 1]["labels"][0]["topic"], "transport_corridors");
}

#[test]
fn each_line_counts_and_blank_ones_are_no_documents() {
    let done = run_with(
        &["classify", "--rules", RULES],
        b"\xef\xbb\xbf{\"text\": \"a\"}\n\n  \r\n{\"text\": \"b\"}\n",
    );
    assert_eq!(done.status, Some(0));
    let ids: Vec<_> = done.lines().iter().map(|answer| answer["document_id"].clone()).collect();
    assert_eq!(ids, ["line 1", "line 4"]);
}

#[test]
fn files_come_in_order_and_plain_text_is_one_document() {
    let folder = Folder::new("files");
    let text = folder.file("a.txt", "\u{feff}Cargo\n\non the Middle Corridor");
    let lines = folder.file("b.jsonl", "{\"text\": \"x\"}\n{\"id\": \"2\", \"text\": \"y\"}");
    let bytes = folder.file("c.txt", b"abc\xff");
    let note = folder.file("d", "{plain}");
    let done = run(&["classify", "--rules", RULES, &text, &lines, &bytes]);
    assert_eq!(done.status, Some(1));
    let answers = done.lines();
    let ids: Vec<_> = answers.iter().map(|answer| answer["document_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&*text, &format!("{lines}:1"), "2", &bytes]);
    assert_eq!(answers[0]["labels"][0]["topic"], "transport_corridors");
    assert_eq!(answers[3]["error"]["message"], format!("{bytes}: not UTF-8 at byte 4"));

    let done = run_with(&["classify", "--rules", RULES, "--plain", &note, "-"], b"Middle Corridor");
    let ids: Vec<_> = done.lines().iter().map(|answer| answer["document_id"].clone()).collect();
    assert_eq!(ids, [&*note, "-"]);
}

#[test]
fn options_cut_the_answer() {
    let line = "{\"id\": \"é\", \"title\": \"é Middle Corridor\", \"text\": \"Sanctions on tankers. A sanctions list.\"}";
    let classify = |options: &[&str]| {
        let args = [&["classify", "--rules", RULES], options].concat();
        run_with(&args, line.as_bytes()).lines().remove(0)
    };
    let topics = |answer: &Value| {
        let labels = answer["labels"].as_array().unwrap().iter();
        labels.map(|label| label["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = classify(&[]);
    assert_eq!(topics(&all), ["transport_corridors", "sanctions"]);
    assert_eq!(all["ruleset"]["name"], "sample");
    assert_eq!(all["labels"][0]["evidence"][0]["spans"][0]["start"], 3);
    assert_eq!(topics(&classify(&["--max-labels", "1"])), ["transport_corridors"]);
    assert_eq!(topics(&classify(&["--topics", "sanctions"])), ["sanctions"]);
    assert_eq!(topics(&classify(&["--topics", "economy"])), ["transport_corridors"]);
    assert_eq!(topics(&classify(&["--min-score", "0.7"])), ["transport_corridors"]);
    assert_eq!(classify(&["--no-evidence"])["labels"][0]["evidence"], Value::Array(Vec::new()));
    for unit in ["utf16-units", "code-points"] {
        assert_eq!(classify(&["--offset-unit", unit])["labels"][0]["evidence"][0]["spans"][0]["start"], 2);
    }
    let miss = r#"{"text": "Sanctions."}"#;
    let miss = run_with(&["classify", "--rules", RULES, "--near-misses"], miss.as_bytes()).lines().remove(0);
    assert_eq!(miss["near_misses"][0]["topic"], "sanctions");
}

#[test]
fn a_day_and_metadata_reach_the_rules() {
    let folder = Folder::new("dates");
    folder.file("ruleset.toml", "name = \"n\"\nversion = \"1\"\n");
    let rule = "[[rule]]\nweight = 1\nsince = 2024-05-31\nuntil = 2024-06-01\nmatch = 'war AND meta.source:\"desk\"'\n";
    folder.file("t.toml", format!("id = \"t\"\nname = \"T\"\n{rule}"));
    for (published, source, labels) in [
        ("2024-05-31", "desk", 1),
        ("2024-06-01T03:00:00+04:00", "desk", 1),
        ("2024-06-01", "desk", 0),
        ("2024-05-30T23:59:59.9Z", "desk", 0),
        ("2024-05-31", "other", 0),
    ] {
        let line = format!(
            r#"{{"text": "war", "published": "{published}", "metadata": {{"source": "x", "source": "{source}"}}}}"#
        );
        let done = run_with(&["classify", "--rules", folder.0.to_str().unwrap()], line.as_bytes());
        assert_eq!(done.lines()[0]["labels"].as_array().unwrap().len(), labels, "{line}");
    }
}

#[test]
fn the_largest_lines_are_bounded() {
    const MIB: usize = 1 << 20;
    let mut input = b"{\"id\": \"50 MB\", \"text\": \"".to_vec();
    input.resize(50 * MIB, b' ');
    input.extend_from_slice(b"Middle Corridor\"}\n{\"id\": \"deep\", \"text\": \"x\", \"more\": ");
    input.resize(input.len() + MIB, b'[');
    input.extend_from_slice(b"\n{\"id\": \"65 MB\", \"text\": \"");
    input.resize(input.len() + 65 * MIB, b' ');
    input.extend_from_slice(b"\"}\n{\"id\": \"last\", \"text\": \"Middle Corridor\"}");
    let done = run_with(&["classify", "--rules", RULES], &input);
    assert_eq!(done.status, Some(1), "{}", done.err);
    let answers = done.lines();
    assert_eq!(answers[0]["labels"][0]["topic"], "transport_corridors");
    assert_eq!(answers[1]["document_id"], "deep");
    assert_eq!(answers[2]["error"]["message"], "line 3: longer than 64 MiB");
    assert_eq!(answers[3]["document_id"], "last");
    assert_eq!(answers[3]["labels"][0]["topic"], "transport_corridors");
}

#[test]
fn many_documents_come_back_in_order() {
    let input: String = (0..20_000)
        .map(|number| {
            format!("{{\"id\": \"{number}\", \"text\": \"Cargo number {number} on the Middle Corridor.\"}}\n")
        })
        .collect();
    let done = run_with(&["classify", "--rules", RULES, "--no-evidence"], input.as_bytes());
    assert_eq!((done.status, &*done.err), (Some(0), ""));
    let ids: Vec<_> = done.lines().iter().map(|answer| answer["document_id"].clone()).collect();
    assert!(ids.iter().enumerate().all(|(number, id)| *id == *number.to_string()));
    assert_eq!(ids.len(), 20_000);
}

// Speed.

#[test]
fn programs_get_the_same_figures_as_json() {
    let input = b"{\"text\": \"Cargo on the Middle Corridor\"}\n{}\n{\"title\": \"\", \"text\": \"\"}\n";
    let args = ["bench", "--rules", RULES, "--seconds", "0.01", "--threads", "2", "--format", "json"];
    let done = run_with(&args, input);
    assert_eq!(done.status, Some(1));
    assert!(done.err.starts_with("geotopics: line 2: neither `title` nor `text`\n"), "{}", done.err);
    let [report] = &done.lines()[..] else { panic!("{}", done.out) };
    for (key, value) in [("documents", 2), ("failed", 1), ("bytes", 28), ("threads", 2)] {
        assert_eq!(report[key], value, "{report}");
    }
    assert_eq!(report["ruleset"]["name"], "sample");
    assert_eq!(report["labels_per_document"], 0.5);
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&report["classified"]) % 2.0 == 0.0, "whole passes: {report}");
    assert!(number(&report["seconds"]) > 0.0 && number(&report["documents_per_second"]) > 0.0);
    let latency = ["min", "p50", "p90", "p99", "p99.9", "max"].map(|key| number(&report["latency_us"][key]));
    assert!(latency.is_sorted(), "{report}");
    for stage in ["read", "find", "detect", "set_off", "score"] {
        assert!(number(&report["stage_us"][stage]) >= 0.0, "{report}");
    }
}

#[test]
fn where_no_document_can_be_read_nothing_is_measured() {
    let done = run_with(&["bench", "--rules", RULES], b"{}");
    assert_eq!((done.status, &*done.out), (Some(1), ""));
    assert!(done.err.ends_with("geotopics: 1 of 1 document failed\n"), "{}", done.err);
}

// Streams.

/// What `geotopics classify` answers to one line while its input stays open.
#[test]
fn an_answer_does_not_wait_for_the_next_document() {
    let mut child = geotopics(&["classify", "--rules", RULES]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in ["first", "second"] {
        writeln!(stdin, "{{\"id\": \"{id}\", \"text\": \"x\"}}").unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["document_id"], id);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for args in [&["classify", "--rules", RULES][..], &["classify", "--rules", RULES, "--format", "table"]] {
        let mut child = geotopics(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        drop(child.stdout.take());
        // Enough for it to notice; then it ends although its input stays open.
        drop(stdin.write_all(b"{\"text\": \"x\"}\n"));
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{args:?} goes on");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((status.code(), &*err), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn explain_takes_text_and_json_on_standard_input() {
    let text = run_with(&["explain", "--rules", RULES], b"The Middle Corridor.\n");
    let json =
        run_with(&["explain", "--rules", RULES], b"{\"id\": \"a\", \"text\": \"The Middle Corridor.\"}\n");
    assert!(text.out.starts_with("The [Middle Corridor].\n\ntransport_corridors: label"), "{}", text.out);
    assert_eq!(text.out, json.out);
    let nothing = run_with(&["explain", "--rules", RULES], b"");
    assert!(nothing.out.contains("no rule of any topic adds points"), "{}", nothing.out);
    let bytes = run_with(&["explain", "--rules", RULES], b"\xff");
    assert_eq!((bytes.status, &*bytes.err), (Some(1), "geotopics: not UTF-8 at byte 1\n"));
}

// Commands together.

#[test]
fn what_init_writes_is_sound() {
    let folder = Folder::new("init");
    let rules = folder.0.join("deep/rules");
    let rules = rules.to_str().unwrap();
    let done = run(&["init", rules]);
    assert_eq!((done.status, &*done.out), (Some(0), ""));
    assert!(done.err.starts_with("wrote "), "{}", done.err);
    assert_eq!(run(&["check", rules]).status, Some(0));
    assert_eq!(run(&["test", rules]).status, Some(0));
    assert_eq!(run(&["init", rules]).status, Some(2));

    let inside = run(&["classify", "examples/articles.jsonl"]);
    let written = run(&["classify", "--rules", rules, "examples/articles.jsonl"]);
    assert_eq!(inside.status, Some(0));
    assert_eq!(inside.out, written.out);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_server_gives_the_same_answers() {
    let mut server = Server(
        geotopics(&["serve", "--rules", RULES, "--listen", "127.0.0.1:0", "--http", "off"]).spawn().unwrap(),
    );
    let mut greeting = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
    let url = greeting.split_whitespace().find(|word| word.starts_with("http://")).unwrap();

    for options in [&[][..], &["--format", "table", "--near-misses"], &["--offset-unit", "code-points"]] {
        let here = run(&[&["classify", "--rules", RULES, DOCUMENTS], options].concat());
        let there = run(&[&["classify", "--server", url, DOCUMENTS], options].concat());
        assert_eq!((here.status, here.out, here.err), (there.status, there.out, there.err), "{options:?}");
    }
    let input = "{\"text\":\"\"}\n".repeat(50_000);
    let here = run_with(&["classify", "--rules", RULES], input.as_bytes());
    let there = run_with(&["classify", "--server", url], input.as_bytes());
    assert!(there.status == Some(0) && here.out == there.out, "{}", there.err);

    // Six documents of 3 MB are more than one message takes, and one of 17 MB is more than a server does.
    let large = |bytes: usize| format!("{{\"text\":\"{}\"}}\n", "x ".repeat(bytes / 2));
    let input = large(3 << 20).repeat(6);
    let here = run_with(&["classify", "--rules", RULES], input.as_bytes());
    let there = run_with(&["classify", "--server", url], input.as_bytes());
    assert!(there.status == Some(0) && here.out == there.out, "{}", there.err);
    let input = format!("{{\"text\":\"a\"}}\n{}{{\"text\":\"b\"}}\n", large(17 << 20));
    let there = run_with(&["classify", "--server", url], input.as_bytes());
    let lines: Vec<&str> = there.out.lines().collect();
    assert_eq!((there.status, lines.len()), (Some(1), 3), "{}", there.err);
    assert!(lines[1].contains("larger than the") && lines[2].contains("\"labels\""), "{}", lines[1]);

    let done = run(&["classify", "--server", url, "--topics", "nope", DOCUMENTS]);
    assert_eq!((done.status, &*done.out), (Some(2), ""));
    assert!(done.err.contains("\"nope\" is no topic"), "{}", done.err);
    let done = run(&["classify", "--server", url, "--ruleset", "other", DOCUMENTS]);
    assert_eq!(done.status, Some(2));
    assert!(done.err.contains("other"), "{}", done.err);
}
