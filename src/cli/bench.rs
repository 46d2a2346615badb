//! `geotopics bench`.

use super::classify::Tally;
use super::input::{Batch, Inputs};
use super::measure::{Speed, Stages, Threads};
use super::output::{self, Failure, Format, Paint, Status, Style, count, one_line};
use super::record::Record;
use super::rules;
use crate::engine::{Classifier, Document, Stage};
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Measure how fast a ruleset classifies documents: throughput, latency and the time of each stage
///
/// Documents are read as classify reads them, and kept in memory. After one pass over them to warm up, each thread passes over
/// them until the time is over, always to the end of a pass; then a fifth of that time is for the stages. What is measured is the
/// engine, from title and text to labels with evidence, and not the reading and printing of JSON. A MB is a million bytes of title
/// and text. A document that cannot be read is named on standard error, with exit status 1 at the end; the rest is measured.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    rules: rules::Choice,

    /// How long to measure; 0 is one pass
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    seconds: Duration,

    /// How many threads classify at once
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,

    /// A table for people, or a line of JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn seconds(number: &str) -> Result<Duration, &'static str> {
    let seconds = number.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    seconds.ok_or("not a number of seconds")
}

/// What was measured, and of what.
#[derive(Debug, Serialize)]
struct Report {
    ruleset: RulesetReport,
    /// Documents that could be read,
    documents: usize,
    /// and those that could not.
    failed: usize,
    /// Of titles and texts.
    bytes: usize,
    threads: u16,
    /// How many times a document was classified.
    classified: u64,
    /// How long that took.
    seconds: f64,
    /// Of all threads together.
    documents_per_second: f64,
    /// The same in millions of bytes.
    mb_per_second: f64,
    labels_per_document: f64,
    /// From title and text to labels, one document.
    latency_us: Times,
    /// Of one document, the mean.
    stage_us: Times,
}

#[derive(Debug, Serialize)]
struct RulesetReport {
    name: String,
    version: String,
    revision: String,
    #[serde(skip)]
    summary: String,
    /// From files to a sound ruleset.
    read_ms: f64,
    /// From that to a classifier.
    compile_ms: f64,
}

