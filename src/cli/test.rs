//! `geotopics test`.

use super::output::{self, Failure, Paint, Status, Style, count, one_line};
use super::{rules, tree};
use crate::quality::{FailedExample, failed_examples};
use std::io::{self, Write};
use std::path::PathBuf;

/// Run the examples of a ruleset and tell why each failed one fails
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the ruleset
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let paint = Paint { colour: output::colour_on_stdout() };
    let dir = args.dir.as_deref();
    let (ruleset, classifier) = rules::load(dir)?;
    let examples = ruleset.topics.iter().map(|topic| topic.examples.len()).sum();
    let failed = failed_examples(&ruleset, &classifier);
    let mut out = io::stdout().lock();
    for failure in &failed {
        let FailedExample { path, topic, example, reason, explanation } = failure;
        let expected = if example.label { "expected the label" } else { "expected no label" };
        writeln!(
            out,
            "{} {}:{}: {expected} {}: {}",
            paint.paint(Style::Bad, "failed"),
            rules::path(dir, path),
            example.line,
            paint.paint(Style::Bold, topic),
            tree::verdict(explanation, *reason),
        )?;
        for text in [&example.title, &example.text] {
            if !text.is_empty() {
                writeln!(out, "   {}", paint.paint(Style::Dim, one_line(text, 100)))?;
            }
        }
        let texts = (&*example.title, &*example.text);
        if let Some(info) = classifier.topics().get(explanation.topic as usize) {
            tree::write(&mut out, &tree::steps(info, explanation, texts, paint))?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "{} {}: {}, {} failed",
        ruleset.name,
        ruleset.version,
        count(examples, "example"),
        failed.len()
    )?;
    Ok(Status::of_faults(failed.len()))
}
