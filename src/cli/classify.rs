//! `geotopics classify`.

use super::connect::Access;
use super::input::{Batch, Fault, Inputs};
use super::output::{self, Failure, Format, Paint, Status, count};
use super::record::Record;
use super::{remote, rules, table};
use crate::engine::{Classifier, Scratch};
use crate::wire::proto::google::rpc;
use crate::wire::v1::classify_result::Outcome;
use crate::wire::v1::{ClassifyOptions, ClassifyResult, DocumentError, EvidenceDetail, OffsetUnit};
use crate::wire::{self, Answers, Options};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tonic::Code;

/// Label documents: JSON lines or plain text in, a line of JSON or a block of a table out for each
///
/// A document is an object with title, text or both, and perhaps id, language, published (a time or a date) and metadata
/// (strings by key); other keys are ignored. A document that cannot be read gets an error in its place, with its line, and
/// exit status 1 at the end. A document without an id goes by its place: "line 3", or "FILE:3".
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    inputs: Inputs,

    #[command(flatten)]
    rules: rules::Choice,

    /// Let a running server classify, such as http://127.0.0.1:50051
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    server: Option<String>,

    #[command(flatten)]
    access: Access,

    /// The server's ruleset of this name; its default one without it
    #[arg(long, value_name = "NAME", requires = "server")]
    ruleset: Option<String>,

    /// Lines of JSON for programs, or a table for people
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// Keep the labels of these topics or groups
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    topics: Vec<String>,

    /// Keep labels from this score on
    #[arg(long, value_name = "SCORE", default_value_t = 0.0, hide_default_value = true)]
    min_score: f64,

    /// Keep at most so many labels of a document, those with the highest scores
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_labels: Option<u32>,

    /// Give topics that have points but are no labels, too
    #[arg(long)]
    near_misses: bool,

    /// Leave out which words made a label
    #[arg(long)]
    no_evidence: bool,

    /// Unit of the places of words
    #[arg(long, value_enum, default_value_t = Unit::Utf8Bytes)]
    offset_unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Unit {
    Utf8Bytes,
    Utf16Units,
    CodePoints,
}

pub(super) fn run(args: Args) -> Result<Status, Failure> {
    let options = args.options();
    let view = View { format: args.format, paint: Paint { colour: output::colour_on_stdout() } };
    let mut tally = Tally::default();
    match args.server {
        Some(url) => remote::classify(&url, &args.access, options, args.inputs, view, &mut tally)?,
        None => {
            let (_, classifier) = rules::load(args.rules.dir())?;
            in_process(classifier, options, args.inputs, view, &mut tally)?;
        }
    }
    Ok(tally.told())
}

impl Args {
    fn options(&self) -> ClassifyOptions {
        let unit = match self.offset_unit {
            // The table cuts words out of the document by their places.
            _ if self.format == Format::Table => OffsetUnit::Utf8Bytes,
            Unit::Utf8Bytes => OffsetUnit::Utf8Bytes,
            Unit::Utf16Units => OffsetUnit::Utf16Units,
            Unit::CodePoints => OffsetUnit::CodePoints,
        };
        let evidence = if self.no_evidence { EvidenceDetail::None } else { EvidenceDetail::Spans };
        ClassifyOptions {
            ruleset: self.ruleset.clone().unwrap_or_default(),
            topics: self.topics.clone(),
            min_score: self.min_score,
            max_labels: self.max_labels.unwrap_or(0),
            evidence: evidence.into(),
            offset_unit: unit.into(),
            near_misses: self.near_misses,
        }
    }
}

/// How answers look.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    format: Format,
    paint: Paint,
}

/// The answers to a batch as they are printed, and how many of them are errors.
#[derive(Debug, Default)]
pub(super) struct Printout {
    bytes: Vec<u8>,
    tally: Tally,
}

/// How many documents were read, and how many of them failed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) documents: usize,
    pub(super) failed: usize,
}

impl View {
    /// Answers each document of a batch in its place; `classify` is asked for those that could be read.
    pub(super) fn answer(
        self,
        batch: &Batch,
        mut classify: impl FnMut(&Record<'_>) -> ClassifyResult,
    ) -> Printout {
        let mut printout = Printout::default();
        for record in batch.records() {
            let (record, mut result) = match record {
                Ok(record) => {
                    let result = classify(&record);
                    (record, result)
                }
                Err(fault) => (Record::default(), failed(fault)),
            };
            if let Err(error) = self.write(&mut printout.bytes, &record, &result) {
                // A server that is newer than this program can answer what it has no words for.
                let message = format!("the answer cannot be printed: {error}");
                result = failed(Fault { document_id: record.id.to_string(), message });
                self.write(&mut printout.bytes, &record, &result).ok();
            }
            let failed = matches!(result.outcome, Some(Outcome::Error(_)));
            printout.tally.add(Tally { documents: 1, failed: failed.into() });
        }
        printout
    }

    fn write(self, out: &mut Vec<u8>, record: &Record<'_>, result: &ClassifyResult) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(wire::write_line(result, out)?),
            Format::Table => table::write(out, record, result, self.paint),
        }
    }
}

/// The result of a document that has none.
pub(super) fn failed(fault: Fault) -> ClassifyResult {
    failed_with(Code::InvalidArgument, fault)
}

