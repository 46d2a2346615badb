//! What a call sends and gets, under its limits.

use super::call::{Call, End};
use super::calls::{Protocol, REQUEST_ID};
use super::connections::Connection;
use super::journal::Entry;
use super::timer::Timer;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

/// An answer goes out in parts of at most so many bytes, so that whether its client takes it can be seen.
const PART: usize = 64 << 10;

/// How messages stand in the body of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// One message, however it is written.
    Whole,
    /// Lines of JSON.
    Lines,
    /// One message of gRPC.
    Unary,
    /// Any number of messages of gRPC.
    Stream,
}

/// The body of a request: takes note of where messages begin and end, and of how long its client lets wait for them.
#[derive(Debug)]
pub(super) struct RequestBody<B> {
    inner: B,
    call: Arc<Call>,
    reader: Reader,
    /// When the message that is being received began.
    began: Option<Instant>,
    /// When the last bytes came.
    heard: Instant,
    timer: Timer,
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, call: Arc<Call>, framing: Framing) -> RequestBody<B> {
        // A stream may be open for long before its first message; a message that stands alone has begun with its call.
        let began = match framing {
            Framing::Whole | Framing::Unary => Some(call.arrived),
            Framing::Lines | Framing::Stream => None,
        };
        call.goes_on(matches!(framing, Framing::Lines | Framing::Stream));
        RequestBody {
            inner,
            heard: call.arrived,
            call,
            reader: Reader::new(framing),
            began,
            timer: Timer::default(),
        }
    }

    /// Takes note of further bytes.
    fn read(&mut self, data: &[u8]) -> Result<(), Status> {
        self.heard = Instant::now();
        if self.began.is_none() {
            self.call.lets_go();
            self.began = Some(self.heard);
        }
        self.call.received.fetch_add(data.len(), Relaxed);
        self.call.holds(data.len());
        if self.reader.read(data)? {
            self.began = None;
        }
        Ok(())
    }

    /// Since when it waits, until when it may, and why no longer.
    fn patience(&self) -> (Instant, Instant, End) {
        let limits = self.call.limits();
        let (since, limit, end) = match self.began {
            Some(began) => (began, limits.receive, End::Receive),
            None => (self.heard, limits.stream_idle, End::StreamIdle),
        };
        match since + limit {
            over if over < self.call.until => (since, over, end),
            _ => (since, self.call.until, self.call.too_late()),
        }
    }
}

