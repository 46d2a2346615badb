//! What each call is doing, since when, and how many bytes it holds.
//!
//! A call works (or waits for a core), waits for its client to send, or waits for its client to take what it has for it. It leaves its place among the
//! calls that work while it waits. Calls that have ever waited stand in a register: when they are too many those that have waited
//! for longest end, and when they hold too many bytes, those that hold most. So who sends slowly, or nothing, loses to those who
//! do not, and a flood of such calls costs itself.

use super::admission::{Admission, Client};
use super::journal::Journal;
use super::limits::Limits;
use super::metrics::Metrics;
use super::server::STREAM_WINDOW;
use super::tokens::Token;
use http::HeaderValue;
use http::uri::PathAndQuery;
use slab::Slab;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// Of calls that wait, when they are too many, one of so many ends: looking for the oldest is paid for by many calls.
const PART: usize = 16;

/// All calls that are under way.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) journal: Journal,
    pub(super) metrics: Arc<Metrics>,
    waiting: Mutex<Slab<Arc<Call>>>,
    bytes: AtomicUsize,
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) about: About,
    pub(super) arrived: Instant,
    /// When it must have ended, by the wish of its client or by the limit of age.
    pub(super) until: Instant,
    /// Whether `until` is what the client asked for.
    asked: bool,
    /// Whose count it is in; none for a call that is in no count.
    client: Option<Arc<Client>>,
    pub(super) received: AtomicUsize,
    pub(super) sent: AtomicUsize,
    state: Mutex<State>,
    register: Arc<Register>,
}

/// What a call says of itself.
#[derive(Debug)]
pub(super) struct About {
    pub(super) path: Option<PathAndQuery>,
    pub(super) request_id: HeaderValue,
    pub(super) traceparent: Option<HeaderValue>,
    pub(super) client: IpAddr,
    pub(super) token: Option<Arc<Token>>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    spent: Spent,
    /// Bytes of the message that is being received or answered.
    held: usize,
    /// Bytes that its client may have sent on, and that nobody reads while the answer waits to be taken.
    unread: usize,
    /// Whether its request may go on after a message.
    goes_on: bool,
    place: Option<usize>,
    ended: Option<End>,
    task: Option<Waker>,
}

/// How long a call was in each phase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) working: Duration,
    pub(super) receiving: Duration,
    pub(super) sending: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Computes, or waits for a core.
    Working,
    /// Waits for its client to send.
    Receiving,
    /// Waits for its client to take.
    Sending,
    /// Has ended.
    Over,
}

/// Why the server ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Deadline,
    Age,
    Receive,
    StreamIdle,
    Stall,
    Waiting,
    Memory,
    Drain,
}

impl End {
    pub(super) const ALL: [End; 8] = [
        End::Deadline,
        End::Age,
        End::Receive,
        End::StreamIdle,
        End::Stall,
        End::Waiting,
        End::Memory,
        End::Drain,
    ];

    /// The setting that it is a limit of.
    pub(super) fn limit(self) -> &'static str {
        match self {
            End::Deadline => "grpc-timeout",
            End::Age => "max_call_age",
            End::Receive => "receive_timeout",
            End::StreamIdle => "stream_idle_timeout",
            End::Stall => "stall_timeout",
            End::Waiting => "max_waiting",
            End::Memory => "max_memory",
            End::Drain => "drain",
        }
    }

    pub(super) fn status(self, limits: &Limits) -> Status {
        let limit = self.limit();
        let (code, message) = match self {
            End::Deadline => {
                return Status::deadline_exceeded("the time that the client gave the call is over");
            }
            End::Age => (Code::DeadlineExceeded, format!("the call has lasted {:?}", limits.age)),
            End::Receive => {
                (Code::DeadlineExceeded, format!("the message was not whole after {:?}", limits.receive))
            }
            End::StreamIdle => {
                (Code::DeadlineExceeded, format!("the stream had no message for {:?}", limits.stream_idle))
            }
            End::Stall => {
                (Code::DeadlineExceeded, format!("the answer was not taken for {:?}", limits.stall))
            }
            End::Waiting => (
                Code::ResourceExhausted,
                format!("more than {} calls wait for their clients, this one for longest", limits.waiting),
            ),
            End::Memory => (
                Code::ResourceExhausted,
                format!("requests hold more than {} bytes, this one most of them", limits.memory_bytes),
            ),
            End::Drain => {
                return Status::unavailable(
                    "the server ends; ask another, or this one again when it is back",
                );
            }
        };
        Status::new(code, format!("{message}, which is the limit ({limit})"))
    }
}

