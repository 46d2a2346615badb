//! The server beside an echo of the same messages and the engine in process: what it costs beyond what no gRPC server of
//! this stack, and no classifier of these rules, can do without.
//!
//! Both servers are processes of their own; a turn puts the same load on one and then the other, reads the CPU time that
//! each took for it, and measures the engine between the two.
//!
//! ```sh
//! cargo build --release --workspace
//! target/release/serve            # made articles and 5,000 made terms
//! target/release/serve FOLDER     # corpus.jsonl.gz and terms_5k.txt.gz of a folder
//! ```

use clap::Parser;
use cpu_time::ThreadTime;
use geotopics::wire::{Incoming, v1};
use geotopics::{Classifier, Scratch};
use geotopics_benches::corpus::Corpus;
use geotopics_benches::load::{Call, Generator, Length, Load, documents};
use geotopics_benches::rules;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ARTICLES: usize = 1000;
const TERMS: usize = 5000;
const BATCH: usize = 64;

/// How often the three are measured in turn with each pair of processes. Many short turns rather than one long one: a machine that is
/// shared changes its speed from second to second, and what is compared must have the same.
const TURNS: usize = 8;

/// The ways to send documents, how many messages of each are in flight, and how many documents are measured.
const CALLS: [(&str, Call, usize, u64); 4] = [
    ("unary, 64 in flight", Call::Unary, 64, 2560),
    ("stream of single articles", Call::Stream, 64, 5120),
    ("stream of batches of 64", Call::StreamBatch, 4, 5120),
    ("batch of 64", Call::Batch, 4, 5120),
];

/// Measure the server beside an echo of the same messages and the engine
#[derive(Parser)]
struct Args {
    /// Folder with corpus.jsonl.gz and terms_5k.txt.gz; without it, articles and terms are made from a seed
    folder: Option<PathBuf>,
    /// The program; by default the one beside this one
    #[arg(long, value_name = "FILE")]
    geotopics: Option<PathBuf>,
    /// How often to start both and measure them eight times
    #[arg(long, value_name = "N", default_value = "7")]
    rounds: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Args { folder, geotopics, rounds } = Args::parse();
    let beside = std::env::current_exe()?;
    let beside = beside.parent().unwrap_or(Path::new(""));
    let mut corpus = match folder {
        Some(folder) => Corpus::read(&folder, "5k")?,
        None => Corpus::made(ARTICLES, TERMS),
    };
    corpus.articles.truncate(ARTICLES);
    let sources = rules::of_terms(&corpus.terms);
    let (rules, lines) = (tempfile::tempdir()?, tempfile::NamedTempFile::new()?);
    for source in &sources {
        fs::write(rules.path().join(&source.path), &source.content)?;
    }
    let documents = documents(&corpus.articles);
    write_lines(lines.as_file(), &documents)?;
    let mut real = Command::new(geotopics.unwrap_or_else(|| beside.join("geotopics")));
    real.args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--rules"]).arg(rules.path());
    let mut echo = Command::new(beside.join("echo"));
    echo.arg(rules.path()).arg(lines.path());

    let classifier = rules::compile(&sources)?;
    let runtime = Runtime::new()?;
    let mut measured: Vec<Vec<Turn>> = CALLS.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        let echo = Server::start(&mut echo, &runtime, &documents)?;
        let real = Server::start(&mut real, &runtime, &documents)?;
        for _ in 0..TURNS {
            for ((_, call, in_flight, count), turns) in CALLS.iter().zip(&mut measured) {
                let load = Load { call: *call, batch: BATCH, concurrency: *in_flight, rate: None };
                turns.push(Turn {
                    echo: echo.measure(&runtime, &load, *count)?,
                    engine: engine(&classifier, &documents)?,
                    real: real.measure(&runtime, &load, *count)?,
                });
            }
        }
    }
    report(&mut io::stdout().lock(), &measured)
}

/// What was measured in one turn with one kind of calls.
struct Turn {
    echo: Cost,
    /// Microseconds of CPU time an article.
    engine: f64,
    real: Cost,
}

/// What a server took.
struct Cost {
    /// Microseconds of CPU time an article.
    cpu: f64,
    /// The latency in milliseconds that 99 of 100 messages do not exceed.
    p99: f64,
}

impl Turn {
    /// What the server costs beside what nobody can do without.
    fn ratio(&self) -> f64 {
        self.real.cpu / (self.echo.cpu + self.engine)
    }
}