impl<B> http_body::Body for RequestBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Some(end) = this.call.ended() {
            return Poll::Ready(Some(Err(end.status(this.call.limits()))));
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.call.works();
                Poll::Ready(match frame {
                    Some(Ok(frame)) => {
                        let read = frame.data_ref().map_or(Ok(()), |data| this.read(data));
                        Some(read.map(|()| frame))
                    }
                    Some(Err(error)) => Some(Err(Status::from_error(error.into()))),
                    None => {
                        this.call.goes_on(false);
                        None
                    }
                })
            }
            Poll::Pending => {
                let (since, over, end) = this.patience();
                this.call.receives(since);
                if this.timer.poll(over, cx).is_ready() {
                    this.call.end(end);
                    return Poll::Ready(Some(Err(end.status(this.call.limits()))));
                }
                this.call.waits(cx.waker());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Finds where messages end.
#[derive(Debug)]
struct Reader {
    framing: Framing,
    /// The bytes of the message's prefix that have come.
    prefix: [u8; 5],
    have: usize,
    /// The bytes of the message that are still to come.
    left: usize,
    messages: usize,
}

impl Reader {
    fn new(framing: Framing) -> Reader {
        Reader { framing, prefix: [0; 5], have: 0, left: 0, messages: 0 }
    }

    /// Whether these bytes end with the end of a message.
    fn read(&mut self, mut data: &[u8]) -> Result<bool, Status> {
        let alone = match self.framing {
            Framing::Whole => return Ok(false),
            Framing::Lines => return Ok(data.ends_with(b"\n")),
            Framing::Unary => true,
            Framing::Stream => false,
        };
        while let Some((&first, rest)) = data.split_first() {
            if alone && self.messages > 0 {
                return Err(Status::invalid_argument(
                    "the request goes on after its message; a call that is no stream takes one",
                ));
            }
            if let Some(byte) = self.prefix.get_mut(self.have) {
                (*byte, data) = (first, rest);
                self.have += 1;
                let [_, a, b, c, d] = self.prefix;
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
            } else {
                let part = self.left.min(data.len());
                data = data.split_at_checked(part).map_or(&[], |(_, rest)| rest);
                self.left -= part;
            }
            if self.have == self.prefix.len() && self.left == 0 {
                self.have = 0;
                self.messages += 1;
            }
        }
        Ok(self.have == 0)
    }
}

/// The body of an answer: takes note of its end, and goes out in parts.
#[derive(Debug)]
pub(super) struct ResponseBody {
    inner: Body,
    /// What is left of a part that was too long.
    rest: Bytes,
    /// Whether a status can follow what was sent so far.
    grpc: bool,
    timer: Timer,
    over: bool,
    ending: Ending,
}

impl ResponseBody {
    fn ends(&mut self, code: Code) {
        self.over = true;
        self.ending.code = Some(code);
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let call = Arc::clone(&this.ending.call);
        if this.over {
            return Poll::Ready(None);
        }
        if this.rest.is_empty() {
            call.works();
            let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    // Its request tells when it waits for its client. Whatever else it waits for, its time passes.
                    ready!(this.timer.poll(call.until, cx));
                    let end = call.too_late();
                    call.end(end);
                    Some(Err(end.status(call.limits())))
                }
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        call.answers(data.len());
                        this.rest = data;
                    }
                    Err(trailers) => {
                        let code = trailers.trailers_ref().and_then(code);
                        this.ends(code.unwrap_or(Code::Unknown));
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                },
                None => {
                    this.ending.code.get_or_insert(Code::Ok);
                    this.over = true;
                    return Poll::Ready(None);
                }
                Some(Err(status)) => {
                    this.ends(status.code());
                    let mut trailers = HeaderMap::new();
                    let written = this.grpc && status.add_header(&mut trailers).is_ok();
                    let end = if written { Ok(Frame::trailers(trailers)) } else { Err(status) };
                    return Poll::Ready(Some(end));
                }
            }
        }
        call.sends();
        let part = this.rest.split_to(PART.min(this.rest.len()));
        call.sent.fetch_add(part.len(), Relaxed);
        if this.rest.is_empty() {
            call.lets_go();
        } else {
            // Whoever does not take the rest can be ended for it.
            call.waits(cx.waker());
        }
        if !this.grpc && this.is_end_stream() {
            // Nobody asks for what comes after that.
            this.ending.code.get_or_insert(Code::Ok);
        }
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest + inner.lower());
        if let Some(upper) = inner.upper() {
            hint.set_upper(rest + upper);
        }
        hint
    }
}

/// The end of a call, however it comes about: its place is given back, and its line is written.
#[derive(Debug)]
pub(super) struct Ending {
    call: Arc<Call>,
    connection: Arc<Connection>,
    /// How it ended, as far as that is known: a call that its client leaves has no code of its own.
    code: Option<Code>,
}

impl Ending {
    pub(super) fn new(call: Arc<Call>, connection: Arc<Connection>) -> Ending {
        Ending { call, connection, code: None }
    }

    /// The answer, which ends the call when it is sent.
    pub(super) fn answer(mut self, protocol: Protocol, answer: Response<Body>) -> Response<ResponseBody> {
        self.code = code(answer.headers()).or_else(|| answer.extensions().get().copied());
        let mut answer = answer.map(|inner| ResponseBody {
            inner,
            rest: Bytes::new(),
            grpc: protocol == Protocol::Grpc,
            timer: Timer::default(),
            over: false,
            ending: self,
        });
        let id = answer.body().ending.call.about.request_id.clone();
        answer.headers_mut().insert(REQUEST_ID, id);
        answer
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Ending { call, connection, code } = self;
        let now = Instant::now();
        call.leave(now);
        connection.ends(now);
        let ended = call.ended().map(|end| (end.limit(), end.status(call.limits()).code()));
        let (limit, ended) = ended.unzip();
        let code = ended.or(*code).unwrap_or(Code::Cancelled);
        let entry = Entry { call, code, duration: now.saturating_duration_since(call.arrived), limit };
        call.metrics().ended(&entry);
        call.journal().write(&entry);
    }
}

/// The code that headers or trailers of gRPC carry.
fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}
