//! What every call goes through before it is a call of the service, over gRPC, gRPC-Web and HTTP alike: who asks, is there room,
//! how long may it take. What goes wrong here is answered in the manner of the call's protocol.

use super::admission::{Key, Refusal};
use super::body::{Ending, Framing, RequestBody, ResponseBody};
use super::call::{About, Call, End, Register};
use super::connections::Connection;
use super::http::problem;
use super::tokens::Tokens;
use crate::wire;
use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::request::Parts;
use ::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::ready;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tower::util::BoxCloneSyncService;

/// After so long a call that found no room may find some: by then most of those that took it are answered.
const RETRY: Duration = Duration::from_millis(100);

/// What an address for gRPC says to all else.
const NO_GRPC: &str =
    "this address takes gRPC: POST with content-type application/grpc; JSON over HTTP has its own (--http)";

/// What answers calls that have come so far.
pub(super) type Answering = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What every call goes through, and what answers it then, for one connection.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) service: Answering,
    pub(super) surface: Surface,
    /// Whether browsers may ask what they may call.
    pub(super) cors: bool,
    /// Who may call; everyone where there are none.
    pub(super) tokens: Option<Arc<Tokens>>,
    pub(super) register: Arc<Register>,
    pub(super) connection: Arc<Connection>,
}

/// What the listener of a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// gRPC and gRPC-Web.
    Grpc,
    /// JSON over HTTP, health and metrics.
    Http,
    /// Health and metrics.
    Admin,
}

/// An answer that is on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let (mut head, body) = request.into_parts();
        let protocol = Protocol::of(&head.headers);
        let (call, admitted) = self.arrive(&head, protocol);
        self.connection.starts(&call);
        let ending = Ending::new(Arc::clone(&call), Arc::clone(&self.connection));
        if let Err(status) = admitted {
            let mut answer = protocol.refusal(&status);
            if protocol == Protocol::Http && status.code() == Code::Unimplemented {
                // As gRPC wants to be told of what is no gRPC.
                *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            }
            return Box::pin(ready(Ok(ending.answer(protocol, answer))));
        }
        head.extensions.insert(Arc::clone(&call));
        let framing = protocol.framing(head.uri.path());
        let body = Body::new(RequestBody::new(body, Arc::clone(&call), framing));
        let mut service = self.service.clone();
        Box::pin(async move {
            let answer = service.call(Request::from_parts(head, body));
            let answer = match call.deadline() {
                None => answer.await?,
                Some(deadline) => match timeout_at(deadline.into(), answer).await {
                    Ok(answer) => answer?,
                    Err(_) => {
                        call.end(End::Deadline);
                        protocol.refusal(&End::Deadline.status(call.limits()))
                    }
                },
            };
            Ok(ending.answer(protocol, answer))
        })
    }
}

impl Calls {
    /// A call that arrives, and whether it may go on.
    fn arrive(&self, head: &Parts, protocol: Protocol) -> (Arc<Call>, Result<(), Status>) {
        let Calls { register, connection, .. } = self;
        let preflight = self.cors && protocol == Protocol::Http && head.method == Method::OPTIONS;
        let open = is_health(head.uri.path());
        // Whoever looks after a busy server shall not be misled.
        let always = open || head.uri.path() == "/metrics";
        let deadline = deadline(&head.headers);
        let checked = self.check(protocol, &head.method, preflight).and(deadline.clone().map(drop));
        let token = match &self.tokens {
            Some(tokens) if !open && !preflight => {
                let token = tokens.authenticate(&head.headers).map(Some);
                token.inspect_err(|_| register.metrics.refused("UNAUTHENTICATED"))
            }
            _ => Ok(None),
        };
        let client = match &token {
            Ok(Some(token)) => register.admission.client(&Key::Token(token.name.clone())),
            Ok(None) | Err(_) => Arc::clone(&connection.client),
        };
        let admitted = checked.and(token.clone()).and_then(|token| {
            if always {
                return Ok(());
            }
            let admitted = register.admission.admit(&client, || connection.is_idle());
            admitted.map_err(|refusal| self.shed(refusal))?;
            // Only now, so that a call that finds no room costs its token nothing.
            token.map_or(Ok(()), |token| token.admit()).inspect_err(|_| {
                register.metrics.refused("TOKEN_RATE");
                register.admission.leave(&client);
            })
        });
        let about = About {
            path: head.uri.path_and_query().cloned(),
            request_id: request_id(&head.headers),
            traceparent: head.headers.get(TRACEPARENT).cloned(),
            client: connection.address,
            token: token.unwrap_or_default(),
        };
        let counted = (!always && admitted.is_ok()).then_some(client);
        (Call::new(register, counted, deadline.unwrap_or_default(), about), admitted)
    }

    /// Whether a call is one that this address takes.
    fn check(&self, protocol: Protocol, method: &Method, preflight: bool) -> Result<(), Status> {
        match (self.surface, protocol) {
            (Surface::Grpc, Protocol::Http) if !preflight => Err(Status::unimplemented(NO_GRPC)),
            (Surface::Http | Surface::Admin, Protocol::Grpc | Protocol::GrpcWeb) => {
                Err(Status::unimplemented("this address takes no gRPC, which has its own"))
            }
            (Surface::Grpc, Protocol::Grpc | Protocol::GrpcWeb) if *method != Method::POST => {
                Err(Status::invalid_argument(format!("{method} is no method of gRPC, which is POST")))
            }
            _ => Ok(()),
        }
    }