fn report(out: &mut impl Write, measured: &[Vec<Turn>]) -> Result<(), Box<dyn Error>> {
    writeln!(out, "| CPU time, µs an article | echo | engine | server | server / (echo + engine) |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for ((name, ..), turns) in CALLS.iter().zip(measured) {
        let [echo, engine, real] = [|r: &Turn| r.echo.cpu, |r: &Turn| r.engine, |r: &Turn| r.real.cpu]
            .map(|of| spread(turns.iter().map(of)).1);
        let ratio = shown(turns.iter().map(Turn::ratio));
        writeln!(out, "| {name} | {echo:.1} | {engine:.1} | {real:.1} | {ratio} |")?;
    }
    let [unary, single, batches, _] = measured else { return Ok(()) };
    let single_to_batches =
        single.iter().zip(batches).map(|(single, batches)| single.real.cpu / batches.real.cpu);
    let [echo, real] =
        [|r: &Turn| r.echo.p99, |r: &Turn| r.real.p99].map(|of| spread(unary.iter().map(of)).1);
    let latencies = unary.iter().map(|turn| turn.real.p99 / turn.echo.p99);
    writeln!(out, "\n| | median (least to most) |\n|---|---|")?;
    writeln!(
        out,
        "| CPU time, stream of single articles / stream of batches | {} |",
        shown(single_to_batches)
    )?;
    writeln!(
        out,
        "| p99 of unary calls, server ({real:.1} ms) / echo ({echo:.1} ms) | {} |",
        shown(latencies)
    )?;
    Ok(())
}

/// The least, the median and the most.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

fn shown(ratios: impl Iterator<Item = f64>) -> String {
    let (least, median, most) = spread(ratios);
    format!("{median:.2} ({least:.2} to {most:.2})")
}

/// Microseconds of CPU time an article of the engine alone.
fn engine(classifier: &Classifier, documents: &[v1::Document]) -> Result<f64, Box<dyn Error>> {
    const PASSES: usize = 2;
    let mut scratch = Scratch::default();
    let documents = documents.iter().map(Incoming::new).collect::<Result<Vec<_>, _>>()?;
    let mut labels = 0;
    let start = ThreadTime::now();
    for _ in 0..PASSES {
        for document in &documents {
            labels += classifier.classify(&document.document(), &mut scratch).labels.len();
        }
    }
    let time = start.elapsed();
    // Used, so that nothing is optimised away.
    std::hint::black_box(labels);
    Ok(time.as_secs_f64() * 1e6 / (PASSES * documents.len()) as f64)
}

fn write_lines(file: impl Write, documents: &[v1::Document]) -> io::Result<()> {
    let mut file = io::BufWriter::new(file);
    for document in documents {
        let [id, title, text, language] = [&document.id, &document.title, &document.text, &document.language]
            .map(|field| String::from_utf8_lossy(field));
        let line = serde_json::json!({ "id": id, "title": title, "text": text, "language": language });
        writeln!(file, "{line}")?;
    }
    file.flush()
}

/// A server that is a process of its own.
struct Server {
    process: Process,
    generator: Generator,
    /// Open, so that the server can print.
    _stdout: BufReader<ChildStdout>,
}

/// Ends when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and is waited for all the same.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Server {
    /// Starts a server and connects to the address that its first line ends with.
    fn start(
        command: &mut Command,
        runtime: &Runtime,
        documents: &[v1::Document],
    ) -> Result<Server, Box<dyn Error>> {
        let mut process = Process(command.stdout(Stdio::piped()).spawn()?);
        let mut stdout = BufReader::new(process.0.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let url = line
            .split_whitespace()
            .find(|word| word.contains("://"))
            .ok_or_else(|| format!("{command:?} does not serve"))?;
        let generator = runtime.block_on(Generator::connect(url, 1, Arc::from(documents)))?;
        Ok(Server { process, generator, _stdout: stdout })
    }

    /// What it takes for so many documents, after a tenth of it to get warm.
    fn measure(&self, runtime: &Runtime, load: &Load, documents: u64) -> Result<Cost, Box<dyn Error>> {
        let messages = match load.call {
            Call::Unary | Call::Stream => documents,
            Call::Batch | Call::StreamBatch => documents / load.batch as u64,
        };
        let run = |messages| runtime.block_on(self.generator.run(load, Length::Messages(messages)));
        run(messages / 10);
        let before = self.cpu()?;
        let report = run(messages);
        let cpu = self.cpu()? - before;
        if report.latency.len() != messages || !report.errors.is_empty() {
            return Err(report.to_string().into());
        }
        Ok(Cost { cpu: cpu / 1e3 / report.documents as f64, p99: report.quantile(0.99).as_secs_f64() * 1e3 })
    }

    /// Nanoseconds that its threads have run.
    fn cpu(&self) -> Result<f64, Box<dyn Error>> {
        let mut nanos = 0.0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.0.id()))? {
            let times = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += times.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(nanos)
    }
}
