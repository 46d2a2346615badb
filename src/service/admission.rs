//! How many calls compute at a time, and whose turn it is.
//!
//! A call is counted when it arrives, before anything of it is read, so that the count is the true queue: calls that compute and
//! calls that wait for a core. One that waits for its client is not counted. When the count is at its limit a further call is
//! refused at once, which costs less than any queue.
//!
//! The upper half of the places is shared out evenly: a client may take one of them only while it holds fewer than all places
//! divided by one more than the clients that hold any. So one greedy client finds half of the places, and there is always room for
//! a newcomer. (Dynamic thresholds: Choudhury and Hahne, 1998, for the buffers of a switch.) Callers behind one address are one
//! client; so that a flood on some of its connections does not shut out the others, a call that is alone on its connection may take a
//! place up to three quarters of all, whatever its client holds.
//!
//! To refuse a call takes a fifth of the time that a short one takes, so that a client that asks again at once could keep the server
//! busy with nothing else. So refusals have a pace: where they come faster, their connections are not read from for a moment.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The pace of refusals: with so much time between two on each core they take about a tenth of it (measured: 25 to 60 µs each).
const PACE: Duration = Duration::from_micros(500);

/// So far ahead of their pace refusals may be: a burst costs no time worth saving.
const AHEAD: Duration = Duration::from_millis(20);

/// No connection is left unread for longer at a time: there may be other calls on it.
const PAUSE: Duration = Duration::from_millis(500);

/// Counts the calls that compute or wait to. The counts may be off by as many as there are cores for a moment.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    working: AtomicUsize,
    /// The clients that have a call among them.
    active: AtomicUsize,
    started: Instant,
    /// When the next refusal is due, in microseconds from the start.
    next_refusal: AtomicU64,
    /// Microseconds from one refusal to the next.
    pace: u64,
    clients: Mutex<HashMap<Key, Weak<Client>>>,
}

/// Who calls: the name of a token, or else an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Token(String),
    Address(IpAddr),
}

