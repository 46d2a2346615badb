//! Puts load on a geotopics server, and tells how many articles it answers and how long that takes.
//!
//! ```sh
//! geotopics serve
//! cargo run --release -p geotopics-benches --bin load -- --call stream
//! cargo run --release -p geotopics-benches --bin load -- --rate 2000 --connections 4 --documents articles.jsonl
//! ```

use clap::Parser;
use geotopics_benches::corpus::Corpus;
use geotopics_benches::load::{self, Generator, Length, Load};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Put load on a geotopics server
#[derive(Parser)]
struct Args {
    /// The server
    #[arg(default_value = "http://127.0.0.1:50051")]
    url: String,
    #[command(flatten)]
    load: Load,
    #[arg(long, value_name = "N", default_value = "1")]
    /// Connections
    connections: usize,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    seconds: f64,
    /// How long to send before that
    #[arg(long, value_name = "SECONDS", default_value = "2")]
    warm_up: f64,
    /// Lines of JSON with `id`, `title`, `text` and `language`; without it, articles made from a seed
    #[arg(long, value_name = "FILE")]
    documents: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Args { url, load, connections, seconds, warm_up, documents } = Args::parse();
    let documents = match documents {
        Some(file) => load::read(&file)?,
        None => load::documents(&Corpus::made(1000, 5000).articles),
    };
    let generator = Generator::connect(&url, connections, documents.into()).await?;
    let time = |seconds| Duration::try_from_secs_f64(seconds).map(Length::Time);
    generator.run(&load, time(warm_up)?).await;
    let report = generator.run(&load, time(seconds)?).await;
    writeln!(io::stdout().lock(), "{report}")?;
    Ok(())
}
