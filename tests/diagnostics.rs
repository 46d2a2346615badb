//! Golden diagnostics: each `tests/data/diagnostics/NAME.in.toml` gives the `NAME.out` beside it.
//!
//! An input is a topic file `t.toml` beside a sound `ruleset.toml`; or several files, each after a line
//! `### path`, or `### path × n` for one whose text stands there n times. `UPDATE=1 cargo test --test diagnostics`
//! writes the outputs anew.

use geotopics::rules::Code;
use geotopics::{Ruleset, Source};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "name = \"golden\"\nversion = \"1\"\n";
/// Of more diagnostics than this only the first and the last stand in an output.
const SHOWN: usize = 40;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/diagnostics")
}

/// The files of an input.
fn sources(input: &[u8]) -> Vec<Source> {
    let mut sources: Vec<(Source, usize)> = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match (line.strip_prefix(b"### "), sources.last_mut()) {
            (Some(header), _) => {
                let header = String::from_utf8_lossy(header).trim().to_owned();
                let (path, times) = header.split_once(" × ").unwrap_or((&header, "1"));
                let times = times.parse().expect("a number of times");
                sources.push((Source { path: path.to_owned(), content: Vec::new() }, times));
            }
            (None, Some((source, _))) => source.content.extend_from_slice(line),
            (None, None) => {
                return vec![source("ruleset.toml", MANIFEST.as_bytes()), source("t.toml", input)];
            }
        }
    }
    let repeated =
        |(source, times): (Source, usize)| Source { content: source.content.repeat(times), ..source };
    sources.into_iter().map(repeated).collect()
}

fn source(path: &str, content: &[u8]) -> Source {
    Source { path: path.to_owned(), content: content.to_vec() }
}

/// What is reported of an input.
fn output(input: &[u8]) -> String {
    let (ruleset, diagnostics) = Ruleset::parse("folder", &sources(input));
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        match index {
            SHOWN if diagnostics.len() > SHOWN + 1 => out.push_str("…\n\n"),
            _ if index > SHOWN && index + 1 < diagnostics.len() => {}
            _ => writeln!(out, "{diagnostic}\n").expect("memory"),
        }
    }
    out + if ruleset.is_some() { "sound\n" } else { "not sound\n" }
}

#[test]
fn golden() {
    let mut inputs: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".in.toml"))
        .collect();
    inputs.sort();
    let mut wrong = Vec::new();
    for input in inputs {
        let golden = PathBuf::from(input.to_string_lossy().replace(".in.toml", ".out"));
        let output = output(&std::fs::read(&input).expect("the input"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &output).expect("a writable output");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if expected != output {
            wrong.push(format!("{}: expected\n{expected}\nbut it is\n{output}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_golden_case() {
    // These two come when a sound ruleset is compiled and tried: tests/grpc.rs and tests/cli.rs see the second, and
    // the first needs a ruleset of gigabytes.
    let mut found = BTreeSet::from([Code::TooLarge, Code::FailedExample]);
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "out") {
            let text = std::fs::read_to_string(path).expect("an output");
            found.extend(Code::ALL.iter().filter(|code| text.contains(&format!("[{}]", code.as_str()))));
        }
    }
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|code| !found.contains(*code)).map(|code| code.as_str()).collect();
    assert!(missing.is_empty(), "no golden case has {missing:?}");
}

#[test]
fn every_code_stands_in_the_docs() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let docs = std::fs::read_to_string(docs).expect("docs/rules.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.about());
        assert!(docs.contains(&row), "docs/rules.md has no row that begins with: {row}");
    }
}
