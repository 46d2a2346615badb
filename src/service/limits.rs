//! How much is too much.

use crate::wire::{Fault, Reason};
use std::time::Duration;

/// What the server takes, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request message, after decompression. A larger one ends its call with OUT_OF_RANGE before it is read, or with
    /// RESOURCE_EXHAUSTED while it is decompressed.
    pub message_bytes: usize,
    /// Bytes of a document with all its fields. A larger one is answered with an error in its place.
    pub document_bytes: usize,
    /// Documents of one message.
    pub documents: usize,
    /// Bytes of the headers of a call, its metadata among them, as HTTP/2 counts them.
    pub header_bytes: u32,
    /// Connections at a time. At the limit the connection that has been without a call for longest makes room.
    pub connections: usize,
    /// Calls at a time on one connection; the client keeps further ones back.
    pub streams: u32,
    /// Calls that compute, or wait to, at a time. A further one is refused at once.
    pub calls: usize,
    /// Calls at a time that wait for their clients. When there are more, those that have waited for longest end.
    pub waiting: usize,
    /// Bytes of messages that are being received, of all calls together. When there are more, the calls that hold most end.
    pub memory_bytes: usize,
    /// HTTP/2 frames without content (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA) that a connection may send beyond
    /// those that its calls explain.
    pub control_frames: u32,
    /// Calls that a connection may reset beyond those that were answered.
    pub resets: u32,
    /// From a connection's start to its first call, TLS handshake included.
    pub handshake: Duration,
    /// From the first byte of a message to its last, and from a call's start to its first message.
    pub receive: Duration,
    /// How long an answer may wait for its client to take a part of it.
    pub stall: Duration,
    /// How long a connection may be without a call.
    pub idle: Duration,
    /// How long a stream may be without a message.
    pub stream_idle: Duration,
    /// How long a call may last.
    pub age: Duration,
    /// Silence on a connection after which it is asked for a sign of life.
    pub keep_alive: Duration,
    /// How long it may take to give one.
    pub keep_alive_timeout: Duration,
    /// How long calls may take to finish when the server ends.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            message_bytes: 16 << 20,
            document_bytes: 16 << 20,
            documents: 10_000,
            header_bytes: 16 << 10,
            connections: 10_000,
            streams: 128,
            calls: 1024,
            waiting: 10_000,
            memory_bytes: 512 << 20,
            control_frames: 1000,
            resets: 500,
            handshake: seconds(10),
            receive: seconds(30),
            stall: seconds(30),
            idle: seconds(300),
            stream_idle: seconds(300),
            age: seconds(24 * 60 * 60),
            keep_alive: seconds(60),
            keep_alive_timeout: seconds(20),
            drain: seconds(20),
        }
    }
}

impl Limits {
    /// Checks how many documents a message has.
    pub(super) fn check_documents(&self, count: usize) -> Result<(), Fault> {
        if count <= self.documents {
            return Ok(());
        }
        let fault =
            format!("{count} documents in one message, the limit is {} (max_documents)", self.documents);
        Err(Fault::new(Reason::TooManyDocuments, "documents", fault))
    }

    /// Checks how many bytes a document has. The fault is seen from the message that holds the document.
    pub(super) fn check_document(&self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.document_bytes {
            return Ok(());
        }
        let fault = format!("{bytes} bytes, the limit is {} (max_document)", self.document_bytes);
        Err(Fault::new(Reason::DocumentTooLarge, "", fault))
    }
}
