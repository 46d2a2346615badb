//! What is wrong with a request, or with one document of it.

use super::proto::google::{
    protobuf::Any,
    rpc::{BadRequest, ErrorInfo, Status, bad_request::FieldViolation},
};
use super::v1;
use prost::{Message, Name};
use std::fmt;
use tonic::Code;

/// Why a request, or one document of it, gets no answer. It becomes a `google.rpc.Status` with a `BadRequest` that names
/// the fields, and an `ErrorInfo` with the reason.
///
/// That of a call travels in two headers, its message and its details, and clients take 8 KiB of headers and no more: so a
/// fault names the first fields and counts the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    reason: Reason,
    violations: Vec<FieldViolation>,
    /// How many fields are at fault beside those.
    more: usize,
}

/// A fault names at most so many fields.
const VIOLATIONS: usize = 16;

/// No further field is named after so many bytes of names and descriptions.
const BYTES: usize = 2560;

/// No further field stands in the message after so many bytes.
const MESSAGE: usize = 768;

/// The longest name that is quoted whole, in characters.
const NAME: usize = 60;

/// A name of a request, in quotation marks; a long one is cut.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quoted(name) = self;
        match name.char_indices().nth(NAME).and_then(|(end, _)| name.get(..end)) {
            Some(start) => write!(f, "{:?}", format!("{start}…")),
            None => write!(f, "{name:?}"),
        }
    }
}

/// What kind of fault it is: the stable reason of its `ErrorInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `INVALID_DOCUMENT`: a field of a document is not what it must be.
    InvalidDocument,
    /// `INVALID_MESSAGE`: a body of HTTP that is no JSON, or not that of its message.
    InvalidMessage,
    /// `INVALID_OPTIONS`: an option is out of range, or names a topic that is not there.
    InvalidOptions,
    /// `UNKNOWN_RULESET`: no ruleset of this name is served.
    UnknownRuleset,
    /// `DOCUMENT_TOO_LARGE`: more bytes in one document than the server takes.
    DocumentTooLarge,
    /// `TOO_MANY_DOCUMENTS`: more documents in one message than the server takes.
    TooManyDocuments,
    /// `INVALID_RULESET`: what is sent as a ruleset is none, before its rules are looked at.
    InvalidRuleset,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::InvalidDocument => "INVALID_DOCUMENT",
            Reason::InvalidMessage => "INVALID_MESSAGE",
            Reason::InvalidOptions => "INVALID_OPTIONS",
            Reason::UnknownRuleset => "UNKNOWN_RULESET",
            Reason::DocumentTooLarge => "DOCUMENT_TOO_LARGE",
            Reason::TooManyDocuments => "TOO_MANY_DOCUMENTS",
            Reason::InvalidRuleset => "INVALID_RULESET",
        }
    }

    fn code(self) -> Code {
        match self {
            Reason::UnknownRuleset => Code::NotFound,
            Reason::InvalidDocument
            | Reason::InvalidMessage
            | Reason::InvalidOptions
            | Reason::DocumentTooLarge
            | Reason::TooManyDocuments
            | Reason::InvalidRuleset => Code::InvalidArgument,
        }
    }
}

impl Fault {
    /// One field at fault.
    #[must_use]
    pub fn new(reason: Reason, field: impl fmt::Display, description: impl fmt::Display) -> Fault {
        let mut fault = Fault::none(reason);
        fault.add(field, description);
        fault
    }

    /// No field at fault so far.
    pub(super) fn none(reason: Reason) -> Fault {
        Fault { reason, violations: Vec::new(), more: 0 }
    }

    /// Names a further field at fault, or counts it.
    pub(super) fn add(&mut self, field: impl fmt::Display, description: impl fmt::Display) {
        let bytes: usize = self.violations.iter().map(|v| v.field.len() + v.description.len()).sum();
        if self.violations.len() >= VIOLATIONS || bytes >= BYTES {
            self.more += 1;
            return;
        }
        self.violations.push(FieldViolation {
            field: field.to_string(),
            description: description.to_string(),
            ..FieldViolation::default()
        });
    }

    /// The value, where no field is at fault.
    pub(super) fn or<T>(self, value: T) -> Result<T, Fault> {
        if self.violations.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The same fault, seen from the message that holds the faulty one in its field `parent`: `text` becomes
    /// `documents[3].text`, and the empty field, which is the message itself, `documents[3]`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Fault {
        for FieldViolation { field, .. } in &mut self.violations {
            let dot = if field.is_empty() { "" } else { "." };
            *field = format!("{parent}{dot}{field}");
        }
        self
    }

    /// The status of a call or document.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut request = BadRequest { field_violations: self.violations.clone() };
        if self.more > 0 {
            let description = format!("and {} more", self.more);
            request.field_violations.push(FieldViolation { description, ..FieldViolation::default() });
        }
        let info = ErrorInfo {
            reason: self.reason.name().to_owned(),
            domain: "geotopics".to_owned(),
            ..ErrorInfo::default()
        };
        Status {
            code: self.reason.code() as i32,
            message: self.to_string(),
            details: vec![any(&request), any(&info)],
        }
    }

    /// What became of a document that has this fault.
    #[must_use]
    pub fn result(&self, document: &v1::Document) -> v1::ClassifyResult {
        failed(document, self.status())
    }

    /// What became of a document whose call ended before it was classified.
    #[must_use]
    pub fn result_of(document: &v1::Document, status: &tonic::Status) -> v1::ClassifyResult {
        let message = status.message().to_owned();
        failed(document, Status { code: status.code() as i32, message, details: Vec::new() })
    }
}

fn failed(document: &v1::Document, status: Status) -> v1::ClassifyResult {
    let document_id = String::from_utf8_lossy(&document.id).into_owned();
    let error = v1::DocumentError { document_id, status: Some(status) };
    v1::ClassifyResult { outcome: Some(v1::classify_result::Outcome::Error(error)) }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = 0;
        for (i, FieldViolation { field, description, .. }) in self.violations.iter().enumerate() {
            bytes += field.len() + description.len() + 4;
            if i > 0 && bytes > MESSAGE {
                return write!(f, "; and {} more", self.violations.len() - i + self.more);
            }
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{field}: {description}")?;
        }
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for tonic::Status {
    fn from(fault: Fault) -> tonic::Status {
        let status = fault.status();
        let details = status.encode_to_vec();
        tonic::Status::with_details(fault.reason.code(), status.message, details.into())
    }
}

pub(super) fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}
