//! Where a call computes.

use crate::engine::Scratch;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::sync::Semaphore;
use tonic::Status;

/// Up to so many bytes are classified at once on the task of their call, which takes about a millisecond: going to another thread
/// and back costs more than a whole article takes.
const INLINE_BYTES: usize = 64 << 10;

/// Runs the work of calls. Little work runs at once; much work waits for one of the places, fewer than there are cores where there
/// are several, so that it holds up other much work and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    places: Arc<Semaphore>,
}

impl Workers {
    pub(super) fn new() -> Workers {
        let cores = available_parallelism().map_or(1, usize::from);
        Workers { places: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))) }
    }

    /// Runs work over so many bytes of documents.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Status> {
        if bytes <= INLINE_BYTES { guarded(work) } else { self.run_long(work).await }
    }

    /// Runs work that takes long however few bytes it has.
    pub(super) async fn run_long<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| crashed())?;
        let work = move || {
            let done = guarded(work);
            drop(place);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| crashed())?
    }
}

/// How much of a call's work was done in one go.
#[derive(Debug, Default)]
pub(super) struct Turn {
    bytes: usize,
}

impl Turn {
    /// Whether others have their turn before further work over so many bytes.
    pub(super) fn is_over(&mut self, bytes: usize) -> bool {
        // An empty document takes some time too.
        let bytes = bytes.max(512);
        let over = self.bytes > 0 && self.bytes + bytes > INLINE_BYTES;
        self.bytes = if over { bytes } else { self.bytes + bytes };
        over
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

    #[tokio::test]
    async fn a_panic_fails_its_own_call() {
        let workers = Workers::new();
        for bytes in [0, INLINE_BYTES + 1] {
            let status = workers.run(bytes, |_| assert_eq!(1, 2, "on purpose")).await.unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(workers.run(bytes, |_| 7).await.unwrap(), 7);
        }
    }

    #[tokio::test]
    async fn long_work_holds_up_no_little_work() {
        let workers = Workers::new();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let long = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run_long(move |_| wait.recv().is_ok()).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(workers.run(1, |_| 7).await.unwrap(), 7);
        go.send(()).unwrap();
        assert!(long.await.unwrap().unwrap());
    }
}
