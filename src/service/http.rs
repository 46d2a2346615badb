//! JSON over HTTP: the same calls, for whoever has no gRPC. A body is the JSON of the call's request and response message; an
//! error is that of google.rpc.Status. `docs/openapi.json` describes it all.

use super::call::{Call, Register};
use super::classify::{Classification, results};
use super::connections::Connections;
use super::limits::Limits;
use super::question::Question;
use super::rulesets::Rulesets;
use crate::catalog::Catalog;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationService;
use crate::wire::proto::geotopics::v1::ruleset_service_server::RulesetService;
use crate::wire::proto::google::rpc::{self, RetryInfo};
use crate::wire::v1::{
    CheckRulesetRequest, ClassifyBatchRequest, ClassifyOptions, ClassifyRequest, ClassifyResult, Document,
    EvidenceDetail, ExplainRequest, GetRulesetRequest, ListRulesetsRequest, OffsetUnit, ReloadRulesetRequest,
};
use crate::wire::{Fault, Quoted, Reason, write_line};
use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{StreamExt, unfold};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::LengthLimitError;
use prometheus::TEXT_FORMAT;
use prost::{Message, Name as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// What the paths below need.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) classification: Classification,
    pub(super) rulesets: Rulesets,
    pub(super) limits: Limits,
}

/// The paths that call.
pub(super) fn calls(api: Api) -> Router {
    Router::new()
        .route("/v1/classify", post(classify))
        .route("/v1/classify:batch", post(classify_batch))
        .route("/v1/classify:stream", post(classify_stream))
        .route("/v1/explain", post(explain))
        .route("/v1/rulesets", get(list_rulesets))
        .route("/v1/rulesets:check", post(check_ruleset))
        .route("/v1/rulesets/{name}", get(get_ruleset).post(reload_ruleset))
        .route(
            "/openapi.json",
            get(async || ([(CONTENT_TYPE, JSON)], include_str!("../../docs/openapi.json"))),
        )
        .with_state(api)
}

/// What there is to tell of a server.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) register: Arc<Register>,
    pub(super) connections: Arc<Connections>,
    pub(super) catalog: Arc<Catalog>,
    /// Cancelled when the server is about to end.
    pub(super) shutdown: CancellationToken,
}