fn failed_with(code: Code, Fault { document_id, message }: Fault) -> ClassifyResult {
    let status = rpc::Status { code: code.into(), message, details: Vec::new() };
    let error = DocumentError { document_id, status: Some(status) };
    ClassifyResult { outcome: Some(Outcome::Error(error)) }
}

impl Printout {
    /// Prints the answers, all at once.
    pub(super) fn print(self, tally: &mut Tally) -> io::Result<()> {
        tally.add(self.tally);
        let mut out = io::stdout().lock();
        out.write_all(&self.bytes)?;
        out.flush()
    }
}

impl Tally {
    fn add(&mut self, more: Tally) {
        self.documents += more.documents;
        self.failed += more.failed;
    }

    /// Tells on standard error how many failed, if any did.
    pub(super) fn told(self) -> Status {
        if self.failed > 0 {
            output::fail(&format!("{} of {} failed", self.failed, count(self.documents, "document")));
        }
        Status::of_faults(self.failed)
    }
}

/// A batch to answer, and where to send its answers.
type Work = (Batch, SyncSender<Printout>);

/// Classifies on all cores. One thread reads batches, workers answer them as they come, and this thread prints the answers in
/// the order of the batches; each waits for the next when it is too far ahead, so that memory stays bounded.
fn in_process(
    classifier: Classifier,
    options: ClassifyOptions,
    inputs: Inputs,
    view: View,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let unsound = |fault: wire::Fault| Failure::Message(fault.to_string());
    let options = Options::new(options).map_err(unsound)?;
    options.topics.check(&classifier).map_err(unsound)?;
    let shared = Arc::new((classifier, options));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (order, ordered) = mpsc::sync_channel(2 * cores);
    // The threads are left behind when printing fails: the reader may be waiting for input that never comes.
    let reader = start(move || {
        let (work, todo) = mpsc::sync_channel::<Work>(cores);
        let todo = Arc::new(Mutex::new(todo));
        let (mut workers, mut most, mut alone) = (0, cores, None);
        let done = inputs.read(|batch| {
            if workers < most {
                let (shared, todo) = (Arc::clone(&shared), Arc::clone(&todo));
                let worker = start(move || {
                    let (classifier, options) = &*shared;
                    work_off(&todo, view, classifier, options);
                });
                match worker {
                    Ok(_) => workers += 1,
                    Err(failure) if workers == 0 => {
                        alone = Some(failure);
                        return false;
                    }
                    // Those that could be started do it all.
                    Err(_) => most = workers,
                }
            }
            let (reply, printout) = mpsc::sync_channel(1);
            work.send((batch, reply)).is_ok() && order.send(Ok(printout)).is_ok()
        });
        if let Some(failure) = done.err().or(alone) {
            order.send(Err(failure)).ok();
        }
    })?;
    for printout in ordered {
        let printout =
            printout?.recv().map_err(|_| Failure::Message("a worker died: please report it".to_owned()))?;
        printout.print(tally)?;
    }
    joined(reader)
}

/// Starts a thread.
pub(super) fn start(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    thread::Builder::new().spawn(work).map_err(|error| Failure::io("cannot start a thread", &error))
}

/// Waits for the thread that has read everything, or has died.
pub(super) fn joined(reader: JoinHandle<()>) -> Result<(), Failure> {
    reader.join().map_err(|_| Failure::Message("the reader died: please report it".to_owned()))
}

fn work_off(todo: &Mutex<Receiver<Work>>, view: View, classifier: &Classifier, options: &Options) {
    let answers = Answers { ruleset: classifier.name(), classifier, options };
    let mut scratch = Scratch::default();
    // The lock is held for as long as it takes to get one batch.
    let next = || todo.lock().ok()?.recv().ok();
    while let Some((batch, reply)) = next() {
        let printout = view.answer(&batch, |record| {
            guarded(&record.id, &mut scratch, |scratch| {
                let mut metadata = Vec::new();
                let document = record.document(&mut metadata);
                answers.classify(&record.id, &document, scratch).into()
            })
        });
        // Nobody waits for it when printing has failed.
        reply.send(printout).ok();
    }
}

/// Classifies one document; a panic fails it and no other.
fn guarded(
    id: &str,
    scratch: &mut Scratch,
    classify: impl FnOnce(&mut Scratch) -> ClassifyResult,
) -> ClassifyResult {
    catch_unwind(AssertUnwindSafe(|| classify(scratch))).unwrap_or_else(|_| {
        *scratch = Scratch::default();
        let message = "a fault of this program: please report it".to_owned();
        failed_with(Code::Internal, Fault { document_id: id.to_owned(), message })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_fails_its_own_document() {
        let mut scratch = Scratch::default();
        let result = guarded("a", &mut scratch, |_| panic!("on purpose"));
        let Some(Outcome::Error(error)) = result.outcome else { panic!("{result:?}") };
        assert_eq!((&*error.document_id, error.status.unwrap().code), ("a", Code::Internal as i32));
        assert_eq!(guarded("b", &mut scratch, |_| ClassifyResult::default()), ClassifyResult::default());
    }

    #[test]
    fn a_reader_that_dies_is_a_failure() {
        assert!(matches!(joined(start(|| panic!("on purpose")).unwrap()), Err(Failure::Message(_))));
        assert!(joined(start(|| {}).unwrap()).is_ok());
    }
}
