//! Why a call is not answered, where no field of its request is at fault.

use super::fault::any;
use super::proto::google::protobuf::Duration as ProtoDuration;
use super::proto::google::rpc::{ErrorInfo, RetryInfo, Status};
use prost::Message;
use std::time::Duration;
use tonic::Code;

/// The status of a call that is refused: with an `ErrorInfo` that has the stable reason, and a `RetryInfo` where the same call may
/// go well after some time.
#[must_use]
pub fn refusal(code: Code, reason: &str, message: String, retry: Option<Duration>) -> tonic::Status {
    let info =
        ErrorInfo { reason: reason.to_owned(), domain: "geotopics".to_owned(), ..ErrorInfo::default() };
    let mut details = vec![any(&info)];
    details.extend(retry.map(|delay| {
        let (seconds, nanos) = (delay.as_secs() as i64, delay.subsec_nanos() as i32);
        any(&RetryInfo { retry_delay: Some(ProtoDuration { seconds, nanos }) })
    }));
    let status = Status { code: code as i32, message, details };
    let details = status.encode_to_vec();
    tonic::Status::with_details(code, status.message, details.into())
}