/// The paths that tell how the server is.
pub(super) fn life(life: Life) -> Router {
    Router::new()
        .route("/livez", get("ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(life)
}

/// What all paths have in common: how what is not there is told.
pub(super) fn complete(router: Router) -> Router {
    router
        .fallback(async |request: Request| {
            let path = request.uri().path().to_owned();
            problem(&Status::not_found(format!("there is no {path:?}; /openapi.json tells what there is")))
        })
        .method_not_allowed_fallback(async |request: Request| {
            not_allowed(request.uri().path(), request.method())
        })
}

/// Two of the paths are one to the router.
fn not_allowed(path: &str, method: &Method) -> Response {
    let status = Status::unimplemented(format!("{method} is no method of {path:?}"));
    let mut answer = with_status(problem(&status), StatusCode::METHOD_NOT_ALLOWED);
    if path.starts_with(RULESETS) {
        let allowed = if path.ends_with(RELOAD) { "POST" } else { "GET,HEAD" };
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    }
    answer
}

/// The path of a ruleset begins with this, and goes on with its name.
const RULESETS: &str = "/v1/rulesets/";

/// What stands after the name of a ruleset that is to be read again.
const RELOAD: &str = ":reload";

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

async fn ready(State(life): State<Life>) -> (StatusCode, &'static str) {
    match life.shutdown.is_cancelled() {
        false => (StatusCode::OK, "ok\n"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the server is about to end\n"),
    }
}

async fn metrics(State(life): State<Life>) -> Response {
    let Life { register, connections, catalog, .. } = life;
    match register.metrics.page(&register, &connections, &catalog) {
        Ok(page) => ([(CONTENT_TYPE, TEXT_FORMAT)], page).into_response(),
        Err(error) => problem(&Status::internal(format!("metrics that cannot be written: {error}"))),
    }
}

/// The answer to a call, or its problem.
type Answer = Result<Response, Problem>;

async fn classify(State(api): State<Api>, request: Request) -> Answer {
    let request = api.message::<ClassifyRequest>(request).await?;
    if let Some(document) = &request.get_ref().document {
        worded(document).map_err(|fault| fault.within("document"))?;
    }
    written(api.classification.classify(request).await)
}

async fn classify_batch(State(api): State<Api>, request: Request) -> Answer {
    let request = api.message::<ClassifyBatchRequest>(request).await?;
    let empty: Vec<Option<ClassifyResult>> =
        request.get_ref().documents.iter().enumerate().map(|(i, document)| wordless(i, document)).collect();
    let mut answer = api.classification.classify_batch(request).await;
    if let Ok(answer) = &mut answer {
        for (result, empty) in answer.get_mut().results.iter_mut().zip(empty) {
            *result = empty.unwrap_or_else(|| std::mem::take(result));
        }
    }
    written(answer)
}

async fn explain(State(api): State<Api>, request: Request) -> Answer {
    let request = api.message::<ExplainRequest>(request).await?;
    if let Some(document) = &request.get_ref().document {
        worded(document).map_err(|fault| fault.within("document"))?;
    }
    written(api.classification.explain(request).await)
}

async fn list_rulesets(State(api): State<Api>, request: Request) -> Answer {
    written(api.rulesets.list_rulesets(called(&request, ListRulesetsRequest {})).await)
}

async fn get_ruleset(State(api): State<Api>, name: Name, request: Request) -> Answer {
    let name = named(name)?;
    written(api.rulesets.get_ruleset(called(&request, GetRulesetRequest { name })).await)
}

/// `/v1/rulesets/NAME:reload`.
async fn reload_ruleset(State(api): State<Api>, name: Name, request: Request) -> Answer {
    let name = named(name)?;
    let Some(name) = name.strip_suffix(RELOAD) else {
        return Ok(not_allowed(request.uri().path(), request.method()));
    };
    let name = name.to_owned();
    written(api.rulesets.reload_ruleset(called(&request, ReloadRulesetRequest { name })).await)
}

/// The name of a ruleset in a path, which may not be UTF-8.
type Name = Result<Path<String>, PathRejection>;

fn named(name: Name) -> Result<String, Fault> {
    name.map(|Path(name)| name).map_err(|error| Fault::new(Reason::UnknownRuleset, "name", error.body_text()))
}

async fn check_ruleset(State(api): State<Api>, request: Request) -> Answer {
    let request = api.message::<CheckRulesetRequest>(request).await?;
    written(api.rulesets.check_ruleset(request).await)
}

impl Api {
    /// The message that is the body of a request.
    async fn message<T: DeserializeOwned>(&self, request: Request) -> Result<tonic::Request<T>, Problem> {
        content_type(request.headers(), &[JSON])?;
        let empty = called(&request, ());
        let limit = self.limits.message_bytes;
        let body = to_bytes(request.into_body(), limit).await.map_err(|error| unread(&error, limit))?;
        let message = serde_json::from_slice(&body)
            .map_err(|error| Problem::from(Fault::new(Reason::InvalidMessage, "body", error)))?;
        Ok(empty.map(|()| message))
    }
}

/// A message as it comes by gRPC, from a request that has come by HTTP.
fn called<T>(request: &Request, message: T) -> tonic::Request<T> {
    let mut called = tonic::Request::new(message);
    if let Some(call) = request.extensions().get::<Arc<Call>>() {
        called.extensions_mut().insert(Arc::clone(call));
    }
    called
}

/// Why a body was not read: for its length, or for what ended the call.
fn unread(error: &axum::Error, limit: usize) -> Problem {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            let message = format!("the body has more than {limit} bytes, which is the limit (max_message)");
            return Problem::from(with_status(
                problem(&Status::out_of_range(message)),
                StatusCode::PAYLOAD_TOO_LARGE,
            ));
        }
        if let Some(status) = error.downcast_ref::<Status>() {
            return Problem::from(problem(status));
        }
        cause = error.source();
    }
    Problem::from(problem(&Status::cancelled("the body did not come whole")))
}

fn content_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if headers.contains_key("content-encoding") {
        let status = Status::unimplemented("a body must come as it is, without content-encoding");
        return Err(Problem::from(with_status(problem(&status), StatusCode::UNSUPPORTED_MEDIA_TYPE)));
    }
    if allowed.iter().any(|allowed| kind.eq_ignore_ascii_case(allowed)) {
        return Ok(());
    }
    let message = format!("content-type must be {}, and is {kind:?}", allowed.join(" or "));
    let status = Status::invalid_argument(message);
    Err(Problem::from(with_status(problem(&status), StatusCode::UNSUPPORTED_MEDIA_TYPE)))
}

