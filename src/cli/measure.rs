//! How long does classifying take?
//!
//! Each thread passes over all documents, again and again until the time is over, and always to the end of a pass: so each document
//! counts as often as every other. The clock is read once a document where speed is measured. A time for each stage needs five
//! more readings, so those are passes of their own.

use super::output::Failure;
use crate::engine::{Classifier, Document, Scratch, Stage};
use hdrhistogram::Histogram;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

/// A document that takes longer counts as one that takes an hour, in nanoseconds.
const LONGEST: u64 = 3600 * 1_000_000_000;

/// Latencies are kept to so many decimal digits, in memory that does not grow with their number.
const DIGITS: u8 = 3;

/// Threads that classify the same documents, each with its own scratch.
pub(super) struct Threads<'a> {
    classifier: &'a Classifier,
    documents: &'a [Document<'a>],
    scratches: Vec<Scratch>,
}

/// What threads did, and how fast.
#[derive(Clone, Debug)]
pub(super) struct Speed {
    /// Of each document that was classified, in nanoseconds.
    pub(super) latencies: Histogram<u64>,
    /// How many labels they got.
    pub(super) labels: usize,
    /// The time that it took, that of all threads added up.
    pub(super) busy: Duration,
}

/// Where the time goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Stages {
    /// What all documents together spent in each stage, in the order of [`Stage::ALL`].
    pub(super) times: [Duration; Stage::ALL.len()],
    /// How many documents that were.
    pub(super) classified: u64,
}

impl<'a> Threads<'a> {
    /// So many threads.
    pub(super) fn new(
        classifier: &'a Classifier,
        documents: &'a [Document<'a>],
        threads: usize,
    ) -> Threads<'a> {
        Threads { classifier, documents, scratches: (0..threads).map(|_| Scratch::default()).collect() }
    }

    /// Measures for so long, or one pass.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn speed(&mut self, time: Duration) -> Result<Speed, Failure> {
        let classifier = self.classifier;
        let latencies = Histogram::new_with_bounds(1, LONGEST, DIGITS)
            .map_err(|error| Failure::Message(error.to_string()))?;
        let mut all = Speed { latencies, labels: 0, busy: Duration::ZERO };
        let each = self.passes(time, &all, |speed, documents, scratch| {
            let mut before = Instant::now();
            for document in documents {
                speed.labels += classifier.classify(document, scratch).labels.len();
                let now = Instant::now();
                let latency = now - before;
                speed.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST));
                speed.busy += latency;
                before = now;
            }
        })?;
        for speed in each {
            all.latencies += speed.latencies;
            all.labels += speed.labels;
            all.busy += speed.busy;
        }
        Ok(all)
    }

    /// Measures each stage for so long, or one pass.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn stages(&mut self, time: Duration) -> Result<Stages, Failure> {
        let classifier = self.classifier;
        let mut all = Stages::default();
        let each = self.passes(time, &all, |stages, documents, scratch| {
            for document in documents {
                let mut before = Instant::now();
                black_box(classifier.observe(document, scratch, |stage| {
                    let now = Instant::now();
                    if let Some(time) = stages.times.get_mut(stage as usize) {
                        *time += now - before;
                    }
                    before = now;
                }));
                stages.classified += 1;
            }
        })?;
        for stages in each {
            all.classified += stages.classified;
            for (total, time) in all.times.iter_mut().zip(stages.times) {
                *total += time;
            }
        }
        Ok(all)
    }

    /// Lets each thread pass over the documents and add to a tally of its own.
    fn passes<T: Clone + Send>(
        &mut self,
        time: Duration,
        tally: &T,
        pass: impl Fn(&mut T, &[Document<'_>], &mut Scratch) + Sync,
    ) -> Result<Vec<T>, Failure> {
        let (documents, pass) = (self.documents, &pass);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for scratch in &mut self.scratches {
                let mut tally = tally.clone();
                let work = move || {
                    let start = Instant::now();
                    loop {
                        pass(&mut tally, documents, scratch);
                        if start.elapsed() >= time {
                            return tally;
                        }
                    }
                };
                let started = thread::Builder::new().spawn_scoped(scope, work);
                threads.push(started.map_err(|error| Failure::io("cannot start a thread", &error))?);
            }
            let died = |_| Failure::Message("a worker died: please report it".to_owned());
            threads.into_iter().map(|thread| thread.join().map_err(died)).collect()
        })
    }
}