    fn shed(&self, refusal: Refusal) -> Status {
        let limit = self.register.limits.calls;
        let (reason, message) = match refusal {
            Refusal::Full => {
                ("OVERLOADED", format!("{limit} calls are under way, which is the limit (max_calls)"))
            }
            Refusal::Share => (
                "CLIENT_SHARE",
                format!("this client has its share of the {limit} calls that may be under way (max_calls)"),
            ),
        };
        self.connection.pauses(self.register.admission.pause());
        self.register.metrics.refused(reason);
        wire::refusal(Code::ResourceExhausted, reason, message, Some(RETRY))
    }
}

/// What is open to everyone however busy the server is.
fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || matches!(path, "/livez" | "/readyz")
}

/// How a call and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    GrpcWeb,
    Http,
}

impl Protocol {
    fn of(headers: &HeaderMap) -> Protocol {
        let kind = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match kind {
            b"application/grpc" | b"application/grpc+proto" => Protocol::Grpc,
            kind if kind.starts_with(b"application/grpc-web") => Protocol::GrpcWeb,
            _ => Protocol::Http,
        }
    }

    fn framing(self, path: &str) -> Framing {
        match self {
            Protocol::Grpc
                if path.ends_with("/ClassifyStream") || path.ends_with("/ServerReflectionInfo") =>
            {
                Framing::Stream
            }
            Protocol::Grpc => Framing::Unary,
            Protocol::Http if path.ends_with(":stream") => Framing::Lines,
            Protocol::GrpcWeb | Protocol::Http => Framing::Whole,
        }
    }

    /// The answer that is nothing but a status.
    fn refusal(self, status: &Status) -> Response<Body> {
        if self == Protocol::Http {
            return problem(status).map(Body::new);
        }
        let mut answer = status.clone().into_http::<Body>();
        if self == Protocol::GrpcWeb {
            let kind = HeaderValue::from_static("application/grpc-web+proto");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
        }
        answer
    }
}

/// When the client wants no answer any more: `grpc-timeout`, at most eight digits and a unit.
fn deadline(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let timeout = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count = digits.parse::<u64>().ok()?;
        Some(match unit {
            "H" => Duration::from_secs(count * 3600),
            "M" => Duration::from_secs(count * 60),
            "S" => Duration::from_secs(count),
            "m" => Duration::from_millis(count),
            "u" => Duration::from_micros(count),
            "n" => Duration::from_nanos(count),
            _ => return None,
        })
    });
    let timeout = timeout.ok_or_else(|| {
        Status::invalid_argument("grpc-timeout must be one to eight digits and a unit of H, M, S, m, u or n")
    })?;
    Ok(Instant::now().checked_add(timeout))
}

/// Names a call in the log and to its client, who may have named it.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static FIRST: AtomicU64 = AtomicU64::new(0);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(REQUEST_ID).filter(|id| (1..=128).contains(&id.len()) && id.to_str().is_ok());
    let mut id = given.cloned().unwrap_or_else(|| {
        let mut first = FIRST.load(Relaxed);
        if first == 0 {
            first = getrandom::u64().unwrap_or(1) | 1;
            // Of several that are first, one is.
            first = FIRST.compare_exchange(0, first, Relaxed, Relaxed).map_or_else(|other| other, |_| first);
        }
        let mut id = [0_u8; 24];
        // 48 bits of either: a number for each start, and one for each call, which 20,000 calls a second use up in 400 years.
        let written = write!(&mut id[..], "{:012x}{:012x}", first >> 16, NEXT.fetch_add(1, Relaxed));
        written.ok().and_then(|()| HeaderValue::from_bytes(&id).ok()).unwrap_or(HeaderValue::from_static("-"))
    });
    // HTTP/2 shall not put what never comes again into its table of headers.
    id.set_sensitive(true);
    id
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header that names a call.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_deadline_is_what_grpc_says() {
        assert_eq!(deadline(&HeaderMap::new()).unwrap(), None);
        for (value, seconds) in
            [("1S", 1.0), ("99999999n", 0.1), ("250m", 0.25), ("2M", 120.0), ("1H", 3600.0)]
        {
            let before = Instant::now();
            let until = deadline(&headers("grpc-timeout", value)).unwrap().unwrap();
            let away = (until - before).as_secs_f64();
            assert!((seconds - 0.001..seconds + 5.0).contains(&away), "{value}: {away}");
        }
        assert!(deadline(&headers("grpc-timeout", "99999999H")).is_ok());
        for value in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "é"] {
            assert!(deadline(&headers("grpc-timeout", value)).is_err(), "{value}");
        }
    }

    #[test]
    fn a_request_id_is_kept_or_made() {
        let made = (request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
        assert_ne!(made.0, made.1);
        assert_eq!(made.0.len(), 24);
        assert_eq!(request_id(&headers("x-request-id", "abc-1")), "abc-1");
        for refused in ["", &"a".repeat(129), "é"] {
            assert_eq!(request_id(&headers("x-request-id", refused)).len(), 24, "{refused}");
        }
    }
}