/// Over HTTP a document has words: who leaves out both fields has probably misspelt one.
fn worded(document: &Document) -> Result<(), Fault> {
    match document.title.is_empty() && document.text.is_empty() {
        true => Err(Fault::new(Reason::InvalidDocument, "", "has neither title nor text")),
        false => Ok(()),
    }
}

fn wordless(i: usize, document: &Document) -> Option<ClassifyResult> {
    worded(document).err().map(|fault| fault.within(&format!("documents[{i}]")).result(document))
}

fn written<T: Serialize>(answer: Result<tonic::Response<T>, Status>) -> Answer {
    let answer = answer.map_err(|status| Problem::from(problem(&status)))?;
    let body = serde_json::to_vec(answer.get_ref()).map_err(|error| {
        Problem::from(problem(&Status::internal(format!("an answer without JSON: {error}"))))
    })?;
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}

// Problems.

/// An answer that tells what went wrong.
#[derive(Debug)]
struct Problem(Box<Response>);

impl From<Response> for Problem {
    fn from(response: Response) -> Problem {
        Problem(Box::new(response))
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        problem(&fault.into()).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A status as HTTP has it: google.rpc.Status as JSON, under the code that google/rpc/code.proto maps it to.
pub(super) fn problem(status: &Status) -> Response {
    let details = rpc::Status::decode(status.details()).ok().filter(|details| details.code != 0);
    let body = details.unwrap_or_else(|| rpc::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    });
    let retry = body.details.iter().find(|detail| detail.type_url == RetryInfo::type_url());
    let retry = retry.and_then(|detail| RetryInfo::decode(&*detail.value).ok()?.retry_delay);
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = ([(CONTENT_TYPE, JSON)], body).into_response();
    *response.status_mut() = http_status(status.code());
    if let Some(delay) = retry {
        // Whole seconds, at least one: the header has no smaller unit.
        let seconds = delay.seconds + i64::from(delay.nanos > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
    if status.code() == Code::Unauthenticated {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(status.code());
    response
}

fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        // 499, "client closed request", which HTTP itself has no name for.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

// The stream of lines.

/// Documents in, one a line, and what became of each out, one a line, as they come. What has arrived is read when the answers
/// before it are taken, so that who sends and does not read is held back.
async fn classify_stream(
    State(api): State<Api>,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Answer {
    content_type(request.headers(), &[LINES, JSON])?;
    let Query(parameters) =
        parameters.map_err(|error| Fault::new(Reason::InvalidOptions, "query", error.body_text()))?;
    let call = Call::of(&called(&request, ())).map_err(|status| Problem::from(problem(&status)))?;
    let question = api.classification.question(Some(options(parameters)?))?;
    let lines = Lines::new(request.into_body().into_data_stream(), api.limits.document_bytes);
    let answers = unfold(Some((api, call, question, lines)), |state| async move {
        let (api, call, question, mut lines) = state?;
        let (answers, goes_on) = match lines.next().await {
            Ok(Some(documents)) => match api.answers(&call, &question, documents).await {
                Ok(answers) => (answers, true),
                Err(status) => (last_line(&status), false),
            },
            Ok(None) => return None,
            Err(status) => (last_line(&status), false),
        };
        Some((Ok::<_, Infallible>(answers), goes_on.then_some((api, call, question, lines))))
    });
    Ok(([(CONTENT_TYPE, LINES)], Body::from_stream(answers)).into_response())
}

/// The line that ends a stream before its time.
fn last_line(status: &Status) -> Bytes {
    let document = Document::default();
    let mut line = Vec::new();
    let result = Fault::result_of(&document, status);
    // It has but a code and a message, which can be written.
    drop(write_line(&result, &mut line));
    line.into()
}

/// Options as the parameters of an address: the fields of the message, with topics repeated or separated by commas, and the values of
/// enums without what all of them begin with.
fn options(parameters: Vec<(String, String)>) -> Result<ClassifyOptions, Fault> {
    let mut options = ClassifyOptions::default();
    for (name, value) in parameters {
        let fault = |expected| {
            let value = Quoted(&value);
            Fault::new(Reason::InvalidOptions, &name, format_args!("must be {expected}, and is {value}"))
        };
        match &*name {
            "ruleset" => options.ruleset = value,
            "topics" => options.topics.extend(value.split(',').map(str::to_owned)),
            "min_score" => options.min_score = value.parse().map_err(|_| fault("a number"))?,
            "max_labels" => options.max_labels = value.parse().map_err(|_| fault("a whole number"))?,
            "near_misses" => options.near_misses = value.parse().map_err(|_| fault("true or false"))?,
            "evidence" => {
                let detail =
                    EvidenceDetail::from_str_name(&format!("EVIDENCE_DETAIL_{}", value.to_uppercase()));
                options.evidence = detail.ok_or_else(|| fault("spans or none"))?.into();
            }
            "offset_unit" => {
                let unit = OffsetUnit::from_str_name(&format!("OFFSET_UNIT_{}", value.to_uppercase()));
                options.offset_unit =
                    unit.ok_or_else(|| fault("utf8_bytes, utf16_units or code_points"))?.into();
            }
            _ => {
                let known =
                    "there are ruleset, topics, min_score, max_labels, evidence, offset_unit and near_misses";
                return Err(Fault::new(
                    Reason::InvalidOptions,
                    Quoted(&name),
                    format_args!("is no option; {known}"),
                ));
            }
        }
    }
    Ok(options)
}

/// A line: a document with its place, or what became of it.
type Line = Result<(String, Document), Box<ClassifyResult>>;

impl Api {
    async fn answers(
        &self,
        call: &Arc<Call>,
        question: &Question,
        lines: Vec<Line>,
    ) -> Result<Bytes, Status> {
        let (mut documents, mut places, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            match line {
                Ok((place, document)) => {
                    places.push(place);
                    documents.push(document);
                    failed.push(None);
                }
                Err(result) => failed.push(Some(*result)),
            }
        }
        let place = |i: usize| places.get(i).cloned().unwrap_or_default();
        let workers = &self.classification.workers;
        let mut results = results(workers, call, question, documents, place).await?.into_iter();
        let mut out = Vec::new();
        for result in failed.into_iter().filter_map(|failed| failed.or_else(|| results.next())) {
            write_line(&result, &mut out).map_err(|error| Status::internal(error.to_string()))?;
        }
        Ok(out.into())
    }
}

/// Lines as they arrive.
struct Lines {
    body: BodyDataStream,
    /// The start of a line that has not come whole.
    part: BytesMut,
    /// Whether the line that is coming is too long, and is left out.
    skips: bool,
    limit: usize,
    number: usize,
    ended: bool,
}

impl Lines {
    fn new(body: BodyDataStream, limit: usize) -> Lines {
        Lines { body, part: BytesMut::new(), skips: false, limit, number: 0, ended: false }
    }

    /// The lines of what arrives next; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<Line>>, Status> {
        while !self.ended {
            let mut lines = Vec::new();
            match self.body.next().await {
                Some(Ok(data)) => self.split(&data, &mut lines),
                Some(Err(error)) => {
                    let status = error.into_inner().downcast::<Status>();
                    return Err(status.map_or_else(
                        |error| Status::cancelled(format!("the body did not come whole: {error}")),
                        |status| *status,
                    ));
                }
                None => {
                    self.ended = true;
                    lines.extend(self.line());
                }
            }
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        Ok(None)
    }

    fn split(&mut self, data: &[u8], lines: &mut Vec<Line>) {
        let mut pieces = data.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if !self.skips && self.part.len() + piece.len() <= self.limit {
                self.part.extend_from_slice(piece);
            } else {
                self.skips = true;
                self.part.clear();
            }
            if pieces.peek().is_some() {
                lines.extend(self.line());
            }
        }
    }

    /// The line that has come whole; none where it is empty.
    fn line(&mut self) -> Option<Line> {
        self.number += 1;
        let line = self.part.split();
        let field = format!("line {}", self.number);
        let failed = |fault: Fault, document: &Document| Err(Box::new(fault.within(&field).result(document)));
        if std::mem::take(&mut self.skips) {
            let fault = format!("more than {} bytes, which is the limit (max_document)", self.limit);
            return Some(failed(Fault::new(Reason::DocumentTooLarge, "", fault), &Document::default()));
        }
        if line.trim_ascii().is_empty() {
            return None;
        }
        Some(match serde_json::from_slice::<Document>(&line) {
            Ok(document) => match worded(&document) {
                Ok(()) => Ok((field, document)),
                Err(fault) => failed(fault, &document),
            },
            Err(error) => failed(Fault::new(Reason::InvalidDocument, "", error), &Document::default()),
        })
    }
}
