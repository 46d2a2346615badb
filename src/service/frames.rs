//! HTTP/2 frames that cost the server and carry nothing.
//!
//! PING, SETTINGS, PRIORITY, WINDOW_UPDATE and empty DATA are answered or acted on, each for little, and are free to send without
//! end; so is a call that is reset at once (CVE-2019-9512, -9515, -9518; CVE-2023-44487). They are counted here on the stream of
//! bytes below HTTP, without a copy: each takes one from a budget that time, content and answers fill up again. Where it is
//! empty the connection ends with GOAWAY, ENHANCE_YOUR_CALM and a sentence that names the limit.
//!
//! And here a connection is not read from for a moment, where its calls are refused faster than is good (`admission`).

use super::connections::Connection;
use super::limits::Limits;
use super::timer::Timer;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 client sends before its frames (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;

/// An empty budget is full again after so many seconds.
const REFILL_SECONDS: f64 = 10.0;

/// What a frame with content, in either direction, gives back: its acknowledgements, a WINDOW_UPDATE for the stream and one for
/// the connection, and a PING that measures the way.
const EXPLAINS: f64 = 4.0;

/// A connection whose frames are counted.
#[derive(Debug)]
pub(super) struct Frames<IO> {
    io: IO,
    connection: Arc<Connection>,
    pause: Timer,
    incoming: Parser,
    outgoing: Parser,
    control: Budget,
    resets: Budget,
    refilled: Instant,
    broken: bool,
}

impl<IO> Frames<IO> {
    pub(super) fn new(io: IO, connection: Arc<Connection>, limits: &Limits) -> Frames<IO> {
        Frames {
            io,
            connection,
            pause: Timer::default(),
            incoming: Parser { state: State::Preface(0) },
            outgoing: Parser { state: State::Head([0; HEAD], 0) },
            control: Budget::new(limits.control_frames),
            resets: Budget::new(limits.resets),
            refilled: Instant::now(),
            broken: false,
        }
    }

    /// Counts the frames of bytes that came in; what to end the connection with.
    fn received(&mut self, data: &[u8]) -> Option<String> {
        let (control, resets) = (&mut self.control, &mut self.resets);
        let mut idle = 0_u32;
        self.incoming.read(data, |frame| match frame.kind {
            DATA if frame.length > 0 => control.give(EXPLAINS),
            HEADERS | CONTINUATION => control.give(EXPLAINS),
            RST_STREAM => resets.left -= 1.0,
            _ => {
                control.left -= 1.0;
                idle += 1;
            }
        });
        if !control.is_empty() && !resets.is_empty() {
            return None;
        }
        let now = Instant::now();
        let seconds = now.duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        control.refill(seconds);
        resets.refill(seconds);
        if control.is_empty() {
            return Some(format!("more than {} frames without content (max_control_frames)", control.full));
        }
        resets.is_empty().then(|| format!("more than {} calls reset (max_resets)", resets.full))
    }

    /// Counts the frames of bytes that went out.
    fn sent(&mut self, data: &[u8]) {
        if self.incoming.is_other() {
            return;
        }
        let (control, resets) = (&mut self.control, &mut self.resets);
        self.outgoing.read(data, |frame| match frame.kind {
            DATA if frame.length > 0 => control.give(EXPLAINS),
            HEADERS if frame.flags & END_STREAM != 0 => resets.give(1.0),
            _ => {}
        });
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Frames<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(until) = this.connection.unread_until() {
            ready!(this.pause.poll(until, cx));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let data = buffer.filled().get(before..).unwrap_or_default();
        let Some(reason) = this.received(data) else { return Poll::Ready(Ok(())) };
        // If the socket takes no more, the client does not read, and would not read this.
        if !this.broken && this.outgoing.is_between() {
            drop(Pin::new(&mut this.io).poll_write(cx, &goaway(&reason)));
            drop(Pin::new(&mut this.io).poll_flush(cx));
        }
        this.broken = true;
        Poll::Ready(Err(io::Error::other(reason)))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Frames<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = ready!(Pin::new(&mut this.io).poll_write(cx, data))?;
        this.sent(data.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, slices))?;
        let mut left = count;
        for slice in slices {
            let part = left.min(slice.len());
            this.sent(slice.get(..part).unwrap_or_default());
            left -= part;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A GOAWAY frame (RFC 9113, 6.8) that names no last stream: nothing is promised of the calls under way.
fn goaway(reason: &str) -> Vec<u8> {
    const GOAWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    let length = (8 + reason.len()) as u32;
    let mut frame = Vec::with_capacity(HEAD + 8 + reason.len());
    frame.extend_from_slice(length.to_be_bytes().get(1..).unwrap_or_default());
    frame.extend_from_slice(&[GOAWAY, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(&(u32::MAX >> 1).to_be_bytes());
    frame.extend_from_slice(&ENHANCE_YOUR_CALM.to_be_bytes());
    frame.extend_from_slice(reason.as_bytes());
    frame
}

/// What may be spent.
#[derive(Debug)]
struct Budget {
    full: f64,
    left: f64,
}

impl Budget {
    fn new(full: u32) -> Budget {
        Budget { full: full.into(), left: full.into() }
    }

    fn give(&mut self, more: f64) {
        self.left = (self.left + more).min(self.full);
    }

    fn refill(&mut self, seconds: f64) {
        self.give(self.full * seconds / REFILL_SECONDS);
    }

    fn is_empty(&self) -> bool {
        self.left < 0.0
    }
}

/// The bytes before the payload of a frame.
const HEAD: usize = 9;

struct FrameHead {
    length: usize,
    kind: u8,
    flags: u8,
}

/// Finds the frames in one direction of a connection.
#[derive(Debug)]
struct Parser {
    state: State,
}

#[derive(Debug)]
enum State {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// So many bytes of a frame's head have come.
    Head([u8; HEAD], usize),
    /// So many bytes of a frame are still to come.
    Payload(usize),
    /// It is not HTTP/2.
    Other,
}

impl Parser {
    fn is_between(&self) -> bool {
        matches!(self.state, State::Head(_, 0))
    }

    fn is_other(&self) -> bool {
        matches!(self.state, State::Other)
    }

    fn read(&mut self, mut data: &[u8], mut frame: impl FnMut(FrameHead)) {
        while let Some((&first, rest)) = data.split_first() {
            match &mut self.state {
                State::Other => return,
                State::Preface(have) => {
                    if PREFACE.get(*have) != Some(&first) {
                        self.state = State::Other;
                        return;
                    }
                    *have += 1;
                    data = rest;
                    if *have == PREFACE.len() {
                        self.state = State::Head([0; HEAD], 0);
                    }
                }
                State::Payload(left) => {
                    let part = (*left).min(data.len());
                    data = data.split_at_checked(part).map_or(&[], |(_, rest)| rest);
                    *left -= part;
                    if *left == 0 {
                        self.state = State::Head([0; HEAD], 0);
                    }
                }
                State::Head(head, have) => {
                    if let Some(byte) = head.get_mut(*have) {
                        *byte = first;
                    }
                    *have += 1;
                    data = rest;
                    if *have == HEAD {
                        let [a, b, c, kind, flags, ..] = *head;
                        let length = u32::from_be_bytes([0, a, b, c]) as usize;
                        frame(FrameHead { length, kind, flags });
                        self.state =
                            if length == 0 { State::Head([0; HEAD], 0) } else { State::Payload(length) };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::connections::Connections;
    use crate::service::metrics::Metrics;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const PING: u8 = 6;

    fn head(length: u8, kind: u8, flags: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(std::iter::repeat_n(0, length.into()));
        frame
    }

    fn connection() -> (Frames<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        let limits = Limits { control_frames: 100, resets: 10, ..Limits::default() };
        let connections = Arc::new(Connections::new(1, Arc::new(Metrics::new().unwrap())));
        let place = connections.enter([127, 0, 0, 1].into(), Arc::default()).unwrap();
        (Frames::new(ours, Arc::clone(&place.connection), &limits), theirs)
    }

    /// Sends bytes in pieces of some length; the error of the server, and what it said.
    async fn answer(data: &[u8], piece: usize) -> (Option<String>, Vec<u8>) {
        let (mut frames, mut client) = connection();
        let mut error = None;
        for piece in data.chunks(piece) {
            client.write_all(piece).await.unwrap();
            let mut taken = vec![0; piece.len()];
            if let Err(fault) = frames.read_exact(&mut taken).await {
                error = Some(fault.to_string());
                break;
            }
        }
        drop(frames);
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        (error, said)
    }

    fn flood(frame: &[u8], count: usize) -> Vec<u8> {
        [PREFACE, &frame.repeat(count)].concat()
    }

    #[tokio::test]
    async fn frames_without_content_are_counted() {
        for kind in [PING, 4, 2, 8, 0, 99] {
            let length = if kind == DATA { 0 } else { 8 };
            for piece in [1, 7, 4096] {
                let (error, said) = answer(&flood(&head(length, kind, 0), 150), piece).await;
                assert!(error.unwrap().contains("max_control_frames"), "{kind} {piece}");
                assert_eq!(said.get(3), Some(&7), "GOAWAY");
                assert!(String::from_utf8_lossy(&said).contains("max_control_frames"));
                assert_eq!(answer(&flood(&head(length, kind, 0), 90), piece).await, (None, Vec::new()));
            }
        }
    }

    #[tokio::test]
    async fn resets_are_counted_apart() {
        let call = [head(8, HEADERS, 0), head(4, RST_STREAM, 0)].concat();
        let (error, _) = answer(&flood(&call, 15), 4096).await;
        assert!(error.unwrap().contains("max_resets"));
        assert_eq!(answer(&flood(&call, 9), 4096).await.0, None);
    }

    #[tokio::test]
    async fn content_pays_for_frames_without() {
        let frames = [head(8, PING, 0), head(5, DATA, 0)].concat();
        assert_eq!(answer(&flood(&frames, 5000), 4096).await.0, None);
    }

    #[tokio::test]
    async fn answers_pay_for_resets_and_window_updates() {
        let (mut frames, mut client) = connection();
        client.write_all(PREFACE).await.unwrap();
        frames.read_exact(&mut [0; PREFACE.len()]).await.unwrap();
        for _ in 0..1000 {
            frames.write_all(&[head(5, DATA, 0), head(3, HEADERS, END_STREAM)].concat()).await.unwrap();
            let acknowledged = [head(4, 8, 0), head(4, 8, 0), head(4, RST_STREAM, 0)].concat();
            client.write_all(&acknowledged).await.unwrap();
            frames.read_exact(&mut vec![0; acknowledged.len()]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_not_http2_is_let_through() {
        let request = [b"GET / HTTP/1.1\r\n".as_slice(), &[0; 10_000]].concat();
        assert_eq!(answer(&request, 100).await, (None, Vec::new()));
    }
}