impl Register {
    pub(super) fn new(limits: Limits, journal: Journal, metrics: Arc<Metrics>) -> Register {
        Register {
            limits,
            journal,
            metrics,
            admission: Admission::new(limits.calls),
            waiting: Mutex::default(),
            bytes: AtomicUsize::new(0),
        }
    }

    /// The calls that wait, or have waited, for their clients.
    pub(super) fn waiting(&self) -> usize {
        self.calls().len()
    }

    /// The bytes of messages that calls hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// So many bytes fewer are held; all cores write to this count, so that nothing is not written.
    fn lets_go(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Relaxed);
        }
    }

    /// Ends all calls that wait for their clients.
    pub(super) fn end_waiting(&self, end: End) {
        for (_, call) in self.calls().iter() {
            if call.phase().0 != Phase::Working {
                call.end(end);
            }
        }
    }

    fn calls(&self) -> MutexGuard<'_, Slab<Arc<Call>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, call: &Arc<Call>) -> usize {
        let mut calls = self.calls();
        let place = calls.insert(Arc::clone(call));
        if calls.len() > self.limits.waiting {
            let mut oldest: Vec<_> = calls
                .iter()
                .map(|(_, call)| (call.phase(), call))
                .filter(|((phase, _), _)| *phase != Phase::Working)
                .map(|((_, since), call)| (since, call))
                .collect();
            let part = (oldest.len() / PART).max(1);
            if part < oldest.len() {
                oldest.select_nth_unstable_by_key(part, |(since, _)| *since);
            }
            oldest.iter().take(part).for_each(|(_, call)| call.end(End::Waiting));
        }
        place
    }

    /// Where calls hold too many bytes, ends the one that holds most, of those that wait and this one.
    fn look(&self, call: &Arc<Call>) {
        if self.bytes() <= self.limits.memory_bytes {
            return;
        }
        let calls = self.calls();
        let others = calls.iter().map(|(_, call)| call);
        // One that was ended already is about to give back what it holds.
        let others = others.filter(|call| call.phase().0 != Phase::Working && call.ended().is_none());
        if let Some(largest) = others.chain([call]).max_by_key(|call| call.held()) {
            largest.end(End::Memory);
        }
    }
}

impl Call {
    /// A call that arrives: one of a client that has a place for it, or one that needs none. `deadline` is what its client asked
    /// for.
    pub(super) fn new(
        register: &Arc<Register>,
        client: Option<Arc<Client>>,
        deadline: Option<Instant>,
        about: About,
    ) -> Arc<Call> {
        let arrived = Instant::now();
        let age = arrived + register.limits.age;
        Arc::new(Call {
            about,
            arrived,
            until: deadline.map_or(age, |deadline| deadline.min(age)),
            asked: deadline.is_some_and(|deadline| deadline < age),
            client,
            received: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            state: Mutex::new(State {
                phase: Phase::Working,
                since: arrived,
                spent: Spent::default(),
                held: 0,
                unread: 0,
                goes_on: false,
                place: None,
                ended: None,
                task: None,
            }),
            register: Arc::clone(register),
        })
    }

