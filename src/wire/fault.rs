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
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    reason: Reason,
    violations: Vec<FieldViolation>,
}

/// What kind of fault it is: the stable reason of its `ErrorInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `INVALID_DOCUMENT`: a field of a document is not what it must be.
    InvalidDocument,
    /// `INVALID_OPTIONS`: an option is out of range, or names a topic that is not there.
    InvalidOptions,
    /// `UNKNOWN_RULESET`: no ruleset of this name is served.
    UnknownRuleset,
    /// `TOO_MANY_DOCUMENTS`: more documents in one message than the server takes.
    TooManyDocuments,
    /// `INVALID_RULESET`: what is sent as a ruleset is none, before its rules are looked at.
    InvalidRuleset,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::InvalidDocument => "INVALID_DOCUMENT",
            Reason::InvalidOptions => "INVALID_OPTIONS",
            Reason::UnknownRuleset => "UNKNOWN_RULESET",
            Reason::TooManyDocuments => "TOO_MANY_DOCUMENTS",
            Reason::InvalidRuleset => "INVALID_RULESET",
        }
    }

    fn code(self) -> Code {
        match self {
            Reason::UnknownRuleset => Code::NotFound,
            Reason::InvalidDocument
            | Reason::InvalidOptions
            | Reason::TooManyDocuments
            | Reason::InvalidRuleset => Code::InvalidArgument,
        }
    }
}

impl Fault {
    /// One field at fault.
    #[must_use]
    pub fn new(reason: Reason, field: impl Into<String>, description: impl Into<String>) -> Fault {
        let mut fault = Fault { reason, violations: Vec::new() };
        fault.add(field, description);
        fault
    }

    /// Names a further field at fault.
    fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(FieldViolation {
            field: field.into(),
            description: description.into(),
            ..FieldViolation::default()
        });
    }

    /// Collects the faults of several fields; no fault where there are none.
    pub(super) fn of_fields(reason: Reason, fields: Vec<(String, String)>) -> Result<(), Fault> {
        let mut fault = Fault { reason, violations: Vec::with_capacity(fields.len()) };
        for (field, description) in fields {
            fault.add(field, description);
        }
        if fault.violations.is_empty() { Ok(()) } else { Err(fault) }
    }

    /// The same fault, seen from the message that holds the faulty one in its field `parent`: `text` becomes
    /// `documents[3].text`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Fault {
        for violation in &mut self.violations {
            violation.field = format!("{parent}.{}", violation.field);
        }
        self
    }

    /// The status of a call or document.
    #[must_use]
    pub fn status(&self) -> Status {
        let request = BadRequest { field_violations: self.violations.clone() };
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
        let document_id = String::from_utf8_lossy(&document.id).into_owned();
        let error = v1::DocumentError { document_id, status: Some(self.status()) };
        v1::ClassifyResult { outcome: Some(v1::classify_result::Outcome::Error(error)) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, FieldViolation { field, description, .. }) in self.violations.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{field}: {description}")?;
        }
        Ok(())
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

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}
