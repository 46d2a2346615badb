//! Load on a geotopics server: calls in flight, how long they took and what became of them.
//!
//! A closed loop sends a message when another one is answered. An open loop sends at a rate, whatever the server does, and
//! counts latency from the moment a message was due: one that had to wait for those before it took as long as it
//! waited, which a closed loop never sees ("coordinated omission").

use crate::corpus::Article;
use futures_util::stream::unfold;
use geotopics::wire::v1::classification_service_client::ClassificationServiceClient;
use geotopics::wire::v1::classify_result::Outcome;
use geotopics::wire::v1::{
    ClassifyBatchRequest, ClassifyRequest, ClassifyResult, ClassifyStreamRequest, Document,
};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint, Error};
use tonic::{Code, Status};

/// The frames that the server takes, so that a batch is one.
const FRAME_BYTES: u32 = 128 << 10;

/// The longest latency that is told from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// How documents are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Call {
    /// Classify: a call for each document.
    Unary,
    /// ClassifyBatch: a call for each batch.
    Batch,
    /// ClassifyStream: a message for each document.
    Stream,
    /// ClassifyStream: a message for each batch.
    StreamBatch,
}

/// How much is sent.
#[derive(Clone, Debug, clap::Args)]
pub struct Load {
    /// How documents are sent
    #[arg(long, value_enum, default_value = "unary")]
    pub call: Call,
    /// Documents of a batch
    #[arg(long, value_name = "N", default_value = "64")]
    pub batch: usize,
    /// Messages in flight, shared out over the connections
    #[arg(long, value_name = "N", default_value = "64")]
    pub concurrency: usize,
    /// Messages a second, their latency counted from when each is due; without it, one is sent when another is answered
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
}

/// When to end.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// After so many messages.
    Messages(u64),
    /// After so much time.
    Time(Duration),
}

/// Connections to a server, and what to send.
#[derive(Debug)]
pub struct Generator {
    channels: Vec<Channel>,
    documents: Arc<[Document]>,
}

impl Generator {
    /// Connects, at least once.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(
        url: &str,
        connections: usize,
        documents: Arc<[Document]>,
    ) -> Result<Generator, Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())?.max_frame_size(FRAME_BYTES);
        let mut channels = Vec::new();
        for _ in 0..connections.max(1) {
            channels.push(endpoint.connect().await?);
        }
        Ok(Generator { channels, documents })
    }

    /// Sends messages and waits for all of their answers; each connection has one stream.
    pub async fn run(&self, load: &Load, length: Length) -> Report {
        let job = Arc::new(Job::new(load, length, &self.documents));
        if load.rate.is_some() {
            let job = Arc::clone(&job);
            thread::spawn(move || job.pace());
        }
        let mut workers = JoinSet::new();
        for (i, channel) in self.channels.iter().enumerate() {
            let client =
                ClassificationServiceClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
            let in_flight = (load.concurrency + i) / self.channels.len();
            match load.call {
                Call::Unary | Call::Batch => {
                    for _ in 0..in_flight {
                        workers.spawn(calls(client.clone(), load.call, Arc::clone(&job)));
                    }
                }
                Call::Stream | Call::StreamBatch => {
                    workers.spawn(stream(client, in_flight.max(1), Arc::clone(&job)));
                }
            }
        }
        let mut total = Report::default();
        while let Some(part) = workers.join_next().await {
            match part {
                Ok(part) => total.add(&part),
                Err(error) => total.error(&error),
            }
        }
        total.elapsed = job.start.elapsed();
        total
    }
}

/// Makes calls, one after the other.
async fn calls(mut client: ClassificationServiceClient<Channel>, call: Call, job: Arc<Job>) -> Report {
    let mut report = Report::default();
    while let Some((mut documents, due)) = job.next().await {
        let answer = if call == Call::Unary {
            let request = ClassifyRequest { document: documents.pop(), options: None };
            let response = client.classify(request).await;
            response
                .map(|response| response.into_inner().classification.into_iter().map(Into::into).collect())
        } else {
            let request = ClassifyBatchRequest { documents, options: None };
            client.classify_batch(request).await.map(|response| response.into_inner().results)
        };
        report.answer(due, answer);
    }
    report
}

/// Sends messages through a stream, so many ahead of their answers.
async fn stream(mut client: ClassificationServiceClient<Channel>, in_flight: usize, job: Arc<Job>) -> Report {
    let mut report = Report::default();
    let (sent, mut answered) = mpsc::channel(in_flight);
    let messages = unfold((job, sent), |(job, sent)| async move {
        let room = sent.reserve_owned().await.ok()?;
        let (documents, due) = job.next().await?;
        Some((ClassifyStreamRequest { documents, options: None }, (job, room.send(due))))
    });
    match client.classify_stream(messages).await {
        Ok(answers) => {
            let mut answers = answers.into_inner();
            while let Some(answer) = answers.message().await.transpose() {
                let Some(due) = answered.recv().await else { break };
                report.answer(due, answer.map(|answer| answer.results));
            }
        }
        Err(status) => report.error(&code(status.code())),
    }
    report
}

