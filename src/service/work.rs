//! Where a call computes.

use super::limits::Limits;
use super::metrics::Metrics;
use crate::engine::Scratch;
use crate::wire::Fault;
use crate::wire::v1::Document;
use prost::Message;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tonic::Status;

/// Up to so many bytes are classified at once on the task of their call, which takes about a millisecond: going to another thread
/// and back costs more than a whole article takes.
const INLINE_BYTES: usize = 64 << 10;

/// Work that takes longer is done in several goes. In time, as bytes say little of it: where a turn was 64 KiB, which may take 0.2 ms,
/// a stream of batches of 64 articles woke the other core twice as often.
const TURN: Duration = Duration::from_millis(1);

/// Runs the work of calls. Little work runs at once; much work waits for one of the places, fewer than there are cores where there
/// are several, so that it holds up other much work and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    limits: Limits,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
}

impl Workers {
    pub(super) fn new(limits: Limits, metrics: Arc<Metrics>) -> Workers {
        let cores = available_parallelism().map_or(1, usize::from);
        Workers { limits, metrics, places: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))) }
    }

    /// Runs work over a document, unless it has too many bytes, and gives it back.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        document: Document,
        work: impl FnOnce(&Document, &mut Scratch) -> Result<T, Fault> + Send + 'static,
    ) -> Result<(Document, Result<T, Fault>), Status> {
        let bytes = document.encoded_len();
        let (document, done) = match self.limits.check_document(bytes) {
            Err(fault) => (document, Err(fault)),
            Ok(()) => {
                let metrics = Arc::clone(&self.metrics);
                let work = move |scratch: &mut Scratch| {
                    let start = Instant::now();
                    let done = work(&document, scratch);
                    metrics.classify.observe(start.elapsed().as_secs_f64());
                    (document, done)
                };
                if bytes <= INLINE_BYTES { guarded(work)? } else { self.run_long(work).await? }
            }
        };
        if done.is_ok() {
            self.metrics.classified.inc()
        } else {
            self.metrics.unclassified.inc()
        }
        Ok((document, done))
    }

    /// Runs work that takes long however few bytes it has.
    pub(super) async fn run_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| crashed())?;
        let work = move || {
            // What it takes for much work is given back, and not kept for little.
            let done =
                catch_unwind(AssertUnwindSafe(|| work(&mut Scratch::default()))).map_err(|_| crashed());
            drop(place);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| crashed())?
    }
}

/// A part of a call's work that is done in one go.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
}

impl Turn {
    pub(super) fn begin() -> Turn {
        Turn { began: Instant::now() }
    }

    /// Whether others have their turn before further work.
    pub(super) fn is_over(&self) -> bool {
        self.began.elapsed() >= TURN
    }
}

/// Runs work with the scratch of this thread. A panic fails this work and no other.
fn guarded<T>(work: impl FnOnce(&mut Scratch) -> T) -> Result<T, Status> {
    thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
    SCRATCH.with_borrow_mut(|scratch| {
        catch_unwind(AssertUnwindSafe(|| work(scratch))).map_err(|_| {
            *scratch = Scratch::default();
            crashed()
        })
    })
}

fn crashed() -> Status {
    Status::internal("a fault of the server; the call was ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn workers() -> Workers {
        Workers::new(Limits::default(), Arc::new(Metrics::new().unwrap()))
    }

    fn document(bytes: usize) -> Document {
        Document { text: vec![b' '; bytes].into(), ..Document::default() }
    }

    #[tokio::test]
    async fn a_panic_fails_its_own_call() {
        let workers = workers();
        for bytes in [0, INLINE_BYTES + 1] {
            let panics = |_: &_, _: &mut _| -> Result<(), Fault> { panic!("on purpose") };
            let status = workers.run(document(bytes), panics).await.unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(workers.run(document(bytes), |_, _| Ok(7)).await.unwrap().1, Ok(7));
        }
    }

    #[tokio::test]
    async fn long_work_holds_up_no_little_work() {
        let workers = workers();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let long = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run_long(move |_| wait.recv().is_ok()).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(workers.run(document(1), |_, _| Ok(7)).await.unwrap().1, Ok(7));
        go.send(()).unwrap();
        assert!(long.await.unwrap().unwrap());
    }
}
