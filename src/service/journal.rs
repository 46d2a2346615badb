//! The line of the log that each call ends with: slow and failed calls at INFO, the others at DEBUG. Nothing of a document
//! stands in it, and of what a client sent only names, each cut to a length.

use super::call::{About, Call};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tonic::Code;
use tracing::{Level, debug, enabled, info};

/// At most so many lines a second at INFO, so that a flood of failing calls is no flood of the log; the others are counted.
const LINES_A_SECOND: u64 = 100;

/// What became of a call.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) call: &'a Call,
    pub(super) code: Code,
    pub(super) duration: Duration,
    /// The limit that it ended by.
    pub(super) limit: Option<&'static str>,
}

/// Writes lines about calls.
#[derive(Debug)]
pub(super) struct Journal {
    started: Instant,
    /// From which duration on a call is slow.
    slow: Duration,
    second: AtomicU64,
    lines: AtomicU64,
    left_out: AtomicU64,
}

impl Journal {
    pub(super) fn new(slow: Duration) -> Journal {
        Journal {
            started: Instant::now(),
            slow,
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    pub(super) fn write(&self, entry: &Entry<'_>) {
        let Entry { call, code, duration, limit } = *entry;
        let fine = code == Code::Ok && duration < self.slow;
        if fine && !enabled!(Level::DEBUG) {
            return;
        }
        let About { path, request_id, traceparent, client, token } = &call.about;
        let token = token.as_ref().map_or("", |token| &token.name);
        let method = path.as_ref().map_or("", |path| path.path());
        let request_id = request_id.to_str().unwrap_or_default();
        // version-trace-parent-flags, https://www.w3.org/TR/trace-context/
        let traceparent = traceparent.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let trace_id = traceparent.split('-').nth(1).unwrap_or_default();
        let ms = duration.as_secs_f64() * 1000.0;
        let limit = limit.unwrap_or_default();
        let (received, sent) = (call.received.load(Relaxed), call.sent.load(Relaxed));
        if fine {
            debug!(method, ?code, ms, %client, token, request_id, trace_id, received, sent, "call");
        } else if enabled!(Level::INFO) && self.has_room() {
            let left_out = self.left_out.swap(0, Relaxed);
            if left_out > 0 {
                info!(left_out, "calls that failed or were slow, beyond {LINES_A_SECOND} a second");
            }
            info!(method, ?code, ms, %client, token, request_id, trace_id, limit, received, sent, "call");
        }
    }

    fn has_room(&self) -> bool {
        let now = self.started.elapsed().as_secs();
        if self.second.swap(now, Relaxed) != now {
            self.lines.store(0, Relaxed);
        }
        let room = self.lines.fetch_add(1, Relaxed) < LINES_A_SECOND;
        if !room {
            self.left_out.fetch_add(1, Relaxed);
        }
        room
    }
}