/// Times by name, in microseconds.
#[derive(Debug)]
struct Times(Vec<(&'static str, f64)>);

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let (ruleset, classifier) = load(args.rules.dir())?;
    let mut batches = Vec::new();
    args.inputs.read(|batch| {
        batches.push(batch);
        true
    })?;
    let (records, tally) = records(&batches);
    if tally.documents == 0 {
        return Err(Failure::Message("there are no documents to measure".to_owned()));
    }
    if records.is_empty() {
        return Ok(tally.told());
    }
    let mut metadata: Vec<_> = records.iter().map(|_| Vec::new()).collect();
    let documents: Vec<Document<'_>> =
        records.iter().zip(&mut metadata).map(|(record, metadata)| record.document(metadata)).collect();

    let mut threads = Threads::new(&classifier, &documents, args.threads.into());
    threads.speed(Duration::ZERO)?;
    let speed = threads.speed(args.seconds)?;
    let stages = threads.stages(args.seconds / 5)?;

    let bytes = documents.iter().map(|document| document.title.len() + document.text.len()).sum();
    let classified = speed.latencies.len();
    let seconds = speed.busy.as_secs_f64() / f64::from(args.threads);
    let documents_per_second = classified as f64 / seconds;
    let report = Report {
        ruleset,
        documents: documents.len(),
        failed: tally.failed,
        bytes,
        threads: args.threads,
        classified,
        seconds,
        documents_per_second,
        mb_per_second: documents_per_second * megabytes(bytes) / documents.len() as f64,
        labels_per_document: speed.labels as f64 / classified as f64,
        latency_us: Times::latencies(&speed),
        stage_us: Times::stages(&stages),
    };
    let mut out = Vec::new();
    match args.format {
        Format::Json => {
            serde_json::to_writer(&mut out, &report).map_err(io::Error::from)?;
            out.push(b'\n');
        }
        Format::Table => report.write(&mut out, Paint { colour: output::colour_on_stdout() })?,
    }
    io::stdout().write_all(&out)?;
    Ok(tally.told())
}

fn load(dir: Option<&Path>) -> Result<(RulesetReport, Classifier), Failure> {
    let start = Instant::now();
    let ruleset = rules::sound(dir)?;
    let read = start.elapsed();
    let classifier = rules::compile(&ruleset)?;
    let compiled = start.elapsed() - read;
    let report = RulesetReport {
        summary: rules::summary(&ruleset, &classifier),
        name: ruleset.name,
        version: ruleset.version,
        revision: ruleset.revision,
        read_ms: read.as_secs_f64() * 1e3,
        compile_ms: compiled.as_secs_f64() * 1e3,
    };
    Ok((report, classifier))
}

/// The documents that can be read; the others are named on standard error.
fn records(batches: &[Batch]) -> (Vec<Record<'_>>, Tally) {
    let (mut records, mut tally) = (Vec::new(), Tally::default());
    for record in batches.iter().flat_map(Batch::records) {
        tally.documents += 1;
        match record {
            Ok(record) => records.push(record),
            Err(fault) => {
                tally.failed += 1;
                output::fail(&one_line(&fault.message, usize::MAX));
            }
        }
    }
    (records, tally)
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

impl Times {
    fn latencies(speed: &Speed) -> Times {
        let latencies = &speed.latencies;
        let quantile = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        let mean = speed.busy.as_secs_f64() * 1e6 / latencies.len() as f64;
        Times(vec![
            ("min", quantile(0.0)),
            ("mean", mean),
            ("p50", quantile(0.5)),
            ("p90", quantile(0.9)),
            ("p99", quantile(0.99)),
            ("p99.9", quantile(0.999)),
            ("max", quantile(1.0)),
        ])
    }

    fn stages(stages: &Stages) -> Times {
        let mean = |time: Duration| time.as_secs_f64() * 1e6 / stages.classified as f64;
        Times(Stage::ALL.into_iter().map(name).zip(stages.times.into_iter().map(mean)).collect())
    }

    fn row(&self, cell: impl Fn(&(&str, f64)) -> String) -> String {
        self.0.iter().map(|time| format!("{:>9}", cell(time))).collect()
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Read => "read",
        Stage::Find => "find",
        Stage::Detect => "detect",
        Stage::SetOff => "set_off",
        Stage::Score => "score",
    }
}

impl Report {
    fn write(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let Report { ruleset, latency_us, stage_us, .. } = self;
        let speed = |threads: f64| {
            let (documents, mb) = (self.documents_per_second / threads, self.mb_per_second / threads);
            format!("{documents:.1} documents/s, {mb:.1} MB/s")
        };
        let us = |times: &Times| times.row(|(_, us)| format!("{us:.1}"));
        let heads = |times: &Times| times.row(|(name, _)| name.replace('_', " "));
        let all_stages: f64 = stage_us.0.iter().map(|(_, us)| us).sum();
        let classifications = count(self.classified as usize, "classification");
        let threads = count(self.threads.into(), "thread");

        let labels = format!("{:.2} labels a document", self.labels_per_document);
        let mut summary = vec![
            ("ruleset", ruleset.summary.clone()),
            ("", format!("read in {:.1} ms, compiled in {:.1} ms", ruleset.read_ms, ruleset.compile_ms)),
            ("documents", format!("{}, {:.3} MB, {labels}", self.documents, megabytes(self.bytes))),
            ("measured", format!("{classifications} in {:.1} s on {threads}", self.seconds)),
            ("throughput", speed(1.0)),
        ];
        if self.threads > 1 {
            summary.push(("a thread", speed(self.threads.into())));
        }
        let latency = vec![("latency", heads(latency_us)), ("µs", us(latency_us))];
        let percent = |(_, us): &(&str, f64)| format!("{:.1}", 100.0 * us / all_stages);
        let stages = vec![("stage", heads(stage_us)), ("µs", us(stage_us)), ("%", stage_us.row(percent))];
        for (number, rows) in [summary, latency, stages].into_iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            for (name, content) in rows {
                writeln!(out, "{}{content}", paint.paint(Style::Bold, format_args!("{name:12}")))?;
            }
        }
        Ok(())
    }
}