/// What workers share: which message is next, and when it is due.
struct Job {
    messages: Vec<Vec<Document>>,
    length: Length,
    rate: Option<f64>,
    start: Instant,
    next: AtomicU64,
    /// A permit for each message that is due, where there is a rate.
    due: Semaphore,
}

impl Job {
    fn new(load: &Load, length: Length, documents: &[Document]) -> Job {
        let of_message = match load.call {
            Call::Unary | Call::Stream => 1,
            Call::Batch | Call::StreamBatch => load.batch.max(1),
        };
        Job {
            messages: documents.chunks(of_message).map(<[Document]>::to_vec).collect(),
            length,
            rate: load.rate,
            start: Instant::now(),
            next: AtomicU64::new(0),
            due: Semaphore::new(0),
        }
    }

    /// The next message when it is due, and when it was; none at the end.
    async fn next(&self) -> Option<(Vec<Document>, Instant)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.due(number)?;
        if self.rate.is_some() {
            self.due.acquire().await.ok()?.forget();
        }
        let documents = self.messages.get(number as usize % self.messages.len())?;
        Some((documents.clone(), due))
    }

    /// When a message is due, if there is one of this number.
    fn due(&self, number: u64) -> Option<Instant> {
        let after = match self.rate {
            None => self.start.elapsed(),
            Some(rate) => Duration::try_from_secs_f64(number as f64 / rate).ok()?,
        };
        let goes_on = match self.length {
            Length::Messages(count) => number < count,
            Length::Time(time) => after < time,
        };
        goes_on.then(|| self.start + after)
    }

    /// Lets each message go when it is due. A thread, because timers of tokio have milliseconds.
    fn pace(&self) {
        let mut number = 0;
        while let Some(due) = self.due(number) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.due.add_permits(1);
            number += 1;
        }
    }
}

/// What became of the messages.
#[derive(Debug)]
pub struct Report {
    /// How long all took together.
    pub elapsed: Duration,
    /// Nanoseconds of each message that was answered.
    pub latency: Histogram<u64>,
    /// How many documents were answered.
    pub documents: u64,
    /// How many messages, and how many documents of answered ones, failed with which status.
    pub errors: BTreeMap<String, u64>,
}

impl Default for Report {
    fn default() -> Report {
        let latency = Histogram::new_with_max(LONGEST, 3).expect("a span of time and three digits");
        Report { elapsed: Duration::ZERO, latency, documents: 0, errors: BTreeMap::new() }
    }
}

impl Report {
    /// The latency that a share of the messages does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(share))
    }

    fn answer(&mut self, due: Instant, answer: Result<Vec<ClassifyResult>, Status>) {
        let results = match answer {
            Ok(results) => results,
            Err(status) => return self.error(&code(status.code())),
        };
        self.latency.saturating_record(due.elapsed().as_nanos() as u64);
        self.documents += results.len() as u64;
        for result in results {
            if let Some(Outcome::Error(error)) = result.outcome {
                let status = error.status.unwrap_or_default().code;
                self.error(&format_args!("{} of a document", code(status.into())));
            }
        }
    }

    fn error(&mut self, error: &dyn fmt::Display) {
        *self.errors.entry(error.to_string()).or_default() += 1;
    }

    fn add(&mut self, part: &Report) {
        self.latency += &part.latency;
        self.documents += part.documents;
        for (error, count) in &part.errors {
            *self.errors.entry(error.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        let messages = self.latency.len();
        writeln!(f, "{messages} messages answered in {seconds:.2} s: {:.0}/s", messages as f64 / seconds)?;
        writeln!(f, "{} articles: {:.0}/s", self.documents, self.documents as f64 / seconds)?;
        for (error, count) in &self.errors {
            writeln!(f, "errors: {count} {error}")?;
        }
        let millis = |share| self.quantile(share).as_secs_f64() * 1e3;
        write!(
            f,
            "latency in ms: p50 {:.3}, p90 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3}",
            millis(0.5),
            millis(0.9),
            millis(0.99),
            millis(0.999),
            millis(1.0),
        )
    }
}

fn code(code: Code) -> String {
    format!("{code:?}")
}

/// The articles as documents, numbered.
#[must_use]
pub fn documents(articles: &[Article]) -> Vec<Document> {
    let document = |(number, Article { title, text }): (usize, &Article)| Document {
        id: number.to_string().into(),
        title: title.clone().into(),
        text: text.clone().into(),
        language: "en".into(),
        ..Document::default()
    };
    articles.iter().enumerate().map(document).collect()
}

/// The documents of a file, a JSON object on each line; of their fields `id`, `title`, `text` and `language`.
///
/// # Errors
/// When the file cannot be read, is not JSON, or has no documents.
pub fn read(file: &Path) -> io::Result<Vec<Document>> {
    let document = |line: io::Result<String>| -> io::Result<Document> {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |key: &str| line[key].as_str().unwrap_or_default().to_owned().into();
        Ok(Document {
            id: field("id"),
            title: field("title"),
            text: field("text"),
            language: field("language"),
            ..Document::default()
        })
    };
    let documents: Vec<_> =
        BufReader::new(File::open(file)?).lines().map(document).collect::<io::Result<_>>()?;
    if documents.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no documents"));
    }
    Ok(documents)
}