    /// The call that a request came by.
    pub(super) fn of<T>(request: &tonic::Request<T>) -> Result<Arc<Call>, Status> {
        request.extensions().get().cloned().ok_or_else(|| Status::internal("a request that came by no call"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.register.limits
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.register.journal
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.register.metrics
    }

    pub(super) fn spent(&self) -> Spent {
        self.state().spent
    }

    /// What it is doing, and since when.
    pub(super) fn phase(&self) -> (Phase, Instant) {
        let state = self.state();
        (state.phase, state.since)
    }

    fn held(&self) -> usize {
        let state = self.state();
        state.held + state.unread
    }

    /// Whether its request may go on after a message, from now on.
    pub(super) fn goes_on(&self, goes_on: bool) {
        self.state().goes_on = goes_on;
    }

    /// Works again.
    pub(super) fn works(&self) {
        self.goes_to(Phase::Working, Instant::now);
    }

    /// Has something for its client to take.
    pub(super) fn sends(self: &Arc<Call>) {
        self.goes_to(Phase::Sending, Instant::now);
        self.register.look(self);
    }

    /// Waits for its client to send, since a time that may be over.
    pub(super) fn receives(&self, since: Instant) {
        self.goes_to(Phase::Receiving, || since);
    }

    fn goes_to(&self, phase: Phase, since: impl FnOnce() -> Instant) {
        let mut state = self.state();
        if state.phase == phase || state.phase == Phase::Over {
            return;
        }
        if let Some(client) = &self.client {
            match (state.phase, phase) {
                (Phase::Working, _) => self.register.admission.leave(client),
                (_, Phase::Working) => self.register.admission.enter(client),
                _ => {}
            }
        }
        let since = since();
        let spent = since.saturating_duration_since(state.since);
        match state.phase {
            Phase::Working => state.spent.working += spent,
            Phase::Receiving => state.spent.receiving += spent,
            Phase::Sending => state.spent.sending += spent,
            Phase::Over => {}
        }
        self.register.lets_go(std::mem::take(&mut state.unread));
        if phase == Phase::Sending && state.goes_on {
            state.unread = STREAM_WINDOW as usize;
            self.register.bytes.fetch_add(state.unread, Relaxed);
        }
        state.phase = phase;
        state.since = since;
    }

    /// Waits in the task of this waker, so that it can be ended.
    pub(super) fn waits(self: &Arc<Call>, task: &Waker) {
        let mut state = self.state();
        match &mut state.task {
            Some(before) => before.clone_from(task),
            none => *none = Some(task.clone()),
        }
        if state.place.is_none() && state.phase != Phase::Over {
            // Others are looked at one by one with the register held: this one must not be held meanwhile.
            drop(state);
            let place = self.register.enter(self);
            self.state().place = Some(place);
        }
    }

    /// Holds further bytes, of a message that it receives or of what is made of it.
    pub(super) fn holds(self: &Arc<Call>, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.state().held += bytes;
        self.register.bytes.fetch_add(bytes, Relaxed);
        self.register.look(self);
    }

    /// The message that it held is answered.
    pub(super) fn lets_go(&self) {
        let held = std::mem::take(&mut self.state().held);
        self.register.lets_go(held);
    }

    /// Holds so many bytes for the message that it has received, which may be more than came. Whether it may go on.
    pub(super) fn reads(self: &Arc<Call>, bytes: usize) -> Result<(), Status> {
        self.holds(bytes.saturating_sub(self.held()));
        self.check()
    }

    /// Holds bytes of an answer instead of what it held for it.
    pub(super) fn answers(self: &Arc<Call>, bytes: usize) {
        self.lets_go();
        self.holds(bytes);
    }

    /// Ends the call, at the next chance that its task has.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        state.ended.get_or_insert(end);
        if let Some(task) = state.task.take() {
            task.wake();
        }
    }

    /// Whether the server has ended it, and why.
    pub(super) fn ended(&self) -> Option<End> {
        self.state().ended
    }

    /// What is to be said when `until` is over.
    pub(super) fn too_late(&self) -> End {
        if self.asked { End::Deadline } else { End::Age }
    }

    /// When its client wants no answer any more, if it has said so.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.asked.then_some(self.until)
    }

    /// Whether it may go on: not when its time is over, or the server has ended it.
    pub(super) fn check(&self) -> Result<(), Status> {
        if Instant::now() >= self.until {
            self.end(self.too_late());
        }
        self.ended().map_or(Ok(()), |end| Err(end.status(self.limits())))
    }

    /// Gives everything back. Called once, at the end.
    pub(super) fn leave(&self, now: Instant) {
        self.lets_go();
        self.goes_to(Phase::Over, || now);
        let mut state = self.state();
        let place = state.place.take();
        state.task = None;
        drop(state);
        if let Some(place) = place {
            self.register.calls().try_remove(place);
        }
    }
}
