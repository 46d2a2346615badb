//! Messages to documents and back: the only place that knows both.
//!
//! ```text
//! v1::Document        -> Incoming -> engine::Document          request
//! v1::ClassifyOptions -> Options
//! Classification, Explanation -> messages                      answer
//! Live, Diagnostic            -> messages                      ruleset
//! Fault               -> google.rpc.Status, tonic::Status      fault
//! a call not answered -> tonic::Status                         refusal
//! messages            -> JSON                                  json
//! bytes               -> messages                              codec
//! ```

mod answer;
mod codec;
mod fault;
mod json;
mod offsets;
pub mod proto;
mod refusal;
mod request;
mod ruleset;

pub use answer::Answers;
pub use fault::{Fault, Quoted, Reason};
pub use json::{code_name, write_line};
pub use proto::geotopics::v1;
pub use refusal::refusal;
pub use request::{Incoming, Options, SECONDS, Topics};
pub use ruleset::{diagnostic, failed_example, ruleset, sources, topic};
