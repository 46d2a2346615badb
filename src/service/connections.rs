//! One connection, from its first byte to its last: how long it may take until its first call, how long it may be without one,
//! and who makes room when there are too many.

use super::admission::Client;
use super::call::{Call, End, Phase};
use super::limits::Limits;
use super::metrics::Metrics;
use super::timer::Timer;
use hyper::rt::Executor;
use hyper_util::server::graceful::GracefulConnection;
use slab::Slab;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Of connections without a call, when there are too many, one of so many makes room: looking for the oldest is paid for by many.
const PART: usize = 16;

/// A connection that is asked to end, or has been idle for too long, has so long to say its last.
const FAREWELL: Duration = Duration::from_secs(5);

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    metrics: Arc<Metrics>,
    open: Mutex<Slab<Arc<Connection>>>,
}

/// A connection, as its calls and the others see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: IpAddr,
    pub(super) client: Arc<Client>,
    opened: Instant,
    /// Until when nothing is to be read from it, in microseconds from its start; looked at for each read.
    unread_until: AtomicU64,
    /// Whether there is a latest call; looked at whenever anything happens.
    has_latest: AtomicBool,
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug)]
struct State {
    calls: usize,
    /// Whether it ever had a call.
    used: bool,
    /// When it was opened, or its last call ended.
    idle_since: Instant,
    /// The call that arrived last, till its task takes it; over HTTP/1.1, where calls have no tasks of their own, till its end.
    latest: Option<Arc<Call>>,
}

/// A connection in its place; it leaves it when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: Arc<Connection>,
    connections: Arc<Connections>,
    key: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        // Where it has made room, another may stand in its place.
        if open.get(self.key).is_some_and(|connection| Arc::ptr_eq(connection, &self.connection)) {
            open.try_remove(self.key);
        }
    }
}

impl Connections {
    pub(super) fn new(limit: usize, metrics: Arc<Metrics>) -> Connections {
        Connections { limit, metrics, open: Mutex::default() }
    }

