//! How much is too much.

use crate::wire::{Fault, Reason};
use std::time::Duration;

/// What the server takes, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request message. A larger one ends its call with OUT_OF_RANGE before it is read.
    pub message_bytes: usize,
    /// Documents of one message.
    pub documents: usize,
    /// Calls at a time on one connection; the client keeps further ones back.
    pub calls: u32,
    /// Silence on a connection after which it is asked for a sign of life.
    pub keep_alive: Duration,
    /// How long it may take to give one.
    pub keep_alive_timeout: Duration,
    /// How long calls may take to finish when the server ends.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: 16 << 20,
            documents: 10_000,
            calls: 128,
            keep_alive: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// Checks how many documents a message has.
    pub(super) fn check_documents(&self, count: usize) -> Result<(), Fault> {
        if count <= self.documents {
            return Ok(());
        }
        let fault = format!("{count} documents in one message, the limit is {}", self.documents);
        Err(Fault::new(Reason::TooManyDocuments, "documents", fault))
    }
}