impl Key {
    /// The client at an address. One household or machine has 2^64 addresses of IPv6: they are one client.
    pub(super) fn address(address: IpAddr) -> Key {
        Key::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The calls of one client that compute or wait to.
#[derive(Debug, Default)]
pub(super) struct Client {
    working: AtomicUsize,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All places are taken.
    Full,
    /// The client has its share of them.
    Share,
}

impl Admission {
    pub(super) fn new(limit: usize) -> Admission {
        Admission {
            limit,
            working: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            started: Instant::now(),
            next_refusal: AtomicU64::new(0),
            pace: micros(PACE) / available_parallelism().map_or(1, |cores| cores.get() as u64),
            clients: Mutex::default(),
        }
    }

    /// The count of a client; kept while anyone holds it.
    pub(super) fn client(&self, key: &Key) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(key).and_then(Weak::upgrade) {
            return client;
        }
        if clients.len() == clients.capacity() {
            clients.retain(|_, client| client.strong_count() > 0);
        }
        let client = Arc::new(Client::default());
        clients.insert(key.clone(), Arc::downgrade(&client));
        client
    }

    /// Takes a place for a call that arrives; `is_alone` tells whether it is on its connection.
    pub(super) fn admit(&self, client: &Client, is_alone: impl FnOnce() -> bool) -> Result<(), Refusal> {
        let (all, own) = (self.working.load(Relaxed), client.working.load(Relaxed));
        if all >= self.limit {
            return Err(Refusal::Full);
        }
        let beyond = all >= self.limit / 2 && own > 0 && own >= self.limit / (self.active.load(Relaxed) + 1);
        if beyond && (all >= self.limit - self.limit / 4 || !is_alone()) {
            return Err(Refusal::Share);
        }
        self.enter(client);
        Ok(())
    }

    /// How long a connection is not to be read from after a call of it was refused. (The generic cell rate algorithm of ITU-T I.371.)
    pub(super) fn pause(&self) -> Duration {
        let now = micros(self.started.elapsed());
        let due = |next: u64| next.max(now) + self.pace.max(1);
        let before = self.next_refusal.fetch_update(Relaxed, Relaxed, |next| Some(due(next)));
        let ahead = Duration::from_micros(before.map_or(0, due) - now);
        if ahead > AHEAD { ahead.min(PAUSE) } else { Duration::ZERO }
    }

    /// Takes a place for a call that was admitted and has waited for its client.
    pub(super) fn enter(&self, client: &Client) {
        self.working.fetch_add(1, Relaxed);
        if client.working.fetch_add(1, Relaxed) == 0 {
            self.active.fetch_add(1, Relaxed);
        }
    }

    /// Gives a place back.
    pub(super) fn leave(&self, client: &Client) {
        self.working.fetch_sub(1, Relaxed);
        if client.working.fetch_sub(1, Relaxed) == 1 {
            self.active.fetch_sub(1, Relaxed);
        }
    }

    /// The calls that hold a place.
    pub(super) fn working(&self) -> usize {
        self.working.load(Relaxed)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(admission: &Admission, client: &Client, calls: usize) -> usize {
        (0..calls).filter(|_| admission.admit(client, || false).is_ok()).count()
    }

    #[test]
    fn no_more_than_the_limit() {
        let admission = Admission::new(10);
        let clients: Vec<Client> = (0..20).map(|_| Client::default()).collect();
        let taken: usize = clients.iter().map(|client| admitted(&admission, client, 3)).sum();
        assert_eq!((taken, admission.working()), (10, 10));
        assert_eq!(admission.admit(&clients[0], || true), Err(Refusal::Full));
        admission.leave(&clients[0]);
        assert_eq!(admission.admit(&clients[19], || true), Ok(()));
    }

    #[test]
    fn a_greedy_client_leaves_room() {
        let admission = Admission::new(100);
        let (greedy, modest, other) = (Client::default(), Client::default(), Client::default());
        assert_eq!(admitted(&admission, &greedy, 1000), 50);
        assert_eq!(admission.admit(&greedy, || false), Err(Refusal::Share));
        assert_eq!(admitted(&admission, &modest, 1000), 33);
        assert_eq!(admitted(&admission, &other, 1000), 17);
        (0..50).for_each(|_| admission.leave(&greedy));
        assert_eq!(admission.working(), 50);
        assert_eq!(admitted(&admission, &greedy, 10), 10);
    }

    #[test]
    fn a_flood_leaves_room_for_other_connections_of_its_client() {
        let admission = Admission::new(100);
        let (client, other) = (Client::default(), Client::default());
        assert_eq!(admitted(&admission, &client, 1000), 50);
        let alone = (0..1000).filter(|_| admission.admit(&client, || true).is_ok()).count();
        assert_eq!(alone, 25);
        assert_eq!(admission.admit(&client, || true), Err(Refusal::Share));
        assert_eq!(admitted(&admission, &other, 1000), 25);
    }

    #[test]
    fn refusals_that_come_too_fast_pause_their_connections() {
        let admission = Admission::new(1);
        assert_eq!(admission.pause(), Duration::ZERO);
        let pauses: Vec<Duration> = (0..10_000).map(|_| admission.pause()).collect();
        assert!(pauses.is_sorted_by(|a, b| *a <= *b + Duration::from_millis(50)), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&PAUSE));
        assert!(pauses.iter().filter(|pause| pause.is_zero()).count() >= 20, "{pauses:?}");
    }

    #[test]
    fn a_client_is_one_while_it_is_held() {
        let admission = Admission::new(1);
        let key = |address: &str| Key::address(address.parse().unwrap());
        let held = admission.client(&key("10.0.0.1"));
        assert!(Arc::ptr_eq(&held, &admission.client(&key("::ffff:10.0.0.1"))));
        assert!(!Arc::ptr_eq(&held, &admission.client(&key("10.0.0.2"))));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        for address in 0..10_000_u32 {
            admission.client(&Key::Address(IpAddr::V4(address.into())));
        }
        assert!(admission.clients.lock().unwrap().len() < 100);
    }
}