    /// Takes a new connection in. At the limit some of those without a call make room, first those that never had one, then those
    /// that have been without one for longest; where all have calls there is no room.
    pub(super) fn enter(self: &Arc<Connections>, address: IpAddr, client: Arc<Client>) -> Option<Place> {
        let mut open = self.open();
        if open.len() >= self.limit {
            let unused = open.iter().filter_map(|(key, connection)| Some((connection.unused()?, key)));
            let mut unused: Vec<_> = unused.collect();
            let part = (unused.len() / PART).max(1);
            if part < unused.len() {
                unused.select_nth_unstable(part);
            }
            for (_, key) in unused.into_iter().take(part) {
                open.try_remove(key)?.evict();
                self.metrics.connections_evicted.inc();
            }
            if open.len() >= self.limit {
                self.metrics.connections_refused.inc();
                return None;
            }
        }
        let opened = Instant::now();
        let state = State { calls: 0, used: false, idle_since: opened, latest: None };
        let connection = Arc::new(Connection {
            address,
            client,
            opened,
            unread_until: AtomicU64::new(0),
            has_latest: AtomicBool::new(false),
            state: Mutex::new(state),
            evicted: Notify::new(),
        });
        let key = open.insert(Arc::clone(&connection));
        Some(Place { connection, connections: Arc::clone(self), key })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    fn open(&self) -> MutexGuard<'_, Slab<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is not to be read from for some time.
    pub(super) fn pauses(&self, time: Duration) {
        if !time.is_zero() {
            let until = (self.opened.elapsed() + time).as_micros();
            self.unread_until.store(u64::try_from(until).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// Until when nothing is to be read from it, if that is not over.
    pub(super) fn unread_until(&self) -> Option<Instant> {
        let until = self.unread_until.load(Relaxed);
        let until = (until > 0).then(|| self.opened + Duration::from_micros(until))?;
        if Instant::now() < until {
            return Some(until);
        }
        self.unread_until.store(0, Relaxed);
        None
    }

    /// Whether no call is on it.
    pub(super) fn is_idle(&self) -> bool {
        self.state().calls == 0
    }

    /// A call arrives.
    pub(super) fn starts(&self, call: &Arc<Call>) {
        let mut state = self.state();
        state.calls += 1;
        state.used = true;
        state.latest = Some(Arc::clone(call));
        self.has_latest.store(true, Relaxed);
    }

    /// A call has ended.
    pub(super) fn ends(&self, now: Instant) {
        let mut state = self.state();
        state.calls -= 1;
        if state.calls == 0 {
            state.idle_since = now;
            state.latest = None;
            self.has_latest.store(false, Relaxed);
        }
    }

    /// Whether it ever had a call and since when it is without one, if it is.
    fn unused(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        (state.calls == 0).then_some((state.used, state.idle_since))
    }

    fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Whether an HTTP/1.1 call was ended while its client takes its answer, or does not.
    fn is_ended(&self) -> bool {
        if !self.has_latest.load(Relaxed) {
            return false;
        }
        let call = self.state().latest.clone();
        call.is_some_and(|call| call.phase().0 == Phase::Sending && call.ended().is_some())
    }

    /// Whether the client of an HTTP/1.1 call has not taken a part of its answer for too long.
    fn is_stalled(&self, limits: &Limits) -> bool {
        let Some(call) = self.state().latest.clone() else { return false };
        let (phase, since) = call.phase();
        let stalled = phase == Phase::Sending && since.elapsed() >= limits.stall;
        if stalled {
            call.end(End::Stall);
        }
        stalled
    }
}

impl Place {
    /// Serves a connection to its end: by its client, by `shutdown`, by a limit, or to make room.
    pub(super) async fn serve(
        self,
        connection: impl GracefulConnection,
        limits: &Limits,
        shutdown: &CancellationToken,
    ) {
        let mut connection = pin!(connection);
        let mut asked = None;
        let mut look = pin!(sleep(limits.handshake));
        loop {
            tokio::select! {
                biased;
                _ = connection.as_mut() => return,
                () = self.connection.evicted.notified() => return,
                () = poll_fn(|_| if self.connection.is_ended() { Poll::Ready(()) } else { Poll::Pending }) => return,
                () = shutdown.cancelled(), if asked.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    asked = Some(Instant::now());
                    look.as_mut().reset((Instant::now() + FAREWELL).into());
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    let next = match (self.connection.unused(), asked) {
                        (None, _) if self.connection.is_stalled(limits) => return,
                        (None, _) => now + limits.stall,
                        (Some((_, since)), Some(asked)) => since.max(asked) + FAREWELL,
                        (Some((false, since)), None) => since + limits.handshake,
                        (Some((true, since)), None) if now < since + limits.idle => since + limits.idle,
                        (Some((true, _)), None) => {
                            connection.as_mut().graceful_shutdown();
                            asked = Some(now);
                            now + FAREWELL
                        }
                    };
                    if next <= now {
                        return;
                    }
                    look.as_mut().reset(next.min(now + limits.stall).into());
                }
            }
        }
    }
}

/// Runs the tasks of a connection's calls, each with its call in sight: the service makes a call, and hyper hands its task to
/// this executor before it makes another.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) connection: Arc<Connection>,
    pub(super) stall: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let call = self.connection.state().latest.take();
        self.connection.has_latest.store(false, Relaxed);
        match call {
            Some(call) => drop(tokio::spawn(taken(stream, call, self.stall))),
            None => drop(tokio::spawn(stream)),
        }
    }
}

/// Runs what sends an answer for as long as its client takes it. While HTTP/2 waits for a window nobody asks the body of the answer
/// for more, so that the body cannot tell; its task can.
async fn taken<F: Future>(stream: F, call: Arc<Call>, stall: Duration) {
    let mut stream = pin!(stream);
    let mut timer = Timer::default();
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let (Phase::Sending, since) = call.phase() else { return Poll::Pending };
        if call.ended().is_some() {
            return Poll::Ready(());
        }
        if timer.poll(since + stall, cx).is_ready() {
            call.end(End::Stall);
            return Poll::Ready(());
        }
        call.waits(cx.waker());
        Poll::Pending
    })
    .await;
}
